/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: one object per line, `schema` first, keys in the order of the columns, null for
 * what is not known. Gaps stand in the stream as objects of their own, so that a consumer
 * can tell "nothing happened" from "we did not see it".
 */
#include "cli/writer_priv.h"

#include "base/text.h"

#define MAX_LINE (4U << 20)

/*
 * The code point at p if it must not reach a terminal raw, and its length in UTF-8; 0 else.
 * In JSON these can only stand within strings.
 */
static unsigned
dangerous(const unsigned char *p, size_t *ret_length)
{
	*ret_length = 2;
	if (p[0] == 0x7f) {
		*ret_length = 1;
		return 0x7f;
	}
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
		return p[1];
	if (p[0] == 0xd8 && p[1] == 0x9c)
		return 0x61c;
	*ret_length = 3;
	if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
		return 0xfeff;
	/* U+200B..200F, 2028..202E, 2060..206F */
	if (p[0] == 0xe2 && p[1] == 0x80 &&
	    ((p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae)))
		return 0x2000U + (p[2] & 0x3f);
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf)
		return 0x2040U + (p[2] & 0x3f);
	return 0;
}

void
ew_add_safe_json(struct ew_text *text, const char *json)
{
	const unsigned char *p = (const unsigned char *)json;
	const unsigned char *from = p;

	while (*p) {
		size_t length;
		const unsigned code = dangerous(p, &length);

		if (!code) {
			p++;
			continue;
		}
		ew_text_add_bytes(text, from, (size_t)(p - from));
		ew_text_addf(text, "\\u%04x", code);
		p += length;
		from = p;
	}
	ew_text_add_bytes(text, from, (size_t)(p - from));
}

void
ew_print_json_line(FILE *out, const char *json)
{
	struct ew_text line;

	ew_text_init(&line, SIZE_MAX / 2);
	ew_add_safe_json(&line, json);
	fwrite(line.text, 1, line.length, out);
	putc('\n', out);
	ew_text_fini(&line);
}

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
	ew_text_add(&line, "}");
	ew_print_json_line(writer->conf.out, line.text);
	ew_text_fini(&line);
	if (writer->conf.is_stream)
		fflush(writer->conf.out);
}

static void
json_note(struct ew_writer *writer, const char *json, const char *text)
{
	(void)text;
	ew_print_json_line(writer->conf.out, json);
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
