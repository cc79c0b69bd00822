/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "proc/docker.h"
#include "proc/message.h"

/*
 * containerd without its API: its bundles and the CNI results on disk, watched by inotify.
 * Docker's own containers (namespace "moby") are left to Docker's client.
 *
 * Depends on: base, io/loop.h. Used by: proc/outside.c, tests.
 */
struct ew_bundles;
struct ew_loop;

/*
 * root: containerd's state folder; cni_results: where plugins cache theirs. Both may be
 * missing, and appear later. is_explicit: named in the configuration, so complain when it is
 * away. send as in docker.h.
 */
struct ew_bundles *ew_bundles_new(struct ew_loop *loop, const char *root,
    const char *cni_results, bool is_explicit, ew_docker_send_fn send, void *context);
void ew_bundles_free(struct ew_bundles *bundles);
const struct ew_runtime_status *ew_bundles_status(const struct ew_bundles *bundles);
