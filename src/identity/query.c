/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions: who held an address, what is known of an instance, and everything in turn. The
 * answers are what the database, `status`, and `instances -o inventory` are made of.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/identity_priv.h"

size_t
ew_identity_who(const struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono at, struct ew_lease *ret_leases, size_t max)
{
	const struct lease *tomb = NULL;
	size_t n = 0;

	for (struct ew_link *l = ew_map_first(&identity->lease_by_addr,
		 ew_map_hash(&identity->lease_by_addr, addr->b, sizeof(addr->b)));
	     l; l = ew_map_next(l)) {
		const struct lease *lease = EW_ENTRY(l, struct lease, by_addr);

		if (!ew_addr_equal(&lease->addr, addr))
			continue;
		if (is_live_at(lease->from, lease->to, at)) {
			if (n < max)
				ret_leases[n] = ew_lease_public(lease, at);
			n++;
		} else if (lease->to.ns && lease->to.ns <= at.ns &&
		    at.ns - lease->to.ns <= identity->conf.tombstone_ns &&
		    (!tomb || lease->to.ns > tomb->to.ns)) {
			tomb = lease;
		}
	}
	if (tomb) {
		if (n < max)
			ret_leases[n] = ew_lease_public(tomb, at);
		n++;
	}
	return n;
}

const struct ew_instance *
ew_identity_instance_by_id(const struct ew_identity *identity, uint32_t id)
{
	const struct inst *inst = ew_inst_by_id(identity, id);

	return inst ? &inst->pub : NULL;
}

static const struct inst *
by_prefix(const struct ew_identity *identity, const char *cid)
{
	const size_t n = strlen(cid);
	const struct inst *inst, *found = NULL;

	if (n < 12)
		return NULL;
	TAILQ_FOREACH (inst, &identity->insts, order)
		if (strncmp(inst->pub.cid, cid, n) == 0) {
			if (found)
				return NULL;
			found = inst;
		}
	if (found)
		return found;
	TAILQ_FOREACH (inst, &identity->insts_ended, order)
		if (strncmp(inst->pub.cid, cid, n) == 0)
			found = inst;
	return found;
}

const struct ew_instance *
ew_identity_instance_by_cid(const struct ew_identity *identity, const char *cid)
{
	const struct inst *inst = ew_inst_by_cid(identity, cid);

	if (!inst)
		inst = by_prefix(identity, cid);
	return inst ? &inst->pub : NULL;
}

const struct ew_instance *
ew_identity_instance_by_name(const struct ew_identity *identity, const char *name)
{
	const struct inst *inst, *found = NULL;

	TAILQ_FOREACH (inst, &identity->insts, order)
		if (strcmp(inst->pub.name, name) == 0)
			return &inst->pub;
	TAILQ_FOREACH (inst, &identity->insts_ended, order)
		if (strcmp(inst->pub.name, name) == 0)
			found = inst;
	return found ? &found->pub : NULL;
}

const struct ew_network *
ew_identity_network_by_id(const struct ew_identity *identity, uint32_t id)
{
	const struct net *net;

	TAILQ_FOREACH (net, &identity->nets, order)
		if (net->pub.id == id)
			return &net->pub;
	return NULL;
}

struct ew_workload *
ew_identity_workload_by_name(const struct ew_identity *identity, const char *name)
{
	struct wl *wl = ew_wl_by_name(identity, name);

	return wl ? &wl->pub : NULL;
}

struct ew_workload *
ew_identity_workload_intern(struct ew_identity *identity, const char *name,
    enum ew_peer_class cls, struct ew_mono now)
{
	struct wl *wl = ew_wl_intern(identity, name, cls, now);

	return wl ? &wl->pub : NULL;
}

/* --- each ---------------------------------------------------------------------------------- */

void
ew_identity_each_instance(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_instance *instance), void *context)
{
	const struct inst *inst;

	TAILQ_FOREACH (inst, &identity->insts_ended, order)
		if (!each(context, &inst->pub))
			return;
	TAILQ_FOREACH (inst, &identity->insts, order)
		if (!each(context, &inst->pub))
			return;
}

static int
by_id(const void *a, const void *b)
{
	const struct wl *const *x = a, *const *y = b;

	return (*x)->pub.id < (*y)->pub.id ? -1 : (*x)->pub.id > (*y)->pub.id;
}

void
ew_identity_each_workload(const struct ew_identity *identity,
    bool (*each)(void *context, struct ew_workload *workload), void *context)
{
	const size_t n = identity->wl_by_name.count;
	struct wl **sorted = ew_alloc_array(n, sizeof(struct wl *));
	struct wl *wl;
	size_t i = 0;

	/* The list itself is in order of use. */
	TAILQ_FOREACH (wl, &identity->wls, order)
		sorted[i++] = wl;
	qsort(sorted, n, sizeof(struct wl *), by_id);
	for (i = 0; i < n; i++)
		if (!each(context, &sorted[i]->pub))
			break;
	free(sorted);
}

void
ew_identity_each_network(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_network *network), void *context)
{
	const struct net *net;

	TAILQ_FOREACH (net, &identity->nets, order)
		if (!each(context, &net->pub))
			return;
}

