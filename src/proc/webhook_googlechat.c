/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Chat webhooks: text with a little markup (*bold*, `code`, <url|text>). There is no
 * escape for < and >, with which links and <users/all> begin, so in names they become single
 * quotation marks. 32,000 bytes a message; one write a second per space, shared by all apps.
 * threadKey keeps the messages of one incident in one thread.
 */
#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define M EW_MARKUP_QUOTES

static void
add_line(struct ew_text *text, const char *label, const char *value, size_t max)
{
	if (!value[0])
		return;
	ew_text_addf(text, "\n*%s* ", label);
	ew_webhook_words(text, M, value, max);
}

static void
add_words(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	ew_text_addf(text, "*%s* \xc2\xb7 ", ew_webhook_badge(m));
	ew_webhook_words(text, M, m->title, 256);
	add_line(text, "Path", m->path, 500);
	if (m->n_targets) {
		ew_text_add(text, "\n*Targets*\n");
		ew_webhook_targets(text, M, m, "\xe2\x80\xa2 ");
	}
	if (m->n_reasons) {
		ew_text_add(text, "\n*Why*\n");
		ew_webhook_reasons(text, M, m, "\xe2\x80\xa2 ");
	}
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(text, "\n\xe2\x80\xa2 ");
		ew_webhook_words(text, M, m->lines[i], 160);
	}
	add_line(text, "From", m->src_instance, 160);
	add_line(text, "Image", m->image, 200);
	add_line(text, "Usual", m->baseline, 256);
	add_line(text, "Posture", m->posture, 128);
	add_line(text, "Harmless if", m->benign, 256);
	add_line(text, "ATT&CK", m->techniques, 128);
	add_line(text, "Node", m->node, 63);
	if (m->gaps)
		ew_text_add(text, "\ncoverage reduced: capture had gaps");
	ew_webhook_clip(text, 7000);
	ew_text_add(text, "\n");
	ew_webhook_commands(m, "`", "`", text);
	if (conf->link[0] && m->incident_id) {
		ew_text_add(text, " <");
		ew_webhook_link(conf, m, text);
		ew_text_add(text, "|open>");
	}
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *body = json_object();
	json_t *thread = json_object();
	struct ew_text words;

	ew_text_init(&words, 32000);
	add_words(conf, m, &words);
	(void)json_object_set_new(body, "text", ew_webhook_json(&words));
	ew_webhook_key(m, &words);
	(void)json_object_set_new(thread, "threadKey", ew_webhook_json(&words));
	(void)json_object_set_new(body, "thread", thread);
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

static void
finish(const struct ew_webhook_conf *conf, const struct ew_message *message,
    const struct ew_webhook_secrets *secrets, int64_t now_us,
    struct ew_webhook_request *request)
{
	(void)conf;
	(void)message;
	(void)now_us;
	ew_text_addf(&request->url,
	    "%cmessageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD",
	    strchr(secrets->url, '?') ? '&' : '?');
}

const struct ew_webhook_kind ew_webhook_googlechat = {
	.name = "googlechat",
	.content_type = "application/json; charset=UTF-8",
	.per_minute = 50,
	.render = render,
	.finish = finish,
};
