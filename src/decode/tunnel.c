/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels: VXLAN (RFC 7348), Geneve (RFC 8926), GRE (RFC 2784, 2890; version 1 of PPTP, RFC
 * 2637; ERSPAN), IP in IP. Each strips its header and names the layer inside.
 *
 * Addresses inside a VXLAN or Geneve network belong to that network: the packet's domain
 * becomes the VNI, so that two tenants with the same addresses stay apart (Zeek leaves the
 * VNI out of its key, VXLAN.cc). An interface and what it proves about the sender belong to
 * the outer packet; the inner one keeps the interface for counting.
 */
#include <assert.h>

#include "decode/decode_priv.h"

enum {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080, /* version 1 */
	GRE_VERSION = 0x0007,
	TYPE_PPP = 0x880b,
	TYPE_ERSPAN2 = 0x88be,
	TYPE_ERSPAN3 = 0x22eb,
};

/* Enter one more tunnel, if there may be one: what follows is a packet of its own. */
static bool
enter(struct ew_state *s)
{
	if (s->depth >= EW_TUNNEL_DEPTH_MAX) {
		s->decoder->counters.errors[EW_DECODE_TUNNEL_DEPTH]++;
		return false;
	}
	const struct ew_packet *outer = s->packet++;

	assert(s->batch->n_packets < EW_BATCH_PACKETS);
	*s->packet = (struct ew_packet){ .ts_ns = outer->ts_ns,
		.domain = outer->domain,
		.seen = outer->seen,
		.ifindex = outer->ifindex,
		.outer = (uint16_t)s->batch->n_packets };
	s->depth++;
	s->labels = 0;
	s->decoder->counters.tunnelled++;
	return true;
}

enum ew_step
ew_decode_vxlan(struct ew_state *s)
{
	const uint8_t *h = ew_cursor_take(&s->c, 8);

	/* Without the I flag there is no network identifier: something else on this port. */
	if (!h || !(h[0] & 0x08))
		return ew_decode_fail(s, EW_DECODE_TUNNEL);
	if (!enter(s))
		return EW_STEP_DONE;
	s->packet->domain =
	    EW_DOMAIN_TUNNEL | (uint32_t)h[4] << 16 | (uint32_t)h[5] << 8 | h[6];
	return EW_STEP_ETHERNET;
}

enum ew_step
ew_decode_geneve(struct ew_state *s)
{
	const uint8_t *h = ew_cursor_take(&s->c, 8);

	if (!h || h[0] >> 6 != 0)
		return ew_decode_fail(s, EW_DECODE_TUNNEL);
	ew_cursor_skip(&s->c, (h[0] & 0x3fU) * 4U);
	if (s->c.failed)
		return ew_decode_fail(s, EW_DECODE_TUNNEL);
	if (!enter(s))
		return EW_STEP_DONE;
	s->packet->domain =
	    EW_DOMAIN_TUNNEL | (uint32_t)h[4] << 16 | (uint32_t)h[5] << 8 | h[6];
	s->type = (uint16_t)(h[2] << 8 | h[3]);
	return EW_STEP_TYPE;
}

enum ew_step
ew_decode_ip_in_ip(struct ew_state *s)
{
	const enum ew_step inner = s->proto == 4 ? EW_STEP_IPV4 : EW_STEP_IPV6;

	if (ew_cursor_left(&s->c) < 20)
		return ew_decode_fail(s, EW_DECODE_TUNNEL);
	if (s->depth >= EW_TUNNEL_DEPTH_MAX)
		return ew_decode_fail(s, EW_DECODE_TUNNEL_DEPTH);
	ew_state_emit(s);
	(void)enter(s);
	return inner;
}

/* PPTP: PPP inside, with address and control bytes or without. */
static enum ew_step
pptp(struct ew_state *s)
{
	uint16_t protocol = ew_cursor_be16(&s->c);

	if (protocol == 0xff03)
		protocol = ew_cursor_be16(&s->c);
	if (s->c.failed || (protocol != 0x0021 && protocol != 0x0057))
		return ew_decode_fail(s, EW_DECODE_TUNNEL);
	return protocol == 0x0021 ? EW_STEP_IPV4 : EW_STEP_IPV6;
}

/* ERSPAN: a header of its own before the mirrored Ethernet frame. */
static enum ew_step
erspan(struct ew_state *s, uint16_t type, uint16_t flags)
{
	if (type == TYPE_ERSPAN2 &&
	    (flags & GRE_SEQUENCE)) /* without: type I, no header */
		ew_cursor_skip(&s->c, 8);
	if (type == TYPE_ERSPAN3) {
		const uint8_t *h = ew_cursor_take(&s->c, 12);

		if (h && (h[11] & 1))
			ew_cursor_skip(&s->c, 8);
	}
	return s->c.failed ? ew_decode_fail(s, EW_DECODE_TUNNEL) : EW_STEP_ETHERNET;
}

enum ew_step
ew_decode_gre(struct ew_state *s)
{
	const uint16_t flags = ew_cursor_be16(&s->c);
	const uint16_t type = ew_cursor_be16(&s->c);
	const unsigned version = flags & GRE_VERSION;

	if (flags & GRE_CHECKSUM)
		ew_cursor_skip(&s->c, 4);
	if (flags & GRE_KEY)
		ew_cursor_skip(&s->c, 4);
	if (flags & GRE_SEQUENCE)
		ew_cursor_skip(&s->c, 4);
	if (flags & GRE_ACK)
		ew_cursor_skip(&s->c, 4);
	/* Routing was deprecated by RFC 2784; the other bits are reserved. */
	if (s->c.failed || version > 1 || (flags & (GRE_ROUTING | 0x0078)) ||
	    (version == 1 && type != TYPE_PPP))
		return ew_decode_fail(s, EW_DECODE_TUNNEL);
	if (s->depth >= EW_TUNNEL_DEPTH_MAX)
		return ew_decode_fail(s, EW_DECODE_TUNNEL_DEPTH);
	ew_state_emit(s);
	(void)enter(s);
	if (version == 1)
		return pptp(s);
	if (type == TYPE_ERSPAN2 || type == TYPE_ERSPAN3)
		return erspan(s, type, flags);
	s->type = type;
	return EW_STEP_TYPE;
}
