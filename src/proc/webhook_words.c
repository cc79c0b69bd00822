/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all chat targets say alike: words, bounds and the taming of names. A container can be
 * called "<!channel>" or "[click](http://evil)", so every string of a message passes
 * ew_webhook_words before it is markup. Limits are counted in characters (code points), as
 * the makers of the targets count them; cutting bytes would tear one.
 */
#include "proc/webhook_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"

#define ZERO_WIDTH_SPACE "\xe2\x80\x8b"
#define ELLIPSIS "\xe2\x80\xa6"

/* One code point of s; *ret_size 0 at the end. Bad bytes come out as U+FFFD, one by one. */
static uint32_t
next_char(const char *s, size_t *ret_size)
{
	const unsigned char *u = (const unsigned char *)s;
	const size_t length = u[0] < 0x80 ? 1
	    : (u[0] & 0xe0) == 0xc0	  ? 2
	    : (u[0] & 0xf0) == 0xe0	  ? 3
	    : (u[0] & 0xf8) == 0xf0	  ? 4
					  : 0;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = length == 1 ? u[0] : u[0] & (0xffU >> (length + 1));

	*ret_size = u[0] == '\0' ? 0 : 1;
	if (length <= 1)
		return length == 1 ? c : 0xfffd;
	for (size_t i = 1; i < length; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (u[i] & 0x3fU);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0xfffd;
	*ret_size = length;
	return c;
}

/* Invisible characters reorder or hide text: bidi, zero width, C0, C1. */
static bool
is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069) ||
	    c == 0xfeff || c == 0x061c || c == 0xad;
}

/* What stands for a character that means something in this markup; NULL: itself. */
static const char *
entity_of(enum ew_webhook_markup markup, uint32_t c)
{
	static const struct {
		enum ew_webhook_markup markup;
		uint32_t c;
		const char *text;
	} entities[] = {
		{ EW_MARKUP_SLACK, '&', "&amp;" },
		{ EW_MARKUP_SLACK, '<', "&lt;" },
		{ EW_MARKUP_SLACK, '>', "&gt;" },
		{ EW_MARKUP_HTML, '&', "&amp;" },
		{ EW_MARKUP_HTML, '<', "&lt;" },
		{ EW_MARKUP_HTML, '>', "&gt;" },
		{ EW_MARKUP_HTML, '"', "&quot;" },
		{ EW_MARKUP_QUOTES, '<', "\xe2\x80\xb9" },
		{ EW_MARKUP_QUOTES, '>', "\xe2\x80\xba" },
	};

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (entities[i].markup == markup && entities[i].c == c)
			return entities[i].text;
	return c == 0xfffd ? "\xef\xbf\xbd" : NULL;
}

static void
add_char(struct ew_text *text, enum ew_webhook_markup markup, uint32_t c,
    const char *bytes, size_t size)
{
	const char *entity = entity_of(markup, c);

	if (is_control(c)) {
		if (c == '\n' || c == '\t')
			ew_text_add(text, " ");
		return;
	}
	if (entity) {
		ew_text_add(text, entity);
		return;
	}
	if (markup == EW_MARKUP_MARKDOWN && c < 0x80 && strchr("\\`*_~|[]<>", (int)c))
		ew_text_add(text, "\\");
	ew_text_add_bytes(text, bytes, size);
	/* A mention or an automatic link does not survive a gap nobody sees. */
	if (markup != EW_MARKUP_PLAIN &&
	    (c == '@' || (c == ':' && bytes[1] == '/' && bytes[2] == '/')))
		ew_text_add(text, ZERO_WIDTH_SPACE);
}

void
ew_webhook_words(struct ew_text *text, enum ew_webhook_markup markup, const char *s,
    size_t max_chars)
{
	size_t size, count = 0, total = 0;

	for (const char *p = s; *p; p += size, total++)
		(void)next_char(p, &size);
	for (const char *p = s; *p; p += size, count++) {
		const uint32_t c = next_char(p, &size);
		if (total > max_chars && count + 1 >= max_chars) {
			ew_text_add(text, ELLIPSIS);
			return;
		}
		add_char(text, markup, c, p, size);
	}
}

