/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Connections as TSV with Zeek's column names: what `replay --conn-log` writes. A header
 * line starts with "#fields". Values are as in Zeek's conn.log, '-' when unset.
 */
struct ew_flow_event;
struct ew_text;

/* Append the header line, with newline. */
void ew_connlog_header(struct ew_text *text);

/*
 * Append the row of a CLOSE event, with newline.
 * src_workload, dst_workload  what the ends belong to; NULL or "" when not known
 */
void ew_connlog_row(struct ew_text *text, const struct ew_flow_event *event,
    const char *src_workload, const char *dst_workload);
