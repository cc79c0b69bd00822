/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker from the loop's side: open, start, take events, stop. The thread itself is in
 * worker_thread.c.
 *
 * Everything that can fail for want of rights or memory happens in open, in the loop's
 * thread, before rights are given up. With several workers, packets reach all of them
 * until the last has joined; what was stamped before that is discarded at start.
 */
#include "daemon/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "daemon/worker_priv.h"
#include "flow/event.h"

struct ew_worker_conf
ew_worker_conf_default(void)
{
	struct ew_worker_conf conf = {
		.capture = ew_capture_conf_default(),
		.decoder = ew_decoder_conf_default(),
		.flow = ew_flow_conf_default(false),
		.event_ring_bytes = (size_t)4 << 20,
	};

	conf.flow.seed = ew_hash_seed();
	return conf;
}

/* --- open, start, stop ------------------------------------------------------------------- */

static int
open_memory(struct ew_worker *worker, struct ew_error *error)
{
	worker->events = ew_ring_new(worker->conf.event_ring_bytes);
	worker->decoder = ew_decoder_new(&worker->conf.decoder);
	worker->table = ew_flow_table_new(&worker->conf.flow, worker_event, worker);
	if (worker_commands_open(worker) != 0 || !worker->events || !worker->decoder ||
	    !worker->table)
		return ew_error_set(error, -ENOMEM,
		    "no memory for a table of %u flows; lower capture.flow_table",
		    worker->conf.flow.max_flows);
	return 0;
}

int
ew_worker_open(const struct ew_worker_conf *conf, struct ew_worker *leader,
    struct ew_wakeup *wakeup, struct ew_error *error, struct ew_worker **ret_worker)
{
	struct ew_worker *worker = ew_alloc(sizeof(*worker));

	worker->conf = *conf;
	worker->leader = leader ? leader : worker;
	worker->wakeup = wakeup;
	worker->command_fd = -1;
	int rc = open_memory(worker, error);
	if (rc == 0)
		rc = ew_source_open_live(&conf->capture, leader ? leader->source : NULL,
		    error, &worker->source);
	if (rc) {
		ew_worker_free(worker);
		return rc;
	}
	worker->leader->n_opened++;
	worker->leader->joined_ns = ew_mono_from_wall_clock().ns;
	*ret_worker = worker;
	return 0;
}

int
ew_worker_start(struct ew_worker *worker, struct ew_error *error)
{
	sigset_t all, before;

	assert(worker->leader->n_opened == worker->conf.capture.workers);
	if (worker->conf.capture.workers > 1)
		ew_source_discard_before(worker->source, worker->leader->joined_ns);
	/* signals are the loop's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int rc = -pthread_create(&worker->thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return ew_error_set(error, rc, "cannot start a capture thread: %s",
		    ew_err_text(rc));
	worker->is_running = true;
	return 0;
}

void
ew_worker_stop(struct ew_worker *worker)
{
	if (!worker->is_running)
		return;
	atomic_store(&worker->stop, true);
	worker_commands_wake(worker);
	pthread_join(worker->thread, NULL);
	worker->is_running = false;
}

void
ew_worker_free(struct ew_worker *worker)
{
	if (!worker)
		return;
	ew_worker_stop(worker);
	ew_source_close(worker->source);
	ew_flow_table_free(worker->table);
	ew_decoder_free(worker->decoder);
	ew_ring_free(worker->events);
	ew_ring_free(worker->commands);
	if (worker->command_fd >= 0)
		close(worker->command_fd);
	free(worker->rest.bytes);
	free(worker);
}

/* --- events ------------------------------------------------------------------------------ */

/* What was left when the worker stopped; only then does the loop look here. */
static const struct ew_flow_event *
peek_rest(const struct ew_worker *worker)
{
	const struct worker_rest *rest = &worker->rest;

	if (worker->is_running || rest->taken == rest->size)
		return NULL;
	return (const void *)(rest->bytes + rest->taken + 8);
}

const struct ew_flow_event *
ew_worker_peek(struct ew_worker *worker)
{
	size_t size;
	const void *event = ew_ring_peek(worker->events, &size);

	if (!event) {
		/* say that the next event has to wake us, then look again for one between */
		atomic_store(&worker->rung, false);
		event = ew_ring_peek(worker->events, &size);
	}
	worker->peeked = event;
	return event ? event : peek_rest(worker);
}

void
ew_worker_pop(struct ew_worker *worker)
{
	struct worker_rest *rest = &worker->rest;
	size_t room;

	if (worker->peeked) {
		worker->peeked = NULL;
		ew_ring_pop(worker->events);
		return;
	}
	memcpy(&room, rest->bytes + rest->taken, sizeof(room));
	rest->taken += 8 + room;
}

struct ew_mono
ew_worker_watermark(const struct ew_worker *worker)
{
	return (struct ew_mono){
		atomic_load_explicit(&worker->watermark_ns, memory_order_acquire),
	};
}

bool
ew_worker_failed(const struct ew_worker *worker, struct ew_error *ret_error)
{
	if (!atomic_load_explicit(&worker->has_failed, memory_order_acquire))
		return false;
	*ret_error = worker->failure;
	return true;
}
