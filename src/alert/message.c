/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/message.h"

#include <stdio.h>
#include <string.h>

#include "alert/alert_priv.h"
#include "base/text.h"

/*
 * When people are told, and what (detectors.md 5.3, 5.4). Scans produce thousands of events in
 * one second; one message each is the bug to avoid. So an incident waits a hold-down after it
 * reaches a tier (page 20 s, notify 120 s) and collects; it is told once, and again only when
 * its tier rises, a hop or a control-plane target is added, at most every 15 minutes. The same
 * matter is not told twice within a day. Above six messages an hour one storm message lists
 * the rest. What stays at digest is told once a day.
 */

#define HOUR_NS (INT64_C(3600) * EW_NS_PER_S)
#define DAY_NS (INT64_C(86400) * EW_NS_PER_S)

static uint64_t
message_id(uint64_t a, uint64_t b)
{
	uint64_t h =
	    (a ^ (b + UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);

	h ^= h >> 33;
	return (h & INT64_MAX) | 1;
}

static enum ew_tier
tell_tier(const struct incident *inc)
{
	return inc->tell_score >= 70 ? EW_TIER_PAGE
	    : inc->tell_score >= 50  ? EW_TIER_NOTIFY
				     : EW_TIER_LOG;
}

/* --- planning ------------------------------------------------------------------------------ */

void
ew_message_plan(struct ew_alert *a, struct incident *inc, struct ew_mono now)
{
	enum ew_tier tier = tell_tier(inc);
	int64_t hold =
	    tier == EW_TIER_PAGE ? a->conf.hold_page_ns : a->conf.hold_notify_ns;
	int64_t due = now.ns + hold;

	if (tier < EW_TIER_NOTIFY || inc->pub.decision == EW_DECISION_ACCEPTED) {
		inc->due_ns = 0;
		return;
	}
	if (inc->sent_tier) {
		bool has_news = tier > inc->sent_tier ||
		    inc->pub.n_path > inc->sent_hops ||
		    inc->n_control > inc->sent_control;

		if (!has_news)
			return;
		if (due < inc->last_sent_ns + a->conf.update_gap_ns)
			due = inc->last_sent_ns + a->conf.update_gap_ns;
	}
	if (!inc->due_ns || due < inc->due_ns)
		inc->due_ns = due;
}

static uint32_t
sent_within(const struct ew_alert *a, int64_t since_ns)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SENT_MAX; i++)
		n += a->sent[i].ts_ns > since_ns && a->sent[i].ts_ns != 0 &&
		    !a->sent[i].is_listed;
	return n;
}

static bool
is_repeat(const struct ew_alert *a, const struct incident *inc, struct ew_mono now)
{
	if (inc->sent_tier)
		return false; /* an update of its own */
	for (uint32_t i = 0; i < SENT_MAX; i++)
		if (a->sent[i].signature == inc->signature && a->sent[i].ts_ns &&
		    now.ns - a->sent[i].ts_ns < a->conf.repeat_ns &&
		    a->sent[i].tier >= tell_tier(inc))
			return true;
	return false;
}

static void
remember_sent(struct ew_alert *a, uint64_t signature, enum ew_tier tier, bool is_listed,
    struct ew_mono now)
{
	a->sent[a->n_sent++ % SENT_MAX] = (struct sent){
		.ts_ns = now.ns,
		.signature = signature,
		.tier = (uint8_t)tier,
		.is_listed = is_listed,
	};
}

/* --- writing ------------------------------------------------------------------------------- */

static void
add_text(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	if (used + 1 < size)
		ew_text_copy(text + used, size - used, more);
}

static const char *
clock_text(int64_t ns, char text[EW_TIME_TEXT])
{
	ew_wall_format((struct ew_wall){ ns / EW_NS_PER_US }, text);
	/* "2026-01-01T14:02:03.000000Z": the time of day is enough beside the date above. */
	memmove(text, text + 11, 8);
	text[8] = '\0';
	return text;
}

