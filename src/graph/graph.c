/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "flow/event.h"
#include "graph/graph_priv.h"
#include "graph/sensitive.h"
#include "identity/contact.h"

/*
 * The baseline as one object: contacts come in at ew_graph_feed, a judgement comes out.
 *
 * A contact is looked up by (source workload, destination workload, protocol, server port).
 * Known edges only bump counters, and their statistics only once per incidence slot (A/288,
 * five minutes by default); that is the whole cost of ordinary traffic (principle P1).
 * Everything else, scoring included, happens off that path:
 *
 *   table.c, index.c   where nodes, edges, services and instances are kept
 *   learn.c            what a contact teaches, and when it may
 *   state.c            ageing: workload states, dormancy, maturity, completeness
 *   novelty.c          the context detectors ask for about contacts that are not known
 *   rules.c            operators' decisions; pattern.c their grammar
 *   persist.c          what is written down and read back
 *
 * A flow keeps the verdict of its first contact: an edge stays NOVEL for the flows that began
 * before it was established or within ten minutes after, since retries are one story.
 */

/* Retries after the first success belong to the same story. Ours, 10 min as in 3.5. */
#define NOVEL_AFTER_ESTABLISHED_NS (INT64_C(600) * EW_NS_PER_S)

#define EDGE_KINDS                                                                     \
	(EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT) | EW_FLOW_KIND_BIT(EW_FLOW_ESTABLISHED) |   \
	    EW_FLOW_KIND_BIT(EW_FLOW_REFUSED) | EW_FLOW_KIND_BIT(EW_FLOW_UNANSWERED) | \
	    EW_FLOW_KIND_BIT(EW_FLOW_HALFOPEN) | EW_FLOW_KIND_BIT(EW_FLOW_MIDSTREAM) | \
	    EW_FLOW_KIND_BIT(EW_FLOW_PAYLOAD) | EW_FLOW_KIND_BIT(EW_FLOW_TURNS) |      \
	    EW_FLOW_KIND_BIT(EW_FLOW_UPDATE) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE))

#define PROTO_TCP 6
#define PROTO_UDP 17

void
ew_graph_conf_default(struct ew_graph_conf *ret_conf)
{
	*ret_conf = (struct ew_graph_conf){
		.minimum_age_ns = INT64_C(86400) * EW_NS_PER_S,
		.grace_ns = INT64_C(120) * EW_NS_PER_S,
		.max_workloads = 16384,
		.max_edges = 131072,
		.max_rules = 4096,
	};
}

static void
apply_conf(struct ew_graph *g, const struct ew_graph_conf *conf)
{
	uint32_t max_workloads = g->conf.max_workloads;
	uint32_t max_edges = g->conf.max_edges;
	uint32_t max_rules = g->conf.max_rules;
	bool is_first = max_edges == 0;

	g->conf = *conf;
	if (!is_first) {
		g->conf.max_workloads = max_workloads;
		g->conf.max_edges = max_edges;
		g->conf.max_rules = max_rules;
	}
	if (g->conf.quick)
		g->conf.minimum_age_ns = INT64_C(3600) * EW_NS_PER_S;
	if (g->conf.minimum_age_ns < EW_NS_PER_S)
		g->conf.minimum_age_ns = EW_NS_PER_S;

	int64_t a = g->conf.minimum_age_ns;
	g->slot_ns = a / 288; /* 9.1: five minutes of a day */
	g->slice_ns = a / 4;
	if (a >= INT64_C(3600) * EW_NS_PER_S &&
	    g->slice_ns < INT64_C(600) * EW_NS_PER_S)
		g->slice_ns = INT64_C(600) * EW_NS_PER_S;
	/* States are looked at once per slot, but at most four times a second. */
	g->period_ns = g->slot_ns;
	if (g->period_ns < EW_NS_PER_S / 4)
		g->period_ns = EW_NS_PER_S / 4;
	if (g->period_ns > INT64_C(300) * EW_NS_PER_S)
		g->period_ns = INT64_C(300) * EW_NS_PER_S;
}

struct ew_graph *
ew_graph_new(const struct ew_graph_conf *conf, const struct ew_graph_sink *sink)
{
	struct ew_graph *g = ew_alloc(sizeof(*g));

	apply_conf(g, conf);
	if (sink)
		g->sink = *sink;
	g->was_empty = true;
	ew_graph_tables_init(g);
	return g;
}

