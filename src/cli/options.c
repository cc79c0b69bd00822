/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shared options mean: an output, a window of time, filters. The filters become
 * terms of the store's query, one for one; what a value may be is the store's business, so
 * that the command, the API and the page agree.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/time.h"
#include "cli/command.h"

static bool
wants_color(const char *when)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");

	if (when && strcmp(when, "always") == 0)
		return true;
	if (when && strcmp(when, "never") == 0)
		return false;
	/* no-color.org: set to anything but the empty string. */
	if (no_color && no_color[0])
		return false;
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

int
ew_options_output(const struct ew_args *args, struct ew_writer_conf *ret_conf)
{
	static const struct {
		const char *name;
		enum ew_output output;
	} forms[] = { { "table", EW_OUTPUT_TABLE }, { "wide", EW_OUTPUT_WIDE },
		{ "json", EW_OUTPUT_JSON }, { "csv", EW_OUTPUT_CSV } };
	const char *form = ew_args_value(args, "output");
	const char *when = ew_args_value(args, "color");

	*ret_conf = (struct ew_writer_conf){ .output = EW_OUTPUT_TABLE, .out = stdout };
	if (when && strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 &&
	    strcmp(when, "never") != 0)
		return ew_complain(EW_EXIT_USAGE,
		    "--color %s: it is one of auto, always, never", when);
	ret_conf->color = wants_color(when);
	ret_conf->no_headers = ew_args_has(args, "no-headers");
	if (!form)
		return EW_EXIT_OK;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(form, forms[i].name) == 0) {
			ret_conf->output = forms[i].output;
			return EW_EXIT_OK;
		}
	return ew_complain(EW_EXIT_USAGE, "-o %s: it is one of table, wide, json, csv",
	    form);
}

int
ew_option_time(const char *option, const char *text, int64_t *ret_us)
{
	struct ew_wall at;
	int64_t ns;

	if (strcmp(text, "now") == 0) {
		*ret_us = ew_wall_now().us;
		return EW_EXIT_OK;
	}
	if (ew_duration_parse(text, &ns) == 0) {
		*ret_us = ew_wall_now().us - ns / EW_NS_PER_US;
		/* 0 means "no limit" further on; a moment before 1970 is the same. */
		if (*ret_us < 1)
			*ret_us = 1;
		return EW_EXIT_OK;
	}
	if (ew_wall_parse(text, &at) == 0) {
		*ret_us = at.us < 1 ? 1 : at.us;
		return EW_EXIT_OK;
	}
	return ew_complain(EW_EXIT_USAGE,
	    "--%s %s is no time: write how long ago (10m, 2h, 1d) or a moment "
	    "(2026-01-01T10:00:00Z)",
	    option, text);
}

int
ew_option_duration(const char *option, const char *text, int64_t *ret_ns)
{
	if (ew_duration_parse(text, ret_ns) == 0)
		return EW_EXIT_OK;
	return ew_complain(EW_EXIT_USAGE,
	    "--%s %s is no duration: write 90s, 10m, 24h or 7d", option, text);
}

int
ew_option_number(const char *option, const char *text, int64_t min, int64_t max,
    int64_t *ret_number)
{
	char *end;

	errno = 0;
	const long long n = strtoll(text, &end, 10);
	if (!text[0] || *end || errno || n < min || n > max)
		return ew_complain(EW_EXIT_USAGE,
		    "--%s %s: it is a number from %lld to %lld", option, text,
		    (long long)min, (long long)max);
	*ret_number = n;
	return EW_EXIT_OK;
}

bool
ew_list_add_term(struct ew_list *list, const char *field, const char *value,
    enum ew_side side, bool is_negated)
{
	if (list->query.n_terms == EW_TERMS_MAX)
		return false;
	list->terms[list->query.n_terms++] = (struct ew_term){ .field = field,
		.value = value,
		.side = side,
		.is_negated = is_negated };
	return true;
}

/* "--from-port 80" is {port, FROM}. */
static int
add_filter(struct ew_list *list, const struct ew_given *given)
{
	const char *field = given->option->name;
	enum ew_side side = EW_SIDE_ANY;

	if (strncmp(field, "from-", 5) == 0) {
		side = EW_SIDE_FROM;
		field += 5;
	} else if (strncmp(field, "to-", 3) == 0) {
		side = EW_SIDE_TO;
		field += 3;
	}
	if (!ew_list_add_term(list, field, given->value, side, given->is_negated))
		return ew_complain(EW_EXIT_USAGE, "more than %d filters; put fewer",
		    EW_TERMS_MAX);
	return EW_EXIT_OK;
}

