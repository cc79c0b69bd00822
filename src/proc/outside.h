/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "proc/message.h"
#include "proc/webhook.h"

/*
 * The second process (design.md 3): everything that speaks JSON, HTTP or TLS, and holds no
 * capability. It tells core what the runtimes say and what became of deliveries, and passes
 * on what people ask for.
 *
 * Depends on: base, io, alert/message.h, identity/inventory.h. Used by: api, daemon.
 */
struct ew_error;
struct ew_loop;
struct ew_outside;
struct ew_peer;

struct ew_runtime_conf {
	bool is_enabled;
	bool is_explicit; /* named in the configuration: complain when it is away */
	char socket[256]; /* path, or http://host:port of a read-only proxy */
};

struct ew_outside_conf {
	char node[64];
	char cluster[64];
	struct ew_runtime_conf docker, podman;
	bool containerd_enabled, containerd_explicit;
	char containerd_root[256];
	char cni_results[256];
	uint32_t n_webhooks;
	struct ew_webhook_conf webhooks[EW_WEBHOOKS_MAX];
	char control_socket[108];
	char control_group[64]; /* group that may connect; empty: the process's own */
	char web_listen[64];
	char database[256]; /* read-only, for the page */
	bool process_lookup;
	/* Read the configuration again into *ret_conf; 0 or EW_ERR_CONFIG. May be NULL. */
	int (*reload)(void *context, struct ew_outside_conf *ret_conf,
	    struct ew_error *error);
	/* The running configuration as YAML, secrets hidden. May be NULL. */
	void (*show)(void *context, struct ew_text *text);
	void *context;
};

/*
 * A part that listens (control socket, later the page): api hands its own to the outside
 * process through the daemon's main, since proc stands above api.
 */
struct ew_outside_part {
	const char *name;
	/* Returns 0 or a code with a sentence: logged and reported, the rest goes on. */
	int (*open)(struct ew_outside *outside, void **ret_state,
	    struct ew_error *error);
	void (*close)(void *state); /* never with NULL */
	/* May be NULL. */
	void (*control_reply)(void *state, const struct ew_control_reply *reply);
	void (*status_items)(void *state, const struct ew_status_items *items);
	/* A test message sent by ew_outside_webhook_test has its answer. */
	void (*webhook_tested)(void *state, uint64_t id,
	    const struct ew_outbox_result *result);
};

/*
 * Main of the outside process: runs until core says stop or goes away. take_fd: our end of
 * ew_peer_pair. parts: NULL ends. lower: called once everything is open, before the first
 * byte from outside is read, to give up rights (sandbox.h); may be NULL; a negative return
 * ends the process with it. Returns the exit status, 0 after an orderly stop.
 */
int ew_outside_run(int take_fd, const struct ew_outside_conf *conf,
    const struct ew_outside_part *const *parts,
    int (*lower)(const struct ew_outside_conf *conf, struct ew_error *error));

/* For parts. */
struct ew_loop *ew_outside_loop(struct ew_outside *outside);
const struct ew_outside_conf *ew_outside_conf(const struct ew_outside *outside);
/* Forward to core. Returns what ew_peer_send does. */
int ew_outside_ask(struct ew_outside *outside, enum ew_proc_type type,
    const void *record);
/* An id for a request to core, unique in this process. */
uint32_t ew_outside_next_id(struct ew_outside *outside);
/*
 * Send a marked test message to one target, past the outbox; webhook_tested follows.
 * Returns 0 or -ENOENT.
 */
int ew_outside_webhook_test(struct ew_outside *outside, const char *target,
    uint64_t *ret_id);
/* State of the targets (delivery.h) and of the runtimes. */
struct ew_delivery_state;
void ew_outside_each_target(const struct ew_outside *outside,
    void (*visit)(void *context, const struct ew_delivery_state *state), void *context);
void ew_outside_each_runtime(const struct ew_outside *outside,
    void (*visit)(void *context, const struct ew_runtime_status *status),
    void *context);
/* Counters of this process. */
struct ew_counter_set;
void ew_outside_each_counters(const struct ew_outside *outside,
    void (*visit)(void *context, const struct ew_counter_set *set), void *context);
/* Is core there? */
bool ew_outside_has_core(const struct ew_outside *outside);
/* Read the configuration again: 0 or EW_ERR_CONFIG, after which the old one stays. */
int ew_outside_reload(struct ew_outside *outside, struct ew_error *error);
