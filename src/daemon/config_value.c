/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of the configuration: text to field and back, by the kind of the key. What
 * is shown parses back to the same value. Reasons are written to follow the key's name:
 * "capture.workers" + " is 9, but must be 1 to 4".
 */
#include "daemon/config_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/time.h"

#define HIDDEN "<secret>"

static int why_not(char *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
why_not(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, CONFIG_WHY, format, args);
	va_end(args);
	return EW_ERR_CONFIG;
}

bool
config_is_scalar(enum config_kind kind)
{
	return kind < CONFIG_TIERS;
}

static void *
field(const struct config_key *key, void *base)
{
	return (char *)base + key->offset;
}

static const void *
const_field(const struct config_key *key, const void *base)
{
	return (const char *)base + key->offset;
}

static int
parse_text(const struct config_key *key, const char *text, char *ret, char *why)
{
	const size_t length = strlen(text);

	if (length >= key->size)
		return why_not(why, "is longer than %zu bytes", key->size - 1);
	if (key->min > 0 && length == 0)
		return why_not(why, "must not be empty");
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return why_not(why, "contains a control character");
	memcpy(ret, text, length + 1);
	return 0;
}

static int
parse_url(const struct config_key *key, const char *text, char *ret, char *why)
{
	static const char *const schemes[] = { "http://", "https://", "udp://",
		"tcp://", "unix://", NULL };

	for (size_t i = 0; text[0] != '\0'; i++) {
		if (!schemes[i])
			return why_not(why,
			    "is no URL; it begins with https:// or http://");
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			break;
	}
	return parse_text(key, text, ret, why);
}

static bool
parse_number(const char *text, int64_t *ret_value, const char **ret_end)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	const long long value = strtoll(text, &end, 10);
	if (errno)
		return false;
	*ret_value = value;
	*ret_end = end;
	return true;
}

static int
parse_listen(const struct config_key *key, const char *text, char *ret, char *why)
{
	char host[EW_ADDR_TEXT];
	const char *colon = strrchr(text, ':');
	const char *end;
	struct ew_addr addr;
	int64_t port;

	if (strcmp(text, "off") == 0 || strcmp(text, "false") == 0) {
		ret[0] = '\0';
		return 0;
	}
	size_t length = colon ? (size_t)(colon - text) : 0;
	if (!colon || length >= sizeof(host) || !parse_number(colon + 1, &port, &end) ||
	    *end || port < 1 || port > 65535)
		return why_not(why, "is \"%.80s\", but must be ADDRESS:PORT or off",
		    text);
	const bool is_bracketed =
	    length >= 2 && text[0] == '[' && text[length - 1] == ']';
	(void)snprintf(host, sizeof(host), "%.*s",
	    (int)(length - (is_bracketed ? 2 : 0)), text + (is_bracketed ? 1 : 0));
	if (ew_addr_parse(host, &addr) < 0 || ew_addr_is_v4(&addr) == is_bracketed)
		return why_not(why,
		    "has no address before its port: \"%.80s\" (IPv6 in brackets)",
		    text);
	return parse_text(key, text, ret, why);
}

static int
parse_switch(const char *text, uint8_t *ret, char *why)
{
	static const char *const yes[] = { "true", "yes", "on", NULL };
	static const char *const no[] = { "false", "no", "off", NULL };

	for (size_t i = 0; yes[i]; i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return why_not(why, "is \"%.80s\", but must be true or false", text);
}

static int
parse_word(const struct config_key *key, const char *text, uint8_t *ret, char *why)
{
	char list[128] = "";
	size_t used = 0;

	for (uint8_t i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]) == 0) {
			*ret = i;
			return 0;
		}
		const int n = snprintf(list + used, sizeof(list) - used, "%s%s",
		    i ? ", " : "", key->words[i]);
		used += n > 0 && (size_t)n < sizeof(list) - used ? (size_t)n : 0;
	}
	return why_not(why, "is \"%.60s\", but must be one of %s", text, list);
}

static int
parse_count(const struct config_key *key, const char *text, int64_t *ret, char *why)
{
	const char *end;
	int64_t value;

	if (!parse_number(text, &value, &end) || *end)
		return why_not(why, "is \"%.80s\", but must be a number", text);
	if (value < key->min || value > key->max)
		return why_not(why,
		    "is %" PRId64 ", but must be %" PRId64 " to %" PRId64, value,
		    key->min, key->max);
	*ret = value;
	return 0;
}

static int
parse_duration(const struct config_key *key, const char *text, int64_t *ret, char *why)
{
	char low[EW_TIME_TEXT], high[EW_TIME_TEXT];
	int64_t value;

	if (ew_duration_parse(text, &value) < 0)
		return why_not(why,
		    "is \"%.80s\", but must be a duration such as 90s, 10m, 24h or 7d",
		    text);
	if (value < key->min || value > key->max)
		return why_not(why, "is %.32s, but must be %s to %s", text,
		    ew_duration_format(key->min, low),
		    ew_duration_format(key->max, high));
	*ret = value;
	return 0;
}

