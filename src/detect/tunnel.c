/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"
#include "detect/sketch.h"

/*
 * tunnel (detectors.md 3.21): traffic inside what nobody looks at.
 *
 * DNS: per workload and registered domain (the last two labels) in ten minutes: 100 questions,
 * nine of ten with a first label never used before, and either long names (52 bytes on
 * average), or odd types (half TXT, NULL, CNAME, ANY), or 20 KiB in all: 70. Content networks
 * use many names too, but not that many different ones to one domain.
 *
 * ICMP: 20 echoes a minute with more than 128 bytes each, or replies whose payload is not the
 * request's (an echo mirrors it): 65. Judged from the flow's counters, which ICMP has exactly.
 *
 * Overlay: a container that is not on the host's network sends VXLAN, Geneve, IP-in-IP, GRE or
 * 6in4 by itself: 80.
 */

enum {
	OPT_QUERIES,
	OPT_DISTINCT,
	OPT_NAME,
	OPT_ODD,
	OPT_BYTES,
	OPT_DNS_SCORE,
	OPT_ECHOES,
	OPT_ECHO_BYTES,
	OPT_ICMP_SCORE,
	OPT_OVERLAY_SCORE,
	OPT_WINDOW,
	OPT_DEDUP,
};
static const struct ew_detector_option options[] = {
	{ "queries", EW_UNIT_COUNT, 100, 10, 100000, "Questions to one domain (3.21)" },
	{ "distinct", EW_UNIT_PERCENT, 90, 1, 100,
	    "Of these with a first label of their own (3.21)" },
	{ "name", EW_UNIT_BYTES, 52, 1, 255, "Mean length of a name (3.21)" },
	{ "odd", EW_UNIT_PERCENT, 50, 1, 100, "Share of TXT, NULL, CNAME, ANY (3.21)" },
	{ "bytes", EW_UNIT_BYTES, 20480, 1, 1 << 30,
	    "Bytes of questions (3.21: 20 KiB)" },
	{ "dns_score", EW_UNIT_POINTS, 70, 0, 100, "Points of a DNS tunnel (3.21)" },
	{ "echoes", EW_UNIT_COUNT, 20, 1, 100000, "Echoes per minute (3.21)" },
	{ "echo_bytes", EW_UNIT_BYTES, 128, 0, 65535,
	    "Payload of each above this (3.21)" },
	{ "icmp_score", EW_UNIT_POINTS, 65, 0, 100, "Points of an ICMP tunnel (3.21)" },
	{ "overlay_score", EW_UNIT_POINTS, 80, 0, 100,
	    "Points of an overlay packet (3.21)" },
	{ "window", EW_UNIT_MS, 600000, 1000, 86400000, "For the DNS rule (3.21)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per source and kind" },
};
#define DOMAINS 512
#define TYPE_CNAME 5
#define TYPE_NULL 10
#define TYPE_TXT 16
#define TYPE_ANY 255
#define MISMATCHES 3u /* 3.21 */

struct domain {
	struct ew_keyed keyed; /* workload and registered domain */
	int64_t since_ns;
	uint32_t queries, odd, bytes, name_bytes;
	struct ew_distinct labels;
};

struct tunnel_state {
	struct domain domains[DOMAINS];
};

static void
emit(struct ew_detect *d, const struct ew_contact *c, uint64_t key, int points,
    const char *what, const char *detail, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, key | 1, ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;

	t->count++;
	t->last_ns = now.ns;
	if (t->id)
		return;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_PAYLOAD;
	ew_signal_reason(&s, points, "%s: %s", what, detail);
	ew_signal_sample(&s, c, EW_OUT_PAYLOAD);
	ew_signal_evidence(&s, "measure: %s", detail);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.80s seems to tunnel through %s (%.120s)", c->src.workload->name, what,
	    detail);
	snprintf(s.benign, sizeof(s.benign),
	    "a telemetry agent, an MTU probe, a VPN that is meant to be");
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, c->src.workload, now);
}

/* "a.b.example.com" -> "example.com"; NULL for names of the inside. */
static const char *
registered_domain(const char *name)
{
	const char *last = strrchr(name, '.');
	const char *dot = last;

	if (!last || strcmp(last, ".local") == 0 || strcmp(last, ".arpa") == 0 ||
	    strcmp(last, ".internal") == 0)
		return NULL;
	while (dot > name && dot[-1] != '.')
		dot--;
	return dot > name ? dot : NULL; /* a bare domain tunnels nothing */
}

