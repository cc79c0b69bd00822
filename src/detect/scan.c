/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/scan_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "detect/scan_walk_priv.h"
#include "graph/fixed.h"
#include "graph/sensitive.h"

/*
 * scan (detectors.md 3.5, 3.8): vertical, horizontal and block scans.
 *
 * A one-sided CUSUM over novel first contacts of one instance: every first contact with a new
 * (workload or address, port) adds a weight by its outcome, the sum halves every ten minutes,
 * and above 8 it is a scan. Threshold random walk of Jung et al. (IEEE S&P 2004); one-sided as
 * in Schechter, Jung & Berger (RAID 2004): good contacts earn no credit, because a scanner
 * could buy its way out with them (Mell & Harang 2014); contact rate joined as in Jung, Milito
 * & Paxson (2006). Weight 2.0 is ln of the outcome ratio 0.8/0.1; 8 is 3e-4 per walk under
 * independence. Known edges count nothing, whatever their outcome: an outage is no scan.
 *
 * On a bridge a probe of a dead address is only an unanswered ARP and no SYN; it counts.
 * An established contact gets its weight when it closes or after two seconds.
 */

static const struct ew_detector_option options[] = {
	{ "threshold", EW_UNIT_HUNDREDTHS, 800, 100, 10000,
	    "Score above which it is a scan (3.5)" },
	{ "half_life", EW_UNIT_MS, 600000, 1000, 86400000,
	    "The score halves in this time (3.5)" },
	{ "base", EW_UNIT_POINTS, 65, 0, 100, "Points of a scan by a workload (3.5)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
	{ "weight_dark", EW_UNIT_HUNDREDTHS, 250, 0, 1000,
	    "Nobody's address, and stealth probes (3.5)" },
	{ "weight_refused", EW_UNIT_HUNDREDTHS, 200, 0, 1000,
	    "Refused or unanswered (3.5)" },
	{ "weight_halfopen", EW_UNIT_HUNDREDTHS, 150, 0, 1000,
	    "Reset after the answer (3.5)" },
	{ "weight_empty", EW_UNIT_HUNDREDTHS, 100, 0, 1000,
	    "Connected, no client data, closed within 2 s (3.5)" },
	{ "weight_silent", EW_UNIT_HUNDREDTHS, 50, 0, 1000,
	    "UDP without answer, echo to a live peer (3.5)" },
	{ "weight_payload", EW_UNIT_HUNDREDTHS, 25, 0, 1000,
	    "Established and used (3.5)" },
};

#define SLOW_HALF_LIFE_NS (INT64_C(86400) * EW_NS_PER_S) /* 3.6 */
#define EVIDENCE_Q16 (EW_Q16_ONE / 8)	 /* ours: half of the smallest full weight */
#define WEIGH_AFTER_NS (2 * EW_NS_PER_S) /* 3.5 */
#define REFUND_NS (INT64_C(600) * EW_NS_PER_S) /* 3.5: cold boot, 10 min */

#define UPDATE_EVERY_NS (INT64_C(60) * EW_NS_PER_S) /* ours */
#define PROTO_TCP 6

/* --- the walk ------------------------------------------------------------------------------ */

static void
forget_evidence(struct ew_walk *w)
{
	for (unsigned i = 0; i < w->n_samples; i++)
		ew_workload_put(w->samples[i].workload);
	w->n_samples = 0;
	w->n_contacts = w->n_sensitive = w->n_reached = 0;
	memset(w->n_out, 0, sizeof(w->n_out));
	memset(&w->hosts, 0, sizeof(w->hosts));
	memset(&w->ports, 0, sizeof(w->ports));
	w->tool = 0;
}

static void
decay_to(struct ew_detect *d, struct ew_walk *w, struct ew_mono now)
{
	int64_t dt = now.ns - w->t_ns;

	w->fast_q16 = ew_fixed_decay(w->fast_q16, dt / EW_NS_PER_MS,
	    ew_detect_option(d, SCAN_OPT_HALF_LIFE));
	w->slow_q16 = ew_fixed_decay(w->slow_q16, dt / EW_NS_PER_MS,
	    SLOW_HALF_LIFE_NS / EW_NS_PER_MS);
	if (w->slow_q16 < EW_Q16_ONE / 2)
		w->slow_since_ns = 0;
	if (!w->slow_since_ns)
		forget_evidence(w); /* another day, another story */
	w->t_ns = now.ns;
}

static void
keep_sample(struct ew_walk *w, const struct ew_walk_hit *h, struct ew_mono now)
{
	if (w->n_samples == EW_WALK_SAMPLES)
		return;
	w->samples[w->n_samples++] = (struct ew_walk_sample){
		.ts_ns = now.ns,
		.flow_id = h->flow_id,
		.dst = h->addr,
		.workload = h->workload ? ew_workload_get(h->workload) : NULL,
		.port = h->port,
		.proto = h->proto,
		.outcome = (uint8_t)h->outcome,
	};
}

static void
count_hit(struct ew_detect *d, struct ew_walk *w, const struct ew_walk_hit *h,
    struct ew_mono now)
{
	decay_to(d, w, now);
	w->fast_q16 += h->weight_q16;
	w->slow_q16 += h->weight_q16;
	if (!w->slow_since_ns)
		w->slow_since_ns = now.ns;
	w->last_ns = now.ns;
	/* A working connection of a cold boot moves the score a little; it is no evidence. */
	if (h->weight_q16 < EVIDENCE_Q16)
		return;
	if (!w->n_contacts)
		w->first_ns = now.ns;
	w->n_contacts++;
	w->n_out[h->outcome]++;
	w->n_sensitive += h->is_sensitive;
	w->n_reached += h->outcome >= EW_WALK_EMPTY && h->outcome != EW_WALK_SILENT;
	if (h->tool)
		w->tool = h->tool;
	ew_distinct_add(&w->hosts, ew_detect_mix(h->dst, 11));
	if (h->port)
		ew_distinct_add(&w->ports, ew_detect_mix(h->port, 12));
	keep_sample(w, h, now);
	if (!h->is_refundable)
		return;
	unsigned slot = w->n_contacts % EW_WALK_REFUNDS;
	w->refund[slot].contact = h->contact;
	w->refund[slot].weight_q16 = h->weight_q16;
	w->refund[slot].ts_ns = now.ns;
}

/* --- signals ------------------------------------------------------------------------------- */

static const char *
kind_of(const struct ew_walk *w)
{
	uint32_t hosts = ew_distinct_count(&w->hosts);
	uint32_t ports = ew_distinct_count(&w->ports);

	/* Stealth and dark contacts alarm at the fourth: one host or one port is plain then too. */
	if (ports >= 5 * hosts || (hosts == 1 && ports > 1))
		return "scan-vertical";
	return hosts >= 5 * ports || ports == 1 ? "scan-horizontal" : "scan-block";
}

static void
score_scan(struct ew_detect *d, const struct ew_walk *w, struct ew_signal *s)
{
	uint32_t score = w->fast_q16 / 656; /* hundredths */
	int base = (int)ew_detect_option(d, SCAN_OPT_BASE);

	ew_signal_reason(s, w->is_node && base > 60 ? 60 : base,
	    "%u new contacts in a row, scan score %u.%02u (limit %lld)", w->n_contacts,
	    score / 100, score % 100,
	    (long long)ew_detect_option(d, SCAN_OPT_THRESHOLD) / 100);
	if (w->n_reached)
		ew_signal_reason(s, 10, "%u of them connected", w->n_reached);
	if (w->n_sensitive)
		ew_signal_reason(s, 10, "sensitive ports among them");
	if (w->n_out[EW_WALK_DARK] >= 3)
		ew_signal_reason(s, 5, "%u to addresses nobody has",
		    w->n_out[EW_WALK_DARK]);
	if (ew_tool_name(w->tool))
		ew_signal_reason(s, 5, "packets look like %s", ew_tool_name(w->tool));
	if (ew_graph_labels(d->graph, w->src) & EW_LABEL_SCANNER)
		ew_signal_cap(s, 49, "it is labelled a scanner");
}

static void
emit_scan(struct ew_detect *d, struct ew_walk *w, struct ew_track *t,
    struct ew_mono now)
{
	struct ew_signal s;

	if (!w->src)
		return;
	ew_signal_begin_workload(d, &s, w->src, now);
	ew_walk_describe(w, &s);
	s.detector = kind_of(w);
	score_scan(d, w, &s);
	if (s.hosts == 1 && w->n_samples) {
		const struct ew_walk_sample *m = &w->samples[0];
		char addr[EW_ADDR_TEXT];
		bool is_named = m->workload && !ew_walk_is_plain(m->workload);

		snprintf(s.sentence, sizeof(s.sentence),
		    "%.80s is scanning %.80s: %u ports", w->src->name,
		    is_named ? m->workload->name : ew_addr_format(&m->dst, addr),
		    s.ports);
	} else {
		char ports[24] = "";

		if (s.ports)
			snprintf(ports, sizeof(ports), ", %u port%s", s.ports,
			    s.ports == 1 ? "" : "s");
		snprintf(s.sentence, sizeof(s.sentence),
		    "%.80s is scanning: %u addresses%s", w->src->name, s.hosts, ports);
	}
	if (s.score < t->score)
		s.score = t->score; /* what was seen stays seen */
	t->mark = w->n_contacts;
	t->count = w->n_contacts;
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, w->src, now);
}

