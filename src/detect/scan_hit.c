/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/scan_walk_priv.h"
#include "graph/sensitive.h"

/*
 * What one contact is worth to the walk (detectors.md 3.5): which outcome an event is, which
 * weight that outcome has, and when it counts less. A name that was resolved counts a quarter;
 * failures against live workloads count a quarter while the source starts or while we have not
 * watched for A ourselves (a cold boot knocks on many doors that are not open yet), but never
 * for plain addresses, sensitive ports or after the fifth port of one destination.
 */

#define PORTS_BEFORE_DISCOUNT_ENDS 5 /* 3.5 */
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_ICMP6 58

/* --- weights ------------------------------------------------------------------------------- */

uint32_t
ew_walk_weight(const struct ew_detect *d, enum ew_walk_outcome outcome)
{
	static const uint8_t option[EW_WALK_OUTCOMES] = {
		[EW_WALK_DARK] = SCAN_OPT_DARK,
		[EW_WALK_PROBE] = SCAN_OPT_DARK,
		[EW_WALK_REFUSED] = SCAN_OPT_REFUSED,
		[EW_WALK_UNANSWERED] = SCAN_OPT_REFUSED,
		[EW_WALK_HALFOPEN] = SCAN_OPT_HALFOPEN,
		[EW_WALK_EMPTY] = SCAN_OPT_EMPTY,
		[EW_WALK_SILENT] = SCAN_OPT_SILENT,
		[EW_WALK_PAYLOAD] = SCAN_OPT_PAYLOAD,
	};

	return (
	    uint32_t)(d->conf.options[d->scan_index][option[outcome]] * 65536 / 100);
}

bool
ew_walk_is_plain(const struct ew_workload *w)
{
	return w->cls != EW_PEER_WORKLOAD ||
	    (w->name[0] == 'i' && w->name[1] == 'p' && w->name[2] == '/');
}

static bool
is_echo(const struct ew_contact *c)
{
	return c->ev->tuple.proto == PROTO_ICMP || c->ev->tuple.proto == PROTO_ICMP6;
}

static bool
is_sensitive_port(struct ew_detect *d, const struct ew_contact *c)
{
	struct ew_sensitive target;

	ew_graph_sensitivity(d->graph, c, &target);
	return target.cls >= EW_SENS_DATA;
}

/* The first ports on one destination may be a program that waits for its database. */
static bool
is_beyond_first_ports(struct ew_walk *w, uint64_t dst, uint16_t port)
{
	if (w->last_dst != dst) {
		w->last_dst = dst;
		w->n_last_ports = 0;
	}
	for (int i = 0; i < w->n_last_ports && i < 4; i++)
		if (w->last_ports[i] == port)
			return false;
	if (w->n_last_ports < 4)
		w->last_ports[w->n_last_ports] = port;
	if (w->n_last_ports < UINT8_MAX)
		w->n_last_ports++;
	return w->n_last_ports > PORTS_BEFORE_DISCOUNT_ENDS;
}

/* Cold boot: in the source's startup, or while we have not watched for A ourselves. */
static bool
is_cold(struct ew_detect *d, const struct ew_contact *c, struct ew_mono now)
{
	return c->src.in_startup ||
	    ew_graph_observed_ns(d->graph, now) < d->conf.minimum_age_ns;
}

static uint64_t
destination_key(const struct ew_contact *c)
{
	const struct ew_workload *w = c->dst.workload;

	if (!ew_walk_is_plain(w))
		return ew_detect_hash(w->name); /* replicas count once */
	return ew_detect_addr_hash(&c->ev->tuple.dst);
}

uint64_t
ew_walk_contact_key(const struct ew_contact *c)
{
	return ew_detect_mix(destination_key(c),
	    (uint64_t)c->ev->tuple.proto << 16 | ew_contact_port(c));
}

