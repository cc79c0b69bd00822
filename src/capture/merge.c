/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces mode reads many rings, and a SYN may lie in one and its answer in another. Each
 * ring is in order; together they are put in order here, by holding frames back for longer
 * than a ring may hold a block back. Two arenas take turns, so that memory is bounded and
 * nothing is allocated. When they are full the oldest go out early: order is worth less
 * than packets.
 */
#include "capture/merge_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void
ew_merge_init(struct ew_merge *merge, size_t capacity, size_t arena_bytes)
{
	*merge = (struct ew_merge){
		.frames = ew_alloc_array(capacity, sizeof(*merge->frames)),
		.capacity = capacity,
		.arena = { ew_alloc(arena_bytes), ew_alloc(arena_bytes) },
		.arena_bytes = arena_bytes,
	};
}

void
ew_merge_fini(struct ew_merge *merge)
{
	free(merge->frames);
	free(merge->arena[0]);
	free(merge->arena[1]);
	*merge = (struct ew_merge){ 0 };
}

void
ew_merge_add(struct ew_merge *merge, const struct ew_frame *frame)
{
	uint8_t *copy = merge->arena[merge->current] + merge->used;

	memcpy(copy, frame->data, frame->caplen);
	merge->used += (frame->caplen + 15U) & ~15U;
	merge->frames[merge->count] = *frame;
	merge->frames[merge->count++].data = copy;
}

void
ew_merge_begin(struct ew_merge *merge)
{
	const size_t first = merge->first, end = merge->count;

	merge->current ^= 1;
	merge->used = 0;
	merge->first = 0;
	merge->count = 0;
	for (size_t i = first; i < end; i++) {
		const struct ew_frame frame = merge->frames[i];
		ew_merge_add(merge, &frame);
	}
}

size_t
ew_merge_room(const struct ew_merge *merge, size_t bytes)
{
	const size_t fit =
	    (merge->arena_bytes - merge->used) / ((bytes + 15) & ~(size_t)15);
	const size_t left = merge->capacity - merge->count;

	return fit < left ? fit : left;
}

/* Copies lie in the order of arrival, which decides between equal times. */
static int
compare(const void *x, const void *y)
{
	const struct ew_frame *a = x, *b = y;

	if (a->ts_ns != b->ts_ns)
		return a->ts_ns < b->ts_ns ? -1 : 1;
	return (a->data > b->data) - (a->data < b->data);
}

void
ew_merge_end(struct ew_merge *merge)
{
	qsort(merge->frames, merge->count, sizeof(*merge->frames), compare);
}

size_t
ew_merge_take(struct ew_merge *merge, struct ew_frame *frames, size_t max,
    int64_t until_ns)
{
	size_t n = 0;

	while (n < max && merge->first < merge->count &&
	    merge->frames[merge->first].ts_ns <= until_ns)
		frames[n++] = merge->frames[merge->first++];
	return n;
}
