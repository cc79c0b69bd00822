/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mattermost incoming webhooks: an attachment in Slack's older form, whose text is Markdown.
 * A post holds 16,383 characters (older servers cut attachments at 7,900), so everything
 * stays below 7,500. Names are escaped and @ is broken up: there is no switch that turns
 * mentions off.
 */
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define M EW_MARKUP_MARKDOWN

static void
add_line(struct ew_text *text, const char *label, const char *value, size_t max)
{
	if (!value[0])
		return;
	ew_text_addf(text, "%s**%s:** ", text->length ? "\n" : "", label);
	ew_webhook_words(text, M, value, max);
}

static json_t *
attachment(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	char colour[8], time[EW_TIME_TEXT];
	json_t *json = json_object();

	ew_text_addf(text, "%s: ", ew_webhook_badge(m));
	ew_webhook_words(text, M, m->title, 256);
	(void)json_object_set_new(json, "fallback", ew_webhook_json(text));
	(void)snprintf(colour, sizeof(colour), "#%06x",
	    ew_webhook_colour(m) & 0xffffffU);
	(void)json_object_set_new(json, "color", json_string(colour));
	ew_text_addf(text, "%s \xc2\xb7 ", ew_webhook_badge(m));
	ew_webhook_words(text, M, m->title, 256);
	(void)json_object_set_new(json, "title", ew_webhook_json(text));
	ew_webhook_link(conf, m, text);
	if (text->length)
		(void)json_object_set_new(json, "title_link", ew_webhook_json(text));
	add_line(text, "Path", m->path, 500);
	if (m->n_targets) {
		ew_text_add(text, text->length ? "\n**Targets:**\n" : "**Targets:**\n");
		ew_webhook_targets(text, M, m, "- ");
	}
	if (m->n_reasons) {
		ew_text_add(text, text->length ? "\n**Why:**\n" : "**Why:**\n");
		ew_webhook_reasons(text, M, m, "- ");
	}
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(text, text->length ? "\n- " : "- ");
		ew_webhook_words(text, M, m->lines[i], 160);
	}
	add_line(text, "From", m->src_instance, 160);
	add_line(text, "Image", m->image, 200);
	add_line(text, "Usual", m->baseline, 256);
	add_line(text, "Posture", m->posture, 128);
	add_line(text, "Harmless if", m->benign, 256);
	ew_webhook_clip(text, 6500);
	ew_text_add(text, "\n");
	ew_webhook_commands(m, "`", "`", text);
	(void)json_object_set_new(json, "text", ew_webhook_json(text));
	ew_webhook_words(text, M, m->node, 63);
	ew_text_addf(text, " \xc2\xb7 score %d \xc2\xb7 ", m->score);
	ew_webhook_words(text, M, m->techniques, 120);
	ew_text_addf(text, " \xc2\xb7 %s",
	    ew_wall_format((struct ew_wall){ m->created_us }, time));
	if (m->gaps)
		ew_text_add(text, " \xc2\xb7 coverage reduced");
	(void)json_object_set_new(json, "footer", ew_webhook_json(text));
	return json;
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *body = json_object();
	json_t *list = json_array();
	struct ew_text words;

	ew_text_init(&words, 32768);
	(void)json_object_set_new(body, "username", json_string("eastwatch"));
	if (conf->channel[0])
		(void)json_object_set_new(body, "channel", json_string(conf->channel));
	(void)json_array_append_new(list, attachment(conf, m, &words));
	(void)json_object_set_new(body, "attachments", list);
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

const struct ew_webhook_kind ew_webhook_mattermost = {
	.name = "mattermost",
	.content_type = "application/json",
	.per_minute = 60,
	.render = render,
};
