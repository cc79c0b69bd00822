/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main of the outside process: a loop, a line to core, clients of the runtimes, delivery of
 * webhooks, and parts that listen. It owns no state that matters: core keeps the outbox and
 * decides, so this process may be killed at any time.
 *
 * It lives as long as core does. Signals for the whole service (systemd sends TERM to both
 * processes) are core's to act on: here they start a short wait for core's own "stop", so
 * that messages already handed over may still go out.
 */
#include "proc/outside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "proc/bundles.h"
#include "proc/delivery.h"
#include "proc/docker.h"
#include "proc/peer.h"
#include "proc/resolvers.h"

#define PARTS_MAX 8
#define TERM_WAIT_NS (5 * EW_NS_PER_S)
#define RESOLVERS_NS (60 * EW_NS_PER_S) /* a lease may bring other name servers */

struct ew_outside {
	struct ew_outside_conf conf;
	struct ew_loop *loop;
	struct ew_peer *peer;
	struct ew_http *http;
	struct ew_delivery *delivery;
	struct ew_docker *docker, *podman;
	struct ew_bundles *bundles;
	struct ew_timer *term_timer, *resolver_timer;
	struct ew_sigwatch *signals[3];
	const struct ew_outside_part *const *parts;
	void *part_states[PARTS_MAX];
	uint32_t last_id;
	uint64_t test_ids[16]; /* tests under way: results that are not core's */
	unsigned next_test;
	bool is_orderly;
};

/* --- to core ---------------------------------------------------------------------------------- */

static int
send_to_core(void *context, enum ew_proc_type type, const void *record)
{
	struct ew_outside *o = context;

	return ew_peer_send(o->peer, type, record);
}

#define EACH_PART(o, i)                 \
	size_t i = 0;                   \
	i < PARTS_MAX && (o)->parts[i]; \
	i++

static void
on_result(void *context, const struct ew_outbox_result *result)
{
	struct ew_outside *o = context;

	for (size_t i = 0; i < sizeof(o->test_ids) / sizeof(o->test_ids[0]); i++) {
		if (o->test_ids[i] != result->id || result->id == 0)
			continue;
		o->test_ids[i] = 0;
		for (EACH_PART(o, k))
			if (o->part_states[k] && o->parts[k]->webhook_tested)
				o->parts[k]->webhook_tested(o->part_states[k],
				    result->id, result);
		return;
	}
	/* A lost result costs one delivery too many: the id tells the receiver. */
	if (ew_peer_send(o->peer, EW_PROC_OUTBOX_RESULT, result) == EW_ERR_LIMIT)
		ew_log(EW_LOG_UNUSUAL, "outside",
		    "the result of a delivery to %s was lost: core does not keep up",
		    result->target);
}

/* --- from core -------------------------------------------------------------------------------- */

static void
on_closed(void *context, const char *sentence)
{
	struct ew_outside *o = context;

	if (!o->is_orderly)
		ew_log(EW_LOG_UNUSUAL, "outside", "%s; ending too", sentence);
	ew_loop_stop(o->loop);
}

static void
on_deliver(void *context, const struct ew_outbox_delivery *delivery)
{
	struct ew_outside *o = context;

	ew_delivery_put(o->delivery, delivery);
}

static void
on_control_reply(void *context, const struct ew_control_reply *reply)
{
	struct ew_outside *o = context;

	for (EACH_PART(o, i))
		if (o->part_states[i] && o->parts[i]->control_reply)
			o->parts[i]->control_reply(o->part_states[i], reply);
}

static void
on_status_items(void *context, const struct ew_status_items *items)
{
	struct ew_outside *o = context;

	for (EACH_PART(o, i))
		if (o->part_states[i] && o->parts[i]->status_items)
			o->parts[i]->status_items(o->part_states[i], items);
}

static void
on_reload(void *context)
{
	struct ew_outside *o = context;
	struct ew_error error = { .code = 0 };

	if (ew_outside_reload(o, &error) < 0)
		ew_log(EW_LOG_BROKEN, "outside", "%s; the old configuration stays",
		    error.text);
}

static void
on_stop(void *context)
{
	struct ew_outside *o = context;

	o->is_orderly = true;
	ew_loop_stop(o->loop);
}

static void
on_signal(void *context, int number)
{
	struct ew_outside *o = context;

	if (number != SIGHUP) /* core reads it too, and says reload */
		ew_timer_start(o->term_timer, TERM_WAIT_NS);
}

static void
on_term_timer(void *context)
{
	on_stop(context);
}

