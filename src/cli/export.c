/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch export INCIDENT`: a folder with what is needed to understand an incident, and to
 * judge it again, on another machine and years later: the incident with its context, its
 * signals, the flows around it, the edges and the baseline of its source, the inventory of
 * that time, and a SHA-256 of each file. Names are those of the database; the files escape
 * them as every JSON output does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/baseline_file.h"
#include "cli/command.h"
#include "cli/explain_priv.h"
#include "cli/inventory.h"
#include "cli/list.h"
#include "cli/rows.h"
#include "cli/sha256.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "dir",
	    .arg = "DIR",
	    .help = "the folder to make (eastwatch-ID)",
	    .values = "file" },
	{ .name = "margin",
	    .arg = "TIME",
	    .help = "flows this long before and after (10m)" },
	{ .name = NULL },
};

const struct ew_command ew_command_export = {
	.name = "export",
	.summary = "write the evidence of an incident into a folder",
	.words = "INCIDENT",
	.about = "The folder has incident.json (the story with its context), "
		 "signals.jsonl, flows.jsonl\n"
		 "(of its source and its targets, around its time), edges.jsonl, "
		 "baseline.jsonl (of\n"
		 "the source), inventory.json (for `eastwatch replay --inventory`), "
		 "gaps.jsonl and\n"
		 "SHA256SUMS. An existing folder is not touched.",
	.examples = "  eastwatch export last\n"
		    "  eastwatch export last --dir /var/tmp/case-17 --margin 1h\n",
	.options = options,
	.groups = EW_OPTIONS_DB,
	.words_min = 1,
	.words_max = 1,
	.values = "incident",
	.run = run,
};

struct bundle {
	struct ew_reader *reader;
	struct ew_rows incident;
	const char *folder;
	int64_t from_us, to_us; /* of the flows */
	FILE *sums;
};

static FILE *
make(const struct bundle *b, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	FILE *file = fopen(path, "wxe");
	if (!file)
		ew_warn("%s cannot be made: %s", path, strerror(errno));
	return file;
}

/* Close a file and write its sum. Returns an exit code. */
static int
finish(struct bundle *b, FILE *take_file, const char *name, int code)
{
	struct ew_sha256 sha;
	char path[1024], hex[EW_SHA256_HEX], block[4096];
	size_t n;

	if (fclose(take_file) != 0)
		return ew_complain(EW_EXIT_ERROR, "%s/%s: %s", b->folder, name,
		    strerror(errno));
	snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	FILE *file = fopen(path, "re");
	if (code || !file) {
		if (file)
			fclose(file);
		return code ? code : EW_EXIT_ERROR;
	}
	ew_sha256_init(&sha);
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		ew_sha256_add(&sha, block, n);
	fclose(file);
	fprintf(b->sums, "%s  %s\n", ew_sha256_hex(&sha, hex), name);
	return EW_EXIT_OK;
}

/* Rows of a view as JSON lines. */
static int
write_view(struct bundle *b, const char *name, enum ew_view view,
    const struct ew_term *terms, size_t n_terms, bool in_window)
{
	struct ew_list list = { .output = { .output = EW_OUTPUT_JSON },
		.query = { .view = view } };
	FILE *file = make(b, name);

	if (!file)
		return EW_EXIT_ERROR;
	list.output.out = file;
	for (size_t i = 0; i < n_terms; i++)
		(void)ew_list_add_term(&list, terms[i].field, terms[i].value,
		    terms[i].side, terms[i].is_negated);
	if (in_window) {
		list.query.since_us = b->from_us;
		list.query.until_us = b->to_us;
	}
	return finish(b, file, name, ew_list_show(b->reader, &list));
}

static int
write_story(struct bundle *b)
{
	struct ew_expected e;
	FILE *file = make(b, "incident.json");

	if (!file)
		return EW_EXIT_ERROR;
	const int code =
	    ew_expected_find(b->reader, EW_VIEW_INCIDENTS, &b->incident, &e);
	if (!code)
		ew_story_json(file, &b->incident, EW_VIEW_INCIDENTS, &e);
	ew_expected_fini(&e);
	return finish(b, file, "incident.json", code);
}

static int
write_inventory(struct bundle *b)
{
	const struct ew_query query = { .view = EW_VIEW_INSTANCES,
		.since_us = b->from_us,
		.until_us = b->to_us };
	FILE *file = make(b, "inventory.json");

	if (!file)
		return EW_EXIT_ERROR;
	return finish(b, file, "inventory.json",
	    ew_inventory_write(b->reader, &query, file));
}

static int
write_baseline(struct bundle *b, const char *workload)
{
	FILE *file = make(b, "baseline.jsonl");

	if (!file)
		return EW_EXIT_ERROR;
	return finish(b, file, "baseline.jsonl",
	    ew_baseline_write(b->reader, workload, file));
}

static int
write_all(struct bundle *b)
{
	const char *id = ew_rows_text(&b->incident, 0, "id");
	const char *src = ew_rows_text(&b->incident, 0, "src_workload");
	const struct ew_term of_incident = { .field = "incident_id", .value = id };
	const struct ew_term of_source = { .field = "workload", .value = src };
	int code;

	b->sums = make(b, "SHA256SUMS");
	if (!b->sums)
		return EW_EXIT_ERROR;
	code = write_story(b);
	if (!code)
		code = write_view(b, "signals.jsonl", EW_VIEW_SIGNALS, &of_incident, 1,
		    false);
	/* What its source did and what was done to it: the path in and the path out. */
	if (!code)
		code = write_view(b, "flows.jsonl", EW_VIEW_FLOWS, &of_source,
		    src[0] ? 1 : 0, true);
	if (!code)
		code = write_view(b, "edges.jsonl", EW_VIEW_EDGES, &of_source,
		    src[0] ? 1 : 0, false);
	if (!code)
		code = write_view(b, "gaps.jsonl", EW_VIEW_GAPS, NULL, 0, true);
	if (!code)
		code = write_baseline(b, src[0] ? src : NULL);
	if (!code)
		code = write_inventory(b);
	if (fclose(b->sums) != 0)
		code = ew_complain(EW_EXIT_ERROR, "%s/SHA256SUMS: %s", b->folder,
		    strerror(errno));
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *dir = ew_args_value(args, "dir");
	const char *margin_text = ew_args_value(args, "margin");
	struct bundle b = { 0 };
	int64_t margin_ns = 600 * EW_NS_PER_S;
	char name[64];
	int code = EW_EXIT_OK;

	if (margin_text)
		code = ew_option_duration("margin", margin_text, &margin_ns);
	if (!code)
		code = ew_open_database(args, &b.reader);
	if (!code)
		code = ew_explain_find(b.reader, EW_VIEW_INCIDENTS, args->words[0],
		    &b.incident);
	if (!code && b.incident.n == 0)
		code = ew_complain(EW_EXIT_ERROR,
		    "no incident has an id that begins with \"%s\"; `eastwatch "
		    "incidents` lists "
		    "them",
		    args->words[0]);
	if (!code) {
		snprintf(name, sizeof(name), "eastwatch-%s",
		    ew_rows_text(&b.incident, 0, "id"));
		b.folder = dir ? dir : name;
		b.from_us =
		    ew_rows_int(&b.incident, 0, "opened_us") - margin_ns / EW_NS_PER_US;
		b.to_us = ew_rows_int(&b.incident, 0, "updated_us") +
		    margin_ns / EW_NS_PER_US;
		if (mkdir(b.folder, 0700) != 0)
			code = ew_complain(EW_EXIT_ERROR,
			    "%s cannot be made: %s; name another folder with --dir",
			    b.folder, strerror(errno));
		else
			code = write_all(&b);
	}
	if (!code)
		printf("%s\n", b.folder);
	ew_rows_fini(&b.incident);
	ew_reader_close(b.reader);
	return code;
}
