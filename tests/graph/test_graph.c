/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "graph/fixed.h"
#include <errno.h>

#include "base/counter.h"
#include "graph/world.h"

static struct world w;
static struct ew_workload *web, *api, *db, *cache;

static void
setup(void)
{
	struct ew_graph_conf conf;

	world_init(&w);
	ew_graph_conf_default(&conf);
	w.graph = ew_graph_new(&conf, NULL);
	web = world_workload(&w, "compose/shop/web", "compose/shop");
	api = world_workload(&w, "compose/shop/api", "compose/shop");
	db = world_workload(&w, "compose/shop/db", "compose/shop");
	cache = world_workload(&w, "compose/shop/cache", "compose/shop");
}

static void
teardown(void)
{
	ew_graph_free(w.graph);
	world_fini(&w);
}

TestSuite(graph, .init = setup, .fini = teardown);

static enum ew_verdict
first_verdict(struct ew_workload *src, struct ew_workload *dst, uint16_t port)
{
	struct act a;
	struct ew_judgement j;

	world_flow(&w, &a, src, dst, port);
	world_event(&w, &a, EW_FLOW_ATTEMPT);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	return (enum ew_verdict)j.verdict;
}

static struct ew_workload_view
view(struct ew_workload *x)
{
	struct ew_workload_view v;

	cr_assert(ew_graph_view(w.graph, x, w.now, &v), "%s", x->name);
	return v;
}

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

/* --- decisions ------------------------------------------------------------------------------ */

static int
decide(enum ew_decision_action action, const char *pattern, int64_t expires,
    struct ew_decision_record *ret)
{
	struct ew_decision_record d = { .action = (uint8_t)action,
		.expires_ns = expires };
	struct ew_error error;

	if (pattern)
		cr_assert_eq(ew_pattern_parse(pattern, &d.pattern, &error), 0, "%s",
		    error.text);
	if (action == EW_ACT_UNDO)
		d.undoes = ret->id;
	int err = ew_graph_decide(w.graph, &d, w.now, &error);
	*ret = d;
	return err;
}

Test(graph, an_accepted_edge_is_known_and_undo_takes_it_back)
{
	struct ew_decision_record d;

	world_talk(&w, web, db, 5432);
	cr_assert_eq(decide(EW_ACT_ACCEPT,
			 "compose/shop/web -> compose/shop/db:5432/tcp", 0, &d),
	    0);
	cr_assert_eq(d.edges, 1);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
	cr_assert_eq(decide(EW_ACT_UNDO, NULL, 0, &d), 0);
	cr_assert_neq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
}

Test(graph, a_rule_also_decides_about_edges_to_come)
{
	struct ew_decision_record d;

	cr_assert_eq(decide(EW_ACT_ACCEPT, "compose/shop/* -> *:9090", 0, &d), 0);
	cr_assert_eq(first_verdict(web, db, 9090), EW_VERDICT_KNOWN);
	cr_assert_eq(decide(EW_ACT_DENY, "compose/shop/web -> compose/shop/cache", 0,
			 &d),
	    0);
	cr_assert_eq(first_verdict(web, cache, 6379), EW_VERDICT_DENIED);
}

Test(graph, a_decision_ends_at_its_time)
{
	struct ew_decision_record d;

	cr_assert_eq(decide(EW_ACT_ACCEPT, "compose/shop/web -> compose/shop/db:5432",
			 w.now.ns + HOUR, &d),
	    0);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
	w.now.ns += 3 * HOUR;
	ew_graph_tick(w.graph, w.now);
	cr_assert_neq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
}

Test(graph, forgetting_makes_an_edge_novel_again)
{
	struct ew_decision_record d;

	world_talk(&w, web, api, 8080);
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_eq(decide(EW_ACT_FORGET, "compose/shop/web -> compose/shop/api", 0,
			 &d),
	    0);
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_NOVEL);
	cr_assert_eq(decide(EW_ACT_FORGET, "nobody -> nothing", 0, &d), -ENOENT);
}

Test(graph, a_locked_workload_learns_nothing)
{
	struct ew_decision_record d;

	world_talk(&w, web, api, 8080);
	cr_assert_eq(decide(EW_ACT_LOCK, "compose/shop/web", 0, &d), 0);
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_eq(view(web).state, EW_WL_LOCKED);
	cr_assert_neq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
}

Test(pattern, reads_what_it_writes)
{
	static const char *const texts[] = { "a -> b:5432/tcp", "a -> b:*/*",
		"x/* -> y:dyn/udp", "a -> [ip/fe80::1]:22/tcp" };
	struct ew_pattern p;
	char text[600];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_eq(ew_pattern_parse(texts[i], &p, NULL), 0, "%s", texts[i]);
		cr_assert_str_eq(ew_pattern_format(&p, text, sizeof(text)), texts[i]);
	}
}