static void
judge(struct ew_detect *d, struct ew_walk *w, struct ew_mono now)
{
	int64_t limit = ew_detect_option(d, SCAN_OPT_THRESHOLD) * 65536 / 100;
	struct ew_track *t = ew_detect_track_find(d, d->current, w->key);
	int64_t window = ew_detect_option_ns(d, SCAN_OPT_DEDUP);

	if (t && t->id && now.ns - t->first_ns < window) {
		/* It goes on: tell again when it has doubled, the rest on the tick. */
		if (w->n_contacts >= 2 * t->mark)
			emit_scan(d, w, t, now);
		return;
	}
	if (w->fast_q16 <= limit)
		return;
	t = ew_detect_track(d, w->key, 0, now);
	*t = (struct ew_track){ .key = w->key,
		.detector = d->current,
		.first_ns = w->first_ns,
		.last_ns = now.ns };
	emit_scan(d, w, t, now);
}

/* --- events -------------------------------------------------------------------------------- */

static struct ew_walk_pending *
pending_slot(struct ew_walks *walks, uint64_t flow_id)
{
	return &walks->pending[ew_detect_mix(flow_id, 4) % EW_WALK_PENDING];
}

static void
weigh_pending(struct ew_detect *d, struct ew_walks *walks, struct ew_walk_pending *p,
    bool is_closed, struct ew_mono now)
{
	struct ew_walk *w = ew_walks_find(walks, p->key);
	enum ew_walk_outcome outcome =
	    is_closed && !p->is_used ? EW_WALK_EMPTY : EW_WALK_PAYLOAD;

	if (w && !ew_seen_before(&w->seen, p->contact, now.ns)) {
		struct ew_walk_hit h = {
			.outcome = outcome,
			.dst = p->dst_key,
			.contact = p->contact,
			.weight_q16 = ew_walk_weight(d, outcome) / (p->quarter ? 4 : 1),
			.is_sensitive = p->is_sensitive,
			.port = p->port,
			.proto = p->proto,
			.flow_id = p->flow_id,
			.addr = p->dst,
			.workload = p->workload,
		};

		count_hit(d, w, &h, now);
		judge(d, w, now);
	}
	ew_workload_put(p->workload);
	*p = (struct ew_walk_pending){ 0 };
}

