/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch replay`: the whole product over captures, with packet time as the clock. The
 * stages are the daemon's; only the source differs, and nothing waits for anything, so the
 * same input gives the same output at any speed.
 *
 * Reading, counting and printing live here; what happens between a frame and an incident
 * does not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "capture/capture.h"
#include "capture/frame.h"
#include "cli/command.h"
#include "cli/replay_priv.h"
#include "daemon/pipeline.h"
#include "decode/decode.h"
#include "decode/note.h"
#include "decode/packet.h"
#include "flow/connlog.h"
#include "flow/event.h"
#include "flow/flow.h"
#include "identity/contact.h"
#include "store/store.h"

#define FRAMES 64
/* One look at the clock per this many frames when progress is shown. */
#define PROGRESS_FRAMES 65536

static int run_replay(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "inventory",
	    .arg = "FILE",
	    .help = "instances and networks (format eastwatch-inventory-1)",
	    .values = "file" },
	{ .name = "db",
	    .arg = "FILE",
	    .help = "write a database like the daemon's; made when missing",
	    .values = "file" },
	{ .name = "conn-log",
	    .arg = "FILE",
	    .help = "write connections as TSV with Zeek's columns; - is stdout",
	    .values = "file" },
	{ .name = "baseline",
	    .arg = "FILE",
	    .help = "import a baseline first",
	    .values = "file" },
	{ .name = "config",
	    .arg = "FILE",
	    .help = "learning, detection and incidents keys of a configuration",
	    .values = "file" },
	{ .name = "profile",
	    .arg = "PROFILE",
	    .help = "all (every packet), or connections (what the daemon sees)",
	    .values = "all|connections" },
	{ .name = "flows", .help = "decode and track only" },
	{ .name = "learn", .help = "learn, do not judge" },
	{ .name = "detect", .help = "learn and judge (the default)" },
	{ .name = "summary", .help = "print one JSON object with counts and times" },
	{ .name = NULL },
};

const struct ew_command ew_command_replay = {
	.name = "replay",
	.summary = "run captures through the whole pipeline",
	.words = "FILE...",
	.about = "Reads pcap and pcapng files (- is the standard input) as if their "
		 "packets were seen now, with\n"
		 "packet time as the clock. Without --inventory each private address "
		 "is a workload ip/ADDR\n"
		 "and any other is external. A damaged file is processed up to the "
		 "damage, which is\n"
		 "reported with its offset, and the exit code is 1.",
	.examples =
	    "  eastwatch replay capture.pcap\n"
	    "  eastwatch replay --flows --conn-log - capture.pcap | head\n"
	    "  eastwatch replay --learn --db case.db monday.pcap\n"
	    "  eastwatch replay --db case.db tuesday.pcap && eastwatch incidents --db "
	    "case.db\n"
	    "  eastwatch replay --inventory inventory.json --summary capture.pcap\n"
	    "  zcat big.pcap.gz | eastwatch replay --summary -\n",
	.options = options,
	.words_min = 1,
	.words_max = EW_ARGS_MAX,
	.values = "file",
	.run = run_replay,
};

struct replay {
	const struct ew_args *args;
	struct ew_replay_setup
	    setup; /* pipeline and what it needs; see replay_setup.c */
	struct ew_decoder *decoder;
	struct ew_flow_table *table;
	FILE *conn_log;
	struct ew_text rows;
	uint64_t frames, bytes, records;
	bool is_tracking_only; /* flow events need no pipeline */
	bool shows_progress;
	bool log_failed;
	int64_t started_ticks;
};

/* --- connection log ---------------------------------------------------------------------------- */

static void
flush_rows(struct replay *r)
{
	if (fwrite(r->rows.text, 1, r->rows.length, r->conn_log) != r->rows.length)
		r->log_failed = true;
	ew_text_clear(&r->rows);
}

static void
log_row(struct replay *r, const struct ew_flow_event *event, const char *src,
    const char *dst)
{
	if (!r->conn_log)
		return;
	ew_connlog_row(&r->rows, event, src, dst);
	if (r->rows.length > 65536)
		flush_rows(r);
}

static void
on_closed(void *context, const struct ew_contact *contact, uint8_t verdict)
{
	(void)verdict;
	log_row(context, contact->ev, contact->src.workload->name,
	    contact->dst.workload->name);
}

/* --- flow events --------------------------------------------------------------------------------- */

static void
on_event(void *context, const struct ew_flow_event *event)
{
	struct replay *r = context;

	if (event->kind == EW_FLOW_CLOSE)
		r->records++;
	if (!r->is_tracking_only)
		ew_pipeline_feed(r->setup.pipeline, event,
		    (struct ew_mono){ event->ts_ns });
	else if (event->kind == EW_FLOW_CLOSE)
		log_row(r, event, NULL, NULL);
}

static void
on_point(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain, bool removed)
{
	struct replay *r = context;

	if (!r->table)
		return;
	if (removed)
		ew_flow_forget_point(r->table, ifindex);
	else
		(void)ew_flow_set_point(r->table, ifindex, (enum ew_flow_point)kind,
		    domain);
}

static void
decode_frames(struct replay *r, const struct ew_frame *frames, size_t count)
{
	struct ew_batch batch;

	for (size_t used = 0; used < count;) {
		used += ew_decode(r->decoder, frames + used, count - used, &batch);
		ew_flow_feed(r->table, &batch);
	}
}

/* --- reading --------------------------------------------------------------------------------------- */

static void
show_progress(const struct replay *r)
{
	const double seconds = (double)(ew_ticks_ns() - r->started_ticks) / 1e9;

	(void)fprintf(stderr, "\r%" PRIu64 " packets, %.1f s, %.0f packets/s ",
	    r->frames, seconds, seconds > 0 ? (double)r->frames / seconds : 0);
}

/* Returns EW_EXIT_OK or EW_EXIT_ERROR after a sentence. */
static int
read_source(struct replay *r, struct ew_source *source, const char *path)
{
	struct ew_frame frames[FRAMES];
	size_t count;
	int rc;

	while ((rc = ew_source_read(source, frames, FRAMES, &count)) == 0) {
		if (count && !r->setup.is_told) {
			const int told = ew_replay_tell(&r->setup,
			    (struct ew_mono){ frames[0].ts_ns });

			if (told != EW_EXIT_OK)
				return told;
		}
		decode_frames(r, frames, count);
		const uint64_t before = r->frames;

		r->frames += count;
		if (r->shows_progress &&
		    before / PROGRESS_FRAMES != r->frames / PROGRESS_FRAMES)
			show_progress(r);
	}
	struct ew_source_stats stats;

	ew_source_stats(source, &stats);
	r->bytes += stats.bytes;
	if (rc == EW_ERR_CLOSED)
		return EW_EXIT_OK;
	return ew_complain(EW_EXIT_ERROR, "%s: %s; what came before is processed", path,
	    ew_source_error(source)->text);
}

static int
read_files(struct replay *r)
{
	struct ew_capture_conf conf = ew_capture_conf_default();
	int code = EW_EXIT_OK;

	conf.profile = r->setup.profile;
	for (size_t i = 0; i < r->args->n_words; i++) {
		struct ew_source *source;
		struct ew_error error;

		if (ew_source_open_file(r->args->words[i], &conf, &error, &source) !=
		    0) {
			code = ew_complain(EW_EXIT_ERROR, "%s", error.text);
			continue;
		}
		code = ew_exit_worse(code, read_source(r, source, r->args->words[i]));
		ew_source_close(source);
	}
	if (r->shows_progress && r->frames >= PROGRESS_FRAMES)
		(void)fputs("\r\033[K", stderr);
	return code;
}

/* --- the result -------------------------------------------------------------------------------------- */

static void
print_summary(const struct replay *r)
{
	const struct ew_flow_totals totals = ew_flow_table_totals(r->table);
	const double wall = (double)(ew_ticks_ns() - r->started_ticks) / 1e9;
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;

	(void)printf("{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"flows\":%" PRIu64
		     ",\"packets_per_s\":%.0f,\"evictions\":%" PRIu64
		     ",\"decode_errors\":%" PRIu64 ",\"peak_flows\":%" PRIu64
		     ",\"incidents\":%" PRIu64 ",\"signals\":%" PRIu64
		     ",\"wall_s\":%.6f,\"cpu_s\":%.6f}\n",
	    r->frames, r->bytes, totals.closed, wall > 0 ? (double)r->frames / wall : 0,
	    totals.evicted, ew_decoder_errors(r->decoder), totals.peak,
	    r->setup.pipeline ? ew_pipeline_incidents(r->setup.pipeline) : 0,
	    r->setup.pipeline ? ew_pipeline_signals(r->setup.pipeline) : 0, wall, cpu);
}

static void
print_result(const struct replay *r)
{
	const struct ew_flow_totals totals = ew_flow_table_totals(r->table);
	const char *db = ew_args_value(r->args, "db");

	(void)printf("%" PRIu64 " packets, %" PRIu64 " connections", r->frames,
	    totals.closed);
	if (r->setup.pipeline)
		(void)printf(", %" PRIu64 " signals, %" PRIu64 " incidents",
		    ew_pipeline_signals(r->setup.pipeline),
		    ew_pipeline_incidents(r->setup.pipeline));
	(void)putchar('\n');
	ew_replay_print_incidents(&r->setup);
	if (db)
		(void)
		    printf("Written to %s: `eastwatch incidents --db %s` lists more.\n",
			db, db);
}

/* --- putting it together ------------------------------------------------------------------------------- */

static int
open_conn_log(struct replay *r, const char *path)
{
	r->conn_log = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (!r->conn_log)
		return ew_complain(EW_EXIT_ERROR, "cannot write %s: %s", path,
		    strerror(errno));
	ew_text_init(&r->rows, SIZE_MAX / 2);
	ew_connlog_header(&r->rows);
	return EW_EXIT_OK;
}

static int
open_stages(struct replay *r)
{
	const bool exact = r->setup.profile == EW_CAPTURE_ALL;
	struct ew_flow_conf flow = ew_flow_conf_default(exact);
	struct ew_decoder_conf decoder = ew_decoder_conf_default();

	flow.seed = EW_REPLAY_SEED;
	if (r->is_tracking_only) {
		flow.events = r->conn_log ? EW_FLOW_KIND_BIT(EW_FLOW_CLOSE) : 0;
		decoder.notes = 0;
	} else {
		flow.events |= EW_FLOW_KIND_BIT(EW_FLOW_TURNS);
	}
	r->decoder = ew_decoder_new(&decoder);
	r->table = r->decoder ? ew_flow_table_new(&flow, on_event, r) : NULL;
	if (!r->table)
		return ew_complain(EW_EXIT_ERROR, "no memory for %u flows",
		    flow.max_flows);
	return EW_EXIT_OK;
}

static int
close_conn_log(struct replay *r)
{
	if (!r->conn_log)
		return EW_EXIT_OK;
	flush_rows(r);
	if (fflush(r->conn_log) != 0 ||
	    (r->conn_log != stdout && fclose(r->conn_log) != 0))
		r->log_failed = true;
	ew_text_fini(&r->rows);
	return r->log_failed
	    ? ew_complain(EW_EXIT_ERROR, "the connection log could not be written: %s",
		  strerror(errno))
	    : EW_EXIT_OK;
}

static int
run_replay(const struct ew_args *args)
{
	struct replay *r = ew_alloc(sizeof(*r));
	const char *conn_log = ew_args_value(args, "conn-log");
	int code = EW_EXIT_OK;

	r->args = args;
	r->started_ticks = ew_ticks_ns();
	r->shows_progress = isatty(STDERR_FILENO) != 0;
	r->is_tracking_only = ew_args_has(args, "flows") &&
	    !ew_args_has(args, "inventory") && !ew_args_has(args, "db");
	if (conn_log)
		code = open_conn_log(r, conn_log);
	const struct ew_pipeline_sink sink = { .context = r,
		.closed = on_closed,
		.point = on_point };

	if (code == EW_EXIT_OK)
		code = ew_replay_setup(&r->setup, args,
		    r->is_tracking_only ? NULL : &sink);
	if (code == EW_EXIT_OK)
		code = open_stages(r);
	if (code == EW_EXIT_OK) {
		code = read_files(r);
		ew_flow_finish(r->table);
		if (r->setup.pipeline)
			ew_pipeline_finish(r->setup.pipeline);
		code = ew_exit_worse(code, close_conn_log(r));
		if (ew_args_has(args, "summary"))
			print_summary(r);
		else if (!conn_log || strcmp(conn_log, "-") != 0)
			print_result(r);
	}
	ew_replay_cleanup(&r->setup);
	ew_flow_table_free(r->table);
	ew_decoder_free(r->decoder);
	free(r);
	return code;
}
