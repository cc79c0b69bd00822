/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ew_gap_info;

/* CLOCK_REALTIME, CLOCK_MONOTONIC and CLOCK_BOOTTIME, read together, ns. */
struct ew_clocks {
	int64_t real_ns;
	int64_t mono_ns;
	int64_t boot_ns;
};

/* Zero it before use. */
struct ew_clock_watch {
	struct ew_clocks last;
	int64_t offset_ns; /* added to packet times after the wall clock was set back */
	bool is_running;
};

/*
 * Look at the clocks, some ten times a second. True when time jumped, and then *ret_gap
 * says how (EW_GAP_SUSPEND or EW_GAP_CLOCK_STEP, in corrected time).
 */
bool ew_clock_watch_look(struct ew_clock_watch *watch, const struct ew_clocks *now,
    struct ew_gap_info *ret_gap);

/* A packet's time, or the wall clock's, as pipeline time. */
int64_t ew_clock_watch_correct(const struct ew_clock_watch *watch, int64_t ts_ns);
