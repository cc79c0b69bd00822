/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/harness.h"

static struct bench b;

static void
setup(void)
{
	bench_open(&b);
	b.conf.events &= ~EW_FLOW_KIND_BIT(EW_FLOW_UPDATE);
	bench_reopen(&b);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(events, .init = setup, .fini = teardown);

#define CLIENT "10.0.0.1"
#define SERVER "10.0.0.2"

static void
seg(int64_t at_ms, char by, const char *flags, uint32_t seq, uint32_t ack,
    uint32_t bytes)
{
	const bool by_client = by == 'c';
	const struct ew_packet p = a_tcp(at_ms, by_client ? CLIENT : SERVER,
	    by_client ? 40000 : 8000, by_client ? SERVER : CLIENT,
	    by_client ? 8000 : 40000, flags, seq, ack, bytes);

	bench_feed(&b, &p);
}

Test(events, an_ordinary_connection_is_tried_established_and_used)
{
	seg(0, 'c', "S", 100, 0, 0);
	cr_expect_str_eq(b.log, "attempt");
	seg(1, 's', "SA", 500, 101, 0);
	seg(2, 'c', "A", 101, 501, 0);
	cr_expect_str_eq(b.log, "attempt");
	bench_wait(&b, 60);
	cr_expect_str_eq(b.log, "attempt established");
	seg(100, 'c', "PA", 101, 501, 10);
	cr_expect_str_eq(b.log, "attempt established payload");
	seg(200, 'c', "FA", 111, 501, 0);
	seg(201, 's', "FA", 501, 112, 0);
	bench_wait(&b, 6000);
	cr_expect_str_eq(b.log, "attempt established payload close:SF");
	cr_expect(b.events[1].flags & EW_FLOW_F_DIR_KNOWN);
	cr_expect_eq(b.events[1].src_isn, 100);
	cr_expect_eq(b.events[1].dst_isn, 500);
}

Test(events, data_within_fifty_milliseconds_establishes_at_once)
{
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	seg(2, 'c', "PA", 101, 501, 10);
	cr_expect_str_eq(b.log, "attempt established payload");
}

Test(events, data_shows_in_what_the_filter_passes)
{
	b.conf = ew_flow_conf_default(false);
	b.conf.max_flows = 1000;
	bench_reopen(&b);
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	bench_wait(&b, 100);
	seg(200, 'c', "FA", 151, 801, 0); /* 50 bytes went by unseen */
	cr_expect_str_eq(b.log, "attempt established payload");
	seg(201, 's', "FA", 801, 152, 0);
	ew_flow_finish(b.table);
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_CLOSE);

	cr_expect_eq(ev->side[0].bytes, 50);
	cr_expect_eq(ev->side[1].bytes, 300);
	cr_expect_not(ev->flags & EW_FLOW_F_EXACT);
}

Test(events, a_fin_without_data_is_no_payload)
{
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	seg(2, 'c', "FA", 101, 501, 0);
	seg(3, 's', "FA", 501, 102, 0);
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log, "attempt established close:SF");
}

Test(events, a_reset_refuses)
{
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "RA", 0, 101, 0);
	seg(2, 's', "RA", 0, 101, 0);
	cr_expect_str_eq(b.log, "attempt refused");
	cr_expect_eq(b.events[1].refused_by_rst, 1);
	bench_wait(&b, 6000);
	cr_expect_str_eq(b.log, "attempt refused close:REJ");
}

Test(events, silence_is_told_after_three_seconds)
{
	seg(0, 'c', "S", 100, 0, 0);
	bench_wait(&b, 2990);
	cr_expect_str_eq(b.log, "attempt");
	bench_wait(&b, 3010);
	cr_expect_str_eq(b.log, "attempt unanswered");
	bench_wait(&b, 10000);
	cr_expect_str_eq(b.log, "attempt unanswered close:S0");
}

Test(events, a_scanners_reset_leaves_it_half_open)
{
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	seg(2, 'c', "R", 101, 0, 0);
	bench_wait(&b, 6000);
	cr_expect_str_eq(b.log, "attempt halfopen close:RSTO");
}

Test(events, a_reset_after_fifty_milliseconds_is_both)
{
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	seg(1000, 'c', "R", 101, 0, 0);
	cr_expect_str_eq(b.log, "attempt established halfopen");
}

