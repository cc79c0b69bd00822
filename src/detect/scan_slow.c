/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/scan_walk.h"
#include "graph/fixed.h"

/*
 * scan-slow (detectors.md 3.6): the same walk with a half-life of a day, for probing below one
 * contact in four minutes (nmap -T0, hourly probes). The state is scan's; here is a second
 * limit on its slow score, and one on the sum over the replicas of a workload, so that a scan
 * split over three of them does not pass.
 *
 * It speaks only about sources with a baseline (m >= 0.4): a young workload meets everything
 * for the first time.
 */

enum { OPT_THRESHOLD, OPT_WORKLOAD_THRESHOLD, OPT_SPAN, OPT_BASE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "threshold", EW_UNIT_HUNDREDTHS, 1000, 100, 10000,
	    "Score of one instance above which it is a slow scan (3.6)" },
	{ "workload_threshold", EW_UNIT_HUNDREDTHS, 1400, 100, 10000,
	    "The same for the sum over a workload's instances (3.6)" },
	{ "span", EW_UNIT_MS, 900000, 0, 86400000,
	    "The contacts span at least this time (3.6)" },
	{ "base", EW_UNIT_POINTS, 55, 0, 100, "Points of a slow scan (3.6)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
};
#define MATURITY_Q16 26214 /* 0.4, section 2 */

static void
emit(struct ew_detect *d, const struct ew_walk *w, uint64_t key, uint64_t slow_q16,
    uint32_t instances, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, key, ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;
	uint64_t hundredths = slow_q16 / 656;
	char span[16];

	if (t->id && w->n_contacts < 2 * t->mark)
		return;
	t->mark = w->n_contacts;
	ew_signal_begin_workload(d, &s, w->src, now);
	ew_walk_describe(w, &s);
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_BASE),
	    "%u new contacts over %s, slow scan score %llu.%02llu", w->n_contacts,
	    ew_detect_age_text(w->last_ns - w->slow_since_ns, span),
	    (unsigned long long)hundredths / 100, (unsigned long long)hundredths % 100);
	if (w->n_sensitive)
		ew_signal_reason(&s, 10, "sensitive ports among them");
	if (w->n_out[EW_WALK_DARK] >= 3)
		ew_signal_reason(&s, 5, "%u to addresses nobody has",
		    w->n_out[EW_WALK_DARK]);
	if (ew_graph_labels(d->graph, w->src) & EW_LABEL_SCANNER)
		ew_signal_cap(&s, 49, "it is labelled a scanner");
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s%s is probing slowly: %u addresses, %u ports in %s", w->src->name,
	    instances > 1 ? " (several replicas)" : "", s.hosts, s.ports, span);
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, w->src, now);
}

static bool
has_baseline(struct ew_detect *d, const struct ew_walk *w, struct ew_mono now)
{
	struct ew_workload_view view;

	return w->src && ew_graph_view(d->graph, w->src, now, &view) &&
	    view.m_q16 >= MATURITY_Q16;
}

static uint32_t
slow_now(const struct ew_walk *w, struct ew_mono now)
{
	return ew_fixed_decay(w->slow_q16, (now.ns - w->t_ns) / EW_NS_PER_MS, 86400000);
}

static void
judge_walk(struct ew_detect *d, const struct ew_walk *w, struct ew_mono now)
{
	int64_t limit = ew_detect_option(d, OPT_THRESHOLD) * 65536 / 100;

	if (slow_now(w, now) <= limit || !w->slow_since_ns ||
	    w->last_ns - w->slow_since_ns < ew_detect_option_ns(d, OPT_SPAN))
		return;
	/* A fast scan has been told; its slow score says nothing more. */
	if (ew_detect_is_scanning(d, w->key, now))
		return;
	if (has_baseline(d, w, now))
		emit(d, w, w->key, slow_now(w, now), 1, now);
}

/* Replicas of one workload add up; asked after each contact of one of them. */
static void
judge_workload(struct ew_detect *d, const struct ew_walk *w, struct ew_mono now)
{
	int64_t limit = ew_detect_option(d, OPT_WORKLOAD_THRESHOLD) * 65536 / 100;
	uint32_t n = 0;
	uint64_t sum = ew_walk_sum(d, w->src, now, &n);

	if (n < 2 || sum <= (uint64_t)limit || !has_baseline(d, w, now))
		return;
	emit(d, w, ew_detect_hash(w->src->name) | 1, sum, n, now);
}

static void
scan_slow_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	const struct ew_walk *w = ew_walk_find(d, j->src_key);

	(void)state;
	(void)c;
	/* Only right after scan counted this very contact. */
	if (!w || w->t_ns != now.ns || w->last_ns != now.ns || !w->src)
		return;
	judge_walk(d, w, now);
	if (w->src->instances > 1)
		judge_workload(d, w, now);
}

const struct ew_detector ew_detector_scan_slow = {
	.name = "scan-slow",
	.technique = { "T1046", "T1018" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_SCAN,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) |
	    EW_FLOW_KIND_BIT(EW_FLOW_ESTABLISHED) | EW_FLOW_KIND_BIT(EW_FLOW_REFUSED) |
	    EW_FLOW_KIND_BIT(EW_FLOW_UNANSWERED) | EW_FLOW_KIND_BIT(EW_FLOW_HALFOPEN) |
	    EW_FLOW_KIND_BIT(EW_FLOW_CLOSE) | EW_FLOW_KIND_BIT(EW_FLOW_PROBE) |
	    EW_FLOW_KIND_BIT(EW_FLOW_ARP) | EW_FLOW_KIND_BIT(EW_FLOW_NDP),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_CANDIDATE |
	    1 << EW_VERDICT_NOVEL | 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.on_contact = scan_slow_on_contact,
};
