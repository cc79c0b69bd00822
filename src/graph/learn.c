/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "flow/event.h"
#include "graph/fixed.h"
#include "graph/graph_priv.h"
#include "graph/sensitive.h"
#include "identity/contact.h"

/*
 * What a contact teaches, and when it may (detectors.md 4.2 to 4.4, 4.7, 9.1).
 *
 * An edge is seen when it was established (a silent UDP datagram counts: statsd and syslog
 * have no answer); attempts that fail teach nothing, so that a scan during learning does not
 * become normal. While its source learns, an edge joins the baseline when it was seen in two
 * slices of A/4, by two replicas or in two starts (micro-model voting, Cretu et al. 2008).
 * Three kinds never join by themselves: control plane and remote administration, edges of a
 * source under suspicion, and unresolved addresses of a workload that always asks DNS first.
 * They are kept apart for `baseline review`.
 *
 * Per incidence slot (A/288) an edge is counted once in the statistics of both ends: pools
 * and retries make connection counts say nothing about completeness.
 */

#define PROTO_UDP 17
/* A replica that votes; resolved contacts to call a workload DNS-disciplined. Ours. */
#define DISCIPLINE_MIN_CONTACTS 20u
#define EXTERNAL_NETWORKS 20u /* 4.7 */

bool
ew_graph_is_learning(const struct node *n)
{
	switch ((enum ew_peer_class)n->workload->cls) {
	case EW_PEER_EXTERNAL:
	case EW_PEER_GATEWAY:
	case EW_PEER_VIP:
		return true; /* nobody judges what they open: learn it, so that flows read well */
	case EW_PEER_WORKLOAD:
	case EW_PEER_NODE:
	case EW_PEER_DARK:
	case EW_PEER_MULTICAST:
	case EW_PEER_GHOST:
	case EW_PEER_UNRESOLVED:
		break;
	}
	return n->learned_age_ns == 0 && !n->is_locked;
}

bool
ew_graph_is_resolver(const struct ew_graph *g, const struct ew_contact *c, uint32_t dst)
{
	if (c->edge_port != 53)
		return false;
	if (c->dst.workload->cls == EW_PEER_NODE ||
	    c->dst.workload->cls == EW_PEER_GATEWAY)
		return true; /* the engine's own resolver */
	for (uint32_t i = 0; i < g->n_resolvers; i++)
		if (ew_addr_equal(&g->resolvers[i], &c->ev->tuple.dst))
			return true;
	/* Three workloads of the baseline ask it: a resolver by use. Ours. */
	const struct service *s = ew_graph_service_find(g, dst, c->ev->tuple.proto, 53);
	return s && s->count >= 3;
}

/* --- status and the counts that follow it -------------------------------------------------- */

static bool
counts_as_initiative(const struct edge_slot *e)
{
	uint8_t cls = e->edge.dst->cls;
	bool is_infra = e->edge.port == 53 || e->edge.port == 123;
	bool is_own = e->node[OUT] == e->node[IN];

	return (cls == EW_PEER_WORKLOAD || cls == EW_PEER_EXTERNAL) && !is_infra &&
	    !is_own && !(e->edge.flags & EW_EDGE_F_STARTUP_ONLY);
}

static void
count_status(struct ew_graph *g, struct edge_slot *e, uint32_t ref, int delta)
{
	struct node *src = node_at(g, e->node[OUT]);
	struct node *dst = node_at(g, e->node[IN]);
	uint32_t d = (uint32_t)delta;

	switch ((enum ew_edge_status)e->edge.status) {
	case EW_EDGE_BASELINE:
	case EW_EDGE_DORMANT:
		src->baseline[OUT] += d;
		dst->baseline[IN] += d;
		if (counts_as_initiative(e))
			src->run_out += d;
		if (delta > 0)
			ew_graph_service_add(g, ref);
		else
			ew_graph_service_remove(g, ref);
		break;
	case EW_EDGE_QUARANTINED:
		src->quarantined += d;
		break;
	case EW_EDGE_CANDIDATE:
		src->candidates += d;
		break;
	case EW_EDGE_DENIED:
		break;
	}
	ew_graph_node_dirty(g, e->node[OUT]);
	ew_graph_node_dirty(g, e->node[IN]);
}

