/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generic JSON, signed by the Standard Webhooks scheme (standardwebhooks.com, version 1):
 * body {type, timestamp, data}, headers webhook-id (stable over retries: what a receiver
 * recognises a duplicate by), webhook-timestamp (of the attempt) and webhook-signature,
 * "v1," and the base64 of HMAC-SHA256 over "id.timestamp.body" with the key behind "whsec_".
 * Without a secret the message goes out unsigned.
 */
#include "proc/webhook_priv.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/time.h"

static void
render(const struct ew_webhook_conf *conf, const struct ew_message *message,
    struct ew_text *text)
{
	char time[EW_TIME_TEXT];
	json_t *body = json_object();

	(void)conf;
	(void)json_object_set_new(body, "type", json_string(ew_webhook_event(message)));
	(void)json_object_set_new(body, "timestamp",
	    json_string(ew_wall_format((struct ew_wall){ message->created_us }, time)));
	(void)json_object_set_new(body, "data", ew_webhook_incident(message));
	ew_webhook_dump(body, text);
}

/* The key behind the prefix; a secret that is no base64 is used as it stands. */
static size_t
key_of(const char *secret, unsigned char ret_key[256])
{
	static const char prefix[] = "whsec_";
	const bool is_prefixed = strncmp(secret, prefix, sizeof(prefix) - 1) == 0;
	const char *text = is_prefixed ? secret + sizeof(prefix) - 1 : secret;
	const size_t length = strlen(text);

	const int size = is_prefixed && length <= 256 && length % 4 == 0
	    ? EVP_DecodeBlock(ret_key, (const unsigned char *)text, (int)length)
	    : -1;
	if (size < 0) {
		memcpy(ret_key, secret, strnlen(secret, 255));
		return strnlen(secret, 255);
	}
	/* EVP_DecodeBlock counts the padding as zero bytes. */
	const size_t padding = length >= 2
	    ? (size_t)(text[length - 1] == '=') + (text[length - 2] == '=')
	    : 0;
	return (size_t)size - padding;
}

static void
finish(const struct ew_webhook_conf *conf, const struct ew_message *message,
    const struct ew_webhook_secrets *secrets, int64_t now_us,
    struct ew_webhook_request *request)
{
	char id[64];
	const int64_t now_s = now_us / 1000000;

	(void)conf;
	(void)snprintf(id, sizeof(id), "msg_%016" PRIx64, message->id);
	ew_text_addf(&request->headers[1], "webhook-id: %s", id);
	ew_text_addf(&request->headers[2], "webhook-timestamp: %" PRId64, now_s);
	if (!secrets->secret[0])
		return;

	unsigned char key[257], digest[EVP_MAX_MD_SIZE], base64[EVP_MAX_MD_SIZE * 2];
	unsigned digest_size = 0;
	struct ew_text signed_text;
	ew_text_init(&signed_text, request->body.length + 128);
	ew_text_addf(&signed_text, "%s.%" PRId64 ".", id, now_s);
	ew_text_add_bytes(&signed_text, request->body.text, request->body.length);
	const size_t key_size = key_of(secrets->secret, key);
	if (HMAC(EVP_sha256(), key, (int)key_size,
		(const unsigned char *)signed_text.text, signed_text.length, digest,
		&digest_size)) {
		(void)EVP_EncodeBlock(base64, digest, (int)digest_size);
		ew_text_addf(&request->headers[3], "webhook-signature: v1,%s",
		    (char *)base64);
	}
	explicit_bzero(key, sizeof(key));
	ew_text_fini(&signed_text);
}

const struct ew_webhook_kind ew_webhook_generic = {
	.name = "generic",
	.content_type = "application/json",
	.per_minute = 120,
	.render = render,
	.finish = finish,
};
