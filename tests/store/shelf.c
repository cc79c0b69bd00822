/* SPDX-License-Identifier: Apache-2.0 */
#include "store/shelf.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

void
shelf_init(struct shelf *shelf, bool is_threaded)
{
	*shelf = (struct shelf){ .next_flow = 1, .next_workload = 1 };
	(void)snprintf(shelf->folder, sizeof(shelf->folder), "/tmp/ew-shelf-XXXXXX");
	cr_assert_not_null(mkdtemp(shelf->folder));
	(void)snprintf(shelf->path, sizeof(shelf->path), "%s/east.db", shelf->folder);
	ew_store_conf_default(&shelf->conf);
	shelf->conf.path = shelf->path;
	shelf->conf.is_threaded = is_threaded;
	(void)snprintf(shelf->conf.node, sizeof(shelf->conf.node), "n1");
}

void
shelf_open(struct shelf *shelf)
{
	struct ew_error error = { 0 };

	cr_assert_eq(ew_store_open(&shelf->conf, &error, &shelf->store), 0, "%s",
	    error.text);
}

void
shelf_close(struct shelf *shelf)
{
	ew_store_close(shelf->store);
	shelf->store = NULL;
}

void
shelf_fini(struct shelf *shelf)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-lock", "-copy" };
	char path[128];

	shelf_close(shelf);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", shelf->path, ends[i]);
		(void)unlink(path);
	}
	(void)rmdir(shelf->folder);
}

void
shelf_workload(struct shelf *shelf, struct ew_workload *ret_workload, const char *name)
{
	*ret_workload = (struct ew_workload){ .id = shelf->next_workload++ };
	(void)snprintf(ret_workload->name, sizeof(ret_workload->name), "%s", name);
}

void
shelf_flow(struct shelf *shelf, struct shelf_flow *ret_flow, struct ew_workload *src,
    struct ew_workload *dst, const char *src_ip, const char *dst_ip, uint16_t port,
    double at_s)
{
	const int64_t start_ns = SHELF_START_NS + (int64_t)(at_s * 1e9);

	memset(ret_flow, 0, sizeof(*ret_flow));
	struct ew_flow_event *ev = &ret_flow->ev;

	*ev = (struct ew_flow_event){ .kind = EW_FLOW_CLOSE,
		.conn_state = EW_CONN_SF,
		.flags = EW_FLOW_F_DIR_KNOWN,
		.ts_ns = start_ns + EW_NS_PER_MS,
		.first_ns = start_ns,
		.last_ns = start_ns + EW_NS_PER_MS,
		.flow_id = UINT64_C(0xf000000000000000) + shelf->next_flow++,
		.history = "ShADadFf",
		.side = { { .bytes = 100 }, { .bytes = 2000 } } };
	ev->tuple.sport = (uint16_t)(32768 + shelf->next_flow % 28000);
	ev->tuple.dport = port;
	ev->tuple.proto = 6;
	cr_assert_eq(ew_addr_parse(src_ip, &ev->tuple.src), 0);
	cr_assert_eq(ew_addr_parse(dst_ip, &ev->tuple.dst), 0);
	ret_flow->contact = (struct ew_contact){ .ev = ev,
		.src = { .workload = src, .attribution = EW_ATTR_VETH },
		.dst = { .workload = dst, .attribution = EW_ATTR_LEASE },
		.direction = EW_DIR_LATERAL,
		.edge_port = port };
}

struct ew_signal
shelf_signal(uint64_t id, struct ew_workload *src, struct ew_workload *dst, double at_s)
{
	struct ew_signal s = { .id = id,
		.ts_ns = SHELF_START_NS + (int64_t)(at_s * 1e9),
		.first_ns = SHELF_START_NS + (int64_t)(at_s * 1e9) - EW_NS_PER_S,
		.detector = "new-edge",
		.technique = { "T1021", "T1210" },
		.tactic = EW_TACTIC_LATERAL,
		.outcome = EW_OUT_ESTABLISHED,
		.proto = 6,
		.score = 60,
		.port = 5432,
		.src = src,
		.dst = dst,
		.flow_id = 7,
		.count = 3,
		.hosts = 1,
		.ports = 1,
		.n_reasons = 2,
		.n_samples = 1,
		.reasons = { { .points = 35, .text = "never seen \"before\"" },
		    { .points = 25, .text = "data store" } },
		.sentence = "web opened postgres on db",
		.evidence = "first: 1\nsecond: 2",
		.benign = "a release" };

	(void)ew_addr_parse("172.18.0.2", &s.src_addr);
	(void)ew_addr_parse("172.18.0.3", &s.dst_addr);
	s.samples[0] = (struct ew_sample){ .ts_ns = s.ts_ns,
		.flow_id = UINT64_C(0xffeeddccbbaa9988),
		.dst = s.dst_addr,
		.port = 5432,
		.proto = 6,
		.outcome = EW_OUT_ESTABLISHED };
	return s;
}

