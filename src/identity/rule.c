/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity rule: from what a runtime says of a container to the name of its workload.
 *
 * Baselines key on that name, so it must survive a restart, a redeploy and a scale-out, and
 * must not be shared by things that differ. Each environment has one thing that does: the
 * Compose project and service, the Swarm stack and service, the owner of a pod. Where
 * nobody owns the container, a name a person chose is better than the image, and the image
 * better than a name the engine drew by lot.
 *
 *   label eastwatch.io/workload          that, always
 *   shares the host's network            host/NODE (packets cannot tell it from the host)
 *   Kubernetes                           k8s/CLUSTER/NS/KIND/NAME
 *   Compose                              compose/PROJECT/SERVICE, one-off runs .../SERVICE#oneoff
 *   Swarm                                swarm/STACK/SERVICE
 *   Nomad                                nomad/NS/JOB/GROUP/TASK
 *   Podman                               podman/POD, podman/UNIT or podman/NAME
 *   plain                                docker/NAME, image/REPO, container/ID
 *
 * Everything here was written by whoever started the container. Parts are cleaned and a
 * slash inside a part is escaped, so that a label cannot pretend to be two parts.
 */
#include "identity/rule_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const char *
label(const struct ew_instance_info *info, const char *key)
{
	for (unsigned i = 0; i < info->n_labels && i < EW_LABELS_MAX; i++)
		if (strncmp(info->labels[i].key, key, EW_LABEL_KEY_MAX) == 0)
			return info->labels[i].value[0] ? info->labels[i].value : NULL;
	return NULL;
}

static const char *
label_of(const struct ew_instance_info *info, const char *const keys[])
{
	for (size_t i = 0; keys[i]; i++) {
		const char *value = label(info, keys[i]);

		if (value)
			return value;
	}
	return NULL;
}

/* "/part", cleaned; the name's bound cuts. */
static void
add_part(char name[EW_WORKLOAD_NAME_MAX], const char *part)
{
	char clean[EW_LABEL_VALUE_MAX];
	size_t n = strlen(name);

	ew_text_copy_bytes(clean, sizeof(clean), part,
	    strnlen(part, sizeof(clean) - 1));
	if (n > 0 && n + 1 < EW_WORKLOAD_NAME_MAX)
		name[n++] = '/';
	for (const char *p = clean; *p; p++) {
		const char *piece = *p == '/' ? "%2F" : *p == ' ' ? "_" : NULL;
		const size_t size = piece ? strlen(piece) : 1;

		if (n + size >= EW_WORKLOAD_NAME_MAX)
			break;
		memcpy(name + n, piece ? piece : p, size);
		n += size;
	}
	name[n] = '\0';
	/* A cut may have gone through a character. */
	char whole[EW_WORKLOAD_NAME_MAX];

	ew_text_copy_bytes(whole, sizeof(whole), name, n);
	memcpy(name, whole, sizeof(whole));
}

void
ew_rule_image_repo(const char *image, char ret_repo[EW_IMAGE_MAX])
{
	static const char *const prefixes[] = { "docker.io/library/", "docker.io/",
		"index.docker.io/library/", "index.docker.io/", "localhost/" };
	char clean[EW_IMAGE_MAX];

	ew_text_copy_bytes(clean, sizeof(clean), image,
	    strnlen(image, EW_IMAGE_MAX - 1));
	const char *start = clean;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(start, prefixes[i], strlen(prefixes[i])) == 0) {
			start += strlen(prefixes[i]);
			break;
		}
	size_t n = strcspn(start, "@");
	/* A colon after the last slash is the tag; before it, the registry's port. */
	size_t tag = n;

	for (size_t i = n; i > 0 && start[i - 1] != '/'; i--)
		if (start[i - 1] == ':')
			tag = i - 1;
	n = tag;
	/* An image without a name: "sha256:0123..." or bare digits of its id. */
	if (strncmp(start, "sha256:", 7) == 0 ||
	    (n >= 12 && strspn(start, "0123456789abcdef") == n))
		n = 0;
	memcpy(ret_repo, start, n);
	ret_repo[n] = '\0';
}

