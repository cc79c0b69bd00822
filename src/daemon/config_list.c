/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of the configuration's lists and mappings, and what must hold between keys. Texts in
 * ret_why continue a sentence that begins with the key's name, as in config_value.c.
 */
#include "daemon/config_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/time.h"
#include "capture/capture.h"
#include "detect/detector.h"

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

int
config_tier_parse(const char *text, uint8_t *bits, char why[CONFIG_WHY])
{
	static const char *const names[] = { [EW_TIER_LOG] = "log",
		[EW_TIER_DIGEST] = "digest",
		[EW_TIER_NOTIFY] = "notify",
		[EW_TIER_PAGE] = "page" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*bits = (uint8_t)(*bits | 1U << i);
			return 0;
		}
	}
	return why_not(why, "has \"%.60s\", but must list page, notify, digest or log",
	    text);
}

static bool
parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	const unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || port == 0 || port > 65535)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* ADDRESS[/BITS][:PORT], IPv6 with a port as [ADDRESS]:PORT. */
int
config_canary_parse(const char *text, struct ew_canary_addr *ret_canary,
    char why[CONFIG_WHY])
{
	char copy[80];
	char *address = copy;
	char *port = NULL;

	*ret_canary = (struct ew_canary_addr){ 0 };
	if (!ew_text_copy(copy, sizeof(copy), text))
		return why_not(why, "has an address that is too long");
	if (copy[0] == '[') {
		char *close = strchr(copy, ']');
		if (!close)
			return why_not(why, "has \"%.60s\", where a ] is missing",
			    text);
		*close = '\0';
		address = copy + 1;
		port = close[1] == ':' ? close + 2 : NULL;
		if (close[1] != '\0' && !port)
			address = copy;
	} else if (strchr(copy, ':') == strrchr(copy, ':') && strchr(copy, ':')) {
		port = strchr(copy, ':');
		*port++ = '\0';
	}
	if (ew_prefix_parse(address, &ret_canary->prefix) < 0 ||
	    (port && !parse_port(port, &ret_canary->port)))
		return why_not(why,
		    "has \"%.60s\", but must list ADDRESS[/BITS][:PORT]", text);
	return 0;
}

int
config_sensitive_parse(const char *port, const char *points,
    struct ew_sensitive_port *ret_port, char why[CONFIG_WHY])
{
	uint16_t value;

	if (!parse_port(port, &ret_port->port))
		return why_not(why, "has the port \"%.40s\", but must map 1 to 65535",
		    port);
	if (!parse_port(points, &value) || value > 25)
		return why_not(why,
		    "gives port %s \"%.40s\" points, but must give 1 to 25", port,
		    points);
	ret_port->points = (uint8_t)value;
	return 0;
}

static const struct ew_detector_option *
find_option(const char *detector, const char *option, bool *ret_has_detector)
{
	*ret_has_detector = false;
	for (size_t i = 0; ew_detectors[i]; i++) {
		if (strcmp(ew_detectors[i]->name, detector) != 0)
			continue;
		*ret_has_detector = true;
		for (size_t k = 0; k < ew_detectors[i]->n_options; k++)
			if (strcmp(ew_detectors[i]->options[k].name, option) == 0)
				return &ew_detectors[i]->options[k];
	}
	return NULL;
}

/* Options borrow the readers of ordinary keys by describing themselves as one. */
static struct config_key
key_of(const struct ew_detector_option *option)
{
	struct config_key key = { .name = option->name,
		.kind = CONFIG_COUNT,
		.min = option->min,
		.max = option->max };

	switch (option->unit) {
	case EW_UNIT_MS:
		key.kind = CONFIG_DURATION;
		key.min *= EW_NS_PER_MS;
		key.max *= EW_NS_PER_MS;
		break;
	case EW_UNIT_BYTES:
		key.kind = CONFIG_SIZE;
		break;
	case EW_UNIT_SWITCH:
		key.kind = CONFIG_SWITCH;
		break;
	case EW_UNIT_COUNT:
	case EW_UNIT_POINTS:
	case EW_UNIT_PERCENT:
	case EW_UNIT_HUNDREDTHS:
		break;
	}
	return key;
}

