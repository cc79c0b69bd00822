/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Five functions between a command and its output. A command describes its columns once
 * and gives rows; table, wide, JSON and CSV are a file each. Cells hold raw values: every
 * writer escapes what came from traffic or from a container for the place it goes to.
 */
enum ew_output { EW_OUTPUT_TABLE, EW_OUTPUT_WIDE, EW_OUTPUT_JSON, EW_OUTPUT_CSV };

enum ew_format {
	EW_FORMAT_TEXT,
	EW_FORMAT_INT,	    /* a plain number */
	EW_FORMAT_ID,	    /* a name that stands for itself; never cut */
	EW_FORMAT_TIME_US,  /* number in data, local time in tables */
	EW_FORMAT_BYTES,    /* number in data, "1.2 MiB" in tables */
	EW_FORMAT_SECONDS,  /* number in data, "3d 4h" in tables */
	EW_FORMAT_FRACTION, /* 0.0 .. 1.0 in data, percent in tables */
	EW_FORMAT_BOOL,	    /* 0 or 1; true and false in JSON, yes and "" in tables */
	EW_FORMAT_PROTO,    /* IANA number; "tcp" everywhere */
	EW_FORMAT_JSON, /* text that is JSON already; copied into JSON, shown as it is */
};

enum ew_column_place {
	EW_IN_TABLE = 1 << 0,
	EW_IN_WIDE = 1 << 1,
	EW_IN_DATA = 1 << 2, /* JSON and CSV */
};
#define EW_EVERYWHERE (EW_IN_TABLE | EW_IN_WIDE | EW_IN_DATA)
#define EW_WIDE_DATA (EW_IN_WIDE | EW_IN_DATA)
#define EW_TABLES (EW_IN_TABLE | EW_IN_WIDE)

struct ew_column {
	const char *key;   /* "src_ip": JSON key, CSV header */
	const char *title; /* "SRC": table header */
	enum ew_format format;
	unsigned places; /* enum ew_column_place */
	unsigned
	    width; /* usual width, for -f where a table cannot be measured; 0: its title */
};

enum ew_cell_kind { EW_CELL_NULL, EW_CELL_INT, EW_CELL_REAL, EW_CELL_TEXT };
struct ew_cell {
	enum ew_cell_kind kind;
	int64_t number;
	double real;
	const char *text;  /* borrowed until the next call */
	const char *color; /* "red"; tables only; NULL none */
};

static inline struct ew_cell
ew_cell_int(int64_t number)
{
	return (struct ew_cell){ .kind = EW_CELL_INT, .number = number };
}

/* NULL gives a null cell. */
static inline struct ew_cell
ew_cell_text(const char *text)
{
	return (
	    struct ew_cell){ .kind = text ? EW_CELL_TEXT : EW_CELL_NULL, .text = text };
}

static inline struct ew_cell
ew_cell_null(void)
{
	return (struct ew_cell){ .kind = EW_CELL_NULL };
}

struct ew_writer_conf {
	enum ew_output output;
	bool no_headers;
	bool color;
	bool is_stream; /* -f: print at once, do not wait for the last row */
	FILE *out;
};

struct ew_writer;

/* schema: "eastwatch.flow/1", the first key of each JSON line. columns must outlive it. */
struct ew_writer *ew_writer_new(const struct ew_writer_conf *conf, const char *schema,
    const struct ew_column *columns, size_t n_columns);
void ew_writer_row(struct ew_writer *writer, const struct ew_cell *cells);
/*
 * Something between the rows: a capture gap in -f. json is an object of its own on one
 * line (JSON), text a sentence (tables); CSV has no place for it, so it goes to stderr.
 */
void ew_writer_note(struct ew_writer *writer, const char *json, const char *text);
void ew_writer_flush(struct ew_writer *writer);
/* Print what is left and free. Returns EW_EXIT_OK, or EW_EXIT_ERROR when writing failed. */
int ew_writer_close(struct ew_writer *take_writer);

size_t ew_writer_rows(const struct ew_writer *writer);

/* --- for other outputs of the commands ------------------------------------------------- */

struct ew_text;
/* A cell as a table shows it, escaped for a terminal, at most max characters (0: all). */
void ew_cell_format(const struct ew_column *column, const struct ew_cell *cell,
    bool wide, size_t max, struct ew_text *text);
/* A cell as a JSON value. */
void ew_cell_json(const struct ew_column *column, const struct ew_cell *cell,
    struct ew_text *text);
/* "2026-01-01 14:02:03", local time; with_us adds the fraction and the offset. */
#define EW_CLOCK_TEXT 40
char *ew_clock_text(int64_t us, bool with_us, char text[EW_CLOCK_TEXT]);
/* "3d 4h", "12m", "0s". */
char *ew_age_text(int64_t seconds, char *text, size_t size);
char *ew_bytes_text(int64_t bytes, char *text, size_t size);
/* "tcp"; numbers without a name as digits. */
const char *ew_proto_text(int64_t proto, char *text, size_t size);
/*
 * Append JSON so that a terminal shows it as it is: direction and zero-width controls, DEL
 * and C1 become \uXXXX, which is the same JSON.
 */
void ew_add_safe_json(struct ew_text *text, const char *json);
/* The same to a file, and the end of the line. */
void ew_print_json_line(FILE *out, const char *json);
/* Print text escaped for a terminal. */
void ew_print_safe(FILE *out, const char *text);
