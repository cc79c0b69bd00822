/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "identity/inventory.h"

/*
 * Reader of the inventory file (design.md 8): JSON in, the records of identity/inventory.h
 * out, in the order host interfaces, networks, resolvers, services, translations,
 * instances. The file is checked as a whole before the first record is handed out.
 *
 * Depends on: base, identity/inventory.h. Used by: daemon (replay), tests.
 */
struct ew_error;

/* Records are borrowed for the call; entries may be NULL. */
struct ew_inventory_sink {
	void *context;
	void (*node)(void *context, const char *node);
	void (*host_addr)(void *context, const struct ew_addr *addr);
	/* network: the id of the network it belongs to, or empty. */
	void (*iface)(void *context, const struct ew_iface *iface, const char *network);
	void (*network)(void *context, const struct ew_network_info *info);
	void (*resolver)(void *context, const struct ew_addr *addr);
	void (*service)(void *context, const struct ew_service_info *info);
	void (*nat)(void *context, const struct ew_nat_info *info);
	void (*instance)(void *context, const struct ew_instance_info *info);
	/* At most once: a sentence on what was ignored or cut. */
	void (*warning)(void *context, const char *sentence);
};

/* Returns 0, -errno, EW_ERR_FORMAT or EW_ERR_VERSION with `file:line: sentence`. */
int ew_inventory_read(const char *path, const struct ew_inventory_sink *sink,
    struct ew_error *error);
int ew_inventory_parse(const char *name, const char *text, size_t size,
    const struct ew_inventory_sink *sink, struct ew_error *error);
