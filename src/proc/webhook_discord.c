/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discord: one embed. Limits (discord.com/developers, message): title 256, description
 * 4,096, field 256 and 1,024, footer 2,048, all together 6,000 characters; the parts below
 * add up to less. allowed_mentions with an empty list turns every mention into text,
 * whatever a name says. Rates come with each answer (Retry-After, X-RateLimit-*), never from
 * here; a 404 is final, since ten thousand of them are a ban.
 */
#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define M EW_MARKUP_MARKDOWN

static void
add_field(json_t *fields, const char *name, struct ew_text *text, size_t max)
{
	json_t *field;

	if (!text->length)
		return;
	ew_webhook_clip(text, max);
	field = json_object();
	(void)json_object_set_new(field, "name", json_string(name));
	(void)json_object_set_new(field, "value", ew_webhook_json(text));
	(void)json_array_append_new(fields, field);
}

static void
add_line(struct ew_text *text, const char *label, const char *value, size_t max)
{
	if (!value[0])
		return;
	ew_text_addf(text, "%s**%s** ", text->length ? "\n" : "", label);
	ew_webhook_words(text, M, value, max);
}

static json_t *
embed(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	json_t *json = json_object();
	json_t *fields = json_array();
	json_t *footer = json_object();

	ew_text_addf(text, "%s \xc2\xb7 ", ew_webhook_badge(m));
	ew_webhook_words(text, M, m->title, 240);
	ew_webhook_clip(text, 256);
	(void)json_object_set_new(json, "title", ew_webhook_json(text));
	ew_webhook_words(text, M, m->path, 500);
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(text, text->length ? "\n- " : "- ");
		ew_webhook_words(text, M, m->lines[i], 160);
	}
	if (text->length)
		ew_text_add(text, "\n");
	ew_webhook_commands(m, "`", "`", text);
	ew_webhook_clip(text, 2500);
	(void)json_object_set_new(json, "description", ew_webhook_json(text));
	(void)json_object_set_new(json, "color", json_integer(ew_webhook_colour(m)));
	(void)json_object_set_new(json, "timestamp",
	    json_string(ew_wall_format((struct ew_wall){ m->created_us }, time)));
	ew_webhook_link(conf, m, text);
	if (text->length)
		(void)json_object_set_new(json, "url", ew_webhook_json(text));
	ew_webhook_targets(text, M, m, "- ");
	add_field(fields, "Targets", text, 1000);
	ew_webhook_reasons(text, M, m, "- ");
	add_field(fields, "Why", text, 1000);
	add_line(text, "From", m->src_instance, 160);
	add_line(text, "Image", m->image, 200);
	add_line(text, "Usual", m->baseline, 256);
	add_line(text, "Posture", m->posture, 128);
	add_line(text, "Harmless if", m->benign, 256);
	add_field(fields, "Context", text, 1000);
	(void)json_object_set_new(json, "fields", fields);
	ew_webhook_words(text, M, m->node, 63);
	ew_text_addf(text, " \xc2\xb7 score %d", m->score);
	if (m->techniques[0]) {
		ew_text_add(text, " \xc2\xb7 ");
		ew_webhook_words(text, M, m->techniques, 120);
	}
	if (m->gaps)
		ew_text_add(text, " \xc2\xb7 coverage reduced");
	(void)json_object_set_new(footer, "text", ew_webhook_json(text));
	(void)json_object_set_new(json, "footer", footer);
	return json;
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *body = json_object();
	json_t *embeds = json_array();
	json_t *mentions = json_object();
	struct ew_text words;

	ew_text_init(&words, 32768);
	(void)json_array_append_new(embeds, embed(conf, m, &words));
	(void)json_object_set_new(body, "username", json_string("eastwatch"));
	(void)json_object_set_new(body, "embeds", embeds);
	(void)json_object_set_new(mentions, "parse", json_array());
	(void)json_object_set_new(body, "allowed_mentions", mentions);
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

/* wait=true makes Discord answer after it has stored the message, not before. */
static void
finish(const struct ew_webhook_conf *conf, const struct ew_message *message,
    const struct ew_webhook_secrets *secrets, int64_t now_us,
    struct ew_webhook_request *request)
{
	(void)conf;
	(void)message;
	(void)now_us;
	ew_text_add(&request->url,
	    strchr(secrets->url, '?') ? "&wait=true" : "?wait=true");
}

const struct ew_webhook_kind ew_webhook_discord = {
	.name = "discord",
	.content_type = "application/json",
	.per_minute = 25,
	.render = render,
	.finish = finish,
};
