/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seats: network namespaces, and who lives in them.
 *
 * Two tellers describe the same thing without a common name. Netlink says "behind veth 12 is
 * namespace 7 with 172.18.0.2 and this MAC"; the runtime says "container 4eea has 172.18.0.2
 * on network shop". Whichever comes first makes a seat. They become one when an address on
 * the same network, or the MAC, matches while both are live, when a process of the
 * container was seen in the namespace, or when the file names the interface. The seat with
 * the namespace id absorbs the other, so leases and flows bound by veth stay where they are.
 *
 * Several members are normal: the containers of a pod, `--network container:X`. If they are
 * of one workload the seat means that workload; if not, the answer is ambiguous and says so.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/identity_priv.h"

static uint64_t
nsid_hash(const struct ew_identity *identity, int32_t nsid)
{
	return ew_map_hash(&identity->seat_by_nsid, &nsid, sizeof(nsid));
}

struct seat *
ew_seat_by_nsid(const struct ew_identity *identity, int32_t nsid)
{
	for (struct ew_link *l =
		 ew_map_first(&identity->seat_by_nsid, nsid_hash(identity, nsid));
	     l; l = ew_map_next(l)) {
		struct seat *seat = EW_ENTRY(l, struct seat, by_nsid);

		if (seat->nsid == nsid)
			return seat;
	}
	return NULL;
}

struct seat *
ew_seat_new(struct ew_identity *identity, int32_t nsid, struct ew_mono from)
{
	struct seat *seat = ew_alloc(sizeof(*seat));

	seat->serial = ++identity->next_seat;
	seat->nsid = nsid;
	seat->from = from;
	seat->start_known = nsid >= 0 && identity->is_watching;
	TAILQ_INIT(&seat->ports);
	TAILQ_INIT(&seat->leases);
	if (nsid >= 0)
		ew_map_insert(&identity->seat_by_nsid, &seat->by_nsid,
		    nsid_hash(identity, nsid));
	TAILQ_INSERT_TAIL(&identity->seats, seat, order);
	identity->n.seats++;
	return seat;
}

static void
seat_free(struct ew_identity *identity, struct seat *seat)
{
	if (seat->to.ns == 0) {
		if (seat->nsid >= 0)
			ew_map_remove(&identity->seat_by_nsid, &seat->by_nsid);
		TAILQ_REMOVE(&identity->seats, seat, order);
	} else {
		TAILQ_REMOVE(&identity->seats_ended, seat, order);
	}
	for (uint32_t i = 0; i < seat->n_members; i++)
		if (seat->members[i]->seat == seat)
			seat->members[i]->seat = NULL;
	if (seat->fallback)
		seat->fallback->seat = NULL;
	identity->n.seats--;
	free(seat->members);
	free(seat);
}

void
ew_seat_end(struct ew_identity *identity, struct seat *seat, struct ew_mono at)
{
	struct lease *lease, *next;
	struct port *port;

	if (seat->to.ns)
		return;
	for (lease = TAILQ_FIRST(&seat->leases); lease; lease = next) {
		next = TAILQ_NEXT(lease, of_seat);
		if (lease->to.ns == 0)
			ew_lease_end(identity, lease, at);
	}
	if (seat->nsid >= 0)
		ew_map_remove(&identity->seat_by_nsid, &seat->by_nsid);
	/* The veth may outlive it for a moment; its number is already the next one's. */
	TAILQ_FOREACH (port, &seat->ports, of_seat)
		port->pub.peer_nsid = -1;
	seat->to.ns = at.ns > 0 ? at.ns : 1;
	TAILQ_REMOVE(&identity->seats, seat, order);
	TAILQ_INSERT_TAIL(&identity->seats_ended, seat, order);
	if (seat->fallback)
		ew_inst_stop(identity, seat->fallback, at, at);
}

/* --- members ------------------------------------------------------------------------------- */

static bool
is_live_member(const struct inst *inst, struct ew_mono t)
{
	return inst->pub.stopped.ns == 0 || t.ns < inst->pub.stopped.ns;
}

