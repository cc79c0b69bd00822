/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, the vocabulary, ad-hoc SQL, following, and what must not harm. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "store/shelf.h"

/* design.md 8, word for word. */
static const struct {
	enum ew_view view;
	const char *keys;
} contract[] = {
	{ EW_VIEW_FLOWS,
	    "flow_id community_id start_us end_us proto src_ip src_port dst_ip "
	    "dst_port "
	    "src_workload src_instance dst_workload dst_instance conn_state history "
	    "src_bytes "
	    "dst_bytes src_pkts dst_pkts method dir_known direction verdict "
	    "src_attribution "
	    "nat_dst_ip nat_dst_port tunnel_parent gap" },
	{ EW_VIEW_EDGES,
	    "src_workload dst_workload proto dst_port status first_us last_us "
	    "connections "
	    "failed src_bytes dst_bytes" },
	{ EW_VIEW_WORKLOADS, "workload state age_s completeness instances maturity" },
	{ EW_VIEW_INSTANCES,
	    "id name image runtime workload started_us stopped_us addresses" },
	{ EW_VIEW_WHO, "ip network workload instance from_us to_us" },
	{ EW_VIEW_INCIDENTS,
	    "id opened_us updated_us state tier severity score title src_workload "
	    "src_instance targets techniques detectors reasons path signals "
	    "messages_sent "
	    "gaps" },
	{ EW_VIEW_SIGNALS,
	    "id ts_us detector score src_workload dst_workload evidence" },
};

Test(reader, has_every_key_of_the_contract)
{
	for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++) {
		char keys[1024], *rest = keys;

		(void)snprintf(keys, sizeof(keys), "%s", contract[i].keys);
		for (char *key = strsep(&rest, " "); key; key = strsep(&rest, " "))
			cr_assert_geq(ew_view_field(contract[i].view, key), 0,
			    "%s has no %s", ew_view_info(contract[i].view)->name, key);
	}
}

