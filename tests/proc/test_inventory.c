/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proc/inventory_file.h"

static const char example[] =
    "{\"format\": \"eastwatch-inventory-1\", \"node\": \"n1\",\n"
    " \"host\": {\"addresses\": [\"10.0.0.5\"], \"interfaces\": [{\"ifindex\": 3, "
    "\"name\": "
    "\"br-shop\", \"kind\": \"bridge\", \"network\": \"shop\"}]},\n"
    " \"resolvers\": [\"172.18.0.1\"], \"services\": [{\"address\": \"10.96.0.10\", "
    "\"port\": "
    "53, \"proto\": \"udp\", \"backends\": [{\"instance\": \"4eea1d3f\", \"port\": "
    "53}]}],\n"
    " \"nat\": [{\"from\": \"2026-01-01T00:00:00Z\", \"to\": null, \"proto\": \"tcp\", "
    "\"orig\": [\"1.2.3.4\", 1, \"10.0.0.5\", 80], \"reply\": [\"172.18.0.2\", 8080, "
    "\"1.2.3.4\", 1]}],\n"
    " \"networks\": [{\"id\": \"shop\", \"bridge\": \"br-shop\", \"subnets\": "
    "[\"172.18.0.0/16\"], \"gateways\": [\"172.18.0.1\"]}],\n"
    " \"instances\": [{\"id\": \"4eea1d3f\", \"name\": \"shop-web-1\", \"hostname\": "
    "\"4eea1d3f\", \"image\": \"nginx:1.25\", \"spec\": \"sha256:1\", \"runtime\": "
    "\"docker\",\n"
    "   \"workload\": \"compose/shop/web\", \"labels\": {\"a\": \"b\"}, \"started\": "
    "\"2026-01-01T00:00:00Z\", \"stopped\": null,\n"
    "   \"posture\": {\"privileged\": false, \"host_network\": false, \"host_pid\": "
    "true, "
    "\"runtime_socket\": false, \"capabilities\": [\"NET_ADMIN\"], \"published\": "
    "[\"8080:80/tcp\"], \"mounts\": []},\n"
    "   \"interfaces\": [{\"network\": \"shop\", \"ifindex\": 12, \"mac\": "
    "\"02:42:ac:12:00:02\", \"addresses\": [\"172.18.0.2\"],\n"
    "     \"from\": \"2026-01-01T00:00:00Z\", \"to\": null}]}]}\n";

static struct seen {
	unsigned host_addrs, ifaces, networks, resolvers, services, nats, instances,
	    warnings;
	struct ew_instance_info info;
	struct ew_nat_info nat;
	char warning[640];
} seen;

static void
on_host_addr(void *context, const struct ew_addr *addr)
{
	(void)context;
	(void)addr;
	seen.host_addrs++;
}

static void
on_iface(void *context, const struct ew_iface *iface, const char *network)
{
	(void)context;
	cr_expect_eq(iface->kind, EW_IFACE_BRIDGE);
	cr_expect_str_eq(network, "shop");
	seen.ifaces++;
}

static void
on_network(void *context, const struct ew_network_info *info)
{
	(void)context;
	cr_expect_eq(info->subnets[0].bits, 112);
	seen.networks++;
}

static void
on_resolver(void *context, const struct ew_addr *addr)
{
	(void)context;
	(void)addr;
	seen.resolvers++;
}

static void
on_service(void *context, const struct ew_service_info *info)
{
	(void)context;
	cr_expect_eq(info->proto, 17);
	seen.services++;
}

static void
on_nat(void *context, const struct ew_nat_info *info)
{
	(void)context;
	seen.nat = *info;
	seen.nats++;
}

static void
on_instance(void *context, const struct ew_instance_info *info)
{
	(void)context;
	seen.info = *info;
	seen.instances++;
}

static void
on_warning(void *context, const char *sentence)
{
	(void)context;
	(void)strncpy(seen.warning, sentence, sizeof(seen.warning) - 1);
	seen.warnings++;
}

static const struct ew_inventory_sink sink = { .host_addr = on_host_addr,
	.iface = on_iface,
	.network = on_network,
	.resolver = on_resolver,
	.service = on_service,
	.nat = on_nat,
	.instance = on_instance,
	.warning = on_warning };

Test(inventory, reads_every_record_of_the_contract)
{
	struct ew_error error = { .text = "" };

	cr_assert_eq(ew_inventory_parse("i.json", example, strlen(example), &sink,
			 &error),
	    0, "%s", error.text);
	cr_expect_eq(seen.host_addrs, 1);
	cr_expect_eq(seen.ifaces, 1);
	cr_expect_eq(seen.networks, 1);
	cr_expect_eq(seen.resolvers, 1);
	cr_expect_eq(seen.services, 1);
	cr_expect_eq(seen.nats, 1);
	cr_expect_eq(seen.instances, 1);
	cr_expect_eq(seen.warnings, 0, "%s", seen.warning);
	cr_expect_eq(seen.nat.reply_sport, 8080);
	cr_expect_eq(seen.nat.from.ns, INT64_C(1767225600000000000));
	cr_expect_eq(seen.nat.to.ns, 0);
	cr_expect_str_eq(seen.info.workload, "compose/shop/web");
	cr_expect_eq(seen.info.posture,
	    EW_POSTURE_HOST_PID | EW_POSTURE_CAP_NET_ADMIN | EW_POSTURE_PUBLISHED);
	cr_expect_eq(seen.info.published[0].host_port, 8080);
	cr_expect_neq(seen.info.spec_hash, 0);
	cr_expect_eq(seen.info.ifaces[0].ifindex, 12);
	cr_expect(seen.info.ifaces[0].has_mac);
}

