/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/hash.h"

/*
 * An intrusive hash map: the entry embeds a link, the map holds the heads. Keys come from
 * traffic, so the hash is keyed. Several entries may carry one key (generations of an
 * interface, leases of an address): the newest is met first. Used inside identity only.
 */
struct ew_link {
	struct ew_link *next;
	uint64_t hash;
};

struct ew_map {
	struct ew_link **slots;
	size_t n_slots; /* a power of two */
	size_t count;
	uint64_t seed;
};

#define EW_ENTRY(link, type, member) \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void
ew_map_init(struct ew_map *map, uint64_t seed)
{
	*map = (struct ew_map){ .n_slots = 64, .seed = seed };
	map->slots = ew_alloc_array(map->n_slots, sizeof(struct ew_link *));
}

static inline uint64_t
ew_map_hash(const struct ew_map *map, const void *key, size_t size)
{
	return ew_hash(key, size, map->seed);
}

/* The newest entry with that hash; the caller compares keys and goes on with ew_map_next. */
static inline struct ew_link *
ew_map_first(const struct ew_map *map, uint64_t hash)
{
	struct ew_link *link = map->slots[hash & (map->n_slots - 1)];

	while (link && link->hash != hash)
		link = link->next;
	return link;
}

static inline struct ew_link *
ew_map_next(struct ew_link *link)
{
	const uint64_t hash = link->hash;

	do {
		link = link->next;
	} while (link && link->hash != hash);
	return link;
}

void ew_map_fini(struct ew_map *map);
void ew_map_insert(struct ew_map *map, struct ew_link *link, uint64_t hash);
/* The link must be in the map. */
void ew_map_remove(struct ew_map *map, struct ew_link *link);
