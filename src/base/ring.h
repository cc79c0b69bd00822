/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded ring of variable-size records between one producer and one consumer thread.
 * Nothing blocks: a record that does not fit is refused and counted as a drop.
 * Records are copied in whole, 8-byte aligned, and read in place.
 */
struct ew_ring;

/* bytes is rounded up to a power of two; at least 64 KiB. NULL when memory cannot be had. */
struct ew_ring *ew_ring_new(size_t bytes);
void ew_ring_free(struct ew_ring *ring);

/* Producer. False when full (counted). Size at most a quarter of the ring. */
bool ew_ring_put(struct ew_ring *ring, const void *record, size_t size);
/* Producer: two parts as one record, e.g. a header and a payload. */
bool ew_ring_put2(struct ew_ring *ring, const void *head, size_t head_size,
    const void *body, size_t body_size);

/* Consumer: the oldest record, or NULL when empty; valid until ew_ring_pop. */
const void *ew_ring_peek(struct ew_ring *ring, size_t *ret_size);
void ew_ring_pop(struct ew_ring *ring);

/* Any thread. */
uint64_t ew_ring_drops(const struct ew_ring *ring);
bool ew_ring_is_empty(const struct ew_ring *ring);
/* Bytes in use, 0..capacity; approximate from a third thread. */
size_t ew_ring_used(const struct ew_ring *ring);
size_t ew_ring_capacity(const struct ew_ring *ring);
