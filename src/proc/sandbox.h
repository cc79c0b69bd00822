/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Giving up rights (design.md 3, Powers). Each function is called once per process, in this
 * order, before the first byte from outside is read; later threads inherit.
 * What the kernel is too old for is reported in *ret_report and is no failure.
 *
 * Depends on: base. Used by: daemon.
 */
struct ew_error;

struct ew_sandbox_path {
	const char *
	    path; /* must exist to count; else its parent is opened if it is to be made */
	bool is_writable; /* also: make, rename and remove files in it */
};

/* What was done, for `doctor`: "user eastwatch; caps net_raw net_admin; landlock 4; seccomp". */
struct ew_sandbox_report {
	char text[256];
	int landlock_abi; /* 0: the kernel has none */
	bool has_seccomp;
};

/*
 * core: become user (NULL, or not root: stay) with CAP_NET_RAW, CAP_NET_ADMIN and
 * CAP_NET_BROADCAST of those it has. Returns 0 or -errno with a sentence.
 */
int ew_sandbox_core_user(const char *user, struct ew_error *error);
/* core, once netlink sockets are open: keep CAP_NET_RAW and CAP_NET_ADMIN only. */
int ew_sandbox_core_caps(struct ew_error *error);
/*
 * outside: started as root: stay uid 0 in group `group`, no capability but CAP_SYS_PTRACE
 * when process_lookup; as another user: drop all. Returns 0 or -errno with a sentence.
 */
int ew_sandbox_outside_caps(const char *group, bool process_lookup,
    struct ew_error *error);

enum ew_sandbox_role { EW_SANDBOX_CORE, EW_SANDBOX_OUTSIDE };
/*
 * no-new-privs, Landlock over the file system (only paths stay reachable), seccomp (a list
 * of calls that are refused with EPERM, kill for the ones nobody has a use for).
 */
int ew_sandbox_lock(enum ew_sandbox_role role, const struct ew_sandbox_path *paths,
    size_t n_paths, struct ew_sandbox_report *ret_report, struct ew_error *error);
