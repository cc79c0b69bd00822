/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the running daemon. A command that needs it ends with exit code 3 when it is not
 * there, and says how to start it; one that can do without asks quietly.
 */
#include "cli/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <eastwatch/client.h>

#include "cli/command.h"
#include "cli/place.h"

/* A webhook test waits for the answer of a server far away. */
#define TIMEOUT_MS 15000
#define TIMEOUT_TEST_MS 65000

static int
explain_unreachable(int err, const char *socket, const char *sentence)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return ew_complain(EW_EXIT_UNREACHABLE,
		    "eastwatchd does not run (nobody listens at %s): start it with "
		    "`systemctl "
		    "start eastwatchd`, or name its socket with --socket",
		    socket);
	case -EACCES:
	case -EPERM:
		return ew_complain(EW_EXIT_UNREACHABLE,
		    "%s may not be used by this user: run it as root, or join the "
		    "socket's group",
		    socket);
	default:
		return ew_complain(EW_EXIT_UNREACHABLE, "%s", sentence);
	}
}

static int
ask(struct ew_client *client, const char *verb, const char *arguments,
    json_t **ret_answer)
{
	char sentence[512] = "";
	char *answer = NULL;
	const int timeout =
	    strcmp(verb, "webhook-test") == 0 ? TIMEOUT_TEST_MS : TIMEOUT_MS;
	const int err = ew_client_ask(client, verb, arguments, timeout, &answer,
	    sentence, sizeof(sentence));

	if (err == 0) {
		*ret_answer = json_loads(answer, 0, NULL);
		free(answer);
		if (*ret_answer)
			return EW_EXIT_OK;
		return ew_complain(EW_EXIT_ERROR,
		    "the daemon's answer is no JSON; is it of this version?");
	}
	free(answer);
	if (err == -EPROTO || err == -EINVAL)
		return ew_complain(EW_EXIT_ERROR, "%s", sentence);
	return ew_complain(EW_EXIT_UNREACHABLE, "%s",
	    sentence[0] ? sentence
			: "the daemon did not answer in time; look at its log");
}

static int
control(const struct ew_args *args, const char *verb, json_t *take_request,
    bool is_quiet, json_t **ret_answer)
{
	struct ew_client *client = NULL;
	struct ew_place place;
	char sentence[512] = "";
	char *text = take_request ? json_dumps(take_request, JSON_COMPACT) : NULL;
	int code = ew_place_find(args, &place);

	*ret_answer = NULL;
	json_decref(take_request);
	if (code) {
		free(text);
		return code;
	}
	const int err =
	    ew_client_open(place.socket, &client, sentence, sizeof(sentence));
	if (err) {
		code = EW_EXIT_UNREACHABLE;
		if (!is_quiet)
			code = explain_unreachable(err, place.socket, sentence);
	} else {
		code = ask(client, verb, text, ret_answer);
		ew_client_close(client);
	}
	free(text);
	ew_place_fini(&place);
	return code;
}

int
ew_control_ask(const struct ew_args *args, const char *verb, json_t *take_request,
    json_t **ret_answer)
{
	return control(args, verb, take_request, false, ret_answer);
}

int
ew_control_try(const struct ew_args *args, const char *verb, json_t *take_request,
    json_t **ret_answer)
{
	return control(args, verb, take_request, true, ret_answer);
}

int
ew_control_ask_at(const char *socket, const char *verb, json_t **ret_answer)
{
	struct ew_client *client = NULL;
	char *answer = NULL;
	int err = ew_client_open(socket, &client, NULL, 0);

	*ret_answer = NULL;
	if (err)
		return err;
	err = ew_client_ask(client, verb, NULL, TIMEOUT_MS, &answer, NULL, 0);
	if (!err)
		*ret_answer = json_loads(answer, 0, NULL);
	free(answer);
	ew_client_close(client);
	return err;
}
