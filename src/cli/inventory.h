/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

struct ew_args;
struct ew_query;
struct ew_reader;

/* The instances of a query with all networks, to a file. Returns an exit code. */
int ew_inventory_write(struct ew_reader *reader, const struct ew_query *query,
    FILE *out);
/* `eastwatch instances -o inventory`: design.md 8, "Inventory file". Returns an exit code. */
int ew_inventory_print(const struct ew_args *args);
