/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/list.h"

static int
run(const struct ew_args *args)
{
	return ew_list_view(args, EW_VIEW_WORKLOADS);
}

const struct ew_command ew_command_workloads = {
	.name = "workloads",
	.summary =
	    "list workloads: what containers belong to, and how well each is known",
	.about = "States: cold (just seen), learning, provisional (its baseline is "
		 "usable), mature,\n"
		 "locked (by an operator), stale (unseen for long). `eastwatch "
		 "baseline status`\n"
		 "says the same in words.",
	.examples = "  eastwatch workloads --last 0\n"
		    "  eastwatch workloads --state learning --state cold\n"
		    "  eastwatch workloads --workload 'shop/*' -o json\n",
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};
