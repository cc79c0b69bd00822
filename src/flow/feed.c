/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * Packets in: the way of a packet to its flow.
 *
 * A batch goes through in three steps, sixteen packets at a time, each step a group ahead of
 * the next: key and hash, which fetch the line of the index; the flow that is probably
 * meant, whose lines are fetched; and the work, which then finds everything in the cache. A
 * packet by itself would wait for main memory two or three times. Larger groups lose their
 * lines again before they are used (measured: 60 at once, 15 % slower on a busy machine).
 *
 * The clock is the highest packet time so far. When packet time falls back by more than a
 * second (a file of two captures, a stepped clock) the difference becomes a skew that is
 * added from then on: timers keep running forward, records keep the times on the packets.
 */
#include "base/time.h"
#include "capture/frame.h"
#include "flow/flow.h"
#include "flow/flow_priv.h"
#include "flow/index_priv.h"

/* How far packet time may fall back before it counts as a step: more than reordering
 * between receive queues, less than any correction of a clock. */
#define STEP_BACK_NS EW_NS_PER_S

#define GROUP 16

static uint32_t
domain_of(const struct ew_flow_table *table, const struct ew_packet *packet)
{
	if (packet->domain || !table->points.has_domains)
		return packet->domain;
	return points_get(&table->points, packet->ifindex).domain;
}

static void
prepare(struct ew_flow_table *table, const struct ew_packet *packet, struct arrival *a)
{
	const uint32_t domain = domain_of(table, packet);
	uint16_t dport = packet->dport;
	bool one_way = false;

	if (packet->kind == EW_PACKET_ICMP)
		dport = icmp_counterpart(packet->proto, (uint8_t)packet->sport,
		    (uint8_t)packet->dport, &one_way);
	a->end = (uint8_t)table_key(&packet->src, packet->sport, &packet->dst, dport,
	    packet->proto, domain, one_way, &a->key);
	a->where = index_where(index_hash(&table->index, &a->key));
	a->point = packet->ifindex;
	if (a->point && packet->seen == EW_SEEN_OUTGOING)
		a->point |= POINT_OUTGOING;
	index_prefetch(&table->index, a->where);
}

static void
count(struct flow *f, unsigned end, const struct ew_packet *packet)
{
	struct flow_side *side = &f->side[end];
	const uint32_t low = side->ip_bytes_low + packet->ip_bytes;

	side->ip_bytes_high += low < side->ip_bytes_low;
	side->ip_bytes_low = low;
	if (side->pkts != UINT32_MAX)
		side->pkts++;
}

/* Whether the packet counts here, or is a copy of one that counted elsewhere. */
static bool
counts_here(struct ew_flow_table *table, struct flow *f, const struct arrival *a,
    const struct ew_packet *packet)
{
	uint32_t *point = &f->point[a->end];

	if (*point == a->point || a->point == 0)
		return true;
	if (*point == 0 ||
	    points_get(&table->points, *point & ~POINT_OUTGOING).kind == POINT_GONE) {
		if (points_counts(&table->points, packet->ifindex, &packet->src,
			&packet->dst)) {
			*point = a->point;
			return true;
		}
		table->counters.not_points++;
		return false;
	}
	table->counters.copies++;
	return false;
}

/* Ports or address were given to somebody else before the old flow was over. */
static bool
is_successor(struct ew_flow_table *table, const struct flow *f, const struct arrival *a,
    const struct ew_packet *packet)
{
	if (packet->kind != EW_PACKET_TCP || !(packet->tcp_flags & EW_TCP_SYN) ||
	    !tcp_is_reuse(f, packet))
		return false;
	if (f->point[a->end] == a->point || a->point == 0)
		return true;
	/* At another point only a SYN never seen before begins anew. */
	return packet->seq != f->side[a->end].start &&
	    points_counts(&table->points, packet->ifindex, &packet->src, &packet->dst);
}

static bool
is_over(const struct ew_flow_table *table, uint32_t slot, int64_t ts_ns)
{
	const struct flow *f = &table->flows[slot];

	if (ts_ns - f->last_ns < EW_NS_PER_S && (f->bits & FLOW_ANSWERED))
		return false;
	return ts_ns >= table_deadline(table, slot);
}

