/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy with truncation at a UTF-8 boundary; always terminated. Returns whether it fitted. */
bool ew_text_copy(char *ret_text, size_t size, const char *source);
/* The same for bytes that need not be terminated; NUL, control bytes and invalid UTF-8 become '?'. */
bool ew_text_copy_bytes(char *ret_text, size_t size, const void *bytes, size_t length);

/*
 * A growing string with a bound. Past max_bytes nothing more is taken and `full` is set.
 * init/fini in place; text is always terminated.
 */
struct ew_text {
	char *text;
	size_t length;
	size_t capacity;
	size_t max_bytes;
	bool full;
};

void ew_text_init(struct ew_text *text, size_t max_bytes);
void ew_text_fini(struct ew_text *text);
void ew_text_clear(struct ew_text *text);
void ew_text_add(struct ew_text *text, const char *string);
void ew_text_add_bytes(struct ew_text *text, const void *bytes, size_t length);
void ew_text_addf(struct ew_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Escape what came from traffic or from a container for a terminal: C0, C1, DEL, bidi and
 * zero-width controls and invalid UTF-8 as \xNN or \u{NNNN}; printable text is kept.
 */
void ew_text_add_terminal(struct ew_text *text, const char *string);
/* A JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
void ew_text_add_json(struct ew_text *text, const char *string);

/* Glob with * and ?; no classes, no recursion, cost O(n*m) at worst. */
bool ew_text_glob(const char *pattern, const char *string);
