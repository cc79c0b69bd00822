/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "proc/delivery.h"
#include "proc/delivery_priv.h"
#include "support/http_server.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define STATUS(code) "HTTP/1.1 " code "\r\nContent-Length: 0\r\n\r\n"

struct bench {
	struct ew_loop *loop;
	struct ew_http *http;
	struct ew_delivery *delivery;
	struct ew_timer *timer;
	struct ew_outbox_result results[64];
	size_t n_results, wanted;
};

static void
on_result(void *context, const struct ew_outbox_result *result)
{
	struct bench *b = context;

	b->results[b->n_results++ % 64] = *result;
	if (b->n_results >= b->wanted)
		ew_loop_stop(b->loop);
}

static void
on_timeout(void *context)
{
	ew_loop_stop(context);
}

static struct bench *
bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->loop = ew_loop_new();
	b->http = ew_http_new(b->loop);
	b->delivery = ew_delivery_new(b->loop, b->http, on_result, b);
	b->timer = ew_timer_new(b->loop, on_timeout, b->loop);
	return b;
}

static void
bench_free(struct bench *b)
{
	ew_delivery_free(b->delivery);
	ew_http_free(b->http);
	ew_timer_free(b->timer);
	ew_loop_free(b->loop);
	free(b);
}

/* Turn the loop until there are n results, at most ms. */
static void
run(struct bench *b, size_t n, int ms)
{
	b->wanted = n;
	ew_timer_start(b->timer, ms * EW_NS_PER_MS);
	if (b->n_results < n)
		ew_loop_run(b->loop);
}

static struct ew_webhook_conf
target(const char *name, struct test_http *server)
{
	struct ew_webhook_conf conf = { .type = EW_WEBHOOK_GENERIC,
		.tiers = 15,
		.timeout_ns = EW_NS_PER_S };

	(void)snprintf(conf.name, sizeof(conf.name), "%s", name);
	(void)snprintf(conf.url, sizeof(conf.url), "http://127.0.0.1:%d/hook",
	    test_http_port(server));
	return conf;
}

static void
put(struct bench *b, const char *name, uint64_t id, uint64_t incident)
{
	struct ew_outbox_delivery *d = calloc(1, sizeof(*d));

	d->message.id = id;
	d->message.incident_id = incident;
	d->message.tier = EW_TIER_NOTIFY;
	d->message.created_us = ew_wall_now().us;
	(void)ew_text_copy(d->message.title, sizeof(d->message.title),
	    "shop/web opened ssh on shop/db");
	(void)snprintf(d->target, sizeof(d->target), "%s", name);
	ew_delivery_put(b->delivery, d);
	free(d);
}

Test(delivery, a_message_arrives_once_and_is_confirmed)
{
	const struct test_answer answers[] = { { .text = OK } };
	struct test_http *server = test_http_new(NULL, answers, 1);
	struct bench *b = bench_new();
	const struct ew_webhook_conf conf = target("ops", server);

	ew_delivery_configure(b->delivery, &conf, 1);
	put(b, "ops", 7, 1);
	put(b, "ops", 7, 1); /* core asks twice after a restart */
	run(b, 1, 3000);
	cr_assert_eq(b->n_results, 1);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_OK);
	cr_expect_eq(b->results[0].http_status, 200);
	cr_expect_eq(b->results[0].attempt, 1);
	cr_expect_str_eq(b->results[0].answer, "ok");
	cr_expect_eq(test_http_count(server), 1);
	cr_expect_not_null(strstr(test_http_request(server, 0), "POST /hook"));
	cr_expect_not_null(
	    strstr(test_http_request(server, 0), "webhook-id: msg_0000000000000007"));
	cr_expect_not_null(
	    strstr(test_http_body(server, 0), "shop/web opened ssh on shop/db"));
	bench_free(b);
	test_http_free(server);
}

