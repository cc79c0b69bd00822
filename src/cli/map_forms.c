/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map drawn: a tree for people, dot, mermaid and GraphML for other programs, JSON. Each
 * language has its own dangers in a name (quotes, brackets, markup), so each has its own
 * escape here, and nodes of dot and mermaid are called n0, n1 ... with the name as a label.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/map_priv.h"
#include "cli/writer.h"

/* The first part of a name: what is before the last "/", or nothing. */
static size_t
group_length(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? (size_t)(slash - name) : 0;
}

static void
print_node(const struct ew_map *map, const struct ew_map_node *n)
{
	printf("%s", map->color ? "\033[1m" : "");
	ew_print_safe(stdout, n->name);
	printf("%s", map->color ? "\033[0m" : "");
	if (strcmp(n->cls, "workload") == 0) {
		if (n->instances != 1)
			printf("  %" PRId64 " instances", n->instances);
		if (n->state[0])
			printf("  (%s)", n->state);
	} else {
		printf("  (%s)", n->cls);
	}
	putchar('\n');
}

static void
print_link(const struct ew_map *map, const struct ew_map_link *l, bool is_last)
{
	static const char *const marks[] = {
		[EW_MAP_SAME] = " ",
		[EW_MAP_CAME] = "+",
		[EW_MAP_WENT] = "-",
	};
	const char *color = "";
	char age[32];

	if (map->color && strcmp(l->status, "denied") == 0)
		color = "\033[31m";
	else if (map->color && ew_map_is_new(l))
		color = "\033[33m";
	printf("%s%s -> %s", is_last ? "`-" : "|-",
	    map->is_diff ? marks[l->change] : "", color);
	ew_print_safe(stdout, map->nodes[l->to].name);
	printf(":%s/%s", l->port, l->proto);
	if (strcmp(l->status, "candidate") == 0)
		fputs("  NEW", stdout);
	else if (strcmp(l->status, "baseline") != 0)
		printf("  %s", l->status);
	printf("%s  %" PRId64 " connections", *color ? "\033[0m" : "", l->connections);
	if (l->failed)
		printf(", %" PRId64 " failed", l->failed);
	const int64_t ago = (ew_wall_now().us - l->last_us) / 1000000;
	printf(", last %s ago\n", ew_age_text(ago, age, sizeof(age)));
}

void
ew_map_tree(const struct ew_map *map)
{
	size_t shown = 0;

	for (size_t i = 0; i < map->n_links;) {
		const size_t from = map->links[i].from;
		size_t end = i, last = SIZE_MAX;

		for (; end < map->n_links && map->links[end].from == from; end++)
			if (map->links[end].is_shown)
				last = end;
		if (last != SIZE_MAX) {
			print_node(map, &map->nodes[from]);
			for (size_t k = i; k < end; k++)
				if (map->links[k].is_shown) {
					print_link(map, &map->links[k], k == last);
					shown++;
				}
		}
		i = end;
	}
	/* Servers that open nothing stand on the right side only; count them for the reader. */
	size_t nodes = 0;
	for (size_t i = 0; i < map->n_nodes; i++)
		nodes += map->nodes[i].is_shown;
	printf("%s%zu workloads and peers, %zu edges\n", shown ? "\n" : "", nodes,
	    shown);
}

/* A quoted string of dot: backslash and quote escaped, control characters made visible. */
static void
dot_string(const char *text)
{
	struct ew_text safe;

	ew_text_init(&safe, 64 * 1024);
	ew_text_add_terminal(&safe, text);
	putchar('"');
	for (const char *p = safe.text; *p; p++) {
		if (*p == '"' || *p == '\\')
			putchar('\\');
		putchar(*p);
	}
	putchar('"');
	ew_text_fini(&safe);
}

