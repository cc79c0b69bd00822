/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manual pages from the tables that parse and print, as scdoc. The pages in doc/ are what
 * this prints, and a test compares the two: an option or a column cannot be added without
 * its line in the manual. Not a verb for people.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "daemon/config.h"
#include "store/reader.h"

static int run(const struct ew_args *args);

const struct ew_command ew_command_manual = {
	.name = "__manual",
	.summary = "print a manual page as scdoc",
	.words = "VERB|schema|yaml",
	.examples = "  eastwatch __manual flows > doc/eastwatch-flows.1.scd\n",
	.words_min = 1,
	.words_max = 1,
	.is_hidden = true,
	.run = run,
};

/* scdoc takes _ and * for markup, and a backslash before them. */
static void
put(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (strchr("_*\\#~`", *p))
			putchar('\\');
		putchar(*p);
	}
}

/* Paragraphs; lines that begin with blanks are shown as they are. */
static void
put_paragraphs(const char *text)
{
	bool is_literal = false;

	for (const char *p = text; *p;) {
		const size_t n = strcspn(p, "\n");
		const bool wants_literal = p[0] == ' ';
		char line[256];

		snprintf(line, sizeof(line), "%.*s", (int)n, p);
		if (wants_literal != is_literal)
			puts(wants_literal ? "\n```" : "```\n");
		is_literal = wants_literal;
		/* A dash or a dot in front would begin a list or a command. */
		if (!is_literal && strchr("-.|[]", line[0]) && line[0])
			putchar('\\');
		if (is_literal)
			fputs(line, stdout);
		else
			put(line);
		putchar('\n');
		p += n + (p[n] == '\n');
	}
	if (is_literal)
		puts("```");
}

static void
put_option(const struct ew_option *o)
{
	if (o->letter)
		printf("*-%c*, ", o->letter);
	printf("*--%s*", o->name);
	if (o->arg)
		printf(" _%s_", o->arg);
	fputs("\n\t", stdout);
	putchar(toupper((unsigned char)o->help[0]));
	put(o->help + 1);
	fputs(".\n\n", stdout);
}

static bool
is_own(const struct ew_command *c, const struct ew_option *shared)
{
	for (const struct ew_option *o = c->options; o && o->name; o++)
		if (strcmp(o->name, shared->name) == 0)
			return true;
	return false;
}

static void
put_options(const struct ew_command *c)
{
	puts("# OPTIONS\n");
	for (const struct ew_option *o = c->options; o && o->name; o++)
		put_option(o);
	for (const struct ew_option *o = ew_shared_options; o->name; o++)
		if ((o->group & c->groups) && !is_own(c, o))
			put_option(o);
	puts("*-h*, *--help*\n\tThe same in short.\n");
	if (c->groups & EW_OPTIONS_FILTER)
		puts("A filter given twice means either of the two; different filters "
		     "must all "
		     "hold. *--not*\nnegates the filter that follows it.\n");
}

static void
put_columns(const struct ew_view_info *info)
{
	for (size_t i = 0; i < info->n_fields; i++) {
		const struct ew_field *f = &info->fields[i];

		printf("*%s*\n\t", f->name);
		put(f->meaning ? f->meaning : "");
		fputs("\n\n", stdout);
	}
}

static void
put_exit_status(void)
{
	puts("# EXIT STATUS\n\n"
	     "0 all is well; 1 an error; 2 wrong usage; 3 the daemon or the database "
	     "cannot be "
	     "reached;\n"
	     "4 the answer is incomplete (with *--strict*); 5 rows matched (with "
	     "*--exit-code*). When\n"
	     "several apply, the first of 2, 3, 1, 4, 5.\n");
}

