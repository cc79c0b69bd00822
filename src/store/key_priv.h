/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"

/*
 * What a block of flow rows can be asked for: flow_block.keys. Writer and reader must agree,
 * for as long as there are databases; so the hashes are plain arithmetic, fixed here.
 */
enum ew_key_kind {
	EW_KEY_EDGE, /* source, destination, protocol, port; and the pair alone */
	EW_KEY_WORKLOAD,
	EW_KEY_INSTANCE,
	EW_KEY_ADDR,
	EW_KEY_PORT,
	EW_KEY_TRAIT, /* enum ew_key_trait << 8 | value */
	EW_KEY_NET,   /* IPv4 /24, IPv6 /64 */
};
enum ew_key_trait {
	EW_TRAIT_STATE,
	EW_TRAIT_VERDICT,
	EW_TRAIT_DIRECTION,
	EW_TRAIT_PROTO
};

/* 28 bits; a collision costs a look at a block that has nothing. */
static inline uint32_t
ew_key_hash(uint64_t a, uint64_t b)
{
	uint64_t x = a ^ (b * UINT64_C(0x9e3779b97f4a7c15));

	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(x >> 36);
}

static inline uint32_t
ew_key(enum ew_key_kind kind, uint32_t value)
{
	return (value & 0xfffffffu) << 3 | (uint32_t)kind;
}

/* src and dst are ids of table workload. */
static inline uint32_t
ew_key_edge(int64_t src, int64_t dst, uint8_t proto, uint16_t port)
{
	const uint32_t hash = ew_key_hash((uint64_t)src << 32 | (uint64_t)dst,
	    (uint64_t)proto << 16 | port);

	return ew_key(EW_KEY_EDGE,
	    hash ? hash : 1); /* key 0 means "no key" to the writer */
}

static inline uint32_t
ew_key_addr(const struct ew_addr *addr)
{
	uint64_t a, b;

	memcpy(&a, addr->b, 8);
	memcpy(&b, addr->b + 8, 8);
	return ew_key(EW_KEY_ADDR, ew_key_hash(be64toh(a), be64toh(b)));
}

/* Any protocol and port between the two. */
static inline uint32_t
ew_key_pair(int64_t src, int64_t dst)
{
	return ew_key_edge(src, dst, 255, 0);
}

static inline uint32_t
ew_key_trait(enum ew_key_trait trait, uint32_t value)
{
	return ew_key(EW_KEY_TRAIT, (uint32_t)trait << 8 | value);
}

static inline uint32_t
ew_key_net(const struct ew_addr *addr)
{
	struct ew_addr net = *addr;

	if (ew_addr_is_v4(addr))
		net.b[15] = 0;
	else
		memset(net.b + 8, 0, 8);
	return (ew_key_addr(&net) & ~UINT32_C(7)) | EW_KEY_NET;
}

/* An IPv4 address in a flow row's column. */
static inline int64_t
ew_key_v4(const struct ew_addr *addr)
{
	const uint8_t *p = addr->b + 12;

	return (int64_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		   (uint32_t)p[2] << 8 | p[3]) -
	    INT64_C(2147483648);
}
/* An IPv6 address: this plus the id in table addr6. */
#define EW_KEY_V6_BASE INT64_C(4294967296)
