/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telegram's bot API: sendMessage with parse_mode HTML. 4,096 characters; a message that is
 * cut inside a tag is refused as a whole, so parts are added only while they fit. The token
 * is part of the URL's path: nothing may ever log that URL. About one message a second per
 * chat, twenty a minute in a group; 429 has parameters.retry_after.
 */
#include <string.h>

#include "proc/webhook_priv.h"

#define M EW_MARKUP_HTML
#define MESSAGE_MAX 4000

/* Add part to text if it still fits; empties part. */
static void
add_part(struct ew_text *text, struct ew_text *part)
{
	if (part->length &&
	    ew_webhook_length(text->text ? text->text : "") +
		    ew_webhook_length(part->text) <
		MESSAGE_MAX)
		ew_text_add_bytes(text, part->text, part->length);
	ew_text_clear(part);
}

static void
add_line(struct ew_text *text, struct ew_text *part, const char *label,
    const char *value, size_t max)
{
	if (!value[0])
		return;
	ew_text_addf(part, "\n<b>%s</b> ", label);
	ew_webhook_words(part, M, value, max);
	add_part(text, part);
}

static void
add_words(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	struct ew_text part;

	ew_text_init(&part, 16384);
	ew_text_addf(&part, "<b>%s</b> \xc2\xb7 ", ew_webhook_badge(m));
	ew_webhook_words(&part, M, m->title, 256);
	add_part(text, &part);
	ew_text_add(&part, "\n");
	ew_webhook_commands(m, "<code>", "</code>", &part);
	add_part(text, &part);
	add_line(text, &part, "Path", m->path, 500);
	if (m->n_targets) {
		ew_text_add(&part, "\n<b>Targets</b>\n");
		ew_webhook_targets(&part, M, m, "\xe2\x80\xa2 ");
		add_part(text, &part);
	}
	if (m->n_reasons) {
		ew_text_add(&part, "\n<b>Why</b>\n");
		ew_webhook_reasons(&part, M, m, "\xe2\x80\xa2 ");
		add_part(text, &part);
	}
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(&part, "\n\xe2\x80\xa2 ");
		ew_webhook_words(&part, M, m->lines[i], 160);
		add_part(text, &part);
	}
	add_line(text, &part, "From", m->src_instance, 160);
	add_line(text, &part, "Image", m->image, 200);
	add_line(text, &part, "Usual", m->baseline, 256);
	add_line(text, &part, "Posture", m->posture, 128);
	add_line(text, &part, "Harmless if", m->benign, 256);
	add_line(text, &part, "ATT&amp;CK", m->techniques, 128);
	add_line(text, &part, "Node", m->node, 63);
	if (m->gaps) {
		ew_text_add(&part, "\ncoverage reduced: capture had gaps");
		add_part(text, &part);
	}
	(void)conf;
	ew_text_fini(&part);
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *body = json_object();
	json_t *preview = json_object();
	struct ew_text words;

	ew_text_init(&words, 32768);
	add_words(conf, m, &words);
	(void)json_object_set_new(body, "chat_id", json_string(conf->channel));
	(void)json_object_set_new(body, "text", ew_webhook_json(&words));
	(void)json_object_set_new(body, "parse_mode", json_string("HTML"));
	(void)json_object_set_new(preview, "is_disabled", json_true());
	(void)json_object_set_new(body, "link_preview_options", preview);
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

static void
finish(const struct ew_webhook_conf *conf, const struct ew_message *message,
    const struct ew_webhook_secrets *secrets, int64_t now_us,
    struct ew_webhook_request *request)
{
	size_t length = strlen(secrets->url);

	(void)conf;
	(void)message;
	(void)now_us;
	while (length > 0 && secrets->url[length - 1] == '/')
		length--;
	ew_text_clear(&request->url);
	ew_text_add_bytes(&request->url, secrets->url, length);
	ew_text_addf(&request->url, "/bot%s/sendMessage", secrets->secret);
}

const struct ew_webhook_kind ew_webhook_telegram = {
	.name = "telegram",
	.content_type = "application/json",
	.default_url = "https://api.telegram.org",
	.per_minute = 18,
	.render = render,
	.finish = finish,
};
