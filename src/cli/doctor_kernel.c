/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel offers and what this process, or the running daemon, may do. Probed by
 * opening what the daemon opens and closing it again; nothing is set.
 */
#include "cli/doctor_priv.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "daemon/config.h"

static void
probe_release(struct ew_doctor *d)
{
	struct utsname name;
	char *end;

	if (uname(&name) != 0)
		return;
	const long major = strtol(name.release, &end, 10);
	const long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	/* 4.20: IFLA_TARGET_NETNSID and strict address dumps; 5.0 is the round number. */
	if (major < 5)
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "kernel", "release",
		    "run a kernel of 5.0 or newer",
		    "Linux %s cannot show addresses inside other namespaces (needs "
		    "5.0)",
		    name.release);
	else if (major == 5 && minor < 13)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "kernel", "release", NULL,
		    "Linux %s works, but has no Landlock (5.13): the daemon runs with "
		    "less "
		    "confinement",
		    name.release);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "release", NULL,
		    "Linux %s on %s", name.release, name.machine);
}

static void
probe_lockdown(struct ew_doctor *d)
{
	char line[128];

	if (!ew_doctor_read_line("/sys/kernel/security/lockdown", line, sizeof(line))) {
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "lockdown", NULL,
		    "no lockdown (or securityfs is not mounted)");
		return;
	}
	/* Packet sockets and netlink work in every lockdown mode; said so nobody wonders. */
	ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "lockdown", NULL,
	    "%s; packet capture and netlink are not affected by any mode", line);
}

static void
probe_packet_socket(struct ew_doctor *d)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const int version = TPACKET_V3;

	if (fd < 0 && (errno == EPERM || errno == EACCES)) {
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "af_packet",
		    "run `eastwatch doctor` as root to probe it",
		    "packet sockets exist; this user may not open one");
		return;
	}
	if (fd < 0) {
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "kernel", "af_packet",
		    "load or build in CONFIG_PACKET (modprobe af_packet)",
		    "no packet can be captured: AF_PACKET: %s", strerror(errno));
		return;
	}
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0)
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "kernel", "af_packet",
		    "run a kernel of 3.2 or newer with CONFIG_PACKET_MMAP",
		    "packet sockets have no ring (TPACKET_V3): %s", strerror(errno));
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "af_packet", NULL,
		    "packet sockets with a ring (TPACKET_V3)");
	close(fd);
}

static void
probe_netlink(struct ew_doctor *d)
{
	const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0) {
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "kernel", "rtnetlink",
		    "allow AF_NETLINK for this process",
		    "interfaces cannot be listed: %s", strerror(errno));
		return;
	}
	if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) == 0)
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "netlink_all_nsid", NULL,
		    "events from inside container namespaces can be heard");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "netlink_all_nsid",
		    "run `eastwatch doctor` as root to probe it",
		    "needs CAP_NET_BROADCAST, which this user does not have");
	close(fd);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	char line[64];
	const bool has_table =
	    ew_doctor_read_line("/proc/sys/net/netfilter/nf_conntrack_count", line,
		sizeof(line));
	if (fd >= 0 && has_table)
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "conntrack", NULL,
		    "address translations can be looked up (%s entries now)", line);
	else
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "kernel", "conntrack",
		    "modprobe nf_conntrack nf_conntrack_netlink, if this node "
		    "translates "
		    "addresses (published ports, service addresses)",
		    "no connection tracking here: connections through published ports "
		    "show the "
		    "published address instead of the container behind it");
	if (fd >= 0)
		close(fd);
}

static void
probe_bridge_netfilter(struct ew_doctor *d)
{
	char v4[16], v6[16];
	const bool have =
	    ew_doctor_read_line("/proc/sys/net/bridge/bridge-nf-call-iptables", v4,
		sizeof(v4));

	if (!ew_doctor_read_line("/proc/sys/net/bridge/bridge-nf-call-ip6tables", v6,
		sizeof(v6)))
		snprintf(v6, sizeof(v6), "0");
	if (!have)
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "br_netfilter", NULL,
		    "not loaded: bridged traffic bypasses iptables and conntrack; "
		    "capture does "
		    "not need it");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "br_netfilter", NULL,
		    "loaded, bridge-nf-call-iptables=%s, bridge-nf-call-ip6tables=%s",
		    v4, v6);
}

static void
probe_confinement(struct ew_doctor *d)
{
	char line[256];
#ifdef SYS_landlock_create_ruleset
	/* LANDLOCK_CREATE_RULESET_VERSION is 1. */
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U);
#else
	const long abi = -1;
