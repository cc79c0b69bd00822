/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which link address: ARP for IPv4 over Ethernet (RFC 826) and the five messages of
 * neighbour discovery (RFC 4861). Whether a claim is true is a detector's business.
 */
#include "decode/decode_priv.h"

bool
ew_decode_arp(struct ew_cursor *c, struct ew_addr *ret_sender,
    struct ew_addr *ret_target, struct ew_arp_info *ret_arp)
{
	const uint16_t hardware = ew_cursor_be16(c);
	const uint16_t protocol = ew_cursor_be16(c);
	const uint8_t hardware_size = ew_cursor_u8(c);
	const uint8_t protocol_size = ew_cursor_u8(c);

	ret_arp->op = ew_cursor_be16(c);
	ew_cursor_copy(c, ret_arp->sender_mac, 6);
	const uint8_t *sender = ew_cursor_take(c, 4);

	ew_cursor_copy(c, ret_arp->target_mac, 6);
	const uint8_t *target = ew_cursor_take(c, 4);

	if (c->failed || hardware != 1 || protocol != 0x0800 || hardware_size != 6 ||
	    protocol_size != 4 || ret_arp->op == 0 || ret_arp->op > 2)
		return false;
	*ret_sender = ew_addr_v4(sender);
	*ret_target = ew_addr_v4(target);
	return true;
}

/* Source (1) or target (2) link-layer address among the options. */
static bool
link_option(struct ew_cursor *c, struct ew_ndp_info *ret_ndp)
{
	while (ew_cursor_left(c) >= 8) {
		const uint8_t type = ew_cursor_u8(c);
		const uint8_t units = ew_cursor_u8(c);
		const uint8_t *body = ew_cursor_take(c, 6);

		if (units == 0)
			return false;
		if (type == 1 || type == 2)
			memcpy(ret_ndp->link_mac, body, 6);
		ew_cursor_skip(c, (units - 1U) * 8U);
		if (c->failed) /* cut by the snap length: what came before holds */
			break;
	}
	return true;
}

/* c stands after type, code and checksum. */
bool
ew_decode_ndp(struct ew_cursor *c, uint8_t type, struct ew_ndp_info *ret_ndp)
{
	ret_ndp->type = type;
	switch (type) {
	case 133: /* router solicitation */
		ew_cursor_skip(c, 4);
		break;
	case 134: /* router advertisement: hop limit, flags, lifetimes */
		ew_cursor_skip(c, 1);
		ret_ndp->flags = ew_cursor_u8(c);
		ew_cursor_skip(c, 10);
		break;
	case 135: /* neighbour solicitation */
	case 136: /* neighbour advertisement */
		ret_ndp->flags = ew_cursor_u8(c);
		ew_cursor_skip(c, 3);
		ew_cursor_copy(c, ret_ndp->target.b, 16);
		break;
	case 137: /* redirect: target, destination */
		ew_cursor_skip(c, 4);
		ew_cursor_copy(c, ret_ndp->target.b, 16);
		ew_cursor_skip(c, 16);
		break;
	default:
		return false;
	}
	return !c->failed && link_option(c, ret_ndp);
}
