-- SPDX-License-Identifier: Apache-2.0
-- The tables. They are ours to change; the views of 0002 are what others may rely on.
--
-- Times are UTC microseconds (_us), durations too. 64-bit ids are stored as signed integers
-- and shown as 16 hex digits. Enumerations are stored as the numbers of the C headers and
-- shown as words by the views.

CREATE TABLE meta (
	key TEXT NOT NULL PRIMARY KEY,
	value ANY
) STRICT, WITHOUT ROWID;

-- A workload or a peer that is none (cls). Flow rows, edges and signals name it by id, so a
-- row lives until nothing refers to it; is_known says whether the graph still keeps it.
CREATE TABLE workload (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	cls INTEGER NOT NULL DEFAULT 0,
	is_known INTEGER NOT NULL DEFAULT 0,
	peer_group TEXT NOT NULL DEFAULT '',
	image_repo TEXT NOT NULL DEFAULT '',
	is_managed INTEGER NOT NULL DEFAULT 0,
	is_job INTEGER NOT NULL DEFAULT 0,
	state INTEGER NOT NULL DEFAULT 0,
	is_locked INTEGER NOT NULL DEFAULT 0,
	is_quarantined INTEGER NOT NULL DEFAULT 0,
	was_there INTEGER NOT NULL DEFAULT 0,
	is_incomplete INTEGER NOT NULL DEFAULT 0,
	labels INTEGER NOT NULL DEFAULT 0,
	posture INTEGER NOT NULL DEFAULT 0,
	first_us INTEGER NOT NULL DEFAULT 0,
	last_us INTEGER NOT NULL DEFAULT 0,
	age_us INTEGER NOT NULL DEFAULT 0,
	learned_age_us INTEGER NOT NULL DEFAULT 0,
	new_edge_age_us INTEGER NOT NULL DEFAULT 0,
	discoveries_out INTEGER NOT NULL DEFAULT 0,
	discoveries_in INTEGER NOT NULL DEFAULT 0,
	discovery_age_out_us INTEGER NOT NULL DEFAULT -1,
	discovery_age_in_us INTEGER NOT NULL DEFAULT -1,
	starts INTEGER NOT NULL DEFAULT 0,
	runs INTEGER NOT NULL DEFAULT 0,
	incidences INTEGER NOT NULL DEFAULT 0,
	f1 INTEGER NOT NULL DEFAULT 0,
	f2 INTEGER NOT NULL DEFAULT 0,
	sessions_in INTEGER NOT NULL DEFAULT 0,
	sessions_out INTEGER NOT NULL DEFAULT 0,
	run_out INTEGER NOT NULL DEFAULT 0,
	resolved_yes INTEGER NOT NULL DEFAULT 0,
	resolved_all INTEGER NOT NULL DEFAULT 0,
	spec_hash INTEGER NOT NULL DEFAULT 0,
	maturity_permille INTEGER NOT NULL DEFAULT 0,
	coverage_permille INTEGER NOT NULL DEFAULT 0,
	missing_permille INTEGER NOT NULL DEFAULT 0,
	edges_out INTEGER NOT NULL DEFAULT 0,
	edges_in INTEGER NOT NULL DEFAULT 0,
	candidates INTEGER NOT NULL DEFAULT 0,
	quarantined INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One container from start to stop. The same cid twice means it was restarted.
CREATE TABLE instance (
	id INTEGER PRIMARY KEY,
	cid TEXT NOT NULL,
	name TEXT NOT NULL,
	hostname TEXT NOT NULL,
	image TEXT NOT NULL,
	runtime TEXT NOT NULL,
	workload INTEGER NOT NULL REFERENCES workload (id),
	started_us INTEGER NOT NULL,
	stopped_us INTEGER,
	posture INTEGER NOT NULL,
	labels INTEGER NOT NULL,
	spec_hash INTEGER NOT NULL,
	run INTEGER NOT NULL, -- of the daemon that told of it last (meta 'run')
	UNIQUE (cid, started_us)
) STRICT;
CREATE INDEX instance_workload ON instance (workload);
CREATE INDEX instance_live ON instance (cid) WHERE stopped_us IS NULL;

CREATE TABLE network (
	id INTEGER PRIMARY KEY,
	nid TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	bridge TEXT NOT NULL,
	is_internal INTEGER NOT NULL,
	icc_disabled INTEGER NOT NULL,
	subnets TEXT NOT NULL,  -- JSON array
	gateways TEXT NOT NULL, -- JSON array
	from_us INTEGER NOT NULL,
	to_us INTEGER,
	run INTEGER NOT NULL
) STRICT;

-- Who held an address: [from_us, to_us).
CREATE TABLE lease (
	id INTEGER PRIMARY KEY,
	ip TEXT NOT NULL,
	addr BLOB NOT NULL, -- 16 bytes, IPv4 mapped: for ranges
	mac TEXT,
	network INTEGER REFERENCES network (id),
	instance INTEGER REFERENCES instance (id),
	workload INTEGER REFERENCES workload (id),
	host_ifindex INTEGER NOT NULL,
	members INTEGER NOT NULL,
	from_us INTEGER NOT NULL,
	to_us INTEGER,
	run INTEGER NOT NULL,
	UNIQUE (addr, host_ifindex, from_us)
) STRICT;
CREATE INDEX lease_instance ON lease (instance);
CREATE INDEX lease_network ON lease (network);
CREATE INDEX lease_workload ON lease (workload);

-- The baseline: one row per source, destination, protocol and server port.
CREATE TABLE edge (
	id INTEGER PRIMARY KEY,
	src INTEGER NOT NULL REFERENCES workload (id),
	dst INTEGER NOT NULL REFERENCES workload (id),
	proto INTEGER NOT NULL,
	port INTEGER NOT NULL, -- 65534 dyn, 65535 any
	is_known INTEGER NOT NULL, -- 0: the graph has dropped it, rollups remain
	status INTEGER NOT NULL,
	origin INTEGER NOT NULL,
	flags INTEGER NOT NULL,
	starts INTEGER NOT NULL,
	wdays INTEGER NOT NULL,
	hours INTEGER NOT NULL,
	days INTEGER NOT NULL,
	slices INTEGER NOT NULL,
	last_slice INTEGER NOT NULL,
	slots INTEGER NOT NULL,
	first_us INTEGER NOT NULL,
	last_us INTEGER NOT NULL,
	max_gap_us INTEGER NOT NULL,
	established_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	decision INTEGER NOT NULL,
	connections INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	src_bytes INTEGER NOT NULL,
	dst_bytes INTEGER NOT NULL,
	max_bytes_h INTEGER NOT NULL,
	replicas INTEGER NOT NULL,
	replicas_hll BLOB NOT NULL,
	UNIQUE (src, dst, proto, port)
) STRICT;
CREATE INDEX edge_dst ON edge (dst);

-- What an edge did per hour; hours older than two weeks are joined to days.
CREATE TABLE rollup (
	width_s INTEGER NOT NULL, -- 3600 or 86400
	bucket_us INTEGER NOT NULL,
	edge INTEGER NOT NULL,
	connections INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	src_bytes INTEGER NOT NULL,
	dst_bytes INTEGER NOT NULL,
	PRIMARY KEY (width_s, bucket_us, edge)
) STRICT, WITHOUT ROWID;

-- Flow rows, in the order in which they were written. Narrow on purpose (10 million of them
-- must fit and be written at 60,000 a second): an IPv4 address is the integer itself less
-- 2^31, an IPv6 address 2^32 plus an id of addr6; workload and instance are ids without a
-- checked reference; what few rows have stands in flow_more.
--
-- traits: bits 0-3 conn_state, 4-6 verdict, 7-9 direction, 10-12 src_attribution,
-- 13-15 dst_attribution, 16 dir_known, 17 exact, 18 gap, 19 still open, 20-21 resolved,
-- 22 has a row in flow_more.
CREATE TABLE flow (
	seq INTEGER PRIMARY KEY,
	flow_id INTEGER NOT NULL,
	end_us INTEGER NOT NULL,
	duration_us INTEGER NOT NULL,
	src INTEGER NOT NULL,
	dst INTEGER NOT NULL,
	src_instance INTEGER,
	dst_instance INTEGER,
	src_addr INTEGER NOT NULL,
	dst_addr INTEGER NOT NULL,
	src_port INTEGER NOT NULL,
	dst_port INTEGER NOT NULL,
	proto INTEGER NOT NULL,
	traits INTEGER NOT NULL,
	history TEXT,
	src_bytes INTEGER NOT NULL,
	dst_bytes INTEGER NOT NULL,
	src_pkts INTEGER,
	dst_pkts INTEGER
) STRICT;
CREATE INDEX flow_end ON flow (end_us);
CREATE INDEX flow_open ON flow (seq) WHERE traits & 524288;

CREATE TABLE flow_more (
	seq INTEGER PRIMARY KEY,
	edge_port INTEGER, -- where the edge's port is not dst_port
	nat_dst_addr INTEGER,
	nat_dst_port INTEGER,
	parent INTEGER, -- flow_id of the tunnel around it
	vlan INTEGER,
	inner_vlan INTEGER,
	domain INTEGER
) STRICT;

CREATE TABLE addr6 (
	id INTEGER PRIMARY KEY,
	addr BLOB NOT NULL UNIQUE,
	ip TEXT NOT NULL,
	last_us INTEGER NOT NULL -- of a flow that used it, to the hour
) STRICT;

-- Flow rows in blocks of some thousands, and what each block contains. An index entry per
-- row and address would cost more than the row itself: so a question for one address,
-- workload, instance, port or edge asks which blocks have the key, and reads those.
--
-- keys: a sorted set of 32-bit numbers, most significant byte first; each is value * 8 +
-- kind; kind 0 edge (28-bit hash), 1 workload, 2 instance, 3 address (28-bit hash), 4
-- server port, 5 state, verdict, direction, protocol, 6 network (28-bit hash). See
-- src/store/key_priv.h.
CREATE TABLE flow_block (
	block INTEGER PRIMARY KEY,
	first_seq INTEGER NOT NULL,
	last_seq INTEGER NOT NULL,
	first_us INTEGER NOT NULL, -- earliest start
	last_us INTEGER NOT NULL, -- latest end
	keys BLOB NOT NULL
) STRICT;

CREATE TABLE signal (
	id INTEGER PRIMARY KEY,
	rev INTEGER NOT NULL, -- grows with every write of any signal: followers read on from here
	ts_us INTEGER NOT NULL,
	first_us INTEGER NOT NULL,
	hold_until_us INTEGER NOT NULL,
	detector TEXT NOT NULL,
	techniques TEXT NOT NULL, -- JSON array
	tactic INTEGER NOT NULL,
	family INTEGER NOT NULL,
	outcome INTEGER NOT NULL,
	score INTEGER NOT NULL,
	proto INTEGER NOT NULL,
	port INTEGER NOT NULL,
	src INTEGER REFERENCES workload (id),
	dst INTEGER REFERENCES workload (id),
	src_instance INTEGER REFERENCES instance (id),
	dst_instance INTEGER REFERENCES instance (id),
	src_ip TEXT,
	dst_ip TEXT,
	flow_id INTEGER NOT NULL,
	incident INTEGER NOT NULL, -- 0 none
	count INTEGER NOT NULL,
	hosts INTEGER NOT NULL,
	ports INTEGER NOT NULL,
	tool INTEGER NOT NULL,
	in_change_window INTEGER NOT NULL,
	is_snoozed INTEGER NOT NULL,
	is_capped INTEGER NOT NULL,
	sentence TEXT NOT NULL,
	benign TEXT NOT NULL,
	facts TEXT NOT NULL,   -- lines "key: value"
	reasons TEXT NOT NULL, -- JSON [{"reason": ..., "points": ...}]
	samples TEXT NOT NULL  -- JSON [{"ts_us": ..., "flow_id": ..., "dst_ip": ..., ...}]
) STRICT;
CREATE INDEX signal_rev ON signal (rev);
CREATE INDEX signal_ts ON signal (ts_us);
CREATE INDEX signal_incident ON signal (incident) WHERE incident <> 0;
CREATE INDEX signal_src ON signal (src);
CREATE INDEX signal_dst ON signal (dst);
CREATE INDEX signal_src_instance ON signal (src_instance);
CREATE INDEX signal_dst_instance ON signal (dst_instance);

CREATE TABLE incident (
	id INTEGER PRIMARY KEY,
	rev INTEGER NOT NULL,
	opened_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	closed_us INTEGER,
	state INTEGER NOT NULL,
	tier INTEGER NOT NULL,
	decision INTEGER NOT NULL,
	gaps INTEGER NOT NULL,
	score INTEGER NOT NULL,
	messages_sent INTEGER NOT NULL,
	src INTEGER REFERENCES workload (id),
	src_instance INTEGER REFERENCES instance (id),
	more_targets INTEGER NOT NULL,
	more_signals INTEGER NOT NULL,
	title TEXT NOT NULL,
	benign TEXT NOT NULL,
	targets TEXT NOT NULL,    -- JSON [{"workload" or "address", "port", "proto", "outcome"}]
	path TEXT NOT NULL,       -- JSON [{"from", "to", "port", "proto", "ts_us"}]
	techniques TEXT NOT NULL, -- JSON array
	detectors TEXT NOT NULL,  -- JSON array
	reasons TEXT NOT NULL     -- JSON [{"reason", "points"}]
) STRICT;
CREATE INDEX incident_rev ON incident (rev);
CREATE INDEX incident_updated ON incident (updated_us);
CREATE INDEX incident_open ON incident (id) WHERE state = 0;
CREATE INDEX incident_src ON incident (src);
CREATE INDEX incident_src_instance ON incident (src_instance);

CREATE TABLE incident_signal (
	incident INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
	n INTEGER NOT NULL, -- oldest first
	signal INTEGER NOT NULL,
	PRIMARY KEY (incident, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_signal_signal ON incident_signal (signal);

-- The log of what operators (and auto-accept) decided; never changed, except that an undo
-- marks what it takes back.
CREATE TABLE decision (
	id INTEGER PRIMARY KEY,
	at_us INTEGER NOT NULL,
	action INTEGER NOT NULL,
	src TEXT NOT NULL, -- patterns, not references
	dst TEXT NOT NULL,
	port INTEGER NOT NULL, -- -1 any
	proto INTEGER NOT NULL, -- -1 any
	expires_us INTEGER NOT NULL,
	incident INTEGER NOT NULL,
	undoes INTEGER NOT NULL,
	is_undone INTEGER NOT NULL,
	labels INTEGER NOT NULL,
	edges INTEGER NOT NULL,
	who TEXT NOT NULL,
	why TEXT NOT NULL
) STRICT;

-- Messages to people, until every target has them; then for the record.
CREATE TABLE outbox (
	id INTEGER PRIMARY KEY,
	incident INTEGER NOT NULL,
	created_us INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	tier INTEGER NOT NULL,
	title TEXT NOT NULL,
	version INTEGER NOT NULL, -- of body's layout
	body BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_created ON outbox (created_us);
CREATE TABLE outbox_target (
	message INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
	target TEXT NOT NULL,
	state INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	http_status INTEGER NOT NULL,
	next_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL,
	answer TEXT NOT NULL,
	PRIMARY KEY (message, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_queued ON outbox_target (message) WHERE state <> 1;

CREATE TABLE gap (
	id INTEGER PRIMARY KEY,
	ts_us INTEGER NOT NULL,
	from_us INTEGER NOT NULL,
	to_us INTEGER NOT NULL,
	lost INTEGER NOT NULL,
	cause INTEGER NOT NULL,
	is_notice INTEGER NOT NULL,
	text TEXT NOT NULL
) STRICT;
CREATE INDEX gap_to ON gap (to_us);

-- What detectors remember over a restart (scan scores, volumes, open signals), each in a
-- form of its own. generation: of the set it was saved with.
CREATE TABLE detector_state (
	detector TEXT NOT NULL,
	key TEXT NOT NULL,
	version INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (detector, key)
) STRICT, WITHOUT ROWID;
