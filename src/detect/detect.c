/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "detect/detect_priv.h"

/*
 * The frame around the detectors: it knows none of them by name. At start it asks each for the
 * event kinds and verdicts it wants and builds a routing table, so that an event costs one
 * table look-up plus the detectors that asked for it; a contact on a known edge usually
 * reaches none.
 *
 * Time: on_tick runs at whole pipeline seconds, before the first event that is later, however
 * often the daemon calls tick; so a replay gives the same signals at any speed. After a long
 * silence the seconds in between are not run one by one (nothing happened in them): at most
 * MAX_TICKS, the last ones.
 */

#define MAX_TICKS 1200 /* ours: 20 minutes, above every window that lives on ticks */
#define ROUTE_END 255

void
ew_detect_conf_default(struct ew_detect_conf *ret_conf)
{
	*ret_conf = (struct ew_detect_conf){
		.minimum_age_ns = INT64_C(86400) * EW_NS_PER_S,
		.change_hold_ns = INT64_C(600) * EW_NS_PER_S,
		.tombstone_ns = INT64_C(86400) * EW_NS_PER_S,
		.max_instances = 4096,
		.max_tracked = 8192,
	};
	for (unsigned i = 0; ew_detectors[i]; i++)
		for (size_t o = 0; o < ew_detectors[i]->n_options; o++)
			ret_conf->options[i][o] =
			    ew_detectors[i]->options[o].default_value;
}

int
ew_detect_conf_set(struct ew_detect_conf *conf, const char *detector,
    const char *option, int64_t value)
{
	for (unsigned i = 0; ew_detectors[i]; i++) {
		if (strcmp(ew_detectors[i]->name, detector) != 0)
			continue;
		for (size_t o = 0; o < ew_detectors[i]->n_options; o++) {
			const struct ew_detector_option *opt =
			    &ew_detectors[i]->options[o];

			if (strcmp(opt->name, option) != 0)
				continue;
			if (value < opt->min || value > opt->max)
				return -ERANGE;
			conf->options[i][o] = value;
			return 0;
		}
	}
	return -ENOENT;
}

static void
build_routes(struct ew_detect *d)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (unsigned verdict = 0; verdict < VERDICTS; verdict++) {
			uint8_t *route = d->route[kind][verdict];
			unsigned n = 0;

			for (uint8_t i = 0; i < d->n_detectors; i++)
				if (ew_detectors[i]->on_contact &&
				    (ew_detectors[i]->kinds >> kind & 1) &&
				    (ew_detectors[i]->verdicts >> verdict & 1))
					route[n++] = i;
			route[n] = ROUTE_END;
		}
	}
}

struct ew_detect *
ew_detect_new(const struct ew_detect_conf *conf, struct ew_graph *graph,
    const struct ew_detect_sink *sink)
{
	struct ew_detect *d = ew_alloc(sizeof(*d));
	uint32_t n = 64;

	d->conf = *conf;
	d->graph = graph;
	if (sink)
		d->sink = *sink;
	while (n < conf->max_tracked)
		n *= 2;
	d->tracks = ew_alloc_array(n, sizeof(*d->tracks));
	d->track_mask = n - 1;
	while (ew_detectors[d->n_detectors])
		d->n_detectors++;
	build_routes(d);
	for (d->current = 0; d->current < d->n_detectors; d->current++) {
		const struct ew_detector *det = ew_detectors[d->current];

		if (det->state_size)
			d->state[d->current] = ew_alloc(det->state_size);
		if (det->init && det->init(d, d->state[d->current])) {
			ew_detect_free(d);
			return NULL;
		}
	}
	return d;
}

void
ew_detect_free(struct ew_detect *detect)
{
	if (!detect)
		return;
	for (uint8_t i = 0; i < detect->n_detectors; i++) {
		if (ew_detectors[i]->fini && detect->state[i])
			ew_detectors[i]->fini(detect->state[i]);
		free(detect->state[i]);
	}
	free(detect->tracks);
	free(detect);
}

void
ew_detect_reconfigure(struct ew_detect *detect, const struct ew_detect_conf *conf)
{
	uint32_t max_instances = detect->conf.max_instances;
	uint32_t max_tracked = detect->conf.max_tracked;

	detect->conf = *conf;
	detect->conf.max_instances = max_instances;
	detect->conf.max_tracked = max_tracked;
}

#define COUNTER(field, unit_, is_gauge_, meaning_)                            \
	{                                                                     \
		.name = "detect_" #field, .unit = unit_, .meaning = meaning_, \
		.offset = offsetof(struct detect_counters, field),            \
		.is_gauge = is_gauge_                                         \
	}
static const struct ew_counter counters[] = {
	COUNTER(signals, "signals", 0, "Signals raised"),
	COUNTER(updates, "signals", 0, "Times a raised signal grew"),
	COUNTER(suppressed, "signals", 0,
	    "Signals held back by a label or an exception"),
	COUNTER(tracks, "signals", 1,
	    "Signals and edges remembered so that one fact is told once"),
	COUNTER(tracks_evicted, "signals", 0,
	    "Of these, forgotten early for want of room"),
	COUNTER(scan_states, "instances", 1, "Instances with a scan score"),
	COUNTER(scan_evicted, "instances", 0,
	    "Scan scores forgotten early for want of room"),
	COUNTER(state_refused, "events", 0,
	    "Events a detector could not remember for want of room"),
	COUNTER(records_refused, "records", 0,
	    "Saved state that could not be read back"),
	COUNTER(gaps, "gaps", 0, "Capture gaps reported"),
};

