/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up rights: user and capabilities here, file system and system calls in
 * sandbox_lock.c. Everything is idempotent and fails closed: a right that cannot be given up
 * is an error, one we do not have is none.
 *
 * Core needs CAP_NET_RAW (packet sockets, also new ones for interfaces mode) and
 * CAP_NET_ADMIN (netlink into namespaces, conntrack) for its whole life, CAP_NET_BROADCAST
 * only to subscribe. The outside process needs none: as uid 0 it opens what root owns, and
 * as another user what its groups allow. CAP_SYS_PTRACE stays with process_lookup alone.
 */
#include "proc/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cap-ng.h>

#include "base/err.h"

/* Keep those of the list that we have; empty the bounding set of the rest where we may. */
static int
keep_caps(const unsigned *caps, size_t n, struct ew_error *error)
{
	bool has[8] = { false };

	if (capng_get_caps_process() < 0)
		return ew_error_set(error, -EPERM,
		    "cannot read the process's capabilities");
	for (size_t i = 0; i < n; i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, caps[i]) != 0;
	const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			    caps[i]);
	/* The bounding set only shrinks, and only with CAP_SETPCAP: do it while we can. */
	if (may_bound)
		(void)capng_apply(CAPNG_SELECT_BOUNDS);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return ew_error_set(error, -EPERM, "cannot give up capabilities");
	return 0;
}

int
ew_sandbox_core_user(const char *user, struct ew_error *error)
{
	static const unsigned caps[] = { CAP_NET_RAW, CAP_NET_ADMIN,
		CAP_NET_BROADCAST };
	const size_t n = sizeof(caps) / sizeof(caps[0]);

	if (!user || geteuid() != 0)
		return keep_caps(caps, n, error);
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return ew_error_set(error, -ENOENT,
		    "there is no user %s; run systemd-sysusers, or useradd --system %s",
		    user, user);
	const uid_t uid = entry->pw_uid;
	const gid_t gid = entry->pw_gid;
	if (initgroups(user, gid) < 0)
		return ew_error_set(error, -errno,
		    "cannot take the groups of user %s: %s", user, ew_err_text(-errno));
	if (capng_get_caps_process() < 0)
		return ew_error_set(error, -EPERM,
		    "cannot read the process's capabilities");
	bool has[3];
	for (size_t i = 0; i < n; i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, caps[i]) != 0;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			    caps[i]);
	/* Changes ids and keeps the capabilities across it. */
	const int code = capng_change_id((int)uid, (int)gid, CAPNG_CLEAR_BOUNDING);
	if (code < 0)
		return ew_error_set(error, -EPERM, "cannot become user %s (step %d)",
		    user, code);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

int
ew_sandbox_core_caps(struct ew_error *error)
{
	static const unsigned caps[] = { CAP_NET_RAW, CAP_NET_ADMIN };

	return keep_caps(caps, sizeof(caps) / sizeof(caps[0]), error);
}

int
ew_sandbox_outside_caps(const char *group, bool process_lookup, struct ew_error *error)
{
	static const unsigned caps[] = { CAP_SYS_PTRACE };

	if (geteuid() == 0 && group && group[0]) {
		const struct group *entry = getgrnam(group);
		/*
		 * Without the group (a tarball on a node) root's own stays. Supplementary groups
		 * go: as uid 0 nothing is opened by group.
		 */
		if (entry && (setgroups(0, NULL) < 0 || setgid(entry->gr_gid) < 0) &&
		    errno != EPERM)
			return ew_error_set(error, -errno, "cannot become group %s: %s",
			    group, ew_err_text(-errno));
	}
	return keep_caps(caps, process_lookup ? 1 : 0, error);
}
