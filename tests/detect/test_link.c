/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/counter.h"
#include "detect/watch.h"

/* detectors.md 3.9 to 3.12: what happens on the link. */

static struct watch x;
static struct ew_workload *web, *api, *db, *dark, *node;
static struct act a;

static void
setup(void)
{
	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
	dark = world_peer(&x.w, "dark/shop", EW_PEER_DARK);
	node = world_peer(&x.w, "host/n1", EW_PEER_NODE);
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&x.w, habits, 2, 2 * DAY, HOUR);
}

static void
teardown(void)
{
	watch_fini(&x);
}

TestSuite(link, .init = setup, .fini = teardown);

static void
arp_event(struct ew_workload *src, struct ew_workload *dst, unsigned target,
    uint16_t op, uint8_t answered)
{
	world_flow(&x.w, &a, src, dst, 0);
	a.ev.flow_id = 0;
	a.ev.tuple.proto = 0;
	a.ev.tuple.dst = world_addr(20000 + target);
	a.ev.u.arp.op = op;
	a.ev.u.arp.answered = answered;
}

Test(link, eight_unanswered_targets_in_a_minute_are_a_sweep)
{
	for (unsigned i = 0; i < 7; i++) {
		arp_event(web, db, i, 1,
		    2); /* live class: the scan walk takes no part */
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_null(watch_last(&x, "arp-sweep"));
	arp_event(web, db, 7, 1, 2);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ARP), 1);
	cr_assert_eq(watch_last(&x, "arp-sweep")->score, 60);
}

Test(link, the_same_target_counts_once_and_old_ones_do_not)
{
	for (unsigned i = 0; i < 30; i++) {
		arp_event(web, db, i % 7, 1, 2);
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	x.w.now.ns += 2 * MINUTE;
	for (unsigned i = 0; i < 30; i++) {
		x.w.now.ns += 10 * EW_NS_PER_S;
		arp_event(web, db, 100 + i, 1, 2);
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_null(watch_last(&x, "arp-sweep"));
}

Test(link, twentyfour_answered_strangers_are_a_sweep)
{
	for (unsigned i = 0; i < 24; i++) {
		cr_assert_null(watch_last(&x, "arp-sweep"));
		arp_event(web, db, i, 1, 1);
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_not_null(watch_last(&x, "arp-sweep"));
}

Test(link, known_peers_are_no_strangers)
{
	for (unsigned i = 0; i < 40; i++) {
		arp_event(web, api, i, 1, 1);
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_eq(x.n_seen, 0);
}

Test(link, sixteen_dark_targets_in_a_day_are_a_sweep)
{
	for (unsigned i = 0; i < 16; i++) {
		cr_assert_null(watch_last(&x, "arp-sweep"), "at %u", i);
		arp_event(web, dark, i, 1, 2);
		watch_feed(&x, &a, EW_FLOW_ARP);
		x.w.now.ns += HOUR;
	}
	cr_assert_not_null(watch_last(&x, "arp-sweep"));
}

Test(link, the_node_may_ask_for_everybody)
{
	for (unsigned i = 0; i < 100; i++) {
		arp_event(node, db, i, 1, 2);
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_null(watch_last(&x, "arp-sweep"));
}

Test(link, claiming_a_live_address_is_85_at_once)
{
	arp_event(web, db, 1, 2, 0);
	a.c.spoof = EW_SPOOF_ADDR | EW_SPOOF_LIVE;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ARP), 1);
	const struct ew_signal *s = watch_last(&x, "arp-spoof");
	cr_assert_eq(s->score, 85);
	cr_assert_eq(s->tactic, EW_TACTIC_CREDENTIAL);
	struct ew_workload_view v;
	ew_graph_view(x.w.graph, web, x.w.now, &v);
	cr_assert(v.is_quarantined);
}

Test(link, claiming_a_free_address_is_50_at_the_third)
{
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(x.n_seen, 0);
		arp_event(web, db, 1, 2, 0);
		a.c.spoof = EW_SPOOF_ADDR;
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_eq(watch_last(&x, "arp-spoof")->score, 50);
}

Test(link, repeated_replies_are_evidence)
{
	for (int i = 0; i < 6; i++) {
		arp_event(web, db, 1, 2, 0);
		a.c.spoof = EW_SPOOF_ADDR | EW_SPOOF_LIVE;
		a.ev.u.arp.unsolicited = 1;
		watch_feed(&x, &a, EW_FLOW_ARP);
		x.w.now.ns += 2 * EW_NS_PER_S;
	}
	cr_assert_not_null(strstr(watch_last(&x, "arp-spoof")->evidence, "cadence"));
	cr_assert_eq(watch_count(&x, "arp-spoof"), 1);
}

Test(link, a_virtual_address_may_move)
{
	web->labels = EW_LABEL_VIP;
	arp_event(web, db, 1, 2, 0);
	a.c.spoof = EW_SPOOF_ADDR | EW_SPOOF_LIVE;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ARP), 0);
}

Test(link, a_foreign_neighbour_advertisement_is_ndp_spoof)
{
	arp_event(web, db, 1, 0, 0);
	memset(&a.ev.u, 0, sizeof(a.ev.u));
	a.ev.u.ndp.type = 136;
	a.c.spoof = EW_SPOOF_ADDR | EW_SPOOF_LIVE;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_NDP), 1);
	cr_assert_not_null(watch_last(&x, "ndp-spoof"));
	a.ev.u.ndp.type = 135; /* a solicitation claims nothing */
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_NDP), 0);
}

