/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for namespaces: files below /run/netns, and container ids in cgroup paths.
 *
 * `ip netns add` creates a file and mounts the namespace on it. inotify tells of the file. A
 * namespace gets an id here when a link crosses; one with a name is given its id before
 * that (RTM_NEWNSID), because it may be gone again by the time the link is heard of, and a
 * macvlan made inside gives it none. The file is opened, asked and closed at once: an open
 * file would keep the namespace alive.
 *
 * The cgroup of a process names its container for every runtime, without asking it. It is
 * the last resort, since it costs a walk over /proc (0.6 to 4 ms), and it is done only while
 * a namespace is without a name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <netlink/msg.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/netlink_table_priv.h"

#define MAX_PENDING 65536

static void
pend(struct ew_netlink *netlink, const char *name)
{
	struct pending_name *pending;

	if (name[0] == '.' || netlink->n_pending >= MAX_PENDING)
		return;
	TAILQ_FOREACH (pending, &netlink->pending, order)
		if (strcmp(pending->name, name) == 0)
			return;
	pending = ew_alloc(sizeof(*pending));
	pending->nsid = -1;
	if (!ew_text_copy(pending->name, sizeof(pending->name), name)) {
		free(pending); /* longer than anybody names a namespace */
		return;
	}
	TAILQ_INSERT_TAIL(&netlink->pending, pending, order);
	netlink->n_pending++;
}

static void
drop(struct ew_netlink *netlink, struct pending_name *pending)
{
	TAILQ_REMOVE(&netlink->pending, pending, order);
	netlink->n_pending--;
	free(pending);
}

static void
list_directory(struct ew_netlink *netlink)
{
	DIR *dir = opendir(netlink->netns_dir);
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL)
		pend(netlink, entry->d_name);
	closedir(dir);
}

/* The first `ip netns add` after boot makes the directory, so it may come later. */
static void
find_directory(struct ew_netlink *netlink)
{
	if (netlink->has_names || netlink->inotify_fd < 0)
		return;
	if (inotify_add_watch(netlink->inotify_fd, netlink->netns_dir,
		IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) < 0)
		return;
	netlink->has_names = true;
	list_directory(netlink);
}

void
ew_names_open(struct ew_netlink *netlink, const char *directory)
{
	netlink->inotify_fd = -1;
	ew_text_copy(netlink->netns_dir, sizeof(netlink->netns_dir), directory);
	if (!directory[0])
		return;
	netlink->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	find_directory(netlink);
}

void
ew_names_close(struct ew_netlink *netlink)
{
	struct pending_name *pending;

	while ((pending = TAILQ_FIRST(&netlink->pending)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is unlinked within */
		drop(netlink, pending);
	if (netlink->inotify_fd >= 0)
		close(netlink->inotify_fd);
}

static void
forget(struct ew_netlink *netlink, const char *name)
{
	struct pending_name *pending;

	TAILQ_FOREACH (pending, &netlink->pending, order)
		if (strcmp(pending->name, name) == 0) {
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is unlinked within */
			drop(netlink, pending);
			return;
		}
}

static void
drain_inotify(struct ew_netlink *netlink)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	if (netlink->inotify_fd < 0)
		return;
	while ((n = read(netlink->inotify_fd, buffer, sizeof(buffer))) > 0)
		for (const char *at = buffer; at < buffer + n;) {
			const struct inotify_event *event = (const void *)at;

			if (event->mask & IN_Q_OVERFLOW)
				list_directory(netlink);
			else if (event->len && (event->mask & IN_DELETE))
				forget(netlink, event->name);
			else if (event->len)
				pend(netlink, event->name);
			at += sizeof(*event) + event->len;
		}
}

static void
take_nsid(void *context, struct nlmsghdr *msg)
{
	(void)ew_nl_parse_nsid(msg, context);
}

/* -1: no id here yet; -2: no namespace (any more). */
static int32_t
nsid_of_name(struct ew_netlink *netlink, const char *name)
{
	/* By path each time: the directory becomes a mount of its own after it was first seen. */
	char path[sizeof(netlink->netns_dir) + 72];
	int32_t nsid = -1;

	snprintf(path, sizeof(path), "%s/%.64s", netlink->netns_dir, name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? -2 : -1;
	(void)ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_nsid_of_fd(fd), take_nsid,
	    &nsid);
	/* Refused without CAP_NET_ADMIN and on a file that is not mounted yet: asked again later. */
	if (nsid < 0 &&
	    ew_netlink_ask(netlink, netlink->ask, ew_nl_assign_nsid(fd), NULL, NULL) ==
		0)
		(void)ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_nsid_of_fd(fd),
		    take_nsid, &nsid);
	close(fd);
	return nsid;
}

