/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/counter.h"
#include "graph/shop.h"

TestSuite(graph, .init = shop_setup, .fini = shop_teardown);

Test(graph, an_edge_seen_in_two_slices_while_learning_is_known)
{
	world_talk(&w, web, api, 8080);
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_NOVEL);
	w.now.ns += 6 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
	cr_assert_eq(view(web).edges_out, 1);
	cr_assert_eq(view(api).edges_in, 1);
}

Test(graph, an_edge_of_one_slice_stays_a_candidate)
{
	for (int i = 0; i < 50; i++) {
		world_talk(&w, web, api, 8080);
		w.now.ns += 5 * MINUTE;
	}
	cr_assert_neq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
	cr_assert_eq(view(web).edges_out, 0);
	cr_assert_eq(view(web).candidates, 1);
}

Test(graph, two_replicas_vote_for_an_edge_at_once)
{
	struct act a;
	struct ew_judgement j;

	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&w, &a, web, api, 8080);
		a.c.src.instance = 7000 + i;
		world_event(&w, &a, EW_FLOW_ESTABLISHED);
		ew_graph_feed(w.graph, &a.c, w.now, &j);
	}
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
}

Test(graph, two_starts_teach_a_startup_edge)
{
	struct act a;
	struct ew_judgement j;

	for (uint32_t i = 0; i < 2; i++) {
		world_flow(&w, &a, web, db, 5432);
		a.c.src.in_startup = 1;
		world_event(&w, &a, EW_FLOW_ESTABLISHED);
		a.c.src.instance = 7000; /* one name, two runs: keys differ below */
		a.c.src.instance += i;
		ew_graph_feed(w.graph, &a.c, w.now, &j);
		w.now.ns += MINUTE;
	}
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
}

Test(graph, three_high_ports_of_a_pair_become_one_class)
{
	for (int i = 0; i < 8; i++) {
		world_talk(&w, web, db, (uint16_t)(40000 + i));
		w.now.ns += 3 * HOUR;
	}
	cr_assert_eq(ew_graph_find(w.graph, web, db, 6, EW_PORT_DYN)->status,
	    EW_EDGE_BASELINE);
	cr_assert_eq(first_verdict(web, db, 51234), EW_VERDICT_KNOWN);
	cr_assert_neq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN); /* sensitive */
	cr_assert_neq(first_verdict(web, db, 80), EW_VERDICT_KNOWN);
}

Test(graph, refused_attempts_teach_nothing)
{
	struct act a;
	struct ew_judgement j;

	for (int i = 0; i < 20; i++) {
		world_flow(&w, &a, web, db, 5432);
		world_event(&w, &a, EW_FLOW_ATTEMPT);
		ew_graph_feed(w.graph, &a.c, w.now, &j);
		world_event(&w, &a, EW_FLOW_REFUSED);
		ew_graph_feed(w.graph, &a.c, w.now, &j);
		w.now.ns += 3 * HOUR;
	}
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_NOVEL);
}

Test(graph, remote_administration_is_quarantined_not_learned)
{
	for (int i = 0; i < 5; i++) {
		world_talk(&w, web, db, 22);
		world_talk(&w, web, db, 10250);
		w.now.ns += 7 * HOUR;
	}
	cr_assert_neq(first_verdict(web, db, 22), EW_VERDICT_KNOWN);
	cr_assert_neq(first_verdict(web, db, 10250), EW_VERDICT_KNOWN);
	cr_assert_eq(view(web).quarantined, 2);
}

Test(graph, a_frozen_workload_learns_nothing)
{
	world_talk(&w, web, api, 8080);
	ew_graph_freeze(w.graph, web, true, w.now);
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_neq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
	ew_graph_freeze(w.graph, web, false, w.now);
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
}

Test(graph, a_suspect_source_teaches_nothing_by_itself)
{
	ew_graph_quarantine(w.graph, web, w.now);
	for (int i = 0; i < 5; i++) {
		world_talk(&w, web, api, 8080);
		w.now.ns += 7 * HOUR;
	}
	cr_assert_neq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
}

Test(graph, learning_ends_when_the_workload_is_provisional)
{
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&w, habits, 2, 2 * DAY, 5 * MINUTE);
	cr_assert_eq(view(web).state, EW_WL_PROVISIONAL);
	cr_assert(!view(web).is_incomplete);
	/* After that nothing joins by itself. */
	for (int i = 0; i < 8; i++) {
		world_talk(&w, web, cache, 6379);
		w.now.ns += 7 * HOUR;
	}
	cr_assert_neq(first_verdict(web, cache, 6379), EW_VERDICT_KNOWN);
}

