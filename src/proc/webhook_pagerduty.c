/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PagerDuty Events API v2. The incident's key is the dedup_key, so that an update joins the
 * alert and a resolve ends it. summary 1,024 characters, dedup_key 255. The routing key is
 * part of the body: render() writes a placeholder, finish() the real one. 202 is success,
 * 400 is never tried again, 429 and 5xx are.
 */
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define P EW_MARKUP_PLAIN

static const char *
severity_of(const struct ew_message *m)
{
	if (m->kind == EW_MSG_TEST || m->kind == EW_MSG_DIGEST)
		return "info";
	return m->score >= 90 ? "critical"
	    : m->score >= 70  ? "error"
	    : m->score >= 50  ? "warning"
			      : "info";
}

static json_t *
payload(const struct ew_message *m, struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	json_t *json = json_object();

	ew_webhook_words(text, P, m->title, 1000);
	(void)json_object_set_new(json, "summary", ew_webhook_json(text));
	(void)json_object_set_new(json, "source",
	    ew_webhook_jwords(P, m->node[0] ? m->node : "eastwatch", 63));
	(void)json_object_set_new(json, "severity", json_string(severity_of(m)));
	(void)json_object_set_new(json, "timestamp",
	    json_string(ew_wall_format((struct ew_wall){ m->created_us }, time)));
	(void)json_object_set_new(json, "component",
	    ew_webhook_jwords(P, m->src_workload, 255));
	(void)json_object_set_new(json, "class", json_string(ew_webhook_event(m)));
	json_t *details = ew_webhook_incident(m);
	ew_webhook_command(m, text);
	(void)json_object_set_new(details, "command", ew_webhook_json(text));
	(void)json_object_set_new(json, "custom_details", details);
	return json;
}

static void
build(const struct ew_webhook_conf *conf, const struct ew_message *m, const char *key,
    struct ew_text *text)
{
	json_t *body = json_object();
	struct ew_text words;

	ew_text_init(&words, 16384);
	(void)json_object_set_new(body, "routing_key", json_string(key));
	(void)json_object_set_new(body, "event_action",
	    json_string(m->kind == EW_MSG_RESOLVED ? "resolve" : "trigger"));
	ew_webhook_key(m, &words);
	(void)json_object_set_new(body, "dedup_key", ew_webhook_json(&words));
	(void)json_object_set_new(body, "client", json_string("eastwatch"));
	(void)json_object_set_new(body, "payload", payload(m, &words));
	ew_webhook_link(conf, m, &words);
	if (words.length) {
		json_t *links = json_array();
		json_t *link = json_object();
		(void)json_object_set_new(link, "href", ew_webhook_json(&words));
		(void)json_object_set_new(link, "text", json_string("open"));
		(void)json_array_append_new(links, link);
		(void)json_object_set_new(body, "links", links);
	}
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	build(conf, m, "<routing key>", text);
}

static void
finish(const struct ew_webhook_conf *conf, const struct ew_message *message,
    const struct ew_webhook_secrets *secrets, int64_t now_us,
    struct ew_webhook_request *request)
{
	(void)now_us;
	ew_text_clear(&request->body);
	build(conf, message, secrets->secret, &request->body);
}

const struct ew_webhook_kind ew_webhook_pagerduty = {
	.name = "pagerduty",
	.content_type = "application/json",
	.default_url = "https://events.pagerduty.com/v2/enqueue",
	.per_minute = 60,
	.render = render,
	.finish = finish,
};