/* It came up after all: what its failure cost is given back (6, cold boot). */
static void
refund(struct ew_detect *d, struct ew_walk *w, uint64_t contact, struct ew_mono now)
{
	for (int i = 0; i < EW_WALK_REFUNDS; i++) {
		int64_t ago = now.ns - w->refund[i].ts_ns;

		if (w->refund[i].contact != contact || ago > REFUND_NS)
			continue;
		decay_to(d, w, now);
		uint32_t left = ew_fixed_decay(w->refund[i].weight_q16,
		    ago / EW_NS_PER_MS, ew_detect_option(d, SCAN_OPT_HALF_LIFE));
		w->fast_q16 -= left < w->fast_q16 ? left : w->fast_q16;
		w->slow_q16 -= left < w->slow_q16 ? left : w->slow_q16;
		w->refund[i].contact = 0;
	}
}

static struct ew_walk *
walk_of(struct ew_detect *d, struct ew_walks *walks, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct ew_walk *w = ew_walks_get(d, walks, j->src_key, now);

	if (w->src != c->src.workload) {
		ew_workload_put(w->src);
		w->src = ew_workload_get(c->src.workload);
	}
	w->instance = c->src.instance;
	w->is_node = c->src.workload->cls == EW_PEER_NODE ||
	    c->src.workload->cls == EW_PEER_GATEWAY;
	return w;
}

