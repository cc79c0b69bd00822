/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines over a unix socket (see line.h). A connection is closed, not throttled, when it
 * sends a line that is too long or does not read its answers: the other end is one of ours
 * or a mistake. Closing inside a callback only marks; the turn's end frees.
 */
#include "io/line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "io/loop.h"

#define OUT_MAX_BYTES ((size_t)4 << 20)

struct ew_line_conn {
	struct ew_line_conn *next;
	struct ew_line_server *server;
	struct ew_watch *watch;
	int fd;
	uid_t uid;
	pid_t pid;
	bool is_closed;
	int busy;
	struct ew_text in, out;
	size_t sent; /* of out */
};

struct ew_line_server {
	struct ew_loop *loop;
	struct ew_watch *watch;
	int fd;
	char path[108];
	struct ew_line_handlers handlers;
	struct ew_line_conn *conns;
	size_t n_conns;
};

static void
conn_free(struct ew_line_conn *conn)
{
	struct ew_line_conn **at = &conn->server->conns;

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	conn->server->n_conns--;
	ew_watch_free(conn->watch);
	close(conn->fd);
	ew_text_fini(&conn->in);
	ew_text_fini(&conn->out);
	free(conn);
}

void
ew_line_close(struct ew_line_conn *conn)
{
	const struct ew_line_handlers *h = &conn->server->handlers;

	if (!conn->is_closed) {
		conn->is_closed = true;
		ew_watch_set(conn->watch, 0);
		conn->busy++;
		if (h->closed)
			h->closed(h->context, conn);
		conn->busy--;
	}
	if (conn->busy == 0)
		conn_free(conn);
}

static void
leave(struct ew_line_conn *conn)
{
	if (--conn->busy == 0 && conn->is_closed)
		conn_free(conn);
}

static void
write_out(struct ew_line_conn *conn)
{
	while (conn->sent < conn->out.length) {
		const ssize_t n = send(conn->fd, conn->out.text + conn->sent,
		    conn->out.length - conn->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			ew_watch_set(conn->watch, EW_WATCH_READ | EW_WATCH_WRITE);
			return;
		}
		if (n <= 0) {
			ew_line_close(conn);
			return;
		}
		conn->sent += (size_t)n;
	}
	ew_text_clear(&conn->out);
	conn->sent = 0;
	ew_watch_set(conn->watch, EW_WATCH_READ);
}

void
ew_line_send(struct ew_line_conn *conn, const char *text, size_t size)
{
	if (conn->is_closed)
		return;
	conn->busy++;
	ew_text_add_bytes(&conn->out, text, size);
	ew_text_add_bytes(&conn->out, "\n", 1);
	if (conn->out.full)
		ew_line_close(conn);
	else
		write_out(conn);
	leave(conn);
}

/* Hand out whole lines; what is left waits for its newline. */
static void
take_lines(struct ew_line_conn *conn, const char *bytes, size_t size)
{
	const struct ew_line_handlers *h = &conn->server->handlers;

	while (size > 0 && !conn->is_closed) {
		const char *end = memchr(bytes, '\n', size);
		const size_t part = end ? (size_t)(end - bytes) : size;
		ew_text_add_bytes(&conn->in, bytes, part);
		if (conn->in.full) {
			ew_line_close(conn);
			return;
		}
		if (!end)
			return;
		h->line(h->context, conn, conn->in.text ? conn->in.text : "",
		    conn->in.length);
		ew_text_clear(&conn->in);
		bytes += part + 1;
		size -= part + 1;
	}
}

static void
on_conn(void *context, int fd, unsigned events)
{
	struct ew_line_conn *conn = context;
	char buffer[8192];

	conn->busy++;
	if (events & EW_WATCH_WRITE)
		write_out(conn);
	if ((events & EW_WATCH_READ) && !conn->is_closed) {
		const ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (n > 0)
			take_lines(conn, buffer, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			ew_line_close(conn);
	}
	leave(conn);
}

static void
on_accept(void *context, int fd, unsigned events)
{
	struct ew_line_server *server = context;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	const int conn_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (conn_fd < 0)
		return;
	if (server->n_conns >= EW_LINE_CONNECTIONS_MAX ||
	    getsockopt(conn_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		close(conn_fd);
		return;
	}
	struct ew_line_conn *conn = ew_alloc(sizeof(*conn));
	conn->server = server;
	conn->fd = conn_fd;
	conn->uid = peer.uid;
	conn->pid = peer.pid;
	ew_text_init(&conn->in, EW_LINE_MAX_BYTES);
	ew_text_init(&conn->out, OUT_MAX_BYTES);
	conn->watch = ew_watch_new(server->loop, conn_fd, EW_WATCH_READ, on_conn, conn);
	conn->next = server->conns;
	server->conns = conn;
	server->n_conns++;
}

/* Is somebody listening there? A socket without a listener refuses. */
static bool
is_alive(const struct sockaddr_un *addr)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool alive =
	    fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

/* Bind with the final permissions from the first moment on. */
static int
bind_with_mode(int fd, const struct sockaddr_un *addr, mode_t mode, gid_t gid)
{
	const mode_t old = umask((mode_t)(0777 & ~mode));
	const int code =
	    bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;

	umask(old);
	/* Without the right to give it away, the group stays ours: members must be in it. */
	if (code == 0 && gid != (gid_t)-1 && chown(addr->sun_path, (uid_t)-1, gid) < 0)
		return 0;
	return code;
}

int
ew_line_listen(struct ew_loop *loop, const char *path, mode_t mode, gid_t gid,
    const struct ew_line_handlers *handlers, struct ew_error *error,
    struct ew_line_server **ret_server)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(path) >= sizeof(addr.sun_path))
		return ew_error_set(error, -ENAMETOOLONG,
		    "the socket path %s is longer than %zu bytes", path,
		    sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path));
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		if (is_alive(&addr))
			return ew_error_set(error, -EADDRINUSE,
			    "another process listens at %s; stop it, or set another "
			    "control.socket",
			    path);
		(void)unlink(path);
	}
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ew_error_set(error, -errno, "cannot make a socket: %s",
		    ew_err_text(-errno));
	int code = bind_with_mode(fd, &addr, mode, gid);
	if (code == 0 && listen(fd, 16) < 0)
		code = -errno;
	if (code < 0) {
		close(fd);
		return ew_error_set(error, code, "cannot listen at %s: %s", path,
		    ew_err_text(code));
	}
	struct ew_line_server *server = ew_alloc(sizeof(*server));
	server->loop = loop;
	server->fd = fd;
	server->handlers = *handlers;
	memcpy(server->path, addr.sun_path, sizeof(server->path));
	server->watch = ew_watch_new(loop, fd, EW_WATCH_READ, on_accept, server);
	*ret_server = server;
	return 0;
}

void
ew_line_server_free(struct ew_line_server *server)
{
	if (!server)
		return;
	for (struct ew_line_conn *conn = server->conns, *next; conn; conn = next) {
		next = conn->next;
		ew_line_close(conn);
	}
	ew_watch_free(server->watch);
	close(server->fd);
	(void)unlink(server->path);
	free(server);
}

uid_t
ew_line_uid(const struct ew_line_conn *conn)
{
	return conn->uid;
}

pid_t
ew_line_pid(const struct ew_line_conn *conn)
{
	return conn->pid;
}
