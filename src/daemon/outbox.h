/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "alert/message.h"
#include "base/counter.h"
#include "proc/message.h"
#include "proc/webhook.h"
#include "store/store.h"

/*
 * The core's half of delivery: which targets a message goes to, what is still owed, and
 * what became of each attempt. The rows live in the store (durable before the first
 * attempt); the outside process does the attempts and their timing.
 *
 * Used by: daemon/core.c. Loop thread only.
 */
struct ew_outbox;
struct ew_peer;

/* webhooks: the configured targets, copied. */
struct ew_outbox *ew_outbox_new(struct ew_store *store,
    const struct ew_webhook_conf *webhooks, size_t n_webhooks);
void ew_outbox_free(struct ew_outbox *outbox);
void ew_outbox_reconfigure(struct ew_outbox *outbox,
    const struct ew_webhook_conf *webhooks, size_t n_webhooks);

/* A new message: rows for every target that wants it, then out. Returns the targets. */
size_t ew_outbox_put(struct ew_outbox *outbox, struct ew_peer *peer,
    const struct ew_message *message);
/* At start: a row that is still owed. */
void ew_outbox_load(struct ew_outbox *outbox, const struct ew_message *message,
    const struct ew_outbox_row *row);
void ew_outbox_result(struct ew_outbox *outbox, const struct ew_outbox_result *result);
/*
 * Hand out what is due: called once a second, since the outside process may have refused.
 * Order within an incident is kept: a row waits for the earlier ones of its target.
 */
void ew_outbox_pump(struct ew_outbox *outbox, struct ew_peer *peer);
/* `webhook replay`: dead rows go out again. id 0: all; target empty: all. */
size_t ew_outbox_replay(struct ew_outbox *outbox, uint64_t message_id,
    const char *target);

/* Rows owed now. */
size_t ew_outbox_pending(const struct ew_outbox *outbox);
struct ew_counter_set ew_outbox_counters(const struct ew_outbox *outbox);
