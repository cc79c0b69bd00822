/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* One file of schema/: number 1, 2, 3 ..., the word after it, and the SQL text. */
struct ew_schema_step {
	int number;
	const char *name;
	const char *text;
};

/* All of them in order of number, compiled in; static storage. *ret_count may be 0. */
const struct ew_schema_step *ew_schema_steps(size_t *ret_count);
