/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "capture/merge_priv.h"

static void
add(struct ew_merge *merge, int64_t ts_ns, uint8_t mark)
{
	const uint8_t bytes[3] = { mark, mark, mark };
	const struct ew_frame frame = { .ts_ns = ts_ns, .data = bytes, .caplen = 3 };

	ew_merge_add(merge, &frame);
}

Test(merge, hands_out_in_order_only_what_is_old_enough)
{
	struct ew_merge merge;
	struct ew_frame out[8];

	ew_merge_init(&merge, 16, 4096);
	ew_merge_begin(&merge);
	add(&merge, 10, 1);
	add(&merge, 30, 3);
	add(&merge, 50, 5);
	add(&merge, 20, 2); /* another ring */
	add(&merge, 40, 4);
	ew_merge_end(&merge);
	cr_assert_eq(ew_merge_take(&merge, out, 2, 30), 2);
	cr_expect_eq(out[0].data[0], 1);
	cr_expect_eq(out[1].data[0], 2);
	cr_assert_eq(ew_merge_take(&merge, out, 8, 30), 1);
	cr_expect_eq(out[0].data[2], 3);
	cr_assert_eq(ew_merge_take(&merge, out, 8, 30), 0);

	ew_merge_begin(&merge); /* 4 and 5 wait, and move */
	add(&merge, 45, 6);
	add(&merge, 40, 7); /* as old as 4, but came later */
	ew_merge_end(&merge);
	cr_assert_eq(ew_merge_take(&merge, out, 8, INT64_MAX), 4);
	const uint8_t wanted[] = { 4, 7, 6, 5 };
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(out[i].data[1], wanted[i], "%zu", i);
	ew_merge_fini(&merge);
}

Test(merge, says_how_much_more_fits)
{
	struct ew_merge merge;
	struct ew_frame out[8];

	ew_merge_init(&merge, 5, 100);
	ew_merge_begin(&merge);
	cr_expect_eq(ew_merge_room(&merge, 33), 2); /* rounded up to 48 */
	cr_expect_eq(ew_merge_room(&merge, 3), 5);
	for (int i = 0; i < 5; i++)
		add(&merge, i, 1);
	cr_expect_eq(ew_merge_room(&merge, 3), 0);
	ew_merge_end(&merge);
	cr_expect_eq(ew_merge_take(&merge, out, 8, INT64_MAX), 5);
	ew_merge_begin(&merge);
	cr_expect_eq(ew_merge_room(&merge, 3), 5);
	ew_merge_fini(&merge);
}
