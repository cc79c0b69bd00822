/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live side of identity: three netlink sockets and the order in which they are used.
 *
 *   events     rtnetlink groups for links, addresses and namespace ids, ours and, with
 *              NETLINK_LISTEN_ALL_NSID, those of every namespace that has an id here
 *   ask        dumps and single questions, strictly checked
 *   conntrack  one look-up at a time
 *
 * Events are taken in until none is left, and only then are namespaces read that need it:
 * by that time the id in an event may already mean another namespace, and the event that
 * says so is in the same queue. When the kernel had to drop events (ENOBUFS) everything is
 * dumped again and the difference told.
 */
#include "identity/netlink.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "flow/event.h"
#include "identity/netlink_table_priv.h"

/* --- reading what messages say ------------------------------------------------------------- */

struct reading {
	struct ew_netlink *netlink;
	int32_t nsid; /* -1 our own */
	bool is_event;
};

static void
take_message(void *context, struct nlmsghdr *msg)
{
	const struct reading *reading = context;
	struct ew_netlink *netlink = reading->netlink;
	struct ew_nl_link link;
	struct ew_nl_addr addr;
	int32_t nsid;
	int rc = 0;

	netlink->n.messages++;
	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
		rc = ew_nl_parse_link(msg, &link);
		if (rc == 0)
			ew_known_link_told(netlink, reading->nsid, &link,
			    reading->is_event);
		break;
	case RTM_DELLINK:
		rc = ew_nl_parse_link(msg, &link);
		if (rc == 0)
			ew_known_link_gone(netlink, reading->nsid, link.ifindex);
		break;
	case RTM_NEWADDR:
		rc = ew_nl_parse_addr(msg, &addr);
		if (rc == 0)
			ew_known_addr_told(netlink, reading->nsid, &addr);
		break;
	case RTM_DELADDR:
		rc = ew_nl_parse_addr(msg, &addr);
		if (rc == 0)
			ew_known_addr_gone(netlink, reading->nsid, &addr);
		break;
	case RTM_NEWNSID:
		/* A namespace numbers its neighbours too; only our numbers mean anything here. */
		rc = reading->nsid < 0 ? ew_nl_parse_nsid(msg, &nsid) : -ENOENT;
		if (rc == 0)
			(void)ew_known_ns_touch(netlink, nsid);
		break;
	case RTM_DELNSID:
		rc = reading->nsid < 0 ? ew_nl_parse_nsid(msg, &nsid) : -ENOENT;
		if (rc == 0)
			ew_known_ns_gone(netlink, nsid);
		break;
	default:
		break;
	}
	if (rc == EW_ERR_FORMAT)
		netlink->n.malformed++;
}

static void
find_self(struct ew_netlink *netlink)
{
	if (ew_netlink_nsid_of_pid(netlink, (int32_t)getpid(), &netlink->self_nsid) !=
	    0)
		netlink->self_nsid = -1;
}

static void
read_inside(struct ew_netlink *netlink, struct known_ns *ns)
{
	const int32_t nsid = ns->nsid;
	struct reading reading = { netlink, nsid, false };

	ns->needs_read = false;
	int rc = ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_links(nsid),
	    take_message, &reading);

	if (rc == 0)
		rc = ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_addrs(nsid),
		    take_message, &reading);
	if (rc == -EACCES || rc == -EPERM)
		netlink->reads_inside = false;
	else if (rc == 0)
		netlink->reads_inside = true;
}

/* --- events -------------------------------------------------------------------------------- */

void
ew_netlink_take(struct ew_netlink *netlink, void *messages, size_t size, int32_t nsid)
{
	struct reading reading = { netlink, nsid, true };
	int left = (int)size;

	for (struct nlmsghdr *h = messages; nlmsg_ok(h, left); h = nlmsg_next(h, &left))
		take_message(&reading, h);
}

