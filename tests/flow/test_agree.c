/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agreement with Zeek: each trace of tests/data/traces goes through reader, decoder and
 * table, and must give exactly the rows Zeek gives (NAME.expected.tsv and NAME.inner.tsv),
 * in any order. tests/data/traces/README.md says where they come from.
 */
#include <dirent.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "capture/capture.h"
#include "decode/decode.h"
#include "flow/connlog.h"
#include "flow/harness.h"

#define ROWS_MAX 200
#define COLUMNS 13

/* proto orig_h orig_p resp_h resp_p conn_state orig_pkts orig_ip_bytes resp_pkts
 * resp_ip_bytes duration orig_bytes resp_bytes: as columns of a connection log row. */
static const int of_log[COLUMNS] = { 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 9, 10, 11 };

struct rows {
	char text[ROWS_MAX][320];
	size_t count;
};

static void
on_event(void *context, const struct ew_flow_event *ev)
{
	struct rows *rows = context;
	struct ew_text line;
	char *columns[32] = { 0 };
	int n = 0;

	if (ev->kind != EW_FLOW_CLOSE)
		return;
	ew_text_init(&line, 4096);
	ew_connlog_row(&line, ev, NULL, NULL);
	for (char *rest = line.text; n < 32 && rest;)
		columns[n++] = strsep(&rest, "\t\n");
	cr_assert_lt(rows->count, ROWS_MAX);
	char *out = rows->text[rows->count++];
	size_t used = 0;

	for (int i = 0; i < COLUMNS; i++)
		used += (size_t)snprintf(out + used, sizeof(rows->text[0]) - used,
		    "%s%s", i ? "\t" : "", columns[of_log[i]]);
	ew_text_fini(&line);
}

static void
read_expected(const char *path, struct rows *rows)
{
	FILE *file = fopen(path, "r");
	char line[320];
	bool is_first = true;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_first && line[0]) {
			cr_assert_lt(rows->count, ROWS_MAX);
			(void)snprintf(rows->text[rows->count++], sizeof(rows->text[0]),
			    "%s", line);
		}
		is_first = false;
	}
	(void)fclose(file);
}

/* Equal but for the last digit of a duration, which a decimal fraction may round. */
static bool
is_same(const char *a, const char *b)
{
	char left[320], right[320];
	char *rest_a = left, *rest_b = right;

	(void)snprintf(left, sizeof(left), "%s", a);
	(void)snprintf(right, sizeof(right), "%s", b);
	for (int i = 0; i < COLUMNS; i++) {
		const char *x = strsep(&rest_a, "\t"), *y = strsep(&rest_b, "\t");

		if (!x || !y)
			return false;
		if (strcmp(x, y) == 0)
			continue;
		if (i != 10 || *x == '-' || *y == '-')
			return false;
		const double difference = strtod(x, NULL) - strtod(y, NULL);

		if (difference > 2e-6 || difference < -2e-6)
			return false;
	}
	return true;
}

static void
replay(const char *path, struct rows *rows)
{
	static struct ew_batch batch;
	static struct ew_frame frames[64];
	const struct ew_decoder_conf decode_conf = ew_decoder_conf_default();
	struct ew_flow_conf flow_conf = ew_flow_conf_default(true);
	struct ew_decoder *decoder = ew_decoder_new(&decode_conf);
	struct ew_error error = { 0 };
	struct ew_source *source = NULL;
	size_t count;

	flow_conf.max_flows = 10000;
	struct ew_flow_table *table = ew_flow_table_new(&flow_conf, on_event, rows);

	cr_assert_eq(ew_source_open_file(path, NULL, &error, &source), 0, "%s: %s",
	    path, error.text);
	while (ew_source_read(source, frames, 64, &count) == 0) {
		for (size_t used = 0; used < count;) {
			used += ew_decode(decoder, frames + used, count - used, &batch);
			ew_flow_feed(table, &batch);
		}
	}
	ew_flow_finish(table);
	ew_source_close(source);
	ew_flow_table_free(table);
	ew_decoder_free(decoder);
}

static void
compare(const char *name, const struct rows *expected, const struct rows *found)
{
	bool used[ROWS_MAX] = { false };

	cr_expect_eq(expected->count, found->count, "%s: %zu rows, not %zu", name,
	    found->count, expected->count);
	for (size_t i = 0; i < expected->count; i++) {
		size_t j = 0;

		while (j < found->count &&
		    (used[j] || !is_same(expected->text[i], found->text[j])))
			j++;
		cr_expect_lt(j, found->count, "%s: missing %s", name,
		    expected->text[i]);
		if (j < found->count)
			used[j] = true;
	}
	for (size_t j = 0; j < found->count; j++)
		cr_expect(used[j], "%s: too much %s", name, found->text[j]);
}

Test(agree, every_trace_gives_the_rows_of_zeek)
{
	static struct rows expected, found;
	const char *top = getenv("EW_SRCDIR");
	char folder[512], path[1024];
	int traces = 0;

	(void)snprintf(folder, sizeof(folder), "%s/tests/data/traces", top ? top : ".");
	DIR *dir = opendir(folder);

	cr_assert_not_null(dir, "%s", folder);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		const char *dot = strrchr(entry->d_name, '.');
		char name[256];

		if (!dot || strcmp(dot, ".pcap") != 0)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(dot - entry->d_name),
		    entry->d_name);
		expected.count = 0;
		found.count = 0;
		(void)snprintf(path, sizeof(path), "%s/%s.expected.tsv", folder, name);
		read_expected(path, &expected);
		(void)snprintf(path, sizeof(path), "%s/%s.inner.tsv", folder, name);
		read_expected(path, &expected);
		(void)snprintf(path, sizeof(path), "%s/%s.pcap", folder, name);
		replay(path, &found);
		compare(name, &expected, &found);
		traces++;
	}
	(void)closedir(dir);
	cr_expect_eq(traces, 29);
}