Test(events, a_reset_after_two_seconds_is_only_a_reset)
{
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	seg(2100, 'c', "R", 101, 0, 0);
	cr_expect_str_eq(b.log, "attempt established");
}

Test(events, a_connection_already_running_says_so)
{
	seg(0, 's', "A", 501, 101, 100);
	seg(1, 'c', "A", 101, 601, 0);
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log, "midstream close:OTH");
	cr_expect(b.events[0].flags & EW_FLOW_F_MIDSTREAM);
	cr_expect_not(b.events[0].flags & EW_FLOW_F_DIR_KNOWN);
	cr_expect(b.events[0].flags & EW_FLOW_F_FLIPPED);
}

Test(events, stealth_probes_are_told_with_the_prober_as_source)
{
	static const struct {
		const char *name, *probe, *answer;
		bool is_probe;
	} cases[] = {
		{ "fin", "F", "RA", true },
		{ "null", "", "RA", true },
		{ "xmas", "FPU", "RA", true },
		{ "ack", "A", "R", true },
		{ "ack, answered with an ack", "A", "RA", false },
		{ "syn", "S", "RA", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench_reopen(&b);
		seg(0, 'c', cases[i].probe, 100, 7, 0);
		seg(1, 's', cases[i].answer, 7, 101, 0);
		const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_PROBE);

		cr_expect_eq(ev != NULL, cases[i].is_probe, "%s: %s", cases[i].name,
		    b.log);
		if (!ev)
			continue;
		const struct ew_addr client = addr(CLIENT);

		cr_expect(ew_addr_equal(&ev->tuple.src, &client), "%s", cases[i].name);
		cr_expect_eq(ev->tuple.dport, 8000, "%s", cases[i].name);
	}
}

Test(events, an_unseen_ack_probe_is_known_by_its_answer)
{
	seg(0, 's', "R", 7, 0, 0);
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_PROBE);

	cr_assert_not_null(ev);
	const struct ew_addr client = addr(CLIENT);

	cr_expect(ew_addr_equal(&ev->tuple.src, &client));
	cr_expect_eq(ev->tuple.dport, 8000);
}

