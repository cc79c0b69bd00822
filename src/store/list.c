/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings over the views, following, and the small questions (who, hints). Flow rows, of
 * which there are millions, go another way (flows_query.c); every other view is small
 * enough to be asked as it is.
 */
#include "store/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/time.h"
#include "store/query_priv.h"

/* How a view is ordered, and what tells that a row is new or has changed. */
static const struct {
	const char *order, *follow;
	bool is_name; /* by name: the first N, not the newest */
} orders[EW_VIEWS] = {
	[EW_VIEW_FLOWS] = { "seq", "seq", false },
	[EW_VIEW_EDGES] = { "last_us", "last_us", false },
	[EW_VIEW_INCIDENTS] = { "opened_us", "seq", false },
	[EW_VIEW_SIGNALS] = { "ts_us", "seq", false },
	[EW_VIEW_WORKLOADS] = { "workload", "last_us", true },
	[EW_VIEW_INSTANCES] = { "started_us", "seq", false },
	[EW_VIEW_WHO] = { "from_us", "seq", false },
	[EW_VIEW_NETWORKS] = { "name", "seq", true },
	[EW_VIEW_GAPS] = { "from_us", "seq", false },
	[EW_VIEW_DECISIONS] = { "at_us", "at_us", false },
	[EW_VIEW_OUTBOX] = { "created_us", "updated_us", false },
	[EW_VIEW_ROLLUPS] = { "bucket_us", "bucket_us", false },
};

static bool
has_seq(enum ew_view view)
{
	return view != EW_VIEW_OUTBOX && view != EW_VIEW_ROLLUPS;
}

/* Names that become SQL text must be ours. */
static int
check_names(const struct ew_query *query, struct ew_error *error)
{
	const char *order = query->order;

	for (size_t i = 0; i < query->n_group && i < EW_GROUP_MAX; i++)
		if (ew_view_field(query->view, query->group[i]) < 0)
			return ew_error_set(error, EW_ERR_USAGE,
			    "%s have no column \"%s\"", ew_view_info(query->view)->name,
			    query->group[i]);
	if (order && order[0] == '-')
		order++;
	if (order && ew_view_field(query->view, order) < 0 &&
	    !(query->n_group > 0 && strcmp(order, "count") == 0))
		return ew_error_set(error, EW_ERR_USAGE, "%s have no column \"%s\"",
		    ew_view_info(query->view)->name, order);
	return 0;
}

static void
add_window(struct ew_text *sql, struct query_params *params,
    const struct ew_query *query)
{
	const struct ew_view_info *info = ew_view_info(query->view);

	/* A null end means "still". */
	if (query->since_us) {
		ew_text_addf(sql, " AND coalesce(%s, 9223372036854775807) >= ?",
		    info->time_to);
		query_bind_int(params, query->since_us);
	}
	if (query->until_us) {
		ew_text_addf(sql, " AND coalesce(%s, 0) < ?", info->time_from);
		query_bind_int(params, query->until_us);
	}
}

static void
add_order(struct ew_text *sql, const struct ew_query *query, bool is_down)
{
	const char *order = query->order;

	if (query->n_group > 0 && !order) {
		ew_text_add(sql, " ORDER BY count DESC");
		for (size_t i = 0; i < query->n_group; i++)
			ew_text_addf(sql, ", %s", query->group[i]);
		return;
	}
	if (order) {
		ew_text_addf(sql, " ORDER BY %s%s", order + (order[0] == '-'),
		    order[0] == '-' ? " DESC" : "");
		return;
	}
	ew_text_addf(sql, " ORDER BY %s%s", orders[query->view].order,
	    is_down ? " DESC" : "");
	if (has_seq(query->view))
		ew_text_add(sql, is_down ? ", seq DESC" : ", seq");
}

/*
 * The newest N, oldest first: the inner query takes them, the outer one turns them. Where
 * rows can be named, the inner one takes only their names, so that what is costly to show
 * (an incident's signals as JSON) is made for N rows and not for all.
 */
static int
list_view(struct ew_reader *reader, const struct ew_query *query, ew_row_fn row,
    void *context, size_t *ret_rows, struct ew_error *error)
{
	const bool turns = query->last > 0 && query->n_group == 0 && !query->order &&
	    !orders[query->view].is_name;
	const char *name = ew_view_info(query->view)->name;
	struct query_params params = { 0 };
	struct ew_text sql;

	ew_text_init(&sql, 1u << 20);
	ew_text_add(&sql, "SELECT ");
	query_add_columns(&sql, query);
	if (turns && has_seq(query->view))
		ew_text_addf(&sql, " FROM v_%s WHERE seq IN (SELECT seq FROM v_", name);
	else
		ew_text_add(&sql, turns ? " FROM (SELECT * FROM v_" : " FROM v_");
	ew_text_addf(&sql, "%s WHERE 1", name);
	add_window(&sql, &params, query);
	int rc = query_add_terms(&sql, &params, query, error);

	if (query->n_group > 0) {
		ew_text_add(&sql, " GROUP BY ");
		for (size_t i = 0; i < query->n_group; i++)
			ew_text_addf(&sql, "%s%s", i ? ", " : "", query->group[i]);
	}
	add_order(&sql, query, turns);
	if (query->last > 0) {
		ew_text_add(&sql, " LIMIT ?");
		query_bind_int(&params, (int64_t)query->last);
	}
	if (turns) {
		ew_text_add(&sql, ")");
		add_order(&sql, query, false);
	}
	sqlite3_stmt *s = rc == 0 ? reader_prepare(reader, sql.text, error) : NULL;

	if (s) {
		query_bind_all(s, &params);
		rc = reader_each(reader, s, row, context, ret_rows, error);
	} else if (rc == 0) {
		rc = error && error->code ? error->code : EW_ERR_FORMAT;
	}
	query_params_fini(&params);
	ew_text_fini(&sql);
	return rc;
}

