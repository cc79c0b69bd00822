/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/text.h"
#include "proc/webhook.h"

/*
 * What a target type is: one const struct per file (webhook_NAME.c), listed in webhook.c.
 * To add one: a file, an enum value, a word in daemon/config_table.c, a golden test.
 */
struct ew_webhook_secrets {
	char url[1024];
	char secret[256];
};

struct ew_webhook_kind {
	const char *name;
	const char *content_type;
	const char *default_url; /* NULL: must be configured */
	uint32_t per_minute;	 /* what its maker allows */
	bool is_datagram;	 /* syslog: no HTTP */
	/* The body. Pure. */
	void (*render)(const struct ew_webhook_conf *conf,
	    const struct ew_message *message, struct ew_text *text);
	/* Sign, or change the URL; NULL: plain POST, bearer token when there is a secret. */
	void (*finish)(const struct ew_webhook_conf *conf,
	    const struct ew_message *message, const struct ew_webhook_secrets *secrets,
	    int64_t now_us, struct ew_webhook_request *request);
	/* NULL: the usual meaning of status codes. */
	enum ew_webhook_verdict (*judge)(long status, const char *body);
};

extern const struct ew_webhook_kind ew_webhook_generic;
extern const struct ew_webhook_kind ew_webhook_slack;
extern const struct ew_webhook_kind ew_webhook_teams;
extern const struct ew_webhook_kind ew_webhook_discord;
extern const struct ew_webhook_kind ew_webhook_mattermost;
extern const struct ew_webhook_kind ew_webhook_googlechat;
extern const struct ew_webhook_kind ew_webhook_telegram;
extern const struct ew_webhook_kind ew_webhook_pagerduty;
extern const struct ew_webhook_kind ew_webhook_alertmanager;
extern const struct ew_webhook_kind ew_webhook_syslog;
extern const struct ew_webhook_kind ew_webhook_falcosidekick;

enum ew_webhook_verdict ew_webhook_judge_status(long status);
const struct ew_webhook_kind *ew_webhook_kind(enum ew_webhook_type type);

/* --- webhook_words.c: what all of them say ---------------------------------------------------- */

/*
 * A sink for text of bounded length in characters (not bytes), with one way to neutralise
 * hostile names. Past `left` characters an ellipsis ends it.
 */
enum ew_webhook_markup {
	EW_MARKUP_PLAIN,    /* control characters out, nothing else */
	EW_MARKUP_SLACK,    /* & < > as entities: no link, no mention */
	EW_MARKUP_MARKDOWN, /* \ before what means something; @ and # broken up */
	EW_MARKUP_HTML,	    /* & < > " as entities */
	EW_MARKUP_QUOTES, /* < > as single quotation marks: Google Chat has no escapes */
};
/* Append at most max_chars characters of s, neutralised. */
void ew_webhook_words(struct ew_text *text, enum ew_webhook_markup markup,
    const char *s, size_t max_chars);

/* Cut what stands in text to max_chars characters, the last one an ellipsis. */
void ew_webhook_clip(struct ew_text *text, size_t max_chars);
size_t ew_webhook_length(const char *s); /* in characters */

/* "PAGE", "NOTIFY"; "resolved", "update 2": the tag line in front of a title. */
const char *ew_webhook_tier(
    const struct ew_message *message); /* page notify digest log */
const char *ew_webhook_severity(const struct ew_message *message);
/* "HIGH", "RESOLVED", "DIGEST", "TEST" ... */
const char *ew_webhook_badge(const struct ew_message *message);
/* "alert.opened", "digest" ... */
const char *ew_webhook_event(const struct ew_message *message);
/* Colour by severity, 0xRRGGBB. */
unsigned ew_webhook_colour(const struct ew_message *message);
/* "eastwatch explain 4f2a..." */
void ew_webhook_command(const struct ew_message *message, struct ew_text *text);
/* The same between open and close, and what to do about it on a second line. */
void ew_webhook_commands(const struct ew_message *message, const char *open,
    const char *close, struct ew_text *text);
/* "1 234" target lines, "and 17 more" included. */
void ew_webhook_targets(struct ew_text *text, enum ew_webhook_markup markup,
    const struct ew_message *message, const char *bullet);
void ew_webhook_reasons(struct ew_text *text, enum ew_webhook_markup markup,
    const struct ew_message *message, const char *bullet);
/* Incident page below conf->link; empty without. */
void ew_webhook_link(const struct ew_webhook_conf *conf,
    const struct ew_message *message, struct ew_text *text);
/* Dedup and thread key: "eastwatch-NODE-INCIDENT". */
void ew_webhook_key(const struct ew_message *message, struct ew_text *text);

/* JSON helpers. The string made of text, which is emptied. */
json_t *ew_webhook_json(struct ew_text *text);
/* A neutralised, bounded JSON string. */
json_t *ew_webhook_jwords(enum ew_webhook_markup markup, const char *s,
    size_t max_chars);
/* Incident JSON of design.md 8 as far as the message carries it. */
json_t *ew_webhook_incident(const struct ew_message *message);
/* Dump compact, keys in order of insertion; takes the reference. */
void ew_webhook_dump(json_t *take_json, struct ew_text *text);
