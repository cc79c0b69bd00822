/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: one JSON object per line in, one per line out (schema/
 * control.schema.json). Who may connect is decided by the socket's permissions; who asked is
 * known by SO_PEERCRED and goes with each decision to core, which alone changes anything.
 *
 * A request {"eastwatch": 1, "id": 7, "verb": "decide", ...} gets {"eastwatch": 1, "id": 7,
 * "ok": true, ...} or {..., "ok": false, "error": "sentence"}. Answers may come out of
 * order. What core has to answer waits in `pending`, at most PENDING_MAX, for ten seconds;
 * what this process knows itself is answered at once.
 *
 * The verbs are the table at the end; each has one function.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "api/api.h"
#include "api/control_priv.h"
#include "base/alloc.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "eastwatch/version.h"
#include "io/line.h"
#include "io/loop.h"
#include "proc/delivery.h"
#include "proc/outside.h"

#define PENDING_MAX 256
#define PENDING_NS (10 * EW_NS_PER_S)
#define PENDING_TEST_NS (60 * EW_NS_PER_S)

struct pending {
	struct pending *next;
	struct control *control;
	struct ew_line_conn *conn; /* NULL: it has gone */
	struct ew_timer *timer;
	json_t *id;	     /* the client's */
	json_t *reply;	     /* what is known of the answer so far */
	uint32_t request_id; /* ours, at core */
	uint64_t test_id;    /* of a webhook test */
};

struct control {
	struct ew_outside *outside;
	struct ew_line_server *server;
	struct pending *pending;
	size_t n_pending;
};

/* --- answers ---------------------------------------------------------------------------------- */

static json_t *
cleaned(const char *text)
{
	char copy[1024];

	(void)ew_text_copy_bytes(copy, sizeof(copy), text, strlen(text));
	return json_string(copy);
}

static void
send_json(struct ew_line_conn *conn, const json_t *id, json_t *take_json)
{
	(void)json_object_set_new(take_json, "eastwatch",
	    json_integer(CONTROL_VERSION));
	(void)json_object_set(take_json, "id",
	    id ? (json_t *)(uintptr_t)(const void *)id : json_null());
	char *text = json_dumps(take_json, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text && conn)
		ew_line_send(conn, text, strlen(text));
	free(text);
	json_decref(take_json);
}

static void
send_ok(struct ew_line_conn *conn, const json_t *id, json_t *take_json)
{
	(void)json_object_set_new(take_json, "ok", json_true());
	send_json(conn, id, take_json);
}

static void
send_error(struct ew_line_conn *conn, const json_t *id, const char *sentence)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "ok", json_false());
	(void)json_object_set_new(json, "error", cleaned(sentence));
	send_json(conn, id, json);
}

static void
pending_free(struct pending *p)
{
	struct pending **at = &p->control->pending;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->control->n_pending--;
	ew_timer_free(p->timer);
	json_decref(p->id);
	json_decref(p->reply);
	free(p);
}

static void
on_pending_timer(void *context)
{
	struct pending *p = context;

	send_error(p->conn, p->id, "the daemon's core does not answer");
	pending_free(p);
}

/* NULL after a refusal was sent. */
static struct pending *
pending_new(const struct control_request *r, int64_t wait_ns)
{
	struct control *c = r->control;

	if (c->n_pending >= PENDING_MAX) {
		send_error(r->conn, r->id,
		    "too many requests wait for an answer; ask again");
		return NULL;
	}
	struct pending *p = ew_alloc(sizeof(*p));
	p->control = c;
	p->conn = r->conn;
	p->id = json_incref(r->id);
	p->reply = json_object();
	p->timer = ew_timer_new(ew_outside_loop(c->outside), on_pending_timer, p);
	ew_timer_start(p->timer, wait_ns);
	p->next = c->pending;
	c->pending = p;
	c->n_pending++;
	return p;
}

/* Ask core; the answer comes by request_id, which is the record's first field. */
static void
ask_core(const struct control_request *r, enum ew_proc_type type, void *record,
    uint32_t *request_id, json_t *take_reply)
{
	struct pending *p = pending_new(r, PENDING_NS);

	if (!p) {
		json_decref(take_reply);
		return;
	}
	if (take_reply) {
		json_decref(p->reply);
		p->reply = take_reply;
	}
	p->request_id = *request_id = ew_outside_next_id(r->control->outside);
	if (ew_outside_ask(r->control->outside, type, record) == 0)
		return;
	send_error(r->conn, r->id, "the daemon's core cannot be reached now");
	pending_free(p);
}

