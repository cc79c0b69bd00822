/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database and the running daemon say of themselves.
 */
#include "cli/doctor_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
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

void
ew_doctor_daemon(struct ew_doctor *d)
{
	(void)d;
}
