/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the store, copied. Listings hand rows out one by one and keep nothing; a map or a
 * story needs them side by side.
 */
#include "cli/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/list.h"

int
ew_rows_keep(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct ew_rows *rows = context;

	if (!rows->names) {
		rows->n_columns = n;
		rows->names = ew_alloc_array(n + 1, sizeof(*rows->names));
		for (size_t i = 0; i < n; i++)
			rows->names[i] = ew_strdup(names[i]);
	}
	if (rows->n == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 16;
		rows->values = ew_realloc_array(rows->values,
		    rows->room * (rows->n_columns + 1), sizeof(*rows->values));
	}
	struct ew_value *to = &rows->values[rows->n++ * rows->n_columns];
	for (size_t i = 0; i < rows->n_columns; i++) {
		to[i] = i < n ? values[i] : (struct ew_value){ .kind = EW_VALUE_NULL };
		if (to[i].kind == EW_VALUE_TEXT)
			to[i].text = ew_strdup(values[i].text);
		else
			to[i].text = NULL;
	}
	return 0;
}

int
ew_rows_query(struct ew_reader *reader, const struct ew_query *query,
    struct ew_rows *ret_rows)
{
	struct ew_error error = { 0 };
	int err;

	*ret_rows = (struct ew_rows){ 0 };
	err = ew_reader_list(reader, query, ew_rows_keep, ret_rows, NULL, &error);
	return err ? ew_complain_query(err, &error) : EW_EXIT_OK;
}

int
ew_rows_find(struct ew_reader *reader, enum ew_view view, const char *field,
    const char *value, size_t last, struct ew_rows *ret_rows)
{
	const struct ew_term term = { .field = field, .value = value };
	const struct ew_query query = { .view = view,
		.terms = &term,
		.n_terms = field ? 1 : 0,
		.last = last };

	return ew_rows_query(reader, &query, ret_rows);
}

void
ew_rows_fini(struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n * rows->n_columns; i++)
		/* Ours: ew_rows_keep made the copy. */
		free((void *)(uintptr_t)rows->values[i].text);
	for (size_t i = 0; rows->names && i < rows->n_columns; i++)
		free(rows->names[i]);
	free(rows->names);
	free(rows->values);
	*rows = (struct ew_rows){ 0 };
}

const struct ew_value *
ew_rows_value(const struct ew_rows *rows, size_t row, const char *column)
{
	static const struct ew_value none = { .kind = EW_VALUE_NULL };

	if (row >= rows->n)
		return &none;
	for (size_t i = 0; i < rows->n_columns; i++)
		if (strcmp(rows->names[i], column) == 0)
			return &rows->values[row * rows->n_columns + i];
	return &none;
}

const char *
ew_rows_text(const struct ew_rows *rows, size_t row, const char *column)
{
	const struct ew_value *v = ew_rows_value(rows, row, column);

	return v->kind == EW_VALUE_TEXT ? v->text : "";
}

int64_t
ew_rows_int(const struct ew_rows *rows, size_t row, const char *column)
{
	const struct ew_value *v = ew_rows_value(rows, row, column);

	return v->kind == EW_VALUE_INT ? v->number : 0;
}

bool
ew_rows_is_null(const struct ew_rows *rows, size_t row, const char *column)
{
	return ew_rows_value(rows, row, column)->kind == EW_VALUE_NULL;
}

const char *
ew_class_of_name(const char *workload)
{
	/* identity/workload.h: names of peers that are no workload. */
	static const struct {
		const char *prefix, *cls;
	} names[] = { { "host/", "node" }, { "gateway/", "gateway" }, { "vip/", "vip" },
		{ "dark/", "dark" }, { "external", "external" },
		{ "multicast", "multicast" }, { "ghost/", "ghost" },
		{ "unresolved", "unresolved" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(workload, names[i].prefix, strlen(names[i].prefix)) == 0)
			return names[i].cls;
	return "workload";
}

const char *
ew_rows_class(const struct ew_rows *rows, size_t row)
{
	const char *cls = ew_rows_text(rows, row, "class");

	return cls[0] ? cls : ew_class_of_name(ew_rows_text(rows, row, "workload"));
}

void
ew_rows_json(const struct ew_rows *rows, size_t row, enum ew_view view,
    struct ew_text *text)
{
	/* names are char **; a view of them as const is safe to read. */
	const char *const *names = (const char *const *)rows->names;
	struct ew_column *columns = ew_columns_of_view(view, names, rows->n_columns);

	ew_text_add(text, "{");
	for (size_t i = 0; i < rows->n_columns; i++) {
		const struct ew_cell cell =
		    ew_cell_of_value(&rows->values[row * rows->n_columns + i]);

		if (i > 0)
			ew_text_add(text, ",");
		ew_text_add_json(text, rows->names[i]);
		ew_text_add(text, ":");
		ew_cell_json(&columns[i], &cell, text);
	}
	ew_text_add(text, "}");
	free(columns);
}
