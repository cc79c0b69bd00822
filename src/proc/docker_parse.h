/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/inventory.h"

/*
 * JSON of the Docker Engine API into our records. Pure; the JSON is hostile. Works with API
 * 1.24 to current: only NetworkSettings.Networks and Actor/Action/Type are read, which 1.52
 * kept. Functions return 0 or EW_ERR_FORMAT; single values that make no sense are left out.
 */
struct ew_docker_event {
	bool is_network; /* else container */
	char action[32]; /* create start die destroy rename update connect ... */
	char id[EW_INSTANCE_ID_MAX];	    /* of the container, or of the network */
	char container[EW_INSTANCE_ID_MAX]; /* network events: who was connected */
	int64_t time_ns;		    /* 0 unknown */
	/* Container events: name, image, labels; ifaces empty. */
	struct ew_instance_info info;
};

/* One line of /events. runtime: "docker" or "podman". */
int ew_docker_parse_event(const char *text, size_t size, const char *runtime,
    struct ew_docker_event *ret_event);

/* /containers/json: visit each. *ret_n: how many there were. */
int ew_docker_parse_list(const char *text, size_t size, const char *runtime,
    void (*visit)(void *context, const struct ew_instance_info *info), void *context);

/* An endpoint of a network. */
struct ew_docker_endpoint {
	char container[EW_INSTANCE_ID_MAX];
	struct ew_instance_iface iface;
};
/*
 * /networks (a list) or /networks/ID (one). Networks without addresses of their own (host,
 * none) are left out. endpoint may be NULL, and comes after its network.
 */
int ew_docker_parse_networks(const char *text, size_t size,
    void (*network)(void *context, const struct ew_network_info *info),
    void (*endpoint)(void *context, const struct ew_docker_endpoint *endpoint),
    void *context);

/*
 * /containers/ID/json: everything about one. *ret_is_running: it has a process. Keeps no
 * environment: it only goes into spec_hash.
 */
int ew_docker_parse_inspect(const char *text, size_t size, const char *runtime,
    struct ew_instance_info *ret_info, bool *ret_is_running);

/* /version: engine version and API range. */
struct ew_docker_version {
	char version[32];
	int api, min_api; /* minor of 1.x */
	bool is_podman;
};
int ew_docker_parse_version(const char *text, size_t size,
    struct ew_docker_version *ret_version);
