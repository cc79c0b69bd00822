/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * brute-force (detectors.md 3.18): guessing a password looks like many short sessions of one
 * size, or like one session that turns round and round.
 *
 *   (a) 20 sessions in a minute or 30 in ten, each under 5 s, sizes within 25 % of their
 *       median, and ten times as many as this edge ever has in a minute of seven days;
 *   (b) ssh: five sessions in ten minutes under 30 s with less than 4 KiB from the client;
 *   (c) on an edge that is not known: 40 direction changes in a minute with at most 128 bytes
 *       each way, since guessing tools reuse connections (measured: hydra on redis, 60 guesses
 *       in five connections). Needs TURNS, which exist for zoomed pairs or profile all.
 *
 * A longer session with more than ten times the median bytes right after is likely the success.
 * Connections that fail are no guesses; an outage does not look like this. (a) and (c) need a
 * baseline: of the edge (a day of history) or of its source (m > 0).
 */

enum {
	OPT_MINUTE,
	OPT_TEN,
	OPT_SHORT,
	OPT_SPREAD,
	OPT_FACTOR,
	OPT_SSH,
	OPT_TURNS,
	OPT_TURN_BYTES,
	OPT_SCORE,
	OPT_SUCCESS,
	OPT_DEDUP,
};
static const struct ew_detector_option options[] = {
	{ "per_minute", EW_UNIT_COUNT, 20, 5, 30, "Sessions in a minute (3.18 a)" },
	{ "per_ten", EW_UNIT_COUNT, 30, 5, 32, "Sessions in ten minutes (3.18 a)" },
	{ "short", EW_UNIT_MS, 5000, 100, 60000, "Each at most this long (3.18 a)" },
	{ "spread", EW_UNIT_PERCENT, 25, 1, 100, "Sizes around their median (3.18 a)" },
	{ "factor", EW_UNIT_COUNT, 10, 1, 1000,
	    "Times the edge's own maximum (3.18 a)" },
	{ "ssh_sessions", EW_UNIT_COUNT, 5, 2, 32,
	    "ssh sessions in ten minutes (3.18 b)" },
	{ "turns", EW_UNIT_COUNT, 40, 4, 10000,
	    "Direction changes in a minute (3.18 c)" },
	{ "turn_bytes", EW_UNIT_BYTES, 128, 1, 65535,
	    "Median payload of a turn (3.18 c)" },
	{ "score", EW_UNIT_POINTS, 60, 0, 100, "Points of guessing (3.18)" },
	{ "success", EW_UNIT_POINTS, 15, 0, 40,
	    "More when it seems to have worked (3.18)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per edge in this time" },
};
#define EDGES 2048
#define KEPT 32
#define DAYS 7
#define SSH_BYTES 4096			/* 3.18 b */
#define SSH_SHORT_NS (30 * EW_NS_PER_S) /* 3.18 b */
#define MINUTE_NS (60 * EW_NS_PER_S)
#define TEN_NS (600 * EW_NS_PER_S)

struct session {
	int64_t end_ns;
	uint32_t bytes, client_bytes;
	bool is_short, is_ssh_short;
};

struct guess {
	struct ew_keyed keyed; /* edge and source instance */
	int64_t first_ns, minute;
	uint32_t in_minute;
	uint16_t max_day[DAYS];
	uint16_t day;
	uint8_t n;
	struct session ring[KEPT];
};

struct brute_state {
	struct guess edges[EDGES];
};

static unsigned
max_of_week(const struct guess *g)
{
	unsigned max = 0;

	for (int i = 0; i < DAYS; i++)
		max = g->max_day[i] > max ? g->max_day[i] : max;
	return max;
}

