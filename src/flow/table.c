/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table's memory: slots, who gets one, and who has to go.
 *
 * Everything is reserved once and touched only as far as flows ever reached. A new flow
 * takes the slot that was freed last, else the next untouched one, else somebody's: the
 * oldest unanswered flow's, so that a flood of SYNs pushes out its own, and only when all
 * have been answered, one that closed or was long silent.
 *
 * Owned by one thread. Packets come in through feed.c; what is due is in timers.c.
 */
#include "flow/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "flow/flow_priv.h"
#include "flow/index_priv.h"

struct ew_flow_conf
ew_flow_conf_default(bool exact)
{
	const int64_t day = 24 * 3600 * EW_NS_PER_S;

	/* Zeek's timeouts (init-bare.zeek). Where bare ACKs and most data are not seen,
	 * silence says nothing, and an open connection is kept for a day. A node's memory is
	 * for its containers, whoever reads a whole file has some to spare. */
	return (struct ew_flow_conf){
		.max_flows = exact ? 1048576 : 262144,
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

uint32_t
table_find(const struct ew_flow_table *table, const struct flow_key *key)
{
	const uint32_t where = index_where(index_hash(&table->index, key));

	return index_find(&table->index, table->flows, where, key);
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
	f->domain = UINT32_MAX; /* of no key: a guess that is late does not find it */
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
		return (packet->tcp_flags & (EW_TCP_SYN | EW_TCP_ACK)) != EW_TCP_SYN &&
		    tcp_begins_flipped(packet);
	return packet->kind == EW_PACKET_UDP && udp_begins_flipped(packet);
}

uint32_t
table_open(struct ew_flow_table *table, const struct ew_packet *packet,
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
