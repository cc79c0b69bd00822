/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the line of a value in JSON text by its path. One pass over the text keeps the
 * path of the value at hand in a bounded buffer; whenever it is a prefix of the wanted one,
 * the line is the best answer so far. Escapes in keys are not undone: ours have none.
 */
#include "proc/json_place.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 16
#define PATH_MAX_BYTES 512

struct level {
	size_t length; /* of the path up to this container */
	size_t index;
	bool is_array;
};

struct place {
	const char *wanted;
	char path[PATH_MAX_BYTES];
	struct level levels[DEPTH_MAX];
	size_t depth;
	size_t line, best_line, best_length;
};

/* A value begins: is its path the wanted one, or above it? */
static void
note(struct place *p)
{
	const size_t length = strlen(p->path);
	const bool is_above = strncmp(p->wanted, p->path, length) == 0 &&
	    strchr(".[", p->wanted[length]) !=
		NULL; /* the terminator counts as found */

	if (is_above && (length > p->best_length || p->best_line == 0)) {
		p->best_length = length;
		p->best_line = p->line;
	}
}

static void
enter_item(struct place *p)
{
	if (p->depth == 0 || p->depth > DEPTH_MAX || !p->levels[p->depth - 1].is_array)
		return;
	const struct level *level = &p->levels[p->depth - 1];
	(void)snprintf(p->path + level->length, sizeof(p->path) - level->length,
	    "[%zu]", level->index);
}

static void
open_container(struct place *p, bool is_array)
{
	enter_item(p);
	note(p);
	if (p->depth < DEPTH_MAX)
		p->levels[p->depth] =
		    (struct level){ .length = strlen(p->path), .is_array = is_array };
	p->depth++;
}

static void
close_container(struct place *p)
{
	if (p->depth > 0)
		p->depth--;
	if (p->depth < DEPTH_MAX)
		p->path[p->levels[p->depth].length] = '\0';
}

static void
next_item(struct place *p)
{
	if (p->depth > 0 && p->depth <= DEPTH_MAX)
		p->levels[p->depth - 1].index++;
}

static void
take_key(struct place *p, const char *key, size_t length)
{
	if (p->depth == 0 || p->depth > DEPTH_MAX)
		return;
	const size_t at = p->levels[p->depth - 1].length;
	(void)snprintf(p->path + at, sizeof(p->path) - at, "%s%.*s", at ? "." : "",
	    (int)length, key);
}

/* Past the closing quote. */
static size_t
string_end(const char *text, size_t size, size_t i)
{
	for (i++; i < size && text[i] != '"'; i++)
		i += text[i] == '\\';
	return i < size ? i + 1 : size;
}

static bool
is_key(const char *text, size_t size, size_t i)
{
	while (i < size && strchr(" \t\r\n", text[i]) && text[i])
		i++;
	return i < size && text[i] == ':';
}

size_t
ew_json_line(const char *text, size_t size, const char *path)
{
	struct place p = { .wanted = path, .line = 1 };

	for (size_t i = 0; i < size;) {
		const char c = text[i];
		if (c == '"') {
			const size_t end = string_end(text, size, i);
			if (is_key(text, size, end)) {
				take_key(&p, text + i + 1, end - i - 2);
			} else {
				enter_item(&p);
				note(&p);
			}
			i = end;
			continue;
		}
		if (c == '\n')
			p.line++;
		else if (c == '{' || c == '[')
			open_container(&p, c == '[');
		else if (c == '}' || c == ']')
			close_container(&p);
		else if (c == ',')
			next_item(&p);
		else if (strchr(" \t\r:", c) == NULL) {
			enter_item(&p);
			note(&p);
		}
		i++;
	}
	return p.best_line ? p.best_line : 1;
}
