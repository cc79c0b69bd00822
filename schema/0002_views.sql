-- SPDX-License-Identifier: Apache-2.0
-- The views: the public interface of the database (eastwatch-schema(5)). Column = JSON key
-- = filter = CSV header. Plain SQL, so that any SQLite can read them; only community_id
-- needs a calculation SQLite does not have and is filled in by `eastwatch`.

CREATE VIEW v_flows AS SELECT
	'eastwatch.flow/1' AS schema,
	printf('%016x', f.flow_id) AS flow_id,
	NULL AS community_id,
	f.end_us - f.duration_us AS start_us,
	f.end_us AS end_us,
	CASE f.proto WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmp6'
		WHEN 132 THEN 'sctp' ELSE CAST(f.proto AS TEXT) END AS proto,
	CASE WHEN f.src_addr < 2147483648 THEN printf('%d.%d.%d.%d',
		(f.src_addr + 2147483648) >> 24, ((f.src_addr + 2147483648) >> 16) & 255,
		((f.src_addr + 2147483648) >> 8) & 255, (f.src_addr + 2147483648) & 255)
		ELSE (SELECT ip FROM addr6 WHERE id = f.src_addr - 4294967296) END AS src_ip,
	f.src_port AS src_port,
	CASE WHEN f.dst_addr < 2147483648 THEN printf('%d.%d.%d.%d',
		(f.dst_addr + 2147483648) >> 24, ((f.dst_addr + 2147483648) >> 16) & 255,
		((f.dst_addr + 2147483648) >> 8) & 255, (f.dst_addr + 2147483648) & 255)
		ELSE (SELECT ip FROM addr6 WHERE id = f.dst_addr - 4294967296) END AS dst_ip,
	f.dst_port AS dst_port,
	sw.name AS src_workload,
	si.cid AS src_instance,
	dw.name AS dst_workload,
	di.cid AS dst_instance,
	CASE f.traits & 15 WHEN 1 THEN 'S0' WHEN 2 THEN 'S1' WHEN 3 THEN 'SF' WHEN 4 THEN 'REJ'
		WHEN 5 THEN 'S2' WHEN 6 THEN 'S3' WHEN 7 THEN 'RSTO' WHEN 8 THEN 'RSTR'
		WHEN 9 THEN 'RSTOS0' WHEN 10 THEN 'RSTRH' WHEN 11 THEN 'SH' WHEN 12 THEN 'SHR'
		WHEN 13 THEN 'OTH' END AS conn_state,
	f.history AS history,
	f.src_bytes AS src_bytes,
	f.dst_bytes AS dst_bytes,
	f.src_pkts AS src_pkts,
	f.dst_pkts AS dst_pkts,
	CASE (f.traits >> 17) & 1 WHEN 1 THEN 'exact' ELSE 'sequence' END AS method,
	(f.traits >> 16) & 1 AS dir_known,
	CASE (f.traits >> 7) & 7 WHEN 1 THEN 'inbound' WHEN 2 THEN 'outbound' WHEN 3 THEN 'lateral'
		WHEN 4 THEN 'local' ELSE 'unknown' END AS direction,
	CASE (f.traits >> 4) & 7 WHEN 1 THEN 'known' WHEN 2 THEN 'candidate' WHEN 3 THEN 'novel'
		WHEN 4 THEN 'denied' ELSE 'unjudged' END AS verdict,
	CASE (f.traits >> 10) & 7 WHEN 1 THEN 'veth' WHEN 2 THEN 'lease' WHEN 3 THEN 'mac'
		WHEN 4 THEN 'conntrack' WHEN 5 THEN 'ambiguous' ELSE 'unresolved' END AS src_attribution,
	CASE (f.traits >> 13) & 7 WHEN 1 THEN 'veth' WHEN 2 THEN 'lease' WHEN 3 THEN 'mac'
		WHEN 4 THEN 'conntrack' WHEN 5 THEN 'ambiguous' ELSE 'unresolved' END AS dst_attribution,
	CASE WHEN m.nat_dst_addr < 2147483648 THEN printf('%d.%d.%d.%d',
		(m.nat_dst_addr + 2147483648) >> 24, ((m.nat_dst_addr + 2147483648) >> 16) & 255,
		((m.nat_dst_addr + 2147483648) >> 8) & 255, (m.nat_dst_addr + 2147483648) & 255)
		ELSE (SELECT ip FROM addr6 WHERE id = m.nat_dst_addr - 4294967296) END AS nat_dst_ip,
	m.nat_dst_port AS nat_dst_port,
	CASE WHEN m.parent IS NOT NULL THEN printf('%016x', m.parent) END AS tunnel_parent,
	(f.traits >> 18) & 1 AS gap,
	(f.traits >> 19) & 1 AS is_open,
	m.vlan AS vlan,
	m.inner_vlan AS inner_vlan,
	f.seq AS seq
