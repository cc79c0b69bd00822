/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "identity/workload.h"

/*
 * graph <-> store, api, cli: what must survive a restart. Plain values keyed by names;
 * struct ew_edge (edge.h) is itself such a record once its two names are written beside it.
 */

/* One row per workload or peer. Ages count observed time: none accrues while we are down. */
struct ew_workload_record {
	char name[EW_WORKLOAD_NAME_MAX];
	char group[EW_WORKLOAD_NAME_MAX];
	char image_repo[EW_IMAGE_MAX];
	uint8_t cls; /* enum ew_peer_class */
	uint8_t is_managed, is_job;
	uint8_t state;	   /* enum ew_workload_state */
	uint8_t is_locked; /* by an operator; state says EW_WL_LOCKED */
	uint8_t is_quarantined, was_there, is_incomplete;
	uint16_t labels;    /* enum ew_label_bit, those an operator added */
	uint16_t posture;   /* enum ew_posture_bit, as last seen */
	uint32_t instances; /* live, informative */
	int64_t first_ns, last_ns;
	int64_t age_ns;
	int64_t learned_age_ns;	 /* age at which learning ended; 0 still learning */
	int64_t new_edge_age_ns; /* age at the last new edge: quiet counts from here */
	uint32_t
	    discoveries_q16[2]; /* decayed sum of accepted discoveries; 0 out, 1 in */
	int64_t discovery_age_ns[2]; /* age at which that sum was taken; -1 none yet */
	uint32_t starts, runs;	     /* observed starts; completed runs (jobs) */
	uint32_t incidences, f1, f2; /* 4.2 */
	uint64_t sessions_in, sessions_out,
	    run_out; /* run_out: outbound to workloads or external in run phase */
	uint32_t resolved_yes,
	    resolved_all; /* baseline contacts with a DNS answer before */
	uint64_t spec_hash;
	/* informative, for lists; not read back */
	uint16_t m_permille, coverage_permille, missing_mass_permille;
	uint32_t edges_out, edges_in, candidates, quarantined;
};

/* One row: the graph as a whole. */
struct ew_graph_record {
	int64_t observed_ns; /* time watched by this database's daemons */
	int64_t first_ns;
};

enum ew_decision_action {
	EW_ACT_ACCEPT,
	EW_ACT_DENY,
	EW_ACT_SNOOZE, /* no messages for what matches, until expires_ns */
	EW_ACT_FORGET, /* drop matching edges: they are novel again */
	EW_ACT_LOCK,   /* the source workloads learn nothing until unlocked */
	EW_ACT_UNLOCK,
	EW_ACT_LABEL,	/* labels: the workload's operator labels from now on */
	EW_ACT_UNDO,	/* take back the decision `undoes` */
	EW_ACT_AUTO,	/* rule 4.5 accepted an edge */
	EW_ACT_RELEARN, /* the source workloads learn again from the start */
};

#define EW_PORT_MATCH_ANY (-1)
#define EW_PROTO_MATCH_ANY (-1)
struct ew_pattern {
	char src[EW_WORKLOAD_NAME_MAX]; /* glob */
	char dst[EW_WORKLOAD_NAME_MAX]; /* glob; "*" any */
	int32_t port;			/* EW_PORT_MATCH_ANY */
	int16_t proto;			/* EW_PROTO_MATCH_ANY */
};

/* One line of the decision log: who, when, why, and enough to take it back. */
struct ew_decision_record {
	uint64_t id;
	int64_t at_ns;
	int64_t expires_ns;   /* 0 no limit */
	uint64_t incident_id; /* 0: not made from an incident */
	uint64_t undoes;      /* UNDO: the decision taken back */
	uint8_t action;	      /* enum ew_decision_action */
	uint8_t is_undone;    /* load only: a later UNDO names it */
	uint16_t labels;      /* LABEL */
	uint32_t edges;	      /* edges or workloads it changed when it was taken */
	struct ew_pattern pattern;
	char who[64];
	char why[256];
};

const char *ew_decision_action_name(enum ew_decision_action action);
