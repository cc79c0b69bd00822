/* SPDX-License-Identifier: Apache-2.0 */
/* Filters, groupings and orders, each against what a plain look at all rows says. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "identity/identity.h"
#include "store/shelf.h"

#define WORKLOADS 12
#define FLOWS 12000 /* three blocks */

struct town {
	struct shelf shelf;
	struct ew_workload workloads[WORKLOADS];
	struct ew_reader *reader;
};

static void
build(struct town *town)
{
	static const uint16_t ports[] = { 80, 443, 5432 };

	shelf_init(&town->shelf, false);
	shelf_open(&town->shelf);
	for (int i = 0; i < WORKLOADS; i++) {
		struct ew_instance n = { .id = (uint32_t)i + 1,
			.started.ns = SHELF_START_NS };
		char name[64];

		(void)snprintf(name, sizeof(name), "compose/%s/w%d",
		    i < 6 ? "shop" : "blog", i);
		shelf_workload(&town->shelf, &town->workloads[i], name);
		n.workload = &town->workloads[i];
		(void)snprintf(n.cid, sizeof(n.cid), "c%02d4eea1d3f", i);
		(void)snprintf(n.name, sizeof(n.name), "w%d-1", i);
		ew_store_instance(town->shelf.store, &n);
	}
	for (int i = 0; i < FLOWS; i++) {
		const int src = i % WORKLOADS, dst = (i * 7 + i / 12) % WORKLOADS;
		struct shelf_flow f;
		char from[32], to[32];

		(void)snprintf(from, sizeof(from), "172.18.%d.2", src);
		(void)snprintf(to, sizeof(to), i % 10 ? "172.18.%d.2" : "fd00::%x",
		    dst);
		shelf_flow(&town->shelf, &f, &town->workloads[src],
		    &town->workloads[dst], from, to, ports[i % 3], i);
		f.contact.src.instance = (uint32_t)src + 1;
		f.ev.conn_state = i % 500 ? EW_CONN_SF : EW_CONN_REJ;
		f.ev.tuple.proto = i % 20 ? 6 : 17;
		f.ev.side[0].pkts = 2;
		/* Once, in the middle of everything. */
		if (i == 6000)
			(void)ew_addr_parse("203.0.113.77", &f.ev.tuple.dst);
		(void)ew_store_flow(town->shelf.store, &f.contact, NULL,
		    i == 5000 ? EW_VERDICT_NOVEL : EW_VERDICT_KNOWN);
	}
	cr_assert_eq(ew_store_flush(town->shelf.store), 0);
	town->reader = shelf_reader(&town->shelf);
}

static void
raze(struct town *town)
{
	ew_reader_close(town->reader);
	shelf_fini(&town->shelf);
}

static int
count_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	(void)names;
	(void)values;
	(void)n;
	++*(int64_t *)context;
	return 0;
}

static int64_t
count(struct town *town, const struct ew_term *terms, size_t n_terms)
{
	const struct ew_query q = { .view = EW_VIEW_FLOWS,
		.terms = terms,
		.n_terms = n_terms };
	struct ew_error error = { 0 };
	int64_t rows = 0;

	cr_assert_eq(ew_reader_list(town->reader, &q, count_row, &rows, NULL, &error),
	    0, "%s", error.text);
	return rows;
}

