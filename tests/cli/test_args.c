/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/command.h"

static const struct ew_option own[] = {
	{ .name = "why", .arg = "TEXT", .help = "why" },
	{ .name = "loud", .letter = 'l', .help = "loud" },
	{ .name = NULL },
};
static const struct ew_command verb = { .name = "verb",
	.summary = "",
	.words = "[A [B]]",
	.examples = "",
	.options = own,
	.groups = EW_OPTIONS_LIST,
	.words_max = 2 };

static int
parse(struct ew_args *args, const char *a, const char *b, const char *c, const char *d)
{
	char texts[5][64] = { "verb" };
	const char *given[] = { a, b, c, d };
	/* Options point into argv, which outlives the call in real life. */
	static char keep[5][64];
	static char *argv[6];
	int argc = 1;

	memcpy(keep[0], texts[0], sizeof(keep[0]));
	argv[0] = keep[0];
	for (int i = 0; i < 4 && given[i]; i++) {
		strncpy(keep[argc], given[i], sizeof(keep[argc]) - 1);
		argv[argc] = keep[argc];
		argc++;
	}
	argv[argc] = NULL;
	return ew_args_parse(&verb, argc, argv, args);
}

static struct ew_args args;

Test(args, takes_a_value_after_a_blank_or_an_equals_sign)
{
	cr_assert_eq(parse(&args, "--since", "10m", "--until=5m", NULL), EW_EXIT_OK);
	cr_assert_str_eq(ew_args_value(&args, "since"), "10m");
	cr_assert_str_eq(ew_args_value(&args, "until"), "5m");
	cr_assert_null(ew_args_value(&args, "last"));
}

Test(args, takes_short_options_alone_together_and_with_their_value)
{
	cr_assert_eq(parse(&args, "-fl", "-ojson", NULL, NULL), EW_EXIT_OK);
	cr_assert(ew_args_has(&args, "follow"));
	cr_assert(ew_args_has(&args, "loud"));
	cr_assert_str_eq(ew_args_value(&args, "output"), "json");
	cr_assert_eq(parse(&args, "-o", "csv", NULL, NULL), EW_EXIT_OK);
	cr_assert_str_eq(ew_args_value(&args, "output"), "csv");
}

Test(args, negates_only_the_option_that_follows_not)
{
	cr_assert_eq(parse(&args, "--not", "--port=53", "--port=80", NULL), EW_EXIT_OK);
	cr_assert_eq(args.n_given, 2);
	cr_assert(args.given[0].is_negated);
	cr_assert_not(args.given[1].is_negated);
}

Test(args, refuses_a_not_that_negates_nothing)
{
	cr_assert_eq(parse(&args, "--not", NULL, NULL, NULL), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "--not", "word", NULL, NULL), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "--not", "--since", "1h", NULL), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "--not", "--not", "--port=1", NULL), EW_EXIT_USAGE);
}

Test(args, refuses_what_it_does_not_know)
{
	cr_assert_eq(parse(&args, "--nonsense", NULL, NULL, NULL), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "-x", NULL, NULL, NULL), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "--", "a", "b", "c"), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "--since", NULL, NULL, NULL), EW_EXIT_USAGE);
	cr_assert_eq(parse(&args, "--follow=yes", NULL, NULL, NULL), EW_EXIT_USAGE);
	/* Of a group that the verb does not take. */
	cr_assert_eq(parse(&args, "--by", "proto", NULL, NULL), EW_EXIT_USAGE);
}

Test(args, takes_everything_after_two_dashes_as_words)
{
	cr_assert_eq(parse(&args, "--", "-f", "--since", NULL), EW_EXIT_OK);
	cr_assert_eq(args.n_words, 2);
	cr_assert_str_eq(args.words[1], "--since");
	cr_assert_not(ew_args_has(&args, "follow"));
}

Test(exit_code, of_two_is_the_first_of_2_3_1_4_5)
{
	static const int order[] = { 2, 3, 1, 4, 5, 0 };

	for (size_t i = 0; i < 6; i++)
		for (size_t k = i; k < 6; k++) {
			cr_assert_eq(ew_exit_worse(order[i], order[k]), order[i]);
			cr_assert_eq(ew_exit_worse(order[k], order[i]), order[i]);
		}
}
