/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/sensitive.h"

#include <stddef.h>

/*
 * Ports and addresses an attacker inside a container looks for (detectors.md 3.13). Two flat
 * tables; the first is sorted by port and searched by halves.
 *
 * Sources: cloud providers' metadata addresses (AWS IMDS and ECS/EKS agents, Azure wire
 * server, Alibaba); Kubernetes "Ports and Protocols"; the port lists printed in public
 * write-ups of container attack kits (1: 8001 8080 10250 10255 30000 443 6443 2379;
 * 2: 22 2375 2379 4194 6443 10250 10255 44134).
 */

#define TCP 6
#define UDP 17

struct port_row {
	uint16_t first, last;
	uint8_t cls;
	uint8_t is_kit;
	uint8_t is_hard;
	const char *name;
};

static const struct port_row port_rows[] = {
	{ 22, 22, EW_SENS_REMOTE_ADMIN, 1, 0, "ssh" },
	{ 23, 23, EW_SENS_REMOTE_ADMIN, 0, 0, "telnet" },
	{ 445, 445, EW_SENS_REMOTE_ADMIN, 0, 0, "smb" },
	{ 1433, 1433, EW_SENS_DATA, 0, 0, "mssql" },
	{ 1521, 1521, EW_SENS_DATA, 0, 0, "oracle" },
	{ 2222, 2222, EW_SENS_REMOTE_ADMIN, 0, 0, "ssh" },
	{ 2375, 2377, EW_SENS_CONTROL_PLANE, 1, 1, "Docker API" },
	{ 2379, 2379, EW_SENS_CONTROL_PLANE, 1, 1, "etcd" },
	{ 2380, 2380, EW_SENS_CONTROL_PLANE, 0, 1, "etcd" },
	{ 3306, 3306, EW_SENS_DATA, 0, 0, "mysql" },
	{ 3389, 3389, EW_SENS_REMOTE_ADMIN, 0, 0, "rdp" },
	{ 4001, 4001, EW_SENS_CONTROL_PLANE, 0, 1, "etcd" },
	{ 4194, 4194, EW_SENS_CONTROL_PLANE, 1, 0, "cAdvisor" },
	{ 4243, 4243, EW_SENS_CONTROL_PLANE, 0, 1, "Docker API" },
	{ 5432, 5432, EW_SENS_DATA, 0, 0, "postgres" },
	{ 5473, 5473, EW_SENS_CONTROL_PLANE, 0, 0, "typha" },
	{ 5672, 5672, EW_SENS_CONSOLE, 0, 0, "rabbitmq" },
	{ 5900, 5900, EW_SENS_REMOTE_ADMIN, 0, 0, "vnc" },
	{ 5984, 5984, EW_SENS_DATA, 0, 0, "couchdb" },
	{ 5985, 5986, EW_SENS_REMOTE_ADMIN, 0, 0, "winrm" },
	{ 6379, 6379, EW_SENS_DATA, 0, 0, "redis" },
	{ 6443, 6443, EW_SENS_API_SERVER, 1, 0, "Kubernetes API server" },
	{ 7000, 7000, EW_SENS_DATA, 0, 0, "cassandra" },
	{ 8001, 8001, EW_SENS_CONTROL_PLANE, 1, 0, "kubectl proxy" },
	{ 8200, 8200, EW_SENS_DATA, 0, 0, "vault" },
	{ 8500, 8500, EW_SENS_DATA, 0, 0, "consul" },
	{ 9000, 9000, EW_SENS_CONSOLE, 0, 0, "console" },
	{ 9042, 9042, EW_SENS_DATA, 0, 0, "cassandra" },
	{ 9090, 9090, EW_SENS_CONSOLE, 0, 0, "console" },
	{ 9092, 9092, EW_SENS_CONSOLE, 0, 0, "kafka" },
	{ 9200, 9200, EW_SENS_DATA, 0, 0, "elasticsearch" },
	{ 9300, 9300, EW_SENS_DATA, 0, 0, "elasticsearch" },
	{ 9443, 9443, EW_SENS_CONSOLE, 0, 0, "console" },
	{ 10249, 10249, EW_SENS_CONTROL_PLANE, 0, 0, "kube-proxy" },
	{ 10250, 10250, EW_SENS_CONTROL_PLANE, 1, 0, "kubelet" },
	{ 10255, 10255, EW_SENS_CONTROL_PLANE, 1, 0, "kubelet (read-only)" },
	{ 10256, 10259, EW_SENS_CONTROL_PLANE, 0, 0, "Kubernetes component" },
	{ 11211, 11211, EW_SENS_DATA, 0, 0, "memcached" },
	{ 15672, 15672, EW_SENS_CONSOLE, 0, 0, "rabbitmq console" },
	{ 27017, 27017, EW_SENS_DATA, 0, 0, "mongodb" },
	{ 44134, 44134, EW_SENS_CONTROL_PLANE, 1, 0, "tiller" },
};

