/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "graph/graph_priv.h"

/*
 * What operators decide (detectors.md 4.8). A decision is a record with who, when and why; it
 * leaves through the sink for the log. Accept, deny and snooze stay in force as rules: they
 * also decide about edges that appear later, and they end at their time limit. UNDO takes a
 * rule back: edges that stand by it become candidates again, so every diff is reversible.
 *
 * Rules are few (thousands at most) and are asked about new edges only: a linear walk, the
 * newest decision wins.
 */

static const char *
name_of(const struct ew_graph *g, uint32_t node)
{
	return node_at(g, node)->workload->name;
}

static bool
matches_edge(const struct ew_graph *g, const struct ew_pattern *p,
    const struct edge_slot *e)
{
	return ew_pattern_matches(p, name_of(g, e->node[OUT]), name_of(g, e->node[IN]),
	    e->edge.proto, e->edge.port);
}

static bool
is_in_force(const struct ew_decision_record *d, struct ew_mono now)
{
	return !d->expires_ns || d->expires_ns > now.ns;
}

const struct ew_decision_record *
ew_graph_rule_for(const struct ew_graph *g, const char *src, const char *dst,
    uint8_t proto, uint16_t port, struct ew_mono now)
{
	for (uint32_t i = g->n_rules; i > 0; i--) {
		const struct ew_decision_record *d = &g->rules[i - 1].decision;

		if ((d->action == EW_ACT_ACCEPT || d->action == EW_ACT_DENY) &&
		    is_in_force(d, now) &&
		    ew_pattern_matches(&d->pattern, src, dst, proto, port))
			return d;
	}
	return NULL;
}

bool
ew_graph_is_snoozed(struct ew_graph *graph, const struct ew_workload *src,
    const struct ew_workload *dst, uint8_t proto, uint16_t port, struct ew_mono now)
{
	for (uint32_t i = 0; i < graph->n_rules; i++) {
		const struct ew_decision_record *d = &graph->rules[i].decision;

		if (d->action == EW_ACT_SNOOZE && is_in_force(d, now) &&
		    ew_pattern_matches(&d->pattern, src->name, dst ? dst->name : "",
			proto, port))
			return true;
	}
	return false;
}

/* An edge that stands by decision id, and by none any more: back to candidate. */
static uint32_t
release_edges(struct ew_graph *g, uint64_t id, struct ew_mono now)
{
	uint32_t n = 0;

	for (uint32_t ref = 1; ref <= g->n_edges; ref++) {
		struct edge_slot *e = edge_at(g, ref);

		if (!e->is_used || e->edge.decision_id != id)
			continue;
		const struct ew_decision_record *other =
		    ew_graph_rule_for(g, name_of(g, e->node[OUT]),
			name_of(g, e->node[IN]), e->edge.proto, e->edge.port, now);

		e->edge.decision_id = other ? other->id : 0;
		e->edge.expires_ns = other ? other->expires_ns : 0;
		enum ew_edge_status status = !other ? EW_EDGE_CANDIDATE
		    : other->action == EW_ACT_DENY  ? EW_EDGE_DENIED
						    : EW_EDGE_BASELINE;
		ew_graph_set_status(g, ref, status,
		    other ? EW_ORIGIN_OPERATOR : EW_ORIGIN_LEARNED);
		n++;
	}
	return n;
}

static void
drop_rule(struct ew_graph *g, uint32_t i)
{
	memmove(&g->rules[i], &g->rules[i + 1],
	    (g->n_rules - i - 1) * sizeof(*g->rules));
	g->n_rules--;
	g->counters.rules = g->n_rules;
}

void
ew_graph_rules_expire(struct ew_graph *g, struct ew_mono now)
{
	for (uint32_t i = 0; i < g->n_rules;) {
		struct ew_decision_record d = g->rules[i].decision;

		if (is_in_force(&d, now)) {
			i++;
			continue;
		}
		drop_rule(g, i);
		if (d.action != EW_ACT_SNOOZE)
			release_edges(g, d.id, now);
	}
}

static int
add_rule(struct ew_graph *g, const struct ew_decision_record *d)
{
	if (g->n_rules >= g->conf.max_rules) {
		g->counters.rules_refused++;
		return EW_ERR_LIMIT;
	}
	g->rules[g->n_rules++] = (struct rule){ .decision = *d, .is_used = true };
	g->counters.rules = g->n_rules;
	return 0;
}

