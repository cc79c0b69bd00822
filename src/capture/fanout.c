/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker gets a packet. The kernel's own hash (PACKET_FANOUT_HASH) cannot be computed
 * outside, but a worker must know whose an inner packet of a tunnel is. So the group runs
 * a program of ours, and ew_capture_owner says the same in C.
 *
 * The key is the pair of addresses, XORed, so both directions agree, and fragments, which
 * have no ports, agree too. All that is not IP goes to worker 0. The price: traffic of a
 * single pair is not spread. What another table must know of goes where that table is:
 *
 *   an ICMP error     by the addresses of the packet it quotes
 *   GRE, IP in IP     by the addresses inside: what comes out of such a tunnel is one flow
 *                     with its copies on other interfaces, and the tunnel has no row
 *   VXLAN, Geneve     by the addresses outside, as the tunnel has a row and what it carries
 *                     a domain of its own; a pair of tunnel ends is one worker's
 *
 * The program runs before the socket decides where its data begin, hence SKF_NET_OFF. A
 * load that fails returns 0: worker 0.
 */
#include "capture/live_priv.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/assemble_priv.h"
#include "capture/capture.h"

#define NET(offset) ((uint32_t)(SKF_NET_OFF + (offset)))
#define AD(field) ((uint32_t)(SKF_AD_OFF + (field)))

/* Fibonacci hashing (Knuth 6.4): neighbouring addresses spread over the upper half. */
#define MULTIPLIER UINT32_C(2654435769)

#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif

unsigned
ew_capture_owner(const struct ew_addr *a, const struct ew_addr *b, unsigned workers)
{
	uint32_t key = 0;

	for (size_t i = ew_addr_is_v4(a) && ew_addr_is_v4(b) ? 12 : 0; i < sizeof(a->b);
	     i += 4)
		key ^= (uint32_t)(a->b[i] ^ b->b[i]) << 24 |
		    (uint32_t)(a->b[i + 1] ^ b->b[i + 1]) << 16 |
		    (uint32_t)(a->b[i + 2] ^ b->b[i + 2]) << 8 |
		    (uint32_t)(a->b[i + 3] ^ b->b[i + 3]);
	return ((key * MULTIPLIER) >> 16) % workers;
}

/* --- the program --------------------------------------------------------------------- */

/* M[0] is for arithmetic, M[1] says where the header begins whose addresses count. */
#define M_WORK 0
#define M_HEADER 1
#define OWNER_MAX 200 /* instructions; it has some 140 */

enum label {
	L_NEXT,
	L_V4,
	L_V4_ICMP,
	L_V4_QUOTE,
	L_V6,
	L_GRE,
	L_GRE_KEY,
	L_GRE_SEQUENCE,
	L_GRE_TYPE,
	L_GRE_FRAME,
	L_OWN,
	L_AT_V4,
	L_AT_V6,
	L_MIX,
};

static void
op(struct ew_assembler *as, uint16_t code, uint32_t k)
{
	ew_assemble_op(as, code, k);
}

static void
test(struct ew_assembler *as, uint32_t k, unsigned yes, unsigned no)
{
	ew_assemble_test(as, BPF_JEQ | BPF_K, k, yes, no);
}

/* Move the header that counts `bytes` on. */
static void
header_on(struct ew_assembler *as, uint32_t bytes)
{
	op(as, BPF_LD | BPF_W | BPF_MEM, M_HEADER);
	/* NOLINTNEXTLINE(misc-redundant-expression): ADD and K are both 0 */
	op(as, BPF_ALU | BPF_ADD | BPF_K, bytes);
	op(as, BPF_ST, M_HEADER);
}