static void
roll(struct ew_detect *d, struct guess *g, struct ew_mono now)
{
	uint16_t day = (uint16_t)(now.ns / d->conf.minimum_age_ns);

	if (!g->first_ns) {
		g->first_ns = now.ns;
		g->day = day;
	}
	if (now.ns - g->minute < MINUTE_NS)
		return;
	uint16_t *max = &g->max_day[g->day % DAYS];
	const struct ew_track *t = ew_detect_track_find(d, d->current, g->keyed.key);

	/* A burst that was told is no habit. */
	if (!(t && t->id) && g->in_minute > *max)
		*max = g->in_minute < UINT16_MAX ? (uint16_t)g->in_minute : UINT16_MAX;
	for (; g->day != day && (uint16_t)(day - g->day) <= DAYS; g->day++)
		g->max_day[(g->day + 1) % DAYS] = 0;
	g->day = day;
	g->minute = now.ns;
	g->in_minute = 0;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static const struct session *
at(const struct guess *g, unsigned ago)
{
	return &g->ring[(g->n + KEPT - 1 - ago) % KEPT];
}

/* Are the last n sessions short and of one size? */
static bool
are_alike(const struct ew_detect *d, const struct guess *g, unsigned n,
    uint32_t *ret_median)
{
	uint32_t bytes[KEPT] = { 0 };

	for (unsigned i = 0; i < n; i++) {
		bytes[i] = at(g, i)->bytes;
		if (!at(g, i)->is_short)
			return false;
	}
	qsort(bytes, n, sizeof(bytes[0]), compare);
	uint64_t median = bytes[n / 2];
	uint64_t slack = median * (uint64_t)ew_detect_option(d, OPT_SPREAD) / 100;

	*ret_median = (uint32_t)median;
	return bytes[0] + slack >= median && bytes[n - 1] <= median + slack;
}

static unsigned
within(const struct guess *g, int64_t window, struct ew_mono now)
{
	unsigned n = 0;

	while (n < KEPT && at(g, n)->end_ns && now.ns - at(g, n)->end_ns <= window)
		n++;
	return n;
}

static bool
has_baseline(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, const struct guess *g, struct ew_mono now)
{
	struct ew_workload_view view;

	if (j->verdict == EW_VERDICT_KNOWN)
		return now.ns - g->first_ns >= d->conf.minimum_age_ns;
	return ew_graph_view(d->graph, c->src.workload, now, &view) && view.m_q16 > 0;
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, struct guess *g, const char *how,
    unsigned sessions, bool is_success, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, g->keyed.key, ew_detect_option_ns(d, OPT_DEDUP), now);
	int points = (int)ew_detect_option(d, OPT_SCORE);
	int success = (int)ew_detect_option(d, OPT_SUCCESS);
	char target[EW_WORKLOAD_NAME_MAX + EW_ADDR_TEXT + 8];
	struct ew_signal s;

	t->last_ns = now.ns;
	t->count += 1;
	if (t->id && !(is_success && t->score <= points))
		return;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_PAYLOAD;
	s.count = sessions;
	ew_signal_reason(&s, points, "%s", how);
	if (is_success)
		ew_signal_reason(&s, success,
		    "then a longer session: it may have succeeded");
	ew_signal_sample(&s, c, EW_OUT_PAYLOAD);
	ew_signal_target(c, target, sizeof(target));
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.80s is guessing passwords on %.100s%s", c->src.workload->name, target,
	    is_success ? " and may have succeeded" : "");
	snprintf(s.benign, sizeof(s.benign),
	    "a health check or a client that reconnects in a loop");
	ew_detect_emit(d, &s, t, now);
}

static void
judge_turns(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, struct guess *g, struct ew_mono now)
{
	const struct ew_flow_event *ev = c->ev;
	char how[96];

	if (j->verdict == EW_VERDICT_KNOWN ||
	    ev->turns < ew_detect_option(d, OPT_TURNS) ||
	    ev->turn_median_bytes[0] > ew_detect_option(d, OPT_TURN_BYTES) ||
	    ev->turn_median_bytes[1] > ew_detect_option(d, OPT_TURN_BYTES) ||
	    !has_baseline(d, c, j, g, now))
		return;
	snprintf(how, sizeof(how),
	    "%u short questions and answers in one connection within a minute",
	    ev->turns / 2u);
	emit(d, c, g, how, 1, false, now);
}

static void
add_session(struct ew_detect *d, const struct ew_flow_event *ev, struct guess *g,
    struct ew_mono now)
{
	int64_t length = ev->last_ns - ev->first_ns;
	uint64_t bytes = ev->side[0].bytes + ev->side[1].bytes;

	g->ring[g->n] = (struct session){
		.end_ns = now.ns,
		.bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX,
		.client_bytes = ev->side[0].bytes < UINT32_MAX
		    ? (uint32_t)ev->side[0].bytes
		    : UINT32_MAX,
		.is_short = length < ew_detect_option_ns(d, OPT_SHORT),
		.is_ssh_short = length < SSH_SHORT_NS && ev->side[0].bytes < SSH_BYTES,
	};
	g->n = (uint8_t)((g->n + 1) % KEPT);
	g->in_minute++;
}

