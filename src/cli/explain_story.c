/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of `explain`, printed: for people in the order of detectors.md 5.4, or as one
 * JSON object. What is to be told was looked up before (explain.c).
 *
 * The commands it prints name the incident by its id, never by a workload's name: a name is
 * chosen by whoever starts a container, and people paste what we print into a shell.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/explain_priv.h"
#include "cli/list.h"
#include "cli/rows.h"
#include "cli/writer.h"

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
print_expected(const struct ew_expected *e)
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

void
ew_story_incident(const struct ew_rows *row, const struct ew_expected *e)
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

void
ew_story_signal(const struct ew_rows *row, const struct ew_expected *e)
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

void
ew_story_json(FILE *out, const struct ew_rows *row, enum ew_view view,
    const struct ew_expected *e)
{
	struct ew_text text;

	ew_text_init(&text, 8U << 20);
	ew_text_addf(&text, "{\"schema\":\"eastwatch.explanation/1\",\"%s\":",
	    view == EW_VIEW_INCIDENTS ? "incident" : "signal");
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
	ew_print_json_line(out, text.text);
	ew_text_fini(&text);
}
