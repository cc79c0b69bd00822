/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From filters to conditions on flow rows and on the blocks they stand in.
 *
 * A name is first turned into the ids it means: then a row is compared by integers, and a
 * block can be asked whether it has the id at all (flow_block.keys). Few ids are written as
 * an IN list, many go to a temporary table. What has no key (a source port, a number of
 * bytes) only narrows rows, and the blocks are read from the newest on until there are
 * enough.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/err.h"
#include "flow/event.h"
#include "graph/edge.h"
#include "store/flows_priv.h"
#include "store/key_priv.h"

/* Keys of one group; a group without a key for each alternative prunes nothing. */
struct keys {
	size_t n;
	bool is_open; /* an alternative has no key */
	uint32_t at[PLAN_IDS_MAX];
};

static void
add_key(struct keys *keys, uint32_t key)
{
	if (keys->n == PLAN_IDS_MAX)
		keys->is_open = true;
	else
		keys->at[keys->n++] = key;
}

/* Ids a statement gives for one or two texts. */
struct ids {
	int64_t *at;
	size_t n, room;
};

static int
read_ids(struct ew_reader *reader, const char *sql, const char *first,
    const char *second, struct ids *ids, struct ew_error *error)
{
	sqlite3_stmt *s = reader_prepare(reader, sql, error);

	if (!s)
		return EW_ERR_FORMAT;
	ew_db_bind_text(s, 1, first);
	ew_db_bind_text(s, 2, second);
	while (sqlite3_step(s) == SQLITE_ROW) {
		if (ids->n == ids->room) {
			ids->room = ids->room ? ids->room * 2 : 64;
			ids->at =
			    ew_realloc_array(ids->at, ids->room, sizeof(*ids->at));
		}
		ids->at[ids->n++] = sqlite3_column_int64(s, 0);
	}
	sqlite3_finalize(s);
	return 0;
}

static int
workload_ids(struct ew_reader *reader, const char *value, struct ids *ids,
    struct ew_error *error)
{
	if (strpbrk(value, "*?"))
		return read_ids(reader,
		    "SELECT id FROM workload WHERE ew_glob(?1, name) AND ?2", value,
		    "1", ids, error);
	const size_t size = strlen(value) + 3;
	char *tail = ew_alloc(size);

	(void)snprintf(tail, size, "*/%s", value);
	const int rc = read_ids(reader,
	    "SELECT id FROM workload WHERE name = ?1 OR ew_glob(?2, name)", value, tail,
	    ids, error);

	free(tail);
	return rc;
}

static int
instance_ids(struct ew_reader *reader, const char *value, struct ids *ids,
    struct ew_error *error)
{
	const size_t size = strlen(value) + 2;
	char *prefix = ew_alloc(size);

	(void)snprintf(prefix, size, "%s*", value);
	const int rc = read_ids(reader,
	    "SELECT id FROM instance WHERE ew_glob(?1, name) OR ew_glob(?2, cid)",
	    value, prefix, ids, error);

	free(prefix);
	return rc;
}

/* Many ids go to the temporary table, once; returns their number there. */
static int
store_set(struct ew_reader *reader, const struct ids *ids)
{
	const int k = reader->next_set++;
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(reader->db.handle,
		"INSERT OR IGNORE INTO temp.ew_set (k, id) VALUES (?1, ?2)", -1, &s,
		NULL) != SQLITE_OK)
		return k;
	for (size_t i = 0; i < ids->n; i++) {
		sqlite3_reset(s);
		ew_db_bind_int(s, 1, k);
		ew_db_bind_int(s, 2, ids->at[i]);
		(void)sqlite3_step(s);
	}
	sqlite3_finalize(s);
	return k;
}

