/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/scan_walk.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "detect/scan_walk_priv.h"

/*
 * The table of walks and their telling. Set-associative like the tracks: eight places per
 * key, the longest idle walk goes when all are taken (counted: a flood of sources degrades
 * memory, not correctness).
 */

#define WAYS 8
#define IDLE_NS (INT64_C(86400) * EW_NS_PER_S) /* section 9: freed after 24 h idle */

static void
drop(struct ew_walk *w)
{
	ew_workload_put(w->src);
	for (unsigned i = 0; i < w->n_samples; i++)
		ew_workload_put(w->samples[i].workload);
	*w = (struct ew_walk){ 0 };
}

void
ew_walks_fini(struct ew_walks *walks)
{
	for (uint32_t i = 0; walks->table && i <= walks->mask; i++)
		if (walks->table[i].key)
			drop(&walks->table[i]);
}

static struct ew_walk *
set_of(const struct ew_walks *walks, uint64_t key)
{
	return &walks->table[(uint32_t)ew_detect_mix(key, 3) & walks->mask &
	    ~(uint32_t)(WAYS - 1)];
}

struct ew_walk *
ew_walks_find(const struct ew_walks *walks, uint64_t key)
{
	struct ew_walk *set = set_of(walks, key);

	for (int i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

struct ew_walk *
ew_walks_get(struct ew_detect *d, struct ew_walks *walks, uint64_t key,
    struct ew_mono now)
{
	struct ew_walk *w = ew_walks_find(walks, key);

	if (w)
		return w;
	struct ew_walk *set = set_of(walks, key);
	w = &set[0];
	for (int i = 1; i < WAYS && w->key; i++)
		if (!set[i].key || set[i].last_ns < w->last_ns)
			w = &set[i];
	if (w->key) {
		d->counters.scan_evicted++;
		drop(w);
	} else {
		d->counters.scan_states++;
	}
	w->key = key;
	w->first_ns = w->last_ns = w->t_ns = now.ns;
	return w;
}

void
ew_walks_expire(struct ew_detect *d, struct ew_walks *walks, struct ew_mono now)
{
	for (uint32_t i = 0; i <= walks->mask; i++) {
		if (!walks->table[i].key || now.ns - walks->table[i].last_ns < IDLE_NS)
			continue;
		drop(&walks->table[i]);
		d->counters.scan_states--;
	}
}

const char *
ew_tool_name(uint8_t tool)
{
	switch ((enum ew_tool_hint)tool) {
	case EW_TOOL_NONE:
		return NULL;
	case EW_TOOL_NMAP:
		return "nmap";
	case EW_TOOL_MASSCAN:
		return "masscan";
	case EW_TOOL_HPING:
		return "hping3";
	case EW_TOOL_ZMAP:
		return "zmap";
	}
	return NULL;
}

static const char *const outcome_names[EW_WALK_OUTCOMES] = {
	[EW_WALK_DARK] = "to nobody's address",
	[EW_WALK_PROBE] = "stealth probes",
	[EW_WALK_REFUSED] = "refused",
	[EW_WALK_UNANSWERED] = "unanswered",
	[EW_WALK_HALFOPEN] = "half-open",
	[EW_WALK_EMPTY] = "connected and left",
	[EW_WALK_SILENT] = "silent",
	[EW_WALK_PAYLOAD] = "established",
};

static const uint8_t signal_outcome[EW_WALK_OUTCOMES] = {
	[EW_WALK_DARK] = EW_OUT_DARK,
	[EW_WALK_PROBE] = EW_OUT_PROBE,
	[EW_WALK_REFUSED] = EW_OUT_REFUSED,
	[EW_WALK_UNANSWERED] = EW_OUT_UNANSWERED,
	[EW_WALK_HALFOPEN] = EW_OUT_HALFOPEN,
	[EW_WALK_EMPTY] = EW_OUT_ESTABLISHED,
	[EW_WALK_SILENT] = EW_OUT_UNANSWERED,
	[EW_WALK_PAYLOAD] = EW_OUT_PAYLOAD,
};

static void
say_histogram(const struct ew_walk *w, struct ew_signal *s)
{
	char text[200] = "";

	for (int i = 0; i < EW_WALK_OUTCOMES; i++) {
		size_t used = strlen(text);

		if (w->n_out[i])
			snprintf(text + used, sizeof(text) - used, "%s%u %s",
			    used ? ", " : "", w->n_out[i], outcome_names[i]);
	}
	ew_signal_evidence(s, "outcomes: %s", text);
}

void
ew_walk_describe(const struct ew_walk *w, struct ew_signal *s)
{
	int64_t span_ms = (w->last_ns - w->first_ns) / EW_NS_PER_MS;
	char ports[96] = "";

	s->first_ns = w->first_ns;
	s->src_instance = w->instance;
	s->count = w->n_contacts;
	s->hosts = ew_distinct_count(&w->hosts);
	s->ports = ew_distinct_count(&w->ports);
	s->tool = w->tool;
	for (unsigned i = 0; i < w->n_samples; i++) {
		const struct ew_walk_sample *m = &w->samples[i];
		size_t used = strlen(ports);

		s->samples[s->n_samples++] = (struct ew_sample){
			.ts_ns = m->ts_ns,
			.flow_id = m->flow_id,
			.dst = m->dst,
			.workload = m->workload,
			.port = m->port,
			.proto = m->proto,
			.outcome = signal_outcome[m->outcome],
		};
		if (i < 5)
			snprintf(ports + used, sizeof(ports) - used, "%s%u",
			    used ? " " : "", m->port);
	}
	if (w->n_samples) {
		s->proto = w->samples[0].proto;
		s->dst_addr = w->samples[0].dst;
		s->flow_id = w->samples[0].flow_id;
		if (s->hosts == 1)
			s->dst = w->samples[0].workload;
		if (s->ports == 1)
			s->port = w->samples[0].port;
	}
	ew_signal_evidence(s,
	    "distinct: %u hosts, %u ports in %u contacts over %lld ms", s->hosts,
	    s->ports, w->n_contacts, (long long)span_ms);
	say_histogram(w, s);
	ew_signal_evidence(s, "first ports: %s", ports);
	if (ew_tool_name(w->tool))
		ew_signal_evidence(s, "tool: looks like %s", ew_tool_name(w->tool));
	snprintf(s->benign, sizeof(s->benign),
	    "an authorised scanner (label eastwatch.scanner) or a configuration with "
	    "many dead endpoints");
}
