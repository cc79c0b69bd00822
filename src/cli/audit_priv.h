/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "cli/reach.h"

/* A rule of `audit`: what is looked for, said once for table, JSON and SARIF. */
struct ew_audit_rule {
	const char *id;	   /* "privileged": stable */
	const char *level; /* "high", "medium", "low" */
	int points;	   /* of the exposure score, per finding */
	const char *title;
	const char *why; /* why it makes lateral movement easy */
	const char *fix;
};

struct ew_finding {
	const struct ew_audit_rule *rule;
	char *subject;	/* workload or network */
	char *evidence; /* what was seen, for this subject */
};

struct ew_audit {
	struct ew_reach reach;
	const char *only;	     /* glob on the rules' ids; NULL all */
	struct ew_finding *findings; /* worst first, then by name */
	size_t n, room;
	int score; /* sum of points: 0 is best */
};

extern const struct ew_audit_rule ew_audit_rules[]; /* constant table, id NULL ends */

/* Run every rule over what the reach holds. */
void ew_audit_run(struct ew_audit *audit);
void ew_audit_fini(struct ew_audit *audit);
/* SARIF 2.1.0 on stdout. */
void ew_audit_sarif(const struct ew_audit *audit);
