/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary: every column of every view, said once. JSON keys, CSV headers, table
 * columns, filters, completions and the manual of the schema are made from these tables;
 * a test compares them with the SQL views.
 */
#include <string.h>

#include "store/reader.h"

#define T (EW_FIELD_TABLE | EW_FIELD_WIDE | EW_FIELD_DATA)
#define W (EW_FIELD_WIDE | EW_FIELD_DATA)
#define D EW_FIELD_DATA
#define K EW_FIELD_KEY
#define S EW_FIELD_SUM

static const struct ew_field flows[] = {
	{ "flow_id", "FLOW", "identity of this connection", EW_FIELD_ID, D },
	{ "community_id", "COMMUNITY", "Community ID v1, before translation",
	    EW_FIELD_ID, D },
	{ "start_us", "START", "first packet", EW_FIELD_TIME_US, W },
	{ "end_us", "TIME", "last packet so far", EW_FIELD_TIME_US, T },
	{ "proto", "PROTO", "tcp, udp, icmp, icmp6, or a number", EW_FIELD_TEXT,
	    T | K },
	{ "src_ip", "SRC IP", "address of the initiator", EW_FIELD_ID, W | K },
	{ "src_port", "SPORT", "port of the initiator; ICMP: type", EW_FIELD_INT,
	    W | K },
	{ "dst_ip", "DST IP", "address the initiator asked for", EW_FIELD_ID, W | K },
	{ "dst_port", "PORT", "port of the responder; ICMP: answer's type or code",
	    EW_FIELD_INT, T | K },
	{ "src_workload", "SRC", "workload of the initiator", EW_FIELD_TEXT, T | K },
	{ "src_instance", "SRC INSTANCE", "container of the initiator", EW_FIELD_ID,
	    W | K },
	{ "dst_workload", "DST", "workload of the responder", EW_FIELD_TEXT, T | K },
	{ "dst_instance", "DST INSTANCE", "container of the responder", EW_FIELD_ID,
	    W | K },
	{ "conn_state", "STATE", "how it went, in Zeek's words: SF, S0, REJ ...",
	    EW_FIELD_TEXT, T | K },
	{ "history", "HISTORY", "Zeek's letters; only what was seen", EW_FIELD_TEXT,
	    W },
	{ "src_bytes", "SENT", "payload of the initiator", EW_FIELD_BYTES, T | S },
	{ "dst_bytes", "RECEIVED", "payload of the responder", EW_FIELD_BYTES, T | S },
	{ "src_pkts", "SPKTS", "packets of the initiator; null when not all were seen",
	    EW_FIELD_INT, D | S },
	{ "dst_pkts", "DPKTS", "packets of the responder", EW_FIELD_INT, D | S },
	{ "method", "METHOD",
	    "exact: every packet was counted; sequence: by TCP numbers", EW_FIELD_TEXT,
	    D | K },
	{ "dir_known", "DIR", "the initiator is known", EW_FIELD_BOOL, D | K },
	{ "direction", "DIRECTION", "lateral, inbound, outbound, local, unknown",
	    EW_FIELD_TEXT, W | K },
	{ "verdict", "VERDICT", "known, candidate, novel, denied, unjudged",
	    EW_FIELD_TEXT, T | K },
	{ "src_attribution", "SRC BY",
	    "why the source is that: veth, lease, mac, conntrack, ambiguous, "
	    "unresolved",
	    EW_FIELD_TEXT, W | K },
	{ "nat_dst_ip", "NAT IP", "real responder behind a translation", EW_FIELD_ID,
	    W | K },
	{ "nat_dst_port", "NAT PORT", "its port", EW_FIELD_INT, W | K },
	{ "tunnel_parent", "TUNNEL", "flow_id of the tunnel around it", EW_FIELD_ID,
	    D },
	{ "gap", "GAP", "capture lost packets while it ran", EW_FIELD_BOOL, W | K },
	{ "dst_attribution", "DST BY", "the same for the responder", EW_FIELD_TEXT,
	    W | K },
	{ "is_open", "OPEN", "not ended yet; the row is replaced by a later one",
	    EW_FIELD_BOOL, W | K },
	{ "vlan", "VLAN", "outer VLAN id", EW_FIELD_INT, D | K },
	{ "inner_vlan", "VLAN2", "inner VLAN id", EW_FIELD_INT, D | K },
};

