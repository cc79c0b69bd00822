/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of process messages, both ways (see wire_priv.h). Integers in network order; text
 * as a 16-bit length and its bytes, without a terminator.
 */
#include "proc/wire_priv.h"

#include <string.h>

#include "base/text.h"

void
ew_wire_bytes(struct ew_wire *w, void *bytes, size_t size)
{
	if (w->is_reading) {
		ew_cursor_copy(&w->in, bytes, size);
		w->failed |= w->in.failed;
		return;
	}
	if (w->failed || w->out_size - w->out_length < size) {
		w->failed = true;
		return;
	}
	memcpy(w->out + w->out_length, bytes, size);
	w->out_length += size;
}

static void
number(struct ew_wire *w, uint64_t *value, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(*value >> (8 * (size - 1 - i)));
	ew_wire_bytes(w, bytes, size);
	if (!w->is_reading)
		return;
	*value = 0;
	for (size_t i = 0; i < size; i++)
		*value = *value << 8 | bytes[i];
}

void
ew_wire_u8(struct ew_wire *w, uint8_t *value)
{
	ew_wire_bytes(w, value, 1);
}

void
ew_wire_u16(struct ew_wire *w, uint16_t *value)
{
	uint64_t v = *value;

	number(w, &v, 2);
	*value = (uint16_t)v;
}

void
ew_wire_u32(struct ew_wire *w, uint32_t *value)
{
	uint64_t v = *value;

	number(w, &v, 4);
	*value = (uint32_t)v;
}

void
ew_wire_u64(struct ew_wire *w, uint64_t *value)
{
	number(w, value, 8);
}

void
ew_wire_i16(struct ew_wire *w, int16_t *value)
{
	uint16_t v = (uint16_t)*value;

	ew_wire_u16(w, &v);
	*value = (int16_t)v;
}

void
ew_wire_i32(struct ew_wire *w, int32_t *value)
{
	uint32_t v = (uint32_t)*value;

	ew_wire_u32(w, &v);
	*value = (int32_t)v;
}

void
ew_wire_i64(struct ew_wire *w, int64_t *value)
{
	uint64_t v = (uint64_t)*value;

	number(w, &v, 8);
	*value = (int64_t)v;
}

void
ew_wire_upto(struct ew_wire *w, uint8_t *value, uint8_t max)
{
	ew_wire_u8(w, value);
	if (*value <= max)
		return;
	w->failed = true;
	*value = 0;
}

void
ew_wire_flag(struct ew_wire *w, uint8_t *value)
{
	ew_wire_upto(w, value, 1);
}

void
ew_wire_text(struct ew_wire *w, char *text, size_t size)
{
	uint16_t length = 0;

	if (!w->is_reading) {
		const size_t have = strnlen(text, size - 1);
		length = (uint16_t)have;
		ew_wire_u16(w, &length);
		ew_wire_bytes(w, text, have);
		return;
	}
	ew_wire_u16(w, &length);
	text[0] = '\0';
	const uint8_t *bytes = ew_cursor_take(&w->in, length);
	if (!bytes || length >= size)
		w->failed = true;
	else
		(void)ew_text_copy_bytes(text, size, bytes, length);
}

void
ew_wire_addr(struct ew_wire *w, struct ew_addr *addr)
{
	ew_wire_bytes(w, addr->b, sizeof(addr->b));
}
