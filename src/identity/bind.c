/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings: a flow's two ends, from its first event to its last.
 *
 * The table is bounded. When it is full, the flow heard of least recently goes; should it
 * speak again it is bound anew at the time of its first packet, which gives the same answer
 * as long as the leases of that time are remembered. Events without a flow (ARP, neighbour
 * discovery) pass through as flows of one event.
 *
 * An event of a waiting flow joins its queue, and may itself be the proof waited for: an
 * answer from a veth. When events may no longer wait (max_waiting), the flow is decided
 * with what is known.
 */
#include <stdlib.h>

#include "identity/identity_priv.h"

struct flow *
ew_flow_find(const struct ew_identity *identity, uint64_t id)
{
	for (struct ew_link *l = ew_map_first(&identity->flow_by_id,
		 ew_map_hash(&identity->flow_by_id, &id, sizeof(id)));
	     l; l = ew_map_next(l)) {
		struct flow *flow = EW_ENTRY(l, struct flow, by_id);

		if (flow->id == id)
			return flow;
	}
	return NULL;
}

static void
forget(struct ew_identity *identity, struct flow *flow)
{
	if (flow->state == FLOW_BOUND) {
		ew_workload_put(&flow->src.wl->pub);
		ew_workload_put(&flow->dst.wl->pub);
	}
	if (flow->is_linked) {
		ew_map_remove(&identity->flow_by_id, &flow->by_id);
		if (flow->state != FLOW_WAITING)
			TAILQ_REMOVE(&identity->flows, flow, order);
	}
	identity->n.flows--;
	TAILQ_INSERT_HEAD(&identity->flows_free, flow, order);
}

/* NULL when all that could go are waiting. */
static struct flow *
flow_new(struct ew_identity *identity, uint64_t id)
{
	struct flow *flow = TAILQ_FIRST(&identity->flows_free);

	if (!flow && identity->flow_used >= identity->conf.max_flows) {
		struct flow *oldest = TAILQ_FIRST(&identity->flows);

		if (!oldest)
			return NULL;
		identity->n.flows_unremembered++;
		forget(identity, oldest);
		flow = TAILQ_FIRST(&identity->flows_free);
	}
	if (flow)
		TAILQ_REMOVE(&identity->flows_free, flow, order);
	else
		flow = &identity->flow_pool[identity->flow_used++];
	*flow = (struct flow){ .id = id, .state = FLOW_NEW, .is_linked = id != 0 };
	identity->n.flows++;
	if (id) {
		ew_map_insert(&identity->flow_by_id, &flow->by_id,
		    ew_map_hash(&identity->flow_by_id, &id, sizeof(id)));
		TAILQ_INSERT_TAIL(&identity->flows, flow, order);
	}
	return flow;
}

static void
count_attribution(struct counters *n, uint8_t attribution)
{
	switch ((enum ew_attribution)attribution) {
	case EW_ATTR_UNRESOLVED:
		n->unresolved++;
		break;
	case EW_ATTR_VETH:
		n->bound_veth++;
		break;
	case EW_ATTR_LEASE:
		n->bound_lease++;
		break;
	case EW_ATTR_MAC:
		n->bound_mac++;
		break;
	case EW_ATTR_CONNTRACK:
		n->bound_nat++;
		break;
	case EW_ATTR_AMBIGUOUS:
		n->bound_ambiguous++;
		break;
	}
}

static void
fill_end(const struct ew_identity *identity, const struct end *end, struct ew_mono t,
    struct ew_end *ret_end)
{
	const struct inst *inst = end->inst ? ew_inst_by_id(identity, end->inst) : NULL;

	*ret_end = (struct ew_end){ .workload = &end->wl->pub,
		.instance = end->inst,
		.network = end->net,
		.attribution = end->attribution,
		.is_tombstone = end->is_tombstone,
		.in_startup = inst && ew_inst_in_startup(identity, inst, t),
		.in_change_window = t.ns < end->wl->change_until.ns };
}

