/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "decode/packet.h"
#include "flow/event.h"
#include "flow/flow.h"

/*
 * Inside the flow folder. A flow is kept neutral to direction: its two ends are sorted, and
 * `initiator` says which of them began. Turning a flow round is one bit.
 *
 * Its memory is split by how often it is touched: struct flow (two cache lines) by every
 * packet, struct flow_cold when something happens, struct flow_rare by tunnels, VLANs and
 * trouble. The arrays share an index, the slot.
 */

#define NO_SLOT UINT32_MAX

/* --- the record ------------------------------------------------------------------------- */

enum tcp_state {
	TCP_INACTIVE,
	TCP_SYN_SENT,
	TCP_SYN_ACK_SENT, /* SYN-ACK without a SYN before */
	TCP_PARTIAL,	  /* data or ACK without a SYN before */
	TCP_ESTABLISHED,
	TCP_CLOSED, /* sent FIN */
	TCP_RESET,  /* sent RST */
};

/* Bits of flow_side.bits. */
enum {
	SIDE_DID_CLOSE = 1 << 0,
	SIDE_SENT_FIN = 1 << 1,
	SIDE_SENT_SYN = 1 << 2,
	SIDE_SEEN_DATA = 1 << 3, /* letter D is in the history for its role */
	SIDE_SEEN_ACK = 1 << 4,	 /* letter A */
};

/*
 * One end's packets. TCP keeps 32-bit sequence numbers and how often they wrapped, as Zeek
 * does (TCP_Endpoint.h); `last` and `ack` of other protocols are the low and high half of
 * a byte count.
 */
struct flow_side {
	uint32_t start; /* first sequence number, as if a SYN had been there */
	uint32_t last;	/* one past the highest sequence number sent */
	uint32_t ack;	/* highest acknowledgement of this end's bytes */
	uint32_t pkts;
	uint32_t ip_bytes_low;
	uint16_t ip_bytes_high;
	uint16_t last_wraps;
	uint16_t ack_wraps;
	uint8_t states; /* enum tcp_state, and << 4 the one before */
	uint8_t bits;
};

/* flow.bits */
enum {
	FLOW_INITIATOR = 1 << 0, /* the end that began: 0 or 1 */
	FLOW_DIR_KNOWN = 1 << 1,
	FLOW_MIDSTREAM = 1 << 2,
	FLOW_FLIPPED = 1 << 3,
	FLOW_ANSWERED = 1 << 4,	 /* both ends have sent: evicted last */
	FLOW_RARE = 1 << 5,	 /* flow_rare is in use */
	FLOW_HIDDEN = 1 << 6,	 /* a tunnel without a row of its own */
	FLOW_CLOSING = 1 << 7,	 /* nothing more is expected; removed after a delay */
	FLOW_HANDSHAKE = 1 << 8, /* SYN-ACK seen after no partial start: idles longer */
	FLOW_IN_USE = 1 << 9,
	FLOW_HINT_SHIFT = 12, /* enum ew_tool_hint, 3 bits */
};

/* flow.sent: events that exist once, and what waits for its time. */
enum {
	SENT_ESTABLISHED = 1 << 0,
	SENT_UNANSWERED = 1 << 1,
	SENT_REFUSED = 1 << 2,
	SENT_HALFOPEN = 1 << 3,
	SENT_PAYLOAD = 1 << 4,
	SENT_PROBE = 1 << 5,
	WAITS_ESTABLISHED = 1 << 6, /* SYN-ACK seen, 50 ms not over */
	WAITS_ANSWER = 1 << 7,	    /* UNANSWERED comes when nothing does */
};

struct flow {
	struct ew_addr addr[2];
	uint16_t port[2];
	uint32_t domain;
	int64_t last_ns; /* packet time */
	uint32_t due;	 /* tick when the timers look at it next */
	uint32_t next;	 /* in its wheel slot; in the free list */
	uint32_t prev;
	uint16_t bits;
	uint8_t proto;
	uint8_t sent;
	/* second cache line */
	struct flow_side side[2];
	uint32_t point[2]; /* ifindex, top bit: seen outgoing; 0 not yet */
};
_Static_assert(sizeof(struct flow) == 128, "a flow's hot part is two cache lines");