Test(reader, finds_every_field_in_the_stored_views)
{
	struct shelf shelf;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_close(&shelf);
	for (int v = 0; v < EW_VIEWS; v++) {
		const struct ew_view_info *info = ew_view_info((enum ew_view)v);

		for (size_t i = 0; i < info->n_fields; i++) {
			char sql[256];

			(void)snprintf(sql, sizeof(sql),
			    "SELECT count(*) FROM pragma_table_info('v_%s') WHERE name "
			    "= '%s'",
			    info->name, info->fields[i].name);
			cr_assert_eq(shelf_int(shelf.path, sql), 1, "v_%s has no %s",
			    info->name, info->fields[i].name);
			cr_assert_not_null(info->fields[i].title);
			cr_assert_not_null(info->fields[i].meaning);
		}
		char sql[256];

		/* All of them run, on an empty database too. */
		(void)snprintf(sql, sizeof(sql),
		    "SELECT count(*) FROM (SELECT * FROM v_%s)", info->name);
		cr_assert_eq(shelf_int(shelf.path, sql), 0);
	}
	shelf_fini(&shelf);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int
try_open(const char *path, const char *expected)
{
	struct ew_reader *reader = NULL;
	struct ew_error error = { 0 };
	const int rc = ew_reader_open(path, &error, &reader);

	cr_assert_null(reader);
	cr_assert_not_null(strstr(error.text, expected), "%s", error.text);
	cr_assert_not_null(strstr(error.text, path), "%s", error.text);
	return rc;
}

static void
spoil(const char *path, off_t at, const char *bytes, size_t size)
{
	const int fd = open(path, O_RDWR | O_CREAT, 0600);

	cr_assert_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
	close(fd);
}

Test(reader, says_what_is_wrong_with_a_file)
{
	struct shelf shelf;
	char other[160];

	shelf_init(&shelf, false);
	cr_assert_eq(try_open(shelf.path, "no database at"), -ENOENT);
	shelf_open(&shelf);
	shelf_close(&shelf);

	(void)snprintf(other, sizeof(other), "%s-copy", shelf.path);
	spoil(other, 0, "", 0);
	cr_assert_eq(try_open(other, "is empty"), EW_ERR_FORMAT);
	spoil(other, 0, "this is a text file, and no database at all", 43);
	cr_assert_eq(try_open(other, "damaged"), EW_ERR_FORMAT);
	(void)unlink(other);

	sqlite3 *db;

	cr_assert_eq(sqlite3_open(other, &db), SQLITE_OK);
	sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL);
	sqlite3_close(db);
	cr_assert_eq(try_open(other, "of another program"), EW_ERR_FORMAT);
	(void)unlink(other);

	cr_assert_eq(sqlite3_open(shelf.path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 9001", NULL, NULL, NULL);
	sqlite3_close(db);
	cr_assert_eq(try_open(shelf.path, "newer eastwatch (schema 9001"),
	    EW_ERR_VERSION);

	struct ew_error error = { 0 };

	cr_assert_eq(ew_store_open(&shelf.conf, &error, &shelf.store), EW_ERR_VERSION);
	cr_assert_not_null(strstr(error.text, "schema 9001"), "%s", error.text);

	/* In the middle of the schema table: found before anything is believed. */
	char zeros[3000] = { 0 };

	spoil(shelf.path, 100, zeros, sizeof(zeros));
	cr_assert_eq(try_open(shelf.path, "damaged"), EW_ERR_FORMAT);
	cr_assert_eq(ew_store_open(&shelf.conf, &error, &shelf.store), EW_ERR_FORMAT);
	shelf_fini(&shelf);
}

Test(reader, lets_one_writer_at_a_time_open)
{
	struct shelf shelf;
	struct ew_store *second = NULL;
	struct ew_error error = { 0 };

	shelf_init(&shelf, true);
	shelf_open(&shelf);
	cr_assert_eq(ew_store_open(&shelf.conf, &error, &second), -EBUSY);
	cr_assert_not_null(strstr(error.text, "another eastwatch"), "%s", error.text);
	shelf_fini(&shelf);
}

Test(reader, opens_a_closed_database_where_it_may_not_write)
{
	struct shelf shelf;
	struct shelf_flow f;
	struct ew_workload web;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_flow(&shelf, &f, &web, &web, "10.0.0.1", "10.0.0.2", 80, 1);
	(void)ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN);
	shelf_close(&shelf);
	cr_assert_eq(chmod(shelf.path, 0444), 0);
	cr_assert_eq(chmod(shelf.folder, 0555), 0);

	const pid_t child = fork();

	if (child == 0) {
		struct ew_reader *reader;
		struct ew_reader_status status;

		if (getuid() == 0 && setuid(65534) != 0)
			_exit(4);
		if (ew_reader_open(shelf.path, NULL, &reader) != 0)
			_exit(1);
		if (ew_reader_status(reader, &status, NULL) != 0 ||
		    !status.is_immutable)
			_exit(2);
		_exit(status.flows == 1 ? 0 : 3);
	}
	int result;

	cr_assert_eq(waitpid(child, &result, 0), child);
	cr_assert_eq(chmod(shelf.folder, 0755), 0);
	cr_assert_eq(result, 0, "child ended with %d", WEXITSTATUS(result));
	char wal[160];

	(void)snprintf(wal, sizeof(wal), "%s-wal", shelf.path);
	cr_assert_neq(access(wal, F_OK), 0);
	shelf_fini(&shelf);
}

/* --- ad-hoc SQL ---------------------------------------------------------------------------------- */

Test(reader, refuses_sql_that_does_more_than_read)
{
	static const char *const refused[] = { "DELETE FROM flow", "DROP TABLE flow",
		"INSERT INTO meta VALUES ('a', 1)", "PRAGMA journal_mode = DELETE",
		"PRAGMA user_version = 3", "ATTACH '/tmp/x' AS y", "VACUUM",
		"CREATE TEMP TABLE t (x)", "SELECT load_extension('x')",
		"SELECT 1; DELETE FROM flow", "SELECT nothing FROM nowhere", "",
		"-- no more", "SELECT * FROM flow WHERE seq = ?", "BEGIN EXCLUSIVE",
		"SELECT writefile('/x', 1)" };
	static const char *const allowed[] = { "SELECT 1;", "VALUES (1), (2) -- two",
		"WITH a AS (SELECT 1) SELECT * FROM a", "EXPLAIN SELECT * FROM v_flows",
		"PRAGMA table_info(flow)", "PRAGMA user_version",
		"SELECT * FROM v_flows /* none */ ;" };
	struct shelf shelf;
	struct shelf_rows rows;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	(void)ew_store_flush(shelf.store);
	struct ew_reader *reader = shelf_reader(&shelf);

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ew_error error = { 0 };

		cr_assert_eq(shelf_sql(reader, refused[i], &rows, &error), EW_ERR_USAGE,
		    "%s: %s", refused[i], error.text);
		cr_assert_neq(error.text[0], '\0');
	}
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct ew_error error = { 0 };

		cr_assert_eq(shelf_sql(reader, allowed[i], &rows, &error), 0, "%s: %s",
		    allowed[i], error.text);
	}
	ew_reader_close(reader);
	shelf_fini(&shelf);
}

