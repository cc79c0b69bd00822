/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list verbs: a view of the store, filtered, through a writer. The columns come from
 * the store's table, so a new one appears in every form, in the completions and in the
 * manual at once.
 *
 * Following starts its cursor first and lists then: what arrives in between is seen twice
 * by the database, and shown once (`seen`), rather than lost.
 */
#include "cli/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/place.h"
#include "cli/siem.h"

#define FOLLOW_MS 250
#define COLUMNS_MAX 128

/* Context of the row callbacks. */
struct shower {
	struct ew_list *list;
	struct ew_writer *writer;
	uint64_t *seen; /* hashes of the rows the first list showed; -f only */
	size_t n_seen, room_seen;
	bool is_catching_up; /* drop what is in seen */
	size_t order[COLUMNS_MAX];
};

int
ew_open_database(const struct ew_args *args, struct ew_reader **ret_reader)
{
	struct ew_error error = { 0 };
	struct ew_place place;
	int code = ew_place_find(args, &place);

	if (code)
		return code;
	if (ew_reader_open(place.database, &error, ret_reader) != 0)
		code = ew_complain(EW_EXIT_UNREACHABLE, "%s", error.text);
	ew_place_fini(&place);
	return code;
}

int
ew_complain_query(int err, const struct ew_error *error)
{
	int code = EW_EXIT_ERROR;

	if (err == EW_ERR_USAGE)
		code = EW_EXIT_USAGE;
	else if (err == -EBUSY)
		code = EW_EXIT_UNREACHABLE;
	return ew_complain(code, "%s", error->text[0] ? error->text : ew_err_text(err));
}

static enum ew_format
format_of(enum ew_field_type type)
{
	switch (type) {
	case EW_FIELD_INT:
	case EW_FIELD_REAL:
		return EW_FORMAT_INT;
	case EW_FIELD_TEXT:
		return EW_FORMAT_TEXT;
	case EW_FIELD_ID:
		return EW_FORMAT_ID;
	case EW_FIELD_TIME_US:
		return EW_FORMAT_TIME_US;
	case EW_FIELD_SECONDS:
		return EW_FORMAT_SECONDS;
	case EW_FIELD_BYTES:
		return EW_FORMAT_BYTES;
	case EW_FIELD_BOOL:
		return EW_FORMAT_BOOL;
	case EW_FIELD_FRACTION:
		return EW_FORMAT_FRACTION;
	case EW_FIELD_JSON:
		return EW_FORMAT_JSON;
	}
	return EW_FORMAT_TEXT;
}

/* Usual widths, for -f. */
static unsigned
width_of(enum ew_field_type type)
{
	switch (type) {
	case EW_FIELD_TIME_US:
		return 19;
	case EW_FIELD_BYTES:
		return 9;
	case EW_FIELD_TEXT:
		return 20;
	case EW_FIELD_ID:
		return 16;
	case EW_FIELD_INT:
	case EW_FIELD_REAL:
	case EW_FIELD_SECONDS:
	case EW_FIELD_BOOL:
	case EW_FIELD_FRACTION:
	case EW_FIELD_JSON:
		return 0;
	}
	return 0;
}

struct ew_column *
ew_columns_of_view(enum ew_view view, const char *const *names, size_t n)
{
	struct ew_column *columns = ew_alloc_array(n + 1, sizeof(*columns));
	const struct ew_view_info *info = ew_view_info(view);

	for (size_t i = 0; i < n; i++) {
		const int at = ew_view_field(view, names[i]);

		if (at < 0) {
			/* count and the like of a grouping, or a column of the moment. */
			columns[i] = (struct ew_column){ .key = names[i],
				.title =
				    strcmp(names[i], "count") == 0 ? "COUNT" : names[i],
				.format = EW_FORMAT_INT,
				.places = EW_EVERYWHERE };
			continue;
		}
		const struct ew_field *f = &info->fields[at];
		columns[i] = (struct ew_column){ .key = f->name,
			.title = f->title ? f->title : f->name,
			.format = format_of(f->type),
			.width = width_of(f->type),
			.places = (f->places & EW_FIELD_TABLE ? EW_TABLES : 0U) |
			    (f->places & EW_FIELD_WIDE ? EW_IN_WIDE : 0U) |
			    (f->places & EW_FIELD_DATA ? EW_IN_DATA : 0U) };
	}
	return columns;
}

/*
 * Order of the columns for people: time, initiator, responder, then the rest. Data keeps the
 * order of the vocabulary. n columns; ret_order[i] is the column that stands at i.
 */
static void
order_for_people(const char *const *names, size_t n, enum ew_output output,
    size_t ret_order[COLUMNS_MAX])
{
	static const char *const first[] = { "id", "ts_us", "end_us", "last_us",
		"opened_us", "src_workload", "dst_workload", "proto", "dst_port" };
	bool taken[COLUMNS_MAX] = { false };
	size_t at = 0;

	if (output <= EW_OUTPUT_WIDE)
		for (size_t k = 0; k < sizeof(first) / sizeof(first[0]); k++)
			for (size_t i = 0; i < n; i++)
				if (!taken[i] && strcmp(names[i], first[k]) == 0) {
					taken[i] = true;
					ret_order[at++] = i;
				}
	for (size_t i = 0; i < n; i++)
		if (!taken[i])
			ret_order[at++] = i;
}