Test(pattern, refuses_nonsense_with_a_sentence)
{
	static const char *const texts[] = { "", " -> b", "a -> ", "a -> b:http",
		"a -> b:1/x", "a -> b:70000" };
	struct ew_pattern p;
	struct ew_error error;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		error.text[0] = '\0';
		cr_assert_eq(ew_pattern_parse(texts[i], &p, &error), EW_ERR_FORMAT,
		    "%s", texts[i]);
		cr_assert(error.text[0]);
	}
}

/* --- restart -------------------------------------------------------------------------------- */

static struct ew_graph *target;

static void
copy_workload(void *context, const struct ew_workload_record *r)
{
	(void)context;
	cr_assert_eq(ew_graph_load_workload(target, r), 0);
}

static void
copy_edge(void *context, const struct ew_edge *e)
{
	(void)context;
	cr_assert_eq(ew_graph_load_edge(target, e->src->name, e->dst->name, e), 0);
}

Test(graph, comes_back_from_its_records_as_it_was)
{
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };
	struct ew_graph_conf conf;
	struct ew_graph_record meta;

	world_live(&w, habits, 2, 3 * DAY, 5 * MINUTE);
	const struct ew_workload_view before = view(web);

	ew_graph_conf_default(&conf);
	target = ew_graph_new(&conf, NULL);
	ew_graph_meta(w.graph, w.now, &meta);
	ew_graph_load_meta(target, &meta);
	ew_graph_each_workload(w.graph, w.now, copy_workload, NULL);
	ew_graph_each_edge(w.graph, copy_edge, NULL);
	struct ew_graph *old = w.graph;

	w.graph = target;
	ew_graph_free(old);
	w.now.ns += 5 * DAY; /* down: no age accrues */
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_NOVEL);
	const struct ew_workload_view after = view(web);
	cr_assert_eq(after.age_ns, before.age_ns);
	cr_assert_eq(after.state, before.state);
	cr_assert_eq(after.edges_out, before.edges_out);
	cr_assert_eq(after.incidences, before.incidences);
	cr_assert_eq(after.f1, before.f1);
	cr_assert_eq(ew_graph_observed_ns(w.graph, w.now), meta.observed_ns);
}

static unsigned n_taken;

static void
count_edge(void *context, const struct ew_edge *e)
{
	(void)context;
	(void)e;
	n_taken++;
}

Test(graph, hands_out_each_changed_edge_once)
{
	world_talk(&w, web, api, 8080);
	world_talk(&w, web, db, 5432);
	n_taken = 0;
	ew_graph_take_edges(w.graph, count_edge, NULL);
	cr_assert_eq(n_taken, 2);
	ew_graph_take_edges(w.graph, count_edge, NULL);
	cr_assert_eq(n_taken, 2);
	world_talk(&w, web, db, 5432);
	ew_graph_take_edges(w.graph, count_edge, NULL);
	cr_assert_eq(n_taken, 3);
}

Test(graph, a_full_table_counts_what_it_refuses)
{
	struct ew_graph_conf conf;
	struct act a;
	struct ew_judgement j;

	ew_graph_free(w.graph);
	ew_graph_conf_default(&conf);
	conf.max_edges = 10;
	conf.max_workloads = 3;
	w.graph = ew_graph_new(&conf, NULL);
	for (uint16_t port = 1; port <= 20; port++)
		world_talk(&w, web, api, port);
	world_talk(&w, web, db, 1);
	world_flow(&w, &a, web, cache, 1);
	world_event(&w, &a, EW_FLOW_ATTEMPT);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_null(j.edge);
	struct ew_counter_set set = ew_graph_counters(w.graph);
	uint64_t refused = 0;
	for (size_t i = 0; i < set.count; i++)
		if (strstr(set.counters[i].name, "refused"))
			refused += ew_counter_value(&set, i);
	cr_assert_gt(refused, 10);
}

/* --- automatic acceptance, the outside ------------------------------------------------------- */

static unsigned n_decisions;

static void
count_decision(void *context, const struct ew_decision_record *d)
{
	(void)context;
	n_decisions += d->action == EW_ACT_AUTO;
}

static void
visit_days(int days, uint32_t instances)
{
	struct act a;
	struct ew_judgement j;

	for (int i = 0; i < days; i++) {
		for (uint32_t k = 0; k < instances; k++) {
			world_flow(&w, &a, web, cache, 9999);
			a.c.src.instance += k;
			world_event(&w, &a, EW_FLOW_ESTABLISHED);
			ew_graph_feed(w.graph, &a.c, w.now, &j);
		}
		w.now.ns += DAY;
		ew_graph_tick(w.graph, w.now);
	}
}

