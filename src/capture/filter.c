/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * The capture filter: a classic BPF program of our own, which the kernel runs (compiled) on
 * every packet of the node, and filter_run.c on those of a file. What it returns is the
 * number of bytes to keep, so that cost grows with connections and not with bytes.
 *
 * Profile `connections` passes
 *   (a) all that is not plain TCP: other protocols, IPv6 with extension headers, fragments,
 *       and headers that make no sense;
 *   (b) TCP with SYN, FIN or RST, or without ACK;
 *   (c) TCP port 53;
 *   (d) TCP whose payload crosses a boundary of 1 MiB of the sequence space, or whose total
 *       length is 0 (BIG TCP): a flow's byte count follows from sequence numbers alone, and
 *       an open flow lags by less than 1 MiB;
 *   (e) zoomed pairs: a search tree over src XOR dst, which is the same in both directions,
 *       at the end of the program: only packets that would be rejected get there.
 *
 * Profile `all` is the same program in which (e) is everything: the snap length differs by
 * what is decoded, whatever passes.
 *
 * A load beyond the packet makes a program reject, so lengths are tested first: a sender
 * must not hide by being short. Offsets are plain ones from the start of the data, not
 * SKF_NET_OFF: those read only an skb's linear part, and a sender who leaves its header
 * in a page fragment would not be seen. On a cooked socket the data begin at the network
 * header; on an Ethernet one 14 bytes before (tags are taken out by the kernel).
 */
#include "capture/filter_priv.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/assemble_priv.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMPV6 58
#define FLAGS_SYN_FIN_RST 0x07
#define FLAG_ACK 0x10
#define PORT_DNS 53

/* UDP whose payload is decoded: DNS, DHCP, NBNS, DHCPv6, mDNS, LLMNR. In rising order. */
static const uint16_t long_ports[] = { PORT_DNS, 67, 68, 137, 546, 547, 5353, 5355 };
#define LONG_PORTS (sizeof(long_ports) / sizeof(long_ports[0]))

/* Labels of a part (IPv4 or IPv6); a part is resolved before the next begins. */
enum label {
	L_NEXT,
	L_TCP,
	L_TCP_LONG_ENOUGH,
	L_UDP,
	L_UDP_LONG_ENOUGH,
	L_PORT_2,
	L_PASS,
	L_PASS_LONG,
	L_ZOOM,
	L_COUNT,
};
_Static_assert(L_COUNT <= EW_ASSEMBLE_LABELS, "labels");

/* --- zoomed pairs --------------------------------------------------------------------- */

/*
 * An address as one word: IPv4 as it is, IPv6 as a polynomial of its words. Sixteen loads
 * and compares for each IPv6 pair would pass the kernel's bound on a filter's memory
 * (net.core.optmem_max, 20 KiB before Linux 6.8, old and new program together). Two of
 * 2^32 addresses collide, and then a packet too many is captured.
 */
struct zoom {
	uint32_t key; /* a XOR b */
	uint32_t a, b;
};

#define POLYNOMIAL \
	UINT32_C(2654435761) /* Knuth 6.4: a prime near 2^32 / golden ratio */

static uint32_t
word_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
word_of(const struct ew_addr *address, bool v4)
{
	if (v4)
		return word_at(address->b + 12);
	uint32_t word = 0;
	for (size_t i = 0; i < sizeof(address->b); i += 4)
		word = word * POLYNOMIAL + word_at(address->b + i);
	return word;
}

static int
compare_zoom(const void *x, const void *y)
{
	const struct zoom *zx = x, *zy = y;

	return (zx->key > zy->key) - (zx->key < zy->key);
}

/* The pairs of one family, sorted by key. */
static size_t
collect(const struct ew_filter_spec *spec, bool v4, struct zoom *ret_zoom)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->count; i++) {
		const struct ew_capture_pair *pair = &spec->pairs[i];
		if (ew_addr_is_v4(&pair->a) != v4 || ew_addr_is_v4(&pair->b) != v4)
			continue;
		const uint32_t a = word_of(&pair->a, v4), b = word_of(&pair->b, v4);
		ret_zoom[n++] = (struct zoom){ .key = a ^ b, .a = a, .b = b };
	}
	qsort(ret_zoom, n, sizeof(*ret_zoom), compare_zoom);
	return n;
}

