/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "detect/detect_priv.h"
#include "detect/watch.h"

/*
 * The worked examples of detectors.md section 2, first as arithmetic, then through graph and
 * detectors with real ages.
 */

#define FULL 65536u

struct score_case {
	const char *what;
	struct ew_score_input in;
	int total;
};

/* m and s as they come out at 14 d without discoveries (full), and at 3 d. */
#define MATURE .m_q16 = FULL, .s_q16 = 68800, .n_percent = 100, .r_max = 15
#define DAY3 .m_q16 = 39321, .s_q16 = 54900, .n_percent = 100, .r_max = 15
#define PAYLOAD .outcome = EW_OUT_PAYLOAD, .past_startup = 1

static const struct score_case cases[] = {
	{ "lone established edge, 14 d", { MATURE, PAYLOAD }, 60 },
	{ "before payload O is 6", { MATURE, .outcome = EW_OUT_ESTABLISHED }, 56 },
	{ "refused", { MATURE, .outcome = EW_OUT_REFUSED }, 54 },
	{ "midstream", { MATURE, .outcome = EW_OUT_MIDSTREAM, .midstream = 1 }, 37 },
	{ "postgres in another namespace",
	    { MATURE, PAYLOAD, .target_points = 15, .crosses_group = 1 }, 80 },
	{ "ssh to a peer", { MATURE, PAYLOAD, .target_points = 20 }, 80 },
	{ "third day, harmless", { DAY3, PAYLOAD }, 43 },
	{ "third day, postgres", { DAY3, PAYLOAD, .target_points = 15 }, 58 },
	{ "release adds a redis, one replica",
	    { MATURE, PAYLOAD, .target_points = 15, .replicas = 3, .replicas_with = 1,
		.change_window = 1 },
	    45 },
	{ "release adds a redis, all replicas",
	    { MATURE, PAYLOAD, .target_points = 15, .replicas = 3, .replicas_with = 3,
		.change_window = 1 },
	    30 },
	{ "app to metadata",
	    { MATURE, PAYLOAD, .target_points = 25, .is_control_plane = 1 }, 85 },
	{ "one peer has it", { MATURE, PAYLOAD, .peers = 1 }, 50 },
	{ "two peers have it", { MATURE, PAYLOAD, .peers = 2 }, 45 },
	{ "only other groups have it", { MATURE, PAYLOAD, .others = 1 }, 53 },
	{ "candidate halves N", { MATURE, PAYLOAD, .is_candidate = 1 }, 42 },
	{ "new port: N * 0.8, R 10",
	    { .m_q16 = FULL, .s_q16 = FULL, .n_percent = 80, .r_max = 10, PAYLOAD },
	    48 },
	{ "control plane floor at no maturity",
	    { .n_percent = 100,
		.r_max = 15,
		.outcome = EW_OUT_REFUSED,
		.past_startup = 1,
		.is_control_plane = 1,
		.target_points = 25 },
	    60 },
	{ "API server floor",
	    { .n_percent = 100,
		.r_max = 15,
		.outcome = EW_OUT_REFUSED,
		.past_startup = 1,
		.is_control_plane = 1,
		.is_api_server = 1,
		.target_points = 20 },
	    50 },
	{ "no floor while starting",
	    { .n_percent = 100,
		.r_max = 15,
		.outcome = EW_OUT_REFUSED,
		.is_control_plane = 1,
		.target_points = 25 },
	    44 },
	{ "no discount for control plane",
	    { MATURE, PAYLOAD, .target_points = 25, .is_control_plane = 1,
		.change_window = 1 },
	    85 },
	{ "the API server takes it",
	    { MATURE, PAYLOAD, .target_points = 20, .is_control_plane = 1,
		.is_api_server = 1, .change_window = 1 },
	    50 },
	{ "only the largest discount",
	    { MATURE, PAYLOAD, .change_window = 1, .sibling = 1, .midstream = 1 }, 30 },
	{ "startup profile incomplete", { MATURE, PAYLOAD, .startup_incomplete = 1 },
	    35 },
	{ "posture is clamped at 10",
	    { MATURE, PAYLOAD,
		.posture = EW_POSTURE_PRIVILEGED | EW_POSTURE_PUBLISHED },
	    70 },
	{ "host network 6, published 4",
	    { MATURE, PAYLOAD,
		.posture = EW_POSTURE_HOST_NETWORK | EW_POSTURE_PUBLISHED },
	    70 },
	{ "context is clamped at 40",
	    { .n_percent = 100,
		.r_max = 15,
		.role_reversal = 1,
		.callback = 1,
		.divergence = 1,
		.other_signal = 1 },
	    55 },
	{ "an odd hour alone is nothing", { MATURE, PAYLOAD, .unusual_hour = 1 }, 60 },
	{ "an odd hour with another reason",
	    { MATURE, PAYLOAD, .unusual_hour = 1, .unresolved = 1 }, 73 },
	{ "target on the node is capped at 25",
	    { MATURE, PAYLOAD, .target_points = 20, .on_node = 1, .crosses_group = 1 },
	    85 },
	{ "never above 100",
	    { MATURE, PAYLOAD, .target_points = 25, .role_reversal = 1,
		.other_signal = 1, .callback = 1 },
	    100 },
};