static const struct ew_field edges[] = {
	{ "src_workload", "SRC", "who initiates", EW_FIELD_TEXT, T | K },
	{ "dst_workload", "DST", "who answers", EW_FIELD_TEXT, T | K },
	{ "proto", "PROTO", "tcp, udp, icmp, icmp6, or a number", EW_FIELD_TEXT,
	    T | K },
	{ "dst_port", "PORT", "server port; dyn: several high ports; any: generalised",
	    EW_FIELD_INT, T | K },
	{ "status", "STATUS", "candidate, baseline, dormant, quarantined, denied",
	    EW_FIELD_TEXT, T | K },
	{ "first_us", "FIRST", "first contact", EW_FIELD_TIME_US, W },
	{ "last_us", "LAST", "last contact", EW_FIELD_TIME_US, T },
	{ "connections", "CONNS", "connections that were established", EW_FIELD_INT,
	    T | S },
	{ "failed", "FAILED", "attempts that were not", EW_FIELD_INT, T | S },
	{ "src_bytes", "SENT", "payload from src", EW_FIELD_BYTES, T | S },
	{ "dst_bytes", "RECEIVED", "payload from dst", EW_FIELD_BYTES, T | S },
	{ "origin", "ORIGIN", "learned, imported, operator, auto", EW_FIELD_TEXT,
	    W | K },
	{ "established_us", "ESTABLISHED", "first time it was established",
	    EW_FIELD_TIME_US, D },
	{ "slices", "SLICES", "learning slices in which it was seen", EW_FIELD_INT, W },
	{ "slots", "SLOTS", "5-minute slots in which it was active", EW_FIELD_INT, D },
	{ "starts", "STARTS", "instance starts in whose startup it was seen",
	    EW_FIELD_INT, D },
	{ "replicas", "REPLICAS", "instances that showed it", EW_FIELD_INT, W },
	{ "is_startup_only", "STARTUP", "never seen outside a startup phase",
	    EW_FIELD_BOOL, D | K },
	{ "is_suspect", "SUSPECT", "quarantined while learning: see baseline review",
	    EW_FIELD_BOOL, W | K },
	{ "is_sensitive", "SENSITIVE", "control plane or remote admin", EW_FIELD_BOOL,
	    W | K },
	{ "expires_us", "EXPIRES", "when the decision behind it ends", EW_FIELD_TIME_US,
	    D },
	{ "decision", "DECISION", "the decision behind its status", EW_FIELD_ID, D },
};

static const struct ew_field incidents[] = {
	{ "id", "ID", "identity of the incident", EW_FIELD_ID, T },
	{ "opened_us", "OPENED", "first signal", EW_FIELD_TIME_US, T },
	{ "updated_us", "UPDATED", "last change", EW_FIELD_TIME_US, W },
	{ "state", "STATE", "open or closed", EW_FIELD_TEXT, T | K },
	{ "tier", "TIER", "page, notify, digest, log", EW_FIELD_TEXT, T | K },
	{ "severity", "SEVERITY", "critical, high, medium, low, info", EW_FIELD_TEXT,
	    W | K },
	{ "score", "SCORE", "0..100", EW_FIELD_INT, T },
	{ "title", "TITLE", "what happened, in one sentence", EW_FIELD_TEXT, T },
	{ "src_workload", "SRC", "where it started", EW_FIELD_TEXT, W | K },
	{ "src_instance", "SRC INSTANCE", "its container", EW_FIELD_ID, D | K },
	{ "targets", "TARGETS", "array of {workload|address, port, proto, outcome}",
	    EW_FIELD_JSON, D },
	{ "techniques", "ATT&CK", "array of technique ids", EW_FIELD_JSON, W },
	{ "detectors", "DETECTORS", "array of detector names", EW_FIELD_JSON, W },
	{ "reasons", "REASONS", "array of {reason, points}", EW_FIELD_JSON, D },
	{ "path", "PATH", "hops: array of {from, to, port, proto, ts_us}",
	    EW_FIELD_JSON, D },
	{ "signals", "SIGNALS", "array of {id, ts_us, detector, score, sentence}",
	    EW_FIELD_JSON, D },
	{ "messages_sent", "SENT", "messages to people about it", EW_FIELD_INT, W },
	{ "gaps", "GAPS", "capture lost packets while it ran", EW_FIELD_BOOL, W | K },
	{ "decision", "DECISION", "accepted, denied, snoozed, or null", EW_FIELD_TEXT,
	    T | K },
	{ "closed_us", "CLOSED", "when it was closed", EW_FIELD_TIME_US, D },
	{ "benign", "BENIGN IF", "what would make it benign", EW_FIELD_TEXT, D },
	{ "more_targets", "MORE TARGETS", "targets beyond those listed", EW_FIELD_INT,
	    D },
	{ "more_signals", "MORE SIGNALS", "signals beyond those listed", EW_FIELD_INT,
	    D },
};

