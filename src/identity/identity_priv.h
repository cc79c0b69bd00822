/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flow/event.h"
#include "identity/contact.h"
#include "identity/identity.h"
#include "identity/inventory.h"
#include "identity/map_priv.h"
#include "identity/workload.h"

/*
 * What identity keeps, by owner:
 *
 *   port   one generation of a host interface: ifindex numbers are keys only while it lives
 *   seat   one network namespace, for one generation of its id; holds ports, leases, members
 *   lease  an address (or only a MAC) on a seat, [from, to)
 *   inst   what a runtime names; a member of a seat, or of none while its place is unknown
 *   wl     the workload of instances, or a peer class
 *   net    a network: a bridge, or what the runtime says is one
 *   flow   a bound flow, or one that waits to be bound
 *
 * "live" means to.ns == 0. Ended things stay for conf.tombstone_ns, oldest evicted first.
 */

/* Facts from netlink are stamped on arrival, a little later than the packets they explain. */
#define EW_LATE_NS (2 * EW_NS_PER_S)
/* Two owners of one address closer than this in time: only the answering veth can tell. */
#define EW_CONTEST_NS EW_NS_PER_S
#define EW_SEAT_CIDS_MAX 8
#define EW_RUNTIMES_MAX 8

struct net;
struct seat;

struct wl {
	struct ew_workload pub; /* first: ew_workload_put frees it */
	struct ew_link by_name;
	TAILQ_ENTRY(wl) order;
	TAILQ_HEAD(wl_insts, inst) insts;
	struct ew_mono last_used;
	struct ew_mono change_until; /* end of the change window */
	uint64_t spec_hash;	     /* newest revision; 0 unknown */
	struct peer *peer;	     /* remembered by address or prefix */
};

struct inst {
	struct ew_instance pub;
	struct ew_link by_id, by_cid;
	TAILQ_ENTRY(inst) order, of_wl;
	struct wl *wl;
	struct seat *seat;
	struct ew_mono first_inbound; /* first inbound ESTABLISHED; 0 none yet */
	uint8_t start_known; /* started is a fact, not the time of first sight */
	uint8_t is_fallback; /* made by identity, no runtime knows it */
	uint8_t host_network;
	uint8_t has_past; /* it is a member of an ended seat, too */
	uint8_t n_labels, n_ifaces, n_published;
	int32_t pid;
	uint64_t labels_hash;
	struct ew_instance_iface *ifaces;
	struct publish *published;
	char *labels; /* key\0value\0 ... */
	size_t labels_size;
	char netns_of[EW_INSTANCE_ID_MAX];
	char workload_given[EW_WORKLOAD_NAME_MAX];
};

struct net {
	struct ew_network pub;
	struct ew_link by_id;
	TAILQ_ENTRY(net) order;
	uint8_t is_placeholder; /* named by an instance, not described yet */
	uint8_t is_derived;	/* subnets follow from addresses seen by netlink */
	uint32_t refs;		/* leases and ports that point here */
	struct wl *gateway, *dark, *ghost; /* made when first met; counted */
};

struct subnet {
	struct ew_link by_prefix;
	struct ew_prefix prefix;
	struct net *net;
};

struct port {
	struct ew_iface pub;
	struct ew_link by_index;
	TAILQ_ENTRY(port) order, of_seat;
	struct ew_mono from, to;
	struct seat *seat;
	struct net *net;
	uint32_t n_host_addrs; /* of the host, on this interface */
	uint32_t told_domain;
	uint8_t told_kind;
	uint8_t is_told;
	int64_t reread_ns; /* read_addrs asked last; 0 never */
};

struct lease {
	struct ew_link by_addr, by_mac;
	TAILQ_ENTRY(lease) order, of_seat;
	struct seat *seat;
	struct net *net;
	struct ew_addr addr; /* unspecified: only the MAC is known */
	uint8_t mac[6];
	uint8_t has_mac;
	uint8_t from_netlink, from_runtime;
	uint32_t host_ifindex;
	uint32_t inner_ifindex;
	struct ew_mono from, to;
};

