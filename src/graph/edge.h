/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/time.h"

struct ew_workload;

enum ew_edge_status {
	EW_EDGE_CANDIDATE,
	EW_EDGE_BASELINE,
	EW_EDGE_DORMANT,
	EW_EDGE_QUARANTINED,
	EW_EDGE_DENIED,
};

enum ew_edge_origin {
	EW_ORIGIN_LEARNED,
	EW_ORIGIN_IMPORTED,
	EW_ORIGIN_OPERATOR,
	EW_ORIGIN_AUTO
};

enum ew_verdict {
	EW_VERDICT_UNJUDGED,
	EW_VERDICT_KNOWN,
	EW_VERDICT_CANDIDATE,
	EW_VERDICT_NOVEL,
	EW_VERDICT_DENIED,
};

enum ew_workload_state {
	EW_WL_COLD,
	EW_WL_LEARNING,
	EW_WL_PROVISIONAL,
	EW_WL_MATURE,
	EW_WL_LOCKED,
	EW_WL_STALE,
};

/* Server port of an edge that was generalised (detectors.md 1.1, 4.7). */
#define EW_PORT_DYN 0xfffe
#define EW_PORT_ANY 0xffff

/*
 * graph -> detect, store: who talks to whom. One record per (src, dst, proto, port).
 * Owned by the graph; others see it for a call. Public fields are what the database keeps.
 */
struct ew_edge {
	struct ew_workload *src, *dst; /* counted by the graph */
	uint16_t
	    port; /* server port, EW_PORT_DYN, EW_PORT_ANY; 0 for protocols without */
	uint8_t proto;
	uint8_t status; /* enum ew_edge_status */
	uint8_t origin; /* enum ew_edge_origin */
	uint8_t
	    starts; /* instance starts in whose startup phase it was seen, saturating */
	uint8_t wdays;	  /* weekday bitmap, Monday bit 0 */
	uint8_t is_dirty; /* changed since the store last took it */
	uint16_t slices;  /* learning slices in which it was seen, saturating */
	uint16_t last_slice;
	uint32_t hours; /* hour-of-day bitmap */
	uint32_t days;	/* bitmap of the last 32 days; bit 0 is the day of last_ns */
	uint32_t slots; /* 5-minute slots in which it was active (incidence) */
	int64_t first_ns, last_ns, max_gap_ns;
	uint64_t connections, failed;
	uint64_t src_bytes, dst_bytes;
	uint64_t
	    max_bytes_h; /* volume state lives in detect; this is the 7-day maximum */
	uint8_t replicas_hll[16]; /* 128-bit linear counting of instance keys */
	int64_t expires_ns;	  /* accept or deny with a time limit; 0 none */
	int64_t established_ns;	  /* first time it was established; 0 never */
	uint64_t decision_id;	  /* the operator's decision behind status; 0 learned */
	uint8_t replicas;	  /* distinct instances that showed it, saturating */
	uint8_t flags;		  /* enum ew_edge_flag */
	uint32_t ref;		  /* the graph's own handle; not persisted */
};

enum ew_edge_flag {
	EW_EDGE_F_STARTUP_ONLY = 1 << 0, /* never seen outside a startup phase */
	EW_EDGE_F_SUSPECT = 1 << 1,	 /* quarantined: for `baseline review` */
	EW_EDGE_F_SENSITIVE = 1 << 2,	 /* control plane or remote admin (3.13) */
	EW_EDGE_F_UNRESOLVED = 1 << 3,	 /* no DNS answer, disciplined source */
	EW_EDGE_F_HIGH = 1 << 4,	 /* scored 50 or more once (4.5) */
	EW_EDGE_F_CHANGE = 1 << 5,	 /* seen in a change window */
};

const char *ew_edge_status_name(enum ew_edge_status status);
const char *ew_verdict_name(enum ew_verdict verdict);
const char *ew_workload_state_name(enum ew_workload_state state);
