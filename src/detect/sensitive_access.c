/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_priv.h"

#include <stdio.h>
#include <string.h>

#include "graph/sensitive.h"

/*
 * sensitive-access (detectors.md 3.13): first use of a control plane: cloud metadata, Docker
 * API, kubelet, etcd, the Kubernetes API server, and what an operator labelled sensitive. Any
 * outcome counts (a probe is a probe), the score has a floor of 60 (API server 50), and such
 * an edge is never learned silently. Data stores and remote administration are scored by
 * new-edge with their points as targets.
 *
 * The kit rule: container attack kits try a list of ports; three distinct entries by one
 * instance within ten minutes, two of them control plane, are 90 whatever the baseline.
 */

enum { OPT_KIT_ENTRIES, OPT_KIT_WINDOW, OPT_KIT_SCORE };
static const struct ew_detector_option options[] = {
	{ "kit_entries", EW_UNIT_COUNT, 3, 2, 16,
	    "Distinct kit ports that make a kit (9.1)" },
	{ "kit_window", EW_UNIT_MS, 600000, 1000, 86400000, "Within this time (3.13)" },
	{ "kit_score", EW_UNIT_POINTS, 90, 0, 100,
	    "Points of a kit's port list (3.13)" },
};

#define KIT_TABLE 256
#define KIT_PORTS 8

struct kit {
	uint64_t key; /* instance */
	struct {
		int64_t ts_ns;
		uint16_t port;
		uint8_t is_control;
	} seen[KIT_PORTS];
};

struct sensitive_state {
	struct kit kits[KIT_TABLE];
};

static struct kit *
kit_of(struct sensitive_state *st, uint64_t key)
{
	struct kit *k = &st->kits[ew_detect_mix(key, 5) % KIT_TABLE];

	if (k->key !=
	    key) /* another instance had the place: kits work within seconds */
		*k = (struct kit){ .key = key };
	return k;
}

static void
judge_kit(struct ew_detect *d, struct sensitive_state *st, const struct ew_contact *c,
    const struct ew_judgement *j, const struct ew_sensitive *target, struct ew_mono now)
{
	struct kit *k = kit_of(st, j->src_key);
	int64_t window = ew_detect_option_ns(d, OPT_KIT_WINDOW);
	unsigned distinct = 0, control = 0, oldest = 0;
	bool is_known = false;
	char ports[64] = "";

	for (unsigned i = 0; i < KIT_PORTS; i++) {
		if (k->seen[i].port == c->edge_port) {
			k->seen[i].ts_ns = now.ns;
			is_known = true;
		}
		if (k->seen[i].ts_ns < k->seen[oldest].ts_ns)
			oldest = i;
	}
	if (!is_known) {
		k->seen[oldest].ts_ns = now.ns;
		k->seen[oldest].port = c->edge_port;
		k->seen[oldest].is_control = target->cls >= EW_SENS_API_SERVER;
	}
	for (unsigned i = 0; i < KIT_PORTS; i++) {
		size_t used = strlen(ports);

		if (!k->seen[i].port || now.ns - k->seen[i].ts_ns > window)
			continue;
		distinct++;
		control += k->seen[i].is_control;
		snprintf(ports + used, sizeof(ports) - used, "%s%u", used ? " " : "",
		    k->seen[i].port);
	}
	if (distinct < (unsigned)ew_detect_option(d, OPT_KIT_ENTRIES) || control < 2)
		return;
	const int64_t dedup = INT64_C(6) * 3600 * EW_NS_PER_S; /* as 3.5 */
	struct ew_track *t =
	    ew_detect_track(d, ew_detect_mix(j->src_key, 6) | 1, dedup, now);
	struct ew_signal s;

	if (t->id && t->mark >= distinct)
		return;
	t->mark = distinct;
	ew_signal_begin(d, &s, c, now);
	s.outcome = (uint8_t)ew_edge_outcome(c->ev);
	s.count = s.ports = distinct;
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_KIT_SCORE),
	    "%u ports of a container attack kit's list in %lld s", distinct,
	    (long long)(window / EW_NS_PER_S));
	ew_signal_sample(&s, c, (enum ew_outcome)s.outcome);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s works through an attack kit's port list: %s", c->src.workload->name,
	    ports);
	ew_signal_evidence(&s, "kit ports: %s", ports);
	snprintf(s.benign, sizeof(s.benign),
	    "an authorised security scan (label eastwatch.scanner)");
	ew_detect_emit(d, &s, t, now);
}

static void
sensitive_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct ew_sensitive target;

	if (!ew_edge_is_judged(c, j) || ew_edge_outcome(c->ev) <= EW_OUT_ATTEMPT)
		return;
	ew_graph_sensitivity(d->graph, c, &target);
	if (target.is_kit && j->verdict != EW_VERDICT_UNJUDGED)
		judge_kit(d, state, c, j, &target, now);
	if (ew_edge_role(d, c, j) != EW_ROLE_SENSITIVE)
		return;
	ew_edge_signal(d, c, j, EW_ROLE_SENSITIVE, now);
	if (j->edge)
		ew_graph_quarantine_edge(d->graph, j->edge);
}

const struct ew_detector ew_detector_sensitive_access = {
	.name = "sensitive-access",
	.technique = { "T1552.005", "T1613", "T1609", "T1610" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_EDGE,
	.kinds = EW_EDGE_EVENT_KINDS,
	/* UNJUDGED: midstream during grace; it may be unusual whenever it began (1.3). */
	.verdicts = 1 << EW_VERDICT_UNJUDGED | 1 << EW_VERDICT_CANDIDATE |
	    1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct sensitive_state),
	.on_contact = sensitive_on_contact,
};
