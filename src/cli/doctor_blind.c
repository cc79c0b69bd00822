/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node has for interfaces, and what of its traffic cannot be seen from the host
 * (design.md 4). A blind spot that exists on every node is said as a fact; one that this
 * node shows signs of is unusual, with what to do about it.
 */
#include "cli/doctor_priv.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"
#include "daemon/config.h"

struct kinds {
	unsigned veth, bridge, macvlan, ipvlan, vlan, tunnel, other;
	unsigned virtual_functions;
	bool has_swarm_bridge;
	bool has_overlay;
};

/* The driver behind an interface ("veth"), empty when the kernel does not say. */
static void
driver_of(int fd, const char *name, char *ret_driver, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { 0 };

	ret_driver[0] = '\0';
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	request.ifr_data = (void *)&info;
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		snprintf(ret_driver, size, "%.31s", info.driver);
}

static void
look_at(struct kinds *k, int fd, const char *name)
{
	static const char *const tunnels[] = { "vxlan", "geneve", "gre", "ipip", "sit",
		"tun", "wireguard" };
	char driver[32], path[320], line[32];

	driver_of(fd, name, driver, sizeof(driver));
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/sriov_numvfs", name);
	if (ew_doctor_read_line(path, line, sizeof(line)))
		k->virtual_functions += (unsigned)strtoul(line, NULL, 10);
	if (strcmp(name, "docker_gwbridge") == 0)
		k->has_swarm_bridge = true;
	if (strcmp(driver, "veth") == 0)
		k->veth++;
	else if (strcmp(driver, "bridge") == 0)
		k->bridge++;
	else if (strcmp(driver, "macvlan") == 0)
		k->macvlan++;
	else if (strcmp(driver, "ipvlan") == 0)
		k->ipvlan++;
	else if (strstr(driver, "802.1Q"))
		k->vlan++;
	else
		k->other++;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++)
		if (strcmp(driver, tunnels[i]) == 0)
			k->tunnel++;
}

static void
count_interfaces(struct kinds *k)
{
	DIR *dir = opendir("/sys/class/net");
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (dir && fd >= 0)
		for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
			if (e->d_name[0] != '.')
				look_at(k, fd, e->d_name);
	if (dir)
		closedir(dir);
	if (fd >= 0)
		close(fd);
}

void
ew_doctor_networks(struct ew_doctor *d)
{
	struct kinds k = { 0 };

	count_interfaces(&k);
	ew_doctor_say(d, EW_DOCTOR_OK, "network", "interfaces", NULL,
	    "%u veth, %u bridge, %u macvlan, %u ipvlan, %u vlan, %u tunnel, %u other",
	    k.veth, k.bridge, k.macvlan, k.ipvlan, k.vlan, k.tunnel, k.other);
	if (k.veth == 0 && k.macvlan == 0)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "network", "containers",
		    "start a container, or look at the runtime lines above",
		    "no container interface is there now: nothing to watch");
	if (k.virtual_functions)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "blind", "sr_iov",
		    "watch those workloads at the switch",
		    "%u SR-IOV virtual functions: what a container sends through one "
		    "never "
		    "crosses the host",
		    k.virtual_functions);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "blind", "sr_iov", NULL,
		    "no virtual function is in use");
	if (k.has_swarm_bridge)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "blind", "swarm_overlay",
		    "put services that must be watched on a bridge network, or on "
		    "several nodes",
		    "Swarm is in use: overlay traffic between two containers of this "
		    "node stays "
		    "inside a namespace and is not seen");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "blind", "swarm_overlay", NULL,
		    "no Swarm on this node");
	if (k.vlan && d->config->capture.mode == EW_CAPTURE_ANY)
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "blind", "vlan_tags",
		    "set capture.mode: interfaces if VLAN ids matter",
		    "VLAN tags are lost in mode `any`: flows show no VLAN id");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "blind", "vlan_tags", NULL,
		    d->config->capture.mode == EW_CAPTURE_ANY
			? "no VLAN device here; mode `any` would lose the tags"
			: "kept in mode `interfaces`");
}

/* Whether a process of that name runs. */
static bool
runs(const char *const *names)
{
	DIR *dir = opendir("/proc");
	bool found = false;

	if (!dir)
		return false;
	for (const struct dirent *e = readdir(dir); e && !found; e = readdir(dir)) {
		char path[300], comm[32];

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (!ew_doctor_read_line(path, comm, sizeof(comm)))
			continue;
		for (size_t i = 0; names[i] && !found; i++)
			found = strcmp(comm, names[i]) == 0;
	}
	closedir(dir);
	return found;
}

/* True on every node, whatever runs there. */
static const struct {
	const char *name, *text, *todo;
} always[] = {
	{ "loopback",
	    "not visible from the host: traffic over 127.0.0.1 inside a container or "
	    "pod",
	    NULL },
	{ "shared_namespace",
	    "not visible: traffic between containers that share one network namespace "
	    "(pods, "
	    "--network container:X); their traffic to others is attributed as "
	    "`ambiguous`",
	    "give a container its own network if it must be told apart" },
	{ "host_network",
	    "containers with host network share the node's addresses: they appear as "
	    "the host",
	    "avoid host network for what must be told apart" },
	{ "encrypted",
	    "payload is never read: what is inside TLS or ssh is judged by who talks "
	    "to whom",
	    NULL },
	{ "destination_mac", "in mode `any` the kernel gives no destination MAC",
	    NULL },
	{ "udp_volume",
	    "UDP and tunnel packets pass the filter whole: their cost grows with "
	    "packets",
	    NULL },
	{ "managed_services",
	    "services outside this node (cloud databases, functions) are seen as "
	    "addresses only",
	    "run eastwatchd as a sidecar in the same network namespace, or on the "
	    "gateway" },
};

void
ew_doctor_blind(struct ew_doctor *d)
{
	static const char *const slirp[] = { "slirp4netns", "pasta", "pasta.avx2",
		"passt", "rootlesskit", NULL };
	static const char *const mesh[] = { "cilium-agent", "envoy", NULL };

	if (runs(slirp))
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "blind", "rootless",
		    "run eastwatchd inside that user's network namespace, or use "
		    "rootful "
		    "networks",
		    "rootless containers run here (slirp4netns or pasta): their "
		    "traffic between "
		    "each other stays in their own namespace, to others it appears as "
		    "the host");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "blind", "rootless", NULL,
		    "no slirp4netns or pasta runs: no rootless networks");
	if (runs(mesh))
		ew_doctor_say(d, EW_DOCTOR_UNUSUAL, "blind", "sockmap",
		    "switch off socket-level acceleration there, if completeness "
		    "matters",
		    "Cilium or Envoy runs: sockets joined in the kernel (sockmap) "
		    "bypass the "
		    "veth and are not seen");
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "blind", "sockmap", NULL,
		    "no known program that joins sockets in the kernel runs");
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		ew_doctor_say(d, EW_DOCTOR_OK, "blind", always[i].name, always[i].todo,
		    "%s", always[i].text);
}
