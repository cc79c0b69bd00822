/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection as a line of text, with Zeek's names and habits: a single packet has no
 * duration and therefore no byte counts (scripts/base/protocols/conn/main.zeek, set_conn);
 * what is not known is '-'; protocols without a word are unknown_transport and have no
 * ports. Packets and IP bytes of TCP are unset when not every packet was seen.
 */
#include "flow/connlog.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "flow/event.h"
#include "flow/flow.h"

void
ew_connlog_header(struct ew_text *text)
{
	ew_text_add(text,
	    "#fields\tts\tuid\tproto\torig_h\torig_p\tresp_h\tresp_p\tconn_"
	    "state\thistory\t"
	    "duration\torig_bytes\tresp_bytes\torig_pkts\torig_ip_bytes\tresp_pkts\t"
	    "resp_ip_bytes\tcommunity_id\tsrc_workload\tdst_workload\ttunnel_parent\n");
}

static const char *
proto_name(uint8_t proto)
{
	switch (proto) {
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 1:
	case 58:
		return "icmp";
	default:
		return "unknown_transport";
	}
}

/* Seconds with six decimals, rounded to the nearest microsecond. */
static void
add_seconds(struct ew_text *text, int64_t ns)
{
	const int64_t us = (ns + 500) / 1000;

	ew_text_addf(text, "\t%" PRId64 ".%06" PRId64, us / 1000000, us % 1000000);
}

static void
add_count(struct ew_text *text, bool known, uint64_t count)
{
	if (known)
		ew_text_addf(text, "\t%" PRIu64, count);
	else
		ew_text_add(text, "\t-");
}

/* A name from outside: escaped, so that it cannot start another column. */
static void
add_name(struct ew_text *text, const char *name)
{
	ew_text_add(text, "\t");
	if (name && *name)
		ew_text_add_terminal(text, name);
	else
		ew_text_add(text, "-");
}

void
ew_connlog_row(struct ew_text *text, const struct ew_flow_event *event,
    const char *src_workload, const char *dst_workload)
{
	const struct ew_tuple *t = &event->tuple;
	const char *proto = proto_name(t->proto);
	const bool has_ports = proto[1] != 'n';
	const bool has_duration = event->last_ns > event->first_ns;
	const bool exact = (event->flags & EW_FLOW_F_EXACT) != 0;
	char src[EW_ADDR_TEXT], dst[EW_ADDR_TEXT], id[EW_COMMUNITY_ID_TEXT];

	ew_text_addf(text,
	    "%" PRId64 ".%06" PRId64 "\t%016" PRIx64 "\t%s\t%s\t%u\t%s\t%u",
	    event->first_ns / EW_NS_PER_S, event->first_ns % EW_NS_PER_S / EW_NS_PER_US,
	    event->flow_id, proto, ew_addr_format(&t->src, src),
	    has_ports ? t->sport : 0U, ew_addr_format(&t->dst, dst),
	    has_ports ? t->dport : 0U);
	ew_text_addf(text, "\t%s\t%s",
	    ew_conn_state_name((enum ew_conn_state)event->conn_state),
	    event->history[0] ? event->history : "-");
	if (has_duration)
		add_seconds(text, event->last_ns - event->first_ns);
	else
		ew_text_add(text, "\t-");
	add_count(text, has_duration, event->side[0].bytes);
	add_count(text, has_duration, event->side[1].bytes);
	add_count(text, exact, event->side[0].pkts);
	add_count(text, exact, event->side[0].ip_bytes);
	add_count(text, exact, event->side[1].pkts);
	add_count(text, exact, event->side[1].ip_bytes);
	ew_text_addf(text, "\t%s", ew_community_id(t, id));
	add_name(text, src_workload);
	add_name(text, dst_workload);
	if (event->parent_id)
		ew_text_addf(text, "\t%016" PRIx64 "\n", event->parent_id);
	else
		ew_text_add(text, "\t-\n");
}
