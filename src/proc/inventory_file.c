/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory file: what a replay knows of networks and instances (format in the manual,
 * eastwatch-inventory(5)). The file is parsed and walked twice: the first walk only checks,
 * so that nothing of a broken file is handed out; the second calls the sink.
 *
 * A complaint names the line: jansson keeps no positions, so the path of the value at fault
 * is looked for in the text (json_place.c). Unknown keys are counted for one warning, so
 * that newer files can be read.
 */
#include "proc/inventory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"
#include "proc/inventory_priv.h"
#include "proc/json_place.h"

#define FILE_MAX_BYTES ((size_t)256 << 20)

int
inventory_fail(struct inventory_reader *r, const char *path, const char *format, ...)
{
	char sentence[256];
	va_list args;

	if (r->code < 0) /* the first complaint is the one to repair first */
		return r->code;
	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	r->code = EW_ERR_FORMAT;
	return ew_error_set(r->error, EW_ERR_FORMAT, "%s:%zu: %s %s", r->name,
	    ew_json_line(r->text, r->size, path), path, sentence);
}

void
inventory_path(char ret_path[INVENTORY_PATH], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_path, INVENTORY_PATH, format, args);
	va_end(args);
}

void
inventory_unknown(struct inventory_reader *r, json_t *object, const char *path,
    const char *const *known)
{
	const char *key;
	json_t *value;

	if (r->is_emitting)
		return;
	json_object_foreach(object, key, value)
	{
		size_t i = 0;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		if (r->n_unknown++ == 0)
			(void)snprintf(r->unknown, sizeof(r->unknown), "%s%s%.60s",
			    path, path[0] ? "." : "", key);
	}
}

/* The value, if it is there and not null; complains when it has another type. */
json_t *
inventory_get(struct inventory_reader *r, const json_t *object, const char *path,
    const char *key, json_type type)
{
	static const char *const names[] = { "an object", "a list", "a text",
		"a whole number", "a number", "true or false", "true or false",
		"null" };
	char full[INVENTORY_PATH];
	json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return NULL;
	if (json_typeof(value) == type || (type == JSON_TRUE && json_is_boolean(value)))
		return value;
	inventory_path(full, "%s%s%s", path, path[0] ? "." : "", key);
	(void)inventory_fail(r, full, "must be %s", names[type]);
	return NULL;
}

void
inventory_text(struct inventory_reader *r, const json_t *object, const char *path,
    const char *key, char *ret_text, size_t size)
{
	const char *text =
	    json_string_value(inventory_get(r, object, path, key, JSON_STRING));
	char full[INVENTORY_PATH];

	if (!text || ew_text_copy_bytes(ret_text, size, text, strlen(text)))
		return;
	inventory_path(full, "%s%s%s", path, path[0] ? "." : "", key);
	(void)inventory_fail(r, full, "is longer than %zu bytes", size - 1);
}

int64_t
inventory_number(struct inventory_reader *r, const json_t *object, const char *path,
    const char *key, int64_t max)
{
	const json_t *value = inventory_get(r, object, path, key, JSON_INTEGER);
	const int64_t number = json_integer_value(value);
	char full[INVENTORY_PATH];

	if (number >= 0 && number <= max)
		return number;
	inventory_path(full, "%s%s%s", path, path[0] ? "." : "", key);
	(void)inventory_fail(r, full, "is %lld, but must be 0 to %lld",
	    (long long)number, (long long)max);
	return 0;
}

struct ew_mono
inventory_time(struct inventory_reader *r, const json_t *object, const char *path,
    const char *key)
{
	const char *text =
	    json_string_value(inventory_get(r, object, path, key, JSON_STRING));
	struct ew_wall time = { 0 };
	char full[INVENTORY_PATH];

	if (text && ew_wall_parse(text, &time) < 0) {
		inventory_path(full, "%s.%s", path, key);
		(void)inventory_fail(r, full,
		    "is \"%.60s\", but must be a time such as 2026-01-01T00:00:00Z",
		    text);
	}
	return (struct ew_mono){ .ns = time.us * EW_NS_PER_US };
}