/* TCP that was answered waits: two seconds, or its end, say whether it was used. */
static bool
defer(struct ew_detect *d, struct ew_walks *walks, const struct ew_walk *w,
    const struct ew_walk_hit *h, struct ew_mono now)
{
	if (h->outcome != EW_WALK_PAYLOAD || h->proto != PROTO_TCP || !h->flow_id)
		return false;
	struct ew_walk_pending *p = pending_slot(walks, h->flow_id);

	if (p->flow_id)
		weigh_pending(d, walks, p, false,
		    now); /* two share a slot: weigh the older now */
	*p = (struct ew_walk_pending){
		.flow_id = h->flow_id,
		.key = w->key,
		.contact = h->contact,
		.dst_key = h->dst,
		.deadline_ns = now.ns + WEIGH_AFTER_NS,
		.port = h->port,
		.proto = h->proto,
		.quarter = h->weight_q16 < ew_walk_weight(d, EW_WALK_PAYLOAD),
		.is_sensitive = h->is_sensitive,
		.dst = h->addr,
		.workload = h->workload ? ew_workload_get(h->workload) : NULL,
	};
	return true;
}

static void
scan_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct ew_walks *walks = state;

	if (!ew_walk_is_watched(c, j))
		return;
	if (c->ev->kind == EW_FLOW_PAYLOAD || c->ev->kind == EW_FLOW_CLOSE) {
		struct ew_walk_pending *p = pending_slot(walks, c->ev->flow_id);

		if (p->flow_id != c->ev->flow_id || !p->flow_id)
			return;
		p->is_used |=
		    c->ev->kind == EW_FLOW_PAYLOAD || c->ev->side[0].bytes > 0;
		if (c->ev->kind == EW_FLOW_CLOSE)
			weigh_pending(d, walks, p, true, now);
		return;
	}
	enum ew_walk_outcome outcome = ew_walk_classify(d, c, j, now);
	if (outcome == EW_WALK_OUTCOMES)
		return;
	struct ew_walk *w = walk_of(d, walks, c, j, now);

	if (outcome == EW_WALK_PAYLOAD)
		refund(d, w, ew_walk_contact_key(c), now);
	struct ew_walk_hit h = ew_walk_make_hit(d, w, c, outcome, now);

	if (defer(d, walks, w, &h, now) || ew_seen_before(&w->seen, h.contact, now.ns))
		return;
	count_hit(d, w, &h, now);
	judge(d, w, now);
}

static void
scan_on_tick(struct ew_detect *d, void *state, struct ew_mono now)
{
	struct ew_walks *walks = state;

	for (uint32_t i = 0; i < EW_WALK_PENDING; i++) {
		struct ew_walk_pending *p = &walks->pending[i];

		if (p->flow_id && now.ns >= p->deadline_ns)
			weigh_pending(d, walks, p, false, now);
	}
	if (now.ns < walks->next_expire_ns)
		return;
	walks->next_expire_ns = now.ns + UPDATE_EVERY_NS;
	for (uint32_t i = 0; i <= walks->mask; i++) {
		struct ew_walk *w = &walks->table[i];
		struct ew_track *t =
		    w->key ? ew_detect_track_find(d, d->current, w->key) : NULL;

		if (t && t->id && w->n_contacts > t->mark &&
		    now.ns - t->first_ns < ew_detect_option_ns(d, SCAN_OPT_DEDUP))
			emit_scan(d, w, t, now);
	}
	ew_walks_expire(d, walks, now);
}

/* --- state --------------------------------------------------------------------------------- */

static int
scan_init(struct ew_detect *d, void *state)
{
	struct ew_walks *walks = state;
	uint32_t n = 64;

	while (n < d->conf.max_instances)
		n *= 2;
	walks->table = ew_alloc_array(n, sizeof(*walks->table));
	walks->mask = n - 1;
	d->walks = walks;
	d->scan_index = d->current;
	return 0;
}

static void
scan_fini(void *state)
{
	struct ew_walks *walks = state;

	for (uint32_t i = 0; i < EW_WALK_PENDING; i++)
		ew_workload_put(walks->pending[i].workload);
	ew_walks_fini(walks);
	free(walks->table);
}

#define WALK_VERSION 1
/* What of a walk survives a restart: scores, what was seen; samples stay in the signal. */
struct saved_walk {
	uint32_t fast_q16, slow_q16;
	int64_t t_ns, first_ns, last_ns, slow_since_ns;
	uint32_t n_contacts, n_sensitive, n_reached, n_out[EW_WALK_OUTCOMES];
	struct ew_distinct hosts, ports;
	struct ew_seen seen;
};

