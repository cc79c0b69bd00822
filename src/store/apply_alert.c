/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals, incidents, gaps and the outbox: what people wait for. Lists inside a record
 * (reasons, samples, targets, hops) are stored as JSON text with names in place of ids: they
 * are evidence, read far more often than changed, and must say the same in a year.
 *
 * rev is one counter for signals and incidents together; whoever follows asks for what is
 * newer than the last one it saw, and so learns of changes too.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/store_priv.h"

#define JSON_MAX (256 * 1024)

static int64_t
us(int64_t ns)
{
	return ns / EW_NS_PER_US;
}

static void
bind_json(sqlite3_stmt *s, int at, struct ew_text *text)
{
	/* A text cut by its bound is no JSON any more. */
	ew_db_bind_text(s, at, text->full ? "[]" : text->text);
	ew_text_clear(text);
}

/* strings: count of them, stride bytes apart. */
static void
add_strings(struct ew_text *text, const char *strings, size_t stride, size_t count)
{
	bool is_first = true;

	ew_text_add(text, "[");
	for (size_t i = 0; i < count; i++) {
		if (!strings[i * stride])
			continue;
		if (!is_first)
			ew_text_add(text, ",");
		is_first = false;
		ew_text_add_json(text, strings + i * stride);
	}
	ew_text_add(text, "]");
}

static void
add_reasons(struct ew_text *text, const struct ew_reason *reasons, size_t n)
{
	ew_text_add(text, "[");
	for (size_t i = 0; i < n && i < EW_REASONS_MAX; i++) {
		ew_text_add(text, i ? ",{\"reason\":" : "{\"reason\":");
		ew_text_add_json(text, reasons[i].text);
		ew_text_addf(text, ",\"points\":%d}", reasons[i].points);
	}
	ew_text_add(text, "]");
}

static const char *
proto_name(uint8_t proto, char text[8])
{
	switch (proto) {
	case 1:
		return "icmp";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 58:
		return "icmp6";
	case 132:
		return "sctp";
	default:
		snprintf(text, 8, "%u", proto);
		return text;
	}
}

static void
add_samples(struct ew_text *text, const struct ew_signal *signal)
{
	ew_text_add(text, "[");
	for (size_t i = 0; i < signal->n_samples && i < EW_SAMPLES_MAX; i++) {
		const struct ew_sample *p = &signal->samples[i];
		char ip[EW_ADDR_TEXT], proto[8];

		ew_text_addf(text,
		    "%s{\"ts_us\":%lld,\"flow_id\":\"%016llx\",\"dst_ip\":\"%s\","
		    "\"dst_port\":%u,\"proto\":\"%s\",\"outcome\":\"%s\"}",
		    i ? "," : "", (long long)us(p->ts_ns),
		    (unsigned long long)p->flow_id, ew_addr_format(&p->dst, ip),
		    p->port, proto_name(p->proto, proto), ew_outcome_name(p->outcome));
	}
	ew_text_add(text, "]");
}

static bool
is_none(const struct ew_addr *addr)
{
	static const struct ew_addr none;

	return ew_addr_equal(addr, &none);
}

static void
bind_addr(sqlite3_stmt *s, int at, const struct ew_addr *addr)
{
	char ip[EW_ADDR_TEXT];

	ew_db_bind_text(s, at, is_none(addr) ? NULL : ew_addr_format(addr, ip));
}

static void
bind_clean(sqlite3_stmt *s, int at, const char *text, size_t size)
{
	char clean[EW_EVIDENCE_TEXT];
	size_t n = 0;

	/* ew_text_copy_bytes would lose the line ends between facts. */
	for (const char *line = text; n + 1 < sizeof(clean);) {
		const char *end =
		    memchr(line, '\n', (size_t)(text + strnlen(text, size) - line));
		const size_t length = end ? (size_t)(end - line)
					  : strnlen(line, size - (size_t)(line - text));

		(void)ew_text_copy_bytes(clean + n, sizeof(clean) - n, line, length);
		n += strlen(clean + n);
		if (!end || n + 1 >= sizeof(clean))
			break;
		clean[n++] = '\n';
		clean[n] = '\0';
		line = end + 1;
	}
	ew_db_bind_text(s, at, clean);
}