struct seat {
	struct ew_link by_nsid; /* while live and nsid >= 0 */
	TAILQ_ENTRY(seat) order;
	uint32_t serial;
	int32_t nsid; /* -1: known by the runtime only */
	struct ew_mono from, to;
	char name[64];
	TAILQ_HEAD(seat_ports, port) ports;
	TAILQ_HEAD(seat_leases, lease) leases;
	struct inst **members; /* ended ones too, oldest first */
	uint32_t n_members;
	struct inst *fallback; /* stands in while nobody names it */
	uint8_t start_known;   /* it came while we watched, or its runtime says when */
	uint8_t n_cids;
	char cids[EW_SEAT_CIDS_MAX]
		 [EW_INSTANCE_ID_MAX]; /* seen in cgroups, not upserted yet */
};

struct host_addr {
	struct ew_link by_addr;
	TAILQ_ENTRY(host_addr) order;
	struct ew_addr addr;
	uint32_t count; /* 0: only a resolver */
	uint8_t is_resolver;
};

struct service {
	struct ew_link by_key;
	TAILQ_ENTRY(service) order;
	struct ew_service_info info;
};

/* A peer known by address or prefix only, so that its name is made once. */
struct peer {
	struct ew_link by_addr;
	struct ew_prefix prefix;
	struct wl *wl;
	struct inst *inst; /* BARE: ip/ADDR */
};

/* An address on a watched network that speaks but is nobody's. */
struct stranger {
	struct ew_link by_addr;
	TAILQ_ENTRY(stranger) order;
	struct ew_addr addr;
	uint32_t net_id;
	struct ew_mono last;
};

/* The end of a flow as resolution finds it. */
struct end {
	struct wl *wl;
	uint32_t inst, net; /* ids */
	uint8_t attribution, is_tombstone;
};

enum flow_state { FLOW_NEW, FLOW_WAITING, FLOW_BOUND, FLOW_FOLDED };

struct flow {
	struct ew_link by_id;
	TAILQ_ENTRY(flow) order; /* bound or folded: least recently heard first */
	uint64_t id;
	struct end src, dst; /* bound: workloads are counted */
	struct waiting *waiting;
	struct ew_addr nat_dst;
	uint16_t nat_dst_port, edge_port;
	uint8_t state, direction, resolved, spoof, has_nat, server_port_known;
	uint8_t is_linked; /* in by_id; else it carries one event */
};

/* A SYN that was seen, for the ISN join. */
struct half {
	struct ew_link by_isn;
	int64_t t_ns;
	uint64_t flow_id;
	struct ew_tuple tuple;
	uint32_t isn;
	uint8_t mac[6];
	bool on_veth, is_linked;
};

/* What later events of a waiting flow prove. */
struct proof {
	uint32_t src_ifindex,
	    dst_ifindex; /* veths the two were seen to send from; 0 none */
	bool answered;
};

enum wait_reason { WAIT_PORT, WAIT_SEAT, WAIT_NAME, WAIT_ADDR, WAIT_NAT, WAIT_PUBLISH };

/* What a flow waits for, and until when. */
struct wait_for {
	enum wait_reason reason;
	uint64_t key;
	int64_t until_ns;
};

struct kept_event {
	struct kept_event *next;
	struct ew_flow_event ev; /* cut to its size */
};

struct waiting {
	struct flow *flow;
	struct ew_link by_key;
	TAILQ_ENTRY(waiting) woken;
	struct wait_for what;
	struct proof proof;
	uint64_t serial; /* order of arrival */
	size_t heap_at;
	uint8_t is_woken, is_keyed, is_half; /* its SYN is among the halves */
	struct kept_event *first, **last;
};

struct runtime {
	char name[16];
	uint8_t is_expected, is_complete;
	struct ew_mono
	    gone; /* lost after it had been complete: it may be back at once; 0 no */
};

