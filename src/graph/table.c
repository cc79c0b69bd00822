/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/*
 * The tables of the graph: nodes by workload id and by name, edges by (source, destination,
 * protocol, port), services by (destination, protocol, port), instances by id.
 *
 * Workload ids are small and unique for the life of the process, so the hot path finds a node
 * by array index; a record loaded from disk has only a name and is bound to the real workload
 * when that first shows up. Edges are found by one probe of an open-addressed table that holds
 * indices: linear probing, backward-shift deletion, at most half full.
 *
 * Everything is bounded: what does not fit is refused and counted, and the caller goes on
 * without a record.
 */

#define BY_ID_MAX (1u << 20)

uint64_t
ew_graph_name_hash(const char *name)
{
	/* FNV-1a, 64 bit. Not keyed: ids derived from names must survive a restart. */
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return h;
}

static uint32_t
power_of_two(uint32_t at_least)
{
	uint32_t n = 64;

	while (n < at_least)
		n *= 2;
	return n;
}

static void
index_init(struct index_table *t, uint32_t capacity)
{
	uint32_t n = power_of_two(capacity);

	t->slots = ew_alloc_array(n, sizeof(*t->slots));
	t->mask = n - 1;
	t->used = 0;
}

void
ew_graph_tables_init(struct ew_graph *g)
{
	g->cap_nodes = 256;
	g->nodes = ew_alloc_array(g->cap_nodes, sizeof(struct node *));
	g->n_by_id = 1024;
	g->by_id = ew_alloc_array(g->n_by_id, sizeof(uint32_t));
	index_init(&g->by_name, 512);
	index_init(&g->edges, 1024);
	g->blocks =
	    ew_alloc_array(g->conf.max_edges / EDGE_BLOCK + 2, sizeof(*g->blocks));
	g->cap_services = 1024;
	g->services = ew_alloc_array(g->cap_services, sizeof(*g->services));
	g->cap_group_ports = 256;
	g->group_ports = ew_alloc_array(g->cap_group_ports, sizeof(*g->group_ports));
	g->rules = ew_alloc_array(g->conf.max_rules, sizeof(*g->rules));
	g->cap_instances = 256;
	g->instances = ew_alloc_array(g->cap_instances, sizeof(*g->instances));
	g->flows = ew_alloc_array(FLOW_SLOTS, sizeof(*g->flows));
}

void
ew_graph_tables_fini(struct ew_graph *g)
{
	for (uint32_t i = 1; i <= g->n_nodes; i++) {
		ew_workload_put(g->nodes[i]->workload);
		free(g->nodes[i]);
	}
	for (uint32_t i = 0; i < g->conf.max_edges / EDGE_BLOCK + 2; i++)
		free(g->blocks[i]);
	free(g->blocks);
	free(g->nodes);
	free(g->by_id);
	free(g->by_name.slots);
	free(g->edges.slots);
	free(g->services);
	free(g->group_ports);
	free(g->rules);
	free(g->instances);
	free(g->flows);
}

/* --- nodes -------------------------------------------------------------------------------- */

static void
name_insert(struct ew_graph *g, uint32_t index)
{
	uint32_t i = (uint32_t)g->nodes[index]->name_hash & g->by_name.mask;

	while (g->by_name.slots[i])
		i = (i + 1) & g->by_name.mask;
	g->by_name.slots[i] = index;
	g->by_name.used++;
}

static void
name_grow(struct ew_graph *g)
{
	if (g->by_name.used * 2 <= g->by_name.mask)
		return;
	free(g->by_name.slots);
	index_init(&g->by_name, (g->by_name.mask + 1) * 2);
	for (uint32_t i = 1; i <= g->n_nodes; i++)
		name_insert(g, i);
}

uint32_t
ew_graph_node_by_name(const struct ew_graph *g, const char *name)
{
	uint64_t hash = ew_graph_name_hash(name);

	for (uint32_t i = (uint32_t)hash & g->by_name.mask; g->by_name.slots[i];
	     i = (i + 1) & g->by_name.mask) {
		const struct node *n = g->nodes[g->by_name.slots[i]];

		if (n->name_hash == hash && strcmp(n->workload->name, name) == 0)
			return g->by_name.slots[i];
	}
	return NONE;
}

static void
remember_id(struct ew_graph *g, uint32_t id, uint32_t index)
{
	if (id >= BY_ID_MAX)
		return; /* found by name from then on: slower, never wrong */
	if (id >= g->n_by_id) {
		uint32_t n = power_of_two(id + 1);

		g->by_id = ew_realloc_array(g->by_id, n, sizeof(*g->by_id));
		memset(g->by_id + g->n_by_id, 0, (n - g->n_by_id) * sizeof(*g->by_id));
		g->n_by_id = n;
	}
	g->by_id[id] = index;
}

