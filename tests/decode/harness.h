/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "capture/frame.h"
#include "decode/decode.h"
#include "decode/decode_priv.h"
#include "decode/packet.h"
#include "support/packet.h"

/* A decoder and the last batch; each frame is copied to memory of its exact size, so that
 * a read past the captured bytes is seen by the sanitizer. */
struct bench {
	struct ew_decoder *decoder;
	struct ew_batch batch;
	int64_t ts_ns;
};

static inline void
bench_open(struct bench *b)
{
	const struct ew_decoder_conf conf = ew_decoder_conf_default();

	memset(b, 0, sizeof(*b));
	b->decoder = ew_decoder_new(&conf);
	b->ts_ns = INT64_C(1767225600000000000);
}

static inline void
bench_close(struct bench *b)
{
	ew_decoder_free(b->decoder);
}

static inline void
bench_frame(struct bench *b, const void *bytes, size_t captured, size_t wire,
    enum ew_link link)
{
	uint8_t *copy = malloc(captured ? captured : 1);
	const struct ew_frame frame = { .ts_ns = b->ts_ns,
		.data = copy,
		.caplen = (uint32_t)captured,
		.len = (uint32_t)wire,
		.link = (uint8_t)link,
		.seen = EW_SEEN_UNKNOWN };

	memcpy(copy, bytes, captured);
	cr_assert_eq(ew_decode(b->decoder, &frame, 1, &b->batch), 1);
	free(copy);
}

static inline const struct ew_packet *
bench_packet(struct bench *b, struct packet *p, enum ew_link link)
{
	packet_seal(p);
	bench_frame(b, p->bytes, p->size, p->size, link);
	return b->batch.n_packets ? &b->batch.packets[b->batch.n_packets - 1] : NULL;
}

static inline uint64_t
bench_errors(const struct bench *b, enum ew_decode_error error)
{
	return b->decoder->counters.errors[error];
}

static inline bool
is_addr(const struct ew_addr *addr, const char *text)
{
	char buffer[EW_ADDR_TEXT];

	return strcmp(ew_addr_format(addr, buffer), text) == 0;
}
