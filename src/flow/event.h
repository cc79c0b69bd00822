/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "decode/note.h"

/*
 * flow -> identity -> graph -> detect: what happened to a connection. Plain values; the
 * initiator is always `src`. detectors.md 1.2 names the kinds.
 */
enum ew_flow_kind {
	EW_FLOW_ATTEMPT, /* SYN, first UDP datagram, first echo or other datagram */
	EW_FLOW_ESTABLISHED, /* SYN-ACK and no client RST within 50 ms; first answer (UDP, ICMP) */
	EW_FLOW_REFUSED,    /* RST to a SYN; ICMP unreachable or prohibited */
	EW_FLOW_UNANSWERED, /* nothing came back: TCP 3 s, UDP and ICMP 5 s */
	EW_FLOW_HALFOPEN,   /* client RST within 2 s of the SYN-ACK, sequence ISN+1 */
	EW_FLOW_MIDSTREAM,  /* first packet of a TCP flow whose SYN was not seen */
	EW_FLOW_PAYLOAD,    /* first evidence of client data */
	EW_FLOW_TURNS, /* direction changes of the last 60 s (zoomed, or profile all) */
	EW_FLOW_UPDATE, /* counters of an open flow, every 60 s */
	EW_FLOW_CLOSE,	/* the record is final: every flow gets exactly one */
	EW_FLOW_PROBE, /* FIN, NULL, Xmas or ACK probe without a flow, answered by RST */
	EW_FLOW_ARP,   /* u.arp */
	EW_FLOW_NDP,   /* u.ndp: neighbour and router solicitations, advertisements */
	EW_FLOW_DNS, /* u.dns: a query or an answer (also mDNS, LLMNR, NBNS by port) */
	EW_FLOW_DHCP, /* u.dhcp: a server's offer or acknowledgement, a client's request */
	EW_FLOW_GAP, /* u.gap: packets were lost or time jumped */
};
#define EW_FLOW_KIND_BIT(kind) (UINT32_C(1) << (kind))

/* Zeek's conn_state, by the rules in ARCHITECTURE.md "Flow records". */
enum ew_conn_state {
	EW_CONN_NONE,
	EW_CONN_S0,
	EW_CONN_S1,
	EW_CONN_SF,
	EW_CONN_REJ,
	EW_CONN_S2,
	EW_CONN_S3,
	EW_CONN_RSTO,
	EW_CONN_RSTR,
	EW_CONN_RSTOS0,
	EW_CONN_RSTRH,
	EW_CONN_SH,
	EW_CONN_SHR,
	EW_CONN_OTH,
};

enum ew_flow_flag {
	EW_FLOW_F_DIR_KNOWN = 1
	    << 0, /* the initiator is known (SYN seen, or first datagram) */
	EW_FLOW_F_MIDSTREAM = 1 << 1, /* TCP whose SYN was not seen */
	EW_FLOW_F_EXACT = 1 << 2,     /* packet counts and IP bytes are complete */
	EW_FLOW_F_EVICTED = 1 << 3,   /* closed for want of room */
	EW_FLOW_F_FLIPPED = 1 << 4,   /* direction was turned (history ^) */
	EW_FLOW_F_SRC_ON_VETH = 1
	    << 5, /* initiator's packet seen not-outgoing: src_ifindex proves it */
	EW_FLOW_F_DST_ON_VETH = 1 << 6, /* the same for the responder and dst_ifindex */
	EW_FLOW_F_GAP = 1 << 7,		/* overlaps a capture gap */
	EW_FLOW_F_END_OF_INPUT = 1 << 8, /* still open when the input ended */
	EW_FLOW_F_HINT_SHIFT = 12,	 /* bits 12..14: enum ew_tool_hint */
};

/* detectors.md 3.8; evidence text only. */
enum ew_tool_hint {
	EW_TOOL_NONE,
	EW_TOOL_NMAP,
	EW_TOOL_MASSCAN,
	EW_TOOL_HPING,
	EW_TOOL_ZMAP
};

struct ew_tuple {
	struct ew_addr src; /* initiator */
	struct ew_addr dst;
	uint16_t sport;	 /* host order; ICMP: type */
	uint16_t dport;	 /* ICMP: counterpart type, or code of a one-way type */
	uint8_t proto;	 /* IANA number */
	uint32_t domain; /* 0 routed; a bridge's ifindex; top bit set: VNI */
};

struct ew_flow_side {
	uint64_t pkts;	   /* meaningful with EW_FLOW_F_EXACT or for non-TCP */
	uint64_t ip_bytes; /* the same */
	uint64_t bytes;	   /* payload: TCP by sequence, UDP length - 8, ICMP above 8 */
};

enum ew_gap_cause {
	EW_GAP_KERNEL_DROP,
	EW_GAP_RING_FULL,
	EW_GAP_INTERFACE,
	EW_GAP_CLOCK_STEP,
	EW_GAP_SUSPEND,
	EW_GAP_TABLE_EVICTION,
	EW_GAP_INPUT_DAMAGE,
};
struct ew_gap_info {
	int64_t from_ns, to_ns;
	uint64_t lost; /* packets or records; 0 unknown */
	uint8_t cause; /* enum ew_gap_cause */
};

#define EW_FLOW_HISTORY_MAX 24

struct ew_flow_event {
	uint8_t kind;	      /* enum ew_flow_kind */
	uint8_t conn_state;   /* enum ew_conn_state as of now */
	uint16_t flags;	      /* enum ew_flow_flag */
	uint32_t src_ifindex; /* where the initiator's packets are counted; 0 unknown */
	uint32_t dst_ifindex; /* where the responder's are; 0 not yet */
	uint16_t vlan[2];     /* outer, inner; 0 none */
	int64_t ts_ns;	      /* when this happened, packet time */
	uint64_t flow_id;     /* from first packet and tuple; 0 for ARP, NDP, GAP */
	uint64_t parent_id;   /* the tunnel around it, which may have no row; 0 none */
	struct ew_tuple tuple;
	int64_t first_ns; /* first and last packet that counted */
	int64_t last_ns;
	struct ew_flow_side side[2]; /* 0 initiator, 1 responder */
	uint32_t src_isn;	     /* 0 when no SYN was seen */
	uint32_t dst_isn;
	uint8_t src_mac[6]; /* of the event's packet; zero when there is none */
	uint8_t icmp_type;  /* REFUSED by ICMP: why; else 0 */
	uint8_t icmp_code;
	uint16_t refused_by_rst;
	uint16_t turns; /* TURNS: direction changes in 60 s */
	uint16_t turn_median_bytes[2];
	char history[EW_FLOW_HISTORY_MAX]; /* Zeek's letters, terminated */
	union {
		struct ew_arp_info arp;
		struct ew_ndp_info ndp;
		struct ew_dns_info dns;
		struct ew_dhcp_info dhcp;
		struct ew_gap_info gap;
	} u;
};

/* Bytes of ev that mean something: all up to u, plus the union member of its kind. */
size_t ew_flow_event_size(const struct ew_flow_event *ev);

/* "SF", "-" for none. */
const char *ew_conn_state_name(enum ew_conn_state state);
