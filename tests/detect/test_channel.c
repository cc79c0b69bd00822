/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "detect/watch.h"

/* detectors.md 3.20 to 3.22: relays, tunnels, names. */

static struct watch x;
static struct ew_workload *web, *api, *db, *dns;
static struct act a;

static void
setup(void)
{
	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
	dns = world_peer(&x.w, "host/n1", EW_PEER_NODE);
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&x.w, habits, 2, 8 * DAY, HOUR);
}

static void
teardown(void)
{
	watch_fini(&x);
}

TestSuite(channel, .init = setup, .fini = teardown);

static void
ask(const char *name, uint16_t qtype, int rcode)
{
	world_flow(&x.w, &a, web, dns, 53);
	a.ev.tuple.proto = 17;
	a.ev.u.dns.qtype = qtype;
	a.ev.u.dns.bytes = (uint32_t)strlen(name) + 18;
	a.ev.u.dns.is_answer = rcode >= 0;
	a.ev.u.dns.rcode = rcode >= 0 ? (uint8_t)rcode : 0;
	snprintf(a.ev.u.dns.name, sizeof(a.ev.u.dns.name), "%s", name);
	watch_feed(&x, &a, EW_FLOW_DNS);
}

/* --- tunnel -------------------------------------------------------------------------------------- */

Test(channel, a_hundred_long_different_names_are_a_dns_tunnel)
{
	char name[128];

	for (int i = 0; i < 100; i++) {
		cr_assert_null(watch_last(&x, "tunnel"), "at %d", i);
		snprintf(name, sizeof(name),
		    "%08x%08xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.t.evil.example",
		    i * 2654435761u, i);
		ask(name, 1, -1);
	}
	cr_assert_eq(watch_last(&x, "tunnel")->score, 70);
}

Test(channel, odd_types_make_one_too)
{
	char name[64];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%x.t.evil.example", i * 7919);
		ask(name, i % 2 ? 16 : 10, -1);
	}
	cr_assert_not_null(watch_last(&x, "tunnel"));
}

Test(channel, the_same_names_again_are_none)
{
	char name[128];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name),
		    "edge-%d-with-a-rather-long-label-of-a-content-network.cdn.example",
		    i % 40);
		ask(name, 1, -1);
	}
	cr_assert_null(watch_last(&x, "tunnel"));
}

Test(channel, names_spread_over_hours_are_none)
{
	char name[128];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name),
		    "%08x-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.t.evil.example",
		    i * 7919);
		ask(name, 1, -1);
		x.w.now.ns += MINUTE;
	}
	cr_assert_null(watch_last(&x, "tunnel"));
}

static void
echoes(uint64_t pkts, uint64_t size, uint64_t reply_size)
{
	struct ew_judgement j;

	world_flow(&x.w, &a, web, db, 0);
	a.ev.tuple.proto = 1;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	x.w.now.ns += MINUTE;
	world_event(&x.w, &a, EW_FLOW_UPDATE);
	a.ev.side[0] = (struct ew_flow_side){ .pkts = pkts, .bytes = pkts * size };
	a.ev.side[1] =
	    (struct ew_flow_side){ .pkts = pkts, .bytes = pkts * reply_size };
	ew_graph_feed(x.w.graph, &a.c, x.w.now, &j);
	ew_detect_feed(x.detect, &a.c, &j, x.w.now);
}

Test(channel, twenty_large_echoes_a_minute_are_a_tunnel)
{
	echoes(19, 1000, 1000);
	echoes(60, 56, 56);
	echoes(60, 128, 128);
	cr_assert_null(watch_last(&x, "tunnel"));
	echoes(20, 129, 129);
	cr_assert_eq(watch_last(&x, "tunnel")->score, 65);
}

Test(channel, replies_that_say_something_else_are_a_tunnel)
{
	echoes(2, 60, 80);
	cr_assert_null(watch_last(&x, "tunnel"));
	echoes(3, 60, 80);
	cr_assert_not_null(watch_last(&x, "tunnel"));
}

Test(channel, an_overlay_from_a_container_is_80)
{
	world_flow(&x.w, &a, web, db, 4789);
	a.ev.tuple.proto = 17;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	cr_assert_eq(watch_last(&x, "tunnel")->score, 80);
}

Test(channel, an_overlay_of_the_host_network_is_none)
{
	web->posture = EW_POSTURE_HOST_NETWORK;
	world_flow(&x.w, &a, web, db, 4789);
	a.ev.tuple.proto = 17;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	cr_assert_null(watch_last(&x, "tunnel"));
}

/* --- dns-recon ------------------------------------------------------------------------------------ */

Test(channel, sixteen_reverse_lookups_are_recon)
{
	char name[64];

	for (int i = 0; i < 16; i++) {
		cr_assert_null(watch_last(&x, "dns-recon"), "at %d", i);
		snprintf(name, sizeof(name), "%d.0.18.172.in-addr.arpa", i);
		ask(name, 12, -1);
	}
	cr_assert_eq(watch_last(&x, "dns-recon")->score, 55);
}