/* "f.src IN (?, ?)"; set: where many ids were put, -1 not yet. */
static void
add_in(struct flows_plan *plan, struct ew_reader *reader, const char *column,
    const struct ids *ids, int *set)
{
	if (ids->n == 0) {
		ew_text_add(&plan->rows, "0");
		return;
	}
	if (ids->n > PLAN_IDS_MAX) {
		if (*set < 0)
			*set = store_set(reader, ids);
		ew_text_addf(&plan->rows,
		    "EXISTS (SELECT 1 FROM temp.ew_set s WHERE s.k = ? AND s.id = %s)",
		    column);
		query_bind_int(&plan->row_params, *set);
		return;
	}
	ew_text_addf(&plan->rows, "%s IN (", column);
	for (size_t i = 0; i < ids->n; i++) {
		ew_text_add(&plan->rows, i ? ", ?" : "?");
		query_bind_int(&plan->row_params, ids->at[i]);
	}
	ew_text_add(&plan->rows, ")");
}

/* Both sides of a group of ids. */
static void
add_sides(struct flows_plan *plan, struct ew_reader *reader,
    const struct query_group *g, const char *const columns[2], const struct ids *ids)
{
	int set = -1;

	if (g->side != EW_SIDE_TO)
		add_in(plan, reader, columns[0], ids, &set);
	if (g->side == EW_SIDE_ANY)
		ew_text_add(&plan->rows, " OR ");
	if (g->side != EW_SIDE_FROM)
		add_in(plan, reader, columns[1], ids, &set);
}

static int
add_ids(struct flows_plan *plan, struct ew_reader *reader, const struct query_group *g,
    enum ew_key_kind kind, struct keys *keys, struct ew_error *error)
{
	static const char *const workload[2] = { "f.src", "f.dst" };
	static const char *const instance[2] = { "f.src_instance", "f.dst_instance" };
	struct ids ids = { 0 };
	int rc = 0;

	for (size_t i = 0; i < g->n && rc == 0; i++)
		rc = kind == EW_KEY_WORKLOAD
		    ? workload_ids(reader, g->values[i], &ids, error)
		    : instance_ids(reader, g->values[i], &ids, error);
	for (size_t i = 0; i < ids.n; i++)
		add_key(keys, ew_key(kind, (uint32_t)ids.at[i]));
	add_sides(plan, reader, g, kind == EW_KEY_WORKLOAD ? workload : instance, &ids);
	if (kind == EW_KEY_WORKLOAD && !g->is_negated && ids.n > 0 &&
	    ids.n <= PLAN_IDS_MAX) {
		if (g->side == EW_SIDE_FROM) {
			memcpy(plan->from, ids.at, ids.n * sizeof(*ids.at));
			plan->n_from = ids.n;
		} else if (g->side == EW_SIDE_TO) {
			memcpy(plan->to, ids.at, ids.n * sizeof(*ids.at));
			plan->n_to = ids.n;
		}
	}
	free(ids.at);
	return rc;
}

/* --- addresses -------------------------------------------------------------------------------- */

