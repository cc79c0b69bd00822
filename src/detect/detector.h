/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "detect/signal.h"

struct ew_contact;
struct ew_detect;
struct ew_detect_record;
struct ew_gap_info;
struct ew_judgement;
struct ew_lifecycle;

/*
 * The contract of a detector: one const struct per file, listed in ew_detectors[]
 * (detectors.c). Nobody names a detector's functions but its own file.
 */
enum ew_option_unit {
	EW_UNIT_COUNT,
	EW_UNIT_POINTS, /* of a score */
	EW_UNIT_MS,	/* written as a duration: 90s, 24h */
	EW_UNIT_BYTES,
	EW_UNIT_PERCENT,
	EW_UNIT_HUNDREDTHS, /* scan weights: 250 = 2.5 */
	EW_UNIT_SWITCH,	    /* 0 or 1 */
};

struct ew_detector_option {
	const char *name;
	enum ew_option_unit unit;
	int64_t default_value, min, max;
	const char *help; /* a sentence with the source of the default */
};

struct ew_detector {
	const char *name;
	const char *technique[4]; /* ATT&CK, NULL ends */
	uint8_t tactic;		  /* enum ew_tactic, by 9.1 */
	uint8_t family;		  /* enum ew_signal_family */
	uint32_t kinds;		  /* EW_FLOW_KIND_BIT of the events it wants */
	uint32_t verdicts;	  /* 1 << enum ew_verdict it wants */
	const struct ew_detector_option *options;
	size_t n_options;
	/* State of its own, zeroed by the frame; NULL where a detector keeps none. */
	size_t state_size;
	int (*init)(struct ew_detect *detect, void *state);
	void (*fini)(void *state);
	void (*on_contact)(struct ew_detect *detect, void *state,
	    const struct ew_contact *c, const struct ew_judgement *j,
	    struct ew_mono now);
	void (*on_lifecycle)(struct ew_detect *detect, void *state,
	    const struct ew_lifecycle *life, struct ew_mono now);
	/* Other detectors' signals, after they were emitted. */
	void (*on_signal)(struct ew_detect *detect, void *state,
	    const struct ew_signal *s, struct ew_mono now);
	void (*on_gap)(struct ew_detect *detect, void *state,
	    const struct ew_gap_info *gap, uint64_t packets, struct ew_mono now);
	/* Once per pipeline second, at whole seconds. */
	void (*on_tick)(struct ew_detect *detect, void *state, struct ew_mono now);
	void (*save)(const struct ew_detect *detect, const void *state,
	    struct ew_mono now,
	    void (*visit)(void *context, const struct ew_detect_record *record),
	    void *context);
	int (*load)(struct ew_detect *detect, void *state,
	    const struct ew_detect_record *r);
};

extern const struct ew_detector *const ew_detectors[]; /* constant table, NULL ends */
