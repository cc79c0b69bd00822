/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to webhooks, at least once, in order, without flooding (issue: "delivery that
 * never loses, never floods").
 *
 * Each target has its own queue, its own token bucket and at most one request under way, so
 * a slow or dead one delays nobody else. The message at the head of a queue holds back only
 * later messages of its own incident: order within an incident is kept, and one message that
 * a receiver chokes on does not stop the rest.
 *
 * An attempt ends in one of four ways (ew_webhook_judge): delivered; retry after a jittered
 * exponential pause, or what Retry-After asks for; dead, since this message will never pass;
 * or gone (404, 410), which opens the target's circuit: it is probed once an hour, and the
 * rest waits. Retries go on for a week (design: "a week without network"), then a message is
 * dead and a person may replay it. Every attempt is reported to core, which owns the durable
 * outbox; here everything may be lost at any time.
 *
 * Times: pauses by the process's ticks would stop while a laptop sleeps; the wall clock is
 * what core stores and what Retry-After's dates mean, so the wall clock it is.
 */
#include "proc/delivery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "proc/delivery_priv.h"

/* Per target; 11 KiB each at worst. Beyond it core keeps them and asks again. */
#define QUEUE_MAX 256
#define RETURN_US INT64_C(60000000)
#define GIVE_UP_US INT64_C(604800000000) /* 7 d after the message was made */
#define PROBE_US INT64_C(3600000000)	 /* an open circuit is tried once an hour */
#define BURST 5

struct item {
	struct item *next;
	struct ew_message message;
	uint16_t attempt;
	int64_t next_us;
};

struct target {
	struct target *next;
	struct ew_delivery *delivery;
	struct ew_webhook_conf conf;
	struct item *first;
	size_t n_items;
	struct item *current; /* under way; still in the queue */
	struct ew_http_request *request;
	struct ew_timer *timer;
	int64_t tokens_us; /* bucket: time credit, up to BURST messages' worth */
	int64_t filled_us;
	int64_t not_before_us; /* the target asked for a pause */
	bool is_open, is_removed;
	uint64_t sent, failed, dead;
	uint16_t last_status;
	char last_answer[256];
	int64_t last_us;
};

struct counters {
	uint64_t attempts, delivered, retried, dead, returned;
};

struct ew_delivery {
	struct ew_loop *loop;
	struct ew_http *http;
	struct target *targets;
	struct ew_delivery_probe *probes;
	ew_delivery_fn fn;
	void *context;
	struct counters counters;
};

static const struct ew_counter counters[] = {
	{ "webhook_attempts", "requests", "requests made to webhook targets",
	    offsetof(struct counters, attempts), 0 },
	{ "webhook_delivered", "messages", "messages a target has accepted",
	    offsetof(struct counters, delivered), 0 },
	{ "webhook_retried", "messages", "attempts that failed and will be made again",
	    offsetof(struct counters, retried), 0 },
	{ "webhook_dead", "messages", "messages that were given up",
	    offsetof(struct counters, dead), 0 },
	{ "webhook_returned", "messages", "messages core has to keep for lack of room",
	    offsetof(struct counters, returned), 0 },
};

static void schedule(struct target *t);

/* --- results -------------------------------------------------------------------------------- */

static void
report(struct target *t, const struct item *item, enum ew_outbox_outcome outcome,
    uint16_t status, const char *answer)
{
	struct ew_outbox_result result = { .id = item->message.id,
		.outcome = (uint8_t)outcome,
		.attempt = item->attempt,
		.http_status = status,
		.next_us = outcome == EW_OUTBOX_RETRY ? item->next_us : 0 };

	(void)ew_text_copy(result.target, sizeof(result.target), t->conf.name);
	(void)ew_text_copy_bytes(result.answer, sizeof(result.answer), answer,
	    strlen(answer));
	t->delivery->fn(t->delivery->context, &result);
}

static void
drop(struct target *t, struct item *item)
{
	struct item **at = &t->first;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	t->n_items--;
	free(item);
}

/* --- when ----------------------------------------------------------------------------------- */

static double
jitter(void)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = 0;
	return 0.75 + 0.5 * (double)r / 4294967296.0;
}

