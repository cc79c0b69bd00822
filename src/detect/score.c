/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect_priv.h"
#include "graph/fixed.h"

/*
 * The risk score of detectors.md section 2, as arithmetic and nothing else:
 *
 *   S = clamp(0, 100, N + R + T + O + P + X - D)
 *
 * Each term is an integer; N is rounded (its worked values need it), everything else is
 * floored. The words that go with the points are in edge_score.c.
 */

#define N_MAX 35
#define T_MAX 25
#define P_MAX 10
#define X_MAX 40
/* D, largest one only. Section 2. */
#define D_CHANGE 30
#define D_SIBLING 30
#define D_STARTUP 25
#define D_MIDSTREAM 15
#define FLOOR_CONTROL_PLANE 60
#define FLOOR_API_SERVER 50

static int
novelty_points(const struct ew_score_input *in)
{
	uint64_t s = in->s_q16 < EW_Q16_ONE ? in->s_q16 : EW_Q16_ONE;
	uint64_t m = in->m_q16 < EW_Q16_ONE ? in->m_q16 : EW_Q16_ONE;
	/* 35 * m * s in Q32, rounded to the nearest point. */
	int n = (int)((N_MAX * m * s + (UINT64_C(1) << 31)) >> 32);

	if (in->is_candidate || in->is_dormant)
		n /= 2;
	return n * in->n_percent / 100;
}

static int
rarity_points(const struct ew_score_input *in)
{
	int r = in->others ? 8 : 15;

	if (in->peers >= 2)
		r = 0;
	else if (in->peers == 1)
		r = 5;
	/* Half of its own replicas do it: a release, not an intruder. */
	if (in->replicas >= 2 && in->replicas_with >= 2 &&
	    in->replicas_with * 2 >= in->replicas)
		r = 0;
	return r < in->r_max ? r : in->r_max;
}

static int
target_points(const struct ew_score_input *in)
{
	int t = in->target_points;

	if (in->on_node)
		t += 8;
	if (in->crosses_group)
		t += 5;
	return t < T_MAX ? t : T_MAX;
}

static int
outcome_points(enum ew_outcome outcome)
{
	switch (outcome) {
	case EW_OUT_PAYLOAD:
		return 10;
	case EW_OUT_ESTABLISHED:
		return 6;
	case EW_OUT_REFUSED:
	case EW_OUT_UNANSWERED:
	case EW_OUT_HALFOPEN:
		return 4;
	case EW_OUT_MIDSTREAM:
		return 2;
	case EW_OUT_NONE:
	case EW_OUT_ATTEMPT:
	case EW_OUT_DARK:
	case EW_OUT_PROBE:
		return 0;
	}
	return 0;
}

int
ew_detect_posture_points(uint16_t posture)
{
	const uint16_t owner =
	    EW_POSTURE_PRIVILEGED | EW_POSTURE_RUNTIME_SOCKET | EW_POSTURE_HOST_PID;
	const uint16_t strong = EW_POSTURE_HOST_NETWORK | EW_POSTURE_CAP_SYS_ADMIN |
	    EW_POSTURE_CAP_NET_ADMIN | EW_POSTURE_CAP_SYS_PTRACE;
	int p = (posture & owner) ? 10 : (posture & strong) ? 6 : 0;

	if (posture & EW_POSTURE_PUBLISHED)
		p += 4;
	return p < P_MAX ? p : P_MAX;
}

static int
context_points(const struct ew_score_input *in)
{
	int x = 0;

	x += in->role_reversal ? 20 : 0;
	x += in->callback ? 10 : 0;
	x += in->divergence ? 10 : 0;
	x += in->unresolved ? 8 : 0;
	x += in->other_signal ? 10 : 0;
	/* Only ever together with another reason. */
	if (in->unusual_hour && x)
		x += 5;
	return x < X_MAX ? x : X_MAX;
}

static int
discount_points(const struct ew_score_input *in)
{
	int d = 0;

	/* Control plane other than the API server takes no discount. */
	if (in->is_control_plane && !in->is_api_server)
		return 0;
	if (in->midstream)
		d = D_MIDSTREAM;
	if (in->startup_incomplete)
		d = D_STARTUP;
	if (in->sibling)
		d = D_SIBLING;
	if (in->change_window)
		d = D_CHANGE;
	return d;
}

struct ew_score_parts
ew_score(const struct ew_score_input *in)
{
	struct ew_score_parts p = {
		.n = (int16_t)novelty_points(in),
		.r = (int16_t)rarity_points(in),
		.t = (int16_t)target_points(in),
		.o = (int16_t)outcome_points((enum ew_outcome)in->outcome),
		.p = (int16_t)ew_detect_posture_points(in->posture),
		.x = (int16_t)context_points(in),
		.d = (int16_t)discount_points(in),
	};
	int total = p.n + p.r + p.t + p.o + p.p + p.x - p.d;

	total = total < 0 ? 0 : total > 100 ? 100 : total;
	if (in->past_startup && in->is_api_server)
		p.floor = FLOOR_API_SERVER;
	else if (in->past_startup && in->is_control_plane)
		p.floor = FLOOR_CONTROL_PLANE;
	p.total = (int16_t)(total < p.floor ? p.floor : total);
	return p;
}
