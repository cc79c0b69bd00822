/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop thread's half of the writing door: copy a record of the pipeline into one of the
 * rings, and nothing else. Workloads are told once by name and from then on travel as small
 * ids of ours; instances and networks are told by their owners' calls and keep theirs.
 */
#include "store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/text.h"
#include "identity/contact.h"
#include "identity/identity.h"
#include "store/store_priv.h"

#define WORKLOAD_IDS_MAX (1u << 24)
#define HEAD(k, record) ((struct rec_head){ .kind = (k), .size = sizeof(record) })

static int64_t
us(int64_t ns)
{
	return ns / EW_NS_PER_US;
}

static uint32_t
tell(struct ew_store *store, const struct ew_workload *workload)
{
	struct rec_name r = { .head = HEAD(REC_NAME, r),
		.id = ++store->last_name,
		.cls = workload->cls };

	(void)ew_text_copy_bytes(r.name, sizeof(r.name), workload->name,
	    strnlen(workload->name, sizeof(workload->name)));
	store_put(store, &store->urgent, &r.head);
	return r.id;
}

/*
 * Workloads that the graph knows from the database only, before identity has seen them,
 * have no id of their own: they are known by name.
 */
static uint32_t
told_by_name(struct ew_store *store, const struct ew_workload *workload)
{
	struct store_names *n = &store->names;
	const size_t length = strnlen(workload->name, sizeof(workload->name));
	const uint64_t hash = ew_hash(workload->name, length, 0) | 1;

	if (n->used * 2 >= n->capacity) {
		const struct store_names old = *n;

		n->capacity = old.capacity ? old.capacity * 2 : 256;
		n->slots = ew_alloc_array(n->capacity, sizeof(*n->slots));
		for (size_t i = 0; i < old.capacity; i++) {
			size_t at = old.slots[i].hash & (n->capacity - 1);

			while (old.slots[i].hash && n->slots[at].hash)
				at = (at + 1) & (n->capacity - 1);
			if (old.slots[i].hash)
				n->slots[at] = old.slots[i];
		}
		free(old.slots);
	}
	size_t at = hash & (n->capacity - 1);

	/* 63 bits of hash stand for the name: a collision is not expected in this universe. */
	while (n->slots[at].hash && n->slots[at].hash != hash)
		at = (at + 1) & (n->capacity - 1);
	if (!n->slots[at].hash) {
		n->slots[at].hash = hash;
		n->slots[at].id = tell(store, workload);
		n->used++;
	}
	return n->slots[at].id;
}

/* The id under which the writer knows this workload; 0 for none. */
static uint32_t
told(struct ew_store *store, const struct ew_workload *workload)
{
	if (!workload)
		return 0;
	if (workload->id > WORKLOAD_IDS_MAX)
		return told_by_name(store, workload);
	if (workload->id >= store->n_name_ids) {
		const size_t n = ((size_t)workload->id + 1) * 2 + 256;

		store->name_ids =
		    ew_realloc_array(store->name_ids, n, sizeof(*store->name_ids));
		memset(store->name_ids + store->n_name_ids, 0,
		    (n - store->n_name_ids) * sizeof(*store->name_ids));
		store->n_name_ids = n;
	}
	uint32_t *id = &store->name_ids[workload->id];

	if (*id == 0)
		*id = tell(store, workload);
	return *id;
}

static void
put_urgent(struct ew_store *store, struct rec_head *head)
{
	store_put(store, &store->urgent, head);
	if (!store->in_group)
		store_wake(store);
}

/* Names come from containers: what is no UTF-8 must not enter a TEXT column. */
static void
clean(char *text, size_t size, const char *source, size_t source_size)
{
	(void)ew_text_copy_bytes(text, size, source, strnlen(source, source_size));
}

