/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a flow to an event: the neutral record is turned so that the initiator is `src`, and
 * conn_state is worked out from both ends, as Zeek's script does (scripts/base/protocols/
 * conn/main.zeek, conn_state). Only wanted kinds are built.
 *
 * A flow's id comes from its first packet's time, its key and a serial number, so that the
 * same input gives the same ids whatever the table's hash, its size or the number of workers.
 */
#include <string.h>

#include "base/time.h"
#include "flow/flow_priv.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Payload bytes by sequence numbers: TCP_Endpoint::Size. */
static uint64_t
tcp_bytes(const struct flow *f, unsigned end)
{
	const struct flow_side *side = &f->side[end];
	const uint64_t last = (uint64_t)side->last_wraps << 32 | side->last;
	const uint64_t ack = (uint64_t)side->ack_wraps << 32 | side->ack;
	const uint64_t start = side->start;

	/* A half-open connection that was given up never carried anything. */
	if (side_previous(side) == TCP_SYN_SENT && side_state(side) == TCP_RESET &&
	    side_state(&f->side[end ^ 1]) == TCP_INACTIVE && ack != start &&
	    ack != start + 1)
		return 0;
	uint64_t size = (last > ack ? last : ack) - start;

	if (size)
		size--; /* SYN */
	if (size && (side->bits & SIDE_SENT_FIN))
		size--;
	return size;
}

/* A SYN and a RST with nothing of the originator between: Zeek has a pattern for it,
 * an optional ^, S, letters other than HAFGIQ, R, anything. */
static bool
is_syn_then_reset(const struct flow_cold *cold)
{
	char text[EW_FLOW_HISTORY_MAX];
	const char *at = text;

	history_text(cold, text);
	if (*at == '^')
		at++;
	if (*at++ != 'S')
		return false;
	return at[strcspn(at, "HAFGIQR")] == 'R';
}

/* The responder reset before anything came about. */
static bool
is_rejected(const struct flow *f, enum tcp_state os)
{
	return os == TCP_SYN_SENT || os == TCP_SYN_ACK_SENT ||
	    (os == TCP_RESET && tcp_bytes(f, 0) == 0 && tcp_bytes(f, 1) == 0);
}

static enum ew_conn_state
tcp_conn_state(const struct flow *f, const struct flow_cold *cold)
{
	const unsigned initiator = initiator_of(f);
	const enum tcp_state os = side_state(&f->side[initiator]);
	const enum tcp_state rs = side_state(&f->side[initiator ^ 1]);
	const bool o_inactive = os == TCP_INACTIVE || os == TCP_PARTIAL;
	const bool r_inactive = rs == TCP_INACTIVE || rs == TCP_PARTIAL;

	if (rs == TCP_RESET) {
		if (is_rejected(f, os))
			return EW_CONN_REJ;
		return o_inactive ? EW_CONN_RSTRH : EW_CONN_RSTR;
	}
	if (os == TCP_RESET) {
		if (!r_inactive)
			return EW_CONN_RSTO;
		return is_syn_then_reset(cold) ? EW_CONN_RSTOS0 : EW_CONN_OTH;
	}
	if (rs == TCP_CLOSED && os == TCP_CLOSED)
		return EW_CONN_SF;
	if (os == TCP_CLOSED)
		return r_inactive ? EW_CONN_SH : EW_CONN_S2;
	if (rs == TCP_CLOSED)
		return o_inactive ? EW_CONN_SHR : EW_CONN_S3;
	if (os == TCP_SYN_SENT && rs == TCP_INACTIVE)
		return EW_CONN_S0;
	if (os == TCP_ESTABLISHED && rs == TCP_ESTABLISHED)
		return EW_CONN_S1;
	return EW_CONN_OTH;
}

enum ew_conn_state
tell_state(const struct flow *f, const struct flow_cold *cold)
{
	if (f->proto == 6)
		return tcp_conn_state(f, cold);
	if (f->proto != 17)
		return EW_CONN_OTH;
	const bool orig = f->side[initiator_of(f)].pkts > 0;
	const bool resp = f->side[initiator_of(f) ^ 1].pkts > 0;

	if (orig)
		return resp ? EW_CONN_SF : EW_CONN_S0;
	return resp ? EW_CONN_SHR : EW_CONN_OTH;
}

