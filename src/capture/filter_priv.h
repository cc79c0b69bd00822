/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "capture/capture.h"

struct ew_frame;

#define EW_FILTER_MAX 4096 /* BPF_MAXINSNS */
#define EW_FILTER_SNAP 192 /* IPv6 in VXLAN in IPv4 with a full TCP header, and some */
#define EW_FILTER_SNAP_LONG \
	1600 /* names, leases and quoted packets, up to an Ethernet frame */

/* One instruction, laid out as the kernel's struct sock_filter and libpcap's bpf_insn. */
struct ew_filter_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct ew_filter {
	uint32_t count;
	struct ew_filter_insn insns[EW_FILTER_MAX];
};

enum ew_filter_direction { EW_FILTER_BOTH, EW_FILTER_IN, EW_FILTER_OUT };

struct ew_filter_spec {
	enum ew_capture_profile profile;
	uint32_t snap_bytes; /* profile all, from the network header on */
	uint32_t link_bytes; /* in front of the network header: 0 cooked, 14 Ethernet */
	enum ew_filter_direction
	    direction; /* by the packet type; a cooked handle takes both */
	const struct ew_capture_pair *pairs;
	size_t count;
};

/* The program of spec. At most EW_CAPTURE_ZOOM_MAX pairs, so that it always fits. */
void ew_filter_build(const struct ew_filter_spec *spec, struct ew_filter *ret_filter);

/* A program that rejects everything. */
void ew_filter_build_reject(struct ew_filter *ret_filter);

/* SO_ATTACH_FILTER: replaces what is attached in one step. Returns 0 or an errno. */
int ew_filter_attach(int fd, const struct ew_filter *filter);

/* A packet as the kernel's program sees it on a cooked socket. */
struct ew_filter_packet {
	const uint8_t *data; /* from the network header on */
	uint32_t caplen;     /* bytes at data */
	uint32_t len;	     /* bytes on the wire from the network header on */
	uint16_t protocol;   /* Ethernet type */
};

/*
 * Run a program built with link_bytes 0 and EW_FILTER_BOTH. Returns bytes to keep; 0: none.
 * A read beyond caplen that the wire could have satisfied keeps the packet.
 */
uint32_t ew_filter_run(const struct ew_filter *filter,
    const struct ew_filter_packet *packet);

/* Where the network header of a file's frame begins; its type; as the kernel would say. */
struct ew_filter_packet ew_filter_view(const struct ew_frame *frame);
