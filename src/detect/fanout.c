/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "detect/detect_priv.h"
#include "detect/keyed.h"
#include "detect/sketch.h"
#include "graph/fixed.h"
#include "graph/sensitive.h"

/*
 * fanout-surge (detectors.md 3.15): a workload talks to many more others than it ever does,
 * even when every connection succeeds (a worm, an internal crawler). Distinct destinations are
 * counted per ten minutes and compared with the workload's own history: more than 8, than twice
 * the maximum of seven days, and than mean + 6 sqrt(mean + 1), of which four are novel. Needs
 * a baseline (m > 0). Scrapers by label are judged on ports only: at most three are theirs.
 */

enum { OPT_LEAST, OPT_NOVEL, OPT_SIGMAS, OPT_BIN, OPT_SCORE, OPT_SCORE_MAX, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "least", EW_UNIT_COUNT, 8, 1, 1000,
	    "Distinct destinations below which it is none (3.15)" },
	{ "novel", EW_UNIT_COUNT, 4, 0, 1000, "Of these novel (3.15)" },
	{ "sigmas", EW_UNIT_COUNT, 6, 1, 100,
	    "Above the mean, in sqrt(mean + 1) (3.15)" },
	{ "bin", EW_UNIT_MS, 600000, 1000, 86400000,
	    "Destinations are counted per this time (3.15)" },
	{ "score", EW_UNIT_POINTS, 55, 0, 100, "Points of a surge (3.15)" },
	{ "score_max", EW_UNIT_POINTS, 75, 0, 100,
	    "At most, with sensitive classes (3.15)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per workload in this time" },
};
#define WORKLOADS 1024
#define DAYS 7
#define MEAN_SHIFT 3 /* EWMA with alpha 1/8: half a day of ten-minute bins. Ours. */

struct fanout {
	struct ew_keyed keyed; /* workload */
	int64_t bin;
	uint32_t mean_q16;
	uint16_t max_day[DAYS];
	uint16_t day;
	uint16_t novel;
	uint8_t classes; /* sensitive classes met in this bin */
	uint8_t n_ports;
	uint16_t ports[4];
	struct ew_distinct distinct;
};

struct fanout_state {
	struct fanout table[WORKLOADS];
};

static unsigned
max_of_week(const struct fanout *f)
{
	unsigned max = 0;

	for (int i = 0; i < DAYS; i++)
		max = f->max_day[i] > max ? f->max_day[i] : max;
	return max;
}

static void
roll(struct ew_detect *d, struct fanout *f, struct ew_mono now)
{
	int64_t bin = now.ns / ew_detect_option_ns(d, OPT_BIN);
	uint16_t day = (uint16_t)(now.ns / d->conf.minimum_age_ns);
	uint32_t count = ew_distinct_count(&f->distinct);
	int64_t empty = bin - f->bin - 1;

	if (bin == f->bin)
		return;
	for (; f->day != day && (uint16_t)(day - f->day) <= DAYS; f->day++)
		f->max_day[(f->day + 1) % DAYS] = 0;
	f->day = day;
	if (f->bin) {
		uint16_t *max = &f->max_day[day % DAYS];

		*max = count > *max ? (uint16_t)count : *max;
		f->mean_q16 +=
		    (count << 16 >> MEAN_SHIFT) - (f->mean_q16 >> MEAN_SHIFT);
		for (; empty > 0 && f->mean_q16; empty--)
			f->mean_q16 -= (f->mean_q16 >> MEAN_SHIFT) + 1 < f->mean_q16
			    ? (f->mean_q16 >> MEAN_SHIFT) + 1
			    : f->mean_q16;
	}
	f->bin = bin;
	f->novel = 0;
	f->classes = 0;
	f->n_ports = 0;
	memset(&f->distinct, 0, sizeof(f->distinct));
}

