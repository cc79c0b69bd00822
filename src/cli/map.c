/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch map`: who talks to whom, as a tree, or as a graph for other programs. This file
 * reads edges and workloads and chooses what is shown; map_forms.c draws.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/map_priv.h"
#include "cli/rows.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "output",
	    .letter = 'o',
	    .arg = "FORM",
	    .help = "tree (default), dot, mermaid, graphml or json",
	    .values = "tree|dot|mermaid|graphml|json" },
	{ .name = "new", .help = "only edges that are not part of the baseline" },
	{ .name = "around",
	    .arg = "WORKLOAD",
	    .help = "only what is near this workload",
	    .values = "workload" },
	{ .name = "hops", .arg = "N", .help = "how near: 1 (default) to 16" },
	{ .name = "diff",
	    .arg = "A..B",
	    .help = "what came and went between two times: 7d..1d, "
		    "2026-01-01..2026-01-08" },
	{ .name = NULL },
};

const struct ew_command ew_command_map = {
	.name = "map",
	.summary = "draw who talks to whom, as a tree or a graph",
	.about = "Each line below a workload is something it opens connections to. "
		 "What is not\n"
		 "part of the baseline is marked NEW (or with its status), never by "
		 "colour alone.\n"
		 "With --diff, + is an edge first seen between A and B, - one not seen "
		 "since A.",
	.examples = "  eastwatch map\n"
		    "  eastwatch map --new\n"
		    "  eastwatch map --around shop/db --hops 2\n"
		    "  eastwatch map --since 24h -o dot > map.dot\n"
		    "  eastwatch map --workload 'shop/*' -o mermaid\n"
		    "  eastwatch map --diff 7d..now\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT | EW_OPTIONS_WINDOW |
	    EW_OPTIONS_FILTER | EW_OPTIONS_STATUS,
	.run = run,
};

bool
ew_map_is_new(const struct ew_map_link *link)
{
	return strcmp(link->status, "candidate") == 0 ||
	    strcmp(link->status, "quarantined") == 0 ||
	    strcmp(link->status, "denied") == 0;
}

/* Rows the map borrows its text from. */
struct source {
	struct ew_rows edges, workloads;
	char **ports; /* number ports as text, one per edge */
};

static int
compare_names(const void *a, const void *b)
{
	const struct ew_map_node *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static size_t
find_node(const struct ew_map *map, const char *name)
{
	const struct ew_map_node key = { .name = name };
	const struct ew_map_node *found =
	    bsearch(&key, map->nodes, map->n_nodes, sizeof(key), compare_names);

	return found ? (size_t)(found - map->nodes) : SIZE_MAX;
}

/* All names that occur, sorted, once each. */
static void
build_nodes(struct ew_map *map, const struct source *s)
{
	size_t n = 0, kept = 0;

	map->nodes =
	    ew_alloc_array(2 * s->edges.n + s->workloads.n + 1, sizeof(*map->nodes));
	for (size_t i = 0; i < s->edges.n; i++) {
		map->nodes[n++].name = ew_rows_text(&s->edges, i, "src_workload");
		map->nodes[n++].name = ew_rows_text(&s->edges, i, "dst_workload");
	}
	qsort(map->nodes, n, sizeof(*map->nodes), compare_names);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 ||
		    strcmp(map->nodes[kept - 1].name, map->nodes[i].name) != 0)
			map->nodes[kept++] = map->nodes[i];
	map->n_nodes = kept;
	for (size_t i = 0; i < kept; i++) {
		map->nodes[i].cls = ew_class_of_name(map->nodes[i].name);
		map->nodes[i].state = "";
	}
	for (size_t i = 0; i < s->workloads.n; i++) {
		const size_t at =
		    find_node(map, ew_rows_text(&s->workloads, i, "workload"));

		if (at == SIZE_MAX)
			continue;
		map->nodes[at].cls = ew_rows_class(&s->workloads, i);
		map->nodes[at].state = ew_rows_text(&s->workloads, i, "state");
		map->nodes[at].instances = ew_rows_int(&s->workloads, i, "instances");
	}
}

static int
compare_links(const void *a, const void *b)
{
	const struct ew_map_link *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	const long px = strtol(x->port, NULL, 10), py = strtol(y->port, NULL, 10);
	if (px != py)
		return px < py ? -1 : 1;
	return strcmp(x->proto, y->proto);
}

static void
build_links(struct ew_map *map, struct source *s)
{
	const struct ew_rows *e = &s->edges;

	map->n_links = e->n;
	map->links = ew_alloc_array(e->n + 1, sizeof(*map->links));
	s->ports = ew_alloc_array(e->n + 1, sizeof(*s->ports));
	for (size_t i = 0; i < e->n; i++) {
		const struct ew_value *port = ew_rows_value(e, i, "dst_port");
		char number[EW_NUMBER_TEXT];

		snprintf(number, sizeof(number), "%" PRId64, port->number);
		s->ports[i] = ew_strdup(port->kind == EW_VALUE_INT ? number
			: port->kind == EW_VALUE_TEXT		   ? port->text
								   : "");
		map->links[i] = (struct ew_map_link){
			.from = find_node(map, ew_rows_text(e, i, "src_workload")),
			.to = find_node(map, ew_rows_text(e, i, "dst_workload")),
			.proto = ew_rows_text(e, i, "proto"),
			.port = s->ports[i],
			.status = ew_rows_text(e, i, "status"),
			.connections = ew_rows_int(e, i, "connections"),
			.failed = ew_rows_int(e, i, "failed"),
			.src_bytes = ew_rows_int(e, i, "src_bytes"),
			.dst_bytes = ew_rows_int(e, i, "dst_bytes"),
			.first_us = ew_rows_int(e, i, "first_us"),
			.last_us = ew_rows_int(e, i, "last_us"),
			.is_shown = true,
		};
	}
	qsort(map->links, map->n_links, sizeof(*map->links), compare_links);
}

/* Keep what is at most hops away from the nodes that match. Returns an exit code. */
static int
keep_around(struct ew_map *map, const char *pattern, int64_t hops)
{
	bool *near = ew_alloc_array(map->n_nodes + 1, sizeof(*near));
	bool *next = ew_alloc_array(map->n_nodes + 1, sizeof(*next));
	bool any = false;

	for (size_t i = 0; i < map->n_nodes; i++)
		any |= near[i] = ew_text_glob(pattern, map->nodes[i].name);
	for (int64_t hop = 0; hop < hops; hop++) {
		memcpy(next, near, map->n_nodes * sizeof(*near));
		for (size_t i = 0; i < map->n_links; i++) {
			const struct ew_map_link *l = &map->links[i];

			if (near[l->from] || near[l->to])
				next[l->from] = next[l->to] = true;
		}
		memcpy(near, next, map->n_nodes * sizeof(*near));
	}
	for (size_t i = 0; i < map->n_links; i++)
		map->links[i].is_shown &=
		    near[map->links[i].from] && near[map->links[i].to];
	free(near);
	free(next);
	if (!any)
		return ew_complain(EW_EXIT_ERROR,
		    "no workload named \"%s\" talks to anyone; `eastwatch workloads "
		    "--last 0` "
		    "lists the names",
		    pattern);
	return EW_EXIT_OK;
}

