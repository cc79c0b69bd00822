/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places the daemon works with: runtime sockets and state folders, the database, its
 * file system, the control socket and the page's port.
 */
#include "cli/doctor_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/writer.h"
#include "daemon/config.h"

/* 0 when something accepts at a unix socket, else an errno. */
static int
knock(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int code = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		code = errno;
	close(fd);
	/* A full backlog still means that somebody listens. */
	return code == EAGAIN ? 0 : code;
}

static void
probe_socket(struct ew_doctor *d, const char *name, const char *path,
    enum ew_config_switch wanted)
{
	if (wanted == EW_CONFIG_OFF) {
		ew_doctor_say(d, EW_DOCTOR_OK, "runtime", name, NULL,
		    "switched off in the configuration");
		return;
	}
	if (path[0] != '/') {
		ew_doctor_say(d, EW_DOCTOR_OK, "runtime", name, NULL, "asked over %s",
		    path);
		return;
	}
	const int code = knock(path);
	const enum ew_doctor_level bad =
	    wanted == EW_CONFIG_ON ? EW_DOCTOR_BROKEN : EW_DOCTOR_UNUSUAL;
	char key[32];
	snprintf(key, sizeof(key), "runtimes.%s.socket", name);

	switch (code) {
	case 0:
		ew_doctor_say(d, EW_DOCTOR_OK, "runtime", name, NULL,
		    "%s answers: names, labels and networks come from it", path);
		return;
	case ENOENT:
		if (wanted == EW_CONFIG_ON)
			ew_doctor_say(d, bad, "runtime", name,
			    "start the runtime, or correct the path in the "
			    "configuration",
			    "%s (%s) is not there", path, key);
		else
			ew_doctor_say(d, EW_DOCTOR_OK, "runtime", name, NULL,
			    "not on this node (no %s)", path);
		return;
	case EACCES:
	case EPERM:
		ew_doctor_say(d, d->daemon_runs ? EW_DOCTOR_OK : EW_DOCTOR_UNUSUAL,
		    "runtime", name,
		    "run doctor as root; the daemon needs root or the socket's group",
		    "%s is there, but this user may not use it", path);
		return;
	case ECONNREFUSED:
		ew_doctor_say(d, bad, "runtime", name,
		    "start the runtime; until then containers have no names",
		    "%s is there, but nobody listens", path);
		return;
	default:
		ew_doctor_say(d, bad, "runtime", name,
		    "look at the runtime; until then containers have no names",
		    "%s: %s", path, strerror(code));
	}
}

static void
probe_folder(struct ew_doctor *d, const char *name, const char *path, const char *what)
{
	struct stat st;

	if (!path[0] || stat(path, &st) != 0) {
		ew_doctor_say(d, EW_DOCTOR_OK, "runtime", name, NULL,
		    "not on this node (no %s)", path[0] ? path : name);
		return;
	}
	if (access(path, R_OK | X_OK) != 0)
		ew_doctor_say(d, d->daemon_runs ? EW_DOCTOR_OK : EW_DOCTOR_UNUSUAL,
		    "runtime", name, "run doctor as root",
		    "%s is there, but this user may not read it", path);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "runtime", name, NULL, "%s: %s", path,
		    what);
}

void
ew_doctor_runtimes(struct ew_doctor *d)
{
	const struct ew_config *c = d->config;

	probe_socket(d, "docker", c->runtimes.docker_socket,
	    c->runtimes.docker_enabled);
	probe_socket(d, "podman", c->runtimes.podman_socket,
	    c->runtimes.podman_enabled);
	if (c->runtimes.containerd_enabled == EW_CONFIG_OFF)
		ew_doctor_say(d, EW_DOCTOR_OK, "runtime", "containerd", NULL,
		    "switched off in the configuration");
	else
		probe_folder(d, "containerd", c->runtimes.containerd_root,
		    "pods are named by their bundle files");
	probe_folder(d, "cni", c->runtimes.cni_results,
	    "addresses of pods come from the results of CNI plugins");
	probe_folder(d, "cri-o", "/run/containers/storage",
	    "containers of CRI-O and Podman are named by their bundle files");
	probe_folder(d, "cgroup", "/sys/fs/cgroup",
	    "last resort for names: the container id in the cgroup path");
}

/* SQLite's WAL needs shared memory, which network file systems do not give. */
static void
probe_file_system(struct ew_doctor *d, const char *folder)
{
	static const struct {
		long magic;
		const char *name;
	} remote[] = { { 0x6969, "NFS" }, { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB" },
		{ 0x01021997, "9p" }, { 0x65735546, "FUSE" } };
	struct statfs fs;
	struct statvfs space;
	char room[32];

	if (statfs(folder, &fs) == 0)
		for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
			if ((long)fs.f_type == remote[i].magic)
				ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "database",
				    "file_system", "put database.path on a local disk",
				    "%s is on %s: write-ahead logging needs a local "
				    "file system",
				    folder, remote[i].name);
	if (statvfs(folder, &space) != 0)
		return;
	const uint64_t left = (uint64_t)space.f_bavail * space.f_frsize;
	ew_bytes_text((int64_t)left, room, sizeof(room));
	if (left < (UINT64_C(64) << 20))
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "database", "space",
		    "free space, or set database.retention.max_size lower",
		    "%s has %s left: flow rows are shed first, incidents last", folder,
		    room);
	else if (left < (UINT64_C(512) << 20))
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "database", "space",
		    "free space, or set database.retention.max_size lower",
		    "%s has %s left", folder, room);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "database", "space", NULL,
		    "%s left on %s", room, folder);
}