void
ew_graph_free(struct ew_graph *graph)
{
	if (!graph)
		return;
	ew_graph_tables_fini(graph);
	free(graph);
}

void
ew_graph_reconfigure(struct ew_graph *graph, const struct ew_graph_conf *conf)
{
	apply_conf(graph, conf);
	graph->slot_start_ns = 0;
	graph->next_period_ns = 0;
}

#define COUNTER(field, unit_, is_gauge_, meaning_)                           \
	{                                                                    \
		.name = "graph_" #field, .unit = unit_, .meaning = meaning_, \
		.offset = offsetof(struct graph_counters, field),            \
		.is_gauge = is_gauge_                                        \
	}
static const struct ew_counter counters[] = {
	COUNTER(workloads, "workloads", 1, "Workloads and peers in the baseline"),
	COUNTER(edges, "edges", 1, "Edges in the baseline, of any status"),
	COUNTER(rules, "rules", 1, "Operator decisions in force"),
	COUNTER(workloads_refused, "workloads", 0,
	    "Workloads without a record because the table is full"),
	COUNTER(edges_refused, "edges", 0,
	    "Edges without a record because the table is full"),
	COUNTER(candidates_refused, "edges", 0,
	    "Failed contacts without a record because their source has too many"),
	COUNTER(rules_refused, "rules", 0,
	    "Decisions refused because the table is full"),
	COUNTER(contacts, "events", 0, "Contacts judged"),
	COUNTER(learned, "edges", 0, "Edges that joined the baseline by learning"),
	COUNTER(quarantined, "edges", 0, "Edges kept out of learning for review"),
	COUNTER(expired, "edges", 0, "Edges removed because of their age"),
	COUNTER(flows_refused, "flows", 0,
	    "Long flows whose bytes are counted only at their end"),
};

struct ew_counter_set
ew_graph_counters(const struct ew_graph *graph)
{
	return (struct ew_counter_set){
		.module = "graph",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &graph->counters,
	};
}

/* --- feeding ------------------------------------------------------------------------------ */

static bool
keeps_edge(const struct ew_contact *c)
{
	switch ((enum ew_peer_class)c->dst.workload->cls) {
	case EW_PEER_DARK:
	case EW_PEER_MULTICAST:
		return false; /* 3.5 to 3.7 judge these; they are nobody's habit */
	case EW_PEER_WORKLOAD:
	case EW_PEER_NODE:
	case EW_PEER_GATEWAY:
	case EW_PEER_VIP:
	case EW_PEER_EXTERNAL:
	case EW_PEER_GHOST:
	case EW_PEER_UNRESOLVED:
		break;
	}
	switch ((enum ew_peer_class)c->src.workload->cls) {
	case EW_PEER_DARK:
	case EW_PEER_MULTICAST:
	case EW_PEER_UNRESOLVED:
		return false;
	case EW_PEER_WORKLOAD:
	case EW_PEER_NODE:
	case EW_PEER_GATEWAY:
	case EW_PEER_VIP:
	case EW_PEER_EXTERNAL:
	case EW_PEER_GHOST:
		break;
	}
	/* Within one network namespace: loopback, hairpin, sidecar. */
	return !(c->src.instance && c->src.instance == c->dst.instance);
}

static uint16_t
edge_port(const struct ew_contact *c)
{
	uint8_t proto = c->ev->tuple.proto;

	return proto == PROTO_TCP || proto == PROTO_UDP || proto == 132 ? c->edge_port
									: 0;
}

/* Memberlist, serf/consul, cassandra, elasticsearch: replicas gossip among themselves (4.7). */
static bool
is_gossip(uint16_t port)
{
	return port == 7946 || port == 8301 || port == 8302 || port == 7000 ||
	    port == 9300;
}

static bool
is_suppressed(const struct ew_graph *g, const struct ew_contact *c, uint32_t src,
    uint32_t dst, const struct ew_edge *edge)
{
	if (ew_graph_is_resolver(g, c, dst))
		return true;
	if (src == dst)
		return is_gossip(c->edge_port) || (edge && edge->replicas >= 3);

	switch ((enum ew_peer_class)c->src.workload->cls) {
	case EW_PEER_EXTERNAL:
	case EW_PEER_VIP:
		return true; /* clients of a published port: no lateral move begins there */
	case EW_PEER_NODE:
	case EW_PEER_GATEWAY:
		/* Probes: declared, or learned on this or another container. */
		return c->server_port_known ||
		    ew_graph_service_find(g, dst, c->ev->tuple.proto, edge_port(c)) !=
		    NULL;
	case EW_PEER_WORKLOAD:
	case EW_PEER_DARK:
	case EW_PEER_MULTICAST:
	case EW_PEER_GHOST:
	case EW_PEER_UNRESOLVED:
		break;
	}
	return false;
}

