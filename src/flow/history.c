/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zeek's history string in 15 bytes: up to 23 letters of five bits each. Letters past that
 * are dropped. The 16th byte holds the length, and above it a serial number that tells
 * flows apart which opened with the same tuple at the same nanosecond.
 */
#include <string.h>

#include "flow/flow_priv.h"

#define LETTERS_MAX (EW_FLOW_HISTORY_MAX - 1)
#define LENGTH 15 /* the byte that holds it, in its low five bits */

/* Index in this text is a letter's code. */
static const char alphabet[] = "?SHADFRIQTWXshadfriqtwx^";

static const uint8_t codes[128] = { ['S'] = 1,
	['H'] = 2,
	['A'] = 3,
	['D'] = 4,
	['F'] = 5,
	['R'] = 6,
	['I'] = 7,
	['Q'] = 8,
	['T'] = 9,
	['W'] = 10,
	['X'] = 11,
	['s'] = 12,
	['h'] = 13,
	['a'] = 14,
	['d'] = 15,
	['f'] = 16,
	['r'] = 17,
	['i'] = 18,
	['q'] = 19,
	['t'] = 20,
	['w'] = 21,
	['x'] = 22,
	['^'] = 23 };

static unsigned
code_of(char letter)
{
	return codes[letter & 127];
}

static unsigned
length_of(const struct flow_cold *cold)
{
	return cold->history[LENGTH] & 31;
}

static unsigned
code_at(const struct flow_cold *cold, unsigned i)
{
	const unsigned bit = i * 5;
	const unsigned low = cold->history[bit / 8];
	const unsigned high = bit / 8 + 1 < LENGTH ? cold->history[bit / 8 + 1] : 0;

	return (low | high << 8) >> (bit % 8) & 31;
}

void
history_add(struct flow_cold *cold, char letter)
{
	const unsigned length = length_of(cold);

	if (length == LETTERS_MAX)
		return;
	const unsigned bit = length * 5;
	const unsigned code = code_of(letter) << (bit % 8);

	cold->history[bit / 8] |= (uint8_t)code;
	if (code >> 8)
		cold->history[bit / 8 + 1] |= (uint8_t)(code >> 8);
	cold->history[LENGTH]++;
}

bool
history_is(const struct flow_cold *cold, char letter)
{
	return length_of(cold) == 1 && code_at(cold, 0) == code_of(letter);
}

void
history_replace(struct flow_cold *cold, const char *letters)
{
	const unsigned serial = history_serial(cold);

	memset(cold->history, 0, sizeof(cold->history));
	for (; *letters; letters++)
		history_add(cold, *letters);
	history_set_serial(cold, serial);
}

void
history_text(const struct flow_cold *cold, char text[EW_FLOW_HISTORY_MAX])
{
	const unsigned length = length_of(cold);

	for (unsigned i = 0; i < length; i++)
		text[i] = alphabet[code_at(cold, i)];
	text[length] = '\0';
}

unsigned
history_serial(const struct flow_cold *cold)
{
	return cold->history[LENGTH] >> 5;
}

void
history_set_serial(struct flow_cold *cold, unsigned serial)
{
	cold->history[LENGTH] =
	    (uint8_t)((cold->history[LENGTH] & 31) | (serial & 7) << 5);
}