struct ew_cell
ew_cell_of_value(const struct ew_value *value)
{
	switch (value->kind) {
	case EW_VALUE_NULL:
		return ew_cell_null();
	case EW_VALUE_INT:
		return ew_cell_int(value->number);
	case EW_VALUE_REAL:
		return (struct ew_cell){ .kind = EW_CELL_REAL, .real = value->real };
	case EW_VALUE_TEXT:
		return ew_cell_text(value->text);
	case EW_VALUE_BLOB:
		return ew_cell_text("(binary)");
	}
	return ew_cell_null();
}

const char *
ew_color_of(const char *column, const struct ew_value *value)
{
	static const struct {
		const char *column, *value, *color;
	} colors[] = { { "verdict", "novel", "yellow" },
		{ "verdict", "candidate", "cyan" }, { "verdict", "denied", "red" },
		{ "status", "candidate", "cyan" },
		{ "status", "quarantined", "yellow" }, { "status", "denied", "red" },
		{ "status", "dormant", "gray" }, { "tier", "page", "red" },
		{ "tier", "notify", "yellow" }, { "severity", "critical", "red" },
		{ "severity", "high", "red" }, { "severity", "medium", "yellow" },
		{ "state", "open", "bold" }, { "state", "failed", "red" },
		{ "state", "learning", "cyan" }, { "state", "cold", "cyan" } };

	if (value->kind != EW_VALUE_TEXT)
		return NULL;
	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
		if (strcmp(colors[i].column, column) == 0 &&
		    strcmp(colors[i].value, value->text) == 0)
			return colors[i].color;
	return NULL;
}

const struct ew_value *
ew_value_of(const char *const *names, const struct ew_value *values, size_t n,
    const char *name)
{
	static const struct ew_value none = { .kind = EW_VALUE_NULL };

	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return &values[i];
	return &none;
}

const char *
ew_text_of(const char *const *names, const struct ew_value *values, size_t n,
    const char *name, char buffer[EW_NUMBER_TEXT])
{
	const struct ew_value *v = ew_value_of(names, values, n, name);

	switch (v->kind) {
	case EW_VALUE_TEXT:
		return v->text;
	case EW_VALUE_INT:
		snprintf(buffer, EW_NUMBER_TEXT, "%" PRId64, v->number);
		return buffer;
	case EW_VALUE_REAL:
		snprintf(buffer, EW_NUMBER_TEXT, "%g", v->real);
		return buffer;
	case EW_VALUE_NULL:
	case EW_VALUE_BLOB:
		return "";
	}
	return "";
}

int64_t
ew_number_of(const char *const *names, const struct ew_value *values, size_t n,
    const char *name)
{
	const struct ew_value *v = ew_value_of(names, values, n, name);

	return v->kind == EW_VALUE_INT ? v->number : 0;
}

static uint64_t
hash_of_row(const struct ew_value *values, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++) {
		const struct ew_value *v = &values[i];

		if (v->kind == EW_VALUE_TEXT)
			hash = ew_hash(v->text, strlen(v->text), hash);
		else
			hash = ew_hash(&v->number, sizeof(v->number), hash + v->kind);
	}
	return hash;
}

static bool
was_seen(struct shower *s, const struct ew_value *values, size_t n)
{
	const uint64_t hash = hash_of_row(values, n);

	if (s->is_catching_up) {
		for (size_t i = 0; i < s->n_seen; i++)
			if (s->seen[i] == hash)
				return true;
		return false;
	}
	if (s->n_seen == s->room_seen) {
		s->room_seen = s->room_seen ? 2 * s->room_seen : 64;
		s->seen = ew_realloc_array(s->seen, s->room_seen, sizeof(*s->seen));
	}
	s->seen[s->n_seen++] = hash;
	return false;
}

static int
show_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct shower *s = context;
	struct ew_cell cells[COLUMNS_MAX];

	if (n > COLUMNS_MAX)
		n = COLUMNS_MAX;
	if (s->list->follow && was_seen(s, values, n))
		return 0;
	if (s->list->siem) {
		ew_siem_print(s->list->siem, s->list->output.out, names, values, n);
		return ferror(s->list->output.out) ? 1 : 0;
	}
	for (size_t i = 0; i < n; i++) {
		const size_t at = s->order[i];

		cells[i] = ew_cell_of_value(&values[at]);
		cells[i].color = ew_color_of(names[at], &values[at]);
	}
	ew_writer_row(s->writer, cells);
	return ferror(s->list->output.out) ? 1 : 0;
}