Test(link, a_router_advertisement_or_dhcp_offer_is_80)
{
	world_flow(&x.w, &a, web, db, 0);
	a.ev.u.ndp.type = 134;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_NDP), 1);
	cr_assert_eq(x.seen[0].score, 80);
	memset(&a.ev.u, 0, sizeof(a.ev.u));
	a.ev.u.dhcp.op = 1;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_DHCP), 0);
	a.ev.u.dhcp.op = 2;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_DHCP), 1);
	cr_assert_eq(watch_count(&x, "l2-rogue"), 2);
	web->labels = EW_LABEL_ROUTER;
}

static unsigned
answer(const char *name, uint8_t kind)
{
	world_flow(&x.w, &a, web, db, 5355);
	a.ev.u.dns.kind = kind;
	a.ev.u.dns.is_answer = 1;
	snprintf(a.ev.u.dns.name, sizeof(a.ev.u.dns.name), "%s", name);
	return watch_feed(&x, &a, EW_FLOW_DNS);
}

Test(link, answering_for_two_foreign_names_is_80)
{
	struct ew_instance own = { .id = web->id * 100, .workload = web };
	const struct ew_lifecycle life = { .kind = EW_LIFE_INSTANCE_START,
		.at = x.w.now,
		.workload = web,
		.instance = &own };

	snprintf(own.hostname, sizeof(own.hostname), "web-1");
	ew_detect_lifecycle(x.detect, &life, x.w.now);
	cr_assert_eq(answer("web-1.local", 1), 0);	       /* its own */
	cr_assert_eq(answer("printer._ipp._tcp.local", 1), 0); /* a service */
	cr_assert_eq(answer("fileserver", 2), 0);
	cr_assert_eq(answer("fileserver", 2), 0); /* the same again */
	cr_assert_eq(answer("intranet", 2), 1);
	cr_assert_eq(watch_last(&x, "l2-rogue")->score, 80);
}

Test(link, the_first_llmnr_question_is_a_row)
{
	world_flow(&x.w, &a, web, db, 5355);
	a.ev.u.dns.kind = 2;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_DNS), 1);
	cr_assert_eq(x.seen[0].score, 30);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_DNS), 0);
}

Test(link, posing_as_a_live_workload_is_75_at_the_first_packet)
{
	world_flow(&x.w, &a, web, db, 80);
	a.c.spoof = EW_SPOOF_ADDR | EW_SPOOF_LIVE;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	cr_assert_eq(watch_last(&x, "source-spoof")->score, 75);
}

Test(link, random_sources_are_60_at_the_third)
{
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_null(watch_last(&x, "source-spoof"));
		world_flow(&x.w, &a, web, db, 80);
		a.ev.tuple.src = world_addr(30000 + i);
		a.c.spoof = EW_SPOOF_ADDR;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	}
	cr_assert_eq(watch_last(&x, "source-spoof")->score, 60);
}

Test(link, routers_forward_for_others)
{
	web->labels = EW_LABEL_ROUTER;
	world_flow(&x.w, &a, web, db, 80);
	a.c.spoof = EW_SPOOF_ADDR | EW_SPOOF_LIVE;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	cr_assert_null(watch_last(&x, "source-spoof"));
}

Test(link, a_ghost_is_told_after_thirty_seconds)
{
	struct ew_workload *ghost = world_peer(&x.w, "ghost/shop", EW_PEER_GHOST);

	for (int i = 0; i < 3; i++) {
		world_flow(&x.w, &a, ghost, db, 5432);
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		cr_assert_null(watch_last(&x, "ghost"));
		x.w.now.ns += 10 * EW_NS_PER_S;
	}
	world_flow(&x.w, &a, ghost, db, 5432);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	cr_assert_eq(watch_last(&x, "ghost")->score, 60);
}

Test(link, a_flood_of_sources_evicts_and_is_counted)
{
	for (uint32_t i = 0; i < 5000; i++) {
		arp_event(web, db, i, 1, 2);
		a.c.src.instance = 50000 + i;
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	struct ew_counter_set set = ew_detect_counters(x.detect);
	uint64_t refused = 0;
	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.counters[i].name, "detect_state_refused") == 0)
			refused = ew_counter_value(&set, i);
	cr_assert_gt(refused, 1000);
	/* and it still works */
	for (unsigned i = 0; i < 8; i++) {
		arp_event(web, db, i, 1, 2);
		watch_feed(&x, &a, EW_FLOW_ARP);
	}
	cr_assert_not_null(watch_last(&x, "arp-sweep"));
}
