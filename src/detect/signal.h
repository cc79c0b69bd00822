/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

struct ew_workload;

#define EW_REASONS_MAX 12
#define EW_REASON_TEXT 160
#define EW_EVIDENCE_TEXT 1024
#define EW_SAMPLES_MAX 12

/* P5: every score is a sum of named integer points. */
struct ew_reason {
	int16_t points;
	char text[EW_REASON_TEXT]; /* "never seen: no such edge in 14 d (novelty)" */
};

enum ew_outcome {
	EW_OUT_NONE,
	EW_OUT_ATTEMPT,
	EW_OUT_ESTABLISHED,
	EW_OUT_PAYLOAD,
	EW_OUT_REFUSED,
	EW_OUT_UNANSWERED,
	EW_OUT_MIDSTREAM,
	EW_OUT_HALFOPEN,
	EW_OUT_DARK,
	EW_OUT_PROBE,
};

enum ew_tactic {
	EW_TACTIC_NONE,
	EW_TACTIC_DISCOVERY,
	EW_TACTIC_CREDENTIAL,
	EW_TACTIC_LATERAL,
	EW_TACTIC_C2,
	EW_TACTIC_COLLECTION,
};

/* Detectors that see the same thing from two sides are one family (5.2). */
enum ew_signal_family {
	EW_FAMILY_EDGE, /* new-edge, new-port, new-workload, sensitive-access, canary */
	EW_FAMILY_SCAN, /* scans, sweeps, fan-out, dns-recon */
	EW_FAMILY_SPOOF,  /* arp-spoof, ndp-spoof, l2-rogue, source-spoof, ghost */
	EW_FAMILY_VOLUME, /* volume, exfil, flood */
	EW_FAMILY_CREDENTIAL,
	EW_FAMILY_CHANNEL, /* relay, tunnel, beacon */
	EW_FAMILY_CHAIN,   /* pivot-chain */
	EW_FAMILY_POLICY,
};

/* One contact shown as evidence. */
struct ew_sample {
	int64_t ts_ns;
	uint64_t flow_id;
	struct ew_addr dst;
	struct ew_workload
	    *workload; /* at that address; borrowed for the call, NULL unknown */
	uint16_t port;
	uint8_t proto;
	uint8_t outcome; /* enum ew_outcome */
};

/* detect -> alert, store: one scored fact. Emitted again with the same id when it grows. */
struct ew_signal {
	uint64_t id;	      /* derives from the input: deterministic under replay */
	int64_t ts_ns;	      /* of the event that raised it */
	int64_t first_ns;     /* first packet that belongs to it */
	const char *detector; /* "new-edge": static storage, the detector's name */
	const char *technique[4]; /* ATT&CK ids, NULL ends */
	uint8_t tactic;		  /* enum ew_tactic */
	uint8_t outcome;	  /* enum ew_outcome, best so far */
	uint8_t proto;
	uint8_t
	    in_change_window; /* held for replica support before it may leave digest */
	int16_t score;	      /* 0..100 */
	uint16_t port;	      /* server port; 0 where many */
	uint32_t src_instance, dst_instance; /* ew_instance.id, 0 none */
	struct ew_workload *src;	     /* counted by whoever keeps the signal */
	struct ew_workload *dst;	     /* NULL where many */
	struct ew_addr src_addr, dst_addr;
	uint64_t flow_id;      /* the flow that raised it; 0 none */
	uint32_t count;	       /* contacts behind it */
	uint32_t hosts, ports; /* distinct, estimate */
	uint8_t n_reasons, n_samples;
	uint8_t is_update;  /* same id was emitted before */
	uint8_t is_snoozed; /* an operator's snooze matches: record it, tell nobody */
	uint8_t
	    is_capped; /* cold install (9.1): counts 49 at most, listed in `baseline review` */
	uint8_t tool; /* enum ew_tool_hint */
	uint8_t
	    family; /* enum ew_signal_family: what the incident score counts as one kind */
	int64_t hold_until_ns; /* with in_change_window: no more than digest before */
	struct ew_reason reasons[EW_REASONS_MAX];
	struct ew_sample samples[EW_SAMPLES_MAX];
	char sentence
	    [256]; /* "shop/web opened postgres on shop/db; never done in 14 d" */
	char evidence[EW_EVIDENCE_TEXT]; /* further facts, one per line "key: value" */
	char benign[256];		 /* what would make it benign */
};

const char *ew_outcome_name(enum ew_outcome outcome);
const char *ew_tactic_name(enum ew_tactic tactic);
