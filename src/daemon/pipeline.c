/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * The one file that knows every stage. Each stage reports through callbacks it was given
 * here and names none of its successors; this file hands the records on:
 *
 *   flow event -> identity -> on_contact -> graph -> detect -> on_signal -> alert
 *                                 |                               |           |
 *                                 +---- flow rows ---- store -----+-----------+-> message
 *
 * It owns the stages and the pipeline's clock (`now`, the watermark), which it never turns
 * back. Loop thread only. What the store keeps and how it comes back is in persist.c.
 */
#include "daemon/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/text.h"
#include "daemon/pipeline_priv.h"
#include "flow/event.h"
#include "identity/contact.h"
#include "store/store.h"

/* Deadlines of all stages lie within this of the last event, digest and idle close apart. */
#define FINISH_STEP_NS EW_NS_PER_S
#define FINISH_STEPS 900

/* --- signals and incidents ------------------------------------------------------------------ */

static void
transaction_begin(struct ew_pipeline *p)
{
	if (p->store && p->transactions++ == 0)
		ew_store_begin(p->store);
}

static void
transaction_end(struct ew_pipeline *p)
{
	if (p->store && --p->transactions == 0)
		ew_store_end(p->store);
}

static void
on_signal(void *context, const struct ew_signal *signal)
{
	struct ew_pipeline *p = context;

	if (!signal->is_update)
		p->signals++;
	transaction_begin(p);
	const uint64_t incident_id = ew_alert_feed(p->alert, signal, p->now);

	if (p->store)
		ew_store_signal(p->store, signal, incident_id);
	if (p->sink.signal)
		p->sink.signal(p->sink.context, signal);
	transaction_end(p);
}

static void
on_incident(void *context, const struct ew_incident *incident,
    const struct ew_signal *signal)
{
	struct ew_pipeline *p = context;

	(void)signal;
	if (incident->opened_ns > p->newest_incident_ns ||
	    (incident->opened_ns == p->newest_incident_ns &&
		incident->id != p->newest_incident)) {
		p->newest_incident_ns = incident->opened_ns;
		p->newest_incident = incident->id;
		p->incidents++;
	}
	if (incident->state == EW_INCIDENT_MERGED && p->incidents)
		p->incidents--;
	if (p->store)
		ew_store_incident(p->store, incident);
	if (p->sink.incident)
		p->sink.incident(p->sink.context, incident);
}

static void
on_message(void *context, const struct ew_message *message)
{
	struct ew_pipeline *p = context;

	if (p->sink.message)
		p->sink.message(p->sink.context, message);
}

static void
on_freeze(void *context, struct ew_workload *workload, bool on)
{
	struct ew_pipeline *p = context;

	ew_graph_freeze(p->graph, workload, on, p->now);
}

