/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "graph/graph.h"

struct ew_contact;
struct ew_lifecycle;

/*
 * Inside graph. Nodes (workloads and peers) and edges live in arrays and name each other by
 * index, so that a restart, a renamed pointer or a grown table breaks nothing; index 0 is
 * nobody. Hash tables hold indices only.
 */

#define NONE 0u
#define OUT 0
#define IN 1

/* Never established, per source: a port scan must not fill the table. Ours, edges. */
#define MAX_FAILED_CANDIDATES 64u
/* Flows longer than 60 s whose bytes are counted as they go; the others at their end. */
#define FLOW_SLOTS 16384u

struct node {
	struct ew_workload
	    *workload; /* counted; a stub until identity shows the real one */
	uint64_t name_hash, group_hash;
	bool is_stub, is_dirty, has_group;
	bool was_there, is_quarantined, is_locked, is_incomplete;
	uint8_t state;	 /* enum ew_workload_state without LOCKED */
	uint16_t labels; /* added by operators */
	uint32_t frozen; /* open incidents >= 50 */
	uint32_t next_dirty;
	uint32_t first[2]; /* heads of edge lists: OUT, IN */
	uint32_t baseline[2], candidates, failed_candidates, quarantined;
	int64_t first_ns, last_ns;
	int64_t age_base_ns; /* age at anchor; observed time only */
	int64_t anchor_ns;
	int64_t learned_age_ns, new_edge_age_ns;
	uint32_t discoveries_q16[2];
	int64_t discovery_age_ns[2];
	uint32_t starts, runs;
	uint64_t run_sig[3];		   /* edges of the last three runs of a job */
	uint32_t incidences, f1, f2, seen; /* seen: edges with an incidence */
	uint64_t sessions[2];		   /* OUT, IN */
	uint32_t run_out; /* baseline out-edges seen in the run phase */
	uint32_t resolved_yes, resolved_all;
	uint64_t spec_hash;
};

struct edge_slot {
	struct ew_edge edge;
	uint32_t node[2];    /* OUT: source, IN: destination */
	uint32_t next[2];    /* in the source's and the destination's list */
	uint32_t next_dirty; /* also the free list */
	uint32_t next_service;
	int64_t seen_ns;     /* last time it taught something; opens incidence slots */
	uint64_t last_start; /* instance key whose start counted last */
	bool is_used, in_service;
};

/* (destination, proto, port) -> baseline edges to it. */
struct service {
	uint32_t node;
	uint16_t port;
	uint8_t proto;
	bool is_used;
	uint32_t first; /* edges, linked by next_service */
	uint32_t count;
	uint64_t group_hash; /* of its node when it was counted there */
};

/* How many workloads of a peer group serve a port; see ew_graph_group_servers. */
struct group_port {
	uint64_t group_hash;
	uint32_t count;
	uint16_t port;
	uint8_t proto;
	bool is_used;
};

struct rule {
	struct ew_decision_record decision;
	bool is_used;
};

struct instance {
	uint32_t id; /* 0 free */
	uint32_t node;
	uint64_t key;
	int64_t started_ns;
};

struct flow_bytes {
	uint64_t flow_id; /* 0 free */
	uint64_t bytes[2];
};

struct graph_counters {
	uint64_t workloads, edges, rules;
	uint64_t workloads_refused, edges_refused, candidates_refused, rules_refused;
	uint64_t contacts, learned, quarantined, expired, flows_refused;
};

struct index_table {
	uint32_t *slots;
	uint32_t mask;
	uint32_t used;
};

struct ew_graph {
	struct ew_graph_conf conf;
	struct ew_graph_sink sink;
	struct graph_counters counters;

	struct node **nodes; /* 1.. n_nodes */
	uint32_t n_nodes, cap_nodes, n_external, any_external;
	uint32_t *by_id; /* workload id -> node, for ids below n_by_id */
	uint32_t n_by_id;
	struct index_table by_name;

	struct edge_slot **blocks; /* of EDGE_BLOCK each, so that pointers stay */
	uint32_t n_edges, free_edge;
	struct index_table edges;
	struct service *services;
	uint32_t n_services, cap_services;
	struct group_port *group_ports;
	uint32_t n_group_ports, cap_group_ports;

	struct rule *rules;
	uint32_t n_rules;
	struct instance *instances;
	uint32_t cap_instances, n_instances;
	struct flow_bytes *flows;
	uint32_t n_flows;

	uint32_t dirty_edges, dirty_nodes;
	struct ew_addr resolvers[16];
	uint32_t n_resolvers;

