/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"

/*
 * coverage (detectors.md 3.27): what was not seen. Blindness must not be silent: every gap is
 * a record and marks the incidents it overlaps; a loss above 1 %, a lost interface, a clock
 * step, a suspend and a full table also become a notice to people, at most one per six hours.
 * Never an incident.
 */

enum { OPT_LOSS, OPT_NOTICE };
static const struct ew_detector_option options[] = {
	{ "loss", EW_UNIT_HUNDREDTHS, 100, 0, 10000,
	    "Percent of packets lost that is a notice (3.27)" },
	{ "notice", EW_UNIT_MS, 21600000, 0, 604800000,
	    "One notice in this time (3.27)" },
};

struct coverage_state {
	int64_t last_notice_ns;
	bool has_notice;
};

static const char *
cause_text(enum ew_gap_cause cause)
{
	switch (cause) {
	case EW_GAP_KERNEL_DROP:
		return "the kernel dropped packets: capture could not keep up";
	case EW_GAP_RING_FULL:
		return "flow events were dropped: the daemon could not keep up";
	case EW_GAP_INTERFACE:
		return "an interface was lost while it was watched";
	case EW_GAP_CLOCK_STEP:
		return "the clock was stepped";
	case EW_GAP_SUSPEND:
		return "the machine was suspended";
	case EW_GAP_TABLE_EVICTION:
		return "the flow table was full and forgot flows";
	case EW_GAP_INPUT_DAMAGE:
		return "the capture file is damaged";
	}
	return "something was not seen";
}

static void
coverage_on_gap(struct ew_detect *d, void *state, const struct ew_gap_info *gap,
    uint64_t packets, struct ew_mono now)
{
	struct coverage_state *st = state;
	bool is_small = packets && gap->lost &&
	    gap->lost * 10000 <=
		(packets + gap->lost) * (uint64_t)ew_detect_option(d, OPT_LOSS);
	bool is_recent = st->has_notice &&
	    now.ns - st->last_notice_ns < ew_detect_option_ns(d, OPT_NOTICE);
	struct ew_health h = {
		.ts_ns = now.ns,
		.from_ns = gap->from_ns,
		.to_ns = gap->to_ns,
		.lost = gap->lost,
		.cause = gap->cause,
		.is_notice = !is_small && !is_recent,
	};

	if (gap->lost && packets)
		snprintf(h.text, sizeof(h.text),
		    "coverage reduced: %s (%llu of %llu lost)",
		    cause_text((enum ew_gap_cause)gap->cause),
		    (unsigned long long)gap->lost,
		    (unsigned long long)packets + gap->lost);
	else if (gap->lost)
		snprintf(h.text, sizeof(h.text), "coverage reduced: %s (%llu lost)",
		    cause_text((enum ew_gap_cause)gap->cause),
		    (unsigned long long)gap->lost);
	else
		snprintf(h.text, sizeof(h.text), "coverage reduced: %s",
		    cause_text((enum ew_gap_cause)gap->cause));
	if (h.is_notice) {
		st->has_notice = true;
		st->last_notice_ns = now.ns;
	}
	if (d->sink.health)
		d->sink.health(d->sink.context, &h);
}

const struct ew_detector ew_detector_coverage = {
	.name = "coverage",
	.tactic = EW_TACTIC_NONE,
	.family = EW_FAMILY_POLICY,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct coverage_state),
	.on_gap = coverage_on_gap,
};
