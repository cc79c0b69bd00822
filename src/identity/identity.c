/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * identity: from addresses to workloads. A guide to the files of this folder.
 *
 *   netlink.c ...  hears the kernel, and is the only part with I/O
 *   place.c        host interfaces: which veth, which bridge, observation points
 *   seat.c         network namespaces, and how two tellers' stories become one
 *   lease.c        who held an address, and when
 *   network.c      subnets, gateways, host addresses, services
 *   instance.c     what runtimes name; rule.c derives the workload; roster.c keeps them
 *   resolve.c      the two ends of a flow; classes.c, translate.c, nat.c, publish.c
 *   bind.c         holds the answer while the flow lives; wait.c holds the question
 *   spoof.c, dns.c facts for detectors
 *   query.c        questions of store, status and command line
 *
 * Everything but netlink is pure: facts and events in, contacts out, the same for the same.
 * This file makes and frees the whole, keeps its clock, and describes its counters.
 */
#include "identity/identity.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/text.h"
#include "identity/identity_priv.h"

#define PRUNE_EVERY_NS (10 * EW_NS_PER_S)

void
ew_identity_conf_default(struct ew_identity_conf *ret_conf)
{
	*ret_conf = (struct ew_identity_conf){ .node = "local",
		.mode = EW_IDENTITY_BARE,
		.tombstone_ns = 24 * 3600 * EW_NS_PER_S,
		.name_wait_ns = 10 * EW_NS_PER_S,
		.dark_grace_ns = 200 * EW_NS_PER_MS,
		.nat_wait_ns = 200 * EW_NS_PER_MS,
		.isn_window_ns = 50 * EW_NS_PER_MS,
		.startup_min_ns = 120 * EW_NS_PER_S,
		.startup_max_ns = 300 * EW_NS_PER_S,
		.change_window_ns = 30 * 60 * EW_NS_PER_S,
		.max_flows = 262144,
		.max_waiting = 32768,
		.max_instances = 65536,
		.max_workloads = 16384,
		.max_leases = 262144,
		.max_nat = 65536,
		.max_resolved = 65536,
		.max_lookups_per_s = 5000 };
}

static struct wl *
standing(struct ew_identity *identity, const char *name, enum ew_peer_class cls)
{
	struct wl *wl = ew_wl_intern(identity, name, cls, (struct ew_mono){ 0 });

	assert(wl);
	ew_workload_get(&wl->pub); /* never makes room */
	return wl;
}

static void
init_maps(struct ew_identity *identity)
{
	const uint64_t seed = identity->conf.seed;
	struct ew_map *const maps[] = { &identity->wl_by_name, &identity->inst_by_id,
		&identity->inst_by_cid, &identity->net_by_id, &identity->subnets,
		&identity->port_by_index, &identity->seat_by_nsid,
		&identity->lease_by_addr, &identity->lease_by_mac,
		&identity->host_addrs, &identity->services, &identity->peers,
		&identity->strangers, &identity->flow_by_id };

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		ew_map_init(maps[i], seed);
}

struct ew_identity *
ew_identity_new(const struct ew_identity_conf *conf,
    const struct ew_identity_sink *sink)
{
	struct ew_identity *identity = ew_alloc(sizeof(*identity));
	char name[80];

	assert(sink->contact && conf->max_flows > 0 && conf->max_workloads >= 16 &&
	    conf->max_nat > 0 && conf->max_resolved > 0);
	identity->conf = *conf;
	identity->sink = *sink;
	init_maps(identity);
	TAILQ_INIT(&identity->wls);
	TAILQ_INIT(&identity->insts);
	TAILQ_INIT(&identity->insts_ended);
	TAILQ_INIT(&identity->nets);
	TAILQ_INIT(&identity->ports);
	TAILQ_INIT(&identity->ports_ended);
	TAILQ_INIT(&identity->seats);
	TAILQ_INIT(&identity->seats_ended);
	TAILQ_INIT(&identity->leases);
	TAILQ_INIT(&identity->leases_ended);
	TAILQ_INIT(&identity->host_addr_list);
	TAILQ_INIT(&identity->service_list);
	TAILQ_INIT(&identity->stranger_list);
	TAILQ_INIT(&identity->flows);
	TAILQ_INIT(&identity->flows_free);
	identity->flow_pool = ew_reserve(conf->max_flows * sizeof(struct flow));
	if (!identity->flow_pool)
		abort();
	identity->wait = ew_wait_new(conf->seed);
	identity->nat = ew_nat_new(conf);
	identity->dns = ew_dns_new(conf->seed);
	identity->publish = ew_publish_new(conf->seed);
	snprintf(name, sizeof(name), "host/%s", conf->node[0] ? conf->node : "local");
	if (conf->mode == EW_IDENTITY_BARE)
		identity->bare_other = standing(identity, "ip/other", EW_PEER_WORKLOAD);
	identity->node = standing(identity, name, EW_PEER_NODE);
	identity->multicast = standing(identity, "multicast", EW_PEER_MULTICAST);
	identity->external_other =
	    standing(identity, "external/other", EW_PEER_EXTERNAL);
	identity->unresolved = standing(identity, "unresolved", EW_PEER_UNRESOLVED);
	return identity;
}

