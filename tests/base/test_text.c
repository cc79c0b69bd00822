/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/text.h"

static void
expect_added(void (*add)(struct ew_text *, const char *), const char *in,
    const char *out)
{
	struct ew_text text;

	ew_text_init(&text, 10000);
	add(&text, in);
	cr_expect_str_eq(text.text, out, "%s gave %s", in, text.text);
	ew_text_fini(&text);
}

Test(text, terminal_output_carries_no_control)
{
	static const char *const cases[][2] = {
		{ "plain-name_1", "plain-name_1" }, { "\x1b[31mred", "\\x1b[31mred" },
		{ "a\rb\nc", "a\\x0db\\x0ac" },
		{ "\xc2\x9b"
		  "31m",
		    "\\x9b31m" }, /* C1 CSI */
		{ "bad\xff\xfe", "bad\\xff\\xfe" },
		{ "evil\xe2\x80\xaexyz",
		    "evil\\u{202e}xyz" }, /* right-to-left override */
		{ "zero\xe2\x80\x8bwidth", "zero\\u{200b}width" },
		{ "caf\xc3\xa9 \xe2\x9c\x93", "caf\xc3\xa9 \xe2\x9c\x93" },
		{ "\xc0\xaf", "\\xc0\\xaf" }, /* overlong */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_added(ew_text_add_terminal, cases[i][0], cases[i][1]);
	expect_added(ew_text_add_terminal, "\xed\xa0\x80", "\\xed\\xa0\\x80");
}

Test(text, json_strings_are_valid)
{
	static const char *const cases[][2] = {
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "line\n\ttab\x01", "\"line\\n\\ttab\\u0001\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "", "\"\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_added(ew_text_add_json, cases[i][0], cases[i][1]);
}

Test(text, stops_at_its_bound_and_says_so)
{
	struct ew_text text;

	ew_text_init(&text, 8);
	ew_text_add(&text, "12345");
	ew_text_add(&text, "6789");
	cr_assert(text.full);
	cr_assert_str_eq(text.text, "12345");
	ew_text_add(&text, "6");
	cr_assert_str_eq(text.text, "12345",
	    "what follows a refused piece is refused too");
	ew_text_clear(&text);
	ew_text_addf(&text, "%d", 42);
	cr_assert_str_eq(text.text, "42");
	ew_text_fini(&text);
}

Test(text, formats_beyond_its_first_buffer)
{
	struct ew_text text;
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ew_text_init(&text, 10000);
	ew_text_addf(&text, "<%s>", big);
	cr_assert_eq(text.length, sizeof(big) + 1);
	ew_text_fini(&text);
}

Test(text, copies_cut_at_character_boundaries)
{
	char small[5];

	cr_assert_not(ew_text_copy(small, sizeof(small), "ab\xe2\x9c\x93"));
	cr_assert_str_eq(small, "ab");
	cr_assert(ew_text_copy(small, sizeof(small), "abcd"));
	cr_assert_not(ew_text_copy_bytes(small, sizeof(small),
	    "a\0\xff\xc3\xa9"
	    "x",
	    6));
	cr_assert_str_eq(small, "a??", "the two-byte character does not fit");
}

Test(text, globs_like_a_shell)
{
	static const struct {
		const char *pattern, *string;
		bool matches;
	} cases[] = {
		{ "shop/*", "shop/web", true },
		{ "shop/*", "shopweb", false },
		{ "*", "", true },
		{ "", "", true },
		{ "", "a", false },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "*a*b*", "xxaxxbxx", true },
		{ "*a*b", "xxaxxbxx", false },
		{ "**", "anything", true },
		{ "*aaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(ew_text_glob(cases[i].pattern, cases[i].string),
		    cases[i].matches, "%s %s", cases[i].pattern, cases[i].string);
}
