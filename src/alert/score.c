/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_priv.h"
#include "base/text.h"

/*
 * From signals to one number and one sentence (detectors.md 5.2, 5.4).
 *
 *   score = max + 3*second/10 + 3*third/20 + 10 per further tactic (20 at most), 100 at most
 *
 * The second and third signal count only if they add a target workload, a detector family or a
 * tactic: two detectors that see one fact are one fact. Integers, truncated. An incident that
 * consists of change-window signals, or of what workloads younger than A do (9.1, B24), stays
 * at 49; a signal that is still held for replica support counts 49 at most.
 */

#define HELD_MAX_SCORE 49
#define TACTIC_POINTS 10
#define TACTIC_POINTS_MAX 20

static int
effective(const struct member *m, struct ew_mono now)
{
	bool is_held = m->in_change_window && now.ns < m->hold_until_ns;

	if (m->is_accepted)
		return 0;
	if ((is_held || m->is_capped) && m->score > HELD_MAX_SCORE)
		return HELD_MAX_SCORE;
	return m->score;
}

struct ranked {
	const struct member *m;
	int score;
};

static int
compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->score != y->score)
		return y->score - x->score;
	if (x->m->ts_ns != y->m->ts_ns)
		return x->m->ts_ns < y->m->ts_ns ? -1 : 1;
	return (x->m->id > y->m->id) - (x->m->id < y->m->id);
}

static bool
has_target(const struct ranked *r, uint32_t n, const struct member *m)
{
	for (uint32_t i = 0; i < n; i++)
		if (r[i].m->dst_hash == m->dst_hash)
			return true;
	return m->dst_hash == 0;
}

/*
 * An edge that failed, of a source that scans, is a step of the scan: it has its own score,
 * but adds no second one and no tactic. Points are given once (9.1).
 */
static bool
is_step_of_scan(const struct ranked *r, uint32_t n, const struct member *m)
{
	bool has_failed = m->outcome == EW_OUT_REFUSED ||
	    m->outcome == EW_OUT_UNANSWERED || m->outcome == EW_OUT_HALFOPEN;

	if (m->family != EW_FAMILY_EDGE || !has_failed || m->is_control)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (r[i].m->family == EW_FAMILY_SCAN &&
		    r[i].m->src_hash == m->src_hash && r[i].score >= 30)
			return true;
	return false;
}

static int
combine(const struct ranked *r, uint32_t n)
{
	uint32_t n_counted = 0, families = 0, tactics = 0, all = 0;
	int score[3] = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		const struct member *m = r[i].m;
		bool is_step = is_step_of_scan(r, n, m);
		bool adds = n_counted == 0 || !(families >> m->family & 1) ||
		    (m->tactic && !(tactics >> m->tactic & 1)) || !has_target(r, i, m);

		if (r[i].score < 30)
			break;
		if (!is_step && m->tactic)
			all |= 1u << m->tactic;
		if (n_counted == 3 || !adds || (is_step && n_counted))
			continue;
		score[n_counted++] = r[i].score;
		/* The strongest counts, whatever it is a part of. */
		families |= 1u << (is_step ? EW_FAMILY_SCAN : m->family);
		tactics |= 1u << (is_step ? EW_TACTIC_DISCOVERY : m->tactic);
	}
	int extra = (__builtin_popcount(all) - 1) * TACTIC_POINTS;

	extra = extra < 0 ? 0 : extra > TACTIC_POINTS_MAX ? TACTIC_POINTS_MAX : extra;
	int total = score[0] + 3 * score[1] / 10 + 3 * score[2] / 20 + extra;
	return total > 100 ? 100 : total;
}

static enum ew_tier
tier_of(int score)
{
	return score >= 70 ? EW_TIER_PAGE
	    : score >= 50  ? EW_TIER_NOTIFY
	    : score >= 30  ? EW_TIER_DIGEST
			   : EW_TIER_LOG;
}

/* --- words --------------------------------------------------------------------------------- */

/* The sentence of a signal without its subject: "opened redis on shop/db:6379; never ..." */
static const char *
clause_of(const struct incident *inc, const struct member *m)
{
	size_t n = strlen(inc->pub.src->name);

	if (strncmp(m->sentence, inc->pub.src->name, n) == 0 && m->sentence[n] == ' ')
		return m->sentence + n + 1;
	return m->sentence;
}

