/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "graph/fixed.h"
#include "graph/graph_priv.h"
#include "identity/contact.h"

/*
 * Time passes (detectors.md 4.1, 4.2, 4.6, 9.1). Once per period (an incidence slot, between
 * 250 ms and 5 min) every workload's state is looked at; a few times per A every edge's. The
 * periods are aligned to absolute pipeline time and run before the event that is later, so a
 * replay at any speed sees them at the same places between the same events.
 *
 *   cold         nothing established yet
 *   learning     edges join silently when seen twice (learn.c)
 *   provisional  old and complete enough (age A, 100 incidences, missing mass 0.5 %, quiet),
 *                or 7 A old in any case: then "incomplete"
 *   mature       7 A old and the mass of edges seen on one day only is at most 5 %
 *   stale        unseen for 14 A; locked by an operator covers all of them
 *
 * Ages count observed time: none accrues while the daemon is down.
 */

#define PROVISIONAL_INCIDENCES 100u /* U of 4.2 */
#define PROVISIONAL_INCIDENCES_QUICK 50u
#define PROVISIONAL_MISSING_PERMILLE 5u /* M of 4.2 */
#define PROVISIONAL_MISSING_PERMILLE_QUICK 10u
#define MATURE_MISSING_PERMILLE 50u
#define MATURE_AGES 7 /* in A */
#define STALE_AGES 14
#define DORMANT_AGES 30
#define DELETE_AGES 180
#define JOB_RUNS_MIN 5u
#define JOB_RUNS_FULL 10u
#define MAX_PERIODS 4096 /* ours: two weeks of five minutes */

/* --- maturity and surprise (section 2) ----------------------------------------------------- */

static uint32_t
maturity_by_age(const struct ew_graph *g, int64_t age)
{
	int64_t a = g->conf.minimum_age_ns;

	if (age < a)
		return 0;
	/* 0.4 + 0.6 * min(1, (age - A) / 6 A) */
	int64_t over = age - a < 6 * a ? age - a : 6 * a;
	int64_t part = over / 1000 * 39321 / (6 * a / 1000);

	return (uint32_t)(26215 + part);
}

static uint32_t
maturity_by_runs(uint32_t runs)
{
	if (runs < JOB_RUNS_MIN)
		return 0;
	uint32_t over = runs < JOB_RUNS_FULL ? runs - JOB_RUNS_MIN : 5;

	return 26215 + over * 39321 / 5;
}

uint32_t
ew_graph_maturity(const struct ew_graph *g, const struct node *n, struct ew_mono now)
{
	int64_t age = node_age(n, now);
	uint32_t m =
	    n->workload->is_job ? maturity_by_runs(n->runs) : maturity_by_age(g, age);

	if (m > EW_Q16_ONE)
		m = EW_Q16_ONE;
	/* It has just changed its habits: believe the baseline half. */
	if (n->discovery_age_ns[OUT] >= 0) {
		int64_t since = age - n->discovery_age_ns[OUT];

		if (since < 2 * g->conf.minimum_age_ns && since < age / 4)
			m /= 2;
	}
	return m;
}

/*
 * s = -log10(min(1, lam)), Q16: how surprising one more new edge is, from the decayed count of
 * accepted discoveries over the (decayed) time they had. Form after the Dirichlet and
 * Pitman-Yor new-edge models (Heard & Rubin-Delanchy 2016; Sanna Passino & Heard 2019).
 */
uint32_t
ew_graph_surprise(const struct ew_graph *g, const struct node *n, int side,
    struct ew_mono now)
{
	int64_t half_life = g->conf.minimum_age_ns / 1000 * 4852; /* 7 A ln 2 */
	int64_t age = node_age(n, now);
	uint64_t numerator = EW_Q16_ONE / 2;

	if (n->discovery_age_ns[side] >= 0)
		numerator += ew_fixed_decay(n->discoveries_q16[side],
		    age - n->discovery_age_ns[side], half_life);
	uint64_t denominator = EW_Q16_ONE +
	    UINT64_C(7) * (EW_Q16_ONE - ew_fixed_decay(EW_Q16_ONE, age, half_life));

	if (numerator >= denominator)
		return 0;
	int32_t s = ew_fixed_log10_ratio(denominator, numerator);

	return s < 4 * (int32_t)EW_Q16_ONE ? (uint32_t)s : 4 * EW_Q16_ONE;
}

/* --- states -------------------------------------------------------------------------------- */

static uint32_t
permille(uint64_t part, uint64_t whole)
{
	return whole ? (uint32_t)(part * 1000 / whole) : 1000;
}