static uint64_t
source_key(const struct ew_graph *g, const struct ew_contact *c, uint32_t src)
{
	if (c->src.instance)
		return ew_graph_instance_key(g, c->src.instance);
	return src ? node_at(g, src)->name_hash
		   : ew_graph_name_hash(c->src.workload->name);
}

/* Ports that were generalised (1.1, 4.7). */
static uint32_t
find_general(const struct ew_graph *g, uint32_t src, uint32_t dst, uint8_t proto,
    uint16_t port)
{
	uint32_t ref = ew_graph_edge_find(g, src, dst, proto, EW_PORT_ANY);

	if (!ref && g->any_external &&
	    node_at(g, dst)->workload->cls == EW_PEER_EXTERNAL) {
		ref = ew_graph_edge_find(g, src, g->any_external, proto, port);
		if (ref && edge_at(g, ref)->edge.status != EW_EDGE_BASELINE)
			ref = NONE;
	}
	if (ref || port < 1024)
		return ref;
	if (ew_sensitive_lookup(NULL, proto, port, false).cls != EW_SENS_NONE)
		return NONE;
	ref = ew_graph_edge_find(g, src, dst, proto, EW_PORT_DYN);
	return ref && edge_at(g, ref)->edge.status == EW_EDGE_BASELINE ? ref : NONE;
}

static uint32_t
add_edge(struct ew_graph *g, const struct ew_contact *c, uint32_t src, uint32_t dst,
    uint16_t port, struct ew_mono now)
{
	struct node *n = node_at(g, src);
	uint8_t proto = c->ev->tuple.proto;

	bool is_open =
	    c->ev->kind == EW_FLOW_ESTABLISHED || c->ev->kind == EW_FLOW_PAYLOAD;
	if (n->failed_candidates >= MAX_FAILED_CANDIDATES && !is_open) {
		g->counters.candidates_refused++;
		return NONE;
	}
	uint32_t ref = ew_graph_edge_add(g, src, dst, proto, port);
	if (!ref)
		return NONE;
	struct edge_slot *e = edge_at(g, ref);

	n->failed_candidates++;
	e->edge.first_ns = c->ev->first_ns ? c->ev->first_ns : now.ns;
	if (c->src.in_startup)
		e->edge.flags |= EW_EDGE_F_STARTUP_ONLY;

	const struct ew_decision_record *rule = ew_graph_rule_for(g, n->workload->name,
	    node_at(g, dst)->workload->name, proto, port, now);
	if (rule) {
		e->edge.decision_id = rule->id;
		e->edge.expires_ns = rule->expires_ns;
		ew_graph_set_status(g, ref,
		    rule->action == EW_ACT_DENY ? EW_EDGE_DENIED : EW_EDGE_BASELINE,
		    EW_ORIGIN_OPERATOR);
	}
	return ref;
}

static enum ew_verdict
verdict_of(const struct ew_edge *edge, const struct ew_flow_event *ev)
{
	switch ((enum ew_edge_status)edge->status) {
	case EW_EDGE_BASELINE:
		return EW_VERDICT_KNOWN;
	case EW_EDGE_DENIED:
		return EW_VERDICT_DENIED;
	case EW_EDGE_DORMANT:
		return EW_VERDICT_CANDIDATE;
	case EW_EDGE_CANDIDATE:
	case EW_EDGE_QUARANTINED:
		break;
	}
	bool is_first_story = edge->established_ns == 0 ||
	    ev->first_ns <= edge->established_ns + NOVEL_AFTER_ESTABLISHED_NS;
	return is_first_story ? EW_VERDICT_NOVEL : EW_VERDICT_CANDIDATE;
}

