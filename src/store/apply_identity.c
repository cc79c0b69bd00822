/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workloads, instances, networks and leases: the dimensions that everything else names.
 * The process knows them by small ids that mean nothing after a restart; here they get
 * rows, found again by what is stable (a name, a container id and its start, an address and
 * its time), and a map from the process's id to the row's.
 *
 * run counts the daemons that wrote this database. What an earlier run left open and
 * nobody has told again when the first inventory is complete, has ended while we were away.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/store_priv.h"

int64_t
store_id(const struct store_ids *ids, uint32_t id)
{
	return id < ids->n ? ids->db[id] : 0;
}

void
store_id_set(struct store_ids *ids, uint32_t id, int64_t db)
{
	if (id >= ids->n) {
		const size_t n = ((size_t)id + 1) * 2 + 256;

		ids->db = ew_realloc_array(ids->db, n, sizeof(*ids->db));
		memset(ids->db + ids->n, 0, (n - ids->n) * sizeof(*ids->db));
		ids->n = n;
	}
	ids->db[id] = db;
}

void
store_meta_set(struct ew_store *store, const char *key, int64_t value)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_META_SET);

	if (!s)
		return;
	ew_db_bind_text(s, 1, key);
	ew_db_bind_int(s, 2, value);
	(void)ew_db_run(&store->db, ST_META_SET);
}

void
store_meta_text(struct ew_store *store, const char *key, const char *value)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_META_SET);

	if (!s)
		return;
	ew_db_bind_text(s, 1, key);
	ew_db_bind_text(s, 2, value);
	(void)ew_db_run(&store->db, ST_META_SET);
}

int64_t
store_workload_row(struct ew_store *store, const char *name, uint8_t cls)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_WORKLOAD_FIND);

	if (!s)
		return 0;
	ew_db_bind_text(s, 1, name);
	const int rc = ew_db_step(&store->db, ST_WORKLOAD_FIND);
	int64_t id = rc == 1 ? sqlite3_column_int64(s, 0) : 0;

	ew_db_reset(&store->db, ST_WORKLOAD_FIND);
	if (rc != 0)
		return id;
	s = ew_db_stmt(&store->db, ST_WORKLOAD_ADD);
	if (!s)
		return 0;
	ew_db_bind_text(s, 1, name);
	ew_db_bind_int(s, 2, cls);
	ew_db_bind_int(s, 3,
	    atomic_load_explicit(&store->now_us, memory_order_relaxed));
	if (ew_db_run(&store->db, ST_WORKLOAD_ADD) != 0)
		return 0;
	return sqlite3_last_insert_rowid(store->db.handle);
}

void
store_apply_name(struct ew_store *store, const struct rec_name *r)
{
	const int64_t id = store_workload_row(store, r->name, r->cls);

	if (id)
		store_id_set(&store->workloads, r->id, id);
}

static void
bind_instance(struct ew_store *store, sqlite3_stmt *s, const struct rec_instance *r)
{
	ew_db_bind_text(s, 1, r->cid);
	ew_db_bind_int(s, 2, r->started_us);
	ew_db_bind_text(s, 3, r->name);
	ew_db_bind_text(s, 4, r->hostname);
	ew_db_bind_text(s, 5, r->image);
	ew_db_bind_text(s, 6, r->runtime);
	ew_db_bind_null_if(s, 7, store_id(&store->workloads, r->workload), 0);
	ew_db_bind_null_if(s, 8, r->stopped_us, 0);
	ew_db_bind_int(s, 9, r->posture);
	ew_db_bind_int(s, 10, r->labels);
	ew_db_bind_int(s, 11, (int64_t)r->spec_hash);
	ew_db_bind_int(s, 12, store->run);
}

static int64_t
find_instance(struct ew_store *store, const struct rec_instance *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_INSTANCE_FIND);

	if (!s)
		return 0;
	ew_db_bind_text(s, 1, r->cid);
	ew_db_bind_int(s, 2, r->started_us);
	const int64_t id = ew_db_step(&store->db, ST_INSTANCE_FIND) == 1
	    ? sqlite3_column_int64(s, 0)
	    : 0;

	ew_db_reset(&store->db, ST_INSTANCE_FIND);
	return id;
}

static bool
set_instance(struct ew_store *store, const struct rec_instance *r, int64_t id)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_INSTANCE_SET);

	if (!s)
		return false;
	bind_instance(store, s, r);
	ew_db_bind_int(s, 13, id);
	return ew_db_run(&store->db, ST_INSTANCE_SET) == 0 &&
	    sqlite3_changes(store->db.handle) > 0;
}

