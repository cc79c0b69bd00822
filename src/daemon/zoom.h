/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/time.h"
#include "capture/capture.h"

/*
 * zoom: which address pairs pass the kernel filter whole for a while. Many ask, there are 64
 * places (EW_CAPTURE_ZOOM_MAX) and each change is a new filter in every worker.
 *
 * Depends on: capture (the pair). Used by: daemon/core.c. Loop thread only; `now` is the
 * pipeline's clock.
 */
struct ew_zoom;

/* Why a pair is under the lens; the first is the most important (design: "Zoom"). */
enum ew_zoom_reason {
	EW_ZOOM_INCIDENT,  /* of an open incident with a score of 50 or more */
	EW_ZOOM_NEW_EDGE,  /* a novel or candidate edge of a mature source; 60 s */
	EW_ZOOM_SENSITIVE, /* an edge not known, to 22, 3306, 5432, 6379, 5985; 10 min */
	EW_ZOOM_PIVOT,	   /* inbound to a workload that opened a novel edge; 10 min */
	EW_ZOOM_REASONS,
};

struct ew_zoom *ew_zoom_new(void);
void ew_zoom_free(struct ew_zoom *zoom);

/*
 * Ask for a pair, in either order, until a time; asking again prolongs. When all places
 * are taken the least recently asked of the least important gives way, unless all are
 * more important than this one: then it is refused and counted.
 */
void ew_zoom_ask(struct ew_zoom *zoom, const struct ew_addr *a, const struct ew_addr *b,
    enum ew_zoom_reason reason, struct ew_mono now, struct ew_mono until);
/* This reason is gone (the payload is known, the incident closed); others may remain. */
void ew_zoom_release(struct ew_zoom *zoom, const struct ew_addr *a,
    const struct ew_addr *b, enum ew_zoom_reason reason);

/*
 * Once a turn: drop what has expired. True when the set has changed and a second has passed
 * since it was last handed out; then ret_pairs and *ret_count are the set for the workers.
 */
bool ew_zoom_turn(struct ew_zoom *zoom, struct ew_mono now,
    struct ew_capture_pair ret_pairs[EW_CAPTURE_ZOOM_MAX], size_t *ret_count);

/* zoom_pairs, zoom_asked, zoom_refused, zoom_displaced, zoom_filters. */
struct ew_counter_set ew_zoom_counters(const struct ew_zoom *zoom);
