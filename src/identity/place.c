/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: the host's interfaces, one record per generation of an index, and what they mean
 * for capture. A veth leads to a seat; a bridge is a network; both are observation points.
 *
 * The kernel counts interface numbers upwards, but a namespace id is given again at once,
 * so the way from a packet to a container is ifindex and time to port, port to seat, seat
 * to member, and never an id kept by itself.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/identity_priv.h"

static uint64_t
index_hash(const struct ew_map *map, uint32_t ifindex)
{
	return ew_map_hash(map, &ifindex, sizeof(ifindex));
}

struct port *
ew_port_live(const struct ew_identity *identity, uint32_t ifindex)
{
	for (struct ew_link *l = ew_map_first(&identity->port_by_index,
		 index_hash(&identity->port_by_index, ifindex));
	     l; l = ew_map_next(l)) {
		struct port *port = EW_ENTRY(l, struct port, by_index);

		if (port->pub.ifindex == ifindex && port->to.ns == 0)
			return port;
	}
	return NULL;
}

struct port *
ew_port_at(const struct ew_identity *identity, uint32_t ifindex, struct ew_mono t)
{
	struct port *late = NULL, *past = NULL;

	for (struct ew_link *l = ew_map_first(&identity->port_by_index,
		 index_hash(&identity->port_by_index, ifindex));
	     l; l = ew_map_next(l)) {
		struct port *port = EW_ENTRY(l, struct port, by_index);

		if (port->pub.ifindex != ifindex)
			continue;
		if (is_live_at(port->from, port->to, t))
			return port;
		if (port->from.ns > t.ns) {
			if (port->from.ns - t.ns <= EW_LATE_NS)
				late = port;
		} else if (!past && t.ns - port->to.ns <= EW_LATE_NS) {
			past = port;
		}
	}
	return late ? late : past;
}

struct port *
ew_port_by_name(const struct ew_identity *identity, const char *name)
{
	struct port *port;

	TAILQ_FOREACH (port, &identity->ports, order)
		if (strncmp(port->pub.name, name, sizeof(port->pub.name)) == 0)
			return port;
	return NULL;
}

/* --- observation points -------------------------------------------------------------------- */

void
ew_port_tell(struct ew_identity *identity, struct port *port)
{
	const uint32_t domain = ew_net_domain(identity, port->net);
	const bool removed = port->to.ns != 0;

	if (port->pub.kind == EW_IFACE_OTHER && !port->is_told)
		return;
	if (!removed && port->is_told && port->told_kind == port->pub.kind &&
	    port->told_domain == domain)
		return;
	if (removed && !port->is_told)
		return;
	port->is_told = !removed;
	port->told_kind = port->pub.kind;
	port->told_domain = domain;
	if (identity->sink.point)
		identity->sink.point(identity->sink.context, port->pub.ifindex,
		    port->pub.kind, domain, removed);
}

static void
set_net(struct ew_identity *identity, struct port *port, struct net *net)
{
	if (!net || net == port->net)
		return;
	if (port->net)
		port->net->refs--;
	port->net = net;
	net->refs++;
	if (!port->seat)
		return;
	struct lease *lease;

	TAILQ_FOREACH (lease, &port->seat->leases, of_seat)
		if (lease->host_ifindex == port->pub.ifindex && lease->to.ns == 0)
			ew_lease_set_net(lease, net);
	(void)identity;
}

void
ew_port_retell_bridge(struct ew_identity *identity, uint32_t bridge_ifindex)
{
	struct port *port;

	TAILQ_FOREACH (port, &identity->ports, order)
		if (port->pub.ifindex == bridge_ifindex ||
		    port->pub.master == bridge_ifindex) {
			set_net(identity, port,
			    ew_net_for_port(identity, port, identity->now));
			ew_port_tell(identity, port);
		}
}

/* --- ports --------------------------------------------------------------------------------- */

static struct port *
port_new(struct ew_identity *identity, const struct ew_iface *iface,
    struct ew_mono from)
{
	struct port *port = ew_alloc(sizeof(*port));

	port->pub = *iface;
	port->pub.name[sizeof(port->pub.name) - 1] = '\0';
	port->from = from;
	ew_map_insert(&identity->port_by_index, &port->by_index,
	    index_hash(&identity->port_by_index, iface->ifindex));
	TAILQ_INSERT_TAIL(&identity->ports, port, order);
	identity->n.ports++;
	return port;
}

