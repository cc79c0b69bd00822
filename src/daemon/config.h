/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "detect/detect.h"
#include "graph/graph.h"
#include "proc/outside.h"
#include "proc/webhook.h"

/*
 * The configuration: a YAML file (design.md 8), every key of which has a default, so that
 * no file is needed. One const table (config_table.c) says name, type, unit, range, default
 * and help of each key; the reader, --check-config, `config show` and the manual follow it.
 * Times are ns, sizes bytes. Modules get their own part (struct ew_graph_conf ...), which
 * pipeline and main fill from here; nobody else includes this.
 *
 * Depends on: base, detect (names of detector options), proc (webhook targets).
 * Used by: daemon, cli.
 */
struct ew_error;

enum ew_config_switch { EW_CONFIG_OFF, EW_CONFIG_ON, EW_CONFIG_AUTO };

struct ew_config {
	char node[64]; /* default: the host name */
	char cluster[64];
	struct {
		uint8_t level; /* enum ew_log_level */
	} log;
	struct {
		char path[256];
		int64_t flows_ns, edges_ns; /* retention */
		int64_t incidents_ns;
		int64_t max_size;
	} database;
	struct {
		char socket[108];
		char group[64];
	} control;
	struct {
		uint8_t mode;	 /* enum ew_capture_mode */
		uint8_t profile; /* enum ew_capture_profile */
		uint8_t host;
		int64_t workers;
		int64_t ring_size;
		int64_t flow_table; /* flows over all workers */
	} capture;
	struct {
		uint8_t docker_enabled, podman_enabled,
		    containerd_enabled; /* enum ew_config_switch */
		char docker_socket[256];
		char podman_socket[256];
		char containerd_root[256];
		char cni_results[256];
	} runtimes;
	struct {
		int64_t minimum_age_ns; /* A; quick makes it 1 h unless it is given */
		int64_t startup_min_ns, startup_max_ns;
		int64_t change_window_ns, change_hold_ns;
		int64_t grace_ns, tombstone_ns;
		uint8_t quick;
		int64_t max_workloads, max_edges;
	} learning;
	struct {
		int64_t auto_accept_ns; /* 0: never */
		uint32_t n_canaries, n_sensitive, n_options;
		struct ew_canary_addr canaries[EW_CANARY_ADDRS_MAX]; /* decoys, 3.14 */
		struct ew_sensitive_port sensitive[EW_SENSITIVE_PORTS_MAX];
		/* detection.detectors.NAME.OPTION, for ew_detect_conf_set; checked at load */
		struct {
			char detector[32];
			char option[32];
			int64_t value;
		} options[64];
	} detection;
	uint8_t process_lookup;
	struct {
		int64_t hold_page_ns, hold_notify_ns;
		int64_t idle_close_ns;
		int64_t update_gap_ns, repeat_ns;
		int64_t messages_per_hour;
		int32_t digest_at_s; /* seconds after midnight UTC; -1 never */
	} incidents;
	uint32_t n_webhooks;
	struct ew_webhook_conf webhooks[EW_WEBHOOKS_MAX];
	struct {
		char listen[64]; /* address:port; empty: off */
	} web;
};

#define EW_CONFIG_PATH "/etc/eastwatch/eastwatch.yaml"

/* Defaults alone; node is the host name. About 100 KiB: callers keep it on the heap. */
void ew_config_default(struct ew_config *ret_config);

/*
 * path NULL: EW_CONFIG_PATH if it is there, else the defaults. *ret_config is untouched on
 * failure. Returns 0, -errno, or EW_ERR_CONFIG with `file:line:column: sentence`.
 */
int ew_config_load(const char *path, struct ew_config *ret_config,
    struct ew_error *error);
/* The same from memory; name stands for the file in sentences. */
int ew_config_parse(const char *name, const char *text, size_t size,
    struct ew_config *ret_config, struct ew_error *error);

/* YAML of every key with its value; secrets as <secret>, which parses back as "unchanged". */
void ew_config_show(const struct ew_config *config, struct ew_text *text);
/* Keys with type, range, default and help: scdoc, for eastwatch.yaml(5). */
void ew_config_manual(struct ew_text *text);

/* The part the outside process gets; its callbacks are left NULL. */
void ew_config_outside(const struct ew_config *config,
    struct ew_outside_conf *ret_conf);
