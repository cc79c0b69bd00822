/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a database remembers, back into the records it was written from. Read over a
 * connection of its own, in the loop thread: what was flushed is seen. Names become pointers by asking the caller; static texts (detector
 * names, techniques) are kept until the store is closed.
 *
 * What is read is checked as if it came from outside: numbers in range, texts cut to their
 * field, a message only of the layout this program writes.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "store/load_priv.h"

sqlite3_stmt *
load_prepare(struct ew_store *store, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (store->reading.error == 0 &&
	    sqlite3_prepare_v2(store->reading.handle, sql, -1, &s, NULL) != SQLITE_OK)
		(void)ew_db_fail(&store->reading, "load");
	return s;
}

bool
load_next(struct ew_store *store, sqlite3_stmt *s)
{
	if (!s)
		return false;
	const int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		(void)ew_db_fail(&store->reading, "load");
	return false;
}

const char *
load_intern(struct ew_store *store, const char *text)
{
	for (struct store_intern *i = store->interned; i; i = i->next)
		if (strcmp(i->text, text) == 0)
			return i->text;
	const size_t size = strlen(text) + 1;
	struct store_intern *i = ew_alloc(sizeof(*i) + size);

	memcpy(i->text, text, size);
	i->next = store->interned;
	store->interned = i;
	return i->text;
}

static int64_t
ns(sqlite3_stmt *s, int at)
{
	const int64_t us = sqlite3_column_int64(s, at);

	return us < 0			    ? us
	    : us > INT64_MAX / EW_NS_PER_US ? INT64_MAX
					    : us * EW_NS_PER_US;
}

static uint64_t
u64(sqlite3_stmt *s, int at)
{
	return (uint64_t)sqlite3_column_int64(s, at);
}

