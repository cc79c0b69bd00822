/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the forms of output share: choosing the form, and turning a raw cell into text for
 * people or for machines. Nothing reaches a form's file without going through one of the
 * two functions at the end, so escaping cannot be forgotten in a verb.
 */
#include "cli/writer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/writer_priv.h"

struct ew_writer *
ew_writer_new(const struct ew_writer_conf *conf, const char *schema,
    const struct ew_column *columns, size_t n_columns)
{
	static const struct ew_writer_form *const forms[] = {
		[EW_OUTPUT_TABLE] = &ew_writer_table,
		[EW_OUTPUT_WIDE] = &ew_writer_table,
		[EW_OUTPUT_JSON] = &ew_writer_json,
		[EW_OUTPUT_CSV] = &ew_writer_csv,
	};
	struct ew_writer *writer = ew_alloc(sizeof(*writer));

	writer->form = forms[conf->output];
	writer->conf = *conf;
	writer->schema = schema;
	writer->columns = columns;
	writer->n_columns = n_columns;
	writer->form->begin(writer);
	return writer;
}

bool
ew_writer_shows(const struct ew_writer *writer, const struct ew_column *column)
{
	switch (writer->conf.output) {
	case EW_OUTPUT_TABLE:
		return column->places & EW_IN_TABLE;
	case EW_OUTPUT_WIDE:
		return column->places & EW_IN_WIDE;
	case EW_OUTPUT_JSON:
	case EW_OUTPUT_CSV:
		return column->places & EW_IN_DATA;
	}
	return false;
}

void
ew_writer_row(struct ew_writer *writer, const struct ew_cell *cells)
{
	writer->rows++;
	writer->form->row(writer, cells);
}

void
ew_writer_note(struct ew_writer *writer, const char *json, const char *text)
{
	writer->form->note(writer, json, text);
}

void
ew_writer_flush(struct ew_writer *writer)
{
	writer->form->flush(writer);
	fflush(writer->conf.out);
}

int
ew_writer_close(struct ew_writer *take_writer)
{
	if (!take_writer)
		return EW_EXIT_OK;
	take_writer->form->end(take_writer);
	const bool failed =
	    fflush(take_writer->conf.out) != 0 || ferror(take_writer->conf.out);
	free(take_writer);
	/* ew_cli_main says the sentence, once. */
	return failed ? EW_EXIT_ERROR : EW_EXIT_OK;
}

size_t
ew_writer_rows(const struct ew_writer *writer)
{
	return writer->rows;
}