/* notes: 5 s, 30 s, 2 min, 10 min, 1 h, then every 3 h. */
int64_t
ew_delivery_pause_us(unsigned attempt)
{
	static const int64_t pauses_s[] = { 5, 30, 120, 600, 3600, 10800 };
	const size_t last = sizeof(pauses_s) / sizeof(pauses_s[0]) - 1;
	const size_t i = attempt == 0 ? 0 : attempt - 1;

	return (int64_t)((double)(pauses_s[i < last ? i : last] * 1000000) * jitter());
}

/* A message costs 60 s / per_minute of credit. */
static int64_t
cost_us(const struct target *t)
{
	const uint32_t rate = t->conf.per_minute
	    ? t->conf.per_minute
	    : ew_webhook_type_rate((enum ew_webhook_type)t->conf.type);

	return INT64_C(60000000) / (rate ? rate : 60);
}

static void
fill_bucket(struct target *t, int64_t now_us)
{
	const int64_t most = BURST * cost_us(t);
	const int64_t passed = now_us - t->filled_us;

	t->filled_us = now_us;
	/* A clock that stepped back gives nothing, one that leapt gives a full bucket. */
	if (passed > 0)
		t->tokens_us = passed > most ? most : t->tokens_us + passed;
	if (t->tokens_us > most)
		t->tokens_us = most;
}

static bool
is_behind_own_incident(const struct target *t, const struct item *item)
{
	if (item->message.incident_id == 0)
		return false;
	for (const struct item *i = t->first; i != item; i = i->next)
		if (i->message.incident_id == item->message.incident_id)
			return true;
	return false;
}

/* The item to send next, and when. */
static struct item *
pick(struct target *t, int64_t now_us, int64_t *ret_at_us)
{
	struct item *best = NULL;

	for (struct item *i = t->first; i; i = i->next) {
		if (is_behind_own_incident(t, i))
			continue;
		int64_t at = i->next_us > now_us ? i->next_us : now_us;
		at += ew_webhook_quiet_us(&t->conf, &i->message, at);
		if (at < t->not_before_us)
			at = t->not_before_us;
		if (!best || at < *ret_at_us) {
			best = i;
			*ret_at_us = at;
		}
	}
	return best;
}

/* --- one attempt ------------------------------------------------------------------------------ */

static void
settle(struct target *t, struct item *item, enum ew_webhook_verdict verdict,
    uint16_t status, const char *answer, int64_t asked_us)
{
	struct counters *c = &t->delivery->counters;
	const int64_t now_us = ew_wall_now().us;

	t->last_status = status;
	t->last_us = now_us;
	(void)ew_text_copy_bytes(t->last_answer, sizeof(t->last_answer), answer,
	    strlen(answer));
	item->attempt++;
	if (verdict == EW_WEBHOOK_OK) {
		c->delivered++;
		t->sent++;
		t->is_open = false;
		report(t, item, EW_OUTBOX_OK, status, answer);
		drop(t, item);
		return;
	}
	if (verdict == EW_WEBHOOK_GONE && !t->is_open)
		ew_log(EW_LOG_BROKEN, "webhook",
		    "the target %s says its address is gone (%u); messages wait, it is "
		    "asked once "
		    "an hour; correct its URL and reload",
		    t->conf.name, status);
	t->is_open = verdict == EW_WEBHOOK_GONE;
	if (verdict == EW_WEBHOOK_DEAD ||
	    now_us - item->message.created_us > GIVE_UP_US) {
		c->dead++;
		t->dead++;
		report(t, item, EW_OUTBOX_DEAD, status, answer);
		drop(t, item);
		return;
	}
	c->retried++;
	t->failed++;
	item->next_us = now_us +
	    (t->is_open		   ? PROBE_US
		    : asked_us > 0 ? asked_us
				   : ew_delivery_pause_us(item->attempt));
	/* What the target asks for, and an open circuit, holds for every message to it. */
	if (asked_us > 0 || t->is_open)
		t->not_before_us = item->next_us;
	report(t, item, EW_OUTBOX_RETRY, status, answer);
}