static bool
is_complete(const struct ew_graph *g, const struct node *n, int64_t age)
{
	uint32_t need =
	    g->conf.quick ? PROVISIONAL_INCIDENCES_QUICK : PROVISIONAL_INCIDENCES;
	uint32_t limit = g->conf.quick ? PROVISIONAL_MISSING_PERMILLE_QUICK
				       : PROVISIONAL_MISSING_PERMILLE;
	int64_t quiet =
	    g->conf.minimum_age_ns / 4 > age / 4 ? g->conf.minimum_age_ns / 4 : age / 4;

	if (n->workload->is_job)
		return n->runs >= JOB_RUNS_MIN && n->run_sig[0] == n->run_sig[1] &&
		    n->run_sig[1] == n->run_sig[2];
	return age >= g->conf.minimum_age_ns && n->incidences >= need &&
	    n->f1 * UINT64_C(1000) <= n->incidences * (uint64_t)limit &&
	    age - n->new_edge_age_ns >= quiet;
}

/* Missing mass with days instead of slots, over the edges of one workload. */
static bool
is_day_complete(const struct ew_graph *g, const struct node *n)
{
	uint64_t once = 0, days = 0;

	for (int side = OUT; side <= IN; side++) {
		for (uint32_t i = n->first[side]; i; i = edge_at(g, i)->next[side]) {
			const struct ew_edge *e = &edge_at(g, i)->edge;
			int count = __builtin_popcount(e->days);

			if (e->status != EW_EDGE_BASELINE)
				continue;
			once += count == 1;
			days += (unsigned)count;
		}
	}
	return days && once * 1000 <= days * MATURE_MISSING_PERMILLE;
}

static enum ew_workload_state
state_of(const struct ew_graph *g, const struct node *n, int64_t age)
{
	int64_t a = g->conf.minimum_age_ns;

	if (n->incidences == 0)
		return EW_WL_COLD;
	if (n->learned_age_ns == 0)
		return EW_WL_LEARNING;
	if (n->state == EW_WL_MATURE)
		return EW_WL_MATURE;
	bool is_mature = age >= MATURE_AGES * a &&
	    n->incidences >= PROVISIONAL_INCIDENCES && is_day_complete(g, n);
	return is_mature ? EW_WL_MATURE : EW_WL_PROVISIONAL;
}

static void
update_node(struct ew_graph *g, uint32_t index, struct ew_mono now)
{
	struct node *n = node_at(g, index);
	int64_t a = g->conf.minimum_age_ns;
	int64_t age = node_age(n, now);

	if (n->learned_age_ns == 0 && n->incidences && !n->is_locked) {
		bool is_done = is_complete(g, n, age);

		if (is_done || (age >= MATURE_AGES * a && !n->workload->is_job)) {
			n->learned_age_ns = age;
			n->is_incomplete = !is_done;
		}
	}
	enum ew_workload_state state =
	    now.ns - n->last_ns >= STALE_AGES * a ? EW_WL_STALE : state_of(g, n, age);

	if (n->is_incomplete && state == EW_WL_MATURE)
		n->is_incomplete = false;
	if (state != n->state) {
		n->state = (uint8_t)state;
		ew_graph_node_dirty(g, index);
	}
}

/* --- edges --------------------------------------------------------------------------------- */

static void
age_edge(struct ew_graph *g, uint32_t ref, struct ew_mono now)
{
	struct edge_slot *e = edge_at(g, ref);
	int64_t a = g->conf.minimum_age_ns;
	int64_t unseen = now.ns - e->edge.last_ns;
	int64_t dormant = DORMANT_AGES * a > 4 * e->edge.max_gap_ns
	    ? DORMANT_AGES * a
	    : 4 * e->edge.max_gap_ns;

	if (unseen >= DELETE_AGES * a && e->edge.status != EW_EDGE_DENIED) {
		g->counters.expired++;
		ew_graph_edge_forget(g, ref);
		return;
	}
	/* What never came about is forgotten after a day: a scan leaves no furniture. */
	if (!e->edge.established_ns && unseen >= a &&
	    e->edge.status == EW_EDGE_CANDIDATE) {
		ew_graph_edge_forget(g, ref);
		return;
	}
	if (g->conf.auto_accept_ns && e->edge.status == EW_EDGE_CANDIDATE)
		ew_graph_auto_accept(g, ref, now);
	if (unseen >= dormant && e->edge.status == EW_EDGE_BASELINE)
		ew_graph_set_status(g, ref, EW_EDGE_DORMANT,
		    (enum ew_edge_origin)e->edge.origin);
}

static void
sweep_edges(struct ew_graph *g, struct ew_mono now)
{
	for (uint32_t ref = 1; ref <= g->n_edges; ref++)
		if (edge_at(g, ref)->is_used)
			age_edge(g, ref, now);
	ew_graph_rules_expire(g, now);
}

static void
run_period(struct ew_graph *g, struct ew_mono at)
{
	for (uint32_t i = 1; i <= g->n_nodes; i++)
		update_node(g, i, at);
	if (at.ns < g->next_sweep_ns)
		return;
	sweep_edges(g, at);
	int64_t every = g->conf.minimum_age_ns / 24; /* an hour of a day */
	g->next_sweep_ns = (at.ns / every + 1) * every;
}