FROM flow f
JOIN workload sw ON sw.id = f.src
JOIN workload dw ON dw.id = f.dst
LEFT JOIN instance si ON si.id = f.src_instance
LEFT JOIN instance di ON di.id = f.dst_instance
LEFT JOIN flow_more m ON m.seq = CASE WHEN f.traits & 4194304 THEN f.seq END;

CREATE VIEW v_edges AS SELECT
	'eastwatch.edge/1' AS schema,
	sw.name AS src_workload,
	dw.name AS dst_workload,
	CASE e.proto WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmp6'
		WHEN 132 THEN 'sctp' ELSE CAST(e.proto AS TEXT) END AS proto,
	CASE e.port WHEN 65534 THEN 'dyn' WHEN 65535 THEN 'any' ELSE e.port END AS dst_port,
	CASE e.status WHEN 0 THEN 'candidate' WHEN 1 THEN 'baseline' WHEN 2 THEN 'dormant'
		WHEN 3 THEN 'quarantined' WHEN 4 THEN 'denied' END AS status,
	e.first_us AS first_us,
	e.last_us AS last_us,
	e.connections AS connections,
	e.failed AS failed,
	e.src_bytes AS src_bytes,
	e.dst_bytes AS dst_bytes,
	CASE e.origin WHEN 0 THEN 'learned' WHEN 1 THEN 'imported' WHEN 2 THEN 'operator'
		WHEN 3 THEN 'auto' END AS origin,
	NULLIF(e.established_us, 0) AS established_us,
	e.slices AS slices,
	e.slots AS slots,
	e.starts AS starts,
	e.replicas AS replicas,
	e.flags & 1 AS is_startup_only,
	(e.flags >> 1) & 1 AS is_suspect,
	(e.flags >> 2) & 1 AS is_sensitive,
	NULLIF(e.expires_us, 0) AS expires_us,
	CASE WHEN e.decision <> 0 THEN printf('%016x', e.decision) END AS decision,
	e.id AS seq
FROM edge e
JOIN workload sw ON sw.id = e.src
JOIN workload dw ON dw.id = e.dst
WHERE e.is_known;

CREATE VIEW v_rollups AS SELECT
	'eastwatch.rollup/1' AS schema,
	r.bucket_us AS bucket_us,
	r.width_s AS width_s,
	sw.name AS src_workload,
	dw.name AS dst_workload,
	CASE e.proto WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmp6'
		WHEN 132 THEN 'sctp' ELSE CAST(e.proto AS TEXT) END AS proto,
	CASE e.port WHEN 65534 THEN 'dyn' WHEN 65535 THEN 'any' ELSE e.port END AS dst_port,
	r.connections AS connections,
	r.failed AS failed,
	r.src_bytes AS src_bytes,
	r.dst_bytes AS dst_bytes
FROM rollup r
JOIN edge e ON e.id = r.edge
JOIN workload sw ON sw.id = e.src
JOIN workload dw ON dw.id = e.dst;

