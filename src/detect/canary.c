/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"

/*
 * canary-touch (detectors.md 3.14): a decoy was touched. A workload labelled canary, or an
 * address or port named in the configuration, has no honest visitor: 95 at the first attempt,
 * 60 for an ARP request alone. Deception of this kind in container networks: Koney (Kahlhofer
 * et al. 2025). The node's probes on declared ports and accepted monitors are let through.
 */

enum { OPT_SCORE, OPT_ARP_SCORE };
static const struct ew_detector_option options[] = {
	{ "score", EW_UNIT_POINTS, 95, 0, 100, "Points of a touch (3.14)" },
	{ "arp_score", EW_UNIT_POINTS, 60, 0, 100,
	    "Points of looking for it by ARP only (3.14)" },
};

static bool
is_canary(struct ew_detect *d, const struct ew_contact *c)
{
	if (ew_graph_labels(d->graph, c->dst.workload) & EW_LABEL_CANARY)
		return true;
	for (uint32_t i = 0; i < d->conf.n_canaries; i++) {
		const struct ew_canary_addr *a = &d->conf.canaries[i];

		if (ew_prefix_contains(&a->prefix, &c->ev->tuple.dst) &&
		    (!a->port || a->port == c->ev->tuple.dport ||
			a->port == c->edge_port))
			return true;
	}
	return false;
}

static void
canary_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	bool is_link = c->ev->kind == EW_FLOW_ARP || c->ev->kind == EW_FLOW_NDP;
	char target[EW_WORKLOAD_NAME_MAX + EW_ADDR_TEXT + 8];
	struct ew_signal s;

	(void)state;
	if (!is_canary(d, c) || c->src.workload == c->dst.workload)
		return;
	uint8_t src = c->src.workload->cls;
	if (src == EW_PEER_NODE && (is_link || c->server_port_known))
		return; /* the node's own look-ups and declared probes */
	if (src == EW_PEER_EXTERNAL || src == EW_PEER_MULTICAST ||
	    j->verdict == EW_VERDICT_KNOWN)
		return;
	const int64_t dedup = INT64_C(6) * 3600 * EW_NS_PER_S; /* idle close, 5.1 */
	uint64_t key =
	    ew_detect_mix(j->src_key, ew_detect_hash(c->dst.workload->name)) | 1;
	struct ew_track *t = ew_detect_track(d, key, dedup, now);
	int points = (int)ew_detect_option(d, is_link ? OPT_ARP_SCORE : OPT_SCORE);

	t->count++;
	if (t->id && t->score >= points) {
		t->last_ns = now.ns;
		return;
	}
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_ATTEMPT;
	s.count = t->count;
	ew_signal_reason(&s, points,
	    is_link ? "looked for a canary by ARP" : "touched a canary");
	ew_signal_sample(&s, c, EW_OUT_ATTEMPT);
	snprintf(s.sentence, sizeof(s.sentence), "%.100s touched the canary %.120s",
	    ew_detect_peer_name(c->src.workload),
	    is_link ? c->dst.workload->name
		    : ew_signal_target(c, target, sizeof(target)));
	snprintf(s.benign, sizeof(s.benign),
	    "an inventory scanner or monitor: accept it once");
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, c->src.workload, now);
}

const struct ew_detector ew_detector_canary = {
	.name = "canary-touch",
	.technique = { "T1046", "T1021" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_EDGE,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_PROBE) |
	    EW_FLOW_KIND_BIT(EW_FLOW_ARP) | EW_FLOW_KIND_BIT(EW_FLOW_NDP),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_CANDIDATE |
	    1 << EW_VERDICT_NOVEL | 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.on_contact = canary_on_contact,
};
