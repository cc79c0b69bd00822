/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "support/http_server.h"

struct seen {
	struct ew_loop *loop;
	struct ew_http *http;
	struct ew_http_request *request;
	unsigned done;
	int code;
	long status;
	char body[256], sentence[256], retry_after[64], api_version[16];
	bool is_cut, refuse, cancel, chain;
	size_t streamed;
	char url[128];
};

static void
on_done(void *context, const struct ew_http_answer *answer)
{
	struct seen *seen = context;

	seen->done++;
	seen->code = answer->code;
	seen->status = answer->status;
	seen->is_cut = answer->is_cut;
	(void)snprintf(seen->body, sizeof(seen->body), "%s", answer->body);
	(void)snprintf(seen->sentence, sizeof(seen->sentence), "%s", answer->sentence);
	(void)snprintf(seen->retry_after, sizeof(seen->retry_after), "%s",
	    answer->retry_after);
	(void)snprintf(seen->api_version, sizeof(seen->api_version), "%s",
	    answer->api_version);
	ew_loop_stop(seen->loop);
}

static void
stop_loop(void *context)
{
	ew_loop_stop(context);
}

static void
on_chained(void *context, const struct ew_http_answer *answer)
{
	struct seen *seen = context;

	seen->done++;
	seen->status = answer->status;
}

static bool
on_body(void *context, const char *bytes, size_t size)
{
	struct seen *seen = context;

	(void)bytes;
	seen->streamed += size;
	if (seen->chain) {
		/* libcurl forbids this inside its callbacks; the client has to defer it. */
		const struct ew_http_spec spec = { .url = seen->url,
			.on_done = on_chained,
			.context = seen };
		(void)ew_http_start(seen->http, &spec);
		seen->chain = false;
	}
	if (seen->cancel) {
		ew_http_cancel(seen->request);
		ew_loop_stop(seen->loop);
	}
	return !seen->refuse;
}

static void
get(struct seen *seen, struct ew_http_spec spec)
{
	seen->loop = ew_loop_new();
	seen->http = ew_http_new(seen->loop);
	spec.on_done = on_done;
	spec.context = seen;
	seen->request = ew_http_start(seen->http, &spec);
	cr_expect_eq(seen->done, 0, "not from inside start");
	ew_loop_run(seen->loop);
}

static void
end(struct seen *seen)
{
	ew_http_free(seen->http);
	ew_loop_free(seen->loop);
}

static void
url_of(struct seen *seen, struct test_http *server)
{
	(void)snprintf(seen->url, sizeof(seen->url), "http://127.0.0.1:%d/a",
	    test_http_port(server));
}

Test(http_client, an_answer_has_status_body_and_the_headers_we_read)
{
	const struct test_answer answer = {
		.text = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n"
			"Api-Version: 1.41\r\nContent-Length: 5\r\n"
			"\r\nhello"
	};
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct seen seen = { .done = 0 };

	url_of(&seen, server);
	get(&seen, (struct ew_http_spec){ .url = seen.url });
	cr_expect_eq(seen.code, 0);
	cr_expect_eq(seen.status, 429);
	cr_expect_str_eq(seen.body, "hello");
	cr_expect_str_eq(seen.retry_after, "7");
	cr_expect_str_eq(seen.api_version, "1.41");
	end(&seen);
	test_http_free(server);
}

Test(http_client, speaks_through_a_unix_socket)
{
	const struct test_answer answer = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	};
	char path[64];
	(void)snprintf(path, sizeof(path), "/tmp/ew-http-%d.sock", (int)getpid());
	struct test_http *server = test_http_new(path, &answer, 1);
	struct seen seen = { .done = 0 };

	get(&seen,
	    (struct ew_http_spec){ .url = "http://engine/_ping", .unix_socket = path });
	cr_expect_eq(seen.status, 200);
	cr_expect_str_eq(seen.body, "hi");
	cr_expect_not_null(strstr(test_http_request(server, 0), "GET /_ping "));
	end(&seen);
	test_http_free(server);
	(void)unlink(path);
}

