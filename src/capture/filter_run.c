/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter program over frames of a file, so that `replay --profile connections` sees the
 * packets a live capture would have seen. An interpreter of the instructions filter.c emits;
 * tests hold it against the kernel's on the same packets.
 *
 * A cooked socket hands the program the network header and its Ethernet type; here both are
 * found in the frame. The kernel takes one VLAN tag out of a received frame before the
 * taps; a second one is then the type, and not plain TCP.
 */
#include <assert.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <stdbool.h>

#include "capture/filter_priv.h"
#include "capture/frame.h"

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* By the version, where the link layer has no type. */
static uint16_t
protocol_of_raw(const uint8_t *data, uint32_t caplen)
{
	const unsigned version = caplen ? data[0] >> 4 : 0;

	return version == 4 ? ETH_P_IP : version == 6 ? ETH_P_IPV6 : 0;
}

struct ew_filter_packet
ew_filter_view(const struct ew_frame *frame)
{
	const uint8_t *data = frame->data;
	uint32_t offset = 0;
	uint16_t protocol = 0;

	switch ((enum ew_link)frame->link) {
	case EW_LINK_ETHERNET:
		offset = 14;
		if (frame->caplen >= 14)
			protocol = be16(data + 12);
		break;
	case EW_LINK_SLL:
		offset = 16;
		if (frame->caplen >= 16)
			protocol = be16(data + 14);
		break;
	case EW_LINK_SLL2:
		offset = 20;
		if (frame->caplen >= 20)
			protocol = be16(data);
		break;
	case EW_LINK_NULL:
		offset = 4;
		break;
	case EW_LINK_RAW:
	case EW_LINK_UNKNOWN:
		break;
	}
	if ((protocol == ETH_P_8021Q || protocol == ETH_P_8021AD) &&
	    frame->caplen >= offset + 4) {
		protocol = be16(data + offset + 2);
		offset += 4;
	}
	if (offset > frame->caplen)
		return (struct ew_filter_packet){ .data = data };
	if (protocol == 0)
		protocol = protocol_of_raw(data + offset, frame->caplen - offset);
	return (struct ew_filter_packet){
		.data = data + offset,
		.caplen = frame->caplen - offset,
		.len = frame->len > offset ? frame->len - offset : 0,
		.protocol = protocol,
	};
}

/* Read 1, 2 or 4 bytes. False when they are not there. */
static bool
fetch(const struct ew_filter_packet *packet, uint16_t size, uint64_t offset,
    uint32_t *ret_value)
{
	const uint64_t bytes = size == BPF_B ? 1 : size == BPF_H ? 2 : 4;

	if (offset + bytes > packet->caplen)
		return false;
	const uint8_t *p = packet->data + offset;
	*ret_value = bytes == 1 ? p[0]
	    : bytes == 2	? be16(p)
				: (uint32_t)be16(p) << 16 | be16(p + 2);
	return true;
}

static uint32_t
calculate(uint16_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_AND:
		return a & b;
	case BPF_XOR:
		return a ^ b;
	case BPF_RSH:
		return a >> (b & 31);
	default:
		assert(!"an operation filter.c emits");
		return 0;
	}
}

static bool
test(uint16_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JSET:
		return (a & b) != 0;
	default:
		assert(!"a test filter.c emits");
		return false;
	}
}

struct machine {
	uint32_t a, x;
	uint32_t memory[2];
};

/* A load into A. False when the bytes are not in the frame. */
static bool
load(struct machine *m, const struct ew_filter_insn *insn,
    const struct ew_filter_packet *packet)
{
	if (BPF_MODE(insn->code) == BPF_LEN)
		m->a = packet->len > packet->caplen ? packet->len : packet->caplen;
	else if (BPF_MODE(insn->code) == BPF_MEM)
		m->a = m->memory[insn->k & 1];
	else if (insn->k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
		m->a = packet->protocol;
	else
		return fetch(packet, BPF_SIZE(insn->code),
		    (uint64_t)insn->k + (BPF_MODE(insn->code) == BPF_IND ? m->x : 0),
		    &m->a);
	return true;
}

static bool
load_index(struct machine *m, const struct ew_filter_insn *insn,
    const struct ew_filter_packet *packet)
{
	if (BPF_MODE(insn->code) == BPF_MEM) {
		m->x = m->memory[insn->k & 1];
		return true;
	}
	if (!fetch(packet, BPF_B, insn->k, &m->x)) /* BPF_MSH */
		return false;
	m->x = (m->x & 15) << 2;
	return true;
}

uint32_t
ew_filter_run(const struct ew_filter *filter, const struct ew_filter_packet *packet)
{
	struct machine m = { 0 };

	for (uint32_t pc = 0; pc < filter->count; pc++) {
		const struct ew_filter_insn *insn = &filter->insns[pc];
		const uint32_t operand = BPF_SRC(insn->code) == BPF_X ? m.x : insn->k;
		bool there = true;
		switch (BPF_CLASS(insn->code)) {
		case BPF_RET:
			return insn->k;
		case BPF_LD:
			there = load(&m, insn, packet);
			break;
		case BPF_LDX:
			there = load_index(&m, insn, packet);
			break;
		case BPF_ST:
			m.memory[insn->k & 1] = m.a;
			break;
		case BPF_ALU:
			m.a = calculate(BPF_OP(insn->code), m.a, operand);
			break;
		case BPF_JMP:
			if (BPF_OP(insn->code) == BPF_JA)
				pc += insn->k;
			else
				pc += test(BPF_OP(insn->code), m.a, operand) ? insn->jt
									     : insn->jf;
			break;
		case BPF_MISC:
			if (BPF_MISCOP(insn->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
		if (!there) /* tests of the length come first, so the file cut it off */
			return EW_FILTER_SNAP;
	}
	return 0;
}