static void
emit(struct ew_identity *identity, struct flow *flow, const struct ew_flow_event *ev)
{
	const struct ew_mono t = { ev->ts_ns };
	struct ew_contact contact = { .ev = ev,
		.direction = flow->direction,
		.resolved = flow->resolved,
		.spoof = flow->spoof,
		.has_nat = flow->has_nat,
		.server_port_known = flow->server_port_known,
		.nat_dst_port = flow->nat_dst_port,
		.edge_port = flow->edge_port,
		.nat_dst = flow->nat_dst };

	fill_end(identity, &flow->src, t, &contact.src);
	fill_end(identity, &flow->dst, t, &contact.dst);
	if (ev->kind == EW_FLOW_ESTABLISHED && flow->dst.inst) {
		struct inst *inst = ew_inst_by_id(identity, flow->dst.inst);

		if (inst && inst->first_inbound.ns == 0)
			inst->first_inbound = t;
	}
	identity->n.contacts++;
	identity->sink.contact(identity->sink.context, &contact);
}

static void
bound(struct ew_identity *identity, struct flow *flow)
{
	flow->state = FLOW_BOUND;
	count_attribution(&identity->n, flow->src.attribution);
	count_attribution(&identity->n, flow->dst.attribution);
}

/* The end of waiting: all events go out, or none when the flow folds. */
static void
release(struct ew_identity *identity, struct flow *flow, bool is_folded)
{
	struct kept_event *const events = ew_wait_end(identity, flow);
	bool closed = !flow->is_linked;

	if (is_folded)
		flow->state = FLOW_FOLDED;
	else
		bound(identity, flow);
	identity->n.bound_late++;
	if (flow->is_linked)
		TAILQ_INSERT_TAIL(&identity->flows, flow, order);
	for (struct kept_event *e = events; e; e = e->next) {
		if (!is_folded)
			emit(identity, flow, &e->ev);
		closed |= e->ev.kind == EW_FLOW_CLOSE;
	}
	ew_wait_free_events(identity, events);
	if (closed)
		forget(identity, flow);
}

static void
retry(struct ew_identity *identity, struct flow *flow, struct ew_mono at, bool is_final)
{
	struct waiting *w = flow->waiting;
	struct wait_for what;
	const struct proof proof = w->proof;

	switch (
	    ew_resolve(identity, flow, &w->first->ev, &proof, at, is_final, &what)) {
	case OUTCOME_WAITS:
		ew_wait_park(identity, flow, &what, &proof);
		return;
	case OUTCOME_BOUND:
		release(identity, flow, false);
		return;
	case OUTCOME_FOLDED:
		release(identity, flow, true);
		return;
	}
}

void
ew_bind_drain(struct ew_identity *identity, struct ew_mono until, bool is_final)
{
	struct flow *flow;
	struct ew_mono at;

	while ((flow = ew_wait_next(identity, until, &at)) != NULL)
		retry(identity, flow, at, false);
	while (is_final && (flow = ew_wait_oldest(identity)) != NULL)
		retry(identity, flow, until, true);
}

/* What this event adds to what is known of a waiting flow. */
static bool
add_proof(struct proof *proof, const struct ew_flow_event *ev)
{
	const struct proof before = *proof;

	if (ev->flags & EW_FLOW_F_SRC_ON_VETH)
		proof->src_ifindex = ev->src_ifindex;
	if (ev->flags & EW_FLOW_F_DST_ON_VETH)
		proof->dst_ifindex = ev->dst_ifindex;
	if (ev->kind == EW_FLOW_ESTABLISHED || (ev->flags & EW_FLOW_F_DST_ON_VETH) ||
	    (ev->kind == EW_FLOW_ARP && ev->u.arp.answered == 1) ||
	    (ev->kind == EW_FLOW_NDP && ev->u.ndp.answered == 1))
		proof->answered = true;
	return before.src_ifindex != proof->src_ifindex ||
	    before.dst_ifindex != proof->dst_ifindex ||
	    before.answered != proof->answered;
}

static void
feed_waiting(struct ew_identity *identity, struct flow *flow,
    const struct ew_flow_event *ev)
{
	const bool is_news = add_proof(&flow->waiting->proof, ev);

	if (!ew_wait_keep(identity, flow, ev)) {
		const bool closes = ev->kind == EW_FLOW_CLOSE;
		const uint64_t id = flow->id;

		retry(identity, flow, identity->now, true);
		flow = ew_flow_find(identity, id);
		if (!flow)
			return;
		if (flow->state == FLOW_BOUND)
			emit(identity, flow, ev);
		if (closes)
			forget(identity, flow);
		return;
	}
	if (is_news)
		retry(identity, flow, identity->now, false);
}

