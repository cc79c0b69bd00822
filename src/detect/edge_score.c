/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "detect/detect_priv.h"
#include "graph/sensitive.h"

/*
 * From a novel contact to a scored, explained signal: what new-edge, new-port and
 * sensitive-access share. The numbers are score.c's; here they are gathered from the graph
 * and put into words.
 *
 * An edge raises one signal until it has been quiet for six hours (the idle close of
 * incidents). It is scored when its outcome is known, again when data flow, and a rescore only
 * raises. An edge that scores below 30 is remembered too, so that its next thousand contacts
 * cost a table look-up each and no arithmetic.
 */

#define TRACK_WINDOW_NS (INT64_C(6) * 3600 * EW_NS_PER_S) /* 5.1: idle close */
#define RESCORE_NS \
	(INT64_C(600) * EW_NS_PER_S) /* ours: a quiet low edge is looked at again */
#define YOUNG_CAP 49		     /* 3.3 and 9.1: a digest row, no more */
#define PROTO_UDP 17

static bool
has_both_ways(const struct ew_flow_event *ev)
{
	return ev->side[0].bytes && ev->side[1].bytes;
}

enum ew_outcome
ew_edge_outcome(const struct ew_flow_event *ev)
{
	switch ((enum ew_flow_kind)ev->kind) {
	case EW_FLOW_ATTEMPT:
		return EW_OUT_ATTEMPT;
	case EW_FLOW_ESTABLISHED:
		/* A UDP answer is data both ways at once. */
		return ev->tuple.proto == PROTO_UDP ? EW_OUT_PAYLOAD
						    : EW_OUT_ESTABLISHED;
	case EW_FLOW_REFUSED:
		return EW_OUT_REFUSED;
	case EW_FLOW_UNANSWERED:
		return EW_OUT_UNANSWERED;
	case EW_FLOW_HALFOPEN:
		return EW_OUT_HALFOPEN;
	case EW_FLOW_MIDSTREAM:
		return EW_OUT_MIDSTREAM;
	case EW_FLOW_PAYLOAD:
	case EW_FLOW_TURNS:
		return EW_OUT_PAYLOAD;
	case EW_FLOW_UPDATE:
	case EW_FLOW_CLOSE:
		return has_both_ways(ev) ? EW_OUT_PAYLOAD : EW_OUT_NONE;
	case EW_FLOW_PROBE:
		return EW_OUT_PROBE;
	case EW_FLOW_ARP:
	case EW_FLOW_NDP:
	case EW_FLOW_DNS:
	case EW_FLOW_DHCP:
	case EW_FLOW_GAP:
		break;
	}
	return EW_OUT_NONE;
}

/* Which outcome says more; a rescore happens only upwards. */
static int
rank(enum ew_outcome outcome)
{
	switch (outcome) {
	case EW_OUT_NONE:
	case EW_OUT_ATTEMPT:
		return 0;
	case EW_OUT_MIDSTREAM:
		return 1;
	case EW_OUT_UNANSWERED:
	case EW_OUT_DARK:
	case EW_OUT_PROBE:
		return 2;
	case EW_OUT_REFUSED:
	case EW_OUT_HALFOPEN:
		return 3;
	case EW_OUT_ESTABLISHED:
		return 4;
	case EW_OUT_PAYLOAD:
		return 5;
	}
	return 0;
}

bool
ew_edge_is_judged(const struct ew_contact *c, const struct ew_judgement *j)
{
	uint8_t src = c->src.workload->cls;
	uint8_t dst = c->dst.workload->cls;

	if (j->is_suppressed || dst == EW_PEER_MULTICAST || dst == EW_PEER_DARK)
		return false;
	return src == EW_PEER_WORKLOAD || src == EW_PEER_NODE || src == EW_PEER_GHOST;
}

