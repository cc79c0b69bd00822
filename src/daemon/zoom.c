/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lens: 64 address pairs whose packets all pass the kernel filter, so that payload, turns
 * and packet counts of what looks odd are seen, and those of everything else cost nothing.
 *
 * A place remembers until when each reason wants it; its rank is the most important reason
 * that has not expired. The table is small enough to be searched from end to end. A filter
 * change costs each worker up to a millisecond, so the set is handed out once a second at
 * most; what is asked for meanwhile waits, and what expires is only dropped with it.
 */
#include "daemon/zoom.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/alloc.h"

#define BETWEEN_FILTERS_NS (EW_NS_PER_S)

struct place {
	struct ew_capture_pair pair; /* a <= b */
	int64_t until_ns[EW_ZOOM_REASONS];
	int64_t asked_ns;
};

struct zoom_counts {
	uint64_t pairs, asked, refused, displaced, filters;
};

struct ew_zoom {
	struct place places[EW_CAPTURE_ZOOM_MAX];
	size_t count;
	bool is_changed;
	int64_t handed_out_ns; /* 0: never */
	struct zoom_counts counts;
};

static const struct ew_counter counters[] = {
	{ "zoom_pairs", "pairs", "address pairs captured whole now",
	    offsetof(struct zoom_counts, pairs), 1 },
	{ "zoom_asked", "pairs", "times a pair was to be captured whole",
	    offsetof(struct zoom_counts, asked), 0 },
	{ "zoom_refused", "pairs", "times a pair was not, for want of room",
	    offsetof(struct zoom_counts, refused), 0 },
	{ "zoom_displaced", "pairs", "times a pair gave way to a more urgent one",
	    offsetof(struct zoom_counts, displaced), 0 },
	{ "zoom_filters", "filters", "times the kernel filter was replaced",
	    offsetof(struct zoom_counts, filters), 0 },
};

struct ew_zoom *
ew_zoom_new(void)
{
	return ew_alloc(sizeof(struct ew_zoom));
}

void
ew_zoom_free(struct ew_zoom *zoom)
{
	free(zoom);
}

static struct ew_capture_pair
ordered(const struct ew_addr *a, const struct ew_addr *b)
{
	if (ew_addr_compare(a, b) > 0)
		return (struct ew_capture_pair){ .a = *b, .b = *a };
	return (struct ew_capture_pair){ .a = *a, .b = *b };
}

static struct place *
find(struct ew_zoom *zoom, const struct ew_capture_pair *pair)
{
	for (size_t i = 0; i < zoom->count; i++)
		if (ew_addr_equal(&zoom->places[i].pair.a, &pair->a) &&
		    ew_addr_equal(&zoom->places[i].pair.b, &pair->b))
			return &zoom->places[i];
	return NULL;
}

/* The most important reason that is alive; EW_ZOOM_REASONS when none is. */
static unsigned
rank_of(const struct place *place, int64_t now_ns)
{
	unsigned reason = 0;

	while (reason < EW_ZOOM_REASONS && place->until_ns[reason] <= now_ns)
		reason++;
	return reason;
}

/* The place that gives way to a newcomer of this reason, or NULL. */
static struct place *
victim_for(struct ew_zoom *zoom, enum ew_zoom_reason reason, int64_t now_ns)
{
	struct place *victim = NULL;
	unsigned worst = 0;

	for (size_t i = 0; i < zoom->count; i++) {
		struct place *place = &zoom->places[i];
		const unsigned rank = rank_of(place, now_ns);
		if (rank < (unsigned)reason)
			continue;
		if (!victim || rank > worst ||
		    (rank == worst && place->asked_ns < victim->asked_ns)) {
			victim = place;
			worst = rank;
		}
	}
	return victim;
}

static struct place *
take_place(struct ew_zoom *zoom, enum ew_zoom_reason reason, int64_t now_ns)
{
	if (zoom->count < EW_CAPTURE_ZOOM_MAX)
		return &zoom->places[zoom->count++];
	struct place *victim = victim_for(zoom, reason, now_ns);
	if (victim && rank_of(victim, now_ns) < EW_ZOOM_REASONS)
		zoom->counts.displaced++;
	return victim;
}

void
ew_zoom_ask(struct ew_zoom *zoom, const struct ew_addr *a, const struct ew_addr *b,
    enum ew_zoom_reason reason, struct ew_mono now, struct ew_mono until)
{
	const struct ew_capture_pair pair = ordered(a, b);
	struct place *place = find(zoom, &pair);

	zoom->counts.asked++;
	/* the filter knows pairs of one family only; there are no others on a wire */
	if (ew_addr_is_v4(a) != ew_addr_is_v4(b) || until.ns <= now.ns)
		return;
	if (!place) {
		place = take_place(zoom, reason, now.ns);
		if (!place) {
			zoom->counts.refused++;
			return;
		}
		*place = (struct place){ .pair = pair };
		zoom->is_changed = true;
	}
	if (until.ns > place->until_ns[reason])
		place->until_ns[reason] = until.ns;
	place->asked_ns = now.ns;
}

void
ew_zoom_release(struct ew_zoom *zoom, const struct ew_addr *a, const struct ew_addr *b,
    enum ew_zoom_reason reason)
{
	const struct ew_capture_pair pair = ordered(a, b);
	struct place *place = find(zoom, &pair);

	if (place)
		place->until_ns[reason] = 0;
}

static void
drop_expired(struct ew_zoom *zoom, int64_t now_ns)
{
	for (size_t i = zoom->count; i-- > 0;) {
		if (rank_of(&zoom->places[i], now_ns) < EW_ZOOM_REASONS)
			continue;
		zoom->places[i] = zoom->places[--zoom->count];
		zoom->is_changed = true;
	}
}

bool
ew_zoom_turn(struct ew_zoom *zoom, struct ew_mono now,
    struct ew_capture_pair ret_pairs[EW_CAPTURE_ZOOM_MAX], size_t *ret_count)
{
	if (zoom->handed_out_ns && now.ns - zoom->handed_out_ns < BETWEEN_FILTERS_NS)
		return false;
	drop_expired(zoom, now.ns);
	zoom->counts.pairs = zoom->count;
	if (!zoom->is_changed)
		return false;
	for (size_t i = 0; i < zoom->count; i++)
		ret_pairs[i] = zoom->places[i].pair;
	*ret_count = zoom->count;
	zoom->is_changed = false;
	zoom->handed_out_ns = now.ns;
	zoom->counts.filters++;
	return true;
}

struct ew_counter_set
ew_zoom_counters(const struct ew_zoom *zoom)
{
	return (struct ew_counter_set){
		.module = "zoom",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &zoom->counts,
	};
}
