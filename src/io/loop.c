/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop over libevent: the only file that knows it. libevent was chosen for its
 * timer heap and signal handling; descriptors are level triggered, so a callback that reads
 * only a part is called again. Nothing here is shared between threads but the eventfd of a
 * wake-up, so libevent runs without its locks.
 *
 * libevent caches the time per turn (EVENT_BASE_FLAG_PRECISE_TIMER would ask the kernel for
 * finer clocks; a millisecond is enough for everything above).
 */
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "base/time.h"

struct ew_loop {
	struct event_base *base;
};

struct ew_watch {
	struct ew_loop *loop;
	struct event *event;
	int fd;
	unsigned events;
	ew_watch_fn fn;
	void *context;
};

struct ew_timer {
	struct event *event;
	int64_t period_ns; /* 0: once */
	ew_timer_fn fn;
	void *context;
};

struct ew_sigwatch {
	struct event *event;
	ew_sigwatch_fn fn;
	void *context;
};

struct ew_wakeup {
	int fd;
	struct event *event;
	ew_timer_fn fn;
	void *context;
};

struct ew_loop *
ew_loop_new(void)
{
	struct event_base *base = event_base_new();

	if (!base)
		return NULL;
	struct ew_loop *loop = ew_alloc(sizeof(*loop));
	loop->base = base;
	return loop;
}

void
ew_loop_free(struct ew_loop *loop)
{
	if (!loop)
		return;
	event_base_free(loop->base);
	free(loop);
}

int
ew_loop_run(struct ew_loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void
ew_loop_stop(struct ew_loop *loop)
{
	event_base_loopbreak(loop->base);
}

/* libevent's own allocations fail only where ours abort. */
static struct event *
must(struct event *event)
{
	if (!event)
		abort();
	return event;
}

static void
on_watch(evutil_socket_t fd, short what, void *context)
{
	struct ew_watch *watch = context;
	const unsigned events = ((what & EV_READ) ? EW_WATCH_READ : 0U) |
	    ((what & EV_WRITE) ? EW_WATCH_WRITE : 0U);

	watch->fn(watch->context, fd, events);
}

struct ew_watch *
ew_watch_new(struct ew_loop *loop, int fd, unsigned events, ew_watch_fn fn,
    void *context)
{
	struct ew_watch *watch = ew_alloc(sizeof(*watch));

	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->context = context;
	watch->event = must(event_new(loop->base, fd, EV_PERSIST, on_watch, watch));
	ew_watch_set(watch, events);
	return watch;
}

void
ew_watch_set(struct ew_watch *watch, unsigned events)
{
	if (watch->events == events)
		return;
	watch->events = events;
	event_del(watch->event);
	if (events == 0)
		return;
	const short what =
	    (short)(EV_PERSIST | ((events & EW_WATCH_READ) ? EV_READ : 0) |
		((events & EW_WATCH_WRITE) ? EV_WRITE : 0));
	event_assign(watch->event, watch->loop->base, watch->fd, what, on_watch, watch);
	event_add(watch->event, NULL);
}

void
ew_watch_free(struct ew_watch *watch)
{
	if (!watch)
		return;
	event_free(watch->event);
	free(watch);
}

static struct timeval
timeval_of(int64_t ns)
{
	assert(ns >= 0);
	/* Round up: a timer must not fire before its time. */
	const int64_t us = (ns + EW_NS_PER_US - 1) / EW_NS_PER_US;

	return (struct timeval){ .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
	struct ew_timer *timer = context;

	(void)fd;
	(void)what;
	if (timer->period_ns > 0) {
		const struct timeval tv = timeval_of(timer->period_ns);
		event_add(timer->event, &tv);
	}
	timer->fn(timer->context);
}

struct ew_timer *
ew_timer_new(struct ew_loop *loop, ew_timer_fn fn, void *context)
{
	struct ew_timer *timer = ew_alloc(sizeof(*timer));

	timer->fn = fn;
	timer->context = context;
	timer->event = must(evtimer_new(loop->base, on_timer, timer));
	return timer;
}

void
ew_timer_start(struct ew_timer *timer, int64_t delay_ns)
{
	const struct timeval tv = timeval_of(delay_ns);

	timer->period_ns = 0;
	event_add(timer->event, &tv);
}

void
ew_timer_repeat(struct ew_timer *timer, int64_t period_ns)
{
	assert(period_ns > 0);
	const struct timeval tv = timeval_of(period_ns);

	timer->period_ns = period_ns;
	event_add(timer->event, &tv);
}

void
ew_timer_stop(struct ew_timer *timer)
{
	timer->period_ns = 0;
	event_del(timer->event);
}

void
ew_timer_free(struct ew_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

static void
on_signal(evutil_socket_t number, short what, void *context)
{
	struct ew_sigwatch *sigwatch = context;

	(void)what;
	sigwatch->fn(sigwatch->context, number);
}

struct ew_sigwatch *
ew_sigwatch_new(struct ew_loop *loop, int signal_number, ew_sigwatch_fn fn,
    void *context)
{
	struct ew_sigwatch *sigwatch = ew_alloc(sizeof(*sigwatch));

	sigwatch->fn = fn;
	sigwatch->context = context;
	sigwatch->event =
	    must(evsignal_new(loop->base, signal_number, on_signal, sigwatch));
	event_add(sigwatch->event, NULL);
	return sigwatch;
}

void
ew_sigwatch_free(struct ew_sigwatch *sigwatch)
{
	if (!sigwatch)
		return;
	event_free(sigwatch->event);
	free(sigwatch);
}

static void
on_wakeup(evutil_socket_t fd, short what, void *context)
{
	struct ew_wakeup *wakeup = context;
	uint64_t rings;

	(void)what;
	/* One read takes all rings; a spurious wake-up is no news. */
	if (read(fd, &rings, sizeof(rings)) == (ssize_t)sizeof(rings))
		wakeup->fn(wakeup->context);
}

struct ew_wakeup *
ew_wakeup_new(struct ew_loop *loop, ew_timer_fn fn, void *context)
{
	const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return NULL;
	struct ew_wakeup *wakeup = ew_alloc(sizeof(*wakeup));
	wakeup->fd = fd;
	wakeup->fn = fn;
	wakeup->context = context;
	wakeup->event =
	    must(event_new(loop->base, fd, EV_READ | EV_PERSIST, on_wakeup, wakeup));
	event_add(wakeup->event, NULL);
	return wakeup;
}

void
ew_wakeup_ring(struct ew_wakeup *wakeup)
{
	const int saved = errno;
	const uint64_t one = 1;
	/* Fails only when the counter is full: then the loop is about to wake anyway. */
	const ssize_t written = write(wakeup->fd, &one, sizeof(one));

	(void)written;
	errno = saved;
}

void
ew_wakeup_free(struct ew_wakeup *wakeup)
{
	if (!wakeup)
		return;
	event_free(wakeup->event);
	close(wakeup->fd);
	free(wakeup);
}
