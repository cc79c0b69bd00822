/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing door: open, close, the barrier and the clock. What stands behind it:
 *
 *     loop thread      put.c: copy a record  ->  lane.c: ring, backlog
 *     writer thread    writer.c: when to commit, and what to do when it fails
 *                      apply_*.c: one record into rows      retain.c: and out again
 *
 * Without a thread (replay) the same steps run inside the calls, when packet time or a full
 * ring asks for them, so that a database written twice from one file is the same.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/log.h"
#include "base/ring.h"
#include "base/text.h"
#include "store/store_priv.h"

#define URGENT_RING_BYTES (1u << 20)
#define URGENT_BACKLOG_MAX (64u << 20)
#define BULK_BACKLOG_MAX (32u << 20)
#define DAY_NS (INT64_C(86400) * EW_NS_PER_S)

void
ew_store_conf_default(struct ew_store_conf *ret_conf)
{
	*ret_conf = (struct ew_store_conf){
		.path = "/var/lib/eastwatch/eastwatch.db",
		.keep_flows_ns = 7 * DAY_NS,
		.keep_edges_ns = 180 * DAY_NS,
		.max_bytes = UINT64_C(4) << 30,
		.flush_ms = 1000,
		.ring_bytes = 4u << 20,
		.is_threaded = true,
		.program = "eastwatch",
	};
}

/*
 * One writer per database. A lock on a file of its own: closing any descriptor of the
 * database itself would drop SQLite's POSIX locks in this process (fcntl(2)).
 */
static int
take_lock(struct ew_store *store, struct ew_error *error)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s-lock", store->path) >=
	    sizeof(path))
		return ew_error_set(error, -ENAMETOOLONG, "database path is too long");
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (store->lock_fd < 0) {
		const int code = -errno;

		if (code == -ENOENT)
			return ew_error_set(error, code,
			    "the folder of database %s does not exist: create it, or "
			    "name "
			    "another file with database.path",
			    store->path);
		return ew_db_explain(store->path, code, ew_err_text(code), error);
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return ew_error_set(error, -EBUSY,
	    "database %s is being written by another eastwatch: stop that one, or name "
	    "another file with database.path",
	    store->path);
}

static int
open_database(struct ew_store *store, struct ew_error *error)
{
	int rc = ew_db_open(&store->db, store->path, NULL,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, store_sql, STORE_STMTS, error);

	if (rc != 0)
		return rc;
	struct ew_db *db = &store->db;

	sqlite3_busy_timeout(db->handle, 5000);
	/* Nothing to lose yet: making the tables need not wait for the disk. */
	if (ew_db_int(db, "PRAGMA page_count", 1) == 0)
		(void)ew_db_exec(db, "pragmas", "PRAGMA synchronous = OFF");
	rc = ew_db_migrate(db, error);
	if (rc != 0)
		return rc;
	/*
	 * Checkpoints are ours to time (writer.c). journal_size_limit is not set: the WAL file
	 * keeps the size it once had, and with it room to write on a full disk.
	 */
	(void)ew_db_exec(db, "pragmas",
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	    "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
	    "PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 0;"
	    "PRAGMA trusted_schema = OFF;");
	/* A replay that is cut off is run again: it syncs once, at the end. */
	if (!store->is_threaded)
		(void)ew_db_exec(db, "pragmas", "PRAGMA synchronous = OFF");
	if (db->error)
		return ew_db_explain(store->path, db->error, db->error_text, error);
	return 0;
}

/* Where the run before this one left off. */
static int
read_positions(struct ew_store *store, struct ew_error *error)
{
	struct ew_db *db = &store->db;

	store->next_seq = 1 + ew_db_int(db, "SELECT max(seq) FROM flow", 0);
	store->next_rev = 1 +
	    ew_db_int(db,
		"SELECT max(r) FROM (SELECT max(rev) AS r FROM signal UNION ALL "
		"SELECT max(rev) FROM incident)",
		0);
	store->generation =
	    ew_db_int(db, "SELECT value FROM meta WHERE key = 'generation'", 0);
	store->run = 1 + ew_db_int(db, "SELECT value FROM meta WHERE key = 'run'", 0);
	store->alive_us =
	    ew_db_int(db, "SELECT value FROM meta WHERE key = 'clock_us'", 0);

	if (store_begin(store) == 0) {
		store_meta_set(store, "run", store->run);
		store_meta_text(store, "node", store->node);
		store_meta_text(store, "program", store->program);
		if (ew_db_stmt(db, ST_FLOW_CLOSE_OLD))
			(void)ew_db_run(db, ST_FLOW_CLOSE_OLD);
		(void)store_commit(store, false);
	}
	if (db->error)
		return ew_db_explain(store->path, db->error, db->error_text, error);
	store_block_start(store);
	return 0;
}

