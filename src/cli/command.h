/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * cli: the commands of `eastwatch`. A verb is a file with one const struct ew_command on
 * top, and a row in ew_commands[] (commands.c). The frame parses the options a verb
 * declares, so that the same words mean the same everywhere, `--help` and the completions
 * are printed from the same tables, and a verb only reads the result.
 *
 * Depends on: everything above it; the database only through store/reader.h, the daemon
 * only through eastwatch/client.h. Used by: main.c.
 */

/* Exit codes, design.md 8. When several apply, the first in the order 2 3 1 4 5 wins. */
enum ew_exit {
	EW_EXIT_OK = 0,
	EW_EXIT_ERROR = 1,
	EW_EXIT_USAGE = 2,
	EW_EXIT_UNREACHABLE = 3, /* daemon or database */
	EW_EXIT_INCOMPLETE =
	    4, /* --strict, and a gap or pruned history touches the answer */
	EW_EXIT_MATCHED = 5, /* --exit-code, and rows matched */
};

/* Options that several verbs share; a verb names the groups it takes. */
enum ew_option_group {
	EW_OPTIONS_DB = 1 << 0,	     /* --db --config */
	EW_OPTIONS_OUTPUT = 1 << 1,  /* -o --no-headers --color */
	EW_OPTIONS_WINDOW = 1 << 2,  /* --since --until */
	EW_OPTIONS_LAST = 1 << 3,    /* --last --all --exit-code --strict */
	EW_OPTIONS_FOLLOW = 1 << 4,  /* -f */
	EW_OPTIONS_FILTER = 1 << 5,  /* --workload --container --ip --port ..., --not */
	EW_OPTIONS_BY = 1 << 6,	     /* --by */
	EW_OPTIONS_CONTROL = 1 << 7, /* --socket */
	EW_OPTIONS_STATUS = 1 << 8,  /* --state --status */
};
#define EW_OPTIONS_LIST                                                            \
	(EW_OPTIONS_DB | EW_OPTIONS_OUTPUT | EW_OPTIONS_WINDOW | EW_OPTIONS_LAST | \
	    EW_OPTIONS_FOLLOW | EW_OPTIONS_FILTER | EW_OPTIONS_STATUS)

struct ew_option {
	const char *name; /* "since": the long form; NULL ends a table */
	const char *arg;  /* "TIME"; NULL for a switch */
	const char *help; /* one line */
	char letter;	  /* 'f', or 0 */
	unsigned group;	  /* of the shared options; 0 in a verb's own table */
	bool can_negate;  /* --not may stand before it */
	/* What may follow, for the completions: "flows", "workload", "file", or words "a|b|c". */
	const char *values;
};

/* One option as it was given. */
struct ew_given {
	const struct ew_option *option;
	const char *value; /* NULL for a switch */
	bool is_negated;
};

#define EW_ARGS_MAX 256
struct ew_command;
struct ew_args {
	const struct ew_command *command;
	size_t n_given, n_words;
	struct ew_given given[EW_ARGS_MAX];
	const char *words[EW_ARGS_MAX]; /* what is no option */
	int argc;			/* as they came, argv[0] is the verb */
	char **argv;
};

struct ew_command {
	const char *name;    /* "flows" */
	const char *summary; /* "list connections, the newest last" */
	const char
	    *words; /* "SUBCOMMAND [ARG]": what is no option; NULL when there is none */
	const char *about;    /* paragraphs of the help; NULL none */
	const char *examples; /* lines "  eastwatch flows --since 1h"; never NULL */
	const struct ew_option *options; /* the verb's own; NULL none */
	unsigned groups;		 /* enum ew_option_group */
	size_t words_min, words_max;
	bool
	    parses_itself; /* takes argc and argv as they are; options is only for the help */
	bool is_hidden;	    /* not in the overview (the completions' helper) */
	const char *values; /* like ew_option.values, for the first word */
	int (*run)(const struct ew_args *args); /* returns enum ew_exit */
};

extern const struct ew_command *const ew_commands[]; /* constant table, NULL ends */
extern const struct ew_option
    ew_shared_options[]; /* constant table, ends with name NULL */

const struct ew_command *ew_command_find(const char *name);

/* All of `eastwatch`; main() and the tests call it. Returns the exit code. */
int ew_cli_main(int argc, char **argv);

/* The last value given for an option of that name; NULL when it was not given. */
const char *ew_args_value(const struct ew_args *args, const char *name);
bool ew_args_has(const struct ew_args *args, const char *name);

/*
 * Parse argv[1..] by the tables of command. Returns EW_EXIT_OK, or EW_EXIT_USAGE after a
 * sentence on stderr.
 */
int ew_args_parse(const struct ew_command *command, int argc, char **argv,
    struct ew_args *ret_args);
/* How many words the shared option at argv[i] takes; 0 when there is none. */
int ew_option_words(int argc, char **argv, int i);
void ew_command_help(const struct ew_command *command);

/*
 * A diagnostic on stderr: "eastwatch VERB: ..." with control characters escaped. Returns
 * code, so that a verb can end with `return ew_complain(EW_EXIT_ERROR, "...")`.
 */
int ew_complain(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for what is worth knowing but no failure. */
void ew_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Of two exit codes the one that wins (2 3 1 4 5 0). */
int ew_exit_worse(int a, int b);

/* In -f: set by Ctrl-C and SIGTERM. */
bool ew_interrupted(void);
/* From now on Ctrl-C ends the loop that asks ew_interrupted(), with exit code 0. */
void ew_catch_interrupt(void);
/* Sleep, or until Ctrl-C. */
void ew_sleep_ms(int ms);
