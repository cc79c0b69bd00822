/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "decode/decode.h"
#include "decode/packet.h"

/* Why a frame, or the rest of one, gave no packet. Names and texts: counters.c. */
enum ew_decode_error {
	EW_DECODE_LINK,		/* link header too short or unknown */
	EW_DECODE_IP_HEADER,	/* IP header cut or contradictory */
	EW_DECODE_IP_LENGTH,	/* IP says more bytes than the wire had */
	EW_DECODE_EXTENSIONS,	/* IPv6 extension headers cut, or too many */
	EW_DECODE_TRANSPORT,	/* TCP, UDP, ICMP or SCTP header cut or contradictory */
	EW_DECODE_TUNNEL,	/* tunnel header cut, or of an unknown form */
	EW_DECODE_TUNNEL_DEPTH, /* more than EW_TUNNEL_DEPTH_MAX tunnels */
	EW_DECODE_FRAGMENT,	/* a fragment that cannot belong to a datagram */
	EW_DECODE_NOTE,		/* ARP, NDP, DNS or DHCP that does not parse */
	EW_DECODE_ERRORS,
};

struct ew_decode_counters {
	uint64_t frames;
	uint64_t packets;
	uint64_t tunnelled;
	uint64_t not_ip; /* sound frames of protocols that are nobody's business here */
	uint64_t notes;
	uint64_t fragments;
	uint64_t datagrams; /* put together */
	uint64_t fragment_timeouts;
	uint64_t fragment_evictions;
	uint64_t fragment_open; /* gauge */
	uint64_t errors[EW_DECODE_ERRORS];
};

/* The first bytes of a datagram are kept: enough for every header and most of a name. */
#define EW_FRAGMENT_HEAD 192

struct ew_fragments;
struct ew_frame;

struct ew_decoder {
	struct ew_decode_counters counters;
	struct ew_decoder_conf conf;
	struct ew_fragments *fragments;
	uint8_t head
	    [EW_FRAGMENT_HEAD]; /* of the datagram in hand, if it came in fragments */
};

/* What to read next. Layers follow each other in a loop, never by recursion. */
enum ew_step {
	EW_STEP_DONE,
	EW_STEP_ETHERNET,
	EW_STEP_SLL,
	EW_STEP_SLL2,
	EW_STEP_NULL,
	EW_STEP_TYPE, /* what state.type (an EtherType) says */
	EW_STEP_LLC,  /* IEEE 802.2 */
	EW_STEP_IP,   /* by the version nibble */
	EW_STEP_IPV4,
	EW_STEP_IPV6,
	EW_STEP_TRANSPORT, /* what state.proto says */
};

/* The frame in hand. The cursor spans what was captured of the current layer. */
struct ew_state {
	struct ew_decoder *decoder;
	struct ew_batch *batch;
	struct ew_cursor c;
	uint32_t missing; /* bytes the current layer has past the cursor's end */
	uint32_t ip_bytes;
	uint16_t type;
	uint8_t proto;
	uint8_t depth;		  /* tunnels entered */
	uint8_t labels;		  /* tags and labels skipped */
	struct ew_packet *packet; /* in the batch; being filled */
};

static inline enum ew_step
ew_decode_fail(struct ew_state *s, enum ew_decode_error error)
{
	s->decoder->counters.errors[error]++;
	return EW_STEP_DONE;
}

/* Bytes the current layer has from the cursor on, captured or not. */
static inline uint32_t
ew_state_left(const struct ew_state *s)
{
	return (uint32_t)ew_cursor_left(&s->c) + s->missing;
}

/* The layer ends bytes after the cursor, if it does not end before. */
static inline void
ew_state_trim(struct ew_state *s, uint32_t bytes)
{
	const uint32_t captured = (uint32_t)ew_cursor_left(&s->c);
	const uint32_t kept = bytes < captured ? bytes : captured;

	if (bytes >= captured + s->missing)
		return;
	s->c.end = s->c.pos + kept;
	s->missing = bytes - kept;
}

