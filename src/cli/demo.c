/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch demo`: one recorded campaign through the real pipeline into a scratch
 * database, and its explanation. Nothing here is special: it runs the same verbs a person
 * would type, and prints them, so that the demo is also the first lesson.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"

/* The build says where the recording is; a reader of this file alone (lint) need not. */
#ifndef EW_DEMO_DIR
#define EW_DEMO_DIR "/usr/share/eastwatch/demo"
#define EW_DEMO_SRCDIR EW_DEMO_DIR
#endif

static int run_demo(const struct ew_args *args);

static const struct ew_option options[] = {
	{ .name = "keep", .help = "keep the scratch database and say where it is" },
	{ .name = "data",
	    .arg = "DIR",
	    .help = "where the recording is",
	    .values = "file" },
	{ .name = NULL },
};

const struct ew_command ew_command_demo = {
	.name = "demo",
	.summary = "replay a recorded attack and explain it",
	.about = "Runs a recorded campaign (minutes of a small shop's traffic, then a "
		 "move from container\n"
		 "to container) through the real pipeline into a scratch database, and "
		 "explains the\n"
		 "incident it finds. Needs no rights and no daemon.",
	.examples = "  eastwatch demo\n  eastwatch demo --keep\n",
	.options = options,
	.run = run_demo,
};

struct demo {
	char folder[256]; /* scratch, ours */
	char database[300];
	char capture[512], inventory[512], config[512];
};

/* The recording: as asked, beside the sources in a build tree, or installed. */
static bool
find_recording(struct demo *d, const struct ew_args *args)
{
	const char *asked = ew_args_value(args, "data");
	const char *const places[] = { asked ? asked : EW_DEMO_DIR,
		asked ? NULL : EW_DEMO_SRCDIR };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!places[i])
			continue;
		(void)snprintf(d->capture, sizeof(d->capture), "%s/demo.pcap",
		    places[i]);
		(void)snprintf(d->inventory, sizeof(d->inventory), "%s/demo.json",
		    places[i]);
		(void)snprintf(d->config, sizeof(d->config), "%s/demo.yaml", places[i]);
		if (access(d->capture, R_OK) == 0)
			return true;
	}
	return false;
}

/* Run a verb as if it had been typed, after showing it. */
static int
show_and_run(int argc, char **argv)
{
	(void)fputs("\n$ eastwatch", stdout);
	for (int i = 1; i < argc; i++)
		(void)printf(" %s", argv[i]);
	(void)fputs("\n\n", stdout);
	(void)fflush(stdout);
	return ew_cli_main(argc, argv);
}

static int
tell_story(struct demo *d)
{
	char name[] = "eastwatch", replay[] = "replay", db[] = "--db",
	     inventory[] = "--inventory", config[] = "--config", map[] = "map",
	     explain[] = "explain", last[] = "last";
	char *replay_words[] = { name, replay, config, d->config, inventory,
		d->inventory, db, d->database, d->capture, NULL };
	char *map_words[] = { name, map, db, d->database, NULL };
	char *explain_words[] = { name, explain, db, d->database, last, NULL };

	(void)puts("A small shop is watched while it works; then one of its containers "
		   "is taken over.");
	int code = show_and_run(9, replay_words);

	if (code == EW_EXIT_OK) {
		(void)puts("\nWho talks to whom, and what is new:");
		code = show_and_run(4, map_words);
	}
	if (code == EW_EXIT_OK) {
		(void)puts("\nThe incident, as whoever is on call reads it:");
		code = show_and_run(5, explain_words);
	}
	return code;
}

static void
clean_up(const struct demo *d)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char path[400];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", d->database, endings[i]);
		(void)unlink(path);
	}
	(void)rmdir(d->folder);
}

static int
run_demo(const struct ew_args *args)
{
	struct demo d;
	const char *temporary = getenv("TMPDIR");

	if (!find_recording(&d, args))
		return ew_complain(EW_EXIT_ERROR,
		    "the recording is not in %s; name its folder with --data",
		    EW_DEMO_DIR);
	(void)snprintf(d.folder, sizeof(d.folder), "%s/eastwatch-demo-XXXXXX",
	    temporary && temporary[0] ? temporary : "/tmp");
	if (!mkdtemp(d.folder))
		return ew_complain(EW_EXIT_ERROR, "cannot make a scratch folder %s: %s",
		    d.folder, strerror(errno));
	(void)snprintf(d.database, sizeof(d.database), "%s/eastwatch.db", d.folder);
	const int code = tell_story(&d);

	if (ew_args_has(args, "keep"))
		(void)printf("\nThe database is kept: %s\n", d.database);
	else
		clean_up(&d);
	return code;
}
