/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * The core process: everything that touches packets, netlink and the database.
 *
 * Workers read packets and put flow events into rings; the loop thread merges the rings by
 * time up to the watermark (the smallest mark of all workers) and feeds the pipeline, which
 * therefore never sees an event out of order across workers. Netlink and runtime facts
 * arrive on the same loop; the store's writer thread and the workers are the only others.
 *
 * Opened in the order in which a failure is most useful to the operator: database, netlink,
 * capture. Rights are given up before the first packet is read.
 */
#include "daemon/core.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/conf_parts.h"
#include "daemon/core_priv.h"
#include "daemon/outbox.h"
#include "daemon/pipeline.h"
#include "daemon/worker.h"
#include "eastwatch/version.h"
#include "flow/event.h"
#include "identity/netlink.h"
#include "io/loop.h"
#include "io/notify.h"
#include "proc/peer.h"
#include "store/store.h"

/* Signals must be visible within a second of the packet (design.md 9): one turn is cheap. */
#define TURN_NS (50 * EW_NS_PER_MS)

struct ew_mono
ew_core_now(const struct ew_core *core)
{
	/* Facts beside the packets happen now; the pipeline's clock lags by the ring's delay. */
	const struct ew_mono wall = ew_mono_from_wall_clock();
	const struct ew_mono pipeline = ew_pipeline_now(core->pipeline);

	return wall.ns > pipeline.ns ? wall : pipeline;
}

/* --- a turn of the loop ----------------------------------------------------------------------- */

static struct ew_mono
watermark(const struct ew_core *core)
{
	struct ew_mono mark = { INT64_MAX };

	for (unsigned i = 0; i < core->n_workers; i++) {
		const struct ew_mono one = ew_worker_watermark(core->workers[i]);

		if (one.ns < mark.ns)
			mark = one;
	}
	return mark;
}

/* The worker whose next event is the oldest, and is not beyond the mark. */
static struct ew_worker *
oldest_worker(const struct ew_core *core, struct ew_mono mark,
    const struct ew_flow_event **ret_event)
{
	struct ew_worker *best = NULL;

	for (unsigned i = 0; i < core->n_workers; i++) {
		const struct ew_flow_event *event = ew_worker_peek(core->workers[i]);

		if (!event || (core->n_workers > 1 && event->ts_ns > mark.ns))
			continue;
		if (!best || event->ts_ns < (*ret_event)->ts_ns) {
			best = core->workers[i];
			*ret_event = event;
		}
	}
	return best;
}

/*
 * An address that changed hands is credited to its new owner only if the kernel's news of it
 * is taken in before the packet: read them whenever an event is younger than the last look.
 */
static void
follow_netlink(struct ew_core *core, const struct ew_flow_event *event)
{
	if (event->ts_ns < core->netlink_read_ns)
		return;
	core->netlink_read_ns = ew_mono_from_wall_clock().ns;
	(void)ew_netlink_dispatch(core->netlink);
}

static void
on_turn(void *context)
{
	struct ew_core *core = context;
	/* Read before the rings: what a worker marked, it has put into its ring before. */
	const struct ew_mono mark = watermark(core);
	const struct ew_flow_event *event = NULL;
	struct ew_worker *worker;

	while ((worker = oldest_worker(core, mark, &event))) {
		follow_netlink(core, event);
		ew_pipeline_feed(core->pipeline, event,
		    (struct ew_mono){ event->ts_ns });
		ew_worker_pop(worker);
	}
	if (mark.ns != INT64_MAX)
		ew_pipeline_advance(core->pipeline, mark);
}

static void
on_timer(void *context)
{
	struct ew_core *core = context;

	ew_netlink_tick(core->netlink);
	on_turn(core);
}

