/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "identity/workload.h"

/*
 * What identity is told about the world: by netlink (core), by a runtime (the outside
 * process, as messages), or by an inventory file (replay). Plain records with bounds;
 * what does not fit is cut and counted by the reader. Times are packet time.
 */

enum ew_iface_kind {
	EW_IFACE_OTHER,
	EW_IFACE_VETH, /* host end of a veth */
	EW_IFACE_BRIDGE,
	EW_IFACE_UPLINK,
	EW_IFACE_MACVLAN, /* parent of macvlan children */
	EW_IFACE_TUNNEL,
	EW_IFACE_LO,
};

/* A host interface. */
struct ew_iface {
	uint32_t ifindex;
	uint32_t master; /* bridge ifindex; 0 none */
	int32_t
	    peer_nsid; /* namespace id of the veth's other end; -1 unknown or our own */
	uint32_t peer_ifindex;
	uint8_t kind; /* enum ew_iface_kind */
	uint8_t is_up;
	uint8_t mac[6];
	char name[16];
};

/* An address and MAC of an interface inside a container namespace, or of the host (nsid -1). */
struct ew_iface_addr {
	int32_t nsid;
	uint32_t ifindex;      /* inside that namespace */
	uint32_t host_ifindex; /* our end of it; 0 unknown */
	uint8_t mac[6];
	uint8_t prefix_bits; /* 0..128, IPv4 from 96 */
	struct ew_addr addr;
};

#define EW_NETWORK_SUBNETS_MAX 8
#define EW_NETWORK_ID_MAX 72
struct ew_network_info {
	char id[EW_NETWORK_ID_MAX];
	char name[EW_NETWORK_NAME_MAX];
	char bridge[16]; /* host interface; empty when none */
	uint8_t n_subnets, n_gateways;
	uint8_t is_internal;  /* runtime says: no way out */
	uint8_t icc_disabled; /* inter-container traffic is blocked */
	struct ew_prefix subnets[EW_NETWORK_SUBNETS_MAX];
	struct ew_addr gateways[EW_NETWORK_SUBNETS_MAX];
};

#define EW_LABELS_MAX 64
#define EW_LABEL_KEY_MAX 128
#define EW_LABEL_VALUE_MAX 256
struct ew_label {
	char key[EW_LABEL_KEY_MAX];
	char value[EW_LABEL_VALUE_MAX];
};

#define EW_INSTANCE_IFACES_MAX 16
#define EW_IFACE_ADDRS_MAX 8
struct ew_instance_iface {
	char network
	    [EW_NETWORK_ID_MAX]; /* network id (or name, resolved by the reader) */
	uint32_t ifindex;	 /* host end; 0 unknown: netlink will tell */
	uint8_t mac[6];
	uint8_t has_mac;
	uint8_t n_addrs;
	struct ew_addr addrs[EW_IFACE_ADDRS_MAX];
	struct ew_mono from, to; /* 0: unknown, open */
};

#define EW_PUBLISHED_MAX 32
struct ew_published {
	struct ew_addr host_addr; /* unspecified: all */
	uint16_t host_port, port;
	uint8_t proto;
};

/* One container or sandbox as its runtime describes it. */
struct ew_instance_info {
	char cid[EW_INSTANCE_ID_MAX];
	char name[128];
	char hostname[64];
	char image[EW_IMAGE_MAX];
	char runtime[16];
	char workload[EW_WORKLOAD_NAME_MAX]; /* empty: derive by the identity rule */
	char netns_of
	    [EW_INSTANCE_ID_MAX]; /* shares the namespace of that instance; empty none */
	uint64_t spec_hash;
	int32_t pid;			 /* 0 unknown */
	uint16_t posture;		 /* enum ew_posture_bit */
	struct ew_mono started, stopped; /* 0: unknown, runs */
	uint8_t n_labels, n_ifaces, n_published, host_network;
	struct ew_label labels[EW_LABELS_MAX];
	struct ew_instance_iface ifaces[EW_INSTANCE_IFACES_MAX];
	struct ew_published published[EW_PUBLISHED_MAX];
};

/* A service address: what a VIP stands for. */
#define EW_SERVICE_BACKENDS_MAX 16
struct ew_service_info {
	struct ew_addr addr;
	uint16_t port;
	uint8_t proto, n_backends;
	struct {
		char cid[EW_INSTANCE_ID_MAX];
		uint16_t port;
	} backends[EW_SERVICE_BACKENDS_MAX];
};

/* A translation as conntrack keeps it. */
struct ew_nat_info {
	struct ew_mono from, to; /* to 0: open */
	uint8_t proto;
	struct ew_addr orig_src, orig_dst, reply_src, reply_dst;
	uint16_t orig_sport, orig_dport, reply_sport, reply_dport;
};
