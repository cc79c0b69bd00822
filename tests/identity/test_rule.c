/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "identity/rule_priv.h"

struct rule_case {
	const char *what;
	const char *runtime, *name, *image;
	const char *labels[8]; /* key, value, ... */
	bool host_network;
	const char *workload, *group;
	bool is_managed, is_job;
};

static const struct rule_case cases[] = {
	{ "a Compose service", "docker", "shop-web-1", "nginx:1.25",
	    { "com.docker.compose.project", "shop", "com.docker.compose.service",
		"web" },
	    false, "compose/shop/web", "compose/shop", true, false },
	{ "the second replica is the same workload", "docker", "shop-web-2",
	    "nginx:1.26",
	    { "com.docker.compose.project", "shop", "com.docker.compose.service",
		"web" },
	    false, "compose/shop/web", "compose/shop", true, false },
	{ "a one-off run is another one", "docker", "shop-web-run-12ab", "nginx:1.25",
	    { "com.docker.compose.project", "shop", "com.docker.compose.service", "web",
		"com.docker.compose.oneoff", "True" },
	    false, "compose/shop/web#oneoff", "compose/shop", true, true },
	{ "a Swarm service without its stack's prefix", "docker", "shop_web.1.xyz",
	    "nginx",
	    { "com.docker.stack.namespace", "shop", "com.docker.swarm.service.name",
		"shop_web" },
	    false, "swarm/shop/web", "swarm/shop", true, false },
	{ "a Swarm service outside a stack", "docker", "web.1.xyz", "nginx",
	    { "com.docker.swarm.service.name", "web" }, false, "swarm/-/web", "swarm/-",
	    true, false },
	{ "Nomad with extra labels", "docker", "t-1", "redis",
	    { "com.hashicorp.nomad.job_name", "cache", "com.hashicorp.nomad.namespace",
		"prod", "com.hashicorp.nomad.task_group_name", "g",
		"com.hashicorp.nomad.task_name", "redis" },
	    false, "nomad/prod/cache/g/redis", "nomad/prod/cache", true, false },
	{ "Nomad with its only default label falls back", "docker", "redis-8d3a",
	    "redis:7", { "com.hashicorp.nomad.alloc_id", "8d3a" }, false,
	    "docker/redis-8d3a", "image/redis", false, false },
	{ "a Podman pod", "podman", "infra", "pause", { "io.podman.pod.name", "web" },
	    false, "podman/web", "image/pause", false, false },
	{ "a Quadlet unit", "podman", "systemd-db", "postgres:16",
	    { "PODMAN_SYSTEMD_UNIT", "db.service" }, false, "podman/db",
	    "image/postgres", false, false },
	{ "a Podman container by name", "podman", "db", "docker.io/library/postgres:16",
	    { 0 }, false, "podman/db", "image/postgres", false, false },
	{ "a Deployment's pod by name alone", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "prod", "io.kubernetes.pod.name",
		"web-6d4cf56db6-x8k2p" },
	    false, "k8s/local/prod/Deployment/web", "k8s/local/prod", true, false },
	{ "a pod by containerd's annotations", "containerd", "", "",
	    { "io.kubernetes.cri.sandbox-namespace", "prod",
		"io.kubernetes.cri.sandbox-name", "web-6d4cf56db6-x8k2p" },
	    false, "k8s/local/prod/Deployment/web", "k8s/local/prod", true, false },
	{ "a name that only looks like one is kept", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "prod", "io.kubernetes.pod.name",
		"web-backend-cache" },
	    false, "k8s/local/prod/Pod/web-backend-cache", "k8s/local/prod", true,
	    false },
	{ "a ReplicaSet becomes its Deployment", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "prod", "io.kubernetes.pod.name", "x",
		"io.kubernetes.owner.kind", "ReplicaSet", "io.kubernetes.owner.name",
		"web-6d4cf56db6" },
	    false, "k8s/local/prod/Deployment/web", "k8s/local/prod", true, false },
	{ "a Job of a CronJob", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "ops", "io.kubernetes.pod.name",
		"backup-2892-abcde", "io.kubernetes.owner.kind", "Job",
		"io.kubernetes.owner.name", "backup-28923456" },
	    false, "k8s/local/ops/CronJob/backup", "k8s/local/ops", true, true },
	{ "a Job of its own", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "ops", "io.kubernetes.pod.name",
		"migrate-x4z7q", "job-name", "migrate" },
	    false, "k8s/local/ops/Job/migrate", "k8s/local/ops", true, true },
	{ "a StatefulSet without its ordinal", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "prod", "io.kubernetes.pod.name", "db-0",
		"statefulset.kubernetes.io/pod-name", "db-0" },
	    false, "k8s/local/prod/StatefulSet/db", "k8s/local/prod", true, false },
	{ "a DaemonSet as it is", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "kube-system", "io.kubernetes.pod.name",
		"kube-proxy-x8k2p", "io.kubernetes.owner.kind", "DaemonSet",
		"io.kubernetes.owner.name", "kube-proxy" },
	    false, "k8s/local/kube-system/DaemonSet/kube-proxy",
	    "k8s/local/kube-system", true, false },
	{ "a static pod", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "kube-system", "io.kubernetes.pod.name",
		"etcd-n1" },
	    false, "k8s/local/kube-system/Node/etcd", "k8s/local/kube-system", true,
	    false },
	{ "another cluster", "containerd", "", "",
	    { "io.kubernetes.pod.namespace", "a", "io.kubernetes.pod.name", "b",
		"eastwatch.io/cluster", "east" },
	    false, "k8s/east/a/Pod/b", "k8s/east/a", true, false },
	{ "the host's network", "docker", "agent", "agent:1", { 0 }, true, "host/n1",
	    "image/agent", false, false },
	{ "the override wins over the owner", "docker", "shop-web-1", "nginx",
	    { "eastwatch.io/workload", "front", "com.docker.compose.project", "shop",
		"com.docker.compose.service", "web" },
	    false, "front", "compose/shop", true, false },
	{ "the override wins over the host's network", "docker", "agent", "agent",
	    { "eastwatch.io/workload", "agent" }, true, "agent", "image/agent", false,
	    false },
	{ "a name a person chose", "docker", "/cache", "redis:7", { 0 }, false,
	    "docker/cache", "image/redis", false, false },
	{ "a name the engine drew", "docker", "sleepy_turing", "redis:7", { 0 }, false,
	    "image/redis", "image/redis", false, false },
	{ "a chosen name with an underscore", "docker", "my_app", "redis:7", { 0 },
	    false, "docker/my_app", "image/redis", false, false },
	{ "an id for a name", "containerd",
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	    "redis:7", { 0 }, false, "image/redis", "image/redis", false, false },
	{ "nothing but an id", "docker", "", "sha256:0123456789abcdef", { 0 }, false,
	    "container/cafe00000000", "container/cafe00000000", false, false },
	{ "a slash in a label is no separator", "docker", "x", "",
	    { "com.docker.compose.project", "a/b", "com.docker.compose.service",
		"c d" },
	    false, "compose/a%2Fb/c_d", "compose/a%2Fb", true, false },
	{ "control characters do not pass", "docker", "evil\x1b[2J\n", "", { 0 }, false,
	    "docker/evil?[2J?", "docker/evil?[2J?", false, false },
};

