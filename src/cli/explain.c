/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch explain ID`: one incident or signal as a story for whoever is on call
 * (detectors.md 5.4): what happened, along which path, why it scores what it scores, what
 * would have been expected instead, what would make it benign, and the commands that decide
 * it. Facts only, all from the database; nothing is guessed here.
 *
 * The commands it prints name the incident by its id, never by a workload's name: a name is
 * chosen by whoever starts a container, and people paste what we print into a shell.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
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

#define USUAL_MAX 8

/* Print untrusted text of a JSON object; nothing when it is not there. */
static void
put_string(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text)
		ew_print_safe(stdout, text);
}

static json_t *
parse(const char *text)
{
	json_t *value = text[0] ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return value ? value : json_array();
}

static void
print_reasons(json_t *reasons)
{
	size_t i;
	json_t *r;

	if (json_array_size(reasons) == 0)
		return;
	puts("\nWhy");
	json_array_foreach(reasons, i, r)
	{
		printf("  %+4" JSON_INTEGER_FORMAT "  ",
		    json_integer_value(json_object_get(r, "points")));
		put_string(r, "reason");
		putchar('\n');
	}
}

static void
print_path(json_t *path)
{
	char when[EW_CLOCK_TEXT];
	size_t i;
	json_t *hop;

	if (json_array_size(path) == 0)
		return;
	puts("\nPath");
	json_array_foreach(path, i, hop)
	{
		const int64_t at = json_integer_value(json_object_get(hop, "ts_us"));

		printf("  %s  ", ew_clock_text(at, false, when));
		put_string(hop, "from");
		fputs(" -> ", stdout);
		put_string(hop, "to");
		printf(":%" JSON_INTEGER_FORMAT "/",
		    json_integer_value(json_object_get(hop, "port")));
		put_string(hop, "proto");
		putchar('\n');
	}
}

static void
print_targets(json_t *targets, int64_t more)
{
	size_t i;
	json_t *t;

	if (json_array_size(targets) == 0)
		return;
	puts("\nTargets");
	json_array_foreach(targets, i, t)
	{
		fputs("  ", stdout);
		put_string(t, json_object_get(t, "workload") ? "workload" : "address");
		printf(":%" JSON_INTEGER_FORMAT "/",
		    json_integer_value(json_object_get(t, "port")));
		put_string(t, "proto");
		fputs("  ", stdout);
		put_string(t, "outcome");
		putchar('\n');
		if (i == 19 && json_array_size(targets) > 20) {
			more += (int64_t)json_array_size(targets) - 20;
			break;
		}
	}
	if (more > 0)
		printf("  and %" PRId64 " more\n", more);
}

static void
print_signals(json_t *signals, int64_t more)
{
	char when[EW_CLOCK_TEXT];
	size_t i;
	json_t *s;

	if (json_array_size(signals) == 0)
		return;
	puts("\nSignals");
	json_array_foreach(signals, i, s)
	{
		const int64_t at = json_integer_value(json_object_get(s, "ts_us"));

		printf("  %s  %3" JSON_INTEGER_FORMAT "  ",
		    ew_clock_text(at, false, when),
		    json_integer_value(json_object_get(s, "score")));
		put_string(s, "detector");
		fputs(": ", stdout);
		put_string(s, "sentence");
		putchar('\n');
		if (i == 9 && json_array_size(signals) > 10) {
			more += (int64_t)json_array_size(signals) - 10;
			break;
		}
	}
	if (more > 0)
		printf("  and %" PRId64 " more\n", more);
}

static void
print_list(const char *title, json_t *list)
{
	size_t i;
	json_t *item;

	if (json_array_size(list) == 0)
		return;
	printf("\n%s\n  ", title);
	json_array_foreach(list, i, item)
	{
		if (i > 0)
			fputs(", ", stdout);
		ew_print_safe(stdout,
		    json_string_value(item) ? json_string_value(item) : "");
	}
	putchar('\n');
}

/* "shop/db:5432/tcp" of an edge row, from the given end. */
static void
add_edge(struct ew_text *text, const struct ew_rows *rows, size_t i, const char *end)
{
	const struct ew_value *port = ew_rows_value(rows, i, "dst_port");

	ew_text_add(text, ew_rows_text(rows, i, end));
	ew_text_add(text, ":");
	if (port->kind == EW_VALUE_INT)
		ew_text_addf(text, "%" PRId64, port->number);
	else
		ew_text_add(text, ew_rows_text(rows, i, "dst_port"));
	ew_text_addf(text, "/%s", ew_rows_text(rows, i, "proto"));
}

/* What was expected instead: what this workload usually does, and who usually does this. */
struct expected {
	struct ew_rows workload; /* of the source; one row or none */
	struct ew_rows out;	 /* its baseline edges */
	struct ew_rows in;	 /* baseline edges of the first target */
	char target[512];
};

static void
expected_fini(struct expected *e)
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
    struct expected *ret)
{
	char number[EW_NUMBER_TEXT];
	int code = EW_EXIT_OK;

	*ret = (struct expected){ .target = "" };
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

static void
print_usual(const struct ew_rows *rows, const char *end)
{
	struct ew_text text;

	ew_text_init(&text, 16 * 1024);
	for (size_t i = 0; i < rows->n && i < USUAL_MAX; i++) {
		if (i > 0)
			ew_text_add(&text, ", ");
		add_edge(&text, rows, i, end);
	}
	if (rows->n > USUAL_MAX)
		ew_text_addf(&text, " and %zu more", rows->n - USUAL_MAX);
	ew_print_safe(stdout, text.text);
	ew_text_fini(&text);
	putchar('\n');
}

static void
print_expected(const struct expected *e)
{
	char age[32];

	if (e->workload.n == 0 && e->out.n == 0)
		return;
	puts("\nWhat was expected instead");
	if (e->workload.n > 0) {
		fputs("  ", stdout);
		ew_print_safe(stdout, ew_rows_text(&e->workload, 0, "workload"));
		printf(" is %s, watched for %s, its baseline %.0f %% complete\n",
		    ew_rows_text(&e->workload, 0, "state"),
		    ew_age_text(ew_rows_int(&e->workload, 0, "age_s"), age,
			sizeof(age)),
		    100 * ew_rows_value(&e->workload, 0, "completeness")->real);
	}
	fputs("  it usually talks to: ", stdout);
	if (e->out.n > 0)
		print_usual(&e->out, "dst_workload");
	else
		puts("nobody (no accepted destination)");
	if (!e->target[0])
		return;
	fputs("  who usually talks to ", stdout);
	ew_print_safe(stdout, e->target);
	fputs(" there: ", stdout);
	if (e->in.n > 0)
		print_usual(&e->in, "src_workload");
	else
		puts("nobody");
}

static void
print_posture(const struct ew_rows *workload)
{
	json_t *posture = parse(ew_rows_text(workload, 0, "posture"));

	print_list("Posture of the source", posture);
	json_decref(posture);
}

/* Whether a container id can stand in a command line as it is. */
static bool
is_plain(const char *text)
{
	return text[0] && text[0] != '-' &&
	    strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		":._/-") == strlen(text);
}

static void
print_commands(const char *id, const char *instance, int64_t opened_us)
{
	char since[EW_TIME_TEXT];

	ew_wall_format((struct ew_wall){ .us = opened_us - 60000000 }, since);
	puts("\nWhat to do");
	if (is_plain(instance))
		printf("  see its flows    eastwatch flows --from-container %.12s "
		       "--since %s\n",
		    instance, since);
	printf("  see its signals  eastwatch signals --where incident_id=%s\n", id);
	printf("  it is fine       eastwatch baseline accept %s --why \"...\"\n", id);
	printf("  it is not        eastwatch baseline deny %s --why \"...\"\n", id);
	printf("  quiet for a day  eastwatch baseline snooze %s --for 24h\n", id);
	printf("  keep evidence    eastwatch export %s\n", id);
}

static void
print_incident(const struct ew_rows *row, const struct expected *e)
{
	const int64_t opened = ew_rows_int(row, 0, "opened_us");
	json_t *targets = parse(ew_rows_text(row, 0, "targets"));
	json_t *path = parse(ew_rows_text(row, 0, "path"));
	json_t *reasons = parse(ew_rows_text(row, 0, "reasons"));
	json_t *signals = parse(ew_rows_text(row, 0, "signals"));
	json_t *techniques = parse(ew_rows_text(row, 0, "techniques"));
	const char *decision = ew_rows_text(row, 0, "decision");
	char when[EW_CLOCK_TEXT];

	ew_print_safe(stdout, ew_rows_text(row, 0, "title"));
	printf("\n%s, score %" PRId64 " (%s), %s since %s, incident %s\n",
	    ew_rows_text(row, 0, "tier"), ew_rows_int(row, 0, "score"),
	    ew_rows_text(row, 0, "severity"), ew_rows_text(row, 0, "state"),
	    ew_clock_text(opened, false, when), ew_rows_text(row, 0, "id"));
	if (decision[0])
		printf("an operator has %s it (eastwatch sql \"SELECT * FROM "
		       "v_decisions\")\n",
		    decision);
	if (ew_rows_int(row, 0, "gaps"))
		puts("capture had gaps while it ran: coverage is reduced, there may be "
		     "more");
	print_path(path);
	print_targets(targets, ew_rows_int(row, 0, "more_targets"));
	print_reasons(reasons);
	print_signals(signals, ew_rows_int(row, 0, "more_signals"));
	print_list("Techniques (MITRE ATT&CK)", techniques);
	print_expected(e);
	print_posture(&e->workload);
	if (ew_rows_text(row, 0, "benign")[0]) {
		fputs("\nWhat would make it benign\n  ", stdout);
		ew_print_safe(stdout, ew_rows_text(row, 0, "benign"));
		putchar('\n');
	}
	printf("\nMessages sent: %" PRId64 "\n", ew_rows_int(row, 0, "messages_sent"));
	print_commands(ew_rows_text(row, 0, "id"), ew_rows_text(row, 0, "src_instance"),
	    opened);
	json_decref(targets);
	json_decref(path);
	json_decref(reasons);
	json_decref(signals);
	json_decref(techniques);
}

static void
print_signal(const struct ew_rows *row, const struct expected *e)
{
	json_t *evidence = parse(ew_rows_text(row, 0, "evidence"));
	json_t *techniques = parse(ew_rows_text(row, 0, "techniques"));
	const char *incident = ew_rows_text(row, 0, "incident_id");
	const char *facts = json_string_value(json_object_get(evidence, "facts"));
	const char *benign = json_string_value(json_object_get(evidence, "benign"));
	char when[EW_CLOCK_TEXT];

	ew_print_safe(stdout, ew_rows_text(row, 0, "sentence"));
	printf("\nsignal %s of detector %s, score %" PRId64 ", %s\n",
	    ew_rows_text(row, 0, "id"), ew_rows_text(row, 0, "detector"),
	    ew_rows_int(row, 0, "score"),
	    ew_clock_text(ew_rows_int(row, 0, "ts_us"), false, when));
	if (ew_rows_int(row, 0, "in_change_window"))
		puts("within the change window of a new revision: held for its "
		     "replicas");
	print_reasons(json_object_get(evidence, "reasons"));
	if (facts && facts[0]) {
		puts("\nFacts");
		for (const char *p = facts; *p;) {
			char line[512];
			const size_t n = strcspn(p, "\n");

			snprintf(line, sizeof(line), "%.*s", (int)n, p);
			fputs("  ", stdout);
			ew_print_safe(stdout, line);
			putchar('\n');
			p += n + (p[n] == '\n');
		}
	}
	print_list("Techniques (MITRE ATT&CK)", techniques);
	print_expected(e);
	if (benign && benign[0]) {
		fputs("\nWhat would make it benign\n  ", stdout);
		ew_print_safe(stdout, benign);
		putchar('\n');
	}
	if (incident[0])
		printf("\nIt belongs to an incident: eastwatch explain %s\n", incident);
	else
		puts("\nIt is kept for context and belongs to no incident.");
	json_decref(evidence);
	json_decref(techniques);
}

static void
add_edges_json(struct ew_text *text, const struct ew_rows *rows)
{
	ew_text_add(text, "[");
	for (size_t i = 0; i < rows->n; i++) {
		if (i > 0)
			ew_text_add(text, ",");
		ew_rows_json(rows, i, EW_VIEW_EDGES, text);
	}
	ew_text_add(text, "]");
}

static void
print_json(const char *kind, const struct ew_rows *row, enum ew_view view,
    const struct expected *e)
{
	struct ew_text text;

	ew_text_init(&text, 8U << 20);
	ew_text_addf(&text, "{\"schema\":\"eastwatch.explanation/1\",\"%s\":", kind);
	ew_rows_json(row, 0, view, &text);
	ew_text_add(&text, ",\"workload\":");
	if (e->workload.n > 0)
		ew_rows_json(&e->workload, 0, EW_VIEW_WORKLOADS, &text);
	else
		ew_text_add(&text, "null");
	ew_text_add(&text, ",\"expected\":{\"usually_talks_to\":");
	add_edges_json(&text, &e->out);
	ew_text_add(&text, ",\"usual_clients_of_target\":");
	add_edges_json(&text, &e->in);
	ew_text_add(&text, "}}");
	ew_print_json_line(stdout, text.text);
	ew_text_fini(&text);
}

/* The one row whose id begins with text. Returns an exit code; no row is no failure. */
static int
find_by_prefix(struct ew_reader *reader, enum ew_view view, const char *text,
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
	return ew_rows_find(reader, view, "id", pattern, 10, ret_rows);
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

/* Fill dst and port of the first target. */
static void
first_target(const struct ew_rows *row, char *ret_dst, size_t size, int64_t *ret_port)
{
	json_t *targets = parse(ew_rows_text(row, 0, "targets"));
	json_t *first = json_array_get(targets, 0);
	const char *name = json_string_value(json_object_get(first, "workload"));

	ew_text_copy(ret_dst, size, name ? name : "");
	*ret_port = json_integer_value(json_object_get(first, "port"));
	json_decref(targets);
}

static int
explain(struct ew_reader *reader, enum ew_view view, const struct ew_rows *row,
    const struct ew_writer_conf *conf)
{
	const bool is_incident = view == EW_VIEW_INCIDENTS;
	struct expected e;
	char dst[512];
	int64_t port;

	if (is_incident) {
		first_target(row, dst, sizeof(dst), &port);
	} else {
		ew_text_copy(dst, sizeof(dst), ew_rows_text(row, 0, "dst_workload"));
		port = ew_rows_int(row, 0, "dst_port");
	}
	const int code =
	    find_expected(reader, ew_rows_text(row, 0, "src_workload"), dst, port, &e);
	if (code) {
		expected_fini(&e);
		return code;
	}
	if (conf->output == EW_OUTPUT_JSON)
		print_json(is_incident ? "incident" : "signal", row, view, &e);
	else if (is_incident)
		print_incident(row, &e);
	else
		print_signal(row, &e);
	expected_fini(&e);
	return EW_EXIT_OK;
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

		code = find_by_prefix(reader, views[i], id, &rows);
		if (code || rows.n > 0) {
			if (!code && rows.n > 1)
				code = ambiguous(id, &rows);
			else if (!code)
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
