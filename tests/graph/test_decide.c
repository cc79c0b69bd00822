/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>

#include "graph/shop.h"

TestSuite(decide, .init = shop_setup, .fini = shop_teardown);

/* --- decisions ------------------------------------------------------------------------------ */

static int
decide(enum ew_decision_action action, const char *pattern, int64_t expires,
    struct ew_decision_record *ret)
{
	struct ew_decision_record d = { .action = (uint8_t)action,
		.expires_ns = expires };
	struct ew_error error;

	if (pattern)
		cr_assert_eq(ew_pattern_parse(pattern, &d.pattern, &error), 0, "%s",
		    error.text);
	if (action == EW_ACT_UNDO)
		d.undoes = ret->id;
	int err = ew_graph_decide(w.graph, &d, w.now, &error);
	*ret = d;
	return err;
}

Test(decide, an_accepted_edge_is_known_and_undo_takes_it_back)
{
	struct ew_decision_record d;

	world_talk(&w, web, db, 5432);
	cr_assert_eq(decide(EW_ACT_ACCEPT,
			 "compose/shop/web -> compose/shop/db:5432/tcp", 0, &d),
	    0);
	cr_assert_eq(d.edges, 1);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
	cr_assert_eq(decide(EW_ACT_UNDO, NULL, 0, &d), 0);
	cr_assert_neq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
}

Test(decide, a_rule_also_decides_about_edges_to_come)
{
	struct ew_decision_record d;

	cr_assert_eq(decide(EW_ACT_ACCEPT, "compose/shop/* -> *:9090", 0, &d), 0);
	cr_assert_eq(first_verdict(web, db, 9090), EW_VERDICT_KNOWN);
	cr_assert_eq(decide(EW_ACT_DENY, "compose/shop/web -> compose/shop/cache", 0,
			 &d),
	    0);
	cr_assert_eq(first_verdict(web, cache, 6379), EW_VERDICT_DENIED);
}

Test(decide, a_decision_ends_at_its_time)
{
	struct ew_decision_record d;

	cr_assert_eq(decide(EW_ACT_ACCEPT, "compose/shop/web -> compose/shop/db:5432",
			 w.now.ns + HOUR, &d),
	    0);
	cr_assert_eq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
	w.now.ns += 3 * HOUR;
	ew_graph_tick(w.graph, w.now);
	cr_assert_neq(first_verdict(web, db, 5432), EW_VERDICT_KNOWN);
}

Test(decide, forgetting_makes_an_edge_novel_again)
{
	struct ew_decision_record d;

	world_talk(&w, web, api, 8080);
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_eq(decide(EW_ACT_FORGET, "compose/shop/web -> compose/shop/api", 0,
			 &d),
	    0);
	cr_assert_eq(first_verdict(web, api, 8080), EW_VERDICT_NOVEL);
	cr_assert_eq(decide(EW_ACT_FORGET, "nobody -> nothing", 0, &d), -ENOENT);
}

Test(decide, a_locked_workload_learns_nothing)
{
	struct ew_decision_record d;

	world_talk(&w, web, api, 8080);
	cr_assert_eq(decide(EW_ACT_LOCK, "compose/shop/web", 0, &d), 0);
	w.now.ns += 7 * HOUR;
	world_talk(&w, web, api, 8080);
	cr_assert_eq(view(web).state, EW_WL_LOCKED);
	cr_assert_neq(first_verdict(web, api, 8080), EW_VERDICT_KNOWN);
}

Test(pattern, reads_what_it_writes)
{
	static const char *const texts[] = { "a -> b:5432/tcp", "a -> b:*/*",
		"x/* -> y:dyn/udp", "a -> [ip/fe80::1]:22/tcp" };
	struct ew_pattern p;
	char text[600];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_eq(ew_pattern_parse(texts[i], &p, NULL), 0, "%s", texts[i]);
		cr_assert_str_eq(ew_pattern_format(&p, text, sizeof(text)), texts[i]);
	}
}

Test(pattern, refuses_nonsense_with_a_sentence)
{
	static const char *const texts[] = { "", " -> b", "a -> ", "a -> b:http",
		"a -> b:1/x", "a -> b:70000" };
	struct ew_pattern p;
	struct ew_error error;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		error.text[0] = '\0';
		cr_assert_eq(ew_pattern_parse(texts[i], &p, &error), EW_ERR_FORMAT,
		    "%s", texts[i]);
		cr_assert(error.text[0]);
	}
}
