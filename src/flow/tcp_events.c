/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TCP segment means to those who watch, beyond Zeek's record: a connection is tried,
 * comes about, is refused or dropped half-open, carries data, or was no connection at all
 * but a probe (detectors.md 1.2 has the definitions).
 *
 * The events must be the same whether every packet is seen or only those the kernel filter
 * passes. So nothing here depends on a bare ACK or on a data segment in the middle: data
 * shows also in the sequence number of the FIN or RST, and in what the peer acknowledges.
 */
#include <string.h>

#include "base/time.h"
#include "flow/flow_priv.h"

/* A client that means it does not reset within this time; a scanner's kernel does at once. */
#define ESTABLISHED_NS (50 * EW_NS_PER_MS)
#define HALFOPEN_NS (2 * EW_NS_PER_S)

static uint32_t
low_address(const struct ew_addr *addr)
{
	const uint8_t *b = addr->b + 12;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Detectors.md 3.8; measured on the tools themselves, and for ZMap Durumeric et al. 2014. */
static enum ew_tool_hint
tool_of(const struct ew_packet *p)
{
	const uint16_t cookie = (uint16_t)(low_address(&p->dst) ^ p->dport ^ p->seq);

	if (p->window == 1024 && p->syn_options == EW_SYN_OPTIONS_NONE &&
	    p->ttl > 192 && p->ip_id == cookie)
		return EW_TOOL_MASSCAN;
	if (p->ip_id == 54321)
		return EW_TOOL_ZMAP;
	if (p->window == 1024 && p->syn_options == EW_SYN_OPTIONS_MSS_ONLY)
		return EW_TOOL_NMAP;
	if (p->window == 512 && p->syn_options == EW_SYN_OPTIONS_NONE)
		return EW_TOOL_HPING;
	return EW_TOOL_NONE;
}

void
tcp_tell_first_syn(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet)
{
	struct flow *f = &table->flows[slot];

	f->bits |= (uint16_t)(FLOW_DIR_KNOWN | tool_of(packet) << FLOW_HINT_SHIFT);
	f->sent |= WAITS_ANSWER;
	tell(table, slot, EW_FLOW_ATTEMPT, packet);
}

static void
tell_opening(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    unsigned end)
{
	struct flow *f = &table->flows[slot];
	const uint8_t flags = packet->tcp_flags;

	if ((flags & EW_TCP_SYN) && !(flags & (EW_TCP_ACK | EW_TCP_RST | EW_TCP_FIN))) {
		tcp_tell_first_syn(table, slot, packet);
		return;
	}
	f->bits |= FLOW_MIDSTREAM;
	table->counters.midstream++;
	tell(table, slot, EW_FLOW_MIDSTREAM, packet);
	/* The answer to an ACK probe, RFC 9293 3.10.7.1; the probe itself may be unseen. */
	if ((flags & (EW_TCP_RST | EW_TCP_ACK | EW_TCP_SYN | EW_TCP_FIN)) ==
	    EW_TCP_RST) {
		f->sent |= SENT_PROBE;
		tell_probe(table, slot, packet, end ^ 1);
	}
}

/* Nothing but FIN, ACK or flagless segments without data, and a RST for an answer. */
static void
tell_probe_answer(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end)
{
	struct flow *f = &table->flows[slot];
	char text[EW_FLOW_HISTORY_MAX];

	history_text(&table->cold[slot], text);
	const size_t probes = strspn(text, "^FAfa");
	const bool ack_probe = strpbrk(text, "Aa") != NULL;

	if ((f->sent & SENT_PROBE) || (text[probes] | 0x20) != 'r' ||
	    text[probes + 1] != '\0' || (ack_probe && (packet->tcp_flags & EW_TCP_ACK)))
		return;
	f->sent |= SENT_PROBE;
	tell_probe(table, slot, packet, end ^ 1);
}

static void
tell_established(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet)
{
	struct flow *f = &table->flows[slot];

	if (!(f->sent & WAITS_ESTABLISHED))
		return;
	f->sent = (uint8_t)((f->sent & ~WAITS_ESTABLISHED) | SENT_ESTABLISHED);
	tell(table, slot, EW_FLOW_ESTABLISHED, packet);
}

static bool
is_client_data(const struct flow *f, const struct ew_packet *p, bool by_orig)
{
	const struct flow_side *orig = &f->side[initiator_of(f)];

	if (by_orig) {
		if (p->payload_bytes > 0 && !(p->tcp_flags & EW_TCP_RST))
			return true;
		return (p->tcp_flags & (EW_TCP_FIN | EW_TCP_RST)) &&
		    (int32_t)(p->seq - orig->start) > 1;
	}
	if (!(p->tcp_flags & EW_TCP_ACK) || (p->tcp_flags & EW_TCP_RST))
		return false;
	int32_t acked = (int32_t)(p->ack - orig->start);

	if ((orig->bits & SIDE_SENT_FIN) && p->ack == orig->last)
		acked--;
	return acked > 1;
}

/* The initiator's RST on an answered SYN, before anything was said. */
static void
tell_halfopen(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, uint32_t answered_ms)
{
	struct flow *f = &table->flows[slot];
	const struct flow_side *orig = side_of_initiator(f);
	const int64_t answered =
	    table->cold[slot].first_ns + (int64_t)answered_ms * EW_NS_PER_MS;

	if ((f->sent & (SENT_HALFOPEN | SENT_PAYLOAD)) ||
	    packet->seq != (uint32_t)(orig->start + 1) ||
	    packet->ts_ns - answered > HALFOPEN_NS)
		return;
	f->sent = (uint8_t)((f->sent & ~WAITS_ESTABLISHED) | SENT_HALFOPEN);
	tell(table, slot, EW_FLOW_HALFOPEN, packet);
}

void
tcp_tell(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    unsigned end, const struct tcp_before *before)
{
	struct flow *f = &table->flows[slot];
	const bool by_orig = end == initiator_of(f);
	const uint8_t flags = packet->tcp_flags;
	const bool rst = flags & EW_TCP_RST;

	if (by_orig && (flags & (EW_TCP_SYN | EW_TCP_ACK)) == EW_TCP_SYN)
		f->bits |= FLOW_DIR_KNOWN;
	if (before->is_new)
		tell_opening(table, slot, packet, end);
	if ((f->bits & FLOW_HANDSHAKE) && (f->bits & FLOW_DIR_KNOWN) &&
	    !(f->bits & FLOW_CLOSING) &&
	    !(f->sent & (SENT_ESTABLISHED | WAITS_ESTABLISHED | SENT_HALFOPEN))) {
		const int64_t ms =
		    (packet->ts_ns - table->cold[slot].first_ns) / EW_NS_PER_MS;

		table->cold[slot].ms = ms < 0 || ms > INT32_MAX ? 0 : (uint32_t)ms;
		f->sent |= WAITS_ESTABLISHED;
		if (table_wants(table, EW_FLOW_ESTABLISHED))
			table_look_at(table, slot, packet->ts_ns + ESTABLISHED_NS);
	}
	if (rst && !by_orig && before->from == TCP_INACTIVE &&
	    before->to == TCP_SYN_SENT && !(f->sent & SENT_REFUSED)) {
		f->sent |= SENT_REFUSED;
		tell(table, slot, EW_FLOW_REFUSED, packet);
	} else if (rst && before->from == TCP_INACTIVE && !before->is_new &&
	    (f->bits & FLOW_MIDSTREAM)) {
		tell_probe_answer(table, slot, packet, end);
	}
	if (rst && by_orig && (f->bits & FLOW_HANDSHAKE))
		tell_halfopen(table, slot, packet, before->ms);
	if (!(f->sent & (SENT_PAYLOAD | SENT_HALFOPEN)) &&
	    (f->bits & (FLOW_HANDSHAKE | FLOW_MIDSTREAM)) &&
	    !((flags & EW_TCP_SYN) && by_orig) && is_client_data(f, packet, by_orig)) {
		tell_established(table, slot, packet);
		f->sent |= SENT_PAYLOAD;
		tell(table, slot, EW_FLOW_PAYLOAD, packet);
	}
	if (f->bits & FLOW_CLOSING)
		tell_established(table, slot, packet);
}
