/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way: an Ethernet or SLL2 frame with an ordinary IPv4 header and TCP or UDP that
 * carries nothing we read. That is nearly all traffic, and here it costs a third of the
 * long way through the layers. Whatever is unusual in any respect is left to that; a test
 * sends frames both ways and compares.
 */
#include <string.h>

#include "capture/frame.h"
#include "decode/decode_priv.h"

enum { ETHERNET = 14, SLL2 = 20, IPV4 = 20, TCP = 20, UDP = 8 };

static inline uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Ports behind which there is something to read: names, leases, tunnels. */
static inline bool
is_read(uint16_t port)
{
	switch (port) {
	case 53:
	case 67:
	case 68:
	case 137:
	case 546:
	case 547:
	case 4789:
	case 5353:
	case 5355:
	case 6081:
		return true;
	default:
		return false;
	}
}

static bool
short_tcp(const uint8_t *h, uint32_t size, uint32_t captured, struct ew_packet *p)
{
	const uint32_t header = (h[12] >> 4) * 4U;

	if (header < TCP || header > size)
		return false;
	p->sport = be16(h);
	p->dport = be16(h + 2);
	p->seq = be32(h + 4);
	p->ack = be32(h + 8);
	p->tcp_flags = h[13] & 0x3f;
	p->window = be16(h + 14);
	p->payload_bytes = size - header;
	p->kind = EW_PACKET_TCP;
	if (p->tcp_flags & EW_TCP_SYN)
		p->syn_options = ew_decode_syn_options(p->window, h + TCP, header - TCP,
		    captured - TCP);
	return p->sport != 53 && p->dport != 53;
}

static bool
short_udp(const uint8_t *h, uint32_t size, struct ew_packet *p)
{
	const uint32_t length = be16(h + 4);

	p->sport = be16(h);
	p->dport = be16(h + 2);
	p->payload_bytes = length - UDP;
	p->kind = EW_PACKET_UDP;
	return length >= UDP && size >= UDP && !is_read(p->sport) && !is_read(p->dport);
}

bool
ew_decode_short(const struct ew_frame *frame, struct ew_packet *ret_packet)
{
	static const struct ew_addr mapped = { .b = { [10] = 0xff, [11] = 0xff } };
	const uint8_t *b = frame->data;
	struct ew_packet *p = ret_packet;
	uint32_t link;

	if (frame->caplen < SLL2 + IPV4 + UDP || frame->len < frame->caplen)
		return false;
	if (frame->link == EW_LINK_ETHERNET && be16(b + 12) == 0x0800)
		link = ETHERNET;
	else if (frame->link == EW_LINK_SLL2 && be16(b) == 0x0800 &&
	    b[10] <= EW_SEEN_OUTGOING && b[11] == 6)
		link = SLL2;
	else
		return false;
	const uint8_t *ip = b + link;
	const uint32_t total = be16(ip + 2);

	if (ip[0] != 0x45 || (be16(ip + 6) & 0x3fff) || total > frame->len - link ||
	    total < IPV4 + UDP)
		return false;
	memset(p, 0, sizeof(*p));
	p->ts_ns = frame->ts_ns;
	p->src = mapped;
	p->dst = mapped;
	memcpy(p->src.b + 12, ip + 12, 4);
	memcpy(p->dst.b + 12, ip + 16, 4);
	p->ip_bytes = total;
	p->ip_id = be16(ip + 4);
	p->ttl = ip[8];
	p->proto = ip[9];
	p->ifindex = link == SLL2 ? be32(b + 4) : frame->ifindex;
	p->seen = link == SLL2 ? b[10] : frame->seen;
	memcpy(p->src_mac, b + (link == SLL2 ? 12 : 6), 6);
	uint32_t captured = frame->caplen - link - IPV4;

	if (captured > total - IPV4)
		captured = total - IPV4;
	if (p->proto == 6)
		return captured >= TCP &&
		    short_tcp(ip + IPV4, total - IPV4, captured, p);
	return p->proto == 17 && short_udp(ip + IPV4, total - IPV4, p);
}
