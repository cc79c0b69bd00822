/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/rows.h"

/*
 * Who can reach whom: workloads, the edges that were used between them, and the networks
 * they share. A hop is `used` when an edge has been established, and `open` when the two
 * share a network that lets containers talk, whether they ever did or not.
 */
struct ew_reader;

struct ew_reach_node {
	const char *name; /* borrowed from the rows */
	const char *cls;
	uint64_t *networks; /* bitmap of the reach's networks */
};

struct ew_reach_edge {
	size_t from, to;
	const char *proto, *status;
	char port[8];
	int64_t last_us, connections, failed;
	bool is_sensitive;
	bool is_used; /* established at least once */
};

struct ew_reach {
	struct ew_rows edge_rows, workload_rows, instance_rows, network_rows;
	struct ew_reach_node *nodes; /* in order of names */
	struct ew_reach_edge *edges; /* in order of from */
	char **networks;	     /* names that let containers talk */
	size_t n_nodes, n_edges, n_networks, bitmap_words;
};

/* Returns an exit code, after a sentence. fini accepts what a failed load left. */
int ew_reach_load(struct ew_reader *reader, struct ew_reach *ret_reach);
void ew_reach_fini(struct ew_reach *reach);

/* Index of the only node that matches a name or glob. Returns an exit code. */
int ew_reach_find(const struct ew_reach *reach, const char *pattern, size_t *ret_node);
/* A network both are on; NULL when there is none. */
const char *ew_reach_shared_network(const struct ew_reach *reach, size_t a, size_t b);

/* Was an edge between the two ever established, in that direction? */
bool ew_reach_used(const struct ew_reach *reach, size_t from, size_t to);

#define EW_REACH_NONE SIZE_MAX
/* How a node was reached by ew_reach_search. */
struct ew_reach_step {
	size_t from; /* node before; EW_REACH_NONE: the start, or not reached */
	size_t edge; /* used edge, or EW_REACH_NONE: open hop */
	uint32_t hops;
	uint32_t open_hops; /* of them never used */
	bool is_reached;
};
/*
 * From one node to all, along used edges and, with allow_open, shared networks: fewest open
 * hops first, then fewest hops. ret_steps: n_nodes.
 */
void ew_reach_search(const struct ew_reach *reach, size_t start, bool allow_open,
    struct ew_reach_step *ret_steps);