static void
scan_save(const struct ew_detect *d, const void *state, struct ew_mono now,
    void (*visit)(void *context, const struct ew_detect_record *record), void *context)
{
	const struct ew_walks *walks = state;

	(void)d;
	(void)now;
	for (uint32_t i = 0; i <= walks->mask; i++) {
		const struct ew_walk *w = &walks->table[i];
		struct ew_detect_record r = { .detector = "scan",
			.version = WALK_VERSION,
			.size = sizeof(struct saved_walk) };
		struct saved_walk s = { .fast_q16 = w->fast_q16,
			.slow_q16 = w->slow_q16,
			.t_ns = w->t_ns,
			.first_ns = w->first_ns,
			.last_ns = w->last_ns,
			.slow_since_ns = w->slow_since_ns,
			.n_contacts = w->n_contacts,
			.n_sensitive = w->n_sensitive,
			.n_reached = w->n_reached,
			.hosts = w->hosts,
			.ports = w->ports,
			.seen = w->seen };

		if (!w->key)
			continue;
		memcpy(s.n_out, w->n_out, sizeof(s.n_out));
		ew_detect_record_key(&r, "walk-%016llx", (unsigned long long)w->key);
		memcpy(r.data, &s, sizeof(s));
		visit(context, &r);
	}
}

static int
scan_load(struct ew_detect *d, void *state, const struct ew_detect_record *r)
{
	struct saved_walk s;
	unsigned long long key = 0;

	if (r->version != WALK_VERSION || r->size != sizeof(s))
		return EW_ERR_VERSION;
	char *end = NULL;
	key = strtoull(r->key + 5, &end, 16);
	if (strncmp(r->key, "walk-", 5) != 0 || *end || !key)
		return EW_ERR_VERSION;
	memcpy(&s, r->data, sizeof(s));
	struct ew_walk *w = ew_walks_get(d, state, key, (struct ew_mono){ s.last_ns });

	w->fast_q16 = s.fast_q16;
	w->slow_q16 = s.slow_q16;
	w->t_ns = s.t_ns;
	w->first_ns = s.first_ns;
	w->last_ns = s.last_ns;
	w->slow_since_ns = s.slow_since_ns;
	w->n_contacts = s.n_contacts;
	w->n_sensitive = s.n_sensitive;
	w->n_reached = s.n_reached;
	memcpy(w->n_out, s.n_out, sizeof(w->n_out));
	w->hosts = s.hosts;
	w->ports = s.ports;
	w->seen = s.seen;
	return 0;
}

struct ew_walk *
ew_walk_find(struct ew_detect *d, uint64_t key)
{
	return d->walks ? ew_walks_find(d->walks, key) : NULL;
}

bool
ew_detect_is_scanning(struct ew_detect *d, uint64_t src_key, struct ew_mono now)
{
	const int64_t window =
	    d->conf.options[d->scan_index][SCAN_OPT_DEDUP] * EW_NS_PER_MS;
	const struct ew_track *t = ew_detect_track_find(d, d->scan_index, src_key);

	return t && t->id && now.ns - t->first_ns < window;
}

uint64_t
ew_walk_sum(struct ew_detect *d, const struct ew_workload *src, struct ew_mono now,
    uint32_t *ret_instances)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; d->walks && i <= d->walks->mask; i++) {
		const struct ew_walk *w = &d->walks->table[i];

		if (!w->key || w->src != src)
			continue;
		sum += ew_fixed_decay(w->slow_q16, (now.ns - w->t_ns) / EW_NS_PER_MS,
		    SLOW_HALF_LIFE_NS / EW_NS_PER_MS);
		(*ret_instances)++;
	}
	return sum;
}

const struct ew_detector ew_detector_scan = {
	.name = "scan",
	.technique = { "T1046", "T1018" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_SCAN,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) |
	    EW_FLOW_KIND_BIT(EW_FLOW_ESTABLISHED) | EW_FLOW_KIND_BIT(EW_FLOW_REFUSED) |
	    EW_FLOW_KIND_BIT(EW_FLOW_UNANSWERED) | EW_FLOW_KIND_BIT(EW_FLOW_HALFOPEN) |
	    EW_FLOW_KIND_BIT(EW_FLOW_PAYLOAD) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE) |
	    EW_FLOW_KIND_BIT(EW_FLOW_PROBE) | EW_FLOW_KIND_BIT(EW_FLOW_ARP) |
	    EW_FLOW_KIND_BIT(EW_FLOW_NDP),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_CANDIDATE |
	    1 << EW_VERDICT_NOVEL | 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct ew_walks),
	.init = scan_init,
	.fini = scan_fini,
	.on_contact = scan_on_contact,
	.on_tick = scan_on_tick,
	.save = scan_save,
	.load = scan_load,
};
