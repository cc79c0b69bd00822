/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Capture files byte by byte, in either byte order. */
struct build {
	uint8_t bytes[1 << 16];
	size_t size;
	bool swapped; /* the order that is not ours */
};

static inline void
build_u16(struct build *b, uint16_t v)
{
	const uint16_t w = b->swapped ? __builtin_bswap16(v) : v;

	memcpy(b->bytes + b->size, &w, sizeof(w));
	b->size += sizeof(w);
}

static inline void
build_u32(struct build *b, uint32_t v)
{
	const uint32_t w = b->swapped ? __builtin_bswap32(v) : v;

	memcpy(b->bytes + b->size, &w, sizeof(w));
	b->size += sizeof(w);
}

static inline void
build_u64(struct build *b, uint64_t v)
{
	const uint64_t w = b->swapped ? __builtin_bswap64(v) : v;

	memcpy(b->bytes + b->size, &w, sizeof(w));
	b->size += sizeof(w);
}

static inline void
build_fill(struct build *b, uint8_t value, size_t count)
{
	memset(b->bytes + b->size, value, count);
	b->size += count;
}

/* pcap */
static inline void
build_pcap(struct build *b, uint32_t magic, uint32_t snap, uint32_t linktype)
{
	build_u32(b, magic);
	build_u16(b, 2);
	build_u16(b, 4);
	build_u32(b, 0);
	build_u32(b, 0);
	build_u32(b, snap);
	build_u32(b, linktype);
}

static inline void
build_record(struct build *b, uint32_t s, uint32_t fraction, uint32_t caplen,
    uint32_t len)
{
	build_u32(b, s);
	build_u32(b, fraction);
	build_u32(b, caplen);
	build_u32(b, len);
	build_fill(b, (uint8_t)caplen, caplen);
}

/* pcapng: begin a block, fill its body, end it. */
static inline size_t
build_block(struct build *b, uint32_t type)
{
	const size_t at = b->size;

	build_u32(b, type);
	build_u32(b, 0);
	return at;
}

static inline void
build_end(struct build *b, size_t block)
{
	while (b->size & 3)
		b->bytes[b->size++] = 0;
	build_u32(b, (uint32_t)(b->size + 4 - block));
	memcpy(b->bytes + block + 4, b->bytes + b->size - 4, 4);
}

static inline void
build_section(struct build *b)
{
	const size_t block = build_block(b, 0x0a0d0d0a);

	build_u32(b, 0x1a2b3c4d);
	build_u16(b, 1);
	build_u16(b, 0);
	build_u64(b, UINT64_MAX);
	build_end(b, block);
}

/* resolution: if_tsresol, or 6 for none; offset: if_tsoffset, or 0 for none. */
static inline void
build_interface(struct build *b, uint16_t linktype, uint8_t resolution, int64_t offset)
{
	const size_t block = build_block(b, 1);

	build_u16(b, linktype);
	build_u16(b, 0);
	build_u32(b, 65535);
	if (resolution != 6) {
		build_u16(b, 9);
		build_u16(b, 1);
		b->bytes[b->size] = resolution;
		memset(b->bytes + b->size + 1, 0, 3);
		b->size += 4;
	}
	if (offset) {
		build_u16(b, 14);
		build_u16(b, 8);
		build_u64(b, (uint64_t)offset);
	}
	build_u32(b, 0);
	build_end(b, block);
}

/* flags: epb_flags, or 0 for none. */
static inline void
build_packet(struct build *b, uint32_t interface, uint64_t ticks, uint32_t caplen,
    uint32_t len, uint32_t flags)
{
	const size_t block = build_block(b, 6);

	build_u32(b, interface);
	build_u32(b, (uint32_t)(ticks >> 32));
	build_u32(b, (uint32_t)ticks);
	build_u32(b, caplen);
	build_u32(b, len);
	build_fill(b, (uint8_t)caplen, caplen);
	while (b->size & 3)
		b->bytes[b->size++] = 0;
	if (flags) {
		build_u16(b, 2);
		build_u16(b, 4);
		build_u32(b, flags);
		build_u32(b, 0);
	}
	build_end(b, block);
}
