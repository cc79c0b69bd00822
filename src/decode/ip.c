/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6 headers, to the transport protocol or to the fragment table.
 *
 * The header's length is believed as long as the wire had that many bytes; it cuts off
 * padding. Where it is 0 (IPv4 total length of a GSO packet, IPv6 payload length of a BIG
 * TCP or jumbo one) the length on the wire takes its place, so a super-packet of 64 KiB
 * and more counts in full.
 *
 * A fragment goes to the fragment table; the one that completes a datagram continues here
 * with the datagram's head. An atomic fragment (RFC 6946) is a whole packet.
 */
#include "decode/decode_priv.h"

enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_NONE = 59,
	PROTO_OPTIONS = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
	IPV6_HEADER = 40,
	OPTION_JUMBO = 0xc2, /* RFC 2675 */
	EXTENSIONS_MAX =
	    12, /* RFC 8200 knows seven kinds, each at most once or twice */
};

static void
set_v4(struct ew_addr *addr, const uint8_t *bytes)
{
	static const struct ew_addr mapped = { .b = { [10] = 0xff, [11] = 0xff } };

	*addr = mapped;
	memcpy(addr->b + 12, bytes, 4);
}

static enum ew_step
add_fragment(struct ew_state *s, const struct ew_fragment *fragment)
{
	struct ew_datagram whole;

	s->decoder->counters.fragments++;
	if (!ew_fragments_add(s->decoder->fragments, fragment,
		s->decoder->conf.fragment_timeout_ns, &s->decoder->counters, &whole))
		return EW_STEP_DONE;
	/* Out of the table: what is inside may be a fragment again, and take the place. */
	memcpy(s->decoder->head, whole.head, whole.captured);
	s->c = ew_cursor_over(s->decoder->head, whole.captured);
	s->missing = whole.bytes - whole.captured;
	s->ip_bytes = whole.header_bytes + whole.bytes;
	s->proto = whole.proto;
	return EW_STEP_TRANSPORT;
}

enum ew_step
ew_decode_ipv4(struct ew_state *s)
{
	const uint32_t wire = ew_state_left(s);
	const uint8_t *h = ew_cursor_take(&s->c, 20);

	if (!h || h[0] >> 4 != 4)
		return ew_decode_fail(s, EW_DECODE_IP_HEADER);
	const uint32_t header = (h[0] & 15U) * 4U;
	uint32_t total = (uint32_t)(h[2] << 8 | h[3]);
	const uint16_t offset = (uint16_t)(h[6] << 8 | h[7]);

	if (total == 0)
		total = wire;
	if (header < 20 || header > total)
		return ew_decode_fail(s, EW_DECODE_IP_HEADER);
	if (total > wire)
		return ew_decode_fail(s, EW_DECODE_IP_LENGTH);
	if (header > 20) {
		ew_cursor_skip(&s->c, header - 20);
		if (s->c.failed)
			return ew_decode_fail(s, EW_DECODE_IP_HEADER);
	}
	ew_state_trim(s, total - header);
	set_v4(&s->packet->src, h + 12);
	set_v4(&s->packet->dst, h + 16);
	s->packet->ip_id = (uint16_t)(h[4] << 8 | h[5]);
	s->packet->ttl = h[8];
	s->ip_bytes = total;
	s->proto = h[9];
	if (!(offset & 0x3fff))
		return EW_STEP_TRANSPORT;
	const struct ew_fragment fragment = { .ts_ns = s->packet->ts_ns,
		.src = s->packet->src,
		.dst = s->packet->dst,
		.id = s->packet->ip_id,
		.offset = (offset & 0x1fffU) * 8U,
		.bytes = total - header,
		.header_bytes = (uint16_t)header,
		.proto = s->proto,
		.more = (offset & 0x2000) != 0,
		.data = s->c.pos,
		.captured = (uint32_t)ew_cursor_left(&s->c) };

	return add_fragment(s, &fragment);
}

/* The jumbo payload option, if options holds one and is captured; else 0. */
static uint32_t
jumbo_length(const uint8_t *options, size_t size)
{
	struct ew_cursor c = ew_cursor_over(options, size);

	while (ew_cursor_left(&c) > 0) {
		const uint8_t type = ew_cursor_u8(&c);

		if (type == 0)
			continue;
		const uint8_t length = ew_cursor_u8(&c);

		if (type == OPTION_JUMBO && length == 4)
			return ew_cursor_be32(&c);
		ew_cursor_skip(&c, length);
		if (c.failed)
			break;
	}
	return 0;
}

