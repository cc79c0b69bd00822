/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"

/*
 * dark-contact (detectors.md 3.7): a contact to an address inside a watched network that
 * nobody has and nobody had for a day. Stale names and registries explain single ones, which
 * stay in the log; three distinct addresses within an hour are 50. Every one of them feeds the
 * scan walk (scan.c) as well.
 */

enum { OPT_SINGLE, OPT_UNRESOLVED, OPT_MANY, OPT_MANY_SCORE, OPT_WINDOW };
static const struct ew_detector_option options[] = {
	{ "single", EW_UNIT_POINTS, 25, 0, 100, "Points of one contact (3.7)" },
	{ "unresolved", EW_UNIT_POINTS, 10, 0, 100,
	    "When no DNS answer named it (3.7)" },
	{ "many", EW_UNIT_COUNT, 3, 2, 8,
	    "Distinct addresses that make it certain (3.7)" },
	{ "many_score", EW_UNIT_POINTS, 50, 0, 100, "Points then (3.7)" },
	{ "window", EW_UNIT_MS, 3600000, 1000, 86400000, "Within this time (3.7)" },
};

#define TABLE 512
#define ADDRS 8

struct dark_source {
	uint64_t key;
	struct {
		int64_t ts_ns;
		uint64_t addr;
	} seen[ADDRS];
};

struct dark_state {
	struct dark_source sources[TABLE];
};

static unsigned
count_distinct(struct ew_detect *d, struct dark_source *src, uint64_t addr,
    struct ew_mono now)
{
	int64_t window = ew_detect_option_ns(d, OPT_WINDOW);
	unsigned n = 0, slot = 0;

	for (unsigned i = 0; i < ADDRS; i++) {
		if (src->seen[i].addr == addr) {
			slot = i;
			break;
		}
		if (src->seen[i].ts_ns < src->seen[slot].ts_ns)
			slot = i;
	}
	src->seen[slot].addr = addr;
	src->seen[slot].ts_ns = now.ns;
	for (unsigned i = 0; i < ADDRS; i++)
		n += src->seen[i].addr && now.ns - src->seen[i].ts_ns <= window;
	return n;
}

static bool
is_contact(const struct ew_contact *c)
{
	if (c->ev->kind == EW_FLOW_ARP)
		return c->ev->u.arp.answered == 2;
	if (c->ev->kind == EW_FLOW_NDP)
		return c->ev->u.ndp.answered == 2;
	return true;
}

static void
dark_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct dark_state *st = state;
	char addr[EW_ADDR_TEXT];

	if (c->dst.workload->cls != EW_PEER_DARK || !is_contact(c))
		return;
	uint8_t cls = c->src.workload->cls;
	if (cls != EW_PEER_WORKLOAD && cls != EW_PEER_GHOST)
		return; /* the node's own look-ups are housekeeping */
	struct dark_source *src = &st->sources[ew_detect_mix(j->src_key, 7) % TABLE];

	if (src->key != j->src_key)
		*src = (struct dark_source){ .key = j->src_key };
	unsigned n =
	    count_distinct(d, src, ew_detect_addr_hash(&c->ev->tuple.dst), now);
	struct ew_track *t =
	    ew_detect_track(d, j->src_key, ew_detect_option_ns(d, OPT_WINDOW), now);
	struct ew_signal s;

	t->count++;
	if (t->mark >= n && t->id)
		return;
	t->mark = n;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_DARK;
	s.count = t->count;
	s.hosts = n;
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SINGLE),
	    "an address that nobody has");
	if (c->resolved == 0)
		ew_signal_reason(&s, (int)ew_detect_option(d, OPT_UNRESOLVED),
		    "no DNS answer named it");
	int posture = ew_signal_posture(&s, c->src.workload);
	bool is_many = n >= (unsigned)ew_detect_option(d, OPT_MANY);
	if (is_many)
		ew_signal_floor(&s, (int)ew_detect_option(d, OPT_MANY_SCORE),
		    "three and more such addresses within an hour");
	/* 9.1: a single one by an ordinary workload stays in the log. */
	if (!is_many && (n < 2 && posture == 0))
		return;
	if (ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_SCANNER)
		ew_signal_cap(&s, 49, "it is labelled a scanner");
	ew_signal_sample(&s, c, EW_OUT_DARK);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s looked for %s, an address nobody has (%u such in an hour)",
	    c->src.workload->name, ew_addr_format(&c->ev->tuple.dst, addr), n);
	snprintf(s.benign, sizeof(s.benign),
	    "a stale name, registry entry or configuration");
	if (s.score >= 30)
		ew_detect_emit(d, &s, t, now);
}

const struct ew_detector ew_detector_dark_contact = {
	.name = "dark-contact",
	.technique = { "T1018", "T1046" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_SCAN,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_ARP) |
	    EW_FLOW_KIND_BIT(EW_FLOW_NDP),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct dark_state),
	.on_contact = dark_on_contact,
};