static void
on_answer(void *context, const struct ew_http_answer *answer)
{
	struct target *t = context;
	struct item *item = t->current;
	const int64_t now_us = ew_wall_now().us;

	t->request = NULL;
	t->current = NULL;
	const enum ew_webhook_verdict verdict = answer->code == 0
	    ? ew_webhook_judge((enum ew_webhook_type)t->conf.type, answer->status,
		  answer->body)
	    : EW_WEBHOOK_RETRY;
	const int64_t asked_us = ew_delivery_retry_after_us(answer->retry_after,
	    answer->status == 429 ? answer->body : "", now_us);
	settle(t, item, verdict, answer->code == 0 ? (uint16_t)answer->status : 0,
	    answer->code == 0 ? answer->body : answer->sentence, asked_us);
	schedule(t);
}

static void
attempt(struct target *t, struct item *item)
{
	struct ew_error error = { .code = 0 };

	t->tokens_us -= cost_us(t);
	t->current = item;
	t->delivery->counters.attempts++;
	if (ew_webhook_is_datagram((enum ew_webhook_type)t->conf.type)) {
		const int code = ew_delivery_datagram(&t->conf, &item->message, &error);
		t->current = NULL;
		settle(t, item, code == 0 ? EW_WEBHOOK_OK : EW_WEBHOOK_RETRY, 0,
		    code == 0 ? "sent" : error.text, 0);
		return;
	}
	t->request = ew_delivery_send(t->delivery->http, &t->conf, &item->message,
	    on_answer, t, &error);
	if (t->request)
		return;
	/* A secret that cannot be read now may be readable later. */
	t->current = NULL;
	ew_log(EW_LOG_BROKEN, "webhook", "%s; the message waits", error.text);
	settle(t, item, EW_WEBHOOK_RETRY, 0, error.text, 0);
}

static void
on_timer(void *context)
{
	schedule(context);
}

/* Send what is due, or sleep until something is. */
static void
schedule(struct target *t)
{
	while (!t->current) {
		const int64_t now_us = ew_wall_now().us;
		int64_t at_us = 0;
		struct item *item = pick(t, now_us, &at_us);
		if (!item)
			return;
		fill_bucket(t, now_us);
		int64_t wait_us = at_us - now_us;
		if (wait_us <= 0 && t->tokens_us < cost_us(t))
			wait_us = cost_us(t) - t->tokens_us;
		if (wait_us > 0) {
			/* Look again each minute: the wall clock may be set. */
			const int64_t most = INT64_C(60000000);
			ew_timer_start(t->timer,
			    (wait_us < most ? wait_us : most) * EW_NS_PER_US);
			return;
		}
		attempt(t, item);
	}
}

/* --- targets ---------------------------------------------------------------------------------- */

static struct target *
find(const struct ew_delivery *d, const char *name)
{
	struct target *t = d->targets;

	while (t && strcmp(t->conf.name, name) != 0)
		t = t->next;
	return t;
}

static void
target_free(struct target *t)
{
	ew_http_cancel(t->request);
	ew_timer_free(t->timer);
	for (struct item *i = t->first, *next; i; i = next) {
		next = i->next;
		free(i);
	}
	free(t);
}

static void
target_remove(struct target *t)
{
	ew_http_cancel(t->request);
	t->request = NULL;
	t->current = NULL;
	while (t->first) {
		t->delivery->counters.dead++;
		report(t, t->first, EW_OUTBOX_DEAD, 0,
		    "the target is no longer in the configuration");
		drop(t, t->first);
	}
	target_free(t);
}

struct ew_delivery *
ew_delivery_new(struct ew_loop *loop, struct ew_http *http, ew_delivery_fn fn,
    void *context)
{
	struct ew_delivery *d = ew_alloc(sizeof(*d));

	d->loop = loop;
	d->http = http;
	d->fn = fn;
	d->context = context;
	return d;
}

void
ew_delivery_free(struct ew_delivery *d)
{
	if (!d)
		return;
	for (struct target *t = d->targets, *next; t; t = next) {
		next = t->next;
		target_free(t);
	}
	while (d->probes)
		ew_delivery_probe_free(&d->probes);
	free(d);
}