struct counters {
	uint64_t events, contacts;
	uint64_t flows, flows_unremembered;
	uint64_t waiting, waited, wait_timeouts, wait_refused;
	uint64_t instances, instances_refused;
	uint64_t workloads, workloads_refused, workloads_evicted;
	uint64_t leases, leases_refused, leases_evicted;
	uint64_t networks, ports, seats;
	uint64_t bound_veth, bound_lease, bound_mac, bound_nat, bound_ambiguous,
	    unresolved;
	uint64_t bound_late, contested;
	uint64_t folded_nat, folded_isn, folded_proxy;
	uint64_t lookups, lookups_found, lookups_skipped;
	uint64_t nat, nat_evicted;
	uint64_t resolved_addrs, resolved_evicted;
	uint64_t spoofed, facts_refused;
};

struct nat_table;
struct dns_table;
struct wait_table;

struct ew_identity {
	struct ew_identity_conf conf;
	struct ew_identity_sink sink;
	struct counters n;
	struct ew_mono now;
	int64_t prune_ns;
	int64_t begun_ns;    /* the first turn */
	int64_t newest_ns;   /* when an instance was first told */
	uint8_t is_ready;    /* INVENTORY_READY was told */
	uint8_t is_watching; /* netlink's first dump is in: what comes now is new */
	uint8_t is_unnamed;  /* a seat may need a stand-in */
	uint8_t n_runtimes;
	struct runtime runtimes[EW_RUNTIMES_MAX];
	uint32_t next_workload, next_instance, next_network, next_seat;

	/* workloads and instances */
	struct ew_map wl_by_name, inst_by_id, inst_by_cid;
	TAILQ_HEAD(wl_list, wl) wls;
	TAILQ_HEAD(inst_list, inst) insts, insts_ended;
	struct wl *node, *multicast, *unresolved, *external_other, *bare_other;
	uint32_t n_host_network; /* live instances in the host's namespace */

	/* places */
	struct ew_map net_by_id, subnets, port_by_index, seat_by_nsid, lease_by_addr,
	    lease_by_mac, host_addrs, services, peers, strangers;
	TAILQ_HEAD(net_list, net) nets;
	TAILQ_HEAD(port_list, port) ports, ports_ended;
	TAILQ_HEAD(seat_list, seat) seats, seats_ended;
	TAILQ_HEAD(lease_list, lease) leases, leases_ended;
	TAILQ_HEAD(host_addr_list, host_addr) host_addr_list;
	TAILQ_HEAD(service_list, service) service_list;
	TAILQ_HEAD(stranger_list, stranger) stranger_list;
	uint32_t prefix_count[129]; /* subnets of each length */

	/* flows */
	struct ew_map flow_by_id;
	struct flow *flow_pool; /* conf.max_flows of them, touched as used */
	uint32_t flow_used;
	TAILQ_HEAD(flow_list, flow) flows, flows_free;
	struct wait_table *wait;
	struct nat_table *nat;
	struct dns_table *dns;
	struct publish_table *publish;
};

/* A count from outside, cut to the array it counts. */
static inline unsigned
at_most(unsigned count, unsigned max)
{
	return count < max ? count : max;
}

static inline bool
is_live_at(struct ew_mono from, struct ew_mono to, struct ew_mono t)
{
	return from.ns <= t.ns && (to.ns == 0 || t.ns < to.ns);
}

/* --- roster.c, instance.c: workloads and instances --- */
struct wl *ew_wl_intern(struct ew_identity *identity, const char *name,
    enum ew_peer_class cls, struct ew_mono now);
struct wl *ew_wl_by_name(const struct ew_identity *identity, const char *name);
void ew_wl_used(struct ew_identity *identity, struct wl *wl, struct ew_mono now);
/* Labels, posture and live count again from the instances. */
void ew_wl_refresh(struct wl *wl);
void ew_wl_free_all(struct ew_identity *identity);

struct inst *ew_inst_new(struct ew_identity *identity, const char *cid,
    struct ew_mono now);
struct inst *ew_inst_by_id(const struct ew_identity *identity, uint32_t id);
/* Live ones first; a leading part of 12 digits or more will do. */
struct inst *ew_inst_by_cid(const struct ew_identity *identity, const char *cid);
void ew_inst_set_workload(struct ew_identity *identity, struct inst *inst,
    struct wl *wl, struct ew_mono now);
void ew_inst_stop(struct ew_identity *identity, struct inst *inst, struct ew_mono at,
    struct ew_mono now);
