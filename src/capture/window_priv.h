/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bytes of a capture file that are at hand: read and not yet used. A reader looks at
 * pos..end, moves pos, and asks for more when a record does not fit.
 */
struct ew_window {
	const uint8_t *pos;
	const uint8_t *end;
	uint64_t start_offset; /* of `buffer` in the input */
	uint8_t *buffer;
	size_t capacity;
	int fd;
	bool at_end; /* nothing comes after `end` */
};

/* The largest record a window can hold, and so the largest that readers accept. */
#define EW_WINDOW_MAX ((size_t)16 << 20)

/* Takes fd; the standard input is not closed. */
void ew_window_init(struct ew_window *window, int take_fd);
void ew_window_fini(struct ew_window *window);

/*
 * Have at least `need` bytes at pos (at most EW_WINDOW_MAX). Bytes before pos become
 * invalid. Returns 0, EW_ERR_TRUNCATED when the input ends before, or an errno.
 */
int ew_window_more(struct ew_window *window, size_t need);

static inline size_t
ew_window_left(const struct ew_window *window)
{
	return (size_t)(window->end - window->pos);
}

static inline uint64_t
ew_window_offset(const struct ew_window *window)
{
	return window->start_offset + (uint64_t)(window->pos - window->buffer);
}
