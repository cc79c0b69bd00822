/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/frame.h"

#define MAGIC_USEC 0xa1b2c3d4
#define MAGIC_NSEC 0xa1b23c4d
#define MAGIC_KUZNETZOV 0xa1b2cd34

static char path[64];

static void
write_file(const void *bytes, size_t size)
{
	(void)snprintf(path, sizeof(path), "/tmp/check-capture.XXXXXX");
	const int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

struct outcome {
	int open_rc, read_rc;
	size_t count;
	struct ew_error error;
	struct ew_source_stats stats;
	struct ew_frame frames[64]; /* data is gone */
};

static struct outcome
read_path(const char *name)
{
	struct outcome o = { .count = 0 };
	struct ew_source *source;
	struct ew_frame frames[3]; /* a batch that does not divide */
	size_t n;

	o.open_rc = ew_source_open_file(name, NULL, &o.error, &source);
	if (o.open_rc)
		return o;
	while ((o.read_rc = ew_source_read(source, frames, 3, &n)) == 0)
		for (size_t i = 0; i < n; i++) {
			for (uint32_t k = 0; k < frames[i].caplen; k++)
				cr_assert_eq(frames[i].data[k], frames[i].data[0]);
			if (o.count < 64)
				o.frames[o.count] = frames[i];
			o.count++;
		}
	o.error = *ew_source_error(source);
	ew_source_stats(source, &o.stats);
	ew_source_close(source);
	return o;
}

static struct outcome
read_bytes(const struct build *b)
{
	write_file(b->bytes, b->size);
	const struct outcome o = read_path(path);
	unlink(path);
	return o;
}

/* --- pcap ---------------------------------------------------------------------------------- */

Test(file, reads_pcap_in_both_byte_orders_and_resolutions)
{
	for (int swapped = 0; swapped < 2; swapped++)
		for (int nsec = 0; nsec < 2; nsec++) {
			struct build b = { .swapped = swapped };
			build_pcap(&b, nsec ? MAGIC_NSEC : MAGIC_USEC, 65535, 1);
			build_record(&b, 1700000000, 999999, 60, 1514);
			build_record(&b, 1700000001, 1, 0, 60);
			const struct outcome o = read_bytes(&b);
			cr_assert_eq(o.open_rc, 0, "%s", o.error.text);
			cr_assert_eq(o.read_rc, EW_ERR_CLOSED, "%s", o.error.text);
			cr_assert_eq(o.count, 2);
			cr_expect_eq(o.frames[0].ts_ns,
			    INT64_C(1700000000000000000) + (nsec ? 999999 : 999999000));
			cr_expect_eq(o.frames[0].caplen, 60);
			cr_expect_eq(o.frames[0].len, 1514);
			cr_expect_eq(o.frames[0].link, EW_LINK_ETHERNET);
			cr_expect_eq(o.frames[0].seen, EW_SEEN_UNKNOWN);
			cr_expect_eq(o.frames[1].caplen, 0);
			cr_expect_eq(o.stats.frames, 2);
			cr_expect_eq(o.stats.bytes, 1574);
			cr_expect_eq(o.stats.damage, 0);
		}
}

Test(file, reads_records_with_kuznetzovs_longer_headers)
{
	struct build b = { .swapped = true };
	build_pcap(&b, MAGIC_KUZNETZOV, 68, 1);
	for (int i = 0; i < 3; i++) {
		build_u32(&b, 5);
		build_u32(&b, 6);
		build_u32(&b, 60);
		build_u32(&b, 90);
		build_fill(&b, 0xee, 8);
		build_fill(&b, 7, 60);
	}
	const struct outcome o = read_bytes(&b);
	cr_assert_eq(o.read_rc, EW_ERR_CLOSED, "%s", o.error.text);
	cr_assert_eq(o.count, 3);
	cr_expect_eq(o.frames[2].len, 90);
}

Test(file, exchanges_the_lengths_of_old_versions)
{
	struct build b = { .swapped = false };
	build_pcap(&b, MAGIC_USEC, 65535, 1);
	const uint16_t minor = 2;
	memcpy(b.bytes + 6, &minor, 2);
	build_u32(&b, 1);
	build_u32(&b, 0);
	build_u32(&b, 1000); /* on the wire */
	build_u32(&b, 20);
	build_fill(&b, 1, 20);
	const struct outcome o = read_bytes(&b);
	cr_assert_eq(o.count, 1);
	cr_expect_eq(o.frames[0].caplen, 20);
	cr_expect_eq(o.frames[0].len, 1000);
}

Test(file, maps_link_types)
{
	static const struct {
		uint32_t linktype;
		uint8_t link;
	} cases[] = { { 0, EW_LINK_NULL }, { 108, EW_LINK_NULL },
		{ 1, EW_LINK_ETHERNET }, { 12, EW_LINK_RAW }, { 14, EW_LINK_RAW },
		{ 101, EW_LINK_RAW }, { 228, EW_LINK_RAW }, { 229, EW_LINK_RAW },
		{ 113, EW_LINK_SLL }, { 276, EW_LINK_SLL2 }, { 105, EW_LINK_UNKNOWN },
		{ 0xf4000001, EW_LINK_ETHERNET } /* with a frame check sequence */ };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b = { .swapped = false };
		build_pcap(&b, MAGIC_USEC, 65535, cases[i].linktype);
		build_record(&b, 1, 0, 4, 4);
		const struct outcome o = read_bytes(&b);
		cr_assert_eq(o.count, 1);
		cr_expect_eq(o.frames[0].link, cases[i].link, "%u", cases[i].linktype);
	}
}

