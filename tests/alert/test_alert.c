/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>

#include "alert/desk.h"

/* detectors.md 5: grouping, score, messages, with signals made by hand. */

static struct desk d;
static struct ew_workload *web, *api, *db;

static void
setup(void)
{
	desk_init(&d, DAY, NULL);
	web = world_workload(&d.x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&d.x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&d.x.w, "compose/shop/db", "compose/shop");
}

static void
teardown(void)
{
	desk_fini(&d);
}

TestSuite(alert, .init = setup, .fini = teardown);

static uint64_t
feed(uint64_t id, struct ew_workload *src, struct ew_workload *dst, int score)
{
	struct ew_signal s;

	desk_make(&d, &s, id, src, dst, score);
	return ew_alert_feed(d.alert, &s, d.x.w.now);
}

Test(alert, a_signal_below_30_opens_nothing)
{
	cr_assert_eq(feed(1, web, db, 29), 0);
	cr_assert_neq(feed(1, web, db, 30), 0);
}

Test(alert, signals_of_one_source_are_one_incident)
{
	uint64_t id = feed(1, web, db, 60);

	d.x.w.now.ns += 5 * HOUR;
	cr_assert_eq(feed(2, web, api, 60), id);
	cr_assert_eq(d.n_ids, 1);
	cr_assert_eq(d.last.n_signals, 2);
	cr_assert_eq(d.last.n_targets, 2);
}

Test(alert, six_idle_hours_close_it)
{
	uint64_t id = feed(1, web, db, 60);

	desk_tick(&d, 6 * HOUR - EW_NS_PER_S);
	cr_assert_eq(d.last.state, EW_INCIDENT_OPEN);
	desk_tick(&d, 2 * EW_NS_PER_S);
	cr_assert_eq(d.last.state, EW_INCIDENT_CLOSED);
	cr_assert_eq(d.last.closed_ns, WORLD_START + 6 * HOUR);
	cr_assert_neq(feed(2, web, api, 60), id);
}

Test(alert, seven_days_split_it)
{
	uint64_t first = feed(1, web, db, 60), last = 0;

	for (int i = 0; i < 40; i++) {
		d.x.w.now.ns += 5 * HOUR;
		last = feed(2 + (uint64_t)i, web, db, 60);
	}
	cr_assert_neq(first, last);
}

Test(alert, what_an_incident_reached_is_suspect_and_joins_it)
{
	uint64_t id = feed(1, web, api, 60);

	d.x.w.now.ns += HOUR;
	cr_assert_eq(feed(2, api, db, 60), id);
	cr_assert_eq(d.last.n_path, 2);
	cr_assert_eq(d.last.path[0].from, web);
	cr_assert_eq(d.last.path[1].to, db);
	cr_assert_eq(d.last.src, web);
}

Test(alert, two_incidents_that_meet_become_one)
{
	uint64_t id = feed(1, web, api, 60);

	feed(2, db, web,
	    40); /* another source; web becomes its suspect too late to matter */
	cr_assert_eq(d.n_ids, 2);
	feed(3, web, db, 60);
	cr_assert_not_null(ew_alert_find(d.alert, id));
	unsigned open = 0;
	for (unsigned i = 0; i < d.n_ids; i++)
		open += ew_alert_find(d.alert, d.ids[i]) != NULL;
	cr_assert_eq(open, 1);
}

Test(alert, the_score_adds_what_is_new_only)
{
	struct ew_signal s;

	feed(1, web, db, 60);
	feed(2, web, db, 60); /* same target, family, tactic */
	cr_assert_eq(d.last.score, 60);
	feed(3, web, api, 60); /* a second target: + 18 */
	cr_assert_eq(d.last.score, 78);
	desk_make(&d, &s, 4, web, db, 65);
	s.family = EW_FAMILY_SCAN;
	s.tactic = EW_TACTIC_DISCOVERY;
	s.detector = "scan-vertical";
	ew_alert_feed(d.alert, &s, d.x.w.now);
	/* 65 + 18 + 9 + 10 for a second tactic, at most 100 */
	cr_assert_eq(d.last.score, 100);
	cr_assert_eq(d.last.tier, EW_TIER_PAGE);
	cr_assert_eq(d.last.n_detectors, 2);
}