static uint32_t
traits(const struct ew_contact *c, enum ew_verdict verdict)
{
	const struct ew_flow_event *ev = c->ev;
	const bool is_exact = ev->tuple.proto != 6 || (ev->flags & EW_FLOW_F_EXACT);

	return (uint32_t)(ev->conn_state & 15) | (uint32_t)verdict << 4 |
	    (uint32_t)(c->direction & 7) << 7 |
	    (uint32_t)(c->src.attribution & 7) << 10 |
	    (uint32_t)(c->dst.attribution & 7) << 13 |
	    (uint32_t)((ev->flags & EW_FLOW_F_DIR_KNOWN) != 0) << 16 |
	    (uint32_t)is_exact << 17 |
	    (uint32_t)((ev->flags & EW_FLOW_F_GAP) != 0) << 18 |
	    (uint32_t)(ev->kind != EW_FLOW_CLOSE) << 19 |
	    (uint32_t)(c->resolved & 3) << 20;
}

bool
ew_store_flow(struct ew_store *store, const struct ew_contact *contact,
    const struct ew_edge *edge, enum ew_verdict verdict)
{
	const struct ew_flow_event *ev = contact->ev;
	const struct ew_tuple *t = &ev->tuple;
	struct rec_flow r = {
		.head = HEAD(REC_FLOW, r),
		.flow_id = ev->flow_id,
		.parent_id = ev->parent_id,
		.first_us = us(ev->first_ns),
		.last_us = us(ev->last_ns < ev->first_ns ? ev->first_ns : ev->last_ns),
		.src_addr = t->src,
		.dst_addr = t->dst,
		.nat_dst = contact->nat_dst,
		.src = told(store, contact->src.workload),
		.dst = told(store, contact->dst.workload),
		.src_instance = contact->src.instance,
		.dst_instance = contact->dst.instance,
		.domain = t->domain,
		.traits = traits(contact, verdict),
		.src_port = t->sport,
		.dst_port = t->dport,
		.nat_dst_port = contact->nat_dst_port,
		.edge_port = edge ? edge->port : contact->edge_port,
		.vlan = { ev->vlan[0], ev->vlan[1] },
		.proto = t->proto,
		.has_nat = contact->has_nat,
		.is_open = ev->kind != EW_FLOW_CLOSE,
		.has_pkts = t->proto != 6 || (ev->flags & EW_FLOW_F_EXACT),
	};

	for (int i = 0; i < 2; i++) {
		r.bytes[i] = (int64_t)(ev->side[i].bytes & INT64_MAX);
		r.pkts[i] = (int64_t)(ev->side[i].pkts & INT64_MAX);
	}
	memcpy(r.history, ev->history, sizeof(r.history));
	r.history[sizeof(r.history) - 1] = '\0';
	if (store_offer(store, &store->bulk, &r.head))
		return true;
	__atomic_fetch_add(&store->counts.flows_refused, 1, __ATOMIC_RELAXED);
	return false;
}

static void
put_edge(struct ew_store *store, const struct ew_edge *edge, enum rec_kind kind)
{
	struct rec_edge r = { .head = HEAD(kind, r),
		.src = told(store, edge->src),
		.dst = told(store, edge->dst),
		.edge = *edge };

	r.edge.src = r.edge.dst = NULL;
	store_put(store, &store->bulk, &r.head);
}

void
ew_store_edge(struct ew_store *store, const struct ew_edge *edge)
{
	put_edge(store, edge, REC_EDGE);
}

void
ew_store_edge_removed(struct ew_store *store, const struct ew_edge *edge)
{
	put_edge(store, edge, REC_EDGE_REMOVED);
}

void
ew_store_workload(struct ew_store *store, const struct ew_workload_record *record)
{
	struct rec_workload r = { .head = HEAD(REC_WORKLOAD, r), .record = *record };

	clean(r.record.name, sizeof(r.record.name), record->name, sizeof(record->name));
	clean(r.record.group, sizeof(r.record.group), record->group,
	    sizeof(record->group));
	clean(r.record.image_repo, sizeof(r.record.image_repo), record->image_repo,
	    sizeof(record->image_repo));
	store_put(store, &store->bulk, &r.head);
}

void
ew_store_workload_removed(struct ew_store *store, const char *name)
{
	struct rec_workload r = { .head = HEAD(REC_WORKLOAD_REMOVED, r) };

	clean(r.record.name, sizeof(r.record.name), name, sizeof(r.record.name));
	store_put(store, &store->bulk, &r.head);
}

