/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap files: a 24-byte header, then records of a small header and the packet's bytes.
 * draft-ietf-opsawg-pcap describes the common form; the old forms below are those that
 * libpcap's sf-pcap.c reads.
 *
 * The loop in ew_pcap_read is the first cost of a replay, so a record is bounds-checked once,
 * its bytes are not copied, and the odd forms cost one predictable branch.
 */
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "capture/frame.h"
#include "capture/reader_priv.h"
#include "capture/window_priv.h"

#define FILE_HEADER 24
#define MAGIC_USEC UINT32_C(0xa1b2c3d4)
#define MAGIC_NSEC UINT32_C(0xa1b23c4d)
#define MAGIC_KUZNETZOV \
	UINT32_C(0xa1b2cd34) /* Linux, about 1998: 24-byte record headers */

/* libpcap's MAXIMUM_SNAPLEN: larger captured lengths are damage, whatever the header says. */
#define CAPLEN_MAX UINT32_C(262144)

/* libpcap before 0.5 wrote the two lengths in the other order; versions 2.0 to 2.2 always. */
enum lengths { LENGTHS_SOUND, LENGTHS_EXCHANGED, LENGTHS_MAYBE_EXCHANGED };

static uint32_t
get_u32(const uint8_t *p, bool swapped)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

static uint16_t
get_u16(const uint8_t *p, bool swapped)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

static bool
is_magic(uint32_t magic)
{
	return magic == MAGIC_USEC || magic == MAGIC_NSEC || magic == MAGIC_KUZNETZOV;
}

bool
ew_pcap_magic(const uint8_t bytes[4])
{
	return is_magic(get_u32(bytes, false)) || is_magic(get_u32(bytes, true));
}

static int
set_version(struct ew_pcap_reader *reader, unsigned major, unsigned minor,
    struct ew_error *error)
{
	if (major < 2 || (major > 2 && major != 543))
		return ew_error_set(error, EW_ERR_VERSION,
		    "pcap version %u.%u is not known: convert it with a current "
		    "tcpdump",
		    major, minor);
	/* 543 is 2.x written by an old DG/UX tcpdump (sf-pcap.c); its lengths are exchanged */
	if (major == 543 || minor < 3)
		reader->lengths = LENGTHS_EXCHANGED;
	else if (minor == 3)
		reader->lengths = LENGTHS_MAYBE_EXCHANGED;
	else
		reader->lengths = LENGTHS_SOUND;
	return 0;
}

int
ew_pcap_open(struct ew_pcap_reader *reader, struct ew_window *window,
    struct ew_error *error)
{
	int rc = ew_window_more(window, FILE_HEADER);
	if (rc == EW_ERR_TRUNCATED)
		return ew_error_set(error, rc,
		    "the pcap file header ends at byte %zu of %d",
		    ew_window_left(window), FILE_HEADER);
	if (rc)
		return ew_error_set(error, rc, "cannot read: %s", ew_err_text(rc));

	const uint8_t *p = window->pos;
	reader->swapped = !is_magic(get_u32(p, false));
	const bool swapped = reader->swapped;
	const uint32_t magic = get_u32(p, swapped);
	const uint32_t snap = get_u32(p + 16, swapped);
	/* the upper bits of the link type tell about a frame check sequence */
	const uint32_t linktype = get_u32(p + 20, swapped) & UINT32_C(0x03ffffff);

	rc = set_version(reader, get_u16(p + 4, swapped), get_u16(p + 6, swapped),
	    error);
	if (rc)
		return rc;
	reader->tick_ns = magic == MAGIC_NSEC ? 1 : EW_NS_PER_US;
	reader->header_bytes = magic == MAGIC_KUZNETZOV ? 24 : 16;
	reader->link = ew_link_from_linktype(linktype);
	reader->snap_bytes = snap == 0 || snap > CAPLEN_MAX ? CAPLEN_MAX : snap;
	/* sf-pcap.c: that patch wrote cooked packets with a snapshot length of raw ones */
	if (magic == MAGIC_KUZNETZOV && reader->link == EW_LINK_ETHERNET)
		reader->snap_bytes += 14;
	window->pos += FILE_HEADER;
	return 0;
}

static void
exchange_lengths(uint8_t lengths, uint32_t *caplen, uint32_t *len)
{
	if (lengths == LENGTHS_EXCHANGED ||
	    (lengths == LENGTHS_MAYBE_EXCHANGED && *caplen > *len)) {
		const uint32_t other = *caplen;
		*caplen = *len;
		*len = other;
	}
}

/* The window ends inside a record: read on, or say where the file breaks off. */
static int
refill(struct ew_window *window, size_t need, struct ew_error *error)
{
	const int rc = ew_window_more(window, need);

	if (rc == EW_ERR_TRUNCATED && ew_window_left(window) == 0)
		return EW_ERR_CLOSED;
	if (rc == EW_ERR_TRUNCATED)
		return ew_error_set(error, rc,
		    "the record at byte %llu needs %zu bytes, the file ends after %zu",
		    (unsigned long long)ew_window_offset(window), need,
		    ew_window_left(window));
	if (rc)
		return ew_error_set(error, rc, "cannot read on at byte %llu: %s",
		    (unsigned long long)ew_window_offset(window), ew_err_text(rc));
	return 0;
}

int
ew_pcap_read(struct ew_pcap_reader *reader, struct ew_window *window,
    struct ew_frame *frames, size_t max, size_t *ret_count, struct ew_error *error)
{
	const bool swapped = reader->swapped;
	const size_t header = reader->header_bytes;
	size_t n = 0;

	while (n < max) {
		size_t need = header;
		const uint8_t *p = window->pos;
		if (ew_window_left(window) >= header) {
			uint32_t caplen = get_u32(p + 8, swapped);
			uint32_t len = get_u32(p + 12, swapped);
			if (reader->lengths != LENGTHS_SOUND)
				exchange_lengths(reader->lengths, &caplen, &len);
			if (caplen > CAPLEN_MAX) {
				if (n)
					break;
				return ew_error_set(error, EW_ERR_FORMAT,
				    "the record at byte %llu claims %u bytes of packet",
				    (unsigned long long)ew_window_offset(window),
				    caplen);
			}
			need = header + caplen;
			if (ew_window_left(window) >= need) {
				const uint64_t fraction = get_u32(p + 4, swapped);
				__builtin_prefetch(p + need);
				frames[n++] = (struct ew_frame){
					.ts_ns = (int64_t)(get_u32(p, swapped) *
						(uint64_t)EW_NS_PER_S +
					    fraction * reader->tick_ns),
					.data = p + header,
					.caplen = caplen < reader->snap_bytes
					    ? caplen
					    : reader->snap_bytes,
					.len = len,
					.link = reader->link,
					.seen = EW_SEEN_UNKNOWN,
				};
				window->pos = p + need;
				continue;
			}
		}
		if (n) /* frames point into the window: hand them out before it moves */
			break;
		const int rc = refill(window, need, error);
		if (rc)
			return rc;
	}
	*ret_count = n;
	return 0;
}