/* "A..B". Returns an exit code. */
static int
mark_diff(struct ew_map *map, const char *text)
{
	char from[64];
	const char *dots = strstr(text, "..");
	int64_t a = 0, b = 0;

	if (!dots || (size_t)(dots - text) >= sizeof(from))
		return ew_complain(EW_EXIT_USAGE,
		    "--diff %s: write two times, as 7d..1d or 7d..now", text);
	ew_text_copy_bytes(from, sizeof(from), text, (size_t)(dots - text));
	int code = ew_option_time("diff", from, &a);
	if (!code)
		code = ew_option_time("diff", dots[2] ? dots + 2 : "now", &b);
	if (code)
		return code;
	if (a >= b)
		return ew_complain(EW_EXIT_USAGE,
		    "--diff %s: the first time must be the earlier one", text);
	map->is_diff = true;
	for (size_t i = 0; i < map->n_links; i++) {
		struct ew_map_link *l = &map->links[i];

		if (l->first_us > a && l->first_us <= b)
			l->change = EW_MAP_CAME;
		else if (l->first_us <= a && l->last_us <= a)
			l->change = EW_MAP_WENT;
		else
			l->is_shown = false;
	}
	return EW_EXIT_OK;
}

static int
choose(struct ew_map *map, const struct ew_args *args)
{
	const char *around = ew_args_value(args, "around");
	const char *hops_text = ew_args_value(args, "hops");
	const char *diff = ew_args_value(args, "diff");
	int64_t hops = 1;
	int code = EW_EXIT_OK;

	if (hops_text)
		code = ew_option_number("hops", hops_text, 1, 16, &hops);
	if (!code && hops_text && !around)
		code =
		    ew_complain(EW_EXIT_USAGE, "--hops belongs to --around WORKLOAD");
	if (!code && around)
		code = keep_around(map, around, hops);
	if (!code && diff)
		code = mark_diff(map, diff);
	if (code)
		return code;
	for (size_t i = 0; i < map->n_links; i++) {
		struct ew_map_link *l = &map->links[i];

		if (ew_args_has(args, "new") && !ew_map_is_new(l))
			l->is_shown = false;
		if (l->is_shown)
			map->nodes[l->from].is_shown = map->nodes[l->to].is_shown =
			    true;
	}
	return EW_EXIT_OK;
}

