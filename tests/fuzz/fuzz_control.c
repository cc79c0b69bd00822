/* SPDX-License-Identifier: Apache-2.0 */
/* Control requests that change something: what is accepted fits a message to core. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "api/control_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ew_control_request request;
	static uint8_t bytes[EW_PROC_MESSAGE_MAX];
	char why[256] = "";
	size_t length;

	json_t *json =
	    json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	const char *verb = json_string_value(json_object_get(json, "verb"));
	if (json_is_object(json) && verb) {
		if (control_read_change(verb, json, &request, why) == 0)
			assert(ew_proc_encode(EW_PROC_CONTROL, &request, bytes,
				   sizeof(bytes), &length) == 0);
		else
			assert(why[0]);
	}
	json_decref(json);
	return 0;
}