void ew_inst_free(struct ew_identity *identity, struct inst *inst);
bool ew_inst_in_startup(const struct ew_identity *identity, const struct inst *inst,
    struct ew_mono t);
void ew_inst_tell(struct ew_identity *identity, uint8_t kind, struct inst *inst,
    struct wl *wl, struct ew_mono at);
/* "netns/NAME" for a seat that no runtime names. */
struct inst *ew_inst_fallback(struct ew_identity *identity, struct seat *seat,
    struct ew_mono now);

/* --- publish.c: published ports and the userland proxy --- */
struct publish_table *ew_publish_new(uint64_t seed);
void ew_publish_free(struct publish_table *table);
void ew_publish_set(struct ew_identity *identity, struct inst *inst,
    const struct ew_published *published, unsigned n);
const struct ew_published *ew_publish_told(const struct inst *inst, unsigned i);
/* Who stands behind a port of the host; its own port. NULL nobody. */
struct inst *ew_publish_find(const struct ew_identity *identity,
    const struct ew_addr *addr, uint16_t port, uint8_t proto, struct ew_mono t,
    uint16_t *ret_port);
bool ew_publish_listens(const struct inst *inst, uint16_t port, uint8_t proto);
/* A flow reached inst through its published port: a proxy's second leg may follow. */
void ew_proxy_expect(struct ew_identity *identity, const struct inst *inst,
    uint16_t port, uint8_t proto, struct ew_mono t);
/* Is this the second leg? Takes the expectation. */
bool ew_proxy_take(struct ew_identity *identity, const struct inst *inst, uint16_t port,
    uint8_t proto, struct ew_mono t);

/* --- peer.c: peers that are no instance; never NULL --- */
void ew_peer_forget_wl(struct ew_identity *identity, struct wl *wl);
struct wl *ew_peer_external(struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono now);
struct inst *ew_peer_bare(struct ew_identity *identity, const struct ew_addr *addr,
    struct wl **ret_wl, struct ew_mono now);
struct wl *ew_peer_gateway(struct ew_identity *identity, struct net *net,
    struct ew_mono now);
struct wl *ew_peer_dark(struct ew_identity *identity, struct net *net,
    struct ew_mono now);
struct wl *ew_peer_ghost(struct ew_identity *identity, struct net *net,
    struct ew_mono now);
struct wl *ew_peer_vip(struct ew_identity *identity, const struct ew_addr *addr,
    struct ew_mono now);
bool ew_stranger_is(const struct ew_identity *identity, const struct ew_addr *addr,
    const struct net *net, struct ew_mono t);
void ew_stranger_heard(struct ew_identity *identity, const struct ew_addr *addr,
    const struct net *net, struct ew_mono t);
void ew_peer_free_all(struct ew_identity *identity);

/* --- nat.c: translations --- */
enum ew_nat_answer {
	EW_NAT_UNKNOWN, /* nothing knows this tuple */
	EW_NAT_PLAIN,	/* tracked, and not translated */
	EW_NAT_CLIENT,	/* the client's view: this flow is the record */
	EW_NAT_COPY,	/* another view of a translated connection */
};
struct nat_table *ew_nat_new(const struct ew_identity_conf *conf);
void ew_nat_free(struct nat_table *table);
/* ret_record_seen: for a COPY, whether the client's flow has been met. */
enum ew_nat_answer ew_nat_ask(struct ew_identity *identity,
    const struct ew_tuple *tuple, struct ew_mono t, bool may_look_up,
    struct ew_nat_info *ret_info, bool *ret_record_seen);
uint64_t ew_nat_wait_key(const struct ew_nat_info *info);
void ew_nat_half_put(struct ew_identity *identity, const struct flow *flow,
    const struct ew_flow_event *ev);
/* The SYN of which ev is the host's translated copy; NULL none. */
struct half *ew_nat_half_client(struct ew_identity *identity,
    const struct ew_flow_event *ev);

/* --- dns.c: which addresses came from DNS --- */
struct dns_table *ew_dns_new(uint64_t seed);
void ew_dns_free(struct dns_table *table);
void ew_dns_learn(struct ew_identity *identity, const struct ew_flow_event *ev);
/* 1 yes, 0 no, 2 cannot be known. */
uint8_t ew_dns_resolved(const struct ew_identity *identity,
    const struct ew_addr *client, const struct ew_addr *addr, bool is_embedded,
    struct ew_mono t);