uint8_t
inventory_proto(struct inventory_reader *r, const json_t *object, const char *path)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} known[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 },
		{ "sctp", 132 } };
	const char *name =
	    json_string_value(inventory_get(r, object, path, "proto", JSON_STRING));
	char full[INVENTORY_PATH];

	if (!name)
		return 6;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].proto;
	inventory_path(full, "%s.proto", path);
	(void)inventory_fail(r, full,
	    "is \"%.40s\", but must be tcp, udp, icmp or sctp", name);
	return 0;
}

struct ew_addr
inventory_addr(struct inventory_reader *r, const json_t *value, const char *path)
{
	struct ew_addr addr = { .b = { 0 } };

	if (!json_is_string(value) ||
	    ew_addr_parse(json_string_value(value), &addr) < 0)
		(void)inventory_fail(r, path, "must be an IP address");
	return addr;
}

/* --- host, resolvers -------------------------------------------------------------------------- */

static const char *const iface_kinds[] = { [EW_IFACE_OTHER] = "other",
	[EW_IFACE_VETH] = "veth",
	[EW_IFACE_BRIDGE] = "bridge",
	[EW_IFACE_UPLINK] = "uplink",
	[EW_IFACE_MACVLAN] = "macvlan",
	[EW_IFACE_TUNNEL] = "tunnel",
	[EW_IFACE_LO] = "lo" };

static void
read_iface(struct inventory_reader *r, json_t *json, const char *path)
{
	static const char *const known[] = { "ifindex", "name", "kind", "network",
		"mac", "master", NULL };
	struct ew_iface iface = { .is_up = 1, .peer_nsid = -1 };
	char network[EW_NETWORK_ID_MAX] = "", kind[16] = "other", full[INVENTORY_PATH];
	const char *mac = json_string_value(json_object_get(json, "mac"));
	size_t i = 0;

	inventory_unknown(r, json, path, known);
	iface.ifindex = (uint32_t)inventory_number(r, json, path, "ifindex", INT32_MAX);
	iface.master = (uint32_t)inventory_number(r, json, path, "master", INT32_MAX);
	inventory_text(r, json, path, "name", iface.name, sizeof(iface.name));
	inventory_text(r, json, path, "network", network, sizeof(network));
	inventory_text(r, json, path, "kind", kind, sizeof(kind));
	while (i < sizeof(iface_kinds) / sizeof(iface_kinds[0]) &&
	    strcmp(iface_kinds[i], kind) != 0)
		i++;
	if (i == sizeof(iface_kinds) / sizeof(iface_kinds[0])) {
		inventory_path(full, "%s.kind", path);
		(void)inventory_fail(r, full,
		    "must be veth, bridge, uplink, macvlan, tunnel or lo");
	}
	iface.kind = (uint8_t)i;
	if (mac && ew_mac_parse(mac, iface.mac) < 0)
		(void)inventory_fail(r, path, "has a mac that is none");
	if (r->is_emitting && r->sink->iface)
		r->sink->iface(r->sink->context, &iface, network);
}

static void
read_addrs(struct inventory_reader *r, const json_t *object, const char *path,
    const char *key, void (*give)(void *context, const struct ew_addr *addr))
{
	const json_t *list = inventory_get(r, object, path, key, JSON_ARRAY);
	char full[INVENTORY_PATH];
	size_t i;
	json_t *value;

	json_array_foreach(list, i, value)
	{
		inventory_path(full, "%s%s%s[%zu]", path, path[0] ? "." : "", key, i);
		const struct ew_addr addr = inventory_addr(r, value, full);
		if (r->is_emitting && give)
			give(r->sink->context, &addr);
	}
}

static void
read_host(struct inventory_reader *r)
{
	static const char *const known[] = { "addresses", "interfaces", NULL };
	json_t *host = inventory_get(r, r->json, "", "host", JSON_OBJECT);
	const json_t *list = inventory_get(r, host, "host", "interfaces", JSON_ARRAY);
	char path[INVENTORY_PATH];
	size_t i;
	json_t *value;

	inventory_unknown(r, host, "host", known);
	read_addrs(r, host, "host", "addresses", r->sink->host_addr);
	json_array_foreach(list, i, value)
	{
		inventory_path(path, "host.interfaces[%zu]", i);
		if (json_is_object(value))
			read_iface(r, value, path);
		else
			(void)inventory_fail(r, path, "must be an object");
	}
}

/* --- the walk --------------------------------------------------------------------------------- */

