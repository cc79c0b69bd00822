/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng files (draft-ietf-opsawg-pcapng): blocks of type, length, body and length again.
 * A section header sets the byte order and forgets the interfaces before it; interface
 * descriptions give link type and clock; packets refer to them by number.
 *
 * Unlike libpcap this reader takes files whose interfaces differ in link type. What it does
 * not know it skips by length. A block whose two lengths differ ends the input: there is
 * no way to find the next one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/time.h"
#include "capture/frame.h"
#include "capture/reader_priv.h"
#include "capture/window_priv.h"

#define BLOCK_SECTION UINT32_C(0x0a0d0d0a) /* reads the same in both byte orders */
#define BLOCK_INTERFACE 1
#define BLOCK_PACKET_OLD 2
#define BLOCK_PACKET_SIMPLE 3
#define BLOCK_STATISTICS 5
#define BLOCK_PACKET 6
#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)

#define BLOCK_HEAD 8		    /* type and length */
#define BLOCK_FRAME 12		    /* and the length behind */
#define CAPLEN_MAX UINT32_C(262144) /* libpcap's MAXIMUM_SNAPLEN */
#define INTERFACES_MAX 65536 /* of a section; ours, against a file of nothing else */

#define OPTION_END 0
#define OPTION_PACKET_FLAGS 2
#define OPTION_TS_RESOLUTION 9
#define OPTION_TS_OFFSET 14
#define OPTION_DROPS_INTERFACE 5
#define OPTION_DROPS_KERNEL 7

struct ew_pcapng_interface {
	uint64_t
	    multiply; /* ticks to ns: * multiply / divide, whole ns when divide is 1 */
	uint64_t divide;
	int64_t offset_ns;
	uint32_t snap_bytes;
	uint8_t link;
	uint64_t kernel_drops;
	uint64_t interface_drops;
};

/* A block in the window, its lengths checked; body starts behind the head. */
struct block {
	const uint8_t *body;
	uint32_t body_bytes;
	uint32_t type;
	uint32_t total;
};

