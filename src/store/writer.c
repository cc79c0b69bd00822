/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: when something is committed, and what happens when it cannot be.
 *
 * Two kinds of transaction. An urgent one takes all complete groups of the first lane and
 * is synced to the disk before anybody is told (synchronous = FULL: one fsync of the WAL).
 * A bulk one takes the second lane every flush interval, or earlier when the ring fills,
 * and is not synced (NORMAL: a power cut may lose it, a kill does not). A bulk transaction
 * looks at the first lane every 256 records and gives way, so that a signal waits for
 * milliseconds behind a burst of a million flows.
 *
 * When a commit fails, flow rows of that transaction are gone and counted; every other
 * record is still in its lane's batch and is tried again each second. On a full disk the
 * oldest flow rows are deleted first, which needs no new space as long as the WAL file may
 * be used again from its start, and flow rows are shed for ten seconds.
 */
#include "store/store_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/ring.h"
#include "base/text.h"
#include "base/time.h"

#define YIELD_RECORDS 256
#define TRANSACTION_RECORDS 65536
#define CHECKPOINT_PAGES 4096 /* 16 MiB of WAL */
#define RETRY_NS EW_NS_PER_S
#define SHED_NS (10 * EW_NS_PER_S)
#define HEARTBEAT_NS (30 * EW_NS_PER_S)

static void
count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

