/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of message.h as bytes. One function per record (walk_...) both writes and
 * reads it; the table at the end joins type, record and function. What is read is checked:
 * counts against their arrays, enums against their last value, text against its field, and
 * nothing may be left over.
 *
 * The header carries a version. Both processes are one binary, so another version means
 * that a daemon was replaced under a running one: refuse, do not guess.
 */
#include "proc/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "graph/record.h"
#include "proc/wire_priv.h"

#define MAGIC 0x4557 /* "EW" */
#define VERSION 1
#define HEADER_SIZE 8

#define TEXT(w, field) ew_wire_text(w, field, sizeof(field))

static void
walk_runtime(struct ew_wire *w, void *record)
{
	struct ew_runtime_status *r = record;

	TEXT(w, r->name);
	TEXT(w, r->version);
	TEXT(w, r->api);
	TEXT(w, r->sentence);
	ew_wire_flag(w, &r->is_connected);
	ew_wire_flag(w, &r->is_configured);
	ew_wire_u64(w, &r->errors);
	ew_wire_u32(w, &r->instances);
}

static void
walk_instance_iface(struct ew_wire *w, struct ew_instance_iface *iface)
{
	TEXT(w, iface->network);
	ew_wire_u32(w, &iface->ifindex);
	ew_wire_bytes(w, iface->mac, sizeof(iface->mac));
	ew_wire_flag(w, &iface->has_mac);
	ew_wire_upto(w, &iface->n_addrs, EW_IFACE_ADDRS_MAX);
	for (unsigned i = 0; i < iface->n_addrs; i++)
		ew_wire_addr(w, &iface->addrs[i]);
	ew_wire_i64(w, &iface->from.ns);
	ew_wire_i64(w, &iface->to.ns);
}

static void
walk_instance(struct ew_wire *w, void *record)
{
	struct ew_instance_info *r = record;

	TEXT(w, r->cid);
	TEXT(w, r->name);
	TEXT(w, r->hostname);
	TEXT(w, r->image);
	TEXT(w, r->runtime);
	TEXT(w, r->workload);
	TEXT(w, r->netns_of);
	ew_wire_u64(w, &r->spec_hash);
	ew_wire_i32(w, &r->pid);
	ew_wire_u16(w, &r->posture);
	ew_wire_i64(w, &r->started.ns);
	ew_wire_i64(w, &r->stopped.ns);
	ew_wire_flag(w, &r->host_network);
	ew_wire_upto(w, &r->n_labels, EW_LABELS_MAX);
	for (unsigned i = 0; i < r->n_labels; i++) {
		TEXT(w, r->labels[i].key);
		TEXT(w, r->labels[i].value);
	}
	ew_wire_upto(w, &r->n_ifaces, EW_INSTANCE_IFACES_MAX);
	for (unsigned i = 0; i < r->n_ifaces; i++)
		walk_instance_iface(w, &r->ifaces[i]);
	ew_wire_upto(w, &r->n_published, EW_PUBLISHED_MAX);
	for (unsigned i = 0; i < r->n_published; i++) {
		ew_wire_addr(w, &r->published[i].host_addr);
		ew_wire_u16(w, &r->published[i].host_port);
		ew_wire_u16(w, &r->published[i].port);
		ew_wire_u8(w, &r->published[i].proto);
	}
}

static void
walk_gone(struct ew_wire *w, void *record)
{
	struct ew_gone *r = record;

	TEXT(w, r->runtime);
	TEXT(w, r->id);
	ew_wire_i64(w, &r->at.ns);
}

static void
walk_network(struct ew_wire *w, void *record)
{
	struct ew_network_info *r = record;

	TEXT(w, r->id);
	TEXT(w, r->name);
	TEXT(w, r->bridge);
	ew_wire_flag(w, &r->is_internal);
	ew_wire_flag(w, &r->icc_disabled);
	ew_wire_upto(w, &r->n_subnets, EW_NETWORK_SUBNETS_MAX);
	for (unsigned i = 0; i < r->n_subnets; i++) {
		ew_wire_addr(w, &r->subnets[i].addr);
		ew_wire_upto(w, &r->subnets[i].bits, 128);
	}
	ew_wire_upto(w, &r->n_gateways, EW_NETWORK_SUBNETS_MAX);
	for (unsigned i = 0; i < r->n_gateways; i++)
		ew_wire_addr(w, &r->gateways[i]);
}

static void
walk_service(struct ew_wire *w, void *record)
{
	struct ew_service_info *r = record;

	ew_wire_addr(w, &r->addr);
	ew_wire_u16(w, &r->port);
	ew_wire_u8(w, &r->proto);
	ew_wire_upto(w, &r->n_backends, EW_SERVICE_BACKENDS_MAX);
	for (unsigned i = 0; i < r->n_backends; i++) {
		TEXT(w, r->backends[i].cid);
		ew_wire_u16(w, &r->backends[i].port);
	}
}

