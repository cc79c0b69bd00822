/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A unix socket that speaks in lines, on the loop: what the control protocol stands on.
 * Everything is bounded: connections, length of a line, bytes that wait for a slow reader.
 *
 * Depends on: base, io/loop.h. Used by: api. Loop thread only.
 */
struct ew_error;
struct ew_line_conn;
struct ew_line_server;
struct ew_loop;

#define EW_LINE_MAX_BYTES 65536
#define EW_LINE_CONNECTIONS_MAX 64

struct ew_line_handlers {
	void *context;
	/* A line without its newline, terminated; may hold NUL inside size. */
	void (*line)(void *context, struct ew_line_conn *conn, const char *line,
	    size_t size);
	/* The connection is over, the pointer is stale afterwards. May be NULL. */
	void (*closed)(void *context, struct ew_line_conn *conn);
};

/*
 * Listen at path. A socket left behind by a dead process is replaced, a live one is not.
 * mode: permission bits. gid: its group; (gid_t)-1 leaves it.
 * Returns 0, -EADDRINUSE or another errno, with a sentence.
 */
int ew_line_listen(struct ew_loop *loop, const char *path, mode_t mode, gid_t gid,
    const struct ew_line_handlers *handlers, struct ew_error *error,
    struct ew_line_server **ret_server);
/* Closes all connections and removes the socket. */
void ew_line_server_free(struct ew_line_server *server);

/* Send text and a newline. Past 4 MiB of waiting bytes the connection is closed. */
void ew_line_send(struct ew_line_conn *conn, const char *text, size_t size);
void ew_line_close(struct ew_line_conn *conn);
/* Who is at the other end, by SO_PEERCRED at the time of connecting. */
uid_t ew_line_uid(const struct ew_line_conn *conn);
pid_t ew_line_pid(const struct ew_line_conn *conn);
