/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * arp-sweep (detectors.md 3.9): one container asks for many addresses by ARP. On a bridge
 * this is all that host discovery leaves behind (measured: nmap -sn asks for 241 of 255
 * targets and sends nothing else). Three rules, any of which is enough: eight distinct targets
 * without answer in a minute; 24 distinct targets that are no known peers in a minute, answered
 * or not; 16 addresses nobody has in a day. The node and gateways ask for everybody and are
 * excluded.
 */

enum { OPT_UNANSWERED, OPT_STRANGERS, OPT_DARK, OPT_WINDOW, OPT_SCORE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "unanswered", EW_UNIT_COUNT, 8, 2, 32,
	    "Distinct targets without answer (3.9)" },
	{ "strangers", EW_UNIT_COUNT, 24, 2, 32,
	    "Distinct targets that are no known peers (3.9)" },
	{ "dark", EW_UNIT_COUNT, 16, 2, 16, "Addresses nobody has, in 24 h (3.9)" },
	{ "window", EW_UNIT_MS, 60000, 1000, 3600000, "For the first two (3.9)" },
	{ "score", EW_UNIT_POINTS, 60, 0, 100, "Points of a sweep (3.9)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
};

#define SOURCES 512
#define TARGETS 32
#define DARK_TARGETS 16
#define DAY_NS (INT64_C(86400) * EW_NS_PER_S)

struct asked {
	int64_t ts_ns;
	uint32_t hash;
	bool is_unanswered, is_stranger;
};

struct sweep_source {
	struct ew_keyed keyed;
	struct asked recent[TARGETS];
	struct asked dark[DARK_TARGETS];
};

struct sweep_state {
	struct sweep_source sources[SOURCES];
};

static void
note(struct asked *ring, unsigned n, const struct asked *a)
{
	unsigned slot = 0;

	for (unsigned i = 0; i < n; i++) {
		if (ring[i].hash == a->hash) {
			ring[i].ts_ns = a->ts_ns;
			ring[i].is_unanswered |= a->is_unanswered;
			ring[i].is_stranger = a->is_stranger;
			return;
		}
		if (ring[i].ts_ns < ring[slot].ts_ns)
			slot = i;
	}
	ring[slot] = *a;
}

struct counts {
	unsigned unanswered, strangers, dark;
};

static struct counts
count(const struct sweep_source *src, int64_t window, struct ew_mono now)
{
	struct counts c = { 0 };

	for (unsigned i = 0; i < TARGETS; i++) {
		if (!src->recent[i].hash || now.ns - src->recent[i].ts_ns > window)
			continue;
		c.unanswered += src->recent[i].is_unanswered;
		c.strangers += src->recent[i].is_stranger;
	}
	for (unsigned i = 0; i < DARK_TARGETS; i++)
		c.dark += src->dark[i].hash && now.ns - src->dark[i].ts_ns <= DAY_NS;
	return c;
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    struct counts n, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, j->src_key, ew_detect_option_ns(d, OPT_DEDUP), now);
	unsigned most = n.unanswered > n.strangers ? n.unanswered : n.strangers;
	struct ew_signal s;

	if (n.dark > most)
		most = n.dark;
	if (t->id && most <= t->mark)
		return;
	t->mark = most;
	ew_signal_begin(d, &s, c, now);
	s.dst = NULL;
	s.outcome = EW_OUT_UNANSWERED;
	s.hosts = s.count = most;
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE),
	    "ARP for %u addresses without answer and %u strangers in a minute, %u "
	    "nobody has in a day",
	    n.unanswered, n.strangers, n.dark);
	if (ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_SCANNER)
		ew_signal_cap(&s, 49, "it is labelled a scanner");
	ew_signal_sample(&s, c, EW_OUT_UNANSWERED);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s asks the network for %u and more addresses (ARP sweep)",
	    c->src.workload->name, most);
	snprintf(s.benign, sizeof(s.benign),
	    "an inventory or an authorised scanner (label eastwatch.scanner)");
	ew_detect_emit(d, &s, t, now);
}

static void
arp_sweep_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct sweep_state *st = state;
	uint8_t cls = c->src.workload->cls;
	bool is_request = c->ev->u.arp.op == 1;

	if ((cls != EW_PEER_WORKLOAD && cls != EW_PEER_GHOST) || !is_request ||
	    ew_addr_equal(&c->ev->tuple.src, &c->ev->tuple.dst))
		return; /* an announcement asks for nobody */
	struct sweep_source *src =
	    ew_keyed_get(d, st->sources, SOURCES, sizeof(*src), j->src_key, now);
	bool is_dark = c->dst.workload->cls == EW_PEER_DARK;
	struct asked a = {
		.ts_ns = now.ns,
		.hash = (uint32_t)ew_detect_addr_hash(&c->ev->tuple.dst) | 1,
		.is_unanswered = c->ev->u.arp.answered == 2 && !c->dst.is_tombstone,
		.is_stranger = c->dst.workload->cls != EW_PEER_GATEWAY &&
		    !ew_graph_knows(d->graph, c->src.workload, c->dst.workload),
	};

	note(src->recent, TARGETS, &a);
	if (is_dark && a.is_unanswered)
		note(src->dark, DARK_TARGETS, &a);
	struct counts n = count(src, ew_detect_option_ns(d, OPT_WINDOW), now);

	if (n.unanswered >= (unsigned)ew_detect_option(d, OPT_UNANSWERED) ||
	    n.strangers >= (unsigned)ew_detect_option(d, OPT_STRANGERS) ||
	    n.dark >= (unsigned)ew_detect_option(d, OPT_DARK))
		emit(d, c, j, n, now);
}

const struct ew_detector ew_detector_arp_sweep = {
	.name = "arp-sweep",
	.technique = { "T1018" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_SCAN,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ARP),
	.verdicts = 1 << EW_VERDICT_UNJUDGED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct sweep_state),
	.on_contact = arp_sweep_on_contact,
};