/* --- verbs that this process answers ------------------------------------------------------------ */

static void
add_runtime(void *context, const struct ew_runtime_status *s)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "name", cleaned(s->name));
	(void)json_object_set_new(json, "connected", json_boolean(s->is_connected));
	(void)json_object_set_new(json, "configured", json_boolean(s->is_configured));
	(void)json_object_set_new(json, "version", cleaned(s->version));
	(void)json_object_set_new(json, "api", cleaned(s->api));
	(void)json_object_set_new(json, "instances", json_integer(s->instances));
	(void)json_object_set_new(json, "errors", json_integer((json_int_t)s->errors));
	(void)json_object_set_new(json, "sentence", cleaned(s->sentence));
	(void)json_array_append_new(context, json);
}

static void
add_target(void *context, const struct ew_delivery_state *s)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "name", cleaned(s->name));
	(void)json_object_set_new(json, "type", cleaned(s->type));
	(void)json_object_set_new(json, "state",
	    json_string(s->is_open	     ? "gone"
		    : s->failed && s->queued ? "retrying"
		    : s->queued		     ? "waiting"
					     : "idle"));
	(void)json_object_set_new(json, "queued", json_integer((json_int_t)s->queued));
	(void)json_object_set_new(json, "sent", json_integer((json_int_t)s->sent));
	(void)json_object_set_new(json, "failed", json_integer((json_int_t)s->failed));
	(void)json_object_set_new(json, "dead", json_integer((json_int_t)s->dead));
	(void)json_object_set_new(json, "last_status", json_integer(s->last_status));
	(void)json_object_set_new(json, "last_answer", cleaned(s->last_answer));
	(void)json_object_set_new(json, "last_us",
	    s->last_us ? json_integer(s->last_us) : json_null());
	(void)json_object_set_new(json, "next_us",
	    s->next_us ? json_integer(s->next_us) : json_null());
	(void)json_array_append_new(context, json);
}

static json_t *
targets(const struct control *c)
{
	json_t *list = json_array();

	ew_outside_each_target(c->outside, add_target, list);
	return list;
}

static void
on_ping(const struct control_request *r)
{
	json_t *reply = json_object();

	(void)json_object_set_new(reply, "version", json_string(EW_VERSION));
	(void)json_object_set_new(reply, "node",
	    cleaned(ew_outside_conf(r->control->outside)->node));
	send_ok(r->conn, r->id, reply);
}

static void
on_webhook_status(const struct control_request *r)
{
	json_t *reply = json_object();

	(void)json_object_set_new(reply, "webhooks", targets(r->control));
	send_ok(r->conn, r->id, reply);
}

static void
on_webhook_test(const struct control_request *r)
{
	const char *target = json_string_value(json_object_get(r->json, "target"));
	struct pending *p;
	uint64_t id;

	if (!target) {
		send_error(r->conn, r->id, "webhook-test needs a target");
		return;
	}
	if (ew_outside_webhook_test(r->control->outside, target, &id) < 0) {
		send_error(r->conn, r->id,
		    "no webhook of that name is configured; `eastwatch webhook list` "
		    "names them");
		return;
	}
	p = pending_new(r, PENDING_TEST_NS);
	if (p)
		p->test_id = id;
}

static void
on_config_show(const struct control_request *r)
{
	const struct ew_outside_conf *conf = ew_outside_conf(r->control->outside);
	json_t *reply = json_object();
	struct ew_text text;

	ew_text_init(&text, 1U << 20);
	if (conf->show)
		conf->show(conf->context, &text);
	(void)json_object_set_new(reply, "config",
	    json_string(text.text ? text.text : ""));
	ew_text_fini(&text);
	send_ok(r->conn, r->id, reply);
}

/* --- verbs that core answers -------------------------------------------------------------------- */

static void
on_status(const struct control_request *r)
{
	struct ew_status_request ask = { .what = EW_STATUS_HEALTH };
	json_t *reply = json_object();
	json_t *runtimes = json_array();

	ew_outside_each_runtime(r->control->outside, add_runtime, runtimes);
	(void)json_object_set_new(reply, "version", json_string(EW_VERSION));
	(void)json_object_set_new(reply, "runtimes", runtimes);
	(void)json_object_set_new(reply, "webhooks", targets(r->control));
	(void)json_object_set_new(reply, "facts", json_object());
	(void)json_object_set_new(reply, "numbers", json_object());
	(void)json_object_set_new(reply, "health", json_array());
	ask_core(r, EW_PROC_STATUS_REQUEST, &ask, &ask.request_id, reply);
}

