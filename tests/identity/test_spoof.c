/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "identity/world.h"

static struct world *
shop(void)
{
	struct world *w = world_new(EW_IDENTITY_LIVE);

	bridge(w, 5, "br-shop", "172.18.0.1/24");
	network(w, "net1", "shop", "br-shop", "172.18.0.0/24", "172.18.0.1");
	veth(w, 12, 5, 1);
	inside(w, 1, 12, "172.18.0.2");
	veth(w, 14, 5, 2);
	inside(w, 2, 14, "172.18.0.3");
	container(w, "aaaa", "web", "net1", "172.18.0.2");
	container(w, "bbbb", "db", "net1", "172.18.0.3");
	w->at_ms = 10000;
	return w;
}

Test(spoof, tells_whose_address_and_mac_a_veth_borrows)
{
	static const struct {
		const char *what, *src, *mac_of;
		uint8_t spoof;
	} cases[] = {
		{ "itself", "172.18.0.2", "172.18.0.2", 0 },
		{ "an unused address", "172.18.0.99", "172.18.0.2", EW_SPOOF_ADDR },
		{ "a live neighbour", "172.18.0.3", "172.18.0.2",
		    EW_SPOOF_ADDR | EW_SPOOF_LIVE },
		{ "the gateway", "172.18.0.1", "172.18.0.2",
		    EW_SPOOF_ADDR | EW_SPOOF_LIVE },
		{ "an outside address", "203.0.113.7", "172.18.0.2", EW_SPOOF_ADDR },
		{ "a made-up MAC", "172.18.0.2", "9.9.9.9", EW_SPOOF_MAC },
		{ "a neighbour's MAC", "172.18.0.2", "172.18.0.3",
		    EW_SPOOF_MAC | EW_SPOOF_LIVE },
		{ "nobody yet (DAD)", "0.0.0.0", "172.18.0.2", 0 },
		{ "its own link-local", "fe80::42:acff:fe12:2", "172.18.0.2", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = shop();
		struct ew_flow_event ev =
		    syn(w, 10000, cases[i].src, "172.18.0.3", 80, 12);

		mac_of(cases[i].mac_of, ev.src_mac);
		feed(w, &ev);
		expect_last(w, "docker/web", "docker/db");
		cr_expect_eq(last(w)->spoof, cases[i].spoof, "%s: %u", cases[i].what,
		    last(w)->spoof);
		world_free(w);
	}
}

Test(spoof, reads_the_addresses_again_before_it_says_so)
{
	struct world *w = shop();

	w->has_reread = true;
	w->reread = (struct ew_iface_addr){ .nsid = 1,
		.ifindex = 2,
		.host_ifindex = 12,
		.prefix_bits = 120,
		.addr = addr("172.18.0.50") };
	const struct ew_flow_event ev =
	    syn(w, 10000, "172.18.0.50", "172.18.0.3", 80, 12);
	struct ew_flow_event own = ev;

	mac_of("172.18.0.2", own.src_mac);
	feed(w, &own);
	cr_expect_eq(w->n_rereads, 1);
	cr_expect_eq(last(w)->spoof, 0, "the container gave itself another address");
	/* At most once a second for one interface. */
	for (int i = 0; i < 10; i++) {
		struct ew_flow_event other =
		    syn(w, 10100 + i, "172.18.0.51", "172.18.0.3", 80, 12);

		feed(w, &other);
	}
	cr_expect_eq(w->n_rereads, 1);
	world_free(w);
}

Test(spoof, sees_through_an_address_taken_from_a_live_owner)
{
	struct world *w = shop();

	/* The container really configures its neighbour's address. */
	inside(w, 1, 12, "172.18.0.3");
	struct ew_flow_event ev = syn(w, 15000, "172.18.0.3", "172.18.0.1", 80, 12);

	mac_of("172.18.0.2", ev.src_mac);
	feed(w, &ev);
	tick(w, 15300);
	cr_expect_eq(last(w)->spoof & (EW_SPOOF_ADDR | EW_SPOOF_LIVE),
	    EW_SPOOF_ADDR | EW_SPOOF_LIVE);
	/* The owner is not accused. */
	const struct ew_flow_event owner =
	    syn(w, 16000, "172.18.0.3", "172.18.0.1", 80, 14);

	feed(w, &owner);
	tick(w, 16300);
	expect_last(w, "docker/db", "gateway/shop");
	cr_expect_eq(last(w)->spoof, 0);
	world_free(w);
}

Test(spoof, says_who_lies_in_arp_and_neighbour_discovery)
{
	struct world *w = shop();
	struct ew_flow_event arp = syn(w, 10000, "172.18.0.1", "172.18.0.3", 0, 12);

	arp.kind = EW_FLOW_ARP;
	arp.flow_id = 0;
	arp.tuple.proto = 0;
	arp.u.arp.op = 2;
	mac_of("172.18.0.2", arp.u.arp.sender_mac);
	mac_of("172.18.0.2", arp.src_mac);
	feed(w, &arp);
	cr_expect_str_eq(last(w)->src, "docker/web");
	cr_expect_eq(last(w)->spoof, EW_SPOOF_ADDR | EW_SPOOF_LIVE);
	/* arpspoof on its way out: the victim's real MAC from the wrong port. */
	mac_of("172.18.0.3", arp.u.arp.sender_mac);
	arp.tuple.src = addr("172.18.0.3");
	feed(w, &arp);
	cr_expect_eq(last(w)->spoof, EW_SPOOF_ADDR | EW_SPOOF_MAC | EW_SPOOF_LIVE);
	/* Its own announcement. */
	mac_of("172.18.0.2", arp.u.arp.sender_mac);
	arp.tuple.src = addr("172.18.0.2");
	feed(w, &arp);
	cr_expect_eq(last(w)->spoof, 0);
	world_free(w);
}

Test(spoof, accuses_nobody_where_it_has_no_proof)
{
	struct world *w = shop();
	/* Not seen on a veth; and a veth whose addresses nobody told. */
	struct ew_flow_event off = syn(w, 10000, "172.18.0.3", "172.18.0.2", 80, 0);

	mac_of("9.9.9.9", off.src_mac);
	feed(w, &off);
	cr_expect_eq(last(w)->spoof, 0);
	ns_named(w, 8, "quiet");
	veth(w, 30, 5, 8);
	const struct ew_flow_event quiet =
	    syn(w, 10001, "172.18.0.60", "172.18.0.2", 80, 30);

	feed(w, &quiet);
	expect_last(w, "netns/quiet", "docker/web");
	cr_expect_eq(last(w)->spoof, 0);
	world_free(w);
}