static void
on_second(void *context)
{
	struct ew_core *core = context;

	ew_outbox_pump(core->outbox, core->peer);
	for (unsigned i = 0; i < core->n_workers; i++) {
		struct ew_error error = { .text = "" };

		if (ew_worker_failed(core->workers[i], &error)) {
			*core->error = error;
			core->exit_code = error.code ? error.code : -EIO;
			ew_loop_stop(core->loop);
		}
	}
}

/* --- what the stages ask of the outside world ---------------------------------------------------- */

static void
on_point(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain, bool removed)
{
	struct ew_core *core = context;

	for (unsigned i = 0; i < core->n_workers; i++)
		(void)ew_worker_set_point(core->workers[i], ifindex, kind, domain,
		    removed);
}

static int
on_lookup_nat(void *context, const struct ew_tuple *tuple, struct ew_nat_info *ret_nat)
{
	struct ew_core *core = context;

	return core->netlink ? ew_netlink_ct_lookup(core->netlink, tuple, ret_nat)
			     : -ENOENT;
}

static void
on_read_addrs(void *context, uint32_t host_ifindex)
{
	struct ew_core *core = context;

	if (core->netlink)
		ew_netlink_read_addrs(core->netlink, host_ifindex);
}

static void
on_message(void *context, const struct ew_message *message)
{
	struct ew_core *core = context;

	(void)ew_outbox_put(core->outbox, core->peer, message);
}

static void
on_incident(void *context, const struct ew_incident *incident)
{
	struct ew_core *core = context;

	/* A line when a person should look, not one per signal: again only at a higher tier. */
	if (incident->tier >= EW_TIER_NOTIFY &&
	    (incident->id != core->logged_incident ||
		incident->tier > core->logged_tier)) {
		core->logged_incident = incident->id;
		core->logged_tier = incident->tier;
		ew_log(EW_LOG_UNUSUAL, "incident",
		    "%s; `eastwatch explain %016llx` tells why score=%d tier=%s",
		    incident->title, (unsigned long long)incident->id, incident->score,
		    ew_tier_name((enum ew_tier)incident->tier));
	}
}

/* --- the outside process --------------------------------------------------------------------------- */

static void
on_outbox_result(void *context, const struct ew_outbox_result *result)
{
	struct ew_core *core = context;

	ew_outbox_result(core->outbox, result);
}

static void
on_peer_closed(void *context, const char *sentence)
{
	struct ew_core *core = context;

	if (core->is_stopping)
		return;
	/*
	 * Without it nobody hears of an incident, and a process without rights cannot start
	 * another with more: end in order, so that the service manager starts both again.
	 */
	core->exit_code = ew_error_set(core->error, -EPIPE,
	    "the outside process has gone (%s): runtimes, webhooks and control are "
	    "away; "
	    "everything is written, ending so that both are started again",
	    sentence);
	ew_loop_stop(core->loop);
}

static struct ew_peer *
open_peer(struct ew_core *core, int take_fd)
{
	const struct ew_peer_handlers handlers = {
		.context = core,
		.closed = on_peer_closed,
		.runtime = ew_core_runtime,
		.instance = ew_core_instance,
		.instance_gone = ew_core_instance_gone,
		.network = ew_core_network,
		.network_gone = ew_core_network_gone,
		.service = ew_core_service,
		.resolver = ew_core_resolver,
		.inventory_ready = ew_core_inventory_ready,
		.outbox_result = on_outbox_result,
		.control = ew_core_control,
		.status_request = ew_core_status,
	};

	return ew_peer_new(core->loop, take_fd, &handlers);
}

/* --- signals and reload --------------------------------------------------------------------------------- */

static void
on_stop(void *context, int signal_number)
{
	struct ew_core *core = context;

	ew_log(EW_LOG_INFO, "daemon", "stopping in order signal=%d", signal_number);
	ew_loop_stop(core->loop);
}

