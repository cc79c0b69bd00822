/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `eastwatch replay` needs beside the packets: the pipeline with settings from a
 * configuration file, the database to continue from and to write, the inventory, an
 * imported baseline.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/incident.h"
#include "base/alloc.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/baseline_file.h"
#include "cli/command.h"
#include "cli/replay_priv.h"
#include "daemon/conf_parts.h"
#include "daemon/config.h"
#include "proc/inventory_file.h"
#include "store/store.h"

/* The runtime a file's inventory counts as: complete once it is read. */
#define INVENTORY_RUNTIME "file"

static void
on_incident(void *context, const struct ew_incident *incident)
{
	struct ew_replay_setup *s = context;
	size_t i = 0;

	while (i < s->n_shown && s->shown[i].id != incident->id)
		i++;
	if (incident->state == EW_INCIDENT_MERGED) {
		if (i < s->n_shown)
			s->shown[i] = s->shown[--s->n_shown];
		return;
	}
	if (i == EW_REPLAY_SHOWN_MAX)
		return;
	if (i == s->n_shown)
		s->n_shown++;
	s->shown[i].id = incident->id;
	s->shown[i].score = incident->score;
	s->shown[i].tier = incident->tier;
	(void)ew_text_copy(s->shown[i].title, sizeof(s->shown[i].title),
	    incident->title);
}

static void
on_closed(void *context, const struct ew_contact *contact, uint8_t verdict)
{
	struct ew_replay_setup *s = context;

	s->sink.closed(s->sink.context, contact, verdict);
}

static void
on_point(void *context, uint32_t ifindex, uint8_t kind, uint32_t domain, bool removed)
{
	struct ew_replay_setup *s = context;

	s->sink.point(s->sink.context, ifindex, kind, domain, removed);
}

/* As the daemon: a message goes to the outbox, here without a target. */
static void
on_message(void *context, const struct ew_message *message)
{
	struct ew_replay_setup *s = context;

	if (s->store)
		ew_store_message(s->store, message, NULL, 0);
}

static int
open_store(struct ew_replay_setup *s, const struct ew_config *config, const char *path)
{
	struct ew_store_conf conf;
	struct ew_error error;

	ew_conf_store(config, &conf);
	conf.path = path;
	conf.is_threaded = false;
	/* A capture may be years old: what it says is not too old to keep. */
	conf.keep_flows_ns = conf.keep_edges_ns = INT64_MAX / 4;
	const int rc = ew_store_open(&conf, &error, &s->store);

	if (rc == 0)
		return EW_EXIT_OK;
	return ew_complain(rc == EW_ERR_VERSION || rc == EW_ERR_FORMAT
		? EW_EXIT_UNREACHABLE
		: EW_EXIT_ERROR,
	    "%s", error.text);
}

static void
fill_conf(const struct ew_args *args, const struct ew_config *config,
    struct ew_pipeline_conf *conf)
{
	ew_conf_pipeline(config, conf);
	conf->identity.seed = EW_REPLAY_SEED;
	conf->identity.mode =
	    ew_args_has(args, "inventory") ? EW_IDENTITY_INVENTORY : EW_IDENTITY_BARE;
	if (ew_args_has(args, "flows"))
		conf->mode = EW_PIPELINE_TRACK;
	else if (ew_args_has(args, "learn"))
		conf->mode = EW_PIPELINE_LEARN;
	/* The node's name is part of incidents: do not let the machine that replays leak in. */
	if (!ew_args_has(args, "config")) {
		(void)ew_text_copy(conf->identity.node, sizeof(conf->identity.node),
		    "node");
		(void)ew_text_copy(conf->detect.node, sizeof(conf->detect.node),
		    "node");
		(void)ew_text_copy(conf->alert.node, sizeof(conf->alert.node), "node");
	}
}

static void
take_node(void *context, const char *node)
{
	struct ew_pipeline_conf *conf = context;

	(void)ew_text_copy(conf->identity.node, sizeof(conf->identity.node), node);
	(void)ew_text_copy(conf->detect.node, sizeof(conf->detect.node), node);
	(void)ew_text_copy(conf->alert.node, sizeof(conf->alert.node), node);
}

int
ew_replay_setup(struct ew_replay_setup *s, const struct ew_args *args,
    const struct ew_pipeline_sink *sink)
{
	const char *profile = ew_args_value(args, "profile");
	const char *inventory = ew_args_value(args, "inventory");
	const char *db = ew_args_value(args, "db");
	struct ew_error error;
	int code = EW_EXIT_OK;

	s->args = args;
	s->profile = EW_CAPTURE_ALL;
	if (profile && strcmp(profile, "connections") == 0)
		s->profile = EW_CAPTURE_CONNECTIONS;
	else if (profile && strcmp(profile, "all") != 0)
		return ew_complain(EW_EXIT_USAGE,
		    "--profile takes all or connections, not `%s`", profile);
	if (!sink)
		return EW_EXIT_OK;
	s->sink = *sink;
	struct ew_config *config = ew_alloc(sizeof(*config));
	struct ew_pipeline_conf *conf = ew_alloc(sizeof(*conf));

	ew_config_default(config);
	if (ew_args_has(args, "config") &&
	    ew_config_load(ew_args_value(args, "config"), config, &error) != 0)
		code = ew_complain(EW_EXIT_USAGE, "%s", error.text);
	if (code == EW_EXIT_OK) {
		fill_conf(args, config, conf);
		const struct ew_inventory_sink names = { .context = conf,
			.node = take_node };

		if (inventory && ew_inventory_read(inventory, &names, &error) != 0)
			code = ew_complain(EW_EXIT_ERROR, "%s", error.text);
	}
	if (code == EW_EXIT_OK && db)
		code = open_store(s, config, db);
	if (code == EW_EXIT_OK) {
		const struct ew_pipeline_sink own = { .context = s,
			.closed = on_closed,
			.point = on_point,
			.incident = on_incident,
			.message = on_message };

		s->pipeline = ew_pipeline_new(conf, &own, s->store);
	}
	free(conf);
	free(config);
	return code;
}

