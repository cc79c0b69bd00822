/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bytes of a capture file that are at hand: all of a regular file (mapped), or the part
 * of a stream that has been read and not yet used. A reader looks at pos..end, moves pos,
 * and asks for more when a record does not fit.
 */
struct ew_window {
	const uint8_t *pos;
	const uint8_t *end;
	const uint8_t *start;  /* of the mapping or buffer */
	uint64_t start_offset; /* of `start` in the input */
	bool at_end;	       /* nothing comes after `end` */
	int fd;
	uint8_t *buffer; /* stream only */
	size_t capacity;
	size_t map_size; /* mapping only */
	const uint8_t *mapped_until;   /* pages before this were asked for */
	const uint8_t *released_until; /* pages before this were given back */
	int guard;		       /* slot of guard.c; -1 none */
};

/* The largest record a window can hold, and so the largest that readers accept. */
#define EW_WINDOW_MAX ((size_t)16 << 20)

/* Takes fd. Returns 0, -ENOMEM or what reading failed with. */
int ew_window_init(struct ew_window *window, int take_fd);
void ew_window_fini(struct ew_window *window);

/*
 * Have at least `need` bytes at pos (at most EW_WINDOW_MAX). Bytes before pos become
 * invalid. Returns 0, EW_ERR_TRUNCATED when the input ends before, or an errno.
 */
int ew_window_more(struct ew_window *window, size_t need);

/* The caller is done with all bytes before pos: keeps a mapping's memory small. */
void ew_window_advance(struct ew_window *window);

/* Whether the file became shorter while we read it. */
bool ew_window_was_cut(const struct ew_window *window);

static inline size_t
ew_window_left(const struct ew_window *window)
{
	return (size_t)(window->end - window->pos);
}

static inline uint64_t
ew_window_offset(const struct ew_window *window)
{
	return window->start_offset + (uint64_t)(window->pos - window->start);
}
