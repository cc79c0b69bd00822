/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "graph/graph_priv.h"

/*
 * What is written down and read back (detectors.md 4.9, 4.10). Records are keyed by names:
 * ids of workloads and instances are of this process only. Changed records wait on two linked
 * lists, so that handing them out costs what changed and not what exists.
 *
 * Loading happens before the first contact; ages go on where they stopped. An import is the
 * same with two differences: workloads start provisional, and what is known here already is
 * not overwritten.
 */

static struct ew_workload_record
record_of(const struct ew_graph *g, const struct node *n, struct ew_mono now)
{
	struct ew_workload_view v = { 0 };
	const struct ew_workload *w = n->workload;

	ew_graph_view(g, w, now, &v);
	struct ew_workload_record r = {
		.cls = w->cls,
		.is_managed = w->is_managed,
		.is_job = w->is_job,
		.state = v.state,
		.is_locked = n->is_locked,
		.is_quarantined = n->is_quarantined,
		.was_there = n->was_there,
		.is_incomplete = n->is_incomplete,
		.labels = n->labels,
		.posture = w->posture,
		.instances = w->instances,
		.first_ns = n->first_ns,
		.last_ns = n->last_ns,
		.age_ns = v.age_ns,
		.learned_age_ns = n->learned_age_ns,
		.new_edge_age_ns = n->new_edge_age_ns,
		.discoveries_q16 = { n->discoveries_q16[OUT], n->discoveries_q16[IN] },
		.discovery_age_ns = { n->discovery_age_ns[OUT],
		    n->discovery_age_ns[IN] },
		.starts = n->starts,
		.runs = n->runs,
		.incidences = n->incidences,
		.f1 = n->f1,
		.f2 = n->f2,
		.sessions_in = n->sessions[IN],
		.sessions_out = n->sessions[OUT],
		.run_out = n->run_out,
		.resolved_yes = n->resolved_yes,
		.resolved_all = n->resolved_all,
		.spec_hash = n->spec_hash,
		.m_permille = (uint16_t)((uint64_t)v.m_q16 * 1000 / 65536),
		.coverage_permille = v.coverage_permille,
		.missing_mass_permille = v.missing_mass_permille,
		.edges_out = v.edges_out,
		.edges_in = v.edges_in,
		.candidates = v.candidates,
		.quarantined = v.quarantined,
	};
	ew_text_copy(r.name, sizeof(r.name), w->name);
	ew_text_copy(r.group, sizeof(r.group), w->group);
	ew_text_copy(r.image_repo, sizeof(r.image_repo), w->image_repo);
	return r;
}

size_t
ew_graph_take_edges(struct ew_graph *graph,
    void (*visit)(void *context, const struct ew_edge *edge), void *context)
{
	size_t n = 0;

	while (graph->dirty_edges) {
		struct edge_slot *e = edge_at(graph, graph->dirty_edges);

		graph->dirty_edges = e->next_dirty;
		e->next_dirty = NONE;
		e->edge.is_dirty = 0;
		visit(context, &e->edge);
		n++;
	}
	return n;
}

size_t
ew_graph_take_workloads(struct ew_graph *graph, struct ew_mono now,
    void (*visit)(void *context, const struct ew_workload_record *record),
    void *context)
{
	size_t count = 0;

	while (graph->dirty_nodes) {
		struct node *n = node_at(graph, graph->dirty_nodes);

		graph->dirty_nodes = n->next_dirty;
		n->next_dirty = NONE;
		n->is_dirty = false;
		struct ew_workload_record r = record_of(graph, n, now);
		visit(context, &r);
		count++;
	}
	return count;
}

/* --- in order of names ---------------------------------------------------------------------- */

struct by_name {
	const char *name;
	uint32_t index;
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const struct by_name *)a)->name,
	    ((const struct by_name *)b)->name);
}

/* 1.. n_nodes sorted by name; the caller frees it. */
static struct by_name *
sort_nodes(const struct ew_graph *g)
{
	struct by_name *order = ew_alloc_array(g->n_nodes + 1, sizeof(*order));

	for (uint32_t i = 0; i < g->n_nodes; i++)
		order[i] = (struct by_name){ g->nodes[i + 1]->workload->name, i + 1 };
	qsort(order, g->n_nodes, sizeof(*order), compare_names);
	return order;
}

void
ew_graph_each_workload(const struct ew_graph *graph, struct ew_mono now,
    void (*visit)(void *context, const struct ew_workload_record *record),
    void *context)
{
	struct by_name *order = sort_nodes(graph);

	for (uint32_t i = 0; i < graph->n_nodes; i++) {
		struct ew_workload_record r =
		    record_of(graph, node_at(graph, order[i].index), now);
		visit(context, &r);
	}
	free(order);
}

