/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink part without a kernel: messages made by libnl's own functions go through the
 * parsers and tables; what identity would be told is written down.
 */
#include <criterion/criterion.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "base/text.h"
#include "identity/netlink_table_priv.h"
#include "identity/world.h"

struct told {
	struct ew_netlink netlink;
	char lines[64][96];
	size_t n;
};

static void note(struct told *told, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
note(struct told *told, const char *format, ...)
{
	va_list list;

	cr_assert_lt(told->n, 64);
	va_start(list, format);
	vsnprintf(told->lines[told->n++], sizeof(told->lines[0]), format, list);
	va_end(list);
}

static void
on_iface(void *context, const struct ew_iface *i, bool removed)
{
	note(context, "%siface %u %s kind %u nsid %d", removed ? "-" : "+", i->ifindex,
	    i->name, i->kind, i->peer_nsid);
}

static void
on_addr(void *context, const struct ew_iface_addr *a, bool removed)
{
	char text[EW_ADDR_TEXT];

	if (ew_addr_is_unspecified(&a->addr))
		return; /* only the MAC */
	note(context, "%saddr %s nsid %d host %u mac %02x", removed ? "-" : "+",
	    ew_addr_format(&a->addr, text), a->nsid, a->host_ifindex, a->mac[5]);
}

static void
on_nsid(void *context, const struct ew_nsid_info *info, bool removed)
{
	note(context, "%snsid %d %s", removed ? "-" : "+", info->nsid, info->name);
}

static struct told *
told_new(void)
{
	struct told *told = calloc(1, sizeof(*told));

	told->netlink = (struct ew_netlink){ .self_nsid = 9,
		.sink = { .context = told,
		    .iface = on_iface,
		    .iface_addr = on_addr,
		    .nsid = on_nsid } };
	ew_known_init(&told->netlink);
	return told;
}

static void
told_free(struct told *told)
{
	ew_known_fini(&told->netlink);
	free(told);
}

static void
take(struct told *told, struct nl_msg *msg, int32_t nsid)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);

	ew_netlink_take(&told->netlink, h, h->nlmsg_len, nsid);
	nlmsg_free(msg);
}

/* link -1: no IFLA_LINK; link_nsid -1: no IFLA_LINK_NETNSID. */
static struct nl_msg *
link_msg(int type, int ifindex, const char *name, const char *kind, int link,
    int link_nsid, uint8_t mac)
{
	const struct ifinfomsg head = { .ifi_index = ifindex, .ifi_type = 1 };
	const uint8_t address[6] = { 2, 0, 0, 0, 0, mac };
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	nlmsg_append(msg, (void *)(uintptr_t)&head, sizeof(head), 4);
	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put(msg, IFLA_ADDRESS, 6, address);
	if (link >= 0)
		nla_put_u32(msg, IFLA_LINK, (uint32_t)link);
	if (link_nsid >= 0)
		nla_put_s32(msg, IFLA_LINK_NETNSID, link_nsid);
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);

	if (kind[0])
		nla_put_string(msg, IFLA_INFO_KIND, kind);
	nla_nest_end(msg, info);
	return msg;
}

static struct nl_msg *
addr_msg(int type, int ifindex, const char *address)
{
	const struct ew_addr a = addr(address);
	const bool v4 = ew_addr_is_v4(&a);
	const struct ifaddrmsg head = { .ifa_family = v4 ? AF_INET : AF_INET6,
		.ifa_prefixlen = v4 ? 24 : 64,
		.ifa_index = (uint32_t)ifindex };
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	nlmsg_append(msg, (void *)(uintptr_t)&head, sizeof(head), 4);
	nla_put(msg, v4 ? IFA_LOCAL : IFA_ADDRESS, v4 ? 4 : 16, v4 ? a.b + 12 : a.b);
	return msg;
}

static struct nl_msg *
nsid_msg(int type, int nsid)
{
	const struct rtgenmsg head = { 0 };
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	nlmsg_append(msg, (void *)(uintptr_t)&head, sizeof(head), 4);
	nla_put_s32(msg, NETNSA_NSID, nsid);
	return msg;
}

static void
expect_lines(struct told *told, const char *const lines[])
{
	size_t i = 0;

	for (; lines[i]; i++) {
		cr_assert_lt(i, told->n, "missing: %s", lines[i]);
		cr_expect_str_eq(told->lines[i], lines[i], "%s, not %s", told->lines[i],
		    lines[i]);
	}
	cr_expect_eq(told->n, i, "more: %s", told->n > i ? told->lines[i] : "");
}

