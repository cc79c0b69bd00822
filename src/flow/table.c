/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * The flow table: packets in, connections out.
 *
 * Memory is reserved once and touched only as far as flows ever reached. A batch of packets
 * goes through in three passes: keys and hashes, which fetch the index lines; the likely
 * flows, which fetch theirs; and the work, which then finds everything in the cache. A
 * single packet would wait for main memory twice; sixty wait once, together.
 *
 * The clock is the highest packet time so far. When packet time falls back by more than a
 * second (a file of two captures, a stepped clock) the difference becomes a skew that is
 * added from then on: timers keep running forward, records keep the times on the packets.
 *
 * Owned by one thread. What is due and when: timers.c. Who counts where: points.c.
 */
#include "flow/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "capture/frame.h"
#include "flow/flow_priv.h"
#include "flow/index_priv.h"

/* How far packet time may fall back before it counts as a step: more than reordering
 * between receive queues, less than any correction of a clock. */
#define STEP_BACK_NS EW_NS_PER_S

struct ew_flow_conf
ew_flow_conf_default(bool exact)
{
	const int64_t day = 24 * 3600 * EW_NS_PER_S;

	/* Zeek's defaults (init-bare.zeek). Where bare ACKs and most data are not seen,
	 * silence says nothing, and an open connection is kept for a day. */
	return (struct ew_flow_conf){
		.max_flows = 262144,
		.events = UINT32_MAX & ~EW_FLOW_KIND_BIT(EW_FLOW_TURNS),
		.exact = exact,
		.timeouts = { .tcp_attempt_ns = 5 * EW_NS_PER_S,
		    .tcp_idle_ns = exact ? 300 * EW_NS_PER_S : day,
		    .tcp_interactive_ns = exact ? 3600 * EW_NS_PER_S : day,
		    .tcp_close_ns = 5 * EW_NS_PER_S,
		    .udp_ns = 60 * EW_NS_PER_S,
		    .icmp_ns = 60 * EW_NS_PER_S,
		    .other_ns = 60 * EW_NS_PER_S },
	};
}

static void *
reserve(size_t count, size_t size, size_t *ret_reserved, uint64_t *total)
{
	*ret_reserved = count * size;
	*total += *ret_reserved;
	return ew_reserve(*ret_reserved);
}

struct ew_flow_table *
ew_flow_table_new(const struct ew_flow_conf *conf, ew_flow_sink *sink,
    void *sink_context)
{
	struct ew_flow_table *t = ew_alloc(sizeof(*t));
	const size_t max = conf->max_flows;
	uint64_t *total = &t->counters.memory;

	assert(max > 0 && max < NO_SLOT);
	t->conf = *conf;
	t->sink = sink;
	t->sink_context = sink_context;
	t->free_slot = NO_SLOT;
	t->opening = NO_SLOT;
	t->flows = reserve(max, sizeof(struct flow), &t->flows_reserved, total);
	t->cold = reserve(max, sizeof(struct flow_cold), &t->cold_reserved, total);
	t->rare = reserve(max, sizeof(struct flow_rare), &t->rare_reserved, total);
	if (table_wants(t, EW_FLOW_TURNS))
		t->turns =
		    reserve(max, sizeof(struct flow_turns), &t->turns_reserved, total);
	t->wheel = ew_alloc(sizeof(*t->wheel));
	t->asks = ew_alloc(sizeof(*t->asks));
	const bool has_parts =
	    index_init(&t->index, conf->max_flows, conf->seed) == 0 &&
	    slot_set_init(&t->unanswered, conf->max_flows) == 0 &&
	    points_init(&t->points) == 0;

	if (!has_parts || !t->flows || !t->cold || !t->rare ||
	    (table_wants(t, EW_FLOW_TURNS) && !t->turns)) {
		ew_flow_table_free(t);
		return NULL;
	}
	ew_reserve_dense(t->flows, t->flows_reserved);
	ew_reserve_dense(t->cold, t->cold_reserved);
	*total += t->index.reserved + t->unanswered.reserved;
	wheel_init(t->wheel, 0);
	return t;
}

