/* SPDX-License-Identifier: Apache-2.0 */
/* From a record's kind to the function that knows its rows. */
#include "store/store_priv.h"

void
store_apply(struct ew_store *store, const struct rec_head *record)
{
	const void *r = record;

	switch ((enum rec_kind)record->kind) {
	case REC_END:
		return;
	case REC_NAME:
		store_apply_name(store, r);
		return;
	case REC_INSTANCE:
		store_apply_instance(store, r);
		return;
	case REC_NETWORK:
		store_apply_network(store, r);
		return;
	case REC_LEASE:
		store_apply_lease(store, r);
		return;
	case REC_READY:
		store_apply_ready(store);
		return;
	case REC_SIGNAL:
		store_apply_signal(store, r);
		return;
	case REC_INCIDENT:
		store_apply_incident(store, r);
		return;
	case REC_DECISION:
		store_apply_decision(store, &((const struct rec_decision *)r)->record);
		return;
	case REC_GAP:
		store_apply_gap(store, &((const struct rec_gap *)r)->health);
		return;
	case REC_MESSAGE:
		store_apply_message(store, r);
		return;
	case REC_RESULT:
		store_apply_result(store, r);
		return;
	case REC_REPLAY:
		store_apply_replay(store, r);
		return;
	case REC_FLOW:
		store_apply_flow(store, r);
		return;
	case REC_EDGE:
		store_apply_edge(store, r);
		return;
	case REC_EDGE_REMOVED:
		store_apply_edge_removed(store, r);
		return;
	case REC_WORKLOAD:
		store_apply_workload(store, &((const struct rec_workload *)r)->record);
		return;
	case REC_WORKLOAD_REMOVED:
		store_apply_workload_removed(store,
		    ((const struct rec_workload *)r)->record.name);
		return;
	case REC_META:
		store_apply_meta(store, &((const struct rec_meta *)r)->record);
		return;
	case REC_STATE_BEGIN:
	case REC_STATE:
	case REC_STATE_END:
		store_apply_state(store, record);
		return;
	}
}
