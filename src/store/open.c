/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which row an open flow has. Linear probing with deletion by moving back what follows
 * (Knuth 6.4, algorithm R); grows to a bound, and then refuses: such a flow has no row until
 * it ends. A row of a transaction that failed may still stand here; deleting it does nothing.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "store/store_priv.h"

#define OPEN_FIRST 1024u
#define OPEN_MAX (1u << 19) /* 8 MiB */

static size_t
slot_of(const struct store_open *open, uint64_t flow_id)
{
	return (size_t)(flow_id * UINT64_C(0x9e3779b97f4a7c15) >> 32) &
	    (open->capacity - 1);
}

static void
insert(struct store_open *open, uint64_t flow_id, int64_t seq)
{
	size_t at = slot_of(open, flow_id);

	while (open->slots[at].seq != 0 && open->slots[at].flow_id != flow_id)
		at = (at + 1) & (open->capacity - 1);
	if (open->slots[at].seq == 0)
		open->used++;
	open->slots[at] = (struct store_open_slot){ .flow_id = flow_id, .seq = seq };
}

static void
grow(struct store_open *open)
{
	struct store_open_slot *old = open->slots;
	const size_t n = open->capacity;

	open->capacity = n ? n * 2 : OPEN_FIRST;
	open->slots = ew_alloc_array(open->capacity, sizeof(*open->slots));
	open->used = 0;
	for (size_t i = 0; i < n; i++)
		if (old[i].seq != 0)
			insert(open, old[i].flow_id, old[i].seq);
	free(old);
}

bool
store_open_put(struct store_open *open, uint64_t flow_id, int64_t seq)
{
	if (open->used * 2 >= open->capacity) {
		if (open->capacity >= OPEN_MAX)
			return false;
		grow(open);
	}
	insert(open, flow_id, seq);
	return true;
}

int64_t
store_open_take(struct store_open *open, uint64_t flow_id)
{
	if (open->used == 0)
		return 0;
	size_t at = slot_of(open, flow_id);

	while (open->slots[at].seq != 0 && open->slots[at].flow_id != flow_id)
		at = (at + 1) & (open->capacity - 1);
	const int64_t seq = open->slots[at].seq;

	if (seq == 0)
		return 0;
	for (size_t next = at;;) {
		next = (next + 1) & (open->capacity - 1);
		if (open->slots[next].seq == 0)
			break;
		/* May it move to the hole? Only if its own slot is not between hole and itself. */
		const size_t home = slot_of(open, open->slots[next].flow_id);
		const size_t from_home = (next - home) & (open->capacity - 1);
		const size_t from_hole = (next - at) & (open->capacity - 1);

		if (from_home >= from_hole) {
			open->slots[at] = open->slots[next];
			at = next;
		}
	}
	open->slots[at].seq = 0;
	open->used--;
	return seq;
}

void
store_open_fini(struct store_open *open)
{
	free(open->slots);
	*open = (struct store_open){ 0 };
}
