/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this folder asks of SQLite, in the words of the rest of the program: a connection
 * with a table of prepared statements, errors as enum ew_err with the name of the statement
 * that failed, and one place that turns an error into a sentence for the operator.
 *
 * A connection belongs to one thread. The first error of a transaction sticks in
 * db->error, like a cursor's: a row of statements is run, and the result is asked once.
 */
#include "store/db_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"

int
ew_db_code(struct ew_db *db, int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return EW_ERR_FORMAT;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_TOOBIG:
		return EW_ERR_LIMIT;
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_MISUSE:
		return -EINVAL; /* what we asked was wrong, not the file */
	default:
		break;
	}
	/* SQLITE_IOERR, SQLITE_CANTOPEN: the system's own error says more. */
	const int system = db && db->handle ? sqlite3_system_errno(db->handle) : 0;

	if (system == EDQUOT)
		return -ENOSPC;
	return system > 0 ? -system : -EIO;
}

int
ew_db_fail(struct ew_db *db, const char *name)
{
	const int code = ew_db_code(db, sqlite3_extended_errcode(db->handle));

	if (db->error == 0) {
		db->error = code ? code : -EIO;
		snprintf(db->error_text, sizeof(db->error_text), "%s: %s", name,
		    sqlite3_errmsg(db->handle));
	}
	return db->error;
}

void
ew_db_clear_error(struct ew_db *db)
{
	db->error = 0;
	db->error_text[0] = '\0';
}

int
ew_db_explain(const char *path, int code, const char *why, struct ew_error *error)
{
	switch (code) {
	case -ENOENT:
		return ew_error_set(error, code,
		    "no database at %s: start eastwatchd, or name the file with --db",
		    path);
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return ew_error_set(error, code,
		    "database %s may not be read or written by this user: run as root "
		    "or "
		    "as a member of group eastwatch",
		    path);
	case EW_ERR_FORMAT:
		return ew_error_set(error, code,
		    "database %s is damaged (%s): move it away and start again, or "
		    "save what "
		    "is left with: sqlite3 %s .recover",
		    path, why, path);
	case -EBUSY:
		return ew_error_set(error, code,
		    "database %s is locked by another program (%s): stop it, or try "
		    "again",
		    path, why);
	case -ENOSPC:
		return ew_error_set(error, code,
		    "no space left for database %s: free some, or lower "
		    "database.retention.max_size",
		    path);
	default:
		return ew_error_set(error, code, "database %s: %s (%s)", path, why,
		    ew_err_text(code));
	}
}

int
ew_db_open(struct ew_db *db, const char *path, const char *uri, int flags,
    const struct ew_db_sql *sql, size_t n_sql, struct ew_error *error)
{
	*db = (struct ew_db){ .sql = sql, .n_sql = n_sql };
	db->path = ew_strdup(path);
	db->stmts = ew_alloc_array(n_sql + 1, sizeof(*db->stmts));
	const int rc = sqlite3_open_v2(uri ? uri : path, &db->handle,
	    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		(uri ? SQLITE_OPEN_URI : 0),
	    NULL);

	if (rc == SQLITE_OK)
		return 0;
	const int code = db->handle ? ew_db_code(db, rc) : -ENOMEM;
	char why[128];

	(void)ew_text_copy(why, sizeof(why), sqlite3_errstr(rc));
	ew_db_close(db);
	return ew_db_explain(path, code, why, error);
}

void
ew_db_close(struct ew_db *db)
{
	for (size_t i = 0; db->stmts && i < db->n_sql; i++)
		sqlite3_finalize(db->stmts[i]);
	sqlite3_close_v2(db->handle);
	free(db->stmts);
	free(db->path);
	*db = (struct ew_db){ 0 };
}

sqlite3_stmt *
ew_db_stmt(struct ew_db *db, unsigned which)
{
	sqlite3_stmt *stmt = db->stmts[which];

	if (!stmt) {
		if (sqlite3_prepare_v3(db->handle, db->sql[which].text, -1,
			SQLITE_PREPARE_PERSISTENT, &db->stmts[which],
			NULL) != SQLITE_OK) {
			ew_db_fail(db, db->sql[which].name);
			return NULL;
		}
		return db->stmts[which];
	}
	sqlite3_reset(stmt);
	return stmt;
}

int
ew_db_step(struct ew_db *db, unsigned which)
{
	sqlite3_stmt *stmt = db->stmts[which];

	if (!stmt)
		return db->error ? db->error : -EIO;
	const int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		(void)ew_db_fail(db, db->sql[which].name);
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : db->error;
}

int
ew_db_run(struct ew_db *db, unsigned which)
{
	const int rc = ew_db_step(db, which);

	if (rc == 1)
		sqlite3_reset(db->stmts[which]);
	return rc < 0 ? rc : 0;
}

void
ew_db_reset(struct ew_db *db, unsigned which)
{
	if (db->stmts[which])
		sqlite3_reset(db->stmts[which]);
}

int
ew_db_exec(struct ew_db *db, const char *name, const char *sql)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return ew_db_fail(db, name);
}

int64_t
ew_db_int(struct ew_db *db, const char *sql, int64_t fallback)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = fallback;

	if (sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW &&
	    sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

void
ew_db_bind_int(sqlite3_stmt *stmt, int at, int64_t value)
{
	sqlite3_bind_int64(stmt, at, value);
}

void
ew_db_bind_null_if(sqlite3_stmt *stmt, int at, int64_t value, int64_t null_value)
{
	if (value == null_value)
		sqlite3_bind_null(stmt, at);
	else
		sqlite3_bind_int64(stmt, at, value);
}

void
ew_db_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(stmt, at);
}

void
ew_db_bind_blob(sqlite3_stmt *stmt, int at, const void *bytes, size_t size)
{
	sqlite3_bind_blob(stmt, at, bytes, (int)size, SQLITE_TRANSIENT);
}

const char *
ew_db_column_text(sqlite3_stmt *stmt, int at)
{
	const unsigned char *text = sqlite3_column_text(stmt, at);

	return text ? (const char *)text : "";
}

void
ew_db_column_copy(sqlite3_stmt *stmt, int at, char *ret_text, size_t size)
{
	(void)ew_text_copy(ret_text, size, ew_db_column_text(stmt, at));
}
