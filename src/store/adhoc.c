/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL as people write it: one statement that reads. Three guards, any of which would do:
 * the file is opened read-only, an authorizer refuses everything but reading, and a
 * progress handler ends what takes too long.
 */
#include "store/reader.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "store/query_priv.h"

static bool
is_reading_pragma(const char *name, const char *value)
{
	static const char *const bare[] = { "application_id", "encoding",
		"freelist_count", "journal_mode", "page_count", "page_size",
		"schema_version", "user_version", "data_version", "compile_options",
		"collation_list", "function_list", "database_list", "table_list" };
	static const char *const with_value[] = { "table_info", "table_xinfo",
		"table_list", "index_info", "index_xinfo", "index_list",
		"foreign_key_list", "quick_check", "integrity_check" };

	if (!value)
		for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
			if (strcmp(bare[i], name) == 0)
				return true;
	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
		if (strcmp(with_value[i], name) == 0)
			return true;
	return false;
}

static int
authorize(void *context, int action, const char *first, const char *second,
    const char *database, const char *trigger)
{
	(void)context;
	(void)database;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return second && strcmp(second, "load_extension") == 0 ? SQLITE_DENY
								       : SQLITE_OK;
	case SQLITE_PRAGMA:
		return first && is_reading_pragma(first, second) ? SQLITE_OK
								 : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int
progress(void *context)
{
	const struct ew_reader *reader = context;

	return reader->deadline_ns != 0 && ew_ticks_ns() > reader->deadline_ns;
}

struct counted {
	ew_row_fn row;
	void *context;
	size_t left; /* 0: no limit */
};

static int
count_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	struct counted *c = context;
	const int rc = c->row(c->context, names, values, n);

	return rc != 0 ? rc : c->left != 0 && --c->left == 0;
}

/* Anything but blanks, semicolons and comments after the statement? */
static bool
has_more(const char *tail)
{
	while (*tail) {
		if (isspace((unsigned char)*tail) || *tail == ';') {
			tail++;
		} else if (strncmp(tail, "--", 2) == 0) {
			tail += strcspn(tail, "\n");
		} else if (strncmp(tail, "/*", 2) == 0) {
			const char *end = strstr(tail + 2, "*/");

			tail = end ? end + 2 : tail + strlen(tail);
		} else {
			return true;
		}
	}
	return false;
}

static int
prepare(struct ew_reader *reader, const char *sql, sqlite3_stmt **ret_stmt,
    struct ew_error *error)
{
	const char *tail = NULL;
	const int rc = sqlite3_prepare_v2(reader->db.handle, sql, -1, ret_stmt, &tail);

	switch (rc & 0xff) {
	case SQLITE_OK:
		break;
	case SQLITE_AUTH:
		return ew_error_set(error, EW_ERR_USAGE,
		    "this database is only read here: SELECT, VALUES, EXPLAIN and "
		    "PRAGMA "
		    "table_info are understood");
	case SQLITE_ERROR:
	case SQLITE_TOOBIG:
		return ew_error_set(error, EW_ERR_USAGE, "%s",
		    sqlite3_errmsg(reader->db.handle));
	default:
		(void)ew_db_fail(&reader->db, "prepare");
		return reader_explain(reader, error);
	}
	if (!*ret_stmt)
		return ew_error_set(error, EW_ERR_USAGE,
		    "no statement: write SELECT ... FROM v_flows");
	if (has_more(tail))
		return ew_error_set(error, EW_ERR_USAGE, "one statement at a time");
	if (!sqlite3_stmt_readonly(*ret_stmt))
		return ew_error_set(error, EW_ERR_USAGE,
		    "this database is only read here");
	if (sqlite3_bind_parameter_count(*ret_stmt) > 0)
		return ew_error_set(error, EW_ERR_USAGE,
		    "there is nothing to put in the place of ?: write the value");
	return 0;
}

int
ew_reader_sql(struct ew_reader *reader, const char *sql,
    const struct ew_sql_limits *limits, ew_row_fn row, void *context,
    struct ew_error *error)
{
	struct counted counted = { .row = row,
		.context = context,
		.left = limits ? limits->max_rows : 0 };
	const int64_t timeout_ms = limits ? limits->timeout_ms : 0;
	sqlite3_stmt *s = NULL;
	struct ew_error local = { 0 };
	size_t rows = 0;

	sqlite3_set_authorizer(reader->db.handle, authorize, NULL);
	int rc = prepare(reader, sql, &s, error);

	if (rc == 0) {
		if (timeout_ms > 0) {
			reader->deadline_ns = ew_ticks_ns() + timeout_ms * EW_NS_PER_MS;
			sqlite3_progress_handler(reader->db.handle, 10000, progress,
			    reader);
		}
		rc = reader_each(reader, s, count_row, &counted, &rows, &local);
		s = NULL;
	}
	sqlite3_finalize(s);
	sqlite3_progress_handler(reader->db.handle, 0, NULL, NULL);
	sqlite3_set_authorizer(reader->db.handle, NULL, NULL);
	if (rc < 0 && local.code != 0) {
		if (error)
			*error = local;
		if (reader->deadline_ns != 0 && ew_ticks_ns() > reader->deadline_ns)
			rc = ew_error_set(error, EW_ERR_LIMIT,
			    "the query was ended after %lld ms: narrow it by end_us, "
			    "or give it "
			    "more time",
			    (long long)timeout_ms);
	}
	reader->deadline_ns = 0;
	return rc < 0 ? rc : 0;
}
