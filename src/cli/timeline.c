/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch timeline WORKLOAD`: everything the database knows of one workload in order of
 * time: containers that came and went, edges that appeared, signals, incidents, decisions,
 * and the times when capture was blind.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/rows.h"

static int run(const struct ew_args *args);

const struct ew_command ew_command_timeline = {
	.name = "timeline",
	.summary = "tell what happened to a workload, in order of time",
	.words = "WORKLOAD",
	.about =
	    "Kinds: start, stop (of a container), edge (first connection to or from\n"
	    "somebody), signal, incident, decision, gap (capture was blind then).",
	.examples = "  eastwatch timeline shop/web\n"
		    "  eastwatch timeline shop/web --since 24h --last 0\n"
		    "  eastwatch timeline 'shop/*' -o json\n",
	.groups =
	    EW_OPTIONS_DB | EW_OPTIONS_OUTPUT | EW_OPTIONS_WINDOW | EW_OPTIONS_LAST,
	.words_min = 1,
	.words_max = 1,
	.values = "workload",
	.run = run,
};

static const struct ew_column columns[] = {
	{ "ts_us", "TIME", EW_FORMAT_TIME_US, EW_EVERYWHERE, 19 },
	{ "kind", "KIND", EW_FORMAT_ID, EW_EVERYWHERE, 8 },
	{ "workload", "WORKLOAD", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "score", "SCORE", EW_FORMAT_INT, EW_EVERYWHERE, 5 },
	{ "id", "ID", EW_FORMAT_ID, EW_EVERYWHERE, 16 },
	{ "text", "WHAT", EW_FORMAT_ID, EW_EVERYWHERE, 40 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct event {
	int64_t ts_us;
	const char *kind; /* static */
	int64_t score;	  /* -1 none */
	char *workload, *id, *text;
};

struct story {
	struct event *events;
	size_t n, room;
	int64_t since_us, until_us;
};

static void
tell(struct story *s, int64_t ts_us, const char *kind, const char *workload,
    int64_t score, const char *id, const char *text)
{
	if (ts_us <= 0 || ts_us < s->since_us || (s->until_us && ts_us >= s->until_us))
		return;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 128;
		s->events = ew_realloc_array(s->events, s->room, sizeof(*s->events));
	}
	s->events[s->n++] = (struct event){ .ts_us = ts_us,
		.kind = kind,
		.score = score,
		.workload = ew_strdup(workload),
		.id = ew_strdup(id),
		.text = ew_strdup(text) };
}

static void
tell_instances(struct story *s, const struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		char id[16], text[600];

		snprintf(id, sizeof(id), "%.12s", ew_rows_text(rows, i, "id"));
		snprintf(text, sizeof(text), "container %s started (%s)",
		    ew_rows_text(rows, i, "name"), ew_rows_text(rows, i, "image"));
		tell(s, ew_rows_int(rows, i, "started_us"), "start",
		    ew_rows_text(rows, i, "workload"), -1, id, text);
		snprintf(text, sizeof(text), "container %s stopped",
		    ew_rows_text(rows, i, "name"));
		tell(s, ew_rows_int(rows, i, "stopped_us"), "stop",
		    ew_rows_text(rows, i, "workload"), -1, id, text);
	}
}

static void
tell_edges(struct story *s, const struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct ew_value *port = ew_rows_value(rows, i, "dst_port");
		char number[EW_NUMBER_TEXT];
		struct ew_text text;

		snprintf(number, sizeof(number), "%" PRId64, port->number);
		ew_text_init(&text, 2048);
		ew_text_addf(&text, "first seen: %s -> %s:%s/%s (now %s)",
		    ew_rows_text(rows, i, "src_workload"),
		    ew_rows_text(rows, i, "dst_workload"),
		    port->kind == EW_VALUE_TEXT ? port->text : number,
		    ew_rows_text(rows, i, "proto"), ew_rows_text(rows, i, "status"));
		tell(s, ew_rows_int(rows, i, "first_us"), "edge",
		    ew_rows_text(rows, i, "src_workload"), -1, "", text.text);
		ew_text_fini(&text);
	}
}

static void
tell_signals(struct story *s, const struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		char text[600];

		snprintf(text, sizeof(text), "%s: %s",
		    ew_rows_text(rows, i, "detector"),
		    ew_rows_text(rows, i, "sentence"));
		tell(s, ew_rows_int(rows, i, "ts_us"), "signal",
		    ew_rows_text(rows, i, "src_workload"),
		    ew_rows_int(rows, i, "score"), ew_rows_text(rows, i, "id"), text);
	}
}

static void
tell_incidents(struct story *s, const struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		char text[600];

		snprintf(text, sizeof(text), "opened (%s): %s",
		    ew_rows_text(rows, i, "tier"), ew_rows_text(rows, i, "title"));
		tell(s, ew_rows_int(rows, i, "opened_us"), "incident",
		    ew_rows_text(rows, i, "src_workload"),
		    ew_rows_int(rows, i, "score"), ew_rows_text(rows, i, "id"), text);
		if (!ew_rows_is_null(rows, i, "closed_us"))
			tell(s, ew_rows_int(rows, i, "closed_us"), "incident",
			    ew_rows_text(rows, i, "src_workload"),
			    ew_rows_int(rows, i, "score"), ew_rows_text(rows, i, "id"),
			    "closed");
	}
}

/* Decisions are patterns: those whose source or destination matches the workload. */
static void
tell_decisions(struct story *s, const struct ew_rows *rows, const char *workload)
{
	for (size_t i = 0; i < rows->n; i++) {
		const char *src = ew_rows_text(rows, i, "src_workload");
		const char *dst = ew_rows_text(rows, i, "dst_workload");
		struct ew_text text;

		if (!ew_text_glob(src, workload) && !ew_text_glob(dst, workload) &&
		    !ew_text_glob(workload, src) && !ew_text_glob(workload, dst))
			continue;
		ew_text_init(&text, 2048);
		ew_text_addf(&text, "%s %s -> %s by %s",
		    ew_rows_text(rows, i, "action"), src, dst,
		    ew_rows_text(rows, i, "who"));
		if (ew_rows_text(rows, i, "why")[0])
			ew_text_addf(&text, ": %s", ew_rows_text(rows, i, "why"));
		if (ew_rows_int(rows, i, "is_undone"))
			ew_text_add(&text, " (taken back)");
		tell(s, ew_rows_int(rows, i, "at_us"), "decision", src, -1,
		    ew_rows_text(rows, i, "id"), text.text);
		ew_text_fini(&text);
	}
}

static void
tell_gaps(struct story *s, const struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		tell(s, ew_rows_int(rows, i, "from_us"), "gap", "", -1, "",
		    ew_rows_text(rows, i, "text"));
}

static int
collect(struct ew_reader *reader, const char *workload, struct story *s)
{
	static const struct {
		enum ew_view view;
		const char *field;
		void (*tell)(struct story *s, const struct ew_rows *rows);
	} sources[] = {
		{ EW_VIEW_INSTANCES, "workload", tell_instances },
		{ EW_VIEW_EDGES, "workload", tell_edges },
		{ EW_VIEW_SIGNALS, "workload", tell_signals },
		{ EW_VIEW_INCIDENTS, "workload", tell_incidents },
		{ EW_VIEW_GAPS, NULL, tell_gaps },
		{ EW_VIEW_DECISIONS, NULL, NULL },
	};
	int code = EW_EXIT_OK;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && !code; i++) {
		struct ew_rows rows;

		code = ew_rows_find(reader, sources[i].view, sources[i].field, workload,
		    0, &rows);
		if (!code && sources[i].tell)
			sources[i].tell(s, &rows);
		else if (!code)
			tell_decisions(s, &rows, workload);
		ew_rows_fini(&rows);
	}
	return code;
}

static int
compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->ts_us != y->ts_us)
		return x->ts_us < y->ts_us ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int
show(const struct story *s, size_t last, const struct ew_writer_conf *conf)
{
	struct ew_writer *writer =
	    ew_writer_new(conf, "eastwatch.event/1", columns, N_COLUMNS);
	size_t i = last && s->n > last ? s->n - last : 0;

	for (; i < s->n; i++) {
		const struct event *e = &s->events[i];
		struct ew_cell cells[N_COLUMNS] = { ew_cell_int(e->ts_us),
			ew_cell_text(e->kind),
			ew_cell_text(e->workload[0] ? e->workload : NULL),
			e->score < 0 ? ew_cell_null() : ew_cell_int(e->score),
			ew_cell_text(e->id[0] ? e->id : NULL), ew_cell_text(e->text) };

		if (strcmp(e->kind, "incident") == 0)
			cells[1].color = "red";
		else if (strcmp(e->kind, "signal") == 0 || strcmp(e->kind, "gap") == 0)
			cells[1].color = "yellow";
		ew_writer_row(writer, cells);
	}
	return ew_writer_close(writer);
}

static int
run(const struct ew_args *args)
{
	const char *workload = args->words[0];
	struct ew_reader *reader = NULL;
	struct ew_rows rows = { 0 };
	struct story s = { 0 };
	struct ew_list list;
	int code = ew_options_list(args, EW_VIEW_WORKLOADS, &list);

	s.since_us = list.query.since_us;
	s.until_us = list.query.until_us;
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_WORKLOADS, "workload", workload, 1,
		    &rows);
	if (!code && rows.n == 0)
		code = ew_complain(EW_EXIT_ERROR,
		    "there is no workload \"%s\"; `eastwatch workloads --last 0` lists "
		    "the names",
		    workload);
	if (!code)
		code = collect(reader, workload, &s);
	if (!code) {
		if (s.n > 0)
			qsort(s.events, s.n, sizeof(*s.events), compare);
		code = show(&s, ew_args_has(args, "last") ? list.query.last : 50,
		    &list.output);
		if (list.exit_code && s.n > 0)
			code = ew_exit_worse(code, EW_EXIT_MATCHED);
	}
	for (size_t i = 0; i < s.n; i++) {
		free(s.events[i].workload);
		free(s.events[i].id);
		free(s.events[i].text);
	}
	free(s.events);
	ew_rows_fini(&rows);
	ew_list_fini(&list);
	ew_reader_close(reader);
	return code;
}
