/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* An IPv4 or IPv6 address; IPv4 in its mapped form ::ffff:a.b.c.d, network order. */
struct ew_addr {
	uint8_t b[16];
};

struct ew_prefix {
	struct ew_addr addr; /* host bits zero */
	uint8_t bits;	     /* 0..128; an IPv4 /24 is 120 */
};

#define EW_ADDR_TEXT 48

static inline bool
ew_addr_is_v4(const struct ew_addr *a)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(a->b, mapped, sizeof(mapped)) == 0;
}

static inline bool
ew_addr_equal(const struct ew_addr *a, const struct ew_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline int
ew_addr_compare(const struct ew_addr *a, const struct ew_addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

/* bytes: 4 or 16 in network order. */
struct ew_addr ew_addr_v4(const uint8_t bytes[4]);
struct ew_addr ew_addr_v6(const uint8_t bytes[16]);

bool ew_addr_is_unspecified(const struct ew_addr *a); /* 0.0.0.0 or :: */
bool ew_addr_is_loopback(const struct ew_addr *a);
bool ew_addr_is_multicast(const struct ew_addr *a); /* and IPv4 255.255.255.255 */
bool ew_addr_is_link_local(const struct ew_addr *a);
/* RFC 1918, RFC 6598, ULA, link-local. */
bool ew_addr_is_private(const struct ew_addr *a);

/* "10.0.0.1", RFC 5952 for IPv6. Returns text. */
char *ew_addr_format(const struct ew_addr *a, char text[EW_ADDR_TEXT]);
/* Returns 0 or EW_ERR_FORMAT. */
int ew_addr_parse(const char *text, struct ew_addr *ret_addr);

/* "10.0.0.0/24" or a bare address. Host bits are cleared. Returns 0 or EW_ERR_FORMAT. */
int ew_prefix_parse(const char *text, struct ew_prefix *ret_prefix);
char *ew_prefix_format(const struct ew_prefix *p, char text[EW_ADDR_TEXT + 4]);
bool ew_prefix_contains(const struct ew_prefix *p, const struct ew_addr *a);
struct ew_prefix ew_prefix_of(const struct ew_addr *a, unsigned bits);

#define EW_MAC_TEXT 18
char *ew_mac_format(const uint8_t mac[6], char text[EW_MAC_TEXT]);
int ew_mac_parse(const char *text, uint8_t ret_mac[6]);
