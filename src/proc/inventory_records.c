/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks, services, translations and instances of an inventory file. Each function reads
 * one object into its record and, in the second walk, gives it to the sink.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/text.h"
#include "proc/inventory_priv.h"

static void
require(struct inventory_reader *r, const char *text, const char *path, const char *key)
{
	if (!text[0])
		(void)inventory_fail(r, path, "has no %s", key);
}

/* --- networks --------------------------------------------------------------------------------- */

void
inventory_network(struct inventory_reader *r, json_t *json, const char *path)
{
	static const char *const known[] = { "id", "name", "bridge", "subnets",
		"gateways", "internal", "icc", NULL };
	struct ew_network_info info = { .id = "" };
	const json_t *icc = inventory_get(r, json, path, "icc", JSON_TRUE);
	char full[INVENTORY_PATH];
	size_t i;
	json_t *value;

	inventory_unknown(r, json, path, known);
	inventory_text(r, json, path, "id", info.id, sizeof(info.id));
	require(r, info.id, path, "id");
	inventory_text(r, json, path, "name", info.name, sizeof(info.name));
	if (!info.name[0])
		(void)ew_text_copy(info.name, sizeof(info.name), info.id);
	inventory_text(r, json, path, "bridge", info.bridge, sizeof(info.bridge));
	info.is_internal =
	    json_is_true(inventory_get(r, json, path, "internal", JSON_TRUE));
	info.icc_disabled = json_is_false(icc);
	json_array_foreach(inventory_get(r, json, path, "subnets", JSON_ARRAY), i,
	    value)
	{
		inventory_path(full, "%s.subnets[%zu]", path, i);
		if (info.n_subnets == EW_NETWORK_SUBNETS_MAX)
			r->n_cut += !r->is_emitting;
		else if (!json_is_string(value) ||
		    ew_prefix_parse(json_string_value(value),
			&info.subnets[info.n_subnets++]) < 0)
			(void)inventory_fail(r, full, "must be ADDRESS/BITS");
	}
	json_array_foreach(inventory_get(r, json, path, "gateways", JSON_ARRAY), i,
	    value)
	{
		inventory_path(full, "%s.gateways[%zu]", path, i);
		if (info.n_gateways == EW_NETWORK_SUBNETS_MAX)
			r->n_cut += !r->is_emitting;
		else
			info.gateways[info.n_gateways++] =
			    inventory_addr(r, value, full);
	}
	if (r->is_emitting && r->sink->network)
		r->sink->network(r->sink->context, &info);
}

/* --- services and translations ------------------------------------------------------------------ */

void
inventory_service(struct inventory_reader *r, json_t *json, const char *path)
{
	static const char *const known[] = { "address", "port", "proto", "backends",
		NULL };
	static const char *const known_backend[] = { "instance", "port", NULL };
	struct ew_service_info info = { .n_backends = 0 };
	char full[INVENTORY_PATH];
	size_t i;
	json_t *value;

	inventory_unknown(r, json, path, known);
	inventory_path(full, "%s.address", path);
	info.addr = inventory_addr(r, json_object_get(json, "address"), full);
	info.port = (uint16_t)inventory_number(r, json, path, "port", 65535);
	info.proto = inventory_proto(r, json, path);
	json_array_foreach(inventory_get(r, json, path, "backends", JSON_ARRAY), i,
	    value)
	{
		inventory_path(full, "%s.backends[%zu]", path, i);
		if (info.n_backends == EW_SERVICE_BACKENDS_MAX) {
			r->n_cut += !r->is_emitting;
			continue;
		}
		inventory_unknown(r, value, full, known_backend);
		inventory_text(r, value, full, "instance",
		    info.backends[info.n_backends].cid, sizeof(info.backends[0].cid));
		require(r, info.backends[info.n_backends].cid, full, "instance");
		info.backends[info.n_backends].port =
		    (uint16_t)inventory_number(r, value, full, "port", 65535);
		info.n_backends++;
	}
	if (r->is_emitting && r->sink->service)
		r->sink->service(r->sink->context, &info);
}

/* [src, sport, dst, dport] */
static void
read_tuple(struct inventory_reader *r, json_t *json, const char *path, const char *key,
    struct ew_addr *src, uint16_t *sport, struct ew_addr *dst, uint16_t *dport)
{
	const json_t *list = json_object_get(json, key);
	const json_int_t from = json_integer_value(json_array_get(list, 1));
	const json_int_t to = json_integer_value(json_array_get(list, 3));
	char full[INVENTORY_PATH];

	inventory_path(full, "%s.%s", path, key);
	if (!json_is_array(list) || json_array_size(list) != 4 ||
	    !json_is_integer(json_array_get(list, 1)) ||
	    !json_is_integer(json_array_get(list, 3)) || from < 0 || from > 65535 ||
	    to < 0 || to > 65535) {
		(void)inventory_fail(r, full, "must be [address, port, address, port]");
		return;
	}
	*src = inventory_addr(r, json_array_get(list, 0), full);
	*dst = inventory_addr(r, json_array_get(list, 2), full);
	*sport = (uint16_t)from;
	*dport = (uint16_t)to;
}

