/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances: what a runtime (or a file) says runs. An upsert finds the instance by its id,
 * derives the workload, keeps what the inventory writer must be able to say again, seats it
 * in its network namespace, and tells the graph what changed.
 *
 * An instance ends with the runtime's stop. It stays as a tombstone: flows that ended with
 * it are still being decided, and a client that comes late still means it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "identity/identity_priv.h"
#include "identity/rule_priv.h"

void
ew_inst_tell(struct ew_identity *identity, uint8_t kind, struct inst *inst,
    struct wl *wl, struct ew_mono at)
{
	const struct ew_lifecycle life = { .kind = kind,
		.at = at,
		.workload = wl ? &wl->pub : NULL,
		.instance = inst ? &inst->pub : NULL };

	if (identity->sink.lifecycle)
		identity->sink.lifecycle(identity->sink.context, &life);
}

struct inst *
ew_inst_by_id(const struct ew_identity *identity, uint32_t id)
{
	const uint64_t hash = ew_map_hash(&identity->inst_by_id, &id, sizeof(id));

	for (struct ew_link *l = ew_map_first(&identity->inst_by_id, hash); l;
	     l = ew_map_next(l)) {
		struct inst *inst = EW_ENTRY(l, struct inst, by_id);

		if (inst->pub.id == id)
			return inst;
	}
	return NULL;
}

static uint64_t
hash_text(const struct ew_map *map, const char *text)
{
	return ew_map_hash(map, text, strlen(text));
}

struct inst *
ew_inst_by_cid(const struct ew_identity *identity, const char *cid)
{
	struct inst *ended = NULL;

	for (struct ew_link *l = ew_map_first(&identity->inst_by_cid,
		 hash_text(&identity->inst_by_cid, cid));
	     l; l = ew_map_next(l)) {
		struct inst *inst = EW_ENTRY(l, struct inst, by_cid);

		if (strcmp(inst->pub.cid, cid) != 0)
			continue;
		if (inst->pub.stopped.ns == 0)
			return inst;
		if (!ended)
			ended = inst;
	}
	return ended;
}

static bool
make_room(struct ew_identity *identity)
{
	struct inst *inst = TAILQ_FIRST(&identity->insts_ended);

	if (!inst)
		return false;
	ew_inst_free(identity, inst);
	return true;
}

struct inst *
ew_inst_new(struct ew_identity *identity, const char *cid, struct ew_mono now)
{
	if (identity->n.instances >= identity->conf.max_instances &&
	    !make_room(identity)) {
		identity->n.instances_refused++;
		return NULL;
	}
	struct inst *inst = ew_alloc(sizeof(*inst));

	inst->pub.id = ++identity->next_instance;
	inst->pub.started = now;
	ew_text_copy(inst->pub.cid, sizeof(inst->pub.cid), cid);
	ew_map_insert(&identity->inst_by_id, &inst->by_id,
	    ew_map_hash(&identity->inst_by_id, &inst->pub.id, sizeof(inst->pub.id)));
	ew_map_insert(&identity->inst_by_cid, &inst->by_cid,
	    hash_text(&identity->inst_by_cid, inst->pub.cid));
	TAILQ_INSERT_TAIL(&identity->insts, inst, order);
	identity->n.instances++;
	return inst;
}

void
ew_inst_free(struct ew_identity *identity, struct inst *inst)
{
	ew_seat_forget(identity, inst);
	if (inst->wl) {
		TAILQ_REMOVE(&inst->wl->insts, inst, of_wl);
		ew_wl_refresh(inst->wl);
		ew_workload_put(&inst->wl->pub);
	}
	ew_publish_set(identity, inst, NULL, 0);
	ew_map_remove(&identity->inst_by_id, &inst->by_id);
	ew_map_remove(&identity->inst_by_cid, &inst->by_cid);
	if (inst->pub.stopped.ns)
		TAILQ_REMOVE(&identity->insts_ended, inst, order);
	else
		TAILQ_REMOVE(&identity->insts, inst, order);
	identity->n.instances--;
	free(inst->ifaces);
	free(inst->labels);
	free(inst);
}

