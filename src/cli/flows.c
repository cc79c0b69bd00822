/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/list.h"
#include "cli/siem.h"

static const struct ew_option options[] = {
	{ .name = "output",
	    .letter = 'o',
	    .arg = "FORM",
	    .help = "table, wide, json (one object per line), csv; for other systems "
		    "ecs, ocsf, "
		    "eve, zeek or cef",
	    .values = "table|wide|json|csv|ecs|ocsf|eve|zeek|cef" },
	{ .name = NULL },
};

/* The forms of other systems: the list without -o, its rows through a mapping. */
static int
run_mapped(const struct ew_args *args, const struct ew_siem *siem)
{
	struct ew_reader *reader = NULL;
	struct ew_args rest = *args;
	struct ew_list list;

	rest.n_given = 0;
	for (size_t i = 0; i < args->n_given; i++)
		if (strcmp(args->given[i].option->name, "output") != 0)
			rest.given[rest.n_given++] = args->given[i];
	int code = ew_options_list(&rest, EW_VIEW_FLOWS, &list);
	list.siem = siem;
	list.output.output = EW_OUTPUT_JSON;
	if (!code && list.query.n_group)
		code = ew_complain(EW_EXIT_USAGE,
		    "-o %s is a form of single flows; --by goes with table, json or "
		    "csv",
		    siem->name);
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code && siem->head && !list.output.no_headers)
		puts(siem->head);
	if (!code)
		code = ew_list_show(reader, &list);
	ew_reader_close(reader);
	ew_list_fini(&list);
	return code;
}

static int
run(const struct ew_args *args)
{
	const struct ew_siem *siem = ew_siem_find(ew_args_value(args, "output"));

	return siem ? run_mapped(args, siem) : ew_list_view(args, EW_VIEW_FLOWS);
}

const struct ew_command ew_command_flows = {
	.name = "flows",
	.summary = "list connections, who opened them on the left, the newest last",
	.about = "One row per connection, not per packet; refused and unanswered "
		 "attempts are rows\n"
		 "too. The state is Zeek's conn_state: SF ended well, S1 is open, S0 "
		 "was never\n"
		 "answered, REJ was refused. --status asks for the verdict of the "
		 "baseline: known,\n"
		 "candidate, novel, denied or unjudged. -o ecs, ocsf, eve, zeek and "
		 "cef print the\n"
		 "same rows in the words of other systems.",
	.examples =
	    "  eastwatch flows --since 10m\n"
	    "  eastwatch flows --from-workload shop/web --to-port 5432 -o wide\n"
	    "  eastwatch flows --status novel --not --to-port 53 --last 0 -o json\n"
	    "  eastwatch flows --state S0 --state REJ --by src_workload,dst_port\n"
	    "  eastwatch flows --ip 172.18.0.0/16 --where 'src_bytes>1000000'\n"
	    "  eastwatch flows --since 1h --last 0 -o ecs > flows.ndjson\n"
	    "  eastwatch flows -f\n",
	.options = options,
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};
