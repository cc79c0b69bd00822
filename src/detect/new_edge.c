/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_priv.h"

#include <stdlib.h>

#include "base/alloc.h"

/*
 * new-edge (detectors.md 3.1): a workload opens a connection it never made. The edge's score
 * is section 2; ground that belongs to new-port and sensitive-access is left to them.
 *
 * This file also keeps the promise of 1.3 for all three: a change window counts only if at
 * least half of the replicas show the same edge. Signals under a window are held (the alert
 * stage keeps them at digest) and looked at again when the hold ends; without the support of
 * the other replicas the discount is taken back.
 */

#define HELD_MAX 64

struct held {
	struct ew_signal *signal; /* owned; NULL free. Its workloads are counted. */
	uint8_t detector;
};

struct new_edge_state {
	struct held held[HELD_MAX];
};

static void
new_edge_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	(void)state;
	if (ew_edge_is_judged(c, j) && ew_edge_role(d, c, j) == EW_ROLE_NEW_EDGE)
		ew_edge_signal(d, c, j, EW_ROLE_NEW_EDGE, now);
}

static void
release(struct held *h)
{
	if (!h->signal)
		return;
	ew_workload_put(h->signal->src);
	ew_workload_put(h->signal->dst);
	free(h->signal);
	h->signal = NULL;
}

void
ew_edge_hold(struct ew_detect *d, const struct ew_signal *s)
{
	struct new_edge_state *state = d->holds;
	struct held *slot = NULL;

	for (int i = 0; i < HELD_MAX; i++) {
		struct held *h = &state->held[i];

		if (h->signal && h->signal->id == s->id)
			slot = h;
		if (!slot && !h->signal)
			slot = h;
	}
	if (!slot) {
		d->counters
		    .state_refused++; /* it stays discounted: one row less certain */
		return;
	}
	release(slot);
	slot->signal = ew_alloc(sizeof(*slot->signal));
	*slot->signal = *s;
	slot->signal->src = ew_workload_get(s->src);
	slot->signal->dst = s->dst ? ew_workload_get(s->dst) : NULL;
	for (int i = 0; i < EW_SAMPLES_MAX; i++)
		slot->signal->samples[i].workload =
		    NULL; /* borrowed then, maybe gone now */
	slot->detector = d->current;
}

static int
discount_of(const struct ew_signal *s)
{
	int d = 0;

	for (int i = 0; i < s->n_reasons; i++)
		if (s->reasons[i].points < d)
			d = s->reasons[i].points;
	return -d;
}

/* The hold is over: was it a release? */
static void
settle(struct ew_detect *d, struct held *h, struct ew_mono now)
{
	struct ew_signal *s = h->signal;
	const struct ew_edge *edge =
	    s->dst ? ew_graph_find(d->graph, s->src, s->dst, s->proto, s->port) : NULL;
	unsigned replicas = s->src->instances;
	unsigned with = edge ? edge->replicas : 1;
	uint8_t running = d->current;

	d->current = h->detector;
	struct ew_track *t = NULL;
	for (uint32_t i = 0; i <= d->track_mask && !t; i++)
		if (d->tracks[i].id == s->id)
			t = &d->tracks[i];
	s->ts_ns = now.ns;
	s->in_change_window = 0;
	s->hold_until_ns = 0;
	if (replicas >= 2 && with * 2 < replicas) {
		ew_signal_reason(s, discount_of(s),
		    "only %u of %u replicas do it: no release (change window taken "
		    "back)",
		    with, replicas);
		ew_detect_emit(d, s, t, now);
	}
	d->current = running;
	release(h);
}

static void
new_edge_on_tick(struct ew_detect *d, void *state, struct ew_mono now)
{
	struct new_edge_state *st = state;

	for (int i = 0; i < HELD_MAX; i++)
		if (st->held[i].signal && now.ns >= st->held[i].signal->hold_until_ns)
			settle(d, &st->held[i], now);
}

static int
new_edge_init(struct ew_detect *d, void *state)
{
	d->holds = state;
	return 0;
}

static void
new_edge_fini(void *state)
{
	struct new_edge_state *st = state;

	for (int i = 0; i < HELD_MAX; i++)
		release(&st->held[i]);
}

const struct ew_detector ew_detector_new_edge = {
	.name = "new-edge",
	.technique = { "T1021", "T1210", "T1570" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_EDGE,
	.kinds = EW_EDGE_EVENT_KINDS,
	.verdicts = 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.state_size = sizeof(struct new_edge_state),
	.init = new_edge_init,
	.fini = new_edge_fini,
	.on_contact = new_edge_on_contact,
	.on_tick = new_edge_on_tick,
};
