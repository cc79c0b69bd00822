/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the configuration: YAML nodes meet the tables of config_table.c.
 *
 * libyaml parses the file into a tree of nodes that know their line and column, so that
 * every complaint, also one about a value of ours (durations, sizes, addresses), points at
 * the place. libcyaml, which sits on top of it, was tried first: it knows structs but not
 * our value types, keeps positions to itself, and takes any word for a boolean.
 *
 * The file may be hostile or torn: it is bounded, aliases are followed but never grow
 * (lists have bounds, groups a depth), and nothing changes unless all of it is good.
 */
#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "daemon/config_yaml_priv.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define DEPTH_MAX 4
#define PREFIX_MAX 96

static int
read_value(const struct config_reader *r, const struct config_key *key,
    const yaml_node_t *node, void *base)
{
	char why[CONFIG_WHY];

	if (config_is_null(node))
		return 0;
	if (!config_is_scalar(key->kind))
		return config_read_list(r, key, node, base);
	const char *text = config_word(r, node, key->name);
	if (!text)
		return EW_ERR_CONFIG;
	if (config_value_parse(key, text, base, why) < 0)
		return config_fail(r, node, "%s %s", key->name, why);
	return 0;
}

/* A group still to be read: its mapping, and the dotted prefix of its keys. */
struct group {
	const yaml_node_t *node;
	char prefix[PREFIX_MAX];
};

/* One pair of a group: a value is read, a group goes to *ret_group (node NULL: none). */
static int
read_pair(const struct config_reader *r, struct config_fill *fill,
    const struct group *in, const yaml_node_pair_t *pair, struct group *ret_group)
{
	const yaml_node_t *value = config_node(r, pair->value);
	char full[PREFIX_MAX];
	const char *word;
	const int code = config_pair_key(r, in->node, pair, &word);

	ret_group->node = NULL;
	if (code < 0)
		return code;
	const int n = snprintf(full, sizeof(full), "%s%s", in->prefix, word);
	if (n < 0 || (size_t)n >= sizeof(full) - 1 || strchr(word, '.'))
		return config_unknown_key(r, config_node(r, pair->key), fill,
		    in->prefix, word);
	for (size_t i = 0; i < fill->n_keys; i++) {
		const char *name = fill->keys[i].name;
		if (strncmp(name, full, (size_t)n) != 0)
			continue;
		if (name[n] == '\0') {
			fill->seen[i] = true;
			return read_value(r, &fill->keys[i], value, fill->base);
		}
		if (name[n] == '.') {
			if (config_is_null(value))
				return 0;
			(void)ew_text_copy(ret_group->prefix, sizeof(ret_group->prefix),
			    full);
			ret_group->prefix[n] = '.';
			ret_group->prefix[n + 1] = '\0';
			ret_group->node = value;
			return config_want(r, value, YAML_MAPPING_NODE, full);
		}
	}
	return config_unknown_key(r, config_node(r, pair->key), fill, in->prefix, word);
}

static int
read_tree(const struct config_reader *r, const yaml_node_t *root,
    struct config_fill *fill)
{
	struct group stack[DEPTH_MAX * 16];
	size_t depth = 1;
	int code = config_want(r, root, YAML_MAPPING_NODE, "the file");

	stack[0] = (struct group){ .node = root };
	while (code == 0 && depth > 0) {
		const struct group group = stack[--depth];
		for (EACH_PAIR(pair, group.node)) {
			struct group inner;
			code = read_pair(r, fill, &group, pair, &inner);
			if (code < 0)
				break;
			if (inner.node && depth < sizeof(stack) / sizeof(stack[0]))
				stack[depth++] = inner;
		}
	}
	return code;
}

/* Where a key stands in the file, for complaints that only show at the end. */
static const yaml_node_t *
find_node(const struct config_reader *r, const yaml_node_t *root, const char *key)
{
	const yaml_node_t *node = root;

	while (*key) {
		const size_t length = strcspn(key, ".");
		const yaml_node_t *found = NULL;
		if (node->type != YAML_MAPPING_NODE)
			break;
		for (EACH_PAIR(pair, node)) {
			const char *word = config_scalar(config_node(r, pair->key));
			if (word && strlen(word) == length &&
			    strncmp(word, key, length) == 0)
				found = config_node(r, pair->value);
		}
		if (!found)
			break;
		node = found;
		key += length + (key[length] == '.');
	}
	return node;
}

