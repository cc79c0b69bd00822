/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ICMP error quotes the packet it complains about. If that packet opened a flow which
 * nobody has answered, the flow was refused. The quote is the sender's word: anyone can
 * send one, so it only marks an open, unanswered flow, once.
 */
#include "flow/flow_priv.h"
#include "flow/index_priv.h"

/* Unreachable and prohibited; "fragmentation needed" (3, 4) refuses a size, not a flow. */
static bool
is_refusal(const struct ew_packet *packet)
{
	if (packet->proto == 58)
		return packet->sport == 1;
	return packet->sport == 3 && packet->dport != 4;
}

void
refused_feed(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_icmp_quote *quote, uint32_t domain)
{
	struct flow_key key;
	uint16_t dport = quote->dport;
	bool one_way = false;

	if (!is_refusal(packet) || !quote->has_ports)
		return;
	if (quote->proto == 1 || quote->proto == 58)
		dport = icmp_counterpart(quote->proto, (uint8_t)quote->sport,
		    (uint8_t)quote->dport, &one_way);
	const unsigned end = table_key(&quote->src, quote->sport, &quote->dst, dport,
	    quote->proto, domain, one_way, &key);
	const uint32_t slot = table_find(table, &key);

	if (slot == NO_SLOT)
		return;
	struct flow *f = &table->flows[slot];

	if (end != initiator_of(f) || (f->bits & FLOW_ANSWERED) ||
	    (f->sent & SENT_REFUSED) || one_way)
		return;
	f->sent = (uint8_t)((f->sent & ~WAITS_ANSWER) | SENT_REFUSED);
	tell(table, slot, EW_FLOW_REFUSED, packet);
}