CREATE VIEW v_workloads AS SELECT
	'eastwatch.workload/1' AS schema,
	w.name AS workload,
	CASE w.state WHEN 0 THEN 'cold' WHEN 1 THEN 'learning' WHEN 2 THEN 'provisional'
		WHEN 3 THEN 'mature' WHEN 4 THEN 'locked' WHEN 5 THEN 'stale' END AS state,
	w.age_us / 1000000 AS age_s,
	w.coverage_permille / 1000.0 AS completeness,
	(SELECT count(*) FROM instance i WHERE i.workload = w.id AND i.stopped_us IS NULL) AS instances,
	w.maturity_permille / 1000.0 AS maturity,
	w.edges_out AS edges_out,
	w.edges_in AS edges_in,
	w.candidates AS candidates,
	w.quarantined AS quarantined,
	w.missing_permille / 1000.0 AS missing,
	w.incidences AS incidences,
	w.starts AS starts,
	w.runs AS runs,
	w.is_locked AS is_locked,
	w.is_incomplete AS is_incomplete,
	w.is_quarantined AS is_quarantined,
	w.is_managed AS is_managed,
	w.is_job AS is_job,
	w.peer_group AS peer_group,
	w.image_repo AS image_repo,
	(SELECT json_group_array(value) FROM (
		SELECT 'canary' AS value WHERE w.labels & 1 UNION ALL SELECT 'scanner' WHERE w.labels & 2
		UNION ALL SELECT 'router' WHERE w.labels & 4 UNION ALL SELECT 'vip' WHERE w.labels & 8
		UNION ALL SELECT 'proxy' WHERE w.labels & 16 UNION ALL SELECT 'scraper' WHERE w.labels & 32
		UNION ALL SELECT 'sensitive' WHERE w.labels & 64)) AS labels,
	(SELECT json_group_array(value) FROM (
		SELECT 'privileged' AS value WHERE w.posture & 1
		UNION ALL SELECT 'runtime_socket' WHERE w.posture & 2
		UNION ALL SELECT 'host_pid' WHERE w.posture & 4
		UNION ALL SELECT 'host_network' WHERE w.posture & 8
		UNION ALL SELECT 'cap_sys_admin' WHERE w.posture & 16
		UNION ALL SELECT 'cap_net_admin' WHERE w.posture & 32
		UNION ALL SELECT 'cap_sys_ptrace' WHERE w.posture & 64
		UNION ALL SELECT 'published' WHERE w.posture & 128)) AS posture,
	NULLIF(w.first_us, 0) AS first_us,
	NULLIF(w.last_us, 0) AS last_us,
	w.id AS seq
FROM workload w
WHERE w.cls = 0;

CREATE VIEW v_instances AS SELECT
	'eastwatch.instance/1' AS schema,
	i.cid AS id,
	i.name AS name,
	i.image AS image,
	i.runtime AS runtime,
	w.name AS workload,
	i.started_us AS started_us,
	i.stopped_us AS stopped_us,
	(SELECT json_group_array(ip) FROM (SELECT DISTINCT l.ip FROM lease l WHERE l.instance = i.id
		AND (l.to_us IS NULL OR i.stopped_us IS NOT NULL) ORDER BY l.addr)) AS addresses,
	i.hostname AS hostname,
	(SELECT json_group_array(name) FROM (SELECT DISTINCT n.name FROM lease l
		JOIN network n ON n.id = l.network WHERE l.instance = i.id
		AND (l.to_us IS NULL OR i.stopped_us IS NOT NULL) ORDER BY n.name)) AS networks,
	(SELECT json_group_array(value) FROM (
		SELECT 'privileged' AS value WHERE i.posture & 1
		UNION ALL SELECT 'runtime_socket' WHERE i.posture & 2
		UNION ALL SELECT 'host_pid' WHERE i.posture & 4
		UNION ALL SELECT 'host_network' WHERE i.posture & 8
		UNION ALL SELECT 'cap_sys_admin' WHERE i.posture & 16
		UNION ALL SELECT 'cap_net_admin' WHERE i.posture & 32
		UNION ALL SELECT 'cap_sys_ptrace' WHERE i.posture & 64
		UNION ALL SELECT 'published' WHERE i.posture & 128)) AS posture,
	printf('%016x', i.spec_hash) AS spec,
	i.id AS seq
FROM instance i
JOIN workload w ON w.id = i.workload;

CREATE VIEW v_who AS SELECT
	'eastwatch.who/1' AS schema,
	l.ip AS ip,
	n.name AS network,
	w.name AS workload,
	i.cid AS instance,
	l.from_us AS from_us,
	l.to_us AS to_us,
	i.name AS name,
	l.mac AS mac,
	NULLIF(l.host_ifindex, 0) AS ifindex,
	l.members > 1 AS is_ambiguous,
	l.id AS seq
