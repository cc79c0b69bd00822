/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks, their subnets and gateways, the host's own addresses, services.
 *
 * A network is a bridge or what a runtime calls one. Netlink sees bridges first; a runtime
 * that describes the same bridge takes the record over in place, so that leases and flows
 * keep their network. Subnets are found by longest prefix: one hash probe per prefix length
 * in use, and there are few.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/identity_priv.h"

static uint64_t
hash_text(const struct ew_map *map, const char *text)
{
	return ew_map_hash(map, text, strlen(text));
}

struct net *
ew_net_by_id(const struct ew_identity *identity, const char *id)
{
	struct net *net;

	for (struct ew_link *l = ew_map_first(&identity->net_by_id,
		 hash_text(&identity->net_by_id, id));
	     l; l = ew_map_next(l)) {
		net = EW_ENTRY(l, struct net, by_id);
		if (strcmp(net->pub.info.id, id) == 0 && net->pub.to.ns == 0)
			return net;
	}
	TAILQ_FOREACH (net, &identity->nets, order)
		if (strcmp(net->pub.info.name, id) == 0 && net->pub.to.ns == 0)
			return net;
	return NULL;
}

struct net *
ew_net_by_bridge(const struct ew_identity *identity, uint32_t ifindex, const char *name)
{
	struct net *net;

	TAILQ_FOREACH (net, &identity->nets, order) {
		if (net->pub.to.ns)
			continue;
		if (ifindex && net->pub.bridge_ifindex == ifindex)
			return net;
		if (!net->pub.bridge_ifindex && name[0] &&
		    strncmp(net->pub.info.bridge, name, sizeof(net->pub.info.bridge)) ==
			0)
			return net;
	}
	return NULL;
}

static void drop_subnets(struct ew_identity *identity, const struct net *net);

static void
drop_classes(struct net *net)
{
	ew_workload_put(net->gateway ? &net->gateway->pub : NULL);
	ew_workload_put(net->dark ? &net->dark->pub : NULL);
	ew_workload_put(net->ghost ? &net->ghost->pub : NULL);
	net->gateway = net->dark = net->ghost = NULL;
}

static void
net_free(struct ew_identity *identity, struct net *net)
{
	TAILQ_REMOVE(&identity->nets, net, order);
	identity->n.networks--;
	drop_classes(net);
	free(net);
}

/* A bridge is gone. Its network stays for those who still point to it. */
void
ew_net_bridge_gone(struct ew_identity *identity, uint32_t ifindex, struct ew_mono now)
{
	struct net *net = ew_net_by_bridge(identity, ifindex, "");

	if (!net)
		return;
	if (net->is_derived)
		net->pub.to.ns = now.ns > 0 ? now.ns : 1;
	else
		net->pub.bridge_ifindex = 0;
}

/* Forget networks that ended before, unless a lease or port still points to them. */
void
ew_net_prune(struct ew_identity *identity, struct ew_mono before)
{
	struct net *net = TAILQ_FIRST(&identity->nets);

	while (net) {
		struct net *const next = TAILQ_NEXT(net, order);

		if (net->pub.to.ns && net->pub.to.ns < before.ns && net->refs == 0) {
			drop_subnets(identity, net);
			ew_map_remove(&identity->net_by_id, &net->by_id);
			net_free(identity, net);
		}
		net = next;
	}
}

static struct net *
net_new(struct ew_identity *identity, const char *id, struct ew_mono now)
{
	struct net *net = ew_alloc(sizeof(*net));

	net->pub.id = ++identity->next_network;
	net->pub.from = now;
	ew_text_copy(net->pub.info.id, sizeof(net->pub.info.id), id);
	ew_text_copy(net->pub.info.name, sizeof(net->pub.info.name), id);
	ew_map_insert(&identity->net_by_id, &net->by_id,
	    hash_text(&identity->net_by_id, net->pub.info.id));
	TAILQ_INSERT_TAIL(&identity->nets, net, order);
	identity->n.networks++;
	return net;
}

struct net *
ew_net_placeholder(struct ew_identity *identity, const char *id, struct ew_mono now)
{
	struct net *net = ew_net_by_id(identity, id);

	if (net || !id[0])
		return net;
	net = net_new(identity, id, now);
	net->is_placeholder = 1;
	net->pub.from_runtime = 1;
	return net;
}

