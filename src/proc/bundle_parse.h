/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "identity/inventory.h"

/*
 * What containerd and the CNI plugins leave on disk, into our records. Pure; the JSON is
 * hostile. Return 0 or EW_ERR_FORMAT.
 */

/* An OCI bundle's config.json. Annotations become labels; id and runtime are the caller's. */
int ew_bundle_parse(const char *text, size_t size, struct ew_instance_info *ret_info);

/* A CNI plugin's cached result (kind cniCacheV1): an interface of one container. */
struct ew_cni_result {
	char container[EW_INSTANCE_ID_MAX];
	struct ew_instance_iface iface;
	struct ew_network_info network; /* as far as the result tells */
};
int ew_cni_parse(const char *text, size_t size, struct ew_cni_result *ret_result);
