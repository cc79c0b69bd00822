/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the two ends of a flow?
 *
 * The source: the veth its packet left, which is proof; else the MAC on a macvlan parent; else
 * the lease of its address. The destination: the veth that answered, if the address is that
 * veth's; the lease; a published port; a service; conntrack; then what an address can be
 * that is nobody's: gateway, host, dark, outside.
 *
 * Every question has one of three answers: known, never, or perhaps later. "Perhaps later"
 * waits for one fact until one moment counted from the flow's first packet (hold), and the
 * whole question is asked again, from the top, when the fact or the moment comes. A file
 * is complete, so with an inventory only the partner of a translation can come later.
 */
#include "identity/resolve_priv.h"

bool
ew_job_hold(struct job *job, enum wait_reason reason, uint64_t key, int64_t until_ns)
{
	if (job->is_final || job->now.ns >= until_ns)
		return false;
	job->want =
	    (struct wait_for){ .reason = reason, .key = key, .until_ns = until_ns };
	job->waits = true;
	return true;
}

static bool
is_live_mode(const struct job *job)
{
	return job->identity->conf.mode == EW_IDENTITY_LIVE;
}

/* --- a seat and its name ------------------------------------------------------------------- */

/* Before any runtime was heard of: the process that asks them has just been started. */
#define FIRST_WORD_NS (2 * EW_NS_PER_S)

/* Until when may a runtime name something? 0: none will. */
static int64_t
names_until(const struct ew_identity *identity, bool *ret_all_complete)
{
	int64_t until = 0;

	*ret_all_complete = true;
	if (identity->n_runtimes == 0) {
		*ret_all_complete = false;
		return identity->begun_ns + FIRST_WORD_NS;
	}
	for (unsigned i = 0; i < identity->n_runtimes; i++) {
		const struct runtime *runtime = &identity->runtimes[i];

		if (runtime->is_expected)
			until = INT64_MAX;
		else if (runtime->gone.ns &&
		    runtime->gone.ns + identity->conf.name_wait_ns > until)
			until = runtime->gone.ns + identity->conf.name_wait_ns;
		if (runtime->is_expected && !runtime->is_complete)
			*ret_all_complete = false;
	}
	return until;
}

/* Podman and CNI name their namespaces by a UUID; a person's name is a name. */
static bool
is_chosen_name(const char *name)
{
	return name[0] && strncmp(name, "cni-", 4) != 0 &&
	    strncmp(name, "netns-", 6) != 0;
}

static void
set_end(struct end *end, struct wl *wl, const struct inst *inst, const struct net *net,
    enum ew_attribution attribution)
{
	*end = (struct end){ .wl = wl,
		.inst = inst ? inst->pub.id : 0,
		.net = net ? net->pub.id : 0,
		.attribution = (uint8_t)attribution };
}

/* Nobody named it in time. */
static void
unnamed_seat(struct job *job, struct end *end, struct seat *seat, struct net *net,
    enum ew_attribution attribution)
{
	struct ew_identity *identity = job->identity;
	bool complete;
	const bool expected =
	    identity->n_runtimes > 0 && names_until(identity, &complete) > job->now.ns;
	const bool is_runtimes = net && net->pub.from_runtime;

	if (expected && (is_runtimes || (!is_chosen_name(seat->name) && net))) {
		set_end(end,
		    complete ? ew_peer_ghost(identity, net, job->t)
			     : identity->unresolved,
		    NULL, net, attribution);
		return;
	}
	struct inst *inst = ew_inst_fallback(identity, seat, job->t);

	if (inst)
		set_end(end, inst->wl, inst, net, attribution);
	else
		set_end(end, identity->unresolved, NULL, net, attribution);
}

/* Until when it is worth waiting for the seat's name; 0 not at all. */
static int64_t
name_deadline(const struct job *job, const struct seat *seat, const struct net *net)
{
	const struct ew_identity *identity = job->identity;
	bool complete;

	if (!is_live_mode(job) ||
	    (is_chosen_name(seat->name) && !(net && net->pub.from_runtime)))
		return 0;
	const int64_t until = names_until(identity, &complete);
	const int64_t own = seat->from.ns + identity->conf.name_wait_ns;

	return own < until ? own : until;
}

void
ew_job_seat(struct job *job, struct end *end, struct seat *seat, struct net *net,
    enum ew_attribution attribution, struct ew_mono at)
{
	uint32_t alive;
	bool same;
	struct inst *inst = ew_seat_member(seat, at, &alive, &same);

	if (!inst) {
		if (ew_job_hold(job, WAIT_NAME, seat->serial,
			name_deadline(job, seat, net)))
			return;
		unnamed_seat(job, end, seat, net, attribution);
		return;
	}
	set_end(end, inst->wl, inst, net,
	    alive > 1 && !same ? EW_ATTR_AMBIGUOUS : attribution);
}

