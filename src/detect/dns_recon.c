/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "detect/detect_priv.h"
#include "detect/keyed.h"

/*
 * dns-recon (detectors.md 3.22): learning the network from its name service instead of by
 * knocking. In five minutes: 16 distinct reverse look-ups of inside addresses; 20 distinct base
 * names that do not exist under the cluster domain; at once: a zone transfer, or a wildcard
 * service question. A resolver's search list asks for every outside name under every search
 * domain first; such expansions are collapsed to their base and not counted when the base is
 * an outside name (it still holds a dot).
 *
 * Docker's embedded resolver answers inside the container's namespace: its internal names are
 * not seen on any wire.
 */

enum { OPT_PTR, OPT_NAMES, OPT_WINDOW, OPT_SCORE, OPT_AXFR_SCORE, OPT_DEDUP };
static const struct ew_detector_option options[] = {
	{ "ptr", EW_UNIT_COUNT, 16, 2, 32, "Distinct reverse look-ups (3.22)" },
	{ "names", EW_UNIT_COUNT, 20, 2, 32,
	    "Distinct names that do not exist (3.22)" },
	{ "window", EW_UNIT_MS, 300000, 1000, 86400000, "Within this time (3.22)" },
	{ "score", EW_UNIT_POINTS, 55, 0, 100,
	    "Points of these and of a wildcard question (3.22)" },
	{ "axfr_score", EW_UNIT_POINTS, 65, 0, 100,
	    "Points of a zone transfer (3.22)" },
	{ "dedup", EW_UNIT_MS, 21600000, 1000, 604800000,
	    "One signal per instance and kind" },
};
#define SOURCES 256
#define KEPT 32
#define TYPE_PTR 12
#define TYPE_SRV 33
#define TYPE_AXFR 252
#define RCODE_NXDOMAIN 3

struct asked {
	int64_t ts_ns;
	uint64_t hash;
};

struct recon_source {
	struct ew_keyed keyed;
	struct asked ptr[KEPT], missing[KEPT];
};

struct recon_state {
	struct recon_source sources[SOURCES];
};

static unsigned
note(struct ew_detect *d, struct asked ring[KEPT], uint64_t hash, struct ew_mono now)
{
	int64_t window = ew_detect_option_ns(d, OPT_WINDOW);
	unsigned slot = 0, n = 0;
	bool is_there = false;

	for (unsigned i = 0; i < KEPT; i++) {
		if (ring[i].hash == hash && ring[i].ts_ns) {
			ring[i].ts_ns = now.ns;
			is_there = true;
		}
		if (ring[i].ts_ns < ring[slot].ts_ns)
			slot = i;
	}
	if (!is_there)
		ring[slot] = (struct asked){ now.ns, hash };
	for (unsigned i = 0; i < KEPT; i++)
		n += ring[i].ts_ns && now.ns - ring[i].ts_ns <= window;
	return n;
}

static void
emit(struct ew_detect *d, const struct ew_contact *c, const struct ew_judgement *j,
    unsigned kind, int points, const char *what, struct ew_mono now)
{
	struct ew_track *t =
	    ew_detect_track(d, ew_detect_mix(j->src_key, 60u + kind) | 1,
		ew_detect_option_ns(d, OPT_DEDUP), now);
	struct ew_signal s;

	t->count++;
	t->last_ns = now.ns;
	if (t->id)
		return;
	ew_signal_begin(d, &s, c, now);
	s.outcome = EW_OUT_PAYLOAD;
	ew_signal_reason(&s, points, "%s", what);
	if (ew_graph_labels(d->graph, c->src.workload) &
	    (EW_LABEL_SCANNER | EW_LABEL_SCRAPER))
		ew_signal_cap(&s, 49, "it is labelled a scanner");
	ew_signal_sample(&s, c, EW_OUT_PAYLOAD);
	ew_signal_evidence(&s, "last name: %.200s", c->ev->u.dns.name);
	snprintf(s.sentence, sizeof(s.sentence),
	    "%.100s explores the network by name: %.120s", c->src.workload->name, what);
	snprintf(s.benign, sizeof(s.benign),
	    "an inventory or log processor that resolves addresses");
	ew_detect_emit(d, &s, t, now);
}