uint64_t
tell_flow_id(const struct flow *f, const struct flow_cold *cold)
{
	uint8_t bytes[8 + 40 + 2];

	memcpy(bytes, &cold->first_ns, 8);
	memcpy(bytes + 8, f, 40);
	bytes[48] = f->proto;
	bytes[49] = (uint8_t)history_serial(cold);
	const uint64_t id = XXH3_64bits(bytes, sizeof(bytes));

	return id ? id : 1;
}

static void
fill_side(const struct flow *f, unsigned end, struct ew_flow_side *ret_side)
{
	const struct flow_side *side = &f->side[end];

	ret_side->pkts = side->pkts;
	ret_side->ip_bytes = (uint64_t)side->ip_bytes_high << 32 | side->ip_bytes_low;
	ret_side->bytes =
	    f->proto == 6 ? tcp_bytes(f, end) : (uint64_t)side->ack << 32 | side->last;
}

/* Whether the end's packets were seen where only the end itself can send them. */
static bool
is_proven(const struct ew_flow_table *table, uint32_t point)
{
	return point != 0 && !(point & POINT_OUTGOING) &&
	    points_get(&table->points, point).kind == EW_FLOW_POINT_VETH;
}

static uint16_t
event_flags(const struct ew_flow_table *table, uint32_t slot)
{
	const struct flow *f = &table->flows[slot];
	const unsigned initiator = initiator_of(f);
	uint16_t flags =
	    (uint16_t)((f->bits >> FLOW_HINT_SHIFT & 7) << EW_FLOW_F_HINT_SHIFT);

	if (f->bits & FLOW_DIR_KNOWN)
		flags |= EW_FLOW_F_DIR_KNOWN;
	if (f->bits & FLOW_MIDSTREAM)
		flags |= EW_FLOW_F_MIDSTREAM;
	if (f->bits & FLOW_FLIPPED)
		flags |= EW_FLOW_F_FLIPPED;
	if (table->conf.exact || f->proto != 6)
		flags |= EW_FLOW_F_EXACT;
	if ((f->bits & FLOW_RARE) && table->rare[slot].parent_id != 0)
		return flags; /* inside a tunnel an interface proves nothing */
	if (table->points.count > 0) {
		if (is_proven(table, f->point[initiator]))
			flags |= EW_FLOW_F_SRC_ON_VETH;
		if (is_proven(table, f->point[initiator ^ 1]))
			flags |= EW_FLOW_F_DST_ON_VETH;
	}
	return flags;
}

void
tell_fill(struct ew_flow_table *table, uint32_t slot, struct ew_flow_event *ev)
{
	const struct flow *f = &table->flows[slot];
	const struct flow_cold *cold = &table->cold[slot];
	const unsigned src = initiator_of(f), dst = src ^ 1;

	ev->conn_state = (uint8_t)tell_state(f, cold);
	ev->flags = event_flags(table, slot);
	ev->src_ifindex = f->point[src] & ~POINT_OUTGOING;
	ev->dst_ifindex = f->point[dst] & ~POINT_OUTGOING;
	ev->ts_ns = table->clock_ns;
	ev->flow_id = tell_flow_id(f, cold);
	ev->tuple.src = f->addr[src];
	ev->tuple.dst = f->addr[dst];
	ev->tuple.sport = f->port[src];
	ev->tuple.dport = f->port[dst];
	ev->tuple.proto = f->proto;
	ev->tuple.domain = f->domain & ~DOMAIN_ONE_WAY;
	ev->first_ns = cold->first_ns;
	ev->last_ns = f->last_ns;
	fill_side(f, src, &ev->side[0]);
	fill_side(f, dst, &ev->side[1]);
	ev->src_isn = f->proto == 6 && (f->side[src].bits & SIDE_SENT_SYN)
	    ? f->side[src].start
	    : 0;
	ev->dst_isn = f->proto == 6 && (f->side[dst].bits & SIDE_SENT_SYN)
	    ? f->side[dst].start
	    : 0;
	memset(ev->src_mac, 0, sizeof(ev->src_mac));
	ev->icmp_type = 0;
	ev->icmp_code = 0;
	ev->refused_by_rst = 0;
	ev->turns = 0;
	ev->turn_median_bytes[0] = 0;
	ev->turn_median_bytes[1] = 0;
	memset(ev->history, 0, sizeof(ev->history));
	history_text(cold, ev->history);
	if (f->bits & FLOW_RARE) {
		const struct flow_rare *rare = &table->rare[slot];

		ev->parent_id = rare->parent_id;
		ev->vlan[0] = rare->vlan_outer;
		ev->vlan[1] = rare->vlan_inner;
	} else {
		ev->parent_id = 0;
		ev->vlan[0] = 0;
		ev->vlan[1] = 0;
	}
}

