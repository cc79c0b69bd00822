/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets count.
 *
 * A capture on all interfaces sees the same packet up to four times: leaving the sender's
 * veth, on the bridge, and entering the receiver's veth. The table keeps for each flow and
 * direction the first interface that showed a packet; the others are copies. Which
 * interfaces may be first is said here: veths, bridges, macvlan parents and tunnels; uplinks
 * and lo only for addresses of the host itself; and those nobody has named yet, since a
 * container's first packet may be faster than the news of its interface.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "flow/flow_priv.h"

#define PLACES (2U * POINTS_MAX)
#define GONE_MAX 256

int
points_init(struct points *points)
{
	points->table = ew_reserve(PLACES * sizeof(struct point));
	return points->table ? 0 : -1;
}

void
points_fini(struct points *points)
{
	if (points->table)
		ew_release(points->table, PLACES * sizeof(struct point));
}

static uint32_t
place_of(uint32_t ifindex)
{
	return (ifindex * UINT32_C(2654435761)) >> 16 & (PLACES - 1);
}

/* The interface's place, or the free one where it would go. */
static struct point *
find(const struct points *points, uint32_t ifindex)
{
	uint32_t at = place_of(ifindex);

	while (points->table[at].ifindex != 0 && points->table[at].ifindex != ifindex)
		at = (at + 1) & (PLACES - 1);
	return &points->table[at];
}

struct point
points_get(const struct points *points, uint32_t ifindex)
{
	if (points->count > 0 && ifindex != 0) {
		const struct point *p = find(points, ifindex);

		if (p->ifindex)
			return *p;
	}
	return (struct point){ .ifindex = ifindex, .kind = EW_FLOW_POINT_UNKNOWN };
}

static bool
is_host(const struct points *points, const struct ew_addr *addr)
{
	for (uint32_t i = 0; i < points->n_hosts; i++) {
		if (ew_addr_equal(&points->hosts[i], addr))
			return true;
	}
	return false;
}

bool
points_counts(const struct points *points, uint32_t ifindex, const struct ew_addr *src,
    const struct ew_addr *dst)
{
	const uint8_t kind = points_get(points, ifindex).kind;

	if (kind == POINT_GONE)
		return true;
	switch ((enum ew_flow_point)kind) {
	case EW_FLOW_POINT_VETH:
	case EW_FLOW_POINT_BRIDGE:
	case EW_FLOW_POINT_MACVLAN:
	case EW_FLOW_POINT_TUNNEL:
	case EW_FLOW_POINT_UNKNOWN:
		return true;
	case EW_FLOW_POINT_UPLINK:
	case EW_FLOW_POINT_LO:
		return is_host(points, src) || is_host(points, dst);
	case EW_FLOW_POINT_OTHER:
		break;
	}
	return false;
}

bool
points_zooms(const struct points *points, const struct ew_addr *a,
    const struct ew_addr *b)
{
	for (uint32_t i = 0; i < points->n_zooms; i++) {
		const struct ew_addr *z = points->zooms[i];

		if ((ew_addr_equal(&z[0], a) && ew_addr_equal(&z[1], b)) ||
		    (ew_addr_equal(&z[0], b) && ew_addr_equal(&z[1], a)))
			return true;
	}
	return false;
}

int
ew_flow_set_point(struct ew_flow_table *table, uint32_t ifindex,
    enum ew_flow_point kind, uint32_t domain)
{
	struct points *points = &table->points;

	if (ifindex == 0)
		return 0;
	struct point *p = find(points, ifindex);

	if (!p->ifindex) {
		if (points->count == POINTS_MAX)
			return EW_ERR_LIMIT;
		points->count++;
	}
	*p = (struct point){ .ifindex = ifindex,
		.domain = domain,
		.kind = (uint8_t)kind };
	if (domain)
		points->has_domains = true;
	table->counters.points = points->count;
	return 0;
}

/* Take an interface out of the table; what was pushed past it moves up. */
static void
remove_point(struct points *points, struct point *hole)
{
	points->count--;
	uint32_t at = (uint32_t)(hole - points->table);

	for (;;) {
		at = (at + 1) & (PLACES - 1);
		struct point *p = &points->table[at];

		if (!p->ifindex)
			break;
		const uint32_t home = place_of(p->ifindex);
		const uint32_t hole_at = (uint32_t)(hole - points->table);

		if (((at - home) & (PLACES - 1)) >= ((at - hole_at) & (PLACES - 1))) {
			*hole = *p;
			hole = p;
		}
	}
	*hole = (struct point){ 0 };
}

/*
 * The interface stays known as gone for a while: flows that counted there then count where
 * they are seen next, e.g. when an address is given to a new container at once.
 */
void
ew_flow_forget_point(struct ew_flow_table *table, uint32_t ifindex)
{
	struct points *points = &table->points;
	struct point *p = find(points, ifindex);
	uint32_t *gone = &points->gone[points->n_gone % GONE_MAX];

	if (ifindex == 0 || !p->ifindex || p->kind == POINT_GONE)
		return;
	p->kind = POINT_GONE;
	if (*gone) {
		struct point *old = find(points, *gone);

		if (old->ifindex && old->kind == POINT_GONE)
			remove_point(points, old);
	}
	*gone = ifindex;
	points->n_gone++;
	table->counters.points = points->count;
}

int
ew_flow_set_host_addresses(struct ew_flow_table *table, const struct ew_addr *addrs,
    size_t count)
{
	if (count > sizeof(table->points.hosts) / sizeof(table->points.hosts[0]))
		return EW_ERR_LIMIT;
	if (count)
		memcpy(table->points.hosts, addrs, count * sizeof(addrs[0]));
	table->points.n_hosts = (uint32_t)count;
	return 0;
}

int
ew_flow_set_zoom(struct ew_flow_table *table, const struct ew_addr *a,
    const struct ew_addr *b, size_t count)
{
	if (count > sizeof(table->points.zooms) / sizeof(table->points.zooms[0]))
		return EW_ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		table->points.zooms[i][0] = a[i];
		table->points.zooms[i][1] = b[i];
	}
	table->points.n_zooms = (uint32_t)count;
	return 0;
}
