/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the pair between core and outside. A message is one datagram (SOCK_SEQPACKET):
 * no framing to lose, and a reader that is hostile or confused can spoil its own message
 * only. What the socket does not take is kept in a bounded queue; past the bound a message
 * is refused and counted, and its sender sends its whole state again later.
 *
 * A message that does not parse means that the other side is not what we think (a bug, or
 * somebody has taken it over): it is dropped and counted, and the connection is kept, since
 * each later message is judged by itself again.
 *
 * Loop thread only. A callback may free the peer: `busy` delays that until it returns.
 */
#include "proc/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/time.h"
#include "io/loop.h"

#define QUEUE_MAX_BYTES ((size_t)8 << 20)
/* Messages per turn of the loop: timers and packets must not wait for a talkative peer. */
#define TURN_MAX 64

struct queued {
	struct queued *next;
	size_t size;
	uint8_t bytes[];
};

struct counters {
	uint64_t sent, received, refused, malformed, unwanted, queued_bytes;
};

struct ew_peer {
	int fd;
	struct ew_watch *watch;
	struct ew_peer_handlers handlers;
	struct queued *first, *last;
	struct counters counters;
	int busy;
	bool is_closed, is_dead;
	uint8_t bytes[EW_PROC_MESSAGE_MAX];
	union ew_proc_record record;
};

static const struct ew_counter counters[] = {
	{ "peer_sent", "messages", "messages sent to the other process",
	    offsetof(struct counters, sent), 0 },
	{ "peer_received", "messages", "messages received from the other process",
	    offsetof(struct counters, received), 0 },
	{ "peer_refused", "messages",
	    "not sent because the other process does not keep up",
	    offsetof(struct counters, refused), 0 },
	{ "peer_malformed", "messages", "dropped because they do not parse",
	    offsetof(struct counters, malformed), 0 },
	{ "peer_unwanted", "messages", "well formed, but not for this side",
	    offsetof(struct counters, unwanted), 0 },
	{ "peer_queued_bytes", "bytes", "waiting for the other process",
	    offsetof(struct counters, queued_bytes), 1 },
};

int
ew_peer_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) <
	    0)
		return -errno;
	/* Room for the inventory of a full node in one go; the kernel caps it. */
	const int size = 1 << 20;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

static void
release(struct ew_peer *peer)
{
	ew_watch_free(peer->watch);
	close(peer->fd);
	for (struct queued *q = peer->first, *next; q; q = next) {
		next = q->next;
		free(q);
	}
	free(peer);
}

static void
leave(struct ew_peer *peer)
{
	if (--peer->busy == 0 && peer->is_dead)
		release(peer);
}

static void
close_peer(struct ew_peer *peer, const char *sentence)
{
	if (peer->is_closed)
		return;
	peer->is_closed = true;
	ew_watch_set(peer->watch, 0);
	if (peer->handlers.closed && !peer->is_dead)
		peer->handlers.closed(peer->handlers.context, sentence);
}

/* Returns whether somebody wanted it. */
#define CALL(fn, ...) (h->fn ? (h->fn(h->context, __VA_ARGS__), true) : false)

static bool
dispatch(const struct ew_peer_handlers *h, enum ew_proc_type type,
    const union ew_proc_record *r)
{
	switch (type) {
	case EW_PROC_RUNTIME:
		return CALL(runtime, &r->runtime);
	case EW_PROC_INSTANCE:
		return CALL(instance, &r->instance);
	case EW_PROC_INSTANCE_GONE:
		return CALL(instance_gone, &r->gone);
	case EW_PROC_NETWORK:
		return CALL(network, &r->network);
	case EW_PROC_NETWORK_GONE:
		return CALL(network_gone, &r->gone);
	case EW_PROC_SERVICE:
		return CALL(service, &r->service);
	case EW_PROC_RESOLVER:
		return CALL(resolver, &r->resolver);
	case EW_PROC_INVENTORY_READY:
		return CALL(inventory_ready, &r->runtime);
	case EW_PROC_OUTBOX_RESULT:
		return CALL(outbox_result, &r->result);
	case EW_PROC_CONTROL:
		return CALL(control, &r->control);
	case EW_PROC_STATUS_REQUEST:
		return CALL(status_request, &r->status_request);
	case EW_PROC_DELIVER:
		return CALL(deliver, &r->delivery);
	case EW_PROC_CONTROL_REPLY:
		return CALL(control_reply, &r->reply);
	case EW_PROC_STATUS_ITEMS:
		return CALL(status_items, &r->items);
	case EW_PROC_RELOAD:
		return h->reload ? (h->reload(h->context), true) : false;
	case EW_PROC_STOP:
		return h->stop ? (h->stop(h->context), true) : false;
	case EW_PROC_TYPES:
		break;
	}
	return false;
}

