/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: who held an address, and when, in packet time.
 *
 * Engines hand a released address to the next container within half a second, so an address
 * alone says nothing; an address and a moment do. A lease is [from, to). It opens when
 * netlink or a runtime says so, a little after the fact, and ends with its interface, its
 * namespace, or the runtime's stop. Looking up a moment gives the live owner, the next owner
 * when it opened only just after (its packets outran the news), and the last owner of the
 * past. If two of these are so close that the order of the news decides, the answer says
 * `contested`, and the veth that answers is the proof (resolve.c).
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/identity_priv.h"

static uint64_t
addr_hash(const struct ew_identity *identity, const struct ew_addr *addr)
{
	return ew_map_hash(&identity->lease_by_addr, addr->b, sizeof(addr->b));
}

struct ew_lease
ew_lease_public(const struct lease *lease, struct ew_mono at)
{
	struct ew_lease pub = { .addr = lease->addr,
		.has_mac = lease->has_mac,
		.host_ifindex = lease->host_ifindex,
		.network = lease->net ? lease->net->pub.id : 0,
		.from = lease->from,
		.to = lease->to,
		.is_tombstone = lease->to.ns != 0 && lease->to.ns <= at.ns };
	bool same;
	struct ew_mono t = at;

	/* Of a tombstone the last owner is meant. */
	if (pub.is_tombstone)
		t.ns = lease->to.ns - 1;
	const struct inst *inst = ew_seat_member(lease->seat, t, &pub.n_members, &same);

	if (!inst)
		inst = lease->seat->fallback;
	memcpy(pub.mac, lease->mac, sizeof(pub.mac));
	if (inst) {
		pub.instance = inst->pub.id;
		pub.workload = inst->pub.workload;
		pub.n_members = pub.n_members ? pub.n_members : 1;
	}
	return pub;
}

void
ew_lease_tell(struct ew_identity *identity, const struct lease *lease)
{
	if (!identity->sink.lease || ew_addr_is_unspecified(&lease->addr))
		return;
	const struct ew_lease pub = ew_lease_public(lease, identity->now);

	identity->sink.lease(identity->sink.context, &pub);
}

void
ew_lease_free(struct ew_identity *identity, struct lease *lease)
{
	if (!ew_addr_is_unspecified(&lease->addr))
		ew_map_remove(&identity->lease_by_addr, &lease->by_addr);
	if (lease->has_mac)
		ew_map_remove(&identity->lease_by_mac, &lease->by_mac);
	if (lease->to.ns)
		TAILQ_REMOVE(&identity->leases_ended, lease, order);
	else
		TAILQ_REMOVE(&identity->leases, lease, order);
	TAILQ_REMOVE(&lease->seat->leases, lease, of_seat);
	if (lease->net)
		lease->net->refs--;
	identity->n.leases--;
	free(lease);
}

static bool
make_room(struct ew_identity *identity)
{
	struct lease *lease = TAILQ_FIRST(&identity->leases_ended);

	if (!lease)
		return false;
	ew_lease_free(identity, lease);
	identity->n.leases_evicted++;
	return true;
}

static void
set_mac(struct ew_identity *identity, struct lease *lease, const uint8_t *mac)
{
	static const uint8_t zero[6];

	if (!mac || memcmp(mac, zero, 6) == 0 ||
	    (lease->has_mac && memcmp(lease->mac, mac, 6) == 0))
		return;
	if (lease->has_mac)
		ew_map_remove(&identity->lease_by_mac, &lease->by_mac);
	lease->has_mac = 1;
	memcpy(lease->mac, mac, 6);
	ew_map_insert(&identity->lease_by_mac, &lease->by_mac,
	    ew_map_hash(&identity->lease_by_mac, mac, 6));
}

void
ew_lease_set_net(struct lease *lease, struct net *net)
{
	if (!net || lease->net == net)
		return;
	if (lease->net)
		lease->net->refs--;
	lease->net = net;
	net->refs++;
}

struct lease *
ew_lease_open(struct ew_identity *identity, struct seat *seat,
    const struct ew_addr *addr, const uint8_t *mac, struct net *net,
    struct ew_mono from)
{
	struct lease *lease;

	TAILQ_FOREACH (lease, &seat->leases, of_seat)
		if (lease->to.ns == 0 && ew_addr_equal(&lease->addr, addr) &&
		    (!net || !lease->net || lease->net == net)) {
			set_mac(identity, lease, mac);
			ew_lease_set_net(lease, net);
			return lease;
		}
	if (identity->n.leases >= identity->conf.max_leases && !make_room(identity)) {
		identity->n.leases_refused++;
		return NULL;
	}
	lease = ew_alloc(sizeof(*lease));
	lease->seat = seat;
	lease->addr = *addr;
	lease->from = from;
	ew_lease_set_net(lease, net);
	set_mac(identity, lease, mac);
	if (!ew_addr_is_unspecified(addr)) {
		ew_map_insert(&identity->lease_by_addr, &lease->by_addr,
		    addr_hash(identity, addr));
		ew_wait_wake(identity, WAIT_ADDR, ew_wait_addr_key(identity, addr));
	}
	TAILQ_INSERT_TAIL(&identity->leases, lease, order);
	TAILQ_INSERT_TAIL(&seat->leases, lease, of_seat);
	identity->n.leases++;
	return lease;
}

void
ew_lease_end(struct ew_identity *identity, struct lease *lease, struct ew_mono at)
{
	if (lease->to.ns)
		return;
	lease->to = at;
	if (lease->to.ns < lease->from.ns)
		lease->to = lease->from;
	if (lease->to.ns == 0)
		lease->to.ns = 1;
	TAILQ_REMOVE(&identity->leases, lease, order);
	TAILQ_INSERT_TAIL(&identity->leases_ended, lease, order);
	ew_lease_tell(identity, lease);
}

