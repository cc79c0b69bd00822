/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due, and when. Each open flow has one place in the timing wheel; when the wheel
 * comes to it, everything about the flow that waits for time is looked at here: judgements
 * (established, unanswered), periodic records, and its end. Then it is put back to where
 * the next of these may be.
 *
 * Deadlines are packet times; the table's clock is ahead of them by its skew.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "flow/flow_priv.h"
#include "flow/index_priv.h"

/* detectors.md 1.2. */
#define ESTABLISHED_NS (50 * EW_NS_PER_MS)
#define TCP_UNANSWERED_NS (3 * EW_NS_PER_S)
#define UNANSWERED_NS (5 * EW_NS_PER_S)
#define PERIOD_NS (60 * EW_NS_PER_S)

/* After the end of input the clock runs on this long: past every judgement above. */
#define FINISH_NS (6 * EW_NS_PER_S)

int64_t
table_deadline(const struct ew_flow_table *table, uint32_t slot)
{
	return table->flows[slot].proto == 6 ? tcp_deadline(table, slot)
					     : datagram_deadline(table, slot);
}

static int64_t
established_at(const struct flow_cold *cold)
{
	return cold->first_ns + (int64_t)cold->ms * EW_NS_PER_MS + ESTABLISHED_NS;
}

static int64_t
unanswered_at(const struct flow *f, const struct flow_cold *cold)
{
	return cold->first_ns + (f->proto == 6 ? TCP_UNANSWERED_NS : UNANSWERED_NS);
}

static bool
has_periods(const struct ew_flow_table *table)
{
	return table_wants(table, EW_FLOW_UPDATE) || table_wants(table, EW_FLOW_TURNS);
}

/* Packet time when the flow has to be looked at next. */
static int64_t
next_look(const struct ew_flow_table *table, uint32_t slot)
{
	const struct flow *f = &table->flows[slot];
	const struct flow_cold *cold = &table->cold[slot];
	int64_t at, other;

	/* A flood has nothing else: the SYN that waits. */
	if (f->proto == 6 && (f->sent & WAITS_ANSWER) && !table->finishing)
		return cold->first_ns +
		    (table_wants(table, EW_FLOW_UNANSWERED)
			    ? TCP_UNANSWERED_NS
			    : table->conf.timeouts.tcp_attempt_ns);
	at = table->finishing ? INT64_MAX : table_deadline(table, slot);

	if ((f->sent & WAITS_ESTABLISHED) && table_wants(table, EW_FLOW_ESTABLISHED)) {
		other = established_at(cold);
		at = other < at ? other : at;
	}
	if ((f->sent & WAITS_ANSWER) && table_wants(table, EW_FLOW_UNANSWERED)) {
		other = unanswered_at(f, cold);
		at = other < at ? other : at;
	}
	if (has_periods(table) && !table->finishing) {
		other = cold->first_ns + (cold->periods + 1) * PERIOD_NS;
		at = other < at ? other : at;
	}
	return at;
}

void
table_schedule(struct ew_flow_table *table, uint32_t slot)
{
	const int64_t at = next_look(table, slot);

	/* Past the wheel's end a tick number could wrap; it comes by and looks again. */
	if (at > table->clock_ns - table->skew_ns + 600 * EW_NS_PER_S)
		wheel_add(table->wheel, table->flows, slot,
		    table->wheel->tick + WHEEL_SLOTS);
	else
		wheel_add(table->wheel, table->flows, slot,
		    table_tick_after(table, at + table->skew_ns));
}

void
table_look_at(struct ew_flow_table *table, uint32_t slot, int64_t at_ns)
{
	const uint32_t tick = table_tick_after(table, at_ns + table->skew_ns);

	if (slot == table->opening) /* is put into the wheel when the packet is done */
		return;
	if ((int32_t)(tick - table->flows[slot].due) >= 0)
		return;
	wheel_remove(table->wheel, table->flows, slot);
	wheel_add(table->wheel, table->flows, slot, tick);
}

static void
judge(struct ew_flow_table *table, uint32_t slot, int64_t now)
{
	struct flow *f = &table->flows[slot];
	struct flow_cold *cold = &table->cold[slot];

	if ((f->sent & WAITS_ESTABLISHED) && now >= established_at(cold)) {
		f->sent = (uint8_t)((f->sent & ~WAITS_ESTABLISHED) | SENT_ESTABLISHED);
		tell(table, slot, EW_FLOW_ESTABLISHED, NULL);
	}
	if ((f->sent & WAITS_ANSWER) && now >= unanswered_at(f, cold)) {
		f->sent = (uint8_t)((f->sent & ~WAITS_ANSWER) | SENT_UNANSWERED);
		tell(table, slot, EW_FLOW_UNANSWERED, NULL);
	}
}

static void
tell_period(struct ew_flow_table *table, uint32_t slot, int64_t now)
{
	struct flow_cold *cold = &table->cold[slot];
	const int64_t over = (now - cold->first_ns) / PERIOD_NS;

	if (over <= cold->periods)
		return;
	cold->periods = over < UINT16_MAX ? (uint16_t)over : UINT16_MAX;
	tell(table, slot, EW_FLOW_UPDATE, NULL);
	if (table->turns)
		turns_tell(table, slot);
}

