/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/counter.h"
#include "flow/flow_priv.h"
#include "flow/harness.h"
#include "flow/index_priv.h"

static struct bench b;

/* --- a counting allocator ------------------------------------------------------------------ */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(HAS_SANITIZER)
#define CAN_COUNT 1
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static unsigned long allocations;

void *
malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}
#endif

static void
setup(void)
{
	bench_open(&b);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(table, .init = setup, .fini = teardown);

/* A SYN of the nth of many clients; answered: with its SYN-ACK. */
static void
client(int64_t at_ms, uint32_t n, bool answered)
{
	struct ew_packet p =
	    a_tcp(at_ms, "10.0.0.1", 1024 + n % 60000, "10.0.0.2", 81, "S", n, 0, 0);

	p.src.b[14] = (uint8_t)(n / 60000);
	p.src.b[13] = (uint8_t)(n / 60000 / 250);
	bench_feed(&b, &p);
	if (!answered)
		return;
	const struct ew_addr src = p.src;

	p = a_tcp(at_ms, "10.0.0.2", 81, "10.0.0.1", 1024 + n % 60000, "SA", n, n + 1,
	    0);
	p.dst = src;
	bench_feed(&b, &p);
}

Test(table, a_flood_pushes_out_unanswered_flows_and_nobody_else)
{
	for (uint32_t i = 0; i < 900; i++)
		client(0, i, true);
	for (uint32_t i = 0; i < 100000; i++)
		client(1, 1000 + i, false);
	const struct ew_flow_totals totals = ew_flow_table_totals(b.table);

	cr_expect_eq(totals.open, 1000);
	cr_expect_eq(totals.peak, 1000);
	cr_expect_eq(totals.evicted, 99900);
	cr_expect_eq(b.table->counters.evicted_answered, 0);
	for (uint32_t i = 0; i < 900;
	     i++) { /* the established ones are all still there */
		struct ew_packet p = a_tcp(2, "10.0.0.1", 1024 + i, "10.0.0.2", 81, "A",
		    i + 1, i + 1, 0);
		bench_feed(&b, &p);
	}
	cr_expect_eq(ew_flow_table_totals(b.table).opened, 100900);
}

Test(table, every_eviction_leaves_a_record)
{
	b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
	bench_reopen(&b);
	for (uint32_t i = 0; i < 3000; i++)
		client(0, i, false);
	cr_expect_eq(b.n_told, 2000);
	cr_expect(b.events[0].flags & EW_FLOW_F_EVICTED);
	ew_flow_finish(b.table);
	cr_expect_eq(b.n_told, 3000);
	const struct ew_flow_totals totals = ew_flow_table_totals(b.table);

	cr_expect_eq(totals.opened, totals.closed);
}

Test(table, evictions_are_told_as_a_gap_once_a_second)
{
	b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_GAP);
	bench_reopen(&b);
	for (uint32_t i = 0; i < 5000; i++)
		client(i, i, false);
	cr_expect_geq(b.n_events, 2);
	cr_expect_leq(b.n_events, 6);
	cr_expect_eq(b.events[0].u.gap.cause, EW_GAP_TABLE_EVICTION);
	cr_expect_gt(b.events[0].u.gap.lost, 500);
}

Test(table, when_all_are_answered_a_closed_one_goes_first)
{
	for (uint32_t i = 0; i < 1000; i++)
		client(0, i, true);
	struct ew_packet p =
	    a_tcp(1, "10.0.0.1", 1024 + 5, "10.0.0.2", 81, "R", 6, 0, 0);

	bench_feed(&b, &p);
	client(2, 5000, true);
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

	cr_assert_not_null(ev);
	cr_expect_eq(ev->tuple.sport, 1024 + 5);
	cr_expect(ev->flags & EW_FLOW_F_EVICTED);
	client(3, 5001, true);
	cr_expect_eq(ew_flow_table_totals(b.table).open, 1000);
}

Test(table, rows_come_in_order_of_end_and_at_the_end_in_order_of_start)
{
	b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
	bench_reopen(&b);
	client(0, 1, true);
	client(10, 2, false);
	client(20, 3, true);
	client(30, 4, false);
	bench_wait(&b, 6000);
	ew_flow_finish(b.table);
	static const unsigned expected[] = { 2, 4, 1, 3 };

	cr_assert_eq(b.n_events, 4);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(b.events[i].tuple.sport, 1024 + expected[i]);
}

Test(table, the_same_input_gives_the_same_ids_whatever_the_seed)
{
	uint64_t ids[20];

	for (uint64_t seed = 1; seed <= 2; seed++) {
		b.conf.seed = seed * 12345;
		b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
		bench_reopen(&b);
		for (uint32_t i = 0; i < 20; i++)
			client(i, i, i % 2);
		ew_flow_finish(b.table);
		cr_assert_eq(b.n_events, 20);
		for (int i = 0; i < 20; i++) {
			if (seed == 1)
				ids[i] = b.events[i].flow_id;
			else
				cr_expect_eq(ids[i], b.events[i].flow_id);
		}
	}
}

