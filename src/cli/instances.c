/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/command.h"
#include "cli/inventory.h"
#include "cli/list.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "output",
	    .letter = 'o',
	    .arg = "FORM",
	    .help = "table, wide, json (one object per line), csv or inventory",
	    .values = "table|wide|json|csv|inventory" },
	{ .name = NULL },
};

const struct ew_command ew_command_instances = {
	.name = "instances",
	.summary =
	    "list containers, running and stopped, with their workloads and addresses",
	.about = "-o inventory writes one JSON document that `eastwatch replay "
		 "--inventory` reads:\n"
		 "with a capture beside it, what happened here can be judged again "
		 "elsewhere.",
	.examples = "  eastwatch instances\n"
		    "  eastwatch instances --workload shop/web --last 0 -o wide\n"
		    "  eastwatch instances --ip 172.18.0.5\n"
		    "  eastwatch instances -o inventory > node.json\n",
	.options = options,
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};

static int
run(const struct ew_args *args)
{
	const char *form = ew_args_value(args, "output");

	if (form && strcmp(form, "inventory") == 0)
		return ew_inventory_print(args);
	return ew_list_view(args, EW_VIEW_INSTANCES);
}
