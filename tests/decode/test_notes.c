/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/harness.h"

static struct bench b;
static struct packet p;

static void
setup(void)
{
	bench_open(&b);
	packet_clear(&p);
}

static void
teardown(void)
{
	bench_close(&b);
}

TestSuite(notes, .init = setup, .fini = teardown);

static const struct ew_note *
note_of(const struct ew_packet *packet)
{
	cr_assert_not_null(packet);
	return packet->note ? &b.batch.notes[packet->note - 1] : NULL;
}

static const struct ew_dns_info *
dns(unsigned port, const char *message, size_t size)
{
	packet_clear(&p);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 40000, port);
	packet_bytes(&p, message, size);
	const struct ew_note *note = note_of(bench_packet(&b, &p, EW_LINK_RAW));

	cr_expect(!note || note->kind == EW_NOTE_DNS);
	return note ? &note->u.dns : NULL;
}

#define DNS(port, message) dns(port, message, sizeof(message) - 1)

Test(notes, a_dns_question_gives_name_and_type)
{
	const struct ew_dns_info *info =
	    DNS(53, "\x12\x34\1\0\0\1\0\0\0\0\0\0\3WWW\7example\3com\0\0\x1c\0\1");

	cr_assert_not_null(info);
	cr_expect_str_eq(info->name, "www.example.com");
	cr_expect_eq(info->qtype, 28);
	cr_expect_eq(info->id, 0x1234);
	cr_expect_not(info->is_answer);
}

Test(notes, a_dns_answer_gives_addresses_and_the_smallest_ttl)
{
	const struct ew_dns_info *info = DNS(53,
	    "\0\1\x81\x80\0\1\0\3\0\0\0\0\1a\0\0\1\0\1"
	    "\xc0\x0c\0\5\0\1\0\0\1\0\0\2\1b"
	    "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\7"
	    "\xc0\x0c\0\x1c\0\1\0\0\0\x78\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");

	cr_assert_not_null(info);
	cr_expect(info->is_answer);
	cr_expect_eq(info->n_addrs, 2);
	cr_expect(is_addr(&info->addrs[0], "10.0.0.7"));
	cr_expect(is_addr(&info->addrs[1], "fd00::1"));
	cr_expect_eq(info->ttl_s, 60);
}

Test(notes, names_from_strangers_are_tamed)
{
	const struct ew_dns_info *info =
	    DNS(53, "\0\1\1\0\0\1\0\0\0\0\0\0\6a\x1b[2J\xff\0\0\1\0\1");

	cr_assert_not_null(info);
	cr_expect_str_eq(info->name, "a?[2j?");
}

