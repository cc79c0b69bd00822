/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/message.h"
#include "base/addr.h"
#include "base/time.h"
#include "identity/inventory.h"

/*
 * The messages between `core` and `outside` (design.md 3): fixed verbs, typed, versioned,
 * every length checked, never a packet byte. Each side parses what the other says as if it
 * came from a network: counts and enums in range, text cut to its field and cleaned.
 *
 * One message is one datagram of a SOCK_SEQPACKET pair: magic, version, type, length, then
 * fields in network order, text as length and bytes. message.c has one function per record
 * that both writes and reads it.
 *
 * Depends on: base, identity/inventory.h, alert/message.h. Used by: proc, api, daemon.
 */

enum ew_proc_type {
	/* outside -> core */
	EW_PROC_RUNTIME = 1,   /* struct ew_runtime_status */
	EW_PROC_INSTANCE,      /* struct ew_instance_info: new, or more is known */
	EW_PROC_INSTANCE_GONE, /* struct ew_gone */
	EW_PROC_NETWORK,       /* struct ew_network_info */
	EW_PROC_NETWORK_GONE,  /* struct ew_gone */
	EW_PROC_SERVICE,       /* struct ew_service_info */
	EW_PROC_RESOLVER,      /* struct ew_resolver_info */
	EW_PROC_INVENTORY_READY, /* struct ew_runtime_status: its first list is complete */
	EW_PROC_OUTBOX_RESULT,	/* struct ew_outbox_result */
	EW_PROC_CONTROL,	/* struct ew_control_request */
	EW_PROC_STATUS_REQUEST, /* struct ew_status_request */
	/* core -> outside */
	EW_PROC_DELIVER,       /* struct ew_outbox_delivery */
	EW_PROC_CONTROL_REPLY, /* struct ew_control_reply */
	EW_PROC_STATUS_ITEMS,  /* struct ew_status_items */
	EW_PROC_RELOAD,	       /* none: read the configuration again */
	EW_PROC_STOP,	       /* none: end in order */
	EW_PROC_TYPES,
};

/* A datagram is at most this long; the longest real one, a full instance, is 35 KiB. */
#define EW_PROC_MESSAGE_MAX 65536

struct ew_runtime_status {
	char name[16];	  /* docker podman containerd cri-o */
	char version[32]; /* of the engine; empty unknown */
	char api[16];
	char sentence
	    [256]; /* what is wrong and what happens next; empty when all is well */
	uint8_t is_connected;
	uint8_t
	    is_configured; /* 0: nothing there, and nobody asked for it: no complaint */
	uint64_t errors;   /* answers that made no sense, so far */
	uint32_t instances;
};

struct ew_gone {
	char runtime[16];
	char id[EW_INSTANCE_ID_MAX];
	struct ew_mono at; /* as the runtime says; wall clock if it does not */
};

struct ew_resolver_info {
	struct ew_addr addr;
};

enum ew_outbox_outcome {
	EW_OUTBOX_OK,	 /* the target has it */
	EW_OUTBOX_RETRY, /* outside tries again at next_us by itself: for the record */
	EW_OUTBOX_DEAD,	 /* it never will; a person may replay it */
	EW_OUTBOX_RETURNED, /* outside has no room: core sends it again after next_us */
};

/* How one attempt ended. (id, target) is the outbox row. */
struct ew_outbox_result {
	uint64_t id; /* ew_message.id */
	char target[64];
	uint8_t outcome;      /* enum ew_outbox_outcome */
	uint16_t attempt;     /* 1.. */
	uint16_t http_status; /* 0: no answer */
	char answer[256];     /* start of the answer, or why there was none */
	int64_t next_us;      /* wall clock of the next attempt; 0 none */
};

struct ew_outbox_delivery {
	struct ew_message message;
	char target[64];
	uint16_t attempt;      /* attempts made so far, as stored */
	int64_t not_before_us; /* as stored; 0 now */
};

