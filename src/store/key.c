/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of flow rows and what they contain. Rows are written in order; BLOCK_ROWS of them
 * in a row are a block. For each block the database keeps its range of rows, its span of
 * time, and the set of keys (addresses, workloads, instances, edges, ports, outcomes) that
 * occur in it. A question then reads the few blocks that have all its keys. Measured: nine
 * bytes a row for all kinds together, where one index entry costs twelve and more, and one
 * row written in order in place of a hundred thousand scattered over the file.
 *
 * The set is written whole each time a transaction ends, so the block that grows on a quiet
 * host is written again each second; it is small then.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/key_priv.h"
#include "store/store_priv.h"

/* A row adds at most 13 keys besides the few traits, so there is always a free slot. */
_Static_assert(BLOCK_ROWS * 13 + 1024 < KEY_SLOTS, "key set too small for a block");

void
store_keys_init(struct store_keys *keys)
{
	keys->slots = ew_reserve(KEY_SLOTS * sizeof(*keys->slots));
	keys->keys = ew_reserve(KEY_SLOTS * sizeof(*keys->keys));
	keys->bytes = ew_reserve(KEY_SLOTS * sizeof(uint32_t));
}

void
store_keys_fini(struct store_keys *keys)
{
	ew_release(keys->slots, KEY_SLOTS * sizeof(*keys->slots));
	ew_release(keys->keys, KEY_SLOTS * sizeof(*keys->keys));
	ew_release(keys->bytes, KEY_SLOTS * sizeof(uint32_t));
}

void
store_keys_add(struct store_keys *keys, uint32_t key)
{
	/* Fibonacci hashing: the upper bits of the product. */
	uint32_t at = (key * UINT32_C(2654435769)) >> 16;

	while (keys->slots[at] != 0) {
		if (keys->slots[at] == key)
			return;
		at = (at + 1) & (KEY_SLOTS - 1);
	}
	keys->slots[at] = key;
	keys->keys[keys->n++] = key;
}

void
store_block_start(struct ew_store *store)
{
	struct store_keys *k = &store->keys;

	if (k->n > 0)
		memset(k->slots, 0, KEY_SLOTS * sizeof(*k->slots));
	k->n = 0;
	/* After a rollback too: what is in the file is the truth. */
	store->next_seq = 1 +
	    ew_db_int(&store->db,
		"SELECT max(coalesce((SELECT max(seq) FROM flow), 0), "
		"coalesce((SELECT max(last_seq) FROM flow_block), 0))",
		0);
	store->block = (struct store_block){ .id = 1 +
		    ew_db_int(&store->db, "SELECT max(block) FROM flow_block", 0) };
}

static int
compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void
store_block_flush(struct ew_store *store)
{
	struct store_block *b = &store->block;
	struct store_keys *k = &store->keys;

	if (!b->is_dirty || store->db.error != 0)
		return;
	qsort(k->keys, k->n, sizeof(*k->keys), compare);
	for (size_t i = 0; i < k->n; i++) {
		const uint32_t key = htobe32(k->keys[i]);

		memcpy(k->bytes + 4 * i, &key, sizeof(key));
	}
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_BLOCK_PUT);

	if (!s)
		return;
	ew_db_bind_int(s, 1, b->id);
	ew_db_bind_int(s, 2, b->first_seq);
	ew_db_bind_int(s, 3, b->last_seq);
	ew_db_bind_int(s, 4, b->first_us);
	ew_db_bind_int(s, 5, b->last_us);
	sqlite3_bind_blob(s, 6, k->bytes, (int)(4 * k->n), SQLITE_STATIC);
	(void)ew_db_run(&store->db, ST_BLOCK_PUT);
	b->is_dirty = false;
}
