/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "detect/scan_walk.h"

/* Between scan.c, which owns the walks, and scan_walk.c, which keeps the table. */

#define EW_WALK_PENDING 1024 /* established contacts waiting up to 2 s for their weight */

struct ew_walk_pending {
	uint64_t flow_id; /* 0 free */
	uint64_t key, contact, dst_key;
	int64_t deadline_ns;
	uint16_t port;
	uint8_t proto, is_used;
	uint8_t quarter; /* weight counts a quarter (resolved name, cold boot) */
	uint8_t is_sensitive;
	struct ew_addr dst;
	struct ew_workload *workload; /* counted */
};

struct ew_walks {
	struct ew_walk *table;
	uint32_t mask;
	int64_t next_expire_ns;
	struct ew_walk_pending pending[EW_WALK_PENDING];
};

struct ew_walk *ew_walks_find(const struct ew_walks *walks, uint64_t key);
struct ew_walk *ew_walks_get(struct ew_detect *d, struct ew_walks *walks, uint64_t key,
    struct ew_mono now);
void ew_walks_expire(struct ew_detect *d, struct ew_walks *walks, struct ew_mono now);
void ew_walks_fini(struct ew_walks *walks);
