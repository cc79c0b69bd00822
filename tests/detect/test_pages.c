/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/detector.h"

/* Every detector has its page, every option its line there: a threshold without words is a bug. */

static char *
read_page(const char *name)
{
	const char *top = getenv("EW_SRCDIR");
	static char text[65536];
	char path[512];

	snprintf(path, sizeof(path), "%s/doc/detectors/%s.md", top ? top : ".", name);
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

Test(pages, say_every_option_of_every_detector)
{
	if (!getenv("EW_SRCDIR"))
		cr_skip("EW_SRCDIR is not set: run by make check");
	for (int i = 0; ew_detectors[i]; i++) {
		const char *page = read_page(ew_detectors[i]->name);

		cr_assert_not_null(page, "doc/detectors/%s.md is missing",
		    ew_detectors[i]->name);
		cr_assert_not_null(strstr(page, "## What it misses"));
		for (size_t o = 0; o < ew_detectors[i]->n_options; o++) {
			char quoted[64];

			snprintf(quoted, sizeof(quoted), "`%s`",
			    ew_detectors[i]->options[o].name);
			cr_assert_not_null(strstr(page, quoted),
			    "%s: option %s has no line", ew_detectors[i]->name,
			    ew_detectors[i]->options[o].name);
		}
	}
}
