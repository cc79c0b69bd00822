/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/query_priv.h"

/*
 * What a query over flow rows comes to: a condition on table flow (f) and one on table
 * flow_block (b) that every block with a matching row meets.
 */
#define PLAN_IDS_MAX 32
struct flows_plan {
	struct ew_text rows, blocks;
	struct query_params row_params, block_params;
	/* One workload on each side: the pair has a key of its own. */
	int64_t from, to; /* ids; 0 many or any */
	int proto, port;  /* -1 many or any */
};
int flows_plan_init(struct flows_plan *plan, struct ew_reader *reader,
    const struct ew_query *query, struct ew_error *error);
void flows_plan_fini(struct flows_plan *plan);
