/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks when: how often the direction of payload changes within a minute, and how much
 * is said at a time. A shell or a relay turns often with little; a transfer does not. The
 * median is kept as a histogram over powers of two, which is as exact as its use.
 */
#include <string.h>

#include "flow/flow_priv.h"

static void
end_run(struct flow_turns *t)
{
	unsigned size = 0;

	while (size < 15 && t->run_bytes >> (size + 1))
		size++;
	uint8_t *count = &t->sizes[t->last_end - 1][size];

	if (*count < UINT8_MAX)
		(*count)++;
	t->run_bytes = 0;
}

void
turns_feed(struct ew_flow_table *table, uint32_t slot, unsigned end, uint32_t bytes)
{
	struct flow_turns *t = &table->turns[slot];

	if (bytes == 0)
		return;
	if (t->last_end != 0 && t->last_end != end + 1) {
		end_run(t);
		if (t->turns < UINT16_MAX)
			t->turns++;
	}
	t->last_end = (uint8_t)(end + 1);
	t->run_bytes =
	    t->run_bytes + bytes < t->run_bytes ? UINT32_MAX : t->run_bytes + bytes;
}

static uint16_t
median(const uint8_t sizes[16])
{
	unsigned total = 0, below = 0;

	for (int i = 0; i < 16; i++)
		total += sizes[i];
	if (total == 0)
		return 0;
	for (unsigned i = 0; i < 16; i++) {
		below += sizes[i];
		if (below * 2 >= total)
			return (uint16_t)((1U << i) + (1U << i) / 2);
	}
	return UINT16_MAX;
}

void
turns_tell(struct ew_flow_table *table, uint32_t slot)
{
	struct flow_turns *t = &table->turns[slot];
	const struct flow *f = &table->flows[slot];

	if (t->last_end == 0)
		return;
	end_run(t);
	if (t->turns > 0 && !(f->bits & FLOW_HIDDEN)) {
		const unsigned src = initiator_of(f);
		struct ew_flow_event ev;

		tell_fill(table, slot, &ev);
		ev.kind = EW_FLOW_TURNS;
		ev.turns = t->turns;
		ev.turn_median_bytes[0] = median(t->sizes[src]);
		ev.turn_median_bytes[1] = median(t->sizes[src ^ 1]);
		tell_event(table, &ev);
	}
	memset(t, 0, sizeof(*t));
}
