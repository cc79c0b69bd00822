/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a small database through the store's own writing door, for the tests of the command
 * line: two projects, one incident, a gap, decisions, messages, and on request a container
 * whose every name is hostile. Times are fixed (2026-01-10T12:00:00Z and around), so the
 * output of a command can be compared with a golden file.
 *
 * usage: fixture DATABASE [hostile]
 */
#include <stdio.h>
#include <string.h>

#include "alert/incident.h"
#include "alert/message.h"
#include "base/addr.h"
#include "base/err.h"
#include "detect/detect.h"
#include "detect/signal.h"
#include "flow/event.h"
#include "graph/edge.h"
#include "graph/record.h"
#include "identity/contact.h"
#include "identity/identity.h"
#include "identity/workload.h"
#include "store/store.h"

#define S INT64_C(1000000000)
#define NOON (INT64_C(1768046400) * S) /* 2026-01-10T12:00:00Z */

/* Escape sequences, quotes of every language we print, right-to-left override, markup. */
static const char hostile[] = "x\033[31m\"'`$(touch pwned)<b>&amp;|,;\\\xe2\x80\xae"
			      "\xe2\x80\x8b\x7f\n=1+1%s#{7}\xff";

enum { WEB, API, DB, PAY, PROM, EXTERNAL, HOSTILE, N_WORKLOADS };
static struct ew_workload workloads[N_WORKLOADS] = {
	{ .id = 1, .name = "shop/web", .group = "shop", .image_repo = "nginx" },
	{ .id = 2, .name = "shop/api", .group = "shop", .image_repo = "shop-api" },
	{ .id = 3, .name = "shop/db", .group = "shop", .image_repo = "postgres" },
	{ .id = 4, .name = "pay/db", .group = "pay", .image_repo = "postgres" },
	{ .id = 5, .name = "monitoring/prometheus", .group = "monitoring" },
	{ .id = 6, .name = "external/93.184.0.0/16", .cls = EW_PEER_EXTERNAL },
	{ .id = 7, .group = "evil" },
};

static struct ew_network networks[] = {
	{ .id = 1,
	    .from_runtime = 1,
	    .from = { NOON - 86400 * S },
	    .info = { .id = "net-shop", .name = "shop", .bridge = "br-shop" } },
	{ .id = 2,
	    .from_runtime = 1,
	    .from = { NOON - 86400 * S },
	    .info = { .id = "net-pay", .name = "pay", .bridge = "br-pay" } },
};

static struct ew_instance instances[] = {
	{ .id = 1,
	    .workload = &workloads[WEB],
	    .cid = "4eea1d3f0000000000000001",
	    .name = "shop-web-1",
	    .hostname = "web",
	    .image = "nginx:1.25",
	    .runtime = "docker",
	    .started = { NOON - 40000 * S },
	    .posture = EW_POSTURE_PUBLISHED },
	{ .id = 2,
	    .workload = &workloads[API],
	    .cid = "a9100000000000000000000a",
	    .name = "shop-api-1",
	    .hostname = "api",
	    .image = "shop-api:4",
	    .runtime = "docker",
	    .started = { NOON - 40000 * S } },
	{ .id = 3,
	    .workload = &workloads[DB],
	    .cid = "db00000000000000000000db",
	    .name = "shop-db-1",
	    .hostname = "db",
	    .image = "postgres:16",
	    .runtime = "docker",
	    .started = { NOON - 40000 * S } },
	{ .id = 4,
	    .workload = &workloads[PAY],
	    .cid = "9a9000000000000000000009",
	    .name = "pay-db-1",
	    .hostname = "db",
	    .image = "postgres:16",
	    .runtime = "docker",
	    .started = { NOON - 40000 * S },
	    .posture = EW_POSTURE_PRIVILEGED | EW_POSTURE_RUNTIME_SOCKET },
	{ .id = 5,
	    .workload = &workloads[HOSTILE],
	    .runtime = "docker",
	    .started = { NOON - 3000 * S } },
};

static struct ew_addr
addr(const char *text)
{
	struct ew_addr a = { { 0 } };

	(void)ew_addr_parse(text, &a);
	return a;
}

