/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SQL has no words for: our glob (no classes, no surprises), an address in a prefix,
 * the Community ID of a flow, and the words of flow rows' numbers for groupings.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "flow/flow.h"
#include "graph/edge.h"
#include "identity/contact.h"
#include "store/key_priv.h"
#include "store/query_priv.h"

static const char *
argument(sqlite3_value *value)
{
	return (const char *)sqlite3_value_text(value);
}

/* ew_glob(pattern, text) */
static void
glob(sqlite3_context *context, int n, sqlite3_value **values)
{
	const char *pattern = argument(values[0]);
	const char *text = argument(values[1]);

	(void)n;
	if (pattern && text)
		sqlite3_result_int(context, ew_text_glob(pattern, text));
}

/* ew_in_prefix(prefix, ip) */
static void
in_prefix(sqlite3_context *context, int n, sqlite3_value **values)
{
	const char *address = argument(values[1]);
	struct ew_prefix *prefix = sqlite3_get_auxdata(context, 0);
	struct ew_addr addr;

	(void)n;
	if (!address || ew_addr_parse(address, &addr) != 0)
		return;
	if (!prefix) {
		const char *text = argument(values[0]);

		prefix = malloc(sizeof(*prefix));
		if (!prefix || !text || ew_prefix_parse(text, prefix) != 0) {
			free(prefix);
			return;
		}
		sqlite3_result_int(context, ew_prefix_contains(prefix, &addr));
		sqlite3_set_auxdata(context, 0, prefix, free);
		return;
	}
	sqlite3_result_int(context, ew_prefix_contains(prefix, &addr));
}

static const struct {
	const char *name;
	int number;
} protos[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 },
	{ "sctp", 132 } };

static const char *
proto_name(int number, char text[16])
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (protos[i].number == number)
			return protos[i].name;
	(void)snprintf(text, 16, "%d", number);
	return text;
}

static int
proto_number(const char *name)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (strcmp(protos[i].name, name) == 0)
			return protos[i].number;
	return (int)strtol(name, NULL, 10);
}

/* ew_community_id(proto, src_ip, dst_ip, src_port, dst_port) */
static void
community_id(sqlite3_context *context, int n, sqlite3_value **values)
{
	const char *proto = argument(values[0]);
	const char *src = argument(values[1]);
	const char *dst = argument(values[2]);
	struct ew_tuple tuple = { .sport = (uint16_t)sqlite3_value_int(values[3]),
		.dport = (uint16_t)sqlite3_value_int(values[4]) };
	char text[EW_COMMUNITY_ID_TEXT];

	(void)n;
	if (!proto || !src || !dst || ew_addr_parse(src, &tuple.src) != 0 ||
	    ew_addr_parse(dst, &tuple.dst) != 0)
		return;
	tuple.proto = (uint8_t)proto_number(proto);
	sqlite3_result_text(context, ew_community_id(&tuple, text), -1,
	    SQLITE_TRANSIENT);
}

static uint32_t
key_at(const uint8_t *keys, size_t at)
{
	uint32_t key;

	memcpy(&key, keys + 4 * at, sizeof(key));
	return be32toh(key);
}

/* ew_has_key(keys of a block, key, ...): is any of them in the sorted set? */
static void
has_key(sqlite3_context *context, int n, sqlite3_value **values)
{
	const uint8_t *keys = n > 0 ? sqlite3_value_blob(values[0]) : NULL;
	const size_t count = keys ? (size_t)sqlite3_value_bytes(values[0]) / 4 : 0;

	for (int i = 1; i < n; i++) {
		const uint32_t key = (uint32_t)sqlite3_value_int64(values[i]);
		size_t low = 0, high = count;

		while (low < high) {
			const size_t middle = low + (high - low) / 2;

			if (key_at(keys, middle) < key)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < count && key_at(keys, low) == key) {
			sqlite3_result_int(context, 1);
			return;
		}
	}
	sqlite3_result_int(context, 0);
}

/* ew_word(kind, number): the words of a flow row's numbers. */
static void
word(sqlite3_context *context, int n, sqlite3_value **values)
{
	static const char *const directions[] = { "unknown", "inbound", "outbound",
		"lateral", "local" };
	const char *kind = argument(values[0]);
	const int number = sqlite3_value_int(values[1]);

	(void)n;
	if (!kind || sqlite3_value_type(values[1]) == SQLITE_NULL)
		return;
	if (strcmp(kind, "proto") == 0) {
		char text[16];

		sqlite3_result_text(context, proto_name(number, text), -1,
		    SQLITE_TRANSIENT);
	} else if (strcmp(kind, "conn_state") == 0 && number != EW_CONN_NONE)
		sqlite3_result_text(context,
		    ew_conn_state_name((enum ew_conn_state)number), -1,
		    SQLITE_TRANSIENT);
	else if (strcmp(kind, "verdict") == 0)
		sqlite3_result_text(context, ew_verdict_name((enum ew_verdict)number),
		    -1, SQLITE_TRANSIENT);
	else if (strcmp(kind, "direction") == 0 && number >= 0 && number < 5)
		sqlite3_result_text(context, directions[number], -1, SQLITE_STATIC);
}

/* ew_ip(value, text of an IPv6 address or NULL): an address column of a flow row. */
static void
ip(sqlite3_context *context, int n, sqlite3_value **values)
{
	const int64_t value = sqlite3_value_int64(values[0]);
	char text[32];

	(void)n;
	if (value >= EW_KEY_V6_BASE) {
		sqlite3_result_value(context, values[1]);
		return;
	}
	const uint32_t v4 = (uint32_t)(value + INT64_C(2147483648));

	(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255,
	    v4 >> 8 & 255, v4 & 255);
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

int
reader_functions(struct ew_reader *reader)
{
	static const struct {
		const char *name;
		int n;
		void (*call)(sqlite3_context *context, int n, sqlite3_value **values);
	} functions[] = { { "ew_glob", 2, glob }, { "ew_in_prefix", 2, in_prefix },
		{ "ew_community_id", 5, community_id }, { "ew_word", 2, word },
		{ "ew_ip", 2, ip }, { "ew_has_key", -1, has_key } };

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (sqlite3_create_function_v2(reader->db.handle, functions[i].name,
			functions[i].n,
			SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
			functions[i].call, NULL, NULL, NULL) != SQLITE_OK)
			return ew_db_fail(&reader->db, functions[i].name);
	return 0;
}