enum ew_control_verb {
	EW_CONTROL_DECIDE, /* action on pattern: what eastwatch baseline does */
	EW_CONTROL_DECIDE_INCIDENT, /* incident_id, decision, ttl */
	EW_CONTROL_WEBHOOK_REPLAY, /* message_id (0: every dead one), target (empty: all) */
	EW_CONTROL_RELOAD,
	EW_CONTROL_FLUSH, /* write to the database what is pending, then reply */
	EW_CONTROL_VERBS,
};

/* A person's wish, with who asked. core decides, logs and replies. */
struct ew_control_request {
	uint32_t request_id; /* comes back in the reply */
	uint32_t uid;	     /* by SO_PEERCRED */
	int32_t pid;
	uint8_t verb;	  /* enum ew_control_verb */
	uint8_t action;	  /* enum ew_decision_action (graph/record.h); DECIDE */
	uint8_t decision; /* enum ew_decision; DECIDE_INCIDENT */
	uint16_t labels;  /* enum ew_label_bit; action LABEL */
	uint64_t incident_id;
	uint64_t message_id;
	uint64_t undoes;   /* action UNDO */
	int64_t ttl_ns;	   /* 0: no limit */
	char pattern[640]; /* for ew_pattern_parse */
	char target[64];
	char who[64]; /* the name behind uid, as outside sees it */
	char why[256];
};

struct ew_control_reply {
	uint32_t request_id;
	int32_t code;	/* 0 or enum ew_err */
	uint64_t id;	/* of the decision or message made; 0 none */
	uint32_t count; /* edges, workloads or messages it touched */
	char sentence[512];
};

enum ew_status_what { EW_STATUS_HEALTH, EW_STATUS_COUNTERS };
struct ew_status_request {
	uint32_t request_id;
	uint8_t what; /* enum ew_status_what */
};

enum ew_status_kind {
	EW_ITEM_FACT,	/* name, text: "version", "0.1.0" */
	EW_ITEM_NUMBER, /* name, value, unit */
	EW_ITEM_HEALTH, /* name, level, text: one sentence on something that is not well */
	EW_ITEM_COUNTER, /* name, value, unit, text = meaning; level 1: a gauge */
};

#define EW_STATUS_ITEMS_MAX 64
/* Several may answer one request; the last one says so. */
struct ew_status_items {
	uint32_t request_id;
	uint8_t is_last;
	uint8_t n_items;
	struct {
		uint8_t kind;  /* enum ew_status_kind */
		uint8_t level; /* enum ew_log_level; of a health item */
		char name[48];
		char unit[16];
		char text[256];
		uint64_t value;
	} items[EW_STATUS_ITEMS_MAX];
};

/* Room for any record. */
union ew_proc_record {
	struct ew_runtime_status runtime;
	struct ew_instance_info instance;
	struct ew_gone gone;
	struct ew_network_info network;
	struct ew_service_info service;
	struct ew_resolver_info resolver;
	struct ew_outbox_result result;
	struct ew_control_request control;
	struct ew_status_request status_request;
	struct ew_outbox_delivery delivery;
	struct ew_control_reply reply;
	struct ew_status_items items;
};

/* "instance-gone"; NULL for what is no type. */
const char *ew_proc_type_name(enum ew_proc_type type);

/*
 * Write a message. record: the struct named beside the type, NULL where there is none.
 * Returns 0 or EW_ERR_LIMIT when size is too small (EW_PROC_MESSAGE_MAX always is enough).
 */
int ew_proc_encode(enum ew_proc_type type, const void *record, void *ret_bytes,
    size_t size, size_t *ret_length);

/*
 * Read one; bytes are hostile. *ret_record is overwritten even on failure.
 * Returns 0, EW_ERR_TRUNCATED, EW_ERR_FORMAT, EW_ERR_VERSION.
 */
int ew_proc_decode(const void *bytes, size_t length, enum ew_proc_type *ret_type,
    union ew_proc_record *ret_record);
