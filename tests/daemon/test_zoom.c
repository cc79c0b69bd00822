/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/addr.h"
#include "daemon/zoom.h"

static struct ew_addr
host(unsigned n)
{
	const uint8_t bytes[4] = { 10, 0, (uint8_t)(n >> 8), (uint8_t)n };

	return ew_addr_v4(bytes);
}

static struct ew_mono
at(int64_t s)
{
	return (struct ew_mono){ (1000 + s) * EW_NS_PER_S };
}

static void
ask(struct ew_zoom *zoom, unsigned a, unsigned b, enum ew_zoom_reason reason,
    int64_t now, int64_t until)
{
	const struct ew_addr x = host(a), y = host(b);

	ew_zoom_ask(zoom, &x, &y, reason, at(now), at(until));
}

static bool
has(const struct ew_capture_pair *pairs, size_t count, unsigned a, unsigned b)
{
	const struct ew_addr x = host(a), y = host(b);

	for (size_t i = 0; i < count; i++)
		if ((ew_addr_equal(&pairs[i].a, &x) &&
			ew_addr_equal(&pairs[i].b, &y)) ||
		    (ew_addr_equal(&pairs[i].a, &y) && ew_addr_equal(&pairs[i].b, &x)))
			return true;
	return false;
}

static uint64_t
counted(const struct ew_zoom *zoom, const char *name)
{
	const struct ew_counter_set set = ew_zoom_counters(zoom);

	for (size_t i = 0; i < set.count; i++)
		if (strcmp(set.counters[i].name, name) == 0)
			return ew_counter_value(&set, i);
	cr_assert_fail("no counter %s", name);
	return 0;
}

Test(zoom, hands_out_a_set_once_a_second_and_only_when_it_changed)
{
	struct ew_zoom *zoom = ew_zoom_new();
	struct ew_capture_pair pairs[EW_CAPTURE_ZOOM_MAX];
	size_t n = 99;

	cr_expect_not(ew_zoom_turn(zoom, at(0), pairs, &n));
	ask(zoom, 1, 2, EW_ZOOM_NEW_EDGE, 0, 60);
	cr_expect(ew_zoom_turn(zoom, at(0), pairs, &n));
	cr_expect_eq(n, 1);
	ask(zoom, 2, 1, EW_ZOOM_NEW_EDGE, 0, 61); /* the same pair */
	cr_expect_not(ew_zoom_turn(zoom, at(5), pairs, &n));
	ask(zoom, 1, 3, EW_ZOOM_NEW_EDGE, 5, 65);
	cr_expect(ew_zoom_turn(zoom, at(5), pairs, &n));
	ask(zoom, 1, 4, EW_ZOOM_NEW_EDGE, 5, 65);
	cr_expect_not(ew_zoom_turn(zoom, at(5), pairs, &n), "less than a second later");
	cr_expect(ew_zoom_turn(zoom, at(6), pairs, &n));
	cr_expect_eq(n, 3);
	ew_zoom_free(zoom);
}

Test(zoom, forgets_a_pair_when_its_last_reason_has_gone)
{
	struct ew_zoom *zoom = ew_zoom_new();
	struct ew_capture_pair pairs[EW_CAPTURE_ZOOM_MAX];
	const struct ew_addr a = host(1), b = host(2);
	size_t n = 0;

	ask(zoom, 1, 2, EW_ZOOM_NEW_EDGE, 0, 60);
	ask(zoom, 1, 2, EW_ZOOM_SENSITIVE, 0, 600);
	cr_expect(ew_zoom_turn(zoom, at(0), pairs, &n));
	ew_zoom_release(zoom, &b, &a, EW_ZOOM_NEW_EDGE);
	cr_expect_not(ew_zoom_turn(zoom, at(100), pairs, &n));
	cr_expect(ew_zoom_turn(zoom, at(600), pairs, &n));
	cr_expect_eq(n, 0);
	ew_zoom_free(zoom);
}

Test(zoom, the_least_important_and_then_the_oldest_gives_way)
{
	struct ew_zoom *zoom = ew_zoom_new();
	struct ew_capture_pair pairs[EW_CAPTURE_ZOOM_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < 62; i++)
		ask(zoom, 100, i, EW_ZOOM_INCIDENT, 0, 600);
	ask(zoom, 200, 1, EW_ZOOM_PIVOT, 2, 600);
	ask(zoom, 200, 2, EW_ZOOM_PIVOT, 1, 600);
	ask(zoom, 300, 1, EW_ZOOM_NEW_EDGE, 3, 63);
	cr_assert(ew_zoom_turn(zoom, at(4), pairs, &n));
	cr_expect_eq(n, 64);
	cr_expect(has(pairs, n, 200, 1));
	cr_expect_not(has(pairs, n, 200, 2));
	cr_expect(has(pairs, n, 300, 1));
	cr_expect_eq(counted(zoom, "zoom_displaced"), 1);
	ask(zoom, 300, 2, EW_ZOOM_INCIDENT, 5, 600);
	ask(zoom, 300, 3, EW_ZOOM_INCIDENT, 5, 600);
	cr_expect_eq(counted(zoom, "zoom_refused"), 0);
	ask(zoom, 300, 4, EW_ZOOM_NEW_EDGE, 5, 65);
	cr_expect_eq(counted(zoom, "zoom_refused"), 1);
	cr_assert(ew_zoom_turn(zoom, at(6), pairs, &n));
	cr_expect(has(pairs, n, 300, 3));
	cr_expect_not(has(pairs, n, 300, 4));
	cr_expect_eq(counted(zoom, "zoom_pairs"), 64);
	ew_zoom_free(zoom);
}
