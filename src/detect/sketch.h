/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Distinct things: exact to 16, then within 13 %. 132 bytes. Zeroed is empty. */
#define EW_DISTINCT_EXACT 16
struct ew_distinct {
	uint32_t exact[EW_DISTINCT_EXACT];
	uint8_t registers[64];
	uint8_t n_exact; /* 17: more than the exact part holds */
};

/* hash: 64 well mixed bits. */
void ew_distinct_add(struct ew_distinct *d, uint64_t hash);
uint32_t ew_distinct_count(const struct ew_distinct *d);

/* First contacts of a day: two Bloom generations, swapped every 12 h or at half fill (1.4). */
#define EW_SEEN_SWAP_NS (INT64_C(43200) * 1000000000)
struct ew_seen {
	uint64_t bits[2][8];
	int64_t swapped_ns;
};

/* Was this seen in the last 12 to 24 h? Remembers it. False positives below 1 % at 60 entries. */
bool ew_seen_before(struct ew_seen *s, uint64_t hash, int64_t now_ns);
