/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow rows: the one place of the store that must be fast. A row is one INSERT of small
 * integers: IPv4 addresses are themselves, IPv6 addresses ids of a table behind a small
 * cache, enumerations share one integer, and what few rows have goes to flow_more. What a
 * row can be found by is noted in its block (key.c) instead of in indexes.
 *
 * A flow that lives longer than a minute has a row while it is open. The next record of the
 * flow deletes that row and writes a new one at the end, so that followers see it move and
 * rows stay in the order of time.
 */
#include <string.h>

#include "base/text.h"
#include "store/key_priv.h"
#include "store/store_priv.h"

#define HOUR_US INT64_C(3600000000)
#define TRAIT_MORE (UINT32_C(1) << 22)

/* Keep the address alive for retention; written once an hour at most. */
static void
touch_addr6(struct ew_store *store, struct store_addr6 *entry, int64_t us)
{
	if (us / HOUR_US <= entry->hour)
		return;
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_ADDR6_TOUCH);

	if (!s)
		return;
	ew_db_bind_int(s, 1, entry->id);
	ew_db_bind_int(s, 2, us);
	if (ew_db_run(&store->db, ST_ADDR6_TOUCH) == 0)
		entry->hour = us / HOUR_US;
}

static int64_t
addr6_row(struct ew_store *store, const struct ew_addr *addr, int64_t us)
{
	struct store_addr6 *entry =
	    &store->addr6[(ew_key_addr(addr) >> 3) % ADDR6_CACHE];

	if (entry->id != 0 && ew_addr_equal(&entry->addr, addr)) {
		touch_addr6(store, entry, us);
		return entry->id;
	}
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_ADDR6_FIND);

	if (!s)
		return 0;
	ew_db_bind_blob(s, 1, addr->b, sizeof(addr->b));
	const int found = ew_db_step(&store->db, ST_ADDR6_FIND);

	*entry = (struct store_addr6){ .addr = *addr };
	if (found == 1) {
		entry->id = sqlite3_column_int64(s, 0);
		entry->hour = sqlite3_column_int64(s, 1) / HOUR_US;
		ew_db_reset(&store->db, ST_ADDR6_FIND);
		touch_addr6(store, entry, us);
		return entry->id;
	}
	char ip[EW_ADDR_TEXT];

	s = found == 0 ? ew_db_stmt(&store->db, ST_ADDR6_ADD) : NULL;
	if (!s)
		return 0;
	ew_db_bind_blob(s, 1, addr->b, sizeof(addr->b));
	ew_db_bind_text(s, 2, ew_addr_format(addr, ip));
	ew_db_bind_int(s, 3, us);
	if (ew_db_run(&store->db, ST_ADDR6_ADD) != 0)
		return 0;
	entry->id = sqlite3_last_insert_rowid(store->db.handle);
	entry->hour = us / HOUR_US;
	return entry->id;
}

static int64_t
addr_value(struct ew_store *store, const struct ew_addr *addr, int64_t us)
{
	if (ew_addr_is_v4(addr))
		return ew_key_v4(addr);
	return EW_KEY_V6_BASE + addr6_row(store, addr, us);
}

static bool
has_more(const struct rec_flow *r)
{
	return r->has_nat || r->parent_id != 0 || r->vlan[0] != 0 || r->vlan[1] != 0 ||
	    r->domain != 0 || r->edge_port != r->dst_port;
}

static void
add_more(struct ew_store *store, const struct rec_flow *r, int64_t seq)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_FLOW_MORE);

	if (!s)
		return;
	ew_db_bind_int(s, 1, seq);
	ew_db_bind_null_if(s, 2, r->edge_port, r->dst_port);
	if (r->has_nat) {
		const int64_t nat = addr_value(store, &r->nat_dst, r->last_us);

		ew_db_bind_int(s, 3, nat);
		ew_db_bind_int(s, 4, r->nat_dst_port);
	} else {
		sqlite3_bind_null(s, 3);
		sqlite3_bind_null(s, 4);
	}
	ew_db_bind_null_if(s, 5, (int64_t)r->parent_id, 0);
	ew_db_bind_null_if(s, 6, r->vlan[0], 0);
	ew_db_bind_null_if(s, 7, r->vlan[1], 0);
	ew_db_bind_null_if(s, 8, r->domain, 0);
	(void)ew_db_run(&store->db, ST_FLOW_MORE);
}

