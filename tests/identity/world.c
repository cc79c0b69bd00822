/* SPDX-License-Identifier: Apache-2.0 */
#include "identity/world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/text.h"

struct ew_mono
ms(int64_t at)
{
	return (struct ew_mono){ EPOCH_NS + at * EW_NS_PER_MS };
}

static void
on_contact(void *context, const struct ew_contact *c)
{
	struct world *w = context;

	cr_assert_lt(w->n_contacts, SEEN_MAX);
	cr_assert_not_null(c->src.workload);
	cr_assert_not_null(c->dst.workload);
	struct seen_contact *seen = &w->contacts[w->n_contacts++];

	*seen = (struct seen_contact){ .kind = c->ev->kind,
		.ms = (c->ev->ts_ns - EPOCH_NS) / EW_NS_PER_MS,
		.flow_id = c->ev->flow_id,
		.src_end = c->src,
		.dst_end = c->dst,
		.src_class = c->src.workload->cls,
		.dst_class = c->dst.workload->cls,
		.direction = c->direction,
		.resolved = c->resolved,
		.spoof = c->spoof,
		.has_nat = c->has_nat,
		.server_port_known = c->server_port_known,
		.nat_dst_port = c->nat_dst_port,
		.edge_port = c->edge_port,
		.nat_dst = c->nat_dst };
	ew_text_copy(seen->src, sizeof(seen->src), c->src.workload->name);
	ew_text_copy(seen->dst, sizeof(seen->dst), c->dst.workload->name);
}

static void
on_life(void *context, const struct ew_lifecycle *life)
{
	struct world *w = context;

	cr_assert_lt(w->n_lives, SEEN_MAX);
	struct seen_life *seen = &w->lives[w->n_lives++];

	seen->kind = life->kind;
	ew_text_copy(seen->workload, sizeof(seen->workload),
	    life->workload ? life->workload->name : "");
	ew_text_copy(seen->cid, sizeof(seen->cid),
	    life->instance ? life->instance->cid : "");
}

static void
on_point(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain, bool removed)
{
	struct world *w = context;

	cr_assert_lt(w->n_points, SEEN_MAX);
	w->points[w->n_points++] = (struct seen_point){ .ifindex = ifindex,
		.domain = domain,
		.kind = kind,
		.removed = removed };
}

static void
on_lease(void *context, const struct ew_lease *lease)
{
	struct world *w = context;

	(void)lease;
	w->n_leases++;
}

static bool
same_end(const struct ew_addr *a, uint16_t ap, const struct ew_addr *b, uint16_t bp)
{
	return ap == bp && ew_addr_equal(a, b);
}

/* As the kernel does: the tuple as seen may be either direction of the entry. */
static int
on_lookup(void *context, const struct ew_tuple *t, struct ew_nat_info *ret_nat)
{
	struct world *w = context;

	w->n_lookups++;
	for (size_t i = 0; i < w->n_conntrack; i++) {
		const struct ew_nat_info *n = &w->conntrack[i];

		if ((same_end(&t->src, t->sport, &n->orig_src, n->orig_sport) &&
			same_end(&t->dst, t->dport, &n->orig_dst, n->orig_dport)) ||
		    (same_end(&t->src, t->sport, &n->reply_dst, n->reply_dport) &&
			same_end(&t->dst, t->dport, &n->reply_src, n->reply_sport))) {
			*ret_nat = *n;
			return 0;
		}
	}
	return -2;
}

static void
on_reread(void *context, uint32_t host_ifindex)
{
	struct world *w = context;

	(void)host_ifindex;
	w->n_rereads++;
	if (w->has_reread)
		ew_identity_iface_addr(w->identity, &w->reread, false, ms(w->at_ms));
}

struct world *
world_new_conf(const struct ew_identity_conf *conf)
{
	struct world *w = ew_alloc(sizeof(*w));
	const struct ew_identity_sink sink = { .context = w,
		.contact = on_contact,
		.lifecycle = on_life,
		.point = on_point,
		.lease = on_lease,
		.lookup_nat = on_lookup,
		.read_addrs = on_reread };

	w->conf = *conf;
	w->identity = ew_identity_new(conf, &sink);
	ew_identity_runtime_gone(w->identity, "docker",
	    ms(0)); /* unless a test expects it */
	return w;
}

