/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch status`: is everything well, and what is there to know? The database answers
 * for itself; the daemon, when it runs, for the rest. Without a daemon the answer is what the
 * database remembers, and the exit code says that nobody watches (3) unless --db asked for a
 * file on purpose.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/list.h"
#include "cli/place.h"
#include "cli/rows.h"

static int run(const struct ew_args *args);

const struct ew_command ew_command_status = {
	.name = "status",
	.summary = "is the daemon well, what does it see, what waits",
	.about = "Exit code 3 when no daemon runs (with --db a file is asked on "
		 "purpose, and that\n"
		 "is no failure); 5 with --exit-code when an incident is open.",
	.examples = "  eastwatch status\n"
		    "  eastwatch status -o json | jq .database\n"
		    "  eastwatch status --db copy.db\n",
	.groups =
	    EW_OPTIONS_DB | EW_OPTIONS_CONTROL | EW_OPTIONS_OUTPUT | EW_OPTIONS_LAST,
	.run = run,
};

struct state {
	struct ew_place place;
	struct ew_reader_status db;
	bool has_db;
	struct ew_error db_error;
	json_t *daemon; /* answer of the control socket; NULL none */
	int64_t learning, provisional, mature, other; /* workloads */
};

static void
count_workload_states(struct ew_reader *reader, struct state *s)
{
	struct ew_rows rows;

	if (ew_rows_find(reader, EW_VIEW_WORKLOADS, NULL, NULL, 0, &rows) == EW_EXIT_OK)
		for (size_t i = 0; i < rows.n; i++) {
			const char *state = ew_rows_text(&rows, i, "state");

			if (strcmp(ew_rows_class(&rows, i), "workload") != 0)
				continue;
			if (strcmp(state, "cold") == 0 ||
			    strcmp(state, "learning") == 0)
				s->learning++;
			else if (strcmp(state, "provisional") == 0)
				s->provisional++;
			else if (strcmp(state, "mature") == 0)
				s->mature++;
			else
				s->other++;
		}
	ew_rows_fini(&rows);
}

static void
read_database(struct state *s)
{
	struct ew_reader *reader = NULL;

	if (ew_reader_open(s->place.database, &s->db_error, &reader) != 0)
		return;
	s->has_db = ew_reader_status(reader, &s->db, &s->db_error) == 0;
	if (s->has_db)
		count_workload_states(reader, s);
	ew_reader_close(reader);
}

static void line(const char *key, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
line(const char *key, const char *format, ...)
{
	struct ew_text text;
	char buffer[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	ew_text_init(&text, 8192);
	ew_text_add_terminal(&text, buffer);
	printf("%-10s %s\n", key, text.text);
	ew_text_fini(&text);
}

static void
print_database(const struct state *s)
{
	const struct ew_reader_status *db = &s->db;
	char size[32], age[32], oldest[EW_CLOCK_TEXT];
	const int64_t ago = (ew_wall_now().us - db->heartbeat_us) / 1000000;

	if (!s->has_db) {
		line("database", "%s", s->db_error.text);
		return;
	}
	ew_bytes_text((int64_t)(db->bytes + db->wal_bytes), size, sizeof(size));
	line("database", "%s, %s%s%s%s", s->place.database, size,
	    db->heartbeat_us ? ", last written " : "",
	    db->heartbeat_us ? ew_age_text(ago, age, sizeof(age)) : "",
	    db->heartbeat_us ? " ago" : "");
	line("flows", "%" PRId64 "%s%s", db->flows, db->oldest_flow_us ? " since " : "",
	    db->oldest_flow_us ? ew_clock_text(db->oldest_flow_us, false, oldest) : "");
	line("edges", "%" PRId64, db->edges);
	line("workloads",
	    "%" PRId64 " (%" PRId64 " learning, %" PRId64 " provisional, %" PRId64
	    " mature, %" PRId64 " locked or stale), %" PRId64 " instances on record",
	    s->learning + s->provisional + s->mature + s->other, s->learning,
	    s->provisional, s->mature, s->other, db->instances);
	line("incidents", "%" PRId64 " open of %" PRId64 ", %" PRId64 " signals%s",
	    db->open_incidents, db->incidents, db->signals,
	    db->open_incidents ? "  (eastwatch incidents --state open)" : "");
	line("messages", "%" PRId64 " wait, %" PRId64 " given up%s", db->outbox_queued,
	    db->outbox_failed, db->outbox_failed ? "  (eastwatch webhook status)" : "");
	line("gaps", "%" PRId64 " times on record when not everything was seen",
	    db->gaps);
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void
print_runtimes(const json_t *runtimes)
{
	const json_t *r;
	size_t i;

	json_array_foreach(runtimes, i, r)
	{
		const bool connected = json_is_true(json_object_get(r, "connected"));

		if (!connected && !json_is_true(json_object_get(r, "configured")))
			continue;
		if (connected)
			line("runtime", "%s %s, %" JSON_INTEGER_FORMAT " containers",
			    text_of(r, "name"), text_of(r, "version"),
			    json_integer_value(json_object_get(r, "instances")));
		else
			line("runtime", "%s: %s", text_of(r, "name"),
			    text_of(r, "sentence"));
	}
}

static void
print_webhooks(const json_t *webhooks)
{
	const json_t *w;
	size_t i;

	json_array_foreach(webhooks, i, w)
	{
		line("webhook", "%s (%s): %s, %" JSON_INTEGER_FORMAT " sent",
		    text_of(w, "name"), text_of(w, "type"), text_of(w, "state"),
		    json_integer_value(json_object_get(w, "sent")));
	}
}

static bool
ends_with(const char *text, const char *end)
{
	return strlen(text) > strlen(end) &&
	    strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* The unit is in the name; people get it in words. */
static void
print_number(const char *key, int64_t value)
{
	char text[EW_CLOCK_TEXT];

	if (ends_with(key, "_us"))
		line("", "%.*s: %s", (int)strlen(key) - 3, key,
		    ew_clock_text(value, false, text));
	else if (ends_with(key, "_s"))
		line("", "%.*s: %s", (int)strlen(key) - 2, key,
		    ew_age_text(value, text, sizeof(text)));
	else if (ends_with(key, "_bytes"))
		line("", "%.*s: %s", (int)strlen(key) - 6, key,
		    ew_bytes_text(value, text, sizeof(text)));
	else
		line("", "%s: %" PRId64, key, value);
}

static void
print_daemon(const struct state *s)
{
	json_t *facts = json_object_get(s->daemon, "facts");
	json_t *numbers = json_object_get(s->daemon, "numbers");
	json_t *health = json_object_get(s->daemon, "health"), *value;
	const char *key;
	size_t i;

	if (!s->daemon) {
		line("daemon", "does not run, or not at %s", s->place.socket);
		return;
	}
	line("daemon", "runs, version %s", text_of(s->daemon, "version"));
	json_object_foreach(facts, key, value)
	{
		if (strcmp(key, "version") != 0 && json_string_value(value))
			line("", "%s: %s", key, json_string_value(value));
	}
	json_object_foreach(numbers, key, value)
	{
		print_number(key, json_integer_value(value));
	}
	print_runtimes(json_object_get(s->daemon, "runtimes"));
	print_webhooks(json_object_get(s->daemon, "webhooks"));
	json_array_foreach(health, i, value)
	{
		line(text_of(value, "level"), "%s: %s", text_of(value, "name"),
		    text_of(value, "text"));
	}
	if (json_array_size(health) == 0)
		line("health", "nothing is wrong");
}

static json_t *
database_json(const struct state *s)
{
	const struct ew_reader_status *db = &s->db;

	if (!s->has_db)
		return json_pack("{s:s,s:s}", "path", s->place.database, "error",
		    s->db_error.text);
	return json_pack("{s:s,s:i,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
			 "s:I,s:I}",
	    "path", s->place.database, "schema_version", db->schema_version, "is_live",
	    (int)db->is_live, "bytes", (json_int_t)db->bytes, "wal_bytes",
	    (json_int_t)db->wal_bytes, "flows", (json_int_t)db->flows, "edges",
	    (json_int_t)db->edges, "workloads", (json_int_t)db->workloads, "instances",
	    (json_int_t)db->instances, "signals", (json_int_t)db->signals, "incidents",
	    (json_int_t)db->incidents, "open_incidents", (json_int_t)db->open_incidents,
	    "outbox_queued", (json_int_t)db->outbox_queued, "outbox_failed",
	    (json_int_t)db->outbox_failed, "gaps", (json_int_t)db->gaps,
	    "oldest_flow_us", (json_int_t)db->oldest_flow_us, "heartbeat_us",
	    (json_int_t)db->heartbeat_us);
}

static void
print_json(const struct state *s)
{
	json_t *root = json_object();
	json_t *daemon = s->daemon ? json_incref(s->daemon) : json_null();

	json_object_set_new(root, "schema", json_string("eastwatch.status/1"));
	json_object_set_new(root, "node",
	    s->has_db ? json_string(s->db.node) : json_null());
	json_object_set_new(root, "daemon_runs", json_boolean(s->daemon != NULL));
	json_object_set_new(root, "daemon", daemon);
	json_object_set_new(root, "database", database_json(s));
	json_object_set_new(root, "workload_states",
	    json_pack("{s:I,s:I,s:I,s:I}", "learning", (json_int_t)s->learning,
		"provisional", (json_int_t)s->provisional, "mature",
		(json_int_t)s->mature, "other", (json_int_t)s->other));
	json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(root);
}

static int
run(const struct ew_args *args)
{
	struct state s = { 0 };
	struct ew_writer_conf conf;
	const bool asked_for_file = ew_args_has(args, "db");
	int code = ew_options_output(args, &conf);

	if (!code && conf.output == EW_OUTPUT_CSV)
		code =
		    ew_complain(EW_EXIT_USAGE, "status has no CSV form; use -o json");
	if (!code)
		code = ew_place_find(args, &s.place);
	if (code)
		return code;
	if (!asked_for_file || ew_args_has(args, "socket"))
		code = ew_control_try(args, "status", NULL, &s.daemon);
	read_database(&s);
	if (conf.output == EW_OUTPUT_JSON) {
		print_json(&s);
	} else {
		if (s.has_db && s.db.node[0])
			line("node", "%s", s.db.node);
		if (!asked_for_file || s.daemon)
			print_daemon(&s);
		print_database(&s);
	}
	if (!s.has_db) {
		ew_warn("%s", s.db_error.text);
		code = ew_exit_worse(code, EW_EXIT_UNREACHABLE);
	}
	if (ew_args_has(args, "exit-code") && s.db.open_incidents > 0)
		code = ew_exit_worse(code, EW_EXIT_MATCHED);
	if (ew_args_has(args, "strict") && s.db.gaps > 0)
		code = ew_exit_worse(code, EW_EXIT_INCOMPLETE);
	json_decref(s.daemon);
	ew_place_fini(&s.place);
	return code;
}
