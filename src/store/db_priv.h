/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct ew_error;

/* What marks a file as ours: "EASW" in the header's application_id. */
#define EW_DB_APPLICATION 0x45415357

/*
 * A connection and its prepared statements. A statement is prepared at its first use and
 * kept; which one it is says the index of the owner's table of SQL texts.
 */
struct ew_db_sql {
	const char *name; /* for errors */
	const char *text;
};

struct ew_db {
	sqlite3 *handle;
	char *path;
	const struct ew_db_sql *sql;
	size_t n_sql;
	sqlite3_stmt **stmts; /* n_sql */
	int error; /* first failure since ew_db_clear_error, an enum ew_err */
	char error_text[256]; /* "insert flow: database or disk is full" */
};

/* flags: SQLITE_OPEN_*. uri: open path as given, else it is a plain file name. */
int ew_db_open(struct ew_db *db, const char *path, const char *uri, int flags,
    const struct ew_db_sql *sql, size_t n_sql, struct ew_error *error);
void ew_db_close(struct ew_db *db);

/* The statement, reset, with no values bound; NULL after a failure (db->error is set). */
sqlite3_stmt *ew_db_stmt(struct ew_db *db, unsigned which);
/* Step a statement that gives no row, and reset. Returns 0 or db->error. */
int ew_db_run(struct ew_db *db, unsigned which);
/* Step once: 1 a row, 0 none (and reset), or a negative error. */
int ew_db_step(struct ew_db *db, unsigned which);
void ew_db_reset(struct ew_db *db, unsigned which);
/* SQL without values and without rows that matter. */
int ew_db_exec(struct ew_db *db, const char *name, const char *sql);
/* One integer; fallback when there is no row or no table. */
int64_t ew_db_int(struct ew_db *db, const char *sql, int64_t fallback);

/* Remember the connection's error under a name, once; returns it as enum ew_err. */
int ew_db_fail(struct ew_db *db, const char *name);
void ew_db_clear_error(struct ew_db *db);
int ew_db_code(struct ew_db *db, int sqlite_code);

/*
 * A sentence for the operator: what failed, on which file, why, what to do. Returns code.
 */
int ew_db_explain(const char *path, int code, const char *why, struct ew_error *error);

/* --- values --- */
void ew_db_bind_int(sqlite3_stmt *stmt, int at, int64_t value);
void ew_db_bind_null_if(sqlite3_stmt *stmt, int at, int64_t value, int64_t null_value);
/* Copied; NULL binds SQL NULL. */
void ew_db_bind_text(sqlite3_stmt *stmt, int at, const char *text);
void ew_db_bind_blob(sqlite3_stmt *stmt, int at, const void *bytes, size_t size);
/* Text of a column, never NULL. */
const char *ew_db_column_text(sqlite3_stmt *stmt, int at);
void ew_db_column_copy(sqlite3_stmt *stmt, int at, char *ret_text, size_t size);

/* --- migration (migrate.c) --- */
/* Version this program writes. */
int ew_db_schema_newest(void);
/*
 * Bring an empty or older database to the newest schema, one transaction per step.
 * EW_ERR_VERSION when it is newer.
 */
int ew_db_migrate(struct ew_db *db, struct ew_error *error);
/* Is this ours, and of which version? Reader and writer ask before anything else. */
int ew_db_identify(struct ew_db *db, int *ret_version, struct ew_error *error);