Test(file, hands_out_everything_before_the_damage_and_names_the_byte)
{
	struct build b = { .swapped = false };
	build_pcap(&b, MAGIC_USEC, 65535, 1);
	for (uint32_t i = 0; i < 5; i++)
		build_record(&b, i, 0, 100, 100);
	const size_t whole = b.size;

	for (size_t cut = 1; cut < 116; cut++) {
		b.size = whole - cut;
		const struct outcome o = read_bytes(&b);
		cr_assert_eq(o.count, 4);
		cr_assert_eq(o.read_rc, EW_ERR_TRUNCATED);
		cr_assert(strstr(o.error.text, "byte 488"), "%s", o.error.text);
		cr_assert(strstr(o.error.text, path), "%s", o.error.text);
		cr_assert_eq(o.stats.damage, 1);
	}
	b.size = 24 + 2 * 116; /* the third record says it is huge */
	build_u32(&b, 3);
	build_u32(&b, 0);
	build_u32(&b, 0x7fffffff);
	build_u32(&b, 0x7fffffff);
	build_fill(&b, 0, 5000);
	const struct outcome o = read_bytes(&b);
	cr_assert_eq(o.count, 2);
	cr_assert_eq(o.read_rc, EW_ERR_FORMAT);
	cr_assert(strstr(o.error.text, "byte 256"), "%s", o.error.text);
}

Test(file, refuses_what_is_no_capture_with_a_sentence)
{
	static const struct {
		const char *bytes;
		size_t size;
		int code;
		const char *word;
	} cases[] = {
		{ "", 0, EW_ERR_TRUNCATED, "empty" },
		{ "abc", 3, EW_ERR_FORMAT, "neither" },
		{ "hello, world, this is text", 26, EW_ERR_FORMAT, "neither" },
		{ "\x1f\x8b\x08\0\0\0\0\0", 8, EW_ERR_FORMAT, "zcat" },
		{ "\x28\xb5\x2f\xfd....", 8, EW_ERR_FORMAT, "zstdcat" },
		{ "\xd4\xc3\xb2\xa1\2\0\4\0", 8, EW_ERR_TRUNCATED, "header" },
		{ "\xd4\xc3\xb2\xa1\1\0\4\0................", 24, EW_ERR_VERSION,
		    "1.4" },
		{ "\x0a\x0d\x0d\x0a\0\0\0\0", 8, EW_ERR_TRUNCATED, "byte 0" },
		{ "\x0a\x0d\x0d\x0a\x1c\0\0\0abcd................", 28, EW_ERR_FORMAT,
		    "order" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_file(cases[i].bytes, cases[i].size);
		const struct outcome o = read_path(path);
		unlink(path);
		cr_expect_eq(o.open_rc, cases[i].code, "case %zu: %d %s", i, o.open_rc,
		    o.error.text);
		cr_expect(strstr(o.error.text, cases[i].word), "%s", o.error.text);
	}
	cr_expect_eq(read_path("/nonexistent/file.pcap").open_rc, -ENOENT);
	cr_expect_lt(read_path("/tmp").open_rc, 0);
}

/* --- pcapng ---------------------------------------------------------------------------------- */

Test(file, reads_pcapng_with_interfaces_of_different_kinds)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		struct build b = { .swapped = swapped };
		build_section(&b);
		build_interface(&b, 1, 6, 0);
		build_interface(&b, 276, 9, 0);
		build_interface(&b, 101, 0x80 | 10, 0);
		build_interface(&b, 113, 3, -100);
		build_packet(&b, 0, 1700000000000001, 61, 61, 0);
		build_packet(&b, 1, 1700000000000000001, 62, 1000, 0);
		build_packet(&b, 2, 1700000000ULL * 1024 + 512, 63, 63, 0);
		build_packet(&b, 3, 1700000000007, 64, 64, 0);
		const struct outcome o = read_bytes(&b);
		cr_assert_eq(o.read_rc, EW_ERR_CLOSED, "%s", o.error.text);
		cr_assert_eq(o.count, 4);
		cr_expect_eq(o.frames[0].ts_ns, INT64_C(1700000000000001000));
		cr_expect_eq(o.frames[1].ts_ns, INT64_C(1700000000000000001));
		cr_expect_eq(o.frames[2].ts_ns, INT64_C(1700000000500000000));
		cr_expect_eq(o.frames[3].ts_ns, INT64_C(1699999900007000000));
		cr_expect_eq(o.frames[0].link, EW_LINK_ETHERNET);
		cr_expect_eq(o.frames[1].link, EW_LINK_SLL2);
		cr_expect_eq(o.frames[2].link, EW_LINK_RAW);
		cr_expect_eq(o.frames[3].link, EW_LINK_SLL);
		cr_expect_eq(o.frames[1].len, 1000);
		cr_expect_eq(o.frames[2].caplen, 63);
		cr_expect_neq(o.frames[0].ifindex, 0, "copies are told apart by it");
		cr_expect_neq(o.frames[0].ifindex, o.frames[1].ifindex);
	}
}

