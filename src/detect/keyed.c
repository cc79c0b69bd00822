/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/keyed.h"

#include <string.h>

#include "detect/detect_priv.h"

/*
 * The table most detectors keep their state in: fixed size, no chains, no rehash. A flood of
 * keys pushes out the longest unused records and is counted; it never stops a detector.
 */

static char *
set_of(void *table, size_t n, size_t size, uint64_t key)
{
	size_t slot =
	    (size_t)ew_detect_mix(key, 21) & (n - 1) & ~(size_t)(EW_KEYED_WAYS - 1);

	return (char *)table + slot * size;
}

void *
ew_keyed_find(void *table, size_t n, size_t size, uint64_t key)
{
	char *set = set_of(table, n, size, key);

	for (int i = 0; i < EW_KEYED_WAYS; i++) {
		struct ew_keyed *r =
		    (struct ew_keyed *)(void *)(set + (size_t)i * size);

		if (r->key == key)
			return r;
	}
	return NULL;
}

void *
ew_keyed_get(struct ew_detect *d, void *table, size_t n, size_t size, uint64_t key,
    struct ew_mono now)
{
	struct ew_keyed *found = ew_keyed_find(table, n, size, key);

	if (!found) {
		char *set = set_of(table, n, size, key);

		for (int i = 0; i < EW_KEYED_WAYS; i++) {
			struct ew_keyed *r =
			    (struct ew_keyed *)(void *)(set + (size_t)i * size);

			if (!found || !r->key ||
			    (found->key && r->last_ns < found->last_ns))
				found = r;
			if (!r->key)
				break;
		}
		d->counters.state_refused += found->key != 0;
		memset(found, 0, size);
		found->key = key;
	}
	found->last_ns = now.ns;
	return found;
}
