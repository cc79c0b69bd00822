/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink datagrams of any content, through the tables into identity. The input is a row of
 * datagrams: one byte of namespace (0 ours), two of length, the bytes. Also the answers of
 * conntrack, and a line of /proc/PID/cgroup.
 */
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "identity/identity.h"
#include "identity/netlink_table_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ew_mono now = { 1 };

static void
on_contact(void *context, const struct ew_contact *contact)
{
	(void)context;
	(void)contact;
}

static void
on_iface(void *context, const struct ew_iface *iface, bool removed)
{
	ew_identity_iface(context, iface, removed, now);
}

static void
on_addr(void *context, const struct ew_iface_addr *addr, bool removed)
{
	ew_identity_iface_addr(context, addr, removed, now);
}

static void
on_nsid(void *context, const struct ew_nsid_info *info, bool removed)
{
	ew_identity_nsid(context, info, removed, now);
}

static void
take_others(void *bytes, size_t size)
{
	struct ew_nat_info nat;
	char id[EW_INSTANCE_ID_MAX];
	char *line = malloc(size + 1);
	int left = (int)size;

	for (struct nlmsghdr *h = bytes; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
		(void)ew_nl_parse_conntrack(h, &nat);
		(void)ew_nl_parse_error(h);
	}
	memcpy(line, bytes, size);
	line[size] = '\0';
	(void)ew_names_cgroup_id(line, id);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ew_identity_conf conf;
	const struct ew_identity_sink sink = { .contact = on_contact };
	struct ew_netlink netlink = { .self_nsid = 9,
		.inotify_fd = -1,
		.epoll_fd = -1 };

	ew_identity_conf_default(&conf);
	conf.mode = EW_IDENTITY_LIVE;
	conf.max_flows = 16;
	struct ew_identity *identity = ew_identity_new(&conf, &sink);

	netlink.sink = (struct ew_netlink_sink){ .context = identity,
		.iface = on_iface,
		.iface_addr = on_addr,
		.nsid = on_nsid };
	ew_known_init(&netlink);
	while (size >= 3) {
		const int32_t nsid = (int32_t)data[0] - 1;
		size_t n = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		/* Exactly as long as it is, so that a read beyond is seen; malloc aligns it. */
		void *copy = malloc(n ? n : 1);

		memcpy(copy, data, n);
		ew_netlink_take(&netlink, copy, n, nsid);
		take_others(copy, n);
		free(copy);
		data += n;
		size -= n;
	}
	ew_known_fini(&netlink);
	ew_identity_free(identity);
	return 0;
}
