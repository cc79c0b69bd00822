/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as people and files write them. All conversions are UTC and independent of the
 * process's time zone: days are counted in the proleptic Gregorian calendar.
 */
#include "base/time.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

#define SECONDS_PER_DAY INT64_C(86400)
#define MAX_DURATION_NS (INT64_C(100) * 365 * SECONDS_PER_DAY * EW_NS_PER_S)

static int64_t
read_clock(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * EW_NS_PER_S + t.tv_nsec;
}

struct ew_wall
ew_wall_now(void)
{
	return (struct ew_wall){ read_clock(CLOCK_REALTIME) / EW_NS_PER_US };
}

struct ew_mono
ew_mono_from_wall_clock(void)
{
	return (struct ew_mono){ read_clock(CLOCK_REALTIME) };
}

int64_t
ew_ticks_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/*
 * Days since 1970-01-01 of a civil date, and back. Years are counted from March, so that
 * the leap day is the last of its year (Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", 2013).
 */
static int64_t
days_from_civil(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	const int64_t era = (year >= 0 ? year : year - 399) / 400;
	const int64_t year_of_era = year - era * 400;
	const int64_t day_of_year =
	    (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	    day_of_year - 719468;
}

static void
civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	const int64_t doe = days - era * 146097;
	const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const int64_t mp = (5 * doy + 2) / 153;

	*day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	*month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

char *
ew_wall_format(struct ew_wall t, char text[EW_TIME_TEXT])
{
	int64_t seconds = t.us / 1000000;
	int64_t us = t.us % 1000000;

	if (us < 0) {
		us += 1000000;
		seconds--;
	}
	int64_t days = seconds / SECONDS_PER_DAY;
	int64_t rest = seconds % SECONDS_PER_DAY;

	if (rest < 0) {
		rest += SECONDS_PER_DAY;
		days--;
	}
	int64_t year;
	unsigned month, day;

	civil_from_days(days, &year, &month, &day);
	/* %10000: a year beyond 9999 is nonsense from a file; keep the width. */
	(void)snprintf(text, EW_TIME_TEXT, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
	    (int)(year % 10000), month, day, (int)(rest / 3600), (int)(rest / 60 % 60),
	    (int)(rest % 60), (int)us);
	return text;
}

/* Exactly n digits at *p, as a number below limit; -1 otherwise. */
static int
digits(const char **p, int n, int limit)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		value = value * 10 + (**p - '0');
		(*p)++;
	}
	return value < limit ? value : -1;
}

static bool
accept_char(const char **p, const char *any)
{
	if (!**p || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

static int
parse_offset(const char **p, int64_t *ret_seconds)
{
	*ret_seconds = 0;
	if (**p == '\0' || accept_char(p, "Zz"))
		return 0;
	const int sign = **p == '-' ? -1 : 1;

	if (!accept_char(p, "+-"))
		return EW_ERR_FORMAT;
	const int hours = digits(p, 2, 24);

	(void)accept_char(p, ":");
	const int minutes = digits(p, 2, 60);

	if (hours < 0 || minutes < 0)
		return EW_ERR_FORMAT;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int64_t
parse_fraction_us(const char **p)
{
	int64_t us = 0;
	int64_t unit = 100000;

	if (!accept_char(p, ".,"))
		return 0;
	while (isdigit((unsigned char)**p)) {
		us += (**p - '0') * unit;
		unit /= 10;
		(*p)++;
	}
	return us;
}

static unsigned
days_in_month(int64_t year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

int
ew_wall_parse(const char *text, struct ew_wall *ret_time)
{
	const char *p = text;
	const int year = digits(&p, 4, 10000);
	const bool dash1 = accept_char(&p, "-");
	const int month = digits(&p, 2, 13);
	const bool dash2 = accept_char(&p, "-");
	const int day = digits(&p, 2, 32);

	if (year < 0 || !dash1 || month < 1 || !dash2 || day < 1 ||
	    (unsigned)day > days_in_month(year, month))
		return EW_ERR_FORMAT;
	int64_t seconds =
	    days_from_civil(year, (unsigned)month, (unsigned)day) * SECONDS_PER_DAY;
	int64_t us = 0;

	if (accept_char(&p, "Tt ")) {
		const int hour = digits(&p, 2, 24);
		const bool colon1 = accept_char(&p, ":");
		const int minute = digits(&p, 2, 60);
		int second = 0;

		if (hour < 0 || !colon1 || minute < 0)
			return EW_ERR_FORMAT;
		if (accept_char(&p, ":"))
			second = digits(&p, 2, 61); /* 60: a leap second */
		if (second < 0)
			return EW_ERR_FORMAT;
		us = parse_fraction_us(&p);
		int64_t offset;

		if (parse_offset(&p, &offset) != 0)
			return EW_ERR_FORMAT;
		seconds += hour * 3600 + minute * 60 + second - offset;
	}
	if (*p)
		return EW_ERR_FORMAT;
	*ret_time = (struct ew_wall){ seconds * 1000000 + us };
	return 0;
}

/* Nanoseconds of a unit at *p, 0 when there is none. Longest match first. */
static int64_t
parse_unit(const char **p)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "ms", EW_NS_PER_MS },
		{ "us", EW_NS_PER_US },
		{ "s", EW_NS_PER_S },
		{ "m", 60 * EW_NS_PER_S },
		{ "h", 3600 * EW_NS_PER_S },
		{ "d", SECONDS_PER_DAY * EW_NS_PER_S },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const size_t length = strlen(units[i].name);

		if (strncmp(*p, units[i].name, length) == 0) {
			*p += length;
			return units[i].ns;
		}
	}
	return 0;
}

int
ew_duration_parse(const char *text, int64_t *ret_ns)
{
	const char *p = text;
	int64_t total = 0;

	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*p)
		return EW_ERR_FORMAT;
	while (*p) {
		int64_t number = 0;

		if (!isdigit((unsigned char)*p))
			return EW_ERR_FORMAT;
		while (isdigit((unsigned char)*p)) {
			number = number * 10 + (*p++ - '0');
			if (number > MAX_DURATION_NS / EW_NS_PER_US)
				return EW_ERR_FORMAT;
		}
		const int64_t unit = parse_unit(&p);

		if (!unit || number > MAX_DURATION_NS / unit)
			return EW_ERR_FORMAT;
		total += number * unit;
		if (total > MAX_DURATION_NS)
			return EW_ERR_FORMAT;
	}
	*ret_ns = total;
	return 0;
}

char *
ew_duration_format(int64_t ns, char text[EW_TIME_TEXT])
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "d", SECONDS_PER_DAY * EW_NS_PER_S },
		{ "h", 3600 * EW_NS_PER_S },
		{ "m", 60 * EW_NS_PER_S },
		{ "s", EW_NS_PER_S },
		{ "ms", EW_NS_PER_MS },
		{ "us", EW_NS_PER_US },
	};

	if (ns < EW_NS_PER_US) {
		(void)snprintf(text, EW_TIME_TEXT, "0s");
		return text;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns % units[i].ns == 0 ||
		    i + 1 == sizeof(units) / sizeof(units[0])) {
			(void)snprintf(text, EW_TIME_TEXT, "%" PRId64 "%s",
			    ns / units[i].ns, units[i].name);
			break;
		}
	}
	return text;
}