Test(http_client, a_redirect_is_the_answer)
{
	const struct test_answer answers[] = {
		{ .text = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: "
			  "0\r\n\r\n" },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }
	};
	struct test_http *server = test_http_new(NULL, answers, 2);
	struct seen seen = { .done = 0 };

	url_of(&seen, server);
	get(&seen, (struct ew_http_spec){ .url = seen.url });
	cr_expect_eq(seen.status, 302);
	cr_expect_eq(test_http_count(server), 1);
	end(&seen);
	test_http_free(server);
}

Test(http_client, a_long_body_is_cut)
{
	const struct test_answer answer = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nx",
		.repeat_body = 900000
	};
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct seen seen = { .done = 0 };

	url_of(&seen, server);
	get(&seen, (struct ew_http_spec){ .url = seen.url, .max_body = 100 });
	cr_expect_eq(seen.code, 0);
	cr_expect(seen.is_cut);
	cr_expect_leq(strlen(seen.body), 100);
	end(&seen);
	test_http_free(server);
}

Test(http_client, a_stream_may_be_refused_cancelled_or_start_another)
{
	const struct test_answer answer = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
	};

	for (int i = 0; i < 3; i++) {
		struct test_http *server = test_http_new(NULL, &answer, 1);
		struct seen seen = { .refuse = i == 0,
			.cancel = i == 1,
			.chain = i == 2 };
		url_of(&seen, server);
		get(&seen,
		    (struct ew_http_spec){ .url = seen.url, .on_body = on_body });
		cr_expect_eq(seen.streamed, 3);
		cr_expect_eq(seen.done, i == 1 ? 0 : 1);
		if (i == 0)
			cr_expect_eq(seen.code, EW_ERR_FORMAT);
		if (i == 2) {
			struct ew_timer *timer =
			    ew_timer_new(seen.loop, stop_loop, seen.loop);
			ew_timer_start(timer, 300 * EW_NS_PER_MS);
			ew_loop_run(seen.loop);
			ew_timer_free(timer);
			cr_expect_eq(seen.done, 2);
			cr_expect_eq(test_http_count(server), 2);
		}
		end(&seen);
		test_http_free(server);
	}
}

Test(http_client, failures_are_sentences_without_the_path)
{
	static const struct {
		const char *url;
		int code;
	} cases[] = {
		{ "http://127.0.0.1:1/secret", -ECONNREFUSED },
		{ "ftp://127.0.0.1/secret", EW_ERR_CONFIG },
		{ "http://no-such-host.invalid/secret", -EHOSTUNREACH },
		{ "http://exa mple/secret", EW_ERR_CONFIG },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = { .done = 0 };
		get(&seen, (struct ew_http_spec){ .url = cases[i].url });
		cr_expect_eq(seen.done, 1);
		cr_expect_eq(seen.code, cases[i].code, "%s: %d %s", cases[i].url,
		    seen.code, seen.sentence);
		cr_expect_neq(seen.sentence[0], '\0');
		cr_expect_null(strstr(seen.sentence, "secret"), "%s", seen.sentence);
		end(&seen);
	}
}

Test(http_client, freeing_it_ends_what_is_under_way)
{
	const struct test_answer slow = { .text = "HTTP/1.1 200 OK\r\n\r\n",
		.delay_ms = 300 };
	struct test_http *server = test_http_new(NULL, &slow, 1);
	struct seen seen = { .loop = ew_loop_new() };

	url_of(&seen, server);
	seen.http = ew_http_new(seen.loop);
	const struct ew_http_spec spec = { .url = seen.url,
		.on_done = on_done,
		.context = &seen };
	(void)ew_http_start(seen.http, &spec);
	ew_http_cancel(ew_http_start(seen.http, &spec));
	end(&seen);
	cr_expect_eq(seen.done, 0);
	test_http_free(server);
}
