/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention: what is too old, or too much, goes; in slices, each a short transaction, so
 * that a signal never waits for it.
 *
 * "Old" is measured by the pipeline's clock, not the wall's: a replayed capture of last
 * year keeps its rows. Flow rows go in whole blocks, oldest first, by age
 * (database.retention.flows) or while the file is larger than max_size. Hours of rollups
 * are joined to days after two weeks. Freed pages are given back to the file system a few
 * at a time, but a reserve is kept: on a full disk it is what the next incident is written
 * to.
 */
#include <stdio.h>

#include "base/time.h"
#include "store/store_priv.h"

#define DAY_US INT64_C(86400000000)
#define HOURS_KEPT_US (14 * DAY_US)
#define OUTBOX_KEPT_US (30 * DAY_US)
#define PASS_NS (60 * EW_NS_PER_S)
#define RESERVE_PAGES 512 /* 2 MiB */
#define VACUUM_PAGES 256

static int64_t
page_size(struct ew_store *store)
{
	return ew_db_int(&store->db, "PRAGMA page_size", 4096);
}

/* What is used of the file: pages less free ones, in bytes. */
static int64_t
used_bytes(struct ew_store *store)
{
	return (ew_db_int(&store->db, "PRAGMA page_count", 0) -
		   ew_db_int(&store->db, "PRAGMA freelist_count", 0)) *
	    page_size(store);
}

/* Run a statement whose values are integers; returns the rows it changed, or an error. */
static int
run(struct ew_store *store, enum store_stmt which, const int64_t *values, int n)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, which);

	if (!s)
		return store->db.error;
	for (int i = 0; i < n; i++)
		ew_db_bind_int(s, i + 1, values[i]);
	const int rc = ew_db_run(&store->db, which);

	return rc != 0 ? rc : sqlite3_changes(store->db.handle);
}

struct old_block {
	int64_t id, first_seq, last_seq, last_us;
};

static bool
oldest_block(struct ew_store *store, struct old_block *ret_block)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_OLD_BLOCK);
	bool found = false;

	if (s && ew_db_step(&store->db, ST_OLD_BLOCK) == 1) {
		*ret_block = (struct old_block){ .id = sqlite3_column_int64(s, 0),
			.first_seq = sqlite3_column_int64(s, 1),
			.last_seq = sqlite3_column_int64(s, 2),
			.last_us = sqlite3_column_int64(s, 3) };
		found = true;
	}
	ew_db_reset(&store->db, ST_OLD_BLOCK);
	return found;
}

/* Within a transaction. The block that grows now is never dropped. */
static int
drop_block(struct ew_store *store, const struct old_block *b)
{
	const int64_t range[] = { b->first_seq, b->last_seq };
	const int rows = run(store, ST_DROP_FLOWS, range, 2);

	(void)run(store, ST_DROP_MORE, range, 2);
	(void)run(store, ST_DROP_BLOCK, &b->id, 1);
	return store->db.error != 0 ? store->db.error : rows;
}

/* One block in a transaction of its own; returns rows deleted or an error. */
static int
drop_oldest(struct ew_store *store, const struct old_block *b)
{
	if (store_begin(store) != 0)
		return store->db.error;
	const int rows = drop_block(store, b);
	const int64_t kept_from = b->last_us;

	store_meta_set(store, "pruned_us", kept_from);
	if (store_commit(store, false) != 0)
		return store->db.error;
	__atomic_fetch_add(&store->counts.retained_flows, (uint64_t)rows,
	    __ATOMIC_RELAXED);
	return rows;
}

int
store_make_room(struct ew_store *store)
{
	int total = 0;

	ew_db_clear_error(&store->db);
	for (int i = 0; i < 4; i++) {
		struct old_block b;

		if (!oldest_block(store, &b) || b.id >= store->block.id)
			break;
		const int rows = drop_oldest(store, &b);

		if (rows < 0)
			break;
		total += rows;
	}
	ew_db_clear_error(&store->db);
	return total;
}

