/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The table of detectors.md 3.13: ports and addresses whose first use is worth a look. graph
 * needs it to keep such edges out of silent learning, detect to score them.
 */
enum ew_sensitive_class {
	EW_SENS_NONE,
	EW_SENS_CONSOLE,      /* queues and consoles: 10 points */
	EW_SENS_DATA,	      /* data stores: 15 */
	EW_SENS_REMOTE_ADMIN, /* 20 */
	EW_SENS_API_SERVER,   /* Kubernetes API server: 20, takes the change discount */
	EW_SENS_CONTROL_PLANE, /* 25 */
};

struct ew_sensitive {
	uint8_t cls;	  /* enum ew_sensitive_class */
	uint8_t points;	  /* T of section 2, 0..25 */
	uint8_t is_kit;	  /* on the port lists of container attack kits */
	uint8_t is_hard;  /* metadata, Docker API, etcd: never capped at cold install */
	const char *name; /* "cloud metadata", "Docker API", "postgres" */
};

/*
 * addr: the destination (NULL unknown); on_node: it is the node or a gateway.
 * A port that nothing is known about gives cls NONE and name NULL.
 */
struct ew_sensitive ew_sensitive_lookup(const struct ew_addr *addr, uint8_t proto,
    uint16_t port, bool on_node);
bool ew_sensitive_is_metadata(const struct ew_addr *addr);
/* "postgres" for 5432, "ssh" for 22, "http" for 80; NULL when there is no common name. */
const char *ew_service_name(uint8_t proto, uint16_t port);
