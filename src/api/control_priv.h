/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "proc/message.h"

#define CONTROL_VERSION 1

struct control;
struct ew_line_conn;

/* One request, valid for a call. */
struct control_request {
	struct control *control;
	struct ew_line_conn *conn;
	json_t *json; /* the whole object */
	json_t *id;   /* the client's, NULL without */
	const char *verb;
};

/*
 * The request of a verb that changes something, as a message to core; without uid, pid and
 * who. Pure; the JSON is hostile. Returns 0 or EW_ERR_USAGE with a sentence in ret_why.
 */
int control_read_change(const char *verb, const json_t *json,
    struct ew_control_request *ret_request, char ret_why[256]);