struct net *
ew_net_for_port(struct ew_identity *identity, struct port *port, struct ew_mono now)
{
	const struct port *owner = port;

	if (port->pub.kind != EW_IFACE_BRIDGE && port->pub.master) {
		owner = ew_port_live(identity, port->pub.master);
		if (!owner)
			return NULL; /* not told yet; its own record will come */
	}
	if (owner->pub.kind != EW_IFACE_BRIDGE && owner->pub.kind != EW_IFACE_MACVLAN) {
		/* Veths without a bridge are routed by the host: one network for them all. */
		if (port->pub.kind != EW_IFACE_VETH)
			return NULL;
		struct net *routed = ew_net_by_id(identity, "routed");

		if (!routed)
			routed = net_new(identity, "routed", now);
		routed->is_derived = 1;
		routed->pub.is_host_routed = 1;
		return routed;
	}
	struct net *net =
	    ew_net_by_bridge(identity, owner->pub.ifindex, owner->pub.name);

	if (!net) {
		net = net_new(identity, owner->pub.name, now);
		ew_text_copy(net->pub.info.bridge, sizeof(net->pub.info.bridge),
		    owner->pub.name);
		net->is_derived = 1;
	}
	net->pub.bridge_ifindex = owner->pub.ifindex;
	net->pub.is_host_routed =
	    owner->n_host_addrs > 0 || owner->pub.kind == EW_IFACE_MACVLAN;
	return net;
}

uint32_t
ew_net_domain(const struct ew_identity *identity, const struct net *net)
{
	if (!net || !net->pub.bridge_ifindex)
		return 0;
	if (identity->conf.mode == EW_IDENTITY_LIVE)
		return net->pub.is_host_routed ? 0 : net->pub.bridge_ifindex;
	return net->pub.info.n_gateways ? 0 : net->pub.bridge_ifindex;
}

/* --- subnets ------------------------------------------------------------------------------- */

static uint64_t
prefix_hash(const struct ew_map *map, const struct ew_prefix *prefix)
{
	uint8_t key[17];

	memcpy(key, prefix->addr.b, 16);
	key[16] = prefix->bits;
	return ew_map_hash(map, key, sizeof(key));
}

void
ew_net_add_subnet(struct ew_identity *identity, struct net *net,
    const struct ew_prefix *prefix)
{
	const uint64_t hash = prefix_hash(&identity->subnets, prefix);

	if (prefix->bits == 0 || prefix->bits > 128)
		return;
	for (struct ew_link *l = ew_map_first(&identity->subnets, hash); l;
	     l = ew_map_next(l)) {
		const struct subnet *subnet = EW_ENTRY(l, struct subnet, by_prefix);

		if (subnet->net == net && subnet->prefix.bits == prefix->bits &&
		    ew_addr_equal(&subnet->prefix.addr, &prefix->addr))
			return;
	}
	struct subnet *subnet = ew_alloc(sizeof(*subnet));

	subnet->prefix = *prefix;
	subnet->net = net;
	ew_map_insert(&identity->subnets, &subnet->by_prefix, hash);
	identity->prefix_count[prefix->bits]++;
	struct ew_network_info *info = &net->pub.info;

	for (unsigned i = 0; i < info->n_subnets; i++)
		if (info->subnets[i].bits == prefix->bits &&
		    ew_addr_equal(&info->subnets[i].addr, &prefix->addr))
			return;
	if (info->n_subnets < EW_NETWORK_SUBNETS_MAX)
		info->subnets[info->n_subnets++] = *prefix;
}

static void
drop_subnets(struct ew_identity *identity, const struct net *net)
{
	for (size_t i = 0; i < identity->subnets.n_slots; i++) {
		struct ew_link *link = identity->subnets.slots[i];

		while (link) {
			struct subnet *subnet =
			    EW_ENTRY(link, struct subnet, by_prefix);

			link = link->next;
			if (net && subnet->net != net)
				continue;
			identity->prefix_count[subnet->prefix.bits]--;
			ew_map_remove(&identity->subnets, &subnet->by_prefix);
			free(subnet);
		}
	}
}

static bool
is_better(const struct ew_identity *identity, const struct net *a, const struct net *b,
    uint32_t domain)
{
	if (!b)
		return true;
	return ew_net_domain(identity, a) == domain &&
	    ew_net_domain(identity, b) != domain;
}

struct net *
ew_net_of_addr(const struct ew_identity *identity, const struct ew_addr *addr,
    uint32_t domain, struct ew_mono t)
{
	for (unsigned bits = 128; bits > 0; bits--) {
		if (!identity->prefix_count[bits])
			continue;
		const struct ew_prefix prefix = ew_prefix_of(addr, bits);
		struct net *best = NULL;

		for (struct ew_link *l = ew_map_first(&identity->subnets,
			 prefix_hash(&identity->subnets, &prefix));
		     l; l = ew_map_next(l)) {
			struct subnet *subnet = EW_ENTRY(l, struct subnet, by_prefix);

			if (subnet->prefix.bits != bits ||
			    !ew_addr_equal(&subnet->prefix.addr, &prefix.addr) ||
			    (subnet->net->pub.to.ns && subnet->net->pub.to.ns <= t.ns))
				continue;
			if (is_better(identity, subnet->net, best, domain))
				best = subnet->net;
		}
		if (best)
			return best;
	}
	return NULL;
}

