/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the kernel and their answers. The kernel handles a request within sendmsg, so
 * the answer is there when it returns, and nothing here waits. Without CAP_NET_ADMIN a dump
 * inside a namespace is answered by an empty list whose last message carries EACCES;
 * libnl's callers miss it, so answers are walked by hand.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "base/err.h"
#include "flow/event.h"
#include "identity/netlink_table_priv.h"

/* Walk one datagram. Returns 1 when the answer goes on, 0 at its end, or a negative errno. */
static int
walk(struct ew_netlink *netlink, ssize_t size, uint32_t seq, bool is_dump,
    void (*each)(void *context, struct nlmsghdr *msg), void *context)
{
	int left = (int)size;

	for (struct nlmsghdr *h = (void *)netlink->buffer; nlmsg_ok(h, left);
	     h = nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE)
			return ew_nl_parse_error(h);
		if (each)
			each(context, h);
		/* NLM_F_MULTI cannot tell: conntrack sets it on its single answers, too. */
		if (!is_dump)
			return 0;
	}
	return 1;
}

int
ew_netlink_ask(struct ew_netlink *netlink, struct nl_sock *sock,
    struct nl_msg *take_msg, void (*each)(void *context, struct nlmsghdr *msg),
    void *context)
{
	if (!take_msg)
		return -ENOMEM;
	netlink->n.requests++;
	const int sent = nl_send_auto(sock, take_msg);
	const uint32_t seq = nlmsg_hdr(take_msg)->nlmsg_seq;
	const bool is_dump =
	    (nlmsg_hdr(take_msg)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

	nlmsg_free(take_msg);
	if (sent < 0) {
		netlink->n.request_errors++;
		return -EIO;
	}
	for (;;) {
		const ssize_t n = recv(nl_socket_get_fd(sock), netlink->buffer,
		    EW_NL_BUFFER, MSG_DONTWAIT);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			netlink->n.request_errors++;
			return -errno;
		}
		const int rc = walk(netlink, n, seq, is_dump, each, context);

		if (rc <= 0)
			return rc;
	}
}

static void
take_nsid(void *context, struct nlmsghdr *msg)
{
	(void)ew_nl_parse_nsid(msg, context);
}

int
ew_netlink_nsid_of_pid(struct ew_netlink *netlink, int32_t pid, int32_t *ret_nsid)
{
	int32_t nsid = -1;
	const int rc = ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_nsid_of_pid(pid),
	    take_nsid, &nsid);

	if (rc < 0)
		return rc == -ESRCH ? -ENOENT : rc;
	if (nsid < 0)
		return -ENOENT;
	*ret_nsid = nsid;
	return 0;
}

static void
take_conntrack(void *context, struct nlmsghdr *msg)
{
	struct ew_nat_info *nat = context;

	if (ew_nl_parse_conntrack(msg, nat) != 0)
		nat->proto = 0;
}

int
ew_netlink_ct_lookup(struct ew_netlink *netlink, const struct ew_tuple *tuple,
    struct ew_nat_info *ret_nat)
{
	struct ew_nat_info nat = { 0 };

	if (!netlink->conntrack)
		return -EPERM;
	netlink->n.ct_requests++;
	const int rc = ew_netlink_ask(netlink, netlink->conntrack,
	    ew_nl_ask_conntrack(tuple), take_conntrack, &nat);

	netlink->has_conntrack = rc != -EPERM && rc != -EACCES && rc != -EINVAL;
	if (rc < 0)
		return rc;
	if (!nat.proto)
		return -ENOENT;
	netlink->n.ct_found++;
	*ret_nat = nat;
	return 0;
}
