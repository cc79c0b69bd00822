/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/counter.h"
#include "detect/scan_walk.h"
#include "detect/watch.h"

/* detectors.md 3.5 to 3.8: the alarm comes at the named contact and not one earlier. */

static struct watch x;
static struct ew_workload *web, *api, *db, *dark;

static void
setup(void)
{
	watch_init(&x);
	web = world_workload(&x.w, "compose/shop/web", "compose/shop");
	api = world_workload(&x.w, "compose/shop/api", "compose/shop");
	db = world_workload(&x.w, "compose/shop/db", "compose/shop");
	dark = world_peer(&x.w, "dark/shop", EW_PEER_DARK);
	const struct habit habits[] = { { web, api, 8080 }, { api, db, 5432 } };

	world_live(&x.w, habits, 2, 8 * DAY, HOUR);
}

static void
teardown(void)
{
	watch_fini(&x);
}

TestSuite(scan, .init = setup, .fini = teardown);

static unsigned
scans(void)
{
	return watch_count(&x, "scan-vertical") + watch_count(&x, "scan-horizontal") +
	    watch_count(&x, "scan-block");
}

/* The number of the contact at which the first scan signal appears, 0 none within most. */
static int
alarm_at(enum ew_flow_kind end, uint8_t proto, int most, int64_t gap)
{
	struct act a;

	for (int i = 1; i <= most; i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		a.ev.tuple.proto = proto;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, end);
		if (scans())
			return i;
		x.w.now.ns += gap;
	}
	return 0;
}

Test(scan, refused_ports_alarm_at_the_fifth)
{
	cr_assert_eq(alarm_at(EW_FLOW_REFUSED, 6, 10, EW_NS_PER_MS), 5);
	const struct ew_signal *s = watch_last(&x, "scan-vertical");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 65);
	cr_assert_eq(s->hosts, 1);
	cr_assert_eq(s->ports, 5);
	cr_assert_eq(watch_sum(s), s->score);
	cr_assert_str_eq(s->sentence,
	    "compose/shop/web is scanning compose/shop/db: 5 ports");
}

Test(scan, unanswered_ports_alarm_at_the_fifth)
{
	cr_assert_eq(alarm_at(EW_FLOW_UNANSWERED, 6, 10, EW_NS_PER_MS), 5);
}

Test(scan, halfopen_ports_alarm_at_the_sixth)
{
	cr_assert_eq(alarm_at(EW_FLOW_HALFOPEN, 6, 10, EW_NS_PER_MS), 6);
}

Test(scan, silent_udp_alarms_at_the_seventeenth)
{
	cr_assert_eq(alarm_at(EW_FLOW_UNANSWERED, 17, 30, EW_NS_PER_MS), 17);
}

Test(scan, udp_with_unreachable_alarms_at_the_fifth)
{
	cr_assert_eq(alarm_at(EW_FLOW_REFUSED, 17, 30, EW_NS_PER_MS), 5);
}

static unsigned
dark_arp(unsigned i)
{
	struct act a;

	world_flow(&x.w, &a, web, dark, 0);
	a.ev.flow_id = 0;
	a.ev.tuple.dst = world_addr(10000 + i);
	a.ev.u.arp.op = 1;
	a.ev.u.arp.answered = 2;
	return watch_feed(&x, &a, EW_FLOW_ARP);
}

Test(scan, unanswered_arp_alarms_at_the_fourth_address)
{
	for (unsigned i = 0; i < 3; i++)
		dark_arp(i);
	cr_assert_eq(scans(), 0);
	dark_arp(3);
	cr_assert_eq(scans(), 1);
	cr_assert_not_null(watch_last(&x, "scan-horizontal"));
}

Test(scan, a_sweep_of_five_addresses_is_horizontal)
{
	for (unsigned i = 0; i < 300; i++) {
		dark_arp(i);
		x.w.now.ns += 4 * EW_NS_PER_MS;
	}
	const struct ew_signal *s = watch_last(&x, "scan-horizontal");
	cr_assert_not_null(s);
	cr_assert_eq(s->score, 70);
	cr_assert(s->hosts > 150 && s->hosts < 450, "%u", s->hosts);
	cr_assert_eq(scans(), 1);
}

