/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Link types decode understands; a source maps its own numbers (DLT, LINKTYPE) to these. */
enum ew_link {
	EW_LINK_UNKNOWN, /* decode tries raw IP and counts a decode error otherwise */
	EW_LINK_ETHERNET,
	EW_LINK_SLL,
	EW_LINK_SLL2,
	EW_LINK_RAW,  /* IPv4 or IPv6 by the version nibble */
	EW_LINK_NULL, /* BSD loopback, host or network order family */
};

/* sll_pkttype of a cooked capture; a file without it says EW_SEEN_UNKNOWN. */
enum ew_seen {
	EW_SEEN_HOST = 0,
	EW_SEEN_BROADCAST = 1,
	EW_SEEN_MULTICAST = 2,
	EW_SEEN_OTHER = 3,
	EW_SEEN_OUTGOING = 4,
	EW_SEEN_UNKNOWN = 255,
};

/* capture -> decode: one captured packet, borrowed for the call. */
struct ew_frame {
	int64_t ts_ns; /* as stamped, since 1970 UTC; may run backwards in a file */
	const uint8_t *data; /* from the link-layer header on; any alignment */
	uint32_t caplen;     /* bytes at data */
	uint32_t len;	     /* bytes on the wire, >= caplen in sound captures */
	uint32_t ifindex;    /* 0 unknown; SLL2 carries its own and wins */
	uint8_t link;	     /* enum ew_link */
	uint8_t seen;	     /* enum ew_seen; SLL and SLL2 carry their own and win */
};