static void
write_title(const struct ew_alert *a, struct incident *inc, const struct ranked *r,
    uint32_t n)
{
	const struct member *first = r[0].m;
	const struct member *then = NULL;

	/* The strongest, but what failed on the way of a scan is not what happened. */
	for (uint32_t i = n; i > 0; i--)
		if (!is_step_of_scan(r, n, r[i - 1].m))
			first = r[i - 1].m;
	for (uint32_t i = 0; i < n && !then; i++)
		if (r[i].m->family != first->family && r[i].score >= 30 &&
		    !is_step_of_scan(r, n, r[i].m))
			then = r[i].m;
	/* Told in the order it happened. */
	if (then && then->ts_ns < first->ts_ns) {
		const struct member *swap = first;

		first = then;
		then = swap;
	}
	char text[1024];
	int used = snprintf(text, sizeof(text), "%.100s%s%.63s %s", inc->pub.src->name,
	    a->conf.node[0] ? " on " : "", a->conf.node, clause_of(inc, first));

	if (then && used > 0 && (size_t)used < sizeof(text))
		snprintf(text + used, sizeof(text) - (size_t)used, ", and then %s",
		    clause_of(inc, then));
	(void)ew_text_copy(inc->pub.title, sizeof(inc->pub.title), text);
	ew_text_copy(inc->pub.benign, sizeof(inc->pub.benign), r[0].m->benign);
}

static void
add_reason(struct ew_incident *p, const struct ew_reason *reason)
{
	uint32_t at = p->n_reasons;

	for (uint32_t i = 0; i < p->n_reasons; i++)
		if (strcmp(p->reasons[i].text, reason->text) == 0)
			return;
	while (at > 0 && p->reasons[at - 1].points < reason->points)
		at--;
	if (at == EW_INCIDENT_REASONS_MAX)
		return;
	uint32_t last = p->n_reasons < EW_INCIDENT_REASONS_MAX
	    ? p->n_reasons
	    : EW_INCIDENT_REASONS_MAX - 1;
	memmove(&p->reasons[at + 1], &p->reasons[at], (last - at) * sizeof(*reason));
	p->reasons[at] = *reason;
	p->n_reasons = last + 1;
}

static void
add_word(const char *words[], uint32_t *n, uint32_t max, const char *word)
{
	if (!word)
		return;
	for (uint32_t i = 0; i < *n; i++)
		if (strcmp(words[i], word) == 0)
			return;
	if (*n < max)
		words[(*n)++] = word;
}

static void
collect_words(struct incident *inc, const struct ranked *r, uint32_t n)
{
	struct ew_incident *p = &inc->pub;

	p->n_reasons = p->n_techniques = p->n_detectors = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct member *m = r[i].m;

		if (m->is_accepted)
			continue;
		add_word(p->detectors, &p->n_detectors, 16, m->detector);
		for (int t = 0; t < 4 && m->technique[t]; t++)
			add_word(p->techniques, &p->n_techniques, 16, m->technique[t]);
		for (uint8_t k = 0; k < m->n_reasons; k++)
			add_reason(p, &m->reasons[k]);
	}
}

void
ew_incident_recompute(struct ew_alert *a, struct incident *inc, struct ew_mono now)
{
	struct ranked ranked[EW_INCIDENT_SIGNALS_MAX];
	struct ranked told[EW_INCIDENT_SIGNALS_MAX];
	uint32_t n = 0, n_told = 0;
	bool all_capped = true;

	for (uint32_t i = 0; i < inc->n_members && n < EW_INCIDENT_SIGNALS_MAX; i++) {
		const struct member *m = &inc->members[i];
		struct ranked r = { m, effective(m, now) };

		ranked[n++] = r;
		all_capped &= m->in_change_window || m->is_capped || m->is_accepted;
		if (!m->is_snoozed)
			told[n_told++] = r;
	}
	if (!n)
		return;
	qsort(ranked, n, sizeof(*ranked), compare_ranked);
	qsort(told, n_told, sizeof(*told), compare_ranked);
	int score = combine(ranked, n);
	int tell = combine(told, n_told);

	if (all_capped) {
		score = score > HELD_MAX_SCORE ? HELD_MAX_SCORE : score;
		tell = tell > HELD_MAX_SCORE ? HELD_MAX_SCORE : tell;
	}
	inc->pub.score = (int16_t)score;
	inc->tell_score = (int16_t)(tell < score ? tell : score);
	inc->pub.tier = (uint8_t)tier_of(score);
	collect_words(inc, ranked, n);
	write_title(a, inc, ranked, n);
	inc->signature = ew_alert_hash(inc->pub.src->name) * 31 +
	    ew_alert_hash(ranked[0].m->detector) * 17 + ranked[0].m->dst_hash * 7 +
	    ranked[0].m->port;
}
