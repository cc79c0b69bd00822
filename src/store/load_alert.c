/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open incidents and their signals, back from rows. The lists in them are JSON text; SQLite
 * itself takes them apart (json_each), so that no JSON parser is needed here. Outcomes and
 * protocols stand in them as words and are found again in the tables of their names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/load_priv.h"

static int64_t
ns(sqlite3_stmt *s, int at)
{
	const int64_t us = sqlite3_column_int64(s, at);

	return us > INT64_MAX / EW_NS_PER_US ? INT64_MAX : us * EW_NS_PER_US;
}

static uint8_t
outcome_of(const char *name)
{
	for (int i = EW_OUT_NONE; i <= EW_OUT_PROBE; i++)
		if (strcmp(ew_outcome_name((enum ew_outcome)i), name) == 0)
			return (uint8_t)i;
	return EW_OUT_NONE;
}

static uint8_t
proto_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} protos[] = { { "icmp", 1 }, { "tcp", 6 }, { "udp", 17 }, { "icmp6", 58 },
		{ "sctp", 132 } };

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (strcmp(protos[i].name, name) == 0)
			return protos[i].proto;
	return (uint8_t)strtoul(name, NULL, 10);
}

static struct ew_workload *
workload(const struct ew_store_loader *loader, sqlite3_stmt *s, int at)
{
	if (!loader->find_workload || sqlite3_column_type(s, at) != SQLITE_TEXT)
		return NULL;
	return loader->find_workload(loader->context, ew_db_column_text(s, at));
}

static uint32_t
instance(const struct ew_store_loader *loader, sqlite3_stmt *s, int at)
{
	if (!loader->find_instance || sqlite3_column_type(s, at) != SQLITE_TEXT)
		return 0;
	return loader->find_instance(loader->context, ew_db_column_text(s, at));
}

static void
addr(sqlite3_stmt *s, int at, struct ew_addr *ret_addr)
{
	if (sqlite3_column_type(s, at) == SQLITE_TEXT)
		(void)ew_addr_parse(ew_db_column_text(s, at), ret_addr);
}

/* A statement over the elements of a JSON text. */
static sqlite3_stmt *
elements(struct ew_store *store, const char *sql, const char *json)
{
	sqlite3_stmt *s = load_prepare(store, sql);

	if (s)
		ew_db_bind_text(s, 1, json);
	return s;
}

static uint32_t
read_strings(struct ew_store *store, const char *json, const char **ret_strings,
    uint32_t max)
{
	sqlite3_stmt *s = elements(store, "SELECT value FROM json_each(?1)", json);
	uint32_t n = 0;

	while (n < max && load_next(store, s))
		ret_strings[n++] = load_intern(store, ew_db_column_text(s, 0));
	sqlite3_finalize(s);
	return n;
}

static uint32_t
read_reasons(struct ew_store *store, const char *json, struct ew_reason *ret_reasons,
    uint32_t max)
{
	sqlite3_stmt *s = elements(store,
	    "SELECT value ->> 'reason', value ->> 'points' FROM json_each(?1)", json);
	uint32_t n = 0;

	while (n < max && load_next(store, s)) {
		ew_db_column_copy(s, 0, ret_reasons[n].text,
		    sizeof(ret_reasons[n].text));
		ret_reasons[n++].points = (int16_t)sqlite3_column_int(s, 1);
	}
	sqlite3_finalize(s);
	return n;
}

static void
read_samples(struct ew_store *store, const char *json, struct ew_signal *signal)
{
	/* flow_id is hex: SQLite has no function for that, strtoull has. */
	sqlite3_stmt *s = elements(store,
	    "SELECT value ->> 'ts_us', value ->> 'flow_id', value ->> 'dst_ip', "
	    "value ->> 'dst_port', value ->> 'proto', value ->> 'outcome' "
	    "FROM json_each(?1)",
	    json);

	while (signal->n_samples < EW_SAMPLES_MAX && load_next(store, s)) {
		struct ew_sample *p = &signal->samples[signal->n_samples++];

		p->ts_ns = ns(s, 0);
		p->flow_id = strtoull(ew_db_column_text(s, 1), NULL, 16);
		addr(s, 2, &p->dst);
		p->port = (uint16_t)sqlite3_column_int(s, 3);
		p->proto = proto_of(ew_db_column_text(s, 4));
		p->outcome = outcome_of(ew_db_column_text(s, 5));
	}
	sqlite3_finalize(s);
}

