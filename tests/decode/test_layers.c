/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/harness.h"

static struct bench b;
static struct packet p;

static void
setup(void)
{
	bench_open(&b);
	packet_clear(&p);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(layers, .init = setup, .fini = teardown);

/* What follows the link layer in all of these: ten bytes of TCP payload. */
static void
add_tcp_v4(void)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 6);
	packet_tcp(&p, 4000, 80, 7, 9, EW_TCP_ACK);
	packet_fill(&p, 'x', 10);
}

static void
expect_tcp_v4(const struct ew_packet *packet, const char *name)
{
	cr_assert_not_null(packet, "%s: no packet", name);
	cr_expect_eq(packet->kind, EW_PACKET_TCP, "%s", name);
	cr_expect(is_addr(&packet->src, "10.0.0.1"), "%s", name);
	cr_expect(is_addr(&packet->dst, "10.0.0.2"), "%s", name);
	cr_expect_eq(packet->sport, 4000, "%s", name);
	cr_expect_eq(packet->dport, 80, "%s", name);
	cr_expect_eq(packet->ip_bytes, 50, "%s: %u", name, packet->ip_bytes);
	cr_expect_eq(packet->payload_bytes, 10, "%s", name);
	cr_expect_eq(packet->seq, 7, "%s", name);
	cr_expect_eq(packet->ack, 9, "%s", name);
}

Test(layers, every_link_layer_leads_to_the_packet)
{
	static const struct {
		const char *name;
		enum ew_link link;
		const char *bytes;
		size_t size;
	} cases[] = {
		{ "raw", EW_LINK_RAW, "", 0 },
		{ "unknown is tried as raw", EW_LINK_UNKNOWN, "", 0 },
		{ "null, little endian", EW_LINK_NULL, "\2\0\0\0", 4 },
		{ "null, big endian", EW_LINK_NULL, "\0\0\0\2", 4 },
		{ "ethernet", EW_LINK_ETHERNET, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14 },
		{ "vlan", EW_LINK_ETHERNET, "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\5\x08\0",
		    18 },
		{ "qinq", EW_LINK_ETHERNET,
		    "\2\0\0\0\0\2\2\0\0\0\0\1\x88\xa8\0\5\x81\0\0\6\x08\0", 22 },
		{ "llc snap", EW_LINK_ETHERNET,
		    "\2\0\0\0\0\2\2\0\0\0\0\1\0\x3a\xaa\xaa\3\0\0\0\x08\0", 22 },
		{ "mpls, two labels", EW_LINK_ETHERNET,
		    "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x47\0\0\x10\x40\0\0\x21\x40", 22 },
		{ "pppoe", EW_LINK_ETHERNET,
		    "\2\0\0\0\0\2\2\0\0\0\0\1\x88\x64\x11\0\0\1\0\x34\0\x21", 22 },
		{ "sll", EW_LINK_SLL, "\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16 },
		{ "sll2", EW_LINK_SLL2, "\x08\0\0\0\0\0\0\7\0\1\4\6\2\0\0\0\0\1\0\0",
		    20 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		packet_clear(&p);
		packet_bytes(&p, cases[i].bytes, cases[i].size);
		add_tcp_v4();
		expect_tcp_v4(bench_packet(&b, &p, cases[i].link), cases[i].name);
	}
	cr_expect_eq(ew_decoder_errors(b.decoder), 0);
}

Test(layers, sll2_carries_interface_and_direction)
{
	packet_sll2(&p, 12, EW_SEEN_OUTGOING, 0x0800);
	add_tcp_v4();
	const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_SLL2);

	cr_expect_eq(packet->ifindex, 12);
	cr_expect_eq(packet->seen, EW_SEEN_OUTGOING);
	cr_expect_arr_eq(packet->src_mac, "\2\0\0\0\0\1", 6);
}

Test(layers, first_tag_is_the_outer_vlan_and_the_last_the_inner)
{
	packet_ethernet(&p, 0x88a8);
	packet_vlan(&p, 0x2005, 0x8100); /* priority bits are no part of the id */
	packet_vlan(&p, 6, 0x8100);
	packet_vlan(&p, 7, 0x0800);
	add_tcp_v4();
	const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_ETHERNET);

	cr_expect_eq(packet->vlan[0], 5);
	cr_expect_eq(packet->vlan[1], 7);
}

Test(layers, padding_after_the_ip_packet_is_not_payload)
{
	packet_ethernet(&p, 0x0800);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 6);
	packet_tcp(&p, 1, 2, 0, 0, EW_TCP_SYN);
	packet_seal(&p);
	packet_fill(&p, 0, 6);
	bench_frame(&b, p.bytes, p.size, p.size, EW_LINK_ETHERNET);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 0);
	cr_expect_eq(b.batch.packets[0].ip_bytes, 40);
}

