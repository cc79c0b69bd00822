/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/time.h"
#include "graph/edge.h"
#include "graph/record.h"
#include "identity/workload.h"

struct ew_contact;
struct ew_counter_set;
struct ew_lifecycle;

/*
 * graph: who talks to whom, and what is usual. The baseline of every workload lives here:
 * its edges, its age and completeness, what operators decided (detectors.md 4 and 9.1).
 *
 * Depends on: base, flow/event.h, identity/{workload,contact}.h.
 * Used by: detect (asks for verdicts and context), store (takes what changed), daemon.
 *
 * Pure: no I/O, no clock, no log. All calls from the loop thread. `now` never runs
 * backwards. Cost of feeding a contact on a known edge: two array look-ups, one hash probe.
 */
struct ew_graph;

#define EW_SENSITIVE_PORTS_MAX 64

/* An operator's addition to the table of 3.13 (sensitive.h). */
struct ew_sensitive_port {
	uint16_t port;
	uint8_t points; /* 10 console, 15 data, 20 remote admin, 25 control plane */
};

struct ew_graph_conf {
	int64_t minimum_age_ns; /* A, learning.minimum_age; the unit of every age */
	bool quick;		/* A = 1 h, and 4.2 asks for less evidence */
	int64_t grace_ns;	/* learning.grace: midstream flows teach nothing new */
	int64_t
	    auto_accept_ns; /* detection.auto_accept: 0 never; else age of an edge */
	uint32_t max_workloads; /* peers of every class, default 16384 */
	uint32_t max_edges;	/* default 131072 */
	uint32_t max_rules;	/* accept, deny and snooze rules, default 4096 */
	uint32_t n_sensitive;
	struct ew_sensitive_port sensitive[EW_SENSITIVE_PORTS_MAX];
};
void ew_graph_conf_default(struct ew_graph_conf *ret_conf);

/* What leaves the graph at once. Pointers are borrowed for the call; entries may be NULL. */
struct ew_graph_sink {
	void *context;
	/* A decision was taken (by an operator or by rule 4.5): append it to the log. */
	void (*decision)(void *context, const struct ew_decision_record *decision);
	/* These edges or workloads are gone: delete their rows. */
	void (*edge_removed)(void *context, const struct ew_edge *edge);
	void (*workload_removed)(void *context, const char *name);
};

struct ew_graph *ew_graph_new(const struct ew_graph_conf *conf,
    const struct ew_graph_sink *sink);
void ew_graph_free(struct ew_graph *graph);
/* Reload: sizes stay as they were given to new. */
void ew_graph_reconfigure(struct ew_graph *graph, const struct ew_graph_conf *conf);
struct ew_counter_set ew_graph_counters(const struct ew_graph *graph);

/* What the graph says about one contact, at the price of a probe. */
struct ew_judgement {
	struct ew_edge *edge; /* NULL: no edge kind (ARP, DNS), or the table is full */
	uint64_t src_key;     /* stable key of the source instance, else its workload */
	uint64_t src_hash, dst_hash; /* of the two workloads' names */
	uint8_t verdict;       /* enum ew_verdict, as of the flow's first contact */
	uint8_t is_new_edge;   /* this event made the edge record */
	uint8_t is_pair_known; /* another port of the same pair is baseline */
	uint8_t
	    is_suppressed;  /* multicast, own namespace, resolver: not for new-edge */
	uint8_t is_frozen;  /* source learns nothing now */
	uint8_t in_grace;   /* the daemon started less than grace_ns ago */
	int64_t dormant_ns; /* a baseline edge that came back after so long; else 0 */
	uint64_t bytes[2]; /* UPDATE, CLOSE: what this flow added since the last such */
};

/*
 * Count a contact, learn from it where learning is allowed, and judge it. Every event of
 * identity goes through here first, then with the judgement to ew_detect_feed.
 */
void ew_graph_feed(struct ew_graph *graph, const struct ew_contact *contact,
    struct ew_mono now, struct ew_judgement *ret_judgement);
void ew_graph_lifecycle(struct ew_graph *graph, const struct ew_lifecycle *life,
    struct ew_mono now);
/* Ageing, states, time limits. Once per pipeline second is enough; cheap when nothing is due. */
void ew_graph_tick(struct ew_graph *graph, struct ew_mono now);

/* --- what detectors ask for, only about what is not known --------------------------------- */