static const struct {
	const char *name;
	int64_t bytes;
} size_units[] = {
	{ "TiB", INT64_C(1) << 40 },
	{ "GiB", INT64_C(1) << 30 },
	{ "MiB", INT64_C(1) << 20 },
	{ "KiB", INT64_C(1) << 10 },
	{ "TB", INT64_C(1000000000000) },
	{ "GB", INT64_C(1000000000) },
	{ "MB", INT64_C(1000000) },
	{ "kB", INT64_C(1000) },
	{ "B", 1 },
	{ "", 1 },
};
#define SIZE_UNITS (sizeof(size_units) / sizeof(size_units[0]))

static void
show_size(int64_t value, char text[EW_TIME_TEXT])
{
	size_t i = 0;

	/* The largest binary unit that divides it. */
	while (i < 4 && (value == 0 || value % size_units[i].bytes != 0))
		i++;
	(void)snprintf(text, EW_TIME_TEXT, "%" PRId64 "%s",
	    i < 4 ? value / size_units[i].bytes : value,
	    i < 4 ? size_units[i].name : "B");
}

static int
parse_size(const struct config_key *key, const char *text, int64_t *ret, char *why)
{
	char low[EW_TIME_TEXT], high[EW_TIME_TEXT];
	const char *unit;
	int64_t value;
	size_t i = 0;

	if (!parse_number(text, &value, &unit))
		i = SIZE_UNITS;
	while (i < SIZE_UNITS && strcmp(unit, size_units[i].name) != 0)
		i++;
	if (i == SIZE_UNITS)
		return why_not(why,
		    "is \"%.80s\", but must be a size such as 512KiB, 16MiB or 4GiB",
		    text);
	if (__builtin_mul_overflow(value, size_units[i].bytes, &value) ||
	    value < key->min || value > key->max) {
		show_size(key->min, low);
		show_size(key->max, high);
		return why_not(why, "is %.40s, but must be %s to %s", text, low, high);
	}
	*ret = value;
	return 0;
}

/* "09:00" at the start of text; what follows goes to *ret_rest. */
static bool
parse_time_of_day(const char *text, int32_t *ret_s, const char **ret_rest)
{
	const char *end;
	int64_t hour, minute;

	if (!parse_number(text, &hour, &end) || *end != ':' || end - text > 2 ||
	    hour > 23)
		return false;
	text = end + 1;
	if (!parse_number(text, &minute, &end) || end - text != 2 || minute > 59)
		return false;
	*ret_s = (int32_t)(hour * 3600 + minute * 60);
	*ret_rest = end;
	return true;
}

static int
parse_time(const char *text, int32_t *ret, char *why)
{
	const char *rest;
	int32_t s;

	if (strcmp(text, "never") == 0) {
		*ret = -1;
		return 0;
	}
	if (!parse_time_of_day(text, &s, &rest) || *rest)
		return why_not(why,
		    "is \"%.80s\", but must be a time such as \"09:00\", or never",
		    text);
	*ret = s;
	return 0;
}

static int
parse_quiet(const char *text, struct ew_webhook_conf *hook, char *why)
{
	const char *rest;
	int32_t from = 0, to = 0;

	if (strcmp(text, "never") != 0 &&
	    (!parse_time_of_day(text, &from, &rest) || *rest != '-' ||
		!parse_time_of_day(rest + 1, &to, &rest) || *rest || from == to))
		return why_not(why,
		    "is \"%.80s\", but must be two times such as \"22:00-07:00\", or "
		    "never",
		    text);
	hook->quiet_from_s = from;
	hook->quiet_to_s = to;
	return 0;
}

/* The lowest score of each word: ew_severity_name's table. */
static const struct {
	const char *name;
	uint8_t score;
} severities[] = { { "info", 0 }, { "low", 30 }, { "medium", 50 }, { "high", 70 },
	{ "critical", 90 } };

static int
parse_severity(const char *text, uint8_t *ret, char *why)
{
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		if (strcmp(text, severities[i].name) == 0) {
			*ret = severities[i].score;
			return 0;
		}
	}
	return why_not(why,
	    "is \"%.80s\", but must be info, low, medium, high or critical", text);
}

