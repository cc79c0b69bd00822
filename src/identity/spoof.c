/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a container send as itself? Facts for detectors.md 3.10 and 3.12.
 *
 * Asked only of packets seen inbound on the host end of a veth, where the sender is proven.
 * What is not known proves nothing: a veth whose addresses nobody told is never spoofing.
 * Before an address is called foreign the namespace's own are read once more, since they may
 * have changed without the news having arrived; an address the container's stack holds is
 * still a claim if a live other instance or the gateway owns it.
 */
#include "identity/identity_priv.h"

#define REREAD_NS EW_NS_PER_S
/* Two namespaces may hold one address while the older is being torn down. */
#define OVERLAP_NS (2 * EW_NS_PER_S)

static const uint8_t zero_mac[6];

/* The address the event's sender speaks for. */
static struct ew_addr
claimed_address(const struct ew_flow_event *ev)
{
	if (ev->kind == EW_FLOW_NDP &&
	    ev->u.ndp.type == 136) /* advertisement: of its target */
		return ev->u.ndp.target;
	return ev->tuple.src;
}

static const uint8_t *
claimed_mac(const struct ew_flow_event *ev)
{
	if (ev->kind == EW_FLOW_ARP)
		return ev->u.arp.sender_mac;
	if (ev->kind == EW_FLOW_NDP && ev->u.ndp.type == 136 &&
	    memcmp(ev->u.ndp.link_mac, zero_mac, 6) != 0)
		return ev->u.ndp.link_mac;
	return ev->src_mac;
}

/* Another namespace that holds the address now, in the same network. */
static const struct lease *
live_other_owner(const struct ew_identity *identity, const struct seat *seat,
    const struct ew_addr *addr, const struct net *net, struct ew_mono t)
{
	for (struct ew_link *l = ew_map_first(&identity->lease_by_addr,
		 ew_map_hash(&identity->lease_by_addr, addr->b, sizeof(addr->b)));
	     l; l = ew_map_next(l)) {
		const struct lease *lease = EW_ENTRY(l, struct lease, by_addr);

		if (lease->seat != seat && ew_addr_equal(&lease->addr, addr) &&
		    is_live_at(lease->from, lease->to, t) &&
		    (!lease->net || !net || lease->net == net))
			return lease;
	}
	return NULL;
}

static bool
is_infrastructure(const struct ew_identity *identity, const struct ew_addr *addr,
    const struct net *net)
{
	return ew_host_has(identity, addr) || (net && ew_net_is_gateway(net, addr));
}

/* fe80:: with the MAC inside (RFC 4291 appendix A), or a privacy address of nobody. */
static bool
is_harmless(const struct ew_addr *addr)
{
	return ew_addr_is_unspecified(addr) || ew_addr_is_multicast(addr) ||
	    (!ew_addr_is_v4(addr) && ew_addr_is_link_local(addr));
}

static bool
knows_addresses(const struct seat *seat)
{
	const struct lease *lease;

	TAILQ_FOREACH (lease, &seat->leases, of_seat)
		if (!ew_addr_is_unspecified(&lease->addr) &&
		    !ew_addr_is_link_local(&lease->addr))
			return true;
	return false;
}

static void
reread(struct ew_identity *identity, struct port *port, struct ew_mono t)
{
	if (!identity->sink.read_addrs || port->to.ns ||
	    (port->reread_ns && t.ns - port->reread_ns < REREAD_NS &&
		t.ns >= port->reread_ns))
		return;
	port->reread_ns = t.ns;
	identity->sink.read_addrs(identity->sink.context, port->pub.ifindex);
}

static uint8_t
check_address(struct ew_identity *identity, const struct seat *seat, struct port *port,
    const struct ew_flow_event *ev, struct ew_mono t)
{
	const struct ew_addr addr = claimed_address(ev);

	if (is_harmless(&addr) || !knows_addresses(seat))
		return 0;
	const struct lease *own = ew_lease_on_seat(seat, &addr, t);
	const struct lease *other =
	    live_other_owner(identity, seat, &addr, port->net, t);
	const bool infrastructure = is_infrastructure(identity, &addr, port->net);

	if (!own) {
		reread(identity, port, t);
		own = ew_lease_on_seat(seat, &addr, identity->now);
	}
	if (own && (own->from_runtime || (!other && !infrastructure)))
		return 0;
	/* Else who had it first, for longer than a tear-down takes, is its owner. */
	if (own && other && !other->from_runtime &&
	    (own->from.ns <= other->from.ns || t.ns - own->from.ns < OVERLAP_NS))
		return 0;
	return EW_SPOOF_ADDR | (other || infrastructure ? EW_SPOOF_LIVE : 0);
}

static uint8_t
check_mac(const struct ew_identity *identity, const struct seat *seat,
    const struct port *port, const struct ew_flow_event *ev, struct ew_mono t)
{
	const uint8_t *mac = claimed_mac(ev);
	const struct lease *lease;
	bool known = false;

	if (memcmp(mac, zero_mac, 6) == 0)
		return 0;
	TAILQ_FOREACH (lease, &seat->leases, of_seat) {
		if (!lease->has_mac ||
		    (lease->host_ifindex && lease->host_ifindex != port->pub.ifindex))
			continue;
		if (memcmp(lease->mac, mac, 6) == 0)
			return 0;
		known = true;
	}
	if (!known)
		return 0;
	const struct lease *other = ew_lease_by_mac(identity, mac, t);
	const bool live = other && other->seat != seat && other->to.ns == 0;

	return EW_SPOOF_MAC | (live ? EW_SPOOF_LIVE : 0);
}

uint8_t
ew_spoof_check(struct ew_identity *identity, const struct seat *seat, struct port *port,
    const struct ew_flow_event *ev, struct ew_mono t)
{
	if (ev->tuple.domain & UINT32_C(0x80000000))
		return 0; /* inside a tunnel the addresses are another network's */
	if (ev->kind == EW_FLOW_DHCP)
		return 0; /* detectors.md 3.10 suppresses it */
	return check_address(identity, seat, port, ev, t) |
	    check_mac(identity, seat, port, ev, t);
}