void
ew_identity_each_iface(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_iface *iface), void *context)
{
	const struct port *port;

	TAILQ_FOREACH (port, &identity->ports, order)
		if (!each(context, &port->pub))
			return;
}

void
ew_identity_each_lease(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_lease *lease), void *context)
{
	const struct lease *lease;

	TAILQ_FOREACH (lease, &identity->leases_ended, order) {
		const struct ew_lease pub = ew_lease_public(lease, identity->now);

		if (!ew_addr_is_unspecified(&pub.addr) && !each(context, &pub))
			return;
	}
	TAILQ_FOREACH (lease, &identity->leases, order) {
		const struct ew_lease pub = ew_lease_public(lease, identity->now);

		if (!ew_addr_is_unspecified(&pub.addr) && !each(context, &pub))
			return;
	}
}

void
ew_identity_each_service(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_service_info *service), void *context)
{
	const struct service *service;

	TAILQ_FOREACH (service, &identity->service_list, order)
		if (!each(context, &service->info))
			return;
}

void
ew_identity_each_host_addr(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_addr *addr, bool is_resolver),
    void *context)
{
	const struct host_addr *host;

	TAILQ_FOREACH (host, &identity->host_addr_list, order)
		if (!each(context, &host->addr, host->is_resolver))
			return;
}

/* --- the inventory record ------------------------------------------------------------------ */

static struct ew_instance_iface *
iface_for(struct ew_instance_info *info, const struct lease *lease)
{
	const char *network = lease->net ? lease->net->pub.info.id : "";

	for (unsigned i = 0; i < info->n_ifaces; i++) {
		struct ew_instance_iface *iface = &info->ifaces[i];

		if (iface->ifindex == lease->host_ifindex &&
		    iface->from.ns == lease->from.ns && iface->to.ns == lease->to.ns &&
		    strcmp(iface->network, network) == 0)
			return iface;
	}
	if (info->n_ifaces == EW_INSTANCE_IFACES_MAX)
		return NULL;
	struct ew_instance_iface *iface = &info->ifaces[info->n_ifaces++];

	ew_text_copy(iface->network, sizeof(iface->network), network);
	iface->ifindex = lease->host_ifindex;
	iface->from = lease->from;
	iface->to = lease->to;
	return iface;
}

/* Interfaces as the leases tell them: times, veth and MAC included. */
static void
describe_ifaces(const struct inst *inst, struct ew_instance_info *info)
{
	const struct lease *lease;

	TAILQ_FOREACH (lease, &inst->seat->leases, of_seat) {
		struct ew_instance_iface *iface = iface_for(info, lease);

		if (!iface)
			continue;
		if (lease->has_mac) {
			iface->has_mac = 1;
			memcpy(iface->mac, lease->mac, 6);
		}
		if (!ew_addr_is_unspecified(&lease->addr) &&
		    iface->n_addrs < EW_IFACE_ADDRS_MAX)
			iface->addrs[iface->n_addrs++] = lease->addr;
	}
}

static void
describe_labels(const struct inst *inst, struct ew_instance_info *info)
{
	const char *at = inst->labels;

	for (unsigned i = 0; i < inst->n_labels; i++) {
		ew_text_copy(info->labels[i].key, EW_LABEL_KEY_MAX, at);
		at += strlen(at) + 1;
		ew_text_copy(info->labels[i].value, EW_LABEL_VALUE_MAX, at);
		at += strlen(at) + 1;
	}
	info->n_labels = inst->n_labels;
}

bool
ew_identity_instance_describe(const struct ew_identity *identity, uint32_t id,
    struct ew_instance_info *ret_info)
{
	const struct inst *inst = ew_inst_by_id(identity, id);

	if (!inst)
		return false;
	struct ew_instance_info *info = ret_info;

	*info = (struct ew_instance_info){ .spec_hash = inst->pub.spec_hash,
		.pid = inst->pid,
		.posture = inst->pub.posture,
		.stopped = inst->pub.stopped,
		.host_network = inst->host_network };
	if (inst->start_known)
		info->started = inst->pub.started;
	ew_text_copy(info->cid, sizeof(info->cid), inst->pub.cid);
	ew_text_copy(info->name, sizeof(info->name), inst->pub.name);
	ew_text_copy(info->hostname, sizeof(info->hostname), inst->pub.hostname);
	ew_text_copy(info->image, sizeof(info->image), inst->pub.image);
	ew_text_copy(info->runtime, sizeof(info->runtime), inst->pub.runtime);
	ew_text_copy(info->netns_of, sizeof(info->netns_of), inst->netns_of);
	if (inst->wl)
		ew_text_copy(info->workload, sizeof(info->workload),
		    inst->wl->pub.name);
	describe_labels(inst, info);
	if (inst->seat && !inst->netns_of[0])
		describe_ifaces(inst, info);
	for (unsigned i = 0; i < inst->n_published; i++)
		info->published[i] = *ew_publish_told(inst, i);
	info->n_published = inst->n_published;
	return true;
}
