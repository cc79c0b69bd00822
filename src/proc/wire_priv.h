/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"

/*
 * One pass over a record's fields, either way: writing appends them, reading takes them
 * from a hostile cursor. The first trouble sticks (`failed`). Since one function per record
 * walks its fields in both directions, the two cannot disagree.
 */
struct ew_wire {
	bool is_reading;
	bool failed;
	struct ew_cursor in;
	uint8_t *out;
	size_t out_size, out_length;
};

void ew_wire_bytes(struct ew_wire *w, void *bytes, size_t size);
void ew_wire_u8(struct ew_wire *w, uint8_t *value);
void ew_wire_u16(struct ew_wire *w, uint16_t *value);
void ew_wire_u32(struct ew_wire *w, uint32_t *value);
void ew_wire_u64(struct ew_wire *w, uint64_t *value);
void ew_wire_i16(struct ew_wire *w, int16_t *value);
void ew_wire_i32(struct ew_wire *w, int32_t *value);
void ew_wire_i64(struct ew_wire *w, int64_t *value);
/* An enum or a count: reading refuses values above max. */
void ew_wire_upto(struct ew_wire *w, uint8_t *value, uint8_t max);
/* 0 or 1 */
void ew_wire_flag(struct ew_wire *w, uint8_t *value);
/* Reading refuses text that does not fit and cleans control bytes and bad UTF-8. */
void ew_wire_text(struct ew_wire *w, char *text, size_t size);
void ew_wire_addr(struct ew_wire *w, struct ew_addr *addr);
