/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groupings of flow rows, and orders other than time: all matches must be read.
 *
 * Most group columns are integers in the table. Rows are added up by those in a hash table
 * of ours (SQLite would sort them first: ten times slower), the few groups go to a
 * temporary table, and only there the ids get their names. A column that is words in the
 * view only is grouped by the view, row by row.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/flows_priv.h"

#define SUMS 4
static const char *const sums[SUMS] = { "src_bytes", "dst_bytes", "src_pkts",
	"dst_pkts" };

/* %u: the number of the group column. */
static const struct {
	const char *field, *raw, *name;
} raws[] = {
	{ "src_workload", "f.src", "(SELECT name FROM workload WHERE id = g%u)" },
	{ "dst_workload", "f.dst", "(SELECT name FROM workload WHERE id = g%u)" },
	{ "src_instance", "f.src_instance",
	    "(SELECT cid FROM instance WHERE id = g%u)" },
	{ "dst_instance", "f.dst_instance",
	    "(SELECT cid FROM instance WHERE id = g%u)" },
	{ "src_port", "f.src_port", "g%u" },
	{ "dst_port", "f.dst_port", "g%u" },
	{ "proto", "f.proto", "ew_word('proto', g%u)" },
	{ "conn_state", "f.traits & 15", "ew_word('conn_state', g%u)" },
	{ "verdict", "f.traits >> 4 & 7", "ew_word('verdict', g%u)" },
	{ "direction", "f.traits >> 7 & 7", "ew_word('direction', g%u)" },
	{ "src_ip", "f.src_addr",
	    "ew_ip(g%u, (SELECT ip FROM addr6 WHERE id = g%u - 4294967296))" },
	{ "dst_ip", "f.dst_addr",
	    "ew_ip(g%u, (SELECT ip FROM addr6 WHERE id = g%u - 4294967296))" },
};

static int
find_raw(const char *field)
{
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		if (strcmp(raws[i].field, field) == 0)
			return (int)i;
	return -1;
}

static bool
all_raw(const struct ew_query *query)
{
	for (size_t i = 0; i < query->n_group; i++)
		if (find_raw(query->group[i]) < 0)
			return false;
	return query->n_group > 0;
}

static const char from_flows[] =
    "FROM flow_block b CROSS JOIN flow f ON f.seq BETWEEN b.first_seq AND b.last_seq ";

/* --- adding up ------------------------------------------------------------------------------- */

struct group {
	int64_t key[EW_GROUP_MAX]; /* INT64_MIN: NULL */
	int64_t sum[SUMS];
	uint64_t count;
	uint8_t has_sum; /* bit per sum: not all were NULL */
};

struct groups {
	struct group *at;
	size_t n, room;
	uint32_t *slots; /* index + 1 */
	size_t n_slots;
	size_t key_size;
	uint64_t seed;
};

static void
place(struct groups *g, uint32_t index)
{
	size_t at = ew_hash(g->at[index].key, g->key_size, g->seed) & (g->n_slots - 1);

	while (g->slots[at] != 0)
		at = (at + 1) & (g->n_slots - 1);
	g->slots[at] = index + 1;
}

static void
grow(struct groups *g)
{
	g->room = g->room ? g->room * 2 : 1024;
	g->at = ew_realloc_array(g->at, g->room, sizeof(*g->at));
	free(g->slots);
	g->n_slots = g->room * 2;
	g->slots = ew_alloc_array(g->n_slots, sizeof(*g->slots));
	for (uint32_t i = 0; i < g->n; i++)
		place(g, i);
}

static struct group *
find_group(struct groups *g, const int64_t *key)
{
	size_t at;

	if (g->n == g->room)
		grow(g);
	at = ew_hash(key, g->key_size, g->seed) & (g->n_slots - 1);
	while (g->slots[at] != 0) {
		struct group *found = &g->at[g->slots[at] - 1];

		if (memcmp(found->key, key, g->key_size) == 0)
			return found;
		at = (at + 1) & (g->n_slots - 1);
	}
	struct group *made = &g->at[g->n];

	*made = (struct group){ 0 };
	memcpy(made->key, key, g->key_size);
	g->slots[at] = (uint32_t)++g->n;
	return made;
}