Test(graph, learning_ends_at_seven_ages_in_any_case)
{
	const struct habit habits[] = { { web, api, 8080 } };

	world_live(&w, habits, 1, 8 * DAY, 20 * HOUR); /* far below 100 incidences */
	cr_assert_eq(view(web).state, EW_WL_PROVISIONAL);
	cr_assert(view(web).is_incomplete);
}

Test(graph, seven_days_of_habit_are_mature)
{
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&w, habits, 2, 8 * DAY, 30 * MINUTE);
	cr_assert_eq(view(web).state, EW_WL_MATURE);
	cr_assert_eq(view(db).state, EW_WL_MATURE);
	cr_assert_eq(view(web).m_q16, 65536);
}

Test(graph, a_stale_workload_is_called_so_and_comes_back)
{
	const struct habit habits[] = { { web, api, 8080 } };
	const struct habit others[] = { { db, cache, 6379 } };

	world_live(&w, habits, 1, 2 * DAY, 5 * MINUTE);
	world_live(&w, others, 1, 15 * DAY, HOUR);
	cr_assert_eq(view(web).state, EW_WL_STALE);
	world_talk(&w, web, api, 8080);
	w.now.ns += 10 * MINUTE;
	ew_graph_tick(w.graph, w.now);
	cr_assert_neq(view(web).state, EW_WL_STALE);
}

Test(graph, an_unseen_edge_becomes_dormant_and_returns)
{
	const struct habit habits[] = { { web, api, 8080 }, { web, db, 5432 } };
	struct act a;
	struct ew_judgement j;

	world_live(&w, habits, 2, 2 * DAY, 5 * MINUTE);
	world_live(&w, habits, 1, 31 * DAY, HOUR);
	cr_assert_eq(ew_graph_find(w.graph, web, db, 6, 5432)->status, EW_EDGE_DORMANT);
	world_flow(&w, &a, web, db, 5432);
	world_event(&w, &a, EW_FLOW_ESTABLISHED);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_CANDIDATE);
	cr_assert_gt(j.dormant_ns, 30 * DAY);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
}

Test(graph, a_scan_leaves_no_furniture)
{
	struct act a;
	struct ew_judgement j;
	struct ew_counter_set counters;

	for (uint16_t port = 1; port <= 1000; port++) {
		world_flow(&w, &a, web, db, port);
		world_event(&w, &a, EW_FLOW_ATTEMPT);
		ew_graph_feed(w.graph, &a.c, w.now, &j);
		cr_assert_eq(j.verdict, EW_VERDICT_NOVEL);
	}
	cr_assert_leq(view(web).candidates, 64);
	w.now.ns += 26 * HOUR;
	ew_graph_tick(w.graph, w.now);
	cr_assert_eq(view(web).candidates, 0);
	counters = ew_graph_counters(w.graph);
	cr_assert_gt(counters.count, 0);
}

Test(graph, keeps_the_verdict_of_the_first_story)
{
	const struct habit habits[] = { { web, api, 8080 } };
	struct act a;
	struct ew_judgement j;

	world_live(&w, habits, 1, 3 * DAY, 5 * MINUTE);
	world_flow(&w, &a, web, db, 5432);
	world_event(&w, &a, EW_FLOW_ATTEMPT);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	world_event(&w, &a, EW_FLOW_ESTABLISHED);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_NOVEL);
	w.now.ns += 2 * HOUR;
	world_event(&w, &a, EW_FLOW_CLOSE);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_NOVEL);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_CANDIDATE);
}

Test(graph, midstream_flows_are_not_judged_in_the_grace_time)
{
	struct act a;
	struct ew_judgement j;

	world_flow(&w, &a, web, db, 5432);
	a.ev.flags |= EW_FLOW_F_MIDSTREAM;
	world_event(&w, &a, EW_FLOW_MIDSTREAM);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_UNJUDGED);
	w.now.ns += 3 * MINUTE;
	world_flow(&w, &a, web, cache, 6379);
	a.ev.flags |= EW_FLOW_F_MIDSTREAM;
	world_event(&w, &a, EW_FLOW_MIDSTREAM);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_NOVEL);
}

Test(graph, counts_bytes_of_long_flows_once)
{
	struct act a;
	struct ew_judgement j;

	world_talk(&w, web, api, 8080);
	const struct ew_edge *e = ew_graph_find(w.graph, web, api, 6, 8080);
	uint64_t before = e->src_bytes;

	world_flow(&w, &a, web, api, 8080);
	world_event(&w, &a, EW_FLOW_UPDATE);
	a.ev.side[0].bytes = 500;
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.bytes[0], 500);
	a.ev.side[0].bytes = 700;
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.bytes[0], 200);
	a.ev.kind = EW_FLOW_CLOSE;
	a.ev.side[0].bytes = 1000;
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.bytes[0], 300);
	cr_assert_eq(e->src_bytes - before, 1000);
}
