/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/writer.h"

/* What a form of output implements; writer.c calls it. */
struct ew_writer_form {
	void (*begin)(struct ew_writer *writer);
	void (*row)(struct ew_writer *writer, const struct ew_cell *cells);
	void (*note)(struct ew_writer *writer, const char *json, const char *text);
	void (*flush)(struct ew_writer *writer);
	void (*end)(struct ew_writer *writer);
};

struct ew_writer {
	const struct ew_writer_form *form;
	struct ew_writer_conf conf;
	const char *schema;
	const struct ew_column *columns;
	size_t n_columns;
	size_t rows;
	void *state; /* the form's own */
};

extern const struct ew_writer_form ew_writer_table;
extern const struct ew_writer_form ew_writer_json;
extern const struct ew_writer_form ew_writer_csv;

/* Whether this form shows the column. */
bool ew_writer_shows(const struct ew_writer *writer, const struct ew_column *column);
