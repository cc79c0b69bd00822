/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>

#include "graph/fixed.h"

/* Floating point is fine in a test: it is the second opinion. */

Test(fixed, decays_like_two_to_the_minus_x)
{
	for (int64_t dt = 0; dt < 100000; dt += 37) {
		const uint32_t s = UINT32_C(10) << 16;
		const double want = (double)s * exp2(-(double)dt / 6000.0);
		const uint32_t got = ew_fixed_decay(s, dt, 6000);

		cr_assert(fabs(want - (double)got) <= want * 1.1e-5 + 2,
		    "dt %lld: %f vs %u", (long long)dt, want, got);
	}
}

Test(fixed, leaves_a_score_alone_when_no_time_passes)
{
	cr_assert_eq(ew_fixed_decay(123456, 0, 1000), 123456);
	cr_assert_eq(ew_fixed_decay(123456, -5, 1000), 123456);
	cr_assert_eq(ew_fixed_decay(65536, 1000, 1000), 32768);
}

Test(fixed, ends_at_zero_and_survives_extreme_times)
{
	cr_assert_eq(ew_fixed_decay(UINT32_MAX, INT64_MAX / 2, 1), 0);
	cr_assert_eq(ew_fixed_decay(UINT32_MAX, INT64_C(86400000000000) * 365,
			 INT64_C(86400000000000)),
	    0);
	cr_assert_eq(ew_fixed_decay(65536, INT64_C(86400000000000) * 200,
			 INT64_C(86400000000000) * 200),
	    32768);
}

Test(fixed, takes_binary_logarithms)
{
	cr_assert_eq(ew_fixed_log2(1), 0);
	cr_assert_eq(ew_fixed_log2(65536), 16 * 65536);
	for (uint64_t x = 3; x < (UINT64_C(1) << 50); x = x * 7 / 3 + 1)
		cr_assert(fabs(log2((double)x) * 65536 - ew_fixed_log2(x)) < 2, "%llu",
		    (unsigned long long)x);
}

Test(fixed, takes_decimal_logarithms_of_ratios)
{
	cr_assert(abs(ew_fixed_log10_ratio(1000, 1) - 3 * 65536) <= 3);
	cr_assert(abs(ew_fixed_log10_ratio(1, 10) + 65536) <= 3);
}

Test(fixed, takes_square_roots)
{
	cr_assert_eq(ew_fixed_sqrt(0), 0);
	cr_assert_eq(ew_fixed_sqrt(99), 9);
	cr_assert_eq(ew_fixed_sqrt(100), 10);
	cr_assert_eq(ew_fixed_sqrt(UINT64_C(1) << 62), UINT32_C(1) << 31);
}