static void
feed_new(struct ew_identity *identity, struct flow *flow,
    const struct ew_flow_event *ev)
{
	struct proof proof = { 0 };
	struct wait_for what;

	(void)add_proof(&proof, ev);
	enum outcome outcome =
	    ew_resolve(identity, flow, ev, &proof, identity->now, false, &what);

	if (outcome == OUTCOME_WAITS &&
	    identity->n.waiting >= identity->conf.max_waiting) {
		identity->n.wait_refused++;
		outcome =
		    ew_resolve(identity, flow, ev, &proof, identity->now, true, &what);
	}
	switch (outcome) {
	case OUTCOME_WAITS:
		if (flow->is_linked)
			TAILQ_REMOVE(&identity->flows, flow, order);
		ew_wait_park(identity, flow, &what, &proof);
		(void)ew_wait_keep(identity, flow, ev);
		return;
	case OUTCOME_BOUND:
		bound(identity, flow);
		emit(identity, flow, ev);
		break;
	case OUTCOME_FOLDED:
		flow->state = FLOW_FOLDED;
		break;
	}
	if (ev->kind == EW_FLOW_CLOSE || !flow->is_linked)
		forget(identity, flow);
}

/* Every flow waits: decide this event alone, and remember nothing. */
static void
feed_unremembered(struct ew_identity *identity, const struct ew_flow_event *ev)
{
	struct flow flow = { .state = FLOW_NEW };
	struct proof proof = { 0 };
	struct wait_for what;

	(void)add_proof(&proof, ev);
	identity->n.flows_unremembered++;
	if (ew_resolve(identity, &flow, ev, &proof, identity->now, true, &what) !=
	    OUTCOME_BOUND)
		return;
	emit(identity, &flow, ev);
	ew_workload_put(&flow.src.wl->pub);
	ew_workload_put(&flow.dst.wl->pub);
}

/* A gap is nobody's. */
static void
feed_gap(struct ew_identity *identity, const struct ew_flow_event *ev)
{
	struct flow flow = { .src.wl = identity->unresolved,
		.dst.wl = identity->unresolved };

	flow.resolved = 2;
	emit(identity, &flow, ev);
}

void
ew_identity_feed(struct ew_identity *identity, const struct ew_flow_event *ev,
    struct ew_mono now)
{
	ew_identity_tick(identity, now);
	identity->n.events++;
	if (ev->kind == EW_FLOW_GAP) {
		feed_gap(identity, ev);
		return;
	}
	if (ev->kind == EW_FLOW_DNS)
		ew_dns_learn(identity, ev);
	struct flow *flow = ev->flow_id ? ew_flow_find(identity, ev->flow_id) : NULL;

	if (!flow) {
		flow = flow_new(identity, ev->flow_id);
		if (flow)
			feed_new(identity, flow, ev);
		else
			feed_unremembered(identity, ev);
		return;
	}
	if (flow->state == FLOW_WAITING) {
		feed_waiting(identity, flow, ev);
		return;
	}
	TAILQ_REMOVE(&identity->flows, flow, order);
	TAILQ_INSERT_TAIL(&identity->flows, flow, order);
	if (flow->state == FLOW_BOUND)
		emit(identity, flow, ev);
	if (ev->kind == EW_FLOW_CLOSE)
		forget(identity, flow);
}

void
ew_bind_free_all(struct ew_identity *identity)
{
	struct flow *flow;

	while ((flow = ew_wait_oldest(identity)) != NULL) {
		ew_wait_free_events(identity, ew_wait_end(identity, flow));
		flow->state = FLOW_FOLDED;
		if (flow->is_linked)
			TAILQ_INSERT_TAIL(&identity->flows, flow, order);
		else
			forget(identity, flow);
	}
	while ((flow = TAILQ_FIRST(&identity->flows)) != NULL)
		forget(identity, flow);
	ew_map_fini(&identity->flow_by_id);
}
