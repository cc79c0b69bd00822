/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI bundles (runtime-spec config.md) with the annotations of containerd's CRI plugin, and
 * CNI's cached results (libcni api.go, cachedInfo). Pod labels are in neither: they would
 * need the API server, which no node should have to ask.
 */
#include "proc/bundle_parse.h"

#include <stdlib.h>
#include <string.h>

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

static bool
has_namespace(const json_t *linux_part, const char *type)
{
	size_t i;
	json_t *value;

	json_array_foreach(json_object_get(linux_part, "namespaces"), i, value)
	{
		if (strcmp(text_of(value, "type"), type) == 0)
			return true;
	}
	return false;
}

static bool
has_capability(const json_t *bounding, const char *name)
{
	size_t i;
	json_t *value;

	json_array_foreach(bounding, i, value)
	{
		const char *text = json_string_value(value);
		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

static void
read_posture(const json_t *json, struct ew_instance_info *info)
{
	const json_t *linux_part = json_object_get(json, "linux");
	const json_t *bounding =
	    json_object_get(json_object_get(json_object_get(json, "process"),
				"capabilities"),
		"bounding");
	size_t i;
	json_t *mount;

	if (has_capability(bounding, "CAP_SYS_ADMIN"))
		info->posture |= EW_POSTURE_CAP_SYS_ADMIN;
	if (has_capability(bounding, "CAP_NET_ADMIN"))
		info->posture |= EW_POSTURE_CAP_NET_ADMIN;
	if (has_capability(bounding, "CAP_SYS_PTRACE"))
		info->posture |= EW_POSTURE_CAP_SYS_PTRACE;
	/* A bundle has no such word: who may load modules and do raw I/O is privileged. */
	if (has_capability(bounding, "CAP_SYS_MODULE") &&
	    has_capability(bounding, "CAP_SYS_RAWIO"))
		info->posture |= EW_POSTURE_PRIVILEGED;
	if (!has_namespace(linux_part, "pid"))
		info->posture |= EW_POSTURE_HOST_PID;
	if (!has_namespace(linux_part, "network")) {
		info->posture |= EW_POSTURE_HOST_NETWORK;
		info->host_network = 1;
	}
	json_array_foreach(json_object_get(json, "mounts"), i, mount)
	{
		const char *source = text_of(mount, "source");
		if (strstr(source, "docker.sock") ||
		    strstr(source, "containerd.sock") || strstr(source, "crio.sock"))
			info->posture |= EW_POSTURE_RUNTIME_SOCKET;
	}
}

/* Image, command and environment; what names the single pod is no part of the revision. */
static uint64_t
spec_hash(const json_t *json, const char *image)
{
	const json_t *process = json_object_get(json, "process");
	json_t *spec = json_object();
	json_t *env = json_array();
	size_t i;
	json_t *value;

	json_array_foreach(json_object_get(process, "env"), i, value)
	{
		const char *text = json_string_value(value);
		if (text && strncmp(text, "HOSTNAME=", 9) != 0)
			(void)json_array_append(env, value);
	}
	(void)json_object_set_new(spec, "env", env);
	(void)json_object_set(spec, "args", json_object_get(process, "args"));
	(void)json_object_set_new(spec, "image", json_string(image));
	char *text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
	const uint64_t hash = text ? ew_hash(text, strlen(text), 0) : 0;
	free(text);
	json_decref(spec);
	return hash ? hash : 1;
}

int
ew_bundle_parse(const char *text, size_t size, struct ew_instance_info *ret_info)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	json_t *annotations = json_object_get(json, "annotations");
	const char *key;
	json_t *value;

	memset(ret_info, 0, sizeof(*ret_info));
	if (!json_is_object(json) || !json_is_object(json_object_get(json, "linux"))) {
		json_decref(json);
		return EW_ERR_FORMAT;
	}
	json_object_foreach(annotations, key, value)
	{
		if (ret_info->n_labels == EW_LABELS_MAX || !json_is_string(value))
			continue;
		struct ew_label *label = &ret_info->labels[ret_info->n_labels++];
		COPY(label->key, key);
		COPY(label->value, json_string_value(value));
	}
	const char *kind = text_of(annotations, "io.kubernetes.cri.container-type");
	const char *sandbox = text_of(annotations, "io.kubernetes.cri.sandbox-id");
	if (strcmp(kind, "container") == 0) {
		COPY(ret_info->netns_of, sandbox);
		COPY(ret_info->name,
		    text_of(annotations, "io.kubernetes.cri.container-name"));
	} else {
		COPY(ret_info->name,
		    text_of(annotations, "io.kubernetes.cri.sandbox-name"));
	}
	COPY(ret_info->image, text_of(annotations, "io.kubernetes.cri.image-name"));
	COPY(ret_info->hostname, text_of(json, "hostname"));
	read_posture(json, ret_info);
	ret_info->spec_hash = spec_hash(json, ret_info->image);
	json_decref(json);
	return 0;
}

/* --- CNI -------------------------------------------------------------------------------------- */

static void
read_ip(const json_t *ip, struct ew_cni_result *result)
{
	const char *address = text_of(ip, "address");
	char bare[EW_ADDR_TEXT + 4];
	struct ew_addr addr;

	if (!ew_text_copy(bare, sizeof(bare), address))
		return;
	bare[strcspn(bare, "/")] = '\0';
	if (result->iface.n_addrs < EW_IFACE_ADDRS_MAX &&
	    ew_addr_parse(bare, &addr) == 0)
		result->iface.addrs[result->iface.n_addrs++] = addr;
	struct ew_network_info *network = &result->network;
	if (network->n_subnets < EW_NETWORK_SUBNETS_MAX &&
	    ew_prefix_parse(address, &network->subnets[network->n_subnets]) == 0)
		network->n_subnets++;
	if (network->n_gateways < EW_NETWORK_SUBNETS_MAX &&
	    ew_addr_parse(text_of(ip, "gateway"), &addr) == 0)
		network->gateways[network->n_gateways++] = addr;
}

int
ew_cni_parse(const char *text, size_t size, struct ew_cni_result *ret_result)
{
	json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *result = json_object_get(json, "result");
	size_t i;
	json_t *value;

	memset(ret_result, 0, sizeof(*ret_result));
	if (!json_is_object(result) ||
	    strcmp(text_of(json, "kind"), "cniCacheV1") != 0 ||
	    !text_of(json, "containerId")[0] || !text_of(json, "networkName")[0]) {
		json_decref(json);
		return EW_ERR_FORMAT;
	}
	COPY(ret_result->container, text_of(json, "containerId"));
	COPY(ret_result->iface.network, text_of(json, "networkName"));
	COPY(ret_result->network.id, text_of(json, "networkName"));
	COPY(ret_result->network.name, text_of(json, "networkName"));
	json_array_foreach(json_object_get(result, "interfaces"), i, value)
	{
		const char *name = text_of(value, "name");
		/* In a sandbox: the container's end. Outside: the bridge, then the veth. */
		if (text_of(value, "sandbox")[0])
			ret_result->iface.has_mac = ew_mac_parse(text_of(value, "mac"),
							ret_result->iface.mac) == 0;
		else if (i == 0 && strncmp(name, "veth", 4) != 0)
			COPY(ret_result->network.bridge, name);
	}
	json_array_foreach(json_object_get(result, "ips"), i, value)
	    read_ip(value, ret_result);
	json_decref(json);
	return 0;
}
