/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * The worker's thread: wait, read frames, decode them, feed the flow table, and put what the
 * table says into the ring. Nothing on this path allocates or takes a lock.
 *
 * A tick comes every 100 ms, with packets or without: it looks at the clocks, asks for
 * drops, publishes numbers, and when nothing is left to read moves the mark to the wall
 * clock less 200 ms (a block of the kernel's ring is handed over after 100 ms) so that timers
 * of flows run while nobody talks.
 *
 * When the event ring is full the worker waits: the kernel's ring behind it holds packets
 * for half a second and more, and a lost event is worse than a late one. It waits for 50 ms
 * a tick at most; then events are dropped and counted, and a gap says so as soon as there
 * is room. Blindness is never silent.
 */
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/time.h"
#include "daemon/worker.h"
#include "daemon/worker_priv.h"
#include "flow/event.h"
#include "io/loop.h"

#define TICK_NS (100 * EW_NS_PER_MS)
#define IDLE_LAG_NS (200 * EW_NS_PER_MS)
#define WAIT_PER_TICK_NS (50 * EW_NS_PER_MS)
#define WAIT_STEP_NS (200 * EW_NS_PER_US)
#define LAST_BLOCK_NS \
	(120 * EW_NS_PER_MS) /* until the kernel hands over an open block */
#define READS_PER_TURN 32 /* 4,096 frames, then commands and the tick get their turn */

static struct ew_clocks
read_clocks(void)
{
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (struct ew_clocks){
		.real_ns = ew_mono_from_wall_clock().ns,
		.mono_ns = ew_ticks_ns(),
		.boot_ns = boot.tv_sec * EW_NS_PER_S + boot.tv_nsec,
	};
}

/* --- events ------------------------------------------------------------------------------ */

static void
wake_loop(struct ew_worker *worker)
{
	if (worker->wakeup && !atomic_exchange(&worker->rung, true))
		ew_wakeup_ring(worker->wakeup);
}

/* Behind the ring's end, while stopping: the loop waits for us and cannot make room. */
static void
keep_rest(struct ew_worker *worker, const struct ew_flow_event *event, size_t size)
{
	struct worker_rest *rest = &worker->rest;
	const size_t room = (size + 7) & ~(size_t)7;

	if (rest->size + 8 + room > rest->capacity) {
		rest->capacity = 2 * rest->capacity + ((size_t)1 << 20);
		rest->bytes = ew_realloc_array(rest->bytes, rest->capacity, 1);
	}
	memcpy(rest->bytes + rest->size, &room, sizeof(room));
	memcpy(rest->bytes + rest->size + 8, event, size);
	rest->size += 8 + room;
}

static bool
put_waiting(struct ew_worker *worker, const struct ew_flow_event *event, size_t size)
{
	const struct timespec pause = { .tv_nsec = WAIT_STEP_NS };

	worker->stats.event_waits++;
	while (worker->wait_left_ns > 0 && !atomic_load(&worker->stop)) {
		wake_loop(worker);
		const int64_t begin = ew_ticks_ns();
		nanosleep(&pause, NULL);
		worker->wait_left_ns -= ew_ticks_ns() - begin;
		if (ew_ring_put(worker->events, event, size))
			return true;
	}
	return false;
}

void
worker_event(void *context, const struct ew_flow_event *event)
{
	struct ew_worker *worker = context;
	const size_t size = ew_flow_event_size(event);

	worker->stats.events++;
	if (event->kind == EW_FLOW_GAP)
		worker->stats.gaps++;
	if (worker->rest.size == 0 && ew_ring_put(worker->events, event, size))
		return;
	if (worker->is_finishing)
		keep_rest(worker, event, size);
	else if (!put_waiting(worker, event, size))
		worker->stats.event_drops++;
}

/* --- gaps -------------------------------------------------------------------------------- */

static void
say_gap(struct ew_worker *worker, uint8_t cause, uint64_t lost)
{
	const struct ew_gap_info gap = {
		.from_ns = ew_clock_watch_correct(&worker->clock, worker->tick.real_ns),
		.to_ns =
		    ew_clock_watch_correct(&worker->clock, worker->clock.last.real_ns),
		.lost = lost,
		.cause = cause,
	};

	ew_flow_gap(worker->table, &gap);
}

/* A cause's total rose: say by how much. What the full ring swallows is said again. */
static void
say_rise(struct ew_worker *worker, size_t i, uint8_t cause, uint64_t total)
{
	const uint64_t before = worker->stats.event_drops;

	if (total <= worker->drops_said[i])
		return;
	say_gap(worker, cause, total - worker->drops_said[i]);
	if (worker->stats.event_drops == before)
		worker->drops_said[i] = total;
}

static void
say_drops(struct ew_worker *worker)
{
	struct ew_source_stats source;

	ew_source_stats(worker->source, &source);
	worker->stats.frames = source.frames;
	worker->stats.bytes = source.bytes;
	worker->stats.kernel_drops = source.kernel_drops;
	worker->stats.interface_drops = source.interface_drops;
	say_rise(worker, 0, EW_GAP_KERNEL_DROP, source.kernel_drops);
	say_rise(worker, 1, EW_GAP_INTERFACE, source.interface_drops);
	say_rise(worker, 2, EW_GAP_RING_FULL, worker->stats.event_drops);
}

/* --- packets ----------------------------------------------------------------------------- */

static void
fail(struct ew_worker *worker)
{
	worker->failure = *ew_source_error(worker->source);
	atomic_store_explicit(&worker->has_failed, true, memory_order_release);
	wake_loop(worker);
}

static void
move_mark(struct ew_worker *worker, int64_t mark_ns)
{
	if (mark_ns <= worker->mark_ns)
		return;
	worker->mark_ns = mark_ns;
	/* after the events before it: the loop reads the mark first, then the ring */
	atomic_store_explicit(&worker->watermark_ns, mark_ns, memory_order_release);
}

static void
feed(struct ew_worker *worker, size_t count)
{
	if (worker->clock.offset_ns)
		for (size_t i = 0; i < count; i++)
			worker->frames[i].ts_ns = ew_clock_watch_correct(&worker->clock,
			    worker->frames[i].ts_ns);
	for (size_t used = 0; used < count;) {
		used += ew_decode(worker->decoder, worker->frames + used, count - used,
		    &worker->batch);
		ew_flow_feed(worker->table, &worker->batch);
	}
	move_mark(worker, worker->frames[count - 1].ts_ns);
}

/*
 * True when nothing is left to read. The loop is woken once at the end: a block's records
 * take a millisecond, and a loop that is woken for each batch would spend more on waking.
 */
static bool
read_frames(struct ew_worker *worker)
{
	const uint64_t before = worker->stats.events;
	bool is_drained = false;

	for (int i = 0; i < READS_PER_TURN && !is_drained; i++) {
		size_t count = 0;
		const int rc = ew_source_read(worker->source, worker->frames,
		    WORKER_FRAMES, &count);
		if (rc)
			fail(worker);
		if (count > 0)
			feed(worker, count);
		is_drained = rc != 0 || count == 0;
	}
	if (worker->stats.events != before)
		wake_loop(worker);
	return is_drained;
}

/* --- the loop ---------------------------------------------------------------------------- */

static void
tick(struct ew_worker *worker, bool is_drained)
{
	const struct ew_clocks now = read_clocks();
	const uint64_t before = worker->stats.events;
	struct ew_gap_info gap;

	worker->next_tick_ns = now.mono_ns + TICK_NS;
	worker->wait_left_ns = WAIT_PER_TICK_NS;
	if (ew_clock_watch_look(&worker->clock, &now, &gap))
		ew_flow_gap(worker->table, &gap);
	say_drops(worker);
	if (is_drained) {
		const struct ew_mono mark = {
			ew_clock_watch_correct(&worker->clock, now.real_ns) -
			    IDLE_LAG_NS,
		};
		ew_flow_table_expire(worker->table, mark);
		move_mark(worker, mark.ns);
	}
	worker->tick = now;
	worker_publish(worker);
	if (worker->stats.events != before)
		wake_loop(worker);
}

static void
wait_for_work(struct ew_worker *worker, bool has_source)
{
	struct pollfd fds[2] = {
		{ .fd = worker->command_fd, .events = POLLIN },
		{ .fd = has_source ? ew_source_fd(worker->source) : -1,
		    .events = POLLIN },
	};
	const int64_t left_ns = worker->next_tick_ns - ew_ticks_ns();
	const int64_t left_ms = (left_ns + EW_NS_PER_MS - 1) / EW_NS_PER_MS;

	/* errors end the wait, too: the next read tells them */
	(void)poll(fds, 2, left_ms > 0 ? (int)left_ms : 0);
}

static void
finish(struct ew_worker *worker)
{
	const struct timespec block = { .tv_nsec = LAST_BLOCK_NS };

	worker->is_finishing = true;
	nanosleep(&block, NULL);
	while (!atomic_load(&worker->has_failed) && !read_frames(worker))
		;
	tick(worker, true);
	ew_flow_finish(worker->table);
	worker_publish(worker);
	move_mark(worker, INT64_MAX);
}

void *
worker_main(void *context)
{
	struct ew_worker *worker = context;
	bool is_drained = true;

	/* from within: naming another thread writes to /proc, which is locked by now */
	pthread_setname_np(pthread_self(), "capture");
	worker->tick = read_clocks();
	while (!atomic_load(&worker->stop)) {
		const bool has_source = !atomic_load(&worker->has_failed);
		if (is_drained)
			wait_for_work(worker, has_source);
		worker_commands_run(worker);
		is_drained = !has_source || read_frames(worker);
		if (ew_ticks_ns() >= worker->next_tick_ns)
			tick(worker, is_drained);
	}
	worker_commands_run(worker);
	finish(worker);
	return NULL;
}