Test(rule, derives_the_workload_of_every_environment)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rule_case *c = &cases[i];
		struct ew_instance_info *info = calloc(1, sizeof(*info));
		struct ew_rule_result r;

		ew_text_copy(info->cid, sizeof(info->cid), "cafe0000000011112222");
		ew_text_copy(info->runtime, sizeof(info->runtime), c->runtime);
		ew_text_copy(info->name, sizeof(info->name), c->name);
		ew_text_copy(info->image, sizeof(info->image), c->image);
		for (unsigned k = 0; k < 8 && c->labels[k]; k += 2) {
			struct ew_label *label = &info->labels[info->n_labels++];

			ew_text_copy(label->key, sizeof(label->key), c->labels[k]);
			ew_text_copy(label->value, sizeof(label->value),
			    c->labels[k + 1]);
		}
		info->host_network = c->host_network;
		ew_rule_apply(info, "n1", &r);
		cr_expect_str_eq(r.workload, c->workload, "%s: %s, not %s", c->what,
		    r.workload, c->workload);
		cr_expect_str_eq(r.group, c->group, "%s: group %s, not %s", c->what,
		    r.group, c->group);
		cr_expect_eq(r.is_managed, c->is_managed, "%s: managed", c->what);
		cr_expect_eq(r.is_job, c->is_job, "%s: job", c->what);
		free(info);
	}
}

