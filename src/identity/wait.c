/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that wait for a fact: a port, a seat, a name, an address, the other half of a
 * translation. All events of a waiting flow are kept here, in order.
 *
 * Each flow waits for one thing at a time and until one moment. Facts wake by key; the
 * moment comes by a heap. Woken flows are looked at before expired ones, both in order of
 * arrival, so the order of what leaves depends on the order of what came in and on nothing
 * else. Inputs only mark flows; they are looked at in the next turn (feed, tick, finish).
 */
#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/identity_priv.h"

struct wait_table {
	struct ew_map by_key;
	TAILQ_HEAD(woken_head, waiting) woken;
	struct waiting **heap; /* by (until_ns, serial) */
	size_t n_heap, heap_size;
	uint64_t next_serial;
};

struct wait_table *
ew_wait_new(uint64_t seed)
{
	struct wait_table *table = ew_alloc(sizeof(*table));

	ew_map_init(&table->by_key, seed);
	TAILQ_INIT(&table->woken);
	return table;
}

void
ew_wait_table_free(struct wait_table *table)
{
	if (!table)
		return;
	assert(table->n_heap == 0);
	ew_map_fini(&table->by_key);
	free(table->heap);
	free(table);
}

/* --- the heap ------------------------------------------------------------------------------ */

static bool
is_before(const struct waiting *a, const struct waiting *b)
{
	if (a->what.until_ns != b->what.until_ns)
		return a->what.until_ns < b->what.until_ns;
	return a->serial < b->serial;
}

static void
put_at(struct wait_table *table, size_t i, struct waiting *w)
{
	table->heap[i] = w;
	w->heap_at = i;
}

static void
sift_up(struct wait_table *table, size_t i)
{
	struct waiting *const w = table->heap[i];

	while (i > 0 && is_before(w, table->heap[(i - 1) / 2])) {
		put_at(table, i, table->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(table, i, w);
}

static void
sift_down(struct wait_table *table, size_t i)
{
	struct waiting *const w = table->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= table->n_heap)
			break;
		if (child + 1 < table->n_heap &&
		    is_before(table->heap[child + 1], table->heap[child]))
			child++;
		if (!is_before(table->heap[child], w))
			break;
		put_at(table, i, table->heap[child]);
		i = child;
	}
	put_at(table, i, w);
}

static void
heap_add(struct wait_table *table, struct waiting *w)
{
	if (table->n_heap == table->heap_size) {
		table->heap_size = table->heap_size ? table->heap_size * 2 : 256;
		table->heap = ew_realloc_array(table->heap, table->heap_size,
		    sizeof(*table->heap));
	}
	put_at(table, table->n_heap++, w);
	sift_up(table, w->heap_at);
}

static void
heap_remove(struct wait_table *table, const struct waiting *w)
{
	const size_t i = w->heap_at;
	struct waiting *last = table->heap[--table->n_heap];

	if (last == w)
		return;
	put_at(table, i, last);
	sift_up(table, i);
	sift_down(table, last->heap_at);
}

/* --- keys ---------------------------------------------------------------------------------- */

struct key {
	uint64_t key;
	uint64_t reason;
};

static uint64_t
key_hash(const struct wait_table *table, enum wait_reason reason, uint64_t key)
{
	const struct key k = { key, reason };

	return ew_map_hash(&table->by_key, &k, sizeof(k));
}

uint64_t
ew_wait_addr_key(const struct ew_identity *identity, const struct ew_addr *addr)
{
	return ew_map_hash(&identity->lease_by_addr, addr->b, sizeof(addr->b));
}

/* Chains meet the newest first; the woken are kept in order of arrival. */
static void
mark(struct wait_table *table, struct waiting *w)
{
	struct waiting *after;

	if (w->is_woken)
		return;
	w->is_woken = 1;
	TAILQ_FOREACH_REVERSE (after, &table->woken, woken_head, woken)
		if (after->serial < w->serial) {
			TAILQ_INSERT_AFTER(&table->woken, after, w, woken);
			return;
		}
	TAILQ_INSERT_HEAD(&table->woken, w, woken);
}

void
ew_wait_wake(struct ew_identity *identity, enum wait_reason reason, uint64_t key)
{
	struct wait_table *table = identity->wait;

	if (table->by_key.count == 0)
		return;
	for (struct ew_link *l =
		 ew_map_first(&table->by_key, key_hash(table, reason, key));
	     l; l = ew_map_next(l)) {
		struct waiting *w = EW_ENTRY(l, struct waiting, by_key);

		if (w->what.reason == reason && w->what.key == key)
			mark(table, w);
	}
}

static void
unmark(struct wait_table *table, struct waiting *w)
{
	if (!w->is_woken)
		return;
	TAILQ_REMOVE(&table->woken, w, woken);
	w->is_woken = 0;
}

void
ew_wait_park(struct ew_identity *identity, struct flow *flow,
    const struct wait_for *what, const struct proof *proof)
{
	struct wait_table *table = identity->wait;
	struct waiting *w = flow->waiting;

	if (!w) {
		w = ew_alloc(sizeof(*w));
		w->flow = flow;
		w->serial = ++table->next_serial;
		w->last = &w->first;
		flow->waiting = w;
		flow->state = FLOW_WAITING;
		identity->n.waited++;
	} else {
		ew_map_remove(&table->by_key, &w->by_key);
		heap_remove(table, w);
		unmark(table, w);
	}
	w->what = *what;
	w->proof = *proof;
	ew_map_insert(&table->by_key, &w->by_key,
	    key_hash(table, what->reason, what->key));
	heap_add(table, w);
}

bool
ew_wait_keep(struct ew_identity *identity, struct flow *flow,
    const struct ew_flow_event *ev)
{
	if (identity->n.waiting >= identity->conf.max_waiting) {
		identity->n.wait_refused++;
		return false;
	}
	const size_t size = ew_flow_event_size(ev);
	struct kept_event *kept = ew_alloc(offsetof(struct kept_event, ev) + size);

	memcpy(&kept->ev, ev, size);
	*flow->waiting->last = kept;
	flow->waiting->last = &kept->next;
	identity->n.waiting++;
	return true;
}

struct flow *
ew_wait_next(struct ew_identity *identity, struct ew_mono until, struct ew_mono *ret_at)
{
	struct wait_table *table = identity->wait;
	struct waiting *w = TAILQ_FIRST(&table->woken);

	*ret_at = until;
	if (w) {
		unmark(table, w);
		return w->flow;
	}
	if (table->n_heap == 0 || table->heap[0]->what.until_ns > until.ns)
		return NULL;
	w = table->heap[0];
	ret_at->ns = w->what.until_ns;
	identity->n.wait_timeouts++;
	return w->flow;
}

struct flow *
ew_wait_oldest(const struct ew_identity *identity)
{
	const struct wait_table *table = identity->wait;

	return table->n_heap ? table->heap[0]->flow : NULL;
}

struct kept_event *
ew_wait_end(struct ew_identity *identity, struct flow *flow)
{
	struct wait_table *table = identity->wait;
	struct waiting *w = flow->waiting;
	struct kept_event *events = w->first;

	unmark(table, w);
	ew_map_remove(&table->by_key, &w->by_key);
	heap_remove(table, w);
	flow->waiting = NULL;
	free(w);
	return events;
}

void
ew_wait_free_events(struct ew_identity *identity, struct kept_event *events)
{
	while (events) {
		struct kept_event *next = events->next;

		free(events);
		identity->n.waiting--;
		events = next;
	}
}
