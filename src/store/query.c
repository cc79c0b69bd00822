/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a person asked to SQL over a view. Terms with the same field, side and negation
 * are alternatives; everything else must hold. The columns a field means are in one table
 * per view; values are always bound, never written into the text.
 */
#include "store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "store/query_priv.h"

/* --- parameters ------------------------------------------------------------------------------ */

void
query_params_fini(struct query_params *params)
{
	for (size_t i = 0; i < params->n_kept; i++)
		free(params->kept[i]);
	params->n_kept = params->n = 0;
}

static void
add_param(struct query_params *params, struct query_param param)
{
	if (params->n == PARAMS_MAX)
		params->is_full = true;
	else
		params->at[params->n++] = param;
}

void
query_bind_int(struct query_params *params, int64_t number)
{
	add_param(params, (struct query_param){ .is_int = true, .number = number });
}

void
query_bind_text(struct query_params *params, const char *text)
{
	add_param(params, (struct query_param){ .text = text });
}

void
query_bind_kept(struct query_params *params, char *take_text)
{
	if (params->n_kept == sizeof(params->kept) / sizeof(params->kept[0])) {
		params->is_full = true;
		free(take_text);
		return;
	}
	params->kept[params->n_kept++] = take_text;
	query_bind_text(params, take_text);
}

void
query_bind_all(sqlite3_stmt *stmt, const struct query_params *params)
{
	for (size_t i = 0; i < params->n; i++)
		if (params->at[i].is_int)
			ew_db_bind_int(stmt, (int)i + 1, params->at[i].number);
		else
			ew_db_bind_text(stmt, (int)i + 1, params->at[i].text);
}

/* --- values ---------------------------------------------------------------------------------- */

int
query_parse_prefix(const char *value, struct ew_prefix *ret_prefix,
    struct ew_error *error)
{
	if (ew_prefix_parse(value, ret_prefix) == 0)
		return 0;
	return ew_error_set(error, EW_ERR_USAGE,
	    "\"%s\" is no address and no prefix: write 10.0.0.1, 10.0.0.0/8 or "
	    "fd00::/8",
	    value);
}

int
query_parse_port(const char *value, int64_t *ret_port, struct ew_error *error)
{
	char *end;

	errno = 0;
	const long long port = strtoll(value, &end, 10);

	if (*value && !*end && errno == 0 && port >= 0 && port <= 65535) {
		*ret_port = port;
		return 0;
	}
	return ew_error_set(error, EW_ERR_USAGE,
	    "\"%s\" is no port: write a number, 0 to 65535", value);
}

static bool
is_glob(const char *value)
{
	return strpbrk(value, "*?") != NULL;
}

void
query_add_name(struct ew_text *sql, struct query_params *params, const char *column,
    const char *value)
{
	if (is_glob(value)) {
		ew_text_addf(sql, "ew_glob(?, %s)", column);
		query_bind_text(params, value);
		return;
	}
	/* "shop/web" also means "compose/shop/web". */
	const size_t size = strlen(value) + 3;
	char *tail = ew_alloc(size);

	snprintf(tail, size, "*/%s", value);
	ew_text_addf(sql, "(%s = ? OR ew_glob(?, %s))", column, column);
	query_bind_text(params, value);
	query_bind_kept(params, tail);
}

/* ">=50": returns the operator and moves *value past it; "=" when there is none. */
static const char *
take_operator(const char **value)
{
	static const char *const operators[] = { ">=", "<=", ">", "<", "=" };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const size_t n = strlen(operators[i]);

		if (strncmp(*value, operators[i], n) == 0) {
			*value += n;
			return operators[i];
		}
	}
	return "=";
}