struct lease *
ew_lease_on_seat(const struct seat *seat, const struct ew_addr *addr, struct ew_mono t)
{
	struct lease *lease, *near = NULL;

	TAILQ_FOREACH (lease, &seat->leases, of_seat) {
		if (!ew_addr_equal(&lease->addr, addr))
			continue;
		if (is_live_at(lease->from, lease->to, t))
			return lease;
		/* News of it came late, or its last packets did. */
		if (t.ns > lease->from.ns - EW_LATE_NS &&
		    (!lease->to.ns || t.ns < lease->to.ns + EW_LATE_NS))
			near = lease;
	}
	return near;
}

/* 2: in that domain for certain. 1: may be. 0: another bridge. */
static int
domain_fit(const struct ew_identity *identity, const struct lease *lease,
    uint32_t domain, const struct net *prefer)
{
	if (prefer && lease->net == prefer)
		return 3;
	const bool has_place = lease->net && lease->net->pub.bridge_ifindex;

	if (!has_place)
		return 1; /* only the runtime's word: no bridge to compare */
	if (domain & UINT32_C(0x80000000))
		return 1; /* inside a tunnel: the overlay has no bridge of ours */
	return ew_net_domain(identity, lease->net) == domain ? 2 : 0;
}

static bool
other_seat(const struct lease *a, const struct lease *b)
{
	return a && b && a->seat != b->seat;
}

/*
 * Two live owners: the runtime's word counts; else the newcomer for the moment in which the
 * old one may be being torn down, and after that the one who had it first: a container can
 * give itself its neighbour's address.
 */
static bool
has_better_claim(const struct lease *a, const struct lease *b, struct ew_mono t)
{
	if (a->from_runtime != b->from_runtime)
		return a->from_runtime;
	const int64_t newer = a->from.ns > b->from.ns ? a->from.ns : b->from.ns;

	return t.ns - newer < EW_LATE_NS ? a->from.ns > b->from.ns
					 : a->from.ns < b->from.ns;
}

/* One lease in three roles, by where t lies. */
static void
consider(const struct ew_identity *identity, struct lease_found *f, struct lease *lease,
    struct ew_mono t, struct lease **second)
{
	if (is_live_at(lease->from, lease->to, t)) {
		if (!f->live || has_better_claim(lease, f->live, t)) {
			*second = f->live ? f->live : *second;
			f->live = lease;
		} else {
			*second = lease;
		}
	} else if (lease->from.ns > t.ns) {
		if (lease->from.ns - t.ns <= identity->conf.dark_grace_ns &&
		    (!f->soon || lease->from.ns < f->soon->from.ns))
			f->soon = lease;
	} else if (!f->tomb || lease->from.ns > f->tomb->from.ns) {
		/* The last to get it, not the last to be taken down. */
		f->tomb = lease;
	}
}

void
ew_lease_find(const struct ew_identity *identity, const struct ew_addr *addr,
    uint32_t domain, const struct net *prefer, struct ew_mono t,
    struct lease_found *ret_found)
{
	struct lease_found f = { 0 };
	struct lease *second = NULL;
	int best = 0;
	const uint64_t hash = addr_hash(identity, addr);

	for (int pass = 0; pass < 2; pass++)
		for (struct ew_link *l = ew_map_first(&identity->lease_by_addr, hash);
		     l; l = ew_map_next(l)) {
			struct lease *lease = EW_ENTRY(l, struct lease, by_addr);

			if (!ew_addr_equal(&lease->addr, addr))
				continue;
			const int fit = domain_fit(identity, lease, domain, prefer);

			if (pass == 0)
				best = fit > best ? fit : best;
			else if (fit == best)
				consider(identity, &f, lease, t, &second);
		}
	if (f.tomb && t.ns - f.tomb->to.ns > identity->conf.tombstone_ns)
		f.tomb = NULL;
	/* A file is exact; news is not. */
	if (identity->conf.mode != EW_IDENTITY_LIVE) {
		f.soon = NULL;
	} else {
		const bool soon = f.soon && f.soon->from.ns - t.ns <= EW_CONTEST_NS;
		const bool tomb = f.tomb && t.ns - f.tomb->to.ns <= EW_CONTEST_NS;

		f.contested = other_seat(f.live, second) ||
		    (soon && other_seat(f.live, f.soon)) ||
		    (tomb && other_seat(f.live, f.tomb) &&
			t.ns - f.live->from.ns <= EW_CONTEST_NS) ||
		    (tomb && soon && other_seat(f.tomb, f.soon));
	}
	*ret_found = f;
}

struct lease *
ew_lease_by_mac(const struct ew_identity *identity, const uint8_t mac[6],
    struct ew_mono t)
{
	struct lease *near = NULL;

	for (struct ew_link *l = ew_map_first(&identity->lease_by_mac,
		 ew_map_hash(&identity->lease_by_mac, mac, 6));
	     l; l = ew_map_next(l)) {
		struct lease *lease = EW_ENTRY(l, struct lease, by_mac);

		if (memcmp(lease->mac, mac, 6) != 0)
			continue;
		if (is_live_at(lease->from, lease->to, t))
			return lease;
		if (!near && t.ns > lease->from.ns - EW_LATE_NS &&
		    (!lease->to.ns || t.ns < lease->to.ns + EW_LATE_NS))
			near = lease;
	}
	return near;
}