/* Bytes a long flow moved since it was last looked at; UPDATE and CLOSE carry totals. */
static void
count_bytes(struct ew_graph *g, const struct ew_flow_event *ev, uint64_t ret_bytes[2])
{
	bool is_close = ev->kind == EW_FLOW_CLOSE;
	uint32_t i = (uint32_t)ew_graph_mix(ev->flow_id, 1) % FLOW_SLOTS;
	struct flow_bytes *f = &g->flows[i];

	ret_bytes[0] = ev->side[0].bytes;
	ret_bytes[1] = ev->side[1].bytes;
	if (!ev->flow_id)
		return;
	if (f->flow_id == ev->flow_id) {
		for (int s = 0; s < 2; s++)
			ret_bytes[s] -=
			    ret_bytes[s] >= f->bytes[s] ? f->bytes[s] : ret_bytes[s];
	} else if (!is_close && f->flow_id) {
		/* Another long flow has the slot: this one is counted at its end. */
		g->counters.flows_refused++;
		ret_bytes[0] = ret_bytes[1] = 0;
		return;
	}
	if (is_close) {
		if (f->flow_id == ev->flow_id)
			*f = (struct flow_bytes){ 0 };
		return;
	}
	*f = (struct flow_bytes){ .flow_id = ev->flow_id,
		.bytes = { ev->side[0].bytes, ev->side[1].bytes } };
}

static void
count_known(struct ew_graph *g, const struct ew_contact *c, uint32_t src, uint32_t dst)
{
	struct node *s = node_at(g, src);

	if (s->sessions[OUT]++ % 64 == 0)
		ew_graph_node_dirty(g, src);
	node_at(g, dst)->sessions[IN]++;
	if (c->resolved == 2)
		return;
	s->resolved_all++;
	s->resolved_yes += c->resolved;
}

static void
feed_edge(struct ew_graph *g, const struct ew_contact *c, struct ew_mono now,
    struct ew_judgement *j)
{
	const struct ew_flow_event *ev = c->ev;
	uint32_t src = ew_graph_node_of(g, c->src.workload, now);
	uint32_t dst = ew_graph_node_of(g, c->dst.workload, now);

	j->src_key = source_key(g, c, src);
	j->src_hash = src ? node_at(g, src)->name_hash : 0;
	j->dst_hash = dst ? node_at(g, dst)->name_hash : 0;
	if (!src || !dst)
		return;
	uint8_t proto = ev->tuple.proto;
	uint16_t port = edge_port(c);
	uint32_t ref = ew_graph_edge_find(g, src, dst, proto, port);

	if (ev->kind == EW_FLOW_UPDATE || ev->kind == EW_FLOW_CLOSE)
		count_bytes(g, ev, j->bytes);
	if (!ref || edge_at(g, ref)->edge.status != EW_EDGE_BASELINE) {
		uint32_t general = find_general(g, src, dst, proto, port);

		if (general)
			ref = general;
	}
	j->is_frozen = node_at(g, src)->frozen > 0;
	if (!ref && !j->in_grace && ev->kind == EW_FLOW_CLOSE)
		return; /* its record was refused or removed: nothing to add to */
	if (!ref) {
		ref = add_edge(g, c, src, dst, port, now);
		j->is_new_edge = ref != NONE;
	}
	if (!ref) {
		j->verdict = EW_VERDICT_NOVEL;
		j->is_suppressed = is_suppressed(g, c, src, dst, NULL);
		return;
	}

	struct ew_edge *edge = &edge_at(g, ref)->edge;
	j->edge = edge;
	j->verdict = (uint8_t)verdict_of(edge, ev);
	if (edge->status == EW_EDGE_DORMANT)
		j->dormant_ns = now.ns - edge->last_ns;
	edge->src_bytes += j->bytes[0];
	edge->dst_bytes += j->bytes[1];
	ew_graph_touch(g, ref, c, now);
	if (j->verdict == EW_VERDICT_KNOWN) {
		if (ev->kind == EW_FLOW_ATTEMPT || ev->kind == EW_FLOW_MIDSTREAM)
			count_known(g, c, src, dst);
		return;
	}
	j->is_suppressed = is_suppressed(g, c, src, dst, edge);
	for (uint32_t e = node_at(g, src)->first[OUT]; e && !j->is_pair_known;
	     e = edge_at(g, e)->next[OUT])
		j->is_pair_known = edge_at(g, e)->node[IN] == dst &&
		    edge_at(g, e)->edge.status == EW_EDGE_BASELINE;
	bool is_midstream = ev->flags & EW_FLOW_F_MIDSTREAM;
	if (is_midstream && j->in_grace && j->verdict != EW_VERDICT_DENIED)
		j->verdict = EW_VERDICT_UNJUDGED;
}

