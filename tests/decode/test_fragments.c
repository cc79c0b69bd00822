/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"
#include "decode/harness.h"

static struct bench b;
static struct packet p;

static void
setup(void)
{
	bench_open(&b);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(fragments, .init = setup, .fini = teardown);

/* A piece of a UDP datagram of 8 + 2000 bytes to port 2000; true when it became whole. */
static bool
send_v4(unsigned id, unsigned offset, unsigned size, int more)
{
	packet_clear(&p);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_fragment(&p, id, offset, more);
	if (offset == 0) {
		packet_u16(&p, 1000);
		packet_u16(&p, 2000);
		packet_u16(&p, 2008);
		packet_u16(&p, 0);
		size -= 8;
	}
	packet_fill(&p, 'x', size);
	return bench_packet(&b, &p, EW_LINK_RAW) != NULL;
}

Test(fragments, a_datagram_is_one_packet_of_its_whole_length)
{
	cr_expect_not(send_v4(1, 0, 800, 1));
	cr_expect_not(send_v4(1, 800, 800, 1));
	cr_expect(send_v4(1, 1600, 408, 0));
	cr_expect_eq(b.batch.packets[0].ip_bytes, 20 + 2008);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 2000);
	cr_expect_eq(b.batch.packets[0].dport, 2000);
	cr_expect_eq(b.decoder->counters.fragment_open, 0);
}

Test(fragments, order_and_repetition_do_not_matter)
{
	cr_expect_not(send_v4(1, 1600, 408, 0));
	cr_expect_not(send_v4(1, 800, 800, 1));
	cr_expect_not(send_v4(1, 800, 800, 1));
	cr_expect_not(send_v4(1, 400, 800, 1));
	cr_expect(send_v4(1, 0, 800, 1));
	cr_expect_eq(b.batch.packets[0].payload_bytes, 2000);
}

Test(fragments, a_piece_captured_in_part_counts_in_full)
{
	packet_clear(&p);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_fragment(&p, 1, 0, 1);
	packet_udp(&p, 1000, 2000);
	packet_fill(&p, 0, 792);
	packet_seal(&p);
	bench_frame(&b, p.bytes, 60, p.size, EW_LINK_RAW);
	cr_expect_not(send_v4(1, 800, 800, 1));
	cr_expect(send_v4(1, 1600, 408, 0));
	cr_expect_eq(b.batch.packets[0].dport, 2000);
	cr_expect_eq(b.batch.packets[0].ip_bytes, 2028);
}

Test(fragments, what_never_becomes_whole_counts_nothing)
{
	cr_expect_not(send_v4(1, 0, 800, 1));
	b.ts_ns += 301 * EW_NS_PER_S;
	cr_expect_not(send_v4(1, 800, 800, 1));
	cr_expect_not(send_v4(1, 1600, 408, 0));
	cr_expect_eq(b.decoder->counters.fragment_timeouts, 1);
	cr_expect_eq(b.decoder->counters.datagrams, 0);
}

Test(fragments, different_datagrams_do_not_mix)
{
	cr_expect_not(send_v4(1, 0, 800, 1));
	cr_expect_not(send_v4(2, 800, 800, 1));
	cr_expect_not(send_v4(1, 1600, 408, 0));
	cr_expect_not(send_v4(2, 1600, 408, 0));
	cr_expect(send_v4(1, 800, 800, 1));
	cr_expect(send_v4(2, 0, 800, 1));
}

Test(fragments, a_flood_keeps_memory_at_its_bound)
{
	for (unsigned i = 0; i < 100000; i++)
		(void)send_v4(i % 65536, i / 65536 * 8 + 16, 8, 1);
	cr_expect_leq(b.decoder->counters.fragment_open, 4096);
	cr_expect_gt(b.decoder->counters.fragment_evictions, 50000);
	cr_expect_not(send_v4(7, 0, 1600, 1));
	cr_expect(send_v4(7, 1600, 408, 0), "and honest datagrams still get whole");
}

Test(fragments, too_many_holes_are_refused)
{
	for (unsigned i = 0; i < 20; i++)
		cr_expect_not(send_v4(1, 16 * i + 8, 8, 1));
	cr_expect_eq(bench_errors(&b, EW_DECODE_FRAGMENT), 12);
}

/* A piece of the same datagram in IPv6. */
static bool
send_v6(unsigned offset, unsigned size, unsigned more)
{
	packet_clear(&p);
	packet_ip(&p, "fd00::1", "fd00::2", 44);
	packet_u8(&p, 17);
	packet_u8(&p, 0);
	packet_u16(&p, offset | more);
	packet_u32(&p, 0xabcdef01);
	if (offset == 0) {
		packet_u16(&p, 1000);
		packet_u16(&p, 2000);
		packet_u16(&p, 2008);
		packet_u16(&p, 0);
		size -= 8;
	}
	packet_fill(&p, 'x', size);
	return bench_packet(&b, &p, EW_LINK_RAW) != NULL;
}

Test(fragments, ipv6_is_put_together_the_same_way)
{
	cr_expect_not(send_v6(1600, 408, 0));
	cr_expect(send_v6(0, 1600, 1));
	cr_expect_eq(b.batch.packets[0].ip_bytes, 40 + 2008);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 2000);
	cr_expect_eq(b.batch.packets[0].sport, 1000);
}

Test(fragments, an_atomic_fragment_is_a_whole_packet)
{
	cr_expect(send_v6(0, 2008, 0));
	cr_expect_eq(b.batch.packets[0].payload_bytes, 2000);
	cr_expect_eq(b.batch.packets[0].ip_bytes, 40 + 8 + 2008);
}

/* The outer datagram's head is still being read when the inner fragment takes its place. */
Test(fragments, a_fragment_inside_a_datagram_that_came_in_fragments)
{
	struct ew_decoder_conf conf = ew_decoder_conf_default();

	ew_decoder_free(b.decoder);
	conf.max_datagrams = 1;
	b.decoder = ew_decoder_new(&conf);
	for (unsigned part = 0; part < 2; part++) {
		packet_clear(&p);
		packet_ip(&p, "fd00::1", "fd00::2", 44);
		packet_bytes(&p, "\4\0\0", 3);
		packet_u8(&p, part ? 48 : 1);
		packet_u32(&p, 5);
		if (part ==
		    0) { /* IPv4 with the first 800 bytes of send_v4()'s datagram */
			packet_bytes(&p, "\x45\0\x03\x34\0\7\x20\0\x40\x11\0\0", 12);
			packet_bytes(&p, "\x0a\0\0\1\x0a\0\0\2", 8);
			packet_bytes(&p, "\x03\xe8\x07\xd0\x07\xd8\0\0", 8);
			packet_fill(&p, 'x', 20);
		} else {
			packet_fill(&p, 'x', 772);
		}
		(void)bench_packet(&b, &p, EW_LINK_RAW);
	}
	cr_expect_eq(b.decoder->counters.datagrams, 1);
	cr_expect_not(send_v4(7, 800, 800, 1));
	cr_expect(send_v4(7, 1600, 408, 0));
	cr_expect_eq(b.batch.packets[0].dport, 2000);
	cr_expect_eq(b.batch.packets[0].payload_bytes, 2000);
}
