/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * source-spoof (detectors.md 3.12): a container sends from an address or MAC that is not its
 * own. The veth proves who it was; identity reads the namespace's addresses again before it
 * says so. Posing as a live workload or the node is 75 at the first packet; any other foreign
 * source is 60 at the third (decoys and randomised sources). Routers and nested engines forward
 * for others: label eastwatch.router, or an edge that was learned.
 */

enum { OPT_LIVE_SCORE, OPT_SCORE, OPT_PACKETS, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "live_score", EW_UNIT_POINTS, 75, 0, 100,
	    "Poses as a live workload or the node (3.12)" },
	{ "score", EW_UNIT_POINTS, 60, 0, 100, "Any other foreign source (3.12)" },
	{ "packets", EW_UNIT_COUNT, 3, 1, 1000,
	    "Flows before the latter counts (3.12)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
};
#define SOURCES 256

struct spoof_source {
	struct ew_keyed keyed;
	uint32_t flows;
};

struct source_spoof_state {
	struct spoof_source sources[SOURCES];
};

static void
source_spoof_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct source_spoof_state *st = state;
	char addr[EW_ADDR_TEXT], mac[EW_MAC_TEXT];
	struct ew_signal s;

	if (!c->spoof || ew_addr_is_unspecified(&c->ev->tuple.src) ||
	    ew_addr_is_link_local(&c->ev->tuple.src))
		return;
	if (ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_ROUTER) {
		d->counters.suppressed++;
		return;
	}
	struct spoof_source *src =
	    ew_keyed_get(d, st->sources, SOURCES, sizeof(*src), j->src_key, now);
	bool is_live = c->spoof & EW_SPOOF_LIVE;
	int points = (int)ew_detect_option(d, is_live ? OPT_LIVE_SCORE : OPT_SCORE);

	src->flows++;
	if (!is_live && src->flows < (uint32_t)ew_detect_option(d, OPT_PACKETS))
		return;
	struct ew_track *t =
	    ew_detect_track(d, j->src_key, ew_detect_option_ns(d, OPT_DEDUP), now);
	if (t->id && t->score >= points && src->flows < 2 * t->mark) {
		t->last_ns = now.ns;
		return;
	}
	t->mark = src->flows;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_ATTEMPT;
	s.count = src->flows;
	ew_addr_format(&c->ev->tuple.src, addr);
	ew_signal_reason(&s, points,
	    is_live ? "sends as %s, which is somebody else's"
		    : "sends as %s, which is not its own",
	    addr);
	ew_signal_sample(&s, c, EW_OUT_ATTEMPT);
	ew_signal_evidence(&s, "source: %s at %s, %u flows", addr,
	    ew_mac_format(c->ev->src_mac, mac), src->flows);
	snprintf(s.sentence, sizeof(s.sentence), "%.100s sends packets from %s, %s",
	    c->src.workload->name, addr,
	    is_live ? "an address of somebody else" : "an address that is not its own");
	snprintf(s.benign, sizeof(s.benign),
	    "it forwards for others: label eastwatch.router; a nested container "
	    "engine");
	if (s.score < t->score)
		s.score = t->score;
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, c->src.workload, now);
}

const struct ew_detector ew_detector_source_spoof = {
	.name = "source-spoof",
	.technique = { "T1036", "T1557", "T1499" },
	.tactic = EW_TACTIC_CREDENTIAL,
	.family = EW_FAMILY_SPOOF,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_PROBE),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_CANDIDATE |
	    1 << EW_VERDICT_NOVEL | 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct source_spoof_state),
	.on_contact = source_spoof_on_contact,
};