/* --- network.c: networks, subnets, host addresses, services --- */
struct net *ew_net_by_id(const struct ew_identity *identity, const char *id);
struct net *ew_net_by_bridge(const struct ew_identity *identity, uint32_t ifindex,
    const char *name);
struct net *ew_net_placeholder(struct ew_identity *identity, const char *id,
    struct ew_mono now);
struct net *ew_net_for_port(struct ew_identity *identity, struct port *port,
    struct ew_mono now);
void ew_net_add_subnet(struct ew_identity *identity, struct net *net,
    const struct ew_prefix *prefix);
/* The network whose subnet holds addr, longest prefix first. */
struct net *ew_net_of_addr(const struct ew_identity *identity,
    const struct ew_addr *addr, uint32_t domain, struct ew_mono t);
bool ew_net_is_gateway(const struct net *net, const struct ew_addr *addr);
/* The network that has addr as a gateway. */
struct net *ew_net_of_gateway(const struct ew_identity *identity,
    const struct ew_addr *addr, uint32_t domain, struct ew_mono t);
bool ew_net_is_broadcast(const struct net *net, const struct ew_addr *addr);
bool ew_host_has(const struct ew_identity *identity, const struct ew_addr *addr);
void ew_host_addr_count(struct ew_identity *identity, const struct ew_addr *addr,
    bool removed);
const struct ew_service_info *ew_service_find(const struct ew_identity *identity,
    const struct ew_addr *addr, uint16_t port, uint8_t proto);
uint32_t ew_net_domain(const struct ew_identity *identity, const struct net *net);
struct host_addr *ew_host_find(const struct ew_identity *identity,
    const struct ew_addr *addr);
void ew_net_bridge_gone(struct ew_identity *identity, uint32_t ifindex,
    struct ew_mono now);
void ew_net_prune(struct ew_identity *identity, struct ew_mono before);
void ew_net_free_all(struct ew_identity *identity);

/* --- place.c, lease.c: ports, seats, leases --- */
struct port *ew_port_at(const struct ew_identity *identity, uint32_t ifindex,
    struct ew_mono t);
struct port *ew_port_live(const struct ew_identity *identity, uint32_t ifindex);
struct port *ew_port_by_name(const struct ew_identity *identity, const char *name);
struct port *ew_port_assume(struct ew_identity *identity, uint32_t ifindex,
    struct net *net, struct ew_mono from, struct ew_mono to);
void ew_port_tell(struct ew_identity *identity, struct port *port);
/* The bridge's host addresses changed: its ports have another domain now. */
void ew_port_retell_bridge(struct ew_identity *identity, uint32_t bridge_ifindex);
void ew_port_set_seat(struct ew_identity *identity, struct port *port,
    struct seat *seat);

struct seat *ew_seat_new(struct ew_identity *identity, int32_t nsid,
    struct ew_mono from);
struct seat *ew_seat_by_nsid(const struct ew_identity *identity, int32_t nsid);
void ew_seat_end(struct ew_identity *identity, struct seat *seat, struct ew_mono at);
void ew_seat_join(struct ew_identity *identity, struct seat *seat, struct inst *inst,
    struct ew_mono now);
void ew_seat_match(struct ew_identity *identity, struct seat *seat, struct lease *seen,
    struct ew_mono now);
void ew_seat_prune(struct ew_identity *identity, struct ew_mono before);
void ew_seat_free_all(struct ew_identity *identity);
void ew_seat_forget(struct ew_identity *identity, const struct inst *inst);
void ew_seat_leave(struct seat *seat, const struct inst *inst);
/* A member stopped; with the last one the leases end. */
void ew_seat_member_stopped(struct ew_identity *identity, struct seat *seat,
    struct ew_mono at);
/* Find or make the seat of an instance, and give it the leases the runtime told. */
void ew_seat_place(struct ew_identity *identity, struct inst *inst, struct ew_mono now);
/* What the runtime alone knew as `from` is the namespace `into`. */
void ew_seat_absorb(struct ew_identity *identity, struct seat *into, struct seat *from,
    struct ew_mono now);