static int
add_number(struct ew_text *sql, struct query_params *params, const char *column,
    const char *value, struct ew_error *error)
{
	const char *number = value;
	const char *operator= take_operator(&number);
	char *end;

	errno = 0;
	const long long n = strtoll(number, &end, 10);

	if (*number && !*end && errno == 0) {
		ew_text_addf(sql, "%s %s ?", column, operator);
		query_bind_int(params, n);
		return 0;
	}
	if (strcmp(number, "true") == 0 || strcmp(number, "false") == 0) {
		ew_text_addf(sql, "%s %s ?", column, operator);
		query_bind_int(params, number[0] == 't');
		return 0;
	}
	(void)strtod(number, &end);
	if (*number && !*end) {
		ew_text_addf(sql, "%s %s CAST(? AS REAL)", column, operator);
		query_bind_text(params, number);
		return 0;
	}
	/* dst_port of an edge may be a word. */
	if (strcmp(number, "dyn") == 0 || strcmp(number, "any") == 0) {
		ew_text_addf(sql, "%s = ?", column);
		query_bind_text(params, number);
		return 0;
	}
	return ew_error_set(error, EW_ERR_USAGE,
	    "%s: \"%s\" is no number: write N, >N, >=N, <N or <=N", column, value);
}

/* Ids are integers in the tables, with an index: no need to print all to compare them. */
static bool
add_id(struct ew_text *sql, struct query_params *params, enum ew_view view,
    const char *field, const char *value)
{
	static const struct {
		enum ew_view view;
		const char *field, *sql;
	} ids[] = {
		{ EW_VIEW_SIGNALS, "id",
		    "seq IN (SELECT rev FROM signal WHERE id = ?)" },
		{ EW_VIEW_SIGNALS, "incident_id",
		    "seq IN (SELECT rev FROM signal WHERE incident = ? AND incident <> "
		    "0)" },
		{ EW_VIEW_INCIDENTS, "id",
		    "seq IN (SELECT rev FROM incident WHERE id = ?)" },
	};

	if (strlen(value) != 16 || strspn(value, "0123456789abcdef") != 16)
		return false;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (ids[i].view == view && strcmp(ids[i].field, field) == 0) {
			ew_text_add(sql, ids[i].sql);
			query_bind_int(params, (int64_t)strtoull(value, NULL, 16));
			return true;
		}
	return false;
}

int
query_add_field(struct ew_text *sql, struct query_params *params, enum ew_view view,
    const char *field, const char *value, struct ew_error *error)
{
	const struct ew_field *f =
	    &ew_view_info(view)->fields[ew_view_field(view, field)];

	if (strcmp(value, "null") == 0) {
		ew_text_addf(sql, "%s IS NULL", field);
		return 0;
	}
	if (add_id(sql, params, view, field, value))
		return 0;
	switch (f->type) {
	case EW_FIELD_INT:
	case EW_FIELD_REAL:
	case EW_FIELD_TIME_US:
	case EW_FIELD_SECONDS:
	case EW_FIELD_BYTES:
	case EW_FIELD_BOOL:
	case EW_FIELD_FRACTION:
		return add_number(sql, params, field, value, error);
	case EW_FIELD_JSON:
		/* Any element, or any member's text. */
		ew_text_addf(sql,
		    "EXISTS (SELECT 1 FROM json_tree(%s) j WHERE j.atom IS NOT NULL "
		    "AND ew_glob(?, j.atom))",
		    field);
		query_bind_text(params, value);
		return 0;
	case EW_FIELD_TEXT:
	case EW_FIELD_ID:
		ew_text_addf(sql, is_glob(value) ? "ew_glob(?, %s)" : "? = %s", field);
		query_bind_text(params, value);
		return 0;
	}
	return 0;
}

/* --- fields that stand for columns ------------------------------------------------------------ */

/* Columns a word means in each view; NULL: it makes no sense there. */
struct word {
	const char *field;
	struct {
		const char *from, *to;
	} in[EW_VIEWS];
};

#define ENDS(name)                       \
	{                                \
		"src_" name, "dst_" name \
	}
#define ONE(name)          \
	{                  \
		name, name \
	}

