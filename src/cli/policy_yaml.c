/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies in YAML: Kubernetes, Cilium, Compose. Strings are written as JSON, which YAML
 * reads, so no name can break out of its place. Names of objects are made of what
 * Kubernetes allows (RFC 1123), with a hash where something had to be replaced.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "cli/policy_priv.h"
#include "cli/writer.h"

static void
put_json(const char *string)
{
	struct ew_text text, safe;

	ew_text_init(&text, 64 * 1024);
	ew_text_init(&safe, 64 * 1024);
	ew_text_add_json(&text, string);
	ew_add_safe_json(&safe, text.text);
	fputs(safe.text, stdout);
	ew_text_fini(&text);
	ew_text_fini(&safe);
}

/* "shop/Web_1" to "shop-web-1-3fa2": unique, and the same every time. */
static void
object_name(const char *workload, char *ret_name, size_t size)
{
	const unsigned hash =
	    (unsigned)(ew_hash(workload, strlen(workload), 0) & 0xffff);
	bool changed = false;
	size_t n = 0;

	for (const char *p = workload; *p && n < 50 && n + 6 < size; p++) {
		const char c = (char)tolower((unsigned char)*p);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
			ret_name[n++] = c;
		} else if (n > 0 && ret_name[n - 1] != '-') {
			ret_name[n++] = '-';
			changed |= c != '-' && c != '/';
		}
		changed |= c != *p;
	}
	while (n > 0 && ret_name[n - 1] == '-')
		n--;
	ret_name[n] = '\0';
	if (changed || strlen(workload) > 50 || n == 0)
		snprintf(ret_name + n, size - n, "%s%04x", n ? "-" : "w-", hash);
}

/* The parts of a workload's name: project or namespace, and the last part. */
static void
split(const char *workload, char *ret_space, char *ret_name, size_t size)
{
	char copy[512], *parts[8] = { NULL }, *rest = copy;
	size_t n = 0;

	ew_text_copy(copy, sizeof(copy), workload);
	for (char *part = strsep(&rest, "/"); part && n < 8; part = strsep(&rest, "/"))
		parts[n++] = part;
	/* cluster/namespace/kind/name, project/service, or a lone name */
	ew_text_copy(ret_space, size, n >= 4 ? parts[1] : n >= 2 ? parts[n - 2] : "");
	ew_text_copy(ret_name, size, n ? parts[n - 1] : workload);
}

static void
selector(const char *workload, const char *lead)
{
	char space[256], name[256];

	split(workload, space, name, sizeof(name));
	printf("%smatchLabels:\n%s  app.kubernetes.io/name: ", lead, lead);
	put_json(name);
	putchar('\n');
}

static void
k8s_peer(const struct ew_policy *p, const struct ew_policy_rule *r)
{
	char from_space[256], to_space[256], name[256];

	split(p->peers[r->from].name, from_space, name, sizeof(name));
	split(p->peers[r->to].name, to_space, name, sizeof(name));
	ew_policy_comment(p, r, "    ");
	puts("    - from:\n        - podSelector:");
	selector(p->peers[r->from].name, "            ");
	if (strcmp(from_space, to_space) != 0) {
		printf("          namespaceSelector:\n            matchLabels:\n"
		       "              kubernetes.io/metadata.name: ");
		put_json(from_space);
		putchar('\n');
	}
	if (r->port == -1)
		return;
	printf("      ports:\n        - protocol: %s\n          port: %d\n",
	    r->proto == 6	 ? "TCP"
		: r->proto == 17 ? "UDP"
				 : "SCTP",
	    r->port == -2 ? 1024 : r->port);
	if (r->port == -2)
		puts("          endPort: 65535");
}

