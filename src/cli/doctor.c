/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `eastwatch doctor`: what this node can see, what not, and what to do about it. Probes live
 * in doctor_*.c; this file orders them and prints. It must work when nothing else does: no
 * database, no daemon, a broken configuration and no rights are findings, not failures.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/doctor_priv.h"
#include "cli/options.h"
#include "cli/place.h"
#include "cli/writer.h"
#include "daemon/config.h"

static int run(const struct ew_args *args);

const struct ew_command ew_command_doctor = {
	.name = "doctor",
	.summary = "say what this node can see, what not, and what to do",
	.about =
	    "Probes the kernel, the rights, the container runtimes, the database, the\n"
	    "configuration and the daemon, and names every blind spot. Each line is "
	    "ok,\n"
	    "unusual (works, but look at it) or broken. Changes nothing. Exit code 1 "
	    "when\n"
	    "something is broken.",
	.examples = "  eastwatch doctor\n"
		    "  eastwatch doctor -o json | jq 'select(.level != \"ok\")'\n"
		    "  eastwatch doctor --config ./eastwatch.yaml\n",
	.groups = EW_OPTIONS_DB | EW_OPTIONS_CONTROL | EW_OPTIONS_OUTPUT,
	.run = run,
};

static const char *const level_names[] = {
	[EW_DOCTOR_OK] = "ok",
	[EW_DOCTOR_UNUSUAL] = "unusual",
	[EW_DOCTOR_BROKEN] = "broken",
};
static const char *const level_colors[] = {
	[EW_DOCTOR_OK] = "green",
	[EW_DOCTOR_UNUSUAL] = "yellow",
	[EW_DOCTOR_BROKEN] = "red",
};

