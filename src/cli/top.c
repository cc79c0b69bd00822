/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch top`: which edges are busy now. Reads the edge counters every few seconds (the
 * daemon writes them every second) and shows what they grew by. On a terminal the screen is
 * redrawn in place; -b prints one block after the other, for logs and scripts.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/rows.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "batch",
	    .letter = 'b',
	    .help = "print blocks instead of redrawing a screen" },
	{ .name = "iterations",
	    .letter = 'n',
	    .arg = "N",
	    .help = "stop after N blocks" },
	{ .name = "interval", .arg = "TIME", .help = "between two looks (default 2s)" },
	{ .name = "sort",
	    .arg = "WHAT",
	    .help = "bytes (default), connections, failed or new",
	    .values = "bytes|connections|failed|new" },
	{ .name = NULL },
};

const struct ew_command ew_command_top = {
	.name = "top",
	.summary = "show the busiest edges now, and new ones as they appear",
	.about = "Keys: b, c, f and n sort by bytes, connections, failed and newest; q "
		 "ends.\n"
		 "Bytes of an open connection may lag by 1 MiB (capture profile "
		 "`connections`).",
	.examples = "  eastwatch top\n"
		    "  eastwatch top -b -n 1 --interval 5s -o json\n"
		    "  eastwatch top --workload 'shop/*' --sort connections\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT | EW_OPTIONS_LAST |
	    EW_OPTIONS_FILTER | EW_OPTIONS_STATUS,
	.run = run,
};

static const struct ew_column columns[] = {
	{ "src_workload", "SRC", EW_FORMAT_TEXT, EW_EVERYWHERE, 24 },
	{ "dst_workload", "DST", EW_FORMAT_TEXT, EW_EVERYWHERE, 24 },
	{ "proto", "PROTO", EW_FORMAT_ID, EW_EVERYWHERE, 5 },
	{ "dst_port", "PORT", EW_FORMAT_ID, EW_EVERYWHERE, 5 },
	{ "status", "STATUS", EW_FORMAT_ID, EW_EVERYWHERE, 10 },
	{ "connections_per_s", "CONN/S", EW_FORMAT_INT, EW_EVERYWHERE, 8 },
	{ "failed_per_s", "FAILED/S", EW_FORMAT_INT, EW_EVERYWHERE, 8 },
	{ "bytes_per_s", "BYTES/S", EW_FORMAT_BYTES, EW_EVERYWHERE, 10 },
	{ "connections", "CONNECTIONS", EW_FORMAT_INT, EW_WIDE_DATA, 10 },
	{ "first_us", "FIRST", EW_FORMAT_TIME_US, EW_EVERYWHERE, 19 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct rate {
	size_t row;
	double connections, failed, bytes;
	int64_t first_us;
};

struct screen {
	struct ew_reader *reader;
	struct ew_list *list;
	char sort; /* b c f n */
	bool is_full;
	int64_t interval_ns;
	struct ew_rows before;
	int64_t before_ns;
	struct termios saved;
	bool has_saved;
};

static char sort_key; /* qsort has no context; one screen per process */

static int
compare(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;
	double dx = x->bytes, dy = y->bytes;

	if (sort_key == 'c') {
		dx = x->connections;
		dy = y->connections;
	} else if (sort_key == 'f') {
		dx = x->failed;
		dy = y->failed;
	} else if (sort_key == 'n') {
		dx = (double)x->first_us;
		dy = (double)y->first_us;
	}
	if (dx != dy)
		return dx > dy ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Row of the same edge in the earlier look; seq is the edge's number. SIZE_MAX: new. */
static size_t
row_before(const struct ew_rows *before, const struct ew_rows *now, size_t i)
{
	static const char *const keys[] = { "src_workload", "dst_workload", "proto" };

	for (size_t k = 0; k < before->n; k++) {
		/* Listings keep their order, so the first guess is nearly always right. */
		const size_t at = (i + k) % before->n;
		bool same = true;

		for (size_t c = 0; c < 3 && same; c++)
			same = strcmp(ew_rows_text(before, at, keys[c]),
				   ew_rows_text(now, i, keys[c])) == 0;
		if (same &&
		    ew_rows_int(before, at, "dst_port") ==
			ew_rows_int(now, i, "dst_port"))
			return at;
	}
	return SIZE_MAX;
}

static struct rate *
rates_of(const struct screen *s, const struct ew_rows *now, double seconds)
{
	struct rate *rates = ew_alloc_array(now->n + 1, sizeof(*rates));

	for (size_t i = 0; i < now->n; i++) {
		const size_t at =
		    s->before.n ? row_before(&s->before, now, i) : SIZE_MAX;
		int64_t c = ew_rows_int(now, i, "connections");
		int64_t f = ew_rows_int(now, i, "failed");
		int64_t b =
		    ew_rows_int(now, i, "src_bytes") + ew_rows_int(now, i, "dst_bytes");

		if (at != SIZE_MAX) {
			c -= ew_rows_int(&s->before, at, "connections");
			f -= ew_rows_int(&s->before, at, "failed");
			b -= ew_rows_int(&s->before, at, "src_bytes") +
			    ew_rows_int(&s->before, at, "dst_bytes");
		}
		rates[i] = (struct rate){ .row = i,
			.connections = (double)c / seconds,
			.failed = (double)f / seconds,
			.bytes = (double)b / seconds,
			.first_us = ew_rows_int(now, i, "first_us") };
	}
	sort_key = s->sort;
	qsort(rates, now->n, sizeof(*rates), compare);
	return rates;
}

static struct ew_cell
per_second(double value)
{
	/* One decimal is enough, and keeps the JSON short. */
	return (struct ew_cell){ .kind = EW_CELL_REAL,
		.real = (double)(int64_t)(value * 10 + 0.5) / 10 };
}

static int
print_block(struct screen *s, const struct ew_rows *now, const struct rate *rates,
    size_t max)
{
	struct ew_writer *writer =
	    ew_writer_new(&s->list->output, "eastwatch.rate/1", columns, N_COLUMNS);

	for (size_t k = 0; k < now->n && k < max; k++) {
		const size_t i = rates[k].row;
		struct ew_cell cells[N_COLUMNS];
		char port[EW_NUMBER_TEXT];

		if (s->sort != 'n' && rates[k].bytes < 1 && rates[k].connections <= 0 &&
		    rates[k].failed <= 0)
			continue;
		for (size_t c = 0; c < N_COLUMNS; c++)
			cells[c] =
			    ew_cell_of_value(ew_rows_value(now, i, columns[c].key));
		/* As text it stands on the left with "dyn"; data keeps the number. */
		if (cells[3].kind == EW_CELL_INT &&
		    s->list->output.output <= EW_OUTPUT_WIDE) {
			snprintf(port, sizeof(port), "%" PRId64, cells[3].number);
			cells[3] = ew_cell_text(port);
		}
		cells[4].color = ew_color_of("status", ew_rows_value(now, i, "status"));
		cells[5] = per_second(rates[k].connections);
		cells[6] = per_second(rates[k].failed);
		cells[7] = ew_cell_int((int64_t)rates[k].bytes);
		ew_writer_row(writer, cells);
	}
	return ew_writer_close(writer);
}

static size_t
screen_lines(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 6)
		return 20;
	return size.ws_row - 4U;
}

/* Returns an exit code. */
static int
look(struct screen *s, bool show)
{
	struct ew_rows now;
	const int64_t now_ns = ew_ticks_ns();
	int code = ew_rows_query(s->reader, &s->list->query, &now);

	if (!code && show) {
		double seconds = (double)(now_ns - s->before_ns) / 1e9;
		struct rate *rates = rates_of(s, &now, seconds > 0 ? seconds : 1);
		char clock[EW_CLOCK_TEXT];

		if (s->is_full)
			printf("\033[H\033[2Jeastwatch top  %s  %zu edges  "
			       "b bytes, c connections, f failed, n new, q quit\n\n",
			    ew_clock_text(ew_wall_now().us, false, clock), now.n);
		code =
		    print_block(s, &now, rates, s->is_full ? screen_lines() : 1000000);
		free(rates);
		if (!s->is_full && s->list->output.output < EW_OUTPUT_JSON)
			putchar('\n');
		fflush(stdout);
	}
	ew_rows_fini(&s->before);
	s->before = now;
	s->before_ns = now_ns;
	return code;
}

/* Wait an interval; false when a key or Ctrl-C says to end. */
static bool
wait_or_key(struct screen *s)
{
	const int64_t until = ew_ticks_ns() + s->interval_ns;

	for (;;) {
		const int64_t left = until - ew_ticks_ns();
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
		char key;

		if (ew_interrupted())
			return false;
		if (left <= 0)
			return true;
		if (!s->is_full) {
			ew_sleep_ms((int)(left / EW_NS_PER_MS) + 1);
			continue;
		}
		if (poll(&p, 1, (int)(left / EW_NS_PER_MS) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
			return false;
		if (key && strchr("bcfn", key)) {
			s->sort = key;
			return true;
		}
	}
}

static void
enter_screen(struct screen *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->saved) == 0) {
		s->has_saved = true;
		raw = s->saved;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs("\033[?1049h\033[?25l", stdout);
}

static void
leave_screen(struct screen *s)
{
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	if (s->has_saved)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &s->saved);
}

static int
watch(struct screen *s, int64_t iterations)
{
	int code = look(s, false);

	ew_catch_interrupt();
	if (!code && s->is_full)
		enter_screen(s);
	for (int64_t i = 0; !code && (!iterations || i < iterations); i++) {
		if (!wait_or_key(s))
			break;
		code = look(s, true);
	}
	if (s->is_full)
		leave_screen(s);
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *iterations_text = ew_args_value(args, "iterations");
	const char *interval = ew_args_value(args, "interval");
	const char *sort = ew_args_value(args, "sort");
	struct screen s = { .sort = sort ? sort[0] : 'b',
		.interval_ns = 2 * EW_NS_PER_S };
	int64_t iterations = 0;
	struct ew_list list;
	int code = ew_options_list(args, EW_VIEW_EDGES, &list);

	if (!code && sort && !strstr("bytes connections failed new", sort))
		code = ew_complain(EW_EXIT_USAGE,
		    "--sort %s: it is one of bytes, connections, failed, new", sort);
	if (!code && iterations_text)
		code = ew_option_number("iterations", iterations_text, 1, 1000000000,
		    &iterations);
	if (!code && interval)
		code = ew_option_duration("interval", interval, &s.interval_ns);
	if (!code && s.interval_ns < EW_NS_PER_S / 10)
		code = ew_complain(EW_EXIT_USAGE, "--interval is at least 100ms");
	list.query.terms = list.terms;
	list.query.last = 0;
	s.list = &list;
	s.is_full = !ew_args_has(args, "batch") &&
	    list.output.output <= EW_OUTPUT_WIDE && isatty(STDOUT_FILENO) &&
	    isatty(STDIN_FILENO);
	if (!code)
		code = ew_open_database(args, &s.reader);
	if (!code)
		code = watch(&s, iterations);
	ew_rows_fini(&s.before);
	ew_list_fini(&list);
	ew_reader_close(s.reader);
	return code;
}
