/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Small allocations abort on exhaustion, here and nowhere else. Tables sized by
 * configuration use ew_reserve and report the failure to the operator instead.
 */
void *ew_alloc(size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed */
void *ew_alloc_array(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
void *ew_realloc_array(void *take_memory, size_t count, size_t size)
    __attribute__((returns_nonnull));
char *ew_strdup(const char *text) __attribute__((malloc, returns_nonnull));

/* Zeroed, cache-line aligned, untouched until used (mmap); NULL when it cannot be had. */
void *ew_reserve(size_t size);
void ew_release(void *memory, size_t size);
/*
 * Memory from ew_reserve that will be touched all over, and at random: ask for large pages,
 * so that it costs no walk through page tables. A hint; nothing happens where there are none.
 */
void ew_reserve_dense(void *memory, size_t size);