static void
read_targets(struct ew_store *store, const struct ew_store_loader *loader,
    const char *json, struct ew_incident *n)
{
	sqlite3_stmt *s = elements(store,
	    "SELECT value ->> 'workload', value ->> 'address', value ->> 'port', "
	    "value ->> 'proto', value ->> 'outcome' FROM json_each(?1)",
	    json);

	while (n->n_targets < EW_INCIDENT_TARGETS_MAX && load_next(store, s)) {
		struct ew_target *t = &n->targets[n->n_targets++];

		t->workload = workload(loader, s, 0);
		addr(s, 1, &t->addr);
		t->port = (uint16_t)sqlite3_column_int(s, 2);
		t->proto = proto_of(ew_db_column_text(s, 3));
		t->outcome = outcome_of(ew_db_column_text(s, 4));
	}
	sqlite3_finalize(s);
}

static void
read_path(struct ew_store *store, const struct ew_store_loader *loader,
    const char *json, struct ew_incident *n)
{
	sqlite3_stmt *s = elements(store,
	    "SELECT value ->> 'from', value ->> 'to', value ->> 'port', value ->> "
	    "'proto', "
	    "value ->> 'ts_us' FROM json_each(?1)",
	    json);

	while (n->n_path < EW_INCIDENT_PATH_MAX && load_next(store, s)) {
		struct ew_hop *h = &n->path[n->n_path];

		h->from = workload(loader, s, 0);
		h->to = workload(loader, s, 1);
		h->port = (uint16_t)sqlite3_column_int(s, 2);
		h->proto = proto_of(ew_db_column_text(s, 3));
		h->ts_ns = ns(s, 4);
		if (h->from && h->to)
			n->n_path++;
	}
	sqlite3_finalize(s);
}

static void
read_signal_ids(struct ew_store *store, struct ew_incident *n)
{
	sqlite3_stmt *s = load_prepare(store,
	    "SELECT signal FROM incident_signal WHERE incident = ?1 "
	    "ORDER BY n");

	if (s)
		ew_db_bind_int(s, 1, (int64_t)n->id);
	while (n->n_signals < EW_INCIDENT_SIGNALS_MAX && load_next(store, s))
		n->signals[n->n_signals++] = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
}

static const char signal_sql[] =
    "SELECT s.id, s.ts_us, s.first_us, s.hold_until_us, s.detector, s.techniques, "
    "s.tactic, "
    "s.family, s.outcome, s.score, s.proto, s.port, sw.name, dw.name, si.cid, di.cid, "
    "s.src_ip, s.dst_ip, s.flow_id, s.count, s.hosts, s.ports, s.tool, "
    "s.in_change_window, "
    "s.is_snoozed, s.is_capped, s.sentence, s.benign, s.facts, s.reasons, s.samples "
    "FROM incident_signal x JOIN signal s ON s.id = x.signal "
    "LEFT JOIN workload sw ON sw.id = s.src LEFT JOIN workload dw ON dw.id = s.dst "
    "LEFT JOIN instance si ON si.id = s.src_instance "
    "LEFT JOIN instance di ON di.id = s.dst_instance WHERE x.incident = ?1 ORDER BY "
    "x.n";

