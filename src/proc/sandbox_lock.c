/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of giving up rights: no-new-privs, Landlock, seccomp.
 *
 * Landlock (Linux 5.13) through its three system calls, since libc has no wrappers; a right
 * the kernel's ABI does not know is left out, and a kernel without it is reported. The
 * numbers are the kernel's (include/uapi/linux/landlock.h), written here because the
 * building machine's headers may be older than the running kernel.
 *
 * seccomp is a list of what is refused, not of what is allowed: libcurl, libc's resolver and
 * SQLite live in these processes, and a list of their calls breaks with the next update of
 * any of them. Refused is what an attacker wants next: to run programs, to trace, to mount,
 * to load code into the kernel, to reach other namespaces.
 */
#include "proc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/err.h"

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

#define LL_EXECUTE (UINT64_C(1) << 0)
#define LL_WRITE_FILE (UINT64_C(1) << 1)
#define LL_READ_FILE (UINT64_C(1) << 2)
#define LL_READ_DIR (UINT64_C(1) << 3)
#define LL_REMOVE_DIR (UINT64_C(1) << 4)
#define LL_REMOVE_FILE (UINT64_C(1) << 5)
#define LL_MAKE_REG (UINT64_C(1) << 8)
#define LL_MAKE_SOCK (UINT64_C(1) << 9)
#define LL_ABI1 ((UINT64_C(1) << 13) - 1)
#define LL_REFER (UINT64_C(1) << 13)	/* ABI 2 */
#define LL_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */

#define LL_FILE_RIGHTS (LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE)

struct ruleset_attr {
	uint64_t handled_access_fs;
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

static int
landlock_abi(void)
{
	const long abi = syscall(__NR_landlock_create_ruleset, NULL, (size_t)0, 1U);

	return abi > 0 ? (int)abi : 0;
}

/* The path, or the nearest folder above it that exists. */
static int
open_path(const char *path)
{
	char copy[256];
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || strlen(path) >= sizeof(copy))
		return fd;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash;
	     fd < 0 && (slash = strrchr(copy, '/')) != NULL && slash != copy;) {
		*slash = '\0';
		fd = open(copy, O_PATH | O_CLOEXEC);
	}
	return fd;
}

static int
allow_path(int ruleset, const struct ew_sandbox_path *path, uint64_t handled)
{
	struct path_beneath_attr rule = { .allowed_access =
					      LL_READ_FILE | LL_READ_DIR };
	struct stat st;

	rule.parent_fd = open_path(path->path);
	if (rule.parent_fd < 0)
		return 0; /* not there, and so not reachable either */
	if (path->is_writable)
		rule.allowed_access |= LL_WRITE_FILE | LL_REMOVE_FILE | LL_REMOVE_DIR |
		    LL_MAKE_REG | LL_MAKE_SOCK | LL_REFER | LL_TRUNCATE;
	rule.allowed_access &= handled;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= LL_FILE_RIGHTS;
	const long code = syscall(__NR_landlock_add_rule, ruleset, 1, &rule, 0U);
	const int saved = errno;
	close(rule.parent_fd);
	return code < 0 ? -saved : 0;
}

static int
lock_files(const struct ew_sandbox_path *paths, size_t n_paths, int abi,
    struct ew_error *error)
{
	const uint64_t handled =
	    LL_ABI1 | (abi >= 2 ? LL_REFER : 0) | (abi >= 3 ? LL_TRUNCATE : 0);
	const struct ruleset_attr attr = { .handled_access_fs = handled };
	const int ruleset =
	    (int)syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0U);
	int code = ruleset < 0 ? -errno : 0;

	for (size_t i = 0; code == 0 && i < n_paths; i++)
		code = allow_path(ruleset, &paths[i], handled);
	if (code == 0 && syscall(__NR_landlock_restrict_self, ruleset, 0U) < 0)
		code = -errno;
	if (ruleset >= 0)
		close(ruleset);
	return code < 0
	    ? ew_error_set(error, code, "cannot restrict files by Landlock: %s",
		  ew_err_text(code))
	    : 0;
}

/* Refused to both: answered with EPERM, so that a library that only tries goes on. */
static const int refused[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(reboot),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(personality),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
};

/* outside reads no memory of others unless process_lookup does, by /proc files alone. */
static const int refused_outside[] = {
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd),
};

static int
refuse(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int code =
		    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
		/* -EDOM: this architecture has no such call. */
		if (code < 0 && code != -EDOM)
			return code;
	}
	return 0;
}

static int
lock_calls(enum ew_sandbox_role role)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int code = filter ? 0 : -ENOMEM;

	/* Threads there should be none yet; if there are, they are bound too. */
	if (code == 0)
		code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (code == 0)
		code = refuse(filter, refused, sizeof(refused) / sizeof(refused[0]));
	if (code == 0)
		code = refuse(filter, refused_outside,
		    sizeof(refused_outside) / sizeof(refused_outside[0]));
	/* Raw packets are core's alone. */
	const struct scmp_arg_cmp is_packet = { .arg = 0,
		.op = SCMP_CMP_EQ,
		.datum_a = 17 /* AF_PACKET */ };

	if (code == 0 && role == EW_SANDBOX_OUTSIDE)
		code = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(socket), 1, &is_packet);
	/* Core speaks to no network: only netlink, packet and unix sockets. */
	if (code == 0 && role == EW_SANDBOX_CORE)
		code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(connect), 0);
	if (code == 0)
		code = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return code;
}

int
ew_sandbox_lock(enum ew_sandbox_role role, const struct ew_sandbox_path *paths,
    size_t n_paths, struct ew_sandbox_report *ret_report, struct ew_error *error)
{
	memset(ret_report, 0, sizeof(*ret_report));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return ew_error_set(error, -errno, "cannot set no-new-privs: %s",
		    ew_err_text(-errno));
	ret_report->landlock_abi = landlock_abi();
	if (ret_report->landlock_abi > 0) {
		const int code =
		    lock_files(paths, n_paths, ret_report->landlock_abi, error);
		if (code < 0)
			return code;
	}
	ret_report->has_seccomp = lock_calls(role) == 0;
	(void)snprintf(ret_report->text, sizeof(ret_report->text),
	    "no-new-privs; Landlock %s; seccomp %s",
	    ret_report->landlock_abi ? "on" : "is missing in this kernel",
	    ret_report->has_seccomp ? "on" : "is missing in this kernel");
	return 0;
}
