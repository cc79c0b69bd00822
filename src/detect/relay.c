/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * relay (detectors.md 3.20): what comes into B on one connection goes out on another. The
 * stepping-stone test of Zhang & Paxson (2000) matches the moments at which both flows become
 * active after a silence. Of two flows of B in the same minute, one in and one out (or two
 * out: a tunnel client), at least one of them novel: ten turns or more on each, the numbers of
 * turns within 10 % of each other and the sizes of what is said within 0.7 to 1.4: 75.
 * The multiplexed form (ssh -D, chisel): while B has such a carrier, five novel attempts of B
 * within one of its minutes: 80.
 *
 * NOTE(compromise): flow events carry turns per minute, not the time of each burst, so the
 * 80 ms between bursts is replaced by equal numbers of turns; TURNS exist only for zoomed
 * pairs or in profile all, and without them this detector is silent.
 *
 * Proxies by label and pairs of known edges (sidecars, load balancers) are never tested.
 */

enum {
	OPT_TURNS,
	OPT_MATCH,
	OPT_SCORE,
	OPT_ATTEMPTS,
	OPT_MULTI_SCORE,
	OPT_AGE,
	OPT_DEDUP
};
static const struct ew_detector_option options[] = {
	{ "turns", EW_UNIT_COUNT, 10, 2, 10000,
	    "Turns in a minute on each (3.20: ON periods)" },
	{ "match", EW_UNIT_PERCENT, 90, 1, 100,
	    "How alike the numbers of turns are (3.20)" },
	{ "score", EW_UNIT_POINTS, 75, 0, 100, "Points of a relay (3.20)" },
	{ "attempts", EW_UNIT_COUNT, 5, 2, 1000,
	    "Novel attempts beside a carrier (3.20)" },
	{ "multi_score", EW_UNIT_POINTS, 80, 0, 100,
	    "Points of the multiplexed form (3.20)" },
	{ "age", EW_UNIT_MS, 10000, 0, 3600000,
	    "A carrier is at least this old (3.20)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance and form" },
};
#define MIDDLES 64 /* 3.20: as many as pairs can be zoomed */
#define FLOWS 8
#define MINUTE_NS (60 * EW_NS_PER_S)

struct turning {
	uint64_t flow_id;
	int64_t ts_ns;
	uint16_t turns, said, heard; /* medians towards and from B's other side */
	bool is_inbound, is_novel;
	char peer[80];
};

struct middle {
	struct ew_keyed keyed; /* workload B */
	struct turning flows[FLOWS];
	int64_t attempts_since_ns;
	uint32_t attempts;
};

struct relay_state {
	struct middle middles[MIDDLES];
};

static bool
is_near(uint32_t a, uint32_t b, unsigned low_percent, unsigned high_percent)
{
	return a && b && a * UINT64_C(100) >= b * (uint64_t)low_percent &&
	    a * UINT64_C(100) <= b * (uint64_t)high_percent;
}

static bool
may_judge(struct ew_detect *d, struct ew_workload *b, struct ew_mono now)
{
	struct ew_workload_view view;

	if (b->cls != EW_PEER_WORKLOAD ||
	    (ew_graph_labels(d->graph, b) & EW_LABEL_PROXY))
		return false;
	return ew_graph_view(d->graph, b, now, &view) && view.m_q16 > 0; /* 9.1 */
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, struct ew_workload *b,
    unsigned form, int points, const char *how, const char *sentence,
    struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, ew_detect_mix(ew_detect_hash(b->name), 70u + form) | 1,
		ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;

	t->last_ns = now.ns;
	if (t->id)
		return;
	ew_signal_begin_workload(d, &s, b, now);
	s.first_ns = c->ev->first_ns;
	s.flow_id = c->ev->flow_id;
	s.proto = c->ev->tuple.proto;
	s.port = ew_contact_port(c);
	s.src_addr = c->src.workload == b ? c->ev->tuple.src : c->ev->tuple.dst;
	s.src_instance = c->src.workload == b ? c->src.instance : c->dst.instance;
	if (c->src.workload == b) {
		s.dst = c->dst.workload;
		s.dst_addr = c->ev->tuple.dst;
		s.dst_instance = c->dst.instance;
	}
	s.outcome = EW_OUT_PAYLOAD;
	ew_signal_reason(&s, points, "%s", how);
	snprintf(s.sentence, sizeof(s.sentence), "%s", sentence);
	snprintf(s.benign, sizeof(s.benign),
	    "a proxy that is meant to be: label eastwatch.proxy");
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, b, now);
}

