/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments in any order, overlapping, contradicting. Input: six bytes each: datagram and
 * more-flag, offset in 8 bytes (two), length (two), time step.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/time.h"
#include "decode/decode_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[EW_FRAGMENT_HEAD];
	struct ew_fragments *fragments = ew_fragments_new(16, 1);
	struct ew_decode_counters counters = { 0 };
	int64_t now = 0;

	for (; size >= 6; data += 6, size -= 6) {
		struct ew_datagram whole;
		const uint32_t length = (uint32_t)(data[3] << 8 | data[4]);

		now += data[5] * EW_NS_PER_S;
		const struct ew_fragment f = { .ts_ns = now,
			.id = data[0] >> 1,
			.offset = (uint32_t)((data[1] & 0x1f) << 8 | data[2]) * 8,
			.bytes = length,
			.header_bytes = 20,
			.more = data[0] & 1,
			.data = bytes,
			.captured = length < sizeof(bytes) ? length : sizeof(bytes) };

		if (ew_fragments_add(fragments, &f, 300 * EW_NS_PER_S, &counters,
			&whole) &&
		    (whole.bytes == 0 || whole.captured > whole.bytes ||
			whole.captured > EW_FRAGMENT_HEAD))
			abort();
		if (counters.fragment_open > 16)
			abort();
	}
	ew_fragments_free(fragments);
	return 0;
}