static enum ew_step
ipv6_fragment(struct ew_state *s, const uint8_t *fixed, uint32_t header)
{
	const uint8_t *h = ew_cursor_take(&s->c, 8);

	if (!h)
		return ew_decode_fail(s, EW_DECODE_EXTENSIONS);
	const uint16_t offset = (uint16_t)(h[2] << 8 | h[3]);

	s->proto = h[0];
	if (!(offset & 0xfff9))
		return EW_STEP_TRANSPORT; /* atomic: the caller goes on with the chain */
	const struct ew_fragment fragment = { .ts_ns = s->packet->ts_ns,
		.src = ew_addr_v6(fixed + 8),
		.dst = ew_addr_v6(fixed + 24),
		.id = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 |
		    (uint32_t)h[6] << 8 | h[7],
		.offset = offset & 0xfff8U,
		.bytes = ew_state_left(s),
		.header_bytes = (uint16_t)header,
		.proto = s->proto,
		.more = (offset & 1) != 0,
		.data = s->c.pos,
		.captured = (uint32_t)ew_cursor_left(&s->c) };
	const enum ew_step step = add_fragment(s, &fragment);

	/* The chain goes on in the datagram; EW_STEP_IPV6 marks that for the loop below. */
	return step == EW_STEP_TRANSPORT ? EW_STEP_IPV6 : step;
}

/* Walk extension headers until s->proto is none. */
static enum ew_step
ipv6_extensions(struct ew_state *s, const uint8_t *fixed)
{
	uint32_t header = IPV6_HEADER;

	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint32_t size;
		const uint8_t *h;

		switch (s->proto) {
		case PROTO_FRAGMENT: {
			const enum ew_step step = ipv6_fragment(s, fixed, header);

			if (step != EW_STEP_TRANSPORT && step != EW_STEP_IPV6)
				return step;
			header += step == EW_STEP_TRANSPORT ? 8 : 0;
			continue;
		}
		case PROTO_HOP_BY_HOP:
		case PROTO_ROUTING:
		case PROTO_OPTIONS:
		case PROTO_AH:
		case PROTO_MOBILITY:
		case PROTO_HIP:
		case PROTO_SHIM6:
			h = ew_cursor_take(&s->c, 2);
			if (!h)
				return ew_decode_fail(s, EW_DECODE_EXTENSIONS);
			size =
			    s->proto == PROTO_AH ? (h[1] + 2U) * 4U : (h[1] + 1U) * 8U;
			ew_cursor_skip(&s->c, size - 2);
			if (s->c.failed)
				return ew_decode_fail(s, EW_DECODE_EXTENSIONS);
			s->proto = h[0];
			header += size;
			continue;
		case PROTO_NONE:
			s->decoder->counters.not_ip++;
			return EW_STEP_DONE;
		default:
			return EW_STEP_TRANSPORT;
		}
	}
	return ew_decode_fail(s, EW_DECODE_EXTENSIONS);
}

enum ew_step
ew_decode_ipv6(struct ew_state *s)
{
	const uint32_t wire = ew_state_left(s);
	const uint8_t *h = ew_cursor_take(&s->c, IPV6_HEADER);

	if (!h || h[0] >> 4 != 6)
		return ew_decode_fail(s, EW_DECODE_IP_HEADER);
	uint32_t payload = (uint32_t)(h[4] << 8 | h[5]);

	s->proto = h[6];
	s->packet->ttl = h[7];
	s->packet->ip_id = 0;
	memcpy(s->packet->src.b, h + 8, 16);
	memcpy(s->packet->dst.b, h + 24, 16);
	if (payload == 0 && s->proto == PROTO_HOP_BY_HOP)
		payload = jumbo_length(s->c.pos + 2, ew_cursor_left(&s->c) > 8 ? 6 : 0);
	if (payload == 0 && s->proto != PROTO_NONE)
		payload = wire - IPV6_HEADER;
	if (payload > wire - IPV6_HEADER)
		return ew_decode_fail(s, EW_DECODE_IP_LENGTH);
	ew_state_trim(s, payload);
	s->ip_bytes = payload + IPV6_HEADER;
	return ipv6_extensions(s, h);
}
