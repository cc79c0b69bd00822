/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * flood (detectors.md 3.26): more than 2,000 attempts a second for five seconds from one
 * instance with less than a fifth established, or twenty times its own maximum of the last
 * seven days for five seconds. 45, a row in the digest: it is an outage or a load test more
 * often than an attack, and the scan detectors see the sideways kind.
 */

enum { OPT_RATE, OPT_SECONDS, OPT_SHARE, OPT_FACTOR, OPT_LEAST, OPT_SCORE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "rate", EW_UNIT_COUNT, 2000, 1, 10000000, "Attempts per second (3.26)" },
	{ "seconds", EW_UNIT_COUNT, 5, 1, 3600, "In so many seconds in a row (3.26)" },
	{ "share", EW_UNIT_PERCENT, 20, 0, 100, "Established below this (3.26)" },
	{ "factor", EW_UNIT_COUNT, 20, 2, 1000,
	    "Times the maximum of seven days (3.26)" },
	{ "least", EW_UNIT_COUNT, 200, 1, 10000000,
	    "Attempts per second below which the factor says nothing (ours)" },
	{ "score", EW_UNIT_POINTS, 45, 0, 100, "Points of a flood (3.26)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
};
#define SOURCES 512
#define DAYS 7

struct flood_source {
	struct ew_keyed keyed;
	int64_t second;
	uint32_t attempts; /* in this second */
	uint32_t run_attempts, run_established;
	uint16_t run_rate, run_factor; /* seconds in a row over either limit */
	uint32_t max_day[DAYS];
	uint16_t day;
};

struct flood_state {
	struct flood_source sources[SOURCES];
};

static uint32_t
max_of_week(const struct flood_source *f)
{
	uint32_t max = 0;

	for (int i = 0; i < DAYS; i++)
		max = f->max_day[i] > max ? f->max_day[i] : max;
	return max;
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    const struct flood_source *f, bool is_rate, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, j->src_key, ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;

	t->last_ns = now.ns;
	if (t->id)
		return;
	ew_signal_begin(d, &s, c, now);
	s.count = f->run_attempts;
	s.outcome = EW_OUT_ATTEMPT;
	if (is_rate)
		ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE),
		    "%u attempts in %u s, %u established", f->run_attempts, f->run_rate,
		    f->run_established);
	else
		ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE),
		    "%u attempts per second, %u at most in seven days", f->attempts,
		    max_of_week(f));
	ew_signal_sample(&s, c, EW_OUT_ATTEMPT);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.80s floods %.80s: %u attempts per second", c->src.workload->name,
	    c->dst.workload->name, f->attempts);
	snprintf(s.benign, sizeof(s.benign),
	    "a load test, or clients of a service that is down");
	ew_detect_emit(d, &s, t, now);
}

/* A second is over: how long is the run now? */
static void
close_second(struct ew_detect *d, struct flood_source *f, struct ew_mono now)
{
	uint16_t day = (uint16_t)(now.ns / d->conf.minimum_age_ns);
	uint32_t week = max_of_week(f);
	bool is_over = f->attempts > (uint32_t)ew_detect_option(d, OPT_RATE);
	bool is_many = week &&
	    f->attempts >= (uint32_t)ew_detect_option(d, OPT_LEAST) &&
	    f->attempts > week * (uint64_t)ew_detect_option(d, OPT_FACTOR);
	bool is_next = now.ns / EW_NS_PER_S == f->second + 1;

	f->run_rate = is_over && is_next ? f->run_rate + 1 : 0;
	f->run_factor = is_many && is_next ? f->run_factor + 1 : 0;
	if (!f->run_rate && !f->run_factor) {
		f->run_attempts = f->run_established = 0;
		if (f->attempts > f->max_day[f->day % DAYS])
			f->max_day[f->day % DAYS] = f->attempts;
	}
	for (; f->day != day && (uint16_t)(day - f->day) <= DAYS; f->day++)
		f->max_day[(f->day + 1) % DAYS] = 0;
	f->day = day;
}

static void
flood_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct flood_state *st = state;
	int64_t second = now.ns / EW_NS_PER_S;

	if (c->src.workload->cls != EW_PEER_WORKLOAD)
		return;
	struct flood_source *f =
	    ew_keyed_get(d, st->sources, SOURCES, sizeof(*f), j->src_key, now);

	if (c->ev->kind == EW_FLOW_ESTABLISHED) {
		f->run_established++;
		return;
	}
	if (f->second != second) {
		close_second(d, f, now);
		bool is_rate = f->run_rate >= ew_detect_option(d, OPT_SECONDS) &&
		    f->run_established * UINT64_C(100) <
			f->run_attempts * (uint64_t)ew_detect_option(d, OPT_SHARE);
		bool is_factor = f->run_factor >= ew_detect_option(d, OPT_SECONDS);

		if (is_rate || is_factor)
			emit(d, c, j, f, is_rate, now);
		f->second = second;
		f->attempts = 0;
	}
	f->attempts++;
	f->run_attempts++;
}

const struct ew_detector ew_detector_flood = {
	.name = "flood",
	.technique = { "T1499", "T1498" },
	.tactic = EW_TACTIC_NONE,
	.family = EW_FAMILY_VOLUME,
	.kinds =
	    EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_ESTABLISHED),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_KNOWN |
	    1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL | 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct flood_state),
	.on_contact = flood_on_contact,
};
