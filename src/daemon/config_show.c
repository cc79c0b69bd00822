/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as YAML (`config show`), as a manual page, and as the part the outside
 * process gets. Keys stand in the order of the tables; a group is opened when its prefix
 * first appears, so rows of one group must stand together.
 */
#include "daemon/config.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "daemon/config_priv.h"

static void
indent(struct ew_text *text, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		ew_text_add(text, "  ");
}

/* Open the groups of `name` that `before` was not in; returns the depth of its last word. */
static size_t
show_groups(const char *before, const char *name, struct ew_text *text)
{
	size_t depth = 0;
	bool is_shared = true;

	for (const char *dot; (dot = strchr(name, '.')) != NULL;
	     name = dot + 1, depth++) {
		const size_t length = (size_t)(dot - name);
		is_shared = is_shared && strncmp(before, name, length + 1) == 0;
		if (is_shared) {
			before += length + 1;
			continue;
		}
		indent(text, depth);
		ew_text_add_bytes(text, name, length);
		ew_text_add(text, ":\n");
	}
	indent(text, depth);
	ew_text_add(text, name);
	ew_text_add(text, ":");
	return depth;
}

static void
show_canaries(const struct ew_config *config, struct ew_text *text)
{
	char buffer[EW_ADDR_TEXT + 4];

	ew_text_add(text, " [");
	for (uint32_t i = 0; i < config->detection.n_canaries; i++) {
		const struct ew_canary_addr *c = &config->detection.canaries[i];
		const bool is_bracketed = c->port && !ew_addr_is_v4(&c->prefix.addr);
		ew_text_addf(text, "%s\"%s%s%s", i ? ", " : "", is_bracketed ? "[" : "",
		    ew_prefix_format(&c->prefix, buffer), is_bracketed ? "]" : "");
		if (c->port)
			ew_text_addf(text, ":%u", c->port);
		ew_text_add(text, "\"");
	}
	ew_text_add(text, "]\n");
}

static void
show_sensitive(const struct ew_config *config, struct ew_text *text)
{
	ew_text_add(text, " {");
	for (uint32_t i = 0; i < config->detection.n_sensitive; i++)
		ew_text_addf(text, "%s%u: %u", i ? ", " : "",
		    config->detection.sensitive[i].port,
		    config->detection.sensitive[i].points);
	ew_text_add(text, "}\n");
}

static void
show_options(const struct ew_config *config, struct ew_text *text)
{
	const char *detector = "";

	ew_text_add(text, config->detection.n_options ? "\n" : " {}\n");
	for (uint32_t i = 0; i < config->detection.n_options; i++) {
		/* The file kept the options of one detector together, and so does the array. */
		if (strcmp(detector, config->detection.options[i].detector) != 0) {
			detector = config->detection.options[i].detector;
			ew_text_addf(text, "    %s:\n", detector);
		}
		ew_text_addf(text, "      %s: ", config->detection.options[i].option);
		config_option_show(detector, config->detection.options[i].option,
		    config->detection.options[i].value, text);
		ew_text_add(text, "\n");
	}
}

static void
show_tiers(uint8_t tiers, struct ew_text *text)
{
	static const char *const names[] = { "log", "digest", "notify", "page" };
	bool is_first = true;

	ew_text_add(text, "[");
	for (int i = EW_TIER_PAGE; i >= EW_TIER_LOG; i--) {
		if (!(tiers & 1 << i))
			continue;
		ew_text_addf(text, "%s%s", is_first ? "" : ", ", names[i]);
		is_first = false;
	}
	ew_text_add(text, "]");
}

static void
show_webhook(const struct ew_webhook_conf *hook, struct ew_text *text)
{
	for (size_t i = 0; i < config_n_webhook_keys; i++) {
		const struct config_key *key = &config_webhook_keys[i];
		ew_text_addf(text, "%s%s: ", i ? "    " : "  - ", key->name);
		if (key->kind == CONFIG_TIERS) {
			show_tiers(hook->tiers, text);
		} else if (key->kind == CONFIG_PATTERNS) {
			ew_text_add(text, "[");
			for (unsigned k = 0; k < hook->n_workloads; k++) {
				ew_text_add(text, k ? ", " : "");
				ew_text_add_json(text, hook->workloads[k]);
			}
			ew_text_add(text, "]");
		} else {
			config_value_show(key, hook, text);
		}
		ew_text_add(text, "\n");
	}
}

void
ew_config_show(const struct ew_config *config, struct ew_text *text)
{
	const char *before = "";

	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];
		(void)show_groups(before, key->name, text);
		before = key->name;
		switch (key->kind) {
		case CONFIG_CANARIES:
			show_canaries(config, text);
			continue;
		case CONFIG_SENSITIVE:
			show_sensitive(config, text);
			continue;
		case CONFIG_DETECTORS:
			show_options(config, text);
			continue;
		case CONFIG_WEBHOOKS:
			ew_text_add(text, config->n_webhooks ? "\n" : " []\n");
			for (uint32_t k = 0; k < config->n_webhooks; k++)
				show_webhook(&config->webhooks[k], text);
			continue;
		default:
			ew_text_add(text, " ");
			config_value_show(key, config, text);
			ew_text_add(text, "\n");
		}
	}
}

