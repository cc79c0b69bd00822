/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What netlink has said so far, and the translation into identity's records.
 *
 * Inside a namespace only interfaces that lead to us count: the far end of one of our veths,
 * or a macvlan on one of our devices. What else a container has (the bridge of a nested
 * engine, say) is its own business, and its addresses may well be those of our networks.
 *
 * Namespace ids are given again at once. So a record read from inside counts only if it and
 * the host's own record of the veth name each other; a stale id leads nowhere.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/netlink_table_priv.h"

struct link_key {
	int32_t nsid;
	uint32_t ifindex;
};

struct addr_key {
	int32_t nsid;
	uint32_t ifindex;
	struct ew_addr addr;
};

static uint64_t
link_hash(const struct ew_netlink *netlink, int32_t nsid, uint32_t ifindex)
{
	const struct link_key key = { nsid, ifindex };

	return ew_map_hash(&netlink->links, &key, sizeof(key));
}

struct known_link *
ew_known_link(const struct ew_netlink *netlink, int32_t nsid, uint32_t ifindex)
{
	for (struct ew_link *l =
		 ew_map_first(&netlink->links, link_hash(netlink, nsid, ifindex));
	     l; l = ew_map_next(l)) {
		struct known_link *link = EW_ENTRY(l, struct known_link, by_key);

		if (link->nsid == nsid && link->link.ifindex == ifindex)
			return link;
	}
	return NULL;
}

/* --- records for identity -------------------------------------------------------------------- */

static void
tell_iface(struct ew_netlink *netlink, const struct known_link *known, bool removed)
{
	const struct ew_nl_link *link = &known->link;
	const bool is_veth = strcmp(link->kind, "veth") == 0;
	struct ew_iface iface = { .ifindex = link->ifindex,
		.master = link->master,
		.peer_nsid = is_veth ? link->link_nsid : -1,
		.peer_ifindex = is_veth ? link->link : 0,
		.kind = known->is_macvlan_parent ? EW_IFACE_MACVLAN
						 : ew_nl_iface_kind(link),
		.is_up = link->is_up };

	memcpy(iface.mac, link->mac, 6);
	memcpy(iface.name, link->name, sizeof(iface.name));
	netlink->sink.iface(netlink->sink.context, &iface, removed);
}

static void
tell_addr(struct ew_netlink *netlink, int32_t nsid, const struct known_link *inside,
    const struct ew_nl_addr *addr, bool removed)
{
	struct ew_iface_addr record = { .nsid = nsid,
		.ifindex = addr->ifindex,
		.prefix_bits = addr->prefix_bits,
		.addr = addr->addr };

	if (inside) {
		record.host_ifindex = inside->host_ifindex;
		memcpy(record.mac, inside->link.mac, 6);
	}
	netlink->sink.iface_addr(netlink->sink.context, &record, removed);
}

/* A link inside without an address yet still has a MAC. */
static void
tell_mac(struct ew_netlink *netlink, const struct known_link *inside, bool removed)
{
	const struct ew_nl_addr none = { .ifindex = inside->link.ifindex,
		.addr = { { [10] = 0xff, [11] = 0xff } } };

	tell_addr(netlink, inside->nsid, inside, &none, removed);
}

/* --- links ----------------------------------------------------------------------------------- */

static struct known_link *
link_new(struct ew_netlink *netlink, int32_t nsid, uint32_t ifindex)
{
	if (netlink->links.count >= EW_NL_TABLE_MAX) {
		netlink->n.refused++;
		return NULL;
	}
	struct known_link *known = ew_alloc(sizeof(*known));

	known->nsid = nsid;
	known->link.ifindex = ifindex;
	known->link.link_nsid = -1;
	ew_map_insert(&netlink->links, &known->by_key,
	    link_hash(netlink, nsid, ifindex));
	TAILQ_INSERT_TAIL(&netlink->link_list, known, order);
	netlink->n.links = netlink->links.count;
	return known;
}

static void
link_free(struct ew_netlink *netlink, struct known_link *known)
{
	ew_map_remove(&netlink->links, &known->by_key);
	TAILQ_REMOVE(&netlink->link_list, known, order);
	netlink->n.links = netlink->links.count;
	free(known);
}

