/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket from end to end: a real client, a real outside process, and a core that
 * is played by this test.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/api.h"
#include "base/err.h"
#include "base/text.h"
#include "eastwatch/client.h"
#include "graph/record.h"
#include "io/loop.h"
#include "proc/outside.h"
#include "proc/peer.h"
#include "support/http_server.h"

struct bench {
	char folder[64], socket[108];
	pid_t outside;
	struct ew_loop *loop;
	struct ew_peer *peer;
	pthread_t thread;
	void (*script)(struct bench *bench);
	struct ew_control_request last;
	int refuse; /* core says no */
	unsigned closed;
	struct ew_wakeup *done;
};

static void
on_control(void *context, const struct ew_control_request *request)
{
	struct bench *b = context;
	struct ew_control_reply reply = { .request_id = request->request_id,
		.id = 0xabc,
		.count = 3 };

	b->last = *request;
	if (b->refuse) {
		reply.code = -ENOENT;
		(void)ew_text_copy(reply.sentence, sizeof(reply.sentence),
		    "there is no such incident");
	}
	cr_expect_eq(ew_peer_send(b->peer, EW_PROC_CONTROL_REPLY, &reply), 0);
}

static void
on_status_request(void *context, const struct ew_status_request *request)
{
	struct bench *b = context;
	struct ew_status_items *items = calloc(1, sizeof(*items));

	items->request_id = request->request_id;
	items->n_items = 1;
	items->items[0].kind =
	    request->what == EW_STATUS_COUNTERS ? EW_ITEM_COUNTER : EW_ITEM_HEALTH;
	items->items[0].level = 2;
	items->items[0].value = 42;
	(void)ew_text_copy(items->items[0].name, sizeof(items->items[0].name),
	    "frames");
	(void)ew_text_copy(items->items[0].text, sizeof(items->items[0].text),
	    "a sentence");
	cr_expect_eq(ew_peer_send(b->peer, EW_PROC_STATUS_ITEMS, items), 0);
	items->n_items = 0;
	items->is_last = 1;
	cr_expect_eq(ew_peer_send(b->peer, EW_PROC_STATUS_ITEMS, items), 0);
	free(items);
}

static void
on_closed(void *context, const char *sentence)
{
	struct bench *b = context;

	(void)sentence;
	b->closed++;
	ew_loop_stop(b->loop);
}

static void
on_done(void *context)
{
	struct bench *b = context;

	cr_expect_eq(ew_peer_send(b->peer, EW_PROC_STOP, NULL), 0);
}

static void *
run_script(void *context)
{
	struct bench *b = context;

	b->script(b);
	ew_wakeup_ring(b->done);
	return NULL;
}

static int
reload(void *context, struct ew_outside_conf *ret_conf, struct ew_error *error)
{
	(void)context;
	(void)ret_conf;
	return ew_error_set(error, EW_ERR_CONFIG, "t.yaml:1:1: no");
}

static void
show(void *context, struct ew_text *text)
{
	(void)context;
	ew_text_add(text, "node: \"n1\"\n");
}

