/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "alert/incident.h"

enum ew_message_kind {
	EW_MSG_OPENED,
	EW_MSG_UPDATED,
	EW_MSG_RESOLVED,
	EW_MSG_DIGEST,
	EW_MSG_STORM,
	EW_MSG_TEST,
	EW_MSG_HEALTH, /* coverage notice, detectors.md 3.27 */
};

#define EW_MESSAGE_TARGETS 8
#define EW_MESSAGE_REASONS 5
#define EW_MESSAGE_LINES 24

/*
 * alert -> outbox -> outside process: one message to people, as facts; each webhook type
 * renders it. Plain text with bounds, no pointers: it is stored and sent between
 * processes as it is. Strings may hold hostile names: each renderer neutralises.
 * Times are UTC microseconds.
 */
struct ew_message {
	uint64_t id;	      /* outbox identity: stable over retries; webhook-id */
	uint64_t incident_id; /* 0: digest, storm, test, health */
	int64_t created_us;
	int64_t opened_us, updated_us;
	uint8_t kind; /* enum ew_message_kind */
	uint8_t tier; /* enum ew_tier */
	int16_t score;
	uint16_t sequence; /* 1.. within the incident */
	uint8_t n_targets, n_reasons, n_lines, gaps;
	uint32_t more_targets;
	char node[64];
	char title[256]; /* the verdict sentence */
	char src_workload[EW_REASON_TEXT * 2];
	char src_instance[160];
	char image[256];
	char path[512];	      /* "A -> B:22 14:02:03 -> C:5432 14:03:10" */
	char techniques[128]; /* "T1046, T1021" */
	char baseline[256];   /* context: "has spoken to 4 services in 14 days" */
	char posture[128];
	char benign[256];
	char targets[EW_MESSAGE_TARGETS][320]; /* "shop/db:5432/tcp established" */
	struct ew_reason reasons[EW_MESSAGE_REASONS];
	char lines[EW_MESSAGE_LINES][160]; /* digest and storm: one incident each */
};
