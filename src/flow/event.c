/* SPDX-License-Identifier: Apache-2.0 */
/* What the other folders need to know of an event beside its fields. */
#include "flow/event.h"

#include <stddef.h>

size_t
ew_flow_event_size(const struct ew_flow_event *ev)
{
	const size_t head = offsetof(struct ew_flow_event, u);

	switch ((enum ew_flow_kind)ev->kind) {
	case EW_FLOW_ARP:
		return head + sizeof(ev->u.arp);
	case EW_FLOW_NDP:
		return head + sizeof(ev->u.ndp);
	case EW_FLOW_DNS:
		return head + sizeof(ev->u.dns);
	case EW_FLOW_DHCP:
		return head + sizeof(ev->u.dhcp);
	case EW_FLOW_GAP:
		return head + sizeof(ev->u.gap);
	case EW_FLOW_ATTEMPT:
	case EW_FLOW_ESTABLISHED:
	case EW_FLOW_REFUSED:
	case EW_FLOW_UNANSWERED:
	case EW_FLOW_HALFOPEN:
	case EW_FLOW_MIDSTREAM:
	case EW_FLOW_PAYLOAD:
	case EW_FLOW_TURNS:
	case EW_FLOW_UPDATE:
	case EW_FLOW_CLOSE:
	case EW_FLOW_PROBE:
		break;
	}
	return head;
}

const char *
ew_conn_state_name(enum ew_conn_state state)
{
	switch (state) {
	case EW_CONN_S0:
		return "S0";
	case EW_CONN_S1:
		return "S1";
	case EW_CONN_SF:
		return "SF";
	case EW_CONN_REJ:
		return "REJ";
	case EW_CONN_S2:
		return "S2";
	case EW_CONN_S3:
		return "S3";
	case EW_CONN_RSTO:
		return "RSTO";
	case EW_CONN_RSTR:
		return "RSTR";
	case EW_CONN_RSTOS0:
		return "RSTOS0";
	case EW_CONN_RSTRH:
		return "RSTRH";
	case EW_CONN_SH:
		return "SH";
	case EW_CONN_SHR:
		return "SHR";
	case EW_CONN_OTH:
		return "OTH";
	case EW_CONN_NONE:
		break;
	}
	return "-";
}