int
ew_core_reload(struct ew_core *core, struct ew_error *error)
{
	struct ew_config *fresh = ew_alloc(sizeof(*fresh));
	const int rc = ew_config_load(core->config_path, fresh, error);

	if (rc != 0) {
		free(fresh);
		return rc;
	}
	*core->config = *fresh;
	free(fresh);
	struct ew_pipeline_conf *conf = ew_alloc(sizeof(*conf));
	struct ew_store_conf store;

	ew_log_set_level((enum ew_log_level)core->config->log.level);
	ew_conf_pipeline(core->config, conf);
	ew_conf_store(core->config, &store);
	ew_pipeline_reconfigure(core->pipeline, conf);
	ew_store_reconfigure(core->store, &store);
	ew_outbox_reconfigure(core->outbox, core->config->webhooks,
	    core->config->n_webhooks);
	free(conf);
	(void)ew_peer_send(core->peer, EW_PROC_RELOAD, NULL);
	ew_log(EW_LOG_INFO, "daemon", "configuration read again");
	return 0;
}

static void
on_hup(void *context, int signal_number)
{
	struct ew_core *core = context;
	struct ew_error error;

	(void)signal_number;
	(void)ew_notify("RELOADING=1");
	if (ew_core_reload(core, &error) != 0)
		ew_log(EW_LOG_BROKEN, "daemon", "configuration kept as it was: %s",
		    error.text);
	(void)ew_notify("READY=1");
}

/* --- opening and closing ---------------------------------------------------------------------------------- */

static void
on_load_outbox(void *context, const struct ew_message *message,
    const struct ew_outbox_row *row)
{
	ew_outbox_load(context, message, row);
}

static int
open_pipeline(struct ew_core *core, struct ew_error *error)
{
	struct ew_store_conf store;

	ew_conf_store(core->config, &store);
	int rc = ew_store_open(&store, error, &core->store);

	if (rc != 0)
		return rc;
	const struct ew_pipeline_sink sink = {
		.context = core,
		.point = on_point,
		.lookup_nat = on_lookup_nat,
		.read_addrs = on_read_addrs,
		.message = on_message,
		.incident = on_incident,
	};
	struct ew_pipeline_conf *conf = ew_alloc(sizeof(*conf));

	ew_conf_pipeline(core->config, conf);
	core->pipeline = ew_pipeline_new(conf, &sink, core->store);
	free(conf);
	core->outbox = ew_outbox_new(core->store, core->config->webhooks,
	    core->config->n_webhooks);
	const struct ew_mono now = ew_mono_from_wall_clock();

	rc = ew_pipeline_load(core->pipeline, now, error);
	if (rc != 0)
		return rc;
	const struct ew_store_loader owed = { .context = core->outbox,
		.outbox = on_load_outbox };

	return ew_store_load(core->store, &owed, now, error);
}

static int
open_workers(struct ew_core *core, struct ew_error *error)
{
	struct ew_worker_conf conf;

	ew_conf_worker(core->config, &conf);
	for (unsigned i = 0; i < conf.capture.workers; i++) {
		const int rc =
		    ew_worker_open(&conf, core->n_workers ? core->workers[0] : NULL,
			core->wakeup, error, &core->workers[i]);

		if (rc != 0)
			return rc;
		core->n_workers++;
	}
	return 0;
}

static int
lower_rights(struct ew_core *core, struct ew_error *error)
{
	char folder[sizeof(core->config->database.path)];
	const struct ew_sandbox_path paths[] = {
		{ .path = folder, .is_writable = true },
		{ .path = "/proc", .is_writable = false },
		/* Not /run/netns: it may be made later. */
		{ .path = "/run", .is_writable = false },
		{ .path = "/sys/class/net", .is_writable = false },
		{ .path = core->config_path ? core->config_path : EW_CONFIG_PATH,
		    .is_writable = false },
	};

	(void)ew_text_copy(folder, sizeof(folder), core->config->database.path);
	char *slash = strrchr(folder, '/');

	if (slash && slash != folder)
		*slash = '\0';
	int rc = ew_sandbox_core_caps(error);

	if (rc == 0)
		rc = ew_sandbox_lock(EW_SANDBOX_CORE, paths,
		    sizeof(paths) / sizeof(paths[0]), &core->sandbox, error);
	return rc;
}