static int
ignore_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	(void)context;
	(void)names;
	(void)values;
	(void)n;
	return 0;
}

Test(reader, ends_sql_that_takes_too_long)
{
	static const char endless[] =
	    "WITH RECURSIVE a (x) AS (SELECT 1 UNION ALL SELECT x + 1 "
	    "FROM a) SELECT count(*) FROM a";
	const struct ew_sql_limits limits = { .timeout_ms = 50 };
	struct ew_error error = { 0 };
	struct shelf shelf;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	struct ew_reader *reader = shelf_reader(&shelf);

	cr_assert_eq(ew_reader_sql(reader, endless, &limits, ignore_row, NULL, &error),
	    EW_ERR_LIMIT);
	cr_assert_not_null(strstr(error.text, "50 ms"), "%s", error.text);
	ew_reader_close(reader);
	shelf_fini(&shelf);
}

/* --- following ------------------------------------------------------------------------------------ */

struct seen {
	int rows, gaps;
	char last[64];
};

static int
see_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct seen *s = context;

	(void)names;
	(void)n;
	s->rows++;
	(void)snprintf(s->last, sizeof(s->last), "%s",
	    values[0].kind == EW_VALUE_TEXT ? values[0].text : "?");
	return 0;
}

static int
see_gap(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	(void)names;
	(void)values;
	(void)n;
	((struct seen *)context)->gaps++;
	return 0;
}

Test(reader, follows_flows_signals_and_gaps)
{
	const struct ew_health gap = { .ts_ns = SHELF_START_NS,
		.from_ns = SHELF_START_NS,
		.to_ns = SHELF_START_NS + 5,
		.lost = 3,
		.text = "3 packets lost" };
	const struct ew_query flows = { .view = EW_VIEW_FLOWS };
	const struct ew_query signals = { .view = EW_VIEW_SIGNALS };
	struct ew_follow follow[2] = { { 0 } };
	struct seen seen = { 0 };
	struct shelf shelf;
	struct shelf_flow f;
	struct ew_workload web;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_flow(&shelf, &f, &web, &web, "10.0.0.1", "10.0.0.2", 80, 1);
	(void)ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN);
	(void)ew_store_flush(shelf.store);
	struct ew_reader *reader = shelf_reader(&shelf);

	/* From now on. */
	cr_assert_eq(ew_reader_follow(reader, &flows, &follow[0], see_row, see_gap,
			 &seen, NULL),
	    0);
	cr_assert_eq(ew_reader_follow(reader, &signals, &follow[1], see_row, see_gap,
			 &seen, NULL),
	    0);
	cr_assert_eq(seen.rows, 0);

	const struct ew_signal s = shelf_signal(0xabcd, &web, NULL, 10);

	(void)ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN);
	ew_store_signal(shelf.store, &s, 0);
	ew_store_gap(shelf.store, &gap);
	(void)ew_store_flush(shelf.store);
	cr_assert_eq(ew_reader_follow(reader, &flows, &follow[0], see_row, see_gap,
			 &seen, NULL),
	    0);
	cr_assert_eq(seen.rows, 1);
	cr_assert_eq(seen.gaps, 1);
	cr_assert_eq(ew_reader_follow(reader, &signals, &follow[1], see_row, NULL,
			 &seen, NULL),
	    0);
	cr_assert_eq(seen.rows, 2);
	cr_assert_str_eq(seen.last, "000000000000abcd");

	/* A signal that grows is told again. */
	ew_store_signal(shelf.store, &s, 0);
	(void)ew_store_flush(shelf.store);
	cr_assert_eq(ew_reader_follow(reader, &signals, &follow[1], see_row, NULL,
			 &seen, NULL),
	    0);
	cr_assert_eq(seen.rows, 3);
	cr_assert_eq(ew_reader_follow(reader, &signals, &follow[1], see_row, NULL,
			 &seen, NULL),
	    0);
	cr_assert_eq(seen.rows, 3);
	ew_reader_close(reader);
	shelf_fini(&shelf);
}

