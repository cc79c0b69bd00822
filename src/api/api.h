/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proc/outside.h"

/*
 * api: what listens in the outside process. The control socket speaks one JSON object per
 * line (schema/control.schema.json); the page, the API and metrics come beside it.
 *
 * Depends on: base, io, proc. Used by: daemon.
 */

/* The control socket: ew_outside_conf.control_socket, 0660, peers known by SO_PEERCRED. */
extern const struct ew_outside_part ew_api_control_part;
