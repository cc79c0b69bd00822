/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct ew_config;
struct ew_error;

/*
 * The core process: capture workers, netlink, pipeline, store. Runs until a signal says
 * stop or something essential breaks.
 *
 * take_fd      our end of ew_peer_pair
 * config_path  where to read again on SIGHUP; NULL: the default place
 * user         account to become when started as root
 * returns      0 after an orderly stop; else a code, and *ret_error has a sentence
 */
int ew_core_run(int take_fd, const char *config_path, const char *user,
    struct ew_config *config, struct ew_error *ret_error);
