/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets without HTTP (syslog): one message over UDP, TCP or a unix socket. UDP carries it
 * as it is (RFC 5426), TCP with its length in front (RFC 6587, octet counting). Nobody
 * acknowledges syslog, so "sent" is all that can be known: that is why it is the second
 * choice for messages that matter.
 *
 * NOTE(compromise): connect and name look-up may block for CONNECT_MS, and the loop with
 * them. Names are looked up for each message; addresses and local sockets do not wait.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "proc/delivery_priv.h"

#define CONNECT_MS 3000

static int
open_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		const int code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

static int
wait_connected(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof(error);

	if (poll(&ready, 1, CONNECT_MS) <= 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

/* where: "host:port" or "[v6]:port"; the port defaults to 514. */
static int
open_net(const char *where, int type)
{
	char host[256];
	const char *port = "514";
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = type };
	struct addrinfo *found = NULL;

	if (!ew_text_copy(host, sizeof(host), where))
		return -ENAMETOOLONG;
	host[strcspn(host, "/")] = '\0';
	char *name = host;
	char *colon = strrchr(host, ':');
	if (host[0] == '[' && strchr(host, ']')) {
		name = host + 1;
		char *close_bracket = strchr(host, ']');
		colon = close_bracket[1] == ':' ? close_bracket + 1 : NULL;
		*close_bracket = '\0';
	}
	if (colon) {
		*colon = '\0';
		port = colon + 1;
	}
	if (getaddrinfo(name, port, &hints, &found) != 0)
		return -EHOSTUNREACH;
	int code = -EHOSTUNREACH;
	for (const struct addrinfo *a = found; a && code < 0; a = a->ai_next) {
		const int fd = socket(a->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    a->ai_protocol);
		if (fd < 0)
			continue;
		code = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0
		    : errno == EINPROGRESS			   ? wait_connected(fd)
								   : -errno;
		if (code == 0)
			code = fd;
		else
			close(fd);
	}
	freeaddrinfo(found);
	return code;
}

static int
send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		const ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd ready = { .fd = fd, .events = POLLOUT };
			if (poll(&ready, 1, CONNECT_MS) <= 0)
				return -ETIMEDOUT;
			continue;
		}
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

int
ew_delivery_datagram(const struct ew_webhook_conf *conf,
    const struct ew_message *message, struct ew_error *error)
{
	struct ew_webhook_request request;
	char prefix[24] = "";

	ew_webhook_request_init(&request);
	int code =
	    ew_webhook_build(conf, message, message->created_us, &request, error);
	if (code < 0)
		goto out;
	const char *url = request.url.text;
	const bool is_tcp = strncmp(url, "tcp://", 6) == 0;
	int fd;
	if (strncmp(url, "unix://", 7) == 0)
		fd = open_unix(url + 7);
	else if (is_tcp || strncmp(url, "udp://", 6) == 0)
		fd = open_net(url + 6, is_tcp ? SOCK_STREAM : SOCK_DGRAM);
	else
		fd = -EPROTONOSUPPORT;
	code = fd < 0 ? fd : 0;
	if (code == 0 && is_tcp) {
		(void)snprintf(prefix, sizeof(prefix), "%zu ", request.body.length);
		code = send_all(fd, prefix, strlen(prefix));
	}
	if (code == 0)
		code = send_all(fd, request.body.text, request.body.length);
	if (fd >= 0)
		close(fd);
	if (code < 0)
		(void)ew_error_set(error, code,
		    "cannot send to the syslog target %s: %s", conf->name,
		    ew_err_text(code));
out:
	ew_webhook_request_fini(&request);
	return code;
}
