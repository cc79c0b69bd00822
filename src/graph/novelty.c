/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "flow/event.h"
#include "graph/graph_priv.h"
#include "graph/sensitive.h"
#include "identity/contact.h"

/*
 * The context of a contact that is not known: everything section 2 of detectors.md needs for
 * its terms N, R, X and D. Asked for only then, so its cost (a walk over the source's edges
 * and over the baseline edges of one service) is off the path of ordinary traffic.
 */

/* A hot service has thousands of clients; two answers are enough (R). */
#define MAX_CLIENTS_WALKED 4096u
#define ENTRY_NS (60 * EW_NS_PER_S)			  /* 3.4 */
#define CALLBACK_NS (600 * EW_NS_PER_S)			  /* 3.4 */
#define DAY_NS (86400 * EW_NS_PER_S)			  /* 1.2, ACK probes */
#define SEASON_MIN_NS (INT64_C(21) * 86400 * EW_NS_PER_S) /* section 2, X: 21 days */

static void
count_peers(const struct ew_graph *g, const struct ew_contact *c, uint32_t src,
    uint32_t dst, uint16_t port, struct ew_novelty *ret)
{
	const struct service *s =
	    ew_graph_service_find(g, dst, c->ev->tuple.proto, port);
	const struct node *me = node_at(g, src);
	uint32_t walked = 0;

	if (!s)
		return;
	for (uint32_t i = s->first; i && ret->peers < 2 && walked < MAX_CLIENTS_WALKED;
	     i = edge_at(g, i)->next_service, walked++) {
		uint32_t other = edge_at(g, i)->node[OUT];
		const struct node *n = node_at(g, other);

		if (other == src || n->workload->cls != EW_PEER_WORKLOAD)
			continue;
		if (me->has_group && n->group_hash == me->group_hash)
			ret->peers++;
		else if (ret->others < 2)
			ret->others++;
	}
}

static uint16_t
replicas_with(const struct ew_edge *edge)
{
	int n = 0;

	for (size_t i = 0; i < sizeof(edge->replicas_hll); i++)
		n += __builtin_popcount(edge->replicas_hll[i]);
	return (uint16_t)n;
}

/* A failover or one more replica: what it replaces is a baseline peer (D, 30 points). */
static bool
is_sibling(const struct ew_graph *g, const struct ew_contact *c, uint32_t src,
    uint32_t dst, uint16_t port)
{
	const char *image = node_at(g, dst)->workload->image_repo;

	if (!image[0])
		return false;
	for (uint32_t i = node_at(g, src)->first[OUT]; i;
	     i = edge_at(g, i)->next[OUT]) {
		const struct edge_slot *e = edge_at(g, i);

		if (e->in_service && e->node[IN] != dst && e->edge.port == port &&
		    e->edge.proto == c->ev->tuple.proto &&
		    strcmp(node_at(g, e->node[IN])->workload->image_repo, image) == 0)
			return true;
	}
	return false;
}

static bool
is_unusual_hour(const struct ew_edge *edge, struct ew_mono now)
{
	int64_t hour = now.ns / (INT64_C(3600) * EW_NS_PER_S);

	if (now.ns - edge->first_ns < SEASON_MIN_NS)
		return false;
	return !(edge->hours >> (hour % 24) & 1) ||
	    !(edge->wdays >> ((hour / 24 + 3) % 7) & 1);
}

/* Who was talking to src just now, and is dst one of them? */
static void
find_entries(const struct ew_graph *g, uint32_t src, uint32_t dst, struct ew_mono now,
    struct ew_novelty *ret)
{
	uint32_t walked = 0;

