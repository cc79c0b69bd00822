/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP, UDP, ICMP, ICMPv6, SCTP and everything else on IP: one packet each, and for some a
 * note about what they carry. UDP and the tunnel protocols lead on to an inner packet.
 *
 * A TCP header that contradicts its IP length gives a packet marked `uncounted`: Zeek makes
 * a connection of it that counts nothing (TCP.cc, ExtractTCP_Header), and so does flow. A
 * header cut by the snap length is whole enough once the first 20 bytes are there.
 */
#include "capture/frame.h"
#include "decode/decode_priv.h"

enum {
	PROTO_ICMP = 1,
	PROTO_IPV4 = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IPV6 = 41,
	PROTO_GRE = 47,
	PROTO_ICMPV6 = 58,
	PROTO_SCTP = 132,
	PORT_DNS = 53,
	PORT_DHCP_SERVER = 67,
	PORT_DHCP_CLIENT = 68,
	PORT_NBNS = 137,
	PORT_DHCP6_CLIENT = 546,
	PORT_DHCP6_SERVER = 547,
	PORT_VXLAN = 4789,
	PORT_MDNS = 5353,
	PORT_LLMNR = 5355,
	PORT_GENEVE = 6081,
	PORT_EPHEMERAL = 1024,
};

static void
start(struct ew_state *s, enum ew_packet_kind kind)
{
	s->packet->kind = (uint8_t)kind;
	s->packet->proto = s->proto;
	s->packet->ip_bytes = s->ip_bytes;
	s->packet->sport = 0;
	s->packet->dport = 0;
	s->packet->payload_bytes = 0;
	s->packet->tcp_flags = 0;
	s->packet->syn_options = EW_SYN_OPTIONS_OTHER;
	s->packet->uncounted = 0;
}

/*
 * Scanners give themselves away by the options they leave out. Their windows are known
 * (detectors.md 3.8), so the options of other SYNs are not read.
 */
uint8_t
ew_decode_syn_options(uint16_t window, const uint8_t *bytes, size_t size,
    size_t captured)
{
	struct ew_cursor c = ew_cursor_over(bytes, size < captured ? size : captured);
	bool mss = false;

	if (window != 1024 && window != 512)
		return EW_SYN_OPTIONS_OTHER;
	if (size == 0)
		return EW_SYN_OPTIONS_NONE;
	while (ew_cursor_left(&c) > 0) {
		const uint8_t kind = ew_cursor_u8(&c);

		if (kind == 0)
			break;
		if (kind == 1)
			continue;
		const uint8_t length = ew_cursor_u8(&c);

		if (length < 2 || kind != 2)
			return EW_SYN_OPTIONS_OTHER;
		mss = true;
		ew_cursor_skip(&c, length - 2U);
	}
	return mss && !c.failed ? EW_SYN_OPTIONS_MSS_ONLY : EW_SYN_OPTIONS_OTHER;
}

/* DNS over TCP: a message that starts in this segment, after its two length bytes. */
static void
tcp_dns(struct ew_state *s, struct ew_packet *packet, uint32_t options)
{
	ew_cursor_skip(&s->c, options);
	const uint16_t length = ew_cursor_be16(&s->c);

	if (s->c.failed || length < 12)
		return;
	struct ew_note *note = ew_state_note(s, packet, EW_NOTE_DNS);

	/* Most segments start in the middle of a message: no error, only no note. */
	if (!ew_decode_dns(&s->c, 0, length, &note->u.dns))
		ew_state_drop_note(s, packet);
}

