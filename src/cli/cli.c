/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From argv to a verb and to an exit code. This file owns what is the same for all verbs:
 * the overview, `help`, `--version`, diagnostics on stderr, the way signals and broken
 * pipes end a command.
 *
 * A reader that goes away (`eastwatch flows -f | head`) is no failure: SIGPIPE ends the
 * process with 0, and so does Ctrl-C while following (design.md 8).
 */
#include "cli/command.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <eastwatch/version.h>

#include "base/text.h"

/* Written by the signal handler only. */
static volatile sig_atomic_t interrupted;
/* The verb that runs, for diagnostics. */
static const char *current_verb;

static void
on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

static void
on_broken_pipe(int signal_number)
{
	(void)signal_number;
	_exit(EW_EXIT_OK);
}

bool
ew_interrupted(void)
{
	return interrupted != 0;
}

void
ew_catch_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void
ew_sleep_ms(int ms)
{
	/* EINTR is wanted: Ctrl-C ends the wait. */
	if (!interrupted)
		(void)poll(NULL, 0, ms);
}

static void say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static void
say(const char *format, va_list args)
{
	struct ew_text safe;
	char line[2048];

	vsnprintf(line, sizeof(line), format, args);
	ew_text_init(&safe, 4 * sizeof(line));
	ew_text_add_terminal(&safe, line);
	fflush(stdout);
	if (current_verb)
		fprintf(stderr, "eastwatch %s: %s\n", current_verb, safe.text);
	else
		fprintf(stderr, "eastwatch: %s\n", safe.text);
	ew_text_fini(&safe);
}

int
ew_complain(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return code;
}

void
ew_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

int
ew_exit_worse(int a, int b)
{
	static const int order[] = { EW_EXIT_USAGE, EW_EXIT_UNREACHABLE, EW_EXIT_ERROR,
		EW_EXIT_INCOMPLETE, EW_EXIT_MATCHED };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return EW_EXIT_OK;
}

const struct ew_command *
ew_command_find(const char *name)
{
	for (size_t i = 0; ew_commands[i]; i++)
		if (strcmp(ew_commands[i]->name, name) == 0)
			return ew_commands[i];
	return NULL;
}

static void
overview(FILE *out)
{
	fputs("usage: eastwatch VERB [OPTIONS]\n\n"
	      "Who talks to whom between the containers of this node, and what is "
	      "unusual.\n"
	      "The lists read the database, so they work while the daemon is down.\n\n",
	    out);
	for (size_t i = 0; ew_commands[i]; i++)
		if (!ew_commands[i]->is_hidden)
			fprintf(out, "  %-13s %s\n", ew_commands[i]->name,
			    ew_commands[i]->summary);
	fputs("\n  eastwatch help VERB   options and examples of a verb\n"
	      "  eastwatch doctor      what this node can see, what not, and what to "
	      "do\n",
	    out);
}

/* Levenshtein distance, for names of at most 31 characters. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[33];
	const size_t n = strlen(b);

	if (n > 31 || strlen(a) > 31)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			const size_t above = row[j];
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[n];
}

static int
unknown_verb(const char *name)
{
	const char *best = NULL;
	size_t best_distance = 3;

	for (size_t i = 0; ew_commands[i]; i++) {
		const size_t d = distance(name, ew_commands[i]->name);

		if (d < best_distance) {
			best_distance = d;
			best = ew_commands[i]->name;
		}
	}
	if (best)
		return ew_complain(EW_EXIT_USAGE,
		    "there is no verb \"%s\"; did you mean \"%s\"? `eastwatch help` "
		    "lists them",
		    name, best);
	return ew_complain(EW_EXIT_USAGE,
	    "there is no verb \"%s\"; `eastwatch help` lists them", name);
}

static int
help(int argc, char **argv)
{
	if (argc < 2) {
		overview(stdout);
		return EW_EXIT_OK;
	}
	const struct ew_command *command = ew_command_find(argv[1]);
	if (!command)
		return unknown_verb(argv[1]);
	ew_command_help(command);
	return EW_EXIT_OK;
}

static int
run(const struct ew_command *command, int argc, char **argv)
{
	static struct ew_args args;

	current_verb = command->name;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			ew_command_help(command);
			return EW_EXIT_OK;
		}
	}
	args = (struct ew_args){ .command = command, .argc = argc, .argv = argv };
	if (!command->parses_itself) {
		const int code = ew_args_parse(command, argc, argv, &args);

		if (code)
			return code;
	}
	return command->run(&args);
}

/* Names are UTF-8 whatever the locale says; widths need a locale that knows it. */
static void
use_utf8(void)
{
	setlocale(LC_TIME, "");
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

#define WORDS_MAX 1024
/*
 * People write `eastwatch --db FILE flows` too: shared options before the verb move behind
 * it. Returns argv, or sorted when there was something to move.
 */
static char **
verb_first(int argc, char **argv, char *sorted[WORDS_MAX])
{
	int verb = 1, n = 0, words;

	while (verb < argc && (words = ew_option_words(argc, argv, verb)) > 0)
		verb += words;
	if (verb == 1 || verb >= argc || argc >= WORDS_MAX)
		return argv;
	sorted[n++] = argv[0];
	sorted[n++] = argv[verb];
	for (int i = 1; i < argc; i++)
		if (i != verb)
			sorted[n++] = argv[i];
	sorted[n] = NULL;
	return sorted;
}

int
ew_cli_main(int argc, char **argv)
{
	static char *sorted[WORDS_MAX];
	struct sigaction action = { .sa_handler = on_broken_pipe };
	int code;

	sigemptyset(&action.sa_mask);
	sigaction(SIGPIPE, &action, NULL);
	use_utf8();
	current_verb = NULL;
	interrupted = 0;
	if (argc < 2) {
		overview(stderr);
		return EW_EXIT_USAGE;
	}
	argv = verb_first(argc, argv, sorted);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		code = help(argc - 1, argv + 1);
	} else if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("eastwatch %s\n", EW_VERSION);
		code = EW_EXIT_OK;
	} else {
		const struct ew_command *command = ew_command_find(argv[1]);

		code =
		    command ? run(command, argc - 1, argv + 1) : unknown_verb(argv[1]);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ew_warn("the output could not be written completely: %s",
		    strerror(errno));
		code = ew_exit_worse(code, EW_EXIT_ERROR);
	}
	return code;
}
