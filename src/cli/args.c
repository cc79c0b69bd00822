/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options by table. The shared ones stand here once, so that --since means the same in
 * every verb; help, completions and manuals are written from the same rows.
 *
 * --not negates the option that follows it (as in `hubble observe`); a --not before
 * nothing, or before an option that is no filter, is a usage error rather than ignored.
 */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define FILTER_ROW(flag, word, text, hint)                                               \
	{ .name = flag, .arg = word, .help = text, .values = hint,                       \
	    .group = EW_OPTIONS_FILTER, .can_negate = true }
#define FILTER(base, word, what, hint)                                                   \
	FILTER_ROW(base, word, what " at either end", hint),                             \
	FILTER_ROW("from-" base, word, what " of the initiator", hint),                  \
	FILTER_ROW("to-" base, word, what " of the responder", hint)
/* clang-format on */

const struct ew_option ew_shared_options[] = {
	{ .name = "output",
	    .letter = 'o',
	    .arg = "FORM",
	    .group = EW_OPTIONS_OUTPUT,
	    .help = "table, wide, json (one object per line) or csv",
	    .values = "table|wide|json|csv" },
	{ .name = "no-headers", .group = EW_OPTIONS_OUTPUT, .help = "no header line" },
	{ .name = "color",
	    .arg = "WHEN",
	    .group = EW_OPTIONS_OUTPUT,
	    .help = "auto, always or never (NO_COLOR is kept)",
	    .values = "auto|always|never" },
	{ .name = "since",
	    .arg = "TIME",
	    .group = EW_OPTIONS_WINDOW,
	    .help = "from then on: 10m, 2h, 1d ago, or 2026-01-01T10:00:00Z" },
	{ .name = "until",
	    .arg = "TIME",
	    .group = EW_OPTIONS_WINDOW,
	    .help = "up to then: the same forms" },
	{ .name = "last",
	    .arg = "N",
	    .group = EW_OPTIONS_LAST,
	    .help = "the newest N rows (20; 0 is all of them)" },
	{ .name = "strict",
	    .group = EW_OPTIONS_LAST,
	    .help =
		"exit with 4 when a capture gap or pruned history touches the answer" },
	{ .name = "exit-code",
	    .group = EW_OPTIONS_LAST,
	    .help = "exit with 5 when there is at least one row" },
	{ .name = "follow",
	    .letter = 'f',
	    .group = EW_OPTIONS_FOLLOW,
	    .help = "go on with rows as they come, until Ctrl-C" },
	FILTER("workload", "NAME", "workload (exact, or with * and ?)", "workload"),
	FILTER("container", "NAME", "container name, or id from its start",
	    "container"),
	FILTER("ip", "ADDR", "address or network (10.0.0.0/8)", "ip"),
	FILTER("port", "PORT", "port", "port"),
	{ .name = "proto",
	    .arg = "PROTO",
	    .group = EW_OPTIONS_FILTER,
	    .can_negate = true,
	    .help = "tcp, udp, icmp, or a number",
	    .values = "tcp|udp|icmp|icmp6" },
	{ .name = "state",
	    .arg = "STATE",
	    .group = EW_OPTIONS_STATUS,
	    .can_negate = true,
	    .help =
		"state: of a connection (SF, S0, REJ ...), a workload or an incident",
	    .values = "state" },
	{ .name = "status",
	    .arg = "STATUS",
	    .group = EW_OPTIONS_STATUS,
	    .can_negate = true,
	    .help = "what the baseline says: of an edge (candidate, baseline ...) or a "
		    "flow "
		    "(known, novel ...)",
	    .values = "status" },
	{ .name = "where",
	    .arg = "TERM",
	    .group = EW_OPTIONS_FILTER,
	    .can_negate = true,
	    .help = "any other column: score>=50, detector=scan*",
	    .values = "column" },
	{ .name = "not",
	    .group = EW_OPTIONS_FILTER,
	    .help = "negate the option that follows" },
	{ .name = "by",
	    .arg = "COLUMNS",
	    .group = EW_OPTIONS_BY,
	    .help = "count instead of list, by these columns (src_workload,dst_port)",
	    .values = "column" },
	{ .name = "db",
	    .arg = "FILE",
	    .group = EW_OPTIONS_DB,
	    .help = "the database; default: the one of the configuration",
	    .values = "file" },
	{ .name = "config",
	    .letter = 'c',
	    .arg = "FILE",
	    .group = EW_OPTIONS_DB | EW_OPTIONS_CONTROL,
	    .help = "configuration that names the database and the socket",
	    .values = "file" },
	{ .name = "socket",
	    .arg = "FILE",
	    .group = EW_OPTIONS_CONTROL,
	    .help =
		"the daemon's control socket; default: the one of the configuration",
	    .values = "file" },
	{ .name = NULL },
};