void
ew_inst_set_workload(struct ew_identity *identity, struct inst *inst, struct wl *wl,
    struct ew_mono now)
{
	struct wl *const before = inst->wl;

	if (before == wl)
		return;
	if (before) {
		TAILQ_REMOVE(&before->insts, inst, of_wl);
		ew_wl_refresh(before);
	}
	ew_workload_get(&wl->pub);
	if (before)
		ew_workload_put(&before->pub);
	inst->wl = wl;
	inst->pub.workload = &wl->pub;
	TAILQ_INSERT_TAIL(&wl->insts, inst, of_wl);
	ew_wl_used(identity, wl, now);
}

void
ew_inst_stop(struct ew_identity *identity, struct inst *inst, struct ew_mono at,
    struct ew_mono now)
{
	if (inst->pub.stopped.ns)
		return;
	inst->pub.stopped = at.ns ? at : now;
	if (inst->pub.stopped.ns == 0)
		inst->pub.stopped.ns = 1;
	TAILQ_REMOVE(&identity->insts, inst, order);
	TAILQ_INSERT_TAIL(&identity->insts_ended, inst, order);
	if (inst->host_network)
		identity->n_host_network--;
	if (inst->wl)
		ew_wl_refresh(inst->wl);
	if (inst->seat)
		ew_seat_member_stopped(identity, inst->seat, inst->pub.stopped);
	ew_inst_tell(identity, EW_LIFE_INSTANCE_STOP, inst, inst->wl,
	    inst->pub.stopped);
}

bool
ew_inst_in_startup(const struct ew_identity *identity, const struct inst *inst,
    struct ew_mono t)
{
	if (!inst->start_known)
		return false;
	int64_t until = inst->pub.started.ns + identity->conf.startup_min_ns;
	const int64_t most = inst->pub.started.ns + identity->conf.startup_max_ns;

	/* detectors.md 1.3: its first client plus 30 s, if that is later. */
	if (inst->first_inbound.ns && inst->first_inbound.ns + 30 * EW_NS_PER_S > until)
		until = inst->first_inbound.ns + 30 * EW_NS_PER_S;
	return t.ns < (until < most ? until : most);
}

struct inst *
ew_inst_fallback(struct ew_identity *identity, struct seat *seat, struct ew_mono now)
{
	char name[EW_WORKLOAD_NAME_MAX];

	if (seat->fallback)
		return seat->fallback;
	if (seat->name[0])
		snprintf(name, sizeof(name), "netns/%s", seat->name);
	else if (seat->nsid >= 0)
		snprintf(name, sizeof(name), "netns/%d", seat->nsid);
	else
		return NULL;
	struct wl *wl = ew_wl_intern(identity, name, EW_PEER_WORKLOAD, now);

	if (!wl)
		return NULL;
	ew_workload_get(&wl->pub); /* making room for the instance must not free it */
	name[5] = ':';
	struct inst *inst = ew_inst_new(identity, name, seat->from);

	if (inst) {
		inst->is_fallback = 1;
		inst->start_known = seat->start_known;
		ew_text_copy(inst->pub.name, sizeof(inst->pub.name), name + 6);
		ew_text_copy(inst->pub.runtime, sizeof(inst->pub.runtime), "netns");
		if (!wl->pub.group[0])
			ew_text_copy(wl->pub.group, sizeof(wl->pub.group), "netns");
		ew_inst_set_workload(identity, inst, wl, now);
		seat->fallback = inst;
		inst->seat = seat;
		ew_wl_refresh(wl);
		ew_inst_tell(identity, EW_LIFE_INSTANCE_START, inst, wl, seat->from);
		if (seat->to.ns)
			ew_inst_stop(identity, inst, seat->to, now);
	}
	ew_workload_put(&wl->pub);
	return inst;
}

/* --- the upsert ---------------------------------------------------------------------------- */

