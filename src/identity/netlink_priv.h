/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "identity/inventory.h"

struct nl_msg;
struct nlmsghdr;

/* --- netlink_msg.c: messages made and read; pure ------------------------------------------- */

/* A link as one message describes it, ours or inside a namespace. */
struct ew_nl_link {
	uint32_t ifindex;
	uint32_t master;
	uint32_t link;	   /* IFLA_LINK: the other end, or the parent */
	int32_t link_nsid; /* namespace of `link`; -1 this one */
	bool has_link, is_up, is_loopback;
	uint8_t mac[6];
	char name[16];
	char kind[16];
};
struct ew_nl_addr {
	uint32_t ifindex;
	uint8_t prefix_bits;
	struct ew_addr addr;
};
struct ew_nl_nsid {
	int32_t nsid;
};

/* 0, EW_ERR_FORMAT, or -ENOENT for what is no link at all. The header's length has been checked (nlmsg_ok). */
int ew_nl_parse_link(struct nlmsghdr *msg, struct ew_nl_link *ret_link);
int ew_nl_parse_addr(struct nlmsghdr *msg, struct ew_nl_addr *ret_addr);
int ew_nl_parse_nsid(struct nlmsghdr *msg, int32_t *ret_nsid);
int ew_nl_parse_conntrack(struct nlmsghdr *msg, struct ew_nat_info *ret_nat);
/* 0 or the negative errno of an NLMSG_ERROR or NLMSG_DONE. */
int ew_nl_parse_error(struct nlmsghdr *msg);
uint8_t ew_nl_iface_kind(const struct ew_nl_link *link);

/* Requests; the caller frees with nlmsg_free. target -1: our own namespace. */
struct nl_msg *ew_nl_ask_links(int32_t target_nsid);
struct nl_msg *ew_nl_ask_addrs(int32_t target_nsid);
struct nl_msg *ew_nl_ask_nsids(void);
struct nl_msg *ew_nl_ask_nsid_of_pid(int32_t pid);
struct nl_msg *ew_nl_ask_nsid_of_fd(int fd);
struct nl_msg *ew_nl_assign_nsid(int fd);
struct ew_tuple;
struct nl_msg *ew_nl_ask_conntrack(const struct ew_tuple *tuple);
