/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline: workloads, edges, the graph's own clock, decisions, and what detectors keep
 * over a restart. The graph hands out whole records of what changed; a row is replaced.
 *
 * Rollups come from the same records: an edge's counters only grow, so what this record has
 * more than the row before it happened since, and is added to the hour of its last contact.
 * The sum over an edge's rollups is then always what its counters say.
 */
#include <string.h>

#include "base/text.h"
#include "store/store_priv.h"

#define HOUR_US INT64_C(3600000000)

static int64_t
us(int64_t ns)
{
	return ns < 0 ? ns : ns / EW_NS_PER_US; /* -1 means "none" in some fields */
}

void
store_apply_workload(struct ew_store *store, const struct ew_workload_record *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_WORKLOAD_PUT);
	int at = 1;

	if (!s)
		return;
	ew_db_bind_text(s, at++, r->name);
	ew_db_bind_int(s, at++, r->cls);
	ew_db_bind_text(s, at++, r->group);
	ew_db_bind_text(s, at++, r->image_repo);
	const int64_t values[] = { r->is_managed, r->is_job, r->state, r->is_locked,
		r->is_quarantined, r->was_there, r->is_incomplete, r->labels,
		r->posture, us(r->first_ns), us(r->last_ns), us(r->age_ns),
		us(r->learned_age_ns), us(r->new_edge_age_ns), r->discoveries_q16[0],
		r->discoveries_q16[1], us(r->discovery_age_ns[0]),
		us(r->discovery_age_ns[1]), r->starts, r->runs, r->incidences, r->f1,
		r->f2, (int64_t)r->sessions_in, (int64_t)r->sessions_out,
		(int64_t)r->run_out, r->resolved_yes, r->resolved_all,
		(int64_t)r->spec_hash, r->m_permille, r->coverage_permille,
		r->missing_mass_permille, r->edges_out, r->edges_in, r->candidates,
		r->quarantined };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		ew_db_bind_int(s, at++, values[i]);
	(void)ew_db_run(&store->db, ST_WORKLOAD_PUT);
}

void
store_apply_workload_removed(struct ew_store *store, const char *name)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_WORKLOAD_FORGET);

	if (!s)
		return;
	ew_db_bind_text(s, 1, name);
	(void)ew_db_run(&store->db, ST_WORKLOAD_FORGET);
}

void
store_apply_meta(struct ew_store *store, const struct ew_graph_record *r)
{
	store_meta_set(store, "observed_us", us(r->observed_ns));
	store_meta_set(store, "first_us", us(r->first_ns));
}

static bool
bind_edge_key(struct ew_store *store, sqlite3_stmt *s, const struct rec_edge *r)
{
	const int64_t src = store_id(&store->workloads, r->src);
	const int64_t dst = store_id(&store->workloads, r->dst);

	if (!s || !src || !dst)
		return false;
	ew_db_bind_int(s, 1, src);
	ew_db_bind_int(s, 2, dst);
	ew_db_bind_int(s, 3, r->edge.proto);
	ew_db_bind_int(s, 4, r->edge.port);
	return true;
}

void
store_apply_edge_removed(struct ew_store *store, const struct rec_edge *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_EDGE_FORGET);

	if (bind_edge_key(store, s, r))
		(void)ew_db_run(&store->db, ST_EDGE_FORGET);
}

/* Counters of the row as it is: connections, failed, src_bytes, dst_bytes. */
static void
read_counters(struct ew_store *store, const struct rec_edge *r, int64_t ret_counters[4])
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_EDGE_FIND);

	memset(ret_counters, 0, 4 * sizeof(*ret_counters));
	if (!bind_edge_key(store, s, r))
		return;
	/* A forgotten edge counts from zero when it comes back. */
	if (ew_db_step(&store->db, ST_EDGE_FIND) == 1 && sqlite3_column_int(s, 1))
		for (int i = 0; i < 4; i++)
			ret_counters[i] = sqlite3_column_int64(s, 2 + i);
	ew_db_reset(&store->db, ST_EDGE_FIND);
}