void
ew_graph_set_status(struct ew_graph *g, uint32_t ref, enum ew_edge_status status,
    enum ew_edge_origin origin)
{
	struct edge_slot *e = edge_at(g, ref);

	count_status(g, e, ref, -1);
	e->edge.status = (uint8_t)status;
	e->edge.origin = (uint8_t)origin;
	count_status(g, e, ref, 1);
	ew_graph_edge_dirty(g, ref);
}

static void
count_incidence(struct node *n, uint32_t before)
{
	n->incidences++;
	if (before == 0) {
		n->f1++;
		n->seen++;
	}
	if (before == 1) {
		n->f1--;
		n->f2++;
	}
	if (before == 2)
		n->f2--;
}

static void
uncount_incidence(struct node *n, uint32_t slots)
{
	n->incidences -= slots < n->incidences ? slots : n->incidences;
	if (slots && n->seen)
		n->seen--;
	if (slots == 1 && n->f1)
		n->f1--;
	if (slots == 2 && n->f2)
		n->f2--;
}

void
ew_graph_edge_forget(struct ew_graph *g, uint32_t ref)
{
	struct edge_slot *e = edge_at(g, ref);

	count_status(g, e, ref, -1);
	for (int side = OUT; side <= IN; side++)
		uncount_incidence(node_at(g, e->node[side]), e->edge.slots);
	if (e->edge.established_ns == 0 && node_at(g, e->node[OUT])->failed_candidates)
		node_at(g, e->node[OUT])->failed_candidates--;
	ew_graph_edge_remove(g, ref);
}

void
ew_graph_discovered(struct ew_graph *g, uint32_t ref, struct ew_mono now)
{
	const struct edge_slot *e = edge_at(g, ref);

	for (int side = OUT; side <= IN; side++) {
		struct node *n = node_at(g, e->node[side]);
		int64_t age = node_age(n, now);

		if (age < g->conf.minimum_age_ns)
			continue; /* discoveries of the first A explain themselves */
		/* Time constant 7 A: half-life 7 A ln 2 = 4.852 A. */
		if (n->discovery_age_ns[side] >= 0)
			n->discoveries_q16[side] =
			    ew_fixed_decay(n->discoveries_q16[side],
				age - n->discovery_age_ns[side],
				g->conf.minimum_age_ns / 1000 * 4852);
		if (n->discoveries_q16[side] < UINT32_MAX - EW_Q16_ONE)
			n->discoveries_q16[side] += EW_Q16_ONE;
		n->discovery_age_ns[side] = age;
		ew_graph_node_dirty(g, e->node[side]);
	}
}

/* --- learning ------------------------------------------------------------------------------ */

static bool
is_dns_disciplined(const struct node *n)
{
	return n->resolved_all >= DISCIPLINE_MIN_CONTACTS &&
	    n->resolved_yes * UINT64_C(100) >= n->resolved_all * UINT64_C(80);
}

/* 4.4(b). A cloud SDK that every replica starts with is the one exception (3.13). */
static bool
must_quarantine(const struct ew_graph *g, struct edge_slot *e,
    const struct ew_contact *c)
{
	const struct node *n = node_at(g, e->node[OUT]);
	struct ew_sensitive target;

	ew_graph_sensitivity(g, c, &target);
	if (target.cls >= EW_SENS_REMOTE_ADMIN) {
		bool is_sdk = (e->edge.flags & EW_EDGE_F_STARTUP_ONLY) &&
		    e->edge.starts >= 2 && e->edge.replicas >= n->workload->instances;

		e->edge.flags |= EW_EDGE_F_SENSITIVE;
		return !is_sdk;
	}
	if (c->resolved == 0 && is_dns_disciplined(n)) {
		e->edge.flags |= EW_EDGE_F_UNRESOLVED;
		return true;
	}
	return n->is_quarantined;
}