/* The namespace an event comes from; the kernel numbers our own too, when others ask. */
static int32_t
origin(struct ew_netlink *netlink, struct msghdr *head)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c))
		if (c->cmsg_level == SOL_NETLINK &&
		    c->cmsg_type == NETLINK_LISTEN_ALL_NSID &&
		    c->cmsg_len >= CMSG_LEN(sizeof(int32_t))) {
			int32_t nsid;

			memcpy(&nsid, CMSG_DATA(c), sizeof(nsid));
			if (netlink->self_nsid < 0)
				find_self(netlink);
			return nsid == netlink->self_nsid ? -1 : nsid;
		}
	return -1;
}

/* 1 something came, 0 nothing is left, negative errno. */
static int
receive(struct ew_netlink *netlink)
{
	char control[CMSG_SPACE(sizeof(int32_t)) + 64];
	struct sockaddr_nl from;
	struct iovec iov = { netlink->buffer, EW_NL_BUFFER };
	struct msghdr head = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	const ssize_t n =
	    recvmsg(nl_socket_get_fd(netlink->events), &head, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0 && errno == ENOBUFS) {
		netlink->n.overruns++;
		netlink->lost = true;
		return 1;
	}
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	if (from.nl_pid != 0)
		return 1; /* not from the kernel */
	if (head.msg_flags & MSG_TRUNC) {
		netlink->lost = true;
		return 1;
	}
	/* Handling a message may ask questions, which use the same buffer: walk a copy. */
	char *copy = ew_alloc((size_t)n);

	memcpy(copy, netlink->buffer, (size_t)n);
	ew_netlink_take(netlink, copy, (size_t)n, origin(netlink, &head));
	free(copy);
	return 1;
}

static int
drain(struct ew_netlink *netlink)
{
	int rc;

	while ((rc = receive(netlink)) > 0)
		;
	return rc;
}

/*
 * After the queue is empty: names first, so that a namespace is told with its name. The answer
 * to "which id has this name" is of now, and what the queue says of that id may be older:
 * after the question the queue is emptied again, and an id that changed hands in between is
 * asked for anew.
 */
static void
settle(struct ew_netlink *netlink)
{
	struct known_ns *ns, *next;

	if (netlink->self_nsid < 0)
		find_self(netlink);
	if (netlink->self_nsid >= 0)
		ew_known_ns_gone(netlink,
		    netlink->self_nsid); /* met before it was known as ours */
	for (int i = 0; i < 4 && ew_names_ask(netlink); i++) {
		if (netlink->self_nsid < 0)
			find_self(netlink);
		(void)drain(netlink);
		if (ew_names_tell(netlink))
			break;
	}
	for (ns = TAILQ_FIRST(&netlink->ns_list); ns; ns = next) {
		next = TAILQ_NEXT(ns, order);
		if (ns->needs_read)
			read_inside(netlink, ns);
	}
}

void
ew_netlink_read_addrs(struct ew_netlink *netlink, uint32_t host_ifindex)
{
	const struct known_link *host = ew_known_link(netlink, -1, host_ifindex);
	struct known_ns *ns = host && host->link.link_nsid >= 0
	    ? ew_known_ns(netlink, host->link.link_nsid)
	    : NULL;

	if (ns)
		read_inside(netlink, ns);
}

/*
 * A namespace id that was given again while we were deaf: none of the veths that led to it
 * does any more.
 */
static bool
was_replaced(const struct ew_netlink *netlink, int32_t nsid)
{
	const struct known_link *link;
	bool had = false;

	TAILQ_FOREACH (link, &netlink->link_list, order) {
		if (link->nsid != -1 || link->link.link_nsid != nsid)
			continue;
		if (link->round != netlink->round)
			had = true;
		else if (link->was_there)
			return false;
	}
	return had;
}

