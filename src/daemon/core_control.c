/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people ask of the running daemon, as it reaches core: typed requests with the
 * asker's uid, checked by the message layer. Decisions are applied to the pipeline and
 * written down with who, when and why; status is a list of facts, numbers and complaints.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/core_priv.h"
#include "daemon/outbox.h"
#include "daemon/pipeline.h"
#include "daemon/worker.h"
#include "eastwatch/version.h"
#include "identity/netlink.h"
#include "proc/peer.h"
#include "store/store.h"

/* --- decisions --------------------------------------------------------------------------- */

static void reply_text(struct ew_control_reply *reply, int code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static void
reply_text(struct ew_control_reply *reply, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reply->sentence, sizeof(reply->sentence), format, args);
	va_end(args);
	reply->code = code;
}

static void
decide(struct ew_core *core, const struct ew_control_request *request,
    struct ew_control_reply *reply)
{
	struct ew_decision_record decision = {
		.action = request->action,
		.labels = request->labels,
		.undoes = request->undoes,
	};
	struct ew_error error = { .text = "" };
	int rc = 0;

	if (request->pattern[0])
		rc = ew_pattern_parse(request->pattern, &decision.pattern, &error);
	if (rc == 0) {
		if (request->ttl_ns)
			decision.expires_ns = ew_core_now(core).ns + request->ttl_ns;
		(void)ew_text_copy(decision.who, sizeof(decision.who), request->who);
		(void)ew_text_copy(decision.why, sizeof(decision.why), request->why);
		rc = ew_pipeline_decide(core->pipeline, &decision, &error);
	}
	if (rc != 0) {
		reply_text(reply, rc, "%s", error.text);
		return;
	}
	reply->id = decision.id;
	reply->count = decision.edges;
	reply_text(reply, 0,
	    "%s: %u %s; undo with `eastwatch baseline undo %016" PRIx64 "`",
	    ew_decision_action_name((enum ew_decision_action)decision.action),
	    decision.edges, decision.edges == 1 ? "match" : "matches", decision.id);
}

static void
decide_incident(struct ew_core *core, const struct ew_control_request *request,
    struct ew_control_reply *reply)
{
	struct ew_error error = { .text = "" };
	uint32_t edges = 0;
	const int rc = ew_pipeline_decide_incident(core->pipeline, request->incident_id,
	    (enum ew_decision)request->decision, request->ttl_ns, request->who,
	    request->why, &edges, &error);

	reply->count = edges;
	reply->id = request->incident_id;
	if (rc != 0)
		reply_text(reply, rc, "%s", error.text);
	else
		reply_text(reply, 0,
		    "incident %016" PRIx64 " decided; %u edges changed",
		    request->incident_id, edges);
}

void
ew_core_control(void *context, const struct ew_control_request *request)
{
	struct ew_core *core = context;
	struct ew_control_reply reply = { .request_id = request->request_id };
	struct ew_error error = { .text = "" };

	switch ((enum ew_control_verb)request->verb) {
	case EW_CONTROL_DECIDE:
		decide(core, request, &reply);
		break;
	case EW_CONTROL_DECIDE_INCIDENT:
		decide_incident(core, request, &reply);
		break;
	case EW_CONTROL_WEBHOOK_REPLAY:
		reply.count = (uint32_t)ew_outbox_replay(core->outbox,
		    request->message_id, request->target);
		reply_text(&reply, reply.count ? 0 : -ENOENT,
		    reply.count ? "%u deliveries are queued again"
				: "%u dead deliveries match; `eastwatch webhook "
				  "status` lists them",
		    reply.count);
		ew_outbox_pump(core->outbox, core->peer);
		break;
	case EW_CONTROL_RELOAD:
		if (ew_core_reload(core, &error) != 0)
			reply_text(&reply, error.code, "%s", error.text);
		else
			reply_text(&reply, 0, "configuration read again");
		break;
	case EW_CONTROL_FLUSH:
		ew_pipeline_flush(core->pipeline);
		reply_text(&reply, 0, "written");
		break;
	case EW_CONTROL_VERBS:
		break;
	}
	/* Changes are on disk before the asker hears of them. */
	if (reply.code == 0 && request->verb != EW_CONTROL_RELOAD)
		ew_pipeline_flush(core->pipeline);
	(void)ew_peer_send(core->peer, EW_PROC_CONTROL_REPLY, &reply);
}

