/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/time.h"
#include "detect/detect.h"
#include "graph/graph.h"
#include "graph/world.h"

/*
 * What graph and detect cost per flow event, at 1,000 workloads and 20,000 edges and at ten
 * times that (principle P1: at most 0.3 us per event, 64 MiB, flat). Prints one line per size:
 * ns per event on known edges (the four events of ordinary flows), ns per event of a port scan
 * (nothing known), and the resident memory.
 *
 * Usage: detect_bench [ROUNDS]
 */

static struct ew_workload **
make_workloads(uint32_t n)
{
	struct ew_workload **all = calloc(n, sizeof(*all));

	for (uint32_t i = 0; i < n; i++) {
		all[i] = calloc(1, sizeof(**all));
		all[i]->id = i + 1;
		all[i]->references = 1;
		all[i]->instances = 1;
		all[i]->is_managed = 1;
		snprintf(all[i]->name, sizeof(all[i]->name),
		    "compose/project%u/service%u", i / 20, i);
		snprintf(all[i]->group, sizeof(all[i]->group), "compose/project%u",
		    i / 20);
	}
	return all;
}

struct edge {
	uint32_t src, dst;
	uint16_t port;
};

static struct edge
edge_of(uint32_t i, uint32_t workloads)
{
	uint64_t h = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (struct edge){ (uint32_t)(h >> 33) % workloads,
		(uint32_t)(h >> 13) % workloads, (uint16_t)(8100 + i % 50) };
}

static uint64_t n_events;

static void
feed(struct world *w, struct ew_detect *d, struct act *a, enum ew_flow_kind kind)
{
	struct ew_judgement j;

	world_event(w, a, kind);
	ew_graph_feed(w->graph, &a->c, w->now, &j);
	ew_detect_feed(d, &a->c, &j, w->now);
	n_events++;
}

static struct act act;

/* The four events of an ordinary flow; what identity would have filled is filled sparingly. */
static void
flow(struct world *w, struct ew_detect *d, struct ew_workload *src,
    struct ew_workload *dst, uint16_t port)
{
	act.ev.flow_id = ++w->next_flow;
	act.ev.first_ns = w->now.ns;
	act.ev.tuple.dport = port;
	act.c.src.workload = src;
	act.c.dst.workload = dst;
	act.c.src.instance = src->id * 100;
	act.c.dst.instance = dst->id * 100;
	act.c.edge_port = port;
	feed(w, d, &act, EW_FLOW_ATTEMPT);
	feed(w, d, &act, EW_FLOW_ESTABLISHED);
	feed(w, d, &act, EW_FLOW_PAYLOAD);
	feed(w, d, &act, EW_FLOW_CLOSE);
	w->now.ns += 20000; /* 50,000 flows a second */
}

/* CPU time: a busy machine must not change the figure. */
static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * EW_NS_PER_S + t.tv_nsec;
}

static double
spent(int64_t start_ticks)
{
	return (double)(cpu_ns() - start_ticks) / (double)n_events;
}

static long
resident_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void
run(uint32_t workloads, uint32_t edges, int rounds)
{
	struct ew_graph_conf graph;
	struct ew_detect_conf conf;
	struct world w;
	struct ew_workload **all = make_workloads(workloads);
	long before = resident_kib();

	world_init(&w);
	ew_graph_conf_default(&graph);
	graph.max_edges = 2 * edges;
	w.graph = ew_graph_new(&graph, NULL);
	ew_detect_conf_default(&conf);
	conf.change_hold_ns = EW_NS_PER_S;
	struct ew_detect *d = ew_detect_new(&conf, w.graph, NULL);

	/* Two slices teach all edges; then time only known traffic. */
	for (int slice = 0; slice < 2; slice++) {
		for (uint32_t i = 0; i < edges; i++) {
			struct edge e = edge_of(i, workloads);

			world_talk(&w, all[e.src], all[e.dst], e.port);
		}
		w.now.ns += 7 * HOUR;
	}
	world_flow(&w, &act, all[0], all[1], 80);
	n_events = 0;
	int64_t start = cpu_ns();
	for (int r = 0; r < rounds; r++) {
		for (uint32_t i = 0; i < edges; i++) {
			struct edge e = edge_of(i, workloads);

			flow(&w, d, all[e.src], all[e.dst], e.port);
		}
	}
	double known = spent(start);

	n_events = 0;
	start = cpu_ns();
	for (uint32_t i = 0; i < 60000; i++) {
		struct act a;

		world_flow(&w, &a, all[i / 30000], all[2], (uint16_t)(1 + i % 30000));
		feed(&w, d, &a, EW_FLOW_ATTEMPT);
		feed(&w, d, &a, EW_FLOW_REFUSED);
		w.now.ns += 100000;
	}
	double scan = spent(start);

	printf("%6u workloads %7u edges: known %6.1f ns/event, scan %6.1f ns/event, "
	       "%ld MiB\n",
	    workloads, edges, known, scan, (resident_kib() - before) / 1024);
	ew_detect_free(d);
	ew_graph_free(w.graph);
	for (uint32_t i = 0; i < workloads; i++)
		ew_workload_put(all[i]);
	free(all);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20;

	run(100, 2000, 10 * rounds);
	run(1000, 20000, rounds);
	run(10000, 100000, rounds / 4 + 1);
	return 0;
}
