/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "identity/inventory.h"
#include "identity/workload.h"

struct ew_contact;
struct ew_counter_set;
struct ew_flow_event;
struct ew_lifecycle;
struct ew_tuple;

/*
 * identity: which workload stands behind an address, at a moment of packet time. Flow
 * events go in, contacts (the same events with their two ends named) come out. What it knows
 * of the world it is told: by netlink (identity/netlink.h), by a runtime, or by a file.
 *
 * Depends on: base, flow/event.h. Used by: graph, detect, store (records), daemon.
 *
 * Pure: no I/O, no clock, no log. Loop thread only. `now` never runs backwards. A flow is
 * bound once, when it opens, and keeps its ends until it closes. When a name may still
 * come, the flow's events wait, in order; deadlines run in pipeline time and are served
 * before the event that is later than them, so results do not depend on how often
 * ew_identity_tick is called.
 */
struct ew_identity;

enum ew_identity_mode {
	EW_IDENTITY_BARE, /* a capture and nothing else: private addresses are workloads */
	EW_IDENTITY_INVENTORY, /* a capture with an inventory: all that is known is known at once */
	EW_IDENTITY_LIVE, /* netlink and perhaps runtimes: facts may come late */
};

struct ew_identity_conf {
	char node[64];
	uint8_t mode;	       /* enum ew_identity_mode */
	uint64_t seed;	       /* of the hash tables */
	int64_t tombstone_ns;  /* a released address still means its last owner; 24 h */
	int64_t name_wait_ns;  /* for the runtime to name a namespace; 10 s */
	int64_t dark_grace_ns; /* for a new lease of an address nobody owns; 200 ms */
	int64_t nat_wait_ns;   /* for the other half of a translation; 200 ms */
	int64_t isn_window_ns; /* equal ISNs this close are one connection; 50 ms */
	int64_t startup_min_ns, startup_max_ns, change_window_ns; /* detectors.md 1.3 */
	uint32_t
	    max_flows; /* remembered bindings; default 262144 (96 B each, touched as used) */
	uint32_t max_waiting; /* events that wait for a name; default 32768 */
	uint32_t
	    max_instances; /* with ended ones of the last tombstone_ns; default 65536 */
	uint32_t max_workloads;	    /* of every class; default 16384 */
	uint32_t max_leases;	    /* live and ended; default 262144 */
	uint32_t max_nat;	    /* translations and open halves; default 65536 */
	uint32_t max_resolved;	    /* addresses from DNS answers; default 65536 */
	uint32_t max_lookups_per_s; /* of conntrack; default 5000 */
};
void ew_identity_conf_default(struct ew_identity_conf *ret_conf);

/* A network as identity knows it. Borrowed for the call. */
struct ew_network {
	uint32_t id;		 /* ew_end.network; never reused */
	uint32_t bridge_ifindex; /* 0 unknown or none */
	uint8_t is_host_routed; /* the host has an address on it: flows have domain 0 */
	uint8_t from_runtime; /* a runtime or file described it; else seen by netlink */
	struct ew_mono from, to; /* to 0: exists */
	struct ew_network_info info;
};

/* Who held an address, and when: [from, to) in packet time. Borrowed for the call. */
struct ew_lease {
	struct ew_addr addr;
	uint8_t mac[6];
	uint8_t has_mac;
	uint8_t is_tombstone;  /* answer of ew_identity_who: ended before `at` */
	uint32_t host_ifindex; /* the veth; 0 unknown */
	uint32_t instance;     /* ew_instance.id of the first member; 0 not named yet */
	uint32_t network;      /* ew_network.id; 0 none */
	uint32_t
	    n_members; /* instances that share it; above 1 the address is ambiguous */
	struct ew_mono from, to;      /* to 0: open */
	struct ew_workload *workload; /* of the first member; NULL not named yet */
};

/*
 * What leaves identity. Called from within feed, tick, finish and the inputs; a callback
 * must not call back into inputs or feed, except read_addrs, which is there for that.
 * All but contact may be NULL.
 */
struct ew_identity_sink {
	void *context;
	void (*contact)(void *context, const struct ew_contact *contact);
	void (*lifecycle)(void *context, const struct ew_lifecycle *life);
	/*
	 * An observation point (design.md 4) came, changed or went. kind: enum ew_iface_kind,
	 * OTHER when it is none any more; uplinks and lo are told too, whether they count is
	 * the flow stage's configuration. domain: what ew_tuple.domain must be for packets seen
	 * there: 0, or the ifindex of a bridge on which the host has no address.
	 */
	void (*point)(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain,
	    bool removed);
	/* A lease opened, changed its owner or closed. */
	void (*lease)(void *context, const struct ew_lease *lease);
	/*
	 * Ask conntrack for the entry that holds this tuple, as seen, in either direction.
	 * Returns 0, or -ENOENT. Live only; about 10 us.
	 */
	int (*lookup_nat)(void *context, const struct ew_tuple *tuple,
	    struct ew_nat_info *ret_nat);
	/*
	 * Read the addresses behind this host interface again and feed them to
	 * ew_identity_iface_addr before returning. Asked before a source is called spoofed, at
	 * most once a second per interface.
	 */
	void (*read_addrs)(void *context, uint32_t host_ifindex);
};

/* Never NULL: aborts when memory for the tables cannot be had. */
struct ew_identity *ew_identity_new(const struct ew_identity_conf *conf,
    const struct ew_identity_sink *sink);
void ew_identity_free(struct ew_identity *identity);
/* Reload: times change, sizes and mode stay. */
void ew_identity_reconfigure(struct ew_identity *identity,
    const struct ew_identity_conf *conf);