static void
judge_pair(struct ew_detect *d, const struct ew_contact *c, struct ew_workload *b,
    const struct turning *x, const struct turning *y, struct ew_mono now)
{
	unsigned match = (unsigned)ew_detect_option(d, OPT_MATCH);
	unsigned least = (unsigned)ew_detect_option(d, OPT_TURNS);
	char how[EW_REASON_TEXT], sentence[256];

	if ((!x->is_novel && !y->is_novel) || (x->is_inbound && y->is_inbound) ||
	    x->turns < least || y->turns < least ||
	    !is_near(x->turns, y->turns, match, 10000 / match) ||
	    !is_near(x->said, y->said, 70, 140) ||
	    !is_near(x->heard, y->heard, 70, 140))
		return;
	snprintf(how, sizeof(how),
	    "%u and %u turns in a minute, sizes alike, between %.40s and %.40s",
	    x->turns, y->turns, x->peer, y->peer);
	snprintf(sentence, sizeof(sentence), "%.70s relays between %.70s and %.70s",
	    b->name, x->peer, y->peer);
	emit(d, c, b, 0, (int)ew_detect_option(d, OPT_SCORE), how, sentence, now);
}

/* One end of the flow is the middle: note it there and compare with its other flows. */
static void
note_turns(struct ew_detect *d, struct relay_state *st, const struct ew_contact *c,
    const struct ew_judgement *j, bool is_inbound, struct ew_mono now)
{
	const struct ew_flow_event *ev = c->ev;
	struct ew_workload *b = is_inbound ? c->dst.workload : c->src.workload;
	const struct ew_workload *peer = is_inbound ? c->src.workload : c->dst.workload;
	unsigned slot = 0;

	if (ev->ts_ns - ev->first_ns < ew_detect_option_ns(d, OPT_AGE) ||
	    !may_judge(d, b, now))
		return;
	struct middle *m = ew_keyed_get(d, st->middles, MIDDLES, sizeof(*m),
	    ew_detect_hash(b->name) | 1, now);

	for (unsigned i = 0; i < FLOWS; i++) {
		if (m->flows[i].flow_id == ev->flow_id) {
			slot = i;
			break;
		}
		if (m->flows[i].ts_ns < m->flows[slot].ts_ns)
			slot = i;
	}
	struct turning *t = &m->flows[slot];
	*t = (struct turning){
		.flow_id = ev->flow_id,
		.ts_ns = now.ns,
		.turns = ev->turns,
		/* Towards the far side is what the initiator says: in on one, out on the other. */
		.said = ev->turn_median_bytes[0],
		.heard = ev->turn_median_bytes[1],
		.is_inbound = is_inbound,
		.is_novel = j->verdict != EW_VERDICT_KNOWN,
	};
	snprintf(t->peer, sizeof(t->peer), "%.79s", peer->name);
	for (unsigned i = 0; i < FLOWS; i++)
		if (i != slot && m->flows[i].flow_id &&
		    now.ns - m->flows[i].ts_ns <= MINUTE_NS)
			judge_pair(d, c, b, t, &m->flows[i], now);
}

/* Attempts of B while it has a carrier. */
static void
note_attempt(struct ew_detect *d, struct relay_state *st, const struct ew_contact *c,
    struct ew_mono now)
{
	struct ew_workload *b = c->src.workload;
	struct middle *m = ew_keyed_find(st->middles, MIDDLES, sizeof(*m),
	    ew_detect_hash(b->name) | 1);
	const struct turning *carrier = NULL;
	char how[EW_REASON_TEXT], sentence[256];

	for (unsigned i = 0; m && i < FLOWS; i++)
		if (m->flows[i].flow_id && m->flows[i].is_novel &&
		    now.ns - m->flows[i].ts_ns <= MINUTE_NS)
			carrier = &m->flows[i];
	if (!carrier)
		return;
	if (now.ns - m->attempts_since_ns > MINUTE_NS) {
		m->attempts_since_ns = now.ns;
		m->attempts = 0;
	}
	if (++m->attempts < (uint32_t)ew_detect_option(d, OPT_ATTEMPTS))
		return;
	snprintf(how, sizeof(how),
	    "%u novel attempts beside a busy novel connection with %.60s", m->attempts,
	    carrier->peer);
	snprintf(sentence, sizeof(sentence),
	    "%.80s opens connections on behalf of %.80s", b->name, carrier->peer);
	emit(d, c, b, 1, (int)ew_detect_option(d, OPT_MULTI_SCORE), how, sentence, now);
}

static void
relay_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	if (c->ev->kind == EW_FLOW_TURNS) {
		note_turns(d, state, c, j, true, now);
		note_turns(d, state, c, j, false, now);
		return;
	}
	if (j->verdict == EW_VERDICT_NOVEL && !j->is_suppressed)
		note_attempt(d, state, c, now);
}

const struct ew_detector ew_detector_relay = {
	.name = "relay",
	.technique = { "T1090.001", "T1572" },
	.tactic = EW_TACTIC_C2,
	.family = EW_FAMILY_CHANNEL,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_TURNS) | EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT),
	.verdicts =
	    1 << EW_VERDICT_KNOWN | 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct relay_state),
	.on_contact = relay_on_contact,
};
