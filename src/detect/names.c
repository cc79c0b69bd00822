/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/signal.h"

/* The words that database, JSON and CLI share. */

const char *
ew_outcome_name(enum ew_outcome outcome)
{
	switch (outcome) {
	case EW_OUT_NONE:
		return "none";
	case EW_OUT_ATTEMPT:
		return "attempted";
	case EW_OUT_ESTABLISHED:
		return "established";
	case EW_OUT_PAYLOAD:
		return "payload";
	case EW_OUT_REFUSED:
		return "refused";
	case EW_OUT_UNANSWERED:
		return "unanswered";
	case EW_OUT_MIDSTREAM:
		return "midstream";
	case EW_OUT_HALFOPEN:
		return "halfopen";
	case EW_OUT_DARK:
		return "dark";
	case EW_OUT_PROBE:
		return "probe";
	}
	return "unknown";
}

const char *
ew_tactic_name(enum ew_tactic tactic)
{
	switch (tactic) {
	case EW_TACTIC_NONE:
		return "none";
	case EW_TACTIC_DISCOVERY:
		return "discovery";
	case EW_TACTIC_CREDENTIAL:
		return "credential access";
	case EW_TACTIC_LATERAL:
		return "lateral movement";
	case EW_TACTIC_C2:
		return "command and control";
	case EW_TACTIC_COLLECTION:
		return "collection and exfiltration";
	}
	return "unknown";
}