void
ew_graph_advance(struct ew_graph *g, struct ew_mono now)
{
	if (g->start_ns == 0) {
		g->start_ns = now.ns;
		if (!g->first_ns)
			g->first_ns = now.ns;
		/* What was loaded ages from here; see node_age. */
		for (uint32_t i = 1; i <= g->n_nodes; i++)
			node_at(g, i)->anchor_ns = now.ns;
	}
	g->last_ns = now.ns;
	if (now.ns - g->slot_start_ns >= g->slot_ns)
		g->slot_start_ns = now.ns / g->slot_ns * g->slot_ns;
	if (now.ns < g->next_period_ns)
		return;
	if (g->next_period_ns == 0)
		g->next_period_ns = now.ns / g->period_ns * g->period_ns;
	/* After a long silence the periods in the middle say nothing new. */
	if ((now.ns - g->next_period_ns) / g->period_ns > MAX_PERIODS)
		g->next_period_ns =
		    (now.ns / g->period_ns - MAX_PERIODS) * g->period_ns;
	while (g->next_period_ns <= now.ns) {
		run_period(g, (struct ew_mono){ g->next_period_ns });
		g->next_period_ns += g->period_ns;
	}
}

void
ew_graph_tick(struct ew_graph *graph, struct ew_mono now)
{
	ew_graph_advance(graph, now);
}

int64_t
ew_graph_observed_ns(const struct ew_graph *graph, struct ew_mono now)
{
	return graph->observed_base_ns +
	    (graph->start_ns ? now.ns - graph->start_ns : 0);
}

void
ew_graph_run_ended(struct ew_graph *g, uint32_t index, const struct ew_lifecycle *life)
{
	struct node *n = node_at(g, index);
	uint64_t sig = 0;

	if (!life->instance)
		return;
	for (uint32_t i = n->first[OUT]; i; i = edge_at(g, i)->next[OUT]) {
		const struct edge_slot *e = edge_at(g, i);

		if (e->seen_ns >= life->instance->started.ns)
			sig ^= ew_graph_mix(e->node[IN],
			    (uint64_t)e->edge.proto << 16 | e->edge.port);
	}
	n->runs++;
	n->run_sig[2] = n->run_sig[1];
	n->run_sig[1] = n->run_sig[0];
	n->run_sig[0] = sig;
	ew_graph_node_dirty(g, index);
}

/* --- what operators see -------------------------------------------------------------------- */

/* Chao1 (Chao 1984): edges that probably exist and were not seen. */
static uint32_t
unseen_edges(const struct node *n)
{
	if (n->f2)
		return (uint32_t)((uint64_t)n->f1 * n->f1 / (2 * (uint64_t)n->f2));
	return n->f1 ? (uint32_t)((uint64_t)n->f1 * (n->f1 - 1) / 2) : 0;
}

bool
ew_graph_view(const struct ew_graph *graph, const struct ew_workload *workload,
    struct ew_mono now, struct ew_workload_view *ret_view)
{
	uint32_t index = ew_graph_node_find(graph, workload);

	if (!index)
		return false;
	const struct node *n = node_at(graph, index);
	int64_t age = node_age(n, now);

	*ret_view = (struct ew_workload_view){
		.workload = n->workload,
		.state = n->is_locked ? EW_WL_LOCKED : n->state,
		.is_incomplete = n->is_incomplete,
		.is_frozen = n->frozen > 0,
		.is_quarantined = n->is_quarantined,
		.is_server_only = n->sessions[IN] >= 100 && n->run_out == 0 &&
		    age >= graph->conf.minimum_age_ns,
		.is_dns_disciplined = n->resolved_all >= 20 &&
		    n->resolved_yes * UINT64_C(100) >= n->resolved_all * UINT64_C(80),
		.was_there = n->was_there,
		.labels = n->workload->labels | n->labels,
		.m_q16 = ew_graph_maturity(graph, n, now),
		.edges_out = n->baseline[OUT],
		.edges_in = n->baseline[IN],
		.candidates = n->candidates,
		.quarantined = n->quarantined,
		.incidences = n->incidences,
		.f1 = n->f1,
		.f2 = n->f2,
		.missing_mass_permille = (uint16_t)permille(n->f1, n->incidences),
		.coverage_permille = n->seen
		    ? (uint16_t)permille(n->seen, n->seen + unseen_edges(n))
		    : 0,
		.starts = n->starts,
		.runs = n->runs,
		.age_ns = age,
		.quiet_ns = age - n->new_edge_age_ns,
		.sessions_in = n->sessions[IN],
		.sessions_out = n->sessions[OUT],
	};
	return true;
}

uint16_t
ew_graph_labels(const struct ew_graph *graph, const struct ew_workload *workload)
{
	uint32_t index = ew_graph_node_find(graph, workload);

	return workload->labels | (index ? node_at(graph, index)->labels : 0);
}
