/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "detect/detect_priv.h"
#include "detect/keyed.h"
#include "graph/fixed.h"
#include "graph/sensitive.h"

/*
 * volume-surge (detectors.md 3.16): far more data than this edge ever moves in an hour. Bytes
 * per hour and direction are kept as mean and mean absolute deviation of their binary
 * logarithm, per hour of the day, so that the nightly backup is usual at night. A surge needs
 * z >= 6, 64 MiB, and four times the maximum of seven days; on an edge that is not known,
 * 256 MiB in an hour. The running hour is judged as it grows: a dump is told while it goes on.
 *
 * Edges get state when a flow event carries 64 KiB or more (about 1 MiB an hour and up); what
 * is smaller cannot surge to 64 MiB without doing so.
 */

enum {
	OPT_LEAST,
	OPT_NOVEL_LEAST,
	OPT_Z,
	OPT_FACTOR,
	OPT_STORE_SCORE,
	OPT_NOVEL_SCORE,
	OPT_SCORE,
	OPT_LOW_SCORE,
	OPT_START,
};
static const struct ew_detector_option options[] = {
	{ "least", EW_UNIT_BYTES, 64 << 20, 1 << 20, INT64_C(1) << 40,
	    "In an hour (3.16: 64 MiB)" },
	{ "novel_least", EW_UNIT_BYTES, 256 << 20, 1 << 20, INT64_C(1) << 40,
	    "In an hour, on an edge that is not known (3.16: 256 MiB)" },
	{ "z", EW_UNIT_COUNT, 6, 1, 100,
	    "Deviations above the mean of the logarithm (3.16)" },
	{ "factor", EW_UNIT_COUNT, 4, 1, 1000,
	    "Times the maximum of seven days (3.16)" },
	{ "store_score", EW_UNIT_POINTS, 52, 0, 100,
	    "Out of a data store, source mature (3.16)" },
	{ "novel_score", EW_UNIT_POINTS, 55, 0, 100,
	    "To the outside, or on a novel edge (3.16)" },
	{ "score", EW_UNIT_POINTS, 45, 0, 100, "Any other known edge (ours: a row)" },
	{ "low_score", EW_UNIT_POINTS, 40, 0, 100,
	    "Jobs, change windows, m < 1 (3.16)" },
	{ "start", EW_UNIT_BYTES, 64 << 10, 0, 1 << 30,
	    "An event this large opens an edge's state" },
};
#define EDGES 2048
#define HOURS 24
#define DAYS 7
#define SURGES 4
#define MIN_SAMPLES 3 /* 9.1 */
#define HOUR_NS (INT64_C(3600) * EW_NS_PER_S)
#define AGAIN_NS (2 * HOUR_NS) /* 3.16: the same hour of another day, give or take */
#define MIN_DEV_Q8 128	       /* 3.16: 0.5 */

/* One direction. Logarithms in Q8. */
struct course {
	uint64_t bytes; /* in the running hour */
	uint64_t max_day[DAYS];
	int16_t mean[HOURS], dev[HOURS], mean_all, dev_all;
	uint8_t n[HOURS];
	uint8_t n_all;
};

struct volume_edge {
	struct ew_keyed keyed;
	int64_t hour, first_hour;
	int64_t surges[SURGES];
	uint16_t day;
	struct course dir[2];
};

struct volume_state {
	struct volume_edge edges[EDGES];
};

static int
log_q8(uint64_t bytes)
{
	return ew_fixed_log2(bytes + 1) >> 8;
}

/* EWMA with alpha 0.1 after a plain mean of the first ten. */
static void
learn(int16_t *mean, int16_t *dev, uint8_t *n, int value)
{
	int weight = *n < 10 ? *n + 1 : 10;
	int diff = value - *mean;
	int abs = diff < 0 ? -diff : diff;

	*mean = (int16_t)(*mean + diff / weight);
	if (*n)
		*dev = (int16_t)(*dev + (abs - *dev) / weight);
	if (*n < UINT8_MAX)
		(*n)++;
}

