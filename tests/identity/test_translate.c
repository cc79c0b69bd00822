/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "identity/world.h"

/*
 * Client 172.18.0.2 (veth 12), servers 172.18.0.3 and .4, bridge 5; the file has no time in
 * it. `live` adds netlink and conntrack.
 */
static struct world *
node(enum ew_identity_mode mode)
{
	struct world *w = world_new(mode);
	struct ew_instance_info db = container_info("bbbb", "db", "net1", "172.18.0.3");

	bridge(w, 5, "br-shop", "172.18.0.1/24");
	network(w, "net1", "shop", "br-shop", "172.18.0.0/24", "172.18.0.1");
	veth(w, 12, 5, 1);
	inside(w, 1, 12, "172.18.0.2");
	veth(w, 14, 5, 2);
	inside(w, 2, 14, "172.18.0.3");
	veth(w, 16, 5, 3);
	inside(w, 3, 16, "172.18.0.4");
	db.n_published = 1;
	db.published[0] =
	    (struct ew_published){ .host_addr = { { [10] = 0xff, [11] = 0xff } },
		    .host_port = 8080,
		    .port = 80,
		    .proto = 6 };
	container(w, "aaaa", "web", "net1", "172.18.0.2");
	ew_identity_instance(w->identity, &db, ms(0));
	container(w, "cccc", "cache", "net1", "172.18.0.4");
	const struct ew_addr host = addr("10.0.0.5");

	ew_identity_host_addr(w->identity, &host, false);
	return w;
}

/* What the host makes of a SYN: seen on the bridge, from the bridge's MAC. */
static struct ew_flow_event
copy_of(struct world *w, const struct ew_flow_event *first, int64_t at_ms,
    const char *src, const char *dst, uint16_t dport)
{
	struct ew_flow_event ev = syn(w, at_ms, src, dst, dport, 0);

	ev.src_isn = first->src_isn;
	ev.tuple.sport = first->tuple.sport;
	ev.src_ifindex = 5;
	mac_of("172.18.0.1", ev.src_mac);
	return ev;
}

static void
service(struct world *w, const char *address, uint16_t port, const char *one,
    const char *two)
{
	struct ew_service_info info = { .addr = addr(address),
		.port = port,
		.proto = 6,
		.n_backends = two ? 2 : 1 };

	snprintf(info.backends[0].cid, sizeof(info.backends[0].cid), "%s", one);
	info.backends[0].port = 5432;
	if (two)
		snprintf(info.backends[1].cid, sizeof(info.backends[1].cid), "%s", two);
	info.backends[1].port = 5432;
	ew_identity_service(w->identity, &info, false, ms(0));
}

Test(translate, joins_a_service_address_with_its_backend_by_equal_isns)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);

	service(w, "10.96.0.10", 5432, "bbbb", "cccc");
	const struct ew_flow_event vip =
	    syn(w, 100, "172.18.0.2", "10.96.0.10", 5432, 12);
	const struct ew_flow_event real =
	    copy_of(w, &vip, 101, "172.18.0.2", "172.18.0.4", 5432);
	const struct ew_flow_event up = later(&real, EW_FLOW_ESTABLISHED, 103);
	const struct ew_flow_event close = later(&vip, EW_FLOW_CLOSE, 500);

	feed(w, &vip);
	cr_expect_eq(w->n_contacts, 0, "waits for its other half");
	feed(w, &real);
	feed(w, &up);
	tick(w, 110);
	cr_assert_eq(w->n_contacts, 1, "the copy adds nothing");
	expect_last(w, "docker/web", "docker/cache");
	cr_expect_eq(last(w)->has_nat, EW_NAT_ISN);
	cr_expect_eq(last(w)->dst_end.attribution, EW_ATTR_CONNTRACK);
	cr_expect_eq(last(w)->edge_port, 5432);
	feed(w, &close);
	expect_last(w, "docker/web", "docker/cache");
	world_free(w);
}

Test(translate, folds_a_masqueraded_copy_into_the_clients_tuple)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);
	const struct ew_flow_event real =
	    syn(w, 100, "172.18.0.2", "172.18.0.3", 5432, 12);
	struct ew_flow_event masq =
	    copy_of(w, &real, 100, "172.18.0.1", "172.18.0.3", 5432);

	masq.tuple.sport = 61000;
	const struct ew_flow_event close = later(&masq, EW_FLOW_CLOSE, 900);

	feed(w, &real);
	feed(w, &masq);
	feed(w, &close);
	tick(w, 2000);
	cr_expect_eq(w->n_contacts, 1);
	expect_last(w, "docker/web", "docker/db");
	cr_expect_eq(counter(w, "identity_folded_isn"), 1);
	world_free(w);
}

Test(translate, folds_a_copy_that_was_seen_before_the_clients_packet)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);
	struct ew_flow_event real = syn(w, 101, "172.18.0.2", "172.18.0.3", 5432, 12);
	const struct ew_flow_event masq =
	    copy_of(w, &real, 100, "172.18.0.1", "172.18.0.3", 5432);

	feed(w, &masq);
	feed(w, &real);
	tick(w, 2000);
	cr_expect_eq(w->n_contacts, 1);
	expect_last(w, "docker/web", "docker/db");
	world_free(w);
}

