/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timing wheel: 16,384 slots of 4.19 ms, each a list of flows to look at.
 *
 * Timers are lazy. A packet does not move its flow; when the wheel comes to a flow, its
 * owner works out from the flow whether something is due, and puts it back where the next
 * thing may be. So a busy flow costs one visit per minute, and an idle one is found within
 * a tick of its time. What lies further ahead than the wheel reaches (68.7 s) goes to its
 * end and is put back from there. A bitmap of occupied slots makes long silences cheap.
 */
#include <assert.h>
#include <string.h>

#include "flow/flow_priv.h"

void
wheel_init(struct wheel *wheel, uint32_t tick)
{
	memset(wheel, 0, sizeof(*wheel));
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		wheel->heads[i] = NO_SLOT;
	wheel->tick = tick;
}

void
wheel_add(struct wheel *wheel, struct flow *flows, uint32_t slot, uint32_t due)
{
	uint32_t ahead = due - wheel->tick;

	if (ahead == 0 || ahead > INT32_MAX) /* late already: at the next tick */
		ahead = 1;
	if (ahead > WHEEL_SLOTS - 1)
		ahead = WHEEL_SLOTS - 1;
	const uint32_t tick = wheel->tick + ahead;
	const uint32_t at = tick % WHEEL_SLOTS;
	struct flow *f = &flows[slot];

	f->due = tick;
	f->prev = NO_SLOT;
	f->next = wheel->heads[at];
	if (f->next != NO_SLOT)
		flows[f->next].prev = slot;
	wheel->heads[at] = slot;
	wheel->occupied[at / 64] |= UINT64_C(1) << (at % 64);
	wheel->count++;
}

void
wheel_remove(struct wheel *wheel, struct flow *flows, uint32_t slot)
{
	const struct flow *f = &flows[slot];
	const uint32_t at = f->due % WHEEL_SLOTS;

	if (f->next != NO_SLOT)
		flows[f->next].prev = f->prev;
	if (f->prev != NO_SLOT)
		flows[f->prev].next = f->next;
	else
		wheel->heads[at] = f->next;
	if (wheel->heads[at] == NO_SLOT)
		wheel->occupied[at / 64] &= ~(UINT64_C(1) << (at % 64));
	wheel->count--;
}

bool
wheel_next(const struct wheel *wheel, uint32_t limit, uint32_t *ret_tick)
{
	uint32_t tick = wheel->tick + 1;
	uint32_t left = limit - wheel->tick;

	if (wheel->count == 0)
		return false;
	if (left > WHEEL_SLOTS - 1)
		left = WHEEL_SLOTS - 1;
	while (left > 0) {
		const uint32_t at = tick % WHEEL_SLOTS;
		const uint32_t in_word = 64 - at % 64;
		const uint64_t word = wheel->occupied[at / 64] >> (at % 64);
		const uint32_t step = in_word < left ? in_word : left;

		if (word) {
			const uint32_t skip = (uint32_t)__builtin_ctzll(word);

			if (skip >= step && step == left)
				return false;
			if (skip < step) {
				*ret_tick = tick + skip;
				return true;
			}
		}
		tick += step;
		left -= step;
	}
	return false;
}
