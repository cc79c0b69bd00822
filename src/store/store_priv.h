/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db_priv.h"
#include "store/record_priv.h"
#include "store/store.h"

struct ew_ring;

/* A growing row of records. */
struct store_buffer {
	uint8_t *bytes;
	size_t start, used, capacity;
};

/*
 * One way from the loop thread to the writer: ring between them, a backlog before it for
 * what may not be lost when it is full, and behind it what is taken and not yet committed.
 */
struct store_lane {
	struct ew_ring *ring;
	size_t backlog_max, batch_max;
	/* loop thread's */
	struct store_buffer backlog;
	uint32_t puts;
	uint32_t grouped; /* records since ew_store_begin */
	/* writer's */
	struct store_buffer batch;
	size_t closed; /* of batch: end of the last complete group */
};

/* Values for ew_store_counters; each is written by one thread, read by any. */
struct store_counts {
	uint64_t flows, flows_refused, flows_shed, flows_unnamed;
	uint64_t edges, rollups_shed;
	uint64_t signals, incidents, messages;
	uint64_t commits, commit_us, commit_max_us, urgent_commits;
	uint64_t failures, records_refused, backlog_lost;
	uint64_t retained_flows, retained_rows;
	uint64_t file_bytes, wal_bytes, waiting;
};

/* What one block of flow rows contains, while it grows (key.c). */
#define KEY_SLOTS 65536u
#define BLOCK_ROWS 4096
struct store_keys {
	uint32_t *slots; /* KEY_SLOTS: key, or 0 */
	uint32_t *keys;	 /* the same, in a row */
	uint8_t *bytes;	 /* as they are written */
	size_t n;
};
struct store_block {
	int64_t id, first_seq, last_seq;
	int64_t first_us, last_us;
	int64_t rows;
	bool is_dirty;
};

/* Open flows that have a row: flow_id to seq (open.c). */
struct store_open {
	struct store_open_slot {
		uint64_t flow_id;
		int64_t seq; /* 0: free */
	} * slots;
	size_t capacity, used;
};

struct store_ids {
	int64_t *db; /* by the process's id; 0 unknown */
	size_t n;
};

#define ADDR6_CACHE 1024
struct store_addr6 {
	struct ew_addr addr;
	int64_t id;
	int64_t hour;
};

struct ew_store {
	/* constant */
	char *path;
	char *program;
	char node[64];
	bool is_threaded;
	int64_t flush_ns;
	int lock_fd;

	/* loop thread's */
	bool in_group;
	uint32_t *name_ids; /* by workload id: ours, 0 not told yet */
	size_t n_name_ids;
	uint32_t last_name;
	struct store_names {
		struct {
			uint64_t hash; /* of the name; 0 free */
			uint32_t id;
		} * slots;
		size_t capacity, used;
	} names;	       /* workloads without an id */
	bool state_broken;     /* a detector state was lost: the old set stays */
	int64_t tick_flush_ns; /* not threaded: packet time of the last flush */
	struct rec_incident *incident_scratch;
	struct rec_message *message_scratch;
	struct ew_db reading; /* while ew_store_load runs */

	/* both: rings, and what is set by one and read by the other */
	struct store_lane urgent, bulk;
	_Atomic int64_t now_us; /* pipeline clock, by the loop */
	_Atomic int64_t keep_flows_us, keep_edges_us;
	_Atomic uint64_t max_bytes;
	_Atomic bool is_stopping;
	int wake_fd;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* guards the four below and health */
	pthread_cond_t answered;
	uint64_t flush_wanted, flush_answered;
	int flush_result;
	char health[512];

	/* writer's (the loop's, when not threaded) */
	struct ew_db db;
	struct store_counts counts;
	struct store_ids workloads, instances, networks;
	struct store_keys keys;
	struct store_block block;
	struct store_open open;
	struct store_addr6 *addr6;
	int64_t next_seq, next_rev, generation, run;
	int64_t alive_us; /* when the run before this one was last alive */
	int64_t last_bulk_ns, retry_ns, shed_until_ns, heartbeat_ns, retain_ns, room_ns;
	bool shed_rollups;
	bool is_low; /* too little space for flow rows */
	bool in_transaction;
	uint64_t flows_in_transaction;
	int wal_pages;	    /* in the log and not in the file */
	int wal_high_pages; /* most the log ever held: its file keeps that size */
	struct store_intern {
		struct store_intern *next;
		char text[];
	} * interned; /* static text handed out by load */
};