Test(delivery, what_an_answer_means)
{
	static const struct {
		const char *answer;
		int outcome;
		int64_t least_s, most_s; /* until the next attempt */
	} cases[] = {
		{ STATUS("204 No Content"), EW_OUTBOX_OK, 0, 0 },
		{ STATUS("400 Bad Request"), EW_OUTBOX_DEAD, 0, 0 },
		{ STATUS("500 Oops"), EW_OUTBOX_RETRY, 3, 7 },
		{ STATUS("302 Found\r\nLocation: http://127.0.0.1:1/"), EW_OUTBOX_RETRY,
		    3, 7 },
		{ STATUS("429 Slow\r\nRetry-After: 33"), EW_OUTBOX_RETRY, 32, 34 },
		{ STATUS("429 Slow\r\nRetry-After: 0.5"), EW_OUTBOX_RETRY, 0, 1 },
		{ STATUS("503 Busy\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
		    EW_OUTBOX_RETRY, 86390, 86401 },
		{ "HTTP/1.1 429 Slow\r\nContent-Length: 20\r\n\r\n{\"retry_after\": "
		  "2.5}",
		    EW_OUTBOX_RETRY, 2, 3 },
		{ STATUS("404 Not Found"), EW_OUTBOX_RETRY, 3590, 3601 },
		{ STATUS("410 Gone"), EW_OUTBOX_RETRY, 3590, 3601 },
		{ NULL, EW_OUTBOX_RETRY, 3, 7 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nshort", EW_OUTBOX_RETRY,
		    3, 7 },
		{ "garbage\r\n\r\n", EW_OUTBOX_RETRY, 3, 7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct test_answer answer = { .text = cases[i].answer };
		struct test_http *server = test_http_new(NULL, &answer, 1);
		struct bench *b = bench_new();
		const struct ew_webhook_conf conf = target("t", server);
		ew_delivery_configure(b->delivery, &conf, 1);
		put(b, "t", 1, 1);
		run(b, 1, 3000);
		const struct ew_outbox_result *r = &b->results[0];
		cr_assert_eq(b->n_results, 1, "case %zu", i);
		cr_expect_eq(r->outcome, cases[i].outcome, "case %zu: %s", i,
		    r->answer);
		const int64_t wait_s =
		    r->next_us ? (r->next_us - ew_wall_now().us) / 1000000 : 0;
		cr_expect(wait_s >= cases[i].least_s - 1 && wait_s <= cases[i].most_s,
		    "case %zu waits %ld s", i, (long)wait_s);
		bench_free(b);
		test_http_free(server);
	}
}

Test(delivery, a_huge_answer_is_cut_and_still_an_answer)
{
	const struct test_answer answer = {
		.text = "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\nx",
		.repeat_body = 10000000
	};
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct bench *b = bench_new();
	const struct ew_webhook_conf conf = target("t", server);

	ew_delivery_configure(b->delivery, &conf, 1);
	put(b, "t", 1, 1);
	run(b, 1, 3000);
	cr_assert_eq(b->n_results, 1);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_OK);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, the_order_within_an_incident_is_kept_and_others_pass)
{
	const struct test_answer answers[] = { { .text = STATUS("503 Busy") },
		{ .text = OK } };
	struct test_http *server = test_http_new(NULL, answers, 2);
	struct bench *b = bench_new();
	struct ew_webhook_conf conf = target("t", server);

	conf.per_minute = 6000;
	ew_delivery_configure(b->delivery, &conf, 1);
	put(b, "t", 1, 1); /* is refused first, and tried again in five seconds */
	put(b, "t", 2, 1); /* must wait for it */
	put(b, "t", 3, 2); /* need not */
	run(b, 2, 3000);
	cr_assert_eq(b->n_results, 2);
	cr_expect_eq(b->results[0].id, 1);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_RETRY);
	cr_expect_eq(b->results[1].id, 3);
	cr_expect_eq(b->results[1].outcome, EW_OUTBOX_OK);
	run(b, 4, 9000);
	cr_assert_eq(b->n_results, 4);
	cr_expect_eq(b->results[2].id, 1);
	cr_expect_eq(b->results[2].attempt, 2);
	cr_expect_eq(b->results[3].id, 2);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, a_slow_target_delays_no_other)
{
	const struct test_answer slow = { .text = OK, .delay_ms = 800 };
	const struct test_answer fast = { .text = OK };
	struct test_http *slow_server = test_http_new(NULL, &slow, 1);
	struct test_http *fast_server = test_http_new(NULL, &fast, 1);
	struct bench *b = bench_new();
	const struct ew_webhook_conf conf[] = { target("slow", slow_server),
		target("fast", fast_server) };

	ew_delivery_configure(b->delivery, conf, 2);
	put(b, "slow", 1, 1);
	put(b, "fast", 1, 1);
	put(b, "fast", 2, 2);
	run(b, 3, 3000);
	cr_assert_eq(b->n_results, 3);
	cr_expect_str_eq(b->results[0].target, "fast");
	cr_expect_str_eq(b->results[1].target, "fast");
	cr_expect_str_eq(b->results[2].target, "slow");
	bench_free(b);
	test_http_free(slow_server);
	test_http_free(fast_server);
}