void
store_apply_instance(struct ew_store *store, const struct rec_instance *r)
{
	/* Known in this run, perhaps with a better start time or id than at first. */
	int64_t id = store_id(&store->instances, r->id);

	if (id && set_instance(store, r, id))
		return;
	id = find_instance(store, r);
	if (id) {
		(void)set_instance(store, r, id);
		store_id_set(&store->instances, r->id, id);
		return;
	}
	/* The same container, started again: its earlier row ends. */
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_INSTANCE_END);

	if (!s)
		return;
	ew_db_bind_text(s, 1, r->cid);
	ew_db_bind_int(s, 2, r->started_us);
	(void)ew_db_run(&store->db, ST_INSTANCE_END);
	s = ew_db_stmt(&store->db, ST_INSTANCE_ADD);
	if (!s)
		return;
	bind_instance(store, s, r);
	/* The add has the columns in the order of bind_instance. */
	if (ew_db_run(&store->db, ST_INSTANCE_ADD) == 0)
		store_id_set(&store->instances, r->id,
		    sqlite3_last_insert_rowid(store->db.handle));
}

static void
add_prefixes(struct ew_text *text, const struct ew_network_info *info)
{
	char one[EW_ADDR_TEXT + 4];

	ew_text_add(text, "[");
	for (size_t i = 0; i < info->n_subnets && i < EW_NETWORK_SUBNETS_MAX; i++)
		ew_text_addf(text, "%s\"%s\"", i ? "," : "",
		    ew_prefix_format(&info->subnets[i], one));
	ew_text_add(text, "]");
}

static void
add_gateways(struct ew_text *text, const struct ew_network_info *info)
{
	char one[EW_ADDR_TEXT];

	ew_text_add(text, "[");
	for (size_t i = 0; i < info->n_gateways && i < EW_NETWORK_SUBNETS_MAX; i++)
		ew_text_addf(text, "%s\"%s\"", i ? "," : "",
		    ew_addr_format(&info->gateways[i], one));
	ew_text_add(text, "]");
}

void
store_apply_network(struct ew_store *store, const struct rec_network *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_NETWORK_PUT);
	struct ew_text subnets, gateways;

	if (!s)
		return;
	ew_text_init(&subnets, 4096);
	ew_text_init(&gateways, 4096);
	add_prefixes(&subnets, &r->info);
	add_gateways(&gateways, &r->info);
	ew_db_bind_text(s, 1, r->info.id);
	ew_db_bind_text(s, 2, r->info.name[0] ? r->info.name : r->info.id);
	ew_db_bind_text(s, 3, r->info.bridge);
	ew_db_bind_int(s, 4, r->info.is_internal);
	ew_db_bind_int(s, 5, r->info.icc_disabled);
	ew_db_bind_text(s, 6, subnets.text);
	ew_db_bind_text(s, 7, gateways.text);
	ew_db_bind_int(s, 8, r->from_us);
	ew_db_bind_null_if(s, 9, r->to_us, 0);
	ew_db_bind_int(s, 10, store->run);
	ew_text_fini(&subnets);
	ew_text_fini(&gateways);
	if (ew_db_run(&store->db, ST_NETWORK_PUT) != 0)
		return;
	s = ew_db_stmt(&store->db, ST_NETWORK_FIND);
	if (!s)
		return;
	ew_db_bind_text(s, 1, r->info.id);
	if (ew_db_step(&store->db, ST_NETWORK_FIND) == 1)
		store_id_set(&store->networks, r->id, sqlite3_column_int64(s, 0));
	ew_db_reset(&store->db, ST_NETWORK_FIND);
}

void
store_apply_lease(struct ew_store *store, const struct rec_lease *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_LEASE_PUT);
	char ip[EW_ADDR_TEXT], mac[EW_MAC_TEXT];

	if (!s)
		return;
	ew_db_bind_blob(s, 1, r->addr.b, sizeof(r->addr.b));
	ew_db_bind_int(s, 2, r->host_ifindex);
	ew_db_bind_int(s, 3, r->from_us);
	ew_db_bind_text(s, 4, ew_addr_format(&r->addr, ip));
	ew_db_bind_text(s, 5, r->has_mac ? ew_mac_format(r->mac, mac) : NULL);
	ew_db_bind_null_if(s, 6, store_id(&store->networks, r->network), 0);
	ew_db_bind_null_if(s, 7, store_id(&store->instances, r->instance), 0);
	ew_db_bind_null_if(s, 8, store_id(&store->workloads, r->workload), 0);
	ew_db_bind_int(s, 9, r->members);
	ew_db_bind_null_if(s, 10, r->to_us, 0);
	ew_db_bind_int(s, 11, store->run);
	(void)ew_db_run(&store->db, ST_LEASE_PUT);
}

void
store_apply_ready(struct ew_store *store)
{
	static const enum store_stmt each[] = { ST_READY_LEASE, ST_READY_INSTANCE,
		ST_READY_NETWORK };

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		sqlite3_stmt *s = ew_db_stmt(&store->db, each[i]);

		if (!s)
			return;
		ew_db_bind_int(s, 1, store->run);
		ew_db_bind_int(s, 2, store->alive_us);
		(void)ew_db_run(&store->db, each[i]);
	}
}
