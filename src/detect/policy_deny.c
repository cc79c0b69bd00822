/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"

/*
 * policy-deny (detectors.md 3.24): an edge that an operator denied was tried. 75, once per
 * burst: the same edge speaks again after six hours of silence.
 */

enum { OPT_SCORE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "score", EW_UNIT_POINTS, 75, 0, 100, "Points of a denied edge (3.24)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per edge in this time (3.24)" },
};

static void
policy_deny_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	char target[EW_WORKLOAD_NAME_MAX + EW_ADDR_TEXT + 8];
	struct ew_track *t = ew_detect_track(d, ew_detect_edge_key(c, j),
	    ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;

	(void)state;
	t->count++;
	if (t->id) {
		t->last_ns = now.ns;
		return;
	}
	ew_signal_begin(d, &s, c, now);
	s.outcome = (uint8_t)ew_edge_outcome(c->ev);
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE),
	    "an operator denied this edge");
	ew_signal_sample(&s, c, (enum ew_outcome)s.outcome);
	ew_signal_target(c, target, sizeof(target));
	snprintf(s.sentence, sizeof(s.sentence), "%.100s tried %.120s, which is denied",
	    ew_detect_peer_name(c->src.workload), target);
	snprintf(s.benign, sizeof(s.benign), "the decision is outdated: undo it");
	ew_detect_emit(d, &s, t, now);
}

const struct ew_detector ew_detector_policy_deny = {
	.name = "policy-deny",
	.technique = { "T1021" },
	.tactic = EW_TACTIC_NONE,
	.family = EW_FAMILY_POLICY,
	.kinds =
	    EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_MIDSTREAM),
	.verdicts = 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.on_contact = policy_deny_on_contact,
};