static void
add_range(struct flows_plan *plan, const char *column, const struct ew_prefix *prefix)
{
	struct ew_addr last = prefix->addr;

	for (unsigned bit = prefix->bits; bit < 128; bit++)
		last.b[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
	if (ew_addr_is_v4(&prefix->addr) && prefix->bits >= 96) {
		ew_text_addf(&plan->rows, "%s BETWEEN ? AND ?", column);
		query_bind_int(&plan->row_params, ew_key_v4(&prefix->addr));
		query_bind_int(&plan->row_params, ew_key_v4(&last));
		return;
	}
	/* IPv6, or a prefix that holds both (::/0). */
	char *text = ew_alloc(EW_ADDR_TEXT + 4);

	ew_text_addf(&plan->rows,
	    "(%s >= 4294967296 AND EXISTS (SELECT 1 FROM addr6 a WHERE a.id = %s - "
	    "4294967296 "
	    "AND ew_in_prefix(?, a.ip)))",
	    column, column);
	query_bind_kept(&plan->row_params, ew_prefix_format(prefix, text));
}

static void
add_addr_keys(struct keys *keys, const struct ew_prefix *prefix)
{
	const bool is_v4 = ew_addr_is_v4(&prefix->addr);

	if (prefix->bits == 128)
		add_key(keys, ew_key_addr(&prefix->addr));
	else if (prefix->bits >= (is_v4 ? 120 : 64))
		add_key(keys, ew_key_net(&prefix->addr));
	else if (is_v4 && prefix->bits >= 116) /* /20: sixteen /24 */
		for (unsigned i = 0; i < 1u << (120 - prefix->bits); i++) {
			struct ew_addr net = prefix->addr;

			net.b[14] = (uint8_t)(net.b[14] + i);
			add_key(keys, ew_key_net(&net));
		}
	else
		keys->is_open = true;
}

static int
add_addrs(struct flows_plan *plan, const struct query_group *g, struct keys *keys,
    struct ew_error *error)
{
	for (size_t i = 0; i < g->n; i++) {
		struct ew_prefix prefix;
		const int rc = query_parse_prefix(g->values[i], &prefix, error);

		if (rc != 0)
			return rc;
		ew_text_add(&plan->rows, i ? " OR " : "");
		if (g->side != EW_SIDE_TO)
			add_range(plan, "f.src_addr", &prefix);
		if (g->side == EW_SIDE_ANY)
			ew_text_add(&plan->rows, " OR ");
		if (g->side != EW_SIDE_FROM)
			add_range(plan, "f.dst_addr", &prefix);
		add_addr_keys(keys, &prefix);
	}
	return 0;
}

/* --- numbers ------------------------------------------------------------------------------------ */

static int
add_ports(struct flows_plan *plan, const struct query_group *g, struct keys *keys,
    struct ew_error *error)
{
	for (size_t i = 0; i < g->n; i++) {
		int64_t port;
		const int rc = query_parse_port(g->values[i], &port, error);

		if (rc != 0)
			return rc;
		ew_text_add(&plan->rows, i ? " OR " : "");
		ew_text_add(&plan->rows,
		    g->side == EW_SIDE_FROM	? "f.src_port = ?"
			: g->side == EW_SIDE_TO ? "f.dst_port = ?"
						: "? IN (f.dst_port, f.src_port)");
		query_bind_int(&plan->row_params, port);
		/* The client's ports are everywhere: they have no key. */
		if (g->side == EW_SIDE_TO)
			add_key(keys, ew_key(EW_KEY_PORT, (uint32_t)port));
		else
			keys->is_open = true;
		if (g->side == EW_SIDE_TO && g->n == 1 && !g->is_negated)
			plan->port = (int)port;
	}
	return 0;
}

struct trait {
	const char *field, *word; /* filter names */
	const char *column;
	enum ew_key_trait key;
	int count;
	const char *(*name)(int value);
};

static const char *
state_name(int value)
{
	return ew_conn_state_name((enum ew_conn_state)value);
}

static const char *
verdict_name(int value)
{
	return ew_verdict_name((enum ew_verdict)value);
}

static const char *
direction_name(int value)
{
	static const char *const names[] = { "unknown", "inbound", "outbound",
		"lateral", "local" };

	return names[value];
}

static const struct trait traits[] = {
	{ "conn_state", "state", "(f.traits & 15)", EW_TRAIT_STATE, EW_CONN_OTH + 1,
	    state_name },
	{ "verdict", "status", "(f.traits >> 4 & 7)", EW_TRAIT_VERDICT,
	    EW_VERDICT_DENIED + 1, verdict_name },
	{ "direction", "direction", "(f.traits >> 7 & 7)", EW_TRAIT_DIRECTION, 5,
	    direction_name },
};

static const struct trait *
find_trait(const char *field)
{
	for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++)
		if (strcmp(traits[i].field, field) == 0 ||
		    strcmp(traits[i].word, field) == 0)
			return &traits[i];
	return NULL;
}

static int
unknown_word(const struct trait *t, const char *value, struct ew_error *error)
{
	char known[256] = "";

	for (int i = 0; i < t->count; i++) {
		const size_t n = strlen(known);

		(void)snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
		    t->name(i));
	}
	return ew_error_set(error, EW_ERR_USAGE, "%s \"%.64s\" is none of %s", t->word,
	    value, known);
}

