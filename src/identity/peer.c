/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are no instance: the node, gateways, dark addresses, the outside, strangers on
 * a bridge; and, without any inventory, the private addresses that stand for workloads.
 *
 * Their names are made once and remembered by address or prefix, because the outside is
 * looked up for every flow that leaves. A stranger is an address on a watched network that
 * was heard speaking: contact with it is not contact with the dark.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/identity_priv.h"

#define MAX_STRANGERS 8192

static uint64_t
peer_hash(const struct ew_identity *identity, const struct ew_prefix *prefix)
{
	uint8_t key[17];

	memcpy(key, prefix->addr.b, 16);
	key[16] = prefix->bits;
	return ew_map_hash(&identity->peers, key, sizeof(key));
}

static struct peer *
peer_find(const struct ew_identity *identity, const struct ew_prefix *prefix,
    uint64_t hash)
{
	for (struct ew_link *l = ew_map_first(&identity->peers, hash); l;
	     l = ew_map_next(l)) {
		struct peer *peer = EW_ENTRY(l, struct peer, by_addr);

		if (peer->prefix.bits == prefix->bits &&
		    ew_addr_equal(&peer->prefix.addr, &prefix->addr))
			return peer;
	}
	return NULL;
}

static void
peer_free(struct ew_identity *identity, struct peer *peer)
{
	ew_map_remove(&identity->peers, &peer->by_addr);
	peer->wl->peer = NULL;
	free(peer);
}

void
ew_peer_forget_wl(struct ew_identity *identity, struct wl *wl)
{
	if (wl->peer)
		peer_free(identity, wl->peer);
}

static struct peer *
peer_add(struct ew_identity *identity, const struct ew_prefix *prefix, uint64_t hash,
    struct wl *wl)
{
	struct peer *peer = ew_alloc(sizeof(*peer));

	peer->prefix = *prefix;
	peer->wl = wl;
	wl->peer = peer;
	ew_map_insert(&identity->peers, &peer->by_addr, hash);
	return peer;
}

struct wl *
ew_peer_external(struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono now)
{
	const struct ew_prefix prefix =
	    ew_prefix_of(addr, ew_addr_is_v4(addr) ? 96 + 16 : 32);
	const uint64_t hash = peer_hash(identity, &prefix);
	struct peer *peer = peer_find(identity, &prefix, hash);

	if (peer) {
		ew_wl_used(identity, peer->wl, now);
		return peer->wl;
	}
	char name[EW_WORKLOAD_NAME_MAX] = "external/";

	ew_prefix_format(&prefix, name + 9);
	struct wl *wl = ew_wl_intern(identity, name, EW_PEER_EXTERNAL, now);

	if (!wl)
		return identity->external_other;
	if (!wl->peer)
		peer_add(identity, &prefix, hash, wl);
	return wl;
}

/* BARE: a private address is a workload of one instance, both called ip/ADDR. */
struct inst *
ew_peer_bare(struct ew_identity *identity, const struct ew_addr *addr,
    struct wl **ret_wl, struct ew_mono now)
{
	const struct ew_prefix prefix = { *addr, 128 };
	const uint64_t hash = peer_hash(identity, &prefix);
	struct peer *peer = peer_find(identity, &prefix, hash);

	if (!peer) {
		char name[EW_WORKLOAD_NAME_MAX] = "ip/";

		ew_addr_format(addr, name + 3);
		struct wl *wl = ew_wl_intern(identity, name, EW_PEER_WORKLOAD, now);

		if (!wl) {
			*ret_wl = identity->bare_other;
			return NULL;
		}
		if (!wl->pub.group[0])
			ew_text_copy(wl->pub.group, sizeof(wl->pub.group), "ip");
		peer = peer_add(identity, &prefix, hash, wl);
		peer->inst = ew_inst_new(identity, name, now);
		if (peer->inst) {
			peer->inst->is_fallback = 1;
			ew_text_copy(peer->inst->pub.name, sizeof(peer->inst->pub.name),
			    name + 3);
			ew_text_copy(peer->inst->pub.runtime,
			    sizeof(peer->inst->pub.runtime), "none");
			ew_inst_set_workload(identity, peer->inst, wl, now);
			ew_wl_refresh(wl);
			ew_inst_tell(identity, EW_LIFE_INSTANCE_START, peer->inst, wl,
			    now);
		}
	}
	*ret_wl = peer->wl;
	return peer->inst;
}

