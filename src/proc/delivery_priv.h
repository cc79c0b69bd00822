/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proc/webhook.h"

struct ew_error;

/* Microseconds to wait after attempt 1, 2, ...; jittered by a quarter. */
int64_t ew_delivery_pause_us(unsigned attempt);
/*
 * What the target asks for: Retry-After in seconds (a fraction is allowed, Discord sends
 * one) or as an HTTP date, else retry_after in a JSON body (Discord, Telegram). At most a
 * day. 0: nothing usable.
 */
int64_t ew_delivery_retry_after_us(const char *header, const char *body,
    int64_t now_us);
/* Targets that take no HTTP. */
bool ew_webhook_is_datagram(enum ew_webhook_type type);
/* Send one over UDP, TCP or a unix socket. Returns 0 or a code with a sentence. */
int ew_delivery_datagram(const struct ew_webhook_conf *conf,
    const struct ew_message *message, struct ew_error *error);