Test(scan, stealth_probes_alarm_at_the_fourth)
{
	struct act a;

	for (int i = 1; i <= 4; i++) {
		cr_assert_eq(scans(), 0);
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		watch_feed(&x, &a, EW_FLOW_PROBE);
	}
	cr_assert_eq(scans(), 1);
}

Test(scan, an_ack_probe_of_a_recent_peer_is_none)
{
	struct act a;

	world_talk(&x.w, web, api, 8080);
	for (int i = 1; i <= 10; i++) {
		world_flow(&x.w, &a, web, api, (uint16_t)(20000 + i));
		watch_feed(&x, &a, EW_FLOW_PROBE);
	}
	cr_assert_eq(scans(), 0);
}

Test(scan, empty_connections_alarm_at_the_ninth)
{
	struct act a;

	for (int i = 1; i <= 9; i++) {
		cr_assert_eq(scans(), 0, "at %d", i);
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
		world_event(&x.w, &a, EW_FLOW_CLOSE);
		a.ev.side[0].bytes = a.ev.side[1].bytes = 0;
		struct ew_judgement j;
		a.ev.kind = EW_FLOW_CLOSE;
		ew_graph_feed(x.w.graph, &a.c, x.w.now, &j);
		ew_detect_feed(x.detect, &a.c, &j, x.w.now);
	}
	cr_assert_eq(scans(), 1);
}

Test(scan, used_connections_alarm_at_the_thirtythird)
{
	struct act a;

	for (int i = 1; i <= 33; i++) {
		cr_assert_eq(scans(), 0, "at %d", i);
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
		watch_feed(&x, &a, EW_FLOW_PAYLOAD);
		watch_feed(&x, &a, EW_FLOW_CLOSE);
	}
	cr_assert_eq(scans(), 1);
}

Test(scan, an_open_connection_is_weighed_after_two_seconds)
{
	struct act a;
	struct ew_walk *w;

	world_flow(&x.w, &a, web, db, 20001);
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	uint64_t key = ew_graph_instance_key(x.w.graph, a.c.src.instance);
	w = ew_walk_find(x.detect, key);
	cr_assert_eq(w->n_contacts, 0);
	watch_tick(&x, 3 * EW_NS_PER_S);
	cr_assert_eq(w->n_contacts, 1);
	cr_assert_eq(w->fast_q16, 65536 / 4);
}

Test(scan, slower_than_a_failure_in_249_seconds_is_no_fast_scan)
{
	cr_assert_eq(alarm_at(EW_FLOW_REFUSED, 6, 40, 250 * EW_NS_PER_S), 0);
}

Test(scan, just_faster_than_249_seconds_is_one)
{
	cr_assert_neq(alarm_at(EW_FLOW_REFUSED, 6, 40, 245 * EW_NS_PER_S), 0);
}

Test(scan, the_same_contact_counts_once)
{
	for (int i = 0; i < 100; i++)
		watch_try(&x, web, db, 20000, EW_FLOW_REFUSED);
	cr_assert_eq(scans(), 0);
}

Test(scan, known_edges_count_nothing)
{
	for (int i = 0; i < 100; i++)
		watch_try(&x, web, api, 8080, EW_FLOW_REFUSED);
	cr_assert_null(
	    ew_walk_find(x.detect, ew_graph_instance_key(x.w.graph, web->id * 100)));
}

Test(scan, resolved_names_count_a_quarter)
{
	struct act a;

	for (int i = 0; i < 16; i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		a.c.resolved = 1;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_REFUSED);
		cr_assert_eq(scans(), 0, "at %d", i);
	}
	world_flow(&x.w, &a, web, db, 30000);
	a.c.resolved = 1;
	watch_feed(&x, &a, EW_FLOW_ATTEMPT);
	watch_feed(&x, &a, EW_FLOW_REFUSED);
	cr_assert_eq(scans(), 1);
}

