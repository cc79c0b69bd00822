/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ew_error;

/*
 * reader: the reading door of the database, for the command, the API and the page. Works
 * while the daemon writes, and with the daemon down. Never writes, not even a WAL index
 * beside a database in a directory it may not write.
 *
 * Depends on: base, flow (community id). Used by: api, cli, tests.
 * One thread per reader. Values in queries are always bound.
 */
struct ew_reader;

/*
 * Fails with a sentence: -ENOENT (no such file), -EACCES, EW_ERR_VERSION (newer, or too
 * old and not migrated), EW_ERR_FORMAT (damaged, or no database of ours), -EBUSY (locked).
 */
int ew_reader_open(const char *path, struct ew_error *error,
    struct ew_reader **ret_reader);
void ew_reader_close(struct ew_reader *reader);

/* --- columns: one table for JSON keys, CSV header, tables, completion, manual ------------- */

enum ew_view {
	EW_VIEW_FLOWS,
	EW_VIEW_EDGES,
	EW_VIEW_INCIDENTS,
	EW_VIEW_SIGNALS,
	EW_VIEW_WORKLOADS,
	EW_VIEW_INSTANCES,
	EW_VIEW_WHO, /* leases: who held an address, when */
	EW_VIEW_NETWORKS,
	EW_VIEW_GAPS,
	EW_VIEW_DECISIONS,
	EW_VIEW_OUTBOX,
	EW_VIEW_ROLLUPS, /* edges per hour, later per day */
	EW_VIEWS,
};

enum ew_field_type {
	EW_FIELD_INT,
	EW_FIELD_REAL,
	EW_FIELD_TEXT,
	EW_FIELD_ID, /* text that stands for itself: 16 hex digits, a container id */
	EW_FIELD_TIME_US,
	EW_FIELD_SECONDS,
	EW_FIELD_BYTES,
	EW_FIELD_BOOL,	   /* 0 or 1 */
	EW_FIELD_FRACTION, /* 0.0 .. 1.0 */
	EW_FIELD_JSON,	   /* text that is JSON: an array or an object */
};

enum ew_field_place {
	EW_FIELD_TABLE = 1 << 0, /* in the narrow table */
	EW_FIELD_WIDE = 1 << 1,
	EW_FIELD_DATA = 1 << 2, /* JSON and CSV */
	EW_FIELD_SUM = 1 << 3,	/* added up in a grouping */
	EW_FIELD_KEY = 1 << 4,	/* makes sense in a grouping's list of columns */
};

struct ew_field {
	const char *name;    /* column, JSON key, filter, parameter, CSV header */
	const char *title;   /* of a table's column */
	const char *meaning; /* one sentence for the manual */
	enum ew_field_type type;
	unsigned places; /* enum ew_field_place */
};

struct ew_view_info {
	const char *name;   /* "flows"; the SQL view is "v_" and this */
	const char *schema; /* "eastwatch.flow/1" */
	const char *meaning;
	const char *time_from, *time_to; /* columns --since and --until look at */
	const struct ew_field *fields;
	size_t n_fields;
};
const struct ew_view_info *ew_view_info(enum ew_view view);
/* By name ("flows"); false for an unknown one. */
bool ew_view_by_name(const char *name, enum ew_view *ret_view);
/* Index of a field, or -1. */
int ew_view_field(enum ew_view view, const char *name);

/* --- values and rows ----------------------------------------------------------------------- */

enum ew_value_kind {
	EW_VALUE_NULL,
	EW_VALUE_INT,
	EW_VALUE_REAL,
	EW_VALUE_TEXT,
	EW_VALUE_BLOB
};
struct ew_value {
	enum ew_value_kind kind;
	int64_t number;
	double real;
	const char
	    *text; /* valid UTF-8, terminated; borrowed for the call. BLOB: bytes */
	size_t size;
};

/* names: one per value. Return 0 to go on, anything else ends the listing without error. */
typedef int (*ew_row_fn)(void *context, const char *const *names,
    const struct ew_value *values, size_t n);

/* --- listing ------------------------------------------------------------------------------- */

enum ew_side { EW_SIDE_ANY, EW_SIDE_FROM, EW_SIDE_TO };

