/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch webhook`: where messages go, what became of them, and what a target would get.
 * The targets are those of the configuration; the fate of messages stands in the database's
 * outbox; sending is the daemon's business. Preview renders here, from the database, and
 * sends nothing.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/incident.h"
#include "base/alloc.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/list.h"
#include "cli/place.h"
#include "cli/rows.h"
#include "daemon/config.h"
#include "proc/webhook.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "target",
	    .arg = "NAME",
	    .help = "a target of the configuration, or a type "
		    "(slack, generic ...) for preview",
	    .values = "webhook" },
	{ .name = NULL },
};

const struct ew_command ew_command_webhook = {
	.name = "webhook",
	.summary = "where messages go: list targets, test them, replay what failed",
	.words = "list|status|test NAME|replay ID|preview INCIDENT",
	.about = "  list                the targets of the configuration\n"
		 "  status              the outbox: what was sent, what waits, what "
		 "was given up\n"
		 "  test NAME           send one message marked as a test, and say "
		 "what came back\n"
		 "  replay ID|all       send a message again that was given up "
		 "(--target: only there)\n"
		 "  preview INCIDENT    print what a target would get; sends nothing",
	.examples = "  eastwatch webhook list\n"
		    "  eastwatch webhook test ops\n"
		    "  eastwatch webhook status --where state=failed\n"
		    "  eastwatch webhook replay all --target ops\n"
		    "  eastwatch webhook preview last --target slack\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_CONTROL | EW_OPTIONS_OUTPUT |
	    EW_OPTIONS_LAST | EW_OPTIONS_WINDOW | EW_OPTIONS_FILTER | EW_OPTIONS_STATUS,
	.words_min = 1,
	.words_max = 2,
	.values = "list|status|test|replay|preview",
	.run = run,
};

static const struct ew_column columns[] = {
	{ "name", "NAME", EW_FORMAT_TEXT, EW_EVERYWHERE, 12 },
	{ "type", "TYPE", EW_FORMAT_ID, EW_EVERYWHERE, 10 },
	{ "tiers", "TIERS", EW_FORMAT_ID, EW_EVERYWHERE, 16 },
	{ "min_score", "MIN SCORE", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
	{ "secret", "URL FROM", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "workloads", "WORKLOADS", EW_FORMAT_TEXT, EW_WIDE_DATA, 10 },
	{ "per_minute", "PER MINUTE", EW_FORMAT_INT, EW_WIDE_DATA, 4 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static int
list_targets(const struct ew_config *config, const struct ew_writer_conf *conf)
{
	struct ew_writer *writer =
	    ew_writer_new(conf, "eastwatch.webhook/1", columns, N_COLUMNS);

	for (uint32_t i = 0; i < config->n_webhooks; i++) {
		const struct ew_webhook_conf *w = &config->webhooks[i];
		struct ew_text tiers, workloads;

		ew_text_init(&tiers, 128);
		for (int t = EW_TIER_PAGE; t >= EW_TIER_LOG; t--)
			if (w->tiers & (1U << t))
				ew_text_addf(&tiers, "%s%s", tiers.length ? "," : "",
				    ew_tier_name((enum ew_tier)t));
		ew_text_init(&workloads, 2048);
		for (size_t k = 0; k < w->n_workloads; k++)
			ew_text_addf(&workloads, "%s%s", k ? "," : "", w->workloads[k]);
		/* A URL is a secret for most services: it is never shown. */
		const struct ew_cell cells[N_COLUMNS] = { ew_cell_text(w->name),
			ew_cell_text(
			    ew_webhook_type_name((enum ew_webhook_type)w->type)),
			ew_cell_text(tiers.text), ew_cell_int(w->min_score),
			ew_cell_text(
			    w->url_file[0] ? w->url_file : "the configuration"),
			ew_cell_text(workloads.length ? workloads.text : "*"),
			ew_cell_int(w->per_minute) };
		ew_writer_row(writer, cells);
		ew_text_fini(&tiers);
		ew_text_fini(&workloads);
	}
	if (config->n_webhooks == 0)
		ew_warn("no webhook is configured: incidents are only in the database; "
			"add one "
			"below `webhooks:` (eastwatch.yaml(5))");
	return ew_writer_close(writer);
}

/* --- preview ------------------------------------------------------------------------------ */

/* "a -> b:22 14:02:03 -> c:5432 14:03:10" from the hops of an incident. */
static void
write_path(json_t *path, char *ret_text, size_t size)
{
	struct ew_text text;
	size_t i;
	json_t *hop;

	ew_text_init(&text, 4096);
	json_array_foreach(path, i, hop)
	{
		char when[EW_CLOCK_TEXT];
		const char *from = json_string_value(json_object_get(hop, "from"));
		const char *to = json_string_value(json_object_get(hop, "to"));

		ew_clock_text(json_integer_value(json_object_get(hop, "ts_us")), false,
		    when);
		if (i == 0)
			ew_text_add(&text, from ? from : "?");
		ew_text_addf(&text, " -> %s:%" JSON_INTEGER_FORMAT " %s", to ? to : "?",
		    json_integer_value(json_object_get(hop, "port")),
		    strlen(when) > 11 ? when + 11 : when);
	}
	ew_text_copy(ret_text, size, text.text);
	ew_text_fini(&text);
}

static json_t *
parse(const struct ew_rows *row, const char *column)
{
	json_t *value = json_loads(ew_rows_text(row, 0, column), JSON_DECODE_ANY, NULL);

	return value ? value : json_array();
}

static void
fill_lists(const struct ew_rows *row, struct ew_message *m)
{
	json_t *targets = parse(row, "targets"), *reasons = parse(row, "reasons");
	json_t *techniques = parse(row, "techniques"), *path = parse(row, "path"),
	       *item;
	size_t i, used = 0;

	json_array_foreach(targets, i, item)
	{
		const char *name = json_string_value(json_object_get(item, "workload"));
		const char *address =
		    json_string_value(json_object_get(item, "address"));
		const char *proto = json_string_value(json_object_get(item, "proto"));
		const char *outcome =
		    json_string_value(json_object_get(item, "outcome"));

		if (i == EW_MESSAGE_TARGETS) {
			m->more_targets += (uint32_t)(json_array_size(targets) - i);
			break;
		}
		snprintf(m->targets[i], sizeof(m->targets[i]),
		    "%s:%" JSON_INTEGER_FORMAT "/%s %s",
		    name	  ? name
			: address ? address
				  : "?",
		    json_integer_value(json_object_get(item, "port")),
		    proto ? proto : "?", outcome ? outcome : "");
		m->n_targets = (uint8_t)(i + 1);
	}
	json_array_foreach(reasons, i, item)
	{
		const char *text = json_string_value(json_object_get(item, "reason"));

		if (i == EW_MESSAGE_REASONS)
			break;
		m->reasons[i].points =
		    (int16_t)json_integer_value(json_object_get(item, "points"));
		ew_text_copy(m->reasons[i].text, sizeof(m->reasons[i].text),
		    text ? text : "");
		m->n_reasons = (uint8_t)(i + 1);
	}
	json_array_foreach(techniques, i, item)
	{
		const char *id = json_string_value(item);

		if (id && used + strlen(id) + 3 < sizeof(m->techniques))
			used += (size_t)snprintf(m->techniques + used,
			    sizeof(m->techniques) - used, "%s%s", used ? ", " : "", id);
	}
	write_path(path, m->path, sizeof(m->path));
	json_decref(targets);
	json_decref(reasons);
	json_decref(techniques);
	json_decref(path);
}

static void
fill_message(const struct ew_rows *row, const char *node, struct ew_message *m)
{
	static const char *const tiers[] = { "log", "digest", "notify", "page" };

	m->incident_id = strtoull(ew_rows_text(row, 0, "id"), NULL, 16);
	m->id = m->incident_id;
	m->kind = EW_MSG_OPENED;
	m->sequence = 1;
	m->opened_us = ew_rows_int(row, 0, "opened_us");
	m->updated_us = m->created_us = ew_rows_int(row, 0, "updated_us");
	m->score = (int16_t)ew_rows_int(row, 0, "score");
	m->gaps = ew_rows_int(row, 0, "gaps") != 0;
	m->more_targets = (uint32_t)ew_rows_int(row, 0, "more_targets");
	for (size_t i = 0; i < 4; i++)
		if (strcmp(tiers[i], ew_rows_text(row, 0, "tier")) == 0)
			m->tier = (uint8_t)i;
	ew_text_copy(m->node, sizeof(m->node), node);
	ew_text_copy(m->title, sizeof(m->title), ew_rows_text(row, 0, "title"));
	ew_text_copy(m->src_workload, sizeof(m->src_workload),
	    ew_rows_text(row, 0, "src_workload"));
	ew_text_copy(m->src_instance, sizeof(m->src_instance),
	    ew_rows_text(row, 0, "src_instance"));
	ew_text_copy(m->benign, sizeof(m->benign), ew_rows_text(row, 0, "benign"));
	fill_lists(row, m);
}

/* A target by name; else a type by name with no settings. Returns an exit code. */
static int
find_target(const struct ew_config *config, const char *name,
    struct ew_webhook_conf *ret_target)
{
	enum ew_webhook_type type;

	if (!name && config->n_webhooks == 0)
		name = "generic";
	for (uint32_t i = 0; i < config->n_webhooks; i++)
		if (!name || strcmp(config->webhooks[i].name, name) == 0) {
			*ret_target = config->webhooks[i];
			return EW_EXIT_OK;
		}
	if (ew_webhook_type_parse(name, &type) != 0)
		return ew_complain(EW_EXIT_USAGE,
		    "--target %s is no target of the configuration and no type; "
		    "`eastwatch "
		    "webhook list` shows them",
		    name);
	*ret_target = (struct ew_webhook_conf){ .type = (uint8_t)type };
	return EW_EXIT_OK;
}

