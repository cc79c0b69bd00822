/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/alert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_priv.h"
#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/text.h"
#include "detect/detect.h"

/*
 * Signals become incidents, incidents become few messages (detectors.md 5). The measured point
 * of this stage: an alerting layer above edge scores lifted precision from 0.243 to 0.986
 * (King & Huang, Euler, TOPS 2023).
 *
 *   incident.c   which signals are one campaign; its targets, path, suspects
 *   score.c      its score, tier, title and reasons
 *   message.c    when people are told, and what
 *
 * Time is pipeline time. Deadlines (hold-downs, idle closes, digest) run one by one in their
 * order before the signal that is later, so the messages of a replay do not depend on how
 * often tick is called.
 */

#define DAY_S INT64_C(86400)

void
ew_alert_conf_default(struct ew_alert_conf *ret_conf)
{
	*ret_conf = (struct ew_alert_conf){
		.hold_page_ns = 20 * EW_NS_PER_S,
		.hold_notify_ns = 120 * EW_NS_PER_S,
		.idle_close_ns = 6 * 3600 * EW_NS_PER_S,
		.split_ns = 7 * DAY_S * EW_NS_PER_S,
		.update_gap_ns = 900 * EW_NS_PER_S,
		.repeat_ns = DAY_S * EW_NS_PER_S,
		.digest_at_s = 9 * 3600,
		.messages_per_hour = 6,
		.max_open = 1024,
	};
}

struct ew_alert *
ew_alert_new(const struct ew_alert_conf *conf, const struct ew_alert_sink *sink)
{
	struct ew_alert *a = ew_alloc(sizeof(*a));

	a->conf = *conf;
	if (sink)
		a->sink = *sink;
	a->open = ew_alloc_array(conf->max_open + 1, sizeof(*a->open));
	return a;
}

void
ew_alert_free(struct ew_alert *alert)
{
	if (!alert)
		return;
	for (uint32_t i = 0; i < alert->n_open; i++)
		ew_incident_free(alert->open[i]);
	free(alert->open);
	free(alert);
}

void
ew_alert_reconfigure(struct ew_alert *alert, const struct ew_alert_conf *conf)
{
	uint32_t max_open = alert->conf.max_open;

	alert->conf = *conf;
	alert->conf.max_open = max_open;
	alert->next_digest_ns = 0;
	alert->next_ns = 0;
}

#define COUNTER(field, unit_, is_gauge_, meaning_)                           \
	{                                                                    \
		.name = "alert_" #field, .unit = unit_, .meaning = meaning_, \
		.offset = offsetof(struct alert_counters, field),            \
		.is_gauge = is_gauge_                                        \
	}
static const struct ew_counter counters[] = {
	COUNTER(open, "incidents", 1, "Open incidents"),
	COUNTER(opened, "incidents", 0, "Incidents opened"),
	COUNTER(closed, "incidents", 0, "Incidents closed"),
	COUNTER(merged, "incidents", 0,
	    "Incidents that turned out to be part of another"),
	COUNTER(refused, "signals", 0,
	    "Signals without an incident because too many are open"),
	COUNTER(messages, "messages", 0, "Messages given to the outbox"),
	COUNTER(updates, "messages", 0, "Of these, updates of an incident told before"),
	COUNTER(storms, "messages", 0, "Storm messages instead of many"),
	COUNTER(digests, "messages", 0, "Daily digests"),
	COUNTER(repeats, "incidents", 0,
	    "Incidents not told because the same was told that day"),
	COUNTER(signals_uncounted, "signals", 0,
	    "Signals beyond the 200 an incident keeps"),
};

struct ew_counter_set
ew_alert_counters(const struct ew_alert *alert)
{
	return (struct ew_counter_set){
		.module = "alert",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &alert->counters,
	};
}

/* --- time ---------------------------------------------------------------------------------- */

/* When an incident changes by itself: idle, too long, or a hold for replicas ends. */
static int64_t
incident_deadline(const struct ew_alert *a, const struct incident *inc)
{
	int64_t at = inc->pub.updated_ns + a->conf.idle_close_ns;

	if (inc->pub.opened_ns + a->conf.split_ns < at)
		at = inc->pub.opened_ns + a->conf.split_ns;
	for (uint32_t i = 0; i < inc->n_members; i++) {
		const struct member *m = &inc->members[i];

		if (m->in_change_window && m->hold_until_ns > a->last_tick_ns &&
		    m->hold_until_ns < at)
			at = m->hold_until_ns;
	}
	return at;
}