static void
close_hour(struct course *c, int hour, unsigned day)
{
	int value = log_q8(c->bytes);

	learn(&c->mean[hour], &c->dev[hour], &c->n[hour], value);
	learn(&c->mean_all, &c->dev_all, &c->n_all, value);
	if (c->bytes > c->max_day[day % DAYS])
		c->max_day[day % DAYS] = c->bytes;
	c->bytes = 0;
}

static void
roll(struct volume_edge *e, struct ew_mono now)
{
	int64_t hour = now.ns / HOUR_NS;

	if (!e->hour)
		e->hour = e->first_hour = hour;
	/* Hours without traffic count as such, a week of them at most. */
	for (int i = 0; e->hour < hour && i < HOURS * DAYS; i++) {
		for (int s = 0; s < 2; s++)
			close_hour(&e->dir[s], (int)(e->hour % HOURS),
			    (unsigned)(e->hour / HOURS));
		e->hour++;
		if (e->hour % HOURS == 0)
			for (int s = 0; s < 2; s++)
				e->dir[s].max_day[e->hour / HOURS % DAYS] = 0;
	}
	e->hour = hour;
}

static uint64_t
max_of_week(const struct course *c)
{
	uint64_t max = 0;

	for (int i = 0; i < DAYS; i++)
		max = c->max_day[i] > max ? c->max_day[i] : max;
	return max;
}

static bool
is_surge(const struct ew_detect *d, const struct course *c, int hour)
{
	bool has_hour = c->n[hour] >= MIN_SAMPLES;
	int mean = has_hour ? c->mean[hour] : c->mean_all;
	int dev = (has_hour ? c->dev[hour] : c->dev_all) * 5 / 4;

	if (c->n_all < MIN_SAMPLES ||
	    c->bytes < (uint64_t)ew_detect_option(d, OPT_LEAST) ||
	    c->bytes < max_of_week(c) * (uint64_t)ew_detect_option(d, OPT_FACTOR))
		return false;
	if (dev < MIN_DEV_Q8)
		dev = MIN_DEV_Q8;
	return log_q8(c->bytes) - mean >= ew_detect_option(d, OPT_Z) * dev;
}

static bool
was_before(const struct volume_edge *e, struct ew_mono now)
{
	for (int i = 0; i < SURGES; i++) {
		int64_t ago = now.ns - e->surges[i];

		for (int days = 1; e->surges[i] && days <= 7; days += 6) {
			int64_t off = ago - days * 24 * HOUR_NS;

			if (off <= AGAIN_NS && off >= -AGAIN_NS)
				return true;
		}
	}
	return false;
}

static int
points_of(const struct ew_detect *d, const struct ew_contact *c,
    const struct ew_judgement *j, int side, const struct ew_workload_view *view)
{
	struct ew_sensitive target;
	bool is_novel = j->verdict != EW_VERDICT_KNOWN;
	bool is_out = c->dst.workload->cls == EW_PEER_EXTERNAL && side == 0;

	ew_graph_sensitivity(d->graph, c, &target);
	if (c->src.workload->is_job || c->src.in_change_window || view->m_q16 < 65536)
		return (int)ew_detect_option(d, OPT_LOW_SCORE);
	if (is_novel || is_out)
		return (int)ew_detect_option(d, OPT_NOVEL_SCORE);
	if (target.cls == EW_SENS_DATA && side == 1 && !c->src.in_startup)
		return (int)ew_detect_option(d, OPT_STORE_SCORE);
	return (int)ew_detect_option(d, OPT_SCORE);
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    struct volume_edge *e, int side, struct ew_mono now)
{
	const struct course *k = &e->dir[side];
	/* One surge is one signal: the hour it began in, and what follows without a pause. */
	struct ew_track *t =
	    ew_detect_track(d, e->keyed.key ^ (uint64_t)side, 2 * HOUR_NS, now);
	struct ew_workload_view view = { 0 };
	char target[EW_WORKLOAD_NAME_MAX + EW_ADDR_TEXT + 8];
	unsigned mib = (unsigned)(k->bytes >> 20);
	struct ew_signal s;

	t->last_ns = now.ns;
	if (t->id && mib < 2 * t->mark)
		return;
	ew_graph_view(d->graph, c->src.workload, now, &view);
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_PAYLOAD;
	ew_signal_reason(&s, points_of(d, c, j, side, &view),
	    "%u MiB within an hour, at most %llu MiB in seven days", mib,
	    (unsigned long long)(max_of_week(k) >> 20));
	if (was_before(e, now))
		ew_signal_cap(&s, 49, "as much a day or a week ago at this hour");
	ew_signal_sample(&s, c, EW_OUT_PAYLOAD);
	ew_signal_target(c, target, sizeof(target));
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.80s %s %u MiB %s %.100s within an hour", c->src.workload->name,
	    side ? "got" : "sent", mib, side ? "from" : "to", target);
	snprintf(s.benign, sizeof(s.benign),
	    "a backup, a migration, the first large report");
	if (!t->id) {
		memmove(e->surges + 1, e->surges,
		    sizeof(e->surges) - sizeof(e->surges[0]));
		e->surges[0] = now.ns;
	}
	t->mark = mib;
	ew_detect_emit(d, &s, t, now);
}

