/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/harness.h"

static struct bench b;

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

TestSuite(datagram, .init = setup, .fini = teardown);

#define A "10.0.0.1"
#define B "10.0.0.2"

static void
udp(int64_t at_ms, const char *src, unsigned sport, const char *dst, unsigned dport,
    uint32_t bytes)
{
	const struct ew_packet p = a_udp(at_ms, src, sport, dst, dport, bytes);

	bench_feed(&b, &p);
}

Test(datagram, question_and_answer_are_one_flow)
{
	udp(0, A, 40000, B, 5000, 30);
	cr_expect_str_eq(b.log, "attempt");
	udp(10, B, 5000, A, 40000, 90);
	cr_expect_str_eq(b.log, "attempt established payload");
	udp(20, A, 40000, B, 5000, 30);
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log, "attempt established payload close:SF");
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

	cr_expect_str_eq(ev->history, "Dd");
	cr_expect_eq(ev->side[0].pkts, 2);
	cr_expect_eq(ev->side[0].bytes, 60);
	cr_expect_eq(ev->side[0].ip_bytes, 116);
	cr_expect_eq(ev->side[1].bytes, 90);
}

Test(datagram, silence_is_told_after_five_seconds)
{
	udp(0, A, 40000, B, 5000, 30);
	bench_wait(&b, 4990);
	cr_expect_str_eq(b.log, "attempt");
	bench_wait(&b, 5010);
	cr_expect_str_eq(b.log, "attempt unanswered");
}

Test(datagram, nobody_expects_an_answer_from_a_group)
{
	udp(0, A, 40000, "224.0.0.251", 5353, 30);
	udp(0, A, 40000, "255.255.255.255", 9999, 30);
	bench_wait(&b, 6000);
	cr_expect_eq(bench_count(&b, EW_FLOW_UNANSWERED), 0);
}

Test(datagram, a_pair_silent_for_a_minute_begins_anew)
{
	b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
	bench_reopen(&b);
	udp(0, A, 40000, B, 5000, 30);
	udp(59999, A, 40000, B, 5000, 30);
	cr_expect_eq(b.n_events, 0);
	udp(119999, A, 40000, B, 5000, 30);
	cr_assert_eq(b.n_events, 1);
	cr_expect_eq(b.events[0].side[0].pkts, 2);
}

Test(datagram, an_answer_seen_first_is_turned_round_by_its_port)
{
	static const struct {
		unsigned sport, dport;
		bool flips;
	} cases[] = { { 53, 40000, true }, { 40000, 53, false }, { 53, 123, false },
		{ 40000, 40001, false }, { 5353, 5353, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench_reopen(&b);
		udp(0, A, cases[i].sport, B, cases[i].dport, 10);
		ew_flow_finish(b.table);
		const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

		cr_expect_eq((ev->flags & EW_FLOW_F_FLIPPED) != 0, cases[i].flips,
		    "%zu", i);
		cr_expect_eq((ev->flags & EW_FLOW_F_DIR_KNOWN) == 0, cases[i].flips,
		    "%zu", i);
		cr_expect_eq(ev->conn_state, cases[i].flips ? EW_CONN_SHR : EW_CONN_S0);
		cr_expect_str_eq(ev->history, cases[i].flips ? "^d" : "D");
	}
	bench_reopen(&b);
	udp(0, A, 67, "255.255.255.255", 40000, 10);
	ew_flow_finish(b.table);
	cr_expect_not(bench_last(&b, EW_FLOW_CLOSE)->flags & EW_FLOW_F_FLIPPED,
	    "a broadcast has no one to begin it but its sender");
}

static void
icmp(int64_t at_ms, const char *src, const char *dst, unsigned type, unsigned code)
{
	const struct ew_packet p = a_ping(at_ms, src, dst, type, code);

	bench_feed(&b, &p);
}

Test(datagram, all_pings_of_a_pair_are_one_flow)
{
	for (int i = 0; i < 5; i++) {
		icmp(i * 1000, A, B, 8, 0);
		icmp(i * 1000 + 1, B, A, 0, 0);
	}
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log, "attempt established close:OTH");
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

	cr_expect_eq(ev->tuple.sport, 8);
	cr_expect_eq(ev->tuple.dport, 0);
	cr_expect_eq(ev->side[1].pkts, 5);
	cr_expect_eq(ev->side[0].bytes, 280);
}

Test(datagram,
    a_ping_cut_by_the_snap_length_counts_nothing_and_is_answered_all_the_same)
{
	struct ew_packet p = a_ping(0, A, B, 8, 0);

	p.uncounted = 1;
	bench_feed(&b, &p);
	p = a_ping(1, B, A, 0, 0);
	p.uncounted = 1;
	bench_feed(&b, &p);
	bench_wait(&b, 6000);
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log, "attempt established close:OTH");
	cr_expect_eq(bench_last(&b, EW_FLOW_CLOSE)->side[0].pkts, 0);
}

Test(datagram, icmp_types_without_an_answer_go_one_way)
{
	b.conf.events =
	    EW_FLOW_KIND_BIT(EW_FLOW_CLOSE) | EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT);
	bench_reopen(&b);
	icmp(0, A, B, 3, 3);
	icmp(1, B, A, 3, 3);
	icmp(2, A, B, 3, 1);
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log, "close:OTH close:OTH close:OTH");
	cr_expect_eq(b.events[2].tuple.dport, 1);
}

