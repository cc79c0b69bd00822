/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "detect/detect_priv.h"
#include "graph/graph.h"

/*
 * Building a signal: what the contact tells, then reasons whose points add up to the score
 * (principle P5: no score without its named parts), then evidence. ew_detect_emit gives it an
 * id that derives from the input alone, so that a replay finds the same.
 */

void
ew_signal_begin(struct ew_detect *d, struct ew_signal *s, const struct ew_contact *c,
    struct ew_mono now)
{
	const struct ew_flow_event *ev = c->ev;

	ew_signal_begin_workload(d, s, c->src.workload, now);
	s->ts_ns = ev->ts_ns;
	s->first_ns = ev->first_ns ? ev->first_ns : ev->ts_ns;
	s->proto = ev->tuple.proto;
	s->port = ew_contact_port(c);
	s->src_instance = c->src.instance;
	s->dst_instance = c->dst.instance;
	s->dst = c->dst.workload;
	s->src_addr = ev->tuple.src;
	s->dst_addr = ev->tuple.dst;
	s->flow_id = ev->flow_id;
	s->tool = (uint8_t)(ev->flags >> EW_FLOW_F_HINT_SHIFT & 7);
}

void
ew_signal_begin_workload(struct ew_detect *d, struct ew_signal *s,
    struct ew_workload *src, struct ew_mono now)
{
	const struct ew_detector *detector = ew_detectors[d->current];

	memset(s, 0, sizeof(*s));
	s->ts_ns = now.ns;
	s->first_ns = now.ns;
	s->detector = detector->name;
	memcpy(s->technique, detector->technique, sizeof(s->technique));
	s->tactic = detector->tactic;
	s->family = detector->family;
	s->src = src;
	s->count = 1;
}

void
ew_signal_reason(struct ew_signal *s, int points, const char *format, ...)
{
	va_list args;

	s->score = (int16_t)(s->score + points);
	if (s->n_reasons == EW_REASONS_MAX)
		return; /* the sum stays right; the twelfth reason is the last one told */
	struct ew_reason *r = &s->reasons[s->n_reasons++];
	r->points = (int16_t)points;
	va_start(args, format);
	vsnprintf(r->text, sizeof(r->text), format, args);
	va_end(args);
}

void
ew_signal_evidence(struct ew_signal *s, const char *format, ...)
{
	size_t used = strlen(s->evidence);
	va_list args;

	if (used + 2 >= sizeof(s->evidence))
		return;
	if (used)
		s->evidence[used++] = '\n';
	va_start(args, format);
	int n = vsnprintf(s->evidence + used, sizeof(s->evidence) - used, format, args);
	va_end(args);
	/* Half a line says less than none. */
	if (n < 0 || (size_t)n >= sizeof(s->evidence) - used)
		s->evidence[used ? used - 1 : 0] = '\0';
}

void
ew_signal_sample(struct ew_signal *s, const struct ew_contact *c,
    enum ew_outcome outcome)
{
	if (s->n_samples == EW_SAMPLES_MAX)
		return;
	s->samples[s->n_samples++] = (struct ew_sample){
		.ts_ns = c->ev->ts_ns,
		.flow_id = c->ev->flow_id,
		.dst = c->ev->tuple.dst,
		.port = ew_contact_port(c),
		.proto = c->ev->tuple.proto,
		.outcome = (uint8_t)outcome,
	};
}

int
ew_signal_posture(struct ew_signal *s, const struct ew_workload *w)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = {
		{ EW_POSTURE_PRIVILEGED, "privileged" },
		{ EW_POSTURE_RUNTIME_SOCKET, "runtime socket" },
		{ EW_POSTURE_HOST_PID, "host PID namespace" },
		{ EW_POSTURE_HOST_NETWORK, "host network" },
		{ EW_POSTURE_CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
		{ EW_POSTURE_CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		{ EW_POSTURE_CAP_SYS_PTRACE, "CAP_SYS_PTRACE" },
		{ EW_POSTURE_PUBLISHED, "published port" },
	};
	int points = ew_detect_posture_points(w->posture);
	char text[128] = "";

	if (!points)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t used = strlen(text);

		if (w->posture & names[i].bit)
			snprintf(text + used, sizeof(text) - used, "%s%s",
			    used ? ", " : "", names[i].name);
	}
	ew_signal_reason(s, points, "the source runs with: %s (posture)", text);
	return points;
}