Test(scan, a_cold_boot_is_forgiven_and_refunded)
{
	struct ew_workload *deps[6];
	struct act a;
	char name[32];

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "compose/shop/dep%d", i);
		deps[i] = world_workload(&x.w, name, "compose/shop");
		world_flow(&x.w, &a, web, deps[i], 8000);
		a.c.src.in_startup = 1;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_REFUSED);
	}
	struct ew_walk *w =
	    ew_walk_find(x.detect, ew_graph_instance_key(x.w.graph, a.c.src.instance));
	cr_assert_eq(w->fast_q16, 6 * 2 * 65536 / 4);
	for (int i = 0; i < 6; i++) {
		world_flow(&x.w, &a, web, deps[i], 8000);
		a.c.src.in_startup = 1;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_ESTABLISHED);
	}
	cr_assert_eq(w->fast_q16, 0);
	cr_assert_eq(scans(), 0);
}

Test(scan, many_ports_of_one_destination_are_not_forgiven)
{
	struct act a;

	for (int i = 1; i <= 5; i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		a.c.src.in_startup = 1;
		watch_feed(&x, &a, EW_FLOW_REFUSED);
	}
	struct ew_walk *w =
	    ew_walk_find(x.detect, ew_graph_instance_key(x.w.graph, a.c.src.instance));
	uint32_t after_five = w->fast_q16;
	world_flow(&x.w, &a, web, db, 20006);
	a.c.src.in_startup = 1;
	watch_feed(&x, &a, EW_FLOW_REFUSED);
	cr_assert_eq(after_five, 5 * 2 * 65536 / 4);
	cr_assert_eq(w->fast_q16 - after_five, 2 * 65536);
}

Test(scan, is_told_once_in_six_hours_and_updated_in_place)
{
	struct act a;

	for (int i = 1; i <= 1000; i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)i);
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a,
		    i % 100 == 0 ? EW_FLOW_ESTABLISHED : EW_FLOW_REFUSED);
		x.w.now.ns += EW_NS_PER_MS;
	}
	watch_tick(&x, 2 * MINUTE);
	cr_assert_eq(scans(), 1);
	const struct ew_signal *s = watch_last(&x, "scan-vertical");
	cr_assert_geq(s->count, 800, "%u",
	    s->count); /* Bloom filters swallow some, never invent any */
	cr_assert_eq(s->score, 65 + 10 + 10); /* some connected; sensitive ports */
	cr_assert(s->ports > 700 && s->ports < 1300, "%u", s->ports);
	cr_assert_lt(x.n_seen, 60);
}

Test(scan, a_labelled_scanner_stays_at_digest)
{
	web->labels = EW_LABEL_SCANNER;
	alarm_at(EW_FLOW_REFUSED, 6, 10, EW_NS_PER_MS);
	cr_assert_eq(watch_last(&x, "scan-vertical")->score, 49);
}

Test(scan, the_node_starts_at_60)
{
	struct ew_workload *node = world_peer(&x.w, "host/n1", EW_PEER_NODE);

	for (int i = 1; i <= 5; i++)
		watch_try(&x, node, db, (uint16_t)(20000 + i), EW_FLOW_REFUSED);
	cr_assert_eq(watch_last(&x, "scan-vertical")->score, 60);
}

Test(scan, state_is_bounded_and_a_flood_of_sources_only_evicts)
{
	struct act a;

	cr_assert_leq(sizeof(struct ew_walk), 1536);
	for (uint32_t i = 0; i < 20000; i++) {
		world_flow(&x.w, &a, web, db, 20000);
		a.c.src.instance = 100000 + i;
		watch_feed(&x, &a, EW_FLOW_REFUSED);
	}
	struct ew_counter_set set = ew_detect_counters(x.detect);
	uint64_t states = 0, evicted = 0;
	for (size_t i = 0; i < set.count; i++) {
		if (strcmp(set.counters[i].name, "detect_scan_states") == 0)
			states = ew_counter_value(&set, i);
		if (strcmp(set.counters[i].name, "detect_scan_evicted") == 0)
			evicted = ew_counter_value(&set, i);
	}
	cr_assert_leq(states, 4096);
	cr_assert_gt(evicted, 10000);
}

static struct ew_detect_record kept[64];
static unsigned n_kept;

static void
keep(void *context, const struct ew_detect_record *r)
{
	(void)context;
	if (n_kept < 64)
		kept[n_kept++] = *r;
}

