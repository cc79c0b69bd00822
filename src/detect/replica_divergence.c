/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "detect/detect_priv.h"

/*
 * replica-divergence (detectors.md 3.23): one replica of three or more does what its sisters do
 * not. Comparing replicas needs no training (ReplicaWatcher, NDSS 2024: precision 91.08 %,
 * recall 98.35 %). A novel edge is noted when it is established and looked at again after 15
 * minutes; if it is still one replica's alone, the edge counts 10 points more, and on a
 * workload that is still learning it is 40 by itself.
 *
 * Leader election looks the same; the leader's edges are known after two leaders.
 */

enum { OPT_WAIT, OPT_REPLICAS, OPT_LEARNING_SCORE };
static const struct ew_detector_option options[] = {
	{ "wait", EW_UNIT_MS, 900000, 1000, 86400000,
	    "The others have this long to follow (3.23)" },
	{ "replicas", EW_UNIT_COUNT, 3, 2, 100,
	    "From so many live instances on (3.23)" },
	{ "learning_score", EW_UNIT_POINTS, 40, 0, 49,
	    "Points while the source learns (3.23)" },
};
#define PENDING 64
#define WINDOW_NS (INT64_C(6) * 3600 * EW_NS_PER_S)

struct divergence {
	struct ew_signal *signal; /* owned; NULL free. Its workloads are counted. */
	uint64_t key;
	int64_t due_ns;
};

struct divergence_state {
	struct divergence pending[PENDING];
};

static void
release(struct divergence *p)
{
	if (!p->signal)
		return;
	ew_workload_put(p->signal->src);
	ew_workload_put(p->signal->dst);
	free(p->signal);
	*p = (struct divergence){ 0 };
}

static void
divergence_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct divergence_state *st = state;
	struct divergence *slot = NULL;

	if (c->src.workload->instances < ew_detect_option(d, OPT_REPLICAS) ||
	    !j->edge || j->edge->replicas > 1 || !ew_edge_is_judged(c, j) ||
	    c->src.in_startup || c->src.in_change_window)
		return;
	uint64_t key = ew_detect_edge_key(c, j);
	for (int i = 0; i < PENDING; i++) {
		if (st->pending[i].key == key)
			return;
		if (!slot && !st->pending[i].signal)
			slot = &st->pending[i];
	}
	if (!slot) {
		d->counters.state_refused++;
		return;
	}
	struct ew_edge_case e;
	struct ew_signal *s = ew_alloc(sizeof(*s));

	ew_edge_case(d, c, j, ew_edge_role(d, c, j), now, &e);
	e.in.divergence = 1;
	e.in.replicas_with = 1;
	e.parts = ew_score(&e.in);
	ew_signal_begin(d, s, c, now);
	s->outcome = e.outcome;
	ew_edge_explain(d, c, j, &e, now, s);
	if (e.novelty.src_state <= EW_WL_LEARNING)
		ew_signal_floor(s, (int)ew_detect_option(d, OPT_LEARNING_SCORE),
		    "one replica alone, while the workload still learns");
	if (e.novelty.src_age_ns < d->conf.minimum_age_ns)
		ew_signal_cap(s, 49, "the workload is younger than the learning time");
	ew_signal_sample(s, c, (enum ew_outcome)e.outcome);
	s->samples[0].workload = NULL; /* borrowed now, used later */
	ew_workload_get(s->src);
	ew_workload_get(s->dst);
	*slot = (struct divergence){
		.signal = s,
		.key = key,
		.due_ns = now.ns + ew_detect_option_ns(d, OPT_WAIT),
	};
}

static void
settle(struct ew_detect *d, struct divergence *p, struct ew_mono now)
{
	struct ew_signal *s = p->signal;
	const struct ew_edge *edge =
	    ew_graph_find(d->graph, s->src, s->dst, s->proto, s->port);
	bool is_alone = edge && edge->status != EW_EDGE_BASELINE &&
	    edge->replicas <= 1 &&
	    s->src->instances >= ew_detect_option(d, OPT_REPLICAS);

	if (is_alone && s->score >= 30) {
		struct ew_track *t = ew_detect_track(d, p->key, WINDOW_NS, now);

		s->ts_ns = now.ns;
		ew_signal_evidence(s, "only 1 of %u replicas does it, for %lld min",
		    s->src->instances,
		    (long long)(ew_detect_option_ns(d, OPT_WAIT) / (60 * EW_NS_PER_S)));
		if (!t->id)
			ew_detect_emit(d, s, t, now);
	}
	release(p);
}

static void
divergence_on_tick(struct ew_detect *d, void *state, struct ew_mono now)
{
	struct divergence_state *st = state;

	for (int i = 0; i < PENDING; i++)
		if (st->pending[i].signal && now.ns >= st->pending[i].due_ns)
			settle(d, &st->pending[i], now);
}

static void
divergence_fini(void *state)
{
	struct divergence_state *st = state;

	for (int i = 0; i < PENDING; i++)
		release(&st->pending[i]);
}

const struct ew_detector ew_detector_replica_divergence = {
	.name = "replica-divergence",
	.technique = { "T1021", "T1059" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_EDGE,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ESTABLISHED),
	.verdicts = 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct divergence_state),
	.fini = divergence_fini,
	.on_contact = divergence_on_contact,
	.on_tick = divergence_on_tick,
};