static const char *
port_text(uint8_t proto, uint16_t port, char text[16])
{
	text[0] = '\0';
	if (proto == 6 || proto == 17)
		snprintf(text, 16, ":%u", port);
	return text;
}

static void
write_path(const struct ew_incident *p, struct ew_message *m)
{
	char part[2 * EW_REASON_TEXT], port[16], clock[EW_TIME_TEXT];

	for (uint32_t i = 0; i < p->n_path; i++) {
		const struct ew_hop *h = &p->path[i];
		bool continues = i > 0 && p->path[i - 1].to == h->from;

		if (!continues) {
			snprintf(part, sizeof(part), "%s%.100s", i ? "; " : "",
			    h->from->name);
			add_text(m->path, sizeof(m->path), part);
		}
		snprintf(part, sizeof(part), " -> %.100s%s %s", h->to->name,
		    port_text(h->proto, h->port, port), clock_text(h->ts_ns, clock));
		add_text(m->path, sizeof(m->path), part);
	}
}

static void
write_targets(const struct ew_incident *p, struct ew_message *m)
{
	for (uint32_t i = 0; i < p->n_targets; i++) {
		const struct ew_target *t = &p->targets[i];
		char addr[EW_ADDR_TEXT], port[16];

		if (m->n_targets == EW_MESSAGE_TARGETS)
			break;
		snprintf(m->targets[m->n_targets++], sizeof(m->targets[0]),
		    "%.200s%s%s %s",
		    t->workload ? t->workload->name : ew_addr_format(&t->addr, addr),
		    port_text(t->proto, t->port, port),
		    t->proto == 6	 ? "/tcp"
			: t->proto == 17 ? "/udp"
					 : "",
		    ew_outcome_name((enum ew_outcome)t->outcome));
	}
	m->more_targets = p->n_targets - m->n_targets + p->more_targets;
}

static void
write_message(const struct ew_alert *a, const struct incident *inc, struct ew_mono now,
    struct ew_message *m)
{
	const struct ew_incident *p = &inc->pub;
	struct ew_alert_context ctx = { 0 };

	*m = (struct ew_message){
		.id = message_id(p->id, (uint64_t)p->messages_sent + 1),
		.incident_id = p->id,
		.created_us = now.ns / EW_NS_PER_US,
		.opened_us = p->opened_ns / EW_NS_PER_US,
		.updated_us = p->updated_ns / EW_NS_PER_US,
		.kind = p->messages_sent ? EW_MSG_UPDATED : EW_MSG_OPENED,
		.tier = p->tier,
		.score = p->score,
		.sequence = (uint16_t)(p->messages_sent + 1),
		.gaps = p->gaps,
	};
	ew_text_copy(m->node, sizeof(m->node), a->conf.node);
	ew_text_copy(m->title, sizeof(m->title), p->title);
	ew_text_copy(m->src_workload, sizeof(m->src_workload), p->src->name);
	ew_text_copy(m->benign, sizeof(m->benign), p->benign);
	if (a->sink.describe)
		a->sink.describe(a->sink.context, p->src, p->src_instance, &ctx);
	ew_text_copy(m->src_instance, sizeof(m->src_instance), ctx.instance);
	ew_text_copy(m->image, sizeof(m->image), ctx.image);
	ew_text_copy(m->posture, sizeof(m->posture), ctx.posture);
	ew_text_copy(m->baseline, sizeof(m->baseline), ctx.baseline);
	if (!m->baseline[0] && inc->n_members) {
		const char *line = inc->members[0].evidence;

		ew_text_copy(m->baseline, sizeof(m->baseline),
		    strncmp(line, "baseline: ", 10) == 0 ? line + 10 : line);
	}
	for (uint32_t i = 0; i < p->n_techniques; i++) {
		add_text(m->techniques, sizeof(m->techniques), i ? ", " : "");
		add_text(m->techniques, sizeof(m->techniques), p->techniques[i]);
	}
	for (uint32_t i = 0; i < p->n_reasons && m->n_reasons < EW_MESSAGE_REASONS; i++)
		m->reasons[m->n_reasons++] = p->reasons[i];
	write_path(p, m);
	write_targets(p, m);
}