Test(alert, a_page_waits_twenty_seconds_and_goes_once)
{
	feed(1, web, db, 80);
	desk_tick(&d, 19 * EW_NS_PER_S);
	cr_assert_eq(d.n_messages, 0);
	desk_tick(&d, 2 * EW_NS_PER_S);
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(d.messages[0].created_us, (WORLD_START + 20 * EW_NS_PER_S) / 1000);
	cr_assert_eq(d.messages[0].kind, EW_MSG_OPENED);
	for (uint64_t i = 2; i < 200; i++) {
		feed(i, web, db, 80);
		desk_tick(&d, MINUTE);
	}
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(d.last.messages_sent, 1);
}

Test(alert, a_notify_waits_two_minutes)
{
	feed(1, web, db, 60);
	desk_tick(&d, 119 * EW_NS_PER_S);
	cr_assert_eq(d.n_messages, 0);
	desk_tick(&d, 2 * EW_NS_PER_S);
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(d.messages[0].tier, EW_TIER_NOTIFY);
}

Test(alert, a_digest_matter_is_not_sent_by_itself)
{
	feed(1, web, db, 45);
	desk_tick(&d, HOUR);
	cr_assert_eq(d.n_messages, 0);
}

Test(alert, it_rises_to_page_within_the_hold)
{
	feed(1, web, db, 60);
	desk_tick(&d, 10 * EW_NS_PER_S);
	feed(1, web, db, 75);
	desk_tick(&d, 21 * EW_NS_PER_S);
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(d.messages[0].tier, EW_TIER_PAGE);
}

Test(alert, a_new_hop_is_told_at_most_every_fifteen_minutes)
{
	feed(1, web, api, 80);
	desk_tick(&d, 30 * EW_NS_PER_S);
	cr_assert_eq(d.n_messages, 1);
	feed(2, api, db, 80);
	desk_tick(&d, 10 * MINUTE);
	cr_assert_eq(d.n_messages, 1);
	desk_tick(&d, 6 * MINUTE);
	cr_assert_eq(d.n_messages, 2);
	cr_assert_eq(d.messages[1].kind, EW_MSG_UPDATED);
	cr_assert_eq(d.messages[1].sequence, 2);
	cr_assert_eq(d.messages[1].incident_id, d.messages[0].incident_id);
	cr_assert_neq(d.messages[1].id, d.messages[0].id);
}

Test(alert, the_same_matter_is_not_told_twice_a_day)
{
	feed(1, web, db, 80);
	desk_tick(&d, MINUTE);
	desk_tick(&d, 7 * HOUR);
	feed(2, web, db, 80);
	desk_tick(&d, MINUTE);
	cr_assert_eq(d.n_ids, 2);
	cr_assert_eq(d.n_messages, 1);
	desk_tick(&d, 25 * HOUR);
	feed(3, web, db, 80);
	desk_tick(&d, MINUTE);
	cr_assert_eq(d.n_messages, 2);
}

Test(alert, more_than_six_an_hour_are_one_storm)
{
	struct ew_workload *many[20];
	char name[32];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "compose/p%d/x", i);
		many[i] = world_workload(&d.x.w, name, "p");
		feed(100 + (uint64_t)i, many[i], NULL, 80);
	}
	desk_tick(&d, 5 * MINUTE);
	cr_assert_eq(d.n_ids, 20);
	cr_assert_eq(d.n_messages, 7);
	cr_assert_eq(d.messages[6].kind, EW_MSG_STORM);
	cr_assert_eq(d.messages[6].n_lines, 14);
	desk_tick(&d, 3 * HOUR);
	cr_assert_eq(d.n_messages, 7);
}