static uint32_t
u32(sqlite3_stmt *s, int at)
{
	const int64_t value = sqlite3_column_int64(s, at);

	return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint16_t
u16(sqlite3_stmt *s, int at)
{
	const uint32_t value = u32(s, at);

	return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

static uint8_t
u8(sqlite3_stmt *s, int at)
{
	const uint32_t value = u32(s, at);

	return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static void
load_meta(struct ew_store *store, const struct ew_store_loader *loader)
{
	static const char observed[] =
	    "SELECT value FROM meta WHERE key = 'observed_us'";
	static const char first[] = "SELECT value FROM meta WHERE key = 'first_us'";
	const int64_t observed_us = ew_db_int(&store->reading, observed, -1);

	if (!loader->meta || observed_us < 0)
		return;
	const struct ew_graph_record record = { .observed_ns =
						    observed_us * EW_NS_PER_US,
		.first_ns = ew_db_int(&store->reading, first, 0) * EW_NS_PER_US };

	loader->meta(loader->context, &record);
}

static void
load_workloads(struct ew_store *store, const struct ew_store_loader *loader)
{
	if (!loader->workload)
		return;
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT name, peer_group, image_repo, cls, is_managed, is_job, state, "
	    "is_locked, "
	    "is_quarantined, was_there, is_incomplete, labels, posture, first_us, "
	    "last_us, "
	    "age_us, learned_age_us, new_edge_age_us, discoveries_out, discoveries_in, "
	    "discovery_age_out_us, discovery_age_in_us, starts, runs, incidences, f1, "
	    "f2, "
	    "sessions_in, sessions_out, run_out, resolved_yes, resolved_all, spec_hash "
	    "FROM workload WHERE is_known ORDER BY id");

	while (load_next(store, s)) {
		struct ew_workload_record r = { .cls = u8(s, 3),
			.is_managed = u8(s, 4),
			.is_job = u8(s, 5),
			.state = u8(s, 6),
			.is_locked = u8(s, 7),
			.is_quarantined = u8(s, 8),
			.was_there = u8(s, 9),
			.is_incomplete = u8(s, 10),
			.labels = u16(s, 11),
			.posture = u16(s, 12),
			.first_ns = ns(s, 13),
			.last_ns = ns(s, 14),
			.age_ns = ns(s, 15),
			.learned_age_ns = ns(s, 16),
			.new_edge_age_ns = ns(s, 17),
			.discoveries_q16 = { u32(s, 18), u32(s, 19) },
			.discovery_age_ns = { ns(s, 20), ns(s, 21) },
			.starts = u32(s, 22),
			.runs = u32(s, 23),
			.incidences = u32(s, 24),
			.f1 = u32(s, 25),
			.f2 = u32(s, 26),
			.sessions_in = u64(s, 27),
			.sessions_out = u64(s, 28),
			.run_out = u64(s, 29),
			.resolved_yes = u32(s, 30),
			.resolved_all = u32(s, 31),
			.spec_hash = u64(s, 32) };

		ew_db_column_copy(s, 0, r.name, sizeof(r.name));
		ew_db_column_copy(s, 1, r.group, sizeof(r.group));
		ew_db_column_copy(s, 2, r.image_repo, sizeof(r.image_repo));
		loader->workload(loader->context, &r);
	}
	sqlite3_finalize(s);
}

static void
load_edges(struct ew_store *store, const struct ew_store_loader *loader)
{
	if (!loader->edge)
		return;
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT sw.name, dw.name, e.proto, e.port, e.status, e.origin, e.flags, "
	    "e.starts, "
	    "e.wdays, e.hours, e.days, e.slices, e.last_slice, e.slots, e.first_us, "
	    "e.last_us, "
	    "e.max_gap_us, e.established_us, e.expires_us, e.decision, e.connections, "
	    "e.failed, e.src_bytes, e.dst_bytes, e.max_bytes_h, e.replicas, "
	    "e.replicas_hll "
	    "FROM edge e JOIN workload sw ON sw.id = e.src JOIN workload dw ON dw.id = "
	    "e.dst "
	    "WHERE e.is_known ORDER BY e.id");

	while (load_next(store, s)) {
		struct ew_edge e = { .proto = u8(s, 2),
			.port = u16(s, 3),
			.status = u8(s, 4),
			.origin = u8(s, 5),
			.flags = u8(s, 6),
			.starts = u8(s, 7),
			.wdays = u8(s, 8),
			.hours = u32(s, 9),
			.days = u32(s, 10),
			.slices = u16(s, 11),
			.last_slice = u16(s, 12),
			.slots = u32(s, 13),
			.first_ns = ns(s, 14),
			.last_ns = ns(s, 15),
			.max_gap_ns = ns(s, 16),
			.established_ns = ns(s, 17),
			.expires_ns = ns(s, 18),
			.decision_id = u64(s, 19),
			.connections = u64(s, 20),
			.failed = u64(s, 21),
			.src_bytes = u64(s, 22),
			.dst_bytes = u64(s, 23),
			.max_bytes_h = u64(s, 24),
			.replicas = u8(s, 25) };
		const void *hll = sqlite3_column_blob(s, 26);

		if (hll && sqlite3_column_bytes(s, 26) == (int)sizeof(e.replicas_hll))
			memcpy(e.replicas_hll, hll, sizeof(e.replicas_hll));
		loader->edge(loader->context, ew_db_column_text(s, 0),
		    ew_db_column_text(s, 1), &e);
	}
	sqlite3_finalize(s);
}

static void
load_decisions(struct ew_store *store, const struct ew_store_loader *loader)
{
	if (!loader->decision)
		return;
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT id, at_us, action, src, dst, port, proto, expires_us, incident, "
	    "undoes, "
	    "is_undone, labels, edges, who, why FROM decision ORDER BY at_us, id");

	while (load_next(store, s)) {
		struct ew_decision_record r = { .id = u64(s, 0),
			.at_ns = ns(s, 1),
			.action = u8(s, 2),
			.expires_ns = ns(s, 7),
			.incident_id = u64(s, 8),
			.undoes = u64(s, 9),
			.is_undone = u8(s, 10),
			.labels = u16(s, 11),
			.edges = u32(s, 12) };

		ew_db_column_copy(s, 3, r.pattern.src, sizeof(r.pattern.src));
		ew_db_column_copy(s, 4, r.pattern.dst, sizeof(r.pattern.dst));
		r.pattern.port = sqlite3_column_int(s, 5);
		r.pattern.proto = (int16_t)sqlite3_column_int(s, 6);
		ew_db_column_copy(s, 13, r.who, sizeof(r.who));
		ew_db_column_copy(s, 14, r.why, sizeof(r.why));
		loader->decision(loader->context, &r);
	}
	sqlite3_finalize(s);
}

