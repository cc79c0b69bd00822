/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading door: opening a database that a daemon may be writing, or that lies closed on
 * a read-only disk, and handing rows out. The SQL views do the naming; what SQLite cannot
 * calculate is added by functions of ours (functions.c) and a temporary view that fills
 * community_id in.
 *
 * A listing sees one snapshot. Nothing is written: the file is opened read-only, temporary
 * tables live in memory.
 */
#include "store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/time.h"
#include "store/query_priv.h"

/* --- opening ----------------------------------------------------------------------------- */

/* "file:" with everything but plain characters escaped. */
static char *
uri_of(const char *path)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789/._-";
	const size_t size = strlen(path) * 3 + 64;
	char *uri = ew_alloc(size);
	size_t n = (size_t)snprintf(uri, size, "file:");

	for (const char *p = path; *p; p++)
		n += (size_t)snprintf(uri + n, size - n,
		    strchr(plain, *p) ? "%c" : "%%%02X", (unsigned char)*p);
	(void)snprintf(uri + n, size - n, "?immutable=1");
	return uri;
}

/*
 * May SQLite make its WAL index beside the file? If not, and no WAL is left to be read, the
 * file is whole by itself and nobody can be writing it who would not have one.
 */
static bool
must_be_immutable(const char *path)
{
	char other[4096];
	struct stat st;

	(void)snprintf(other, sizeof(other), "%s-wal", path);
	if (stat(other, &st) == 0 && st.st_size > 0)
		return false;
	(void)snprintf(other, sizeof(other), "%s", path);
	char *slash = strrchr(other, '/');

	if (slash)
		slash[slash == other] = '\0';
	else
		(void)snprintf(other, sizeof(other), ".");
	return access(other, W_OK) != 0;
}

static int
connect_database(struct ew_reader *reader, const char *path, struct ew_error *error)
{
	char *uri = must_be_immutable(path) ? uri_of(path) : NULL;

	reader->is_immutable = uri != NULL;
	const int rc =
	    ew_db_open(&reader->db, path, uri, SQLITE_OPEN_READONLY, NULL, 0, error);

	free(uri);
	if (rc != 0)
		return rc;
	sqlite3_busy_timeout(reader->db.handle, 2000);
	return 0;
}

/* main.v_flows with its community_id filled in, under the same name. */
static void
shadow_flows(struct ew_reader *reader)
{
	sqlite3_stmt *s = NULL;
	struct ew_text sql;
	bool is_first = true;

	ew_text_init(&sql, 8192);
	ew_text_add(&sql, "CREATE TEMP VIEW v_flows AS SELECT ");
	if (sqlite3_prepare_v2(reader->db.handle,
		"SELECT name FROM pragma_table_info('v_flows')", -1, &s,
		NULL) != SQLITE_OK)
		ew_text_add(&sql, "NULL");
	while (s && sqlite3_step(s) == SQLITE_ROW) {
		const char *name = ew_db_column_text(s, 0);

		ew_text_add(&sql, is_first ? "" : ", ");
		is_first = false;
		if (strcmp(name, "community_id") == 0)
			ew_text_add(&sql,
			    "ew_community_id(proto, src_ip, dst_ip, src_port, "
			    "dst_port) AS ");
		ew_text_add(&sql, name);
	}
	sqlite3_finalize(s);
	ew_text_add(&sql, " FROM main.v_flows");
	sqlite3_exec(reader->db.handle, sql.text, NULL, NULL, NULL);
	ew_text_fini(&sql);
}

