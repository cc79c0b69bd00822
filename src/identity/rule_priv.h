/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "identity/inventory.h"
#include "identity/workload.h"

/* What the identity rule makes of a container's name, image and labels. */
struct ew_rule_result {
	char workload[EW_WORKLOAD_NAME_MAX];
	char group
	    [EW_WORKLOAD_NAME_MAX]; /* namespace or project; else image repository */
	char image_repo[EW_IMAGE_MAX];
	bool is_managed;
	bool is_job;
	uint16_t labels; /* enum ew_label_bit */
};

/*
 * Apply the rules of the table in rule.c, first match wins. Pure; any bytes in, bounded and
 * printable names out; never an empty workload.
 */
void ew_rule_apply(const struct ew_instance_info *info, const char *node,
    struct ew_rule_result *ret_result);

/* "reg.example:5000/team/app:1.2@sha256:..." to "reg.example:5000/team/app". */
void ew_rule_image_repo(const char *image, char ret_repo[EW_IMAGE_MAX]);
/* "web-6d4cf56db6-x8k2p" to "web": the Deployment behind a pod's name. Returns the length. */
size_t ew_rule_pod_owner(const char *pod);
/* The engine made this name up ("sleepy_turing"), nobody chose it. */
bool ew_rule_is_generated_name(const char *name);