/* --- telling ------------------------------------------------------------------------------- */

struct telling {
	struct ew_replay_setup *setup;
	struct ew_mono now;
};

static struct ew_identity *
identity_of(const struct telling *t)
{
	return ew_pipeline_identity(t->setup->pipeline);
}

static void
tell_host_addr(void *context, const struct ew_addr *addr)
{
	ew_identity_host_addr(identity_of(context), addr, false);
}

static void
tell_iface(void *context, const struct ew_iface *iface, const char *network)
{
	const struct telling *t = context;

	(void)network; /* the network names its bridge */
	ew_identity_iface(identity_of(t), iface, false, t->now);
}

static void
tell_network(void *context, const struct ew_network_info *info)
{
	const struct telling *t = context;

	ew_identity_network(identity_of(t), info, false, t->now);
}

static void
tell_resolver(void *context, const struct ew_addr *addr)
{
	const struct telling *t = context;

	ew_pipeline_resolver(t->setup->pipeline, addr);
}

static void
tell_service(void *context, const struct ew_service_info *info)
{
	const struct telling *t = context;

	ew_identity_service(identity_of(t), info, false, t->now);
}

static void
tell_nat(void *context, const struct ew_nat_info *info)
{
	const struct telling *t = context;

	ew_identity_nat(identity_of(t), info, t->now);
}

static void
tell_instance(void *context, const struct ew_instance_info *info)
{
	const struct telling *t = context;

	ew_identity_instance(identity_of(t), info, t->now);
}

static void
tell_warning(void *context, const char *sentence)
{
	(void)context;
	ew_warn("%s", sentence);
}

static void
import_workload(void *context, const struct ew_workload_record *record)
{
	const struct telling *t = context;

	(void)ew_graph_import_workload(ew_pipeline_graph(t->setup->pipeline), record,
	    t->now);
}

static void
import_edge(void *context, const char *src, const char *dst, const struct ew_edge *edge)
{
	const struct telling *t = context;

	(void)ew_graph_import_edge(ew_pipeline_graph(t->setup->pipeline), src, dst,
	    edge, t->now);
}

static void
import_decision(void *context, const struct ew_decision_record *record)
{
	const struct telling *t = context;

	(void)ew_graph_load_decision(ew_pipeline_graph(t->setup->pipeline), record,
	    t->now);
}

static int
import_baseline(struct telling *t, const char *path, struct ew_error *error)
{
	const struct ew_baseline_sink sink = {
		.context = t,
		.workload = import_workload,
		.edge = import_edge,
		.decision = import_decision,
	};

	return ew_baseline_read(path, &sink, error);
}

int
ew_replay_tell(struct ew_replay_setup *s, struct ew_mono now)
{
	const char *inventory = ew_args_value(s->args, "inventory");
	const char *baseline = ew_args_value(s->args, "baseline");
	struct telling t = { .setup = s, .now = now };
	struct ew_error error;

	s->is_told = true;
	if (!s->pipeline)
		return EW_EXIT_OK;
	if (ew_pipeline_load(s->pipeline, now, &error) != 0)
		return ew_complain(EW_EXIT_UNREACHABLE, "%s", error.text);
	ew_pipeline_advance(s->pipeline, now);
	if (baseline && import_baseline(&t, baseline, &error) != 0)
		return ew_complain(EW_EXIT_ERROR, "%s", error.text);
	if (!inventory)
		return EW_EXIT_OK;
	const struct ew_inventory_sink sink = {
		.context = &t,
		.host_addr = tell_host_addr,
		.iface = tell_iface,
		.network = tell_network,
		.resolver = tell_resolver,
		.service = tell_service,
		.nat = tell_nat,
		.instance = tell_instance,
		.warning = tell_warning,
	};

	ew_identity_runtime_expected(identity_of(&t), INVENTORY_RUNTIME);
	if (ew_inventory_read(inventory, &sink, &error) != 0)
		return ew_complain(EW_EXIT_ERROR, "%s", error.text);
	ew_identity_inventory_complete(identity_of(&t), INVENTORY_RUNTIME, now);
	return EW_EXIT_OK;
}

/* --- the end ---------------------------------------------------------------------------------- */

void
ew_replay_print_incidents(const struct ew_replay_setup *s)
{
	struct ew_text text;

	ew_text_init(&text, 65536);
	for (size_t i = 0; i < s->n_shown; i++) {
		ew_text_addf(&text, "%016" PRIx64 "  %3d  %-6s  ", s->shown[i].id,
		    s->shown[i].score, ew_tier_name((enum ew_tier)s->shown[i].tier));
		ew_text_add_terminal(&text, s->shown[i].title);
		ew_text_add(&text, "\n");
	}
	(void)fputs(text.text, stdout);
	ew_text_fini(&text);
}

void
ew_replay_cleanup(struct ew_replay_setup *s)
{
	ew_pipeline_free(s->pipeline);
	ew_store_close(s->store);
}