static bool
is_child(const struct ew_nl_link *link)
{
	return strcmp(link->kind, "macvlan") == 0 || strcmp(link->kind, "ipvlan") == 0;
}

/* Our interface behind one inside; 0 when it does not lead to us. */
static uint32_t
host_end(const struct ew_netlink *netlink, int32_t nsid, const struct ew_nl_link *link)
{
	const struct known_link *host =
	    link->has_link ? ew_known_link(netlink, -1, link->link) : NULL;

	if (!host)
		return 0;
	if (is_child(link))
		return link->link_nsid >= 0 && link->link_nsid == netlink->self_nsid
		    ? host->link.ifindex
		    : 0;
	/* A pair: each names the other. */
	return host->link.link_nsid == nsid && host->link.link == link->ifindex
	    ? host->link.ifindex
	    : 0;
}

static void
told_inside(struct ew_netlink *netlink, struct known_link *known)
{
	struct known_addr *addr;
	const uint32_t host_ifindex = host_end(netlink, known->nsid, &known->link);

	known->host_ifindex = host_ifindex;
	if (!host_ifindex)
		return;
	struct known_link *host = ew_known_link(netlink, -1, host_ifindex);

	if (strcmp(known->link.kind, "veth") != 0 && !host->is_macvlan_parent) {
		host->is_macvlan_parent = true;
		tell_iface(netlink, host, false);
	}
	tell_mac(netlink, known, false);
	TAILQ_FOREACH (addr, &netlink->addr_list, order)
		if (addr->nsid == known->nsid &&
		    addr->addr.ifindex == known->link.ifindex)
			tell_addr(netlink, known->nsid, known, &addr->addr, false);
}

static bool
same_link(const struct ew_nl_link *a, const struct ew_nl_link *b)
{
	return a->master == b->master && a->link == b->link &&
	    a->link_nsid == b->link_nsid && a->has_link == b->has_link &&
	    a->is_up == b->is_up && memcmp(a->mac, b->mac, 6) == 0 &&
	    strcmp(a->name, b->name) == 0 && strcmp(a->kind, b->kind) == 0;
}

void
ew_known_link_told(struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_link *link, bool is_event)
{
	struct known_link *known = ew_known_link(netlink, nsid, link->ifindex);
	const bool is_new = !known;

	if (!known)
		known = link_new(netlink, nsid, link->ifindex);
	if (!known)
		return;
	known->round = netlink->round;
	struct ew_nl_link now = *link;

	/* Some messages (a change of a port's state) leave attributes out. */
	if (!is_new && !now.kind[0])
		memcpy(now.kind, known->link.kind, sizeof(now.kind));
	if (nsid >= 0 && is_event)
		now.link_nsid = known->link.link_nsid;
	const bool same = !is_new && same_link(&known->link, &now);

	known->link = now;
	if (nsid >= 0) {
		if (!same || !known->host_ifindex)
			told_inside(netlink, known);
		/* Whose device it sits on, only a dump can say. */
		struct known_ns *inside = is_event && is_child(&now)
		    ? ew_known_ns_touch(netlink, nsid)
		    : NULL;

		if (inside)
			inside->needs_read = true;
		return;
	}
	if (!same)
		tell_iface(netlink, known, false);
	if (strcmp(now.kind, "veth") == 0 && now.link_nsid >= 0) {
		struct known_ns *ns = ew_known_ns_touch(netlink, now.link_nsid);

		if (ns && !same)
			ns->needs_read = true;
	}
}

void
ew_known_link_gone(struct ew_netlink *netlink, int32_t nsid, uint32_t ifindex)
{
	struct known_link *known = ew_known_link(netlink, nsid, ifindex);

	if (!known)
		return;
	if (nsid < 0)
		tell_iface(netlink, known, true);
	else if (known->host_ifindex)
		tell_mac(netlink, known, true);
	link_free(netlink, known);
}

/* --- addresses --------------------------------------------------------------------------------- */

