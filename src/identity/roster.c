/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roster of workloads, and of the peer classes that stand in their place.
 *
 * A workload is interned by name and lives while anybody holds it: identity keeps one
 * reference, bound flows, graph and store have theirs. The table is bounded. When it is
 * full, a name that only identity still holds and that no instance carries makes room,
 * least recently used first; when there is none, the caller gets NULL and falls back to a
 * class ("external/other"), which is counted: a scan of the whole Internet by one container
 * must not push out the workloads of the node.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/identity_priv.h"

struct ew_workload *
ew_workload_get(struct ew_workload *workload)
{
	workload->references++;
	return workload;
}

void
ew_workload_put(struct ew_workload *workload)
{
	if (workload && --workload->references == 0)
		free(workload);
}

const char *
ew_peer_class_name(enum ew_peer_class cls)
{
	switch (cls) {
	case EW_PEER_WORKLOAD:
		return "workload";
	case EW_PEER_NODE:
		return "node";
	case EW_PEER_GATEWAY:
		return "gateway";
	case EW_PEER_VIP:
		return "vip";
	case EW_PEER_DARK:
		return "dark";
	case EW_PEER_EXTERNAL:
		return "external";
	case EW_PEER_MULTICAST:
		return "multicast";
	case EW_PEER_GHOST:
		return "ghost";
	case EW_PEER_UNRESOLVED:
		return "unresolved";
	}
	return "unresolved";
}

const char *
ew_attribution_name(enum ew_attribution attribution)
{
	switch (attribution) {
	case EW_ATTR_UNRESOLVED:
		return "unresolved";
	case EW_ATTR_VETH:
		return "veth";
	case EW_ATTR_LEASE:
		return "lease";
	case EW_ATTR_MAC:
		return "mac";
	case EW_ATTR_CONNTRACK:
		return "conntrack";
	case EW_ATTR_AMBIGUOUS:
		return "ambiguous";
	}
	return "unresolved";
}

static struct wl *
find(const struct ew_identity *identity, const char *name, uint64_t hash)
{
	for (struct ew_link *l = ew_map_first(&identity->wl_by_name, hash); l;
	     l = ew_map_next(l)) {
		struct wl *wl = EW_ENTRY(l, struct wl, by_name);

		if (strcmp(wl->pub.name, name) == 0)
			return wl;
	}
	return NULL;
}

struct wl *
ew_wl_by_name(const struct ew_identity *identity, const char *name)
{
	return find(identity, name,
	    ew_map_hash(&identity->wl_by_name, name, strlen(name)));
}

static void
drop(struct ew_identity *identity, struct wl *wl)
{
	ew_map_remove(&identity->wl_by_name, &wl->by_name);
	TAILQ_REMOVE(&identity->wls, wl, order);
	identity->n.workloads--;
	ew_workload_put(&wl->pub);
}

/* The list is in order of last use, so the search seldom goes far; 64 steps bound it. */
static bool
make_room(struct ew_identity *identity)
{
	struct wl *wl = TAILQ_FIRST(&identity->wls);

	for (int i = 0; i < 64 && wl; i++) {
		struct wl *const next = TAILQ_NEXT(wl, order);

		if (wl->pub.references == 1 && TAILQ_EMPTY(&wl->insts)) {
			ew_peer_forget_wl(identity, wl);
			drop(identity, wl);
			identity->n.workloads_evicted++;
			return true;
		}
		ew_wl_used(identity, wl, wl->last_used);
		wl = next;
	}
	return false;
}

struct wl *
ew_wl_intern(struct ew_identity *identity, const char *name, enum ew_peer_class cls,
    struct ew_mono now)
{
	char cut[EW_WORKLOAD_NAME_MAX];

	ew_text_copy(cut, sizeof(cut), name);
	const uint64_t hash = ew_map_hash(&identity->wl_by_name, cut, strlen(cut));
	struct wl *wl = find(identity, cut, hash);

	if (wl) {
		ew_wl_used(identity, wl, now);
		return wl;
	}
	if (identity->n.workloads >= identity->conf.max_workloads &&
	    !make_room(identity)) {
		identity->n.workloads_refused++;
		return NULL;
	}
	wl = ew_alloc(sizeof(*wl));
	wl->pub.id = ++identity->next_workload;
	wl->pub.references = 1;
	wl->pub.cls = (uint8_t)cls;
	wl->pub.first_seen = now;
	wl->last_used = now;
	memcpy(wl->pub.name, cut, sizeof(cut));
	TAILQ_INIT(&wl->insts);
	ew_map_insert(&identity->wl_by_name, &wl->by_name, hash);
	TAILQ_INSERT_TAIL(&identity->wls, wl, order);
	identity->n.workloads++;
	/* The standing ones are made before anybody can listen. */
	if (cls == EW_PEER_WORKLOAD && identity->unresolved)
		ew_inst_tell(identity, EW_LIFE_WORKLOAD_NEW, NULL, wl, now);
	return wl;
}

void
ew_wl_used(struct ew_identity *identity, struct wl *wl, struct ew_mono now)
{
	wl->last_used = now;
	TAILQ_REMOVE(&identity->wls, wl, order);
	TAILQ_INSERT_TAIL(&identity->wls, wl, order);
}

void
ew_wl_refresh(struct wl *wl)
{
	const struct inst *inst;
	uint32_t live = 0;

	wl->pub.posture = 0;
	wl->pub.labels = 0;
	TAILQ_FOREACH (inst, &wl->insts, of_wl) {
		wl->pub.labels |= inst->pub.labels;
		if (inst->pub.stopped.ns)
			continue;
		wl->pub.posture |= inst->pub.posture;
		live++;
	}
	wl->pub.instances = (uint16_t)(live > UINT16_MAX ? UINT16_MAX : live);
}

void
ew_wl_free_all(struct ew_identity *identity)
{
	struct wl *wl;

	while ((wl = TAILQ_FIRST(&identity->wls)) != NULL)
		drop(identity, wl);
	ew_map_fini(&identity->wl_by_name);
}