/* With the offset of a GRE header (RFC 2890) in X and M_HEADER. */
static void
gre(struct ew_assembler *as)
{
	ew_assemble_here(as, L_GRE);
	header_on(as, 4);
	op(as, BPF_LD | BPF_B | BPF_IND, NET(0));
	ew_assemble_test(as, BPF_JSET | BPF_K, 0x80, L_NEXT, L_GRE_KEY);
	header_on(as, 4);
	ew_assemble_here(as, L_GRE_KEY);
	op(as, BPF_LD | BPF_B | BPF_IND, NET(0));
	ew_assemble_test(as, BPF_JSET | BPF_K, 0x20, L_NEXT, L_GRE_SEQUENCE);
	header_on(as, 4);
	ew_assemble_here(as, L_GRE_SEQUENCE);
	op(as, BPF_LD | BPF_B | BPF_IND, NET(0));
	ew_assemble_test(as, BPF_JSET | BPF_K, 0x10, L_NEXT, L_GRE_TYPE);
	header_on(as, 4);
	ew_assemble_here(as, L_GRE_TYPE);
	op(as, BPF_LD | BPF_H | BPF_IND, NET(2));
	test(as, ETH_P_IP, L_AT_V4, L_NEXT);
	test(as, ETH_P_IPV6, L_AT_V6, L_NEXT);
	test(as, ETH_P_TEB, L_GRE_FRAME, L_OWN);
	ew_assemble_here(as, L_GRE_FRAME);
	op(as, BPF_LDX | BPF_W | BPF_MEM, M_HEADER);
	header_on(as, 14);
	op(as, BPF_LD | BPF_H | BPF_IND, NET(12));
	test(as, ETH_P_IP, L_AT_V4, L_NEXT);
	test(as, ETH_P_IPV6, L_AT_V6, L_OWN);
}

static void
from_v4(struct ew_assembler *as)
{
	ew_assemble_here(as, L_V4);
	op(as, BPF_LD | BPF_H | BPF_ABS, NET(6));
	ew_assemble_test(as, BPF_JSET | BPF_K, 0x3fff, L_OWN, L_NEXT);
	op(as, BPF_LDX | BPF_B | BPF_MSH, NET(0));
	op(as, BPF_STX, M_HEADER);
	op(as, BPF_LD | BPF_B | BPF_ABS, NET(9));
	test(as, IPPROTO_IPIP, L_AT_V4, L_NEXT);
	test(as, IPPROTO_IPV6, L_AT_V6, L_NEXT);
	test(as, IPPROTO_GRE, L_GRE, L_NEXT);
	test(as, IPPROTO_ICMP, L_V4_ICMP, L_OWN);
	ew_assemble_here(as, L_V4_ICMP);
	op(as, BPF_LD | BPF_B | BPF_IND, NET(0));
	test(as, ICMP_DEST_UNREACH, L_V4_QUOTE, L_NEXT);
	test(as, ICMP_SOURCE_QUENCH, L_V4_QUOTE, L_NEXT);
	test(as, ICMP_REDIRECT, L_V4_QUOTE, L_NEXT);
	test(as, ICMP_TIME_EXCEEDED, L_V4_QUOTE, L_NEXT);
	test(as, ICMP_PARAMETERPROB, L_V4_QUOTE, L_OWN);
	ew_assemble_here(as, L_V4_QUOTE);
	header_on(as, 8);
	ew_assemble_jump(as, L_AT_V4);
}

static void
from_v6(struct ew_assembler *as)
{
	ew_assemble_here(as, L_V6);
	op(as, BPF_LDX | BPF_IMM, 40);
	op(as, BPF_STX, M_HEADER);
	op(as, BPF_LD | BPF_B | BPF_ABS, NET(6));
	test(as, IPPROTO_IPIP, L_AT_V4, L_NEXT);
	test(as, IPPROTO_IPV6, L_AT_V6, L_NEXT);
	test(as, IPPROTO_GRE, L_GRE, L_NEXT);
	test(as, IPPROTO_ICMPV6, L_NEXT, L_OWN);
	op(as, BPF_LD | BPF_B | BPF_ABS, NET(40)); /* errors are below 128 (RFC 4443) */
	ew_assemble_test(as, BPF_JGE | BPF_K, 128, L_OWN, L_NEXT);
	header_on(as, 8);
	ew_assemble_jump(as, L_AT_V6);
}

