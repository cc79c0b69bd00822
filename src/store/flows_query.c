/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow rows, ten million of them, in the time a person waits. The blocks that can have a
 * match are asked for first (a seek per block and key), then read one by one, newest first,
 * until there are enough rows; only the rows that are shown are named by the view.
 *
 * A grouping or another order needs all matches: flows_group.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "store/flows_priv.h"

struct seqs {
	int64_t *at;
	size_t n, room;
};

static void
seqs_add(struct seqs *seqs, int64_t seq)
{
	if (seqs->n == seqs->room) {
		seqs->room = seqs->room ? seqs->room * 2 : 256;
		seqs->at = ew_realloc_array(seqs->at, seqs->room, sizeof(*seqs->at));
	}
	seqs->at[seqs->n++] = seq;
}

void
flows_bind_after(sqlite3_stmt *s, int from, const struct query_params *params)
{
	for (size_t i = 0; i < params->n; i++)
		if (params->at[i].is_int)
			ew_db_bind_int(s, from + (int)i, params->at[i].number);
		else
			ew_db_bind_text(s, from + (int)i, params->at[i].text);
}

static sqlite3_stmt *
prepare_blocks(struct ew_reader *reader, const struct flows_plan *plan, bool is_down,
    struct ew_error *error)
{
	struct ew_text sql;

	ew_text_init(&sql, 1u << 20);
	ew_text_addf(&sql, "SELECT b.first_seq, b.last_seq FROM flow_block b WHERE 1%s",
	    plan->blocks.text);
	ew_text_add(&sql, is_down ? " ORDER BY b.block DESC" : " ORDER BY b.block");
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	if (s)
		flows_bind_after(s, 1, &plan->block_params);
	return s;
}

static sqlite3_stmt *
prepare_rows(struct ew_reader *reader, const struct flows_plan *plan, bool is_down,
    struct ew_error *error)
{
	struct ew_text sql;

	ew_text_init(&sql, 1u << 20);
	ew_text_addf(&sql,
	    "SELECT f.seq FROM flow f WHERE f.seq BETWEEN ? AND ?%s ORDER BY %s",
	    plan->rows.text, is_down ? "f.seq DESC" : "f.seq");
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	if (s)
		flows_bind_after(s, 3, &plan->row_params);
	return s;
}

static sqlite3_stmt *
prepare_names(struct ew_reader *reader, const struct ew_query *query,
    struct ew_error *error)
{
	struct ew_text sql;

	ew_text_init(&sql, 8192);
	ew_text_add(&sql, "SELECT ");
	query_add_columns(&sql, query);
	ew_text_add(&sql, " FROM v_flows WHERE seq = ?");
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	return s;
}

/* The row of one seq to the caller; 1 ends the listing. */
static int
show(struct ew_reader *reader, sqlite3_stmt *names_stmt, const char *const *names,
    int64_t seq, ew_row_fn row, void *context, size_t *ret_rows, struct ew_error *error)
{
	ew_db_bind_int(names_stmt, 1, seq);
	const int rc = sqlite3_step(names_stmt);
	int result = 0;

	if (rc == SQLITE_ROW) {
		*ret_rows += 1;
		result = reader_row(reader, names_stmt, names, row, context) != 0;
	} else if (rc != SQLITE_DONE) {
		(void)ew_db_fail(&reader->db, "name a flow");
		result = reader_explain(reader, error);
	}
	sqlite3_reset(names_stmt);
	return result;
}

/* Matches of one block, at most `left` more when down. Returns 0 or an error. */
static int
scan_block(struct ew_reader *reader, sqlite3_stmt *rows, int64_t first, int64_t last,
    size_t max, struct seqs *seqs, struct ew_error *error)
{
	int rc = SQLITE_DONE;

	ew_db_bind_int(rows, 1, first);
	ew_db_bind_int(rows, 2, last);
	while ((max == 0 || seqs->n < max) && (rc = sqlite3_step(rows)) == SQLITE_ROW)
		seqs_add(seqs, sqlite3_column_int64(rows, 0));
	const bool is_bad = rc != SQLITE_ROW && rc != SQLITE_DONE;

	if (is_bad)
		(void)ew_db_fail(&reader->db, "read flows");
	sqlite3_reset(rows);
	return is_bad ? reader_explain(reader, error) : 0;
}

/*
 * The newest N (max), collected downwards and shown upwards; or all (0), block by block.
 * range: only seqs in [0], [1].
 */
static int
walk(struct ew_reader *reader, const struct ew_query *query,
    const struct flows_plan *plan, size_t max, const int64_t range[2], ew_row_fn row,
    void *context, size_t *ret_rows, struct ew_error *error)
{
	const bool is_down = max > 0;
	const char *names[96];
	struct seqs seqs = { 0 };
	sqlite3_stmt *blocks = prepare_blocks(reader, plan, is_down, error);
	sqlite3_stmt *rows = blocks ? prepare_rows(reader, plan, is_down, error) : NULL;
	sqlite3_stmt *name = rows ? prepare_names(reader, query, error) : NULL;
	int rc = name ? 0 : EW_ERR_FORMAT;

	(void)ew_query_columns(query, names, sizeof(names) / sizeof(names[0]));
	while (rc == 0 && (max == 0 || seqs.n < max) &&
	    sqlite3_step(blocks) == SQLITE_ROW) {
		int64_t first = sqlite3_column_int64(blocks, 0);
		int64_t last = sqlite3_column_int64(blocks, 1);

		first = first < range[0] ? range[0] : first;
		last = last > range[1] ? range[1] : last;
		if (first > last)
			continue;
		rc = scan_block(reader, rows, first, last, max, &seqs, error);
		for (size_t i = 0; !is_down && i < seqs.n && rc == 0; i++)
			rc = show(reader, name, names, seqs.at[i], row, context,
			    ret_rows, error);
		if (!is_down)
			seqs.n = 0;
	}
	for (size_t i = seqs.n; is_down && i > 0 && rc == 0; i--)
		rc = show(reader, name, names, seqs.at[i - 1], row, context, ret_rows,
		    error);
	free(seqs.at);
	sqlite3_finalize(blocks);
	sqlite3_finalize(rows);
	sqlite3_finalize(name);
	return rc;
}

int
flows_list(struct ew_reader *reader, const struct ew_query *query, ew_row_fn row,
    void *context, size_t *ret_rows, struct ew_error *error)
{
	static const int64_t all[2] = { 0, INT64_MAX };
	struct flows_plan plan;
	int rc = flows_plan_init(&plan, reader, query, error);

	if (rc == 0)
		rc = query->n_group > 0 || query->order
		    ? flows_group(reader, query, &plan, row, context, ret_rows, error)
		    : walk(reader, query, &plan, query->last, all, row, context,
			  ret_rows, error);
	flows_plan_fini(&plan);
	return rc;
}

int
flows_follow(struct ew_reader *reader, const struct ew_query *query, int64_t after,
    int64_t upto, ew_row_fn row, void *context, struct ew_error *error)
{
	const int64_t range[2] = { after + 1, upto };
	struct ew_query q = *query;
	struct flows_plan plan;
	size_t rows = 0;

	q.n_group = 0;
	q.order = NULL;
	q.since_us = q.until_us = 0;
	int rc = flows_plan_init(&plan, reader, &q, error);

	/* Blocks before the cursor have nothing new. */
	ew_text_add(&plan.blocks, " AND b.last_seq > ?");
	query_bind_int(&plan.block_params, after);
	if (rc == 0)
		rc = walk(reader, &q, &plan, 0, range, row, context, &rows, error);
	flows_plan_fini(&plan);
	return rc;
}