/* Everything section 2 needs to score an edge. Ages in ns of observed time. */
#define EW_NOVELTY_ENTRIES 4
struct ew_novelty {
	uint32_t m_q16; /* maturity of the source, 0..65536 */
	uint32_t
	    s_q16; /* (2*s_src + s_dst)/3, each clamped to 0..4 before, 65536 = 1 */
	uint8_t src_state; /* enum ew_workload_state */
	uint8_t
	    peers; /* others of the peer group with this dst:port, saturating at 2 */
	uint8_t others;		/* workloads of other groups with it, saturating at 2 */
	uint16_t replicas;	/* live instances of the source workload */
	uint16_t replicas_with; /* instances that showed the edge */
	uint8_t
	    is_sibling; /* same image repository and port as a baseline peer of src */
	uint8_t
	    is_cross_group; /* src and dst have owners in different projects/namespaces */
	uint8_t is_dormant; /* baseline once, unseen for long */
	uint8_t
	    is_unusual_hour; /* known edge at an hour or weekday never seen in >= 21 days */
	uint8_t is_server_only; /* 3.4: source never initiates in its run phase */
	uint8_t
	    is_dns_disciplined;	  /* >= 80 % of baseline contacts follow a DNS answer */
	uint8_t startup_complete; /* >= 2 starts seen */
	uint8_t is_cold_install;  /* the daemon has observed for less than A */
	uint8_t was_there;	  /* src was in the first inventory */
	uint32_t services;	  /* baseline out-edges of src */
	int64_t src_age_ns, dst_age_ns;
	int64_t since_discovery_ns; /* last accepted new out-edge; -1 none */
	int64_t dormant_ns;	    /* how long unseen, with is_dormant */
	/* In-edges of src active in the last 60 s: how somebody may have come in. */
	const struct ew_edge *entries[EW_NOVELTY_ENTRIES];
	/* What src usually talks to: its busiest baseline out-edges. */
	const struct ew_edge *expected[EW_NOVELTY_ENTRIES];
	uint8_t n_entries, n_expected;
	uint8_t
	    is_callback; /* dst sent to src in the last 10 min: src answers by a new edge */
	uint8_t
	    is_pair_recent; /* any edge between the two, either way, active in 24 h */
};
void ew_graph_novelty(struct ew_graph *graph, const struct ew_contact *contact,
    const struct ew_judgement *judgement, struct ew_mono now,
    struct ew_novelty *ret_novelty);

/* The graph's view of one workload; false when it has never been seen. */
struct ew_workload_view {
	struct ew_workload *workload;
	uint8_t state;	       /* enum ew_workload_state */
	uint8_t is_incomplete; /* left learning at 7 A without enough evidence (9.1) */
	uint8_t is_frozen, is_quarantined, is_server_only, is_dns_disciplined,
	    was_there;
	uint16_t labels; /* enum ew_label_bit: runtime's and operator's */
	uint32_t m_q16;
	uint32_t edges_out, edges_in; /* baseline */
	uint32_t candidates, quarantined;
	uint32_t incidences; /* U */
	uint32_t f1, f2;
	uint16_t missing_mass_permille; /* Good-Turing M = f1/U */
	uint16_t coverage_permille;	/* Sobs/(Sobs+unseen), Chao1 */
	uint32_t starts, runs;
	int64_t age_ns, quiet_ns;
	uint64_t sessions_in, sessions_out;
};
bool ew_graph_view(const struct ew_graph *graph, const struct ew_workload *workload,
    struct ew_mono now, struct ew_workload_view *ret_view);
/* Labels of a workload, with what operators added; cheap. */
uint16_t ew_graph_labels(const struct ew_graph *graph,
    const struct ew_workload *workload);
/* Do these two have a baseline edge, in either direction? */
bool ew_graph_knows(const struct ew_graph *graph, const struct ew_workload *a,
    const struct ew_workload *b);
/* Does it send to the outside as a matter of habit (a baseline edge to external)? */
bool ew_graph_has_external(const struct ew_graph *graph, const struct ew_workload *src);
/* What section 2 calls the target (T), with the operator's table and labels applied. */
struct ew_sensitive;
void ew_graph_sensitivity(const struct ew_graph *graph,
    const struct ew_contact *contact, struct ew_sensitive *ret_sensitive);
/* How many workloads of a peer group serve a port (baseline in-edges), saturating at 255. */
uint32_t ew_graph_group_servers(const struct ew_graph *graph, const char *group,
    uint8_t proto, uint16_t port);
bool ew_graph_is_snoozed(struct ew_graph *graph, const struct ew_workload *src,
    const struct ew_workload *dst, uint8_t proto, uint16_t port, struct ew_mono now);
struct ew_edge *ew_graph_find(struct ew_graph *graph, const struct ew_workload *src,
    const struct ew_workload *dst, uint8_t proto, uint16_t port);
/* Known to the database, by name; a stub until identity shows the real one. NULL unknown. */
struct ew_workload *ew_graph_workload_by_name(struct ew_graph *graph, const char *name);
/* Stable key of an instance: derives from the runtime's id, survives a restart. */
uint64_t ew_graph_instance_key(const struct ew_graph *graph, uint32_t instance);
/* Does any other workload run this image repository, now or before? */
bool ew_graph_has_image(const struct ew_graph *graph, const char *image_repo,
    const struct ew_workload *other_than);
