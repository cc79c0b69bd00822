/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker's JSON into records (see docker_parse.h). Facts from moby's api/docs/CHANGELOG.md:
 * since 1.52 NetworkSettings has only Networks, and events have no status, id and from; a
 * network's Containers map is filled by /networks/ID alone. Podman answers the same paths;
 * its NetworkID is the network's name.
 */
#include "proc/docker_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void
copy(char *ret, size_t size, const char *text)
{
	(void)ew_text_copy_bytes(ret, size, text, strlen(text));
}
#define COPY(field, text) copy(field, sizeof(field), text)

/* Ids end up in paths of requests: hex digits, or a name as Podman writes them. */
static bool
is_id(const char *id)
{
	const size_t length = strlen(id);

	return length > 0 && length < EW_INSTANCE_ID_MAX &&
	    strspn(id,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	    length &&
	    id[0] != '.';
}

static json_t *
load(const char *text, size_t size)
{
	return json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
}

/* --- labels ---------------------------------------------------------------------------------- */

/* Labels that name the workload come first, so that the bound never costs one of them. */
static bool
is_label_of_rank(const char *key, bool first)
{
	static const char *const prefixes[] = { "eastwatch.", "com.docker.",
		"io.kubernetes.", "com.hashicorp.", "io.podman.", "PODMAN_", NULL };

	for (size_t i = 0; prefixes[i]; i++)
		if (strncasecmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return first;
	return !first;
}

/* not_label: attributes of an event that are no labels; NULL for a map of labels only. */
static void
read_labels(json_t *map, const char *const *not_label, struct ew_instance_info *info)
{
	const char *key;
	json_t *value;

	for (int rank = 0; rank < 2; rank++) {
		json_object_foreach(map, key, value)
		{
			bool skip = !is_label_of_rank(key, rank == 0) ||
			    info->n_labels == EW_LABELS_MAX || !json_is_string(value);
			for (size_t i = 0; not_label && not_label[i]; i++)
				skip |= strcmp(key, not_label[i]) == 0;
			if (skip)
				continue;
			struct ew_label *label = &info->labels[info->n_labels++];
			COPY(label->key, key);
			COPY(label->value, json_string_value(value));
		}
	}
}

/* --- addresses ------------------------------------------------------------------------------- */

static void
add_addr(struct ew_instance_iface *iface, const char *text)
{
	char bare[EW_ADDR_TEXT];
	struct ew_addr addr;

	if (!ew_text_copy(bare, sizeof(bare), text))
		return;
	bare[strcspn(bare, "/")] =
	    '\0'; /* networks write the prefix length behind it */
	if (iface->n_addrs < EW_IFACE_ADDRS_MAX && ew_addr_parse(bare, &addr) == 0 &&
	    !ew_addr_is_unspecified(&addr))
		iface->addrs[iface->n_addrs++] = addr;
}

static void
set_mac(struct ew_instance_iface *iface, const char *text)
{
	static const uint8_t none[6] = { 0 };

	iface->has_mac = ew_mac_parse(text, iface->mac) == 0 &&
	    memcmp(iface->mac, none, sizeof(none)) != 0;
}

/* NetworkSettings.Networks of a container. */
static void
read_ifaces(json_t *networks, struct ew_instance_info *info)
{
	const char *name;
	json_t *value;

	json_object_foreach(networks, name, value)
	{
		struct ew_instance_iface iface = { .ifindex = 0 };
		const char *id = text_of(value, "NetworkID");
		COPY(iface.network, id[0] ? id : name);
		set_mac(&iface, text_of(value, "MacAddress"));
		add_addr(&iface, text_of(value, "IPAddress"));
		add_addr(&iface, text_of(value, "GlobalIPv6Address"));
		/* Before the start, and in host and none networks, there is no address. */
		if ((iface.n_addrs || iface.has_mac) &&
		    info->n_ifaces < EW_INSTANCE_IFACES_MAX)
			info->ifaces[info->n_ifaces++] = iface;
	}
}

static uint8_t
proto_of(const char *name)
{
	return strcmp(name, "udp") == 0 ? 17 : strcmp(name, "sctp") == 0 ? 132 : 6;
}

static void
add_published(struct ew_instance_info *info, const char *ip, json_int_t host_port,
    json_int_t port, const char *proto)
{
	struct ew_published p = { .proto = proto_of(proto) };

	if (host_port <= 0 || host_port > 65535 || port <= 0 || port > 65535 ||
	    info->n_published == EW_PUBLISHED_MAX)
		return;
	p.host_port = (uint16_t)host_port;
	p.port = (uint16_t)port;
	if (ip[0] == '\0' || ew_addr_parse(ip, &p.host_addr) < 0)
		p.host_addr = ew_addr_v4((const uint8_t[4]){ 0, 0, 0, 0 });
	info->published[info->n_published++] = p;
	info->posture |= EW_POSTURE_PUBLISHED;
}

/* "host", "container:ID" */
static void
read_network_mode(const char *mode, struct ew_instance_info *info)
{
	if (strcmp(mode, "host") == 0) {
		info->host_network = 1;
		info->posture |= EW_POSTURE_HOST_NETWORK;
	} else if (strncmp(mode, "container:", 10) == 0 && is_id(mode + 10)) {
		COPY(info->netns_of, mode + 10);
	}
}

/* --- events ---------------------------------------------------------------------------------- */

int
ew_docker_parse_event(const char *text, size_t size, const char *runtime,
    struct ew_docker_event *ret_event)
{
	static const char *const not_labels[] = { "name", "image", "exitCode", "signal",
		"oldName", "execID", "execDuration", "containerExitCode", "podId",
		"health_status", NULL };
	json_t *json = load(text, size);
	json_t *actor = json_object_get(json, "Actor");
	json_t *attributes = json_object_get(actor, "Attributes");
	const char *type = text_of(json, "Type");
	const char *id = text_of(actor, "ID");
	int code = EW_ERR_FORMAT;

	memset(ret_event, 0, sizeof(*ret_event));
	if (!json_is_object(json) || !type[0])
		goto out;
	ret_event->is_network = strcmp(type, "network") == 0;
	if (!ret_event->is_network && strcmp(type, "container") != 0) {
		code = 0; /* images, volumes: no action of ours */
		goto out;
	}
	if (!is_id(id) && ret_event->is_network)
		id = text_of(attributes, "name"); /* Podman */
	if (!is_id(id))
		goto out;
	COPY(ret_event->action, text_of(json, "Action"));
	COPY(ret_event->id, id);
	if (is_id(text_of(attributes, "container")))
		COPY(ret_event->container, text_of(attributes, "container"));
	ret_event->time_ns = json_integer_value(json_object_get(json, "timeNano"));
	if (ret_event->time_ns <= 0) {
		const json_int_t s = json_integer_value(json_object_get(json, "time"));
		ret_event->time_ns =
		    s > 0 && s < INT64_C(9000000000) ? s * EW_NS_PER_S : 0;
	}
	if (!ret_event->is_network) {
		struct ew_instance_info *info = &ret_event->info;
		COPY(info->cid, id);
		COPY(info->runtime, runtime);
		COPY(info->name, text_of(attributes, "name"));
		COPY(info->image, text_of(attributes, "image"));
		read_labels(attributes, not_labels, info);
	}
	code = 0;
out:
	json_decref(json);
	return code;
}

/* --- lists ----------------------------------------------------------------------------------- */

/* "/shop-web-1" among names that may also be links ("/other/alias"). */
static void
read_name(const json_t *names, struct ew_instance_info *info)
{
	size_t i;
	json_t *value;

	json_array_foreach(names, i, value)
	{
		const char *name = json_string_value(value);
		if (!name)
			continue;
		name += name[0] == '/';
		if (!strchr(name, '/')) {
			COPY(info->name, name);
			return;
		}
	}
}

static bool
read_listed(json_t *item, const char *runtime, struct ew_instance_info *info)
{
	const char *id = text_of(item, "Id");
	size_t i;
	json_t *port;

	memset(info, 0, sizeof(*info));
	if (!is_id(id))
		return false;
	COPY(info->cid, id);
	COPY(info->runtime, runtime);
	COPY(info->image, text_of(item, "Image"));
	read_name(json_object_get(item, "Names"), info);
	read_labels(json_object_get(item, "Labels"), NULL, info);
	read_network_mode(text_of(json_object_get(item, "HostConfig"), "NetworkMode"),
	    info);
	read_ifaces(json_object_get(json_object_get(item, "NetworkSettings"),
			"Networks"),
	    info);
	json_array_foreach(json_object_get(item, "Ports"), i, port)
	    add_published(info, text_of(port, "IP"),
		json_integer_value(json_object_get(port, "PublicPort")),
		json_integer_value(json_object_get(port, "PrivatePort")),
		text_of(port, "Type"));
	return true;
}

int
ew_docker_parse_list(const char *text, size_t size, const char *runtime,
    void (*visit)(void *context, const struct ew_instance_info *info), void *context)
{
	json_t *json = load(text, size);
	struct ew_instance_info info;
	size_t i;
	json_t *item;
	const int code = json_is_array(json) ? 0 : EW_ERR_FORMAT;

	json_array_foreach(json, i, item)
	{
		if (read_listed(item, runtime, &info))
			visit(context, &info);
	}
	json_decref(json);
	return code;
}

/* --- networks -------------------------------------------------------------------------------- */

/* When no gateway is configured the engine takes the first address of the subnet. */
static struct ew_addr
first_addr(const struct ew_prefix *subnet)
{
	struct ew_addr addr = subnet->addr;

	addr.b[15] |= 1;
	return addr;
}

static void
read_subnets(const json_t *configs, struct ew_network_info *info)
{
	size_t i;
	json_t *config;

	json_array_foreach(configs, i, config)
	{
		struct ew_prefix subnet;
		struct ew_addr gateway;
		if (info->n_subnets == EW_NETWORK_SUBNETS_MAX ||
		    ew_prefix_parse(text_of(config, "Subnet"), &subnet) < 0)
			continue;
		info->subnets[info->n_subnets++] = subnet;
		char text[EW_ADDR_TEXT + 4];
		(void)ew_text_copy(text, sizeof(text), text_of(config, "Gateway"));
		text[strcspn(text, "/")] = '\0';
		if (ew_addr_parse(text, &gateway) < 0)
			gateway = first_addr(&subnet);
		info->gateways[info->n_gateways++] = gateway;
	}
}

static void
read_bridge(const json_t *network, struct ew_network_info *info)
{
	const json_t *options = json_object_get(network, "Options");
	const char *bridge = text_of(options, "com.docker.network.bridge.name");
	/* Podman names its IPAM driver here, and its bridges podman0, podman1 ...: no guess. */
	const bool is_podman =
	    text_of(json_object_get(json_object_get(network, "IPAM"), "Options"),
		"driver")[0] != '\0';

	if (!bridge[0])
		bridge = text_of(network, "network_interface"); /* Podman */
	if (bridge[0])
		COPY(info->bridge, bridge);
	else if (strcmp(text_of(network, "Driver"), "bridge") == 0 && !is_podman &&
	    strlen(info->id) >= 12)
		(void)snprintf(info->bridge, sizeof(info->bridge), "br-%.12s",
		    info->id);
	info->icc_disabled =
	    strcmp(text_of(options, "com.docker.network.bridge.enable_icc"), "false") ==
	    0;
}

static void
read_endpoints(json_t *network, const char *network_id,
    void (*visit)(void *context, const struct ew_docker_endpoint *endpoint),
    void *context)
{
	const char *id;
	json_t *value;

	json_object_foreach(json_object_get(network, "Containers"), id, value)
	{
		struct ew_docker_endpoint e = { .container = "" };
		if (!is_id(
			id)) /* "ep-..." of other nodes pass too: nobody knows them */
			continue;
		COPY(e.container, id);
		COPY(e.iface.network, network_id);
		set_mac(&e.iface, text_of(value, "MacAddress"));
		add_addr(&e.iface, text_of(value, "IPv4Address"));
		add_addr(&e.iface, text_of(value, "IPv6Address"));
		if (e.iface.n_addrs || e.iface.has_mac)
			visit(context, &e);
	}
}

int
ew_docker_parse_networks(const char *text, size_t size,
    void (*network)(void *context, const struct ew_network_info *info),
    void (*endpoint)(void *context, const struct ew_docker_endpoint *endpoint),
    void *context)
{
	json_t *json = load(text, size);
	const size_t n = json_is_array(json) ? json_array_size(json) : 1;
	const int code =
	    json_is_array(json) || json_is_object(json) ? 0 : EW_ERR_FORMAT;

	for (size_t i = 0; code == 0 && i < n; i++) {
		json_t *item = json_is_array(json) ? json_array_get(json, i) : json;
		const char *driver = text_of(item, "Driver");
		struct ew_network_info info = { .id = "" };
		if (!is_id(text_of(item, "Id")) || strcmp(driver, "host") == 0 ||
		    strcmp(driver, "null") == 0)
			continue;
		COPY(info.id, text_of(item, "Id"));
		COPY(info.name, text_of(item, "Name"));
		info.is_internal = json_is_true(json_object_get(item, "Internal"));
		read_subnets(json_object_get(json_object_get(item, "IPAM"), "Config"),
		    &info);
		read_bridge(item, &info);
		network(context, &info);
		if (endpoint)
			read_endpoints(item, info.id, endpoint, context);
	}
	json_decref(json);
	return code;
}

/* --- inspect --------------------------------------------------------------------------------- */

static uint16_t
capability_bits(const json_t *list)
{
	static const struct {
		const char *name;
		uint16_t bits;
	} known[] = {
		{ "SYS_ADMIN", EW_POSTURE_CAP_SYS_ADMIN },
		{ "NET_ADMIN", EW_POSTURE_CAP_NET_ADMIN },
		{ "SYS_PTRACE", EW_POSTURE_CAP_SYS_PTRACE },
		{ "ALL",
		    EW_POSTURE_CAP_SYS_ADMIN | EW_POSTURE_CAP_NET_ADMIN |
			EW_POSTURE_CAP_SYS_PTRACE },
	};
	uint16_t bits = 0;
	size_t i;
	json_t *value;

	json_array_foreach(list, i, value)
	{
		const char *name = json_string_value(value);
		if (name && strncasecmp(name, "CAP_", 4) == 0)
			name += 4;
		for (size_t k = 0; name && k < sizeof(known) / sizeof(known[0]); k++)
			if (strcasecmp(name, known[k].name) == 0)
				bits |= known[k].bits;
	}
	return bits;
}

static bool
is_runtime_socket(const char *path)
{
	static const char *const sockets[] = { "docker.sock", "containerd.sock",
		"podman.sock", "crio.sock", NULL };
	const char *base = strrchr(path, '/');

	for (size_t i = 0; base && sockets[i]; i++)
		if (strcmp(base + 1, sockets[i]) == 0)
			return true;
	/* The folder, or the whole tree above it, hands out the socket as well. */
	return strcmp(path, "/") == 0 || strcmp(path, "/run") == 0 ||
	    strcmp(path, "/var/run") == 0 || strcmp(path, "/run/containerd") == 0 ||
	    strcmp(path, "/run/podman") == 0;
}

static void
read_posture(const json_t *json, struct ew_instance_info *info)
{
	const json_t *host = json_object_get(json, "HostConfig");
	size_t i;
	json_t *mount;

	if (json_is_true(json_object_get(host, "Privileged")))
		info->posture |= EW_POSTURE_PRIVILEGED;
	if (strcmp(text_of(host, "PidMode"), "host") == 0)
		info->posture |= EW_POSTURE_HOST_PID;
	info->posture |= capability_bits(json_object_get(host, "CapAdd"));
	read_network_mode(text_of(host, "NetworkMode"), info);
	json_array_foreach(json_object_get(json, "Mounts"), i, mount)
	{
		if (is_runtime_socket(text_of(mount, "Source")) ||
		    is_runtime_socket(text_of(mount, "Destination")))
			info->posture |= EW_POSTURE_RUNTIME_SOCKET;
	}
}

/* {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]} */
static void
read_published(json_t *ports, struct ew_instance_info *info)
{
	const char *key;
	json_t *bindings;

	json_object_foreach(ports, key, bindings)
	{
		const char *slash = strchr(key, '/');
		size_t i;
		json_t *binding;
		json_array_foreach(bindings, i, binding)
		    add_published(info, text_of(binding, "HostIp"),
			strtol(text_of(binding, "HostPort"), NULL, 10),
			strtol(key, NULL, 10), slash ? slash + 1 : "tcp");
	}
}

/* What differs between replicas of one revision is not part of the revision. */
static bool
is_replica_label(const char *key)
{
	static const char *const keys[] = { "com.docker.compose.container-number",
		"com.docker.compose.replace", "com.docker.swarm.task",
		"com.docker.swarm.task.id", "com.docker.swarm.task.name",
		"com.docker.swarm.node.id", "com.hashicorp.nomad.alloc_id", NULL };

	for (size_t i = 0; keys[i]; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* Never 0, which means unknown. */
static uint64_t
spec_hash(const json_t *json)
{
	const json_t *config = json_object_get(json, "Config");
	json_t *spec = json_object();
	json_t *labels = json_object();
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(config, "Labels"), key, value)
	{
		if (!is_replica_label(key))
			(void)json_object_set(labels, key, value);
	}
	(void)json_object_set_new(spec, "labels", labels);
	(void)json_object_set(spec, "image", json_object_get(json, "Image"));
	(void)json_object_set(spec, "env", json_object_get(config, "Env"));
	(void)json_object_set(spec, "exposed", json_object_get(config, "ExposedPorts"));
	(void)json_object_set(spec, "ports",
	    json_object_get(json_object_get(json, "HostConfig"), "PortBindings"));
	char *text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
	const uint64_t hash = text ? ew_hash(text, strlen(text), 0) : 0;
	free(text);
	json_decref(spec);
	return hash ? hash : 1;
}

int
ew_docker_parse_inspect(const char *text, size_t size, const char *runtime,
    struct ew_instance_info *ret_info, bool *ret_is_running)
{
	json_t *json = load(text, size);
	const json_t *config = json_object_get(json, "Config");
	const json_t *state = json_object_get(json, "State");
	const json_t *settings = json_object_get(json, "NetworkSettings");
	const char *name = text_of(json, "Name");
	struct ew_wall time;

	if (!json_is_object(json) || !is_id(text_of(json, "Id"))) {
		json_decref(json);
		return EW_ERR_FORMAT;
	}
	memset(ret_info, 0, sizeof(*ret_info));
	COPY(ret_info->cid, text_of(json, "Id"));
	COPY(ret_info->runtime, runtime);
	COPY(ret_info->name, name + (name[0] == '/'));
	COPY(ret_info->hostname, text_of(config, "Hostname"));
	COPY(ret_info->image, text_of(config, "Image"));
	read_labels(json_object_get(config, "Labels"), NULL, ret_info);
	read_posture(json, ret_info);
	read_published(json_object_get(settings, "Ports"), ret_info);
	read_ifaces(json_object_get(settings, "Networks"), ret_info);
	ret_info->spec_hash = spec_hash(json);
	const json_int_t pid = json_integer_value(json_object_get(state, "Pid"));
	ret_info->pid = pid > 0 && pid < INT32_MAX ? (int32_t)pid : 0;
	*ret_is_running = ret_info->pid > 0;
	if (ew_wall_parse(text_of(state, "StartedAt"), &time) == 0 && time.us > 0)
		ret_info->started.ns = time.us * EW_NS_PER_US;
	json_decref(json);
	return 0;
}

/* --- version --------------------------------------------------------------------------------- */

static int
minor_of(const char *api)
{
	return strncmp(api, "1.", 2) == 0 ? (int)strtol(api + 2, NULL, 10) : 0;
}

int
ew_docker_parse_version(const char *text, size_t size,
    struct ew_docker_version *ret_version)
{
	json_t *json = load(text, size);
	size_t i;
	json_t *component;

	memset(ret_version, 0, sizeof(*ret_version));
	COPY(ret_version->version, text_of(json, "Version"));
	ret_version->api = minor_of(text_of(json, "ApiVersion"));
	ret_version->min_api = minor_of(text_of(json, "MinAPIVersion"));
	json_array_foreach(json_object_get(json, "Components"), i, component)
	    ret_version->is_podman |=
	    strstr(text_of(component, "Name"), "Podman") != NULL;
	json_decref(json);
	return ret_version->api > 0 && ret_version->api < 1000 ? 0 : EW_ERR_FORMAT;
}
