/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators decide reaches two stages: the graph changes the baseline and keeps the
 * rule, alert recomputes the incidents that rested on the edges concerned.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "daemon/pipeline_priv.h"
#include "graph/edge.h"
#include "identity/workload.h"
#include "store/store.h"

struct accepting {
	struct ew_pipeline *pipeline;
	const struct ew_pattern *pattern;
};

static void
accept_if_matching(void *context, const struct ew_edge *edge)
{
	const struct accepting *a = context;

	if (ew_pattern_matches(a->pattern, edge->src->name, edge->dst->name,
		edge->proto, edge->port))
		ew_alert_accept_edge(a->pipeline->alert, edge->src, edge->dst,
		    edge->proto, edge->port, a->pipeline->now);
}

int
ew_pipeline_decide(struct ew_pipeline *p, struct ew_decision_record *decision,
    struct ew_error *error)
{
	const int rc = ew_graph_decide(p->graph, decision, p->now, error);

	if (rc == 0 && decision->action == EW_ACT_ACCEPT) {
		struct accepting a = { .pipeline = p, .pattern = &decision->pattern };

		ew_graph_each_edge(p->graph, accept_if_matching, &a);
	}
	return rc;
}

/* The rule that an incident's target stands for; false for a target without a workload. */
static bool
pattern_of_target(const struct ew_incident *incident, const struct ew_target *target,
    struct ew_pattern *ret_pattern)
{
	if (!target->workload || !incident->src)
		return false;
	*ret_pattern = (struct ew_pattern){
		.port = target->port ? target->port : EW_PORT_MATCH_ANY,
		.proto = target->proto ? (int16_t)target->proto : EW_PROTO_MATCH_ANY,
	};
	(void)ew_text_copy(ret_pattern->src, sizeof(ret_pattern->src),
	    incident->src->name);
	(void)ew_text_copy(ret_pattern->dst, sizeof(ret_pattern->dst),
	    target->workload->name);
	return true;
}

int
ew_pipeline_decide_incident(struct ew_pipeline *p, uint64_t incident_id,
    enum ew_decision decision, int64_t ttl_ns, const char *who, const char *why,
    uint32_t *ret_edges, struct ew_error *error)
{
	const struct ew_incident *incident = ew_alert_find(p->alert, incident_id);
	const int64_t until_ns = ttl_ns ? p->now.ns + ttl_ns : 0;
	/* Copied, since a decision may change the list it is read from. */
	struct ew_pattern patterns[EW_INCIDENT_TARGETS_MAX];
	uint32_t n = 0;

	*ret_edges = 0;
	if (!incident)
		return ew_error_set(error, -ENOENT,
		    "no open incident %016" PRIx64
		    "; `eastwatch incidents --state open` lists them",
		    incident_id);
	for (uint32_t i = 0; i < incident->n_targets; i++) {
		if (pattern_of_target(incident, &incident->targets[i], &patterns[n]))
			n++;
	}
	for (uint32_t i = 0; i < n && decision != EW_DECISION_SNOOZED; i++) {
		struct ew_decision_record record = {
			.action = decision == EW_DECISION_ACCEPTED ? EW_ACT_ACCEPT
								   : EW_ACT_DENY,
			.expires_ns = until_ns,
			.incident_id = incident_id,
			.pattern = patterns[i],
		};

		(void)ew_text_copy(record.who, sizeof(record.who), who);
		(void)ew_text_copy(record.why, sizeof(record.why), why);
		const int rc = ew_graph_decide(p->graph, &record, p->now, error);

		if (rc != 0 && rc != -ENOENT)
			return rc;
		*ret_edges += record.edges;
	}
	if (ew_alert_decide(p->alert, incident_id, decision, until_ns, p->now) != 0)
		return ew_error_set(error, -ENOENT, "incident %016" PRIx64 " is closed",
		    incident_id);
	return 0;
}