void
ew_store_graph_meta(struct ew_store *store, const struct ew_graph_record *record)
{
	struct rec_meta r = { .head = HEAD(REC_META, r), .record = *record };

	store_put(store, &store->bulk, &r.head);
}

void
ew_store_instance(struct ew_store *store, const struct ew_instance *instance)
{
	struct rec_instance r = { .head = HEAD(REC_INSTANCE, r),
		.id = instance->id,
		.workload = told(store, instance->workload),
		.posture = instance->posture,
		.labels = instance->labels,
		.started_us = us(instance->started.ns),
		.stopped_us = us(instance->stopped.ns),
		.spec_hash = instance->spec_hash };

	clean(r.cid, sizeof(r.cid), instance->cid, sizeof(instance->cid));
	clean(r.name, sizeof(r.name), instance->name, sizeof(instance->name));
	clean(r.hostname, sizeof(r.hostname), instance->hostname,
	    sizeof(instance->hostname));
	clean(r.image, sizeof(r.image), instance->image, sizeof(instance->image));
	clean(r.runtime, sizeof(r.runtime), instance->runtime,
	    sizeof(instance->runtime));
	put_urgent(store, &r.head);
}

void
ew_store_network(struct ew_store *store, const struct ew_network *network)
{
	struct rec_network r = { .head = HEAD(REC_NETWORK, r),
		.id = network->id,
		.from_us = us(network->from.ns),
		.to_us = us(network->to.ns),
		.info = network->info };

	clean(r.info.id, sizeof(r.info.id), network->info.id, sizeof(network->info.id));
	clean(r.info.name, sizeof(r.info.name), network->info.name,
	    sizeof(network->info.name));
	clean(r.info.bridge, sizeof(r.info.bridge), network->info.bridge,
	    sizeof(network->info.bridge));
	put_urgent(store, &r.head);
}

void
ew_store_lease(struct ew_store *store, const struct ew_lease *lease)
{
	struct rec_lease r = { .head = HEAD(REC_LEASE, r),
		.addr = lease->addr,
		.has_mac = lease->has_mac,
		.host_ifindex = lease->host_ifindex,
		.instance = lease->instance,
		.network = lease->network,
		.workload = told(store, lease->workload),
		.members = lease->n_members,
		.from_us = us(lease->from.ns),
		.to_us = us(lease->to.ns) };

	memcpy(r.mac, lease->mac, sizeof(r.mac));
	put_urgent(store, &r.head);
}

void
ew_store_inventory_ready(struct ew_store *store)
{
	struct rec_head r = { .kind = REC_READY, .size = sizeof(r) };

	put_urgent(store, &r);
}

void
ew_store_signal(struct ew_store *store, const struct ew_signal *signal,
    uint64_t incident_id)
{
	struct rec_signal r = { .head = HEAD(REC_SIGNAL, r),
		.incident_id = incident_id,
		.src = told(store, signal->src),
		.dst = told(store, signal->dst),
		.signal = *signal };

	r.signal.src = r.signal.dst = NULL;
	r.signal.detector = NULL;
	(void)ew_text_copy(r.detector, sizeof(r.detector),
	    signal->detector ? signal->detector : "unknown");
	for (size_t i = 0; i < 4; i++) {
		if (signal->technique[i])
			(void)ew_text_copy(r.technique[i], REC_TECHNIQUE_MAX,
			    signal->technique[i]);
		r.signal.technique[i] = NULL;
	}
	put_urgent(store, &r.head);
}

