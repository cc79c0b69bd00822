/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation: which tuples are one connection.
 *
 * A translated connection is seen twice or three times with different tuples. The client's
 * tuple is the record; the others fold into it. Two kinds of evidence:
 *
 *   conntrack   an entry names all views exactly: the client's (orig), the server's (reply
 *               turned round), and the one between the two translations. It comes from a
 *               file, or from one look-up of the tuple as seen.
 *   equal ISNs  two SYNs with one initial sequence number within 50 ms (detectors.md 1.1).
 *
 * The second is a trap if taken alone: port scanners send every SYN with the same number, so
 * a scan would fold into its first probe and vanish. Therefore a copy must be something only
 * the host can have made: not sent by a container's veth, not with the same Ethernet source,
 * and either from an address of the host or to the real owner behind an address that is
 * nobody's own.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "identity/identity_priv.h"

#define MAX_HALVES 16384
/* What a look-up said holds for the copies of this connection, not for the next one. */
#define LOOKUP_VALID_NS (5 * EW_NS_PER_S)

struct nat_key {
	struct ew_addr src, dst;
	uint16_t sport, dport;
	uint32_t proto;
};

struct nat_view {
	struct ew_link by_key;
	struct nat_key key;
	struct nat *nat;
	uint8_t is_linked;
};

struct nat {
	TAILQ_ENTRY(nat) order;
	struct ew_nat_info info;
	struct nat_view view[3]; /* client, server, between */
	bool record_seen;
};

struct nat_table {
	struct ew_map by_key, by_isn;
	TAILQ_HEAD(nat_list, nat) nats;
	uint32_t n_nats;
	struct half *halves; /* a ring: the oldest is overwritten */
	uint32_t n_halves, next_half;
	int64_t budget_second; /* look-ups of this second of packet time */
	uint32_t budget_used;
};

struct nat_table *
ew_nat_new(const struct ew_identity_conf *conf)
{
	struct nat_table *table = ew_alloc(sizeof(*table));

	ew_map_init(&table->by_key, conf->seed);
	ew_map_init(&table->by_isn, conf->seed);
	TAILQ_INIT(&table->nats);
	table->n_halves = conf->max_nat < MAX_HALVES ? conf->max_nat : MAX_HALVES;
	table->halves = ew_alloc_array(table->n_halves, sizeof(*table->halves));
	return table;
}

static void
nat_free(struct nat_table *table, struct nat *nat)
{
	for (int i = 0; i < 3; i++)
		if (nat->view[i].is_linked)
			ew_map_remove(&table->by_key, &nat->view[i].by_key);
	TAILQ_REMOVE(&table->nats, nat, order);
	table->n_nats--;
	free(nat);
}

