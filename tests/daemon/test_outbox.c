/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "daemon/outbox.h"
#include "io/loop.h"
#include "proc/peer.h"

/* A store on disk, an outbox, and the outside process played by the test. */
struct bench {
	char folder[64], path[96];
	struct ew_store *store;
	struct ew_outbox *outbox;
	struct ew_loop *loop;
	struct ew_peer *peer;
	int outside;
	struct ew_webhook_conf webhooks[2];
};

static void
open_store(struct bench *b)
{
	struct ew_store_conf conf;
	struct ew_error error = { .text = "" };

	ew_store_conf_default(&conf);
	conf.path = b->path;
	conf.is_threaded = false;
	cr_assert_eq(ew_store_open(&conf, &error, &b->store), 0, "%s", error.text);
	b->outbox = ew_outbox_new(b->store, b->webhooks, 2);
}

static void
set_up(struct bench *b)
{
	static const struct ew_peer_handlers nobody;
	int fds[2];

	memset(b, 0, sizeof(*b));
	(void)snprintf(b->folder, sizeof(b->folder), "/tmp/ew-outbox-XXXXXX");
	cr_assert_not_null(mkdtemp(b->folder));
	(void)snprintf(b->path, sizeof(b->path), "%s/ew.db", b->folder);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(b->webhooks[i].name, sizeof(b->webhooks[i].name), "t%d",
		    i);
		b->webhooks[i].tiers =
		    (uint8_t)(1 << EW_TIER_PAGE | 1 << EW_TIER_NOTIFY);
	}
	open_store(b);
	b->loop = ew_loop_new();
	cr_assert_eq(ew_peer_pair(fds), 0);
	b->peer = ew_peer_new(b->loop, fds[0], &nobody);
	b->outside = fds[1];
}

static void
tear_down(struct bench *b)
{
	char command[128];

	ew_outbox_free(b->outbox);
	ew_store_close(b->store);
	ew_peer_free(b->peer);
	ew_loop_free(b->loop);
	(void)close(b->outside);
	(void)snprintf(command, sizeof(command), "rm -rf %s", b->folder);
	cr_assert_eq(system(command), 0);
}

/* What reached the outside process; false when nothing is there. */
static bool
receive(struct bench *b, struct ew_outbox_delivery *ret_delivery)
{
	static char bytes[EW_PROC_MESSAGE_MAX];
	static union ew_proc_record record;
	enum ew_proc_type type;
	const ssize_t n = recv(b->outside, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n <= 0)
		return false;
	cr_assert_eq(ew_proc_decode(bytes, (size_t)n, &type, &record), 0);
	cr_assert_eq(type, EW_PROC_DELIVER);
	*ret_delivery = record.delivery;
	return true;
}

static struct ew_message
message(uint64_t id, uint64_t incident, enum ew_tier tier)
{
	struct ew_message m = { .id = id,
		.incident_id = incident,
		.kind = EW_MSG_OPENED,
		.tier = (uint8_t)tier,
		.score = 80,
		.sequence = 1,
		.created_us = ew_wall_now().us };

	(void)ew_text_copy(m.title, sizeof(m.title), "web opened ssh on db");
	return m;
}

static void
answer(struct bench *b, uint64_t id, const char *target, enum ew_outbox_outcome outcome)
{
	struct ew_outbox_result result = { .id = id,
		.outcome = (uint8_t)outcome,
		.attempt = 1 };

	(void)ew_text_copy(result.target, sizeof(result.target), target);
	ew_outbox_result(b->outbox, &result);
}

static void
take_back(void *context, const struct ew_message *m, const struct ew_outbox_row *row)
{
	ew_outbox_load(context, m, row);
}

/* As after kill -9: what the store holds is all that is left. */
static void
restart(struct bench *b)
{
	const struct ew_store_loader loader = { .outbox = take_back };
	struct ew_store_loader l = loader;
	struct ew_error error = { .text = "" };

	ew_outbox_free(b->outbox);
	ew_store_close(b->store);
	open_store(b);
	l.context = b->outbox;
	cr_assert_eq(ew_store_load(b->store, &l, ew_mono_from_wall_clock(), &error), 0,
	    "%s", error.text);
}

