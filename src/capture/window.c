/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a capture file, mapped or buffered.
 *
 * A regular file is mapped: decode looks at some 100 bytes of a packet, so a copy of all of
 * them is the larger part of libpcap's cost on bulk traffic. Pages are asked for a step
 * ahead (one call instead of a fault per 64 KiB) and given back a step behind, so that a
 * replay's memory does not grow with its input. A pipe or terminal is read into a buffer
 * that holds at least one record; what is left over moves to its front.
 */
#include "capture/window_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "capture/guard_priv.h"

#define STEP ((size_t)2 << 20)		/* pages asked for or given back at once */
#define BUFFER_FIRST ((size_t)256 << 10) /* a pipe's 64 KiB, four times */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

/* Map the rest of a regular file. False when it has to be read instead. */
static bool
map_rest(struct ew_window *window)
{
	struct stat st;
	const off_t at = lseek(window->fd, 0, SEEK_CUR);

	if (at < 0 || fstat(window->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size <= at)
		return false;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, window->fd, 0);
	if (map == MAP_FAILED)
		return false;
	window->guard = ew_guard_add(map, (size_t)st.st_size);
	if (window->guard < 0) {
		munmap(map, (size_t)st.st_size);
		return false;
	}
	madvise(map, (size_t)st.st_size, MADV_SEQUENTIAL);
	window->map_size = (size_t)st.st_size;
	window->start = map;
	window->pos = window->start + at;
	window->end = window->start + st.st_size;
	window->mapped_until = window->start;
	window->released_until = window->start;
	window->at_end = true;
	return true;
}

int
ew_window_init(struct ew_window *window, int take_fd)
{
	*window = (struct ew_window){ .fd = take_fd, .guard = -1 };
	if (map_rest(window)) {
		ew_window_advance(window);
		return 0;
	}
	window->capacity = BUFFER_FIRST;
	window->buffer = ew_alloc(window->capacity);
	window->start = window->buffer;
	window->pos = window->buffer;
	window->end = window->buffer;
	return 0;
}

void
ew_window_fini(struct ew_window *window)
{
	if (window->map_size) {
		ew_guard_remove(window->guard);
		munmap((void *)(uintptr_t)window->start, window->map_size); /* NOLINT */
	}
	free(window->buffer);
	if (window->fd > STDERR_FILENO)
		close(window->fd);
	*window = (struct ew_window){ .fd = -1, .guard = -1 };
}

bool
ew_window_was_cut(const struct ew_window *window)
{
	return ew_guard_was_hit(window->guard);
}

void
ew_window_advance(struct ew_window *window)
{
	if (!window->map_size)
		return;
	/* advice is advice: an old kernel's refusal changes the speed, not the result */
	while (window->mapped_until < window->end &&
	    window->pos + STEP / 2 >= window->mapped_until) {
		const size_t left = (size_t)(window->end - window->mapped_until);
		const size_t size = left < STEP ? left : STEP;
		madvise((void *)(uintptr_t)window->mapped_until, size, MADV_POPULATE_READ);
		window->mapped_until += size;
	}
	while ((size_t)(window->pos - window->released_until) >= 2 * STEP) {
		madvise((void *)(uintptr_t)window->released_until, STEP, MADV_DONTNEED);
		window->released_until += STEP;
	}
}

/* Move what is unread to the front, and make room for a record of `need` bytes. */
static void
make_room(struct ew_window *window, size_t need)
{
	const size_t left = ew_window_left(window);

	window->start_offset = ew_window_offset(window);
	memmove(window->buffer, window->pos, left);
	if (need > window->capacity) {
		while (window->capacity < need)
			window->capacity *= 2;
		window->buffer = ew_realloc_array(window->buffer, window->capacity, 1);
	}
	window->start = window->buffer;
	window->pos = window->buffer;
	window->end = window->buffer + left;
}

int
ew_window_more(struct ew_window *window, size_t need)
{
	if (ew_window_left(window) >= need)
		return 0;
	if (!window->at_end)
		make_room(window, need);
	while (!window->at_end && ew_window_left(window) < need) {
		const size_t used = (size_t)(window->end - window->buffer);
		const ssize_t got =
		    read(window->fd, window->buffer + used, window->capacity - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			window->at_end = true;
		window->end += got;
	}
	return ew_window_left(window) >= need ? 0 : EW_ERR_TRUNCATED;
}
