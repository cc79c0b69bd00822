/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/frame.h"

/*
 * Frames of several handles, copied and put in order of time. They are kept until they are
 * old enough that no handle can have an older one.
 */
struct ew_merge {
	struct ew_frame *frames; /* first..count are waiting */
	size_t first, count, capacity;
	uint8_t
	    *arena[2]; /* copies; what waits moves to the other when more is added */
	size_t arena_bytes, used;
	unsigned current;
};

void ew_merge_init(struct ew_merge *merge, size_t capacity, size_t arena_bytes);
void ew_merge_fini(struct ew_merge *merge);

/* Begin to add: frames that were taken become invalid. */
void ew_merge_begin(struct ew_merge *merge);
/* How many more frames of at most `bytes` can be added. */
size_t ew_merge_room(const struct ew_merge *merge, size_t bytes);
void ew_merge_add(struct ew_merge *merge, const struct ew_frame *frame);
/* Put in order. */
void ew_merge_end(struct ew_merge *merge);

/* The oldest frames, at most max, that are not younger than until_ns. */
size_t ew_merge_take(struct ew_merge *merge, struct ew_frame *frames, size_t max,
    int64_t until_ns);
