/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell completion. The scripts only carry words back and forth; what can follow is answered
 * by the hidden verb __complete from the same tables that parse the options, and from the
 * values that are in the database now.
 *
 * A completed word lands in a command line. Names are chosen by whoever starts a container,
 * so only names made of plain characters are offered: nothing a shell would expand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/place.h"
#include "daemon/config.h"
#include "store/reader.h"

static int run(const struct ew_args *args);
static int run_complete(const struct ew_args *args);

const struct ew_command ew_command_completion = {
	.name = "completion",
	.summary = "print the completion script of a shell",
	.words = "bash|zsh|fish",
	.about = "The script asks eastwatch itself what can follow, so it knows the "
		 "workloads,\n"
		 "containers and ports of the database.",
	.examples =
	    "  eastwatch completion bash > /etc/bash_completion.d/eastwatch\n"
	    "  eastwatch completion zsh > \"${fpath[1]}/_eastwatch\"\n"
	    "  eastwatch completion fish > ~/.config/fish/completions/eastwatch.fish\n",
	.words_min = 1,
	.words_max = 1,
	.values = "bash|zsh|fish",
	.run = run,
};

const struct ew_command ew_command_complete = {
	.name = "__complete",
	.summary = "print what can follow; for the completion scripts",
	.words = "[WORD ...]",
	.examples = "  eastwatch __complete flows --from-w\n",
	.parses_itself = true,
	.is_hidden = true,
	.run = run_complete,
};

/* An empty answer means files in all three shells. */
static const char bash_script[] =
    "# bash completion of eastwatch\n"
    "_eastwatch() {\n"
    "\tlocal word\n"
    "\tCOMPREPLY=()\n"
    "\twhile IFS= read -r word; do\n"
    "\t\tCOMPREPLY+=(\"$word\")\n"
    "\tdone < <(eastwatch __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -o default -F _eastwatch eastwatch\n";

static const char zsh_script[] = "#compdef eastwatch\n"
				 "_eastwatch() {\n"
				 "\tlocal -a found\n"
				 "\tfound=(\"${(@f)$(eastwatch __complete "
				 "\"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
				 "\tif (( ${#found} )) && [[ -n $found[1] ]]; then\n"
				 "\t\tcompadd -a found\n"
				 "\telse\n"
				 "\t\t_files\n"
				 "\tfi\n"
				 "}\n"
				 "_eastwatch \"$@\"\n";

static const char fish_script[] =
    "# fish completion of eastwatch\n"
    "function __eastwatch_complete\n"
    "\tset -l words (commandline -opc) (commandline -ct)\n"
    "\teastwatch __complete $words[2..-1] 2>/dev/null\n"
    "end\n"
    "complete -c eastwatch -a '(__eastwatch_complete)'\n";

static int
run(const struct ew_args *args)
{
	const char *shell = args->words[0];

	if (strcmp(shell, "bash") == 0)
		fputs(bash_script, stdout);
	else if (strcmp(shell, "zsh") == 0)
		fputs(zsh_script, stdout);
	else if (strcmp(shell, "fish") == 0)
		fputs(fish_script, stdout);
	else
		return ew_complain(EW_EXIT_USAGE,
		    "there is no completion for \"%s\", only for bash, zsh and fish",
		    shell);
	return EW_EXIT_OK;
}

static bool
begins(const char *word, const char *prefix)
{
	return strncmp(word, prefix, strlen(prefix)) == 0;
}

/* head: what stands before the value in the same word ("--output="). */
struct wanted {
	const char *head, *prefix;
	int head_length;
};

static void
offer(const struct wanted *w, const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._/:@+,-";

	if (begins(word, w->prefix) && strspn(word, plain) == strlen(word))
		printf("%.*s%s\n", w->head_length, w->head, word);
}

static void
offer_list(const struct wanted *w, const char *list)
{
	char *copy = ew_strdup(list), *rest = copy;

	for (char *word = strsep(&rest, "|"); word; word = strsep(&rest, "|"))
		offer(w, word);
	free(copy);
}

static int
offer_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	(void)names;
	if (n > 0 && values[0].kind == EW_VALUE_TEXT)
		offer(context, values[0].text);
	else if (n > 0 && values[0].kind == EW_VALUE_INT) {
		char number[24];

		snprintf(number, sizeof(number), "%lld", (long long)values[0].number);
		offer(context, number);
	}
	return 0;
}

/* Values that are in the database. Errors are silence: a tab key is no place for them. */
static void
offer_hints(struct wanted *w, const struct ew_args *given, const char *field)
{
	struct ew_config *config = ew_alloc(sizeof(*config));
	const char *path = ew_args_value(given, "db");
	struct ew_reader *reader = NULL;
	struct ew_error error = { 0 };

	ew_config_default(config);
	if (!path) {
		(void)ew_config_load(ew_args_value(given, "config"), config, &error);
		path = config->database.path;
	}
	if (ew_reader_open(path, &error, &reader) == 0)
		(void)ew_reader_hints(reader, field, w->prefix, 64, offer_row, w,
		    &error);
	ew_reader_close(reader);
	free(config);
}

/* The view a list verb shows; flows for the rest. */
static enum ew_view
view_of(const struct ew_command *command)
{
	enum ew_view view = EW_VIEW_FLOWS;

	(void)ew_view_by_name(command->name, &view);
	return view;
}

static void
offer_columns(const struct wanted *w, const struct ew_command *command)
{
	const struct ew_view_info *info = ew_view_info(view_of(command));

	for (size_t i = 0; i < info->n_fields; i++)
		if (info->fields[i].places & EW_FIELD_KEY)
			offer(w, info->fields[i].name);
}

