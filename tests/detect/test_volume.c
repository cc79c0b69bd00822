/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "detect/watch.h"

/* detectors.md 3.16 to 3.18: how much, how often. */

#define MIB (UINT64_C(1) << 20)

static struct watch x;
static struct ew_workload *web, *api, *db, *out;
static struct act a;

static void
setup(void)
{
	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
	out = world_peer(&x.w, "external/203.0.0.0/16", EW_PEER_EXTERNAL);
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&x.w, habits, 2, 8 * DAY, HOUR);
}

static void
teardown(void)
{
	watch_fini(&x);
}

TestSuite(volume, .init = setup, .fini = teardown);

static unsigned
move(struct ew_workload *src, struct ew_workload *dst, uint16_t port, uint64_t sent,
    uint64_t got)
{
	struct ew_judgement j;
	unsigned before = x.n_seen;

	world_flow(&x.w, &a, src, dst, port);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	world_event(&x.w, &a, EW_FLOW_CLOSE);
	a.ev.side[0].bytes = sent;
	a.ev.side[1].bytes = got;
	ew_graph_feed(x.w.graph, &a.c, x.w.now, &j);
	ew_detect_feed(x.detect, &a.c, &j, x.w.now);
	return x.n_seen - before;
}

/* Every hour about 2 MiB out of the database, for so many days. */
static void
habit_of(int days, uint64_t bytes)
{
	for (int i = 0; i < days * 24; i++) {
		move(api, db, 5432, 1000, bytes + (uint64_t)(i % 5) * 1000);
		watch_tick(&x, HOUR);
	}
}

Test(volume, a_dump_of_a_data_store_is_52_on_a_mature_workload)
{
	habit_of(3, 2 * MIB);
	cr_assert_null(watch_last(&x, "volume-surge"));
	move(api, db, 5432, 1000, 63 * MIB);
	cr_assert_null(watch_last(&x, "volume-surge"));
	move(api, db, 5432, 1000, 4 * MIB);
	cr_assert_eq(watch_last(&x, "volume-surge")->score, 52);
}

Test(volume, four_times_the_weekly_maximum_is_needed)
{
	habit_of(3, 40 * MIB);
	move(api, db, 5432, 1000, 150 * MIB);
	cr_assert_null(watch_last(&x, "volume-surge"));
	move(api, db, 5432, 1000, 200 * MIB);
	cr_assert_not_null(watch_last(&x, "volume-surge"));
}

Test(volume, under_three_samples_there_is_no_verdict)
{
	move(api, db, 5432, 1000, 2 * MIB);
	watch_tick(&x, HOUR);
	move(api, db, 5432, 1000, 500 * MIB);
	cr_assert_null(watch_last(&x, "volume-surge"));
}

Test(volume, a_novel_edge_may_move_256_mib)
{
	move(web, db, 9999, 255 * MIB, 0);
	cr_assert_null(watch_last(&x, "volume-surge"));
	move(web, db, 9999, 2 * MIB, 0);
	cr_assert_eq(watch_last(&x, "volume-surge")->score, 55);
}

Test(volume, the_backup_of_yesterday_is_a_row)
{
	habit_of(3, 2 * MIB);
	move(api, db, 5432, 1000, 100 * MIB);
	cr_assert_eq(watch_last(&x, "volume-surge")->score, 52);
	for (int i = 0; i < 25; i++) { /* an hour later than yesterday */
		watch_tick(&x, HOUR);
		move(api, db, 5432, 1000, 2 * MIB);
	}
	x.n_seen = 0;
	move(api, db, 5432, 1000, 900 * MIB);
	cr_assert_not_null(watch_last(&x, "volume-surge"));
	cr_assert_eq(watch_last(&x, "volume-surge")->score, 49);
}

/* --- exfil-staging ------------------------------------------------------------------------------- */

Test(volume, data_that_come_and_go_are_staging)
{
	habit_of(2, 2 * MIB);
	move(api, db, 5432, 1000, 100 * MIB);
	move(api, out, 443, 30 * MIB, 1000);
	cr_assert_null(watch_last(&x, "exfil-staging"));
	move(api, out, 443, 30 * MIB, 1000);
	const struct ew_signal *s = watch_last(&x, "exfil-staging");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 80);
	cr_assert_eq(s->dst, out);
}

Test(volume, what_leaves_an_hour_later_is_none)
{
	habit_of(2, 2 * MIB);
	move(api, db, 5432, 1000, 100 * MIB);
	watch_tick(&x, HOUR);
	move(api, out, 443, 60 * MIB, 1000);
	cr_assert_null(watch_last(&x, "exfil-staging"));
}

