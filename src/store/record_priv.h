/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "alert/incident.h"
#include "alert/message.h"
#include "base/addr.h"
#include "detect/detect.h"
#include "detect/signal.h"
#include "flow/event.h"
#include "graph/edge.h"
#include "graph/record.h"
#include "identity/inventory.h"
#include "identity/workload.h"
#include "proc/message.h"
#include "store/store.h"

/*
 * What travels through the rings: a head, then the struct of its kind. Pointers in copied
 * structs mean nothing on the other side; names stand beside them, or, in small ids, each
 * told once by a NAME, INSTANCE or NETWORK record.
 */
enum rec_kind {
	REC_END = 1, /* closes a group; nothing else */
	/* first ring: committed at once */
	REC_NAME,
	REC_INSTANCE,
	REC_NETWORK,
	REC_LEASE,
	REC_READY,
	REC_SIGNAL,
	REC_INCIDENT,
	REC_DECISION,
	REC_GAP,
	REC_MESSAGE,
	REC_RESULT,
	REC_REPLAY,
	/* second ring */
	REC_FLOW,
	REC_EDGE,
	REC_EDGE_REMOVED,
	REC_WORKLOAD,
	REC_WORKLOAD_REMOVED,
	REC_META,
	REC_STATE_BEGIN,
	REC_STATE,
	REC_STATE_END,
};

struct rec_head {
	uint16_t kind;
	uint16_t is_grouped; /* the next record belongs to the same transaction */
	uint32_t size;	     /* of the whole record */
};

/* Which workload an id stands for. */
struct rec_name {
	struct rec_head head;
	uint32_t id;
	uint8_t cls;
	char name[EW_WORKLOAD_NAME_MAX];
};

struct rec_instance {
	struct rec_head head;
	uint32_t id, workload;
	uint16_t posture, labels;
	int64_t started_us, stopped_us; /* stopped 0: runs */
	uint64_t spec_hash;
	char cid[EW_INSTANCE_ID_MAX];
	char name[128];
	char hostname[64];
	char image[EW_IMAGE_MAX];
	char runtime[16];
};

struct rec_network {
	struct rec_head head;
	uint32_t id;
	int64_t from_us, to_us;
	struct ew_network_info info;
};

struct rec_lease {
	struct rec_head head;
	struct ew_addr addr;
	uint8_t mac[6];
	uint8_t has_mac;
	uint32_t host_ifindex, instance, network, workload,
	    members; /* workload 0 none */
	int64_t from_us, to_us;
};

struct rec_flow {
	struct rec_head head;
	uint64_t flow_id, parent_id;
	int64_t first_us, last_us;
	struct ew_addr src_addr, dst_addr, nat_dst;
	uint32_t src, dst; /* workloads */
	uint32_t src_instance, dst_instance;
	uint32_t domain;
	uint32_t traits; /* as in table flow, without bit 22 */
	uint16_t src_port, dst_port, nat_dst_port, edge_port;
	uint16_t vlan[2];
	uint8_t proto, has_nat, is_open, has_pkts;
	int64_t bytes[2], pkts[2];
	char history[EW_FLOW_HISTORY_MAX];
};

struct rec_edge {
	struct rec_head head;
	uint32_t src, dst;
	struct ew_edge edge;
};

struct rec_workload {
	struct rec_head head;
	struct ew_workload_record record;
};

struct rec_meta {
	struct rec_head head;
	struct ew_graph_record record;
};

struct rec_state {
	struct rec_head head;
	struct ew_detect_record record; /* cut after the used bytes of data */
};

#define REC_TECHNIQUE_MAX 16
struct rec_signal {
	struct rec_head head;
	uint64_t incident_id;
	uint32_t src, dst; /* workloads, 0 none */
	char detector[24];
	char technique[4][REC_TECHNIQUE_MAX];
	struct ew_signal signal;
};

struct rec_incident {
	struct rec_head head;
	uint32_t src;
	uint32_t targets[EW_INCIDENT_TARGETS_MAX];
	uint32_t path[EW_INCIDENT_PATH_MAX][2];
	char techniques[16][REC_TECHNIQUE_MAX];
	char detectors[16][24];
	struct ew_incident incident;
};

struct rec_decision {
	struct rec_head head;
	struct ew_decision_record record;
};

struct rec_gap {
	struct rec_head head;
	struct ew_health health;
};

#define REC_TARGETS_MAX 32
struct rec_message {
	struct rec_head head;
	uint32_t n_targets;
	char targets[REC_TARGETS_MAX][64];
	struct ew_message message;
};

struct rec_result {
	struct rec_head head;
	int64_t at_us;
	struct ew_outbox_result result;
};

struct rec_replay {
	struct rec_head head;
	uint64_t message_id;
	int64_t at_us;
	char target[64];
};
