/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message is a row per target in the store before anybody sends it. This file keeps
 * the rows that are owed in memory, hands them to the outside process, and writes down what
 * it answers. Messages are kept once however many targets they have.
 *
 * Bounded: beyond MESSAGES_MAX messages the rest stays in the store alone and is loaded at
 * the next start; the counter says so. With 6 messages an hour (detectors.md 5.3) that is
 * a week of a dead target.
 */
#include "daemon/outbox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "proc/peer.h"

#define MESSAGES_MAX 1024
/* Handed out and not answered for this long: the outside process was replaced. */
#define ANSWER_WAIT_US INT64_C(600000000)

struct row {
	struct row *next; /* in order of creation */
	struct owed_message *message;
	char target[EW_WEBHOOK_NAME_MAX];
	uint16_t attempts;
	int64_t next_us;
	int64_t handed_us; /* given to outside at; 0: not given */
};

struct owed_message {
	unsigned rows;
	struct ew_message message;
};

struct values {
	uint64_t messages, sent, dead, attempts_failed, unrouted, overflow, pending;
};

struct ew_outbox {
	struct ew_store *store;
	size_t n_webhooks;
	struct ew_webhook_conf *webhooks;
	struct row *first, **last;
	size_t n_messages;
	struct values values;
};

static const struct ew_counter counters[] = {
	{ "outbox_messages", "messages", "messages written for people",
	    offsetof(struct values, messages), 0 },
	{ "outbox_sent", "deliveries", "deliveries a target has confirmed",
	    offsetof(struct values, sent), 0 },
	{ "outbox_dead", "deliveries",
	    "deliveries given up; `eastwatch webhook replay` sends them again",
	    offsetof(struct values, dead), 0 },
	{ "outbox_attempts_failed", "attempts",
	    "attempts that failed and are tried again",
	    offsetof(struct values, attempts_failed), 0 },
	{ "outbox_unrouted", "messages", "messages no configured target wanted",
	    offsetof(struct values, unrouted), 0 },
	{ "outbox_overflow", "messages",
	    "messages kept in the database alone until the next start",
	    offsetof(struct values, overflow), 0 },
	{ "outbox_pending", "deliveries", "deliveries owed now",
	    offsetof(struct values, pending), 1 },
};

static void
set_webhooks(struct ew_outbox *o, const struct ew_webhook_conf *webhooks, size_t n)
{
	free(o->webhooks);
	o->webhooks = ew_alloc_array(n, sizeof(*webhooks));
	o->n_webhooks = n;
	if (n)
		memcpy(o->webhooks, webhooks, n * sizeof(*webhooks));
}

struct ew_outbox *
ew_outbox_new(struct ew_store *store, const struct ew_webhook_conf *webhooks,
    size_t n_webhooks)
{
	struct ew_outbox *o = ew_alloc(sizeof(*o));

	o->store = store;
	o->last = &o->first;
	set_webhooks(o, webhooks, n_webhooks);
	return o;
}

static void
drop_row(struct ew_outbox *o, struct row **at)
{
	struct row *row = *at;

	*at = row->next;
	if (o->last == &row->next)
		o->last = at;
	if (--row->message->rows == 0) {
		free(row->message);
		o->n_messages--;
	}
	o->values.pending--;
	free(row);
}

void
ew_outbox_free(struct ew_outbox *o)
{
	if (!o)
		return;
	while (o->first)
		drop_row(o, &o->first);
	free(o->webhooks);
	free(o);
}

void
ew_outbox_reconfigure(struct ew_outbox *o, const struct ew_webhook_conf *webhooks,
    size_t n_webhooks)
{
	set_webhooks(o, webhooks, n_webhooks);
}

static struct owed_message *
keep_message(struct ew_outbox *o, const struct ew_message *message)
{
	if (o->n_messages >= MESSAGES_MAX) {
		o->values.overflow++;
		return NULL;
	}
	struct owed_message *kept = ew_alloc(sizeof(*kept));

	kept->message = *message;
	o->n_messages++;
	return kept;
}

static struct row *
add_row(struct ew_outbox *o, struct owed_message *message, const char *target)
{
	struct row *row = ew_alloc(sizeof(*row));

	row->message = message;
	message->rows++;
	(void)ew_text_copy(row->target, sizeof(row->target), target);
	*o->last = row;
	o->last = &row->next;
	o->values.pending++;
	return row;
}

size_t
ew_outbox_put(struct ew_outbox *o, struct ew_peer *peer,
    const struct ew_message *message)
{
	const char *targets[EW_WEBHOOKS_MAX] = { NULL };
	size_t n = 0;

	o->values.messages++;
	for (size_t i = 0; i < o->n_webhooks; i++) {
		if (ew_webhook_wants(&o->webhooks[i], message))
			targets[n++] = o->webhooks[i].name;
	}
	/* Also without a target: `eastwatch incidents` counts what would have been sent. */
	ew_store_message(o->store, message, targets, n);
	if (n == 0) {
		o->values.unrouted++;
		return 0;
	}
	struct owed_message *kept = keep_message(o, message);

	for (size_t i = 0; kept && i < n; i++)
		(void)add_row(o, kept, targets[i]);
	ew_outbox_pump(o, peer);
	return n;
}

