/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proc/message.h"
#include "proc/outside.h"

/*
 * Client of the Docker Engine API, and of Podman's compatible one: what runs, told to core as
 * instance, network and status messages. Events are hints; lists put right what they miss.
 *
 * Depends on: base, io. Used by: proc/outside.c, tests.
 */
struct ew_docker;
struct ew_http;
struct ew_loop;

/* Where messages go; returns what ew_peer_send does. A refusal makes the client list again. */
typedef int (
    *ew_docker_send_fn)(void *context, enum ew_proc_type type, const void *record);

/* name: "docker" or "podman". Connects in the next turn of the loop, and again for ever. */
struct ew_docker *ew_docker_new(struct ew_loop *loop, struct ew_http *http,
    const char *name, const struct ew_runtime_conf *conf, ew_docker_send_fn send,
    void *context);
void ew_docker_free(struct ew_docker *docker);
/* Tell everything again: core was restarted, or has lost messages. */
void ew_docker_resend(struct ew_docker *docker);
const struct ew_runtime_status *ew_docker_status(const struct ew_docker *docker);
