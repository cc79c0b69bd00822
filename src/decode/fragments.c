/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams in fragments, without their bytes.
 *
 * A flow tracker needs three things of a fragmented datagram: that it was whole, how long
 * it was, and its first headers. So a tracker keeps which ranges came (as a short sorted
 * list), the end, and the first 192 bytes; 336 bytes stand for 64 KiB. The table is a fixed
 * array with two ways per key; a full way loses its oldest tracker, counted. Nothing here
 * grows, whatever is sent.
 *
 * As in Zeek (Frag.cc) the key is source, destination and id, without the protocol; a
 * datagram counts when its last missing piece has come, and one that never gets whole
 * counts nothing. Unlike Zeek (IP.cc, incompletely_captured_fragment) a fragment that was
 * captured in part counts in full, since only its header is needed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "decode/decode_priv.h"

enum {
	RANGES_MAX = 8, /* holes an honest network leaves open at once: one or two */
	WAYS = 4,	/* places a key may have */
	DATAGRAM_MAX = 65535, /* of payload; the offset field cannot say more */
};

struct range {
	uint32_t from, to;
};

struct tracker {
	int64_t ts_ns; /* of its first fragment */
	struct ew_addr src;
	struct ew_addr dst;
	uint32_t id;
	uint32_t end; /* of payload; 0 not known */
	uint16_t header_bytes;
	uint8_t proto;
	uint8_t in_use;
	uint8_t n_ranges;
	uint8_t head_bytes; /* contiguous from 0 */
	struct range ranges[RANGES_MAX];
	uint8_t head[EW_FRAGMENT_HEAD];
};

struct ew_fragments {
	uint64_t seed;
	size_t sets; /* power of two */
	size_t reserved;
	struct tracker trackers[];
};

struct ew_fragments *
ew_fragments_new(uint32_t max_datagrams, uint64_t seed)
{
	size_t sets = 1;

	while (sets * WAYS < max_datagrams)
		sets *= 2;
	const size_t size =
	    sizeof(struct ew_fragments) + sets * WAYS * sizeof(struct tracker);
	struct ew_fragments *fragments = ew_reserve(size);

	if (!fragments)
		return NULL;
	fragments->seed = seed;
	fragments->sets = sets;
	fragments->reserved = size;
	return fragments;
}

void
ew_fragments_free(struct ew_fragments *fragments)
{
	if (fragments)
		ew_release(fragments, fragments->reserved);
}

/* The tracker of fragment's datagram; a new one takes a free, stale or the oldest place. */
static struct tracker *
find(struct ew_fragments *fragments, const struct ew_fragment *f, int64_t timeout_ns,
    struct ew_decode_counters *counters)
{
	uint8_t key[36];

	memcpy(key, f->src.b, 16);
	memcpy(key + 16, f->dst.b, 16);
	memcpy(key + 32, &f->id, 4);
	const uint64_t hash = ew_hash(key, sizeof(key), fragments->seed);
	struct tracker *set =
	    &fragments->trackers[(hash & (fragments->sets - 1)) * WAYS];
	struct tracker *oldest = set;

	for (int i = 0; i < WAYS; i++) {
		struct tracker *t = &set[i];

		if (t->in_use && f->ts_ns - t->ts_ns > timeout_ns) {
			counters->fragment_timeouts++;
			counters->fragment_open--;
			t->in_use = 0;
		}
		if (t->in_use && t->id == f->id && ew_addr_equal(&t->src, &f->src) &&
		    ew_addr_equal(&t->dst, &f->dst))
			return t;
		if (oldest->in_use && (!t->in_use || t->ts_ns < oldest->ts_ns))
			oldest = t;
	}
	if (oldest->in_use)
		counters->fragment_evictions++;
	else
		counters->fragment_open++;
	*oldest = (struct tracker){ .ts_ns = f->ts_ns,
		.src = f->src,
		.dst = f->dst,
		.id = f->id,
		.header_bytes = f->header_bytes,
		.proto = f->proto,
		.in_use = 1 };
	return oldest;
}

/* Merge from..to into the sorted ranges. False when there is no room for another hole. */
static bool
add_range(struct tracker *t, uint32_t from, uint32_t to)
{
	unsigned at = 0, last;

	while (at < t->n_ranges && t->ranges[at].to < from)
		at++;
	for (last = at; last < t->n_ranges && t->ranges[last].from <= to; last++) {
		from = t->ranges[last].from < from ? t->ranges[last].from : from;
		to = t->ranges[last].to > to ? t->ranges[last].to : to;
	}
	if (last == at && t->n_ranges == RANGES_MAX)
		return false;
	memmove(&t->ranges[at + 1], &t->ranges[last],
	    (t->n_ranges - last) * sizeof(t->ranges[0]));
	t->n_ranges = (uint8_t)(t->n_ranges - (last - at) + 1);
	t->ranges[at] = (struct range){ from, to };
	return true;
}

/* Headers are read from the front, so only a prefix without holes is kept. */
static void
keep_head(struct tracker *t, const struct ew_fragment *f)
{
	if (f->offset > t->head_bytes || f->offset >= EW_FRAGMENT_HEAD)
		return;
	uint32_t size = EW_FRAGMENT_HEAD - f->offset;

	if (size > f->captured)
		size = f->captured;
	memcpy(t->head + f->offset, f->data, size);
	if (f->offset + size > t->head_bytes)
		t->head_bytes = (uint8_t)(f->offset + size);
}

bool
ew_fragments_add(struct ew_fragments *fragments, const struct ew_fragment *f,
    int64_t timeout_ns, struct ew_decode_counters *counters,
    struct ew_datagram *ret_datagram)
{
	const uint32_t to = f->offset + f->bytes;

	if (f->bytes == 0 || to > DATAGRAM_MAX + 8) {
		counters->errors[EW_DECODE_FRAGMENT]++;
		return false;
	}
	struct tracker *t = find(fragments, f, timeout_ns, counters);

	if (f->offset == 0)
		t->proto = f->proto;
	if (!f->more || (t->end && to > t->end))
		t->end = to > t->end ? to : t->end;
	if (!add_range(t, f->offset, to)) {
		counters->errors[EW_DECODE_FRAGMENT]++;
		return false;
	}
	keep_head(t, f);
	if (!t->end || t->ranges[0].from != 0 || t->ranges[0].to < t->end)
		return false;
	t->in_use = 0;
	counters->fragment_open--;
	counters->datagrams++;
	*ret_datagram = (struct ew_datagram){ .head = t->head,
		.captured = t->head_bytes < t->end ? t->head_bytes : t->end,
		.bytes = t->end,
		.header_bytes = t->header_bytes,
		.proto = t->proto };
	return true;
}