static unsigned
limit_of(const struct ew_detect *d, const struct fanout *f)
{
	unsigned limit = (unsigned)ew_detect_option(d, OPT_LEAST);
	unsigned twice = 2 * max_of_week(f);
	/* sqrt of Q32 is Q16 */
	uint64_t root = ew_fixed_sqrt(((uint64_t)f->mean_q16 + EW_Q16_ONE) << 16);
	unsigned spread =
	    (unsigned)((f->mean_q16 +
			   (uint64_t)ew_detect_option(d, OPT_SIGMAS) * root) >>
		16);

	limit = twice > limit ? twice : limit;
	return spread > limit ? spread : limit;
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct fanout *f,
    uint64_t key, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, key, ew_detect_option_ns(d, OPT_DEDUP), now);
	uint32_t count = ew_distinct_count(&f->distinct);
	int classes = __builtin_popcount(f->classes);
	struct ew_signal s;

	if (t->id && count < 2 * t->mark)
		return;
	t->mark = count;
	ew_signal_begin(d, &s, c, now);
	s.dst = NULL;
	s.hosts = s.count = count;
	s.outcome = EW_OUT_ESTABLISHED;
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE),
	    "%u destinations in ten minutes, %u of them new; never above %u in a week",
	    count, f->novel, max_of_week(f));
	if (classes)
		ew_signal_reason(&s, 5 * classes,
		    "%d kinds of sensitive services among them", classes);
	ew_signal_cap(&s, (int)ew_detect_option(d, OPT_SCORE_MAX), "of a fan-out");
	if (ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_SCANNER)
		ew_signal_cap(&s, 49, "it is labelled a scanner");
	ew_signal_sample(&s, c, EW_OUT_ESTABLISHED);
	if (c->src.in_change_window) {
		ew_signal_reason(&s, -30, "a release is going on (change window)");
		s.in_change_window = 1;
		s.hold_until_ns = now.ns + d->conf.change_hold_ns;
	}
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s talks to %u others within ten minutes, never above %u before",
	    c->src.workload->name, count, max_of_week(f));
	snprintf(s.benign, sizeof(s.benign),
	    "new monitoring (label eastwatch.scraper), a migration");
	if (s.score >= 30)
		ew_detect_emit(d, &s, t, now);
}

static bool
add_port(struct fanout *f, uint16_t port)
{
	for (int i = 0; i < f->n_ports; i++)
		if (f->ports[i] == port)
			return f->n_ports > 3;
	if (f->n_ports < 4)
		f->ports[f->n_ports++] = port;
	return f->n_ports > 3;
}

static void
fanout_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct fanout_state *st = state;

	if (c->src.workload->cls != EW_PEER_WORKLOAD || j->is_suppressed ||
	    c->dst.workload->cls == EW_PEER_MULTICAST || !j->src_hash)
		return;
	struct fanout *f =
	    ew_keyed_get(d, st->table, WORKLOADS, sizeof(*f), j->src_hash, now);
	uint32_t before = ew_distinct_count(&f->distinct);

	roll(d, f, now);
	ew_distinct_add(&f->distinct, ew_detect_mix(c->dst.workload->id, 31));
	bool has_many_ports = add_port(f, c->edge_port);
	if (j->verdict == EW_VERDICT_KNOWN)
		return; /* the way of ordinary traffic ends here */
	uint32_t count = ew_distinct_count(&f->distinct);
	if (count == before && f->novel)
		return;
	f->novel++;
	struct ew_sensitive target;
	ew_graph_sensitivity(d->graph, c, &target);
	if (target.cls)
		f->classes |= (uint8_t)(1u << target.cls);
	if (count <= limit_of(d, f) || f->novel < ew_detect_option(d, OPT_NOVEL))
		return;
	struct ew_workload_view view;
	bool is_scraper = ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_SCRAPER;
	if (!ew_graph_view(d->graph, c->src.workload, now, &view) || !view.m_q16 ||
	    (is_scraper && !has_many_ports))
		return;
	emit(d, c, f, j->src_hash, now);
}

#define VERSION 1

static void
fanout_save(const struct ew_detect *d, const void *state, struct ew_mono now,
    void (*visit)(void *context, const struct ew_detect_record *record), void *context)
{
	const struct fanout_state *st = state;

	(void)d;
	(void)now;
	for (int i = 0; i < WORKLOADS; i++) {
		struct ew_detect_record r = { .detector = "fanout-surge",
			.version = VERSION,
			.size = sizeof(st->table[i]) };

		if (!st->table[i].keyed.key)
			continue;
		ew_detect_record_key(&r, "%016llx",
		    (unsigned long long)st->table[i].keyed.key);
		memcpy(r.data, &st->table[i], sizeof(st->table[i]));
		visit(context, &r);
	}
}

static int
fanout_load(struct ew_detect *d, void *state, const struct ew_detect_record *r)
{
	struct fanout_state *st = state;
	struct fanout saved;

	if (r->version != VERSION || r->size != sizeof(saved))
		return EW_ERR_VERSION;
	memcpy(&saved, r->data, sizeof(saved));
	struct fanout *f = ew_keyed_get(d, st->table, WORKLOADS, sizeof(*f),
	    saved.keyed.key, (struct ew_mono){ saved.keyed.last_ns });
	*f = saved;
	/* Destination ids are of the process that saved them. */
	memset(&f->distinct, 0, sizeof(f->distinct));
	return 0;
}

const struct ew_detector ew_detector_fanout = {
	.name = "fanout-surge",
	.technique = { "T1046", "T1018", "T1570" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_SCAN,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_ATTEMPT),
	.verdicts =
	    1 << EW_VERDICT_KNOWN | 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct fanout_state),
	.on_contact = fanout_on_contact,
	.save = fanout_save,
	.load = fanout_load,
};
