/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "proc/webhook.h"
#include "proc/webhook_priv.h"

static struct ew_message *
story(void)
{
	struct ew_message *m = calloc(1, sizeof(*m));

	m->id = 7;
	m->incident_id = 0x4f2a;
	m->created_us = INT64_C(1767225600000000);
	m->opened_us = INT64_C(1767225580000000);
	m->updated_us = m->created_us;
	m->tier = EW_TIER_PAGE;
	m->score = 85;
	m->sequence = 1;
	m->n_targets = 1;
	m->more_targets = 3;
	m->n_reasons = 1;
	(void)ew_text_copy(m->node, sizeof(m->node), "n1");
	(void)ew_text_copy(m->title, sizeof(m->title),
	    "shop/web opened ssh on shop/db");
	(void)ew_text_copy(m->src_workload, sizeof(m->src_workload), "shop/web");
	(void)ew_text_copy(m->src_instance, sizeof(m->src_instance),
	    "shop-web-1 (4eea1d3f)");
	(void)ew_text_copy(m->image, sizeof(m->image), "nginx:1.25");
	(void)ew_text_copy(m->path, sizeof(m->path), "shop/web -> shop/db:22 00:00:00");
	(void)ew_text_copy(m->techniques, sizeof(m->techniques), "T1021, T1046");
	(void)ew_text_copy(m->targets[0], sizeof(m->targets[0]),
	    "shop/db:22/tcp established");
	m->reasons[0].points = 35;
	(void)ew_text_copy(m->reasons[0].text, sizeof(m->reasons[0].text),
	    "never seen: no such edge in 14 d");
	return m;
}

static json_t *
render(enum ew_webhook_type type, const struct ew_message *m, struct ew_text *text)
{
	struct ew_webhook_conf *conf = calloc(1, sizeof(*conf));

	conf->type = (uint8_t)type;
	ew_text_init(text, (size_t)1 << 19);
	cr_assert_eq(ew_webhook_render(conf, m, text), 0);
	free(conf);
	json_t *json = json_loadb(text->text, text->length, 0, NULL);
	if (type != EW_WEBHOOK_SYSLOG)
		cr_assert_not_null(json, "%s", text->text);
	return json;
}

static const char *
string(const json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	return s ? s : "";
}

/* Fill every text with the same hostile words. */
static struct ew_message *
hostile(const char *words)
{
	struct ew_message *m = story();
	char filled[512] = "";

	while (strlen(filled) + strlen(words) < sizeof(filled))
		memcpy(filled + strlen(filled), words, strlen(words) + 1);
	m->n_targets = EW_MESSAGE_TARGETS;
	m->n_reasons = EW_MESSAGE_REASONS;
	m->n_lines = 0;
	m->gaps = 1;
	(void)ew_text_copy(m->node, sizeof(m->node), filled);
	(void)ew_text_copy(m->title, sizeof(m->title), filled);
	(void)ew_text_copy(m->src_workload, sizeof(m->src_workload), filled);
	(void)ew_text_copy(m->src_instance, sizeof(m->src_instance), filled);
	(void)ew_text_copy(m->image, sizeof(m->image), filled);
	(void)ew_text_copy(m->path, sizeof(m->path), filled);
	(void)ew_text_copy(m->techniques, sizeof(m->techniques), filled);
	(void)ew_text_copy(m->baseline, sizeof(m->baseline), filled);
	(void)ew_text_copy(m->posture, sizeof(m->posture), filled);
	(void)ew_text_copy(m->benign, sizeof(m->benign), filled);
	for (unsigned i = 0; i < EW_MESSAGE_TARGETS; i++)
		(void)ew_text_copy(m->targets[i], sizeof(m->targets[i]), filled);
	for (unsigned i = 0; i < EW_MESSAGE_REASONS; i++)
		(void)ew_text_copy(m->reasons[i].text, sizeof(m->reasons[i].text),
		    filled);
	for (unsigned i = 0; i < EW_MESSAGE_LINES; i++)
		(void)ew_text_copy(m->lines[i], sizeof(m->lines[i]), filled);
	return m;
}

/* --- generic ---------------------------------------------------------------------------------- */