static int
start_thread(struct ew_store *store, struct ew_error *error)
{
	sigset_t all, before;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int rc = pthread_create(&store->thread, NULL, store_writer_main, store);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return ew_error_set(error, -rc, "cannot start the database writer: %s",
		    ew_err_text(-rc));
	store->has_thread = true;
	return 0;
}

static void
store_free(struct ew_store *store)
{
	ew_db_close(&store->db);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->wake_fd >= 0)
		close(store->wake_fd);
	struct store_lane *lanes[] = { &store->urgent, &store->bulk };

	for (size_t i = 0; i < 2; i++) {
		ew_ring_free(lanes[i]->ring);
		store_buffer_free(&lanes[i]->backlog);
		store_buffer_free(&lanes[i]->batch);
	}
	store_keys_fini(&store->keys);
	store_open_fini(&store->open);
	free(store->workloads.db);
	free(store->instances.db);
	free(store->networks.db);
	free(store->addr6);
	free(store->name_ids);
	free(store->names.slots);
	free(store->incident_scratch);
	free(store->message_scratch);
	free(store->path);
	free(store->program);
	while (store->interned) {
		struct store_intern *next = store->interned->next;

		free(store->interned);
		store->interned = next;
	}
	pthread_mutex_destroy(&store->lock);
	pthread_cond_destroy(&store->answered);
	free(store);
}

