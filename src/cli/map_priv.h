/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The service map as the forms of output see it: nodes are workloads and peers, links are
 * edges. Names are raw; each form escapes them for its own language.
 */
struct ew_map_node {
	const char *name;  /* borrowed from the rows */
	const char *cls;   /* "workload", "external" ... */
	const char *state; /* "" where it has none */
	int64_t instances;
	bool is_shown; /* an end of a link that is shown */
};

enum ew_map_change { EW_MAP_SAME, EW_MAP_CAME, EW_MAP_WENT };

struct ew_map_link {
	size_t from, to; /* indices of nodes */
	const char *proto, *port, *status;
	int64_t connections, failed, src_bytes, dst_bytes, first_us, last_us;
	enum ew_map_change change; /* --diff */
	bool is_shown;
};

struct ew_map {
	struct ew_map_node *nodes;
	struct ew_map_link *links; /* in order of source, destination, port */
	size_t n_nodes, n_links;
	bool is_diff;
	bool color;
};

void ew_map_tree(const struct ew_map *map);
void ew_map_dot(const struct ew_map *map);
void ew_map_mermaid(const struct ew_map *map);
void ew_map_graphml(const struct ew_map *map);
void ew_map_json(const struct ew_map *map);

/* Not part of the usual: candidate, quarantined, denied. */
bool ew_map_is_new(const struct ew_map_link *link);
