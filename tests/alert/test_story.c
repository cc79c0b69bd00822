/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "alert/desk.h"

/*
 * The live story of the first milestone, without packets: a project of five workloads on two
 * networks learns for a shortened A, is restarted, scaled and redeployed in peace; then one
 * container opens a connection it never made, to a database. And a port scan.
 */

#define A (20 * EW_NS_PER_S)

static struct desk d;
static struct ew_workload *lb, *web, *api, *cache, *db, *worker;

static void
setup(void)
{
	struct ew_alert_conf conf;

	ew_alert_conf_default(&conf);
	conf.hold_page_ns = EW_NS_PER_S;
	conf.hold_notify_ns = 2 * EW_NS_PER_S;
	desk_init(&d, A, &conf);
	d.x.conf.change_hold_ns = 5 * EW_NS_PER_S;
	ew_detect_reconfigure(d.x.detect, &d.x.conf);
	lb = world_workload(&d.x.w, "compose/shop/lb", "compose/shop");
	web = world_workload(&d.x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&d.x.w, "compose/shop/api", "compose/shop");
	cache = world_workload(&d.x.w, "compose/shop/cache", "compose/shop");
	db = world_workload(&d.x.w, "compose/shop/db", "compose/shop");
	worker = world_workload(&d.x.w, "compose/shop/worker", "compose/shop");
}

static void
teardown(void)
{
	desk_fini(&d);
}

TestSuite(story, .init = setup, .fini = teardown);

struct phase {
	uint32_t instance; /* added to the workload's first instance number */
	bool in_startup, in_change;
};

static void
talk(struct ew_workload *src, struct ew_workload *dst, uint16_t port, struct phase p)
{
	static const enum ew_flow_kind kinds[] = { EW_FLOW_ATTEMPT, EW_FLOW_ESTABLISHED,
		EW_FLOW_PAYLOAD, EW_FLOW_CLOSE };
	struct act a;

	world_flow(&d.x.w, &a, src, dst, port);
	a.c.src.instance += p.instance;
	a.c.src.in_startup = p.in_startup;
	a.c.src.in_change_window = p.in_change;
	for (int i = 0; i < 4; i++)
		watch_feed(&d.x, &a, kinds[i]);
}

static void
round_of_talk(struct phase p)
{
	talk(lb, web, 8080, p);
	talk(web, api, 9000, p);
	talk(api, cache, 6379, p);
	talk(api, db, 5432, p);
	talk(worker, cache, 6379, p);
	desk_tick(&d, EW_NS_PER_S);
}

static void
peace(int seconds, struct phase p)
{
	for (int i = 0; i < seconds; i++)
		round_of_talk(p);
}

static void
learn(void)
{
	peace(10, (struct phase){ .in_startup = true });
	peace(150, (struct phase){ 0 }); /* 8 A in all */
	cr_assert_eq(d.n_high, 0);
	struct ew_workload_view v;
	cr_assert(ew_graph_view(d.x.w.graph, web, d.x.w.now, &v));
	cr_assert_geq(v.state, EW_WL_PROVISIONAL);
}

Test(story, an_installation_on_running_workloads_tells_nobody)
{
	/* Nothing is starting, nothing is known: every edge to a store is a row, no more. */
	peace(19, (struct phase){ 0 });
	cr_assert_eq(d.n_high, 0);
	cr_assert_eq(d.n_messages, 0);
	cr_assert_leq(d.last.score, 49);
}

Test(story, restart_scale_and_redeploy_are_quiet)
{
	learn();
	peace(10, (struct phase){ .instance = 1, .in_startup = true });
	peace(10, (struct phase){ .instance = 1 });
	web->instances = api->instances = 3;
	for (uint32_t i = 2; i < 5; i++)
		peace(5, (struct phase){ .instance = i, .in_startup = true });
	peace(10,
	    (struct phase){ .instance = 5, .in_startup = true, .in_change = true });
	/* While it is redeployed, clients meet refusals and silence on known edges. */
	for (int i = 0; i < 30; i++) {
		watch_try(&d.x, web, api, 9000, EW_FLOW_REFUSED);
		watch_try(&d.x, api, db, 5432, EW_FLOW_UNANSWERED);
		desk_tick(&d, EW_NS_PER_S / 4);
	}
	peace(20, (struct phase){ .instance = 5 });
	cr_assert_eq(d.n_high, 0);
	cr_assert_eq(d.n_messages, 0);
}

Test(story, one_connection_to_the_database_is_one_incident_and_one_message)
{
	struct act a;

	learn();
	world_flow(&d.x.w, &a, web, db, 5432);
	watch_feed(&d.x, &a, EW_FLOW_ATTEMPT);
	unsigned before = d.x.n_seen;
	watch_feed(&d.x, &a, EW_FLOW_ESTABLISHED);
	cr_assert_eq(d.x.n_seen, before + 1); /* at once */
	watch_feed(&d.x, &a, EW_FLOW_PAYLOAD);
	desk_tick(&d, EW_NS_PER_S);
	watch_feed(&d.x, &a, EW_FLOW_CLOSE);
	peace(30, (struct phase){ 0 });
	cr_assert_eq(d.n_ids, 1);
	cr_assert_eq(d.n_messages, 1, "%u", d.n_messages);
	cr_assert_eq(d.last.src, web);
	cr_assert_eq(d.last.targets[0].workload, db);
	cr_assert_eq(d.last.targets[0].port, 5432);
	cr_assert_geq(d.last.tier, EW_TIER_NOTIFY);
}

Test(story, a_port_scan_is_one_incident_and_one_message)
{
	learn();
	for (uint16_t port = 1; port <= 1000; port++) {
		struct act a;

		world_flow(&d.x.w, &a, web, db, port);
		watch_feed(&d.x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&d.x, &a,
		    port == 80 ? EW_FLOW_ESTABLISHED : EW_FLOW_REFUSED);
		d.x.w.now.ns += EW_NS_PER_MS;
	}
	peace(60, (struct phase){ 0 });
	cr_assert_eq(d.n_ids, 1);
	cr_assert_eq(d.n_messages, 1, "%u", d.n_messages);
	bool has_scan = false;
	for (uint32_t i = 0; i < d.last.n_detectors; i++)
		has_scan |= strcmp(d.last.detectors[i], "scan-vertical") == 0;
	cr_assert(has_scan);
	cr_assert_not_null(strstr(d.messages[0].title, "is scanning"), "%s",
	    d.messages[0].title);
	cr_assert_lt(d.x.n_seen, 100);
}

Test(story, a_replay_at_any_tick_rate_gives_the_same_incidents)
{
	uint64_t ids[2];

	for (int run = 0; run < 2; run++) {
		if (run) {
			teardown();
			setup();
		}
		learn();
		for (uint16_t port = 1; port <= 50; port++) {
			watch_try(&d.x, worker, db, port, EW_FLOW_REFUSED);
			if (run)
				desk_tick(&d, EW_NS_PER_MS);
			else
				d.x.w.now.ns += EW_NS_PER_MS;
		}
		if (run)
			for (int i = 0; i < 600; i++)
				desk_tick(&d, EW_NS_PER_S / 10);
		else
			desk_tick(&d, MINUTE);
		cr_assert_eq(d.n_ids, 1);
		ids[run] = d.ids[0] ^ (uint64_t)d.last.score ^ d.messages[0].id ^
		    (uint64_t)d.messages[0].created_us;
	}
	cr_assert_eq(ids[0], ids[1]);
}