Test(alert, the_digest_comes_at_nine_and_not_empty)
{
	desk_tick(&d, 10 * HOUR); /* past nine with nothing to say */
	cr_assert_eq(d.n_messages, 0);
	feed(1, web, db, 45);
	feed(2, api, db, 35);
	desk_tick(&d, 24 * HOUR);
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(d.messages[0].kind, EW_MSG_DIGEST);
	cr_assert_eq(d.messages[0].n_lines, 2);
	cr_assert_eq(d.messages[0].created_us, (WORLD_START + 33 * HOUR) / 1000);
	desk_tick(&d, 24 * HOUR);
	cr_assert_eq(d.n_messages, 1);
}

Test(alert, a_held_signal_stays_at_digest_until_its_hold_ends)
{
	struct ew_signal s;

	desk_make(&d, &s, 1, web, db, 75);
	s.in_change_window = 1;
	s.hold_until_ns = d.x.w.now.ns + 10 * MINUTE;
	ew_alert_feed(d.alert, &s, d.x.w.now);
	cr_assert_eq(d.last.score, 49);
	desk_tick(&d, 20 * MINUTE);
	cr_assert_eq(d.n_messages, 0);
	/* Detect took the window back: it counts in full. */
	s.in_change_window = 0;
	s.is_update = 1;
	ew_alert_feed(d.alert, &s, d.x.w.now);
	cr_assert_eq(d.last.score, 75);
	desk_tick(&d, MINUTE);
	cr_assert_eq(d.n_messages, 1);
}

Test(alert, an_open_incident_of_50_freezes_its_sources)
{
	uint64_t id = feed(1, web, api, 60);

	cr_assert_eq(d.freezes, 1);
	feed(2, api, db, 60);
	cr_assert_eq(d.freezes, 2);
	cr_assert_eq(ew_alert_decide(d.alert, id, EW_DECISION_ACCEPTED, 0, d.x.w.now),
	    0);
	cr_assert_eq(d.freezes, 0);
	cr_assert_eq(d.last.state, EW_INCIDENT_CLOSED);
	cr_assert_eq(d.last.decision, EW_DECISION_ACCEPTED);
	desk_tick(&d, HOUR);
	cr_assert_eq(d.n_messages, 0);
}

Test(alert, a_snoozed_incident_says_nothing)
{
	uint64_t id = feed(1, web, db, 80);

	cr_assert_eq(ew_alert_decide(d.alert, id, EW_DECISION_SNOOZED,
			 d.x.w.now.ns + HOUR, d.x.w.now),
	    0);
	desk_tick(&d, 10 * MINUTE);
	feed(2, web, api, 80);
	desk_tick(&d, 10 * MINUTE);
	cr_assert_eq(d.n_messages, 0);
	cr_assert_eq(ew_alert_decide(d.alert, 12345, EW_DECISION_DENIED, 0, d.x.w.now),
	    -ENOENT);
}

Test(alert, accepting_the_only_edge_closes_it)
{
	feed(1, web, db, 80);
	ew_alert_accept_edge(d.alert, web, db, 6, 5432, d.x.w.now);
	cr_assert_eq(d.last.state, EW_INCIDENT_CLOSED);
	cr_assert_eq(d.last.decision, EW_DECISION_ACCEPTED);
	feed(2, web, db, 80);
	feed(3, web, api, 60);
	ew_alert_accept_edge(d.alert, web, db, 6, 5432, d.x.w.now);
	cr_assert_eq(d.last.state, EW_INCIDENT_OPEN);
	cr_assert_eq(d.last.score, 60);
}

Test(alert, a_gap_marks_what_it_overlaps)
{
	struct ew_health h = { .from_ns = d.x.w.now.ns,
		.to_ns = d.x.w.now.ns + HOUR,
		.is_notice = 1 };

	snprintf(h.text, sizeof(h.text), "coverage reduced: test");
	feed(1, web, db, 80);
	ew_alert_gap(d.alert, &h, d.x.w.now);
	cr_assert_eq(d.last.gaps, 1);
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(d.messages[0].kind, EW_MSG_HEALTH);
	cr_assert_str_eq(d.messages[0].title, "coverage reduced: test");
}