/* Flow rows by age, then by size. Returns whether a block was dropped. */
static bool
retain_flows(struct ew_store *store, int64_t now_us)
{
	struct old_block b;

	if (!oldest_block(store, &b) || b.id >= store->block.id)
		return false;
	const uint64_t max = atomic_load(&store->max_bytes);
	const bool is_old = b.last_us < now_us - atomic_load(&store->keep_flows_us);
	const bool is_much = max != 0 && (uint64_t)used_bytes(store) > max;

	return (is_old || is_much) && drop_oldest(store, &b) >= 0;
}

/* The oldest day whose hours are due, as one slice. */
static bool
join_hours(struct ew_store *store, int64_t now_us)
{
	const int64_t first = ew_db_int(&store->db,
	    "SELECT min(bucket_us) FROM rollup WHERE width_s = 3600", INT64_MAX);

	if (first >= (now_us - HOURS_KEPT_US) / DAY_US * DAY_US)
		return false;
	const int64_t day[] = { first / DAY_US * DAY_US,
		first / DAY_US * DAY_US + DAY_US };

	(void)run(store, ST_DAY_ADD, day, 2);
	return run(store, ST_DAY_DROP_HOURS, day, 2) > 0;
}

/* One slice of everything that is not a flow row. Returns rows changed. */
static int
retain_rest(struct ew_store *store, int64_t now_us)
{
	const int64_t old_us = now_us - atomic_load(&store->keep_edges_us);
	const int64_t outbox_us = now_us - OUTBOX_KEPT_US;
	const int64_t flows_us =
	    ew_db_int(&store->db, "SELECT min(first_us) FROM flow_block", now_us) -
	    2 * INT64_C(3600000000);
	const struct {
		enum store_stmt which;
		int64_t before_us;
	} each[] = {
		{ ST_DROP_ROLLUP, old_us },
		{ ST_DROP_INCIDENT, old_us },
		{ ST_DROP_SIGNAL, old_us },
		{ ST_DROP_GAP, old_us },
		{ ST_DROP_OUTBOX, outbox_us },
		{ ST_DROP_LEASE, old_us },
		{ ST_DROP_INSTANCE, old_us },
		{ ST_DROP_EDGE, old_us },
		{ ST_DROP_ADDR6, flows_us },
	};
	int rows = 0;

	if (store_begin(store) != 0)
		return 0;
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		const int changed = run(store, each[i].which, &each[i].before_us, 1);

		if (changed > 0)
			rows += changed;
	}
	if (join_hours(store, now_us))
		rows++;
	if (store_commit(store, false) != 0)
		return 0;
	__atomic_fetch_add(&store->counts.retained_rows, (uint64_t)rows,
	    __ATOMIC_RELAXED);
	return rows;
}

/* Give free pages back, a few at a time, down to the reserve. */
static bool
give_back(struct ew_store *store)
{
	const int64_t free_pages = ew_db_int(&store->db, "PRAGMA freelist_count", 0);

	if (free_pages <= 2 * RESERVE_PAGES)
		return false;
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
	return ew_db_exec(&store->db, "incremental vacuum", sql) == 0;
}

bool
store_retain(struct ew_store *store)
{
	const int64_t now_us = atomic_load(&store->now_us);
	/* Passes by packet time in a replay, so that it ends the same each time. */
	const int64_t now_ns =
	    store->is_threaded ? ew_ticks_ns() : now_us * EW_NS_PER_US;

	if (now_us == 0 || store->retry_ns > ew_ticks_ns())
		return false;
	__atomic_store_n(&store->counts.file_bytes,
	    (uint64_t)(ew_db_int(&store->db, "PRAGMA page_count", 0) *
		page_size(store)),
	    __ATOMIC_RELAXED);
	if (retain_flows(store, now_us) || give_back(store))
		return store->db.error == 0;
	if (now_ns - store->retain_ns < PASS_NS && store->retain_ns != 0)
		return false;
	if (retain_rest(store, now_us) > 0)
		return store->db.error == 0;
	store->retain_ns = now_ns;
	return false;
}
