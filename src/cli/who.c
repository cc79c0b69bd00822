/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch who IP`: who held an address, now or at a moment of the past. Addresses are
 * reused within a second, so the answer is only as good as its time: leases are intervals,
 * and several holders of one address at one time are all named.
 */
#include <stdlib.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/list.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "at",
	    .arg = "TIME",
	    .help = "then instead of now: 10m (ago), or 2026-01-01T10:00:00Z" },
	{ .name = "history", .help = "everyone who ever held it, the newest last" },
	{ .name = NULL },
};

const struct ew_command ew_command_who = {
	.name = "who",
	.summary = "say which container and workload holds an address, or held it",
	.words = "IP",
	.about = "An address is a lease with a beginning and an end. Several rows mean "
		 "that\n"
		 "several held it: a shared namespace, or one range on two networks.",
	.examples = "  eastwatch who 172.18.0.5\n"
		    "  eastwatch who 172.18.0.5 --at 2h\n"
		    "  eastwatch who fd00::5 --at 2026-01-01T10:00:00Z -o json\n"
		    "  eastwatch who 172.18.0.5 --history\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.words_min = 1,
	.words_max = 1,
	.values = "ip",
	.run = run,
};

struct printer {
	struct ew_writer_conf conf;
	struct ew_writer *writer;
	struct ew_column *columns;
	size_t rows;
};

#define COLUMNS_MAX 64

static int
print_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct printer *p = context;
	struct ew_cell cells[COLUMNS_MAX];

	if (n > COLUMNS_MAX)
		n = COLUMNS_MAX;
	if (!p->writer) {
		p->columns = ew_columns_of_view(EW_VIEW_WHO, names, n);
		for (size_t i = 0; i < n; i++)
			if (ew_view_field(EW_VIEW_WHO, names[i]) < 0)
				p->columns[i] = (struct ew_column){ .key = names[i],
					.title = "AT",
					.format = EW_FORMAT_TIME_US,
					.places = EW_WIDE_DATA };
		p->writer = ew_writer_new(&p->conf, ew_view_info(EW_VIEW_WHO)->schema,
		    p->columns, n);
	}
	for (size_t i = 0; i < n; i++)
		cells[i] = ew_cell_of_value(&values[i]);
	ew_writer_row(p->writer, cells);
	p->rows++;
	return 0;
}

static int
run(const struct ew_args *args)
{
	struct ew_reader *reader = NULL;
	struct printer p = { 0 };
	struct ew_error error = { 0 };
	const char *at = ew_args_value(args, "at");
	int64_t at_us = 0;
	int code = ew_options_output(args, &p.conf), err;

	if (!code && at)
		code = ew_option_time("at", at, &at_us);
	if (!code && at && ew_args_has(args, "history"))
		code =
		    ew_complain(EW_EXIT_USAGE, "--at and --history exclude each other");
	if (!code)
		code = ew_open_database(args, &reader);
	if (code)
		return code;
	if (ew_args_has(args, "history")) {
		const struct ew_term term = { .field = "ip", .value = args->words[0] };
		const struct ew_query query = { .view = EW_VIEW_WHO,
			.terms = &term,
			.n_terms = 1 };

		err = ew_reader_list(reader, &query, print_row, &p, NULL, &error);
	} else {
		err =
		    ew_reader_who(reader, args->words[0], at_us, print_row, &p, &error);
	}
	if (err)
		code = ew_complain_query(err, &error);
	else if (p.rows == 0)
		ew_warn("nobody is known to hold %s%s; `eastwatch who %s --history` "
			"looks at all "
			"times",
		    args->words[0], at ? " at that time" : " now", args->words[0]);
	code = ew_exit_worse(code, ew_writer_close(p.writer));
	free(p.columns);
	ew_reader_close(reader);
	return code;
}
