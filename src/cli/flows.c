/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/list.h"

static int
run(const struct ew_args *args)
{
	return ew_list_view(args, EW_VIEW_FLOWS);
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
		 "candidate, novel, denied or unjudged.",
	.examples =
	    "  eastwatch flows --since 10m\n"
	    "  eastwatch flows --from-workload shop/web --to-port 5432 -o wide\n"
	    "  eastwatch flows --status novel --not --to-port 53 --last 0 -o json\n"
	    "  eastwatch flows --state S0 --state REJ --by src_workload,dst_port\n"
	    "  eastwatch flows --ip 172.18.0.0/16 --where 'src_bytes>1000000'\n"
	    "  eastwatch flows -f\n",
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};
