/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP (RFC 2131) and DHCPv6 (RFC 8415), as much as a rogue server gives away: which side
 * speaks, which message, which address is offered, who says to be the server.
 */
#include "decode/decode_priv.h"

enum {
	OPTION_PAD = 0,
	OPTION_SERVER = 54,
	OPTION_MESSAGE_TYPE = 53,
	OPTION_END = 255,
	OPTIONS_MAX = 64, /* real messages carry about twenty */
	MAGIC_COOKIE = 0x63825363,
};

bool
ew_decode_dhcp(struct ew_cursor *c, struct ew_dhcp_info *ret_dhcp)
{
	ret_dhcp->op = ew_cursor_u8(c);
	ew_cursor_skip(c, 15);
	const uint8_t *offered = ew_cursor_take(c, 4); /* yiaddr */
	const uint8_t *server = ew_cursor_take(c, 4);  /* siaddr; option 54 is better */

	ew_cursor_skip(c, 212);
	const uint32_t cookie = ew_cursor_be32(c);

	if (c->failed || (ret_dhcp->op != 1 && ret_dhcp->op != 2))
		return false;
	ret_dhcp->offered = ew_addr_v4(offered);
	ret_dhcp->server = ew_addr_v4(server);
	if (cookie != MAGIC_COOKIE)
		return true; /* BOOTP */
	for (int i = 0; i < OPTIONS_MAX && ew_cursor_left(c) > 0; i++) {
		const uint8_t option = ew_cursor_u8(c);

		if (option == OPTION_PAD)
			continue;
		if (option == OPTION_END)
			break;
		const uint8_t size = ew_cursor_u8(c);
		const uint8_t *value = ew_cursor_take(c, size);

		if (value && option == OPTION_MESSAGE_TYPE && size == 1)
			ret_dhcp->message_type = value[0];
		if (value && option == OPTION_SERVER && size == 4)
			ret_dhcp->server = ew_addr_v4(value);
	}
	return true;
}

/* Types 1, 3..6, 8, 9, 11 come from clients, 2, 7, 10 from servers (RFC 8415, 7.3). */
bool
ew_decode_dhcp6(struct ew_cursor *c, struct ew_dhcp_info *ret_dhcp)
{
	const uint8_t type = ew_cursor_u8(c);

	ew_cursor_skip(c, 3);
	if (c->failed || type == 0 || type > 13)
		return false;
	ret_dhcp->message_type = type;
	ret_dhcp->op = type == 2 || type == 7 || type == 10 ? 2 : 1;
	return true;
}
