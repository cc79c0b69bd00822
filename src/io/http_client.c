/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests over libcurl's multi interface, turned by our loop. libcurl tells us which
 * descriptors and which timer it wants (on_curl_socket, on_curl_timer); we tell it what
 * happened (drive) and then collect what is finished (reap).
 *
 * Answers come from strangers: bodies are bounded, redirects are not followed (a 3xx is the
 * answer), nothing is decompressed, only http and https are spoken, certificates are always
 * verified. The environment's proxy variables are not read: a proxy is configured or there
 * is none. URLs and headers hold secrets (Slack's path, Telegram's token): no sentence made
 * here contains one, libcurl's own name host and port at most.
 *
 * libcurl forbids adding and removing requests inside its callbacks. `in_curl` marks that
 * time; a start then sets `is_waiting`, a cancel `is_cancelled`, and reap does the rest. Name look-ups run in a
 * thread of libcurl's, so a slow resolver does not stop the loop.
 */
#include "io/http_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/addr.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "io/loop.h"

struct ew_http {
	struct ew_loop *loop;
	CURLM *multi;
	struct ew_timer *timer;
	struct ew_http_request *first; /* all under way */
	int in_curl;
};

struct ew_http_request {
	struct ew_http *http;
	struct ew_http_request *next, *prev;
	CURL *easy;
	struct curl_slist *headers;
	struct ew_text body;
	struct ew_http_answer answer;
	ew_http_body_fn on_body;
	ew_http_done_fn on_done;
	void *context;
	bool deny_private;
	bool was_denied;
	bool is_refused; /* on_body said no */
	bool is_cancelled;
	bool is_waiting; /* started inside a libcurl callback: added by reap */
	char error[CURL_ERROR_SIZE];
};

struct code_word {
	CURLcode curl;
	int code;
};
static const struct code_word code_words[] = {
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
	{ CURLE_COULDNT_CONNECT, -ECONNREFUSED },
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
	{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH },
	{ CURLE_PEER_FAILED_VERIFICATION, -EPERM },
	{ CURLE_SSL_CACERT_BADFILE, EW_ERR_CONFIG },
	{ CURLE_URL_MALFORMAT, EW_ERR_CONFIG },
	{ CURLE_UNSUPPORTED_PROTOCOL, EW_ERR_CONFIG },
	{ CURLE_GOT_NOTHING, EW_ERR_CLOSED },
	{ CURLE_PARTIAL_FILE, EW_ERR_TRUNCATED },
	{ CURLE_RECV_ERROR, -ECONNRESET },
	{ CURLE_SEND_ERROR, -ECONNRESET },
};

static int
code_of(CURLcode curl)
{
	for (size_t i = 0; i < sizeof(code_words) / sizeof(code_words[0]); i++)
		if (code_words[i].curl == curl)
			return code_words[i].code;
	return -EIO;
}

static void
request_free(struct ew_http_request *r)
{
	if (r->easy)
		curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->headers);
	ew_text_fini(&r->body);
	free(r);
}

static void
unlink_request(struct ew_http_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		r->http->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	if (!r->is_waiting)
		curl_multi_remove_handle(r->http->multi, r->easy);
}

/* The request is over: tell its owner, who may start the next one. */
static void
finish(struct ew_http_request *r, CURLcode result)
{
	struct ew_http_answer *answer = &r->answer;

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &answer->status);
	unlink_request(r);
	if (r->is_cancelled) {
		request_free(r);
		return;
	}
	answer->body = r->body.text ? r->body.text : "";
	answer->body_size = r->body.length;
	if (r->is_refused) {
		answer->code = EW_ERR_FORMAT;
		(void)ew_text_copy(answer->sentence, sizeof(answer->sentence),
		    "the answer is not what was expected");
	} else if (result != CURLE_OK && !answer->is_cut) {
		const char *why = r->error[0] ? r->error : curl_easy_strerror(result);
		answer->code = r->was_denied ? -EPERM : code_of(result);
		if (r->was_denied)
			why = "the address is private, and deny_private is set";
		(void)ew_text_copy_bytes(answer->sentence, sizeof(answer->sentence),
		    why, strlen(why));
	}
	r->on_done(r->context, answer);
	request_free(r);
}