int
ew_store_open(const struct ew_store_conf *conf, struct ew_error *error,
    struct ew_store **ret_store)
{
	/* SQLite need not count its allocations under a lock. Refused once it is in use. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

	struct ew_store *store = ew_alloc(sizeof(*store));

	store->lock_fd = store->wake_fd = -1;
	store->path = ew_strdup(conf->path);
	store->program = ew_strdup(conf->program ? conf->program : "eastwatch");
	(void)ew_text_copy(store->node, sizeof(store->node), conf->node);
	store->is_threaded = conf->is_threaded;
	store->flush_ns =
	    (int64_t)(conf->flush_ms ? conf->flush_ms : 1000) * EW_NS_PER_MS;
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->answered, NULL);
	ew_store_reconfigure(store, conf);

	store->urgent.ring = ew_ring_new(URGENT_RING_BYTES);
	store->urgent.backlog_max = store->urgent.batch_max = URGENT_BACKLOG_MAX;
	store->bulk.ring = ew_ring_new(conf->ring_bytes ? conf->ring_bytes : 4u << 20);
	store->bulk.backlog_max = store->bulk.batch_max = BULK_BACKLOG_MAX;
	store_keys_init(&store->keys);
	store->addr6 = ew_alloc_array(ADDR6_CACHE, sizeof(*store->addr6));
	store->incident_scratch = ew_alloc(sizeof(*store->incident_scratch));
	store->message_scratch = ew_alloc(sizeof(*store->message_scratch));
	store->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	int rc = store->urgent.ring && store->bulk.ring && store->keys.slots &&
		store->keys.keys && store->keys.bytes && store->wake_fd >= 0
	    ? take_lock(store, error)
	    : ew_error_set(error, -ENOMEM, "no memory for the database's rings");

	if (rc == 0)
		rc = open_database(store, error);
	if (rc == 0)
		rc = read_positions(store, error);
	if (rc == 0 && store->is_threaded)
		rc = start_thread(store, error);
	if (rc != 0) {
		store_free(store);
		return rc;
	}
	*ret_store = store;
	return 0;
}

void
ew_store_reconfigure(struct ew_store *store, const struct ew_store_conf *conf)
{
	atomic_store(&store->keep_flows_us, conf->keep_flows_ns / EW_NS_PER_US);
	atomic_store(&store->keep_edges_us, conf->keep_edges_ns / EW_NS_PER_US);
	atomic_store(&store->max_bytes, conf->max_bytes);
}

void
ew_store_close(struct ew_store *store)
{
	if (!store)
		return;
	store_push(store, &store->urgent);
	store_push(store, &store->bulk);
	const int rc = ew_store_flush(store);

	if (rc != 0)
		ew_log(EW_LOG_BROKEN, "store",
		    "not everything could be written before closing: %s db=%s",
		    ew_err_text(rc), store->path);
	if (store->has_thread) {
		atomic_store(&store->is_stopping, true);
		store_wake(store);
		pthread_join(store->thread, NULL);
	}
	/* Everything into the one file, so that it can be copied as it is; and to the disk. */
	sqlite3_exec(store->db.handle, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	sqlite3_wal_checkpoint_v2(store->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	    NULL, NULL);
	store_free(store);
}

void
ew_store_tick(struct ew_store *store, struct ew_mono now)
{
	atomic_store_explicit(&store->now_us, now.ns / EW_NS_PER_US,
	    memory_order_relaxed);
	store_push(store, &store->urgent);
	store_push(store, &store->bulk);
	if (store->is_threaded)
		return;
	if (store->tick_flush_ns == 0)
		store->tick_flush_ns = now.ns;
	if (now.ns - store->tick_flush_ns >= store->flush_ns) {
		store->tick_flush_ns = now.ns;
		store_step(store, true);
	}
}

int
ew_store_flush(struct ew_store *store)
{
	/* A backlog longer than the ring needs several turns; each answers only for its own. */
	for (int turn = 0;; turn++) {
		store_push(store, &store->urgent);
		store_push(store, &store->bulk);
		const bool is_last =
		    store->urgent.backlog.used == store->urgent.backlog.start &&
		    store->bulk.backlog.used == store->bulk.backlog.start;
		int rc;

		if (!store->has_thread) {
			store_heartbeat(store, true);
			store_step(store, true);
			rc = store->flush_result;
		} else {
			pthread_mutex_lock(&store->lock);
			const uint64_t ticket = ++store->flush_wanted;

			store_wake(store);
			while (store->flush_answered < ticket)
				pthread_cond_wait(&store->answered, &store->lock);
			rc = store->flush_result;
			pthread_mutex_unlock(&store->lock);
		}
		if (rc != 0 || is_last || turn > 1000)
			return rc;
	}
}

bool
ew_store_health(const struct ew_store *store, char *ret_text, size_t size)
{
	struct ew_store *s = (struct ew_store *)(uintptr_t)store; /* for the lock */

	pthread_mutex_lock(&s->lock);
	(void)ew_text_copy(ret_text, size, s->health);
	pthread_mutex_unlock(&s->lock);
	return ret_text[0] == '\0';
}

#define AT(field) offsetof(struct store_counts, field)
static const struct ew_counter counters[] = {
	{ "store_flows", "flows", "flow rows written", AT(flows), 0 },
	{ "store_flows_refused", "flows", "flow rows refused: the writer is behind",
	    AT(flows_refused), 0 },
	{ "store_flows_shed", "flows",
	    "flow rows given up: the disk is full or failing", AT(flows_shed), 0 },
	{ "store_flows_unnamed", "flows", "flow rows whose workload was never told",
	    AT(flows_unnamed), 0 },
	{ "store_edges", "edges", "edge records written", AT(edges), 0 },
	{ "store_rollups_shed", "rollups", "hourly rollups given up: the disk is full",
	    AT(rollups_shed), 0 },
	{ "store_signals", "signals", "signals written", AT(signals), 0 },
	{ "store_incidents", "incidents", "incident records written", AT(incidents),
	    0 },
	{ "store_messages", "messages", "messages put into the outbox", AT(messages),
	    0 },
	{ "store_commits", "commits", "transactions committed", AT(commits), 0 },
	{ "store_urgent_commits", "commits", "of these, at once and to the disk",
	    AT(urgent_commits), 0 },
	{ "store_commit_us", "us", "time spent in commits", AT(commit_us), 0 },
	{ "store_commit_max_us", "us", "longest commit", AT(commit_max_us), 1 },
	{ "store_failures", "transactions",
	    "transactions that failed and are tried again", AT(failures), 0 },
	{ "store_records_refused", "records",
	    "records the database does not take (a bug)", AT(records_refused), 0 },
	{ "store_backlog_lost", "records", "records lost: the backlog was full as well",
	    AT(backlog_lost), 0 },
	{ "store_retained_flows", "flows", "flow rows deleted by age or size",
	    AT(retained_flows), 0 },
	{ "store_retained_rows", "rows", "other rows deleted by age", AT(retained_rows),
	    0 },
	{ "store_file_bytes", "bytes", "size of the database file", AT(file_bytes), 1 },
	{ "store_wal_bytes", "bytes", "write-ahead log not yet in the file",
	    AT(wal_bytes), 1 },
	{ "store_waiting_bytes", "bytes", "records waiting for the disk", AT(waiting),
	    1 },
};

struct ew_counter_set
ew_store_counters(const struct ew_store *store)
{
	return (struct ew_counter_set){ .module = "store",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &store->counts };
}