Test(webhook, generic_carries_the_incident)
{
	struct ew_message *m = story();
	struct ew_text text;
	json_t *json = render(EW_WEBHOOK_GENERIC, m, &text);
	const json_t *data = json_object_get(json, "data");
	const json_t *target = json_array_get(json_object_get(data, "targets"), 0);

	cr_expect_str_eq(string(json, "type"), "incident.opened");
	cr_expect_str_eq(string(json, "timestamp"), "2026-01-01T00:00:00.000000Z");
	cr_expect_str_eq(string(data, "schema"), "eastwatch.incident/1");
	cr_expect_str_eq(string(data, "id"), "0000000000004f2a");
	cr_expect_str_eq(string(data, "severity"), "high");
	cr_expect_str_eq(string(target, "workload"), "shop/db");
	cr_expect_str_eq(string(target, "proto"), "tcp");
	cr_expect_str_eq(string(target, "outcome"), "established");
	cr_expect_eq(json_integer_value(json_object_get(target, "port")), 22);
	cr_expect_eq(json_array_size(json_object_get(data, "techniques")), 2);
	json_decref(json);
	ew_text_fini(&text);
	free(m);
}

/* Computed by Python's hmac over "msg_0000000000000007.1614265330." and the body below. */
Test(webhook, generic_is_signed_by_the_standard)
{
	struct ew_message *m = story();
	struct ew_webhook_conf *conf = calloc(1, sizeof(*conf));
	struct ew_webhook_request request;
	struct ew_error error = { .text = "" };
	char command[2048], expected[128] = "";

	(void)ew_text_copy(conf->url, sizeof(conf->url), "https://x.example/hook");
	(void)ew_text_copy(conf->secret, sizeof(conf->secret),
	    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	ew_webhook_request_init(&request);
	cr_assert_eq(ew_webhook_build(conf, m, INT64_C(1614265330000000), &request,
			 &error),
	    0, "%s", error.text);
	cr_expect_str_eq(request.headers[1].text, "webhook-id: msg_0000000000000007");
	cr_expect_str_eq(request.headers[2].text, "webhook-timestamp: 1614265330");
	/* Another implementation agrees: openssl on the command line. */
	char path[] = "/tmp/ew-body-XXXXXX";
	const int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_gt(dprintf(fd, "msg_0000000000000007.1614265330.%s",
			 request.body.text),
	    0);
	close(fd);
	(void)snprintf(command, sizeof(command),
	    "openssl dgst -sha256 -mac HMAC -macopt "
	    "hexkey:31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0 -binary %s | "
	    "base64",
	    path);
	FILE *pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	if (!fgets(expected, sizeof(expected), pipe))
		expected[0] = '\0';
	(void)pclose(pipe);
	(void)unlink(path);
	expected[strcspn(expected, "\n")] = '\0';
	cr_expect_str_eq(request.headers[3].text + strlen("webhook-signature: v1,"),
	    expected);
	ew_webhook_request_fini(&request);
	free(conf);
	free(m);
}

/* --- chat ------------------------------------------------------------------------------------- */

/* Written by hand after api.slack.com/reference/block-kit. */
Test(webhook, slack_golden)
{
	static const char golden[] =
	    "{\"text\":\"HIGH: shop/web opened ssh on shop/db\",\"blocks\":["
	    "{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":\"HIGH "
	    "\xc2\xb7 "
	    "shop/web opened ssh on shop/db\",\"emoji\":false}},"
	    "{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"*Path* "
	    "shop/web -&gt; "
	    "shop/db:22 00:00:00\\n*Targets*\\n\xe2\x80\xa2 shop/db:22/tcp "
	    "established\\n"
	    "\xe2\x80\xa2 and 3 more\"}},"
	    "{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"*Why*\\n"
	    "\xe2\x80\xa2 +35 never seen: no such edge in 14 d\"}},"
	    "{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"*From* "
	    "shop-web-1 "
	    "(4eea1d3f)\\n*Image* nginx:1.25\"}},"
	    "{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"`eastwatch "
	    "explain "
	    "0000000000004f2a`\\nharmless, forbidden, or not now: `eastwatch baseline "
	    "accept|deny|snooze 0000000000004f2a`\"}},"
	    "{\"type\":\"context\",\"elements\":[{\"type\":\"mrkdwn\",\"text\":\"n1 "
	    "\xc2\xb7 score "
	    "85 \xc2\xb7 T1021, T1046 \xc2\xb7 2026-01-01T00:00:00.000000Z\"}]}],"
	    "\"severity\":\"high\",\"src_workload\":\"shop/web\","
	    "\"command\":\"eastwatch explain 0000000000004f2a\"}";
	struct ew_message *m = story();
	struct ew_text text;
	json_t *json = render(EW_WEBHOOK_SLACK, m, &text);

	cr_expect_str_eq(text.text, golden);
	json_decref(json);
	ew_text_fini(&text);
	free(m);
}

struct limit {
	const char *key;
	size_t max;
};

/* The longest string under any of these keys, in characters. */
static size_t
longest(const json_t *json, const char *key)
{
	const char *name;
	json_t *value;
	size_t i, max = 0;

	json_object_foreach((json_t *)(uintptr_t)(const void *)json, name, value)
	{
		size_t n = 0;
		if (json_is_string(value) && strcmp(name, key) == 0)
			n = ew_webhook_length(json_string_value(value));
		else if (!json_is_string(value))
			n = longest(value, key);
		max = n > max ? n : max;
	}
	json_array_foreach(json, i, value)
	{
		const size_t n = longest(value, key);
		max = n > max ? n : max;
	}
	return max;
}

Test(webhook, hostile_names_stay_within_every_limit_and_mention_nobody)
{
	static const char *const words[] = { "&", "<!channel>", "@everyone ",
		"[x](http://evil) ", "*_~`|\\", "\xf0\x9f\x92\xa3", "\xff\xfe",
		"\x1b[31m\r\n", "\"\"", "<users/all>", "\xe2\x80\xae" };
	static const struct {
		enum ew_webhook_type type;
		size_t bytes; /* of the whole body */
		struct limit limits[4];
	} cases[] = {
		{ EW_WEBHOOK_GENERIC, 60000, { { NULL, 0 } } },
		{ EW_WEBHOOK_SLACK, 90000, { { "text", 3000 }, { NULL, 0 } } },
		{ EW_WEBHOOK_TEAMS, 60000, { { "text", 2000 }, { NULL, 0 } } },
		{ EW_WEBHOOK_DISCORD, 40000,
		    { { "title", 256 }, { "description", 4096 }, { "value", 1024 },
			{ "text", 2048 } } },
		{ EW_WEBHOOK_MATTERMOST, 60000, { { "text", 7900 }, { NULL, 0 } } },
		{ EW_WEBHOOK_GOOGLECHAT, 32000, { { "text", 8000 }, { NULL, 0 } } },
		{ EW_WEBHOOK_TELEGRAM, 60000, { { "text", 4096 }, { NULL, 0 } } },
		{ EW_WEBHOOK_PAGERDUTY, 512000,
		    { { "summary", 1024 }, { "dedup_key", 255 }, { NULL, 0 } } },
		{ EW_WEBHOOK_ALERTMANAGER, 90000, { { NULL, 0 } } },
		{ EW_WEBHOOK_FALCOSIDEKICK, 90000, { { NULL, 0 } } },
	};

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct ew_message *m = hostile(words[w]);
			struct ew_text text;
			m->n_lines = i % 2 ? EW_MESSAGE_LINES : 0;
			json_t *json = render(cases[i].type, m, &text);
			const char *name = ew_webhook_type_name(cases[i].type);
			cr_expect_lt(text.length, cases[i].bytes, "%s", name);
			for (size_t k = 0; k < 4 && cases[i].limits[k].key; k++)
				cr_expect_leq(longest(json, cases[i].limits[k].key),
				    cases[i].limits[k].max, "%s of %s with %s",
				    cases[i].limits[k].key, name, words[w]);
			const bool is_chat = cases[i].type >= EW_WEBHOOK_SLACK &&
			    cases[i].type <= EW_WEBHOOK_TELEGRAM;
			if (is_chat && cases[i].type != EW_WEBHOOK_DISCORD)
				cr_expect_null(strstr(text.text, "\"@everyone "), "%s",
				    name);
			cr_expect_null(strchr(text.text, '\x1b'));
			cr_expect_null(strstr(text.text, "\xe2\x80\xae"), "bidi in %s",
			    name);
			json_decref(json);
			ew_text_fini(&text);
			free(m);
		}
	}
}

