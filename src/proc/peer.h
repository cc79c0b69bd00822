/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proc/message.h"

/*
 * One end of the socket pair between the two processes, on the loop: queues what does not
 * fit, reads what comes, notices when the other side has gone. Nothing blocks.
 *
 * Depends on: base, io/loop.h, proc/message.h. Used by: proc (outside), daemon (core).
 */
struct ew_loop;
struct ew_peer;
struct ew_counter_set;

/*
 * What to do with what the other side says; a message without a function is counted as
 * unwanted. Records are borrowed for the call. closed comes once, after which sends return
 * EW_ERR_CLOSED; the peer may be freed in it.
 */
struct ew_peer_handlers {
	void *context;
	void (*closed)(void *context, const char *sentence);
	/* in core */
	void (*runtime)(void *context, const struct ew_runtime_status *status);
	void (*instance)(void *context, const struct ew_instance_info *info);
	void (*instance_gone)(void *context, const struct ew_gone *gone);
	void (*network)(void *context, const struct ew_network_info *info);
	void (*network_gone)(void *context, const struct ew_gone *gone);
	void (*service)(void *context, const struct ew_service_info *info);
	void (*resolver)(void *context, const struct ew_resolver_info *info);
	void (*inventory_ready)(void *context, const struct ew_runtime_status *status);
	void (*outbox_result)(void *context, const struct ew_outbox_result *result);
	void (*control)(void *context, const struct ew_control_request *request);
	void (*status_request)(void *context, const struct ew_status_request *request);
	/* in outside */
	void (*deliver)(void *context, const struct ew_outbox_delivery *delivery);
	void (*control_reply)(void *context, const struct ew_control_reply *reply);
	void (*status_items)(void *context, const struct ew_status_items *items);
	void (*reload)(void *context);
	void (*stop)(void *context);
};

/* Two connected descriptors, non-blocking, close-on-exec. Returns 0 or -errno. */
int ew_peer_pair(int ret_fds[2]);

/* Takes the descriptor. handlers is copied. */
struct ew_peer *ew_peer_new(struct ew_loop *loop, int take_fd,
    const struct ew_peer_handlers *handlers);
void ew_peer_free(struct ew_peer *peer);
bool ew_peer_is_open(const struct ew_peer *peer);
struct ew_counter_set ew_peer_counters(const struct ew_peer *peer);

/*
 * Send, or queue (bounded: 8 MiB). record as in message.h. Returns 0, EW_ERR_CLOSED, or
 * EW_ERR_LIMIT when the other side does not keep up: the message is lost and counted, and
 * the sender sends its whole state again later.
 */
int ew_peer_send(struct ew_peer *peer, enum ew_proc_type type, const void *record);
/* Bytes waiting for the other side. */
size_t ew_peer_queued(const struct ew_peer *peer);
/* At the end: try to empty the queue for up to a second, blocking. */
void ew_peer_flush(struct ew_peer *peer);