Test(netlink, joins_addresses_inside_with_the_veth_that_leads_there)
{
	struct told *told = told_new();

	take(told, link_msg(RTM_NEWLINK, 12, "veth12", "veth", 2, 3, 0x12), -1);
	take(told, link_msg(RTM_NEWLINK, 2, "eth0", "veth", 12, 0, 0xaa), 3);
	take(told, addr_msg(RTM_NEWADDR, 2, "10.0.0.2"), 3);
	take(told, addr_msg(RTM_DELADDR, 2, "10.0.0.2"), 3);
	take(told, link_msg(RTM_DELLINK, 12, "veth12", "veth", 2, 3, 0x12), -1);
	take(told, nsid_msg(RTM_DELNSID, 3), -1);
	expect_lines(told,
	    (const char *const[]){ "+iface 12 veth12 kind 1 nsid 3",
		"+addr 10.0.0.2 nsid 3 host 12 mac aa",
		"-addr 10.0.0.2 nsid 3 host 12 mac aa",
		"-iface 12 veth12 kind 1 nsid 3", "-nsid 3 ", NULL });
	told_free(told);
}

Test(netlink, ignores_what_a_namespace_has_that_does_not_lead_here)
{
	struct told *told = told_new();

	take(told, link_msg(RTM_NEWLINK, 12, "veth12", "veth", 2, 3, 0x12), -1);
	/* A nested engine's bridge with our own gateway's address. */
	take(told, link_msg(RTM_NEWLINK, 5, "docker0", "bridge", -1, -1, 1), 3);
	take(told, addr_msg(RTM_NEWADDR, 5, "172.17.0.1"), 3);
	/* An interface that names our veth, which leads to another namespace. */
	take(told, link_msg(RTM_NEWLINK, 2, "eth0", "veth", 12, 0, 1), 4);
	take(told, addr_msg(RTM_NEWADDR, 2, "10.0.0.9"), 4);
	expect_lines(told,
	    (const char *const[]){ "+iface 12 veth12 kind 1 nsid 3", NULL });
	told_free(told);
}

Test(netlink, does_not_take_the_next_namespace_for_the_last_one_of_that_id)
{
	struct told *told = told_new();

	take(told, link_msg(RTM_NEWLINK, 12, "veth12", "veth", 2, 3, 0x12), -1);
	take(told, link_msg(RTM_DELLINK, 12, "veth12", "veth", 2, 3, 0x12), -1);
	take(told, nsid_msg(RTM_DELNSID, 3), -1);
	take(told, link_msg(RTM_NEWLINK, 14, "veth14", "veth", 2, 3, 0x14), -1);
	/* A late record of the first one's inside. */
	take(told, link_msg(RTM_NEWLINK, 2, "eth0", "veth", 12, 0, 0xaa), 3);
	take(told, addr_msg(RTM_NEWADDR, 2, "10.0.0.2"), 3);
	take(told, link_msg(RTM_NEWLINK, 2, "eth0", "veth", 14, 0, 0xbb), 3);
	expect_lines(told,
	    (const char *const[]){ "+iface 12 veth12 kind 1 nsid 3",
		"-iface 12 veth12 kind 1 nsid 3", "-nsid 3 ",
		"+iface 14 veth14 kind 1 nsid 3",
		"+addr 10.0.0.2 nsid 3 host 14 mac bb", NULL });
	told_free(told);
}

Test(netlink, tells_the_kind_of_an_interface_from_the_kernel_not_from_its_name)
{
	static const struct {
		const char *kind;
		uint8_t is;
	} cases[] = { { "veth", EW_IFACE_VETH }, { "bridge", EW_IFACE_BRIDGE },
		{ "vxlan", EW_IFACE_TUNNEL }, { "", EW_IFACE_UPLINK },
		{ "dummy", EW_IFACE_OTHER }, { "wireguard", EW_IFACE_TUNNEL },
		{ "bond", EW_IFACE_UPLINK } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nl_msg *msg =
		    link_msg(RTM_NEWLINK, 7, "veth-or-not", cases[i].kind, -1, -1, 1);
		struct ew_nl_link link;

		cr_assert_eq(ew_nl_parse_link(nlmsg_hdr(msg), &link), 0);
		cr_expect_eq(ew_nl_iface_kind(&link), cases[i].is, "%s", cases[i].kind);
		nlmsg_free(msg);
	}
}

Test(netlink, tells_only_what_is_gone_after_lost_messages)
{
	struct told *told = told_new();

	told->netlink.reads_inside = true;
	take(told, link_msg(RTM_NEWLINK, 12, "veth12", "veth", 2, 3, 0x12), -1);
	take(told, link_msg(RTM_NEWLINK, 14, "veth14", "veth", 2, 4, 0x14), -1);
	told->n = 0;
	/* A dump that has only one of them. */
	told->netlink.round++;
	take(told, link_msg(RTM_NEWLINK, 14, "veth14", "veth", 2, 4, 0x14), -1);
	take(told, nsid_msg(RTM_NEWNSID, 4), -1);
	ew_known_sweep(&told->netlink);
	expect_lines(told,
	    (const char *const[]){ "-iface 12 veth12 kind 1 nsid 3", "-nsid 3 ",
		NULL });
	told_free(told);
}

