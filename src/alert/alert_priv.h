/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "detect/signal.h"
#include "identity/workload.h"

/* Inside alert: open incidents with what grouping, scoring and messages need. */

#define MEMBER_REASONS 4
#define SUSPECTS_MAX 64
#define SOURCES_MAX 32
#define FROZEN_MAX 16
#define SENT_MAX 256

/* What an incident keeps of one signal. */
struct member {
	uint64_t id;
	int64_t ts_ns, hold_until_ns;
	const char *detector;
	const char *technique[4];
	uint64_t src_hash, dst_hash; /* names; 0 none */
	int16_t score;
	uint16_t port;
	uint8_t proto, family, tactic, outcome, tool;
	bool in_change_window, is_capped, is_snoozed, is_accepted, is_control;
	uint8_t n_reasons;
	struct ew_reason reasons[MEMBER_REASONS]; /* strongest first */
	char sentence[256];
	char benign[256];
	char evidence[256]; /* its first line: baseline context */
};

struct suspect {
	uint64_t hash;
	int64_t until_ns;
};

struct incident {
	struct ew_incident pub;
	struct member *members;
	uint32_t n_members, cap_members;
	uint32_t more_signals;
	struct suspect suspects[SUSPECTS_MAX];
	uint64_t sources[SOURCES_MAX]; /* name hashes */
	uint32_t instances[SOURCES_MAX];
	uint32_t n_suspects, n_sources, n_instances;
	struct ew_workload *frozen[FROZEN_MAX]; /* counted */
	uint32_t n_frozen;
	uint64_t signature; /* for "no repeat within 24 h" */
	/* messages */
	int64_t due_ns; /* 0: nothing to send */
	int64_t last_sent_ns, snooze_until_ns;
	uint8_t sent_tier;
	uint32_t sent_hops, sent_control;
	bool in_storm, in_digest;
	uint32_t n_control; /* control-plane targets */
	int16_t tell_score; /* score without snoozed signals */
};

struct sent {
	int64_t ts_ns;
	uint64_t signature;
	uint8_t tier;
	bool is_listed; /* in a storm: told, but no message of its own */
};

struct alert_counters {
	uint64_t open, opened, closed, merged, refused;
	uint64_t messages, updates, storms, digests, repeats, signals_uncounted;
};

struct ew_alert {
	struct ew_alert_conf conf;
	struct ew_alert_sink sink;
	struct alert_counters counters;
	struct incident **open; /* oldest first */
	uint32_t n_open;
	struct sent sent[SENT_MAX];
	uint32_t n_sent;
	int64_t storm_due_ns, last_storm_ns;
	int64_t next_digest_ns;
	uint32_t n_digest_lines, more_digest;
	char digest[EW_MESSAGE_LINES][160];
	int64_t last_tick_ns;
	int64_t next_ns; /* nothing is due before; 0: look again */
};

uint64_t ew_alert_hash(const char *text);
/* score.c: members to score, tier, title, reasons. */
void ew_incident_recompute(struct ew_alert *a, struct incident *inc,
    struct ew_mono now);
/* incident.c */
struct incident *ew_incident_of_signal(struct ew_alert *a, const struct ew_signal *s,
    struct ew_mono now);
void ew_incident_add(struct ew_alert *a, struct incident *inc,
    const struct ew_signal *s, struct ew_mono now);
void ew_incident_close(struct ew_alert *a, struct incident *inc, struct ew_mono now);
void ew_incident_free(struct incident *inc);
void ew_incident_freeze(struct ew_alert *a, struct incident *inc);
void ew_incident_changed(struct ew_alert *a, const struct incident *inc,
    const struct ew_signal *s);
/* message.c */
void ew_message_plan(struct ew_alert *a, struct incident *inc, struct ew_mono now);
/* One line for the next digest. */
void ew_digest_note(struct ew_alert *a, const struct incident *inc);
void ew_message_run(struct ew_alert *a, struct ew_mono now);
/* When the next of these deadlines is; INT64_MAX none. */
int64_t ew_message_next(const struct ew_alert *a);