void
ew_policy_k8s(const struct ew_policy *p)
{
	ew_policy_head(p, "Kubernetes NetworkPolicy");
	puts("# Selectors are made from the workloads' names: check them against your "
	     "labels.");
	for (size_t i = 0; i < p->n_rules; i++) {
		const char *to = p->peers[p->rules[i].to].name;
		char space[256], name[256], object[80];

		if (i == 0 || p->rules[i].to != p->rules[i - 1].to) {
			split(to, space, name, sizeof(name));
			object_name(to, object, sizeof(object));
			printf("---\napiVersion: networking.k8s.io/v1\nkind: "
			       "NetworkPolicy\n"
			       "metadata:\n  name: %s\n  namespace: ",
			    object);
			put_json(space[0] ? space : "default");
			puts("\n  annotations:\n    eastwatch/generated: "
			     "\"true\"\nspec:\n"
			     "  podSelector:");
			selector(to, "    ");
			puts("  policyTypes: [Ingress]\n  ingress:");
		}
		k8s_peer(p, &p->rules[i]);
	}
	ew_policy_tail(p);
}

static void
cilium_peer(const struct ew_policy *p, const struct ew_policy_rule *r)
{
	char space[256], name[256];

	split(p->peers[r->from].name, space, name, sizeof(name));
	ew_policy_comment(p, r, "    ");
	puts("    - fromEndpoints:\n        - matchLabels:");
	printf("            app.kubernetes.io/name: ");
	put_json(name);
	if (space[0]) {
		printf("\n            k8s:io.kubernetes.pod.namespace: ");
		put_json(space);
	}
	putchar('\n');
	if (r->port == -1)
		return;
	printf("      toPorts:\n        - ports:\n            - port: \"%d\"\n",
	    r->port == -2 ? 1024 : r->port);
	if (r->port == -2)
		puts("              endPort: 65535");
	printf("              protocol: %s\n",
	    r->proto == 6	 ? "TCP"
		: r->proto == 17 ? "UDP"
				 : "SCTP");
}

void
ew_policy_cilium(const struct ew_policy *p)
{
	ew_policy_head(p, "CiliumNetworkPolicy");
	puts("# Selectors are made from the workloads' names: check them against your "
	     "labels.");
	for (size_t i = 0; i < p->n_rules; i++) {
		const char *to = p->peers[p->rules[i].to].name;
		char space[256], name[256], object[80];

		if (i == 0 || p->rules[i].to != p->rules[i - 1].to) {
			split(to, space, name, sizeof(name));
			object_name(to, object, sizeof(object));
			printf("---\napiVersion: cilium.io/v2\nkind: "
			       "CiliumNetworkPolicy\n"
			       "metadata:\n  name: %s\n  namespace: ",
			    object);
			put_json(space[0] ? space : "default");
			puts("\nspec:\n  endpointSelector:");
			selector(to, "    ");
			puts("  ingress:");
		}
		cilium_peer(p, &p->rules[i]);
	}
	ew_policy_tail(p);
}

/* A network per server, with its clients on it: who never talks shares none. */
void
ew_policy_compose(const struct ew_policy *p)
{
	char object[80];

	ew_policy_head(p, "Networks for Compose files");
	puts("# One network per service that is called, with its callers: services "
	     "that never\n"
	     "# talk share none. Works without any firewall. Merge it into your "
	     "files.\nservices:");
	for (size_t w = 0; w < p->n_peers; w++) {
		bool any = false;
		size_t last = p->n_peers;

		for (size_t i = 0; i < p->n_rules; i++) {
			const struct ew_policy_rule *r = &p->rules[i];

			if ((r->from != w && r->to != w) || r->to == last)
				continue;
			if (!any) {
				printf("  ");
				put_json(p->peers[w].name);
				puts(":\n    networks:");
			}
			any = true;
			last = r->to;
			object_name(p->peers[r->to].name, object, sizeof(object));
			printf("      - to-%s\n", object);
		}
	}
	puts("networks:");
	for (size_t i = 0; i < p->n_rules; i++) {
		if (i > 0 && p->rules[i].to == p->rules[i - 1].to)
			continue;
		object_name(p->peers[p->rules[i].to].name, object, sizeof(object));
		printf("  to-%s: {}\n", object);
	}
	ew_policy_tail(p);
}
