/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Frames byte by byte: append layers from the outside in, then packet_seal() fills in the
 * lengths. Header-only lies are made by changing bytes afterwards.
 */
struct packet {
	uint8_t bytes[4096];
	size_t size;
	size_t ip[24];	/* where IP headers start, outside in */
	size_t udp[24]; /* and UDP headers */
	unsigned n_ip, n_udp;
};

void packet_clear(struct packet *p);
void packet_u8(struct packet *p, unsigned v);
void packet_u16(struct packet *p, unsigned v);
void packet_u32(struct packet *p, uint32_t v);
void packet_bytes(struct packet *p, const void *bytes, size_t size);
void packet_fill(struct packet *p, uint8_t value, size_t count);

/* MACs 02:00:00:00:00:0x. */
void packet_ethernet(struct packet *p, unsigned type);
void packet_vlan(struct packet *p, unsigned id, unsigned type);
void packet_sll(struct packet *p, unsigned seen, unsigned type);
void packet_sll2(struct packet *p, unsigned ifindex, unsigned seen, unsigned type);
/* Addresses as text; IPv4 or IPv6 by their form. */
void packet_ip(struct packet *p, const char *src, const char *dst, unsigned proto);
/* The last IPv4 header's identification, flags and offset (in bytes). */
void packet_fragment(struct packet *p, unsigned id, unsigned offset, int more);
void packet_tcp(struct packet *p, unsigned sport, unsigned dport, uint32_t seq,
    uint32_t ack, unsigned flags);
void packet_udp(struct packet *p, unsigned sport, unsigned dport);
void packet_icmp(struct packet *p, unsigned type, unsigned code);
void packet_vxlan(struct packet *p, unsigned vni);
void packet_geneve(struct packet *p, unsigned vni, unsigned type,
    unsigned option_words);
void packet_gre(struct packet *p, unsigned flags, unsigned type);
/* Write the length fields of all IP and UDP headers. */
void packet_seal(struct packet *p);