bool
ew_net_is_gateway(const struct net *net, const struct ew_addr *addr)
{
	for (unsigned i = 0; i < net->pub.info.n_gateways; i++)
		if (ew_addr_equal(&net->pub.info.gateways[i], addr))
			return true;
	return false;
}

struct net *
ew_net_of_gateway(const struct ew_identity *identity, const struct ew_addr *addr,
    uint32_t domain, struct ew_mono t)
{
	struct net *net = ew_net_of_addr(identity, addr, domain, t);

	return net && ew_net_is_gateway(net, addr) ? net : NULL;
}

bool
ew_net_is_broadcast(const struct net *net, const struct ew_addr *addr)
{
	if (!ew_addr_is_v4(addr))
		return false;
	for (unsigned i = 0; i < net->pub.info.n_subnets; i++) {
		const struct ew_prefix *p = &net->pub.info.subnets[i];

		/* RFC 3021: a /31 has no broadcast address. */
		if (p->bits < 96 || p->bits >= 127 || !ew_prefix_contains(p, addr))
			continue;
		bool ones = true;

		for (unsigned bit = p->bits; bit < 128 && ones; bit++)
			ones = addr->b[bit / 8] & (0x80 >> (bit % 8));
		if (ones)
			return true;
	}
	return false;
}

/* --- inputs -------------------------------------------------------------------------------- */

static void
take_info(struct ew_identity *identity, struct net *net,
    const struct ew_network_info *info)
{
	if (strcmp(net->pub.info.id, info->id) != 0) {
		ew_map_remove(&identity->net_by_id, &net->by_id);
		ew_map_insert(&identity->net_by_id, &net->by_id,
		    hash_text(&identity->net_by_id, info->id));
	}
	drop_subnets(identity, net);
	net->pub.info = *info;
	struct ew_network_info *own = &net->pub.info;

	own->n_subnets = (uint8_t)at_most(own->n_subnets, EW_NETWORK_SUBNETS_MAX);
	own->n_gateways = (uint8_t)at_most(own->n_gateways, EW_NETWORK_SUBNETS_MAX);
	if (!own->name[0])
		ew_text_copy(own->name, sizeof(own->name), own->id);
	for (unsigned i = 0; i < own->n_subnets; i++)
		ew_net_add_subnet(identity, net, &own->subnets[i]);
	net->is_placeholder = 0;
	net->is_derived = 0;
	net->pub.from_runtime = 1;
	drop_classes(net); /* "gateway/NAME" and its like were made for the old name */
}

void
ew_identity_network(struct ew_identity *identity, const struct ew_network_info *info,
    bool removed, struct ew_mono now)
{
	if (!info->id[0]) {
		identity->n.facts_refused++;
		return;
	}
	struct net *net = ew_net_by_id(identity, info->id);

	if (removed) {
		if (net && net->pub.from_runtime)
			net->pub.to.ns = now.ns > 0 ? now.ns : 1;
		return;
	}
	if (net && strcmp(net->pub.info.id, info->id) != 0 && !net->is_derived &&
	    !net->is_placeholder)
		net = NULL; /* another network that only bears this id as its name */
	if (!net && info->bridge[0]) {
		const struct port *bridge = ew_port_by_name(identity, info->bridge);

		net = ew_net_by_bridge(identity, bridge ? bridge->pub.ifindex : 0,
		    info->bridge);
		if (net && net->pub.from_runtime)
			net = NULL;
	}
	if (!net)
		net = net_new(identity, info->id, now);
	take_info(identity, net, info);
	const struct port *bridge =
	    info->bridge[0] ? ew_port_by_name(identity, info->bridge) : NULL;

	if (bridge) {
		net->pub.bridge_ifindex = bridge->pub.ifindex;
		net->pub.is_host_routed = bridge->n_host_addrs > 0;
		ew_port_retell_bridge(identity, bridge->pub.ifindex);
	}
}

bool
ew_host_has(const struct ew_identity *identity, const struct ew_addr *addr)
{
	const struct host_addr *host = ew_host_find(identity, addr);

	return host && host->count > 0;
}

struct host_addr *
ew_host_find(const struct ew_identity *identity, const struct ew_addr *addr)
{
	const uint64_t hash =
	    ew_map_hash(&identity->host_addrs, addr->b, sizeof(addr->b));

	for (struct ew_link *l = ew_map_first(&identity->host_addrs, hash); l;
	     l = ew_map_next(l)) {
		struct host_addr *host = EW_ENTRY(l, struct host_addr, by_addr);

		if (ew_addr_equal(&host->addr, addr))
			return host;
	}
	return NULL;
}

