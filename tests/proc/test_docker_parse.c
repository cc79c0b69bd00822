/* SPDX-License-Identifier: Apache-2.0 */
/* The fixtures in tests/data/docker were taken from a Docker Engine 20.10 (API 1.41). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proc/docker_parse.h"

#define WEB "ff4c8191de8020747c03060580860841b410b70d4f908ac86de4118d2ad68551"
#define SHOP "71e6342f4fdd47bc9cf66171669ca7ede323f483b5040370d867dc38fdd66beb"

static char *
fixture(const char *name, size_t *ret_size)
{
	const char *root = getenv("EW_SRCDIR");
	char path[512];
	char *text = calloc(1, 1 << 20);

	(void)snprintf(path, sizeof(path), "%s/tests/data/docker/%s", root ? root : ".",
	    name);
	FILE *file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	*ret_size = fread(text, 1, (1 << 20) - 1, file);
	(void)fclose(file);
	return text;
}

struct seen {
	unsigned n;
	struct ew_instance_info info[4];
	struct ew_network_info network[4];
	struct ew_docker_endpoint endpoint[4];
	unsigned n_networks, n_endpoints;
};

static void
on_info(void *context, const struct ew_instance_info *info)
{
	struct seen *seen = context;

	seen->info[seen->n++ % 4] = *info;
}

static void
on_network(void *context, const struct ew_network_info *info)
{
	struct seen *seen = context;

	seen->network[seen->n_networks++ % 4] = *info;
}

static void
on_endpoint(void *context, const struct ew_docker_endpoint *endpoint)
{
	struct seen *seen = context;

	seen->endpoint[seen->n_endpoints++ % 4] = *endpoint;
}

static const char *
addr_text(const struct ew_addr *addr)
{
	static char text[EW_ADDR_TEXT];

	return ew_addr_format(addr, text);
}

Test(docker_parse, a_create_event_has_name_image_and_labels)
{
	struct ew_docker_event *event = calloc(1, sizeof(*event));
	size_t size;
	char *text = fixture("events.json", &size);
	const size_t line = strcspn(text, "\n");

	cr_assert_eq(ew_docker_parse_event(text, line, "docker", event), 0);
	cr_expect_str_eq(event->action, "create");
	cr_expect_str_eq(event->id, WEB);
	cr_expect_str_eq(event->info.name, "shop-web-1");
	cr_expect_str_eq(event->info.image, "bb:1");
	cr_expect_eq(event->info.n_labels, 3);
	cr_expect_str_eq(event->info.labels[0].key, "com.docker.compose.project");
	cr_expect_str_eq(event->info.labels[0].value, "shop");
	cr_expect_eq(event->time_ns, INT64_C(1795615479288171389));
	const char *second = text + line + 1;
	cr_assert_eq(ew_docker_parse_event(second, strcspn(second, "\n"), "docker",
			 event),
	    0);
	cr_expect(event->is_network);
	cr_expect_str_eq(event->action, "connect");
	cr_expect_str_eq(event->id, SHOP);
	cr_expect_str_eq(event->container, WEB);
	free(text);
	free(event);
}

Test(docker_parse, a_list_has_addresses_ports_and_shared_namespaces)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	size_t size;
	char *text = fixture("containers.json", &size);

	cr_assert_eq(ew_docker_parse_list(text, size, "docker", on_info, seen), 0);
	cr_assert_eq(seen->n, 2);
	cr_expect_str_eq(seen->info[0].name, "sidecar");
	cr_expect_str_eq(seen->info[0].netns_of, WEB);
	const struct ew_instance_info *web = &seen->info[1];
	cr_expect_str_eq(web->name, "shop-web-1");
	cr_expect_str_eq(web->runtime, "docker");
	cr_assert_eq(web->n_ifaces, 1);
	cr_expect_str_eq(web->ifaces[0].network, SHOP);
	cr_expect_str_eq(addr_text(&web->ifaces[0].addrs[0]), "172.31.77.2");
	cr_expect_eq(web->ifaces[0].mac[5], 2);
	cr_expect_eq(web->n_published, 2);
	cr_expect_eq(web->published[0].host_port, 8080);
	cr_expect_eq(web->published[0].port, 80);
	cr_expect(web->posture & EW_POSTURE_PUBLISHED);
	free(text);
	free(seen);
}

Test(docker_parse, a_network_has_its_bridge_and_a_gateway_nobody_wrote_down)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	size_t size;
	char *text = fixture("network.json", &size);

	cr_assert_eq(ew_docker_parse_networks(text, size, on_network, on_endpoint,
			 seen),
	    0);
	cr_assert_eq(seen->n_networks, 1);
	cr_expect_str_eq(seen->network[0].id, SHOP);
	cr_expect_str_eq(seen->network[0].name, "shop");
	cr_expect_str_eq(seen->network[0].bridge, "br-owt");
	cr_expect_str_eq(addr_text(&seen->network[0].gateways[0]), "172.31.77.1");
	cr_assert_eq(seen->n_endpoints, 1);
	cr_expect_str_eq(seen->endpoint[0].container, WEB);
	cr_expect_str_eq(addr_text(&seen->endpoint[0].iface.addrs[0]), "172.31.77.2");
	free(text);
	text = fixture("networks.json", &size);
	seen->n_networks = 0;
	cr_assert_eq(ew_docker_parse_networks(text, size, on_network, NULL, seen), 0);
	cr_expect_eq(seen->n_networks, 1, "host and none are no networks");
	free(text);
	free(seen);
}

Test(docker_parse, an_inspect_has_posture_process_and_revision)
{
	static struct ew_instance_info info;
	bool is_running = false;
	size_t size;
	char *text = fixture("inspect.json", &size);

	cr_assert_eq(ew_docker_parse_inspect(text, size, "docker", &info, &is_running),
	    0);
	cr_expect(is_running);
	cr_expect_str_eq(info.hostname, "ff4c8191de80");
	cr_expect_eq(info.pid, 25981);
	cr_expect_neq(info.spec_hash, 0);
	cr_expect_eq(info.posture, EW_POSTURE_PUBLISHED);
	cr_expect_eq(info.started.ns / 1000000000, 1795615479);
	free(text);
}

Test(docker_parse, posture_is_read_from_what_opens_the_host)
{
	static const struct {
		const char *host, *mounts;
		uint16_t posture;
	} cases[] = {
		{ "{\"Privileged\": true}", "[]", EW_POSTURE_PRIVILEGED },
		{ "{\"PidMode\": \"host\"}", "[]", EW_POSTURE_HOST_PID },
		{ "{\"NetworkMode\": \"host\"}", "[]", EW_POSTURE_HOST_NETWORK },
		{ "{\"CapAdd\": [\"NET_ADMIN\", \"CAP_SYS_PTRACE\"]}", "[]",
		    EW_POSTURE_CAP_NET_ADMIN | EW_POSTURE_CAP_SYS_PTRACE },
		{ "{\"CapAdd\": [\"ALL\"]}", "[]",
		    EW_POSTURE_CAP_NET_ADMIN | EW_POSTURE_CAP_SYS_PTRACE |
			EW_POSTURE_CAP_SYS_ADMIN },
		{ "{}", "[{\"Source\": \"/var/run/docker.sock\"}]",
		    EW_POSTURE_RUNTIME_SOCKET },
		{ "{}", "[{\"Source\": \"/run/containerd/containerd.sock\"}]",
		    EW_POSTURE_RUNTIME_SOCKET },
		{ "{}", "[{\"Source\": \"/\"}]", EW_POSTURE_RUNTIME_SOCKET },
		{ "{}", "[{\"Source\": \"/srv/data\"}]", 0 },
	};
	static struct ew_instance_info info;
	bool is_running;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		const int n = snprintf(text, sizeof(text),
		    "{\"Id\": \"abc\", \"HostConfig\": %s, \"Mounts\": %s}",
		    cases[i].host, cases[i].mounts);
		cr_assert_eq(ew_docker_parse_inspect(text, (size_t)n, "docker", &info,
				 &is_running),
		    0);
		cr_expect_eq(info.posture, cases[i].posture, "%s gave %x", text,
		    info.posture);
	}
}

static uint64_t
spec_of(const char *config)
{
	static struct ew_instance_info info;
	bool is_running;
	char text[1024];
	const int n = snprintf(text, sizeof(text),
	    "{\"Id\": \"abc\", \"Image\": \"sha256:1\", \"Config\": %s}", config);

	cr_assert_eq(ew_docker_parse_inspect(text, (size_t)n, "docker", &info,
			 &is_running),
	    0);
	return info.spec_hash;
}

Test(docker_parse, a_revision_is_image_environment_ports_and_labels_but_not_the_replica)
{
	const uint64_t one = spec_of("{\"Env\": [\"A=1\"], \"Labels\": "
				     "{\"com.docker.compose.container-number\": "
				     "\"1\", \"x\": \"y\"}}");

	cr_expect_eq(one,
	    spec_of(
		"{\"Labels\": {\"x\": \"y\", \"com.docker.compose.container-number\": "
		"\"2\"}, \"Env\": [\"A=1\"], \"Hostname\": \"other\"}"));
	cr_expect_neq(one, spec_of("{\"Env\": [\"A=2\"], \"Labels\": {\"x\": \"y\"}}"));
	cr_expect_neq(one, spec_of("{\"Env\": [\"A=1\"], \"Labels\": {\"x\": \"z\"}}"));
}

Test(docker_parse, nonsense_is_refused_or_left_out)
{
	static const char *const lists[] = { "", "{}", "[", "null", "[{]",
		"[{\"Id\":1}", "\xff" };
	static struct ew_instance_info info;
	static struct ew_docker_event event;
	struct ew_docker_version version;
	struct seen *seen = calloc(1, sizeof(*seen));
	bool is_running;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const size_t size = strlen(lists[i]);
		cr_expect_eq(ew_docker_parse_list(lists[i], size, "docker", on_info,
				 seen),
		    EW_ERR_FORMAT, "%s", lists[i]);
		cr_expect_eq(ew_docker_parse_event(lists[i], size, "docker", &event),
		    EW_ERR_FORMAT);
		cr_expect_eq(ew_docker_parse_inspect(lists[i], size, "docker", &info,
				 &is_running),
		    EW_ERR_FORMAT);
		cr_expect_eq(ew_docker_parse_version(lists[i], size, &version),
		    EW_ERR_FORMAT);
	}
	const char *odd =
	    "[{\"Id\": \"../../etc\"}, {\"Id\": 7}, 3, {\"Id\": \"ok\", \"Names\": "
	    "\"x\", \"Labels\": [], \"Ports\": {}, \"NetworkSettings\": 9}]";
	cr_expect_eq(ew_docker_parse_list(odd, strlen(odd), "docker", on_info, seen),
	    0);
	cr_expect_eq(seen->n, 1);
	free(seen);
}

Test(docker_parse, the_version_says_the_range_and_whether_it_is_podman)
{
	struct ew_docker_version v;
	size_t size;
	char *text = fixture("version.json", &size);

	cr_assert_eq(ew_docker_parse_version(text, size, &v), 0);
	cr_expect_eq(v.api, 41);
	cr_expect_eq(v.min_api, 12);
	cr_expect_not(v.is_podman);
	free(text);
}

/* As Podman 4.3.1 answers: its containers name their network, its bridges are its secret. */
Test(docker_parse, podman_names_networks_and_hides_bridges)
{
	static const char list[] =
	    "[{\"Id\":\"6d8a209169b6\",\"Names\":[\"/p1\"],\"Image\":\"\",\"Ports\":[],"
	    "\"Labels\":{\"a\":\"b\"},\"State\":\"running\",\"NetworkSettings\":{"
	    "\"Networks\":{"
	    "\"podnet\":{\"NetworkID\":\"podnet\",\"EndpointID\":\"\",\"Gateway\":\"10."
	    "99.7.1\","
	    "\"IPAddress\":\"10.99.7.4\",\"MacAddress\":\"6e:76:78:42:01:90\"}}},"
	    "\"Config\":null}]";
	static const char networks[] =
	    "[{\"Name\":\"podnet\",\"Id\":"
	    "\"a9b010f787ddacd015248c8af80acaf10653cbff75d0a27683a09869"
	    "bc28b4f6\",\"Driver\":\"bridge\",\"IPAM\":{\"Driver\":\"default\","
	    "\"Options\":{"
	    "\"driver\":\"host-local\"},\"Config\":[{\"Subnet\":\"10.99.7.0/"
	    "24\",\"Gateway\":"
	    "\"10.99.7.1\"}]},\"Internal\":false,\"Containers\":{},\"Options\":{},"
	    "\"Labels\":{}}]";
	struct seen *seen = calloc(1, sizeof(*seen));

	cr_assert_eq(ew_docker_parse_list(list, strlen(list), "podman", on_info, seen),
	    0);
	cr_assert_eq(seen->n, 1);
	cr_expect_str_eq(seen->info[0].ifaces[0].network, "podnet");
	cr_expect_str_eq(addr_text(&seen->info[0].ifaces[0].addrs[0]), "10.99.7.4");
	cr_assert_eq(ew_docker_parse_networks(networks, strlen(networks), on_network,
			 NULL, seen),
	    0);
	cr_expect_str_eq(seen->network[0].bridge, "");
	cr_expect_str_eq(seen->network[0].name, "podnet");
	free(seen);
}