static void
volume_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct volume_state *st = state;
	uint64_t most = j->bytes[0] > j->bytes[1] ? j->bytes[0] : j->bytes[1];
	uint8_t cls = c->src.workload->cls;

	if (!most || !j->edge || (cls != EW_PEER_WORKLOAD && cls != EW_PEER_GHOST))
		return;
	uint64_t key = ew_detect_edge_key(c, j) & ~UINT64_C(1);
	struct volume_edge *e = most >= (uint64_t)ew_detect_option(d, OPT_START)
	    ? ew_keyed_get(d, st->edges, EDGES, sizeof(*e), key, now)
	    : ew_keyed_find(st->edges, EDGES, sizeof(*e), key);

	if (!e)
		return;
	roll(e, now);
	for (int side = 0; side < 2; side++) {
		struct course *k = &e->dir[side];

		k->bytes += j->bytes[side];
		bool is_known = j->verdict == EW_VERDICT_KNOWN;
		bool is_large =
		    k->bytes >= (uint64_t)ew_detect_option(d, OPT_NOVEL_LEAST);

		if (j->bytes[side] &&
		    (is_known ? is_surge(d, k, (int)(e->hour % HOURS)) : is_large))
			emit(d, c, j, e, side, now);
	}
}

#define VERSION 1

static void
volume_save(const struct ew_detect *d, const void *state, struct ew_mono now,
    void (*visit)(void *context, const struct ew_detect_record *record), void *context)
{
	const struct volume_state *st = state;

	(void)d;
	(void)now;
	_Static_assert(sizeof(struct volume_edge) <= EW_DETECT_DATA_MAX,
	    "fits a record");
	for (int i = 0; i < EDGES; i++) {
		struct ew_detect_record r = { .detector = "volume-surge",
			.version = VERSION,
			.size = sizeof(st->edges[i]) };

		if (!st->edges[i].keyed.key)
			continue;
		ew_detect_record_key(&r, "%016llx",
		    (unsigned long long)st->edges[i].keyed.key);
		memcpy(r.data, &st->edges[i], sizeof(st->edges[i]));
		visit(context, &r);
	}
}

static int
volume_load(struct ew_detect *d, void *state, const struct ew_detect_record *r)
{
	struct volume_state *st = state;
	struct volume_edge saved;

	if (r->version != VERSION || r->size != sizeof(saved))
		return EW_ERR_VERSION;
	memcpy(&saved, r->data, sizeof(saved));
	*(struct volume_edge *)ew_keyed_get(d, st->edges, EDGES, sizeof(saved),
	    saved.keyed.key, (struct ew_mono){ saved.keyed.last_ns }) = saved;
	return 0;
}

const struct ew_detector ew_detector_volume = {
	.name = "volume-surge",
	.technique = { "T1030", "T1005", "T1048" },
	.tactic = EW_TACTIC_COLLECTION,
	.family = EW_FAMILY_VOLUME,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_UPDATE) | EW_FLOW_KIND_BIT(EW_FLOW_CLOSE),
	.verdicts =
	    1 << EW_VERDICT_KNOWN | 1 << EW_VERDICT_CANDIDATE | 1 << EW_VERDICT_NOVEL,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct volume_state),
	.on_contact = volume_on_contact,
	.save = volume_save,
	.load = volume_load,
};