static bool
sees_gaps(enum ew_view view)
{
	return view == EW_VIEW_FLOWS || view == EW_VIEW_EDGES ||
	    view == EW_VIEW_INCIDENTS || view == EW_VIEW_SIGNALS ||
	    view == EW_VIEW_ROLLUPS;
}

static void
judge_window(struct ew_reader *reader, const struct ew_query *query,
    struct ew_listing *ret_listing)
{
	sqlite3_stmt *s = NULL;

	if (sees_gaps(query->view) &&
	    sqlite3_prepare_v2(reader->db.handle,
		"SELECT 1 FROM gap WHERE to_us >= ?1 AND (?2 = 0 OR from_us < ?2) "
		"LIMIT 1",
		-1, &s, NULL) == SQLITE_OK) {
		ew_db_bind_int(s, 1, query->since_us);
		ew_db_bind_int(s, 2, query->until_us);
		ret_listing->is_gapped = sqlite3_step(s) == SQLITE_ROW;
	}
	sqlite3_finalize(s);
	if (query->view == EW_VIEW_FLOWS && query->since_us)
		ret_listing->is_pruned = query->since_us <
		    ew_db_int(&reader->db,
			"SELECT value FROM meta WHERE key = 'pruned_us'", 0);
}

int
ew_reader_list(struct ew_reader *reader, const struct ew_query *query, ew_row_fn row,
    void *context, struct ew_listing *ret_listing, struct ew_error *error)
{
	struct ew_listing listing = { 0 };
	int rc = check_names(query, error);

	if (rc != 0)
		return rc;
	/* One snapshot for the rows and for what is said about them. */
	(void)sqlite3_exec(reader->db.handle, "BEGIN", NULL, NULL, NULL);
	rc = query->view == EW_VIEW_FLOWS
	    ? flows_list(reader, query, row, context, &listing.rows, error)
	    : list_view(reader, query, row, context, &listing.rows, error);
	if (rc >= 0)
		judge_window(reader, query, &listing);
	(void)sqlite3_exec(reader->db.handle, "COMMIT", NULL, NULL, NULL);
	if (rc < 0)
		return rc;
	if (ret_listing)
		*ret_listing = listing;
	return 0;
}

/* --- following ------------------------------------------------------------------------------- */

static int64_t
newest(struct ew_reader *reader, enum ew_view view)
{
	char sql[160];

	/* An index has it; over the view SQLite would read all rows. */
	if (view == EW_VIEW_FLOWS)
		return ew_db_int(&reader->db, "SELECT max(seq) FROM flow", 0);
	if (view == EW_VIEW_SIGNALS)
		return ew_db_int(&reader->db, "SELECT max(rev) FROM signal", 0);
	if (view == EW_VIEW_INCIDENTS)
		return ew_db_int(&reader->db, "SELECT max(rev) FROM incident", 0);
	(void)snprintf(sql, sizeof(sql), "SELECT max(%s) FROM v_%s",
	    orders[view].follow, ew_view_info(view)->name);
	return ew_db_int(&reader->db, sql, 0);
}

static int
follow_view(struct ew_reader *reader, const struct ew_query *query, enum ew_view view,
    int64_t after, int64_t upto, ew_row_fn row, void *context, struct ew_error *error)
{
	struct ew_query q = *query;
	struct query_params params = { 0 };
	struct ew_text sql;
	size_t rows = 0;
	int rc = 0;

	q.view = view;
	q.n_group = 0;
	ew_text_init(&sql, 1u << 20);
	ew_text_add(&sql, "SELECT ");
	query_add_columns(&sql, &q);
	ew_text_addf(&sql, " FROM v_%s WHERE %s > ? AND %s <= ?",
	    ew_view_info(view)->name, orders[view].follow, orders[view].follow);
	query_bind_int(&params, after);
	query_bind_int(&params, upto);
	if (view == query->view)
		rc = query_add_terms(&sql, &params, &q, error);
	ew_text_addf(&sql, " ORDER BY %s", orders[view].follow);
	sqlite3_stmt *s = rc == 0 ? reader_prepare(reader, sql.text, error) : NULL;

	if (s) {
		query_bind_all(s, &params);
		rc = reader_each(reader, s, row, context, &rows, error);
	} else if (rc == 0) {
		rc = EW_ERR_FORMAT;
	}
	query_params_fini(&params);
	ew_text_fini(&sql);
	return rc;
}

