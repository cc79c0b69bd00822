/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>

/*
 * One way to fail (see ARCHITECTURE.md, "Errors"): a function that can fail returns
 * 0 or a negative enum ew_err. errno values keep their number, so -ENOENT is a valid
 * ew_err; what errno has no word for is below -1000.
 */
enum ew_err {
	EW_ERR_TRUNCATED = -1001, /* the input ends before the thing it promises */
	EW_ERR_FORMAT = -1002,	  /* the bytes are not what the format demands */
	EW_ERR_VERSION = -1003,	  /* well formed, but of a version we do not know */
	EW_ERR_LIMIT = -1004,	  /* a bound of ours is reached; nothing is damaged */
	EW_ERR_CLOSED = -1005,	  /* the other side has gone in an orderly way */
	EW_ERR_LOST = -1006,   /* messages of the other side were lost: resynchronise */
	EW_ERR_CONFIG = -1007, /* an operator must change the configuration */
	EW_ERR_USAGE = -1008,  /* a user must change the command */
};

/* What an operator must repair, as one sentence: what failed, on what, why, what to do. */
struct ew_error {
	int code;
	char text[512];
};

/*
 * Fill *error (which may be NULL) with a sentence and return code, so that a caller can
 * write `return ew_error_set(error, -ENOENT, "cannot open %s: ...", path)`.
 * Control characters in the result are replaced by '?'.
 */
int ew_error_set(struct ew_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A short word for code ("no such file", "truncated input"); static storage. */
const char *ew_err_text(int code);
