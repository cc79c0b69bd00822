/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink messages, made and read. libnl's typed objects do not know namespace ids of
 * others, IFLA_TARGET_NETNSID, RTM_GETNSID or strict checking, so the messages are built and
 * parsed here with libnl's attribute functions, which check every length.
 *
 * Pure, and a fuzz target: what comes from the kernel is well formed, what a container can
 * put into it (names, kinds) need not be.
 */
#include "identity/netlink_priv.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "base/err.h"
#include "base/text.h"
#include "flow/event.h"

static void
text_of(const struct nlattr *attr, char *ret_text, size_t size)
{
	if (attr)
		ew_text_copy_bytes(ret_text, size, nla_data(attr),
		    strnlen(nla_data(attr), (size_t)nla_len(attr)));
}

int
ew_nl_parse_link(struct nlmsghdr *msg, struct ew_nl_link *ret_link)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_MASTER] = { .type = NLA_U32 },
		[IFLA_LINK] = { .type = NLA_U32 },
		[IFLA_LINK_NETNSID] = { .type = NLA_U32 },
		[IFLA_LINKINFO] = { .type = NLA_NESTED },
	};
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct ew_nl_link link = { .link_nsid = -1 };

	if (!nlmsg_valid_hdr(msg, sizeof(struct ifinfomsg)) ||
	    nlmsg_parse(msg, sizeof(struct ifinfomsg), tb, IFLA_MAX, policy) < 0)
		return EW_ERR_FORMAT;
	const struct ifinfomsg *head = nlmsg_data(msg);

	if (head->ifi_family != AF_UNSPEC)
		return -ENOENT; /* AF_BRIDGE: a port's bridge attributes, no link */
	if (head->ifi_index <= 0)
		return EW_ERR_FORMAT;
	link.ifindex = (uint32_t)head->ifi_index;
	link.is_up = (head->ifi_flags & IFF_UP) != 0;
	link.is_loopback = (head->ifi_flags & IFF_LOOPBACK) != 0;
	if (tb[IFLA_MASTER])
		link.master = nla_get_u32(tb[IFLA_MASTER]);
	if (tb[IFLA_LINK]) {
		link.has_link = true;
		link.link = nla_get_u32(tb[IFLA_LINK]);
	}
	if (tb[IFLA_LINK_NETNSID])
		link.link_nsid = nla_get_s32(tb[IFLA_LINK_NETNSID]);
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == 6)
		memcpy(link.mac, nla_data(tb[IFLA_ADDRESS]), 6);
	text_of(tb[IFLA_IFNAME], link.name, sizeof(link.name));
	if (tb[IFLA_LINKINFO] &&
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) == 0)
		text_of(info[IFLA_INFO_KIND], link.kind, sizeof(link.kind));
	/* A physical Ethernet device has no kind; what else has none is no way out. */
	if (!link.kind[0] && !link.is_loopback && head->ifi_type != ARPHRD_ETHER)
		memcpy(link.kind, "other", 6);
	*ret_link = link;
	return 0;
}

uint8_t
ew_nl_iface_kind(const struct ew_nl_link *link)
{
	static const struct {
		const char *kind;
		uint8_t is;
	} kinds[] = { { "veth", EW_IFACE_VETH }, { "bridge", EW_IFACE_BRIDGE },
		{ "vxlan", EW_IFACE_TUNNEL }, { "geneve", EW_IFACE_TUNNEL },
		{ "gre", EW_IFACE_TUNNEL }, { "gretap", EW_IFACE_TUNNEL },
		{ "ip6gre", EW_IFACE_TUNNEL }, { "ip6gretap", EW_IFACE_TUNNEL },
		{ "ipip", EW_IFACE_TUNNEL }, { "sit", EW_IFACE_TUNNEL },
		{ "ip6tnl", EW_IFACE_TUNNEL }, { "wireguard", EW_IFACE_TUNNEL },
		{ "vlan", EW_IFACE_UPLINK }, { "bond", EW_IFACE_UPLINK },
		{ "team", EW_IFACE_UPLINK }, { "", EW_IFACE_UPLINK } };

	if (link->is_loopback)
		return EW_IFACE_LO;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, link->kind) == 0)
			return kinds[i].is;
	return EW_IFACE_OTHER;
}

static bool
addr_of(const struct nlattr *attr, struct ew_addr *ret_addr)
{
	if (attr && nla_len(attr) == 4)
		*ret_addr = ew_addr_v4(nla_data(attr));
	else if (attr && nla_len(attr) == 16)
		*ret_addr = ew_addr_v6(nla_data(attr));
	else
		return false;
	return true;
}

