/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "detect/detect_priv.h"

/*
 * pivot-chain (detectors.md 3.19): somebody came from A to B and goes on from B to C. Each hop
 * is a novel edge that scored 30 or more on its own and whose source has a baseline (9.1);
 * the second begins within half an hour of the first (within six hours for half the points).
 * Chain score: the best hop + 15 per further hop, + 5 when the next came within a minute; two
 * hops are at least 70, three 90. The idea is path rarity (Latte, MILCOM 2018), causal login
 * paths (Hopper, USENIX Security 2021) and path scan statistics (Neil et al. 2013), over novel
 * edges only, so no path search over normal traffic is needed.
 *
 * Hops of a change window with replica support do not count: a rollout is a chain of new
 * edges by nature.
 */

enum { OPT_WINDOW, OPT_SLOW_WINDOW, OPT_HOP, OPT_QUICK, OPT_TWO, OPT_THREE };
static const struct ew_detector_option options[] = {
	{ "window", EW_UNIT_MS, 1800000, 1000, 86400000, "From hop to hop (3.19)" },
	{ "slow_window", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "The same for half the points (3.19)" },
	{ "hop", EW_UNIT_POINTS, 15, 0, 50, "Points per further hop (3.19)" },
	{ "quick", EW_UNIT_POINTS, 5, 0, 50,
	    "Points for going on within a minute (3.19)" },
	{ "two", EW_UNIT_POINTS, 70, 0, 100, "Two hops are at least this (3.19)" },
	{ "three", EW_UNIT_POINTS, 90, 0, 100, "Three hops are at least this (3.19)" },
};
#define HOPS 256 /* 3.19 */
#define QUICK_NS (60 * EW_NS_PER_S)

struct hop {
	uint64_t signal_id; /* 0 free */
	int64_t ts_ns;
	uint64_t src_hash, dst_hash, origin_hash;
	int16_t best; /* score of the best hop up to here */
	uint16_t port;
	uint8_t depth; /* 1: the first hop */
	bool is_open;  /* established */
	char path[300];
};

struct chain_state {
	struct hop hops[HOPS];
	uint32_t n;
};

static struct hop *
find_hop(struct chain_state *st, const struct ew_signal *s, uint64_t src, uint64_t dst)
{
	for (int i = 0; i < HOPS; i++) {
		struct hop *h = &st->hops[i];

		/* Two detectors may tell one edge: that is one hop. */
		if (h->signal_id &&
		    (h->signal_id == s->id ||
			(h->src_hash == src && h->dst_hash == dst &&
			    h->port == s->port)))
			return h;
	}
	return NULL;
}

static const struct hop *
find_before(const struct ew_detect *d, const struct chain_state *st, uint64_t src,
    uint64_t dst, int64_t ts_ns)
{
	const struct hop *best = NULL;

	for (int i = 0; i < HOPS; i++) {
		const struct hop *h = &st->hops[i];
		int64_t dt = ts_ns - h->ts_ns;

		if (!h->signal_id || !h->is_open || h->dst_hash != src || dt <= 0 ||
		    dt > ew_detect_option_ns(d, OPT_SLOW_WINDOW) ||
		    h->origin_hash == dst || h->src_hash == dst)
			continue;
		if (!best || h->depth > best->depth ||
		    (h->depth == best->depth && h->ts_ns > best->ts_ns))
			best = h;
	}
	return best;
}