/* The word of the address at `offset` into A. */
static void
load_word(struct ew_assembler *as, uint32_t offset, bool v4)
{
	ew_assemble_load(as, BPF_LD | BPF_W | BPF_ABS, offset);
	for (uint32_t w = 1; w < (v4 ? 1 : 4); w++) {
		ew_assemble_op(as, BPF_ALU | BPF_MUL | BPF_K, POLYNOMIAL);
		ew_assemble_op(as, BPF_MISC | BPF_TAX, 0);
		ew_assemble_load(as, BPF_LD | BPF_W | BPF_ABS, offset + 4 * w);
		ew_assemble_op(as, BPF_ALU | BPF_ADD | BPF_X, 0);
	}
}

/* With the key known equal, the source's being one end makes the destination the other. */
static void
emit_leaf(struct ew_assembler *as, const struct zoom *zoom, size_t count)
{
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_MEM, 0);
	for (size_t i = 0; i < count; i++) {
		ew_assemble(as, BPF_JMP | BPF_JEQ | BPF_K, zoom[i].a, 1, 0);
		ew_assemble(as, BPF_JMP | BPF_JEQ | BPF_K, zoom[i].b, 0, 1);
		ew_assemble_op(as, BPF_RET | BPF_K, as->link_bytes + EW_FILTER_SNAP);
	}
	ew_assemble_op(as, BPF_RET | BPF_K, 0);
}

struct span {
	size_t first, count;
	uint32_t patch; /* the jump that leads here, when it is a right half; else 0 */
};

/*
 * A binary search, halves in order: left behind its test, right reached by a long jump.
 * The stack holds one right half per level, so 64 pairs need at most 7.
 */
static void
emit_tree(struct ew_assembler *as, const struct zoom *zoom, size_t count)
{
	struct span stack[16];
	size_t depth = 0;

	stack[depth++] = (struct span){ .first = 0, .count = count };
	while (depth > 0) {
		const struct span span = stack[--depth];
		const struct zoom *z = &zoom[span.first];
		struct ew_filter *filter = as->filter;
		if (span.patch)
			filter->insns[span.patch].k = filter->count - span.patch - 1;
		size_t left = span.count / 2; /* to the end of a run of equal keys */
		while (left > 0 && left < span.count && z[left].key == z[left - 1].key)
			left++;
		if (z[0].key == z[span.count - 1].key) {
			ew_assemble(as, BPF_JMP | BPF_JEQ | BPF_K, z[0].key, 1, 0);
			ew_assemble_op(as, BPF_RET | BPF_K, 0);
			emit_leaf(as, z, span.count);
			continue;
		}
		if (left == span.count) /* the run reaches the end: split before it */
			while (z[left - 1].key == z[span.count - 1].key)
				left--;
		ew_assemble(as, BPF_JMP | BPF_JGE | BPF_K, z[left].key, 0, 1);
		ew_assemble_op(as, BPF_JMP | BPF_JA, 0);
		assert(depth + 2 <= sizeof(stack) / sizeof(stack[0]));
		stack[depth++] = (struct span){ .first = span.first + left,
			.count = span.count - left,
			.patch = filter->count - 1 };
		stack[depth++] = (struct span){ .first = span.first, .count = left };
	}
}

/* What is not passed by itself: pairs under the lens, or nothing. */
static void
emit_zoom(struct ew_assembler *as, const struct ew_filter_spec *spec, bool v4)
{
	struct zoom zoom[EW_CAPTURE_ZOOM_MAX];
	const size_t count = collect(spec, v4, zoom);

	if (count == 0) {
		ew_assemble_op(as, BPF_RET | BPF_K, 0);
		return;
	}
	load_word(as, v4 ? 12 : 8, v4);
	ew_assemble_op(as, BPF_ST, 0);
	load_word(as, v4 ? 16 : 24, v4);
	ew_assemble_op(as, BPF_LDX | BPF_W | BPF_MEM, 0);
	ew_assemble_op(as, BPF_ALU | BPF_XOR | BPF_X, 0);
	emit_tree(as, zoom, count);
}