static const struct {
	struct ew_term terms[4];
	const char *where; /* of v_flows */
} cases[] = {
	{ { { "workload", "compose/shop/w3", EW_SIDE_ANY, false } },
	    "'compose/shop/w3' IN (src_workload, dst_workload)" },
	{ { { "workload", "w3", EW_SIDE_FROM, false } },
	    "src_workload = 'compose/shop/w3'" },
	{ { { "workload", "compose/blog/*", EW_SIDE_TO, false } },
	    "dst_workload GLOB 'compose/blog/*'" },
	{ { { "workload", "nobody", EW_SIDE_ANY, false } }, "0" },
	{ { { "workload", "w3", EW_SIDE_ANY, true } },
	    "NOT 'compose/shop/w3' IN (src_workload, dst_workload)" },
	{ { { "workload", "w3", EW_SIDE_FROM, false },
	      { "workload", "w4", EW_SIDE_FROM, false } },
	    "src_workload IN ('compose/shop/w3', 'compose/shop/w4')" },
	{ { { "workload", "w3", EW_SIDE_FROM, false },
	      { "workload", "w9", EW_SIDE_TO, false } },
	    "src_workload = 'compose/shop/w3' AND dst_workload = 'compose/blog/w9'" },
	{ { { "workload", "w3", EW_SIDE_FROM, false },
	      { "workload", "w9", EW_SIDE_TO, false },
	      { "port", "443", EW_SIDE_TO, false },
	      { "proto", "tcp", EW_SIDE_ANY, false } },
	    "src_workload = 'compose/shop/w3' AND dst_workload = 'compose/blog/w9' AND "
	    "dst_port = 443 AND proto = 'tcp'" },
	{ { { "container", "w2-1", EW_SIDE_ANY, false } },
	    "src_instance = 'c024eea1d3f'" },
	{ { { "container", "c02", EW_SIDE_FROM, false } },
	    "src_instance = 'c024eea1d3f'" },
	{ { { "container", "c02", EW_SIDE_TO, false } }, "0" },
	{ { { "container", "c02", EW_SIDE_FROM, true } },
	    "src_instance IS NOT 'c024eea1d3f'" },
	{ { { "ip", "172.18.3.2", EW_SIDE_ANY, false } },
	    "'172.18.3.2' IN (src_ip, dst_ip)" },
	{ { { "ip", "172.18.3.0/24", EW_SIDE_TO, false } }, "dst_ip = '172.18.3.2'" },
	{ { { "ip", "172.18.2.0/23", EW_SIDE_FROM, false } },
	    "src_ip IN ('172.18.2.2', '172.18.3.2')" },
	{ { { "ip", "0.0.0.0/0", EW_SIDE_TO, false } }, "dst_ip NOT LIKE '%:%'" },
	{ { { "ip", "fd00::/64", EW_SIDE_TO, false } }, "dst_ip LIKE 'fd00:%'" },
	{ { { "ip", "fd00::a", EW_SIDE_TO, false } }, "dst_ip = 'fd00::a'" },
	{ { { "ip", "::/0", EW_SIDE_TO, false } }, "dst_ip LIKE '%:%'" },
	{ { { "ip", "203.0.113.77", EW_SIDE_ANY, false } }, "dst_ip = '203.0.113.77'" },
	{ { { "src_ip", "172.18.3.2", EW_SIDE_ANY, false } }, "src_ip = '172.18.3.2'" },
	{ { { "port", "5432", EW_SIDE_ANY, false } }, "5432 IN (src_port, dst_port)" },
	{ { { "port", "5432", EW_SIDE_TO, true } }, "dst_port <> 5432" },
	{ { { "port", "80", EW_SIDE_ANY, true }, { "port", "443", EW_SIDE_ANY, true } },
	    "80 NOT IN (src_port, dst_port) AND 443 NOT IN (src_port, dst_port)" },
	{ { { "dst_port", ">=443", EW_SIDE_ANY, false } }, "dst_port >= 443" },
	{ { { "proto", "UDP", EW_SIDE_ANY, false } }, "proto = 'udp'" },
	{ { { "proto", "17", EW_SIDE_ANY, false } }, "proto = 'udp'" },
	{ { { "state", "REJ", EW_SIDE_ANY, false } }, "conn_state = 'REJ'" },
	{ { { "state", "SF", EW_SIDE_ANY, true } }, "conn_state <> 'SF'" },
	{ { { "status", "novel", EW_SIDE_ANY, false } }, "verdict = 'novel'" },
	{ { { "verdict", "known", EW_SIDE_ANY, false },
	      { "verdict", "novel", EW_SIDE_ANY, false } },
	    "1" },
	{ { { "direction", "lateral", EW_SIDE_ANY, false } }, "1" },
	{ { { "flow_id", "f000000000001770", EW_SIDE_ANY, false } },
	    "flow_id = 'f000000000001770'" },
	{ { { "src_pkts", "null", EW_SIDE_ANY, false } }, "src_pkts IS NULL" },
	{ { { "method", "exact", EW_SIDE_ANY, false } }, "proto = 'udp'" },
};