Test(layers, a_short_snap_length_changes_no_count)
{
	packet_ethernet(&p, 0x0800);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 6);
	packet_tcp(&p, 1, 2, 0, 0, EW_TCP_ACK);
	packet_fill(&p, 0, 1000);
	packet_seal(&p);
	for (size_t snap = 54; snap < p.size; snap += 100) {
		bench_frame(&b, p.bytes, snap, p.size, EW_LINK_ETHERNET);
		cr_assert_eq(b.batch.n_packets, 1);
		cr_expect_eq(b.batch.packets[0].payload_bytes, 1000);
		cr_expect_eq(b.batch.packets[0].ip_bytes, 1040);
	}
}

Test(layers, length_zero_of_a_super_packet_becomes_the_wire_length)
{
	packet_ethernet(&p, 0x0800);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 6);
	packet_tcp(&p, 1, 2, 0, 0, EW_TCP_ACK);
	bench_frame(&b, p.bytes, p.size, 14 + 70000, EW_LINK_ETHERNET);
	cr_assert_eq(b.batch.n_packets, 1);
	cr_expect_eq(b.batch.packets[0].ip_bytes, 70000);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 70000 - 40);

	packet_clear(&p);
	packet_ethernet(&p, 0x86dd);
	packet_ip(&p, "fd00::1", "fd00::2", 6);
	packet_tcp(&p, 1, 2, 0, 0, EW_TCP_ACK);
	bench_frame(&b, p.bytes, p.size, 14 + 70000, EW_LINK_ETHERNET);
	cr_expect_eq(b.batch.packets[0].ip_bytes, 70000);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 70000 - 60);
}

Test(layers, a_length_beyond_the_wire_is_an_error)
{
	packet_ethernet(&p, 0x0800);
	add_tcp_v4();
	packet_seal(&p);
	bench_frame(&b, p.bytes, p.size - 1, p.size - 1, EW_LINK_ETHERNET);
	cr_expect_eq(b.batch.n_packets, 0);
	cr_expect_eq(bench_errors(&b, EW_DECODE_IP_LENGTH), 1);
}

Test(layers, ipv6_extension_headers_are_walked_and_bounded)
{
	packet_ip(&p, "fd00::1", "fd00::2", 0);
	packet_bytes(&p, "\x3c\0\1\4\0\0\0\0", 8); /* hop by hop */
	packet_bytes(&p, "\x2b\0\1\4\0\0\0\0", 8); /* destination options */
	packet_bytes(&p, "\x06\0\0\0\0\0\0\0", 8); /* routing */
	packet_tcp(&p, 1, 2, 3, 4, EW_TCP_ACK);
	packet_fill(&p, 0, 5);
	const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_RAW);

	cr_assert_not_null(packet);
	cr_expect_eq(packet->kind, EW_PACKET_TCP);
	cr_expect_eq(packet->payload_bytes, 5);
	cr_expect_eq(packet->ip_bytes, 40 + 24 + 25);

	packet_clear(&p); /* an option bomb */
	packet_ip(&p, "fd00::1", "fd00::2", 60);
	for (int i = 0; i < 100; i++)
		packet_bytes(&p, "\x3c\0\1\4\0\0\0\0", 8);
	cr_expect_null(bench_packet(&b, &p, EW_LINK_RAW));
	cr_expect_eq(bench_errors(&b, EW_DECODE_EXTENSIONS), 1);
}

Test(layers, ipv6_jumbo_payload_option_gives_the_length)
{
	packet_ip(&p, "fd00::1", "fd00::2", 0);
	packet_bytes(&p, "\x06\0\xc2\4\0\1\0\0", 8); /* 65536 */
	packet_tcp(&p, 1, 2, 3, 4, EW_TCP_ACK);
	bench_frame(&b, p.bytes, p.size, 40 + 65536, EW_LINK_RAW);
	cr_assert_eq(b.batch.n_packets, 1);
	cr_expect_eq(b.batch.packets[0].ip_bytes, 65536 + 40);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 65536 - 28);
}

Test(layers, a_tcp_header_longer_than_its_packet_counts_nothing)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 6);
	packet_tcp(&p, 1, 2, 3, 4, EW_TCP_ACK);
	p.bytes[20 + 12] = 0xf0;
	const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_RAW);

	cr_assert_not_null(packet);
	cr_expect_eq(packet->uncounted, 1);
	cr_expect_eq(bench_errors(&b, EW_DECODE_TRANSPORT), 1);
}

