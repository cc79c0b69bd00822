/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a key to a slot: a hash table of buckets, one cache line each.
 *
 * A bucket has twelve places: a byte of the hash each, to compare all at once, and the slot
 * number. A look-up of a new key so touches one cache line and no flow; of a known key one
 * line and its flow. Buckets are at most two thirds full on average; what does not fit goes
 * to another bucket of its group, and `overflow` of every bucket passed by says so, so that a
 * look-up stops where nothing was pushed on. Nothing is moved on removal.
 *
 * The hash is keyed. Should someone guess the key all the same, an entry is looked for in one
 * group and no further: collisions push each other out and nobody else.
 */
#include <string.h>

#include "base/alloc.h"
#include "flow/flow_priv.h"
#include "flow/index_priv.h"

#define BUCKETS_MAX ((size_t)1 << 24) /* what index_where can name; 134 M flows */

/* SplitMix64, Steele et al. 2014: six unrelated words from one seed. */
static uint64_t
splitmix(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int
index_init(struct index *index, uint32_t max_flows, uint64_t seed)
{
	size_t buckets = 1;

	while ((buckets * 8 < max_flows || buckets < PROBES) && buckets < BUCKETS_MAX)
		buckets *= 2;
	index->reserved = buckets * sizeof(struct bucket);
	index->buckets = ew_reserve(index->reserved);
	ew_reserve_dense(index->buckets, index->reserved);
	index->mask = buckets - 1;
	for (size_t i = 0; i < sizeof(index->secret) / sizeof(index->secret[0]); i++)
		index->secret[i] = splitmix(&seed);
	return index->buckets ? 0 : -1;
}

void
index_fini(struct index *index)
{
	if (index->buckets)
		ew_release(index->buckets, index->reserved);
}

void
index_clear(struct index *index)
{
	memset(index->buckets, 0, index->reserved);
}

uint32_t
index_any(const struct index *index, const struct flow *flows, uint32_t where)
{
	uint32_t any = NO_SLOT;

	for (uint32_t probe = 0; probe < PROBES; probe++) {
		const struct bucket *b = &index->buckets[(where & index->mask) ^ probe];

		for (unsigned place = 0; place < BUCKET_SLOTS; place++) {
			if (!b->tags[place])
				continue;
			any = b->slots[place];
			if (!(flows[any].bits & FLOW_ANSWERED))
				return any;
		}
	}
	return any;
}
