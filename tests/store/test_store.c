/* SPDX-License-Identifier: Apache-2.0 */
/* What is put comes back: through the views, and into the records at the next start. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "identity/identity.h"
#include "proc/message.h"
#include "store/shelf.h"

Test(store, gives_a_flow_back_by_the_view)
{
	struct shelf shelf;
	struct shelf_rows rows;
	struct shelf_flow f;
	struct ew_workload web, db;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "compose/shop/web");
	shelf_workload(&shelf, &db, "compose/shop/db");
	shelf_flow(&shelf, &f, &web, &db, "172.18.0.2", "10.0.0.3", 5432, 5);
	cr_assert(ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_NOVEL));
	cr_assert_eq(ew_store_flush(shelf.store), 0);

	struct ew_reader *reader = shelf_reader(&shelf);
	const struct ew_query q = { .view = EW_VIEW_FLOWS, .last = 20 };

	cr_assert_eq(shelf_list(reader, &q,
			 "flow_id,start_us,end_us,proto,src_ip,dst_ip,dst_port,src_"
			 "workload,"
			 "dst_workload,src_instance,conn_state,history,src_bytes,dst_"
			 "bytes,src_pkts,"
			 "method,dir_known,direction,verdict,src_attribution,nat_dst_"
			 "ip,tunnel_parent,"
			 "gap",
			 &rows, NULL),
	    0);
	cr_assert_eq(rows.n, 1);
	cr_assert_str_eq(rows.text[0],
	    "f000000000000001|1767225605000000|1767225605001000|tcp|172.18.0.2|10.0.0."
	    "3|5432|"
	    "compose/shop/web|-|compose/shop/"
	    "db|SF|ShADadFf|100|2000|-|sequence|1|lateral|novel|"
	    "veth|-|-|0");
	ew_reader_close(reader);
	shelf_fini(&shelf);
}

Test(store, keeps_the_rare_parts_of_a_flow)
{
	struct shelf shelf;
	struct shelf_rows rows;
	struct shelf_flow f;
	struct ew_workload web, vip;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &vip, "db");
	shelf_flow(&shelf, &f, &web, &vip, "fd00::2", "fd00::10", 53, 5);
	f.ev.tuple.proto = 17;
	f.ev.side[0].pkts = 3;
	f.ev.parent_id = 0xabc;
	f.ev.vlan[0] = 12;
	f.ev.flags |= EW_FLOW_F_GAP;
	f.contact.has_nat = 1;
	f.contact.nat_dst_port = 5353;
	(void)ew_addr_parse("fd00::99", &f.contact.nat_dst);
	cr_assert(ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN));
	cr_assert_eq(ew_store_flush(shelf.store), 0);

	struct ew_reader *reader = shelf_reader(&shelf);
	const struct ew_query q = { .view = EW_VIEW_FLOWS };

	cr_assert_eq(shelf_list(reader, &q,
			 "src_ip,dst_ip,proto,src_pkts,method,nat_dst_ip,nat_dst_port,"
			 "tunnel_parent,"
			 "gap,vlan",
			 &rows, NULL),
	    0);
	cr_assert_str_eq(rows.text[0],
	    "udp|fd00::2|fd00::10|3|exact|fd00::99|5353|0000000000000abc|1|12");
	ew_reader_close(reader);
	shelf_fini(&shelf);
}

Test(store, replaces_the_row_of_an_open_flow)
{
	struct shelf shelf;
	struct shelf_flow f;
	struct ew_workload web, db;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &db, "db");
	for (int i = 0; i < 5000; i++) {
		shelf_flow(&shelf, &f, &web, &db, "10.0.0.1", "10.0.0.2", 80, i);
		f.ev.flow_id = (uint64_t)(i % 2500) + 1;
		f.ev.kind = i < 2500 ? EW_FLOW_UPDATE : EW_FLOW_CLOSE;
		cr_assert(
		    ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN));
	}
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	cr_assert_eq(shelf_int(shelf.path, "SELECT count(*) FROM v_flows"), 2500);
	cr_assert_eq(shelf_int(shelf.path,
			 "SELECT count(*) FROM v_flows WHERE is_open"),
	    0);
	shelf_fini(&shelf);
}

/* --- loading --------------------------------------------------------------------------------- */