Test(file, takes_the_direction_of_a_pcapng_packet)
{
	static const struct {
		uint32_t flags;
		uint8_t seen;
	} cases[] = { { 0, EW_SEEN_UNKNOWN }, { 1, EW_SEEN_OTHER },
		{ 2, EW_SEEN_OUTGOING }, { 1 | 1 << 2, EW_SEEN_HOST },
		{ 1 | 3 << 2, EW_SEEN_BROADCAST }, { 2 | 2 << 2, EW_SEEN_OUTGOING },
		{ 2 << 2, EW_SEEN_MULTICAST } };

	struct build b = { .swapped = true };
	build_section(&b);
	build_interface(&b, 1, 6, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		build_packet(&b, 0, i, 60 + (uint32_t)i, 60, cases[i].flags);
	const struct outcome o = read_bytes(&b);
	cr_assert_eq(o.count, sizeof(cases) / sizeof(cases[0]));
	for (size_t i = 0; i < o.count; i++)
		cr_expect_eq(o.frames[i].seen, cases[i].seen, "%zu", i);
}

Test(file, reads_old_and_simple_packets_and_skips_what_it_does_not_know)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		struct build b = { .swapped = swapped };
		build_section(&b);
		build_interface(&b, 1, 6, 0);
		build_interface(&b, 101, 6, 0);
		size_t block = build_block(&b, 0x80000bad);
		build_fill(&b, 9, 100);
		build_end(&b, block);
		block = build_block(&b, 2);
		build_u16(&b, 1);  /* interface */
		build_u16(&b, 77); /* drops */
		build_u32(&b, 0);
		build_u32(&b, 5000000);
		build_u32(&b, 21);
		build_u32(&b, 40);
		build_fill(&b, 1, 21);
		build_end(&b, block);
		block = build_block(&b, 3);
		build_u32(&b, 33);
		build_fill(&b, 2, 33);
		build_end(&b, block);
		block = build_block(&b, 5);
		build_u32(&b, 1);
		build_u64(&b, 0);
		build_u16(&b, 7);
		build_u16(&b, 8);
		build_u64(&b, 1234);
		build_end(&b, block);
		const struct outcome o = read_bytes(&b);
		cr_assert_eq(o.read_rc, EW_ERR_CLOSED, "%s", o.error.text);
		cr_assert_eq(o.count, 2);
		cr_expect_eq(o.frames[0].link, EW_LINK_RAW);
		cr_expect_eq(o.frames[0].ts_ns, INT64_C(5000000000));
		cr_expect_eq(o.frames[0].caplen, 21);
		cr_expect_eq(o.frames[1].caplen, 33);
		cr_expect_eq(o.frames[1].ts_ns, INT64_C(5000000000));
		cr_expect_eq(o.stats.kernel_drops, 1234);
	}
}