Test(channel, reverse_lookups_of_the_outside_are_not)
{
	char name[64];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "%d.113.0.203.in-addr.arpa", i);
		ask(name, 12, -1);
	}
	cr_assert_null(watch_last(&x, "dns-recon"));
}

Test(channel, twenty_missing_services_are_recon)
{
	char name[96];

	for (int i = 0; i < 20; i++) {
		cr_assert_null(watch_last(&x, "dns-recon"), "at %d", i);
		snprintf(name, sizeof(name), "guess%d.default.svc.cluster.local", i);
		ask(name, 1, 3);
		snprintf(name, sizeof(name), "guess%d.svc.cluster.local", i);
		ask(name, 1, 3);
	}
	cr_assert_eq(watch_last(&x, "dns-recon")->score, 55);
}

Test(channel, search_list_expansions_of_outside_names_are_not)
{
	char name[96];

	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name),
		    "api%d.example.com.default.svc.cluster.local", i);
		ask(name, 1, 3);
		snprintf(name, sizeof(name), "api%d.example.com.svc.cluster.local", i);
		ask(name, 1, 3);
		snprintf(name, sizeof(name), "api%d.example.com.cluster.local", i);
		ask(name, 1, 3);
	}
	cr_assert_null(watch_last(&x, "dns-recon"));
}

Test(channel, a_zone_transfer_is_65_at_once)
{
	ask("cluster.local", 252, -1);
	cr_assert_eq(watch_last(&x, "dns-recon")->score, 65);
}

Test(channel, a_wildcard_service_question_is_55)
{
	ask("any.any.svc.cluster.local", 33, -1);
	cr_assert_eq(watch_last(&x, "dns-recon")->score, 55);
}

/* --- relay ------------------------------------------------------------------------------------------ */

static void
turn(struct act *flow, uint16_t turns, uint16_t said, uint16_t heard)
{
	flow->ev.turns = turns;
	flow->ev.turn_median_bytes[0] = said;
	flow->ev.turn_median_bytes[1] = heard;
	watch_feed(&x, flow, EW_FLOW_TURNS);
}

static void
open_flow(struct act *flow, struct ew_workload *src, struct ew_workload *dst,
    uint16_t port)
{
	world_flow(&x.w, flow, src, dst, port);
	watch_feed(&x, flow, EW_FLOW_ATTEMPT);
	watch_feed(&x, flow, EW_FLOW_ESTABLISHED);
}

Test(channel, what_comes_in_and_goes_out_alike_is_a_relay)
{
	struct act in, out;

	open_flow(&in, web, api, 4444); /* api is the middle */
	open_flow(&out, api, db, 22);
	x.w.now.ns += MINUTE;
	turn(&in, 20, 100, 500);
	turn(&out, 19, 110, 480);
	const struct ew_signal *s = watch_last(&x, "relay");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 75);
	cr_assert_eq(s->src, api);
}

Test(channel, nine_turns_or_other_sizes_are_none)
{
	struct act in, out;

	open_flow(&in, web, api, 4444);
	open_flow(&out, api, db, 22);
	x.w.now.ns += MINUTE;
	turn(&in, 9, 100, 500);
	turn(&out, 9, 100, 500);
	turn(&in, 20, 100, 500);
	turn(&out, 20, 300, 500);
	turn(&out, 30, 100, 500);
	cr_assert_null(watch_last(&x, "relay"));
}

Test(channel, two_known_edges_are_never_tested)
{
	struct act in, out;

	open_flow(&in, web, api, 8080);
	open_flow(&out, api, db, 5432);
	x.w.now.ns += MINUTE;
	turn(&in, 20, 100, 500);
	turn(&out, 20, 100, 500);
	cr_assert_null(watch_last(&x, "relay"));
}

Test(channel, a_labelled_proxy_may_relay)
{
	struct act in, out;

	api->labels = EW_LABEL_PROXY;
	open_flow(&in, web, api, 4444);
	open_flow(&out, api, db, 22);
	x.w.now.ns += MINUTE;
	turn(&in, 20, 100, 500);
	turn(&out, 20, 100, 500);
	cr_assert_null(watch_last(&x, "relay"));
}

Test(channel, five_attempts_beside_a_carrier_are_a_multiplexer)
{
	struct act in;

	open_flow(&in, web, api, 4444);
	x.w.now.ns += MINUTE;
	turn(&in, 20, 100, 500);
	for (uint16_t port = 1; port <= 5; port++) {
		cr_assert_null(watch_last(&x, "relay"));
		watch_try(&x, api, db, 7000 + port, EW_FLOW_REFUSED);
	}
	cr_assert_eq(watch_last(&x, "relay")->score, 80);
}
