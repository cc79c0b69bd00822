/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph behind `path` and `blast-radius`. Used hops come from edges that were
 * established, open ones from networks that live containers share. An external address, a
 * gateway or the node is an end, never a way through: what happens behind it is unknown.
 */
#include "cli/reach.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"

static int
compare_nodes(const void *a, const void *b)
{
	const struct ew_reach_node *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static size_t
node_of(const struct ew_reach *r, const char *name)
{
	const struct ew_reach_node key = { .name = name };
	const struct ew_reach_node *found =
	    bsearch(&key, r->nodes, r->n_nodes, sizeof(key), compare_nodes);

	return found ? (size_t)(found - r->nodes) : EW_REACH_NONE;
}

/* Workloads, and whatever else an edge names, once each, in order of names. */
static void
build_nodes(struct ew_reach *r)
{
	const struct ew_rows *w = &r->workload_rows, *e = &r->edge_rows;
	size_t n = 0;

	r->nodes = ew_alloc_array(w->n + 2 * e->n + 1, sizeof(*r->nodes));
	for (size_t i = 0; i < w->n; i++)
		r->nodes[n++].name = ew_rows_text(w, i, "workload");
	for (size_t i = 0; i < e->n; i++) {
		r->nodes[n++].name = ew_rows_text(e, i, "src_workload");
		r->nodes[n++].name = ew_rows_text(e, i, "dst_workload");
	}
	qsort(r->nodes, n, sizeof(*r->nodes), compare_nodes);
	for (size_t i = 0; i < n; i++)
		if (r->n_nodes == 0 ||
		    strcmp(r->nodes[r->n_nodes - 1].name, r->nodes[i].name) != 0)
			r->nodes[r->n_nodes++].name = r->nodes[i].name;
	for (size_t i = 0; i < r->n_nodes; i++) {
		r->nodes[i].cls = ew_class_of_name(r->nodes[i].name);
		r->nodes[i].networks =
		    ew_alloc_array(r->bitmap_words, sizeof(uint64_t));
	}
}

static int
compare_edges(const void *a, const void *b)
{
	const struct ew_reach_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return strcmp(x->port, y->port);
}

static void
build_edges(struct ew_reach *r)
{
	const struct ew_rows *rows = &r->edge_rows;

	r->edges = ew_alloc_array(rows->n + 1, sizeof(*r->edges));
	for (size_t i = 0; i < rows->n; i++) {
		struct ew_reach_edge *e = &r->edges[r->n_edges];
		const struct ew_value *port = ew_rows_value(rows, i, "dst_port");

		*e = (struct ew_reach_edge){
			.from = node_of(r, ew_rows_text(rows, i, "src_workload")),
			.to = node_of(r, ew_rows_text(rows, i, "dst_workload")),
			.proto = ew_rows_text(rows, i, "proto"),
			.status = ew_rows_text(rows, i, "status"),
			.last_us = ew_rows_int(rows, i, "last_us"),
			.connections = ew_rows_int(rows, i, "connections"),
			.failed = ew_rows_int(rows, i, "failed"),
			.is_sensitive = ew_rows_int(rows, i, "is_sensitive") != 0,
			.is_used = !ew_rows_is_null(rows, i, "established_us"),
		};
		if (port->kind == EW_VALUE_TEXT)
			ew_text_copy(e->port, sizeof(e->port), port->text);
		else
			snprintf(e->port, sizeof(e->port), "%u",
			    (unsigned)port->number & 0xffff);
		if (e->from != EW_REACH_NONE && e->to != EW_REACH_NONE &&
		    e->from != e->to)
			r->n_edges++;
	}
	qsort(r->edges, r->n_edges, sizeof(*r->edges), compare_edges);
}

/* Networks on which containers may talk to each other. */
static void
build_networks(struct ew_reach *r)
{
	const struct ew_rows *rows = &r->network_rows;

	r->networks = ew_alloc_array(rows->n + 1, sizeof(*r->networks));
	for (size_t i = 0; i < rows->n; i++) {
		const char *name = ew_rows_text(rows, i, "name");
		bool known = false;

		for (size_t k = 0; k < r->n_networks; k++)
			known |= strcmp(r->networks[k], name) == 0;
		if (!known && !ew_rows_int(rows, i, "icc_disabled") &&
		    ew_rows_is_null(rows, i, "to_us"))
			r->networks[r->n_networks++] = ew_strdup(name);
	}
	r->bitmap_words = r->n_networks / 64 + 1;
}

static void
join_networks(struct ew_reach *r)
{
	const struct ew_rows *rows = &r->instance_rows;

	for (size_t i = 0; i < rows->n; i++) {
		const size_t node = node_of(r, ew_rows_text(rows, i, "workload"));
		json_t *names, *name;
		size_t k;

		if (node == EW_REACH_NONE || !ew_rows_is_null(rows, i, "stopped_us"))
			continue;
		names = json_loads(ew_rows_text(rows, i, "networks"), 0, NULL);
		json_array_foreach(names, k, name)
		{
			for (size_t n = 0; n < r->n_networks; n++)
				if (json_string_value(name) &&
				    strcmp(r->networks[n], json_string_value(name)) ==
					0)
					r->nodes[node].networks[n / 64] |= UINT64_C(1)
					    << (n % 64);
		}
		json_decref(names);
	}
}

int
ew_reach_load(struct ew_reader *reader, struct ew_reach *ret_reach)
{
	struct ew_reach *r = ret_reach;
	int code;

	*r = (struct ew_reach){ 0 };
	code =
	    ew_rows_find(reader, EW_VIEW_WORKLOADS, NULL, NULL, 0, &r->workload_rows);
	if (!code)
		code =
		    ew_rows_find(reader, EW_VIEW_EDGES, NULL, NULL, 0, &r->edge_rows);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_INSTANCES, NULL, NULL, 0,
		    &r->instance_rows);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_NETWORKS, NULL, NULL, 0,
		    &r->network_rows);
	if (code)
		return code;
	build_networks(r);
	build_nodes(r);
	build_edges(r);
	join_networks(r);
	return EW_EXIT_OK;
}

