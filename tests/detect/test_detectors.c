/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>

#include "detect/detector.h"
#include "detect/watch.h"

static struct watch x;
static struct ew_workload *web, *api, *db;

static void
setup(void)
{
	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
}

static void
teardown(void)
{
	watch_fini(&x);
}

static void
grow_old(int days)
{
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&x.w, habits, 2, days * DAY, HOUR / 2);
}

TestSuite(detectors, .init = setup, .fini = teardown);

Test(detectors, have_unique_names_and_sane_options)
{
	for (int i = 0; ew_detectors[i]; i++) {
		for (int k = 0; k < i; k++)
			cr_assert_str_neq(ew_detectors[i]->name, ew_detectors[k]->name);
		cr_assert_leq(ew_detectors[i]->n_options, EW_DETECTOR_OPTIONS_MAX);
		for (size_t o = 0; o < ew_detectors[i]->n_options; o++) {
			const struct ew_detector_option *opt =
			    &ew_detectors[i]->options[o];

			cr_assert(opt->min <= opt->default_value &&
				opt->default_value <= opt->max,
			    "%s.%s", ew_detectors[i]->name, opt->name);
		}
	}
}

Test(detectors, options_are_set_by_name_within_their_range)
{
	struct ew_detect_conf conf;

	ew_detect_conf_default(&conf);
	cr_assert_eq(ew_detect_conf_set(&conf, "scan", "threshold", 900), 0);
	cr_assert_eq(ew_detect_conf_set(&conf, "scan", "threshold", 1), -ERANGE);
	cr_assert_eq(ew_detect_conf_set(&conf, "scan", "nothing", 1), -ENOENT);
}

Test(detectors, keep_little_state)
{
	size_t sum = 0;

	for (int i = 0; ew_detectors[i]; i++)
		sum += ew_detectors[i]->state_size;
	/* Besides: 4,096 walks of 1.4 KiB and 8,192 tracks of 56 bytes. P1: 64 MiB in all. */
	cr_assert_leq(sum, 8u << 20, "%zu", sum);
}

/* --- new-edge ---------------------------------------------------------------------------------- */

TestSuite(new_edge, .init = setup, .fini = teardown);

Test(new_edge, speaks_at_established_and_not_at_the_attempt)
{
	struct act a;

	grow_old(14);
	world_flow(&x.w, &a, web, db, 5432);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ATTEMPT), 0);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ESTABLISHED), 1);
	cr_assert_eq(x.seen[0].score, 35 + 5 + 15 + 6); /* api has it: rarity 5 */
}

Test(new_edge, payload_raises_the_same_signal)
{
	struct act a;

	grow_old(14);
	world_flow(&x.w, &a, web, db, 5432);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_PAYLOAD), 1);
	cr_assert_eq(x.seen[1].id, x.seen[0].id);
	cr_assert_eq(x.seen[1].is_update, 1);
	cr_assert_eq(x.seen[1].score, 65);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_CLOSE), 0);
}

Test(new_edge, is_told_once_until_six_hours_of_silence)
{
	grow_old(14);
	watch_talk(&x, web, db, 5432);
	for (int i = 0; i < 20; i++) {
		x.w.now.ns += HOUR;
		watch_talk(&x, web, db, 5432);
	}
	cr_assert_eq(watch_count(&x, "new-edge"), 1);
	x.w.now.ns += 7 * HOUR;
	watch_talk(&x, web, db, 5432);
	cr_assert_eq(watch_count(&x, "new-edge"), 2);
	cr_assert_lt(watch_last(&x, "new-edge")->score, 65); /* a candidate by now */
}

Test(new_edge, known_edges_are_silent_whatever_happens_on_them)
{
	grow_old(14);
	for (int i = 0; i < 50; i++)
		watch_try(&x, api, db, 5432, EW_FLOW_REFUSED);
	for (int i = 0; i < 50; i++)
		watch_try(&x, web, api, 8080, EW_FLOW_UNANSWERED);
	cr_assert_eq(x.n_seen, 0);
}

