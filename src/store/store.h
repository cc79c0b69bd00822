/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/incident.h"
#include "alert/message.h"
#include "base/time.h"
#include "detect/detect.h"
#include "graph/edge.h"
#include "graph/record.h"

struct ew_contact;
struct ew_counter_set;
struct ew_error;
struct ew_instance;
struct ew_lease;
struct ew_network;
struct ew_outbox_result;

/*
 * store: the writing door of the database. Plain records go in, rows come out; the reading
 * door is reader.h. Only this folder knows SQLite.
 *
 * Depends on: base, the records of flow, identity, graph, detect, alert; proc/message.h.
 * Used by: daemon. Nothing here calls back into the pipeline.
 *
 * Loop thread only. A writer thread owns the connection; records reach it through two
 * bounded rings, copied, with names in place of pointers. What people wait for or must not
 * lose (signals, incidents, decisions, the outbox, instances, leases, gaps) takes the first
 * ring and is committed at once and to the disk; flow rows, edges, workloads and detector
 * states take the second, are committed every flush_ms, and reach the disk with the next
 * checkpoint or the next urgent commit. So a kill loses at most one flush interval of the
 * second kind, never the file.
 *
 * When the second ring is full, flow rows are refused and counted; everything else waits in
 * a bounded backlog. On a full disk flow rows are shed first, then rollups; the rest waits
 * in memory and is tried again every second.
 */
struct ew_store;

struct ew_store_conf {
	const char *path; /* copied */
	char node[64];
	int64_t keep_flows_ns; /* database.retention.flows, 7 d */
	int64_t
	    keep_edges_ns; /* database.retention.edges, 180 d: rollups, incidents, leases */
	uint64_t
	    max_bytes; /* database.retention.max_size, 4 GiB: oldest flow rows go first */
	uint32_t flush_ms; /* 1000 */
	size_t ring_bytes; /* of the second ring; 4 MiB, about 20,000 flows */
	/* false: no thread, every call writes before it returns, commits as flush_ms of packet
	 * time pass and at ew_store_flush. For replay: deterministic. */
	bool is_threaded;
	const char *program; /* "eastwatchd 0.1.0", for the meta table; copied */
};
void ew_store_conf_default(struct ew_store_conf *ret_conf);

/*
 * Open, create or migrate. Fails with a sentence: EW_ERR_VERSION (written by a newer
 * program), EW_ERR_FORMAT (damaged, or no database of ours), -EBUSY (another writer has
 * it), or -errno.
 */
int ew_store_open(const struct ew_store_conf *conf, struct ew_error *error,
    struct ew_store **ret_store);
/* Write everything that waits, checkpoint, close. NULL is allowed. */
void ew_store_close(struct ew_store *store);
/* Reload: times and max_bytes change. */
void ew_store_reconfigure(struct ew_store *store, const struct ew_store_conf *conf);

/* --- the pipeline's records ---------------------------------------------------------------- */

/*
 * A flow that has ended (EW_FLOW_CLOSE) or an open one (EW_FLOW_UPDATE; its row is replaced
 * by the next). edge: what it was counted on, NULL none. False: refused and counted.
 */
bool ew_store_flow(struct ew_store *store, const struct ew_contact *contact,
    const struct ew_edge *edge, enum ew_verdict verdict);
void ew_store_edge(struct ew_store *store, const struct ew_edge *edge);
void ew_store_edge_removed(struct ew_store *store, const struct ew_edge *edge);
void ew_store_workload(struct ew_store *store, const struct ew_workload_record *record);
void ew_store_workload_removed(struct ew_store *store, const char *name);
void ew_store_graph_meta(struct ew_store *store, const struct ew_graph_record *record);

/* Started, changed or stopped (instance->stopped set). Before the first flow that names it. */
void ew_store_instance(struct ew_store *store, const struct ew_instance *instance);
/* Before the first lease that names it. */
void ew_store_network(struct ew_store *store, const struct ew_network *network);
/* Opened, changed its owner, or closed (lease->to set). */
void ew_store_lease(struct ew_store *store, const struct ew_lease *lease);
/*
 * The first complete inventory is in: instances, networks and leases that an earlier run
 * left open and nobody has told since are closed at the time that run was last alive.
 */
void ew_store_inventory_ready(struct ew_store *store);

/* incident_id: 0 when it belongs to none. Called again with the same id when it grows. */
void ew_store_signal(struct ew_store *store, const struct ew_signal *signal,
    uint64_t incident_id);