static void
load_states(struct ew_store *store, const struct ew_store_loader *loader)
{
	if (!loader->detector)
		return;
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT detector, key, version, data FROM detector_state ORDER BY "
	    "detector, key");

	while (load_next(store, s)) {
		struct ew_detect_record r = { .version = u16(s, 2) };
		const void *data = sqlite3_column_blob(s, 3);
		const int size = sqlite3_column_bytes(s, 3);

		if (size < 0 || size > EW_DETECT_DATA_MAX)
			continue;
		ew_db_column_copy(s, 0, r.detector, sizeof(r.detector));
		ew_db_column_copy(s, 1, r.key, sizeof(r.key));
		r.size = (uint16_t)size;
		if (size > 0)
			memcpy(r.data, data, (size_t)size);
		loader->detector(loader->context, &r);
	}
	sqlite3_finalize(s);
}

static void
load_sent(struct ew_store *store, const struct ew_store_loader *loader,
    struct ew_mono now)
{
	if (!loader->sent)
		return;
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT incident, created_us FROM outbox WHERE created_us >= ?1 "
	    "ORDER BY created_us, id");

	if (s)
		ew_db_bind_int(s, 1, now.ns / EW_NS_PER_US - INT64_C(86400000000));
	while (load_next(store, s))
		loader->sent(loader->context, u64(s, 0), ns(s, 1));
	sqlite3_finalize(s);
}

static void
load_outbox(struct ew_store *store, const struct ew_store_loader *loader)
{
	if (!loader->outbox)
		return;
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT o.version, o.body, t.target, t.attempts, t.http_status, t.next_us, "
	    "t.updated_us, t.answer FROM outbox o JOIN outbox_target t ON t.message = "
	    "o.id "
	    "WHERE t.state = 0 ORDER BY o.created_us, o.id, t.target");
	uint64_t unreadable = 0;

	while (load_next(store, s)) {
		struct ew_outbox_row row = { .state = EW_OUTBOX_QUEUED,
			.attempts = u16(s, 3),
			.http_status = u16(s, 4),
			.next_us = sqlite3_column_int64(s, 5),
			.updated_us = sqlite3_column_int64(s, 6) };
		struct ew_message message;
		const void *body = sqlite3_column_blob(s, 1);

		if (sqlite3_column_int(s, 0) != store_message_version() ||
		    sqlite3_column_bytes(s, 1) != (int)sizeof(message)) {
			unreadable++;
			continue;
		}
		memcpy(&message, body, sizeof(message));
		ew_db_column_copy(s, 2, row.target, sizeof(row.target));
		ew_db_column_copy(s, 7, row.answer, sizeof(row.answer));
		loader->outbox(loader->context, &message, &row);
	}
	sqlite3_finalize(s);
	if (unreadable)
		ew_log(EW_LOG_UNUSUAL, "store",
		    "queued messages of another version cannot be sent; see `eastwatch "
		    "webhook "
		    "list` messages=%llu",
		    (unsigned long long)unreadable);
}

int
ew_store_load(struct ew_store *store, const struct ew_store_loader *loader,
    struct ew_mono now, struct ew_error *error)
{
	/* The writer's connection belongs to its thread: a short one of our own. */
	int rc = ew_db_open(&store->reading, store->path, NULL, SQLITE_OPEN_READONLY,
	    NULL, 0, error);

	if (rc != 0)
		return rc;
	sqlite3_busy_timeout(store->reading.handle, 5000);
	load_meta(store, loader);
	load_workloads(store, loader);
	load_edges(store, loader);
	load_decisions(store, loader);
	load_incidents(store, loader);
	load_states(store, loader);
	load_sent(store, loader, now);
	load_outbox(store, loader);
	if (store->reading.error != 0)
		rc = ew_db_explain(store->path, store->reading.error,
		    store->reading.error_text, error);
	ew_db_close(&store->reading);
	return rc;
}

int
ew_store_each_failed(struct ew_store *store,
    void (*visit)(void *context, uint64_t message_id, const char *target),
    void *context)
{
	struct ew_db db;
	struct ew_error error;
	sqlite3_stmt *s = NULL;
	int n = 0;
	/* The writer's connection is busy by now: a short one of our own. */
	int rc =
	    ew_db_open(&db, store->path, NULL, SQLITE_OPEN_READONLY, NULL, 0, &error);

	if (rc != 0)
		return rc;
	if (sqlite3_prepare_v2(db.handle,
		"SELECT message, target FROM outbox_target WHERE state = 2 ORDER BY "
		"message",
		-1, &s, NULL) != SQLITE_OK)
		n = ew_db_fail(&db, "failed messages");
	while (s && sqlite3_step(s) == SQLITE_ROW) {
		visit(context, u64(s, 0), ew_db_column_text(s, 1));
		n++;
	}
	sqlite3_finalize(s);
	ew_db_close(&db);
	return n;
}
