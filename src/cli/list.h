/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/options.h"
#include "store/reader.h"

struct ew_args;
struct ew_error;

/*
 * Open the database the options mean. Returns EW_EXIT_OK or EW_EXIT_UNREACHABLE, after a
 * sentence.
 */
int ew_open_database(const struct ew_args *args, struct ew_reader **ret_reader);
/* Say the sentence of a failed query; returns its exit code. */
int ew_complain_query(int err, const struct ew_error *error);

/* A list verb as a whole: options, database, rows, follow, exit code. */
int ew_list_view(const struct ew_args *args, enum ew_view view);
/* The same over options that were read already; reader stays open. */
int ew_list_show(struct ew_reader *reader, struct ew_list *list);

/* Say what the answer lacks; returns EW_EXIT_INCOMPLETE when strict. */
int ew_list_incomplete(const struct ew_listing *listing, bool strict);

/* Columns of a writer from the fields of a view; the caller frees the array. */
struct ew_column *ew_columns_of_view(enum ew_view view, const char *const *names,
    size_t n);
struct ew_cell ew_cell_of_value(const struct ew_value *value);
/* "red" for what deserves it: status novel, tier page ...; NULL for the rest. */
const char *ew_color_of(const char *column, const struct ew_value *value);

/* A value of a row by its column name; a null value when there is none. */
const struct ew_value *ew_value_of(const char *const *names,
    const struct ew_value *values, size_t n, const char *name);
/* The same as text: "" for null; numbers are written into buffer. */
#define EW_NUMBER_TEXT 32
const char *ew_text_of(const char *const *names, const struct ew_value *values,
    size_t n, const char *name, char buffer[EW_NUMBER_TEXT]);
int64_t ew_number_of(const char *const *names, const struct ew_value *values, size_t n,
    const char *name);