static void
describe_posture(uint16_t posture, char *ret_text, size_t size)
{
	static const struct {
		uint16_t bit;
		const char *word;
	} words[] = {
		{ EW_POSTURE_PRIVILEGED, "privileged" },
		{ EW_POSTURE_RUNTIME_SOCKET, "holds a runtime socket" },
		{ EW_POSTURE_HOST_PID, "host process namespace" },
		{ EW_POSTURE_HOST_NETWORK, "host network" },
		{ EW_POSTURE_CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
		{ EW_POSTURE_CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		{ EW_POSTURE_CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
		{ EW_POSTURE_PUBLISHED, "published port" },
	};
	struct ew_text text;

	ew_text_init(&text, size - 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (posture & words[i].bit)
			ew_text_addf(&text, "%s%s", text.length ? ", " : "",
			    words[i].word);
	}
	(void)ew_text_copy(ret_text, size, text.text);
	ew_text_fini(&text);
}

static void
on_describe(void *context, struct ew_workload *workload, uint32_t instance,
    struct ew_alert_context *ret_context)
{
	struct ew_pipeline *p = context;
	struct ew_workload_view view;

	if (ew_graph_view(p->graph, workload, p->now, &view)) {
		char age[EW_TIME_TEXT];
		const int64_t hours = view.age_ns / (3600 * EW_NS_PER_S);

		if (hours >= 48)
			(void)snprintf(age, sizeof(age), "%lld days",
			    (long long)(hours / 24));
		else if (hours >= 1)
			(void)snprintf(age, sizeof(age), "%lld h", (long long)hours);
		else
			(void)snprintf(age, sizeof(age), "%lld s",
			    (long long)(view.age_ns / EW_NS_PER_S));
		(void)snprintf(ret_context->baseline, sizeof(ret_context->baseline),
		    "has spoken to %u service%s in %s (%s)", view.edges_out,
		    view.edges_out == 1 ? "" : "s", age,
		    ew_workload_state_name((enum ew_workload_state)view.state));
	}
	describe_posture(workload->posture, ret_context->posture,
	    sizeof(ret_context->posture));
	const struct ew_instance *i = ew_identity_instance_by_id(p->identity, instance);

	if (!i)
		return;
	(void)snprintf(ret_context->instance, sizeof(ret_context->instance),
	    "%s (%.12s)", i->name[0] ? i->name : i->hostname, i->cid);
	(void)ew_text_copy(ret_context->image, sizeof(ret_context->image), i->image);
}

static void
on_health(void *context, const struct ew_health *health)
{
	struct ew_pipeline *p = context;

	transaction_begin(p);
	ew_alert_gap(p->alert, health, p->now);
	if (p->store)
		ew_store_gap(p->store, health);
	transaction_end(p);
}

/* --- contacts and inventory ----------------------------------------------------------------- */

static void
on_contact(void *context, const struct ew_contact *contact)
{
	struct ew_pipeline *p = context;
	struct ew_judgement judgement = { .verdict = EW_VERDICT_UNJUDGED };
	const uint8_t kind = contact->ev->kind;

	if (p->mode >= EW_PIPELINE_LEARN)
		ew_graph_feed(p->graph, contact, p->now, &judgement);
	if (p->mode >= EW_PIPELINE_DETECT)
		ew_detect_feed(p->detect, contact, &judgement, p->now);
	if (kind != EW_FLOW_CLOSE && kind != EW_FLOW_UPDATE)
		return;
	if (p->store &&
	    !ew_store_flow(p->store, contact, judgement.edge,
		(enum ew_verdict)judgement.verdict))
		p->rows_refused++;
	if (kind == EW_FLOW_CLOSE && p->sink.closed)
		p->sink.closed(p->sink.context, contact, judgement.verdict);
}

static void
on_lifecycle(void *context, const struct ew_lifecycle *life)
{
	struct ew_pipeline *p = context;

	if (p->store && life->instance)
		ew_store_instance(p->store, life->instance);
	if (p->store && life->kind == EW_LIFE_INVENTORY_READY)
		ew_store_inventory_ready(p->store);
	if (p->mode >= EW_PIPELINE_LEARN)
		ew_graph_lifecycle(p->graph, life, p->now);
	if (p->mode >= EW_PIPELINE_DETECT)
		ew_detect_lifecycle(p->detect, life, p->now);
}

static void
on_lease(void *context, const struct ew_lease *lease)
{
	struct ew_pipeline *p = context;

	if (!p->store)
		return;
	const struct ew_network *network =
	    ew_identity_network_by_id(p->identity, lease->network);

	if (network)
		ew_store_network(p->store, network);
	ew_store_lease(p->store, lease);
}

static void
on_point(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain, bool removed)
{
	struct ew_pipeline *p = context;

	if (p->sink.point)
		p->sink.point(p->sink.context, ifindex, kind, domain, removed);
}

static int
on_lookup_nat(void *context, const struct ew_tuple *tuple, struct ew_nat_info *ret_nat)
{
	struct ew_pipeline *p = context;

	return p->sink.lookup_nat ? p->sink.lookup_nat(p->sink.context, tuple, ret_nat)
				  : -ENOENT;
}

static void
on_read_addrs(void *context, uint32_t host_ifindex)
{
	struct ew_pipeline *p = context;

	if (p->sink.read_addrs)
		p->sink.read_addrs(p->sink.context, host_ifindex);
}

static void
on_decision(void *context, const struct ew_decision_record *decision)
{
	struct ew_pipeline *p = context;

	if (p->store)
		ew_store_decision(p->store, decision);
}

static void
on_edge_removed(void *context, const struct ew_edge *edge)
{
	struct ew_pipeline *p = context;

	if (p->store)
		ew_store_edge_removed(p->store, edge);
}

static void
on_workload_removed(void *context, const char *name)
{
	struct ew_pipeline *p = context;

	if (p->store)
		ew_store_workload_removed(p->store, name);
}

/* --- life ------------------------------------------------------------------------------------ */

void
ew_pipeline_conf_default(struct ew_pipeline_conf *ret_conf)
{
	*ret_conf = (struct ew_pipeline_conf){ .mode = EW_PIPELINE_DETECT };
	ew_identity_conf_default(&ret_conf->identity);
	ew_graph_conf_default(&ret_conf->graph);
	ew_detect_conf_default(&ret_conf->detect);
	ew_alert_conf_default(&ret_conf->alert);
}

struct ew_pipeline *
ew_pipeline_new(const struct ew_pipeline_conf *conf,
    const struct ew_pipeline_sink *sink, struct ew_store *store)
{
	struct ew_pipeline *p = ew_alloc(sizeof(*p));

	p->mode = conf->mode;
	p->store = store;
	if (sink)
		p->sink = *sink;
	p->graph = ew_graph_new(&conf->graph,
	    &(struct ew_graph_sink){ .context = p,
		.decision = on_decision,
		.edge_removed = on_edge_removed,
		.workload_removed = on_workload_removed });
	p->detect = ew_detect_new(&conf->detect, p->graph,
	    &(struct ew_detect_sink){ .context = p,
		.signal = on_signal,
		.health = on_health });
	p->alert = ew_alert_new(&conf->alert,
	    &(struct ew_alert_sink){ .context = p,
		.incident = on_incident,
		.message = on_message,
		.freeze = on_freeze,
		.describe = on_describe });
	/* Last: it speaks of its standing peers from within new. */
	p->identity = ew_identity_new(&conf->identity,
	    &(struct ew_identity_sink){ .context = p,
		.contact = on_contact,
		.lifecycle = on_lifecycle,
		.point = on_point,
		.lease = on_lease,
		.lookup_nat = p->sink.lookup_nat ? on_lookup_nat : NULL,
		.read_addrs = p->sink.read_addrs ? on_read_addrs : NULL });
	return p;
}

void
ew_pipeline_free(struct ew_pipeline *p)
{
	if (!p)
		return;
	ew_alert_free(p->alert);
	ew_detect_free(p->detect);
	ew_graph_free(p->graph);
	ew_identity_free(p->identity);
	free(p);
}

void
ew_pipeline_reconfigure(struct ew_pipeline *p, const struct ew_pipeline_conf *conf)
{
	ew_identity_reconfigure(p->identity, &conf->identity);
	ew_graph_reconfigure(p->graph, &conf->graph);
	ew_detect_reconfigure(p->detect, &conf->detect);
	ew_alert_reconfigure(p->alert, &conf->alert);
}

/* --- the clock --------------------------------------------------------------------------------- */

static void
move_clock(struct ew_pipeline *p, struct ew_mono now)
{
	if (now.ns > p->now.ns)
		p->now = now;
}

/* What is not tied to an event: once per pipeline second is enough, stages keep deadlines. */
static void
run_deadlines(struct ew_pipeline *p)
{
	ew_identity_tick(p->identity, p->now);
	if (p->mode >= EW_PIPELINE_LEARN)
		ew_graph_tick(p->graph, p->now);
	if (p->mode >= EW_PIPELINE_DETECT) {
		ew_detect_tick(p->detect, p->now);
		transaction_begin(p);
		ew_alert_tick(p->alert, p->now);
		transaction_end(p);
	}
	ew_pipeline_keep(p);
}

static void
feed_gap(struct ew_pipeline *p, const struct ew_flow_event *event)
{
	if (p->mode >= EW_PIPELINE_DETECT)
		ew_detect_gap(p->detect, &event->u.gap, 0, p->now);
}

void
ew_pipeline_feed(struct ew_pipeline *p, const struct ew_flow_event *event,
    struct ew_mono now)
{
	move_clock(p, now);
	if (p->now.ns - p->ticked.ns >= EW_NS_PER_S) {
		p->ticked = p->now;
		run_deadlines(p);
	}
	if (event->kind == EW_FLOW_GAP)
		feed_gap(p, event);
	else
		ew_identity_feed(p->identity, event, p->now);
}

void
ew_pipeline_advance(struct ew_pipeline *p, struct ew_mono now)
{
	move_clock(p, now);
	p->ticked = p->now;
	run_deadlines(p);
}

void
ew_pipeline_finish(struct ew_pipeline *p)
{
	ew_identity_finish(p->identity, p->now);
	ew_pipeline_flush(p);
	if (p->mode < EW_PIPELINE_DETECT)
		return;
	/*
	 * Hold-downs (20 s, 120 s), held signals (10 min) and scan refunds (10 min) are all due
	 * within a quarter of an hour of the last event. The baseline does not grow old
	 * meanwhile: nothing was watched, so the graph's clock stays where the input ended.
	 */
	for (int i = 0; i < FINISH_STEPS; i++) {
		move_clock(p, (struct ew_mono){ p->now.ns + FINISH_STEP_NS });
		transaction_begin(p);
		ew_detect_tick(p->detect, p->now);
		ew_alert_tick(p->alert, p->now);
		transaction_end(p);
	}
	if (p->store)
		(void)ew_store_flush(p->store);
}

struct ew_mono
ew_pipeline_now(const struct ew_pipeline *p)
{
	return p->now;
}

/* --- doors of the stages ----------------------------------------------------------------------- */

struct ew_identity *
ew_pipeline_identity(struct ew_pipeline *p)
{
	return p->identity;
}

struct ew_graph *
ew_pipeline_graph(struct ew_pipeline *p)
{
	return p->graph;
}

struct ew_alert *
ew_pipeline_alert(struct ew_pipeline *p)
{
	return p->alert;
}

void
ew_pipeline_resolver(struct ew_pipeline *p, const struct ew_addr *addr)
{
	ew_identity_resolver(p->identity, addr);
	for (size_t i = 0; i < p->n_resolvers; i++) {
		if (ew_addr_equal(&p->resolvers[i], addr))
			return;
	}
	if (p->n_resolvers == PIPELINE_RESOLVERS_MAX)
		return;
	p->resolvers[p->n_resolvers++] = *addr;
	ew_graph_set_resolvers(p->graph, p->resolvers, p->n_resolvers);
}

size_t
ew_pipeline_counters(const struct ew_pipeline *p,
    struct ew_counter_set ret_sets[EW_PIPELINE_COUNTER_SETS])
{
	size_t n = 0;

	ret_sets[n++] = ew_identity_counters(p->identity);
	ret_sets[n++] = ew_graph_counters(p->graph);
	ret_sets[n++] = ew_detect_counters(p->detect);
	ret_sets[n++] = ew_alert_counters(p->alert);
	if (p->store)
		ret_sets[n++] = ew_store_counters(p->store);
	return n;
}

uint64_t
ew_pipeline_incidents(const struct ew_pipeline *p)
{
	return p->incidents;
}

uint64_t
ew_pipeline_signals(const struct ew_pipeline *p)
{
	return p->signals;
}