	for (uint32_t i = node_at(g, src)->first[IN];
	     i && walked++ < MAX_CLIENTS_WALKED; i = edge_at(g, i)->next[IN]) {
		const struct edge_slot *e = edge_at(g, i);
		int64_t ago = now.ns - e->edge.last_ns;

		if (e->node[OUT] == dst && e->edge.established_ns) {
			ret->is_callback |= ago <= CALLBACK_NS;
			ret->is_pair_recent |= ago <= DAY_NS;
		}
		if (ago <= ENTRY_NS && e->edge.established_ns && e->node[OUT] != src &&
		    ret->n_entries < EW_NOVELTY_ENTRIES)
			ret->entries[ret->n_entries++] = &e->edge;
	}
	for (uint32_t i = node_at(g, src)->first[OUT]; i && !ret->is_pair_recent;
	     i = edge_at(g, i)->next[OUT]) {
		const struct edge_slot *e = edge_at(g, i);

		ret->is_pair_recent |= e->node[IN] == dst && e->edge.established_ns &&
		    now.ns - e->edge.last_ns <= DAY_NS;
	}
}

static void
find_expected(const struct ew_graph *g, uint32_t src, struct ew_novelty *ret)
{
	for (uint32_t i = node_at(g, src)->first[OUT]; i;
	     i = edge_at(g, i)->next[OUT]) {
		const struct edge_slot *e = edge_at(g, i);
		uint8_t at = ret->n_expected;

		if (!e->in_service)
			continue;
		while (
		    at > 0 && ret->expected[at - 1]->connections < e->edge.connections)
			at--;
		if (at == EW_NOVELTY_ENTRIES)
			continue;
		uint8_t last = ret->n_expected < EW_NOVELTY_ENTRIES
		    ? ret->n_expected
		    : EW_NOVELTY_ENTRIES - 1;
		memmove(&ret->expected[at + 1], &ret->expected[at],
		    (size_t)(last - at) * sizeof(ret->expected[0]));
		ret->expected[at] = &e->edge;
		ret->n_expected = last + 1;
	}
}

static uint32_t
combined_surprise(const struct ew_graph *g, uint32_t src, uint32_t dst,
    struct ew_mono now)
{
	const struct node *d = node_at(g, dst);
	uint32_t s_src = ew_graph_surprise(g, node_at(g, src), OUT, now);
	/* 9.1: peers that are no workloads, and the young, have no s of their own. */
	bool has_own = d->workload->cls == EW_PEER_WORKLOAD &&
	    node_age(d, now) >= g->conf.minimum_age_ns;
	uint32_t s_dst = has_own ? ew_graph_surprise(g, d, IN, now) : s_src;

	return (2 * s_src + s_dst) / 3;
}

void
ew_graph_novelty(struct ew_graph *graph, const struct ew_contact *contact,
    const struct ew_judgement *judgement, struct ew_mono now,
    struct ew_novelty *ret_novelty)
{
	uint32_t src = ew_graph_node_of(graph, contact->src.workload, now);
	uint32_t dst = ew_graph_node_of(graph, contact->dst.workload, now);

	*ret_novelty = (struct ew_novelty){ .since_discovery_ns = -1 };
	ret_novelty->is_cold_install =
	    ew_graph_observed_ns(graph, now) < graph->conf.minimum_age_ns;
	if (!src || !dst)
		return;

	const struct node *s = node_at(graph, src);
	const struct node *d = node_at(graph, dst);
	struct ew_workload_view view;
	uint16_t port = judgement->edge ? judgement->edge->port : 0;

	ew_graph_view(graph, s->workload, now, &view);
	*ret_novelty = (struct ew_novelty){
		.m_q16 = view.m_q16,
		.s_q16 = combined_surprise(graph, src, dst, now),
		.src_state = view.state,
		.replicas = s->workload->instances,
		.replicas_with = judgement->edge ? replicas_with(judgement->edge) : 1,
		.is_sibling = is_sibling(graph, contact, src, dst, port),
		/* Groups of unmanaged workloads are only image names. */
		.is_cross_group = s->workload->is_managed && d->workload->is_managed &&
		    s->group_hash != d->group_hash,
		.is_dormant = judgement->dormant_ns > 0,
		.dormant_ns = judgement->dormant_ns,
		.is_unusual_hour =
		    judgement->edge && is_unusual_hour(judgement->edge, now),
		.is_server_only = view.is_server_only,
		.is_dns_disciplined = view.is_dns_disciplined,
		.startup_complete = s->starts >= 2,
		.is_cold_install = ret_novelty->is_cold_install,
		.was_there = s->was_there,
		.services = s->baseline[OUT],
		.src_age_ns = view.age_ns,
		.dst_age_ns = node_age(d, now),
		.since_discovery_ns = s->discovery_age_ns[OUT] < 0
		    ? -1
		    : view.age_ns - s->discovery_age_ns[OUT],
	};
	count_peers(graph, contact, src, dst, port, ret_novelty);
	find_entries(graph, src, dst, now, ret_novelty);
	find_expected(graph, src, ret_novelty);
}

