/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV after RFC 4180, header = column keys, numbers raw, empty for null.
 *
 * Spreadsheets run a cell that begins with = + - or @ as a formula, and the names here are
 * chosen by whoever starts a container: such text gets an apostrophe in front (OWASP, "CSV
 * injection"). Control characters are escaped as for a terminal.
 */
#include "cli/writer_priv.h"

#include <string.h>

#include "base/text.h"
#include "cli/command.h"

static void
put_field(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\n\r ")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			putc('"', out);
		putc(*p, out);
	}
	putc('"', out);
}

static void
csv_begin(struct ew_writer *writer)
{
	bool first = true;

	if (writer->conf.no_headers)
		return;
	for (size_t i = 0; i < writer->n_columns; i++) {
		if (!ew_writer_shows(writer, &writer->columns[i]))
			continue;
		if (!first)
			putc(',', writer->conf.out);
		first = false;
		put_field(writer->conf.out, writer->columns[i].key);
	}
	fputs("\r\n", writer->conf.out);
}

static void
csv_cell(struct ew_writer *writer, const struct ew_column *column,
    const struct ew_cell *cell)
{
	struct ew_text text;

	ew_text_init(&text, 4U << 20);
	if (cell->kind == EW_CELL_TEXT && column->format == EW_FORMAT_JSON) {
		ew_add_safe_json(&text, cell->text);
	} else if (cell->kind == EW_CELL_TEXT) {
		if (cell->text[0] && strchr("=+-@", cell->text[0]))
			ew_text_add(&text, "'");
		ew_text_add_terminal(&text, cell->text);
	} else if (cell->kind == EW_CELL_INT && column->format == EW_FORMAT_PROTO) {
		char buffer[24];

		ew_text_add(&text, ew_proto_text(cell->number, buffer, sizeof(buffer)));
	} else if (cell->kind != EW_CELL_NULL) {
		ew_cell_json(column, cell, &text);
	}
	put_field(writer->conf.out, text.text);
	ew_text_fini(&text);
}

static void
csv_row(struct ew_writer *writer, const struct ew_cell *cells)
{
	bool first = true;

	for (size_t i = 0; i < writer->n_columns; i++) {
		if (!ew_writer_shows(writer, &writer->columns[i]))
			continue;
		if (!first)
			putc(',', writer->conf.out);
		first = false;
		csv_cell(writer, &writer->columns[i], &cells[i]);
	}
	fputs("\r\n", writer->conf.out);
	if (writer->conf.is_stream)
		fflush(writer->conf.out);
}

static void
csv_note(struct ew_writer *writer, const char *json, const char *text)
{
	(void)writer;
	(void)json;
	ew_warn("%s", text);
}

static void
csv_flush(struct ew_writer *writer)
{
	(void)writer;
}

const struct ew_writer_form ew_writer_csv = {
	.begin = csv_begin,
	.row = csv_row,
	.note = csv_note,
	.flush = csv_flush,
	.end = csv_flush,
};