Test(score, worked_examples)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ew_score_parts p = ew_score(&cases[i].in);

		cr_expect_eq(p.total, cases[i].total,
		    "%s: %d, not %d (n %d r %d t %d o %d p %d x %d d %d)",
		    cases[i].what, p.total, cases[i].total, p.n, p.r, p.t, p.o, p.p,
		    p.x, p.d);
	}
}

/* --- with real ages --------------------------------------------------------------------------- */

static struct watch x;
static struct ew_workload *web, *api, *db, *far;

static void
setup(void)
{
	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
	far = world_workload(&x.w, "compose/bank/db", "compose/bank");
}

static void
teardown(void)
{
	watch_fini(&x);
}

TestSuite(aged, .init = setup, .fini = teardown);

/* web and db are known and quiet for so many days; nothing else. */
static void
live_days(int days)
{
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 },
		{ db, far, 7 } };

	world_live(&x.w, habits, 3, days * DAY, HOUR / 2);
}

static int
n_after(int days)
{
	struct act a;
	struct ew_judgement j;
	struct ew_edge_case e;

	live_days(days);
	world_flow(&x.w, &a, web, db, 9999);
	world_event(&x.w, &a, EW_FLOW_PAYLOAD);
	ew_graph_feed(x.w.graph, &a.c, x.w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_NOVEL);
	ew_edge_case(x.detect, &a.c, &j, EW_ROLE_NEW_EDGE, x.w.now, &e);
	return e.parts.n;
}

Test(aged, novelty_is_8_points_after_a_day)
{
	cr_assert_eq(n_after(1), 8);
}

Test(aged, novelty_is_18_points_after_three_days)
{
	cr_assert_eq(n_after(3), 18);
}

Test(aged, novelty_is_35_points_after_seven_days)
{
	cr_assert_eq(n_after(7), 35);
}

Test(aged, novelty_is_35_points_after_fourteen_days)
{
	cr_assert_eq(n_after(14), 35);
}

Test(aged, novelty_is_nothing_on_the_first_day)
{
	live_days(1);
	x.w.now.ns -= HOUR;
	struct ew_workload_view v;
	ew_graph_view(x.w.graph, web, x.w.now, &v);
	cr_assert_eq(v.m_q16, 0);
}

/* One accepted discovery 3 d ago at 14 d: 28 points (on both ends' sides). */
Test(aged, a_discovery_lowers_novelty)
{
	struct act a;
	struct ew_judgement j;
	struct ew_novelty n;
	struct ew_decision_record d = { .action = EW_ACT_ACCEPT };

	live_days(11);
	world_talk(&x.w, web, db, 8000);
	cr_assert_eq(ew_pattern_parse("compose/shop/web -> compose/shop/db:8000",
			 &d.pattern, NULL),
	    0);
	cr_assert_eq(ew_graph_decide(x.w.graph, &d, x.w.now, NULL), 0);
	live_days(3);
	world_flow(&x.w, &a, web, db, 9999);
	world_event(&x.w, &a, EW_FLOW_PAYLOAD);
	ew_graph_feed(x.w.graph, &a.c, x.w.now, &j);
	ew_graph_novelty(x.w.graph, &a.c, &j, x.w.now, &n);
	const struct ew_score_input in = { .m_q16 = n.m_q16,
		.s_q16 = n.s_q16,
		.n_percent = 100 };
	cr_assert_eq(ew_score(&in).n, 28, "%d (s %u)", ew_score(&in).n, n.s_q16);
}

Test(aged, lone_edge_after_fourteen_days_is_60_and_notify)
{
	live_days(14);
	cr_assert_eq(watch_talk(&x, web, far, 8081) > 0, true);
	const struct ew_signal *s = watch_last(&x, "new-edge");
	cr_assert_not_null(s);
	/* 35 + 15 + 10, and 5 for the other project */
	cr_assert_eq(s->score, 65);
	cr_assert_eq(watch_sum(s), s->score);
	cr_assert_eq(watch_count(&x, "new-edge"), 1);
}

Test(aged, postgres_in_another_project_is_a_page)
{
	live_days(14);
	watch_talk(&x, web, far, 5432);
	cr_assert_eq(watch_last(&x, "new-edge")->score, 80);
	cr_assert_str_eq(watch_last(&x, "new-edge")->sentence,
	    "compose/shop/web opened postgres on compose/bank/db:5432; never done in "
	    "14 d");
}

Test(aged, ssh_to_a_peer_is_a_page)
{
	live_days(14);
	watch_talk(&x, web, db, 22);
	cr_assert_eq(watch_last(&x, "new-edge")->score, 80);
}

Test(aged, app_to_metadata_is_85)
{
	struct ew_workload *cloud =
	    world_peer(&x.w, "external/169.254.0.0/16", EW_PEER_EXTERNAL);
	struct act a;

	live_days(14);
	world_flow(&x.w, &a, web, cloud, 80);
	cr_assert_eq(ew_addr_parse("169.254.169.254", &a.ev.tuple.dst), 0);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	watch_feed(&x, &a, EW_FLOW_PAYLOAD);
	cr_assert_eq(watch_last(&x, "sensitive-access")->score, 85);
	cr_assert_null(watch_last(&x, "new-edge"));
}
