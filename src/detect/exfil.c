/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"
#include "graph/sensitive.h"

/*
 * exfil-staging (detectors.md 3.17): data come out of a data store and leave. Within half an
 * hour a workload receives at least 64 MiB more from data stores than it usually does in such
 * a time, and then sends half of that excess over an edge that is novel or leads outside: 80.
 * A novel edge to the outside that carries more than 64 MiB, from a workload that never spoke
 * to the outside, is 65 by itself. Both need a baseline of the source (m > 0).
 */

enum {
	OPT_EXCESS,
	OPT_SHARE,
	OPT_WINDOW,
	OPT_SCORE,
	OPT_DIRECT,
	OPT_DIRECT_SCORE,
	OPT_DEDUP
};
static const struct ew_detector_option options[] = {
	{ "excess", EW_UNIT_BYTES, 64 << 20, 1 << 20, INT64_C(1) << 40,
	    "More than usual from data stores (3.17: 64 MiB)" },
	{ "share", EW_UNIT_PERCENT, 50, 1, 100, "Of it sent on (3.17)" },
	{ "window", EW_UNIT_MS, 1800000, 60000, 86400000,
	    "Both within this time (3.17)" },
	{ "score", EW_UNIT_POINTS, 80, 0, 100, "Points of staging (3.17)" },
	{ "direct", EW_UNIT_BYTES, 64 << 20, 1 << 20, INT64_C(1) << 40,
	    "Over one novel edge to the outside (3.17: 64 MiB)" },
	{ "direct_score", EW_UNIT_POINTS, 65, 0, 100, "Points of that (3.17)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per workload in this time" },
};
#define WORKLOADS 512
#define EDGES 256
#define MEAN_SHIFT 3 /* EWMA alpha 1/8, as in fanout.c. Ours. */

struct stage {
	struct ew_keyed keyed; /* workload */
	int64_t bin;	       /* of window length */
	uint64_t in[2];	       /* from data stores: running bin, the one before */
	uint64_t mean;	       /* of a bin */
	uint64_t excess, out;  /* since staged_ns */
	int64_t staged_ns;
	char store[96];
};

struct direct {
	struct ew_keyed keyed; /* edge */
	uint64_t out;
};

struct exfil_state {
	struct stage stages[WORKLOADS];
	struct direct direct[EDGES];
};

static void
roll(struct ew_detect *d, struct stage *s, struct ew_mono now)
{
	int64_t bin = now.ns / ew_detect_option_ns(d, OPT_WINDOW);

	for (int i = 0; s->bin && s->bin < bin && i < 64; i++, s->bin++) {
		/* A bin that was an excess does not raise what is usual at once. */
		uint64_t counted =
		    s->staged_ns && s->in[0] > 2 * s->mean ? 2 * s->mean : s->in[0];

		s->mean = s->mean - (s->mean >> MEAN_SHIFT) + (counted >> MEAN_SHIFT);
		s->in[1] = s->in[0];
		s->in[0] = 0;
	}
	s->bin = bin;
	if (s->staged_ns &&
	    now.ns - s->staged_ns > ew_detect_option_ns(d, OPT_WINDOW)) {
		s->staged_ns = 0;
		s->excess = s->out = 0;
	}
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    int points, uint64_t bytes, const struct stage *from, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, ew_detect_mix(j->src_hash, from ? 1 : 2) | 1,
		ew_detect_option_ns(d, OPT_DEDUP), now);
	char target[EW_WORKLOAD_NAME_MAX + EW_ADDR_TEXT + 8];
	unsigned mib = (unsigned)(bytes >> 20);
	struct ew_workload_view view;
	struct ew_signal s;

	if (t->id && mib < 2 * t->mark)
		return;
	if (!ew_graph_view(d->graph, c->src.workload, now, &view) || !view.m_q16)
		return;
	t->mark = mib;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_PAYLOAD;
	ew_signal_target(c, target, sizeof(target));
	if (from)
		ew_signal_reason(&s, points,
		    "%llu MiB more than usual out of %.60s, then %u MiB sent on",
		    (unsigned long long)(from->excess >> 20), from->store, mib);
	else
		ew_signal_reason(&s, points,
		    "%u MiB to the outside, by a workload that never sent there", mib);
	if (c->src.in_change_window)
		ew_signal_cap(&s, 49, "a release is going on (change window)");
	ew_signal_sample(&s, c, EW_OUT_PAYLOAD);
	if (from)
		snprintf(s.sentence, sizeof(s.sentence),
		    "%.70s took data out of %.60s and sent %u MiB to %.60s",
		    c->src.workload->name, from->store, mib, target);
	else
		snprintf(s.sentence, sizeof(s.sentence),
		    "%.80s sent %u MiB to %.80s; it never sent to the outside",
		    c->src.workload->name, mib, target);
	snprintf(s.benign, sizeof(s.benign), "a planned export or migration");
	ew_detect_emit(d, &s, t, now);
}

