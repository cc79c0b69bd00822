/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "identity/world.h"

/* Two containers on one Docker network, seen by netlink and told by the engine. */
static struct world *
shop(void)
{
	struct world *w = world_new(EW_IDENTITY_LIVE);

	ew_identity_runtime_expected(w->identity, "docker");
	bridge(w, 5, "br-shop", "172.18.0.1/24");
	network(w, "net1", "shop", "br-shop", "172.18.0.0/24", "172.18.0.1");
	veth(w, 12, 5, 1);
	inside(w, 1, 12, "172.18.0.2");
	veth(w, 14, 5, 2);
	inside(w, 2, 14, "172.18.0.3");
	container(w, "aaaa", "web", "net1", "172.18.0.2");
	container(w, "bbbb", "db", "net1", "172.18.0.3");
	ew_identity_inventory_complete(w->identity, "docker", ms(0));
	w->at_ms = 1000;
	return w;
}

Test(bind, names_both_ends_the_source_by_its_veth)
{
	struct world *w = shop();
	const struct ew_flow_event ev =
	    syn(w, 1000, "172.18.0.2", "172.18.0.3", 5432, 12);

	feed(w, &ev);
	expect_last(w, "docker/web", "docker/db");
	cr_expect_eq(last(w)->src_end.attribution, EW_ATTR_VETH);
	cr_expect_eq(last(w)->dst_end.attribution, EW_ATTR_LEASE);
	cr_expect_eq(last(w)->direction, EW_DIR_LATERAL);
	cr_expect_eq(last(w)->edge_port, 5432);
	cr_expect_eq(last(w)->spoof, 0);
	world_free(w);
}

Test(bind, holds_a_flow_to_its_first_binding_until_it_closes)
{
	struct world *w = shop();
	const struct ew_flow_event ev =
	    syn(w, 1000, "172.18.0.2", "172.18.0.3", 5432, 12);

	feed(w, &ev);
	/* The address moves to another container while the flow is open. */
	w->at_ms = 2000;
	ew_identity_instance_gone(w->identity, "bbbb", ms(2000));
	veth_gone(w, 14);
	ns_gone(w, 2);
	w->at_ms = 2500;
	veth(w, 16, 5, 2);
	inside(w, 2, 16, "172.18.0.3");
	container(w, "cccc", "new", "net1", "172.18.0.3");
	const struct ew_flow_event more = later(&ev, EW_FLOW_UPDATE, 3000);
	const struct ew_flow_event close = later(&ev, EW_FLOW_CLOSE, 9000);

	feed(w, &more);
	expect_last(w, "docker/web", "docker/db");
	feed(w, &close);
	expect_last(w, "docker/web", "docker/db");
	const struct ew_flow_event next =
	    syn(w, 9001, "172.18.0.2", "172.18.0.3", 5432, 12);

	feed(w, &next);
	expect_last(w, "docker/web", "docker/new");
	world_free(w);
}

Test(bind, binds_backwards_when_the_name_comes_after_the_container_died)
{
	struct world *w = shop();

	w->at_ms = 2000;
	veth(w, 20, 5, 7);
	inside(w, 7, 20, "172.18.0.9");
	const struct ew_flow_event ev =
	    syn(w, 2001, "172.18.0.9", "172.18.0.3", 5432, 20);
	const struct ew_flow_event close = later(&ev, EW_FLOW_CLOSE, 2040);

	feed(w, &ev);
	feed(w, &close);
	w->at_ms = 2050;
	veth_gone(w, 20);
	ns_gone(w, 7);
	tick(w, 4000);
	cr_expect_eq(w->n_contacts, 0, "nothing leaves before the name");
	struct ew_instance_info late =
	    container_info("dddd", "job", "net1", "172.18.0.9");

	late.started = ms(1990);
	late.stopped = ms(2050);
	ew_identity_instance(w->identity, &late, ms(4000));
	tick(w, 4001);
	cr_assert_eq(w->n_contacts, 2);
	cr_expect_str_eq(w->contacts[0].src, "docker/job");
	cr_expect_eq(w->contacts[0].kind, EW_FLOW_ATTEMPT);
	cr_expect_eq(w->contacts[1].kind, EW_FLOW_CLOSE);
	cr_expect_eq(w->contacts[0].src_end.attribution, EW_ATTR_VETH);
	world_free(w);
}