/* Play the script in a thread while this thread plays core. */
static void
play(void (*script)(struct bench *bench), const struct ew_webhook_conf *hook,
    int refuse)
{
	static const struct ew_outside_part *const parts[] = { &ew_api_control_part,
		NULL };
	struct bench *b = calloc(1, sizeof(*b));
	const struct ew_peer_handlers handlers = { .context = b,
		.closed = on_closed,
		.control = on_control,
		.status_request = on_status_request };
	struct ew_outside_conf *conf = calloc(1, sizeof(*conf));
	int fds[2], status = -1;

	(void)ew_text_copy(b->folder, sizeof(b->folder), "/tmp/ew-client-XXXXXX");
	cr_assert_not_null(mkdtemp(b->folder));
	(void)snprintf(b->socket, sizeof(b->socket), "%s/control.sock", b->folder);
	b->script = script;
	b->refuse = refuse;
	cr_assert_eq(ew_peer_pair(fds), 0);
	(void)ew_text_copy(conf->node, sizeof(conf->node), "n1");
	(void)ew_text_copy(conf->control_socket, sizeof(conf->control_socket),
	    b->socket);
	conf->reload = reload;
	conf->show = show;
	if (hook) {
		conf->webhooks[0] = *hook;
		conf->n_webhooks = 1;
	}
	b->outside = fork();
	if (b->outside == 0) {
		close(fds[0]);
		_exit(ew_outside_run(fds[1], conf, parts, NULL));
	}
	close(fds[1]);
	b->loop = ew_loop_new();
	b->peer = ew_peer_new(b->loop, fds[0], &handlers);
	b->done = ew_wakeup_new(b->loop, on_done, b);
	cr_assert_eq(pthread_create(&b->thread, NULL, run_script, b), 0);
	ew_loop_run(b->loop);
	pthread_join(b->thread, NULL);
	cr_assert_eq(waitpid(b->outside, &status, 0), b->outside);
	cr_expect_eq(status, 0, "an orderly stop");
	cr_expect_eq(access(b->socket, F_OK), -1, "the socket is removed");
	ew_wakeup_free(b->done);
	ew_peer_free(b->peer);
	ew_loop_free(b->loop);
	(void)rmdir(b->folder);
	free(conf);
	free(b);
}

static struct ew_client *
client(struct bench *b)
{
	struct ew_client *c = NULL;
	char why[256] = "";

	for (int i = 0; i < 200 && ew_client_open(b->socket, &c, why, sizeof(why)) < 0;
	     i++)
		usleep(10000);
	cr_assert_not_null(c, "%s", why);
	return c;
}

static json_t *
ask(struct ew_client *c, const char *verb, const char *arguments, int expected)
{
	char *answer = NULL;
	char why[512] = "";
	const int code =
	    ew_client_ask(c, verb, arguments, 5000, &answer, why, sizeof(why));

	cr_expect_eq(code, expected, "%s: %d %s", verb, code, why);
	json_t *json = answer ? json_loads(answer, 0, NULL) : NULL;
	free(answer);
	return json;
}

