/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments in, conn_state, history and bytes out. The rows of the first table are Zeek's
 * (TCPSessionAdapter.cc at a13de64; its test conn_state-RST-behavior), worked out by hand.
 */
#include "flow/harness.h"

static struct bench b;

static void
setup(void)
{
	bench_open(&b);
	b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
	bench_reopen(&b);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(tcp, .init = setup, .fini = teardown);

#define CLIENT "10.0.0.1"
#define SERVER "10.0.0.2"

struct segment {
	char by; /* 'c', 's'; 0 ends the row */
	const char *flags;
	uint32_t seq, ack, bytes;
};

#define HANDSHAKE                                            \
	{ 'c', "S", 100, 0, 0 }, { 's', "SA", 500, 101, 0 }, \
	{                                                    \
		'c', "A", 101, 501, 0                        \
	}

struct row {
	const char *name;
	unsigned cport, sport;
	struct segment segments[14];
	const char *state, *history;
	uint64_t orig_bytes, resp_bytes;
	bool from_server; /* the record's originator is the server's address */
};

static const struct row rows[] = {
	{ "nothing comes back", 40000, 81, { { 'c', "S", 100, 0, 0 } }, "S0", "S", 0, 0,
	    0 },
	{ "syn repeated", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 'c', "S", 100, 0, 0 } }, "S0", "S", 0, 0, 0 },
	{ "syn-ack is enough for both", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 's', "SA", 500, 101, 0 } }, "S1", "Sh", 0, 0,
	    0 },
	{ "ordinary", 40000, 81,
	    { HANDSHAKE, { 'c', "PA", 101, 501, 50 }, { 's', "A", 501, 151, 0 },
		{ 's', "PA", 501, 151, 300 }, { 'c', "A", 151, 801, 0 },
		{ 'c', "FA", 151, 801, 0 }, { 's', "FA", 801, 152, 0 },
		{ 'c', "A", 152, 802, 0 } },
	    "SF", "ShADadFf", 50, 300, 0 },
	{ "refused", 40000, 81, { { 'c', "S", 100, 0, 0 }, { 's', "RA", 0, 101, 0 } },
	    "REJ", "Sr", 0, 0, 0 },
	{ "half-open scan", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 's', "SA", 500, 101, 0 },
		{ 'c', "R", 101, 0, 0 } },
	    "RSTO", "ShR", 0, 0, 0 },
	{ "client resets", 40000, 81,
	    { HANDSHAKE, { 'c', "PA", 101, 501, 50 }, { 'c', "R", 151, 0, 0 } }, "RSTO",
	    "ShADR", 50, 0, 0 },
	{ "server resets", 40000, 81,
	    { HANDSHAKE, { 'c', "PA", 101, 501, 50 }, { 's', "RA", 501, 151, 0 } },
	    "RSTR", "ShADr", 50, 0, 0 },
	{ "client closed, server not", 40000, 81,
	    { HANDSHAKE, { 'c', "FA", 101, 501, 0 }, { 's', "A", 501, 102, 0 } }, "S2",
	    "ShAFa", 0, 0, 0 },
	{ "server closed, client not", 40000, 81,
	    { HANDSHAKE, { 's', "FA", 501, 101, 0 }, { 'c', "A", 101, 502, 0 } }, "S3",
	    "ShAf", 0, 0, 0 },
	{ "fin, then reset of the same end", 40000, 81,
	    { HANDSHAKE, { 'c', "FA", 101, 501, 0 }, { 'c', "R", 102, 0, 0 } }, "RSTO",
	    "ShAFR", 0, 0, 0 },
	{ "fin, reset, and the peer's fin", 40000, 81,
	    { HANDSHAKE, { 'c', "FA", 101, 501, 0 }, { 'c', "R", 102, 0, 0 },
		{ 's', "FA", 501, 102, 0 } },
	    "SF", "ShAFRf", 0, 0, 0 },
	{ "reset after both fins", 40000, 81,
	    { HANDSHAKE, { 'c', "FA", 101, 501, 0 }, { 's', "FA", 501, 102, 0 },
		{ 'c', "R", 102, 0, 0 } },
	    "SF", "ShAFfR", 0, 0, 0 },
	{ "lone reset", 40000, 81, { { 'c', "R", 100, 0, 0 } }, "OTH", "R", 0, 0, 0 },
	{ "syn, reset", 40000, 81, { { 'c', "S", 100, 0, 0 }, { 'c', "R", 101, 0, 0 } },
	    "RSTOS0", "SR", 0, 0, 0 },
	{ "syn, ack of the server, reset", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 's', "A", 500, 101, 0 },
		{ 'c', "R", 101, 0, 0 } },
	    "RSTOS0", "SaR", 0, 0, 0 },
	{ "syn, ack, fin, reset", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 's', "A", 500, 101, 0 },
		{ 'c', "FA", 101, 501, 0 }, { 'c', "R", 102, 0, 0 } },
	    "OTH", "SaFR", 0, 0, 0 },
	{ "syn and fin in one", 40000, 81, { { 'c', "SF", 100, 0, 0 } }, "SH", "Q", 0,
	    0, 0 },
	{ "half closed by a stranger", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 'c', "FA", 101, 501, 0 } }, "SH", "SF", 0, 0,
	    0 },
	{ "already running, both ends finish", 40000, 81,
	    { { 'c', "PA", 101, 501, 50 }, { 's', "A", 501, 151, 0 },
		{ 'c', "FA", 151, 501, 0 }, { 's', "FA", 501, 152, 0 } },
	    "SF", "DaFf", 50, 0, 0 },
	{ "already running, still running", 40000, 81,
	    { { 'c', "PA", 101, 501, 50 }, { 's', "PA", 501, 151, 20 } }, "OTH", "Dd",
	    50, 20, 0 },
	{ "already running, seen from the server first", 40000, 80,
	    { { 's', "PA", 501, 101, 20 }, { 'c', "A", 101, 521, 0 } }, "OTH", "^dA", 0,
	    20, 0 },
	{ "already running, no port to guess by", 40000, 40001,
	    { { 's', "PA", 501, 101, 20 }, { 'c', "A", 101, 521, 0 } }, "OTH", "Da", 20,
	    0, 1 },
	{ "syn missed, productive", 40000, 40001,
	    { { 's', "SA", 500, 101, 0 }, { 'c', "A", 101, 501, 0 },
		{ 'c', "PA", 101, 501, 9 } },
	    "OTH", "^hAD", 9, 0, 0 },
	{ "syn-ack scan", 40000, 40001,
	    { { 's', "SA", 500, 101, 0 }, { 'c', "R", 101, 0, 0 } }, "REJ", "Hr", 0, 0,
	    1 },
	{ "syn after its syn-ack", 40000, 40001,
	    { { 's', "SA", 500, 101, 0 }, { 'c', "S", 100, 0, 0 },
		{ 'c', "A", 101, 501, 0 } },
	    "S1", "Hs^A", 0, 0, 0 },
	{ "retransmission is marked and counts once", 40000, 81,
	    { HANDSHAKE, { 'c', "PA", 101, 501, 50 }, { 'c', "PA", 101, 501, 50 } },
	    "S1", "ShADT", 50, 0, 0 },
	{ "bytes acknowledged but never seen count", 40000, 81,
	    { HANDSHAKE, { 's', "A", 501, 5101, 0 } }, "S1", "ShAa", 5000, 0, 0 },
	{ "acknowledgement in a reset is not believed", 40000, 81,
	    { HANDSHAKE, { 's', "RA", 501, 900000, 0 } }, "RSTR", "ShAr", 0, 0, 0 },
	{ "sequence numbers wrap", 40000, 81,
	    { { 'c', "S", 0xfffffff0, 0, 0 }, { 's', "SA", 500, 0xfffffff1, 0 },
		{ 'c', "PA", 0xfffffff1, 501, 100 }, { 's', "A", 501, 0x55, 0 },
		{ 'c', "FA", 0x55, 501, 0 } },
	    "S2", "ShDaF", 100, 0, 0 },
	{ "more than 2 GiB of which only syn and fin were seen", 40000, 81,
	    { { 'c', "S", 100, 0, 0 }, { 's', "SA", 500, 101, 0 },
		{ 'c', "FA", 3000000101u, 501, 0 } },
	    "S2", "ShF", 3000000000u, 0, 0 },
};

