/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "base/counter.h"
#include "base/time.h"
#include "detect/detect.h"
#include "graph/graph.h"
#include "identity/identity.h"

/*
 * pipeline: the stages behind the flow events, wired together. Daemon and replay differ
 * only in who feeds it and who listens; everything between is the same code.
 *
 * Depends on: identity, graph, detect, alert, store. Used by: daemon/core.c, cli/replay.c.
 * Loop thread only.
 */
struct ew_error;
struct ew_flow_event;
struct ew_pipeline;
struct ew_store;

enum ew_pipeline_mode {
	EW_PIPELINE_TRACK,  /* name both ends of each flow, no more */
	EW_PIPELINE_LEARN,  /* and learn */
	EW_PIPELINE_DETECT, /* and judge */
};

struct ew_pipeline_conf {
	enum ew_pipeline_mode mode;
	struct ew_identity_conf identity;
	struct ew_graph_conf graph;
	struct ew_detect_conf detect;
	struct ew_alert_conf alert;
};

/* All defaults, mode DETECT. About 20 KiB: keep it on the heap. */
void ew_pipeline_conf_default(struct ew_pipeline_conf *ret_conf);

/* Who listens. Entries may be NULL; pointers are borrowed for the call. */
struct ew_pipeline_sink {
	void *context;
	/* A flow ended; verdict: enum ew_verdict as of its first contact. */
	void (
	    *closed)(void *context, const struct ew_contact *contact, uint8_t verdict);
	void (*signal)(void *context, const struct ew_signal *signal);
	void (*incident)(void *context, const struct ew_incident *incident);
	/* For people; it is already in the store's outbox. */
	void (*message)(void *context, const struct ew_message *message);
	/* identity's questions and orders to the outside world: see identity.h. */
	void (*point)(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain,
	    bool removed);
	int (*lookup_nat)(void *context, const struct ew_tuple *tuple,
	    struct ew_nat_info *ret_nat);
	void (*read_addrs)(void *context, uint32_t host_ifindex);
};

/* store: NULL, or where everything is kept and loaded from; stays the caller's. */
struct ew_pipeline *ew_pipeline_new(const struct ew_pipeline_conf *conf,
    const struct ew_pipeline_sink *sink, struct ew_store *store);
void ew_pipeline_free(struct ew_pipeline *pipeline);
void ew_pipeline_reconfigure(struct ew_pipeline *pipeline,
    const struct ew_pipeline_conf *conf);

/*
 * Continue from what the store kept: baseline, decisions, open incidents, detector states.
 * Before the first event. Returns 0 or an error with a sentence.
 */
int ew_pipeline_load(struct ew_pipeline *pipeline, struct ew_mono now,
    struct ew_error *error);

/* One flow event; now: the watermark, which advances the clock and never turns it back. */
void ew_pipeline_feed(struct ew_pipeline *pipeline, const struct ew_flow_event *event,
    struct ew_mono now);
/* Nothing happened until now. */
void ew_pipeline_advance(struct ew_pipeline *pipeline, struct ew_mono now);
/*
 * End of input: the clock is advanced past every pending deadline (hold-downs, held
 * signals, names that may still come), so that a short capture is judged completely.
 */
void ew_pipeline_finish(struct ew_pipeline *pipeline);
/* Hand everything that changed to the store and wait until it is on disk. */
void ew_pipeline_flush(struct ew_pipeline *pipeline);

struct ew_mono ew_pipeline_now(const struct ew_pipeline *pipeline);
/* For the inputs of inventory and for questions. Borrowed. */
struct ew_identity *ew_pipeline_identity(struct ew_pipeline *pipeline);
struct ew_graph *ew_pipeline_graph(struct ew_pipeline *pipeline);
struct ew_alert *ew_pipeline_alert(struct ew_pipeline *pipeline);
/* A resolver became known. */
void ew_pipeline_resolver(struct ew_pipeline *pipeline, const struct ew_addr *addr);

/* An operator's decision on edges or workloads; see ew_graph_decide. */
int ew_pipeline_decide(struct ew_pipeline *pipeline,
    struct ew_decision_record *decision, struct ew_error *error);
/* An operator's decision on an incident: an accept also accepts the edges of its signals. */
int ew_pipeline_decide_incident(struct ew_pipeline *pipeline, uint64_t incident_id,
    enum ew_decision decision, int64_t ttl_ns, const char *who, const char *why,
    uint32_t *ret_edges, struct ew_error *error);

#define EW_PIPELINE_COUNTER_SETS 8
/* Returns how many sets were filled. */
size_t ew_pipeline_counters(const struct ew_pipeline *pipeline,
    struct ew_counter_set ret_sets[EW_PIPELINE_COUNTER_SETS]);
/* What `--summary` counts. */
uint64_t ew_pipeline_incidents(const struct ew_pipeline *pipeline);
uint64_t ew_pipeline_signals(const struct ew_pipeline *pipeline);
