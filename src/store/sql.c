/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement of the writer, by the name that errors carry. */
#include "store/store_priv.h"

const struct ew_db_sql store_sql[STORE_STMTS] = {
	[ST_BEGIN] = { "begin", "BEGIN IMMEDIATE" },
	[ST_COMMIT] = { "commit", "COMMIT" },
	[ST_ROLLBACK] = { "rollback", "ROLLBACK" },
	[ST_META_SET] = { "set meta",
	    "INSERT INTO meta (key, value) VALUES (?1, ?2) "
	    "ON CONFLICT DO UPDATE SET value = excluded.value" },

	[ST_WORKLOAD_FIND] = { "find workload",
	    "SELECT id FROM workload WHERE name = ?1" },
	[ST_WORKLOAD_ADD] = { "add workload",
	    "INSERT INTO workload (name, cls, last_us) VALUES (?1, ?2, ?3)" },
	[ST_WORKLOAD_PUT] = { "put workload",
	    "INSERT INTO workload (name, cls, is_known, peer_group, image_repo, "
	    "is_managed, "
	    "is_job, state, is_locked, is_quarantined, was_there, is_incomplete, "
	    "labels, "
	    "posture, first_us, last_us, age_us, learned_age_us, new_edge_age_us, "
	    "discoveries_out, discoveries_in, discovery_age_out_us, "
	    "discovery_age_in_us, "
	    "starts, runs, incidences, f1, f2, sessions_in, sessions_out, run_out, "
	    "resolved_yes, resolved_all, spec_hash, maturity_permille, "
	    "coverage_permille, "
	    "missing_permille, edges_out, edges_in, candidates, quarantined) "
	    "VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
	    "?15, ?16, "
	    "?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, "
	    "?31, ?32, "
	    "?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40) "
	    "ON CONFLICT (name) DO UPDATE SET cls = excluded.cls, is_known = 1, "
	    "peer_group = excluded.peer_group, image_repo = excluded.image_repo, "
	    "is_managed = excluded.is_managed, is_job = excluded.is_job, "
	    "state = excluded.state, is_locked = excluded.is_locked, "
	    "is_quarantined = excluded.is_quarantined, was_there = excluded.was_there, "
	    "is_incomplete = excluded.is_incomplete, labels = excluded.labels, "
	    "posture = excluded.posture, first_us = excluded.first_us, "
	    "last_us = excluded.last_us, age_us = excluded.age_us, "
	    "learned_age_us = excluded.learned_age_us, "
	    "new_edge_age_us = excluded.new_edge_age_us, "
	    "discoveries_out = excluded.discoveries_out, "
	    "discoveries_in = excluded.discoveries_in, "
	    "discovery_age_out_us = excluded.discovery_age_out_us, "
	    "discovery_age_in_us = excluded.discovery_age_in_us, "
	    "starts = excluded.starts, runs = excluded.runs, "
	    "incidences = excluded.incidences, f1 = excluded.f1, f2 = excluded.f2, "
	    "sessions_in = excluded.sessions_in, sessions_out = excluded.sessions_out, "
	    "run_out = excluded.run_out, resolved_yes = excluded.resolved_yes, "
	    "resolved_all = excluded.resolved_all, spec_hash = excluded.spec_hash, "
	    "maturity_permille = excluded.maturity_permille, "
	    "coverage_permille = excluded.coverage_permille, "
	    "missing_permille = excluded.missing_permille, edges_out = "
	    "excluded.edges_out, "
	    "edges_in = excluded.edges_in, candidates = excluded.candidates, "
	    "quarantined = excluded.quarantined" },
	[ST_WORKLOAD_FORGET] = { "forget workload",
	    "UPDATE workload SET is_known = 0 WHERE name = ?1" },

	[ST_INSTANCE_FIND] = { "find instance",
	    "SELECT id FROM instance WHERE cid = ?1 AND started_us = ?2" },
	[ST_INSTANCE_ADD] = { "add instance",
	    "INSERT INTO instance (cid, started_us, name, hostname, image, runtime, "
	    "workload, "
	    "stopped_us, posture, labels, spec_hash, run) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)" },
	[ST_INSTANCE_SET] = { "set instance",
	    "UPDATE OR IGNORE instance SET cid = ?1, started_us = ?2, name = ?3, "
	    "hostname = ?4, image = ?5, runtime = ?6, workload = ?7, stopped_us = ?8, "
	    "posture = ?9, labels = ?10, spec_hash = ?11, run = ?12 WHERE id = ?13" },
	[ST_INSTANCE_END] = { "end instance",
	    "UPDATE instance SET stopped_us = max(started_us, ?2) "
	    "WHERE cid = ?1 AND stopped_us IS NULL AND started_us < ?2" },
	[ST_NETWORK_PUT] = { "put network",
	    "INSERT INTO network (nid, name, bridge, is_internal, icc_disabled, "
	    "subnets, "
	    "gateways, from_us, to_us, run) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
	    "?9, ?10) "
	    "ON CONFLICT (nid) DO UPDATE SET name = excluded.name, bridge = "
	    "excluded.bridge, "
	    "is_internal = excluded.is_internal, icc_disabled = excluded.icc_disabled, "
	    "subnets = excluded.subnets, gateways = excluded.gateways, "
	    "to_us = excluded.to_us, run = excluded.run" },
	[ST_NETWORK_FIND] = { "find network", "SELECT id FROM network WHERE nid = ?1" },
	[ST_LEASE_PUT] = { "put lease",
	    "INSERT INTO lease (addr, host_ifindex, from_us, ip, mac, network, "
	    "instance, "
	    "workload, members, to_us, run) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
	    "ON CONFLICT (addr, host_ifindex, from_us) DO UPDATE SET mac = "
	    "excluded.mac, "
	    "network = excluded.network, instance = excluded.instance, "
	    "workload = excluded.workload, members = excluded.members, "
	    "to_us = excluded.to_us, run = excluded.run" },
	[ST_READY_INSTANCE] = { "end old instances",
	    "UPDATE instance SET stopped_us = max(started_us, ?2) "
	    "WHERE stopped_us IS NULL AND run < ?1" },
	[ST_READY_NETWORK] = { "end old networks",
	    "UPDATE network SET to_us = max(from_us, ?2) WHERE to_us IS NULL AND run < "
	    "?1" },
	[ST_READY_LEASE] = { "end old leases",
	    "UPDATE lease SET to_us = max(from_us, ?2) WHERE to_us IS NULL AND run < "
	    "?1" },

	[ST_FLOW_ADD] = { "add flow",
	    "INSERT INTO flow (seq, flow_id, end_us, duration_us, src, dst, "
	    "src_instance, "
	    "dst_instance, src_addr, dst_addr, src_port, dst_port, proto, traits, "
	    "history, "
	    "src_bytes, dst_bytes, src_pkts, dst_pkts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
	    "?7, "
	    "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)" },
	[ST_FLOW_MORE] = { "add to flow",
	    "INSERT INTO flow_more (seq, edge_port, nat_dst_addr, nat_dst_port, "
	    "parent, vlan, "
	    "inner_vlan, domain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
	[ST_FLOW_DELETE] = { "replace flow", "DELETE FROM flow WHERE seq = ?1" },
	[ST_FLOW_CLOSE_OLD] = { "close flows of the run before",
	    "UPDATE flow SET traits = traits & ~524288 WHERE traits & 524288" },
	[ST_ADDR6_FIND] = { "find address",
	    "SELECT id, last_us FROM addr6 WHERE addr = ?1" },
	[ST_ADDR6_ADD] = { "add address",
	    "INSERT INTO addr6 (addr, ip, last_us) VALUES (?1, ?2, ?3)" },
	[ST_ADDR6_TOUCH] = { "touch address",
	    "UPDATE addr6 SET last_us = max(last_us, ?2) WHERE id = ?1" },
	[ST_BLOCK_PUT] = { "put block",
	    "INSERT INTO flow_block (block, first_seq, last_seq, first_us, last_us, "
	    "keys) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (block) DO UPDATE SET "
	    "last_seq = excluded.last_seq, first_us = excluded.first_us, "
	    "last_us = excluded.last_us, keys = excluded.keys" },

	[ST_EDGE_FIND] = { "find edge",
	    "SELECT id, is_known, connections, failed, src_bytes, dst_bytes FROM edge "
	    "WHERE src = ?1 AND dst = ?2 AND proto = ?3 AND port = ?4" },
	[ST_EDGE_PUT] = { "put edge",
	    "INSERT INTO edge (src, dst, proto, port, is_known, status, origin, flags, "
	    "starts, "
	    "wdays, hours, days, slices, last_slice, slots, first_us, last_us, "
	    "max_gap_us, "
	    "established_us, expires_us, decision, connections, failed, src_bytes, "
	    "dst_bytes, "
	    "max_bytes_h, replicas, replicas_hll) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, "
	    "?7, ?8, "
	    "?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, "
	    "?24, "
	    "?25, ?26, ?27) ON CONFLICT (src, dst, proto, port) DO UPDATE SET is_known "
	    "= 1, "
	    "status = excluded.status, origin = excluded.origin, flags = "
	    "excluded.flags, "
	    "starts = excluded.starts, wdays = excluded.wdays, hours = excluded.hours, "
	    "days = excluded.days, slices = excluded.slices, "
	    "last_slice = excluded.last_slice, slots = excluded.slots, "
	    "first_us = excluded.first_us, last_us = excluded.last_us, "
	    "max_gap_us = excluded.max_gap_us, established_us = "
	    "excluded.established_us, "
	    "expires_us = excluded.expires_us, decision = excluded.decision, "
	    "connections = excluded.connections, failed = excluded.failed, "
	    "src_bytes = excluded.src_bytes, dst_bytes = excluded.dst_bytes, "
	    "max_bytes_h = excluded.max_bytes_h, replicas = excluded.replicas, "
	    "replicas_hll = excluded.replicas_hll RETURNING id" },
	[ST_EDGE_FORGET] = { "forget edge",
	    "UPDATE edge SET is_known = 0 "
	    "WHERE src = ?1 AND dst = ?2 AND proto = ?3 AND port = ?4" },
	[ST_ROLLUP_ADD] = { "add to rollup",
	    "INSERT INTO rollup (width_s, bucket_us, edge, connections, failed, "
	    "src_bytes, "
	    "dst_bytes) VALUES (3600, ?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE "
	    "SET "
	    "connections = connections + excluded.connections, "
	    "failed = failed + excluded.failed, "
	    "src_bytes = src_bytes + excluded.src_bytes, "
	    "dst_bytes = dst_bytes + excluded.dst_bytes" },

	[ST_SIGNAL_PUT] = { "put signal",
	    "INSERT INTO signal (id, rev, ts_us, first_us, hold_until_us, detector, "
	    "techniques, "
	    "tactic, family, outcome, score, proto, port, src, dst, src_instance, "
	    "dst_instance, src_ip, dst_ip, flow_id, incident, count, hosts, ports, "
	    "tool, "
	    "in_change_window, is_snoozed, is_capped, sentence, benign, facts, "
	    "reasons, "
	    "samples) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
	    "?14, "
	    "?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, "
	    "?29, ?30, "
	    "?31, ?32, ?33) ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, "
	    "ts_us = excluded.ts_us, first_us = excluded.first_us, "
	    "hold_until_us = excluded.hold_until_us, detector = excluded.detector, "
	    "techniques = excluded.techniques, tactic = excluded.tactic, "
	    "family = excluded.family, outcome = excluded.outcome, score = "
	    "excluded.score, "
	    "proto = excluded.proto, port = excluded.port, src = excluded.src, "
	    "dst = excluded.dst, src_instance = excluded.src_instance, "
	    "dst_instance = excluded.dst_instance, src_ip = excluded.src_ip, "
	    "dst_ip = excluded.dst_ip, flow_id = excluded.flow_id, "
	    "incident = CASE WHEN excluded.incident <> 0 THEN excluded.incident "
	    "ELSE incident END, count = excluded.count, hosts = excluded.hosts, "
	    "ports = excluded.ports, tool = excluded.tool, "
	    "in_change_window = excluded.in_change_window, "
	    "is_snoozed = excluded.is_snoozed, is_capped = excluded.is_capped, "
	    "sentence = excluded.sentence, benign = excluded.benign, "
	    "facts = excluded.facts, reasons = excluded.reasons, "
	    "samples = excluded.samples" },
	[ST_INCIDENT_PUT] = { "put incident",
	    "INSERT INTO incident (id, rev, opened_us, updated_us, closed_us, state, "
	    "tier, "
	    "decision, gaps, score, messages_sent, src, src_instance, more_targets, "
	    "more_signals, title, benign, targets, path, techniques, detectors, "
	    "reasons) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
	    "?16, "
	    "?17, ?18, ?19, ?20, ?21, ?22) ON CONFLICT (id) DO UPDATE SET rev = "
	    "excluded.rev, "
	    "opened_us = excluded.opened_us, updated_us = excluded.updated_us, "
	    "closed_us = excluded.closed_us, state = excluded.state, tier = "
	    "excluded.tier, "
	    "decision = excluded.decision, gaps = excluded.gaps, score = "
	    "excluded.score, "
	    "messages_sent = excluded.messages_sent, src = excluded.src, "
	    "src_instance = excluded.src_instance, more_targets = "
	    "excluded.more_targets, "
	    "more_signals = excluded.more_signals, title = excluded.title, "
	    "benign = excluded.benign, targets = excluded.targets, path = "
	    "excluded.path, "
	    "techniques = excluded.techniques, detectors = excluded.detectors, "
	    "reasons = excluded.reasons" },
	[ST_LINK_PUT] = { "link signal",
	    "INSERT INTO incident_signal (incident, n, signal) VALUES (?1, ?2, ?3) "
	    "ON CONFLICT DO UPDATE SET signal = excluded.signal "
	    "WHERE signal <> excluded.signal" },
	[ST_LINK_CUT] = { "unlink signals",
	    "DELETE FROM incident_signal WHERE incident = ?1 AND n >= ?2" },
	[ST_DECISION_PUT] = { "put decision",
	    "INSERT INTO decision (id, at_us, action, src, dst, port, proto, "
	    "expires_us, "
	    "incident, undoes, is_undone, labels, edges, who, why) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13, ?14) "
	    "ON CONFLICT DO NOTHING" },
	[ST_DECISION_UNDO] = { "undo decision",
	    "UPDATE decision SET is_undone = 1 WHERE id = ?1" },
	[ST_GAP_ADD] = { "add gap",
	    "INSERT INTO gap (ts_us, from_us, to_us, lost, cause, is_notice, text) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)" },

	[ST_OUTBOX_ADD] = { "put message",
	    "INSERT INTO outbox (id, incident, created_us, kind, tier, title, version, "
	    "body) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING" },
	[ST_TARGET_ADD] = { "put target",
	    "INSERT INTO outbox_target (message, target, state, attempts, http_status, "
	    "next_us, updated_us, answer) VALUES (?1, ?2, 0, 0, 0, 0, ?3, '') "
	    "ON CONFLICT DO NOTHING" },
	[ST_TARGET_SET] = { "set target",
	    "UPDATE outbox_target SET state = ?3, attempts = ?4, http_status = ?5, "
	    "next_us = ?6, updated_us = ?7, answer = ?8 WHERE message = ?1 AND target "
	    "= ?2" },
	[ST_TARGET_RETURN] = { "return target",
	    "UPDATE outbox_target SET next_us = ?3, updated_us = ?4 "
	    "WHERE message = ?1 AND target = ?2 AND state = 0" },
	[ST_TARGET_REPLAY] = { "replay target",
	    "UPDATE outbox_target SET state = 0, attempts = 0, next_us = 0, updated_us "
	    "= ?3 "
	    "WHERE message = ?1 AND (?2 = '' OR target = ?2)" },

	[ST_STATE_PUT] = { "put detector state",
	    "INSERT INTO detector_state (detector, key, version, generation, data) "
	    "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
	    "version = excluded.version, generation = excluded.generation, "
	    "data = excluded.data" },
	[ST_STATE_CUT] = { "drop detector states",
	    "DELETE FROM detector_state WHERE generation < ?1" },

	[ST_OLD_BLOCK] = { "find oldest block",
	    "SELECT block, first_seq, last_seq, last_us FROM flow_block "
	    "ORDER BY block LIMIT 1" },
	[ST_DROP_FLOWS] = { "drop flows",
	    "DELETE FROM flow WHERE seq BETWEEN ?1 AND ?2" },
	[ST_DROP_MORE] = { "drop flow details",
	    "DELETE FROM flow_more WHERE seq BETWEEN ?1 AND ?2" },
	[ST_DROP_BLOCK] = { "drop block", "DELETE FROM flow_block WHERE block <= ?1" },
	[ST_DROP_ADDR6] = { "drop addresses",
	    "DELETE FROM addr6 WHERE id IN (SELECT id FROM addr6 WHERE last_us < ?1 "
	    "LIMIT "
	    "2000)" },
	[ST_DAY_ADD] = { "join hours to a day",
	    "INSERT INTO rollup (width_s, bucket_us, edge, connections, failed, "
	    "src_bytes, "
	    "dst_bytes) SELECT 86400, ?1, edge, sum(connections), sum(failed), "
	    "sum(src_bytes), sum(dst_bytes) FROM rollup WHERE width_s = 3600 "
	    "AND bucket_us >= ?1 AND bucket_us < ?2 GROUP BY edge "
	    "ON CONFLICT DO UPDATE SET connections = connections + "
	    "excluded.connections, "
	    "failed = failed + excluded.failed, "
	    "src_bytes = src_bytes + excluded.src_bytes, "
	    "dst_bytes = dst_bytes + excluded.dst_bytes" },
	[ST_DAY_DROP_HOURS] = { "drop joined hours",
	    "DELETE FROM rollup WHERE width_s = 3600 AND bucket_us >= ?1 "
	    "AND bucket_us < ?2" },
	[ST_DROP_ROLLUP] = { "drop rollups",
	    "DELETE FROM rollup WHERE width_s = 86400 AND bucket_us < ?1" },
	[ST_DROP_INCIDENT] = { "drop incidents",
	    "DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE "
	    "updated_us < ?1 AND state <> 0 LIMIT 500)" },
	[ST_DROP_SIGNAL] = { "drop signals",
	    "DELETE FROM signal WHERE id IN (SELECT s.id FROM signal s WHERE s.ts_us < "
	    "?1 "
	    "AND NOT EXISTS (SELECT 1 FROM incident_signal x WHERE x.signal = s.id) "
	    "LIMIT 500)" },
	[ST_DROP_GAP] = { "drop gaps",
	    "DELETE FROM gap WHERE id IN (SELECT id FROM gap WHERE to_us < ?1 LIMIT "
	    "2000)" },
	[ST_DROP_OUTBOX] = { "drop messages",
	    "DELETE FROM outbox WHERE id IN (SELECT o.id FROM outbox o WHERE "
	    "o.created_us < ?1 AND NOT EXISTS (SELECT 1 FROM outbox_target t WHERE "
	    "t.message = o.id AND t.state = 0) LIMIT 500)" },
	[ST_DROP_LEASE] = { "drop leases",
	    "DELETE FROM lease WHERE id IN (SELECT id FROM lease WHERE to_us < ?1 "
	    "LIMIT 2000)" },
	[ST_DROP_INSTANCE] = { "drop instances",
	    "DELETE FROM instance WHERE id IN (SELECT i.id FROM instance i "
	    "WHERE i.stopped_us < ?1 "
	    "AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.instance = i.id) "
	    "AND NOT EXISTS (SELECT 1 FROM signal s WHERE s.src_instance = i.id) "
	    "AND NOT EXISTS (SELECT 1 FROM signal s WHERE s.dst_instance = i.id) "
	    "AND NOT EXISTS (SELECT 1 FROM incident n WHERE n.src_instance = i.id) "
	    "LIMIT 500)" },
	[ST_DROP_EDGE] = { "drop edges",
	    "DELETE FROM edge WHERE id IN (SELECT e.id FROM edge e WHERE e.is_known = "
	    "0 "
	    "AND e.last_us < ?1 LIMIT 2000)" },
	[ST_DROP_WORKLOAD] = { "drop workloads",
	    "DELETE FROM workload WHERE id IN (SELECT w.id FROM workload w "
	    "WHERE w.is_known = 0 AND w.last_us < ?1 AND w.last_us > 0 "
	    "AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.src = w.id) "
	    "AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.dst = w.id) "
	    "AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.workload = w.id) "
	    "AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.workload = w.id) "
	    "AND NOT EXISTS (SELECT 1 FROM signal s WHERE s.src = w.id) "
	    "AND NOT EXISTS (SELECT 1 FROM signal s WHERE s.dst = w.id) "
	    "AND NOT EXISTS (SELECT 1 FROM incident n WHERE n.src = w.id) LIMIT 200)" },
};
