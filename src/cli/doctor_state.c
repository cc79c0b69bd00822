/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database and the running daemon say of themselves.
 */
#include "cli/doctor_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "cli/control.h"
#include "cli/writer.h"
#include "store/reader.h"

/* A heartbeat is written every second; a minute without one is worth a look. */
static void
probe_heartbeat(struct ew_doctor *d, const struct ew_reader_status *s)
{
	char age[32];
	const int64_t ago = (ew_wall_now().us - s->heartbeat_us) / 1000000;

	if (!s->heartbeat_us)
		return;
	ew_age_text(ago, age, sizeof(age));
	if (d->daemon_runs && !s->is_live)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "database", "heartbeat",
		    "compare database.path with the one the daemon uses; look at its "
		    "log",
		    "the daemon runs, but nothing was written for %s", age);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "database", "heartbeat", NULL,
		    "last written %s ago", age);
}

void
ew_doctor_database(struct ew_doctor *d)
{
	struct ew_reader_status s;
	struct ew_error error = { 0 };
	struct ew_reader *reader = NULL;
	char size[32];
	const int err = ew_reader_open(d->database, &error, &reader);

	if (err == -ENOENT) {
		ew_doctor_say(d, d->daemon_runs ? EW_DOCTOR_BROKEN : EW_DOCTOR_OK,
		    "database", "file", "start the daemon; it makes the database",
		    "%s is not there yet", d->database);
		return;
	}
	if (!err && ew_reader_status(reader, &s, &error) == 0) {
		ew_bytes_text((int64_t)(s.bytes + s.wal_bytes), size, sizeof(size));
		ew_doctor_say(d, EW_DOCTOR_OK, "database", "file", NULL,
		    "%s: %s, schema %d, %" PRId64 " flows, %" PRId64 " edges%s",
		    d->database, size, s.schema_version, s.flows, s.edges,
		    s.is_immutable ? ", opened immutable" : "");
		probe_heartbeat(d, &s);
		if (s.outbox_failed)
			ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "alerts", "outbox",
			    "eastwatch webhook status; then eastwatch webhook replay "
			    "ID",
			    "%" PRId64 " messages were given up", s.outbox_failed);
		else
			ew_doctor_say(d, EW_DOCTOR_OK, "alerts", "outbox", NULL,
			    "%" PRId64 " messages wait, none was given up",
			    s.outbox_queued);
		if (s.gaps)
			ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "capture", "gaps",
			    "eastwatch sql \"SELECT * FROM v_gaps\"; raise "
			    "capture.ring_size if "
			    "they are kernel_drop",
			    "%" PRId64 " gaps are on record: not everything was seen",
			    s.gaps);
		else
			ew_doctor_say(d, EW_DOCTOR_OK, "capture", "gaps", NULL,
			    "no gap is on record");
	} else {
		ew_doctor_say(d,
		    err == -EACCES && geteuid() != 0 ? EW_DOCTOR_UNUSUAL
						     : EW_DOCTOR_BROKEN,
		    "database", "file",
		    err == -EACCES ? "run doctor as root or join group eastwatch"
				   : "eastwatch(1), \"A damaged or foreign database\"",
		    "%s", error.text);
	}
	ew_reader_close(reader);
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* What the daemon says is not well, in its own words. */
static void
say_health(struct ew_doctor *d, const json_t *health)
{
	const json_t *item;
	size_t i;

	json_array_foreach(health, i, item)
	{
		const char *level = text_of(item, "level");

		ew_doctor_say(d,
		    strcmp(level, "broken") == 0	? EW_DOCTOR_BROKEN
			: strcmp(level, "unusual") == 0 ? EW_DOCTOR_UNUSUAL
							: EW_DOCTOR_OK,
		    "daemon", text_of(item, "name"), NULL, "%s", text_of(item, "text"));
	}
	if (json_array_size(health) == 0)
		ew_doctor_say(d, EW_DOCTOR_OK, "daemon", "health", NULL,
		    "the daemon reports nothing wrong");
}

static void
say_runtimes(struct ew_doctor *d, const json_t *runtimes)
{
	const json_t *r;
	size_t i;

	json_array_foreach(runtimes, i, r)
	{
		const bool connected = json_is_true(json_object_get(r, "connected"));
		char name[64];

		snprintf(name, sizeof(name), "%s", text_of(r, "name"));
		if (connected)
			ew_doctor_say(d, EW_DOCTOR_OK, "daemon", name, NULL,
			    "the daemon is connected to %s %s", name,
			    text_of(r, "version"));
		else if (json_is_true(json_object_get(r, "configured")))
			ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "daemon", name,
			    "look at the runtime; the daemon tries again by itself",
			    "the daemon is not connected to %s: %s", name,
			    text_of(r, "sentence"));
	}
}

void
ew_doctor_daemon(struct ew_doctor *d)
{
	json_t *answer = NULL, *value;
	const char *key;

	if (!d->daemon_runs)
		return;
	const int err = ew_control_ask_at(d->socket, "status", &answer);
	if (err == -EACCES || err == -EPERM)
		return; /* said already, with what to do */
	if (err || !answer) {
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "daemon", "answer",
		    "look at its log (journalctl -u eastwatchd) and restart it",
		    "the control socket is open, but the daemon does not answer");
		return;
	}
	ew_doctor_say(d, EW_DOCTOR_OK, "daemon", "version", NULL, "eastwatchd %s",
	    text_of(answer, "version"));
	json_object_foreach(json_object_get(answer, "facts"), key, value)
	{
		if (json_string_value(value) && strcmp(key, "version") != 0)
			ew_doctor_say(d, EW_DOCTOR_OK, "daemon", key, NULL, "%s",
			    json_string_value(value));
	}
	say_health(d, json_object_get(answer, "health"));
	say_runtimes(d, json_object_get(answer, "runtimes"));
	json_decref(answer);
}