enum ew_edge_role
ew_edge_role(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j)
{
	struct ew_sensitive target;
	bool is_labelled =
	    ew_graph_labels(d->graph, c->dst.workload) & EW_LABEL_SENSITIVE;

	ew_graph_sensitivity(d->graph, c, &target);
	if (is_labelled)
		return EW_ROLE_SENSITIVE;
	if (target.cls >= EW_SENS_API_SERVER) {
		/* 9.1: a port that three of the group serve is their application, not a node's. */
		const char *group = c->dst.workload->group;
		bool is_common = !target.is_hard && group[0] &&
		    ew_graph_group_servers(d->graph, group, c->ev->tuple.proto,
			c->edge_port) >= 3;

		if (!is_common)
			return EW_ROLE_SENSITIVE;
	}
	return j->is_pair_known ? EW_ROLE_NEW_PORT : EW_ROLE_NEW_EDGE;
}

static bool
counts_as_outbound(const struct ew_contact *c)
{
	uint8_t cls = c->dst.workload->cls;
	bool is_infra = c->edge_port == 53 || c->edge_port == 123;

	return (cls == EW_PEER_WORKLOAD || cls == EW_PEER_EXTERNAL) && !is_infra &&
	    c->src.workload != c->dst.workload;
}

void
ew_edge_case(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, enum ew_edge_role role, struct ew_mono now,
    struct ew_edge_case *ret_case)
{
	struct ew_sensitive target;
	struct ew_novelty n;
	uint8_t dst = c->dst.workload->cls;
	uint64_t key = ew_detect_edge_key(c, j);

	ew_graph_sensitivity(d->graph, c, &target);
	ew_graph_novelty(d->graph, c, j, now, &n);
	bool in_startup = c->src.in_startup;
	bool is_reversal =
	    n.is_server_only && !in_startup && n.m_q16 && counts_as_outbound(c);

	*ret_case = (struct ew_edge_case){
		.novelty = n,
		.service = target.name,
		.sensitive_class = target.cls,
		.is_kit = target.is_kit,
		.is_hard = target.is_hard,
		.outcome = (uint8_t)ew_edge_outcome(c->ev),
		.in = {
			.m_q16 = n.m_q16,
			.s_q16 = n.s_q16,
			.is_candidate = j->verdict == EW_VERDICT_CANDIDATE && !n.is_dormant,
			.is_dormant = n.is_dormant,
			.n_percent = role == EW_ROLE_NEW_PORT ? 80 : 100,
			.r_max = role == EW_ROLE_NEW_PORT ? 10 : 15,
			.peers = n.peers,
			.others = n.others,
			.replicas = n.replicas,
			.replicas_with = n.replicas_with,
			.target_points = target.points,
			/* T is about services: a ping to the node is none. */
			.on_node = (dst == EW_PEER_NODE || dst == EW_PEER_GATEWAY) &&
			    ew_contact_port(c) != 0,
			.crosses_group = n.is_cross_group,
			.outcome = (uint8_t)ew_edge_outcome(c->ev),
			.posture = c->src.workload->cls == EW_PEER_WORKLOAD
			    ? c->src.workload->posture
			    : 0,
			.role_reversal = is_reversal,
			.callback = is_reversal && n.is_callback,
			.unresolved = c->resolved == 0 && n.is_dns_disciplined,
			.other_signal = ew_detect_has_other(d, c->src.workload, key, now),
			.change_window = c->src.in_change_window || c->dst.in_change_window,
			.sibling = n.is_sibling,
			.startup_incomplete = in_startup && !n.startup_complete,
			.midstream = (c->ev->flags & EW_FLOW_F_MIDSTREAM) != 0,
			.is_control_plane = role == EW_ROLE_SENSITIVE,
			.is_api_server = target.cls == EW_SENS_API_SERVER,
			.past_startup = !in_startup,
		},
	};
	ret_case->parts = ew_score(&ret_case->in);
}

/* --- words --------------------------------------------------------------------------------- */

