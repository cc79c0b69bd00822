/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the configuration, once: name, kind, place, range, default, help. The reader,
 * --check-config, `config show` and eastwatch.yaml(5) follow these two tables; to add a key,
 * add a field to struct ew_config and a row here.
 */
#include "daemon/config_priv.h"

#include "base/log.h"
#include "base/time.h"
#include "capture/capture.h"

#define FIELD(f) offsetof(struct ew_config, f)
#define TEXT_FIELD(f) offsetof(struct ew_config, f), sizeof(((struct ew_config *)0)->f)
#define HOOK(f) offsetof(struct ew_webhook_conf, f)
#define TEXT_HOOK(f) \
	offsetof(struct ew_webhook_conf, f), sizeof(((struct ew_webhook_conf *)0)->f)

#define MS EW_NS_PER_MS
#define S EW_NS_PER_S
#define MIN (60 * S)
#define H (3600 * S)
#define D (24 * H)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const char *const level_words[] = { "debug", "info", "unusual", "broken", NULL };
static const char *const mode_words[] = { "any", "interfaces", NULL };
static const char *const profile_words[] = { "connections", "all", NULL };
static const char *const auto_words[] = { "false", "true", "auto", NULL };
static const char *const type_words[] = { "generic", "slack", "teams", "discord",
	"mattermost", "googlechat", "telegram", "pagerduty", "alertmanager", "syslog",
	"falcosidekick", NULL };
_Static_assert(sizeof(type_words) / sizeof(type_words[0]) == EW_WEBHOOK_TYPES + 1,
    "a webhook type has no word");
_Static_assert(EW_LOG_BROKEN == 3 && EW_CAPTURE_INTERFACES == 1 &&
	EW_CAPTURE_ALL == 1 && EW_CONFIG_AUTO == 2,
    "words stand in the order of their enum");

