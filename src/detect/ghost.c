/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * ghost (detectors.md 3.12): something on a watched bridge talks, and no runtime knows it. A
 * container that starts is unknown for a moment; after 30 s it is a ghost and 60. One signal
 * per address.
 */

enum { OPT_SCORE, OPT_AFTER, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "score", EW_UNIT_POINTS, 60, 0, 100, "Points of a ghost (3.12)" },
	{ "after", EW_UNIT_MS, 30000, 0, 3600000, "Unknown for this long (3.12)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per address in this time" },
};
#define SOURCES 256

struct ghost_source {
	struct ew_keyed keyed;
	int64_t first_ns;
};

struct ghost_state {
	struct ghost_source sources[SOURCES];
};

static void
ghost_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct ghost_state *st = state;
	char addr[EW_ADDR_TEXT];
	struct ew_signal s;

	(void)j;
	if (c->src.workload->cls != EW_PEER_GHOST ||
	    ew_addr_is_unspecified(&c->ev->tuple.src))
		return;
	uint64_t key = ew_detect_addr_hash(&c->ev->tuple.src) | 1;
	struct ghost_source *src =
	    ew_keyed_get(d, st->sources, SOURCES, sizeof(*src), key, now);

	if (!src->first_ns)
		src->first_ns = now.ns;
	if (now.ns - src->first_ns < ew_detect_option_ns(d, OPT_AFTER))
		return;
	struct ew_track *t =
	    ew_detect_track(d, key, ew_detect_option_ns(d, OPT_DEDUP), now);
	t->last_ns = now.ns;
	if (t->id)
		return;
	ew_signal_begin(d, &s, c, now);
	ew_addr_format(&c->ev->tuple.src, addr);
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE),
	    "%s has talked for %lld s and no runtime knows it", addr,
	    (long long)((now.ns - src->first_ns) / EW_NS_PER_S));
	ew_signal_sample(&s, c, EW_OUT_NONE);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.60s: %s is on the bridge and no runtime knows it", c->src.workload->name,
	    addr);
	snprintf(s.benign, sizeof(s.benign),
	    "a virtual machine or a namespace somebody attached by hand");
	ew_detect_emit(d, &s, t, now);
}

const struct ew_detector ew_detector_ghost = {
	.name = "ghost",
	.technique = { "T1036", "T1610" },
	.tactic = EW_TACTIC_CREDENTIAL,
	.family = EW_FAMILY_SPOOF,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_ARP) |
	    EW_FLOW_KIND_BIT(EW_FLOW_MIDSTREAM) | EW_FLOW_KIND_BIT(EW_FLOW_UPDATE),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_KNOWN |
	    1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct ghost_state),
	.on_contact = ghost_on_contact,
};