/* --- protocols ------------------------------------------------------------------------ */

/*
 * With the size of the IPv4 header in X: go on only if `need` bytes of transport header are
 * there. Most packets have room for the largest header and take the short way.
 */
static void
require_transport(struct ew_assembler *as, uint32_t need, enum label enough)
{
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_LEN, 0);
	ew_assemble_test(as, BPF_JGE | BPF_K, as->link_bytes + 60 + need, enough,
	    L_NEXT);
	ew_assemble_op(as, BPF_MISC | BPF_TXA, 0);
	/* NOLINTNEXTLINE(misc-redundant-expression): ADD and K are both 0 */
	ew_assemble_op(as, BPF_ALU | BPF_ADD | BPF_K, as->link_bytes + need);
	ew_assemble_op(as, BPF_MISC | BPF_TAX, 0);
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_LEN, 0);
	ew_assemble_test(as, BPF_JGE | BPF_X, 0, L_NEXT, L_PASS);
	ew_assemble_load(as, BPF_LDX | BPF_B | BPF_MSH, 0);
	ew_assemble_here(as, enough);
}

/* Mode BPF_IND with X = header size for IPv4, BPF_ABS with the offset for IPv6. */
static void
test_flags_and_dns(struct ew_assembler *as, uint16_t mode, uint32_t tcp)
{
	ew_assemble_load(as, BPF_LD | BPF_B | mode, tcp + 13);
	ew_assemble_test(as, BPF_JSET | BPF_K, FLAGS_SYN_FIN_RST, L_PASS, L_NEXT);
	ew_assemble_test(as, BPF_JSET | BPF_K, FLAG_ACK, L_NEXT, L_PASS);
	ew_assemble_load(as, BPF_LD | BPF_H | mode, tcp + 0);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PORT_DNS, L_PASS_LONG, L_NEXT);
	ew_assemble_load(as, BPF_LD | BPF_H | mode, tcp + 2);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PORT_DNS, L_PASS_LONG, L_NEXT);
	ew_assemble_load(as, BPF_LD | BPF_B | mode, tcp + 12);
	ew_assemble_op(as, BPF_ALU | BPF_AND | BPF_K, 0xf0);
	ew_assemble_op(as, BPF_ALU | BPF_RSH | BPF_K, 2);
}

/* With the payload's size in X and the sequence number in A. */
static void
test_boundary(struct ew_assembler *as)
{
	ew_assemble_op(as, BPF_ALU | BPF_AND | BPF_K, 0xfffff);
	ew_assemble_op(as, BPF_ALU | BPF_ADD | BPF_X, 0);
	ew_assemble_test(as, BPF_JGT | BPF_K, 0xfffff, L_PASS, L_ZOOM);
}

static void
test_ports(struct ew_assembler *as, uint16_t mode, uint32_t udp)
{
	for (uint32_t end = 0; end < 2; end++) {
		const enum label other = end == 0 ? L_PORT_2 : L_PASS;
		ew_assemble_load(as, BPF_LD | BPF_H | mode, udp + 2 * end);
		ew_assemble_test(as, BPF_JGT | BPF_K, long_ports[LONG_PORTS - 1], other,
		    L_NEXT);
		for (size_t i = 0; i < LONG_PORTS; i++)
			ew_assemble_test(as, BPF_JEQ | BPF_K, long_ports[i],
			    L_PASS_LONG, i == LONG_PORTS - 1 ? other : L_NEXT);
		if (end == 0)
			ew_assemble_here(as, L_PORT_2);
	}
}