static const struct word words[] = {
	{ "workload",
	    { [EW_VIEW_FLOWS] = ENDS("workload"),
		[EW_VIEW_EDGES] = ENDS("workload"),
		[EW_VIEW_INCIDENTS] = { "src_workload", "targets" },
		[EW_VIEW_SIGNALS] = ENDS("workload"),
		[EW_VIEW_WORKLOADS] = ONE("workload"),
		[EW_VIEW_INSTANCES] = ONE("workload"),
		[EW_VIEW_WHO] = ONE("workload"),
		[EW_VIEW_DECISIONS] = ENDS("workload"),
		[EW_VIEW_ROLLUPS] = ENDS("workload") } },
	{ "container",
	    { [EW_VIEW_FLOWS] = ENDS("instance"),
		[EW_VIEW_INCIDENTS] = { "src_instance", NULL },
		[EW_VIEW_SIGNALS] = ENDS("instance"),
		[EW_VIEW_INSTANCES] = ONE("id"),
		[EW_VIEW_WHO] = ONE("instance") } },
	{ "ip",
	    { [EW_VIEW_FLOWS] = ENDS("ip"),
		[EW_VIEW_SIGNALS] = ENDS("ip"),
		[EW_VIEW_WHO] = ONE("ip"),
		[EW_VIEW_INCIDENTS] = { NULL, "targets" },
		[EW_VIEW_INSTANCES] = ONE("addresses"),
		[EW_VIEW_EDGES] = ENDS("workload"),
		[EW_VIEW_WORKLOADS] = ONE("workload"),
		[EW_VIEW_ROLLUPS] = ENDS("workload") } },
	{ "port",
	    { [EW_VIEW_FLOWS] = ENDS("port"),
		[EW_VIEW_EDGES] = { NULL, "dst_port" },
		[EW_VIEW_SIGNALS] = { NULL, "dst_port" },
		[EW_VIEW_INCIDENTS] = { NULL, "targets" },
		[EW_VIEW_DECISIONS] = { NULL, "dst_port" },
		[EW_VIEW_ROLLUPS] = { NULL, "dst_port" } } },
	{ "proto",
	    { [EW_VIEW_FLOWS] = ONE("proto"),
		[EW_VIEW_EDGES] = ONE("proto"),
		[EW_VIEW_SIGNALS] = ONE("proto"),
		[EW_VIEW_INCIDENTS] = ONE("targets"),
		[EW_VIEW_DECISIONS] = ONE("proto"),
		[EW_VIEW_ROLLUPS] = ONE("proto") } },
	{ "state",
	    { [EW_VIEW_FLOWS] = ONE("conn_state"),
		[EW_VIEW_WORKLOADS] = ONE("state"),
		[EW_VIEW_INCIDENTS] = ONE("state"),
		[EW_VIEW_OUTBOX] = ONE("state") } },
	{ "status",
	    { [EW_VIEW_FLOWS] = ONE("verdict"),
		[EW_VIEW_EDGES] = ONE("status"),
		[EW_VIEW_INCIDENTS] = ONE("decision"),
		[EW_VIEW_OUTBOX] = ONE("state") } },
};

static const struct word *
find_word(const char *field)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].field, field) == 0)
			return &words[i];
	return NULL;
}

static bool
is_json(enum ew_view view, const char *column)
{
	const int at = ew_view_field(view, column);

	return at >= 0 && ew_view_info(view)->fields[at].type == EW_FIELD_JSON;
}

static const char *
proto_word(const char *value)
{
	static const struct {
		const char *number, *name;
	} protos[] = { { "1", "icmp" }, { "6", "tcp" }, { "17", "udp" },
		{ "58", "icmp6" }, { "132", "sctp" } };

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (strcmp(protos[i].number, value) == 0)
			return protos[i].name;
	return value;
}

