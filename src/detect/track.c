/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_priv.h"

#include <endian.h>
#include <string.h>

/*
 * Open signals. One fact is one signal: a detector asks for the track of its key (an edge, an
 * instance), and as long as the track lives the signal is emitted again under the same id
 * instead of a second time. Keys come from names, so that tracks survive a restart.
 *
 * The table is set-associative: a key may stand in one of eight neighbouring slots; when all
 * are taken the longest unused one goes (counted). No chain grows, no rehash.
 */

#define WAYS 8

uint64_t
ew_detect_hash(const char *text)
{
	/* FNV-1a, 64 bit, unkeyed: ids must be the same after a restart. */
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t
ew_detect_mix(uint64_t a, uint64_t b)
{
	/* The finaliser of MurmurHash3 (public domain). */
	uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15) ^ b;

	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

uint64_t
ew_detect_addr_hash(const struct ew_addr *addr)
{
	uint64_t a, b;

	memcpy(&a, addr->b, 8);
	memcpy(&b, addr->b + 8, 8);
	/* Byte order must not matter to a replay on another architecture. */
	return ew_detect_mix(be64toh(a), be64toh(b));
}

uint64_t
ew_detect_edge_key(const struct ew_contact *c, const struct ew_judgement *j)
{
	uint16_t port = j->edge ? j->edge->port : ew_contact_port(c);
	uint64_t h = ew_detect_mix(j->src_hash, j->dst_hash);

	return ew_detect_mix(h, (uint64_t)c->ev->tuple.proto << 16 | port) | 1;
}

static uint32_t
home(const struct ew_detect *d, unsigned detector, uint64_t key)
{
	return (uint32_t)ew_detect_mix(key, detector) & d->track_mask &
	    ~(uint32_t)(WAYS - 1);
}

struct ew_track *
ew_detect_track_find(struct ew_detect *d, unsigned detector, uint64_t key)
{
	struct ew_track *set = &d->tracks[home(d, detector, key)];

	for (int i = 0; i < WAYS; i++)
		if (set[i].key == key && set[i].detector == detector)
			return &set[i];
	return NULL;
}

struct ew_track *
ew_detect_track(struct ew_detect *d, uint64_t key, int64_t window_ns,
    struct ew_mono now)
{
	struct ew_track *t = ew_detect_track_find(d, d->current, key);

	if (t && now.ns - t->last_ns <= window_ns)
		return t;
	if (!t) {
		struct ew_track *set = &d->tracks[home(d, d->current, key)];

		t = &set[0];
		for (int i = 1; i < WAYS && t->key; i++)
			if (!set[i].key || set[i].last_ns < t->last_ns)
				t = &set[i];
		if (t->key)
			d->counters.tracks_evicted++;
		else
			d->counters.tracks++;
	}
	*t = (struct ew_track){
		.key = key,
		.detector = d->current,
		.first_ns = now.ns,
		.last_ns = now.ns,
	};
	return t;
}

void
ew_detect_forget_signal(struct ew_detect *detect, uint64_t signal_id)
{
	for (uint32_t i = 0; i <= detect->track_mask; i++) {
		if (detect->tracks[i].id != signal_id || !signal_id)
			continue;
		detect->tracks[i] = (struct ew_track){ 0 };
		detect->counters.tracks--;
	}
	for (uint32_t i = 0; i < RECENT_MAX; i++)
		if (detect->recent[i].id == signal_id)
			detect->recent[i] = (struct ew_recent){ 0 };
}

bool
ew_detect_has_other(const struct ew_detect *d, const struct ew_workload *src,
    uint64_t key, struct ew_mono now)
{
	const int64_t window = INT64_C(86400) * EW_NS_PER_S; /* section 2, X: 24 h */
	uint64_t hash = ew_detect_hash(src->name);

	for (uint32_t i = 0; i < RECENT_MAX; i++) {
		const struct ew_recent *r = &d->recent[i];

		if (r->id && r->src_hash == hash && r->key != key && r->score >= 30 &&
		    now.ns - r->ts_ns <= window)
			return true;
	}
	return false;
}