static uint32_t
get_u32(const uint8_t *p, bool swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

static uint16_t
get_u16(const uint8_t *p, bool swapped)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

static uint32_t
take_u32(struct ew_cursor *c, bool swapped)
{
	const uint8_t *p = ew_cursor_take(c, 4);

	return p ? get_u32(p, swapped) : 0;
}

static uint16_t
take_u16(struct ew_cursor *c, bool swapped)
{
	const uint8_t *p = ew_cursor_take(c, 2);

	return p ? get_u16(p, swapped) : 0;
}

static uint64_t
take_u64(struct ew_cursor *c, bool swapped)
{
	const uint8_t *p = ew_cursor_take(c, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap64(v) : v;
}

/* The next option and its value; false at the end of the list or where it is damaged. */
static bool
next_option(struct ew_cursor *c, bool swapped, uint16_t *ret_code,
    struct ew_cursor *ret_value)
{
	if (ew_cursor_left(c) < 4)
		return false;
	*ret_code = take_u16(c, swapped);
	const uint16_t length = take_u16(c, swapped);
	const uint8_t *value = ew_cursor_take(c, length);
	if (*ret_code == OPTION_END || !value)
		return false;
	*ret_value = ew_cursor_over(value, length);
	const size_t padding = (4 - (length & 3)) & 3;
	ew_cursor_skip(c, padding < ew_cursor_left(c) ? padding : ew_cursor_left(c));
	return true;
}

/* --- blocks -------------------------------------------------------------------------- */

bool
ew_pcapng_magic(const uint8_t bytes[4])
{
	return get_u32(bytes, false) == BLOCK_SECTION;
}

static int
truncated(const struct ew_window *window, size_t need, struct ew_error *error)
{
	return ew_error_set(error, EW_ERR_TRUNCATED,
	    "the block at byte %llu needs %zu bytes, the file ends after %zu",
	    (unsigned long long)ew_window_offset(window), need, ew_window_left(window));
}

static int
damaged(const struct ew_window *window, struct ew_error *error, const char *what)
{
	return ew_error_set(error, EW_ERR_FORMAT, "the block at byte %llu %s",
	    (unsigned long long)ew_window_offset(window), what);
}

/*
 * Look at the block at pos. 0 with a checked block, or how many bytes are needed (> 0), or
 * a negative error. The section header's byte order is learnt here.
 */
static long
look(struct ew_pcapng_reader *reader, const struct ew_window *window,
    struct block *ret_block, struct ew_error *error)
{
	const size_t left = ew_window_left(window);
	const uint8_t *p = window->pos;

	if (left < BLOCK_FRAME)
		return BLOCK_FRAME;
	uint32_t type = get_u32(p, reader->swapped);
	if (type == BLOCK_SECTION) {
		const uint32_t magic = get_u32(p + BLOCK_HEAD, false);
		if (magic != BYTE_ORDER_MAGIC &&
		    magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
			return damaged(window, error,
			    "begins a section without a byte order");
		reader->swapped = magic != BYTE_ORDER_MAGIC;
	}
	const uint32_t total = get_u32(p + 4, reader->swapped);
	if (total < BLOCK_FRAME || (total & 3) != 0 || total > EW_WINDOW_MAX)
		return damaged(window, error, "has an impossible length");
	if (left < total)
		return (long)total;
	if (get_u32(p + total - 4, reader->swapped) != total)
		return damaged(window, error, "does not end with its length");
	*ret_block = (struct block){
		.body = p + BLOCK_HEAD,
		.body_bytes = total - BLOCK_FRAME,
		.type = type,
		.total = total,
	};
	return 0;
}

static void
forget_interfaces(struct ew_pcapng_reader *reader)
{
	reader->past_kernel_drops = reader->kernel_drops;
	reader->past_interface_drops = reader->interface_drops;
	reader->count = 0;
}

static int
read_section(struct ew_pcapng_reader *reader, const struct ew_window *window,
    const struct block *block, struct ew_error *error)
{
	struct ew_cursor c = ew_cursor_over(block->body, block->body_bytes);

	ew_cursor_skip(&c, 4);
	const uint16_t major = take_u16(&c, reader->swapped);
	const uint16_t minor = take_u16(&c, reader->swapped);
	ew_cursor_skip(&c, 8);
	if (c.failed)
		return damaged(window, error, "is a section header cut short");
	if (major != 1)
		return ew_error_set(error, EW_ERR_VERSION,
		    "the section at byte %llu has pcapng version %u.%u, known is 1.x",
		    (unsigned long long)ew_window_offset(window), major, minor);
	forget_interfaces(reader);
	return 0;
}

/* if_tsresol: a power of 10, or of 2 with the top bit set. False when it cannot be meant. */
static bool
set_resolution(struct ew_pcapng_interface *interface, uint8_t resolution)
{
	const unsigned exponent = resolution & 0x7f;

	interface->multiply = 1;
	interface->divide = 1;
	if (resolution & 0x80) {
		if (exponent > 63)
			return false;
		interface->multiply = (uint64_t)EW_NS_PER_S;
		interface->divide = UINT64_C(1) << exponent;
		return true;
	}
	if (exponent > 28)
		return false;
	for (unsigned i = exponent; i < 9; i++)
		interface->multiply *= 10;
	for (unsigned i = 9; i < exponent; i++)
		interface->divide *= 10;
	return true;
}

static int
read_interface(struct ew_pcapng_reader *reader, const struct ew_window *window,
    const struct block *block, struct ew_error *error)
{
	struct ew_cursor c = ew_cursor_over(block->body, block->body_bytes);
	struct ew_pcapng_interface interface = { .multiply = EW_NS_PER_US,
		.divide = 1 };
	struct ew_cursor value;
	uint16_t code;

	interface.link = ew_link_from_linktype(take_u16(&c, reader->swapped));
	ew_cursor_skip(&c, 2);
	interface.snap_bytes = take_u32(&c, reader->swapped);
	if (c.failed)
		return damaged(window, error, "is an interface description cut short");
	while (next_option(&c, reader->swapped, &code, &value)) {
		if (code == OPTION_TS_RESOLUTION &&
		    !set_resolution(&interface, ew_cursor_u8(&value)))
			return damaged(window, error,
			    "has an impossible time resolution");
		if (code == OPTION_TS_OFFSET) {
			const int64_t s = (int64_t)take_u64(&value, reader->swapped);
			const int64_t limit = INT64_MAX / EW_NS_PER_S;
			if (s > limit || s < -limit)
				return damaged(window, error,
				    "has an impossible time offset");
			interface.offset_ns = s * EW_NS_PER_S;
		}
	}
	if (reader->count == INTERFACES_MAX)
		return damaged(window, error, "describes one interface too many");
	if (reader->count == reader->capacity) {
		reader->capacity = reader->capacity ? reader->capacity * 2 : 4;
		reader->interfaces = ew_realloc_array(reader->interfaces,
		    reader->capacity, sizeof(*reader->interfaces));
	}
	reader->interfaces[reader->count++] = interface;
	return 0;
}

/* Statistics are totals per interface, and the last block of each counts. */
static void
read_statistics(struct ew_pcapng_reader *reader, const struct block *block)
{
	struct ew_cursor c = ew_cursor_over(block->body, block->body_bytes);
	struct ew_cursor value;
	uint16_t code;

	const uint32_t id = take_u32(&c, reader->swapped);
	ew_cursor_skip(&c, 8);
	if (c.failed || id >= reader->count)
		return;
	struct ew_pcapng_interface *interface = &reader->interfaces[id];
	while (next_option(&c, reader->swapped, &code, &value)) {
		if (code == OPTION_DROPS_INTERFACE)
			interface->interface_drops = take_u64(&value, reader->swapped);
		if (code == OPTION_DROPS_KERNEL)
			interface->kernel_drops = take_u64(&value, reader->swapped);
	}
	reader->kernel_drops = reader->past_kernel_drops;
	reader->interface_drops = reader->past_interface_drops;
	for (size_t i = 0; i < reader->count; i++) {
		reader->kernel_drops += reader->interfaces[i].kernel_drops;
		reader->interface_drops += reader->interfaces[i].interface_drops;
	}
}

/* --- packets ------------------------------------------------------------------------- */

static int64_t
ticks_to_ns(const struct ew_pcapng_interface *interface, uint64_t ticks)
{
	__extension__ typedef __int128 wide;
	wide ns = (wide)ticks * (wide)interface->multiply;

	if (interface->divide != 1)
		ns /= (wide)interface->divide;
	ns += interface->offset_ns;
	if (ns < 0)
		return 0;
	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* epb_flags: bits 0-1 direction, bits 2-4 how it was received. */
static uint8_t
seen_from_flags(uint32_t flags)
{
	static const uint8_t reception[8] = { EW_SEEN_UNKNOWN, EW_SEEN_HOST,
		EW_SEEN_MULTICAST, EW_SEEN_BROADCAST, EW_SEEN_OTHER, EW_SEEN_UNKNOWN,
		EW_SEEN_UNKNOWN, EW_SEEN_UNKNOWN };

	if ((flags & 3) == 2)
		return EW_SEEN_OUTGOING;
	const uint8_t seen = reception[flags >> 2 & 7];
	return (flags & 3) == 1 && seen == EW_SEEN_UNKNOWN ? EW_SEEN_OTHER : seen;
}

static uint8_t
read_packet_flags(const uint8_t *options, size_t size, bool swapped)
{
	struct ew_cursor c = ew_cursor_over(options, size);
	struct ew_cursor value;
	uint16_t code;

	while (next_option(&c, swapped, &code, &value))
		if (code == OPTION_PACKET_FLAGS)
			return seen_from_flags(take_u32(&value, swapped));
	return EW_SEEN_UNKNOWN;
}

/*
 * Interfaces of a file have numbers, which are no ifindex. Where there are several they may
 * show the same packet, so flow must tell them apart: numbers no kernel gives out.
 */
static uint32_t
ifindex_of(const struct ew_pcapng_reader *reader, uint32_t id)
{
	return reader->count > 1 ? UINT32_C(0x40000000) + id : 0;
}

/* An enhanced packet, or its predecessor, which differs in its first eight bytes. */
static int
read_packet(struct ew_pcapng_reader *reader, const struct ew_window *window,
    const struct block *block, struct ew_frame *ret_frame, struct ew_error *error)
{
	enum { HEADER = 20 };
	const bool swapped = reader->swapped;
	const uint8_t *p = block->body;

	if (block->body_bytes < HEADER)
		return damaged(window, error, "is a packet cut short");
	uint32_t id = get_u32(p, swapped);
	if (block->type ==
	    BLOCK_PACKET_OLD) /* a 16-bit number, then a count of drops */
		id = get_u16(p, swapped);
	if (id >= reader->count)
		return damaged(window, error,
		    "is from an interface that is not described");
	const struct ew_pcapng_interface *interface = &reader->interfaces[id];
	const uint32_t caplen = get_u32(p + 12, swapped);
	if (caplen > CAPLEN_MAX || caplen > block->body_bytes - HEADER)
		return damaged(window, error, "claims more packet than it holds");

	const uint64_t ticks =
	    (uint64_t)get_u32(p + 4, swapped) << 32 | get_u32(p + 8, swapped);
	const size_t padded = (caplen + 3U) & ~3U;
	*ret_frame = (struct ew_frame){
		.ts_ns = ticks_to_ns(interface, ticks),
		.data = p + HEADER,
		.caplen = caplen,
		.len = get_u32(p + 16, swapped),
		.ifindex = ifindex_of(reader, id),
		.link = interface->link,
		.seen = EW_SEEN_UNKNOWN,
	};
	if (HEADER + padded + 4 <= block->body_bytes)
		ret_frame->seen = read_packet_flags(p + HEADER + padded,
		    block->body_bytes - HEADER - padded, swapped);
	reader->last_ts_ns = ret_frame->ts_ns;
	return 0;
}

/* A simple packet: of the first interface, without a time; it gets the last one seen. */
static int
read_simple(struct ew_pcapng_reader *reader, const struct ew_window *window,
    const struct block *block, struct ew_frame *ret_frame, struct ew_error *error)
{
	if (block->body_bytes < 4)
		return damaged(window, error, "is a packet cut short");
	if (reader->count == 0)
		return damaged(window, error,
		    "is from an interface that is not described");
	const struct ew_pcapng_interface *interface = &reader->interfaces[0];
	const uint32_t len = get_u32(block->body, reader->swapped);
	uint32_t caplen = block->body_bytes - 4;
	if (caplen > len)
		caplen = len;
	if (interface->snap_bytes && caplen > interface->snap_bytes)
		caplen = interface->snap_bytes;
	if (caplen > CAPLEN_MAX)
		return damaged(window, error, "claims more packet than it holds");
	*ret_frame = (struct ew_frame){
		.ts_ns = reader->last_ts_ns,
		.data = block->body + 4,
		.caplen = caplen,
		.len = len,
		.ifindex = ifindex_of(reader, 0),
		.link = interface->link,
		.seen = EW_SEEN_UNKNOWN,
	};
	return 0;
}

/* Use one block; *ret_count is 1 when it was a packet. */
static int
use_block(struct ew_pcapng_reader *reader, const struct ew_window *window,
    const struct block *block, struct ew_frame *frame, size_t *ret_count,
    struct ew_error *error)
{
	int rc = 0;

	*ret_count = 0;
	switch (block->type) {
	case BLOCK_PACKET:
	case BLOCK_PACKET_OLD:
		rc = read_packet(reader, window, block, frame, error);
		*ret_count = rc == 0;
		return rc;
	case BLOCK_PACKET_SIMPLE:
		rc = read_simple(reader, window, block, frame, error);
		*ret_count = rc == 0;
		return rc;
	case BLOCK_SECTION:
		return read_section(reader, window, block, error);
	case BLOCK_INTERFACE:
		return read_interface(reader, window, block, error);
	case BLOCK_STATISTICS:
		read_statistics(reader, block);
		return 0;
	default: /* names, secrets, custom blocks: nothing for us */
		return 0;
	}
}

int
ew_pcapng_read(struct ew_pcapng_reader *reader, struct ew_window *window,
    struct ew_frame *frames, size_t max, size_t *ret_count, struct ew_error *error)
{
	size_t n = 0;

	while (n < max) {
		struct block block;
		struct ew_error trouble;
		size_t got = 0;
		long need = look(reader, window, &block, n ? &trouble : error);
		if (need == 0) {
			const int rc = use_block(reader, window, &block, &frames[n],
			    &got, n ? &trouble : error);
			if (rc == 0) {
				n += got;
				window->pos += block.total;
				continue;
			}
			need = rc;
		}
		if (n) /* frames first: trouble is met again by the next call */
			break;
		if (need < 0)
			return (int)need;
		const int rc = ew_window_more(window, (size_t)need);
		if (rc == EW_ERR_TRUNCATED && ew_window_left(window) == 0)
			return EW_ERR_CLOSED;
		if (rc == EW_ERR_TRUNCATED)
			return truncated(window, (size_t)need, error);
		if (rc)
			return ew_error_set(error, rc,
			    "cannot read on at byte %llu: %s",
			    (unsigned long long)ew_window_offset(window),
			    ew_err_text(rc));
	}
	*ret_count = n;
	return 0;
}

int
ew_pcapng_open(struct ew_pcapng_reader *reader, struct ew_window *window,
    struct ew_error *error)
{
	struct block block;

	*reader = (struct ew_pcapng_reader){ 0 };
	for (;;) {
		const long need = look(reader, window, &block, error);
		if (need <= 0)
			return (int)need;
		const int rc = ew_window_more(window, (size_t)need);
		if (rc == EW_ERR_TRUNCATED)
			return truncated(window, (size_t)need, error);
		if (rc)
			return ew_error_set(error, rc, "cannot read: %s",
			    ew_err_text(rc));
	}
}

void
ew_pcapng_close(struct ew_pcapng_reader *reader)
{
	free(reader->interfaces);
	reader->interfaces = NULL;
	reader->count = 0;
}
