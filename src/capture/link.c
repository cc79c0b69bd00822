/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link types by number (https://www.tcpdump.org/linktypes.html). Files carry LINKTYPE
 * values; 12 and 14 are what DLT_RAW is called on BSD and OpenBSD and are found in old files.
 */
#include "capture/frame.h"
#include "capture/reader_priv.h"

enum linktype {
	LINKTYPE_NULL = 0,
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW_BSD = 12,
	LINKTYPE_RAW_OPENBSD = 14,
	LINKTYPE_RAW = 101,
	LINKTYPE_LOOP = 108,
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_LINUX_SLL2 = 276,
};

uint8_t
ew_link_from_linktype(uint32_t linktype)
{
	switch (linktype) {
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return EW_LINK_NULL;
	case LINKTYPE_ETHERNET:
		return EW_LINK_ETHERNET;
	case LINKTYPE_RAW_BSD:
	case LINKTYPE_RAW_OPENBSD:
	case LINKTYPE_RAW:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		return EW_LINK_RAW;
	case LINKTYPE_LINUX_SLL:
		return EW_LINK_SLL;
	case LINKTYPE_LINUX_SLL2:
		return EW_LINK_SLL2;
	default: /* not an enum of ours: any number may stand in a file */
		return EW_LINK_UNKNOWN;
	}
}

uint32_t
ew_link_cooked_bytes(uint8_t link)
{
	switch ((enum ew_link)link) {
	case EW_LINK_SLL:
		return 16;
	case EW_LINK_SLL2:
		return 20;
	case EW_LINK_NULL:
		return 4;
	case EW_LINK_UNKNOWN:
	case EW_LINK_ETHERNET:
	case EW_LINK_RAW:
		return 0;
	}
	return 0;
}