/* The member that stands for the seat at t; counts those alive then. NULL: none. */
struct inst *ew_seat_member(const struct seat *seat, struct ew_mono t,
    uint32_t *ret_alive, bool *ret_same_workload);
void ew_place_free_all(struct ew_identity *identity);
void ew_place_prune(struct ew_identity *identity, struct ew_mono before);

struct lease *ew_lease_open(struct ew_identity *identity, struct seat *seat,
    const struct ew_addr *addr, const uint8_t *mac, struct net *net,
    struct ew_mono from);
void ew_lease_end(struct ew_identity *identity, struct lease *lease, struct ew_mono at);
void ew_lease_set_net(struct lease *lease, struct net *net);
void ew_lease_free(struct ew_identity *identity, struct lease *lease);
void ew_lease_tell(struct ew_identity *identity, const struct lease *lease);
struct ew_lease ew_lease_public(const struct lease *lease, struct ew_mono at);
/* The live lease of addr (or MAC) on this seat. */
struct lease *ew_lease_on_seat(const struct seat *seat, const struct ew_addr *addr,
    struct ew_mono t);

struct lease_found {
	struct lease *live, *soon, *tomb;
	bool contested;
};
/* domain as in ew_tuple; prefer: the other end's network, NULL none. */
void ew_lease_find(const struct ew_identity *identity, const struct ew_addr *addr,
    uint32_t domain, const struct net *prefer, struct ew_mono t,
    struct lease_found *ret_found);
struct lease *ew_lease_by_mac(const struct ew_identity *identity, const uint8_t mac[6],
    struct ew_mono t);

/* --- resolve.c: the two ends of a flow --- */
enum outcome { OUTCOME_BOUND, OUTCOME_FOLDED, OUTCOME_WAITS };
/*
 * Find both ends of a flow from its first event and what is proven since. is_final: decide
 * with what is known. WAITS fills ret_for.
 */
enum outcome ew_resolve(struct ew_identity *identity, struct flow *flow,
    const struct ew_flow_event *ev, const struct proof *proof, struct ew_mono now,
    bool is_final, struct wait_for *ret_for);

/* Stand-ins for namespaces that no runtime will name. */
void ew_resolve_unnamed(struct ew_identity *identity);

/* --- spoof.c --- */
uint8_t ew_spoof_check(struct ew_identity *identity, const struct seat *seat,
    struct port *port, const struct ew_flow_event *ev, struct ew_mono t);

/* --- bind.c: flows and their bindings --- */
struct flow *ew_flow_find(const struct ew_identity *identity, uint64_t id);
void ew_bind_drain(struct ew_identity *identity, struct ew_mono until, bool is_final);
void ew_bind_free_all(struct ew_identity *identity);

/* --- wait.c --- */
struct wait_table *ew_wait_new(uint64_t seed);
void ew_wait_table_free(struct wait_table *table);
/* Flows that wait for this fact are looked at again at the next turn. */
void ew_wait_wake(struct ew_identity *identity, enum wait_reason reason, uint64_t key);
uint64_t ew_wait_addr_key(const struct ew_identity *identity,
    const struct ew_addr *addr);
/* Begin or change what a flow waits for. */
void ew_wait_park(struct ew_identity *identity, struct flow *flow,
    const struct wait_for *what, const struct proof *proof);
/* False when the bound on waiting events is reached. */
bool ew_wait_keep(struct ew_identity *identity, struct flow *flow,
    const struct ew_flow_event *ev);
/* A woken flow, in order of arrival, else one whose time is up by then; NULL none. */
struct flow *ew_wait_next(struct ew_identity *identity, struct ew_mono until,
    struct ew_mono *ret_at);
/* The flow waits no more. Its events, for ew_wait_free_events. */
struct kept_event *ew_wait_end(struct ew_identity *identity, struct flow *flow);
void ew_wait_free_events(struct ew_identity *identity, struct kept_event *events);
struct flow *ew_wait_oldest(const struct ew_identity *identity);
