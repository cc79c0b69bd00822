/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syslog: RFC 5424 with a CEF message (ArcSight Common Event Format, version 0):
 *
 *   <PRI>1 TIME HOST eastwatch - EVENT - CEF:0|eastwatch|eastwatch|VERSION|EVENT|NAME|SEV|...
 *
 * In CEF's header | and \ are escaped, in its extension = and \, and line ends everywhere;
 * its severity is 0 to 10. Name and severity stand in this order: a product that swapped
 * them had to keep the mistake for ever. Facility local0.
 */
#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "proc/webhook_priv.h"

#define FACILITY 16 /* local0 */

/* RFC 5424 severities: critical, error, warning, notice, informational. */
static int
level_of(const struct ew_message *m)
{
	return m->score >= 90 ? 2
	    : m->score >= 70  ? 3
	    : m->score >= 50  ? 4
	    : m->score >= 30  ? 5
			      : 6;
}

/* words, then a backslash before each of special. */
static void
add_escaped(struct ew_text *text, const char *s, const char *special, size_t max)
{
	struct ew_text clean;

	ew_text_init(&clean, 4096);
	ew_webhook_words(&clean, EW_MARKUP_PLAIN, s, max);
	for (const char *p = clean.text ? clean.text : ""; *p; p++) {
		if (strchr(special, *p))
			ew_text_add(text, "\\");
		ew_text_add_bytes(text, p, 1);
	}
	ew_text_fini(&clean);
}

static void
add_pair(struct ew_text *text, const char *key, const char *value, size_t max)
{
	if (!value[0])
		return;
	ew_text_addf(text, " %s=", key);
	add_escaped(text, value, "\\=", max);
}

/* HOSTNAME is 1 to 255 printable characters without space. */
static void
add_host(struct ew_text *text, const char *node)
{
	const size_t before = text->length;

	for (const char *p = node; *p; p++)
		if (*p > 0x20 && *p < 0x7f)
			ew_text_add_bytes(text, p, 1);
	if (text->length == before)
		ew_text_add(text, "-");
}

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *m,
    struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	struct ew_text part;

	(void)conf;
	ew_text_init(&part, 4096);
	ew_text_addf(text, "<%d>1 %s ", FACILITY * 8 + level_of(m),
	    ew_wall_format((struct ew_wall){ m->created_us }, time));
	add_host(text, m->node);
	ew_text_addf(text, " eastwatch - %s - CEF:0|eastwatch|eastwatch|%s|%s|",
	    ew_webhook_event(m), PACKAGE_VERSION, ew_webhook_event(m));
	add_escaped(text, m->title, "\\|", 200);
	ew_text_addf(text, "|%d|rt=%" PRId64, m->score / 10, m->created_us / 1000);
	add_pair(text, "dvchost", m->node, 63);
	if (m->incident_id)
		ew_text_addf(text, " externalId=%016" PRIx64, m->incident_id);
	ew_text_addf(text, " cn1Label=score cn1=%d", m->score);
	if (m->src_workload[0]) {
		add_pair(text, "cs1Label", "srcWorkload", 32);
		add_pair(text, "cs1", m->src_workload, 255);
	}
	ew_webhook_targets(&part, EW_MARKUP_PLAIN, m, "");
	for (char *p = part.text; p && *p; p++)
		if (*p == '\n')
			*p = ';';
	if (part.text && part.length) {
		add_pair(text, "cs2Label", "targets", 32);
		add_pair(text, "cs2", part.text, 400);
	}
	if (m->techniques[0]) {
		add_pair(text, "cs3Label", "techniques", 32);
		add_pair(text, "cs3", m->techniques, 120);
	}
	add_pair(text, "cat", ew_webhook_tier(m), 16);
	add_pair(text, "msg", m->n_reasons ? m->reasons[0].text : m->title, 300);
	ew_text_fini(&part);
}

const struct ew_webhook_kind ew_webhook_syslog = {
	.name = "syslog",
	.content_type = "text/plain",
	.default_url = "unix:///dev/log",
	.per_minute = 600,
	.is_datagram = true,
	.render = render,
};