static void
with_auto_accept(int64_t after)
{
	const struct ew_graph_sink sink = { .decision = count_decision };
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };
	struct ew_graph_conf conf;

	ew_graph_free(w.graph);
	ew_graph_conf_default(&conf);
	conf.auto_accept_ns = after;
	w.graph = ew_graph_new(&conf, &sink);
	n_decisions = 0;
	world_live(&w, habits, 2, 2 * DAY, 5 * MINUTE);
}

Test(graph, accepts_by_itself_only_when_asked_to)
{
	with_auto_accept(0);
	visit_days(6, 2);
	cr_assert_neq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
}

Test(graph, accepts_by_itself_what_two_instances_show_on_three_days)
{
	with_auto_accept(2 * DAY);
	visit_days(6, 2);
	cr_assert_eq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
	cr_assert_eq(ew_graph_find(w.graph, web, cache, 6, 9999)->origin,
	    EW_ORIGIN_AUTO);
	cr_assert_eq(n_decisions, 1);
}

Test(graph, does_not_accept_what_one_instance_alone_shows)
{
	with_auto_accept(2 * DAY);
	visit_days(6, 1);
	cr_assert_neq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
}

Test(graph, does_not_accept_what_once_scored_fifty)
{
	with_auto_accept(2 * DAY);
	visit_days(1, 2);
	ew_graph_scored(w.graph, ew_graph_find(w.graph, web, cache, 6, 9999), 50);
	visit_days(6, 2);
	cr_assert_neq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
}

Test(graph, twenty_outside_networks_are_one_outside)
{
	struct ew_workload *nets[26];
	char name[40];

	for (int i = 0; i < 26; i++) {
		snprintf(name, sizeof(name), "external/203.%d.0.0/16", i);
		nets[i] = world_peer(&w, name, EW_PEER_EXTERNAL);
	}
	for (int i = 0; i < 24; i++) {
		world_talk(&w, web, nets[i], 443);
		w.now.ns += HOUR;
	}
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, nets[24], 443);
	cr_assert_eq(first_verdict(web, nets[25], 443), EW_VERDICT_KNOWN);
	cr_assert_neq(first_verdict(web, nets[25], 22), EW_VERDICT_KNOWN);
}

Test(graph, clients_from_everywhere_do_not_fill_the_table)
{
	struct ew_graph_conf conf;
	struct ew_workload client = { .cls = EW_PEER_EXTERNAL, .references = 2 };

	ew_graph_free(w.graph);
	ew_graph_conf_default(&conf);
	conf.max_workloads = 64;
	w.graph = ew_graph_new(&conf, NULL);
	for (uint32_t i = 0; i < 200; i++) {
		struct ew_workload *x = calloc(1, sizeof(*x));

		*x = client;
		x->references = 1;
		x->id = 1000 + i;
		snprintf(x->name, sizeof(x->name), "external/10.%u.0.0/16", i);
		world_talk(&w, x, web, 443);
		ew_workload_put(x);
	}
	world_talk(&w, web, api, 8080);
	cr_assert_not_null(ew_graph_find(w.graph, web, api, 6, 8080));
}

static void
import_workload(void *context, const struct ew_workload_record *r)
{
	(void)context;
	cr_assert_eq(ew_graph_import_workload(target, r, w.now), 0);
}

static void
import_edge(void *context, const struct ew_edge *e)
{
	struct ew_edge plain = { .proto = e->proto,
		.port = e->port,
		.status = e->status };

	(void)context;
	cr_assert_eq(ew_graph_import_edge(target, e->src->name, e->dst->name, &plain,
			 w.now),
	    0);
}

Test(graph, an_imported_baseline_is_no_cold_installation)
{
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };
	struct ew_graph_conf conf;
	struct act a;
	struct ew_judgement j;
	struct ew_novelty n;

	world_live(&w, habits, 2, 10 * DAY, HOUR);
	ew_graph_conf_default(&conf);
	target = ew_graph_new(&conf, NULL);
	ew_graph_each_workload(w.graph, w.now, import_workload, NULL);
	ew_graph_each_edge(w.graph, import_edge, NULL);
	ew_graph_free(w.graph);
	w.graph = target;
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
	world_flow(&w, &a, web, db, 5432);
	world_event(&w, &a, EW_FLOW_ESTABLISHED);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	cr_assert_eq(j.verdict, EW_VERDICT_NOVEL);
	ew_graph_novelty(w.graph, &a.c, &j, w.now, &n);
	cr_assert(!n.is_cold_install);
	cr_assert_eq(n.m_q16, 65536);
	cr_assert_eq(view(web).state, EW_WL_PROVISIONAL);
	cr_assert_str_eq(n.expected[0]->dst->name, "compose/shop/api");
}