/* The engine's left words (moby, pkg/namesgenerator); the right ones are surnames. */
static const char *const adjectives[] = { "admiring", "adoring", "affectionate",
	"agitated", "amazing", "angry", "awesome", "beautiful", "blissful", "bold",
	"boring", "brave", "busy", "charming", "clever", "compassionate", "competent",
	"condescending", "confident", "cool", "cranky", "crazy", "dazzling",
	"determined", "distracted", "dreamy", "eager", "ecstatic", "elastic", "elated",
	"elegant", "eloquent", "epic", "exciting", "fervent", "festive", "flamboyant",
	"focused", "friendly", "frosty", "funny", "gallant", "gifted", "goofy",
	"gracious", "great", "happy", "hardcore", "heuristic", "hopeful", "hungry",
	"infallible", "inspiring", "intelligent", "interesting", "jolly", "jovial",
	"keen", "kind", "laughing", "loving", "lucid", "magical", "modest", "musing",
	"mystifying", "naughty", "nervous", "nice", "nifty", "nostalgic", "objective",
	"optimistic", "peaceful", "pedantic", "pensive", "practical", "priceless",
	"quirky", "quizzical", "recursing", "relaxed", "reverent", "romantic", "sad",
	"serene", "sharp", "silly", "sleepy", "stoic", "strange", "stupefied",
	"suspicious", "sweet", "tender", "thirsty", "trusting", "unruffled", "upbeat",
	"vibrant", "vigilant", "vigorous", "wizardly", "wonderful", "xenodochial",
	"youthful", "zealous", "zen" };

bool
ew_rule_is_generated_name(const char *name)
{
	const size_t left = strcspn(name, "_");

	if (name[left] != '_')
		return false;
	const char *right = name + left + 1;
	const size_t letters = strspn(right, "abcdefghijklmnopqrstuvwxyz");

	if (letters < 3 || right[letters + strspn(right + letters, "0123456789")])
		return false;
	for (size_t i = 0; i < sizeof(adjectives) / sizeof(adjectives[0]); i++)
		if (strlen(adjectives[i]) == left &&
		    strncmp(name, adjectives[i], left) == 0)
			return true;
	return false;
}

/* Kubernetes draws suffixes from consonants and digits that spell no word. */
static const char suffix_letters[] = "bcdfghjklmnpqrstvwxz2456789";

/* Length of name without "-[letters]{min,max}" at its end; 0 when there is none. */
static size_t
without_suffix(const char *name, size_t length, size_t min, size_t max)
{
	size_t n = 0;

	while (n < length && strchr(suffix_letters, name[length - 1 - n]))
		n++;
	if (n < min || n > max || length <= n + 1 || name[length - 1 - n] != '-')
		return 0;
	return length - n - 1;
}

size_t
ew_rule_pod_owner(const char *pod)
{
	const size_t length = strlen(pod);
	const size_t set = without_suffix(pod, length, 5, 5);

	if (!set)
		return length;
	const size_t deployment = without_suffix(pod, set, 8, 10);

	return deployment ? deployment : set;
}

/* name minus "-" and digits: the CronJob of a Job, the set of a pod. */
static void
cut_digits(char *name)
{
	size_t n = strlen(name);
	const size_t whole = n;

	while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
		n--;
	if (n > 1 && n < whole && name[n - 1] == '-')
		name[n - 1] = '\0';
}

static void
cut_tail(char *name, const char *dash_tail)
{
	const size_t n = strlen(name), tail = strlen(dash_tail);

	if (tail > 0 && n > tail + 1 && name[n - tail - 1] == '-' &&
	    strcmp(name + n - tail, dash_tail) == 0)
		name[n - tail - 1] = '\0';
}

static const char *
job_owner(const char *job, char owner[EW_LABEL_VALUE_MAX])
{
	ew_text_copy(owner, EW_LABEL_VALUE_MAX, job);
	const size_t before = strlen(owner);

	cut_digits(owner);
	return strlen(owner) < before ? "CronJob" : "Job";
}

/* From the controller's kind and name, when the runtime's reader knows them. */
static const char *
told_owner(const struct ew_instance_info *info, const char *kind, const char *name,
    char owner[EW_LABEL_VALUE_MAX])
{
	const char *hash = label(info, "pod-template-hash");

	if (strcmp(kind, "Job") == 0)
		return job_owner(name, owner);
	ew_text_copy(owner, EW_LABEL_VALUE_MAX, name);
	if (strcmp(kind, "ReplicaSet") != 0)
		return kind;
	const size_t length = without_suffix(owner, strlen(owner), 8, 10);

	if (hash)
		cut_tail(owner, hash);
	else if (length)
		owner[length] = '\0';
	return "Deployment";
}

/* From the pod's own name. */
static const char *
guessed_owner(const struct ew_instance_info *info, const char *pod, const char *node,
    char owner[EW_LABEL_VALUE_MAX])
{
	ew_text_copy(owner, EW_LABEL_VALUE_MAX, pod);
	const size_t whole = strlen(owner);

	if (node[0])
		cut_tail(owner, node); /* a static pod is called NAME-NODE */
	if (strlen(owner) < whole)
		return "Node";
	const size_t set = without_suffix(owner, whole, 5, 5);
	const size_t n = ew_rule_pod_owner(owner);

	owner[n] = '\0';
	if (set && n < set)
		return "Deployment";
	return set && label(info, "controller-revision-hash") ? "DaemonSet" : "Pod";
}