static const struct ew_field signals[] = {
	{ "id", "ID", "identity of the signal", EW_FIELD_ID, W },
	{ "ts_us", "TIME", "the event that raised it", EW_FIELD_TIME_US, T },
	{ "detector", "DETECTOR", "which detector", EW_FIELD_TEXT, T | K },
	{ "score", "SCORE", "0..100", EW_FIELD_INT, T },
	{ "src_workload", "SRC", "who did it", EW_FIELD_TEXT, T | K },
	{ "src_instance", "SRC INSTANCE", "its container", EW_FIELD_ID, W | K },
	{ "src_ip", "SRC IP", "its address", EW_FIELD_ID, W | K },
	{ "dst_workload", "DST", "to whom; null where many", EW_FIELD_TEXT, T | K },
	{ "dst_instance", "DST INSTANCE", "its container", EW_FIELD_ID, W | K },
	{ "dst_ip", "DST IP", "its address", EW_FIELD_ID, W | K },
	{ "dst_port", "PORT", "server port; null where many", EW_FIELD_INT, T | K },
	{ "proto", "PROTO", "tcp, udp, icmp, icmp6, or a number", EW_FIELD_TEXT,
	    W | K },
	{ "evidence", "EVIDENCE",
	    "object: sentence, reasons, count, hosts, ports, facts, benign, samples",
	    EW_FIELD_JSON, D },
	{ "outcome", "OUTCOME", "best outcome so far", EW_FIELD_TEXT, T | K },
	{ "techniques", "ATT&CK", "array of technique ids", EW_FIELD_JSON, W },
	{ "sentence", "SENTENCE", "what was seen", EW_FIELD_TEXT, W },
	{ "first_us", "FIRST", "first packet that belongs to it", EW_FIELD_TIME_US, D },
	{ "flow_id", "FLOW", "flow that raised it", EW_FIELD_ID, D },
	{ "incident_id", "INCIDENT", "incident it belongs to", EW_FIELD_ID, W | K },
	{ "count", "COUNT", "contacts behind it", EW_FIELD_INT, W },
	{ "in_change_window", "CHANGE", "within a change window", EW_FIELD_BOOL,
	    D | K },
	{ "is_snoozed", "SNOOZED", "an operator's snooze matches", EW_FIELD_BOOL,
	    D | K },
	{ "is_capped", "CAPPED", "first days of the installation: counts 49 at most",
	    EW_FIELD_BOOL, D | K },
	{ "tool", "TOOL", "hint at a known tool", EW_FIELD_TEXT, W | K },
};

