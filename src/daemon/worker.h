/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/time.h"
#include "capture/capture.h"
#include "decode/decode.h"
#include "flow/flow.h"

/*
 * worker: a thread that owns a live source, a decoder and a flow table, and puts what the
 * table says into a ring for the loop. With several, each packet belongs to one of them by
 * its addresses (ew_capture_owner), so that tables need not know of each other.
 *
 * Depends on: capture, decode, flow, io (the wake-up). Used by: daemon/core.c.
 * All functions are for the loop thread; none waits for packets.
 */
struct ew_error;
struct ew_flow_event;
struct ew_wakeup;
struct ew_worker;

struct ew_worker_conf {
	struct ew_capture_conf capture;
	struct ew_decoder_conf decoder;
	struct ew_flow_conf flow; /* max_flows: of this worker's table */
	size_t event_ring_bytes;  /* to the loop; about 300 bytes an event */
};

/* Defaults of all parts for profile `connections`, and 4 MiB of events. */
struct ew_worker_conf ew_worker_conf_default(void);

/*
 * Open a worker's source, decoder and table; packets wait in the kernel's ring until
 * ew_worker_start. Open conf->capture.workers of them in a row: leader is NULL for the
 * first and the first for the others.
 *
 * wakeup   is rung when events wait; stays the caller's and outlives the worker
 * returns  0, -EPERM, -ENOMEM, EW_ERR_CONFIG or another errno, with a sentence
 */
int ew_worker_open(const struct ew_worker_conf *conf, struct ew_worker *leader,
    struct ew_wakeup *wakeup, struct ew_error *error, struct ew_worker **ret_worker);

/* Start the thread, after all workers are open. Returns 0 or an errno with a sentence. */
int ew_worker_start(struct ew_worker *worker, struct ew_error *error);

/*
 * Read what is left, close every open flow, end the thread and wait for that (some 100 ms).
 * Events can be taken until ew_worker_free. May be called again, and before start.
 */
void ew_worker_stop(struct ew_worker *worker);
/* Stops first. NULL is accepted. The leader is freed last. */
void ew_worker_free(struct ew_worker *worker);

/*
 * The oldest event, or NULL; valid until ew_worker_pop. Take events until there is none, or
 * the wake-up is not rung again.
 */
const struct ew_flow_event *ew_worker_peek(struct ew_worker *worker);
void ew_worker_pop(struct ew_worker *worker);

/*
 * Read up to here: every event with an earlier time is in the ring. Never runs backwards.
 * 0 before the first tick; INT64_MAX after ew_worker_stop.
 */
struct ew_mono ew_worker_watermark(const struct ew_worker *worker);

/* Whether the source broke; then *ret_error says how. The thread lives on without it. */
bool ew_worker_failed(const struct ew_worker *worker, struct ew_error *ret_error);

/*
 * What the flow table has to know (see flow.h); taken over within 100 ms, in order. In
 * capture mode interfaces, set_point also opens and closes veths, bridges, macvlan
 * parents and tunnels. kind: enum ew_flow_point.
 * returns  0, EW_ERR_LIMIT (too many), or -EAGAIN when the worker does not take commands
 */
int ew_worker_set_point(struct ew_worker *worker, uint32_t ifindex, uint8_t kind,
    uint32_t domain, bool removed);
int ew_worker_set_host_addresses(struct ew_worker *worker, const struct ew_addr *addrs,
    size_t count);
/* Pairs that pass the kernel filter whole; at most EW_CAPTURE_ZOOM_MAX, replaces the set. */
int ew_worker_set_zoom(struct ew_worker *worker, const struct ew_capture_pair *pairs,
    size_t count);

/* As of the last tick, at most 100 ms ago. */
struct ew_worker_stats {
	uint64_t frames;	  /* read from the source */
	uint64_t bytes;		  /* their length on the wire */
	uint64_t kernel_drops;	  /* ring full */
	uint64_t interface_drops; /* said by interfaces */
	uint64_t events;	  /* put into the ring */
	uint64_t event_drops;	  /* did not fit although the worker waited */
	uint64_t event_waits;	  /* times it waited for the loop */
	uint64_t gaps;		  /* GAP events of all causes */
	uint64_t decode_errors;
	uint64_t flows_open;
	uint64_t flows_evicted;
	uint64_t cpu_ns; /* of the thread */
};
void ew_worker_stats(const struct ew_worker *worker, struct ew_worker_stats *ret_stats);

#define EW_WORKER_COUNTER_SETS 3
/* The worker's, its decoder's and its table's counters as of the last tick, copied for the
 * caller; valid until the next call. Returns how many sets. */
size_t ew_worker_counters(struct ew_worker *worker,
    struct ew_counter_set ret_sets[EW_WORKER_COUNTER_SETS]);