static void
mark_told(struct incident *inc, struct ew_mono now)
{
	inc->sent_tier = (uint8_t)tell_tier(inc);
	inc->sent_hops = inc->pub.n_path;
	inc->sent_control = inc->n_control;
	inc->last_sent_ns = now.ns;
	inc->due_ns = 0;
	inc->in_storm = false;
}

static void
send_incident(struct ew_alert *a, struct incident *inc, struct ew_mono now)
{
	struct ew_message m;

	write_message(a, inc, now, &m);
	mark_told(inc, now);
	inc->pub.messages_sent++;
	remember_sent(a, inc->signature, (enum ew_tier)inc->sent_tier, false, now);
	a->counters.messages++;
	a->counters.updates += m.kind == EW_MSG_UPDATED;
	if (a->sink.message)
		a->sink.message(a->sink.context, &m);
	ew_incident_changed(a, inc, NULL);
}

/* --- storm and digest ------------------------------------------------------------------------ */

static void
write_line(const struct incident *inc, char line[160])
{
	char clock[EW_TIME_TEXT];

	char text[512];

	snprintf(text, sizeof(text), "%s %s %d %s",
	    clock_text(inc->pub.opened_ns, clock),
	    ew_tier_name((enum ew_tier)inc->pub.tier), inc->pub.score, inc->pub.title);
	(void)ew_text_copy(line, 160, text);
}

static void
send_storm(struct ew_alert *a, struct ew_mono now)
{
	struct ew_message m = {
		.id = message_id((uint64_t)now.ns, EW_MSG_STORM),
		.created_us = now.ns / EW_NS_PER_US,
		.opened_us = now.ns / EW_NS_PER_US,
		.updated_us = now.ns / EW_NS_PER_US,
		.kind = EW_MSG_STORM,
	};
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n_open; i++) {
		struct incident *inc = a->open[i];

		if (!inc->in_storm)
			continue;
		if (inc->pub.tier > m.tier)
			m.tier = inc->pub.tier;
		if (inc->pub.score > m.score)
			m.score = inc->pub.score;
		if (m.n_lines < EW_MESSAGE_LINES)
			write_line(inc, m.lines[m.n_lines++]);
		mark_told(inc, now);
		remember_sent(a, inc->signature, (enum ew_tier)inc->sent_tier, true,
		    now);
		inc->pub.messages_sent++;
		ew_incident_changed(a, inc, NULL);
		n++;
	}
	a->storm_due_ns = 0;
	if (!n)
		return;
	a->last_storm_ns = now.ns;
	m.more_targets = n - m.n_lines;
	ew_text_copy(m.node, sizeof(m.node), a->conf.node);
	snprintf(m.title, sizeof(m.title),
	    "storm: %u more incidents on %.60s within an hour, listed once", n,
	    a->conf.node);
	remember_sent(a, 0, (enum ew_tier)m.tier, false, now);
	a->counters.storms++;
	a->counters.messages++;
	if (a->sink.message)
		a->sink.message(a->sink.context, &m);
}

static void
tell_or_queue(struct ew_alert *a, struct incident *inc, struct ew_mono now)
{
	if (now.ns < inc->snooze_until_ns) {
		inc->due_ns = 0;
		return;
	}
	if (is_repeat(a, inc, now)) {
		a->counters.repeats++;
		mark_told(inc, now);
		return;
	}
	if (sent_within(a, now.ns - HOUR_NS) < a->conf.messages_per_hour) {
		send_incident(a, inc, now);
		return;
	}
	inc->due_ns = 0;
	inc->in_storm = true;
	if (!a->storm_due_ns) {
		int64_t again = a->last_storm_ns ? a->last_storm_ns + HOUR_NS : 0;

		a->storm_due_ns = now.ns + a->conf.hold_page_ns;
		if (a->storm_due_ns < again)
			a->storm_due_ns = again;
	}
}

