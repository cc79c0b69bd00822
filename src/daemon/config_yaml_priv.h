/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "daemon/config_priv.h"

/* A YAML tree and what it fills (config.c and config_nodes.c only). */
struct ew_error;

struct config_reader {
	const char *name; /* of the file */
	yaml_document_t *document;
	struct ew_config *config;
	struct ew_error *error;
};

/* Where keys are looked up and what they fill. */
struct config_fill {
	const struct config_key *keys;
	size_t n_keys;
	void *base;
	bool seen[CONFIG_KEYS_MAX];
};

#define EACH_PAIR(p, node)                                            \
	const yaml_node_pair_t *p = (node)->data.mapping.pairs.start; \
	(p) < (node)->data.mapping.pairs.top;                         \
	(p)++
#define EACH_ITEM(p, node)                                             \
	const yaml_node_item_t *p = (node)->data.sequence.items.start; \
	(p) < (node)->data.sequence.items.top;                         \
	(p)++

/* Fill the error with name:line:column of the node; returns EW_ERR_CONFIG. */
int config_fail(const struct config_reader *r, const yaml_node_t *at,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
int config_unknown_key(const struct config_reader *r, const yaml_node_t *at,
    const struct config_fill *fill, const char *prefix, const char *word);

const yaml_node_t *config_node(const struct config_reader *r, int index);
/* NULL when the node is no scalar, or holds a NUL. */
const char *config_scalar(const yaml_node_t *node);
bool config_is_null(const yaml_node_t *node);
/* Complains unless the node has this type. */
int config_want(const struct config_reader *r, const yaml_node_t *node,
    yaml_node_type_t type, const char *key);
/* The text of a scalar; NULL after a complaint. */
const char *config_word(const struct config_reader *r, const yaml_node_t *node,
    const char *key);
/* The key of a pair; checks that it is a word and that it stands there once. */
int config_pair_key(const struct config_reader *r, const yaml_node_t *mapping,
    const yaml_node_pair_t *pair, const char **ret_key);

/* Lists and mappings; 0 or EW_ERR_CONFIG. */
int config_read_list(const struct config_reader *r, const struct config_key *key,
    const yaml_node_t *node, void *base);
