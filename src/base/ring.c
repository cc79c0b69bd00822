/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single-producer single-consumer ring of variable-size records.
 *
 * Layout: a power-of-two byte array; each record is an 8-byte header (payload size) and
 * the payload rounded up to 8. A record never wraps: when it does not fit before the end,
 * a skip mark fills the rest. head and tail count bytes for ever and are masked on use, so
 * full and empty differ. The producer keeps a copy of the consumer's position and reads
 * the shared one only when the copy says "full" (and the other way round): in the steady
 * state the two threads touch different cache lines.
 */
#include "base/ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"

#define RECORD_ALIGN 8u
#define SKIP UINT64_MAX

struct ew_ring {
	/* producer's */
	_Alignas(64) _Atomic uint64_t head;
	uint64_t tail_seen;
	_Atomic uint64_t drops;
	/* consumer's */
	_Alignas(64) _Atomic uint64_t tail;
	uint64_t head_seen;
	/* constant */
	_Alignas(64) uint8_t *bytes;
	uint64_t capacity;
	size_t reserved;
};

struct ew_ring *
ew_ring_new(size_t bytes)
{
	uint64_t capacity = 65536;

	while (capacity < bytes)
		capacity <<= 1;
	/* mmap gives a page-aligned block: the struct first, the bytes on the next page. */
	const size_t reserved = 4096 + (size_t)capacity;
	struct ew_ring *ring = ew_reserve(reserved);

	if (!ring)
		return NULL;
	ring->bytes = (uint8_t *)ring + 4096;
	ring->capacity = capacity;
	ring->reserved = reserved;
	return ring;
}

void
ew_ring_free(struct ew_ring *ring)
{
	if (ring)
		ew_release(ring, ring->reserved);
}

static uint64_t
record_bytes(size_t size)
{
	return RECORD_ALIGN +
	    (((uint64_t)size + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1));
}

/* Where a record of need bytes goes, or NULL. Advances *head over a skip mark. */
static uint8_t *
claim(struct ew_ring *ring, uint64_t *head, uint64_t need)
{
	const uint64_t at = *head & (ring->capacity - 1);
	const uint64_t to_end = ring->capacity - at;
	const uint64_t total = need <= to_end ? need : to_end + need;

	if (*head + total - ring->tail_seen > ring->capacity) {
		ring->tail_seen =
		    atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (*head + total - ring->tail_seen > ring->capacity)
			return NULL;
	}
	if (need <= to_end)
		return ring->bytes + at;
	const uint64_t skip = SKIP;

	memcpy(ring->bytes + at, &skip, sizeof(skip));
	*head += to_end;
	return ring->bytes;
}

bool
ew_ring_put2(struct ew_ring *ring, const void *first, size_t first_size,
    const void *second, size_t second_size)
{
	const uint64_t size = (uint64_t)first_size + second_size;
	const uint64_t need = record_bytes((size_t)size);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	assert(need <= ring->capacity / 4);
	uint8_t *p = claim(ring, &head, need);

	if (!p) {
		atomic_fetch_add_explicit(&ring->drops, 1, memory_order_relaxed);
		return false;
	}
	memcpy(p, &size, sizeof(size));
	memcpy(p + RECORD_ALIGN, first, first_size);
	if (second_size)
		memcpy(p + RECORD_ALIGN + first_size, second, second_size);
	atomic_store_explicit(&ring->head, head + need, memory_order_release);
	return true;
}

bool
ew_ring_put(struct ew_ring *ring, const void *record, size_t size)
{
	return ew_ring_put2(ring, record, size, NULL, 0);
}

const void *
ew_ring_peek(struct ew_ring *ring, size_t *ret_size)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	for (;;) {
		if (tail == ring->head_seen) {
			ring->head_seen =
			    atomic_load_explicit(&ring->head, memory_order_acquire);
			if (tail == ring->head_seen)
				return NULL;
		}
		const uint64_t at = tail & (ring->capacity - 1);
		uint64_t size;

		memcpy(&size, ring->bytes + at, sizeof(size));
		if (size != SKIP) {
			*ret_size = (size_t)size;
			return ring->bytes + at + RECORD_ALIGN;
		}
		tail += ring->capacity - at;
		atomic_store_explicit(&ring->tail, tail, memory_order_release);
	}
}

void
ew_ring_pop(struct ew_ring *ring)
{
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t size;

	memcpy(&size, ring->bytes + (tail & (ring->capacity - 1)), sizeof(size));
	assert(size != SKIP);
	atomic_store_explicit(&ring->tail, tail + record_bytes((size_t)size),
	    memory_order_release);
}

uint64_t
ew_ring_drops(const struct ew_ring *ring)
{
	return atomic_load_explicit(&ring->drops, memory_order_relaxed);
}

bool
ew_ring_is_empty(const struct ew_ring *ring)
{
	return ew_ring_used(ring) == 0;
}

size_t
ew_ring_used(const struct ew_ring *ring)
{
	const uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	return (size_t)(head - tail);
}

size_t
ew_ring_capacity(const struct ew_ring *ring)
{
	return (size_t)ring->capacity;
}