int
config_option_parse(const char *detector, const char *option, const char *text,
    int64_t *ret_value, char why[CONFIG_WHY])
{
	bool has_detector;
	const struct ew_detector_option *found =
	    find_option(detector, option, &has_detector);

	if (!found)
		return has_detector
		    ? why_not(why, "knows no option \"%.40s\" of %s", option, detector)
		    : why_not(why, "knows no detector \"%.40s\"", detector);
	const struct config_key key = key_of(found);
	uint8_t on = 0;
	int code;
	if (key.kind == CONFIG_SWITCH) {
		code = config_value_parse(&key, text, &on, why);
		*ret_value = on;
	} else {
		code = config_value_parse(&key, text, ret_value, why);
	}
	if (code == 0 && key.kind == CONFIG_DURATION)
		*ret_value /= EW_NS_PER_MS;
	return code;
}

void
config_option_show(const char *detector, const char *option, int64_t value,
    struct ew_text *text)
{
	bool has_detector;
	const struct ew_detector_option *found =
	    find_option(detector, option, &has_detector);

	if (!found)
		return;
	const struct config_key key = key_of(found);
	const uint8_t on = value != 0;
	if (key.kind == CONFIG_DURATION)
		value *= EW_NS_PER_MS;
	config_value_show(&key,
	    key.kind == CONFIG_SWITCH ? (const void *)&on : (const void *)&value, text);
}

int
config_webhook_check(const struct ew_webhook_conf *hook, char why[CONFIG_WHY])
{
	const char *type = ew_webhook_type_name((enum ew_webhook_type)hook->type);
	const bool has_secret = hook->secret[0] || hook->secret_file[0];
	const bool has_url = hook->url[0] || hook->url_file[0];

	if (hook->name[0] == '\0')
		return why_not(why, "has no name");
	if (strspn(hook->name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
	    strlen(hook->name))
		return why_not(why,
		    "has the name \"%.60s\", but names are made of letters, digits, . "
		    "_ and -",
		    hook->name);
	if (hook->url[0] && hook->url_file[0])
		return why_not(why, "has both url and url_file; keep one");
	if (hook->secret[0] && hook->secret_file[0])
		return why_not(why, "has both secret and secret_file; keep one");
	switch ((enum ew_webhook_type)hook->type) {
	case EW_WEBHOOK_PAGERDUTY:
		if (!has_secret)
			return why_not(why,
			    "needs the routing key in secret or secret_file");
		return 0; /* has a well-known URL */
	case EW_WEBHOOK_TELEGRAM:
		if (!has_secret || hook->channel[0] == '\0')
			return why_not(why,
			    "needs the bot token in secret or secret_file, and the "
			    "chat id in "
			    "channel");
		return 0;
	case EW_WEBHOOK_SYSLOG:
		if (hook->url[0] && strncmp(hook->url, "http", 4) == 0)
			return why_not(why,
			    "is of type syslog and needs a udp://, tcp:// or "
			    "unix:// URL");
		return 0; /* default unix:///dev/log */
	case EW_WEBHOOK_GENERIC:
	case EW_WEBHOOK_SLACK:
	case EW_WEBHOOK_TEAMS:
	case EW_WEBHOOK_DISCORD:
	case EW_WEBHOOK_MATTERMOST:
	case EW_WEBHOOK_GOOGLECHAT:
	case EW_WEBHOOK_ALERTMANAGER:
	case EW_WEBHOOK_FALCOSIDEKICK:
	case EW_WEBHOOK_TYPES:
		break;
	}
	if (!has_url)
		return why_not(why, "needs url or url_file");
	if (hook->url[0] && strncasecmp(hook->url, "http", 4) != 0)
		return why_not(why, "is of type %s and needs an http or https URL",
		    type);
	return 0;
}

int
config_check(const struct ew_config *config, const char **ret_key, char why[CONFIG_WHY])
{
	if (config->learning.startup_min_ns > config->learning.startup_max_ns) {
		*ret_key = "learning.startup_min";
		return why_not(why, "is longer than learning.startup_max");
	}
	if (config->capture.mode == EW_CAPTURE_INTERFACES &&
	    config->capture.workers > 1) {
		*ret_key = "capture.workers";
		return why_not(why, "is %" PRId64 ", but mode interfaces knows 1 only",
		    config->capture.workers);
	}
	for (uint32_t i = 0; i < config->n_webhooks; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(config->webhooks[i].name,
				config->webhooks[k].name) != 0)
				continue;
			*ret_key = "webhooks";
			return why_not(why, "has two targets named %s",
			    config->webhooks[i].name);
		}
	}
	return 0;
}
