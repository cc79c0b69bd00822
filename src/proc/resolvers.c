/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's name servers, as resolv.conf(5) has them: lines of "nameserver ADDRESS". Where
 * systemd-resolved runs, /etc/resolv.conf names only its stub on the loopback; engines then
 * hand containers the list in /run/systemd/resolve (libnetwork's resolvconf.Path()), so both
 * are read.
 */
#include "proc/resolvers.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"

#define FILE_MAX 8192 /* resolv.conf is a few lines; what follows is not read */

static const char *const paths[] = { "/etc/resolv.conf",
	"/run/systemd/resolve/resolv.conf" };

unsigned
ew_resolvers_parse(const char *text,
    int (*send)(void *context, enum ew_proc_type type, const void *record),
    void *context)
{
	unsigned told = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		struct ew_resolver_info info;
		char word[128];

		line += *line == '\n';
		/* A scope ("fe80::1%eth0") is the node's business; the address is enough. */
		if (sscanf(line, "nameserver %127[0-9a-fA-F.:]", word) != 1 ||
		    ew_addr_parse(word, &info.addr) != 0 ||
		    ew_addr_is_loopback(&info.addr))
			continue;
		if (send(context, EW_PROC_RESOLVER, &info) == 0)
			told++;
	}
	return told;
}

void
ew_resolvers_tell(int (
		      *send)(void *context, enum ew_proc_type type, const void *record),
    void *context)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char text[FILE_MAX];
		FILE *file = fopen(paths[i], "re");

		if (!file) /* no such file, or not ours to read: then nobody to tell of */
			continue;
		const size_t size = fread(text, 1, sizeof(text) - 1, file);
		(void)fclose(file);
		text[size] = '\0';
		(void)ew_resolvers_parse(text, send, context);
	}
}