static void
play(const struct row *row, int64_t at_ms)
{
	for (size_t i = 0; i < 14 && row->segments[i].by; i++) {
		const struct segment *s = &row->segments[i];
		const bool by_client = s->by == 'c';
		const struct ew_packet p = a_tcp(at_ms + (int64_t)i,
		    by_client ? CLIENT : SERVER, by_client ? row->cport : row->sport,
		    by_client ? SERVER : CLIENT, by_client ? row->sport : row->cport,
		    s->flags, s->seq, s->ack, s->bytes);

		bench_feed(&b, &p);
	}
}

static void
expect_row(const struct row *row)
{
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

	cr_assert_not_null(ev, "%s: no record", row->name);
	cr_expect_str_eq(ew_conn_state_name((enum ew_conn_state)ev->conn_state),
	    row->state, "%s: %s", row->name,
	    ew_conn_state_name((enum ew_conn_state)ev->conn_state));
	cr_expect_str_eq(ev->history, row->history, "%s: %s", row->name, ev->history);
	cr_expect_eq(ev->side[0].bytes, row->orig_bytes, "%s: %lu", row->name,
	    (unsigned long)ev->side[0].bytes);
	cr_expect_eq(ev->side[1].bytes, row->resp_bytes, "%s: %lu", row->name,
	    (unsigned long)ev->side[1].bytes);
	const struct ew_addr orig = addr(row->from_server ? SERVER : CLIENT);

	cr_expect(ew_addr_equal(&ev->tuple.src, &orig), "%s: direction", row->name);
}

