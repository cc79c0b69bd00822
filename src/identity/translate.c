/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation as part of binding: does this flow fold into another, and whom does its
 * destination stand for? The evidence is in nat.c and publish.c; here is the order in which
 * it is asked (detectors.md 1.1): port and service map, conntrack, equal ISNs.
 */
#include "identity/resolve_priv.h"

#define PORTS_SOON_NS (10 * EW_NS_PER_S)
#define PORTS_LATE_NS (4 * EW_NS_PER_S)

static bool
has_ports(const struct ew_flow_event *ev)
{
	return ev->tuple.proto == 6 || ev->tuple.proto == 17 || ev->tuple.proto == 132;
}

static bool
is_syn(const struct job *job)
{
	return job->ev->kind == EW_FLOW_ATTEMPT && job->ev->tuple.proto == 6 &&
	    job->ev->src_isn != 0 && job->flow->id != 0;
}

static bool
is_host_side(const struct job *job, const struct ew_addr *addr)
{
	return ew_host_has(job->identity, addr) ||
	    ew_net_of_gateway(job->identity, addr, job->ev->tuple.domain, job->t);
}

static bool
is_on_veth(const struct job *job)
{
	return (job->ev->flags & EW_FLOW_F_SRC_ON_VETH) != 0;
}

/* --- folding ------------------------------------------------------------------------------- */

static bool
fold_by_isn(struct job *job)
{
	struct ew_identity *identity = job->identity;
	const struct half *half = ew_nat_half_client(identity, job->ev);
	struct flow *client = half ? ew_flow_find(identity, half->flow_id) : NULL;

	if (!client || client == job->flow)
		return false;
	const bool same_dst = half->tuple.dport == job->ev->tuple.dport &&
	    ew_addr_equal(&half->tuple.dst, &job->ev->tuple.dst);

	/* Once the record has gone out without its real responder, this is the only trace. */
	if (client->state == FLOW_BOUND && !same_dst && !client->has_nat)
		return false;
	if (client->state == FLOW_WAITING && !same_dst && !client->has_nat) {
		client->has_nat = EW_NAT_ISN;
		client->nat_dst = job->ev->tuple.dst;
		client->nat_dst_port = job->ev->tuple.dport;
		ew_wait_wake(identity, WAIT_NAT, job->ev->src_isn);
	}
	identity->n.folded_isn++;
	return true;
}

/* conntrack's view of a flow the host made: fold, wait for the client, or name the client. */
static bool
fold_by_conntrack(struct job *job, bool *ret_is_plain)
{
	struct ew_identity *identity = job->identity;
	struct ew_nat_info info;
	bool record_seen = false;
	const bool look_up = !is_on_veth(job) && is_host_side(job, &job->ev->tuple.src);
	const enum ew_nat_answer answer =
	    ew_nat_ask(identity, &job->ev->tuple, job->t, look_up, &info, &record_seen);

	*ret_is_plain = answer == EW_NAT_PLAIN;
	if (answer == EW_NAT_CLIENT)
		ew_wait_wake(identity, WAIT_NAT, ew_nat_wait_key(&info));
	if (answer != EW_NAT_COPY || is_on_veth(job))
		return false;
	if (record_seen) {
		identity->n.folded_nat++;
		return true;
	}
	struct lease_found found;

	ew_lease_find(identity, &info.orig_src, 0, NULL, job->t, &found);
	if (found.live &&
	    ew_job_hold(job, WAIT_NAT, ew_nat_wait_key(&info),
		job->t.ns + identity->conf.nat_wait_ns))
		return false;
	/* The client's own packets were not seen: this view is the record. */
	if (found.live)
		ew_job_seat(job, &job->src, found.live->seat, found.live->net,
		    EW_ATTR_CONNTRACK, job->t);
	else if (!ew_addr_equal(&info.orig_src, &job->ev->tuple.src) &&
	    !ew_job_fixed_class(job, &job->src, &info.orig_src))
		ew_job_outside(job, &job->src, &info.orig_src);
	return false;
}

/*
 * The ports of a container are told up to 4 s after its start: an inspect while it starts
 * would block. A connection to the host soon after a container came may be to one of them.
 */