const struct config_key config_keys[] = {
	{ "node", CONFIG_TEXT, TEXT_FIELD(node), 1, 0, "", NULL,
	    "Name of this node in records and messages. Default: the host name." },
	{ "cluster", CONFIG_TEXT, TEXT_FIELD(cluster), 0, 0, "", NULL,
	    "Name of the Kubernetes cluster, part of workload names there." },
	{ "log.level", CONFIG_WORD, FIELD(log.level), 0, 0, 0, "info", level_words,
	    "What is logged: this level and above." },
	{ "database.path", CONFIG_TEXT, TEXT_FIELD(database.path), 1, 0,
	    "/var/lib/eastwatch/eastwatch.db", NULL, "The SQLite database." },
	{ "database.retention.flows", CONFIG_DURATION, FIELD(database.flows_ns), 0, MIN,
	    3650 * D, "7d", NULL, "How long flow rows are kept." },
	{ "database.retention.edges", CONFIG_DURATION, FIELD(database.edges_ns), 0, MIN,
	    3650 * D, "180d", NULL, "How long edge rollups are kept." },
	{ "database.retention.incidents", CONFIG_DURATION, FIELD(database.incidents_ns),
	    0, MIN, 3650 * D, "365d", NULL, "How long closed incidents are kept." },
	{ "database.retention.max_size", CONFIG_SIZE, FIELD(database.max_size), 0,
	    16 * MIB, 16384 * GIB, "4GiB", NULL,
	    "Size of the database at which the oldest flow rows go first." },
	{ "control.socket", CONFIG_TEXT, TEXT_FIELD(control.socket), 1, 0,
	    "/run/eastwatch/control.sock", NULL,
	    "Where `eastwatch` reaches the daemon." },
	{ "control.group", CONFIG_TEXT, TEXT_FIELD(control.group), 0, 0, "eastwatch",
	    NULL, "Group whose members may use the control socket, when it exists." },
	{ "capture.mode", CONFIG_WORD, FIELD(capture.mode), 0, 0, 0, "any", mode_words,
	    "any: one handle sees every interface. interfaces: one handle each." },
	{ "capture.profile", CONFIG_WORD, FIELD(capture.profile), 0, 0, 0,
	    "connections", profile_words,
	    "connections: the kernel passes what opens and closes connections. "
	    "all: every packet." },
	{ "capture.workers", CONFIG_COUNT, FIELD(capture.workers), 0, 1, 4, "1", NULL,
	    "Capture threads." },
	{ "capture.ring_size", CONFIG_SIZE, FIELD(capture.ring_size), 0, MIB, 4 * GIB,
	    "16MiB", NULL, "Kernel ring of each worker." },
	{ "capture.host", CONFIG_SWITCH, FIELD(capture.host), 0, 0, 0, "true", NULL,
	    "Also watch the host's own uplinks and loopback." },
	{ "capture.flow_table", CONFIG_COUNT, FIELD(capture.flow_table), 0, 1024,
	    16777216, "262144", NULL,
	    "Connections that can be open at once, over all workers." },
	{ "runtimes.docker.enabled", CONFIG_WORD, FIELD(runtimes.docker_enabled), 0, 0,
	    0, "auto", auto_words, "auto: used when its socket is there." },
	{ "runtimes.docker.socket", CONFIG_TEXT, TEXT_FIELD(runtimes.docker_socket), 1,
	    0, "/var/run/docker.sock", NULL,
	    "Socket of the Docker Engine, or http://HOST:PORT of a read-only proxy." },
	{ "runtimes.podman.enabled", CONFIG_WORD, FIELD(runtimes.podman_enabled), 0, 0,
	    0, "auto", auto_words, "auto: used when its socket is there." },
	{ "runtimes.podman.socket", CONFIG_TEXT, TEXT_FIELD(runtimes.podman_socket), 1,
	    0, "/run/podman/podman.sock", NULL, "Socket of Podman's service." },
	{ "runtimes.containerd.enabled", CONFIG_WORD,
	    FIELD(runtimes.containerd_enabled), 0, 0, 0, "auto", auto_words,
	    "auto: used when its bundles are there." },
	{ "runtimes.containerd.root", CONFIG_TEXT, TEXT_FIELD(runtimes.containerd_root),
	    1, 0, "/run/containerd", NULL, "State folder of containerd." },
	{ "runtimes.containerd.cni_results", CONFIG_TEXT,
	    TEXT_FIELD(runtimes.cni_results), 1, 0, "/var/lib/cni/results", NULL,
	    "Where CNI plugins leave their results." },
	{ "learning.minimum_age", CONFIG_DURATION, FIELD(learning.minimum_age_ns), 0,
	    100 * MS, 365 * D, "24h", NULL,
	    "Shortest time a workload is learned; every age is a multiple of it." },
	{ "learning.quick", CONFIG_SWITCH, FIELD(learning.quick), 0, 0, 0, "false",
	    NULL, "For a demonstration: learn for 1h, with less evidence." },
	{ "learning.startup_min", CONFIG_DURATION, FIELD(learning.startup_min_ns), 0, 0,
	    H, "120s", NULL, "Shortest startup phase of an instance." },
	{ "learning.startup_max", CONFIG_DURATION, FIELD(learning.startup_max_ns), 0, 0,
	    D, "300s", NULL, "Longest startup phase of an instance." },
	{ "learning.change_window", CONFIG_DURATION, FIELD(learning.change_window_ns),
	    0, 0, D, "30m", NULL, "How long a new revision explains new edges." },
	{ "learning.change_hold", CONFIG_DURATION, FIELD(learning.change_hold_ns), 0, 0,
	    D, "10m", NULL,
	    "How long such an edge waits for its replicas to show it too." },
	{ "learning.grace", CONFIG_DURATION, FIELD(learning.grace_ns), 0, 0, H, "120s",
	    NULL, "After the start: connections already open are not new." },
	{ "learning.tombstone", CONFIG_DURATION, FIELD(learning.tombstone_ns), 0, 0,
	    30 * D, "24h", NULL,
	    "How long a released address still means its last owner." },
	{ "learning.max_workloads", CONFIG_COUNT, FIELD(learning.max_workloads), 0, 64,
	    1048576, "16384", NULL, "Workloads and peers that are kept." },
	{ "learning.max_edges", CONFIG_COUNT, FIELD(learning.max_edges), 0, 256,
	    16777216, "131072", NULL, "Edges that are kept." },
	{ "detection.auto_accept", CONFIG_DURATION_NEVER,
	    FIELD(detection.auto_accept_ns), 0, MS, 3650 * D, "never", NULL,
	    "Accept a harmless new edge by itself after this time." },
	{ "detection.canaries", CONFIG_CANARIES, 0, 0, 0, 0, "", NULL,
	    "Decoys: addresses or networks nobody has a reason to touch, as "
	    "ADDRESS[/BITS][:PORT] (IPv6 with a port in brackets)." },
	{ "detection.sensitive_ports", CONFIG_SENSITIVE, 0, 0, 0, 0, "", NULL,
	    "Further sensitive ports, as PORT: POINTS (10 console, 15 data, 20 remote "
	    "administration, 25 control plane)." },
	{ "detection.detectors", CONFIG_DETECTORS, 0, 0, 0, 0, "", NULL,
	    "Options of single detectors, as DETECTOR: {OPTION: VALUE}; see the "
	    "detectors' "
	    "pages." },
	{ "process_lookup", CONFIG_SWITCH, FIELD(process_lookup), 0, 0, 0, "false",
	    NULL,
	    "Name the process behind a signal; keeps CAP_SYS_PTRACE in the outside "
	    "process." },
	{ "incidents.hold_down.page", CONFIG_DURATION, FIELD(incidents.hold_page_ns), 0,
	    0, H, "20s", NULL,
	    "How long an incident of tier page collects before it speaks." },
	{ "incidents.hold_down.notify", CONFIG_DURATION,
	    FIELD(incidents.hold_notify_ns), 0, 0, D, "120s", NULL,
	    "The same for tier notify." },
	{ "incidents.idle_close", CONFIG_DURATION, FIELD(incidents.idle_close_ns), 0, S,
	    30 * D, "6h", NULL, "An incident without news for this long is closed." },
	{ "incidents.update_gap", CONFIG_DURATION, FIELD(incidents.update_gap_ns), 0, 0,
	    D, "15m", NULL, "Least time between two messages on one incident." },
	{ "incidents.repeat", CONFIG_DURATION, FIELD(incidents.repeat_ns), 0, 0, 30 * D,
	    "24h", NULL, "The same fact is not told again within this time." },
	{ "incidents.messages_per_hour", CONFIG_COUNT,
	    FIELD(incidents.messages_per_hour), 0, 1, 1000, "6", NULL,
	    "Beyond it one storm message lists the incidents." },
	{ "incidents.digest_at", CONFIG_TIME_NEVER, FIELD(incidents.digest_at_s), 0, 0,
	    0, "09:00", NULL, "When the daily digest is sent, UTC, or never." },
	{ "webhooks", CONFIG_WEBHOOKS, 0, 0, 0, 0, "", NULL,
	    "Targets of messages: a list of mappings with the keys below." },
	{ "web.listen", CONFIG_LISTEN, TEXT_FIELD(web.listen), 0, 0, "127.0.0.1:9738",
	    NULL, "Address of page, API and metrics, or off." },
};
const size_t config_n_keys = sizeof(config_keys) / sizeof(config_keys[0]);
_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX,
    "raise it");