struct memory {
	struct ew_workload web, db;
	struct ew_graph_record meta;
	struct ew_workload_record workload;
	struct ew_edge edge;
	char edge_src[64];
	struct ew_incident incident;
	struct ew_signal signal;
	struct ew_detect_record detector;
	struct ew_decision_record decisions[2];
	struct ew_message message;
	struct ew_outbox_row row;
	int n_workloads, n_edges, n_incidents, n_signals, n_detectors, n_decisions,
	    n_sent, n_outbox;
};

static void
on_meta(void *context, const struct ew_graph_record *record)
{
	((struct memory *)context)->meta = *record;
}

static void
on_workload(void *context, const struct ew_workload_record *record)
{
	struct memory *m = context;

	m->workload = *record;
	m->n_workloads++;
}

static void
on_edge(void *context, const char *src, const char *dst, const struct ew_edge *edge)
{
	struct memory *m = context;

	(void)dst;
	(void)snprintf(m->edge_src, sizeof(m->edge_src), "%s", src);
	m->edge = *edge;
	m->n_edges++;
}

static void
on_decision(void *context, const struct ew_decision_record *record)
{
	struct memory *m = context;

	if (m->n_decisions < 2)
		m->decisions[m->n_decisions] = *record;
	m->n_decisions++;
}

static struct ew_workload *
on_find(void *context, const char *name)
{
	struct memory *m = context;

	return strcmp(name, m->web.name) == 0 ? &m->web : &m->db;
}

static void
on_incident(void *context, const struct ew_incident *incident)
{
	struct memory *m = context;

	m->incident = *incident;
	m->n_incidents++;
}

static void
on_signal(void *context, uint64_t incident_id, const struct ew_signal *signal)
{
	struct memory *m = context;

	cr_assert_eq(incident_id, m->incident.id);
	m->signal = *signal;
	m->n_signals++;
}

static void
on_detector(void *context, const struct ew_detect_record *record)
{
	struct memory *m = context;

	m->detector = *record;
	m->n_detectors++;
}

static void
on_sent(void *context, uint64_t incident_id, int64_t sent_ns)
{
	struct memory *m = context;

	(void)incident_id;
	(void)sent_ns;
	m->n_sent++;
}

static void
on_outbox(void *context, const struct ew_message *message,
    const struct ew_outbox_row *row)
{
	struct memory *m = context;

	m->message = *message;
	m->row = *row;
	m->n_outbox++;
}

static void
load(struct shelf *shelf, struct memory *memory)
{
	const struct ew_store_loader loader = { .context = memory,
		.meta = on_meta,
		.workload = on_workload,
		.edge = on_edge,
		.decision = on_decision,
		.find_workload = on_find,
		.incident = on_incident,
		.signal = on_signal,
		.detector = on_detector,
		.sent = on_sent,
		.outbox = on_outbox };
	struct ew_error error = { 0 };

	(void)snprintf(memory->web.name, sizeof(memory->web.name), "web");
	(void)snprintf(memory->db.name, sizeof(memory->db.name), "db");
	cr_assert_eq(ew_store_load(shelf->store, &loader,
			 (struct ew_mono){ SHELF_START_NS + 60 * EW_NS_PER_S }, &error),
	    0, "%s", error.text);
}

static void
reopen(struct shelf *shelf)
{
	shelf_close(shelf);
	shelf_open(shelf);
}

