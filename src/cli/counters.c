/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch counters`: every counter of the running daemon, with unit and meaning, as the
 * modules describe them (base/counter.h).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/options.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "all", .help = "with the counters that are 0" },
	{ .name = NULL },
};

const struct ew_command ew_command_counters = {
	.name = "counters",
	.summary = "show what the running daemon counts, with units and meanings",
	.words = "[PATTERN]",
	.about = "PATTERN is a glob over the names. Counters that are 0 are left out "
		 "unless --all\n"
		 "or a pattern asks for them. Exit code 3 when no daemon runs.",
	.examples = "  eastwatch counters\n"
		    "  eastwatch counters 'flow_*'\n"
		    "  eastwatch counters --all -o json\n",
	.options = options,
	.groups = EW_OPTIONS_CONTROL | EW_OPTIONS_OUTPUT,
	.words_max = 1,
	.run = run,
};

static const struct ew_column columns[] = {
	{ "name", "NAME", EW_FORMAT_ID, EW_EVERYWHERE, 32 },
	{ "value", "VALUE", EW_FORMAT_INT, EW_EVERYWHERE, 12 },
	{ "unit", "UNIT", EW_FORMAT_ID, EW_EVERYWHERE, 8 },
	{ "is_gauge", "GAUGE", EW_FORMAT_BOOL, EW_WIDE_DATA, 5 },
	{ "process", "PROCESS", EW_FORMAT_ID, EW_WIDE_DATA, 7 },
	{ "meaning", "MEANING", EW_FORMAT_ID, EW_EVERYWHERE, 0 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const char *
text_of(const json_t *item, const char *key)
{
	return json_string_value(json_object_get(item, key));
}

static int
run(const struct ew_args *args)
{
	const char *pattern = args->n_words ? args->words[0] : NULL;
	const bool all = pattern || ew_args_has(args, "all");
	struct ew_writer_conf conf;
	json_t *answer = NULL;
	const json_t *list, *item;
	size_t i;
	int code = ew_options_output(args, &conf);

	if (!code)
		code = ew_control_ask(args, "counters", NULL, &answer);
	if (code)
		return code;
	struct ew_writer *writer =
	    ew_writer_new(&conf, "eastwatch.counter/1", columns, N_COLUMNS);
	list = json_object_get(answer, "counters");
	json_array_foreach(list, i, item)
	{
		const char *name = text_of(item, "name");
		const int64_t value =
		    json_integer_value(json_object_get(item, "value"));

		if (!name || (pattern && !ew_text_glob(pattern, name)) ||
		    (!all && value == 0))
			continue;
		const struct ew_cell cells[N_COLUMNS] = { ew_cell_text(name),
			ew_cell_int(value), ew_cell_text(text_of(item, "unit")),
			ew_cell_int(json_is_true(json_object_get(item, "gauge"))),
			ew_cell_text(text_of(item, "process")),
			ew_cell_text(text_of(item, "meaning")) };
		ew_writer_row(writer, cells);
	}
	code = ew_writer_close(writer);
	json_decref(answer);
	return code;
}
