/* SPDX-License-Identifier: Apache-2.0 */
/* The flow table's counters, described once. */
#include <stddef.h>

#include "base/counter.h"
#include "flow/flow_priv.h"

#define OF(field) offsetof(struct flow_counters, field)

static const struct ew_counter counters[] = {
	{ "flow_packets", "packets", "packets fed to the table", OF(packets), 0 },
	{ "flow_bytes", "bytes", "their IP bytes", OF(bytes), 0 },
	{ "flow_copies", "packets", "copies ignored: counted at another interface",
	    OF(copies), 0 },
	{ "flow_not_points", "packets", "ignored: seen where nothing is counted",
	    OF(not_points), 0 },
	{ "flow_opened", "flows", "flows begun", OF(opened), 0 },
	{ "flow_closed", "flows", "flows ended, each with a record", OF(closed), 0 },
	{ "flow_timeouts", "flows", "of these by silence", OF(timeouts), 0 },
	{ "flow_reused", "flows", "of these because their ports were used again",
	    OF(reused), 0 },
	{ "flow_evicted_unanswered", "flows",
	    "of these for want of room, nothing having come back",
	    OF(evicted_unanswered), 0 },
	{ "flow_evicted_answered", "flows",
	    "of these for want of room, though answered", OF(evicted_answered), 0 },
	{ "flow_evicted_index", "flows", "of these because their hashes collided",
	    OF(evicted_index), 0 },
	{ "flow_open", "flows", "flows in the table", OF(open), 1 },
	{ "flow_peak", "flows", "most flows there ever were at once", OF(peak), 1 },
	{ "flow_midstream", "flows", "TCP flows whose beginning was not seen",
	    OF(midstream), 0 },
	{ "flow_events", "events", "events handed on", OF(events), 0 },
	{ "flow_time_steps", "events", "packet time ran back by more than a second",
	    OF(time_steps), 0 },
	{ "flow_asks_open", "events", "ARP and NDP questions that wait for an answer",
	    OF(asks_open), 1 },
	{ "flow_asks_dropped", "events",
	    "ARP and NDP questions forgotten for want of room", OF(asks_dropped), 0 },
	{ "flow_points", "events", "interfaces known", OF(points), 1 },
	{ "flow_memory", "bytes", "address space reserved for the table", OF(memory),
	    1 },
};

struct ew_counter_set
ew_flow_counters(const struct ew_flow_table *table)
{
	return (struct ew_counter_set){ .module = "flow",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &table->counters };
}

struct ew_flow_totals
ew_flow_table_totals(const struct ew_flow_table *table)
{
	const struct flow_counters *c = &table->counters;

	return (struct ew_flow_totals){ .packets = c->packets,
		.bytes = c->bytes,
		.opened = c->opened,
		.closed = c->closed,
		.evicted =
		    c->evicted_unanswered + c->evicted_answered + c->evicted_index,
		.open = c->open,
		.peak = c->peak };
}