Test(store, remembers_the_baseline)
{
	struct shelf shelf;
	struct memory m = { 0 };
	struct ew_workload web, db;
	const struct ew_workload_record w = { .name = "web",
		.group = "shop",
		.image_repo = "nginx",
		.state = EW_WL_MATURE,
		.labels = EW_LABEL_CANARY,
		.first_ns = SHELF_START_NS,
		.last_ns = SHELF_START_NS + 5000,
		.age_ns = 77 * EW_NS_PER_S,
		.discoveries_q16 = { 65536, 7 },
		.discovery_age_ns = { 5 * EW_NS_PER_S, -1 },
		.incidences = 100,
		.f1 = 3,
		.f2 = 4,
		.spec_hash = UINT64_C(0xffffffffffffff01),
		.m_permille = 400 };

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &db, "db");
	const struct ew_edge e = shelf_edge(&web, &db, 5432, 30);

	ew_store_workload(shelf.store, &w);
	ew_store_edge(shelf.store, &e);
	ew_store_graph_meta(shelf.store,
	    &(struct ew_graph_record){ .observed_ns = 99 * EW_NS_PER_S,
		.first_ns = SHELF_START_NS });
	reopen(&shelf);
	load(&shelf, &m);

	cr_assert_eq(m.meta.observed_ns, 99 * EW_NS_PER_S);
	cr_assert_eq(m.n_workloads, 1);
	cr_assert_str_eq(m.workload.name, "web");
	cr_assert_str_eq(m.workload.group, "shop");
	cr_assert_eq(m.workload.state, EW_WL_MATURE);
	cr_assert_eq(m.workload.age_ns, w.age_ns);
	cr_assert_eq(m.workload.discoveries_q16[0], 65536);
	cr_assert_eq(m.workload.discovery_age_ns[1], -1);
	cr_assert_eq(m.workload.spec_hash, w.spec_hash);
	cr_assert_eq(m.n_edges, 1);
	cr_assert_str_eq(m.edge_src, "web");

	struct ew_edge expected = e;

	expected.src = expected.dst = NULL;
	cr_assert_eq(memcmp(&m.edge, &expected, sizeof(expected)), 0);

	ew_store_edge_removed(shelf.store, &e);
	ew_store_workload_removed(shelf.store, "web");
	reopen(&shelf);
	m = (struct memory){ 0 };
	load(&shelf, &m);
	cr_assert_eq(m.n_edges, 0);
	cr_assert_eq(m.n_workloads, 0);
	shelf_fini(&shelf);
}

Test(store, remembers_open_incidents_with_their_signals)
{
	struct shelf shelf;
	struct memory m = { 0 };
	struct ew_workload web, db;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &db, "db");
	const struct ew_signal s = shelf_signal(0x8000000000000001, &web, &db, 10);

	ew_store_begin(shelf.store);
	ew_store_signal(shelf.store, &s, 0x9000000000000001);
	ew_store_incident(shelf.store,
	    shelf_incident(0x9000000000000001, &web, &db, s.id));
	ew_store_end(shelf.store);
	struct ew_incident *closed = shelf_incident(5, &web, &db, s.id);

	closed->state = EW_INCIDENT_CLOSED;
	ew_store_incident(shelf.store, closed);
	reopen(&shelf);
	load(&shelf, &m);

	const struct ew_incident *n = &m.incident;

	cr_assert_eq(m.n_incidents, 1);
	cr_assert_eq(n->id, 0x9000000000000001);
	cr_assert_eq(n->src, &m.web);
	cr_assert_eq(n->tier, EW_TIER_NOTIFY);
	cr_assert_eq(n->n_targets, 2);
	cr_assert_eq(n->targets[0].workload, &m.db);
	cr_assert_eq(n->targets[0].port, 5432);
	cr_assert_eq(n->targets[0].proto, 6);
	cr_assert_eq(n->targets[0].outcome, EW_OUT_ESTABLISHED);
	cr_assert_null(n->targets[1].workload);
	cr_assert_eq(n->targets[1].outcome, EW_OUT_REFUSED);
	cr_assert_eq(n->n_path, 1);
	cr_assert_eq(n->path[0].to, &m.db);
	cr_assert_eq(n->n_signals, 1);
	cr_assert_str_eq(n->techniques[0], "T1021");
	cr_assert_str_eq(n->reasons[0].text, "never seen");

	cr_assert_eq(m.n_signals, 1);
	cr_assert_eq(m.signal.id, s.id);
	cr_assert_str_eq(m.signal.detector, "new-edge");
	cr_assert_str_eq(m.signal.technique[1], "T1210");
	cr_assert_null(m.signal.technique[2]);
	cr_assert_eq(m.signal.dst, &m.db);
	cr_assert(ew_addr_equal(&m.signal.dst_addr, &s.dst_addr));
	cr_assert_eq(m.signal.n_reasons, 2);
	cr_assert_str_eq(m.signal.reasons[0].text, s.reasons[0].text);
	cr_assert_eq(m.signal.n_samples, 1);
	cr_assert_eq(m.signal.samples[0].flow_id, s.samples[0].flow_id);
	cr_assert_str_eq(m.signal.evidence, s.evidence);
	cr_assert_str_eq(m.signal.sentence, s.sentence);
	shelf_fini(&shelf);
}

