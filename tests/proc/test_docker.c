/* SPDX-License-Identifier: Apache-2.0 */
/* The session with an engine, played by a scripted server on a unix socket. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "proc/docker.h"
#include "support/http_server.h"

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define STREAM "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define VERSION(api, least)                                \
	HEAD "{\"Version\":\"29.0\",\"ApiVersion\":\"" api \
	     "\",\"MinAPIVersion\":\"" least "\"}"
#define NETWORKS                                                                  \
	HEAD "[{\"Name\":\"shop\",\"Id\":\"aaaaaaaaaaaa\",\"Driver\":\"bridge\"," \
	     "\"IPAM\":{"                                                         \
	     "\"Config\":[{\"Subnet\":\"172.18.0.0/16\"}]}}]"
#define LIST                                                                       \
	HEAD "[{\"Id\":\"c1\",\"Names\":[\"/web\"],\"Image\":\"i\",\"Labels\":{}," \
	     "\"NetworkSettings\":{\"Networks\":{\"shop\":{\"NetworkID\":"         \
	     "\"aaaaaaaaaaaa\","                                                   \
	     "\"IPAddress\":\"172.18.0.2\",\"MacAddress\":\"02:42:ac:12:00:02\"}}}}]"
#define INSPECT(id)                                                     \
	HEAD "{\"Id\":\"" id                                            \
	     "\",\"Name\":\"/web\",\"State\":{\"Pid\":77},\"Config\":{" \
	     "\"Hostname\":\"h\",\"Image\":\"i\"}}"

struct bench {
	struct ew_loop *loop;
	struct ew_http *http;
	struct ew_docker *docker;
	struct ew_timer *timer;
	struct test_http *server;
	char path[108];
	char said[2048]; /* what core was told, in words */
	int refuse;	 /* core takes that many messages no more */
	struct ew_instance_info last;
	struct ew_runtime_status status;
};

static int
on_send(void *context, enum ew_proc_type type, const void *record)
{
	struct bench *b = context;
	const size_t used = strlen(b->said);
	const char *what = "";

	if (b->refuse > 0) {
		b->refuse--;
		return EW_ERR_LIMIT;
	}
	if (type == EW_PROC_INSTANCE) {
		b->last = *(const struct ew_instance_info *)record;
		what = b->last.cid;
	} else if (type == EW_PROC_INSTANCE_GONE || type == EW_PROC_NETWORK_GONE) {
		what = ((const struct ew_gone *)record)->id;
	} else if (type == EW_PROC_RUNTIME) {
		b->status = *(const struct ew_runtime_status *)record;
		what = b->status.is_connected ? "up" : "down";
	}
	(void)snprintf(b->said + used, sizeof(b->said) - used, "%s%s%s;",
	    ew_proc_type_name(type), what[0] ? " " : "", what);
	return 0;
}

static void
on_timer(void *context)
{
	ew_loop_stop(context);
}

static struct bench *
bench_new(const struct test_answer *answers, size_t n)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct ew_runtime_conf conf = { .is_enabled = true };

	(void)snprintf(b->path, sizeof(b->path), "/tmp/ew-docker-%d.sock",
	    (int)getpid());
	b->server = answers ? test_http_new(b->path, answers, n) : NULL;
	(void)ew_text_copy(conf.socket, sizeof(conf.socket), b->path);
	b->loop = ew_loop_new();
	b->http = ew_http_new(b->loop);
	b->timer = ew_timer_new(b->loop, on_timer, b->loop);
	b->docker = ew_docker_new(b->loop, b->http, "docker", &conf, on_send, b);
	return b;
}

static void
run(struct bench *b, int ms)
{
	ew_timer_start(b->timer, ms * EW_NS_PER_MS);
	ew_loop_run(b->loop);
}

static void
bench_free(struct bench *b)
{
	ew_docker_free(b->docker);
	ew_http_free(b->http);
	ew_timer_free(b->timer);
	ew_loop_free(b->loop);
	if (b->server)
		test_http_free(b->server);
	(void)unlink(b->path);
	free(b);
}

static bool
asked(struct bench *b, const char *path)
{
	for (size_t i = 0; i < test_http_count(b->server); i++)
		if (strstr(test_http_request(b->server, i), path))
			return true;
	return false;
}

Test(docker, tells_networks_then_instances_then_that_it_knows_all)
{
	static const struct test_answer answers[] = {
		{ .path = "/version", .text = VERSION("1.43", "1.24") },
		{ .path = "/v1.43/events", .text = STREAM, .is_held = 1 },
		{ .path = "/v1.43/networks", .text = NETWORKS },
		{ .path = "/v1.43/containers/json", .text = LIST },
		{ .path = "/v1.43/containers/c1/json", .text = INSPECT("c1") },
	};
	struct bench *b = bench_new(answers, 5);

	run(b, 400);
	cr_expect_str_eq(b->said,
	    "network;instance c1;runtime up;inventory-ready;instance c1;", "%s",
	    b->said);
	cr_expect_eq(b->last.pid, 77);
	cr_expect_str_eq(b->last.hostname, "h");
	cr_expect_eq(b->last.n_ifaces, 1, "what inspect does not say is kept");
	cr_expect(asked(b, "/events?since="));
	bench_free(b);
}

