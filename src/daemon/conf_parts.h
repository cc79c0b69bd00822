/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct ew_config;
struct ew_pipeline_conf;
struct ew_store_conf;
struct ew_worker_conf;

/* Each module's own part, filled from the configuration. Used by: daemon, cli/replay.c. */
void ew_conf_pipeline(const struct ew_config *config,
    struct ew_pipeline_conf *ret_conf);
void ew_conf_store(const struct ew_config *config, struct ew_store_conf *ret_conf);
void ew_conf_worker(const struct ew_config *config, struct ew_worker_conf *ret_conf);
