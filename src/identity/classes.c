/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an address can be that is no live instance's (detectors.md 1.1): gateway, host,
 * loopback, its last owner, the outside. "Unknown inside" and "outside" are never mixed.
 */
#include "identity/resolve_priv.h"

static void
set_class(struct end *end, struct wl *wl, const struct net *net,
    enum ew_attribution attribution)
{
	*end = (struct end){ .wl = wl,
		.net = net ? net->pub.id : 0,
		.attribution = (uint8_t)attribution };
}

bool
ew_job_fixed_class(struct job *job, struct end *end, const struct ew_addr *addr)
{
	struct ew_identity *identity = job->identity;
	struct net *net =
	    ew_net_of_gateway(identity, addr, job->ev->tuple.domain, job->t);

	if (net) {
		set_class(end, ew_peer_gateway(identity, net, job->t), net,
		    EW_ATTR_LEASE);
		return true;
	}
	if (ew_addr_is_loopback(addr) || ew_host_has(identity, addr)) {
		/* Whoever shares the host's namespace speaks with the host's address. */
		set_class(end, identity->node, NULL,
		    identity->n_host_network ? EW_ATTR_AMBIGUOUS : EW_ATTR_LEASE);
		return true;
	}
	return false;
}

bool
ew_job_past_or_next(struct job *job, struct end *end, const struct lease_found *found)
{
	const struct lease *lease = found->soon ? found->soon : found->tomb;

	if (!lease)
		return false;
	struct ew_mono at = job->t;

	if (lease == found->tomb)
		at.ns = lease->to.ns - 1;
	ew_job_seat(job, end, lease->seat, lease->net, EW_ATTR_LEASE, at);
	if (!job->waits)
		end->is_tombstone = lease == found->tomb;
	return true;
}

/* The MAC inside fe80::, when there is one (RFC 4291 appendix A). */
static bool
mac_of_link_local(const struct ew_addr *addr, uint8_t ret_mac[6])
{
	if (ew_addr_is_v4(addr) || !ew_addr_is_link_local(addr) ||
	    addr->b[11] != 0xff || addr->b[12] != 0xfe)
		return false;
	memcpy(ret_mac, addr->b + 8, 3);
	memcpy(ret_mac + 3, addr->b + 13, 3);
	ret_mac[0] ^= 2;
	return true;
}

void
ew_job_outside(struct job *job, struct end *end, const struct ew_addr *addr)
{
	struct ew_identity *identity = job->identity;
	uint8_t mac[6];

	if (ew_addr_is_unspecified(addr)) {
		set_class(end, identity->unresolved, job->src_net, EW_ATTR_UNRESOLVED);
		return;
	}
	if (ew_addr_is_v4(addr) || !ew_addr_is_link_local(addr)) {
		set_class(end, ew_peer_external(identity, addr, job->t), NULL,
		    EW_ATTR_UNRESOLVED);
		return;
	}
	/* Link-local is inside by definition: somebody's, even if the file does not list it. */
	const struct lease *lease = mac_of_link_local(addr, mac)
	    ? ew_lease_by_mac(identity, mac, job->t)
	    : NULL;

	if (lease)
		ew_job_seat(job, end, lease->seat, lease->net, EW_ATTR_MAC, job->t);
	else
		set_class(end, identity->unresolved, job->src_net, EW_ATTR_UNRESOLVED);
}

void
ew_job_bare(struct job *job, struct end *end, const struct ew_addr *addr)
{
	struct ew_identity *identity = job->identity;

	if (ew_addr_is_unspecified(addr)) {
		set_class(end, identity->unresolved, NULL, EW_ATTR_UNRESOLVED);
	} else if (ew_addr_is_loopback(addr)) {
		set_class(end, identity->node, NULL, EW_ATTR_LEASE);
	} else if (ew_addr_is_multicast(addr)) {
		set_class(end, identity->multicast, NULL, EW_ATTR_UNRESOLVED);
	} else if (ew_addr_is_private(addr)) {
		struct wl *wl;
		const struct inst *inst = ew_peer_bare(identity, addr, &wl, job->t);

		set_class(end, wl, NULL, EW_ATTR_LEASE);
		end->inst = inst ? inst->pub.id : 0;
	} else {
		set_class(end, ew_peer_external(identity, addr, job->t), NULL,
		    EW_ATTR_UNRESOLVED);
	}
}