Test(store, remembers_decisions_and_what_took_them_back)
{
	struct shelf shelf;
	struct memory m = { 0 };
	struct ew_decision_record d = { .id = 1,
		.at_ns = SHELF_START_NS,
		.action = EW_ACT_ACCEPT,
		.pattern = { .src = "web", .dst = "*", .port = 5432, .proto = -1 },
		.who = "ann",
		.why = "new release" };

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	ew_store_decision(shelf.store, &d);
	d = (struct ew_decision_record){ .id = 2,
		.at_ns = SHELF_START_NS + 1000,
		.action = EW_ACT_UNDO,
		.undoes = 1 };
	ew_store_decision(shelf.store, &d);
	reopen(&shelf);
	load(&shelf, &m);
	cr_assert_eq(m.n_decisions, 2);
	cr_assert_eq(m.decisions[0].is_undone, 1);
	cr_assert_eq(m.decisions[0].pattern.port, 5432);
	cr_assert_eq(m.decisions[0].pattern.proto, -1);
	cr_assert_str_eq(m.decisions[0].who, "ann");
	cr_assert_eq(m.decisions[1].action, EW_ACT_UNDO);
	shelf_fini(&shelf);
}

Test(store, keeps_messages_until_every_target_has_them)
{
	static struct ew_message message = { .id = 42,
		.incident_id = 7,
		.created_us = SHELF_START_US,
		.title = "something moved" };
	static const char *const targets[] = { "ops", "chat" };
	struct shelf shelf;
	struct memory m = { 0 };
	struct ew_outbox_result result = { .id = 42,
		.target = "ops",
		.outcome = EW_OUTBOX_OK,
		.attempt = 1,
		.http_status = 200 };
	const struct ew_wall at = { SHELF_START_US };

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	ew_store_message(shelf.store, &message, targets, 2);
	ew_store_outbox_result(shelf.store, &result, at);
	result = (struct ew_outbox_result){ .id = 42,
		.target = "chat",
		.outcome = EW_OUTBOX_RETRY,
		.attempt = 3,
		.http_status = 429,
		.answer = "slow \x01 down",
		.next_us = SHELF_START_US + 5 };
	ew_store_outbox_result(shelf.store, &result, at);
	reopen(&shelf);
	load(&shelf, &m);
	cr_assert_eq(m.n_outbox, 1);
	cr_assert_eq(memcmp(&m.message, &message, sizeof(message)), 0);
	cr_assert_str_eq(m.row.target, "chat");
	cr_assert_eq(m.row.attempts, 3);
	cr_assert_eq(m.row.next_us, SHELF_START_US + 5);
	cr_assert_str_eq(m.row.answer, "slow ? down");
	cr_assert_eq(m.n_sent, 1);

	result.outcome = EW_OUTBOX_DEAD;
	ew_store_outbox_result(shelf.store, &result, at);
	reopen(&shelf);
	m = (struct memory){ 0 };
	load(&shelf, &m);
	cr_assert_eq(m.n_outbox, 0);
	ew_store_outbox_replay(shelf.store, 42, "", at);
	reopen(&shelf);
	m = (struct memory){ 0 };
	load(&shelf, &m);
	cr_assert_eq(m.n_outbox, 2);
	cr_assert_eq(m.row.attempts, 0);
	shelf_fini(&shelf);
}

Test(store, replaces_the_set_of_detector_states)
{
	struct shelf shelf;
	struct memory m = { 0 };
	struct ew_detect_record r = { .detector = "scan",
		.key = "a",
		.version = 2,
		.size = 3,
		.data = { 1, 2, 3 } };

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	ew_store_detector_begin(shelf.store);
	ew_store_detector(shelf.store, &r);
	r.key[0] = 'b';
	ew_store_detector(shelf.store, &r);
	ew_store_detector_end(shelf.store);
	ew_store_detector_begin(shelf.store);
	r.data[2] = 9;
	ew_store_detector(shelf.store, &r);
	ew_store_detector_end(shelf.store);
	reopen(&shelf);
	load(&shelf, &m);
	cr_assert_eq(m.n_detectors, 1);
	cr_assert_str_eq(m.detector.key, "b");
	cr_assert_eq(m.detector.version, 2);
	cr_assert_eq(m.detector.size, 3);
	cr_assert_eq(m.detector.data[2], 9);
	shelf_fini(&shelf);
}