static int
draw(const struct ew_map *map, const char *form)
{
	static const struct {
		const char *name;
		void (*draw)(const struct ew_map *map);
	} forms[] = { { "tree", ew_map_tree }, { "table", ew_map_tree },
		{ "dot", ew_map_dot }, { "mermaid", ew_map_mermaid },
		{ "graphml", ew_map_graphml }, { "json", ew_map_json } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, form) == 0) {
			if (map)
				forms[i].draw(map);
			return EW_EXIT_OK;
		}
	return ew_complain(EW_EXIT_USAGE,
	    "-o %s: a map is tree, dot, mermaid, graphml or json", form);
}

static void
source_fini(struct source *s)
{
	for (size_t i = 0; s->ports && i < s->edges.n; i++)
		free(s->ports[i]);
	free(s->ports);
	ew_rows_fini(&s->edges);
	ew_rows_fini(&s->workloads);
}

/* Options of the output that are not ours to read twice. */
static int
read_options(const struct ew_args *args, struct ew_list *ret_list)
{
	struct ew_args rest = *args;

	rest.n_given = 0;
	for (size_t i = 0; i < args->n_given; i++)
		if (strcmp(args->given[i].option->name, "output") != 0)
			rest.given[rest.n_given++] = args->given[i];
	const int code = ew_options_list(&rest, EW_VIEW_EDGES, ret_list);
	ret_list->query.last = 0;
	ret_list->query.terms = ret_list->terms;
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *form = ew_args_value(args, "output");
	struct ew_reader *reader = NULL;
	struct ew_map map = { 0 };
	struct source s = { 0 };
	struct ew_list list;
	int code = read_options(args, &list);

	form = form ? form : "tree";
	if (!code)
		code = draw(NULL, form);
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_rows_query(reader, &list.query, &s.edges);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_WORKLOADS, NULL, NULL, 0,
		    &s.workloads);
	if (!code) {
		map.color = list.output.color;
		build_nodes(&map, &s);
		build_links(&map, &s);
		code = choose(&map, args);
	}
	if (!code)
		code = draw(&map, form);
	free(map.nodes);
	free(map.links);
	source_fini(&s);
	ew_list_fini(&list);
	ew_reader_close(reader);
	return code;
}
