/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "daemon/config.h"

static struct ew_config *
parse(const char *text)
{
	struct ew_config *config = calloc(1, sizeof(*config));
	struct ew_error error = { .text = "" };

	cr_assert_eq(ew_config_parse("t.yaml", text, strlen(text), config, &error), 0,
	    "%s", error.text);
	return config;
}

static void
expect_refusal(const char *text, const char *sentence)
{
	static struct ew_config config;
	struct ew_error error = { .text = "" };

	cr_expect_eq(ew_config_parse("t.yaml", text, strlen(text), &config, &error),
	    EW_ERR_CONFIG, "accepted: %s", text);
	cr_expect_eq(strncmp(error.text, sentence, strlen(sentence)), 0,
	    "for %s\n%s\nis not\n%s", text, error.text, sentence);
}

Test(config, has_a_default_for_every_key)
{
	struct ew_config *c = parse("");

	cr_expect_eq(c->learning.minimum_age_ns, 24 * 3600 * EW_NS_PER_S);
	cr_expect_eq(c->database.flows_ns, 7 * 24 * 3600 * EW_NS_PER_S);
	cr_expect_eq(c->database.max_size, INT64_C(4) << 30);
	cr_expect_eq(c->capture.workers, 1);
	cr_expect_eq(c->capture.host, 1);
	cr_expect_eq(c->incidents.digest_at_s, 9 * 3600);
	cr_expect_eq(c->detection.auto_accept_ns, 0);
	cr_expect_str_eq(c->control.socket, "/run/eastwatch/control.sock");
	cr_expect_str_eq(c->web.listen, "127.0.0.1:9738");
	cr_expect_gt(strlen(c->node), 0);
	free(c);
}

Test(config, reads_the_keys_of_the_contract)
{
	struct ew_config *c =
	    parse("node: n1\n"
		  "database: {path: /tmp/x.db, retention: {flows: 7d, edges: 180d, "
		  "max_size: 4GiB}}\n"
		  "control: {socket: /tmp/c.sock}\n"
		  "capture: {mode: any, profile: all, workers: 2, ring_size: 16MiB, "
		  "host: false}\n"
		  "runtimes: {docker: {socket: /d.sock}, podman: {socket: /p.sock}, "
		  "containerd: {root: /c}}\n"
		  "learning: {minimum_age: 2s, quick: false, startup_min: 1s, "
		  "startup_max: 3s, "
		  "change_window: 30m, change_hold: 10m, grace: 0, tombstone: 24h}\n"
		  "detection: {auto_accept: never}\n"
		  "process_lookup: false\n"
		  "incidents: {hold_down: {page: 1s, notify: 2s}, idle_close: 6h, "
		  "digest_at: \"09:30\"}\n"
		  "webhooks: [{name: ops, type: slack, url: "
		  "'https://hooks.slack.com/services/T/B/x', "
		  "tiers: [page, notify, digest], quiet_hours: '22:00-07:00', "
		  "min_severity: high, "
		  "workloads: ['shop/*', 'k8s/*']}]\n"
		  "web: {listen: \"[::1]:9738\"}\n");

	cr_expect_str_eq(c->node, "n1");
	cr_expect_eq(c->capture.workers, 2);
	cr_expect_eq(c->capture.host, 0);
	cr_expect_eq(c->capture.profile, 1);
	cr_expect_eq(c->learning.minimum_age_ns, 2 * EW_NS_PER_S);
	cr_expect_eq(c->learning.grace_ns, 0);
	cr_expect_eq(c->incidents.digest_at_s, 9 * 3600 + 1800);
	cr_expect_eq(c->n_webhooks, 1);
	cr_expect_eq(c->webhooks[0].type, EW_WEBHOOK_SLACK);
	cr_expect_eq(c->webhooks[0].tiers,
	    1 << EW_TIER_PAGE | 1 << EW_TIER_NOTIFY | 1 << EW_TIER_DIGEST);
	cr_expect_eq(c->webhooks[0].min_score, 70);
	cr_expect_eq(c->webhooks[0].n_workloads, 2);
	cr_expect_eq(c->webhooks[0].quiet_from_s, 22 * 3600);
	free(c);
}

