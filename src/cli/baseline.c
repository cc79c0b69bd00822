/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch baseline`: what is usual, and who decided so. Questions read the database;
 * decisions go to the daemon, which applies, logs and keeps them with who, when and why.
 * Every decision can be taken back (`undo`).
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/baseline_file.h"
#include "cli/baseline_priv.h"
#include "cli/command.h"
#include "cli/list.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "for",
	    .arg = "TIME",
	    .help = "a decision ends after this long: 2h, 7d" },
	{ .name = "why", .arg = "TEXT", .help = "the reason, kept with the decision" },
	{ .name = NULL },
};

const struct ew_command ew_command_baseline = {
	.name = "baseline",
	.summary = "what is usual: see how well it is known, review it, decide",
	.words = "SUBCOMMAND [ARG]",
	.about =
	    "Reading (from the database):\n"
	    "  status [WORKLOAD]   how far each workload is learned, as a bar and in "
	    "words\n"
	    "  show [WORKLOAD]     its usual edges, and the decisions behind them\n"
	    "  review              what was kept out of learning and waits for a "
	    "person\n"
	    "  log                 who decided what, when and why\n"
	    "  diff FILE           what an exported baseline has and this one has not\n"
	    "  export [FILE]       JSON lines, by workload names only, with a "
	    "checksum\n"
	    "\n"
	    "Deciding (by the running daemon):\n"
	    "  accept WHAT         this is usual; closes the matching signals and "
	    "incident\n"
	    "  deny WHAT           never usual: raises a signal whenever it is seen\n"
	    "  snooze WHAT         no messages about it for a while (--for)\n"
	    "  forget WHAT         drop it from the baseline: it is new again\n"
	    "  lock WORKLOAD       learn nothing more; unlock WORKLOAD goes on\n"
	    "  relearn WORKLOAD    learn it again from the start\n"
	    "  label WORKLOAD L,.. canary scanner router vip proxy scraper sensitive, "
	    "or none\n"
	    "  undo DECISION       take a decision of the log back\n"
	    "  import FILE         accept the edges of an exported baseline\n"
	    "\n"
	    "WHAT is an incident's id, or a pattern \"SRC -> DST:PORT/PROTO\": names "
	    "with * and\n"
	    "?, the port part may be missing. A lone name means it as the source.",
	.examples =
	    "  eastwatch baseline status\n"
	    "  eastwatch baseline show shop/web\n"
	    "  eastwatch baseline accept 5f3a91c2d4e6b708 --why \"release 4.2\"\n"
	    "  eastwatch baseline accept 'shop/web -> shop/cache:6379/tcp'\n"
	    "  eastwatch baseline deny '* -> shop/db:22/tcp' --why \"nobody needs "
	    "ssh\"\n"
	    "  eastwatch baseline snooze 'qa/* -> *' --for 2h\n"
	    "  eastwatch baseline label monitoring/prometheus scraper\n"
	    "  eastwatch baseline export before-release.jsonl\n"
	    "  eastwatch baseline diff before-release.jsonl\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_CONTROL | EW_OPTIONS_OUTPUT |
	    EW_OPTIONS_WINDOW | EW_OPTIONS_LAST,
	.words_min = 1,
	.words_max = 3,
	.values =
	    "status|show|review|log|diff|export|accept|deny|snooze|forget|lock|unlock|"
	    "relearn|label|undo|import",
	.run = run,
};

static const struct {
	const char *name;
	size_t words_min, words_max; /* after the subcommand */
	int (*run)(const struct ew_args *args);
} subcommands[] = {
	{ "status", 0, 1, ew_baseline_status },
	{ "show", 0, 1, ew_baseline_show },
	{ "review", 0, 0, ew_baseline_review },
	{ "log", 0, 0, ew_baseline_log },
	{ "diff", 0, 1, ew_baseline_diff },
	{ "export", 0, 1, ew_baseline_export },
	{ "import", 1, 1, ew_baseline_import },
	{ "accept", 1, 1, ew_baseline_decide },
	{ "deny", 1, 1, ew_baseline_decide },
	{ "snooze", 1, 1, ew_baseline_decide },
	{ "forget", 1, 1, ew_baseline_decide },
	{ "lock", 1, 1, ew_baseline_decide },
	{ "unlock", 1, 1, ew_baseline_decide },
	{ "relearn", 1, 1, ew_baseline_decide },
	{ "label", 2, 2, ew_baseline_decide },
	{ "undo", 1, 1, ew_baseline_decide },
};

static int
run(const struct ew_args *args)
{
	const char *name = args->words[0];

	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		const size_t n = args->n_words - 1;

		if (strcmp(subcommands[i].name, name) != 0)
			continue;
		if (n < subcommands[i].words_min)
			return ew_complain(EW_EXIT_USAGE,
			    "baseline %s needs %s; `eastwatch help baseline` has "
			    "examples",
			    name,
			    subcommands[i].words_min == 2 ? "a workload and labels"
							  : "an argument");
		if (n > subcommands[i].words_max)
			return ew_complain(EW_EXIT_USAGE,
			    "\"%s\" is too much for baseline %s (quote a pattern as "
			    "one word)",
			    args->words[1 + subcommands[i].words_max], name);
		return subcommands[i].run(args);
	}
	return ew_complain(EW_EXIT_USAGE,
	    "there is no `baseline %s`; `eastwatch help baseline` lists what there is",
	    name);
}

/* A list of a view with one more filter. */
static int
list_with(const struct ew_args *args, enum ew_view view, const char *field,
    const char *value, enum ew_side side)
{
	struct ew_reader *reader = NULL;
	struct ew_list list;
	int code = ew_options_list(args, view, &list);

	if (!ew_args_has(args, "last"))
		list.query.last = 0;
	if (field)
		ew_list_add_term(&list, field, value, side, false);
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_list_show(reader, &list);
	ew_reader_close(reader);
	ew_list_fini(&list);
	return code;
}

int
ew_baseline_show(const struct ew_args *args)
{
	const char *workload = args->n_words > 1 ? args->words[1] : NULL;

	return list_with(args, EW_VIEW_EDGES, workload ? "workload" : NULL, workload,
	    EW_SIDE_FROM);
}

int
ew_baseline_log(const struct ew_args *args)
{
	return list_with(args, EW_VIEW_DECISIONS, NULL, NULL, EW_SIDE_ANY);
}

/* What a person should look at: edges kept out of learning, then capped signals. */
int
ew_baseline_review(const struct ew_args *args)
{
	struct ew_writer_conf conf;
	int code = ew_options_output(args, &conf);

	if (code)
		return code;
	if (conf.output == EW_OUTPUT_TABLE || conf.output == EW_OUTPUT_WIDE)
		puts("Edges that were kept out of learning (accept or deny each):");
	code = list_with(args, EW_VIEW_EDGES, "status", "quarantined", EW_SIDE_ANY);
	if (code && code != EW_EXIT_MATCHED && code != EW_EXIT_INCOMPLETE)
		return code;
	if (conf.output == EW_OUTPUT_CSV)
		return code; /* two tables are no CSV */
	if (conf.output != EW_OUTPUT_JSON)
		puts(
		    "\nSensitive access that was there when the daemon was installed:");
	return ew_exit_worse(code,
	    list_with(args, EW_VIEW_SIGNALS, "is_capped", "1", EW_SIDE_ANY));
}

int
ew_baseline_export(const struct ew_args *args)
{
	const char *path = args->n_words > 1 ? args->words[1] : "-";
	struct ew_reader *reader = NULL;
	FILE *out = stdout;
	int code = ew_open_database(args, &reader);

	if (code)
		return code;
	if (strcmp(path, "-") != 0)
		out = fopen(path, "wxe");
	if (!out) {
		code = ew_complain(EW_EXIT_ERROR, "%s cannot be made: %m", path);
	} else {
		code = ew_baseline_write(reader, NULL, out);
		if (out != stdout && fclose(out) != 0)
			code = ew_complain(EW_EXIT_ERROR,
			    "%s could not be written completely: %m", path);
	}
	ew_reader_close(reader);
	return code;
}