Test(inventory, needs_little)
{
	const char *text =
	    "{\"format\": \"eastwatch-inventory-1\", \"networks\": [], "
	    "\"instances\": [{\"id\": \"a\", \"name\": \"b\", \"interfaces\": []}]}";
	struct ew_error error = { .text = "" };

	cr_expect_eq(ew_inventory_parse("i", text, strlen(text), &sink, &error), 0,
	    "%s", error.text);
	cr_expect_eq(seen.instances, 1);
}

Test(inventory, ignores_unknown_keys_with_one_warning)
{
	const char *text =
	    "{\"format\": \"eastwatch-inventory-1\", \"future\": 1, \"networks\": [], "
	    "\"instances\": [{\"id\": \"a\", \"name\": \"b\", \"interfaces\": [], "
	    "\"colour\": 1}]}";
	struct ew_error error;

	cr_expect_eq(ew_inventory_parse("i.json", text, strlen(text), &sink, &error),
	    0);
	cr_expect_eq(seen.warnings, 1);
	cr_expect_not_null(strstr(seen.warning, "2 unknown keys"), "%s", seen.warning);
	cr_expect_not_null(strstr(seen.warning, "future"), "%s", seen.warning);
}

Test(inventory, names_the_line_of_a_mistake_and_hands_out_nothing)
{
	static const char *const cases[][2] = {
		{ "{\n\"format\": 1}", "i.json:2: format must be" },
		{ "{\"format\": \"eastwatch-inventory-2\",\n\"networks\": [], "
		  "\"instances\": []}",
		    "i.json:1: format is \"eastwatch-inventory-2\", of a version" },
		{ "{\"format\": \"eastwatch-inventory-1\"}",
		    "i.json:1: networks is missing" },
		{ "{\"format\": \"eastwatch-inventory-1\", \"networks\": [\n{\"id\": "
		  "\"a\"},\n"
		  "{\"id\": \"b\",\n \"subnets\": [\"10.0.0.0/8\",\n \"10.x\"]}], "
		  "\"instances\": []}",
		    "i.json:5: networks[1].subnets[1] must be ADDRESS/BITS" },
		{ "{\"format\": \"eastwatch-inventory-1\", \"networks\": [], "
		  "\"instances\": [\n"
		  "{\"id\": \"a\", \"name\": \"b\", \"interfaces\": [{\n\"mac\": "
		  "\"zz\"}]}]}",
		    "i.json:3: instances[0].interfaces[0].mac must be a MAC" },
		{ "{\"format\": \"eastwatch-inventory-1\", \"networks\": [], "
		  "\"instances\": [\n"
		  "{\"name\": \"b\", \"interfaces\": []}]}",
		    "i.json:2: instances[0] has no id" },
		{ "{\"format\": \"eastwatch-inventory-1\", \"networks\": [], "
		  "\"instances\": [\n\n"
		  "{\"id\": \"a\", \"name\": \"b\"}]}",
		    "i.json:3: instances[0] has no interfaces" },
		{ "{\"format\": \"eastwatch-inventory-1\",\n \"networks\": [],,",
		    "i.json:2: " },
		{ "", "i.json:1: " },
		{ "[]", "i.json:1: an inventory is one JSON object" },
		{ "{\"format\": \"eastwatch-inventory-1\", \"networks\": [], "
		  "\"instances\": [\n"
		  "{\"id\": \"a\", \"name\": \"b\", \"started\": "
		  "\"yesterday\",\"interfaces\": []}]}",
		    "i.json:2: instances[0].started is \"yesterday\", but must be a "
		    "time" },
	};
	struct ew_error error;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error.text[0] = '\0';
		cr_expect_lt(ew_inventory_parse("i.json", cases[i][0],
				 strlen(cases[i][0]), &sink, &error),
		    0);
		cr_expect_eq(strncmp(error.text, cases[i][1], strlen(cases[i][1])), 0,
		    "%s\nis not\n%s", error.text, cases[i][1]);
	}
	cr_expect_eq(seen.networks + seen.instances, 0);
}

Test(inventory, survives_any_truncation)
{
	struct ew_error error;

	for (size_t i = 0; i < strlen(example) - 1; i++)
		cr_expect_lt(ew_inventory_parse("i", example, i, &sink, &error), 0,
		    "%zu", i);
}
