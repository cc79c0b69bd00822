/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "detect/watch.h"

/* detectors.md 3.15, 3.19, 3.23, 3.25, 3.26: what only shows over several contacts. */

static struct watch x;
static struct ew_workload *web, *api, *db, *many[40];
static struct act a;

static void
setup(void)
{
	char name[40];

	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "compose/park/s%02d", i);
		many[i] = world_workload(&x.w, name, "compose/park");
	}
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 },
		{ db, web, 7 } };

	world_live(&x.w, habits, 3, 8 * DAY, HOUR);
}

static void
teardown(void)
{
	watch_fini(&x);
}

TestSuite(context, .init = setup, .fini = teardown);

/* --- pivot-chain --------------------------------------------------------------------------------- */

Test(context, two_hops_within_half_an_hour_are_a_chain)
{
	watch_talk(&x, web, db, 9999);
	cr_assert_null(watch_last(&x, "pivot-chain"));
	x.w.now.ns += 20 * MINUTE;
	watch_talk(&x, db, many[0], 9998);
	const struct ew_signal *s = watch_last(&x, "pivot-chain");
	cr_assert_not_null(s);
	cr_assert_geq(s->score, 70);
	cr_assert_eq(watch_sum(s), s->score);
	cr_assert_not_null(strstr(s->evidence,
	    "path: compose/shop/web -> compose/shop/db:9999 -> compose/park/s00:9998"));
}

Test(context, three_hops_are_ninety)
{
	watch_talk(&x, web, db, 9999);
	x.w.now.ns += MINUTE;
	watch_talk(&x, db, api, 9998);
	x.w.now.ns += MINUTE;
	watch_talk(&x, api, many[0], 9997);
	cr_assert_geq(watch_last(&x, "pivot-chain")->score, 90);
}

Test(context, hops_more_than_six_hours_apart_are_no_chain)
{
	watch_talk(&x, web, db, 9999);
	x.w.now.ns += 6 * HOUR + MINUTE;
	watch_talk(&x, db, many[0], 9998);
	cr_assert_null(watch_last(&x, "pivot-chain"));
}

Test(context, slow_hops_count_half)
{
	watch_talk(&x, web, db, 9999);
	x.w.now.ns += 2 * HOUR;
	watch_talk(&x, db, many[0], 9998);
	const struct ew_signal *s = watch_last(&x, "pivot-chain");
	cr_assert_not_null(s);
	cr_assert_eq(s->reasons[1].points, 7);
}

Test(context, a_refused_first_hop_leads_nowhere)
{
	watch_try(&x, web, db, 9999, EW_FLOW_REFUSED);
	x.w.now.ns += MINUTE;
	watch_talk(&x, db, many[0], 9998);
	cr_assert_null(watch_last(&x, "pivot-chain"));
}

Test(context, there_and_back_is_no_chain)
{
	watch_talk(&x, web, db, 9999);
	x.w.now.ns += MINUTE;
	watch_talk(&x, db, web, 9998);
	cr_assert_null(watch_last(&x, "pivot-chain"));
}

/* --- fanout-surge -------------------------------------------------------------------------------- */

Test(context, the_ninth_destination_is_a_surge)
{
	for (int i = 0; i < 8; i++) {
		watch_talk(&x, web, many[i], 8080);
		cr_assert_null(watch_last(&x, "fanout-surge"), "at %d", i);
	}
	watch_talk(&x, web, many[8], 8080);
	const struct ew_signal *s = watch_last(&x, "fanout-surge");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 55);
	cr_assert_eq(s->hosts, 9);
}

Test(context, sensitive_classes_add_to_a_surge)
{
	for (int i = 0; i < 9; i++)
		watch_talk(&x, web, many[i], i % 2 ? 5432 : 22);
	cr_assert_eq(watch_last(&x, "fanout-surge")->score, 65);
}

Test(context, destinations_of_different_bins_do_not_add_up)
{
	for (int i = 0; i < 30; i++) {
		watch_talk(&x, web, many[i], 8080);
		x.w.now.ns += 3 * MINUTE;
	}
	cr_assert_null(watch_last(&x, "fanout-surge"));
}

