/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seating: which namespace is a container's, when netlink and the runtime describe the same
 * thing without a common name (seat.c). The evidence is an address on the same network, a
 * MAC, an interface named by a file, or a container id seen in a cgroup; and always time,
 * because the address may have had another owner a moment ago.
 */
#include <stdlib.h>

#include "identity/identity_priv.h"

/* Netlink is heard within this of what it tells, if the daemon gets any time at all. */
#define NEWS_LAG_NS (200 * EW_NS_PER_MS)

static bool
may_be_same(const struct lease *told, const struct lease *seen)
{
	const struct seat *a = told->seat, *b = seen->seat;

	if (a == b || a->nsid >= 0 || a->to.ns || told->to.ns || b->to.ns)
		return false;
	for (uint32_t i = 0; i < a->n_members && b->start_known; i++)
		if (a->members[i]->start_known &&
		    a->members[i]->pub.started.ns + NEWS_LAG_NS < b->from.ns)
			return false; /* it ran before that namespace was made */
	return !told->net || !seen->net || told->net == seen->net ||
	    told->net->is_placeholder;
}

/* A lease seen by netlink: does a runtime already speak of it? */
void
ew_seat_match(struct ew_identity *identity, struct seat *seat, struct lease *seen,
    struct ew_mono now)
{
	struct ew_link *l;

	if (seat->n_members > 0)
		return;
	if (!ew_addr_is_unspecified(&seen->addr))
		for (l = ew_map_first(&identity->lease_by_addr, seen->by_addr.hash); l;
		     l = ew_map_next(l)) {
			struct lease *told = EW_ENTRY(l, struct lease, by_addr);

			if (ew_addr_equal(&told->addr, &seen->addr) &&
			    may_be_same(told, seen)) {
				ew_seat_absorb(identity, seat, told->seat, now);
				return;
			}
		}
	if (seen->has_mac)
		for (l = ew_map_first(&identity->lease_by_mac, seen->by_mac.hash); l;
		     l = ew_map_next(l)) {
			struct lease *told = EW_ENTRY(l, struct lease, by_mac);

			if (memcmp(told->mac, seen->mac, 6) == 0 &&
			    may_be_same(told, seen)) {
				ew_seat_absorb(identity, seat, told->seat, now);
				return;
			}
		}
}

/*
 * How well does a container fit into a namespace by their times, 0 best, -1 not at all? The
 * namespace exists before the container's process, so a container that started before its
 * supposed namespace was made is a former owner of the address; and one that is not
 * running yet does not live in an old namespace. A namespace with members is somebody
 * else's, about to end. One that is gone may be that of a container whose runtime spoke only
 * after its death.
 */
static int64_t
misfit(const struct ew_identity *identity, const struct inst *inst,
    const struct lease *lease, struct ew_mono now)
{
	const struct seat *seat = lease->seat;

	if (inst->seat == seat && lease->to.ns == 0)
		return 0;
	if (seat->nsid < 0 || seat->n_members > 0)
		return -1;
	if (!inst->start_known) {
		const bool is_recent = !seat->start_known ||
		    now.ns - seat->from.ns <= identity->conf.name_wait_ns;

		return lease->to.ns == 0 && is_recent ? 0 : -1;
	}
	const int64_t started = inst->pub.started.ns;

	if (lease->to.ns &&
	    (inst->seat || started >= lease->to.ns ||
		now.ns - lease->to.ns > identity->conf.name_wait_ns))
		return -1;
	if (!seat->start_known)
		return 0;
	const int64_t age = started - seat->from.ns;

	if (age >= 0)
		return age;
	/* Made after the start, it can only be the news that was late; that is rare. */
	return -age <= NEWS_LAG_NS ? -age * 8 : -1;
}

/* The runtime's word about one interface: has netlink seen it? */
static struct seat *
seat_of_iface(const struct ew_identity *identity, const struct inst *inst,
    const struct ew_instance_iface *iface, struct ew_mono now)
{
	const struct port *port =
	    iface->ifindex ? ew_port_live(identity, iface->ifindex) : NULL;
	const struct net *net = ew_net_by_id(identity, iface->network);
	struct seat *best = NULL;
	int64_t least = INT64_MAX;
	struct ew_link *l;

	if (port && port->seat && port->seat->to.ns == 0)
		return port->seat;
	for (unsigned i = 0; i < iface->n_addrs && i < EW_IFACE_ADDRS_MAX; i++)
		for (l = ew_map_first(&identity->lease_by_addr,
			 ew_map_hash(&identity->lease_by_addr, iface->addrs[i].b, 16));
		     l; l = ew_map_next(l)) {
			const struct lease *lease = EW_ENTRY(l, struct lease, by_addr);

			if (!ew_addr_equal(&lease->addr, &iface->addrs[i]) ||
			    (net && lease->net && lease->net != net &&
				!net->is_placeholder))
				continue;
			const int64_t bad = misfit(identity, inst, lease, now);

			if (bad >= 0 && bad < least) {
				least = bad;
				best = lease->seat;
			}
		}
	if (best || !iface->has_mac)
		return best;
	for (l = ew_map_first(&identity->lease_by_mac,
		 ew_map_hash(&identity->lease_by_mac, iface->mac, 6));
	     l; l = ew_map_next(l)) {
		const struct lease *lease = EW_ENTRY(l, struct lease, by_mac);

		if (memcmp(lease->mac, iface->mac, 6) == 0 && lease->to.ns == 0 &&
		    misfit(identity, inst, lease, now) >= 0)
			return lease->seat;
	}
	return NULL;
}