Test(layers, udp_bytes_come_from_the_udp_header)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 1, 2);
	packet_fill(&p, 0, 100);
	packet_seal(&p);
	p.bytes[20 + 5] = 58;
	bench_frame(&b, p.bytes, p.size, p.size, EW_LINK_RAW);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 50);
	p.bytes[20 + 5] = 0; /* a GSO packet */
	bench_frame(&b, p.bytes, p.size, p.size, EW_LINK_RAW);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 100);
}

Test(layers, other_protocols_are_packets_too)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 132);
	packet_u16(&p, 7);
	packet_u16(&p, 8);
	packet_fill(&p, 0, 8);
	const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_RAW);

	cr_expect_eq(packet->kind, EW_PACKET_SCTP);
	cr_expect_eq(packet->sport, 7);
	packet_clear(&p);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 50);
	packet_fill(&p, 0, 8);
	packet = bench_packet(&b, &p, EW_LINK_RAW);
	cr_expect_eq(packet->kind, EW_PACKET_OTHER);
	cr_expect_eq(packet->proto, 50);
}

/* Every prefix of a frame of every kind is read without a read past its end. */
Test(layers, every_prefix_of_a_frame_is_safe)
{
	packet_ethernet(&p, 0x88a8);
	packet_vlan(&p, 5, 0x0800);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 5000, 4789);
	packet_vxlan(&p, 7);
	packet_ethernet(&p, 0x86dd);
	packet_ip(&p, "fd00::1", "fd00::2", 47);
	packet_gre(&p, 0x2000, 0x0800);
	packet_u32(&p, 99);
	packet_ip(&p, "10.1.0.1", "10.1.0.2", 6);
	packet_tcp(&p, 53, 80, 1, 2, EW_TCP_SYN);
	packet_fill(&p, 1, 40);
	packet_seal(&p);
	for (size_t size = 0; size <= p.size; size++) {
		bench_frame(&b, p.bytes, size, p.size, EW_LINK_ETHERNET);
		bench_frame(&b, p.bytes, size, size, EW_LINK_ETHERNET);
	}
	cr_expect_eq(b.batch.n_packets, 3);
}

Test(layers, the_short_way_gives_the_same_packet_as_the_long_way)
{
	static const uint8_t flags[] = { EW_TCP_SYN, EW_TCP_ACK,
		EW_TCP_FIN | EW_TCP_ACK, EW_TCP_RST, 0, EW_TCP_SYN | EW_TCP_ACK };
	unsigned taken = 0;

	for (unsigned i = 0; i < 4000; i++) {
		struct ew_packet quick = { 0 };
		const bool sll2 = i & 1, udp = i & 2;

		packet_clear(&p);
		if (sll2)
			packet_sll2(&p, i, i % 5, 0x0800);
		else
			packet_ethernet(&p, 0x0800);
		packet_ip(&p, "10.0.0.1", "172.16.9.2", udp ? 17 : 6);
		if (udp)
			packet_udp(&p, 1000 + i, 2000 + i);
		else
			packet_tcp(&p, i * 7 % 65536, i * 13 % 65536, i * 77777, ~i,
			    flags[i % 6]);
		packet_fill(&p, 'x', i % 300);
		packet_seal(&p);
		if (i % 7 == 0) /* damage a byte of the headers */
			p.bytes[i % 40] ^= (uint8_t)(1U << i % 8);
		const struct ew_frame frame = { .ts_ns = b.ts_ns,
			.data = p.bytes,
			.caplen = (uint32_t)p.size,
			.len = (uint32_t)p.size,
			.link = sll2 ? EW_LINK_SLL2 : EW_LINK_ETHERNET,
			.ifindex = 3,
			.seen = EW_SEEN_UNKNOWN };

		if (!ew_decode_short(&frame, &quick))
			continue;
		taken++;
		/* The same bytes without their link layer take the long way. */
		struct ew_frame raw = frame;
		const size_t link = sll2 ? 20 : 14;

		raw.data += link;
		raw.caplen -= (uint32_t)link;
		raw.len -= (uint32_t)link;
		raw.link = EW_LINK_RAW;
		raw.ifindex = quick.ifindex;
		raw.seen = quick.seen;
		cr_assert_eq(ew_decode(b.decoder, &raw, 1, &b.batch), 1);
		cr_assert_eq(b.batch.n_packets, 1);
		struct ew_packet slow = b.batch.packets[0];

		memcpy(slow.src_mac, quick.src_mac, 6);
		cr_assert_arr_eq(&quick, &slow, sizeof(quick), "frame %u", i);
	}
	cr_expect_gt(taken, 3000);
}