static inline bool
ew_state_wants(const struct ew_state *s, enum ew_note_kind kind)
{
	return (s->decoder->conf.notes & EW_NOTE_BIT(kind)) != 0;
}

/* s->packet is complete: it belongs to the batch now. */
static inline struct ew_packet *
ew_state_emit(struct ew_state *s)
{
	s->batch->n_packets++;
	return s->packet;
}

/* A note for packet; zeroed, kind set. The batch always has room (packet.h). */
struct ew_note *ew_state_note(struct ew_state *s, struct ew_packet *packet,
    enum ew_note_kind kind);
/* Take back the last note, which did not parse; the caller counts it. */
void ew_state_drop_note(struct ew_state *s, struct ew_packet *packet);

/* link.c */
enum ew_step ew_decode_link(struct ew_state *s, enum ew_step step);
/* ip.c */
enum ew_step ew_decode_ipv4(struct ew_state *s);
enum ew_step ew_decode_ipv6(struct ew_state *s);
/* transport.c */
enum ew_step ew_decode_transport(struct ew_state *s);
/* enum ew_syn_options of a SYN with size bytes of options at bytes, captured of them. */
uint8_t ew_decode_syn_options(uint16_t window, const uint8_t *bytes, size_t size,
    size_t captured);
/* short.c: the frames that make up nearly all traffic; false: take the long way. */
bool ew_decode_short(const struct ew_frame *frame, struct ew_packet *ret_packet);
/* tunnel.c: the cursor stands after the UDP header, or at the GRE header */
enum ew_step ew_decode_vxlan(struct ew_state *s);
enum ew_step ew_decode_geneve(struct ew_state *s);
enum ew_step ew_decode_gre(struct ew_state *s);
enum ew_step ew_decode_ip_in_ip(struct ew_state *s);

/* neighbour.c, dns.c, dhcp.c: parse from c into a zeroed record; false when it is none. */
bool ew_decode_arp(struct ew_cursor *c, struct ew_addr *ret_sender,
    struct ew_addr *ret_target, struct ew_arp_info *ret_arp);
bool ew_decode_ndp(struct ew_cursor *c, uint8_t type, struct ew_ndp_info *ret_ndp);
bool ew_decode_dns(struct ew_cursor *c, uint8_t kind, uint32_t bytes,
    struct ew_dns_info *ret_dns);
bool ew_decode_dhcp(struct ew_cursor *c, struct ew_dhcp_info *ret_dhcp);
bool ew_decode_dhcp6(struct ew_cursor *c, struct ew_dhcp_info *ret_dhcp);
/* quote.c: the packet inside an ICMP (or ICMPv6) error. */
bool ew_decode_quote(struct ew_cursor *c, struct ew_icmp_quote *ret_quote);

/* --- fragments.c ------------------------------------------------------------------------ */

struct ew_fragment {
	int64_t ts_ns;
	struct ew_addr src;
	struct ew_addr dst;
	uint32_t id;
	uint32_t offset;       /* in the datagram's payload */
	uint32_t bytes;	       /* of payload in this fragment, captured or not */
	uint16_t header_bytes; /* of the part repeated in each fragment */
	uint8_t proto;
	bool more;
	const uint8_t *data;
	uint32_t captured;
};

struct ew_datagram {
	const uint8_t *head; /* valid until the next fragment is added */
	uint32_t captured;
	uint32_t bytes; /* of payload */
	uint16_t header_bytes;
	uint8_t proto;
};

struct ew_fragments *ew_fragments_new(uint32_t max_datagrams, uint64_t seed);
void ew_fragments_free(struct ew_fragments *fragments);
/* Returns whether fragment was the last missing piece of *ret_datagram. */
bool ew_fragments_add(struct ew_fragments *fragments,
    const struct ew_fragment *fragment, int64_t timeout_ns,
    struct ew_decode_counters *counters, struct ew_datagram *ret_datagram);
