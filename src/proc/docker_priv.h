/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "base/text.h"
#include "proc/docker.h"
#include "proc/docker_parse.h"

struct ew_http_answer;

/* What docker.c (the session) and docker_state.c (what is known) share. */

struct docker_instance {
	char cid[EW_INSTANCE_ID_MAX];
	uint8_t *bytes; /* as told to core */
	size_t size;
	bool
	    is_gone; /* it has stopped and core knows; kept for a restart until destroyed */
	bool is_told;	/* core has these bytes */
	bool is_listed; /* seen by the list under way */
	bool is_started;
	uint8_t inspect_tries; /* 0: needs none */
	int64_t touched_ns;    /* ticks of the last event on it */
	int64_t inspect_at_ns; /* ticks */
	UT_hash_handle hh;
};

struct docker_network {
	char id[EW_NETWORK_ID_MAX];
	char name[EW_NETWORK_NAME_MAX];
	uint8_t *bytes;
	size_t size;
	bool is_listed, is_told;
	bool is_asked; /* GET under way */
	bool is_dirty; /* ask once more when it returns */
	int64_t touched_ns;
	UT_hash_handle hh;
};

/* A request for one object; knows whom it belongs to. */
struct docker_question {
	struct ew_docker *docker;
	struct docker_question *next;
	struct ew_http_request *request;
	char id[EW_INSTANCE_ID_MAX];
};

struct ew_docker {
	struct ew_loop *loop;
	struct ew_http *http;
	struct ew_runtime_conf conf;
	ew_docker_send_fn send;
	void *context;
	struct ew_runtime_status status, told;
	struct ew_docker_version version;
	struct docker_instance *instances;
	struct docker_network *networks;
	struct ew_timer *session_timer; /* begin a session */
	struct ew_timer *list_timer;
	struct ew_timer *inspect_timer;
	struct ew_http_request *session; /* /version, then lists */
	struct ew_http_request *events;
	struct docker_question *questions;
	struct docker_question *inspecting;
	struct ew_text line;
	int64_t since_ns;  /* time of the last event, engine's clock */
	int64_t listed_ns; /* ticks when the list under way was asked for */
	unsigned failures; /* sessions in a row */
	bool is_ready;	   /* core was told that the inventory is complete */
	bool needs_resend; /* core refused a message */
	bool has_warned;
	struct ew_instance_info scratch, merged;
	uint8_t bytes[EW_PROC_MESSAGE_MAX];
};

/* Send to core; a refusal is remembered and the next list tells everything again. */
void docker_tell(struct ew_docker *d, enum ew_proc_type type, const void *record);
void docker_tell_status(struct ew_docker *d);
/* Remember and send, unless core has just that. Sorts info's interfaces. */
void docker_tell_instance(struct ew_docker *d, struct docker_instance *i,
    struct ew_instance_info *info);
/* time_ns: the engine's; 0: now */
void docker_tell_gone(struct ew_docker *d, struct docker_instance *i, int64_t time_ns);
void docker_tell_network_gone(struct ew_docker *d, struct docker_network *n,
    int64_t time_ns);

struct docker_instance *docker_find_instance(const struct ew_docker *d,
    const char *cid);
/* Found or made; NULL when there are too many. */
struct docker_instance *docker_make_instance(struct ew_docker *d, const char *cid);
void docker_forget_instance(struct ew_docker *d, struct docker_instance *i);
void docker_forget_network(struct ew_docker *d, struct docker_network *n);
/* What core was told about it last; valid until the next call. */
struct ew_instance_info *docker_recall(struct ew_docker *d,
    const struct docker_instance *i);
/* It has stopped: keep what a restart will need. */
void docker_strip(struct ew_docker *d, struct docker_instance *i);

void docker_set_iface(struct ew_instance_info *info,
    const struct ew_instance_iface *iface);
void docker_remove_iface(struct ew_instance_info *info, const char *network);
/* Callbacks of docker_parse.h. */
void docker_on_listed(void *context, const struct ew_instance_info *listed);
void docker_on_network(void *context, const struct ew_network_info *info);
void docker_on_endpoint(void *context, const struct ew_docker_endpoint *endpoint);
/* After a complete list: what it does not know is gone. */
void docker_forget_unlisted(struct ew_docker *d);
/* Core lost messages: the next list tells everything. */
void docker_forget_what_core_knows(struct ew_docker *d);

/* Ask for one object: before, id and after make the path. Never NULL. */
struct docker_question *docker_ask_object(struct ew_docker *d, const char *before,
    const char *id, const char *after,
    void (*on_done)(void *context, const struct ew_http_answer *answer));
/* Its answer came: the question is freed. */
void docker_answered(struct docker_question *q);
/* Inspect an instance after a while. */
void docker_want_inspect(struct ew_docker *d, struct docker_instance *i,
    int64_t delay_ns);

void docker_network_event(struct ew_docker *d, const struct ew_docker_event *event);
void docker_container_event(struct ew_docker *d, const struct ew_docker_event *event);