const struct config_key config_webhook_keys[] = {
	{ "name", CONFIG_TEXT, TEXT_HOOK(name), 1, 0, "", NULL,
	    "What the target is called in `eastwatch webhook`." },
	{ "type", CONFIG_WORD, HOOK(type), 0, 0, 0, "generic", type_words,
	    "How messages are written and what the receiver is." },
	{ "url", CONFIG_URL, TEXT_HOOK(url), 0, 0, "", NULL,
	    "Where to. For syslog: udp://HOST:PORT, tcp://HOST:PORT or "
	    "unix:///dev/log." },
	{ "url_file", CONFIG_TEXT, TEXT_HOOK(url_file), 0, 0, "", NULL,
	    "File that holds the URL, instead of url." },
	{ "secret", CONFIG_SECRET, TEXT_HOOK(secret), 0, 0, "", NULL,
	    "generic: signing key (whsec_...); pagerduty: routing key; telegram: bot "
	    "token; others: bearer token." },
	{ "secret_file", CONFIG_TEXT, TEXT_HOOK(secret_file), 0, 0, "", NULL,
	    "File that holds the secret, instead of secret." },
	{ "channel", CONFIG_TEXT, TEXT_HOOK(channel), 0, 0, "", NULL,
	    "telegram: chat id. mattermost: channel." },
	{ "tiers", CONFIG_TIERS, HOOK(tiers), 0, 0, 0, "", NULL,
	    "Of page, notify, digest, log. Default: page and notify." },
	{ "min_severity", CONFIG_SEVERITY, HOOK(min_score), 0, 0, 0, "info", NULL,
	    "Messages below it are not sent here: info, low, medium, high, critical." },
	{ "workloads", CONFIG_PATTERNS, HOOK(workloads), 0, 0, 0, "", NULL,
	    "Only incidents of these workloads: patterns with * and ?." },
	{ "quiet_hours", CONFIG_QUIET, HOOK(quiet_from_s), 0, 0, 0, "never", NULL,
	    "As 22:00-07:00, UTC: what is not tier page waits until they end." },
	{ "ca_file", CONFIG_TEXT, TEXT_HOOK(ca_file), 0, 0, "", NULL,
	    "Certificates to trust instead of the system's." },
	{ "proxy", CONFIG_URL, TEXT_HOOK(proxy), 0, 0, "", NULL,
	    "HTTP proxy as URL. The environment's is not used." },
	{ "deny_private", CONFIG_SWITCH, HOOK(deny_private), 0, 0, 0, "false", NULL,
	    "Refuse targets in private, loopback and link-local networks." },
	{ "link", CONFIG_TEXT, TEXT_HOOK(link), 0, 0, "", NULL,
	    "Base URL for a link to the incident; its id is appended." },
	{ "timeout", CONFIG_DURATION, HOOK(timeout_ns), 0, S, 2 * MIN, "20s", NULL,
	    "Longest time for one attempt." },
	{ "per_minute", CONFIG_COUNT32, HOOK(per_minute), 0, 0, 6000, "0", NULL,
	    "Messages a minute; 0: what the type's maker allows." },
};
const size_t config_n_webhook_keys =
    sizeof(config_webhook_keys) / sizeof(config_webhook_keys[0]);
_Static_assert(sizeof(config_webhook_keys) / sizeof(config_webhook_keys[0]) <=
	CONFIG_KEYS_MAX,
    "raise it");