/* The kind of what owns the pod, and its name. */
static const char *
pod_owner(const struct ew_instance_info *info, const char *pod, const char *node,
    char owner[EW_LABEL_VALUE_MAX])
{
	static const char *const job_keys[] = { "batch.kubernetes.io/job-name",
		"job-name", NULL };
	const char *kind = label(info, "io.kubernetes.owner.kind");
	const char *name = label(info, "io.kubernetes.owner.name");
	const char *job = label_of(info, job_keys);

	if (kind && name && strcmp(kind, "Node") != 0)
		return told_owner(info, kind, name, owner);
	if (job)
		return job_owner(job, owner);
	if (label(info, "statefulset.kubernetes.io/pod-name")) {
		ew_text_copy(owner, EW_LABEL_VALUE_MAX, pod);
		cut_digits(owner);
		return "StatefulSet";
	}
	return guessed_owner(info, pod, node, owner);
}

static bool
rule_kubernetes(const struct ew_instance_info *info, const char *node,
    struct ew_rule_result *r)
{
	static const char *const ns_keys[] = { "io.kubernetes.pod.namespace",
		"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri-o.Namespace",
		NULL };
	static const char *const pod_keys[] = { "io.kubernetes.pod.name",
		"io.kubernetes.cri.sandbox-name", "io.kubernetes.cri-o.KubeName",
		NULL };
	const char *ns = label_of(info, ns_keys), *pod = label_of(info, pod_keys);
	const char *cluster = label(info, "eastwatch.io/cluster");
	char owner[EW_LABEL_VALUE_MAX];

	if (!ns || !pod)
		return false;
	const char *kind = pod_owner(info, pod, node, owner);

	add_part(r->workload, "k8s");
	add_part(r->workload, cluster ? cluster : "local");
	add_part(r->workload, ns);
	memcpy(r->group, r->workload, sizeof(r->group));
	add_part(r->workload, kind);
	add_part(r->workload, owner);
	r->is_managed = true;
	r->is_job = strcmp(kind, "Job") == 0 || strcmp(kind, "CronJob") == 0;
	return true;
}

static bool
rule_compose(const struct ew_instance_info *info, struct ew_rule_result *r)
{
	const char *project = label(info, "com.docker.compose.project");
	const char *service = label(info, "com.docker.compose.service");
	const char *oneoff = label(info, "com.docker.compose.oneoff");

	if (!project || !service)
		return false;
	add_part(r->workload, "compose");
	add_part(r->workload, project);
	memcpy(r->group, r->workload, sizeof(r->group));
	r->is_job = oneoff && strcasecmp(oneoff, "true") == 0;
	if (r->is_job) {
		/* An ad-hoc shell must not inherit what the service may do. */
		char name[EW_LABEL_VALUE_MAX + 8];

		snprintf(name, sizeof(name), "%.240s#oneoff", service);
		add_part(r->workload, name);
	} else {
		add_part(r->workload, service);
	}
	r->is_managed = true;
	return true;
}

static bool
rule_swarm(const struct ew_instance_info *info, struct ew_rule_result *r)
{
	const char *stack = label(info, "com.docker.stack.namespace");
	const char *service = label(info, "com.docker.swarm.service.name");

	if (!service)
		return false;
	const size_t n = stack ? strlen(stack) : 0;

	if (n && strncmp(service, stack, n) == 0 && service[n] == '_' && service[n + 1])
		service += n + 1;
	add_part(r->workload, "swarm");
	add_part(r->workload, stack ? stack : "-");
	memcpy(r->group, r->workload, sizeof(r->group));
	add_part(r->workload, service);
	r->is_managed = true;
	return true;
}

static bool
rule_nomad(const struct ew_instance_info *info, struct ew_rule_result *r)
{
	const char *job = label(info, "com.hashicorp.nomad.job_name");
	const char *ns = label(info, "com.hashicorp.nomad.namespace");
	const char *group = label(info, "com.hashicorp.nomad.task_group_name");
	const char *task = label(info, "com.hashicorp.nomad.task_name");

	if (!job)
		job = label(info, "com.hashicorp.nomad.job_id");
	if (!job || !task)
		return false; /* only alloc_id is there unless extra_labels is set */
	add_part(r->workload, "nomad");
	add_part(r->workload, ns ? ns : "default");
	add_part(r->workload, job);
	memcpy(r->group, r->workload, sizeof(r->group));
	add_part(r->workload, group ? group : "-");
	add_part(r->workload, task);
	r->is_managed = true;
	return true;
}