static void
add_counters(void *context, const struct ew_counter_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		json_t *json = json_object();
		(void)json_object_set_new(json, "name",
		    json_string(set->counters[i].name));
		(void)json_object_set_new(json, "value",
		    json_integer((json_int_t)ew_counter_value(set, i)));
		(void)json_object_set_new(json, "unit",
		    json_string(set->counters[i].unit));
		(void)json_object_set_new(json, "meaning",
		    json_string(set->counters[i].meaning));
		(void)json_object_set_new(json, "gauge",
		    json_boolean(set->counters[i].is_gauge));
		(void)json_object_set_new(json, "process", json_string("outside"));
		(void)json_array_append_new(context, json);
	}
}

static void
on_counters(const struct control_request *r)
{
	struct ew_status_request ask = { .what = EW_STATUS_COUNTERS };
	json_t *reply = json_object();
	json_t *list = json_array();

	ew_outside_each_counters(r->control->outside, add_counters, list);
	(void)json_object_set_new(reply, "counters", list);
	ask_core(r, EW_PROC_STATUS_REQUEST, &ask, &ask.request_id, reply);
}

static void
on_change(const struct control_request *r)
{
	struct ew_control_request *ask = ew_alloc(sizeof(*ask));
	char why[256];

	if (control_read_change(r->verb, r->json, ask, why) < 0) {
		send_error(r->conn, r->id, why);
	} else {
		ask->uid = ew_line_uid(r->conn);
		ask->pid = ew_line_pid(r->conn);
		const struct passwd *user = getpwuid(ask->uid);
		if (user)
			(void)ew_text_copy(ask->who, sizeof(ask->who), user->pw_name);
		else
			(void)snprintf(ask->who, sizeof(ask->who), "uid %" PRIu32,
			    ask->uid);
		ask_core(r, EW_PROC_CONTROL, ask, &ask->request_id, NULL);
	}
	free(ask);
}

static struct pending *
find_pending(const struct control *c, uint32_t request_id)
{
	struct pending *p = c->pending;

	while (p && p->request_id != request_id)
		p = p->next;
	return request_id ? p : NULL;
}

static void
on_control_reply(void *state, const struct ew_control_reply *reply)
{
	struct pending *p = find_pending(state, reply->request_id);
	char id[17];

	if (!p)
		return;
	if (reply->code < 0) {
		send_error(p->conn, p->id,
		    reply->sentence[0] ? reply->sentence : ew_err_text(reply->code));
	} else {
		(void)snprintf(id, sizeof(id), "%016" PRIx64, reply->id);
		(void)json_object_set_new(p->reply, "sentence",
		    cleaned(reply->sentence));
		(void)json_object_set_new(p->reply, "count",
		    json_integer(reply->count));
		(void)json_object_set_new(p->reply, "decision",
		    reply->id ? json_string(id) : json_null());
		send_ok(p->conn, p->id, json_incref(p->reply));
	}
	pending_free(p);
}

static void
add_item(json_t *reply, const struct ew_status_items *items, unsigned i)
{
	static const char *const levels[] = { "debug", "info", "unusual", "broken" };
	const char *name = items->items[i].name;
	const char *text = items->items[i].text;
	const json_int_t value = (json_int_t)items->items[i].value;
	json_t *json;

	switch ((enum ew_status_kind)items->items[i].kind) {
	case EW_ITEM_FACT:
		(void)json_object_set_new(json_object_get(reply, "facts"), name,
		    cleaned(text));
		break;
	case EW_ITEM_NUMBER:
		(void)json_object_set_new(json_object_get(reply, "numbers"), name,
		    json_integer(value));
		break;
	case EW_ITEM_HEALTH:
		json = json_object();
		(void)json_object_set_new(json, "name", cleaned(name));
		(void)json_object_set_new(json, "level",
		    json_string(levels[items->items[i].level & 3]));
		(void)json_object_set_new(json, "text", cleaned(text));
		(void)json_array_append_new(json_object_get(reply, "health"), json);
		break;
	case EW_ITEM_COUNTER:
		json = json_object();
		(void)json_object_set_new(json, "name", cleaned(name));
		(void)json_object_set_new(json, "value", json_integer(value));
		(void)json_object_set_new(json, "unit", cleaned(items->items[i].unit));
		(void)json_object_set_new(json, "meaning", cleaned(text));
		(void)json_object_set_new(json, "gauge",
		    json_boolean(items->items[i].level == 1));
		(void)json_object_set_new(json, "process", json_string("core"));
		(void)json_array_append_new(json_object_get(reply, "counters"), json);
		break;
	}
}