struct ew_incident *
shelf_incident(uint64_t id, struct ew_workload *src, struct ew_workload *dst,
    uint64_t signal)
{
	static struct ew_incident n;

	n = (struct ew_incident){ .id = id,
		.opened_ns = SHELF_START_NS + 10 * EW_NS_PER_S,
		.updated_ns = SHELF_START_NS + 20 * EW_NS_PER_S,
		.tier = EW_TIER_NOTIFY,
		.score = 60,
		.messages_sent = 1,
		.src = src,
		.n_targets = 2,
		.more_targets = 4,
		.n_path = 1,
		.n_signals = 1,
		.signals = { signal },
		.n_reasons = 1,
		.reasons = { { .points = 35, .text = "never seen" } },
		.n_techniques = 1,
		.techniques = { "T1021" },
		.n_detectors = 1,
		.detectors = { "new-edge" },
		.title = "web is where it should not be",
		.benign = "a release" };
	n.targets[0] = (struct ew_target){ .workload = dst,
		.port = 5432,
		.proto = 6,
		.outcome = EW_OUT_ESTABLISHED };
	n.targets[1] =
	    (struct ew_target){ .port = 22, .proto = 6, .outcome = EW_OUT_REFUSED };
	(void)ew_addr_parse("172.18.0.9", &n.targets[1].addr);
	n.path[0] = (struct ew_hop){ .from = src,
		.to = dst,
		.port = 5432,
		.proto = 6,
		.ts_ns = SHELF_START_NS };
	return &n;
}

struct ew_edge
shelf_edge(struct ew_workload *src, struct ew_workload *dst, uint16_t port, double at_s)
{
	return (struct ew_edge){ .src = src,
		.dst = dst,
		.port = port,
		.proto = 6,
		.status = EW_EDGE_BASELINE,
		.starts = 2,
		.wdays = 0x7f,
		.slices = 9,
		.last_slice = 11,
		.hours = 0xffffffff,
		.days = 0x80000001,
		.slots = 40,
		.first_ns = SHELF_START_NS,
		.last_ns = SHELF_START_NS + (int64_t)(at_s * 1e9),
		.max_gap_ns = 3 * EW_NS_PER_S,
		.connections = 10,
		.failed = 1,
		.src_bytes = 1000,
		.dst_bytes = 9000,
		.max_bytes_h = 4000,
		.replicas_hll = { 1, 2, 3 },
		.established_ns = SHELF_START_NS + EW_NS_PER_S,
		.replicas = 3,
		.flags = EW_EDGE_F_SENSITIVE };
}

struct take {
	struct shelf_rows *rows;
	const char *columns;
};

static bool
is_wanted(const char *columns, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = columns; p && *p;) {
		const size_t length = strcspn(p, ",");

		if (length == n && strncmp(p, name, n) == 0)
			return true;
		p += length + (p[length] == ',');
	}
	return columns == NULL;
}

static int
take_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct take *t = context;

	if (t->rows->n == sizeof(t->rows->text) / sizeof(t->rows->text[0])) {
		t->rows->n++;
		return 1;
	}
	char *text = t->rows->text[t->rows->n++];
	const size_t size = sizeof(t->rows->text[0]);
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(t->columns, names[i]))
			continue;
		const char *bar = at ? "|" : "";

		switch (values[i].kind) {
		case EW_VALUE_NULL:
			at += (size_t)snprintf(text + at, size - at, "%s-", bar);
			break;
		case EW_VALUE_INT:
			at += (size_t)snprintf(text + at, size - at, "%s%lld", bar,
			    (long long)values[i].number);
			break;
		case EW_VALUE_REAL:
			at += (size_t)snprintf(text + at, size - at, "%s%.3f", bar,
			    values[i].real);
			break;
		case EW_VALUE_TEXT:
			at += (size_t)snprintf(text + at, size - at, "%s%s", bar,
			    values[i].text);
			break;
		case EW_VALUE_BLOB:
			at += (size_t)snprintf(text + at, size - at, "%s(blob)", bar);
			break;
		}
		cr_assert_lt(at, size);
	}
	return 0;
}

int
shelf_list(struct ew_reader *reader, const struct ew_query *query, const char *columns,
    struct shelf_rows *ret_rows, struct ew_error *error)
{
	struct take t = { .rows = ret_rows, .columns = columns };

	ret_rows->n = 0;
	return ew_reader_list(reader, query, take_row, &t, NULL, error);
}

int
shelf_sql(struct ew_reader *reader, const char *sql, struct shelf_rows *ret_rows,
    struct ew_error *error)
{
	struct take t = { .rows = ret_rows };

	ret_rows->n = 0;
	return ew_reader_sql(reader, sql, NULL, take_row, &t, error);
}

struct ew_reader *
shelf_reader(struct shelf *shelf)
{
	struct ew_reader *reader = NULL;
	struct ew_error error = { 0 };

	cr_assert_eq(ew_reader_open(shelf->path, &error, &reader), 0, "%s", error.text);
	return reader;
}

int64_t
shelf_int(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK, "%s: %s",
	    sql, sqlite3_errmsg(db));
	const int64_t value =
	    sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;

	sqlite3_finalize(s);
	sqlite3_close(db);
	return value;
}
