/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows without a connection: UDP, ICMP, and every other IP protocol. One record per pair
 * of ends until it has been silent for a minute, as in Zeek (UDP.cc, ICMP.cc,
 * UnknownIPTransport.cc).
 *
 * ICMP has no ports: a type and the type that answers it take their place, so that all
 * pings between two hosts are one flow; a type without an answer stands with its code, and
 * goes one way. SCTP is kept by its ports; Zeek knows it only by its addresses.
 */
#include <string.h>

#include "base/time.h"
#include "flow/flow_priv.h"

/* Both ends have sent, whether what they sent counts or not. */
#define BOTH (ONCE_DATA | ONCE_DATA << 8)

#define PROTO_ICMP 1
#define PROTO_UDP 17
#define PROTO_ICMPV6 58

/*
 * Zeek's likely_server_ports with its default scripts, less those of analyzers that are not
 * about plain UDP or TCP services (scripts/base/init-bare.zeek and each protocol's main.zeek).
 */
static const uint16_t tcp_servers[] = { 21, 22, 25, 53, 79, 80, 81, 88, 135, 139, 143,
	389, 443, 445, 465, 502, 514, 563, 585, 587, 614, 631, 636, 989, 990, 992, 993,
	995, 1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223, 5269, 5432,
	6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000 };
static const uint16_t udp_servers[] = { 53, 67, 88, 123, 137, 161, 162, 389, 443, 514,
	1812, 2123, 2152, 3389, 3544, 4011, 4754, 4789, 5060, 5072, 5353, 5355, 6081,
	20000 };

static bool
contains(const uint16_t *ports, size_t count, uint16_t port)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (ports[middle] == port)
			return true;
		if (ports[middle] < port)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
ports_is_likely_server(uint8_t proto, uint16_t port)
{
	if (proto == PROTO_UDP)
		return contains(udp_servers,
		    sizeof(udp_servers) / sizeof(udp_servers[0]), port);
	return contains(tcp_servers, sizeof(tcp_servers) / sizeof(tcp_servers[0]),
	    port);
}

/* UDPAnalyzer::WantConnection; a broadcast has no one to begin it but its sender. */
bool
udp_begins_flipped(const struct ew_packet *packet)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	return ports_is_likely_server(PROTO_UDP, packet->sport) &&
	    !ports_is_likely_server(PROTO_UDP, packet->dport) &&
	    !(ew_addr_is_v4(&packet->dst) &&
		memcmp(packet->dst.b + 12, broadcast, 4) == 0);
}

/* ICMP4_counterpart and ICMP6_counterpart of ICMP.cc: pairs of types. */
uint16_t
icmp_counterpart(uint8_t proto, uint8_t type, uint8_t code, bool *ret_one_way)
{
	static const uint8_t v4[][2] = { { 8, 0 }, { 13, 14 }, { 15, 16 }, { 10, 9 },
		{ 17, 18 } };
	static const uint8_t v6[][2] = { { 128, 129 }, { 133, 134 }, { 135, 136 },
		{ 130, 131 }, { 139, 140 }, { 144, 145 } };
	const uint8_t(*pairs)[2] = proto == PROTO_ICMP ? v4 : v6;
	const size_t count = proto == PROTO_ICMP ? sizeof(v4) / sizeof(v4[0])
						 : sizeof(v6) / sizeof(v6[0]);

	*ret_one_way = false;
	for (size_t i = 0; i < count; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	*ret_one_way = true;
	return code;
}

/* Messages somebody sends of his own will and waits for: echo, timestamp, mask ... */
static bool
is_request(uint8_t proto, uint16_t type)
{
	switch (type) {
	case 8:
	case 13:
	case 15:
	case 17:
		return proto == PROTO_ICMP;
	case 128:
	case 139:
		return proto == PROTO_ICMPV6;
	default:
		return false;
	}
}

/* Whether the flow is something tried: an ICMP error or a neighbour's question is not. */
static bool
is_attempt(const struct flow *f)
{
	if (f->proto != PROTO_ICMP && f->proto != PROTO_ICMPV6)
		return true;
	return is_request(f->proto, f->port[initiator_of(f)]);
}

static void
add_bytes(struct flow_side *side, uint64_t bytes)
{
	const uint64_t sum = ((uint64_t)side->ack << 32 | side->last) + bytes;

	side->last = (uint32_t)sum;
	side->ack = (uint32_t)(sum >> 32);
}

static void
tell_opening(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet)
{
	struct flow *f = &table->flows[slot];

	if (f->bits & FLOW_FLIPPED)
		return;
	f->bits |= FLOW_DIR_KNOWN;
	if (!is_attempt(f))
		return;
	if (!ew_addr_is_multicast(&packet->dst))
		f->sent |= WAITS_ANSWER;
	tell(table, slot, EW_FLOW_ATTEMPT, packet);
}

/* Both ends have sent: that is all an answer can mean here. */
static void
tell_answer(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet)
{
	struct flow *f = &table->flows[slot];

	table_answered(table, slot);
	f->sent |= SENT_ESTABLISHED;
	if (!is_attempt(f))
		return;
	tell(table, slot, EW_FLOW_ESTABLISHED, packet);
	const struct flow_side *orig = side_of_initiator(f);

	if (f->proto == PROTO_UDP && (orig->last | orig->ack) != 0) {
		f->sent |= SENT_PAYLOAD;
		tell(table, slot, EW_FLOW_PAYLOAD, packet);
	}
}

void
datagram_feed(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end, bool is_new)
{
	struct flow *f = &table->flows[slot];
	struct flow_cold *cold = &table->cold[slot];
	const bool by_orig = end == initiator_of(f);

	if (packet->ts_ns >= cold->first_ns)
		f->last_ns = packet->ts_ns;
	const unsigned mask = by_orig ? ONCE_DATA : ONCE_DATA << 8;

	if (!(cold->seen & mask)) {
		cold->seen |= (uint16_t)mask;
		if (f->proto == PROTO_UDP)
			history_add(cold, by_orig ? 'D' : 'd');
	}
	add_bytes(&f->side[end], packet->payload_bytes);
	if (is_new)
		tell_opening(table, slot, packet);
	else if (!(f->bits & FLOW_ANSWERED) && (cold->seen & BOTH) == BOTH)
		tell_answer(table, slot, packet);
}

int64_t
datagram_deadline(const struct ew_flow_table *table, uint32_t slot)
{
	const struct flow *f = &table->flows[slot];
	const struct ew_flow_timeouts *t = &table->conf.timeouts;

	switch (f->proto) {
	case PROTO_UDP:
		return f->last_ns + t->udp_ns;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return f->last_ns + t->icmp_ns;
	default:
		return f->last_ns + t->other_ns;
	}
}