static void
add_row(struct groups *g, sqlite3_stmt *s, size_t n_group)
{
	int64_t key[EW_GROUP_MAX];

	for (size_t i = 0; i < n_group; i++)
		key[i] = sqlite3_column_type(s, (int)i) == SQLITE_NULL
		    ? INT64_MIN
		    : sqlite3_column_int64(s, (int)i);
	struct group *to = find_group(g, key);

	to->count++;
	for (size_t i = 0; i < SUMS; i++) {
		const int column = (int)(n_group + i);

		if (sqlite3_column_type(s, column) == SQLITE_NULL)
			continue;
		to->sum[i] = (int64_t)((uint64_t)to->sum[i] +
		    (uint64_t)sqlite3_column_int64(s, column));
		to->has_sum |= (uint8_t)(1u << i);
	}
}

static int
add_rows(struct ew_reader *reader, const struct ew_query *query,
    const struct flows_plan *plan, struct groups *g, struct ew_error *error)
{
	struct ew_text sql;
	int rc;

	ew_text_init(&sql, 1u << 20);
	ew_text_add(&sql, "SELECT ");
	for (size_t i = 0; i < query->n_group; i++)
		ew_text_addf(&sql, "%s, ", raws[find_raw(query->group[i])].raw);
	for (size_t i = 0; i < SUMS; i++)
		ew_text_addf(&sql, "%sf.%s", i ? ", " : "", sums[i]);
	ew_text_addf(&sql, " %sWHERE 1%s%s", from_flows, plan->blocks.text,
	    plan->rows.text);
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	if (!s)
		return EW_ERR_FORMAT;
	flows_bind_after(s, 1, &plan->block_params);
	flows_bind_after(s, 1 + (int)plan->block_params.n, &plan->row_params);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		add_row(g, s, query->n_group);
	if (rc != SQLITE_DONE)
		(void)ew_db_fail(&reader->db, "add up flows");
	sqlite3_finalize(s);
	return rc == SQLITE_DONE ? 0 : reader_explain(reader, error);
}

/* --- naming ------------------------------------------------------------------------------------ */

static const char temp_table[] =
    "DROP TABLE IF EXISTS temp.ew_group;"
    "CREATE TEMP TABLE ew_group (g0, g1, g2, g3, g4, g5, g6, g7, count, src_bytes, "
    "dst_bytes, src_pkts, dst_pkts)";

static int
fill_table(struct ew_reader *reader, const struct groups *g, size_t n_group,
    struct ew_error *error)
{
	sqlite3_stmt *s;

	if (ew_db_exec(&reader->db, "make groups", temp_table) != 0)
		return reader_explain(reader, error);
	s = reader_prepare(reader,
	    "INSERT INTO temp.ew_group VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    error);
	if (!s)
		return EW_ERR_FORMAT;
	for (size_t i = 0; i < g->n; i++) {
		const struct group *from = &g->at[i];

		sqlite3_reset(s);
		for (size_t k = 0; k < n_group; k++)
			ew_db_bind_null_if(s, 1 + (int)k, from->key[k], INT64_MIN);
		ew_db_bind_int(s, 1 + EW_GROUP_MAX, (int64_t)from->count);
		for (size_t k = 0; k < SUMS; k++)
			if (from->has_sum & 1u << k)
				ew_db_bind_int(s, 2 + EW_GROUP_MAX + (int)k,
				    from->sum[k]);
			else
				sqlite3_bind_null(s, 2 + EW_GROUP_MAX + (int)k);
		(void)sqlite3_step(s);
	}
	sqlite3_finalize(s);
	return 0;
}

/* Put the number in for each %u of a name. */
static void
add_named(struct ew_text *sql, const char *name, size_t number)
{
	for (const char *p = name; *p; p++)
		if (p[0] == '%' && p[1] == 'u') {
			ew_text_addf(sql, "%zu", number);
			p++;
		} else {
			ew_text_add_bytes(sql, p, 1);
		}
}

static void
add_order(struct ew_text *sql, const struct ew_query *query)
{
	const char *order = query->order;

	if (order) {
		ew_text_addf(sql, " ORDER BY %s%s", order + (order[0] == '-'),
		    order[0] == '-' ? " DESC" : "");
	} else {
		ew_text_add(sql, " ORDER BY count DESC");
		for (size_t i = 0; i < query->n_group; i++)
			ew_text_addf(sql, ", %s", query->group[i]);
	}
	if (query->last > 0)
		ew_text_add(sql, " LIMIT ?");
}

static int
group_by_numbers(struct ew_reader *reader, const struct ew_query *query,
    const struct flows_plan *plan, ew_row_fn row, void *context, size_t *ret_rows,
    struct ew_error *error)
{
	struct groups g = { .key_size = query->n_group * sizeof(int64_t),
		.seed = ew_hash_seed() };
	struct ew_text sql;
	int rc = add_rows(reader, query, plan, &g, error);