static void
each(struct inventory_reader *r, const char *key,
    void (*read)(struct inventory_reader *r, json_t *json, const char *path))
{
	const json_t *list = inventory_get(r, r->json, "", key, JSON_ARRAY);
	char path[INVENTORY_PATH];
	size_t i;
	json_t *value;

	json_array_foreach(list, i, value)
	{
		if (r->code < 0)
			return;
		inventory_path(path, "%s[%zu]", key, i);
		if (json_is_object(value))
			read(r, value, path);
		else
			(void)inventory_fail(r, path, "must be an object");
	}
}

static void
walk(struct inventory_reader *r)
{
	static const char *const known[] = { "format", "node", "host", "resolvers",
		"services", "nat", "networks", "instances", NULL };
	char node[64] = "";

	inventory_unknown(r, r->json, "", known);
	inventory_text(r, r->json, "", "node", node, sizeof(node));
	if (r->is_emitting && node[0] && r->sink->node)
		r->sink->node(r->sink->context, node);
	read_host(r);
	each(r, "networks", inventory_network);
	read_addrs(r, r->json, "", "resolvers", r->sink->resolver);
	each(r, "services", inventory_service);
	each(r, "nat", inventory_nat);
	each(r, "instances", inventory_instance);
}

static int
check_format(struct inventory_reader *r)
{
	const char *format = json_string_value(json_object_get(r->json, "format"));

	if (!json_is_object(r->json))
		return ew_error_set(r->error, EW_ERR_FORMAT,
		    "%s:1: an inventory is one JSON object", r->name);
	if (!format || strncmp(format, "eastwatch-inventory-", 20) != 0)
		return inventory_fail(r, "format", "must be \"eastwatch-inventory-1\"");
	if (strcmp(format, "eastwatch-inventory-1") != 0) {
		(void)inventory_fail(r, "format",
		    "is \"%.40s\", of a version this program does not know; it reads "
		    "eastwatch-inventory-1",
		    format);
		return EW_ERR_VERSION;
	}
	if (!json_is_array(json_object_get(r->json, "networks")))
		return inventory_fail(r, "networks", "is missing, or no list");
	if (!json_is_array(json_object_get(r->json, "instances")))
		return inventory_fail(r, "instances", "is missing, or no list");
	return 0;
}

int
ew_inventory_parse(const char *name, const char *text, size_t size,
    const struct ew_inventory_sink *sink, struct ew_error *error)
{
	json_error_t why;
	struct inventory_reader r = { .name = name,
		.text = text,
		.size = size,
		.sink = sink,
		.error = error };
	char sentence[640];

	r.json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (!r.json)
		return ew_error_set(error, EW_ERR_FORMAT, "%s:%d: %s", name,
		    why.line > 0 ? why.line : 1, why.text);
	int code = check_format(&r);
	if (code == 0) {
		walk(&r);
		code = r.code;
	}
	if (code == 0) {
		r.is_emitting = true;
		walk(&r);
		if ((r.n_unknown || r.n_cut) && sink->warning) {
			(void)snprintf(sentence, sizeof(sentence),
			    "%s: %zu unknown keys were ignored%s%s%s, %zu entries were "
			    "cut",
			    name, r.n_unknown, r.n_unknown ? " (the first is " : "",
			    r.unknown, r.n_unknown ? ")" : "", r.n_cut);
			sink->warning(sink->context, sentence);
		}
	}
	json_decref(r.json);
	return code;
}

int
ew_inventory_read(const char *path, const struct ew_inventory_sink *sink,
    struct ew_error *error)
{
	struct ew_text text;
	char buffer[65536];
	ssize_t got = 0;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return ew_error_set(error, -errno, "%s: cannot be read: %s", path,
		    ew_err_text(-errno));
	ew_text_init(&text, FILE_MAX_BYTES);
	while (!text.full && (got = read(fd, buffer, sizeof(buffer))) > 0)
		ew_text_add_bytes(&text, buffer, (size_t)got);
	int code = got < 0 ? -errno : 0;
	close(fd);
	if (code < 0)
		(void)ew_error_set(error, code, "%s: cannot be read: %s", path,
		    ew_err_text(code));
	else if (text.full)
		code =
		    ew_error_set(error, EW_ERR_LIMIT, "%s: longer than 256 MiB", path);
	else
		code = ew_inventory_parse(path, text.text ? text.text : "", text.length,
		    sink, error);
	ew_text_fini(&text);
	return code;
}
