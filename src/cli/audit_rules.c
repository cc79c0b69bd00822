/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of `audit`. Each looks at what the database knows of containers, networks and
 * edges and gives one finding per workload or network, so that ten replicas are one line.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/audit_priv.h"

enum rule {
	RUNTIME_SOCKET,
	PRIVILEGED,
	HOST_PID,
	HOST_NETWORK,
	CAPABILITY,
	METADATA,
	PLAINTEXT,
	OPEN_SERVICE,
	JOINS_NETWORKS,
	DEFAULT_BRIDGE,
	SUSPECT,
	CROSS_PROJECT,
	PUBLISHED,
	UNUSED_REACH,
};

const struct ew_audit_rule ew_audit_rules[] = {
	[RUNTIME_SOCKET] = { "runtime-socket", "high", 20,
	    "a container has the runtime's socket",
	    "Who controls it starts a privileged container on the host: it is root on "
	    "the node.",
	    "Take the mount away, or put a proxy in front that allows only reading." },
	[PRIVILEGED] = { "privileged", "high", 15, "a container is privileged",
	    "It can load modules, write to devices and enter other containers.",
	    "Drop --privileged; add the one capability or device that is needed." },
	[HOST_PID] = { "host-pid", "medium", 8, "a container sees the host's processes",
	    "It can read their environment and files through /proc, and trace them "
	    "with one more "
	    "capability.",
	    "Drop --pid=host." },
	[HOST_NETWORK] = { "host-network", "medium", 8,
	    "a container uses the host's network",
	    "It reaches what listens on the node's loopback and is told apart from the "
	    "host by "
	    "nobody, this program included.",
	    "Give it a network of its own and publish the ports it needs." },
	[CAPABILITY] = { "capability", "medium", 6,
	    "a container has a far-reaching capability",
	    "SYS_ADMIN and SYS_PTRACE lead out of the container; NET_ADMIN rewrites "
	    "its network "
	    "and can pose as its neighbours.",
	    "Drop it, or move the task that needs it to a container that does nothing "
	    "else." },
	[METADATA] = { "metadata", "high", 15,
	    "a workload talks to the metadata address",
	    "Cloud metadata hands out credentials of the node to whoever asks.",
	    "Block 169.254.169.254 for containers, or require session tokens with hop "
	    "limit 1." },
	[PLAINTEXT] = { "plaintext-admin", "medium", 6,
	    "administration in plain text is in use",
	    "Passwords and sessions can be read and taken over by a neighbour on the "
	    "bridge.",
	    "Use the encrypted form: ssh for telnet and rsh, TLS for the Docker API." },
	[OPEN_SERVICE] = { "open-service", "medium", 4,
	    "a service that has no password by default answers",
	    "Redis, memcached, MongoDB, Elasticsearch, etcd, CouchDB and ZooKeeper "
	    "take commands "
	    "from whoever reaches them unless told otherwise.",
	    "Set a password or client certificates, and leave it on a network with its "
	    "clients "
	    "only." },
	[JOINS_NETWORKS] = { "joins-networks", "medium", 4,
	    "a workload stands on several networks",
	    "Taken over, it is the way from one network to the other.",
	    "Keep it on both only if it serves both; else split it, or route through a "
	    "proxy." },
	[DEFAULT_BRIDGE] = { "default-bridge", "medium", 5,
	    "containers talk over the default bridge",
	    "Everything started without a network lands there and reaches everything "
	    "else.",
	    "Use a network per project, and set \"icc\": false for the default "
	    "bridge." },
	[SUSPECT] = { "suspect-edge", "medium", 5,
	    "access was kept out of learning and waits for a decision",
	    "Remote administration and control planes are how attackers move; what was "
	    "there "
	    "before the daemon may be one of them.",
	    "eastwatch baseline review; then accept or deny each." },
	[CROSS_PROJECT] = { "cross-project", "low", 2,
	    "a workload uses another project",
	    "Projects are units of trust; a way between them is a way for an attacker.",
	    "Make it explicit: one interface, one network for it, a policy." },
	[PUBLISHED] = { "published", "low", 2,
	    "a container publishes a port on the node",
	    "It can be reached from outside: this is where an attack begins.",
	    "Bind it to one address (127.0.0.1:8080:80), or put a proxy in front." },
	[UNUSED_REACH] = { "unused-reach", "low", 1,
	    "a network leaves ways open that nobody uses",
	    "Every open way that is never used helps nobody but an attacker.",
	    "Split the network: services that never talk need not share one (eastwatch "
	    "policy "
	    "compose)." },
	{ .id = NULL },
};