	if (rc == 0)
		rc = fill_table(reader, &g, query->n_group, error);
	free(g.at);
	free(g.slots);
	if (rc != 0)
		return rc;
	ew_text_init(&sql, 8192);
	ew_text_add(&sql, "SELECT ");
	for (size_t i = 0; i < query->n_group; i++) {
		add_named(&sql, raws[find_raw(query->group[i])].name, i);
		ew_text_addf(&sql, " AS %s, ", query->group[i]);
	}
	ew_text_add(&sql,
	    "count, src_bytes, dst_bytes, src_pkts, dst_pkts FROM temp.ew_group");
	add_order(&sql, query);
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	if (!s)
		return EW_ERR_FORMAT;
	if (query->last > 0)
		ew_db_bind_int(s, 1, (int64_t)query->last);
	return reader_each(reader, s, row, context, ret_rows, error);
}

/* --- by the view --------------------------------------------------------------------------------- */

static int
list_by_view(struct ew_reader *reader, const struct ew_query *query,
    const struct flows_plan *plan, ew_row_fn row, void *context, size_t *ret_rows,
    struct ew_error *error)
{
	struct ew_text sql;

	ew_text_init(&sql, 1u << 20);
	ew_text_add(&sql, "SELECT ");
	query_add_columns(&sql, query);
	ew_text_addf(&sql,
	    " FROM (SELECT f.seq AS s %sWHERE 1%s%s) q CROSS JOIN v_flows v ON v.seq = "
	    "q.s",
	    from_flows, plan->blocks.text, plan->rows.text);
	if (query->n_group > 0)
		ew_text_add(&sql, " GROUP BY ");
	for (size_t i = 0; i < query->n_group; i++)
		ew_text_addf(&sql, "%s%s", i ? ", " : "", query->group[i]);
	add_order(&sql, query);
	sqlite3_stmt *s = reader_prepare(reader, sql.text, error);

	ew_text_fini(&sql);
	if (!s)
		return error && error->code ? error->code : EW_ERR_FORMAT;
	const int n = (int)plan->block_params.n;

	flows_bind_after(s, 1, &plan->block_params);
	flows_bind_after(s, 1 + n, &plan->row_params);
	if (query->last > 0)
		ew_db_bind_int(s, 1 + n + (int)plan->row_params.n,
		    (int64_t)query->last);
	return reader_each(reader, s, row, context, ret_rows, error);
}

int
flows_group(struct ew_reader *reader, const struct ew_query *query,
    const struct flows_plan *plan, ew_row_fn row, void *context, size_t *ret_rows,
    struct ew_error *error)
{
	return all_raw(query)
	    ? group_by_numbers(reader, query, plan, row, context, ret_rows, error)
	    : list_by_view(reader, query, plan, row, context, ret_rows, error);
}
