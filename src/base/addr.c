/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and prefixes. IPv4 lives in its mapped form, so that one comparison, one hash
 * and one prefix test serve both families.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

struct ew_addr
ew_addr_v4(const uint8_t bytes[4])
{
	struct ew_addr a = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };

	memcpy(a.b + 12, bytes, 4);
	return a;
}

struct ew_addr
ew_addr_v6(const uint8_t bytes[16])
{
	struct ew_addr a;

	memcpy(a.b, bytes, sizeof(a.b));
	return a;
}

bool
ew_addr_is_unspecified(const struct ew_addr *a)
{
	static const struct ew_addr v6_any;

	if (ew_addr_is_v4(a))
		return (a->b[12] | a->b[13] | a->b[14] | a->b[15]) == 0;
	return ew_addr_equal(a, &v6_any);
}

bool
ew_addr_is_loopback(const struct ew_addr *a)
{
	static const struct ew_addr v6_loopback = { { [15] = 1 } };

	return ew_addr_is_v4(a) ? a->b[12] == 127 : ew_addr_equal(a, &v6_loopback);
}

bool
ew_addr_is_multicast(const struct ew_addr *a)
{
	if (!ew_addr_is_v4(a))
		return a->b[0] == 0xff;
	return (a->b[12] & 0xf0) == 0xe0 ||
	    (a->b[12] & a->b[13] & a->b[14] & a->b[15]) == 0xff;
}

bool
ew_addr_is_link_local(const struct ew_addr *a)
{
	if (ew_addr_is_v4(a))
		return a->b[12] == 169 && a->b[13] == 254;
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool
ew_addr_is_private(const struct ew_addr *a)
{
	if (ew_addr_is_link_local(a))
		return true;
	if (!ew_addr_is_v4(a))
		return (a->b[0] & 0xfe) == 0xfc; /* RFC 4193 */
	const uint8_t b0 = a->b[12], b1 = a->b[13];

	return b0 == 10 || (b0 == 172 && (b1 & 0xf0) == 16) ||
	    (b0 == 192 && b1 == 168) ||
	    (b0 == 100 && (b1 & 0xc0) == 64); /* RFC 1918, RFC 6598 */
}

char *
ew_addr_format(const struct ew_addr *a, char text[EW_ADDR_TEXT])
{
	if (ew_addr_is_v4(a))
		(void)inet_ntop(AF_INET, a->b + 12, text, EW_ADDR_TEXT);
	else
		(void)inet_ntop(AF_INET6, a->b, text, EW_ADDR_TEXT);
	return text;
}

int
ew_addr_parse(const char *text, struct ew_addr *ret_addr)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret_addr = ew_addr_v4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret_addr = ew_addr_v6(bytes);
	else
		return EW_ERR_FORMAT;
	return 0;
}

struct ew_prefix
ew_prefix_of(const struct ew_addr *a, unsigned bits)
{
	struct ew_prefix p = { .addr = *a, .bits = (uint8_t)(bits > 128 ? 128 : bits) };

	for (unsigned i = 0; i < 16; i++) {
		const unsigned kept = p.bits > i * 8 ? p.bits - i * 8 : 0;

		if (kept < 8)
			p.addr.b[i] &= (uint8_t)(0xff00 >> kept);
	}
	return p;
}

int
ew_prefix_parse(const char *text, struct ew_prefix *ret_prefix)
{
	char addr_text[EW_ADDR_TEXT];
	const char *slash = strchr(text, '/');
	const size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct ew_addr addr;

	if (length >= sizeof(addr_text))
		return EW_ERR_FORMAT;
	memcpy(addr_text, text, length);
	addr_text[length] = '\0';
	if (ew_addr_parse(addr_text, &addr) != 0)
		return EW_ERR_FORMAT;
	const unsigned offset =
	    ew_addr_is_v4(&addr) && !strchr(addr_text, ':') ? 96 : 0;
	unsigned long bits = 128 - offset;

	if (slash) {
		char *end;

		if (slash[1] < '0' || slash[1] > '9')
			return EW_ERR_FORMAT;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > 128 - offset)
			return EW_ERR_FORMAT;
	}
	*ret_prefix = ew_prefix_of(&addr, (unsigned)bits + offset);
	return 0;
}

char *
ew_prefix_format(const struct ew_prefix *p, char text[EW_ADDR_TEXT + 4])
{
	char addr[EW_ADDR_TEXT];
	const bool v4 = ew_addr_is_v4(&p->addr) && p->bits >= 96;

	(void)snprintf(text, EW_ADDR_TEXT + 4, "%s/%u", ew_addr_format(&p->addr, addr),
	    v4 ? p->bits - 96u : p->bits);
	return text;
}

bool
ew_prefix_contains(const struct ew_prefix *p, const struct ew_addr *a)
{
	const unsigned whole = p->bits / 8;
	const unsigned rest = p->bits % 8;

	if (memcmp(p->addr.b, a->b, whole) != 0)
		return false;
	return rest == 0 ||
	    ((p->addr.b[whole] ^ a->b[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

char *
ew_mac_format(const uint8_t mac[6], char text[EW_MAC_TEXT])
{
	(void)snprintf(text, EW_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
	    mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
ew_mac_parse(const char *text, uint8_t ret_mac[6])
{
	uint8_t mac[6];

	if (strlen(text) != 17)
		return EW_ERR_FORMAT;
	for (int i = 0; i < 6; i++) {
		const int high = hex_digit(text[i * 3]);
		const int low = hex_digit(text[i * 3 + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[i * 3 + 2] != ':'))
			return EW_ERR_FORMAT;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}
