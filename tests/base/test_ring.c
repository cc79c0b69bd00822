/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "base/ring.h"

Test(ring, gives_back_records_in_order_across_its_end)
{
	struct ew_ring *ring = ew_ring_new(65536);
	uint64_t sent = 0, received = 0;
	size_t size;

	/* Sizes that do not divide the capacity, several times around. */
	for (int round = 0; round < 3000; round++) {
		uint64_t record[40];

		for (size_t i = 0; i < 40; i++)
			record[i] = sent;
		const size_t bytes = 8 * (1 + sent % 40);

		cr_assert(ew_ring_put(ring, record, bytes));
		sent++;
		if (round % 3 == 0)
			continue;
		const uint64_t *got;

		while ((got = ew_ring_peek(ring, &size))) {
			cr_assert_eq(size, 8 * (1 + received % 40));
			cr_assert_eq(got[0], received);
			cr_assert_eq(got[size / 8 - 1], received);
			ew_ring_pop(ring);
			received++;
		}
	}
	cr_assert_eq(sent, received);
	cr_assert_eq(ew_ring_drops(ring), 0);
	cr_assert(ew_ring_is_empty(ring));
	ew_ring_free(ring);
}

Test(ring, refuses_and_counts_what_does_not_fit)
{
	struct ew_ring *ring = ew_ring_new(0);
	char record[1000] = { 0 };
	size_t accepted = 0;

	while (ew_ring_put(ring, record, sizeof(record)))
		accepted++;
	cr_assert_geq(accepted * 1008, ew_ring_capacity(ring) - 1008);
	cr_assert_leq(ew_ring_used(ring), ew_ring_capacity(ring));
	cr_assert_eq(ew_ring_drops(ring), 1);
	size_t size;

	cr_assert_not_null(ew_ring_peek(ring, &size));
	ew_ring_pop(ring);
	ew_ring_pop(ring);
	cr_assert(ew_ring_put(ring, record, sizeof(record)), "room again after a pop");
	ew_ring_free(ring);
}

#define RECORDS 300000

static void *
produce(void *context)
{
	struct ew_ring *ring = context;

	for (uint64_t i = 0; i < RECORDS;) {
		const uint64_t head = i;
		uint8_t body[64];

		memset(body, (int)(i & 0xff), sizeof(body));
		if (ew_ring_put2(ring, &head, sizeof(head), body, i % 64))
			i++;
	}
	return NULL;
}

Test(ring, two_threads_see_every_record_once)
{
	struct ew_ring *ring = ew_ring_new(65536);
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, produce, ring), 0);
	for (uint64_t expected = 0; expected < RECORDS;) {
		size_t size;
		const uint8_t *record = ew_ring_peek(ring, &size);
		uint64_t head;

		if (!record)
			continue;
		memcpy(&head, record, sizeof(head));
		cr_assert_eq(head, expected);
		cr_assert_eq(size, 8 + expected % 64);
		if (size > 8)
			cr_assert_eq(record[size - 1], (uint8_t)(expected & 0xff));
		ew_ring_pop(ring);
		expected++;
	}
	pthread_join(thread, NULL);
	ew_ring_free(ring);
}