void
inventory_nat(struct inventory_reader *r, json_t *json, const char *path)
{
	static const char *const known[] = { "from", "to", "proto", "orig", "reply",
		NULL };
	struct ew_nat_info info = { .proto = 0 };

	inventory_unknown(r, json, path, known);
	info.from = inventory_time(r, json, path, "from");
	info.to = inventory_time(r, json, path, "to");
	info.proto = inventory_proto(r, json, path);
	read_tuple(r, json, path, "orig", &info.orig_src, &info.orig_sport,
	    &info.orig_dst, &info.orig_dport);
	read_tuple(r, json, path, "reply", &info.reply_src, &info.reply_sport,
	    &info.reply_dst, &info.reply_dport);
	if (r->is_emitting && r->sink->nat)
		r->sink->nat(r->sink->context, &info);
}

/* --- instances -------------------------------------------------------------------------------- */

static void
read_instance_iface(struct inventory_reader *r, json_t *json, const char *path,
    struct ew_instance_info *info)
{
	static const char *const known[] = { "network", "ifindex", "mac", "addresses",
		"from", "to", "name", NULL };
	struct ew_instance_iface *iface = &info->ifaces[info->n_ifaces++];
	const char *mac =
	    json_string_value(inventory_get(r, json, path, "mac", JSON_STRING));
	char full[INVENTORY_PATH];
	size_t i;
	json_t *value;

	inventory_unknown(r, json, path, known);
	inventory_text(r, json, path, "network", iface->network,
	    sizeof(iface->network));
	iface->ifindex =
	    (uint32_t)inventory_number(r, json, path, "ifindex", INT32_MAX);
	if (mac && ew_mac_parse(mac, iface->mac) < 0) {
		inventory_path(full, "%s.mac", path);
		(void)inventory_fail(r, full,
		    "must be a MAC such as 02:42:ac:12:00:02");
	}
	iface->has_mac = mac != NULL;
	iface->from = inventory_time(r, json, path, "from");
	iface->to = inventory_time(r, json, path, "to");
	json_array_foreach(inventory_get(r, json, path, "addresses", JSON_ARRAY), i,
	    value)
	{
		inventory_path(full, "%s.addresses[%zu]", path, i);
		if (iface->n_addrs == EW_IFACE_ADDRS_MAX)
			r->n_cut += !r->is_emitting;
		else
			iface->addrs[iface->n_addrs++] = inventory_addr(r, value, full);
	}
}

static void
read_labels(struct inventory_reader *r, json_t *json, const char *path,
    struct ew_instance_info *info)
{
	json_t *labels = inventory_get(r, json, path, "labels", JSON_OBJECT);
	const char *key;
	json_t *value;

	json_object_foreach(labels, key, value)
	{
		if (info->n_labels == EW_LABELS_MAX || !json_is_string(value)) {
			r->n_cut += !r->is_emitting;
			continue;
		}
		struct ew_label *label = &info->labels[info->n_labels++];
		const char *text = json_string_value(value);
		(void)ew_text_copy_bytes(label->key, sizeof(label->key), key,
		    strlen(key));
		(void)ew_text_copy_bytes(label->value, sizeof(label->value), text,
		    strlen(text));
	}
}

/* "8080:80/tcp" */
static bool
parse_published(const char *text, struct ew_published *p)
{
	char *end;
	const unsigned long host_port = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != ':' || end[1] < '0' ||
	    end[1] > '9')
		return false;
	const unsigned long port = strtoul(end + 1, &end, 10);
	p->host_port = (uint16_t)host_port;
	p->port = (uint16_t)port;
	p->proto = strcmp(end, "/udp") == 0 ? 17 : strcmp(end, "/sctp") == 0 ? 132 : 6;
	return host_port <= 65535 && port <= 65535 && (*end == '/' || *end == '\0');
}

/* Text as above, or an object with host_address, host_port, port and proto. */
static void
read_published(struct inventory_reader *r, json_t *json, const char *path,
    struct ew_instance_info *info)
{
	struct ew_published p = { .proto = 6 };
	const char *text = json_string_value(json);
	char full[INVENTORY_PATH];

	p.host_addr = ew_addr_v4((const uint8_t[4]){ 0, 0, 0, 0 });
	if (text) {
		if (!parse_published(text, &p)) {
			(void)inventory_fail(r, path, "must be HOST_PORT:PORT/PROTO");
			return;
		}
	} else {
		p.host_port =
		    (uint16_t)inventory_number(r, json, path, "host_port", 65535);
		p.port = (uint16_t)inventory_number(r, json, path, "port", 65535);
		p.proto = inventory_proto(r, json, path);
		inventory_path(full, "%s.host_address", path);
		if (json_object_get(json, "host_address"))
			p.host_addr = inventory_addr(r,
			    json_object_get(json, "host_address"), full);
	}
	info->published[info->n_published++] = p;
	info->posture |= EW_POSTURE_PUBLISHED;
}

