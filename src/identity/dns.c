/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses did a source learn from DNS? `resolved` of a contact is 1 when its
 * destination came in an answer the source received within the answer's TTL, 0 when not,
 * and 2 when that cannot be known: an engine's embedded resolver answers names of its own
 * networks inside the namespace, where no packet can be seen.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/identity_priv.h"

/* A resolver's answer is often used a little longer than its TTL says, and 0 is common. */
#define SLACK_NS (5 * EW_NS_PER_S)
/* A source whose answers were seen this recently uses a resolver that can be seen. */
#define VISIBLE_NS (24 * 3600 * EW_NS_PER_S)

struct answer_key {
	struct ew_addr client, addr; /* addr zero: "some answer was seen" */
};

struct answer {
	struct ew_link by_key;
	TAILQ_ENTRY(answer) order;
	struct answer_key key;
	int64_t until_ns;
};

struct dns_table {
	struct ew_map by_key;
	TAILQ_HEAD(answer_list, answer) answers; /* oldest first */
};

struct dns_table *
ew_dns_new(uint64_t seed)
{
	struct dns_table *table = ew_alloc(sizeof(*table));

	ew_map_init(&table->by_key, seed);
	TAILQ_INIT(&table->answers);
	return table;
}

static void
drop(struct dns_table *table, struct answer *answer)
{
	ew_map_remove(&table->by_key, &answer->by_key);
	TAILQ_REMOVE(&table->answers, answer, order);
	free(answer);
}

void
ew_dns_free(struct dns_table *table)
{
	if (!table)
		return;
	while (!TAILQ_EMPTY(&table->answers))
		drop(table, TAILQ_FIRST(&table->answers));
	ew_map_fini(&table->by_key);
	free(table);
}

static struct answer *
find(const struct dns_table *table, const struct answer_key *key)
{
	for (struct ew_link *l = ew_map_first(&table->by_key,
		 ew_map_hash(&table->by_key, key, sizeof(*key)));
	     l; l = ew_map_next(l)) {
		struct answer *answer = EW_ENTRY(l, struct answer, by_key);

		if (memcmp(&answer->key, key, sizeof(*key)) == 0)
			return answer;
	}
	return NULL;
}

static void
remember(struct ew_identity *identity, struct answer_key key, int64_t until_ns)
{
	struct dns_table *table = identity->dns;
	struct answer *answer = find(table, &key);

	if (!answer) {
		if (table->by_key.count >= identity->conf.max_resolved) {
			drop(table, TAILQ_FIRST(&table->answers));
			identity->n.resolved_evicted++;
		}
		answer = ew_alloc(sizeof(*answer));
		answer->key = key;
		ew_map_insert(&table->by_key, &answer->by_key,
		    ew_map_hash(&table->by_key, &key, sizeof(key)));
	} else {
		TAILQ_REMOVE(&table->answers, answer, order);
	}
	TAILQ_INSERT_TAIL(&table->answers, answer, order);
	if (until_ns > answer->until_ns)
		answer->until_ns = until_ns;
	identity->n.resolved_addrs = table->by_key.count;
}

void
ew_dns_learn(struct ew_identity *identity, const struct ew_flow_event *ev)
{
	const struct ew_dns_info *dns = &ev->u.dns;
	const unsigned n = at_most(dns->n_addrs, EW_DNS_ADDRS_MAX);

	if (!dns->is_answer || dns->kind != 0)
		return;
	remember(identity, (struct answer_key){ .client = ev->tuple.src },
	    ev->ts_ns + VISIBLE_NS);
	for (unsigned i = 0; i < n; i++)
		remember(identity,
		    (struct answer_key){ .client = ev->tuple.src,
			.addr = dns->addrs[i] },
		    ev->ts_ns + (int64_t)dns->ttl_s * EW_NS_PER_S + SLACK_NS);
}

uint8_t
ew_dns_resolved(const struct ew_identity *identity, const struct ew_addr *client,
    const struct ew_addr *addr, bool is_embedded, struct ew_mono t)
{
	if (identity->dns->by_key.count > 0) {
		const struct answer_key key = { *client, *addr };
		const struct answer_key any = { .client = *client };
		const struct answer *answer = find(identity->dns, &key);

		if (answer && t.ns < answer->until_ns)
			return 1;
		if (is_embedded)
			return 2;
		answer = find(identity->dns, &any);
		if (answer && t.ns < answer->until_ns)
			return 0;
	}
	/* No answer of any kind was seen: it may well use a resolver that cannot be seen. */
	return 2;
}