static int
find_incident(struct ew_reader *reader, const char *id, struct ew_rows *ret_rows)
{
	char pattern[64];
	int code;

	snprintf(pattern, sizeof(pattern), "%.16s*", id);
	code = strcmp(id, "last") == 0
	    ? ew_rows_find(reader, EW_VIEW_INCIDENTS, NULL, NULL, 1, ret_rows)
	    : ew_rows_find(reader, EW_VIEW_INCIDENTS, "id", pattern, 2, ret_rows);
	if (!code && ret_rows->n != 1)
		code = ew_complain(EW_EXIT_ERROR,
		    "%s incident has an id that begins with \"%s\"; `eastwatch "
		    "incidents` lists "
		    "them",
		    ret_rows->n ? "more than one" : "no", id);
	return code;
}

static int
preview(const struct ew_args *args, const struct ew_config *config, const char *id)
{
	struct ew_webhook_conf *target = ew_alloc(sizeof(*target));
	struct ew_message *message = ew_alloc(sizeof(*message));
	struct ew_reader *reader = NULL;
	struct ew_rows row = { 0 };
	struct ew_text text;
	int code = find_target(config, ew_args_value(args, "target"), target);

	ew_text_init(&text, 1U << 20);
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = find_incident(reader, id, &row);
	if (!code) {
		fill_message(&row, config->node, message);
		if (ew_webhook_render(target, message, &text) != 0)
			code = ew_complain(EW_EXIT_ERROR,
			    "the message does not fit what this type allows");
		else
			ew_print_json_line(stdout, text.text);
	}
	ew_text_fini(&text);
	ew_rows_fini(&row);
	ew_reader_close(reader);
	free(message);
	free(target);
	return code;
}
/* --- what the daemon does ------------------------------------------------------------------ */

