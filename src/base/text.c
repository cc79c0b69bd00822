/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text whose content an attacker may have chosen. Everything is bounded, cut at character
 * boundaries, and escaped for the place it goes to: a terminal or a JSON string.
 *
 * Bidirectional and zero-width controls are escaped for terminals because they let a name
 * read differently from what it is (Boucher & Anderson, "Trojan Source", 2021).
 */
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/*
 * Decode one character of at most left bytes. Returns its length and *ret_code, or 0 for
 * bytes that are not UTF-8 (RFC 3629: no overlong forms, no surrogates).
 */
static size_t
decode_utf8(const unsigned char *p, size_t left, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;
	uint32_t code;

	if (left == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		length = 2;
		code = p[0] & 0x1f;
	} else if ((p[0] & 0xf0) == 0xe0) {
		length = 3;
		code = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		length = 4;
		code = p[0] & 0x07;
	} else {
		return 0;
	}
	if (left < length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

bool
ew_text_copy_bytes(char *ret_text, size_t size, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	size_t out = 0;

	assert(size > 0);
	while (length > 0) {
		uint32_t code;
		const size_t n = decode_utf8(p, length, &code);
		const bool keep = n > 0 && code >= 0x20 && (code < 0x7f || code > 0x9f);
		const size_t step = n ? n : 1;
		const size_t need = keep ? n : 1;

		if (out + need >= size)
			break;
		if (keep)
			memcpy(ret_text + out, p, n);
		else
			ret_text[out] = '?';
		out += need;
		p += step;
		length -= step;
	}
	ret_text[out] = '\0';
	return length == 0;
}

bool
ew_text_copy(char *ret_text, size_t size, const char *source)
{
	size_t length = strlen(source);

	assert(size > 0);
	if (length < size) {
		memcpy(ret_text, source, length + 1);
		return true;
	}
	length = size - 1;
	/* Step back over continuation bytes, so that no character is cut in half. */
	while (length > 0 && ((unsigned char)source[length] & 0xc0) == 0x80)
		length--;
	memcpy(ret_text, source, length);
	ret_text[length] = '\0';
	return false;
}

void
ew_text_init(struct ew_text *text, size_t max_bytes)
{
	*text = (struct ew_text){ .capacity = 64, .max_bytes = max_bytes };
	text->text = ew_alloc(text->capacity);
}

void
ew_text_fini(struct ew_text *text)
{
	free(text->text);
	*text = (struct ew_text){ 0 };
}

void
ew_text_clear(struct ew_text *text)
{
	text->length = 0;
	text->full = false;
	text->text[0] = '\0';
}

void
ew_text_add_bytes(struct ew_text *text, const void *bytes, size_t length)
{
	if (text->full || length > text->max_bytes - text->length) {
		text->full = true;
		return;
	}
	if (text->length + length + 1 > text->capacity) {
		while (text->length + length + 1 > text->capacity)
			text->capacity *= 2;
		text->text = ew_realloc_array(text->text, text->capacity, 1);
	}
	memcpy(text->text + text->length, bytes, length);
	text->length += length;
	text->text[text->length] = '\0';
}

void
ew_text_add(struct ew_text *text, const char *string)
{
	ew_text_add_bytes(text, string, strlen(string));
}

void
ew_text_addf(struct ew_text *text, const char *format, ...)
{
	char small[512];
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	const int length = vsnprintf(small, sizeof(small), format, args);

	if (length >= 0 && (size_t)length < sizeof(small)) {
		ew_text_add_bytes(text, small, (size_t)length);
	} else if (length >= 0) {
		char *large = ew_alloc((size_t)length + 1);

		(void)vsnprintf(large, (size_t)length + 1, format, again);
		ew_text_add_bytes(text, large, (size_t)length);
		free(large);
	}
	va_end(again);
	va_end(args);
}

/* Characters that change what a reader sees without being seen. */
static bool
is_deceptive(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0xad ||
	    code == 0x61c || (code >= 0x180b && code <= 0x180f) ||
	    (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2060 && code <= 0x206f) || (code >= 0xfe00 && code <= 0xfe0f) ||
	    code == 0xfeff || (code >= 0xfff0 && code <= 0xfffb) ||
	    (code >= 0xe0000 && code <= 0xe0fff);
}

void
ew_text_add_terminal(struct ew_text *text, const char *string)
{
	const unsigned char *p = (const unsigned char *)string;
	size_t left = strlen(string);

	while (left > 0) {
		uint32_t code = 0;
		const size_t n = decode_utf8(p, left, &code);

		if (n == 0)
			ew_text_addf(text, "\\x%02x", *p);
		else if (is_deceptive(code) && code < 0x100)
			ew_text_addf(text, "\\x%02x", code);
		else if (is_deceptive(code))
			ew_text_addf(text, "\\u{%04x}", code);
		else
			ew_text_add_bytes(text, p, n);
		p += n ? n : 1;
		left -= n ? n : 1;
	}
}

void
ew_text_add_json(struct ew_text *text, const char *string)
{
	const unsigned char *p = (const unsigned char *)string;
	size_t left = strlen(string);

	ew_text_add_bytes(text, "\"", 1);
	while (left > 0) {
		uint32_t code = 0;
		const size_t n = decode_utf8(p, left, &code);

		if (n == 0)
			ew_text_add(text, "\xef\xbf\xbd");
		else if (code == '"' || code == '\\')
			ew_text_addf(text, "\\%c", (int)code);
		else if (code == '\n')
			ew_text_add(text, "\\n");
		else if (code == '\t')
			ew_text_add(text, "\\t");
		else if (code < 0x20 || code == 0x7f)
			ew_text_addf(text, "\\u%04x", code);
		else
			ew_text_add_bytes(text, p, n);
		p += n ? n : 1;
		left -= n ? n : 1;
	}
	ew_text_add_bytes(text, "\"", 1);
}

bool
ew_text_glob(const char *pattern, const char *string)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*string) {
		if (*pattern == '*') {
			star = pattern++;
			retry = string;
		} else if (*pattern == '?' || *pattern == *string) {
			pattern++;
			string++;
		} else if (star) {
			/* Let the last star swallow one more character. */
			pattern = star + 1;
			string = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
