/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker gets a packet. The kernel's own hash (PACKET_FANOUT_HASH) cannot be computed
 * outside, but a worker must know whose an inner packet of a tunnel is. So the group runs
 * a program of ours, and ew_capture_owner says the same in C.
 *
 * The key is the pair of addresses, XORed, so both directions agree, and fragments, which
 * have no ports, agree too. An ICMP error goes by the addresses of the packet it
 * quotes. All that is not IP goes to worker 0. The price: traffic of a single pair is not
 * spread.
 *
 * The program runs before the socket decides where its data begin, hence SKF_NET_OFF. A
 * load that fails returns 0: worker 0.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/socket.h>

#include "capture/capture.h"
#include "capture/live_priv.h"

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

/* clang-format off: a listing */
static struct sock_filter owner_program[] = {
	/*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AD(SKF_AD_PROTOCOL)),
	/*  1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 2, 0),
	/*  2 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 21, 0),
	/*  3 */ BPF_STMT(BPF_RET | BPF_K, 0),
	/* IPv4; 4: is it a first or only fragment of ICMP, and an error? */
	/*  4 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NET(9)),
	/*  5 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 13),
	/*  6 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, NET(6)),
	/*  7 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 11, 0),
	/*  8 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, NET(0)),
	/*  9 */ BPF_STMT(BPF_LD | BPF_B | BPF_IND, NET(0)),
	/* 10 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3, 4, 0),
	/* 11 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 3, 0),
	/* 12 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 2, 0),
	/* 13 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 11, 1, 0),
	/* 14 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 12, 0, 4),
	/* 15: the quoted header's addresses */
	/* 15 */ BPF_STMT(BPF_LD | BPF_W | BPF_IND, NET(8 + 12)),
	/* 16 */ BPF_STMT(BPF_ST, 0),
	/* 17 */ BPF_STMT(BPF_LD | BPF_W | BPF_IND, NET(8 + 16)),
	/* 18 */ BPF_STMT(BPF_JMP | BPF_JA, 3),
	/* 19: this header's addresses */
	/* 19 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NET(12)),
	/* 20 */ BPF_STMT(BPF_ST, 0),
	/* 21 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NET(16)),
	/* 22 */ BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 0),
	/* 23 */ BPF_STMT(BPF_JMP | BPF_JA, 42),
	/* IPv6; 24: an ICMPv6 error (type below 128) quotes at 48, else this header at 0 */
	/* 24 */ BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
	/* 25 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NET(6)),
	/* 26 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 3),
	/* 27 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NET(40)),
	/* 28 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 128, 1, 0),
	/* 29 */ BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 48),
	/* 30 */ BPF_STMT(BPF_STX, 1),
	/* 31 */ BPF_STMT(BPF_LD | BPF_W | BPF_IND, NET(8)),
	/* 32 */ BPF_STMT(BPF_ST, 0),
#define FOLD(offset)                                         \
	BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 1),              \
	    BPF_STMT(BPF_LD | BPF_W | BPF_IND, NET(offset)), \
	    BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 0),          \
	    BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0), BPF_STMT(BPF_ST, 0)
	/* 33 */ FOLD(12),
	FOLD(16),
	FOLD(20),
	FOLD(24),
	FOLD(28),
	FOLD(32),
	/* 63 */ BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 1),
	/* 64 */ BPF_STMT(BPF_LD | BPF_W | BPF_IND, NET(36)),
	/* 65 */ BPF_STMT(BPF_LDX | BPF_W | BPF_MEM, 0),
	/* 66: both, XORed and mixed */
	/* 66 */ BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	/* 67 */ BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER),
	/* 68 */ BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
	/* 69 */ BPF_STMT(BPF_RET | BPF_A, 0),
};
/* clang-format on */

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
	const struct sock_fprog program = {
		.len = sizeof(owner_program) / sizeof(owner_program[0]),
		.filter = owner_program,
	};
	uint32_t group = 0;
	socklen_t size = sizeof(group);

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
