/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's numbers for the loop. Counters live in plain structs of the thread that counts;
 * at each tick it publishes them word by word, and the loop copies them out. They need
 * not be of one instant, only whole.
 */
#include <assert.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "daemon/worker.h"
#include "daemon/worker_priv.h"

#define COUNTER(field, unit_text, gauge, text)                     \
	{                                                          \
		"capture_" #field, unit_text, text,                \
		    offsetof(struct ew_worker_stats, field), gauge \
	}

static const struct ew_counter counters[] = {
	COUNTER(frames, "packets", 0, "packets read from the kernel's ring"),
	COUNTER(bytes, "bytes", 0, "their length on the wire"),
	COUNTER(kernel_drops, "packets", 0,
	    "packets lost because the kernel's ring was full: raise capture.ring_size"),
	COUNTER(interface_drops, "packets", 0, "packets lost in an interface"),
	COUNTER(events, "events", 0, "flow events made"),
	COUNTER(event_drops, "events", 0,
	    "flow events lost because the loop was too slow"),
	COUNTER(event_waits, "events", 0, "flow events that waited for the loop"),
	COUNTER(gaps, "events", 0, "times packets were lost or the clock jumped"),
	COUNTER(cpu_ns, "ns", 0,
	    "processor time of capture, decoding and flow tracking"),
};

/* decode and flow have their own sets; these stand in ew_worker_stats for the summary. */
static struct ew_counter_set
worker_set(const struct ew_worker *worker)
{
	return (struct ew_counter_set){
		.module = "capture",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &worker->stats,
	};
}

static void
describe(const struct ew_worker *worker,
    struct ew_counter_set sets[EW_WORKER_COUNTER_SETS])
{
	sets[0] = worker_set(worker);
	sets[1] = ew_decoder_counters(worker->decoder);
	sets[2] = ew_flow_counters(worker->table);
}

static size_t
word_of(const struct ew_counter *counter)
{
	const size_t word = counter->offset / sizeof(uint64_t);

	assert(word < WORKER_COUNTER_WORDS);
	return word;
}

void
worker_publish(struct ew_worker *worker)
{
	struct ew_counter_set sets[EW_WORKER_COUNTER_SETS];
	const struct ew_flow_totals totals = ew_flow_table_totals(worker->table);
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	worker->stats.cpu_ns = (uint64_t)(cpu.tv_sec * EW_NS_PER_S + cpu.tv_nsec);
	worker->stats.decode_errors = ew_decoder_errors(worker->decoder);
	worker->stats.flows_open = totals.open;
	worker->stats.flows_evicted = totals.evicted;
	describe(worker, sets);
	for (size_t s = 1; s < EW_WORKER_COUNTER_SETS; s++)
		for (size_t i = 0; i < sets[s].count; i++)
			atomic_store_explicit(&worker->published[s][word_of(
						  &sets[s].counters[i])],
			    ew_counter_value(&sets[s], i), memory_order_relaxed);
	uint64_t words[sizeof(worker->stats) / sizeof(uint64_t)];
	memcpy(words, &worker->stats, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		atomic_store_explicit(&worker->published[0][i], words[i],
		    memory_order_relaxed);
}

static void
copy_set(const struct ew_worker *worker, size_t set, uint64_t *ret_words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ret_words[i] = atomic_load_explicit(&worker->published[set][i],
		    memory_order_relaxed);
}

void
ew_worker_stats(const struct ew_worker *worker, struct ew_worker_stats *ret_stats)
{
	uint64_t words[sizeof(*ret_stats) / sizeof(uint64_t)];

	copy_set(worker, 0, words, sizeof(words) / sizeof(words[0]));
	memcpy(ret_stats, words, sizeof(words));
}

size_t
ew_worker_counters(struct ew_worker *worker,
    struct ew_counter_set ret_sets[EW_WORKER_COUNTER_SETS])
{
	/* names and offsets are constant; the values are replaced by the copy */
	describe(worker, ret_sets);
	for (size_t s = 0; s < EW_WORKER_COUNTER_SETS; s++) {
		copy_set(worker, s, worker->copies[s], WORKER_COUNTER_WORDS);
		ret_sets[s].values = worker->copies[s];
	}
	return EW_WORKER_COUNTER_SETS;
}