Test(new_edge, multicast_resolvers_and_probes_are_suppressed)
{
	struct ew_workload *group = world_peer(&x.w, "multicast", EW_PEER_MULTICAST);
	struct ew_workload *node = world_peer(&x.w, "host/n1", EW_PEER_NODE);
	struct act a;

	grow_old(14);
	watch_talk(&x, web, group, 5353);
	world_flow(&x.w, &a, web, node, 53);
	a.ev.tuple.proto = 17;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	watch_talk(&x, node, api, 8080); /* a learned port */
	cr_assert_eq(x.n_seen, 0);
}

Test(new_edge, a_young_workload_is_a_digest_row_at_most)
{
	grow_old(14);
	struct ew_workload *fresh =
	    world_workload(&x.w, "compose/shop/new", "compose/shop");

	fresh->posture = EW_POSTURE_PRIVILEGED;
	watch_talk(&x, fresh, db, 22);
	const struct ew_signal *s = watch_last(&x, "new-edge");
	cr_assert_not_null(s);
	cr_assert_leq(s->score, 49);
	cr_assert_eq(watch_sum(s), s->score);
}

Test(new_edge, a_change_window_holds_and_discounts)
{
	struct act a;

	grow_old(14);
	web->instances = 3;
	world_flow(&x.w, &a, web, db, 5432);
	a.c.src.in_change_window = 1;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	watch_feed(&x, &a, EW_FLOW_PAYLOAD);
	cr_assert_eq(watch_last(&x, "new-edge")->score, 35);
	cr_assert_eq(watch_last(&x, "new-edge")->in_change_window, 1);
	/* No other replica follows: after ten minutes the discount is taken back. */
	watch_tick(&x, 9 * MINUTE);
	cr_assert_eq(watch_last(&x, "new-edge")->score, 35);
	watch_tick(&x, 2 * MINUTE);
	cr_assert_eq(watch_last(&x, "new-edge")->score, 65);
	cr_assert_eq(watch_last(&x, "new-edge")->in_change_window, 0);
	cr_assert_eq(watch_count(&x, "new-edge"), 1);
}

Test(new_edge, a_release_of_all_replicas_stays_small)
{
	struct act a;

	grow_old(14);
	web->instances = 3;
	for (uint32_t i = 0; i < 3; i++) {
		world_flow(&x.w, &a, web, db, 5432);
		a.c.src.in_change_window = 1;
		a.c.src.instance = 7000 + i;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
		watch_feed(&x, &a, EW_FLOW_PAYLOAD);
		x.w.now.ns += MINUTE;
	}
	watch_tick(&x, 15 * MINUTE);
	for (unsigned i = 0; i < x.n_seen; i++)
		cr_assert_lt(x.seen[i].score, 50);
}

/* --- new-port, sensitive-access, role-reversal --------------------------------------------------- */

TestSuite(new_port, .init = setup, .fini = teardown);

Test(new_port, a_known_pair_counts_less)
{
	grow_old(14);
	watch_talk(&x, web, api, 9999);
	const struct ew_signal *s = watch_last(&x, "new-port");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 28 + 10 + 10);
	cr_assert_null(watch_last(&x, "new-edge"));
}

TestSuite(sensitive, .init = setup, .fini = teardown);

Test(sensitive, a_refused_probe_of_the_docker_api_has_its_floor)
{
	struct ew_workload *node = world_peer(&x.w, "host/n1", EW_PEER_NODE);

	watch_tick(&x, HOUR); /* watched for an hour only: no maturity at all */
	watch_try(&x, web, node, 2375, EW_FLOW_REFUSED);
	const struct ew_signal *s = watch_last(&x, "sensitive-access");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 60);
}