static int
test(const struct ew_args *args, const char *name)
{
	json_t *answer = NULL;
	int code = ew_control_ask(args, "webhook-test",
	    json_pack("{s:s}", "target", name), &answer);

	if (!code) {
		const char *said = json_string_value(json_object_get(answer, "answer"));
		const int64_t status =
		    json_integer_value(json_object_get(answer, "status"));

		if (json_is_true(json_object_get(answer, "delivered")))
			printf("delivered: %s answered %" PRId64 "\n", name, status);
		else if (status)
			code = ew_complain(EW_EXIT_ERROR,
			    "%s did not take the test message: it answered %" PRId64
			    " %s",
			    name, status, said ? said : "");
		else
			code = ew_complain(EW_EXIT_ERROR,
			    "%s could not be reached: %s; look at its url, the proxy "
			    "and the "
			    "certificate",
			    name, said ? said : "no answer");
	}
	json_decref(answer);
	return code;
}

static int
replay(const struct ew_args *args, const char *id)
{
	const char *target = ew_args_value(args, "target");
	json_t *request = json_object(), *answer = NULL;

	if (strcmp(id, "all") != 0) {
		if (strlen(id) > 16 || strspn(id, "0123456789abcdef") != strlen(id)) {
			json_decref(request);
			return ew_complain(EW_EXIT_USAGE,
			    "\"%s\" is no message id; `eastwatch webhook status` shows "
			    "them, "
			    "\"all\" means every one that was given up",
			    id);
		}
		json_object_set_new(request, "message", json_string(id));
	} else {
		json_object_set_new(request, "all", json_true());
	}
	if (target)
		json_object_set_new(request, "target", json_string(target));
	const int code = ew_control_ask(args, "webhook-replay", request, &answer);
	if (!code)
		printf("%" JSON_INTEGER_FORMAT " messages are queued again\n",
		    json_integer_value(json_object_get(answer, "count")));
	json_decref(answer);
	return code;
}

/* Subcommands that read the configuration. */
static int
with_config(const struct ew_args *args, const char *what)
{
	struct ew_writer_conf conf;
	struct ew_place place;
	int code = ew_options_output(args, &conf);

	if (!code)
		code = ew_place_find(args, &place);
	if (code)
		return code;
	code = strcmp(what, "list") == 0 ? list_targets(place.config, &conf)
					 : preview(args, place.config, args->words[1]);
	ew_place_fini(&place);
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *what = args->words[0];
	const bool has_argument = args->n_words > 1;
	const bool needs_argument = strcmp(what, "test") == 0 ||
	    strcmp(what, "replay") == 0 || strcmp(what, "preview") == 0;

	if (!needs_argument && strcmp(what, "list") != 0 && strcmp(what, "status") != 0)
		return ew_complain(EW_EXIT_USAGE,
		    "there is no `webhook %s`; `eastwatch help webhook` lists what "
		    "there is",
		    what);
	if (needs_argument != has_argument)
		return ew_complain(EW_EXIT_USAGE, "webhook %s %s", what,
		    needs_argument
			? "needs an argument; `eastwatch help webhook` has examples"
			: "takes no argument");
	if (strcmp(what, "status") == 0)
		return ew_list_view(args, EW_VIEW_OUTBOX);
	if (strcmp(what, "test") == 0)
		return test(args, args->words[1]);
	if (strcmp(what, "replay") == 0)
		return replay(args, args->words[1]);
	return with_config(args, what);
}