static void
judge_dns(struct ew_detect *d, struct tunnel_state *st, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	const struct ew_dns_info *q = &c->ev->u.dns;
	const char *domain = registered_domain(q->name);
	char detail[200];

	if (q->kind != 0 || q->is_answer || !domain)
		return;
	uint64_t key = ew_detect_mix(j->src_hash, ew_detect_hash(domain));
	struct domain *m = ew_keyed_get(d, st->domains, DOMAINS, sizeof(*m), key, now);

	if (!m->since_ns || now.ns - m->since_ns > ew_detect_option_ns(d, OPT_WINDOW)) {
		struct ew_keyed head = m->keyed;

		*m = (struct domain){ .keyed = head, .since_ns = now.ns };
	}
	size_t label = strcspn(q->name, ".");
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < label; i++)
		h = (h ^ (uint8_t)q->name[i]) * UINT64_C(0x100000001b3);
	ew_distinct_add(&m->labels, ew_detect_mix(h, 51));
	m->queries++;
	m->bytes += q->bytes;
	m->name_bytes += (uint32_t)strlen(q->name);
	m->odd += q->qtype == TYPE_TXT || q->qtype == TYPE_NULL ||
	    q->qtype == TYPE_CNAME || q->qtype == TYPE_ANY;

	uint64_t distinct = ew_distinct_count(&m->labels);
	uint64_t share = (uint64_t)ew_detect_option(d, OPT_DISTINCT);
	/* The estimate is within 13 %: grant it that much (sketch.c). */
	bool is_distinct = distinct * 113 >= m->queries * share;
	bool is_long =
	    m->name_bytes >= m->queries * (uint64_t)ew_detect_option(d, OPT_NAME);
	bool is_odd = m->odd * UINT64_C(100) >=
	    m->queries * (uint64_t)ew_detect_option(d, OPT_ODD);
	bool is_much = m->bytes >= (uint64_t)ew_detect_option(d, OPT_BYTES);

	if (m->queries < (uint32_t)ew_detect_option(d, OPT_QUERIES) || !is_distinct ||
	    !(is_long || is_odd || is_much))
		return;
	snprintf(detail, sizeof(detail),
	    "%u questions under %.60s, about %llu different, %u bytes of name on "
	    "average",
	    m->queries, domain, (unsigned long long)distinct,
	    m->name_bytes / m->queries);
	emit(d, c, key, (int)ew_detect_option(d, OPT_DNS_SCORE), "DNS", detail, now);
}

static void
judge_icmp(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	const struct ew_flow_event *ev = c->ev;
	uint64_t asked = ev->side[0].pkts, answered = ev->side[1].pkts;
	int64_t length = ev->last_ns - ev->first_ns;
	char detail[160];

	if (!asked)
		return;
	int64_t minutes_q = length > 60 * EW_NS_PER_S ? length : 60 * EW_NS_PER_S;
	uint64_t per_minute =
	    asked * 60 * UINT64_C(1000) / (uint64_t)(minutes_q / EW_NS_PER_MS);
	uint64_t mean = ev->side[0].bytes / asked;
	bool is_large = per_minute >= (uint64_t)ew_detect_option(d, OPT_ECHOES) &&
	    mean > (uint64_t)ew_detect_option(d, OPT_ECHO_BYTES);
	/* Every request answered, but not with what it said. */
	bool is_other = asked == answered && asked >= MISMATCHES &&
	    ev->side[0].bytes != ev->side[1].bytes;

	if (!is_large && !is_other)
		return;
	if (is_large)
		snprintf(detail, sizeof(detail),
		    "%llu echoes a minute with %llu bytes each",
		    (unsigned long long)per_minute, (unsigned long long)mean);
	else
		snprintf(detail, sizeof(detail),
		    "%llu echoes whose replies say something else (%llu and %llu "
		    "bytes)",
		    (unsigned long long)asked, (unsigned long long)ev->side[0].bytes,
		    (unsigned long long)ev->side[1].bytes);
	emit(d, c, ew_detect_mix(j->src_key, 52),
	    (int)ew_detect_option(d, OPT_ICMP_SCORE), "ICMP", detail, now);
}

static const char *
overlay_name(const struct ew_tuple *t)
{
	if (t->proto == 17 && (t->dport == 4789 || t->dport == 8472))
		return "VXLAN";
	if (t->proto == 17 && t->dport == 6081)
		return "Geneve";
	return t->proto == 4 ? "IP-in-IP"
	    : t->proto == 47 ? "GRE"
	    : t->proto == 41 ? "6in4"
			     : NULL;
}

static void
tunnel_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	const struct ew_flow_event *ev = c->ev;
	uint8_t proto = ev->tuple.proto;

	if (c->src.workload->cls != EW_PEER_WORKLOAD &&
	    c->src.workload->cls != EW_PEER_GHOST)
		return;
	if (ev->kind == EW_FLOW_DNS) {
		judge_dns(d, state, c, j, now);
		return;
	}
	if (ev->kind == EW_FLOW_ATTEMPT) {
		const char *overlay = overlay_name(&ev->tuple);
		/* A bare address may be a host: only what is known to be a container is judged. */
		bool is_bare = strncmp(c->src.workload->name, "ip/", 3) == 0;
		bool may = is_bare ||
		    (c->src.workload->posture & EW_POSTURE_HOST_NETWORK) ||
		    (ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_ROUTER) ||
		    j->verdict == EW_VERDICT_KNOWN;

		if (overlay && !may)
			emit(d, c, ew_detect_mix(j->src_key, 53),
			    (int)ew_detect_option(d, OPT_OVERLAY_SCORE),
			    "an overlay of its own", overlay, now);
		return;
	}
	if (proto == 1 || proto == 58)
		judge_icmp(d, c, j, now);
}

const struct ew_detector ew_detector_tunnel = {
	.name = "tunnel",
	.technique = { "T1572", "T1071.004", "T1095" },
	.tactic = EW_TACTIC_C2,
	.family = EW_FAMILY_CHANNEL,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_DNS) | EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) |
	    EW_FLOW_KIND_BIT(EW_FLOW_UPDATE) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE),
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_KNOWN |
	    1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL | 1 << EW_VERDICT_DENIED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct tunnel_state),
	.on_contact = tunnel_on_contact,
};
