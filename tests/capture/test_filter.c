/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every case runs twice: in the kernel, attached to a socket pair whose reader gets as many
 * bytes as the program returns, and in the interpreter that replay uses. A socket pair's
 * packets have no Ethernet type, so the load of the type becomes a constant there.
 */
#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/filter_priv.h"
#include "capture/frame.h"

#define NOTHING 0
#define SHORT EW_FILTER_SNAP
#define LONG EW_FILTER_SNAP_LONG
#define BYTES 2000 /* of every packet: more than any snap length, so that it shows */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

struct packet {
	uint8_t bytes[BYTES];
	uint32_t size;
	uint16_t type;
};

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static struct packet
ipv4(unsigned proto, unsigned total, unsigned header_words)
{
	struct packet p = { .size = BYTES, .type = ETH_P_IP };

	p.bytes[0] = (uint8_t)(0x40 | header_words);
	put16(p.bytes + 2, total);
	p.bytes[9] = (uint8_t)proto;
	put32(p.bytes + 12, 0x0a000001);
	put32(p.bytes + 16, 0x0a000002);
	return p;
}

static struct packet
ipv6(unsigned next, unsigned payload)
{
	struct packet p = { .size = BYTES, .type = ETH_P_IPV6 };

	p.bytes[0] = 0x60;
	put16(p.bytes + 4, payload);
	p.bytes[6] = (uint8_t)next;
	p.bytes[8] = 0xfd;
	p.bytes[23] = 1;
	p.bytes[24] = 0xfd;
	p.bytes[39] = 2;
	return p;
}

static void
ports(struct packet *p, unsigned header, unsigned sport, unsigned dport)
{
	put16(p->bytes + header, sport);
	put16(p->bytes + header + 2, dport);
}

static void
tcp(struct packet *p, unsigned header, uint32_t seq, unsigned flags, unsigned words)
{
	ports(p, header, 40000, 443);
	put32(p->bytes + header + 4, seq);
	p->bytes[header + 12] = (uint8_t)(words << 4);
	p->bytes[header + 13] = (uint8_t)flags;
}

/* An acknowledging segment with `payload` bytes, timestamps and all. */
static struct packet
segment4(uint32_t seq, unsigned payload)
{
	struct packet p = ipv4(6, 20 + 32 + payload, 5);

	tcp(&p, 20, seq, ACK, 8);
	return p;
}

static struct packet
segment6(uint32_t seq, unsigned payload)
{
	struct packet p = ipv6(6, 32 + payload);

	tcp(&p, 40, seq, ACK, 8);
	return p;
}

/* --- both machines ------------------------------------------------------------------- */

struct rig {
	int in, out;
};

static struct rig
rig_open(void)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	return (struct rig){ .in = pair[0], .out = pair[1] };
}

static void
rig_close(struct rig rig)
{
	close(rig.in);
	close(rig.out);
}