static bool
may_learn(const struct ew_graph *g, const struct edge_slot *e)
{
	const struct node *n = node_at(g, e->node[OUT]);

	(void)g;
	if (n->frozen || n->is_locked)
		return false;
	if (ew_graph_is_learning(n))
		return true;
	/* 4.3: the startup profile is complete after two observed starts. */
	return n->starts <= 2 && e->edge.starts >= 2 &&
	    (e->edge.flags & EW_EDGE_F_STARTUP_ONLY);
}

/*
 * 1.1: three established ports >= 1024 of one pair, none of them sensitive, are one class
 * (FTP passive, RPC, media). It is learned like an edge of its own.
 */
static uint32_t
general_edge(struct ew_graph *g, const struct edge_slot *e, struct ew_mono now)
{
	uint8_t proto = e->edge.proto;
	uint32_t ports = 0;

	if (e->edge.port < 1024 || e->edge.port == EW_PORT_DYN ||
	    e->edge.status != EW_EDGE_CANDIDATE || !may_learn(g, e))
		return NONE;
	for (uint32_t i = node_at(g, e->node[OUT])->first[OUT]; i;
	     i = edge_at(g, i)->next[OUT]) {
		const struct edge_slot *o = edge_at(g, i);

		if (o->node[IN] == e->node[IN] && o->edge.proto == proto &&
		    o->edge.port >= 1024 && o->edge.port < EW_PORT_DYN &&
		    o->edge.established_ns > now.ns - g->conf.minimum_age_ns &&
		    o->edge.status == EW_EDGE_CANDIDATE &&
		    ew_sensitive_lookup(NULL, proto, o->edge.port, false).cls ==
			EW_SENS_NONE)
			ports++;
	}
	if (ports < 3)
		return NONE;
	uint32_t dyn =
	    ew_graph_edge_find(g, e->node[OUT], e->node[IN], proto, EW_PORT_DYN);

	if (!dyn)
		dyn =
		    ew_graph_edge_add(g, e->node[OUT], e->node[IN], proto, EW_PORT_DYN);
	if (!dyn)
		return NONE;
	struct ew_edge *d = &edge_at(g, dyn)->edge;

	d->first_ns = d->first_ns ? d->first_ns : now.ns;
	d->last_ns = now.ns;
	d->established_ns = d->established_ns ? d->established_ns : now.ns;
	return dyn;
}

/*
 * 4.7: after 20 distinct outside networks on one port the outside is one peer (content
 * networks, package mirrors): the edge to "external" stands for all of them.
 */
static uint32_t
external_edge(struct ew_graph *g, const struct edge_slot *e, struct ew_mono now)
{
	uint32_t networks = 0;
	uint32_t any = NONE;

	if (e->edge.dst->cls != EW_PEER_EXTERNAL || !may_learn(g, e))
		return NONE;
	for (uint32_t i = node_at(g, e->node[OUT])->first[OUT]; i;
	     i = edge_at(g, i)->next[OUT]) {
		const struct edge_slot *o = edge_at(g, i);

		networks += o->edge.dst->cls == EW_PEER_EXTERNAL &&
		    o->edge.established_ns && o->edge.port == e->edge.port &&
		    o->edge.proto == e->edge.proto;
	}
	if (networks < EXTERNAL_NETWORKS || !(any = ew_graph_any_external(g, now)) ||
	    any == e->node[IN])
		return NONE;
	uint32_t ref =
	    ew_graph_edge_find(g, e->node[OUT], any, e->edge.proto, e->edge.port);

	if (!ref)
		ref = ew_graph_edge_add(g, e->node[OUT], any, e->edge.proto,
		    e->edge.port);
	if (!ref)
		return NONE;
	struct ew_edge *x = &edge_at(g, ref)->edge;

	x->first_ns = x->first_ns ? x->first_ns : now.ns;
	x->last_ns = now.ns;
	x->established_ns = x->established_ns ? x->established_ns : now.ns;
	return ref;
}

