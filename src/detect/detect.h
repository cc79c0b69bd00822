/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "detect/signal.h"

struct ew_contact;
struct ew_counter_set;
struct ew_gap_info;
struct ew_graph;
struct ew_judgement;
struct ew_lifecycle;

/*
 * detect: contacts and their judgement in, signals out. One file per detector behind
 * struct ew_detector (detector.h); this folder keeps their state, bounded, and nothing else.
 *
 * Depends on: base, flow/event.h, identity, graph.
 * Used by: alert (takes signals), store (keeps them and the state records), daemon.
 *
 * Pure: no I/O, no clock, no floating point in a score. Loop thread only. Deadlines run in
 * pipeline time, before the event that is later than them, so results do not depend on how
 * often tick is called.
 */
struct ew_detect;

#define EW_DETECTORS_MAX 40
#define EW_DETECTOR_OPTIONS_MAX 12
#define EW_CANARY_ADDRS_MAX 32

/* A decoy: a dark address or port that nobody has a reason to touch (3.14). */
struct ew_canary_addr {
	struct ew_prefix prefix;
	uint16_t port; /* 0 any */
};

struct ew_detect_conf {
	char node[64];
	int64_t minimum_age_ns; /* A */
	int64_t change_hold_ns; /* learning.change_hold */
	int64_t tombstone_ns;	/* learning.tombstone */
	uint32_t max_instances; /* scan states, default 4096 (432 B each) */
	uint32_t max_tracked;	/* open signals, default 8192 */
	uint32_t n_canaries;
	struct ew_canary_addr canaries[EW_CANARY_ADDRS_MAX];
	/* Values of the detectors' own options, by index in ew_detectors[] and its table. */
	int64_t options[EW_DETECTORS_MAX][EW_DETECTOR_OPTIONS_MAX];
};
void ew_detect_conf_default(struct ew_detect_conf *ret_conf);
/*
 * Set one option of one detector by name, e.g. ("scan", "threshold", 8); the tables are in
 * detector.h. Returns 0, -ENOENT for an unknown name, -ERANGE outside its range.
 */
int ew_detect_conf_set(struct ew_detect_conf *conf, const char *detector,
    const char *option, int64_t value);

/* Blindness is reported (3.27): a sentence for people, never an incident. */
struct ew_health {
	int64_t ts_ns;
	int64_t from_ns, to_ns; /* what was not seen */
	uint64_t lost;
	uint8_t cause; /* enum ew_gap_cause */
	uint8_t
	    is_notice; /* worth a message (at most one per 6 h); else only a record */
	char text[256];
};

/* Pointers are borrowed for the call. */
struct ew_detect_sink {
	void *context;
	void (*signal)(void *context, const struct ew_signal *signal);
	void (*health)(void *context, const struct ew_health *health);
};

struct ew_detect *ew_detect_new(const struct ew_detect_conf *conf,
    struct ew_graph *graph, const struct ew_detect_sink *sink);
void ew_detect_free(struct ew_detect *detect);
void ew_detect_reconfigure(struct ew_detect *detect, const struct ew_detect_conf *conf);
struct ew_counter_set ew_detect_counters(const struct ew_detect *detect);

/* Every contact, right after ew_graph_feed, with what that said. */
void ew_detect_feed(struct ew_detect *detect, const struct ew_contact *contact,
    const struct ew_judgement *judgement, struct ew_mono now);
void ew_detect_lifecycle(struct ew_detect *detect, const struct ew_lifecycle *life,
    struct ew_mono now);
/*
 * A capture gap, or a count of drops. packets: all packets of the same period, 0 unknown;
 * with it a loss below 1 % is a record and no notice.
 */
void ew_detect_gap(struct ew_detect *detect, const struct ew_gap_info *gap,
    uint64_t packets, struct ew_mono now);
/* Run deadlines up to now. At least once per pipeline second, and past the end of a file. */
void ew_detect_tick(struct ew_detect *detect, struct ew_mono now);

/* An operator closed the matter: the edge may raise a signal again if it comes back. */
void ew_detect_forget_signal(struct ew_detect *detect, uint64_t signal_id);

/*
 * State that survives a restart (scan scores, volumes, open signals): opaque, versioned.
 * key is text without blanks; a record of an unknown detector or version is dropped and counted.
 */
#define EW_DETECT_DATA_MAX 1024
struct ew_detect_record {
	char detector[24];
	char key[48];
	uint16_t version;
	uint16_t size;
	uint8_t data[EW_DETECT_DATA_MAX];
};
/* Visit every state record; the store replaces what it had. */
void ew_detect_save(const struct ew_detect *detect, struct ew_mono now,
    void (*visit)(void *context, const struct ew_detect_record *record), void *context);
/* At start, before the first contact. Returns 0, EW_ERR_VERSION or EW_ERR_LIMIT. */
int ew_detect_load(struct ew_detect *detect, const struct ew_detect_record *record);
