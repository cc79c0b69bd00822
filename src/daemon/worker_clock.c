/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock stamps packets, and people and programs set it. Timers of flows and
 * incidents run on packet time, which must not go back, and must not stand still for an
 * hour because somebody corrected the clock by one. So:
 *
 *   set forward   time jumps, and a gap says so: what expires meanwhile is marked
 *   set back      packet times get an offset, which melts by a tenth of the time that passes:
 *                 timers run at nine tenths until the clock has caught up
 *   suspended     the machine slept: a gap, too
 *
 * CLOCK_MONOTONIC stands still in suspend and CLOCK_BOOTTIME does not, which tells the cases
 * apart. Slewing by ntpd (500 ppm at most) stays far below the thresholds.
 */
#include "daemon/worker_clock.h"

#include "base/time.h"
#include "flow/event.h"

/* Ticks come every 0.1 s; ntpd steps from 128 ms on, below that it slews (ntp.conf tinker). */
#define STEP_MIN_NS (100 * EW_NS_PER_MS)
/* A machine that sleeps does so for longer; a paused virtual machine may not show at all. */
#define SUSPEND_MIN_NS (EW_NS_PER_S)
#define MELT 10
/* Read at slightly different instants, and stamped before they are read. */
#define SKEW_NS (EW_NS_PER_S)

static struct ew_gap_info
gap_between(int64_t from_ns, int64_t to_ns, uint8_t cause)
{
	return (struct ew_gap_info){
		.from_ns = from_ns < to_ns ? from_ns : to_ns,
		.to_ns = from_ns < to_ns ? to_ns : from_ns,
		.cause = cause,
	};
}

bool
ew_clock_watch_look(struct ew_clock_watch *watch, const struct ew_clocks *now,
    struct ew_gap_info *ret_gap)
{
	const struct ew_clocks last = watch->last;
	const int64_t offset = watch->offset_ns;

	watch->last = *now;
	if (!watch->is_running) {
		watch->is_running = true;
		return false;
	}
	const int64_t passed = now->mono_ns - last.mono_ns;
	const int64_t slept = now->boot_ns - last.boot_ns - passed;
	const int64_t stepped =
	    now->real_ns - last.real_ns - (now->boot_ns - last.boot_ns);
	const int64_t melted =
	    watch->offset_ns < passed / MELT ? watch->offset_ns : passed / MELT;
	watch->offset_ns -= melted;
	if (stepped >= STEP_MIN_NS) {
		watch->offset_ns -=
		    stepped < watch->offset_ns ? stepped : watch->offset_ns;
		*ret_gap = gap_between(last.real_ns + offset,
		    now->real_ns + watch->offset_ns, EW_GAP_CLOCK_STEP);
		return true;
	}
	if (stepped <= -STEP_MIN_NS) {
		watch->offset_ns -= stepped;
		*ret_gap = gap_between(last.real_ns + offset,
		    now->real_ns + watch->offset_ns, EW_GAP_CLOCK_STEP);
		return true;
	}
	if (slept >= SUSPEND_MIN_NS) {
		*ret_gap = gap_between(last.real_ns + offset,
		    now->real_ns + watch->offset_ns, EW_GAP_SUSPEND);
		return true;
	}
	return false;
}

int64_t
ew_clock_watch_correct(const struct ew_clock_watch *watch, int64_t ts_ns)
{
	/* a packet from before the step, read after it, is ahead of the clock: leave it */
	if (watch->offset_ns == 0 || ts_ns > watch->last.real_ns + SKEW_NS)
		return ts_ns;
	return ts_ns + watch->offset_ns;
}