/* Bytes to keep of what is not decoded beyond its headers. */
static uint32_t
keep_bytes(const struct ew_filter_spec *spec)
{
	return spec->profile == EW_CAPTURE_ALL ? spec->snap_bytes : EW_FILTER_SNAP;
}

static uint32_t
keep_long_bytes(const struct ew_filter_spec *spec)
{
	const uint32_t keep = keep_bytes(spec);

	return keep > EW_FILTER_SNAP_LONG ? keep : EW_FILTER_SNAP_LONG;
}

static void
returns_and_zoom(struct ew_assembler *as, const struct ew_filter_spec *spec, bool v4)
{
	ew_assemble_here(as, L_PASS);
	ew_assemble_op(as, BPF_RET | BPF_K, as->link_bytes + keep_bytes(spec));
	ew_assemble_here(as, L_PASS_LONG);
	ew_assemble_op(as, BPF_RET | BPF_K, as->link_bytes + keep_long_bytes(spec));
	ew_assemble_here(as, L_ZOOM);
	ew_assemble_end(as);
	if (spec->profile == EW_CAPTURE_ALL)
		ew_assemble_op(as, BPF_RET | BPF_K, as->link_bytes + keep_bytes(spec));
	else
		emit_zoom(as, spec, v4);
}

static void
emit_v4(struct ew_assembler *as, const struct ew_filter_spec *spec)
{
	ew_assemble_begin(as);
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_LEN, 0);
	ew_assemble_test(as, BPF_JGE | BPF_K, as->link_bytes + 20, L_NEXT, L_PASS);
	ew_assemble_load(as, BPF_LD | BPF_B | BPF_ABS, 0);
	ew_assemble_test(as, BPF_JGE | BPF_K, 0x45, L_NEXT, L_PASS);
	ew_assemble_test(as, BPF_JGT | BPF_K, 0x4f, L_PASS, L_NEXT);
	ew_assemble_load(as, BPF_LDX | BPF_B | BPF_MSH, 0);
	ew_assemble_load(as, BPF_LD | BPF_H | BPF_ABS, 6);
	ew_assemble_test(as, BPF_JSET | BPF_K, 0x3fff, L_PASS,
	    L_NEXT); /* MF or an offset */
	ew_assemble_load(as, BPF_LD | BPF_B | BPF_ABS, 9);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PROTO_TCP, L_TCP, L_NEXT);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PROTO_UDP, L_UDP, L_NEXT);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PROTO_ICMP, L_PASS_LONG, L_PASS);

	ew_assemble_here(as, L_TCP);
	require_transport(as, 20, L_TCP_LONG_ENOUGH);
	test_flags_and_dns(as, BPF_IND, 0);
	ew_assemble_op(as, BPF_ST, 0);
	ew_assemble_load(as, BPF_LD | BPF_H | BPF_ABS, 2);
	ew_assemble_test(as, BPF_JEQ | BPF_K, 0, L_PASS, L_NEXT);
	ew_assemble_op(as, BPF_ALU | BPF_SUB | BPF_X, 0);
	ew_assemble_op(as, BPF_LDX | BPF_W | BPF_MEM, 0);
	ew_assemble_op(as, BPF_ALU | BPF_SUB | BPF_X, 0);
	ew_assemble_test(as, BPF_JGT | BPF_K, 0xffff, L_PASS,
	    L_NEXT); /* headers past the end */
	ew_assemble_op(as, BPF_ST, 1);
	ew_assemble_load(as, BPF_LDX | BPF_B | BPF_MSH, 0);
	ew_assemble_load(as, BPF_LD | BPF_W | BPF_IND, 4);
	ew_assemble_op(as, BPF_LDX | BPF_W | BPF_MEM, 1);
	test_boundary(as);

	ew_assemble_here(as, L_UDP);
	require_transport(as, 4, L_UDP_LONG_ENOUGH);
	test_ports(as, BPF_IND, 0);
	returns_and_zoom(as, spec, true);
}

