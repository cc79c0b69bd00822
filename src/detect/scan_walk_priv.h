/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "detect/scan_walk.h"

/* Between scan.c, which owns the walks, and scan_walk.c, which keeps the table. */

/* Options of scan, in the order of its table. */
enum {
	SCAN_OPT_THRESHOLD,
	SCAN_OPT_HALF_LIFE,
	SCAN_OPT_BASE,
	SCAN_OPT_DEDUP,
	SCAN_OPT_DARK,
	SCAN_OPT_REFUSED,
	SCAN_OPT_HALFOPEN,
	SCAN_OPT_EMPTY,
	SCAN_OPT_SILENT,
	SCAN_OPT_PAYLOAD,
};

#define EW_WALK_PENDING \
	1024 /* established contacts waiting up to 2 s for their weight */

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

/* --- scan_hit.c ---------------------------------------------------------------------------- */

/* One contact, weighed. */
struct ew_walk_hit {
	enum ew_walk_outcome outcome;
	uint64_t dst, contact;
	uint32_t weight_q16;
	bool is_sensitive, is_refundable;
	uint16_t port;
	uint8_t proto, tool;
	uint64_t flow_id;
	struct ew_addr addr;
	struct ew_workload *workload;
};

/* A destination without a name of its own: an address. */
bool ew_walk_is_plain(const struct ew_workload *w);
uint32_t ew_walk_weight(const struct ew_detect *d, enum ew_walk_outcome outcome);
uint64_t ew_walk_contact_key(const struct ew_contact *c);
/* EW_WALK_OUTCOMES: this event decides nothing. */
enum ew_walk_outcome ew_walk_classify(struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now);
struct ew_walk_hit ew_walk_make_hit(struct ew_detect *d, struct ew_walk *w,
    const struct ew_contact *c, enum ew_walk_outcome outcome, struct ew_mono now);
bool ew_walk_is_watched(const struct ew_contact *c, const struct ew_judgement *j);