/*
 * One filter as a person gave it. Terms with the same field, side and negation are
 * alternatives (OR); different ones must all hold (AND); negated ones must not.
 *
 * field  workload   a name, with * and ?
 *        container  an instance's name (with * and ?) or id (leading part)
 *        ip         an address or CIDR
 *        port       a number; "dyn" for edges
 *        proto      tcp udp icmp or a number
 *        state      conn_state of flows; state of workloads, incidents, outbox rows
 *        status     verdict of flows; status of edges; decision of incidents
 *        or any field of the view: text with * and ?, or a number, or >N >=N <N <=N
 */
struct ew_term {
	const char *field;
	const char *value;
	enum ew_side side;
	bool is_negated;
};

#define EW_TERMS_MAX 128
#define EW_GROUP_MAX 8
struct ew_query {
	enum ew_view view;
	const struct ew_term *terms;
	size_t n_terms;
	int64_t since_us,
	    until_us; /* 0: no limit. A row counts when it overlaps [since, until) */
	size_t last;  /* the newest N, printed oldest first; 0: all */
	/* --by: these columns, then count and the sums; largest count first. */
	const char *group[EW_GROUP_MAX];
	size_t n_group;
	const char *order; /* a column, "-" first for descending; NULL: time */
};

struct ew_listing {
	size_t rows;
	bool is_gapped; /* the window overlaps a recorded gap */
	bool is_pruned; /* the window starts before what retention has kept */
};

/*
 * Returns 0, EW_ERR_USAGE with a sentence (unknown field, bad value), or an error of the
 * database. ret_listing may be NULL.
 */
int ew_reader_list(struct ew_reader *reader, const struct ew_query *query,
    ew_row_fn row, void *context, struct ew_listing *ret_listing,
    struct ew_error *error);

/* Names and order of a listing's columns, for headers before the first row. */
size_t ew_query_columns(const struct ew_query *query, const char *ret_names[],
    size_t max);

/*
 * -f: rows that came since the last call, oldest first; gaps that came too are given to
 * `gap` with the columns of EW_VIEW_GAPS, in their place in time. The cursor starts zeroed
 * and then means "from now on".
 */
struct ew_follow {
	int64_t row, gap; /* positions */
	bool is_started;
};
int ew_reader_follow(struct ew_reader *reader, const struct ew_query *query,
    struct ew_follow *follow, ew_row_fn row, ew_row_fn gap, void *context,
    struct ew_error *error);

/* Who held addr (text) at at_us (0: now); no row: nobody known. Columns of EW_VIEW_WHO and at_us. */
int ew_reader_who(struct ew_reader *reader, const char *addr, int64_t at_us,
    ew_row_fn row, void *context, struct ew_error *error);

/*
 * Values that exist, for completion: workloads, containers, networks, detectors, ports
 * (of edges). prefix may be empty. At most max, in order.
 */
int ew_reader_hints(struct ew_reader *reader, const char *field, const char *prefix,
    size_t max, ew_row_fn row, void *context, struct ew_error *error);

/* --- ad-hoc SQL ---------------------------------------------------------------------------- */

struct ew_sql_limits {
	int64_t timeout_ms; /* 0: none */
	size_t max_rows;    /* 0: none */
};
/* One SELECT (or EXPLAIN, VALUES, WITH, or a PRAGMA that only reads). EW_ERR_USAGE for others. */
int ew_reader_sql(struct ew_reader *reader, const char *sql,
    const struct ew_sql_limits *limits, ew_row_fn row, void *context,
    struct ew_error *error);

/* --- the database itself ------------------------------------------------------------------- */

struct ew_reader_status {
	int schema_version;
	bool is_immutable; /* opened where nothing may be written */
	bool is_live; /* a daemon wrote in the last minute, by the file's heartbeat */
	uint64_t bytes, free_bytes, wal_bytes;
	int64_t flows, edges, workloads, instances, signals, incidents, open_incidents;
	int64_t outbox_queued, outbox_failed, gaps;
	int64_t oldest_flow_us, newest_flow_us; /* 0: none */
	int64_t heartbeat_us; /* when the daemon last committed, wall clock */
	int64_t clock_us;     /* the pipeline's time then */
	char node[64];
	char program[64];
};
int ew_reader_status(struct ew_reader *reader, struct ew_reader_status *ret_status,
    struct ew_error *error);
/* Check the whole file (`doctor`); gives a sentence when it is damaged. */
int ew_reader_check(struct ew_reader *reader, struct ew_error *error);
/* A consistent copy while a daemon writes. */
int ew_reader_backup(struct ew_reader *reader, const char *path,
    struct ew_error *error);
