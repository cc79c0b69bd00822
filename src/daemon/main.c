/* SPDX-License-Identifier: Apache-2.0 */
/*~
 * eastwatchd: read the configuration, part into two processes, run.
 *
 * The outside process is forked first, before anything is open, so that it inherits no
 * packet socket and no database; then this process becomes core. Either ends in order when
 * the other has gone.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/config.h"
#include "daemon/core.h"
#include "eastwatch/version.h"
#include "io/notify.h"
#include "proc/outside.h"
#include "proc/peer.h"
#include "proc/sandbox.h"

enum { EXIT_OK = 0, EXIT_BROKEN = 1, EXIT_USAGE = 2 };

/* The service's own account; missing on a node where only a tarball was unpacked. */
#define SERVICE_USER "eastwatch"

static void
print_help(FILE *out)
{
	(void)fputs("Usage: eastwatchd [-c FILE] [--check-config]\n"
		    "\n"
		    "Watch the traffic between the containers of this node, learn who "
		    "talks to whom,\n"
		    "and report what moves sideways. Runs in the foreground.\n"
		    "\n"
		    "  -c, --config FILE    configuration; default " EW_CONFIG_PATH
		    " if it is there,\n"
		    "                       else every key has its default\n"
		    "      --check-config   read the configuration, say what is wrong "
		    "with it, and end\n"
		    "  -V, --version        print the version\n"
		    "  -h, --help           print this\n"
		    "\n"
		    "Signals: TERM and INT stop in order, HUP reads the configuration "
		    "again.\n"
		    "Exit codes: 0 stopped in order, 1 something is broken (one "
		    "sentence on stderr\n"
		    "says what), 2 usage.\n"
		    "\n"
		    "Examples:\n"
		    "  eastwatchd --check-config -c ./eastwatch.yaml\n"
		    "  eastwatchd -c ./eastwatch.yaml\n"
		    "  eastwatch status          what the running daemon sees\n"
		    "  eastwatch doctor          what it cannot see, and why\n",
	    out);
}

struct arguments {
	const char *config; /* NULL: the default place */
	bool check_only;
};

/* Returns -1 to go on, else the exit status. */
static int
parse_arguments(int argc, char **argv, struct arguments *ret_arguments)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1) {
		switch (letter) {
		case 'c':
			ret_arguments->config = optarg;
			break;
		case 'C':
			ret_arguments->check_only = true;
			break;
		case 'V':
			(void)puts("eastwatchd " EW_VERSION);
			return EXIT_OK;
		case 'h':
			print_help(stdout);
			return EXIT_OK;
		default:
			(void)fputs("Try `eastwatchd --help`.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr,
		    "eastwatchd: unexpected argument `%s`; "
		    "try `eastwatchd --help`\n",
		    argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

/* --- the outside process ---------------------------------------------------------------- */

struct outside_context {
	const char *config_path;
};

static int
reload_outside(void *context, struct ew_outside_conf *ret_conf, struct ew_error *error)
{
	const struct outside_context *c = context;
	struct ew_config *config = ew_alloc(sizeof(*config));
	const int rc = ew_config_load(c->config_path, config, error);

	if (rc == 0)
		ew_config_outside(config, ret_conf);
	free(config);
	return rc;
}

static void
show_config(void *context, struct ew_text *text)
{
	const struct outside_context *c = context;
	struct ew_config *config = ew_alloc(sizeof(*config));
	struct ew_error error;

	if (ew_config_load(c->config_path, config, &error) == 0)
		ew_config_show(config, text);
	else
		ew_text_addf(text, "# %s\n", error.text);
	free(config);
}

static int
lower_outside(const struct ew_outside_conf *conf, struct ew_error *error)
{
	/*
	 * Sockets and secret files may appear later and anywhere the configuration names, so
	 * the whole tree stays readable; nothing but the control socket's folder is written.
	 */
	char folder[sizeof(conf->control_socket)];
	const struct ew_sandbox_path paths[] = {
		{ .path = "/", .is_writable = false },
		{ .path = folder, .is_writable = true },
	};
	struct ew_sandbox_report report = { .text = "" };

	(void)ew_text_copy(folder, sizeof(folder), conf->control_socket);
	char *slash = strrchr(folder, '/');

	if (slash && slash != folder)
		*slash = '\0';
	int rc = ew_sandbox_outside_caps(conf->control_group[0] ? conf->control_group
								: SERVICE_USER,
	    conf->process_lookup, error);

	if (rc == 0)
		rc = ew_sandbox_lock(EW_SANDBOX_OUTSIDE, paths, 2, &report, error);
	if (rc == 0)
		ew_log(EW_LOG_DEBUG, "outside", "rights given up: %s", report.text);
	return rc;
}

static int
run_outside(int take_fd, const struct arguments *arguments,
    const struct ew_config *config)
{
	static const struct ew_outside_part *const parts[] = { &ew_api_control_part,
		NULL };
	struct outside_context context = { .config_path = arguments->config };
	struct ew_outside_conf *conf = ew_alloc(sizeof(*conf));

	/* When core is killed, nobody is left to stop us. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)prctl(PR_SET_NAME, "ew-outside");
	ew_config_outside(config, conf);
	conf->reload = reload_outside;
	conf->show = show_config;
	conf->context = &context;
	const int status = ew_outside_run(take_fd, conf, parts, lower_outside);

	free(conf);
	return status;
}

/* --- both ---------------------------------------------------------------------------------- */

static int
run(const struct arguments *arguments, struct ew_config *config)
{
	int fds[2];
	const int rc = ew_peer_pair(fds);

	if (rc != 0) {
		(void)fprintf(stderr, "eastwatchd: cannot make a socket pair: %s\n",
		    ew_err_text(rc));
		return EXIT_BROKEN;
	}
	ew_notify_open();
	(void)fflush(NULL);
	const pid_t outside = fork();

	if (outside < 0) {
		(void)fprintf(stderr,
		    "eastwatchd: cannot start the outside process: %s\n",
		    strerror(errno));
		return EXIT_BROKEN;
	}
	if (outside == 0) {
		(void)close(fds[0]);
		(void)unsetenv("NOTIFY_SOCKET");
		_exit(run_outside(fds[1], arguments, config));
	}
	(void)close(fds[1]);
	struct ew_error error = { .text = "" };
	const int status =
	    ew_core_run(fds[0], arguments->config, SERVICE_USER, config, &error);

	if (status != 0)
		(void)fprintf(stderr, "eastwatchd: %s\n", error.text);
	/* Core's end of the pair is closed: outside ends by itself. Do not leave it behind. */
	(void)kill(outside, SIGTERM);
	(void)waitpid(outside, NULL, 0);
	return status != 0 ? EXIT_BROKEN : EXIT_OK;
}

int
main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	const int early = parse_arguments(argc, argv, &arguments);

	if (early >= 0)
		return early;
	/* A reader of our pipes that goes away is an error code, not a death. */
	(void)signal(SIGPIPE, SIG_IGN);
	struct ew_config *config = ew_alloc(sizeof(*config));
	struct ew_error error;
	int status = EXIT_BROKEN;

	if (ew_config_load(arguments.config, config, &error) != 0) {
		(void)fprintf(stderr, "eastwatchd: %s\n", error.text);
	} else if (arguments.check_only) {
		(void)puts("configuration is valid");
		status = EXIT_OK;
	} else {
		ew_log_set_level((enum ew_log_level)config->log.level);
		status = run(&arguments, config);
	}
	free(config);
	return status;
}
