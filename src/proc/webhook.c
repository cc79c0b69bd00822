/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhook targets in general: the list of types, which message goes where, secrets, and the
 * request that a type's file and the configuration make together. Nothing here opens a
 * connection (delivery.c does) and nothing keeps a secret longer than one request.
 */
#include "proc/webhook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "proc/delivery_priv.h"
#include "proc/webhook_priv.h"

#define BODY_MAX ((size_t)512 << 10)

static const struct ew_webhook_kind *const kinds[EW_WEBHOOK_TYPES] = {
	[EW_WEBHOOK_GENERIC] = &ew_webhook_generic,
	[EW_WEBHOOK_SLACK] = &ew_webhook_slack,
	[EW_WEBHOOK_TEAMS] = &ew_webhook_teams,
	[EW_WEBHOOK_DISCORD] = &ew_webhook_discord,
	[EW_WEBHOOK_MATTERMOST] = &ew_webhook_mattermost,
	[EW_WEBHOOK_GOOGLECHAT] = &ew_webhook_googlechat,
	[EW_WEBHOOK_TELEGRAM] = &ew_webhook_telegram,
	[EW_WEBHOOK_PAGERDUTY] = &ew_webhook_pagerduty,
	[EW_WEBHOOK_ALERTMANAGER] = &ew_webhook_alertmanager,
	[EW_WEBHOOK_SYSLOG] = &ew_webhook_syslog,
	[EW_WEBHOOK_FALCOSIDEKICK] = &ew_webhook_falcosidekick,
};

const struct ew_webhook_kind *
ew_webhook_kind(enum ew_webhook_type type)
{
	return (unsigned)type < EW_WEBHOOK_TYPES ? kinds[type] : NULL;
}

const char *
ew_webhook_type_name(enum ew_webhook_type type)
{
	const struct ew_webhook_kind *kind = ew_webhook_kind(type);

	return kind ? kind->name : NULL;
}

int
ew_webhook_type_parse(const char *name, enum ew_webhook_type *ret_type)
{
	for (unsigned i = 0; i < EW_WEBHOOK_TYPES; i++) {
		if (strcmp(kinds[i]->name, name) == 0) {
			*ret_type = (enum ew_webhook_type)i;
			return 0;
		}
	}
	return -ENOENT;
}

uint32_t
ew_webhook_type_rate(enum ew_webhook_type type)
{
	const struct ew_webhook_kind *kind = ew_webhook_kind(type);

	return kind ? kind->per_minute : 0;
}

/* Digests, storms, tests and notices are about the node, not about one workload. */
static bool
is_about_incident(const struct ew_message *message)
{
	return message->kind == EW_MSG_OPENED || message->kind == EW_MSG_UPDATED ||
	    message->kind == EW_MSG_RESOLVED;
}

bool
ew_webhook_wants(const struct ew_webhook_conf *conf, const struct ew_message *message)
{
	if (message->kind == EW_MSG_TEST)
		return true;
	/* A digest goes to those who asked for the tier; notices of blindness to everybody. */
	if (message->kind == EW_MSG_DIGEST)
		return (conf->tiers & 1 << EW_TIER_DIGEST) != 0;
	if (message->kind == EW_MSG_HEALTH)
		return (conf->tiers & (1 << EW_TIER_PAGE | 1 << EW_TIER_NOTIFY)) != 0;
	if (message->tier > EW_TIER_PAGE || !(conf->tiers & 1 << message->tier))
		return false;
	if (!is_about_incident(message))
		return true;
	if (message->score < conf->min_score && message->kind != EW_MSG_RESOLVED)
		return false;
	for (unsigned i = 0; i < conf->n_workloads; i++)
		if (ew_text_glob(conf->workloads[i], message->src_workload))
			return true;
	return conf->n_workloads == 0;
}

int64_t
ew_webhook_quiet_us(const struct ew_webhook_conf *conf,
    const struct ew_message *message, int64_t now_us)
{
	const int64_t day = INT64_C(86400000000);
	const int64_t from = conf->quiet_from_s * INT64_C(1000000);
	const int64_t to = conf->quiet_to_s * INT64_C(1000000);
	const int64_t time = now_us % day;

	if (from == to || message->tier == EW_TIER_PAGE || message->kind == EW_MSG_TEST)
		return 0;
	const bool is_quiet =
	    from < to ? time >= from && time < to : time >= from || time < to;
	if (!is_quiet)
		return 0;
	return time < to ? to - time : day - time + to;
}

void
ew_webhook_request_init(struct ew_webhook_request *request)
{
	memset(request, 0, sizeof(*request));
	ew_text_init(&request->url, 4096);
	ew_text_init(&request->body, BODY_MAX);
	for (size_t i = 0; i < sizeof(request->headers) / sizeof(request->headers[0]);
	     i++)
		ew_text_init(&request->headers[i], 1024);
}

void
ew_webhook_request_fini(struct ew_webhook_request *request)
{
	ew_text_fini(&request->url);
	ew_text_fini(&request->body);
	for (size_t i = 0; i < sizeof(request->headers) / sizeof(request->headers[0]);
	     i++)
		ew_text_fini(&request->headers[i]);
}

int
ew_webhook_render(const struct ew_webhook_conf *conf, const struct ew_message *message,
    struct ew_text *text)
{
	const struct ew_webhook_kind *kind =
	    ew_webhook_kind((enum ew_webhook_type)conf->type);

	if (!kind)
		return EW_ERR_CONFIG;
	kind->render(conf, message, text);
	return text->full ? EW_ERR_LIMIT : 0;
}

