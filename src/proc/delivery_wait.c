/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a target asks us to wait: RFC 9110 section 10.2.3 allows seconds or a date;
 * Discord sends fractions, Discord and Telegram repeat it in a JSON body.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "proc/delivery_priv.h"

#define WAIT_MAX_US INT64_C(86400000000)

static int64_t
bounded(double seconds)
{
	if (!isfinite(seconds) || seconds <= 0)
		return 0;
	const double us = ceil(seconds * 1e6);
	return us > (double)WAIT_MAX_US ? WAIT_MAX_US : (int64_t)us;
}

/*
 * "Wed, 21 Oct 2026 07:28:00 GMT" (RFC 9110 section 5.6.7; the obsolete forms are not worth
 * it). The program never leaves the C locale, so names are English.
 */
static int64_t
from_date(const char *text, int64_t now_us)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (!end || *end != '\0')
		return 0;
	return bounded((double)((int64_t)timegm(&tm) * 1000000 - now_us) / 1e6);
}

static int64_t
from_body(const char *body)
{
	json_t *json = json_loads(body, JSON_DISABLE_EOF_CHECK, NULL);
	const json_t *value = json_object_get(json, "retry_after");

	if (!value)
		value =
		    json_object_get(json_object_get(json, "parameters"), "retry_after");
	const int64_t us =
	    json_is_number(value) ? bounded(json_number_value(value)) : 0;
	json_decref(json);
	return us;
}

int64_t
ew_delivery_retry_after_us(const char *header, const char *body, int64_t now_us)
{
	char *end;

	if (header[0]) {
		const double seconds = strtod(header, &end);
		const int64_t us = end != header && *end == '\0'
		    ? bounded(seconds)
		    : from_date(header, now_us);
		if (us > 0)
			return us;
	}
	return body[0] == '{' ? from_body(body) : 0;
}
