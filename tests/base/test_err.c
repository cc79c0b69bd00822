/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/log.h"

Test(err, a_sentence_carries_no_control_characters)
{
	struct ew_error error;

	cr_assert_eq(ew_error_set(&error, -ENOENT, "cannot open %s", "a\x1b\nb"),
	    -ENOENT);
	cr_assert_str_eq(error.text, "cannot open a??b");
	cr_assert_eq(error.code, -ENOENT);
	cr_assert_eq(ew_error_set(NULL, EW_ERR_FORMAT, "nobody listens"),
	    EW_ERR_FORMAT);
}

Test(err, every_code_has_words)
{
	cr_assert_str_eq(ew_err_text(-ENOENT), "No such file or directory");
	cr_assert_str_eq(ew_err_text(EW_ERR_TRUNCATED), "ends too early");
	cr_assert_str_eq(ew_err_text(-999999), "unknown error");
}

Test(cursor, the_first_short_read_sticks)
{
	const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct ew_cursor c = ew_cursor_over(bytes, sizeof(bytes));
	uint8_t rest[2];

	cr_assert_eq(ew_cursor_u8(&c), 1);
	cr_assert_eq(ew_cursor_be16(&c), 0x0203);
	cr_assert_eq(ew_cursor_left(&c), 4);
	cr_assert_not(c.failed);
	ew_cursor_skip(&c, 5);
	cr_assert(c.failed);
	cr_assert_eq(ew_cursor_be32(&c), 0,
	    "four bytes were left, but the error sticks");
	ew_cursor_copy(&c, rest, sizeof(rest));
	cr_assert_eq(rest[0] | rest[1], 0);
}

static char last_message[256];

static void
keep(void *context, enum ew_log_level level, const char *area, const char *message)
{
	(void)context;
	(void)snprintf(last_message, sizeof(last_message), "%d %s %s", (int)level, area,
	    message);
}

Test(log, errno_survives_and_levels_filter)
{
	ew_log_set_handler(keep, NULL);
	errno = ENOSPC;
	ew_log(EW_LOG_UNUSUAL, "store", "full path=%s", "/x");
	cr_assert_eq(errno, ENOSPC);
	cr_assert_str_eq(last_message, "2 store full path=/x");
	ew_log(EW_LOG_DEBUG, "store", "not shown");
	cr_assert_str_eq(last_message, "2 store full path=/x");
	ew_log_set_handler(NULL, NULL);
}
