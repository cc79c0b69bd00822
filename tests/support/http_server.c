/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripted server of http_server.h. One thread, one connection at a time, one request per
 * connection: simple enough to be believed.
 */
#include "support/http_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUESTS_MAX 256
#define ANSWERS_MAX 64
#define REQUEST_MAX_BYTES 65536

struct test_http {
	int fd, port, stop_pipe[2];
	pthread_t thread;
	const struct test_answer *answers;
	size_t n_answers;
	_Atomic size_t n_requests;
	char *requests[REQUESTS_MAX];
	unsigned used[ANSWERS_MAX]; /* of the server's thread */
	int held[REQUESTS_MAX];
	size_t n_held;
};

static size_t
wanted_length(const char *request)
{
	const char *body = strstr(request, "\r\n\r\n");
	const char *length = strcasestr(request, "\r\ncontent-length:");

	if (!body)
		return (size_t)-1;
	return (size_t)(body + 4 - request) +
	    (length ? strtoul(length + 17, NULL, 10) : 0);
}

static char *
read_request(int fd)
{
	char *request = calloc(1, REQUEST_MAX_BYTES + 1);
	size_t length = 0;

	while (length < REQUEST_MAX_BYTES && length < wanted_length(request)) {
		const ssize_t n =
		    recv(fd, request + length, REQUEST_MAX_BYTES - length, 0);
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	return request;
}

static void
answer(int fd, const struct test_answer *a)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	usleep((useconds_t)a->delay_ms * 1000);
	if (!a->text) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		return;
	}
	const size_t length = strlen(a->text);
	if (send(fd, a->text, length, MSG_NOSIGNAL) < 0)
		return;
	char block[4096];
	memset(block, length ? a->text[length - 1] : 'x', sizeof(block));
	for (size_t sent = 0; sent < a->repeat_body; sent += sizeof(block))
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			return;
}

/* The answer for request number i. */
static const struct test_answer *
choose(struct test_http *s, const char *request, size_t i)
{
	const char *path = strchr(request, ' ');

	for (size_t k = 0; k < s->n_answers && k < ANSWERS_MAX; k++) {
		const struct test_answer *a = &s->answers[k];
		if (!a->path || !path ||
		    strncmp(path + 1, a->path, strlen(a->path)) != 0 ||
		    (a->times && s->used[k] >= a->times))
			continue;
		s->used[k]++;
		return a;
	}
	return &s->answers[i < s->n_answers ? i : s->n_answers - 1];
}

static void *
serve(void *context)
{
	struct test_http *s = context;

	for (;;) {
		struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN },
			{ .fd = s->stop_pipe[0], .events = POLLIN } };
		if (poll(fds, 2, -1) < 0 || fds[1].revents)
			return NULL;
		const int fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			continue;
		const size_t i = s->n_requests;
		char *request = read_request(fd);
		if (i < REQUESTS_MAX && request[0]) {
			s->requests[i] = request;
			s->n_requests++;
			const struct test_answer *a = choose(s, request, i);
			answer(fd, a);
			if (a->is_held) {
				s->held[s->n_held++] = fd;
				continue;
			}
		} else {
			free(request);
		}
		close(fd);
	}
}

struct test_http *
test_http_new(const char *unix_path, const struct test_answer *answers, size_t n)
{
	struct test_http *s = calloc(1, sizeof(*s));
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);

	s->answers = answers;
	s->n_answers = n;
	if (unix_path) {
		unlink(unix_path);
		strncpy(un.sun_path, unix_path, sizeof(un.sun_path) - 1);
		s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(s->fd, (struct sockaddr *)&un, sizeof(un)) < 0)
			abort();
	} else {
		s->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(s->fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
		    getsockname(s->fd, (struct sockaddr *)&in, &size) < 0)
			abort();
		s->port = ntohs(in.sin_port);
	}
	if (listen(s->fd, 64) < 0 || pipe(s->stop_pipe) < 0 ||
	    pthread_create(&s->thread, NULL, serve, s) != 0)
		abort();
	return s;
}

void
test_http_free(struct test_http *s)
{
	if (write(s->stop_pipe[1], "x", 1) != 1)
		abort();
	pthread_join(s->thread, NULL);
	close(s->fd);
	close(s->stop_pipe[0]);
	close(s->stop_pipe[1]);
	for (size_t i = 0; i < s->n_held; i++)
		close(s->held[i]);
	for (size_t i = 0; i < s->n_requests; i++)
		free(s->requests[i]);
	free(s);
}

int
test_http_port(const struct test_http *s)
{
	return s->port;
}

size_t
test_http_count(struct test_http *s)
{
	return s->n_requests;
}

const char *
test_http_request(struct test_http *s, size_t i)
{
	return i < s->n_requests ? s->requests[i] : "";
}

const char *
test_http_body(struct test_http *s, size_t i)
{
	const char *body = strstr(test_http_request(s, i), "\r\n\r\n");

	return body ? body + 4 : "";
}

int
test_http_wait(struct test_http *s, size_t n, int ms)
{
	for (int i = 0; i < ms && s->n_requests < n; i++)
		usleep(1000);
	return s->n_requests >= n;
}