static void
walk_resolver(struct ew_wire *w, void *record)
{
	struct ew_resolver_info *r = record;

	ew_wire_addr(w, &r->addr);
}

static void
walk_result(struct ew_wire *w, void *record)
{
	struct ew_outbox_result *r = record;

	ew_wire_u64(w, &r->id);
	TEXT(w, r->target);
	ew_wire_upto(w, &r->outcome, EW_OUTBOX_RETURNED);
	ew_wire_u16(w, &r->attempt);
	ew_wire_u16(w, &r->http_status);
	TEXT(w, r->answer);
	ew_wire_i64(w, &r->next_us);
}

static void
walk_control(struct ew_wire *w, void *record)
{
	struct ew_control_request *r = record;

	ew_wire_u32(w, &r->request_id);
	ew_wire_u32(w, &r->uid);
	ew_wire_i32(w, &r->pid);
	ew_wire_upto(w, &r->verb, EW_CONTROL_VERBS - 1);
	ew_wire_upto(w, &r->action, EW_ACT_RELEARN);
	ew_wire_upto(w, &r->decision, EW_DECISION_SNOOZED);
	ew_wire_u16(w, &r->labels);
	ew_wire_u64(w, &r->incident_id);
	ew_wire_u64(w, &r->message_id);
	ew_wire_u64(w, &r->undoes);
	ew_wire_i64(w, &r->ttl_ns);
	TEXT(w, r->pattern);
	TEXT(w, r->target);
	TEXT(w, r->who);
	TEXT(w, r->why);
}

static void
walk_status_request(struct ew_wire *w, void *record)
{
	struct ew_status_request *r = record;

	ew_wire_u32(w, &r->request_id);
	ew_wire_upto(w, &r->what, EW_STATUS_COUNTERS);
}

static void
walk_alert(struct ew_wire *w, struct ew_message *m)
{
	ew_wire_u64(w, &m->id);
	ew_wire_u64(w, &m->incident_id);
	ew_wire_i64(w, &m->created_us);
	ew_wire_i64(w, &m->opened_us);
	ew_wire_i64(w, &m->updated_us);
	ew_wire_upto(w, &m->kind, EW_MSG_HEALTH);
	ew_wire_upto(w, &m->tier, EW_TIER_PAGE);
	ew_wire_i16(w, &m->score);
	ew_wire_u16(w, &m->sequence);
	ew_wire_u8(w, &m->gaps);
	ew_wire_u32(w, &m->more_targets);
	TEXT(w, m->node);
	TEXT(w, m->title);
	TEXT(w, m->src_workload);
	TEXT(w, m->src_instance);
	TEXT(w, m->image);
	TEXT(w, m->path);
	TEXT(w, m->techniques);
	TEXT(w, m->baseline);
	TEXT(w, m->posture);
	TEXT(w, m->benign);
	ew_wire_upto(w, &m->n_targets, EW_MESSAGE_TARGETS);
	for (unsigned i = 0; i < m->n_targets; i++)
		TEXT(w, m->targets[i]);
	ew_wire_upto(w, &m->n_reasons, EW_MESSAGE_REASONS);
	for (unsigned i = 0; i < m->n_reasons; i++) {
		ew_wire_i16(w, &m->reasons[i].points);
		TEXT(w, m->reasons[i].text);
	}
	ew_wire_upto(w, &m->n_lines, EW_MESSAGE_LINES);
	for (unsigned i = 0; i < m->n_lines; i++)
		TEXT(w, m->lines[i]);
}

static void
walk_delivery(struct ew_wire *w, void *record)
{
	struct ew_outbox_delivery *r = record;

	walk_alert(w, &r->message);
	TEXT(w, r->target);
	ew_wire_u16(w, &r->attempt);
	ew_wire_i64(w, &r->not_before_us);
}

static void
walk_reply(struct ew_wire *w, void *record)
{
	struct ew_control_reply *r = record;

	ew_wire_u32(w, &r->request_id);
	ew_wire_i32(w, &r->code);
	ew_wire_u64(w, &r->id);
	ew_wire_u32(w, &r->count);
	TEXT(w, r->sentence);
}

static void
walk_items(struct ew_wire *w, void *record)
{
	struct ew_status_items *r = record;

	ew_wire_u32(w, &r->request_id);
	ew_wire_flag(w, &r->is_last);
	ew_wire_upto(w, &r->n_items, EW_STATUS_ITEMS_MAX);
	for (unsigned i = 0; i < r->n_items; i++) {
		ew_wire_upto(w, &r->items[i].kind, EW_ITEM_COUNTER);
		ew_wire_upto(w, &r->items[i].level, EW_LOG_BROKEN);
		TEXT(w, r->items[i].name);
		TEXT(w, r->items[i].unit);
		TEXT(w, r->items[i].text);
		ew_wire_u64(w, &r->items[i].value);
	}
}