int
ew_nl_parse_addr(struct nlmsghdr *msg, struct ew_nl_addr *ret_addr)
{
	struct nlattr *tb[IFA_MAX + 1];
	struct ew_nl_addr addr = { 0 };

	if (!nlmsg_valid_hdr(msg, sizeof(struct ifaddrmsg)) ||
	    nlmsg_parse(msg, sizeof(struct ifaddrmsg), tb, IFA_MAX, NULL) < 0)
		return EW_ERR_FORMAT;
	const struct ifaddrmsg *head = nlmsg_data(msg);
	const unsigned most = head->ifa_family == AF_INET ? 32 : 128;

	/* IFA_ADDRESS is the peer's on a point-to-point link, where IFA_LOCAL is ours. */
	if ((head->ifa_family != AF_INET && head->ifa_family != AF_INET6) ||
	    (!addr_of(tb[IFA_LOCAL], &addr.addr) &&
		!addr_of(tb[IFA_ADDRESS], &addr.addr)) ||
	    head->ifa_prefixlen > most)
		return EW_ERR_FORMAT;
	addr.ifindex = head->ifa_index;
	addr.prefix_bits =
	    (uint8_t)(head->ifa_prefixlen + (head->ifa_family == AF_INET ? 96 : 0));
	*ret_addr = addr;
	return 0;
}

int
ew_nl_parse_nsid(struct nlmsghdr *msg, int32_t *ret_nsid)
{
	static const struct nla_policy policy[NETNSA_MAX + 1] = {
		[NETNSA_NSID] = { .type = NLA_U32 },
	};
	struct nlattr *tb[NETNSA_MAX + 1];

	if (!nlmsg_valid_hdr(msg, sizeof(struct rtgenmsg)) ||
	    nlmsg_parse(msg, sizeof(struct rtgenmsg), tb, NETNSA_MAX, policy) < 0 ||
	    !tb[NETNSA_NSID])
		return EW_ERR_FORMAT;
	*ret_nsid = nla_get_s32(tb[NETNSA_NSID]);
	return 0;
}

int
ew_nl_parse_error(struct nlmsghdr *msg)
{
	int error;

	/* NLMSG_DONE of a dump may be bare; then all is well. */
	if (nlmsg_datalen(msg) < (int)sizeof(error))
		return 0;
	memcpy(&error, nlmsg_data(msg), sizeof(error));
	return error < 0 && error > -4096 ? error : 0;
}

/* --- conntrack ----------------------------------------------------------------------------- */

static bool
tuple_of(struct nlattr *attr, struct ew_addr *src, struct ew_addr *dst, uint16_t *sport,
    uint16_t *dport, uint8_t *proto)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1],
	    *p[CTA_PROTO_MAX + 1];

	if (!attr || nla_parse_nested(tb, CTA_TUPLE_MAX, attr, NULL) < 0 ||
	    !tb[CTA_TUPLE_IP] || !tb[CTA_TUPLE_PROTO] ||
	    nla_parse_nested(ip, CTA_IP_MAX, tb[CTA_TUPLE_IP], NULL) < 0 ||
	    nla_parse_nested(p, CTA_PROTO_MAX, tb[CTA_TUPLE_PROTO], NULL) < 0)
		return false;
	if (!addr_of(ip[CTA_IP_V4_SRC] ? ip[CTA_IP_V4_SRC] : ip[CTA_IP_V6_SRC], src) ||
	    !addr_of(ip[CTA_IP_V4_DST] ? ip[CTA_IP_V4_DST] : ip[CTA_IP_V6_DST], dst) ||
	    !p[CTA_PROTO_NUM] || nla_len(p[CTA_PROTO_NUM]) < 1)
		return false;
	*proto = nla_get_u8(p[CTA_PROTO_NUM]);
	if (p[CTA_PROTO_SRC_PORT] && nla_len(p[CTA_PROTO_SRC_PORT]) >= 2)
		*sport = ntohs(nla_get_u16(p[CTA_PROTO_SRC_PORT]));
	if (p[CTA_PROTO_DST_PORT] && nla_len(p[CTA_PROTO_DST_PORT]) >= 2)
		*dport = ntohs(nla_get_u16(p[CTA_PROTO_DST_PORT]));
	return true;
}