static void
say_novelty(const struct ew_edge_case *e, struct ew_signal *s)
{
	char age[16], gone[16];
	unsigned m = (unsigned)((uint64_t)e->in.m_q16 * 100 / 65536);

	ew_detect_age_text(e->novelty.src_age_ns, age);
	if (e->novelty.is_dormant)
		ew_signal_reason(s, e->parts.n, "back after %s (novelty, halved)",
		    ew_detect_age_text(e->novelty.dormant_ns, gone));
	else if (e->in.is_candidate)
		ew_signal_reason(s, e->parts.n,
		    "seen before but never accepted, in %s (novelty, halved)", age);
	else if (e->parts.n)
		ew_signal_reason(s, e->parts.n,
		    "never done in %s of baseline, maturity %u %% (novelty)", age, m);
}

static void
say_rarity(const struct ew_edge_case *e, const char *target, const char *group,
    struct ew_signal *s)
{
	if (!e->parts.r)
		return;
	if (e->novelty.peers == 1)
		ew_signal_reason(s, e->parts.r,
		    "only one other workload of %.60s uses %.60s (rarity)",
		    group[0] ? group : "its group", target);
	else if (e->novelty.others)
		ew_signal_reason(s, e->parts.r,
		    "only other groups than %.60s use %.60s (rarity)",
		    group[0] ? group : "its own", target);
	else
		ew_signal_reason(s, e->parts.r,
		    "no other workload of %.60s uses %.60s (rarity)",
		    group[0] ? group : "its group", target);
}

static void
say_target(const struct ew_edge_case *e, struct ew_signal *s)
{
	static const char *const classes[] = {
		[EW_SENS_NONE] = "service",
		[EW_SENS_CONSOLE] = "queue or console",
		[EW_SENS_DATA] = "data store",
		[EW_SENS_REMOTE_ADMIN] = "remote administration",
		[EW_SENS_API_SERVER] = "control plane",
		[EW_SENS_CONTROL_PLANE] = "control plane",
	};

	if (!e->parts.t)
		return;
	ew_signal_reason(s, e->parts.t, "%s: %s%s%s (target)",
	    e->service ? e->service : "target", classes[e->sensitive_class],
	    e->in.on_node ? ", on the node" : "",
	    e->in.crosses_group ? ", in another project" : "");
}

static void
say_context(const struct ew_edge_case *e, struct ew_signal *s)
{
	const struct ew_score_input *in = &e->in;

	if (in->role_reversal)
		ew_signal_reason(s, 20,
		    "a server that never opens connections (role reversal)");
	if (in->callback)
		ew_signal_reason(s, 10,
		    "towards a client that had just sent it data (callback)");
	if (in->divergence)
		ew_signal_reason(s, 10, "only one of %u replicas does it",
		    in->replicas);
	if (in->unresolved)
		ew_signal_reason(s, 8,
		    "the address came from no DNS answer, though it always asks");
	if (in->other_signal)
		ew_signal_reason(s, 10,
		    "another signal from the same workload within 24 h");
	int named = (in->role_reversal ? 20 : 0) + (in->callback ? 10 : 0) +
	    (in->divergence ? 10 : 0) + (in->unresolved ? 8 : 0) +
	    (in->other_signal ? 10 : 0);
	if (in->unusual_hour && named)
		ew_signal_reason(s, 5, "at an hour or weekday never seen in 21 days");
	named += in->unusual_hour && named ? 5 : 0;
	if (named > e->parts.x)
		ew_signal_reason(s, e->parts.x - named, "context counts 40 at most");
}

static void
say_discount(const struct ew_edge_case *e, struct ew_signal *s)
{
	const struct ew_score_input *in = &e->in;

	if (!e->parts.d)
		return;
	if (in->change_window)
		ew_signal_reason(s, -e->parts.d,
		    "a release is going on (change window)");
	else if (in->sibling)
		ew_signal_reason(s, -e->parts.d,
		    "same image and port as a known peer (sibling)");
	else if (in->startup_incomplete)
		ew_signal_reason(s, -e->parts.d,
		    "starting, and its startup habits are not learned yet");
	else
		ew_signal_reason(s, -e->parts.d,
		    "already running when first seen (midstream)");
}

