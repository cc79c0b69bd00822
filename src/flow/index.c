/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a key to a slot: a hash table of buckets, one cache line each.
 *
 * A bucket has twelve places: a byte of the hash each, to compare all at once, and the slot
 * number. A look-up of a new key so touches one cache line and no flow; of a known key one
 * line and its flow. Buckets are at most two thirds full on average; what does not fit goes
 * to the next bucket, and `overflow` of every bucket passed by says so, so that a look-up
 * stops where nothing was pushed on. Nothing is moved on removal.
 *
 * The hash is keyed. Should someone guess the key all the same, an entry is looked for in
 * PROBES buckets and no further: collisions push each other out and nobody else.
 */
#include <string.h>

#include "base/alloc.h"
#include "flow/flow_priv.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PROBES 8

int
index_init(struct index *index, uint32_t max_flows, uint64_t seed)
{
	size_t buckets = 1;

	while (buckets * 8 < max_flows)
		buckets *= 2;
	index->reserved = buckets * sizeof(struct bucket);
	index->buckets = ew_reserve(index->reserved);
	index->mask = buckets - 1;
	index->seed = seed;
	return index->buckets ? 0 : -1;
}

void
index_fini(struct index *index)
{
	if (index->buckets)
		ew_release(index->buckets, index->reserved);
}

uint64_t
index_hash(const struct index *index, const struct flow_key *key)
{
	/* The ends, ports and domain are 40 bytes without padding. */
	return XXH3_64bits_withSeed(key, 40, index->seed + key->proto);
}

/* Never 0, which marks a free place. */
static inline uint8_t
tag_of(uint64_t hash)
{
	const uint8_t tag = (uint8_t)(hash >> 56);

	return tag ? tag : 1;
}

/* Bit 7 of each byte of word that equals byte. May also mark a byte after a true one. */
static inline uint64_t
bytes_equal(uint64_t word, uint8_t byte)
{
	const uint64_t x = word ^ UINT64_C(0x0101010101010101) * byte;

	return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/* Bits 0..11: places whose tag is byte, and perhaps a few more. */
static inline uint32_t
places(const struct bucket *b, uint8_t byte)
{
	uint64_t low;
	uint32_t high;

	memcpy(&low, b->tags, 8);
	memcpy(&high, b->tags + 8, 4);
	/* Gather the bytes' top bits: one multiplication each. */
	const uint64_t l =
	    (bytes_equal(low, byte) >> 7) * UINT64_C(0x0102040810204080) >> 56;
	const uint64_t h = (bytes_equal(high, byte) >> 7 & 0x01010101) *
		UINT64_C(0x0102040810204080) >>
	    56;

	return (uint32_t)(l | (h & 15) << 8);
}

static inline bool
is_flow(const struct flow *f, const struct flow_key *key)
{
	uint64_t a[5], b[5];

	memcpy(a, f, sizeof(a));
	memcpy(b, key, sizeof(b));
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) |
		   (a[4] ^ b[4])) == 0 &&
	    f->proto == key->proto;
}

uint32_t
index_guess(const struct index *index, uint64_t hash)
{
	const struct bucket *b = &index->buckets[hash & index->mask];
	const uint32_t found = places(b, tag_of(hash));

	return found ? b->slots[__builtin_ctz(found)] : NO_SLOT;
}

uint32_t
index_find(const struct index *index, const struct flow *flows, uint64_t hash,
    const struct flow_key *key)
{
	const uint8_t tag = tag_of(hash);
	size_t at = hash & index->mask;

	for (int probe = 0; probe < PROBES; probe++) {
		const struct bucket *b = &index->buckets[at];

		for (uint32_t found = places(b, tag); found; found &= found - 1) {
			const int i = __builtin_ctz(found);

			if (b->tags[i] == tag && is_flow(&flows[b->slots[i]], key))
				return b->slots[i];
		}
		if (b->overflow == 0)
			break;
		at = (at + 1) & index->mask;
	}
	return NO_SLOT;
}

bool
index_insert(struct index *index, uint64_t hash, uint32_t slot)
{
	const size_t home = hash & index->mask;

	for (size_t probe = 0; probe < PROBES; probe++) {
		struct bucket *b = &index->buckets[(home + probe) & index->mask];
		const uint32_t free_places = places(b, 0);

		if (!free_places)
			continue;
		int i = __builtin_ctz(free_places);

		while (
		    b->tags[i] != 0) /* places() may name a neighbour of a free one */
			i++;
		b->tags[i] = tag_of(hash);
		b->slots[i] = slot;
		for (size_t passed = 0; passed < probe; passed++)
			index->buckets[(home + passed) & index->mask].overflow++;
		return true;
	}
	return false;
}

void
index_remove(struct index *index, uint64_t hash, uint32_t slot)
{
	const uint8_t tag = tag_of(hash);
	const size_t home = hash & index->mask;

	for (size_t probe = 0; probe < PROBES; probe++) {
		struct bucket *b = &index->buckets[(home + probe) & index->mask];

		for (uint32_t found = places(b, tag); found; found &= found - 1) {
			const int i = __builtin_ctz(found);

			if (b->tags[i] != tag || b->slots[i] != slot)
				continue;
			b->tags[i] = 0;
			for (size_t passed = 0; passed < probe; passed++)
				index->buckets[(home + passed) & index->mask]
				    .overflow--;
			return;
		}
	}
}

uint32_t
index_any(const struct index *index, uint64_t hash)
{
	const struct bucket *b = &index->buckets[hash & index->mask];
	const unsigned first = (unsigned)(hash >> 48) % BUCKET_SLOTS;

	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		const unsigned at = (first + i) % BUCKET_SLOTS;

		if (b->tags[at])
			return b->slots[at];
	}
	return NO_SLOT;
}