static void
load_signals(struct ew_store *store, const struct ew_store_loader *loader,
    uint64_t incident)
{
	sqlite3_stmt *s = load_prepare(store, signal_sql);

	if (s)
		ew_db_bind_int(s, 1, (int64_t)incident);
	while (load_next(store, s)) {
		struct ew_signal g = { .id = (uint64_t)sqlite3_column_int64(s, 0),
			.ts_ns = ns(s, 1),
			.first_ns = ns(s, 2),
			.hold_until_ns = ns(s, 3),
			.detector = load_intern(store, ew_db_column_text(s, 4)),
			.tactic = (uint8_t)sqlite3_column_int(s, 6),
			.family = (uint8_t)sqlite3_column_int(s, 7),
			.outcome = (uint8_t)sqlite3_column_int(s, 8),
			.score = (int16_t)sqlite3_column_int(s, 9),
			.proto = (uint8_t)sqlite3_column_int(s, 10),
			.port = (uint16_t)sqlite3_column_int(s, 11),
			.src = workload(loader, s, 12),
			.dst = workload(loader, s, 13),
			.src_instance = instance(loader, s, 14),
			.dst_instance = instance(loader, s, 15),
			.flow_id = (uint64_t)sqlite3_column_int64(s, 18),
			.count = (uint32_t)sqlite3_column_int64(s, 19),
			.hosts = (uint32_t)sqlite3_column_int64(s, 20),
			.ports = (uint32_t)sqlite3_column_int64(s, 21),
			.tool = (uint8_t)sqlite3_column_int(s, 22),
			.in_change_window = (uint8_t)sqlite3_column_int(s, 23),
			.is_snoozed = (uint8_t)sqlite3_column_int(s, 24),
			.is_capped = (uint8_t)sqlite3_column_int(s, 25) };

		addr(s, 16, &g.src_addr);
		addr(s, 17, &g.dst_addr);
		ew_db_column_copy(s, 26, g.sentence, sizeof(g.sentence));
		ew_db_column_copy(s, 27, g.benign, sizeof(g.benign));
		ew_db_column_copy(s, 28, g.evidence, sizeof(g.evidence));
		(void)read_strings(store, ew_db_column_text(s, 5), g.technique, 4);
		g.n_reasons = (uint8_t)read_reasons(store, ew_db_column_text(s, 29),
		    g.reasons, EW_REASONS_MAX);
		read_samples(store, ew_db_column_text(s, 30), &g);
		loader->signal(loader->context, incident, &g);
	}
	sqlite3_finalize(s);
}

static const char incident_sql[] =
    "SELECT i.id, i.opened_us, i.updated_us, i.closed_us, i.state, i.tier, i.decision, "
    "i.gaps, i.score, i.messages_sent, sw.name, si.cid, i.more_targets, "
    "i.more_signals, "
    "i.title, i.benign, i.targets, i.path, i.techniques, i.detectors, i.reasons "
    "FROM incident i LEFT JOIN workload sw ON sw.id = i.src "
    "LEFT JOIN instance si ON si.id = i.src_instance WHERE i.state = 0 "
    "ORDER BY i.opened_us, i.id";

static void
read_incident(struct ew_store *store, const struct ew_store_loader *loader,
    sqlite3_stmt *s, struct ew_incident *n)
{
	*n = (struct ew_incident){ .id = (uint64_t)sqlite3_column_int64(s, 0),
		.opened_ns = ns(s, 1),
		.updated_ns = ns(s, 2),
		.closed_ns = ns(s, 3),
		.state = (uint8_t)sqlite3_column_int(s, 4),
		.tier = (uint8_t)sqlite3_column_int(s, 5),
		.decision = (uint8_t)sqlite3_column_int(s, 6),
		.gaps = (uint8_t)sqlite3_column_int(s, 7),
		.score = (int16_t)sqlite3_column_int(s, 8),
		.messages_sent = (uint16_t)sqlite3_column_int(s, 9),
		.src = workload(loader, s, 10),
		.src_instance = instance(loader, s, 11),
		.more_targets = (uint32_t)sqlite3_column_int64(s, 12),
		.more_signals = (uint32_t)sqlite3_column_int64(s, 13) };
	ew_db_column_copy(s, 14, n->title, sizeof(n->title));
	ew_db_column_copy(s, 15, n->benign, sizeof(n->benign));
	read_targets(store, loader, ew_db_column_text(s, 16), n);
	read_path(store, loader, ew_db_column_text(s, 17), n);
	n->n_techniques =
	    read_strings(store, ew_db_column_text(s, 18), n->techniques, 16);
	n->n_detectors =
	    read_strings(store, ew_db_column_text(s, 19), n->detectors, 16);
	n->n_reasons = read_reasons(store, ew_db_column_text(s, 20), n->reasons,
	    EW_INCIDENT_REASONS_MAX);
	read_signal_ids(store, n);
}

void
load_incidents(struct ew_store *store, const struct ew_store_loader *loader)
{
	if (!loader->incident)
		return;
	sqlite3_stmt *s = load_prepare(store, incident_sql);
	struct ew_incident *n = ew_alloc(sizeof(*n));

	while (load_next(store, s)) {
		read_incident(store, loader, s, n);
		loader->incident(loader->context, n);
		if (loader->signal)
			load_signals(store, loader, n->id);
	}
	free(n);
	sqlite3_finalize(s);
}
