/* SPDX-License-Identifier: Apache-2.0 */
/* Frames for tests, written as a row of layers. */
#include "support/packet.h"

#include <assert.h>
#include <string.h>

#include "base/addr.h"

void
packet_clear(struct packet *p)
{
	memset(p, 0, sizeof(*p));
}

void
packet_bytes(struct packet *p, const void *bytes, size_t size)
{
	assert(p->size + size <= sizeof(p->bytes));
	memcpy(p->bytes + p->size, bytes, size);
	p->size += size;
}

void
packet_fill(struct packet *p, uint8_t value, size_t count)
{
	assert(p->size + count <= sizeof(p->bytes));
	memset(p->bytes + p->size, value, count);
	p->size += count;
}

void
packet_u8(struct packet *p, unsigned v)
{
	packet_fill(p, (uint8_t)v, 1);
}

void
packet_u16(struct packet *p, unsigned v)
{
	packet_u8(p, v >> 8);
	packet_u8(p, v);
}

void
packet_u32(struct packet *p, uint32_t v)
{
	packet_u16(p, v >> 16);
	packet_u16(p, v);
}

void
packet_ethernet(struct packet *p, unsigned type)
{
	packet_bytes(p, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	packet_u16(p, type);
}

void
packet_vlan(struct packet *p, unsigned id, unsigned type)
{
	packet_u16(p, id);
	packet_u16(p, type);
}

void
packet_sll(struct packet *p, unsigned seen, unsigned type)
{
	packet_u16(p, seen);
	packet_u16(p, 1);
	packet_u16(p, 6);
	packet_bytes(p, "\x02\0\0\0\0\x01\0\0", 8);
	packet_u16(p, type);
}

void
packet_sll2(struct packet *p, unsigned ifindex, unsigned seen, unsigned type)
{
	packet_u16(p, type);
	packet_u16(p, 0);
	packet_u32(p, ifindex);
	packet_u16(p, 1);
	packet_u8(p, seen);
	packet_u8(p, 6);
	packet_bytes(p, "\x02\0\0\0\0\x01\0\0", 8);
}

void
packet_ip(struct packet *p, const char *src, const char *dst, unsigned proto)
{
	struct ew_addr a, b;

	assert(ew_addr_parse(src, &a) == 0 && ew_addr_parse(dst, &b) == 0);
	p->ip[p->n_ip++] = p->size;
	if (ew_addr_is_v4(&a)) {
		packet_bytes(p, "\x45\0\0\0\0\0\0\0\x40", 9);
		packet_u8(p, proto);
		packet_u16(p, 0);
		packet_bytes(p, a.b + 12, 4);
		packet_bytes(p, b.b + 12, 4);
		return;
	}
	packet_bytes(p, "\x60\0\0\0\0\0", 6);
	packet_u8(p, proto);
	packet_u8(p, 64);
	packet_bytes(p, a.b, 16);
	packet_bytes(p, b.b, 16);
}

void
packet_fragment(struct packet *p, unsigned id, unsigned offset, int more)
{
	uint8_t *h = p->bytes + p->ip[p->n_ip - 1];

	h[4] = (uint8_t)(id >> 8);
	h[5] = (uint8_t)id;
	h[6] = (uint8_t)((offset / 8) >> 8 | (more ? 0x20 : 0));
	h[7] = (uint8_t)(offset / 8);
}

void
packet_tcp(struct packet *p, unsigned sport, unsigned dport, uint32_t seq, uint32_t ack,
    unsigned flags)
{
	packet_u16(p, sport);
	packet_u16(p, dport);
	packet_u32(p, seq);
	packet_u32(p, ack);
	packet_u8(p, 0x50);
	packet_u8(p, flags);
	packet_u16(p, 8192);
	packet_u32(p, 0);
}

void
packet_udp(struct packet *p, unsigned sport, unsigned dport)
{
	p->udp[p->n_udp++] = p->size;
	packet_u16(p, sport);
	packet_u16(p, dport);
	packet_u32(p, 0);
}

void
packet_icmp(struct packet *p, unsigned type, unsigned code)
{
	packet_u8(p, type);
	packet_u8(p, code);
	packet_u16(p, 0);
	packet_u32(p, 0);
}

void
packet_vxlan(struct packet *p, unsigned vni)
{
	packet_u32(p, 0x08000000);
	packet_u32(p, vni << 8);
}

void
packet_geneve(struct packet *p, unsigned vni, unsigned type, unsigned option_words)
{
	packet_u8(p, option_words);
	packet_u8(p, 0);
	packet_u16(p, type);
	packet_u32(p, vni << 8);
	packet_fill(p, 0, option_words * 4UL);
}

void
packet_gre(struct packet *p, unsigned flags, unsigned type)
{
	packet_u16(p, flags);
	packet_u16(p, type);
}

void
packet_seal(struct packet *p)
{
	for (unsigned i = 0; i < p->n_ip; i++) {
		uint8_t *h = p->bytes + p->ip[i];
		const size_t size = p->size - p->ip[i];
		const bool is_v4 = h[0] >> 4 == 4;
		uint8_t *field = h + (is_v4 ? 2 : 4);
		const size_t value = is_v4 ? size : size - 40;

		field[0] = (uint8_t)(value >> 8);
		field[1] = (uint8_t)value;
	}
	for (unsigned i = 0; i < p->n_udp; i++) {
		const size_t size = p->size - p->udp[i];

		p->bytes[p->udp[i] + 4] = (uint8_t)(size >> 8);
		p->bytes[p->udp[i] + 5] = (uint8_t)size;
	}
}
