/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slack incoming webhooks: blocks, and a text for notifications. Limits (api.slack.com,
 * reference/block-kit): 50 blocks, header 150 characters, section 3,000, context element
 * 2,000; all together about 13,200, beyond which the answer is msg_blocks_too_long
 * (slackapi/bolt-js issue 2509). Only & < > mean something in text, so escaping them takes
 * away links and mentions. The flat keys beside the blocks are what a Slack workflow's
 * webhook can read; an incoming webhook ignores them.
 *
 * Rate: one message a second with short bursts; 429 carries Retry-After.
 */
#include "proc/webhook_priv.h"

#include <inttypes.h>
#include <string.h>

#include "base/time.h"

#define M EW_MARKUP_SLACK
#define SECTION_MAX 2400 /* four of them stay below the total */
#define HEADER_MAX 150
#define CONTEXT_MAX 1500

static json_t *
section(struct ew_text *text)
{
	json_t *block = json_object();
	json_t *mrkdwn = json_object();

	ew_webhook_clip(text, SECTION_MAX);
	(void)json_object_set_new(mrkdwn, "type", json_string("mrkdwn"));
	(void)json_object_set_new(mrkdwn, "text", ew_webhook_json(text));
	(void)json_object_set_new(block, "type", json_string("section"));
	(void)json_object_set_new(block, "text", mrkdwn);
	return block;
}

static json_t *
header(const struct ew_message *m, struct ew_text *text)
{
	json_t *block = json_object();
	json_t *plain = json_object();

	ew_text_addf(text, "%s \xc2\xb7 ", ew_webhook_badge(m));
	ew_webhook_words(text, EW_MARKUP_PLAIN, m->title, 130);
	ew_webhook_clip(text, HEADER_MAX);
	(void)json_object_set_new(plain, "type", json_string("plain_text"));
	(void)json_object_set_new(plain, "text", ew_webhook_json(text));
	(void)json_object_set_new(plain, "emoji", json_false());
	(void)json_object_set_new(block, "type", json_string("header"));
	(void)json_object_set_new(block, "text", plain);
	return block;
}

static void
labelled(struct ew_text *text, const char *label, const char *value, size_t max)
{
	if (!value[0])
		return;
	ew_text_addf(text, "%s*%s* ", text->length ? "\n" : "", label);
	ew_webhook_words(text, M, value, max);
}

static json_t *
context(const struct ew_message *m, struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	json_t *block = json_object();
	json_t *elements = json_array();
	json_t *mrkdwn = json_object();

	ew_webhook_words(text, M, m->node, 63);
	ew_text_addf(text, " \xc2\xb7 score %d \xc2\xb7 ", m->score);
	if (m->techniques[0]) {
		ew_webhook_words(text, M, m->techniques, 120);
		ew_text_add(text, " \xc2\xb7 ");
	}
	ew_text_add(text, ew_wall_format((struct ew_wall){ m->created_us }, time));
	if (m->gaps)
		ew_text_add(text, " \xc2\xb7 coverage reduced: capture had gaps");
	ew_webhook_clip(text, CONTEXT_MAX);
	(void)json_object_set_new(mrkdwn, "type", json_string("mrkdwn"));
	(void)json_object_set_new(mrkdwn, "text", ew_webhook_json(text));
	(void)json_array_append_new(elements, mrkdwn);
	(void)json_object_set_new(block, "type", json_string("context"));
	(void)json_object_set_new(block, "elements", elements);
	return block;
}

static void
append(json_t *blocks, struct ew_text *text)
{
	if (text->length)
		(void)json_array_append_new(blocks, section(text));
}

static json_t *
incident_blocks(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *blocks = json_array();

	(void)json_array_append_new(blocks, header(m, text));
	labelled(text, "Path", m->path, 500);
	if (m->n_targets) {
		ew_text_addf(text, "%s*Targets*\n", text->length ? "\n" : "");
		ew_webhook_targets(text, M, m, "\xe2\x80\xa2 ");
	}
	append(blocks, text);
	if (m->n_reasons) {
		ew_text_add(text, "*Why*\n");
		ew_webhook_reasons(text, M, m, "\xe2\x80\xa2 ");
	}
	append(blocks, text);
	labelled(text, "From", m->src_instance, 160);
	labelled(text, "Image", m->image, 200);
	labelled(text, "Usual", m->baseline, 256);
	labelled(text, "Posture", m->posture, 128);
	labelled(text, "Harmless if", m->benign, 256);
	append(blocks, text);
	ew_webhook_commands(m, "`", "`", text);
	if (conf->link[0] && m->incident_id) {
		ew_text_add(text, " \xc2\xb7 <");
		ew_webhook_link(conf, m, text);
		ew_text_add(text, "|open>");
	}
	append(blocks, text);
	(void)json_array_append_new(blocks, context(m, text));
	return blocks;
}

static json_t *
list_blocks(const struct ew_message *m, struct ew_text *text)
{
	json_t *blocks = json_array();

	(void)json_array_append_new(blocks, header(m, text));
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(text, text->length ? "\n\xe2\x80\xa2 " : "\xe2\x80\xa2 ");
		ew_webhook_words(text, M, m->lines[i], 160);
		if (i % 12 == 11)
			append(blocks, text);
	}
	append(blocks, text);
	(void)json_array_append_new(blocks, context(m, text));
	return blocks;
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	json_t *body = json_object();
	struct ew_text words;

	ew_text_init(&words, 16384);
	ew_text_addf(&words, "%s: ", ew_webhook_badge(m));
	ew_webhook_words(&words, M, m->title, 256);
	(void)json_object_set_new(body, "text", ew_webhook_json(&words));
	(void)json_object_set_new(body, "blocks",
	    m->n_lines ? list_blocks(m, &words) : incident_blocks(conf, m, &words));
	if (conf->channel[0])
		(void)json_object_set_new(body, "channel", json_string(conf->channel));
	(void)json_object_set_new(body, "severity",
	    json_string(ew_webhook_severity(m)));
	(void)json_object_set_new(body, "src_workload",
	    ew_webhook_jwords(M, m->src_workload, 256));
	ew_webhook_command(m, &words);
	(void)json_object_set_new(body, "command", ew_webhook_json(&words));
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

const struct ew_webhook_kind ew_webhook_slack = {
	.name = "slack",
	.content_type = "application/json",
	.per_minute = 60,
	.render = render,
};