static uint32_t
node_add(struct ew_graph *g, struct ew_workload *take_workload, struct ew_mono now)
{
	if (g->n_nodes >= g->conf.max_workloads) {
		g->counters.workloads_refused++;
		ew_workload_put(take_workload);
		return NONE;
	}
	if (g->n_nodes + 1 >= g->cap_nodes) {
		g->cap_nodes *= 2;
		g->nodes = ew_realloc_array(g->nodes, g->cap_nodes, sizeof(*g->nodes));
	}
	struct node *n = ew_alloc(sizeof(*n));

	*n = (struct node){
		.workload = take_workload,
		.name_hash = ew_graph_name_hash(take_workload->name),
		.group_hash = ew_graph_name_hash(take_workload->group),
		.has_group = take_workload->group[0] != '\0',
		.was_there = g->was_empty && !g->inventory_ready,
		.first_ns = now.ns,
		.last_ns = now.ns,
		.anchor_ns = now.ns,
		.discovery_age_ns = { -1, -1 },
	};
	g->nodes[++g->n_nodes] = n;
	name_insert(g, g->n_nodes);
	name_grow(g);
	g->n_external += take_workload->cls == EW_PEER_EXTERNAL;
	g->counters.workloads = g->n_nodes;
	ew_graph_node_dirty(g, g->n_nodes);
	return g->n_nodes;
}

/* The node was loaded from disk, or identity made its workload anew: take the new object. */
static void
node_bind(struct ew_graph *g, uint32_t index, struct ew_workload *w)
{
	struct node *n = g->nodes[index];

	ew_workload_put(n->workload);
	n->workload = ew_workload_get(w);
	n->is_stub = false;
	n->group_hash = ew_graph_name_hash(w->group);
	n->has_group = w->group[0] != '\0';
	for (uint32_t e = n->first[OUT]; e; e = edge_at(g, e)->next[OUT])
		edge_at(g, e)->edge.src = w;
	for (uint32_t e = n->first[IN]; e; e = edge_at(g, e)->next[IN])
		edge_at(g, e)->edge.dst = w;
}

uint32_t
ew_graph_node_find(const struct ew_graph *g, const struct ew_workload *w)
{
	uint32_t index = w->id < g->n_by_id ? g->by_id[w->id] : NONE;

	if (index && g->nodes[index]->workload == w)
		return index;
	return ew_graph_node_by_name(g, w->name);
}

uint32_t
ew_graph_node_of(struct ew_graph *g, struct ew_workload *w, struct ew_mono now)
{
	uint32_t index = w->id < g->n_by_id ? g->by_id[w->id] : NONE;

	if (index && g->nodes[index]->workload == w)
		return index;
	index = ew_graph_node_by_name(g, w->name);
	if (index && g->nodes[index]->workload != w)
		node_bind(g, index, w);
	/* Clients from everywhere must not use up the table: a quarter of it, then one name. */
	if (!index && w->cls == EW_PEER_EXTERNAL &&
	    g->n_external >= g->conf.max_workloads / 4)
		return ew_graph_any_external(g, now);
	if (!index)
		index = node_add(g, ew_workload_get(w), now);
	if (index)
		remember_id(g, w->id, index);
	return index;
}

uint32_t
ew_graph_node_stub(struct ew_graph *g, const char *name, struct ew_mono now)
{
	uint32_t index = ew_graph_node_by_name(g, name);

	if (index)
		return index;
	struct ew_workload *w = ew_alloc(sizeof(*w));

	/* Ids of stubs are far above identity's and are never looked up by id. */
	w->id = UINT32_MAX - g->n_nodes;
	w->references = 1;
	w->first_seen = now;
	ew_text_copy(w->name, sizeof(w->name), name);
	index = node_add(g, w, now);
	if (index)
		g->nodes[index]->is_stub = true;
	return index;
}

uint32_t
ew_graph_any_external(struct ew_graph *g, struct ew_mono now)
{
	if (!g->any_external) {
		g->any_external = ew_graph_node_stub(g, "external", now);
		if (g->any_external)
			g->nodes[g->any_external]->workload->cls = EW_PEER_EXTERNAL;
	}
	return g->any_external;
}

void
ew_graph_node_dirty(struct ew_graph *g, uint32_t index)
{
	struct node *n = g->nodes[index];

	if (n->is_dirty)
		return;
	n->is_dirty = true;
	n->next_dirty = g->dirty_nodes;
	g->dirty_nodes = index;
}

/* --- edges -------------------------------------------------------------------------------- */

static inline uint64_t
edge_hash(uint32_t src, uint32_t dst, uint8_t proto, uint16_t port)
{
	return ew_graph_mix((uint64_t)src << 32 | dst, (uint64_t)proto << 16 | port);
}

static uint64_t
slot_hash(const struct edge_slot *e)
{
	return edge_hash(e->node[OUT], e->node[IN], e->edge.proto, e->edge.port);
}

