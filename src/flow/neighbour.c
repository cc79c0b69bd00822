/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ARP and NDP have no flows, only questions. A question waits a second for its answer and
 * is then told as unanswered; an answer without a question is told as unsolicited. Copies
 * of a message at further observation points are recognised by the ask they belong to.
 *
 * The ring keeps asks in order of time, so the next one due is the first. A full ring drops
 * its oldest, counted: 2,048 questions a second are more than any honest node asks.
 */
#include <string.h>

#include "base/time.h"
#include "capture/frame.h"
#include "flow/flow_priv.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* detectors.md 1.2: UNANSWERED, ARP 1 s. */
#define ANSWER_NS EW_NS_PER_S

static uint32_t *
head_of(struct ew_flow_table *table, const struct ew_addr *asker,
    const struct ew_addr *target, uint32_t domain, uint8_t kind)
{
	uint8_t bytes[37];

	memcpy(bytes, asker->b, 16);
	memcpy(bytes + 16, target->b, 16);
	memcpy(bytes + 32, &domain, 4);
	bytes[36] = kind;
	const uint64_t hash =
	    XXH3_64bits_withSeed(bytes, sizeof(bytes), table->conf.seed);

	return &table->asks->heads[hash % ASKS_MAX];
}

static uint32_t
point_of(const struct ew_packet *packet)
{
	if (packet->ifindex == 0)
		return 0;
	return packet->ifindex |
	    (packet->seen == EW_SEEN_OUTGOING ? POINT_OUTGOING : 0);
}

static struct ask *
find(struct ew_flow_table *table, const struct ew_addr *asker,
    const struct ew_addr *target, uint32_t domain, enum ask_kind kind)
{
	struct asks *asks = table->asks;
	uint32_t at = *head_of(table, asker, target, domain, (uint8_t)kind);

	/* A chain leads to ever older asks; it ends where they have left the ring. */
	while (at != 0 && at - 1 - asks->first < asks->end - asks->first) {
		struct ask *ask = &asks->ring[(at - 1) % ASKS_MAX];

		if (ask->kind == kind && ask->domain == domain &&
		    ew_addr_equal(&ask->asker, asker) &&
		    ew_addr_equal(&ask->target, target))
			return ask;
		at = ask->next;
	}
	return NULL;
}

static void
add(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_addr *asker, const struct ew_addr *target, uint32_t domain,
    enum ask_kind kind)
{
	struct asks *asks = table->asks;
	uint32_t *head = head_of(table, asker, target, domain, (uint8_t)kind);

	if (asks->end - asks->first == ASKS_MAX) {
		asks->first++;
		table->counters.asks_dropped++;
	}
	struct ask *ask = &asks->ring[asks->end % ASKS_MAX];

	*ask = (struct ask){ .clock_ns = table->clock_ns,
		.ts_ns = packet->ts_ns,
		.asker = *asker,
		.target = *target,
		.domain = domain,
		.point = point_of(packet),
		.next = *head,
		.kind = (uint8_t)kind,
		.vlan = { packet->vlan[0], packet->vlan[1] } };
	memcpy(ask->src_mac, packet->src_mac, 6);
	asks->end++;
	*head = asks->end;
	table->counters.asks_open = asks->end - asks->first;
}

static void
start_event(struct ew_flow_table *table, struct ew_flow_event *ev,
    enum ew_flow_kind kind, const struct ew_addr *src, const struct ew_addr *dst,
    uint32_t domain, uint32_t point, int64_t ts_ns)
{
	memset(ev, 0, offsetof(struct ew_flow_event, u) + sizeof(ev->u.ndp));
	ev->kind = (uint8_t)kind;
	ev->ts_ns = table->clock_ns;
	ev->first_ns = ts_ns;
	ev->last_ns = ts_ns;
	ev->tuple.src = *src;
	ev->tuple.dst = *dst;
	ev->tuple.domain = domain;
	ev->src_ifindex = point & ~POINT_OUTGOING;
	ev->flags = EW_FLOW_F_EXACT | EW_FLOW_F_DIR_KNOWN;
	if (point != 0 && !(point & POINT_OUTGOING) &&
	    points_get(&table->points, point).kind == EW_FLOW_POINT_VETH)
		ev->flags |= EW_FLOW_F_SRC_ON_VETH;
}

static void
tell_arp(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_arp_info *arp, uint32_t domain, bool answered, bool unsolicited)
{
	struct ew_flow_event ev;

	start_event(table, &ev, EW_FLOW_ARP, &packet->src, &packet->dst, domain,
	    point_of(packet), packet->ts_ns);
	memcpy(ev.src_mac, packet->src_mac, 6);
	ev.vlan[0] = packet->vlan[0];
	ev.vlan[1] = packet->vlan[1];
	ev.u.arp = *arp;
	ev.u.arp.answered = answered;
	ev.u.arp.unsolicited = unsolicited;
	tell_event(table, &ev);
}