Test(file, a_new_section_may_change_the_byte_order_and_forgets_interfaces)
{
	struct build b = { .swapped = false };
	build_section(&b);
	build_interface(&b, 1, 6, 0);
	build_packet(&b, 0, 1, 60, 60, 0);
	b.swapped = true;
	build_section(&b);
	build_interface(&b, 101, 9, 0);
	build_packet(&b, 0, 7, 44, 44, 0);
	const size_t last = b.size;
	build_packet(&b, 1, 7, 44, 44, 0);
	const struct outcome o = read_bytes(&b);
	cr_assert_eq(o.count, 2);
	cr_expect_eq(o.frames[0].ifindex, 0, "there is one only");
	cr_expect_eq(o.frames[1].link, EW_LINK_RAW);
	cr_expect_eq(o.frames[1].ts_ns, 7);
	cr_expect_eq(o.read_rc, EW_ERR_FORMAT);
	char offset[32];
	(void)snprintf(offset, sizeof(offset), "byte %zu is from", last);
	cr_expect(strstr(o.error.text, offset), "%s", o.error.text);
}

Test(file, stops_where_pcapng_is_damaged)
{
	struct build sound = { .swapped = false };
	build_section(&sound);
	build_interface(&sound, 1, 6, 0);
	for (uint32_t i = 0; i < 3; i++)
		build_packet(&sound, 0, i, 60, 60, 0);
	const size_t block = sound.size;
	build_packet(&sound, 0, 4, 60, 60, 0);

	for (size_t cut = 1; cut < sound.size - block; cut++) {
		struct build b = sound;
		b.size -= cut;
		const struct outcome o = read_bytes(&b);
		cr_assert_eq(o.count, 3);
		cr_assert_eq(o.read_rc, EW_ERR_TRUNCATED);
	}
	static const struct {
		size_t at; /* in the block */
		uint32_t value;
	} damages[] = { { 4, 0 }, { 4, 11 }, { 4, 13 }, { 4, 0xfffffff0 }, { 4, 8 },
		{ 20, 61 }, { 20, 0x7fffffff }, { 8, 1 }, { 88, 96 } };
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct build b = sound;
		memcpy(b.bytes + block + damages[i].at, &damages[i].value, 4);
		const struct outcome o = read_bytes(&b);
		cr_expect_eq(o.count, 3, "%zu: %zu frames", i, o.count);
		cr_expect_eq(o.read_rc, EW_ERR_FORMAT, "%zu: %d", i, o.read_rc);
	}
}

/* --- streams ---------------------------------------------------------------------------------- */

struct drip {
	const struct build *b;
	char path[64];
};

static void *
drip(void *context)
{
	const struct drip *d = context;
	const int fd = open(d->path, O_WRONLY);

	for (size_t at = 0; at < d->b->size;) {
		const size_t left = d->b->size - at;
		const size_t step = 1 + (at * 7) % 50;
		at += (size_t)write(fd, d->b->bytes + at, step < left ? step : left);
	}
	close(fd);
	return NULL;
}

Test(file, reads_a_fifo_that_drips)
{
	for (int ng = 0; ng < 2; ng++) {
		struct build b = { .swapped = false };
		if (ng) {
			build_section(&b);
			build_interface(&b, 1, 6, 0);
			for (uint32_t i = 0; i < 100; i++)
				build_packet(&b, 0, i, i, 100, 0);
		} else {
			build_pcap(&b, MAGIC_USEC, 65535, 1);
			for (uint32_t i = 0; i < 100; i++)
				build_record(&b, i, 0, i, 100);
		}
		struct drip d = { .b = &b };
		pthread_t writer;
		(void)snprintf(d.path, sizeof(d.path), "/tmp/check-capture.%d.fifo",
		    getpid());
		cr_assert_eq(mkfifo(d.path, 0600), 0);
		cr_assert_eq(pthread_create(&writer, NULL, drip, &d), 0);
		const struct outcome o = read_path(d.path);
		pthread_join(writer, NULL);
		unlink(d.path);
		cr_expect_eq(o.read_rc, EW_ERR_CLOSED, "%s", o.error.text);
		cr_expect_eq(o.count, 100);
	}
}

/* --- against libpcap --------------------------------------------------------------------------- */

