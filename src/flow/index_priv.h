/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "flow/flow_priv.h"

/*
 * Keys and the look-ups of index.c, inline because each packet makes some. Tags are compared eight
 * at a time in an ordinary register, so no machine needs a variant of its own.
 */

/*
 * An entry lives in its bucket or in one of the 15 others of its kilobyte, the neighbour in
 * the same pair of cache lines first: a collision costs no further page. A full table has
 * 122 entries for the 192 places of such a group; that they do not fit happens once in 10^9.
 */
#define PROBES 16

static inline bool
index_is_after(const struct ew_addr *a, uint16_t a_port, const struct ew_addr *b,
    uint16_t b_port)
{
	uint64_t x[2], y[2];

	memcpy(x, a->b, 16);
	memcpy(y, b->b, 16);
	if (x[1] != y[1])
		return x[1] > y[1];
	if (x[0] != y[0])
		return x[0] > y[0];
	return a_port > b_port;
}

/* Sort the ends of a tuple into a key. Returns the end that is src. */
static inline unsigned
table_key(const struct ew_addr *src, uint16_t sport, const struct ew_addr *dst,
    uint16_t dport, uint8_t proto, uint32_t domain, bool one_way,
    struct flow_key *ret_key)
{
	const unsigned end = !one_way && index_is_after(src, sport, dst, dport);

	ret_key->addr[end] = *src;
	ret_key->addr[end ^ 1] = *dst;
	ret_key->port[end] = sport;
	ret_key->port[end ^ 1] = dport;
	ret_key->domain = domain | (one_way ? DOMAIN_ONE_WAY : 0);
	ret_key->proto = proto;
	return end;
}

static inline uint64_t
index_fold(uint64_t a, uint64_t b)
{
	const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * The key's five words and the protocol, each hidden by a secret word and multiplied in
 * pairs: the mixing step of wyhash and XXH3, at a third of the instructions of a general
 * hash. Without the secrets nobody can tell which keys collide.
 */
static inline uint64_t
index_hash(const struct index *index, const struct flow_key *key)
{
	const uint64_t *k = index->secret;
	uint64_t w[5];

	memcpy(w, key, sizeof(w));
	const uint64_t h =
	    index_fold(w[0] ^ k[0], w[1] ^ k[1]) ^ index_fold(w[2] ^ k[2], w[3] ^ k[3]);

	return index_fold(h ^ k[4], w[4] ^ k[5] ^ (uint64_t)key->proto << 56);
}

static inline void
index_prefetch(const struct index *index, uint32_t where)
{
	__builtin_prefetch(&index->buckets[where & index->mask]);
}

/* Never 0, which marks a free place. */
static inline uint8_t
index_tag(uint32_t where)
{
	const uint8_t tag = (uint8_t)(where >> 24);

	return tag ? tag : 1;
}

/*
 * The top bit of each byte of tags that equals tag; a byte above a true match may be marked
 * as well, so the caller looks again.
 */
static inline uint64_t
index_equal(uint64_t tags, uint8_t tag)
{
	const uint64_t x = tags ^ UINT64_C(0x0101010101010101) * tag;

	return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/*
 * How many entries were pushed past a bucket, in eight counts of four bits by the tag's low
 * bits: a look-up goes on only where one of its own kind did. 15 means "many" for good.
 */
static inline uint32_t
index_passed(const struct bucket *b, uint8_t tag)
{
	return b->overflow >> (tag % 8 * 4) & 15;
}

static inline void
index_pass(struct bucket *b, uint8_t tag, bool back)
{
	const uint32_t one = UINT32_C(1) << (tag % 8 * 4);

	if (index_passed(b, tag) == 15)
		return;
	b->overflow = back ? b->overflow - one : b->overflow + one;
}

/* Marks of places 0..7 and of 8..11. */
struct index_marks {
	uint64_t low, high;
};

static inline struct index_marks
index_match(const struct bucket *b, uint8_t tag)
{
	uint64_t low;
	uint32_t high;

	memcpy(&low, b->tags, 8);
	memcpy(&high, b->tags + 8, 4);
	return (struct index_marks){ index_equal(low, tag),
		index_equal(high, tag) & UINT64_C(0x80808080) };
}

static inline bool
index_has_more(const struct index_marks *m)
{
	return (m->low | m->high) != 0;
}

/* Take the next mark away and return its place. */
static inline unsigned
index_next(struct index_marks *m)
{
	unsigned place;

	if (m->low) {
		place = (unsigned)__builtin_ctzll(m->low) / 8;
		m->low &= m->low - 1;
	} else {
		place = 8 + (unsigned)__builtin_ctzll(m->high) / 8;
		m->high &= m->high - 1;
	}
	return place;
}

static inline bool
index_is_flow(const struct flow *f, const struct flow_key *key)
{
	uint64_t a[5], b[5];

	memcpy(a, f, sizeof(a));
	memcpy(b, key, sizeof(b));
	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) |
		   (a[4] ^ b[4])) == 0 &&
	    f->proto == key->proto;
}

/* A slot whose tag fits, or NO_SLOT: for prefetching. */
static inline uint32_t
index_guess(const struct index *index, uint32_t where)
{
	const struct bucket *b = &index->buckets[where & index->mask];
	struct index_marks m = index_match(b, index_tag(where));

	return index_has_more(&m) ? b->slots[index_next(&m)] : NO_SLOT;
}

static inline uint32_t
index_find(const struct index *index, const struct flow *flows, uint32_t where,
    const struct flow_key *key)
{
	const uint8_t tag = index_tag(where);

	for (uint32_t probe = 0; probe < PROBES; probe++) {
		const struct bucket *b = &index->buckets[(where & index->mask) ^ probe];

		for (struct index_marks m = index_match(b, tag); index_has_more(&m);) {
			const unsigned place = index_next(&m);

			if (b->tags[place] == tag &&
			    index_is_flow(&flows[b->slots[place]], key))
				return b->slots[place];
		}
		if (index_passed(b, tag) == 0)
			break;
	}
	return NO_SLOT;
}

/* False when the neighbourhood is full: some hundred entries of one hash. */
static inline bool
index_insert(struct index *index, uint32_t where, uint32_t slot)
{
	for (uint32_t probe = 0; probe < PROBES; probe++) {
		struct bucket *b = &index->buckets[(where & index->mask) ^ probe];
		struct index_marks m = index_match(b, 0);

		if (!index_has_more(&m))
			continue;
		const unsigned place =
		    index_next(&m); /* the lowest mark is a true one */

		b->tags[place] = index_tag(where);
		b->slots[place] = slot;
		for (uint32_t passed = 0; passed < probe; passed++)
			index_pass(&index->buckets[(where & index->mask) ^ passed],
			    index_tag(where), false);
		return true;
	}
	return false;
}

static inline void
index_remove(struct index *index, uint32_t where, uint32_t slot)
{
	const uint8_t tag = index_tag(where);

	for (uint32_t probe = 0; probe < PROBES; probe++) {
		struct bucket *b = &index->buckets[(where & index->mask) ^ probe];

		for (struct index_marks m = index_match(b, tag); index_has_more(&m);) {
			const unsigned place = index_next(&m);

			if (b->tags[place] != tag || b->slots[place] != slot)
				continue;
			b->tags[place] = 0;
			for (uint32_t passed = 0; passed < probe; passed++)
				index_pass(&index->buckets[(where & index->mask) ^
					       passed],
				    tag, true);
			return;
		}
	}
}
