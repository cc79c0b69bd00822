/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "proc/message.h"

static uint8_t bytes[EW_PROC_MESSAGE_MAX];
static union ew_proc_record back;

static size_t
encode(enum ew_proc_type type, const void *record)
{
	size_t size = 0;

	cr_assert_eq(ew_proc_encode(type, record, bytes, sizeof(bytes), &size), 0);
	return size;
}

static struct ew_instance_info *
full_instance(void)
{
	struct ew_instance_info *info = calloc(1, sizeof(*info));

	memset(info->cid, 'a', sizeof(info->cid) - 1);
	memset(info->image, 'i', sizeof(info->image) - 1);
	info->pid = 12;
	info->spec_hash = UINT64_C(0x1122334455667788);
	info->started.ns = INT64_C(1767225600000000001);
	info->n_labels = EW_LABELS_MAX;
	for (unsigned i = 0; i < EW_LABELS_MAX; i++) {
		memset(info->labels[i].key, 'k', sizeof(info->labels[i].key) - 1);
		memset(info->labels[i].value, 'v', sizeof(info->labels[i].value) - 1);
	}
	info->n_ifaces = EW_INSTANCE_IFACES_MAX;
	for (unsigned i = 0; i < EW_INSTANCE_IFACES_MAX; i++) {
		info->ifaces[i].n_addrs = EW_IFACE_ADDRS_MAX;
		info->ifaces[i].has_mac = 1;
		info->ifaces[i].mac[5] = (uint8_t)i;
	}
	info->n_published = EW_PUBLISHED_MAX;
	return info;
}

Test(message, the_largest_instance_fits_and_comes_back_the_same)
{
	struct ew_instance_info *info = full_instance();
	const size_t size = encode(EW_PROC_INSTANCE, info);
	enum ew_proc_type type;

	cr_assert_eq(ew_proc_decode(bytes, size, &type, &back), 0);
	cr_expect_eq(type, EW_PROC_INSTANCE);
	cr_expect_eq(memcmp(info, &back.instance, sizeof(*info)), 0);
	free(info);
}

Test(message, a_delivery_comes_back_the_same)
{
	struct ew_outbox_delivery *d = calloc(1, sizeof(*d));
	enum ew_proc_type type;

	d->message.id = 7;
	d->message.incident_id = UINT64_MAX;
	d->message.score = -3;
	d->message.n_targets = 2;
	d->message.n_reasons = 1;
	d->message.n_lines = 3;
	(void)ew_text_copy(d->message.title, sizeof(d->message.title),
	    "shop/web opened ssh on shop/db");
	(void)ew_text_copy(d->message.targets[1], sizeof(d->message.targets[1]),
	    "shop/db:22/tcp established");
	d->message.reasons[0].points = 35;
	(void)ew_text_copy(d->message.reasons[0].text,
	    sizeof(d->message.reasons[0].text), "never seen");
	(void)ew_text_copy(d->message.lines[2], sizeof(d->message.lines[2]), "line");
	(void)ew_text_copy(d->target, sizeof(d->target), "ops");
	d->attempt = 3;
	const size_t size = encode(EW_PROC_DELIVER, d);
	cr_assert_eq(ew_proc_decode(bytes, size, &type, &back), 0);
	cr_expect_eq(memcmp(d, &back.delivery, sizeof(*d)), 0);
	free(d);
}

Test(message, every_type_round_trips_when_empty)
{
	static const union ew_proc_record none;
	enum ew_proc_type type;

	for (int i = 1; i < EW_PROC_TYPES; i++) {
		const bool has_record = i != EW_PROC_RELOAD && i != EW_PROC_STOP;
		const size_t size =
		    encode((enum ew_proc_type)i, has_record ? &none : NULL);
		cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), 0, "type %d",
		    i);
		cr_expect_eq((int)type, i);
		cr_expect_not_null(ew_proc_type_name((enum ew_proc_type)i));
	}
}

Test(message, is_refused_when_cut_anywhere)
{
	struct ew_instance_info *info = full_instance();
	enum ew_proc_type type;

	info->n_labels = 1;
	info->n_ifaces = 1;
	const size_t size = encode(EW_PROC_INSTANCE, info);
	for (size_t i = 0; i < size; i++)
		cr_expect_eq(ew_proc_decode(bytes, i, &type, &back), EW_ERR_TRUNCATED,
		    "%zu", i);
	bytes[size] = 0;
	cr_expect_eq(ew_proc_decode(bytes, size + 1, &type, &back), EW_ERR_FORMAT);
	free(info);
}

Test(message, of_another_version_or_kind_is_refused)
{
	static const struct ew_resolver_info resolver;
	enum ew_proc_type type;
	const size_t size = encode(EW_PROC_RESOLVER, &resolver);

	bytes[2] = 2;
	cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), EW_ERR_VERSION);
	bytes[2] = 1;
	bytes[3] = EW_PROC_TYPES;
	cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), EW_ERR_FORMAT);
	bytes[3] = 0;
	cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), EW_ERR_FORMAT);
}

Test(message, counts_and_enums_out_of_range_are_refused)
{
	static struct ew_status_items items;
	static struct ew_outbox_result result;
	enum ew_proc_type type;
	size_t size = encode(EW_PROC_STATUS_ITEMS, &items);

	bytes[8 + 4 + 1] = EW_STATUS_ITEMS_MAX + 1; /* n_items */
	cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), EW_ERR_FORMAT);
	size = encode(EW_PROC_OUTBOX_RESULT, &result);
	bytes[8 + 8 + 2] = EW_OUTBOX_RETURNED + 1; /* outcome */
	cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), EW_ERR_FORMAT);
}

Test(message, text_is_cleaned_and_bounded_by_its_reader)
{
	struct ew_gone gone = { .runtime = "docker" };
	enum ew_proc_type type;
	const size_t size = encode(EW_PROC_INSTANCE_GONE, &gone);

	bytes[10] = '\n'; /* first letter of runtime */
	bytes[11] = 0;
	cr_expect_eq(ew_proc_decode(bytes, size, &type, &back), 0);
	cr_expect_str_eq(back.gone.runtime, "??cker");
	bytes[8] = 0xff; /* longer than the message */
	cr_expect_lt(ew_proc_decode(bytes, size, &type, &back), 0);
}
