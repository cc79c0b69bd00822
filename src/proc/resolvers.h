/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proc/message.h"

/*
 * Tell core the node's name servers. A runtime's embedded resolver passes what it does not
 * know on to them, out of the container's own namespace: names of a container that is just
 * being replaced, for one. That is no new edge of the workload.
 *
 * Reads /etc/resolv.conf and systemd-resolved's list of what stands behind its stub; tells
 * each address that is no loopback. Cheap, and may be repeated: core keeps each once.
 */
void ew_resolvers_tell(int (*send)(void *context, enum ew_proc_type type,
			   const void *record),
    void *context);
/* The same for one file's text; returns the number told. For tests. */
unsigned ew_resolvers_parse(const char *text,
    int (*send)(void *context, enum ew_proc_type type, const void *record),
    void *context);
