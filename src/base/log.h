/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>

/*
 * Log lines for an operator. Levels by meaning: debug (for us), info (a change of state),
 * unusual (works, but somebody should look), broken (something does not work).
 * errno survives a call. Control characters in the message are escaped.
 */
enum ew_log_level { EW_LOG_DEBUG, EW_LOG_INFO, EW_LOG_UNUSUAL, EW_LOG_BROKEN };

typedef void (*ew_log_handler)(void *context, enum ew_log_level level, const char *area,
    const char *message);

/* area: the folder's name. The message may end in key=value fields. */
void ew_log(enum ew_log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void ew_log_set_level(enum ew_log_level level);
/* NULL restores the default: one logfmt line on stderr, "<N>" first under journald. */
void ew_log_set_handler(ew_log_handler handler, void *context);
