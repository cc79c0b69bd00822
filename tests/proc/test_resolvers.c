/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/text.h"
#include "proc/resolvers.h"

static int
note(void *context, enum ew_proc_type type, const void *record)
{
	const struct ew_resolver_info *info = record;
	char address[EW_ADDR_TEXT];

	cr_assert_eq(type, EW_PROC_RESOLVER);
	ew_text_addf(context, "%s ", ew_addr_format(&info->addr, address));
	return 0;
}

Test(resolvers, tells_the_name_servers_that_are_not_the_loopback)
{
	static const struct {
		const char *file, *told;
	} cases[] = {
		{ "", "" },
		{ "nameserver 10.0.0.2\n", "10.0.0.2 " },
		{ "# nameserver 9.9.9.9\nsearch a.example\n  nameserver 9.9.9.9\n",
		    "" },
		{ "nameserver 127.0.0.53\noptions edns0\nnameserver\t192.0.2.1",
		    "192.0.2.1 " },
		{ "nameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver ::1\n",
		    "2001:db8::53 fe80::1 " },
		{ "nameserver nonsense\nnameserver 1.2.3\nnameserver\n\n\nnameserver "
		  "10.0.0.3 "
		  "# second\n",
		    "10.0.0.3 " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ew_text told;

		ew_text_init(&told, 4096);
		(void)ew_resolvers_parse(cases[i].file, note, &told);
		cr_expect_str_eq(told.length ? told.text : "", cases[i].told,
		    "case %zu: %s", i, told.length ? told.text : "");
		ew_text_fini(&told);
	}
}