static void
on_status_items(void *state, const struct ew_status_items *items)
{
	struct pending *p = find_pending(state, items->request_id);

	if (!p)
		return;
	for (unsigned i = 0; i < items->n_items; i++)
		add_item(p->reply, items, i);
	if (!items->is_last)
		return;
	send_ok(p->conn, p->id, json_incref(p->reply));
	pending_free(p);
}

static void
on_webhook_tested(void *state, uint64_t id, const struct ew_outbox_result *result)
{
	const struct control *c = state;
	struct pending *p = c->pending;

	while (p && p->test_id != id)
		p = p->next;
	if (!p)
		return;
	(void)json_object_set_new(p->reply, "target", cleaned(result->target));
	(void)json_object_set_new(p->reply, "delivered",
	    json_boolean(result->outcome == EW_OUTBOX_OK));
	(void)json_object_set_new(p->reply, "status",
	    json_integer(result->http_status));
	(void)json_object_set_new(p->reply, "answer", cleaned(result->answer));
	send_ok(p->conn, p->id, json_incref(p->reply));
	pending_free(p);
}

/* --- the socket --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*fn)(const struct control_request *r);
} verbs[] = {
	{ "ping", on_ping },
	{ "status", on_status },
	{ "counters", on_counters },
	{ "config-show", on_config_show },
	{ "webhook-status", on_webhook_status },
	{ "webhook-test", on_webhook_test },
	{ "webhook-replay", on_change },
	{ "decide", on_change },
	{ "decide-incident", on_change },
	{ "reload", on_change },
	{ "flush", on_change },
};

static void
on_line(void *context, struct ew_line_conn *conn, const char *line, size_t size)
{
	struct control_request r = { .control = context, .conn = conn };
	json_error_t why;
	char sentence[256];

	json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(json)) {
		(void)snprintf(sentence, sizeof(sentence),
		    "a request is one JSON object: %.160s",
		    json ? "this is none" : why.text);
		send_error(conn, NULL, sentence);
		json_decref(json);
		return;
	}
	r.json = json;
	r.id = json_object_get(json, "id");
	r.verb = json_string_value(json_object_get(json, "verb"));
	const json_t *version = json_object_get(json, "eastwatch");
	if (json_integer_value(version) != CONTROL_VERSION) {
		send_error(conn, r.id,
		    "this daemon speaks version 1 of the control protocol");
	} else {
		size_t i = 0;
		while (i < sizeof(verbs) / sizeof(verbs[0]) &&
		    (!r.verb || strcmp(verbs[i].name, r.verb) != 0))
			i++;
		if (i < sizeof(verbs) / sizeof(verbs[0]))
			verbs[i].fn(&r);
		else
			send_error(conn, r.id, "unknown verb");
	}
	json_decref(json);
}

static void
/* cppcheck-suppress constParameter ; the type of the callback is given */
on_conn_closed(void *context, struct ew_line_conn *conn)
{
	struct control *c = context;

	for (struct pending *p = c->pending, *next; p; p = next) {
		next = p->next;
		if (p->conn == conn)
			pending_free(p);
	}
}

static int
control_open(struct ew_outside *outside, void **ret_state, struct ew_error *error)
{
	const struct ew_outside_conf *conf = ew_outside_conf(outside);
	struct control *c = ew_alloc(sizeof(*c));
	const struct ew_line_handlers handlers = { .context = c,
		.line = on_line,
		.closed = on_conn_closed };
	char folder[sizeof(conf->control_socket)];
	const struct group *group =
	    conf->control_group[0] ? getgrnam(conf->control_group) : NULL;

	c->outside = outside;
	(void)ew_text_copy(folder, sizeof(folder), conf->control_socket);
	char *slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		(void)mkdir(folder,
		    0755); /* systemd makes it; by hand it may be missing */
	}
	const int code = ew_line_listen(ew_outside_loop(outside), conf->control_socket,
	    0660, group ? group->gr_gid : (gid_t)-1, &handlers, error, &c->server);
	if (code < 0) {
		free(c);
		return code;
	}
	*ret_state = c;
	return 0;
}

static void
control_close(void *state)
{
	struct control *c = state;

	ew_line_server_free(c->server);
	for (struct pending *p = c->pending, *next; p; p = next) {
		next = p->next;
		pending_free(p);
	}
	free(c);
}

const struct ew_outside_part ew_api_control_part = {
	.name = "control socket",
	.open = control_open,
	.close = control_close,
	.control_reply = on_control_reply,
	.status_items = on_status_items,
	.webhook_tested = on_webhook_tested,
};
