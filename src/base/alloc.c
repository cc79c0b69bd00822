/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where running out of memory ends the program: small allocations abort,
 * because no caller could do better and an untested error path is worse. Large tables
 * are reserved with mmap, so that pages nobody touches cost nothing.
 */
#include "base/alloc.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *
or_abort(void *memory)
{
	if (!memory) {
		(void)fputs("eastwatch: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *
ew_alloc(size_t size)
{
	return or_abort(calloc(1, size ? size : 1));
}

void *
ew_alloc_array(size_t count, size_t size)
{
	return or_abort(calloc(count ? count : 1, size ? size : 1));
}

void *
ew_realloc_array(void *take_memory, size_t count, size_t size)
{
	return or_abort(reallocarray(take_memory, count ? count : 1, size ? size : 1));
}

char *
ew_strdup(const char *text)
{
	return or_abort(strdup(text));
}

void *
ew_reserve(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void
ew_release(void *memory, size_t size)
{
	if (memory && munmap(memory, size) != 0)
		assert(!"ew_release: not what ew_reserve gave");
}

void
ew_reserve_dense(void *memory, size_t size)
{
	if (memory)
		(void)madvise(memory, size, MADV_HUGEPAGE);
}
