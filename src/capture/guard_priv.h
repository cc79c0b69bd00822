/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Watch a file mapping: when the file becomes shorter under us, the pages that vanish read
 * as zeros instead of ending the process.
 * returns  a slot for the functions below, or -1 when all are taken (do not map then)
 */
int ew_guard_add(const void *start, size_t size);
bool ew_guard_was_hit(int slot);
void ew_guard_remove(int slot);
