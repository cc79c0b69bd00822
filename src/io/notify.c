/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the service manager how we are, by the protocol of sd_notify(3): one datagram to
 * the unix socket named in $NOTIFY_SOCKET. Written here because libsystemd is a large guest
 * for one sendto. The descriptor is file-scope state: set once at start, before threads.
 */
#include "io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_fd = -1;

void
ew_notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (!path || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path));
	if (path[0] == '@') /* abstract name space */
		addr.sun_path[0] = '\0';
	const socklen_t size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&addr, size) < 0) {
		close(fd);
		return;
	}
	if (notify_fd >= 0)
		close(notify_fd);
	notify_fd = fd;
}

int
ew_notify(const char *state)
{
	if (notify_fd < 0)
		return 0;
	return send(notify_fd, state, strlen(state), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int64_t
ew_notify_watchdog_ns(void)
{
	const char *text = getenv("WATCHDOG_USEC");
	char *end;

	if (!text || notify_fd < 0)
		return 0;
	errno = 0;
	const long long us = strtoll(text, &end, 10);
	if (errno || *end != '\0' || us <= 0 || us > INT64_C(86400000000))
		return 0;
	return us * 1000 / 2;
}
