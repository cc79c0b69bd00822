/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "detect/detect.h"
#include "graph/world.h"

/*
 * A world with detectors watching it, and the signals they raised. Text of signals is kept,
 * pointers are not followed after the call.
 */

#define SEEN_MAX 512

struct watch {
	struct world w;
	struct ew_detect *detect;
	struct ew_detect_conf conf;
	struct ew_signal seen[SEEN_MAX];
	unsigned n_seen;
	struct ew_health health[16];
	unsigned n_health;
};

static inline void
watch_signal(void *context, const struct ew_signal *s)
{
	struct watch *x = context;

	if (x->n_seen < SEEN_MAX)
		x->seen[x->n_seen++] = *s;
}

static inline void
watch_health(void *context, const struct ew_health *h)
{
	struct watch *x = context;

	if (x->n_health < 16)
		x->health[x->n_health++] = *h;
}

static inline void
watch_init(struct watch *x)
{
	struct ew_graph_conf graph;
	const struct ew_detect_sink sink = { x, watch_signal, watch_health };

	memset(x, 0, sizeof(*x));
	world_init(&x->w);
	ew_graph_conf_default(&graph);
	x->w.graph = ew_graph_new(&graph, NULL);
	ew_detect_conf_default(&x->conf);
	snprintf(x->conf.node, sizeof(x->conf.node), "n1");
	x->detect = ew_detect_new(&x->conf, x->w.graph, &sink);
}

static inline void
watch_fini(struct watch *x)
{
	ew_detect_free(x->detect);
	ew_graph_free(x->w.graph);
	world_fini(&x->w);
}

/* One event through graph and detect. Returns how many signals it raised. */
static inline unsigned
watch_feed(struct watch *x, struct act *a, enum ew_flow_kind kind)
{
	struct ew_judgement j;
	unsigned before = x->n_seen;

	world_event(&x->w, a, kind);
	ew_graph_feed(x->w.graph, &a->c, x->w.now, &j);
	ew_detect_feed(x->detect, &a->c, &j, x->w.now);
	return x->n_seen - before;
}

static inline void
watch_tick(struct watch *x, int64_t ns)
{
	x->w.now.ns += ns;
	ew_graph_tick(x->w.graph, x->w.now);
	ew_detect_tick(x->detect, x->w.now);
}

/* A whole flow: attempt and how it ended. */
static inline unsigned
watch_try(struct watch *x, struct ew_workload *src, struct ew_workload *dst,
    uint16_t port, enum ew_flow_kind end)
{
	struct act a;
	unsigned n;

	world_flow(&x->w, &a, src, dst, port);
	n = watch_feed(x, &a, EW_FLOW_ATTEMPT);
	n += watch_feed(x, &a, end);
	return n;
}

static inline unsigned
watch_talk(struct watch *x, struct ew_workload *src, struct ew_workload *dst,
    uint16_t port)
{
	struct act a;
	unsigned n;

	world_flow(&x->w, &a, src, dst, port);
	n = watch_feed(x, &a, EW_FLOW_ATTEMPT);
	n += watch_feed(x, &a, EW_FLOW_ESTABLISHED);
	n += watch_feed(x, &a, EW_FLOW_PAYLOAD);
	x->w.now.ns += 3 * EW_NS_PER_S;
	n += watch_feed(x, &a, EW_FLOW_CLOSE);
	return n;
}

/* The newest signal of a detector; NULL none. */
static inline const struct ew_signal *
watch_last(const struct watch *x, const char *detector)
{
	for (unsigned i = x->n_seen; i > 0; i--)
		if (strcmp(x->seen[i - 1].detector, detector) == 0)
			return &x->seen[i - 1];
	return NULL;
}

/* Distinct signals (not updates) of a detector. */
static inline unsigned
watch_count(const struct watch *x, const char *detector)
{
	unsigned n = 0;

	for (unsigned i = 0; i < x->n_seen; i++)
		n +=
		    strcmp(x->seen[i].detector, detector) == 0 && !x->seen[i].is_update;
	return n;
}

static inline int
watch_sum(const struct ew_signal *s)
{
	int sum = 0;

	for (uint8_t i = 0; i < s->n_reasons; i++)
		sum += s->reasons[i].points;
	return sum;
}
