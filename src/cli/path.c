/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch path A B`: how could A reach B? First along connections that were really made,
 * then, where that ends, over networks that the two ends of a hop share.
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

const struct ew_command ew_command_path = {
	.name = "path",
	.summary = "show how one workload could reach another",
	.words = "FROM TO",
	.about =
	    "Each row is a hop. `used` hops were established before, with port and "
	    "time;\n"
	    "`open` hops never were, but both ends share a network that lets them "
	    "talk. The\n"
	    "way with the fewest open hops is shown.",
	.examples = "  eastwatch path shop/web pay/db\n"
		    "  eastwatch path shop/web pay/db -o json\n",
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.words_min = 2,
	.words_max = 2,
	.values = "workload",
	.run = run,
};

static const struct ew_column columns[] = {
	{ "hop", "HOP", EW_FORMAT_INT, EW_EVERYWHERE, 3 },
	{ "kind", "KIND", EW_FORMAT_ID, EW_EVERYWHERE, 4 },
	{ "src_workload", "FROM", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "dst_workload", "TO", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "proto", "PROTO", EW_FORMAT_ID, EW_EVERYWHERE, 5 },
	{ "dst_port", "PORT", EW_FORMAT_ID, EW_EVERYWHERE, 5 },
	{ "status", "STATUS", EW_FORMAT_ID, EW_EVERYWHERE, 10 },
	{ "network", "NETWORK", EW_FORMAT_TEXT, EW_EVERYWHERE, 10 },
	{ "last_us", "LAST", EW_FORMAT_TIME_US, EW_EVERYWHERE, 19 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A number where it is one, as everywhere. */
static struct ew_cell
port_of(const struct ew_reach_edge *edge)
{
	if (edge->port[0] >= '0' && edge->port[0] <= '9')
		return ew_cell_int(strtol(edge->port, NULL, 10));
	return ew_cell_text(edge->port);
}

static void
put_hop(struct ew_writer *writer, const struct ew_reach *r,
    const struct ew_reach_step *steps, size_t to)
{
	const size_t from = steps[to].from, edge = steps[to].edge;
	const bool is_used = edge != EW_REACH_NONE;
	const struct ew_cell cells[N_COLUMNS] = {
		ew_cell_int(steps[to].hops),
		ew_cell_text(is_used ? "used" : "open"),
		ew_cell_text(r->nodes[from].name),
		ew_cell_text(r->nodes[to].name),
		ew_cell_text(is_used ? r->edges[edge].proto : NULL),
		is_used ? port_of(&r->edges[edge]) : ew_cell_null(),
		ew_cell_text(is_used ? r->edges[edge].status : NULL),
		ew_cell_text(ew_reach_shared_network(r, from, to)),
		is_used ? ew_cell_int(r->edges[edge].last_us) : ew_cell_null(),
	};

	ew_writer_row(writer, cells);
}

static int
show(const struct ew_reach *r, size_t from, size_t to,
    const struct ew_writer_conf *conf)
{
	struct ew_reach_step *steps = ew_alloc_array(r->n_nodes + 1, sizeof(*steps));
	size_t *way = ew_alloc_array(r->n_nodes + 1, sizeof(*way));
	struct ew_writer *writer;
	size_t n = 0;
	int code;

	ew_reach_search(r, from, true, steps);
	if (!steps[to].is_reached || from == to) {
		code = EW_EXIT_OK;
		if (from == to)
			code = ew_complain(EW_EXIT_USAGE,
			    "FROM and TO are the same workload");
		else
			ew_warn("no way is known from %s to %s: no used connections "
				"and no "
				"shared network lead there",
			    r->nodes[from].name, r->nodes[to].name);
	} else {
		for (size_t at = to; at != from; at = steps[at].from)
			way[n++] = at;
		writer = ew_writer_new(conf, "eastwatch.hop/1", columns, N_COLUMNS);
		while (n > 0)
			put_hop(writer, r, steps, way[--n]);
		code = ew_writer_close(writer);
	}
	free(steps);
	free(way);
	return code;
}

static int
run(const struct ew_args *args)
{
	struct ew_reader *reader = NULL;
	struct ew_writer_conf conf;
	struct ew_reach reach = { 0 };
	size_t from = 0, to = 0;
	int code = ew_options_output(args, &conf);

	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_reach_load(reader, &reach);
	if (!code)
		code = ew_reach_find(&reach, args->words[0], &from);
	if (!code)
		code = ew_reach_find(&reach, args->words[1], &to);
	if (!code)
		code = show(&reach, from, to, &conf);
	ew_reach_fini(&reach);
	ew_reader_close(reader);
	return code;
}
