/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `baseline status`: how far each workload is learned. The words are honest about what is
 * judged already: scans, spoofing, canaries and control-plane access from the first second,
 * new edges with growing weight from the end of learning on (detectors.md 2, 4.1).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/baseline_priv.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/place.h"
#include "cli/rows.h"
#include "daemon/config.h"

#define BAR 20

static const struct ew_column columns[] = {
	{ "workload", "WORKLOAD", EW_FORMAT_TEXT, EW_EVERYWHERE, 24 },
	{ "bar", "LEARNED", EW_FORMAT_ID, EW_TABLES, BAR + 2 },
	{ "state", "STATE", EW_FORMAT_ID, EW_EVERYWHERE, 11 },
	{ "age_s", "AGE", EW_FORMAT_SECONDS, EW_WIDE_DATA, 8 },
	{ "progress", "PROGRESS", EW_FORMAT_FRACTION, EW_IN_DATA, 8 },
	{ "completeness", "COMPLETE", EW_FORMAT_FRACTION, EW_WIDE_DATA, 8 },
	{ "edges_out", "OUT", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
	{ "edges_in", "IN", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
	{ "candidates", "CANDIDATES", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
	{ "quarantined", "QUARANTINED", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
	{ "sentence", "", EW_FORMAT_ID, EW_EVERYWHERE, 0 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* What is said of one workload; minimum_s: learning.minimum_age. */
static double
describe(const struct ew_rows *rows, size_t i, int64_t minimum_s, char *text,
    size_t size)
{
	const char *state = ew_rows_text(rows, i, "state");
	const int64_t age_s = ew_rows_int(rows, i, "age_s");
	const double part = minimum_s > 0 ? (double)age_s / (double)minimum_s : 1;
	char age[32], whole[32];

	ew_age_text(age_s, age, sizeof(age));
	ew_age_text(minimum_s, whole, sizeof(whole));
	if (ew_rows_int(rows, i, "is_locked")) {
		snprintf(text, size,
		    "locked by an operator: learns nothing, all else is judged");
		return 1;
	}
	if (strcmp(state, "stale") == 0) {
		snprintf(text, size,
		    "not seen for long; what it comes back with is judged");
		return 1;
	}
	if (strcmp(state, "mature") == 0) {
		snprintf(text, size,
		    "known well, watched for %s; new edges count fully", age);
		return 1;
	}
	if (strcmp(state, "provisional") == 0) {
		ew_age_text(7 * minimum_s, whole, sizeof(whole));
		snprintf(text, size,
		    "usable, %s of %s to maturity; new edges count in part%s", age,
		    whole,
		    ew_rows_int(rows, i, "is_incomplete")
			? "; incomplete: too little was seen, review it"
			: "");
		return part / 7 > 1 ? 1 : part / 7;
	}
	if (part < 1) {
		snprintf(text, size, "%s, %s of %s; scans are judged already",
		    strcmp(state, "cold") == 0 ? "just seen" : "learning", age, whole);
		return part;
	}
	snprintf(text, size,
	    "learning, old enough, but still finding new edges; scans are judged "
	    "already");
	return 1;
}

/* [#####...............], in plain characters so that every terminal shows it. */
static void
draw_bar(double part, const char *state, char text[BAR + 3])
{
	const bool is_done =
	    strcmp(state, "mature") == 0 || strcmp(state, "locked") == 0;
	int full = (int)(part * BAR);

	if (!is_done && full >= BAR)
		full = BAR - 1;
	text[0] = '[';
	for (int i = 0; i < BAR; i++)
		text[1 + i] = i < full ? '#' : '.';
	text[1 + BAR] = ']';
	text[2 + BAR] = '\0';
}

static void
add_row(struct ew_writer *writer, const struct ew_rows *rows, size_t i,
    int64_t minimum_s)
{
	const char *state = ew_rows_text(rows, i, "state");
	struct ew_cell cells[N_COLUMNS];
	char sentence[256], bar[BAR + 3];
	const double part = describe(rows, i, minimum_s, sentence, sizeof(sentence));
	const size_t used = strlen(sentence);
	const int64_t suspects = ew_rows_int(rows, i, "quarantined");

	draw_bar(part, state, bar);
	if (suspects)
		snprintf(sentence + used, sizeof(sentence) - used,
		    "; %" PRId64 " kept out of learning (baseline review)", suspects);
	for (size_t c = 0; c < N_COLUMNS; c++)
		cells[c] = ew_cell_of_value(ew_rows_value(rows, i, columns[c].key));
	cells[1] = ew_cell_text(bar);
	cells[2].color = ew_color_of("state", ew_rows_value(rows, i, "state"));
	cells[4] = (struct ew_cell){ .kind = EW_CELL_REAL, .real = part };
	cells[N_COLUMNS - 1] = ew_cell_text(sentence);
	ew_writer_row(writer, cells);
}

int
ew_baseline_status(const struct ew_args *args)
{
	const struct ew_term term = { .field = "workload",
		.value = args->n_words > 1 ? args->words[1] : "*" };
	const struct ew_query query = { .view = EW_VIEW_WORKLOADS,
		.terms = &term,
		.n_terms = 1,
		.order = "workload" };
	struct ew_reader *reader = NULL;
	struct ew_writer_conf conf;
	struct ew_place place;
	struct ew_rows rows = { 0 };
	int code = ew_options_output(args, &conf);

	if (!code)
		code = ew_place_find(args, &place);
	if (code)
		return code;
	const int64_t minimum_s = place.config->learning.minimum_age_ns / EW_NS_PER_S;
	ew_place_fini(&place);
	code = ew_open_database(args, &reader);
	if (!code)
		code = ew_rows_query(reader, &query, &rows);
	if (!code && rows.n == 0 && args->n_words > 1)
		code = ew_complain(EW_EXIT_ERROR,
		    "there is no workload \"%s\"; `eastwatch workloads --last 0` lists "
		    "the names",
		    args->words[1]);
	if (!code) {
		struct ew_writer *writer = ew_writer_new(&conf,
		    "eastwatch.baseline_status/1", columns, N_COLUMNS);

		for (size_t i = 0; i < rows.n; i++)
			if (strcmp(ew_rows_class(&rows, i), "workload") == 0)
				add_row(writer, &rows, i, minimum_s);
		code = ew_writer_close(writer);
	}
	ew_rows_fini(&rows);
	ew_reader_close(reader);
	return code;
}