void
ew_reach_fini(struct ew_reach *r)
{
	for (size_t i = 0; i < r->n_nodes; i++)
		free(r->nodes[i].networks);
	for (size_t i = 0; i < r->n_networks; i++)
		free(r->networks[i]);
	free(r->nodes);
	free(r->edges);
	free(r->networks);
	ew_rows_fini(&r->edge_rows);
	ew_rows_fini(&r->workload_rows);
	ew_rows_fini(&r->instance_rows);
	ew_rows_fini(&r->network_rows);
	*r = (struct ew_reach){ 0 };
}

int
ew_reach_find(const struct ew_reach *r, const char *pattern, size_t *ret_node)
{
	size_t found = node_of(r, pattern);
	bool many = false;

	for (size_t i = 0; found == EW_REACH_NONE || many; i++) {
		if (i == r->n_nodes)
			break;
		if (!ew_text_glob(pattern, r->nodes[i].name))
			continue;
		many = found != EW_REACH_NONE;
		found = i;
		for (size_t k = i + 1; k < r->n_nodes; k++)
			many |= ew_text_glob(pattern, r->nodes[k].name);
		break;
	}
	if (many)
		return ew_complain(EW_EXIT_USAGE,
		    "\"%s\" matches several workloads; name one of them", pattern);
	if (found == EW_REACH_NONE)
		return ew_complain(EW_EXIT_ERROR,
		    "there is no workload \"%s\"; `eastwatch workloads --last 0` lists "
		    "the names",
		    pattern);
	*ret_node = found;
	return EW_EXIT_OK;
}

const char *
ew_reach_shared_network(const struct ew_reach *r, size_t a, size_t b)
{
	for (size_t w = 0; w < r->bitmap_words; w++) {
		const uint64_t both = r->nodes[a].networks[w] & r->nodes[b].networks[w];

		if (both)
			return r->networks[64 * w + (size_t)__builtin_ctzll(both)];
	}
	return NULL;
}

static bool
is_better(const struct ew_reach_step *a, const struct ew_reach_step *b)
{
	if (!b->is_reached)
		return true;
	if (a->open_hops != b->open_hops)
		return a->open_hops < b->open_hops;
	return a->hops < b->hops;
}

static void
relax(struct ew_reach_step *steps, size_t from, size_t to, size_t edge, bool is_open)
{
	const struct ew_reach_step step = { .from = from,
		.edge = edge,
		.hops = steps[from].hops + 1,
		.open_hops = steps[from].open_hops + is_open,
		.is_reached = true };

	if (is_better(&step, &steps[to]))
		steps[to] = step;
}

/* First edge of a node, by bisection over the sorted edges. */
static size_t
first_edge(const struct ew_reach *r, size_t node)
{
	size_t low = 0, high = r->n_edges;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (r->edges[middle].from < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
ew_reach_used(const struct ew_reach *r, size_t from, size_t to)
{
	for (size_t e = first_edge(r, from); e < r->n_edges && r->edges[e].from == from;
	     e++)
		if (r->edges[e].to == to && r->edges[e].is_used)
			return true;
	return false;
}

/* The nearest node that is reached and not done; EW_REACH_NONE when none is left. */
static size_t
nearest(const struct ew_reach *r, const struct ew_reach_step *steps, const bool *done)
{
	size_t at = EW_REACH_NONE;

	for (size_t i = 0; i < r->n_nodes; i++)
		if (!done[i] && steps[i].is_reached &&
		    (at == EW_REACH_NONE || is_better(&steps[i], &steps[at])))
			at = i;
	return at;
}

static void
relax_all(const struct ew_reach *r, struct ew_reach_step *steps, const bool *done,
    size_t at, bool allow_open)
{
	for (size_t e = first_edge(r, at); e < r->n_edges && r->edges[e].from == at;
	     e++)
		if (r->edges[e].is_used)
			relax(steps, at, r->edges[e].to, e, false);
	for (size_t i = 0; allow_open && i < r->n_nodes; i++)
		if (!done[i] && ew_reach_shared_network(r, at, i))
			relax(steps, at, i, EW_REACH_NONE, true);
}

/* Dijkstra over (open hops, hops); the graph is small, so the queue is a scan. */
void
ew_reach_search(const struct ew_reach *r, size_t start, bool allow_open,
    struct ew_reach_step *ret_steps)
{
	bool *done = ew_alloc_array(r->n_nodes + 1, sizeof(*done));

	for (size_t i = 0; i < r->n_nodes; i++)
		ret_steps[i] = (struct ew_reach_step){ .from = EW_REACH_NONE,
			.edge = EW_REACH_NONE };
	ret_steps[start].is_reached = true;
	for (size_t at = nearest(r, ret_steps, done); at != EW_REACH_NONE;
	     at = nearest(r, ret_steps, done)) {
		done[at] = true;
		/* What is no workload is an end: what lies behind it is unknown. */
		if (at == start || strcmp(r->nodes[at].cls, "workload") == 0)
			relax_all(r, ret_steps, done, at, allow_open);
	}
	free(done);
}
