/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Counters are described once, in one const array per module, and printed everywhere
 * (`eastwatch counters`, API, metrics). The values live in a struct of the module; offset
 * says where. All are uint64_t.
 */
struct ew_counter {
	const char *name;    /* "flow_evictions": snake_case, module first */
	const char *unit;    /* "flows", "packets", "bytes", "events" */
	const char *meaning; /* one sentence for an operator */
	size_t offset;	     /* of the uint64_t in the module's struct */
	uint8_t is_gauge;    /* 1: a level that can fall; 0: only grows */
};

struct ew_counter_set {
	const char *module;
	const struct ew_counter *counters;
	size_t count;
	const void *values; /* the module's struct */
};

static inline uint64_t
ew_counter_value(const struct ew_counter_set *set, size_t i)
{
	return *(const uint64_t *)((const char *)set->values + set->counters[i].offset);
}
