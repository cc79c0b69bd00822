/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Docker Engine (or Podman's service) runs, told to core.
 *
 * A session: /version (its API range decides how paths are written), then /events is opened,
 * then networks and containers are listed, then core is told that the inventory is complete.
 * Events since a second before the session are asked for, so that nothing falls between the
 * two. While the session lives, events keep the picture and a list each minute puts right
 * what they missed. When it breaks (the events stream ends, an answer makes no sense) it is
 * begun again after a pause, with events since the last one seen.
 *
 * Speed matters at a container's start: its first SYN comes 7 ms before its start event
 * (notes: mechanisms 4). So: name and labels from the create event; address and MAC from
 * /networks/ID at "network connect", 350 ms before the first packet; /containers/ID/json,
 * which blocks 400 ms while a container starts, only INSPECT_DELAY later, one at a time, for
 * posture, revision and process.
 */
#include "proc/docker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "proc/docker_priv.h"

#define API_LEAST 24
#define API_MOST 52
#define LINE_MAX_BYTES ((size_t)512 << 10)
#define LIST_MAX_BYTES ((size_t)64 << 20)
#define LIST_AGAIN_NS EW_NS_PER_S
#define LIST_PERIOD_NS (60 * EW_NS_PER_S)
#define INSPECT_DELAY_NS (3 * EW_NS_PER_S)
#define INSPECT_TRIES 3
#define ABSENT_PERIOD_NS (2 * EW_NS_PER_S)

static void begin_session(void *context);

/* --- requests --------------------------------------------------------------------------------- */

static bool
is_url(const struct ew_docker *d)
{
	return strncmp(d->conf.socket, "http", 4) == 0;
}

static struct ew_http_request *
ask(struct ew_docker *d, const char *path, ew_http_body_fn on_body,
    ew_http_done_fn on_done, void *context)
{
	char url[1024];
	const char *base = is_url(d) ? d->conf.socket : "http://engine";
	const int version = d->version.api > API_MOST ? API_MOST : d->version.api;
	/* An engine that no longer speaks what we know is asked in its oldest tongue. */
	const int api = version < d->version.min_api ? d->version.min_api : version;

	if (d->version.api)
		(void)snprintf(url, sizeof(url), "%s/v1.%d%s", base, api, path);
	else
		(void)snprintf(url, sizeof(url), "%s%s", base, path);
	const struct ew_http_spec spec = { .url = url,
		.unix_socket = is_url(d) ? NULL : d->conf.socket,
		.timeout_ns = on_body ? -1 : 0,
		.max_body = LIST_MAX_BYTES,
		.on_body = on_body,
		.on_done = on_done,
		.context = context };
	return ew_http_start(d->http, &spec);
}

struct docker_question *
docker_ask_object(struct ew_docker *d, const char *before, const char *id,
    const char *after, ew_http_done_fn on_done)
{
	char full[256];
	struct docker_question *q = ew_alloc(sizeof(*q));

	q->docker = d;
	(void)ew_text_copy(q->id, sizeof(q->id), id);
	(void)snprintf(full, sizeof(full), "%s%s%s", before, id, after);
	q->next = d->questions;
	d->questions = q;
	q->request = ask(d, full, NULL, on_done, q);
	return q;
}

void
docker_answered(struct docker_question *q)
{
	struct docker_question **at = &q->docker->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	if (q->docker->inspecting == q)
		q->docker->inspecting = NULL;
	free(q);
}

static void
cancel_all(struct ew_docker *d)
{
	ew_http_cancel(d->session);
	ew_http_cancel(d->events);
	d->session = d->events = NULL;
	for (struct docker_question *q = d->questions, *next; q; q = next) {
		next = q->next;
		ew_http_cancel(q->request);
		free(q);
	}
	d->questions = d->inspecting = NULL;
	for (struct docker_network *n = d->networks; n; n = n->hh.next)
		n->is_asked = n->is_dirty = false;
	ew_timer_stop(d->list_timer);
	ew_timer_stop(d->inspect_timer);
	ew_text_clear(&d->line);
}

/*
 * The session is over; why, and try again after a pause. An engine that is away is asked
 * often, since that costs a connect(2) and its containers run on; one that answers nonsense
 * ever more seldom. The sentence does not say how often: it is a status, and a status that
 * changes is told.
 */
static void
fail(struct ew_docker *d, const char *why, bool is_away)
{
	static const int64_t pauses_ms[] = { 250, 500, 1000, 1000, 2000, 8000, 30000 };
	const size_t last = is_away ? 3 : sizeof(pauses_ms) / sizeof(pauses_ms[0]) - 1;

	cancel_all(d);
	d->status.is_connected = 0;
	(void)snprintf(d->status.sentence, sizeof(d->status.sentence),
	    "%.100s: %.120s (it is tried again)", d->conf.socket, why);
	if (!d->has_warned)
		ew_log(EW_LOG_UNUSUAL, "runtime", "%s at %s", d->status.name,
		    d->status.sentence);
	d->has_warned = true;
	docker_tell_status(d);
	ew_timer_start(d->session_timer,
	    pauses_ms[d->failures < last ? d->failures : last] * EW_NS_PER_MS);
	d->failures++;
}

static void
nonsense(struct ew_docker *d, const char *what)
{
	char why[96];

	d->status.errors++;
	(void)snprintf(why, sizeof(why), "its answer to %s makes no sense", what);
	fail(d, why, false);
}

/* An answer that is none: fail the session. Returns whether it is good. */
static bool
is_good(struct ew_docker *d, const struct ew_http_answer *answer, const char *what)
{
	char why[160];

	if (answer->code == 0 && answer->status == 200 && !answer->is_cut)
		return true;
	if (answer->code && !is_url(d) && access(d->conf.socket, R_OK | W_OK) < 0)
		(void)snprintf(why, sizeof(why), "%s",
		    errno == EACCES
			? "permission denied; add the user of eastwatchd to the "
			  "socket's group"
			: "there is no such socket; is the engine running?");
	else if (answer->code == -ECONNREFUSED)
		(void)snprintf(why, sizeof(why),
		    "nobody answers; is the engine running?");
	else if (answer->code)
		(void)snprintf(why, sizeof(why), "%.150s", answer->sentence);
	else
		(void)snprintf(why, sizeof(why), "%s was answered with status %ld",
		    what, answer->status);
	fail(d, why, answer->code != 0);
	return false;
}

/* --- inspect ---------------------------------------------------------------------------------- */

static void inspect_next(void *context);

static void
merge_inspected(struct ew_docker *d, struct docker_instance *i)
{
	struct ew_instance_info *inspected = &d->scratch;
	const struct ew_instance_info *before = docker_recall(d, i);

	/* Between connect and start the endpoint exists, but inspect may not show it yet. */
	for (unsigned k = 0; k < before->n_ifaces; k++) {
		bool is_there = false;
		for (unsigned m = 0; m < inspected->n_ifaces; m++)
			is_there |= strcmp(before->ifaces[k].network,
					inspected->ifaces[m].network) == 0;
		if (!is_there && inspected->n_ifaces == 0)
			docker_set_iface(inspected, &before->ifaces[k]);
	}
	docker_tell_instance(d, i, inspected);
}

static void
on_inspected(void *context, const struct ew_http_answer *answer)
{
	struct docker_question *q = context;
	struct ew_docker *d = q->docker;
	struct docker_instance *i = docker_find_instance(d, q->id);
	bool is_running = false;

	docker_answered(q);
	if (i && i->is_started && !i->is_gone) {
		const bool is_good_answer = answer->code == 0 &&
		    answer->status == 200 &&
		    ew_docker_parse_inspect(answer->body, answer->body_size,
			d->status.name, &d->scratch, &is_running) == 0 &&
		    strcmp(d->scratch.cid, i->cid) == 0;
		if (is_good_answer && is_running) {
			i->inspect_tries = 0;
			merge_inspected(d, i);
		} else if (i->inspect_tries >= INSPECT_TRIES) {
			/* It is going; the events will say so. Do not count short lives as errors. */
			d->status.errors += answer->code == 0 &&
			    answer->status == 200 && !is_good_answer;
			i->inspect_tries = 0;
		} else {
			i->inspect_tries++;
			i->inspect_at_ns = ew_ticks_ns() + INSPECT_DELAY_NS;
		}
	}
	inspect_next(d);
}

/* One at a time, the longest due first. */
static void
inspect_next(void *context)
{
	struct ew_docker *d = context;
	struct docker_instance *best = NULL;

	if (d->inspecting || !d->status.is_connected)
		return;
	for (struct docker_instance *i = d->instances; i; i = i->hh.next)
		if (i->inspect_tries && i->is_started && !i->is_gone &&
		    (!best || i->inspect_at_ns < best->inspect_at_ns))
			best = i;
	if (!best)
		return;
	const int64_t wait_ns = best->inspect_at_ns - ew_ticks_ns();
	if (wait_ns > 0)
		ew_timer_start(d->inspect_timer, wait_ns);
	else
		d->inspecting = docker_ask_object(d, "/containers/", best->cid, "/json",
		    on_inspected);
}

void
docker_want_inspect(struct ew_docker *d, struct docker_instance *i, int64_t delay_ns)
{
	i->inspect_tries = 1;
	i->inspect_at_ns = ew_ticks_ns() + delay_ns;
	inspect_next(d);
}

/* --- the stream of events ----------------------------------------------------------------- */

static bool
on_line(struct ew_docker *d, const char *line, size_t size)
{
	struct ew_docker_event *event;

	if (size == 0)
		return true;
	event = ew_alloc(sizeof(*event));
	const int code = ew_docker_parse_event(line, size, d->status.name, event);
	if (code < 0) {
		d->status.errors++;
	} else if (event->id[0]) {
		if (event->time_ns > d->since_ns)
			d->since_ns = event->time_ns;
		if (event->is_network)
			docker_network_event(d, event);
		else
			docker_container_event(d, event);
	}
	free(event);
	return code == 0;
}

static bool
on_events(void *context, const char *bytes, size_t size)
{
	struct ew_docker *d = context;

	while (size > 0) {
		const char *end = memchr(bytes, '\n', size);
		const size_t part = end ? (size_t)(end - bytes) : size;
		ew_text_add_bytes(&d->line, bytes, part);
		if (d->line.full)
			return false;
		if (!end)
			return true;
		/* One line of nonsense is counted; a stream of it ends the session. */
		if (!on_line(d, d->line.text ? d->line.text : "", d->line.length) &&
		    d->status.errors % 16 == 0)
			return false;
		ew_text_clear(&d->line);
		bytes += part + 1;
		size -= part + 1;
	}
	return true;
}

static void
on_events_end(void *context, const struct ew_http_answer *answer)
{
	struct ew_docker *d = context;

	d->events = NULL;
	if (answer->code == EW_ERR_FORMAT)
		nonsense(d, "/events");
	else if (answer->code == 0 && answer->status == 200)
		fail(d, "it has closed the stream of events", true);
	else
		(void)is_good(d, answer, "/events");
}

/* --- lists ------------------------------------------------------------------------------------ */

/*
 * An engine may fail a list while a container comes or goes (Podman 4 does, with status 500):
 * the stream of events is still good, so only the list is asked for again.
 */
static bool
is_list(struct ew_docker *d, const struct ew_http_answer *answer, const char *what)
{
	d->session = NULL;
	if (answer->code || answer->status < 500 || d->failures > 3)
		return is_good(d, answer, what);
	d->failures++;
	d->status.errors++;
	ew_timer_start(d->list_timer, LIST_AGAIN_NS);
	return false;
}

/* Both lists are in: the picture is complete. */
static void
end_list(struct ew_docker *d)
{
	docker_forget_unlisted(d);
	d->failures = 0;
	d->status.sentence[0] = '\0';
	if (d->has_warned)
		ew_log(EW_LOG_INFO, "runtime", "%s answers again", d->status.name);
	d->has_warned = false;
	docker_tell_status(d);
	if (!d->is_ready) {
		d->is_ready = true;
		docker_tell(d, EW_PROC_INVENTORY_READY, &d->status);
	}
	ew_timer_start(d->list_timer,
	    d->needs_resend ? 5 * EW_NS_PER_S : LIST_PERIOD_NS);
	inspect_next(d);
}

static void
on_containers(void *context, const struct ew_http_answer *answer)
{
	struct ew_docker *d = context;

	if (!is_list(d, answer, "/containers/json"))
		return;
	for (struct docker_instance *i = d->instances; i; i = i->hh.next)
		i->is_listed = false;
	if (ew_docker_parse_list(answer->body, answer->body_size, d->status.name,
		docker_on_listed, d) < 0)
		nonsense(d, "/containers/json");
	else
		end_list(d);
}

/* Networks come first: Podman's containers name theirs, and core wants the id. */
static void
on_networks(void *context, const struct ew_http_answer *answer)
{
	struct ew_docker *d = context;

	if (!is_list(d, answer, "/networks"))
		return;
	for (struct docker_network *n = d->networks; n; n = n->hh.next)
		n->is_listed = false;
	if (ew_docker_parse_networks(answer->body, answer->body_size, docker_on_network,
		NULL, d) < 0)
		nonsense(d, "/networks");
	else /* without a filter: what runs, paused and restarting ones included */
		d->session = ask(d, "/containers/json", NULL, on_containers, d);
}

static void
begin_list(void *context)
{
	struct ew_docker *d = context;

	if (d->session)
		return;
	if (d->needs_resend)
		docker_forget_what_core_knows(d);
	d->listed_ns = ew_ticks_ns();
	d->session = ask(d, "/networks", NULL, on_networks, d);
}

static void
open_events(struct ew_docker *d)
{
	char path[256];
	const int64_t from =
	    d->since_ns ? d->since_ns + 1 : ew_mono_from_wall_clock().ns - EW_NS_PER_S;

	/* filters={"type":["container","network"]} */
	(void)snprintf(path, sizeof(path),
	    "/events?since=%" PRId64 ".%09" PRId64
	    "&filters=%%7B%%22type%%22%%3A%%5B%%22container%%22%%2C%%22network%%22%%5D%"
	    "%7D",
	    from / EW_NS_PER_S, from % EW_NS_PER_S);
	d->events = ask(d, path, on_events, on_events_end, d);
}

static void
on_version(void *context, const struct ew_http_answer *answer)
{
	struct ew_docker *d = context;
	struct ew_docker_version version;

	d->session = NULL;
	if (!is_good(d, answer, "/version"))
		return;
	if (ew_docker_parse_version(answer->body, answer->body_size, &version) < 0) {
		nonsense(d, "/version");
		return;
	}
	if (version.api < API_LEAST) {
		fail(d, "its API is older than 1.24; update the engine", false);
		return;
	}
	d->version = version;
	d->status.is_connected = 1;
	(void)ew_text_copy(d->status.version, sizeof(d->status.version),
	    version.version);
	(void)snprintf(d->status.api, sizeof(d->status.api), "1.%d",
	    version.api > API_MOST ? API_MOST : version.api);
	ew_log(EW_LOG_DEBUG, "runtime", "%s %s, API %s", d->status.name,
	    d->status.version, d->status.api);
	open_events(d);
	begin_list(d);
}

static void
begin_session(void *context)
{
	struct ew_docker *d = context;

	if (!d->conf.is_explicit && !is_url(d) && access(d->conf.socket, F_OK) < 0 &&
	    errno == ENOENT && !d->is_ready) {
		/* Nobody asked for it and it is not there: that is a plain fact. */
		d->status.is_configured = 0;
		docker_tell_status(d);
		ew_timer_start(d->session_timer, ABSENT_PERIOD_NS);
		return;
	}
	d->status.is_configured = 1;
	memset(&d->version, 0, sizeof(d->version));
	d->session = ask(d, "/version", NULL, on_version, d);
}

struct ew_docker *
ew_docker_new(struct ew_loop *loop, struct ew_http *http, const char *name,
    const struct ew_runtime_conf *conf, ew_docker_send_fn send, void *context)
{
	struct ew_docker *d = ew_alloc(sizeof(*d));

	d->loop = loop;
	d->http = http;
	d->conf = *conf;
	d->send = send;
	d->context = context;
	(void)ew_text_copy(d->status.name, sizeof(d->status.name), name);
	ew_text_init(&d->line, LINE_MAX_BYTES);
	d->session_timer = ew_timer_new(loop, begin_session, d);
	d->list_timer = ew_timer_new(loop, begin_list, d);
	d->inspect_timer = ew_timer_new(loop, inspect_next, d);
	ew_timer_start(d->session_timer, 0);
	return d;
}

void
ew_docker_free(struct ew_docker *d)
{
	struct docker_instance *i, *next_instance;
	struct docker_network *n, *next_network;

	if (!d)
		return;
	cancel_all(d);
	for (i = d->instances; i; i = next_instance) {
		next_instance = i->hh.next;
		docker_forget_instance(d, i);
	}
	for (n = d->networks; n; n = next_network) {
		next_network = n->hh.next;
		docker_forget_network(d, n);
	}
	ew_timer_free(d->session_timer);
	ew_timer_free(d->list_timer);
	ew_timer_free(d->inspect_timer);
	ew_text_fini(&d->line);
	free(d);
}

void
ew_docker_resend(struct ew_docker *d)
{
	d->needs_resend = true;
	if (d->status.is_connected && !d->session)
		ew_timer_start(d->list_timer, 0);
}

const struct ew_runtime_status *
ew_docker_status(const struct ew_docker *docker)
{
	return &docker->status;
}
