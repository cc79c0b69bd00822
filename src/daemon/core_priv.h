/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "daemon/config.h"
#include "daemon/core.h"
#include "proc/message.h"
#include "proc/sandbox.h"

struct ew_loop;
struct ew_netlink;
struct ew_outbox;
struct ew_peer;
struct ew_pipeline;
struct ew_store;
struct ew_timer;
struct ew_sigwatch;
struct ew_watch;
struct ew_wakeup;
struct ew_worker;
struct ew_error;

#define CORE_WORKERS_MAX 4
#define CORE_RUNTIMES_MAX 8
#define CORE_HOST_ADDRS_MAX 256 /* ew_flow_set_host_addresses takes as many */

/* Everything the core process owns. One instance, on the heap, loop thread only. */
struct ew_core {
	struct ew_config *config;
	const char *config_path;
	struct ew_loop *loop;
	struct ew_store *store;
	struct ew_pipeline *pipeline;
	struct ew_outbox *outbox;
	struct ew_peer *peer;
	struct ew_netlink *netlink;
	struct ew_watch *netlink_watch;
	struct ew_worker *workers[CORE_WORKERS_MAX];
	unsigned n_workers;
	struct ew_wakeup *wakeup; /* rung by workers */
	struct ew_timer *turn, *second;
	struct ew_sigwatch *signals[4];
	struct ew_runtime_status runtimes[CORE_RUNTIMES_MAX];
	unsigned n_runtimes;
	struct ew_sandbox_report sandbox;
	struct ew_wall started;
	int64_t started_ticks;
	int64_t
	    netlink_read_ns; /* wall clock just before its news were last taken in */
	uint64_t logged_incident;
	uint8_t logged_tier;
	bool is_stopping;
	int exit_code;
	struct ew_error *error;
};

/* core_control.c: what people ask for, and what they are told. */
void ew_core_control(void *core, const struct ew_control_request *request);
void ew_core_status(void *core, const struct ew_status_request *request);

/* core_inventory.c: netlink and runtimes tell the pipeline's identity. */
int ew_core_inventory_open(struct ew_core *core, struct ew_error *error);
void ew_core_inventory_close(struct ew_core *core);
void ew_core_runtime(void *core, const struct ew_runtime_status *status);
void ew_core_instance(void *core, const struct ew_instance_info *info);
void ew_core_instance_gone(void *core, const struct ew_gone *gone);
void ew_core_network(void *core, const struct ew_network_info *info);
void ew_core_network_gone(void *core, const struct ew_gone *gone);
void ew_core_service(void *core, const struct ew_service_info *info);
void ew_core_resolver(void *core, const struct ew_resolver_info *info);
void ew_core_inventory_ready(void *core, const struct ew_runtime_status *status);

/* core.c */
int ew_core_reload(struct ew_core *core, struct ew_error *error);
/* Pipeline time for facts that arrive beside the packets. */
struct ew_mono ew_core_now(const struct ew_core *core);