static void
put_networks(struct ew_store *store)
{
	static const char *const subnets[] = { "172.18.0.0/16", "172.19.0.0/16" };
	static const char *const gateways[] = { "172.18.0.1", "172.19.0.1" };

	for (size_t i = 0; i < 2; i++) {
		struct ew_network_info *info = &networks[i].info;

		info->n_subnets = info->n_gateways = 1;
		(void)ew_prefix_parse(subnets[i], &info->subnets[0]);
		info->gateways[0] = addr(gateways[i]);
		ew_store_network(store, &networks[i]);
	}
}

static void
put_lease(struct ew_store *store, int instance, uint32_t network, const char *ip,
    int64_t from, int64_t to)
{
	const struct ew_lease lease = { .addr = addr(ip),
		.mac = { 2, 0x42, 0xac, 0x12, 0, (uint8_t)instance },
		.has_mac = 1,
		.host_ifindex = 10 + (uint32_t)instance,
		.instance = (uint32_t)instance,
		.network = network,
		.n_members = 1,
		.from = { from },
		.to = { to },
		.workload = instances[instance - 1].workload };

	ew_store_lease(store, &lease);
}

static void
put_instances(struct ew_store *store, bool with_hostile)
{
	for (int i = 0; i < (with_hostile ? 5 : 4); i++)
		ew_store_instance(store, &instances[i]);
	put_lease(store, 1, 1, "172.18.0.2", NOON - 40000 * S, 0);
	put_lease(store, 1, 1, "fd00:18::2", NOON - 40000 * S, 0);
	put_lease(store, 2, 1, "172.18.0.3", NOON - 40000 * S, 0);
	put_lease(store, 3, 1, "172.18.0.4", NOON - 40000 * S, 0);
	put_lease(store, 4, 2, "172.19.0.2", NOON - 40000 * S, 0);
	/* On both networks: the way from shop to pay. */
	put_lease(store, 2, 2, "172.19.0.3", NOON - 40000 * S, 0);
	/* An address that changed hands an hour ago. */
	put_lease(store, 2, 1, "172.18.0.9", NOON - 30000 * S, NOON - 3600 * S);
	put_lease(store, 3, 1, "172.18.0.9", NOON - 3600 * S, 0);
	if (with_hostile)
		put_lease(store, 5, 1, "172.18.0.66", NOON - 3000 * S, 0);
}

static void
put_workload(struct ew_store *store, int w, enum ew_workload_state state, int64_t age_s,
    uint32_t out, uint32_t in)
{
	struct ew_workload_record r = { .cls = workloads[w].cls,
		.state = (uint8_t)state,
		.is_managed = 1,
		.first_ns = NOON - 400000 * S,
		.last_ns = NOON,
		.age_ns = age_s * S,
		.m_permille = state == EW_WL_MATURE ? 1000
		    : state == EW_WL_PROVISIONAL    ? 457
						    : 0,
		.coverage_permille = state == EW_WL_MATURE ? 983 : 600,
		.edges_out = out,
		.edges_in = in,
		.discovery_age_ns = { -1, -1 } };

	memcpy(r.name, workloads[w].name, sizeof(r.name));
	memcpy(r.group, workloads[w].group, sizeof(r.group));
	memcpy(r.image_repo, workloads[w].image_repo, sizeof(r.image_repo));
	if (w == PROM)
		r.labels = EW_LABEL_SCRAPER;
	ew_store_workload(store, &r);
}

static void
put_edge(struct ew_store *store, int from, int to, uint16_t port,
    enum ew_edge_status status, int64_t first, uint64_t connections, uint64_t failed)
{
	const struct ew_edge e = { .src = &workloads[from],
		.dst = &workloads[to],
		.port = port,
		.proto = 6,
		.status = (uint8_t)status,
		.slices = 3,
		.first_ns = first,
		.last_ns = NOON - 60 * S,
		.connections = connections,
		.failed = failed,
		.src_bytes = connections * 1000,
		.dst_bytes = connections * 50000,
		.established_ns = connections ? first : 0,
		.flags = port == 22 ? EW_EDGE_F_SENSITIVE | EW_EDGE_F_SUSPECT : 0,
		.replicas = 1 };

	ew_store_edge(store, &e);
}

