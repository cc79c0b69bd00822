/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detect/detect.h"
#include "detect/detector.h"
#include "detect/signal.h"
#include "flow/event.h"
#include "graph/graph.h"
#include "identity/contact.h"

/*
 * What the frame offers to detectors: options, open signals, recent signals, the building of
 * a signal. A detector includes this, the doors of graph and identity, and nothing of another
 * detector.
 */

struct ew_walks;

#define RECENT_MAX 256 /* 3.19: signals remembered per daemon */

/* One signal that may grow: found again by its key, emitted again with the same id. */
struct ew_track {
	uint64_t key; /* 0 free */
	uint64_t id;  /* 0: not emitted yet */
	int64_t first_ns, last_ns;
	uint32_t count;
	int16_t score;
	uint8_t detector; /* index in ew_detectors[] */
	uint8_t outcome;
	uint32_t mark; /* the detector's own */
};

struct ew_recent {
	int64_t ts_ns;
	uint64_t id, key;
	uint64_t src_hash, dst_hash; /* names; 0 none */
	uint8_t detector, outcome, tactic;
	int16_t score;
};

struct detect_counters {
	uint64_t signals, updates, suppressed;
	uint64_t tracks, tracks_evicted;
	uint64_t scan_states, scan_evicted;
	uint64_t state_refused, records_refused, gaps;
};

#define KINDS 16
#define VERDICTS 5

struct ew_detect {
	struct ew_detect_conf conf;
	struct ew_graph *graph;
	struct ew_detect_sink sink;
	struct detect_counters counters;
	uint8_t n_detectors;
	void *state[EW_DETECTORS_MAX];
	/* Who wants an event of this kind and verdict; 255 ends. */
	uint8_t route[KINDS][VERDICTS][EW_DETECTORS_MAX + 1];
	struct ew_track *tracks;
	uint32_t n_tracks, track_mask;
	struct ew_recent recent[RECENT_MAX];
	uint32_t n_recent;
	int64_t next_tick_ns;
	void *holds; /* new_edge.c's state: signals held for replica support */
	struct ew_walks *walks; /* scan.c's state: scan-slow reads it */
	uint8_t scan_index;	/* its index in ew_detectors[] */
	uint8_t current;	/* detector whose function runs: index */
};

/* --- options ------------------------------------------------------------------------------- */

static inline int64_t
ew_detect_option(const struct ew_detect *d, unsigned i)
{
	return d->conf.options[d->current][i];
}

static inline int64_t
ew_detect_option_ns(const struct ew_detect *d, unsigned i)
{
	return ew_detect_option(d, i) * EW_NS_PER_MS;
}

/* The server port where the protocol has one, else 0 (edge_port of an echo is its type). */
static inline uint16_t
ew_contact_port(const struct ew_contact *c)
{
	uint8_t proto = c->ev->tuple.proto;
	bool has_port = proto == 6 || proto == 17 || proto == 132;

	return has_port && c->ev->kind != EW_FLOW_ARP && c->ev->kind != EW_FLOW_NDP
	    ? c->edge_port
	    : 0;
}

/* --- open signals (track.c) ------------------------------------------------------------------ */

uint64_t ew_detect_hash(const char *text);
uint64_t ew_detect_mix(uint64_t a, uint64_t b);
uint64_t ew_detect_addr_hash(const struct ew_addr *addr);
/* Key of an edge: workloads by name, so that it survives a restart. */
uint64_t ew_detect_edge_key(const struct ew_contact *c, const struct ew_judgement *j);
/*
 * The running detector's track of that key. A track unused for window_ns starts anew. The
 * pointer is good until the next call.
 */
struct ew_track *ew_detect_track(struct ew_detect *d, uint64_t key, int64_t window_ns,
    struct ew_mono now);
/* The same without making one; NULL none. */
struct ew_track *ew_detect_track_find(struct ew_detect *d, unsigned detector,
    uint64_t key);
/* Signals of score >= 30 from this workload in 24 h other than that key (X of section 2). */
bool ew_detect_has_other(const struct ew_detect *d, const struct ew_workload *src,
    uint64_t key, struct ew_mono now);

/* --- building signals (build.c) --------------------------------------------------------------- */

/* Fill what the contact tells. The score is the sum of the reasons added after. */
void ew_signal_begin(struct ew_detect *d, struct ew_signal *s,
    const struct ew_contact *c, struct ew_mono now);
/* The same without a contact: a workload's own doing. */
void ew_signal_begin_workload(struct ew_detect *d, struct ew_signal *s,
    struct ew_workload *src, struct ew_mono now);