void
ew_nat_free(struct nat_table *table)
{
	struct nat *nat;

	if (!table)
		return;
	while ((nat = TAILQ_FIRST(&table->nats)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is unlinked within */
		nat_free(table, nat);
	ew_map_fini(&table->by_key);
	ew_map_fini(&table->by_isn);
	free(table->halves);
	free(table);
}

static void
link_view(struct nat_table *table, struct nat *nat, int i, struct nat_key key)
{
	for (int k = 0; k < i; k++)
		if (nat->view[k].is_linked &&
		    memcmp(&nat->view[k].key, &key, sizeof(key)) == 0)
			return;
	nat->view[i].key = key;
	nat->view[i].nat = nat;
	nat->view[i].is_linked = 1;
	ew_map_insert(&table->by_key, &nat->view[i].by_key,
	    ew_map_hash(&table->by_key, &key, sizeof(key)));
}

static struct nat *
nat_add(struct ew_identity *identity, const struct ew_nat_info *n)
{
	struct nat_table *table = identity->nat;

	if (table->n_nats >= identity->conf.max_nat) {
		if (!TAILQ_FIRST(&table->nats))
			return NULL;
		nat_free(table, TAILQ_FIRST(&table->nats));
		identity->n.nat_evicted++;
	}
	struct nat *nat = ew_alloc(sizeof(*nat));

	nat->info = *n;
	TAILQ_INSERT_TAIL(&table->nats, nat, order);
	table->n_nats++;
	identity->n.nat = table->n_nats;
	link_view(table, nat, 0,
	    (struct nat_key){ n->orig_src, n->orig_dst, n->orig_sport, n->orig_dport,
		n->proto });
	link_view(table, nat, 1,
	    (struct nat_key){ n->reply_dst, n->reply_src, n->reply_dport,
		n->reply_sport, n->proto });
	link_view(table, nat, 2,
	    (struct nat_key){ n->orig_src, n->reply_src, n->orig_sport, n->reply_sport,
		n->proto });
	return nat;
}

void
ew_identity_nat(struct ew_identity *identity, const struct ew_nat_info *nat,
    struct ew_mono now)
{
	(void)now;
	(void)nat_add(identity, nat);
}

static struct nat *
find(const struct ew_identity *identity, const struct ew_tuple *t, struct ew_mono at,
    bool *ret_is_client)
{
	const struct nat_table *table = identity->nat;
	const struct nat_key key = { t->src, t->dst, t->sport, t->dport, t->proto };

	if (table->n_nats == 0)
		return NULL;
	for (struct ew_link *l = ew_map_first(&table->by_key,
		 ew_map_hash(&table->by_key, &key, sizeof(key)));
	     l; l = ew_map_next(l)) {
		struct nat_view *view = EW_ENTRY(l, struct nat_view, by_key);
		struct nat *nat = view->nat;

		if (memcmp(&view->key, &key, sizeof(key)) != 0)
			continue;
		if (at.ns + EW_LATE_NS < nat->info.from.ns ||
		    (nat->info.to.ns && at.ns >= nat->info.to.ns))
			continue;
		*ret_is_client = view == &nat->view[0];
		return nat;
	}
	return NULL;
}

static bool
take_budget(struct ew_identity *identity, struct ew_mono t)
{
	struct nat_table *table = identity->nat;
	const int64_t second = t.ns / EW_NS_PER_S;

	if (second != table->budget_second) {
		table->budget_second = second;
		table->budget_used = 0;
	}
	if (table->budget_used >= identity->conf.max_lookups_per_s) {
		identity->n.lookups_skipped++;
		return false;
	}
	table->budget_used++;
	return true;
}

static bool
is_translated(const struct ew_nat_info *n)
{
	return !ew_addr_equal(&n->orig_src, &n->reply_dst) ||
	    !ew_addr_equal(&n->orig_dst, &n->reply_src) ||
	    n->orig_sport != n->reply_dport || n->orig_dport != n->reply_sport;
}

enum ew_nat_answer
ew_nat_ask(struct ew_identity *identity, const struct ew_tuple *tuple, struct ew_mono t,
    bool may_look_up, struct ew_nat_info *ret_info, bool *ret_record_seen)
{
	bool is_client;
	struct nat *nat = find(identity, tuple, t, &is_client);

	if (!nat && may_look_up && identity->sink.lookup_nat &&
	    take_budget(identity, t)) {
		struct ew_nat_info info;

		identity->n.lookups++;
		if (identity->sink.lookup_nat(identity->sink.context, tuple, &info) !=
		    0)
			return EW_NAT_UNKNOWN;
		identity->n.lookups_found++;
		info.from = t;
		info.to.ns = t.ns + LOOKUP_VALID_NS;
		if (!is_translated(&info))
			return EW_NAT_PLAIN;
		(void)nat_add(identity, &info);
		nat = find(identity, tuple, t, &is_client);
	}
	if (!nat)
		return EW_NAT_UNKNOWN;
	*ret_info = nat->info;
	if (!is_translated(&nat->info))
		return EW_NAT_PLAIN;
	if (is_client) {
		nat->record_seen = true;
		return EW_NAT_CLIENT;
	}
	*ret_record_seen = nat->record_seen;
	return EW_NAT_COPY;
}

uint64_t
ew_nat_wait_key(const struct ew_nat_info *info)
{
	/* Any number will do that both sides can compute; a chance match only wakes early. */
	return (uint64_t)info->orig_sport << 48 ^ (uint64_t)info->orig_dport << 32 ^
	    ew_hash(&info->orig_src, sizeof(info->orig_src), info->proto);
}

/* --- equal ISNs ---------------------------------------------------------------------------- */

void
ew_nat_half_put(struct ew_identity *identity, const struct flow *flow,
    const struct ew_flow_event *ev)
{
	struct nat_table *table = identity->nat;
	struct half *half = &table->halves[table->next_half];

	table->next_half = (table->next_half + 1) % table->n_halves;
	if (half->is_linked)
		ew_map_remove(&table->by_isn, &half->by_isn);
	*half = (struct half){ .is_linked = true,
		.isn = ev->src_isn,
		.t_ns = ev->ts_ns,
		.flow_id = flow->id,
		.tuple = ev->tuple,
		.on_veth = (ev->flags & EW_FLOW_F_SRC_ON_VETH) != 0 };
	memcpy(half->mac, ev->src_mac, 6);
	ew_map_insert(&table->by_isn, &half->by_isn,
	    ew_map_hash(&table->by_isn, &half->isn, sizeof(half->isn)));
}

static bool
same_tuple(const struct ew_tuple *a, const struct ew_tuple *b)
{
	return a->sport == b->sport && a->dport == b->dport &&
	    ew_addr_equal(&a->src, &b->src) && ew_addr_equal(&a->dst, &b->dst);
}

static bool
is_own_address(const struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono t)
{
	struct lease_found found;

	ew_lease_find(identity, addr, 0, NULL, t, &found);
	return found.live != NULL;
}

static bool
is_host_side(const struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono t)
{
	return ew_host_has(identity, addr) || ew_net_of_gateway(identity, addr, 0, t);
}

/* Can `copy` be what the host made of `client`'s SYN? See the head of this file. */
static bool
is_copy(const struct ew_identity *identity, const struct half *copy,
    const struct half *client)
{
	static const uint8_t none[6];
	const struct ew_mono t = { client->t_ns };

	if (copy->on_veth || same_tuple(&copy->tuple, &client->tuple))
		return false;
	if (memcmp(copy->mac, none, 6) != 0 && memcmp(copy->mac, client->mac, 6) == 0)
		return false;
	const bool same_dst = copy->tuple.dport == client->tuple.dport &&
	    ew_addr_equal(&copy->tuple.dst, &client->tuple.dst);
	const bool real_dst = !is_own_address(identity, &client->tuple.dst, t) &&
	    is_own_address(identity, &copy->tuple.dst, t);

	if (ew_addr_equal(&copy->tuple.src, &client->tuple.src))
		return real_dst;
	return is_host_side(identity, &copy->tuple.src, t) &&
	    !is_host_side(identity, &client->tuple.src, t) && (same_dst || real_dst);
}

struct half *
ew_nat_half_client(struct ew_identity *identity, const struct ew_flow_event *ev)
{
	const struct nat_table *table = identity->nat;
	struct half self = { .isn = ev->src_isn,
		.t_ns = ev->first_ns ? ev->first_ns : ev->ts_ns,
		.tuple = ev->tuple,
		.on_veth = (ev->flags & EW_FLOW_F_SRC_ON_VETH) != 0 };

	memcpy(self.mac, ev->src_mac, 6);
	for (struct ew_link *l = ew_map_first(&table->by_isn,
		 ew_map_hash(&table->by_isn, &self.isn, sizeof(self.isn)));
	     l; l = ew_map_next(l)) {
		struct half *other = EW_ENTRY(l, struct half, by_isn);
		const int64_t apart = self.t_ns - other->t_ns;

		if (other->isn != self.isn || apart > identity->conf.isn_window_ns ||
		    -apart > identity->conf.isn_window_ns)
			continue;
		if (is_copy(identity, &self, other))
			return other;
	}
	return NULL;
}