/* The addresses of the header at M_HEADER into A and X, to be XORed at L_MIX. */
static void
addresses(struct ew_assembler *as)
{
	ew_assemble_here(as, L_OWN);
	op(as, BPF_LDX | BPF_IMM, 0);
	op(as, BPF_STX, M_HEADER);
	op(as, BPF_LD | BPF_B | BPF_ABS, NET(0));
	op(as, BPF_ALU | BPF_AND | BPF_K, 0xf0);
	test(as, 0x60, L_AT_V6, L_AT_V4);
	ew_assemble_here(as, L_AT_V6);
	op(as, BPF_LDX | BPF_W | BPF_MEM, M_HEADER);
	op(as, BPF_LD | BPF_W | BPF_IND, NET(8));
	op(as, BPF_ST, M_WORK);
	for (int offset = 12; offset < 36; offset += 4) {
		op(as, BPF_LD | BPF_W | BPF_IND, NET(offset));
		op(as, BPF_LDX | BPF_W | BPF_MEM, M_WORK);
		op(as, BPF_ALU | BPF_XOR | BPF_X, 0);
		op(as, BPF_ST, M_WORK);
		op(as, BPF_LDX | BPF_W | BPF_MEM, M_HEADER);
	}
	op(as, BPF_LD | BPF_W | BPF_IND, NET(36));
	op(as, BPF_LDX | BPF_W | BPF_MEM, M_WORK);
	ew_assemble_jump(as, L_MIX);

	ew_assemble_here(as, L_AT_V4);
	op(as, BPF_LDX | BPF_W | BPF_MEM, M_HEADER);
	op(as, BPF_LD | BPF_W | BPF_IND, NET(12));
	op(as, BPF_ST, M_WORK);
	op(as, BPF_LD | BPF_W | BPF_IND, NET(16));
	op(as, BPF_LDX | BPF_W | BPF_MEM, M_WORK);
}

static void
build_owner(struct ew_filter *ret_filter)
{
	struct ew_assembler as = { .filter = ret_filter };

	ret_filter->count = 0;
	ew_assemble_begin(&as);
	op(&as, BPF_LD | BPF_W | BPF_ABS, AD(SKF_AD_PROTOCOL));
	test(&as, ETH_P_IP, L_V4, L_NEXT);
	test(&as, ETH_P_IPV6, L_V6, L_NEXT);
	op(&as, BPF_RET | BPF_K, 0);
	from_v4(&as);
	from_v6(&as);
	gre(&as);
	addresses(&as);
	ew_assemble_here(&as, L_MIX);
	op(&as, BPF_ALU | BPF_XOR | BPF_X, 0);
	op(&as, BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER);
	op(&as, BPF_ALU | BPF_RSH | BPF_K, 16);
	op(&as, BPF_RET | BPF_A, 0);
	ew_assemble_end(&as);
}

/* --- the group ----------------------------------------------------------------------- */

static int
join(int fd, uint32_t group_and_type)
{
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group_and_type,
		sizeof(group_and_type)) != 0)
		return -errno;
	return 0;
}

int
ew_fanout_lead(int fd, uint16_t *ret_group)
{
	const uint32_t type = PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID;
	struct ew_filter owner;
	struct sock_filter insns[OWNER_MAX];
	struct sock_fprog program = { .filter = insns };
	uint32_t group = 0;
	socklen_t size = sizeof(group);

	build_owner(&owner);
	assert(owner.count <= OWNER_MAX);
	memcpy(insns, owner.insns, owner.count * sizeof(insns[0]));
	program.len = (unsigned short)owner.count;
	const int rc = join(fd, type << 16);
	if (rc)
		return rc;
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program)) !=
		0 ||
	    getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, &size) != 0)
		return -errno;
	*ret_group = (uint16_t)group;
	return 0;
}

int
ew_fanout_join(int fd, uint16_t group)
{
	return join(fd, (uint32_t)PACKET_FANOUT_CBPF << 16 | group);
}