static bool
has_baseline_edge(const struct ew_graph *g, uint32_t src, uint32_t dst)
{
	for (uint32_t i = node_at(g, src)->first[OUT]; i; i = edge_at(g, i)->next[OUT])
		if (edge_at(g, i)->node[IN] == dst && edge_at(g, i)->in_service)
			return true;
	return false;
}

bool
ew_graph_knows(const struct ew_graph *graph, const struct ew_workload *a,
    const struct ew_workload *b)
{
	uint32_t x = ew_graph_node_find(graph, a);
	uint32_t y = ew_graph_node_find(graph, b);

	return x && y &&
	    (has_baseline_edge(graph, x, y) || has_baseline_edge(graph, y, x));
}

bool
ew_graph_has_external(const struct ew_graph *graph, const struct ew_workload *src)
{
	uint32_t n = ew_graph_node_find(graph, src);

	for (uint32_t i = n ? node_at(graph, n)->first[OUT] : NONE; i;
	     i = edge_at(graph, i)->next[OUT])
		if (edge_at(graph, i)->in_service &&
		    edge_at(graph, i)->edge.dst->cls == EW_PEER_EXTERNAL)
			return true;
	return false;
}

bool
ew_graph_has_image(const struct ew_graph *graph, const char *image_repo,
    const struct ew_workload *other_than)
{
	for (uint32_t i = 1; i <= graph->n_nodes; i++) {
		const struct ew_workload *w = node_at(graph, i)->workload;

		if (w != other_than && strcmp(w->image_repo, image_repo) == 0)
			return true;
	}
	return false;
}

void
ew_graph_sensitivity(const struct ew_graph *graph, const struct ew_contact *contact,
    struct ew_sensitive *ret_sensitive)
{
	uint8_t cls = contact->dst.workload->cls;
	bool on_node = cls == EW_PEER_NODE || cls == EW_PEER_GATEWAY;
	const struct ew_tuple *t = &contact->ev->tuple;
	struct ew_sensitive by_port =
	    ew_sensitive_lookup(&t->dst, t->proto, contact->edge_port, on_node);
	struct ew_sensitive by_wire =
	    ew_sensitive_lookup(&t->dst, t->proto, t->dport, on_node);

	/* A published port may differ from the service's own: the graver one counts. */
	*ret_sensitive = by_wire.points > by_port.points ? by_wire : by_port;
	ret_sensitive->is_kit = by_wire.is_kit || by_port.is_kit;
	for (uint32_t i = 0; i < graph->conf.n_sensitive; i++) {
		const struct ew_sensitive_port *p = &graph->conf.sensitive[i];

		if (p->port != contact->edge_port || p->points <= ret_sensitive->points)
			continue;
		ret_sensitive->points = p->points;
		ret_sensitive->cls = p->points >= 25 ? EW_SENS_CONTROL_PLANE
		    : p->points >= 20		     ? EW_SENS_REMOTE_ADMIN
		    : p->points >= 15		     ? EW_SENS_DATA
						     : EW_SENS_CONSOLE;
		ret_sensitive->name = "a port the operator named";
	}
	if (ew_graph_labels(graph, contact->dst.workload) & EW_LABEL_SENSITIVE) {
		ret_sensitive->points = 25;
		if (ret_sensitive->name == NULL)
			ret_sensitive->name = "labelled sensitive";
	}
}

uint32_t
ew_graph_group_servers(const struct ew_graph *graph, const char *group, uint8_t proto,
    uint16_t port)
{
	uint32_t n =
	    ew_graph_group_port_count(graph, ew_graph_name_hash(group), proto, port);

	return n < UINT8_MAX ? n : UINT8_MAX;
}