Test(outbox, a_message_goes_to_every_target_that_wants_it_once)
{
	static struct bench b;
	struct ew_outbox_delivery d;
	const struct ew_message m = message(7, 1, EW_TIER_PAGE);

	set_up(&b);
	b.webhooks[1].tiers = 1 << EW_TIER_DIGEST;
	ew_outbox_reconfigure(b.outbox, b.webhooks, 2);
	cr_assert_eq(ew_outbox_put(b.outbox, b.peer, &m), 1);
	cr_assert(receive(&b, &d));
	cr_assert_eq(d.message.id, 7);
	cr_assert_str_eq(d.target, "t0");
	ew_outbox_pump(b.outbox, b.peer);
	cr_assert_not(receive(&b, &d), "handed out once");
	answer(&b, 7, "t0", EW_OUTBOX_OK);
	cr_assert_eq(ew_outbox_pending(b.outbox), 0);
	tear_down(&b);
}

Test(outbox, what_was_not_confirmed_is_owed_after_a_kill_with_the_same_id)
{
	static struct bench b;
	struct ew_outbox_delivery d;
	const struct ew_message first = message(1, 9, EW_TIER_PAGE);
	const struct ew_message second = message(2, 9, EW_TIER_PAGE);

	set_up(&b);
	(void)ew_outbox_put(b.outbox, b.peer, &first);
	(void)ew_outbox_put(b.outbox, b.peer, &second);
	while (receive(&b, &d))
		;
	answer(&b, 1, "t0", EW_OUTBOX_OK);
	(void)ew_store_flush(b.store);
	restart(&b);
	cr_assert_eq(ew_outbox_pending(b.outbox), 3);
	ew_outbox_pump(b.outbox, b.peer);
	unsigned seen = 0;

	while (receive(&b, &d)) {
		cr_assert(d.message.id == 1 || d.message.id == 2);
		cr_assert_not(d.message.id == 1 && strcmp(d.target, "t0") == 0,
		    "t0 has confirmed the first");
		cr_assert_str_eq(d.message.title, first.title);
		seen++;
	}
	cr_assert_eq(seen, 3);
	tear_down(&b);
}

Test(outbox, a_refused_row_goes_out_again_and_keeps_the_order_of_its_incident)
{
	static struct bench b;
	struct ew_outbox_delivery d;
	const struct ew_message first = message(1, 9, EW_TIER_PAGE);
	const struct ew_message second = message(2, 9, EW_TIER_PAGE);

	set_up(&b);
	(void)ew_outbox_put(b.outbox, b.peer, &first);
	while (receive(&b, &d))
		;
	answer(&b, 1, "t0", EW_OUTBOX_RETURNED); /* outside had no room */
	(void)ew_outbox_put(b.outbox, b.peer, &second);
	uint64_t order[4] = { 0 };
	unsigned n = 0;

	ew_outbox_pump(b.outbox, b.peer);
	while (receive(&b, &d)) {
		if (strcmp(d.target, "t0") == 0)
			order[n++] = d.message.id;
	}
	cr_assert_eq(n, 2);
	cr_assert_eq(order[0], 1, "the earlier message of the incident first");
	cr_assert_eq(order[1], 2);
	tear_down(&b);
}

Test(outbox, a_dead_row_is_kept_and_can_be_replayed)
{
	static struct bench b;
	struct ew_outbox_delivery d;
	const struct ew_message m = message(5, 3, EW_TIER_NOTIFY);

	set_up(&b);
	(void)ew_outbox_put(b.outbox, b.peer, &m);
	while (receive(&b, &d))
		;
	answer(&b, 5, "t0", EW_OUTBOX_DEAD);
	answer(&b, 5, "t1", EW_OUTBOX_OK);
	cr_assert_eq(ew_outbox_pending(b.outbox), 0);
	(void)ew_store_flush(b.store);
	cr_assert_eq(ew_outbox_replay(b.outbox, 0, ""), 1);
	ew_outbox_pump(b.outbox, b.peer);
	cr_assert(receive(&b, &d));
	cr_assert_eq(d.message.id, 5);
	cr_assert_str_eq(d.target, "t0");
	cr_assert_not(receive(&b, &d));
	tear_down(&b);
}
