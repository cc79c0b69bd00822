/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "capture/filter_priv.h"

/*
 * A small assembler for classic BPF: jumps name labels, and a part's end turns them into
 * distances (of at most 255 instructions, the kernel's limit for conditional jumps).
 * Labels are numbers 1..63 that the caller's enum names; 0 is the instruction behind.
 */
#define EW_ASSEMBLE_LABELS 64

struct ew_assembler {
	struct ew_filter *filter;
	uint32_t link_bytes; /* added to every offset of ew_assemble_load */
	uint32_t begin;	     /* of the part whose labels are open */
	uint32_t position[EW_ASSEMBLE_LABELS];
};

void ew_assemble_begin(struct ew_assembler *as);
/* One instruction; jt and jf are distances outside of a part, labels within. */
void ew_assemble(struct ew_assembler *as, uint16_t code, uint32_t k, uint8_t jt,
    uint8_t jf);
/* One without a jump. */
void ew_assemble_op(struct ew_assembler *as, uint16_t code, uint32_t k);
/* One that reads the packet at an offset from the network header. */
void ew_assemble_load(struct ew_assembler *as, uint16_t code, uint32_t offset);
/* A conditional jump to labels. test: BPF_JEQ | BPF_K ... */
void ew_assemble_test(struct ew_assembler *as, uint16_t test, uint32_t k, unsigned yes,
    unsigned no);
/* An unconditional jump to a label. */
void ew_assemble_jump(struct ew_assembler *as, unsigned label);
void ew_assemble_here(struct ew_assembler *as, unsigned label);
/* Resolve the labels used since ew_assemble_begin. */
void ew_assemble_end(struct ew_assembler *as);