struct world *
world_new(enum ew_identity_mode mode)
{
	struct ew_identity_conf conf;

	ew_identity_conf_default(&conf);
	ew_text_copy(conf.node, sizeof(conf.node), "n1");
	conf.mode = (uint8_t)mode;
	conf.seed = 42;
	conf.max_flows = 4096;
	return world_new_conf(&conf);
}

void
world_free(struct world *w)
{
	ew_identity_free(w->identity);
	free(w);
}

struct ew_addr
addr(const char *text)
{
	struct ew_addr a;

	cr_assert_eq(ew_addr_parse(text, &a), 0, "%s", text);
	return a;
}

void
mac_of(const char *address, uint8_t ret_mac[6])
{
	const struct ew_addr a = addr(address);

	ret_mac[0] = 2;
	ret_mac[1] = 0x42;
	memcpy(ret_mac + 2, a.b + 12, 4);
}

void
bridge(struct world *w, uint32_t ifindex, const char *name, const char *cidr)
{
	struct ew_iface iface = { .ifindex = ifindex,
		.peer_nsid = -1,
		.kind = EW_IFACE_BRIDGE,
		.is_up = 1 };

	ew_text_copy(iface.name, sizeof(iface.name), name);
	ew_identity_iface(w->identity, &iface, false, ms(w->at_ms));
	if (!cidr)
		return;
	struct ew_iface_addr a = { .nsid = -1, .ifindex = ifindex };
	struct ew_prefix p;
	char text[64];

	ew_text_copy(text, sizeof(text), cidr);
	cr_assert_eq(ew_prefix_parse(text, &p), 0);
	*strchr(text, '/') = '\0';
	a.addr = addr(text);
	a.prefix_bits = p.bits;
	ew_identity_iface_addr(w->identity, &a, false, ms(w->at_ms));
}

void
veth(struct world *w, uint32_t ifindex, uint32_t master, int32_t nsid)
{
	struct ew_iface iface = { .ifindex = ifindex,
		.master = master,
		.peer_nsid = nsid,
		.peer_ifindex = 2,
		.kind = EW_IFACE_VETH,
		.is_up = 1 };

	snprintf(iface.name, sizeof(iface.name), "veth%u", ifindex);
	ew_identity_iface(w->identity, &iface, false, ms(w->at_ms));
}

void
veth_gone(struct world *w, uint32_t ifindex)
{
	const struct ew_iface iface = { .ifindex = ifindex };

	ew_identity_iface(w->identity, &iface, true, ms(w->at_ms));
}

void
inside(struct world *w, int32_t nsid, uint32_t host_ifindex, const char *address)
{
	struct ew_iface_addr a = { .nsid = nsid,
		.ifindex = 2,
		.host_ifindex = host_ifindex,
		.prefix_bits = 120,
		.addr = addr(address) };

	mac_of(address, a.mac);
	ew_identity_iface_addr(w->identity, &a, false, ms(w->at_ms));
}

void
inside_gone(struct world *w, int32_t nsid, const char *address)
{
	const struct ew_iface_addr a = { .nsid = nsid,
		.ifindex = 2,
		.addr = addr(address) };

	ew_identity_iface_addr(w->identity, &a, true, ms(w->at_ms));
}

void
ns_named(struct world *w, int32_t nsid, const char *name)
{
	struct ew_nsid_info info = { .nsid = nsid };

	ew_text_copy(info.name, sizeof(info.name), name);
	ew_identity_nsid(w->identity, &info, false, ms(w->at_ms));
}

void
ns_gone(struct world *w, int32_t nsid)
{
	const struct ew_nsid_info info = { .nsid = nsid };

	ew_identity_nsid(w->identity, &info, true, ms(w->at_ms));
}