size_t
ew_webhook_length(const char *s)
{
	size_t size, count = 0;

	for (; *s; s += size, count++)
		(void)next_char(s, &size);
	return count;
}

void
ew_webhook_clip(struct ew_text *text, size_t max_chars)
{
	size_t size, at = 0;

	if (text->length == 0 || ew_webhook_length(text->text) <= max_chars)
		return;
	for (size_t i = 0; i + 1 < max_chars; i++, at += size)
		(void)next_char(text->text + at, &size);
	text->text[at] = '\0';
	text->length = at;
	ew_text_add(text, ELLIPSIS);
}

const char *
ew_webhook_tier(const struct ew_message *message)
{
	static const char *const names[] = { "log", "digest", "notify", "page" };

	return message->tier <= EW_TIER_PAGE ? names[message->tier] : "log";
}

/* detectors.md 2. The same words as ew_severity_name, which lives below us in alert. */
const char *
ew_webhook_severity(const struct ew_message *message)
{
	const int s = message->score;

	return s >= 90 ? "critical"
	    : s >= 70  ? "high"
	    : s >= 50  ? "medium"
	    : s >= 30  ? "low"
		       : "info";
}

const char *
ew_webhook_badge(const struct ew_message *message)
{
	switch ((enum ew_message_kind)message->kind) {
	case EW_MSG_OPENED:
	case EW_MSG_UPDATED:
		return message->score >= 90 ? "CRITICAL"
		    : message->score >= 70  ? "HIGH"
		    : message->score >= 50  ? "MEDIUM"
		    : message->score >= 30  ? "LOW"
					    : "INFO";
	case EW_MSG_RESOLVED:
		return "RESOLVED";
	case EW_MSG_DIGEST:
		return "DIGEST";
	case EW_MSG_STORM:
		return "MANY INCIDENTS";
	case EW_MSG_TEST:
		return "TEST";
	case EW_MSG_HEALTH:
		return "COVERAGE";
	}
	return "INFO";
}

const char *
ew_webhook_event(const struct ew_message *message)
{
	switch ((enum ew_message_kind)message->kind) {
	case EW_MSG_OPENED:
		return "incident.opened";
	case EW_MSG_UPDATED:
		return "incident.updated";
	case EW_MSG_RESOLVED:
		return "incident.resolved";
	case EW_MSG_DIGEST:
		return "digest";
	case EW_MSG_STORM:
		return "storm";
	case EW_MSG_TEST:
		return "test";
	case EW_MSG_HEALTH:
		return "health";
	}
	return "unknown";
}

unsigned
ew_webhook_colour(const struct ew_message *message)
{
	if (message->kind == EW_MSG_RESOLVED)
		return 0x2e7d32;
	if (message->kind == EW_MSG_DIGEST || message->kind == EW_MSG_TEST)
		return 0x546e7a;
	return message->score >= 90 ? 0xb71c1c
	    : message->score >= 70  ? 0xe65100
	    : message->score >= 50  ? 0xf9a825
				    : 0x546e7a;
}

void
ew_webhook_command(const struct ew_message *message, struct ew_text *text)
{
	if (message->incident_id)
		ew_text_addf(text, "eastwatch explain %016" PRIx64,
		    message->incident_id);
	else
		ew_text_add(text, "eastwatch incidents --state open");
}

void
ew_webhook_commands(const struct ew_message *message, const char *open,
    const char *close, struct ew_text *text)
{
	ew_text_add(text, open);
	ew_webhook_command(message, text);
	ew_text_add(text, close);
	if (!message->incident_id || message->kind == EW_MSG_RESOLVED)
		return;
	ew_text_addf(text,
	    "\nharmless, forbidden, or not now: %seastwatch baseline "
	    "accept|deny|snooze "
	    "%016" PRIx64 "%s",
	    open, message->incident_id, close);
}