static const struct ew_field workloads[] = {
	{ "workload", "WORKLOAD", "name", EW_FIELD_TEXT, T | K },
	{ "state", "STATE", "cold, learning, provisional, mature, locked, stale",
	    EW_FIELD_TEXT, T | K },
	{ "age_s", "AGE", "time it was observed", EW_FIELD_SECONDS, T },
	{ "completeness", "COMPLETE", "share of its edges that are thought to be known",
	    EW_FIELD_FRACTION, T },
	{ "instances", "INSTANCES", "containers that run now", EW_FIELD_INT, T | S },
	{ "maturity", "MATURITY", "weight of novelty, 0 to 1", EW_FIELD_FRACTION, T },
	{ "edges_out", "OUT", "baseline edges it initiates", EW_FIELD_INT, T | S },
	{ "edges_in", "IN", "baseline edges it answers", EW_FIELD_INT, T | S },
	{ "candidates", "CANDIDATES", "edges not yet accepted", EW_FIELD_INT, W | S },
	{ "quarantined", "QUARANTINED", "edges never learned silently", EW_FIELD_INT,
	    W | S },
	{ "missing", "MISSING", "Good-Turing missing mass", EW_FIELD_FRACTION, D },
	{ "incidences", "INCIDENCES", "edge activity in 5-minute slots", EW_FIELD_INT,
	    D },
	{ "starts", "STARTS", "observed starts", EW_FIELD_INT, D },
	{ "runs", "RUNS", "completed runs of a job", EW_FIELD_INT, D },
	{ "is_locked", "LOCKED", "an operator stopped its learning", EW_FIELD_BOOL,
	    D | K },
	{ "is_incomplete", "INCOMPLETE", "left learning without enough evidence",
	    EW_FIELD_BOOL, W | K },
	{ "is_quarantined", "TAINTED", "teaches nothing by itself", EW_FIELD_BOOL,
	    D | K },
	{ "is_managed", "MANAGED", "an owner stands behind it", EW_FIELD_BOOL, D | K },
	{ "is_job", "JOB", "runs to completion", EW_FIELD_BOOL, D | K },
	{ "peer_group", "GROUP", "project, namespace or image repository",
	    EW_FIELD_TEXT, W | K },
	{ "image_repo", "IMAGE", "image repository of the newest instance",
	    EW_FIELD_TEXT, W | K },
	{ "labels", "LABELS", "array: canary, scanner, router ...", EW_FIELD_JSON, W },
	{ "posture", "POSTURE", "array: privileged, host_network ...", EW_FIELD_JSON,
	    D },
	{ "first_us", "FIRST", "first seen", EW_FIELD_TIME_US, D },
	{ "last_us", "LAST", "last seen", EW_FIELD_TIME_US, W },
};

static const struct ew_field instances[] = {
	{ "id", "ID", "container id, as the runtime has it", EW_FIELD_ID, T },
	{ "name", "NAME", "container name", EW_FIELD_TEXT, T },
	{ "image", "IMAGE", "image it was started from", EW_FIELD_TEXT, T | K },
	{ "runtime", "RUNTIME", "docker, podman, containerd, cri-o, netns, none",
	    EW_FIELD_TEXT, T | K },
	{ "workload", "WORKLOAD", "workload it belongs to", EW_FIELD_TEXT, T | K },
	{ "started_us", "STARTED", "start", EW_FIELD_TIME_US, T },
	{ "stopped_us", "STOPPED", "stop; null while it runs", EW_FIELD_TIME_US, W },
	{ "addresses", "ADDRESSES", "array of its addresses", EW_FIELD_JSON, T },
	{ "hostname", "HOSTNAME", "host name inside", EW_FIELD_TEXT, D },
	{ "networks", "NETWORKS", "array of its networks", EW_FIELD_JSON, W },
	{ "posture", "POSTURE", "array: privileged, host_network ...", EW_FIELD_JSON,
	    W },
	{ "spec", "SPEC", "changes when image, environment, ports or labels change",
	    EW_FIELD_ID, D | K },
};

static const struct ew_field who[] = {
	{ "ip", "IP", "address", EW_FIELD_ID, T | K },
	{ "network", "NETWORK", "network it belongs to", EW_FIELD_TEXT, T | K },
	{ "workload", "WORKLOAD", "who held it", EW_FIELD_TEXT, T | K },
	{ "instance", "INSTANCE", "its container", EW_FIELD_ID, T | K },
	{ "from_us", "FROM", "since when", EW_FIELD_TIME_US, T },
	{ "to_us", "TO", "until when; null while it holds it", EW_FIELD_TIME_US, T },
	{ "name", "NAME", "name of the container", EW_FIELD_TEXT, T | K },
	{ "mac", "MAC", "hardware address", EW_FIELD_ID, W | K },
	{ "ifindex", "IFINDEX", "host end of its veth", EW_FIELD_INT, W },
	{ "is_ambiguous", "AMBIGUOUS", "several containers share it", EW_FIELD_BOOL,
	    W | K },
};