/* --- status ------------------------------------------------------------------------------- */

/* Items are sent in full messages; the last one says so. */
struct reporting {
	struct ew_core *core;
	struct ew_status_items items;
};

static void
send_items(struct reporting *r, bool is_last)
{
	r->items.is_last = is_last;
	(void)ew_peer_send(r->core->peer, EW_PROC_STATUS_ITEMS, &r->items);
	r->items.n_items = 0;
}

static void
add_item(struct reporting *r, enum ew_status_kind kind, int level, const char *name,
    const char *unit, uint64_t value, const char *text)
{
	if (r->items.n_items == EW_STATUS_ITEMS_MAX)
		send_items(r, false);
	const uint8_t i = r->items.n_items++;

	memset(&r->items.items[i], 0, sizeof(r->items.items[i]));
	r->items.items[i].kind = (uint8_t)kind;
	r->items.items[i].level = (uint8_t)level;
	r->items.items[i].value = value;
	(void)ew_text_copy(r->items.items[i].name, sizeof(r->items.items[i].name),
	    name);
	(void)ew_text_copy(r->items.items[i].unit, sizeof(r->items.items[i].unit),
	    unit);
	(void)ew_text_copy(r->items.items[i].text, sizeof(r->items.items[i].text),
	    text);
}

static void
add_fact(struct reporting *r, const char *name, const char *text)
{
	add_item(r, EW_ITEM_FACT, EW_LOG_INFO, name, "", 0, text);
}

static void
add_number(struct reporting *r, const char *name, uint64_t value, const char *unit)
{
	add_item(r, EW_ITEM_NUMBER, EW_LOG_INFO, name, unit, value, "");
}

static void
add_complaint(struct reporting *r, enum ew_log_level level, const char *name,
    const char *text)
{
	add_item(r, EW_ITEM_HEALTH, level, name, "", 0, text);
}

static uint64_t
resident_bytes(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	const char *got = fgets(line, sizeof(line), f);

	(void)fclose(f);
	/* Pages: total, then resident. */
	const char *resident = got ? strchr(got, ' ') : NULL;

	return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE)
			: 0;
}

static void
report_capture(struct reporting *r)
{
	struct ew_core *core = r->core;
	struct ew_worker_stats sum = { 0 };

	for (unsigned i = 0; i < core->n_workers; i++) {
		struct ew_worker_stats one;

		ew_worker_stats(core->workers[i], &one);
		sum.frames += one.frames;
		sum.kernel_drops += one.kernel_drops;
		sum.event_drops += one.event_drops;
		sum.flows_open += one.flows_open;
	}
	add_number(r, "capture_workers", core->n_workers, "threads");
	add_number(r, "packets", sum.frames, "packets");
	add_number(r, "kernel_drops", sum.kernel_drops, "packets");
	add_number(r, "event_drops", sum.event_drops, "events");
	add_number(r, "flows_open", sum.flows_open, "flows");
	if (sum.kernel_drops)
		add_complaint(r, EW_LOG_UNUSUAL, "capture",
		    "the kernel dropped packets because its ring was full; raise "
		    "capture.ring_size");
	if (sum.event_drops)
		add_complaint(r, EW_LOG_UNUSUAL, "capture",
		    "flow events were dropped because the loop did not keep up");
}

