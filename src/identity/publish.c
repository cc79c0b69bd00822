/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports: host address and port to container and port, as the runtime says.
 *
 * It is the first thing to ask about a flow to an address of the host (detectors.md 1.1), and
 * the only thing that can explain the userland proxy: a container that goes through a
 * published port talks to a process of the host, which opens a second, unrelated connection
 * from the gateway to the real container. That second connection is expected here for a
 * moment, and folds into the first when it comes.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/identity_priv.h"

#define PROXY_WITHIN_NS EW_NS_PER_S
#define MAX_EXPECTED 4096

struct publish {
	struct ew_link by_port;
	struct inst *inst;
	struct ew_published told;
};

struct expected {
	TAILQ_ENTRY(expected) order;
	uint32_t inst;
	uint16_t port;
	uint8_t proto;
	int64_t t_ns;
};

struct publish_table {
	struct ew_map by_port;
	TAILQ_HEAD(expected_list, expected) expected;
	uint32_t n_expected;
};

struct publish_table *
ew_publish_new(uint64_t seed)
{
	struct publish_table *table = ew_alloc(sizeof(*table));

	ew_map_init(&table->by_port, seed);
	TAILQ_INIT(&table->expected);
	return table;
}

static void
forget_oldest(struct publish_table *table)
{
	struct expected *expected = TAILQ_FIRST(&table->expected);

	TAILQ_REMOVE(&table->expected, expected, order);
	table->n_expected--;
	free(expected);
}

void
ew_publish_free(struct publish_table *table)
{
	if (!table)
		return;
	while (table->n_expected > 0)
		forget_oldest(table);
	ew_map_fini(&table->by_port);
	free(table);
}

static uint64_t
port_hash(const struct publish_table *table, uint16_t port, uint8_t proto)
{
	const uint32_t key = (uint32_t)proto << 16 | port;

	return ew_map_hash(&table->by_port, &key, sizeof(key));
}

void
ew_publish_set(struct ew_identity *identity, struct inst *inst,
    const struct ew_published *published, unsigned n)
{
	struct publish_table *table = identity->publish;

	for (unsigned i = 0; i < inst->n_published; i++)
		ew_map_remove(&table->by_port, &inst->published[i].by_port);
	free(inst->published);
	inst->published = NULL;
	inst->n_published = (uint8_t)n;
	if (n == 0)
		return;
	ew_wait_wake(identity, WAIT_PUBLISH, 0);
	inst->published = ew_alloc_array(n, sizeof(*inst->published));
	for (unsigned i = 0; i < n; i++) {
		inst->published[i].inst = inst;
		inst->published[i].told = published[i];
		ew_map_insert(&table->by_port, &inst->published[i].by_port,
		    port_hash(table, published[i].host_port, published[i].proto));
	}
}

const struct ew_published *
ew_publish_told(const struct inst *inst, unsigned i)
{
	return &inst->published[i].told;
}

struct inst *
ew_publish_find(const struct ew_identity *identity, const struct ew_addr *addr,
    uint16_t port, uint8_t proto, struct ew_mono t, uint16_t *ret_port)
{
	const struct publish_table *table = identity->publish;

	if (table->by_port.count == 0)
		return NULL;
	for (struct ew_link *l =
		 ew_map_first(&table->by_port, port_hash(table, port, proto));
	     l; l = ew_map_next(l)) {
		const struct publish *p = EW_ENTRY(l, struct publish, by_port);

		if (p->told.host_port != port || p->told.proto != proto)
			continue;
		if (!ew_addr_is_unspecified(&p->told.host_addr) &&
		    !ew_addr_equal(&p->told.host_addr, addr))
			continue;
		if (p->inst->pub.stopped.ns && p->inst->pub.stopped.ns <= t.ns)
			continue;
		*ret_port = p->told.port;
		return p->inst;
	}
	return NULL;
}

bool
ew_publish_listens(const struct inst *inst, uint16_t port, uint8_t proto)
{
	for (unsigned i = 0; i < inst->n_published; i++)
		if (inst->published[i].told.port == port &&
		    inst->published[i].told.proto == proto)
			return true;
	return false;
}

void
ew_proxy_expect(struct ew_identity *identity, const struct inst *inst, uint16_t port,
    uint8_t proto, struct ew_mono t)
{
	struct publish_table *table = identity->publish;

	if (table->n_expected >= MAX_EXPECTED)
		forget_oldest(table);
	struct expected *expected = ew_alloc(sizeof(*expected));

	*expected = (struct expected){ .inst = inst->pub.id,
		.port = port,
		.proto = proto,
		.t_ns = t.ns };
	TAILQ_INSERT_TAIL(&table->expected, expected, order);
	table->n_expected++;
}

bool
ew_proxy_take(struct ew_identity *identity, const struct inst *inst, uint16_t port,
    uint8_t proto, struct ew_mono t)
{
	struct publish_table *table = identity->publish;
	struct expected *e;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the oldest was unlinked */
	while ((e = TAILQ_FIRST(&table->expected)) && e->t_ns + PROXY_WITHIN_NS < t.ns)
		forget_oldest(table);
	TAILQ_FOREACH (e, &table->expected, order) {
		if (e->inst != inst->pub.id || e->port != port || e->proto != proto ||
		    e->t_ns > t.ns)
			continue;
		TAILQ_REMOVE(&table->expected, e, order);
		table->n_expected--;
		free(e);
		return true;
	}
	return false;
}
