/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers and the connection log. */
#include "base/text.h"
#include "flow/connlog.h"
#include "flow/harness.h"

/* corelight/community-id-spec, baseline/baseline_deflt.json, one of each kind. */
Test(text, community_ids_are_those_of_the_specification)
{
	static const struct {
		uint8_t proto;
		const char *src;
		uint16_t sport;
		const char *dst;
		uint16_t dport;
		const char *id;
	} cases[] = {
		{ 6, "128.232.110.120", 34855, "66.35.250.204", 80,
		    "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ 6, "66.35.250.204", 80, "128.232.110.120", 34855,
		    "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ 6, "2001:470:e5bf:dead:4957:2174:e82c:4887", 63943,
		    "2607:f8b0:400c:c03::1a", 25, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=" },
		{ 17, "192.168.1.52", 54585, "8.8.8.8", 53,
		    "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
		{ 132, "192.168.170.8", 7, "192.168.170.56", 7,
		    "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=" },
		{ 1, "192.168.0.89", 8, "192.168.0.1", 0,
		    "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
		{ 1, "10.0.0.1", 11, "10.0.0.2", 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM=" },
		{ 58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136,
		    "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=" },
		{ 58, "3ffe:501:1800:2345::2", 3, "3ffe:507:0:1:200:86ff:fe05:80da", 0,
		    "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=" },
		{ 58, "3ffe:501:410:0:2c0:dfff:fe47:33e", 1,
		    "3ffe:507:0:1:200:86ff:fe05:80da", 4,
		    "1:hLZd0XGWojozrvxqE0dWB1iM6R0=" },
		{ 58, "fe80::260:97ff:fe07:69ea", 134, "ff02::1", 133,
		    "1:pkvHqCL88/tg1k4cPigmZXUtL00=" },
		{ 46, "10.1.12.1", 0, "10.1.12.2", 0,
		    "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ew_tuple t = { .src = addr(cases[i].src),
			.dst = addr(cases[i].dst),
			.sport = cases[i].sport,
			.dport = cases[i].dport,
			.proto = cases[i].proto };
		char text[EW_COMMUNITY_ID_TEXT];

		cr_expect_str_eq(ew_community_id(&t, text), cases[i].id, "case %zu: %s",
		    i, text);
	}
}

static void
expect_row(const struct ew_flow_event *ev, const char *src, const char *expected)
{
	struct ew_text text;

	ew_text_init(&text, 4096);
	ew_connlog_row(&text, ev, src, NULL);
	cr_expect_str_eq(text.text, expected);
	ew_text_fini(&text);
}

Test(text, a_connection_is_a_line)
{
	struct ew_flow_event ev = { .kind = EW_FLOW_CLOSE,
		.conn_state = EW_CONN_SF,
		.flags = EW_FLOW_F_EXACT,
		.flow_id = 0xabc,
		.parent_id = 0x12,
		.tuple = { .src = addr("128.232.110.120"),
		    .dst = addr("66.35.250.204"),
		    .sport = 34855,
		    .dport = 80,
		    .proto = 6 },
		.first_ns = INT64_C(1000000001500),
		.last_ns = INT64_C(1001500001500),
		.side = { { 5, 300, 40 }, { 4, 900, 700 } },
		.history = "ShADadFf" };

	expect_row(&ev, "compose/shop/web",
	    "1000.000001\t0000000000000abc\ttcp\t128.232.110.120\t34855\t66.35.250."
	    "204\t80\tSF\t"
	    "ShADadFf\t1.500000\t40\t700\t5\t300\t4\t900\t1:LQU9qZlK+"
	    "B5F3KDmev6m5PMibrg=\t"
	    "compose/shop/web\t-\t0000000000000012\n");
	ev.flags = 0; /* not every packet was seen */
	ev.last_ns = ev.first_ns;
	ev.history[0] = '\0';
	ev.parent_id = 0;
	expect_row(&ev, "a\tb",
	    "1000.000001\t0000000000000abc\ttcp\t128.232.110.120\t34855\t66.35.250."
	    "204\t80\tSF\t"
	    "-\t-\t-\t-\t-\t-\t-\t-\t1:LQU9qZlK+B5F3KDmev6m5PMibrg=\ta\\x09b\t-\t-\n");
}

Test(text, protocols_without_a_word_have_no_ports)
{
	const struct ew_flow_event ev = { .kind = EW_FLOW_CLOSE,
		.conn_state = EW_CONN_OTH,
		.flags = EW_FLOW_F_EXACT,
		.flow_id = 1,
		.tuple = { .src = addr("192.168.170.8"),
		    .dst = addr("192.168.170.56"),
		    .sport = 7,
		    .dport = 7,
		    .proto = 132 },
		.side = { { 1, 60, 0 }, { 0, 0, 0 } } };

	expect_row(&ev, NULL,
	    "0.000000\t0000000000000001\tunknown_transport\t192.168.170.8\t0\t192.168."
	    "170.56\t0\t"
	    "OTH\t-\t-\t-\t-\t1\t60\t0\t0\t1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=\t-\t-\t-\n");
}

Test(text, the_header_names_as_many_columns_as_a_row_has)
{
	const struct ew_flow_event ev = { .kind = EW_FLOW_CLOSE };
	struct ew_text text;
	size_t tabs = 0;

	ew_text_init(&text, 4096);
	ew_connlog_header(&text);
	cr_expect_eq(strncmp(text.text, "#fields\tts\tuid\tproto\t", 21), 0);
	for (size_t i = 0; i < text.length; i++)
		tabs += text.text[i] == '\t';
	ew_text_clear(&text);
	ew_connlog_row(&text, &ev, NULL, NULL);
	for (size_t i = 0; i < text.length; i++)
		tabs -= text.text[i] == '\t';
	cr_expect_eq(tabs, 1, "but for #fields");
	ew_text_fini(&text);
}