Test(store, adds_up_rollups_to_what_the_edge_says)
{
	struct shelf shelf;
	struct ew_workload web, db;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &db, "db");
	for (int i = 0; i < 50; i++) {
		struct ew_edge e = shelf_edge(&web, &db, 5432, i * 900);

		e.connections = (uint64_t)i * 3;
		e.src_bytes = (uint64_t)i * 100;
		ew_store_edge(shelf.store, &e);
		if (i == 20)
			reopen(&shelf); /* ids of the process begin anew */
	}
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	cr_assert_eq(shelf_int(shelf.path, "SELECT sum(connections) FROM v_rollups"),
	    147);
	cr_assert_eq(shelf_int(shelf.path, "SELECT sum(src_bytes) FROM v_rollups"),
	    4900);
	cr_assert_eq(shelf_int(shelf.path, "SELECT count(*) FROM v_rollups"), 13);
	shelf_fini(&shelf);
}

Test(store, knows_workloads_without_an_id_by_name)
{
	struct shelf shelf;
	struct ew_workload a, b;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	for (int i = 0; i < 600; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "stub%d", i);
		shelf_workload(&shelf, &a, name);
		shelf_workload(&shelf, &b, "other");
		a.id = b.id = UINT32_MAX;
		const struct ew_edge e = shelf_edge(&a, &b, 80, i);

		ew_store_edge(shelf.store, &e);
		ew_store_edge(shelf.store, &e);
	}
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	cr_assert_eq(shelf_int(shelf.path,
			 "SELECT count(DISTINCT src_workload) FROM v_edges WHERE "
			 "dst_workload = 'other'"),
	    600);
	cr_assert_eq(shelf_int(shelf.path, "SELECT count(*) FROM workload"), 601);
	shelf_fini(&shelf);
}

/* --- who ------------------------------------------------------------------------------------- */

Test(store, knows_who_held_an_address_and_when)
{
	struct shelf shelf;
	struct shelf_rows rows;
	struct ew_workload web, db;
	struct ew_instance a = { .id = 1,
		.cid = "aaaa",
		.name = "web-1",
		.runtime = "docker" };
	struct ew_instance b = { .id = 2,
		.cid = "bbbb",
		.name = "db-1",
		.runtime = "docker" };
	struct ew_network net = { .id = 1, .info = { .id = "shop0", .name = "shop" } };
	struct ew_lease lease = { .instance = 1, .network = 1, .n_members = 1 };

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &db, "db");
	a.workload = lease.workload = &web;
	b.workload = &db;
	a.started.ns = b.started.ns = net.from.ns = lease.from.ns = SHELF_START_NS;
	(void)ew_addr_parse("172.18.0.2", &lease.addr);
	ew_store_instance(shelf.store, &a);
	ew_store_instance(shelf.store, &b);
	ew_store_network(shelf.store, &net);
	ew_store_lease(shelf.store, &lease);
	lease.to.ns = SHELF_START_NS + 10 * EW_NS_PER_S;
	ew_store_lease(shelf.store, &lease);
	/* The address is given to another at once. */
	lease.from = lease.to;
	lease.to.ns = 0;
	lease.instance = 2;
	lease.workload = &db;
	ew_store_lease(shelf.store, &lease);
	cr_assert_eq(ew_store_flush(shelf.store), 0);

	struct ew_reader *reader = shelf_reader(&shelf);
	const struct ew_query q = { .view = EW_VIEW_WHO };

	cr_assert_eq(shelf_list(reader, &q, "ip,network,workload,instance,to_us", &rows,
			 NULL),
	    0);
	cr_assert_eq(rows.n, 2);
	cr_assert_str_eq(rows.text[0], "172.18.0.2|shop|web|aaaa|1767225610000000");
	cr_assert_str_eq(rows.text[1], "172.18.0.2|shop|db|bbbb|-");
	ew_reader_close(reader);

	/* The next run: nobody tells of b again, so it ended while we were away. */
	ew_store_tick(shelf.store,
	    (struct ew_mono){ SHELF_START_NS + 20 * EW_NS_PER_S });
	reopen(&shelf);
	a.started.ns = SHELF_START_NS + 30 * EW_NS_PER_S; /* restarted: the same id */
	ew_store_instance(shelf.store, &a);
	ew_store_inventory_ready(shelf.store);
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	cr_assert_eq(shelf_int(shelf.path,
			 "SELECT stopped_us FROM v_instances WHERE id = 'bbbb'"),
	    SHELF_START_US + 20000000);
	cr_assert_eq(shelf_int(shelf.path,
			 "SELECT count(*) FROM v_instances WHERE id = 'aaaa'"),
	    2);
	cr_assert_eq(shelf_int(shelf.path,
			 "SELECT count(*) FROM v_instances WHERE stopped_us IS NULL"),
	    1);
	shelf_fini(&shelf);
}