static int
prepare_connection(struct ew_reader *reader, struct ew_error *error)
{
	struct ew_db *db = &reader->db;
	int rc = ew_db_identify(db, &reader->version, error);

	if (rc != 0)
		return rc;
	if (reader->version < ew_db_schema_newest())
		return ew_error_set(error, EW_ERR_VERSION,
		    "database %s is of an older eastwatch (schema %d, this program "
		    "reads %d): "
		    "start eastwatchd once, it brings the database up to date",
		    db->path, reader->version, ew_db_schema_newest());
	sqlite3_limit(db->handle, SQLITE_LIMIT_ATTACHED, 0);
	if (ew_db_exec(db, "pragmas",
		"PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;"
		"CREATE TEMP TABLE ew_set (k INTEGER, id INTEGER, PRIMARY KEY (k, id)) "
		"WITHOUT ROWID") != 0 ||
	    reader_functions(reader) != 0)
		return reader_explain(reader, error);
	shadow_flows(reader);
	return 0;
}

int
ew_reader_open(const char *path, struct ew_error *error, struct ew_reader **ret_reader)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return ew_db_explain(path, -errno, ew_err_text(-errno), error);
	if (!S_ISREG(st.st_mode))
		return ew_error_set(error, EW_ERR_FORMAT,
		    "%s is no file: name a database with --db", path);
	if (access(path, R_OK) != 0)
		return ew_db_explain(path, -errno, ew_err_text(-errno), error);
	if (st.st_size == 0)
		return ew_error_set(error, EW_ERR_FORMAT,
		    "%s is empty, and no database: start eastwatchd, or name another "
		    "file "
		    "with --db",
		    path);

	struct ew_reader *reader = ew_alloc(sizeof(*reader));

	for (size_t i = 0; i < sizeof(reader->clean) / sizeof(reader->clean[0]); i++)
		ew_text_init(&reader->clean[i], 1u << 20);
	int rc = connect_database(reader, path, error);

	if (rc == 0)
		rc = prepare_connection(reader, error);
	if (rc != 0) {
		ew_reader_close(reader);
		return rc;
	}
	*ret_reader = reader;
	return 0;
}

void
ew_reader_close(struct ew_reader *reader)
{
	if (!reader)
		return;
	ew_db_close(&reader->db);
	for (size_t i = 0; i < sizeof(reader->clean) / sizeof(reader->clean[0]); i++)
		ew_text_fini(&reader->clean[i]);
	free(reader);
}

int
reader_explain(struct ew_reader *reader, struct ew_error *error)
{
	const int code =
	    reader->db.error ? reader->db.error : ew_db_fail(&reader->db, "query");
	char why[256];

	(void)ew_text_copy(why, sizeof(why), reader->db.error_text);
	ew_db_clear_error(&reader->db);
	return ew_db_explain(reader->db.path, code, why, error);
}

