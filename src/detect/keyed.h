/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct ew_detect;

/*
 * A bounded table of records by key, for detectors' state. Each record begins with this head.
 * Set-associative: eight places per key, the longest unused one goes when all are taken.
 */
struct ew_keyed {
	uint64_t key; /* 0 free */
	int64_t last_ns;
};

#define EW_KEYED_WAYS 8

/*
 * The record of key in a table of n records (a power of two, at least eight) of size bytes
 * each; made and zeroed if it is not there. An eviction counts as state_refused.
 */
void *ew_keyed_get(struct ew_detect *d, void *table, size_t n, size_t size,
    uint64_t key, struct ew_mono now);
/* NULL when there is none. */
void *ew_keyed_find(void *table, size_t n, size_t size, uint64_t key);
