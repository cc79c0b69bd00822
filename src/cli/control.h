/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

struct ew_args;

/*
 * One request to the running daemon and its answer, through eastwatch/client.h.
 *
 * take_request  the object to send, without version and id; may be NULL after a failure
 * ret_answer    the answer's object, owned by the caller; NULL on failure
 * returns       EW_EXIT_OK; EW_EXIT_UNREACHABLE when no daemon answers; EW_EXIT_ERROR when it
 *               refused; a sentence was said
 */
int ew_control_ask(const struct ew_args *args, const char *verb, json_t *take_request,
    json_t **ret_answer);
/* The same, and quiet when there is no daemon. */
int ew_control_try(const struct ew_args *args, const char *verb, json_t *take_request,
    json_t **ret_answer);
/* Ask a socket, quietly. Returns 0 or a negative errno; *ret_answer as above. */
int ew_control_ask_at(const char *socket, const char *verb, json_t **ret_answer);