static int
add_trait(struct flows_plan *plan, const struct trait *t, const struct query_group *g,
    struct keys *keys, struct ew_error *error)
{
	for (size_t i = 0; i < g->n; i++) {
		bool is_known = false;

		ew_text_addf(&plan->rows, "%s%s IN (-1", i ? " OR " : "", t->column);
		for (int value = 0; value < t->count; value++) {
			if (!ew_text_glob(g->values[i], t->name(value)))
				continue;
			is_known = true;
			ew_text_add(&plan->rows, ", ?");
			query_bind_int(&plan->row_params, value);
			add_key(keys, ew_key_trait(t->key, (uint32_t)value));
		}
		ew_text_add(&plan->rows, ")");
		if (!is_known)
			return unknown_word(t, g->values[i], error);
	}
	return 0;
}

static int
add_protos(struct flows_plan *plan, const struct query_group *g, struct keys *keys,
    struct ew_error *error)
{
	static const struct {
		const char *name;
		int number;
	} protos[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 },
		{ "sctp", 132 } };

	for (size_t i = 0; i < g->n; i++) {
		char *end;
		long number = strtol(g->values[i], &end, 10);

		if (!g->values[i][0] || *end || number < 0 || number > 255)
			number = -1;
		for (size_t k = 0; k < sizeof(protos) / sizeof(protos[0]); k++)
			if (strcasecmp(protos[k].name, g->values[i]) == 0)
				number = protos[k].number;
		if (number < 0)
			return ew_error_set(error, EW_ERR_USAGE,
			    "proto \"%.64s\" is none of tcp, udp, icmp, icmp6, sctp, "
			    "nor a number "
			    "to 255",
			    g->values[i]);
		ew_text_add(&plan->rows, i ? " OR f.proto = ?" : "f.proto = ?");
		query_bind_int(&plan->row_params, number);
		add_key(keys, ew_key_trait(EW_TRAIT_PROTO, (uint32_t)number));
		if (g->n == 1 && !g->is_negated)
			plan->proto = (int)number;
	}
	return 0;
}

/* Any other column: the view knows how it reads. */
static int
add_column(struct flows_plan *plan, const struct query_group *g, struct keys *keys,
    struct ew_error *error)
{
	keys->is_open = true;
	if (ew_view_field(EW_VIEW_FLOWS, g->field) < 0)
		return ew_error_set(error, EW_ERR_USAGE,
		    "flows cannot be filtered by %s", g->field);
	ew_text_add(&plan->rows,
	    "EXISTS (SELECT 1 FROM v_flows v WHERE v.seq = f.seq AND (");
	for (size_t i = 0; i < g->n; i++) {
		ew_text_add(&plan->rows, i ? " OR " : "");
		const int rc = query_add_field(&plan->rows, &plan->row_params,
		    EW_VIEW_FLOWS, g->field, g->values[i], error);

		if (rc != 0)
			return rc;
	}
	ew_text_add(&plan->rows, "))");
	return 0;
}

/* --- the plan ------------------------------------------------------------------------------------- */

/* "src_ip" is "ip" with a side, and so on. */
static void
normalise(struct query_group *g)
{
	static const struct {
		const char *field, *word;
		enum ew_side side;
	} same[] = { { "src_workload", "workload", EW_SIDE_FROM },
		{ "dst_workload", "workload", EW_SIDE_TO },
		{ "src_ip", "ip", EW_SIDE_FROM }, { "dst_ip", "ip", EW_SIDE_TO },
		{ "src_instance", "container", EW_SIDE_FROM },
		{ "dst_instance", "container", EW_SIDE_TO } };

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (strcmp(same[i].field, g->field) == 0) {
			g->field = same[i].word;
			g->side = same[i].side;
			return;
		}
}

