/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a runtime's instances and networks, and what core was told of it. Each is
 * kept as the bytes of the message that told core (about 1 KiB against 35 KiB of record): a
 * change is decode, merge, encode, compare, send.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/time.h"
#include "io/loop.h"
#include "proc/docker_priv.h"

#define INSTANCES_MAX 20000
/* Core does not keep up: give it time before everything is told again. */
#define RESEND_DELAY_NS (2 * EW_NS_PER_S)

void
docker_tell(struct ew_docker *d, enum ew_proc_type type, const void *record)
{
	if (d->send(d->context, type, record) == EW_ERR_LIMIT) {
		/* The next list tells everything again. */
		d->needs_resend = true;
		if (d->status.is_connected && !d->session)
			ew_timer_start(d->list_timer, RESEND_DELAY_NS);
	}
}

void
docker_tell_status(struct ew_docker *d)
{
	d->status.instances = 0;
	for (const struct docker_instance *i = d->instances; i; i = i->hh.next)
		d->status.instances += !i->is_gone;
	/* Both live in zeroed memory. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (memcmp(&d->status, &d->told, sizeof(d->status)) == 0)
		return;
	d->told = d->status;
	docker_tell(d, EW_PROC_RUNTIME, &d->status);
}

static int
compare_ifaces(const void *a, const void *b)
{
	return strcmp(((const struct ew_instance_iface *)a)->network,
	    ((const struct ew_instance_iface *)b)->network);
}

/* Podman's containers name their networks; core knows them by id. */
static void
name_to_id(const struct ew_docker *d, struct ew_instance_iface *iface)
{
	struct docker_network *n;

	HASH_FIND_STR(d->networks, iface->network, n);
	if (n)
		return;
	for (n = d->networks; n; n = n->hh.next)
		if (strcmp(n->name, iface->network) == 0)
			(void)ew_text_copy(iface->network, sizeof(iface->network),
			    n->id);
}

/* Remember and send, unless core has just that. */
void
docker_tell_instance(struct ew_docker *d, struct docker_instance *i,
    struct ew_instance_info *info)
{
	size_t size;

	for (unsigned k = 0; k < info->n_ifaces; k++)
		name_to_id(d, &info->ifaces[k]);
	qsort(info->ifaces, info->n_ifaces, sizeof(info->ifaces[0]), compare_ifaces);
	if (ew_proc_encode(EW_PROC_INSTANCE, info, d->bytes, sizeof(d->bytes), &size) <
	    0)
		return;
	if (i->is_told && size == i->size && memcmp(i->bytes, d->bytes, size) == 0)
		return;
	free(i->bytes);
	i->bytes = ew_alloc(size);
	memcpy(i->bytes, d->bytes, size);
	i->size = size;
	i->is_gone = false;
	i->is_told = true;
	docker_tell(d, EW_PROC_INSTANCE, info);
}

/* What core was told about it last, in d->merged. */
struct ew_instance_info *
docker_recall(struct ew_docker *d, const struct docker_instance *i)
{
	static const union ew_proc_record none;
	union ew_proc_record *record = ew_alloc(sizeof(*record));
	enum ew_proc_type type;

	if (i->bytes && ew_proc_decode(i->bytes, i->size, &type, record) == 0)
		d->merged = record->instance;
	else
		d->merged = none.instance;
	free(record);
	return &d->merged;
}

struct docker_instance *
docker_find_instance(const struct ew_docker *d, const char *cid)
{
	struct docker_instance *i;

	HASH_FIND_STR(d->instances, cid, i);
	return i;
}

struct docker_instance *
docker_make_instance(struct ew_docker *d, const char *cid)
{
	struct docker_instance *i = docker_find_instance(d, cid);

	if (i || HASH_COUNT(d->instances) >= INSTANCES_MAX)
		return i;
	i = ew_alloc(sizeof(*i));
	(void)ew_text_copy(i->cid, sizeof(i->cid), cid);
	HASH_ADD_STR(d->instances, cid, i);
	return i;
}

void
docker_tell_gone(struct ew_docker *d, struct docker_instance *i, int64_t time_ns)
{
	struct ew_gone gone = { .at.ns =
				    time_ns ? time_ns : ew_mono_from_wall_clock().ns };

	i->is_started = false;
	i->inspect_tries = 0;
	if (i->is_gone)
		return;
	i->is_gone = true;
	i->is_told = false;
	(void)ew_text_copy(gone.runtime, sizeof(gone.runtime), d->status.name);
	(void)ew_text_copy(gone.id, sizeof(gone.id), i->cid);
	docker_tell(d, EW_PROC_INSTANCE_GONE, &gone);
}

/* Remember without telling: it does not run. */
static void
store(struct ew_docker *d, struct docker_instance *i,
    const struct ew_instance_info *info)
{
	size_t size;

	if (ew_proc_encode(EW_PROC_INSTANCE, info, d->bytes, sizeof(d->bytes), &size) <
	    0)
		return;
	free(i->bytes);
	i->bytes = ew_alloc(size);
	i->size = size;
	memcpy(i->bytes, d->bytes, size);
}

void
docker_strip(struct ew_docker *d, struct docker_instance *i)
{
	struct ew_instance_info *info = docker_recall(d, i);

	/* A restart gets new addresses; labels and revision stay. */
	info->n_ifaces = 0;
	info->pid = 0;
	store(d, i, info);
}

void
docker_forget_instance(struct ew_docker *d, struct docker_instance *i)
{
	HASH_DEL(d->instances, i);
	free(i->bytes);
	free(i);
}

void
docker_set_iface(struct ew_instance_info *info, const struct ew_instance_iface *iface)
{
	for (unsigned k = 0; k < info->n_ifaces; k++) {
		if (strcmp(info->ifaces[k].network, iface->network) == 0) {
			info->ifaces[k] = *iface;
			return;
		}
	}
	if (info->n_ifaces < EW_INSTANCE_IFACES_MAX)
		info->ifaces[info->n_ifaces++] = *iface;
}

void
docker_remove_iface(struct ew_instance_info *info, const char *network)
{
	for (unsigned k = 0; k < info->n_ifaces; k++) {
		if (strcmp(info->ifaces[k].network, network) == 0) {
			info->ifaces[k] = info->ifaces[--info->n_ifaces];
			return;
		}
	}
}

/* What a list says, over what an inspect has said before. */
void
docker_on_listed(void *context, const struct ew_instance_info *listed)
{
	struct ew_docker *d = context;
	struct docker_instance *i = docker_make_instance(d, listed->cid);

	if (!i)
		return;
	const struct ew_instance_info *before = docker_recall(d, i);
	const uint16_t inspected = (uint16_t)(before->posture & ~EW_POSTURE_PUBLISHED);
	struct ew_instance_info *info = &d->scratch;
	*info = *listed;
	(void)ew_text_copy(info->hostname, sizeof(info->hostname), before->hostname);
	info->spec_hash = before->spec_hash;
	info->pid = before->pid;
	info->started = before->started;
	info->posture = (uint16_t)(info->posture | inspected);
	/* Podman's list may lack addresses that its inspect had. */
	if (info->n_ifaces == 0) {
		info->n_ifaces = before->n_ifaces;
		memcpy(info->ifaces, before->ifaces, sizeof(info->ifaces));
	}
	i->is_listed = true;
	i->is_started = true;
	if (info->spec_hash == 0 && i->inspect_tries == 0) {
		i->inspect_tries = 1;
		i->inspect_at_ns = ew_ticks_ns();
	}
	docker_tell_instance(d, i, info);
}

void
docker_on_network(void *context, const struct ew_network_info *info)
{
	struct ew_docker *d = context;
	struct docker_network *n;
	size_t size;

	HASH_FIND_STR(d->networks, info->id, n);
	if (!n) {
		n = ew_alloc(sizeof(*n));
		(void)ew_text_copy(n->id, sizeof(n->id), info->id);
		n->touched_ns = ew_ticks_ns();
		HASH_ADD_STR(d->networks, id, n);
	}
	n->is_listed = true;
	(void)ew_text_copy(n->name, sizeof(n->name), info->name);
	if (ew_proc_encode(EW_PROC_NETWORK, info, d->bytes, sizeof(d->bytes), &size) <
		0 ||
	    (n->is_told && size == n->size && memcmp(d->bytes, n->bytes, size) == 0))
		return;
	free(n->bytes);
	n->bytes = ew_alloc(size);
	memcpy(n->bytes, d->bytes, size);
	n->size = size;
	n->is_told = true;
	docker_tell(d, EW_PROC_NETWORK, info);
}

void
docker_on_endpoint(void *context, const struct ew_docker_endpoint *endpoint)
{
	struct ew_docker *d = context;
	struct docker_instance *i = docker_find_instance(d, endpoint->container);

	if (!i)
		return;
	struct ew_instance_info *info = docker_recall(d, i);
	docker_set_iface(info, &endpoint->iface);
	/* A restart connects its networks before the start event says that it runs again. */
	if (i->is_gone)
		store(d, i, info);
	else
		docker_tell_instance(d, i, info);
}

void
docker_forget_network(struct ew_docker *d, struct docker_network *n)
{
	HASH_DEL(d->networks, n);
	free(n->bytes);
	free(n);
}

void
docker_tell_network_gone(struct ew_docker *d, struct docker_network *n, int64_t time_ns)
{
	struct ew_gone gone = { .at.ns =
				    time_ns ? time_ns : ew_mono_from_wall_clock().ns };

	(void)ew_text_copy(gone.runtime, sizeof(gone.runtime), d->status.name);
	(void)ew_text_copy(gone.id, sizeof(gone.id), n->id);
	docker_tell(d, EW_PROC_NETWORK_GONE, &gone);
	docker_forget_network(d, n);
}

/* Core lost messages: pretend that it knows nothing. */
void
docker_forget_what_core_knows(struct ew_docker *d)
{
	d->needs_resend = d->is_ready = false;
	memset(&d->told, 0, sizeof(d->told));
	for (struct docker_instance *i = d->instances; i; i = i->hh.next)
		i->is_told = false;
	for (struct docker_network *n = d->networks; n; n = n->hh.next)
		n->is_told = false;
}

void
docker_forget_unlisted(struct ew_docker *d)
{
	struct docker_instance *i, *next_instance;
	struct docker_network *n, *next_network;

	for (i = d->instances; i; i = next_instance) {
		next_instance = i->hh.next;
		/* What an event told after the list was asked for is newer than the list. */
		if (i->is_listed || i->touched_ns >= d->listed_ns)
			continue;
		/* Stopped, or gone without an event. */
		docker_tell_gone(d, i, 0);
		docker_forget_instance(d, i);
	}
	for (n = d->networks; n; n = next_network) {
		next_network = n->hh.next;
		if (!n->is_listed && n->touched_ns < d->listed_ns)
			docker_tell_network_gone(d, n, 0);
	}
}