int
config_value_parse(const struct config_key *key, const char *text, void *base,
    char why[CONFIG_WHY])
{
	void *f = field(key, base);
	int64_t count = 0;
	int code;

	switch (key->kind) {
	case CONFIG_TEXT:
	case CONFIG_SECRET:
		return parse_text(key, text, f, why);
	case CONFIG_URL:
		return parse_url(key, text, f, why);
	case CONFIG_LISTEN:
		return parse_listen(key, text, f, why);
	case CONFIG_SWITCH:
		return parse_switch(text, f, why);
	case CONFIG_WORD:
		return parse_word(key, text, f, why);
	case CONFIG_COUNT:
		return parse_count(key, text, f, why);
	case CONFIG_COUNT32:
		code = parse_count(key, text, &count, why);
		if (code == 0)
			*(uint32_t *)f = (uint32_t)count;
		return code;
	case CONFIG_DURATION_NEVER:
		if (strcmp(text, "never") == 0) {
			*(int64_t *)f = 0;
			return 0;
		}
		return parse_duration(key, text, f, why);
	case CONFIG_DURATION:
		return parse_duration(key, text, f, why);
	case CONFIG_SIZE:
		return parse_size(key, text, f, why);
	case CONFIG_TIME_NEVER:
		return parse_time(text, f, why);
	case CONFIG_QUIET:
		return parse_quiet(text, base, why);
	case CONFIG_SEVERITY:
		return parse_severity(text, f, why);
	case CONFIG_TIERS:
	case CONFIG_PATTERNS:
	case CONFIG_CANARIES:
	case CONFIG_SENSITIVE:
	case CONFIG_DETECTORS:
	case CONFIG_WEBHOOKS:
		break;
	}
	return why_not(why, "is no single value");
}

/* Scheme and host say enough; the path of a chat webhook is its password. */
static void
show_url(const char *url, struct ew_text *text)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	const char *at = host ? strchr(host + 3, '@') : NULL;
	char shown[1100];

	if (host && at && (!path || at < path))
		(void)snprintf(shown, sizeof(shown), "%.*s" HIDDEN,
		    (int)(host + 3 - url), url);
	else if (path && path[1] != '\0' && strncmp(url, "unix:", 5) != 0)
		(void)snprintf(shown, sizeof(shown), "%.*s" HIDDEN,
		    (int)(path + 1 - url), url);
	else
		(void)snprintf(shown, sizeof(shown), "%s", url);
	ew_text_add_json(text, shown);
}

static void
show_time(int32_t s, struct ew_text *text)
{
	ew_text_addf(text, "%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60));
}

static void
show_number(enum config_kind kind, int64_t value, struct ew_text *text)
{
	char number[EW_TIME_TEXT];

	if (kind == CONFIG_DURATION_NEVER && value == 0)
		ew_text_add(text, "never");
	else if (kind == CONFIG_SIZE)
		show_size(value, number), ew_text_add(text, number);
	else if (kind == CONFIG_COUNT)
		ew_text_addf(text, "%" PRId64, value);
	else
		ew_text_add(text, ew_duration_format(value, number));
}

static const char *
severity_word(uint8_t score)
{
	size_t i = sizeof(severities) / sizeof(severities[0]) - 1;

	while (i > 0 && severities[i].score > score)
		i--;
	return severities[i].name;
}

void
config_value_show(const struct config_key *key, const void *base, struct ew_text *text)
{
	const void *f = const_field(key, base);
	const struct ew_webhook_conf *hook = base;
	int64_t value;

	switch (key->kind) {
	case CONFIG_TEXT:
		ew_text_add_json(text, f);
		break;
	case CONFIG_SECRET:
		ew_text_add_json(text, *(const char *)f ? HIDDEN : "");
		break;
	case CONFIG_URL:
		show_url(f, text);
		break;
	case CONFIG_LISTEN:
		ew_text_add_json(text, *(const char *)f ? (const char *)f : "off");
		break;
	case CONFIG_SWITCH:
		ew_text_add(text, *(const uint8_t *)f ? "true" : "false");
		break;
	case CONFIG_WORD:
		ew_text_add(text, key->words[*(const uint8_t *)f]);
		break;
	case CONFIG_COUNT32:
		ew_text_addf(text, "%" PRIu32, *(const uint32_t *)f);
		break;
	case CONFIG_COUNT:
	case CONFIG_DURATION:
	case CONFIG_DURATION_NEVER:
	case CONFIG_SIZE:
		memcpy(&value, f, sizeof(value));
		show_number(key->kind, value, text);
		break;
	case CONFIG_TIME_NEVER:
		if (*(const int32_t *)f < 0) {
			ew_text_add(text, "never");
			break;
		}
		ew_text_add(text, "\"");
		show_time(*(const int32_t *)f, text);
		ew_text_add(text, "\"");
		break;
	case CONFIG_QUIET:
		if (hook->quiet_from_s == hook->quiet_to_s) {
			ew_text_add(text, "never");
			break;
		}
		ew_text_add(text, "\"");
		show_time(hook->quiet_from_s, text);
		ew_text_add(text, "-");
		show_time(hook->quiet_to_s, text);
		ew_text_add(text, "\"");
		break;
	case CONFIG_SEVERITY:
		ew_text_add(text, severity_word(*(const uint8_t *)f));
		break;
	case CONFIG_TIERS:
	case CONFIG_PATTERNS:
	case CONFIG_CANARIES:
	case CONFIG_SENSITIVE:
	case CONFIG_DETECTORS:
	case CONFIG_WEBHOOKS:
		break;
	}
}
