/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * PACKET_FANOUT, in a file of its own because the kernel's and libpcap's headers disagree
 * about struct bpf_insn. The leader makes a group, the others join it in worker order; a
 * packet's worker is ew_capture_owner of its addresses.
 * Returns 0 or an errno.
 */
int ew_fanout_lead(int fd, uint16_t *ret_group);
int ew_fanout_join(int fd, uint16_t group);