uint32_t
ew_graph_edge_find(const struct ew_graph *g, uint32_t src, uint32_t dst, uint8_t proto,
    uint16_t port)
{
	uint32_t i = (uint32_t)edge_hash(src, dst, proto, port) & g->edges.mask;

	for (; g->edges.slots[i]; i = (i + 1) & g->edges.mask) {
		const struct edge_slot *e = edge_at(g, g->edges.slots[i]);

		if (e->node[OUT] == src && e->node[IN] == dst && e->edge.port == port &&
		    e->edge.proto == proto)
			return g->edges.slots[i];
	}
	return NONE;
}

static void
edge_insert(struct ew_graph *g, uint32_t ref)
{
	uint32_t i = (uint32_t)slot_hash(edge_at(g, ref)) & g->edges.mask;

	while (g->edges.slots[i])
		i = (i + 1) & g->edges.mask;
	g->edges.slots[i] = ref;
	g->edges.used++;
}

static void
edge_grow(struct ew_graph *g)
{
	if (g->edges.used * 2 <= g->edges.mask)
		return;
	struct index_table old = g->edges;

	index_init(&g->edges, (old.mask + 1) * 2);
	for (uint32_t i = 0; i <= old.mask; i++)
		if (old.slots[i])
			edge_insert(g, old.slots[i]);
	free(old.slots);
}

static uint32_t
edge_take_slot(struct ew_graph *g)
{
	uint32_t ref = g->free_edge;

	if (ref) {
		g->free_edge = edge_at(g, ref)->next_dirty;
		return ref;
	}
	if (g->n_edges >= g->conf.max_edges)
		return NONE;
	ref = ++g->n_edges;
	if (!g->blocks[ref / EDGE_BLOCK])
		g->blocks[ref / EDGE_BLOCK] =
		    ew_alloc_array(EDGE_BLOCK, sizeof(struct edge_slot));
	return ref;
}

uint32_t
ew_graph_edge_add(struct ew_graph *g, uint32_t src, uint32_t dst, uint8_t proto,
    uint16_t port)
{
	uint32_t ref = edge_take_slot(g);

	if (!ref) {
		g->counters.edges_refused++;
		return NONE;
	}
	struct edge_slot *e = edge_at(g, ref);

	*e = (struct edge_slot){
		.edge = {
			.src = g->nodes[src]->workload,
			.dst = g->nodes[dst]->workload,
			.port = port,
			.proto = proto,
			.status = EW_EDGE_CANDIDATE,
			.ref = ref,
		},
		.node = { src, dst },
		.next = { g->nodes[src]->first[OUT], g->nodes[dst]->first[IN] },
		.is_used = true,
	};
	g->nodes[src]->first[OUT] = ref;
	g->nodes[dst]->first[IN] = ref;
	g->nodes[src]->candidates++;
	edge_insert(g, ref);
	edge_grow(g);
	g->counters.edges++;
	return ref;
}

static void
unlink_from(struct ew_graph *g, uint32_t ref, int side)
{
	uint32_t *link = &g->nodes[edge_at(g, ref)->node[side]]->first[side];

	while (*link != ref)
		link = &edge_at(g, *link)->next[side];
	*link = edge_at(g, ref)->next[side];
}

static void
edge_erase(struct ew_graph *g, uint32_t ref)
{
	uint32_t mask = g->edges.mask;
	uint32_t hole = (uint32_t)slot_hash(edge_at(g, ref)) & mask;

	while (g->edges.slots[hole] != ref)
		hole = (hole + 1) & mask;
	/* Backward shift: move up whoever may stand in the hole. */
	for (uint32_t i = (hole + 1) & mask; g->edges.slots[i]; i = (i + 1) & mask) {
		uint32_t home =
		    (uint32_t)slot_hash(edge_at(g, g->edges.slots[i])) & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			g->edges.slots[hole] = g->edges.slots[i];
			hole = i;
		}
	}
	g->edges.slots[hole] = NONE;
	g->edges.used--;
}

void
ew_graph_edge_remove(struct ew_graph *g, uint32_t ref)
{
	struct edge_slot *e = edge_at(g, ref);

	if (g->sink.edge_removed)
		g->sink.edge_removed(g->sink.context, &e->edge);
	/* A dirty edge stays on that list until taken; take it off first. */
	if (e->edge.is_dirty) {
		uint32_t *link = &g->dirty_edges;

		while (*link != ref)
			link = &edge_at(g, *link)->next_dirty;
		*link = e->next_dirty;
	}
	edge_erase(g, ref);
	unlink_from(g, ref, OUT);
	unlink_from(g, ref, IN);
	*e = (struct edge_slot){ .next_dirty = g->free_edge };
	g->free_edge = ref;
	g->counters.edges--;
}

void
ew_graph_edge_dirty(struct ew_graph *g, uint32_t ref)
{
	struct edge_slot *e = edge_at(g, ref);

	if (e->edge.is_dirty)
		return;
	e->edge.is_dirty = 1;
	e->next_dirty = g->dirty_edges;
	g->dirty_edges = ref;
}
