/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a row of the store to the plain struct the mappings read, and the two mappings that
 * are no JSON: Zeek's conn.log (TSV; https://docs.zeek.org, "conn.log") and CEF (ArcSight
 * Common Event Format, version 0).
 */
#include "cli/siem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <eastwatch/version.h>

#include "base/text.h"
#include "cli/list.h"

static const char zeek_head[] =
    "#separator "
    "\\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_"
    "p\tproto\tduration\torig_bytes\t"
    "resp_bytes\tconn_state\thistory\torig_pkts\tresp_pkts\ttunnel_parents\tcommunity_"
    "id\t"
    "src_workload\tdst_workload\tverdict\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tinterval\tcount\tcount\tstring"
    "\tstring\t"
    "count\tcount\tset[string]\tstring\tstring\tstring\tstring";

static const struct ew_siem forms[] = {
	{ "ecs", NULL, ew_siem_ecs },
	{ "ocsf", NULL, ew_siem_ocsf },
	{ "eve", NULL, ew_siem_eve },
	{ "zeek", zeek_head, ew_siem_zeek },
	{ "cef", NULL, ew_siem_cef },
};

const struct ew_siem *
ew_siem_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	return NULL;
}

int
ew_siem_proto(const char *proto)
{
	static const struct {
		const char *name;
		int number;
	} names[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 },
		{ "sctp", 132 } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, proto) == 0)
			return names[i].number;
	return (int)strtol(proto, NULL, 10);
}

/* Text of a column, borrowed; "" for null. */
static const char *
text_of(const char *const *names, const struct ew_value *values, size_t n,
    const char *name)
{
	const struct ew_value *v = ew_value_of(names, values, n, name);

	return v->kind == EW_VALUE_TEXT ? v->text : "";
}

void
ew_siem_print(const struct ew_siem *siem, FILE *out, const char *const *names,
    const struct ew_value *values, size_t n)
{
#define TEXT(column) .column = text_of(names, values, n, #column)
#define NUMBER(column) .column = ew_number_of(names, values, n, #column)
	struct ew_siem_flow f = { TEXT(flow_id), TEXT(community_id), TEXT(proto),
		TEXT(src_ip), TEXT(dst_ip), TEXT(src_workload), TEXT(dst_workload),
		TEXT(src_instance), TEXT(dst_instance), TEXT(conn_state), TEXT(history),
		TEXT(direction), TEXT(verdict), TEXT(nat_dst_ip), TEXT(tunnel_parent),
		NUMBER(start_us), NUMBER(end_us), NUMBER(src_port), NUMBER(dst_port),
		NUMBER(src_bytes), NUMBER(dst_bytes), NUMBER(nat_dst_port),
		NUMBER(src_pkts), NUMBER(dst_pkts), NUMBER(is_open), NUMBER(gap) };
	struct ew_text text;

	if (ew_value_of(names, values, n, "src_pkts")->kind == EW_VALUE_NULL)
		f.src_pkts = -1;
	if (ew_value_of(names, values, n, "dst_pkts")->kind == EW_VALUE_NULL)
		f.dst_pkts = -1;
	ew_text_init(&text, 256 * 1024);
	siem->line(&f, &text);
	fwrite(text.text, 1, text.length, out);
	putc('\n', out);
	ew_text_fini(&text);
}

/* --- Zeek ---------------------------------------------------------------------------------- */

static void
tab_text(struct ew_text *text, const char *string)
{
	ew_text_add(text, "\t");
	/* Control characters, the tab among them, come out as \xNN: Zeek's own way. */
	if (string[0])
		ew_text_add_terminal(text, string);
	else
		ew_text_add(text, "-");
}

static void
tab_count(struct ew_text *text, int64_t number)
{
	if (number < 0)
		ew_text_add(text, "\t-");
	else
		ew_text_addf(text, "\t%" PRId64, number);
}