static int
compare_edges(const void *a, const void *b)
{
	const struct ew_edge *x = *(const struct ew_edge *const *)a;
	const struct ew_edge *y = *(const struct ew_edge *const *)b;
	int by_dst = strcmp(x->dst->name, y->dst->name);

	if (by_dst)
		return by_dst;
	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	return (x->port > y->port) - (x->port < y->port);
}

void
ew_graph_each_edge(const struct ew_graph *graph,
    void (*visit)(void *context, const struct ew_edge *edge), void *context)
{
	struct by_name *order = sort_nodes(graph);
	const struct ew_edge **edges =
	    ew_alloc_array(graph->n_edges + 1, sizeof(*edges));

	for (uint32_t i = 0; i < graph->n_nodes; i++) {
		size_t n = 0;

		for (uint32_t ref = node_at(graph, order[i].index)->first[OUT]; ref;
		     ref = edge_at(graph, ref)->next[OUT])
			edges[n++] = &edge_at(graph, ref)->edge;
		qsort(edges, n, sizeof(*edges), compare_edges);
		for (size_t k = 0; k < n; k++)
			visit(context, edges[k]);
	}
	free(edges);
	free(order);
}

void
ew_graph_meta(const struct ew_graph *graph, struct ew_mono now,
    struct ew_graph_record *ret_record)
{
	*ret_record = (struct ew_graph_record){
		.observed_ns = ew_graph_observed_ns(graph, now),
		.first_ns = graph->first_ns,
	};
}

/* --- loading ------------------------------------------------------------------------------- */

void
ew_graph_load_meta(struct ew_graph *graph, const struct ew_graph_record *record)
{
	graph->observed_base_ns = record->observed_ns;
	graph->first_ns = record->first_ns;
	graph->was_empty = record->observed_ns == 0;
}

static struct node *
stub(struct ew_graph *g, const struct ew_workload_record *r, struct ew_mono now,
    bool *ret_is_new)
{
	uint32_t before = g->n_nodes;
	uint32_t index = ew_graph_node_stub(g, r->name, now);

	if (!index)
		return NULL;
	*ret_is_new = g->n_nodes > before;
	struct node *n = node_at(g, index);
	if (!n->is_stub)
		return n;
	struct ew_workload *w = n->workload;

	ew_text_copy(w->group, sizeof(w->group), r->group);
	ew_text_copy(w->image_repo, sizeof(w->image_repo), r->image_repo);
	w->cls = r->cls;
	w->is_managed = r->is_managed;
	w->is_job = r->is_job;
	w->posture = r->posture;
	n->group_hash = ew_graph_name_hash(w->group);
	n->has_group = w->group[0] != '\0';
	return n;
}

static void
fill_node(struct node *n, const struct ew_workload_record *r)
{
	n->state = r->state == EW_WL_LOCKED ? EW_WL_PROVISIONAL : r->state;
	n->is_locked = r->is_locked;
	n->is_quarantined = r->is_quarantined;
	n->was_there = r->was_there;
	n->is_incomplete = r->is_incomplete;
	n->labels = r->labels;
	n->first_ns = r->first_ns;
	n->last_ns = r->last_ns;
	n->age_base_ns = r->age_ns;
	n->learned_age_ns = r->learned_age_ns;
	n->new_edge_age_ns = r->new_edge_age_ns;
	for (int side = OUT; side <= IN; side++) {
		n->discoveries_q16[side] = r->discoveries_q16[side];
		n->discovery_age_ns[side] = r->discovery_age_ns[side];
	}
	n->starts = r->starts;
	n->runs = r->runs;
	n->incidences = r->incidences;
	n->f1 = r->f1;
	n->f2 = r->f2;
	n->sessions[IN] = r->sessions_in;
	n->sessions[OUT] = r->sessions_out;
	n->resolved_yes = r->resolved_yes;
	n->resolved_all = r->resolved_all;
	n->spec_hash = r->spec_hash;
}

int
ew_graph_load_workload(struct ew_graph *graph, const struct ew_workload_record *record)
{
	bool is_new = false;
	struct node *n =
	    stub(graph, record, (struct ew_mono){ record->first_ns }, &is_new);

	if (!n)
		return EW_ERR_LIMIT;
	graph->was_empty = false;
	fill_node(n, record);
	/* Age goes on at the first event of this process (state.c sets the anchor). */
	n->anchor_ns = graph->start_ns ? graph->start_ns : INT64_MAX;
	return 0;
}

