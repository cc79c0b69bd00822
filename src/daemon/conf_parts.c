/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the one configuration to each module's own part: no module sees another's settings.
 */
#include "daemon/conf_parts.h"

#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "daemon/config.h"
#include "daemon/pipeline.h"
#include "daemon/worker.h"
#include "eastwatch/version.h"
#include "flow/event.h"
#include "store/store.h"

void
ew_conf_pipeline(const struct ew_config *config, struct ew_pipeline_conf *ret_conf)
{
	ew_pipeline_conf_default(ret_conf);

	struct ew_identity_conf *identity = &ret_conf->identity;

	(void)ew_text_copy(identity->node, sizeof(identity->node), config->node);
	identity->mode = EW_IDENTITY_LIVE;
	identity->seed = ew_hash_seed();
	identity->tombstone_ns = config->learning.tombstone_ns;
	identity->startup_min_ns = config->learning.startup_min_ns;
	identity->startup_max_ns = config->learning.startup_max_ns;
	identity->change_window_ns = config->learning.change_window_ns;
	identity->max_workloads = (uint32_t)config->learning.max_workloads;

	struct ew_graph_conf *graph = &ret_conf->graph;

	graph->minimum_age_ns = config->learning.minimum_age_ns;
	graph->quick = config->learning.quick == EW_CONFIG_ON;
	graph->grace_ns = config->learning.grace_ns;
	graph->auto_accept_ns = config->detection.auto_accept_ns;
	graph->max_workloads = (uint32_t)config->learning.max_workloads;
	graph->max_edges = (uint32_t)config->learning.max_edges;

	struct ew_detect_conf *detect = &ret_conf->detect;

	(void)ew_text_copy(detect->node, sizeof(detect->node), config->node);
	detect->minimum_age_ns = config->learning.minimum_age_ns;
	detect->change_hold_ns = config->learning.change_hold_ns;
	detect->tombstone_ns = config->learning.tombstone_ns;
	detect->n_canaries = config->detection.n_canaries;
	memcpy(detect->canaries, config->detection.canaries, sizeof(detect->canaries));
	graph->n_sensitive = config->detection.n_sensitive;
	memcpy(graph->sensitive, config->detection.sensitive, sizeof(graph->sensitive));
	for (uint32_t i = 0; i < config->detection.n_options; i++)
		(void)ew_detect_conf_set(detect, config->detection.options[i].detector,
		    config->detection.options[i].option,
		    config->detection.options[i].value);

	struct ew_alert_conf *alert = &ret_conf->alert;

	(void)ew_text_copy(alert->node, sizeof(alert->node), config->node);
	alert->hold_page_ns = config->incidents.hold_page_ns;
	alert->hold_notify_ns = config->incidents.hold_notify_ns;
	alert->idle_close_ns = config->incidents.idle_close_ns;
	alert->update_gap_ns = config->incidents.update_gap_ns;
	alert->repeat_ns = config->incidents.repeat_ns;
	alert->digest_at_s = config->incidents.digest_at_s;
	alert->messages_per_hour = (uint16_t)config->incidents.messages_per_hour;
}

void
ew_conf_store(const struct ew_config *config, struct ew_store_conf *ret_conf)
{
	ew_store_conf_default(ret_conf);
	ret_conf->path = config->database.path;
	(void)ew_text_copy(ret_conf->node, sizeof(ret_conf->node), config->node);
	ret_conf->keep_flows_ns = config->database.flows_ns;
	ret_conf->keep_edges_ns = config->database.edges_ns;
	ret_conf->max_bytes = (uint64_t)config->database.max_size;
	ret_conf->is_threaded = true;
	ret_conf->program = "eastwatchd " EW_VERSION;
}

void
ew_conf_worker(const struct ew_config *config, struct ew_worker_conf *ret_conf)
{
	const bool exact = config->capture.profile == EW_CAPTURE_ALL;

	*ret_conf = ew_worker_conf_default();
	ret_conf->capture.mode = (enum ew_capture_mode)config->capture.mode;
	ret_conf->capture.profile = (enum ew_capture_profile)config->capture.profile;
	ret_conf->capture.ring_bytes = (uint64_t)config->capture.ring_size;
	ret_conf->capture.workers = (unsigned)config->capture.workers;
	ret_conf->flow = ew_flow_conf_default(exact);
	ret_conf->flow.seed = ew_hash_seed();
	ret_conf->flow.events |= EW_FLOW_KIND_BIT(EW_FLOW_TURNS);
	ret_conf->flow.max_flows =
	    (uint32_t)(config->capture.flow_table / config->capture.workers);
}