static void
add_rollup(struct ew_store *store, const struct ew_edge *e, int64_t edge,
    const int64_t before[4])
{
	const int64_t now[4] = { (int64_t)e->connections, (int64_t)e->failed,
		(int64_t)e->src_bytes, (int64_t)e->dst_bytes };
	int64_t more[4];
	bool any = false;

	for (int i = 0; i < 4; i++) {
		/* Counters that fell were started anew. */
		more[i] = now[i] >= before[i] ? now[i] - before[i] : now[i];
		any = any || more[i] != 0;
	}
	if (!any)
		return;
	if (store->shed_rollups) {
		__atomic_fetch_add(&store->counts.rollups_shed, 1, __ATOMIC_RELAXED);
		return;
	}
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_ROLLUP_ADD);

	if (!s)
		return;
	ew_db_bind_int(s, 1, us(e->last_ns) / HOUR_US * HOUR_US);
	ew_db_bind_int(s, 2, edge);
	for (int i = 0; i < 4; i++)
		ew_db_bind_int(s, 3 + i, more[i]);
	(void)ew_db_run(&store->db, ST_ROLLUP_ADD);
}

void
store_apply_edge(struct ew_store *store, const struct rec_edge *r)
{
	const struct ew_edge *e = &r->edge;
	int64_t before[4];

	read_counters(store, r, before);
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_EDGE_PUT);
	int at = 5;

	if (!bind_edge_key(store, s, r))
		return;
	const int64_t values[] = { e->status, e->origin, e->flags, e->starts, e->wdays,
		e->hours, e->days, e->slices, e->last_slice, e->slots, us(e->first_ns),
		us(e->last_ns), us(e->max_gap_ns), us(e->established_ns),
		us(e->expires_ns), (int64_t)e->decision_id, (int64_t)e->connections,
		(int64_t)e->failed, (int64_t)e->src_bytes, (int64_t)e->dst_bytes,
		(int64_t)e->max_bytes_h, e->replicas };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		ew_db_bind_int(s, at++, values[i]);
	ew_db_bind_blob(s, at, e->replicas_hll, sizeof(e->replicas_hll));
	const int64_t id =
	    ew_db_step(&store->db, ST_EDGE_PUT) == 1 ? sqlite3_column_int64(s, 0) : 0;

	ew_db_reset(&store->db, ST_EDGE_PUT);
	if (!id)
		return;
	__atomic_fetch_add(&store->counts.edges, 1, __ATOMIC_RELAXED);
	add_rollup(store, e, id, before);
}

void
store_apply_decision(struct ew_store *store, const struct ew_decision_record *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_DECISION_PUT);

	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)r->id);
	ew_db_bind_int(s, 2, us(r->at_ns));
	ew_db_bind_int(s, 3, r->action);
	ew_db_bind_text(s, 4, r->pattern.src);
	ew_db_bind_text(s, 5, r->pattern.dst);
	ew_db_bind_int(s, 6, r->pattern.port);
	ew_db_bind_int(s, 7, r->pattern.proto);
	ew_db_bind_int(s, 8, us(r->expires_ns));
	ew_db_bind_int(s, 9, (int64_t)r->incident_id);
	ew_db_bind_int(s, 10, (int64_t)r->undoes);
	ew_db_bind_int(s, 11, r->labels);
	ew_db_bind_int(s, 12, r->edges);
	ew_db_bind_text(s, 13, r->who);
	ew_db_bind_text(s, 14, r->why);
	if (ew_db_run(&store->db, ST_DECISION_PUT) != 0 || r->action != EW_ACT_UNDO)
		return;
	s = ew_db_stmt(&store->db, ST_DECISION_UNDO);
	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)r->undoes);
	(void)ew_db_run(&store->db, ST_DECISION_UNDO);
}

void
store_apply_state(struct ew_store *store, const struct rec_head *record)
{
	const struct rec_state *r = (const void *)record;
	sqlite3_stmt *s;

	switch ((enum rec_kind)record->kind) {
	case REC_STATE_BEGIN:
		store->generation++;
		store_meta_set(store, "generation", store->generation);
		return;
	case REC_STATE:
		s = ew_db_stmt(&store->db, ST_STATE_PUT);
		if (!s)
			return;
		ew_db_bind_text(s, 1, r->record.detector);
		ew_db_bind_text(s, 2, r->record.key);
		ew_db_bind_int(s, 3, r->record.version);
		ew_db_bind_int(s, 4, store->generation);
		ew_db_bind_blob(s, 5, r->record.data, r->record.size);
		(void)ew_db_run(&store->db, ST_STATE_PUT);
		return;
	default: /* REC_STATE_END */
		s = ew_db_stmt(&store->db, ST_STATE_CUT);
		if (!s)
			return;
		ew_db_bind_int(s, 1, store->generation);
		(void)ew_db_run(&store->db, ST_STATE_CUT);
		return;
	}
}