int
ew_netlink_resync(struct ew_netlink *netlink)
{
	struct reading reading = { netlink, -1, false };
	struct known_link *link;
	struct known_ns *ns, *next;

	netlink->n.resyncs++;
	netlink->lost = false;
	netlink->round++;
	TAILQ_FOREACH (link, &netlink->link_list, order)
		link->was_there = true;
	find_self(netlink);
	int rc = ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_links(-1),
	    take_message, &reading);

	if (rc == 0)
		rc = ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_addrs(-1),
		    take_message, &reading);
	if (rc == 0)
		rc = ew_netlink_ask(netlink, netlink->ask, ew_nl_ask_nsids(),
		    take_message, &reading);
	if (rc < 0) {
		netlink->lost = true; /* and nothing is called gone */
		return rc;
	}
	for (ns = TAILQ_FIRST(&netlink->ns_list); ns; ns = next) {
		next = TAILQ_NEXT(ns, order);
		const int32_t nsid = ns->nsid;

		if (was_replaced(netlink, nsid)) {
			ew_known_ns_gone(netlink, nsid);
			ns = ew_known_ns_touch(netlink, nsid);
			ew_known_retell(netlink, nsid);
		}
		if (ns && ns->round == netlink->round)
			ns->needs_read = true;
	}
	settle(netlink);
	/* What lies inside namespaces that could not be read is kept. */
	ew_known_sweep(netlink);
	return 0;
}

int
ew_netlink_dispatch(struct ew_netlink *netlink)
{
	int rc = drain(netlink);

	if (netlink->lost)
		rc = ew_netlink_resync(netlink);
	else
		settle(netlink);
	return rc;
}

void
ew_netlink_tick(struct ew_netlink *netlink)
{
	if (netlink->lost)
		(void)ew_netlink_resync(netlink);
	else
		(void)ew_netlink_dispatch(netlink);
	ew_names_scan_cgroups(netlink);
}

/* --- open and close ------------------------------------------------------------------------ */

static struct nl_sock *
socket_open(int protocol)
{
	struct nl_sock *sock = nl_socket_alloc();

	if (!sock)
		return NULL;
	nl_socket_disable_auto_ack(sock);
	nl_socket_disable_seq_check(sock);
	if (nl_connect(sock, protocol) < 0) {
		nl_socket_free(sock);
		return NULL;
	}
	return sock;
}

static int
open_events(struct ew_netlink *netlink, int receive_buffer_bytes,
    struct ew_error *error)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_NSID };
	const int on = 1;
	const int bytes = receive_buffer_bytes > 0 ? receive_buffer_bytes : 8 << 20;

	netlink->events = socket_open(NETLINK_ROUTE);
	if (!netlink->events)
		return ew_error_set(error, -EIO,
		    "cannot open a netlink socket for interface events: %s",
		    strerror(errno));
	const int fd = nl_socket_get_fd(netlink->events);

	/* Beyond net.core.rmem_max with CAP_NET_ADMIN; less is still correct, with resyncs. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	netlink->hears_inside =
	    setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) == 0;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (nl_socket_add_membership(netlink->events, groups[i]) < 0)
			return ew_error_set(error, -EIO,
			    "the kernel refuses interface events (netlink group %d): "
			    "%s",
			    groups[i], strerror(errno));
	return 0;
}

static int
watch(struct ew_netlink *netlink, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return fd < 0 ? 0 : epoll_ctl(netlink->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int
ew_netlink_open(const struct ew_netlink_conf *conf, const struct ew_netlink_sink *sink,
    struct ew_netlink **ret_netlink, struct ew_error *error)
{
	struct ew_netlink *netlink = ew_alloc(sizeof(*netlink));
	const int on = 1;

	netlink->sink = *sink;
	netlink->self_nsid = -1;
	netlink->scan_cgroups = conf->scan_cgroups;
	netlink->reads_inside = true;
	netlink->has_conntrack = true;
	netlink->buffer = ew_alloc(EW_NL_BUFFER);
	ew_known_init(netlink);
	ew_names_open(netlink, conf->netns_dir ? conf->netns_dir : "/run/netns");
	netlink->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int rc = open_events(netlink, conf->receive_buffer_bytes, error);

	if (rc < 0)
		goto fail;
	netlink->ask = socket_open(NETLINK_ROUTE);
	netlink->conntrack = socket_open(NETLINK_NETFILTER);
	if (!netlink->ask || netlink->epoll_fd < 0 ||
	    watch(netlink, nl_socket_get_fd(netlink->events)) < 0 ||
	    watch(netlink, netlink->inotify_fd) < 0) {
		rc = ew_error_set(error, -EIO, "cannot set up netlink sockets: %s",
		    strerror(errno));
		goto fail;
	}
	/* Without it the kernel ignores IFA_TARGET_NETNSID in an address dump (4.20 and later). */
	(void)setsockopt(nl_socket_get_fd(netlink->ask), SOL_NETLINK,
	    NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	rc = ew_netlink_resync(netlink);
	if (rc < 0) {
		ew_error_set(error, rc, "cannot read the interfaces of this host: %s",
		    ew_err_text(rc));
		goto fail;
	}
	*ret_netlink = netlink;
	return 0;
fail:
	ew_netlink_close(netlink);
	return rc;
}

