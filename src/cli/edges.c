/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/list.h"

static int
run(const struct ew_args *args)
{
	return ew_list_view(args, EW_VIEW_EDGES);
}

const struct ew_command ew_command_edges = {
	.name = "edges",
	.summary = "list who talks to whom: source, destination and server port",
	.about =
	    "One row per source workload, destination, protocol and server port, with "
	    "what\n"
	    "the baseline thinks of it: candidate (seen, not yet accepted), baseline\n"
	    "(usual), dormant (usual once, unseen for long), quarantined (never "
	    "learned by\n"
	    "itself) or denied (by an operator).",
	.examples = "  eastwatch edges --last 0\n"
		    "  eastwatch edges --to-workload shop/db\n"
		    "  eastwatch edges --status candidate --status quarantined\n"
		    "  eastwatch edges --since 1h --by dst_port\n",
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};