/* Rows of the table in sql.c. */
enum store_stmt {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_META_SET,
	ST_WORKLOAD_FIND,
	ST_WORKLOAD_ADD,
	ST_WORKLOAD_PUT,
	ST_WORKLOAD_FORGET,
	ST_INSTANCE_FIND,
	ST_INSTANCE_ADD,
	ST_INSTANCE_SET,
	ST_INSTANCE_END,
	ST_NETWORK_PUT,
	ST_NETWORK_FIND,
	ST_LEASE_PUT,
	ST_READY_INSTANCE,
	ST_READY_NETWORK,
	ST_READY_LEASE,
	ST_FLOW_ADD,
	ST_FLOW_MORE,
	ST_FLOW_DELETE,
	ST_FLOW_CLOSE_OLD,
	ST_ADDR6_FIND,
	ST_ADDR6_ADD,
	ST_ADDR6_TOUCH,
	ST_BLOCK_PUT,
	ST_EDGE_FIND,
	ST_EDGE_PUT,
	ST_EDGE_FORGET,
	ST_ROLLUP_ADD,
	ST_SIGNAL_PUT,
	ST_INCIDENT_PUT,
	ST_LINK_PUT,
	ST_LINK_CUT,
	ST_DECISION_PUT,
	ST_DECISION_UNDO,
	ST_GAP_ADD,
	ST_OUTBOX_ADD,
	ST_TARGET_ADD,
	ST_TARGET_SET,
	ST_TARGET_RETURN,
	ST_TARGET_REPLAY,
	ST_STATE_PUT,
	ST_STATE_CUT,
	/* retain.c */
	ST_OLD_BLOCK,
	ST_DROP_FLOWS,
	ST_DROP_MORE,
	ST_DROP_BLOCK,
	ST_DROP_ADDR6,
	ST_DAY_ADD,
	ST_DAY_DROP_HOURS,
	ST_DROP_ROLLUP,
	ST_DROP_INCIDENT,
	ST_DROP_SIGNAL,
	ST_DROP_GAP,
	ST_DROP_OUTBOX,
	ST_DROP_LEASE,
	ST_DROP_INSTANCE,
	ST_DROP_EDGE,
	ST_DROP_WORKLOAD,
	STORE_STMTS,
};
extern const struct ew_db_sql store_sql[STORE_STMTS]; /* constant table */

/* --- lane.c: loop thread --- */
/* Put a record into the first or second ring; what does not fit waits in the backlog. */
void store_put(struct ew_store *store, struct store_lane *lane,
    struct rec_head *record);
/* A record that may be lost. */
bool store_offer(struct ew_store *store, struct store_lane *lane,
    struct rec_head *record);
/* Move the backlog into the ring as far as it goes. */
void store_push(struct ew_store *store, struct store_lane *lane);
/* --- lane.c: writer --- */
/* Take what is in the ring into the batch. */
void store_take(struct ew_store *store, struct store_lane *lane);
bool store_keep(struct ew_store *store, struct store_lane *lane,
    const struct rec_head *record);
void store_buffer_clear(struct store_buffer *buffer);
void store_buffer_free(struct store_buffer *buffer);

/* --- writer.c --- */
void store_wake(struct ew_store *store);
/* One pass: what is urgent, then what is due (all: everything). */
void store_step(struct ew_store *store, bool all);
/* Note in the file that we are alive, and the pipeline's time: now, or when it is due. */
void store_heartbeat(struct ew_store *store, bool force);
void *store_writer_main(void *store);
void store_set_health(struct ew_store *store, const char *sentence);
int store_begin(struct ew_store *store);
int store_commit(struct ew_store *store, bool is_durable);
void store_rollback(struct ew_store *store);

/* --- apply: one record into rows; errors stay in store->db.error --- */
void store_apply(struct ew_store *store, const struct rec_head *record);
void store_apply_name(struct ew_store *store, const struct rec_name *r);
void store_apply_instance(struct ew_store *store, const struct rec_instance *r);
void store_apply_network(struct ew_store *store, const struct rec_network *r);
void store_apply_lease(struct ew_store *store, const struct rec_lease *r);
void store_apply_ready(struct ew_store *store);
void store_apply_flow(struct ew_store *store, const struct rec_flow *r);
void store_apply_edge(struct ew_store *store, const struct rec_edge *r);
void store_apply_edge_removed(struct ew_store *store, const struct rec_edge *r);
void store_apply_workload(struct ew_store *store, const struct ew_workload_record *r);
void store_apply_workload_removed(struct ew_store *store, const char *name);
void store_apply_meta(struct ew_store *store, const struct ew_graph_record *r);
void store_apply_state(struct ew_store *store, const struct rec_head *record);
void store_apply_signal(struct ew_store *store, const struct rec_signal *r);
void store_apply_incident(struct ew_store *store, const struct rec_incident *r);
void store_apply_decision(struct ew_store *store, const struct ew_decision_record *r);
void store_apply_gap(struct ew_store *store, const struct ew_health *r);
void store_apply_message(struct ew_store *store, const struct rec_message *r);
void store_apply_result(struct ew_store *store, const struct rec_result *r);
void store_apply_replay(struct ew_store *store, const struct rec_replay *r);

int store_message_version(void);

void store_meta_set(struct ew_store *store, const char *key, int64_t value);
void store_meta_text(struct ew_store *store, const char *key, const char *value);
/* The row's id of a workload's name, made when new; 0 after an error. */
int64_t store_workload_row(struct ew_store *store, const char *name, uint8_t cls);

int64_t store_id(const struct store_ids *ids, uint32_t id);
void store_id_set(struct store_ids *ids, uint32_t id, int64_t db);

/* --- key.c --- */
void store_keys_init(struct store_keys *keys);
void store_keys_fini(struct store_keys *keys);
void store_keys_add(struct store_keys *keys, uint32_t key);
/* Write the block's row; called before each commit. */
void store_block_flush(struct ew_store *store);
/* The next row begins a new block. */
void store_block_start(struct ew_store *store);

/* --- open.c --- */
int64_t store_open_take(struct store_open *open, uint64_t flow_id);
bool store_open_put(struct store_open *open, uint64_t flow_id, int64_t seq);
void store_open_fini(struct store_open *open);

/* --- space.c --- */
/* Flow rows that the next transaction may have, 0..max. */
size_t store_row_budget(struct ew_store *store, size_t max);

/* --- retain.c --- */
/* A slice of retention, if any is due; returns whether there is more to do. */
bool store_retain(struct ew_store *store);
/* Delete the oldest flow rows to make room on a full disk. Returns rows deleted or an error. */
int store_make_room(struct ew_store *store);