void ew_signal_reason(struct ew_signal *s, int points, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ew_signal_evidence(struct ew_signal *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ew_signal_sample(struct ew_signal *s, const struct ew_contact *c,
    enum ew_outcome outcome);
/* Posture points (P, 0..10) with their reason; returns the points. */
int ew_signal_posture(struct ew_signal *s, const struct ew_workload *w);
int ew_detect_posture_points(uint16_t posture);
/* Lower or raise the sum to a bound, with a reason that says why. */
void ew_signal_cap(struct ew_signal *s, int most, const char *why);
void ew_signal_floor(struct ew_signal *s, int least, const char *why);
/* "shop/db:5432" or "10.0.0.9:22"; what people should read. */
char *ew_signal_target(const struct ew_contact *c, char *ret_text, size_t size);
const char *ew_detect_peer_name(const struct ew_workload *w);
/* "14 d", "3 h", "40 s" */
char *ew_detect_age_text(int64_t ns, char ret_text[16]);
/* Give it to the sink: clamp, id, snooze, other detectors. track may be NULL. */
void ew_detect_emit(struct ew_detect *d, struct ew_signal *s, struct ew_track *track,
    struct ew_mono now);

void ew_detect_record_key(struct ew_detect_record *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* detect.c: let the other detectors see it. */
void ew_detect_announce(struct ew_detect *d, const struct ew_signal *s,
    struct ew_mono now);

/* --- scoring (score.c) ------------------------------------------------------------------------ */

/* The terms of section 2 as numbers; score.c adds them, nobody else does. */
struct ew_score_input {
	uint32_t m_q16, s_q16;
	uint8_t is_candidate, is_dormant;
	uint8_t n_percent; /* of N: 100; 80 for a new port */
	uint8_t r_max;	   /* 15; 10 for a new port */
	uint8_t peers, others;
	uint16_t replicas, replicas_with;
	uint8_t target_points, on_node, crosses_group;
	uint8_t outcome; /* enum ew_outcome */
	uint16_t posture;
	/* X */
	uint8_t role_reversal, callback, divergence, unresolved, other_signal,
	    unusual_hour;
	/* D */
	uint8_t change_window, sibling, startup_incomplete, midstream;
	/* floor and discounts of control-plane targets */
	uint8_t is_control_plane, is_api_server, past_startup;
};

struct ew_score_parts {
	int16_t n, r, t, o, p, x, d; /* d is subtracted */
	int16_t floor;		     /* 0 none */
	int16_t total;		     /* clamped 0..100, floor applied */
};

struct ew_score_parts ew_score(const struct ew_score_input *in);

/* A scan by this instance was told in the last 6 h: its failures are told there. */
bool ew_detect_is_scanning(struct ew_detect *d, uint64_t src_key, struct ew_mono now);

/* --- edges (edge_score.c) ----------------------------------------------------------------------- */

enum ew_edge_role { EW_ROLE_NEW_EDGE, EW_ROLE_NEW_PORT, EW_ROLE_SENSITIVE };

/* Events at which an edge's outcome becomes known or better. */
#define EW_EDGE_EVENT_KINDS                                                            \
	(EW_FLOW_KIND_BIT(EW_FLOW_ESTABLISHED) | EW_FLOW_KIND_BIT(EW_FLOW_REFUSED) |   \
	    EW_FLOW_KIND_BIT(EW_FLOW_UNANSWERED) |                                     \
	    EW_FLOW_KIND_BIT(EW_FLOW_HALFOPEN) | EW_FLOW_KIND_BIT(EW_FLOW_MIDSTREAM) | \
	    EW_FLOW_KIND_BIT(EW_FLOW_PAYLOAD) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE))

/* Everything about one novel contact, computed once per event that needs it. */
struct ew_edge_case {
	struct ew_novelty novelty;
	struct ew_score_input in;
	struct ew_score_parts parts;
	const char *service; /* "postgres"; NULL */
	uint8_t sensitive_class;
	uint8_t is_kit, is_hard;
	uint8_t outcome;
};

/* False when edges of this kind are nobody's business here (suppressed, no end to judge). */
bool ew_edge_is_judged(const struct ew_contact *c, const struct ew_judgement *j);
enum ew_outcome ew_edge_outcome(const struct ew_flow_event *ev);
void ew_edge_case(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, enum ew_edge_role role, struct ew_mono now,
    struct ew_edge_case *ret_case);
/* Is this the detector's edge? Splits the ground between the three. */
enum ew_edge_role ew_edge_role(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j);
/* Reasons, sentence, evidence of such a case. */
void ew_edge_explain(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, const struct ew_edge_case *e, struct ew_mono now,
    struct ew_signal *s);
/* Keep a signal of the running detector until its hold ends (new_edge.c). */
void ew_edge_hold(struct ew_detect *d, const struct ew_signal *s);
/* Track, score, explain and emit: what the three detectors share. */
void ew_edge_signal(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, enum ew_edge_role role, struct ew_mono now);