static int
open_all(struct ew_core *core, int take_fd, const char *user, struct ew_error *error)
{
	int rc = ew_sandbox_core_user(user, error);

	if (rc == 0) {
		core->loop = ew_loop_new();
		rc = core->loop ? 0
				: ew_error_set(error, -EMFILE,
				      "no event loop: the kernel "
				      "gives no epoll descriptor");
	}
	if (rc == 0) {
		core->wakeup = ew_wakeup_new(core->loop, on_turn, core);
		rc = open_pipeline(core, error);
	}
	/* Workers before netlink: the first packets wait in the kernel's ring. */
	if (rc == 0)
		rc = open_workers(core, error);
	if (rc == 0)
		rc = ew_core_inventory_open(core, error);
	if (rc == 0)
		rc = lower_rights(core, error);
	if (rc == 0) {
		core->peer = open_peer(core, take_fd);
		for (unsigned i = 0; i < core->n_workers && rc == 0; i++)
			rc = ew_worker_start(core->workers[i], error);
	} else {
		(void)close(take_fd);
	}
	return rc;
}

static void
close_all(struct ew_core *core)
{
	core->is_stopping = true;
	for (unsigned i = 0; i < core->n_workers; i++)
		ew_worker_stop(core->workers[i]);
	if (core->pipeline && core->n_workers) {
		on_turn(core);
		ew_pipeline_flush(core->pipeline);
	}
	if (core->peer && ew_peer_is_open(core->peer)) {
		(void)ew_peer_send(core->peer, EW_PROC_STOP, NULL);
		ew_peer_flush(core->peer);
	}
	for (unsigned i = 0; i < core->n_workers; i++)
		ew_worker_free(core->workers[i]);
	ew_core_inventory_close(core);
	ew_peer_free(core->peer);
	ew_pipeline_free(core->pipeline);
	ew_outbox_free(core->outbox);
	ew_store_close(core->store);
	for (size_t i = 0; i < sizeof(core->signals) / sizeof(core->signals[0]); i++)
		ew_sigwatch_free(core->signals[i]);
	ew_timer_free(core->turn);
	ew_timer_free(core->second);
	ew_wakeup_free(core->wakeup);
	ew_loop_free(core->loop);
}

int
ew_core_run(int take_fd, const char *config_path, const char *user,
    struct ew_config *config, struct ew_error *ret_error)
{
	struct ew_core *core = ew_alloc(sizeof(*core));

	core->config = config;
	core->config_path = config_path;
	core->error = ret_error;
	core->started = ew_wall_now();
	core->started_ticks = ew_ticks_ns();
	int rc = open_all(core, take_fd, user, ret_error);

	if (rc == 0) {
		core->signals[0] = ew_sigwatch_new(core->loop, SIGTERM, on_stop, core);
		core->signals[1] = ew_sigwatch_new(core->loop, SIGINT, on_stop, core);
		core->signals[2] = ew_sigwatch_new(core->loop, SIGHUP, on_hup, core);
		core->turn = ew_timer_new(core->loop, on_timer, core);
		ew_timer_repeat(core->turn, TURN_NS);
		core->second = ew_timer_new(core->loop, on_second, core);
		ew_timer_repeat(core->second, EW_NS_PER_S);
		ew_log(EW_LOG_INFO, "daemon",
		    "eastwatchd " EW_VERSION " watches node=%s database=%s",
		    config->node, config->database.path);
		(void)ew_notify("READY=1\nSTATUS=watching");
		rc = ew_loop_run(core->loop);
		if (rc == 0)
			rc = core->exit_code;
		(void)ew_notify("STOPPING=1");
	}
	close_all(core);
	free(core);
	return rc;
}