Test(config, names_place_and_reason_of_every_mistake)
{
	static const char *const cases[][2] = {
		{ "captur: {}\n",
		    "t.yaml:1:1: unknown key captur; did you mean capture?" },
		{ "node: a\ncapture:\n  worker: 1\n",
		    "t.yaml:3:3: unknown key capture.worker; did you mean workers?" },
		{ "node: a\nnode: b\n", "t.yaml:2:1: node stands here twice" },
		{ "capture: {workers: 9}\n",
		    "t.yaml:1:20: capture.workers is 9, but must be 1 to 4" },
		{ "capture: {workers: many}\n",
		    "t.yaml:1:20: capture.workers is \"many\", but must be a number" },
		{ "process_lookup: maybe\n",
		    "t.yaml:1:17: process_lookup is \"maybe\", but must be true or "
		    "false" },
		{ "capture: 7\n",
		    "t.yaml:1:10: capture must be a mapping, not a single value" },
		{ "node: [a]\n",
		    "t.yaml:1:7: node must be a single value, not a list" },
		{ "learning: {grace: 12}\n",
		    "t.yaml:1:19: learning.grace is \"12\", but must be a duration" },
		{ "database: {retention: {max_size: 4GB5}}\n",
		    "t.yaml:1:34: database.retention.max_size is \"4GB5\", but must be "
		    "a size" },
		{ "capture: {ring_size: 1KiB}\n",
		    "t.yaml:1:22: capture.ring_size is 1KiB, but must be 1MiB to "
		    "4GiB" },
		{ "web: {listen: nowhere}\n",
		    "t.yaml:1:15: web.listen is \"nowhere\", but must be ADDRESS:PORT "
		    "or off" },
		{ "incidents: {digest_at: \"25:00\"}\n",
		    "t.yaml:1:24: incidents.digest_at is \"25:00\", but must be a "
		    "time" },
		{ "webhooks:\n  - {name: a, type: slak, url: 'https://x/'}\n",
		    "t.yaml:2:21: type is \"slak\", but must be one of" },
		{ "webhooks:\n  - {name: a, type: slack}\n",
		    "t.yaml:2:5: the webhook a needs url or url_file" },
		{ "webhooks:\n  - {name: a, url: 'https://x/', url_file: /y}\n",
		    "t.yaml:2:5: the webhook a has both url and url_file" },
		{ "webhooks: [{name: a, url: 'https://x/'}, {name: a, url: "
		  "'https://y/'}]\n",
		    "t.yaml:1:11: webhooks has two targets named a" },
		{ "learning: {startup_min: 10m, startup_max: 1m}\n",
		    "t.yaml:1:25: learning.startup_min is longer than "
		    "learning.startup_max" },
		{ "detection: {canaries: [10.0.0.x]}\n",
		    "t.yaml:1:24: detection.canaries has \"10.0.0.x\"" },
		{ "detection: {detectors: {no-such: {a: 1}}}\n",
		    "t.yaml:1:38: detection.detectors.no-such.a knows no detector" },
		{ "a: [1\n", "t.yaml:2:1:" },
		{ "- a\n- b\n", "t.yaml:1:1: the file must be a mapping, not a list" },
		{ "node: a\n---\nnode: b\n",
		    "t.yaml:3:1: a second document begins here" },
		{ "node: \"a\\0b\"\n", "t.yaml:1:7: node contains a NUL" },
		{ "node: ''\n", "t.yaml:1:7: node must not be empty" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refusal(cases[i][0], cases[i][1]);
}

Test(config, is_untouched_by_a_file_with_a_mistake)
{
	static struct ew_config config;
	struct ew_error error;
	const char *text = "node: other\ncapture: {workers: 9}\n";

	ew_config_default(&config);
	(void)ew_text_copy(config.node, sizeof(config.node), "kept");
	cr_expect_lt(ew_config_parse("t", text, strlen(text), &config, &error), 0);
	cr_expect_str_eq(config.node, "kept");
}

Test(config, quick_learning_takes_an_hour_unless_an_age_is_given)
{
	struct ew_config *c = parse("learning: {quick: true}\n");
	struct ew_config *both = parse("learning: {quick: true, minimum_age: 5s}\n");

	cr_expect_eq(c->learning.minimum_age_ns, 3600 * EW_NS_PER_S);
	cr_expect_eq(both->learning.minimum_age_ns, 5 * EW_NS_PER_S);
	free(c);
	free(both);
}

Test(config, what_is_shown_parses_back_and_hides_secrets)
{
	struct ew_config *c = parse(
	    "node: n1\n"
	    "learning: {grace: 90s, startup_max: 1h30m}\n"
	    "detection: {canaries: ['10.0.0.9:22', '[fd00::/64]:80', 10.1.0.0/16], "
	    "sensitive_ports: {9999: 15}}\n"
	    "webhooks:\n"
	    "  - {name: a, type: slack, url: "
	    "'https://hooks.slack.com/services/T/B/hush'}\n"
	    "  - {name: b, url: 'https://user:hush@x.example/', secret: hush, tiers: "
	    "[digest], "
	    "quiet_hours: '22:00-07:00', workloads: ['a\"b*']}\n");
	struct ew_text first, second;
	struct ew_error error = { .text = "" };
	static struct ew_config again;

	ew_text_init(&first, 65536);
	ew_text_init(&second, 65536);
	ew_config_show(c, &first);
	cr_expect_null(strstr(first.text, "hush"), "%s", first.text);
	cr_assert_eq(ew_config_parse("shown", first.text, first.length, &again, &error),
	    0, "%s\n%s", error.text, first.text);
	ew_config_show(&again, &second);
	cr_expect_str_eq(first.text, second.text);
	cr_expect_eq(again.detection.n_canaries, 3);
	cr_expect_eq(again.learning.startup_max_ns, 5400 * EW_NS_PER_S);
	ew_text_fini(&first);
	ew_text_fini(&second);
	free(c);
}

Test(config, survives_any_truncation)
{
	const char *text =
	    "capture: {workers: 2, ring_size: 16MiB}\nwebhooks:\n"
	    "  - &x {name: a, url: 'https://x/y', tiers: [page]}\n  - *x\n";
	static struct ew_config config;
	struct ew_error error;

	for (size_t i = 0; i <= strlen(text); i++)
		(void)ew_config_parse("t", text, i, &config, &error);
}