/* EW_WALK_OUTCOMES: this event decides nothing. */
enum ew_walk_outcome
ew_walk_classify(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	bool is_dark = c->dst.workload->cls == EW_PEER_DARK;

	switch ((enum ew_flow_kind)c->ev->kind) {
	case EW_FLOW_ARP:
		return is_dark && c->ev->u.arp.answered == 2 ? EW_WALK_DARK
							     : EW_WALK_OUTCOMES;
	case EW_FLOW_NDP:
		return is_dark && c->ev->u.ndp.answered == 2 ? EW_WALK_DARK
							     : EW_WALK_OUTCOMES;
	case EW_FLOW_PROBE: {
		struct ew_novelty n;

		if (j->in_grace)
			return EW_WALK_OUTCOMES; /* may be a flow older than we are */
		ew_graph_novelty(d->graph, c, j, now, &n);
		return n.is_pair_recent ? EW_WALK_OUTCOMES : EW_WALK_PROBE;
	}
	case EW_FLOW_ATTEMPT:
		return is_dark ? EW_WALK_DARK : EW_WALK_OUTCOMES;
	case EW_FLOW_REFUSED:
		return is_dark ? EW_WALK_DARK : EW_WALK_REFUSED;
	case EW_FLOW_UNANSWERED:
		if (is_dark)
			return EW_WALK_DARK;
		return c->ev->tuple.proto == PROTO_TCP ? EW_WALK_UNANSWERED
						       : EW_WALK_SILENT;
	case EW_FLOW_HALFOPEN:
		return EW_WALK_HALFOPEN;
	case EW_FLOW_ESTABLISHED:
		return is_echo(c) ? EW_WALK_SILENT : EW_WALK_PAYLOAD;
	case EW_FLOW_MIDSTREAM:
	case EW_FLOW_PAYLOAD:
	case EW_FLOW_TURNS:
	case EW_FLOW_UPDATE:
	case EW_FLOW_CLOSE:
	case EW_FLOW_DNS:
	case EW_FLOW_DHCP:
	case EW_FLOW_GAP:
		break;
	}
	return EW_WALK_OUTCOMES;
}

static bool
is_failure(enum ew_walk_outcome outcome)
{
	return outcome == EW_WALK_REFUSED || outcome == EW_WALK_UNANSWERED ||
	    outcome == EW_WALK_HALFOPEN;
}

struct ew_walk_hit
ew_walk_make_hit(struct ew_detect *d, struct ew_walk *w, const struct ew_contact *c,
    enum ew_walk_outcome outcome, struct ew_mono now)
{
	struct ew_workload_view view = { 0 };
	bool is_named = !ew_walk_is_plain(c->dst.workload);
	struct ew_walk_hit h = {
		.outcome = outcome,
		.dst = destination_key(c),
		.contact = ew_walk_contact_key(c),
		.weight_q16 = ew_walk_weight(d, outcome),
		.is_sensitive = is_sensitive_port(d, c),
		.port = ew_contact_port(c),
		.proto = c->ev->kind == EW_FLOW_ARP ? 0 : c->ev->tuple.proto,
		.tool = (uint8_t)(c->ev->flags >> EW_FLOW_F_HINT_SHIFT & 7),
		.flow_id = c->ev->flow_id,
		.addr = c->ev->tuple.dst,
		.workload = c->dst.workload,
	};
	bool is_beyond = is_beyond_first_ports(w, h.dst, h.port);

	/* An echo to nobody: less sure than a connection, as a monitor may do it. */
	if (outcome == EW_WALK_DARK && is_echo(c))
		h.weight_q16 = ew_walk_weight(d, EW_WALK_REFUSED);
	if (c->resolved == 1) {
		h.weight_q16 /= 4;
		return h;
	}
	if (is_named && !is_beyond && is_cold(d, c, now)) {
		if (is_failure(outcome) && !h.is_sensitive) {
			h.weight_q16 /= 4;
			h.is_refundable = true;
			return h;
		}
		/* An installation sees every working edge for the first time (B23). */
		if (outcome == EW_WALK_PAYLOAD) {
			h.weight_q16 /= 4;
			return h;
		}
	}
	if (c->resolved == 0 && ew_graph_view(d->graph, c->src.workload, now, &view) &&
	    view.is_dns_disciplined)
		h.weight_q16 += h.weight_q16 / 4;
	return h;
}

bool
ew_walk_is_watched(const struct ew_contact *c, const struct ew_judgement *j)
{
	bool is_link = c->ev->kind == EW_FLOW_ARP || c->ev->kind == EW_FLOW_NDP;

	switch ((enum ew_peer_class)c->src.workload->cls) {
	case EW_PEER_WORKLOAD:
	case EW_PEER_NODE:
	case EW_PEER_GATEWAY:
	case EW_PEER_GHOST:
		break;
	case EW_PEER_VIP:
	case EW_PEER_DARK:
	case EW_PEER_EXTERNAL:
	case EW_PEER_MULTICAST:
	case EW_PEER_UNRESOLVED:
		return false;
	}
	if (is_link || c->ev->kind == EW_FLOW_PROBE)
		return c->dst.workload->cls != EW_PEER_MULTICAST;
	return !j->is_suppressed && j->verdict != EW_VERDICT_UNJUDGED;
}