static int
add_group(struct flows_plan *plan, struct ew_reader *reader,
    const struct query_group *g, struct keys *keys, struct ew_error *error)
{
	const struct trait *t = find_trait(g->field);

	if (t)
		return add_trait(plan, t, g, keys, error);
	if (strcmp(g->field, "workload") == 0)
		return add_ids(plan, reader, g, EW_KEY_WORKLOAD, keys, error);
	if (strcmp(g->field, "container") == 0)
		return add_ids(plan, reader, g, EW_KEY_INSTANCE, keys, error);
	if (strcmp(g->field, "ip") == 0)
		return add_addrs(plan, g, keys, error);
	if (strcmp(g->field, "port") == 0)
		return add_ports(plan, g, keys, error);
	if (strcmp(g->field, "proto") == 0)
		return add_protos(plan, g, keys, error);
	return add_column(plan, g, keys, error);
}

static void
add_keys(struct flows_plan *plan, const uint32_t *keys, size_t n)
{
	ew_text_add(&plan->blocks, " AND ew_has_key(b.keys");
	for (size_t i = 0; i < n; i++) {
		ew_text_add(&plan->blocks, ", ?");
		query_bind_int(&plan->block_params, keys[i]);
	}
	ew_text_add(&plan->blocks, ")");
}

#define PAIRS_MAX 256
static void
add_pairs(struct flows_plan *plan)
{
	const bool is_edge = plan->port >= 0 && plan->proto >= 0;
	uint32_t keys[PAIRS_MAX];
	size_t n = 0;

	if (plan->n_from * plan->n_to == 0 || plan->n_from * plan->n_to > PAIRS_MAX)
		return;
	for (size_t i = 0; i < plan->n_from; i++)
		for (size_t k = 0; k < plan->n_to; k++)
			keys[n++] = is_edge
			    ? ew_key_edge(plan->from[i], plan->to[k],
				  (uint8_t)plan->proto, (uint16_t)plan->port)
			    : ew_key_pair(plan->from[i], plan->to[k]);
	add_keys(plan, keys, n);
}

static void
add_window(struct flows_plan *plan, const struct ew_query *query)
{
	if (query->since_us) {
		ew_text_add(&plan->rows, " AND f.end_us >= ?");
		query_bind_int(&plan->row_params, query->since_us);
		ew_text_add(&plan->blocks, " AND b.last_us >= ?");
		query_bind_int(&plan->block_params, query->since_us);
	}
	if (query->until_us) {
		ew_text_add(&plan->rows, " AND f.end_us - f.duration_us < ?");
		query_bind_int(&plan->row_params, query->until_us);
		ew_text_add(&plan->blocks, " AND b.first_us < ?");
		query_bind_int(&plan->block_params, query->until_us);
	}
}

int
flows_plan_init(struct flows_plan *plan, struct ew_reader *reader,
    const struct ew_query *query, struct ew_error *error)
{
	struct query_group *groups = ew_alloc_array(EW_TERMS_MAX, sizeof(*groups));
	const size_t n = query_groups(query, groups);
	int rc = 0;

	*plan = (struct flows_plan){ .proto = -1, .port = -1 };
	ew_text_init(&plan->rows, 1u << 20);
	ew_text_init(&plan->blocks, 1u << 20);
	(void)sqlite3_exec(reader->db.handle, "DELETE FROM temp.ew_set", NULL, NULL,
	    NULL);
	reader->next_set = 0;
	add_window(plan, query);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct keys keys = { 0 };

		normalise(&groups[i]);
		ew_text_add(&plan->rows,
		    groups[i].is_negated ? " AND NOT coalesce((" : " AND (");
		rc = add_group(plan, reader, &groups[i], &keys, error);
		ew_text_add(&plan->rows, groups[i].is_negated ? "), 0)" : ")");
		if (!groups[i].is_negated && !keys.is_open && keys.n > 0)
			add_keys(plan, keys.at, keys.n);
	}
	add_pairs(plan);
	free(groups);
	if (rc == 0 && (plan->row_params.is_full || plan->block_params.is_full))
		rc = ew_error_set(error, EW_ERR_USAGE, "too many filters: put fewer");
	return rc;
}

void
flows_plan_fini(struct flows_plan *plan)
{
	query_params_fini(&plan->row_params);
	query_params_fini(&plan->block_params);
	ew_text_fini(&plan->rows);
	ew_text_fini(&plan->blocks);
}