Test(sensitive, what_was_there_at_installation_is_for_review)
{
	struct ew_workload *node = world_peer(&x.w, "host/n1", EW_PEER_NODE);

	watch_talk(&x, web, node, 10250);
	const struct ew_signal *s = watch_last(&x, "sensitive-access");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 49);
	cr_assert_eq(s->is_capped, 1);
	cr_assert_eq(ew_graph_find(x.w.graph, web, node, 6, 10250)->status,
	    EW_EDGE_QUARANTINED);
}

Test(sensitive, three_kit_ports_are_a_kit)
{
	struct ew_workload *node = world_peer(&x.w, "host/n1", EW_PEER_NODE);

	watch_try(&x, web, node, 10250, EW_FLOW_REFUSED);
	watch_try(&x, web, node, 8080, EW_FLOW_REFUSED);
	for (unsigned i = 0; i < x.n_seen; i++)
		cr_assert_lt(x.seen[i].score, 90);
	watch_try(&x, web, node, 10255, EW_FLOW_REFUSED);
	bool has_kit = false;
	for (unsigned i = 0; i < x.n_seen; i++)
		has_kit |= x.seen[i].score == 90;
	cr_assert(has_kit);
}

TestSuite(role, .init = setup, .fini = teardown);

Test(role, a_server_that_calls_out_gets_its_points)
{
	grow_old(14);
	watch_talk(&x, db, web, 4444);
	const struct ew_signal *s = watch_last(&x, "role-reversal");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 35 + 15 + 10 + 20);
	cr_assert_eq(watch_last(&x, "new-edge")->score, s->score);
	cr_assert_eq(watch_sum(s), s->score);
}

Test(role, a_callback_counts_more_and_names_the_entry)
{
	grow_old(14);
	watch_talk(&x, api, db, 5432);
	watch_talk(&x, db, api, 4444);
	const struct ew_signal *s = watch_last(&x, "role-reversal");
	cr_assert_eq(s->score, 35 + 15 + 10 + 30);
	cr_assert_not_null(
	    strstr(s->evidence, "possible entry: compose/shop/api:5432"));
}

Test(role, a_client_is_no_server)
{
	grow_old(14);
	watch_talk(&x, web, db, 4444);
	cr_assert_null(watch_last(&x, "role-reversal"));
}

/* --- canary, deny, dark, coverage ----------------------------------------------------------------- */

TestSuite(canary, .init = setup, .fini = teardown);

Test(canary, any_attempt_is_95)
{
	struct ew_workload *decoy =
	    world_workload(&x.w, "compose/shop/decoy", "compose/shop");
	struct act a;

	decoy->labels = EW_LABEL_CANARY;
	world_flow(&x.w, &a, web, decoy, 80);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ATTEMPT), 1);
	cr_assert_eq(x.seen[0].score, 95);
	watch_talk(&x, web, decoy, 81);
	cr_assert_eq(watch_count(&x, "canary-touch"), 1);
}

Test(canary, arp_alone_is_60)
{
	struct ew_workload *decoy =
	    world_workload(&x.w, "compose/shop/decoy", "compose/shop");
	struct act a;

	decoy->labels = EW_LABEL_CANARY;
	world_flow(&x.w, &a, web, decoy, 0);
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ARP), 1);
	cr_assert_eq(x.seen[0].score, 60);
}

Test(canary, declared_probes_of_the_node_are_let_through)
{
	struct ew_workload *decoy =
	    world_workload(&x.w, "compose/shop/decoy", "compose/shop");
	struct ew_workload *node = world_peer(&x.w, "host/n1", EW_PEER_NODE);
	struct act a;

	decoy->labels = EW_LABEL_CANARY;
	world_flow(&x.w, &a, node, decoy, 80);
	a.c.server_port_known = 1;
	cr_assert_eq(watch_feed(&x, &a, EW_FLOW_ATTEMPT), 0);
}

TestSuite(deny, .init = setup, .fini = teardown);

