/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/counter.h"
#include "graph/shop.h"

TestSuite(persist, .init = shop_setup, .fini = shop_teardown);

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

Test(persist, comes_back_from_its_records_as_it_was)
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

Test(persist, hands_out_each_changed_edge_once)
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

Test(persist, a_full_table_counts_what_it_refuses)
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

Test(persist, accepts_by_itself_only_when_asked_to)
{
	with_auto_accept(0);
	visit_days(6, 2);
	cr_assert_neq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
}

Test(persist, accepts_by_itself_what_two_instances_show_on_three_days)
{
	with_auto_accept(2 * DAY);
	visit_days(6, 2);
	cr_assert_eq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
	cr_assert_eq(ew_graph_find(w.graph, web, cache, 6, 9999)->origin,
	    EW_ORIGIN_AUTO);
	cr_assert_eq(n_decisions, 1);
}

Test(persist, does_not_accept_what_one_instance_alone_shows)
{
	with_auto_accept(2 * DAY);
	visit_days(6, 1);
	cr_assert_neq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
}

Test(persist, does_not_accept_what_once_scored_fifty)
{
	with_auto_accept(2 * DAY);
	visit_days(1, 2);
	ew_graph_scored(w.graph, ew_graph_find(w.graph, web, cache, 6, 9999), 50);
	visit_days(6, 2);
	cr_assert_neq(first_verdict(web, cache, 9999), EW_VERDICT_KNOWN);
}

Test(persist, twenty_outside_networks_are_one_outside)
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

Test(persist, clients_from_everywhere_do_not_fill_the_table)
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

Test(persist, an_imported_baseline_is_no_cold_installation)
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
