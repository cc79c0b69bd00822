/* SPDX-License-Identifier: Apache-2.0 */
/* The runtimes' JSON: the first byte picks the kind of answer or file, the rest is it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proc/bundle_parse.h"
#include "proc/docker_parse.h"
#include "proc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t bytes[EW_PROC_MESSAGE_MAX];

/* Whatever comes out must fit a message to core. */
static void
on_info(void *context, const struct ew_instance_info *info)
{
	size_t length;

	(void)context;
	assert(
	    ew_proc_encode(EW_PROC_INSTANCE, info, bytes, sizeof(bytes), &length) == 0);
	assert(strchr(info->cid, '/') == NULL);
}

static void
on_network(void *context, const struct ew_network_info *info)
{
	size_t length;

	(void)context;
	assert(
	    ew_proc_encode(EW_PROC_NETWORK, info, bytes, sizeof(bytes), &length) == 0);
}

static void
on_endpoint(void *context, const struct ew_docker_endpoint *endpoint)
{
	(void)context;
	assert(endpoint->iface.n_addrs <= EW_IFACE_ADDRS_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ew_docker_event event;
	static struct ew_instance_info info;
	struct ew_docker_version version;
	struct ew_cni_result result;
	bool is_running;

	if (size == 0)
		return 0;
	const char *text = (const char *)data + 1;
	size--;
	switch (data[0] % 7) {
	case 0:
		if (ew_docker_parse_event(text, size, "docker", &event) == 0 &&
		    event.id[0] && !event.is_network)
			on_info(NULL, &event.info);
		break;
	case 1:
		(void)ew_docker_parse_list(text, size, "docker", on_info, NULL);
		break;
	case 2:
		(void)ew_docker_parse_networks(text, size, on_network, on_endpoint,
		    NULL);
		break;
	case 3:
		if (ew_docker_parse_inspect(text, size, "docker", &info, &is_running) ==
		    0)
			on_info(NULL, &info);
		break;
	case 4:
		(void)ew_docker_parse_version(text, size, &version);
		break;
	case 5:
		if (ew_bundle_parse(text, size, &info) == 0)
			on_info(NULL, &info);
		break;
	default:
		if (ew_cni_parse(text, size, &result) == 0)
			on_network(NULL, &result.network);
	}
	return 0;
}
