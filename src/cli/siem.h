/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "store/reader.h"

/*
 * Flow rows in the words of other systems: ECS, OCSF, Zeek's conn.log, Suricata's EVE, CEF.
 * Mappings of what our own row says; nothing is added. One line per flow.
 */
struct ew_text;

struct ew_siem_flow {
	const char *flow_id, *community_id, *proto, *src_ip, *dst_ip, *src_workload,
	    *dst_workload, *src_instance, *dst_instance, *conn_state, *history,
	    *direction, *verdict, *nat_dst_ip, *tunnel_parent; /* "" where null */
	int64_t start_us, end_us, src_port, dst_port, src_bytes, dst_bytes,
	    nat_dst_port;
	int64_t src_pkts, dst_pkts; /* -1: not known */
	bool is_open, gap;
};

struct ew_siem {
	const char *name; /* "ecs": what -o says */
	const char *head; /* printed once before the rows; NULL none */
	void (*line)(const struct ew_siem_flow *flow, struct ew_text *text);
};

/* NULL for a name that is none. */
const struct ew_siem *ew_siem_find(const char *name);
/* Print one row of EW_VIEW_FLOWS. */
void ew_siem_print(const struct ew_siem *siem, FILE *out, const char *const *names,
    const struct ew_value *values, size_t n);

/* IANA number of a protocol's name; 0 unknown. */
int ew_siem_proto(const char *proto);

void ew_siem_ecs(const struct ew_siem_flow *flow, struct ew_text *text);
void ew_siem_ocsf(const struct ew_siem_flow *flow, struct ew_text *text);
void ew_siem_eve(const struct ew_siem_flow *flow, struct ew_text *text);
void ew_siem_zeek(const struct ew_siem_flow *flow, struct ew_text *text);
void ew_siem_cef(const struct ew_siem_flow *flow, struct ew_text *text);