struct shape {
	int from, to;
	const char *src, *dst;
	uint16_t port;
	enum ew_conn_state state;
	enum ew_verdict verdict;
	int64_t at;
};

static void
put_flow(struct ew_store *store, const struct shape *s, uint64_t id)
{
	struct ew_flow_event ev = { .kind = EW_FLOW_CLOSE,
		.conn_state = (uint8_t)s->state,
		.flags = EW_FLOW_F_DIR_KNOWN | EW_FLOW_F_SRC_ON_VETH,
		.flow_id = id,
		.ts_ns = s->at,
		.first_ns = s->at - S,
		.last_ns = s->at,
		.tuple = { .src = addr(s->src),
		    .dst = addr(s->dst),
		    .dport = s->port,
		    .sport = (uint16_t)(40000 + id),
		    .proto = s->port == 53 ? 17 : 6 } };
	const struct ew_contact c = { .ev = &ev,
		.src = { .workload = &workloads[s->from],
		    .instance = s->from <= PAY ? (uint32_t)s->from + 1
			: s->from == HOSTILE   ? 5
					       : 0,
		    .attribution = EW_ATTR_VETH },
		.dst = { .workload = &workloads[s->to],
		    .instance = s->to <= PAY ? (uint32_t)s->to + 1 : 0,
		    .attribution = EW_ATTR_LEASE },
		.direction = s->to == EXTERNAL ? EW_DIR_OUTBOUND : EW_DIR_LATERAL,
		.edge_port = s->port };

	if (s->state == EW_CONN_SF) {
		ev.side[0].bytes = 512;
		ev.side[1].bytes = 20480;
		(void)snprintf(ev.history, sizeof(ev.history), "ShADadFf");
	} else {
		(void)snprintf(ev.history, sizeof(ev.history), "%s",
		    s->state == EW_CONN_REJ ? "Sr" : "S");
	}
	(void)ew_store_flow(store, &c, NULL, s->verdict);
}

static void
put_flows(struct ew_store *store, bool with_hostile)
{
	static const struct shape shapes[] = {
		{ WEB, API, "172.18.0.2", "172.18.0.3", 8080, EW_CONN_SF,
		    EW_VERDICT_KNOWN, NOON - 600 * S },
		{ API, DB, "172.18.0.3", "172.18.0.4", 5432, EW_CONN_SF,
		    EW_VERDICT_KNOWN, NOON - 590 * S },
		{ WEB, API, "fd00:18::2", "fd00:18::3", 8080, EW_CONN_SF,
		    EW_VERDICT_KNOWN, NOON - 580 * S },
		{ WEB, EXTERNAL, "172.18.0.2", "93.184.216.34", 53, EW_CONN_SF,
		    EW_VERDICT_KNOWN, NOON - 500 * S },
		{ API, PAY, "172.19.0.3", "172.19.0.2", 5432, EW_CONN_SF,
		    EW_VERDICT_NOVEL, NOON - 120 * S },
		{ API, PAY, "172.19.0.3", "172.19.0.2", 22, EW_CONN_REJ,
		    EW_VERDICT_NOVEL, NOON - 110 * S },
		{ API, PAY, "172.19.0.3", "172.19.0.2", 6379, EW_CONN_S0,
		    EW_VERDICT_NOVEL, NOON - 100 * S },
	};
	static const struct shape evil = { HOSTILE, DB, "172.18.0.66", "172.18.0.4",
		5432, EW_CONN_SF, EW_VERDICT_DENIED, NOON - 90 * S };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		put_flow(store, &shapes[i], 0x1000 + i);
	if (with_hostile)
		put_flow(store, &evil, 0x2000);
}