/* --- what incidents and signals look like ----------------------------------------------------------- */

Test(reader, shows_incidents_and_signals_to_any_sqlite)
{
	struct shelf shelf;
	struct ew_workload web, db;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	shelf_workload(&shelf, &db, "db");
	const struct ew_signal s = shelf_signal(0xfedcba9876543210, &web, &db, 10);

	ew_store_begin(shelf.store);
	ew_store_signal(shelf.store, &s, 0x11);
	ew_store_incident(shelf.store, shelf_incident(0x11, &web, &db, s.id));
	ew_store_end(shelf.store);
	(void)ew_store_flush(shelf.store);

	static const char *const true_things[] = {
		"id = '0000000000000011' FROM v_incidents",
		"state = 'open' AND tier = 'notify' AND severity = 'medium' FROM "
		"v_incidents",
		"src_workload = 'web' AND decision IS NULL FROM v_incidents",
		"targets ->> '$[0].workload' = 'db' FROM v_incidents",
		"targets ->> '$[1].address' = '172.18.0.9' FROM v_incidents",
		"targets ->> '$[1].outcome' = 'refused' FROM v_incidents",
		"reasons ->> '$[0].points' = 35 FROM v_incidents",
		"techniques = '[\"T1021\"]' FROM v_incidents",
		"path ->> '$[0].to' = 'db' FROM v_incidents",
		"signals ->> '$[0].id' = 'fedcba9876543210' FROM v_incidents",
		"id = 'fedcba9876543210' AND incident_id = '0000000000000011' FROM "
		"v_signals",
		"detector = 'new-edge' AND dst_port = 5432 AND proto = 'tcp' FROM "
		"v_signals",
		"src_ip = '172.18.0.2' AND outcome = 'established' FROM v_signals",
		"evidence ->> '$.reasons[0].reason' = 'never seen \"before\"' FROM "
		"v_signals",
		"evidence ->> '$.samples[0].flow_id' = 'ffeeddccbbaa9988' FROM "
		"v_signals",
		"evidence ->> '$.count' = 3 FROM v_signals",
	};

	for (size_t i = 0; i < sizeof(true_things) / sizeof(true_things[0]); i++) {
		char sql[256];

		(void)snprintf(sql, sizeof(sql), "SELECT %s", true_things[i]);
		cr_assert_eq(shelf_int(shelf.path, sql), 1, "%s", sql);
	}
	/* The words of the view are those of the programs. */
	for (int i = EW_OUT_ATTEMPT; i <= EW_OUT_PROBE; i++) {
		struct ew_signal other = s;
		char sql[160];

		other.outcome = (uint8_t)i;
		ew_store_signal(shelf.store, &other, 0);
		(void)ew_store_flush(shelf.store);
		(void)snprintf(sql, sizeof(sql), "SELECT outcome = '%s' FROM v_signals",
		    ew_outcome_name((enum ew_outcome)i));
		cr_assert_eq(shelf_int(shelf.path, sql), 1, "%s", sql);
	}
	shelf_fini(&shelf);
}

