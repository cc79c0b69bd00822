/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory file from the database: instances, networks and leases in the format that
 * `eastwatch replay --inventory` reads, so that a capture from here can be judged elsewhere.
 * Interfaces of the host are named only when the database is this node's own and alive:
 * a copied database says nothing about the machine it is read on.
 */
#include "cli/inventory.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/rows.h"

static json_t *
text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *
time_or_null(const struct ew_rows *rows, size_t i, const char *column)
{
	char text[EW_TIME_TEXT];

	if (ew_rows_is_null(rows, i, column))
		return json_null();
	ew_wall_format((struct ew_wall){ .us = ew_rows_int(rows, i, column) }, text);
	return json_string(text);
}

static json_t *
array_of(const char *text)
{
	json_t *array = json_loads(text, 0, NULL);

	if (json_is_array(array))
		return array;
	json_decref(array);
	return json_array();
}

/* ["privileged", "cap_net_admin"] to {"privileged": true, "capabilities": ["NET_ADMIN"]}. */
static json_t *
posture_of(const char *text)
{
	static const char *const flags[] = { "privileged", "host_network", "host_pid",
		"runtime_socket" };
	static const struct {
		const char *bit, *name;
	} capabilities[] = { { "cap_sys_admin", "SYS_ADMIN" },
		{ "cap_net_admin", "NET_ADMIN" }, { "cap_sys_ptrace", "SYS_PTRACE" } };
	json_t *given = array_of(text), *posture = json_object(), *list = json_array(),
	       *item;
	size_t i;

	for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
		json_object_set_new(posture, flags[k], json_false());
	json_array_foreach(given, i, item)
	{
		const char *bit = json_string_value(item);

		for (size_t k = 0; bit && k < sizeof(flags) / sizeof(flags[0]); k++)
			if (strcmp(flags[k], bit) == 0)
				json_object_set_new(posture, flags[k], json_true());
		for (size_t k = 0; bit && k < 3; k++)
			if (strcmp(capabilities[k].bit, bit) == 0)
				json_array_append_new(list,
				    json_string(capabilities[k].name));
	}
	json_object_set_new(posture, "capabilities", list);
	json_decref(given);
	return posture;
}

static bool
same_interface(const struct ew_rows *leases, size_t a, size_t b)
{
	return strcmp(ew_rows_text(leases, a, "network"),
		   ew_rows_text(leases, b, "network")) == 0 &&
	    strcmp(ew_rows_text(leases, a, "mac"), ew_rows_text(leases, b, "mac")) ==
	    0 &&
	    ew_rows_int(leases, a, "ifindex") == ew_rows_int(leases, b, "ifindex") &&
	    ew_rows_int(leases, a, "to_us") == ew_rows_int(leases, b, "to_us");
}

/*
 * Leases of one run of a container. The same id may have run before: a lease belongs to the
 * run during which it began, or a little before (the address comes before the start event).
 */
static bool
belongs(const struct ew_rows *leases, size_t lease, const struct ew_rows *instances,
    size_t i)
{
	const int64_t slack = 60 * INT64_C(1000000);
	const int64_t from = ew_rows_int(leases, lease, "from_us");

	if (strcmp(ew_rows_text(leases, lease, "instance"),
		ew_rows_text(instances, i, "id")) != 0)
		return false;
	if (from < ew_rows_int(instances, i, "started_us") - slack)
		return false;
	return ew_rows_is_null(instances, i, "stopped_us") ||
	    from <= ew_rows_int(instances, i, "stopped_us");
}

static json_t *
interfaces_of(const struct ew_rows *leases, const struct ew_rows *instances, size_t i,
    bool *taken)
{
	json_t *list = json_array();

	for (size_t k = 0; k < leases->n; k++) {
		json_t *interface, *addresses;

		if (taken[k] || !belongs(leases, k, instances, i))
			continue;
		interface = json_object();
		addresses = json_array();
		json_object_set_new(interface, "network",
		    text_or_null(ew_rows_text(leases, k, "network")));
		if (ew_rows_int(leases, k, "ifindex"))
			json_object_set_new(interface, "ifindex",
			    json_integer(ew_rows_int(leases, k, "ifindex")));
		if (ew_rows_text(leases, k, "mac")[0])
			json_object_set_new(interface, "mac",
			    json_string(ew_rows_text(leases, k, "mac")));
		for (size_t j = k; j < leases->n; j++)
			if (!taken[j] && belongs(leases, j, instances, i) &&
			    same_interface(leases, k, j)) {
				taken[j] = true;
				json_array_append_new(addresses,
				    json_string(ew_rows_text(leases, j, "ip")));
			}
		json_object_set_new(interface, "addresses", addresses);
		json_object_set_new(interface, "from",
		    time_or_null(leases, k, "from_us"));
		json_object_set_new(interface, "to", time_or_null(leases, k, "to_us"));
		json_array_append_new(list, interface);
	}
	return list;
}

