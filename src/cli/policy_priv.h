/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/rows.h"

/*
 * A policy before it is written in some language: workloads, the accepted edges between
 * them, and what could not be expressed, with the reason. Names are raw; each language
 * escapes them.
 */
struct ew_policy_peer {
	const char *name; /* borrowed from the rows */
	char **addresses; /* of live containers, sorted */
	size_t n_addresses;
};

struct ew_policy_rule {
	size_t from, to; /* indices of peers */
	uint8_t proto;	 /* 6, 17, 132; others are unhandled */
	int32_t port;	 /* -1: any; -2: 1024 and above */
	int64_t first_us, last_us, connections;
};

struct ew_policy_left {
	const char *src, *dst, *proto, *reason;
	char port[8];
};

struct ew_policy {
	struct ew_rows edges, leases;
	struct ew_policy_peer *peers; /* in order of names */
	struct ew_policy_rule *rules; /* in order of to, from, port */
	struct ew_policy_left *left;  /* accepted, but not expressed */
	size_t n_peers, n_rules, n_left;
	bool enforce;
	bool is_bridge;		/* nft: table bridge instead of inet */
	int64_t from_us, to_us; /* what was observed */
};

/* "# SRC -> DST:PORT/PROTO, 120 connections, first ..., last ..." with that lead-in. */
void ew_policy_comment(const struct ew_policy *policy,
    const struct ew_policy_rule *rule, const char *lead);
/* What stands on top of each file, and the list of what is not in it. */
void ew_policy_head(const struct ew_policy *policy, const char *what);
void ew_policy_tail(const struct ew_policy *policy);

void ew_policy_nft(const struct ew_policy *policy);
void ew_policy_k8s(const struct ew_policy *policy);
void ew_policy_cilium(const struct ew_policy *policy);
void ew_policy_compose(const struct ew_policy *policy);
