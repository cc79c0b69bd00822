/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch sql`: one statement that only reads, over the documented views. The store
 * refuses everything else; here is only the output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/list.h"

#define STATEMENT_MAX (1U << 20)
#define COLUMNS_MAX 256

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "timeout",
	    .arg = "TIME",
	    .help = "give up after this long (30s; 0 never)" },
	{ .name = "max-rows",
	    .arg = "N",
	    .help = "stop after N rows (0: all of them)" },
	{ .name = "file",
	    .arg = "FILE",
	    .help = "read the statement from a file (- is stdin)",
	    .values = "file" },
	{ .name = NULL },
};

const struct ew_command ew_command_sql = {
	.name = "sql",
	.summary = "run one SQL statement that only reads",
	.words = "[STATEMENT]",
	.about = "The views v_flows, v_edges, v_incidents, v_signals, v_workloads, "
		 "v_instances,\n"
		 "v_who and the others of eastwatch-schema(5) are a public interface; "
		 "the tables\n"
		 "behind them are not. Times are UTC microseconds. SQLite's dialect.",
	.examples =
	    "  eastwatch sql \"SELECT src_workload, count(*) n FROM v_flows GROUP BY "
	    "1\"\n"
	    "  eastwatch sql -o csv \"SELECT * FROM v_edges WHERE dst_port = 22\"\n"
	    "  eastwatch sql --file report.sql -o json\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.words_max = 1,
	.run = run,
};

struct printer {
	struct ew_writer_conf conf;
	struct ew_writer *writer;
	struct ew_column *columns;
	char **names;
	size_t n;
	size_t rows, max_rows;
};

/* The columns are known with the first row only. */
static void
begin(struct printer *p, const char *const *names, size_t n)
{
	p->n = n < COLUMNS_MAX ? n : COLUMNS_MAX;
	p->columns = ew_alloc_array(p->n + 1, sizeof(*p->columns));
	p->names = ew_alloc_array(p->n + 1, sizeof(*p->names));
	for (size_t i = 0; i < p->n; i++) {
		struct ew_text title;

		/* A column may be named by the one who writes the statement: AS "...". */
		ew_text_init(&title, 1024);
		ew_text_add_terminal(&title, names[i]);
		p->names[i] = ew_strdup(title.text);
		ew_text_fini(&title);
		p->columns[i] = (struct ew_column){ .key = p->names[i],
			.title = p->names[i],
			.format = EW_FORMAT_TEXT,
			.places = EW_EVERYWHERE };
	}
	p->writer = ew_writer_new(&p->conf, NULL, p->columns, p->n);
}

static int
print_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct printer *p = context;
	struct ew_cell cells[COLUMNS_MAX];

	if (!p->writer)
		begin(p, names, n);
	if (p->max_rows && p->rows == p->max_rows) {
		ew_warn("stopped after %zu rows (--max-rows)", p->rows);
		return 1;
	}
	for (size_t i = 0; i < p->n; i++)
		cells[i] = i < n ? ew_cell_of_value(&values[i]) : ew_cell_null();
	ew_writer_row(p->writer, cells);
	p->rows++;
	return ferror(p->conf.out) ? 1 : 0;
}

/* The caller frees. NULL after a sentence. */
static char *
read_statement(const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct ew_text text;
	char block[4096];
	size_t n;

	if (!file) {
		ew_warn("%s cannot be read: %m", path);
		return NULL;
	}
	ew_text_init(&text, STATEMENT_MAX);
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		ew_text_add_bytes(&text, block, n);
	if (file != stdin)
		fclose(file);
	char *statement = ew_strdup(text.text);
	ew_text_fini(&text);
	return statement;
}

static int
query(const struct ew_args *args, const char *statement, struct printer *p,
    const struct ew_sql_limits *limits)
{
	struct ew_reader *reader = NULL;
	struct ew_error error = { 0 };
	int code = ew_open_database(args, &reader);

	if (code)
		return code;
	const int err = ew_reader_sql(reader, statement, limits, print_row, p, &error);
	if (err)
		code = ew_complain_query(err, &error);
	code = ew_exit_worse(code, ew_writer_close(p->writer));
	for (size_t i = 0; i < p->n; i++)
		free(p->names[i]);
	free(p->names);
	free(p->columns);
	ew_reader_close(reader);
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *path = ew_args_value(args, "file");
	const char *timeout = ew_args_value(args, "timeout");
	const char *max_rows = ew_args_value(args, "max-rows");
	struct ew_sql_limits limits = { .timeout_ms = 30000 };
	struct printer p = { 0 };
	int64_t number = 0;
	char *text = NULL;
	int code = ew_options_output(args, &p.conf);

	if (!code && timeout) {
		code = ew_option_duration("timeout", timeout, &number);
		limits.timeout_ms = number / EW_NS_PER_MS;
	}
	if (!code && max_rows) {
		code = ew_option_number("max-rows", max_rows, 0, INT64_C(1) << 40,
		    &number);
		p.max_rows = (size_t)number;
	}
	if (code)
		return code;
	if ((path != NULL) == (args->n_words == 1))
		return ew_complain(EW_EXIT_USAGE,
		    "give one statement, as an argument or with --file: eastwatch sql "
		    "\"SELECT * FROM v_edges\"");
	if (path) {
		text = read_statement(path);
		if (!text)
			return EW_EXIT_ERROR;
	}
	code = query(args, text ? text : args->words[0], &p, &limits);
	free(text);
	return code;
}
