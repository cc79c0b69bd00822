/* SPDX-License-Identifier: Apache-2.0 */
/* The tree is made by hand after what containerd 1.6 and the CNI plugins write. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "base/time.h"
#include "io/loop.h"
#include "proc/bundle_parse.h"
#include "proc/bundles.h"

#define POD                                                                            \
	"{\"hostname\":\"web-0\",\"annotations\":{\"io.kubernetes.cri.container-"      \
	"type\":\"sandbox\","                                                          \
	"\"io.kubernetes.cri.sandbox-name\":\"web-0\",\"io.kubernetes.cri.sandbox-"    \
	"namespace\":"                                                                 \
	"\"shop\",\"io.kubernetes.cri.sandbox-uid\":\"u\"},\"linux\":{\"namespaces\":" \
	"[{\"type\":"                                                                  \
	"\"pid\"},{\"type\":\"network\",\"path\":\"/var/run/netns/"                    \
	"cni-1\"}]},\"mounts\":[]}"
#define CONTAINER                                                                     \
	"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","       \
	"\"io.kubernetes.cri.container-name\":\"nginx\",\"io.kubernetes.cri.sandbox-" \
	"id\":\"pod1\","                                                              \
	"\"io.kubernetes.cri.image-name\":\"nginx:1.25\"},\"process\":{\"env\":[\"A=" \
	"1\","                                                                        \
	"\"HOSTNAME=web-0\"],\"capabilities\":{\"bounding\":[\"CAP_NET_ADMIN\"]}},"   \
	"\"linux\":{"                                                                 \
	"\"namespaces\":[{\"type\":\"network\"}]},\"mounts\":[{\"source\":"           \
	"\"/run/containerd/containerd.sock\"}]}"
#define CNI                                                                            \
	"{\"kind\":\"cniCacheV1\",\"containerId\":\"pod1\",\"networkName\":"           \
	"\"podnet\",\"result\":{"                                                      \
	"\"interfaces\":[{\"name\":\"cni0\",\"mac\":\"aa:aa:aa:aa:aa:aa\"},{\"name\":" \
	"\"veth1\"},"                                                                  \
	"{\"name\":\"eth0\",\"mac\":\"02:42:0a:16:00:05\",\"sandbox\":\"/var/run/"     \
	"netns/cni-1\"}],"                                                             \
	"\"ips\":[{\"address\":\"10.22.0.5/16\",\"gateway\":\"10.22.0.1\"}]}}"

Test(bundle_parse, a_sandbox_is_named_after_its_pod)
{
	static struct ew_instance_info info;

	cr_assert_eq(ew_bundle_parse(POD, strlen(POD), &info), 0);
	cr_expect_str_eq(info.name, "web-0");
	cr_expect_str_eq(info.hostname, "web-0");
	cr_expect_eq(info.n_labels, 4);
	cr_expect_eq(info.posture, 0);
}

Test(bundle_parse, a_container_shares_its_sandbox_and_shows_its_posture)
{
	static struct ew_instance_info info;

	cr_assert_eq(ew_bundle_parse(CONTAINER, strlen(CONTAINER), &info), 0);
	cr_expect_str_eq(info.netns_of, "pod1");
	cr_expect_str_eq(info.image, "nginx:1.25");
	cr_expect_eq(info.posture,
	    EW_POSTURE_CAP_NET_ADMIN | EW_POSTURE_HOST_PID | EW_POSTURE_RUNTIME_SOCKET);
}

Test(bundle_parse, a_result_has_address_mac_and_network)
{
	struct ew_cni_result result;
	char text[EW_ADDR_TEXT];

	cr_assert_eq(ew_cni_parse(CNI, strlen(CNI), &result), 0);
	cr_expect_str_eq(result.container, "pod1");
	cr_expect_str_eq(result.network.bridge, "cni0");
	cr_expect_str_eq(ew_addr_format(&result.iface.addrs[0], text), "10.22.0.5");
	cr_expect_eq(result.iface.mac[5], 5);
	cr_expect_eq(result.network.subnets[0].bits, 112);
}

Test(bundle_parse, nonsense_is_refused)
{
	static const char *const texts[] = { "", "[]", "{}", "{\"linux\":7}",
		"{\"result\":[]}", "{\"kind\":\"cniCacheV1\",\"result\":{}}", "\xff" };
	static struct ew_instance_info info;
	struct ew_cni_result result;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_expect_eq(ew_bundle_parse(texts[i], strlen(texts[i]), &info),
		    EW_ERR_FORMAT);
		cr_expect_eq(ew_cni_parse(texts[i], strlen(texts[i]), &result),
		    EW_ERR_FORMAT);
	}
}

struct bench {
	struct ew_loop *loop;
	struct ew_timer *timer;
	char root[64];
	char said[2048];
	struct ew_instance_info last;
};

static int
on_send(void *context, enum ew_proc_type type, const void *record)
{
	struct bench *b = context;
	const size_t used = strlen(b->said);
	const char *what = "";

	if (type == EW_PROC_INSTANCE) {
		b->last = *(const struct ew_instance_info *)record;
		what = b->last.cid;
	} else if (type == EW_PROC_INSTANCE_GONE || type == EW_PROC_NETWORK_GONE) {
		what = ((const struct ew_gone *)record)->id;
	} else if (type == EW_PROC_RUNTIME) {
		what = ((const struct ew_runtime_status *)record)->is_connected
		    ? "up"
		    : "down";
	}
	(void)snprintf(b->said + used, sizeof(b->said) - used, "%s%s%s;",
	    ew_proc_type_name(type), what[0] ? " " : "", what);
	return 0;
}

static void
on_timer(void *context)
{
	ew_loop_stop(context);
}

static void
run(struct bench *b, int ms)
{
	ew_timer_start(b->timer, ms * EW_NS_PER_MS);
	ew_loop_run(b->loop);
}

static void
make_folder(const struct bench *b, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b->root, name);
	cr_assert_eq(mkdir(path, 0700), 0, "%s", path);
}

static void
make_file(const struct bench *b, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b->root, name);
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file, "%s", path);
	(void)fputs(text, file);
	(void)fclose(file);
}

Test(bundles, a_pod_appears_with_its_address_and_goes)
{
	struct bench *b = calloc(1, sizeof(*b));
	char cni[96], command[256];

	(void)ew_text_copy(b->root, sizeof(b->root), "/tmp/ew-bundles-XXXXXX");
	cr_assert_not_null(mkdtemp(b->root));
	(void)snprintf(cni, sizeof(cni), "%s/cni", b->root);
	make_folder(b, "cni");
	make_folder(b, "io.containerd.runtime.v2.task");
	make_folder(b, "io.containerd.runtime.v2.task/moby");
	make_folder(b, "io.containerd.runtime.v2.task/k8s.io");
	b->loop = ew_loop_new();
	b->timer = ew_timer_new(b->loop, on_timer, b->loop);
	struct ew_bundles *bundles =
	    ew_bundles_new(b->loop, b->root, cni, false, on_send, b);
	run(b, 100);
	cr_expect_str_eq(b->said, "runtime up;inventory-ready;");
	b->said[0] = '\0';
	make_folder(b, "io.containerd.runtime.v2.task/k8s.io/pod1");
	make_file(b, "cni/podnet-pod1-eth0", CNI);
	make_file(b, "io.containerd.runtime.v2.task/k8s.io/pod1/config.json", POD);
	make_file(b, "io.containerd.runtime.v2.task/k8s.io/pod1/init.pid", "42");
	run(b, 600);
	cr_expect_str_eq(b->said, "network;instance pod1;runtime up;", "%s", b->said);
	cr_expect_eq(b->last.n_ifaces, 1);
	cr_expect_eq(b->last.pid, 42);
	cr_expect_str_eq(b->last.runtime, "containerd");
	b->said[0] = '\0';
	(void)snprintf(command, sizeof(command),
	    "rm -r %s/cni/podnet-pod1-eth0 "
	    "%s/io.containerd.runtime.v2.task/k8s.io/pod1",
	    b->root, b->root);
	cr_assert_eq(system(command), 0);
	run(b, 600);
	cr_expect_str_eq(b->said, "instance-gone pod1;network-gone podnet;runtime up;",
	    "%s", b->said);
	ew_bundles_free(bundles);
	ew_timer_free(b->timer);
	ew_loop_free(b->loop);
	(void)snprintf(command, sizeof(command), "rm -r %s", b->root);
	cr_assert_eq(system(command), 0);
	free(b);
}

Test(bundles, what_is_docker_s_or_missing_is_no_complaint)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->loop = ew_loop_new();
	b->timer = ew_timer_new(b->loop, on_timer, b->loop);
	struct ew_bundles *bundles =
	    ew_bundles_new(b->loop, "/nonexistent", "/nonexistent", false, on_send, b);
	run(b, 100);
	cr_expect_str_eq(b->said, "runtime down;");
	cr_expect_not(ew_bundles_status(bundles)->is_configured);
	cr_expect_str_eq(ew_bundles_status(bundles)->sentence, "");
	ew_bundles_free(bundles);
	ew_timer_free(b->timer);
	ew_loop_free(b->loop);
	free(b);
}