/*
 * The start a runtime reports comes after the first packets, so only the stop excludes a
 * member. When all have stopped, the last one is meant: its packets are still under way.
 */
struct inst *
ew_seat_member(const struct seat *seat, struct ew_mono t, uint32_t *ret_alive,
    bool *ret_same_workload)
{
	struct inst *best = NULL, *last = NULL;
	bool same = true;
	uint32_t alive = 0;

	for (uint32_t i = 0; i < seat->n_members; i++) {
		struct inst *inst = seat->members[i];

		if (!last || inst->pub.stopped.ns >= last->pub.stopped.ns)
			last = inst;
		if (!is_live_member(inst, t))
			continue;
		alive++;
		if (best && best->wl != inst->wl)
			same = false;
		/* The owner of the namespace stands for it: the sandbox, not its guests. */
		if (!best || (best->netns_of[0] && !inst->netns_of[0]))
			best = inst;
	}
	*ret_alive = alive;
	*ret_same_workload = same;
	return best ? best : last;
}

void
ew_seat_leave(struct seat *seat, const struct inst *inst)
{
	if (seat->fallback == inst)
		seat->fallback = NULL;
	for (uint32_t i = 0; i < seat->n_members; i++)
		if (seat->members[i] == inst) {
			seat->n_members--;
			memmove(&seat->members[i], &seat->members[i + 1],
			    (seat->n_members - i) * sizeof(seat->members[0]));
			return;
		}
}

/* inst is about to be freed. */
void
ew_seat_forget(struct ew_identity *identity, const struct inst *inst)
{
	struct seat *seat;

	if (inst->seat)
		ew_seat_leave(inst->seat, inst);
	if (!inst->has_past)
		return;
	TAILQ_FOREACH (seat, &identity->seats_ended, order)
		ew_seat_leave(seat, inst);
}

void
ew_seat_join(struct ew_identity *identity, struct seat *seat, struct inst *inst,
    struct ew_mono now)
{
	struct lease *lease;

	if (inst->seat == seat)
		return;
	/* A namespace that is gone keeps who lived there. */
	if (inst->seat && inst->seat->to.ns == 0)
		ew_seat_leave(inst->seat, inst);
	else if (inst->seat)
		inst->has_past = 1;
	seat->members = ew_realloc_array(seat->members, seat->n_members + 1,
	    sizeof(seat->members[0]));
	seat->members[seat->n_members++] = inst;
	inst->seat = seat;
	/* What ran before we looked had its addresses before we looked. */
	if (!identity->is_ready && inst->start_known)
		TAILQ_FOREACH (lease, &seat->leases, of_seat)
			if (inst->pub.started.ns < lease->from.ns)
				lease->from = inst->pub.started;
	if (seat->fallback && inst->pub.stopped.ns == 0)
		ew_inst_stop(identity, seat->fallback, now, now);
	ew_wait_wake(identity, WAIT_NAME, seat->serial);
	TAILQ_FOREACH (lease, &seat->leases, of_seat)
		ew_lease_tell(identity, lease);
}

void
ew_seat_member_stopped(struct ew_identity *identity, struct seat *seat,
    struct ew_mono at)
{
	struct lease *lease, *next;

	for (uint32_t i = 0; i < seat->n_members; i++)
		if (seat->members[i]->pub.stopped.ns == 0)
			return;
	if (seat->n_members == 0)
		return; /* the stand-in stopped because it was named */
	if (seat->nsid < 0) {
		ew_seat_end(identity, seat, at);
		return;
	}
	for (lease = TAILQ_FIRST(&seat->leases); lease; lease = next) {
		next = TAILQ_NEXT(lease, of_seat);
		if (lease->to.ns == 0)
			ew_lease_end(identity, lease, at);
	}
}

/* --- one thing, told twice ----------------------------------------------------------------- */

