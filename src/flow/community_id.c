/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Community ID v1 (corelight/community-id-spec): "1:" and the base64 of a SHA-1 over seed,
 * the two addresses, protocol, a zero and the two ports, the lower end first.
 *
 * The input is 40 bytes at most, so SHA-1 (FIPS 180-4) is one block here, without a library
 * and without allocating. It is an identifier, not a secret: nothing rests on SHA-1.
 */
#include <string.h>

#include "flow/event.h"
#include "flow/flow.h"
#include "flow/flow_priv.h"

static uint32_t
rotate(uint32_t x, int by)
{
	return x << by | x >> (32 - by);
}

static uint32_t
mix(int i, uint32_t b, uint32_t c, uint32_t d)
{
	if (i < 20)
		return ((b & c) | (~b & d)) + UINT32_C(0x5a827999);
	if (i < 40)
		return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
	if (i < 60)
		return ((b & c) | (b & d) | (c & d)) + UINT32_C(0x8f1bbcdc);
	return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
}

/* SHA-1 of up to 55 bytes. */
static void
sha1_short(const uint8_t *bytes, size_t size, uint8_t ret_digest[20])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t block[64] = { 0 };
	uint32_t w[80];

	memcpy(block, bytes, size);
	block[size] = 0x80;
	block[62] = (uint8_t)(size * 8 >> 8);
	block[63] = (uint8_t)(size * 8);
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[i * 4] << 24 | (uint32_t)block[i * 4 + 1] << 16 |
		    (uint32_t)block[i * 4 + 2] << 8 | block[i * 4 + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (int i = 0; i < 80; i++) {
		const uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
	for (int i = 0; i < 20; i++)
		ret_digest[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}

static void
base64_of_digest(const uint8_t digest[20], char *text)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int i = 0; i < 20; i += 3) {
		const uint32_t third = i + 2 < 20 ? digest[i + 2] : 0;
		const uint32_t bits =
		    (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | third;

		*text++ = letters[bits >> 18];
		*text++ = letters[bits >> 12 & 63];
		*text++ = letters[bits >> 6 & 63];
		*text++ = i + 2 < 20 ? letters[bits & 63] : '=';
	}
	*text = '\0';
}

static bool
has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 132 || proto == 1 || proto == 58;
}

char *
ew_community_id(const struct ew_tuple *tuple, char text[EW_COMMUNITY_ID_TEXT])
{
	const struct ew_addr *low = &tuple->src, *high = &tuple->dst;
	uint16_t low_port = tuple->sport, high_port = tuple->dport;
	const bool is_v4 = ew_addr_is_v4(low) && ew_addr_is_v4(high);
	const size_t skip = is_v4 ? 12 : 0;
	const int order = ew_addr_compare(low, high);
	bool one_way = false;
	uint8_t bytes[2 + 32 + 2 + 4] = { 0 };
	size_t size = 2;
	uint8_t digest[20];

	if (tuple->proto == 1 || tuple->proto == 58)
		(void)icmp_counterpart(tuple->proto, (uint8_t)low_port, 0, &one_way);
	if (!one_way && (order > 0 || (order == 0 && low_port > high_port))) {
		low = &tuple->dst;
		high = &tuple->src;
		low_port = tuple->dport;
		high_port = tuple->sport;
	}
	memcpy(bytes + size, low->b + skip, 16 - skip);
	size += 16 - skip;
	memcpy(bytes + size, high->b + skip, 16 - skip);
	size += 16 - skip;
	bytes[size++] = tuple->proto;
	size++;
	if (has_ports(tuple->proto)) {
		bytes[size++] = (uint8_t)(low_port >> 8);
		bytes[size++] = (uint8_t)low_port;
		bytes[size++] = (uint8_t)(high_port >> 8);
		bytes[size++] = (uint8_t)high_port;
	}
	sha1_short(bytes, size, digest);
	text[0] = '1';
	text[1] = ':';
	base64_of_digest(digest, text + 2);
	return text;
}