/* Nobody asked: told once at each time, not at each point. */
static void
feed_claim(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_arp_info *arp, uint32_t domain)
{
	struct ask *ask = find(table, &packet->src, &packet->dst, domain, CLAIM_ARP);

	if (ask && ask->point != point_of(packet) &&
	    memcmp(ask->src_mac, packet->src_mac, 6) == 0)
		return;
	if (!ask || memcmp(ask->src_mac, packet->src_mac, 6) != 0)
		add(table, packet, &packet->src, &packet->dst, domain, CLAIM_ARP);
	tell_arp(table, packet, arp, domain, false, true);
}

static void
feed_request(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_arp_info *arp, uint32_t domain)
{
	const struct ask *ask =
	    find(table, &packet->src, &packet->dst, domain, ASK_ARP);

	if (ask && ask->point != point_of(packet) &&
	    memcmp(ask->src_mac, packet->src_mac, 6) == 0)
		return;
	if (!ask || ask->answered)
		add(table, packet, &packet->src, &packet->dst, domain, ASK_ARP);
	tell_arp(table, packet, arp, domain, false, false);
}

static void
feed_reply(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_arp_info *arp, uint32_t domain)
{
	struct ask *ask = find(table, &packet->dst, &packet->src, domain, ASK_ARP);

	if (!ask) {
		feed_claim(table, packet, arp, domain);
		return;
	}
	/* Another MAC answering the same question is news, the same one elsewhere a copy. */
	if (ask->answered && ask->answer_point != point_of(packet) &&
	    memcmp(ask->answer_mac, arp->sender_mac, 6) == 0)
		return;
	ask->answered = 1;
	ask->answer_point = point_of(packet);
	memcpy(ask->answer_mac, arp->sender_mac, 6);
	tell_arp(table, packet, arp, domain, true, false);
}

void
neighbour_feed_arp(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_arp_info *arp, uint32_t domain)
{
	if (!table_wants(table, EW_FLOW_ARP) ||
	    !points_counts(&table->points, packet->ifindex, &packet->src, &packet->dst))
		return;
	if (ew_addr_equal(&packet->src, &packet->dst))
		feed_claim(table, packet, arp, domain); /* gratuitous */
	else if (arp->op == 1)
		feed_request(table, packet, arp, domain);
	else
		feed_reply(table, packet, arp, domain);
}

void
neighbour_feed_ndp(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_ndp_info *ndp, uint32_t domain)
{
	struct ew_flow_event ev;

	if (!table_wants(table, EW_FLOW_NDP))
		return;
	start_event(table, &ev, EW_FLOW_NDP, &packet->src, &packet->dst, domain,
	    point_of(packet), packet->ts_ns);
	ev.tuple.proto = packet->proto;
	memcpy(ev.src_mac, packet->src_mac, 6);
	ev.vlan[0] = packet->vlan[0];
	ev.vlan[1] = packet->vlan[1];
	ev.u.ndp = *ndp;
	if (ndp->type == 135 && !ew_addr_is_unspecified(&packet->src)) {
		/* From :: it is duplicate address detection: silence is the good answer. */
		if (!find(table, &packet->src, &ndp->target, domain, ASK_NDP))
			add(table, packet, &packet->src, &ndp->target, domain, ASK_NDP);
	} else if (ndp->type == 136) {
		struct ask *ask =
		    find(table, &packet->dst, &ndp->target, domain, ASK_NDP);

		if (ask)
			ask->answered = 1;
		ev.u.ndp.answered = ask != NULL;
		ev.u.ndp.unsolicited = ask == NULL;
	}
	tell_event(table, &ev);
}

static void
tell_unanswered(struct ew_flow_table *table, const struct ask *ask)
{
	struct ew_flow_event ev;
	const bool is_arp = ask->kind == ASK_ARP;

	start_event(table, &ev, is_arp ? EW_FLOW_ARP : EW_FLOW_NDP, &ask->asker,
	    &ask->target, ask->domain, ask->point, ask->ts_ns);
	memcpy(ev.src_mac, ask->src_mac, 6);
	ev.vlan[0] = ask->vlan[0];
	ev.vlan[1] = ask->vlan[1];
	if (is_arp) {
		ev.u.arp.op = 1;
		memcpy(ev.u.arp.sender_mac, ask->src_mac, 6);
		ev.u.arp.answered = 2;
	} else {
		ev.tuple.proto = 58;
		ev.u.ndp.type = 135;
		ev.u.ndp.target = ask->target;
		ev.u.ndp.answered = 2;
	}
	tell_event(table, &ev);
}

void
neighbour_expire(struct ew_flow_table *table, int64_t clock_ns)
{
	struct asks *asks = table->asks;

	while (asks->first != asks->end) {
		const struct ask *ask = &asks->ring[asks->first % ASKS_MAX];

		if (ask->clock_ns + ANSWER_NS > clock_ns)
			break;
		asks->first++;
		if (!ask->answered && ask->kind != CLAIM_ARP)
			tell_unanswered(table, ask);
	}
	table->counters.asks_open = asks->end - asks->first;
}