Test(table, colliding_keys_are_bounded_and_an_unanswered_one_makes_room)
{
	struct index index;
	struct flow flows[256] = { 0 };
	uint32_t in = 0;

	cr_assert_eq(index_init(&index, 100000, 1), 0);
	flows[100].bits = FLOW_IN_USE;
	for (uint32_t i = 0; i < 256; i++) {
		if (i != 100)
			flows[i].bits = FLOW_IN_USE | FLOW_ANSWERED;
	}
	while (in < 256 && index_insert(&index, 0xab000777, in))
		in++;
	cr_expect_eq(in, PROBES * BUCKET_SLOTS);
	cr_expect_eq(index_any(&index, flows, 0xab000777), 100);
	index_remove(&index, 0xab000777, 100);
	cr_expect(index_insert(&index, 0xab000777, 200));
	for (uint32_t i = 0; i < in; i++)
		index_remove(&index, 0xab000777, i == 100 ? 200 : i);
	/* Counts that overflowed stay; only those of this tag's kind did. */
	for (size_t i = 0; i <= index.mask; i++)
		cr_assert_eq(index.buckets[i].overflow &
			~(UINT32_C(15) << (0xab % 8 * 4)),
		    0);
	index_fini(&index);
}

/* The guess of where a flow is was made before a timer took it away. */
Test(table, a_flow_that_ends_under_a_packet_begins_anew_whatever_its_protocol)
{
	for (unsigned proto = 0; proto < 256; proto++) {
		struct ew_packet p = a_packet(0, "10.0.0.1", 0, "10.0.0.2", 0);

		if (proto == 6)
			continue;
		bench_reopen(&b);
		p.kind = EW_PACKET_OTHER;
		p.proto = (uint8_t)proto;
		bench_feed(&b, &p);
		p.ts_ns += 132 * EW_NS_PER_S;
		bench_feed(&b, &p);
		ew_flow_finish(b.table);
		const struct ew_flow_totals totals = ew_flow_table_totals(b.table);

		cr_expect_eq(totals.opened, 2, "protocol %u", proto);
		cr_expect_eq(totals.closed, 2, "protocol %u", proto);
	}
}

Test(table, a_silence_of_years_costs_nothing)
{
	client(0, 1, true);
	client(0, 2, false);
	bench_wait(&b, INT64_C(20) * 365 * 86400 * 1000);
	cr_expect_eq(ew_flow_table_totals(b.table).open, 0);
	client(INT64_C(20) * 365 * 86400 * 1000, 3, false);
	ew_flow_finish(b.table);
	cr_expect_eq(ew_flow_table_totals(b.table).closed, 3);
}

#ifdef CAN_COUNT
Test(table, packets_allocate_nothing)
{
	client(0, 0, true);
	const unsigned long before = allocations;

	cr_assert_gt(before, 0, "the counter counts");
	for (uint32_t i = 1; i < 5000; i++)
		client(i, i, i % 3 == 0);
	bench_wait(&b, 1000000);
	cr_expect_eq(allocations, before);
}
#endif

Test(table, its_counters_are_described_and_add_up)
{
	client(0, 1, true);
	const struct ew_counter_set set = ew_flow_counters(b.table);

	for (size_t i = 0; i < set.count; i++) {
		cr_expect_not_null(set.counters[i].meaning);
		if (strcmp(set.counters[i].name, "flow_packets") == 0)
			cr_expect_eq(ew_counter_value(&set, i), 2);
		if (strcmp(set.counters[i].name, "flow_open") == 0)
			cr_expect_eq(ew_counter_value(&set, i), 1);
	}
}

Test(table, a_million_flows_fit_into_192_mebibytes)
{
	b.conf.max_flows = 1000000;
	bench_reopen(&b);
	const struct ew_counter_set set = ew_flow_counters(b.table);

	for (size_t i = 0; i < set.count; i++) {
		if (strcmp(set.counters[i].name, "flow_memory") == 0)
			cr_expect_leq(ew_counter_value(&set, i), UINT64_C(192) << 20,
			    "%lu", (unsigned long)ew_counter_value(&set, i));
	}
}

Test(table, the_wheel_finds_every_timer)
{
	for (uint32_t i = 0; i < 500; i++)
		client(i * 37 % 1000, i, i % 2);
	bench_wait(&b, 1000 + 5000 + 10);
	cr_expect_eq(ew_flow_table_totals(b.table).open, 250);
	bench_wait(&b, 1000 + 300000 + 10);
	cr_expect_eq(ew_flow_table_totals(b.table).open, 0);
}
