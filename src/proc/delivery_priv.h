/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/http_client.h"
#include "proc/delivery.h"
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

/* One attempt over HTTP, started; NULL with a sentence when the request cannot be made. */
struct ew_http_request *ew_delivery_send(struct ew_http *http,
    const struct ew_webhook_conf *conf, const struct ew_message *message,
    ew_http_done_fn done, void *context, struct ew_error *error);
/* A test message: put in list until fn is called with its result, in a later turn. */
struct ew_delivery_probe;
void ew_delivery_probe(struct ew_delivery_probe **list, struct ew_loop *loop,
    struct ew_http *http, const struct ew_webhook_conf *conf,
    const struct ew_message *message, ew_delivery_fn fn, void *context);
/* Drop the first of the list, silently. */
void ew_delivery_probe_free(struct ew_delivery_probe **list);