static const struct ew_option help_option = { .name = "help",
	.letter = 'h',
	.help = "this text" };

static const struct ew_option *
find_in(const struct ew_option *table, unsigned groups, const char *name, size_t length)
{
	for (const struct ew_option *o = table; o && o->name; o++) {
		if (o->group && !(o->group & groups))
			continue;
		if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
			return o;
		if (length == 1 && o->letter == name[0])
			return o;
	}
	return NULL;
}

static const struct ew_option *
find_option(const struct ew_command *command, const char *name, size_t length)
{
	const struct ew_option *o = find_in(command->options, ~0U, name, length);

	return o ? o : find_in(ew_shared_options, command->groups, name, length);
}

static int
add_given(struct ew_args *args, const struct ew_option *option, const char *value,
    bool *negate)
{
	if (args->n_given == EW_ARGS_MAX)
		return ew_complain(EW_EXIT_USAGE,
		    "more than %d options; put fewer filters", EW_ARGS_MAX);
	if (*negate && !option->can_negate)
		return ew_complain(EW_EXIT_USAGE,
		    "--not stands before a filter; --%s is none", option->name);
	args->given[args->n_given++] = (struct ew_given){ .option = option,
		.value = value,
		.is_negated = *negate };
	*negate = false;
	return EW_EXIT_OK;
}

/* "--name", "--name value", "--name=value". Returns an exit code. */
static int
take_long(struct ew_args *args, int argc, char **argv, int *i, bool *negate)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	const size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct ew_option *option =
	    length > 1 ? find_option(args->command, name, length) : NULL;
	const char *value = NULL;

	if (!option)
		return ew_complain(EW_EXIT_USAGE,
		    "there is no option --%.*s; `eastwatch help %s` lists them",
		    (int)length, name, args->command->name);
	if (strcmp(option->name, "not") == 0 && option->group) {
		if (*negate || equals)
			return ew_complain(EW_EXIT_USAGE,
			    "--not stands once, before the filter it negates");
		*negate = true;
		return EW_EXIT_OK;
	}
	if (option->arg) {
		if (equals)
			value = equals + 1;
		else if (*i + 1 < argc)
			value = argv[++*i];
		else
			return ew_complain(EW_EXIT_USAGE, "--%s needs a value: --%s %s",
			    option->name, option->name, option->arg);
	} else if (equals) {
		return ew_complain(EW_EXIT_USAGE, "--%s takes no value", option->name);
	}
	return add_given(args, option, value, negate);
}

/* "-f", "-o json", "-ojson", "-fo json". Returns an exit code. */
static int
take_short(struct ew_args *args, int argc, char **argv, int *i, bool *negate)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct ew_option *option = find_option(args->command, p, 1);
		const char *value = NULL;

		if (!option || option->letter != *p)
			return ew_complain(EW_EXIT_USAGE,
			    "there is no option -%c; `eastwatch help %s` lists them",
			    *p, args->command->name);
		if (option->arg) {
			if (p[1])
				value = p + 1;
			else if (*i + 1 < argc)
				value = argv[++*i];
			else
				return ew_complain(EW_EXIT_USAGE,
				    "-%c needs a value: -%c %s", *p, *p, option->arg);
		}
		const int code = add_given(args, option, value, negate);
		if (code || option->arg)
			return code;
	}
	return EW_EXIT_OK;
}

