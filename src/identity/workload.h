/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

/* detectors.md 1.1. What is not a workload is a peer of one of the other classes. */
enum ew_peer_class {
	EW_PEER_WORKLOAD,
	EW_PEER_NODE,
	EW_PEER_GATEWAY,
	EW_PEER_VIP, /* a service address that nothing resolves */
	EW_PEER_DARK, /* inside a watched network, nobody's, and nobody's in the last 24 h */
	EW_PEER_EXTERNAL,
	EW_PEER_MULTICAST, /* and broadcast */
	EW_PEER_GHOST,	   /* on a bridge, unknown to the runtime */
	EW_PEER_UNRESOLVED,
};

enum ew_label_bit {
	EW_LABEL_CANARY = 1 << 0,
	EW_LABEL_SCANNER = 1 << 1,
	EW_LABEL_ROUTER = 1 << 2,
	EW_LABEL_VIP = 1 << 3,
	EW_LABEL_PROXY = 1 << 4,
	EW_LABEL_SCRAPER = 1 << 5,
	EW_LABEL_SENSITIVE = 1 << 6,
};

enum ew_posture_bit {
	EW_POSTURE_PRIVILEGED = 1 << 0,
	EW_POSTURE_RUNTIME_SOCKET = 1 << 1,
	EW_POSTURE_HOST_PID = 1 << 2,
	EW_POSTURE_HOST_NETWORK = 1 << 3,
	EW_POSTURE_CAP_SYS_ADMIN = 1 << 4,
	EW_POSTURE_CAP_NET_ADMIN = 1 << 5,
	EW_POSTURE_CAP_SYS_PTRACE = 1 << 6,
	EW_POSTURE_PUBLISHED = 1 << 7,
};

#define EW_WORKLOAD_NAME_MAX 256
#define EW_INSTANCE_ID_MAX 72 /* 64 hex digits and some */
#define EW_IMAGE_MAX 256
#define EW_NETWORK_NAME_MAX 128

/*
 * A workload, or a peer that is none (cls says which). The one counted object of the
 * pipeline, since flows outlive containers; only the loop thread touches the count.
 * Names of peers that are no workload: "host/NODE", "gateway/NETWORK", "vip/ADDR",
 * "dark/NETWORK", "external/PREFIX" (IPv4 /16, IPv6 /32), "multicast", "ghost/NETWORK",
 * "unresolved"; "ip/ADDR" is the workload of a private address without inventory.
 */
struct ew_workload {
	uint32_t id; /* small, unique for the life of the process, never reused */
	uint32_t references;
	uint8_t cls; /* enum ew_peer_class */
	uint8_t
	    is_managed; /* an owner stands behind it: Compose, Swarm, Nomad, Kubernetes */
	uint8_t is_job;	    /* runs to completion: one-off, Job, CronJob */
	uint16_t labels;    /* enum ew_label_bit, union over instances */
	uint16_t posture;   /* enum ew_posture_bit, union over live instances */
	uint16_t instances; /* live now */
	struct ew_mono first_seen;
	char name[EW_WORKLOAD_NAME_MAX];
	char group
	    [EW_WORKLOAD_NAME_MAX]; /* peer group: namespace or project; else image repository */
	char image_repo[EW_IMAGE_MAX]; /* of the newest instance; empty for none */
};

struct ew_workload *ew_workload_get(struct ew_workload *workload);
void ew_workload_put(struct ew_workload *workload); /* frees at zero; NULL allowed */

/* One container, pod sandbox or namespace. Owned by identity; others see it for a call. */
struct ew_instance {
	uint32_t
	    id; /* small, unique for the life of the process; the database keeps its own */
	struct ew_workload *workload;
	struct ew_mono started, stopped; /* stopped.ns == 0: runs */
	uint16_t posture;
	uint16_t labels;
	uint64_t
	    spec_hash; /* image digest, environment, ports, labels; changes open a change window */
	char cid
	    [EW_INSTANCE_ID_MAX]; /* runtime's full id; "netns:N", "ip/ADDR" without runtime */
	char name[128];
	char hostname[64];
	char image[EW_IMAGE_MAX];
	char runtime[16]; /* docker podman containerd cri-o netns none */
};

const char *ew_peer_class_name(enum ew_peer_class cls);