static uint32_t
apply_to_edges(struct ew_graph *g, const struct ew_decision_record *d,
    struct ew_mono now)
{
	bool is_accept = d->action == EW_ACT_ACCEPT;
	enum ew_edge_status status = is_accept ? EW_EDGE_BASELINE : EW_EDGE_DENIED;
	uint32_t n = 0;

	for (uint32_t ref = 1; ref <= g->n_edges; ref++) {
		struct edge_slot *e = edge_at(g, ref);

		if (!e->is_used || !matches_edge(g, &d->pattern, e))
			continue;
		/* What was learned needs no acceptance; what was denied before does. */
		if (is_accept && e->edge.status == EW_EDGE_BASELINE)
			continue;
		e->edge.decision_id = d->id;
		e->edge.expires_ns = d->expires_ns;
		e->edge.flags &= (uint8_t)~EW_EDGE_F_SUSPECT;
		ew_graph_set_status(g, ref, status, EW_ORIGIN_OPERATOR);
		/* Edges of an incident are explained otherwise: they buy no tolerance. */
		if (is_accept && !d->incident_id && e->edge.established_ns)
			ew_graph_discovered(g, ref, now);
		n++;
	}
	return n;
}

static uint32_t
forget_edges(struct ew_graph *g, const struct ew_pattern *p)
{
	uint32_t n = 0;

	for (uint32_t ref = 1; ref <= g->n_edges; ref++) {
		if (edge_at(g, ref)->is_used && matches_edge(g, p, edge_at(g, ref))) {
			ew_graph_edge_forget(g, ref);
			n++;
		}
	}
	return n;
}

static void
relearn(struct node *n)
{
	n->learned_age_ns = 0;
	n->is_incomplete = n->is_quarantined = false;
	n->state = EW_WL_LEARNING;
	/* Its age starts again: maturity and tolerance follow. */
	n->age_base_ns = 0;
	n->anchor_ns = n->last_ns;
	n->new_edge_age_ns = 0;
	for (int side = OUT; side <= IN; side++) {
		n->discoveries_q16[side] = 0;
		n->discovery_age_ns[side] = -1;
	}
}

static uint32_t
apply_to_workloads(struct ew_graph *g, const struct ew_decision_record *d,
    struct ew_mono now)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= g->n_nodes; i++) {
		struct node *w = node_at(g, i);

		if (!ew_text_glob(d->pattern.src, w->workload->name))
			continue;
		if (d->action == EW_ACT_LABEL)
			w->labels = d->labels;
		if (d->action == EW_ACT_LOCK)
			w->is_locked = true;
		if (d->action == EW_ACT_UNLOCK)
			w->is_locked = w->is_quarantined = false;
		if (d->action == EW_ACT_RELEARN) {
			relearn(w);
			w->anchor_ns = now.ns;
		}
		ew_graph_node_dirty(g, i);
		n++;
	}
	return n;
}

static int
undo(struct ew_graph *g, struct ew_decision_record *d, struct ew_mono now)
{
	for (uint32_t i = 0; i < g->n_rules; i++) {
		if (g->rules[i].decision.id != d->undoes)
			continue;
		d->pattern = g->rules[i].decision.pattern;
		drop_rule(g, i);
		d->edges = release_edges(g, d->undoes, now);
		return 0;
	}
	/* Acceptances by rule 4.5 are no rules; their edges carry the id. */
	d->edges = release_edges(g, d->undoes, now);
	return d->edges ? 0 : -ENOENT;
}

static uint64_t
decision_id(const struct ew_graph *g, const struct ew_decision_record *d)
{
	uint64_t h = ew_graph_mix((uint64_t)d->at_ns, d->action);

	h = ew_graph_mix(h, ew_graph_name_hash(d->pattern.src));
	h = ew_graph_mix(h, ew_graph_name_hash(d->pattern.dst));
	h = ew_graph_mix(h,
	    (uint64_t)(uint32_t)d->pattern.port << 16 | (uint16_t)d->pattern.proto);
	h = ew_graph_mix(h, g->n_rules);
	/* SQLite's integers are signed: keep ids positive. */
	return (h & INT64_MAX) | 1;
}