void
ew_flow_table_free(struct ew_flow_table *table)
{
	if (!table)
		return;
	ew_release(table->flows, table->flows_reserved);
	ew_release(table->cold, table->cold_reserved);
	ew_release(table->rare, table->rare_reserved);
	ew_release(table->turns, table->turns_reserved);
	index_fini(&table->index);
	slot_set_fini(&table->unanswered);
	points_fini(&table->points);
	free(table->wheel);
	free(table->asks);
	free(table);
}

/* --- keys --------------------------------------------------------------------------------- */

static inline bool
is_after(const struct ew_addr *a, uint16_t a_port, const struct ew_addr *b,
    uint16_t b_port)
{
	uint64_t x[2], y[2];

	memcpy(x, a->b, 16);
	memcpy(y, b->b, 16);
	if (x[1] != y[1])
		return x[1] > y[1];
	if (x[0] != y[0])
		return x[0] > y[0];
	return a_port > b_port;
}

unsigned
table_key(const struct ew_addr *src, uint16_t sport, const struct ew_addr *dst,
    uint16_t dport, uint8_t proto, uint32_t domain, bool one_way,
    struct flow_key *ret_key)
{
	const unsigned end = !one_way && is_after(src, sport, dst, dport);

	ret_key->addr[end] = *src;
	ret_key->addr[end ^ 1] = *dst;
	ret_key->port[end] = sport;
	ret_key->port[end ^ 1] = dport;
	ret_key->domain = domain | (one_way ? DOMAIN_ONE_WAY : 0);
	ret_key->proto = proto;
	return end;
}

uint32_t
table_find(const struct ew_flow_table *table, const struct flow_key *key)
{
	const uint32_t where = index_where(index_hash(&table->index, key));

	return index_find(&table->index, table->flows, where, key);
}

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

/* --- opening and closing ------------------------------------------------------------------ */

struct flow_rare *
table_rare(struct ew_flow_table *table, uint32_t slot)
{
	struct flow *f = &table->flows[slot];

	if (!(f->bits & FLOW_RARE)) {
		memset(&table->rare[slot], 0, sizeof(table->rare[slot]));
		f->bits |= FLOW_RARE;
	}
	return &table->rare[slot];
}

void
table_answered(struct ew_flow_table *table, uint32_t slot)
{
	struct flow *f = &table->flows[slot];

	f->bits |= FLOW_ANSWERED;
	f->sent &= (uint8_t)~WAITS_ANSWER;
	slot_set_remove(&table->unanswered, slot);
}

static void
release(struct ew_flow_table *table, uint32_t slot)
{
	struct flow *f = &table->flows[slot];

	index_remove(&table->index, table->cold[slot].where, slot);
	wheel_remove(table->wheel, table->flows, slot);
	if (!(f->bits & FLOW_ANSWERED))
		slot_set_remove(&table->unanswered, slot);
	f->bits = 0;
	f->proto = 0;
	f->next = table->free_slot;
	table->free_slot = slot;
	table->counters.open--;
	table->counters.closed++;
}

/* The flow's last events. */
void
table_tell_end(struct ew_flow_table *table, uint32_t slot, uint16_t flags)
{
	struct flow *f = &table->flows[slot];

	if (f->sent & WAITS_ESTABLISHED) {
		f->sent = (uint8_t)((f->sent & ~WAITS_ESTABLISHED) | SENT_ESTABLISHED);
		tell(table, slot, EW_FLOW_ESTABLISHED, NULL);
	}
	if (table->turns)
		turns_tell(table, slot);
	tell_close(table, slot, flags);
}

void
table_close(struct ew_flow_table *table, uint32_t slot, uint16_t flags)
{
	table_tell_end(table, slot, flags);
	release(table, slot);
}