Test(query, finds_what_a_look_at_every_row_finds)
{
	struct town town;
	int64_t found = 0;

	build(&town);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = 0;
		char sql[512];

		while (n < 4 && cases[i].terms[n].field)
			n++;
		(void)snprintf(sql, sizeof(sql),
		    "SELECT count(*) FROM v_flows WHERE %s", cases[i].where);
		const int64_t expected = shelf_int(town.shelf.path, sql);

		cr_expect_eq(count(&town, cases[i].terms, n), expected,
		    "%s: %lld, not %lld", cases[i].where,
		    (long long)count(&town, cases[i].terms, n), (long long)expected);
		found += expected != 0;
	}
	cr_assert_geq(found, 30); /* the cases mean something */
	raze(&town);
}

Test(query, gives_the_newest_rows_oldest_first)
{
	struct town town;
	struct shelf_rows rows;
	const struct ew_term term = { .field = "workload",
		.value = "w1",
		.side = EW_SIDE_FROM };
	struct ew_query q = { .view = EW_VIEW_FLOWS, .last = 3 };

	build(&town);
	cr_assert_eq(shelf_list(town.reader, &q, "start_us", &rows, NULL), 0);
	cr_assert_eq(rows.n, 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(strtoll(rows.text[i], NULL, 10),
		    SHELF_START_US + (FLOWS - 3 + i) * INT64_C(1000000));
	q.terms = &term;
	q.n_terms = 1;
	q.last = 2;
	cr_assert_eq(shelf_list(town.reader, &q, "start_us", &rows, NULL), 0);
	cr_assert_eq(strtoll(rows.text[1], NULL, 10),
	    SHELF_START_US + 11989 * INT64_C(1000000));
	raze(&town);
}

Test(query, takes_rows_that_overlap_the_window)
{
	struct town town;
	struct shelf_rows rows;
	const struct ew_query q = { .view = EW_VIEW_FLOWS,
		.since_us = SHELF_START_US + 100 * 1000000 +
		    500, /* within the 1 ms of a flow */
		.until_us = SHELF_START_US + 110 * 1000000 };

	build(&town);
	cr_assert_eq(shelf_list(town.reader, &q, "start_us", &rows, NULL), 0);
	cr_assert_eq(rows.n, 10);
	cr_assert_eq(strtoll(rows.text[0], NULL, 10), SHELF_START_US + 100 * 1000000);
	raze(&town);
}

Test(query, adds_up_groups)
{
	struct town town;
	struct shelf_rows rows, by_view;
	struct ew_query q = { .view = EW_VIEW_FLOWS,
		.last = 5,
		.group = { "src_workload", "dst_port", "conn_state" },
		.n_group = 3 };
	static const char sql[] = "SELECT src_workload, dst_port, conn_state, count(*) "
				  "AS count, sum(src_bytes), "
				  "sum(dst_bytes), sum(src_pkts), sum(dst_pkts) FROM "
				  "v_flows GROUP BY 1, 2, 3 "
				  "ORDER BY 4 DESC, 1, 2, 3 LIMIT 5";

	build(&town);
	cr_assert_eq(shelf_list(town.reader, &q, NULL, &rows, NULL), 0);
	cr_assert_eq(shelf_sql(town.reader, sql, &by_view, NULL), 0);
	cr_assert_eq(rows.n, 5);
	for (size_t i = 0; i < 5; i++)
		cr_assert_str_eq(rows.text[i], by_view.text[i]);

	/* A column that is words only in the view. */
	q.group[1] = "method";
	q.n_group = 2;
	q.last = 0;
	cr_assert_eq(shelf_list(town.reader, &q, "src_workload,method,count", &rows,
			 NULL),
	    0);
	cr_assert_eq(shelf_sql(town.reader,
			 "SELECT src_workload, method, count(*) AS count FROM v_flows "
			 "GROUP BY 1, 2 "
			 "ORDER BY 3 DESC, 1, 2",
			 &by_view, NULL),
	    0);
	cr_assert_eq(rows.n, by_view.n);
	for (size_t i = 0; i < rows.n; i++)
		cr_assert_str_eq(rows.text[i], by_view.text[i]);

	q.group[0] = "dst_ip";
	q.n_group = 1;
	q.order = "-dst_ip";
	q.last = 1;
	cr_assert_eq(shelf_list(town.reader, &q, "dst_ip,count", &rows, NULL), 0);
	cr_assert_eq(strncmp(rows.text[0], "fd00::", 6), 0, "%s", rows.text[0]);
	raze(&town);
}

Test(query, says_what_it_does_not_understand)
{
	static const struct {
		enum ew_view view;
		struct ew_term term;
		const char *expected;
	} bad[] = {
		{ EW_VIEW_FLOWS, { .field = "colour", .value = "red" }, "colour" },
		{ EW_VIEW_FLOWS, { .field = "ip", .value = "10.0.0.300" },
		    "10.0.0.300" },
		{ EW_VIEW_FLOWS, { .field = "port", .value = "http" }, "http" },
		{ EW_VIEW_FLOWS, { .field = "proto", .value = "quic" }, "quic" },
		{ EW_VIEW_FLOWS, { .field = "state", .value = "OPEN" }, "REJ" },
		{ EW_VIEW_FLOWS, { .field = "status", .value = "bad" }, "candidate" },
		{ EW_VIEW_FLOWS, { .field = "src_bytes", .value = "many" }, "many" },
		{ EW_VIEW_FLOWS, { .field = "x); DROP TABLE flow; --", .value = "1" },
		    "DROP" },
		{ EW_VIEW_EDGES,
		    { .field = "port", .value = "80", .side = EW_SIDE_FROM },
		    "from-port" },
		{ EW_VIEW_GAPS, { .field = "workload", .value = "a" }, "workload" },
		{ EW_VIEW_EDGES, { .field = "score", .value = "1" }, "score" },
	};
	struct town town;
	struct shelf_rows rows;

	build(&town);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct ew_query q = { .view = bad[i].view,
			.terms = &bad[i].term,
			.n_terms = 1 };
		struct ew_error error = { 0 };

		cr_assert_eq(shelf_list(town.reader, &q, NULL, &rows, &error),
		    EW_ERR_USAGE, "%zu: %s", i, error.text);
		cr_assert_not_null(strstr(error.text, bad[i].expected), "%s",
		    error.text);
	}
	struct ew_error error = { 0 };
	struct ew_query q = { .view = EW_VIEW_FLOWS, .order = "1; DROP TABLE flow" };

	cr_assert_eq(shelf_list(town.reader, &q, NULL, &rows, &error), EW_ERR_USAGE);
	q = (struct ew_query){ .view = EW_VIEW_EDGES,
		.group = { "(SELECT 1)" },
		.n_group = 1 };
	cr_assert_eq(shelf_list(town.reader, &q, NULL, &rows, &error), EW_ERR_USAGE);
	raze(&town);
}