/* systemd hands secrets over in a folder of its own. */
static void
secret_path(const char *path, char *ret_path, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (!strchr(path, '/') && folder) {
		(void)snprintf(ret_path, size, "%s/%s", folder, path);
		if (access(ret_path, F_OK) == 0)
			return;
	}
	(void)snprintf(ret_path, size, "%s", path);
}

int
ew_webhook_secret(const char *path, char *ret_text, size_t size, struct ew_error *error)
{
	char full[512], buffer[2048];
	struct stat st;

	secret_path(path, full, sizeof(full));
	const int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ew_error_set(error, -errno, "cannot read the secret file %s: %s",
		    full, ew_err_text(-errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return ew_error_set(error, EW_ERR_CONFIG,
		    "the secret file %s is no regular file", full);
	}
	if (st.st_mode & S_IROTH) {
		close(fd);
		return ew_error_set(error, EW_ERR_CONFIG,
		    "the secret file %s can be read by everybody; run: chmod o-r %s",
		    full, full);
	}
	const ssize_t got = read(fd, buffer, sizeof(buffer) - 1);
	const int code = got < 0 ? -errno : 0;
	close(fd);
	if (code < 0)
		return ew_error_set(error, code, "cannot read the secret file %s: %s",
		    full, ew_err_text(code));
	size_t length = (size_t)got;
	while (
	    length > 0 && strchr(" \t\r\n", buffer[length - 1]) && buffer[length - 1])
		length--;
	buffer[length] = '\0';
	if (length == 0 || length >= size || strlen(buffer) != length ||
	    strpbrk(buffer, "\r\n")) {
		explicit_bzero(buffer, sizeof(buffer));
		return ew_error_set(error, EW_ERR_CONFIG,
		    "the secret file %s must hold one line of 1 to %zu bytes", full,
		    size - 1);
	}
	memcpy(ret_text, buffer, length + 1);
	explicit_bzero(buffer, sizeof(buffer));
	return 0;
}

static int
read_secrets(const struct ew_webhook_conf *conf, struct ew_webhook_secrets *ret,
    struct ew_error *error)
{
	int code = 0;

	(void)ew_text_copy(ret->url, sizeof(ret->url), conf->url);
	(void)ew_text_copy(ret->secret, sizeof(ret->secret), conf->secret);
	if (conf->url_file[0])
		code = ew_webhook_secret(conf->url_file, ret->url, sizeof(ret->url),
		    error);
	if (code == 0 && conf->secret_file[0])
		code = ew_webhook_secret(conf->secret_file, ret->secret,
		    sizeof(ret->secret), error);
	return code;
}

int
ew_webhook_build(const struct ew_webhook_conf *conf, const struct ew_message *message,
    int64_t now_us, struct ew_webhook_request *ret_request, struct ew_error *error)
{
	const struct ew_webhook_kind *kind =
	    ew_webhook_kind((enum ew_webhook_type)conf->type);
	struct ew_webhook_secrets secrets = { .url = "" };
	int code = kind ? read_secrets(conf, &secrets, error) : EW_ERR_CONFIG;

	if (code < 0)
		goto out;
	if (!secrets.url[0] && kind->default_url)
		(void)ew_text_copy(secrets.url, sizeof(secrets.url), kind->default_url);
	if (!secrets.url[0] || strpbrk(secrets.url, " \r\n\t")) {
		code = ew_error_set(error, EW_ERR_CONFIG,
		    "the webhook %s has no usable URL", conf->name);
		goto out;
	}
	ret_request->method = "POST";
	ew_text_add(&ret_request->url, secrets.url);
	ew_text_addf(&ret_request->headers[0], "Content-Type: %s", kind->content_type);
	kind->render(conf, message, &ret_request->body);
	if (kind->finish)
		kind->finish(conf, message, &secrets, now_us, ret_request);
	else if (secrets.secret[0])
		ew_text_addf(&ret_request->headers[1], "Authorization: Bearer %s",
		    secrets.secret);
	if (ret_request->body.full)
		code = ew_error_set(error, EW_ERR_LIMIT,
		    "the message for %s is too long", conf->name);
out:
	explicit_bzero(&secrets, sizeof(secrets));
	return code;
}

/*
 * 2xx is delivered. 404 and 410: the address is gone for good. Other 4xx: this message will
 * not pass, but the next may; except those that mean "not now" or "not you" (a token that
 * is being rotated comes back). A 3xx is a redirect we do not follow: a wrong address.
 */
enum ew_webhook_verdict
ew_webhook_judge_status(long status)
{
	if (status >= 200 && status < 300)
		return EW_WEBHOOK_OK;
	if (status == 404 || status == 410)
		return EW_WEBHOOK_GONE;
	if (status == 401 || status == 403 || status == 408 || status == 421 ||
	    status == 425 || status == 429 || status < 400 || status >= 500)
		return EW_WEBHOOK_RETRY;
	return EW_WEBHOOK_DEAD;
}

enum ew_webhook_verdict
ew_webhook_judge(enum ew_webhook_type type, long status, const char *body)
{
	const struct ew_webhook_kind *kind = ew_webhook_kind(type);

	return kind && kind->judge ? kind->judge(status, body)
				   : ew_webhook_judge_status(status);
}

bool
ew_webhook_is_datagram(enum ew_webhook_type type)
{
	const struct ew_webhook_kind *kind = ew_webhook_kind(type);

	return kind && kind->is_datagram;
}
