/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/ring.h"
#include "capture/frame.h"
#include "daemon/worker.h"
#include "daemon/worker_clock.h"
#include "decode/packet.h"

#define WORKER_FRAMES 128	/* read at once */
#define WORKER_COUNTER_WORDS 64 /* of one set */

/* Events that did not fit while stopping; memory may be had then. */
struct worker_rest {
	uint8_t *bytes;
	size_t size, capacity;
	size_t taken;
};

struct ew_worker {
	/* constant after open */
	struct ew_worker_conf conf;
	struct ew_worker *leader; /* itself for the first */
	struct ew_wakeup *wakeup;
	struct ew_ring *events;	  /* worker -> loop */
	struct ew_ring *commands; /* loop -> worker */
	int command_fd;		  /* eventfd: commands wait, or stop */

	/* loop's */
	pthread_t thread;
	bool is_running;
	int64_t joined_ns; /* leader: when */
	unsigned n_opened; /* leader: how many of its group */
	const void *peeked;
	uint64_t copies[EW_WORKER_COUNTER_SETS][WORKER_COUNTER_WORDS];

	/* the worker thread's; the loop's before start and after stop */
	struct ew_source *source;
	struct ew_decoder *decoder;
	struct ew_flow_table *table;
	struct ew_clock_watch clock;
	struct ew_worker_stats stats;
	int64_t mark_ns;
	int64_t next_tick_ns;  /* CLOCK_MONOTONIC */
	int64_t wait_left_ns;  /* what it may still wait for a full ring in this tick */
	struct ew_clocks tick; /* of the last tick, for where a gap begins */
	uint64_t drops_said[3]; /* kernel, interface, ring: of which a gap has told */
	bool is_finishing;
	struct worker_rest rest;
	struct ew_frame frames[WORKER_FRAMES];
	struct ew_batch batch;

	/* written by the worker, read by the loop */
	_Atomic bool stop; /* the other way round */
	_Atomic bool rung; /* the loop was woken and has not yet found the ring empty */
	_Atomic bool has_failed;
	struct ew_error failure; /* before has_failed */
	_Atomic int64_t watermark_ns;
	_Atomic uint64_t published[EW_WORKER_COUNTER_SETS][WORKER_COUNTER_WORDS];
};

/* worker_command.c */
int worker_commands_open(struct ew_worker *worker);
void worker_commands_run(struct ew_worker *worker);
void worker_commands_wake(const struct ew_worker *worker);

/* worker_report.c */
void worker_publish(struct ew_worker *worker);

/* worker_thread.c */
void *worker_main(void *worker);
void worker_event(void *worker, const struct ew_flow_event *event);