int
ew_reader_follow(struct ew_reader *reader, const struct ew_query *query,
    struct ew_follow *follow, ew_row_fn row, ew_row_fn gap, void *context,
    struct ew_error *error)
{
	int rc = check_names(query, error);

	if (rc != 0)
		return rc;
	(void)sqlite3_exec(reader->db.handle, "BEGIN", NULL, NULL, NULL);
	const struct ew_follow now = { .row = newest(reader, query->view),
		.gap = newest(reader, EW_VIEW_GAPS),
		.is_started = true };

	if (!follow->is_started)
		*follow = now;
	/* Gaps first: what was not seen explains what follows. */
	if (gap && now.gap > follow->gap)
		rc = follow_view(reader, query, EW_VIEW_GAPS, follow->gap, now.gap, gap,
		    context, error);
	if (rc == 0 && now.row > follow->row)
		rc = query->view == EW_VIEW_FLOWS
		    ? flows_follow(reader, query, follow->row, now.row, row, context,
			  error)
		    : follow_view(reader, query, query->view, follow->row, now.row, row,
			  context, error);
	(void)sqlite3_exec(reader->db.handle, "COMMIT", NULL, NULL, NULL);
	*follow = now;
	return rc < 0 ? rc : 0;
}

/* --- small questions --------------------------------------------------------------------------- */

int
ew_reader_who(struct ew_reader *reader, const char *addr, int64_t at_us, ew_row_fn row,
    void *context, struct ew_error *error)
{
	const struct ew_query query = { .view = EW_VIEW_WHO };
	struct ew_addr parsed;
	struct ew_text sql;
	size_t rows = 0;

	if (ew_addr_parse(addr, &parsed) != 0)
		return ew_error_set(error, EW_ERR_USAGE,
		    "\"%s\" is no address: write 10.0.0.1 or fd00::1", addr);
	if (at_us == 0) {
		/* "Now" is the daemon's now; for a database at rest, its last one. */
		struct ew_reader_status status;
		const int rc = ew_reader_status(reader, &status, error);

		if (rc != 0)
			return rc;
		at_us = status.is_live || status.clock_us == 0 ? ew_wall_now().us
							       : status.clock_us;
	}
	ew_text_init(&sql, 8192);
	ew_text_add(&sql, "SELECT ");
	query_add_columns(&sql, &query);
	ew_text_add(&sql,
	    ", CAST(?2 AS INTEGER) AS at_us FROM v_who WHERE seq IN (SELECT id FROM "
	    "lease "
	    "WHERE addr = ?1) AND from_us <= ?2 AND (to_us IS NULL OR to_us > ?2) "
	    "ORDER BY from_us, seq");
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	if (!s)
		return EW_ERR_FORMAT;
	ew_db_bind_blob(s, 1, parsed.b, sizeof(parsed.b));
	ew_db_bind_int(s, 2, at_us);
	const int rc = reader_each(reader, s, row, context, &rows, error);

	return rc < 0 ? rc : 0;
}

int
ew_reader_hints(struct ew_reader *reader, const char *field, const char *prefix,
    size_t max, ew_row_fn row, void *context, struct ew_error *error)
{
	static const struct {
		const char *field, *sql;
	} hints[] = {
		{ "workload", "SELECT name FROM workload" },
		{ "container",
		    "SELECT name FROM instance UNION SELECT cid FROM instance" },
		{ "network", "SELECT name FROM network" },
		{ "detector", "SELECT detector AS name FROM signal" },
		{ "ip", "SELECT ip AS name FROM lease" },
		{ "port",
		    "SELECT CAST(port AS TEXT) AS name FROM edge WHERE port < 65534" },
		{ "incident", "SELECT printf('%016x', id) AS name FROM incident" },
		{ "decision", "SELECT printf('%016x', id) AS name FROM decision" },
		{ "message", "SELECT printf('%016x', id) AS name FROM outbox" },
	};
	char sql[512];
	size_t rows = 0;

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (strcmp(hints[i].field, field) != 0)
			continue;
		(void)snprintf(sql, sizeof(sql),
		    "SELECT DISTINCT name FROM (%s) WHERE substr(name, 1, length(?1)) "
		    "= ?1 "
		    "ORDER BY name LIMIT ?2",
		    hints[i].sql);
		sqlite3_stmt *s = reader_prepare(reader, sql, error);

		if (!s)
			return EW_ERR_FORMAT;
		ew_db_bind_text(s, 1, prefix);
		ew_db_bind_int(s, 2, (int64_t)max);
		const int rc = reader_each(reader, s, row, context, &rows, error);

		return rc < 0 ? rc : 0;
	}
	return ew_error_set(error, EW_ERR_USAGE, "there are no hints for \"%s\"",
	    field);
}