Test(bind, waits_ten_seconds_for_a_name_and_then_calls_it_a_ghost)
{
	struct world *w = shop();

	w->at_ms = 2000;
	veth(w, 20, 5, 7);
	inside(w, 7, 20, "172.18.0.9");
	const struct ew_flow_event ev =
	    syn(w, 2001, "172.18.0.9", "172.18.0.3", 5432, 20);

	feed(w, &ev);
	tick(w, 11900);
	cr_expect_eq(w->n_contacts, 0);
	tick(w, 12000);
	expect_last(w, "ghost/shop", "docker/db");
	cr_expect_eq(last(w)->src_class, EW_PEER_GHOST);
	/* The next flow of the same namespace does not wait again. */
	const struct ew_flow_event next =
	    syn(w, 12100, "172.18.0.9", "172.18.0.3", 5432, 20);

	feed(w, &next);
	cr_expect_eq(w->n_contacts, 2);
	world_free(w);
}

Test(bind, says_unresolved_not_ghost_while_the_engine_has_not_answered)
{
	struct world *w = world_new(EW_IDENTITY_LIVE);

	ew_identity_runtime_expected(w->identity, "docker");
	bridge(w, 5, "br-shop", "172.18.0.1/24");
	network(w, "net1", "shop", "br-shop", "172.18.0.0/24", "172.18.0.1");
	veth(w, 12, 5, 1);
	inside(w, 1, 12, "172.18.0.2");
	const struct ew_flow_event ev = syn(w, 10, "172.18.0.2", "172.18.0.1", 80, 12);

	feed(w, &ev);
	tick(w, 30000);
	cr_expect_str_eq(last(w)->src, "unresolved");
	cr_expect_eq(last(w)->src_end.attribution, EW_ATTR_VETH);
	world_free(w);
}

Test(bind, keeps_the_events_of_a_waiting_flow_in_order)
{
	struct world *w = shop();
	static const uint8_t kinds[] = { EW_FLOW_ATTEMPT, EW_FLOW_ESTABLISHED,
		EW_FLOW_PAYLOAD, EW_FLOW_UPDATE, EW_FLOW_CLOSE };

	w->at_ms = 2000;
	veth(w, 20, 5, 7);
	inside(w, 7, 20, "172.18.0.9");
	const struct ew_flow_event a =
	    syn(w, 2001, "172.18.0.9", "172.18.0.3", 5432, 20);
	const struct ew_flow_event b = syn(w, 2001, "172.18.0.9", "172.18.0.2", 80, 20);

	for (size_t i = 0; i < 5; i++) {
		const struct ew_flow_event ea = later(&a, kinds[i], 2001 + (int64_t)i);
		const struct ew_flow_event eb = later(&b, kinds[i], 2001 + (int64_t)i);

		feed(w, &ea);
		feed(w, &eb);
	}
	container(w, "dddd", "job", "net1", "172.18.0.9");
	tick(w, 2100);
	cr_assert_eq(w->n_contacts, 10);
	for (size_t i = 0; i < 5; i++) {
		cr_expect_eq(w->contacts[i].kind, kinds[i]);
		cr_expect_eq(w->contacts[i].flow_id, a.flow_id);
		cr_expect_eq(w->contacts[5 + i].kind, kinds[i]);
		cr_expect_eq(w->contacts[5 + i].flow_id, b.flow_id);
	}
	cr_expect_eq(counter(w, "identity_waiting"), 0);
	cr_expect_eq(counter(w, "identity_flows"), 0);
	world_free(w);
}