/* All flows are over and told: forget them without looking at each. */
void
table_clear(struct ew_flow_table *table)
{
	table->counters.closed += table->counters.open;
	table->counters.open = 0;
	table->free_slot = NO_SLOT;
	table->high_water = 0;
	table->hand = 0;
	index_clear(&table->index);
	slot_set_clear(&table->unanswered);
	wheel_init(table->wheel, table->wheel->tick);
}

/* Once a second: how many flows had to go. */
void
table_tell_evictions(struct ew_flow_table *table)
{
	const struct ew_gap_info gap = { .from_ns =
					     table->evicting_since_ns - table->skew_ns,
		.to_ns = table->clock_ns - table->skew_ns,
		.lost = table->evicting_lost,
		.cause = EW_GAP_TABLE_EVICTION };

	table->evicting_lost = 0;
	table_tell_gap(table, &gap);
}

static void
evict(struct ew_flow_table *table, uint32_t slot, uint64_t *counter)
{
	(*counter)++;
	if (table->evicting_lost++ == 0)
		table->evicting_since_ns = table->clock_ns;
	table_close(table, slot, EW_FLOW_F_EVICTED);
	if (table->clock_ns - table->evicting_since_ns >= EW_NS_PER_S)
		table_tell_evictions(table);
}

/* The longest silent of the answered flows next to the hand; one that closed goes first. */
static uint32_t
answered_victim(struct ew_flow_table *table)
{
	uint32_t best = NO_SLOT;

	for (int i = 0; i < 16; i++) {
		const uint32_t slot = table->hand;
		const struct flow *f = &table->flows[slot];

		table->hand = slot + 1 == table->conf.max_flows ? 0 : slot + 1;
		if (!(f->bits & FLOW_IN_USE))
			continue;
		if (f->bits & FLOW_CLOSING)
			return slot;
		if (best == NO_SLOT || f->last_ns < table->flows[best].last_ns)
			best = slot;
	}
	return best;
}

static void
evict_one(struct ew_flow_table *table)
{
	uint32_t slot = slot_set_next(&table->unanswered, table->hand);

	if (slot != NO_SLOT) {
		table->hand = slot + 1 == table->conf.max_flows ? 0 : slot + 1;
		evict(table, slot, &table->counters.evicted_unanswered);
		return;
	}
	slot = answered_victim(table);
	if (slot != NO_SLOT)
		evict(table, slot, &table->counters.evicted_answered);
}

static uint32_t
take_slot(struct ew_flow_table *table)
{
	if (table->free_slot == NO_SLOT && table->high_water == table->conf.max_flows)
		evict_one(table);
	const uint32_t slot = table->free_slot;

	if (slot == NO_SLOT) {
		assert(table->high_water < table->conf.max_flows);
		return table->high_water++;
	}
	table->free_slot = table->flows[slot].next;
	return slot;
}

static bool
begins_flipped(const struct ew_packet *packet)
{
	if (packet->kind == EW_PACKET_TCP)
		return tcp_begins_flipped(packet);
	return packet->kind == EW_PACKET_UDP && udp_begins_flipped(packet);
}

static uint32_t
open_flow(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct arrival *a, uint64_t parent_id, unsigned serial)
{
	const uint32_t slot = take_slot(table);
	struct flow *f = &table->flows[slot];
	struct flow_cold *cold = &table->cold[slot];
	const bool flipped = begins_flipped(packet);

	memset(f, 0, sizeof(*f));
	memset(cold, 0, sizeof(*cold));
	memcpy(f, &a->key, 40);
	f->proto = a->key.proto;
	f->last_ns = packet->ts_ns;
	f->bits = (uint16_t)(FLOW_IN_USE | (a->end ^ flipped));
	f->point[a->end] = a->point;
	cold->first_ns = packet->ts_ns;
	history_set_serial(cold, serial);
	if (flipped) {
		f->bits |= FLOW_FLIPPED;
		history_add(cold, '^');
	}
	if (packet->kind == EW_PACKET_TUNNEL)
		f->bits |= FLOW_HIDDEN;
	if (parent_id || packet->vlan[0]) {
		struct flow_rare *rare = table_rare(table, slot);

		rare->parent_id = parent_id;
		rare->vlan_outer = packet->vlan[0] & 0xfff;
		rare->vlan_inner = packet->vlan[1] & 0xfff;
	}
	if (table->turns)
		memset(&table->turns[slot], 0, sizeof(table->turns[slot]));
	cold->where = a->where;
	while (!index_insert(&table->index, a->where, slot))
		evict(table, index_any(&table->index, table->flows, a->where),
		    &table->counters.evicted_index);
	slot_set_add(&table->unanswered, slot);
	table->counters.opened++;
	if (++table->counters.open > table->counters.peak)
		table->counters.peak = table->counters.open;
	return slot;
}