void
ew_map_dot(const struct ew_map *map)
{
	puts("digraph eastwatch {\n  rankdir=LR;\n  node [shape=box, "
	     "fontname=\"sans-serif\"];");
	for (size_t i = 0; i < map->n_nodes; i++) {
		const struct ew_map_node *n = &map->nodes[i];

		if (!n->is_shown)
			continue;
		printf("  n%zu [label=", i);
		dot_string(n->name);
		if (strcmp(n->cls, "workload") != 0)
			printf(", shape=ellipse, style=dashed");
		puts("];");
	}
	for (size_t i = 0; i < map->n_links; i++) {
		const struct ew_map_link *l = &map->links[i];

		if (!l->is_shown)
			continue;
		printf("  n%zu -> n%zu [label=\"%s/%s\"", l->from, l->to, l->port,
		    l->proto);
		if (strcmp(l->status, "denied") == 0)
			printf(", color=red, penwidth=2");
		else if (ew_map_is_new(l) || l->change == EW_MAP_CAME)
			printf(", color=orange, penwidth=2");
		else if (strcmp(l->status, "dormant") == 0 || l->change == EW_MAP_WENT)
			printf(", style=dashed");
		puts("];");
	}
	puts("}");
}

/* Mermaid knows entity codes in quoted labels; all but plain characters become one. */
static void
mermaid_string(const char *text)
{
	struct ew_text safe;

	ew_text_init(&safe, 64 * 1024);
	ew_text_add_terminal(&safe, text);
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)safe.text; *p; p++) {
		if (*p >= 0x80 ||
		    strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789 ./_-:*",
			*p))
			putchar(*p);
		else
			printf("#%u;", *p);
	}
	putchar('"');
	ew_text_fini(&safe);
}

void
ew_map_mermaid(const struct ew_map *map)
{
	puts("flowchart LR");
	for (size_t i = 0; i < map->n_nodes; i++) {
		const bool is_workload = strcmp(map->nodes[i].cls, "workload") == 0;

		if (!map->nodes[i].is_shown)
			continue;
		printf("  n%zu%s", i, is_workload ? "[" : "([");
		mermaid_string(map->nodes[i].name);
		puts(is_workload ? "]" : "])");
	}
	for (size_t i = 0; i < map->n_links; i++) {
		const struct ew_map_link *l = &map->links[i];
		const bool mark = ew_map_is_new(l) || l->change == EW_MAP_CAME;

		if (l->is_shown)
			printf("  n%zu %s|\"%s/%s%s\"| n%zu\n", l->from,
			    mark ? "==>" : "-->", l->port, l->proto, mark ? " NEW" : "",
			    l->to);
	}
}

static void
xml_text(const char *text)
{
	struct ew_text safe;

	ew_text_init(&safe, 64 * 1024);
	ew_text_add_terminal(&safe, text);
	for (const char *p = safe.text; *p; p++) {
		switch (*p) {
		case '<':
			fputs("&lt;", stdout);
			break;
		case '>':
			fputs("&gt;", stdout);
			break;
		case '&':
			fputs("&amp;", stdout);
			break;
		case '"':
			fputs("&quot;", stdout);
			break;
		default:
			putchar(*p);
		}
	}
	ew_text_fini(&safe);
}

void
ew_map_graphml(const struct ew_map *map)
{
	puts(
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
	    " <key id=\"name\" for=\"node\" attr.name=\"name\" attr.type=\"string\"/>\n"
	    " <key id=\"class\" for=\"node\" attr.name=\"class\" "
	    "attr.type=\"string\"/>\n"
	    " <key id=\"port\" for=\"edge\" attr.name=\"dst_port\" "
	    "attr.type=\"string\"/>\n"
	    " <key id=\"proto\" for=\"edge\" attr.name=\"proto\" "
	    "attr.type=\"string\"/>\n"
	    " <key id=\"status\" for=\"edge\" attr.name=\"status\" "
	    "attr.type=\"string\"/>\n"
	    " <key id=\"connections\" for=\"edge\" attr.name=\"connections\" "
	    "attr.type=\"long\"/>\n"
	    " <graph id=\"eastwatch\" edgedefault=\"directed\">");
	for (size_t i = 0; i < map->n_nodes; i++) {
		if (!map->nodes[i].is_shown)
			continue;
		printf("  <node id=\"n%zu\"><data key=\"name\">", i);
		xml_text(map->nodes[i].name);
		printf("</data><data key=\"class\">%s</data></node>\n",
		    map->nodes[i].cls);
	}
	for (size_t i = 0; i < map->n_links; i++) {
		const struct ew_map_link *l = &map->links[i];

		if (l->is_shown)
			printf("  <edge source=\"n%zu\" target=\"n%zu\"><data "
			       "key=\"port\">%s</data>"
			       "<data key=\"proto\">%s</data><data "
			       "key=\"status\">%s</data>"
			       "<data key=\"connections\">%" PRId64 "</data></edge>\n",
			    l->from, l->to, l->port, l->proto, l->status,
			    l->connections);
	}
	puts(" </graph>\n</graphml>");
}

