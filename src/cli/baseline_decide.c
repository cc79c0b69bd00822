/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions: what a person says about an edge, a workload or an incident, sent to the
 * running daemon. It alone writes the database, so a decision without a daemon is refused
 * with a clear word rather than lost.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/baseline_file.h"
#include "cli/baseline_priv.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/list.h"
#include "cli/rows.h"
#include "graph/graph.h"
#include "graph/record.h"

static bool
is_hex(const char *text)
{
	return text[0] && strlen(text) <= 16 &&
	    strspn(text, "0123456789abcdefABCDEF") == strlen(text);
}

/*
 * Is the word an incident? A full id always; a shorter one when the database has exactly
 * one incident that begins with it. Returns an exit code; *ret_id is empty for a pattern.
 */
static int
find_incident(const struct ew_args *args, const char *word, char ret_id[17])
{
	struct ew_reader *reader = NULL;
	struct ew_rows rows = { 0 };
	char pattern[32];
	int code;

	ret_id[0] = '\0';
	if (!is_hex(word))
		return EW_EXIT_OK;
	if (strlen(word) == 16) {
		snprintf(ret_id, 17, "%s", word);
		return EW_EXIT_OK;
	}
	code = ew_open_database(args, &reader);
	snprintf(pattern, sizeof(pattern), "%s*", word);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_INCIDENTS, "id", pattern, 2, &rows);
	if (!code && rows.n > 1)
		code = ew_complain(EW_EXIT_ERROR,
		    "\"%s\" is the beginning of several incidents' ids; write more of "
		    "it",
		    word);
	if (!code && rows.n == 1)
		snprintf(ret_id, 17, "%s", ew_rows_text(&rows, 0, "id"));
	ew_rows_fini(&rows);
	ew_reader_close(reader);
	return code;
}

/* --for and --why into the request. Returns an exit code. */
static int
add_common(const struct ew_args *args, json_t *request)
{
	const char *duration = ew_args_value(args, "for");
	const char *why = ew_args_value(args, "why");
	int64_t ns = 0;
	int code = EW_EXIT_OK;

	if (duration)
		code = ew_option_duration("for", duration, &ns);
	if (!code && duration && ns <= 0)
		code = ew_complain(EW_EXIT_USAGE, "--for must be longer than nothing");
	if (ns > 0)
		json_object_set_new(request, "ttl", json_string(duration));
	if (why)
		json_object_set_new(request, "reason", json_string(why));
	return code;
}

/* The pattern is checked here, so that a typing error costs no round trip. */
static int
check_pattern(const char *text)
{
	struct ew_pattern pattern;
	struct ew_error error = { 0 };

	if (ew_pattern_parse(text, &pattern, &error) != 0)
		return ew_complain(EW_EXIT_USAGE, "%s", error.text);
	return EW_EXIT_OK;
}

static int
add_labels(const char *text, json_t *request)
{
	static const char *const names[] = { "canary", "scanner", "router", "vip",
		"proxy", "scraper", "sensitive" };
	json_t *labels = json_array();
	char *copy = ew_strdup(text), *rest = copy;
	int code = EW_EXIT_OK;

	for (char *word = strsep(&rest, ","); word && !code;
	     word = strsep(&rest, ",")) {
		bool known = strcmp(word, "none") == 0;

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(names[i], word) == 0) {
				json_array_append_new(labels, json_string(word));
				known = true;
			}
		if (!known)
			code = ew_complain(EW_EXIT_USAGE,
			    "\"%s\" is no label; they are canary, scanner, router, "
			    "vip, proxy, "
			    "scraper, sensitive, or none to take all away",
			    word);
	}
	free(copy);
	json_object_set_new(request, "labels", labels);
	return code;
}

static void
print_answer(const struct ew_args *args, const json_t *answer)
{
	const char *sentence = json_string_value(json_object_get(answer, "sentence"));
	const char *id = json_string_value(json_object_get(answer, "decision"));
	const int64_t count = json_integer_value(json_object_get(answer, "count"));

	if (sentence && sentence[0])
		ew_print_safe(stdout, sentence);
	else
		printf("done: %" PRId64 " edges or workloads changed", count);
	putchar('\n');
	if (id && id[0] && strcmp(args->words[0], "undo") != 0)
		printf("take it back: eastwatch baseline undo %s\n", id);
}

