/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that change something, from JSON to the record core gets. Pure, so that a fuzzer
 * can have it. Unknown fields are refused: a misspelt "ttl" must not become "for ever".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/control_priv.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "graph/record.h"

struct word {
	const char *name;
	unsigned value;
};

static const struct word actions[] = {
	{ "accept", EW_ACT_ACCEPT },
	{ "deny", EW_ACT_DENY },
	{ "snooze", EW_ACT_SNOOZE },
	{ "forget", EW_ACT_FORGET },
	{ "lock", EW_ACT_LOCK },
	{ "unlock", EW_ACT_UNLOCK },
	{ "label", EW_ACT_LABEL },
	{ "undo", EW_ACT_UNDO },
	{ "relearn", EW_ACT_RELEARN },
	{ NULL, 0 },
};

static const struct word decisions[] = {
	{ "accept", EW_DECISION_ACCEPTED },
	{ "deny", EW_DECISION_DENIED },
	{ "snooze", EW_DECISION_SNOOZED },
	{ NULL, 0 },
};

static const struct word label_words[] = {
	{ "canary", EW_LABEL_CANARY },
	{ "scanner", EW_LABEL_SCANNER },
	{ "router", EW_LABEL_ROUTER },
	{ "vip", EW_LABEL_VIP },
	{ "proxy", EW_LABEL_PROXY },
	{ "scraper", EW_LABEL_SCRAPER },
	{ "sensitive", EW_LABEL_SENSITIVE },
	{ NULL, 0 },
};

static int why_not(char *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int
why_not(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, 256, format, args);
	va_end(args);
	return EW_ERR_USAGE;
}

static int
read_word(const json_t *json, const char *key, const struct word *words,
    unsigned *ret_value, char *why)
{
	const char *text = json_string_value(json_object_get(json, key));

	for (size_t i = 0; text && words[i].name; i++) {
		if (strcmp(words[i].name, text) == 0) {
			*ret_value = words[i].value;
			return 0;
		}
	}
	return why_not(why, "%s is missing, or no word that is known", key);
}

/* Absent is fine; anything but a text that fits is not. */
static int
read_text(const json_t *json, const char *key, char *ret_text, size_t size, char *why)
{
	const json_t *value = json_object_get(json, key);
	const char *text = json_string_value(value);

	if (!value || json_is_null(value))
		return 0;
	if (!text)
		return why_not(why, "%s must be a text", key);
	if (strlen(text) != json_string_length(value) || strlen(text) >= size)
		return why_not(why, "%s is longer than %zu bytes", key, size - 1);
	(void)ew_text_copy_bytes(ret_text, size, text, strlen(text));
	return 0;
}

