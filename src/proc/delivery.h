/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proc/message.h"
#include "proc/webhook.h"

/*
 * Delivery of messages to webhooks, in the outside process. Core keeps the durable outbox;
 * here is one queue per target, in order, with retries, and a result for each attempt.
 *
 * Depends on: base, io, proc/webhook.h. Used by: proc/outside.c, tests.
 */
struct ew_counter_set;
struct ew_delivery;
struct ew_http;
struct ew_loop;

typedef void (*ew_delivery_fn)(void *context, const struct ew_outbox_result *result);

struct ew_delivery *ew_delivery_new(struct ew_loop *loop, struct ew_http *http,
    ew_delivery_fn fn, void *context);
void ew_delivery_free(struct ew_delivery *delivery);
struct ew_counter_set ew_delivery_counters(const struct ew_delivery *delivery);

/*
 * The targets from now on. Those that keep their name keep their queue; what was queued for
 * a target that is gone is reported as dead. A changed target is tried again at once.
 */
void ew_delivery_configure(struct ew_delivery *delivery,
    const struct ew_webhook_conf *hooks, size_t n);
/*
 * Queue one. Queued twice (same id and target) it is sent once. The result may come from
 * inside this call when it cannot be queued (no such target, no room).
 */
void ew_delivery_put(struct ew_delivery *d, const struct ew_outbox_delivery *delivery);
/* Past queue, bucket and circuit: one attempt, result with that id. Returns 0 or -ENOENT. */
int ew_delivery_test(struct ew_delivery *delivery, const char *target,
    const struct ew_message *message);

struct ew_delivery_state {
	const char *name;
	const char *type;
	size_t queued;
	uint64_t sent, failed, dead;
	uint16_t last_status;
	const char *last_answer;
	int64_t last_us; /* wall clock of the last attempt; 0 none */
	int64_t next_us; /* wall clock of the next attempt; 0 none waits */
	int is_open;	 /* circuit open: told that the address is gone */
};
void ew_delivery_each(const struct ew_delivery *delivery,
    void (*visit)(void *context, const struct ew_delivery_state *state), void *context);
