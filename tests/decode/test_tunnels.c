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

TestSuite(tunnels, .init = setup, .fini = teardown);

static void
add_inner(void)
{
	packet_ip(&p, "192.168.0.1", "192.168.0.2", 17);
	packet_udp(&p, 1111, 2222);
	packet_fill(&p, 0, 4);
}

static void
expect_inner(const struct ew_packet *packet, unsigned outer)
{
	cr_assert_not_null(packet);
	cr_expect(is_addr(&packet->src, "192.168.0.1"));
	cr_expect_eq(packet->sport, 1111);
	cr_expect_eq(packet->ip_bytes, 32);
	cr_expect_eq(packet->payload_bytes, 4);
	cr_expect_eq(packet->outer, outer);
}

Test(tunnels, vxlan_gives_the_outer_and_the_inner_packet)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 50000, 4789);
	packet_vxlan(&p, 77);
	packet_ethernet(&p, 0x0800);
	add_inner();
	expect_inner(bench_packet(&b, &p, EW_LINK_RAW), 1);
	cr_assert_eq(b.batch.n_packets, 2);
	cr_expect_eq(b.batch.packets[0].dport, 4789);
	cr_expect_eq(b.batch.packets[0].domain, 0);
	cr_expect_eq(b.batch.packets[1].domain, EW_DOMAIN_TUNNEL | 77);
}

Test(tunnels, vxlan_without_its_flag_is_only_udp)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 50000, 4789);
	packet_u32(&p, 0);
	packet_u32(&p, 0);
	packet_ethernet(&p, 0x0800);
	add_inner();
	(void)bench_packet(&b, &p, EW_LINK_RAW);
	cr_expect_eq(b.batch.n_packets, 1);
	cr_expect_eq(bench_errors(&b, EW_DECODE_TUNNEL), 1);
}

Test(tunnels, geneve_options_are_skipped)
{
	packet_ip(&p, "fd00::1", "fd00::2", 17);
	packet_udp(&p, 50000, 6081);
	packet_geneve(&p, 5, 0x6558, 9);
	packet_ethernet(&p, 0x0800);
	add_inner();
	expect_inner(bench_packet(&b, &p, EW_LINK_RAW), 1);
}

Test(tunnels, gre_forms)
{
	static const struct {
		const char *name;
		unsigned flags, type;
		const char *more;
		size_t size;
	} cases[] = {
		{ "plain", 0, 0x0800, "", 0 },
		{ "key, sequence and checksum", 0xb000, 0x0800,
		    "\0\0\0\0\0\0\0\1\0\0\0\2", 12 },
		{ "ethernet", 0, 0x6558, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14 },
		{ "erspan I", 0, 0x88be, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14 },
		{ "erspan II", 0x1000, 0x88be,
		    "\0\0\0\1\0\0\0\0\0\0\0\0\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 26 },
		{ "pptp", 0x3081, 0x880b, "\0\x22\0\0\0\0\0\1\0\0\0\1\xff\x03\0\x21",
		    16 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		packet_clear(&p);
		packet_ip(&p, "10.0.0.1", "10.0.0.2", 47);
		packet_gre(&p, cases[i].flags, cases[i].type);
		packet_bytes(&p, cases[i].more, cases[i].size);
		add_inner();
		expect_inner(bench_packet(&b, &p, EW_LINK_RAW), 1);
		cr_expect_eq(b.batch.packets[0].kind, EW_PACKET_TUNNEL, "%s",
		    cases[i].name);
	}
}

Test(tunnels, all_four_kinds_of_ip_in_ip)
{
	static const char *const outer[2][2] = { { "10.0.0.1", "10.0.0.2" },
		{ "fd00::1", "fd00::2" } };

	for (int i = 0; i < 2; i++) {
		packet_clear(&p);
		packet_ip(&p, outer[i][0], outer[i][1], 4);
		add_inner();
		expect_inner(bench_packet(&b, &p, EW_LINK_RAW), 1);
		packet_clear(&p);
		packet_ip(&p, outer[i][0], outer[i][1], 41);
		packet_ip(&p, "fd00::8", "fd00::9", 6);
		packet_tcp(&p, 5, 6, 1, 1, EW_TCP_SYN);
		const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_RAW);

		cr_expect(is_addr(&packet->src, "fd00::8"));
		cr_expect_eq(packet->dport, 6);
	}
}

Test(tunnels, nesting_ends_at_the_fixed_depth)
{
	for (int i = 0; i < 20; i++)
		packet_ip(&p, "10.0.0.1", "10.0.0.2", 4);
	add_inner();
	(void)bench_packet(&b, &p, EW_LINK_RAW);
	cr_expect_eq(b.batch.n_packets, EW_TUNNEL_DEPTH_MAX);
	cr_expect_eq(bench_errors(&b, EW_DECODE_TUNNEL_DEPTH), 1);
}

Test(tunnels, the_deepest_nest_still_fits_into_a_batch)
{
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 4);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 4);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 4);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 9999, 4789);
	packet_vxlan(&p, 1);
	packet_ethernet(&p, 0x0806);
	packet_bytes(&p,
	    "\0\1\x08\0\6\4\0\1\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2", 28);
	packet_seal(&p);
	struct ew_frame frames[100];

	for (int i = 0; i < 100; i++)
		frames[i] = (struct ew_frame){ .data = p.bytes,
			.caplen = (uint32_t)p.size,
			.len = (uint32_t)p.size,
			.link = EW_LINK_RAW };
	size_t used = 0, packets = 0, notes = 0;

	while (used < 100) {
		used += ew_decode(b.decoder, frames + used, 100 - used, &b.batch);
		packets += b.batch.n_packets;
		notes += b.batch.n_notes;
	}
	cr_expect_eq(packets, 500);
	cr_expect_eq(notes, 100);
}
