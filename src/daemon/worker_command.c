/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands from the loop to a worker, by a ring of their own and an eventfd. Until the thread
 * runs they are carried out on the spot: nobody else touches the worker then.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/log.h"
#include "daemon/worker.h"
#include "daemon/worker_priv.h"

#define COMMAND_RING ((size_t)256 << 10) /* 5,000 points; taken within 100 ms */
#define HOST_ADDRESSES_MAX 256		 /* as ew_flow_set_host_addresses */
#define WAIT_MS 300			 /* for a full ring, before -EAGAIN */

enum command_kind { COMMAND_POINT, COMMAND_HOST_ADDRESSES, COMMAND_ZOOM };

struct command {
	uint32_t kind; /* enum command_kind */
	uint32_t count;
	uint32_t ifindex;
	uint32_t domain;
	uint8_t point; /* enum ew_flow_point */
	uint8_t removed;
};

int
worker_commands_open(struct ew_worker *worker)
{
	worker->commands = ew_ring_new(COMMAND_RING);
	worker->command_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return worker->commands && worker->command_fd >= 0 ? 0 : -ENOMEM;
}

void
worker_commands_wake(const struct ew_worker *worker)
{
	const uint64_t one = 1;
	/* fails only when the counter is full, and then the thread is awake */
	const ssize_t written = write(worker->command_fd, &one, sizeof(one));

	(void)written;
}

/* --- the worker's side ------------------------------------------------------------------ */

static bool
is_captured_by_itself(uint8_t point)
{
	switch ((enum ew_flow_point)point) {
	case EW_FLOW_POINT_VETH:
	case EW_FLOW_POINT_BRIDGE:
	case EW_FLOW_POINT_MACVLAN:
	case EW_FLOW_POINT_TUNNEL:
		return true;
	case EW_FLOW_POINT_UPLINK:
	case EW_FLOW_POINT_LO:
	case EW_FLOW_POINT_OTHER:
	case EW_FLOW_POINT_UNKNOWN:
		return false;
	}
	return false;
}

static void
run_point(struct ew_worker *worker, const struct command *command)
{
	const bool by_interface = worker->conf.capture.mode == EW_CAPTURE_INTERFACES;
	struct ew_error error;

	if (command->removed) {
		ew_flow_forget_point(worker->table, command->ifindex);
		if (by_interface)
			(void)ew_source_remove_interface(worker->source,
			    command->ifindex);
		return;
	}
	const int rc = ew_flow_set_point(worker->table, command->ifindex,
	    (enum ew_flow_point)command->point, command->domain);
	if (rc)
		ew_log(EW_LOG_UNUSUAL, "capture",
		    "too many interfaces: packets of this one count wherever they are "
		    "seen "
		    "first ifindex=%u",
		    command->ifindex);
	if (!by_interface || !is_captured_by_itself(command->point))
		return;
	const int opened =
	    ew_source_add_interface(worker->source, command->ifindex, &error);
	/* gone already is a container's short life; open already is a change of its kind */
	if (opened && opened != -EEXIST && opened != -ENODEV)
		ew_log(EW_LOG_UNUSUAL, "capture", "%s ifindex=%u", error.text,
		    command->ifindex);
}

static void
run_zoom(struct ew_worker *worker, const struct ew_capture_pair *pairs, size_t count)
{
	struct ew_addr a[EW_CAPTURE_ZOOM_MAX], b[EW_CAPTURE_ZOOM_MAX];
	const int rc = ew_source_set_filter(worker->source,
	    worker->conf.capture.profile, pairs, count);

	if (rc) {
		ew_log(EW_LOG_UNUSUAL, "capture",
		    "the kernel refused a new filter, the old one stays: %s pairs=%zu",
		    ew_err_text(rc), count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		a[i] = pairs[i].a;
		b[i] = pairs[i].b;
	}
	(void)ew_flow_set_zoom(worker->table, a, b, count);
}

static void
run(struct ew_worker *worker, const struct command *command, const void *rest)
{
	switch ((enum command_kind)command->kind) {
	case COMMAND_POINT:
		run_point(worker, command);
		return;
	case COMMAND_HOST_ADDRESSES:
		(void)ew_flow_set_host_addresses(worker->table, rest, command->count);
		return;
	case COMMAND_ZOOM:
		run_zoom(worker, rest, command->count);
		return;
	}
}

void
worker_commands_run(struct ew_worker *worker)
{
	uint64_t rings;
	const ssize_t got = read(worker->command_fd, &rings, sizeof(rings));
	const uint8_t *record;
	size_t size;

	(void)got;
	while ((record = ew_ring_peek(worker->commands, &size))) {
		struct command command;
		memcpy(&command, record, sizeof(command));
		/* addresses are bytes: no alignment is lost behind the command */
		run(worker, &command, record + sizeof(command));
		ew_ring_pop(worker->commands);
	}
}

/* --- the loop's side -------------------------------------------------------------------- */

static int
send(struct ew_worker *worker, const struct command *command, const void *rest,
    size_t rest_size)
{
	const struct timespec pause = { .tv_nsec = EW_NS_PER_MS };

	if (!worker->is_running) {
		run(worker, command, rest);
		return 0;
	}
	for (int waited = 0; waited < WAIT_MS; waited++) {
		if (ew_ring_put2(worker->commands, command, sizeof(*command), rest,
			rest_size)) {
			worker_commands_wake(worker);
			return 0;
		}
		worker_commands_wake(worker);
		nanosleep(&pause, NULL);
	}
	return -EAGAIN;
}

int
ew_worker_set_point(struct ew_worker *worker, uint32_t ifindex, uint8_t kind,
    uint32_t domain, bool removed)
{
	const struct command command = { .kind = COMMAND_POINT,
		.ifindex = ifindex,
		.domain = domain,
		.point = kind,
		.removed = removed };

	return send(worker, &command, "", 0);
}

int
ew_worker_set_host_addresses(struct ew_worker *worker, const struct ew_addr *addrs,
    size_t count)
{
	const struct command command = { .kind = COMMAND_HOST_ADDRESSES,
		.count = (uint32_t)count };

	if (count > HOST_ADDRESSES_MAX)
		return EW_ERR_LIMIT;
	return send(worker, &command, addrs, count * sizeof(*addrs));
}

int
ew_worker_set_zoom(struct ew_worker *worker, const struct ew_capture_pair *pairs,
    size_t count)
{
	const struct command command = { .kind = COMMAND_ZOOM,
		.count = (uint32_t)count };

	if (count > EW_CAPTURE_ZOOM_MAX)
		return EW_ERR_LIMIT;
	return send(worker, &command, pairs, count * sizeof(*pairs));
}