static void
feed_notes(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    const struct ew_note *note)
{
	switch ((enum ew_note_kind)note->kind) {
	case EW_NOTE_DNS:
	case EW_NOTE_DHCP:
		tell_note(table, slot, packet, note);
		break;
	case EW_NOTE_NDP:
		neighbour_feed_ndp(table, packet, &note->u.ndp,
		    table->flows[slot].domain & ~DOMAIN_ONE_WAY);
		break;
	case EW_NOTE_QUOTE:
		refused_feed(table, packet, &note->u.quote,
		    table->flows[slot].domain & ~DOMAIN_ONE_WAY);
		break;
	case EW_NOTE_ARP:
		break;
	}
}

static void
feed_flow(struct ew_flow_table *table, uint32_t slot, const struct ew_packet *packet,
    unsigned end, bool is_new)
{
	struct flow *f = &table->flows[slot];

	if (!packet->uncounted)
		count(f, end, packet);
	if (packet->kind == EW_PACKET_TCP && !(f->bits & FLOW_ANSWERED) &&
	    f->side[0].pkts && f->side[1].pkts)
		table_answered(table, slot);
	if (packet->kind != EW_PACKET_TCP) {
		datagram_feed(table, slot, packet, end, is_new);
	} else if (!packet->uncounted && !tcp_feed_steady(f, packet, end)) {
		if (is_new && tcp_feed_first_syn(table, slot, packet, end))
			return;
		const struct tcp_before before = { .from = side_state(&f->side[end]),
			.to = side_state(&f->side[end ^ 1]),
			.ms = table->cold[slot].ms,
			.is_new = is_new };

		tcp_feed(table, slot, packet, end);
		tcp_tell(table, slot, packet, end, &before);
	}
	if (table->turns &&
	    (table->conf.exact ||
		points_zooms(&table->points, &packet->src, &packet->dst)))
		turns_feed(table, slot, end, packet->payload_bytes);
}

/* The slot of the packet's flow, or NO_SLOT when the packet does not count. */
static uint32_t
feed_packet(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct arrival *a, uint64_t parent_id)
{
	uint32_t slot = a->guess;
	unsigned serial = 0;

	if (slot == NO_SLOT || !index_is_flow(&table->flows[slot], &a->key))
		slot = index_find(&table->index, table->flows, a->where, &a->key);

	if (slot != NO_SLOT) {
		struct flow *f = &table->flows[slot];
		const bool reused = is_successor(table, f, a, packet);

		if (!reused && !is_over(table, slot, packet->ts_ns)) {
			if (!counts_here(table, f, a, packet))
				return NO_SLOT;
			feed_flow(table, slot, packet, a->end, false);
			return slot;
		}
		if (table->cold[slot].first_ns == packet->ts_ns)
			serial = history_serial(&table->cold[slot]) + 1;
		table->counters.reused += reused;
		table->counters.timeouts += !reused;
		table_close(table, slot, 0);
	}
	if (a->point &&
	    !points_counts(&table->points, packet->ifindex, &packet->src,
		&packet->dst)) {
		table->counters.not_points++;
		return NO_SLOT;
	}
	slot = table_open(table, packet, a, parent_id, serial);
	table->opening = slot;
	feed_flow(table, slot, packet, a->end, true);
	table->opening = NO_SLOT;
	table_schedule(table, slot);
	return slot;
}

/* Move the clock to the packet's time and run what is due by then. */
static void
advance(struct ew_flow_table *table, int64_t ts_ns)
{
	int64_t at = ts_ns + table->skew_ns;

	if (!table->started) {
		table->started = true;
		table->base_ns = ts_ns;
		table->clock_ns = ts_ns;
		return;
	}
	if (at < table->clock_ns - STEP_BACK_NS) {
		table->skew_ns += table->clock_ns - at;
		table->counters.time_steps++;
		return;
	}
	if (at <= table->clock_ns)
		return;
	if (table_tick(table, at) == table->wheel->tick &&
	    table->asks->first == table->asks->end &&
	    (table->evicting_lost == 0 || at - table->evicting_since_ns < EW_NS_PER_S))
		table->clock_ns = at; /* nothing can be due within the tick */
	else
		table_run_timers(table, at);
}