static void
bind_signal_lists(sqlite3_stmt *s, const struct rec_signal *r)
{
	const struct ew_signal *g = &r->signal;
	struct ew_text text;

	ew_text_init(&text, JSON_MAX);
	add_strings(&text, r->technique[0], REC_TECHNIQUE_MAX, 4);
	bind_json(s, 7, &text);
	bind_clean(s, 29, g->sentence, sizeof(g->sentence));
	bind_clean(s, 30, g->benign, sizeof(g->benign));
	bind_clean(s, 31, g->evidence, sizeof(g->evidence));
	add_reasons(&text, g->reasons, g->n_reasons);
	bind_json(s, 32, &text);
	add_samples(&text, g);
	bind_json(s, 33, &text);
	ew_text_fini(&text);
}

void
store_apply_signal(struct ew_store *store, const struct rec_signal *r)
{
	const struct ew_signal *g = &r->signal;
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_SIGNAL_PUT);

	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)g->id);
	ew_db_bind_int(s, 2, store->next_rev++);
	ew_db_bind_int(s, 3, us(g->ts_ns));
	ew_db_bind_int(s, 4, us(g->first_ns));
	ew_db_bind_int(s, 5, us(g->hold_until_ns));
	ew_db_bind_text(s, 6, r->detector);
	ew_db_bind_int(s, 8, g->tactic);
	ew_db_bind_int(s, 9, g->family);
	ew_db_bind_int(s, 10, g->outcome);
	ew_db_bind_int(s, 11, g->score);
	ew_db_bind_int(s, 12, g->proto);
	ew_db_bind_int(s, 13, g->port);
	ew_db_bind_null_if(s, 14, store_id(&store->workloads, r->src), 0);
	ew_db_bind_null_if(s, 15, store_id(&store->workloads, r->dst), 0);
	ew_db_bind_null_if(s, 16, store_id(&store->instances, g->src_instance), 0);
	ew_db_bind_null_if(s, 17, store_id(&store->instances, g->dst_instance), 0);
	bind_addr(s, 18, &g->src_addr);
	bind_addr(s, 19, &g->dst_addr);
	ew_db_bind_int(s, 20, (int64_t)g->flow_id);
	ew_db_bind_int(s, 21, (int64_t)r->incident_id);
	ew_db_bind_int(s, 22, g->count);
	ew_db_bind_int(s, 23, g->hosts);
	ew_db_bind_int(s, 24, g->ports);
	ew_db_bind_int(s, 25, g->tool);
	ew_db_bind_int(s, 26, g->in_change_window);
	ew_db_bind_int(s, 27, g->is_snoozed);
	ew_db_bind_int(s, 28, g->is_capped);
	bind_signal_lists(s, r);
	if (ew_db_run(&store->db, ST_SIGNAL_PUT) == 0)
		__atomic_fetch_add(&store->counts.signals, 1, __ATOMIC_RELAXED);
}

/* Names come from the rows: the record has only the process's ids. */
static void
add_workload(struct ew_store *store, struct ew_text *text, uint32_t id)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(store->db.handle,
		"SELECT name FROM workload WHERE id = ?1", -1, &s, NULL) == SQLITE_OK)
		sqlite3_bind_int64(s, 1, store_id(&store->workloads, id));
	if (s && sqlite3_step(s) == SQLITE_ROW)
		ew_text_add_json(text, ew_db_column_text(s, 0));
	else
		ew_text_add(text, "null");
	sqlite3_finalize(s);
}

static void
add_targets(struct ew_store *store, struct ew_text *text, const struct rec_incident *r)
{
	const struct ew_incident *n = &r->incident;

	ew_text_add(text, "[");
	for (size_t i = 0; i < n->n_targets && i < EW_INCIDENT_TARGETS_MAX; i++) {
		const struct ew_target *t = &n->targets[i];
		char proto[8];

		ew_text_add(text, i ? ",{" : "{");
		if (r->targets[i]) {
			ew_text_add(text, "\"workload\":");
			add_workload(store, text, r->targets[i]);
			ew_text_add(text, ",");
		}
		if (!r->targets[i] || !is_none(&t->addr)) {
			char ip[EW_ADDR_TEXT];

			ew_text_addf(text, "\"address\":\"%s\",",
			    ew_addr_format(&t->addr, ip));
		}
		ew_text_addf(text, "\"port\":%u,\"proto\":\"%s\",\"outcome\":\"%s\"}",
		    t->port, proto_name(t->proto, proto), ew_outcome_name(t->outcome));
	}
	ew_text_add(text, "]");
}