static struct seat *
seat_of_cid(const struct ew_identity *identity, const char *cid, bool even_ended)
{
	struct seat *seat;

	TAILQ_FOREACH (seat, &identity->seats, order)
		for (unsigned i = 0; i < seat->n_cids; i++)
			if (strcmp(seat->cids[i], cid) == 0)
				return seat;
	if (!even_ended)
		return NULL;
	TAILQ_FOREACH_REVERSE (seat, &identity->seats_ended, seat_list, order)
		for (unsigned i = 0; i < seat->n_cids; i++)
			if (strcmp(seat->cids[i], cid) == 0)
				return seat;
	return NULL;
}

static struct ew_mono
lease_start(const struct ew_identity *identity, const struct inst *inst,
    const struct ew_instance_iface *iface, struct ew_mono now)
{
	if (iface->from.ns)
		return iface->from;
	if (inst->start_known &&
	    (identity->conf.mode != EW_IDENTITY_LIVE || inst->pub.started.ns < now.ns))
		return inst->pub.started;
	/* A file without a time means: as long as the capture lasts. */
	return identity->conf.mode == EW_IDENTITY_LIVE ? now : (struct ew_mono){ 0 };
}

static void
told_lease(struct ew_identity *identity, struct inst *inst,
    const struct ew_instance_iface *iface, const struct ew_addr *addr, struct net *net,
    struct ew_mono now)
{
	struct lease *lease = ew_lease_open(identity, inst->seat, addr,
	    iface->has_mac ? iface->mac : NULL, net,
	    lease_start(identity, inst, iface, now));

	if (!lease)
		return;
	lease->from_runtime = 1;
	if (iface->ifindex)
		lease->host_ifindex = iface->ifindex;
	const struct ew_mono to = iface->to.ns ? iface->to : inst->pub.stopped;

	if (to.ns)
		ew_lease_end(identity, lease, to);
	else
		ew_lease_tell(identity, lease);
}

/* Addresses that a newer description no longer has, unless netlink still sees them. */
static void
end_untold(struct ew_identity *identity, const struct inst *inst, struct ew_mono now)
{
	struct lease *lease, *next;

	for (lease = TAILQ_FIRST(&inst->seat->leases); lease; lease = next) {
		bool told = false;

		next = TAILQ_NEXT(lease, of_seat);
		if (!lease->from_runtime || lease->from_netlink || lease->to.ns)
			continue;
		for (unsigned i = 0; i < inst->n_ifaces; i++)
			for (unsigned k = 0; k < inst->ifaces[i].n_addrs; k++)
				told |= ew_addr_equal(&inst->ifaces[i].addrs[k],
				    &lease->addr);
		if (!told && !ew_addr_is_unspecified(&lease->addr))
			ew_lease_end(identity, lease, now);
	}
}

static void
place_ifaces(struct ew_identity *identity, struct inst *inst, struct ew_mono now)
{
	static const struct ew_addr none = { { [10] = 0xff, [11] = 0xff } };

	for (unsigned i = 0; i < inst->n_ifaces; i++) {
		struct ew_instance_iface *iface = &inst->ifaces[i];
		struct net *net = ew_net_placeholder(identity, iface->network, now);

		if (iface->n_addrs > EW_IFACE_ADDRS_MAX)
			iface->n_addrs = EW_IFACE_ADDRS_MAX;
		for (unsigned k = 0; k < iface->n_addrs; k++)
			told_lease(identity, inst, iface, &iface->addrs[k], net, now);
		if (iface->n_addrs == 0 && iface->has_mac)
			told_lease(identity, inst, iface, &none, net, now);
		if (!iface->ifindex || identity->conf.mode == EW_IDENTITY_LIVE)
			continue;
		struct port *port = ew_port_assume(identity, iface->ifindex, net,
		    lease_start(identity, inst, iface, now), iface->to);

		if (port->pub.kind == EW_IFACE_VETH)
			ew_port_set_seat(identity, port, inst->seat);
	}
	end_untold(identity, inst, now);
}

/* Containers that share this one's namespace and were told before it. */
static void
place_guests(struct ew_identity *identity, struct inst *owner, struct ew_mono now)
{
	struct inst *inst;

	TAILQ_FOREACH (inst, &identity->insts, order)
		if (inst != owner && !inst->seat &&
		    strcmp(inst->netns_of, owner->pub.cid) == 0)
			ew_seat_join(identity, owner->seat, inst, now);
}

void
ew_seat_place(struct ew_identity *identity, struct inst *inst, struct ew_mono now)
{
	struct seat *seat = NULL;

	if (inst->host_network)
		return;
	if (inst->netns_of[0]) {
		const struct inst *owner = ew_inst_by_cid(identity, inst->netns_of);

		if (owner && owner->seat)
			ew_seat_join(identity, owner->seat, inst, now);
		return;
	}
	for (unsigned i = 0; i < inst->n_ifaces && !seat; i++)
		seat = seat_of_iface(identity, inst, &inst->ifaces[i], now);
	if (!seat && (!inst->seat || inst->seat->to.ns))
		seat = seat_of_cid(identity, inst->pub.cid, !inst->seat);
	if (!seat && !inst->seat && inst->n_ifaces > 0)
		seat = ew_seat_new(identity, -1, now);
	if (seat && inst->seat && inst->seat != seat && inst->seat->nsid < 0 &&
	    inst->seat->to.ns == 0)
		ew_seat_absorb(identity, seat, inst->seat, now);
	else if (seat)
		ew_seat_join(identity, seat, inst, now);
	if (!inst->seat || inst->seat->to.ns)
		return;
	place_ifaces(identity, inst, now);
	place_guests(identity, inst, now);
}
