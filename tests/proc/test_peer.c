/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/err.h"
#include "base/time.h"
#include "io/loop.h"
#include "proc/peer.h"

struct side {
	struct ew_loop *loop;
	struct ew_peer *peer;
	unsigned gone, closed;
	int64_t last;
};

static void
on_gone(void *context, const struct ew_gone *gone)
{
	struct side *side = context;

	side->gone++;
	cr_expect_eq(gone->at.ns, side->last + 1, "order is kept");
	side->last = gone->at.ns;
}

static void
on_closed(void *context, const char *sentence)
{
	struct side *side = context;

	cr_expect_not_null(sentence);
	side->closed++;
	ew_peer_free(side->peer);
	side->peer = NULL;
	ew_loop_stop(side->loop);
}

static void
on_stop(void *context)
{
	struct side *side = context;

	ew_loop_stop(side->loop);
}

static uint64_t
counter(const struct ew_peer *peer, const char *name)
{
	const struct ew_counter_set set = ew_peer_counters(peer);

	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.counters[i].name, name) == 0)
			return ew_counter_value(&set, i);
	return UINT64_MAX;
}

static void
open_pair(struct side *core, struct side *outside, int fds[2])
{
	struct ew_peer_handlers h = { .context = core,
		.closed = on_closed,
		.instance_gone = on_gone,
		.stop = on_stop };

	core->loop = outside->loop = ew_loop_new();
	cr_assert_eq(ew_peer_pair(fds), 0);
	core->peer = ew_peer_new(core->loop, fds[0], &h);
	h = (struct ew_peer_handlers){ .context = outside, .closed = on_closed };
	outside->peer = ew_peer_new(outside->loop, fds[1], &h);
}

Test(peer, messages_beyond_the_socket_wait_and_keep_their_order)
{
	struct side core = { 0 }, outside = { 0 };
	struct ew_gone gone = { .runtime = "docker" };
	int fds[2];

	open_pair(&core, &outside, fds);
	for (int i = 1; i <= 20000; i++) {
		gone.at.ns = i;
		cr_assert_eq(ew_peer_send(outside.peer, EW_PROC_INSTANCE_GONE, &gone),
		    0);
	}
	cr_expect_gt(ew_peer_queued(outside.peer), 0);
	cr_assert_eq(ew_peer_send(outside.peer, EW_PROC_STOP, NULL), 0);
	ew_loop_run(core.loop);
	cr_expect_eq(core.gone, 20000);
	cr_expect_eq(ew_peer_queued(outside.peer), 0);
	ew_peer_free(core.peer);
	ew_peer_free(outside.peer);
	ew_loop_free(core.loop);
}

Test(peer, refuses_when_the_other_side_does_not_keep_up)
{
	struct side core = { 0 }, outside = { 0 };
	static struct ew_status_items items = { .n_items = EW_STATUS_ITEMS_MAX };
	int fds[2], code = 0;

	open_pair(&core, &outside, fds);
	for (unsigned i = 0; i < EW_STATUS_ITEMS_MAX; i++)
		memset(items.items[i].text, 'x', sizeof(items.items[i].text) - 1);
	for (int i = 0; i < 10000 && code == 0; i++)
		code = ew_peer_send(outside.peer, EW_PROC_STATUS_ITEMS, &items);
	cr_expect_eq(code, EW_ERR_LIMIT);
	cr_expect_eq(counter(outside.peer, "peer_refused"), 1);
	ew_peer_free(core.peer);
	ew_peer_free(outside.peer);
	ew_loop_free(core.loop);
}

Test(peer, notices_that_the_other_side_has_gone)
{
	struct side core = { 0 }, outside = { 0 };
	int fds[2];

	open_pair(&core, &outside, fds);
	ew_peer_free(outside.peer);
	ew_loop_run(core.loop);
	cr_expect_eq(core.closed, 1);
	cr_expect_null(core.peer);
	ew_loop_free(core.loop);
}

Test(peer, drops_nonsense_and_goes_on)
{
	struct side core = { 0 }, outside = { 0 };
	static const char nonsense[] = "GET / HTTP/1.1\r\n\r\n";
	static const struct ew_resolver_info unwanted;
	int fds[2];

	open_pair(&core, &outside, fds);
	cr_assert_gt(send(fds[1], nonsense, sizeof(nonsense), 0), 0);
	cr_assert_eq(ew_peer_send(outside.peer, EW_PROC_RESOLVER, &unwanted), 0);
	cr_assert_eq(ew_peer_send(outside.peer, EW_PROC_STOP, NULL), 0);
	ew_loop_run(core.loop);
	cr_expect_eq(counter(core.peer, "peer_malformed"), 1);
	cr_expect_eq(counter(core.peer, "peer_unwanted"), 1);
	ew_peer_free(core.peer);
	ew_peer_free(outside.peer);
	ew_loop_free(core.loop);
}