static void
say_sentence(const struct ew_contact *c, const struct ew_edge_case *e,
    const char *target, struct ew_signal *s)
{
	char age[16];
	const char *src = ew_detect_peer_name(c->src.workload);
	const char *service =
	    e->service ? e->service : ew_service_name(s->proto, s->port);
	const char *what = service ? service : "a connection";
	const char *on = service ? " on " : " to ";
	const char *verb = "opened";
	const char *end = "";

	switch ((enum ew_outcome)s->outcome) {
	case EW_OUT_REFUSED:
		verb = "tried";
		end = ", refused";
		break;
	case EW_OUT_UNANSWERED:
	case EW_OUT_HALFOPEN:
		verb = "tried";
		end = ", no answer";
		break;
	case EW_OUT_MIDSTREAM:
		verb = "is using";
		break;
	case EW_OUT_NONE:
	case EW_OUT_ATTEMPT:
	case EW_OUT_ESTABLISHED:
	case EW_OUT_PAYLOAD:
	case EW_OUT_DARK:
	case EW_OUT_PROBE:
		break;
	}
	if (s->proto == 1 || s->proto == 58) {
		verb = "pinged";
		what = "";
		on = "";
	}
	ew_detect_age_text(e->novelty.src_age_ns, age);
	snprintf(s->sentence, sizeof(s->sentence), "%.80s %s %s%s%.80s%s; %s %s", src,
	    verb, what, on, target, end,
	    e->novelty.is_dormant ? "not done for long in" : "never done in", age);
}

static void
say_evidence(const struct ew_contact *c, const struct ew_edge_case *e,
    struct ew_mono now, struct ew_signal *s)
{
	const struct ew_novelty *n = &e->novelty;
	char age[16], ago[16];

	ew_detect_age_text(n->src_age_ns, age);
	if (n->since_discovery_ns >= 0)
		ew_signal_evidence(s,
		    "baseline: has spoken to %u services in %s, last new one %s ago",
		    n->services, age, ew_detect_age_text(n->since_discovery_ns, ago));
	else
		ew_signal_evidence(s,
		    "baseline: has spoken to %u services in %s, none new since",
		    n->services, age);
	char expected[300] = "";
	for (uint8_t i = 0; i < n->n_expected; i++) {
		size_t used = strlen(expected);

		(void)snprintf(expected + used, sizeof(expected) - used, "%s%.60s:%u",
		    used ? ", " : "", n->expected[i]->dst->name, n->expected[i]->port);
	}
	ew_signal_evidence(s, "expected: %s",
	    expected[0] ? expected : "nothing outbound");
	if (n->replicas > 1)
		ew_signal_evidence(s, "replicas: %u of %u show it", n->replicas_with,
		    n->replicas);
	if (e->in.role_reversal)
		for (uint8_t i = 0; i < n->n_entries; i++)
			ew_signal_evidence(s,
			    "possible entry: %.100s:%u, active %s before",
			    n->entries[i]->src->name, n->entries[i]->port,
			    ew_detect_age_text(now.ns - n->entries[i]->last_ns, ago));
	if (c->has_nat)
		ew_signal_evidence(s, "through an address translation");
}

void
ew_edge_explain(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, const struct ew_edge_case *e, struct ew_mono now,
    struct ew_signal *s)
{
	char target[EW_WORKLOAD_NAME_MAX + EW_ADDR_TEXT + 8];

