/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/time.h"
#include "daemon/worker_clock.h"
#include "flow/event.h"

#define S EW_NS_PER_S
#define MS EW_NS_PER_MS

static struct ew_clocks
clocks(int64_t real_ns, int64_t mono_ns, int64_t boot_ns)
{
	return (struct ew_clocks){ .real_ns = real_ns,
		.mono_ns = mono_ns,
		.boot_ns = boot_ns };
}

static bool
look(struct ew_clock_watch *watch, struct ew_clocks now, struct ew_gap_info *gap)
{
	return ew_clock_watch_look(watch, &now, gap);
}

Test(worker_clock, is_silent_while_time_passes_evenly)
{
	struct ew_clock_watch watch = { 0 };
	struct ew_gap_info gap;

	for (int64_t i = 0; i < 100; i++) /* with a slew of 500 ppm */
		cr_assert_not(look(&watch,
		    clocks(1000 * S + i * 100 * MS + i * 50000, i * 100 * MS,
			i * 100 * MS),
		    &gap));
	cr_expect_eq(watch.offset_ns, 0);
	cr_expect_eq(ew_clock_watch_correct(&watch, 12345), 12345);
}

Test(worker_clock, a_pause_of_the_process_is_no_step)
{
	struct ew_clock_watch watch = { 0 };
	struct ew_gap_info gap;

	look(&watch, clocks(1000 * S, 0, 0), &gap);
	cr_assert_not(look(&watch, clocks(1060 * S, 60 * S, 60 * S), &gap));
}

Test(worker_clock, tells_a_step_forward_and_goes_with_it)
{
	struct ew_clock_watch watch = { 0 };
	struct ew_gap_info gap;

	look(&watch, clocks(1000 * S, 0, 0), &gap);
	cr_assert(look(&watch, clocks(4600 * S, 100 * MS, 100 * MS), &gap));
	cr_expect_eq(gap.cause, EW_GAP_CLOCK_STEP);
	cr_expect_eq(gap.from_ns, 1000 * S);
	cr_expect_eq(gap.to_ns, 4600 * S);
	cr_expect_eq(ew_clock_watch_correct(&watch, 4600 * S), 4600 * S);
}

Test(worker_clock, never_runs_backwards_and_catches_up_after_a_step_back)
{
	struct ew_clock_watch watch = { 0 };
	struct ew_gap_info gap;
	int64_t mono = 0, real = 5000 * S, last = 0;

	look(&watch, clocks(real, mono, mono), &gap);
	real -= 10 * S;
	mono += 100 * MS;
	real += 100 * MS;
	cr_assert(look(&watch, clocks(real, mono, mono), &gap));
	cr_expect_eq(gap.cause, EW_GAP_CLOCK_STEP);
	cr_expect_leq(gap.from_ns, gap.to_ns);
	for (int i = 0; i < 1200; i++) {
		const int64_t now = ew_clock_watch_correct(&watch, real);
		cr_assert_geq(now, last);
		cr_assert_leq(now, real + 10 * S);
		last = now;
		mono += 100 * MS;
		real += 100 * MS;
		cr_assert_not(look(&watch, clocks(real, mono, mono), &gap));
	}
	/* 10 s melt in 100 s */
	cr_expect_eq(watch.offset_ns, 0);
}

Test(worker_clock, leaves_packets_from_before_the_step_alone)
{
	struct ew_clock_watch watch = { 0 };
	struct ew_gap_info gap;

	look(&watch, clocks(5000 * S, 0, 0), &gap);
	look(&watch, clocks(4000 * S, 100 * MS, 100 * MS), &gap);
	cr_expect_eq(ew_clock_watch_correct(&watch, 5000 * S), 5000 * S);
	cr_expect_gt(ew_clock_watch_correct(&watch, 4000 * S), 4999 * S);
}

Test(worker_clock, tells_a_suspend)
{
	struct ew_clock_watch watch = { 0 };
	struct ew_gap_info gap;

	look(&watch, clocks(1000 * S, 0, 0), &gap);
	cr_assert(look(&watch, clocks(4600 * S, 50 * MS, 3600 * S), &gap));
	cr_expect_eq(gap.cause, EW_GAP_SUSPEND);
	cr_expect_eq(gap.from_ns, 1000 * S);
	cr_expect_eq(gap.to_ns, 4600 * S);
	cr_expect_eq(watch.offset_ns, 0);
}
