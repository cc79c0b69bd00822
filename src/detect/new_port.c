/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_priv.h"

/*
 * new-port (detectors.md 3.2): two workloads that know each other, on a port that is new for
 * the pair. Scored like a new edge with N * 0.8 and R at most 10, since the pair itself is
 * ordinary; a remote-administration or database port keeps its points as a target.
 */

static void
new_port_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	(void)state;
	if (j->is_pair_known && ew_edge_is_judged(c, j) &&
	    ew_edge_role(d, c, j) == EW_ROLE_NEW_PORT)
		ew_edge_signal(d, c, j, EW_ROLE_NEW_PORT, now);
}

const struct ew_detector ew_detector_new_port = {
	.name = "new-port",
	.technique = { "T1021", "T1046" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_EDGE,
	.kinds = EW_EDGE_EVENT_KINDS,
	.verdicts = 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.on_contact = new_port_on_contact,
};