static int
read_root(const struct config_reader *r, const yaml_node_t *root)
{
	struct config_fill fill = { .keys = config_keys,
		.n_keys = config_n_keys,
		.base = r->config };
	char why[CONFIG_WHY];
	const char *key = "";
	int code = 0;

	if (root && !config_is_null(root))
		code = read_tree(r, root, &fill);
	if (code < 0)
		return code;
	/* quick is one hour, unless somebody asks for both. */
	for (size_t i = 0; i < config_n_keys; i++)
		if (strcmp(config_keys[i].name, "learning.minimum_age") == 0 &&
		    !fill.seen[i] && r->config->learning.quick)
			r->config->learning.minimum_age_ns = 3600 * EW_NS_PER_S;
	if (root && config_check(r->config, &key, why) < 0)
		return config_fail(r, find_node(r, root, key), "%s %s", key, why);
	return 0;
}

static int
syntax_error(const struct config_reader *r, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "this is no YAML";

	return ew_error_set(r->error, EW_ERR_CONFIG, "%s:%zu:%zu: %s%s%s", r->name,
	    parser->problem_mark.line + 1, parser->problem_mark.column + 1, problem,
	    parser->context ? ", " : "", parser->context ? parser->context : "");
}

/* One document: read it. A second one is a mistake. */
static int
read_document(const struct config_reader *r, yaml_parser_t *parser)
{
	struct config_reader with = *r;
	yaml_document_t document;

	if (!yaml_parser_load(parser, &document))
		return syntax_error(r, parser);
	with.document = &document;
	int code = read_root(&with, yaml_document_get_root_node(&document));
	yaml_document_delete(&document);
	if (code < 0)
		return code;
	if (!yaml_parser_load(parser, &document))
		return syntax_error(r, parser);
	const yaml_node_t *more = yaml_document_get_root_node(&document);
	if (more)
		code = config_fail(r, more, "a second document begins here; keep one");
	yaml_document_delete(&document);
	return code;
}

void
ew_config_default(struct ew_config *ret_config)
{
	char why[CONFIG_WHY];

	memset(ret_config, 0, sizeof(*ret_config));
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		if (config_is_scalar(key->kind) && key->fallback[0] != '\0' &&
		    config_value_parse(key, key->fallback, ret_config, why) < 0)
			abort(); /* the table contradicts itself: a test sees it */
	}
	if (gethostname(ret_config->node, sizeof(ret_config->node) - 1) < 0 ||
	    ret_config->node[0] == '\0')
		(void)ew_text_copy(ret_config->node, sizeof(ret_config->node), "node");
}

int
ew_config_parse(const char *name, const char *text, size_t size,
    struct ew_config *ret_config, struct ew_error *error)
{
	struct ew_config *config = ew_alloc(sizeof(*config));
	struct config_reader reader = { .name = name,
		.config = config,
		.error = error };
	yaml_parser_t parser;
	int code;

	ew_config_default(config);
	if (size > FILE_MAX_BYTES) {
		free(config);
		return ew_error_set(error, EW_ERR_CONFIG, "%s:1:1: longer than 1 MiB",
		    name);
	}
	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	code = read_document(&reader, &parser);
	yaml_parser_delete(&parser);
	if (code == 0)
		*ret_config = *config;
	free(config);
	return code;
}

static int
read_file(const char *path, struct ew_text *text, struct ew_error *error)
{
	char buffer[4096];
	ssize_t got;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ew_error_set(error, -errno, "%s: cannot be read: %s", path,
		    ew_err_text(-errno));
	while ((got = read(fd, buffer, sizeof(buffer))) > 0 && !text->full)
		ew_text_add_bytes(text, buffer, (size_t)got);
	const int code = got < 0 ? -errno : 0;
	close(fd);
	if (code < 0)
		return ew_error_set(error, code, "%s: cannot be read: %s", path,
		    ew_err_text(code));
	if (text->full)
		return ew_error_set(error, EW_ERR_CONFIG, "%s:1:1: longer than 1 MiB",
		    path);
	return 0;
}

int
ew_config_load(const char *path, struct ew_config *ret_config, struct ew_error *error)
{
	struct ew_text text;
	int code;

	if (!path) {
		if (access(EW_CONFIG_PATH, F_OK) < 0 && errno == ENOENT) {
			ew_config_default(ret_config);
			return 0;
		}
		path = EW_CONFIG_PATH;
	}
	ew_text_init(&text, FILE_MAX_BYTES);
	code = read_file(path, &text, error);
	if (code == 0)
		code = ew_config_parse(path, text.text ? text.text : "", text.length,
		    ret_config, error);
	ew_text_fini(&text);
	return code;
}