static void
verb_page(const struct ew_command *c)
{
	enum ew_view view;

	printf("eastwatch-%s(1)\n\n# NAME\n\neastwatch-%s - ", c->name, c->name);
	put(c->summary);
	printf("\n\n# SYNOPSIS\n\n*eastwatch %s*", c->name);
	if (c->words) {
		putchar(' ');
		put(c->words);
	}
	fputs(c->options || c->groups ? " [_OPTIONS_]\n\n" : "\n\n", stdout);
	if (c->about) {
		puts("# DESCRIPTION\n");
		put_paragraphs(c->about);
		putchar('\n');
	}
	put_options(c);
	if ((c->groups & EW_OPTIONS_LIST) == EW_OPTIONS_LIST &&
	    ew_view_by_name(c->name, &view)) {
		puts("# COLUMNS\n\nKeys of *-o json*, headers of *-o csv*, and what "
		     "*--where* and "
		     "*--by* take.\n");
		put_columns(ew_view_info(view));
	}
	put_exit_status();
	printf("# EXAMPLES\n\n```\n%s```\n\n", c->examples);
	puts(
	    "# SEE ALSO\n\n*eastwatch*(1), *eastwatch-schema*(5), *eastwatch.yaml*(5), "
	    "*eastwatchd*(8)");
}

static void
schema_page(void)
{
	puts("eastwatch-schema(5)\n\n# NAME\n\neastwatch-schema - views of the "
	     "eastwatch "
	     "database\n\n# DESCRIPTION\n\n"
	     "The database is a SQLite file. Its views are a public interface: columns "
	     "are "
	     "added, never\n"
	     "changed or taken away. The tables behind them are not. Any SQLite reads "
	     "them "
	     "(open it\n"
	     "read-only), and so does *eastwatch sql*. A column of a view is the key "
	     "of the "
	     "JSON, the\n"
	     "header of the CSV and the name of the filter. Times end in \\_us: "
	     "microseconds "
	     "UTC. Ids are\n"
	     "16 hexadecimal digits. What is not known is NULL.\n");
	for (int v = 0; v < EW_VIEWS; v++) {
		const struct ew_view_info *info = ew_view_info((enum ew_view)v);

		fputs("# V\\_", stdout);
		for (const char *p = info->name; *p; p++)
			putchar(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
		fputs("\n\n", stdout);
		put(info->meaning ? info->meaning : "");
		printf("\n\nJSON schema name: *%s*.\n\n", info->schema);
		put_columns(info);
	}
	puts("# EXAMPLES\n\n```\n"
	     "eastwatch sql \"SELECT * FROM v_edges WHERE dst_port = 5432\"\n"
	     "eastwatch sql -o csv \"SELECT dst_workload, sum(failed) FROM v_edges "
	     "GROUP BY "
	     "1\"\n"
	     "eastwatch sql \"SELECT datetime(end_us / 1000000, 'unixepoch') AS at, * "
	     "FROM "
	     "v_flows\"\n```\n\n# SEE ALSO\n\n*eastwatch-sql*(1), *eastwatch*(1)");
}

static int
run(const struct ew_args *args)
{
	const char *what = args->words[0];
	struct ew_text text;

	if (strcmp(what, "schema") == 0) {
		schema_page();
		return EW_EXIT_OK;
	}
	if (strcmp(what, "yaml") == 0) {
		puts("eastwatch.yaml(5)\n\n# NAME\n\neastwatch.yaml - configuration of "
		     "eastwatchd\n\n# DESCRIPTION\n\n"
		     "YAML; every key has a default, and no file is needed. Durations "
		     "are "
		     "written 90s, 10m, 24h,\n7d; sizes 16MiB, 4GiB. An unknown key, a "
		     "value out "
		     "of range or a wrong type is refused with\nfile, line and column: "
		     "*eastwatch config check*. What *eastwatch config show* prints "
		     "can be\n"
		     "used as a file. A running daemon reads it again on SIGHUP.\n");
		ew_text_init(&text, 1U << 20);
		ew_config_manual(&text);
		fputs(text.text, stdout);
		puts("\n# EXAMPLES\n\n```\neastwatch config show\neastwatch config "
		     "check "
		     "/etc/eastwatch/eastwatch.yaml\n```\n\n# SEE "
		     "ALSO\n\n*eastwatchd*(8), "
		     "*eastwatch-config*(1)");
		ew_text_fini(&text);
		return EW_EXIT_OK;
	}
	const struct ew_command *command = ew_command_find(what);
	if (!command)
		return ew_complain(EW_EXIT_USAGE, "there is no verb \"%s\"", what);
	verb_page(command);
	return EW_EXIT_OK;
}
