/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which database and which daemon a command means. The analyst's questions must not depend
 * on a correct configuration: when it cannot be read, the defaults stand in, with a warning.
 */
#include "cli/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/command.h"
#include "daemon/config.h"

int
ew_place_find(const struct ew_args *args, struct ew_place *ret_place)
{
	struct ew_error error = { 0 };
	const char *path = ew_args_value(args, "config");
	const char *database = ew_args_value(args, "db");
	const char *control = ew_args_value(args, "socket");

	*ret_place =
	    (struct ew_place){ .config = ew_alloc(sizeof(*ret_place->config)) };
	ew_config_default(ret_place->config);
	/* With both places given the configuration does not matter. */
	if (path || !database || !control) {
		if (ew_config_load(path, ret_place->config, &error) != 0) {
			ret_place->config_is_broken = true;
			if (path) {
				ew_place_fini(ret_place);
				return ew_complain(EW_EXIT_ERROR, "%s", error.text);
			}
			ew_warn("%s; the defaults are used here", error.text);
		}
	}
	snprintf(ret_place->database, sizeof(ret_place->database), "%s",
	    database ? database : ret_place->config->database.path);
	snprintf(ret_place->socket, sizeof(ret_place->socket), "%s",
	    control ? control : ret_place->config->control.socket);
	return EW_EXIT_OK;
}

void
ew_place_fini(struct ew_place *place)
{
	free(place->config);
	place->config = NULL;
}
