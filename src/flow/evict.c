/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of slots, to take the next unanswered flow in one step however few there are.
 *
 * Four levels of bitmaps, each bit standing for a word of the level below. Together with a
 * hand that moves round the slots this evicts in about the order in which flows came: a
 * freed slot is used again at once, and the hand has just passed it.
 */
#include <string.h>

#include "base/alloc.h"
#include "flow/flow_priv.h"

int
slot_set_init(struct slot_set *set, uint32_t max)
{
	size_t total = 0;
	uint32_t words = max;

	for (int level = 0; level < 4; level++) {
		words = (words + 63) / 64;
		set->words[level] = words;
		total += words;
	}
	set->reserved = total * sizeof(uint64_t);
	set->bits[0] = ew_reserve(set->reserved);
	if (!set->bits[0])
		return -1;
	for (int level = 1; level < 4; level++)
		set->bits[level] = set->bits[level - 1] + set->words[level - 1];
	return 0;
}

void
slot_set_fini(struct slot_set *set)
{
	if (set->bits[0])
		ew_release(set->bits[0], set->reserved);
}

void
slot_set_clear(struct slot_set *set)
{
	memset(set->bits[0], 0, set->reserved);
	set->count = 0;
}

void
slot_set_add(struct slot_set *set, uint32_t slot)
{
	uint32_t at = slot;

	for (int level = 0; level < 4; level++) {
		uint64_t *word = &set->bits[level][at / 64];
		const bool was_empty = *word == 0;

		*word |= UINT64_C(1) << (at % 64);
		if (!was_empty)
			break;
		at /= 64;
	}
	set->count++;
}

void
slot_set_remove(struct slot_set *set, uint32_t slot)
{
	uint32_t at = slot;

	for (int level = 0; level < 4; level++) {
		uint64_t *word = &set->bits[level][at / 64];

		*word &= ~(UINT64_C(1) << (at % 64));
		if (*word)
			break;
		at /= 64;
	}
	set->count--;
}

/* The first bit at or after from on a level; UINT32_MAX when there is none. */
static uint32_t
next_on_level(const struct slot_set *set, int level, uint32_t from)
{
	const uint32_t word = from / 64;

	if (word >= set->words[level])
		return UINT32_MAX;
	const uint64_t rest = set->bits[level][word] >> (from % 64);

	return rest ? from + (uint32_t)__builtin_ctzll(rest) : UINT32_MAX;
}

/* Like slot_set_search, without going round. */
static uint32_t
next_after(const struct slot_set *set, uint32_t from)
{
	uint32_t at = from;
	int level = 0;

	for (;;) { /* up, until a level has something to the right */
		const uint32_t found = next_on_level(set, level, at);

		if (found != UINT32_MAX) {
			at = found;
			break;
		}
		if (level == 3) {
			/* the top is a handful of words */
			uint32_t word = at / 64 + 1;

			while (word < set->words[3] && set->bits[3][word] == 0)
				word++;
			if (word >= set->words[3])
				return NO_SLOT;
			at = word * 64 + (uint32_t)__builtin_ctzll(set->bits[3][word]);
			break;
		}
		at = at / 64 + 1;
		level++;
	}
	while (level > 0) { /* down again, to its first member */
		level--;
		at = at * 64 + (uint32_t)__builtin_ctzll(set->bits[level][at]);
	}
	return at;
}

uint32_t
slot_set_search(const struct slot_set *set, uint32_t from)
{
	if (set->count == 0)
		return NO_SLOT;
	const uint32_t found = next_after(set, from);

	return found != NO_SLOT ? found : next_after(set, 0);
}
