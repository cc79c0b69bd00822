/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML nodes as the configuration sees them: complaints with their place, and the lists and
 * mappings whose items have rules of their own. config.c walks the rest.
 */
#include "daemon/config_yaml_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define PREFIX_MAX 96

int
config_fail(const struct config_reader *r, const yaml_node_t *at, const char *format,
    ...)
{
	char sentence[384];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return ew_error_set(r->error, EW_ERR_CONFIG, "%s:%zu:%zu: %s", r->name,
	    at->start_mark.line + 1, at->start_mark.column + 1, sentence);
}

const yaml_node_t *
config_node(const struct config_reader *r, int index)
{
	return yaml_document_get_node(r->document, index);
}

/* NULL when the node is no scalar, or holds a NUL. */
const char *
config_scalar(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	const char *text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool
config_is_null(const yaml_node_t *node)
{
	const char *text = config_scalar(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static const char *
type_name(const yaml_node_t *node)
{
	return node->type == YAML_SEQUENCE_NODE ? "a list"
	    : node->type == YAML_MAPPING_NODE	? "a mapping"
						: "a single value";
}

/* The key of a pair; checks that it is a word and that it stands there once. */
int
config_pair_key(const struct config_reader *r, const yaml_node_t *mapping,
    const yaml_node_pair_t *pair, const char **ret_key)
{
	const yaml_node_t *node = config_node(r, pair->key);
	const char *key = config_scalar(node);

	if (!key)
		return config_fail(r, node, "a key must be a word");
	for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair;
	     p++) {
		const char *earlier = config_scalar(config_node(r, p->key));
		if (earlier && strcmp(earlier, key) == 0)
			return config_fail(r, node, "%.80s stands here twice", key);
	}
	*ret_key = key;
	return 0;
}

int
config_want(const struct config_reader *r, const yaml_node_t *node,
    yaml_node_type_t type, const char *key)
{
	const yaml_node_t wanted = { .type = type };

	if (node->type == type)
		return 0;
	return config_fail(r, node, "%s must be %s, not %s", key, type_name(&wanted),
	    type_name(node));
}

/* The text of a scalar; NULL after a complaint. */
const char *
config_word(const struct config_reader *r, const yaml_node_t *node, const char *key)
{
	const char *text = config_scalar(node);

	if (!text && config_want(r, node, YAML_SCALAR_NODE, key) == 0)
		(void)config_fail(r, node, "%s contains a NUL", key);
	return text;
}

/* Damerau would be nicer; plain edit distance finds the usual slip. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[64];
	const size_t n = strlen(b);

	if (n >= 64)
		return 99;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t k = 1; k <= n; k++) {
			const size_t above = row[k];
			size_t best = diagonal + (a[i - 1] != b[k - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
			diagonal = above;
		}
	}
	return row[n];
}

int
config_unknown_key(const struct config_reader *r, const yaml_node_t *at,
    const struct config_fill *fill, const char *prefix, const char *word)
{
	char best[PREFIX_MAX] = "";
	size_t best_distance = 3;
	const size_t skip = strlen(prefix);

	for (size_t i = 0; i < fill->n_keys; i++) {
		char part[PREFIX_MAX];
		if (strncmp(fill->keys[i].name, prefix, skip) != 0)
			continue;
		const char *rest = fill->keys[i].name + skip;
		(void)snprintf(part, sizeof(part), "%.*s", (int)strcspn(rest, "."),
		    rest);
		const size_t d = distance(word, part);
		if (d < best_distance) {
			best_distance = d;
			memcpy(best, part, sizeof(best));
		}
	}
	return config_fail(r, at, "unknown key %s%.80s%s%s%s", prefix, word,
	    best[0] ? "; did you mean " : "", best, best[0] ? "?" : "");
}

/* --- lists ------------------------------------------------------------------------------- */

static int
read_tiers(const struct config_reader *r, const yaml_node_t *node, const char *key,
    uint8_t *bits)
{
	char why[CONFIG_WHY];
	const int code = config_want(r, node, YAML_SEQUENCE_NODE, key);

	if (code < 0)
		return code;
	*bits = 0;
	for (EACH_ITEM(item, node)) {
		const yaml_node_t *n = config_node(r, *item);
		const char *text = config_word(r, n, key);
		if (!text)
			return EW_ERR_CONFIG;
		if (config_tier_parse(text, bits, why) < 0)
			return config_fail(r, n, "%s %s", key, why);
	}
	return 0;
}

static int
read_patterns(const struct config_reader *r, const yaml_node_t *node, const char *key,
    struct ew_webhook_conf *hook)
{
	const int code = config_want(r, node, YAML_SEQUENCE_NODE, key);

	if (code < 0)
		return code;
	hook->n_workloads = 0;
	for (EACH_ITEM(item, node)) {
		const yaml_node_t *n = config_node(r, *item);
		const char *text = config_word(r, n, key);
		if (!text)
			return EW_ERR_CONFIG;
		if (hook->n_workloads == EW_WEBHOOK_PATTERNS_MAX)
			return config_fail(r, n, "%s has more than %d patterns", key,
			    EW_WEBHOOK_PATTERNS_MAX);
		if (!ew_text_copy(hook->workloads[hook->n_workloads++],
			sizeof(hook->workloads[0]), text))
			return config_fail(r, n, "%s has a pattern that is too long",
			    key);
	}
	return 0;
}

static int
read_canaries(const struct config_reader *r, const yaml_node_t *node, const char *key)
{
	struct ew_config *config = r->config;
	char why[CONFIG_WHY];
	const int code = config_want(r, node, YAML_SEQUENCE_NODE, key);

	if (code < 0)
		return code;
	for (EACH_ITEM(item, node)) {
		const yaml_node_t *n = config_node(r, *item);
		const char *text = config_word(r, n, key);
		if (!text)
			return EW_ERR_CONFIG;
		if (config->detection.n_canaries == EW_CANARY_ADDRS_MAX)
			return config_fail(r, n, "%s has more than %d entries", key,
			    EW_CANARY_ADDRS_MAX);
		if (config_canary_parse(text,
			&config->detection.canaries[config->detection.n_canaries],
			why) < 0)
			return config_fail(r, n, "%s %s", key, why);
		config->detection.n_canaries++;
	}
	return 0;
}

static int
read_sensitive(const struct config_reader *r, const yaml_node_t *node, const char *key)
{
	struct ew_config *config = r->config;
	char why[CONFIG_WHY];
	int code = config_want(r, node, YAML_MAPPING_NODE, key);

	for (EACH_PAIR(pair, node)) {
		if (code < 0)
			break;
		const yaml_node_t *value = config_node(r, pair->value);
		const char *port = "";
		code = config_pair_key(r, node, pair, &port);
		if (code < 0)
			return code;
		if (config->detection.n_sensitive == EW_SENSITIVE_PORTS_MAX)
			return config_fail(r, value, "%s has more than %d ports", key,
			    EW_SENSITIVE_PORTS_MAX);
		const char *points = config_word(r, value, key);
		if (!points)
			return EW_ERR_CONFIG;
		if (config_sensitive_parse(port, points,
			&config->detection.sensitive[config->detection.n_sensitive++],
			why) < 0)
			return config_fail(r, value, "%s %s", key, why);
	}
	return code;
}

static int
read_options(const struct config_reader *r, const yaml_node_t *node, const char *key,
    const char *detector)
{
	struct ew_config *config = r->config;
	char why[CONFIG_WHY];
	int code = config_want(r, node, YAML_MAPPING_NODE, key);

	if (code < 0)
		return code;
	for (EACH_PAIR(pair, node)) {
		const yaml_node_t *value = config_node(r, pair->value);
		const uint32_t i = config->detection.n_options;
		const char *option = "";
		code = config_pair_key(r, node, pair, &option);
		if (code < 0)
			return code;
		const char *text = config_word(r, value, option);
		if (!text)
			return EW_ERR_CONFIG;
		if (i ==
		    sizeof(config->detection.options) /
			sizeof(config->detection.options[0]))
			return config_fail(r, value, "%s has too many options", key);
		if (config_option_parse(detector, option, text,
			&config->detection.options[i].value, why) < 0)
			return config_fail(r, value, "%s.%.32s.%.32s %s", key, detector,
			    option, why);
		(void)ew_text_copy(config->detection.options[i].detector,
		    sizeof(config->detection.options[i].detector), detector);
		(void)ew_text_copy(config->detection.options[i].option,
		    sizeof(config->detection.options[i].option), option);
		config->detection.n_options++;
	}
	return 0;
}

static int
read_detectors(const struct config_reader *r, const yaml_node_t *node, const char *key)
{
	int code = config_want(r, node, YAML_MAPPING_NODE, key);

	if (code < 0)
		return code;
	for (EACH_PAIR(pair, node)) {
		const char *detector = "";
		code = config_pair_key(r, node, pair, &detector);
		if (code == 0)
			code =
			    read_options(r, config_node(r, pair->value), key, detector);
		if (code < 0)
			return code;
	}
	return 0;
}

/* --- webhooks: the same rules with their own flat table ------------------------------------- */

static int
read_webhook_pair(const struct config_reader *r, struct config_fill *fill,
    const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
	const yaml_node_t *value = config_node(r, pair->value);
	struct ew_webhook_conf *hook = fill->base;
	char why[CONFIG_WHY];
	const char *word = "";
	size_t i = 0;
	const int code = config_pair_key(r, mapping, pair, &word);

	if (code < 0)
		return code;
	while (i < fill->n_keys && strcmp(fill->keys[i].name, word) != 0)
		i++;
	if (i == fill->n_keys)
		return config_unknown_key(r, config_node(r, pair->key), fill, "", word);
	const struct config_key *key = &fill->keys[i];
	if (config_is_null(value))
		return 0;
	if (key->kind == CONFIG_TIERS)
		return read_tiers(r, value, key->name, &hook->tiers);
	if (key->kind == CONFIG_PATTERNS)
		return read_patterns(r, value, key->name, hook);
	const char *text = config_word(r, value, key->name);
	if (!text)
		return EW_ERR_CONFIG;
	if (config_value_parse(key, text, hook, why) < 0)
		return config_fail(r, value, "%s %s", key->name, why);
	return 0;
}

static void
webhook_default(struct ew_webhook_conf *hook)
{
	char why[CONFIG_WHY];

	memset(hook, 0, sizeof(*hook));
	for (size_t i = 0; i < config_n_webhook_keys; i++)
		if (config_webhook_keys[i].fallback[0] != '\0')
			(void)config_value_parse(&config_webhook_keys[i],
			    config_webhook_keys[i].fallback, hook, why);
	hook->tiers = 1 << EW_TIER_PAGE | 1 << EW_TIER_NOTIFY;
}

static int
read_webhooks(const struct config_reader *r, const yaml_node_t *node, const char *key)
{
	struct ew_config *config = r->config;
	char why[CONFIG_WHY];
	int code = config_want(r, node, YAML_SEQUENCE_NODE, key);

	if (code < 0)
		return code;
	for (EACH_ITEM(item, node)) {
		const yaml_node_t *n = config_node(r, *item);
		if (config->n_webhooks == EW_WEBHOOKS_MAX)
			return config_fail(r, n, "%s has more than %d targets", key,
			    EW_WEBHOOKS_MAX);
		code = config_want(r, n, YAML_MAPPING_NODE, "a webhook");
		if (code < 0)
			return code;
		struct ew_webhook_conf *hook = &config->webhooks[config->n_webhooks++];
		struct config_fill fill = { .keys = config_webhook_keys,
			.n_keys = config_n_webhook_keys,
			.base = hook };
		webhook_default(hook);
		for (EACH_PAIR(pair, n)) {
			code = read_webhook_pair(r, &fill, n, pair);
			if (code < 0)
				return code;
		}
		if (config_webhook_check(hook, why) < 0)
			return config_fail(r, n, "the webhook %.60s %s", hook->name,
			    why);
	}
	return 0;
}

int
config_read_list(const struct config_reader *r, const struct config_key *key,
    const yaml_node_t *node, void *base)
{
	switch (key->kind) {
	case CONFIG_CANARIES:
		return read_canaries(r, node, key->name);
	case CONFIG_SENSITIVE:
		return read_sensitive(r, node, key->name);
	case CONFIG_DETECTORS:
		return read_detectors(r, node, key->name);
	case CONFIG_WEBHOOKS:
		return read_webhooks(r, node, key->name);
	case CONFIG_TIERS:
		return read_tiers(r, node, key->name,
		    &((struct ew_webhook_conf *)base)->tiers);
	case CONFIG_PATTERNS:
		return read_patterns(r, node, key->name, base);
	default: /* single values: the caller asked config_is_scalar */
		return config_fail(r, node, "%s is no list", key->name);
	}
}
