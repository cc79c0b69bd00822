/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link layers, down to the network protocol: Ethernet II and 802.3 with LLC or SNAP, VLAN
 * tags in any order and number, MPLS and PPPoE as far as they wrap IP, the cooked captures
 * SLL and SLL2, BSD's NULL. Ends at IP, at ARP, or at a protocol that is not ours.
 *
 * The first tag is the outer VLAN, the last the inner one: a third overwrites the second,
 * as in Zeek (packet_analysis/protocol/vlan/VLAN.cc).
 */
#include "capture/frame.h"
#include "decode/decode_priv.h"

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_ARP = 0x0806,
	ETHER_TEB = 0x6558, /* Ethernet in a tunnel */
	ETHER_VLAN = 0x8100,
	ETHER_IPV6 = 0x86dd,
	ETHER_MPLS = 0x8847,
	ETHER_MPLS_MULTICAST = 0x8848,
	ETHER_PPPOE = 0x8864,
	ETHER_QINQ = 0x88a8,
	ETHER_QINQ_OLD = 0x9100,
	ETHER_FABRICPATH = 0x8903,
	ETHER_VNTAG = 0x8926,
	/* Below this a type field is a length (IEEE 802.3), from 0x600 on a type. */
	ETHER_LENGTH_MAX = 1500,
	ETHER_TYPE_MIN = 0x600,
	LABELS_MAX = 16, /* tags and labels before IP; real frames have up to four */
};

static enum ew_step
not_ours(struct ew_state *s)
{
	s->decoder->counters.not_ip++;
	return EW_STEP_DONE;
}

/* Type or length field: a length trims the layer, for padding is not content. */
static enum ew_step
type_or_length(struct ew_state *s, uint16_t value)
{
	if (value >= ETHER_TYPE_MIN) {
		s->type = value;
		return EW_STEP_TYPE;
	}
	if (value > ETHER_LENGTH_MAX)
		return ew_decode_fail(s, EW_DECODE_LINK);
	ew_state_trim(s, value);
	return EW_STEP_LLC;
}

static enum ew_step
ethernet(struct ew_state *s)
{
	ew_cursor_skip(&s->c, 6);
	ew_cursor_copy(&s->c, s->packet->src_mac, 6);
	const uint16_t type = ew_cursor_be16(&s->c);

	if (s->c.failed)
		return ew_decode_fail(s, EW_DECODE_LINK);
	return type_or_length(s, type);
}

/* Linux cooked capture, pcap-linktype(7): packet type, ARPHRD, address, protocol. */
static enum ew_step
sll(struct ew_state *s)
{
	const uint16_t seen = ew_cursor_be16(&s->c);

	ew_cursor_skip(&s->c, 2);
	const uint16_t length = ew_cursor_be16(&s->c);
	const uint8_t *address = ew_cursor_take(&s->c, 8);
	const uint16_t type = ew_cursor_be16(&s->c);

	if (s->c.failed)
		return ew_decode_fail(s, EW_DECODE_LINK);
	if (seen <= EW_SEEN_OUTGOING)
		s->packet->seen = (uint8_t)seen;
	if (length == 6)
		memcpy(s->packet->src_mac, address, 6);
	/* 4: the payload is 802.2; types below 0x600 are Linux's own. */
	if (type < ETHER_TYPE_MIN)
		return type == 4 ? EW_STEP_LLC : not_ours(s);
	s->type = type;
	return EW_STEP_TYPE;
}

static enum ew_step
sll2(struct ew_state *s)
{
	const uint16_t type = ew_cursor_be16(&s->c);

	ew_cursor_skip(&s->c, 2);
	const uint32_t ifindex = ew_cursor_be32(&s->c);

	ew_cursor_skip(&s->c, 2); /* ARPHRD */
	const uint8_t seen = ew_cursor_u8(&s->c);
	const uint8_t length = ew_cursor_u8(&s->c);
	const uint8_t *address = ew_cursor_take(&s->c, 8);

	if (s->c.failed)
		return ew_decode_fail(s, EW_DECODE_LINK);
	s->packet->ifindex = ifindex;
	s->packet->seen = seen <= EW_SEEN_OUTGOING ? seen : (uint8_t)EW_SEEN_UNKNOWN;
	if (length == 6)
		memcpy(s->packet->src_mac, address, 6);
	if (type < ETHER_TYPE_MIN)
		return type == 4 ? EW_STEP_LLC : not_ours(s);
	s->type = type;
	return EW_STEP_TYPE;
}

/* BSD loopback: an address family in the writer's byte order. */
static enum ew_step
null_link(struct ew_state *s)
{
	uint32_t family = ew_cursor_be32(&s->c);

	if (s->c.failed)
		return ew_decode_fail(s, EW_DECODE_LINK);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2: /* AF_INET everywhere */
		return EW_STEP_IPV4;
	case 10: /* AF_INET6: Linux, NetBSD and OpenBSD, FreeBSD, Darwin */
	case 24:
	case 28:
	case 30:
		return EW_STEP_IPV6;
	default:
		return not_ours(s);
	}
}