static const char *
kind_words(const struct config_key *key)
{
	switch (key->kind) {
	case CONFIG_TEXT:
	case CONFIG_SECRET:
		return "text";
	case CONFIG_URL:
		return "URL";
	case CONFIG_LISTEN:
		return "ADDRESS:PORT or off";
	case CONFIG_SWITCH:
		return "true or false";
	case CONFIG_WORD:
		return "one of";
	case CONFIG_COUNT:
	case CONFIG_COUNT32:
		return "number";
	case CONFIG_DURATION:
		return "duration";
	case CONFIG_DURATION_NEVER:
		return "duration or never";
	case CONFIG_SIZE:
		return "size";
	case CONFIG_TIME_NEVER:
		return "HH:MM or never";
	case CONFIG_QUIET:
		return "HH:MM-HH:MM or never";
	case CONFIG_SEVERITY:
		return "severity";
	case CONFIG_TIERS:
	case CONFIG_PATTERNS:
	case CONFIG_CANARIES:
	case CONFIG_WEBHOOKS:
		return "list";
	case CONFIG_SENSITIVE:
	case CONFIG_DETECTORS:
		return "mapping";
	}
	return "";
}

/* scdoc takes _ * [ and # as markup. */
static void
add_scdoc(struct ew_text *text, const char *s)
{
	for (; *s; s++) {
		if (strchr("_*[]#<>|", *s))
			ew_text_add(text, "\\");
		ew_text_add_bytes(text, s, 1);
	}
}

static void
manual_table(const struct config_key *keys, size_t n, struct ew_text *text)
{
	char low[EW_TIME_TEXT], high[EW_TIME_TEXT];

	for (size_t i = 0; i < n; i++) {
		const struct config_key *key = &keys[i];
		ew_text_add(text, "*");
		add_scdoc(text, key->name);
		ew_text_addf(text, "* (%s", kind_words(key));
		for (size_t k = 0; key->kind == CONFIG_WORD && key->words[k]; k++)
			ew_text_addf(text, "%s %s", k ? "," : "", key->words[k]);
		if (key->kind == CONFIG_COUNT || key->kind == CONFIG_COUNT32)
			ew_text_addf(text, " %" PRId64 " to %" PRId64, key->min,
			    key->max);
		if (key->kind == CONFIG_DURATION)
			ew_text_addf(text, " %s to %s",
			    ew_duration_format(key->min, low),
			    ew_duration_format(key->max, high));
		ew_text_add(text, ")");
		if (key->fallback[0]) {
			ew_text_add(text, ", default ");
			add_scdoc(text, key->fallback);
		}
		ew_text_add(text, "\n\t");
		add_scdoc(text, key->help);
		ew_text_add(text, "\n\n");
	}
}

void
ew_config_manual(struct ew_text *text)
{
	ew_text_add(text, "# KEYS\n\n");
	manual_table(config_keys, config_n_keys, text);
	ew_text_add(text, "# KEYS OF A WEBHOOK\n\n");
	manual_table(config_webhook_keys, config_n_webhook_keys, text);
}

static void
fill_runtime(uint8_t enabled, const char *socket, struct ew_runtime_conf *ret)
{
	ret->is_enabled = enabled != EW_CONFIG_OFF;
	ret->is_explicit = enabled == EW_CONFIG_ON;
	(void)ew_text_copy(ret->socket, sizeof(ret->socket), socket);
}

void
ew_config_outside(const struct ew_config *config, struct ew_outside_conf *ret_conf)
{
	memset(ret_conf, 0, sizeof(*ret_conf));
	(void)ew_text_copy(ret_conf->node, sizeof(ret_conf->node), config->node);
	(void)ew_text_copy(ret_conf->cluster, sizeof(ret_conf->cluster),
	    config->cluster);
	fill_runtime(config->runtimes.docker_enabled, config->runtimes.docker_socket,
	    &ret_conf->docker);
	fill_runtime(config->runtimes.podman_enabled, config->runtimes.podman_socket,
	    &ret_conf->podman);
	ret_conf->containerd_enabled =
	    config->runtimes.containerd_enabled != EW_CONFIG_OFF;
	ret_conf->containerd_explicit =
	    config->runtimes.containerd_enabled == EW_CONFIG_ON;
	(void)ew_text_copy(ret_conf->containerd_root, sizeof(ret_conf->containerd_root),
	    config->runtimes.containerd_root);
	(void)ew_text_copy(ret_conf->cni_results, sizeof(ret_conf->cni_results),
	    config->runtimes.cni_results);
	ret_conf->n_webhooks = config->n_webhooks;
	memcpy(ret_conf->webhooks, config->webhooks, sizeof(ret_conf->webhooks));
	(void)ew_text_copy(ret_conf->control_socket, sizeof(ret_conf->control_socket),
	    config->control.socket);
	(void)ew_text_copy(ret_conf->control_group, sizeof(ret_conf->control_group),
	    config->control.group);
	(void)ew_text_copy(ret_conf->web_listen, sizeof(ret_conf->web_listen),
	    config->web.listen);
	(void)ew_text_copy(ret_conf->database, sizeof(ret_conf->database),
	    config->database.path);
	ret_conf->process_lookup = config->process_lookup;
}