Test(rule, takes_the_repository_out_of_an_image_reference)
{
	static const char *const images[][2] = {
		{ "nginx", "nginx" },
		{ "nginx:1.25", "nginx" },
		{ "docker.io/library/nginx:1.25", "nginx" },
		{ "docker.io/grafana/loki:2", "grafana/loki" },
		{ "reg.example:5000/team/app", "reg.example:5000/team/app" },
		{ "reg.example:5000/team/app:1.2", "reg.example:5000/team/app" },
		{ "quay.io/x/y:1@sha256:0123", "quay.io/x/y" },
		{ "x@sha256:0123", "x" },
		{ "sha256:0123456789abcdef", "" },
		{ "0123456789abcdef", "" },
		{ "", "" },
	};
	char repo[EW_IMAGE_MAX];

	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		ew_rule_image_repo(images[i][0], repo);
		cr_expect_str_eq(repo, images[i][1], "%s: %s", images[i][0], repo);
	}
}

Test(rule, reads_eastwatch_labels_in_both_spellings)
{
	struct ew_instance_info *info = calloc(1, sizeof(*info));
	struct ew_rule_result r;
	static const char *const labels[][2] = { { "eastwatch.canary", "true" },
		{ "eastwatch.io/scanner", "TRUE" }, { "eastwatch.router", "false" },
		{ "eastwatch.proxy", "1" } };

	for (unsigned i = 0; i < 4; i++) {
		ew_text_copy(info->labels[i].key, EW_LABEL_KEY_MAX, labels[i][0]);
		ew_text_copy(info->labels[i].value, EW_LABEL_VALUE_MAX, labels[i][1]);
	}
	info->n_labels = 4;
	ew_rule_apply(info, "", &r);
	cr_expect_eq(r.labels, EW_LABEL_CANARY | EW_LABEL_SCANNER);
	free(info);
}

Test(rule, keeps_every_name_bounded_and_printable_whatever_the_labels_say)
{
	struct ew_instance_info *info = calloc(1, sizeof(*info));
	struct ew_rule_result r;
	uint32_t x = 12345;

	for (int round = 0; round < 20000; round++) {
		uint8_t *bytes = (uint8_t *)info;

		for (size_t i = 0; i < sizeof(*info); i += 1 + x % 97) {
			x = x * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(x >> 24);
		}
		/* Unterminated fields are the worst a message can carry. */
		static const char *const keys[] = { "com.docker.compose.project",
			"com.docker.compose.service", "io.kubernetes.pod.name",
			"io.kubernetes.pod.namespace" };

		for (unsigned i = 0; i < 4; i++)
			if (x >> (i + 8) & 1)
				ew_text_copy(info->labels[i].key, EW_LABEL_KEY_MAX,
				    keys[i]);
		for (unsigned i = 0; i < EW_LABELS_MAX; i++) {
			info->labels[i].key[EW_LABEL_KEY_MAX - 1] = '\0';
			info->labels[i].value[EW_LABEL_VALUE_MAX - 1] = '\0';
		}
		info->name[sizeof(info->name) - 1] = '\0';
		info->runtime[sizeof(info->runtime) - 1] = '\0';
		ew_rule_apply(info, "n1", &r);
		cr_assert_neq(r.workload[0], '\0');
		for (const char *p = r.workload; *p; p++)
			cr_assert((uint8_t)*p >= 0x20 && *p != 0x7f);
		cr_assert_lt(strlen(r.workload), EW_WORKLOAD_NAME_MAX);
	}
	free(info);
}