static void
offer_status(const struct wanted *w, const struct ew_command *command, bool is_state)
{
	const enum ew_view view = view_of(command);

	if (is_state && view == EW_VIEW_INCIDENTS)
		offer_list(w, "open|closed");
	else if (is_state && view == EW_VIEW_WORKLOADS)
		offer_list(w, "cold|learning|provisional|mature|locked|stale");
	else if (is_state)
		offer_list(w, "S0|S1|SF|REJ|S2|S3|RSTO|RSTR|RSTOS0|RSTRH|SH|SHR|OTH");
	else if (view == EW_VIEW_FLOWS)
		offer_list(w, "known|candidate|novel|denied|unjudged");
	else if (view == EW_VIEW_INCIDENTS)
		offer_list(w, "accepted|denied|snoozed");
	else
		offer_list(w, "candidate|baseline|dormant|quarantined|denied");
}

static void
offer_webhooks(const struct wanted *w, const struct ew_args *given)
{
	struct ew_config *config = ew_alloc(sizeof(*config));
	struct ew_error error = { 0 };

	ew_config_default(config);
	if (ew_config_load(ew_args_value(given, "config"), config, &error) == 0)
		for (uint32_t i = 0; i < config->n_webhooks; i++)
			offer(w, config->webhooks[i].name);
	free(config);
}

static void
offer_values(struct wanted *w, const struct ew_args *given, const char *values)
{
	if (!values || strcmp(values, "file") == 0)
		return;
	if (strchr(values, '|'))
		offer_list(w, values);
	else if (strcmp(values, "column") == 0)
		offer_columns(w, given->command);
	else if (strcmp(values, "state") == 0 || strcmp(values, "status") == 0)
		offer_status(w, given->command, strcmp(values, "state") == 0);
	else if (strcmp(values, "webhook") == 0)
		offer_webhooks(w, given);
	else
		offer_hints(w, given, values);
}

static const struct ew_option *
find(const struct ew_command *command, const char *name, size_t length)
{
	for (int own = 1; own >= 0; own--) {
		const struct ew_option *o = own ? command->options : ew_shared_options;

		for (; o && o->name; o++) {
			if (!own && !(o->group & command->groups))
				continue;
			if (strlen(o->name) == length &&
			    strncmp(o->name, name, length) == 0)
				return o;
			if (length == 1 && o->letter == name[0])
				return o;
		}
	}
	return NULL;
}

static const struct ew_option *
option_of(const struct ew_command *command, const char *word)
{
	if (begins(word, "--") && word[2] && !strchr(word, '='))
		return find(command, word + 2, strlen(word + 2));
	if (word[0] == '-' && word[1] && !word[2])
		return find(command, word + 1, 1);
	return NULL;
}

static void
offer_options(const struct wanted *w, const struct ew_command *command)
{
	char word[64];

	for (const struct ew_option *o = command->options; o && o->name; o++) {
		snprintf(word, sizeof(word), "--%s", o->name);
		offer(w, word);
	}
	for (const struct ew_option *o = ew_shared_options; o->name; o++) {
		if (!(o->group & command->groups) ||
		    (command->options && find(command, o->name, strlen(o->name)) != o))
			continue;
		snprintf(word, sizeof(word), "--%s", o->name);
		offer(w, word);
	}
	offer(w, "--help");
}

static void
offer_verbs(const struct wanted *w)
{
	for (size_t i = 0; ew_commands[i]; i++)
		if (!ew_commands[i]->is_hidden)
			offer(w, ew_commands[i]->name);
	offer(w, "help");
}

/* What was typed before the current word: options with values, for --db and --config. */
static size_t
read_given(const struct ew_command *command, int argc, char **argv, struct ew_args *ret)
{
	size_t words = 0;

	*ret = (struct ew_args){ .command = command };
	for (int i = 2; i < argc - 1; i++) {
		const struct ew_option *o = option_of(command, argv[i]);

		if (!o) {
			words += argv[i][0] != '-';
			continue;
		}
		if (o->arg && i + 1 < argc - 1 && ret->n_given < EW_ARGS_MAX)
			ret->given[ret->n_given++] =
			    (struct ew_given){ .option = o, .value = argv[i + 1] };
		i += o->arg != NULL;
	}
	return words;
}

static int
run_complete(const struct ew_args *args)
{
	static struct ew_args given;
	const int argc = args->argc;
	char **argv = args->argv;
	const char *current = argc > 1 ? argv[argc - 1] : "";
	struct wanted w = { .head = "", .prefix = current };

	if (argc <= 2) {
		offer_verbs(&w);
		return EW_EXIT_OK;
	}
	if (strcmp(argv[1], "help") == 0) {
		offer_verbs(&w);
		return EW_EXIT_OK;
	}
	const struct ew_command *command = ew_command_find(argv[1]);
	if (!command || command->parses_itself)
		return EW_EXIT_OK;
	const size_t words = read_given(command, argc, argv, &given);
	const struct ew_option *before =
	    argc > 3 ? option_of(command, argv[argc - 2]) : NULL;
	const char *equals = begins(current, "--") ? strchr(current, '=') : NULL;
	if (equals) {
		const struct ew_option *o =
		    find(command, current + 2, (size_t)(equals - current) - 2);

		w = (struct wanted){ .head = current,
			.head_length = (int)(equals - current) + 1,
			.prefix = equals + 1 };
		if (o && o->arg)
			offer_values(&w, &given, o->values);
	} else if (before && before->arg) {
		offer_values(&w, &given, before->values);
	} else if (current[0] == '-') {
		offer_options(&w, command);
	} else if (words == 0) {
		offer_values(&w, &given, command->values);
	}
	return EW_EXIT_OK;
}