static void
learn(struct ew_graph *g, uint32_t ref, const struct ew_contact *c, struct ew_mono now)
{
	struct edge_slot *e = edge_at(g, ref);

	if (!may_learn(g, e))
		return;
	if (must_quarantine(g, e, c)) {
		if (e->edge.status == EW_EDGE_QUARANTINED)
			return;
		e->edge.flags |= EW_EDGE_F_SUSPECT;
		g->counters.quarantined++;
		ew_graph_set_status(g, ref, EW_EDGE_QUARANTINED, EW_ORIGIN_LEARNED);
		return;
	}
	if (e->edge.slices < 2 && e->edge.replicas < 2 && e->edge.starts < 2)
		return;
	g->counters.learned++;
	ew_graph_set_status(g, ref, EW_EDGE_BASELINE, EW_ORIGIN_LEARNED);
	if (!c->src.in_startup && !c->src.in_change_window && !c->dst.in_change_window)
		ew_graph_discovered(g, ref, now);
}

/* --- incidence ----------------------------------------------------------------------------- */

static void
mark_calendar(struct ew_graph *g, struct ew_edge *edge, int64_t before_ns,
    struct ew_mono now)
{
	int64_t day_ns = g->conf.minimum_age_ns;
	int64_t hour = now.ns / (INT64_C(3600) * EW_NS_PER_S);
	int64_t days = now.ns / day_ns - before_ns / day_ns;

	edge->hours |= 1u << (hour % 24);
	/* 1970-01-01 was a Thursday: bit 0 is Monday. */
	edge->wdays |= (uint8_t)(1u << ((hour / 24 + 3) % 7));
	if (before_ns == 0 || days >= 32)
		edge->days = 0;
	else
		edge->days <<= days;
	edge->days |= 1;
}

static void
open_slot(struct ew_graph *g, struct edge_slot *e, struct ew_mono now)
{
	struct ew_edge *edge = &e->edge;
	uint16_t slice = (uint16_t)(now.ns / g->slice_ns);

	for (int side = OUT; side <= IN; side++) {
		struct node *n = node_at(g, e->node[side]);

		count_incidence(n, edge->slots);
		if (edge->slots == 0)
			n->new_edge_age_ns = node_age(n, now);
		ew_graph_node_dirty(g, e->node[side]);
	}
	edge->slots++;
	mark_calendar(g, edge, e->seen_ns, now);
	if (e->seen_ns && now.ns - e->seen_ns > edge->max_gap_ns)
		edge->max_gap_ns = now.ns - e->seen_ns;
	if ((edge->slices == 0 || slice != edge->last_slice) &&
	    edge->slices < UINT16_MAX)
		edge->slices++;
	edge->last_slice = slice;
}

static void
mark_replica(struct edge_slot *e, uint64_t key)
{
	uint8_t *byte = &e->edge.replicas_hll[key >> 3 & 15];
	uint8_t bit = (uint8_t)(1u << (key & 7));

	if ((*byte & bit) || e->edge.replicas == UINT8_MAX)
		return;
	*byte |= bit;
	e->edge.replicas++;
}

static void
mark_phase(struct ew_graph *g, struct edge_slot *e, const struct ew_contact *c,
    uint64_t key)
{
	if (c->src.in_startup) {
		if (e->last_start != key && e->edge.starts < UINT8_MAX) {
			e->last_start = key;
			e->edge.starts++;
		}
		return;
	}
	if (!(e->edge.flags & EW_EDGE_F_STARTUP_ONLY))
		return;
	e->edge.flags &= (uint8_t)~EW_EDGE_F_STARTUP_ONLY;
	if (e->in_service && counts_as_initiative(e))
		node_at(g, e->node[OUT])->run_out++;
}

