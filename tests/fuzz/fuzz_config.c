/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: a refusal names its place; what is accepted is shown and parses back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ew_config config, again;
	struct ew_error error = { .text = "" };
	struct ew_text first, second;

	if (ew_config_parse("f", (const char *)data, size, &config, &error) != 0) {
		assert(strncmp(error.text, "f:", 2) == 0);
		return 0;
	}
	ew_text_init(&first, (size_t)1 << 20);
	ew_text_init(&second, (size_t)1 << 20);
	ew_config_show(&config, &first);
	assert(ew_config_parse("s", first.text, first.length, &again, &error) == 0);
	ew_config_show(&again, &second);
	assert(strcmp(first.text, second.text) == 0);
	ew_text_fini(&first);
	ew_text_fini(&second);
	return 0;
}