static void find(struct ew_audit *a, enum rule rule, const char *subject,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One finding per rule and subject; more evidence for the same is added. */
static void
find(struct ew_audit *a, enum rule rule, const char *subject, const char *format, ...)
{
	char evidence[512];
	struct ew_text more;
	va_list args;

	if (a->only && !ew_text_glob(a->only, ew_audit_rules[rule].id))
		return;
	va_start(args, format);
	vsnprintf(evidence, sizeof(evidence), format, args);
	va_end(args);
	for (size_t i = 0; i < a->n; i++) {
		struct ew_finding *f = &a->findings[i];

		if (f->rule != &ew_audit_rules[rule] ||
		    strcmp(f->subject, subject) != 0)
			continue;
		if (strstr(f->evidence, evidence) || strlen(f->evidence) > 600)
			return;
		ew_text_init(&more, 2048);
		ew_text_addf(&more, "%s, %s", f->evidence, evidence);
		free(f->evidence);
		f->evidence = ew_strdup(more.text);
		ew_text_fini(&more);
		return;
	}
	if (a->n == a->room) {
		a->room = a->room ? 2 * a->room : 64;
		a->findings =
		    ew_realloc_array(a->findings, a->room, sizeof(*a->findings));
	}
	a->findings[a->n++] = (struct ew_finding){ .rule = &ew_audit_rules[rule],
		.subject = ew_strdup(subject),
		.evidence = ew_strdup(evidence) };
}

static void
look_at_posture(struct ew_audit *a, const char *workload, const char *container,
    const char *bit)
{
	static const struct {
		const char *bit;
		enum rule rule;
	} rules[] = { { "runtime_socket", RUNTIME_SOCKET },
		{ "privileged", PRIVILEGED }, { "host_pid", HOST_PID },
		{ "host_network", HOST_NETWORK }, { "published", PUBLISHED } };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].bit, bit) == 0)
			find(a, rules[i].rule, workload, "container %s", container);
	if (strncmp(bit, "cap_", 4) == 0)
		find(a, CAPABILITY, workload, "%s in container %s", bit, container);
}

static void
look_at_instances(struct ew_audit *a)
{
	const struct ew_rows *rows = &a->reach.instance_rows;

	for (size_t i = 0; i < rows->n; i++) {
		json_t *posture, *bit;
		size_t k;

		if (!ew_rows_is_null(rows, i, "stopped_us"))
			continue;
		posture = json_loads(ew_rows_text(rows, i, "posture"), 0, NULL);
		json_array_foreach(posture, k, bit)
		{
			if (json_string_value(bit))
				look_at_posture(a, ew_rows_text(rows, i, "workload"),
				    ew_rows_text(rows, i, "name"),
				    json_string_value(bit));
		}
		json_decref(posture);
	}
}

/* What a port is known for: 'p' plain-text administration, 'o' open by default. */
static char
kind_of_port(const char *port, const char **ret_name)
{
	static const struct {
		const char *port, *name;
		char kind;
	} ports[] = { { "21", "ftp", 'p' }, { "23", "telnet", 'p' },
		{ "512", "rexec", 'p' }, { "513", "rlogin", 'p' },
		{ "514", "rsh", 'p' }, { "2375", "Docker API", 'p' },
		{ "5900", "vnc", 'p' }, { "6379", "redis", 'o' },
		{ "11211", "memcached", 'o' }, { "27017", "mongodb", 'o' },
		{ "9200", "elasticsearch", 'o' }, { "2379", "etcd", 'o' },
		{ "5984", "couchdb", 'o' }, { "2181", "zookeeper", 'o' } };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (strcmp(ports[i].port, port) == 0) {
			*ret_name = ports[i].name;
			return ports[i].kind;
		}
	return 0;
}

static size_t
group_length(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? (size_t)(slash - name) : 0;
}

static void
look_at_edge(struct ew_audit *a, const struct ew_reach_edge *e)
{
	const char *from = a->reach.nodes[e->from].name,
		   *to = a->reach.nodes[e->to].name;
	const char *name = NULL;
	const char kind = kind_of_port(e->port, &name);
	const size_t group = group_length(from);

	if (strcmp(e->status, "quarantined") == 0)
		find(a, SUSPECT, from, "%s:%s/%s", to, e->port, e->proto);
	if (strstr(to, "169.254.169.254") || strncmp(to, "external/169.254.", 17) == 0)
		find(a, METADATA, from, "%" PRId64 " connections to %s", e->connections,
		    to);
	if (!e->is_used)
		return;
	if (kind == 'p')
		find(a, PLAINTEXT, to, "%s used by %s", name, from);
	if (kind == 'o')
		find(a, OPEN_SERVICE, to, "%s answers %s", name, from);
	if (strcmp(a->reach.nodes[e->to].cls, "workload") == 0 && group &&
	    group_length(to) && strncmp(from, "ip/", 3) != 0 &&
	    strncmp(to, "ip/", 3) != 0 &&
	    (group != group_length(to) || memcmp(from, to, group) != 0))
		find(a, CROSS_PROJECT, from, "%s:%s/%s", to, e->port, e->proto);
}

static bool
is_on(const struct ew_reach *r, size_t node, size_t network)
{
	return r->nodes[node].networks[network / 64] >> (network % 64) & 1;
}