void
ew_identity_free(struct ew_identity *identity)
{
	struct inst *inst;

	if (!identity)
		return;
	ew_bind_free_all(identity);
	ew_peer_free_all(identity);
	ew_place_free_all(identity);
	while ((inst = TAILQ_FIRST(&identity->insts)) ||
	    (inst = TAILQ_FIRST(&identity->insts_ended)))
		ew_inst_free(identity, inst);
	ew_net_free_all(identity);
	ew_workload_put(&identity->node->pub);
	ew_workload_put(&identity->multicast->pub);
	ew_workload_put(&identity->unresolved->pub);
	ew_workload_put(&identity->external_other->pub);
	if (identity->bare_other)
		ew_workload_put(&identity->bare_other->pub);
	ew_wl_free_all(identity);
	ew_map_fini(&identity->inst_by_id);
	ew_map_fini(&identity->inst_by_cid);
	ew_wait_table_free(identity->wait);
	ew_nat_free(identity->nat);
	ew_dns_free(identity->dns);
	ew_publish_free(identity->publish);
	ew_release(identity->flow_pool, identity->conf.max_flows * sizeof(struct flow));
	free(identity);
}

void
ew_identity_reconfigure(struct ew_identity *identity,
    const struct ew_identity_conf *conf)
{
	struct ew_identity_conf *own = &identity->conf;

	own->tombstone_ns = conf->tombstone_ns;
	own->name_wait_ns = conf->name_wait_ns;
	own->dark_grace_ns = conf->dark_grace_ns;
	own->nat_wait_ns = conf->nat_wait_ns;
	own->isn_window_ns = conf->isn_window_ns;
	own->startup_min_ns = conf->startup_min_ns;
	own->startup_max_ns = conf->startup_max_ns;
	own->change_window_ns = conf->change_window_ns;
	own->max_lookups_per_s = conf->max_lookups_per_s;
}

/* --- time ---------------------------------------------------------------------------------- */

static void
prune(struct ew_identity *identity, struct ew_mono now)
{
	const struct ew_mono before = { now.ns - identity->conf.tombstone_ns };
	struct inst *inst;

	identity->prune_ns = now.ns + PRUNE_EVERY_NS;
	ew_place_prune(identity, before);
	while ((inst = TAILQ_FIRST(&identity->insts_ended)) &&
	    inst->pub.stopped.ns < before.ns)
		ew_inst_free(identity, inst);
}

void
ew_identity_tick(struct ew_identity *identity, struct ew_mono now)
{
	if (now.ns > identity->now.ns)
		identity->now = now;
	if (identity->begun_ns == 0)
		identity->begun_ns = identity->now.ns;
	/* Netlink's first dump comes before the first turn: what comes now is new. */
	identity->is_watching = 1;
	if (identity->is_unnamed && identity->conf.mode == EW_IDENTITY_LIVE)
		ew_resolve_unnamed(identity);
	ew_bind_drain(identity, identity->now, false);
	if (identity->now.ns >= identity->prune_ns)
		prune(identity, identity->now);
}

void
ew_identity_finish(struct ew_identity *identity, struct ew_mono now)
{
	ew_identity_tick(identity, now);
	ew_bind_drain(identity, identity->now, true);
}

/* --- runtimes ------------------------------------------------------------------------------ */

static struct runtime *
runtime_slot(struct ew_identity *identity, const char *name)
{
	for (unsigned i = 0; i < identity->n_runtimes; i++)
		if (strncmp(identity->runtimes[i].name, name,
			sizeof(identity->runtimes[i].name) - 1) == 0)
			return &identity->runtimes[i];
	if (identity->n_runtimes == EW_RUNTIMES_MAX) {
		identity->n.facts_refused++;
		return NULL;
	}
	struct runtime *runtime = &identity->runtimes[identity->n_runtimes++];

	ew_text_copy(runtime->name, sizeof(runtime->name), name);
	return runtime;
}

static void
tell_if_ready(struct ew_identity *identity, struct ew_mono now)
{
	if (identity->is_ready)
		return;
	for (unsigned i = 0; i < identity->n_runtimes; i++)
		if (identity->runtimes[i].is_expected &&
		    !identity->runtimes[i].is_complete)
			return;
	identity->is_ready = 1;
	ew_inst_tell(identity, EW_LIFE_INVENTORY_READY, NULL, NULL, now);
}

