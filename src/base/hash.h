/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Keyed hash (XXH3, seeded). The seed of a table is random unless a replay fixes it. */
uint64_t ew_hash(const void *data, size_t size, uint64_t seed);
/* From getrandom(2). */
uint64_t ew_hash_seed(void);
