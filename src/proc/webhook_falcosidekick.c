/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON that Falco posts and falcosidekick takes: {uuid, output, priority, rule, time,
 * source, tags, hostname, output_fields}, whose sixty outputs come with it. Field names are
 * flat; falcosidekick turns them into labels of some outputs, so there are few.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define P EW_MARKUP_PLAIN

static const char *
priority_of(const struct ew_message *m)
{
	return m->score >= 90 ? "Critical"
	    : m->score >= 70  ? "Error"
	    : m->score >= 50  ? "Warning"
	    : m->score >= 30  ? "Notice"
			      : "Informational";
}

static json_t *
fields_of(const struct ew_message *m, struct ew_text *text)
{
	json_t *fields = json_object();
	char id[17];

	(void)snprintf(id, sizeof(id), "%016" PRIx64, m->incident_id);
	(void)json_object_set_new(fields, "eastwatch.incident", json_string(id));
	(void)json_object_set_new(fields, "eastwatch.event",
	    json_string(ew_webhook_event(m)));
	(void)json_object_set_new(fields, "eastwatch.score", json_integer(m->score));
	(void)json_object_set_new(fields, "eastwatch.src_workload",
	    ew_webhook_jwords(P, m->src_workload, 255));
	(void)json_object_set_new(fields, "container.name",
	    ew_webhook_jwords(P, m->src_instance, 160));
	(void)json_object_set_new(fields, "container.image.repository",
	    ew_webhook_jwords(P, m->image, 255));
	ew_webhook_targets(text, P, m, "");
	(void)json_object_set_new(fields, "eastwatch.targets", ew_webhook_json(text));
	return fields;
}

static json_t *
tags_of(const struct ew_message *m)
{
	json_t *tags = json_array();

	(void)json_array_append_new(tags, json_string("network"));
	for (const char *p = m->techniques; *p;) {
		const size_t length = strcspn(p, ", ");
		char tag[64];
		(void)snprintf(tag, sizeof(tag), "%.*s", (int)length, p);
		if (length)
			(void)json_array_append_new(tags,
			    ew_webhook_jwords(P, tag, 32));
		p += length + strspn(p + length, ", ");
	}
	return tags;
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	char time[EW_TIME_TEXT], uuid[40];
	json_t *body = json_object();
	struct ew_text words;

	(void)conf;
	ew_text_init(&words, 16384);
	/* Stable over retries; the shape of a UUID, version 8 (RFC 9562: free use). */
	(void)snprintf(uuid, sizeof(uuid),
	    "%08" PRIx64 "-%04" PRIx64 "-8000-8000-%012" PRIx64, m->id >> 32,
	    m->id >> 16 & 0xffff, m->id & UINT64_C(0xffffffffffff));
	(void)json_object_set_new(body, "uuid", json_string(uuid));
	ew_text_addf(&words, "%s: ", ew_webhook_badge(m));
	ew_webhook_words(&words, P, m->title, 256);
	if (m->n_reasons) {
		ew_text_add(&words, " (");
		ew_webhook_words(&words, P, m->reasons[0].text, 160);
		ew_text_add(&words, ")");
	}
	(void)json_object_set_new(body, "output", ew_webhook_json(&words));
	(void)json_object_set_new(body, "priority", json_string(priority_of(m)));
	ew_text_addf(&words, "eastwatch %s", ew_webhook_event(m));
	(void)json_object_set_new(body, "rule", ew_webhook_json(&words));
	(void)json_object_set_new(body, "time",
	    json_string(ew_wall_format((struct ew_wall){ m->created_us }, time)));
	(void)json_object_set_new(body, "source", json_string("eastwatch"));
	(void)json_object_set_new(body, "tags", tags_of(m));
	(void)json_object_set_new(body, "hostname", ew_webhook_jwords(P, m->node, 63));
	(void)json_object_set_new(body, "output_fields", fields_of(m, &words));
	ew_text_fini(&words);
	ew_webhook_dump(body, text);
}

const struct ew_webhook_kind ew_webhook_falcosidekick = {
	.name = "falcosidekick",
	.content_type = "application/json",
	.per_minute = 600,
	.render = render,
};
