/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * The decoder: frames in, packets out, in batches.
 *
 * A frame is a row of layers, and a tunnel only makes the row longer. So there is one loop:
 * each layer reads its header through the cursor, narrows the cursor to what is inside and
 * says which layer comes next. Nothing recurses, and the row ends after EW_TUNNEL_DEPTH_MAX
 * tunnels whatever the bytes say.
 *
 * Two lengths travel together: the cursor spans what was captured, and `missing` counts
 * what the wire had beyond. All sizes handed on come from headers, so a snap length of 192
 * bytes changes no count. What does not hold together is counted by reason and dropped; a
 * packet that was complete before (the outer one of a broken tunnel) stays.
 */
#include "decode/decode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/time.h"
#include "capture/frame.h"
#include "decode/decode_priv.h"

struct ew_decoder_conf
ew_decoder_conf_default(void)
{
	return (struct ew_decoder_conf){
		.notes = UINT32_MAX,
		.max_datagrams = 4096,
		.fragment_timeout_ns = 300 * EW_NS_PER_S,
	};
}

struct ew_decoder *
ew_decoder_new(const struct ew_decoder_conf *conf)
{
	struct ew_decoder *decoder = ew_alloc(sizeof(*decoder));

	decoder->conf = *conf;
	decoder->fragments = ew_fragments_new(conf->max_datagrams, conf->seed);
	if (!decoder->fragments) {
		ew_decoder_free(decoder);
		return NULL;
	}
	return decoder;
}

void
ew_decoder_free(struct ew_decoder *decoder)
{
	if (!decoder)
		return;
	ew_fragments_free(decoder->fragments);
	free(decoder);
}

struct ew_note *
ew_state_note(struct ew_state *s, struct ew_packet *packet, enum ew_note_kind kind)
{
	struct ew_batch *batch = s->batch;

	assert(batch->n_notes < EW_BATCH_NOTES);
	struct ew_note *note = &batch->notes[batch->n_notes++];

	memset(note, 0, sizeof(*note));
	note->kind = (uint8_t)kind;
	packet->note = (uint16_t)batch->n_notes;
	s->decoder->counters.notes++;
	return note;
}

void
ew_state_drop_note(struct ew_state *s, struct ew_packet *packet)
{
	s->batch->n_notes--;
	packet->note = 0;
	s->decoder->counters.notes--;
}

static enum ew_step
first_step(uint8_t link)
{
	switch ((enum ew_link)link) {
	case EW_LINK_ETHERNET:
		return EW_STEP_ETHERNET;
	case EW_LINK_SLL:
		return EW_STEP_SLL;
	case EW_LINK_SLL2:
		return EW_STEP_SLL2;
	case EW_LINK_NULL:
		return EW_STEP_NULL;
	case EW_LINK_UNKNOWN:
	case EW_LINK_RAW:
		break;
	}
	return EW_STEP_IP;
}

/* RAW, and the inside of a tunnel that does not say: the version nibble decides. */
static enum ew_step
ip_by_version(struct ew_state *s)
{
	if (ew_cursor_left(&s->c) == 0)
		return ew_decode_fail(s, EW_DECODE_IP_HEADER);
	switch (s->c.pos[0] >> 4) {
	case 4:
		return EW_STEP_IPV4;
	case 6:
		return EW_STEP_IPV6;
	default:
		return ew_decode_fail(s, EW_DECODE_IP_HEADER);
	}
}

static void
decode_frame(struct ew_decoder *decoder, const struct ew_frame *frame,
    struct ew_batch *batch)
{
	struct ew_packet *packet = &batch->packets[batch->n_packets];

	assert(batch->n_packets < EW_BATCH_PACKETS);
	if (ew_decode_short(frame, packet)) {
		batch->n_packets++;
		return;
	}
	struct ew_state s = {
		.decoder = decoder,
		.batch = batch,
		.c = ew_cursor_over(frame->data, frame->caplen),
		.missing = frame->len > frame->caplen ? frame->len - frame->caplen : 0,
		.packet = packet,
	};

	memset(packet, 0, sizeof(*packet));
	packet->ts_ns = frame->ts_ns;
	packet->ifindex = frame->ifindex;
	packet->seen = frame->seen;
	enum ew_step step = first_step(frame->link);

	while (step != EW_STEP_DONE) {
		switch (step) {
		case EW_STEP_IPV4:
			step = ew_decode_ipv4(&s);
			break;
		case EW_STEP_TRANSPORT:
			step = ew_decode_transport(&s);
			break;
		case EW_STEP_IPV6:
			step = ew_decode_ipv6(&s);
			break;
		case EW_STEP_IP:
			step = ip_by_version(&s);
			break;
		case EW_STEP_ETHERNET:
		case EW_STEP_SLL:
		case EW_STEP_SLL2:
		case EW_STEP_NULL:
		case EW_STEP_TYPE:
		case EW_STEP_LLC:
			step = ew_decode_link(&s, step);
			break;
		case EW_STEP_DONE:
			break;
		}
	}
}

size_t
ew_decode(struct ew_decoder *decoder, const struct ew_frame *frames, size_t count,
    struct ew_batch *batch)
{
	const uint32_t packets_limit = EW_BATCH_PACKETS - EW_FRAME_PACKETS;
	const uint32_t notes_limit = EW_BATCH_NOTES - EW_FRAME_PACKETS;
	size_t used = 0;

	batch->n_packets = 0;
	batch->n_notes = 0;
	while (used < count && batch->n_packets <= packets_limit &&
	    batch->n_notes <= notes_limit) {
		if (used + 4 < count)
			__builtin_prefetch(frames[used + 4].data);
		decode_frame(decoder, &frames[used++], batch);
	}
	decoder->counters.frames += used;
	decoder->counters.packets += batch->n_packets;
	return used;
}
