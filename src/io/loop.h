/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * The event loop: descriptors, timers, signals and wake-ups from other threads. loop.c is
 * the only file that knows which library turns it.
 *
 * Depends on: base. Used by: identity (netlink), proc, api, daemon.
 * Everything here belongs to the thread that runs the loop, except ew_wakeup_ring. Times are
 * ticks of the process (CLOCK_MONOTONIC), never packet time. An object may be freed from
 * any callback, its own too. Free all of them before their loop.
 */
struct ew_loop;
struct ew_watch;
struct ew_timer;
struct ew_sigwatch;
struct ew_wakeup;

/* NULL when the kernel gives no epoll descriptor. */
struct ew_loop *ew_loop_new(void);
void ew_loop_free(struct ew_loop *loop);
/* Runs until ew_loop_stop, or until nothing is left to wait for. Returns 0 or -EIO. */
int ew_loop_run(struct ew_loop *loop);
/* The loop ends after the callback that calls this. */
void ew_loop_stop(struct ew_loop *loop);

enum ew_watch_event { EW_WATCH_READ = 1 << 0, EW_WATCH_WRITE = 1 << 1 };

typedef void (*ew_watch_fn)(void *context, int fd, unsigned events);
/* Level triggered. The descriptor stays the caller's: free the watch before closing it. */
struct ew_watch *ew_watch_new(struct ew_loop *loop, int fd, unsigned events,
    ew_watch_fn fn, void *context);
void ew_watch_set(struct ew_watch *watch, unsigned events); /* 0 pauses */
void ew_watch_free(struct ew_watch *watch);

typedef void (*ew_timer_fn)(void *context);
/* A new timer sleeps until it is started. */
struct ew_timer *ew_timer_new(struct ew_loop *loop, ew_timer_fn fn, void *context);
/* Fire once, delay_ns from now; 0 means in the next turn. Starting again moves it. */
void ew_timer_start(struct ew_timer *timer, int64_t delay_ns);
/* Fire every period_ns (> 0) until stopped. */
void ew_timer_repeat(struct ew_timer *timer, int64_t period_ns);
void ew_timer_stop(struct ew_timer *timer);
void ew_timer_free(struct ew_timer *timer);

typedef void (*ew_sigwatch_fn)(void *context, int signal_number);
/* The callback runs in the loop, not in signal context. */
struct ew_sigwatch *ew_sigwatch_new(struct ew_loop *loop, int signal_number,
    ew_sigwatch_fn fn, void *context);
void ew_sigwatch_free(struct ew_sigwatch *sigwatch);

/*
 * How another thread says "look at your ring": the callback runs once in the loop however
 * often it was rung before. NULL when no descriptor is left.
 */
struct ew_wakeup *ew_wakeup_new(struct ew_loop *loop, ew_timer_fn fn, void *context);
/* Any thread; async-signal-safe; costs one write(2). */
void ew_wakeup_ring(struct ew_wakeup *wakeup);
void ew_wakeup_free(struct ew_wakeup *wakeup);
