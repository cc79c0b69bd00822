/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs, in the order of the overview: first look, then ask, then decide, then the rest.
 * A verb is a file in this folder with its struct ew_command on top, and a row here.
 */
#include "cli/command.h"

const struct ew_command *const ew_commands[] = {
	NULL,
};
