/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/event.h"
#include "graph/graph.h"
#include "identity/contact.h"

/*
 * A small world for tests of graph, detect and alert: workloads with instances, and contacts
 * between them as identity would report them. No stage above graph is needed.
 */

#define DAY (INT64_C(86400) * EW_NS_PER_S)
#define HOUR (INT64_C(3600) * EW_NS_PER_S)
#define MINUTE (INT64_C(60) * EW_NS_PER_S)
/* 2026-01-05T00:00:00Z, a Monday: on a boundary of slots, slices and days. */
#define WORLD_START (INT64_C(1767571200) * EW_NS_PER_S)

struct world {
	uint32_t next_id, next_instance;
	uint64_t next_flow;
	struct ew_workload *workloads[64];
	uint32_t n_workloads;
	struct ew_mono now;
	struct ew_graph *graph;
};

static inline void
world_init(struct world *w)
{
	*w = (struct world){ .now = { WORLD_START } };
}

static inline struct ew_workload *
world_workload(struct world *w, const char *name, const char *group)
{
	struct ew_workload *x = calloc(1, sizeof(*x));

	x->id = ++w->next_id;
	x->references = 1;
	x->cls = EW_PEER_WORKLOAD;
	x->is_managed = 1;
	x->instances = 1;
	x->first_seen = w->now;
	snprintf(x->name, sizeof(x->name), "%s", name);
	snprintf(x->group, sizeof(x->group), "%s", group);
	w->workloads[w->n_workloads++] = x;
	return x;
}

static inline struct ew_workload *
world_peer(struct world *w, const char *name, enum ew_peer_class cls)
{
	struct ew_workload *x = world_workload(w, name, "");

	x->cls = (uint8_t)cls;
	x->is_managed = 0;
	x->instances = 0;
	return x;
}

static inline void
world_fini(struct world *w)
{
	for (uint32_t i = 0; i < w->n_workloads; i++)
		ew_workload_put(w->workloads[i]);
}

/* A contact with the event it borrows. */
struct act {
	struct ew_flow_event ev;
	struct ew_contact c;
};

static inline struct ew_addr
world_addr(uint32_t id)
{
	const uint8_t b[4] = { 10, 1, (uint8_t)(id >> 8), (uint8_t)id };

	return ew_addr_v4(b);
}

/* One TCP flow from src to dst:port, about to have its first event. */
static inline void
world_flow(struct world *w, struct act *a, struct ew_workload *src,
    struct ew_workload *dst, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	a->ev.flow_id = ++w->next_flow;
	a->ev.first_ns = w->now.ns;
	a->ev.tuple.src = world_addr(src->id);
	a->ev.tuple.dst = world_addr(dst->id);
	a->ev.tuple.sport = 40000;
	a->ev.tuple.dport = port;
	a->ev.tuple.proto = 6;
	a->ev.flags = EW_FLOW_F_DIR_KNOWN;
	a->c.ev = &a->ev;
	a->c.src.workload = src;
	a->c.dst.workload = dst;
	a->c.src.instance = src->id * 100;
	a->c.dst.instance = dst->cls == EW_PEER_WORKLOAD ? dst->id * 100 : 0;
	a->c.edge_port = port;
	a->c.resolved = 2;
}

static inline void
world_event(struct world *w, struct act *a, enum ew_flow_kind kind)
{
	a->ev.kind = (uint8_t)kind;
	a->ev.ts_ns = w->now.ns;
	a->ev.last_ns = w->now.ns;
	if (kind == EW_FLOW_PAYLOAD || kind == EW_FLOW_CLOSE)
		a->ev.side[0].bytes = a->ev.side[1].bytes = 1000;
}

/* Feed the graph alone: an established, used, closed flow. */
static inline void
world_talk(struct world *w, struct ew_workload *src, struct ew_workload *dst,
    uint16_t port)
{
	static const enum ew_flow_kind kinds[] = { EW_FLOW_ATTEMPT, EW_FLOW_ESTABLISHED,
		EW_FLOW_PAYLOAD, EW_FLOW_CLOSE };
	struct act a;
	struct ew_judgement j;

	world_flow(w, &a, src, dst, port);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		world_event(w, &a, kinds[i]);
		ew_graph_feed(w->graph, &a.c, w->now, &j);
	}
}

/* Let `days` pass with the given edges talking every hour. */
struct habit {
	struct ew_workload *src, *dst;
	uint16_t port;
};

static inline void
world_live(struct world *w, const struct habit *habits, size_t n, int64_t duration,
    int64_t step)
{
	for (int64_t end = w->now.ns + duration; w->now.ns < end; w->now.ns += step)
		for (size_t i = 0; i < n; i++)
			world_talk(w, habits[i].src, habits[i].dst, habits[i].port);
}