static void
look_at_memberships(struct ew_audit *a)
{
	const struct ew_reach *r = &a->reach;

	for (size_t i = 0; i < r->n_nodes; i++) {
		struct ew_text names;
		size_t n = 0;

		ew_text_init(&names, 512);
		for (size_t k = 0; k < r->n_networks; k++)
			if (is_on(r, i, k))
				ew_text_addf(&names, "%s%s", n++ ? ", " : "",
				    r->networks[k]);
		if (n > 1)
			find(a, JOINS_NETWORKS, r->nodes[i].name, "on %s", names.text);
		ew_text_fini(&names);
	}
}

#define PAIRS_MAX 20000
static void
look_at_networks(struct ew_audit *a)
{
	const struct ew_reach *r = &a->reach;

	for (size_t k = 0; k < r->n_networks; k++) {
		size_t members = 0, pairs = 0, unused = 0;

		for (size_t i = 0; i < r->n_nodes && pairs < PAIRS_MAX; i++) {
			if (!is_on(r, i, k))
				continue;
			members++;
			for (size_t j = i + 1; j < r->n_nodes && pairs < PAIRS_MAX; j++)
				if (is_on(r, j, k)) {
					pairs++;
					unused += !ew_reach_used(r, i, j) &&
					    !ew_reach_used(r, j, i);
				}
		}
		if (unused)
			find(a, UNUSED_REACH, r->networks[k],
			    "%zu of %zu pairs of workloads%s can talk and never did",
			    unused, pairs, pairs == PAIRS_MAX ? " looked at" : "");
		if (members > 1 && strcmp(r->networks[k], "bridge") == 0)
			find(a, DEFAULT_BRIDGE, r->networks[k], "%zu workloads",
			    members);
	}
}

static int
compare(const void *x, const void *y)
{
	const struct ew_finding *a = x, *b = y;

	if (a->rule->points != b->rule->points)
		return a->rule->points > b->rule->points ? -1 : 1;
	const int order = strcmp(a->rule->id, b->rule->id);
	return order ? order : strcmp(a->subject, b->subject);
}

void
ew_audit_run(struct ew_audit *a)
{
	look_at_instances(a);
	for (size_t i = 0; i < a->reach.n_edges; i++)
		look_at_edge(a, &a->reach.edges[i]);
	look_at_memberships(a);
	look_at_networks(a);
	if (a->n > 0)
		qsort(a->findings, a->n, sizeof(*a->findings), compare);
	for (size_t i = 0; i < a->n; i++)
		a->score += a->findings[i].rule->points;
}

void
ew_audit_fini(struct ew_audit *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->findings[i].subject);
		free(a->findings[i].evidence);
	}
	free(a->findings);
	ew_reach_fini(&a->reach);
}

/* --- SARIF --------------------------------------------------------------------------------- */

static json_t *
rules_json(void)
{
	json_t *list = json_array();

	for (const struct ew_audit_rule *r = ew_audit_rules; r->id; r++)
		json_array_append_new(list,
		    json_pack("{s:s,s:{s:s},s:{s:s},s:{s:s},s:{s:s}}", "id", r->id,
			"shortDescription", "text", r->title, "fullDescription", "text",
			r->why, "help", "text", r->fix, "defaultConfiguration", "level",
			strcmp(r->level, "high") == 0	      ? "error"
			    : strcmp(r->level, "medium") == 0 ? "warning"
							      : "note"));
	return list;
}

static json_t *
results_json(const struct ew_audit *audit)
{
	json_t *list = json_array();

	for (size_t i = 0; i < audit->n; i++) {
		const struct ew_finding *f = &audit->findings[i];
		struct ew_text id, text;

		ew_text_init(&id, 1024);
		ew_text_init(&text, 4096);
		ew_text_addf(&id, "%s/%s", f->rule->id, f->subject);
		ew_text_addf(&text, "%s: %s (%s)", f->subject, f->rule->title,
		    f->evidence);
		json_array_append_new(list,
		    json_pack("{s:s,s:s,s:{s:s},s:[{s:[{s:s,s:s}]}],s:{s:s}}", "ruleId",
			f->rule->id, "level",
			strcmp(f->rule->level, "high") == 0	    ? "error"
			    : strcmp(f->rule->level, "medium") == 0 ? "warning"
								    : "note",
			"message", "text", text.text, "locations", "logicalLocations",
			"fullyQualifiedName", f->subject, "kind", "resource",
			"partialFingerprints", "eastwatch/v1", id.text));
		ew_text_fini(&id);
		ew_text_fini(&text);
	}
	return list;
}

void
ew_audit_sarif(const struct ew_audit *audit)
{
	json_t *root = json_pack("{s:s,s:s,s:[{s:{s:{s:s,s:o}},s:o}]}", "$schema",
	    "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs",
	    "tool", "driver", "name", "eastwatch", "rules", rules_json(), "results",
	    results_json(audit));

	json_dumpf(root, stdout,
	    JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(root);
}
