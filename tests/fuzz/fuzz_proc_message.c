/* SPDX-License-Identifier: Apache-2.0 */
/* Process messages: what parses must be writable again, and come back the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union ew_proc_record first, second;
	static uint8_t bytes[EW_PROC_MESSAGE_MAX];
	enum ew_proc_type type, again;
	size_t length;

	if (ew_proc_decode(data, size, &type, &first) != 0)
		return 0;
	const int has_record = type != EW_PROC_RELOAD && type != EW_PROC_STOP;
	assert(ew_proc_encode(type, has_record ? &first : NULL, bytes, sizeof(bytes),
		   &length) == 0);
	assert(ew_proc_decode(bytes, length, &again, &second) == 0);
	assert(again == type);
	assert(!has_record || memcmp(&first, &second, sizeof(first)) == 0);
	return 0;
}