static void
on_resolver_timer(void *context)
{
	ew_resolvers_tell(send_to_core, context);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void
set_runtime(struct ew_outside *o, struct ew_docker **at, const char *name,
    const struct ew_runtime_conf *before, const struct ew_runtime_conf *conf)
{
	/* Both live in zeroed memory. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (*at && before && memcmp(before, conf, sizeof(*conf)) == 0)
		return;
	ew_docker_free(*at);
	*at = NULL;
	if (conf->is_enabled)
		*at = ew_docker_new(o->loop, o->http, name, conf, send_to_core, o);
}

/* A secret that cannot be read is told now, not when the first alert has to wait for it. */
static void
check_secrets(const struct ew_outside_conf *conf)
{
	char text[1024];

	for (uint32_t i = 0; i < conf->n_webhooks; i++) {
		const char *const paths[] = { conf->webhooks[i].url_file,
			conf->webhooks[i].secret_file };
		for (size_t k = 0; k < 2; k++) {
			struct ew_error error = { .code = 0 };
			if (paths[k][0] &&
			    ew_webhook_secret(paths[k], text, sizeof(text), &error) < 0)
				ew_log(EW_LOG_BROKEN, "webhook",
				    "%s: %s; messages to it wait",
				    conf->webhooks[i].name, error.text);
			explicit_bzero(text, sizeof(text));
		}
	}
}

static void
set_bundles(struct ew_outside *o, const struct ew_outside_conf *before)
{
	if (o->bundles && before &&
	    before->containerd_enabled == o->conf.containerd_enabled &&
	    strcmp(before->containerd_root, o->conf.containerd_root) == 0 &&
	    strcmp(before->cni_results, o->conf.cni_results) == 0)
		return;
	ew_bundles_free(o->bundles);
	o->bundles = NULL;
	if (o->conf.containerd_enabled)
		o->bundles = ew_bundles_new(o->loop, o->conf.containerd_root,
		    o->conf.cni_results, o->conf.containerd_explicit, send_to_core, o);
}

static void
apply(struct ew_outside *o, const struct ew_outside_conf *before)
{
	check_secrets(&o->conf);
	ew_resolvers_tell(send_to_core, o);
	ew_delivery_configure(o->delivery, o->conf.webhooks, o->conf.n_webhooks);
	set_runtime(o, &o->docker, "docker", before ? &before->docker : NULL,
	    &o->conf.docker);
	set_runtime(o, &o->podman, "podman", before ? &before->podman : NULL,
	    &o->conf.podman);
	set_bundles(o, before);
}

int
ew_outside_reload(struct ew_outside *o, struct ew_error *error)
{
	if (!o->conf.reload)
		return ew_error_set(error, -ENOTSUP, "this process cannot reload");
	struct ew_outside_conf *fresh = ew_alloc(sizeof(*fresh));
	struct ew_outside_conf *before = ew_alloc(sizeof(*before));
	const int code = o->conf.reload(o->conf.context, fresh, error);

	if (code == 0) {
		*before = o->conf;
		o->conf = *fresh;
		o->conf.reload = before->reload;
		o->conf.show = before->show;
		o->conf.context = before->context;
		/* What listens keeps its socket; a new place needs a restart. */
		memcpy(o->conf.control_socket, before->control_socket,
		    sizeof(before->control_socket));
		memcpy(o->conf.web_listen, before->web_listen,
		    sizeof(before->web_listen));
		apply(o, before);
	}
	free(before);
	free(fresh);
	return code;
}

/* --- life ------------------------------------------------------------------------------------- */

static void
open_parts(struct ew_outside *o)
{
	struct ew_error error = { .code = 0 };

	for (EACH_PART(o, i))
		if (o->parts[i]->open(o, &o->part_states[i], &error) < 0)
			ew_log(EW_LOG_BROKEN, "outside", "%s: %s", o->parts[i]->name,
			    error.text);
}

static struct ew_outside *
outside_new(int take_fd, const struct ew_outside_conf *conf,
    const struct ew_outside_part *const *parts)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct ew_outside *o = ew_alloc(sizeof(*o));
	const struct ew_peer_handlers handlers = { .context = o,
		.closed = on_closed,
		.deliver = on_deliver,
		.control_reply = on_control_reply,
		.status_items = on_status_items,
		.reload = on_reload,
		.stop = on_stop };

	o->conf = *conf;
	o->parts = parts;
	o->loop = ew_loop_new();
	if (!o->loop) {
		free(o);
		return NULL;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	o->peer = ew_peer_new(o->loop, take_fd, &handlers);
	o->http = ew_http_new(o->loop);
	o->delivery = ew_delivery_new(o->loop, o->http, on_result, o);
	o->term_timer = ew_timer_new(o->loop, on_term_timer, o);
	o->resolver_timer = ew_timer_new(o->loop, on_resolver_timer, o);
	ew_timer_repeat(o->resolver_timer, RESOLVERS_NS);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		o->signals[i] = ew_sigwatch_new(o->loop, numbers[i], on_signal, o);
	return o;
}

static void
outside_free(struct ew_outside *o)
{
	for (EACH_PART(o, i))
		if (o->part_states[i])
			o->parts[i]->close(o->part_states[i]);
	ew_docker_free(o->docker);
	ew_docker_free(o->podman);
	ew_bundles_free(o->bundles);
	ew_delivery_free(o->delivery);
	ew_http_free(o->http);
	ew_peer_flush(o->peer);
	ew_peer_free(o->peer);
	for (size_t i = 0; i < sizeof(o->signals) / sizeof(o->signals[0]); i++)
		ew_sigwatch_free(o->signals[i]);
	ew_timer_free(o->term_timer);
	ew_timer_free(o->resolver_timer);
	ew_loop_free(o->loop);
	explicit_bzero(&o->conf, sizeof(o->conf));
	free(o);
}

int
ew_outside_run(int take_fd, const struct ew_outside_conf *conf,
    const struct ew_outside_part *const *parts,
    int (*lower)(const struct ew_outside_conf *conf, struct ew_error *error))
{
	struct ew_outside *o = outside_new(take_fd, conf, parts);
	struct ew_error error = { .code = 0 };
	int status = EXIT_FAILURE;

	if (!o) {
		ew_log(EW_LOG_BROKEN, "outside",
		    "the kernel gives no epoll descriptor");
		return status;
	}
	open_parts(o);
	if (lower && lower(&o->conf, &error) < 0) {
		ew_log(EW_LOG_BROKEN, "outside", "rights could not be given up: %s",
		    error.text);
	} else {
		apply(o, NULL);
		status = ew_loop_run(o->loop) == 0 && o->is_orderly ? EXIT_SUCCESS
								    : EXIT_FAILURE;
	}
	outside_free(o);
	return status;
}

/* --- for parts -------------------------------------------------------------------------------- */

struct ew_loop *
ew_outside_loop(struct ew_outside *outside)
{
	return outside->loop;
}

const struct ew_outside_conf *
ew_outside_conf(const struct ew_outside *outside)
{
	return &outside->conf;
}

int
ew_outside_ask(struct ew_outside *outside, enum ew_proc_type type, const void *record)
{
	return ew_peer_send(outside->peer, type, record);
}

bool
ew_outside_has_core(const struct ew_outside *outside)
{
	return ew_peer_is_open(outside->peer);
}

uint32_t
ew_outside_next_id(struct ew_outside *outside)
{
	return ++outside->last_id ? outside->last_id : ++outside->last_id;
}

int
ew_outside_webhook_test(struct ew_outside *o, const char *target, uint64_t *ret_id)
{
	struct ew_message *m = ew_alloc(sizeof(*m));
	uint64_t id = 0;

	/* High bit set: never the id of a message of core's outbox under way. */
	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != (ssize_t)sizeof(id))
		id = (uint64_t)ew_ticks_ns();
	m->id = id | UINT64_C(1) << 63;
	m->kind = EW_MSG_TEST;
	m->tier = EW_TIER_NOTIFY;
	m->created_us = m->opened_us = m->updated_us = ew_wall_now().us;
	(void)ew_text_copy(m->node, sizeof(m->node), o->conf.node);
	(void)ew_text_copy(m->title, sizeof(m->title),
	    "This is a test message of eastwatch; nothing has happened");
	(void)ew_text_copy(m->benign, sizeof(m->benign),
	    "somebody ran `eastwatch webhook test`");
	o->test_ids[o->next_test++ % (sizeof(o->test_ids) / sizeof(o->test_ids[0]))] =
	    m->id;
	*ret_id = m->id;
	const int code = ew_delivery_test(o->delivery, target, m);
	free(m);
	return code;
}

void
ew_outside_each_target(const struct ew_outside *outside,
    void (*visit)(void *context, const struct ew_delivery_state *state), void *context)
{
	ew_delivery_each(outside->delivery, visit, context);
}

void
ew_outside_each_runtime(const struct ew_outside *outside,
    void (*visit)(void *context, const struct ew_runtime_status *status), void *context)
{
	if (outside->docker)
		visit(context, ew_docker_status(outside->docker));
	if (outside->podman)
		visit(context, ew_docker_status(outside->podman));
	if (outside->bundles)
		visit(context, ew_bundles_status(outside->bundles));
}

void
ew_outside_each_counters(const struct ew_outside *outside,
    void (*visit)(void *context, const struct ew_counter_set *set), void *context)
{
	const struct ew_counter_set peer = ew_peer_counters(outside->peer);
	const struct ew_counter_set webhook = ew_delivery_counters(outside->delivery);

	visit(context, &peer);
	visit(context, &webhook);
}