	(void)d;
	(void)j;
	ew_signal_target(c, target, sizeof(target));
	say_novelty(e, s);
	say_rarity(e, target, c->src.workload->group, s);
	say_target(e, s);
	if (e->parts.o)
		ew_signal_reason(s, e->parts.o, "%s (outcome)",
		    s->outcome == EW_OUT_PAYLOAD
			? "data flowed"
			: ew_outcome_name((enum ew_outcome)s->outcome));
	if (e->parts.p)
		ew_signal_posture(s, c->src.workload);
	say_context(e, s);
	say_discount(e, s);
	if (e->parts.floor)
		ew_signal_floor(s, e->parts.floor, "control plane");
	say_sentence(c, e, target, s);
	say_evidence(c, e, now, s);
	snprintf(s->benign, sizeof(s->benign),
	    "a release of %.80s that adds this dependency, or somebody working on it "
	    "by hand",
	    ew_detect_peer_name(c->src.workload));
}

/* --- signals -------------------------------------------------------------------------------- */

/* The young and the newly watched may be unusual: people get one row, not a page. */
static void
cap_young(const struct ew_edge_case *e, enum ew_edge_role role, int64_t a,
    struct ew_signal *s)
{
	if (role == EW_ROLE_SENSITIVE) {
		if (e->novelty.is_cold_install && e->novelty.was_there && !e->is_hard) {
			ew_signal_cap(s, YOUNG_CAP, "it was there when watching began");
			s->is_capped = 1;
		}
		return;
	}
	if (e->novelty.src_age_ns >= a)
		return;
	ew_signal_cap(s, YOUNG_CAP, "the workload is younger than the learning time");
	s->is_capped = 1; /* several such rows are still rows */
}

void
ew_edge_signal(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, enum ew_edge_role role, struct ew_mono now)
{
	enum ew_outcome outcome = ew_edge_outcome(c->ev);

	if (rank(outcome) == 0)
		return; /* an attempt is scored by what becomes of it */
	/* A scan is one signal, not a thousand: only edges it then uses are told besides. */
	if (outcome != EW_OUT_PAYLOAD && role != EW_ROLE_SENSITIVE &&
	    ew_detect_is_scanning(d, j->src_key, now)) {
		d->counters.suppressed++;
		return;
	}
	struct ew_track *t =
	    ew_detect_track(d, ew_detect_edge_key(c, j), TRACK_WINDOW_NS, now);
	bool is_better = rank(outcome) > rank((enum ew_outcome)t->outcome);
	bool is_due = !t->id && now.ns - t->last_ns >= RESCORE_NS;

	t->count++;
	if (!is_better && !is_due) {
		if (t->id)
			t->last_ns = now.ns;
		return;
	}

	struct ew_edge_case e;
	struct ew_signal s;

	ew_edge_case(d, c, j, role, now, &e);
	/*
	 * 9.1, cold install: in the daemon's first A nobody has a baseline, neither what was
	 * there nor what came meanwhile. 3.3, under which edges of the young would be rows, is
	 * silent then, and B23 asks for one digest at most.
	 */
	if (role != EW_ROLE_SENSITIVE && e.novelty.is_cold_install) {
		d->counters.suppressed++;
		return;
	}
	ew_signal_begin(d, &s, c, now);
	s.outcome = (uint8_t)outcome;
	s.count = t->count;
	ew_edge_explain(d, c, j, &e, now, &s);
	cap_young(&e, role, d->conf.minimum_age_ns, &s);
	ew_signal_sample(&s, c, outcome);
	t->outcome = (uint8_t)outcome;
	t->last_ns = now.ns;
	if (e.in.change_window && e.parts.d) {
		s.in_change_window = 1;
		s.hold_until_ns = now.ns + d->conf.change_hold_ns;
	}
	if (s.score < 30 || s.score < t->score)
		return; /* log; and a rescore only raises */
	ew_detect_emit(d, &s, t, now);
	if (j->edge)
		ew_graph_scored(d->graph, j->edge, s.score);
	if (s.in_change_window)
		ew_edge_hold(d, &s);
}