#endif

	if (abi > 0)
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "landlock", NULL,
		    "the daemon confines its own file access (version %ld)", abi);
	else
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "kernel", "landlock",
		    "add landlock to the lsm= boot parameter, if you want it",
		    "not available: the daemon runs without it");
	if (ew_doctor_read_line("/proc/sys/kernel/seccomp/actions_avail", line,
		sizeof(line)))
		ew_doctor_say(d, EW_DOCTOR_OK, "kernel", "seccomp", NULL,
		    "the daemon filters its own system calls");
	else
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "kernel", "seccomp",
		    "build the kernel with CONFIG_SECCOMP_FILTER",
		    "no system call filter: the daemon runs without it");
}

void
ew_doctor_kernel(struct ew_doctor *d)
{
	probe_release(d);
	probe_lockdown(d);
	probe_packet_socket(d);
	probe_netlink(d);
	probe_bridge_netfilter(d);
	probe_confinement(d);
}

/* A capability mask ("CapEff") of /proc/self/status; 0 when it cannot be read. */
static uint64_t
own_capabilities(const char *field)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t mask = 0;
	const size_t n = strlen(field);

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, field, n) == 0 && line[n] == ':')
			mask = strtoull(line + n + 1, NULL, 16);
	fclose(file);
	return mask;
}

static const struct {
	int number;
	const char *name;
	const char *what_for;
	bool is_needed;
} capabilities[] = {
	{ CAP_NET_RAW, "cap_net_raw", "open the capture", true },
	{ CAP_NET_ADMIN, "cap_net_admin",
	    "read interfaces and addresses inside container namespaces, and conntrack",
	    true },
	{ CAP_NET_BROADCAST, "cap_net_broadcast",
	    "hear of address changes inside containers at once (given up after the "
	    "start)",
	    false },
	{ CAP_SETUID, "cap_setuid", "change to user eastwatch at the start", false },
	{ CAP_SYS_PTRACE, "cap_sys_ptrace", "name processes (process_lookup: true)",
	    false },
};

static void
probe_capabilities(struct ew_doctor *d)
{
	const uint64_t effective = own_capabilities("CapEff");
	const uint64_t bounding = own_capabilities("CapBnd");

	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		const uint64_t bit = UINT64_C(1) << capabilities[i].number;
		const char *name = capabilities[i].name;
		const char *what = capabilities[i].what_for;

		if (capabilities[i].number == CAP_SYS_PTRACE &&
		    !d->config->process_lookup)
			ew_doctor_say(d, EW_DOCTOR_OK, "rights", name, NULL,
			    "not used: process_lookup is off");
		else if (d->daemon_runs)
			ew_doctor_say(d, EW_DOCTOR_OK, "rights", name, NULL,
			    "needed to %s; the daemon runs and says below what it "
			    "lacks",
			    what);
		else if (effective & bit)
			ew_doctor_say(d, EW_DOCTOR_OK, "rights", name, NULL,
			    "there, to %s", what);
		else if (bounding & bit && geteuid() != 0)
			ew_doctor_say(d,
			    capabilities[i].is_needed ? EW_DOCTOR_BROKEN
						      : EW_DOCTOR_UNUSUAL,
			    "rights", name,
			    "start eastwatchd as root or by its unit, and run doctor "
			    "as root",
			    "this user does not have it; the daemon needs it to %s",
			    what);
		else
			ew_doctor_say(d,
			    capabilities[i].is_needed ? EW_DOCTOR_BROKEN
						      : EW_DOCTOR_UNUSUAL,
			    "rights", name,
			    "give it to this container or unit (docker run --cap-add, "
			    "AmbientCapabilities=)",
			    "taken away from this environment; the daemon needs it to "
			    "%s",
			    what);
	}
}

void
ew_doctor_rights(struct ew_doctor *d)
{
	probe_capabilities(d);
	if (getpwnam("eastwatch"))
		ew_doctor_say(d, EW_DOCTOR_OK, "rights", "user", NULL,
		    "user eastwatch exists: the daemon does not stay root");
	else
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "rights", "user",
		    "systemd-sysusers contrib/eastwatch.sysusers, or useradd -r "
		    "eastwatch",
		    "there is no user eastwatch: eastwatchd started as root refuses to "
		    "run "
		    "without it");
	if (!getgrnam(
		d->config->control.group[0] ? d->config->control.group : "eastwatch"))
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "rights", "group",
		    "groupadd -r eastwatch, and add the operators to it",
		    "there is no group %s: only root may use the control socket",
		    d->config->control.group[0] ? d->config->control.group
						: "eastwatch");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "rights", "group", NULL,
		    "group %s may use the control socket",
		    d->config->control.group[0] ? d->config->control.group
						: "eastwatch");
}
