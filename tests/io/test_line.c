/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "io/line.h"
#include "io/loop.h"

struct bench {
	struct ew_loop *loop;
	struct ew_timer *timer;
	struct ew_line_server *server;
	char path[108];
	unsigned lines, closed;
	char last[256];
	bool close_on_line;
};

static void
on_line(void *context, struct ew_line_conn *conn, const char *line, size_t size)
{
	struct bench *b = context;

	b->lines++;
	(void)snprintf(b->last, sizeof(b->last), "%.*s", (int)size, line);
	cr_expect_eq(ew_line_uid(conn), getuid());
	cr_expect_eq(ew_line_pid(conn), getpid());
	if (b->close_on_line)
		ew_line_close(conn);
	else
		ew_line_send(conn, line, size);
}

static void
on_closed(void *context, struct ew_line_conn *conn)
{
	struct bench *b = context;

	(void)conn;
	b->closed++;
}

static void
on_timer(void *context)
{
	ew_loop_stop(context);
}

static void
turn(struct bench *b)
{
	ew_timer_start(b->timer, 30 * EW_NS_PER_MS);
	ew_loop_run(b->loop);
}

static struct bench *
bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));
	const struct ew_line_handlers handlers = { .context = b,
		.line = on_line,
		.closed = on_closed };
	struct ew_error error = { .text = "" };

	b->loop = ew_loop_new();
	b->timer = ew_timer_new(b->loop, on_timer, b->loop);
	(void)snprintf(b->path, sizeof(b->path), "/tmp/ew-line-%d.sock", (int)getpid());
	cr_assert_eq(ew_line_listen(b->loop, b->path, 0660, (gid_t)-1, &handlers,
			 &error, &b->server),
	    0, "%s", error.text);
	return b;
}

static void
bench_free(struct bench *b)
{
	ew_line_server_free(b->server);
	cr_expect_eq(access(b->path, F_OK), -1);
	ew_timer_free(b->timer);
	ew_loop_free(b->loop);
	free(b);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)ew_text_copy(addr.sun_path, sizeof(addr.sun_path), path);
	cr_assert_eq(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

Test(line, lines_are_put_together_from_pieces_and_answered)
{
	struct bench *b = bench_new();
	const int fd = connect_to(b->path);
	char answer[64] = "";

	cr_assert_eq(write(fd, "hel", 3), 3);
	turn(b);
	cr_expect_eq(b->lines, 0);
	cr_assert_eq(write(fd, "lo\nsecond\nthi", 13), 13);
	turn(b);
	cr_expect_eq(b->lines, 2);
	cr_expect_str_eq(b->last, "second");
	cr_expect_eq(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT), 13);
	cr_expect_str_eq(answer, "hello\nsecond\n");
	close(fd);
	turn(b);
	cr_expect_eq(b->closed, 1);
	bench_free(b);
}

Test(line, a_line_without_end_closes_the_connection)
{
	struct bench *b = bench_new();
	const int fd = connect_to(b->path);
	static char many[EW_LINE_MAX_BYTES + 8192];

	memset(many, 'x', sizeof(many));
	cr_assert_gt(send(fd, many, sizeof(many), MSG_DONTWAIT), 0);
	turn(b);
	cr_expect_eq(b->closed, 1);
	cr_expect_eq(b->lines, 0);
	close(fd);
	bench_free(b);
}

Test(line, a_reader_that_does_not_read_is_closed)
{
	struct bench *b = bench_new();
	const int fd = connect_to(b->path);
	static char line[60000];

	memset(line, 'y', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 200 && b->closed == 0; i++) {
		(void)!send(fd, line, sizeof(line), MSG_DONTWAIT | MSG_NOSIGNAL);
		turn(b);
	}
	cr_expect_eq(b->closed, 1);
	close(fd);
	bench_free(b);
}

Test(line, a_connection_may_be_closed_from_its_own_callback)
{
	struct bench *b = bench_new();
	const int fd = connect_to(b->path);

	b->close_on_line = true;
	cr_assert_eq(write(fd, "a\nb\n", 4), 4);
	turn(b);
	cr_expect_eq(b->lines, 1);
	cr_expect_eq(b->closed, 1);
	close(fd);
	bench_free(b);
}

Test(line, a_dead_socket_is_replaced_and_a_live_one_is_not)
{
	struct bench *b = bench_new();
	const struct ew_line_handlers handlers = { .context = b, .line = on_line };
	struct ew_line_server *second;
	struct ew_error error = { .text = "" };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;

	cr_expect_eq(ew_line_listen(b->loop, b->path, 0660, (gid_t)-1, &handlers,
			 &error, &second),
	    -EADDRINUSE);
	cr_expect_not_null(strstr(error.text, "another process listens"));
	cr_assert_eq(stat(b->path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	bench_free(b);

	b = calloc(1, sizeof(*b));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/ew-dead-%d",
	    (int)getpid());
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd); /* leaves the file */
	b->loop = ew_loop_new();
	cr_expect_eq(ew_line_listen(b->loop, addr.sun_path, 0600, (gid_t)-1, &handlers,
			 &error, &second),
	    0, "%s", error.text);
	ew_line_server_free(second);
	ew_loop_free(b->loop);
	free(b);
}

Test(line, a_place_that_is_missing_is_a_sentence)
{
	struct ew_loop *loop = ew_loop_new();
	const struct ew_line_handlers handlers = { .line = on_line };
	struct ew_line_server *server;
	struct ew_error error = { .text = "" };

	cr_expect_eq(ew_line_listen(loop, "/nonexistent/x.sock", 0660, (gid_t)-1,
			 &handlers, &error, &server),
	    -ENOENT);
	cr_expect_not_null(strstr(error.text, "/nonexistent/x.sock"));
	ew_loop_free(loop);
}
