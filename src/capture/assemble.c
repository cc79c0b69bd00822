/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels for classic BPF. Until a part ends, jt and jf hold labels, and so does the k of an
 * unconditional jump.
 */
#include "capture/assemble_priv.h"

#include <assert.h>
#include <linux/filter.h>
#include <string.h>

_Static_assert(sizeof(struct ew_filter_insn) == sizeof(struct sock_filter),
    "kernel layout");
_Static_assert(EW_FILTER_MAX == BPF_MAXINSNS, "kernel limit");

void
ew_assemble_begin(struct ew_assembler *as)
{
	as->begin = as->filter->count;
	memset(as->position, 0, sizeof(as->position));
}

void
ew_assemble(struct ew_assembler *as, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	struct ew_filter *filter = as->filter;

	assert(filter->count < EW_FILTER_MAX);
	filter->insns[filter->count++] =
	    (struct ew_filter_insn){ .code = code, .jt = jt, .jf = jf, .k = k };
}

void
ew_assemble_op(struct ew_assembler *as, uint16_t code, uint32_t k)
{
	ew_assemble(as, code, k, 0, 0);
}

void
ew_assemble_load(struct ew_assembler *as, uint16_t code, uint32_t offset)
{
	ew_assemble(as, code, as->link_bytes + offset, 0, 0);
}

void
ew_assemble_test(struct ew_assembler *as, uint16_t test, uint32_t k, unsigned yes,
    unsigned no)
{
	ew_assemble(as, BPF_JMP | test, k, (uint8_t)yes, (uint8_t)no);
}

void
ew_assemble_jump(struct ew_assembler *as, unsigned label)
{
	ew_assemble(as, BPF_JMP | BPF_JA, label, 0, 0);
}

void
ew_assemble_here(struct ew_assembler *as, unsigned label)
{
	assert(label > 0 && label < EW_ASSEMBLE_LABELS);
	as->position[label] = as->filter->count;
}

static uint32_t
distance(const struct ew_assembler *as, uint32_t from, uint32_t label)
{
	assert(label < EW_ASSEMBLE_LABELS);
	if (label == 0)
		return 0;
	assert(as->position[label] > from);
	return as->position[label] - from - 1;
}

void
ew_assemble_end(struct ew_assembler *as)
{
	for (uint32_t i = as->begin; i < as->filter->count; i++) {
		struct ew_filter_insn *insn = &as->filter->insns[i];
		if (BPF_CLASS(insn->code) != BPF_JMP)
			continue;
		if (BPF_OP(insn->code) == BPF_JA) {
			insn->k = distance(as, i, insn->k);
			continue;
		}
		const uint32_t yes = distance(as, i, insn->jt);
		const uint32_t no = distance(as, i, insn->jf);
		assert(yes <= UINT8_MAX && no <= UINT8_MAX);
		insn->jt = (uint8_t)yes;
		insn->jf = (uint8_t)no;
	}
}
