/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"

/*
 * Two side tables: services, (destination, protocol, port) to the baseline edges that lead
 * there, which makes "who else talks to this?" cheap for a port nobody uses (a scan asks for
 * thousands); and instances, runtime id to stable key.
 */

/* --- services ----------------------------------------------------------------------------- */

static struct service *
service_slot(struct service *table, uint32_t capacity, uint32_t node, uint8_t proto,
    uint16_t port)
{
	uint32_t mask = capacity - 1;
	uint32_t i = (uint32_t)ew_graph_mix(node, (uint64_t)proto << 16 | port) & mask;

	while (table[i].is_used &&
	    (table[i].node != node || table[i].port != port || table[i].proto != proto))
		i = (i + 1) & mask;
	return &table[i];
}

const struct service *
ew_graph_service_find(const struct ew_graph *g, uint32_t node, uint8_t proto,
    uint16_t port)
{
	const struct service *s =
	    service_slot(g->services, g->cap_services, node, proto, port);

	return s->is_used ? s : NULL;
}

static void
service_grow(struct ew_graph *g)
{
	if (g->n_services * 2 < g->cap_services)
		return;
	uint32_t capacity = g->cap_services * 2;
	struct service *table = ew_alloc_array(capacity, sizeof(*table));

	for (uint32_t i = 0; i < g->cap_services; i++) {
		const struct service *s = &g->services[i];

		if (s->is_used)
			*service_slot(table, capacity, s->node, s->proto, s->port) = *s;
	}
	free(g->services);
	g->services = table;
	g->cap_services = capacity;
}

static struct group_port *
group_slot(struct group_port *table, uint32_t capacity, uint64_t group, uint8_t proto,
    uint16_t port)
{
	uint32_t mask = capacity - 1;
	uint32_t i = (uint32_t)ew_graph_mix(group, (uint64_t)proto << 16 | port) & mask;

	while (table[i].is_used &&
	    (table[i].group_hash != group || table[i].port != port ||
		table[i].proto != proto))
		i = (i + 1) & mask;
	return &table[i];
}

/* One more (or one less) workload of the group serves the port. Entries stay at zero. */
static void
group_count(struct ew_graph *g, uint64_t group, uint8_t proto, uint16_t port, int delta)
{
	if (g->n_group_ports * 2 >= g->cap_group_ports) {
		uint32_t capacity = g->cap_group_ports * 2;
		struct group_port *table = ew_alloc_array(capacity, sizeof(*table));

		for (uint32_t i = 0; i < g->cap_group_ports; i++) {
			const struct group_port *p = &g->group_ports[i];

			if (p->is_used)
				*group_slot(table, capacity, p->group_hash, p->proto,
				    p->port) = *p;
		}
		free(g->group_ports);
		g->group_ports = table;
		g->cap_group_ports = capacity;
	}
	struct group_port *p =
	    group_slot(g->group_ports, g->cap_group_ports, group, proto, port);

	if (!p->is_used) {
		*p = (struct group_port){ .group_hash = group,
			.port = port,
			.proto = proto,
			.is_used = true };
		g->n_group_ports++;
	}
	p->count += (uint32_t)delta;
}

uint32_t
ew_graph_group_port_count(const struct ew_graph *g, uint64_t group_hash, uint8_t proto,
    uint16_t port)
{
	const struct group_port *p =
	    group_slot(g->group_ports, g->cap_group_ports, group_hash, proto, port);

	return p->is_used ? p->count : 0;
}

void
ew_graph_service_add(struct ew_graph *g, uint32_t ref)
{
	struct edge_slot *e = edge_at(g, ref);

	if (e->in_service)
		return;
	service_grow(g);
	struct service *s = service_slot(g->services, g->cap_services, e->node[IN],
	    e->edge.proto, e->edge.port);

	if (!s->is_used) {
		*s = (struct service){ .node = e->node[IN],
			.port = e->edge.port,
			.proto = e->edge.proto,
			.is_used = true };
		g->n_services++; /* a service without edges stays: few, and they come back */
	}
	e->next_service = s->first;
	s->first = ref;
	if (s->count++ == 0 && node_at(g, s->node)->has_group) {
		s->group_hash = node_at(g, s->node)->group_hash;
		group_count(g, s->group_hash, s->proto, s->port, 1);
	}
	e->in_service = true;
}

void
ew_graph_service_remove(struct ew_graph *g, uint32_t ref)
{
	struct edge_slot *e = edge_at(g, ref);

	if (!e->in_service)
		return;
	struct service *s = service_slot(g->services, g->cap_services, e->node[IN],
	    e->edge.proto, e->edge.port);
	uint32_t *link = &s->first;

	while (*link != ref)
		link = &edge_at(g, *link)->next_service;
	*link = e->next_service;
	if (--s->count == 0 && s->group_hash) {
		group_count(g, s->group_hash, s->proto, s->port, -1);
		s->group_hash = 0;
	}
	e->in_service = false;
}

/* --- instances ---------------------------------------------------------------------------- */

static uint32_t
instance_slot(const struct ew_graph *g, uint32_t id)
{
	uint32_t i = (uint32_t)ew_graph_mix(id, 0) & (g->cap_instances - 1);

	while (g->instances[i].id && g->instances[i].id != id)
		i = (i + 1) & (g->cap_instances - 1);
	return i;
}

struct instance *
ew_graph_instance_find(const struct ew_graph *g, uint32_t id)
{
	struct instance *i = &g->instances[instance_slot(g, id)];

	return id && i->id == id ? i : NULL;
}

/*
 * Instances are kept after they stop (late events still name them) and dropped in one go
 * when the table is rebuilt: the newest half by id stays.
 */
static void
instance_grow(struct ew_graph *g, uint32_t newest)
{
	if (g->n_instances * 2 < g->cap_instances)
		return;
	struct instance *old = g->instances;
	uint32_t n = g->cap_instances;
	bool is_full = n >= 4 * g->conf.max_workloads;
	uint32_t oldest = is_full && newest > n / 4 ? newest - n / 4 : 0;

	g->cap_instances = is_full ? n : n * 2;
	g->instances = ew_alloc_array(g->cap_instances, sizeof(*g->instances));
	g->n_instances = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!old[i].id || old[i].id < oldest)
			continue;
		g->instances[instance_slot(g, old[i].id)] = old[i];
		g->n_instances++;
	}
	free(old);
}

struct instance *
ew_graph_instance_add(struct ew_graph *g, uint32_t id)
{
	assert(id);
	struct instance *found = ew_graph_instance_find(g, id);

	if (found)
		return found;
	instance_grow(g, id);
	found = &g->instances[instance_slot(g, id)];
	*found = (struct instance){ .id = id };
	g->n_instances++;
	return found;
}
