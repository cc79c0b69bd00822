/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * decode: bytes to fields. Depends on base and on capture's frame record; used by the
 * daemon's worker and by replay. Pure: no clock but the frames' own.
 *
 * Understands Ethernet (also LLC/SNAP), VLAN and QinQ, SLL, SLL2, RAW, NULL; IPv4, IPv6
 * and its extension headers; TCP, UDP, ICMP, ICMPv6, SCTP; VXLAN, Geneve, GRE, IP in IP
 * (4in4, 6in4, 4in6, 6in6) nested to EW_TUNNEL_DEPTH_MAX; ARP, NDP, DNS and its kin, DHCP.
 *
 * A decoder belongs to one thread and allocates nothing after ew_decoder_new.
 */
struct ew_batch;
struct ew_counter_set;
struct ew_decoder;
struct ew_frame;

struct ew_decoder_conf {
	uint32_t notes; /* EW_NOTE_BIT of what is wanted; others are not parsed */
	uint32_t max_datagrams;	     /* in reassembly at once, 336 bytes each; 4,096 */
	int64_t fragment_timeout_ns; /* 5 minutes, as Zeek's frag_timeout */
	uint64_t seed; /* of the hash: ew_hash_seed() live, 0 in a replay */
};

struct ew_decoder_conf ew_decoder_conf_default(void);

/* NULL when the memory for conf->max_datagrams cannot be had. */
struct ew_decoder *ew_decoder_new(const struct ew_decoder_conf *conf);
void ew_decoder_free(struct ew_decoder *decoder);

/*
 * Decode frames into batch, which is emptied first, until the frames are used up or the
 * batch could not hold what one more frame may give. Frames are borrowed for the call; the
 * batch keeps no pointer to them.
 *
 * returns  frames used, at least 1 when count > 0. A frame that gives no packet (damaged,
 *          not IP, an unfinished datagram) is counted and used.
 */
size_t ew_decode(struct ew_decoder *decoder, const struct ew_frame *frames,
    size_t count, struct ew_batch *batch);

/* decode_frames, decode_errors_*, decode_fragments ... (decode/counters.c); valid while
 * the decoder lives. */
struct ew_counter_set ew_decoder_counters(const struct ew_decoder *decoder);
/* The sum of all decode_error_* counters. */
uint64_t ew_decoder_errors(const struct ew_decoder *decoder);
