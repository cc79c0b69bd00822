/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the process: the graph hands out what changed, the store keeps it, and at
 * start the same records come back in the order that makes references resolve: graph as a
 * whole, workloads, edges, decisions, incidents, their signals, detector states.
 *
 * Signals, incidents and decisions go to the store the moment they happen (pipeline.c);
 * edges every second, workload statistics and detector states every minute.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/pipeline_priv.h"
#include "identity/contact.h"
#include "store/store.h"

#define KEEP_EDGES_NS EW_NS_PER_S
#define KEEP_STATE_NS (60 * EW_NS_PER_S)

static void
keep_edge(void *context, const struct ew_edge *edge)
{
	ew_store_edge(context, edge);
}

static void
keep_workload(void *context, const struct ew_workload_record *record)
{
	ew_store_workload(context, record);
}

static void
keep_detector(void *context, const struct ew_detect_record *record)
{
	ew_store_detector(context, record);
}

static void
keep_state(struct ew_pipeline *p)
{
	struct ew_graph_record meta;

	(void)ew_graph_take_workloads(p->graph, p->now, keep_workload, p->store);
	ew_graph_meta(p->graph, p->now, &meta);
	ew_store_graph_meta(p->store, &meta);
	ew_store_detector_begin(p->store);
	ew_detect_save(p->detect, p->now, keep_detector, p->store);
	ew_store_detector_end(p->store);
	p->kept_state = p->now;
}

static void
keep_edges(struct ew_pipeline *p)
{
	(void)ew_graph_take_edges(p->graph, keep_edge, p->store);
	p->kept_edges = p->now;
}

void
ew_pipeline_keep(struct ew_pipeline *p)
{
	if (!p->store)
		return;
	if (p->now.ns - p->kept_edges.ns >= KEEP_EDGES_NS)
		keep_edges(p);
	if (p->now.ns - p->kept_state.ns >= KEEP_STATE_NS)
		keep_state(p);
	ew_store_tick(p->store, p->now);
}

void
ew_pipeline_flush(struct ew_pipeline *p)
{
	if (!p->store)
		return;
	keep_edges(p);
	keep_state(p);
	(void)ew_store_flush(p->store);
}

/* --- coming back ------------------------------------------------------------------------- */

struct loading {
	struct ew_pipeline *pipeline;
	struct ew_mono now;
	unsigned refused;
};

static void
load_meta(void *context, const struct ew_graph_record *record)
{
	struct loading *l = context;

	ew_graph_load_meta(l->pipeline->graph, record);
}

static void
load_workload(void *context, const struct ew_workload_record *record)
{
	struct loading *l = context;

	if (ew_graph_load_workload(l->pipeline->graph, record) != 0)
		l->refused++;
}

static void
load_edge(void *context, const char *src, const char *dst, const struct ew_edge *edge)
{
	struct loading *l = context;

	if (ew_graph_load_edge(l->pipeline->graph, src, dst, edge) != 0)
		l->refused++;
}

static void
load_decision(void *context, const struct ew_decision_record *record)
{
	struct loading *l = context;

	if (ew_graph_load_decision(l->pipeline->graph, record, l->now) != 0)
		l->refused++;
}

static struct ew_workload *
find_workload(void *context, const char *name)
{
	struct loading *l = context;

	return ew_graph_workload_by_name(l->pipeline->graph, name);
}

static void
load_incident(void *context, const struct ew_incident *incident)
{
	struct loading *l = context;

	if (ew_alert_load(l->pipeline->alert, incident) != 0)
		l->refused++;
}

static void
load_signal(void *context, uint64_t incident_id, const struct ew_signal *signal)
{
	struct loading *l = context;

	if (ew_alert_load_signal(l->pipeline->alert, incident_id, signal) != 0)
		l->refused++;
}

static void
load_detector(void *context, const struct ew_detect_record *record)
{
	struct loading *l = context;

	if (ew_detect_load(l->pipeline->detect, record) != 0)
		l->refused++;
}

static void
load_sent(void *context, uint64_t incident_id, int64_t sent_ns)
{
	struct loading *l = context;

	ew_alert_load_sent(l->pipeline->alert, incident_id, sent_ns);
}

int
ew_pipeline_load(struct ew_pipeline *p, struct ew_mono now, struct ew_error *error)
{
	if (!p->store)
		return 0;
	struct loading l = { .pipeline = p, .now = now };
	const struct ew_store_loader loader = {
		.context = &l,
		.meta = load_meta,
		.workload = load_workload,
		.edge = load_edge,
		.decision = load_decision,
		.find_workload = find_workload,
		.incident = load_incident,
		.signal = load_signal,
		.detector = load_detector,
		.sent = load_sent,
	};
	const int rc = ew_store_load(p->store, &loader, now, error);

	if (l.refused)
		ew_log(EW_LOG_UNUSUAL, "daemon",
		    "%u records of the database were not taken back: a table is full "
		    "or they "
		    "are of another version; they are relearned",
		    l.refused);
	return rc;
}
