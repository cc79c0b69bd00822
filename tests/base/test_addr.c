/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/err.h"

static struct ew_addr
addr(const char *text)
{
	struct ew_addr a;

	cr_assert_eq(ew_addr_parse(text, &a), 0, "%s", text);
	return a;
}

Test(addr, formats_what_it_parses)
{
	static const char *const texts[] = { "0.0.0.0", "10.1.2.3", "255.255.255.255",
		"::", "::1", "fd00:ec2::254", "2001:db8::1" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct ew_addr a = addr(texts[i]);
		char text[EW_ADDR_TEXT];

		cr_assert_str_eq(ew_addr_format(&a, text), texts[i]);
	}
}

Test(addr, knows_the_special_ranges)
{
	static const struct {
		const char *text;
		bool private_, multicast, link_local, loopback;
	} cases[] = {
		{ "10.0.0.1", true, false, false, false },
		{ "172.15.255.255", false, false, false, false },
		{ "172.16.0.0", true, false, false, false },
		{ "172.31.255.255", true, false, false, false },
		{ "172.32.0.0", false, false, false, false },
		{ "192.168.1.1", true, false, false, false },
		{ "100.64.0.1", true, false, false, false },
		{ "100.128.0.1", false, false, false, false },
		{ "169.254.169.254", true, false, true, false },
		{ "224.0.0.251", false, true, false, false },
		{ "255.255.255.255", false, true, false, false },
		{ "127.0.0.53", false, false, false, true },
		{ "8.8.8.8", false, false, false, false },
		{ "fe80::1", true, false, true, false },
		{ "fd12::1", true, false, false, false },
		{ "ff02::fb", false, true, false, false },
		{ "::1", false, false, false, true },
		{ "2001:db8::1", false, false, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ew_addr a = addr(cases[i].text);

		cr_expect_eq(ew_addr_is_private(&a), cases[i].private_, "%s",
		    cases[i].text);
		cr_expect_eq(ew_addr_is_multicast(&a), cases[i].multicast, "%s",
		    cases[i].text);
		cr_expect_eq(ew_addr_is_link_local(&a), cases[i].link_local, "%s",
		    cases[i].text);
		cr_expect_eq(ew_addr_is_loopback(&a), cases[i].loopback, "%s",
		    cases[i].text);
	}
}

Test(prefix, contains_its_own_addresses_only)
{
	static const struct {
		const char *prefix, *inside, *outside, *canonical;
	} cases[] = {
		{ "172.18.0.0/16", "172.18.255.255", "172.19.0.0", "172.18.0.0/16" },
		{ "10.1.2.3/24", "10.1.2.255", "10.1.3.0", "10.1.2.0/24" },
		{ "10.0.0.9", "10.0.0.9", "10.0.0.8", "10.0.0.9/32" },
		{ "10.0.0.0/31", "10.0.0.1", "10.0.0.2", "10.0.0.0/31" },
		{ "fd00::/8", "fdff::1", "fc00::1", "fd00::/8" },
		{ "2001:db8::/33",
		    "2001:db8:7fff::", "2001:db8:8000::", "2001:db8::/33" },
		{ "0.0.0.0/0", "1.2.3.4", "::1", "0.0.0.0/0" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ew_prefix p;
		char text[EW_ADDR_TEXT + 4];
		const struct ew_addr inside = addr(cases[i].inside);
		const struct ew_addr outside = addr(cases[i].outside);

		cr_assert_eq(ew_prefix_parse(cases[i].prefix, &p), 0, "%s",
		    cases[i].prefix);
		cr_expect(ew_prefix_contains(&p, &inside), "%s", cases[i].prefix);
		cr_expect_not(ew_prefix_contains(&p, &outside), "%s", cases[i].prefix);
		cr_expect_str_eq(ew_prefix_format(&p, text), cases[i].canonical);
	}
}

Test(addr, refuses_nonsense)
{
	static const char *const texts[] = { "", "10.0.0", "10.0.0.256", "::g",
		"10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ew_prefix p;

		cr_expect_eq(ew_prefix_parse(texts[i], &p), EW_ERR_FORMAT, "%s",
		    texts[i]);
	}
}

Test(mac, keeps_six_bytes)
{
	uint8_t mac[6];
	char text[EW_MAC_TEXT];

	cr_assert_eq(ew_mac_parse("02:42:AC:12:00:02", mac), 0);
	cr_assert_str_eq(ew_mac_format(mac, text), "02:42:ac:12:00:02");
	cr_assert_eq(ew_mac_parse("02:42:ac:12:00", mac), EW_ERR_FORMAT);
	cr_assert_eq(ew_mac_parse("02-42-ac-12-00-02", mac), EW_ERR_FORMAT);
}