static void
run_incident(struct ew_alert *a, struct incident *inc, struct ew_mono at)
{
	bool is_over = at.ns >= inc->pub.updated_ns + a->conf.idle_close_ns ||
	    at.ns >= inc->pub.opened_ns + a->conf.split_ns;

	if (is_over) {
		if (!inc->in_digest && !inc->sent_tier &&
		    inc->pub.tier == EW_TIER_DIGEST &&
		    inc->pub.decision != EW_DECISION_ACCEPTED && inc->tell_score >= 30)
			ew_digest_note(a, inc);
		ew_incident_close(a, inc, at);
		return;
	}
	int16_t before = inc->pub.score;

	ew_incident_recompute(a, inc, at);
	if (inc->pub.score == before)
		return;
	ew_incident_freeze(a, inc);
	ew_message_plan(a, inc, at);
	ew_incident_changed(a, inc, NULL);
}

static void
start_digest(struct ew_alert *a, struct ew_mono now)
{
	if (a->next_digest_ns || a->conf.digest_at_s < 0)
		return;
	int64_t day = now.ns / (DAY_S * EW_NS_PER_S) * DAY_S * EW_NS_PER_S;

	a->next_digest_ns = day + a->conf.digest_at_s * EW_NS_PER_S;
	if (a->next_digest_ns <= now.ns)
		a->next_digest_ns += DAY_S * EW_NS_PER_S;
}

static void
advance(struct ew_alert *a, struct ew_mono now)
{
	/* Most calls find nothing due: the walk over all incidents is for the others. */
	if (a->next_ns && now.ns < a->next_ns) {
		a->last_tick_ns = now.ns;
		return;
	}
	start_digest(a, now);
	for (;;) {
		int64_t next = ew_message_next(a);
		struct incident *who = NULL;

		for (uint32_t i = 0; i < a->n_open; i++) {
			int64_t at = incident_deadline(a, a->open[i]);

			if (at < next) {
				next = at;
				who = a->open[i];
			}
		}
		if (next > now.ns) {
			a->next_ns = next;
			break;
		}
		/* A deadline may lie before the last tick when records were loaded late. */
		if (next < a->last_tick_ns)
			next = a->last_tick_ns;
		if (who)
			run_incident(a, who, (struct ew_mono){ next });
		else
			ew_message_run(a, (struct ew_mono){ next });
		a->last_tick_ns = next;
	}
	a->last_tick_ns = now.ns;
}

void
ew_alert_tick(struct ew_alert *alert, struct ew_mono now)
{
	advance(alert, now);
}

/* --- events -------------------------------------------------------------------------------- */

uint64_t
ew_alert_feed(struct ew_alert *alert, const struct ew_signal *signal,
    struct ew_mono now)
{
	advance(alert, now);
	alert->next_ns = 0;
	struct incident *inc = ew_incident_of_signal(alert, signal, now);

	if (!inc)
		return 0;
	ew_incident_add(alert, inc, signal, now);
	ew_incident_recompute(alert, inc, now);
	ew_incident_freeze(alert, inc);
	ew_message_plan(alert, inc, now);
	ew_incident_changed(alert, inc, signal);
	return inc->pub.id;
}

void
ew_alert_gap(struct ew_alert *alert, const struct ew_health *health, struct ew_mono now)
{
	advance(alert, now);
	for (uint32_t i = 0; i < alert->n_open; i++) {
		struct incident *inc = alert->open[i];

		if (inc->pub.gaps || health->to_ns < inc->pub.opened_ns)
			continue;
		inc->pub.gaps = 1;
		ew_incident_changed(alert, inc, NULL);
	}
	if (!health->is_notice || !alert->sink.message)
		return;
	struct ew_message m;

	ew_alert_test_message(alert, now, &m);
	m.kind = EW_MSG_HEALTH;
	m.gaps = 1;
	m.id ^= UINT64_C(0x5a5a);
	(void)ew_text_copy(m.title, sizeof(m.title), health->text);
	alert->sink.message(alert->sink.context, &m);
}

/* --- decisions ------------------------------------------------------------------------------ */

static struct incident *
find(const struct ew_alert *a, uint64_t id)
{
	for (uint32_t i = 0; i < a->n_open; i++)
		if (a->open[i]->pub.id == id)
			return a->open[i];
	return NULL;
}

int
ew_alert_decide(struct ew_alert *alert, uint64_t incident_id, enum ew_decision decision,
    int64_t until_ns, struct ew_mono now)
{
	advance(alert, now);
	struct incident *inc = find(alert, incident_id);

	if (!inc)
		return -ENOENT;
	inc->pub.decision = (uint8_t)decision;
	alert->next_ns = 0;
	switch (decision) {
	case EW_DECISION_ACCEPTED:
		ew_incident_close(alert, inc, now);
		return 0;
	case EW_DECISION_SNOOZED:
		inc->snooze_until_ns = until_ns ? until_ns : INT64_MAX;
		inc->due_ns = 0;
		break;
	case EW_DECISION_NONE:
	case EW_DECISION_DENIED:
		inc->snooze_until_ns = 0;
		break;
	}
	ew_incident_changed(alert, inc, NULL);
	return 0;
}

