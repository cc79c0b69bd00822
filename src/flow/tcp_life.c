/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a TCP flow begins, whose it is, when its ports are somebody else's, and when it is
 * over. The rules are Zeek's (TCP.cc, TCPSessionAdapter.cc); deadlines are packet times.
 */
#include "base/time.h"
#include "flow/flow_priv.h"

/* tcp_session_timer and tcp_connection_linger of Zeek's init-bare.zeek. */
#define SESSION_NS (6 * EW_NS_PER_S)
#define LINGER_NS (5 * EW_NS_PER_S)

/* TCPSessionAdapter::IsReuse: a SYN that cannot belong to the connection in the table. */
bool
tcp_is_reuse(const struct flow *f, const struct ew_packet *packet)
{
	const unsigned initiator = initiator_of(f);
	const struct flow_side *orig = &f->side[initiator];
	const struct flow_side *resp = &f->side[initiator ^ 1];
	const bool ack = packet->tcp_flags & EW_TCP_ACK;

	if (!(packet->tcp_flags & EW_TCP_SYN))
		return false;
	if (ack && side_state(orig) != TCP_INACTIVE)
		return false;
	if ((orig->bits | resp->bits) & SIDE_DID_CLOSE)
		return true;
	if (packet->seq == (ack ? resp : orig)->start)
		return false;
	/* The SYN of a SYN-ACK that came first. */
	return !(!ack && side_state(orig) == TCP_SYN_ACK_SENT &&
	    side_state(resp) == TCP_INACTIVE && packet->seq == resp->start);
}

/* TCPAnalyzer::WantConnection: guess by the ports when it does not begin with a SYN. */
bool
tcp_begins_flipped(const struct ew_packet *packet)
{
	const uint8_t flags = packet->tcp_flags;

	if ((flags & EW_TCP_SYN) && !(flags & EW_TCP_ACK))
		return false;
	if (!ports_is_likely_server(packet->proto, packet->sport))
		return false;
	if (!ports_is_likely_server(packet->proto, packet->dport))
		return true;
	return !(flags & EW_TCP_SYN) && packet->sport < packet->dport;
}

static bool
is_interactive(const struct flow *f)
{
	switch (f->port[initiator_of(f) ^ 1]) {
	case 21:
	case 22:
	case 23:
	case 513:
		return true;
	default:
		return false;
	}
}

int64_t
tcp_deadline(const struct ew_flow_table *table, uint32_t slot)
{
	const struct flow *f = &table->flows[slot];
	const struct flow_side *orig = &f->side[initiator_of(f)];
	const struct flow_side *resp = &f->side[initiator_of(f) ^ 1];
	const enum tcp_state os = side_state(orig), rs = side_state(resp);
	const int64_t first = table->cold[slot].first_ns;
	const struct ew_flow_timeouts *t = &table->conf.timeouts;

	if (f->bits & FLOW_CLOSING) {
		const uint32_t ms = table->cold[slot].ms;

		return (ms == UINT32_MAX ? f->last_ns : first + ms * EW_NS_PER_MS) +
		    t->tcp_close_ns;
	}
	if (rs == TCP_INACTIVE && (os == TCP_SYN_SENT || os == TCP_SYN_ACK_SENT))
		return first + t->tcp_attempt_ns;
	if (rs == TCP_INACTIVE && os == TCP_INACTIVE)
		return first + LINGER_NS + SESSION_NS;
	if (((orig->bits | resp->bits) & SIDE_DID_CLOSE) &&
	    (os == TCP_RESET || rs == TCP_RESET)) {
		/* ExpireTimer runs every 6 s and looks for 5 s of silence. */
		int64_t run = first + LINGER_NS;

		if (f->last_ns >= first)
			run += (f->last_ns - first) / SESSION_NS * SESSION_NS;
		while (run <= f->last_ns + LINGER_NS)
			run += SESSION_NS;
		return run < f->last_ns + SESSION_NS ? run : f->last_ns + SESSION_NS;
	}
	if ((f->bits & FLOW_HANDSHAKE) && is_interactive(f))
		return f->last_ns + t->tcp_interactive_ns;
	return f->last_ns + t->tcp_idle_ns;
}
