/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus Alertmanager, POST /api/v2/alerts. An alert is identified by its whole label
 * set, so labels hold only what never changes during an incident: a severity among them
 * would make an update a second alert, and a resolve would end neither. It stands in the
 * annotations; to route by severity, configure two targets with min_severity.
 *
 * Alertmanager ends an alert that is not sent again; we do not repeat ourselves, so endsAt
 * says for how long an open incident stands: a day, detectors.md's limit on repeats.
 */
#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define P EW_MARKUP_PLAIN
#define STANDS_US INT64_C(86400000000)

static json_t *
labels_of(const struct ew_message *m, struct ew_text *text)
{
	json_t *labels = json_object();

	ew_text_addf(text, "eastwatch_%s",
	    m->incident_id ? "incident" : ew_webhook_event(m));
	(void)json_object_set_new(labels, "alertname", ew_webhook_json(text));
	(void)json_object_set_new(labels, "node", ew_webhook_jwords(P, m->node, 63));
	if (m->incident_id) {
		ew_text_addf(text, "%016" PRIx64, m->incident_id);
		(void)json_object_set_new(labels, "incident", ew_webhook_json(text));
		(void)json_object_set_new(labels, "src_workload",
		    ew_webhook_jwords(P, m->src_workload, 255));
	}
	return labels;
}

static void
annotate(json_t *annotations, const char *name, struct ew_text *text)
{
	if (text->length)
		(void)json_object_set_new(annotations, name, ew_webhook_json(text));
}

static json_t *
annotations_of(const struct ew_message *m, struct ew_text *text)
{
	json_t *annotations = json_object();

	ew_webhook_words(text, P, m->title, 256);
	annotate(annotations, "summary", text);
	ew_webhook_reasons(text, P, m, "");
	annotate(annotations, "reasons", text);
	ew_webhook_targets(text, P, m, "");
	annotate(annotations, "targets", text);
	ew_webhook_words(text, P, m->path, 512);
	annotate(annotations, "path", text);
	ew_webhook_words(text, P, m->techniques, 128);
	annotate(annotations, "techniques", text);
	ew_webhook_words(text, P, m->src_instance, 160);
	annotate(annotations, "src_instance", text);
	ew_webhook_words(text, P, m->benign, 256);
	annotate(annotations, "benign", text);
	ew_text_add(text, ew_webhook_severity(m));
	annotate(annotations, "severity", text);
	ew_text_addf(text, "%d", m->score);
	annotate(annotations, "score", text);
	ew_webhook_command(m, text);
	annotate(annotations, "command", text);
	for (unsigned i = 0; i < m->n_lines && i < EW_MESSAGE_LINES; i++) {
		ew_text_add(text, i ? "\n" : "");
		ew_webhook_words(text, P, m->lines[i], 160);
	}
	annotate(annotations, "incidents", text);
	return annotations;
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	json_t *list = json_array();
	json_t *alert = json_object();
	struct ew_text words;
	const int64_t ends_us =
	    m->kind == EW_MSG_RESOLVED ? m->created_us : m->created_us + STANDS_US;
	const int64_t starts_us = m->opened_us ? m->opened_us : m->created_us;

	ew_text_init(&words, 16384);
	(void)json_object_set_new(alert, "labels", labels_of(m, &words));
	(void)json_object_set_new(alert, "annotations", annotations_of(m, &words));
	(void)json_object_set_new(alert, "startsAt",
	    json_string(ew_wall_format((struct ew_wall){ starts_us }, time)));
	(void)json_object_set_new(alert, "endsAt",
	    json_string(ew_wall_format((struct ew_wall){ ends_us }, time)));
	ew_webhook_link(conf, m, &words);
	if (words.length)
		(void)json_object_set_new(alert, "generatorURL",
		    ew_webhook_json(&words));
	(void)json_array_append_new(list, alert);
	ew_text_fini(&words);
	ew_webhook_dump(list, text);
}

static void
finish(const struct ew_webhook_conf *conf, const struct ew_message *message,
    const struct ew_webhook_secrets *secrets, int64_t now_us,
    struct ew_webhook_request *request)
{
	static const char path[] = "/api/v2/alerts";
	size_t length = strlen(secrets->url);

	(void)conf;
	(void)message;
	(void)now_us;
	if (!strstr(secrets->url, path)) {
		while (length > 0 && secrets->url[length - 1] == '/')
			length--;
		ew_text_clear(&request->url);
		ew_text_add_bytes(&request->url, secrets->url, length);
		ew_text_add(&request->url, path);
	}
	if (secrets->secret[0])
		ew_text_addf(&request->headers[1], "Authorization: Bearer %s",
		    secrets->secret);
}

const struct ew_webhook_kind ew_webhook_alertmanager = {
	.name = "alertmanager",
	.content_type = "application/json",
	.per_minute = 120,
	.render = render,
	.finish = finish,
};