static void
emit(struct ew_detect *d, const struct ew_signal *s, const struct hop *before,
    const struct hop *h, struct ew_mono now)
{
	bool is_slow = h->ts_ns - before->ts_ns > ew_detect_option_ns(d, OPT_WINDOW);
	int hops = h->depth;
	int points = (int)ew_detect_option(d, OPT_HOP) * (hops - 1) / (is_slow ? 2 : 1);
	struct ew_track *t =
	    ew_detect_track(d, ew_detect_mix(h->src_hash, h->dst_hash) | 1,
		ew_detect_option_ns(d, OPT_SLOW_WINDOW), now);
	struct ew_signal n;
	char ago[16];

	ew_signal_begin_workload(d, &n, s->src, now);
	n.dst = s->dst;
	n.src_instance = s->src_instance;
	n.dst_instance = s->dst_instance;
	n.src_addr = s->src_addr;
	n.dst_addr = s->dst_addr;
	n.port = s->port;
	n.proto = s->proto;
	n.outcome = s->outcome;
	n.flow_id = s->flow_id;
	n.first_ns = s->first_ns;
	n.count = (uint32_t)hops;
	ew_signal_reason(&n, h->best, "the strongest hop of the chain");
	ew_signal_reason(&n, points, "%d hops, the last %s after the one before%s",
	    hops, ew_detect_age_text(h->ts_ns - before->ts_ns, ago),
	    is_slow ? " (slow: half)" : "");
	if (h->ts_ns - before->ts_ns < QUICK_NS)
		ew_signal_reason(&n, (int)ew_detect_option(d, OPT_QUICK),
		    "went on within a minute");
	if (!is_slow)
		ew_signal_floor(&n,
		    (int)ew_detect_option(d, hops >= 3 ? OPT_THREE : OPT_TWO),
		    "a chain of novel connections");
	ew_signal_evidence(&n, "path: %s", h->path);
	snprintf(n.sentence, sizeof(n.sentence),
	    "%.80s was reached by a new edge and goes on: %.120s", s->src->name,
	    h->path);
	snprintf(n.benign, sizeof(n.benign),
	    "a rollout of a new service, somebody debugging by hand");
	if (t->id && n.score <= t->score)
		return;
	ew_detect_emit(d, &n, t, now);
}

static bool
is_hop(struct ew_detect *d, const struct ew_signal *s, struct ew_mono now)
{
	struct ew_workload_view view;

	if (s->family != EW_FAMILY_EDGE || !s->dst || s->score < 30 ||
	    s->in_change_window || s->is_capped || s->src == s->dst ||
	    s->dst->cls == EW_PEER_MULTICAST)
		return false;
	/* 9.1: m > 0 at the source of each hop. */
	return ew_graph_view(d->graph, s->src, now, &view) && view.m_q16 > 0;
}

static void
chain_on_signal(struct ew_detect *d, void *state, const struct ew_signal *s,
    struct ew_mono now)
{
	struct chain_state *st = state;

	if (!is_hop(d, s, now))
		return;
	uint64_t src = ew_detect_hash(s->src->name);
	uint64_t dst = ew_detect_hash(s->dst->name);
	struct hop *h = find_hop(st, s, src, dst);
	int64_t ts = h ? h->ts_ns : s->first_ns;
	const struct hop *before = find_before(d, st, src, dst, ts);

	if (!h) {
		h = &st->hops[st->n++ % HOPS];
		*h = (struct hop){ .signal_id = s->id,
			.ts_ns = ts,
			.src_hash = src,
			.dst_hash = dst,
			.origin_hash = src,
			.port = s->port };
	}
	h->is_open |= s->outcome == EW_OUT_ESTABLISHED || s->outcome == EW_OUT_PAYLOAD;
	h->depth =
	    before ? (uint8_t)(before->depth < 250 ? before->depth + 1 : 250) : 1;
	h->origin_hash = before ? before->origin_hash : src;
	h->best = s->score;
	if (before && before->best > h->best)
		h->best = before->best;
	char path[600];
	snprintf(path, sizeof(path), "%s -> %.120s:%u",
	    before ? before->path : s->src->name, s->dst->name, s->port);
	(void)ew_text_copy(h->path, sizeof(h->path), path);
	if (before)
		emit(d, s, before, h, now);
}

const struct ew_detector ew_detector_pivot_chain = {
	.name = "pivot-chain",
	.technique = { "T1021", "T1570", "T1090.001" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_CHAIN,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct chain_state),
	.on_signal = chain_on_signal,
};