void
ew_netlink_close(struct ew_netlink *netlink)
{
	if (!netlink)
		return;
	nl_socket_free(netlink->events);
	nl_socket_free(netlink->ask);
	nl_socket_free(netlink->conntrack);
	ew_names_close(netlink);
	if (netlink->epoll_fd >= 0)
		close(netlink->epoll_fd);
	ew_known_fini(netlink);
	free(netlink->buffer);
	free(netlink);
}

int
ew_netlink_fd(const struct ew_netlink *netlink)
{
	return netlink->epoll_fd;
}

void
ew_netlink_health(const struct ew_netlink *netlink,
    struct ew_netlink_health *ret_health)
{
	*ret_health = (struct ew_netlink_health){ .hears_inside = netlink->hears_inside,
		.reads_inside = netlink->reads_inside,
		.has_conntrack = netlink->conntrack && netlink->has_conntrack,
		.has_netns_names = netlink->has_names,
		.links = netlink->n.links,
		.namespaces = netlink->n.namespaces };
}

#define COUNTER(field, unit, meaning, gauge)                                           \
	{                                                                              \
		"netlink_" #field, unit, meaning, offsetof(struct nl_counters, field), \
		    gauge                                                              \
	}

static const struct ew_counter counters[] = {
	COUNTER(messages, "messages", "link, address and namespace messages taken in",
	    0),
	COUNTER(malformed, "messages", "messages that were not understood", 0),
	COUNTER(overruns, "overruns",
	    "times the kernel dropped events for want of buffer", 0),
	COUNTER(resyncs, "dumps", "full dumps, the first one included", 0),
	COUNTER(requests, "requests", "questions asked of the kernel", 0),
	COUNTER(request_errors, "requests", "questions without an answer", 0),
	COUNTER(links, "interfaces", "interfaces known, here and inside namespaces", 1),
	COUNTER(addresses, "addresses", "addresses known, here and inside namespaces",
	    1),
	COUNTER(namespaces, "namespaces", "network namespaces with an id here", 1),
	COUNTER(names, "names", "namespaces found by name", 0),
	COUNTER(refused, "records", "interfaces or addresses not kept: table full", 0),
	COUNTER(cgroup_scans, "scans", "walks over /proc for container ids", 0),
	COUNTER(cgroup_hits, "namespaces", "namespaces whose container id a walk found",
	    0),
	COUNTER(ct_requests, "lookups", "conntrack look-ups asked of the kernel", 0),
	COUNTER(ct_found, "lookups", "conntrack look-ups answered", 0),
};

struct ew_counter_set
ew_netlink_counters(const struct ew_netlink *netlink)
{
	return (struct ew_counter_set){ .module = "netlink",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &netlink->n };
}