static bool
hold_for_ports(struct job *job)
{
	const struct ew_identity *identity = job->identity;

	return identity->conf.mode == EW_IDENTITY_LIVE && is_syn(job) &&
	    identity->newest_ns && job->t.ns - identity->newest_ns <= PORTS_SOON_NS &&
	    ew_job_hold(job, WAIT_PUBLISH, 0, job->t.ns + PORTS_LATE_NS);
}

/* Who started so recently that its published ports may not be told yet. */
static bool
is_fresh(const struct job *job, const struct seat *seat)
{
	for (uint32_t i = 0; i < seat->n_members; i++) {
		const struct inst *inst = seat->members[i];

		if (inst->n_published == 0 &&
		    job->t.ns - inst->pub.started.ns <= PORTS_SOON_NS)
			return true;
	}
	return false;
}

static bool
fold_by_proxy(struct job *job)
{
	struct ew_identity *identity = job->identity;
	struct lease_found found;

	if (is_on_veth(job) || job->ev->kind != EW_FLOW_ATTEMPT ||
	    !is_host_side(job, &job->ev->tuple.src))
		return false;
	ew_lease_find(identity, &job->ev->tuple.dst, job->ev->tuple.domain, NULL,
	    job->t, &found);
	if (!found.live)
		return false;
	for (uint32_t i = 0; i < found.live->seat->n_members; i++)
		if (ew_proxy_take(identity, found.live->seat->members[i],
			job->ev->tuple.dport, job->ev->tuple.proto, job->t)) {
			identity->n.folded_proxy++;
			return true;
		}
	if (is_fresh(job, found.live->seat))
		(void)hold_for_ports(job);
	return false;
}

/* Only the host makes copies: seen off its sender's veth although the veth is known. */
static bool
looks_like_copy(const struct job *job)
{
	struct lease_found found;

	if (is_on_veth(job))
		return false;
	if (is_host_side(job, &job->ev->tuple.src))
		return true;
	if (job->identity->conf.mode != EW_IDENTITY_LIVE || !job->ev->src_ifindex)
		return false;
	ew_lease_find(job->identity, &job->ev->tuple.src, job->ev->tuple.domain, NULL,
	    job->t, &found);
	return found.live && found.live->host_ifindex &&
	    found.live->host_ifindex != job->ev->src_ifindex;
}

bool
ew_job_fold(struct job *job)
{
	bool is_plain = false;

	if (job->identity->conf.mode == EW_IDENTITY_BARE || !has_ports(job->ev) ||
	    job->ev->flags & EW_FLOW_F_MIDSTREAM)
		return false;
	if (fold_by_conntrack(job, &is_plain))
		return true;
	if (job->waits || job->src.wl)
		return false;
	if (fold_by_proxy(job))
		return true;
	if (job->waits || !is_syn(job) || is_plain)
		return false;
	if (!job->flow->waiting) {
		ew_nat_half_put(job->identity, job->flow, job->ev);
		ew_wait_wake(job->identity, WAIT_NAT, job->ev->src_isn);
	}
	if (fold_by_isn(job))
		return true;
	if (looks_like_copy(job))
		(void)ew_job_hold(job, WAIT_NAT, job->ev->src_isn,
		    job->t.ns + job->identity->conf.nat_wait_ns);
	return false;
}

/* --- whom the destination stands for ------------------------------------------------------- */

static void
stands_for(struct job *job, enum ew_nat_kind kind, const struct ew_addr *addr,
    uint16_t port)
{
	job->flow->has_nat = (uint8_t)kind;
	job->flow->nat_dst_port = port;
	job->flow->nat_dst = addr ? *addr : (struct ew_addr){ { 0 } };
}

/* An address of inst, on the wanted network if it has one there. */
static const struct lease *
address_of(const struct inst *inst, const struct net *net, struct ew_mono t)
{
	const struct lease *lease, *best = NULL;

	if (!inst->seat)
		return NULL;
	TAILQ_FOREACH (lease, &inst->seat->leases, of_seat) {
		if (!is_live_at(lease->from, lease->to, t) ||
		    ew_addr_is_link_local(&lease->addr) ||
		    ew_addr_is_unspecified(&lease->addr))
			continue;
		if (!best || (net && lease->net == net))
			best = lease;
	}
	return best;
}

