/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exactly once: the same packet seen at several interfaces counts at one. Interfaces here:
 * 10 and 11 are veths of A and B, 1 is their bridge, 2 an uplink, 3 is lo.
 */
#include "base/err.h"
#include "flow/harness.h"

static struct bench b;

#define A "172.18.0.2"
#define B "172.18.0.3"
#define HOST "172.18.0.1"

static void
setup(void)
{
	bench_open(&b);
	ew_flow_set_point(b.table, 10, EW_FLOW_POINT_VETH, 0);
	ew_flow_set_point(b.table, 11, EW_FLOW_POINT_VETH, 0);
	ew_flow_set_point(b.table, 1, EW_FLOW_POINT_BRIDGE, 0);
	ew_flow_set_point(b.table, 2, EW_FLOW_POINT_UPLINK, 0);
	ew_flow_set_point(b.table, 3, EW_FLOW_POINT_LO, 0);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(points, .init = setup, .fini = teardown);

/* packet at each interface named: "+10" not outgoing, "-10" outgoing. */
static void
at(struct ew_packet p, const char *where)
{
	while (*where) {
		p.seen = *where++ == '-' ? EW_SEEN_OUTGOING : EW_SEEN_HOST;
		p.ifindex = (uint32_t)strtoul(where, NULL, 10);
		while (*where && *where != '+' && *where != '-')
			where++;
		bench_feed(&b, &p);
	}
}

static const struct ew_flow_event *
finish(void)
{
	ew_flow_finish(b.table);
	return bench_last(&b, EW_FLOW_CLOSE);
}

Test(points, container_to_container_counts_at_each_senders_veth)
{
	at(a_tcp(0, A, 40000, B, 81, "S", 100, 0, 0), "+10-1-11");
	at(a_tcp(1, B, 81, A, 40000, "SA", 500, 101, 0), "+11-1-10");
	at(a_tcp(2, A, 40000, B, 81, "A", 101, 501, 0), "+10-1-11");
	const struct ew_flow_event *ev = finish();

	cr_expect_eq(ev->side[0].pkts, 2);
	cr_expect_eq(ev->side[1].pkts, 1);
	cr_expect_str_eq(ev->history, "ShA", "copies are no retransmissions");
	cr_expect_eq(ev->src_ifindex, 10);
	cr_expect_eq(ev->dst_ifindex, 11);
	cr_expect(ev->flags & EW_FLOW_F_SRC_ON_VETH);
	cr_expect(ev->flags & EW_FLOW_F_DST_ON_VETH);
	cr_expect_eq(bench_count(&b, EW_FLOW_ATTEMPT), 1);
}

Test(points, host_to_container_counts_on_the_bridge)
{
	at(a_udp(0, HOST, 40000, B, 5000, 10), "-1-11");
	at(a_udp(1, B, 5000, HOST, 40000, 10), "+11+1");
	const struct ew_flow_event *ev = finish();

	cr_expect_eq(ev->side[0].pkts, 1);
	cr_expect_eq(ev->side[1].pkts, 1);
	cr_expect_eq(ev->src_ifindex, 1);
	cr_expect_not(ev->flags & EW_FLOW_F_SRC_ON_VETH);
	cr_expect(ev->flags & EW_FLOW_F_DST_ON_VETH);
}

Test(points, a_service_address_answers_on_the_clients_veth_only)
{
	at(a_udp(0, A, 40000, "10.96.0.10", 53, 10), "+10");
	at(a_udp(1, "10.96.0.10", 53, A, 40000, 10), "-10");
	const struct ew_flow_event *ev = finish();

	cr_expect_eq(ev->side[1].pkts, 1);
	cr_expect_eq(ev->dst_ifindex, 10);
	cr_expect_not(ev->flags & EW_FLOW_F_DST_ON_VETH, "seen outgoing proves nobody");
}

Test(points, uplinks_count_for_host_addresses_only)
{
	const struct ew_addr host = addr("192.0.2.1");

	at(a_udp(0, "198.51.100.9", 1, "192.0.2.1", 2, 10), "+2");
	cr_expect_eq(ew_flow_table_totals(b.table).open, 0);
	cr_assert_eq(ew_flow_set_host_addresses(b.table, &host, 1), 0);
	at(a_udp(1, "198.51.100.9", 1, "192.0.2.1", 2, 10), "+2");
	at(a_udp(1, "198.51.100.9", 1, "192.0.2.77", 2, 10), "+2");
	at(a_udp(1, "127.0.0.1", 1, "127.0.0.1", 2, 10), "+3");
	cr_expect_eq(ew_flow_table_totals(b.table).open, 1);
}

Test(points, an_interface_nobody_announced_counts_for_the_time_being)
{
	at(a_udp(0, "172.18.0.9", 1, B, 2, 10), "+99-1-11");
	cr_expect_eq(bench_last(&b, EW_FLOW_ATTEMPT)->src_ifindex, 99);
	cr_expect_not(bench_last(&b, EW_FLOW_ATTEMPT)->flags & EW_FLOW_F_SRC_ON_VETH);
	ew_flow_set_point(b.table, 99, EW_FLOW_POINT_VETH, 0);
	at(a_udp(1, "172.18.0.9", 1, B, 2, 10), "+99-1-11");
	const struct ew_flow_event *ev = finish();

	cr_expect_eq(ev->side[0].pkts, 2);
	cr_expect(ev->flags & EW_FLOW_F_SRC_ON_VETH, "later the proof is known");
}

Test(points, without_a_table_every_packet_counts)
{
	bench_reopen(&b);
	struct ew_packet p = a_udp(0, A, 1, B, 2, 10);

	for (int i = 0; i < 3; i++)
		bench_feed(&b, &p);
	cr_expect_eq(finish()->side[0].pkts, 3);
}

Test(points, an_address_given_to_a_new_container_is_not_taken_for_a_copy)
{
	at(a_udp(0, A, 1, B, 2, 10), "+10-1-11");
	ew_flow_forget_point(b.table, 10);
	ew_flow_set_point(b.table, 12, EW_FLOW_POINT_VETH, 0);
	at(a_udp(1, A, 1, B, 2, 10), "+12-1-11");
	at(a_udp(2, A, 1, B, 2, 10), "+12-1-11");
	const struct ew_flow_event *ev = finish();

	cr_expect_eq(ev->side[0].pkts, 3);
	cr_expect_eq(ev->src_ifindex, 12);
}

Test(points, a_new_syn_at_a_new_veth_begins_a_new_flow)
{
	ew_flow_set_point(b.table, 12, EW_FLOW_POINT_VETH, 0);
	at(a_tcp(0, A, 40000, B, 81, "S", 100, 0, 0), "+10-1-11");
	at(a_tcp(1, B, 81, A, 40000, "SA", 500, 101, 0), "+11-1-10");
	at(a_tcp(2, A, 40000, B, 81, "S", 900, 0, 0), "+12-1-11");
	finish();
	cr_expect_eq(bench_count(&b, EW_FLOW_ATTEMPT), 2);
	cr_expect_eq(bench_last(&b, EW_FLOW_CLOSE)->src_ifindex, 12);
	cr_expect_eq(bench_last(&b, EW_FLOW_CLOSE)->side[0].pkts, 1);
}

Test(points, isolated_bridges_may_use_the_same_addresses)
{
	ew_flow_set_point(b.table, 20, EW_FLOW_POINT_VETH, 7);
	ew_flow_set_point(b.table, 30, EW_FLOW_POINT_VETH, 8);
	at(a_udp(0, A, 1, B, 2, 10), "+20");
	at(a_udp(0, A, 1, B, 2, 10), "+30");
	cr_expect_eq(ew_flow_table_totals(b.table).open, 2);
	cr_expect_eq(finish()->tuple.domain == 7 || finish()->tuple.domain == 8, 1);
}

Test(points, thousands_of_interfaces_come_and_go)
{
	for (uint32_t i = 100; i < 60000; i++) {
		cr_assert_eq(ew_flow_set_point(b.table, i, EW_FLOW_POINT_VETH, 0), 0);
		if (i >= 200)
			ew_flow_forget_point(b.table, i - 100);
	}
	uint32_t i = 60000;

	while (ew_flow_set_point(b.table, i, EW_FLOW_POINT_VETH, 0) == 0)
		i++;
	cr_expect_eq(ew_flow_set_point(b.table, i, EW_FLOW_POINT_VETH, 0),
	    EW_ERR_LIMIT);
	at(a_udp(0, A, 1, B, 2, 10), "+10");
	cr_expect(finish()->flags & EW_FLOW_F_SRC_ON_VETH,
	    "the first ones are still known");
}

/* --- ARP and NDP ------------------------------------------------------------------------- */

static void
arp(int64_t at_ms, uint16_t op, const char *sender, unsigned mac, const char *target,
    const char *where)
{
	struct ew_packet p = a_packet(at_ms, sender, 0, target, 0);
	struct ew_note note = { .kind = EW_NOTE_ARP, .u.arp = { .op = op } };

	p.kind = EW_PACKET_ARP;
	p.src_mac[5] = (uint8_t)mac;
	note.u.arp.sender_mac[5] = (uint8_t)mac;
	while (*where) {
		p.seen = *where++ == '-' ? EW_SEEN_OUTGOING : EW_SEEN_HOST;
		p.ifindex = (uint32_t)strtoul(where, NULL, 10);
		while (*where && *where != '+' && *where != '-')
			where++;
		bench_feed_note(&b, &p, &note);
	}
}

Test(points, an_arp_question_and_its_answer_are_told_once)
{
	arp(0, 1, A, 1, B, "+10-1-11");
	arp(1, 2, B, 2, A, "+11-1-10");
	bench_wait(&b, 2000);
	cr_expect_str_eq(b.log, "arp arp");
	cr_expect_eq(b.events[0].u.arp.answered, 0);
	cr_expect(b.events[0].flags & EW_FLOW_F_SRC_ON_VETH);
	cr_expect_eq(b.events[1].u.arp.answered, 1);
	cr_expect_eq(b.events[1].u.arp.unsolicited, 0);
	cr_expect_eq(b.events[1].src_ifindex, 11);
}

Test(points, an_arp_question_without_answer_is_told_after_a_second)
{
	arp(0, 1, A, 1, "172.18.0.77", "+10-1-11");
	bench_wait(&b, 990);
	cr_expect_str_eq(b.log, "arp");
	bench_wait(&b, 1010);
	cr_expect_str_eq(b.log, "arp arp");
	cr_expect_eq(b.events[1].u.arp.answered, 2);
	cr_expect_eq(b.events[1].src_mac[5], 1);
	cr_expect_eq(b.events[1].src_ifindex, 10);
}

Test(points, an_arp_answer_nobody_asked_for_is_unsolicited_each_time)
{
	for (int i = 0; i < 3; i++)
		arp(i * 2000, 2, HOST, 1, B, "+10-1-11");
	cr_expect_str_eq(b.log, "arp arp arp");
	for (int i = 0; i < 3; i++)
		cr_expect_eq(b.events[i].u.arp.unsolicited, 1);
}

Test(points, a_second_answer_from_another_mac_is_news)
{
	arp(0, 1, A, 1, B, "+10-1-11");
	arp(1, 2, B, 2, A, "+11-1-10");
	arp(2, 2, B, 9, A, "+12-1-10");
	cr_expect_eq(bench_count(&b, EW_FLOW_ARP), 3);
	cr_expect_eq(b.events[2].u.arp.sender_mac[5], 9);
}

Test(points, an_arp_flood_keeps_memory_at_its_bound)
{
	char target[32];

	for (int i = 0; i < 20000; i++) {
		(void)snprintf(target, sizeof(target), "10.1.%d.%d", i / 250, i % 250);
		arp(0, 1, A, 1, target, "+10");
	}
	cr_expect_eq(b.n_told, 20000);
	bench_wait(&b, 1100);
	cr_expect_eq(b.n_told, 20000 + 2048);
}

Test(points, neighbour_questions_work_the_same_way)
{
	struct ew_packet p = a_packet(0, "fe80::1", 135, "ff02::1:ff00:2", 0);
	struct ew_note note = { .kind = EW_NOTE_NDP,
		.u.ndp = { .type = 135, .target = addr("fe80::2") } };

	p.kind = EW_PACKET_ICMP;
	p.proto = 58;
	bench_feed_note(&b, &p, &note);
	note.u.ndp.target = addr("fe80::3");
	bench_feed_note(&b, &p, &note);
	p = a_packet(1, "fe80::2", 136, "fe80::1", 0);
	p.kind = EW_PACKET_ICMP;
	p.proto = 58;
	note.u.ndp = (struct ew_ndp_info){ .type = 136, .target = addr("fe80::2") };
	bench_feed_note(&b, &p, &note);
	bench_wait(&b, 1100);
	cr_expect_str_eq(b.log, "ndp ndp ndp ndp");
	cr_expect_eq(b.events[2].u.ndp.answered, 1);
	cr_expect_eq(b.events[3].u.ndp.answered, 2);
	const struct ew_addr three = addr("fe80::3");

	cr_expect(ew_addr_equal(&b.events[3].u.ndp.target, &three));
}