void
ew_webhook_targets(struct ew_text *text, enum ew_webhook_markup markup,
    const struct ew_message *message, const char *bullet)
{
	for (unsigned i = 0; i < message->n_targets && i < EW_MESSAGE_TARGETS; i++) {
		ew_text_add(text, i ? "\n" : "");
		ew_text_add(text, bullet);
		ew_webhook_words(text, markup, message->targets[i], 200);
	}
	if (message->more_targets)
		ew_text_addf(text, "\n%sand %" PRIu32 " more", bullet,
		    message->more_targets);
}

void
ew_webhook_reasons(struct ew_text *text, enum ew_webhook_markup markup,
    const struct ew_message *message, const char *bullet)
{
	for (unsigned i = 0; i < message->n_reasons && i < EW_MESSAGE_REASONS; i++) {
		ew_text_add(text, i ? "\n" : "");
		ew_text_addf(text, "%s%+d ", bullet, message->reasons[i].points);
		ew_webhook_words(text, markup, message->reasons[i].text, 160);
	}
}

void
ew_webhook_link(const struct ew_webhook_conf *conf, const struct ew_message *message,
    struct ew_text *text)
{
	if (conf->link[0] && message->incident_id)
		ew_text_addf(text, "%s%016" PRIx64, conf->link, message->incident_id);
}

void
ew_webhook_key(const struct ew_message *message, struct ew_text *text)
{
	ew_text_add(text, "eastwatch-");
	ew_webhook_words(text, EW_MARKUP_PLAIN, message->node, 63);
	ew_text_addf(text, "-%016" PRIx64,
	    message->incident_id ? message->incident_id : message->id);
}

json_t *
ew_webhook_json(struct ew_text *text)
{
	/* jansson refuses bad UTF-8; words() lets none through, so NULL cannot come. */
	json_t *string = json_stringn(text->text ? text->text : "", text->length);

	ew_text_clear(text);
	return string ? string : json_string("?");
}

json_t *
ew_webhook_jwords(enum ew_webhook_markup markup, const char *s, size_t max_chars)
{
	struct ew_text text;

	ew_text_init(&text, 16384);
	ew_webhook_words(&text, markup, s, max_chars);
	json_t *string = ew_webhook_json(&text);
	ew_text_fini(&text);
	return string;
}

static json_t *
hex_id(uint64_t id)
{
	char text[17];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, id);
	return json_string(text);
}

static json_t *
plain(const char *s)
{
	return ew_webhook_jwords(EW_MARKUP_PLAIN, s, 1024);
}

/* "shop/db:5432/tcp established" into {workload, port, proto, outcome}. */
static json_t *
target_json(const char *target)
{
	char copy[320];
	json_t *json = json_object();
	struct ew_addr addr;

	(void)ew_text_copy(copy, sizeof(copy), target);
	char *outcome = strrchr(copy, ' ');
	if (outcome)
		*outcome++ = '\0';
	char *proto = strrchr(copy, '/');
	char *port = strrchr(copy, ':');
	if (proto && port && port < proto) {
		*proto++ = '\0';
		*port++ = '\0';
	} else {
		port = proto = NULL;
	}
	/* An IPv6 address stands in brackets. */
	const size_t length = strlen(copy);
	char *name = copy;
	if (length > 2 && copy[0] == '[' && copy[length - 1] == ']') {
		copy[length - 1] = '\0';
		name = copy + 1;
	}
	const char *key = ew_addr_parse(name, &addr) == 0 ? "address" : "workload";
	(void)json_object_set_new(json, key, plain(name));
	(void)json_object_set_new(json, "port",
	    port && strspn(port, "0123456789") == strlen(port)
		? json_integer(strtol(port, NULL, 10))
		: json_null());
	(void)json_object_set_new(json, "proto", proto ? plain(proto) : json_null());
	(void)json_object_set_new(json, "outcome",
	    outcome ? plain(outcome) : json_null());
	return json;
}