void
ew_outbox_load(struct ew_outbox *o, const struct ew_message *message,
    const struct ew_outbox_row *stored)
{
	struct owed_message *kept = NULL;

	for (struct row *r = o->first; r && !kept; r = r->next) {
		if (r->message->message.id == message->id)
			kept = r->message;
	}
	if (!kept)
		kept = keep_message(o, message);
	if (!kept)
		return;
	struct row *row = add_row(o, kept, stored->target);

	row->attempts = stored->attempts;
	row->next_us = stored->next_us;
}

void
ew_outbox_result(struct ew_outbox *o, const struct ew_outbox_result *result)
{
	struct row **at = &o->first;

	while (*at &&
	    ((*at)->message->message.id != result->id ||
		strcmp((*at)->target, result->target) != 0))
		at = &(*at)->next;
	if (!*at)
		return; /* answered twice: the first answer counted */
	ew_store_outbox_result(o->store, result, ew_wall_now());
	switch ((enum ew_outbox_outcome)result->outcome) {
	case EW_OUTBOX_OK:
		o->values.sent++;
		drop_row(o, at);
		break;
	case EW_OUTBOX_DEAD:
		o->values.dead++;
		ew_log(EW_LOG_BROKEN, "outbox",
		    "message %016" PRIx64
		    " to %s is given up: %s; repair the target, then "
		    "`eastwatch webhook replay`",
		    result->id, result->target, result->answer);
		drop_row(o, at);
		break;
	case EW_OUTBOX_RETRY:
		o->values.attempts_failed++;
		(*at)->attempts = result->attempt;
		(*at)->next_us = result->next_us;
		(*at)->handed_us = ew_wall_now().us; /* outside keeps the timer */
		break;
	case EW_OUTBOX_RETURNED:
		(*at)->next_us = result->next_us;
		(*at)->handed_us = 0;
		break;
	}
}

/* An earlier row of the same target and incident is still owed and not handed out. */
static bool
must_wait(const struct ew_outbox *o, const struct row *row)
{
	for (const struct row *r = o->first; r != row; r = r->next) {
		if (!r->handed_us && strcmp(r->target, row->target) == 0 &&
		    r->message->message.incident_id ==
			row->message->message.incident_id)
			return true;
	}
	return false;
}

void
ew_outbox_pump(struct ew_outbox *o, struct ew_peer *peer)
{
	const int64_t now_us = ew_wall_now().us;

	if (!peer || !ew_peer_is_open(peer))
		return;
	for (struct row *row = o->first; row; row = row->next) {
		/* A back-off may lie beyond the wait: the answer is due after it. */
		const int64_t due =
		    row->handed_us > row->next_us ? row->handed_us : row->next_us;

		if (row->handed_us && now_us - due < ANSWER_WAIT_US)
			continue;
		if (must_wait(o, row))
			continue;
		struct ew_outbox_delivery delivery = {
			.message = row->message->message,
			.attempt = row->attempts,
			.not_before_us = row->next_us,
		};

		(void)ew_text_copy(delivery.target, sizeof(delivery.target),
		    row->target);
		if (ew_peer_send(peer, EW_PROC_DELIVER, &delivery) != 0)
			return; /* full or gone: the next pump */
		row->handed_us = now_us;
	}
}

struct replaying {
	struct ew_outbox *outbox;
	uint64_t id;
	const char *target;
	struct {
		uint64_t id;
		char target[EW_WEBHOOK_NAME_MAX];
	} found[MESSAGES_MAX];
	size_t n;
};

static void
collect_failed(void *context, uint64_t message_id, const char *target)
{
	struct replaying *r = context;

	if ((r->id && r->id != message_id) ||
	    (r->target[0] && strcmp(r->target, target) != 0) || r->n == MESSAGES_MAX)
		return;
	r->found[r->n].id = message_id;
	(void)ew_text_copy(r->found[r->n].target, sizeof(r->found[r->n].target),
	    target);
	r->n++;
}

static void
reload_row(void *context, const struct ew_message *message,
    const struct ew_outbox_row *row)
{
	struct ew_outbox *o = context;

	for (const struct row *r = o->first; r; r = r->next) {
		if (r->message->message.id == message->id &&
		    strcmp(r->target, row->target) == 0)
			return;
	}
	ew_outbox_load(o, message, row);
}

size_t
ew_outbox_replay(struct ew_outbox *o, uint64_t message_id, const char *target)
{
	struct replaying *r = ew_alloc(sizeof(*r));

	r->outbox = o;
	r->id = message_id;
	r->target = target;
	(void)ew_store_each_failed(o->store, collect_failed, r);
	for (size_t i = 0; i < r->n; i++)
		ew_store_outbox_replay(o->store, r->found[i].id, r->found[i].target,
		    ew_wall_now());
	const size_t n = r->n;

	free(r);
	if (n) {
		/* The messages themselves are in the store: take back what is queued there. */
		const struct ew_store_loader loader = { .context = o,
			.outbox = reload_row };

		(void)ew_store_flush(o->store);
		(void)ew_store_load(o->store, &loader, ew_mono_from_wall_clock(), NULL);
	}
	return n;
}

size_t
ew_outbox_pending(const struct ew_outbox *o)
{
	return (size_t)o->values.pending;
}

struct ew_counter_set
ew_outbox_counters(const struct ew_outbox *o)
{
	return (struct ew_counter_set){ .module = "outbox",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &o->values };
}
