/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/edge.h"
#include "graph/record.h"

#include <stddef.h>

/* The words that database, JSON, CLI and API share (design.md 8). */

const char *
ew_edge_status_name(enum ew_edge_status status)
{
	switch (status) {
	case EW_EDGE_CANDIDATE:
		return "candidate";
	case EW_EDGE_BASELINE:
		return "baseline";
	case EW_EDGE_DORMANT:
		return "dormant";
	case EW_EDGE_QUARANTINED:
		return "quarantined";
	case EW_EDGE_DENIED:
		return "denied";
	}
	return "unknown";
}

const char *
ew_verdict_name(enum ew_verdict verdict)
{
	switch (verdict) {
	case EW_VERDICT_UNJUDGED:
		return "unjudged";
	case EW_VERDICT_KNOWN:
		return "known";
	case EW_VERDICT_CANDIDATE:
		return "candidate";
	case EW_VERDICT_NOVEL:
		return "novel";
	case EW_VERDICT_DENIED:
		return "denied";
	}
	return "unknown";
}

const char *
ew_workload_state_name(enum ew_workload_state state)
{
	switch (state) {
	case EW_WL_COLD:
		return "cold";
	case EW_WL_LEARNING:
		return "learning";
	case EW_WL_PROVISIONAL:
		return "provisional";
	case EW_WL_MATURE:
		return "mature";
	case EW_WL_LOCKED:
		return "locked";
	case EW_WL_STALE:
		return "stale";
	}
	return "unknown";
}

const char *
ew_decision_action_name(enum ew_decision_action action)
{
	switch (action) {
	case EW_ACT_ACCEPT:
		return "accept";
	case EW_ACT_DENY:
		return "deny";
	case EW_ACT_SNOOZE:
		return "snooze";
	case EW_ACT_FORGET:
		return "forget";
	case EW_ACT_LOCK:
		return "lock";
	case EW_ACT_UNLOCK:
		return "unlock";
	case EW_ACT_LABEL:
		return "label";
	case EW_ACT_UNDO:
		return "undo";
	case EW_ACT_AUTO:
		return "auto";
	case EW_ACT_RELEARN:
		return "relearn";
	}
	return "unknown";
}
