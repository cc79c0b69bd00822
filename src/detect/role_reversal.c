/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "detect/detect_priv.h"

/*
 * role-reversal (detectors.md 3.4): a workload that only ever answered opens a connection. A
 * reverse shell from a database looks like this. The edge is scored by new-edge, new-port or
 * sensitive-access with the 20 points of the reversal (30 for a callback to a client that had
 * just sent data); this detector says the same fact under its own name, with the same score,
 * and attaches who was talking to the server in the minute before.
 */

static void
role_reversal_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	(void)state;
	if (c->src.in_startup || c->src.workload->cls != EW_PEER_WORKLOAD ||
	    !ew_edge_is_judged(c, j) || ew_edge_outcome(c->ev) <= EW_OUT_ATTEMPT)
		return;
	struct ew_workload_view view;

	if (!ew_graph_view(d->graph, c->src.workload, now, &view) ||
	    !view.is_server_only)
		return;
	struct ew_edge_case e;
	struct ew_signal s;

	ew_edge_case(d, c, j, ew_edge_role(d, c, j), now, &e);
	if (!e.in.role_reversal || e.parts.total < 30)
		return;
	const int64_t window =
	    INT64_C(6) * 3600 * EW_NS_PER_S; /* as for the edge itself */
	struct ew_track *t = ew_detect_track(d, ew_detect_edge_key(c, j), window, now);

	t->count++;
	if (t->id && e.parts.total <= t->score)
		return;
	ew_signal_begin(d, &s, c, now);
	s.outcome = e.outcome;
	ew_edge_explain(d, c, j, &e, now, &s);
	ew_signal_sample(&s, c, (enum ew_outcome)e.outcome);
	ew_signal_evidence(&s, "server: %llu inbound sessions, none outbound before",
	    (unsigned long long)view.sessions_in);
	if (e.in.change_window && e.parts.d) {
		s.in_change_window = 1;
		s.hold_until_ns = now.ns + d->conf.change_hold_ns;
	}
	ew_detect_emit(d, &s, t, now);
}

const struct ew_detector ew_detector_role_reversal = {
	.name = "role-reversal",
	.technique = { "T1059", "T1571", "T1071" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_EDGE,
	.kinds = EW_EDGE_EVENT_KINDS,
	.verdicts = 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.on_contact = role_reversal_on_contact,
};
