/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "io/loop.h"

struct seen {
	struct ew_loop *loop;
	struct ew_timer *timer;
	struct ew_watch *watch;
	unsigned count, wanted;
	int64_t at_ns;
};

static void
on_tick(void *context)
{
	struct seen *seen = context;

	seen->at_ns = ew_ticks_ns();
	if (++seen->count == seen->wanted)
		ew_loop_stop(seen->loop);
}

Test(loop, a_timer_never_fires_before_its_time)
{
	struct seen seen = { .loop = ew_loop_new(), .wanted = 1 };
	const int64_t start = ew_ticks_ns();

	seen.timer = ew_timer_new(seen.loop, on_tick, &seen);
	ew_timer_start(seen.timer, 30 * EW_NS_PER_MS);
	cr_expect_eq(ew_loop_run(seen.loop), 0);
	cr_expect_geq(seen.at_ns - start, 29 * EW_NS_PER_MS);
	ew_timer_free(seen.timer);
	ew_loop_free(seen.loop);
}

Test(loop, a_repeating_timer_goes_on_until_stopped)
{
	struct seen seen = { .loop = ew_loop_new(), .wanted = 5 };

	seen.timer = ew_timer_new(seen.loop, on_tick, &seen);
	ew_timer_repeat(seen.timer, EW_NS_PER_MS);
	ew_loop_run(seen.loop);
	cr_expect_eq(seen.count, 5);
	ew_timer_stop(seen.timer);
	ew_loop_run(seen.loop); /* nothing is left to wait for */
	cr_expect_eq(seen.count, 5);
	ew_timer_free(seen.timer);
	ew_loop_free(seen.loop);
}

static void
on_readable(void *context, int fd, unsigned events)
{
	struct seen *seen = context;
	char c;

	cr_expect_eq(events, EW_WATCH_READ);
	cr_expect_eq(read(fd, &c, 1), 1);
	if (++seen->count < seen->wanted)
		return;
	/* Freed in its own callback. */
	ew_watch_free(seen->watch);
	seen->watch = NULL;
	ew_loop_stop(seen->loop);
}

Test(loop, a_watch_is_level_triggered_and_may_free_itself)
{
	struct seen seen = { .loop = ew_loop_new(), .wanted = 3 };
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "abc", 3), 3);
	seen.watch = ew_watch_new(seen.loop, fds[0], EW_WATCH_READ, on_readable, &seen);
	ew_loop_run(seen.loop);
	cr_expect_eq(seen.count, 3);
	cr_expect_null(seen.watch);
	ew_loop_free(seen.loop);
	close(fds[0]);
	close(fds[1]);
}

Test(loop, a_paused_watch_is_silent)
{
	struct seen seen = { .loop = ew_loop_new(), .wanted = 9 };
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "a", 1), 1);
	seen.watch = ew_watch_new(seen.loop, fds[0], EW_WATCH_READ, on_readable, &seen);
	ew_watch_set(seen.watch, 0);
	ew_loop_run(seen.loop);
	cr_expect_eq(seen.count, 0);
	ew_watch_free(seen.watch);
	ew_loop_free(seen.loop);
	close(fds[0]);
	close(fds[1]);
}

static void
on_signal(void *context, int number)
{
	struct seen *seen = context;

	cr_expect_eq(number, SIGUSR1);
	seen->count++;
	ew_loop_stop(seen->loop);
}

Test(loop, signals_arrive_in_the_loop)
{
	struct seen seen = { .loop = ew_loop_new() };
	struct ew_sigwatch *watch =
	    ew_sigwatch_new(seen.loop, SIGUSR1, on_signal, &seen);

	cr_assert_eq(raise(SIGUSR1), 0);
	ew_loop_run(seen.loop);
	cr_expect_eq(seen.count, 1);
	ew_sigwatch_free(watch);
	ew_loop_free(seen.loop);
}

static void *
ring_often(void *context)
{
	for (int i = 0; i < 1000; i++)
		ew_wakeup_ring(context);
	return NULL;
}

static void
on_wakeup(void *context)
{
	struct seen *seen = context;

	seen->count++;
	ew_loop_stop(seen->loop);
}

Test(loop, a_wake_up_from_another_thread_is_never_lost)
{
	struct seen seen = { .loop = ew_loop_new() };
	struct ew_wakeup *wakeup = ew_wakeup_new(seen.loop, on_wakeup, &seen);
	pthread_t thread;

	cr_assert_not_null(wakeup);
	cr_assert_eq(pthread_create(&thread, NULL, ring_often, wakeup), 0);
	ew_loop_run(seen.loop);
	pthread_join(thread, NULL);
	cr_expect_geq(seen.count, 1);
	ew_wakeup_free(wakeup);
	ew_loop_free(seen.loop);
}