Test(webhook, telegram_html_is_never_cut_inside_a_tag)
{
	struct ew_message *m = hostile("<b>&");
	struct ew_text text;
	json_t *json = render(EW_WEBHOOK_TELEGRAM, m, &text);
	const char *html = string(json, "text");
	int open = 0;

	for (const char *p = html; *p; p++) {
		open += *p == '<' ? 1 : *p == '>' ? -1 : 0;
		cr_assert(open == 0 || open == 1);
		if (*p == '&')
			cr_expect(strncmp(p, "&lt;", 4) == 0 ||
			    strncmp(p, "&gt;", 4) == 0 || strncmp(p, "&amp;", 5) == 0);
	}
	cr_expect_eq(open, 0);
	json_decref(json);
	ew_text_fini(&text);
	free(m);
}

/* --- paging and logs -------------------------------------------------------------------------- */

Test(webhook, an_incident_keeps_its_identity_from_opening_to_end)
{
	struct ew_message *m = story();
	struct ew_text first, last;
	json_t *opened = render(EW_WEBHOOK_PAGERDUTY, m, &first);
	m->kind = EW_MSG_RESOLVED;
	m->id = 9;
	m->score = 20;
	json_t *resolved = render(EW_WEBHOOK_PAGERDUTY, m, &last);

	cr_expect_str_eq(string(opened, "dedup_key"), string(resolved, "dedup_key"));
	cr_expect_str_eq(string(opened, "event_action"), "trigger");
	cr_expect_str_eq(string(resolved, "event_action"), "resolve");
	json_decref(opened);
	json_decref(resolved);
	ew_text_fini(&first);
	ew_text_fini(&last);
	resolved = render(EW_WEBHOOK_ALERTMANAGER, m, &last);
	m->kind = EW_MSG_OPENED;
	m->score = 85;
	opened = render(EW_WEBHOOK_ALERTMANAGER, m, &first);
	cr_expect(json_equal(json_object_get(json_array_get(opened, 0), "labels"),
	    json_object_get(json_array_get(resolved, 0), "labels")));
	json_decref(opened);
	json_decref(resolved);
	ew_text_fini(&first);
	ew_text_fini(&last);
	free(m);
}