void
tell_event(struct ew_flow_table *table, const struct ew_flow_event *ev)
{
	table->counters.events++;
	table->sink(table->sink_context, ev);
}

void
tell_kind(struct ew_flow_table *table, uint32_t slot, enum ew_flow_kind kind,
    const struct ew_packet *packet)
{
	struct ew_flow_event ev;

	tell_fill(table, slot, &ev);
	ev.kind = (uint8_t)kind;
	if (packet)
		memcpy(ev.src_mac, packet->src_mac, sizeof(ev.src_mac));
	if (kind == EW_FLOW_REFUSED && packet) {
		if (packet->kind == EW_PACKET_ICMP) {
			ev.icmp_type = (uint8_t)packet->sport;
			ev.icmp_code = (uint8_t)packet->dport;
		} else {
			ev.refused_by_rst = 1;
		}
	}
	tell_event(table, &ev);
}

static bool
overlaps_gap(const struct ew_flow_table *table, const struct ew_flow_event *ev)
{
	for (uint32_t i = 0; i < GAPS_MAX && i < table->n_gaps; i++) {
		if (table->gaps[i].from_ns <= ev->last_ns &&
		    table->gaps[i].to_ns >= ev->first_ns)
			return true;
	}
	return false;
}

void
tell_record(struct ew_flow_table *table, uint32_t slot, uint16_t flags)
{
	struct ew_flow_event ev;

	tell_fill(table, slot, &ev);
	ev.kind = EW_FLOW_CLOSE;
	ev.flags |= flags;
	if (table->n_gaps > 0 && overlaps_gap(table, &ev))
		ev.flags |= EW_FLOW_F_GAP;
	tell_event(table, &ev);
}

void
tell_probe(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    unsigned prober)
{
	struct ew_flow_event ev;

	if (!table_wants(table, EW_FLOW_PROBE) ||
	    (table->flows[slot].bits & FLOW_HIDDEN))
		return;
	tell_fill(table, slot, &ev);
	ev.kind = EW_FLOW_PROBE;
	memcpy(ev.src_mac, packet->src_mac, sizeof(ev.src_mac));
	if (prober != initiator_of(&table->flows[slot])) {
		const struct ew_tuple t = ev.tuple;
		const struct ew_flow_side side = ev.side[0];
		const uint32_t ifindex = ev.src_ifindex;
		const uint16_t proofs = EW_FLOW_F_SRC_ON_VETH | EW_FLOW_F_DST_ON_VETH;
		const uint16_t old = ev.flags;

		ev.tuple.src = t.dst;
		ev.tuple.dst = t.src;
		ev.tuple.sport = t.dport;
		ev.tuple.dport = t.sport;
		ev.side[0] = ev.side[1];
		ev.side[1] = side;
		ev.src_ifindex = ev.dst_ifindex;
		ev.dst_ifindex = ifindex;
		ev.flags = (uint16_t)(old & ~proofs);
		if (old & EW_FLOW_F_SRC_ON_VETH)
			ev.flags |= EW_FLOW_F_DST_ON_VETH;
		if (old & EW_FLOW_F_DST_ON_VETH)
			ev.flags |= EW_FLOW_F_SRC_ON_VETH;
	}
	tell_event(table, &ev);
}

void
tell_note(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    const struct ew_note *note)
{
	struct ew_flow_event ev;
	const enum ew_flow_kind kind =
	    note->kind == EW_NOTE_DNS ? EW_FLOW_DNS : EW_FLOW_DHCP;

	if (!table_wants(table, kind))
		return;
	tell_fill(table, slot, &ev);
	ev.kind = (uint8_t)kind;
	memcpy(ev.src_mac, packet->src_mac, sizeof(ev.src_mac));
	if (kind == EW_FLOW_DNS)
		ev.u.dns = note->u.dns;
	else
		ev.u.dhcp = note->u.dhcp;
	tell_event(table, &ev);
}