/* One datagram. False when there is none, or the other side has gone. */
static bool
receive(struct ew_peer *peer)
{
	struct iovec part = { .iov_base = peer->bytes, .iov_len = sizeof(peer->bytes) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	const ssize_t size = recvmsg(peer->fd, &header, 0);
	enum ew_proc_type type;

	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			close_peer(peer,
			    "the other process has gone (connection reset)");
		return false;
	}
	if (size == 0) {
		close_peer(peer, "the other process has gone");
		return false;
	}
	peer->counters.received++;
	if ((header.msg_flags & MSG_TRUNC) ||
	    ew_proc_decode(peer->bytes, (size_t)size, &type, &peer->record) < 0)
		peer->counters.malformed++;
	else if (!dispatch(&peer->handlers, type, &peer->record))
		peer->counters.unwanted++;
	return true;
}

/* Send what is queued, as far as the socket takes it. */
static void
drain(struct ew_peer *peer)
{
	while (peer->first) {
		struct queued *q = peer->first;
		if (send(peer->fd, q->bytes, q->size, MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
				close_peer(peer, "the other process has gone");
			return;
		}
		peer->first = q->next;
		if (!peer->first)
			peer->last = NULL;
		peer->counters.queued_bytes -= q->size;
		free(q);
	}
	if (!peer->is_closed)
		ew_watch_set(peer->watch, EW_WATCH_READ);
}

static void
on_fd(void *context, int fd, unsigned events)
{
	struct ew_peer *peer = context;

	(void)fd;
	peer->busy++;
	if (events & EW_WATCH_WRITE)
		drain(peer);
	if (events & EW_WATCH_READ)
		for (int i = 0; i < TURN_MAX && !peer->is_dead && !peer->is_closed; i++)
			if (!receive(peer))
				break;
	leave(peer);
}

struct ew_peer *
ew_peer_new(struct ew_loop *loop, int take_fd, const struct ew_peer_handlers *handlers)
{
	struct ew_peer *peer = ew_alloc(sizeof(*peer));

	peer->fd = take_fd;
	peer->handlers = *handlers;
	peer->watch = ew_watch_new(loop, take_fd, EW_WATCH_READ, on_fd, peer);
	return peer;
}

void
ew_peer_free(struct ew_peer *peer)
{
	if (!peer)
		return;
	peer->is_dead = true;
	if (peer->busy == 0)
		release(peer);
}

bool
ew_peer_is_open(const struct ew_peer *peer)
{
	return peer && !peer->is_closed && !peer->is_dead;
}

struct ew_counter_set
ew_peer_counters(const struct ew_peer *peer)
{
	return (struct ew_counter_set){ .module = "proc",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &peer->counters };
}

static int
enqueue(struct ew_peer *peer, const uint8_t *bytes, size_t size)
{
	if (peer->counters.queued_bytes + size > QUEUE_MAX_BYTES) {
		peer->counters.refused++;
		return EW_ERR_LIMIT;
	}
	struct queued *q = ew_alloc(sizeof(*q) + size);
	q->size = size;
	memcpy(q->bytes, bytes, size);
	if (peer->last)
		peer->last->next = q;
	else
		peer->first = q;
	peer->last = q;
	peer->counters.queued_bytes += size;
	ew_watch_set(peer->watch, EW_WATCH_READ | EW_WATCH_WRITE);
	return 0;
}

int
ew_peer_send(struct ew_peer *peer, enum ew_proc_type type, const void *record)
{
	uint8_t bytes[EW_PROC_MESSAGE_MAX];
	size_t size;

	if (!ew_peer_is_open(peer))
		return EW_ERR_CLOSED;
	const int code = ew_proc_encode(type, record, bytes, sizeof(bytes), &size);
	if (code < 0) {
		peer->counters.refused++;
		return code;
	}
	peer->counters.sent++;
	if (!peer->first) {
		if (send(peer->fd, bytes, size, MSG_NOSIGNAL) >= 0)
			return 0;
		/* A broken pipe is seen by the reader, which tells the owner: not from here. */
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return EW_ERR_CLOSED;
	}
	return enqueue(peer, bytes, size);
}

size_t
ew_peer_queued(const struct ew_peer *peer)
{
	return peer ? (size_t)peer->counters.queued_bytes : 0;
}

void
ew_peer_flush(struct ew_peer *peer)
{
	const int64_t until = ew_ticks_ns() + EW_NS_PER_S;

	peer->busy++;
	while (peer->first && !peer->is_closed && ew_ticks_ns() < until) {
		struct pollfd ready = { .fd = peer->fd, .events = POLLOUT };
		(void)poll(&ready, 1, 50);
		drain(peer);
	}
	leave(peer);
}