Test(alert, lists_are_bounded_and_the_rest_is_counted)
{
	struct ew_signal s;

	for (uint64_t i = 1; i <= 300; i++) {
		desk_make(&d, &s, i, web, NULL, 60);
		s.n_samples = 1;
		s.samples[0].dst = world_addr((uint32_t)i);
		s.samples[0].port = 80;
		s.samples[0].proto = 6;
		ew_alert_feed(d.alert, &s, d.x.w.now);
	}
	cr_assert_eq(d.last.n_signals, EW_INCIDENT_SIGNALS_MAX);
	cr_assert_eq(d.last.more_signals, 100);
	cr_assert_eq(d.last.n_targets, EW_INCIDENT_TARGETS_MAX);
	cr_assert_gt(d.last.more_targets, 0);
}

Test(alert, too_many_open_incidents_are_refused_and_counted)
{
	struct ew_alert_conf conf;
	struct desk e;

	ew_alert_conf_default(&conf);
	conf.max_open = 2;
	desk_init(&e, DAY, &conf);
	for (int i = 0; i < 4; i++) {
		struct ew_signal s;
		char name[16];

		snprintf(name, sizeof(name), "w%d", i);
		desk_make(&e, &s, (uint64_t)i + 1, world_workload(&e.x.w, name, ""),
		    NULL, 80);
		ew_alert_feed(e.alert, &s, e.x.w.now);
	}
	cr_assert_eq(e.n_ids, 2);
	desk_fini(&e);
}

Test(alert, comes_back_after_a_restart_and_repeats_nothing)
{
	struct ew_signal s;
	struct ew_incident kept;

	uint64_t id = feed(1, web, db, 80);
	desk_tick(&d, MINUTE);
	cr_assert_eq(d.n_messages, 1);
	kept = *ew_alert_find(d.alert, id);
	const struct ew_alert_sink sink = { &d, desk_incident, desk_message,
		desk_freeze, NULL };
	struct ew_alert_conf conf;
	ew_alert_conf_default(&conf);
	struct ew_alert *again = ew_alert_new(&conf, &sink);
	cr_assert_eq(ew_alert_load(again, &kept), 0);
	ew_alert_free(d.alert);
	d.alert = again;
	desk_make(&d, &s, 1, web, db, 80);
	cr_assert_eq(ew_alert_load_signal(again, id, &s), 0);
	ew_alert_load_sent(again, id, d.x.w.now.ns);
	desk_tick(&d, HOUR);
	cr_assert_eq(d.n_messages, 1);
	cr_assert_eq(feed(2, web, api, 60), id);
}

Test(alert, the_message_says_all_that_5_4_asks_for)
{
	struct ew_signal s;

	desk_make(&d, &s, 1, web, db, 80);
	s.n_reasons = 4;
	for (int i = 0; i < 4; i++) {
		s.reasons[i].points = (int16_t)(10 + i);
		snprintf(s.reasons[i].text, sizeof(s.reasons[i].text), "reason %d", i);
	}
	snprintf(s.evidence, sizeof(s.evidence),
	    "baseline: has spoken to 4 services in 14 d, none new since\nreplicas: 1 "
	    "of 3 show it");
	ew_alert_feed(d.alert, &s, d.x.w.now);
	desk_tick(&d, MINUTE);
	const struct ew_message *m = &d.messages[0];
	cr_assert_str_eq(m->title,
	    "compose/shop/web on n1 opened postgres on compose/shop/db:5432; never "
	    "done in 14 d");
	cr_assert_str_eq(m->path, "compose/shop/web -> compose/shop/db:5432 00:00:00");
	cr_assert_eq(m->reasons[0].points, 13);
	cr_assert_str_eq(m->reasons[0].text, "reason 3");
	cr_assert_str_eq(m->techniques, "T1021");
	cr_assert_str_eq(m->baseline,
	    "has spoken to 4 services in 14 d, none new since");
	cr_assert_str_eq(m->benign, "a release");
	cr_assert_str_eq(m->targets[0], "compose/shop/db:5432/tcp payload");
	cr_assert_str_eq(m->node, "n1");
}