static void
move_lease(struct ew_identity *identity, struct lease *lease, struct seat *into)
{
	struct lease *twin;

	TAILQ_FOREACH (twin, &into->leases, of_seat)
		if (twin->to.ns == 0 && lease->to.ns == 0 &&
		    ew_addr_equal(&twin->addr, &lease->addr)) {
			if (lease->from.ns < twin->from.ns)
				twin->from = lease->from;
			twin->from_runtime |= lease->from_runtime;
			ew_lease_set_net(twin, lease->net);
			ew_lease_free(identity, lease);
			return;
		}
	TAILQ_REMOVE(&lease->seat->leases, lease, of_seat);
	lease->seat = into;
	TAILQ_INSERT_TAIL(&into->leases, lease, of_seat);
	/* With one interface there is no doubt which one carries it. */
	struct port *port = TAILQ_FIRST(&into->ports);

	if (!lease->host_ifindex && port && !TAILQ_NEXT(port, of_seat))
		lease->host_ifindex = port->pub.ifindex;
}

void
ew_seat_absorb(struct ew_identity *identity, struct seat *into, struct seat *from,
    struct ew_mono now)
{
	struct lease *lease;
	struct port *port;

	while ((lease = TAILQ_FIRST(&from->leases)) != NULL)
		move_lease(identity, lease, into);
	while ((port = TAILQ_FIRST(&from->ports)) != NULL)
		ew_port_set_seat(identity, port, into);
	if (from->from.ns < into->from.ns)
		into->from = from->from;
	while (from->n_members > 0)
		ew_seat_join(identity, into, from->members[0], now);
	seat_free(identity, from);
}

void
ew_identity_nsid(struct ew_identity *identity, const struct ew_nsid_info *info,
    bool removed, struct ew_mono now)
{
	if (info->nsid < 0)
		return;
	struct seat *seat = ew_seat_by_nsid(identity, info->nsid);

	if (removed) {
		if (seat)
			ew_seat_end(identity, seat, now);
		return;
	}
	if (!seat)
		seat = ew_seat_new(identity, info->nsid, now);
	if (info->name[0] && strcmp(seat->name, info->name) != 0) {
		ew_text_copy_bytes(seat->name, sizeof(seat->name), info->name,
		    strnlen(info->name, sizeof(info->name) - 1));
		/* What stood in for it was named after its number, or its old name. */
		if (seat->fallback) {
			ew_inst_stop(identity, seat->fallback, now, now);
			seat->fallback->seat = NULL;
			seat->fallback = NULL;
		}
	}
	if (!info->cid[0])
		return;
	struct inst *inst = ew_inst_by_cid(identity, info->cid);

	if (inst && inst->pub.stopped.ns == 0 && !inst->host_network) {
		if (inst->seat && inst->seat != seat && inst->seat->nsid < 0 &&
		    inst->seat->to.ns == 0)
			ew_seat_absorb(identity, seat, inst->seat, now);
		else
			ew_seat_join(identity, seat, inst, now);
		return;
	}
	for (unsigned i = 0; i < seat->n_cids; i++)
		if (strncmp(seat->cids[i], info->cid, EW_INSTANCE_ID_MAX) == 0)
			return;
	if (seat->n_cids < EW_SEAT_CIDS_MAX)
		ew_text_copy(seat->cids[seat->n_cids++], EW_INSTANCE_ID_MAX, info->cid);
}

void
ew_seat_prune(struct ew_identity *identity, struct ew_mono before)
{
	struct seat *seat = TAILQ_FIRST(&identity->seats_ended);

	while (seat && seat->to.ns < before.ns) {
		struct seat *const next = TAILQ_NEXT(seat, order);

		if (TAILQ_EMPTY(&seat->leases) && TAILQ_EMPTY(&seat->ports))
			seat_free(identity, seat);
		seat = next;
	}
}

void
ew_seat_free_all(struct ew_identity *identity)
{
	struct seat *seat;

	while ((seat = TAILQ_FIRST(&identity->seats)) ||
	    (seat = TAILQ_FIRST(&identity->seats_ended)))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is unlinked within */
		seat_free(identity, seat);
	ew_map_fini(&identity->seat_by_nsid);
}
