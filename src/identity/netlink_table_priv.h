/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/queue.h>

#include "identity/identity.h"
#include "identity/map_priv.h"
#include "identity/netlink.h"
#include "identity/netlink_priv.h"

struct nl_sock;

/* What netlink has told so far: needed to join links with addresses, and to see what is gone. */

/* A link of ours (nsid -1) or inside a namespace. */
struct known_link {
	struct ew_link by_key;
	TAILQ_ENTRY(known_link) order;
	int32_t nsid;
	struct ew_nl_link link;
	uint32_t
	    host_ifindex; /* inside: our end, or the macvlan's parent; 0: leads elsewhere */
	uint32_t round; /* of the last dump that had it */
	bool is_macvlan_parent;
	bool was_there; /* before this round's dump */
};

struct known_addr {
	struct ew_link by_key;
	TAILQ_ENTRY(known_addr) order;
	int32_t nsid;
	struct ew_nl_addr addr;
	uint32_t round;
};

struct known_ns {
	struct ew_link by_nsid;
	TAILQ_ENTRY(known_ns) order;
	int32_t nsid;
	uint32_t serial; /* one per generation of the id */
	uint32_t round;
	bool needs_read;
	bool has_name;
	bool has_cid;
	uint8_t cid_tries; /* scans that may still look for a container id */
};

/* A file in the directory of names whose namespace has no id here yet. */
struct pending_name {
	TAILQ_ENTRY(pending_name) order;
	char name[64];
	int32_t nsid;	 /* as the kernel said; -1 none */
	uint32_t serial; /* of the known_ns of that id when it said so; 0 none */
};

struct nl_counters {
	uint64_t messages, malformed, overruns, resyncs;
	uint64_t requests, request_errors;
	uint64_t links, addresses, namespaces, names, refused;
	uint64_t cgroup_scans, cgroup_hits;
	uint64_t ct_requests, ct_found;
};

struct ew_netlink {
	struct ew_netlink_sink sink;
	struct nl_sock *events, *ask, *conntrack;
	int epoll_fd, inotify_fd;
	char netns_dir[128];
	bool has_names;
	bool scan_cgroups;
	bool hears_inside, reads_inside, has_conntrack;
	bool lost; /* a resync is due */
	int32_t self_nsid;
	uint32_t round;
	struct ew_map links, addrs, namespaces;
	TAILQ_HEAD(known_links, known_link) link_list;
	TAILQ_HEAD(known_addrs, known_addr) addr_list;
	TAILQ_HEAD(known_namespaces, known_ns) ns_list;
	TAILQ_HEAD(pending_names, pending_name) pending;
	uint32_t n_pending;
	uint32_t next_serial;
	struct nl_counters n;
	char *buffer; /* EW_NL_BUFFER bytes */
};

#define EW_NL_BUFFER (256 * 1024)
#define EW_NL_TABLE_MAX 262144 /* links, and as many addresses */

/* --- netlink_table.c --- */
struct known_link *ew_known_link(const struct ew_netlink *netlink, int32_t nsid,
    uint32_t ifindex);
struct known_ns *ew_known_ns(const struct ew_netlink *netlink, int32_t nsid);
/* The same, made when new. NULL: table full. */
struct known_ns *ew_known_ns_touch(struct ew_netlink *netlink, int32_t nsid);
/*
 * is_event: it was broadcast inside its namespace, whose numbers for namespaces are its own,
 * so link_nsid means nothing here.
 */
void ew_known_link_told(struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_link *link, bool is_event);
void ew_known_link_gone(struct ew_netlink *netlink, int32_t nsid, uint32_t ifindex);
void ew_known_addr_told(struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_addr *addr);
void ew_known_addr_gone(struct ew_netlink *netlink, int32_t nsid,
    const struct ew_nl_addr *addr);
void ew_known_ns_gone(struct ew_netlink *netlink, int32_t nsid);
/* Our veths that lead to nsid, told again: their seat has ended. */
void ew_known_retell(struct ew_netlink *netlink, int32_t nsid);
/* What the dump of this round did not have is gone. */
void ew_known_sweep(struct ew_netlink *netlink);
void ew_known_init(struct ew_netlink *netlink);
void ew_known_fini(struct ew_netlink *netlink);

/* --- netlink.c --- */
/*
 * Send (msg is freed) and give each answer to each, which may be NULL. Returns 0 or the
 * negative errno the kernel gave, in an error message or at the end of the dump.
 */
struct nlmsghdr;
int ew_netlink_ask(struct ew_netlink *netlink, struct nl_sock *sock,
    struct nl_msg *take_msg, void (*each)(void *context, struct nlmsghdr *msg),
    void *context);

/* Event messages as they come in one datagram, 4-byte aligned, from namespace nsid (-1 ours). */
void ew_netlink_take(struct ew_netlink *netlink, void *messages, size_t size,
    int32_t nsid);

/* --- netlink_names.c --- */
void ew_names_open(struct ew_netlink *netlink, const char *directory);
void ew_names_close(struct ew_netlink *netlink);
/* Drain inotify; ask for the ids of names that are not told yet. False: nothing to tell. */
bool ew_names_ask(struct ew_netlink *netlink);
/* Tell those whose id has not changed hands since; false: some must be asked for again. */
bool ew_names_tell(struct ew_netlink *netlink);
/* ns is about to be gone: the name asked for meanwhile was its own. */
void ew_names_last_chance(struct ew_netlink *netlink, struct known_ns *ns);
/* Which container runs in the namespaces nobody named? One walk over /proc. */
void ew_names_scan_cgroups(struct ew_netlink *netlink);
/* The container id in one line of /proc/PID/cgroup: 64 hex digits. */
bool ew_names_cgroup_id(const char *line, char ret_id[EW_INSTANCE_ID_MAX]);
