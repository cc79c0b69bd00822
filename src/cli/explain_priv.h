/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "cli/rows.h"
#include "store/reader.h"

/* What was expected instead: what this workload usually does, and who usually does this. */
struct ew_expected {
	struct ew_rows workload; /* of the source; one row or none */
	struct ew_rows out;	 /* its baseline edges */
	struct ew_rows in;	 /* baseline edges of the first target */
	char target[512];
};

/*
 * Fill *ret for an incident's or signal's row. Returns an exit code, after a sentence; fini
 * accepts what a failure left.
 */
int ew_expected_find(struct ew_reader *reader, enum ew_view view,
    const struct ew_rows *row, struct ew_expected *ret);
void ew_expected_fini(struct ew_expected *expected);

/*
 * The one row of view whose id begins with text; "last" is the newest. Returns an exit code,
 * after a sentence when text is no id or the beginning of several; no row is no failure.
 */
int ew_explain_find(struct ew_reader *reader, enum ew_view view, const char *text,
    struct ew_rows *ret_rows);

/* For people, on stdout. */
void ew_story_incident(const struct ew_rows *row, const struct ew_expected *expected);
void ew_story_signal(const struct ew_rows *row, const struct ew_expected *expected);
void ew_story_json(FILE *out, const struct ew_rows *row, enum ew_view view,
    const struct ew_expected *expected);
