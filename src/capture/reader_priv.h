/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ew_error;
struct ew_frame;
struct ew_window;

/* enum ew_link of a LINKTYPE_ number of a file. */
uint8_t ew_link_from_linktype(uint32_t linktype);
/* Bytes a cooked link type puts in front that were never on a wire. */
uint32_t ew_link_cooked_bytes(uint8_t link);

/* pcap ------------------------------------------------------------------------------- */

struct ew_pcap_reader {
	uint64_t tick_ns;     /* of the header's fraction: 1,000 or 1 */
	uint32_t snap_bytes;  /* records are cut to this, as libpcap does */
	uint8_t header_bytes; /* of a record: 16, or 24 with Kuznetzov's patch */
	uint8_t link;
	bool swapped;	 /* the writer's byte order is not ours */
	uint8_t lengths; /* enum lengths of pcap_file.c */
};

bool ew_pcap_magic(const uint8_t bytes[4]);
/* Reads the file header. Returns 0, EW_ERR_FORMAT, EW_ERR_TRUNCATED or EW_ERR_VERSION. */
int ew_pcap_open(struct ew_pcap_reader *reader, struct ew_window *window,
    struct ew_error *error);
/* As ew_source_read. */
int ew_pcap_read(struct ew_pcap_reader *reader, struct ew_window *window,
    struct ew_frame *frames, size_t max, size_t *ret_count, struct ew_error *error);

/* pcapng ----------------------------------------------------------------------------- */

struct ew_pcapng_interface;
struct ew_pcapng_reader {
	struct ew_pcapng_interface *interfaces;
	size_t count;
	size_t capacity;
	int64_t last_ts_ns; /* of the section: simple packets carry none */
	bool swapped;
	uint64_t kernel_drops; /* as the file's statistics blocks say */
	uint64_t interface_drops;
	uint64_t past_kernel_drops; /* of earlier sections */
	uint64_t past_interface_drops;
};

bool ew_pcapng_magic(const uint8_t bytes[4]);
int ew_pcapng_open(struct ew_pcapng_reader *reader, struct ew_window *window,
    struct ew_error *error);
int ew_pcapng_read(struct ew_pcapng_reader *reader, struct ew_window *window,
    struct ew_frame *frames, size_t max, size_t *ret_count, struct ew_error *error);
void ew_pcapng_close(struct ew_pcapng_reader *reader);