Test(netlink, understands_the_question_it_asks_of_conntrack)
{
	const struct ew_tuple tuple = { .src = addr("172.18.0.2"),
		.dst = addr("10.96.0.10"),
		.sport = 40000,
		.dport = 80,
		.proto = 6 };
	struct nl_msg *ask = ew_nl_ask_conntrack(&tuple);
	struct ew_nat_info nat;

	/* The kernel's answer has the same form with two tuples; the second is made here. */
	const struct nfgenmsg *head = nlmsg_data(nlmsg_hdr(ask));

	cr_expect_eq(head->nfgen_family, AF_INET);
	cr_expect_neq(ew_nl_parse_conntrack(nlmsg_hdr(ask), &nat), 0, "half an answer");
	const uint8_t backend[4] = { 172, 18, 0, 3 }, client[4] = { 172, 18, 0, 2 };
	struct nlattr *reply = nla_nest_start(ask, CTA_TUPLE_REPLY | NLA_F_NESTED);
	struct nlattr *ip = nla_nest_start(ask, CTA_TUPLE_IP | NLA_F_NESTED);

	nla_put(ask, CTA_IP_V4_SRC, 4, backend);
	nla_put(ask, CTA_IP_V4_DST, 4, client);
	nla_nest_end(ask, ip);
	struct nlattr *proto = nla_nest_start(ask, CTA_TUPLE_PROTO | NLA_F_NESTED);

	nla_put_u8(ask, CTA_PROTO_NUM, 6);
	nla_put_u16(ask, CTA_PROTO_SRC_PORT, htons(8080));
	nla_put_u16(ask, CTA_PROTO_DST_PORT, htons(40000));
	nla_nest_end(ask, proto);
	nla_nest_end(ask, reply);
	cr_assert_eq(ew_nl_parse_conntrack(nlmsg_hdr(ask), &nat), 0);
	const struct ew_addr expected = addr("172.18.0.3");

	cr_expect(ew_addr_equal(&nat.orig_dst, &tuple.dst));
	cr_expect(ew_addr_equal(&nat.reply_src, &expected));
	cr_expect_eq(nat.reply_sport, 8080);
	cr_expect_eq(nat.orig_sport, 40000);
	cr_expect_eq(nat.proto, 6);
	nlmsg_free(ask);
}

Test(netlink, finds_the_container_in_a_cgroup_path)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define INNER "ffffffffffffffff0123456789abcdef0123456789abcdef0123456789abcdef"
	static const char *const cases[][2] = {
		{ "0::/system.slice/docker-" ID ".scope\n", ID },
		{ "4:memory:/docker/" ID "\n", ID },
		{ "0::/machine.slice/libpod-" ID ".scope/container\n", ID },
		{ "1:name=systemd:/libpod_parent/libpod-" ID "\n", ID },
		{ "0::/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-" ID
		  ".scope\n",
		    ID },
		{ "0::/docker/" ID "/docker/" INNER "\n", INNER },
		{ "0::/user.slice/user-1000.slice\n", NULL },
		{ "0::/docker/0123456789abcdef\n", NULL },
		{ "0::/docker/" ID "0\n", NULL },
		{ "", NULL },
	};
	char id[EW_INSTANCE_ID_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool found = ew_names_cgroup_id(cases[i][0], id);

		cr_expect_eq(found, cases[i][1] != NULL, "%s", cases[i][0]);
		if (found && cases[i][1])
			cr_expect_str_eq(id, cases[i][1]);
	}
}

Test(netlink, counts_messages_that_are_cut_or_wrong)
{
	struct told *told = told_new();
	struct nl_msg *msg = link_msg(RTM_NEWLINK, 12, "veth12", "veth", 2, 3, 0x12);
	struct nlmsghdr *h = nlmsg_hdr(msg);
	uint8_t copy[512];

	/* Every cut, with a header that agrees and one that does not. */
	for (uint32_t n = 0; n < h->nlmsg_len; n++)
		for (int agree = 0; agree < 2; agree++) {
			memcpy(copy, h, h->nlmsg_len);
			if (agree)
				memcpy(copy, &n, sizeof(n));
			ew_netlink_take(&told->netlink, copy, n, -1);
		}
	cr_expect_gt(told->netlink.n.malformed, 0);
	nlmsg_free(msg);
	told_free(told);
}
