/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "detect/detect_priv.h"

/*
 * new-workload (detectors.md 3.3): something runs here that never ran before. Usually a row
 * in the digest; more when it stands outside of what manages everything else, when its image
 * was never seen, and when it appears while an incident is open. Workloads of the inventory
 * that the daemon found at its start are not new (9.1), and a project that comes up as a whole
 * is one row: names of a group that appear within ten minutes update one signal.
 */

enum { OPT_BASE, OPT_GROUP_WINDOW };
static const struct ew_detector_option options[] = {
	{ "base", EW_UNIT_POINTS, 20, 0, 100, "Points of any new workload (3.3)" },
	{ "group_window", EW_UNIT_MS, 600000, 0, 86400000,
	    "Workloads of one project within this time are one row (9.1)" },
};
#define UNMANAGED_SHARE 80u /* percent of workloads with an owner (3.3) */
#define OPEN_INCIDENT_NS (INT64_C(6) * 3600 * EW_NS_PER_S) /* idle close, 5.1 */

struct new_workload_state {
	bool is_ready; /* the first inventory is complete */
	uint32_t managed, all;
};

static bool
has_open_incident(const struct ew_detect *d, struct ew_mono now)
{
	for (uint32_t i = 0; i < RECENT_MAX; i++)
		if (d->recent[i].id && d->recent[i].score >= 50 &&
		    now.ns - d->recent[i].ts_ns < OPEN_INCIDENT_NS)
			return true;
	return false;
}

static void
judge(struct ew_detect *d, const struct new_workload_state *st, struct ew_workload *w,
    struct ew_mono now)
{
	struct ew_signal s;
	const char *group = w->group[0] ? w->group : w->name;
	struct ew_track *t = ew_detect_track(d, ew_detect_hash(group) | 1,
	    ew_detect_option_ns(d, OPT_GROUP_WINDOW), now);
	bool is_unmanaged = !w->is_managed && st->all >= 5 &&
	    st->managed * 100 >= st->all * UNMANAGED_SHARE;

	t->count++;
	ew_signal_begin_workload(d, &s, w, now);
	s.count = t->count;
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_BASE),
	    "first sight of this workload");
	ew_signal_posture(&s, w);
	if (is_unmanaged)
		ew_signal_reason(&s, 15,
		    "nothing manages it, while %u of %u workloads here are managed",
		    st->managed, st->all);
	if (w->image_repo[0] && !ew_graph_has_image(d->graph, w->image_repo, w))
		ew_signal_reason(&s, 10, "image %.80s was never seen", w->image_repo);
	if (has_open_incident(d, now))
		ew_signal_reason(&s, 10, "it appeared while an incident is open");
	snprintf(s.sentence, sizeof(s.sentence), "%.150s runs here for the first time",
	    w->name);
	if (t->count > 1)
		snprintf(s.sentence, sizeof(s.sentence),
		    "%u workloads of %.120s run here for the first time", t->count,
		    group);
	snprintf(s.benign, sizeof(s.benign), "a planned installation of %.100s", group);
	if (s.score < 30 || (t->id && s.score < t->score))
		return;
	ew_detect_emit(d, &s, t, now);
}

static void
new_workload_on_lifecycle(struct ew_detect *d, void *state,
    const struct ew_lifecycle *life, struct ew_mono now)
{
	struct new_workload_state *st = state;

	if (life->kind == EW_LIFE_INVENTORY_READY)
		st->is_ready = true;
	bool is_workload = life->workload && life->workload->cls == EW_PEER_WORKLOAD;
	if (life->kind != EW_LIFE_WORKLOAD_NEW || !is_workload)
		return;
	/* After a restart identity may call new what the database knows: its age says so. */
	struct ew_workload_view view;
	bool is_known =
	    ew_graph_view(d->graph, life->workload, now, &view) && view.age_ns > 0;
	if (st->is_ready && !is_known)
		judge(d, st, life->workload, now);
	st->all++;
	st->managed += life->workload->is_managed;
}

const struct ew_detector ew_detector_new_workload = {
	.name = "new-workload",
	.technique = { "T1610", "T1204.003" },
	.tactic = EW_TACTIC_LATERAL,
	.family = EW_FAMILY_EDGE,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct new_workload_state),
	.on_lifecycle = new_workload_on_lifecycle,
};