struct flow_cold {
	int64_t first_ns;
	uint8_t history[16];  /* history.c */
	uint16_t last_syn[2]; /* folded sequence numbers, by end */
	uint16_t last_fin[2];
	uint16_t last_rst[2];
	uint16_t seen; /* enum history_once of the originator, << 8 of the responder */
	uint16_t periods; /* UPDATE and TURNS periods that are over */
	uint32_t ms; /* from first_ns to the SYN-ACK; with FLOW_CLOSING to the close */
	uint32_t where; /* index_where() of its key */
};
_Static_assert(sizeof(struct flow_cold) == 48, "flow_cold grew");

struct flow_rare {
	uint64_t parent_id;
	uint32_t vlan_outer : 12;
	uint32_t vlan_inner : 12;
	/* NOTE(compromise): of end 0 and 1; stop at 11, so that Zeek's 100th W is not written. */
	uint32_t zero_window_0 : 4;
	uint32_t zero_window_1 : 4;
	uint16_t retransmitted[2]; /* by end; stop at 65535 */
};
_Static_assert(sizeof(struct flow_rare) == 16, "1 M flows must fit into 192 MiB");

struct flow_turns {
	uint32_t run_bytes;
	uint16_t turns;
	uint8_t last_end; /* 1 + end; 0 none yet */
	uint8_t pad;
	uint8_t sizes[2][16]; /* runs by log2 of their bytes, by end */
};

/* In flow.domain: an ICMP type without a counterpart; its tuple is not sorted. */
#define DOMAIN_ONE_WAY UINT32_C(0x40000000)

/* --- the index: flow/index.c ------------------------------------------------------------- */

struct flow_key {
	struct ew_addr addr[2];
	uint16_t port[2];
	uint32_t domain;
	uint8_t proto;
};

#define BUCKET_SLOTS 12
struct bucket {
	uint8_t tags[BUCKET_SLOTS]; /* 0 free */
	uint32_t slots[BUCKET_SLOTS];
	uint32_t overflow; /* entries that live further on; index_passed() */
};
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

struct index {
	struct bucket *buckets;
	size_t mask; /* buckets - 1 */
	uint64_t secret[6];
	size_t reserved;
};

int index_init(struct index *index, uint32_t max_flows, uint64_t seed);
void index_fini(struct index *index);
void index_clear(struct index *index);

/* What of a hash is needed to find an entry again: bucket in 24 bits, tag in 8. */
static inline uint32_t
index_where(uint64_t hash)
{
	return (uint32_t)(hash >> 56) << 24 | (uint32_t)(hash & 0xffffff);
}

/* A slot that lives near where, an unanswered flow's if there is one. */
uint32_t index_any(const struct index *index, const struct flow *flows, uint32_t where);
/* The look-ups themselves are inline: index_priv.h. */

/* --- timers: flow/wheel.c ---------------------------------------------------------------- */

#define TICK_SHIFT 22	  /* 4.19 ms */
#define WHEEL_SLOTS 16384 /* 68.7 s ahead; what is due later is looked at then */

struct wheel {
	uint32_t heads[WHEEL_SLOTS];
	uint64_t occupied[WHEEL_SLOTS / 64];
	uint32_t tick; /* all ticks up to here have run */
	uint32_t count;
};

void wheel_init(struct wheel *wheel, uint32_t tick);
/* Put slot where it is looked at in tick `due`, or at the wheel's end if that is further. */
void wheel_add(struct wheel *wheel, struct flow *flows, uint32_t slot, uint32_t due);
void wheel_remove(struct wheel *wheel, struct flow *flows, uint32_t slot);
/* Next tick in (tick, limit] that has entries; false when there is none. */
bool wheel_next(const struct wheel *wheel, uint32_t limit, uint32_t *ret_tick);

/* --- which to evict: flow/evict.c -------------------------------------------------------- */

/* A set of slots in three levels of bitmap: find the next member in a few steps. */
struct slot_set {
	uint64_t *bits[4];
	uint32_t words[4];
	size_t reserved;
	uint32_t count;
};

