/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/sha256.h"
#include "cli/writer.h"

static const struct ew_column columns[] = {
	{ "name", "NAME", EW_FORMAT_TEXT, EW_EVERYWHERE, 4 },
	{ "bytes", "BYTES", EW_FORMAT_BYTES, EW_EVERYWHERE, 5 },
	{ "more", "MORE", EW_FORMAT_BOOL, EW_IN_DATA, 4 },
	{ "list", "LIST", EW_FORMAT_JSON, EW_EVERYWHERE, 4 },
};

/* What a form prints of one row; the caller frees. */
static char *
print(enum ew_output output, const char *name, bool is_stream)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const struct ew_writer_conf conf = { .output = output,
		.out = out,
		.is_stream = is_stream };
	struct ew_writer *writer = ew_writer_new(&conf, "eastwatch.test/1", columns, 4);
	const struct ew_cell cells[] = { ew_cell_text(name), ew_cell_int(2048),
		ew_cell_int(1), ew_cell_text("[\"a\",\"b\"]") };

	ew_writer_row(writer, cells);
	cr_assert_eq(ew_writer_close(writer), 0);
	fclose(out);
	return text;
}

static void
expect(enum ew_output output, const char *name, const char *wanted)
{
	char *text = print(output, name, false);

	cr_assert_str_eq(text, wanted);
	free(text);
}

Test(writer, prints_json_with_the_schema_first_and_raw_values)
{
	expect(EW_OUTPUT_JSON, "web",
	    "{\"schema\":\"eastwatch.test/"
	    "1\",\"name\":\"web\",\"bytes\":2048,\"more\":true,"
	    "\"list\":[\"a\",\"b\"]}\n");
	expect(EW_OUTPUT_JSON, NULL,
	    "{\"schema\":\"eastwatch.test/"
	    "1\",\"name\":null,\"bytes\":2048,\"more\":true,"
	    "\"list\":[\"a\",\"b\"]}\n");
}

Test(writer, escapes_direction_marks_in_json_without_changing_its_meaning)
{
	/* U+202E, U+200B, U+0085, DEL */
	char *text =
	    print(EW_OUTPUT_JSON, "\xe2\x80\xae\xe2\x80\x8b\xc2\x85\x7f", false);

	cr_assert(strstr(text, "\"\\u202e\\u200b\\u0085\\u007f\""), "%s", text);
	free(text);
}

Test(writer, prints_csv_after_rfc_4180_and_defuses_formulas)
{
	expect(EW_OUTPUT_CSV, "web",
	    "name,bytes,more,list\r\nweb,2048,true,\"[\"\"a\"\",\"\"b\"\"]\"\r\n");
	expect(EW_OUTPUT_CSV, "=1+1",
	    "name,bytes,more,list\r\n'=1+1,2048,true,\"[\"\"a\"\",\"\"b\"\"]\"\r\n");
	expect(EW_OUTPUT_CSV, "a\"b",
	    "name,bytes,more,list\r\n\"a\"\"b\",2048,true,\"[\"\"a\"\",\"\"b\"\"]"
	    "\"\r\n");
}

Test(writer, prints_tables_for_people_with_what_they_can_read)
{
	expect(EW_OUTPUT_TABLE, "web", "NAME    BYTES  LIST\nweb   2.0 KiB  a, b\n");
	expect(EW_OUTPUT_TABLE, "\033[31m",
	    "NAME        BYTES  LIST\n\\x1b[31m  2.0 KiB  a, b\n");
}

Test(writer, cuts_what_is_too_long_for_a_table_at_a_character)
{
	char name[301];
	char *text;

	memset(name, 0, sizeof(name));
	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	text = print(EW_OUTPUT_TABLE, name, false);
	cr_assert(strstr(text, "\xc3\xa9...  "), "%s", text);
	free(text);
}

Test(writer, aligns_a_stream_by_the_usual_widths)
{
	char *text = print(EW_OUTPUT_TABLE, "web", true);

	cr_assert_str_eq(text, "NAME  BYTES  LIST\nweb   2.0 KiB  a, b\n");
	free(text);
}

Test(text, says_ages_and_sizes_in_words)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} ages[] = { { -5, "0s" }, { 59, "59s" }, { 60, "1m" }, { 3600, "1h" },
		{ 3660, "1h 1m" }, { 86400, "24h" }, { 172800, "2d" },
		{ 180000, "2d 2h" }, { 864000, "10d" } };
	static const struct {
		int64_t bytes;
		const char *text;
	} sizes[] = { { 0, "0 B" }, { 1023, "1023 B" }, { 1536, "1.5 KiB" },
		{ 200 * 1024, "200 KiB" }, { INT64_MAX, "7.9 EiB" } };
	char text[64];

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		cr_assert_str_eq(ew_age_text(ages[i].seconds, text, sizeof(text)),
		    ages[i].text);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		cr_assert_str_eq(ew_bytes_text(sizes[i].bytes, text, sizeof(text)),
		    sizes[i].text);
}

/* Vectors of FIPS 180-4 and NIST's examples. */
Test(sha256, gives_the_published_sums)
{
	static const struct {
		const char *text, *sum;
	} cases[] = {
		{ "",
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
		    "5" },
		{ "abc",
		    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"
		    "d" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c"
		    "1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ew_sha256 sha;
		char hex[EW_SHA256_HEX];

		ew_sha256_init(&sha);
		ew_sha256_add(&sha, cases[i].text, strlen(cases[i].text));
		cr_assert_str_eq(ew_sha256_hex(&sha, hex), cases[i].sum);
	}
}