void
ew_identity_runtime_expected(struct ew_identity *identity, const char *name)
{
	struct runtime *runtime = runtime_slot(identity, name);

	if (runtime)
		runtime->is_expected = 1;
}

void
ew_identity_inventory_complete(struct ew_identity *identity, const char *name,
    struct ew_mono now)
{
	struct runtime *runtime = runtime_slot(identity, name);

	if (runtime) {
		runtime->is_complete = 1;
		runtime->gone.ns = 0;
	}
	tell_if_ready(identity, now);
}

void
ew_identity_runtime_gone(struct ew_identity *identity, const char *name,
    struct ew_mono now)
{
	struct runtime *runtime = runtime_slot(identity, name);

	if (runtime && runtime->is_expected && runtime->is_complete)
		runtime->gone = now;
	if (runtime)
		runtime->is_expected = 0;
	tell_if_ready(identity, now);
}

/* --- counters ------------------------------------------------------------------------------ */

#define COUNTER(field, unit, meaning)                                                  \
	{                                                                              \
		"identity_" #field, unit, meaning, offsetof(struct counters, field), 0 \
	}
#define GAUGE(field, unit, meaning)                                                    \
	{                                                                              \
		"identity_" #field, unit, meaning, offsetof(struct counters, field), 1 \
	}

static const struct ew_counter counters[] = {
	COUNTER(events, "events", "flow events taken in"),
	COUNTER(contacts, "events", "contacts handed to the graph"),
	GAUGE(flows, "flows", "flows with a remembered binding, and those that wait"),
	COUNTER(flows_unremembered, "flows",
	    "bindings forgotten early for want of room"),
	GAUGE(waiting, "events",
	    "events that wait for a name, an address or a translation"),
	COUNTER(waited, "flows", "flows that had to wait before they were bound"),
	COUNTER(wait_timeouts, "flows", "waits that ended by time, not by the fact"),
	COUNTER(wait_refused, "events", "events decided early because too many waited"),
	GAUGE(instances, "instances", "instances known, ended ones included"),
	COUNTER(instances_refused, "instances", "instances not taken: table full"),
	GAUGE(workloads, "workloads", "workloads and peers of other classes known"),
	COUNTER(workloads_refused, "workloads", "names not taken: table full"),
	COUNTER(workloads_evicted, "workloads", "unused names dropped to make room"),
	GAUGE(leases, "leases", "address leases, ended ones included"),
	COUNTER(leases_refused, "leases", "leases not taken: table full"),
	COUNTER(leases_evicted, "leases", "ended leases dropped before their 24 h"),
	GAUGE(networks, "networks", "networks known"),
	GAUGE(ports, "interfaces", "host interfaces known, removed ones included"),
	GAUGE(seats, "namespaces", "network namespaces known, ended ones included"),
	COUNTER(bound_veth, "ends", "flow ends attributed by the veth that sent"),
	COUNTER(bound_lease, "ends", "flow ends attributed by address lease"),
	COUNTER(bound_mac, "ends", "flow ends attributed by MAC address"),
	COUNTER(bound_nat, "ends", "flow ends attributed through a translation"),
	COUNTER(bound_ambiguous, "ends", "flow ends shared by several instances"),
	COUNTER(unresolved, "ends", "flow ends that are no instance, host or gateway"),
	COUNTER(bound_late, "flows", "flows bound after waiting"),
	COUNTER(contested, "flows",
	    "flows to an address that changed its owner that second"),
	COUNTER(folded_nat, "flows", "translated copies folded by conntrack"),
	COUNTER(folded_isn, "flows",
	    "translated copies folded by equal sequence numbers"),
	COUNTER(folded_proxy, "flows", "second legs of the userland proxy folded"),
	COUNTER(lookups, "lookups", "conntrack look-ups"),
	COUNTER(lookups_found, "lookups", "conntrack look-ups with an answer"),
	COUNTER(lookups_skipped, "lookups",
	    "conntrack look-ups left out: too many that second"),
	GAUGE(nat, "translations", "translations remembered"),
	COUNTER(nat_evicted, "translations", "translations dropped to make room"),
	GAUGE(resolved_addrs, "addresses", "addresses remembered from DNS answers"),
	COUNTER(resolved_evicted, "addresses", "of these, dropped to make room"),
	COUNTER(spoofed, "flows", "flows whose source or MAC was not the veth's own"),
	COUNTER(facts_refused, "facts",
	    "inventory facts without a key or without room"),
};

struct ew_counter_set
ew_identity_counters(const struct ew_identity *identity)
{
	return (struct ew_counter_set){ .module = "identity",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &identity->n };
}