void
ew_siem_zeek(const struct ew_siem_flow *f, struct ew_text *text)
{
	const int64_t duration = f->end_us - f->start_us;

	ew_text_addf(text, "%" PRId64 ".%06" PRId64, f->start_us / 1000000,
	    f->start_us % 1000000);
	ew_text_addf(text, "\tC%s", f->flow_id);
	tab_text(text, f->src_ip);
	tab_count(text, f->src_port);
	tab_text(text, f->dst_ip);
	tab_count(text, f->dst_port);
	tab_text(text,
	    strcmp(f->proto, "icmp6") == 0 ? "icmp"
		: strcmp(f->proto, "tcp") == 0 || strcmp(f->proto, "udp") == 0 ||
		    strcmp(f->proto, "icmp") == 0
		? f->proto
		: "unknown_transport");
	ew_text_addf(text, "\t%" PRId64 ".%06" PRId64, duration / 1000000,
	    duration % 1000000);
	tab_count(text, f->src_bytes);
	tab_count(text, f->dst_bytes);
	tab_text(text, f->conn_state);
	tab_text(text, f->history);
	tab_count(text, f->src_pkts);
	tab_count(text, f->dst_pkts);
	ew_text_addf(text, f->tunnel_parent[0] ? "\tC%s" : "\t-%s", f->tunnel_parent);
	tab_text(text, f->community_id);
	tab_text(text, f->src_workload);
	tab_text(text, f->dst_workload);
	tab_text(text, f->verdict);
}

/* --- CEF ----------------------------------------------------------------------------------- */

/* In an extension = and \ are escaped; control characters are \xNN by then. */
static void
cef(struct ew_text *text, const char *key, const char *value)
{
	struct ew_text safe;

	if (!value[0])
		return;
	ew_text_init(&safe, 64 * 1024);
	ew_text_add_terminal(&safe, value);
	ew_text_addf(text, " %s=", key);
	for (const char *p = safe.text; *p; p++) {
		if (*p == '=' || *p == '\\')
			ew_text_add(text, "\\");
		ew_text_add_bytes(text, p, 1);
	}
	ew_text_fini(&safe);
}

void
ew_siem_cef(const struct ew_siem_flow *f, struct ew_text *text)
{
	/* 0..10; a flow is no alarm, but what is new or forbidden is worth a look. */
	const int severity = strcmp(f->verdict, "denied") == 0 ? 6
	    : strcmp(f->verdict, "novel") == 0		       ? 3
							       : 1;

	ew_text_addf(text,
	    "CEF:0|eastwatch|eastwatchd|" EW_VERSION
	    "|flow:%s|connection %s|%d|start=%" PRId64 " end=%" PRId64 " spt=%" PRId64
	    " dpt=%" PRId64 " out=%" PRId64 " in=%" PRId64,
	    f->verdict, f->verdict, severity, f->start_us / 1000, f->end_us / 1000,
	    f->src_port, f->dst_port, f->src_bytes, f->dst_bytes);
	cef(text, strchr(f->src_ip, ':') ? "c6a2" : "src", f->src_ip);
	if (strchr(f->src_ip, ':'))
		cef(text, "c6a2Label", "Source IPv6 Address");
	cef(text, strchr(f->dst_ip, ':') ? "c6a3" : "dst", f->dst_ip);
	if (strchr(f->dst_ip, ':'))
		cef(text, "c6a3Label", "Destination IPv6 Address");
	cef(text, "proto", f->proto);
	cef(text, "externalId", f->flow_id);
	cef(text, "outcome", f->conn_state);
	cef(text, "destinationTranslatedAddress", f->nat_dst_ip);
	cef(text, "cs1Label", "src_workload");
	cef(text, "cs1", f->src_workload);
	cef(text, "cs2Label", "dst_workload");
	cef(text, "cs2", f->dst_workload);
	cef(text, "cs3Label", "community_id");
	cef(text, "cs3", f->community_id);
}
