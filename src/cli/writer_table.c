/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people, by libsmartcols. `table` cuts long names, `wide` shows more columns
 * and cuts late; both show the same columns on a terminal and in a pipe.
 *
 * A stream (-f) cannot be measured before it ends, so its columns have the widths of the
 * rows that were there at the start, at least the usual width of the column.
 */
#include "cli/writer_priv.h"

#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/alloc.h"
#include "base/text.h"

#define CUT_TABLE 48
#define CUT_WIDE 255
#define CUT_LAST 120 /* the last column has the rest of the line */

struct table {
	struct libscols_table *scols; /* NULL in a stream */
	unsigned *widths;	      /* stream */
	bool has_header;	      /* stream: printed */
};

static bool
is_wide(const struct ew_writer *writer)
{
	return writer->conf.output == EW_OUTPUT_WIDE;
}

static bool
is_right(enum ew_format format)
{
	return format == EW_FORMAT_INT || format == EW_FORMAT_BYTES ||
	    format == EW_FORMAT_SECONDS || format == EW_FORMAT_FRACTION;
}

static void
table_begin(struct ew_writer *writer)
{
	struct table *t = ew_alloc(sizeof(*t));

	writer->state = t;
	t->widths = ew_alloc_array(writer->n_columns + 1, sizeof(*t->widths));
	for (size_t i = 0; i < writer->n_columns; i++) {
		const struct ew_column *c = &writer->columns[i];

		if (!c->title)
			continue;
		t->widths[i] = (unsigned)strlen(c->title);
		if (c->width > t->widths[i])
			t->widths[i] = c->width;
	}
	if (writer->conf.is_stream)
		return;
	t->scols = scols_new_table();
	if (!t->scols)
		abort();
	scols_table_set_stream(t->scols, writer->conf.out);
	/* Cells are escaped already; a second escape would show the backslashes as \x5c. */
	scols_table_enable_noencoding(t->scols, 1);
	scols_table_enable_noheadings(t->scols, writer->conf.no_headers);
	scols_table_enable_colors(t->scols, writer->conf.color);
	scols_table_set_column_separator(t->scols, "  ");
	scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < writer->n_columns; i++) {
		const struct ew_column *c = &writer->columns[i];

		if (ew_writer_shows(writer, c))
			scols_table_new_column(t->scols, c->title, 0,
			    is_right(c->format) ? SCOLS_FL_RIGHT : 0);
	}
}

static size_t
text_width(const char *text)
{
	wchar_t *wide;
	const size_t n = mbstowcs(NULL, text, 0);
	int width;

	if (n == (size_t)-1)
		return strlen(text);
	wide = ew_alloc_array(n + 1, sizeof(*wide));
	mbstowcs(wide, text, n + 1);
	width = wcswidth(wide, n);
	free(wide);
	return width < 0 ? n : (size_t)width;
}

static size_t
last_shown(const struct ew_writer *writer)
{
	size_t last = 0;

	for (size_t i = 0; i < writer->n_columns; i++)
		if (ew_writer_shows(writer, &writer->columns[i]))
			last = i;
	return last;
}

static size_t
cut_of(const struct ew_writer *writer, size_t i)
{
	if (is_wide(writer))
		return CUT_WIDE;
	/* Titles and sentences are what people came for. */
	return i == last_shown(writer) || strcmp(writer->columns[i].key, "title") == 0
	    ? CUT_LAST
	    : CUT_TABLE;
}

static const char *
color_code(const char *name)
{
	static const struct {
		const char *name, *code;
	} codes[] = { { "red", "\033[31m" }, { "green", "\033[32m" },
		{ "yellow", "\033[33m" }, { "cyan", "\033[36m" }, { "bold", "\033[1m" },
		{ "gray", "\033[90m" } };

	for (size_t i = 0; name && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].name, name) == 0)
			return codes[i].code;
	return "";
}

/* One cell of a stream: padded, coloured, two blanks after it unless it is the last. */
static void
put_padded(struct ew_writer *writer, size_t i, const char *text, const char *color,
    bool is_last)
{
	const struct table *t = writer->state;
	FILE *out = writer->conf.out;
	const size_t width = text_width(text);
	const int pad = width < t->widths[i] ? (int)(t->widths[i] - width) : 0;
	const bool right = is_right(writer->columns[i].format);
	const bool colored = color && writer->conf.color;

	if (right)
		fprintf(out, "%*s", pad, "");
	fprintf(out, "%s%s%s", colored ? color_code(color) : "", text,
	    colored ? "\033[0m" : "");
	if (!right && !is_last)
		fprintf(out, "%*s", pad, "");
	fputs(is_last ? "\n" : "  ", out);
}

static void
stream_row(struct ew_writer *writer, const struct ew_cell *cells)
{
	struct table *t = writer->state;
	const size_t last = last_shown(writer);

	if (!t->has_header && !writer->conf.no_headers)
		for (size_t i = 0; i < writer->n_columns; i++)
			if (ew_writer_shows(writer, &writer->columns[i]))
				put_padded(writer, i, writer->columns[i].title, NULL,
				    i == last);
	t->has_header = true;
	for (size_t i = 0; i < writer->n_columns; i++) {
		struct ew_text text;

		if (!ew_writer_shows(writer, &writer->columns[i]))
			continue;
		ew_text_init(&text, 64 * 1024);
		ew_cell_format(&writer->columns[i], &cells[i], is_wide(writer),
		    cut_of(writer, i), &text);
		put_padded(writer, i, text.text, cells[i].color, i == last);
		ew_text_fini(&text);
	}
	fflush(writer->conf.out);
}

static void
table_row(struct ew_writer *writer, const struct ew_cell *cells)
{
	struct table *t = writer->state;
	size_t at = 0;

	if (!t->scols) {
		stream_row(writer, cells);
		return;
	}
	struct libscols_line *line = scols_table_new_line(t->scols, NULL);
	if (!line)
		abort();
	for (size_t i = 0; i < writer->n_columns; i++) {
		struct ew_text text;

		if (!ew_writer_shows(writer, &writer->columns[i]))
			continue;
		ew_text_init(&text, 64 * 1024);
		ew_cell_format(&writer->columns[i], &cells[i], is_wide(writer),
		    cut_of(writer, i), &text);
		scols_line_set_data(line, at, text.text);
		if (cells[i].color)
			scols_cell_set_color(scols_line_get_cell(line, at),
			    color_code(cells[i].color));
		ew_text_fini(&text);
		at++;
	}
}

static void
table_note(struct ew_writer *writer, const char *json, const char *text)
{
	(void)json;
	fputs("-- ", writer->conf.out);
	ew_print_safe(writer->conf.out, text);
	putc('\n', writer->conf.out);
}

static void
table_flush(struct ew_writer *writer)
{
	(void)writer;
}

static void
table_end(struct ew_writer *writer)
{
	struct table *t = writer->state;

	if (t->scols) {
		if (!scols_table_is_empty(t->scols))
			scols_print_table(t->scols);
		scols_unref_table(t->scols);
	}
	free(t->widths);
	free(t);
	writer->state = NULL;
}

const struct ew_writer_form ew_writer_table = {
	.begin = table_begin,
	.row = table_row,
	.note = table_note,
	.flush = table_flush,
	.end = table_end,
};
