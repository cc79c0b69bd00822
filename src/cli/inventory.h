/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct ew_args;

/* `eastwatch instances -o inventory`: design.md 8, "Inventory file". Returns an exit code. */
int ew_inventory_print(const struct ew_args *args);
