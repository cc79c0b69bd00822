/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database costs: rows a second, bytes a row, milliseconds a question.
 *
 *     bench-store write FILE [ROWS]     default 10 M rows over 30 days, first 2 M timed apart
 *     bench-store ask FILE [RUNS]       the questions of the table below, median of RUNS
 *
 * Rows: 500 workloads with 4 instances each, 20,000 edges of which few carry most flows
 * (rank r with weight 1/r), some external addresses, states as a small cluster has them.
 * Rows go through the writing door, from one thread, as the daemon's do; where the ring is
 * full the bench waits and counts the waits (the daemon would refuse the row).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/time.h"
#include "flow/event.h"
#include "identity/contact.h"
#include "store/reader.h"
#include "store/store.h"

#define WORKLOADS 500
#define INSTANCES 4
#define EDGES 20000
#define DAYS 30
#define START_NS (INT64_C(1767225600) * EW_NS_PER_S)

struct world {
	struct ew_workload workloads[WORKLOADS];
	struct ew_instance instances[WORKLOADS * INSTANCES];
	struct {
		uint16_t src, dst, port;
	} edges[EDGES];
	uint32_t pick[1 << 20]; /* an edge, by weight */
	uint64_t random;
};

static uint64_t
next_random(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static void
build_world(struct world *w)
{
	static const uint16_t ports[] = { 80, 443, 5432, 6379, 3306, 8080, 9090, 9200,
		27017, 11211, 22, 53 };
	double total = 0, sum = 0;
	size_t at = 0;

	w->random = 88172645463325252ULL;
	for (uint32_t i = 0; i < WORKLOADS; i++) {
		w->workloads[i].id = i + 1;
		(void)snprintf(w->workloads[i].name, sizeof(w->workloads[i].name),
		    "compose/project%02u/service%03u", i / 10, i);
		for (uint32_t k = 0; k < INSTANCES; k++) {
			struct ew_instance *n = &w->instances[i * INSTANCES + k];

			*n = (struct ew_instance){ .id = i * INSTANCES + k + 1,
				.workload = &w->workloads[i],
				.started.ns = START_NS };
			(void)snprintf(n->cid, sizeof(n->cid), "%064" PRIx64,
			    next_random(w));
			(void)snprintf(n->name, sizeof(n->name), "service%03u-%u", i,
			    k);
			(void)snprintf(n->runtime, sizeof(n->runtime), "docker");
		}
	}
	for (size_t e = 0; e < EDGES; e++) {
		w->edges[e].src = (uint16_t)(next_random(w) % WORKLOADS);
		w->edges[e].dst = (uint16_t)(next_random(w) % WORKLOADS);
		w->edges[e].port = ports[next_random(w) % 12];
		total += 1.0 / (double)(e + 1);
	}
	for (size_t e = 0; e < EDGES; e++) {
		sum += 1.0 / (double)(e + 1);
		while (at < (size_t)((double)(1 << 20) * sum / total) && at < 1 << 20)
			w->pick[at++] = (uint32_t)e;
	}
	while (at < 1 << 20)
		w->pick[at++] = EDGES - 1;
}

static struct ew_addr
address_of(uint32_t workload, uint32_t instance)
{
	const uint8_t b[4] = { 172, (uint8_t)(16 + workload / 250),
		(uint8_t)(workload % 250), (uint8_t)(instance + 2) };

	return ew_addr_v4(b);
}

static void
make_flow(struct world *w, uint64_t n, uint64_t rows, struct ew_flow_event *ev,
    struct ew_contact *c)
{
	const uint64_t r = next_random(w);
	/* A tenth of the edges is spread evenly, so that each is seen now and then. */
	const uint32_t e =
	    r % 10 == 0 ? (uint32_t)(next_random(w) % EDGES) : w->pick[r >> 44];
	const uint32_t src = w->edges[e].src, dst = w->edges[e].dst;
	const uint32_t si = (uint32_t)(r >> 8) % INSTANCES,
		       di = (uint32_t)(r >> 12) % INSTANCES;
	const int64_t end_ns = START_NS +
	    (int64_t)((double)n / (double)rows * DAYS * 86400e9) +
	    (int64_t)(r % 1000) * 1000;

	*ev = (struct ew_flow_event){ .kind = EW_FLOW_CLOSE,
		.conn_state = r % 50 ? EW_CONN_SF
		    : r % 100	     ? EW_CONN_REJ
				     : EW_CONN_S0,
		.flags = EW_FLOW_F_DIR_KNOWN,
		.ts_ns = end_ns,
		.first_ns = end_ns - (int64_t)(r >> 20) % 5000000000,
		.last_ns = end_ns,
		.flow_id = next_random(w) };
	ev->side[0].bytes = (r >> 16) % 4000;
	ev->side[1].bytes = (r >> 24) % 60000;
	memcpy(ev->history, "ShADadFf", 9);
	ev->tuple = (struct ew_tuple){ .src = address_of(src, si),
		.dst = address_of(dst, di),
		.sport = (uint16_t)(32768 + (r >> 30) % 28000),
		.dport = w->edges[e].port,
		.proto = w->edges[e].port == 53 ? 17 : 6 };
	*c = (struct ew_contact){ .ev = ev,
		.src = { .workload = &w->workloads[src],
		    .instance = src * INSTANCES + si + 1,
		    .attribution = EW_ATTR_VETH },
		.dst = { .workload = &w->workloads[dst],
		    .instance = dst * INSTANCES + di + 1,
		    .attribution = EW_ATTR_LEASE },
		.direction = EW_DIR_LATERAL,
		.edge_port = w->edges[e].port };
}

static double
seconds(void)
{
	return (double)ew_ticks_ns() / 1e9;
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
print_rate(const char *what, uint64_t rows, double took, uint64_t waits)
{
	printf("%-12s %9" PRIu64 " rows  %7.2f s  %8.0f rows/s  (%" PRIu64 " waits)\n",
	    what, rows, took, (double)rows / took, waits);
	fflush(stdout);
}

static void
put_edges(struct world *w, struct ew_store *store, int64_t now_ns, uint64_t round)
{
	for (size_t i = 0; i < 200; i++) {
		const size_t e = (round * 200 + i) % EDGES;
		const struct ew_edge edge = { .src = &w->workloads[w->edges[e].src],
			.dst = &w->workloads[w->edges[e].dst],
			.port = w->edges[e].port,
			.proto = 6,
			.status = EW_EDGE_BASELINE,
			.first_ns = START_NS,
			.last_ns = now_ns,
			.connections = round + 1,
			.src_bytes = round * 1000 };

		ew_store_edge(store, &edge);
	}
}

static int
write_rows(const char *path, uint64_t rows)
{
	struct world *w = ew_alloc(sizeof(*w));
	struct ew_store_conf conf;
	struct ew_store *store;
	struct ew_error error;
	uint64_t waits = 0;

	build_world(w);
	ew_store_conf_default(&conf);
	conf.path = path;
	conf.keep_flows_ns = INT64_MAX / 2;
	conf.max_bytes = 0;
	if (ew_store_open(&conf, &error, &store) != 0) {
		fprintf(stderr, "bench-store: %s\n", error.text);
		return 1;
	}
	for (size_t i = 0; i < WORKLOADS * INSTANCES; i++)
		ew_store_instance(store, &w->instances[i]);
	(void)ew_store_flush(store);

	const uint64_t burst = rows < 2000000 ? rows : 2000000;
	const double begin = seconds();
	double mark = begin;

	for (uint64_t n = 0; n < rows; n++) {
		struct ew_flow_event ev;
		struct ew_contact c;

		make_flow(w, n, rows, &ev, &c);
		while (!ew_store_flow(store, &c, NULL,
		    n % 97 ? EW_VERDICT_KNOWN : EW_VERDICT_CANDIDATE)) {
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
			waits++;
		}
		if (n % 60000 == 0) {
			ew_store_tick(store, (struct ew_mono){ ev.ts_ns });
			put_edges(w, store, ev.ts_ns, n / 60000);
		}
		if (n + 1 == burst) {
			(void)ew_store_flush(store);
			print_rate("burst", burst, seconds() - begin, waits);
			mark = seconds();
			waits = 0;
		}
	}
	(void)ew_store_flush(store);
	if (rows > burst)
		print_rate("then", rows - burst, seconds() - mark, waits);
	const struct ew_counter_set set = ew_store_counters(store);

	for (size_t i = 0; i < set.count; i++)
		if (ew_counter_value(&set, i))
			printf("  %-24s %" PRIu64 " %s\n", set.counters[i].name,
			    ew_counter_value(&set, i), set.counters[i].unit);
	ew_store_close(store);
	struct stat st;
	struct rusage usage;

	if (stat(path, &st) == 0)
		printf("size         %.1f MiB, %.1f bytes a row\n",
		    (double)st.st_size / 1048576, (double)st.st_size / (double)rows);
	getrusage(RUSAGE_SELF, &usage);
	printf("process      %.1f MiB peak, %.1f s user, %.1f s system\n",
	    (double)usage.ru_maxrss / 1024, (double)usage.ru_utime.tv_sec,
	    (double)usage.ru_stime.tv_sec);
	free(w);
	return 0;
}

/* --- questions --------------------------------------------------------------------------------- */

#define HOUR_US INT64_C(3600000000)
static const struct question {
	const char *what;
	struct ew_query query;
	struct ew_term terms[4];
	int64_t since_h; /* before the end */
} questions[] = {
	{ "flows --last 20", { .view = EW_VIEW_FLOWS, .last = 20 }, { { 0 } }, 0 },
	{ "flows --workload (common)",
	    { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "workload", .value = "compose/project01/service010" } }, 0 },
	{ "flows of one rare edge", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 3 },
	    { { .field = "workload",
		  .value = "compose/project*/service001",
		  .side = EW_SIDE_FROM },
		{ .field = "workload",
		    .value = "compose/project*/service4?0",
		    .side = EW_SIDE_TO },
		{ .field = "port", .value = "22", .side = EW_SIDE_TO } },
	    0 },
	{ "flows --ip (common)", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "ip", .value = "172.16.7.3" } }, 0 },
	{ "flows --ip (none)", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "ip", .value = "10.9.9.9" } }, 0 },
	{ "flows --ip /24", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "ip", .value = "172.17.99.0/24" } }, 0 },
	{ "flows --container", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "container", .value = "service044-2" } }, 0 },
	{ "flows --to-port 22", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "port", .value = "22", .side = EW_SIDE_TO } }, 0 },
	{ "flows --port 5432", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "port", .value = "5432" } }, 0 },
	{ "flows --status novel (none)",
	    { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "status", .value = "novel" } }, 0 },
	{ "flows --state S0", { .view = EW_VIEW_FLOWS, .last = 20, .n_terms = 1 },
	    { { .field = "state", .value = "S0" } }, 0 },
	{ "flows an hour, a month ago", { .view = EW_VIEW_FLOWS, .last = 20 },
	    { { 0 } }, 700 },
	{ "flows 24h --by src,dst",
	    { .view = EW_VIEW_FLOWS,
		.group = { "src_workload", "dst_workload" },
		.n_group = 2 },
	    { { 0 } }, -24 },
	{ "flows --by src,dst,port (all)",
	    { .view = EW_VIEW_FLOWS,
		.last = 20,
		.group = { "src_workload", "dst_workload", "dst_port" },
		.n_group = 3 },
	    { { 0 } }, 0 },
	{ "edges (all)", { .view = EW_VIEW_EDGES }, { { 0 } }, 0 },
	{ "edges --workload", { .view = EW_VIEW_EDGES, .last = 20, .n_terms = 1 },
	    { { .field = "workload", .value = "service010" } }, 0 },
	{ "edges --by src",
	    { .view = EW_VIEW_EDGES, .group = { "src_workload" }, .n_group = 1 },
	    { { 0 } }, 0 },
	{ "workloads", { .view = EW_VIEW_WORKLOADS }, { { 0 } }, 0 },
	{ "instances", { .view = EW_VIEW_INSTANCES }, { { 0 } }, 0 },
};