/*
 * Ten times what this edge does in a minute. The counter is of one source instance, so a new
 * replica of a busy service would have no habit: the edge's own mean stands in for it, which
 * all instances and all of its life made.
 */
static uint64_t
usual_of(const struct ew_detect *d, const struct ew_judgement *j, const struct guess *g,
    struct ew_mono now)
{
	uint64_t usual = max_of_week(g);

	if (j->edge && j->edge->first_ns) {
		const int64_t life = now.ns - j->edge->first_ns;
		const uint64_t minutes =
		    life > MINUTE_NS ? (uint64_t)(life / MINUTE_NS) : 1;
		const uint64_t mean = j->edge->connections / minutes;

		usual = mean > usual ? mean : usual;
	}
	return usual * (uint64_t)ew_detect_option(d, OPT_FACTOR);
}

static void
judge_sessions(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, struct guess *g, struct ew_mono now)
{
	unsigned minute = within(g, MINUTE_NS, now), ten = within(g, TEN_NS, now),
		 ssh = 0;
	unsigned need_minute = (unsigned)ew_detect_option(d, OPT_MINUTE);
	unsigned need_ten = (unsigned)ew_detect_option(d, OPT_TEN);
	uint32_t median = 0;
	char how[96];

	if (c->edge_port == 22 || c->edge_port == 2222) {
		while (ssh < ten && at(g, ssh)->is_ssh_short)
			ssh++;
		if (ssh >= (unsigned)ew_detect_option(d, OPT_SSH)) {
			snprintf(how, sizeof(how),
			    "%u short ssh sessions in ten minutes", ssh);
			emit(d, c, g, how, ssh, false, now);
		}
		return;
	}
	unsigned n = minute >= need_minute ? need_minute
	    : ten >= need_ten		   ? need_ten
					   : 0;
	/* The ring keeps the last few sessions; the counter knows how many there were. */
	unsigned rate = g->in_minute > minute ? g->in_minute : minute;

	if (!n || (j->verdict == EW_VERDICT_KNOWN && rate < usual_of(d, j, g, now)) ||
	    !are_alike(d, g, n, &median) || !has_baseline(d, c, j, g, now))
		return;
	snprintf(how, sizeof(how), "%u short sessions of about %u bytes in %s", n,
	    median, n == need_minute ? "a minute" : "ten minutes");
	emit(d, c, g, how, n, false, now);
}

static void
brute_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct brute_state *st = state;
	const struct ew_flow_event *ev = c->ev;
	bool is_used = ev->side[0].bytes && ev->side[1].bytes;

	if (ev->tuple.proto != 6 || c->src.workload->cls != EW_PEER_WORKLOAD ||
	    j->is_suppressed || (ev->kind == EW_FLOW_CLOSE && !is_used))
		return;
	uint64_t key = ew_detect_mix(ew_detect_edge_key(c, j), j->src_key) | 1;
	struct guess *g = ew_keyed_get(d, st->edges, EDGES, sizeof(*g), key, now);

	roll(d, g, now);
	if (ev->kind == EW_FLOW_TURNS) {
		judge_turns(d, c, j, g, now);
		return;
	}
	const struct ew_track *t = ew_detect_track_find(d, d->current, key);
	const struct session *last = at(g, 0);
	uint64_t bytes = ev->side[0].bytes + ev->side[1].bytes;
	bool is_success = t && t->id && now.ns - t->last_ns < TEN_NS && last->end_ns &&
	    bytes > UINT64_C(10) * last->bytes &&
	    ev->last_ns - ev->first_ns >= ew_detect_option_ns(d, OPT_SHORT);

	if (is_success) {
		emit(d, c, g, "many short sessions of one size", t->count, true, now);
		return;
	}
	add_session(d, ev, g, now);
	judge_sessions(d, c, j, g, now);
}

const struct ew_detector ew_detector_brute_force = {
	.name = "brute-force",
	.technique = { "T1110.001", "T1110.003" },
	.tactic = EW_TACTIC_CREDENTIAL,
	.family = EW_FAMILY_CREDENTIAL,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE) | EW_FLOW_KIND_BIT(EW_FLOW_TURNS),
	.verdicts =
	    1 << EW_VERDICT_KNOWN | 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct brute_state),
	.on_contact = brute_on_contact,
};