	/* Time. slot/slice/day are counted from 1970 in units of A/288, A/4 and A. */
	int64_t start_ns;	  /* first event of this process; 0 none yet */
	int64_t observed_base_ns; /* before start_ns */
	int64_t first_ns;
	int64_t last_ns;
	int64_t slot_ns, slice_ns;
	int64_t slot_start_ns;		   /* of the running slot */
	int64_t period_ns, next_period_ns; /* states */
	int64_t next_sweep_ns;
	bool inventory_ready, was_empty;
};

#define EDGE_BLOCK 1024u

static inline struct edge_slot *
edge_at(const struct ew_graph *g, uint32_t ref)
{
	return &g->blocks[ref / EDGE_BLOCK][ref % EDGE_BLOCK];
}

static inline struct node *
node_at(const struct ew_graph *g, uint32_t index)
{
	return g->nodes[index];
}

static inline int64_t
node_age(const struct node *n, struct ew_mono now)
{
	return n->age_base_ns + (now.ns > n->anchor_ns ? now.ns - n->anchor_ns : 0);
}

/* The finaliser of MurmurHash3 (public domain) over two words. */
static inline uint64_t
ew_graph_mix(uint64_t a, uint64_t b)
{
	uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15) ^ b;

	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* table.c */
void ew_graph_tables_init(struct ew_graph *g);
void ew_graph_tables_fini(struct ew_graph *g);
uint64_t ew_graph_name_hash(const char *name);
uint32_t ew_graph_node_of(struct ew_graph *g, struct ew_workload *w,
    struct ew_mono now);
uint32_t ew_graph_node_find(const struct ew_graph *g, const struct ew_workload *w);
uint32_t ew_graph_node_by_name(const struct ew_graph *g, const char *name);
uint32_t ew_graph_node_stub(struct ew_graph *g, const char *name, struct ew_mono now);
/* The node "external", which stands for all outside networks. */
uint32_t ew_graph_any_external(struct ew_graph *g, struct ew_mono now);
uint32_t ew_graph_edge_find(const struct ew_graph *g, uint32_t src, uint32_t dst,
    uint8_t proto, uint16_t port);
uint32_t ew_graph_edge_add(struct ew_graph *g, uint32_t src, uint32_t dst,
    uint8_t proto, uint16_t port);
void ew_graph_edge_remove(struct ew_graph *g, uint32_t ref);
void ew_graph_edge_dirty(struct ew_graph *g, uint32_t ref);
void ew_graph_node_dirty(struct ew_graph *g, uint32_t index);
/* index.c. Baseline and dormant edges are in the service lists, the others are not. */
void ew_graph_service_add(struct ew_graph *g, uint32_t ref);
void ew_graph_service_remove(struct ew_graph *g, uint32_t ref);
const struct service *ew_graph_service_find(const struct ew_graph *g, uint32_t node,
    uint8_t proto, uint16_t port);
uint32_t ew_graph_group_port_count(const struct ew_graph *g, uint64_t group_hash,
    uint8_t proto, uint16_t port);
struct instance *ew_graph_instance_find(const struct ew_graph *g, uint32_t id);
struct instance *ew_graph_instance_add(struct ew_graph *g, uint32_t id);

/* learn.c */
/* Change an edge's status and every count that depends on it. */
void ew_graph_set_status(struct ew_graph *g, uint32_t ref, enum ew_edge_status status,
    enum ew_edge_origin origin);
/* It is accepted as new: the tolerance of both ends grows (lam). */
void ew_graph_discovered(struct ew_graph *g, uint32_t ref, struct ew_mono now);
bool ew_graph_is_learning(const struct node *n);
/* Uncount an edge and drop its record. */
void ew_graph_edge_forget(struct ew_graph *g, uint32_t ref);
void ew_graph_touch(struct ew_graph *g, uint32_t ref, const struct ew_contact *c,
    struct ew_mono now);
bool ew_graph_is_resolver(const struct ew_graph *g, const struct ew_contact *c,
    uint32_t dst);

/* state.c */
void ew_graph_advance(struct ew_graph *g, struct ew_mono now);
uint32_t ew_graph_maturity(const struct ew_graph *g, const struct node *n,
    struct ew_mono now);
uint32_t ew_graph_surprise(const struct ew_graph *g, const struct node *n, int side,
    struct ew_mono now);

void ew_graph_run_ended(struct ew_graph *g, uint32_t index,
    const struct ew_lifecycle *life);

/* rules.c */
/* The rule that decides about a new edge; NULL none. */
const struct ew_decision_record *ew_graph_rule_for(const struct ew_graph *g,
    const char *src, const char *dst, uint8_t proto, uint16_t port, struct ew_mono now);
/* Rule 4.5: may this candidate be accepted by itself? Then it is. */
void ew_graph_auto_accept(struct ew_graph *g, uint32_t ref, struct ew_mono now);
void ew_graph_rules_expire(struct ew_graph *g, struct ew_mono now);