static uint64_t
addr_hash(const struct ew_netlink *netlink, int32_t nsid, const struct ew_nl_addr *addr)
{
	const struct addr_key key = { nsid, addr->ifindex, addr->addr };

	return ew_map_hash(&netlink->addrs, &key, sizeof(key));
}

static struct known_addr *
known_addr(const struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_addr *addr, uint64_t hash)
{
	for (struct ew_link *l = ew_map_first(&netlink->addrs, hash); l;
	     l = ew_map_next(l)) {
		struct known_addr *known = EW_ENTRY(l, struct known_addr, by_key);

		if (known->nsid == nsid && known->addr.ifindex == addr->ifindex &&
		    ew_addr_equal(&known->addr.addr, &addr->addr))
			return known;
	}
	return NULL;
}

static void
addr_free(struct ew_netlink *netlink, struct known_addr *known)
{
	ew_map_remove(&netlink->addrs, &known->by_key);
	TAILQ_REMOVE(&netlink->addr_list, known, order);
	netlink->n.addresses = netlink->addrs.count;
	free(known);
}

void
ew_known_addr_told(struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_addr *addr)
{
	const uint64_t hash = addr_hash(netlink, nsid, addr);
	struct known_addr *known = known_addr(netlink, nsid, addr, hash);
	const bool is_new = !known;

	if (is_new) {
		if (netlink->addrs.count >= EW_NL_TABLE_MAX) {
			netlink->n.refused++;
			return;
		}
		known = ew_alloc(sizeof(*known));
		known->nsid = nsid;
		known->addr = *addr;
		ew_map_insert(&netlink->addrs, &known->by_key, hash);
		TAILQ_INSERT_TAIL(&netlink->addr_list, known, order);
		netlink->n.addresses = netlink->addrs.count;
	}
	known->round = netlink->round;
	if (nsid < 0) {
		if (is_new)
			tell_addr(netlink, -1, NULL, addr, false);
		return;
	}
	const struct known_link *inside = ew_known_link(netlink, nsid, addr->ifindex);

	if (!inside) {
		/* Its link was not heard of: read it all once the queue is empty. */
		struct known_ns *ns = ew_known_ns_touch(netlink, nsid);

		if (ns)
			ns->needs_read = true;
	} else if (inside->host_ifindex) {
		tell_addr(netlink, nsid, inside, addr, false);
	}
}

void
ew_known_addr_gone(struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_addr *addr)
{
	struct known_addr *known =
	    known_addr(netlink, nsid, addr, addr_hash(netlink, nsid, addr));

	if (!known)
		return;
	const struct known_link *inside =
	    nsid < 0 ? NULL : ew_known_link(netlink, nsid, addr->ifindex);

	if (nsid < 0 || (inside && inside->host_ifindex))
		tell_addr(netlink, nsid, inside, addr, true);
	addr_free(netlink, known);
}

/* --- namespaces -------------------------------------------------------------------------------- */

struct known_ns *
ew_known_ns(const struct ew_netlink *netlink, int32_t nsid)
{
	const uint64_t hash = ew_map_hash(&netlink->namespaces, &nsid, sizeof(nsid));

	for (struct ew_link *l = ew_map_first(&netlink->namespaces, hash); l;
	     l = ew_map_next(l)) {
		struct known_ns *ns = EW_ENTRY(l, struct known_ns, by_nsid);

		if (ns->nsid == nsid)
			return ns;
	}
	return NULL;
}

struct known_ns *
ew_known_ns_touch(struct ew_netlink *netlink, int32_t nsid)
{
	struct known_ns *ns = ew_known_ns(netlink, nsid);

	if (nsid == netlink->self_nsid)
		return NULL;
	if (!ns) {
		if (netlink->namespaces.count >= EW_NL_TABLE_MAX) {
			netlink->n.refused++;
			return NULL;
		}
		ns = ew_alloc(sizeof(*ns));
		ns->nsid = nsid;
		ns->serial = ++netlink->next_serial;
		ns->needs_read = true;
		ns->cid_tries = 8;
		ew_map_insert(&netlink->namespaces, &ns->by_nsid,
		    ew_map_hash(&netlink->namespaces, &nsid, sizeof(nsid)));
		TAILQ_INSERT_TAIL(&netlink->ns_list, ns, order);
		netlink->n.namespaces = netlink->namespaces.count;
	}
	ns->round = netlink->round;
	return ns;
}

