/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"

Test(time, parses_what_it_formats)
{
	static const char *const texts[] = { "1970-01-01T00:00:00.000000Z",
		"2026-02-28T23:59:59.999999Z", "2024-02-29T12:00:00.000001Z",
		"1969-12-31T23:59:59.500000Z", "2100-03-01T00:00:00.000000Z" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ew_wall t;
		char text[EW_TIME_TEXT];

		cr_assert_eq(ew_wall_parse(texts[i], &t), 0, "%s", texts[i]);
		cr_assert_str_eq(ew_wall_format(t, text), texts[i]);
	}
}

/* Expected values from `date -u -d TEXT +%s`. */
Test(time, agrees_with_date)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "2026-01-01", 1767225600 },
		{ "2026-01-01T01:02:03Z", 1767229323 },
		{ "2026-01-01T01:02:03+02:00", 1767222123 },
		{ "2026-01-01 01:02:03-0130", 1767234723 },
		{ "2000-02-29T00:00:00Z", 951782400 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ew_wall t = { 0 };

		cr_assert_eq(ew_wall_parse(cases[i].text, &t), 0, "%s", cases[i].text);
		cr_assert_eq(t.us, cases[i].seconds * 1000000, "%s", cases[i].text);
	}
}

Test(time, refuses_dates_that_do_not_exist)
{
	static const char *const texts[] = { "", "2026", "2026-13-01", "2026-02-29",
		"2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
		"2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00Zx", "20260101", "x" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ew_wall t = { 7 };

		cr_assert_eq(ew_wall_parse(texts[i], &t), EW_ERR_FORMAT, "%s",
		    texts[i]);
		cr_assert_eq(t.us, 7, "untouched on failure");
	}
}

Test(time, durations_keep_their_value)
{
	static const struct {
		const char *text;
		int64_t ns;
		const char *shortest;
	} cases[] = {
		{ "0", 0, "0s" },
		{ "90s", 90 * EW_NS_PER_S, "90s" },
		{ "10m", 600 * EW_NS_PER_S, "10m" },
		{ "1h30m", 5400 * EW_NS_PER_S, "90m" },
		{ "24h", 86400 * EW_NS_PER_S, "1d" },
		{ "200ms", 200 * EW_NS_PER_MS, "200ms" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ns = -1;
		char text[EW_TIME_TEXT];

		cr_assert_eq(ew_duration_parse(cases[i].text, &ns), 0, "%s",
		    cases[i].text);
		cr_assert_eq(ns, cases[i].ns, "%s", cases[i].text);
		cr_assert_str_eq(ew_duration_format(ns, text), cases[i].shortest);
	}
}

Test(time, refuses_durations_without_a_unit_or_beyond_a_century)
{
	static const char *const texts[] = { "", "10", "s", "-1s", "1.5h", "1y",
		"99999999999d", "36501d", "1s 2s", "10mx" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t ns;

		cr_assert_eq(ew_duration_parse(texts[i], &ns), EW_ERR_FORMAT, "%s",
		    texts[i]);
	}
}
