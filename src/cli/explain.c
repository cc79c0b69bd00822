/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch explain ID`: one incident or signal as a story for whoever is on call
 * (detectors.md 5.4): what happened, along which path, why it scores what it scores, what
 * would have been expected instead, what would make it benign, and the commands that decide
 * it. Facts only, all from the database; nothing is guessed here. This file looks up what
 * explain_story.c tells.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/explain_priv.h"
#include "cli/list.h"
#include "cli/rows.h"

static int run(const struct ew_args *args);

const struct ew_command ew_command_explain = {
	.name = "explain",
	.summary =
	    "tell the story of an incident or a signal: what, why, and what to do",
	.words = "ID",
	.about = "ID is the id of an incident or a signal, or the beginning of one, as "
		 "the lists\n"
		 "show it; \"last\" is the newest incident.",
	.examples = "  eastwatch explain last\n"
		    "  eastwatch explain 5f3a\n"
		    "  eastwatch explain 5f3a -o json | jq .expected\n",
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.words_min = 1,
	.words_max = 1,
	.values = "incident",
	.run = run,
};

void
ew_expected_fini(struct ew_expected *e)
{
	ew_rows_fini(&e->workload);
	ew_rows_fini(&e->out);
	ew_rows_fini(&e->in);
}

static int
find_baseline(struct ew_reader *reader, const char *workload, enum ew_side side,
    const char *port, struct ew_rows *ret_rows)
{
	const struct ew_term terms[] = {
		{ .field = "workload", .value = workload, .side = side },
		{ .field = "status", .value = "baseline" },
		{ .field = "port", .value = port, .side = EW_SIDE_TO },
	};
	const struct ew_query query = { .view = EW_VIEW_EDGES,
		.terms = terms,
		.n_terms = port ? 3 : 2,
		.last = 200 };

	return ew_rows_query(reader, &query, ret_rows);
}

static int
find_expected(struct ew_reader *reader, const char *src, const char *dst, int64_t port,
    struct ew_expected *ret)
{
	char number[EW_NUMBER_TEXT];
	int code = EW_EXIT_OK;

	*ret = (struct ew_expected){ .target = "" };
	if (src[0]) {
		code = ew_rows_find(reader, EW_VIEW_WORKLOADS, "workload", src, 1,
		    &ret->workload);
		if (!code)
			code =
			    find_baseline(reader, src, EW_SIDE_FROM, NULL, &ret->out);
	}
	if (code || !dst[0])
		return code;
	snprintf(number, sizeof(number), "%" PRId64, port);
	ew_text_copy(ret->target, sizeof(ret->target), dst);
	return find_baseline(reader, dst, EW_SIDE_TO, port > 0 ? number : NULL,
	    &ret->in);
}

/* Fill dst and port of the first target. */
static void
first_target(const struct ew_rows *row, char *ret_dst, size_t size, int64_t *ret_port)
{
	json_t *targets = json_loads(ew_rows_text(row, 0, "targets"), 0, NULL);
	json_t *first = json_array_get(targets, 0);
	const char *name = json_string_value(json_object_get(first, "workload"));

	ew_text_copy(ret_dst, size, name ? name : "");
	*ret_port = json_integer_value(json_object_get(first, "port"));
	json_decref(targets);
}

int
ew_expected_find(struct ew_reader *reader, enum ew_view view, const struct ew_rows *row,
    struct ew_expected *ret)
{
	char dst[512];
	int64_t port;

	if (view == EW_VIEW_INCIDENTS) {
		first_target(row, dst, sizeof(dst), &port);
	} else {
		ew_text_copy(dst, sizeof(dst), ew_rows_text(row, 0, "dst_workload"));
		port = ew_rows_int(row, 0, "dst_port");
	}
	return find_expected(reader, ew_rows_text(row, 0, "src_workload"), dst, port,
	    ret);
}

static int
ambiguous(const char *text, const struct ew_rows *rows)
{
	struct ew_text ids;
	int code;

	ew_text_init(&ids, 1024);
	for (size_t i = 0; i < rows->n; i++)
		ew_text_addf(&ids, "%s%s", i ? ", " : "", ew_rows_text(rows, i, "id"));
	code = ew_complain(EW_EXIT_ERROR,
	    "\"%s\" is the beginning of several ids; write more of it: %s", text,
	    ids.text);
	ew_text_fini(&ids);
	return code;
}

int
ew_explain_find(struct ew_reader *reader, enum ew_view view, const char *text,
    struct ew_rows *ret_rows)
{
	char pattern[64];

	if (strcmp(text, "last") == 0)
		return ew_rows_find(reader, view, NULL, NULL, 1, ret_rows);
	if (strlen(text) > 16 ||
	    strspn(text, "0123456789abcdefABCDEF") != strlen(text)) {
		*ret_rows = (struct ew_rows){ 0 };
		return ew_complain(EW_EXIT_USAGE,
		    "\"%s\" is no id: ids are up to 16 hexadecimal digits, as in "
		    "`eastwatch "
		    "incidents`",
		    text);
	}
	snprintf(pattern, sizeof(pattern), "%s*", text);
	for (char *p = pattern; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	const int code = ew_rows_find(reader, view, "id", pattern, 10, ret_rows);
	return !code && ret_rows->n > 1 ? ambiguous(text, ret_rows) : code;
}

static int
explain(struct ew_reader *reader, enum ew_view view, const struct ew_rows *row,
    const struct ew_writer_conf *conf)
{
	struct ew_expected e;
	const int code = ew_expected_find(reader, view, row, &e);

	if (!code && conf->output == EW_OUTPUT_JSON)
		ew_story_json(stdout, row, view, &e);
	else if (!code && view == EW_VIEW_INCIDENTS)
		ew_story_incident(row, &e);
	else if (!code)
		ew_story_signal(row, &e);
	ew_expected_fini(&e);
	return code;
}

static int
run(const struct ew_args *args)
{
	static const enum ew_view views[] = { EW_VIEW_INCIDENTS, EW_VIEW_SIGNALS };
	struct ew_reader *reader = NULL;
	struct ew_writer_conf conf;
	const char *id = args->words[0];
	int code = ew_options_output(args, &conf);

	if (!code && conf.output == EW_OUTPUT_CSV)
		code = ew_complain(EW_EXIT_USAGE,
		    "a story has no CSV form; use -o table or -o json");
	if (!code)
		code = ew_open_database(args, &reader);
	if (code)
		return code;
	for (size_t i = 0; i < 2; i++) {
		struct ew_rows rows;

		code = ew_explain_find(reader, views[i], id, &rows);
		if (code || rows.n > 0) {
			if (!code)
				code = explain(reader, views[i], &rows, &conf);
			ew_rows_fini(&rows);
			ew_reader_close(reader);
			return code;
		}
		ew_rows_fini(&rows);
	}
	ew_reader_close(reader);
	if (strcmp(id, "last") == 0)
		return ew_complain(EW_EXIT_ERROR,
		    "there is no incident and no signal yet");
	return ew_complain(EW_EXIT_ERROR,
	    "no incident or signal has an id that begins with \"%s\"; `eastwatch "
	    "incidents` "
	    "lists them",
	    id);
}