Test(reader, is_not_harmed_by_hostile_names)
{
	static const char *const names[] = { "\x1b[31mred\x1b[0m",
		"'; DROP TABLE flow; --", "\"quoted\" \\ back",
		"right\xe2\x80\xaeto left", "bad \xff\xfe utf8 \xc3",
		"new\nline\r\ttab", "%s%n%x", "{\"json\": [1]}", "*?[a-z]" };
	struct shelf shelf;
	struct shelf_rows rows;
	struct shelf_flow f;

	shelf_init(&shelf, false);
	shelf_open(&shelf);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ew_workload w;
		struct ew_instance n = { .id = (uint32_t)i + 1,
			.started.ns = SHELF_START_NS };

		shelf_workload(&shelf, &w, names[i]);
		n.workload = &w;
		(void)snprintf(n.cid, sizeof(n.cid), "%zu%.60s", i, names[i]);
		(void)snprintf(n.name, sizeof(n.name), "%s", names[i]);
		memset(n.image, 'x', sizeof(n.image)); /* not terminated */
		ew_store_instance(shelf.store, &n);
		shelf_flow(&shelf, &f, &w, &w, "10.0.0.1", "10.0.0.2", 80, (double)i);
		f.contact.src.instance = n.id;
		(void)ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN);
		struct ew_signal s = shelf_signal(100 + i, &w, NULL, 1);

		(void)snprintf(s.sentence, sizeof(s.sentence), "%s", names[i]);
		(void)snprintf(s.reasons[0].text, sizeof(s.reasons[0].text), "%s",
		    names[i]);
		ew_store_signal(shelf.store, &s, 0);
		ew_store_incident(shelf.store, shelf_incident(200 + i, &w, &w, s.id));
	}
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	struct ew_reader *reader = shelf_reader(&shelf);

	for (int v = 0; v < EW_VIEWS; v++) {
		const struct ew_query q = { .view = (enum ew_view)v };
		struct ew_error error = { 0 };

		cr_assert_eq(shelf_list(reader, &q, "none", &rows, &error), 0, "%s",
		    error.text);
	}
	/* As filters they are values, whatever they look like. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		static const char *const fields[] = { "workload", "container" };
		struct ew_error error = { 0 };

		for (size_t k = 0; k < 2; k++) {
			const struct ew_term term = { .field = fields[k],
				.value = names[i] };
			const struct ew_query q = { .view = EW_VIEW_FLOWS,
				.terms = &term,
				.n_terms = 1 };

			cr_assert_eq(shelf_list(reader, &q, NULL, &rows, &error), 0,
			    "%s", error.text);
		}
	}
	cr_assert_eq(shelf_int(shelf.path, "SELECT count(*) FROM v_flows"), 9);
	cr_assert_eq(shelf_int(shelf.path,
			 "SELECT count(*) FROM v_incidents WHERE json_valid(targets) "
			 "AND "
			 "json_valid(signals) AND json_valid(reasons)"),
	    9);
	ew_reader_close(reader);
	shelf_fini(&shelf);
}

Test(reader, copies_the_database_while_it_is_written)
{
	struct shelf shelf;
	struct shelf_flow f;
	struct ew_workload web;
	struct ew_error error = { 0 };
	char copy[160];

	shelf_init(&shelf, true);
	shelf_open(&shelf);
	shelf_workload(&shelf, &web, "web");
	for (int i = 0; i < 1000; i++) {
		shelf_flow(&shelf, &f, &web, &web, "10.0.0.1", "10.0.0.2", 80, i);
		(void)ew_store_flow(shelf.store, &f.contact, NULL, EW_VERDICT_KNOWN);
	}
	cr_assert_eq(ew_store_flush(shelf.store), 0);
	struct ew_reader *reader = shelf_reader(&shelf);

	(void)snprintf(copy, sizeof(copy), "%s-copy", shelf.path);
	cr_assert_eq(ew_reader_backup(reader, copy, &error), 0, "%s", error.text);
	cr_assert_eq(shelf_int(copy, "SELECT count(*) FROM v_flows"), 1000);
	cr_assert_eq(ew_reader_backup(reader, copy, &error), -EEXIST);
	cr_assert_eq(ew_reader_check(reader, &error), 0);
	ew_reader_close(reader);
	shelf_fini(&shelf);
}