Test(deny, a_denied_edge_is_75_once_per_burst)
{
	struct ew_decision_record d = { .action = EW_ACT_DENY };

	cr_assert_eq(ew_pattern_parse("compose/shop/web -> compose/shop/db", &d.pattern,
			 NULL),
	    0);
	cr_assert_eq(ew_graph_decide(x.w.graph, &d, x.w.now, NULL), 0);
	for (int i = 0; i < 5; i++)
		watch_talk(&x, web, db, 5432);
	cr_assert_eq(watch_count(&x, "policy-deny"), 1);
	cr_assert_eq(watch_last(&x, "policy-deny")->score, 75);
	x.w.now.ns += 7 * HOUR;
	watch_talk(&x, web, db, 5432);
	cr_assert_eq(watch_count(&x, "policy-deny"), 2);
}

TestSuite(coverage, .init = setup, .fini = teardown);

Test(coverage, small_losses_are_recorded_and_large_ones_told_once)
{
	struct ew_gap_info gap = { .from_ns = x.w.now.ns,
		.to_ns = x.w.now.ns + MINUTE,
		.lost = 5,
		.cause = EW_GAP_KERNEL_DROP };

	ew_detect_gap(x.detect, &gap, 10000, x.w.now);
	cr_assert_eq(x.n_health, 1);
	cr_assert_eq(x.health[0].is_notice, 0);
	gap.lost = 500;
	ew_detect_gap(x.detect, &gap, 10000, x.w.now);
	ew_detect_gap(x.detect, &gap, 10000, x.w.now);
	cr_assert_eq(x.health[1].is_notice, 1);
	cr_assert_eq(x.health[2].is_notice, 0);
	x.w.now.ns += 7 * HOUR;
	ew_detect_gap(x.detect, &gap, 10000, x.w.now);
	cr_assert_eq(x.health[3].is_notice, 1);
	cr_assert_eq(x.n_seen, 0);
}

/* --- new-workload --------------------------------------------------------------------------------- */

TestSuite(new_workload, .init = setup, .fini = teardown);

static void
appear(struct ew_workload *who, enum ew_lifecycle_kind kind)
{
	const struct ew_lifecycle life = { .kind = (uint8_t)kind,
		.at = x.w.now,
		.workload = who };

	ew_graph_lifecycle(x.w.graph, &life, x.w.now);
	ew_detect_lifecycle(x.detect, &life, x.w.now);
}

Test(new_workload, an_unmanaged_stranger_among_managed_is_told)
{
	struct ew_workload *shady = world_workload(&x.w, "image/miner", "miner");

	shady->is_managed = 0;
	snprintf(shady->image_repo, sizeof(shady->image_repo), "evil/miner");
	for (int i = 0; i < 3; i++) {
		appear(web, EW_LIFE_WORKLOAD_NEW);
		appear(db, EW_LIFE_WORKLOAD_NEW);
	}
	appear(NULL, EW_LIFE_INVENTORY_READY);
	cr_assert_eq(x.n_seen, 0); /* the first inventory is not new */
	appear(shady, EW_LIFE_WORKLOAD_NEW);
	cr_assert_eq(x.n_seen, 1);
	cr_assert_eq(x.seen[0].score, 20 + 15 + 10);
}

Test(new_workload, an_ordinary_one_is_not_worth_a_row)
{
	appear(NULL, EW_LIFE_INVENTORY_READY);
	appear(web, EW_LIFE_WORKLOAD_NEW);
	cr_assert_eq(x.n_seen, 0);
}

Test(new_workload, a_project_is_one_signal)
{
	web->posture = api->posture = db->posture = EW_POSTURE_PRIVILEGED;
	appear(NULL, EW_LIFE_INVENTORY_READY);
	appear(web, EW_LIFE_WORKLOAD_NEW);
	x.w.now.ns += MINUTE;
	appear(api, EW_LIFE_WORKLOAD_NEW);
	appear(db, EW_LIFE_WORKLOAD_NEW);
	cr_assert_eq(watch_count(&x, "new-workload"), 1);
	cr_assert_eq(x.seen[0].score, 30);
}