static struct ew_signal
signal_of(int src, const char *title)
{
	struct ew_signal s = { .id = 0x51000000000000 + (uint64_t)src,
		.ts_ns = NOON - 120 * S,
		.first_ns = NOON - 121 * S,
		.detector = "new-edge",
		.technique = { "T1021", "T1210" },
		.tactic = EW_TACTIC_LATERAL,
		.outcome = EW_OUT_PAYLOAD,
		.proto = 6,
		.score = 80,
		.port = 5432,
		.src_instance = src == HOSTILE ? 5 : 2,
		.dst_instance = 4,
		.src = &workloads[src],
		.dst = &workloads[PAY],
		.src_addr = addr("172.19.0.3"),
		.dst_addr = addr("172.19.0.2"),
		.flow_id = 0x1004,
		.count = 1,
		.hosts = 1,
		.ports = 1,
		.n_reasons = 2,
		.reasons = { { 35, "never seen: no such edge in 14 d" },
		    { 45, "a database of another project" } } };

	(void)snprintf(s.sentence, sizeof(s.sentence), "%s", title);
	(void)snprintf(s.benign, sizeof(s.benign), "a release of %.200s at that time",
	    title);
	(void)snprintf(s.evidence, sizeof(s.evidence),
	    "peer group: nobody else does\nfirst: 12:00");
	return s;
}

static void
put_incident(struct ew_store *store, int src, const char *title)
{
	static struct ew_signal s;
	static struct ew_incident i;
	static struct ew_message m;
	static const char *const targets[] = { "ops" };

	s = signal_of(src, title);
	i = (struct ew_incident){ .id = 0x1c000000000000 + (uint64_t)src,
		.opened_ns = NOON - 120 * S,
		.updated_ns = NOON - 100 * S,
		.state = EW_INCIDENT_OPEN,
		.tier = EW_TIER_PAGE,
		.score = 80,
		.messages_sent = 1,
		.src = &workloads[src],
		.src_instance = s.src_instance,
		.n_targets = 1,
		.n_path = 2,
		.n_signals = 1,
		.n_reasons = 2,
		.n_techniques = 2,
		.n_detectors = 1,
		.targets = { { .workload = &workloads[PAY],
		    .addr = s.dst_addr,
		    .port = 5432,
		    .proto = 6,
		    .outcome = EW_OUT_PAYLOAD } },
		.path = { { .from = &workloads[WEB],
			      .to = &workloads[src],
			      .port = 8080,
			      .proto = 6,
			      .ts_ns = NOON - 130 * S },
		    { .from = &workloads[src],
			.to = &workloads[PAY],
			.port = 5432,
			.proto = 6,
			.ts_ns = NOON - 120 * S } },
		.signals = { s.id },
		.techniques = { "T1021", "T1210" },
		.detectors = { "new-edge" } };
	memcpy(i.reasons, s.reasons, 2 * sizeof(i.reasons[0]));
	(void)snprintf(i.title, sizeof(i.title), "%s", title);
	(void)snprintf(i.benign, sizeof(i.benign), "%s", s.benign);
	m = (struct ew_message){ .id = 0x3e000000000000 + (uint64_t)src,
		.incident_id = i.id,
		.created_us = NOON / 1000,
		.kind = EW_MSG_OPENED,
		.tier = EW_TIER_PAGE,
		.score = 80 };
	(void)snprintf(m.title, sizeof(m.title), "%s", title);
	ew_store_begin(store);
	ew_store_signal(store, &s, i.id);
	ew_store_incident(store, &i);
	ew_store_message(store, &m, targets, 1);
	ew_store_end(store);
}

static void
put_decisions(struct ew_store *store, bool with_hostile)
{
	struct ew_decision_record d = { .id = 0xdec1,
		.at_ns = NOON - 7200 * S,
		.action = EW_ACT_ACCEPT,
		.edges = 1,
		.pattern = { "shop/web", "shop/api", 8080, 6 },
		.who = "alice",
		.why = "release 4.2" };

	ew_store_decision(store, &d);
	d = (struct ew_decision_record){ .id = 0xdec2,
		.at_ns = NOON - 3600 * S,
		.action = EW_ACT_DENY,
		.pattern = { "*", "shop/db", 22, 6 },
		.who = "bob",
		.why = "nobody needs ssh" };
	ew_store_decision(store, &d);
	if (!with_hostile)
		return;
	d.id = 0xdec3;
	d.at_ns = NOON - 1800 * S;
	(void)snprintf(d.who, sizeof(d.who), "%s", hostile);
	(void)snprintf(d.why, sizeof(d.why), "%s", hostile);
	(void)snprintf(d.pattern.src, sizeof(d.pattern.src), "%s",
	    workloads[HOSTILE].name);
	ew_store_decision(store, &d);
}