struct ew_counter_set ew_identity_counters(const struct ew_identity *identity);

/* --- what identity is told --------------------------------------------------------------- */

/* A host interface appeared or changed; removed: it is gone, and its leases end. */
void ew_identity_iface(struct ew_identity *identity, const struct ew_iface *iface,
    bool removed, struct ew_mono now);
/* An address inside a container namespace (nsid >= 0), or of the host (nsid -1). */
void ew_identity_iface_addr(struct ew_identity *identity,
    const struct ew_iface_addr *addr, bool removed, struct ew_mono now);

/* What is known of a network namespace besides its interfaces; empty fields are unknown. */
struct ew_nsid_info {
	int32_t nsid;
	char name[64];		      /* file below /run/netns */
	char cid[EW_INSTANCE_ID_MAX]; /* a container that lives in it */
};
void ew_identity_nsid(struct ew_identity *identity, const struct ew_nsid_info *info,
    bool removed, struct ew_mono now);

void ew_identity_network(struct ew_identity *identity,
    const struct ew_network_info *info, bool removed, struct ew_mono now);
/*
 * Insert or update by cid. stopped set: the instance has ended then. An update without
 * interfaces leaves those already known.
 */
void ew_identity_instance(struct ew_identity *identity,
    const struct ew_instance_info *info, struct ew_mono now);
/* The runtime does not know it any more (a list without it, or a destroy event). */
void ew_identity_instance_gone(struct ew_identity *identity, const char *cid,
    struct ew_mono now);
void ew_identity_service(struct ew_identity *identity,
    const struct ew_service_info *service, bool removed, struct ew_mono now);
void ew_identity_nat(struct ew_identity *identity, const struct ew_nat_info *nat,
    struct ew_mono now);
void ew_identity_resolver(struct ew_identity *identity, const struct ew_addr *addr);
void ew_identity_host_addr(struct ew_identity *identity, const struct ew_addr *addr,
    bool removed);

/* A runtime is configured and may name instances: from now on namespaces wait for it. */
void ew_identity_runtime_expected(struct ew_identity *identity, const char *runtime);
/* Its first (or next) complete list is in. In INVENTORY mode: the file is, as "file". */
void ew_identity_inventory_complete(struct ew_identity *identity, const char *runtime,
    struct ew_mono now);
/*
 * It cannot be reached: what it said stays, and nothing waits for it, except for a moment
 * after it had been there. Say so too when no runtime is configured at all (any name): until
 * the first word about runtimes, namespaces wait 2 s for one.
 */
void ew_identity_runtime_gone(struct ew_identity *identity, const char *runtime,
    struct ew_mono now);

/* --- the pipeline ------------------------------------------------------------------------ */

/*
 * now: the pipeline's watermark, at least ev->ts_ns unless the event came late.
 *
 * Live, take events out of the ring first, then dispatch netlink, then feed them: all that
 * the kernel said before a packet is then known before the packet, and an address that
 * changed its owner a moment ago is attributed to the new one.
 */
void ew_identity_feed(struct ew_identity *identity, const struct ew_flow_event *ev,
    struct ew_mono now);
/* Serve deadlines up to now; age out tombstones. Cheap when nothing is due. */
void ew_identity_tick(struct ew_identity *identity, struct ew_mono now);
/* End of input: everything that waits is decided and goes out. */
void ew_identity_finish(struct ew_identity *identity, struct ew_mono now);

/* --- questions --------------------------------------------------------------------------- */

/*
 * Who held addr at that time: live leases first, then the last tombstone. Fills at most max
 * and returns the number that exist.
 */
size_t ew_identity_who(const struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono at, struct ew_lease *ret_leases, size_t max);
bool ew_identity_is_resolver(const struct ew_identity *identity,
    const struct ew_addr *addr);

/* Borrowed until the next input; NULL unknown. */
const struct ew_instance *ew_identity_instance_by_id(const struct ew_identity *identity,
    uint32_t id);
/* By full or unique leading part of the id (12 digits or more), live ones first. */
const struct ew_instance *ew_identity_instance_by_cid(const struct ew_identity
							  *identity,
    const char *cid);
const struct ew_instance *ew_identity_instance_by_name(const struct ew_identity
							   *identity,
    const char *name);
const struct ew_network *ew_identity_network_by_id(const struct ew_identity *identity,
    uint32_t id);
/* Not counted for the caller; NULL unknown. */
struct ew_workload *ew_identity_workload_by_name(const struct ew_identity *identity,
    const char *name);
/* The workload of that name, made when new; not counted for the caller. NULL: table full. */
struct ew_workload *ew_identity_workload_intern(struct ew_identity *identity,
    const char *name, enum ew_peer_class cls, struct ew_mono now);

/* Each in a stable order; stop by returning false. */
void ew_identity_each_instance(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_instance *instance), void *context);
void ew_identity_each_workload(const struct ew_identity *identity,
    bool (*each)(void *context, struct ew_workload *workload), void *context);
void ew_identity_each_network(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_network *network), void *context);
void ew_identity_each_iface(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_iface *iface), void *context);
void ew_identity_each_lease(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_lease *lease), void *context);
void ew_identity_each_service(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_service_info *service), void *context);
void ew_identity_each_host_addr(const struct ew_identity *identity,
    bool (*each)(void *context, const struct ew_addr *addr, bool is_resolver),
    void *context);

/*
 * Everything known of an instance, in the form it can be told again: what
 * `eastwatch instances -o inventory` writes. False when there is no such instance.
 */
bool ew_identity_instance_describe(const struct ew_identity *identity, uint32_t id,
    struct ew_instance_info *ret_info);