Test(context, a_scraper_is_judged_on_ports)
{
	web->labels = EW_LABEL_SCRAPER;
	for (int i = 0; i < 20; i++)
		watch_talk(&x, web, many[i], 9100);
	cr_assert_null(watch_last(&x, "fanout-surge"));
}

/* --- replica-divergence --------------------------------------------------------------------------- */

Test(context, one_replica_of_three_alone_for_fifteen_minutes_diverges)
{
	web->instances = 3;
	watch_talk(&x, web, many[0], 8080);
	int before = watch_last(&x, "new-edge")->score;
	watch_tick(&x, 14 * MINUTE);
	cr_assert_null(watch_last(&x, "replica-divergence"));
	watch_tick(&x, 2 * MINUTE);
	const struct ew_signal *s = watch_last(&x, "replica-divergence");
	cr_assert_not_null(s);
	/* established at once: O 6 instead of 10, divergence + 10 */
	cr_assert_eq(s->score, before - 4 + 10);
	cr_assert_eq(watch_sum(s), s->score);
}

Test(context, sisters_that_follow_are_no_divergence)
{
	web->instances = 3;
	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&x.w, &a, web, many[0], 8080);
		a.c.src.instance += i;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
		x.w.now.ns += MINUTE;
	}
	watch_tick(&x, 20 * MINUTE);
	cr_assert_null(watch_last(&x, "replica-divergence"));
}

Test(context, on_a_learning_workload_divergence_is_forty)
{
	struct ew_workload *fresh =
	    world_workload(&x.w, "compose/shop/new", "compose/shop");

	fresh->instances = 3;
	watch_talk(&x, fresh, many[0], 8080);
	watch_tick(&x, 20 * MINUTE);
	cr_assert_eq(watch_last(&x, "replica-divergence")->score, 40);
}

/* --- flood ----------------------------------------------------------------------------------------- */

static void
storm(int seconds, int rate)
{
	for (int s = 0; s < seconds; s++) {
		x.w.now.ns = (x.w.now.ns / EW_NS_PER_S + 1) * EW_NS_PER_S;
		for (int i = 0; i < rate; i++) {
			world_flow(&x.w, &a, api, db, 5432);
			watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		}
	}
}

Test(context, two_thousand_attempts_for_five_seconds_are_a_flood)
{
	storm(5, 2001);
	cr_assert_null(watch_last(&x, "flood"));
	storm(1, 2001);
	cr_assert_eq(watch_last(&x, "flood")->score, 45);
}

Test(context, exactly_two_thousand_are_none)
{
	storm(8, 2000);
	cr_assert_null(watch_last(&x, "flood"));
}

Test(context, twenty_times_its_own_maximum_is_a_flood)
{
	storm(20, 11);
	x.w.now.ns += HOUR;
	storm(7, 230);
	cr_assert_not_null(watch_last(&x, "flood"));
}

/* --- beacon ------------------------------------------------------------------------------------------ */

static void
beat(int n, int64_t gap)
{
	for (int i = 0; i < n; i++) {
		watch_talk(&x, web, many[0], 4444);
		x.w.now.ns += gap - 3 * EW_NS_PER_S;
	}
}

Test(context, beacons_are_off_by_default)
{
	beat(40, MINUTE);
	cr_assert_null(watch_last(&x, "beacon"));
}

Test(context, a_steady_novel_edge_is_a_beacon_when_asked_for)
{
	ew_detect_conf_set(&x.conf, "beacon", "enabled", 1);
	ew_detect_reconfigure(x.detect, &x.conf);
	beat(19, MINUTE);
	cr_assert_null(watch_last(&x, "beacon"));
	beat(2, MINUTE);
	cr_assert_not_null(watch_last(&x, "beacon"));
	cr_assert_leq(watch_last(&x, "beacon")->score, 49);
}

Test(context, an_irregular_edge_is_none)
{
	ew_detect_conf_set(&x.conf, "beacon", "enabled", 1);
	ew_detect_reconfigure(x.detect, &x.conf);
	for (int i = 0; i < 40; i++)
		beat(1, (10 + (i * 7919) % 3600) * EW_NS_PER_S);
	cr_assert_null(watch_last(&x, "beacon"));
}
