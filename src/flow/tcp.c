/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * A TCP connection as Zeek sees it.
 *
 * Each end has a state, and the one before it; a connection's conn_state, history and byte
 * counts follow from both ends' states and sequence numbers (tell.c). The rules, and the
 * order in which a segment changes things, are those of Zeek 9 (TCPSessionAdapter.cc,
 * TCP_Endpoint.cc; function names in the comments below), because analysts know them and
 * because they were found by watching odd TCPs for decades. What differs:
 *
 * - there is no stream reassembly: no history letter g, and a close is not put off until
 *   missing data has been acknowledged (ConnectionClosed, DataPending);
 * - checksums are not judged, so there is no letter c.
 *
 * Ends are numbered by the sorted key. Which of them is the originator is a bit of the
 * flow, so that a flip in the middle of a segment, as Zeek does, costs nothing and leaves
 * nothing behind.
 */
#include "flow/flow_priv.h"

#include "base/time.h"

/* SYN and RST sequence jumps beyond this are not believed (TOO_LARGE_SEQ_DELTA). */
#define SEQ_DELTA_MAX 1048576

/* One segment's journey. */
struct segment {
	struct ew_flow_table *table;
	struct flow *f;
	struct flow_cold *cold;
	const struct ew_packet *p;
	struct flow_side *from;
	struct flow_side *to;
	uint32_t slot;
	unsigned end; /* who sent it */
	bool by_orig; /* as of the segment's arrival: a flip does not change it */
};