void
network(struct world *w, const char *id, const char *name, const char *bridge_name,
    const char *subnet, const char *gateway)
{
	struct ew_network_info info = { .n_subnets = 1 };

	ew_text_copy(info.id, sizeof(info.id), id);
	ew_text_copy(info.name, sizeof(info.name), name);
	ew_text_copy(info.bridge, sizeof(info.bridge), bridge_name);
	cr_assert_eq(ew_prefix_parse(subnet, &info.subnets[0]), 0);
	if (gateway)
		info.gateways[info.n_gateways++] = addr(gateway);
	ew_identity_network(w->identity, &info, false, ms(w->at_ms));
}

struct ew_instance_info
container_info(const char *cid, const char *name, const char *net, const char *address)
{
	struct ew_instance_info info = { 0 };

	ew_text_copy(info.cid, sizeof(info.cid), cid);
	ew_text_copy(info.name, sizeof(info.name), name);
	ew_text_copy(info.image, sizeof(info.image), "img:1");
	ew_text_copy(info.runtime, sizeof(info.runtime), "docker");
	if (net && address) {
		ew_text_copy(info.ifaces[0].network, sizeof(info.ifaces[0].network),
		    net);
		info.ifaces[0].addrs[0] = addr(address);
		info.ifaces[0].n_addrs = 1;
		info.n_ifaces = 1;
	}
	return info;
}

void
container(struct world *w, const char *cid, const char *name, const char *net,
    const char *address)
{
	const struct ew_instance_info info = container_info(cid, name, net, address);

	ew_identity_instance(w->identity, &info, ms(w->at_ms));
}

struct ew_flow_event
syn(struct world *w, int64_t at_ms, const char *src, const char *dst, uint16_t dport,
    uint32_t on_veth)
{
	const uint64_t id = ++w->next_flow;
	struct ew_flow_event ev = { .kind = EW_FLOW_ATTEMPT,
		.flags = EW_FLOW_F_DIR_KNOWN,
		.ts_ns = ms(at_ms).ns,
		.first_ns = ms(at_ms).ns,
		.last_ns = ms(at_ms).ns,
		.flow_id = id,
		.tuple = { .src = addr(src),
		    .dst = addr(dst),
		    .sport = (uint16_t)(30000 + id % 30000),
		    .dport = dport,
		    .proto = 6 },
		.src_isn = (uint32_t)(1000 + id * 7919) };

	mac_of(src, ev.src_mac);
	if (on_veth) {
		ev.flags |= EW_FLOW_F_SRC_ON_VETH;
		ev.src_ifindex = on_veth;
	}
	return ev;
}

struct ew_flow_event
later(const struct ew_flow_event *first, enum ew_flow_kind kind, int64_t at_ms)
{
	struct ew_flow_event ev = *first;

	ev.kind = (uint8_t)kind;
	ev.ts_ns = ms(at_ms).ns;
	ev.last_ns = ev.ts_ns;
	return ev;
}

void
feed(struct world *w, const struct ew_flow_event *ev)
{
	const struct ew_mono now = { ev->ts_ns };

	ew_identity_feed(w->identity, ev, now);
}

void
tick(struct world *w, int64_t at_ms)
{
	w->at_ms = at_ms;
	ew_identity_tick(w->identity, ms(at_ms));
}

const struct seen_contact *
last(const struct world *w)
{
	cr_assert_gt(w->n_contacts, 0, "no contact left identity");
	return &w->contacts[w->n_contacts - 1];
}

void
expect_last(const struct world *w, const char *src, const char *dst)
{
	const struct seen_contact *c = last(w);

	cr_assert(strcmp(c->src, src) == 0 && strcmp(c->dst, dst) == 0,
	    "%s -> %s, not %s -> %s", c->src, c->dst, src, dst);
}

uint64_t
counter(const struct world *w, const char *name)
{
	const struct ew_counter_set set = ew_identity_counters(w->identity);

	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.counters[i].name, name) == 0)
			return ew_counter_value(&set, i);
	cr_assert_fail("no counter %s", name);
	return 0;
}
