/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS (RFC 1035) and its kin on other ports: mDNS (RFC 6762), LLMNR (RFC 4795), NBNS (RFC
 * 1002). What a detector needs: the name asked for, the type, the code, the addresses.
 *
 * Names come from strangers. A pointer may only point backwards, each must point before the
 * last, and after 16 of them the name is refused; one name costs at most 255 bytes. What is
 * not printable becomes '?'. A message cut by the snap length gives what came before the cut.
 */
#include "decode/decode_priv.h"

enum {
	TYPE_A = 1,
	TYPE_AAAA = 28,
	ANSWERS_MAX = 64,     /* read; more are counted by nobody */
	QUESTIONS_MAX = 16,   /* the usual number is one */
	POINTERS_MAX = 16,    /* in one name; compressors use one */
	NAME_MAX_BYTES = 255, /* RFC 1035, 2.3.4 */
	NBNS_ENCODED = 32,
};

static char
printable(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	if (byte <= ' ' || byte >= 0x7f)
		return '?';
	return (char)byte;
}

struct name {
	char *text; /* EW_DNS_NAME_MAX bytes; NULL: only skip it */
	size_t length;
};

static void
add_label(struct name *name, const uint8_t *bytes, size_t size)
{
	if (!name->text)
		return;
	if (name->length > 0 && name->length < EW_DNS_NAME_MAX - 1)
		name->text[name->length++] = '.';
	for (size_t i = 0; i < size && name->length < EW_DNS_NAME_MAX - 1; i++)
		name->text[name->length++] = printable(bytes[i]);
	name->text[name->length] = '\0';
}

/* Read a name at c and leave c behind it. False when it is malformed or cut. */
static bool
read_name(struct ew_cursor *c, struct name *name)
{
	struct ew_cursor at = *c;
	const uint8_t *limit = c->end;
	size_t bytes = 0;
	int pointers = 0;

	for (;;) {
		const uint8_t *here = at.pos;
		const uint8_t size = ew_cursor_u8(&at);

		if (at.failed)
			return false;
		if (size == 0)
			break;
		if ((size & 0xc0) == 0xc0) {
			const unsigned offset = (size & 0x3fU) << 8 | ew_cursor_u8(&at);

			if (pointers == 0) {
				*c = at;
				limit = here;
			}
			if (at.failed || ++pointers > POINTERS_MAX ||
			    at.start + offset >= limit)
				return false;
			limit = at.start + offset;
			at.pos = limit;
			continue;
		}
		if (size & 0xc0)
			return false;
		const uint8_t *label = ew_cursor_take(&at, size);

		bytes += size + 1U;
		if (!label || bytes >= NAME_MAX_BYTES)
			return false;
		add_label(name, label, size);
	}
	if (pointers == 0)
		*c = at;
	return true;
}

/* NBNS: each byte of the 16-byte name is two letters 'A'..'P' (RFC 1001, 14.1). */
static void
decode_nbns(char text[EW_DNS_NAME_MAX])
{
	size_t length = 0;

	for (size_t i = 0; i + 1 < NBNS_ENCODED; i += 2) {
		if (text[i] < 'a' || text[i] > 'p' || text[i + 1] < 'a' ||
		    text[i + 1] > 'p')
			return;
	}
	for (size_t i = 0; i + 3 < NBNS_ENCODED; i += 2) /* the 16th byte is a suffix */
		text[length++] =
		    printable((uint8_t)((text[i] - 'a') << 4 | (text[i + 1] - 'a')));
	while (length > 0 && text[length - 1] == '?')
		length--;
	text[length] = '\0';
}

static bool
answer(struct ew_cursor *c, bool wants_owner, struct ew_dns_info *ret_dns,
    bool *is_first)
{
	struct name owner = { .text = wants_owner ? ret_dns->name : NULL };

	if (!read_name(c, &owner))
		return false;
	const uint16_t type = ew_cursor_be16(c);

	ew_cursor_skip(c, 2);
	const uint32_t ttl = ew_cursor_be32(c);
	const uint16_t size = ew_cursor_be16(c);
	const uint8_t *data = ew_cursor_take(c, size);

	if (!data)
		return false;
	if (wants_owner)
		ret_dns->qtype = type;
	if (*is_first || ttl < ret_dns->ttl_s)
		ret_dns->ttl_s = ttl;
	*is_first = false;
	if (ret_dns->n_addrs == EW_DNS_ADDRS_MAX)
		return true;
	if (type == TYPE_A && size == 4)
		ret_dns->addrs[ret_dns->n_addrs++] = ew_addr_v4(data);
	else if (type == TYPE_AAAA && size == 16)
		ret_dns->addrs[ret_dns->n_addrs++] = ew_addr_v6(data);
	return true;
}

/* c stands at the message's id; offsets in names count from there. */
bool
ew_decode_dns(struct ew_cursor *c, uint8_t kind, uint32_t bytes,
    struct ew_dns_info *ret_dns)
{
	struct ew_cursor m = ew_cursor_over(c->pos, ew_cursor_left(c));

	ret_dns->id = ew_cursor_be16(&m);
	const uint16_t flags = ew_cursor_be16(&m);
	const uint16_t questions = ew_cursor_be16(&m);
	const uint16_t answers = ew_cursor_be16(&m);

	ew_cursor_skip(&m, 4);
	/* Opcode 0 is a query; NBNS also registers and refreshes (5..9). */
	if (m.failed || (flags & 0x7800 && kind != 3) || questions > QUESTIONS_MAX)
		return false;
	ret_dns->kind = kind;
	ret_dns->bytes = bytes;
	ret_dns->is_answer = (flags & 0x8000) != 0;
	ret_dns->rcode = flags & 0xf;
	for (unsigned i = 0; i < questions; i++) {
		struct name name = { .text = i == 0 ? ret_dns->name : NULL };

		if (!read_name(&m, &name))
			return i > 0;
		const uint16_t qtype = ew_cursor_be16(&m);

		ew_cursor_skip(&m, 2);
		if (m.failed)
			return i > 0;
		if (i == 0)
			ret_dns->qtype = qtype;
	}
	bool is_first = true;

	if (ret_dns->is_answer) {
		for (unsigned i = 0; i < answers && i < ANSWERS_MAX; i++) {
			if (!answer(&m, questions == 0 && i == 0, ret_dns, &is_first))
				break;
		}
	}
	if (kind == 3)
		decode_nbns(ret_dns->name);
	return true;
}
