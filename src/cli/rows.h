/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/reader.h"

/*
 * The rows of a query, kept: for verbs that look at several rows at once (map, explain).
 * init/fini in place; text is owned.
 */
struct ew_rows {
	size_t n, n_columns;
	char **names;		 /* n_columns */
	struct ew_value *values; /* n * n_columns */
	size_t room;
};

/* A row callback that keeps what it gets; context is a struct ew_rows. */
int ew_rows_keep(void *context, const char *const *names, const struct ew_value *values,
    size_t n);
/* Run a query; returns an exit code, after a sentence. rows is overwritten. */
int ew_rows_query(struct ew_reader *reader, const struct ew_query *query,
    struct ew_rows *ret_rows);
/* The same for one view with one term (field NULL: no term), newest last. */
int ew_rows_find(struct ew_reader *reader, enum ew_view view, const char *field,
    const char *value, size_t last, struct ew_rows *ret_rows);
void ew_rows_fini(struct ew_rows *rows);

/* Text of a column; "" for null and for numbers. Borrowed. */
const char *ew_rows_text(const struct ew_rows *rows, size_t row, const char *column);
int64_t ew_rows_int(const struct ew_rows *rows, size_t row, const char *column);
bool ew_rows_is_null(const struct ew_rows *rows, size_t row, const char *column);
const struct ew_value *ew_rows_value(const struct ew_rows *rows, size_t row,
    const char *column);
/* What kind of peer a workload row is: column class, else told from the name. */
const char *ew_rows_class(const struct ew_rows *rows, size_t row);
const char *ew_class_of_name(const char *workload);
/* The whole row as a JSON object on one line, appended; view gives the types. */
struct ew_text;
void ew_rows_json(const struct ew_rows *rows, size_t row, enum ew_view view,
    struct ew_text *text);
