/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a TLBI executes, is UNDEFINED or traps to EL2, and the syndrome of the trap. Plain freestanding C, header only.
 * Order: the pseudocode of each operation in C5.5, Arm ARM DDI 0487 issue M.a.a.
 */
#ifndef NVH_ARCH_TRAP_H
#define NVH_ARCH_TRAP_H

#include "operation.h"

/* What becomes of an operation; from BY_TTLB on it traps to EL2. */
enum fate { EXECUTES, HIDDEN, NOT_AT_EL1, BY_TTLB, BY_TTLBIS, BY_TTLBOS, BY_HFGITR, BY_NV, FATES };

static inline bool is_undefined(enum fate fate)
{
	return fate == HIDDEN || fate == NOT_AT_EL1;
}

static inline bool is_trapped(enum fate fate)
{
	return fate >= BY_TTLB;
}

static inline bool is_hidden(const struct operation *op, unsigned features)
{
	return (op->needs_os && !(features & HAS_OS)) || (op->needs_range && !(features & HAS_RANGE)) ||
	       (op->nxs && !(features & HAS_XS));
}

/* HCR_EL2.{TTLB,TTLBIS,TTLBOS} (D24.2.62). */
static inline enum fate hcr_traps(const struct operation *op, uint64_t hcr)
{
	if (hcr & HCR_TTLB)
		return BY_TTLB;
	if (op->scope == IS && hcr & HCR_TTLBIS)
		return BY_TTLBIS;
	if (op->scope == OS && hcr & HCR_TTLBOS)
		return BY_TTLBOS;
	return EXECUTES;
}

/* HFGITR_EL2 (D24.2.71), which HCRX_EL2.FGTnXS lifts from nXS forms (D24.2.63). */
static inline bool hfgitr_traps(const struct operation *op, const struct state *state)
{
	if (op->hfgitr_bit < 0 || (op->nxs && state->hcrx & HCRX_FGTNXS))
		return false;
	return state->hfgitr >> op->hfgitr_bit & 1;
}

/* A hidden feature comes first: what does not exist is UNDEFINED whatever the traps say. */
static inline enum fate fate_of(const struct operation *op, const struct state *state)
{
	enum fate fate;

	if (is_hidden(op, state->features))
		return HIDDEN;
	if (state->el == 2)
		return EXECUTES;
	if (!is_for_el1(op)) /* D8.14, HCR_EL2.NV */
		return state->hcr & HCR_NV ? BY_NV : NOT_AT_EL1;
	fate = hcr_traps(op, state->hcr);
	if (fate != EXECUTES)
		return fate;
	return hfgitr_traps(op, state) ? BY_HFGITR : EXECUTES;
}

/* ESR_ELx but for IL of a trapped MSR, MRS or SYS: EC 0x18, and the fields of the instruction (C4.1, D24.2.46). */
static inline uint64_t syndrome_of_word(uint32_t word)
{
	return PLACE(ESR_EC, ESR_EC_SYS64) | PLACE(ESR_SYS_OP0, word >> 19 & 3) | PLACE(ESR_SYS_OP2, word >> 5 & 7) |
	       PLACE(ESR_SYS_OP1, word >> 16 & 7) | PLACE(ESR_SYS_CRN, word >> 12 & 15) | PLACE(ESR_SYS_RT, word & 31) |
	       PLACE(ESR_SYS_CRM, word >> 8 & 15) | PLACE(ESR_SYS_DIRECTION, word >> 21 & 1);
}

#define SYS_OP0 (1u << 19) /* of a system instruction: op0 = 1, and L = 0 */

/* The same of a TLBI with its operand in X`rt`. */
static inline uint64_t syndrome_of(const struct operation *op, unsigned rt)
{
	return syndrome_of_word(SYS_OP0 | op->sys | (op->has_operand ? rt : 31));
}

#endif