static void
json_node(struct ew_text *text, const struct ew_map_node *n)
{
	const size_t group = group_length(n->name);
	struct ew_text name;

	ew_text_init(&name, 4096);
	ew_text_add_bytes(&name, n->name, group);
	ew_text_add(text, "{\"workload\":");
	ew_text_add_json(text, n->name);
	ew_text_add(text, ",\"group\":");
	ew_text_add_json(text, name.text);
	ew_text_addf(text, ",\"class\":\"%s\",\"state\":", n->cls);
	if (n->state[0])
		ew_text_addf(text, "\"%s\"", n->state);
	else
		ew_text_add(text, "null");
	ew_text_addf(text, ",\"instances\":%" PRId64 "}", n->instances);
	ew_text_fini(&name);
}

static void
json_link(struct ew_text *text, const struct ew_map *map, const struct ew_map_link *l)
{
	static const char *const changes[] = {
		[EW_MAP_SAME] = "null",
		[EW_MAP_CAME] = "\"came\"",
		[EW_MAP_WENT] = "\"went\"",
	};
	const bool is_number = l->port[0] >= '0' && l->port[0] <= '9';

	ew_text_add(text, "{\"src_workload\":");
	ew_text_add_json(text, map->nodes[l->from].name);
	ew_text_add(text, ",\"dst_workload\":");
	ew_text_add_json(text, map->nodes[l->to].name);
	ew_text_addf(text, ",\"proto\":\"%s\",\"dst_port\":%s%s%s,\"status\":\"%s\"",
	    l->proto, is_number ? "" : "\"", l->port, is_number ? "" : "\"", l->status);
	ew_text_addf(text,
	    ",\"first_us\":%" PRId64 ",\"last_us\":%" PRId64 ",\"connections\":%" PRId64
	    ",\"failed\":%" PRId64 ",\"src_bytes\":%" PRId64 ",\"dst_bytes\":%" PRId64,
	    l->first_us, l->last_us, l->connections, l->failed, l->src_bytes,
	    l->dst_bytes);
	if (map->is_diff)
		ew_text_addf(text, ",\"change\":%s", changes[l->change]);
	ew_text_add(text, "}");
}

void
ew_map_json(const struct ew_map *map)
{
	struct ew_text text;
	bool first = true;

	ew_text_init(&text, 256U << 20);
	ew_text_add(&text, "{\"schema\":\"eastwatch.map/1\",\"nodes\":[");
	for (size_t i = 0; i < map->n_nodes; i++) {
		if (!map->nodes[i].is_shown)
			continue;
		ew_text_add(&text, first ? "" : ",");
		first = false;
		json_node(&text, &map->nodes[i]);
	}
	ew_text_add(&text, "],\"edges\":[");
	first = true;
	for (size_t i = 0; i < map->n_links; i++) {
		if (!map->links[i].is_shown)
			continue;
		ew_text_add(&text, first ? "" : ",");
		first = false;
		json_link(&text, map, &map->links[i]);
	}
	ew_text_add(&text, "]}");
	ew_print_json_line(stdout, text.text);
	ew_text_fini(&text);
}