static int
insert_edge(struct ew_graph *g, const char *src, const char *dst,
    const struct ew_edge *edge, struct ew_mono now, bool may_overwrite,
    uint32_t *ret_ref)
{
	uint32_t s = ew_graph_node_stub(g, src, now);
	uint32_t d = ew_graph_node_stub(g, dst, now);

	if (!s || !d)
		return EW_ERR_LIMIT;
	uint32_t ref = ew_graph_edge_find(g, s, d, edge->proto, edge->port);

	if (ref && !may_overwrite)
		return 0;
	if (!ref)
		ref = ew_graph_edge_add(g, s, d, edge->proto, edge->port);
	if (!ref)
		return EW_ERR_LIMIT;
	struct edge_slot *e = edge_at(g, ref);
	struct ew_edge before = e->edge;

	e->edge = *edge;
	e->edge.src = before.src;
	e->edge.dst = before.dst;
	e->edge.ref = ref;
	e->edge.is_dirty = before.is_dirty;
	e->edge.status = before.status;
	e->seen_ns = edge->last_ns;
	if (edge->slots) {
		node_at(g, s)->seen++;
		node_at(g, d)->seen++;
	}
	if (!edge->established_ns && edge->status == EW_EDGE_CANDIDATE)
		node_at(g, s)->failed_candidates++;
	/* Takes the counts from candidate to what the record says. */
	ew_graph_set_status(g, ref, (enum ew_edge_status)edge->status,
	    (enum ew_edge_origin)edge->origin);
	*ret_ref = ref;
	return 0;
}

int
ew_graph_load_edge(struct ew_graph *graph, const char *src, const char *dst,
    const struct ew_edge *edge)
{
	uint32_t ref = NONE;
	int err = insert_edge(graph, src, dst, edge, (struct ew_mono){ edge->first_ns },
	    true, &ref);

	graph->was_empty = false;
	if (err || !ref)
		return err;
	/* It is on disk already; set_status marked it. */
	struct edge_slot *e = edge_at(graph, ref);
	if (e->edge.is_dirty && graph->dirty_edges == ref) {
		graph->dirty_edges = e->next_dirty;
		e->edge.is_dirty = 0;
	}
	return 0;
}

int
ew_graph_import_workload(struct ew_graph *graph,
    const struct ew_workload_record *record, struct ew_mono now)
{
	bool is_new = false;

	ew_graph_advance(graph, now);
	struct node *n = stub(graph, record, now, &is_new);
	if (!n)
		return EW_ERR_LIMIT;
	if (!is_new)
		return 0;
	int64_t a = graph->conf.minimum_age_ns;

	fill_node(n, record);
	n->state = EW_WL_PROVISIONAL;
	n->anchor_ns = now.ns;
	if (n->age_base_ns < a)
		n->age_base_ns = a;
	if (!n->learned_age_ns)
		n->learned_age_ns = n->age_base_ns;
	/* What it knows was observed elsewhere: this is no cold installation (9.1). */
	if (n->age_base_ns > graph->observed_base_ns)
		graph->observed_base_ns = n->age_base_ns;
	return 0;
}

int
ew_graph_import_edge(struct ew_graph *graph, const char *src, const char *dst,
    const struct ew_edge *edge, struct ew_mono now)
{
	struct ew_edge copy = *edge;
	uint32_t ref = NONE;

	copy.origin = EW_ORIGIN_IMPORTED;
	copy.decision_id = 0;
	copy.expires_ns = 0;
	if (!copy.first_ns)
		copy.first_ns = now.ns;
	if (!copy.last_ns)
		copy.last_ns = now.ns;
	if (!copy.established_ns && copy.status == EW_EDGE_BASELINE)
		copy.established_ns = copy.first_ns;
	return insert_edge(graph, src, dst, &copy, now, false, &ref);
}

/* --- what detect and alert tell -------------------------------------------------------------- */

void
ew_graph_freeze(struct ew_graph *graph, struct ew_workload *workload, bool on,
    struct ew_mono now)
{
	uint32_t index = ew_graph_node_of(graph, workload, now);

	if (!index)
		return;
	struct node *n = node_at(graph, index);
	if (on)
		n->frozen++;
	else if (n->frozen)
		n->frozen--;
}

void
ew_graph_quarantine(struct ew_graph *graph, struct ew_workload *workload,
    struct ew_mono now)
{
	uint32_t index = ew_graph_node_of(graph, workload, now);

	if (!index || node_at(graph, index)->is_quarantined)
		return;
	node_at(graph, index)->is_quarantined = true;
	ew_graph_node_dirty(graph, index);
}

void
ew_graph_quarantine_edge(struct ew_graph *graph, struct ew_edge *edge)
{
	if (edge->status != EW_EDGE_CANDIDATE)
		return;
	edge->flags |= EW_EDGE_F_SUSPECT;
	graph->counters.quarantined++;
	ew_graph_set_status(graph, edge->ref, EW_EDGE_QUARANTINED, EW_ORIGIN_LEARNED);
}

void
ew_graph_scored(struct ew_graph *graph, struct ew_edge *edge, int score)
{
	if (score < 50 || (edge->flags & EW_EDGE_F_HIGH))
		return;
	edge->flags |= EW_EDGE_F_HIGH;
	ew_graph_edge_dirty(graph, edge->ref);
}
