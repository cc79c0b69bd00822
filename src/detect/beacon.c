/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * beacon (detectors.md 3.25): a novel edge used at a steady interval with steady sizes. Off by
 * default and a digest row at most: probes, scrapes and heartbeats are beacons too, which is
 * why known edges are never judged. The measure is the robust one of RITA: Bowley skew and
 * median absolute deviation of intervals and of sizes; above 0.8 the open signal of that edge
 * counts ten points more.
 */

enum { OPT_ENABLED, OPT_SESSIONS, OPT_LEAST, OPT_MOST, OPT_LIMIT, OPT_POINTS };
static const struct ew_detector_option options[] = {
	{ "enabled", EW_UNIT_SWITCH, 0, 0, 1, "Judge beacons at all (3.25: off)" },
	{ "sessions", EW_UNIT_COUNT, 20, 8, 32, "Sessions needed (3.25)" },
	{ "least", EW_UNIT_MS, 5000, 100, 3600000, "Shortest interval (3.25)" },
	{ "most", EW_UNIT_MS, 7200000, 1000, 86400000, "Longest interval (3.25)" },
	{ "limit", EW_UNIT_PERCENT, 80, 1, 100, "Regularity that makes it one (3.25)" },
	{ "points", EW_UNIT_POINTS, 10, 0, 30,
	    "Added to the edge's open signal (3.25)" },
};
#define EDGES 256
#define KEPT 32
#define MAD_FULL_MS 30000    /* 3.25: a deviation of 30 s scores nothing */
#define MAD_FULL_BYTES 32768 /* ours: the same for sizes */
#define WINDOW_NS (INT64_C(24) * 3600 * EW_NS_PER_S)

struct beacon_edge {
	struct ew_keyed keyed;
	int64_t last_start_ns;
	uint32_t interval_ms[KEPT], bytes[KEPT];
	uint8_t n_intervals, n_bytes;
};

struct beacon_state {
	struct beacon_edge edges[EDGES];
};

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* 0..100: mean of (1 - |Bowley skew|) and (1 - MAD / full), clamped. */
static int
regularity(const uint32_t *values, unsigned n, uint32_t full)
{
	uint32_t v[KEPT] = { 0 }, dev[KEPT] = { 0 };

	for (unsigned i = 0; i < n; i++)
		v[i] = values[i];
	qsort(v, n, sizeof(v[0]), compare);
	int64_t q1 = v[n / 4], q2 = v[n / 2], q3 = v[n * 3 / 4];

	for (unsigned i = 0; i < n; i++)
		dev[i] = (uint32_t)llabs((int64_t)v[i] - q2);
	qsort(dev, n, sizeof(dev[0]), compare);
	int64_t skew = q3 > q1 ? llabs((q3 + q1 - 2 * q2) * 100 / (q3 - q1)) : 0;
	int64_t spread = (int64_t)dev[n / 2] * 100 / full;

	return (int)((100 - (skew > 100 ? 100 : skew) + 100 -
			 (spread > 100 ? 100 : spread)) /
	    2);
}

static void
judge(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    const struct beacon_edge *e, struct ew_mono now)
{
	uint64_t key = e->keyed.key;
	const struct ew_recent *open = NULL;

	for (uint32_t i = 0; i < RECENT_MAX; i++)
		if (d->recent[i].id && d->recent[i].key == key &&
		    d->recent[i].detector != d->current)
			open = &d->recent[i];
	unsigned n = e->n_intervals < e->n_bytes ? e->n_intervals : e->n_bytes;
	if (!open || n + 1 < (unsigned)ew_detect_option(d, OPT_SESSIONS))
		return;
	int score = (regularity(e->interval_ms, n, MAD_FULL_MS) +
			regularity(e->bytes, n, MAD_FULL_BYTES)) /
	    2;
	struct ew_track *t = ew_detect_track(d, key, WINDOW_NS, now);
	struct ew_signal s;

	(void)j;
	if (score < ew_detect_option(d, OPT_LIMIT) || t->id)
		return;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_PAYLOAD;
	s.count = n + 1;
	ew_signal_reason(&s, open->score, "the novel edge itself");
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_POINTS),
	    "used like a beacon: regularity %d %% over %u sessions", score, n + 1);
	ew_signal_cap(&s, 49, "beacons are digest rows");
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.80s calls %.80s at a steady interval", c->src.workload->name,
	    c->dst.workload->name);
	snprintf(s.benign, sizeof(s.benign),
	    "a probe, a scrape or a heartbeat: accept the edge");
	ew_detect_emit(d, &s, t, now);
}

static void
beacon_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct beacon_state *st = state;

	if (!ew_detect_option(d, OPT_ENABLED) || !ew_edge_is_judged(c, j))
		return;
	uint64_t key = ew_detect_edge_key(c, j);
	struct beacon_edge *e = ew_keyed_get(d, st->edges, EDGES, sizeof(*e), key, now);

	if (c->ev->kind == EW_FLOW_ATTEMPT) {
		int64_t gap = (now.ns - e->last_start_ns) / EW_NS_PER_MS;
		bool is_first = e->last_start_ns == 0;

		e->last_start_ns = now.ns;
		if (is_first || gap < ew_detect_option(d, OPT_LEAST) ||
		    gap > ew_detect_option(d, OPT_MOST))
			return;
		e->interval_ms[e->n_intervals % KEPT] = (uint32_t)gap;
		e->n_intervals = e->n_intervals < KEPT ? e->n_intervals + 1 : KEPT;
		return;
	}
	e->bytes[e->n_bytes % KEPT] =
	    (uint32_t)(c->ev->side[0].bytes < UINT32_MAX ? c->ev->side[0].bytes
							 : UINT32_MAX);
	e->n_bytes = e->n_bytes < KEPT ? e->n_bytes + 1 : KEPT;
	judge(d, c, j, e, now);
}

const struct ew_detector ew_detector_beacon = {
	.name = "beacon",
	.technique = { "T1071", "T1571" },
	.tactic = EW_TACTIC_C2,
	.family = EW_FAMILY_CHANNEL,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE),
	.verdicts = 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct beacon_state),
	.on_contact = beacon_on_contact,
};