static void
read_capabilities(const json_t *list, struct ew_instance_info *info)
{
	static const struct {
		const char *name;
		uint16_t bit;
	} known[] = { { "SYS_ADMIN", EW_POSTURE_CAP_SYS_ADMIN },
		{ "NET_ADMIN", EW_POSTURE_CAP_NET_ADMIN },
		{ "SYS_PTRACE", EW_POSTURE_CAP_SYS_PTRACE } };
	size_t i;
	json_t *value;

	json_array_foreach(list, i, value)
	{
		const char *name = json_string_value(value);
		if (name && strncasecmp(name, "CAP_", 4) == 0)
			name += 4;
		for (size_t k = 0; name && k < sizeof(known) / sizeof(known[0]); k++)
			if (strcasecmp(name, known[k].name) == 0)
				info->posture |= known[k].bit;
	}
}

static void
read_posture(struct inventory_reader *r, json_t *json, const char *path,
    struct ew_instance_info *info)
{
	static const char *const known[] = { "privileged", "host_network", "host_pid",
		"runtime_socket", "capabilities", "published", "mounts", NULL };
	static const struct {
		const char *key;
		uint16_t bit;
	} flags[] = { { "privileged", EW_POSTURE_PRIVILEGED },
		{ "host_network", EW_POSTURE_HOST_NETWORK },
		{ "host_pid", EW_POSTURE_HOST_PID },
		{ "runtime_socket", EW_POSTURE_RUNTIME_SOCKET } };
	json_t *posture = inventory_get(r, json, path, "posture", JSON_OBJECT);
	char full[INVENTORY_PATH], inner[INVENTORY_PATH];
	size_t i;
	json_t *value;

	inventory_path(full, "%s.posture", path);
	inventory_unknown(r, posture, full, known);
	for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
		if (json_is_true(
			inventory_get(r, posture, full, flags[k].key, JSON_TRUE)))
			info->posture |= flags[k].bit;
	info->host_network = (info->posture & EW_POSTURE_HOST_NETWORK) != 0;
	read_capabilities(inventory_get(r, posture, full, "capabilities", JSON_ARRAY),
	    info);
	json_array_foreach(inventory_get(r, posture, full, "published", JSON_ARRAY), i,
	    value)
	{
		inventory_path(inner, "%s.published[%zu]", full, i);
		if (info->n_published == EW_PUBLISHED_MAX)
			r->n_cut += !r->is_emitting;
		else
			read_published(r, value, inner, info);
	}
	json_array_foreach(inventory_get(r, posture, full, "mounts", JSON_ARRAY), i,
	    value)
	{
		const char *mount = json_string_value(value);
		if (mount &&
		    (strstr(mount, "docker.sock") || strstr(mount, "containerd.sock")))
			info->posture |= EW_POSTURE_RUNTIME_SOCKET;
	}
}

void
inventory_instance(struct inventory_reader *r, json_t *json, const char *path)
{
	static const char *const known[] = { "id", "name", "hostname", "image", "spec",
		"runtime", "workload", "labels", "started", "stopped", "posture",
		"interfaces", "netns_of", "pid", NULL };
	struct ew_instance_info *info = ew_alloc(sizeof(*info));
	const json_t *ifaces = inventory_get(r, json, path, "interfaces", JSON_ARRAY);
	const char *spec =
	    json_string_value(inventory_get(r, json, path, "spec", JSON_STRING));
	char full[INVENTORY_PATH];
	size_t i;
	json_t *value;

	inventory_unknown(r, json, path, known);
	inventory_text(r, json, path, "id", info->cid, sizeof(info->cid));
	require(r, info->cid, path, "id");
	inventory_text(r, json, path, "name", info->name, sizeof(info->name));
	require(r, info->name, path, "name");
	inventory_text(r, json, path, "hostname", info->hostname,
	    sizeof(info->hostname));
	inventory_text(r, json, path, "image", info->image, sizeof(info->image));
	inventory_text(r, json, path, "runtime", info->runtime, sizeof(info->runtime));
	inventory_text(r, json, path, "workload", info->workload,
	    sizeof(info->workload));
	inventory_text(r, json, path, "netns_of", info->netns_of,
	    sizeof(info->netns_of));
	info->pid = (int32_t)inventory_number(r, json, path, "pid", INT32_MAX);
	info->started = inventory_time(r, json, path, "started");
	info->stopped = inventory_time(r, json, path, "stopped");
	info->spec_hash = spec ? ew_hash(spec, strlen(spec), 0) : 0;
	read_labels(r, json, path, info);
	read_posture(r, json, path, info);
	if (!ifaces && r->code == 0)
		(void)inventory_fail(r, path, "has no interfaces");
	json_array_foreach(ifaces, i, value)
	{
		inventory_path(full, "%s.interfaces[%zu]", path, i);
		if (info->n_ifaces == EW_INSTANCE_IFACES_MAX)
			r->n_cut += !r->is_emitting;
		else if (json_is_object(value))
			read_instance_iface(r, value, full, info);
		else
			(void)inventory_fail(r, full, "must be an object");
	}
	if (r->is_emitting && r->sink->instance)
		r->sink->instance(r->sink->context, info);
	free(info);
}