int
ew_baseline_decide(const struct ew_args *args)
{
	const char *action = args->words[0], *what = args->words[1];
	json_t *request = json_object(), *answer = NULL;
	const char *verb = "decide";
	char incident[17] = "";
	int code = add_common(args, request);

	if (!code && strcmp(action, "snooze") == 0 && !ew_args_has(args, "for"))
		code = ew_complain(EW_EXIT_USAGE,
		    "baseline snooze needs --for: how long, as in --for 24h");
	if (!code &&
	    (strcmp(action, "accept") == 0 || strcmp(action, "deny") == 0 ||
		strcmp(action, "snooze") == 0))
		code = find_incident(args, what, incident);
	if (!code && strcmp(action, "undo") == 0) {
		if (!is_hex(what))
			code = ew_complain(EW_EXIT_USAGE,
			    "\"%s\" is no decision's id; `eastwatch baseline log` "
			    "shows them",
			    what);
		json_object_set_new(request, "undoes", json_string(what));
	} else if (!code && incident[0]) {
		verb = "decide-incident";
		json_object_set_new(request, "incident", json_string(incident));
	} else if (!code) {
		code = check_pattern(what);
		json_object_set_new(request, "pattern", json_string(what));
	}
	json_object_set_new(request, incident[0] ? "decision" : "action",
	    json_string(action));
	if (!code && strcmp(action, "label") == 0)
		code = add_labels(args->words[2], request);
	if (code) {
		json_decref(request);
		return code;
	}
	code = ew_control_ask(args, verb, request, &answer);
	if (!code)
		print_answer(args, answer);
	json_decref(answer);
	return code;
}

/* --- import -------------------------------------------------------------------------------- */

struct import {
	const struct ew_args *args;
	size_t edges, failed;
	int code;
};

/* A name with a colon of its own stands in brackets, as ew_pattern_parse wants it. */
static void
add_name(struct ew_text *text, const char *name)
{
	ew_text_addf(text, strchr(name, ':') ? "[%s]" : "%s", name);
}

static void
import_edge(void *context, const char *src, const char *dst, const struct ew_edge *edge)
{
	struct import *import = context;
	json_t *answer = NULL;
	struct ew_text pattern;
	char port[16], why[250];

	if (import->code ||
	    (edge->status != EW_EDGE_BASELINE && edge->status != EW_EDGE_DORMANT &&
		edge->status != EW_EDGE_DENIED))
		return;
	snprintf(port, sizeof(port), "%u", edge->port);
	ew_text_init(&pattern, 1024);
	add_name(&pattern, src);
	ew_text_add(&pattern, " -> ");
	add_name(&pattern, dst);
	ew_text_addf(&pattern, ":%s/%u",
	    edge->port == EW_PORT_DYN	    ? "dyn"
		: edge->port == EW_PORT_ANY ? "*"
					    : port,
	    edge->proto);
	snprintf(why, sizeof(why), "imported from %.200s", import->args->words[1]);
	import->code = ew_control_ask(import->args, "decide",
	    json_pack("{s:s,s:s,s:s}", "action",
		edge->status == EW_EDGE_DENIED ? "deny" : "accept", "pattern",
		pattern.text, "reason", why),
	    &answer);
	if (!import->code)
		import->edges++;
	json_decref(answer);
	ew_text_fini(&pattern);
}

int
ew_baseline_import(const struct ew_args *args)
{
	struct import import = { .args = args };
	const struct ew_baseline_sink sink = { .context = &import,
		.edge = import_edge };
	struct ew_error error = { 0 };

	if (ew_baseline_read(args->words[1], &sink, &error) != 0)
		return ew_complain(EW_EXIT_ERROR, "%s", error.text);
	printf("%zu edges were accepted or denied as the file says\n", import.edges);
	return import.code;
}
