/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `baseline diff FILE`: an exported baseline beside the one in the database, edge by edge.
 * + is here and not in the file, - is in the file and not here, ~ has another status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/baseline_file.h"
#include "cli/baseline_priv.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/rows.h"

struct side_edge {
	char *key; /* "src -> dst:port/proto" */
	const char *status;
};

struct edge_set {
	struct side_edge *edges;
	size_t n, room;
};

static void
add(struct edge_set *set, const char *key, const char *status)
{
	if (set->n == set->room) {
		set->room = set->room ? 2 * set->room : 256;
		set->edges =
		    ew_realloc_array(set->edges, set->room, sizeof(*set->edges));
	}
	set->edges[set->n++] =
	    (struct side_edge){ .key = ew_strdup(key), .status = status };
}

static void
fini(struct edge_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->edges[i].key);
	free(set->edges);
}

static int
compare(const void *a, const void *b)
{
	const struct side_edge *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void
sort(struct edge_set *set)
{
	if (set->n > 0)
		qsort(set->edges, set->n, sizeof(*set->edges), compare);
}

static void
take_edge(void *context, const char *src, const char *dst, const struct ew_edge *edge)
{
	char proto[EW_NUMBER_TEXT], port[16];
	struct ew_text key;

	if (edge->port == EW_PORT_DYN)
		snprintf(port, sizeof(port), "dyn");
	else if (edge->port == EW_PORT_ANY)
		snprintf(port, sizeof(port), "any");
	else
		snprintf(port, sizeof(port), "%u", edge->port);
	ew_text_init(&key, 4096);
	ew_text_addf(&key, "%s -> %s:%s/%s", src, dst, port,
	    ew_proto_text(edge->proto, proto, sizeof(proto)));
	add(context, key.text, ew_edge_status_name((enum ew_edge_status)edge->status));
	ew_text_fini(&key);
}

static void
take_rows(struct edge_set *set, const struct ew_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct ew_value *port = ew_rows_value(rows, i, "dst_port");
		char number[EW_NUMBER_TEXT];
		struct ew_text key;

		snprintf(number, sizeof(number), "%lld", (long long)port->number);
		ew_text_init(&key, 4096);
		ew_text_addf(&key, "%s -> %s:%s/%s",
		    ew_rows_text(rows, i, "src_workload"),
		    ew_rows_text(rows, i, "dst_workload"),
		    port->kind == EW_VALUE_TEXT ? port->text : number,
		    ew_rows_text(rows, i, "proto"));
		add(set, key.text, ew_rows_text(rows, i, "status"));
		ew_text_fini(&key);
	}
}

static const struct ew_column columns[] = {
	{ "change", "", EW_FORMAT_ID, EW_EVERYWHERE, 1 },
	{ "edge", "EDGE", EW_FORMAT_ID, EW_EVERYWHERE, 40 },
	{ "in_file", "IN FILE", EW_FORMAT_ID, EW_EVERYWHERE, 11 },
	{ "here", "HERE", EW_FORMAT_ID, EW_EVERYWHERE, 11 },
};

static void
put(struct ew_writer *writer, const char *change, const char *key, const char *in_file,
    const char *here)
{
	struct ew_cell cells[] = { ew_cell_text(change), ew_cell_text(key),
		ew_cell_text(in_file), ew_cell_text(here) };

	cells[0].color = change[0] == '+' ? "green"
	    : change[0] == '-'		  ? "red"
					  : "yellow";
	ew_writer_row(writer, cells);
}

/* Both sorted. */
static void
merge(struct ew_writer *writer, const struct edge_set *file,
    const struct edge_set *here)
{
	size_t i = 0, k = 0;

	while (i < file->n || k < here->n) {
		const int order = i == file->n ? 1
		    : k == here->n	       ? -1
				   : compare(&file->edges[i], &here->edges[k]);

		if (order < 0) {
			put(writer, "-", file->edges[i].key, file->edges[i].status,
			    NULL);
			i++;
		} else if (order > 0) {
			put(writer, "+", here->edges[k].key, NULL,
			    here->edges[k].status);
			k++;
		} else {
			if (strcmp(file->edges[i].status, here->edges[k].status) != 0)
				put(writer, "~", file->edges[i].key,
				    file->edges[i].status, here->edges[k].status);
			i++;
			k++;
		}
	}
}

int
ew_baseline_diff(const struct ew_args *args)
{
	struct edge_set file = { 0 }, here = { 0 };
	const struct ew_baseline_sink sink = { .context = &file, .edge = take_edge };
	struct ew_reader *reader = NULL;
	struct ew_rows rows = { 0 };
	struct ew_error error = { 0 };
	struct ew_writer_conf conf;
	int code = ew_options_output(args, &conf);

	if (code)
		return code;
	if (args->n_words < 2)
		return ew_complain(EW_EXIT_USAGE,
		    "baseline diff needs a file of `baseline export`; what was decided "
		    "lately is "
		    "in `baseline log`");
	if (ew_baseline_read(args->words[1], &sink, &error) != 0) {
		fini(&file);
		return ew_complain(EW_EXIT_ERROR, "%s", error.text);
	}
	code = ew_open_database(args, &reader);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_EDGES, NULL, NULL, 0, &rows);
	if (!code) {
		struct ew_writer *writer =
		    ew_writer_new(&conf, "eastwatch.baseline_diff/1", columns, 4);

		take_rows(&here, &rows);
		sort(&file);
		sort(&here);
		merge(writer, &file, &here);
		if (ew_args_has(args, "exit-code") && ew_writer_rows(writer) > 0)
			code = EW_EXIT_MATCHED;
		code = ew_exit_worse(code, ew_writer_close(writer));
	}
	fini(&file);
	fini(&here);
	ew_rows_fini(&rows);
	ew_reader_close(reader);
	return code;
}