void
ew_store_incident(struct ew_store *store, const struct ew_incident *incident)
{
	struct rec_incident *r = store->incident_scratch;

	memset(r, 0, sizeof(*r));
	r->head = HEAD(REC_INCIDENT, *r);
	r->incident = *incident;
	r->src = told(store, incident->src);
	r->incident.src = NULL;
	for (size_t i = 0; i < EW_INCIDENT_TARGETS_MAX; i++) {
		if (i < incident->n_targets)
			r->targets[i] = told(store, incident->targets[i].workload);
		r->incident.targets[i].workload = NULL;
	}
	for (size_t i = 0; i < EW_INCIDENT_PATH_MAX; i++) {
		if (i < incident->n_path) {
			r->path[i][0] = told(store, incident->path[i].from);
			r->path[i][1] = told(store, incident->path[i].to);
		}
		r->incident.path[i].from = r->incident.path[i].to = NULL;
	}
	for (size_t i = 0; i < 16; i++) {
		if (i < incident->n_techniques && incident->techniques[i])
			(void)ew_text_copy(r->techniques[i], REC_TECHNIQUE_MAX,
			    incident->techniques[i]);
		if (i < incident->n_detectors && incident->detectors[i])
			(void)ew_text_copy(r->detectors[i], sizeof(r->detectors[i]),
			    incident->detectors[i]);
		r->incident.techniques[i] = r->incident.detectors[i] = NULL;
	}
	put_urgent(store, &r->head);
}

void
ew_store_decision(struct ew_store *store, const struct ew_decision_record *decision)
{
	struct rec_decision r = { .head = HEAD(REC_DECISION, r), .record = *decision };

	put_urgent(store, &r.head);
}

void
ew_store_gap(struct ew_store *store, const struct ew_health *health)
{
	struct rec_gap r = { .head = HEAD(REC_GAP, r), .health = *health };

	put_urgent(store, &r.head);
}

void
ew_store_begin(struct ew_store *store)
{
	assert(!store->in_group);
	store->in_group = true;
	store->urgent.grouped = 0;
}

void
ew_store_end(struct ew_store *store)
{
	struct rec_head r = { .kind = REC_END, .size = sizeof(r) };

	assert(store->in_group);
	store->in_group = false;
	if (store->urgent.grouped == 0)
		return; /* nothing happened: the usual turn of the loop */
	store_put(store, &store->urgent, &r);
	store_wake(store);
}

void
ew_store_message(struct ew_store *store, const struct ew_message *message,
    const char *const *targets, size_t n_targets)
{
	struct rec_message *r = store->message_scratch;

	memset(r, 0, sizeof(*r));
	r->head = HEAD(REC_MESSAGE, *r);
	r->message = *message;
	for (size_t i = 0; i < n_targets && i < REC_TARGETS_MAX; i++)
		clean(r->targets[r->n_targets++], sizeof(r->targets[0]), targets[i],
		    sizeof(r->targets[0]));
	put_urgent(store, &r->head);
}

void
ew_store_outbox_result(struct ew_store *store, const struct ew_outbox_result *result,
    struct ew_wall at)
{
	struct rec_result r = { .head = HEAD(REC_RESULT, r),
		.at_us = at.us,
		.result = *result };

	clean(r.result.answer, sizeof(r.result.answer), result->answer,
	    sizeof(result->answer));
	put_urgent(store, &r.head);
}

void
ew_store_outbox_replay(struct ew_store *store, uint64_t message_id, const char *target,
    struct ew_wall at)
{
	struct rec_replay r = { .head = HEAD(REC_REPLAY, r),
		.message_id = message_id,
		.at_us = at.us };

	clean(r.target, sizeof(r.target), target, sizeof(r.target));
	put_urgent(store, &r.head);
}

void
ew_store_detector_begin(struct ew_store *store)
{
	struct rec_head r = { .kind = REC_STATE_BEGIN, .size = sizeof(r) };

	store->state_broken = false;
	store_put(store, &store->bulk, &r);
}

void
ew_store_detector(struct ew_store *store, const struct ew_detect_record *record)
{
	struct rec_state r = { .head = HEAD(REC_STATE, r), .record = *record };
	const size_t used =
	    record->size < EW_DETECT_DATA_MAX ? record->size : EW_DETECT_DATA_MAX;

	r.record.size = (uint16_t)used;
	r.head.size = (uint32_t)(offsetof(struct rec_state, record.data) + used);
	store_put(store, &store->bulk, &r.head);
}

void
ew_store_detector_end(struct ew_store *store)
{
	struct rec_head r = { .kind = REC_STATE_END, .size = sizeof(r) };

	/* A set with a hole must not replace a whole one. */
	if (!store->state_broken)
		store_put(store, &store->bulk, &r);
}
