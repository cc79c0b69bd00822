/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * arp-spoof and ndp-spoof (detectors.md 3.10): a container says that somebody else's address
 * is at its own interface. Only packets seen entering the host end of its veth are judged, so
 * the sender is proven; identity says whose the address is (EW_SPOOF_*). The address of the
 * gateway or of a live container is 85 at once; an address that nobody holds, or a wrong
 * sender MAC, is 50 at the third claim. arpspoof repeats every two seconds, which is attached
 * as evidence (measured).
 *
 * Virtual addresses move by the same means: label eastwatch.vip on the workload.
 */

enum { OPT_LIVE_SCORE, OPT_FREE_SCORE, OPT_FREE_CLAIMS, OPT_CADENCE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "live_score", EW_UNIT_POINTS, 85, 0, 100,
	    "Claims the gateway or a live container (3.10)" },
	{ "free_score", EW_UNIT_POINTS, 50, 0, 100,
	    "Claims an address nobody holds (3.10)" },
	{ "free_claims", EW_UNIT_COUNT, 3, 1, 100, "Claims before that counts (3.10)" },
	{ "cadence", EW_UNIT_COUNT, 3, 2, 100,
	    "Unsolicited replies in 10 s told as evidence (3.10, measured)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
};
#define SOURCES 256
#define CADENCE_NS (10 * EW_NS_PER_S)

struct spoof_source {
	struct ew_keyed keyed;
	uint32_t free_claims, claims, unsolicited;
	int64_t cadence_ns;
};

struct spoof_state {
	struct spoof_source sources[SOURCES];
};

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    const struct spoof_source *src, int points, struct ew_mono now)
{
	bool is_arp = c->ev->kind == EW_FLOW_ARP;
	struct ew_track *t =
	    ew_detect_track(d, j->src_key, ew_detect_option_ns(d, OPT_DEDUP), now);
	const struct ew_addr *claimed =
	    is_arp ? &c->ev->tuple.src : &c->ev->u.ndp.target;
	char addr[EW_ADDR_TEXT], mac[EW_MAC_TEXT];
	struct ew_signal s;

	if (t->id && t->score >= points && src->claims < 2 * t->mark) {
		t->last_ns = now.ns;
		return;
	}
	t->mark = src->claims;
	ew_signal_begin(d, &s, c, now);
	s.detector = is_arp ? "arp-spoof" : "ndp-spoof";
	s.technique[0] = "T1557.002";
	s.proto = 0;
	s.count = src->claims;
	ew_addr_format(claimed, addr);
	if (c->spoof & EW_SPOOF_LIVE)
		ew_signal_reason(&s, points,
		    "claims %s, which is another's or the gateway's", addr);
	else
		ew_signal_reason(&s, points,
		    "claims %s, which is not its own, %u times", addr, src->claims);
	ew_signal_sample(&s, c, EW_OUT_NONE);
	ew_signal_evidence(&s, "claimed: %s at %s", addr,
	    ew_mac_format(is_arp ? c->ev->u.arp.sender_mac : c->ev->src_mac, mac));
	if (src->unsolicited >= (uint32_t)ew_detect_option(d, OPT_CADENCE))
		ew_signal_evidence(&s, "cadence: %u unsolicited replies within 10 s",
		    src->unsolicited);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s claims the address %s of another (%s)", c->src.workload->name, addr,
	    is_arp ? "ARP" : "neighbour discovery");
	snprintf(s.benign, sizeof(s.benign),
	    "a virtual address that moved (label eastwatch.vip), a nested container "
	    "engine");
	if (s.score < t->score)
		s.score = t->score;
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, c->src.workload, now);
}

static void
arp_spoof_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct spoof_state *st = state;
	bool is_advert = c->ev->kind == EW_FLOW_ARP || c->ev->u.ndp.type == 136;

	if (!c->spoof || !is_advert || ew_addr_is_unspecified(&c->ev->tuple.src))
		return;
	if (ew_graph_labels(d->graph, c->src.workload) &
	    (EW_LABEL_VIP | EW_LABEL_ROUTER)) {
		d->counters.suppressed++;
		return;
	}
	struct spoof_source *src =
	    ew_keyed_get(d, st->sources, SOURCES, sizeof(*src), j->src_key, now);

	src->claims++;
	if (now.ns - src->cadence_ns > CADENCE_NS) {
		src->cadence_ns = now.ns;
		src->unsolicited = 0;
	}
	src->unsolicited += c->ev->kind == EW_FLOW_ARP && c->ev->u.arp.unsolicited;
	if (c->spoof & EW_SPOOF_LIVE) {
		emit(d, c, j, src, (int)ew_detect_option(d, OPT_LIVE_SCORE), now);
		return;
	}
	src->free_claims++;
	if (src->free_claims >= (uint32_t)ew_detect_option(d, OPT_FREE_CLAIMS))
		emit(d, c, j, src, (int)ew_detect_option(d, OPT_FREE_SCORE), now);
}

const struct ew_detector ew_detector_arp_spoof = {
	.name = "arp-spoof",
	.technique = { "T1557.002" },
	.tactic = EW_TACTIC_CREDENTIAL,
	.family = EW_FAMILY_SPOOF,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ARP) | EW_FLOW_KIND_BIT(EW_FLOW_NDP),
	.verdicts = 1 << EW_VERDICT_UNJUDGED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct spoof_state),
	.on_contact = arp_spoof_on_contact,
};