/* By hand, after RFC 5424 and the CEF guide: name stands before severity. */
Test(webhook, syslog_golden)
{
	static const char head[] =
	    "<131>1 2026-01-01T00:00:00.000000Z n1 eastwatch - incident.opened - "
	    "CEF:0|eastwatch|eastwatch|";
	static const char tail[] =
	    "|incident.opened|a\\|b c|8|rt=1767225600000 dvchost=n1 "
	    "externalId=0000000000004f2a cn1Label=score cn1=85 cs1Label=srcWorkload "
	    "cs1=shop/web "
	    "cs2Label=targets cs2=x\\=y\\\\z;and 3 more cs3Label=techniques cs3=T1021, "
	    "T1046 "
	    "cat=page msg=never seen: no such edge in 14 d";
	struct ew_message *m = story();
	struct ew_text text;

	(void)ew_text_copy(m->title, sizeof(m->title), "a|b\nc");
	(void)ew_text_copy(m->targets[0], sizeof(m->targets[0]), "x=y\\z");
	json_decref(render(EW_WEBHOOK_SYSLOG, m, &text));
	cr_expect_eq(strncmp(text.text, head, strlen(head)), 0, "%s", text.text);
	cr_expect_str_eq(text.text + text.length - strlen(tail), tail);
	ew_text_fini(&text);
	free(m);
}

/* --- routing ---------------------------------------------------------------------------------- */

Test(webhook, goes_where_tier_severity_and_workload_say)
{
	struct ew_message *m = story();
	struct ew_webhook_conf *conf = calloc(1, sizeof(*conf));

	conf->tiers = 1 << EW_TIER_PAGE;
	cr_expect(ew_webhook_wants(conf, m));
	m->tier = EW_TIER_NOTIFY;
	cr_expect_not(ew_webhook_wants(conf, m));
	conf->tiers |= 1 << EW_TIER_NOTIFY;
	cr_expect(ew_webhook_wants(conf, m));
	conf->min_score = 90;
	cr_expect_not(ew_webhook_wants(conf, m));
	conf->min_score = 70;
	conf->n_workloads = 1;
	(void)ew_text_copy(conf->workloads[0], sizeof(conf->workloads[0]), "bank/*");
	cr_expect_not(ew_webhook_wants(conf, m));
	(void)ew_text_copy(conf->workloads[0], sizeof(conf->workloads[0]), "shop/*");
	cr_expect(ew_webhook_wants(conf, m));
	m->kind = EW_MSG_DIGEST;
	cr_expect_not(ew_webhook_wants(conf, m));
	conf->tiers |= 1 << EW_TIER_DIGEST;
	cr_expect(ew_webhook_wants(conf, m));
	m->kind = EW_MSG_TEST;
	conf->tiers = 0;
	cr_expect(ew_webhook_wants(conf, m));
	free(conf);
	free(m);
}