/* Time observed by this database's daemons, ns. */
int64_t ew_graph_observed_ns(const struct ew_graph *graph, struct ew_mono now);

/* --- what detect and alert tell ------------------------------------------------------------ */

/* 4.4(e): while an incident >= 50 is open the workload learns nothing. Counted: pairs. */
void ew_graph_freeze(struct ew_graph *graph, struct ew_workload *workload, bool on,
    struct ew_mono now);
/* 4.4(b): a source with a scan, spoof, canary or relay signal teaches nothing by itself. */
void ew_graph_quarantine(struct ew_graph *graph, struct ew_workload *workload,
    struct ew_mono now);
/* An edge got this score: from 50 on it is never accepted by itself (4.5). */
void ew_graph_scored(struct ew_graph *graph, struct ew_edge *edge, int score);
/* Quarantine one edge (sensitive target). */
void ew_graph_quarantine_edge(struct ew_graph *graph, struct ew_edge *edge);
/* Addresses of DNS servers: contacts to their port 53 are not judged. */
void ew_graph_set_resolvers(struct ew_graph *graph, const struct ew_addr *addrs,
    size_t n);

/* --- operators ----------------------------------------------------------------------------- */

/*
 * "SRC -> DST:PORT/PROTO": SRC and DST are workload names with * and ?; PORT a number,
 * "dyn" or *; PROTO tcp, udp, icmp, a number or *. The port part may be missing (any); a
 * name with colons of its own stands in [ ]. A lone "SRC" means that workload as source.
 */
int ew_pattern_parse(const char *text, struct ew_pattern *ret_pattern,
    struct ew_error *error);
char *ew_pattern_format(const struct ew_pattern *pattern, char *ret_text, size_t size);
bool ew_pattern_matches(const struct ew_pattern *pattern, const char *src,
    const char *dst, uint8_t proto, uint16_t port);

/*
 * Apply a decision and log it through the sink. decision->id and ->at_ns are filled here
 * (id from time and content, so a replay gives the same), edges with the number changed.
 * Returns 0, -ENOENT when a FORGET, LOCK, UNLOCK or UNDO meets nothing, EW_ERR_LIMIT when
 * the rule table is full, EW_ERR_USAGE for an impossible action.
 */
int ew_graph_decide(struct ew_graph *graph, struct ew_decision_record *decision,
    struct ew_mono now, struct ew_error *error);

/* --- store: what changed, and loading at start ----------------------------------------------- */

/* Visit what changed since the last call and forget that it did. */
size_t ew_graph_take_edges(struct ew_graph *graph,
    void (*visit)(void *context, const struct ew_edge *edge), void *context);
size_t ew_graph_take_workloads(struct ew_graph *graph, struct ew_mono now,
    void (*visit)(void *context, const struct ew_workload_record *record),
    void *context);
/* All, in order of names (deterministic): export, review, diff. */
void ew_graph_each_edge(const struct ew_graph *graph,
    void (*visit)(void *context, const struct ew_edge *edge), void *context);
void ew_graph_each_workload(const struct ew_graph *graph, struct ew_mono now,
    void (*visit)(void *context, const struct ew_workload_record *record),
    void *context);
/* Rules in force (accept, deny, snooze), oldest first. */
void ew_graph_each_rule(const struct ew_graph *graph,
    void (*visit)(void *context, const struct ew_decision_record *rule), void *context);
/* The graph as a whole (observed time). */
void ew_graph_meta(const struct ew_graph *graph, struct ew_mono now,
    struct ew_graph_record *ret_record);

/*
 * At start, before the first contact: meta, workloads, edges, then decisions still in force
 * (oldest first; expired and undone ones are left out by themselves). Unknown workload names
 * in an edge are made. src and dst of *edge are ignored. Returns 0 or EW_ERR_LIMIT.
 */
void ew_graph_load_meta(struct ew_graph *graph, const struct ew_graph_record *record);
int ew_graph_load_workload(struct ew_graph *graph,
    const struct ew_workload_record *record);
int ew_graph_load_edge(struct ew_graph *graph, const char *src, const char *dst,
    const struct ew_edge *edge);
int ew_graph_load_decision(struct ew_graph *graph,
    const struct ew_decision_record *record, struct ew_mono now);
/*
 * 4.9: the same for records of an imported baseline: workloads start provisional, edges keep
 * their status with origin imported. What is already known is not overwritten.
 */
int ew_graph_import_workload(struct ew_graph *graph,
    const struct ew_workload_record *record, struct ew_mono now);
int ew_graph_import_edge(struct ew_graph *graph, const char *src, const char *dst,
    const struct ew_edge *edge, struct ew_mono now);
