/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mappings that are JSON: Elastic Common Schema 8.11, OCSF 1.3 Network Activity (class
 * 4001) and Suricata's EVE flow record. Versions are named in the records where the schema
 * has a place for it. What the schema has no place for (workloads, verdict) stands under
 * `eastwatch`, or in OCSF under `unmapped`.
 */
#include "cli/siem.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/writer.h"

/* Nothing for "": a missing key is no claim. */
static void
put(json_t *object, const char *key, const char *value)
{
	if (value[0])
		json_object_set_new(object, key, json_string(value));
}

static void
put_count(json_t *object, const char *key, int64_t value)
{
	if (value >= 0)
		json_object_set_new(object, key, json_integer(value));
}

static void
put_time(json_t *object, const char *key, int64_t us)
{
	char text[EW_TIME_TEXT];

	json_object_set_new(object, key,
	    json_string(ew_wall_format((struct ew_wall){ .us = us }, text)));
}

static void
finish(json_t *take_root, struct ew_text *text)
{
	char *line = json_dumps(take_root,
	    JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);

	/* ASCII leaves one character that a terminal takes for its own: DEL. */
	if (line)
		ew_add_safe_json(text, line);
	free(line);
	json_decref(take_root);
}

static json_t *
ours(const struct ew_siem_flow *f)
{
	json_t *o = json_object();

	put(o, "src_workload", f->src_workload);
	put(o, "src_instance", f->src_instance);
	put(o, "dst_workload", f->dst_workload);
	put(o, "dst_instance", f->dst_instance);
	put(o, "verdict", f->verdict);
	put(o, "conn_state", f->conn_state);
	put(o, "history", f->history);
	put(o, "tunnel_parent", f->tunnel_parent);
	json_object_set_new(o, "gap", json_boolean(f->gap));
	return o;
}

/* --- ECS ----------------------------------------------------------------------------------- */

static const char *
ecs_direction(const char *direction)
{
	if (strcmp(direction, "lateral") == 0 || strcmp(direction, "local") == 0)
		return "internal";
	return strcmp(direction, "unknown") == 0 ? "unknown" : direction;
}

static json_t *
ecs_end(const char *ip, int64_t port, int64_t bytes, int64_t packets)
{
	json_t *end = json_object();

	put(end, "address", ip);
	put(end, "ip", ip);
	put_count(end, "port", port);
	put_count(end, "bytes", bytes);
	put_count(end, "packets", packets);
	return end;
}

void
ew_siem_ecs(const struct ew_siem_flow *f, struct ew_text *text)
{
	json_t *root = json_object(), *event, *network, *destination;
	char number[16];

	put_time(root, "@timestamp", f->end_us);
	json_object_set_new(root, "ecs", json_pack("{s:s}", "version", "8.11.0"));
	event = json_pack("{s:s,s:[s],s:[s,s],s:s,s:s}", "kind", "event", "category",
	    "network", "type", "connection", f->is_open ? "info" : "end", "dataset",
	    "eastwatch.flow", "module", "eastwatch");
	put(event, "id", f->flow_id);
	put_time(event, "start", f->start_us);
	put_time(event, "end", f->end_us);
	json_object_set_new(event, "duration",
	    json_integer((f->end_us - f->start_us) * 1000));
	json_object_set_new(root, "event", event);
	network = json_object();
	put(network, "transport",
	    strcmp(f->proto, "icmp6") == 0 ? "ipv6-icmp" : f->proto);
	snprintf(number, sizeof(number), "%d", ew_siem_proto(f->proto));
	put(network, "iana_number", number);
	put(network, "type", strchr(f->src_ip, ':') ? "ipv6" : "ipv4");
	put(network, "direction", ecs_direction(f->direction));
	put(network, "community_id", f->community_id);
	put_count(network, "bytes", f->src_bytes + f->dst_bytes);
	if (f->src_pkts >= 0 && f->dst_pkts >= 0)
		put_count(network, "packets", f->src_pkts + f->dst_pkts);
	json_object_set_new(root, "network", network);
	json_object_set_new(root, "source",
	    ecs_end(f->src_ip, f->src_port, f->src_bytes, f->src_pkts));
	destination = ecs_end(f->dst_ip, f->dst_port, f->dst_bytes, f->dst_pkts);
	if (f->nat_dst_ip[0])
		json_object_set_new(destination, "nat",
		    json_pack("{s:s,s:I}", "ip", f->nat_dst_ip, "port",
			(json_int_t)f->nat_dst_port));
	json_object_set_new(root, "destination", destination);
	json_object_set_new(root, "eastwatch", ours(f));
	finish(root, text);
}

/* --- OCSF ---------------------------------------------------------------------------------- */

/* activity_id of class 4001. */
static int
ocsf_activity(const struct ew_siem_flow *f)
{
	static const struct {
		const char *state;
		int activity;
	} states[] = { { "SF", 2 }, { "RSTO", 3 }, { "RSTR", 3 }, { "S0", 4 },
		{ "SH", 4 }, { "RSTOS0", 4 }, { "REJ", 5 } };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(states[i].state, f->conn_state) == 0)
			return states[i].activity;
	return 6;
}

