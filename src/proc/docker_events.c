/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event of the engine changes. Events are hints: a network's event makes us ask for
 * the network (its answer has the addresses), a start asks for an inspect a few seconds
 * later, and the list each minute puts right what was missed.
 */
#include <string.h>

#include "base/time.h"
#include "io/http_client.h"
#include "proc/docker_priv.h"

#define INSPECT_DELAY_NS (3 * EW_NS_PER_S)

static void ask_network(struct ew_docker *d, const char *id);

static void
on_network_answer(void *context, const struct ew_http_answer *answer)
{
	struct docker_question *q = context;
	struct ew_docker *d = q->docker;
	char id[EW_INSTANCE_ID_MAX];
	struct docker_network *n;

	memcpy(id, q->id, sizeof(id));
	docker_answered(q);
	HASH_FIND_STR(d->networks, id, n);
	const bool again = n && n->is_dirty;
	if (n)
		n->is_asked = n->is_dirty = false;
	/* 404: it was removed meanwhile, and an event will say so. */
	if (answer->code == 0 && answer->status == 200 &&
	    ew_docker_parse_networks(answer->body, answer->body_size, docker_on_network,
		docker_on_endpoint, d) < 0)
		d->status.errors++;
	if (again)
		ask_network(d, id);
}

/* Ask for a network; when it is asked already, once more afterwards: it may have changed. */
static void
ask_network(struct ew_docker *d, const char *id)
{
	struct docker_network *n;

	HASH_FIND_STR(d->networks, id, n);
	if (n && n->is_asked) {
		n->is_dirty = true;
		return;
	}
	if (n)
		n->is_asked = true;
	(void)docker_ask_object(d, "/networks/", id, "", on_network_answer);
}

void
docker_network_event(struct ew_docker *d, const struct ew_docker_event *event)
{
	struct docker_network *n;

	HASH_FIND_STR(d->networks, event->id, n);
	if (strcmp(event->action, "connect") == 0 ||
	    strcmp(event->action, "create") == 0) {
		ask_network(d, event->id);
	} else if (strcmp(event->action, "disconnect") == 0) {
		struct docker_instance *i = docker_find_instance(d, event->container);
		if (!i || i->is_gone)
			return;
		struct ew_instance_info *info = docker_recall(d, i);
		docker_remove_iface(info, event->id);
		docker_tell_instance(d, i, info);
	} else if (n &&
	    (strcmp(event->action, "destroy") == 0 ||
		strcmp(event->action, "remove") == 0)) {
		docker_tell_network_gone(d, n, event->time_ns);
	}
}

/* Name, image and labels of a container event, over what is known. */
static void
describe(struct ew_docker *d, struct docker_instance *i,
    const struct ew_docker_event *event, bool is_start)
{
	struct ew_instance_info *info = docker_recall(d, i);

	(void)ew_text_copy(info->cid, sizeof(info->cid), event->id);
	(void)ew_text_copy(info->runtime, sizeof(info->runtime), d->status.name);
	(void)ew_text_copy(info->name, sizeof(info->name), event->info.name);
	(void)ew_text_copy(info->image, sizeof(info->image), event->info.image);
	info->n_labels = event->info.n_labels;
	memcpy(info->labels, event->info.labels, sizeof(info->labels));
	if (is_start) {
		info->started.ns = event->time_ns;
		info->pid = 0;
	}
	docker_tell_instance(d, i, info);
}

void
docker_container_event(struct ew_docker *d, const struct ew_docker_event *event)
{
	const char *action = event->action;
	struct docker_instance *i = docker_find_instance(d, event->id);

	if (strcmp(action, "create") == 0 || strcmp(action, "rename") == 0 ||
	    strcmp(action, "start") == 0) {
		const bool is_start = strcmp(action, "start") == 0;
		i = docker_make_instance(d, event->id);
		if (!i)
			return;
		i->touched_ns = ew_ticks_ns();
		describe(d, i, event, is_start);
		if (!is_start)
			return;
		i->is_started = true;
		/* Podman tells of no networks, and its inspect does not block. */
		docker_want_inspect(d, i,
		    d->version.is_podman ? 100 * EW_NS_PER_MS : INSPECT_DELAY_NS);
	} else if (i && (strcmp(action, "die") == 0 || strcmp(action, "died") == 0)) {
		docker_tell_gone(d, i, event->time_ns);
		docker_strip(d, i);
	} else if (i &&
	    (strcmp(action, "destroy") == 0 || strcmp(action, "remove") == 0)) {
		docker_tell_gone(d, i, event->time_ns);
		docker_forget_instance(d, i);
	} else if (i && i->is_started && strcmp(action, "update") == 0) {
		docker_want_inspect(d, i, INSPECT_DELAY_NS);
	}
}
