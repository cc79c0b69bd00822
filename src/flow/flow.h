/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/*
 * flow: packets to connections, by Zeek's rules. Depends on base and on decode's packet
 * record; used by the daemon's worker and by replay. Pure: packet time is the only clock.
 *
 * One table belongs to one thread. Its memory is reserved by ew_flow_table_new and never
 * grows; feeding packets allocates nothing. What does not fit pushes out the oldest
 * unanswered flow, or if there is none, an answered one that was long idle: each leaves
 * a CLOSE event with EW_FLOW_F_EVICTED, and is counted.
 *
 * What comes out is flow/event.h. Event times never run backwards.
 */
struct ew_addr;
struct ew_batch;
struct ew_counter_set;
struct ew_flow_event;
struct ew_flow_table;
struct ew_gap_info;

/* event is borrowed for the call; bytes past ew_flow_event_size(event) are undefined. */
typedef void ew_flow_sink(void *context, const struct ew_flow_event *event);

struct ew_flow_timeouts {
	int64_t tcp_attempt_ns;	    /* SYN without any answer; 5 s */
	int64_t tcp_idle_ns;	    /* established; 300 s (connections: 24 h) */
	int64_t tcp_interactive_ns; /* the same on ports 21, 22, 23, 513; 1 h (24 h) */
	int64_t tcp_close_ns;	    /* after both sides closed or one reset; 5 s */
	int64_t udp_ns;		    /* 60 s */
	int64_t icmp_ns;	    /* 60 s */
	int64_t other_ns;	    /* 60 s */
};

struct ew_flow_conf {
	uint32_t max_flows; /* 200 bytes each; 1,048,576 or 262,144 */
	uint32_t events;    /* EW_FLOW_KIND_BIT of the kinds the sink wants */
	uint64_t seed;	    /* of the hash: ew_hash_seed() live; ids do not need it */
	bool exact; /* every packet is seen (profile all): TCP packet counts are true */
	struct ew_flow_timeouts timeouts;
};

/* Defaults for profile all (exact) or connections. events: all but TURNS. */
struct ew_flow_conf ew_flow_conf_default(bool exact);

/* NULL when the memory cannot be had. */
struct ew_flow_table *ew_flow_table_new(const struct ew_flow_conf *conf,
    ew_flow_sink *sink, void *sink_context);
void ew_flow_table_free(struct ew_flow_table *table);

/*
 * Take decoded packets. Timers due before a packet's time run before it.
 * cost  per packet a bounded number of cache lines, whatever the table's fill
 */
void ew_flow_feed(struct ew_flow_table *table, const struct ew_batch *batch);

/* Run the timers up to now, e.g. while no packets come. An earlier now is ignored. */
void ew_flow_table_expire(struct ew_flow_table *table, struct ew_mono now);

/*
 * The input has ended: judge what is pending (UNANSWERED, ESTABLISHED ...), then close
 * every open flow in order of start, with EW_FLOW_F_END_OF_INPUT. The table is empty after.
 */
void ew_flow_finish(struct ew_flow_table *table);

/*
 * Packets were lost or time jumped: hand out a GAP event, and mark what was open meanwhile
 * with EW_FLOW_F_GAP when it closes.
 */
void ew_flow_gap(struct ew_flow_table *table, const struct ew_gap_info *gap);

/* --- where packets count (ARCHITECTURE.md "Exactly once") ------------------------------- */

/* What an interface is to the observation rule; the values match enum ew_iface_kind. */
enum ew_flow_point {
	EW_FLOW_POINT_OTHER,   /* known, and not a point */
	EW_FLOW_POINT_VETH,    /* host end */
	EW_FLOW_POINT_BRIDGE,  /* with a container port */
	EW_FLOW_POINT_UPLINK,  /* a point for host addresses only */
	EW_FLOW_POINT_MACVLAN, /* parent of macvlan children */
	EW_FLOW_POINT_TUNNEL,
	EW_FLOW_POINT_LO,      /* a point for host addresses only */
	EW_FLOW_POINT_UNKNOWN, /* not announced: a point for the time being */
};

/*
 * Say what an interface is. Interfaces never named are EW_FLOW_POINT_UNKNOWN, and so is
 * ifindex 0: without this call every packet counts.
 * domain   part of the flow key: 0 where the host routes, else the bridge's ifindex
 * returns  0, or EW_ERR_LIMIT past 8,192 interfaces (it stays UNKNOWN)
 */
int ew_flow_set_point(struct ew_flow_table *table, uint32_t ifindex,
    enum ew_flow_point kind, uint32_t domain);
/* The interface is gone; its index may come again. */
void ew_flow_forget_point(struct ew_flow_table *table, uint32_t ifindex);

/*
 * Addresses of the host and of host-network workloads, for uplinks and lo. Replaces the set;
 * count 0: none. At most 256; EW_ERR_LIMIT otherwise.
 */
int ew_flow_set_host_addresses(struct ew_flow_table *table, const struct ew_addr *addrs,
    size_t count);

/*
 * Pairs whose packets are all seen although the profile is `connections`: TURNS events
 * exist for them. Replaces the set; at most 64 pairs (a[i], b[i]); EW_ERR_LIMIT otherwise.
 */
int ew_flow_set_zoom(struct ew_flow_table *table, const struct ew_addr *a,
    const struct ew_addr *b, size_t count);

/* --- numbers ---------------------------------------------------------------------------- */

/* Flow counters (flow/counters.c); valid while the table lives. */
struct ew_counter_set ew_flow_counters(const struct ew_flow_table *table);

struct ew_flow_totals {
	uint64_t packets; /* fed */
	uint64_t bytes;	  /* their IP bytes */
	uint64_t opened;
	uint64_t closed;
	uint64_t evicted;
	uint64_t open; /* now */
	uint64_t peak; /* most at once */
};
struct ew_flow_totals ew_flow_table_totals(const struct ew_flow_table *table);

/* --- identifiers -------------------------------------------------------------------------- */

struct ew_tuple;
#define EW_COMMUNITY_ID_TEXT 32
/*
 * Community ID v1 with seed 0 of a flow ("1:yvyB8h+3dnggTZW0UEITWCst97w="). For ICMP the
 * tuple's ports are type and counterpart or code, as in an event. Returns text.
 */
char *ew_community_id(const struct ew_tuple *tuple, char text[EW_COMMUNITY_ID_TEXT]);
