/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "decode/note.h"

/*
 * decode -> flow: one packet of one layer. A tunnelled packet comes after the packet that
 * encloses it. Lengths are what the headers say (the wire length where they say 0), however
 * little was captured; checksums are not judged. A datagram in fragments comes once, when
 * its last missing piece has come, with its whole length.
 */
enum ew_packet_kind {
	EW_PACKET_TCP,
	EW_PACKET_UDP,
	EW_PACKET_ICMP,	  /* ICMP and ICMPv6; proto says which */
	EW_PACKET_SCTP,	  /* has ports, is counted like an unknown transport */
	EW_PACKET_OTHER,  /* another IP protocol */
	EW_PACKET_TUNNEL, /* GRE, IP in IP: only the way to what it carries */
	EW_PACKET_ARP, /* src, dst: sender and target address; the rest is in the note */
};

enum ew_tcp_flag {
	EW_TCP_FIN = 0x01,
	EW_TCP_SYN = 0x02,
	EW_TCP_RST = 0x04,
	EW_TCP_PSH = 0x08,
	EW_TCP_ACK = 0x10,
	EW_TCP_URG = 0x20,
};

/* How a SYN was built; read only where its window (512, 1024) hints at a scanner. */
enum ew_syn_options {
	EW_SYN_OPTIONS_OTHER, /* also: not read, not a SYN */
	EW_SYN_OPTIONS_NONE,
	EW_SYN_OPTIONS_MSS_ONLY,
};

/* Inside a VXLAN or Geneve tunnel the domain is this bit and the network identifier. */
#define EW_DOMAIN_TUNNEL UINT32_C(0x80000000)

struct ew_packet {
	int64_t ts_ns;
	struct ew_addr src;
	struct ew_addr dst;
	uint16_t sport;	   /* host order; ICMP: type; 0 for protocols without ports */
	uint16_t dport;	   /* ICMP: code */
	uint32_t domain;   /* EW_DOMAIN_TUNNEL | VNI, or 0: the interface decides */
	uint8_t kind;	   /* enum ew_packet_kind */
	uint8_t proto;	   /* IANA number */
	uint8_t tcp_flags; /* enum ew_tcp_flag */
	uint8_t seen;	   /* enum ew_seen (capture/frame.h) */
	uint32_t ip_bytes; /* IPv4 total length, IPv6 payload length + 40 */
	uint32_t payload_bytes; /* above TCP; UDP length - 8; ICMP past 8 */
	uint32_t seq;
	uint32_t ack;
	uint16_t window;
	uint16_t ip_id;	     /* IPv4 */
	uint8_t ttl;	     /* hop limit */
	uint8_t syn_options; /* enum ew_syn_options */
	uint8_t uncounted;   /* 1: contradicts itself, counts nothing */
	uint16_t note;	     /* 1 + index into the batch's notes; 0 none */
	uint16_t outer;	    /* 1 + index of the enclosing packet in the batch; 0 none */
	uint16_t vlan[2];   /* outer, inner; 0 none */
	uint8_t src_mac[6]; /* zero when the link layer has none */
	uint32_t ifindex;   /* 0 unknown */
};

/*
 * Packets travel in batches, so that a stage can look ahead. One frame gives at most
 * EW_FRAME_PACKETS packets and one note each.
 */
#define EW_TUNNEL_DEPTH_MAX 4
#define EW_FRAME_PACKETS (EW_TUNNEL_DEPTH_MAX + 1)
#define EW_BATCH_PACKETS 64
#define EW_BATCH_NOTES 32

struct ew_batch {
	uint32_t n_packets;
	uint32_t n_notes;
	struct ew_packet packets[EW_BATCH_PACKETS];
	struct ew_note notes[EW_BATCH_NOTES];
};
