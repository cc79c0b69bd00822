/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch config`: the configuration as the daemon would read it. What `show` prints
 * parses back to the same; secrets are hidden.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/command.h"
#include "daemon/config.h"

static int run(const struct ew_args *args);

const struct ew_command ew_command_config = {
	.name = "config",
	.summary = "show the configuration with all defaults, or check a file",
	.words = "show|check [FILE]",
	.about = "show prints every key with its value, as YAML that parses back to "
		 "the same;\n"
		 "secrets are hidden. check says where a file is wrong, with line and "
		 "column:\n"
		 "exit code 1 when it is. Without FILE both mean " EW_CONFIG_PATH ".",
	.examples = "  eastwatch config show\n"
		    "  eastwatch config check ./eastwatch.yaml\n"
		    "  eastwatch config show ./eastwatch.yaml > full.yaml\n",
	.words_min = 1,
	.words_max = 2,
	.values = "show|check",
	.run = run,
};

static int
check(const char *path, const struct ew_config *config)
{
	if (!path && access(EW_CONFIG_PATH, F_OK) != 0)
		printf("no %s: every key has its default\n", EW_CONFIG_PATH);
	else
		printf("%s is valid (node %s, %u webhooks)\n",
		    path ? path : EW_CONFIG_PATH, config->node, config->n_webhooks);
	return EW_EXIT_OK;
}

static int
show(const struct ew_config *config)
{
	struct ew_text text;

	ew_text_init(&text, 1U << 20);
	ew_config_show(config, &text);
	fwrite(text.text, 1, text.length, stdout);
	ew_text_fini(&text);
	return EW_EXIT_OK;
}

static int
run(const struct ew_args *args)
{
	const char *what = args->words[0];
	const char *path = args->n_words > 1 ? args->words[1] : NULL;
	struct ew_error error = { 0 };
	int code;

	if (strcmp(what, "show") != 0 && strcmp(what, "check") != 0)
		return ew_complain(EW_EXIT_USAGE, "\"%s\" is neither show nor check",
		    what);
	struct ew_config *config = ew_alloc(sizeof(*config));
	if (ew_config_load(path, config, &error) != 0)
		code = ew_complain(EW_EXIT_ERROR, "%s", error.text);
	else
		code = strcmp(what, "show") == 0 ? show(config) : check(path, config);
	free(config);
	return code;
}
