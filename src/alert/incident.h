/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "detect/signal.h"

struct ew_workload;

enum ew_tier { EW_TIER_LOG, EW_TIER_DIGEST, EW_TIER_NOTIFY, EW_TIER_PAGE };
enum ew_incident_state {
	EW_INCIDENT_OPEN,
	EW_INCIDENT_CLOSED,
	EW_INCIDENT_MERGED, /* its signals went to another incident, named in the title */
};
enum ew_decision {
	EW_DECISION_NONE,
	EW_DECISION_ACCEPTED,
	EW_DECISION_DENIED,
	EW_DECISION_SNOOZED
};

#define EW_INCIDENT_TARGETS_MAX 64
#define EW_INCIDENT_PATH_MAX 16
#define EW_INCIDENT_SIGNALS_MAX 200
#define EW_INCIDENT_REASONS_MAX 12

struct ew_target {
	struct ew_workload *workload; /* counted; NULL when only the address is known */
	struct ew_addr addr;
	uint16_t port;
	uint8_t proto;
	uint8_t outcome; /* enum ew_outcome */
};

struct ew_hop {
	struct ew_workload *from, *to; /* counted */
	uint16_t port;
	uint8_t proto;
	int64_t ts_ns;
};

/*
 * alert -> store, outbox: one campaign. Owned by alert; others see it for a call.
 * Lists are bounded; what exceeds them is counted in more_*.
 */
struct ew_incident {
	uint64_t id; /* from the first signal: deterministic under replay */
	int64_t opened_ns, updated_ns, closed_ns;
	uint8_t state;	  /* enum ew_incident_state */
	uint8_t tier;	  /* enum ew_tier */
	uint8_t decision; /* enum ew_decision */
	uint8_t gaps;	  /* 1: capture had gaps while it ran ("coverage reduced") */
	int16_t score;
	uint16_t messages_sent;
	struct ew_workload *src; /* counted */
	uint32_t src_instance;
	uint32_t n_targets, more_targets;
	uint32_t n_path;
	uint32_t n_signals, more_signals;
	uint32_t n_reasons;
	uint32_t n_techniques, n_detectors;
	struct ew_target targets[EW_INCIDENT_TARGETS_MAX];
	struct ew_hop path[EW_INCIDENT_PATH_MAX];
	uint64_t signals[EW_INCIDENT_SIGNALS_MAX];	   /* ids, oldest first */
	struct ew_reason reasons[EW_INCIDENT_REASONS_MAX]; /* strongest first */
	const char *techniques[16];
	const char *detectors[16];
	char title[256];
	char benign[256];
};

const char *ew_tier_name(enum ew_tier tier);
const char *ew_severity_name(int score); /* critical high medium low info */
