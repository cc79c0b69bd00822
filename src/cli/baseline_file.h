/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "graph/edge.h"
#include "graph/record.h"

/*
 * The baseline file (detectors.md 4.9): JSON lines, one object per workload, edge and
 * decision, keyed by workload names only, in a fixed order, a SHA-256 trailer at the end.
 * Used by: baseline export, import and diff; replay --baseline.
 */
struct ew_error;
struct ew_reader;

#define EW_BASELINE_SCHEMA "eastwatch.baseline/1"

/* Records are borrowed for the call; entries may be NULL. */
struct ew_baseline_sink {
	void *context;
	void (*workload)(void *context, const struct ew_workload_record *record);
	/* src and dst of the edge are NULL. */
	void (*edge)(void *context, const char *src, const char *dst,
	    const struct ew_edge *edge);
	void (*decision)(void *context, const struct ew_decision_record *record);
};

/*
 * Read a file ("-" is stdin). It is checked as a whole (every line, the sum) before the
 * first record is handed out. Returns 0, -errno, EW_ERR_FORMAT, EW_ERR_VERSION or
 * EW_ERR_TRUNCATED (no trailer), with `file:line: sentence`.
 */
int ew_baseline_read(const char *path, const struct ew_baseline_sink *sink,
    struct ew_error *error);

/*
 * Write what the database holds. workload: a glob on the source or the name, NULL all.
 * Returns an exit code, after a sentence.
 */
int ew_baseline_write(struct ew_reader *reader, const char *workload, FILE *out);