void
ew_port_set_seat(struct ew_identity *identity, struct port *port, struct seat *seat)
{
	if (port->seat == seat)
		return;
	if (port->seat)
		TAILQ_REMOVE(&port->seat->ports, port, of_seat);
	port->seat = seat;
	if (!seat)
		return;
	TAILQ_INSERT_TAIL(&seat->ports, port, of_seat);
	ew_wait_wake(identity, WAIT_PORT, port->pub.ifindex);
	ew_wait_wake(identity, WAIT_SEAT, port->pub.ifindex);
}

static void
end_leases_of_port(struct ew_identity *identity, struct port *port, struct ew_mono at)
{
	if (!port->seat)
		return;
	struct lease *lease, *next;

	for (lease = TAILQ_FIRST(&port->seat->leases); lease; lease = next) {
		next = TAILQ_NEXT(lease, of_seat);
		if (lease->host_ifindex == port->pub.ifindex && lease->to.ns == 0)
			ew_lease_end(identity, lease, at);
	}
}

static void
port_end(struct ew_identity *identity, struct port *port, struct ew_mono at)
{
	end_leases_of_port(identity, port, at);
	port->to.ns = at.ns > 0 ? at.ns : 1;
	TAILQ_REMOVE(&identity->ports, port, order);
	TAILQ_INSERT_TAIL(&identity->ports_ended, port, order);
	ew_port_tell(identity, port);
	if (port->pub.kind == EW_IFACE_BRIDGE)
		ew_net_bridge_gone(identity, port->pub.ifindex, at);
	if (port->seat && port->seat->nsid < 0)
		ew_seat_end(identity, port->seat, at);
}

static void
port_free(struct ew_identity *identity, struct port *port)
{
	if (port->seat)
		TAILQ_REMOVE(&port->seat->ports, port, of_seat);
	if (port->net)
		port->net->refs--;
	ew_map_remove(&identity->port_by_index, &port->by_index);
	if (port->to.ns)
		TAILQ_REMOVE(&identity->ports_ended, port, order);
	else
		TAILQ_REMOVE(&identity->ports, port, order);
	identity->n.ports--;
	free(port);
}

struct port *
ew_port_assume(struct ew_identity *identity, uint32_t ifindex, struct net *net,
    struct ew_mono from, struct ew_mono to)
{
	struct port *port = ew_port_live(identity, ifindex);

	if (port)
		return port;
	const struct ew_iface iface = { .ifindex = ifindex,
		.master = net ? net->pub.bridge_ifindex : 0,
		.peer_nsid = -1,
		.kind = EW_IFACE_VETH,
		.is_up = 1 };

	port = port_new(identity, &iface, from);
	set_net(identity, port, net);
	ew_port_tell(identity, port);
	/* The file says when it goes; nothing else will. */
	if (to.ns) {
		port->to = to;
		TAILQ_REMOVE(&identity->ports, port, order);
		TAILQ_INSERT_TAIL(&identity->ports_ended, port, order);
	}
	return port;
}

/* Where netlink says the other end is. */
static void
seat_port(struct ew_identity *identity, struct port *port, struct ew_mono now)
{
	if (port->pub.peer_nsid < 0 || port->pub.kind != EW_IFACE_VETH)
		return;
	if (port->seat && port->seat->nsid == port->pub.peer_nsid &&
	    port->seat->to.ns == 0)
		return;
	if (port->seat && port->seat->nsid >= 0)
		end_leases_of_port(identity, port,
		    now); /* moved to another namespace */
	struct seat *seat = ew_seat_by_nsid(identity, port->pub.peer_nsid);

	if (!seat)
		seat = ew_seat_new(identity, port->pub.peer_nsid, now);
	ew_port_set_seat(identity, port, seat);
}

void
ew_identity_iface(struct ew_identity *identity, const struct ew_iface *iface,
    bool removed, struct ew_mono now)
{
	struct port *port = ew_port_live(identity, iface->ifindex);

	if (removed) {
		if (port)
			port_end(identity, port, now);
		return;
	}
	if (!port) {
		if (identity->port_by_index.count >= identity->conf.max_leases) {
			identity->n.facts_refused++;
			return;
		}
		port = port_new(identity, iface, now);
	} else {
		const int32_t nsid = port->pub.peer_nsid;

		port->pub = *iface;
		port->pub.name[sizeof(port->pub.name) - 1] = '\0';
		/* A message without the attribute does not take knowledge away. */
		if (iface->peer_nsid < 0)
			port->pub.peer_nsid = nsid;
	}
	set_net(identity, port, ew_net_for_port(identity, port, now));
	if (port->pub.kind == EW_IFACE_BRIDGE)
		ew_port_retell_bridge(identity, port->pub.ifindex);
	ew_port_tell(identity, port);
	seat_port(identity, port, now);
	ew_wait_wake(identity, WAIT_PORT, port->pub.ifindex);
}