Test(tcp, states_and_histories_are_zeeks)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench_reopen(&b);
		play(&rows[i], 0);
		ew_flow_finish(b.table);
		cr_expect_eq(b.n_events, 1, "%s: %zu records", rows[i].name,
		    b.n_events);
		expect_row(&rows[i]);
	}
}

/* The quick ways through the machine must not show: with a closed window nothing is quick. */
Test(tcp, the_quick_way_gives_the_same_record)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ew_flow_event quick;

		bench_reopen(&b);
		play(&rows[i], 0);
		ew_flow_finish(b.table);
		quick = b.events[0];
		b.conf.events |= EW_FLOW_KIND_BIT(EW_FLOW_TURNS);
		bench_reopen(&b);
		play(&rows[i], 0);
		ew_flow_finish(b.table);
		const struct ew_flow_event *slow = bench_last(&b, EW_FLOW_CLOSE);

		cr_expect_arr_eq(quick.side, slow->side, sizeof(quick.side));
		cr_expect_eq(quick.last_ns, slow->last_ns);
		b.conf.events = EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
	}
}

Test(tcp, a_long_transfer_counts_past_four_gigabytes)
{
	uint32_t seq = 501;
	const int64_t blocks = 10000;

	play(&rows[2], 0);
	for (int64_t i = 0; i < blocks; i++) {
		const struct ew_packet data =
		    a_tcp(10 + i, SERVER, 81, CLIENT, 40000, "A", seq, 101, 1000000);

		bench_feed(&b, &data);
		seq += 1000000;
		const struct ew_packet ack =
		    a_tcp(10 + i, CLIENT, 40000, SERVER, 81, "A", 101, seq, 0);

		bench_feed(&b, &ack);
	}
	ew_flow_finish(b.table);
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

	cr_expect_eq(ev->side[1].bytes, (uint64_t)blocks * 1000000);
	cr_expect_eq(ev->side[1].pkts, (uint64_t)blocks + 1);
	cr_expect_eq(ev->side[1].ip_bytes, (uint64_t)blocks * 1000040 + 40);
}

static void
feed(int64_t at_ms, bool by_client, const char *flags, uint32_t seq, uint32_t ack)
{
	const struct ew_packet p = a_tcp(at_ms, by_client ? CLIENT : SERVER,
	    by_client ? 40000 : 81, by_client ? SERVER : CLIENT, by_client ? 81 : 40000,
	    flags, seq, ack, 0);

	bench_feed(&b, &p);
}

Test(tcp, an_unanswered_syn_is_over_after_five_seconds)
{
	feed(0, true, "S", 100, 0);
	feed(1000, true, "S", 100, 0);
	feed(3000, true, "S", 100, 0);
	bench_wait(&b, 4900);
	cr_expect_eq(b.n_events, 0);
	bench_wait(&b, 5010);
	cr_assert_eq(b.n_events, 1);
	cr_expect_eq(b.events[0].side[0].pkts, 3);
	feed(7000, true, "S", 100, 0);
	ew_flow_finish(b.table);
	cr_expect_eq(b.n_events, 2, "the next retry is the next record");
}