void
ew_known_ns_gone(struct ew_netlink *netlink, int32_t nsid)
{
	struct known_ns *ns = ew_known_ns(netlink, nsid);
	struct known_link *link, *next_link;
	struct known_addr *addr, *next_addr;
	const struct ew_nsid_info info = { .nsid = nsid };

	if (!ns)
		return;
	ew_names_last_chance(netlink, ns);
	/* The namespace's own records follow it; identity ends the leases by the id. */
	netlink->sink.nsid(netlink->sink.context, &info, true);
	for (addr = TAILQ_FIRST(&netlink->addr_list); addr; addr = next_addr) {
		next_addr = TAILQ_NEXT(addr, order);
		if (addr->nsid == nsid)
			addr_free(netlink, addr);
	}
	for (link = TAILQ_FIRST(&netlink->link_list); link; link = next_link) {
		next_link = TAILQ_NEXT(link, order);
		if (link->nsid == nsid)
			link_free(netlink, link);
	}
	ew_map_remove(&netlink->namespaces, &ns->by_nsid);
	TAILQ_REMOVE(&netlink->ns_list, ns, order);
	netlink->n.namespaces = netlink->namespaces.count;
	free(ns);
}

void
ew_known_retell(struct ew_netlink *netlink, int32_t nsid)
{
	const struct known_link *link;

	TAILQ_FOREACH (link, &netlink->link_list, order)
		if (link->nsid == -1 && link->link.link_nsid == nsid &&
		    link->round == netlink->round)
			tell_iface(netlink, link, false);
}

void
ew_known_sweep(struct ew_netlink *netlink)
{
	struct known_link *link, *next_link;
	struct known_addr *addr, *next_addr;
	struct known_ns *ns, *next_ns;

	for (addr = TAILQ_FIRST(&netlink->addr_list); addr; addr = next_addr) {
		next_addr = TAILQ_NEXT(addr, order);
		if (addr->round != netlink->round &&
		    (addr->nsid < 0 || netlink->reads_inside))
			ew_known_addr_gone(netlink, addr->nsid, &addr->addr);
	}
	for (link = TAILQ_FIRST(&netlink->link_list); link; link = next_link) {
		next_link = TAILQ_NEXT(link, order);
		if (link->round != netlink->round &&
		    (link->nsid < 0 || netlink->reads_inside))
			ew_known_link_gone(netlink, link->nsid, link->link.ifindex);
	}
	for (ns = TAILQ_FIRST(&netlink->ns_list); ns; ns = next_ns) {
		next_ns = TAILQ_NEXT(ns, order);
		if (ns->round != netlink->round)
			ew_known_ns_gone(netlink, ns->nsid);
	}
}

void
ew_known_init(struct ew_netlink *netlink)
{
	const uint64_t seed = ew_hash_seed();

	ew_map_init(&netlink->links, seed);
	ew_map_init(&netlink->addrs, seed);
	ew_map_init(&netlink->namespaces, seed);
	TAILQ_INIT(&netlink->link_list);
	TAILQ_INIT(&netlink->addr_list);
	TAILQ_INIT(&netlink->ns_list);
	TAILQ_INIT(&netlink->pending);
}

void
ew_known_fini(struct ew_netlink *netlink)
{
	struct known_link *link;
	struct known_addr *addr;
	struct known_ns *ns;

	while ((link = TAILQ_FIRST(&netlink->link_list)) != NULL)
		link_free(netlink, link);
	while ((addr = TAILQ_FIRST(&netlink->addr_list)) != NULL)
		addr_free(netlink, addr);
	while ((ns = TAILQ_FIRST(&netlink->ns_list)) != NULL) {
		TAILQ_REMOVE(&netlink->ns_list, ns, order);
		free(ns);
	}
	ew_map_fini(&netlink->links);
	ew_map_fini(&netlink->addrs);
	ew_map_fini(&netlink->namespaces);
}
