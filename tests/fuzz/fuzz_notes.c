/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers behind the headers, each by itself. Input: which one, then its bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "decode/decode_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(const char *name)
{
	const char *end = memchr(name, '\0', EW_DNS_NAME_MAX);

	if (!end)
		abort();
	for (; name < end; name++) {
		if (*name <= ' ' || *name > '~')
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ew_note note;
	struct ew_addr sender, target;

	if (size < 1)
		return 0;
	struct ew_cursor c = ew_cursor_over(data + 1, size - 1);

	memset(&note, 0, sizeof(note));
	switch (data[0] % 12) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (ew_decode_dns(&c, data[0] % 12, (uint32_t)size, &note.u.dns))
			check_name(note.u.dns.name);
		break;
	case 4:
		(void)ew_decode_dhcp(&c, &note.u.dhcp);
		break;
	case 5:
		(void)ew_decode_dhcp6(&c, &note.u.dhcp);
		break;
	case 6:
		(void)ew_decode_arp(&c, &sender, &target, &note.u.arp);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		(void)ew_decode_ndp(&c, (uint8_t)(133 + data[0] % 12 - 7), &note.u.ndp);
		break;
	default:
		(void)ew_decode_quote(&c, &note.u.quote);
		break;
	}
	return 0;
}
