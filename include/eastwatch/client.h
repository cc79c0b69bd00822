/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * The control client: ask a running eastwatchd. Requests and answers are JSON objects as
 * described in schema/control.schema.json; version and id are this library's business.
 * Blocking, one thread at a time per client. C and C++.
 */
#ifdef __cplusplus
extern "C" {
#endif

#define EW_CONTROL_SOCKET "/run/eastwatch/control.sock"

struct ew_client;

/*
 * socket_path: NULL for EW_CONTROL_SOCKET. Returns 0, or a negative errno with a sentence in
 * ret_sentence (may be NULL): -ENOENT and -ECONNREFUSED mean that no daemon runs there,
 * -EACCES that the caller is not in the socket's group.
 */
int ew_client_open(const char *socket_path, struct ew_client **ret_client,
    char *ret_sentence, size_t sentence_size);
void ew_client_close(struct ew_client *client);

/*
 * verb: "status", "counters", "decide" ... arguments: NULL, or a JSON object with the verb's
 * fields. *ret_answer: the answer's JSON, to be freed with free(3).
 * Returns 0 when the daemon did it; -EPROTO when it refused: ret_sentence says why, and
 * *ret_answer is set; -EINVAL for arguments that are no object; -ETIMEDOUT, -ECONNRESET.
 */
int ew_client_ask(struct ew_client *client, const char *verb, const char *arguments,
    int timeout_ms, char **ret_answer, char *ret_sentence, size_t sentence_size);

#ifdef __cplusplus
}
#endif