void
ew_alert_accept_edge(struct ew_alert *alert, const struct ew_workload *src,
    const struct ew_workload *dst, uint8_t proto, uint16_t port, struct ew_mono now)
{
	advance(alert, now);
	alert->next_ns = 0;
	uint64_t s = ew_alert_hash(src->name), d = ew_alert_hash(dst->name);

	for (uint32_t i = 0; i < alert->n_open;) {
		struct incident *inc = alert->open[i];
		uint32_t hit = 0, left = 0;

		for (uint32_t k = 0; k < inc->n_members; k++) {
			struct member *m = &inc->members[k];
			bool is_edge = m->src_hash == s && m->dst_hash == d &&
			    m->proto == proto && m->port == port &&
			    m->family == EW_FAMILY_EDGE;

			hit += is_edge && !m->is_accepted;
			m->is_accepted |= is_edge;
			left += !m->is_accepted;
		}
		if (!hit) {
			i++;
			continue;
		}
		ew_incident_recompute(alert, inc, now);
		if (!left) {
			inc->pub.decision = EW_DECISION_ACCEPTED;
			ew_incident_close(alert, inc,
			    now); /* the next one moves to i */
			continue;
		}
		ew_incident_freeze(alert, inc);
		ew_message_plan(alert, inc, now);
		ew_incident_changed(alert, inc, NULL);
		i++;
	}
}

const struct ew_incident *
ew_alert_find(const struct ew_alert *alert, uint64_t incident_id)
{
	const struct incident *inc = find(alert, incident_id);

	return inc ? &inc->pub : NULL;
}

void
ew_alert_each_open(const struct ew_alert *alert,
    void (*visit)(void *context, const struct ew_incident *incident), void *context)
{
	for (uint32_t i = 0; i < alert->n_open; i++)
		visit(context, &alert->open[i]->pub);
}

/* --- loading ------------------------------------------------------------------------------- */

int
ew_alert_load(struct ew_alert *alert, const struct ew_incident *incident)
{
	if (alert->n_open >= alert->conf.max_open)
		return EW_ERR_LIMIT;
	struct incident *inc = ew_alloc(sizeof(*inc));

	inc->pub = *incident;
	/* Signals come back one by one by ew_alert_load_signal. */
	inc->pub.n_signals = 0;
	ew_workload_get(inc->pub.src);
	for (uint32_t i = 0; i < inc->pub.n_targets; i++)
		if (inc->pub.targets[i].workload)
			ew_workload_get(inc->pub.targets[i].workload);
	for (uint32_t i = 0; i < inc->pub.n_path; i++) {
		ew_workload_get(inc->pub.path[i].from);
		ew_workload_get(inc->pub.path[i].to);
	}
	inc->sent_tier = incident->messages_sent ? incident->tier : 0;
	inc->sent_hops = incident->n_path;
	inc->tell_score = incident->score;
	inc->sources[inc->n_sources++] = ew_alert_hash(inc->pub.src->name);
	alert->open[alert->n_open++] = inc;
	alert->next_ns = 0;
	alert->counters.open = alert->n_open;
	return 0;
}

int
ew_alert_load_signal(struct ew_alert *alert, uint64_t incident_id,
    const struct ew_signal *signal)
{
	struct incident *inc = find(alert, incident_id);

	if (!inc)
		return -ENOENT;
	int64_t updated = inc->pub.updated_ns;

	alert->next_ns = 0;

	ew_incident_add(alert, inc, signal, (struct ew_mono){ signal->ts_ns });
	inc->pub.updated_ns = updated;
	ew_incident_recompute(alert, inc, (struct ew_mono){ updated });
	inc->sent_control = inc->n_control;
	ew_incident_freeze(alert, inc);
	/* Told before the restart, or about to be told: then it is still due. */
	if (!inc->sent_tier)
		ew_message_plan(alert, inc, (struct ew_mono){ inc->pub.opened_ns });
	return 0;
}

void
ew_alert_load_sent(struct ew_alert *alert, uint64_t incident_id, int64_t sent_ns)
{
	struct incident *inc = find(alert, incident_id);
	struct sent *slot = &alert->sent[alert->n_sent++ % SENT_MAX];

	*slot = (struct sent){ .ts_ns = sent_ns, .tier = EW_TIER_PAGE };
	if (!inc)
		return;
	slot->signature = inc->signature;
	slot->tier = inc->sent_tier;
	if (sent_ns > inc->last_sent_ns)
		inc->last_sent_ns = sent_ns;
}
