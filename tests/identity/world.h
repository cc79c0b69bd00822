/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "flow/event.h"
#include "identity/contact.h"
#include "identity/identity.h"

/*
 * A small world for tests: an identity, what left it, and short words for facts and flows.
 * Times are milliseconds after an epoch; `at` of the world is the time of facts.
 */
struct seen_contact {
	uint8_t kind;
	int64_t ms;
	uint64_t flow_id;
	char src[EW_WORKLOAD_NAME_MAX], dst[EW_WORKLOAD_NAME_MAX];
	struct ew_end src_end, dst_end; /* the workload pointers may be stale */
	uint8_t src_class, dst_class;
	uint8_t direction, resolved, spoof, has_nat, server_port_known;
	uint16_t nat_dst_port, edge_port;
	struct ew_addr nat_dst;
};
struct seen_life {
	uint8_t kind;
	char workload[EW_WORKLOAD_NAME_MAX], cid[EW_INSTANCE_ID_MAX];
};
struct seen_point {
	uint32_t ifindex, domain;
	uint8_t kind;
	bool removed;
};

#define SEEN_MAX 8192
struct world {
	struct ew_identity *identity;
	struct ew_identity_conf conf;
	int64_t at_ms;
	uint64_t next_flow;
	size_t n_contacts, n_lives, n_points, n_lookups, n_rereads, n_leases;
	struct seen_contact contacts[SEEN_MAX];
	struct seen_life lives[SEEN_MAX];
	struct seen_point points[SEEN_MAX];
	/* what conntrack knows, and what a re-read finds */
	struct ew_nat_info conntrack[8];
	size_t n_conntrack;
	struct ew_iface_addr reread;
	bool has_reread;
};

#define EPOCH_NS INT64_C(1700000000000000000)

struct world *world_new(enum ew_identity_mode mode);
/* The same with a configuration changed by the caller after world_conf. */
struct world *world_new_conf(const struct ew_identity_conf *conf);
void world_free(struct world *w);
struct ew_mono ms(int64_t ms);

struct ew_addr addr(const char *text);
void bridge(struct world *w, uint32_t ifindex, const char *name, const char *cidr);
/* Host end of a veth on a bridge, far end in namespace nsid as interface 2. */
void veth(struct world *w, uint32_t ifindex, uint32_t master, int32_t nsid);
void veth_gone(struct world *w, uint32_t ifindex);
void inside(struct world *w, int32_t nsid, uint32_t host_ifindex, const char *address);
void inside_gone(struct world *w, int32_t nsid, const char *address);
void ns_named(struct world *w, int32_t nsid, const char *name);
void ns_gone(struct world *w, int32_t nsid);
void network(struct world *w, const char *id, const char *name, const char *bridge_name,
    const char *subnet, const char *gateway);
/* An instance with one address (or NULL) on one network; docker, image "img". */
struct ew_instance_info container_info(const char *cid, const char *name,
    const char *net, const char *address);
void container(struct world *w, const char *cid, const char *name, const char *net,
    const char *address);
/* The MAC of an address in this world: 02:42 and its last four bytes. */
void mac_of(const char *address, uint8_t ret_mac[6]);

/* A TCP SYN at that time; on_veth 0: seen nowhere in particular. Not fed yet. */
struct ew_flow_event syn(struct world *w, int64_t at_ms, const char *src,
    const char *dst, uint16_t dport, uint32_t on_veth);
/* A later event of the same flow. */
struct ew_flow_event later(const struct ew_flow_event *first, enum ew_flow_kind kind,
    int64_t at_ms);
void feed(struct world *w, const struct ew_flow_event *ev);
void tick(struct world *w, int64_t at_ms);
const struct seen_contact *last(const struct world *w);
uint64_t counter(const struct world *w, const char *name);
/* The newest contact is "src -> dst"? Fails the test with both texts when not. */
void expect_last(const struct world *w, const char *src, const char *dst);