static void
report_netlink(struct reporting *r)
{
	struct ew_netlink_health net;

	ew_netlink_health(r->core->netlink, &net);
	add_number(r, "interfaces", net.links, "interfaces");
	add_number(r, "namespaces", net.namespaces, "namespaces");
	if (!net.reads_inside)
		add_complaint(r, EW_LOG_BROKEN, "netlink",
		    "addresses inside containers cannot be read: CAP_NET_ADMIN is "
		    "missing; "
		    "workloads are known by veth and MAC alone");
	if (!net.hears_inside)
		add_complaint(r, EW_LOG_UNUSUAL, "netlink",
		    "changes inside containers are not announced: CAP_NET_BROADCAST "
		    "was missing "
		    "at the start; addresses are read again when they are needed");
	if (!net.has_conntrack)
		add_complaint(r, EW_LOG_INFO, "conntrack",
		    "translations are not looked up: the kernel has no conntrack here "
		    "or denies "
		    "it; they are joined by sequence numbers alone");
}

static void
report_health(struct reporting *r)
{
	struct ew_core *core = r->core;
	char text[256];

	add_fact(r, "version", EW_VERSION);
	add_fact(r, "node", core->config->node);
	add_fact(r, "database", core->config->database.path);
	add_fact(r, "sandbox", core->sandbox.text);
	add_number(r, "started_us", (uint64_t)core->started.us, "us");
	add_number(r, "uptime_s",
	    (uint64_t)((ew_ticks_ns() - core->started_ticks) / EW_NS_PER_S), "s");
	add_number(r, "memory_bytes", resident_bytes(), "bytes");
	add_number(r, "incidents_new", ew_pipeline_incidents(core->pipeline),
	    "incidents");
	add_number(r, "signals_new", ew_pipeline_signals(core->pipeline), "signals");
	add_number(r, "outbox_pending", ew_outbox_pending(core->outbox), "deliveries");
	report_capture(r);
	for (unsigned i = 0; i < core->n_runtimes; i++) {
		const struct ew_runtime_status *s = &core->runtimes[i];

		(void)snprintf(text, sizeof(text), "%s%s%s",
		    s->is_connected	   ? "connected"
			: s->is_configured ? "not connected"
					   : "not here",
		    s->version[0] ? ", version " : "", s->version);
		char name[32];

		(void)snprintf(name, sizeof(name), "runtime_%s", s->name);
		add_fact(r, name, text);
		if (s->sentence[0] && s->is_configured)
			add_complaint(r,
			    s->is_connected ? EW_LOG_UNUSUAL : EW_LOG_BROKEN, s->name,
			    s->sentence);
	}
	if (!ew_store_health(core->store, text, sizeof(text)))
		add_complaint(r, EW_LOG_BROKEN, "store", text);
	report_netlink(r);
}

static void
report_set(struct reporting *r, const struct ew_counter_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		add_item(r, EW_ITEM_COUNTER, set->counters[i].is_gauge,
		    set->counters[i].name, set->counters[i].unit,
		    ew_counter_value(set, i), set->counters[i].meaning);
}

static void
report_counters(struct reporting *r)
{
	struct ew_core *core = r->core;
	struct ew_counter_set sets[EW_PIPELINE_COUNTER_SETS];
	const size_t n = ew_pipeline_counters(core->pipeline, sets);

	for (size_t i = 0; i < n; i++)
		report_set(r, &sets[i]);
	struct ew_counter_set set = ew_outbox_counters(core->outbox);

	report_set(r, &set);
	set = ew_netlink_counters(core->netlink);
	report_set(r, &set);
	set = ew_peer_counters(core->peer);
	report_set(r, &set);
	for (unsigned i = 0; i < core->n_workers; i++) {
		struct ew_counter_set worker[EW_WORKER_COUNTER_SETS];
		const size_t m = ew_worker_counters(core->workers[i], worker);

		for (size_t j = 0; j < m; j++)
			report_set(r, &worker[j]);
	}
}

void
ew_core_status(void *context, const struct ew_status_request *request)
{
	struct reporting *r = ew_alloc(sizeof(*r));

	r->core = context;
	r->items.request_id = request->request_id;
	if (request->what == EW_STATUS_COUNTERS)
		report_counters(r);
	else
		report_health(r);
	send_items(r, true);
	free(r);
}