static void
note_keys(struct ew_store *store, const struct rec_flow *r, int64_t src, int64_t dst,
    int64_t src_instance, int64_t dst_instance)
{
	struct store_keys *k = &store->keys;

	store_keys_add(k, ew_key_edge(src, dst, r->proto, r->edge_port));
	store_keys_add(k, ew_key(EW_KEY_WORKLOAD, (uint32_t)src));
	store_keys_add(k, ew_key(EW_KEY_WORKLOAD, (uint32_t)dst));
	store_keys_add(k, ew_key_addr(&r->src_addr));
	store_keys_add(k, ew_key_addr(&r->dst_addr));
	store_keys_add(k, ew_key_net(&r->src_addr));
	store_keys_add(k, ew_key_net(&r->dst_addr));
	store_keys_add(k, ew_key_pair(src, dst));
	store_keys_add(k, ew_key(EW_KEY_PORT, r->dst_port));
	store_keys_add(k, ew_key_trait(EW_TRAIT_STATE, r->traits & 15));
	store_keys_add(k, ew_key_trait(EW_TRAIT_VERDICT, r->traits >> 4 & 7));
	store_keys_add(k, ew_key_trait(EW_TRAIT_DIRECTION, r->traits >> 7 & 7));
	store_keys_add(k, ew_key_trait(EW_TRAIT_PROTO, r->proto));
	if (r->edge_port != r->dst_port)
		store_keys_add(k, ew_key_edge(src, dst, r->proto, r->dst_port));
	if (src_instance)
		store_keys_add(k, ew_key(EW_KEY_INSTANCE, (uint32_t)src_instance));
	if (dst_instance)
		store_keys_add(k, ew_key(EW_KEY_INSTANCE, (uint32_t)dst_instance));
	if (r->has_nat)
		store_keys_add(k, ew_key_addr(&r->nat_dst));
}

static void
grow_block(struct ew_store *store, const struct rec_flow *r, int64_t seq)
{
	struct store_block *b = &store->block;

	/* A quiet host should not keep one block open for a day: its times would say nothing. */
	if (b->rows >= BLOCK_ROWS ||
	    (b->rows > 0 && r->last_us - b->first_us > 6 * HOUR_US &&
		b->rows >= BLOCK_ROWS / 16)) {
		store_block_flush(store);
		store_block_start(store);
	}
	if (b->rows == 0) {
		b->first_seq = seq;
		b->first_us = r->first_us;
		b->last_us = r->last_us;
	}
	if (r->first_us < b->first_us)
		b->first_us = r->first_us;
	if (r->last_us > b->last_us)
		b->last_us = r->last_us;
	b->last_seq = seq;
	b->rows++;
	b->is_dirty = true;
}

static void
forget_open_row(struct ew_store *store, uint64_t flow_id)
{
	const int64_t seq = store_open_take(&store->open, flow_id);

	if (seq == 0)
		return;
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_FLOW_DELETE);

	if (!s)
		return;
	ew_db_bind_int(s, 1, seq);
	(void)ew_db_run(&store->db, ST_FLOW_DELETE);
}

void
store_apply_flow(struct ew_store *store, const struct rec_flow *r)
{
	const int64_t src = store_id(&store->workloads, r->src);
	const int64_t dst = store_id(&store->workloads, r->dst);
	const int64_t src_instance = store_id(&store->instances, r->src_instance);
	const int64_t dst_instance = store_id(&store->instances, r->dst_instance);
	const int64_t seq = store->next_seq;
	const bool more = has_more(r);

	forget_open_row(store, r->flow_id);
	if (r->is_open && !store_open_put(&store->open, r->flow_id, seq))
		return; /* too many long flows: they get their row when they end */
	const int64_t src_addr = addr_value(store, &r->src_addr, r->last_us);
	const int64_t dst_addr = addr_value(store, &r->dst_addr, r->last_us);
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_FLOW_ADD);

	if (!s)
		return;
	grow_block(store, r, seq);
	note_keys(store, r, src, dst, src_instance, dst_instance);
	ew_db_bind_int(s, 1, seq);
	ew_db_bind_int(s, 2, (int64_t)r->flow_id);
	ew_db_bind_int(s, 3, r->last_us);
	ew_db_bind_int(s, 4, r->last_us - r->first_us);
	ew_db_bind_int(s, 5, src);
	ew_db_bind_int(s, 6, dst);
	ew_db_bind_null_if(s, 7, src_instance, 0);
	ew_db_bind_null_if(s, 8, dst_instance, 0);
	ew_db_bind_int(s, 9, src_addr);
	ew_db_bind_int(s, 10, dst_addr);
	ew_db_bind_int(s, 11, r->src_port);
	ew_db_bind_int(s, 12, r->dst_port);
	ew_db_bind_int(s, 13, r->proto);
	ew_db_bind_int(s, 14, r->traits | (more ? TRAIT_MORE : 0));
	/* Lives until the statement is run: no copy. */
	if (r->history[0])
		sqlite3_bind_text(s, 15, r->history, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, 15);
	ew_db_bind_int(s, 16, r->bytes[0]);
	ew_db_bind_int(s, 17, r->bytes[1]);
	ew_db_bind_null_if(s, 18, r->has_pkts ? r->pkts[0] : -1, -1);
	ew_db_bind_null_if(s, 19, r->has_pkts ? r->pkts[1] : -1, -1);
	(void)ew_db_run(&store->db, ST_FLOW_ADD);
	store->next_seq = seq + 1;
	if (more)
		add_more(store, r, seq);
}