FROM lease l
LEFT JOIN network n ON n.id = l.network
LEFT JOIN workload w ON w.id = l.workload
LEFT JOIN instance i ON i.id = l.instance;

CREATE VIEW v_networks AS SELECT
	'eastwatch.network/1' AS schema,
	n.nid AS id,
	n.name AS name,
	n.bridge AS bridge,
	n.subnets AS subnets,
	n.gateways AS gateways,
	n.is_internal AS is_internal,
	n.icc_disabled AS icc_disabled,
	n.from_us AS from_us,
	n.to_us AS to_us,
	n.id AS seq
FROM network n;

CREATE VIEW v_signals AS SELECT
	'eastwatch.signal/1' AS schema,
	printf('%016x', s.id) AS id,
	s.ts_us AS ts_us,
	s.detector AS detector,
	s.score AS score,
	sw.name AS src_workload,
	si.cid AS src_instance,
	s.src_ip AS src_ip,
	dw.name AS dst_workload,
	di.cid AS dst_instance,
	s.dst_ip AS dst_ip,
	NULLIF(s.port, 0) AS dst_port,
	CASE s.proto WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmp6'
		WHEN 132 THEN 'sctp' WHEN 0 THEN NULL ELSE CAST(s.proto AS TEXT) END AS proto,
	json_object('sentence', s.sentence, 'reasons', json(s.reasons), 'count', s.count,
		'hosts', s.hosts, 'ports', s.ports, 'facts', s.facts, 'benign', s.benign,
		'samples', json(s.samples)) AS evidence,
	CASE s.outcome WHEN 1 THEN 'attempted' WHEN 2 THEN 'established' WHEN 3 THEN 'payload'
		WHEN 4 THEN 'refused' WHEN 5 THEN 'unanswered' WHEN 6 THEN 'midstream'
		WHEN 7 THEN 'halfopen' WHEN 8 THEN 'dark' WHEN 9 THEN 'probe' END AS outcome,
	s.techniques AS techniques,
	s.sentence AS sentence,
	s.first_us AS first_us,
	CASE WHEN s.flow_id <> 0 THEN printf('%016x', s.flow_id) END AS flow_id,
	CASE WHEN s.incident <> 0 THEN printf('%016x', s.incident) END AS incident_id,
	s.count AS count,
	s.in_change_window AS in_change_window,
	s.is_snoozed AS is_snoozed,
	s.is_capped AS is_capped,
	CASE s.tool WHEN 1 THEN 'nmap' WHEN 2 THEN 'masscan' WHEN 3 THEN 'hping' WHEN 4 THEN 'zmap'
		END AS tool,
	s.rev AS seq
FROM signal s
LEFT JOIN workload sw ON sw.id = s.src
LEFT JOIN workload dw ON dw.id = s.dst
LEFT JOIN instance si ON si.id = s.src_instance
LEFT JOIN instance di ON di.id = s.dst_instance;

CREATE VIEW v_incidents AS SELECT
	'eastwatch.incident/1' AS schema,
	printf('%016x', i.id) AS id,
	i.opened_us AS opened_us,
	i.updated_us AS updated_us,
	CASE i.state WHEN 0 THEN 'open' ELSE 'closed' END AS state,
	CASE i.tier WHEN 3 THEN 'page' WHEN 2 THEN 'notify' WHEN 1 THEN 'digest' ELSE 'log' END AS tier,
	CASE WHEN i.score >= 90 THEN 'critical' WHEN i.score >= 70 THEN 'high'
		WHEN i.score >= 50 THEN 'medium' WHEN i.score >= 30 THEN 'low' ELSE 'info' END AS severity,
	i.score AS score,
	i.title AS title,
	sw.name AS src_workload,
	si.cid AS src_instance,
	i.targets AS targets,
	i.techniques AS techniques,
	i.detectors AS detectors,
	i.reasons AS reasons,
	i.path AS path,
	(SELECT json_group_array(json_object('id', printf('%016x', q.id), 'ts_us', q.ts_us,
		'detector', q.detector, 'score', q.score, 'sentence', q.sentence)) FROM (
		SELECT s.* FROM incident_signal x JOIN signal s ON s.id = x.signal
		WHERE x.incident = i.id ORDER BY x.n) q) AS signals,
	i.messages_sent AS messages_sent,
	i.gaps AS gaps,
	CASE i.decision WHEN 1 THEN 'accepted' WHEN 2 THEN 'denied' WHEN 3 THEN 'snoozed' END AS decision,
	i.closed_us AS closed_us,
	i.benign AS benign,
	i.more_targets AS more_targets,
	i.more_signals AS more_signals,
	i.rev AS seq
