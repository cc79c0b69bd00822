/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "alert/alert.h"
#include "detect/watch.h"

/*
 * The whole pure chain: graph, detect, alert, wired as the pipeline wires them. What arrived
 * at the desk of the person on call is in messages[].
 */

#define MESSAGES_MAX 64

struct desk {
	struct watch x;
	struct ew_alert *alert;
	struct ew_message messages[MESSAGES_MAX];
	unsigned n_messages, n_opened;
	struct ew_incident last; /* copy of the newest record; pointers only compared */
	uint64_t ids[256];
	unsigned n_ids;
	unsigned n_high; /* signals of 50 and more */
	int freezes;
};

static inline void
desk_incident(void *context, const struct ew_incident *incident,
    const struct ew_signal *signal)
{
	struct desk *d = context;
	bool is_known = false;

	(void)signal;
	d->last = *incident;
	for (unsigned i = 0; i < d->n_ids; i++)
		is_known |= d->ids[i] == incident->id;
	if (!is_known && d->n_ids < 256)
		d->ids[d->n_ids++] = incident->id;
}

static inline void
desk_message(void *context, const struct ew_message *message)
{
	struct desk *d = context;

	if (d->n_messages < MESSAGES_MAX)
		d->messages[d->n_messages++] = *message;
}

static inline void
desk_freeze(void *context, struct ew_workload *workload, bool on)
{
	struct desk *d = context;

	d->freezes += on ? 1 : -1;
	ew_graph_freeze(d->x.w.graph, workload, on, d->x.w.now);
}

static inline void
desk_signal(void *context, const struct ew_signal *s)
{
	struct desk *d = context;

	watch_signal(&d->x, s);
	d->n_high += s->score >= 50;
	ew_alert_feed(d->alert, s, d->x.w.now);
}

static inline void
desk_init(struct desk *d, int64_t a_ns, const struct ew_alert_conf *conf)
{
	const struct ew_alert_sink sink = { d, desk_incident, desk_message, desk_freeze,
		NULL };
	const struct ew_detect_sink signals = { d, desk_signal, NULL };
	struct ew_graph_conf graph;
	struct ew_alert_conf alert;

	memset(d, 0, sizeof(*d));
	watch_init(&d->x);
	ew_detect_free(d->x.detect);
	ew_graph_free(d->x.w.graph);
	ew_graph_conf_default(&graph);
	graph.minimum_age_ns = a_ns;
	if (a_ns < HOUR)
		graph.grace_ns = EW_NS_PER_S;
	d->x.w.graph = ew_graph_new(&graph, NULL);
	d->x.conf.minimum_age_ns = a_ns;
	d->x.detect = ew_detect_new(&d->x.conf, d->x.w.graph, &signals);
	ew_alert_conf_default(&alert);
	if (conf)
		alert = *conf;
	snprintf(alert.node, sizeof(alert.node), "n1");
	d->alert = ew_alert_new(&alert, &sink);
}

static inline void
desk_fini(struct desk *d)
{
	ew_alert_free(d->alert);
	watch_fini(&d->x);
}

static inline void
desk_tick(struct desk *d, int64_t ns)
{
	watch_tick(&d->x, ns);
	ew_alert_tick(d->alert, d->x.w.now);
}

/* A signal made by hand, for tests of alert alone. */
static inline void
desk_make(struct desk *d, struct ew_signal *s, uint64_t id, struct ew_workload *src,
    struct ew_workload *dst, int score)
{
	memset(s, 0, sizeof(*s));
	s->id = id;
	s->ts_ns = s->first_ns = d->x.w.now.ns;
	s->detector = "new-edge";
	s->technique[0] = "T1021";
	s->tactic = EW_TACTIC_LATERAL;
	s->family = EW_FAMILY_EDGE;
	s->outcome = EW_OUT_PAYLOAD;
	s->proto = 6;
	s->port = 5432;
	s->score = (int16_t)score;
	s->src = src;
	s->dst = dst;
	s->src_instance = src->id * 100;
	s->count = 1;
	s->n_reasons = 1;
	s->reasons[0].points = (int16_t)score;
	snprintf(s->reasons[0].text, sizeof(s->reasons[0].text), "reason %llu",
	    (unsigned long long)id);
	snprintf(s->sentence, sizeof(s->sentence),
	    "%.80s opened postgres on %.80s:5432; never done in 14 d", src->name,
	    dst ? dst->name : "many");
	snprintf(s->benign, sizeof(s->benign), "a release");
}
