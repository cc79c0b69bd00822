/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory files: a refusal has a sentence with a line, and hands out nothing. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proc/inventory_file.h"
#include "proc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned given;

static void
on_network(void *context, const struct ew_network_info *info)
{
	(void)context;
	assert(info->id[0]);
	given++;
}

static void
on_instance(void *context, const struct ew_instance_info *info)
{
	static uint8_t bytes[EW_PROC_MESSAGE_MAX];
	size_t length;

	(void)context;
	assert(info->cid[0] && info->name[0]);
	assert(
	    ew_proc_encode(EW_PROC_INSTANCE, info, bytes, sizeof(bytes), &length) == 0);
	given++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ew_inventory_sink sink = { .network = on_network,
		.instance = on_instance };
	struct ew_error error = { .text = "" };

	given = 0;
	if (ew_inventory_parse("f", (const char *)data, size, &sink, &error) != 0) {
		assert(strncmp(error.text, "f:", 2) == 0);
		assert(given == 0);
	}
	return 0;
}