static void
reap(struct ew_http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		char *private = NULL;
		const CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		finish((struct ew_http_request *)(void *)private, result);
	}
	/* Cancelled or started inside a callback. */
	for (struct ew_http_request *r = http->first, *next; r; r = next) {
		next = r->next;
		if (r->is_cancelled) {
			unlink_request(r);
			request_free(r);
		} else if (r->is_waiting) {
			r->is_waiting = false;
			curl_multi_add_handle(http->multi, r->easy);
		}
	}
}

static void
drive(struct ew_http *http, curl_socket_t fd, int what)
{
	int running;

	http->in_curl++;
	curl_multi_socket_action(http->multi, fd, what, &running);
	http->in_curl--;
	reap(http);
}

static void
on_fd(void *context, int fd, unsigned events)
{
	drive(context, fd,
	    ((events & EW_WATCH_READ) ? CURL_CSELECT_IN : 0) |
		((events & EW_WATCH_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void
on_time(void *context)
{
	drive(context, CURL_SOCKET_TIMEOUT, 0);
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *context,
    void *socket_context)
{
	struct ew_http *http = context;
	struct ew_watch *watch = socket_context;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		ew_watch_free(watch);
		curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	const unsigned events = ((what & CURL_POLL_IN) ? EW_WATCH_READ : 0U) |
	    ((what & CURL_POLL_OUT) ? EW_WATCH_WRITE : 0U);
	if (watch) {
		ew_watch_set(watch, events);
	} else {
		watch = ew_watch_new(http->loop, fd, events, on_fd, http);
		curl_multi_assign(http->multi, fd, watch);
	}
	return 0;
}

static int
on_curl_timer(CURLM *multi, long timeout_ms, void *context)
{
	struct ew_http *http = context;

	(void)multi;
	if (timeout_ms < 0)
		ew_timer_stop(http->timer);
	else
		ew_timer_start(http->timer, timeout_ms * EW_NS_PER_MS);
	return 0;
}

static size_t
on_curl_body(char *bytes, size_t one, size_t size, void *context)
{
	struct ew_http_request *r = context;
	long status = 0;

	(void)one;
	if (r->is_cancelled)
		return 0;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r->on_body && status >= 200 && status < 300) {
		if (r->on_body(r->context, bytes, size))
			return r->is_cancelled ? 0 : size;
		r->is_refused = true;
		return 0;
	}
	ew_text_add_bytes(&r->body, bytes, size);
	if (!r->body.full)
		return size;
	r->answer.is_cut = true;
	return 0; /* enough: the connection is closed */
}

static bool
header_value(const char *line, size_t size, const char *name, char *ret_value,
    size_t value_size)
{
	const size_t length = strlen(name);

	if (size < length || strncasecmp(line, name, length) != 0)
		return false;
	const char *start = line + length;
	const char *end = line + size;
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	(void)ew_text_copy_bytes(ret_value, value_size, start, (size_t)(end - start));
	return true;
}

static size_t
on_curl_header(char *line, size_t one, size_t size, void *context)
{
	struct ew_http_answer *answer = &((struct ew_http_request *)context)->answer;

	(void)one;
	if (header_value(line, size, "retry-after:", answer->retry_after,
		sizeof(answer->retry_after)))
		return size;
	if (answer->retry_after[0] == '\0')
		(void)header_value(line, size,
		    "x-ratelimit-reset-after:", answer->retry_after,
		    sizeof(answer->retry_after));
	(void)header_value(line, size, "api-version:", answer->api_version,
	    sizeof(answer->api_version));
	return size;
}

/* libcurl's sockaddr is followed by the rest of the address. */
static bool
is_private_peer(const struct curl_sockaddr *peer)
{
	struct sockaddr_storage storage = { 0 };
	struct ew_addr addr;

	memcpy(&storage, &peer->addr,
	    peer->addrlen < sizeof(storage) ? peer->addrlen : sizeof(storage));
	if (storage.ss_family == AF_INET) {
		struct sockaddr_in in;
		uint8_t bytes[4];
		memcpy(&in, &storage, sizeof(in));
		memcpy(bytes, &in.sin_addr, sizeof(bytes));
		addr = ew_addr_v4(bytes);
	} else if (storage.ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, &storage, sizeof(in6));
		addr = ew_addr_v6(in6.sin6_addr.s6_addr);
	} else {
		return true;
	}
	return ew_addr_is_private(&addr) || ew_addr_is_loopback(&addr) ||
	    ew_addr_is_link_local(&addr) || ew_addr_is_unspecified(&addr) ||
	    ew_addr_is_multicast(&addr);
}

static curl_socket_t
on_curl_open(void *context, curlsocktype purpose, struct curl_sockaddr *peer)
{
	struct ew_http_request *r = context;

	(void)purpose;
	if (r->deny_private && is_private_peer(peer)) {
		r->was_denied = true;
		return CURL_SOCKET_BAD;
	}
	return socket(peer->family, peer->socktype | SOCK_CLOEXEC, peer->protocol);
}

struct ew_http *
ew_http_new(struct ew_loop *loop)
{
	struct ew_http *http = ew_alloc(sizeof(*http));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	http->loop = loop;
	http->multi = curl_multi_init();
	if (!http->multi)
		abort();
	http->timer = ew_timer_new(loop, on_time, http);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 64L);
	return http;
}

void
ew_http_free(struct ew_http *http)
{
	if (!http)
		return;
	for (struct ew_http_request *r = http->first, *next; r; r = next) {
		next = r->next;
		unlink_request(r);
		request_free(r);
	}
	curl_multi_cleanup(http->multi);
	ew_timer_free(http->timer);
	free(http);
	curl_global_cleanup();
}

static void
set_peer(CURL *easy, const struct ew_http_spec *spec)
{
	curl_easy_setopt(easy, CURLOPT_URL, spec->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, spec->proxy ? spec->proxy : "");
	if (spec->unix_socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, spec->unix_socket);
	if (spec->ca_file && spec->ca_file[0])
		curl_easy_setopt(easy, CURLOPT_CAINFO, spec->ca_file);
}

static void
set_body(struct ew_http_request *r, const struct ew_http_spec *spec)
{
	if (spec->body) {
		curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE, (long)spec->body_size);
		curl_easy_setopt(r->easy, CURLOPT_COPYPOSTFIELDS, spec->body);
	}
	if (spec->method)
		curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, spec->method);
	for (size_t i = 0; i < spec->n_headers; i++)
		r->headers = curl_slist_append(r->headers, spec->headers[i]);
	/* No "100 Continue" round trip; some receivers never send it. */
	r->headers = curl_slist_append(r->headers, "Expect:");
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "eastwatch");
}