/* --- packets ------------------------------------------------------------------------------ */

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
	if (!(f->bits & FLOW_ANSWERED) && f->side[0].pkts && f->side[1].pkts)
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
	slot = open_flow(table, packet, a, parent_id, serial);
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
	if (at > table->clock_ns)
		table_run_timers(table, at);
}

/* Fetch what evicting the next n flows will touch. */
static void
fetch_victims(struct ew_flow_table *table, uint32_t n)
{
	uint32_t at = table->hand;

	if (table->free_slot != NO_SLOT || table->high_water < table->conf.max_flows ||
	    table->unanswered.count < n)
		return;
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t slot = slot_set_next(&table->unanswered, at);

		__builtin_prefetch(&table->flows[slot]);
		__builtin_prefetch((const char *)&table->flows[slot] + 64);
		index_prefetch(&table->index, table->cold[slot].where);
		at = slot + 1 == table->conf.max_flows ? 0 : slot + 1;
	}
}

/* The passes before the work: keys and index lines, then likely flows. */
static void
fetch(struct ew_flow_table *table, const struct ew_batch *batch)
{
	struct arrival *arrivals = table->arrivals;
	uint32_t strangers = 0;

	for (uint32_t i = 0; i < batch->n_packets; i++) {
		if (batch->packets[i].kind != EW_PACKET_ARP)
			prepare(table, &batch->packets[i], &arrivals[i]);
	}
	for (uint32_t i = 0; i < batch->n_packets; i++) {
		if (batch->packets[i].kind == EW_PACKET_ARP)
			continue;
		const uint32_t guess = index_guess(&table->index, arrivals[i].where);

		arrivals[i].guess = guess;
		if (guess != NO_SLOT) {
			__builtin_prefetch(&table->flows[guess]);
			__builtin_prefetch((const char *)&table->flows[guess] + 64);
			__builtin_prefetch(&table->cold[guess]);
		} else {
			strangers++;
		}
	}
	fetch_victims(table, strangers);
}

void
ew_flow_feed(struct ew_flow_table *table, const struct ew_batch *batch)
{
	const uint32_t n = batch->n_packets;

	fetch(table, batch);
	for (uint32_t i = 0; i < n; i++) {
		const struct ew_packet *packet = &batch->packets[i];
		const struct ew_note *note =
		    packet->note ? &batch->notes[packet->note - 1] : NULL;

		advance(table, packet->ts_ns);
		if (packet->kind == EW_PACKET_ARP) {
			if (note)
				neighbour_feed_arp(table, packet, &note->u.arp,
				    domain_of(table, packet));
			continue;
		}
		table->counters.packets++;
		table->counters.bytes += packet->ip_bytes;
		const uint64_t parent =
		    packet->outer ? table->parents[packet->outer - 1] : 0;
		const uint32_t slot =
		    feed_packet(table, packet, &table->arrivals[i], parent);
		const bool is_outer = i + 1 < n && batch->packets[i + 1].outer == i + 1;

		if (is_outer)
			table->parents[i] = slot == NO_SLOT
			    ? parent
			    : tell_flow_id(&table->flows[slot], &table->cold[slot]);
		if (slot != NO_SLOT && note)
			feed_notes(table, slot, packet, note);
	}
}