/* --- rows ----------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence that begins with c; 0 when none does. */
static size_t
sequence_length(unsigned char c)
{
	if (c < 0x80)
		return c != 0;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Overlong forms, surrogates and what is beyond U+10FFFF show in the second byte. */
static bool
is_second(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

/* What is no UTF-8 or has a NUL inside must not reach a caller that expects text. */
static bool
is_text(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + size;

	while (p < end) {
		const size_t n = sequence_length(*p);

		if (n == 0 || (size_t)(end - p) < n ||
		    (n > 1 && !is_second(p[0], p[1])))
			return false;
		for (size_t i = 1; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += n;
	}
	return true;
}

static const char *
clean_text(struct ew_reader *reader, const char *text, size_t size)
{
	const size_t slots = sizeof(reader->clean) / sizeof(reader->clean[0]);
	struct ew_text *to = &reader->clean[reader->n_clean++ % slots];
	char *copy = ew_alloc(size + 1);

	(void)ew_text_copy_bytes(copy, size + 1, text, size);
	ew_text_clear(to);
	ew_text_add(to, copy);
	free(copy);
	return to->text;
}

#define COLUMNS_MAX 200

int
reader_row(struct ew_reader *reader, sqlite3_stmt *stmt, const char *const *names,
    ew_row_fn row, void *context)
{
	struct ew_value values[COLUMNS_MAX];
	const int n = sqlite3_column_count(stmt) < COLUMNS_MAX
	    ? sqlite3_column_count(stmt)
	    : COLUMNS_MAX;

	for (int i = 0; i < n; i++) {
		struct ew_value *v = &values[i];

		*v = (struct ew_value){ .kind = EW_VALUE_NULL };
		switch (sqlite3_column_type(stmt, i)) {
		case SQLITE_INTEGER:
			v->kind = EW_VALUE_INT;
			v->number = sqlite3_column_int64(stmt, i);
			break;
		case SQLITE_FLOAT:
			v->kind = EW_VALUE_REAL;
			v->real = sqlite3_column_double(stmt, i);
			break;
		case SQLITE_TEXT:
			v->kind = EW_VALUE_TEXT;
			v->text = ew_db_column_text(stmt, i);
			v->size = (size_t)sqlite3_column_bytes(stmt, i);
			if (!is_text(v->text, v->size)) {
				v->text = clean_text(reader, v->text, v->size);
				v->size = strlen(v->text);
			}
			break;
		case SQLITE_BLOB:
			v->kind = EW_VALUE_BLOB;
			v->text = sqlite3_column_blob(stmt, i);
			v->size = (size_t)sqlite3_column_bytes(stmt, i);
			break;
		default:
			break;
		}
	}
	return row(context, names, values, (size_t)n);
}

sqlite3_stmt *
reader_prepare(struct ew_reader *reader, const char *sql, struct ew_error *error)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(reader->db.handle, sql, -1, &s, NULL) == SQLITE_OK)
		return s;
	(void)reader_explain(reader, error);
	return NULL;
}

int
reader_each(struct ew_reader *reader, sqlite3_stmt *take_stmt, ew_row_fn row,
    void *context, size_t *ret_rows, struct ew_error *error)
{
	const char *names[COLUMNS_MAX];
	const int n = sqlite3_column_count(take_stmt) < COLUMNS_MAX
	    ? sqlite3_column_count(take_stmt)
	    : COLUMNS_MAX;
	int rc, result = 0;

	for (int i = 0; i < n; i++)
		names[i] = sqlite3_column_name(take_stmt, i);
	while (result == 0 && (rc = sqlite3_step(take_stmt)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW) {
			(void)ew_db_fail(&reader->db, "read rows");
			result = reader_explain(reader, error);
		} else {
			*ret_rows += 1;
			if (reader_row(reader, take_stmt, names, row, context) != 0)
				result = 1;
		}
	}
	sqlite3_finalize(take_stmt);
	return result;
}

/* --- the database itself --------------------------------------------------------------------- */

static void
meta_text(struct ew_reader *reader, const char *key, char *ret_text, size_t size)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(reader->db.handle,
		"SELECT value FROM meta WHERE key = ?1", -1, &s, NULL) == SQLITE_OK)
		ew_db_bind_text(s, 1, key);
	if (s && sqlite3_step(s) == SQLITE_ROW)
		(void)ew_text_copy_bytes(ret_text, size, ew_db_column_text(s, 0),
		    strlen(ew_db_column_text(s, 0)));
	sqlite3_finalize(s);
}

#define LIVE_US INT64_C(90000000) /* three heartbeats of the writer */

int
ew_reader_status(struct ew_reader *reader, struct ew_reader_status *ret_status,
    struct ew_error *error)
{
	struct ew_db *db = &reader->db;
	struct ew_reader_status s = { .schema_version = reader->version,
		.is_immutable = reader->is_immutable };
	const uint64_t page = (uint64_t)ew_db_int(db, "PRAGMA page_size", 4096);
	char wal[4096];
	struct stat st;