Test(docker, clamps_the_version_into_what_both_speak)
{
	static const struct {
		const char *version, *path;
	} cases[] = {
		{ VERSION("1.24", "1.12"), "/v1.24/networks" },
		{ VERSION("1.99", "1.44"), "/v1.52/networks" },
		{ VERSION("1.99", "1.80"), "/v1.80/networks" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct test_answer answers[] = {
			{ .path = "/version", .text = cases[i].version },
			{ .path = "/v1", .text = STREAM, .is_held = 1 },
		};
		struct bench *b = bench_new(answers, 2);
		run(b, 200);
		cr_expect(asked(b, cases[i].path), "%s", cases[i].path);
		bench_free(b);
	}
}

/* Since API 1.52 events have Type, Action and Actor only. */
Test(docker, follows_a_container_from_create_to_destroy)
{
#define EVENT(type, action, id, attributes, time)                                  \
	"{\"Type\":\"" type "\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"" id \
	"\",\"Attributes\":{" attributes "}},\"timeNano\":" time "}\n"
	static const struct test_answer answers[] = {
		{ .path = "/version", .text = VERSION("1.52", "1.44") },
		{ .path = "/v1.52/events",
		    .times = 1,
		    .is_held = 1,
		    .text = "HTTP/1.1 200 OK\r\n\r\n" EVENT("container", "create", "c9",
			"\"name\":\"db\",\"image\":\"pg\",\"k\":\"v\"", "1000")
			EVENT("network", "connect", "aaaaaaaaaaaa",
			    "\"container\":\"c9\"", "2000") EVENT("container", "start",
			    "c9", "\"name\":\"db\",\"image\":\"pg\",\"k\":\"v\"",
			    "3000") "this is no event\n" EVENT("container", "die", "c9",
			    "\"name\":\"db\"", "4000") EVENT("container", "destroy",
			    "c9", "\"name\":\"db\"", "5000") },
		{ .path = "/v1.52/networks", .text = NETWORKS },
		{ .path = "/v1.52/containers/json", .text = HEAD "[]" },
	};
	struct bench *b = bench_new(answers, 4);

	run(b, 400);
	cr_expect_not_null(strstr(b->said, "instance c9;instance c9;instance-gone c9;"),
	    "%s", b->said);
	cr_expect_str_eq(b->last.name, "db");
	cr_expect_eq(b->last.started.ns, 3000);
	cr_expect_eq(b->last.n_labels, 1);
	cr_expect_eq(ew_docker_status(b->docker)->errors, 1);
	cr_expect(asked(b, "/networks/aaaaaaaaaaaa"));
	bench_free(b);
}

Test(docker, nonsense_is_one_sentence_and_tried_again)
{
	static const char *const nonsense[] = { HEAD "<html>", HEAD "[]",
		HEAD "{\"ApiVersion\":7}",
		"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", NULL };

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		const struct test_answer answers[] = {
			{ .path = "/version", .times = 1, .text = nonsense[i] },
			{ .path = "/version", .text = VERSION("1.43", "1.24") },
			{ .path = "/v1.43/events", .text = STREAM, .is_held = 1 },
			{ .path = "/v1.43/networks", .text = HEAD "[]" },
			{ .path = "/v1.43/containers/json", .text = HEAD "[]" },
		};
		struct bench *b = bench_new(answers, 5);
		run(b, 150);
		cr_expect_not(b->status.is_connected, "%zu", i);
		cr_expect_neq(b->status.sentence[0], '\0', "%zu", i);
		run(b, 600);
		cr_expect(b->status.is_connected, "%zu: %s", i, b->status.sentence);
		cr_expect_str_eq(b->status.sentence, "", "%zu", i);
		bench_free(b);
	}
}

Test(docker, an_engine_that_is_not_there_is_a_fact_and_no_complaint)
{
	struct bench *b = bench_new(NULL, 0);

	run(b, 100);
	cr_expect_str_eq(b->said, "runtime down;");
	cr_expect_not(b->status.is_configured);
	cr_expect_str_eq(b->status.sentence, "");
	bench_free(b);
}

Test(docker, goes_on_from_the_last_event_after_a_break_and_misses_nobody)
{
	static const struct test_answer answers[] = {
		{ .path = "/version", .text = VERSION("1.43", "1.24") },
		{ .path = "/v1.43/events",
		    .times = 1,

		    .text = HEAD "{\"Type\":\"container\",\"Action\":\"create\","
				 "\"Actor\":{\"ID\":\"c1\",\"Attributes\":{}},"
				 "\"timeNano\":7000000001}\n" },
		{ .path = "/v1.43/events", .text = STREAM, .is_held = 1 },
		{ .path = "/v1.43/networks", .text = HEAD "[]" },
		{ .path = "/v1.43/containers/json", .text = HEAD "[]" },
		{ .path = "/v1.43/containers/c1/json", .text = INSPECT("c1") },
	};
	struct bench *b = bench_new(answers, 6);

	run(b, 1500);
	cr_expect(asked(b, "/events?since=7.000000002&"));
	cr_expect_not_null(strstr(b->said, "runtime down;"), "%s", b->said);
	/* The list of the second session does not have it. */
	cr_expect_not_null(strstr(b->said, "instance-gone c1;"), "%s", b->said);
	bench_free(b);
}

Test(docker, tells_everything_again_when_core_lost_a_message)
{
	static const struct test_answer answers[] = {
		{ .path = "/version", .text = VERSION("1.43", "1.24") },
		{ .path = "/v1.43/events", .text = STREAM, .is_held = 1 },
		{ .path = "/v1.43/networks", .text = NETWORKS },
		{ .path = "/v1.43/containers/json", .text = LIST },
		{ .path = "/v1.43/containers/c1/json", .text = INSPECT("c1") },
	};
	struct bench *b = bench_new(answers, 5);

	run(b, 400);
	b->said[0] = '\0';
	ew_docker_resend(b->docker);
	run(b, 400);
	cr_expect_str_eq(b->said, "network;instance c1;runtime up;inventory-ready;",
	    "%s", b->said);
	bench_free(b);
}