int
ew_nl_parse_conntrack(struct nlmsghdr *msg, struct ew_nat_info *ret_nat)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct ew_nat_info nat = { 0 };
	uint8_t proto;

	if (!nlmsg_valid_hdr(msg, sizeof(struct nfgenmsg)) ||
	    nlmsg_parse(msg, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0 ||
	    !tuple_of(tb[CTA_TUPLE_ORIG], &nat.orig_src, &nat.orig_dst, &nat.orig_sport,
		&nat.orig_dport, &nat.proto) ||
	    !tuple_of(tb[CTA_TUPLE_REPLY], &nat.reply_src, &nat.reply_dst,
		&nat.reply_sport, &nat.reply_dport, &proto))
		return EW_ERR_FORMAT;
	*ret_nat = nat;
	return 0;
}

struct nl_msg *
ew_nl_ask_conntrack(const struct ew_tuple *tuple)
{
	const bool v4 = ew_addr_is_v4(&tuple->src);
	const struct nfgenmsg head = { .nfgen_family = v4 ? AF_INET : AF_INET6,
		.version = NFNETLINK_V0 };
	struct nl_msg *msg =
	    nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		NLM_F_REQUEST);
	const size_t size = v4 ? 4 : 16, skip = 16 - size;

	if (!msg)
		return NULL;
	nlmsg_append(msg, (void *)(uintptr_t)&head, sizeof(head), NLMSG_ALIGNTO);
	struct nlattr *orig = nla_nest_start(msg, CTA_TUPLE_ORIG | NLA_F_NESTED);
	struct nlattr *ip = nla_nest_start(msg, CTA_TUPLE_IP | NLA_F_NESTED);

	nla_put(msg, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, (int)size,
	    tuple->src.b + skip);
	nla_put(msg, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, (int)size,
	    tuple->dst.b + skip);
	nla_nest_end(msg, ip);
	struct nlattr *proto = nla_nest_start(msg, CTA_TUPLE_PROTO | NLA_F_NESTED);

	nla_put_u8(msg, CTA_PROTO_NUM, tuple->proto);
	nla_put_u16(msg, CTA_PROTO_SRC_PORT, htons(tuple->sport));
	nla_put_u16(msg, CTA_PROTO_DST_PORT, htons(tuple->dport));
	nla_nest_end(msg, proto);
	nla_nest_end(msg, orig);
	return msg;
}

/* --- requests ------------------------------------------------------------------------------ */

static struct nl_msg *
request(int type, int flags, const void *head, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg)
		nlmsg_append(msg, (void *)(uintptr_t)head, size, NLMSG_ALIGNTO);
	return msg;
}

struct nl_msg *
ew_nl_ask_links(int32_t target_nsid)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = request(RTM_GETLINK, NLM_F_DUMP, &head, sizeof(head));

	if (msg && target_nsid >= 0)
		nla_put_s32(msg, IFLA_TARGET_NETNSID, target_nsid);
	return msg;
}

struct nl_msg *
ew_nl_ask_addrs(int32_t target_nsid)
{
	const struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };
	struct nl_msg *msg = request(RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head));

	if (msg && target_nsid >= 0)
		nla_put_s32(msg, IFA_TARGET_NETNSID, target_nsid);
	return msg;
}

struct nl_msg *
ew_nl_ask_nsids(void)
{
	const struct rtgenmsg head = { .rtgen_family = AF_UNSPEC };

	return request(RTM_GETNSID, NLM_F_DUMP, &head, sizeof(head));
}

static struct nl_msg *
ask_nsid(int attribute, uint32_t value)
{
	const struct rtgenmsg head = { .rtgen_family = AF_UNSPEC };
	struct nl_msg *msg = request(RTM_GETNSID, 0, &head, sizeof(head));

	if (msg)
		nla_put_u32(msg, attribute, value);
	return msg;
}

struct nl_msg *
ew_nl_ask_nsid_of_pid(int32_t pid)
{
	return ask_nsid(NETNSA_PID, (uint32_t)pid);
}

struct nl_msg *
ew_nl_ask_nsid_of_fd(int fd)
{
	return ask_nsid(NETNSA_FD, (uint32_t)fd);
}

struct nl_msg *
ew_nl_assign_nsid(int fd)
{
	const struct rtgenmsg head = { .rtgen_family = AF_UNSPEC };
	struct nl_msg *msg = request(RTM_NEWNSID, NLM_F_ACK, &head, sizeof(head));

	if (msg) {
		nla_put_u32(msg, NETNSA_FD, (uint32_t)fd);
		nla_put_s32(msg, NETNSA_NSID, -1); /* the kernel chooses */
	}
	return msg;
}
