/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/list.h"

static int
run(const struct ew_args *args)
{
	return ew_list_view(args, EW_VIEW_SIGNALS);
}

const struct ew_command ew_command_signals = {
	.name = "signals",
	.summary = "list signals: single scored facts, each from one detector",
	.about = "The score is a sum of named points (column reasons in JSON). Signals "
		 "of 30 and\n"
		 "more join an incident; those below are kept for context.",
	.examples = "  eastwatch signals --since 1h\n"
		    "  eastwatch signals --where 'detector=scan*' -o json\n"
		    "  eastwatch signals --by detector\n"
		    "  eastwatch signals --where 'score<30' --last 50\n",
	.groups = EW_OPTIONS_LIST | EW_OPTIONS_BY,
	.run = run,
};
