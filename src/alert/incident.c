/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_priv.h"
#include "base/alloc.h"
#include "base/text.h"

/*
 * Which signals are one campaign (detectors.md 5.1). A signal joins an open incident that
 * shares its source workload or instance, or that suspects its source: somebody came in there
 * over an edge of the incident within the last day. When several incidents match they become
 * one, the oldest; the others are closed in its favour. Otherwise it opens one.
 *
 * An incident owns copies of what it needs from its signals, bounded: 200 signals, then
 * counters; 64 targets; 16 hops; the lists never grow past that (5.5).
 */

#define SUSPECT_NS \
	(INT64_C(86400) * EW_NS_PER_S) /* 5.1: targets stay suspect for 24 h */
#define TOOL_NS \
	(INT64_C(3600) * EW_NS_PER_S) /* 5.1: same tool and targets within 1 h */

uint64_t
ew_alert_hash(const char *text)
{
	/* FNV-1a, unkeyed: ids must be the same after a restart. */
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

void
ew_incident_changed(struct ew_alert *a, const struct incident *inc,
    const struct ew_signal *s)
{
	if (a->sink.incident)
		a->sink.incident(a->sink.context, &inc->pub, s);
}

/* --- grouping ------------------------------------------------------------------------------ */

static struct member *
find_member(const struct incident *inc, uint64_t id)
{
	for (uint32_t i = 0; i < inc->n_members; i++)
		if (inc->members[i].id == id)
			return &inc->members[i];
	return NULL;
}

static bool
shares_source(const struct incident *inc, uint64_t src_hash, uint32_t instance)
{
	for (uint32_t i = 0; i < inc->n_sources; i++)
		if (inc->sources[i] == src_hash)
			return true;
	for (uint32_t i = 0; instance && i < inc->n_instances; i++)
		if (inc->instances[i] == instance)
			return true;
	return false;
}

static bool
suspects(const struct incident *inc, uint64_t src_hash, struct ew_mono now)
{
	for (uint32_t i = 0; i < inc->n_suspects; i++)
		if (inc->suspects[i].hash == src_hash &&
		    now.ns <= inc->suspects[i].until_ns)
			return true;
	return false;
}

static bool
same_tool(const struct incident *inc, const struct ew_signal *s, struct ew_mono now)
{
	if (!s->tool || !s->dst)
		return false;
	uint64_t dst = ew_alert_hash(s->dst->name);

	for (uint32_t i = 0; i < inc->n_members; i++)
		if (inc->members[i].tool == s->tool &&
		    inc->members[i].dst_hash == dst &&
		    now.ns - inc->members[i].ts_ns <= TOOL_NS)
			return true;
	return false;
}

static bool
matches(const struct ew_alert *a, const struct incident *inc, const struct ew_signal *s,
    uint64_t src_hash, struct ew_mono now)
{
	/* Classes like "external" are no suspects: they would tie strangers together. */
	if (now.ns - inc->pub.updated_ns > a->conf.idle_close_ns)
		return suspects(inc, src_hash, now);
	return shares_source(inc, src_hash, s->src_instance) ||
	    suspects(inc, src_hash, now) || same_tool(inc, s, now);
}

static void
add_source(struct incident *inc, uint64_t hash, uint32_t instance)
{
	bool has_hash = false, has_instance = instance == 0;

	for (uint32_t i = 0; i < inc->n_sources; i++)
		has_hash |= inc->sources[i] == hash;
	for (uint32_t i = 0; i < inc->n_instances; i++)
		has_instance |= inc->instances[i] == instance;
	if (!has_hash && inc->n_sources < SOURCES_MAX)
		inc->sources[inc->n_sources++] = hash;
	if (!has_instance && inc->n_instances < SOURCES_MAX)
		inc->instances[inc->n_instances++] = instance;
}

static void
add_suspect(struct incident *inc, const struct ew_workload *w, struct ew_mono now)
{
	uint64_t hash = ew_alert_hash(w->name);
	uint32_t slot = 0;

	if (w->cls != EW_PEER_WORKLOAD && w->cls != EW_PEER_NODE)
		return;
	for (uint32_t i = 0; i < inc->n_suspects; i++) {
		if (inc->suspects[i].hash == hash) {
			inc->suspects[i].until_ns = now.ns + SUSPECT_NS;
			return;
		}
		if (inc->suspects[i].until_ns < inc->suspects[slot].until_ns)
			slot = i;
	}
	if (inc->n_suspects < SUSPECTS_MAX)
		slot = inc->n_suspects++;
	inc->suspects[slot] = (struct suspect){ hash, now.ns + SUSPECT_NS };
}

static struct incident *
open_incident(struct ew_alert *a, const struct ew_signal *s, struct ew_mono now)
{
	if (a->n_open >= a->conf.max_open) {
		a->counters.refused++;
		return NULL;
	}
	struct incident *inc = ew_alloc(sizeof(*inc));

	inc->pub.id = ((s->id * UINT64_C(0x9e3779b97f4a7c15)) & INT64_MAX) | 1;
	inc->pub.opened_ns = s->ts_ns;
	inc->pub.updated_ns = now.ns;
	inc->pub.src = ew_workload_get(s->src);
	inc->pub.src_instance = s->src_instance;
	a->open[a->n_open++] = inc;
	a->counters.open = a->n_open;
	a->counters.opened++;
	return inc;
}

static void absorb(struct ew_alert *a, struct incident *into, struct incident *from,
    struct ew_mono now);

/*
 * Which of two that turn out to be one campaign goes on: the one people were told of, since
 * they know its id; else the graver one, since a row in a digest does not name the source of
 * an attack; else the older.
 */
static bool
outranks(const struct incident *younger, const struct incident *older)
{
	if (younger->sent_tier != older->sent_tier)
		return younger->sent_tier > older->sent_tier;
	return younger->pub.tier > older->pub.tier;
}

struct incident *
ew_incident_of_signal(struct ew_alert *a, const struct ew_signal *s, struct ew_mono now)
{
	struct incident *found = NULL;
	uint64_t src_hash = ew_alert_hash(s->src->name);

	for (uint32_t i = 0; i < a->n_open; i++)
		if (find_member(a->open[i], s->id))
			return a->open[i];
	if (s->score < 30)
		return NULL;
	for (uint32_t i = 0; i < a->n_open;) {
		struct incident *inc = a->open[i];

		if (!matches(a, inc, s, src_hash, now)) {
			i++;
			continue;
		}
		if (!found) {
			found = inc;
			i++;
		} else if (outranks(inc, found)) {
			absorb(a, inc, found,
			    now); /* was before it: the list moves up */
			found = inc;
		} else {
			absorb(a, found, inc, now); /* takes it off the list */
		}
	}
	return found ? found : open_incident(a, s, now);
}

/* --- members ------------------------------------------------------------------------------- */

static struct member *
new_member(struct incident *inc)
{
	if (inc->n_members == EW_INCIDENT_SIGNALS_MAX)
		return NULL;
	if (inc->n_members == inc->cap_members) {
		inc->cap_members = inc->cap_members ? inc->cap_members * 2 : 4;
		inc->members = ew_realloc_array(inc->members, inc->cap_members,
		    sizeof(*inc->members));
	}
	struct member *m = &inc->members[inc->n_members++];
	memset(m, 0, sizeof(*m));
	return m;
}

static void
copy_reasons(struct member *m, const struct ew_signal *s)
{
	m->n_reasons = 0;
	for (uint8_t i = 0; i < s->n_reasons; i++) {
		uint8_t at = m->n_reasons;

		while (at > 0 && m->reasons[at - 1].points < s->reasons[i].points)
			at--;
		if (at == MEMBER_REASONS || s->reasons[i].points <= 0)
			continue;
		uint8_t last =
		    m->n_reasons < MEMBER_REASONS ? m->n_reasons : MEMBER_REASONS - 1;

		memmove(&m->reasons[at + 1], &m->reasons[at],
		    (size_t)(last - at) * sizeof(m->reasons[0]));
		m->reasons[at] = s->reasons[i];
		m->n_reasons = last + 1;
	}
}

static void
fill_member(struct member *m, const struct ew_signal *s)
{
	m->id = s->id;
	m->ts_ns = m->ts_ns && m->ts_ns < s->ts_ns ? m->ts_ns : s->ts_ns;
	m->hold_until_ns = s->hold_until_ns;
	m->detector = s->detector;
	memcpy(m->technique, s->technique, sizeof(m->technique));
	m->src_hash = ew_alert_hash(s->src->name);
	/* Only somebody is a target: nobody's address and the outside add none (5.2). */
	bool is_somebody =
	    s->dst && (s->dst->cls == EW_PEER_WORKLOAD || s->dst->cls == EW_PEER_NODE);
	m->dst_hash = is_somebody ? ew_alert_hash(s->dst->name) : 0;
	m->score = s->score;
	m->port = s->port;
	m->proto = s->proto;
	m->family = s->family;
	m->tactic = s->tactic;
	m->outcome = s->outcome;
	m->tool = s->tool;
	m->in_change_window = s->in_change_window;
	m->is_capped = s->is_capped;
	m->is_snoozed = s->is_snoozed;
	m->is_control = strcmp(s->detector, "sensitive-access") == 0;
	copy_reasons(m, s);
	ew_text_copy(m->sentence, sizeof(m->sentence), s->sentence);
	ew_text_copy(m->benign, sizeof(m->benign), s->benign);
	size_t line = strcspn(s->evidence, "\n");
	ew_text_copy_bytes(m->evidence, sizeof(m->evidence), s->evidence, line);
}

/* After a restart the same workload may be another object: names decide. */
static bool
same_workload(const struct ew_workload *a, const struct ew_workload *b)
{
	return a == b || (a && b && strcmp(a->name, b->name) == 0);
}

/* --- targets and path ---------------------------------------------------------------------- */

static void
add_target(struct incident *inc, const struct ew_target *t)
{
	struct ew_incident *p = &inc->pub;

	for (uint32_t i = 0; i < p->n_targets; i++) {
		struct ew_target *o = &p->targets[i];
		bool is_same = t->workload || o->workload
		    ? same_workload(t->workload, o->workload)
		    : ew_addr_equal(&t->addr, &o->addr);

		if (!is_same || o->port != t->port || o->proto != t->proto)
			continue;
		if (t->outcome == EW_OUT_ESTABLISHED || t->outcome == EW_OUT_PAYLOAD)
			o->outcome = t->outcome;
		return;
	}
	if (p->n_targets == EW_INCIDENT_TARGETS_MAX) {
		p->more_targets++;
		return;
	}
	p->targets[p->n_targets] = *t;
	if (t->workload)
		ew_workload_get(t->workload);
	p->n_targets++;
}

static bool
is_named(const struct ew_workload *w)
{
	return w && (w->cls == EW_PEER_WORKLOAD || w->cls == EW_PEER_NODE);
}

static void
add_targets(struct incident *inc, const struct ew_signal *s)
{
	if (s->dst && s->hosts <= 1 && s->ports <= 1)
		add_target(inc,
		    &(struct ew_target){
			.workload = is_named(s->dst) ? s->dst : NULL,
			.addr = s->dst_addr,
			.port = s->port,
			.proto = s->proto,
			.outcome = s->outcome,
		    });
	else
		for (uint8_t i = 0; i < s->n_samples; i++)
			add_target(inc,
			    &(struct ew_target){
				.workload = is_named(s->samples[i].workload)
				    ? s->samples[i].workload
				    : NULL,
				.addr = s->samples[i].dst,
				.port = s->samples[i].port,
				.proto = s->samples[i].proto,
				.outcome = s->samples[i].outcome,
			    });
	if (s->count > s->n_samples && s->hosts + s->ports > 2) {
		uint32_t all = s->hosts > s->ports ? s->hosts : s->ports;

		if (all > inc->pub.n_targets &&
		    all - inc->pub.n_targets > inc->pub.more_targets)
			inc->pub.more_targets = all - inc->pub.n_targets;
	}
}

static void
add_hop(struct incident *inc, const struct ew_signal *s)
{
	struct ew_incident *p = &inc->pub;
	bool is_open = s->outcome == EW_OUT_ESTABLISHED ||
	    s->outcome == EW_OUT_PAYLOAD || s->outcome == EW_OUT_MIDSTREAM;

	if (!s->dst || !is_open || s->family == EW_FAMILY_SCAN)
		return;
	for (uint32_t i = 0; i < p->n_path; i++)
		if (same_workload(p->path[i].from, s->src) &&
		    same_workload(p->path[i].to, s->dst) && p->path[i].port == s->port)
			return;
	if (p->n_path == EW_INCIDENT_PATH_MAX)
		return;
	p->path[p->n_path++] = (struct ew_hop){
		.from = ew_workload_get(s->src),
		.to = ew_workload_get(s->dst),
		.port = s->port,
		.proto = s->proto,
		.ts_ns = s->first_ns,
	};
}

void
ew_incident_add(struct ew_alert *a, struct incident *inc, const struct ew_signal *s,
    struct ew_mono now)
{
	struct member *m = find_member(inc, s->id);

	if (!m) {
		m = new_member(inc);
		if (m && inc->pub.n_signals < EW_INCIDENT_SIGNALS_MAX)
			inc->pub.signals[inc->pub.n_signals++] = s->id;
		if (!m) {
			inc->pub.more_signals++;
			a->counters.signals_uncounted++;
		}
	}
	if (m)
		fill_member(m, s);
	inc->n_control = 0;
	for (uint32_t i = 0; i < inc->n_members; i++)
		inc->n_control += inc->members[i].is_control;
	add_source(inc, ew_alert_hash(s->src->name), s->src_instance);
	add_targets(inc, s);
	add_hop(inc, s);
	bool is_open = s->outcome == EW_OUT_ESTABLISHED || s->outcome == EW_OUT_PAYLOAD;
	if (s->dst && is_open && s->score >= 30)
		add_suspect(inc, s->dst, now);
	if (now.ns > inc->pub.updated_ns)
		inc->pub.updated_ns = now.ns;
}

/* --- freezing, closing, merging ------------------------------------------------------------- */

static void
freeze_one(struct ew_alert *a, struct incident *inc, struct ew_workload *w)
{
	for (uint32_t i = 0; i < inc->n_frozen; i++)
		if (same_workload(inc->frozen[i], w))
			return;
	if (inc->n_frozen == FROZEN_MAX)
		return;
	inc->frozen[inc->n_frozen++] = ew_workload_get(w);
	if (a->sink.freeze)
		a->sink.freeze(a->sink.context, w, true);
}

static void
thaw(struct ew_alert *a, struct incident *inc)
{
	for (uint32_t i = 0; i < inc->n_frozen; i++) {
		if (a->sink.freeze)
			a->sink.freeze(a->sink.context, inc->frozen[i], false);
		ew_workload_put(inc->frozen[i]);
	}
	inc->n_frozen = 0;
}

void
ew_incident_freeze(struct ew_alert *a, struct incident *inc)
{
	if (inc->pub.score < 50 || inc->pub.decision == EW_DECISION_ACCEPTED) {
		thaw(a, inc);
		return;
	}
	freeze_one(a, inc, inc->pub.src);
	for (uint32_t i = 0; i < inc->pub.n_path; i++)
		freeze_one(a, inc, inc->pub.path[i].from);
}

void
ew_incident_free(struct incident *inc)
{
	ew_workload_put(inc->pub.src);
	for (uint32_t i = 0; i < inc->pub.n_targets; i++)
		ew_workload_put(inc->pub.targets[i].workload);
	for (uint32_t i = 0; i < inc->pub.n_path; i++) {
		ew_workload_put(inc->pub.path[i].from);
		ew_workload_put(inc->pub.path[i].to);
	}
	for (uint32_t i = 0; i < inc->n_frozen; i++)
		ew_workload_put(inc->frozen[i]);
	free(inc->members);
	free(inc);
}

static void
take_off(struct ew_alert *a, const struct incident *inc)
{
	for (uint32_t i = 0; i < a->n_open; i++) {
		if (a->open[i] != inc)
			continue;
		memmove(&a->open[i], &a->open[i + 1],
		    (a->n_open - i - 1) * sizeof(*a->open));
		a->n_open--;
		break;
	}
	a->counters.open = a->n_open;
	a->counters.closed++;
}

void
ew_incident_close(struct ew_alert *a, struct incident *inc, struct ew_mono now)
{
	if (inc->pub.state == EW_INCIDENT_OPEN)
		inc->pub.state = EW_INCIDENT_CLOSED;
	inc->pub.closed_ns = now.ns;
	thaw(a, inc);
	take_off(a, inc);
	ew_incident_changed(a, inc, NULL);
	ew_incident_free(inc);
}

/* The path is read from top to bottom: hops of two incidents are told in order of time. */
static void
sort_path(struct ew_incident *p)
{
	for (uint32_t i = 1; i < p->n_path; i++) {
		const struct ew_hop hop = p->path[i];
		uint32_t at = i;

		for (; at > 0 && p->path[at - 1].ts_ns > hop.ts_ns; at--)
			p->path[at] = p->path[at - 1];
		p->path[at] = hop;
	}
}

/* Two incidents turn out to be one campaign: from ends in favour of into. */
static void
absorb(struct ew_alert *a, struct incident *into, struct incident *from,
    struct ew_mono now)
{
	for (uint32_t i = 0; i < from->n_members; i++) {
		struct member *m = new_member(into);

		if (!m) {
			into->pub.more_signals++;
			continue;
		}
		*m = from->members[i];
		into->pub.signals[into->pub.n_signals++] = m->id;
	}
	for (uint32_t i = 0; i < from->n_sources; i++)
		add_source(into, from->sources[i], 0);
	for (uint32_t i = 0; i < from->n_instances; i++)
		add_source(into, into->sources[0], from->instances[i]);
	for (uint32_t i = 0; i < from->pub.n_targets; i++)
		add_target(into, &from->pub.targets[i]);
	for (uint32_t i = 0; i < from->pub.n_path; i++) {
		if (into->pub.n_path == EW_INCIDENT_PATH_MAX)
			break;
		const struct ew_hop *h = &from->pub.path[i];
		into->pub.path[into->pub.n_path++] = *h;
		ew_workload_get(h->from);
		ew_workload_get(h->to);
	}
	sort_path(&into->pub);
	for (uint32_t i = 0; i < from->n_suspects && into->n_suspects < SUSPECTS_MAX;
	     i++)
		into->suspects[into->n_suspects++] = from->suspects[i];
	/* People were told of it already: the merged incident is no news by itself. */
	if (from->sent_tier > into->sent_tier) {
		into->sent_tier = from->sent_tier;
		into->sent_hops = from->sent_hops;
		into->sent_control = from->sent_control;
		into->last_sent_ns = from->last_sent_ns;
	}
	into->pub.messages_sent =
	    (uint16_t)(into->pub.messages_sent + from->pub.messages_sent);
	a->counters.merged++;
	from->pub.benign[0] = '\0';
	if (from->pub.opened_ns < into->pub.opened_ns)
		into->pub.opened_ns = from->pub.opened_ns;
	snprintf(from->pub.title, sizeof(from->pub.title),
	    "merged into incident %016" PRIx64, into->pub.id);
	from->pub.state = EW_INCIDENT_MERGED;
	ew_incident_close(a, from, now);
}