static int
count_row(void *context, const char *const *names, const struct ew_value *values,
    size_t n)
{
	(void)names;
	(void)values;
	(void)n;
	++*(size_t *)context;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int
ask_one(const char *path, const struct question *q, int runs, int64_t newest_us)
{
	double took[64], cpu[64];
	size_t rows = 0;

	for (int i = 0; i < runs; i++) {
		struct ew_query query = q->query;
		struct ew_reader *reader;
		struct ew_error error;
		const double begin = seconds(), cpu_begin = cpu_seconds();

		query.terms = q->terms;
		if (q->since_h > 0) {
			query.since_us = newest_us - q->since_h * HOUR_US;
			query.until_us = query.since_us + HOUR_US;
		} else if (q->since_h < 0) {
			query.since_us = newest_us + q->since_h * HOUR_US;
		}
		rows = 0;
		/* Opening is part of it: each command starts anew. */
		if (ew_reader_open(path, &error, &reader) != 0 ||
		    ew_reader_list(reader, &query, count_row, &rows, NULL, &error) !=
			0) {
			fprintf(stderr, "bench-store: %s\n", error.text);
			return 1;
		}
		ew_reader_close(reader);
		took[i] = (seconds() - begin) * 1e3;
		cpu[i] = (cpu_seconds() - cpu_begin) * 1e3;
	}
	qsort(cpu, (size_t)runs, sizeof(cpu[0]), compare);
	qsort(took, (size_t)runs, sizeof(took[0]), compare);
	printf("%-32s %8.1f ms  (%.1f .. %.1f)  cpu %.1f ms  %zu rows\n", q->what,
	    took[runs / 2], took[0], took[runs - 1], cpu[runs / 2], rows);
	fflush(stdout);
	return 0;
}

static int
ask(const char *path, int runs)
{
	struct ew_reader *reader;
	struct ew_reader_status status;
	struct ew_error error;

	if (ew_reader_open(path, &error, &reader) != 0 ||
	    ew_reader_status(reader, &status, &error) != 0) {
		fprintf(stderr, "bench-store: %s\n", error.text);
		return 1;
	}
	ew_reader_close(reader);
	printf("%" PRId64 " flows, %" PRId64 " edges\n", status.flows, status.edges);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (ask_one(path, &questions[i], runs, status.newest_flow_us) != 0)
			return 1;
	return 0;
}

int
main(int argc, char **argv)
{
	const char *number = argc > 3 ? argv[3] : NULL;

	if (argc > 2 && strcmp(argv[1], "write") == 0)
		return write_rows(argv[2],
		    number ? strtoull(number, NULL, 10) : 10000000);
	if (argc > 2 && strcmp(argv[1], "ask") == 0) {
		const int runs = number ? (int)strtol(number, NULL, 10) : 5;

		return ask(argv[2], runs < 1 ? 1 : runs > 64 ? 64 : runs);
	}
	fprintf(stderr, "usage: bench-store write FILE [ROWS] | ask FILE [RUNS]\n");
	return 2;
}