static enum ew_step
tcp(struct ew_state *s)
{
	const uint32_t size = ew_state_left(s);
	const uint8_t *h = ew_cursor_take(&s->c, 20);

	if (!h)
		return ew_decode_fail(s, EW_DECODE_TRANSPORT);
	struct ew_packet *p = s->packet;
	const uint32_t header = (h[12] >> 4) * 4U;

	start(s, EW_PACKET_TCP);
	p->sport = (uint16_t)(h[0] << 8 | h[1]);
	p->dport = (uint16_t)(h[2] << 8 | h[3]);
	p->seq =
	    (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	p->ack =
	    (uint32_t)h[8] << 24 | (uint32_t)h[9] << 16 | (uint32_t)h[10] << 8 | h[11];
	p->tcp_flags = h[13] & 0x3f;
	p->window = (uint16_t)(h[14] << 8 | h[15]);
	if (header < 20 || header > size) {
		p->uncounted = 1;
		s->decoder->counters.errors[EW_DECODE_TRANSPORT]++;
		ew_state_emit(s);
		return EW_STEP_DONE;
	}
	p->payload_bytes = size - header;
	if (p->tcp_flags & EW_TCP_SYN)
		p->syn_options = ew_decode_syn_options(p->window, s->c.pos, header - 20,
		    ew_cursor_left(&s->c));
	struct ew_packet *packet = ew_state_emit(s);

	if ((packet->dport == PORT_DNS || packet->sport == PORT_DNS) &&
	    packet->payload_bytes > 2 && ew_state_wants(s, EW_NOTE_DNS))
		tcp_dns(s, packet, header - 20);
	return EW_STEP_DONE;
}

/* Which of DNS's kin speaks on this port; -1 none. */
static int
dns_kind(uint16_t port)
{
	switch (port) {
	case PORT_DNS:
		return 0;
	case PORT_MDNS:
		return 1;
	case PORT_LLMNR:
		return 2;
	case PORT_NBNS:
		return 3;
	default:
		return -1;
	}
}

static void
bad_note(struct ew_state *s, struct ew_packet *packet)
{
	ew_state_drop_note(s, packet);
	s->decoder->counters.errors[EW_DECODE_NOTE]++;
}

static void
udp_note(struct ew_state *s, struct ew_packet *packet)
{
	int kind = dns_kind(packet->dport);
	const uint16_t port = packet->dport;
	bool sound;

	if (kind < 0)
		kind = dns_kind(packet->sport);
	if (kind >= 0 && ew_state_wants(s, EW_NOTE_DNS)) {
		struct ew_note *note = ew_state_note(s, packet, EW_NOTE_DNS);

		sound = ew_decode_dns(&s->c, (uint8_t)kind, packet->payload_bytes,
		    &note->u.dns);
	} else if ((port == PORT_DHCP_SERVER || port == PORT_DHCP_CLIENT) &&
	    ew_state_wants(s, EW_NOTE_DHCP)) {
		struct ew_note *note = ew_state_note(s, packet, EW_NOTE_DHCP);

		sound = ew_decode_dhcp(&s->c, &note->u.dhcp);
	} else if ((port == PORT_DHCP6_SERVER || port == PORT_DHCP6_CLIENT) &&
	    ew_state_wants(s, EW_NOTE_DHCP)) {
		struct ew_note *note = ew_state_note(s, packet, EW_NOTE_DHCP);

		sound = ew_decode_dhcp6(&s->c, &note->u.dhcp);
	} else {
		return;
	}
	if (!sound)
		bad_note(s, packet);
}

/*
 * A tunnel is known by its port. The destination decides; the answer of a symmetric tunnel
 * comes from that port, as Zeek sees it by the connection's responder port (UDP.cc).
 */
static bool
is_tunnel(const struct ew_packet *packet, uint16_t port)
{
	return packet->dport == port ||
	    (packet->sport == port && packet->dport >= PORT_EPHEMERAL);
}

static enum ew_step
udp(struct ew_state *s)
{
	const uint32_t size = ew_state_left(s);
	const uint8_t *h = ew_cursor_take(&s->c, 8);

	if (!h)
		return ew_decode_fail(s, EW_DECODE_TRANSPORT);
	struct ew_packet *p = s->packet;
	const uint32_t length = (uint32_t)(h[4] << 8 | h[5]);

	start(s, EW_PACKET_UDP);
	p->sport = (uint16_t)(h[0] << 8 | h[1]);
	p->dport = (uint16_t)(h[2] << 8 | h[3]);
	/* 0 is a jumbogram (RFC 2675) or a GSO packet; 1 to 7 is nonsense. */
	p->payload_bytes = (length >= 8 ? length : size) - 8;
	struct ew_packet *packet = ew_state_emit(s);

	if (is_tunnel(packet, PORT_VXLAN))
		return ew_decode_vxlan(s);
	if (is_tunnel(packet, PORT_GENEVE))
		return ew_decode_geneve(s);
	udp_note(s, packet);
	return EW_STEP_DONE;
}

static bool
is_error(uint8_t proto, uint8_t type)
{
	if (proto == PROTO_ICMPV6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 11 || type == 12;
}

static enum ew_step
icmp(struct ew_state *s)
{
	const uint32_t size = ew_state_left(s);
	const uint8_t *h = ew_cursor_take(&s->c, 8);

	if (!h)
		return ew_decode_fail(s, EW_DECODE_TRANSPORT);
	start(s, EW_PACKET_ICMP);
	s->packet->sport = h[0];
	s->packet->dport = h[1];
	s->packet->payload_bytes = size - 8;
	/* Zeek counts no packet of an ICMP message it has not seen whole (ICMP.cc). */
	s->packet->uncounted = s->missing > 0;
	struct ew_packet *packet = ew_state_emit(s);

	if (is_error(s->proto, h[0]) && ew_state_wants(s, EW_NOTE_QUOTE)) {
		struct ew_note *note = ew_state_note(s, packet, EW_NOTE_QUOTE);

		if (!ew_decode_quote(&s->c, &note->u.quote))
			bad_note(s, packet);
	} else if (s->proto == PROTO_ICMPV6 && h[0] >= 133 && h[0] <= 137 &&
	    ew_state_wants(s, EW_NOTE_NDP)) {
		struct ew_note *note = ew_state_note(s, packet, EW_NOTE_NDP);

		s->c.pos = h + 4; /* the flags stand in the fixed part */
		if (!ew_decode_ndp(&s->c, h[0], &note->u.ndp))
			bad_note(s, packet);
	}
	return EW_STEP_DONE;
}

static enum ew_step
sctp(struct ew_state *s)
{
	const uint8_t *h = ew_cursor_take(&s->c, 12);

	if (!h)
		return ew_decode_fail(s, EW_DECODE_TRANSPORT);
	start(s, EW_PACKET_SCTP);
	s->packet->sport = (uint16_t)(h[0] << 8 | h[1]);
	s->packet->dport = (uint16_t)(h[2] << 8 | h[3]);
	ew_state_emit(s);
	return EW_STEP_DONE;
}

enum ew_step
ew_decode_transport(struct ew_state *s)
{
	switch (s->proto) {
	case PROTO_TCP:
		return tcp(s);
	case PROTO_UDP:
		return udp(s);
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return icmp(s);
	case PROTO_SCTP:
		return sctp(s);
	case PROTO_IPV4:
	case PROTO_IPV6:
		start(s, EW_PACKET_TUNNEL);
		return ew_decode_ip_in_ip(s);
	case PROTO_GRE:
		start(s, EW_PACKET_TUNNEL);
		return ew_decode_gre(s);
	default:
		start(s, EW_PACKET_OTHER);
		ew_state_emit(s);
		return EW_STEP_DONE;
	}
}
