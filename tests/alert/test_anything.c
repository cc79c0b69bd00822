/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "alert/desk.h"

/*
 * Whatever identity may report, in any order: nothing crashes (the sanitizers watch), every
 * score is the sum of its reasons, every signal has a sentence, nothing leaves its bounds, and
 * the same input gives the same output.
 */

#define WORKLOADS 24
#define EVENTS 6000

static struct desk d;
static struct ew_workload *all[WORKLOADS];
static uint64_t state;
static uint64_t fingerprint;

static uint32_t
draw(uint32_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % n;
}

static void
check_signal(void *context, const struct ew_signal *s)
{
	int sum = 0;

	(void)context;
	for (uint8_t i = 0; i < s->n_reasons; i++)
		sum += s->reasons[i].points;
	cr_assert(s->score >= 0 && s->score <= 100, "%s %d", s->detector, s->score);
	if (s->n_reasons < EW_REASONS_MAX && sum >= 0 && sum <= 100)
		cr_assert(s->score >= sum || s->is_update, "%s: %d but %d", s->detector,
		    s->score, sum);
	cr_assert(s->sentence[0], "%s", s->detector);
	cr_assert_not_null(s->src);
	cr_assert_neq(s->id, 0);
	fingerprint = fingerprint * 31 + s->id + (uint64_t)s->score;
	ew_alert_feed(d.alert, s, d.x.w.now);
}

static void
start(int64_t a_ns)
{
	static const uint8_t classes[] = { EW_PEER_NODE, EW_PEER_GATEWAY, EW_PEER_VIP,
		EW_PEER_DARK, EW_PEER_EXTERNAL, EW_PEER_MULTICAST, EW_PEER_GHOST,
		EW_PEER_UNRESOLVED };
	const struct ew_detect_sink sink = { &d, check_signal, NULL };
	char name[40];

	desk_init(&d, a_ns, NULL);
	ew_detect_free(d.x.detect);
	d.x.conf.max_instances = 64;
	d.x.conf.max_tracked = 128;
	ew_detect_conf_set(&d.x.conf, "beacon", "enabled", 1);
	d.x.detect = ew_detect_new(&d.x.conf, d.x.w.graph, &sink);
	for (int i = 0; i < WORKLOADS; i++) {
		snprintf(name, sizeof(name), "w/%d/%s", i / 4,
		    i % 5 ? "service" : "a-rather-long-name");
		all[i] = world_workload(&d.x.w, name, i % 3 ? "group" : "");
		if (i >= 16)
			all[i]->cls = classes[i - 16];
		all[i]->instances = (uint16_t)(i % 4);
		all[i]->posture = (uint16_t)(i * 37);
		all[i]->is_job = i == 7;
	}
	state = 42;
	fingerprint = 0;
}

static void
random_event(void)
{
	static const uint16_t ports[] = { 22, 53, 80, 443, 2375, 5432, 6379, 8080,
		10250, 4789, 0 };
	struct act a;
	uint32_t kind = draw(16);

	world_flow(&d.x.w, &a, all[draw(WORKLOADS)], all[draw(WORKLOADS)],
	    draw(3) ? ports[draw(11)] : (uint16_t)draw(65536));
	a.ev.tuple.proto = (uint8_t[]){ 6, 6, 6, 17, 1, 58, 47, 0 }[draw(8)];
	a.ev.flow_id = draw(4) ? draw(500) : 0;
	a.ev.flags = (uint16_t)draw(65536);
	a.ev.first_ns = d.x.w.now.ns - (int64_t)draw(100) * EW_NS_PER_S;
	a.ev.last_ns = d.x.w.now.ns;
	a.c.src.instance += draw(3);
	a.c.src.in_startup = !draw(4);
	a.c.src.in_change_window = !draw(6);
	a.c.dst.is_tombstone = !draw(9);
	a.c.resolved = (uint8_t)draw(3);
	a.c.spoof = draw(20) ? 0 : (uint8_t)draw(8);
	if (kind == EW_FLOW_DNS) {
		a.ev.u.dns.kind = (uint8_t)draw(4);
		a.ev.u.dns.qtype = (uint16_t)draw(300);
		a.ev.u.dns.is_answer = (uint8_t)draw(2);
		a.ev.u.dns.rcode = (uint8_t)draw(5);
		snprintf(a.ev.u.dns.name, sizeof(a.ev.u.dns.name), "%u%s", draw(500),
		    (const char *[]){ ".local", ".a.example.com",
			".ns.svc.cluster.local", "", ".2.0.10.in-addr.arpa",
			"." }[draw(6)]);
	} else if (kind == EW_FLOW_ARP) {
		a.ev.u.arp.op = (uint16_t)draw(3);
		a.ev.u.arp.answered = (uint8_t)draw(3);
	} else if (kind == EW_FLOW_NDP) {
		a.ev.u.ndp.type = (uint8_t)(133 + draw(5));
		a.ev.u.ndp.answered = (uint8_t)draw(3);
	}
	a.ev.kind = (uint8_t)kind;
	a.ev.ts_ns = d.x.w.now.ns;
	a.ev.turns = (uint16_t)draw(100);
	a.ev.turn_median_bytes[0] = (uint16_t)draw(300);
	a.ev.turn_median_bytes[1] = (uint16_t)draw(300);
	for (int s = 0; s < 2; s++)
		a.ev.side[s] = (struct ew_flow_side){ .pkts = draw(100),
			.bytes = draw(3) ? draw(10000) : (uint64_t)draw(1u << 30) };
	struct ew_judgement j;
	ew_graph_feed(d.x.w.graph, &a.c, d.x.w.now, &j);
	ew_detect_feed(d.x.detect, &a.c, &j, d.x.w.now);
}

static uint64_t
run(int64_t a_ns, int64_t step)
{
	start(a_ns);
	for (int i = 0; i < EVENTS; i++) {
		random_event();
		d.x.w.now.ns += (int64_t)draw(1000) * step / 1000;
		if (!draw(2000)) {
			struct ew_decision_record r = { .action = (uint8_t)draw(10),
				.labels = (uint16_t)draw(128),
				.pattern = { .src = "w/*",
				    .dst = "w/1*",
				    .port = (int32_t)draw(100) - 1,
				    .proto = -1 },
				.expires_ns =
				    d.x.w.now.ns + (int64_t)draw(1000) * step };

			(void)ew_graph_decide(d.x.w.graph, &r, d.x.w.now, NULL);
		}
		if (!draw(3000) && d.n_ids)
			(void)ew_alert_decide(d.alert, d.ids[draw(d.n_ids)],
			    (enum ew_decision)draw(4), d.x.w.now.ns + step, d.x.w.now);
		if (!draw(50))
			desk_tick(&d, step);
	}
	desk_tick(&d, 30 * DAY);
	uint64_t result = fingerprint + d.n_messages + d.n_ids;

	desk_fini(&d);
	return result;
}

Test(anything, may_come_in_seconds)
{
	cr_assert_eq(run(20 * EW_NS_PER_S, EW_NS_PER_S),
	    run(20 * EW_NS_PER_S, EW_NS_PER_S));
}

Test(anything, may_come_over_months)
{
	cr_assert_eq(run(DAY, 10 * MINUTE), run(DAY, 10 * MINUTE));
}