static void
send_digest(struct ew_alert *a, struct ew_mono now)
{
	struct ew_message m = {
		.id = message_id((uint64_t)now.ns, EW_MSG_DIGEST),
		.created_us = now.ns / EW_NS_PER_US,
		.opened_us = now.ns / EW_NS_PER_US,
		.updated_us = now.ns / EW_NS_PER_US,
		.kind = EW_MSG_DIGEST,
		.tier = EW_TIER_DIGEST,
	};

	for (uint32_t i = 0; i < a->n_open; i++) {
		struct incident *inc = a->open[i];

		if (inc->in_digest || inc->sent_tier ||
		    inc->pub.tier != EW_TIER_DIGEST ||
		    inc->pub.decision == EW_DECISION_ACCEPTED)
			continue;
		inc->in_digest = true;
		ew_digest_note(a, inc);
	}
	if (!a->n_digest_lines)
		return; /* an empty digest teaches people not to read it */
	m.n_lines = (uint8_t)a->n_digest_lines;
	memcpy(m.lines, a->digest, sizeof(m.lines));
	m.more_targets = a->more_digest;
	ew_text_copy(m.node, sizeof(m.node), a->conf.node);
	snprintf(m.title, sizeof(m.title), "digest: %u smaller matters on %.60s",
	    a->n_digest_lines + a->more_digest, a->conf.node);
	a->n_digest_lines = a->more_digest = 0;
	a->counters.digests++;
	if (a->sink.message)
		a->sink.message(a->sink.context, &m);
}

void
ew_digest_note(struct ew_alert *a, const struct incident *inc)
{
	if (a->n_digest_lines < EW_MESSAGE_LINES)
		write_line(inc, a->digest[a->n_digest_lines++]);
	else
		a->more_digest++;
}

/* --- running ------------------------------------------------------------------------------- */

int64_t
ew_message_next(const struct ew_alert *a)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < a->n_open; i++)
		if (a->open[i]->due_ns && a->open[i]->due_ns < next)
			next = a->open[i]->due_ns;
	if (a->storm_due_ns && a->storm_due_ns < next)
		next = a->storm_due_ns;
	if (a->next_digest_ns && a->next_digest_ns < next)
		next = a->next_digest_ns;
	return next;
}

void
ew_message_run(struct ew_alert *a, struct ew_mono now)
{
	for (uint32_t i = 0; i < a->n_open; i++)
		if (a->open[i]->due_ns && a->open[i]->due_ns <= now.ns)
			tell_or_queue(a, a->open[i], now);
	if (a->storm_due_ns && a->storm_due_ns <= now.ns)
		send_storm(a, now);
	if (a->next_digest_ns && a->next_digest_ns <= now.ns) {
		send_digest(a, now);
		while (a->next_digest_ns <= now.ns)
			a->next_digest_ns += DAY_NS;
	}
}

void
ew_alert_test_message(const struct ew_alert *alert, struct ew_mono now,
    struct ew_message *ret_message)
{
	*ret_message = (struct ew_message){
		.id = message_id((uint64_t)now.ns, EW_MSG_TEST),
		.created_us = now.ns / EW_NS_PER_US,
		.opened_us = now.ns / EW_NS_PER_US,
		.updated_us = now.ns / EW_NS_PER_US,
		.kind = EW_MSG_TEST,
		.tier = EW_TIER_NOTIFY,
	};
	ew_text_copy(ret_message->node, sizeof(ret_message->node), alert->conf.node);
	snprintf(ret_message->title, sizeof(ret_message->title),
	    "test message from eastwatch on %.60s: nothing happened", alert->conf.node);
}
