/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "identity/identity_priv.h"

/* One attempt to bind a flow, shared by resolve.c (places), translate.c and classes.c. */
struct job {
	struct ew_identity *identity;
	struct flow *flow;
	const struct ew_flow_event *ev;
	const struct proof *proof;
	struct ew_mono t;   /* of the flow's first packet */
	struct ew_mono now; /* deadlines are compared with this */
	bool is_final;
	bool waits; /* want is set; nothing else counts */
	struct wait_for want;
	struct end src, dst;
	struct seat *src_seat; /* proven by veth */
	struct port *src_port;
	struct net *src_net;
};

struct ew_attr_port {
	struct port *port;
	bool is_missing;
};

/* Wait for a fact until then, unless it is too late for that: false. */
bool ew_job_hold(struct job *job, enum wait_reason reason, uint64_t key,
    int64_t until_ns);
void ew_job_seat(struct job *job, struct end *end, struct seat *seat, struct net *net,
    enum ew_attribution attribution, struct ew_mono at);
void ew_job_source(struct job *job);
void ew_job_destination(struct job *job);

/* --- classes.c --- */
/* Gateway, host, loopback: true when addr is one. */
bool ew_job_fixed_class(struct job *job, struct end *end, const struct ew_addr *addr);
/* The owner that came just after, or the last one before. */
bool ew_job_past_or_next(struct job *job, struct end *end,
    const struct lease_found *found);
/* Nobody's address in nobody's network. */
void ew_job_outside(struct job *job, struct end *end, const struct ew_addr *addr);
/* BARE: by the kind of address alone. */
void ew_job_bare(struct job *job, struct end *end, const struct ew_addr *addr);

/* --- translate.c --- */
/* True: the flow is another view of a connection and folds. May also set src, or wait. */
bool ew_job_fold(struct job *job);
enum translated {
	TRANSLATED_NOT,
	TRANSLATED_DONE,      /* dst is set, or it waits */
	TRANSLATED_ELSEWHERE, /* the flow's nat_dst is the destination to resolve */
};
enum translated ew_job_translated(struct job *job);