void
ew_graph_feed(struct ew_graph *graph, const struct ew_contact *contact,
    struct ew_mono now, struct ew_judgement *ret_judgement)
{
	*ret_judgement = (struct ew_judgement){ .verdict = EW_VERDICT_UNJUDGED };
	ew_graph_advance(graph, now);
	graph->counters.contacts++;
	ret_judgement->in_grace = now.ns - graph->start_ns < graph->conf.grace_ns;

	if ((EDGE_KINDS & EW_FLOW_KIND_BIT(contact->ev->kind)) && keeps_edge(contact)) {
		feed_edge(graph, contact, now, ret_judgement);
		return;
	}
	ret_judgement->src_key = source_key(graph, contact, NONE);
	ret_judgement->src_hash = ew_graph_name_hash(contact->src.workload->name);
	ret_judgement->dst_hash = ew_graph_name_hash(contact->dst.workload->name);
	bool is_dark = contact->dst.workload->cls == EW_PEER_DARK;
	if (is_dark && (EDGE_KINDS & EW_FLOW_KIND_BIT(contact->ev->kind)))
		ret_judgement->verdict = EW_VERDICT_NOVEL;
	ret_judgement->is_suppressed =
	    contact->dst.workload->cls == EW_PEER_MULTICAST ||
	    (contact->src.instance && contact->src.instance == contact->dst.instance);
}

void
ew_graph_lifecycle(struct ew_graph *graph, const struct ew_lifecycle *life,
    struct ew_mono now)
{
	ew_graph_advance(graph, now);
	if (life->kind == EW_LIFE_INVENTORY_READY) {
		graph->inventory_ready = true;
		return;
	}
	uint32_t index =
	    life->workload ? ew_graph_node_of(graph, life->workload, now) : NONE;
	if (!index)
		return;
	struct node *n = node_at(graph, index);

	n->last_ns = now.ns;
	/* The first sight of a workload may come before its peer group is known. */
	n->group_hash = ew_graph_name_hash(life->workload->group);
	n->has_group = life->workload->group[0] != '\0';
	switch ((enum ew_lifecycle_kind)life->kind) {
	case EW_LIFE_INSTANCE_START: {
		if (!life->instance || !life->instance->id)
			break;
		struct instance *i = ew_graph_instance_add(graph, life->instance->id);

		i->node = index;
		i->key = ew_graph_name_hash(life->instance->cid);
		i->started_ns = life->instance->started.ns;
		/* A start we watched, not a container found running. */
		if (graph->inventory_ready && life->at.ns >= graph->start_ns) {
			n->starts++;
			ew_graph_node_dirty(graph, index);
		}
		break;
	}
	case EW_LIFE_INSTANCE_STOP:
		ew_graph_run_ended(graph, index, life);
		break;
	case EW_LIFE_SPEC_CHANGE:
		if (life->instance)
			n->spec_hash = life->instance->spec_hash;
		ew_graph_node_dirty(graph, index);
		break;
	case EW_LIFE_WORKLOAD_NEW:
	case EW_LIFE_LABELS:
	case EW_LIFE_INVENTORY_READY:
		break;
	}
}

uint64_t
ew_graph_instance_key(const struct ew_graph *graph, uint32_t instance)
{
	const struct instance *i = ew_graph_instance_find(graph, instance);

	return i ? i->key : ew_graph_mix(instance, 2);
}

struct ew_edge *
ew_graph_find(struct ew_graph *graph, const struct ew_workload *src,
    const struct ew_workload *dst, uint8_t proto, uint16_t port)
{
	uint32_t s = ew_graph_node_find(graph, src);
	uint32_t d = ew_graph_node_find(graph, dst);
	uint32_t ref = s && d ? ew_graph_edge_find(graph, s, d, proto, port) : NONE;

	return ref ? &edge_at(graph, ref)->edge : NULL;
}

struct ew_workload *
ew_graph_workload_by_name(struct ew_graph *graph, const char *name)
{
	uint32_t index = ew_graph_node_by_name(graph, name);

	return index ? node_at(graph, index)->workload : NULL;
}

void
ew_graph_set_resolvers(struct ew_graph *graph, const struct ew_addr *addrs, size_t n)
{
	size_t max = sizeof(graph->resolvers) / sizeof(graph->resolvers[0]);

	graph->n_resolvers = (uint32_t)(n < max ? n : max);
	memcpy(graph->resolvers, addrs, graph->n_resolvers * sizeof(*addrs));
}