FROM incident i
LEFT JOIN workload sw ON sw.id = i.src
LEFT JOIN instance si ON si.id = i.src_instance
-- One campaign is one incident: what was merged into another shows only if people know its id.
WHERE i.state < 2 OR i.messages_sent > 0;

CREATE VIEW v_gaps AS SELECT
	'eastwatch.gap/1' AS schema,
	g.ts_us AS ts_us,
	g.from_us AS from_us,
	g.to_us AS to_us,
	CASE g.cause WHEN 0 THEN 'kernel_drop' WHEN 1 THEN 'ring_full' WHEN 2 THEN 'interface'
		WHEN 3 THEN 'clock_step' WHEN 4 THEN 'suspend' WHEN 5 THEN 'table_eviction'
		WHEN 6 THEN 'input_damage' ELSE 'unknown' END AS cause,
	g.lost AS lost,
	g.text AS text,
	g.is_notice AS is_notice,
	g.id AS seq
FROM gap g;

CREATE VIEW v_decisions AS SELECT
	'eastwatch.decision/1' AS schema,
	printf('%016x', d.id) AS id,
	d.at_us AS at_us,
	CASE d.action WHEN 0 THEN 'accept' WHEN 1 THEN 'deny' WHEN 2 THEN 'snooze'
		WHEN 3 THEN 'forget' WHEN 4 THEN 'lock' WHEN 5 THEN 'unlock' WHEN 6 THEN 'label'
		WHEN 7 THEN 'undo' WHEN 8 THEN 'auto' WHEN 9 THEN 'relearn' ELSE 'unknown' END AS action,
	d.src AS src_workload,
	d.dst AS dst_workload,
	CASE d.port WHEN -1 THEN NULL WHEN 65534 THEN 'dyn' ELSE d.port END AS dst_port,
	CASE d.proto WHEN -1 THEN NULL WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp'
		WHEN 58 THEN 'icmp6' WHEN 132 THEN 'sctp' ELSE CAST(d.proto AS TEXT) END AS proto,
	d.who AS who,
	d.why AS why,
	NULLIF(d.expires_us, 0) AS expires_us,
	CASE WHEN d.incident <> 0 THEN printf('%016x', d.incident) END AS incident_id,
	CASE WHEN d.undoes <> 0 THEN printf('%016x', d.undoes) END AS undoes,
	d.is_undone AS is_undone,
	d.edges AS edges,
	d.rowid AS seq
FROM decision d;

CREATE VIEW v_outbox AS SELECT
	'eastwatch.outbox/1' AS schema,
	printf('%016x', o.id) AS id,
	o.created_us AS created_us,
	t.target AS target,
	CASE t.state WHEN 0 THEN 'queued' WHEN 1 THEN 'sent' ELSE 'failed' END AS state,
	t.attempts AS attempts,
	NULLIF(t.http_status, 0) AS http_status,
	t.answer AS answer,
	NULLIF(t.next_us, 0) AS next_us,
	t.updated_us AS updated_us,
	CASE o.kind WHEN 0 THEN 'opened' WHEN 1 THEN 'updated' WHEN 2 THEN 'resolved'
		WHEN 3 THEN 'digest' WHEN 4 THEN 'storm' WHEN 5 THEN 'test' ELSE 'health' END AS kind,
	CASE o.tier WHEN 3 THEN 'page' WHEN 2 THEN 'notify' WHEN 1 THEN 'digest' ELSE 'log' END AS tier,
	CASE WHEN o.incident <> 0 THEN printf('%016x', o.incident) END AS incident_id,
	o.title AS title
FROM outbox o
JOIN outbox_target t ON t.message = o.id;
