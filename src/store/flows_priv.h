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
	/* Few workloads on each side: their pairs have keys of their own. */
	int64_t from[PLAN_IDS_MAX], to[PLAN_IDS_MAX];
	size_t n_from, n_to; /* 0 many or any */
	int proto, port;     /* -1 many or any */
};
int flows_plan_init(struct flows_plan *plan, struct ew_reader *reader,
    const struct ew_query *query, struct ew_error *error);
void flows_plan_fini(struct flows_plan *plan);
/* Bind params from position `from` on. */
void flows_bind_after(sqlite3_stmt *s, int from, const struct query_params *params);
/* --by, and orders other than time: flows_group.c. */
int flows_group(struct ew_reader *reader, const struct ew_query *query,
    const struct flows_plan *plan, ew_row_fn row, void *context, size_t *ret_rows,
    struct ew_error *error);
