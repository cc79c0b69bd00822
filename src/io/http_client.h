/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * HTTP requests on the loop, to an URL or through a unix socket. Redirects are never
 * followed, answers are bounded, TLS is always verified. http_client.c is the only file
 * that knows libcurl.
 *
 * Depends on: base, io/loop.h. Used by: proc. Loop thread only.
 */
struct ew_loop;
struct ew_http;
struct ew_http_request;

struct ew_http_answer {
	int code;    /* 0: an answer came, see status; else enum ew_err, see sentence */
	long status; /* 200 ... */
	const char *body; /* always terminated; empty when streamed */
	size_t body_size;
	bool is_cut; /* the body was longer than max_body: the rest was dropped */
	char sentence
	    [256]; /* why there is no answer; names host and port, never path or query */
	char retry_after
	    [64]; /* Retry-After or X-RateLimit-Reset-After as sent, empty without */
	char api_version[16]; /* Docker's Api-Version header */
};

typedef void (*ew_http_done_fn)(void *context, const struct ew_http_answer *answer);
/* A piece of a streamed answer with status 2xx. False ends the request with EW_ERR_FORMAT. */
typedef bool (*ew_http_body_fn)(void *context, const char *bytes, size_t size);

/* Strings are borrowed for the call of ew_http_start. Zero means the default in brackets. */
struct ew_http_spec {
	const char *method;	 /* [GET] */
	const char *url;	 /* http or https; may hold secrets: is never logged */
	const char *unix_socket; /* connect here instead of to the URL's host */
	const char *const *headers; /* "Name: value" */
	size_t n_headers;
	const void *body; /* NULL: none */
	size_t body_size;
	const char *ca_file;	    /* [the system's] */
	const char *proxy;	    /* [none, the environment is not asked] */
	int64_t connect_timeout_ns; /* [10 s] */
	int64_t timeout_ns;	    /* whole request [30 s]; -1 for streams: none */
	size_t max_body;	    /* [64 KiB] */
	bool deny_private; /* refuse loopback, private and link-local peers (SSRF) */
	ew_http_body_fn on_body; /* NULL: the body is collected */
	ew_http_done_fn
	    on_done; /* called exactly once, never from inside ew_http_start,
				    not after ew_http_cancel */
	void *context;
};

struct ew_http *ew_http_new(struct ew_loop *loop);
/* Cancels what is under way, silently. */
void ew_http_free(struct ew_http *http); /* not from a callback of its own */
/* The handle is valid until on_done returns. Never NULL. */
struct ew_http_request *ew_http_start(struct ew_http *http,
    const struct ew_http_spec *spec);
/* May be called from on_body, not from on_done. NULL is allowed. */
void ew_http_cancel(struct ew_http_request *request);