void
ew_graph_auto_accept(struct ew_graph *g, uint32_t ref, struct ew_mono now)
{
	struct edge_slot *e = edge_at(g, ref);
	const struct node *n = node_at(g, e->node[OUT]);
	const uint8_t never = EW_EDGE_F_HIGH | EW_EDGE_F_SUSPECT | EW_EDGE_F_SENSITIVE |
	    EW_EDGE_F_UNRESOLVED;
	bool is_shared = e->edge.replicas >= 2 || (e->edge.flags & EW_EDGE_F_CHANGE);
	bool is_old = e->edge.established_ns &&
	    now.ns - e->edge.established_ns >= g->conf.auto_accept_ns;

	/* 4.5: three days, two instances or a release, under 50, no incident, no quarantine. */
	if (!is_old || !is_shared || (e->edge.flags & never) ||
	    __builtin_popcount(e->edge.days) < 3 || n->frozen || n->is_quarantined ||
	    n->is_locked)
		return;
	struct ew_decision_record d = {
		.at_ns = now.ns,
		.action = EW_ACT_AUTO,
		.edges = 1,
		.pattern = { .port = e->edge.port, .proto = e->edge.proto },
		.who = "eastwatch",
		.why = "seen on three days by several instances, never scored 50",
	};

	(void)ew_text_copy(d.pattern.src, sizeof(d.pattern.src),
	    name_of(g, e->node[OUT]));
	(void)ew_text_copy(d.pattern.dst, sizeof(d.pattern.dst),
	    name_of(g, e->node[IN]));
	d.id = decision_id(g, &d);
	e->edge.decision_id = d.id;
	ew_graph_set_status(g, ref, EW_EDGE_BASELINE, EW_ORIGIN_AUTO);
	ew_graph_discovered(g, ref, now);
	if (g->sink.decision)
		g->sink.decision(g->sink.context, &d);
}

int
ew_graph_decide(struct ew_graph *graph, struct ew_decision_record *decision,
    struct ew_mono now, struct ew_error *error)
{
	int err = 0;

	ew_graph_advance(graph, now);
	decision->at_ns = now.ns;
	decision->id = decision_id(graph, decision);
	decision->edges = 0;
	switch ((enum ew_decision_action)decision->action) {
	case EW_ACT_ACCEPT:
	case EW_ACT_DENY:
	case EW_ACT_SNOOZE:
		err = add_rule(graph, decision);
		if (err)
			return ew_error_set(error, err,
			    "the table of decisions is full (%u); undo some or give "
			    "them a time limit",
			    graph->conf.max_rules);
		if (decision->action != EW_ACT_SNOOZE)
			decision->edges = apply_to_edges(graph, decision, now);
		break;
	case EW_ACT_FORGET:
		decision->edges = forget_edges(graph, &decision->pattern);
		err = decision->edges ? 0 : -ENOENT;
		break;
	case EW_ACT_LOCK:
	case EW_ACT_UNLOCK:
	case EW_ACT_RELEARN:
	case EW_ACT_LABEL:
		decision->edges = apply_to_workloads(graph, decision, now);
		err = decision->edges ? 0 : -ENOENT;
		break;
	case EW_ACT_UNDO:
		err = undo(graph, decision, now);
		break;
	case EW_ACT_AUTO:
		return ew_error_set(error, EW_ERR_USAGE,
		    "automatic acceptance is not a command");
	}
	if (err)
		return ew_error_set(error, err, "nothing matches \"%s\"",
		    decision->pattern.src);
	if (graph->sink.decision)
		graph->sink.decision(graph->sink.context, decision);
	return 0;
}

/* --- loading ------------------------------------------------------------------------------- */

int
ew_graph_load_decision(struct ew_graph *graph, const struct ew_decision_record *record,
    struct ew_mono now)
{
	switch ((enum ew_decision_action)record->action) {
	case EW_ACT_ACCEPT:
	case EW_ACT_DENY:
	case EW_ACT_SNOOZE:
		if (record->is_undone || !is_in_force(record, now))
			return 0;
		return add_rule(graph, record);
	case EW_ACT_UNDO:
		for (uint32_t i = 0; i < graph->n_rules; i++) {
			if (graph->rules[i].decision.id == record->undoes) {
				drop_rule(graph, i);
				break;
			}
		}
		return 0;
	case EW_ACT_FORGET: /* these are in the workloads' and edges' own records */
	case EW_ACT_LOCK:
	case EW_ACT_UNLOCK:
	case EW_ACT_LABEL:
	case EW_ACT_AUTO:
	case EW_ACT_RELEARN:
		return 0;
	}
	return EW_ERR_VERSION;
}

void
ew_graph_each_rule(const struct ew_graph *graph,
    void (*visit)(void *context, const struct ew_decision_record *rule), void *context)
{
	for (uint32_t i = 0; i < graph->n_rules; i++)
		visit(context, &graph->rules[i].decision);
}