static void
decide_script(struct bench *b)
{
	struct ew_client *c = client(b);
	json_t *json = ask(c, "decide",
	    "{\"action\": \"accept\", \"pattern\": \"shop/web -> shop/db:5432/tcp\", "
	    "\"ttl\": "
	    "\"7d\", \"reason\": \"release 4\"}",
	    0);
	struct stat st;

	cr_expect_eq(b->last.verb, EW_CONTROL_DECIDE);
	cr_expect_eq(b->last.action, EW_ACT_ACCEPT);
	cr_expect_str_eq(b->last.pattern, "shop/web -> shop/db:5432/tcp");
	cr_expect_str_eq(b->last.why, "release 4");
	cr_expect_eq(b->last.uid, getuid());
	cr_expect_eq(b->last.pid, getpid());
	cr_expect_eq(b->last.ttl_ns, INT64_C(604800000000000));
	cr_expect_eq(json_integer_value(json_object_get(json, "count")), 3);
	json_decref(json);
	json_decref(ask(c, "decide-incident",
	    "{\"incident\": \"0000000000004f2a\", \"decision\": \"snooze\", \"ttl\": "
	    "\"1h\"}",
	    0));
	cr_expect_eq(b->last.incident_id, 0x4f2a);
	cr_expect_eq(b->last.decision, EW_DECISION_SNOOZED);
	cr_assert_eq(stat(b->socket, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	ew_client_close(c);
}

Test(client, a_decision_reaches_core_with_who_asked)
{
	play(decide_script, NULL, 0);
}

static void
refused_script(struct bench *b)
{
	struct ew_client *c = client(b);
	static const char *const bad[][2] = {
		{ "decide", "{}" },
		{ "decide",
		    "{\"action\": \"accept\", \"pattern\": \"a\", \"tll\": \"1h\"}" },
		{ "decide", "{\"action\": \"accept\", \"pattern\": 7}" },
		{ "decide", "{\"action\": \"explode\", \"pattern\": \"a\"}" },
		{ "decide-incident",
		    "{\"incident\": \"xyz\", \"decision\": \"accept\"}" },
		{ "decide-incident",
		    "{\"incident\": \"1\", \"decision\": \"snooze\"}" },
		{ "webhook-replay", "{}" },
		{ "webhook-test", "{\"target\": \"nobody\"}" },
		{ "no-such-verb", "{}" },
	};
	char why[512];
	char *answer = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		json_decref(ask(c, bad[i][0], bad[i][1], -EPROTO));
	cr_expect_eq(b->last.request_id, 0, "nothing of it reached core");
	cr_expect_eq(ew_client_ask(c, "decide-incident",
			 "{\"incident\": \"1\", \"decision\": \"accept\"}", 5000,
			 &answer, why, sizeof(why)),
	    -EPROTO);
	cr_expect_str_eq(why, "there is no such incident");
	free(answer);
	cr_expect_eq(ew_client_ask(c, "ping", "[", 5000, &answer, why, sizeof(why)),
	    -EINVAL);
	ew_client_close(c);
}

Test(client, a_refusal_is_a_sentence)
{
	play(refused_script, NULL, 1);
}

static void
status_script(struct bench *b)
{
	struct ew_client *c = client(b);
	json_t *json = ask(c, "status", NULL, 0);
	const json_t *health = json_array_get(json_object_get(json, "health"), 0);

	cr_expect_str_eq(json_string_value(json_object_get(health, "text")),
	    "a sentence");
	cr_expect_str_eq(json_string_value(json_object_get(health, "level")),
	    "unusual");
	cr_expect(json_is_array(json_object_get(json, "runtimes")));
	json_decref(json);
	json = ask(c, "counters", NULL, 0);
	const json_t *list = json_object_get(json, "counters");
	const json_t *last = json_array_get(list, json_array_size(list) - 1);
	cr_expect_str_eq(json_string_value(json_object_get(last, "name")), "frames");
	cr_expect_eq(json_integer_value(json_object_get(last, "value")), 42);
	json_decref(json);
	json = ask(c, "config-show", NULL, 0);
	cr_expect_str_eq(json_string_value(json_object_get(json, "config")),
	    "node: \"n1\"\n");
	json_decref(json);
	json = ask(c, "ping", NULL, 0);
	cr_expect_str_eq(json_string_value(json_object_get(json, "node")), "n1");
	json_decref(json);
	ew_client_close(c);
}

Test(client, status_comes_from_both_processes)
{
	play(status_script, NULL, 0);
}

static void
webhook_script(struct bench *b)
{
	struct ew_client *c = client(b);
	json_t *json = ask(c, "webhook-test", "{\"target\": \"ops\"}", 0);

	cr_expect(json_is_true(json_object_get(json, "delivered")));
	cr_expect_eq(json_integer_value(json_object_get(json, "status")), 200);
	cr_expect_str_eq(json_string_value(json_object_get(json, "answer")), "ok");
	json_decref(json);
	json = ask(c, "webhook-status", NULL, 0);
	cr_expect_str_eq(json_string_value(
			     json_object_get(json_array_get(json_object_get(json,
								"webhooks"),
						 0),
				 "name")),
	    "ops");
	json_decref(json);
	ew_client_close(c);
}

Test(client, a_webhook_test_shows_the_answer)
{
	const struct test_answer answer = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	};
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct ew_webhook_conf hook = { .type = EW_WEBHOOK_SLACK, .name = "ops" };

	(void)snprintf(hook.url, sizeof(hook.url), "http://127.0.0.1:%d/x",
	    test_http_port(server));
	play(webhook_script, &hook, 0);
	cr_expect_eq(test_http_count(server), 1);
	cr_expect_not_null(strstr(test_http_body(server, 0), "TEST"));
	test_http_free(server);
}

Test(client, says_when_no_daemon_is_there)
{
	struct ew_client *c;
	char why[256] = "";

	cr_expect_eq(ew_client_open("/nonexistent/x.sock", &c, why, sizeof(why)),
	    -ENOENT);
	cr_expect_not_null(strstr(why, "is it running?"), "%s", why);
}