int
ew_option_words(int argc, char **argv, int i)
{
	const char *arg = argv[i];
	const struct ew_option *option = NULL;
	const char *equals = strchr(arg, '=');

	if (arg[0] != '-' || !arg[1])
		return 0;
	if (arg[1] == '-')
		option = find_in(ew_shared_options, ~0U, arg + 2,
		    equals ? (size_t)(equals - arg) - 2 : strlen(arg + 2));
	else
		option = find_in(ew_shared_options, ~0U, arg + 1, 1);
	if (!option)
		return 0;
	/* "-ojson" and "--db=FILE" bring their value along. */
	const bool has_value = equals || (arg[1] != '-' && arg[2]);
	return option->arg && !has_value && i + 1 < argc ? 2 : 1;
}

static int
check_words(const struct ew_args *args)
{
	const struct ew_command *c = args->command;

	if (args->n_words < c->words_min)
		return ew_complain(EW_EXIT_USAGE, "%s is missing: eastwatch %s %s",
		    c->words, c->name, c->words);
	if (args->n_words > c->words_max)
		return ew_complain(EW_EXIT_USAGE,
		    "\"%s\" is too much here: eastwatch %s%s%s",
		    args->words[c->words_max], c->name, c->words ? " " : " [OPTIONS]",
		    c->words ? c->words : "");
	return EW_EXIT_OK;
}

int
ew_args_parse(const struct ew_command *command, int argc, char **argv,
    struct ew_args *ret_args)
{
	bool negate = false, only_words = false;
	int code = EW_EXIT_OK;

	*ret_args = (struct ew_args){ .command = command, .argc = argc, .argv = argv };
	for (int i = 1; i < argc && !code; i++) {
		const char *arg = argv[i];

		if (only_words || arg[0] != '-' || !arg[1]) {
			if (negate)
				break;
			if (ret_args->n_words == EW_ARGS_MAX)
				return ew_complain(EW_EXIT_USAGE, "too many words");
			ret_args->words[ret_args->n_words++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			only_words = true;
		} else if (arg[1] == '-') {
			code = take_long(ret_args, argc, argv, &i, &negate);
		} else {
			code = take_short(ret_args, argc, argv, &i, &negate);
		}
	}
	if (!code && negate)
		return ew_complain(EW_EXIT_USAGE,
		    "--not negates the filter that follows it, and none follows");
	return code ? code : check_words(ret_args);
}

const char *
ew_args_value(const struct ew_args *args, const char *name)
{
	for (size_t i = args->n_given; i > 0; i--)
		if (strcmp(args->given[i - 1].option->name, name) == 0)
			return args->given[i - 1].value;
	return NULL;
}

bool
ew_args_has(const struct ew_args *args, const char *name)
{
	for (size_t i = 0; i < args->n_given; i++)
		if (strcmp(args->given[i].option->name, name) == 0)
			return true;
	return false;
}

static void
print_option(const struct ew_option *o)
{
	char left[64];

	if (o->letter)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", o->letter, o->name,
		    o->arg ? " " : "", o->arg ? o->arg : "");
	else
		snprintf(left, sizeof(left), "    --%s%s%s", o->name, o->arg ? " " : "",
		    o->arg ? o->arg : "");
	printf("  %-28s %s\n", left, o->help);
}

void
ew_command_help(const struct ew_command *command)
{
	bool has_group = false;

	printf("usage: eastwatch %s%s%s%s\n\n%s.\n", command->name,
	    command->words ? " " : "", command->words ? command->words : "",
	    command->options || command->groups ? " [OPTIONS]" : "", command->summary);
	if (command->about)
		printf("\n%s\n", command->about);
	puts("\nOptions:");
	for (const struct ew_option *o = command->options; o && o->name; o++)
		print_option(o);
	for (const struct ew_option *o = ew_shared_options; o->name; o++) {
		if (!(o->group & command->groups))
			continue;
		if (find_in(command->options, ~0U, o->name, strlen(o->name)))
			continue;
		print_option(o);
		has_group |= o->group == EW_OPTIONS_FILTER;
	}
	print_option(&help_option);
	if (has_group)
		puts("\nAn option given twice means either of the two; different "
		     "options must "
		     "all hold.");
	printf("\nExamples:\n%s", command->examples);
}