static int
ocsf_direction(const char *direction)
{
	static const char *const names[] = { "unknown", "inbound", "outbound",
		"lateral", "local" };

	for (int i = 0; i < 5; i++)
		if (strcmp(names[i], direction) == 0)
			return i;
	return 0;
}

static json_t *
ocsf_end(const char *ip, int64_t port, const char *workload, const char *instance)
{
	json_t *end = json_object();

	put(end, "ip", ip);
	put_count(end, "port", port);
	put(end, "svc_name", workload);
	if (instance[0])
		json_object_set_new(end, "container",
		    json_pack("{s:s}", "uid", instance));
	return end;
}

void
ew_siem_ocsf(const struct ew_siem_flow *f, struct ew_text *text)
{
	const int activity = ocsf_activity(f);
	json_t *root = json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:I,s:I,s:I}", "class_uid",
	    4001, "category_uid", 4, "activity_id", activity, "type_uid",
	    400100 + activity, "severity_id", 1, "status_id",
	    activity == 4 || activity == 5 ? 2 : 1, "time",
	    (json_int_t)(f->end_us / 1000), "start_time",
	    (json_int_t)(f->start_us / 1000), "end_time",
	    (json_int_t)(f->end_us / 1000));
	json_t *connection = json_object(), *traffic = json_object();

	json_object_set_new(root, "metadata",
	    json_pack("{s:s,s:{s:s,s:s},s:s}", "version", "1.3.0", "product", "name",
		"eastwatch", "vendor_name", "eastwatch", "uid", f->flow_id));
	put(connection, "uid", f->flow_id);
	put(connection, "community_uid", f->community_id);
	put(connection, "protocol_name", f->proto);
	put_count(connection, "protocol_num", ew_siem_proto(f->proto));
	put_count(connection, "protocol_ver_id", strchr(f->src_ip, ':') ? 6 : 4);
	put_count(connection, "direction_id", ocsf_direction(f->direction));
	put(connection, "flag_history", f->history);
	json_object_set_new(root, "connection_info", connection);
	json_object_set_new(root, "src_endpoint",
	    ocsf_end(f->src_ip, f->src_port, f->src_workload, f->src_instance));
	json_object_set_new(root, "dst_endpoint",
	    ocsf_end(f->dst_ip, f->dst_port, f->dst_workload, f->dst_instance));
	put_count(traffic, "bytes_out", f->src_bytes);
	put_count(traffic, "bytes_in", f->dst_bytes);
	put_count(traffic, "bytes", f->src_bytes + f->dst_bytes);
	put_count(traffic, "packets_out", f->src_pkts);
	put_count(traffic, "packets_in", f->dst_pkts);
	json_object_set_new(root, "traffic", traffic);
	json_object_set_new(root, "unmapped",
	    json_pack("{s:s,s:s,s:b}", "verdict", f->verdict, "conn_state",
		f->conn_state, "gap", (int)f->gap));
	finish(root, text);
}

/* --- EVE ----------------------------------------------------------------------------------- */

/* Suricata writes 2026-01-10T11:50:00.000000+0000. */
static void
put_eve_time(json_t *object, const char *key, int64_t us)
{
	char text[EW_TIME_TEXT + 8];
	char *end;

	ew_wall_format((struct ew_wall){ .us = us }, text);
	end = strchr(text, 'Z');
	if (end)
		memcpy(end, "+0000", sizeof("+0000"));
	json_object_set_new(object, key, json_string(text));
}

void
ew_siem_eve(const struct ew_siem_flow *f, struct ew_text *text)
{
	json_t *root = json_object(), *flow = json_object();
	char proto[32];
	size_t i = 0;

	for (; f->proto[i] && i + 1 < sizeof(proto); i++)
		proto[i] = (char)(f->proto[i] >= 'a' && f->proto[i] <= 'z'
			? f->proto[i] - 'a' + 'A'
			: f->proto[i]);
	proto[i] = '\0';
	put_eve_time(root, "timestamp", f->end_us);
	/* A positive 63-bit number, as Suricata's. */
	json_object_set_new(root, "flow_id",
	    json_integer((json_int_t)(strtoull(f->flow_id, NULL, 16) & INT64_MAX)));
	put(root, "event_type", "flow");
	put(root, "src_ip", f->src_ip);
	put_count(root, "src_port", f->src_port);
	put(root, "dest_ip", f->dst_ip);
	put_count(root, "dest_port", f->dst_port);
	put(root, "proto", strcmp(proto, "ICMP6") == 0 ? "IPv6-ICMP" : proto);
	put(root, "community_id", f->community_id);
	put_count(flow, "pkts_toserver", f->src_pkts);
	put_count(flow, "pkts_toclient", f->dst_pkts);
	put_count(flow, "bytes_toserver", f->src_bytes);
	put_count(flow, "bytes_toclient", f->dst_bytes);
	put_eve_time(flow, "start", f->start_us);
	put_eve_time(flow, "end", f->end_us);
	put_count(flow, "age", (f->end_us - f->start_us) / 1000000);
	put(flow, "state",
	    f->is_open				   ? "established"
		: strcmp(f->conn_state, "S0") == 0 ? "new"
						   : "closed");
	json_object_set_new(root, "flow", flow);
	json_object_set_new(root, "eastwatch", ours(f));
	finish(root, text);
}
