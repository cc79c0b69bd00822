/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/incident.h"
#include "alert/message.h"
#include "base/time.h"

struct ew_counter_set;
struct ew_health;
struct ew_lifecycle;
struct ew_signal;
struct ew_workload;

/*
 * alert: signals in, incidents and messages out (detectors.md 5). One campaign is one
 * incident and about one message; when to send is decided here in pipeline time, delivery
 * and its timers live elsewhere (the outbox).
 *
 * Depends on: base, detect/signal.h, identity/workload.h. Used by: store, daemon.
 * Pure, loop thread only. Deadlines run in pipeline time before the signal that is later.
 */
struct ew_alert;

struct ew_alert_conf {
	char node[64];
	int64_t hold_page_ns;	/* incidents.hold_down.page, 20 s */
	int64_t hold_notify_ns; /* incidents.hold_down.notify, 120 s */
	int64_t idle_close_ns;	/* incidents.idle_close, 6 h */
	int64_t split_ns;	/* hard split, 7 d */
	int64_t update_gap_ns;	/* at most one update per 15 min */
	int64_t repeat_ns;	/* no repeat within 24 h */
	int32_t
	    digest_at_s; /* incidents.digest_at, seconds after midnight UTC; -1 never */
	uint16_t messages_per_hour; /* of this node, 6 */
	uint32_t max_open; /* open incidents, default 1024 (about 24 KiB each) */
};
void ew_alert_conf_default(struct ew_alert_conf *ret_conf);

/* Facts about a workload for the message's context lines; the pipeline fills it from graph. */
struct ew_alert_context {
	char baseline
	    [256]; /* "has spoken to 4 services in 14 days, last new one 9 days ago" */
	char posture[128];  /* "privileged, runtime socket" */
	char instance[160]; /* name (short id) of the instance */
	char image[256];
};

/* Pointers are borrowed for the call; entries may be NULL. */
struct ew_alert_sink {
	void *context;
	/* Opened or changed: write it. signal is the one that changed it, or NULL. */
	void (*incident)(void *context, const struct ew_incident *incident,
	    const struct ew_signal *signal);
	/* To send: into the outbox, in the same transaction as the incident. */
	void (*message)(void *context, const struct ew_message *message);
	/* 4.4(e): give to ew_graph_freeze. */
	void (*freeze)(void *context, struct ew_workload *workload, bool on);
	/* Asked when a message is written. */
	void (*describe)(void *context, struct ew_workload *workload, uint32_t instance,
	    struct ew_alert_context *ret_context);
};

struct ew_alert *ew_alert_new(const struct ew_alert_conf *conf,
    const struct ew_alert_sink *sink);
void ew_alert_free(struct ew_alert *alert);
void ew_alert_reconfigure(struct ew_alert *alert, const struct ew_alert_conf *conf);
struct ew_counter_set ew_alert_counters(const struct ew_alert *alert);

/*
 * Returns the incident the signal belongs to, 0 when it has none (score under 30). Called
 * again with the same id when a signal grows.
 */
uint64_t ew_alert_feed(struct ew_alert *alert, const struct ew_signal *signal,
    struct ew_mono now);
/* Run hold-downs, idle closes, the digest up to now. */
void ew_alert_tick(struct ew_alert *alert, struct ew_mono now);
/* A capture gap: open incidents that overlap it are marked. */
void ew_alert_gap(struct ew_alert *alert, const struct ew_health *health,
    struct ew_mono now);

/*
 * An operator's decision. ACCEPTED closes the incident without a message; DENIED keeps it
 * open at its tier; SNOOZED sends nothing until until_ns. Returns 0 or -ENOENT.
 */
int ew_alert_decide(struct ew_alert *alert, uint64_t incident_id,
    enum ew_decision decision, int64_t until_ns, struct ew_mono now);
/* `baseline accept` of an edge: its signals count no more, incidents are recomputed. */
void ew_alert_accept_edge(struct ew_alert *alert, const struct ew_workload *src,
    const struct ew_workload *dst, uint8_t proto, uint16_t port, struct ew_mono now);

const struct ew_incident *ew_alert_find(const struct ew_alert *alert,
    uint64_t incident_id);
void ew_alert_each_open(const struct ew_alert *alert,
    void (*visit)(void *context, const struct ew_incident *incident), void *context);

/*
 * At start: an open incident as the store kept it (workloads from
 * ew_graph_workload_by_name), and per signal what grouping needs. Returns 0 or EW_ERR_LIMIT.
 */
int ew_alert_load(struct ew_alert *alert, const struct ew_incident *incident);
int ew_alert_load_signal(struct ew_alert *alert, uint64_t incident_id,
    const struct ew_signal *signal);
/* At start: when messages went out in the last 24 h, for the limits of 5.3. */
void ew_alert_load_sent(struct ew_alert *alert, uint64_t incident_id, int64_t sent_ns);
/* `eastwatch webhook test`. */
void ew_alert_test_message(const struct ew_alert *alert, struct ew_mono now,
    struct ew_message *ret_message);
