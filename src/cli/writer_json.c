/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: one object per line, `schema` first, keys in the order of the columns, null for
 * what is not known. Gaps stand in the stream as objects of their own, so that a consumer
 * can tell "nothing happened" from "we did not see it".
 */
#include "cli/writer_priv.h"

#include "base/text.h"

#define MAX_LINE (4U << 20)

static void
json_begin(struct ew_writer *writer)
{
	(void)writer;
}

static void
json_row(struct ew_writer *writer, const struct ew_cell *cells)
{
	struct ew_text line;
	bool first = true;

	ew_text_init(&line, MAX_LINE);
	ew_text_add(&line, "{");
	if (writer->schema) {
		ew_text_add(&line, "\"schema\":");
		ew_text_add_json(&line, writer->schema);
		first = false;
	}
	for (size_t i = 0; i < writer->n_columns; i++) {
		if (!ew_writer_shows(writer, &writer->columns[i]))
			continue;
		if (!first)
			ew_text_add(&line, ",");
		first = false;
		ew_text_add_json(&line, writer->columns[i].key);
		ew_text_add(&line, ":");
		ew_cell_json(&writer->columns[i], &cells[i], &line);
	}
	ew_text_add(&line, "}\n");
	fwrite(line.text, 1, line.length, writer->conf.out);
	ew_text_fini(&line);
	if (writer->conf.is_stream)
		fflush(writer->conf.out);
}

static void
json_note(struct ew_writer *writer, const char *json, const char *text)
{
	(void)text;
	fprintf(writer->conf.out, "%s\n", json);
}

static void
json_flush(struct ew_writer *writer)
{
	(void)writer;
}

const struct ew_writer_form ew_writer_json = {
	.begin = json_begin,
	.row = json_row,
	.note = json_note,
	.flush = json_flush,
	.end = json_flush,
};
