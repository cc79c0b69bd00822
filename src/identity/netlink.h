/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ew_counter_set;
struct ew_error;
struct ew_iface;
struct ew_iface_addr;
struct ew_nat_info;
struct ew_nsid_info;
struct ew_tuple;

/*
 * What the kernel says of interfaces, addresses and namespaces, on the host and inside
 * containers, without entering any namespace. Live only.
 *
 * Depends on: base, libnl-3. Used by: daemon (the pipeline hands the records to identity).
 * Loop thread only. Nothing here blocks: the kernel answers netlink requests within the
 * sending call.
 *
 * Needs CAP_NET_ADMIN at each request for addresses inside namespaces and for conntrack;
 * CAP_NET_BROADCAST once, at open, for events from inside. Without them it works and says
 * what is missing (ew_netlink_health).
 */
struct ew_netlink;

struct ew_netlink_conf {
	int receive_buffer_bytes; /* of the event socket; 0: 8 MiB */
	const char *netns_dir;	  /* names of namespaces; NULL: /run/netns; "" none */
	bool scan_cgroups;	  /* last resort: container ids from /proc/PID/cgroup */
};

/* Records are borrowed for the call. All must be set. */
struct ew_netlink_sink {
	void *context;
	void (*iface)(void *context, const struct ew_iface *iface, bool removed);
	void (
	    *iface_addr)(void *context, const struct ew_iface_addr *addr, bool removed);
	void (*nsid)(void *context, const struct ew_nsid_info *info, bool removed);
};

/*
 * Open the sockets, subscribe, then dump: the sink is called from here with all that is
 * there. Returns 0 or a negative ew_err with a sentence in error.
 */
int ew_netlink_open(const struct ew_netlink_conf *conf,
    const struct ew_netlink_sink *sink, struct ew_netlink **ret_netlink,
    struct ew_error *error);
void ew_netlink_close(struct ew_netlink *netlink);

/* Readable when ew_netlink_dispatch has something to do. One descriptor for everything. */
int ew_netlink_fd(const struct ew_netlink *netlink);
/*
 * Take in all that is there. After lost messages it resynchronises by itself. Returns 0 or a
 * negative ew_err when the kernel refuses to be read; calling again later is right.
 */
int ew_netlink_dispatch(struct ew_netlink *netlink);
/* About every 100 ms: names and container ids that were not there yet are tried again. */
void ew_netlink_tick(struct ew_netlink *netlink);
/* Dump everything and tell the sink the difference. Costs a few ms for 1,000 links. */
int ew_netlink_resync(struct ew_netlink *netlink);

/* Read the addresses behind a host interface again (ew_identity_sink.read_addrs). */
void ew_netlink_read_addrs(struct ew_netlink *netlink, uint32_t host_ifindex);
/* The namespace id of a process; -ENOENT when it has none here or is gone. 5 us. */
int ew_netlink_nsid_of_pid(struct ew_netlink *netlink, int32_t pid, int32_t *ret_nsid);
/*
 * The conntrack entry that holds this tuple, as seen, in either direction. Returns 0,
 * -ENOENT, or -EPERM. 10 us.
 */
int ew_netlink_ct_lookup(struct ew_netlink *netlink, const struct ew_tuple *tuple,
    struct ew_nat_info *ret_nat);

/* What works, for `status` and `doctor`. */
struct ew_netlink_health {
	bool hears_inside;    /* events from inside namespaces (CAP_NET_BROADCAST) */
	bool reads_inside;    /* addresses inside namespaces (CAP_NET_ADMIN) */
	bool has_conntrack;   /* look-ups are answered */
	bool has_netns_names; /* the directory of names can be read */
	uint64_t links, namespaces;
};
void ew_netlink_health(const struct ew_netlink *netlink,
    struct ew_netlink_health *ret_health);
struct ew_counter_set ew_netlink_counters(const struct ew_netlink *netlink);
