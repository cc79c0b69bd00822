/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event for an operator, on stderr or to a handler. Under journald (which
 * sets JOURNAL_STREAM) lines start with the "<N>" priority it reads. The settings below
 * are the only file-scope state outside constant tables; they are set before threads start.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"

static enum ew_log_level minimum = EW_LOG_INFO;
static ew_log_handler handler;
static void *handler_context;

void
ew_log_set_level(enum ew_log_level level)
{
	minimum = level;
}

void
ew_log_set_handler(ew_log_handler new_handler, void *context)
{
	handler = new_handler;
	handler_context = context;
}

static void
write_line(enum ew_log_level level, const char *area, const char *message)
{
	static const char *const names[] = { "debug", "info", "unusual", "broken" };
	/* syslog: debug 7, info 6, warning 4, err 3 */
	static const char *const priorities[] = { "<7>", "<6>", "<4>", "<3>" };
	char stamp[EW_TIME_TEXT];
	struct ew_text line;

	ew_text_init(&line, 4096);
	if (getenv("JOURNAL_STREAM"))
		ew_text_addf(&line, "%s%s: ", priorities[level], area);
	else
		ew_text_addf(&line, "%s %s %s: ", ew_wall_format(ew_wall_now(), stamp),
		    names[level], area);
	ew_text_add_terminal(&line, message);
	/* One write per line, so that lines of two processes do not mix. */
	(void)fprintf(stderr, "%s\n", line.text);
	ew_text_fini(&line);
}

void
ew_log(enum ew_log_level level, const char *area, const char *format, ...)
{
	if (level < minimum)
		return;
	const int saved = errno;
	char message[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (handler)
		handler(handler_context, level, area, message);
	else
		write_line(level, area, message);
	errno = saved;
}
