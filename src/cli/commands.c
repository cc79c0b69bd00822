/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs, in the order of the overview: first look, then ask, then decide, then the rest.
 * A verb is a file in this folder with its struct ew_command on top, and a row here.
 */
#include "cli/command.h"

extern const struct ew_command ew_command_status, ew_command_doctor, ew_command_flows,
    ew_command_edges, ew_command_incidents, ew_command_signals, ew_command_workloads,
    ew_command_instances, ew_command_who, ew_command_export, ew_command_map,
    ew_command_top, ew_command_explain, ew_command_timeline, ew_command_audit,
    ew_command_policy, ew_command_path, ew_command_blast_radius, ew_command_baseline,
    ew_command_sql, ew_command_config, ew_command_webhook, ew_command_counters,
    ew_command_completion, ew_command_complete, ew_command_manual, ew_command_replay,
    ew_command_demo;

const struct ew_command *const ew_commands[] = {
	&ew_command_status,
	&ew_command_doctor,
	&ew_command_map,
	&ew_command_top,
	&ew_command_flows,
	&ew_command_edges,
	&ew_command_incidents,
	&ew_command_explain,
	&ew_command_signals,
	&ew_command_workloads,
	&ew_command_instances,
	&ew_command_who,
	&ew_command_timeline,
	&ew_command_path,
	&ew_command_blast_radius,
	&ew_command_audit,
	&ew_command_policy,
	&ew_command_export,
	&ew_command_baseline,
	&ew_command_replay,
	&ew_command_demo,
	&ew_command_webhook,
	&ew_command_config,
	&ew_command_counters,
	&ew_command_sql,
	&ew_command_completion,
	&ew_command_complete,
	&ew_command_manual,
	NULL,
};