bool
ew_names_ask(struct ew_netlink *netlink)
{
	struct pending_name *pending, *next;
	bool any = false;

	find_directory(netlink);
	drain_inotify(netlink);
	for (pending = TAILQ_FIRST(&netlink->pending); pending; pending = next) {
		next = TAILQ_NEXT(pending, order);
		const struct known_ns *ns;

		pending->nsid = nsid_of_name(netlink, pending->name);
		if (pending->nsid == -2) {
			drop(netlink, pending);
			continue;
		}
		ns = ew_known_ns(netlink, pending->nsid);
		pending->serial = ns ? ns->serial : 0;
		any |= pending->nsid >= 0;
	}
	return any;
}

static void
tell_name(struct ew_netlink *netlink, struct pending_name *pending, struct known_ns *ns)
{
	struct ew_nsid_info info = { .nsid = ns->nsid };

	ew_text_copy_bytes(info.name, sizeof(info.name), pending->name,
	    strlen(pending->name));
	ns->has_name = true;
	/* A name a person chose; engines and CNI choose their own and have containers inside. */
	if (strncmp(info.name, "cni-", 4) != 0 && strncmp(info.name, "netns-", 6) != 0)
		ns->cid_tries = 0;
	netlink->n.names++;
	netlink->sink.nsid(netlink->sink.context, &info, false);
	drop(netlink, pending);
}

bool
ew_names_tell(struct ew_netlink *netlink)
{
	struct pending_name *pending, *next;
	bool all = true;

	for (pending = TAILQ_FIRST(&netlink->pending); pending; pending = next) {
		next = TAILQ_NEXT(pending, order);
		struct known_ns *ns;

		if (pending->nsid < 0)
			continue;
		if (pending->nsid == netlink->self_nsid) {
			drop(netlink, pending); /* our own namespace has a name, too */
			continue;
		}
		ns = ew_known_ns(netlink, pending->nsid);
		if (ns && ns->serial == pending->serial)
			tell_name(netlink, pending, ns);
		else
			all = false;
	}
	return all;
}

void
ew_names_last_chance(struct ew_netlink *netlink, struct known_ns *ns)
{
	struct pending_name *pending;

	if (ns->has_name)
		return;
	TAILQ_FOREACH (pending, &netlink->pending, order)
		if (pending->nsid == ns->nsid && pending->serial == ns->serial) {
			tell_name(netlink, pending, ns);
			return;
		}
}

/* --- container ids ------------------------------------------------------------------------- */

bool
ew_names_cgroup_id(const char *line, char ret_id[EW_INSTANCE_ID_MAX])
{
	bool found = false;

	/* The innermost wins: a nested engine's container is in its own path's last part. */
	for (const char *p = line; *p;) {
		const size_t n = strspn(p, "0123456789abcdef");

		if (n == 64) {
			memcpy(ret_id, p, 64);
			ret_id[64] = '\0';
			found = true;
		}
		p += n ? n : 1;
	}
	return found;
}

static bool
cgroup_of(int proc, const char *pid, char ret_id[EW_INSTANCE_ID_MAX])
{
	char path[32], text[4096];

	snprintf(path, sizeof(path), "%.16s/cgroup", pid);
	const int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	const ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return ew_names_cgroup_id(text, ret_id);
}

static bool
is_wanted(const struct ew_netlink *netlink)
{
	const struct known_ns *ns;

	TAILQ_FOREACH (ns, &netlink->ns_list, order)
		if (!ns->has_cid && ns->cid_tries > 0)
			return true;
	return false;
}

void
ew_names_scan_cgroups(struct ew_netlink *netlink)
{
	struct known_ns *ns;

	if (!netlink->scan_cgroups || !is_wanted(netlink))
		return;
	const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = proc >= 0 ? fdopendir(proc) : NULL;
	const struct dirent *entry;

	if (!dir) {
		if (proc >= 0)
			close(proc);
		return;
	}
	netlink->n.cgroup_scans++;
	while ((entry = readdir(dir)) != NULL) {
		int32_t nsid;
		const long pid = strtol(entry->d_name, NULL, 10);

		if (pid <= 0 ||
		    ew_netlink_nsid_of_pid(netlink, (int32_t)pid, &nsid) != 0)
			continue;
		ns = ew_known_ns(netlink, nsid);
		if (!ns || ns->has_cid || ns->cid_tries == 0)
			continue;
		struct ew_nsid_info info = { .nsid = nsid };

		if (!cgroup_of(dirfd(dir), entry->d_name, info.cid))
			continue;
		ns->has_cid = true;
		netlink->n.cgroup_hits++;
		netlink->sink.nsid(netlink->sink.context, &info, false);
	}
	closedir(dir);
	TAILQ_FOREACH (ns, &netlink->ns_list, order)
		if (ns->cid_tries > 0)
			ns->cid_tries--;
}