Test(delivery, a_silent_target_times_out)
{
	const struct test_answer silent = { .text = OK, .delay_ms = 1500 };
	struct test_http *server = test_http_new(NULL, &silent, 1);
	struct bench *b = bench_new();
	struct ew_webhook_conf conf = target("t", server);

	conf.timeout_ns = 300 * EW_NS_PER_MS;
	ew_delivery_configure(b->delivery, &conf, 1);
	put(b, "t", 1, 1);
	run(b, 1, 1200);
	cr_assert_eq(b->n_results, 1);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_RETRY);
	cr_expect_eq(b->results[0].http_status, 0);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, a_burst_is_let_through_and_then_metered)
{
	const struct test_answer answer = { .text = OK };
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct bench *b = bench_new();
	struct ew_webhook_conf conf = target("t", server);

	conf.per_minute = 120; /* one in half a second after five at once */
	ew_delivery_configure(b->delivery, &conf, 1);
	for (uint64_t i = 1; i <= 7; i++)
		put(b, "t", i, i);
	const int64_t start = ew_ticks_ns();
	run(b, 5, 3000);
	cr_expect_eq(b->n_results, 5);
	run(b, 7, 3000);
	cr_expect_eq(b->n_results, 7);
	cr_expect_geq(ew_ticks_ns() - start, 800 * EW_NS_PER_MS);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, says_so_when_a_target_is_unknown_or_leaves)
{
	const struct test_answer answer = { .text = STATUS("500 Oops") };
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct bench *b = bench_new();
	const struct ew_webhook_conf conf = target("t", server);

	put(b, "nobody", 1, 1);
	cr_assert_eq(b->n_results, 1);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_DEAD);
	ew_delivery_configure(b->delivery, &conf, 1);
	put(b, "t", 2, 2);
	run(b, 2, 3000);
	ew_delivery_configure(b->delivery, NULL, 0);
	cr_assert_eq(b->n_results, 3);
	cr_expect_eq(b->results[2].id, 2);
	cr_expect_eq(b->results[2].outcome, EW_OUTBOX_DEAD);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, beyond_the_queue_core_keeps_the_messages)
{
	const struct test_answer slow = { .text = OK, .delay_ms = 2000 };
	struct test_http *server = test_http_new(NULL, &slow, 1);
	struct bench *b = bench_new();
	const struct ew_webhook_conf conf = target("t", server);

	ew_delivery_configure(b->delivery, &conf, 1);
	for (uint64_t i = 1; i <= 257; i++)
		put(b, "t", i, i);
	cr_assert_eq(b->n_results, 1);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_RETURNED);
	cr_expect_eq(b->results[0].id, 257);
	cr_expect_gt(b->results[0].next_us, ew_wall_now().us);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, private_addresses_are_refused_on_demand)
{
	const struct test_answer answer = { .text = OK };
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct bench *b = bench_new();
	struct ew_webhook_conf conf = target("t", server);

	conf.deny_private = 1;
	ew_delivery_configure(b->delivery, &conf, 1);
	put(b, "t", 1, 1);
	run(b, 1, 3000);
	cr_assert_eq(b->n_results, 1);
	cr_expect_not_null(strstr(b->results[0].answer, "private"), "%s",
	    b->results[0].answer);
	cr_expect_eq(test_http_count(server), 0);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, a_test_message_passes_the_queue)
{
	const struct test_answer answer = { .text = STATUS("403 Forbidden") };
	struct test_http *server = test_http_new(NULL, &answer, 1);
	struct bench *b = bench_new();
	const struct ew_webhook_conf conf = target("t", server);
	struct ew_message *m = calloc(1, sizeof(*m));

	m->id = 99;
	m->kind = EW_MSG_TEST;
	cr_expect_eq(ew_delivery_test(b->delivery, "t", m), -ENOENT);
	ew_delivery_configure(b->delivery, &conf, 1);
	cr_assert_eq(ew_delivery_test(b->delivery, "t", m), 0);
	run(b, 1, 3000);
	cr_assert_eq(b->n_results, 1);
	cr_expect_eq(b->results[0].http_status, 403);
	cr_expect_eq(b->results[0].outcome, EW_OUTBOX_DEAD);
	free(m);
	bench_free(b);
	test_http_free(server);
}

Test(delivery, pauses_grow_and_are_jittered)
{
	static const int64_t pauses_s[] = { 5, 30, 120, 600, 3600, 10800, 10800 };

	for (unsigned i = 0; i < 7; i++)
		for (int k = 0; k < 50; k++) {
			const int64_t us = ew_delivery_pause_us(i + 1);
			cr_expect(
			    us >= pauses_s[i] * 750000 && us <= pauses_s[i] * 1250000);
		}
}