int slot_set_init(struct slot_set *set, uint32_t max);
void slot_set_fini(struct slot_set *set);
void slot_set_clear(struct slot_set *set);
void slot_set_add(struct slot_set *set, uint32_t slot);
void slot_set_remove(struct slot_set *set, uint32_t slot);
/* The first member at or after from, else the first of all; NO_SLOT when empty. */
uint32_t slot_set_search(const struct slot_set *set, uint32_t from);
static inline uint32_t
slot_set_next(const struct slot_set *set, uint32_t from)
{
	if (set->bits[0][from / 64] >> (from % 64) & 1)
		return from;
	return slot_set_search(set, from);
}

/* --- interfaces: flow/points.c ----------------------------------------------------------- */

#define POINT_OUTGOING UINT32_C(0x80000000)
#define POINTS_MAX 8192

struct point {
	uint32_t ifindex; /* 0 free */
	uint32_t domain;
	uint8_t kind; /* enum ew_flow_point */
};

struct points {
	struct point *table; /* 2 * POINTS_MAX, open addressing */
	uint32_t count;
	uint32_t n_gone;    /* ever */
	uint32_t gone[256]; /* the last interfaces that went, a ring */
	bool has_domains;
	uint32_t n_hosts;
	struct ew_addr hosts[256];
	uint32_t n_zooms;
	struct ew_addr zooms[64][2];
};

/* Internal kind: the interface was removed; flows that counted there may move. */
#define POINT_GONE 200

int points_init(struct points *points);
void points_fini(struct points *points);
/* UNKNOWN, domain 0 for interfaces never named. */
struct point points_get(const struct points *points, uint32_t ifindex);
/* Whether packets of these ends count on this interface. */
bool points_counts(const struct points *points, uint32_t ifindex,
    const struct ew_addr *src, const struct ew_addr *dst);
bool points_zooms(const struct points *points, const struct ew_addr *a,
    const struct ew_addr *b);

/* --- the table --------------------------------------------------------------------------- */

struct flow_counters {
	uint64_t packets;
	uint64_t bytes;
	uint64_t copies;     /* ignored: counted at another point already */
	uint64_t not_points; /* ignored: first seen where nothing counts */
	uint64_t opened;
	uint64_t closed;
	uint64_t evicted_unanswered;
	uint64_t evicted_answered;
	uint64_t evicted_index;
	uint64_t open; /* gauge */
	uint64_t peak;
	uint64_t timeouts;
	uint64_t reused;
	uint64_t midstream;
	uint64_t events;
	uint64_t time_steps; /* packet time ran back by more than a second */
	uint64_t asks_open;  /* gauge: ARP and NDP questions waiting */
	uint64_t asks_dropped;
	uint64_t points; /* gauge */
	uint64_t memory; /* gauge, bytes reserved */
};

/*
 * ARP and NDP: questions that wait for an answer, and claims nobody asked for, for a second
 * each. A ring in order of time, and chains by hash. neighbour.c.
 */
#define ASKS_MAX 2048
enum ask_kind { ASK_ARP, ASK_NDP, CLAIM_ARP };
struct ask {
	int64_t clock_ns; /* when it was put */
	int64_t ts_ns;
	struct ew_addr asker; /* a claim: who claims */
	struct ew_addr target;
	uint32_t domain;
	uint32_t point;
	uint32_t answer_point;
	uint32_t next; /* in its chain: number of an older ask */
	uint8_t kind;
	uint8_t answered;
	uint8_t src_mac[6];
	uint8_t answer_mac[6];
	uint16_t vlan[2];
};

struct asks {
	uint32_t first, end;	  /* numbers; index is number % ASKS_MAX */
	uint32_t heads[ASKS_MAX]; /* 1 + number of the newest, 0 none */
	struct ask ring[ASKS_MAX];
};

/* A packet on its way through the table. */
struct arrival {
	struct flow_key key;
	uint32_t where; /* index_where() of the key */
	uint32_t guess; /* a slot that may be its flow's, or NO_SLOT */
	uint32_t point; /* 0 unknown */
	uint8_t end;	/* which of the key's ends sent it */
};

#define GAPS_MAX 16

