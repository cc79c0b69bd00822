/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the world is like, told to the pipeline's identity: by netlink (this process) and by
 * the runtimes (the outside process). Facts carry the pipeline's time, so that leases are
 * intervals in packet time whoever reports them.
 */
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/core_priv.h"
#include "daemon/pipeline.h"
#include "daemon/worker.h"
#include "identity/identity.h"
#include "identity/netlink.h"
#include "io/loop.h"

static struct ew_identity *
identity_of(struct ew_core *core)
{
	return ew_pipeline_identity(core->pipeline);
}

/* --- netlink ------------------------------------------------------------------------------- */

static void
on_iface(void *context, const struct ew_iface *iface, bool removed)
{
	struct ew_core *core = context;

	ew_identity_iface(identity_of(core), iface, removed, ew_core_now(core));
}

struct host_addrs {
	size_t n;
	struct ew_addr addrs[CORE_HOST_ADDRS_MAX];
};

static bool
collect_host_addr(void *context, const struct ew_addr *addr, bool is_resolver)
{
	struct host_addrs *h = context;

	if (!is_resolver)
		h->addrs[h->n++] = *addr;
	return h->n < CORE_HOST_ADDRS_MAX;
}

/* Uplinks and lo count for the host's own addresses only (design.md 4). */
static void
tell_workers_host_addrs(struct ew_core *core)
{
	struct host_addrs h = { .n = 0 };

	if (core->config->capture.host == EW_CONFIG_ON)
		ew_identity_each_host_addr(identity_of(core), collect_host_addr, &h);
	for (unsigned i = 0; i < core->n_workers; i++)
		(void)ew_worker_set_host_addresses(core->workers[i], h.addrs, h.n);
}

static void
on_addr(void *context, const struct ew_iface_addr *addr, bool removed)
{
	struct ew_core *core = context;

	ew_identity_iface_addr(identity_of(core), addr, removed, ew_core_now(core));
	if (addr->nsid < 0)
		tell_workers_host_addrs(core);
}

static void
on_nsid(void *context, const struct ew_nsid_info *info, bool removed)
{
	struct ew_core *core = context;

	ew_identity_nsid(identity_of(core), info, removed, ew_core_now(core));
}

static void
on_netlink_readable(void *context, int fd, unsigned events)
{
	struct ew_core *core = context;

	(void)fd;
	(void)events;
	const int rc = ew_netlink_dispatch(core->netlink);

	if (rc != 0)
		ew_log(EW_LOG_UNUSUAL, "netlink",
		    "interface events cannot be read: %s; the inventory is read anew",
		    ew_err_text(rc));
}

/* Before the first namespace is told: those of containers wait for their runtime's word. */
static void
expect_runtimes(struct ew_core *core)
{
	const struct {
		uint8_t enabled;
		const char *name;
	} runtimes[] = {
		{ core->config->runtimes.docker_enabled, "docker" },
		{ core->config->runtimes.podman_enabled, "podman" },
		{ core->config->runtimes.containerd_enabled, "containerd" },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		if (runtimes[i].enabled == EW_CONFIG_OFF)
			continue;
		ew_identity_runtime_expected(identity_of(core), runtimes[i].name);
		any = true;
	}
	if (!any)
		ew_identity_runtime_gone(identity_of(core), "none", ew_core_now(core));
}

int
ew_core_inventory_open(struct ew_core *core, struct ew_error *error)
{
	const struct ew_netlink_sink sink = {
		.context = core,
		.iface = on_iface,
		.iface_addr = on_addr,
		.nsid = on_nsid,
	};
	const struct ew_netlink_conf conf = { .scan_cgroups = true };

	expect_runtimes(core);
	const int rc = ew_netlink_open(&conf, &sink, &core->netlink, error);

	if (rc == 0)
		core->netlink_watch =
		    ew_watch_new(core->loop, ew_netlink_fd(core->netlink),
			EW_WATCH_READ, on_netlink_readable, core);
	return rc;
}

void
ew_core_inventory_close(struct ew_core *core)
{
	ew_watch_free(core->netlink_watch);
	ew_netlink_close(core->netlink);
}

/* --- runtimes --------------------------------------------------------------------------------- */

static struct ew_runtime_status *
runtime_slot(struct ew_core *core, const char *name)
{
	for (unsigned i = 0; i < core->n_runtimes; i++) {
		if (strcmp(core->runtimes[i].name, name) == 0)
			return &core->runtimes[i];
	}
	return core->n_runtimes < CORE_RUNTIMES_MAX
	    ? &core->runtimes[core->n_runtimes++]
	    : NULL;
}

void
ew_core_runtime(void *context, const struct ew_runtime_status *status)
{
	struct ew_core *core = context;
	struct ew_runtime_status *slot = runtime_slot(core, status->name);

	if (!slot)
		return;
	const bool was_connected = slot->is_connected;
	const bool is_news = strcmp(slot->sentence, status->sentence) != 0;

	*slot = *status;
	if (status->is_connected && !was_connected) {
		ew_log(EW_LOG_INFO, "runtime", "%s is connected version=%s api=%s",
		    status->name, status->version, status->api);
		ew_identity_runtime_expected(identity_of(core), status->name);
	} else if (!status->is_connected &&
	    (!status->is_configured || status->sentence[0])) {
		/* Only when it is really away: too early, and the inventory counts as complete. */
		ew_identity_runtime_gone(identity_of(core), status->name,
		    ew_core_now(core));
	}
	if (is_news && status->sentence[0] && status->is_configured)
		ew_log(EW_LOG_UNUSUAL, "runtime", "%s: %s", status->name,
		    status->sentence);
}

void
ew_core_instance(void *context, const struct ew_instance_info *info)
{
	struct ew_core *core = context;

	ew_identity_instance(identity_of(core), info, ew_core_now(core));
}

void
ew_core_instance_gone(void *context, const struct ew_gone *gone)
{
	struct ew_core *core = context;

	ew_identity_instance_gone(identity_of(core), gone->id, ew_core_now(core));
}

void
ew_core_network(void *context, const struct ew_network_info *info)
{
	struct ew_core *core = context;

	ew_identity_network(identity_of(core), info, false, ew_core_now(core));
}

void
ew_core_network_gone(void *context, const struct ew_gone *gone)
{
	struct ew_core *core = context;
	struct ew_network_info info = { .n_subnets = 0 };

	(void)ew_text_copy(info.id, sizeof(info.id), gone->id);
	ew_identity_network(identity_of(core), &info, true, ew_core_now(core));
}

void
ew_core_service(void *context, const struct ew_service_info *info)
{
	struct ew_core *core = context;

	ew_identity_service(identity_of(core), info, false, ew_core_now(core));
}

void
ew_core_resolver(void *context, const struct ew_resolver_info *info)
{
	struct ew_core *core = context;

	ew_pipeline_resolver(core->pipeline, &info->addr);
}

void
ew_core_inventory_ready(void *context, const struct ew_runtime_status *status)
{
	struct ew_core *core = context;

	ew_core_runtime(core, status);
	ew_identity_inventory_complete(identity_of(core), status->name,
	    ew_core_now(core));
}