void
ew_signal_cap(struct ew_signal *s, int most, const char *why)
{
	if (s->score > most)
		ew_signal_reason(s, most - s->score, "at most %d: %s", most, why);
}

void
ew_signal_floor(struct ew_signal *s, int least, const char *why)
{
	if (s->score < least)
		ew_signal_reason(s, least - s->score, "at least %d: %s", least, why);
}

const char *
ew_detect_peer_name(const struct ew_workload *w)
{
	return w->name[0] ? w->name : "unknown";
}

char *
ew_signal_target(const struct ew_contact *c, char *ret_text, size_t size)
{
	char addr[EW_ADDR_TEXT];
	const struct ew_workload *w = c->dst.workload;
	bool is_named = w->cls == EW_PEER_WORKLOAD || w->cls == EW_PEER_NODE;
	const char *name =
	    is_named ? ew_detect_peer_name(w) : ew_addr_format(&c->ev->tuple.dst, addr);
	if (!ew_contact_port(c))
		snprintf(ret_text, size, "%s", name);
	else if (!is_named && !ew_addr_is_v4(&c->ev->tuple.dst))
		snprintf(ret_text, size, "[%s]:%u", name, c->edge_port);
	else
		snprintf(ret_text, size, "%s:%u", name, c->edge_port);
	return ret_text;
}

char *
ew_detect_age_text(int64_t ns, char ret_text[16])
{
	int64_t s = ns / EW_NS_PER_S;

	if (s >= 2 * 86400)
		snprintf(ret_text, 16, "%lld d", (long long)(s / 86400));
	else if (s >= 2 * 3600)
		snprintf(ret_text, 16, "%lld h", (long long)(s / 3600));
	else if (s >= 120)
		snprintf(ret_text, 16, "%lld min", (long long)(s / 60));
	else
		snprintf(ret_text, 16, "%lld s", (long long)(s > 0 ? s : 0));
	return ret_text;
}

void
ew_detect_record_key(struct ew_detect_record *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->key, sizeof(r->key), format, args);
	va_end(args);
}

/* --- emitting ------------------------------------------------------------------------------ */

static void
remember(struct ew_detect *d, const struct ew_signal *s, uint64_t key)
{
	struct ew_recent *slot = NULL;

	for (uint32_t i = 0; i < RECENT_MAX && !slot; i++)
		if (d->recent[i].id == s->id)
			slot = &d->recent[i];
	if (!slot)
		slot = &d->recent[d->n_recent++ % RECENT_MAX];
	*slot = (struct ew_recent){
		.ts_ns = s->ts_ns,
		.id = s->id,
		.key = key,
		.src_hash = ew_detect_hash(s->src->name),
		.dst_hash = s->dst ? ew_detect_hash(s->dst->name) : 0,
		.detector = d->current,
		.outcome = s->outcome,
		.tactic = s->tactic,
		.score = s->score,
	};
}

static uint64_t
signal_id(const struct ew_detect *d, const struct ew_signal *s, uint64_t key)
{
	uint64_t h = ew_detect_mix(ew_detect_hash(ew_detectors[d->current]->name), key);

	h = ew_detect_mix(h, (uint64_t)s->first_ns);
	h = ew_detect_mix(h, s->flow_id);
	return (h & INT64_MAX) | 1; /* SQLite's integers are signed */
}

void
ew_detect_emit(struct ew_detect *d, struct ew_signal *s, struct ew_track *track,
    struct ew_mono now)
{
	uint64_t key = track ? track->key : ew_detect_hash(s->src->name);

	if (s->score > 100)
		s->score = 100;
	if (s->score < 0)
		s->score = 0;
	if (track && track->id) {
		s->id = track->id;
		s->is_update = 1;
		s->first_ns =
		    track->first_ns < s->first_ns ? track->first_ns : s->first_ns;
	} else {
		s->id = signal_id(d, s, key);
	}
	if (track) {
		track->id = s->id;
		track->score = s->score;
		track->last_ns = now.ns;
		track->outcome = s->outcome;
		if (s->first_ns < track->first_ns)
			track->first_ns = s->first_ns;
	}
	if (s->dst || s->n_samples)
		s->is_snoozed = ew_graph_is_snoozed(d->graph, s->src, s->dst, s->proto,
		    s->port, now);
	if (s->is_update)
		d->counters.updates++;
	else
		d->counters.signals++;
	remember(d, s, key);
	if (d->sink.signal)
		d->sink.signal(d->sink.context, s);
	ew_detect_announce(d, s, now);
}
