/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>

#include "graph/world.h"

/* A shop of four workloads with a graph that watches it: where most graph tests begin. */

static struct world w;
static struct ew_workload *web, *api, *db, *cache;

static inline void
shop_setup(void)
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

static inline void
shop_teardown(void)
{
	ew_graph_free(w.graph);
	world_fini(&w);
}

static inline enum ew_verdict
first_verdict(struct ew_workload *src, struct ew_workload *dst, uint16_t port)
{
	struct act a;
	struct ew_judgement j;

	world_flow(&w, &a, src, dst, port);
	world_event(&w, &a, EW_FLOW_ATTEMPT);
	ew_graph_feed(w.graph, &a.c, w.now, &j);
	return (enum ew_verdict)j.verdict;
}

static inline struct ew_workload_view
view(struct ew_workload *x)
{
	struct ew_workload_view v;

	cr_assert(ew_graph_view(w.graph, x, w.now, &v), "%s", x->name);
	return v;
}