/* The host's own address: a gateway of its bridge's network, and a reason for domain 0. */
static void
host_address(struct ew_identity *identity, const struct ew_iface_addr *addr,
    bool removed)
{
	struct port *port = ew_port_live(identity, addr->ifindex);

	ew_host_addr_count(identity, &addr->addr, removed);
	if (!port || ew_addr_is_link_local(&addr->addr))
		return;
	if (!removed)
		port->n_host_addrs++;
	else if (port->n_host_addrs > 0)
		port->n_host_addrs--;
	if (port->pub.kind != EW_IFACE_BRIDGE)
		return;
	struct net *net = ew_net_for_port(identity, port, identity->now);

	if (net && net->is_derived && !removed) {
		const struct ew_prefix prefix =
		    ew_prefix_of(&addr->addr, addr->prefix_bits);

		ew_net_add_subnet(identity, net, &prefix);
		if (!ew_net_is_gateway(net, &addr->addr) &&
		    net->pub.info.n_gateways < EW_NETWORK_SUBNETS_MAX)
			net->pub.info.gateways[net->pub.info.n_gateways++] = addr->addr;
	}
	ew_port_retell_bridge(identity, port->pub.ifindex);
}

static struct port *
port_of_address(const struct ew_identity *identity, const struct ew_iface_addr *addr,
    const struct seat *seat)
{
	struct port *port;

	if (addr->host_ifindex)
		return ew_port_live(identity, addr->host_ifindex);
	TAILQ_FOREACH (port, &seat->ports, of_seat)
		if (port->pub.peer_ifindex == addr->ifindex && port->to.ns == 0)
			return port;
	return NULL;
}

void
ew_identity_iface_addr(struct ew_identity *identity, const struct ew_iface_addr *addr,
    bool removed, struct ew_mono now)
{
	if (addr->nsid < 0) {
		host_address(identity, addr, removed);
		return;
	}
	if (ew_addr_is_loopback(&addr->addr))
		return;
	struct seat *seat = ew_seat_by_nsid(identity, addr->nsid);
	struct lease *lease;

	if (removed) {
		if (!seat)
			return;
		TAILQ_FOREACH (lease, &seat->leases, of_seat)
			if (lease->to.ns == 0 &&
			    ew_addr_equal(&lease->addr, &addr->addr) &&
			    (!lease->inner_ifindex ||
				lease->inner_ifindex == addr->ifindex)) {
				ew_lease_end(identity, lease, now);
				return;
			}
		return;
	}
	if (!seat)
		seat = ew_seat_new(identity, addr->nsid, now);
	struct port *port = port_of_address(identity, addr, seat);

	lease = ew_lease_open(identity, seat, &addr->addr, addr->mac,
	    port ? port->net : NULL, now);
	if (!lease)
		return;
	lease->from_netlink = 1;
	lease->inner_ifindex = addr->ifindex;
	if (port)
		lease->host_ifindex = port->pub.ifindex;
	if (port && port->net && port->net->is_derived &&
	    !ew_addr_is_link_local(&addr->addr) && addr->prefix_bits < 128) {
		const struct ew_prefix prefix =
		    ew_prefix_of(&addr->addr, addr->prefix_bits);

		ew_net_add_subnet(identity, port->net, &prefix);
	}
	ew_seat_match(identity, seat, lease, now);
	if (seat->n_members == 0 && !seat->fallback)
		identity->is_unnamed = 1;
	ew_lease_tell(identity, lease);
}

/* --- ageing -------------------------------------------------------------------------------- */

void
ew_place_prune(struct ew_identity *identity, struct ew_mono before)
{
	struct lease *lease;
	struct port *port;

	while (
	    (lease = TAILQ_FIRST(&identity->leases_ended)) && lease->to.ns < before.ns)
		ew_lease_free(identity, lease);
	while ((port = TAILQ_FIRST(&identity->ports_ended)) && port->to.ns < before.ns)
		port_free(identity, port);
	ew_seat_prune(identity, before);
	ew_net_prune(identity, before);
}

void
ew_place_free_all(struct ew_identity *identity)
{
	struct port *port;
	struct lease *lease;

	while ((lease = TAILQ_FIRST(&identity->leases)) ||
	    (lease = TAILQ_FIRST(&identity->leases_ended)))
		ew_lease_free(identity, lease);
	while ((port = TAILQ_FIRST(&identity->ports)) ||
	    (port = TAILQ_FIRST(&identity->ports_ended)))
		port_free(identity, port);
	ew_seat_free_all(identity);
	ew_map_fini(&identity->lease_by_addr);
	ew_map_fini(&identity->lease_by_mac);
	ew_map_fini(&identity->port_by_index);
}
