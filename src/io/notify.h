/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET, nothing when it is unset.
 * state: "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=...", "STATUS=...".
 * Returns 0 or -errno; callers may ignore it. Call ew_notify_open before rights are given
 * up: the socket stays open.
 */
void ew_notify_open(void);
int ew_notify(const char *state);
/* Half of $WATCHDOG_USEC in ns: how often to say WATCHDOG=1; 0 never. */
int64_t ew_notify_watchdog_ns(void);
