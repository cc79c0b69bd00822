/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "detect/detect_priv.h"
#include "detect/sketch.h"

/*
 * The random walk over novel first contacts, per source instance: what scan (3.5) and
 * scan-slow (3.6) both read. scan.c feeds it.
 */

enum ew_walk_outcome {
	EW_WALK_DARK,
	EW_WALK_PROBE,
	EW_WALK_REFUSED,
	EW_WALK_UNANSWERED,
	EW_WALK_HALFOPEN,
	EW_WALK_EMPTY,	 /* connected, no client data, closed within 2 s */
	EW_WALK_SILENT,	 /* UDP without answer, echo to a live peer */
	EW_WALK_PAYLOAD, /* established and used */
	EW_WALK_OUTCOMES,
};

#define EW_WALK_SAMPLES 12
#define EW_WALK_REFUNDS 8

struct ew_walk_sample {
	int64_t ts_ns;
	uint64_t flow_id;
	struct ew_addr dst;
	struct ew_workload *workload; /* counted */
	uint16_t port;
	uint8_t proto, outcome; /* enum ew_walk_outcome */
};

/* One per source instance, made at its first novel contact, dropped after a day without. */
struct ew_walk {
	uint64_t key; /* 0 free */
	uint32_t fast_q16, slow_q16;
	int64_t t_ns; /* of both scores */
	int64_t first_ns, last_ns;
	int64_t slow_since_ns;	 /* first contact of the slow walk */
	struct ew_workload *src; /* counted; NULL when loaded and not seen yet */
	uint32_t instance;
	uint32_t n_contacts, n_sensitive,
	    n_reached; /* reached: some contact established */
	uint32_t n_out[EW_WALK_OUTCOMES];
	struct ew_distinct hosts, ports;
	struct ew_seen seen;
	uint8_t tool, n_samples, is_node;
	uint16_t last_ports
	    [4]; /* distinct ports tried on the newest destination, see discount */
	uint64_t last_dst;
	uint8_t n_last_ports;
	struct {
		uint64_t contact;
		uint32_t weight_q16;
		int64_t ts_ns;
	} refund[EW_WALK_REFUNDS];
	struct ew_walk_sample samples[EW_WALK_SAMPLES];
};

/* The walk of an instance, NULL when it has none. Owned by scan.c's state. */
struct ew_walk *ew_walk_find(struct ew_detect *d, uint64_t key);
/* Slow scores of a workload's instances added up, Q16, decayed to now. */
uint64_t ew_walk_sum(struct ew_detect *d, const struct ew_workload *src,
    struct ew_mono now, uint32_t *ret_instances);
/* What both detectors say of it: counts, histogram, samples, tool. */
void ew_walk_describe(const struct ew_walk *w, struct ew_signal *s);
const char *ew_tool_name(uint8_t tool);
