/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

struct ew_args;
struct ew_config;

/* Where things are: what the options say, else the configuration, else the defaults. */
struct ew_place {
	char database[512];
	char socket[108];
	struct ew_config *config; /* never NULL */
	bool config_is_broken;	  /* defaults stand in; a warning was given */
};

/* Returns an exit code, after a sentence. A broken configuration is no failure. */
int ew_place_find(const struct ew_args *args, struct ew_place *ret_place);
void ew_place_fini(struct ew_place *place);