static struct wl *
named(struct ew_identity *identity, struct wl **kept, const char *class_name,
    const struct net *net, enum ew_peer_class cls, struct ew_mono now)
{
	char name[EW_WORKLOAD_NAME_MAX];
	struct wl *wl = *kept;

	if (wl)
		return wl;
	snprintf(name, sizeof(name), "%s/%.120s", class_name, net->pub.info.name);
	wl = ew_wl_intern(identity, name, cls, now);

	if (!wl)
		return identity->unresolved;
	ew_workload_get(&wl->pub);
	*kept = wl;
	return wl;
}

struct wl *
ew_peer_gateway(struct ew_identity *identity, struct net *net, struct ew_mono now)
{
	return named(identity, &net->gateway, "gateway", net, EW_PEER_GATEWAY, now);
}

struct wl *
ew_peer_dark(struct ew_identity *identity, struct net *net, struct ew_mono now)
{
	return named(identity, &net->dark, "dark", net, EW_PEER_DARK, now);
}

struct wl *
ew_peer_ghost(struct ew_identity *identity, struct net *net, struct ew_mono now)
{
	return named(identity, &net->ghost, "ghost", net, EW_PEER_GHOST, now);
}

struct wl *
ew_peer_vip(struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono now)
{
	char name[EW_WORKLOAD_NAME_MAX] = "vip/";

	ew_addr_format(addr, name + 4);
	struct wl *wl = ew_wl_intern(identity, name, EW_PEER_VIP, now);

	return wl ? wl : identity->unresolved;
}

/* --- strangers ----------------------------------------------------------------------------- */

static struct stranger *
stranger_find(const struct ew_identity *identity, const struct ew_addr *addr,
    const struct net *net)
{
	for (struct ew_link *l = ew_map_first(&identity->strangers,
		 ew_map_hash(&identity->strangers, addr->b, 16));
	     l; l = ew_map_next(l)) {
		struct stranger *stranger = EW_ENTRY(l, struct stranger, by_addr);

		if (stranger->net_id == net->pub.id &&
		    ew_addr_equal(&stranger->addr, addr))
			return stranger;
	}
	return NULL;
}

bool
ew_stranger_is(const struct ew_identity *identity, const struct ew_addr *addr,
    const struct net *net, struct ew_mono t)
{
	const struct stranger *stranger = stranger_find(identity, addr, net);

	return stranger && t.ns - stranger->last.ns <= identity->conf.tombstone_ns;
}

static void
stranger_free(struct ew_identity *identity, struct stranger *stranger)
{
	ew_map_remove(&identity->strangers, &stranger->by_addr);
	TAILQ_REMOVE(&identity->stranger_list, stranger, order);
	free(stranger);
}

void
ew_stranger_heard(struct ew_identity *identity, const struct ew_addr *addr,
    const struct net *net, struct ew_mono t)
{
	struct stranger *stranger = stranger_find(identity, addr, net);

	if (!stranger) {
		if (identity->strangers.count >= MAX_STRANGERS)
			stranger_free(identity, TAILQ_FIRST(&identity->stranger_list));
		stranger = ew_alloc(sizeof(*stranger));
		stranger->addr = *addr;
		stranger->net_id = net->pub.id;
		ew_map_insert(&identity->strangers, &stranger->by_addr,
		    ew_map_hash(&identity->strangers, addr->b, 16));
		TAILQ_INSERT_TAIL(&identity->stranger_list, stranger, order);
	}
	stranger->last = t;
}

void
ew_peer_free_all(struct ew_identity *identity)
{
	struct wl *wl;

	TAILQ_FOREACH (wl, &identity->wls, order)
		ew_peer_forget_wl(identity, wl);
	while (!TAILQ_EMPTY(&identity->stranger_list))
		stranger_free(identity, TAILQ_FIRST(&identity->stranger_list));
	ew_map_fini(&identity->peers);
	ew_map_fini(&identity->strangers);
}