static void
keep_labels(struct inst *inst, const struct ew_instance_info *info,
    const struct ew_map *map)
{
	size_t size = 0;
	const unsigned n = at_most(info->n_labels, EW_LABELS_MAX);

	for (unsigned i = 0; i < n; i++)
		size += strnlen(info->labels[i].key, EW_LABEL_KEY_MAX - 1) +
		    strnlen(info->labels[i].value, EW_LABEL_VALUE_MAX - 1) + 2;
	free(inst->labels);
	inst->labels = size ? ew_alloc(size) : NULL;
	inst->labels_size = size;
	inst->n_labels = (uint8_t)n;
	inst->labels_hash = 0;
	if (!size)
		return;
	char *at = inst->labels;

	for (unsigned i = 0; i < n; i++) {
		const size_t key = strnlen(info->labels[i].key, EW_LABEL_KEY_MAX - 1);
		const size_t value =
		    strnlen(info->labels[i].value, EW_LABEL_VALUE_MAX - 1);

		memcpy(at, info->labels[i].key, key);
		memcpy(at + key + 1, info->labels[i].value, value);
		at += key + value + 2;
	}
	inst->labels_hash = ew_map_hash(map, inst->labels, size);
}

static void
keep_ifaces(struct inst *inst, const struct ew_instance_info *info)
{
	if (info->n_ifaces == 0)
		return;
	const unsigned n = at_most(info->n_ifaces, EW_INSTANCE_IFACES_MAX);

	free(inst->ifaces);
	inst->ifaces = ew_alloc_array(n, sizeof(*inst->ifaces));
	memcpy(inst->ifaces, info->ifaces, n * sizeof(*inst->ifaces));
	inst->n_ifaces = (uint8_t)n;
}

/* A name or text of a runtime, cleaned; an empty one does not erase what is known. */
static void
keep_text(char *field, size_t size, const char *text)
{
	if (text[0])
		ew_text_copy_bytes(field, size, text, strnlen(text, size - 1));
}

static void
keep_facts(struct ew_identity *identity, struct inst *inst,
    const struct ew_instance_info *info)
{
	const char *name = info->name[0] == '/' ? info->name + 1 : info->name;

	keep_text(inst->pub.name, sizeof(inst->pub.name), name);
	keep_text(inst->pub.hostname, sizeof(inst->pub.hostname), info->hostname);
	keep_text(inst->pub.image, sizeof(inst->pub.image), info->image);
	keep_text(inst->pub.runtime, sizeof(inst->pub.runtime), info->runtime);
	keep_text(inst->netns_of, sizeof(inst->netns_of), info->netns_of);
	keep_text(inst->workload_given, sizeof(inst->workload_given), info->workload);
	if (info->posture)
		inst->pub.posture = info->posture;
	if (info->spec_hash)
		inst->pub.spec_hash = info->spec_hash;
	if (info->pid)
		inst->pid = info->pid;
	if (info->started.ns) {
		inst->pub.started = info->started;
		inst->start_known = 1;
	}
	if (info->host_network && !inst->host_network) {
		inst->host_network = 1;
		if (inst->pub.stopped.ns == 0)
			identity->n_host_network++;
	}
	keep_ifaces(inst, info);
	if (info->n_published)
		ew_publish_set(identity, inst, info->published,
		    at_most(info->n_published, EW_PUBLISHED_MAX));
	if (inst->n_published)
		inst->pub.posture |= EW_POSTURE_PUBLISHED;
	if (inst->host_network)
		inst->pub.posture |= EW_POSTURE_HOST_NETWORK;
}

/* A revision other than the newest one known opens the change window of the workload. */
static void
note_revision(struct ew_identity *identity, struct inst *inst, struct ew_mono now)
{
	struct wl *wl = inst->wl;
	const uint64_t spec = inst->pub.spec_hash;

	if (!spec || spec == wl->spec_hash)
		return;
	const bool changed = wl->spec_hash != 0;

	wl->spec_hash = spec;
	if (!changed)
		return;
	wl->change_until.ns = now.ns + identity->conf.change_window_ns;
	ew_inst_tell(identity, EW_LIFE_SPEC_CHANGE, inst, wl, now);
}

/* A runtime's clock is the host's; what lies ahead of us is now. */
static struct ew_mono
not_after(struct ew_mono t, struct ew_mono now)
{
	return t.ns > now.ns && now.ns > 0 ? now : t;
}