static int
add_ip(struct ew_text *sql, struct query_params *params, enum ew_view view,
    const char *column, const char *value, struct ew_error *error)
{
	struct ew_prefix prefix;
	const int rc = query_parse_prefix(value, &prefix, error);

	if (rc != 0)
		return rc;
	if (strcmp(column, "targets") == 0)
		ew_text_add(sql,
		    "EXISTS (SELECT 1 FROM json_each(targets) j WHERE "
		    "ew_in_prefix(?, j.value ->> 'address'))");
	else if (is_json(view, column))
		ew_text_addf(sql,
		    "EXISTS (SELECT 1 FROM json_each(%s) j WHERE ew_in_prefix(?, "
		    "j.value))",
		    column);
	else if (strstr(column, "workload"))
		/* Edges and workloads have no address: whoever ever held it. */
		ew_text_addf(sql,
		    "%s IN (SELECT w.workload FROM v_who w WHERE ew_in_prefix(?, "
		    "w.ip))",
		    column);
	else
		ew_text_addf(sql, "ew_in_prefix(?, %s)", column);
	query_bind_text(params, value);
	return 0;
}

static void
add_container(struct ew_text *sql, struct query_params *params, const char *column,
    const char *value)
{
	const size_t size = strlen(value) + 2;
	char *prefix = ew_alloc(size);

	snprintf(prefix, size, "%s*", value);
	ew_text_addf(sql,
	    "%s IN (SELECT cid FROM instance WHERE ew_glob(?, name) OR ew_glob(?, "
	    "cid))",
	    column);
	query_bind_text(params, value);
	query_bind_kept(params, prefix);
}

static int
add_word(struct ew_text *sql, struct query_params *params, enum ew_view view,
    const struct word *word, const char *column, const char *value,
    struct ew_error *error)
{
	int64_t port;

	if (strcmp(word->field, "ip") == 0)
		return add_ip(sql, params, view, column, value, error);
	if (strcmp(word->field, "container") == 0) {
		add_container(sql, params, column, value);
		return 0;
	}
	if (strcmp(word->field, "workload") == 0) {
		if (is_json(view, column)) {
			ew_text_add(sql,
			    "EXISTS (SELECT 1 FROM json_each(targets) j WHERE ");
			query_add_name(sql, params, "(j.value ->> 'workload')", value);
			ew_text_add(sql, ")");
		} else {
			query_add_name(sql, params, column, value);
		}
		return 0;
	}
	if (strcmp(word->field, "port") == 0) {
		if (strcmp(value, "dyn") != 0 && strcmp(value, "any") != 0) {
			const int rc = query_parse_port(value, &port, error);

			if (rc != 0)
				return rc;
		}
		if (is_json(view, column)) {
			ew_text_add(sql,
			    "EXISTS (SELECT 1 FROM json_each(targets) j WHERE "
			    "CAST(j.value ->> 'port' AS TEXT) = ?)");
			query_bind_text(params, value);
			return 0;
		}
		return add_number(sql, params, column, value, error);
	}
	if (strcmp(word->field, "proto") == 0) {
		if (is_json(view, column))
			ew_text_add(sql,
			    "EXISTS (SELECT 1 FROM json_each(targets) j WHERE "
			    "lower(?) = j.value ->> 'proto')");
		else
			ew_text_addf(sql, "lower(?) = %s", column);
		query_bind_text(params, proto_word(value));
		return 0;
	}
	return query_add_field(sql, params, view, column, value, error);
}

/* One alternative of a group: the word's columns on the side asked for. */
static int
add_alternative(struct ew_text *sql, struct query_params *params, enum ew_view view,
    const struct query_group *g, const char *value, struct ew_error *error)
{
	const struct word *word = find_word(g->field);

	if (!word)
		return query_add_field(sql, params, view, g->field, value, error);
	const char *from = g->side != EW_SIDE_TO ? word->in[view].from : NULL;
	const char *to = g->side != EW_SIDE_FROM ? word->in[view].to : NULL;
	int rc = 0;

	if (from && to && strcmp(from, to) == 0)
		to = NULL;
	if (from)
		rc = add_word(sql, params, view, word, from, value, error);
	if (from && to)
		ew_text_add(sql, " OR ");
	if (to && rc == 0)
		rc = add_word(sql, params, view, word, to, value, error);
	return rc;
}