static void
look(struct ew_flow_table *table, uint32_t slot)
{
	const int64_t now = table->clock_ns - table->skew_ns;

	judge(table, slot, now);
	if (!table->finishing) {
		if (now >= table_deadline(table, slot)) {
			table->counters.timeouts++;
			table_close(table, slot, 0);
			return;
		}
		if (has_periods(table))
			tell_period(table, slot, now);
	}
	wheel_remove(table->wheel, table->flows, slot);
	table_schedule(table, slot);
}

/* Run one tick: all flows whose place in the wheel is there. */
static void
run_tick(struct ew_flow_table *table, uint32_t tick)
{
	struct wheel *wheel = table->wheel;
	const uint32_t at = tick % WHEEL_SLOTS;

	wheel->tick = tick;
	table->clock_ns = table->base_ns + ((int64_t)tick << TICK_SHIFT);
	if (table->asks->first != table->asks->end)
		neighbour_expire(table, table->clock_ns);
	for (uint32_t slot = wheel->heads[at]; slot != NO_SLOT;
	     slot = wheel->heads[at]) {
		const uint32_t next = table->flows[slot].next;

		if (next != NO_SLOT) {
			__builtin_prefetch(&table->flows[table->flows[next].next %
			    table->conf.max_flows]);
			index_prefetch(&table->index, table->cold[next].where);
		}
		look(table, slot);
	}
}

void
table_run_timers(struct ew_flow_table *table, int64_t clock_ns)
{
	const uint32_t limit = table_tick(table, clock_ns);
	uint32_t tick;

	if (limit != table->wheel->tick) {
		while (wheel_next(table->wheel, limit, &tick))
			run_tick(table, tick);
		table->wheel->tick = limit;
	}
	table->clock_ns = clock_ns;
	if (table->asks->first != table->asks->end)
		neighbour_expire(table, clock_ns);
	if (table->evicting_lost && clock_ns - table->evicting_since_ns >= EW_NS_PER_S)
		table_tell_evictions(table);
}

void
ew_flow_table_expire(struct ew_flow_table *table, struct ew_mono now)
{
	if (!table->started) {
		table->started = true;
		table->base_ns = now.ns;
		table->clock_ns = now.ns;
	}
	if (now.ns > table->clock_ns)
		table_run_timers(table, now.ns);
}

/* --- the end of the input ----------------------------------------------------------------- */

struct open_flow {
	int64_t first_ns;
	uint64_t key; /* tells apart what began at the same time */
	uint32_t slot;
	bool inner;
};

/* Differs, most likely, between flows that began at the same nanosecond. */
static uint64_t
tie_breaker(const struct flow *f)
{
	uint64_t a, b;

	memcpy(&a, f->addr[0].b + 8, 8);
	memcpy(&b, f->addr[1].b + 8, 8);
	return (a * 31 + b) * 31 + ((uint64_t)f->port[0] << 16 | f->port[1]) + f->proto;
}

static int
by_start(const void *left, const void *right)
{
	const struct open_flow *a = left, *b = right;

	if (a->first_ns != b->first_ns)
		return a->first_ns < b->first_ns ? -1 : 1;
	if (a->inner != b->inner)
		return a->inner ? 1 : -1;
	return a->key < b->key ? -1 : a->key > b->key;
}

void
ew_flow_finish(struct ew_flow_table *table)
{
	const size_t count = (size_t)table->counters.open;
	struct open_flow *open = ew_alloc_array(count, sizeof(*open));
	size_t n = 0;
	bool is_sorted = true;

	if (table->started) {
		table->finishing = true;
		table_run_timers(table, table->clock_ns + FINISH_NS);
		table->finishing = false;
		if (table->evicting_lost)
			table_tell_evictions(table);
	}
	for (uint32_t slot = 0; slot < table->high_water; slot++) {
		const struct flow *f = &table->flows[slot];

		if (!(f->bits & FLOW_IN_USE))
			continue;
		assert(n < count);
		open[n] = (struct open_flow){ .first_ns = table->cold[slot].first_ns,
			.key = tie_breaker(f),
			.slot = slot,
			.inner = (f->bits & FLOW_RARE) && table->rare[slot].parent_id };
		is_sorted =
		    is_sorted && (n == 0 || by_start(&open[n - 1], &open[n]) <= 0);
		n++;
	}
	if (!is_sorted) /* slots are given out in order until one is used again */
		qsort(open, n, sizeof(*open), by_start);
	for (size_t i = 0; i < n; i++) {
		if (i + 4 < n) {
			__builtin_prefetch(&table->flows[open[i + 4].slot]);
			__builtin_prefetch(&table->cold[open[i + 4].slot]);
		}
		table_tell_end(table, open[i].slot, EW_FLOW_F_END_OF_INPUT);
	}
	free(open);
	table_clear(table);
}

/* --- gaps --------------------------------------------------------------------------------- */

void
table_tell_gap(struct ew_flow_table *table, const struct ew_gap_info *gap)
{
	struct ew_flow_event ev;

	if (!table_wants(table, EW_FLOW_GAP))
		return;
	memset(&ev, 0, offsetof(struct ew_flow_event, u));
	ev.kind = EW_FLOW_GAP;
	ev.ts_ns = table->clock_ns;
	ev.first_ns = gap->from_ns;
	ev.last_ns = gap->to_ns;
	ev.u.gap = *gap;
	tell_event(table, &ev);
}

void
ew_flow_gap(struct ew_flow_table *table, const struct ew_gap_info *gap)
{
	table->gaps[table->n_gaps++ % GAPS_MAX] = *gap;
	table_tell_gap(table, gap);
}