struct ew_counter_set
ew_delivery_counters(const struct ew_delivery *delivery)
{
	return (struct ew_counter_set){ .module = "webhook",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &delivery->counters };
}

static void
configure_one(struct ew_delivery *d, const struct ew_webhook_conf *conf)
{
	struct target *t = find(d, conf->name);

	if (!t) {
		t = ew_alloc(sizeof(*t));
		t->delivery = d;
		t->timer = ew_timer_new(d->loop, on_timer, t);
		struct target **at =
		    &d->targets; /* in the order of the configuration */
		while (*at)
			at = &(*at)->next;
		*at = t;
	}
	t->is_removed = false;
	/* Both were zeroed before they were filled, so padding compares equal. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (memcmp(&t->conf, conf, sizeof(*conf)) == 0)
		return;
	t->conf = *conf;
	t->is_open = false;
	t->not_before_us = 0;
	t->tokens_us = BURST * cost_us(t);
	for (struct item *i = t->first; i; i = i->next)
		i->next_us = 0;
	schedule(t);
}

void
ew_delivery_configure(struct ew_delivery *d, const struct ew_webhook_conf *hooks,
    size_t n)
{
	for (struct target *t = d->targets; t; t = t->next)
		t->is_removed = true;
	for (size_t i = 0; i < n; i++)
		configure_one(d, &hooks[i]);
	for (struct target **at = &d->targets; *at;) {
		struct target *t = *at;
		if (!t->is_removed) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		target_remove(t);
	}
}

static void
refuse(struct ew_delivery *d, const struct ew_outbox_delivery *item,
    enum ew_outbox_outcome outcome, const char *answer)
{
	struct ew_outbox_result result = { .id = item->message.id,
		.outcome = (uint8_t)outcome,
		.attempt = item->attempt,
		.next_us =
		    outcome == EW_OUTBOX_RETURNED ? ew_wall_now().us + RETURN_US : 0 };

	(void)ew_text_copy(result.target, sizeof(result.target), item->target);
	(void)ew_text_copy(result.answer, sizeof(result.answer), answer);
	d->fn(d->context, &result);
}

void
ew_delivery_put(struct ew_delivery *d, const struct ew_outbox_delivery *delivery)
{
	struct target *t = find(d, delivery->target);
	struct item **at;

	if (!t) {
		d->counters.dead++;
		refuse(d, delivery, EW_OUTBOX_DEAD,
		    "no such target in the configuration");
		return;
	}
	for (at = &t->first; *at; at = &(*at)->next)
		if ((*at)->message.id == delivery->message.id)
			return;
	if (t->n_items >= QUEUE_MAX) {
		d->counters.returned++;
		refuse(d, delivery, EW_OUTBOX_RETURNED,
		    "the queue of the target is full");
		return;
	}
	struct item *item = ew_alloc(sizeof(*item));
	item->message = delivery->message;
	item->attempt = delivery->attempt;
	item->next_us = delivery->not_before_us;
	*at = item;
	t->n_items++;
	schedule(t);
}

int
ew_delivery_test(struct ew_delivery *d, const char *target,
    const struct ew_message *message)
{
	const struct target *t = find(d, target);

	if (!t)
		return -ENOENT;
	d->counters.attempts++;
	ew_delivery_probe(&d->probes, d->loop, d->http, &t->conf, message, d->fn,
	    d->context);
	return 0;
}

void
ew_delivery_each(const struct ew_delivery *d,
    void (*visit)(void *context, const struct ew_delivery_state *state), void *context)
{
	for (struct target *t = d->targets; t; t = t->next) {
		int64_t at_us = 0;
		const struct ew_delivery_state state = { .name = t->conf.name,
			.type =
			    ew_webhook_type_name((enum ew_webhook_type)t->conf.type),
			.queued = t->n_items,
			.sent = t->sent,
			.failed = t->failed,
			.dead = t->dead,
			.last_status = t->last_status,
			.last_answer = t->last_answer,
			.last_us = t->last_us,
			.next_us = pick(t, ew_wall_now().us, &at_us) ? at_us : 0,
			.is_open = t->is_open };
		visit(context, &state);
	}
}