/* --- the source ---------------------------------------------------------------------------- */

static struct ew_attr_port
proven(const struct job *job, uint32_t ifindex)
{
	struct ew_attr_port p = { 0 };

	if (!ifindex)
		return p;
	p.port = ew_port_at(job->identity, ifindex, job->t);
	p.is_missing = !p.port;
	return p;
}

static bool
source_by_veth(struct job *job)
{
	const struct ew_flow_event *ev = job->ev;
	const uint32_t ifindex = ev->flags & EW_FLOW_F_SRC_ON_VETH
	    ? ev->src_ifindex
	    : job->proof->src_ifindex;
	const struct ew_attr_port p = proven(job, ifindex);

	if (!ifindex)
		return false;
	if (p.is_missing)
		return is_live_mode(job) &&
		    ew_job_hold(job, WAIT_PORT, ifindex, job->t.ns + EW_LATE_NS);
	if (p.port->pub.kind != EW_IFACE_VETH)
		return false;
	if (!p.port->seat)
		return is_live_mode(job) &&
		    ew_job_hold(job, WAIT_SEAT, ifindex,
			job->t.ns + job->identity->conf.dark_grace_ns);
	/* Addresses inside could not be read: then the runtime's word on the address must do. */
	if (TAILQ_EMPTY(&p.port->seat->leases) && p.port->seat->n_members == 0) {
		struct lease_found found;

		ew_lease_find(job->identity, &ev->tuple.src, ev->tuple.domain,
		    p.port->net, job->t, &found);
		if (found.live && found.live->seat->nsid < 0 &&
		    found.live->seat->n_members > 0)
			return false;
	}
	job->src_seat = p.port->seat;
	job->src_port = p.port;
	job->src_net = p.port->net;
	ew_job_seat(job, &job->src, p.port->seat, p.port->net, EW_ATTR_VETH, job->t);
	return true;
}

static bool
source_by_mac(struct job *job)
{
	static const uint8_t none[6];
	const struct ew_flow_event *ev = job->ev;
	const struct port *port =
	    ev->src_ifindex ? ew_port_at(job->identity, ev->src_ifindex, job->t) : NULL;

	/* Only where the sender's own frame is seen; a bridge's copy carries the bridge's MAC. */
	if (!port || port->pub.kind != EW_IFACE_MACVLAN ||
	    memcmp(ev->src_mac, none, 6) == 0)
		return false;
	const struct lease *lease = ew_lease_by_mac(job->identity, ev->src_mac, job->t);

	if (!lease)
		return false;
	job->src_net = lease->net;
	ew_job_seat(job, &job->src, lease->seat, lease->net, EW_ATTR_MAC, job->t);
	return true;
}

/*
 * Seen on a veth before capture knew it for one: no proof of the sender, but if the address is
 * that namespace's, its owner there is meant and no other.
 */
static bool
source_by_counting_veth(struct job *job)
{
	const struct ew_flow_event *ev = job->ev;
	const struct port *port =
	    ev->src_ifindex ? ew_port_at(job->identity, ev->src_ifindex, job->t) : NULL;

	if (!port || port->pub.kind != EW_IFACE_VETH || !port->seat ||
	    !ew_lease_on_seat(port->seat, &ev->tuple.src, job->t))
		return false;
	job->src_net = port->net;
	ew_job_seat(job, &job->src, port->seat, port->net, EW_ATTR_LEASE, job->t);
	return true;
}

static void
source_by_address(struct job *job)
{
	struct ew_identity *identity = job->identity;
	const struct ew_addr *addr = &job->ev->tuple.src;
	const uint32_t domain = job->ev->tuple.domain;
	struct lease_found found;

	if (identity->conf.mode == EW_IDENTITY_BARE) {
		ew_job_bare(job, &job->src, addr);
		return;
	}
	ew_lease_find(identity, addr, domain, NULL, job->t, &found);
	if (found.live) {
		job->src_net = found.live->net;
		ew_job_seat(job, &job->src, found.live->seat, found.live->net,
		    EW_ATTR_LEASE, job->t);
		return;
	}
	if (ew_job_fixed_class(job, &job->src, addr))
		return;
	struct net *net = ew_net_of_addr(identity, addr, domain, job->t);

	if (net && is_live_mode(job) &&
	    ew_job_hold(job, WAIT_ADDR, ew_wait_addr_key(identity, addr),
		job->t.ns + identity->conf.dark_grace_ns))
		return;
	job->src_net = net;
	if (ew_job_past_or_next(job, &job->src, &found))
		return;
	if (net) {
		ew_stranger_heard(identity, addr, net, job->t);
		set_end(&job->src, ew_peer_ghost(identity, net, job->t), NULL, net,
		    EW_ATTR_UNRESOLVED);
		return;
	}
	ew_job_outside(job, &job->src, addr);
}

