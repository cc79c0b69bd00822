/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as sentences. Owns nothing; thread-safe because everything is the caller's.
 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

int
ew_error_set(struct ew_error *error, int code, const char *format, ...)
{
	if (!error)
		return code;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	for (char *p = error->text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	error->code = code;
	return code;
}

const char *
ew_err_text(int code)
{
	switch (code) {
	case 0:
		return "no error";
	case EW_ERR_TRUNCATED:
		return "ends too early";
	case EW_ERR_FORMAT:
		return "malformed";
	case EW_ERR_VERSION:
		return "unknown version";
	case EW_ERR_LIMIT:
		return "a limit is reached";
	case EW_ERR_CLOSED:
		return "closed";
	case EW_ERR_LOST:
		return "messages were lost";
	case EW_ERR_CONFIG:
		return "configuration error";
	case EW_ERR_USAGE:
		return "usage error";
	default:
		break;
	}
	const char *text = code > -1000 && code < 0 ? strerrordesc_np(-code) : NULL;

	return text ? text : "unknown error";
}
