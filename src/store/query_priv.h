/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/text.h"
#include "store/db_priv.h"
#include "store/reader.h"

struct ew_reader {
	struct ew_db db;
	int version;
	bool is_immutable;
	int64_t deadline_ns;	 /* of ad-hoc SQL; 0 none */
	struct ew_text clean[4]; /* text that was no UTF-8, cleaned, for one row */
	unsigned n_clean;
	int next_set; /* of temp.ew_set */
};

/* Values for the ? of a text, in order. */
#define PARAMS_MAX 1024
struct query_params {
	size_t n;
	struct query_param {
		bool is_int;
		int64_t number;
		const char *text; /* borrowed from the query, or kept */
	} at[PARAMS_MAX];
	char *kept[EW_TERMS_MAX * 4];
	size_t n_kept;
	bool is_full;
};
void query_params_fini(struct query_params *params);
void query_bind_int(struct query_params *params, int64_t number);
void query_bind_text(struct query_params *params, const char *text);
/* text becomes the params' own. */
void query_bind_kept(struct query_params *params, char *take_text);
void query_bind_all(sqlite3_stmt *stmt, const struct query_params *params);

/* Terms of one field, side and negation: the alternatives of an OR. */
struct query_group {
	const char *field;
	enum ew_side side;
	bool is_negated;
	size_t n;
	const char *values[EW_TERMS_MAX];
};
size_t query_groups(const struct ew_query *query, struct query_group *ret_groups);

/* SELECT list of a query: its fields, or group columns with count and sums. */
void query_add_columns(struct ew_text *sql, const struct ew_query *query);

/* WHERE of a view, " AND (...)" for each group, over its columns. */
int query_add_terms(struct ew_text *sql, struct query_params *params,
    const struct ew_query *query, struct ew_error *error);
/* A condition on one column of the view, by its type. */
int query_add_field(struct ew_text *sql, struct query_params *params, enum ew_view view,
    const char *field, const char *value, struct ew_error *error);
/* A workload's name as people write it: whole, or its last parts, or a glob. */
void query_add_name(struct ew_text *sql, struct query_params *params,
    const char *column, const char *value);
int query_parse_prefix(const char *value, struct ew_prefix *ret_prefix,
    struct ew_error *error);
int query_parse_port(const char *value, int64_t *ret_port, struct ew_error *error);

/* Flow rows: flows_query.c. */
int flows_list(struct ew_reader *reader, const struct ew_query *query, ew_row_fn row,
    void *context, size_t *ret_rows, struct ew_error *error);
int flows_follow(struct ew_reader *reader, const struct ew_query *query, int64_t after,
    int64_t upto, ew_row_fn row, void *context, struct ew_error *error);

/* Hand the current row to a callback. Returns what it returns. */
int reader_row(struct ew_reader *reader, sqlite3_stmt *stmt, const char *const *names,
    ew_row_fn row, void *context);
sqlite3_stmt *reader_prepare(struct ew_reader *reader, const char *sql,
    struct ew_error *error);
/* Step through, each row to row. Finalizes. *ret_rows grows. 0, 1 stopped, or an error. */
int reader_each(struct ew_reader *reader, sqlite3_stmt *take_stmt, ew_row_fn row,
    void *context, size_t *ret_rows, struct ew_error *error);
int reader_explain(struct ew_reader *reader, struct ew_error *error);
/* Functions SQL has not: ew_glob, ew_in_prefix, ew_community_id. */
int reader_functions(struct ew_reader *reader);