static bool
is_id(const char *name)
{
	const size_t n = strspn(name, "0123456789abcdef");

	return n >= 12 && name[n] == '\0';
}

static bool
rule_podman(const struct ew_instance_info *info, struct ew_rule_result *r)
{
	static const char *const pod_keys[] = { "io.podman.pod.name", "io.podman.pod",
		NULL };
	const char *pod = label_of(info, pod_keys);
	const char *unit = label(info, "PODMAN_SYSTEMD_UNIT");

	if (strcmp(info->runtime, "podman") != 0)
		return false;
	char name[EW_LABEL_VALUE_MAX];

	ew_text_copy(name, sizeof(name), pod ? pod : unit ? unit : info->name);
	const size_t n = strlen(name);

	if (!pod && unit && n > 8 && strcmp(name + n - 8, ".service") == 0)
		name[n - 8] = '\0';
	if (!name[0] || is_id(name) ||
	    (!pod && !unit && ew_rule_is_generated_name(name)))
		return false;
	add_part(r->workload, "podman");
	add_part(r->workload, name);
	return true;
}

static void
rule_plain(const struct ew_instance_info *info, struct ew_rule_result *r)
{
	const char *name = info->name[0] == '/' ? info->name + 1 : info->name;

	if (name[0] && !is_id(name) && !ew_rule_is_generated_name(name)) {
		const bool has_runtime =
		    info->runtime[0] && strcmp(info->runtime, "none") != 0;

		add_part(r->workload, has_runtime ? info->runtime : "container");
		add_part(r->workload, name);
	} else if (r->image_repo[0]) {
		snprintf(r->workload, sizeof(r->workload), "image/%.249s",
		    r->image_repo);
	} else {
		char cid[13];

		ew_text_copy_bytes(cid, sizeof(cid), info->cid, strnlen(info->cid, 12));
		add_part(r->workload, "container");
		add_part(r->workload, cid[0] ? cid : "unnamed");
	}
}

static uint16_t
label_bits(const struct ew_instance_info *info)
{
	static const struct {
		const char *name;
		uint16_t bit;
	} known[] = { { "canary", EW_LABEL_CANARY }, { "scanner", EW_LABEL_SCANNER },
		{ "router", EW_LABEL_ROUTER }, { "vip", EW_LABEL_VIP },
		{ "proxy", EW_LABEL_PROXY }, { "scraper", EW_LABEL_SCRAPER },
		{ "sensitive", EW_LABEL_SENSITIVE } };
	uint16_t bits = 0;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char short_key[32], long_key[32];
		const char *const keys[] = { short_key, long_key, NULL };

		snprintf(short_key, sizeof(short_key), "eastwatch.%s", known[i].name);
		snprintf(long_key, sizeof(long_key), "eastwatch.io/%s", known[i].name);
		const char *value = label_of(info, keys);

		if (value && strcasecmp(value, "true") == 0)
			bits |= known[i].bit;
	}
	return bits;
}

/* A name from an inventory file carries its environment in its first part. */
static bool
is_managed_name(const char *name)
{
	static const char *const owners[] = { "k8s/", "compose/", "swarm/", "nomad/" };

	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		if (strncmp(name, owners[i], strlen(owners[i])) == 0)
			return true;
	return false;
}

void
ew_rule_apply(const struct ew_instance_info *info, const char *node,
    struct ew_rule_result *ret_result)
{
	struct ew_rule_result r = { .labels = label_bits(info) };
	const char *given = label(info, "eastwatch.io/workload");

	ew_rule_image_repo(info->image, r.image_repo);
	if (!given && info->workload[0])
		given = info->workload;
	if (!rule_kubernetes(info, node, &r) && !rule_compose(info, &r) &&
	    !rule_swarm(info, &r) && !rule_nomad(info, &r) && !rule_podman(info, &r))
		rule_plain(info, &r);
	if (info->host_network) {
		r.workload[0] = '\0';
		add_part(r.workload, "host");
		add_part(r.workload, node[0] ? node : "local");
	}
	if (given) {
		ew_text_copy_bytes(r.workload, sizeof(r.workload), given,
		    strnlen(given, sizeof(r.workload) - 1));
		if (!r.is_managed)
			r.is_managed = is_managed_name(r.workload);
	}
	if (!r.group[0] && is_managed_name(r.workload)) {
		memcpy(r.group, r.workload, sizeof(r.group));
		*strrchr(r.group, '/') = '\0';
	} else if (!r.group[0] && r.image_repo[0]) {
		snprintf(r.group, sizeof(r.group), "image/%.249s", r.image_repo);
	} else if (!r.group[0]) {
		memcpy(r.group, r.workload, sizeof(r.group));
	}
	*ret_result = r;
}