static void
apply_rule(struct ew_identity *identity, struct inst *inst,
    const struct ew_instance_info *info, struct ew_mono now)
{
	struct ew_rule_result rule;

	ew_rule_apply(info, identity->conf.node, &rule);
	struct wl *wl = ew_wl_intern(identity, rule.workload,
	    info->host_network ? EW_PEER_NODE : EW_PEER_WORKLOAD, now);

	if (!wl)
		wl = identity->unresolved;
	inst->pub.labels = rule.labels;
	/* Before anybody hears of the instance: the peer group is part of what is told. */
	if (wl != identity->unresolved) {
		wl->pub.is_managed |= rule.is_managed;
		wl->pub.is_job |= rule.is_job;
		memcpy(wl->pub.group, rule.group, sizeof(rule.group));
		if (rule.image_repo[0])
			memcpy(wl->pub.image_repo, rule.image_repo,
			    sizeof(rule.image_repo));
	}
	ew_inst_set_workload(identity, inst, wl, now);
}

/*
 * A later, thinner description (a start event without labels) must not move an instance to
 * another workload: what it leaves out is filled in from what is known.
 */
static void
fill_in(const struct ew_identity *identity, const struct inst *inst,
    struct ew_instance_info *info)
{
	struct ew_instance_info known;

	if (!ew_identity_instance_describe(identity, inst->pub.id, &known))
		return;
	if (!info->n_labels) {
		info->n_labels = known.n_labels;
		memcpy(info->labels, known.labels, sizeof(info->labels));
	}
	if (!info->name[0])
		memcpy(info->name, known.name, sizeof(info->name));
	if (!info->image[0])
		memcpy(info->image, known.image, sizeof(info->image));
	if (!info->runtime[0])
		memcpy(info->runtime, known.runtime, sizeof(info->runtime));
	if (!info->workload[0])
		memcpy(info->workload, inst->workload_given, sizeof(info->workload));
	info->host_network |= inst->host_network;
}

/* An ended instance that is described again as running has been started anew. */
static bool
is_restart(const struct inst *inst, const struct ew_instance_info *info)
{
	return inst->pub.stopped.ns && info->stopped.ns == 0 &&
	    (info->started.ns == 0 || info->started.ns > inst->pub.started.ns);
}

void
ew_identity_instance(struct ew_identity *identity, const struct ew_instance_info *info,
    struct ew_mono now)
{
	if (!info->cid[0]) {
		identity->n.facts_refused++;
		return;
	}
	struct inst *inst = ew_inst_by_cid(identity, info->cid);
	struct ew_instance_info *filled = ew_alloc(sizeof(*filled));

	*filled = *info;
	if (inst)
		fill_in(identity, inst, filled);
	const bool is_new = !inst || is_restart(inst, info);

	if (is_new) {
		inst = ew_inst_new(identity, info->cid, now);
		identity->newest_ns = now.ns;
	}
	if (!inst)
		goto out;
	const uint64_t labels_before = inst->labels_hash;
	struct wl *const wl_before = inst->wl;

	keep_facts(identity, inst, filled);
	keep_labels(inst, filled, &identity->inst_by_cid);
	apply_rule(identity, inst, filled, now);
	ew_wl_refresh(inst->wl);
	if (is_new || wl_before != inst->wl)
		ew_inst_tell(identity, EW_LIFE_INSTANCE_START, inst, inst->wl,
		    not_after(inst->pub.started, now));
	else if (labels_before != inst->labels_hash)
		ew_inst_tell(identity, EW_LIFE_LABELS, inst, inst->wl, now);
	if (inst->pub.stopped.ns == 0)
		note_revision(identity, inst, not_after(inst->pub.started, now));
	/* The dead do not move. */
	if (!inst->seat || (info->stopped.ns == 0 && inst->pub.stopped.ns == 0))
		ew_seat_place(identity, inst, now);
	if (info->stopped.ns)
		ew_inst_stop(identity, inst, info->stopped, now);
out:
	free(filled);
}

void
ew_identity_instance_gone(struct ew_identity *identity, const char *cid,
    struct ew_mono now)
{
	struct inst *inst = ew_inst_by_cid(identity, cid);

	if (inst)
		ew_inst_stop(identity, inst, now, now);
}
