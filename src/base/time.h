/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The pipeline's clock: nanoseconds since 1970-01-01 UTC in packet time, kept from
 * running backwards by its owner. Stages take it as `now`; none reads a clock.
 */
struct ew_mono {
	int64_t ns;
};

/* What people read and the database stores: microseconds since 1970-01-01 UTC. */
struct ew_wall {
	int64_t us;
};

#define EW_NS_PER_US INT64_C(1000)
#define EW_NS_PER_MS INT64_C(1000000)
#define EW_NS_PER_S INT64_C(1000000000)

static inline struct ew_wall
ew_wall_from_mono(struct ew_mono t)
{
	return (struct ew_wall){ .us = t.ns / EW_NS_PER_US };
}

/* Read the wall clock. Only live sources and delivery timers may call it. */
struct ew_wall ew_wall_now(void);
/* The same in nanoseconds, for stamping a live watermark. */
struct ew_mono ew_mono_from_wall_clock(void);
/* CLOCK_MONOTONIC, ns: for intervals of the process itself. */
int64_t ew_ticks_ns(void);

/* "2026-01-01T00:00:00.000000Z"; buffer of at least EW_TIME_TEXT bytes. */
#define EW_TIME_TEXT 32
char *ew_wall_format(struct ew_wall t, char text[EW_TIME_TEXT]);

/*
 * Parse RFC 3339 (date alone allowed: "2026-01-01"; fraction to 9 digits; offset or Z,
 * none means UTC). Returns 0 or EW_ERR_FORMAT.
 */
int ew_wall_parse(const char *text, struct ew_wall *ret_time);

/*
 * Parse a duration: a number and one of ms s m h d, several in a row ("1h30m"); a bare 0
 * is allowed. Result in ns, 0..100 years. Returns 0 or EW_ERR_FORMAT.
 */
int ew_duration_parse(const char *text, int64_t *ret_ns);
/* The shortest form that parses back: "90s", "24h". */
char *ew_duration_format(int64_t ns, char text[EW_TIME_TEXT]);