Test(volume, sending_to_the_outside_for_the_first_time_is_65)
{
	move(web, out, 443, 64 * MIB, 1000);
	cr_assert_null(watch_last(&x, "exfil-staging"));
	move(web, out, 443, 1 * MIB, 1000);
	cr_assert_eq(watch_last(&x, "exfil-staging")->score, 65);
}

Test(volume, a_young_workload_has_no_habit_to_break)
{
	struct ew_workload *fresh =
	    world_workload(&x.w, "compose/shop/new", "compose/shop");

	move(fresh, out, 443, 500 * MIB, 1000);
	cr_assert_null(watch_last(&x, "exfil-staging"));
}

/* --- brute-force --------------------------------------------------------------------------------- */

static void
session(struct ew_workload *src, struct ew_workload *dst, uint16_t port, int64_t length,
    uint64_t sent, uint64_t got)
{
	struct ew_judgement j;

	world_flow(&x.w, &a, src, dst, port);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	x.w.now.ns += length;
	world_event(&x.w, &a, EW_FLOW_CLOSE);
	a.ev.side[0].bytes = sent;
	a.ev.side[1].bytes = got;
	ew_graph_feed(x.w.graph, &a.c, x.w.now, &j);
	ew_detect_feed(x.detect, &a.c, &j, x.w.now);
}

Test(volume, twenty_alike_sessions_in_a_minute_are_guessing)
{
	for (int i = 0; i < 20; i++) {
		cr_assert_null(watch_last(&x, "brute-force"), "at %d", i);
		session(web, db, 80, EW_NS_PER_S, 400 + (uint64_t)i, 300);
	}
	cr_assert_eq(watch_last(&x, "brute-force")->score, 60);
}

Test(volume, sessions_of_different_sizes_are_not)
{
	for (int i = 0; i < 40; i++)
		session(web, db, 80, EW_NS_PER_S, 100 + (uint64_t)(i * 97) % 900, 300);
	cr_assert_null(watch_last(&x, "brute-force"));
}

Test(volume, long_sessions_are_not)
{
	for (int i = 0; i < 40; i++)
		session(web, db, 80, 6 * EW_NS_PER_S, 400, 300);
	cr_assert_null(watch_last(&x, "brute-force"));
}

Test(volume, a_busy_known_edge_is_its_own_measure)
{
	for (int day = 0; day < 2; day++)
		for (int m = 0; m < 60; m++) {
			for (int i = 0; i < 5; i++)
				session(web, api, 8080, EW_NS_PER_S, 400, 300);
			watch_tick(&x, 24 * MINUTE);
		}
	cr_assert_null(watch_last(&x, "brute-force"));
	for (int i = 0; i < 32; i++)
		session(web, api, 8080, EW_NS_PER_S, 400, 300);
	cr_assert_null(watch_last(&x, "brute-force")); /* 32 < 10 * 5 */
}

Test(volume, five_short_ssh_sessions_are_guessing)
{
	for (int i = 0; i < 5; i++) {
		cr_assert_null(watch_last(&x, "brute-force"));
		session(web, db, 22, 3 * EW_NS_PER_S, 1500, 2500);
	}
	cr_assert_eq(watch_last(&x, "brute-force")->score, 60);
	/* and then a real session */
	session(web, db, 22, 60 * EW_NS_PER_S, 90000, 500000);
	cr_assert_eq(watch_last(&x, "brute-force")->score, 75);
	cr_assert_eq(watch_count(&x, "brute-force"), 1);
}

Test(volume, forty_turns_in_one_connection_are_guessing)
{
	world_flow(&x.w, &a, web, db, 6379);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	a.ev.turns = 39;
	a.ev.turn_median_bytes[0] = a.ev.turn_median_bytes[1] = 40;
	watch_feed(&x, &a, EW_FLOW_TURNS);
	cr_assert_null(watch_last(&x, "brute-force"));
	a.ev.turns = 40;
	watch_feed(&x, &a, EW_FLOW_TURNS);
	cr_assert_not_null(watch_last(&x, "brute-force"));
}

Test(volume, a_known_chatty_edge_is_not_judged_by_turns)
{
	world_flow(&x.w, &a, api, db, 5432);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	a.ev.turns = 5000;
	watch_feed(&x, &a, EW_FLOW_TURNS);
	cr_assert_null(watch_last(&x, "brute-force"));
}