void
ew_job_source(struct job *job)
{
	if (job->identity->conf.mode != EW_IDENTITY_BARE) {
		if (source_by_veth(job) || job->waits)
			return;
		if (source_by_mac(job) || job->waits)
			return;
		if (source_by_counting_veth(job) || job->waits)
			return;
	}
	source_by_address(job);
}

/* --- the destination ----------------------------------------------------------------------- */

static bool
dest_by_veth(struct job *job, const struct ew_addr *addr,
    enum ew_attribution attribution)
{
	const struct ew_flow_event *ev = job->ev;
	const uint32_t ifindex = ev->flags & EW_FLOW_F_DST_ON_VETH
	    ? ev->dst_ifindex
	    : job->proof->dst_ifindex;
	const struct ew_attr_port p = proven(job, ifindex);

	if (p.is_missing)
		return is_live_mode(job) &&
		    ew_job_hold(job, WAIT_PORT, ifindex, job->t.ns + EW_LATE_NS);
	if (!p.port || p.port->pub.kind != EW_IFACE_VETH || !p.port->seat)
		return false;
	/* A router answers with other people's addresses; it is not who was called. */
	if (!ew_lease_on_seat(p.port->seat, addr, job->t)) {
		struct lease_found found;

		ew_lease_find(job->identity, addr, ev->tuple.domain, p.port->net,
		    job->t, &found);
		if (found.live ||
		    !ew_net_of_addr(job->identity, addr, ev->tuple.domain, job->t))
			return false;
	}
	ew_job_seat(job, &job->dst, p.port->seat, p.port->net, attribution, job->t);
	return true;
}

static bool
dest_by_lease(struct job *job, const struct ew_addr *addr,
    enum ew_attribution attribution, struct lease_found *ret_found)
{
	struct ew_identity *identity = job->identity;

	ew_lease_find(identity, addr, job->ev->tuple.domain, job->src_net, job->t,
	    ret_found);
	if (ret_found->contested) {
		/* Two owners within a second: wait for the veth that answers. */
		if (ew_job_hold(job, WAIT_ADDR, ew_wait_addr_key(identity, addr),
			job->t.ns + identity->conf.dark_grace_ns)) {
			identity->n.contested++;
			return true;
		}
		if (!ret_found->live)
			return false;
	}
	if (!ret_found->live)
		return false;
	ew_job_seat(job, &job->dst, ret_found->live->seat, ret_found->live->net,
	    attribution, job->t);
	return true;
}

/* Inside a watched network and nobody's, as far as is known. */
static void
dest_nobody(struct job *job, const struct ew_addr *addr, struct net *net,
    const struct lease_found *found)
{
	struct ew_identity *identity = job->identity;
	const bool alive =
	    job->proof->answered || ew_stranger_is(identity, addr, net, job->t);

	if (is_live_mode(job) && !alive &&
	    ew_job_hold(job, WAIT_ADDR, ew_wait_addr_key(identity, addr),
		job->t.ns + identity->conf.dark_grace_ns))
		return;
	if (ew_job_past_or_next(job, &job->dst, found))
		return;
	set_end(&job->dst,
	    alive ? ew_peer_ghost(identity, net, job->t)
		  : ew_peer_dark(identity, net, job->t),
	    NULL, net, EW_ATTR_UNRESOLVED);
}

/* True when the destination is decided, or waits. False: resolve flow->nat_dst instead. */
static bool
dest(struct job *job)
{
	struct ew_identity *identity = job->identity;
	const struct ew_tuple *tuple = &job->ev->tuple;
	const bool has_nat = job->flow->has_nat != EW_NAT_NONE;
	const struct ew_addr *addr = has_nat ? &job->flow->nat_dst : &tuple->dst;
	struct lease_found found;

	if (ew_addr_is_multicast(addr) ||
	    (job->src_net && ew_net_is_broadcast(job->src_net, addr))) {
		set_end(&job->dst, identity->multicast, NULL, job->src_net,
		    EW_ATTR_UNRESOLVED);
		return true;
	}
	if (identity->conf.mode == EW_IDENTITY_BARE) {
		ew_job_bare(job, &job->dst, addr);
		return true;
	}
	if (dest_by_veth(job, addr, has_nat ? EW_ATTR_CONNTRACK : EW_ATTR_VETH) ||
	    job->waits)
		return true;
	if (dest_by_lease(job, addr, has_nat ? EW_ATTR_CONNTRACK : EW_ATTR_LEASE,
		&found))
		return true;
	if (!has_nat) {
		const enum translated translated = ew_job_translated(job);

		if (translated != TRANSLATED_NOT)
			return translated == TRANSLATED_DONE;
	}
	if (ew_job_fixed_class(job, &job->dst, addr))
		return true;
	struct net *net = ew_net_of_addr(identity, addr, tuple->domain, job->t);

	if (net)
		dest_nobody(job, addr, net, &found);
	else if (!ew_job_past_or_next(job, &job->dst, &found))
		ew_job_outside(job, &job->dst, addr);
	return true;
}