/* "4.3.2.1.in-addr.arpa" of a private address, or any ip6.arpa under fc00::/7. */
static bool
is_inside_ptr(const char *name)
{
	static const char v4[] = ".in-addr.arpa", v6[] = ".d.f.ip6.arpa",
			  v6c[] = ".c.f.ip6.arpa";
	size_t n = strlen(name);
	unsigned part[4] = { 0 };

	if (n > sizeof(v6) &&
	    (strcmp(name + n - (sizeof(v6) - 1), v6) == 0 ||
		strcmp(name + n - (sizeof(v6c) - 1), v6c) == 0))
		return true;
	if (n <= sizeof(v4) || strcmp(name + n - (sizeof(v4) - 1), v4) != 0)
		return false;
	const char *p = name;
	for (int i = 0; i < 4; i++) {
		char *end = NULL;

		part[i] = (unsigned)strtoul(p, &end, 10);
		if (end == p || part[i] > 255 || *end != '.')
			return false;
		p = end + 1;
	}
	const uint8_t b[4] = { (uint8_t)part[3], (uint8_t)part[2], (uint8_t)part[1],
		(uint8_t)part[0] };
	struct ew_addr addr = ew_addr_v4(b);

	return ew_addr_is_private(&addr);
}

/* The base of a name under the cluster domain; false for outside names and expansions. */
static bool
cluster_base(const char *name, char ret_base[EW_DNS_NAME_MAX])
{
	static const char suffix[] = ".cluster.local", svc[] = ".svc";
	size_t n = strlen(name);

	if (n < sizeof(suffix) || strcmp(name + n - (sizeof(suffix) - 1), suffix) != 0)
		return false;
	ew_text_copy_bytes(ret_base, EW_DNS_NAME_MAX, name, n - (sizeof(suffix) - 1));
	n = strlen(ret_base);
	if (n >= sizeof(svc) && strcmp(ret_base + n - (sizeof(svc) - 1), svc) == 0) {
		ret_base[n - (sizeof(svc) - 1)] = '\0';
		char *ns = strrchr(ret_base, '.');

		if (ns)
			*ns = '\0';
	}
	return ret_base[0] && !strchr(ret_base, '.');
}

static void
dns_recon_on_contact(struct ew_detect *d, void *state, const struct ew_contact *c,
    const struct ew_judgement *j, struct ew_mono now)
{
	struct recon_state *st = state;
	const struct ew_dns_info *q = &c->ev->u.dns;
	char base[EW_DNS_NAME_MAX];
	char what[128];

	if (q->kind != 0 || c->src.workload->cls != EW_PEER_WORKLOAD)
		return;
	int score = (int)ew_detect_option(d, OPT_SCORE);

	if (q->qtype == TYPE_AXFR && !q->is_answer) {
		emit(d, c, j, 0, (int)ew_detect_option(d, OPT_AXFR_SCORE),
		    "asks for a zone transfer", now);
		return;
	}
	bool is_wild =
	    strncmp(q->name, "*.", 2) == 0 || strncmp(q->name, "any.any.", 8) == 0;
	if (q->qtype == TYPE_SRV && is_wild && !q->is_answer) {
		emit(d, c, j, 1, score, "asks for all services by a wildcard", now);
		return;
	}
	if (q->qtype == TYPE_PTR && !q->is_answer && is_inside_ptr(q->name)) {
		struct recon_source *src = ew_keyed_get(d, st->sources, SOURCES,
		    sizeof(*src), j->src_key, now);
		unsigned n = note(d, src->ptr, ew_detect_hash(q->name), now);

		snprintf(what, sizeof(what),
		    "%u reverse look-ups of inside addresses in minutes", n);
		if (n >= (unsigned)ew_detect_option(d, OPT_PTR))
			emit(d, c, j, 2, score, what, now);
	}
	if (q->is_answer && q->rcode == RCODE_NXDOMAIN && cluster_base(q->name, base)) {
		struct recon_source *src = ew_keyed_get(d, st->sources, SOURCES,
		    sizeof(*src), j->src_key, now);
		unsigned n = note(d, src->missing, ew_detect_hash(base), now);

		snprintf(what, sizeof(what),
		    "%u service names that do not exist, in minutes", n);
		if (n >= (unsigned)ew_detect_option(d, OPT_NAMES))
			emit(d, c, j, 3, score, what, now);
	}
}

const struct ew_detector ew_detector_dns_recon = {
	.name = "dns-recon",
	.technique = { "T1018", "T1046", "T1613" },
	.tactic = EW_TACTIC_DISCOVERY,
	.family = EW_FAMILY_SCAN,
	.kinds = EW_FLOW_KIND_BIT(EW_FLOW_DNS),
	.verdicts = 1 << EW_VERDICT_UNJUDGED,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.state_size = sizeof(struct recon_state),
	.on_contact = dns_recon_on_contact,
};