static size_t
count_by_libpcap(uint64_t *ret_sum)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path,
	    PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_pkthdr *header;
	const u_char *data;
	size_t n = 0;

	*ret_sum = 0;
	if (!pcap)
		return 0;
	while (pcap_next_ex(pcap, &header, &data) == 1) {
		n++;
		*ret_sum = *ret_sum * 31 + header->caplen * 7 + header->len +
		    (uint64_t)(header->ts.tv_sec * 1000000000 + header->ts.tv_usec) +
		    (header->caplen ? data[header->caplen - 1] : 0);
	}
	pcap_close(pcap);
	return n;
}

static size_t
count_by_us(uint64_t *ret_sum)
{
	struct ew_source *source;
	struct ew_frame frames[7];
	size_t n, total = 0;

	*ret_sum = 0;
	if (ew_source_open_file(path, NULL, NULL, &source) != 0)
		return 0;
	while (ew_source_read(source, frames, 7, &n) == 0)
		for (size_t i = 0; i < n; i++) {
			const struct ew_frame *f = &frames[i];
			total++;
			*ret_sum = *ret_sum * 31 + f->caplen * 7 + f->len +
			    (uint64_t)f->ts_ns +
			    (f->caplen ? f->data[f->caplen - 1] : 0);
		}
	ew_source_close(source);
	return total;
}

static struct build
random_file(void)
{
	struct build b = { .swapped = random() % 2 };
	const unsigned packets = (unsigned)random() % 20;

	if (random() % 2) {
		build_pcap(&b, random() % 2 ? MAGIC_USEC : MAGIC_NSEC,
		    random() % 2 ? 65535 : 64, 1);
		for (unsigned i = 0; i < packets; i++)
			build_record(&b, (uint32_t)random(),
			    (uint32_t)random() % 1000000, (uint32_t)random() % 200,
			    (uint32_t)random() % 2000);
		return b;
	}
	build_section(&b);
	build_interface(&b, 1, random() % 2 ? 6 : 9, 0);
	for (unsigned i = 0; i < packets; i++)
		build_packet(&b, 0, (uint64_t)random() << 20, (uint32_t)random() % 200,
		    (uint32_t)random() % 2000, random() % 2 ? 1 : 0);
	return b;
}

Test(file, agrees_with_libpcap_on_random_files_cut_anywhere)
{
	srandom(20260102);
	for (int round = 0; round < 1500; round++) {
		struct build b = random_file();
		if (random() % 2)
			b.size = (size_t)random() % (b.size + 1);
		write_file(b.bytes, b.size);
		uint64_t theirs, ours;
		const size_t n = count_by_libpcap(&theirs);
		cr_assert_eq(count_by_us(&ours), n, "round %d", round);
		cr_assert_eq(ours, theirs, "round %d", round);
		unlink(path);
	}
}

/* --- the live profile over a file ------------------------------------------------------------- */

Test(file, runs_the_live_filter_when_asked)
{
	static const struct {
		uint8_t flags;
		bool passes;
	} cases[] = { { 0x02, true }, { 0x10, false }, { 0x18, false },
		{ 0x11, true } };
	struct ew_capture_conf conf = ew_capture_conf_default();
	struct build b = { .swapped = false };
	struct ew_source *source;
	struct ew_source_stats stats;
	struct ew_frame frames[8];
	size_t n;

	build_pcap(&b, MAGIC_USEC, 65535, 1);
	for (size_t i = 0; i < 4; i++) {
		const size_t at = b.size + 16;
		build_record(&b, (uint32_t)i, 0, 1000, 1000);
		memset(b.bytes + at, 0, 1000);
		b.bytes[at + 12] = 0x08;
		b.bytes[at + 14] = 0x45;
		b.bytes[at + 16] = 0x03;
		b.bytes[at + 17] = 0xda;
		b.bytes[at + 23] = 6;
		b.bytes[at + 46] = 0x50;
		b.bytes[at + 47] = cases[i].flags;
	}
	write_file(b.bytes, b.size);
	cr_assert_eq(ew_source_open_file(path, &conf, NULL, &source), 0);
	cr_assert_eq(ew_source_read(source, frames, 8, &n), 0);
	cr_expect_eq(n, 2);
	cr_expect_eq(frames[0].ts_ns, 0);
	cr_expect_eq(frames[1].ts_ns, INT64_C(3000000000));
	cr_expect_eq(frames[0].caplen, 14 + 192);
	cr_expect_eq(frames[0].len, 1000);
	cr_expect_eq(ew_source_read(source, frames, 8, &n), EW_ERR_CLOSED);
	ew_source_stats(source, &stats);
	cr_expect_eq(stats.filtered, 2);
	cr_expect_eq(stats.frames, 2);
	ew_source_close(source);
	unlink(path);
}
