/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash map of this folder. Chains rather than open addressing, because entries are
 * found again by pointer and because a key may repeat. It doubles when full and keeps the
 * order within a chain, so that "newest first" survives growth.
 */
#include "identity/map_priv.h"

#include <assert.h>
#include <stdlib.h>

void
ew_map_fini(struct ew_map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->n_slots = 0;
}

static void
grow(struct ew_map *map)
{
	const size_t n = map->n_slots * 2;
	struct ew_link **slots = ew_alloc_array(n, sizeof(*slots));

	for (size_t i = 0; i < map->n_slots; i++) {
		struct ew_link **tail[2] = { &slots[i], &slots[i + map->n_slots] };
		struct ew_link *link = map->slots[i];

		while (link) {
			struct ew_link *const next = link->next;
			const int half = (link->hash & map->n_slots) != 0;

			*tail[half] = link;
			tail[half] = &link->next;
			link = next;
		}
		*tail[0] = NULL;
		*tail[1] = NULL;
	}
	free(map->slots);
	map->slots = slots;
	map->n_slots = n;
}

void
ew_map_insert(struct ew_map *map, struct ew_link *link, uint64_t hash)
{
	if (map->count >= map->n_slots)
		grow(map);
	struct ew_link **slot = &map->slots[hash & (map->n_slots - 1)];

	link->hash = hash;
	link->next = *slot;
	*slot = link;
	map->count++;
}

void
ew_map_remove(struct ew_map *map, struct ew_link *link)
{
	struct ew_link **at = &map->slots[link->hash & (map->n_slots - 1)];

	while (*at && *at != link)
		at = &(*at)->next;
	assert(*at == link);
	*at = link->next;
	link->next = NULL;
	map->count--;
}