/* Scanners send all SYNs with one sequence number: none may vanish in another. */
Test(translate, never_folds_a_scan_with_one_sequence_number)
{
	struct world *w = node(EW_IDENTITY_LIVE);
	static const char *const targets[] = { "172.18.0.1", "172.18.0.3", "172.18.0.4",
		"172.18.0.77", "10.0.0.5", "203.0.113.1" };

	service(w, "10.96.0.10", 80, "bbbb", "cccc");
	for (int on_veth = 0; on_veth < 2; on_veth++)
		for (size_t i = 0; i < 6; i++) {
			struct ew_flow_event ev = syn(w, 1000 + (int64_t)i,
			    "172.18.0.2", targets[i], 80, on_veth ? 12 : 0);

			ev.src_isn = 4242;
			ev.tuple.sport = 40000;
			feed(w, &ev);
		}
	tick(w, 5000);
	cr_expect_eq(w->n_contacts, 12);
	cr_expect_eq(counter(w, "identity_folded_isn"), 0);
	world_free(w);
}

Test(translate, takes_the_responder_from_conntrack_at_once)
{
	struct world *w = node(EW_IDENTITY_LIVE);

	w->conntrack[w->n_conntrack++] = (struct ew_nat_info){ .proto = 6,
		.orig_src = addr("172.18.0.2"),
		.orig_dst = addr("10.0.0.5"),
		.orig_dport = 30080,
		.reply_src = addr("172.18.0.4"),
		.reply_sport = 80,
		.reply_dst = addr("172.18.0.1") };
	struct ew_flow_event ev = syn(w, 1000, "172.18.0.2", "10.0.0.5", 30080, 12);
	struct ew_flow_event masq =
	    copy_of(w, &ev, 1000, "172.18.0.1", "172.18.0.4", 80);

	w->conntrack[0].orig_sport = ev.tuple.sport;
	w->conntrack[0].reply_dport = masq.tuple.sport = 61001;
	masq.src_isn++; /* a sequence-adjusting helper: only conntrack joins them */
	feed(w, &ev);
	expect_last(w, "docker/web", "docker/cache");
	cr_expect_eq(last(w)->has_nat, EW_NAT_TRANSLATED);
	cr_expect_eq(last(w)->edge_port, 80);
	cr_expect_eq(last(w)->nat_dst_port, 80);
	feed(w, &masq);
	tick(w, 3000);
	cr_expect_eq(w->n_contacts, 1);
	cr_expect_eq(counter(w, "identity_folded_nat"), 1);
	world_free(w);
}

Test(translate, names_a_client_behind_the_gateway_whose_packets_were_not_seen)
{
	struct world *w = node(EW_IDENTITY_LIVE);

	w->conntrack[w->n_conntrack++] = (struct ew_nat_info){ .proto = 6,
		.orig_src = addr("198.51.100.2"),
		.orig_sport = 51118,
		.orig_dst = addr("10.0.0.5"),
		.orig_dport = 8080,
		.reply_src = addr("172.18.0.3"),
		.reply_sport = 80,
		.reply_dst = addr("172.18.0.1"),
		.reply_dport = 61002 };
	struct ew_flow_event ev = syn(w, 1000, "172.18.0.1", "172.18.0.3", 80, 0);

	ev.tuple.sport = 61002;
	ev.src_ifindex = 5;
	feed(w, &ev);
	expect_last(w, "external/198.51.0.0/16", "docker/db");
	cr_expect_eq(last(w)->direction, EW_DIR_INBOUND);
	world_free(w);
}

Test(translate, resolves_a_published_port_and_folds_the_proxys_second_leg)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);
	const struct ew_flow_event one =
	    syn(w, 1000, "172.18.0.2", "172.18.0.1", 8080, 12);
	const struct ew_flow_event two =
	    syn(w, 1003, "172.18.0.1", "172.18.0.3", 80, 0);
	const struct ew_flow_event three =
	    syn(w, 1500, "172.18.0.1", "172.18.0.3", 80, 0);

	feed(w, &one);
	expect_last(w, "docker/web", "docker/db");
	cr_expect_eq(last(w)->has_nat, EW_NAT_PUBLISHED);
	cr_expect_eq(last(w)->edge_port, 80);
	cr_expect_eq(last(w)->server_port_known, 1);
	feed(w, &two);
	tick(w, 1400);
	cr_expect_eq(w->n_contacts, 1, "the second leg is not another connection");
	/* A health check of the host itself is one. */
	feed(w, &three);
	tick(w, 3000);
	cr_assert_eq(w->n_contacts, 2);
	expect_last(w, "gateway/shop", "docker/db");
	world_free(w);
}