struct ew_flow_table {
	struct flow *flows;
	struct flow_cold *cold;
	struct flow_rare *rare;
	struct flow_turns *turns; /* NULL unless TURNS are wanted */
	struct index index;
	struct wheel *wheel;
	struct slot_set unanswered;
	struct points points;
	struct asks *asks;
	struct ew_flow_conf conf;
	ew_flow_sink *sink;
	void *sink_context;
	struct flow_counters counters;
	int64_t clock_ns; /* never runs back */
	int64_t skew_ns;  /* clock - packet time, since time ran back */
	int64_t base_ns;  /* clock of tick 0 */
	bool started;
	bool finishing; /* judge, do not time out */
	uint32_t free_slot;
	uint32_t high_water; /* slots from here on were never used */
	uint32_t hand;	     /* next slot to consider for eviction */
	uint32_t opening;    /* slot whose first packet is being fed; else NO_SLOT */
	uint32_t n_gaps;
	struct ew_gap_info gaps[GAPS_MAX];
	int64_t evicting_since_ns;	    /* 0 none */
	uint64_t evicting_lost;		    /* since then, not told yet */
	uint64_t parents[EW_BATCH_PACKETS]; /* flow ids of the batch's tunnels */
	struct arrival arrivals[EW_BATCH_PACKETS];
	size_t flows_reserved, cold_reserved, rare_reserved, turns_reserved;
};

static inline struct flow_side *
side_of_initiator(struct flow *f)
{
	return &f->side[f->bits & FLOW_INITIATOR];
}

static inline struct flow_side *
side_of_responder(struct flow *f)
{
	return &f->side[(f->bits & FLOW_INITIATOR) ^ 1];
}

static inline unsigned
initiator_of(const struct flow *f)
{
	return f->bits & FLOW_INITIATOR;
}

static inline enum tcp_state
side_state(const struct flow_side *side)
{
	return (enum tcp_state)(side->states & 15);
}

static inline enum tcp_state
side_previous(const struct flow_side *side)
{
	return (enum tcp_state)(side->states >> 4);
}

static inline bool
table_wants(const struct ew_flow_table *table, enum ew_flow_kind kind)
{
	return (table->conf.events & EW_FLOW_KIND_BIT(kind)) != 0;
}

static inline uint32_t
table_tick(const struct ew_flow_table *table, int64_t clock_ns)
{
	return (uint32_t)((uint64_t)(clock_ns - table->base_ns) >> TICK_SHIFT);
}

/* The first tick at which clock_ns is over. */
static inline uint32_t
table_tick_after(const struct ew_flow_table *table, int64_t clock_ns)
{
	return table_tick(table, clock_ns + (INT64_C(1) << TICK_SHIFT) - 1);
}

/* Make the timers look at slot at packet time at_ns, if they would not before. */
void table_look_at(struct ew_flow_table *table, uint32_t slot, int64_t at_ns);
/* Mark that both ends have sent. */
void table_answered(struct ew_flow_table *table, uint32_t slot);
/* Put slot, which is not in the wheel, where the timers have to look at it next. */
void table_schedule(struct ew_flow_table *table, uint32_t slot);
/* Packet time when slot is removed if nothing more comes. */
int64_t table_deadline(const struct ew_flow_table *table, uint32_t slot);
/* Run all timers up to clock_ns, which becomes the clock. */
void table_run_timers(struct ew_flow_table *table, int64_t clock_ns);
void table_tell_gap(struct ew_flow_table *table, const struct ew_gap_info *gap);
void table_tell_evictions(struct ew_flow_table *table);
struct flow_rare *table_rare(struct ew_flow_table *table, uint32_t slot);
void table_close(struct ew_flow_table *table, uint32_t slot, uint16_t flags);
/* A slot for the packet's new flow, not yet in the wheel. */
uint32_t table_open(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct arrival *a, uint64_t parent_id, unsigned serial);
void table_tell_end(struct ew_flow_table *table, uint32_t slot, uint16_t flags);
void table_clear(struct ew_flow_table *table);
uint32_t table_find(const struct ew_flow_table *table, const struct flow_key *key);
/* --- protocols --------------------------------------------------------------------------- */

