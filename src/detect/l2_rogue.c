/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * l2-rogue (detectors.md 3.11): a container plays infrastructure: an IPv6 router (router
 * advertisement), a DHCP server (offer or acknowledgement), or it answers name questions for
 * others (LLMNR, NBNS, mDNS: two names that are not its own). All are 80. The first time a
 * workload asks by LLMNR or NBNS at all is a row in the digest.
 */

enum { OPT_SCORE, OPT_NAMES, OPT_FIRST_SCORE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "score", EW_UNIT_POINTS, 80, 0, 100,
	    "Points of playing infrastructure (3.11)" },
	{ "names", EW_UNIT_COUNT, 2, 1, 8, "Foreign names answered for (3.11)" },
	{ "first_score", EW_UNIT_POINTS, 30, 0, 49,
	    "First multicast name question of a kind (3.11)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance in this time" },
};
#define SOURCES 256
#define OWN_NAMES 2048
#define NAMES_KEPT 8
#define FIRST_WINDOW_NS (INT64_C(30) * 86400 * EW_NS_PER_S) /* dormancy, 4.6 */

struct rogue_source {
	struct ew_keyed keyed;
	uint64_t names[NAMES_KEPT];
	uint8_t n_names;
};

struct own_name {
	struct ew_keyed keyed; /* instance id */
	uint64_t hostname, name;
};

struct rogue_state {
	struct rogue_source sources[SOURCES];
	struct own_name own[OWN_NAMES];
};

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    unsigned what, const char *does, const char *detail, struct ew_mono now)
{
	struct ew_track *t = ew_detect_track(d, ew_detect_mix(j->src_key, what) | 1,
	    ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;

	t->count++;
	if (t->id) {
		t->last_ns = now.ns;
		return;
	}
	ew_signal_begin(d, &s, c, now);
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_SCORE), "%s", does);
	ew_signal_sample(&s, c, EW_OUT_NONE);
	ew_signal_evidence(&s, "detail: %.200s", detail);
	snprintf(s.sentence, sizeof(s.sentence), "%.100s %s", c->src.workload->name,
	    does);
	snprintf(s.benign, sizeof(s.benign),
	    "a container that is meant to serve the network (label eastwatch.router)");
	ew_detect_emit(d, &s, t, now);
	ew_graph_quarantine(d->graph, c->src.workload, now);
}

static uint64_t
first_label_hash(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name && *name != '.'; name++) {
		uint8_t ch = (uint8_t)*name;

		ch = ch >= 'A' && ch <= 'Z' ? (uint8_t)(ch + 32) : ch;
		h = (h ^ ch) * UINT64_C(0x100000001b3);
	}
	return h;
}

static void
judge_answer(struct ew_detect *d, struct rogue_state *st, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	const char *name = c->ev->u.dns.name;
	uint64_t label = first_label_hash(name);
	const struct own_name *own =
	    ew_keyed_find(st->own, OWN_NAMES, sizeof(*own), c->src.instance);

	/* Service discovery ("x._http._tcp.local") names services, not hosts. */
	if (name[0] == '_' || strstr(name, "._tcp.") || strstr(name, "._udp.") ||
	    strstr(name, ".arpa"))
		return;
	if (own && (own->hostname == label || own->name == label))
		return;
	struct rogue_source *src =
	    ew_keyed_get(d, st->sources, SOURCES, sizeof(*src), j->src_key, now);

	for (uint8_t i = 0; i < src->n_names; i++)
		if (src->names[i] == label)
			return;
	if (src->n_names < NAMES_KEPT)
		src->names[src->n_names++] = label;
	if (src->n_names >= ew_detect_option(d, OPT_NAMES))
		emit(d, c, j, 3, "answers name questions for other hosts", name, now);
}

static void
judge_question(struct ew_detect *d, const struct ew_contact *c, struct ew_mono now)
{
	static const char *const kinds[] = { "DNS", "mDNS", "LLMNR", "NBNS" };
	uint8_t kind = c->ev->u.dns.kind;
	struct ew_workload_view view;

	if (kind < 2 || kind > 3 ||
	    !ew_graph_view(d->graph, c->src.workload, now, &view) ||
	    view.age_ns < d->conf.minimum_age_ns)
		return;
	uint64_t key =
	    ew_detect_mix(ew_detect_hash(c->src.workload->name), 40u + kind) | 1;
	struct ew_track *t = ew_detect_track(d, key, FIRST_WINDOW_NS, now);
	struct ew_signal s;

	t->last_ns = now.ns;
	if (t->id)
		return;
	ew_signal_begin(d, &s, c, now);
	ew_signal_reason(&s, (int)ew_detect_option(d, OPT_FIRST_SCORE),
	    "first %s question", kinds[kind]);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s asks names by %s for the first time", c->src.workload->name,
	    kinds[kind]);
	snprintf(s.benign, sizeof(s.benign),
	    "a library with name discovery switched on");
	ew_detect_emit(d, &s, t, now);
}

static void
l2_rogue_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	const struct ew_flow_event *ev = c->ev;
	uint8_t cls = c->src.workload->cls;

	if ((cls != EW_PEER_WORKLOAD && cls != EW_PEER_GHOST) ||
	    (ew_graph_labels(d->graph, c->src.workload) & EW_LABEL_ROUTER))
		return;
	if (ev->kind == EW_FLOW_NDP && ev->u.ndp.type == 134)
		emit(d, c, j, 1, "announces itself as an IPv6 router",
		    "router advertisement", now);
	else if (ev->kind == EW_FLOW_DHCP && ev->u.dhcp.op == 2)
		emit(d, c, j, 2, "answers as a DHCP server",
		    "DHCP offer or acknowledgement", now);
	else if (ev->kind == EW_FLOW_DNS && ev->u.dns.kind != 0 && ev->u.dns.is_answer)
		judge_answer(d, state, c, j, now);
	else if (ev->kind == EW_FLOW_DNS && ev->u.dns.kind != 0)
		judge_question(d, c, now);
}

static void
l2_rogue_on_lifecycle(struct ew_detect *d, void *state, const struct ew_lifecycle *life,
    struct ew_mono now)
{
	struct rogue_state *st = state;

	if (life->kind != EW_LIFE_INSTANCE_START || !life->instance)
		return;
	struct own_name *own =
	    ew_keyed_get(d, st->own, OWN_NAMES, sizeof(*own), life->instance->id, now);

	own->hostname = first_label_hash(life->instance->hostname);
	own->name = first_label_hash(life->instance->name);
}

const struct ew_detector ew_detector_l2_rogue = {
	.name = "l2-rogue",
	.technique = { "T1557.001", "T1557.003" },
	.tactic = EW_TACTIC_CREDENTIAL,
	.family = EW_FAMILY_SPOOF,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_NDP) | EW_FLOW_KIND_BIT(EW_FLOW_DHCP) |
	    EW_FLOW_KIND_BIT(EW_FLOW_DNS),
	.verdicts = 1 << EW_VERDICT_UNJUDGED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct rogue_state),
	.on_contact = l2_rogue_on_contact,
	.on_lifecycle = l2_rogue_on_lifecycle,
};
