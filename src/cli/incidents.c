/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/list.h"

static int
run(const struct ew_args *args)
{
	return ew_list_view(args, EW_VIEW_INCIDENTS);
}

const struct ew_command ew_command_incidents = {
	.name = "incidents",
	.summary = "list incidents: campaigns made of signals, with a score and a tier",
	.about = "A campaign is one incident, however many connections it took. The "
		 "tier says\n"
		 "who hears of it: page and notify send a message, digest waits for "
		 "the daily\n"
		 "one, log stays here. `eastwatch explain ID` tells the story of one.",
	.examples = "  eastwatch incidents\n"
		    "  eastwatch incidents --state open --exit-code\n"
		    "  eastwatch incidents --since 24h --where 'score>=50' -o json\n"
		    "  eastwatch incidents --from-workload 'shop/*'\n"
		    "  eastwatch incidents -f -o json\n",
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};