char *
ew_clock_text(int64_t us, bool with_us, char text[EW_CLOCK_TEXT])
{
	const time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	char offset[8];

	if (us <= 0 || !localtime_r(&seconds, &tm)) {
		snprintf(text, EW_CLOCK_TEXT, "-");
		return text;
	}
	const size_t n = strftime(text, EW_CLOCK_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
	if (with_us && strftime(offset, sizeof(offset), "%z", &tm) > 0)
		snprintf(text + n, EW_CLOCK_TEXT - n, ".%06" PRId64 "%s", us % 1000000,
		    offset);
	return text;
}

char *
ew_age_text(int64_t seconds, char *text, size_t size)
{
	const long long s = seconds < 0 ? 0 : seconds;

	if (s < 60)
		snprintf(text, size, "%llds", s);
	else if (s < 3600)
		snprintf(text, size, "%lldm", s / 60);
	else if (s < 2 * 86400 && s / 60 % 60 != 0)
		snprintf(text, size, "%lldh %lldm", s / 3600, s / 60 % 60);
	else if (s < 2 * 86400)
		snprintf(text, size, "%lldh", s / 3600);
	else if (s / 3600 % 24 != 0 && s < 10 * 86400)
		snprintf(text, size, "%lldd %lldh", s / 86400, s / 3600 % 24);
	else
		snprintf(text, size, "%lldd", s / 86400);
	return text;
}

char *
ew_bytes_text(int64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB",
		"EiB" };
	int64_t whole = bytes, rest = 0;
	size_t unit = 0;

	while (whole >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	if (unit && whole < 100)
		snprintf(text, size, "%" PRId64 ".%" PRId64 " %s", whole,
		    rest * 10 / 1024, units[unit]);
	else
		snprintf(text, size, "%" PRId64 " %s", whole, units[unit]);
	return text;
}

const char *
ew_proto_text(int64_t proto, char *text, size_t size)
{
	switch (proto) {
	case 1:
		return "icmp";
	case 2:
		return "igmp";
	case 4:
		return "ipip";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 41:
		return "ip6";
	case 47:
		return "gre";
	case 50:
		return "esp";
	case 58:
		return "icmp6";
	case 132:
		return "sctp";
	default:
		snprintf(text, size, "%" PRId64, proto);
		return text;
	}
}

void
ew_print_safe(FILE *out, const char *text)
{
	struct ew_text safe;

	ew_text_init(&safe, 64 * 1024);
	ew_text_add_terminal(&safe, text);
	fputs(safe.text, out);
	ew_text_fini(&safe);
}

/* Append safe text, cut to max characters with "..." when it is longer. */
static void
add_cut(struct ew_text *text, const char *string, size_t max)
{
	struct ew_text safe;
	size_t characters = 0, cut = 0;

	ew_text_init(&safe, 64 * 1024);
	ew_text_add_terminal(&safe, string);
	for (size_t i = 0; i < safe.length; i++) {
		if (((unsigned char)safe.text[i] & 0xc0) == 0x80)
			continue;
		if (max > 3 && characters == max - 3)
			cut = i;
		characters++;
	}
	if (max > 3 && characters > max) {
		ew_text_add_bytes(text, safe.text, cut);
		ew_text_add(text, "...");
	} else {
		ew_text_add_bytes(text, safe.text, safe.length);
	}
	ew_text_fini(&safe);
}

static void
format_number(const struct ew_column *column, int64_t n, bool wide,
    struct ew_text *text)
{
	char buffer[EW_CLOCK_TEXT];

	switch (column->format) {
	case EW_FORMAT_TIME_US:
		ew_text_add(text, ew_clock_text(n, wide, buffer));
		return;
	case EW_FORMAT_BYTES:
		ew_text_add(text, ew_bytes_text(n, buffer, sizeof(buffer)));
		return;
	case EW_FORMAT_SECONDS:
		ew_text_add(text, ew_age_text(n, buffer, sizeof(buffer)));
		return;
	case EW_FORMAT_FRACTION:
		ew_text_addf(text, "%" PRId64 " %%", n * 100);
		return;
	case EW_FORMAT_BOOL:
		ew_text_add(text, n ? "yes" : "");
		return;
	case EW_FORMAT_PROTO:
		ew_text_add(text, ew_proto_text(n, buffer, sizeof(buffer)));
		return;
	case EW_FORMAT_TEXT:
	case EW_FORMAT_INT:
	case EW_FORMAT_ID:
	case EW_FORMAT_JSON:
		ew_text_addf(text, "%" PRId64, n);
		return;
	}
}

/* A list of words as words; anything else that is JSON as it is. */
static void
format_list(const char *json, size_t max, struct ew_text *text)
{
	json_t *list = json_loads(json, 0, NULL), *item;
	struct ew_text words;
	bool is_plain = json_is_array(list);
	size_t i;

	ew_text_init(&words, 64 * 1024);
	json_array_foreach(list, i, item)
	{
		is_plain &= json_is_string(item);
		if (is_plain)
			ew_text_addf(&words, "%s%s", i ? ", " : "",
			    json_string_value(item));
	}
	add_cut(text, is_plain ? words.text : json, max);
	ew_text_fini(&words);
	json_decref(list);
}

/* Ids stand for themselves, but 64 digits of a container's id help nobody in a table. */
static void
format_text(const struct ew_column *column, const char *string, bool wide, size_t max,
    struct ew_text *text)
{
	if (column->format == EW_FORMAT_JSON) {
		format_list(string, max, text);
	} else if (column->format != EW_FORMAT_ID) {
		add_cut(text, string, max);
	} else if (!wide && strlen(string) > 20 &&
	    strspn(string, "0123456789abcdef") == strlen(string)) {
		ew_text_add_bytes(text, string, 12);
	} else {
		add_cut(text, string, 0);
	}
}

void
ew_cell_format(const struct ew_column *column, const struct ew_cell *cell, bool wide,
    size_t max, struct ew_text *text)
{
	switch (cell->kind) {
	case EW_CELL_NULL:
		return;
	case EW_CELL_INT:
		format_number(column, cell->number, wide, text);
		return;
	case EW_CELL_REAL:
		if (column->format == EW_FORMAT_FRACTION)
			ew_text_addf(text, "%.0f %%", cell->real * 100);
		else
			ew_text_addf(text, "%.6g", cell->real);
		return;
	case EW_CELL_TEXT:
		format_text(column, cell->text, wide, max, text);
		return;
	}
}

/* The shortest form that reads back; JSON has no words for what is no number. */
static void
add_real(struct ew_text *text, double real)
{
	char buffer[32];

	if (!(real > -1e300 && real < 1e300)) {
		ew_text_add(text, "null");
		return;
	}
	snprintf(buffer, sizeof(buffer), "%.15g", real);
	if (strtod(buffer, NULL) != real)
		snprintf(buffer, sizeof(buffer), "%.17g", real);
	ew_text_add(text, buffer);
}

void
ew_cell_json(const struct ew_column *column, const struct ew_cell *cell,
    struct ew_text *text)
{
	char buffer[24];

	switch (cell->kind) {
	case EW_CELL_NULL:
		ew_text_add(text, "null");
		return;
	case EW_CELL_INT:
		if (column->format == EW_FORMAT_BOOL)
			ew_text_add(text, cell->number ? "true" : "false");
		else if (column->format == EW_FORMAT_PROTO)
			ew_text_add_json(text,
			    ew_proto_text(cell->number, buffer, sizeof(buffer)));
		else
			ew_text_addf(text, "%" PRId64, cell->number);
		return;
	case EW_CELL_REAL:
		add_real(text, cell->real);
		return;
	case EW_CELL_TEXT:
		if (column->format == EW_FORMAT_JSON)
			ew_text_add(text, cell->text[0] ? cell->text : "null");
		else
			ew_text_add_json(text, cell->text);
		return;
	}
}