/* tcp.c */
bool tcp_is_reuse(const struct flow *f, const struct ew_packet *packet);
bool tcp_begins_flipped(const struct ew_packet *packet);
/* Most segments: both ends established, nothing new but numbers. False: use tcp_feed. */
bool tcp_feed_steady(struct flow *f, const struct ew_packet *packet, unsigned end);
/* The first SYN of a flow; false when it is no plain one. */
bool tcp_feed_first_syn(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end);
void tcp_feed(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end);
/* Packet time when the flow is removed if nothing more comes. */
int64_t tcp_deadline(const struct ew_flow_table *table, uint32_t slot);
/* tcp_events.c: what a segment means to those who watch. */
struct tcp_before {
	enum tcp_state from, to; /* states before the segment */
	uint32_t ms;		 /* flow_cold.ms before it */
	bool is_new;
};
void tcp_tell_first_syn(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet);
void tcp_tell(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end, const struct tcp_before *before);

/* datagram.c */
bool udp_begins_flipped(const struct ew_packet *packet);
/* ICMP: the type that answers type, or the code and *ret_one_way. */
uint16_t icmp_counterpart(uint8_t proto, uint8_t type, uint8_t code, bool *ret_one_way);
void datagram_feed(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned end, bool is_new);
int64_t datagram_deadline(const struct ew_flow_table *table, uint32_t slot);
bool ports_is_likely_server(uint8_t proto, uint16_t port);

/* refused.c: an ICMP error names a flow. */
void refused_feed(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_icmp_quote *quote, uint32_t domain);

/* neighbour.c */
void neighbour_feed_arp(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_arp_info *arp, uint32_t domain);
void neighbour_feed_ndp(struct ew_flow_table *table, const struct ew_packet *packet,
    const struct ew_ndp_info *ndp, uint32_t domain);
/* Judge what waits longer than a second at clock_ns. */
void neighbour_expire(struct ew_flow_table *table, int64_t clock_ns);

/* turns.c */
void turns_feed(struct ew_flow_table *table, uint32_t slot, unsigned end,
    uint32_t bytes);
void turns_tell(struct ew_flow_table *table, uint32_t slot);

/* --- history.c ----------------------------------------------------------------------------- */

enum history_once {
	ONCE_SYN = 1 << 0,
	ONCE_FIN = 1 << 1,
	ONCE_RST = 1 << 2,
	ONCE_FIN_RST = 1 << 3,
	ONCE_DATA = 1 << 4,
	ONCE_ACK = 1 << 5,
	ONCE_MULTI = 1 << 6,
};

/* letter: 'S', '^' ...; lower case for the responder is the caller's business. */
void history_add(struct flow_cold *cold, char letter);
bool history_is(const struct flow_cold *cold,
    char letter); /* exactly that one letter */
void history_replace(struct flow_cold *cold, const char *letters);
void history_text(const struct flow_cold *cold, char text[EW_FLOW_HISTORY_MAX]);
unsigned history_serial(const struct flow_cold *cold);
void history_set_serial(struct flow_cold *cold, unsigned serial);

/* --- tell.c: events out -------------------------------------------------------------------- */

enum ew_conn_state tell_state(const struct flow *f, const struct flow_cold *cold);
uint64_t tell_flow_id(const struct flow *f, const struct flow_cold *cold);
/* Fill ev from the flow, all but kind, u and what only a packet knows. */
void tell_fill(struct ew_flow_table *table, uint32_t slot, struct ew_flow_event *ev);
/* Send an event about a flow; packet may be NULL. */
void tell_kind(struct ew_flow_table *table, uint32_t slot, enum ew_flow_kind kind,
    const struct ew_packet *packet);
static inline void
tell(struct ew_flow_table *table, uint32_t slot, enum ew_flow_kind kind,
    const struct ew_packet *packet)
{
	if (table_wants(table, kind) && !(table->flows[slot].bits & FLOW_HIDDEN))
		tell_kind(table, slot, kind, packet);
}
void tell_record(struct ew_flow_table *table, uint32_t slot, uint16_t flags);
static inline void
tell_close(struct ew_flow_table *table, uint32_t slot, uint16_t flags)
{
	if (table_wants(table, EW_FLOW_CLOSE) &&
	    !(table->flows[slot].bits & FLOW_HIDDEN))
		tell_record(table, slot, flags);
}
void tell_note(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, const struct ew_note *note);
/* A PROBE event: whoever is at end prober sent it, the other end answered with a RST. */
void tell_probe(struct ew_flow_table *table, uint32_t slot,
    const struct ew_packet *packet, unsigned prober);
/* Hand ev to the sink. */
void tell_event(struct ew_flow_table *table, const struct ew_flow_event *ev);
