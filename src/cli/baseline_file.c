/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline as a file: for review, for version control, for another node. It names
 * workloads and nothing that changes with a restart, and its order is that of names, so two
 * exports of the same baseline differ in nothing but times and counters.
 *
 * Reading trusts nothing: numbers are clamped to their field, names are cut to their room,
 * unknown words are an error with a line number.
 */
#include "cli/baseline_file.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/rows.h"
#include "cli/sha256.h"

#define LINE_BYTES (64 * 1024)

/* --- writing ------------------------------------------------------------------------------ */

struct output {
	FILE *out;
	struct ew_sha256 sha;
	size_t lines;
};

static void
put_line(struct output *o, const char *line)
{
	fprintf(o->out, "%s\n", line);
	ew_sha256_add(&o->sha, line, strlen(line));
	ew_sha256_add(&o->sha, "\n", 1);
	o->lines++;
}

static const char *const workload_columns[] = { "workload", "class", "state",
	"peer_group", "image_repo", "age_s", "completeness", "missing", "incidences",
	"starts", "runs", "edges_out", "edges_in", "is_locked", "is_managed", "is_job",
	"labels", "first_us", "last_us" };
static const char *const edge_columns[] = { "src_workload", "dst_workload", "proto",
	"dst_port", "status", "origin", "first_us", "last_us", "established_us",
	"connections", "failed", "src_bytes", "dst_bytes", "slices", "slots", "starts",
	"replicas", "is_startup_only", "is_suspect", "is_sensitive", "expires_us" };
static const char *const decision_columns[] = { "id", "at_us", "action", "src_workload",
	"dst_workload", "dst_port", "proto", "who", "why", "expires_us" };

struct section {
	const char *type;
	enum ew_view view;
	const char *const *columns;
	size_t n_columns;
	const char *name; /* column that --workload looks at */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static const struct section sections[] = {
	{ "workload", EW_VIEW_WORKLOADS, workload_columns, COUNT(workload_columns),
	    "workload" },
	{ "edge", EW_VIEW_EDGES, edge_columns, COUNT(edge_columns), "src_workload" },
	{ "decision", EW_VIEW_DECISIONS, decision_columns, COUNT(decision_columns),
	    "src_workload" },
};

static void
format_row(const struct section *s, const struct ew_rows *rows, size_t i,
    struct ew_text *text)
{
	struct ew_column *columns =
	    ew_columns_of_view(s->view, s->columns, s->n_columns);

	ew_text_clear(text);
	ew_text_addf(text, "{\"type\":\"%s\"", s->type);
	for (size_t c = 0; c < s->n_columns; c++) {
		struct ew_cell cell =
		    ew_cell_of_value(ew_rows_value(rows, i, s->columns[c]));

		if (strcmp(s->columns[c], "class") == 0)
			cell = ew_cell_text(ew_rows_class(rows, i));
		if (cell.kind == EW_CELL_NULL)
			continue;
		ew_text_addf(text, ",\"%s\":", s->columns[c]);
		ew_cell_json(&columns[c], &cell, text);
	}
	ew_text_add(text, "}");
	free(columns);
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines begin with the names, so their order is that of names. */
static int
write_section(struct ew_reader *reader, const struct section *s, const char *workload,
    struct output *o)
{
	struct ew_rows rows;
	struct ew_text text, safe;
	int code = ew_rows_find(reader, s->view, NULL, NULL, 0, &rows);
	char **lines = ew_alloc_array(rows.n + 1, sizeof(*lines));
	size_t n = 0;