/* Ids are 16 hex digits, in JSON as text: a number would lose bits. */
static int
read_id(const json_t *json, const char *key, uint64_t *ret_id, char *why)
{
	const json_t *value = json_object_get(json, key);
	const char *text = json_string_value(value);

	if (!value || json_is_null(value))
		return 0;
	if (!text || strlen(text) == 0 || strlen(text) > 16 ||
	    strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return why_not(why, "%s must be an id of up to 16 hex digits", key);
	*ret_id = strtoull(text, NULL, 16);
	return 0;
}

static int
read_ttl(const json_t *json, int64_t *ret_ns, char *why)
{
	const json_t *value = json_object_get(json, "ttl");
	const char *text = json_string_value(value);

	if (!value || json_is_null(value))
		return 0;
	if (!text || ew_duration_parse(text, ret_ns) < 0)
		return why_not(why,
		    "ttl must be a duration such as 90s, 10m, 24h or 7d");
	return 0;
}

static int
read_labels(const json_t *json, uint16_t *ret_labels, char *why)
{
	const json_t *list = json_object_get(json, "labels");
	size_t i;
	json_t *value;

	if (list && !json_is_array(list))
		return why_not(why, "labels must be a list");
	json_array_foreach(list, i, value)
	{
		const char *text = json_string_value(value);
		size_t k = 0;
		while (label_words[k].name &&
		    (!text || strcmp(label_words[k].name, text) != 0))
			k++;
		if (!label_words[k].name)
			return why_not(why,
			    "labels are canary, scanner, router, vip, proxy, scraper, "
			    "sensitive");
		*ret_labels = (uint16_t)(*ret_labels | label_words[k].value);
	}
	return 0;
}

/* Only these fields, besides the frame's own. */
static int
check_fields(const json_t *json, const char *const *known, char *why)
{
	static const char *const frame[] = { "eastwatch", "id", "verb", "reason",
		NULL };
	const char *key;
	json_t *value;

	/* jansson's macro wants a mutable object, but does not change it. */
	json_object_foreach((json_t *)(uintptr_t)(const void *)json, key, value)
	{
		bool is_known = false;
		for (size_t i = 0; frame[i]; i++)
			is_known |= strcmp(frame[i], key) == 0;
		for (size_t i = 0; known[i]; i++)
			is_known |= strcmp(known[i], key) == 0;
		if (!is_known)
			return why_not(why, "unknown field \"%.60s\"", key);
	}
	return 0;
}

static int
read_decide(const json_t *json, struct ew_control_request *r, char *why)
{
	static const char *const known[] = { "action", "pattern", "ttl", "labels",
		"undoes", "incident", NULL };
	unsigned action = 0;
	int code = check_fields(json, known, why);

	if (code == 0)
		code = read_word(json, "action", actions, &action, why);
	if (code == 0)
		code = read_text(json, "pattern", r->pattern, sizeof(r->pattern), why);
	if (code == 0)
		code = read_ttl(json, &r->ttl_ns, why);
	if (code == 0)
		code = read_labels(json, &r->labels, why);
	if (code == 0)
		code = read_id(json, "undoes", &r->undoes, why);
	if (code == 0)
		code = read_id(json, "incident", &r->incident_id, why);
	if (code < 0)
		return code;
	r->verb = EW_CONTROL_DECIDE;
	r->action = (uint8_t)action;
	if (action == EW_ACT_UNDO)
		return r->undoes
		    ? 0
		    : why_not(why, "undo needs the id of a decision in undoes");
	return r->pattern[0] ? 0 : why_not(why, "pattern is missing");
}

static int
read_decide_incident(const json_t *json, struct ew_control_request *r, char *why)
{
	static const char *const known[] = { "incident", "decision", "ttl", NULL };
	unsigned decision = 0;
	int code = check_fields(json, known, why);

	if (code == 0)
		code = read_word(json, "decision", decisions, &decision, why);
	if (code == 0)
		code = read_id(json, "incident", &r->incident_id, why);
	if (code == 0)
		code = read_ttl(json, &r->ttl_ns, why);
	if (code < 0)
		return code;
	r->verb = EW_CONTROL_DECIDE_INCIDENT;
	r->decision = (uint8_t)decision;
	if (decision == EW_DECISION_SNOOZED && r->ttl_ns == 0)
		return why_not(why, "snooze needs a ttl");
	return r->incident_id ? 0 : why_not(why, "incident is missing");
}

static int
read_replay(const json_t *json, struct ew_control_request *r, char *why)
{
	static const char *const known[] = { "message", "target", "all", NULL };
	int code = check_fields(json, known, why);

	if (code == 0)
		code = read_id(json, "message", &r->message_id, why);
	if (code == 0)
		code = read_text(json, "target", r->target, sizeof(r->target), why);
	r->verb = EW_CONTROL_WEBHOOK_REPLAY;
	if (code == 0 && !r->message_id && !json_is_true(json_object_get(json, "all")))
		return why_not(why,
		    "message is missing; \"all\": true means every dead one");
	return code;
}

int
control_read_change(const char *verb, const json_t *json,
    struct ew_control_request *ret_request, char ret_why[256])
{
	static const char *const none[] = { NULL };

	memset(ret_request, 0, sizeof(*ret_request));
	if (read_text(json, "reason", ret_request->why, sizeof(ret_request->why),
		ret_why) < 0)
		return EW_ERR_USAGE;
	if (strcmp(verb, "decide") == 0)
		return read_decide(json, ret_request, ret_why);
	if (strcmp(verb, "decide-incident") == 0)
		return read_decide_incident(json, ret_request, ret_why);
	if (strcmp(verb, "webhook-replay") == 0)
		return read_replay(json, ret_request, ret_why);
	ret_request->verb =
	    strcmp(verb, "reload") == 0 ? EW_CONTROL_RELOAD : EW_CONTROL_FLUSH;
	return check_fields(json, none, ret_why);
}
