/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/addr.h"

/*
 * What a packet says beyond its headers: address resolution, names, leases, and the packet
 * an ICMP error complains about. Plain values with bounds. decode makes them, flow adds
 * whether they were asked for and answered, and flow events carry them on.
 */

struct ew_arp_info {
	uint16_t op; /* 1 request, 2 reply */
	uint8_t sender_mac[6];
	uint8_t target_mac[6];
	/* in an event: tuple.src is the sender address, tuple.dst the target address */
	uint8_t answered; /* 1 answered, 0 request just seen, 2 unanswered after 1 s */
	uint8_t unsolicited;
};

struct ew_ndp_info {
	uint8_t type; /* ICMPv6 133..137 */
	uint8_t flags;
	uint8_t link_mac[6]; /* source or target link-layer option, zero when absent */
	struct ew_addr target;
	uint8_t answered; /* as for ARP */
	uint8_t unsolicited;
};

#define EW_DNS_NAME_MAX 256
#define EW_DNS_ADDRS_MAX 8
struct ew_dns_info {
	uint16_t id;
	uint16_t qtype;
	uint8_t is_answer;
	uint8_t rcode;
	uint8_t n_addrs; /* A and AAAA of the answer, in order */
	uint8_t kind;	 /* 0 DNS, 1 mDNS, 2 LLMNR, 3 NBNS */
	uint32_t ttl_s;	 /* smallest of the answers */
	uint32_t bytes;	 /* of the message */
	struct ew_addr addrs[EW_DNS_ADDRS_MAX];
	char name
	    [EW_DNS_NAME_MAX]; /* first question (or answer's owner), lower case, printable; '?' else */
};

struct ew_dhcp_info {
	uint8_t op; /* BOOTP op: 1 request, 2 reply */
	uint8_t message_type;
	struct ew_addr offered;
	struct ew_addr server;
};

/* The head of the packet an ICMP error quotes: who sent what to whom. */
struct ew_icmp_quote {
	struct ew_addr src;
	struct ew_addr dst;
	uint16_t sport; /* 0 when the quote was too short; ICMP: type */
	uint16_t dport; /* ICMP: code */
	uint8_t proto;
	uint8_t has_ports;
};

enum ew_note_kind {
	EW_NOTE_ARP,
	EW_NOTE_NDP,
	EW_NOTE_DNS,
	EW_NOTE_DHCP,
	EW_NOTE_QUOTE
};
#define EW_NOTE_BIT(kind) (UINT32_C(1) << (kind))

struct ew_note {
	uint8_t kind; /* enum ew_note_kind */
	union {
		struct ew_arp_info arp;
		struct ew_ndp_info ndp;
		struct ew_dns_info dns;
		struct ew_dhcp_info dhcp;
		struct ew_icmp_quote quote;
	} u;
};