void ew_store_incident(struct ew_store *store, const struct ew_incident *incident);
void ew_store_decision(struct ew_store *store,
    const struct ew_decision_record *decision);
/* A gap in what was seen: from, to, cause, lost, text. */
void ew_store_gap(struct ew_store *store, const struct ew_health *health);

/*
 * Records put between begin and end share one transaction: an incident with its signal and
 * its message. Does not nest; keep it within one call of the loop.
 */
void ew_store_begin(struct ew_store *store);
void ew_store_end(struct ew_store *store);

/* --- the outbox ---------------------------------------------------------------------------- */

enum ew_outbox_state { EW_OUTBOX_QUEUED, EW_OUTBOX_SENT, EW_OUTBOX_FAILED };

/* One row per message and target. */
struct ew_outbox_row {
	char target[64];
	uint8_t
	    state; /* enum ew_outbox_state; FAILED: given up, a person may replay it */
	uint16_t attempts;
	uint16_t http_status;
	int64_t next_us; /* wall clock of the next attempt; 0 now */
	int64_t updated_us;
	char answer[256];
};

/* Queue a message for each target, before it is handed out. */
void ew_store_message(struct ew_store *store, const struct ew_message *message,
    const char *const *targets, size_t n_targets);
/* How an attempt ended. RETURNED leaves attempts as they were. */
void ew_store_outbox_result(struct ew_store *store,
    const struct ew_outbox_result *result, struct ew_wall at);
/* `webhook replay`: back to queued with attempts 0, next_us now. */
void ew_store_outbox_replay(struct ew_store *store, uint64_t message_id,
    const char *target, struct ew_wall at);

/* --- state of the detectors ---------------------------------------------------------------- */

/* The set between begin and end replaces what was there. */
void ew_store_detector_begin(struct ew_store *store);
void ew_store_detector(struct ew_store *store, const struct ew_detect_record *record);
void ew_store_detector_end(struct ew_store *store);

/* --- time, barrier, health ----------------------------------------------------------------- */

/* Once per turn of the loop: `now` drives retention; the backlog moves on. */
void ew_store_tick(struct ew_store *store, struct ew_mono now);
/*
 * Everything put so far is committed when this returns 0. -ENOSPC or another -errno: it is
 * not, and is kept (flow rows are not). Blocks the caller.
 */
int ew_store_flush(struct ew_store *store);

/* One sentence on what is wrong ("disk full: ..."); empty when all is well. Any thread. */
bool ew_store_health(const struct ew_store *store, char *ret_text, size_t size);
struct ew_counter_set ew_store_counters(const struct ew_store *store);

/* --- loading at start ---------------------------------------------------------------------- */

/*
 * What a database remembers, in this order. Records are borrowed for the call; entries may
 * be NULL. What is not flushed is not seen. Later in the life of a store too, for a part.
 */
struct ew_store_loader {
	void *context;
	void (*meta)(void *context, const struct ew_graph_record *record);
	void (*workload)(void *context, const struct ew_workload_record *record);
	void (*edge)(void *context, const char *src, const char *dst,
	    const struct ew_edge *edge);
	void (*decision)(void *context, const struct ew_decision_record *record);
	/* Answers for the pointers and ids in what follows; NULL and 0 are fine. */
	struct ew_workload *(*find_workload)(void *context, const char *name);
	uint32_t (*find_instance)(void *context, const char *cid);
	/* Open incidents, then each one's signals. Static text lives until ew_store_close. */
	void (*incident)(void *context, const struct ew_incident *incident);
	void (*signal)(void *context, uint64_t incident_id,
	    const struct ew_signal *signal);
	void (*detector)(void *context, const struct ew_detect_record *record);
	/* Messages made in the last 24 h before now, for the limits of 5.3. */
	void (*sent)(void *context, uint64_t incident_id, int64_t sent_ns);
	/* Rows still queued, oldest first. */
	void (*outbox)(void *context, const struct ew_message *message,
	    const struct ew_outbox_row *row);
};
int ew_store_load(struct ew_store *store, const struct ew_store_loader *loader,
    struct ew_mono now, struct ew_error *error);
/* Failed outbox rows, for `webhook replay` of all. Returns the number visited or -errno. */
int ew_store_each_failed(struct ew_store *store,
    void (*visit)(void *context, uint64_t message_id, const char *target),
    void *context);
