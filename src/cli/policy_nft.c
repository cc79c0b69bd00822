/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nftables: an allow list between the containers of this node, in a table of its own. Rules
 * match sets of addresses, which change when containers do: generate it again then.
 *
 * inet: the forward hook, before Docker's own chains (priority filter - 10); bridged traffic
 * gets there only when bridge-nf-call-iptables is 1. bridge: sees all of it, but knows no
 * connections, so answers are allowed by port and by not being a first packet.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/policy_priv.h"
#include "cli/writer.h"

static bool
is_v6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* An address is text of our own making; a damaged database may hold something else. */
static bool
is_plain(const char *address)
{
	return address[0] && strspn(address, "0123456789abcdef.:") == strlen(address);
}

static size_t
count(const struct ew_policy_peer *peer, bool v6)
{
	size_t n = 0;

	for (size_t i = 0; i < peer->n_addresses; i++)
		n += is_plain(peer->addresses[i]) && is_v6(peer->addresses[i]) == v6;
	return n;
}

static void
elements(const struct ew_policy_peer *peer, bool v6, bool *first)
{
	for (size_t i = 0; i < peer->n_addresses; i++) {
		if (!is_plain(peer->addresses[i]) || is_v6(peer->addresses[i]) != v6)
			continue;
		/* A workload may hold an address twice: on two networks of one range. */
		if (i > 0 && strcmp(peer->addresses[i - 1], peer->addresses[i]) == 0)
			continue;
		printf("%s%s", *first ? "" : ", ", peer->addresses[i]);
		*first = false;
	}
}

static void
sets(const struct ew_policy *p, bool v6)
{
	const char *family = v6 ? "6" : "4";
	bool first = true, any = false;

	for (size_t i = 0; i < p->n_peers; i++) {
		bool one = true;

		if (count(&p->peers[i], v6) == 0)
			continue;
		any = true;
		fputs("\t# ", stdout);
		ew_print_safe(stdout, p->peers[i].name);
		printf("\n\tset w%zu_%s {\n\t\ttype ipv%s_addr\n\t\telements = { ", i,
		    family, family);
		elements(&p->peers[i], v6, &one);
		puts(" }\n\t}");
	}
	if (!any)
		return;
	printf("\t# every container that is judged here\n\tset all_%s {\n\t\ttype "
	       "ipv%s_addr\n"
	       "\t\telements = { ",
	    family, family);
	for (size_t i = 0; i < p->n_peers; i++)
		if (count(&p->peers[i], v6))
			elements(&p->peers[i], v6, &first);
	puts(" }\n\t}");
}

static void
match_port(const struct ew_policy_rule *r, const char *side)
{
	const char *proto = r->proto == 6 ? "tcp" : r->proto == 17 ? "udp" : "sctp";

	if (r->port >= 0)
		printf(" %s %s %d", proto, side, r->port);
	else if (r->port == -2)
		printf(" %s %s >= 1024", proto, side);
	else
		printf(" meta l4proto %s", proto);
}

static void
rule(const struct ew_policy *p, const struct ew_policy_rule *r, bool v6)
{
	const char *ip = v6 ? "ip6" : "ip", *family = v6 ? "6" : "4";

	if (count(&p->peers[r->from], v6) == 0 || count(&p->peers[r->to], v6) == 0)
		return;
	printf("\t\t%s saddr @w%zu_%s %s daddr @w%zu_%s", ip, r->from, family, ip,
	    r->to, family);
	match_port(r, "dport");
	puts(" accept");
	if (!p->is_bridge)
		return;
	printf("\t\t%s saddr @w%zu_%s %s daddr @w%zu_%s", ip, r->to, family, ip,
	    r->from, family);
	match_port(r, "sport");
	puts(r->proto == 6 ? " tcp flags & (syn | ack) != syn accept" : " accept");
}

static bool
has_addresses(const struct ew_policy *p, bool v6)
{
	for (size_t i = 0; i < p->n_peers; i++)
		if (count(&p->peers[i], v6))
			return true;
	return false;
}

void
ew_policy_nft(const struct ew_policy *p)
{
	const char *end =
	    p->enforce ? "counter drop" : "counter log prefix \"eastwatch \"";

	ew_policy_head(p, "nftables");
	puts("# Check with: nft -c -f FILE. Load with: nft -f FILE.");
	printf("# Addresses are those of now: generate it again when containers "
	       "change.\n\n");
	printf("table %s eastwatch\ndelete table %s eastwatch\n\ntable %s eastwatch "
	       "{\n",
	    p->is_bridge ? "bridge" : "inet", p->is_bridge ? "bridge" : "inet",
	    p->is_bridge ? "bridge" : "inet");
	sets(p, false);
	sets(p, true);
	printf("\tchain forward {\n\t\ttype filter hook forward priority %s; policy "
	       "accept;\n",
	    p->is_bridge ? "-210" : "filter - 10");
	if (!p->is_bridge)
		puts("\t\tct state established,related accept");
	for (size_t i = 0; i < p->n_rules; i++) {
		ew_policy_comment(p, &p->rules[i], "\t\t");
		rule(p, &p->rules[i], false);
		rule(p, &p->rules[i], true);
	}
	puts(p->enforce ? "\t\t# nothing else between these containers"
			: "\t\t# nothing else should be; --enforce writes drop here");
	if (has_addresses(p, false))
		printf("\t\tip saddr @all_4 ip daddr @all_4 %s\n", end);
	if (has_addresses(p, true))
		printf("\t\tip6 saddr @all_6 ip6 daddr @all_6 %s\n", end);
	puts("\t}\n}");
	ew_policy_tail(p);
}
