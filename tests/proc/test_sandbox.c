/* SPDX-License-Identifier: Apache-2.0 */
/* Each test gives its rights up in a child: criterion runs every test in one of its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "base/err.h"
#include "proc/sandbox.h"

static int
in_child(int (*fn)(void))
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(fn());
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define CHECK(condition)                        \
	do {                                    \
		if (!(condition))               \
			return __LINE__ & 0xff; \
	} while (0)

static char folder[] = "/tmp/ew-sandbox-XXXXXX";

static int
write_to(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int
locked_files(void)
{
	char writable[64], readable[64];
	const struct ew_sandbox_path paths[] = { { .path = readable },
		{ .path = writable, .is_writable = true }, { .path = "/nonexistent" } };
	struct ew_sandbox_report report;
	struct ew_error error = { .text = "" };

	(void)snprintf(writable, sizeof(writable), "%s/rw", folder);
	(void)snprintf(readable, sizeof(readable), "%s/ro", folder);
	CHECK(ew_sandbox_lock(EW_SANDBOX_OUTSIDE, paths, 3, &report, &error) == 0);
	if (report.landlock_abi == 0)
		return 77;
	CHECK(write_to("rw/x") == 0);
	CHECK(write_to("ro/x") == -EACCES);
	CHECK(write_to("x") == -EACCES);
	CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	return 0;
}

Test(sandbox, only_the_named_files_stay_reachable)
{
	char path[64], command[80];

	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/ro", folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/rw", folder);
	cr_assert_eq(mkdir(path, 0700), 0);
	const int code = in_child(locked_files);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	cr_assert_eq(system(command), 0);
	if (code == 77)
		cr_skip("kernel: CONFIG_SECURITY_LANDLOCK");
	cr_expect_eq(code, 0, "line %d", code);
}

static int
locked_calls(void)
{
	const struct ew_sandbox_path all = { .path = "/" };
	struct ew_sandbox_report report;
	struct ew_error error = { .text = "" };
	char *const arguments[] = { strdup("true"), NULL };

	CHECK(ew_sandbox_lock(EW_SANDBOX_OUTSIDE, &all, 1, &report, &error) == 0);
	CHECK(report.has_seccomp);
	CHECK(execv("/bin/true", arguments) < 0 && (errno == EPERM || errno == EACCES));
	CHECK(unshare(CLONE_NEWUSER) < 0 && errno == EPERM);
	CHECK(socket(17 /* AF_PACKET */, SOCK_RAW, 0) < 0 && errno == EPERM);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
	return 0;
}

Test(sandbox, outside_runs_no_program_and_opens_no_packet_socket)
{
	const int code = in_child(locked_calls);

	cr_expect_eq(code, 0, "line %d", code);
}

static int
locked_core(void)
{
	const struct ew_sandbox_path all = { .path = "/" };
	struct ew_sandbox_report report;
	struct ew_error error = { .text = "" };
	struct sockaddr peer = { .sa_family = AF_INET };

	CHECK(ew_sandbox_lock(EW_SANDBOX_CORE, &all, 1, &report, &error) == 0);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(connect(fd, &peer, sizeof(peer)) < 0 && errno == EPERM);
	return 0;
}

Test(sandbox, core_connects_to_nobody)
{
	const int code = in_child(locked_core);

	cr_expect_eq(code, 0, "line %d", code);
}

static int
core_as_nobody(void)
{
	struct ew_error error = { .text = "" };

	CHECK(ew_sandbox_core_user("nobody", &error) == 0);
	CHECK(getuid() != 0 && geteuid() != 0);
	capng_get_caps_process();
	CHECK(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_BROADCAST));
	CHECK(!capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN));
	CHECK(ew_sandbox_core_caps(&error) == 0);
	capng_get_caps_process();
	CHECK(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW));
	CHECK(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN));
	CHECK(!capng_have_capability(CAPNG_PERMITTED, CAP_NET_BROADCAST));
	CHECK(setuid(0) < 0);
	return 0;
}

Test(sandbox, core_becomes_its_user_with_the_network_rights_alone)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	const int code = in_child(core_as_nobody);
	cr_expect_eq(code, 0, "line %d", code);
}

static int
outside_as_root(void)
{
	struct ew_error error = { .text = "" };

	CHECK(ew_sandbox_outside_caps("nogroup", false, &error) == 0);
	CHECK(geteuid() == 0);
	CHECK(getgroups(0, NULL) == 0);
	capng_get_caps_process();
	CHECK(capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE);
	CHECK(open("/etc/shadow", O_RDONLY | O_CLOEXEC) >= 0);
	CHECK(chown("/tmp", 1, 1) < 0 && errno == EPERM);
	return 0;
}

Test(sandbox, outside_is_root_without_a_capability)
{
	if (geteuid() != 0)
		cr_skip("needs root");
	const int code = in_child(outside_as_root);
	cr_expect_eq(code, 0, "line %d", code);
}

Test(sandbox, a_missing_user_is_a_sentence)
{
	struct ew_error error = { .text = "" };

	if (geteuid() != 0)
		cr_skip("needs root");
	cr_expect_eq(ew_sandbox_core_user("no-such-user", &error), -ENOENT);
	cr_expect_not_null(strstr(error.text, "no-such-user"));
}