/* IEEE 802.2: SNAP with an EtherType, or DSAP 6 for IP (RFC 1042, RFC 948). */
static enum ew_step
llc(struct ew_state *s)
{
	const uint8_t dsap = ew_cursor_u8(&s->c);
	const uint8_t ssap = ew_cursor_u8(&s->c);
	const uint8_t control = ew_cursor_u8(&s->c);

	if ((control & 3) != 3)
		ew_cursor_skip(&s->c, 1);
	if (!s->c.failed && dsap == 0xaa && ssap == 0xaa) {
		ew_cursor_skip(&s->c, 3);
		s->type = ew_cursor_be16(&s->c);
		if (!s->c.failed && s->type >= ETHER_TYPE_MIN)
			return EW_STEP_TYPE;
	} else if (!s->c.failed && dsap == 6) {
		return EW_STEP_IPV4;
	}
	if (s->c.failed)
		return ew_decode_fail(s, EW_DECODE_LINK);
	return not_ours(s); /* spanning tree and the like */
}

static enum ew_step
vlan(struct ew_state *s)
{
	const uint16_t tag = ew_cursor_be16(&s->c);
	const uint16_t type = ew_cursor_be16(&s->c);

	if (s->c.failed || ++s->labels > LABELS_MAX)
		return ew_decode_fail(s, EW_DECODE_LINK);
	s->packet->vlan[s->packet->vlan[0] != 0] = tag & 0xfff;
	return type_or_length(s, type);
}

/* RFC 3032; what follows the last label is IP by its version nibble. */
static enum ew_step
mpls(struct ew_state *s)
{
	uint32_t label;

	do {
		label = ew_cursor_be32(&s->c);
		if (s->c.failed || ++s->labels > LABELS_MAX)
			return ew_decode_fail(s, EW_DECODE_LINK);
	} while (!(label & 0x100));
	return EW_STEP_IP;
}

/* RFC 2516 session stage, then PPP's protocol field. */
static enum ew_step
pppoe(struct ew_state *s)
{
	ew_cursor_skip(&s->c, 4);
	const uint16_t length = ew_cursor_be16(&s->c);
	const uint16_t protocol = ew_cursor_be16(&s->c);

	if (s->c.failed || length < 2 || ++s->labels > LABELS_MAX)
		return ew_decode_fail(s, EW_DECODE_LINK);
	ew_state_trim(s, length - 2U);
	if (protocol == 0x0021)
		return EW_STEP_IPV4;
	if (protocol == 0x0057)
		return EW_STEP_IPV6;
	return not_ours(s);
}

static enum ew_step
skip_then_type(struct ew_state *s, size_t bytes)
{
	ew_cursor_skip(&s->c, bytes);
	const uint16_t type = ew_cursor_be16(&s->c);

	if (s->c.failed || ++s->labels > LABELS_MAX)
		return ew_decode_fail(s, EW_DECODE_LINK);
	return type_or_length(s, type);
}

static enum ew_step
arp(struct ew_state *s)
{
	struct ew_arp_info info = { 0 };

	if (!ew_state_wants(s, EW_NOTE_ARP))
		return EW_STEP_DONE;
	if (!ew_decode_arp(&s->c, &s->packet->src, &s->packet->dst, &info))
		return ew_decode_fail(s, EW_DECODE_NOTE);
	s->packet->kind = EW_PACKET_ARP;
	struct ew_packet *packet = ew_state_emit(s);

	ew_state_note(s, packet, EW_NOTE_ARP)->u.arp = info;
	return EW_STEP_DONE;
}

static enum ew_step
by_type(struct ew_state *s)
{
	switch (s->type) {
	case ETHER_IPV4:
		return EW_STEP_IPV4;
	case ETHER_IPV6:
		return EW_STEP_IPV6;
	case ETHER_ARP:
		return arp(s);
	case ETHER_VLAN:
	case ETHER_QINQ:
	case ETHER_QINQ_OLD:
		return vlan(s);
	case ETHER_MPLS:
	case ETHER_MPLS_MULTICAST:
		return mpls(s);
	case ETHER_PPPOE:
		return pppoe(s);
	case ETHER_TEB:
		return EW_STEP_ETHERNET;
	case ETHER_VNTAG: /* 802.1BR's predecessor: four bytes, then a type */
		return skip_then_type(s, 4);
	case ETHER_FABRICPATH: /* a second MAC header follows its two tag bytes */
		ew_cursor_skip(&s->c, 2);
		return ++s->labels > LABELS_MAX ? ew_decode_fail(s, EW_DECODE_LINK)
						: EW_STEP_ETHERNET;
	default:
		return not_ours(s);
	}
}

enum ew_step
ew_decode_link(struct ew_state *s, enum ew_step step)
{
	switch (step) {
	case EW_STEP_ETHERNET:
		return ethernet(s);
	case EW_STEP_SLL:
		return sll(s);
	case EW_STEP_SLL2:
		return sll2(s);
	case EW_STEP_NULL:
		return null_link(s);
	case EW_STEP_TYPE:
		return by_type(s);
	case EW_STEP_LLC:
		return llc(s);
	case EW_STEP_DONE:
	case EW_STEP_IP:
	case EW_STEP_IPV4:
	case EW_STEP_IPV6:
	case EW_STEP_TRANSPORT:
		break;
	}
	return EW_STEP_DONE;
}
