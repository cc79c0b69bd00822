/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our share: read a capture, decode it, track its flows, and take a record of each.
 * Usage: bench-flows FILE [MAX_FLOWS [all|none]]
 *        all: every kind of event is asked for, not only the records; none: not even those
 * Prints: packets bytes flows cpu_ns_per_packet
 * On stderr: evictions, peak flows, resident memory.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/err.h"
#include "capture/capture.h"
#include "capture/frame.h"
#include "decode/decode.h"
#include "decode/packet.h"
#include "flow/event.h"
#include "flow/flow.h"

#define FRAMES 256

static void
on_event(void *context, const struct ew_flow_event *event)
{
	uint64_t *sum = context;

	*sum += event->side[0].bytes + event->kind;
}

int
main(int argc, char **argv)
{
	static struct ew_frame frames[FRAMES];
	static struct ew_batch batch;
	struct ew_error error = { 0 };
	struct ew_source *source = NULL;
	struct timespec before, after;
	struct rusage usage;
	uint64_t sum = 0;
	size_t count;

	if (argc < 2)
		return 2;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	struct ew_decoder_conf decode_conf = ew_decoder_conf_default();
	struct ew_flow_conf flow_conf = ew_flow_conf_default(true);

	flow_conf.max_flows = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 262144;
	if (argc <= 3 || strcmp(argv[3], "all") != 0) {
		flow_conf.events = argc > 3 ? 0 : EW_FLOW_KIND_BIT(EW_FLOW_CLOSE);
		decode_conf.notes = 0;
	}
	struct ew_decoder *decoder = ew_decoder_new(&decode_conf);
	struct ew_flow_table *table = ew_flow_table_new(&flow_conf, on_event, &sum);

	if (!decoder || !table ||
	    ew_source_open_file(argv[1], NULL, &error, &source) != 0) {
		(void)fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	while (ew_source_read(source, frames, FRAMES, &count) == 0) {
		for (size_t used = 0; used < count;) {
			used += ew_decode(decoder, frames + used, count - used, &batch);
			ew_flow_feed(table, &batch);
		}
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	ew_flow_finish(table);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	const struct ew_flow_totals totals = ew_flow_table_totals(table);
	const double ns = (double)(after.tv_sec - before.tv_sec) * 1e9 +
	    (double)(after.tv_nsec - before.tv_nsec);

	(void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %.1f\n", totals.packets,
	    totals.bytes, totals.closed,
	    ns / (double)(totals.packets ? totals.packets : 1));
	(void)fprintf(stderr,
	    "evicted %" PRIu64 " peak %" PRIu64 " rss_kib %ld sum %" PRIu64 "\n",
	    totals.evicted, totals.peak, usage.ru_maxrss, sum);
	ew_source_close(source);
	ew_flow_table_free(table);
	ew_decoder_free(decoder);
	return 0;
}
