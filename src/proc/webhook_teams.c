/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Microsoft Teams through a Workflows webhook ("When a Teams webhook request is received"):
 * an Adaptive Card in a message. The older connectors and their MessageCard are retired. The
 * card stays below 21 KB, what one library measured (28 KB is documented). TextBlocks read a
 * part of Markdown, so names are escaped. A workflow answers 202; its predecessor could
 * answer 200 with "HTTP error 429" in the body, which still means later.
 */
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define M EW_MARKUP_MARKDOWN

static json_t *
block(json_t *take_text)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "type", json_string("TextBlock"));
	(void)json_object_set_new(json, "text", take_text);
	(void)json_object_set_new(json, "wrap", json_true());
	return json;
}

static void
add_block(json_t *body, struct ew_text *text)
{
	if (!text->length)
		return;
	ew_webhook_clip(text, 2000);
	(void)json_array_append_new(body, block(ew_webhook_json(text)));
}

static void
add_fact(json_t *facts, const char *title, const char *value, size_t max)
{
	json_t *fact;

	if (!value[0])
		return;
	fact = json_object();
	(void)json_object_set_new(fact, "title", json_string(title));
	(void)json_object_set_new(fact, "value", ew_webhook_jwords(M, value, max));
	(void)json_array_append_new(facts, fact);
}

static json_t *
heading(const struct ew_message *m, struct ew_text *text)
{
	const bool is_good = m->kind == EW_MSG_RESOLVED;
	json_t *json;

	ew_text_addf(text, "%s \xc2\xb7 ", ew_webhook_badge(m));
	ew_webhook_words(text, M, m->title, 256);
	json = block(ew_webhook_json(text));
	(void)json_object_set_new(json, "weight", json_string("Bolder"));
	(void)json_object_set_new(json, "size", json_string("Medium"));
	(void)json_object_set_new(json, "color",
	    json_string(is_good	     ? "Good"
		    : m->score >= 70 ? "Attention"
		    : m->score >= 50 ? "Warning"
				     : "Default"));
	return json;
}

static json_t *
card_body(const struct ew_message *m, struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	json_t *body = json_array();
	json_t *facts = json_array();
	json_t *set = json_object();

	(void)json_array_append_new(body, heading(m, text));
	ew_webhook_words(text, M, m->path, 500);
	add_block(body, text);
	ew_webhook_targets(text, M, m, "- ");
	add_block(body, text);
	ew_webhook_reasons(text, M, m, "- ");
	add_block(body, text);
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(text, i ? "\n- " : "- ");
		ew_webhook_words(text, M, m->lines[i], 160);
	}
	add_block(body, text);
	add_fact(facts, "Node", m->node, 63);
	add_fact(facts, "From", m->src_instance, 160);
	add_fact(facts, "Image", m->image, 200);
	add_fact(facts, "Usual", m->baseline, 256);
	add_fact(facts, "Posture", m->posture, 128);
	add_fact(facts, "Harmless if", m->benign, 256);
	add_fact(facts, "ATT&CK", m->techniques, 128);
	if (m->gaps)
		add_fact(facts, "Coverage", "reduced: capture had gaps", 64);
	add_fact(facts, "Time", ew_wall_format((struct ew_wall){ m->created_us }, time),
	    32);
	(void)json_object_set_new(set, "type", json_string("FactSet"));
	(void)json_object_set_new(set, "facts", facts);
	(void)json_array_append_new(body, set);
	ew_webhook_commands(m, "", "", text);
	json_t *command = block(ew_webhook_json(text));
	(void)json_object_set_new(command, "fontType", json_string("Monospace"));
	(void)json_array_append_new(body, command);
	return body;
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *root = json_object();
	json_t *attachments = json_array();
	json_t *attachment = json_object();
	json_t *card = json_object();
	json_t *teams = json_object();
	struct ew_text words;

	ew_text_init(&words, 32768);
	(void)json_object_set_new(card, "$schema",
	    json_string("http://adaptivecards.io/schemas/adaptive-card.json"));
	(void)json_object_set_new(card, "type", json_string("AdaptiveCard"));
	(void)json_object_set_new(card, "version", json_string("1.4"));
	(void)json_object_set_new(teams, "width", json_string("Full"));
	(void)json_object_set_new(card, "msteams", teams);
	(void)json_object_set_new(card, "body", card_body(m, &words));
	ew_webhook_link(conf, m, &words);
	if (words.length) {
		json_t *actions = json_array();
		json_t *action = json_object();
		(void)json_object_set_new(action, "type",
		    json_string("Action.OpenUrl"));
		(void)json_object_set_new(action, "title", json_string("Open"));
		(void)json_object_set_new(action, "url", ew_webhook_json(&words));
		(void)json_array_append_new(actions, action);
		(void)json_object_set_new(card, "actions", actions);
	}
	(void)json_object_set_new(attachment, "contentType",
	    json_string("application/vnd.microsoft.card.adaptive"));
	(void)json_object_set_new(attachment, "contentUrl", json_null());
	(void)json_object_set_new(attachment, "content", card);
	(void)json_array_append_new(attachments, attachment);
	(void)json_object_set_new(root, "type", json_string("message"));
	(void)json_object_set_new(root, "attachments", attachments);
	ew_text_fini(&words);
	ew_webhook_dump(root, text);
}

static enum ew_webhook_verdict
judge(long status, const char *body)
{
	if (status >= 200 && status < 300)
		return strstr(body, "HTTP error 429") ? EW_WEBHOOK_RETRY
						      : EW_WEBHOOK_OK;
	/* The rest means what it usually means. */
	return ew_webhook_judge_status(status);
}

const struct ew_webhook_kind ew_webhook_teams = {
	.name = "teams",
	.content_type = "application/json",
	.per_minute = 60,
	.render = render,
	.judge = judge,
};