static void
add_path(struct ew_store *store, struct ew_text *text, const struct rec_incident *r)
{
	const struct ew_incident *n = &r->incident;

	ew_text_add(text, "[");
	for (size_t i = 0; i < n->n_path && i < EW_INCIDENT_PATH_MAX; i++) {
		char proto[8];

		ew_text_add(text, i ? ",{\"from\":" : "{\"from\":");
		add_workload(store, text, r->path[i][0]);
		ew_text_add(text, ",\"to\":");
		add_workload(store, text, r->path[i][1]);
		ew_text_addf(text, ",\"port\":%u,\"proto\":\"%s\",\"ts_us\":%lld}",
		    n->path[i].port, proto_name(n->path[i].proto, proto),
		    (long long)us(n->path[i].ts_ns));
	}
	ew_text_add(text, "]");
}

static void
bind_incident_lists(struct ew_store *store, sqlite3_stmt *s,
    const struct rec_incident *r)
{
	const struct ew_incident *n = &r->incident;
	struct ew_text text;

	bind_clean(s, 16, n->title, sizeof(n->title));
	bind_clean(s, 17, n->benign, sizeof(n->benign));
	ew_text_init(&text, JSON_MAX);
	add_targets(store, &text, r);
	bind_json(s, 18, &text);
	add_path(store, &text, r);
	bind_json(s, 19, &text);
	add_strings(&text, r->techniques[0], REC_TECHNIQUE_MAX, 16);
	bind_json(s, 20, &text);
	add_strings(&text, r->detectors[0], sizeof(r->detectors[0]), 16);
	bind_json(s, 21, &text);
	add_reasons(&text, n->reasons, n->n_reasons);
	bind_json(s, 22, &text);
	ew_text_fini(&text);
}

static void
link_signals(struct ew_store *store, const struct ew_incident *n)
{
	sqlite3_stmt *s;
	uint32_t i;

	for (i = 0; i < n->n_signals && i < EW_INCIDENT_SIGNALS_MAX; i++) {
		s = ew_db_stmt(&store->db, ST_LINK_PUT);
		if (!s)
			return;
		ew_db_bind_int(s, 1, (int64_t)n->id);
		ew_db_bind_int(s, 2, i);
		ew_db_bind_int(s, 3, (int64_t)n->signals[i]);
		if (ew_db_run(&store->db, ST_LINK_PUT) != 0)
			return;
	}
	s = ew_db_stmt(&store->db, ST_LINK_CUT);
	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)n->id);
	ew_db_bind_int(s, 2, i);
	(void)ew_db_run(&store->db, ST_LINK_CUT);
}

void
store_apply_incident(struct ew_store *store, const struct rec_incident *r)
{
	const struct ew_incident *n = &r->incident;
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_INCIDENT_PUT);

	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)n->id);
	ew_db_bind_int(s, 2, store->next_rev++);
	ew_db_bind_int(s, 3, us(n->opened_ns));
	ew_db_bind_int(s, 4, us(n->updated_ns));
	ew_db_bind_null_if(s, 5, us(n->closed_ns), 0);
	ew_db_bind_int(s, 6, n->state);
	ew_db_bind_int(s, 7, n->tier);
	ew_db_bind_int(s, 8, n->decision);
	ew_db_bind_int(s, 9, n->gaps);
	ew_db_bind_int(s, 10, n->score);
	ew_db_bind_int(s, 11, n->messages_sent);
	ew_db_bind_null_if(s, 12, store_id(&store->workloads, r->src), 0);
	ew_db_bind_null_if(s, 13, store_id(&store->instances, n->src_instance), 0);
	ew_db_bind_int(s, 14, n->more_targets);
	ew_db_bind_int(s, 15, n->more_signals);
	bind_incident_lists(store, s, r);
	if (ew_db_run(&store->db, ST_INCIDENT_PUT) != 0)
		return;
	__atomic_fetch_add(&store->counts.incidents, 1, __ATOMIC_RELAXED);
	link_signals(store, n);
}

