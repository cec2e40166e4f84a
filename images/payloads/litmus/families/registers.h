/* SPDX-License-Identifier: GPL-2.0-only */
/* Steps that write and read system registers at vEL2 and in L2, and what they have to find. */
#ifndef NVH_LITMUS_FAMILIES_REGISTERS_H
#define NVH_LITMUS_FAMILIES_REGISTERS_H

#include "host/program.h"

/* An MSR or MRS with Xt = X1 of a register with op0 = 3. */
#define REGISTER_WORD(op1, crn, crm, op2, read) \
	(0xd5180001u | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5 | (uint32_t)(read) << 21)

/* Of HFGRTR_EL2 and HFGWTR_EL2, which trap where they are 0: nPIR_EL1 and nPIRE0_EL1. */
#define INVERTED_BITS (3ull << 57)

/* The instruction executes; an MSR writes `value`. --self-test leaves it out. */
void register_set(struct litmus *l, enum sys_at where, uint32_t word, uint64_t value);
/* It executes and leaves in X1 what is `value` where `mask` has bits. */
void register_is(struct litmus *l, enum sys_at where, uint32_t word, uint64_t mask, uint64_t value);
/* L2's next step has `masked` of MASK_A, MASK_I, MASK_F set and `open` clear: steps before it that do nothing see to that. */
void masked_next(struct litmus *l, unsigned masked, unsigned open);

#endif