static void
put_gap(struct ew_store *store)
{
	const struct ew_health gap = { .ts_ns = NOON - 5000 * S,
		.from_ns = NOON - 5002 * S,
		.to_ns = NOON - 5000 * S,
		.lost = 321,
		.cause = EW_GAP_KERNEL_DROP,
		.text = "321 packets were lost: the kernel's ring was full" };

	ew_store_gap(store, &gap);
}

static void
put_edges(struct ew_store *store, bool with_hostile)
{
	put_edge(store, WEB, API, 8080, EW_EDGE_BASELINE, NOON - 300000 * S, 120, 0);
	put_edge(store, API, DB, 5432, EW_EDGE_BASELINE, NOON - 300000 * S, 90, 0);
	put_edge(store, PROM, WEB, EW_PORT_DYN, EW_EDGE_DORMANT, NOON - 300000 * S, 5,
	    0);
	put_edge(store, WEB, EXTERNAL, 443, EW_EDGE_BASELINE, NOON - 300000 * S, 7, 0);
	put_edge(store, API, PAY, 5432, EW_EDGE_CANDIDATE, NOON - 120 * S, 1, 0);
	put_edge(store, API, PAY, 22, EW_EDGE_QUARANTINED, NOON - 110 * S, 0, 1);
	put_edge(store, WEB, DB, 22, EW_EDGE_DENIED, NOON - 3500 * S, 0, 2);
	if (with_hostile)
		put_edge(store, HOSTILE, DB, 5432, EW_EDGE_CANDIDATE, NOON - 90 * S, 1,
		    0);
}

static void
make_hostile(void)
{
	struct ew_instance *evil = &instances[4];

	(void)snprintf(workloads[HOSTILE].name, sizeof(workloads[HOSTILE].name),
	    "evil/%s", hostile);
	/* As long as a name can be. */
	memset(workloads[HOSTILE].image_repo, 'A',
	    sizeof(workloads[HOSTILE].image_repo) - 1);
	(void)snprintf(evil->cid, sizeof(evil->cid), "%s", hostile);
	(void)snprintf(evil->name, sizeof(evil->name), "%s", hostile);
	(void)snprintf(evil->hostname, sizeof(evil->hostname), "%s", hostile);
	(void)snprintf(evil->image, sizeof(evil->image), "%s:latest", hostile);
}

int
main(int argc, char **argv)
{
	const bool with_hostile = argc > 2 && strcmp(argv[2], "hostile") == 0;
	struct ew_store_conf conf;
	struct ew_store *store = NULL;
	struct ew_error error = { 0 };

	if (argc < 2) {
		fputs("usage: fixture DATABASE [hostile]\n", stderr);
		return 2;
	}
	if (with_hostile)
		make_hostile();
	ew_store_conf_default(&conf);
	conf.path = argv[1];
	conf.program = "fixture";
	conf.is_threaded = false;
	/* Nothing of the fixture may be too old, whatever the day. */
	conf.keep_flows_ns = conf.keep_edges_ns = INT64_C(100) * 365 * 86400 * S;
	(void)snprintf(conf.node, sizeof(conf.node), "n1");
	if (ew_store_open(&conf, &error, &store) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	put_networks(store);
	put_instances(store, with_hostile);
	put_workload(store, WEB, EW_WL_MATURE, 1209600, 2, 1);
	put_workload(store, API, EW_WL_PROVISIONAL, 172800, 1, 1);
	put_workload(store, DB, EW_WL_LEARNING, 10800, 0, 1);
	put_workload(store, PAY, EW_WL_COLD, 60, 0, 0);
	put_workload(store, PROM, EW_WL_MATURE, 1209600, 1, 0);
	put_workload(store, EXTERNAL, EW_WL_COLD, 0, 0, 1);
	if (with_hostile)
		put_workload(store, HOSTILE, EW_WL_COLD, 60, 0, 0);
	put_edges(store, with_hostile);
	put_flows(store, with_hostile);
	put_gap(store);
	put_decisions(store, with_hostile);
	put_incident(store, API,
	    "shop/api opened postgres on pay/db; never done in 2 d");
	if (with_hostile)
		put_incident(store, HOSTILE, hostile);
	ew_store_tick(store, (struct ew_mono){ NOON });
	(void)ew_store_flush(store);
	ew_store_close(store);
	return 0;
}