/* A capture gap, in its place in the stream. */
static int
show_gap(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct shower *s = context;
	struct ew_column *columns = ew_columns_of_view(EW_VIEW_GAPS, names, n);
	struct ew_text json, text;
	char from[EW_CLOCK_TEXT], to[EW_CLOCK_TEXT], number[EW_NUMBER_TEXT];

	ew_text_init(&json, 64 * 1024);
	ew_text_add(&json, "{\"schema\":");
	ew_text_add_json(&json, ew_view_info(EW_VIEW_GAPS)->schema);
	for (size_t i = 0; i < n; i++) {
		const struct ew_cell cell = ew_cell_of_value(&values[i]);

		ew_text_add(&json, ",");
		ew_text_add_json(&json, names[i]);
		ew_text_add(&json, ":");
		ew_cell_json(&columns[i], &cell, &json);
	}
	ew_text_add(&json, "}");
	ew_text_init(&text, 4096);
	ew_text_addf(&text, "gap: not everything was seen from %s to %s (%s)",
	    ew_clock_text(ew_number_of(names, values, n, "from_us"), false, from),
	    ew_clock_text(ew_number_of(names, values, n, "to_us"), false, to),
	    ew_text_of(names, values, n, "cause", number));
	/* The forms of other systems have no place for a gap. */
	if (s->list->siem)
		ew_warn("%s", text.text);
	else
		ew_writer_note(s->writer, json.text, text.text);
	ew_text_fini(&json);
	ew_text_fini(&text);
	free(columns);
	return 0;
}

static int
follow(struct ew_reader *reader, struct shower *s, struct ew_follow *cursor)
{
	struct ew_error error = { 0 };

	ew_catch_interrupt();
	s->is_catching_up = true;
	while (!ew_interrupted() && !ferror(s->list->output.out)) {
		const int err = ew_reader_follow(reader, &s->list->query, cursor,
		    show_row, show_gap, s, &error);

		if (err && err != -EBUSY)
			return ew_complain_query(err, &error);
		ew_writer_flush(s->writer);
		s->n_seen =
		    0; /* only the first round can meet rows that the list showed */
		ew_sleep_ms(FOLLOW_MS);
	}
	return EW_EXIT_OK;
}

int
ew_list_incomplete(const struct ew_listing *listing, bool strict)
{
	static bool said; /* a verb may show several lists; once is enough */

	if (!listing->is_gapped && !listing->is_pruned)
		return EW_EXIT_OK;
	if (said)
		return strict ? EW_EXIT_INCOMPLETE : EW_EXIT_OK;
	said = true;
	if (listing->is_gapped)
		ew_warn("the answer is incomplete: capture had gaps in this time "
			"(`eastwatch sql \"SELECT * FROM v_gaps\"` lists them)");
	if (listing->is_pruned)
		ew_warn("the answer is incomplete: the time asked for begins before "
			"the oldest "
			"row that is kept (database.retention)");
	return strict ? EW_EXIT_INCOMPLETE : EW_EXIT_OK;
}

int
ew_list_show(struct ew_reader *reader, struct ew_list *list)
{
	const char *names[COLUMNS_MAX];
	struct shower s = { .list = list };
	struct ew_listing listing = { 0 };
	struct ew_follow cursor = { 0 };
	struct ew_error error = { 0 };
	int code = EW_EXIT_OK, err = 0;

	list->query.terms = list->terms;
	const size_t n = ew_query_columns(&list->query, names, COLUMNS_MAX);
	const char *ordered[COLUMNS_MAX];
	order_for_people(names, n, list->output.output, s.order);
	for (size_t i = 0; i < n; i++)
		ordered[i] = names[s.order[i]];
	struct ew_column *columns = ew_columns_of_view(list->query.view, ordered, n);
	s.writer = ew_writer_new(&list->output, ew_view_info(list->query.view)->schema,
	    columns, n);
	if (list->follow)
		err = ew_reader_follow(reader, &list->query, &cursor, show_row,
		    show_gap, &s, &error);
	if (!err)
		err = ew_reader_list(reader, &list->query, show_row, &s, &listing,
		    &error);
	if (err)
		code = ew_complain_query(err, &error);
	else if (list->follow)
		code = follow(reader, &s, &cursor);
	code = ew_exit_worse(code, ew_writer_close(s.writer));
	if (!err) {
		/* The newest 20 promise no completeness; a window or "all" does. */
		if (list->strict || list->query.since_us || list->query.until_us ||
		    list->query.last == 0)
			code = ew_exit_worse(code,
			    ew_list_incomplete(&listing, list->strict));
		if (list->exit_code && listing.rows > 0)
			code = ew_exit_worse(code, EW_EXIT_MATCHED);
	}
	free(columns);
	free(s.seen);
	return code;
}

int
ew_list_view(const struct ew_args *args, enum ew_view view)
{
	struct ew_reader *reader = NULL;
	struct ew_list list;
	int code = ew_options_list(args, view, &list);

	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_list_show(reader, &list);
	ew_reader_close(reader);
	ew_list_fini(&list);
	return code;
}
