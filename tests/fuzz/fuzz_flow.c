/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way from frames to events, with a table so small that it always overflows, and
 * a mutator that knows what a frame is.
 *
 * Input: records of [control, time step, length, frame...]. control: bits 0..2 the
 * interface, bit 3 outgoing, bits 4..6 link type, bit 7 the time runs back. What must hold
 * whatever comes: event times never run back; each flow is closed once; nothing is counted
 * that was not sent; the table keeps its bound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "capture/frame.h"
#include "decode/decode.h"
#include "decode/packet.h"
#include "flow/event.h"
#include "flow/flow.h"

#define HEADER 3
#define MAX_FLOWS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
    unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size,
    size_t max_size);

struct told {
	int64_t last_ts_ns;
	uint64_t closed, pkts;
};

static void
on_event(void *context, const struct ew_flow_event *ev)
{
	struct told *told = context;

	if (ev->ts_ns < told->last_ts_ns || ew_flow_event_size(ev) > sizeof(*ev) ||
	    strnlen(ev->history, EW_FLOW_HISTORY_MAX) == EW_FLOW_HISTORY_MAX)
		abort();
	told->last_ts_ns = ev->ts_ns;
	if (ev->kind != EW_FLOW_CLOSE)
		return;
	told->closed++;
	told->pkts += ev->side[0].pkts + ev->side[1].pkts;
	if (ev->last_ns < ev->first_ns || ev->flow_id == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ew_batch batch;
	const struct ew_decoder_conf decode_conf = { .notes = UINT32_MAX,
		.max_datagrams = 8,
		.fragment_timeout_ns = 30 * EW_NS_PER_S };
	struct ew_flow_conf conf = ew_flow_conf_default(size & 1);
	struct told told = { .last_ts_ns = INT64_MIN };
	int64_t now = INT64_C(1767225600000000000);

	conf.max_flows = MAX_FLOWS;
	conf.events = UINT32_MAX;
	struct ew_decoder *decoder = ew_decoder_new(&decode_conf);
	struct ew_flow_table *table = ew_flow_table_new(&conf, on_event, &told);

	for (unsigned i = 1; i < 7; i++)
		ew_flow_set_point(table, i, (enum ew_flow_point)i, i == 5 ? 5 : 0);
	while (size > HEADER) {
		const uint8_t control = data[0];
		size_t length = data[2];

		/* Steps grow by powers: from microseconds to minutes. */
		now += (control & 0x80 ? -1 : 1) * ((int64_t)data[1] << (data[1] % 31));
		data += HEADER;
		size -= HEADER;
		if (length > size)
			length = size;
		const struct ew_frame frame = { .ts_ns = now,
			.data = data,
			.caplen = (uint32_t)length,
			.len = (uint32_t)length + (control & 0x40 ? 1400 : 0),
			.ifindex = control & 7,
			.link = (control >> 4 & 3) + 1,
			.seen = control & 8 ? EW_SEEN_OUTGOING : EW_SEEN_HOST };

		if (ew_decode(decoder, &frame, 1, &batch) != 1)
			abort();
		ew_flow_feed(table, &batch);
		if (ew_flow_table_totals(table).open > MAX_FLOWS)
			abort();
		if (control == 7)
			ew_flow_forget_point(table, 2);
		data += length;
		size -= length;
	}
	ew_flow_finish(table);
	const struct ew_flow_totals totals = ew_flow_table_totals(table);

	/* Tunnels without a row are closed without a record. */
	if (totals.opened != totals.closed || told.closed > totals.closed ||
	    told.pkts > totals.packets || totals.open != 0 || totals.peak > MAX_FLOWS)
		abort();
	ew_flow_table_free(table);
	ew_decoder_free(decoder);
	return 0;
}

/* --- the mutator ---------------------------------------------------------------------------- */

struct record {
	size_t at, size; /* header included */
};

static size_t
split(const uint8_t *data, size_t size, struct record *records, size_t max)
{
	size_t n = 0, at = 0;

	while (n < max && size - at > HEADER) {
		size_t length = HEADER + (size_t)data[at + 2];

		if (length > size - at)
			length = size - at;
		records[n++] = (struct record){ at, length };
		at += length;
	}
	return n;
}

/* Where the IPv4 header of a record's frame probably is; NULL when there is none. */
static uint8_t *
find_ip(uint8_t *frame, size_t size)
{
	for (size_t at = 0; at + 40 <= size && at < 60; at++) {
		if (frame[at] == 0x45 && (frame[at + 9] == 6 || frame[at + 9] == 17))
			return frame + at;
	}
	return NULL;
}

static void
swap_bytes(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* Change what a protocol machine looks at, and leave the rest sound. */
static void
change_fields(uint8_t *ip, unsigned dice)
{
	static const uint8_t flags[] = { 0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x01,
		0x00, 0x29, 0x03, 0x05 };
	uint8_t *h = ip + 20;

	switch (dice % 6) {
	case 0: /* the answer to this packet */
		swap_bytes(ip + 12, ip + 16, 4);
		swap_bytes(h, h + 2, 2);
		swap_bytes(h + 4, h + 8, 4);
		break;
	case 1:
		h[13] = flags[dice / 6 % sizeof(flags)];
		break;
	case 2: /* a sequence number near the old one */
		h[7] = (uint8_t)(h[7] + dice / 6);
		break;
	case 3:
		h[11] = (uint8_t)(h[11] + dice / 6);
		break;
	case 4: /* another client */
		h[1] = (uint8_t)(dice / 6);
		break;
	default: /* a fragment */
		ip[6] = (uint8_t)(dice / 6 & 0x3f);
		break;
	}
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct record records[64];
	const size_t n = split(data, size, records, 64);
	const unsigned dice = seed >> 8;

	if (n == 0 || seed % 4 == 0)
		return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : size;
	const struct record r = records[dice % n];

	if (seed % 4 == 1 &&
	    size + r.size <= max_size) { /* once more, after the others */
		memmove(data + size, data + r.at, r.size);
		uint8_t *ip = find_ip(data + size + HEADER, r.size - HEADER);

		if (ip)
			change_fields(ip, dice / 64);
		return size + r.size;
	}
	if (seed % 4 == 2 && n > 1) { /* one less */
		memmove(data + r.at, data + r.at + r.size, size - r.at - r.size);
		return size - r.size;
	}
	uint8_t *ip = find_ip(data + r.at + HEADER, r.size - HEADER);

	if (ip)
		change_fields(ip, dice / 64);
	else if (LLVMFuzzerMutate)
		(void)LLVMFuzzerMutate(data + r.at + HEADER, r.size - HEADER,
		    r.size - HEADER);
	return size;
}