static void
probe_database_folder(struct ew_doctor *d)
{
	char copy[512];
	struct stat st;

	snprintf(copy, sizeof(copy), "%s", d->database);
	const char *folder = dirname(copy);
	if (stat(folder, &st) != 0) {
		ew_doctor_say(d, d->daemon_runs ? EW_DOCTOR_BROKEN : EW_DOCTOR_UNUSUAL,
		    "database", "folder",
		    "the daemon makes it at its start, if it runs as root", "%s: %s",
		    folder, strerror(errno));
		return;
	}
	if (access(folder, W_OK) == 0)
		ew_doctor_say(d, EW_DOCTOR_OK, "database", "folder", NULL,
		    "%s is writable", folder);
	else if (d->daemon_runs || geteuid() != 0)
		ew_doctor_say(d, EW_DOCTOR_OK, "database", "folder", NULL,
		    "%s is not writable by this user, and need not be: readers open "
		    "read-only",
		    folder);
	else
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "database", "folder",
		    "mount it writable, or choose another database.path", "%s: %s",
		    folder, strerror(errno));
	probe_file_system(d, folder);
}

/* Whether host:port can be bound: 0, or an errno. */
static int
try_bind(const char *listen_at)
{
	char host[128];
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV |
		    AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	const int on = 1;
	int code = EINVAL;

	snprintf(host, sizeof(host), "%s", listen_at);
	char *colon = strrchr(host, ':');
	if (!colon)
		return EINVAL;
	*colon = '\0';
	char *name = host;
	if (name[0] == '[' && colon > name && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	if (getaddrinfo(name[0] ? name : NULL, colon + 1, &hints, &list) != 0)
		return EINVAL;
	const int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		code =
		    bind(fd, list->ai_addr, list->ai_addrlen) == 0 && listen(fd, 1) == 0
		    ? 0
		    : errno;
		close(fd);
	} else {
		code = errno;
	}
	freeaddrinfo(list);
	return code;
}

static void
probe_port(struct ew_doctor *d)
{
	const char *listen_at = d->config->web.listen;

	if (!listen_at[0]) {
		ew_doctor_say(d, EW_DOCTOR_OK, "page", "listen", NULL,
		    "no page, API or metrics: web.listen is empty");
		return;
	}
	const int code = try_bind(listen_at);
	if (code == EADDRINUSE && d->daemon_runs)
		ew_doctor_say(d, EW_DOCTOR_OK, "page", "listen", NULL,
		    "%s is in use, by the daemon most likely", listen_at);
	else if (code == EADDRINUSE)
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "page", "listen",
		    "set web.listen to a free port, or stop what holds it (ss -ltnp)",
		    "%s is in use by another program: the daemon will have no page",
		    listen_at);
	else if (code)
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "page", "listen",
		    "set web.listen to an address of this node, as 127.0.0.1:9738",
		    "the page cannot listen on %s: %s", listen_at, strerror(code));
	else if (d->daemon_runs)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "page", "listen",
		    "look at the daemon's log, or set web.listen to \"\" if no page is "
		    "wanted",
		    "the daemon runs, but serves no page on %s", listen_at);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "page", "listen", NULL, "%s is free",
		    listen_at);
	if (strncmp(listen_at, "127.", 4) != 0 && strncmp(listen_at, "[::1]", 5) != 0 &&
	    strncmp(listen_at, "localhost", 9) != 0)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "page", "exposure",
		    "bind it to 127.0.0.1 and use ssh -L, or put TLS in front of it",
		    "%s can be reached from other hosts, without TLS", listen_at);
}

void
ew_doctor_control(struct ew_doctor *d)
{
	const int code = knock(d->socket);

	d->daemon_runs = code == 0 || code == EACCES;
	if (code == 0)
		ew_doctor_say(d, EW_DOCTOR_OK, "daemon", "control", NULL,
		    "eastwatchd answers at %s", d->socket);
	else if (code == EACCES)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "daemon", "control",
		    "run doctor as root, or join the group of the socket",
		    "%s is there, but this user may not use it", d->socket);
	else
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "daemon", "control",
		    "systemctl start eastwatchd; the lists work without it",
		    "eastwatchd does not run: %s: %s", d->socket, strerror(code));
}

void
ew_doctor_places(struct ew_doctor *d)
{
	probe_database_folder(d);
	probe_port(d);
}