static void
judge_out(struct ew_detect *d, struct exfil_state *st, struct stage *g,
    const struct ew_contact *c, const struct ew_judgement *j, struct ew_mono now)
{
	bool is_external = c->dst.workload->cls == EW_PEER_EXTERNAL;
	bool is_novel = j->verdict != EW_VERDICT_KNOWN;

	if (!j->bytes[0] || (!is_external && !is_novel))
		return;
	if (g && g->staged_ns) {
		g->out += j->bytes[0];
		if (g->out * 100 >=
		    g->excess * (uint64_t)ew_detect_option(d, OPT_SHARE))
			emit(d, c, j, (int)ew_detect_option(d, OPT_SCORE), g->out, g,
			    now);
	}
	if (!is_external || !is_novel)
		return;
	struct direct *e = ew_keyed_get(d, st->direct, EDGES, sizeof(*e),
	    ew_detect_edge_key(c, j), now);

	e->out += j->bytes[0];
	if (e->out > (uint64_t)ew_detect_option(d, OPT_DIRECT) &&
	    !ew_graph_has_external(d->graph, c->src.workload))
		emit(d, c, j, (int)ew_detect_option(d, OPT_DIRECT_SCORE), e->out, NULL,
		    now);
}

static void
exfil_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct exfil_state *st = state;
	struct ew_sensitive target;

	if (c->src.workload->cls != EW_PEER_WORKLOAD || !(j->bytes[0] | j->bytes[1]))
		return;
	ew_graph_sensitivity(d->graph, c, &target);
	if (target.cls != EW_SENS_DATA || !j->bytes[1]) {
		struct stage *out =
		    ew_keyed_find(st->stages, WORKLOADS, sizeof(*out), j->src_hash);

		if (out)
			roll(d, out, now);
		judge_out(d, st, out, c, j, now);
		return;
	}
	struct stage *g =
	    ew_keyed_get(d, st->stages, WORKLOADS, sizeof(*g), j->src_hash, now);

	roll(d, g, now);
	g->in[0] += j->bytes[1];
	uint64_t usual = 2 * g->mean;
	uint64_t got = g->in[0] + g->in[1];

	if (got > usual && got - usual >= (uint64_t)ew_detect_option(d, OPT_EXCESS)) {
		g->excess = got - usual;
		g->staged_ns = now.ns;
		snprintf(g->store, sizeof(g->store), "%.90s", c->dst.workload->name);
	}
}

const struct ew_detector ew_detector_exfil = {
	.name = "exfil-staging",
	.technique = { "T1074", "T1048", "T1041" },
	.tactic = EW_TACTIC_COLLECTION,
	.family = EW_FAMILY_VOLUME,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_UPDATE) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE),
	.verdicts =
	    1 << EW_VERDICT_KNOWN | 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct exfil_state),
	.on_contact = exfil_on_contact,
};