static const struct ew_column columns[] = {
	{ "level", "LEVEL", EW_FORMAT_ID, EW_EVERYWHERE, 7 },
	{ "area", "AREA", EW_FORMAT_ID, EW_EVERYWHERE, 8 },
	{ "name", "NAME", EW_FORMAT_ID, EW_EVERYWHERE, 16 },
	{ "text", "WHAT", EW_FORMAT_ID, EW_EVERYWHERE, 0 },
	{ "todo", "WHAT TO DO", EW_FORMAT_ID, EW_EVERYWHERE, 0 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

void
ew_doctor_say(struct ew_doctor *doctor, enum ew_doctor_level level, const char *area,
    const char *name, const char *todo, const char *format, ...)
{
	va_list args;

	if (doctor->n_findings == doctor->room) {
		doctor->room = doctor->room ? 2 * doctor->room : 64;
		doctor->findings = ew_realloc_array(doctor->findings, doctor->room,
		    sizeof(*doctor->findings));
	}
	struct ew_doctor_finding *f = &doctor->findings[doctor->n_findings++];
	*f = (struct ew_doctor_finding){ .level = level, .area = area };
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(f->todo, sizeof(f->todo), "%s", todo ? todo : "");
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

bool
ew_doctor_read_line(const char *path, char *ret_text, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	const bool have = fgets(ret_text, (int)size, file) != NULL;
	fclose(file);
	if (have)
		ret_text[strcspn(ret_text, "\n")] = '\0';
	return have;
}

static void
probe_config(struct ew_doctor *d, const char *path)
{
	struct ew_config *config = ew_alloc(sizeof(*config));
	struct ew_error error = { 0 };
	const char *shown = path ? path : EW_CONFIG_PATH;
	FILE *file = fopen(shown, "re");
	const bool exists = file != NULL;

	if (file)
		fclose(file);
	if (ew_config_load(path, config, &error) != 0)
		ew_doctor_say(d, EW_DOCTOR_BROKEN, "config", "file",
		    "correct it; `eastwatch config check` tells more, the defaults are "
		    "probed here",
		    "%s", error.text);
	else if (exists)
		ew_doctor_say(d, EW_DOCTOR_OK, "config", "file", NULL, "%s is valid",
		    shown);
	else
		ew_doctor_say(d, EW_DOCTOR_OK, "config", "file", NULL,
		    "no %s: every key has its default", shown);
	free(config);
}

/* For people: grouped, what to do under the line it belongs to. */
static void
print_text(const struct ew_doctor *d, bool color)
{
	const char *area = "";

	for (size_t i = 0; i < d->n_findings; i++) {
		const struct ew_doctor_finding *f = &d->findings[i];
		const char *code = f->level == EW_DOCTOR_OK ? "\033[32m"
		    : f->level == EW_DOCTOR_UNUSUAL	    ? "\033[33m"
							    : "\033[31m";

		if (strcmp(area, f->area) != 0)
			printf("%s%s\n", *area ? "\n" : "", f->area);
		area = f->area;
		printf("  %s%-7s%s  %-17s ", color ? code : "", level_names[f->level],
		    color ? "\033[0m" : "", f->name);
		ew_print_safe(stdout, f->text);
		putchar('\n');
		if (f->todo[0]) {
			printf("  %28s", "-> ");
			ew_print_safe(stdout, f->todo);
			putchar('\n');
		}
	}
}

static int
print_rows(const struct ew_doctor *d, const struct ew_writer_conf *conf)
{
	struct ew_writer *writer =
	    ew_writer_new(conf, "eastwatch.doctor/1", columns, N_COLUMNS);

	for (size_t i = 0; i < d->n_findings; i++) {
		const struct ew_doctor_finding *f = &d->findings[i];
		struct ew_cell cells[N_COLUMNS] = { ew_cell_text(level_names[f->level]),
			ew_cell_text(f->area), ew_cell_text(f->name),
			ew_cell_text(f->text),
			ew_cell_text(f->todo[0] ? f->todo : NULL) };

		cells[0].color = level_colors[f->level];
		ew_writer_row(writer, cells);
	}
	return ew_writer_close(writer);
}

static int
run(const struct ew_args *args)
{
	struct ew_doctor doctor = { 0 };
	struct ew_writer_conf conf;
	struct ew_place place;
	int code = ew_options_output(args, &conf);

	if (code)
		return code;
	/* A configuration that cannot be read is the first finding, not the last word. */
	struct ew_args without = *args;
	without.n_given = 0;
	for (size_t i = 0; i < args->n_given; i++)
		if (strcmp(args->given[i].option->name, "config") != 0)
			without.given[without.n_given++] = args->given[i];
	doctor.config_path = ew_args_value(args, "config");
	probe_config(&doctor, doctor.config_path);
	if (doctor.findings[0].level == EW_DOCTOR_OK)
		without = *args;
	code = ew_place_find(&without, &place);
	if (code)
		return code;
	doctor.config = place.config;
	doctor.socket = place.socket;
	doctor.database = place.database;
	ew_doctor_control(&doctor);
	ew_doctor_daemon(&doctor);
	ew_doctor_database(&doctor);
	ew_doctor_places(&doctor);
	ew_doctor_rights(&doctor);
	ew_doctor_kernel(&doctor);
	ew_doctor_runtimes(&doctor);
	ew_doctor_networks(&doctor);
	ew_doctor_blind(&doctor);

	size_t n[3] = { 0 };
	for (size_t i = 0; i < doctor.n_findings; i++)
		n[doctor.findings[i].level]++;
	if (conf.output == EW_OUTPUT_TABLE) {
		print_text(&doctor, conf.color);
		printf("\n%zu ok, %zu unusual, %zu broken\n", n[EW_DOCTOR_OK],
		    n[EW_DOCTOR_UNUSUAL], n[EW_DOCTOR_BROKEN]);
	} else {
		code = print_rows(&doctor, &conf);
	}
	free(doctor.findings);
	ew_place_fini(&place);
	return ew_exit_worse(code, n[EW_DOCTOR_BROKEN] ? EW_EXIT_ERROR : EW_EXIT_OK);
}
