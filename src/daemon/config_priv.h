/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "daemon/config.h"

/* What a value is: how it is written, checked and shown (config_value.c, config_list.c). */
enum config_kind {
	CONFIG_TEXT,
	CONFIG_SECRET,	       /* text that is never shown */
	CONFIG_URL,	       /* text; shown without what follows the host */
	CONFIG_LISTEN,	       /* "address:port" or "off" (empty text) */
	CONFIG_SWITCH,	       /* uint8_t: true, false */
	CONFIG_WORD,	       /* uint8_t: index in words */
	CONFIG_COUNT,	       /* int64_t */
	CONFIG_COUNT32,	       /* uint32_t */
	CONFIG_DURATION,       /* int64_t ns */
	CONFIG_DURATION_NEVER, /* int64_t ns; "never" is 0 */
	CONFIG_SIZE,	       /* int64_t bytes */
	CONFIG_TIME_NEVER,     /* int32_t seconds of day; "never" is -1 */
	CONFIG_QUIET,	       /* two int32_t: "22:00-07:00" or "never" */
	CONFIG_SEVERITY,       /* uint8_t score: info low medium high critical */
	/* lists and mappings */
	CONFIG_TIERS,	 /* uint8_t bits: [page, notify] */
	CONFIG_PATTERNS, /* ew_webhook_conf.workloads: [a, b] */
	CONFIG_CANARIES,
	CONFIG_SENSITIVE,
	CONFIG_DETECTORS,
	CONFIG_WEBHOOKS,
};

struct config_key {
	const char *name; /* dotted */
	enum config_kind kind;
	size_t offset; /* into the struct the table describes */
	size_t size;   /* of a text */
	int64_t min, max;
	const char *fallback;	  /* the default, as one would write it */
	const char *const *words; /* NULL ends */
	const char *help;
};

extern const struct config_key config_keys[]; /* of struct ew_config */
extern const size_t config_n_keys;
extern const struct config_key config_webhook_keys[]; /* of struct ew_webhook_conf */
extern const size_t config_n_webhook_keys;

#define CONFIG_KEYS_MAX 64
#define CONFIG_WHY 256

/* Is the value a single word (and not a list or mapping)? */
bool config_is_scalar(enum config_kind kind);
/*
 * Read one scalar into the struct at base. Returns 0 or EW_ERR_CONFIG with the reason in
 * ret_why, which continues a sentence that begins with the key's name.
 */
int config_value_parse(const struct config_key *key, const char *text, void *base,
    char ret_why[CONFIG_WHY]);
/* As YAML that parses back. */
void config_value_show(const struct config_key *key, const void *base,
    struct ew_text *text);
/* One item of a list; the same contract. */
int config_tier_parse(const char *text, uint8_t *bits, char ret_why[CONFIG_WHY]);
int config_canary_parse(const char *text, struct ew_canary_addr *ret_canary,
    char ret_why[CONFIG_WHY]);
int config_sensitive_parse(const char *port, const char *points,
    struct ew_sensitive_port *ret_port, char ret_why[CONFIG_WHY]);
int config_option_parse(const char *detector, const char *option, const char *text,
    int64_t *ret_value, char ret_why[CONFIG_WHY]);
void config_option_show(const char *detector, const char *option, int64_t value,
    struct ew_text *text);

/* What must hold between keys. */
int config_webhook_check(const struct ew_webhook_conf *webhook,
    char ret_why[CONFIG_WHY]);
int config_check(const struct ew_config *config, const char **ret_key,
    char ret_why[CONFIG_WHY]);