Test(translate, calls_it_the_proxy_when_conntrack_says_it_is_not_translated)
{
	struct world *w = node(EW_IDENTITY_LIVE);
	struct ew_flow_event ev = syn(w, 1000, "172.18.0.2", "172.18.0.1", 8080, 12);

	w->conntrack[w->n_conntrack++] = (struct ew_nat_info){ .proto = 6,
		.orig_src = ev.tuple.src,
		.orig_sport = ev.tuple.sport,
		.orig_dst = ev.tuple.dst,
		.orig_dport = 8080,
		.reply_src = ev.tuple.dst,
		.reply_sport = 8080,
		.reply_dst = ev.tuple.src,
		.reply_dport = ev.tuple.sport };
	feed(w, &ev);
	expect_last(w, "docker/web", "docker/db");
	cr_expect_eq(last(w)->has_nat, EW_NAT_PROXY);
	world_free(w);
}

Test(translate, waits_for_the_ports_of_a_container_that_has_just_started)
{
	struct world *w = node(EW_IDENTITY_LIVE);
	struct ew_instance_info fresh =
	    container_info("dddd", "fresh", "net1", "172.18.0.7");
	struct ew_flow_event one = syn(w, 9300, "172.18.0.2", "172.18.0.1", 9090, 12);
	struct ew_flow_event two = syn(w, 9301, "172.18.0.1", "172.18.0.7", 90, 0);

	fresh.started = ms(9000);
	w->at_ms = 9000;
	veth(w, 18, 5, 7);
	inside(w, 7, 18, "172.18.0.7");
	ew_identity_instance(w->identity, &fresh, ms(9000));
	for (int i = 0; i < 2; i++) {
		const struct ew_tuple *t = i ? &two.tuple : &one.tuple;

		w->conntrack[w->n_conntrack++] = (struct ew_nat_info){ .proto = 6,
			.orig_src = t->src,
			.orig_sport = t->sport,
			.orig_dst = t->dst,
			.orig_dport = t->dport,
			.reply_src = t->dst,
			.reply_sport = t->dport,
			.reply_dst = t->src,
			.reply_dport = t->sport };
	}
	feed(w, &one);
	feed(w, &two);
	tick(w, 9500);
	cr_expect_eq(w->n_contacts, 0);
	fresh.n_published = 1;
	fresh.published[0] =
	    (struct ew_published){ .host_addr = { { [10] = 0xff, [11] = 0xff } },
		    .host_port = 9090,
		    .port = 90,
		    .proto = 6 };
	ew_identity_instance(w->identity, &fresh, ms(9600));
	tick(w, 9601);
	cr_assert_eq(w->n_contacts, 1);
	expect_last(w, "docker/web", "docker/fresh");
	cr_expect_eq(last(w)->has_nat, EW_NAT_PROXY);
	cr_expect_eq(counter(w, "identity_folded_proxy"), 1);
	world_free(w);
}

Test(translate, waits_200_ms_for_a_partner_and_then_says_gateway_or_service)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);
	static const struct {
		const char *dst;
		uint16_t port;
		const char *expected;
	} cases[] = {
		{ "172.18.0.1", 22, "gateway/shop" },
		{ "10.0.0.5", 22, "host/n1" },
		{ "10.96.0.10", 5432, "vip/10.96.0.10" },
	};

	service(w, "10.96.0.10", 5432, "bbbb", "cccc");
	for (size_t i = 0; i < 3; i++) {
		const int64_t at = 1000 + (int64_t)i * 1000;
		const struct ew_flow_event ev =
		    syn(w, at, "172.18.0.2", cases[i].dst, cases[i].port, 12);

		feed(w, &ev);
		tick(w, at + 199);
		cr_expect_eq(w->n_contacts, i);
		tick(w, at + 200);
		expect_last(w, "docker/web", cases[i].expected);
	}
	world_free(w);
}

Test(translate, resolves_a_service_with_one_backend_or_one_workload_without_a_partner)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);

	service(w, "10.96.0.11", 5432, "bbbb", NULL);
	const struct ew_flow_event ev =
	    syn(w, 1000, "172.18.0.2", "10.96.0.11", 5432, 12);

	feed(w, &ev);
	tick(w, 1300);
	expect_last(w, "docker/web", "docker/db");
	cr_expect_eq(last(w)->has_nat, EW_NAT_SERVICE);
	world_free(w);
}

Test(translate, takes_translations_from_the_file)
{
	struct world *w = node(EW_IDENTITY_INVENTORY);
	const struct ew_flow_event ev =
	    syn(w, 1000, "172.18.0.2", "172.18.0.1", 9000, 12);
	const struct ew_nat_info nat = { .from = ms(999),
		.to = ms(5000),
		.proto = 6,
		.orig_src = ev.tuple.src,
		.orig_sport = ev.tuple.sport,
		.orig_dst = ev.tuple.dst,
		.orig_dport = 9000,
		.reply_src = addr("172.18.0.4"),
		.reply_sport = 6379,
		.reply_dst = ev.tuple.src,
		.reply_dport = ev.tuple.sport };

	ew_identity_nat(w->identity, &nat, ms(0));
	feed(w, &ev);
	expect_last(w, "docker/web", "docker/cache");
	cr_expect_eq(last(w)->edge_port, 6379);
	world_free(w);
}
