/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt over HTTP, and test messages, which are one attempt past queue, bucket and
 * circuit. The result of a test comes in a later turn of the loop, also when it is known at
 * once: its owner first has to note whom it is for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "proc/delivery_priv.h"

struct ew_delivery_probe {
	struct ew_delivery_probe *next, **list;
	struct ew_http_request *request;
	struct ew_timer *timer;
	uint8_t type;
	struct ew_outbox_result result;
	ew_delivery_fn fn;
	void *context;
};

struct ew_http_request *
ew_delivery_send(struct ew_http *http, const struct ew_webhook_conf *conf,
    const struct ew_message *message, ew_http_done_fn done, void *context,
    struct ew_error *error)
{
	struct ew_webhook_request request;
	const char *headers[sizeof(request.headers) / sizeof(request.headers[0])];
	size_t n = 0;
	struct ew_http_request *started = NULL;

	ew_webhook_request_init(&request);
	if (ew_webhook_build(conf, message, ew_wall_now().us, &request, error) == 0) {
		for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
			if (request.headers[i].length)
				headers[n++] = request.headers[i].text;
		const struct ew_http_spec spec = { .method = request.method,
			.url = request.url.text,
			.headers = headers,
			.n_headers = n,
			.body = request.body.text,
			.body_size = request.body.length,
			.ca_file = conf->ca_file[0] ? conf->ca_file : NULL,
			.proxy = conf->proxy[0] ? conf->proxy : NULL,
			.timeout_ns = conf->timeout_ns,
			.max_body = 4096,
			.deny_private = conf->deny_private,
			.on_done = done,
			.context = context };
		started = ew_http_start(http, &spec);
	}
	ew_webhook_request_fini(&request);
	return started;
}

void
ew_delivery_probe_free(struct ew_delivery_probe **list)
{
	struct ew_delivery_probe *probe = *list;

	*list = probe->next;
	if (probe->next)
		probe->next->list = list;
	ew_http_cancel(probe->request);
	ew_timer_free(probe->timer);
	free(probe);
}

static void
on_timer(void *context)
{
	struct ew_delivery_probe *probe = context;
	const struct ew_outbox_result result = probe->result;
	const ew_delivery_fn fn = probe->fn;
	void *owner = probe->context;

	ew_delivery_probe_free(probe->list);
	fn(owner, &result);
}

static void
on_answer(void *context, const struct ew_http_answer *answer)
{
	struct ew_delivery_probe *probe = context;
	const char *text = answer->code == 0 ? answer->body : answer->sentence;
	const bool is_ok = answer->code == 0 &&
	    ew_webhook_judge((enum ew_webhook_type)probe->type, answer->status,
		answer->body) == EW_WEBHOOK_OK;

	probe->request = NULL;
	probe->result.attempt = 1;
	probe->result.http_status = answer->code == 0 ? (uint16_t)answer->status : 0;
	probe->result.outcome = is_ok ? EW_OUTBOX_OK : EW_OUTBOX_DEAD;
	(void)ew_text_copy_bytes(probe->result.answer, sizeof(probe->result.answer),
	    text, strlen(text));
	ew_timer_start(probe->timer, 0);
}

void
ew_delivery_probe(struct ew_delivery_probe **list, struct ew_loop *loop,
    struct ew_http *http, const struct ew_webhook_conf *conf,
    const struct ew_message *message, ew_delivery_fn fn, void *context)
{
	struct ew_delivery_probe *probe = ew_alloc(sizeof(*probe));
	struct ew_http_answer answer = { .body = "" };
	struct ew_error error = { .text = "" };

	probe->type = conf->type;
	probe->fn = fn;
	probe->context = context;
	probe->timer = ew_timer_new(loop, on_timer, probe);
	probe->result.id = message->id;
	(void)ew_text_copy(probe->result.target, sizeof(probe->result.target),
	    conf->name);
	probe->list = list;
	probe->next = *list;
	if (probe->next)
		probe->next->list = &probe->next;
	*list = probe;
	if (ew_webhook_is_datagram((enum ew_webhook_type)conf->type)) {
		answer.code = ew_delivery_datagram(conf, message, &error);
		answer.status = answer.code == 0 ? 200 : 0;
	} else {
		probe->request =
		    ew_delivery_send(http, conf, message, on_answer, probe, &error);
		if (probe->request)
			return;
		answer.code = EW_ERR_CONFIG;
	}
	(void)ew_text_copy(answer.sentence, sizeof(answer.sentence), error.text);
	on_answer(probe, &answer);
}
