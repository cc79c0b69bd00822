/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch blast-radius WORKLOAD`: if this one is taken over, what is next? What it ever
 * used, step by step, and what the shared networks leave open to it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/reach.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "used", .help = "only along connections that were made before" },
	{ .name = "hops", .arg = "N", .help = "at most this many hops (default 3)" },
	{ .name = NULL },
};

const struct ew_command ew_command_blast_radius = {
	.name = "blast-radius",
	.summary = "list what a workload can reach, and what of it it ever used",
	.words = "WORKLOAD",
	.about = "Rows of kind `used` are reached along established connections only; "
		 "`open` ones\n"
		 "need at least one hop over a shared network that was never used. "
		 "`ports` are\n"
		 "the ports others are known to use there.",
	.examples = "  eastwatch blast-radius shop/web\n"
		    "  eastwatch blast-radius shop/web --hops 1\n"
		    "  eastwatch blast-radius shop/web --used -o json\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.words_min = 1,
	.words_max = 1,
	.values = "workload",
	.run = run,
};

static const struct ew_column columns[] = {
	{ "workload", "WORKLOAD", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "class", "CLASS", EW_FORMAT_ID, EW_WIDE_DATA, 9 },
	{ "kind", "KIND", EW_FORMAT_ID, EW_EVERYWHERE, 4 },
	{ "hops", "HOPS", EW_FORMAT_INT, EW_EVERYWHERE, 4 },
	{ "open_hops", "OPEN HOPS", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
	{ "via", "VIA", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "ports", "PORTS", EW_FORMAT_ID, EW_EVERYWHERE, 16 },
	{ "has_sensitive", "SENSITIVE", EW_FORMAT_BOOL, EW_EVERYWHERE, 3 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* "5432/tcp 22/tcp": what others are known to use at a node, each once. */
static bool
ports_of(const struct ew_reach *r, size_t node, struct ew_text *text)
{
	bool sensitive = false;
	size_t shown = 0;

	for (size_t i = 0; i < r->n_edges; i++) {
		const struct ew_reach_edge *e = &r->edges[i];
		char one[32];

		if (e->to != node || !e->is_used)
			continue;
		sensitive |= e->is_sensitive;
		snprintf(one, sizeof(one), "%s/%s", e->port, e->proto);
		/* Names of ports contain no blank, so whole words can be compared. */
		const char *found = strstr(text->text, one);
		const bool known = found && (found == text->text || found[-1] == ' ') &&
		    (found[strlen(one)] == '\0' || found[strlen(one)] == ' ');
		if (!known && shown++ < 12)
			ew_text_addf(text, "%s%s", text->length ? " " : "", one);
	}
	return sensitive;
}

struct order {
	size_t node;
	uint32_t open_hops, hops;
};

static int
compare(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->open_hops != y->open_hops)
		return x->open_hops < y->open_hops ? -1 : 1;
	if (x->hops != y->hops)
		return x->hops < y->hops ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static int
show(const struct ew_reach *r, size_t start, bool only_used, int64_t max_hops,
    const struct ew_writer_conf *conf)
{
	struct ew_reach_step *steps = ew_alloc_array(r->n_nodes + 1, sizeof(*steps));
	struct order *order = ew_alloc_array(r->n_nodes + 1, sizeof(*order));
	struct ew_writer *writer =
	    ew_writer_new(conf, "eastwatch.reach/1", columns, N_COLUMNS);
	size_t n = 0;

	ew_reach_search(r, start, !only_used, steps);
	for (size_t i = 0; i < r->n_nodes; i++)
		if (i != start && steps[i].is_reached && steps[i].hops <= max_hops)
			order[n++] = (struct order){ .node = i,
				.open_hops = steps[i].open_hops,
				.hops = steps[i].hops };
	qsort(order, n, sizeof(*order), compare);
	for (size_t k = 0; k < n; k++) {
		const size_t i = order[k].node;
		struct ew_text ports;

		ew_text_init(&ports, 1024);
		const bool sensitive = ports_of(r, i, &ports);
		struct ew_cell cells[N_COLUMNS] = { ew_cell_text(r->nodes[i].name),
			ew_cell_text(r->nodes[i].cls),
			ew_cell_text(steps[i].open_hops ? "open" : "used"),
			ew_cell_int(steps[i].hops), ew_cell_int(steps[i].open_hops),
			ew_cell_text(r->nodes[steps[i].from].name),
			ew_cell_text(ports.text), ew_cell_int(sensitive) };
		cells[7].color = sensitive ? "yellow" : NULL;
		ew_writer_row(writer, cells);
		ew_text_fini(&ports);
	}
	if (n == 0)
		ew_warn("%s reaches nobody, as far as is known", r->nodes[start].name);
	free(steps);
	free(order);
	return ew_writer_close(writer);
}

static int
run(const struct ew_args *args)
{
	const char *hops_text = ew_args_value(args, "hops");
	struct ew_reader *reader = NULL;
	struct ew_writer_conf conf;
	struct ew_reach reach = { 0 };
	int64_t hops = 3;
	size_t start = 0;
	int code = ew_options_output(args, &conf);

	if (!code && hops_text)
		code = ew_option_number("hops", hops_text, 1, 64, &hops);
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_reach_load(reader, &reach);
	if (!code)
		code = ew_reach_find(&reach, args->words[0], &start);
	if (!code)
		code = show(&reach, start, ew_args_has(args, "used"), hops, &conf);
	ew_reach_fini(&reach);
	ew_reader_close(reader);
	return code;
}
