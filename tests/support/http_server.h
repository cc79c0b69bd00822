/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * A scripted HTTP server in a thread: answers the requests it gets with the answers of its
 * script, in order, the last one again and again, and keeps what was asked.
 */
struct test_http;

struct test_answer {
	const char *
	    text; /* raw: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; NULL: reset */
	int delay_ms;
	size_t repeat_body; /* send the body's last byte that often: a huge answer */
	const char *path;   /* only for requests whose path begins so; NULL: in order */
	unsigned times;	    /* with path: good for that many requests; 0: for all */
	int is_held;	    /* keep the connection open after the answer */
};

/* unix_path NULL: on 127.0.0.1 at a free port. */
struct test_http *test_http_new(const char *unix_path,
    const struct test_answer *answers, size_t n);
void test_http_free(struct test_http *server);
int test_http_port(const struct test_http *server);
/* Requests so far; each as text with head and body, valid until free. */
size_t test_http_count(struct test_http *server);
const char *test_http_request(struct test_http *server, size_t i);
/* The body behind the head. */
const char *test_http_body(struct test_http *server, size_t i);
/* Wait until there are n, at most ms. Returns whether there are. */
int test_http_wait(struct test_http *server, size_t n, int ms);