static const struct ew_field networks[] = {
	{ "id", "ID", "id, as the runtime has it", EW_FIELD_ID, W },
	{ "name", "NAME", "name", EW_FIELD_TEXT, T },
	{ "bridge", "BRIDGE", "host interface", EW_FIELD_TEXT, T },
	{ "subnets", "SUBNETS", "array of prefixes", EW_FIELD_JSON, T },
	{ "gateways", "GATEWAYS", "array of addresses", EW_FIELD_JSON, T },
	{ "is_internal", "INTERNAL", "no way out", EW_FIELD_BOOL, T | K },
	{ "icc_disabled", "ICC OFF", "containers on it may not talk", EW_FIELD_BOOL,
	    T | K },
	{ "from_us", "FROM", "since when", EW_FIELD_TIME_US, W },
	{ "to_us", "TO", "until when; null while it exists", EW_FIELD_TIME_US, W },
};

static const struct ew_field gaps[] = {
	{ "ts_us", "TIME", "when it was noticed", EW_FIELD_TIME_US, T },
	{ "from_us", "FROM", "first moment not seen", EW_FIELD_TIME_US, T },
	{ "to_us", "TO", "last moment not seen", EW_FIELD_TIME_US, T },
	{ "cause", "CAUSE",
	    "kernel_drop, ring_full, interface, clock_step, suspend, table_eviction, "
	    "input_damage",
	    EW_FIELD_TEXT, T | K },
	{ "lost", "LOST", "packets or records lost; 0 unknown", EW_FIELD_INT, T | S },
	{ "text", "TEXT", "a sentence", EW_FIELD_TEXT, T },
	{ "is_notice", "NOTICE", "worth a message", EW_FIELD_BOOL, W | K },
};

static const struct ew_field decisions[] = {
	{ "id", "ID", "identity of the decision", EW_FIELD_ID, T },
	{ "at_us", "TIME", "when", EW_FIELD_TIME_US, T },
	{ "action", "ACTION",
	    "accept, deny, snooze, forget, lock, unlock, label, undo, auto, relearn",
	    EW_FIELD_TEXT, T | K },
	{ "src_workload", "SRC", "pattern of the source", EW_FIELD_TEXT, T | K },
	{ "dst_workload", "DST", "pattern of the destination", EW_FIELD_TEXT, T | K },
	{ "dst_port", "PORT", "server port; null any", EW_FIELD_INT, T | K },
	{ "proto", "PROTO", "protocol; null any", EW_FIELD_TEXT, T | K },
	{ "who", "WHO", "who decided", EW_FIELD_TEXT, T | K },
	{ "why", "WHY", "the reason given", EW_FIELD_TEXT, T },
	{ "expires_us", "EXPIRES", "when it ends", EW_FIELD_TIME_US, W },
	{ "incident_id", "INCIDENT", "incident it was made from", EW_FIELD_ID, W },
	{ "undoes", "UNDOES", "decision it takes back", EW_FIELD_ID, D },
	{ "is_undone", "UNDONE", "a later one took it back", EW_FIELD_BOOL, W | K },
	{ "edges", "EDGES", "edges or workloads it changed", EW_FIELD_INT, W | S },
};

static const struct ew_field outbox[] = {
	{ "id", "ID", "identity of the message", EW_FIELD_ID, T },
	{ "created_us", "TIME", "when it was made", EW_FIELD_TIME_US, T },
	{ "target", "TARGET", "webhook", EW_FIELD_TEXT, T | K },
	{ "state", "STATE", "queued, sent, failed", EW_FIELD_TEXT, T | K },
	{ "attempts", "TRIES", "attempts made", EW_FIELD_INT, T },
	{ "http_status", "HTTP", "last status", EW_FIELD_INT, T | K },
	{ "answer", "ANSWER", "start of the last answer", EW_FIELD_TEXT, W },
	{ "next_us", "NEXT", "next attempt", EW_FIELD_TIME_US, W },
	{ "updated_us", "UPDATED", "last attempt", EW_FIELD_TIME_US, W },
	{ "kind", "KIND", "opened, updated, resolved, digest, storm, test, health",
	    EW_FIELD_TEXT, T | K },
	{ "tier", "TIER", "page, notify, digest, log", EW_FIELD_TEXT, W | K },
	{ "incident_id", "INCIDENT", "incident it is about", EW_FIELD_ID, W | K },
	{ "title", "TITLE", "its first sentence", EW_FIELD_TEXT, T },
};

