/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet an ICMP error quotes (RFC 792, RFC 4443): enough of it names the flow that
 * was refused. RFC 792 promises only eight bytes past the IP header, which hold the ports.
 */
#include "decode/decode_priv.h"

enum { EXTENSIONS_MAX = 8 };

static void
ports(struct ew_cursor *c, struct ew_icmp_quote *ret_quote)
{
	switch (ret_quote->proto) {
	case 6:
	case 17:
	case 132:
		ret_quote->sport = ew_cursor_be16(c);
		ret_quote->dport = ew_cursor_be16(c);
		break;
	case 1:
	case 58: /* type and code */
		ret_quote->sport = ew_cursor_u8(c);
		ret_quote->dport = ew_cursor_u8(c);
		break;
	default:
		return;
	}
	ret_quote->has_ports = !c->failed;
	if (c->failed) {
		ret_quote->sport = 0;
		ret_quote->dport = 0;
	}
}

static bool
quote_v4(struct ew_cursor *c, struct ew_icmp_quote *ret_quote)
{
	const uint8_t *h = ew_cursor_take(c, 20);

	if (!h || (h[0] & 15) < 5)
		return false;
	ret_quote->proto = h[9];
	ret_quote->src = ew_addr_v4(h + 12);
	ret_quote->dst = ew_addr_v4(h + 16);
	/* A later fragment has no ports. */
	if ((h[6] & 0x1f) || h[7])
		return true;
	ew_cursor_skip(c, (h[0] & 15U) * 4U - 20U);
	ports(c, ret_quote);
	return true;
}

static bool
quote_v6(struct ew_cursor *c, struct ew_icmp_quote *ret_quote)
{
	const uint8_t *h = ew_cursor_take(c, 40);

	if (!h)
		return false;
	ret_quote->proto = h[6];
	ret_quote->src = ew_addr_v6(h + 8);
	ret_quote->dst = ew_addr_v6(h + 24);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		const bool is_extension = ret_quote->proto == 0 ||
		    ret_quote->proto == 43 || ret_quote->proto == 44 ||
		    ret_quote->proto == 60;

		if (!is_extension)
			break;
		const uint8_t *e = ew_cursor_take(c, 8);

		if (!e)
			return true;
		if (ret_quote->proto == 44 && (e[2] || e[3] & 0xf8))
			return true;
		if (ret_quote->proto != 44)
			ew_cursor_skip(c, e[1] * 8U);
		ret_quote->proto = e[0];
	}
	ports(c, ret_quote);
	return true;
}

bool
ew_decode_quote(struct ew_cursor *c, struct ew_icmp_quote *ret_quote)
{
	if (ew_cursor_left(c) == 0)
		return false;
	switch (c->pos[0] >> 4) {
	case 4:
		return quote_v4(c, ret_quote);
	case 6:
		return quote_v6(c, ret_quote);
	default:
		return false;
	}
}