void
store_apply_gap(struct ew_store *store, const struct ew_health *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_GAP_ADD);

	if (!s)
		return;
	ew_db_bind_int(s, 1, us(r->ts_ns));
	ew_db_bind_int(s, 2, us(r->from_ns));
	ew_db_bind_int(s, 3, us(r->to_ns));
	ew_db_bind_int(s, 4, (int64_t)(r->lost & INT64_MAX));
	ew_db_bind_int(s, 5, r->cause);
	ew_db_bind_int(s, 6, r->is_notice);
	bind_clean(s, 7, r->text, sizeof(r->text));
	(void)ew_db_run(&store->db, ST_GAP_ADD);
}

/* Version of the stored message: its layout is the struct's. */
int
store_message_version(void)
{
	return 1000000 + (int)sizeof(struct ew_message);
}

void
store_apply_message(struct ew_store *store, const struct rec_message *r)
{
	const struct ew_message *m = &r->message;
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_OUTBOX_ADD);

	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)m->id);
	ew_db_bind_int(s, 2, (int64_t)m->incident_id);
	ew_db_bind_int(s, 3, m->created_us);
	ew_db_bind_int(s, 4, m->kind);
	ew_db_bind_int(s, 5, m->tier);
	bind_clean(s, 6, m->title, sizeof(m->title));
	ew_db_bind_int(s, 7, store_message_version());
	ew_db_bind_blob(s, 8, m, sizeof(*m));
	if (ew_db_run(&store->db, ST_OUTBOX_ADD) != 0)
		return;
	__atomic_fetch_add(&store->counts.messages, 1, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < r->n_targets; i++) {
		s = ew_db_stmt(&store->db, ST_TARGET_ADD);
		if (!s)
			return;
		ew_db_bind_int(s, 1, (int64_t)m->id);
		ew_db_bind_text(s, 2, r->targets[i]);
		ew_db_bind_int(s, 3, m->created_us);
		if (ew_db_run(&store->db, ST_TARGET_ADD) != 0)
			return;
	}
}

void
store_apply_result(struct ew_store *store, const struct rec_result *r)
{
	const struct ew_outbox_result *o = &r->result;
	const bool is_returned = o->outcome == EW_OUTBOX_RETURNED;
	const enum store_stmt which = is_returned ? ST_TARGET_RETURN : ST_TARGET_SET;
	sqlite3_stmt *s = ew_db_stmt(&store->db, which);

	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)o->id);
	ew_db_bind_text(s, 2, o->target);
	if (is_returned) {
		ew_db_bind_int(s, 3, o->next_us);
		ew_db_bind_int(s, 4, r->at_us);
	} else {
		ew_db_bind_int(s, 3,
		    o->outcome == EW_OUTBOX_OK	       ? EW_OUTBOX_SENT
			: o->outcome == EW_OUTBOX_DEAD ? EW_OUTBOX_FAILED
						       : EW_OUTBOX_QUEUED);
		ew_db_bind_int(s, 4, o->attempt);
		ew_db_bind_int(s, 5, o->http_status);
		ew_db_bind_int(s, 6, o->next_us);
		ew_db_bind_int(s, 7, r->at_us);
		ew_db_bind_text(s, 8, o->answer);
	}
	(void)ew_db_run(&store->db, which);
}

void
store_apply_replay(struct ew_store *store, const struct rec_replay *r)
{
	sqlite3_stmt *s = ew_db_stmt(&store->db, ST_TARGET_REPLAY);

	if (!s)
		return;
	ew_db_bind_int(s, 1, (int64_t)r->message_id);
	ew_db_bind_text(s, 2, r->target);
	ew_db_bind_int(s, 3, r->at_us);
	(void)ew_db_run(&store->db, ST_TARGET_REPLAY);
}