static inline int32_t
seq_delta(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline uint64_t
full(uint32_t seq, uint16_t wraps)
{
	return (uint64_t)wraps << 32 | seq;
}

static void
set_state(struct flow_side *side, enum tcp_state state)
{
	if (side_state(side) != state)
		side->states = (uint8_t)(state | side_state(side) << 4);
}

static void
begin_at(struct flow_side *side, uint32_t start, uint32_t last)
{
	side->start = start;
	side->ack = start;
	side->last = last;
}

/* Zeek's init_endpoint: where this end's sequence numbers begin. */
static void
init_sender(struct segment *s, uint32_t past_segment)
{
	struct flow_side *from = s->from;
	const uint32_t seq = s->p->seq;
	const bool syn = s->p->tcp_flags & EW_TCP_SYN;

	switch (side_state(from)) {
	case TCP_INACTIVE:
		if (syn)
			begin_at(from, seq, past_segment);
		else /* as if a SYN had been there; and the first segment is no repetition */
			begin_at(from, seq - 1, seq);
		break;
	case TCP_SYN_SENT:
	case TCP_SYN_ACK_SENT:
		if (syn && seq != from->start)
			begin_at(from, seq, past_segment);
		break;
	case TCP_ESTABLISHED:
	case TCP_PARTIAL:
		if (syn)
			begin_at(from, seq, past_segment);
		break;
	case TCP_RESET:
		/* A RST seen before the SYN may have been forged: start over. */
		if (syn && side_previous(from) == TCP_INACTIVE)
			begin_at(from, seq, past_segment);
		break;
	case TCP_CLOSED:
		break;
	}
	if (syn)
		from->bits |= SIDE_SENT_SYN;
}

/* Zeek's get_relative_seq: cur relative to the side's start, given the highest seen. */
static uint64_t
relative(const struct flow_side *side, uint32_t cur, uint32_t last, uint16_t wraps,
    bool *ret_underflow)
{
	const int32_t delta = seq_delta(cur, last);

	*ret_underflow = false;
	if (delta < 0 && wraps && cur > last)
		wraps--;
	else if (delta > 0 && cur < last)
		wraps++;
	if (wraps == 0) {
		const int32_t from_start = seq_delta(cur, side->start);

		*ret_underflow = from_start < 0;
		return (uint64_t)(int64_t)from_start;
	}
	return full(cur, wraps) - side->start;
}

static void
flip(struct flow *f)
{
	f->bits ^= FLOW_INITIATOR;
	f->bits |= FLOW_FLIPPED;
	f->side[0].bits &= (uint8_t) ~(SIDE_SEEN_DATA | SIDE_SEEN_ACK);
	f->side[1].bits &= (uint8_t) ~(SIDE_SEEN_DATA | SIDE_SEEN_ACK);
}

static inline uint16_t
fold(uint64_t seq)
{
	return (uint16_t)(seq ^ seq >> 16);
}

static char
letter_for(const struct segment *s, char letter)
{
	const bool by_orig = s->end == initiator_of(s->f);

	return by_orig ? letter : (char)(letter - 'A' + 'a');
}

/*
 * Note letter the first time its mask is new for the sender's side (TCP_Endpoint::
 * CheckHistory). Masks belong to originator and responder, not to ends: after a flip
 * Zeek's stay where they were, and so do ours.
 */
static bool
seen_before(struct segment *s, unsigned once, char letter)
{
	if ((letter == 'A' || letter == 'D') && history_is(s->cold, 'H')) {
		/* It began with a SYN-ACK, and now something productive follows: no
		 * stealth scan, the SYN was missed. */
		flip(s->f);
		history_replace(s->cold, "^h");
	}
	const bool by_orig = s->end == initiator_of(s->f);
	const unsigned mask = by_orig ? once : once << 8;

	if (s->cold->seen & mask)
		return true;
	s->cold->seen |= (uint16_t)mask;
	history_add(s->cold, letter_for(s, letter));
	return false;
}

/* Note letter again if the sequence number of its kind changed. */
static void
note_control(struct segment *s, unsigned once, char letter, uint16_t *last,
    uint64_t seq)
{
	if (seen_before(s, once, letter) && *last != fold(seq))
		history_add(s->cold, letter_for(s, letter));
	*last = fold(seq);
}

static void
update_history(struct segment *s, uint64_t rel_seq)
{
	const uint8_t flags = s->p->tcp_flags;
	const uint32_t bytes = s->p->payload_bytes;
	const unsigned control = flags & (EW_TCP_SYN | EW_TCP_FIN | EW_TCP_RST);
	const unsigned end = s->end;

	switch (control) {
	case 0:
		if (bytes) {
			(void)seen_before(s, ONCE_DATA, 'D');
			s->from->bits |= SIDE_SEEN_DATA;
		} else if (flags & EW_TCP_ACK) {
			(void)seen_before(s, ONCE_ACK, 'A');
			s->from->bits |= SIDE_SEEN_ACK;
		}
		break;
	case EW_TCP_SYN:
		note_control(s, ONCE_SYN, flags & EW_TCP_ACK ? 'H' : 'S',
		    &s->cold->last_syn[end], rel_seq);
		break;
	case EW_TCP_FIN:
		note_control(s, ONCE_FIN, 'F', &s->cold->last_fin[end],
		    rel_seq + bytes);
		break;
	case EW_TCP_RST:
		note_control(s, ONCE_RST, 'R', &s->cold->last_rst[end], rel_seq);
		break;
	case EW_TCP_FIN | EW_TCP_RST:
	case EW_TCP_FIN | EW_TCP_RST | EW_TCP_SYN:
		(void)seen_before(s, ONCE_FIN_RST, 'I');
		break;
	default:
		(void)seen_before(s, ONCE_MULTI, 'Q');
		break;
	}
}

/* Session::ScaledHistoryEntry: the 1st, 10th, 100th ... time. */
static void
note_scaled(struct segment *s, char letter, uint16_t *count)
{
	if (*count == UINT16_MAX)
		return;
	const uint16_t n = ++*count;

	if (n == 1 || n == 10 || n == 100 || n == 1000 || n == 10000)
		history_add(s->cold, letter_for(s, letter));
}

/* update_window: a closed window, unless it no longer matters. */
static void
note_window(struct segment *s)
{
	if (s->p->window != 0 || (s->p->tcp_flags & EW_TCP_RST) ||
	    side_state(s->to) == TCP_CLOSED || side_state(s->from) == TCP_RESET)
		return;
	struct flow_rare *rare = table_rare(s->table, s->slot);
	uint16_t count = s->end ? rare->zero_window_1 : rare->zero_window_0;

	if (count > 10)
		return;
	note_scaled(s, 'W', &count);
	if (s->end)
		rare->zero_window_1 = count & 15;
	else
		rare->zero_window_0 = count & 15;
}

/* Zeek's init_peer and update_ack_seq: what this segment says of the other end's bytes. */
static void
update_ack(struct segment *s)
{
	struct flow_side *to = s->to;
	const uint32_t ack = s->p->ack;
	bool underflow;

	if (side_state(to) == TCP_INACTIVE) {
		begin_at(to, ack - 1, ack - 1);
		return;
	}
	(void)relative(to, ack, to->ack, to->ack_wraps, &underflow);
	if (underflow || (s->p->tcp_flags & EW_TCP_RST))
		return;
	const int32_t delta = seq_delta(ack, to->ack);

	/* An acknowledgement of 0 far ahead is a broken one. */
	if (delta <= 0 || (ack == 0 && delta > SEQ_DELTA_MAX))
		return;
	if (ack < to->ack)
		to->ack_wraps++;
	to->ack = ack;
}

/* Zeek's update_last_seq. */
static void
update_last(struct segment *s, uint32_t past_segment)
{
	struct flow_side *from = s->from;
	const uint8_t flags = s->p->tcp_flags;
	const int32_t delta = seq_delta(past_segment, from->last);

	if ((flags & (EW_TCP_SYN | EW_TCP_RST)) &&
	    (delta > SEQ_DELTA_MAX || delta < -SEQ_DELTA_MAX))
		return;
	/* More than 2 GiB of which only SYN and FIN were seen: believe the FIN. */
	const bool fin_after_syn =
	    (flags & EW_TCP_FIN) && from->last == (uint32_t)(from->start + 1);

	if (fin_after_syn || (side_state(from) != TCP_RESET && delta > 0)) {
		if (past_segment < from->last)
			from->last_wraps++;
		from->last = past_segment;
	} else if (side_state(from) != TCP_RESET && s->p->payload_bytes > 0) {
		note_scaled(s, 'T',
		    &table_rare(s->table, s->slot)->retransmitted[s->end]);
	}
}

/* UpdateInactiveState: the first segment of an end that changes its state. */
static bool
from_inactive(struct segment *s)
{
	const uint8_t flags = s->p->tcp_flags;
	bool close = false;

	if (flags & EW_TCP_SYN) {
		if (s->by_orig) {
			set_state(s->from,
			    flags & EW_TCP_ACK ? TCP_SYN_ACK_SENT : TCP_SYN_SENT);
		} else {
			if (!(flags & EW_TCP_ACK) &&
			    side_state(s->to) == TCP_SYN_ACK_SENT &&
			    s->p->seq == s->from->start) {
				/* SYN and SYN-ACK came in the wrong order. */
				flip(s->f);
				history_add(s->cold, '^');
				set_state(s->to, TCP_ESTABLISHED);
			}
			if (side_state(s->to) == TCP_SYN_SENT)
				set_state(s->to, TCP_ESTABLISHED);
			set_state(s->from, TCP_ESTABLISHED);
			if (side_state(s->to) != TCP_PARTIAL)
				s->f->bits |= FLOW_HANDSHAKE;
		}
	}
	if (flags & EW_TCP_FIN) {
		set_state(s->from, TCP_CLOSED);
		close = true;
	}
	if (flags & EW_TCP_RST) {
		set_state(s->from, TCP_RESET);
		close = true;
	}
	if (side_state(s->from) != TCP_INACTIVE)
		return close;
	/* Some TCPs acknowledge a SYN before they answer it. */
	if (!s->by_orig && s->p->payload_bytes == 0 &&
	    side_state(side_of_initiator(s->f)) == TCP_SYN_SENT)
		return close;
	if ((flags & EW_TCP_ACK) && side_state(s->to) == TCP_ESTABLISHED)
		set_state(s->from, TCP_ESTABLISHED); /* its SYN was missed */
	else
		set_state(s->from, TCP_PARTIAL);
	return close;
}

/* UpdateEstablishedState, and UpdateSYN_SentState which differs in nothing that we keep. */
static bool
from_open(struct segment *s)
{
	const uint8_t flags = s->p->tcp_flags;
	const enum tcp_state state = side_state(s->from);
	const bool opening = state == TCP_SYN_SENT || state == TCP_SYN_ACK_SENT;
	bool close = false;

	if ((flags & EW_TCP_SYN) && !(flags & EW_TCP_ACK) && state == TCP_PARTIAL &&
	    side_state(s->to) == TCP_INACTIVE)
		set_state(s->from, TCP_SYN_SENT);
	if ((flags & EW_TCP_FIN) && (opening || !(flags & EW_TCP_RST))) {
		set_state(s->from, TCP_CLOSED);
		/* The peer's FIN and RST were an ordinary end after all. */
		if (!opening && side_state(s->to) == TCP_RESET &&
		    side_previous(s->to) == TCP_CLOSED)
			set_state(s->to, TCP_CLOSED);
		close = true;
	}
	if (flags & EW_TCP_RST) {
		set_state(s->from, TCP_RESET);
		close = true;
	}
	return close;
}

static bool
update_state(struct segment *s)
{
	switch (side_state(s->from)) {
	case TCP_INACTIVE:
		return from_inactive(s);
	case TCP_SYN_SENT:
	case TCP_SYN_ACK_SENT:
	case TCP_PARTIAL:
	case TCP_ESTABLISHED:
		return from_open(s);
	case TCP_CLOSED:
		/* A RST after an exchange of FINs changes nothing. */
		if ((s->p->tcp_flags & EW_TCP_RST) && side_state(s->to) != TCP_CLOSED) {
			set_state(s->from, TCP_RESET);
			return !(s->from->bits & SIDE_DID_CLOSE);
		}
		return false;
	case TCP_RESET:
		break;
	}
	return false;
}

/* ConnectionClosed: when nothing more is to be expected, the flow goes after a delay. */
static void
note_close(struct segment *s)
{
	if (s->from->bits & SIDE_DID_CLOSE)
		return;
	s->from->bits |= SIDE_DID_CLOSE;
	const bool complete = side_state(s->from) == TCP_RESET ||
	    (s->to->bits & SIDE_DID_CLOSE) || side_state(s->to) == TCP_INACTIVE;

	if (!complete || (s->f->bits & FLOW_CLOSING))
		return;
	const int64_t age = s->f->last_ns - s->cold->first_ns + EW_NS_PER_MS - 1;

	s->f->bits |= FLOW_CLOSING;
	s->cold->ms = age / EW_NS_PER_MS > UINT32_MAX ? UINT32_MAX
						      : (uint32_t)(age / EW_NS_PER_MS);
	table_look_at(s->table, s->slot, tcp_deadline(s->table, s->slot));
}

/* TCPSessionAdapter::Process. */
void
tcp_feed(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    unsigned end)
{
	struct flow *f = &table->flows[slot];
	struct segment s = { .table = table,
		.f = f,
		.cold = &table->cold[slot],
		.p = packet,
		.from = &f->side[end],
		.to = &f->side[end ^ 1],
		.slot = slot,
		.end = end,
		.by_orig = end == initiator_of(f) };
	const uint8_t flags = packet->tcp_flags;
	const uint32_t bytes = flags & EW_TCP_RST ? 0 : packet->payload_bytes;
	const uint32_t past_segment = packet->seq + bytes +
	    ((flags & EW_TCP_SYN) != 0) + ((flags & EW_TCP_FIN) != 0);
	bool underflow;

	init_sender(&s, past_segment);
	update_history(&s,
	    relative(s.from, packet->seq, s.from->last, s.from->last_wraps,
		&underflow));
	note_window(&s);
	if (!(s.from->bits & s.to->bits & SIDE_DID_CLOSE) &&
	    packet->ts_ns >= table->cold[slot].first_ns)
		f->last_ns = packet->ts_ns;
	if (flags & EW_TCP_FIN)
		s.from->bits |= SIDE_SENT_FIN;
	if (flags & EW_TCP_ACK)
		update_ack(&s);
	update_last(&s, past_segment);
	if (update_state(&s))
		note_close(&s);
}

/*
 * The same for a segment that changes nothing but numbers, and those forwards: four of five
 * are like that. Touches only the hot part of the flow.
 */
bool
tcp_feed_steady(struct flow *f, const struct ew_packet *packet, unsigned end)
{
	struct flow_side *from = &f->side[end], *to = &f->side[end ^ 1];
	const uint32_t bytes = packet->payload_bytes;
	const uint8_t control =
	    packet->tcp_flags & (EW_TCP_SYN | EW_TCP_FIN | EW_TCP_RST | EW_TCP_ACK);
	const uint8_t seen = bytes ? SIDE_SEEN_DATA : SIDE_SEEN_ACK;
	const uint32_t past_segment = packet->seq + bytes;

	if (control != EW_TCP_ACK || side_state(from) != TCP_ESTABLISHED ||
	    side_state(to) != TCP_ESTABLISHED || !(from->bits & seen) ||
	    !(f->sent & SENT_PAYLOAD) || packet->window == 0 ||
	    packet->ts_ns < f->last_ns)
		return false;
	const bool advances = seq_delta(past_segment, from->last) > 0;
	const bool acks = seq_delta(packet->ack, to->ack) > 0;

	if ((bytes && !advances) || (advances && past_segment < from->last) ||
	    (acks && (packet->ack < to->ack || seq_delta(packet->ack, to->start) < 0)))
		return false;
	if (advances)
		from->last = past_segment;
	if (acks)
		to->ack = packet->ack;
	f->last_ns = packet->ts_ns;
	return true;
}

/* And for the SYN that opens a flow, of which a flood has nothing else. */
bool
tcp_feed_first_syn(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end)
{
	struct flow_side *from = &table->flows[slot].side[end];
	struct flow_cold *cold = &table->cold[slot];

	if ((packet->tcp_flags & (EW_TCP_SYN | EW_TCP_FIN | EW_TCP_RST | EW_TCP_ACK)) !=
		EW_TCP_SYN ||
	    packet->window == 0)
		return false;
	begin_at(from, packet->seq, packet->seq + 1 + packet->payload_bytes);
	from->states = TCP_SYN_SENT; /* and before it, INACTIVE */
	from->bits = SIDE_SENT_SYN;
	cold->seen = ONCE_SYN;
	history_add(cold, 'S');
	tcp_tell_first_syn(table, slot, packet);
	return true;
}