/* On the kits' lists, but too common elsewhere to carry points. */
static const uint16_t kit_only[] = { 443, 8080, 30000 };

static const uint8_t class_points[] = {
	[EW_SENS_NONE] = 0,
	[EW_SENS_CONSOLE] = 10,
	[EW_SENS_DATA] = 15,
	[EW_SENS_REMOTE_ADMIN] = 20,
	[EW_SENS_API_SERVER] = 20,
	[EW_SENS_CONTROL_PLANE] = 25,
};

static const struct ew_addr metadata_addrs[] = {
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 169, 254, 169, 254 } },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 169, 254, 170, 2 } },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 169, 254, 170, 23 } },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 168, 63, 129, 16 } },
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 100, 100, 100, 200 } },
	{ { 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54 } },
};

bool
ew_sensitive_is_metadata(const struct ew_addr *addr)
{
	for (size_t i = 0; i < sizeof(metadata_addrs) / sizeof(metadata_addrs[0]); i++)
		if (ew_addr_equal(addr, &metadata_addrs[i]))
			return true;
	return false;
}

static const struct port_row *
find_port(uint16_t port)
{
	size_t low = 0, high = sizeof(port_rows) / sizeof(port_rows[0]);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (port < port_rows[mid].first)
			high = mid;
		else if (port > port_rows[mid].last)
			low = mid + 1;
		else
			return &port_rows[mid];
	}
	return NULL;
}

static struct ew_sensitive
make(enum ew_sensitive_class cls, bool is_kit, bool is_hard, const char *name)
{
	return (struct ew_sensitive){
		.cls = cls,
		.points = class_points[cls],
		.is_kit = is_kit,
		.is_hard = is_hard,
		.name = name,
	};
}

struct ew_sensitive
ew_sensitive_lookup(const struct ew_addr *addr, uint8_t proto, uint16_t port,
    bool on_node)
{
	/* DNS and NTP of a cloud live on the same addresses and are no metadata access. */
	if (addr && proto == TCP && port != 53 && ew_sensitive_is_metadata(addr))
		return make(EW_SENS_CONTROL_PLANE, false, true, "cloud metadata");
	if (proto != TCP)
		return make(EW_SENS_NONE, false, false, NULL);
	if (port == 8443 && on_node)
		return make(EW_SENS_API_SERVER, false, false, "Kubernetes API server");

	const struct port_row *row = find_port(port);
	if (row)
		return make(row->cls, row->is_kit, row->is_hard, row->name);
	for (size_t i = 0; i < sizeof(kit_only) / sizeof(kit_only[0]); i++)
		if (port == kit_only[i])
			return make(EW_SENS_NONE, true, false, NULL);
	return make(EW_SENS_NONE, false, false, NULL);
}

const char *
ew_service_name(uint8_t proto, uint16_t port)
{
	if (proto == UDP)
		return port == 53 ? "dns" : port == 123 ? "ntp" : NULL;
	if (proto != TCP)
		return NULL;
	const struct port_row *row = find_port(port);
	if (row)
		return row->name;
	switch (port) {
	case 53:
		return "dns";
	case 80:
	case 8080:
		return "http";
	case 443:
		return "https";
	}
	return NULL;
}
