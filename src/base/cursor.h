/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A reader over bytes of unknown quality. The first read past the end sets `failed`, and
 * from then on every read gives zero: read a row of fields, test once.
 */
struct ew_cursor {
	const uint8_t *start;
	const uint8_t *pos;
	const uint8_t *end;
	bool failed;
};

static inline struct ew_cursor
ew_cursor_over(const void *data, size_t size)
{
	const uint8_t *p = data;

	return (struct ew_cursor){ .start = p, .pos = p, .end = p + size };
}

static inline size_t
ew_cursor_left(const struct ew_cursor *c)
{
	return (size_t)(c->end - c->pos);
}

/* The next size bytes, or NULL (and failed). */
static inline const uint8_t *
ew_cursor_take(struct ew_cursor *c, size_t size)
{
	if (c->failed || ew_cursor_left(c) < size) {
		c->failed = true;
		return NULL;
	}
	const uint8_t *p = c->pos;
	c->pos += size;
	return p;
}

static inline void
ew_cursor_skip(struct ew_cursor *c, size_t size)
{
	(void)ew_cursor_take(c, size);
}

static inline void
ew_cursor_copy(struct ew_cursor *c, void *ret_bytes, size_t size)
{
	const uint8_t *p = ew_cursor_take(c, size);

	if (p)
		memcpy(ret_bytes, p, size);
	else
		memset(ret_bytes, 0, size);
}

static inline uint8_t
ew_cursor_u8(struct ew_cursor *c)
{
	const uint8_t *p = ew_cursor_take(c, 1);

	return p ? p[0] : 0;
}

static inline uint16_t
ew_cursor_be16(struct ew_cursor *c)
{
	const uint8_t *p = ew_cursor_take(c, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t
ew_cursor_be32(struct ew_cursor *c)
{
	const uint8_t *p = ew_cursor_take(c, 4);

	return p
	    ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
	    : 0;
}