void
store_wake(struct ew_store *store)
{
	const uint64_t one = 1;

	if (store->is_threaded && write(store->wake_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is awake already */
}

void
store_set_health(struct ew_store *store, const char *sentence)
{
	bool is_new;

	pthread_mutex_lock(&store->lock);
	is_new = strncmp(store->health, sentence, sizeof(store->health) - 1) != 0;
	(void)ew_text_copy(store->health, sizeof(store->health), sentence);
	pthread_mutex_unlock(&store->lock);
	if (!is_new)
		return;
	if (sentence[0])
		ew_log(EW_LOG_BROKEN, "store", "%s", sentence);
	else
		ew_log(EW_LOG_INFO, "store", "the database is written again db=%s",
		    store->path);
}

/* --- transactions ------------------------------------------------------------------------- */

int
store_begin(struct ew_store *store)
{
	ew_db_clear_error(&store->db);
	if (!ew_db_stmt(&store->db, ST_BEGIN) || ew_db_run(&store->db, ST_BEGIN) != 0)
		return store->db.error;
	store->in_transaction = true;
	store->flows_in_transaction = 0;
	return 0;
}

void
store_rollback(struct ew_store *store)
{
	sqlite3_exec(store->db.handle, "ROLLBACK", NULL, NULL, NULL);
	store->in_transaction = false;
	/* Ids handed out in the transaction are free again. */
	memset(store->addr6, 0, ADDR6_CACHE * sizeof(*store->addr6));
	if (store->flows_in_transaction == 0)
		return;
	count(&store->counts.flows_shed, store->flows_in_transaction);
	store->flows_in_transaction = 0;
	/* What the block in memory says of rows is no longer true. */
	store_block_start(store);
}

static void
checkpoint(struct ew_store *store)
{
	int pages = 0, done = 0;

	if (sqlite3_wal_checkpoint_v2(store->db.handle, NULL, SQLITE_CHECKPOINT_PASSIVE,
		&pages, &done) != SQLITE_OK)
		return; /* a reader is in the way, or the disk is full: next time */
	store->wal_pages = pages - done;
}

int
store_commit(struct ew_store *store, bool is_durable)
{
	struct ew_db *db = &store->db;
	const int64_t begin_ns = ew_ticks_ns();

	store_block_flush(store);
	if (db->error == 0 && ew_db_stmt(db, ST_COMMIT))
		(void)ew_db_run(db, ST_COMMIT);
	if (db->error != 0) {
		store_rollback(store);
		return db->error;
	}
	store->in_transaction = false;
	count(&store->counts.flows, store->flows_in_transaction);
	store->flows_in_transaction = 0;
	count(&store->counts.commits, 1);
	count(&store->counts.urgent_commits, is_durable);
	const uint64_t us = (uint64_t)((ew_ticks_ns() - begin_ns) / EW_NS_PER_US);

	count(&store->counts.commit_us, us);
	if (us > store->counts.commit_max_us)
		__atomic_store_n(&store->counts.commit_max_us, us, __ATOMIC_RELAXED);
	return 0;
}

/* --- failure ------------------------------------------------------------------------------- */

static void
complain(struct ew_store *store)
{
	struct ew_error error;
	char text[512];

	(void)ew_db_explain(store->path, store->db.error, store->db.error_text, &error);
	snprintf(text, sizeof(text),
	    "%.400s (records wait in memory, flow rows are given up)", error.text);
	store_set_health(store, text);
}

/* Delete the oldest flow rows, with the log emptied before and after. */
static bool
make_room(struct ew_store *store)
{
	checkpoint(store);
	const bool has_room = store_make_room(store) > 0;

	checkpoint(store);
	/* Nothing left to delete: then rollups are next, before anything that matters. */
	store->shed_rollups = !has_room;
	return has_room;
}

/* After a failed transaction: count it, say it, make room, and when to try again. */
static void
failed(struct ew_store *store)
{
	const int code = store->db.error;

	count(&store->counts.failures, 1);
	complain(store);
	store->retry_ns = ew_ticks_ns() + RETRY_NS;
	store->shed_until_ns = ew_ticks_ns() + SHED_NS;
	if (code == -ENOSPC)
		(void)make_room(store);
}

/*
 * One record. The database refusing the record itself (a constraint, a type) is a bug of
 * ours and must not stop what comes after it.
 */
static void
apply(struct ew_store *store, const struct rec_head *record)
{
	store_apply(store, record);
	if (store->db.error != -EINVAL)
		return;
	if (store->counts.records_refused == 0)
		ew_log(EW_LOG_BROKEN, "store",
		    "a record was refused and left out: %s kind=%u db=%s",
		    store->db.error_text, record->kind, store->path);
	count(&store->counts.records_refused, 1);
	ew_db_clear_error(&store->db);
}

static void
apply_batch(struct ew_store *store, const struct store_lane *lane, size_t end)
{
	for (size_t at = 0; at < end && store->db.error == 0;) {
		const struct rec_head *record = (const void *)(lane->batch.bytes + at);

		apply(store, record);
		at += (record->size + 7u) & ~(size_t)7;
	}
}

static bool
must_be_durable(const struct store_lane *lane)
{
	for (size_t at = 0; at < lane->closed;) {
		const struct rec_head *record = (const void *)(lane->batch.bytes + at);

		switch (record->kind) {
		case REC_SIGNAL:
		case REC_INCIDENT:
		case REC_DECISION:
		case REC_MESSAGE:
		case REC_RESULT:
		case REC_REPLAY:
			return true;
		default:
			break;
		}
		at += (record->size + 7u) & ~(size_t)7;
	}
	return false;
}

/* --- the first lane ------------------------------------------------------------------------ */

/* Drop what is committed; an incomplete group stays for the next turn. */
static void
batch_done(struct store_lane *lane)
{
	struct store_buffer *b = &lane->batch;

	if (lane->closed == b->used) {
		store_buffer_clear(b);
	} else {
		memmove(b->bytes, b->bytes + lane->closed, b->used - lane->closed);
		b->used -= lane->closed;
	}
	lane->closed = 0;
}

/* Returns 0 when nothing complete is left. Never inside a transaction. */
static int
write_urgent(struct ew_store *store)
{
	struct store_lane *lane = &store->urgent;

	store_take(store, lane);
	if (lane->closed == 0)
		return 0;
	if (store->retry_ns > ew_ticks_ns())
		return store->db.error ? store->db.error : -EAGAIN;

	/* Replay needs no fsync per incident: the file is finished at the end or not at all. */
	const bool is_durable = store->is_threaded && must_be_durable(lane);

	for (int attempt = 0; attempt < 2; attempt++) {
		if (is_durable)
			(void)ew_db_exec(&store->db, "sync",
			    "PRAGMA synchronous = FULL");
		if (store_begin(store) == 0) {
			apply_batch(store, lane, lane->closed);
			if (store_commit(store, is_durable) == 0) {
				batch_done(lane);
				store->retry_ns = 0;
				if (!store->is_low)
					store_set_health(store, "");
			}
		}
		if (is_durable)
			sqlite3_exec(store->db.handle, "PRAGMA synchronous = NORMAL",
			    NULL, NULL, NULL);
		if (store->db.error == 0)
			return 0;
		const int code = store->db.error;

		failed(store);
		if (code != -ENOSPC)
			return code;
		ew_db_clear_error(&store->db);
	}
	store->db.error = -ENOSPC;
	return -ENOSPC;
}

/* --- the second lane ----------------------------------------------------------------------- */

static bool
is_told(const struct ew_store *store, const struct rec_flow *r)
{
	return store_id(&store->workloads, r->src) &&
	    store_id(&store->workloads, r->dst) &&
	    (!r->src_instance || store_id(&store->instances, r->src_instance)) &&
	    (!r->dst_instance || store_id(&store->instances, r->dst_instance));
}

static bool
needs_names(const struct ew_store *store, const struct rec_head *record)
{
	const struct rec_edge *edge = (const void *)record;

	switch (record->kind) {
	case REC_FLOW:
		return !is_told(store, (const void *)record);
	case REC_EDGE:
	case REC_EDGE_REMOVED:
		return !store_id(&store->workloads, edge->src) ||
		    !store_id(&store->workloads, edge->dst);
	default:
		return false;
	}
}

static size_t row_budget(struct ew_store *store);

/* Commit what is open, let the first lane pass, and go on; ret_budget: ask for it anew. */
static int
give_way(struct ew_store *store, size_t *ret_budget)
{
	if (store_commit(store, false) != 0) {
		failed(store);
		return store->db.error;
	}
	store->bulk.closed = store->bulk.batch.used;
	batch_done(&store->bulk);
	int rc = write_urgent(store);

	if (rc != 0)
		return rc;
	if (ret_budget)
		*ret_budget = row_budget(store);
	rc = store_begin(store);
	if (rc != 0)
		failed(store);
	return rc;
}

/* While the disk fails: flow rows are given up, the rest is kept for later. */
static void
shed_bulk(struct ew_store *store)
{
	const void *bytes;
	size_t size;

	while ((bytes = ew_ring_peek(store->bulk.ring, &size)) != NULL) {
		const struct rec_head *record = bytes;

		if (record->kind == REC_FLOW)
			count(&store->counts.flows_shed, 1);
		else
			(void)store_keep(store, &store->bulk, record);
		ew_ring_pop(store->bulk.ring);
	}
}

/*
 * How many flow rows the next transaction may have. With little space left the log is
 * emptied each time, and the oldest rows make room for the newest, once a second.
 */
static size_t
row_budget(struct ew_store *store)
{
	const int64_t now_ns = ew_ticks_ns();
	size_t rows = store_row_budget(store, TRANSACTION_RECORDS);

	store->is_low = false;
	if (rows == TRANSACTION_RECORDS)
		return store->shed_until_ns > now_ns ? 0 : rows;
	checkpoint(store);
	if (rows == 0 && now_ns - store->room_ns > RETRY_NS) {
		store->room_ns = now_ns;
		if (make_room(store))
			rows = store_row_budget(store, TRANSACTION_RECORDS);
	}
	store->is_low = rows == 0;
	if (store->is_low) {
		char text[512];

		(void)snprintf(text, sizeof(text),
		    "little space left for database %.300s: flow rows are given up, "
		    "the rest "
		    "is written; free some, or lower database.retention.max_size",
		    store->path);
		store_set_health(store, text);
	}
	return store->shed_until_ns > now_ns ? 0 : rows;
}

static void
take_flow(struct ew_store *store, const struct rec_head *record, size_t budget)
{
	if (budget == 0) {
		count(&store->counts.flows_shed, 1);
	} else if (needs_names(store, record)) {
		count(&store->counts.flows_unnamed, 1);
	} else {
		store->flows_in_transaction++;
		apply(store, record);
	}
}

/* Write what the ring holds, within one open transaction. Returns 0 or an error. */
static int
drain_bulk(struct ew_store *store, size_t budget)
{
	struct store_lane *lane = &store->bulk;
	const void *bytes;
	size_t size, n = 0;

	while (
	    store->db.error == 0 && (bytes = ew_ring_peek(lane->ring, &size)) != NULL) {
		const struct rec_head *record = bytes;
		const bool is_long =
		    budget > 0 && store->flows_in_transaction >= budget;

		if (is_long || needs_names(store, record) ||
		    (++n % YIELD_RECORDS == 0 &&
			!ew_ring_is_empty(store->urgent.ring))) {
			const int rc = give_way(store, is_long ? &budget : NULL);

			if (rc != 0)
				return rc;
		}
		if (record->kind == REC_FLOW)
			take_flow(store, record, budget);
		else if (store_keep(store, lane, record))
			apply(store, record);
		ew_ring_pop(lane->ring);
	}
	return store->db.error;
}

static int
write_bulk(struct ew_store *store)
{
	struct store_lane *lane = &store->bulk;

	if (lane->batch.used == 0 && ew_ring_is_empty(lane->ring))
		return 0;
	if (store->retry_ns > ew_ticks_ns()) {
		shed_bulk(store);
		return store->db.error ? store->db.error : -EAGAIN;
	}
	const size_t budget = row_budget(store);

	if (store_begin(store) == 0) {
		apply_batch(store, lane, lane->batch.used);
		(void)drain_bulk(store, budget);
	}
	if (store->in_transaction && store_commit(store, false) == 0) {
		lane->closed = lane->batch.used;
		batch_done(lane);
		if (budget > 0 && store->shed_until_ns <= ew_ticks_ns()) {
			store->shed_rollups = false;
			store->retry_ns = 0;
			if (store->urgent.closed == 0)
				store_set_health(store, "");
		}
		return 0;
	}
	if (store->db.error != 0 && store->retry_ns <= ew_ticks_ns())
		failed(store);
	return store->db.error ? store->db.error : -EAGAIN;
}

/* --- the turn ------------------------------------------------------------------------------ */

void
store_heartbeat(struct ew_store *store, bool force)
{
	const int64_t now_ns = ew_ticks_ns();

	if (!force && now_ns - store->heartbeat_ns < HEARTBEAT_NS)
		return;
	store->heartbeat_ns = now_ns;
	if (store->retry_ns > now_ns || store_begin(store) != 0)
		return;
	store_meta_set(store, "clock_us", atomic_load(&store->now_us));
	if (store->is_threaded)
		store_meta_set(store, "heartbeat_us", ew_wall_now().us);
	(void)store_commit(store, false);
}

static void
measure(struct ew_store *store)
{
	__atomic_store_n(&store->counts.waiting,
	    store->urgent.batch.used + store->bulk.batch.used, __ATOMIC_RELAXED);
	__atomic_store_n(&store->counts.wal_bytes, (uint64_t)store->wal_pages * 4096,
	    __ATOMIC_RELAXED);
}

static int
on_wal(void *context, sqlite3 *handle, const char *name, int pages)
{
	struct ew_store *store = context;

	(void)handle;
	(void)name;
	store->wal_pages = pages;
	if (pages > store->wal_high_pages)
		store->wal_high_pages = pages;
	return SQLITE_OK;
}

void
store_step(struct ew_store *store, bool all)
{
	const int64_t now_ns = ew_ticks_ns();
	const bool is_due = all || now_ns - store->last_bulk_ns >= store->flush_ns ||
	    ew_ring_used(store->bulk.ring) > ew_ring_capacity(store->bulk.ring) / 4;

	sqlite3_wal_hook(store->db.handle, on_wal, store);
	int rc = write_urgent(store);

	if (is_due) {
		store->last_bulk_ns = now_ns;
		const int bulk = write_bulk(store);

		rc = rc ? rc : bulk;
		if (store->is_threaded)
			store_heartbeat(store, false);
	}
	if (store->wal_pages > CHECKPOINT_PAGES)
		checkpoint(store);
	measure(store);
	if (!store->is_threaded)
		store->flush_result = rc;
	else if (all) {
		pthread_mutex_lock(&store->lock);
		store->flush_result = rc;
		pthread_mutex_unlock(&store->lock);
	}
	if (!store->is_threaded)
		while (store_retain(store)) {
		}
}

/* How long the writer may sleep, in ms. */
static int
pause_ms(const struct ew_store *store, bool has_more)
{
	if (has_more)
		return 0;
	const int64_t left = store->last_bulk_ns + store->flush_ns - ew_ticks_ns();

	if (left <= 0)
		return 0;
	return (int)(left / EW_NS_PER_MS) +
	    1; /* a filling ring wakes us before (lane.c) */
}

void *
store_writer_main(void *context)
{
	struct ew_store *store = context;
	bool has_more = false;

	for (;;) {
		struct pollfd wake = { .fd = store->wake_fd, .events = POLLIN };
		uint64_t ignored;

		if (poll(&wake, 1, pause_ms(store, has_more)) > 0 &&
		    read(store->wake_fd, &ignored, sizeof(ignored)) < 0)
			continue;
		pthread_mutex_lock(&store->lock);
		const uint64_t wanted = store->flush_wanted;
		const bool is_asked = wanted > store->flush_answered;
		pthread_mutex_unlock(&store->lock);
		const bool is_stopping = atomic_load(&store->is_stopping);

		if (is_asked || is_stopping)
			store_heartbeat(store, true);
		store_step(store, is_asked || is_stopping);
		if (is_asked) {
			pthread_mutex_lock(&store->lock);
			store->flush_answered = wanted;
			pthread_cond_broadcast(&store->answered);
			pthread_mutex_unlock(&store->lock);
		}
		if (is_stopping)
			return NULL;
		has_more = store_retain(store);
	}
}