static inline void
fetch_flow(const struct ew_flow_table *table, uint32_t slot)
{
	__builtin_prefetch(&table->flows[slot]);
	__builtin_prefetch((const char *)&table->flows[slot] + 64);
	__builtin_prefetch(&table->cold[slot]);
}

/*
 * Fetch what evicting the next n flows will touch, from *at on: their lines of the index,
 * and further ahead, since victims mostly stand side by side, the next flows themselves.
 */
static void
fetch_victims(const struct ew_flow_table *table, uint32_t n, uint32_t *at)
{
	if (table->free_slot != NO_SLOT || table->high_water < table->conf.max_flows ||
	    table->unanswered.count < n)
		return;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t slot = slot_set_next(&table->unanswered, *at);

		if (slot + 2 * GROUP < table->conf.max_flows)
			fetch_flow(table, slot + 2 * GROUP);
		index_prefetch(&table->index, table->cold[slot].where);
		*at = slot + 1 == table->conf.max_flows ? 0 : slot + 1;
	}
}

static void
prepare_group(struct ew_flow_table *table, const struct ew_batch *batch, uint32_t from,
    uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (batch->packets[i].kind != EW_PACKET_ARP)
			prepare(table, &batch->packets[i], &table->arrivals[i]);
	}
}

static void
fetch_group(struct ew_flow_table *table, const struct ew_batch *batch, uint32_t from,
    uint32_t to, uint32_t *victim)
{
	uint32_t strangers = 0;

	for (uint32_t i = from; i < to; i++) {
		struct arrival *a = &table->arrivals[i];

		if (batch->packets[i].kind == EW_PACKET_ARP)
			continue;
		a->guess = index_guess(&table->index, a->where);
		if (a->guess == NO_SLOT) {
			strangers++;
			continue;
		}
		fetch_flow(table, a->guess);
	}
	fetch_victims(table, strangers, victim);
}

static void
work(struct ew_flow_table *table, const struct ew_batch *batch, uint32_t i)
{
	const struct ew_packet *packet = &batch->packets[i];
	const struct ew_note *note =
	    packet->note ? &batch->notes[packet->note - 1] : NULL;

	advance(table, packet->ts_ns);
	if (packet->kind == EW_PACKET_ARP) {
		if (note)
			neighbour_feed_arp(table, packet, &note->u.arp,
			    domain_of(table, packet));
		return;
	}
	table->counters.packets++;
	table->counters.bytes += packet->ip_bytes;
	const uint64_t parent = packet->outer ? table->parents[packet->outer - 1] : 0;
	const uint32_t slot = feed_packet(table, packet, &table->arrivals[i], parent);

	/* The next packet is inside of this one. */
	if (i + 1 < batch->n_packets && batch->packets[i + 1].outer == i + 1)
		table->parents[i] = slot == NO_SLOT
		    ? parent
		    : tell_flow_id(&table->flows[slot], &table->cold[slot]);
	if (slot != NO_SLOT && note)
		feed_notes(table, slot, packet, note);
}

static uint32_t
at_most(uint32_t n, uint32_t limit)
{
	return n < limit ? n : limit;
}

void
ew_flow_feed(struct ew_flow_table *table, const struct ew_batch *batch)
{
	const uint32_t n = batch->n_packets;
	uint32_t victim = table->hand;

	prepare_group(table, batch, 0, at_most(GROUP, n));
	prepare_group(table, batch, at_most(GROUP, n), at_most(2 * GROUP, n));
	fetch_group(table, batch, 0, at_most(GROUP, n), &victim);
	for (uint32_t at = 0; at < n; at += GROUP) {
		prepare_group(table, batch, at_most(at + 2 * GROUP, n),
		    at_most(at + 3 * GROUP, n));
		fetch_group(table, batch, at_most(at + GROUP, n),
		    at_most(at + 2 * GROUP, n), &victim);
		for (uint32_t i = at; i < at_most(at + GROUP, n); i++)
			work(table, batch, i);
	}
}