static json_t *
reasons_json(const struct ew_message *m)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < m->n_reasons && i < EW_MESSAGE_REASONS; i++) {
		json_t *reason = json_object();
		(void)json_object_set_new(reason, "reason", plain(m->reasons[i].text));
		(void)json_object_set_new(reason, "points",
		    json_integer(m->reasons[i].points));
		(void)json_array_append_new(list, reason);
	}
	return list;
}

/* "T1046, T1021" into a list. */
static json_t *
words_json(const char *words)
{
	json_t *list = json_array();

	for (const char *p = words + strspn(words, ", "); *p; p += strspn(p, ", ")) {
		char word[64];
		const size_t length = strcspn(p, ", ");
		(void)snprintf(word, sizeof(word), "%.*s", (int)length, p);
		(void)json_array_append_new(list, plain(word));
		p += length;
	}
	return list;
}

/* Message fields that the incident of design.md 8 has no key for: context for a reader. */
static void
add_context(json_t *json, const struct ew_message *m)
{
	(void)json_object_set_new(json, "node", plain(m->node));
	(void)json_object_set_new(json, "image", plain(m->image));
	(void)json_object_set_new(json, "baseline", plain(m->baseline));
	(void)json_object_set_new(json, "posture", plain(m->posture));
	(void)json_object_set_new(json, "benign", plain(m->benign));
	(void)json_object_set_new(json, "more_targets", json_integer(m->more_targets));
	(void)json_object_set_new(json, "sequence", json_integer(m->sequence));
}

json_t *
ew_webhook_incident(const struct ew_message *m)
{
	json_t *json = json_object();
	json_t *list = json_array();

	(void)json_object_set_new(json, "schema", json_string("eastwatch.incident/1"));
	(void)json_object_set_new(json, "id",
	    m->incident_id ? hex_id(m->incident_id) : json_null());
	(void)json_object_set_new(json, "opened_us", json_integer(m->opened_us));
	(void)json_object_set_new(json, "updated_us", json_integer(m->updated_us));
	(void)json_object_set_new(json, "state",
	    json_string(m->kind == EW_MSG_RESOLVED ? "closed" : "open"));
	(void)json_object_set_new(json, "tier", json_string(ew_webhook_tier(m)));
	(void)json_object_set_new(json, "severity",
	    json_string(ew_webhook_severity(m)));
	(void)json_object_set_new(json, "score", json_integer(m->score));
	(void)json_object_set_new(json, "title", plain(m->title));
	(void)json_object_set_new(json, "src_workload", plain(m->src_workload));
	(void)json_object_set_new(json, "src_instance", plain(m->src_instance));
	for (unsigned i = 0; i < m->n_targets && i < EW_MESSAGE_TARGETS; i++)
		(void)json_array_append_new(list, target_json(m->targets[i]));
	(void)json_object_set_new(json, "targets", list);
	(void)json_object_set_new(json, "techniques", words_json(m->techniques));
	(void)json_object_set_new(json, "reasons", reasons_json(m));
	(void)json_object_set_new(json, "path", plain(m->path));
	(void)json_object_set_new(json, "messages_sent", json_integer(m->sequence));
	(void)json_object_set_new(json, "gaps", json_boolean(m->gaps));
	add_context(json, m);
	if (m->n_lines) {
		list = json_array();
		for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++)
			(void)json_array_append_new(list, plain(m->lines[i]));
		(void)json_object_set_new(json, "lines", list);
	}
	return json;
}

static int
add_dump(const char *bytes, size_t size, void *context)
{
	ew_text_add_bytes(context, bytes, size);
	return 0;
}

void
ew_webhook_dump(json_t *take_json, struct ew_text *text)
{
	(void)json_dump_callback(take_json, add_dump, text,
	    JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(take_json);
}