static const struct shape {
	const char *name;
	void (*walk)(struct ew_wire *w, void *record); /* NULL: no record */
	size_t size;
} shapes[EW_PROC_TYPES] = {
	[EW_PROC_RUNTIME] = { "runtime", walk_runtime,
	    sizeof(struct ew_runtime_status) },
	[EW_PROC_INSTANCE] = { "instance", walk_instance,
	    sizeof(struct ew_instance_info) },
	[EW_PROC_INSTANCE_GONE] = { "instance-gone", walk_gone,
	    sizeof(struct ew_gone) },
	[EW_PROC_NETWORK] = { "network", walk_network, sizeof(struct ew_network_info) },
	[EW_PROC_NETWORK_GONE] = { "network-gone", walk_gone, sizeof(struct ew_gone) },
	[EW_PROC_SERVICE] = { "service", walk_service, sizeof(struct ew_service_info) },
	[EW_PROC_RESOLVER] = { "resolver", walk_resolver,
	    sizeof(struct ew_resolver_info) },
	[EW_PROC_INVENTORY_READY] = { "inventory-ready", walk_runtime,
	    sizeof(struct ew_runtime_status) },
	[EW_PROC_OUTBOX_RESULT] = { "outbox-result", walk_result,
	    sizeof(struct ew_outbox_result) },
	[EW_PROC_CONTROL] = { "control", walk_control,
	    sizeof(struct ew_control_request) },
	[EW_PROC_STATUS_REQUEST] = { "status-request", walk_status_request,
	    sizeof(struct ew_status_request) },
	[EW_PROC_DELIVER] = { "deliver", walk_delivery,
	    sizeof(struct ew_outbox_delivery) },
	[EW_PROC_CONTROL_REPLY] = { "control-reply", walk_reply,
	    sizeof(struct ew_control_reply) },
	[EW_PROC_STATUS_ITEMS] = { "status-items", walk_items,
	    sizeof(struct ew_status_items) },
	[EW_PROC_RELOAD] = { "reload", NULL, 0 },
	[EW_PROC_STOP] = { "stop", NULL, 0 },
};

const char *
ew_proc_type_name(enum ew_proc_type type)
{
	return (unsigned)type < EW_PROC_TYPES ? shapes[type].name : NULL;
}

int
ew_proc_encode(enum ew_proc_type type, const void *record, void *ret_bytes, size_t size,
    size_t *ret_length)
{
	assert(ew_proc_type_name(type) && !record == !shapes[type].walk);
	struct ew_wire w = { .out = ret_bytes, .out_size = size };
	uint16_t magic = MAGIC;
	uint8_t version = VERSION;
	uint8_t code = (uint8_t)type;
	uint32_t length = 0;

	ew_wire_u16(&w, &magic);
	ew_wire_u8(&w, &version);
	ew_wire_u8(&w, &code);
	ew_wire_u32(&w, &length);
	if (shapes[type].walk) {
		/* A walk takes a record it may write to, so it gets a copy. */
		void *copy = ew_alloc(shapes[type].size);
		memcpy(copy, record, shapes[type].size);
		shapes[type].walk(&w, copy);
		free(copy);
	}
	if (w.failed)
		return EW_ERR_LIMIT;
	*ret_length = w.out_length;
	length = (uint32_t)w.out_length;
	w.out_length = HEADER_SIZE - sizeof(length);
	ew_wire_u32(&w, &length);
	return 0;
}

int
ew_proc_decode(const void *bytes, size_t size, enum ew_proc_type *ret_type,
    union ew_proc_record *ret_record)
{
	struct ew_wire w = { .is_reading = true, .in = ew_cursor_over(bytes, size) };
	uint16_t magic = 0;
	uint8_t version = 0, type = 0;
	uint32_t length = 0;

	ew_wire_u16(&w, &magic);
	ew_wire_u8(&w, &version);
	ew_wire_u8(&w, &type);
	ew_wire_u32(&w, &length);
	if (w.failed)
		return EW_ERR_TRUNCATED;
	if (magic != MAGIC || type >= EW_PROC_TYPES || !shapes[type].name)
		return EW_ERR_FORMAT;
	if (version != VERSION)
		return EW_ERR_VERSION;
	if (length != size)
		return length > size ? EW_ERR_TRUNCATED : EW_ERR_FORMAT;
	memset(ret_record, 0, sizeof(*ret_record));
	if (shapes[type].walk)
		shapes[type].walk(&w, ret_record);
	if (w.in.failed)
		return EW_ERR_TRUNCATED;
	if (w.failed || ew_cursor_left(&w.in) > 0)
		return EW_ERR_FORMAT;
	*ret_type = (enum ew_proc_type)type;
	return 0;
}
