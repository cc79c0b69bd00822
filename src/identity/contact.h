/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "flow/event.h"
#include "identity/workload.h"

/* How an end was attributed; stated with every record, never guessed. */
enum ew_attribution {
	EW_ATTR_UNRESOLVED,
	EW_ATTR_VETH,  /* the packet left that veth: proof */
	EW_ATTR_LEASE, /* the address was leased to it at that time */
	EW_ATTR_MAC,
	EW_ATTR_CONNTRACK, /* through an address translation */
	EW_ATTR_AMBIGUOUS, /* shared namespace, host network, proxy: candidates in the inventory */
};

struct ew_end {
	struct ew_workload
	    *workload;	      /* never NULL: classes stand for what is no workload */
	uint32_t instance;    /* ew_instance.id; 0 none */
	uint32_t network;     /* ew_network.id; 0 none */
	uint8_t attribution;  /* enum ew_attribution */
	uint8_t is_tombstone; /* released <= 24 h ago: counts as its last owner */
	uint8_t
	    in_startup; /* this instance is in its startup phase (detectors.md 1.3) */
	uint8_t in_change_window;
};

/* Why tuple.dst is not the responder; true as `has_nat` wherever it is not NONE. */
enum ew_nat_kind {
	EW_NAT_NONE,
	EW_NAT_TRANSLATED, /* conntrack (or the file) says so */
	EW_NAT_ISN,	   /* two SYNs with one ISN */
	EW_NAT_SERVICE, /* a service address with one backend, or backends of one workload */
	EW_NAT_PUBLISHED, /* a published port: translated, or through the userland proxy */
	EW_NAT_PROXY,	  /* through the userland proxy: two connections, joined */
};

/* direction, with OCSF's values. */
enum ew_direction {
	EW_DIR_UNKNOWN,
	EW_DIR_INBOUND,
	EW_DIR_OUTBOUND,
	EW_DIR_LATERAL,
	EW_DIR_LOCAL
};

enum ew_spoof_bit {
	EW_SPOOF_ADDR =
	    1 << 0, /* source address not assigned to the veth it came from */
	EW_SPOOF_MAC = 1 << 1, /* Ethernet source is not the veth's peer */
	EW_SPOOF_LIVE =
	    1 << 2, /* that address or MAC belongs to a live other, or the gateway */
};

/* identity -> graph: a flow event with its two ends. Borrowed for the call. */
struct ew_contact {
	const struct ew_flow_event *ev;
	struct ew_end src, dst;
	uint8_t direction; /* enum ew_direction */
	uint8_t
	    resolved; /* 1 address came from a DNS answer src received within TTL, 0 not, 2 unknowable */
	uint8_t spoof;		   /* enum ew_spoof_bit */
	uint8_t has_nat;	   /* enum ew_nat_kind; 0 none */
	uint8_t server_port_known; /* dst listens there by port map or service */
	uint16_t nat_dst_port; /* with has_nat: real responder behind tuple.dst:dport */
	uint16_t
	    edge_port; /* port the edge is keyed on: the responder's own server port; ICMP: type */
	struct ew_addr nat_dst;
};

enum ew_lifecycle_kind {
	EW_LIFE_WORKLOAD_NEW,	/* first sight in this database */
	EW_LIFE_INSTANCE_START, /* or first seen while running */
	EW_LIFE_INSTANCE_STOP,
	EW_LIFE_SPEC_CHANGE, /* a new revision of the workload appeared */
	EW_LIFE_LABELS,
	EW_LIFE_INVENTORY_READY, /* the first complete inventory is in: later workloads are "new" */
};

/* identity -> graph, detect, store. Borrowed for the call. */
struct ew_lifecycle {
	uint8_t kind; /* enum ew_lifecycle_kind */
	struct ew_mono at;
	struct ew_workload *workload;
	const struct ew_instance *instance; /* NULL where none is meant */
};

const char *ew_attribution_name(enum ew_attribution attribution);