static void
seen_edge(struct ew_graph *g, uint32_t ref, const struct ew_contact *c,
    struct ew_mono now)
{
	struct edge_slot *e = edge_at(g, ref);
	bool is_new_slot = e->seen_ns == 0 || e->seen_ns < g->slot_start_ns;

	if (!is_new_slot && e->edge.status == EW_EDGE_BASELINE &&
	    !(e->edge.flags & EW_EDGE_F_STARTUP_ONLY))
		return; /* the hot path ends here */
	if (!e->edge.established_ns) {
		e->edge.established_ns = now.ns;
		if (node_at(g, e->node[OUT])->failed_candidates)
			node_at(g, e->node[OUT])->failed_candidates--;
	}
	uint64_t key = c->src.instance ? ew_graph_instance_key(g, c->src.instance) : 1;

	if (c->src.in_change_window || c->dst.in_change_window)
		e->edge.flags |= EW_EDGE_F_CHANGE;
	mark_replica(e, key);
	mark_phase(g, e, c, key);
	if (is_new_slot) {
		open_slot(g, e, now);
		e->seen_ns = now.ns;
	}
	if (e->edge.status == EW_EDGE_DORMANT)
		ew_graph_set_status(g, ref, EW_EDGE_BASELINE,
		    (enum ew_edge_origin)e->edge.origin);
	if (e->edge.status == EW_EDGE_CANDIDATE ||
	    e->edge.status == EW_EDGE_QUARANTINED)
		learn(g, ref, c, now);
}

static void
seen(struct ew_graph *g, uint32_t ref, const struct ew_contact *c, struct ew_mono now)
{
	seen_edge(g, ref, c, now);
	if (edge_at(g, ref)->edge.status != EW_EDGE_CANDIDATE)
		return;
	uint32_t dyn = general_edge(g, edge_at(g, ref), now);

	if (dyn)
		seen_edge(g, dyn, c, now);
	uint32_t outside = external_edge(g, edge_at(g, ref), now);

	if (outside)
		seen_edge(g, outside, c, now);
}

static bool
has_answer(const struct ew_flow_event *ev)
{
	return ev->side[0].bytes && ev->side[1].bytes;
}

void
ew_graph_touch(struct ew_graph *g, uint32_t ref, const struct ew_contact *c,
    struct ew_mono now)
{
	struct ew_edge *edge = &edge_at(g, ref)->edge;
	const struct ew_flow_event *ev = c->ev;

	if (now.ns > edge->last_ns)
		edge->last_ns = now.ns;
	node_at(g, edge_at(g, ref)->node[OUT])->last_ns = now.ns;
	node_at(g, edge_at(g, ref)->node[IN])->last_ns = now.ns;
	ew_graph_edge_dirty(g, ref);

	switch ((enum ew_flow_kind)ev->kind) {
	case EW_FLOW_ATTEMPT:
		edge->connections++;
		break;
	case EW_FLOW_MIDSTREAM:
		edge->connections++;
		seen(g, ref, c, now);
		break;
	case EW_FLOW_REFUSED:
	case EW_FLOW_HALFOPEN:
		edge->failed++;
		break;
	case EW_FLOW_UNANSWERED:
		edge->failed++;
		if (ev->tuple.proto == PROTO_UDP)
			seen(g, ref, c, now);
		break;
	case EW_FLOW_ESTABLISHED:
	case EW_FLOW_PAYLOAD:
	case EW_FLOW_TURNS:
		seen(g, ref, c, now);
		break;
	case EW_FLOW_UPDATE:
	case EW_FLOW_CLOSE:
		if (has_answer(ev))
			seen(g, ref, c, now);
		break;
	case EW_FLOW_PROBE:
	case EW_FLOW_ARP:
	case EW_FLOW_NDP:
	case EW_FLOW_DNS:
	case EW_FLOW_DHCP:
	case EW_FLOW_GAP:
		break;
	}
}
