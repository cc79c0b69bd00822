/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch policy`: the accepted edges written as rules for something that enforces.
 * Generated, never applied: a person reads it, tries it (--preview says what it would have
 * blocked), and applies it by his own means. From accepted edges only, in an order that does
 * not change, each rule with when it was seen, and everything that could not be expressed
 * listed with the reason.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/doctor_priv.h"
#include "cli/list.h"
#include "cli/policy_priv.h"

static int run(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "workload",
	    .arg = "NAME",
	    .help = "only rules to this workload (a glob)",
	    .values = "workload" },
	{ .name = "preview", .help = "list what was observed and would be blocked" },
	{ .name = "since",
	    .arg = "TIME",
	    .help = "with --preview: observed since (7d)" },
	{ .name = "enforce",
	    .help = "nft: drop what no rule allows, instead of counting it" },
	{ .name = "family",
	    .arg = "WORD",
	    .help = "nft: inet or bridge; default: what this kernel hands to inet",
	    .values = "inet|bridge" },
	{ .name = NULL },
};

const struct ew_command ew_command_policy = {
	.name = "policy",
	.summary = "write the accepted edges as a network policy; applies nothing",
	.words = "k8s|cilium|nft|compose",
	.about =
	    "k8s      NetworkPolicy, one per destination\n"
	    "cilium   CiliumNetworkPolicy, one per destination\n"
	    "nft      nftables, an allow list between the containers of this node\n"
	    "compose  networks for Compose files: services that never talk share none\n"
	    "\n"
	    "Only edges that are part of the baseline become rules. --preview lists "
	    "the\n"
	    "edges seen lately that no rule allows. Selectors of Kubernetes are made "
	    "from the\n"
	    "workloads' names: check them against your labels.",
	.examples = "  eastwatch policy nft > allow.nft\n"
		    "  eastwatch policy nft --preview --since 30d\n"
		    "  eastwatch policy k8s --workload 'prod/*' > policies.yaml\n"
		    "  eastwatch policy compose\n",
	.options = options,
	.groups = EW_OPTIONS_DB | EW_OPTIONS_OUTPUT,
	.words_min = 1,
	.words_max = 1,
	.values = "k8s|cilium|nft|compose",
	.run = run,
};

static const struct {
	const char *name;
	void (*write)(const struct ew_policy *policy);
} languages[] = { { "k8s", ew_policy_k8s }, { "cilium", ew_policy_cilium },
	{ "nft", ew_policy_nft }, { "compose", ew_policy_compose } };

/* --- collecting ---------------------------------------------------------------------------- */

static int
compare_peers(const void *a, const void *b)
{
	const struct ew_policy_peer *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static size_t
peer_of(const struct ew_policy *p, const char *name)
{
	const struct ew_policy_peer key = { .name = name };
	const struct ew_policy_peer *found =
	    bsearch(&key, p->peers, p->n_peers, sizeof(key), compare_peers);

	return (size_t)(found - p->peers);
}

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_addresses(struct ew_policy *p)
{
	for (size_t i = 0; i < p->n_peers; i++) {
		struct ew_policy_peer *peer = &p->peers[i];

		peer->addresses = ew_alloc_array(p->leases.n + 1, sizeof(char *));
		for (size_t k = 0; k < p->leases.n; k++)
			if (ew_rows_is_null(&p->leases, k, "to_us") &&
			    strcmp(ew_rows_text(&p->leases, k, "workload"),
				peer->name) == 0)
				peer->addresses[peer->n_addresses++] =
				    ew_strdup(ew_rows_text(&p->leases, k, "ip"));
		if (peer->n_addresses > 1)
			qsort(peer->addresses, peer->n_addresses, sizeof(char *),
			    compare_text);
	}
}

static void
build_peers(struct ew_policy *p)
{
	size_t n = 0, kept = 0;

	p->peers = ew_alloc_array(2 * p->edges.n + 1, sizeof(*p->peers));
	for (size_t i = 0; i < p->edges.n; i++) {
		p->peers[n++].name = ew_rows_text(&p->edges, i, "src_workload");
		p->peers[n++].name = ew_rows_text(&p->edges, i, "dst_workload");
	}
	if (n > 0)
		qsort(p->peers, n, sizeof(*p->peers), compare_peers);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(p->peers[kept - 1].name, p->peers[i].name) != 0)
			p->peers[kept++].name = p->peers[i].name;
	p->n_peers = kept;
	add_addresses(p);
}

static void
leave(struct ew_policy *p, size_t row, const char *reason)
{
	const struct ew_value *port = ew_rows_value(&p->edges, row, "dst_port");
	struct ew_policy_left *left = &p->left[p->n_left++];

	*left = (struct ew_policy_left){ .src = ew_rows_text(&p->edges, row,
					     "src_workload"),
		.dst = ew_rows_text(&p->edges, row, "dst_workload"),
		.proto = ew_rows_text(&p->edges, row, "proto"),
		.reason = reason };
	if (port->kind == EW_VALUE_TEXT)
		ew_text_copy(left->port, sizeof(left->port), port->text);
	else
		snprintf(left->port, sizeof(left->port), "%u",
		    (unsigned)port->number & 0xffff);
}

static int32_t
port_of(const struct ew_value *port)
{
	if (port->kind == EW_VALUE_INT)
		return (int32_t)(port->number & 0xffff);
	return port->kind == EW_VALUE_TEXT && strcmp(port->text, "dyn") == 0 ? -2 : -1;
}

static void
add_rule(struct ew_policy *p, size_t row)
{
	const struct ew_rows *e = &p->edges;
	const char *src = ew_rows_text(e, row, "src_workload");
	const char *dst = ew_rows_text(e, row, "dst_workload");
	const char *proto = ew_rows_text(e, row, "proto");
	const uint8_t number = strcmp(proto, "tcp") == 0 ? 6
	    : strcmp(proto, "udp") == 0			 ? 17
	    : strcmp(proto, "sctp") == 0		 ? 132
							 : 0;

	if (strcmp(ew_class_of_name(dst), "workload") != 0) {
		leave(p, row, "the destination is no workload of this node: left open");
		return;
	}
	if (strcmp(ew_class_of_name(src), "workload") != 0) {
		leave(p, row, "the source is no workload of this node: left open");
		return;
	}
	if (!number) {
		leave(p, row, "the protocol has no ports: left open");
		return;
	}
	p->rules[p->n_rules++] = (struct ew_policy_rule){
		.from = peer_of(p, src),
		.to = peer_of(p, dst),
		.proto = number,
		.port = port_of(ew_rows_value(e, row, "dst_port")),
		.first_us = ew_rows_int(e, row, "first_us"),
		.last_us = ew_rows_int(e, row, "last_us"),
		.connections = ew_rows_int(e, row, "connections"),
	};
}

static int
compare_rules(const void *a, const void *b)
{
	const struct ew_policy_rule *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (int)x->proto - (int)y->proto;
}

static bool
is_in_scope(const struct ew_policy *p, size_t row, const char *workload)
{
	return !workload ||
	    ew_text_glob(workload, ew_rows_text(&p->edges, row, "dst_workload"));
}

static void
build(struct ew_policy *p, const char *workload)
{
	p->rules = ew_alloc_array(p->edges.n + 1, sizeof(*p->rules));
	p->left = ew_alloc_array(p->edges.n + 1, sizeof(*p->left));
	for (size_t i = 0; i < p->edges.n; i++) {
		const int64_t first = ew_rows_int(&p->edges, i, "first_us");
		const int64_t last = ew_rows_int(&p->edges, i, "last_us");

		if (!p->from_us || (first && first < p->from_us))
			p->from_us = first;
		if (last > p->to_us)
			p->to_us = last;
		if (is_in_scope(p, i, workload) &&
		    strcmp(ew_rows_text(&p->edges, i, "status"), "baseline") == 0)
			add_rule(p, i);
	}
	if (p->n_rules > 0)
		qsort(p->rules, p->n_rules, sizeof(*p->rules), compare_rules);
}

/* --- what every language shares ------------------------------------------------------------- */

void
ew_policy_comment(const struct ew_policy *p, const struct ew_policy_rule *r,
    const char *lead)
{
	char first[EW_TIME_TEXT], last[EW_TIME_TEXT], proto[EW_NUMBER_TEXT];

	ew_wall_format((struct ew_wall){ .us = r->first_us }, first);
	ew_wall_format((struct ew_wall){ .us = r->last_us }, last);
	printf("%s# ", lead);
	ew_print_safe(stdout, p->peers[r->from].name);
	fputs(" -> ", stdout);
	ew_print_safe(stdout, p->peers[r->to].name);
	if (r->port >= 0)
		printf(":%d", r->port);
	else
		fputs(r->port == -2 ? ":dyn" : ":any", stdout);
	/* Days are enough, and keep two runs of one day alike. */
	printf("/%s, first %.10s, last %.10s\n",
	    ew_proto_text(r->proto, proto, sizeof(proto)), first, last);
}

void
ew_policy_head(const struct ew_policy *p, const char *what)
{
	char from[EW_TIME_TEXT], to[EW_TIME_TEXT];
	const int64_t days = (p->to_us - p->from_us) / (INT64_C(86400) * 1000000);

	ew_wall_format((struct ew_wall){ .us = p->from_us }, from);
	ew_wall_format((struct ew_wall){ .us = p->to_us }, to);
	printf("# %s, from the accepted edges of eastwatch. Generated, not applied.\n",
	    what);
	if (p->n_rules > 0)
		printf("# Observed from %.10s to %.10s (%" PRId64 " days).\n", from, to,
		    days);
	if (days < 7)
		puts("# Less than a week was observed: weekly jobs and failovers are "
		     "missing.");
	puts("# Try it first: eastwatch policy ... --preview lists what it would have "
	     "blocked.");
}

void
ew_policy_tail(const struct ew_policy *p)
{
	if (p->n_left == 0)
		return;
	puts("\n# Accepted, but not expressed here:");
	for (size_t i = 0; i < p->n_left; i++) {
		fputs("#   ", stdout);
		ew_print_safe(stdout, p->left[i].src);
		fputs(" -> ", stdout);
		ew_print_safe(stdout, p->left[i].dst);
		printf(":%s/%s: %s\n", p->left[i].port, p->left[i].proto,
		    p->left[i].reason);
	}
}

/* --- preview --------------------------------------------------------------------------------- */

static const struct ew_column columns[] = {
	{ "src_workload", "SRC", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "dst_workload", "DST", EW_FORMAT_TEXT, EW_EVERYWHERE, 20 },
	{ "proto", "PROTO", EW_FORMAT_ID, EW_EVERYWHERE, 5 },
	{ "dst_port", "PORT", EW_FORMAT_INT, EW_EVERYWHERE, 5 },
	{ "status", "STATUS", EW_FORMAT_ID, EW_EVERYWHERE, 10 },
	{ "connections", "CONNS", EW_FORMAT_INT, EW_EVERYWHERE, 6 },
	{ "last_us", "LAST", EW_FORMAT_TIME_US, EW_EVERYWHERE, 19 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* Edges between workloads, seen since, that no rule allows. */
static int
preview(const struct ew_policy *p, const char *workload, int64_t since_us,
    const struct ew_writer_conf *conf)
{
	struct ew_writer *writer =
	    ew_writer_new(conf, "eastwatch.would_block/1", columns, N_COLUMNS);

	for (size_t i = 0; i < p->edges.n; i++) {
		struct ew_cell cells[N_COLUMNS];
		const struct ew_rows *e = &p->edges;

		if (!is_in_scope(p, i, workload) ||
		    strcmp(ew_rows_text(e, i, "status"), "baseline") == 0 ||
		    ew_rows_int(e, i, "last_us") < since_us ||
		    strcmp(ew_class_of_name(ew_rows_text(e, i, "src_workload")),
			"workload") != 0 ||
		    strcmp(ew_class_of_name(ew_rows_text(e, i, "dst_workload")),
			"workload") != 0)
			continue;
		for (size_t c = 0; c < N_COLUMNS; c++)
			cells[c] =
			    ew_cell_of_value(ew_rows_value(e, i, columns[c].key));
		cells[4].color = ew_color_of("status", ew_rows_value(e, i, "status"));
		ew_writer_row(writer, cells);
	}
	ew_warn("%zu observed edges would be blocked; accept those that are wanted "
		"with "
		"`eastwatch baseline accept`",
	    ew_writer_rows(writer));
	return ew_writer_close(writer);
}

static void
fini(struct ew_policy *p)
{
	for (size_t i = 0; i < p->n_peers; i++) {
		for (size_t k = 0; k < p->peers[i].n_addresses; k++)
			free(p->peers[i].addresses[k]);
		free(p->peers[i].addresses);
	}
	free(p->peers);
	free(p->rules);
	free(p->left);
	ew_rows_fini(&p->edges);
	ew_rows_fini(&p->leases);
}

/* Does traffic on a bridge reach the inet hooks of this kernel? */
static int
choose_family(const char *family, bool *ret_is_bridge)
{
	char line[16];

	if (family && strcmp(family, "inet") != 0 && strcmp(family, "bridge") != 0)
		return ew_complain(EW_EXIT_USAGE, "--family %s: it is inet or bridge",
		    family);
	if (family)
		*ret_is_bridge = strcmp(family, "bridge") == 0;
	else
		*ret_is_bridge =
		    !ew_doctor_read_line("/proc/sys/net/bridge/bridge-nf-call-iptables",
			line, sizeof(line)) ||
		    line[0] != '1';
	return EW_EXIT_OK;
}

static int
load(const struct ew_args *args, struct ew_policy *p)
{
	struct ew_reader *reader = NULL;
	int code = ew_open_database(args, &reader);

	if (!code)
		code = ew_rows_find(reader, EW_VIEW_EDGES, NULL, NULL, 0, &p->edges);
	if (!code)
		code = ew_rows_find(reader, EW_VIEW_WHO, NULL, NULL, 0, &p->leases);
	ew_reader_close(reader);
	return code;
}

static int
run(const struct ew_args *args)
{
	const char *workload = ew_args_value(args, "workload");
	const char *since = ew_args_value(args, "since");
	struct ew_policy p = { .enforce = ew_args_has(args, "enforce") };
	struct ew_writer_conf conf;
	int64_t since_us = 0;
	size_t language = 0;
	int code = ew_options_output(args, &conf);

	while (language < 4 && strcmp(languages[language].name, args->words[0]) != 0)
		language++;
	if (!code && language == 4)
		code = ew_complain(EW_EXIT_USAGE,
		    "\"%s\" is no language of policies: k8s, cilium, nft or compose",
		    args->words[0]);
	if (!code)
		code = choose_family(ew_args_value(args, "family"), &p.is_bridge);
	if (!code)
		code = ew_option_time("since", since ? since : "7d", &since_us);
	if (!code)
		code = load(args, &p);
	if (!code) {
		build_peers(&p);
		build(&p, workload);
		if (ew_args_has(args, "preview"))
			code = preview(&p, workload, since_us, &conf);
		else
			languages[language].write(&p);
	}
	fini(&p);
	return code;
}
