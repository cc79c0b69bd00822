/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch`: the analyst's and the operator's command. All of it stands in the library
 * of this folder, so that tests can call it; see cli.c.
 */
#include "cli/command.h"

int
main(int argc, char **argv)
{
	return ew_cli_main(argc, argv);
}