	ew_text_init(&text, LINE_BYTES);
	ew_text_init(&safe, 2 * LINE_BYTES);
	for (size_t i = 0; i < rows.n; i++) {
		if (workload &&
		    !ew_text_glob(workload, ew_rows_text(&rows, i, s->name)))
			continue;
		if (s->view == EW_VIEW_DECISIONS && ew_rows_int(&rows, i, "is_undone"))
			continue;
		format_row(s, &rows, i, &text);
		if (!text.full) {
			ew_text_clear(&safe);
			ew_add_safe_json(&safe, text.text);
			lines[n++] = ew_strdup(safe.text);
		}
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		put_line(o, lines[i]);
		free(lines[i]);
	}
	free(lines);
	ew_text_fini(&text);
	ew_text_fini(&safe);
	ew_rows_fini(&rows);
	return code;
}

int
ew_baseline_write(struct ew_reader *reader, const char *workload, FILE *out)
{
	struct output o = { .out = out };
	char hex[EW_SHA256_HEX];
	int code = EW_EXIT_OK;

	ew_sha256_init(&o.sha);
	put_line(&o, "{\"type\":\"header\",\"schema\":\"" EW_BASELINE_SCHEMA "\"}");
	for (size_t i = 0; i < COUNT(sections) && !code; i++)
		code = write_section(reader, &sections[i], workload, &o);
	if (code)
		return code;
	fprintf(out, "{\"type\":\"trailer\",\"lines\":%zu,\"sha256\":\"%s\"}\n",
	    o.lines, ew_sha256_hex(&o.sha, hex));
	return EW_EXIT_OK;
}

/* --- reading ------------------------------------------------------------------------------ */

struct input {
	const char *path;
	size_t line;
	struct ew_error *error;
	struct ew_sha256 sha;
	json_t **objects; /* checked lines, in order */
	size_t n, room;
	bool has_header, has_trailer;
};

static int
bad(const struct input *in, int code, const char *what)
{
	return ew_error_set(in->error, code, "%s:%zu: %s", in->path, in->line, what);
}

/* Number of a word in a table whose names come from a function; -1 for an unknown one. */
static int
index_of(const char *word, const char *(*name)(int), int n)
{
	for (int i = 0; word && i < n; i++)
		if (strcmp(word, name(i)) == 0)
			return i;
	return -1;
}

static const char *
edge_status(int i)
{
	return ew_edge_status_name((enum ew_edge_status)i);
}

static const char *
workload_state(int i)
{
	return ew_workload_state_name((enum ew_workload_state)i);
}

static const char *
peer_class(int i)
{
	return ew_peer_class_name((enum ew_peer_class)i);
}

static const char *
decision_action(int i)
{
	return ew_decision_action_name((enum ew_decision_action)i);
}

static const char *
word(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static int64_t
number(const json_t *o, const char *key, int64_t max)
{
	const int64_t n = json_integer_value(json_object_get(o, key));

	return n < 0 ? 0 : n > max ? max : n;
}

static int
proto_of(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} protos[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 },
		{ "sctp", 132 } };

