/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/message.h"
#include "base/text.h"

/*
 * Webhook targets: which messages go where, and how each type writes one. One file per type
 * behind one struct (webhook_priv.h); nothing here opens a connection.
 *
 * Depends on: base, alert/message.h. Used by: daemon (routing: core decides which targets
 * get an outbox row), proc/delivery.c (rendering, in outside), cli (preview). Pure but for
 * ew_webhook_secret, which reads a file.
 */

enum ew_webhook_type {
	EW_WEBHOOK_GENERIC,
	EW_WEBHOOK_SLACK,
	EW_WEBHOOK_TEAMS,
	EW_WEBHOOK_DISCORD,
	EW_WEBHOOK_MATTERMOST,
	EW_WEBHOOK_GOOGLECHAT,
	EW_WEBHOOK_TELEGRAM,
	EW_WEBHOOK_PAGERDUTY,
	EW_WEBHOOK_ALERTMANAGER,
	EW_WEBHOOK_SYSLOG,
	EW_WEBHOOK_FALCOSIDEKICK,
	EW_WEBHOOK_TYPES,
};

#define EW_WEBHOOKS_MAX 32
#define EW_WEBHOOK_NAME_MAX 64
#define EW_WEBHOOK_PATTERNS_MAX 8

/* One target as configured. Plain values; secrets stand in it only when written inline. */
struct ew_webhook_conf {
	char name[EW_WEBHOOK_NAME_MAX];
	uint8_t type;	   /* enum ew_webhook_type */
	uint8_t tiers;	   /* bit 1 << enum ew_tier */
	uint8_t min_score; /* 0..100, from min_severity; digests and notices pass */
	uint8_t deny_private;
	uint8_t n_workloads;
	char url[1024];
	char url_file[256];
	char secret
	    [256]; /* generic: whsec_...; pagerduty: routing key; telegram: bot token */
	char secret_file[256];
	char channel
	    [128]; /* telegram: chat id; googlechat, slack and mattermost: optional */
	char ca_file[256];
	char proxy[256];
	char link[256]; /* base of links into a page of ours or a runbook; empty none */
	char workloads[EW_WEBHOOK_PATTERNS_MAX]
		      [128]; /* globs on the source; none: all */
	int32_t quiet_from_s,
	    quiet_to_s; /* UTC seconds of day; equal: none. Page passes. */
	int64_t timeout_ns;
	uint32_t per_minute; /* token bucket */
};

/* "slack"; NULL past the end. */
const char *ew_webhook_type_name(enum ew_webhook_type type);
/* Returns 0 or -ENOENT. */
int ew_webhook_type_parse(const char *name, enum ew_webhook_type *ret_type);
/* Messages a minute a type takes without complaint (notes of its maker). */
uint32_t ew_webhook_type_rate(enum ew_webhook_type type);

/* Does this message go to this target? Quiet hours delay, they do not drop: see below. */
bool ew_webhook_wants(const struct ew_webhook_conf *conf,
    const struct ew_message *message);
/* Microseconds until the target may be disturbed by it; 0 now. */
int64_t ew_webhook_quiet_us(const struct ew_webhook_conf *conf,
    const struct ew_message *message, int64_t now_us);

/* What goes over the wire. Headers hold no secret of ours except a signature. */
struct ew_webhook_request {
	struct ew_text url; /* may hold secrets */
	struct ew_text body;
	struct ew_text headers[6]; /* "Name: value"; empty ones are left out */
	const char *method;
};
void ew_webhook_request_init(struct ew_webhook_request *request);
void ew_webhook_request_fini(struct ew_webhook_request *request);

/*
 * The body a target of this type would get, for preview and golden tests. Deterministic.
 * Returns 0 or EW_ERR_LIMIT.
 */
int ew_webhook_render(const struct ew_webhook_conf *conf,
    const struct ew_message *message, struct ew_text *text);

struct ew_error;
/*
 * The whole request: secrets read (again, on each send), signed with attempt time now_us.
 * Returns 0, EW_ERR_CONFIG with a sentence (secret file missing or readable by all).
 */
int ew_webhook_build(const struct ew_webhook_conf *conf,
    const struct ew_message *message, int64_t now_us,
    struct ew_webhook_request *ret_request, struct ew_error *error);

enum ew_webhook_verdict {
	EW_WEBHOOK_OK,
	EW_WEBHOOK_RETRY,
	EW_WEBHOOK_DEAD,
	EW_WEBHOOK_GONE
};
/*
 * What an answer means for this type: delivered, try later, this message will never pass
 * (400), or nothing will (404, 410: open the circuit).
 */
enum ew_webhook_verdict ew_webhook_judge(enum ew_webhook_type type, long status,
    const char *body);

/*
 * Read a secret file: one line, trailing white space cut. Refused when others may read it
 * or when it is empty. Names without '/' are looked for in $CREDENTIALS_DIRECTORY first.
 * Returns 0, EW_ERR_CONFIG or -errno, with a sentence.
 */
int ew_webhook_secret(const char *path, char *ret_text, size_t size,
    struct ew_error *error);