static int
check_group(enum ew_view view, const struct query_group *g, struct ew_error *error)
{
	const struct word *word = find_word(g->field);

	if (!word && ew_view_field(view, g->field) >= 0)
		return 0;
	if (word &&
	    ((g->side != EW_SIDE_TO && word->in[view].from) ||
		(g->side != EW_SIDE_FROM && word->in[view].to)))
		return 0;
	return ew_error_set(error, EW_ERR_USAGE, "%s cannot be filtered by %s%s",
	    ew_view_info(view)->name,
	    word && g->side == EW_SIDE_FROM	? "from-"
		: word && g->side == EW_SIDE_TO ? "to-"
						: "",
	    g->field);
}

size_t
query_groups(const struct ew_query *query, struct query_group *ret_groups)
{
	size_t n = 0;

	for (size_t i = 0; i < query->n_terms && i < EW_TERMS_MAX; i++) {
		const struct ew_term *t = &query->terms[i];
		struct query_group *g = NULL;

		for (size_t j = 0; j < n && !g; j++)
			if (strcmp(ret_groups[j].field, t->field) == 0 &&
			    ret_groups[j].side == t->side &&
			    ret_groups[j].is_negated == t->is_negated)
				g = &ret_groups[j];
		if (!g) {
			g = &ret_groups[n++];
			g->field = t->field;
			g->side = t->side;
			g->is_negated = t->is_negated;
			g->n = 0;
		}
		g->values[g->n++] = t->value;
	}
	return n;
}

int
query_add_terms(struct ew_text *sql, struct query_params *params,
    const struct ew_query *query, struct ew_error *error)
{
	struct query_group *groups = ew_alloc_array(EW_TERMS_MAX, sizeof(*groups));
	const size_t n = query_groups(query, groups);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct query_group *g = &groups[i];

		rc = check_group(query->view, g, error);
		/* What cannot be said (NULL) does not match, so its negation does. */
		ew_text_add(sql, g->is_negated ? " AND NOT coalesce((" : " AND (");
		for (size_t k = 0; k < g->n && rc == 0; k++) {
			ew_text_add(sql, k ? " OR " : "");
			rc = add_alternative(sql, params, query->view, g, g->values[k],
			    error);
		}
		ew_text_add(sql, g->is_negated ? "), 0)" : ")");
	}
	free(groups);
	if (rc == 0 && (params->is_full || sql->full))
		rc = ew_error_set(error, EW_ERR_USAGE, "too many filters: put fewer");
	return rc;
}

/* --- columns ----------------------------------------------------------------------------------- */

size_t
ew_query_columns(const struct ew_query *query, const char *ret_names[], size_t max)
{
	const struct ew_view_info *info = ew_view_info(query->view);
	size_t n = 0;

	if (query->n_group == 0) {
		for (size_t i = 0; i < info->n_fields && n < max; i++)
			ret_names[n++] = info->fields[i].name;
		return n;
	}
	for (size_t i = 0; i < query->n_group && n < max; i++)
		ret_names[n++] = query->group[i];
	if (n < max)
		ret_names[n++] = "count";
	for (size_t i = 0; i < info->n_fields && n < max; i++)
		if (info->fields[i].places & EW_FIELD_SUM)
			ret_names[n++] = info->fields[i].name;
	return n;
}

void
query_add_columns(struct ew_text *sql, const struct ew_query *query)
{
	const char *names[96];
	const size_t n =
	    ew_query_columns(query, names, sizeof(names) / sizeof(names[0]));

	for (size_t i = 0; i < n; i++) {
		const bool is_sum = query->n_group > 0 && i > query->n_group;

		ew_text_add(sql, i ? ", " : "");
		if (query->n_group > 0 && i == query->n_group)
			ew_text_add(sql, "count(*) AS count");
		else if (is_sum)
			ew_text_addf(sql, "sum(%s) AS %s", names[i], names[i]);
		else
			ew_text_add(sql, names[i]);
	}
}