static bool
by_conntrack(struct job *job, bool *ret_is_plain)
{
	struct ew_identity *identity = job->identity;
	struct ew_nat_info info;
	bool record_seen;
	const enum ew_nat_answer answer =
	    ew_nat_ask(identity, &job->ev->tuple, job->t, true, &info, &record_seen);

	*ret_is_plain = answer == EW_NAT_PLAIN;
	if (answer != EW_NAT_CLIENT)
		return false;
	ew_wait_wake(identity, WAIT_NAT, ew_nat_wait_key(&info));
	if (ew_addr_equal(&info.reply_src, &job->ev->tuple.dst) &&
	    info.reply_sport == job->ev->tuple.dport)
		return false; /* only the source is translated */
	stands_for(job, EW_NAT_TRANSLATED, &info.reply_src, info.reply_sport);
	return true;
}

static bool
by_published_port(struct job *job, bool is_plain)
{
	const struct ew_tuple *tuple = &job->ev->tuple;
	uint16_t port;
	const struct inst *inst = is_host_side(job, &tuple->dst)
	    ? ew_publish_find(job->identity, &tuple->dst, tuple->dport, tuple->proto,
		  job->t, &port)
	    : NULL;

	if (!inst)
		return false;
	const struct lease *lease = address_of(inst, job->src_net, job->t);

	/* Tracked and not translated, yet answered: a process of the host passes it on. */
	stands_for(job, is_plain ? EW_NAT_PROXY : EW_NAT_PUBLISHED,
	    lease ? &lease->addr : NULL, port);
	job->dst = (struct end){ .wl = inst->wl,
		.inst = inst->pub.id,
		.net = lease && lease->net ? lease->net->pub.id : 0,
		.attribution = EW_ATTR_CONNTRACK };
	job->flow->server_port_known = 1;
	if (job->ev->kind == EW_FLOW_ATTEMPT)
		ew_proxy_expect(job->identity, inst, port, tuple->proto, job->t);
	return true;
}

static void
by_service(struct job *job, const struct ew_service_info *service)
{
	struct ew_identity *identity = job->identity;
	struct inst *first = NULL;
	bool same = true;

	for (unsigned i = 0; i < service->n_backends; i++) {
		struct inst *inst = ew_inst_by_cid(identity, service->backends[i].cid);

		if (!inst)
			continue;
		if (first && first->wl != inst->wl)
			same = false;
		first = first ? first : inst;
	}
	if (!first || !same) {
		job->dst = (struct end){ .wl = ew_peer_vip(identity,
					     &job->ev->tuple.dst, job->t) };
		return;
	}
	const bool one = service->n_backends == 1;
	const struct lease *lease =
	    one ? address_of(first, job->src_net, job->t) : NULL;

	stands_for(job, EW_NAT_SERVICE, lease ? &lease->addr : NULL,
	    service->backends[0].port);
	job->dst = (struct end){ .wl = first->wl,
		.inst = one ? first->pub.id : 0,
		.attribution = one ? EW_ATTR_CONNTRACK : EW_ATTR_AMBIGUOUS };
	job->flow->server_port_known = 1;
}

enum translated
ew_job_translated(struct job *job)
{
	struct ew_identity *identity = job->identity;
	const struct ew_tuple *tuple = &job->ev->tuple;
	bool is_plain;

	if (!has_ports(job->ev) || job->ev->kind == EW_FLOW_ARP ||
	    job->ev->kind == EW_FLOW_NDP)
		return TRANSLATED_NOT;
	if (by_conntrack(job, &is_plain))
		return TRANSLATED_ELSEWHERE;
	if (by_published_port(job, is_plain))
		return TRANSLATED_DONE;
	if (is_plain && is_host_side(job, &tuple->dst) && hold_for_ports(job))
		return TRANSLATED_DONE;
	const struct ew_service_info *service =
	    ew_service_find(identity, &tuple->dst, tuple->dport, tuple->proto);
	const bool may_be = service || is_host_side(job, &tuple->dst);

	/* The other half of the translation names the real responder. */
	if (may_be && !is_plain && is_syn(job) &&
	    ew_job_hold(job, WAIT_NAT, job->ev->src_isn,
		job->t.ns + identity->conf.nat_wait_ns))
		return TRANSLATED_DONE;
	if (!service)
		return TRANSLATED_NOT;
	by_service(job, service);
	return TRANSLATED_DONE;
}
