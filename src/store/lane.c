/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How records reach the writer without a lock and without being lost: a bounded ring in the
 * middle, and a heap buffer at each end. Before the ring stands the loop's backlog, for
 * records that may not be refused when the ring is full (all but flow rows); behind it the
 * writer's batch, which keeps a record until its transaction is committed, so that a full
 * disk costs patience and no incident. Both buffers are bounded; what they refuse is
 * counted, and is the last thing to go.
 *
 * Order within a lane is kept. Nothing orders the two lanes, except that the writer looks
 * at the first one whenever the second names something it has not been told of.
 */
#include "store/store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ring.h"

static bool
buffer_add(struct store_buffer *buffer, const struct rec_head *record, size_t max)
{
	const size_t size = (record->size + 7u) & ~(size_t)7;

	if (buffer->used - buffer->start + size > max)
		return false;
	if (buffer->start > 0 && buffer->start == buffer->used)
		buffer->start = buffer->used = 0;
	if (buffer->used + size > buffer->capacity) {
		if (buffer->start > 0) {
			memmove(buffer->bytes, buffer->bytes + buffer->start,
			    buffer->used - buffer->start);
			buffer->used -= buffer->start;
			buffer->start = 0;
		}
		size_t capacity = buffer->capacity ? buffer->capacity : 16384;

		while (capacity < buffer->used + size)
			capacity *= 2;
		buffer->bytes = ew_realloc_array(buffer->bytes, capacity, 1);
		buffer->capacity = capacity;
	}
	memcpy(buffer->bytes + buffer->used, record, record->size);
	buffer->used += size;
	return true;
}

void
store_buffer_free(struct store_buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct store_buffer){ 0 };
}

/* Empty it; give back memory that a bad time made it take. */
void
store_buffer_clear(struct store_buffer *buffer)
{
	if (buffer->capacity > 256 * 1024)
		store_buffer_free(buffer);
	buffer->start = buffer->used = 0;
}

/* Without a thread the writer's work is done here, when the ring has no room. */
static bool
ring_put(struct ew_store *store, struct store_lane *lane, const struct rec_head *record)
{
	if (ew_ring_put(lane->ring, record, record->size)) {
		if (store->is_threaded && (++lane->puts & 63) == 0 &&
		    ew_ring_used(lane->ring) > ew_ring_capacity(lane->ring) / 4)
			store_wake(store);
		return true;
	}
	if (store->is_threaded) {
		store_wake(store);
		return false;
	}
	store_step(store, true);
	return ew_ring_put(lane->ring, record, record->size);
}

void
store_push(struct ew_store *store, struct store_lane *lane)
{
	struct store_buffer *b = &lane->backlog;

	while (b->start < b->used) {
		const struct rec_head *record = (const void *)(b->bytes + b->start);

		if (!ring_put(store, lane, record))
			return;
		b->start += (record->size + 7u) & ~(size_t)7;
	}
	store_buffer_clear(b);
}

void
store_put(struct ew_store *store, struct store_lane *lane, struct rec_head *record)
{
	record->is_grouped = lane == &store->urgent && store->in_group;
	lane->grouped += record->is_grouped;
	if (lane->backlog.used > lane->backlog.start)
		store_push(store, lane);
	if (lane->backlog.used == lane->backlog.start && ring_put(store, lane, record))
		return;
	if (!buffer_add(&lane->backlog, record, lane->backlog_max)) {
		__atomic_fetch_add(&store->counts.backlog_lost, 1, __ATOMIC_RELAXED);
		if (record->kind == REC_STATE)
			store->state_broken = true;
	}
}

bool
store_offer(struct ew_store *store, struct store_lane *lane, struct rec_head *record)
{
	record->is_grouped = 0;
	if (lane->backlog.used > lane->backlog.start)
		store_push(store, lane);
	return lane->backlog.used == lane->backlog.start &&
	    ring_put(store, lane, record);
}

bool
store_keep(struct ew_store *store, struct store_lane *lane,
    const struct rec_head *record)
{
	if (buffer_add(&lane->batch, record, lane->batch_max))
		return true;
	__atomic_fetch_add(&store->counts.backlog_lost, 1, __ATOMIC_RELAXED);
	return false;
}

void
store_take(struct ew_store *store, struct store_lane *lane)
{
	const void *bytes;
	size_t size;

	while ((bytes = ew_ring_peek(lane->ring, &size)) != NULL) {
		const struct rec_head *record = bytes;
		const bool is_end = record->is_grouped == 0;

		/* A full batch drops records, never half a group's end. */
		(void)store_keep(store, lane, record);
		ew_ring_pop(lane->ring);
		if (is_end)
			lane->closed = lane->batch.used;
	}
}