Test(webhook, quiet_hours_delay_what_is_no_page)
{
	struct ew_message *m = story();
	struct ew_webhook_conf *conf = calloc(1, sizeof(*conf));
	const int64_t hour = INT64_C(3600000000);
	const int64_t day = INT64_C(1767225600000000); /* midnight */

	conf->quiet_from_s = 22 * 3600;
	conf->quiet_to_s = 7 * 3600;
	cr_expect_eq(ew_webhook_quiet_us(conf, m, day + 23 * hour), 0, "a page passes");
	m->tier = EW_TIER_NOTIFY;
	cr_expect_eq(ew_webhook_quiet_us(conf, m, day + 23 * hour), 8 * hour);
	cr_expect_eq(ew_webhook_quiet_us(conf, m, day + 6 * hour), hour);
	cr_expect_eq(ew_webhook_quiet_us(conf, m, day + 12 * hour), 0);
	conf->quiet_from_s = 12 * 3600;
	conf->quiet_to_s = 13 * 3600;
	cr_expect_eq(ew_webhook_quiet_us(conf, m, day + 12 * hour), hour);
	cr_expect_eq(ew_webhook_quiet_us(conf, m, day + 13 * hour), 0);
	free(conf);
	free(m);
}

/* --- secrets ---------------------------------------------------------------------------------- */

Test(webhook, a_secret_file_must_be_private_and_one_line)
{
	static const struct {
		const char *content;
		mode_t mode;
		int code;
	} cases[] = {
		{ "hush\n", 0600, 0 },
		{ "hush\n", 0640, 0 },
		{ "hush\n", 0644, EW_ERR_CONFIG },
		{ "", 0600, EW_ERR_CONFIG },
		{ "\n \n", 0600, EW_ERR_CONFIG },
		{ "two\nlines\n", 0600, EW_ERR_CONFIG },
	};
	char secret[64];
	struct ew_error error;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[] = "/tmp/ew-secret-XXXXXX";
		const int fd = mkstemp(path);
		cr_assert_geq(fd, 0);
		cr_assert_geq(dprintf(fd, "%s", cases[i].content), 0);
		cr_assert_eq(fchmod(fd, cases[i].mode), 0);
		close(fd);
		cr_expect_eq(ew_webhook_secret(path, secret, sizeof(secret), &error),
		    cases[i].code, "%zu", i);
		if (cases[i].code == 0)
			cr_expect_str_eq(secret, "hush");
		(void)unlink(path);
	}
	cr_expect_lt(ew_webhook_secret("/nonexistent/x", secret, sizeof(secret),
			 &error),
	    0);
}

Test(webhook, secrets_reach_the_request_and_never_the_preview)
{
	static const enum ew_webhook_type types[] = { EW_WEBHOOK_TELEGRAM,
		EW_WEBHOOK_PAGERDUTY, EW_WEBHOOK_ALERTMANAGER };
	struct ew_message *m = story();

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct ew_webhook_conf *conf = calloc(1, sizeof(*conf));
		struct ew_webhook_request r;
		struct ew_error error = { .text = "" };
		struct ew_text text;
		conf->type = (uint8_t)types[i];
		(void)ew_text_copy(conf->secret, sizeof(conf->secret), "hush");
		(void)ew_text_copy(conf->channel, sizeof(conf->channel), "-100");
		if (types[i] == EW_WEBHOOK_ALERTMANAGER)
			(void)ew_text_copy(conf->url, sizeof(conf->url),
			    "http://am:9093/");
		ew_webhook_request_init(&r);
		cr_assert_eq(ew_webhook_build(conf, m, 0, &r, &error), 0, "%s",
		    error.text);
		cr_expect(strstr(r.url.text, "hush") || strstr(r.body.text, "hush") ||
		    (r.headers[1].text && strstr(r.headers[1].text, "hush")));
		if (types[i] == EW_WEBHOOK_ALERTMANAGER)
			cr_expect_str_eq(r.url.text, "http://am:9093/api/v2/alerts");
		if (types[i] == EW_WEBHOOK_TELEGRAM)
			cr_expect_str_eq(r.url.text,
			    "https://api.telegram.org/bothush/sendMessage");
		ew_webhook_request_fini(&r);
		ew_text_init(&text, 65536);
		cr_assert_eq(ew_webhook_render(conf, m, &text), 0);
		cr_expect_null(strstr(text.text, "hush"));
		ew_text_fini(&text);
		free(conf);
	}
	free(m);
}
