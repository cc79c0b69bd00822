/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/incident.h"

/* The words that database, JSON and messages share; severity words of detectors.md 2. */

const char *
ew_tier_name(enum ew_tier tier)
{
	switch (tier) {
	case EW_TIER_LOG:
		return "log";
	case EW_TIER_DIGEST:
		return "digest";
	case EW_TIER_NOTIFY:
		return "notify";
	case EW_TIER_PAGE:
		return "page";
	}
	return "unknown";
}

const char *
ew_severity_name(int score)
{
	return score >= 90 ? "critical"
	    : score >= 70  ? "high"
	    : score >= 50  ? "medium"
	    : score >= 30  ? "low"
			   : "info";
}
