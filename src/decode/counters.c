/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's counters, described once. */
#include <stddef.h>

#include "base/counter.h"
#include "decode/decode_priv.h"

#define OF(field) offsetof(struct ew_decode_counters, field)
#define ERROR(number) (OF(errors) + sizeof(uint64_t) * (number))

static const struct ew_counter counters[] = {
	{ "decode_frames", "packets", "frames taken from the capture", OF(frames), 0 },
	{ "decode_packets", "packets",
	    "packets found in them, inner ones of tunnels included", OF(packets), 0 },
	{ "decode_tunnelled", "packets", "tunnels entered", OF(tunnelled), 0 },
	{ "decode_not_ip", "packets",
	    "sound frames of protocols that are not looked at", OF(not_ip), 0 },
	{ "decode_notes", "events",
	    "ARP, NDP, DNS, DHCP messages and quoted packets read", OF(notes), 0 },
	{ "decode_fragments", "packets", "IP fragments", OF(fragments), 0 },
	{ "decode_datagrams", "packets", "datagrams put together from fragments",
	    OF(datagrams), 0 },
	{ "decode_fragment_timeouts", "packets", "datagrams that never became whole",
	    OF(fragment_timeouts), 0 },
	{ "decode_fragment_evictions", "packets",
	    "unfinished datagrams dropped for want of room", OF(fragment_evictions),
	    0 },
	{ "decode_fragment_open", "packets", "datagrams in reassembly",
	    OF(fragment_open), 1 },
	{ "decode_errors_link", "packets", "link header cut or unknown",
	    ERROR(EW_DECODE_LINK), 0 },
	{ "decode_errors_ip_header", "packets", "IP header cut or contradictory",
	    ERROR(EW_DECODE_IP_HEADER), 0 },
	{ "decode_errors_ip_length", "packets",
	    "IP header says more bytes than there were", ERROR(EW_DECODE_IP_LENGTH),
	    0 },
	{ "decode_errors_extensions", "packets",
	    "IPv6 extension headers cut, or too many", ERROR(EW_DECODE_EXTENSIONS), 0 },
	{ "decode_errors_transport", "packets",
	    "TCP, UDP, ICMP or SCTP header cut or contradictory",
	    ERROR(EW_DECODE_TRANSPORT), 0 },
	{ "decode_errors_tunnel", "packets", "tunnel header cut or of an unknown form",
	    ERROR(EW_DECODE_TUNNEL), 0 },
	{ "decode_errors_tunnel_depth", "packets",
	    "more tunnels in tunnels than are followed", ERROR(EW_DECODE_TUNNEL_DEPTH),
	    0 },
	{ "decode_errors_fragment", "packets", "fragments that fit no datagram",
	    ERROR(EW_DECODE_FRAGMENT), 0 },
	{ "decode_errors_note", "packets",
	    "ARP, NDP, DNS or DHCP messages that do not parse", ERROR(EW_DECODE_NOTE),
	    0 },
};

struct ew_counter_set
ew_decoder_counters(const struct ew_decoder *decoder)
{
	return (struct ew_counter_set){ .module = "decode",
		.counters = counters,
		.count = sizeof(counters) / sizeof(counters[0]),
		.values = &decoder->counters };
}

uint64_t
ew_decoder_errors(const struct ew_decoder *decoder)
{
	uint64_t sum = 0;

	for (int i = 0; i < EW_DECODE_ERRORS; i++)
		sum += decoder->counters.errors[i];
	return sum;
}