/* --where 'score>=50', 'detector=scan*': any column of the view. */
static int
add_where(struct ew_list *list, const struct ew_given *given, char **next)
{
	const char *text = given->value ? given->value : "";
	const size_t length = strcspn(text, "=<>");
	char *field = *next;

	if (length == 0 || !text[length])
		return ew_complain(EW_EXIT_USAGE,
		    "--where %s: write COLUMN=VALUE, COLUMN>N or COLUMN<N",
		    given->value);
	memcpy(field, text, length);
	field[length] = '\0';
	*next += length + 1;
	if (ew_view_field(list->query.view, field) < 0)
		return ew_complain(EW_EXIT_USAGE,
		    "--where %s: there is no column \"%s\" in %s", text, field,
		    ew_view_info(list->query.view)->name);
	const char *value = text + length;
	if (*value == '=')
		value++;
	if (!ew_list_add_term(list, field, value, EW_SIDE_ANY, given->is_negated))
		return ew_complain(EW_EXIT_USAGE, "more than %d filters; put fewer",
		    EW_TERMS_MAX);
	return EW_EXIT_OK;
}

static int
add_group(struct ew_list *list, const char *text)
{
	char *rest;

	if (list->group_text)
		return ew_complain(EW_EXIT_USAGE,
		    "--by stands once: --by src_workload,dst_port");
	rest = list->group_text = ew_strdup(text);
	for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
		const struct ew_view_info *info = ew_view_info(list->query.view);
		const int field = ew_view_field(list->query.view, name);

		if (field < 0 || !(info->fields[field].places & EW_FIELD_KEY))
			return ew_complain(EW_EXIT_USAGE,
			    "--by %s: %s cannot be counted by \"%s\"; `eastwatch help "
			    "%s` names "
			    "the columns",
			    text, info->name, name, info->name);
		if (list->query.n_group == EW_GROUP_MAX)
			return ew_complain(EW_EXIT_USAGE,
			    "--by takes at most %d columns", EW_GROUP_MAX);
		list->query.group[list->query.n_group++] = name;
	}
	return EW_EXIT_OK;
}

static int
take(struct ew_list *list, const struct ew_given *given, char **where)
{
	const char *name = given->option->name;
	const char *value = given->value ? given->value : "";
	int64_t number = 0;

	if (!given->option->group)
		return EW_EXIT_OK; /* the verb's own */
	if (strcmp(name, "since") == 0)
		return ew_option_time(name, value, &list->query.since_us);
	if (strcmp(name, "until") == 0)
		return ew_option_time(name, value, &list->query.until_us);
	if (strcmp(name, "by") == 0)
		return add_group(list, value);
	if (strcmp(name, "where") == 0)
		return add_where(list, given, where);
	if (strcmp(name, "last") == 0) {
		const int code = ew_option_number(name, value, 0, 1000000000, &number);

		if (!code)
			list->query.last = (size_t)number;
		return code;
	}
	if (strcmp(name, "follow") == 0)
		list->follow = true;
	else if (strcmp(name, "strict") == 0)
		list->strict = true;
	else if (strcmp(name, "exit-code") == 0)
		list->exit_code = true;
	else if (given->option->can_negate)
		return add_filter(list, given);
	return EW_EXIT_OK;
}

int
ew_options_list(const struct ew_args *args, enum ew_view view, struct ew_list *ret_list)
{
	size_t room = 1;
	int code;

	*ret_list =
	    (struct ew_list){ .query = { .view = view, .last = EW_LAST_DEFAULT } };
	code = ew_options_output(args, &ret_list->output);
	for (size_t i = 0; i < args->n_given; i++)
		room += args->given[i].value ? strlen(args->given[i].value) + 1 : 0;
	char *where = ret_list->where_text = ew_alloc(room);
	for (size_t i = 0; i < args->n_given && !code; i++)
		code = take(ret_list, &args->given[i], &where);
	if (code)
		return code;
	struct ew_query *q = &ret_list->query;
	if (q->n_group && !ew_args_has(args, "last"))
		q->last = 0;
	if (q->since_us && q->until_us && q->since_us >= q->until_us)
		return ew_complain(EW_EXIT_USAGE,
		    "--since is not before --until: the window is empty");
	if (ret_list->follow && q->until_us)
		return ew_complain(EW_EXIT_USAGE,
		    "-f goes on until Ctrl-C; leave out --until, or leave out -f");
	if (ret_list->follow && q->n_group)
		return ew_complain(EW_EXIT_USAGE,
		    "--by counts what is there; it cannot follow: leave out -f, or use "
		    "`eastwatch top`");
	ret_list->output.is_stream = ret_list->follow;
	return EW_EXIT_OK;
}

void
ew_list_fini(struct ew_list *list)
{
	free(list->group_text);
	free(list->where_text);
	list->group_text = NULL;
	list->where_text = NULL;
}