static void
set_limits(CURL *easy, const struct ew_http_spec *spec)
{
	const int64_t connect_ns =
	    spec->connect_timeout_ns ? spec->connect_timeout_ns : 10 * EW_NS_PER_S;
	const int64_t timeout_ns =
	    spec->timeout_ns ? spec->timeout_ns : 30 * EW_NS_PER_S;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(connect_ns / EW_NS_PER_MS));
	if (timeout_ns > 0)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
		    (long)(timeout_ns / EW_NS_PER_MS));
	else
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

struct ew_http_request *
ew_http_start(struct ew_http *http, const struct ew_http_spec *spec)
{
	struct ew_http_request *r = ew_alloc(sizeof(*r));

	r->http = http;
	r->on_body = spec->on_body;
	r->on_done = spec->on_done;
	r->context = spec->context;
	r->deny_private = spec->deny_private && !(spec->proxy && spec->proxy[0]);
	ew_text_init(&r->body, spec->max_body ? spec->max_body : 65536);
	r->easy = curl_easy_init();
	if (!r->easy)
		abort();
	curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
	curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
	curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_curl_body);
	curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_curl_header);
	curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
	if (r->deny_private) {
		curl_easy_setopt(r->easy, CURLOPT_OPENSOCKETFUNCTION, on_curl_open);
		curl_easy_setopt(r->easy, CURLOPT_OPENSOCKETDATA, r);
		/* A pooled connection was not looked at by this request. */
		curl_easy_setopt(r->easy, CURLOPT_FRESH_CONNECT, 1L);
	}
	set_peer(r->easy, spec);
	set_body(r, spec);
	set_limits(r->easy, spec);

	r->next = http->first;
	if (r->next)
		r->next->prev = r;
	http->first = r;
	r->is_waiting = http->in_curl > 0;
	if (!r->is_waiting)
		curl_multi_add_handle(http->multi, r->easy);
	return r;
}

void
ew_http_cancel(struct ew_http_request *request)
{
	if (!request)
		return;
	if (request->http->in_curl) {
		request->is_cancelled = true;
		return;
	}
	unlink_request(request);
	request_free(request);
}