static void
rig_attach(struct rig rig, const struct ew_filter *filter, uint16_t type)
{
	struct ew_filter *copy = malloc(sizeof(*copy));

	*copy = *filter;
	for (uint32_t i = 0; i < copy->count; i++)
		if (copy->insns[i].code == (BPF_LD | BPF_W | BPF_ABS) &&
		    copy->insns[i].k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
			copy->insns[i] =
			    (struct ew_filter_insn){ .code = BPF_LD | BPF_W | BPF_IMM,
				    .k = type };
	cr_assert_eq(ew_filter_attach(rig.out, copy), 0);
	free(copy);
}

static uint32_t
run_kernel(struct rig rig, const struct packet *p)
{
	uint8_t received[BYTES];

	/* a rejected datagram may also be reported as EPERM: nothing is received either way */
	(void)!send(rig.in, p->bytes, p->size, 0);
	const ssize_t got = recv(rig.out, received, sizeof(received), 0);
	return got < 0 ? 0 : (uint32_t)got;
}

static uint32_t
run_ours(const struct ew_filter *filter, const struct packet *p)
{
	const struct ew_filter_packet view = { .data = p->bytes,
		.caplen = p->size,
		.len = p->size,
		.protocol = p->type };
	const uint32_t keep = ew_filter_run(filter, &view);

	return keep < p->size ? keep : p->size;
}

static struct ew_filter *
connections(const struct ew_capture_pair *pairs, size_t count)
{
	struct ew_filter *filter = malloc(sizeof(*filter));
	const struct ew_filter_spec spec = { .profile = EW_CAPTURE_CONNECTIONS,
		.pairs = pairs,
		.count = count };

	ew_filter_build(&spec, filter);
	return filter;
}

static void
expect(const char *what, const struct packet *p, uint32_t wanted)
{
	struct ew_filter *filter = connections(NULL, 0);
	const struct rig rig = rig_open();

	if (wanted > p->size)
		wanted = p->size;
	rig_attach(rig, filter, p->type);
	cr_expect_eq(run_kernel(rig, p), wanted, "kernel: %s", what);
	cr_expect_eq(run_ours(filter, p), wanted, "interpreter: %s", what);
	rig_close(rig);
	free(filter);
}

/* --- cases --------------------------------------------------------------------------- */

Test(filter, passes_what_opens_and_closes_a_connection)
{
	static const struct {
		const char *what;
		unsigned flags;
		uint32_t wanted;
	} cases[] = {
		{ "SYN", SYN, SHORT },
		{ "SYN-ACK", SYN | ACK, SHORT },
		{ "FIN-ACK", FIN | ACK, SHORT },
		{ "RST", RST, SHORT },
		{ "RST-ACK", RST | ACK, SHORT },
		{ "no flag at all", 0, SHORT },
		{ "Xmas", FIN | PSH | URG, SHORT },
		{ "data without ACK", PSH, SHORT },
		{ "ACK", ACK, NOTHING },
		{ "data", ACK | PSH, NOTHING },
		{ "urgent data", ACK | URG, NOTHING },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = ipv4(6, 40, 5);
		tcp(&p, 20, 1, cases[i].flags, 5);
		expect(cases[i].what, &p, cases[i].wanted);
		p = ipv6(6, 20);
		tcp(&p, 40, 1, cases[i].flags, 5);
		expect(cases[i].what, &p, cases[i].wanted);
	}
}

Test(filter, passes_the_segment_that_crosses_a_mebibyte_of_sequence_space)
{
	static const struct {
		uint32_t seq;
		unsigned payload;
		uint32_t wanted;
	} cases[] = {
		{ 0, 0, NOTHING },
		{ 0xfffff, 0, NOTHING },
		{ 0xfffff, 1, SHORT },
		{ 0xffffe, 1, NOTHING },
		{ 0xffffe, 2, SHORT },
		{ 0x100000, 1448, NOTHING },
		{ 0xffffffff, 1, SHORT },
		{ 0xfff00000, 65000, NOTHING },
		{ 0xfff10000, 61440, NOTHING },
		{ 0xffff2000, 60000, SHORT },
		{ 0x7fffffff, 1448, SHORT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = segment4(cases[i].seq, cases[i].payload);
		expect("IPv4 segment", &p, cases[i].wanted);
		p = segment6(cases[i].seq, cases[i].payload);
		expect("IPv6 segment", &p, cases[i].wanted);
	}
}

Test(filter, passes_big_tcp_whose_total_length_is_zero)
{
	struct packet p = segment4(1, 100);
	put16(p.bytes + 2, 0);
	expect("IPv4 total length 0", &p, SHORT);
	p = segment6(1, 100);
	put16(p.bytes + 4, 0);
	expect("IPv6 payload length 0", &p, SHORT);
}

Test(filter, respects_ip_options_when_it_looks_at_tcp)
{
	for (unsigned words = 5; words <= 15; words++) {
		struct packet p = ipv4(6, 4 * words + 20, words);
		memset(p.bytes + 20, 0xff,
		    4 * words - 20 + 1); /* would look like flags */
		tcp(&p, 4 * words, 0x500, ACK, 5);
		expect("options, ACK", &p, NOTHING);
		tcp(&p, 4 * words, 0x500, SYN, 5);
		expect("options, SYN", &p, SHORT);
		tcp(&p, 4 * words, 0xfffff, ACK, 5);
		put16(p.bytes + 2, 4 * words + 20 + 1);
		expect("options, boundary", &p, SHORT);
	}
}

Test(filter, keeps_more_of_what_is_decoded)
{
	static const struct {
		unsigned sport, dport;
		uint32_t wanted;
	} cases[] = {
		{ 40000, 53, LONG },
		{ 53, 40000, LONG },
		{ 5353, 5353, LONG },
		{ 40000, 5355, LONG },
		{ 137, 137, LONG },
		{ 68, 67, LONG },
		{ 67, 68, LONG },
		{ 546, 547, LONG },
		{ 547, 546, LONG },
		{ 40000, 443, SHORT },
		{ 5356, 40000, SHORT },
		{ 52, 54, SHORT },
		{ 40000, 4789, SHORT },
		{ 5354, 5354, SHORT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = ipv4(17, 100, 5);
		ports(&p, 20, cases[i].sport, cases[i].dport);
		expect("UDP on IPv4", &p, cases[i].wanted);
		p = ipv6(17, 100);
		ports(&p, 40, cases[i].sport, cases[i].dport);
		expect("UDP on IPv6", &p, cases[i].wanted);
	}
	struct packet p = segment4(1, 100);
	ports(&p, 20, 53, 40000);
	expect("TCP from port 53", &p, LONG);
	ports(&p, 20, 40000, 53);
	expect("TCP to port 53", &p, LONG);
	p = ipv4(1, 100, 5);
	expect("ICMP", &p, LONG);
	p = ipv6(58, 100);
	expect("ICMPv6", &p, LONG);
}

Test(filter, passes_all_that_is_not_plain_tcp)
{
	struct packet p = segment4(1, 100);
	p.type = ETH_P_ARP;
	expect("ARP", &p, SHORT);
	p.type = ETH_P_8021Q;
	expect("a tag inside a tag", &p, SHORT);
	p = segment4(1, 100);
	put16(p.bytes + 6, 0x2000);
	expect("first fragment", &p, SHORT);
	put16(p.bytes + 6, 0x0010);
	expect("last fragment", &p, SHORT);
	put16(p.bytes + 6, 0x4000);
	expect("do not fragment", &p, NOTHING);
	p = ipv4(47, 100, 5);
	expect("GRE", &p, SHORT);
	p = ipv4(132, 100, 5);
	expect("SCTP", &p, SHORT);
	static const unsigned headers[] = { 0, 43, 44, 51, 60, 59, 41, 4 };
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		p = ipv6(headers[i], 100);
		expect("IPv6 extension header or tunnel", &p, SHORT);
	}
}

Test(filter, passes_headers_that_make_no_sense)
{
	struct packet p = segment4(1, 100);
	p.bytes[0] = 0x44;
	expect("header of 16 bytes", &p, SHORT);
	p.bytes[0] = 0x65;
	expect("version 6 in an IPv4 frame", &p, SHORT);
	p = segment4(1, 100);
	put16(p.bytes + 2, 30);
	expect("total length inside the headers", &p, SHORT);
	p = segment6(1, 100);
	p.bytes[0] = 0x45;
	expect("version 4 in an IPv6 frame", &p, SHORT);
	p = segment6(1, 100);
	put16(p.bytes + 4, 10);
	expect("payload length inside the header", &p, SHORT);
}

Test(filter, passes_packets_too_short_to_judge)
{
	for (uint32_t size = 1; size < 40; size++) {
		struct packet p = segment4(1, 100);
		p.size = size;
		expect("IPv4 cut short", &p, SHORT);
		p = ipv4(17, 100, 5);
		ports(&p, 20, 40000, 443);
		p.size = size;
		expect("UDP cut short", &p, SHORT);
	}
	for (uint32_t size = 1; size < 60; size++) {
		struct packet p = segment6(1, 100);
		p.size = size;
		expect("IPv6 cut short", &p, SHORT);
	}
	struct packet p = ipv4(6, 100, 15);
	tcp(&p, 60, 1, ACK, 5);
	p.size = 79;
	expect("options, then half a TCP header", &p, SHORT);
	p.size = 80;
	expect("options, then a TCP header", &p, NOTHING);
}

/* --- zoom ---------------------------------------------------------------------------- */

static struct ew_addr
v4(uint32_t address)
{
	uint8_t b[4];

	put32(b, address);
	return ew_addr_v4(b);
}

static struct ew_addr
v6(uint32_t tail)
{
	uint8_t b[16] = { 0xfd };

	put32(b + 12, tail);
	return ew_addr_v6(b);
}

static struct packet
between4(uint32_t src, uint32_t dst)
{
	struct packet p = segment4(1, 100);

	put32(p.bytes + 12, src);
	put32(p.bytes + 16, dst);
	return p;
}

static struct packet
between6(uint32_t src, uint32_t dst)
{
	struct packet p = segment6(1, 100);

	put32(p.bytes + 20, src);
	put32(p.bytes + 36, dst);
	return p;
}

struct zoom_case {
	const char *what;
	uint32_t (*partner)(size_t i);
};

static uint32_t
far_apart(size_t i)
{
	return 0x0a010000 + 7 * (uint32_t)i * (uint32_t)i;
}

/* Every pair has the same XOR: one leaf holds all. */
static uint32_t
same_key(size_t i)
{
	return (0x0a000000 + 2 * (uint32_t)i) ^ 1;
}

/* Two keys only. */
static uint32_t
two_keys(size_t i)
{
	return (0x0a000000 + 2 * (uint32_t)i) ^ (i & 1 ? 1 : 0x300);
}

Test(filter, passes_zoomed_pairs_whole_in_both_directions_and_no_others)
{
	static const struct zoom_case cases[] = { { "far apart", far_apart },
		{ "same key", same_key }, { "two keys", two_keys } };
	static const size_t counts[] = { 1, 2, 3, 5, 31, 64 };
	const struct rig rig = rig_open();

	for (size_t c = 0; c < 3; c++)
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
			for (int family = 4; family <= 6; family += 2) {
				struct ew_capture_pair pairs[64];
				const size_t n = counts[k];
				for (size_t i = 0; i < n; i++) {
					const uint32_t a = 0x0a000000 + 2 * (uint32_t)i;
					const uint32_t b = cases[c].partner(i);
					pairs[i].a = family == 4 ? v4(a) : v6(a);
					pairs[i].b = family == 4 ? v4(b) : v6(b);
				}
				struct ew_filter *filter = connections(pairs, n);
				rig_attach(rig, filter,
				    family == 4 ? ETH_P_IP : ETH_P_IPV6);
				for (size_t i = 0; i < 2 * n; i++) {
					const uint32_t a = 0x0a000000 + 2 * (uint32_t)i;
					const uint32_t b = cases[c].partner(i);
					const uint32_t wanted = i < n ? SHORT : NOTHING;
					struct packet p = family == 4 ? between4(a, b)
								      : between6(a, b);
					struct packet q = family == 4 ? between4(b, a)
								      : between6(b, a);
					cr_expect_eq(run_kernel(rig, &p), wanted,
					    "%s %zu", cases[c].what, i);
					cr_expect_eq(run_ours(filter, &p), wanted);
					cr_expect_eq(run_kernel(rig, &q), wanted);
					cr_expect_eq(run_ours(filter, &q), wanted);
					/* one end right, the XOR right, but another pair */
					struct packet r = family == 4
					    ? between4(a ^ 0x01000000, b ^ 0x01000000)
					    : between6(a ^ 0x01000000, b ^ 0x01000000);
					cr_expect_eq(run_kernel(rig, &r), NOTHING);
					cr_expect_eq(run_ours(filter, &r), NOTHING);
				}
				free(filter);
			}
	rig_close(rig);
}

Test(filter, agrees_with_the_kernel_on_random_packets)
{
	struct ew_capture_pair pairs[64];
	for (size_t i = 0; i < 64; i++)
		pairs[i] = i < 32
		    ? (struct ew_capture_pair){ v4(0x0a000001 + (uint32_t)i),
			      v4(0x0a000040 + (uint32_t)i * 3) }
		    : (struct ew_capture_pair){ v6((uint32_t)i), v6(1) };
	struct ew_filter *filter = connections(pairs, 64);
	const struct rig rig = rig_open();
	unsigned passed = 0;

	srandom(20260101);
	for (int type = 0; type < 3; type++) {
		const uint16_t types[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_ARP };
		rig_attach(rig, filter, types[type]);
		for (int i = 0; i < 20000; i++) {
			struct packet p = type == 1
			    ? segment6((uint32_t)random(), 1000)
			    : segment4((uint32_t)random(), 1000);
			p.type = types[type];
			for (int change = (int)(random() % 4); change > 0; change--)
				p.bytes[random() % 64] = (uint8_t)random();
			if (random() % 4 == 0)
				p.size = 1 + (uint32_t)random() % 100;
			const uint32_t kernel = run_kernel(rig, &p);
			cr_assert_eq(kernel, run_ours(filter, &p),
			    "packet %d of type %d", i, type);
			passed += kernel > 0;
		}
	}
	cr_expect(passed > 20000 && passed < 60000, "%u of 60000", passed);
	rig_close(rig);
	free(filter);
}

/* --- other shapes of the program ------------------------------------------------------- */

Test(filter, all_profile_passes_everything_and_keeps_more_of_what_is_decoded)
{
	struct ew_filter *filter = malloc(sizeof(*filter));

	for (uint32_t snap = 100; snap <= 1900; snap += 900) {
		const struct ew_filter_spec spec = { .profile = EW_CAPTURE_ALL,
			.snap_bytes = snap };
		const uint32_t decoded = snap > LONG ? snap : LONG;
		ew_filter_build(&spec, filter);
		struct packet p = segment4(1, 100);
		cr_expect_eq(run_ours(filter, &p), snap);
		p = segment6(1, 100);
		cr_expect_eq(run_ours(filter, &p), snap);
		p.type = ETH_P_ARP;
		cr_expect_eq(run_ours(filter, &p), snap);
		p = ipv4(17, 100, 5);
		ports(&p, 20, 40000, 53);
		cr_expect_eq(run_ours(filter, &p), decoded);
		p = ipv6(58, 100);
		cr_expect_eq(run_ours(filter, &p), decoded);
	}
	free(filter);
}

Test(filter, ethernet_program_reads_behind_the_link_header)
{
	struct ew_filter *filter = malloc(sizeof(*filter));
	const struct ew_filter_spec spec = { .profile = EW_CAPTURE_CONNECTIONS,
		.link_bytes = 14 };
	const struct rig rig = rig_open();

	ew_filter_build(&spec, filter);
	rig_attach(rig, filter, ETH_P_IP);
	for (int syn = 0; syn < 2; syn++) {
		struct packet p = segment4(1, 100);
		if (syn)
			p.bytes[33] |= SYN;
		memmove(p.bytes + 14, p.bytes, BYTES - 14);
		memset(p.bytes, 2, 14);
		cr_expect_eq(run_kernel(rig, &p), syn ? 14 + SHORT : NOTHING);
	}
	rig_close(rig);
	free(filter);
}

Test(filter, largest_program_fits_the_kernel_twice)
{
	struct ew_capture_pair pairs[64];
	for (size_t i = 0; i < 64; i++)
		pairs[i] =
		    (struct ew_capture_pair){ v6((uint32_t)i), v6(1000 + (uint32_t)i) };
	struct ew_filter *filter = connections(pairs, 64);
	/* 20 KiB before Linux 6.8 take old and new program, some 3 words an instruction */
	cr_expect(filter->count < 600, "%u", filter->count);
	const struct rig rig = rig_open();
	for (int swap = 0; swap < 3; swap++)
		cr_expect_eq(ew_filter_attach(rig.out, filter), 0);
	rig_close(rig);
	free(filter);
}

Test(filter, view_finds_the_network_header_of_each_link_type)
{
	static const struct {
		const char *what;
		uint8_t link;
		uint8_t bytes[24];
		uint32_t offset;
		uint16_t type;
	} cases[] = {
		{ "Ethernet", EW_LINK_ETHERNET, { [12] = 0x08, [13] = 0, [14] = 0x45 },
		    14, ETH_P_IP },
		{ "tagged", EW_LINK_ETHERNET, { [12] = 0x81, [16] = 0x86, [17] = 0xdd },
		    18, ETH_P_IPV6 },
		{ "two tags", EW_LINK_ETHERNET,
		    { [12] = 0x88, [13] = 0xa8, [16] = 0x81 }, 18, ETH_P_8021Q },
		{ "SLL", EW_LINK_SLL, { [14] = 0x08, [15] = 0x06 }, 16, ETH_P_ARP },
		{ "SLL2", EW_LINK_SLL2, { [0] = 0x86, [1] = 0xdd }, 20, ETH_P_IPV6 },
		{ "raw", EW_LINK_RAW, { 0x60 }, 0, ETH_P_IPV6 },
		{ "null", EW_LINK_NULL, { 2, 0, 0, 0, 0x45 }, 4, ETH_P_IP },
		{ "nothing known", EW_LINK_UNKNOWN, { 0x11 }, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ew_frame frame = { .data = cases[i].bytes,
			.caplen = 24,
			.len = 1000,
			.link = cases[i].link };
		const struct ew_filter_packet view = ew_filter_view(&frame);
		cr_expect_eq(view.data - frame.data, cases[i].offset, "%s",
		    cases[i].what);
		cr_expect_eq(view.protocol, cases[i].type, "%s", cases[i].what);
		cr_expect_eq(view.len, 1000 - cases[i].offset, "%s", cases[i].what);
	}
}

Test(filter, keeps_what_the_file_cut_off)
{
	struct ew_filter *filter = connections(NULL, 0);
	const struct packet p = segment4(1, 100);
	const struct ew_filter_packet view = { .data = p.bytes,
		.caplen = 24,
		.len = 1400,
		.protocol = ETH_P_IP };

	cr_expect_eq(ew_filter_run(filter, &view), SHORT);
	free(filter);
}
