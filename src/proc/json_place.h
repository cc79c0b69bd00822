/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * The line (1..) where the value at a path such as "instances[3].interfaces[0].mac" begins;
 * of the nearest thing above it when it is missing. text is JSON that has been parsed
 * already: jansson keeps no positions, so complaints look for theirs here.
 */
size_t ew_json_line(const char *text, size_t size, const char *path);