static struct host_addr *
host_intern(struct ew_identity *identity, const struct ew_addr *addr)
{
	struct host_addr *host = ew_host_find(identity, addr);

	if (host || identity->host_addrs.count >= 65536)
		return host;
	host = ew_alloc(sizeof(*host));
	host->addr = *addr;
	ew_map_insert(&identity->host_addrs, &host->by_addr,
	    ew_map_hash(&identity->host_addrs, addr->b, sizeof(addr->b)));
	TAILQ_INSERT_TAIL(&identity->host_addr_list, host, order);
	return host;
}

void
ew_host_addr_count(struct ew_identity *identity, const struct ew_addr *addr,
    bool removed)
{
	struct host_addr *host =
	    removed ? ew_host_find(identity, addr) : host_intern(identity, addr);

	if (!host)
		return;
	if (!removed)
		host->count++;
	else if (host->count > 0)
		host->count--;
	if (host->count == 0 && !host->is_resolver) {
		ew_map_remove(&identity->host_addrs, &host->by_addr);
		TAILQ_REMOVE(&identity->host_addr_list, host, order);
		free(host);
	}
}

void
ew_identity_host_addr(struct ew_identity *identity, const struct ew_addr *addr,
    bool removed)
{
	ew_host_addr_count(identity, addr, removed);
}

void
ew_identity_resolver(struct ew_identity *identity, const struct ew_addr *addr)
{
	struct host_addr *host = host_intern(identity, addr);

	if (host)
		host->is_resolver = 1;
}

bool
ew_identity_is_resolver(const struct ew_identity *identity, const struct ew_addr *addr)
{
	const struct host_addr *host = ew_host_find(identity, addr);

	return host && host->is_resolver;
}

/* --- services ------------------------------------------------------------------------------ */

struct service_key {
	struct ew_addr addr;
	uint16_t port;
	uint16_t proto;
};

static struct service *
service_find(const struct ew_identity *identity, const struct ew_addr *addr,
    uint16_t port, uint8_t proto, uint64_t *ret_hash)
{
	const struct service_key key = { .addr = *addr, .port = port, .proto = proto };

	*ret_hash = ew_map_hash(&identity->services, &key, sizeof(key));
	for (struct ew_link *l = ew_map_first(&identity->services, *ret_hash); l;
	     l = ew_map_next(l)) {
		struct service *service = EW_ENTRY(l, struct service, by_key);

		if (service->info.port == port && service->info.proto == proto &&
		    ew_addr_equal(&service->info.addr, addr))
			return service;
	}
	return NULL;
}

const struct ew_service_info *
ew_service_find(const struct ew_identity *identity, const struct ew_addr *addr,
    uint16_t port, uint8_t proto)
{
	uint64_t hash;

	if (identity->services.count == 0)
		return NULL;
	const struct service *service =
	    service_find(identity, addr, port, proto, &hash);

	return service ? &service->info : NULL;
}

void
ew_identity_service(struct ew_identity *identity, const struct ew_service_info *info,
    bool removed, struct ew_mono now)
{
	uint64_t hash;
	struct service *service =
	    service_find(identity, &info->addr, info->port, info->proto, &hash);

	(void)now;
	if (removed) {
		if (service) {
			ew_map_remove(&identity->services, &service->by_key);
			TAILQ_REMOVE(&identity->service_list, service, order);
			free(service);
		}
		return;
	}
	if (!service) {
		if (identity->services.count >= 65536) {
			identity->n.facts_refused++;
			return;
		}
		service = ew_alloc(sizeof(*service));
		ew_map_insert(&identity->services, &service->by_key, hash);
		TAILQ_INSERT_TAIL(&identity->service_list, service, order);
	}
	service->info = *info;
	if (service->info.n_backends > EW_SERVICE_BACKENDS_MAX)
		service->info.n_backends = EW_SERVICE_BACKENDS_MAX;
}

void
ew_net_free_all(struct ew_identity *identity)
{
	struct net *net;
	struct host_addr *host;
	struct service *service;

	drop_subnets(identity, NULL);
	while ((net = TAILQ_FIRST(&identity->nets)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is unlinked within */
		net_free(identity, net);
	while ((host = TAILQ_FIRST(&identity->host_addr_list)) != NULL) {
		TAILQ_REMOVE(&identity->host_addr_list, host, order);
		free(host);
	}
	while ((service = TAILQ_FIRST(&identity->service_list)) != NULL) {
		TAILQ_REMOVE(&identity->service_list, service, order);
		free(service);
	}
	ew_map_fini(&identity->subnets);
	ew_map_fini(&identity->net_by_id);
	ew_map_fini(&identity->host_addrs);
	ew_map_fini(&identity->services);
}
