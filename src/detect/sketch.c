/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/sketch.h"

#include <string.h>

/*
 * Counting the distinct in little room. A set of sixteen is exact, which decides between a
 * port scan and a sweep at the fifth contact; beyond that a HyperLogLog of 64 registers
 * (Flajolet et al. 2007; standard error 13 %) says how large it became. Bloom filters
 * remember first contacts for a day in two generations, as detectors.md 1.4 has it.
 * Integers only.
 */

#define REGISTERS 64
/* alpha_64 * 64 * 64 = 0.709 * 4096 (Flajolet et al. 2007, figure 3) */
#define HLL_CONSTANT UINT64_C(2904)
#define BLOOM_BITS 512u
#define BLOOM_HASHES 4
/* 64 ln(64 / empty registers), rounded: linear counting for small sets. */
static const uint16_t linear[REGISTERS + 1] = {
	0,
	266,
	222,
	196,
	177,
	163,
	151,
	142,
	133,
	126,
	119,
	113,
	107,
	102,
	97,
	93,
	89,
	85,
	81,
	78,
	74,
	71,
	68,
	65,
	63,
	60,
	58,
	55,
	53,
	51,
	48,
	46,
	44,
	42,
	40,
	39,
	37,
	35,
	33,
	32,
	30,
	28,
	27,
	25,
	24,
	23,
	21,
	20,
	18,
	17,
	16,
	15,
	13,
	12,
	11,
	10,
	9,
	7,
	6,
	5,
	4,
	3,
	2,
	1,
	0,
};

static uint32_t
hll_estimate(const uint8_t registers[REGISTERS])
{
	uint64_t sum = 0;
	unsigned empty = 0;

	for (int i = 0; i < REGISTERS; i++) {
		sum += (UINT64_C(1) << 32) >> registers[i];
		empty += registers[i] == 0;
	}
	uint32_t raw = (uint32_t)((HLL_CONSTANT << 32) / sum);
	return raw < REGISTERS * 5 / 2 && empty ? linear[empty] : raw;
}

void
ew_distinct_add(struct ew_distinct *d, uint64_t hash)
{
	uint32_t low = (uint32_t)hash;
	unsigned i = hash >> 58;
	uint8_t rank = (uint8_t)(__builtin_clzll(hash << 6 | 32) + 1);

	if (rank > d->registers[i])
		d->registers[i] = rank;
	if (d->n_exact > EW_DISTINCT_EXACT)
		return;
	for (unsigned k = 0; k < d->n_exact && k < EW_DISTINCT_EXACT; k++)
		if (d->exact[k] == low)
			return;
	if (d->n_exact < EW_DISTINCT_EXACT)
		d->exact[d->n_exact] = low;
	d->n_exact++;
}

uint32_t
ew_distinct_count(const struct ew_distinct *d)
{
	if (d->n_exact <= EW_DISTINCT_EXACT)
		return d->n_exact;
	uint32_t n = hll_estimate(d->registers);

	return n > EW_DISTINCT_EXACT ? n : EW_DISTINCT_EXACT + 1;
}

static bool
bloom_has(const uint64_t bits[8], uint64_t hash)
{
	for (int k = 0; k < BLOOM_HASHES; k++) {
		unsigned bit = (unsigned)(hash >> (k * 9)) % BLOOM_BITS;

		if (!(bits[bit / 64] >> (bit % 64) & 1))
			return false;
	}
	return true;
}

bool
ew_seen_before(struct ew_seen *s, uint64_t hash, int64_t now_ns)
{
	unsigned set = 0;

	if (s->swapped_ns == 0)
		s->swapped_ns = now_ns;
	for (int i = 0; i < 8; i++)
		set += (unsigned)__builtin_popcountll(s->bits[0][i]);
	if (now_ns - s->swapped_ns >= EW_SEEN_SWAP_NS || set >= BLOOM_BITS / 2) {
		/* After two quiet periods the older generation is too old as well. */
		bool is_stale = now_ns - s->swapped_ns >= 2 * EW_SEEN_SWAP_NS;

		if (is_stale)
			memset(s->bits[1], 0, sizeof(s->bits[1]));
		else
			memcpy(s->bits[1], s->bits[0], sizeof(s->bits[1]));
		memset(s->bits[0], 0, sizeof(s->bits[0]));
		s->swapped_ns = now_ns;
	}
	if (bloom_has(s->bits[0], hash) || bloom_has(s->bits[1], hash))
		return true;
	for (int k = 0; k < BLOOM_HASHES; k++) {
		unsigned bit = (unsigned)(hash >> (k * 9)) % BLOOM_BITS;

		s->bits[0][bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	return false;
}
