/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * capture: where packets come from. Depends on base and libpcap; used by the daemon's worker
 * and by replay. It knows link layers and clocks, no protocols: what a frame means is
 * decode's business, which of several copies counts is flow's.
 *
 * A source belongs to one thread at a time.
 */
struct ew_error;
struct ew_frame;
struct ew_source;

enum ew_capture_mode {
	EW_CAPTURE_ANY,	       /* one handle sees every interface, present and future */
	EW_CAPTURE_INTERFACES, /* only interfaces named by ew_source_add_interface */
};

enum ew_capture_profile {
	EW_CAPTURE_CONNECTIONS, /* what opens and closes connections, and all that is not TCP */
	EW_CAPTURE_ALL,		/* every packet */
};

struct ew_capture_conf {
	enum ew_capture_mode mode;
	enum ew_capture_profile profile;
	uint64_t
	    ring_bytes; /* of one worker's kernel ring; interfaces mode: of each handle */
	/* profile `all`, from the network header on, of what is not decoded further; 64..65535 */
	uint32_t snap_bytes;
	unsigned workers; /* 1..4; interfaces mode knows 1 only */
};

/* any, connections, 16 MiB, 192 bytes, one worker. */
struct ew_capture_conf ew_capture_conf_default(void);

/* Two ends whose traffic passes whole, in both directions. */
struct ew_capture_pair {
	struct ew_addr a;
	struct ew_addr b;
};

#define EW_CAPTURE_ZOOM_MAX 64

struct ew_source_stats {
	uint64_t frames;   /* handed out by ew_source_read */
	uint64_t bytes;	   /* their length on the wire, without a cooked header */
	uint64_t filtered; /* file: kept back by the profile; live: not known, 0 */
	uint64_t
	    kernel_drops; /* live: the ring was full; pcapng: what its statistics say */
	uint64_t interface_drops; /* the same for the interface */
	uint64_t damage;	  /* 1 when the input ended in damage */
};

/*
 * Open worker `index` of conf->workers on live interfaces. `leader` is the source of worker 0
 * and NULL for worker 0 itself: the others join its fan-out group, so that each packet
 * reaches one of them, both directions of a tuple the same one. Until all have joined,
 * packets reach several: when they have, call ew_source_discard_before on each.
 *
 * The filter of conf->profile is attached before this returns.
 * error    a sentence about what is missing (CAP_NET_RAW, memory for the ring ...)
 * returns  0, -EPERM, -ENOMEM, EW_ERR_CONFIG or another errno
 */
int ew_source_open_live(const struct ew_capture_conf *conf, struct ew_source *leader,
    struct ew_error *error, struct ew_source **ret_source);

/*
 * Open a pcap or pcapng file, or the standard input when path is "-". Of conf only the
 * profile counts (NULL: all): `connections` runs the kernel's filter program over the file.
 *
 * returns  0, EW_ERR_FORMAT (not a capture), EW_ERR_TRUNCATED (shorter than its header),
 *          EW_ERR_VERSION or an errno
 */
int ew_source_open_file(const char *path, const struct ew_capture_conf *conf,
    struct ew_error *error, struct ew_source **ret_source);

/*
 * Take the next frames, at most max. They stay valid until the next call on this source.
 * A live source does not wait: 0 frames mean that none is there. A file that is a pipe
 * waits for at least one frame.
 *
 * returns  0, EW_ERR_CLOSED at the orderly end, EW_ERR_FORMAT or EW_ERR_TRUNCATED where
 *          a file is damaged (after all frames before it were handed out; the sentence of
 *          ew_source_error names the byte offset), -ENETDOWN and others from a live one.
 *          On anything but 0, *ret_count is 0.
 */
int ew_source_read(struct ew_source *source, struct ew_frame *frames, size_t max,
    size_t *ret_count);

/* What the last failed ew_source_read met; never NULL. */
const struct ew_error *ew_source_error(const struct ew_source *source);

/* Readable when a live source has frames; -1 for a file, which is always ready. */
int ew_source_fd(const struct ew_source *source);

/* Does not fail; a live source asks the kernel (a system call). */
void ew_source_stats(struct ew_source *source, struct ew_source_stats *ret_stats);

/*
 * Replace the filter, without losing a packet: profile, plus up to EW_CAPTURE_ZOOM_MAX pairs
 * that pass whole. Cost: 0.1 to 1 ms.
 * returns  0, EW_ERR_LIMIT (too many pairs) or an errno; the old filter then stays
 */
int ew_source_set_filter(struct ew_source *source, enum ew_capture_profile profile,
    const struct ew_capture_pair *pairs, size_t count);

/*
 * The worker, 0..workers-1, that live packets between a and b reach, in both directions. An
 * ICMP error reaches the worker of the packet it quotes, GRE and IP in IP that of what they
 * carry; what is not IP reaches 0.
 */
unsigned ew_capture_owner(const struct ew_addr *a, const struct ew_addr *b,
    unsigned workers);

/* Live: frames stamped before this are not handed out. */
void ew_source_discard_before(struct ew_source *source, int64_t ts_ns);

/*
 * Interfaces mode: open and close one interface. EW_ERR_USAGE on other sources, EW_ERR_LIMIT
 * past 1,024 interfaces, -EEXIST, -ENOENT, -ENODEV when it is already gone.
 */
int ew_source_add_interface(struct ew_source *source, uint32_t ifindex,
    struct ew_error *error);
int ew_source_remove_interface(struct ew_source *source, uint32_t ifindex);

/* NULL is accepted. Frames handed out become invalid. */
void ew_source_close(struct ew_source *source);
