/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/writer.h"
#include "store/reader.h"

struct ew_args;
struct ew_siem;

/* What the shared options of a list say. */
struct ew_list {
	struct ew_writer_conf output;
	struct ew_query query;
	struct ew_term terms[EW_TERMS_MAX];
	char *group_text; /* owns what query.group points into */
	char *where_text; /* owns what --where terms point into */
	const struct ew_siem
	    *siem; /* flows: one of other systems' forms instead; else NULL */
	bool follow;
	bool strict;
	bool exit_code;
};

#define EW_LAST_DEFAULT 20

/* -o, --no-headers, --color. Returns an exit code, after a sentence. */
int ew_options_output(const struct ew_args *args, struct ew_writer_conf *ret_conf);
/* All shared options of a list over view. Returns an exit code, after a sentence. */
int ew_options_list(const struct ew_args *args, enum ew_view view,
    struct ew_list *ret_list);
void ew_list_fini(struct ew_list *list);
/* Add a term of the verb's own; false when there are too many. */
bool ew_list_add_term(struct ew_list *list, const char *field, const char *value,
    enum ew_side side, bool is_negated);

/*
 * A point in time as a person writes it: "10m" (ago), "now", RFC 3339. option: its name, for
 * the sentence. Returns an exit code.
 */
int ew_option_time(const char *option, const char *text, int64_t *ret_us);
/* A duration: "2h". Returns an exit code. */
int ew_option_duration(const char *option, const char *text, int64_t *ret_ns);
/* A number in [min, max]. Returns an exit code. */
int ew_option_number(const char *option, const char *text, int64_t min, int64_t max,
    int64_t *ret_number);
