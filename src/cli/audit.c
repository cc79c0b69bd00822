/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch audit`: what of this node's configuration makes lateral movement easy, each
 * finding with what, why, evidence and fix, and an id that stays the same until it is fixed.
 * The rules are in audit_rules.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/audit_priv.h"
#include "cli/command.h"
#include "cli/list.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "output",
	    .letter = 'o',
	    .arg = "FORM",
	    .help = "table, wide, json (one object per line), csv or sarif",
	    .values = "table|wide|json|csv|sarif" },
	{ .name = "rule", .arg = "ID", .help = "only this rule (a glob)" },
	{ .name = "exit-code", .help = "exit with 5 when there is a finding" },
	{ .name = NULL },
};

const struct ew_command ew_command_audit = {
	.name = "audit",
	.summary =
	    "list what makes lateral movement easy here, with why and how to fix it",
	.about = "Looks at containers, networks and edges: rights, shared networks, "
		 "plaintext\n"
		 "administration, services without a password, ways that are open and "
		 "never used.\n"
		 "The last line is the exposure score, the sum of the findings' "
		 "points: it falls\n"
		 "as they are fixed, and 0 is best.",
	.examples = "  eastwatch audit\n"
		    "  eastwatch audit -o json | jq 'select(.level == \"high\")'\n"
		    "  eastwatch audit -o sarif > audit.sarif\n"
		    "  eastwatch audit --rule 'runtime-socket' --exit-code\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.run = run,
};

static const struct ew_column columns[] = {
	{ "level", "LEVEL", EW_FORMAT_ID, EW_EVERYWHERE, 6 },
	{ "points", "POINTS", EW_FORMAT_INT, EW_EVERYWHERE, 6 },
	{ "id", "ID", EW_FORMAT_TEXT, EW_WIDE_DATA, 24 },
	{ "rule", "RULE", EW_FORMAT_ID, EW_TABLES | EW_IN_DATA, 16 },
	{ "subject", "WHERE", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "title", "WHAT", EW_FORMAT_TEXT, EW_IN_DATA, 40 },
	{ "evidence", "EVIDENCE", EW_FORMAT_TEXT, EW_EVERYWHERE, 40 },
	{ "why", "WHY", EW_FORMAT_TEXT, EW_WIDE_DATA, 40 },
	{ "fix", "FIX", EW_FORMAT_TEXT, EW_WIDE_DATA, 40 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void
put(struct ew_writer *writer, const struct ew_finding *f)
{
	struct ew_text id;

	ew_text_init(&id, 1024);
	ew_text_addf(&id, "%s/%s", f->rule->id, f->subject);
	struct ew_cell cells[N_COLUMNS] = { ew_cell_text(f->rule->level),
		ew_cell_int(f->rule->points), ew_cell_text(id.text),
		ew_cell_text(f->rule->id), ew_cell_text(f->subject),
		ew_cell_text(f->rule->title), ew_cell_text(f->evidence),
		ew_cell_text(f->rule->why), ew_cell_text(f->rule->fix) };

	if (strcmp(f->rule->level, "high") == 0)
		cells[0].color = "red";
	else if (strcmp(f->rule->level, "medium") == 0)
		cells[0].color = "yellow";
	ew_writer_row(writer, cells);
	ew_text_fini(&id);
}

/* What to do, once per rule that found something. */
static void
print_fixes(const struct ew_audit *audit)
{
	for (const struct ew_audit_rule *r = ew_audit_rules; r->id; r++)
		for (size_t i = 0; i < audit->n; i++)
			if (audit->findings[i].rule == r) {
				printf("\n%s: %s\n  why  %s\n  fix  %s\n", r->id,
				    r->title, r->why, r->fix);
				break;
			}
	printf("\nexposure score %d (%zu findings; 0 is best)\n", audit->score,
	    audit->n);
}

static int
show(const struct ew_audit *audit, const struct ew_writer_conf *conf)
{
	struct ew_writer *writer =
	    ew_writer_new(conf, "eastwatch.finding/1", columns, N_COLUMNS);

	for (size_t i = 0; i < audit->n; i++)
		put(writer, &audit->findings[i]);
	const int code = ew_writer_close(writer);
	if (conf->output <= EW_OUTPUT_WIDE)
		print_fixes(audit);
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *form = ew_args_value(args, "output");
	const bool is_sarif = form && strcmp(form, "sarif") == 0;
	struct ew_reader *reader = NULL;
	struct ew_audit audit = { .only = ew_args_value(args, "rule") };
	struct ew_args rest = *args;
	struct ew_writer_conf conf;

	if (is_sarif) {
		rest.n_given = 0;
		for (size_t i = 0; i < args->n_given; i++)
			if (strcmp(args->given[i].option->name, "output") != 0)
				rest.given[rest.n_given++] = args->given[i];
	}
	int code = ew_options_output(&rest, &conf);
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_reach_load(reader, &audit.reach);
	if (!code) {
		ew_audit_run(&audit);
		if (is_sarif)
			ew_audit_sarif(&audit);
		else
			code = show(&audit, &conf);
		if (ew_args_has(args, "exit-code") && audit.n > 0)
			code = ew_exit_worse(code, EW_EXIT_MATCHED);
	}
	ew_audit_fini(&audit);
	ew_reader_close(reader);
	return code;
}