void
ew_job_destination(struct job *job)
{
	const uint8_t had_nat = job->flow->has_nat;

	if (!dest(job))
		(void)dest(job);
	/* Asked again after a wait, the table answers again. */
	if (job->waits)
		job->flow->has_nat = had_nat;
}

/* --- all of it ----------------------------------------------------------------------------- */

static uint8_t
direction_of(const struct end *src, const struct end *dst)
{
	const uint8_t s = src->wl->pub.cls, d = dst->wl->pub.cls;

	if (s == EW_PEER_UNRESOLVED || d == EW_PEER_UNRESOLVED)
		return EW_DIR_UNKNOWN;
	if (s == EW_PEER_EXTERNAL)
		return d == EW_PEER_EXTERNAL ? EW_DIR_UNKNOWN : EW_DIR_INBOUND;
	if (d == EW_PEER_EXTERNAL)
		return EW_DIR_OUTBOUND;
	if ((src->inst && src->inst == dst->inst) ||
	    (s == EW_PEER_NODE && d == EW_PEER_NODE))
		return EW_DIR_LOCAL;
	return EW_DIR_LATERAL;
}

static bool
is_embedded_resolver(const struct job *job)
{
	const struct inst *src =
	    job->src.inst ? ew_inst_by_id(job->identity, job->src.inst) : NULL;

	return src && job->dst.wl->pub.cls == EW_PEER_WORKLOAD &&
	    (strcmp(src->pub.runtime, "docker") == 0 ||
		strcmp(src->pub.runtime, "podman") == 0);
}

static void
bind(struct job *job)
{
	struct ew_identity *identity = job->identity;
	struct flow *flow = job->flow;
	const struct ew_flow_event *ev = job->ev;
	const struct inst *dst;

	flow->src = job->src;
	flow->dst = job->dst;
	ew_workload_get(&flow->src.wl->pub);
	ew_workload_get(&flow->dst.wl->pub);
	flow->direction = direction_of(&flow->src, &flow->dst);
	flow->edge_port = flow->has_nat ? flow->nat_dst_port : ev->tuple.dport;
	if (ev->tuple.proto == 1 || ev->tuple.proto == 58)
		flow->edge_port = ev->tuple.sport;
	flow->resolved = ew_dns_resolved(identity, &ev->tuple.src, &ev->tuple.dst,
	    is_embedded_resolver(job), job->t);
	dst = flow->dst.inst ? ew_inst_by_id(identity, flow->dst.inst) : NULL;
	if (dst && ew_publish_listens(dst, flow->edge_port, ev->tuple.proto))
		flow->server_port_known = 1;
	if (job->src_port && job->src_seat)
		flow->spoof =
		    ew_spoof_check(identity, job->src_seat, job->src_port, ev, job->t);
	if (flow->spoof)
		identity->n.spoofed++;
}

enum outcome
ew_resolve(struct ew_identity *identity, struct flow *flow,
    const struct ew_flow_event *ev, const struct proof *proof, struct ew_mono now,
    bool is_final, struct wait_for *ret_for)
{
	struct job job = { .identity = identity,
		.flow = flow,
		.ev = ev,
		.proof = proof,
		.t = { ev->first_ns ? ev->first_ns : ev->ts_ns },
		.now = now,
		.is_final = is_final };

	if (ew_job_fold(&job))
		return OUTCOME_FOLDED;
	if (!job.waits && !job.src.wl)
		ew_job_source(&job);
	if (!job.waits)
		ew_job_destination(&job);
	if (job.waits) {
		*ret_for = job.want;
		return OUTCOME_WAITS;
	}
	bind(&job);
	return OUTCOME_BOUND;
}

/*
 * Namespaces that no runtime will name get their stand-ins here, so that they are in the
 * lists before they say anything; their names may come a moment after their addresses.
 */
void
ew_resolve_unnamed(struct ew_identity *identity)
{
	struct job job = { .identity = identity,
		.t = identity->now,
		.now = identity->now };
	struct seat *seat;

	identity->is_unnamed = 0;
	TAILQ_FOREACH (seat, &identity->seats, order) {
		const struct lease *lease = TAILQ_FIRST(&seat->leases);
		struct end end;

		if (seat->n_members > 0 || seat->fallback || !lease || !lease->net)
			continue;
		if (name_deadline(&job, seat, lease->net) > identity->now.ns)
			identity->is_unnamed = 1;
		else
			unnamed_seat(&job, &end, seat, lease->net, EW_ATTR_LEASE);
	}
}