	/* The first read tells whether the rest means anything. */
	if (ew_db_exec(db, "status", "SELECT count(*) FROM meta") != 0)
		return reader_explain(reader, error);
	s.bytes = page * (uint64_t)ew_db_int(db, "PRAGMA page_count", 0);
	s.free_bytes = page * (uint64_t)ew_db_int(db, "PRAGMA freelist_count", 0);
	(void)snprintf(wal, sizeof(wal), "%s-wal", db->path);
	if (stat(wal, &st) == 0)
		s.wal_bytes = (uint64_t)st.st_size;
	/* Counting ten million rows takes a second; the blocks know. */
	s.flows =
	    ew_db_int(db, "SELECT sum(last_seq - first_seq + 1) FROM flow_block", 0);
	s.oldest_flow_us = ew_db_int(db, "SELECT min(end_us) FROM flow", 0);
	s.newest_flow_us = ew_db_int(db, "SELECT max(end_us) FROM flow", 0);
	s.edges = ew_db_int(db, "SELECT count(*) FROM edge WHERE is_known", 0);
	s.workloads = ew_db_int(db, "SELECT count(*) FROM workload WHERE cls = 0", 0);
	s.instances =
	    ew_db_int(db, "SELECT count(*) FROM instance WHERE stopped_us IS NULL", 0);
	s.signals = ew_db_int(db, "SELECT count(*) FROM signal", 0);
	s.incidents = ew_db_int(db, "SELECT count(*) FROM incident", 0);
	s.open_incidents =
	    ew_db_int(db, "SELECT count(*) FROM incident WHERE state = 0", 0);
	s.outbox_queued =
	    ew_db_int(db, "SELECT count(*) FROM outbox_target WHERE state = 0", 0);
	s.outbox_failed =
	    ew_db_int(db, "SELECT count(*) FROM outbox_target WHERE state = 2", 0);
	s.gaps = ew_db_int(db, "SELECT count(*) FROM gap", 0);
	s.heartbeat_us =
	    ew_db_int(db, "SELECT value FROM meta WHERE key = 'heartbeat_us'", 0);
	s.clock_us = ew_db_int(db, "SELECT value FROM meta WHERE key = 'clock_us'", 0);
	s.is_live = ew_wall_now().us - s.heartbeat_us < LIVE_US;
	meta_text(reader, "node", s.node, sizeof(s.node));
	meta_text(reader, "program", s.program, sizeof(s.program));
	*ret_status = s;
	return 0;
}

int
ew_reader_check(struct ew_reader *reader, struct ew_error *error)
{
	sqlite3_stmt *s = reader_prepare(reader, "PRAGMA quick_check(1)", error);
	char why[256] = "no answer";

	if (!s)
		return EW_ERR_FORMAT;
	if (sqlite3_step(s) == SQLITE_ROW)
		ew_db_column_copy(s, 0, why, sizeof(why));
	sqlite3_finalize(s);
	if (strcmp(why, "ok") == 0)
		return 0;
	return ew_db_explain(reader->db.path, EW_ERR_FORMAT, why, error);
}

int
ew_reader_backup(struct ew_reader *reader, const char *path, struct ew_error *error)
{
	sqlite3 *to = NULL;

	if (access(path, F_OK) == 0)
		return ew_error_set(error, -EEXIST,
		    "%s exists: a backup does not overwrite; name another file", path);
	int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	    NULL);

	if (rc == SQLITE_OK) {
		sqlite3_backup *b =
		    sqlite3_backup_init(to, "main", reader->db.handle, "main");

		/* In one step: one snapshot; a writer in WAL mode is not held up by it. */
		if (b)
			(void)sqlite3_backup_step(b, -1);
		rc = b ? sqlite3_backup_finish(b) : sqlite3_errcode(to);
	}
	if (rc == SQLITE_OK) /* so that the copy is one file */
		rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	char why[200];

	(void)ew_text_copy(why, sizeof(why), to ? sqlite3_errmsg(to) : "no memory");
	sqlite3_close(to);
	if (rc == SQLITE_OK)
		return 0;
	(void)unlink(path);
	return ew_error_set(error, (rc & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO,
	    "cannot copy the database to %s: %s", path, why);
}