/* Small views: the words of filters in each. */
Test(query, filters_every_view_by_the_same_words)
{
	static const struct {
		enum ew_view view;
		struct ew_term term;
		size_t rows;
	} each[] = {
		{ EW_VIEW_EDGES, { .field = "workload", .value = "web" }, 2 },
		{ EW_VIEW_EDGES,
		    { .field = "workload", .value = "web", .side = EW_SIDE_TO }, 0 },
		{ EW_VIEW_EDGES, { .field = "port", .value = "5432" }, 1 },
		{ EW_VIEW_EDGES, { .field = "port", .value = "dyn" }, 1 },
		{ EW_VIEW_EDGES, { .field = "status", .value = "baseline" }, 2 },
		{ EW_VIEW_EDGES,
		    { .field = "status", .value = "baseline", .is_negated = true }, 0 },
		{ EW_VIEW_EDGES, { .field = "ip", .value = "172.18.0.0/16" }, 2 },
		{ EW_VIEW_EDGES, { .field = "connections", .value = ">5" }, 2 },
		{ EW_VIEW_SIGNALS, { .field = "workload", .value = "db" }, 1 },
		{ EW_VIEW_SIGNALS, { .field = "detector", .value = "new-*" }, 1 },
		{ EW_VIEW_SIGNALS, { .field = "score", .value = ">=61" }, 0 },
		{ EW_VIEW_SIGNALS, { .field = "techniques", .value = "T1210" }, 1 },
		{ EW_VIEW_SIGNALS, { .field = "container", .value = "web-1" }, 1 },
		{ EW_VIEW_INCIDENTS,
		    { .field = "workload", .value = "db", .side = EW_SIDE_TO }, 1 },
		{ EW_VIEW_INCIDENTS,
		    { .field = "workload", .value = "db", .side = EW_SIDE_FROM }, 0 },
		{ EW_VIEW_INCIDENTS, { .field = "port", .value = "22" }, 1 },
		{ EW_VIEW_INCIDENTS, { .field = "ip", .value = "172.18.0.9" }, 1 },
		{ EW_VIEW_INCIDENTS, { .field = "state", .value = "open" }, 1 },
		{ EW_VIEW_INCIDENTS, { .field = "decision", .value = "null" }, 1 },
		{ EW_VIEW_INCIDENTS, { .field = "id", .value = "0000000000000011" },
		    1 },
		{ EW_VIEW_INCIDENTS, { .field = "id", .value = "*11" }, 1 },
		{ EW_VIEW_INCIDENTS, { .field = "id", .value = "0000000000000012" },
		    0 },
		{ EW_VIEW_SIGNALS, { .field = "id", .value = "0000000000000001" }, 1 },
		{ EW_VIEW_SIGNALS,
		    { .field = "incident_id", .value = "0000000000000011" }, 1 },
		{ EW_VIEW_SIGNALS,
		    { .field = "incident_id", .value = "0000000000000000" }, 0 },
		{ EW_VIEW_INSTANCES, { .field = "container", .value = "aa" }, 1 },
		{ EW_VIEW_INSTANCES, { .field = "ip", .value = "172.18.0.2" }, 1 },
		{ EW_VIEW_INSTANCES, { .field = "ip", .value = "172.18.0.3" }, 0 },
		{ EW_VIEW_WORKLOADS, { .field = "workload", .value = "*w*" }, 1 },
		{ EW_VIEW_WORKLOADS, { .field = "state", .value = "cold" }, 2 },
		{ EW_VIEW_WHO, { .field = "ip", .value = "172.18.0.0/24" }, 1 },
		{ EW_VIEW_ROLLUPS, { .field = "workload", .value = "db" }, 2 },
	};
	struct shelf shelf;
	struct shelf_rows rows;
	struct ew_workload web, db;
	struct ew_instance n = { .id = 1,
		.cid = "aabbcc",
		.name = "web-1",
		.workload = &web,
		.started.ns = SHELF_START_NS };
	struct ew_lease lease = { .instance = 1,
		.n_members = 1,
		.workload = &web,
		.from.ns = SHELF_START_NS };

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "compose/shop/web");
	shelf_workload(&shelf, &db, "db");
	(void)ew_addr_parse("172.18.0.2", &lease.addr);
	ew_store_instance(shelf.store, &n);
	ew_store_lease(shelf.store, &lease);
	struct ew_edge e = shelf_edge(&web, &db, 5432, 1);

	ew_store_edge(shelf.store, &e);
	e.port = EW_PORT_DYN;
	ew_store_edge(shelf.store, &e);
	struct ew_signal s = shelf_signal(1, &web, &db, 1);

	s.src_instance = 1;
	ew_store_signal(shelf.store, &s, 0x11);
	ew_store_incident(shelf.store, shelf_incident(0x11, &web, &db, 1));
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	struct ew_reader *reader = shelf_reader(&shelf);

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		const struct ew_query q = { .view = each[i].view,
			.terms = &each[i].term,
			.n_terms = 1 };
		struct ew_error error = { 0 };

		cr_assert_eq(shelf_list(reader, &q, NULL, &rows, &error), 0, "%s",
		    error.text);
		cr_expect_eq(rows.n, each[i].rows, "%s by %s %s: %zu rows",
		    ew_view_info(each[i].view)->name, each[i].term.field,
		    each[i].term.value, rows.n);
	}
	ew_reader_close(reader);
	shelf_fini(&shelf);
}