static json_t *
instances_json(const struct ew_rows *instances, const struct ew_rows *leases)
{
	bool *taken = calloc(leases->n + 1, sizeof(*taken));
	json_t *list = json_array();

	for (size_t i = 0; taken && i < instances->n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "id",
		    json_string(ew_rows_text(instances, i, "id")));
		json_object_set_new(o, "name",
		    json_string(ew_rows_text(instances, i, "name")));
		json_object_set_new(o, "hostname",
		    json_string(ew_rows_text(instances, i, "hostname")));
		json_object_set_new(o, "image",
		    json_string(ew_rows_text(instances, i, "image")));
		json_object_set_new(o, "spec",
		    json_string(ew_rows_text(instances, i, "spec")));
		json_object_set_new(o, "runtime",
		    json_string(ew_rows_text(instances, i, "runtime")));
		json_object_set_new(o, "workload",
		    json_string(ew_rows_text(instances, i, "workload")));
		json_object_set_new(o, "started",
		    time_or_null(instances, i, "started_us"));
		json_object_set_new(o, "stopped",
		    time_or_null(instances, i, "stopped_us"));
		json_object_set_new(o, "posture",
		    posture_of(ew_rows_text(instances, i, "posture")));
		json_object_set_new(o, "interfaces",
		    interfaces_of(leases, instances, i, taken));
		json_array_append_new(list, o);
	}
	free(taken);
	return list;
}

static json_t *
networks_json(const struct ew_rows *networks)
{
	json_t *list = json_array();

	for (size_t i = 0; i < networks->n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "id",
		    json_string(ew_rows_text(networks, i, "id")));
		json_object_set_new(o, "name",
		    json_string(ew_rows_text(networks, i, "name")));
		json_object_set_new(o, "bridge",
		    json_string(ew_rows_text(networks, i, "bridge")));
		json_object_set_new(o, "subnets",
		    array_of(ew_rows_text(networks, i, "subnets")));
		json_object_set_new(o, "gateways",
		    array_of(ew_rows_text(networks, i, "gateways")));
		json_array_append_new(list, o);
	}
	return list;
}

static void
add_host_addresses(json_t *list)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		char text[EW_ADDR_TEXT];
		struct ew_addr addr;

		if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
			continue;
		if (a->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in in;

			memcpy(&in, a->ifa_addr, sizeof(in));
			uint8_t bytes[4];
			memcpy(bytes, &in.sin_addr, sizeof(bytes));
			addr = ew_addr_v4(bytes);
		} else if (a->ifa_addr->sa_family == AF_INET6) {
			struct sockaddr_in6 in6;

			memcpy(&in6, a->ifa_addr, sizeof(in6));
			addr = ew_addr_v6(in6.sin6_addr.s6_addr);
		} else {
			continue;
		}
		if (!ew_addr_is_link_local(&addr))
			json_array_append_new(list,
			    json_string(ew_addr_format(&addr, text)));
	}
	freeifaddrs(all);
}

static json_t *
host_json(const struct ew_rows *networks)
{
	json_t *host = json_object(), *addresses = json_array(),
	       *interfaces = json_array();

	add_host_addresses(addresses);
	for (size_t i = 0; i < networks->n; i++) {
		const char *bridge = ew_rows_text(networks, i, "bridge");
		const unsigned ifindex = bridge[0] ? if_nametoindex(bridge) : 0;

		if (!ifindex || !ew_rows_is_null(networks, i, "to_us"))
			continue;
		json_array_append_new(interfaces,
		    json_pack("{s:i,s:s,s:s,s:s}", "ifindex", (int)ifindex, "name",
			bridge, "kind", "bridge", "network",
			ew_rows_text(networks, i, "id")));
	}
	json_object_set_new(host, "addresses", addresses);
	json_object_set_new(host, "interfaces", interfaces);
	return host;
}

int
ew_inventory_write(struct ew_reader *reader, const struct ew_query *query, FILE *out)
{
	struct ew_rows instances = { 0 }, leases = { 0 }, networks = { 0 };
	struct ew_reader_status status = { 0 };
	struct ew_error error = { 0 };
	int code = EW_EXIT_OK;

	if (ew_reader_status(reader, &status, &error) != 0)
		code = ew_complain(EW_EXIT_ERROR, "%s", error.text);
	if (!code)
		code = ew_rows_query(reader, query, &instances);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_WHO, NULL, NULL, 0, &leases);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_NETWORKS, NULL, NULL, 0, &networks);
	if (!code) {
		json_t *root = json_object();

		json_object_set_new(root, "format",
		    json_string("eastwatch-inventory-1"));
		json_object_set_new(root, "node", json_string(status.node));
		if (status.is_live)
			json_object_set_new(root, "host", host_json(&networks));
		json_object_set_new(root, "networks", networks_json(&networks));
		json_object_set_new(root, "instances",
		    instances_json(&instances, &leases));
		if (json_dumpf(root, out,
			JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) != 0)
			code = ew_complain(EW_EXIT_ERROR,
			    "the inventory cannot be written");
		putc('\n', out);
		json_decref(root);
	}
	ew_rows_fini(&instances);
	ew_rows_fini(&leases);
	ew_rows_fini(&networks);
	return code;
}

int
ew_inventory_print(const struct ew_args *args)
{
	struct ew_reader *reader = NULL;
	struct ew_args rest = *args;
	struct ew_list list;

	rest.n_given = 0;
	for (size_t i = 0; i < args->n_given; i++)
		if (strcmp(args->given[i].option->name, "output") != 0)
			rest.given[rest.n_given++] = args->given[i];
	int code = ew_options_list(&rest, EW_VIEW_INSTANCES, &list);
	if (!code && (list.follow || list.query.n_group))
		code = ew_complain(EW_EXIT_USAGE,
		    "-o inventory is one document: leave out -f and --by");
	if (!ew_args_has(args, "last"))
		list.query.last = 0;
	list.query.terms = list.terms;
	if (!code)
		code = ew_open_database(args, &reader);
	if (!code)
		code = ew_inventory_write(reader, &list.query, stdout);
	ew_reader_close(reader);
	ew_list_fini(&list);
	return code;
}