Test(scan, a_restart_forgets_neither_score_nor_signal)
{
	struct act a;
	const struct ew_detect_sink sink = { &x, watch_signal, watch_health };

	for (int i = 1; i <= 4; i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		watch_feed(&x, &a, EW_FLOW_REFUSED);
	}
	cr_assert_eq(scans(), 0);
	ew_detect_save(x.detect, x.w.now, keep, NULL);
	ew_detect_free(x.detect);
	x.detect = ew_detect_new(&x.conf, x.w.graph, &sink);
	for (unsigned i = 0; i < n_kept; i++)
		cr_assert_eq(ew_detect_load(x.detect, &kept[i]), 0, "%s %s",
		    kept[i].detector, kept[i].key);
	world_flow(&x.w, &a, web, db, 20005);
	watch_feed(&x, &a, EW_FLOW_REFUSED);
	cr_assert_eq(scans(), 1);
	n_kept = 0;
	ew_detect_save(x.detect, x.w.now, keep, NULL);
	ew_detect_free(x.detect);
	x.detect = ew_detect_new(&x.conf, x.w.graph, &sink);
	for (unsigned i = 0; i < n_kept; i++)
		ew_detect_load(x.detect, &kept[i]);
	world_flow(&x.w, &a, web, db, 20006);
	watch_feed(&x, &a, EW_FLOW_REFUSED);
	cr_assert_eq(scans(), 1);
}

/* --- slow scans (3.6, 9.1) ---------------------------------------------------------------------- */

static int
slow_alarm_at(int64_t gap, int most)
{
	struct act a;

	for (int i = 1; i <= most; i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_REFUSED);
		if (watch_count(&x, "scan-slow"))
			return i;
		watch_tick(&x, gap);
	}
	return 0;
}

Test(scan, five_minute_probing_alarms_at_probe_six)
{
	cr_assert_eq(slow_alarm_at(5 * MINUTE, 20), 6);
	cr_assert_eq(watch_last(&x, "scan-slow")->score, 55);
}

Test(scan, twenty_minute_probing_alarms_at_probe_six)
{
	cr_assert_eq(slow_alarm_at(20 * MINUTE, 20), 6);
}

Test(scan, hourly_probing_alarms_at_probe_six)
{
	cr_assert_eq(slow_alarm_at(HOUR, 20), 6);
}

Test(scan, four_hourly_probing_alarms_at_probe_seven)
{
	cr_assert_eq(slow_alarm_at(4 * HOUR, 20), 7);
}

Test(scan, a_slow_scan_split_over_replicas_adds_up)
{
	struct act a;

	web->instances = 3;
	for (int i = 0; i < 9 && !watch_count(&x, "scan-slow"); i++) {
		world_flow(&x.w, &a, web, db, (uint16_t)(20000 + i));
		a.c.src.instance = 9000 + (uint32_t)i % 3;
		watch_feed(&x, &a, EW_FLOW_ATTEMPT);
		watch_feed(&x, &a, EW_FLOW_REFUSED);
		watch_tick(&x, 20 * MINUTE);
	}
	cr_assert_eq(watch_count(&x, "scan-slow"), 1);
}

/* --- dark-contact (3.7, 9.1) --------------------------------------------------------------------- */

Test(scan, a_single_dark_contact_of_an_ordinary_workload_is_log)
{
	dark_arp(0);
	cr_assert_eq(x.n_seen, 0);
}

Test(scan, a_single_dark_contact_of_a_privileged_one_is_a_row)
{
	web->posture = EW_POSTURE_PRIVILEGED;
	dark_arp(0);
	cr_assert_eq(watch_last(&x, "dark-contact")->score, 35);
}

Test(scan, three_dark_addresses_in_an_hour_are_50)
{
	dark_arp(0);
	x.w.now.ns += 20 * MINUTE;
	dark_arp(1);
	cr_assert_null(watch_last(&x, "dark-contact"));
	x.w.now.ns += 20 * MINUTE;
	dark_arp(2);
	cr_assert_eq(watch_last(&x, "dark-contact")->score, 50);
	cr_assert_eq(watch_sum(watch_last(&x, "dark-contact")), 50);
}

Test(scan, dark_contacts_over_more_than_an_hour_do_not_add_up)
{
	for (unsigned i = 0; i < 5; i++) {
		dark_arp(i);
		x.w.now.ns += 31 * MINUTE;
	}
	cr_assert_null(watch_last(&x, "dark-contact"));
}
