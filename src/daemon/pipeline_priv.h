/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/addr.h"
#include "daemon/pipeline.h"

#define PIPELINE_RESOLVERS_MAX 32

struct ew_pipeline {
	enum ew_pipeline_mode mode;
	struct ew_pipeline_sink sink;
	struct ew_store *store; /* not ours; NULL: nothing is kept */
	struct ew_identity *identity;
	struct ew_graph *graph;
	struct ew_detect *detect;
	struct ew_alert *alert;
	struct ew_mono now;		       /* the watermark; never turned back */
	struct ew_mono ticked;		       /* deadlines were run at */
	struct ew_mono kept_edges, kept_state; /* handed to the store at */
	unsigned transactions;		       /* open, 0..n: one on disk */
	uint64_t signals, incidents, rows_refused;
	uint64_t newest_incident;
	int64_t newest_incident_ns;
	size_t n_resolvers;
	struct ew_addr resolvers[PIPELINE_RESOLVERS_MAX];
};

/* persist.c: hand to the store what changed, as often as design.md 7 asks. */
void ew_pipeline_keep(struct ew_pipeline *pipeline);