static const struct ew_field rollups[] = {
	{ "bucket_us", "TIME", "start of the hour or day", EW_FIELD_TIME_US, T | K },
	{ "width_s", "WIDTH", "3600 or 86400", EW_FIELD_SECONDS, T | K },
	{ "src_workload", "SRC", "who initiates", EW_FIELD_TEXT, T | K },
	{ "dst_workload", "DST", "who answers", EW_FIELD_TEXT, T | K },
	{ "proto", "PROTO", "tcp, udp, icmp, icmp6, or a number", EW_FIELD_TEXT,
	    T | K },
	{ "dst_port", "PORT", "server port", EW_FIELD_INT, T | K },
	{ "connections", "CONNS", "connections in that time", EW_FIELD_INT, T | S },
	{ "failed", "FAILED", "failed attempts in that time", EW_FIELD_INT, T | S },
	{ "src_bytes", "SENT", "payload from src", EW_FIELD_BYTES, T | S },
	{ "dst_bytes", "RECEIVED", "payload from dst", EW_FIELD_BYTES, T | S },
};

#define VIEW(view, one, text, from, to)                             \
	{                                                           \
#view, "eastwatch." one "/1", text, from, to, view, \
		    sizeof(view) / sizeof(view[0])                  \
	}

static const struct ew_view_info views[EW_VIEWS] = {
	[EW_VIEW_FLOWS] =
	    VIEW(flows, "flow", "one row per connection", "start_us", "end_us"),
	[EW_VIEW_EDGES] = VIEW(edges, "edge",
	    "who talks to whom: one row per source, destination, protocol and server "
	    "port",
	    "first_us", "last_us"),
	[EW_VIEW_INCIDENTS] = VIEW(incidents, "incident", "one row per campaign",
	    "opened_us", "updated_us"),
	[EW_VIEW_SIGNALS] =
	    VIEW(signals, "signal", "one row per scored fact", "ts_us", "ts_us"),
	[EW_VIEW_WORKLOADS] =
	    VIEW(workloads, "workload", "one row per workload", "first_us", "last_us"),
	[EW_VIEW_INSTANCES] = VIEW(instances, "instance",
	    "one row per container and run", "started_us", "stopped_us"),
	[EW_VIEW_WHO] =
	    VIEW(who, "who", "who held an address, and when", "from_us", "to_us"),
	[EW_VIEW_NETWORKS] =
	    VIEW(networks, "network", "container networks", "from_us", "to_us"),
	[EW_VIEW_GAPS] =
	    VIEW(gaps, "gap", "when packets were not seen", "from_us", "to_us"),
	[EW_VIEW_DECISIONS] = VIEW(decisions, "decision",
	    "what operators decided; never changed", "at_us", "at_us"),
	[EW_VIEW_OUTBOX] = VIEW(outbox, "outbox",
	    "messages to people, one row per target", "created_us", "updated_us"),
	[EW_VIEW_ROLLUPS] = VIEW(rollups, "rollup",
	    "what edges did per hour; older than two weeks per day", "bucket_us",
	    "bucket_us"),
};

const struct ew_view_info *
ew_view_info(enum ew_view view)
{
	return &views[view];
}

bool
ew_view_by_name(const char *name, enum ew_view *ret_view)
{
	for (int i = 0; i < EW_VIEWS; i++)
		if (strcmp(views[i].name, name) == 0) {
			*ret_view = (enum ew_view)i;
			return true;
		}
	return false;
}

int
ew_view_field(enum ew_view view, const char *name)
{
	for (size_t i = 0; i < views[view].n_fields; i++)
		if (strcmp(views[view].fields[i].name, name) == 0)
			return (int)i;
	return -1;
}
