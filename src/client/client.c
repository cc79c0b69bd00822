/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the control socket, blocking: what `eastwatch` and other programs use.
 * An answer is matched by its id; the daemon is ours, but its answer is bounded all the same.
 */
#include "eastwatch/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"

#define ANSWER_MAX_BYTES ((size_t)16 << 20)

struct ew_client {
	int fd;
	long long last_id;
	struct ew_text in;
	size_t used; /* bytes of `in` that belong to lines already handed out */
};

static int say(char *ret, size_t size, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int
say(char *ret, size_t size, int code, const char *format, ...)
{
	va_list args;

	if (ret && size > 0) {
		va_start(args, format);
		(void)vsnprintf(ret, size, format, args);
		va_end(args);
	}
	return code;
}

int
ew_client_open(const char *socket_path, struct ew_client **ret_client,
    char *ret_sentence, size_t sentence_size)
{
	const char *path = socket_path ? socket_path : EW_CONTROL_SOCKET;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return say(ret_sentence, sentence_size, -ENAMETOOLONG,
		    "the socket path %s is too long", path);
	memcpy(addr.sun_path, path, strlen(path));
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return say(ret_sentence, sentence_size, -errno, "cannot make a socket");
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		const int code = -errno;
		close(fd);
		return say(ret_sentence, sentence_size, code,
		    code == -EACCES
			? "may not connect to %s; become root or a member of its group"
			: "no eastwatchd answers at %s; is it running?",
		    path);
	}
	struct ew_client *client = ew_alloc(sizeof(*client));
	client->fd = fd;
	ew_text_init(&client->in, ANSWER_MAX_BYTES);
	*ret_client = client;
	return 0;
}

void
ew_client_close(struct ew_client *client)
{
	if (!client)
		return;
	close(client->fd);
	ew_text_fini(&client->in);
	free(client);
}

static int
wait_for(int fd, short events, int64_t until_ns)
{
	const int64_t left_ns = until_ns - ew_ticks_ns();
	struct pollfd ready = { .fd = fd, .events = events };

	if (left_ns <= 0)
		return -ETIMEDOUT;
	const int n = poll(&ready, 1, (int)(left_ns / EW_NS_PER_MS) + 1);
	return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
}

static int
send_line(struct ew_client *client, const char *line, int64_t until_ns)
{
	size_t left = strlen(line);

	while (left > 0) {
		const ssize_t n =
		    send(client->fd, line, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			const int code = wait_for(client->fd, POLLOUT, until_ns);
			if (code < 0)
				return code;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -ECONNRESET;
		if (n > 0) {
			line += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/* The next line; valid until the next call. */
static int
read_line(struct ew_client *client, int64_t until_ns, const char **ret_line,
    size_t *ret_size)
{
	char buffer[16384];
	struct ew_text *in = &client->in;

	if (client->used) {
		memmove(in->text, in->text + client->used,
		    in->length - client->used + 1);
		in->length -= client->used;
		client->used = 0;
	}
	for (;;) {
		const char *end =
		    in->length ? memchr(in->text, '\n', in->length) : NULL;
		if (end) {
			*ret_line = in->text;
			*ret_size = (size_t)(end - in->text);
			client->used = *ret_size + 1;
			return 0;
		}
		const int code = wait_for(client->fd, POLLIN, until_ns);
		if (code < 0)
			return code;
		const ssize_t n =
		    recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return -ECONNRESET;
		if (n > 0)
			ew_text_add_bytes(in, buffer, (size_t)n);
		if (in->full)
			return -EMSGSIZE;
	}
}

/* The request as a line, or NULL. */
static char *
make_request(struct ew_client *client, const char *verb, const char *arguments)
{
	json_t *request = arguments ? json_loads(arguments, 0, NULL) : json_object();
	char *line = NULL;

	if (json_is_object(request)) {
		(void)json_object_set_new(request, "eastwatch", json_integer(1));
		(void)json_object_set_new(request, "id",
		    json_integer(++client->last_id));
		(void)json_object_set_new(request, "verb", json_string(verb));
		char *text = json_dumps(request, JSON_COMPACT);
		if (text) {
			const size_t size = strlen(text) + sizeof("\n");
			line = ew_alloc(size);
			(void)snprintf(line, size, "%s\n", text);
		}
		free(text);
	}
	json_decref(request);
	return line;
}

int
ew_client_ask(struct ew_client *client, const char *verb, const char *arguments,
    int timeout_ms, char **ret_answer, char *ret_sentence, size_t sentence_size)
{
	const int64_t until_ns = ew_ticks_ns() + timeout_ms * EW_NS_PER_MS;
	char *request = make_request(client, verb, arguments);
	json_t *answer = NULL;

	if (!request)
		return say(ret_sentence, sentence_size, -EINVAL,
		    "the request is no JSON object");
	int code = send_line(client, request, until_ns);
	free(request);
	while (code == 0 && !answer) {
		const char *line;
		size_t size;
		code = read_line(client, until_ns, &line, &size);
		if (code < 0)
			break;
		answer = json_loadb(line, size, 0, NULL);
		const json_t *id = json_object_get(answer, "id");
		if (json_is_null(id) || json_integer_value(id) == client->last_id)
			continue;
		json_decref(answer); /* an answer to a question that timed out */
		answer = NULL;
	}
	if (code < 0)
		return say(ret_sentence, sentence_size, code,
		    "the daemon does not answer: %s", ew_err_text(code));
	if (!json_is_true(json_object_get(answer, "ok"))) {
		const char *why = json_string_value(json_object_get(answer, "error"));
		code = say(ret_sentence, sentence_size, -EPROTO, "%s",
		    why ? why : "the daemon refused");
	}
	*ret_answer = json_dumps(answer, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(answer);
	return code;
}