Test(events, tools_are_hinted_at_by_their_syns)
{
	static const struct {
		enum ew_tool_hint hint;
		uint16_t window, ip_id;
		uint8_t options, ttl;
	} cases[] = {
		{ EW_TOOL_NONE, 64240, 1, EW_SYN_OPTIONS_OTHER, 64 },
		{ EW_TOOL_NMAP, 1024, 1, EW_SYN_OPTIONS_MSS_ONLY, 44 },
		{ EW_TOOL_HPING, 512, 1, EW_SYN_OPTIONS_NONE, 64 },
		{ EW_TOOL_ZMAP, 65535, 54321, EW_SYN_OPTIONS_OTHER, 255 },
		/* 10.0.0.2 xor 8000 xor 100, the low half */
		{ EW_TOOL_MASSCAN, 1024, 2 ^ 8000 ^ 100, EW_SYN_OPTIONS_NONE, 255 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ew_packet p =
		    a_tcp(0, CLIENT, 40000, SERVER, 8000, "S", 100, 0, 0);

		p.window = cases[i].window;
		p.ip_id = cases[i].ip_id;
		p.syn_options = cases[i].options;
		p.ttl = cases[i].ttl;
		bench_reopen(&b);
		bench_feed(&b, &p);
		cr_expect_eq(b.events[0].flags >> EW_FLOW_F_HINT_SHIFT & 7,
		    cases[i].hint, "case %zu", i);
	}
}

Test(events, counters_of_an_open_flow_come_every_minute)
{
	b.conf.events |= EW_FLOW_KIND_BIT(EW_FLOW_UPDATE);
	bench_reopen(&b);
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	for (int i = 1; i < 20; i++)
		seg(i * 10000, 'c', "A", 101 + 10 * (uint32_t)i, 501, 10);
	bench_wait(&b, 195000);
	cr_expect_eq(bench_count(&b, EW_FLOW_UPDATE), 3);
	cr_expect_eq(bench_last(&b, EW_FLOW_UPDATE)->side[0].pkts, 19);
}

Test(events, turns_of_a_minute_come_with_what_is_said_at_a_time)
{
	b.conf.events |= EW_FLOW_KIND_BIT(EW_FLOW_TURNS);
	bench_reopen(&b);
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	for (uint32_t i = 0; i < 10; i++) {
		seg(100 + i * 10, 'c', "PA", 101 + i * 20, 501 + i * 900, 20);
		seg(105 + i * 10, 's', "PA", 501 + i * 900, 121 + i * 20, 900);
	}
	bench_wait(&b, 61000);
	const struct ew_flow_event *ev = bench_last(&b, EW_FLOW_TURNS);

	cr_assert_not_null(ev);
	cr_expect_eq(ev->turns, 19);
	cr_expect(ev->turn_median_bytes[0] >= 16 && ev->turn_median_bytes[0] < 32);
	cr_expect(ev->turn_median_bytes[1] >= 512 && ev->turn_median_bytes[1] < 1024);
}

Test(events, in_profile_connections_turns_exist_for_zoomed_pairs_only)
{
	const struct ew_addr client = addr(CLIENT), server = addr(SERVER);

	b.conf = ew_flow_conf_default(false);
	b.conf.max_flows = 1000;
	b.conf.events |= EW_FLOW_KIND_BIT(EW_FLOW_TURNS);
	for (int zoomed = 0; zoomed < 2; zoomed++) {
		bench_reopen(&b);
		if (zoomed)
			cr_assert_eq(ew_flow_set_zoom(b.table, &server, &client, 1), 0);
		seg(0, 'c', "S", 100, 0, 0);
		seg(1, 's', "SA", 500, 101, 0);
		seg(2, 'c', "PA", 101, 501, 20);
		seg(3, 's', "PA", 501, 121, 20);
		bench_wait(&b, 61000);
		cr_expect_eq(bench_count(&b, EW_FLOW_TURNS), (size_t)zoomed);
	}
}

Test(events, at_the_end_of_input_pending_judgements_come_first)
{
	seg(0, 'c', "S", 100, 0, 0);
	struct ew_packet p = a_tcp(1, CLIENT, 40001, SERVER, 8000, "S", 1, 0, 0);

	bench_feed(&b, &p);
	p = a_tcp(2, SERVER, 8000, CLIENT, 40001, "SA", 1, 2, 0);
	bench_feed(&b, &p);
	ew_flow_finish(b.table);
	cr_expect_str_eq(b.log,
	    "attempt attempt established unanswered close:S0 close:S1");
	cr_expect(b.events[4].flags & EW_FLOW_F_END_OF_INPUT);
	cr_expect_eq(b.events[4].last_ns, START_NS);
	cr_expect_eq(ew_flow_table_totals(b.table).open, 0);
}

Test(events, a_gap_is_told_and_marks_what_was_open)
{
	const struct ew_gap_info gap = { .from_ns = START_NS + EW_NS_PER_S,
		.to_ns = START_NS + 2 * EW_NS_PER_S,
		.lost = 7,
		.cause = EW_GAP_KERNEL_DROP };

	seg(0, 'c', "S", 100, 0, 0);
	seg(1500, 's', "SA", 500, 101, 0);
	ew_flow_gap(b.table, &gap);
	struct ew_packet p = a_udp(3000, CLIENT, 1, SERVER, 2, 3);

	bench_feed(&b, &p);
	ew_flow_finish(b.table);
	cr_expect_eq(bench_count(&b, EW_FLOW_GAP), 1);
	cr_expect_eq(bench_last(&b, EW_FLOW_GAP)->u.gap.lost, 7);
	for (size_t i = 0; i < b.n_events; i++) {
		const struct ew_flow_event *ev = &b.events[i];

		if (ev->kind == EW_FLOW_CLOSE)
			cr_expect_eq((ev->flags & EW_FLOW_F_GAP) != 0,
			    ev->tuple.proto == 6);
	}
}

Test(events, what_nobody_wants_is_not_told)
{
	b.conf.events = 0;
	bench_reopen(&b);
	seg(0, 'c', "S", 100, 0, 0);
	seg(1, 's', "SA", 500, 101, 0);
	ew_flow_finish(b.table);
	cr_expect_eq(b.n_told, 0);
	cr_expect_eq(ew_flow_table_totals(b.table).closed, 1);
}