static void
emit_v6(struct ew_assembler *as, const struct ew_filter_spec *spec)
{
	ew_assemble_begin(as);
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_LEN, 0);
	ew_assemble_test(as, BPF_JGE | BPF_K, as->link_bytes + 40, L_NEXT, L_PASS);
	ew_assemble_load(as, BPF_LD | BPF_B | BPF_ABS, 0);
	ew_assemble_op(as, BPF_ALU | BPF_AND | BPF_K, 0xf0);
	ew_assemble_test(as, BPF_JEQ | BPF_K, 0x60, L_NEXT, L_PASS);
	ew_assemble_load(as, BPF_LD | BPF_B | BPF_ABS, 6);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PROTO_TCP, L_TCP, L_NEXT);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PROTO_UDP, L_UDP, L_NEXT);
	ew_assemble_test(as, BPF_JEQ | BPF_K, PROTO_ICMPV6, L_PASS_LONG, L_PASS);

	ew_assemble_here(as, L_TCP);
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_LEN, 0);
	ew_assemble_test(as, BPF_JGE | BPF_K, as->link_bytes + 60, L_NEXT, L_PASS);
	test_flags_and_dns(as, BPF_ABS, 40);
	ew_assemble_op(as, BPF_MISC | BPF_TAX, 0);
	ew_assemble_load(as, BPF_LD | BPF_H | BPF_ABS, 4);
	ew_assemble_test(as, BPF_JEQ | BPF_K, 0, L_PASS, L_NEXT);
	ew_assemble_op(as, BPF_ALU | BPF_SUB | BPF_X, 0);
	ew_assemble_test(as, BPF_JGT | BPF_K, 0xffff, L_PASS, L_NEXT);
	ew_assemble_op(as, BPF_MISC | BPF_TAX, 0);
	ew_assemble_load(as, BPF_LD | BPF_W | BPF_ABS, 44);
	test_boundary(as);

	ew_assemble_here(as, L_UDP);
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_LEN, 0);
	ew_assemble_test(as, BPF_JGE | BPF_K, as->link_bytes + 44, L_NEXT, L_PASS);
	test_ports(as, BPF_ABS, 40);
	returns_and_zoom(as, spec, false);
}

static void
emit_direction(struct ew_assembler *as, enum ew_filter_direction direction)
{
	if (direction == EW_FILTER_BOTH)
		return;
	const bool in = direction == EW_FILTER_IN;
	ew_assemble_op(as, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	ew_assemble(as, BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, in ? 0 : 1,
	    in ? 1 : 0);
	ew_assemble_op(as, BPF_RET | BPF_K, 0);
}

void
ew_filter_build(const struct ew_filter_spec *spec, struct ew_filter *ret_filter)
{
	struct ew_assembler as = { .filter = ret_filter,
		.link_bytes = spec->link_bytes };

	assert(spec->count <= EW_CAPTURE_ZOOM_MAX);
	ret_filter->count = 0;
	emit_direction(&as, spec->direction);
	ew_assemble_op(&as, BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	ew_assemble(&as, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 3, 0);
	ew_assemble(&as, BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 1, 0);
	ew_assemble_op(&as, BPF_RET | BPF_K, spec->link_bytes + keep_bytes(spec));
	const uint32_t to_v6 = ret_filter->count;
	ew_assemble_op(&as, BPF_JMP | BPF_JA, 0);
	emit_v4(&as, spec);
	ret_filter->insns[to_v6].k = ret_filter->count - to_v6 - 1;
	emit_v6(&as, spec);
}

void
ew_filter_build_reject(struct ew_filter *ret_filter)
{
	ret_filter->count = 1;
	ret_filter->insns[0] = (struct ew_filter_insn){ .code = BPF_RET | BPF_K };
}

int
ew_filter_attach(int fd, const struct ew_filter *filter)
{
	struct sock_filter insns[EW_FILTER_MAX];
	const struct sock_fprog program = { .len = (unsigned short)filter->count,
		.filter = insns };

	memcpy(insns, filter->insns, filter->count * sizeof(insns[0]));
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) !=
	    0)
		return -errno;
	return 0;
}