	for (size_t i = 0; i < COUNT(protos); i++)
		if (strcmp(protos[i].name, text) == 0)
			return protos[i].number;
	if (!text[0] || strspn(text, "0123456789") != strlen(text) || strlen(text) > 3)
		return -1;
	return (int)strtol(text, NULL, 10);
}

static int
port_of(const json_t *o, int missing)
{
	const json_t *port = json_object_get(o, "dst_port");

	if (json_is_integer(port))
		return (int)number(o, "dst_port", 0xffff);
	if (strcmp(word(o, "dst_port"), "dyn") == 0)
		return EW_PORT_DYN;
	if (strcmp(word(o, "dst_port"), "any") == 0)
		return EW_PORT_ANY;
	return missing;
}

static void
give_workload(const json_t *o, const struct ew_baseline_sink *sink)
{
	struct ew_workload_record *r = ew_alloc(sizeof(*r));
	int64_t ns;

	ew_text_copy(r->name, sizeof(r->name), word(o, "workload"));
	ew_text_copy(r->group, sizeof(r->group), word(o, "peer_group"));
	ew_text_copy(r->image_repo, sizeof(r->image_repo), word(o, "image_repo"));
	r->cls =
	    (uint8_t)index_of(word(o, "class"), peer_class, EW_PEER_UNRESOLVED + 1);
	r->state = (uint8_t)index_of(word(o, "state"), workload_state, EW_WL_STALE + 1);
	r->is_locked = json_is_true(json_object_get(o, "is_locked"));
	r->is_managed = json_is_true(json_object_get(o, "is_managed"));
	r->is_job = json_is_true(json_object_get(o, "is_job"));
	ns = number(o, "age_s", INT64_MAX / 2000000000) * 1000000000;
	r->age_ns = ns;
	r->learned_age_ns = r->state >= EW_WL_PROVISIONAL ? ns : 0;
	r->first_ns = number(o, "first_us", INT64_MAX / 2000) * 1000;
	r->last_ns = number(o, "last_us", INT64_MAX / 2000) * 1000;
	r->starts = (uint32_t)number(o, "starts", UINT32_MAX);
	r->runs = (uint32_t)number(o, "runs", UINT32_MAX);
	r->incidences = (uint32_t)number(o, "incidences", UINT32_MAX);
	r->discovery_age_ns[0] = r->discovery_age_ns[1] = -1;
	sink->workload(sink->context, r);
	free(r);
}

static void
give_edge(const json_t *o, const struct ew_baseline_sink *sink)
{
	static const char *const origins[] = { "learned", "imported", "operator",
		"auto" };
	struct ew_edge e = { 0 };

	e.port = (uint16_t)port_of(o, 0);
	e.proto = (uint8_t)proto_of(word(o, "proto"));
	e.status =
	    (uint8_t)index_of(word(o, "status"), edge_status, EW_EDGE_DENIED + 1);
	for (size_t i = 0; i < COUNT(origins); i++)
		if (strcmp(origins[i], word(o, "origin")) == 0)
			e.origin = (uint8_t)i;
	e.starts = (uint8_t)number(o, "starts", UINT8_MAX);
	e.slices = (uint16_t)number(o, "slices", UINT16_MAX);
	e.slots = (uint32_t)number(o, "slots", UINT32_MAX);
	e.replicas = (uint8_t)number(o, "replicas", UINT8_MAX);
	e.first_ns = number(o, "first_us", INT64_MAX / 2000) * 1000;
	e.last_ns = number(o, "last_us", INT64_MAX / 2000) * 1000;
	e.established_ns = number(o, "established_us", INT64_MAX / 2000) * 1000;
	e.expires_ns = number(o, "expires_us", INT64_MAX / 2000) * 1000;
	e.connections = (uint64_t)number(o, "connections", INT64_MAX);
	e.failed = (uint64_t)number(o, "failed", INT64_MAX);
	e.src_bytes = (uint64_t)number(o, "src_bytes", INT64_MAX);
	e.dst_bytes = (uint64_t)number(o, "dst_bytes", INT64_MAX);
	if (json_is_true(json_object_get(o, "is_startup_only")))
		e.flags |= EW_EDGE_F_STARTUP_ONLY;
	if (json_is_true(json_object_get(o, "is_suspect")))
		e.flags |= EW_EDGE_F_SUSPECT;
	if (json_is_true(json_object_get(o, "is_sensitive")))
		e.flags |= EW_EDGE_F_SENSITIVE;
	sink->edge(sink->context, word(o, "src_workload"), word(o, "dst_workload"), &e);
}

static void
give_decision(const json_t *o, const struct ew_baseline_sink *sink)
{
	struct ew_decision_record d = { 0 };

	d.id = strtoull(word(o, "id"), NULL, 16);
	d.at_ns = number(o, "at_us", INT64_MAX / 2000) * 1000;
	d.expires_ns = number(o, "expires_us", INT64_MAX / 2000) * 1000;
	d.action =
	    (uint8_t)index_of(word(o, "action"), decision_action, EW_ACT_RELEARN + 1);
	ew_text_copy(d.pattern.src, sizeof(d.pattern.src), word(o, "src_workload"));
	ew_text_copy(d.pattern.dst, sizeof(d.pattern.dst), word(o, "dst_workload"));
	d.pattern.port = port_of(o, EW_PORT_MATCH_ANY);
	d.pattern.proto = (int16_t)proto_of(word(o, "proto"));
	ew_text_copy(d.who, sizeof(d.who), word(o, "who"));
	ew_text_copy(d.why, sizeof(d.why), word(o, "why"));
	sink->decision(sink->context, &d);
}

/* Is the line one of ours? Returns 0 or a code with a sentence. */
static int
check_object(struct input *in, const json_t *o)
{
	const char *type = word(o, "type");

	if (!in->has_header) {
		if (strcmp(type, "header") != 0)
			return bad(in, EW_ERR_FORMAT,
			    "this is no baseline file: its first line is no header");
		if (strcmp(word(o, "schema"), EW_BASELINE_SCHEMA) != 0)
			return bad(in, EW_ERR_VERSION,
			    "the file is of another version than " EW_BASELINE_SCHEMA);
		in->has_header = true;
		return 0;
	}
	if (strcmp(type, "workload") == 0) {
		if (!word(o, "workload")[0] ||
		    index_of(word(o, "class"), peer_class, EW_PEER_UNRESOLVED + 1) <
			0 ||
		    index_of(word(o, "state"), workload_state, EW_WL_STALE + 1) < 0)
			return bad(in, EW_ERR_FORMAT,
			    "a workload needs workload, class and state in known "
			    "words");
	} else if (strcmp(type, "edge") == 0) {
		if (!word(o, "src_workload")[0] || !word(o, "dst_workload")[0] ||
		    proto_of(word(o, "proto")) < 0 || port_of(o, -1) < 0 ||
		    index_of(word(o, "status"), edge_status, EW_EDGE_DENIED + 1) < 0)
			return bad(in, EW_ERR_FORMAT,
			    "an edge needs src_workload, dst_workload, proto, dst_port "
			    "and "
			    "status in known words");
	} else if (strcmp(type, "decision") == 0) {
		if (index_of(word(o, "action"), decision_action, EW_ACT_RELEARN + 1) <
		    0)
			return bad(in, EW_ERR_FORMAT,
			    "a decision needs a known action");
	} else {
		return bad(in, EW_ERR_FORMAT, "the line has an unknown type");
	}
	return 0;
}

static int
check_trailer(struct input *in, const json_t *o)
{
	char hex[EW_SHA256_HEX];

	in->has_trailer = true;
	if (strcmp(ew_sha256_hex(&in->sha, hex), word(o, "sha256")) != 0)
		return bad(in, EW_ERR_FORMAT,
		    "the sum does not match: the file was changed or damaged (export "
		    "it again, or "
		    "decide edge by edge)");
	return 0;
}

static int
read_line(struct input *in, const char *line, size_t length)
{
	json_t *o = json_loadb(line, length, 0, NULL);
	int code;

	if (!json_is_object(o)) {
		json_decref(o);
		return bad(in, EW_ERR_FORMAT, "the line is no JSON object");
	}
	if (strcmp(word(o, "type"), "trailer") == 0 && in->has_header) {
		code = check_trailer(in, o);
		json_decref(o);
		return code;
	}
	ew_sha256_add(&in->sha, line, length);
	ew_sha256_add(&in->sha, "\n", 1);
	code = check_object(in, o);
	if (code || strcmp(word(o, "type"), "header") == 0) {
		json_decref(o);
		return code;
	}
	if (in->n == in->room) {
		in->room = in->room ? 2 * in->room : 256;
		in->objects =
		    ew_realloc_array(in->objects, in->room, sizeof(*in->objects));
	}
	in->objects[in->n++] = o;
	return 0;
}

static int
read_lines(struct input *in, FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int code = 0;

	while (
	    !code && !in->has_trailer && (length = getline(&line, &room, file)) >= 0) {
		in->line++;
		if (length > 0 && line[length - 1] == '\n')
			length--;
		if (length > LINE_BYTES)
			code = bad(in, EW_ERR_FORMAT, "the line is longer than 64 KiB");
		else if (length > 0)
			code = read_line(in, line, (size_t)length);
	}
	free(line);
	if (!code && ferror(file))
		code = ew_error_set(in->error, -errno, "%s cannot be read: %s",
		    in->path, ew_err_text(-errno));
	if (!code && !in->has_header)
		code = bad(in, EW_ERR_FORMAT, "the file is empty");
	if (!code && !in->has_trailer)
		code = bad(in, EW_ERR_TRUNCATED,
		    "the file ends without its trailer: it was cut; nothing of it is "
		    "used");
	return code;
}

static void
give(const json_t *o, const struct ew_baseline_sink *sink)
{
	const char *type = word(o, "type");

	if (strcmp(type, "workload") == 0 && sink->workload)
		give_workload(o, sink);
	else if (strcmp(type, "edge") == 0 && sink->edge)
		give_edge(o, sink);
	else if (strcmp(type, "decision") == 0 && sink->decision)
		give_decision(o, sink);
}

int
ew_baseline_read(const char *path, const struct ew_baseline_sink *sink,
    struct ew_error *error)
{
	struct input in = { .path = path, .error = error };
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int code;

	if (!file)
		return ew_error_set(error, -errno, "%s cannot be opened: %s", path,
		    strerror(errno));
	ew_sha256_init(&in.sha);
	code = read_lines(&in, file);
	if (file != stdin)
		fclose(file);
	for (size_t i = 0; i < in.n; i++) {
		if (!code)
			give(in.objects[i], sink);
		json_decref(in.objects[i]);
	}
	free(in.objects);
	return code;
}