Test(bind, decides_at_once_when_too_many_events_wait)
{
	struct ew_identity_conf conf;

	ew_identity_conf_default(&conf);
	conf.mode = EW_IDENTITY_LIVE;
	conf.max_waiting = 3;
	struct world *w = world_new_conf(&conf);

	ew_identity_runtime_expected(w->identity, "docker");
	bridge(w, 5, "br-shop", "172.18.0.1/24");
	network(w, "net1", "shop", "br-shop", "172.18.0.0/24", "172.18.0.1");
	veth(w, 20, 5, 7);
	inside(w, 7, 20, "172.18.0.9");
	for (int i = 0; i < 5; i++) {
		const struct ew_flow_event ev =
		    syn(w, 10 + i, "172.18.0.9", "172.18.0.1", 80, 20);

		feed(w, &ev);
	}
	cr_expect_eq(w->n_contacts, 2);
	cr_expect_str_eq(last(w)->src, "unresolved");
	cr_expect_eq(counter(w, "identity_wait_refused"), 2);
	ew_identity_finish(w->identity, ms(20));
	cr_expect_eq(w->n_contacts, 5);
	world_free(w);
}

Test(bind, knows_dark_from_the_last_owner_and_from_the_outside)
{
	struct world *w = shop();

	w->at_ms = 2000;
	ew_identity_instance_gone(w->identity, "bbbb", ms(2000));
	veth_gone(w, 14);
	ns_gone(w, 2);
	static const struct {
		const char *dst, *expected;
		uint8_t cls, tombstone;
	} cases[] = {
		{ "172.18.0.77", "dark/shop", EW_PEER_DARK, 0 },
		{ "172.18.0.3", "docker/db", EW_PEER_WORKLOAD, 1 },
		{ "172.18.0.1", "gateway/shop", EW_PEER_GATEWAY, 0 },
		{ "172.18.0.255", "multicast", EW_PEER_MULTICAST, 0 },
		{ "224.0.0.251", "multicast", EW_PEER_MULTICAST, 0 },
		{ "203.0.113.9", "external/203.0.0.0/16", EW_PEER_EXTERNAL, 0 },
		{ "10.9.9.9", "external/10.9.0.0/16", EW_PEER_EXTERNAL, 0 },
		{ "2001:db8::1", "external/2001:db8::/32", EW_PEER_EXTERNAL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int64_t at = 10000 + (int64_t)i * 1000;
		const struct ew_flow_event ev =
		    syn(w, at, "172.18.0.2", cases[i].dst, 80, 12);

		feed(w, &ev);
		tick(w, at + 200);
		cr_expect_str_eq(last(w)->dst, cases[i].expected, "%s: %s",
		    cases[i].dst, last(w)->dst);
		cr_expect_eq(last(w)->dst_class, cases[i].cls, "%s", cases[i].dst);
		cr_expect_eq(last(w)->dst_end.is_tombstone, cases[i].tombstone, "%s",
		    cases[i].dst);
	}
	/* A day later the address is nobody's. */
	const int64_t day = 2000 + INT64_C(24) * 3600 * 1000 + 1;
	const struct ew_flow_event ev = syn(w, day, "172.18.0.2", "172.18.0.3", 80, 12);

	feed(w, &ev);
	tick(w, day + 200);
	expect_last(w, "docker/web", "dark/shop");
	world_free(w);
}

Test(bind, gives_a_dark_address_200_ms_to_become_somebodys)
{
	struct world *w = shop();
	const struct ew_flow_event ev =
	    syn(w, 2000, "172.18.0.2", "172.18.0.9", 80, 12);

	feed(w, &ev);
	tick(w, 2199);
	cr_expect_eq(w->n_contacts, 0);
	w->at_ms = 2150;
	veth(w, 20, 5, 7);
	inside(w, 7, 20, "172.18.0.9");
	container(w, "dddd", "late", "net1", "172.18.0.9");
	tick(w, 2200);
	expect_last(w, "docker/web", "docker/late");
	world_free(w);
}

Test(bind, believes_the_veth_that_answers_when_an_address_changes_hands)
{
	struct world *w = shop();

	/* The old owner's end is heard after the new owner's packets. */
	w->at_ms = 2010;
	ns_gone(w, 2);
	veth_gone(w, 14);
	ew_identity_instance_gone(w->identity, "bbbb", ms(2010));
	const struct ew_flow_event ev =
	    syn(w, 2005, "172.18.0.2", "172.18.0.3", 5432, 12);
	struct ew_flow_event answer = later(&ev, EW_FLOW_ESTABLISHED, 2020);

	w->at_ms = 2015;
	veth(w, 16, 5, 2);
	inside(w, 2, 16, "172.18.0.3");
	container(w, "cccc", "new", "net1", "172.18.0.3");
	feed(w, &ev);
	cr_expect_eq(w->n_contacts, 0, "two owners within a second: wait");
	answer.flags |= EW_FLOW_F_DST_ON_VETH;
	answer.dst_ifindex = 16;
	feed(w, &answer);
	cr_assert_eq(w->n_contacts, 2);
	cr_expect_str_eq(w->contacts[0].dst, "docker/new");
	cr_expect_eq(w->contacts[0].dst_end.attribution, EW_ATTR_VETH);
	world_free(w);
}

Test(bind, calls_a_namespace_without_a_runtime_by_its_name)
{
	struct world *w = world_new(EW_IDENTITY_LIVE);

	bridge(w, 5, "br0", "10.77.0.1/24");
	ns_named(w, 3, "web");
	veth(w, 12, 5, 3);
	inside(w, 3, 12, "10.77.0.2");
	veth(w, 14, 5, 4);
	inside(w, 4, 14, "10.77.0.3");
	const struct ew_flow_event ev = syn(w, 100, "10.77.0.2", "10.77.0.3", 80, 12);

	feed(w, &ev);
	expect_last(w, "netns/web", "netns/4");
	/* Made anew, it is another instance of the same workload. */
	const uint32_t before = last(w)->src_end.instance;

	w->at_ms = 200;
	veth_gone(w, 12);
	ns_gone(w, 3);
	ns_named(w, 3, "web");
	veth(w, 22, 5, 3);
	inside(w, 3, 22, "10.77.0.2");
	const struct ew_flow_event again =
	    syn(w, 3000, "10.77.0.2", "10.77.0.3", 80, 22);

	feed(w, &again);
	expect_last(w, "netns/web", "netns/4");
	cr_expect_neq(last(w)->src_end.instance, before);
	world_free(w);
}

/* On its way out a veth is told once more, without the namespace that is already gone. */
Test(bind, keeps_the_name_of_a_namespace_that_goes_before_its_veth)
{
	struct world *w = world_new(EW_IDENTITY_LIVE);

	bridge(w, 5, "br0", "10.77.0.1/24");
	ns_named(w, 4, "web");
	veth(w, 12, 5, 4);
	inside(w, 4, 12, "10.77.0.2");
	w->at_ms = 100;
	ns_gone(w, 4);
	veth(w, 12, 5, -1);
	const struct ew_flow_event ev = syn(w, 90, "10.77.0.2", "203.0.113.1", 80, 12);

	feed(w, &ev);
	expect_last(w, "netns/web", "external/203.0.0.0/16");
	world_free(w);
}

Test(bind, without_any_inventory_private_addresses_are_workloads)
{
	struct world *w = world_new(EW_IDENTITY_BARE);
	static const char *const cases[][3] = {
		{ "10.0.0.1", "10.0.0.2", "ip/10.0.0.2" },
		{ "10.0.0.1", "192.168.3.4", "ip/192.168.3.4" },
		{ "10.0.0.1", "fd00::1", "ip/fd00::1" },
		{ "10.0.0.1", "fe80::1", "ip/fe80::1" },
		{ "10.0.0.1", "8.8.8.8", "external/8.8.0.0/16" },
		{ "10.0.0.1", "239.1.1.1", "multicast" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ew_flow_event ev =
		    syn(w, 10, cases[i][0], cases[i][1], 80, 0);

		feed(w, &ev);
		expect_last(w, "ip/10.0.0.1", cases[i][2]);
	}
	cr_expect_eq(counter(w, "identity_waited"), 0);
	world_free(w);
}

Test(bind, says_ambiguous_for_a_namespace_shared_by_different_workloads)
{
	struct world *w = shop();
	struct ew_instance_info guest = container_info("eeee", "sidecar", NULL, NULL);

	memcpy(guest.netns_of, "aaaa", 5);
	ew_identity_instance(w->identity, &guest, ms(1000));
	const struct ew_flow_event ev =
	    syn(w, 1500, "172.18.0.2", "172.18.0.3", 5432, 12);

	feed(w, &ev);
	expect_last(w, "docker/web", "docker/db");
	cr_expect_eq(last(w)->src_end.attribution, EW_ATTR_AMBIGUOUS);
	struct ew_lease lease;
	const struct ew_addr a = addr("172.18.0.2");

	cr_assert_eq(ew_identity_who(w->identity, &a, ms(1500), &lease, 1), 1);
	cr_expect_eq(lease.n_members, 2);
	world_free(w);
}

Test(bind, tells_what_a_source_learned_from_dns)
{
	struct world *w = shop();
	struct ew_flow_event dns = syn(w, 1000, "172.18.0.2", "172.18.0.1", 53, 12);

	dns.kind = EW_FLOW_DNS;
	dns.tuple.proto = 17;
	dns.u.dns.is_answer = 1;
	dns.u.dns.ttl_s = 60;
	dns.u.dns.n_addrs = 1;
	dns.u.dns.addrs[0] = addr("203.0.113.9");
	feed(w, &dns);
	static const struct {
		int64_t at;
		const char *dst;
		uint8_t resolved;
	} cases[] = {
		{ 2000, "203.0.113.9", 1 },
		{ 2000, "203.0.113.10", 0 },
		{ 2000, "172.18.0.3", 2 }, /* the engine answers its own names unseen */
		{ 2000 + 120 * 1000, "203.0.113.9", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ew_flow_event ev =
		    syn(w, cases[i].at, "172.18.0.2", cases[i].dst, 443, 12);

		feed(w, &ev);
		cr_expect_eq(last(w)->resolved, cases[i].resolved, "%s: %u",
		    cases[i].dst, last(w)->resolved);
	}
	world_free(w);
}

Test(bind, marks_the_startup_phase_until_the_first_client_and_a_little_longer)
{
	struct world *w = shop();
	struct ew_instance_info info =
	    container_info("ffff", "app", "net1", "172.18.0.5");

	info.started = ms(10000);
	w->at_ms = 10000;
	veth(w, 30, 5, 9);
	inside(w, 9, 30, "172.18.0.5");
	ew_identity_instance(w->identity, &info, ms(10000));
	static const struct {
		int64_t s;
		uint8_t in_startup;
	} cases[] = { { 1, 1 }, { 119, 1 }, { 121, 0 } };

	for (size_t i = 0; i < 3; i++) {
		const struct ew_flow_event ev = syn(w, 10000 + cases[i].s * 1000,
		    "172.18.0.5", "172.18.0.3", 5432, 30);

		feed(w, &ev);
		cr_expect_eq(last(w)->src_end.in_startup, cases[i].in_startup, "%ld s",
		    (long)cases[i].s);
		cr_expect_eq(last(w)->dst_end.in_startup, 0);
	}
	const struct ew_flow_event in =
	    syn(w, 10000 + 200 * 1000, "172.18.0.2", "172.18.0.5", 80, 12);
	const struct ew_flow_event up =
	    later(&in, EW_FLOW_ESTABLISHED, 10000 + 200 * 1000);

	feed(w, &in);
	feed(w, &up);
	const struct ew_flow_event soon =
	    syn(w, 10000 + 229 * 1000, "172.18.0.5", "172.18.0.3", 1, 30);
	const struct ew_flow_event over =
	    syn(w, 10000 + 231 * 1000, "172.18.0.5", "172.18.0.3", 1, 30);

	feed(w, &soon);
	cr_expect_eq(last(w)->src_end.in_startup, 1);
	feed(w, &over);
	cr_expect_eq(last(w)->src_end.in_startup, 0);
	world_free(w);
}

Test(bind, opens_a_change_window_with_a_new_revision)
{
	struct world *w = shop();
	struct ew_instance_info one = container_info("a1", "app", "net1", "172.18.0.5");
	struct ew_instance_info two = container_info("a2", "app", "net1", "172.18.0.6");

	one.spec_hash = 1;
	two.spec_hash = 2;
	ew_identity_instance(w->identity, &one, ms(1000));
	const struct ew_flow_event before =
	    syn(w, 1001, "172.18.0.5", "172.18.0.3", 1, 0);

	feed(w, &before);
	cr_expect_eq(last(w)->src_end.in_change_window, 0);
	ew_identity_instance(w->identity, &two, ms(60000));
	cr_expect_eq(w->lives[w->n_lives - 1].kind, EW_LIFE_SPEC_CHANGE);
	const struct ew_flow_event in = syn(w, 61000, "172.18.0.6", "172.18.0.3", 1, 0);
	const struct ew_flow_event after =
	    syn(w, 60000 + 1801 * 1000, "172.18.0.6", "172.18.0.3", 1, 0);

	feed(w, &in);
	cr_expect_eq(last(w)->src_end.in_change_window, 1);
	feed(w, &after);
	cr_expect_eq(last(w)->src_end.in_change_window, 0);
	world_free(w);
}

Test(bind, tells_observation_points_with_their_domain)
{
	struct world *w = world_new(EW_IDENTITY_LIVE);

	bridge(w, 5, "br0", NULL);
	veth(w, 12, 5, 3);
	cr_assert_eq(w->n_points, 2);
	cr_expect_eq(w->points[1].kind, EW_IFACE_VETH);
	cr_expect_eq(w->points[1].domain, 5, "the host has no address there");
	struct ew_iface_addr a = { .nsid = -1,
		.ifindex = 5,
		.prefix_bits = 120,
		.addr = addr("10.77.0.1") };

	ew_identity_iface_addr(w->identity, &a, false, ms(1));
	cr_assert_eq(w->n_points, 4, "both told again");
	cr_expect_eq(w->points[2].domain, 0);
	cr_expect_eq(w->points[3].domain, 0);
	veth_gone(w, 12);
	cr_expect(w->points[4].removed);
	world_free(w);
}

Test(bind, forgets_the_flow_heard_of_least_recently_when_full)
{
	struct ew_identity_conf conf;

	ew_identity_conf_default(&conf);
	conf.max_flows = 8;
	struct world *w = world_new_conf(&conf);
	struct ew_flow_event first = { 0 };

	for (int i = 0; i < 20; i++) {
		const struct ew_flow_event ev =
		    syn(w, i, "10.0.0.1", "10.0.0.2", 80, 0);

		if (i == 0)
			first = ev;
		feed(w, &ev);
	}
	cr_expect_eq(counter(w, "identity_flows"), 8);
	cr_expect_eq(counter(w, "identity_flows_unremembered"), 12);
	const struct ew_flow_event close = later(&first, EW_FLOW_CLOSE, 30);

	feed(w, &close);
	expect_last(w, "ip/10.0.0.1", "ip/10.0.0.2");
	world_free(w);
}