/* B, or a router, says that A's packet to B went nowhere. */
static void
refuse(int64_t at_ms, const char *by, uint8_t proto, uint16_t sport, uint16_t dport,
    unsigned type, unsigned code)
{
	const struct ew_packet p = a_ping(at_ms, by, A, type, code);
	const struct ew_note note = { .kind = EW_NOTE_QUOTE,
		.u.quote = { .src = addr(A),
		    .dst = addr(B),
		    .sport = sport,
		    .dport = dport,
		    .proto = proto,
		    .has_ports = 1 } };

	bench_feed_note(&b, &p, &note);
}

Test(datagram, an_icmp_error_refuses_the_flow_it_quotes)
{
	udp(0, A, 40000, B, 161, 30);
	refuse(1, B, 17, 40000, 161, 3, 3);
	refuse(2, B, 17, 40000, 161, 3, 3);
	cr_expect_str_eq(b.log, "attempt refused");
	cr_expect_eq(b.events[1].tuple.dport, 161);
	cr_expect_eq(b.events[1].icmp_type, 3);
	cr_expect_eq(b.events[1].icmp_code, 3);
	bench_wait(&b, 7000);
	cr_expect_str_eq(b.log, "attempt refused", "and it is not unanswered");

	bench_reopen(&b);
	const struct ew_packet syn = a_tcp(0, A, 40000, B, 81, "S", 1, 0, 0);

	bench_feed(&b, &syn);
	refuse(1, "10.0.0.254", 6, 40000, 81, 3, 13);
	cr_expect_str_eq(b.log, "attempt refused");
	cr_expect_eq(b.events[1].refused_by_rst, 0);

	bench_reopen(&b);
	icmp(0, A, B, 8, 0);
	refuse(1, "10.0.0.254", 1, 8, 0, 3, 1);
	cr_expect_str_eq(b.log, "attempt refused");
}

Test(datagram, icmp_errors_about_something_else_refuse_nothing)
{
	udp(0, A, 40000, B, 161, 30);
	refuse(1, B, 17, 40001, 161, 3, 3);  /* no such flow */
	refuse(2, B, 17, 40000, 161, 3, 4);  /* fragmentation needed */
	refuse(3, B, 17, 40000, 161, 11, 0); /* time exceeded */
	udp(4, B, 161, A, 40000, 30);
	refuse(5, B, 17, 40000, 161, 3, 3); /* it was answered */
	cr_expect_eq(bench_count(&b, EW_FLOW_REFUSED), 0);
}

Test(datagram, names_go_with_the_flow_they_travel_on)
{
	const struct ew_packet p = a_udp(0, A, 40000, B, 53, 30);
	struct ew_note note = { .kind = EW_NOTE_DNS };

	(void)snprintf(note.u.dns.name, sizeof(note.u.dns.name), "redis.svc");
	bench_feed_note(&b, &p, &note);
	cr_expect_str_eq(b.log, "attempt dns");
	cr_expect_str_eq(b.events[1].u.dns.name, "redis.svc");
	cr_expect_eq(b.events[1].tuple.dport, 53);
	cr_expect_eq(b.events[1].flow_id, b.events[0].flow_id);
}

Test(datagram, sctp_is_kept_by_its_ports)
{
	struct ew_packet p = a_packet(0, A, 7, B, 8);

	p.kind = EW_PACKET_SCTP;
	p.proto = 132;
	bench_feed(&b, &p);
	p.sport = 9;
	bench_feed(&b, &p);
	cr_expect_eq(ew_flow_table_totals(b.table).open, 2);
}

Test(datagram, an_inner_flow_names_the_tunnel_around_it)
{
	static struct ew_batch batch;

	batch.n_packets = 2;
	batch.packets[0] = a_udp(0, A, 40000, B, 4789, 100);
	batch.packets[1] = a_udp(0, "192.168.0.1", 1, "192.168.0.2", 2, 10);
	batch.packets[1].outer = 1;
	batch.packets[1].domain = EW_DOMAIN_TUNNEL | 7;
	ew_flow_feed(b.table, &batch);
	ew_flow_finish(b.table);
	const struct ew_flow_event *inner = bench_last(&b, EW_FLOW_CLOSE);
	const struct ew_flow_event *outer = &b.events[0];

	cr_expect_eq(inner->parent_id, outer->flow_id);
	cr_expect_eq(inner->tuple.domain, EW_DOMAIN_TUNNEL | 7);
	cr_expect_eq(outer->parent_id, 0);
}

Test(datagram, a_bare_tunnel_has_an_id_and_no_row)
{
	static struct ew_batch batch;

	batch.n_packets = 2;
	batch.packets[0] = a_packet(0, A, 0, B, 0);
	batch.packets[0].kind = EW_PACKET_TUNNEL;
	batch.packets[0].proto = 47;
	batch.packets[1] = a_udp(0, "192.168.0.1", 1, "192.168.0.2", 2, 10);
	batch.packets[1].outer = 1;
	ew_flow_feed(b.table, &batch);
	const uint64_t parent = b.events[0].parent_id;

	cr_expect_neq(parent, 0);
	batch.packets[1].sport = 3;
	batch.packets[0].ts_ns += EW_NS_PER_S;
	batch.packets[1].ts_ns += EW_NS_PER_S;
	ew_flow_feed(b.table, &batch);
	ew_flow_finish(b.table);
	cr_expect_eq(bench_count(&b, EW_FLOW_CLOSE), 2);
	cr_expect_eq(bench_last(&b, EW_FLOW_CLOSE)->parent_id, parent);
}