Test(notes, hostile_names_are_refused)
{
	static const struct {
		const char *name;
		const char *message;
		size_t size;
	} cases[] = {
		{ "points to itself", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1", 18 },
		{ "points forward", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x10\0\1\0\1\0", 19 },
		{ "label past the end",
		    "\0\1\1\0\0\1\0\0\0\0\0\0\x3f"
		    "abc",
		    16 },
		{ "reserved label type",
		    "\0\1\1\0\0\1\0\0\0\0\0\0\x80"
		    "ab\0\0\1\0\1",
		    20 },
		{ "too many questions", "\0\1\1\0\xff\xff\0\0\0\0\0\0\1a\0\0\1\0\1",
		    19 },
		{ "cut header", "\0\1\1\0\0\1", 6 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_null(dns(53, cases[i].message, cases[i].size), "%s",
		    cases[i].name);
	cr_expect_eq(bench_errors(&b, EW_DECODE_NOTE), 6);
}

Test(notes, a_name_of_the_longest_kind_fits)
{
	char message[400] = "\0\1\1\0\0\1\0\0\0\0\0\0";
	size_t size = 12;

	for (int i = 0; i < 4; i++) {
		const int label = i < 3 ? 63 : 61;

		message[size++] = (char)label;
		memset(message + size, 'a' + i, (size_t)label);
		size += (size_t)label;
	}
	memcpy(message + size, "\0\0\1\0\1", 5);
	const struct ew_dns_info *info = dns(53, message, size + 5);

	cr_assert_not_null(info);
	cr_expect_eq(strlen(info->name), 253);
}

Test(notes, kin_of_dns_are_told_apart_by_port)
{
	cr_expect_eq(DNS(5353,
			 "\0\0\x84\0\0\0\0\1\0\0\0\0\2tv\5local\0\0\1\x80\1"
			 "\0\0\0\x78\0\4\x0a\0\0\5")
			 ->kind,
	    1);
	cr_expect_str_eq(b.batch.notes[0].u.dns.name, "tv.local");
	cr_expect_eq(DNS(5355, "\0\1\0\0\0\1\0\0\0\0\0\0\4wpad\0\0\1\0\1")->kind, 2);
	const struct ew_dns_info *info = DNS(137,
	    "\0\1\1\x10\0\1\0\0\0\0\0\0\x20"
	    "FHEPFCELCACACACACACACACACACACAAA\0\0\x20\0\1");

	cr_expect_eq(info->kind, 3);
	cr_expect_str_eq(info->name, "work");
}

Test(notes, arp_is_a_packet_of_its_own)
{
	packet_ethernet(&p, 0x0806);
	packet_bytes(&p,
	    "\0\1\x08\0\6\4\0\2\2\0\0\0\0\1\x0a\0\0\1\2\0\0\0\0\2\x0a\0\0\2", 28);
	const struct ew_packet *packet = bench_packet(&b, &p, EW_LINK_ETHERNET);
	const struct ew_note *note = note_of(packet);

	cr_expect_eq(packet->kind, EW_PACKET_ARP);
	cr_expect(is_addr(&packet->src, "10.0.0.1"));
	cr_expect(is_addr(&packet->dst, "10.0.0.2"));
	cr_expect_eq(note->u.arp.op, 2);
	cr_expect_arr_eq(note->u.arp.sender_mac, "\2\0\0\0\0\1", 6);
}

Test(notes, a_neighbour_advertisement_names_target_and_link_address)
{
	packet_ip(&p, "fe80::1", "ff02::1", 58);
	packet_u8(&p, 136);
	packet_fill(&p, 0, 3);
	packet_u32(&p, 0x60000000);
	packet_bytes(&p, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	packet_bytes(&p, "\2\1\2\0\0\0\0\x09", 8);
	const struct ew_note *note = note_of(bench_packet(&b, &p, EW_LINK_RAW));

	cr_assert_not_null(note);
	cr_expect_eq(note->u.ndp.type, 136);
	cr_expect_eq(note->u.ndp.flags, 0x60);
	cr_expect(is_addr(&note->u.ndp.target, "fe80::1"));
	cr_expect_arr_eq(note->u.ndp.link_mac, "\2\0\0\0\0\x09", 6);
}

Test(notes, a_dhcp_offer_names_its_server)
{
	packet_ip(&p, "10.0.0.9", "255.255.255.255", 17);
	packet_udp(&p, 67, 68);
	packet_bytes(&p, "\2\1\6\0", 4);
	packet_fill(&p, 0, 12);
	packet_bytes(&p, "\x0a\0\0\x32\x0a\0\0\1", 8);
	packet_fill(&p, 0, 212);
	packet_bytes(&p, "\x63\x82\x53\x63\x35\1\2\0\x36\4\x0a\0\0\x09\xff", 15);
	const struct ew_note *note = note_of(bench_packet(&b, &p, EW_LINK_RAW));

	cr_assert_not_null(note);
	cr_expect_eq(note->u.dhcp.op, 2);
	cr_expect_eq(note->u.dhcp.message_type, 2);
	cr_expect(is_addr(&note->u.dhcp.offered, "10.0.0.50"));
	cr_expect(is_addr(&note->u.dhcp.server, "10.0.0.9"));
}

Test(notes, an_icmp_error_quotes_the_packet_it_refuses)
{
	packet_ip(&p, "10.0.0.2", "10.0.0.1", 1);
	packet_icmp(&p, 3, 3);
	packet_seal(&p);
	packet_ip(&p, "10.0.0.1", "10.0.0.2", 17);
	packet_udp(&p, 40000, 161);
	const struct ew_note *note = note_of(bench_packet(&b, &p, EW_LINK_RAW));

	cr_assert_not_null(note);
	cr_expect_eq(note->kind, EW_NOTE_QUOTE);
	cr_expect(is_addr(&note->u.quote.src, "10.0.0.1"));
	cr_expect_eq(note->u.quote.dport, 161);
	cr_expect_eq(note->u.quote.proto, 17);
}

Test(notes, what_nobody_wants_is_not_parsed)
{
	struct ew_decoder_conf conf = ew_decoder_conf_default();

	ew_decoder_free(b.decoder);
	conf.notes = 0;
	b.decoder = ew_decoder_new(&conf);
	cr_expect_null(DNS(53, "\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"));
	packet_clear(&p);
	packet_ethernet(&p, 0x0806);
	packet_bytes(&p,
	    "\0\1\x08\0\6\4\0\2\2\0\0\0\0\1\x0a\0\0\1\2\0\0\0\0\2\x0a\0\0\2", 28);
	cr_expect_null(bench_packet(&b, &p, EW_LINK_ETHERNET));
}