Test(tcp, a_new_syn_on_the_same_ports_is_a_new_connection)
{
	feed(0, true, "S", 100, 0);
	feed(1, false, "SA", 500, 101);
	feed(2, true, "S", 900, 0);
	cr_assert_eq(b.n_events, 1);
	cr_expect_str_eq(b.events[0].history, "Sh");
	feed(3, false, "SA", 700, 901);
	feed(4, true, "FA", 901, 701);
	feed(5, false, "FA", 701, 902);
	feed(6, true, "S", 900, 0);
	cr_assert_eq(b.n_events, 2, "after a close even the same number is new");
	cr_expect_eq(b.events[1].conn_state, EW_CONN_SF);
	ew_flow_finish(b.table);
	cr_assert_eq(b.n_events, 3);
	cr_expect_neq(b.events[1].flow_id, b.events[2].flow_id);
}

Test(tcp, flows_that_open_in_the_same_nanosecond_have_their_own_ids)
{
	for (uint32_t i = 0; i < 5; i++)
		feed(0, true, "S", 100 + i, 0);
	ew_flow_finish(b.table);
	cr_assert_eq(b.n_events, 5);
	for (int i = 0; i < 5; i++) {
		for (int j = 0; j < i; j++)
			cr_expect_neq(b.events[i].flow_id, b.events[j].flow_id);
	}
}

Test(tcp, a_closed_connection_waits_five_seconds_for_stragglers)
{
	feed(0, true, "S", 100, 0);
	feed(1, false, "SA", 500, 101);
	feed(2, true, "FA", 101, 501);
	feed(3, false, "FA", 501, 102);
	feed(2000, true, "A", 102, 502);
	bench_wait(&b, 4990);
	cr_expect_eq(b.n_events, 0);
	bench_wait(&b, 5020);
	cr_assert_eq(b.n_events, 1);
	cr_expect_eq(b.events[0].last_ns - b.events[0].first_ns, 3 * EW_NS_PER_MS,
	    "an ACK after both FINs does not make it longer");
	cr_expect_eq(b.events[0].side[0].pkts, 3);
}

Test(tcp, an_established_connection_may_be_silent_for_five_minutes)
{
	feed(0, true, "S", 100, 0);
	feed(1, false, "SA", 500, 101);
	bench_wait(&b, 299900);
	cr_expect_eq(b.n_events, 0);
	feed(299950, true, "A", 101, 501);
	bench_wait(&b, 599900);
	cr_expect_eq(b.n_events, 0);
	bench_wait(&b, 600000);
	cr_expect_eq(b.n_events, 1);
}

Test(tcp, a_packet_at_the_very_end_of_the_timeout_begins_anew)
{
	feed(0, true, "S", 100, 0);
	feed(0, false, "SA", 500, 101);
	feed(300000, true, "A", 101, 501);
	cr_expect_eq(b.n_events, 1);
}

Test(tcp, a_shell_may_be_silent_for_an_hour)
{
	struct ew_packet p = a_tcp(0, CLIENT, 40000, SERVER, 22, "S", 100, 0, 0);

	bench_feed(&b, &p);
	p = a_tcp(1, SERVER, 22, CLIENT, 40000, "SA", 500, 101, 0);
	bench_feed(&b, &p);
	bench_wait(&b, 3599000);
	cr_expect_eq(b.n_events, 0);
	bench_wait(&b, 3601000);
	cr_expect_eq(b.n_events, 1);
}

Test(tcp, packet_time_that_runs_back_stops_no_timer)
{
	feed(3600000, true, "S", 100, 0);
	feed(0, false, "SA", 500,
	    101); /* an hour earlier: a second capture, appended */
	feed(1, true, "A", 101, 501);
	bench_wait(&b, 3600000 + 290000);
	cr_expect_eq(b.n_events, 0);
	struct ew_packet p = a_tcp(1, CLIENT, 50000, SERVER, 81, "S", 1, 0, 0);

	bench_feed(&b, &p);
	p.ts_ns += 6 * EW_NS_PER_S;
	p.sport++;
	bench_feed(&b, &p);
	cr_assert_eq(b.n_events, 1, "the attempt timed out in its own time");
	cr_expect_eq(b.events[0].first_ns, START_NS + EW_NS_PER_MS);
	cr_expect_eq(b.events[0].tuple.sport, 50000);
}