struct ew_counter_set
ew_detect_counters(const struct ew_detect *detect)
{
	return (struct ew_counter_set){
		.module = "detect",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &detect->counters,
	};
}

/* --- time ---------------------------------------------------------------------------------- */

static void
run_tick(struct ew_detect *d, struct ew_mono at)
{
	for (uint8_t i = 0; i < d->n_detectors; i++) {
		if (!ew_detectors[i]->on_tick)
			continue;
		d->current = i;
		ew_detectors[i]->on_tick(d, d->state[i], at);
	}
}

static void
advance(struct ew_detect *d, struct ew_mono now)
{
	if (now.ns < d->next_tick_ns)
		return;
	if (d->next_tick_ns == 0)
		d->next_tick_ns = now.ns / EW_NS_PER_S * EW_NS_PER_S;
	if (now.ns - d->next_tick_ns > MAX_TICKS * EW_NS_PER_S)
		d->next_tick_ns = (now.ns / EW_NS_PER_S - MAX_TICKS) * EW_NS_PER_S;
	while (d->next_tick_ns <= now.ns) {
		run_tick(d, (struct ew_mono){ d->next_tick_ns });
		d->next_tick_ns += EW_NS_PER_S;
	}
}

void
ew_detect_tick(struct ew_detect *detect, struct ew_mono now)
{
	advance(detect, now);
}

/* --- events -------------------------------------------------------------------------------- */

void
ew_detect_feed(struct ew_detect *detect, const struct ew_contact *contact,
    const struct ew_judgement *judgement, struct ew_mono now)
{
	advance(detect, now);
	const uint8_t *route =
	    detect->route[contact->ev->kind % KINDS][judgement->verdict % VERDICTS];

	for (; *route != ROUTE_END; route++) {
		detect->current = *route;
		ew_detectors[*route]->on_contact(detect, detect->state[*route], contact,
		    judgement, now);
	}
}

void
ew_detect_lifecycle(struct ew_detect *detect, const struct ew_lifecycle *life,
    struct ew_mono now)
{
	advance(detect, now);
	for (uint8_t i = 0; i < detect->n_detectors; i++) {
		if (!ew_detectors[i]->on_lifecycle)
			continue;
		detect->current = i;
		ew_detectors[i]->on_lifecycle(detect, detect->state[i], life, now);
	}
}

void
ew_detect_announce(struct ew_detect *d, const struct ew_signal *s, struct ew_mono now)
{
	uint8_t emitter = d->current;

	for (uint8_t i = 0; i < d->n_detectors; i++) {
		if (!ew_detectors[i]->on_signal || i == emitter)
			continue;
		d->current = i;
		ew_detectors[i]->on_signal(d, d->state[i], s, now);
	}
	d->current = emitter;
}

void
ew_detect_gap(struct ew_detect *detect, const struct ew_gap_info *gap, uint64_t packets,
    struct ew_mono now)
{
	advance(detect, now);
	detect->counters.gaps++;
	for (uint8_t i = 0; i < detect->n_detectors; i++) {
		if (!ew_detectors[i]->on_gap)
			continue;
		detect->current = i;
		ew_detectors[i]->on_gap(detect, detect->state[i], gap, packets, now);
	}
}

/* --- saved state ------------------------------------------------------------------------------ */

#define TRACK_VERSION 1

static void
save_tracks(const struct ew_detect *d,
    void (*visit)(void *context, const struct ew_detect_record *record), void *context)
{
	for (uint32_t i = 0; i <= d->track_mask; i++) {
		const struct ew_track *t = &d->tracks[i];
		struct ew_detect_record r = { .version = TRACK_VERSION,
			.size = sizeof(*t) };

		if (!t->key || !t->id)
			continue;
		strncpy(r.detector, ew_detectors[t->detector]->name,
		    sizeof(r.detector) - 1);
		ew_detect_record_key(&r, "track-%016llx", (unsigned long long)t->key);
		memcpy(r.data, t, sizeof(*t));
		visit(context, &r);
	}
}

static int
load_track(struct ew_detect *d, uint8_t detector, const struct ew_detect_record *r)
{
	struct ew_track t;

	if (r->version != TRACK_VERSION || r->size != sizeof(t))
		return EW_ERR_VERSION;
	memcpy(&t, r->data, sizeof(t));
	d->current = detector;
	struct ew_track *slot =
	    ew_detect_track(d, t.key, 0, (struct ew_mono){ t.last_ns });
	*slot = t;
	slot->detector = detector;
	return 0;
}

void
ew_detect_save(const struct ew_detect *detect, struct ew_mono now,
    void (*visit)(void *context, const struct ew_detect_record *record), void *context)
{
	save_tracks(detect, visit, context);
	for (uint8_t i = 0; i < detect->n_detectors; i++)
		if (ew_detectors[i]->save)
			ew_detectors[i]->save(detect, detect->state[i], now, visit,
			    context);
}

int
ew_detect_load(struct ew_detect *detect, const struct ew_detect_record *record)
{
	int err = EW_ERR_VERSION;

	for (uint8_t i = 0; i < detect->n_detectors; i++) {
		if (strcmp(ew_detectors[i]->name, record->detector) != 0)
			continue;
		detect->current = i;
		if (strncmp(record->key, "track-", 6) == 0)
			err = load_track(detect, i, record);
		else if (ew_detectors[i]->load)
			err = ew_detectors[i]->load(detect, detect->state[i], record);
	}
	if (err)
		detect->counters.records_refused++;
	return err;
}
