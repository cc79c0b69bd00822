/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame through all layers. Input: link type, bytes missing from the capture (two
 * bytes), the frame.
 */
#include <stdint.h>
#include <stdlib.h>

#include "capture/frame.h"
#include "decode/decode.h"
#include "decode/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ew_decoder *decoder;
	static struct ew_batch batch;

	if (size < 3)
		return 0;
	if (!decoder) {
		const struct ew_decoder_conf conf = ew_decoder_conf_default();

		decoder = ew_decoder_new(&conf);
	}
	const struct ew_frame frame = { .ts_ns = 1,
		.data = data + 3,
		.caplen = (uint32_t)(size - 3),
		.len = (uint32_t)(size - 3) + (uint32_t)(data[1] << 8 | data[2]),
		.link = data[0] % (EW_LINK_NULL + 1),
		.seen = EW_SEEN_UNKNOWN };

	if (ew_decode(decoder, &frame, 1, &batch) != 1 ||
	    batch.n_packets > EW_FRAME_PACKETS || batch.n_notes > batch.n_packets)
		abort();
	for (uint32_t i = 0; i < batch.n_packets; i++) {
		const struct ew_packet *p = &batch.packets[i];

		/* A tunnelled packet names an earlier one, a note one of the batch. */
		if (p->outer > i || p->note > batch.n_notes || (i > 0 && p->outer == 0))
			abort();
	}
	return 0;
}
