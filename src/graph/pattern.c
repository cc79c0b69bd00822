/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "graph/graph.h"

/*
 * The grammar of operators' patterns: "SRC -> DST:PORT/PROTO" (graph.h). One line that can be
 * copied from an alert, typed on a shell and read in the decision log.
 */

static const struct {
	const char *name;
	int16_t proto;
} protos[] = { { "*", EW_PROTO_MATCH_ANY }, { "icmp", 1 }, { "tcp", 6 }, { "udp", 17 },
	{ "icmp6", 58 }, { "sctp", 132 } };
#define N_PROTOS (sizeof(protos) / sizeof(protos[0]))

static int
parse_number(const char *text, long max, long *ret_number)
{
	char *end = NULL;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 0 || n > max)
		return EW_ERR_FORMAT;
	*ret_number = n;
	return 0;
}

static int
parse_proto(const char *text, int16_t *ret_proto)
{
	for (size_t i = 0; i < N_PROTOS; i++) {
		if (strcmp(text, protos[i].name) == 0) {
			*ret_proto = protos[i].proto;
			return 0;
		}
	}
	long n = 0;
	if (parse_number(text, 255, &n))
		return EW_ERR_FORMAT;
	*ret_proto = (int16_t)n;
	return 0;
}

/* "5432/tcp", "dyn", "*" */
static int
parse_port(char *text, struct ew_pattern *p)
{
	char *slash = strchr(text, '/');

	if (slash) {
		*slash = '\0';
		if (parse_proto(slash + 1, &p->proto))
			return EW_ERR_FORMAT;
	}
	if (strcmp(text, "*") == 0)
		return 0;
	if (strcmp(text, "dyn") == 0) {
		p->port = EW_PORT_DYN;
		return 0;
	}
	long n = 0;
	if (parse_number(text, 65535, &n))
		return EW_ERR_FORMAT;
	p->port = (int32_t)n;
	return 0;
}

/*
 * Where the port part of a destination begins, or NULL. A name may hold one colon of its own
 * only in brackets; without them two colons are an IPv6 address and no port.
 */
static char *
split_port(char *dst, char **ret_name)
{
	*ret_name = dst;
	if (dst[0] == '[') {
		char *close = strrchr(dst, ']');

		if (!close)
			return NULL;
		*ret_name = dst + 1;
		*close = '\0';
		return close[1] == ':' ? close + 2 : NULL;
	}
	char *colon = strchr(dst, ':');
	if (!colon || strchr(colon + 1, ':'))
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static char *
trim(char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	size_t n = strlen(text);
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		text[--n] = '\0';
	return text;
}

int
ew_pattern_parse(const char *text, struct ew_pattern *ret_pattern,
    struct ew_error *error)
{
	struct ew_pattern p = { .dst = "*",
		.port = EW_PORT_MATCH_ANY,
		.proto = EW_PROTO_MATCH_ANY };
	char copy[2 * EW_WORKLOAD_NAME_MAX + 64];

	if (!ew_text_copy(copy, sizeof(copy), text))
		return ew_error_set(error, EW_ERR_FORMAT, "the pattern is too long");
	char *arrow = strstr(copy, "->");
	if (arrow)
		*arrow = '\0';
	char *src = trim(copy);
	if (!*src || !ew_text_copy(p.src, sizeof(p.src), src))
		return ew_error_set(error, EW_ERR_FORMAT,
		    "no source in \"%s\"; write e.g. shop/web -> shop/db:5432/tcp",
		    text);
	if (arrow) {
		char *name = NULL;
		char *dst = trim(arrow + 2);
		char *port = split_port(dst, &name);

		if (!*name || !ew_text_copy(p.dst, sizeof(p.dst), name))
			return ew_error_set(error, EW_ERR_FORMAT,
			    "no destination in \"%s\"; write e.g. shop/web -> "
			    "shop/db:5432/tcp",
			    text);
		if (port && parse_port(port, &p))
			return ew_error_set(error, EW_ERR_FORMAT,
			    "the port in \"%s\" is not PORT or PORT/PROTO, as in "
			    "5432/tcp",
			    text);
	}
	*ret_pattern = p;
	return 0;
}

char *
ew_pattern_format(const struct ew_pattern *pattern, char *ret_text, size_t size)
{
	char port[16] = "*", proto[16] = "*";
	bool has_colon = strchr(pattern->dst, ':') != NULL;

	if (pattern->port == EW_PORT_DYN)
		snprintf(port, sizeof(port), "dyn");
	else if (pattern->port != EW_PORT_MATCH_ANY)
		snprintf(port, sizeof(port), "%d", (int)pattern->port);
	snprintf(proto, sizeof(proto), "%d", pattern->proto);
	for (size_t i = 0; i < N_PROTOS; i++)
		if (protos[i].proto == pattern->proto)
			snprintf(proto, sizeof(proto), "%s", protos[i].name);
	snprintf(ret_text, size, "%s -> %s%s%s:%s/%s", pattern->src,
	    has_colon ? "[" : "", pattern->dst, has_colon ? "]" : "", port, proto);
	return ret_text;
}

bool
ew_pattern_matches(const struct ew_pattern *pattern, const char *src, const char *dst,
    uint8_t proto, uint16_t port)
{
	if (pattern->port != EW_PORT_MATCH_ANY && pattern->port != port)
		return false;
	if (pattern->proto != EW_PROTO_MATCH_ANY && pattern->proto != proto)
		return false;
	return ew_text_glob(pattern->src, src) && ew_text_glob(pattern->dst, dst);
}
