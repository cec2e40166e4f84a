/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLBI operations as data, and the state of the PE that executes one. Plain freestanding C: runs in nvh-litmus, in the
 * sanitizer inside QEMU, in the bare suites, and in Python's process. Rules: Arm ARM DDI 0487 issue M.a.a.
 */
#ifndef NVH_ARCH_OPERATION_H
#define NVH_ARCH_OPERATION_H

#include "bits.h"

/* Of an operation: what it names, before HCR_EL2 is looked at. Of a translation: EL2 is EL2&0 with E2H. */
enum regime { EL10, EL2 };
enum operand { NONE, VA, ASID, IPA, VA_RANGE, IPA_RANGE };
enum scope { LOCAL, IS, OS };
/* The plain form's name without scope, level, range and nXS. */
enum family { vmalle1, vae1, aside1, vaae1, alle1, vmalls12e1, ipas2e1, alle2, vae2 };

/* One row of images/tlbi.csv and of images/tlbi-traps.csv. */
struct operation {
	const char *name;
	uint32_t sys; /* op1 << 16 | CRn << 12 | CRm << 8 | op2 << 5, as in the instruction */
	enum family family;
	enum regime regime;
	enum operand operand;
	enum scope scope;
	uint8_t last_level, nxs, needs_os, needs_range, has_operand;
	int8_t hfgitr_bit; /* -1: no fine-grained trap */
};

extern const struct operation operations[];
extern const unsigned operation_count;
/* By the fields of struct operation.sys; NULL for what is no TLBI of the table. */
const struct operation *operation_of(uint32_t sys);

/* What a PE implements, as the code that executes on it sees it. */
enum { HAS_OS = 1, HAS_RANGE = 2, HAS_XS = 4, HAS_LPA2 = 8, HAS_ALL = 15 };

/* The PE that executes the operation, at the time. */
struct state {
	uint64_t hcr, hcrx, hfgitr; /* HCR_EL2, HCRX_EL2, HFGITR_EL2 in effect */
	uint16_t vmid;		    /* VTTBR_EL2.VMID, of as many bits as VTCR_EL2.VS says */
	uint8_t el;		    /* 1 or 2 */
	uint8_t features;
	uint8_t ds1, ds2; /* DS of TCR_ELx of the regime that the operation is for; VTCR_EL2.DS */
	uint8_t own_pe;	  /* the translation is held by this PE */
};

static inline bool is_in_host(const struct state *state)
{
	return (state->hcr & (HCR_E2H | HCR_TGE)) == (HCR_E2H | HCR_TGE);
}

/* HCR_EL2 with these two and nothing else. */
static inline uint64_t hcr_of(bool e2h, bool tge)
{
	return (e2h ? HCR_E2H : 0) | (tge ? HCR_TGE : 0);
}

static inline bool op_is_range(const struct operation *op)
{
	return op->operand == VA_RANGE || op->operand == IPA_RANGE;
}

static inline bool op_is_va(const struct operation *op)
{
	return op->operand == VA || op->operand == VA_RANGE;
}

static inline bool op_is_ipa(const struct operation *op)
{
	return op->operand == IPA || op->operand == IPA_RANGE;
}

/* Operations that EL1 may execute have op1 = 0 (C5.5); the others are for EL2. */
static inline bool is_for_el1(const struct operation *op)
{
	return !(op->sys >> 16);
}

/* Whether the operand holds an ASID: VAAE1 forms have none. */
static inline bool matches_asid(const struct operation *op)
{
	return op->family == vae1 || op->family == aside1 || op->family == vae2;
}

/*
 * C5.5, R_VMSWQ: the forms of EL1 executed at EL2 with HCR_EL2.{E2H,TGE} = {1,1} are for EL2&0. IPAS2, ALLE1 and
 * VMALLS12E1 are for EL1&0 always (R_VZZVZ).
 */
static inline enum regime regime_of(const struct operation *op, const struct state *state)
{
	return is_for_el1(op) && state->el == 2 && is_in_host(state) ? EL2 : op->regime;
}

/* HCR_EL2.FB (D24.2.62): what is local at EL1 becomes Inner Shareable. Ignored with TGE. */
static inline enum scope scope_of(const struct operation *op, const struct state *state)
{
	bool forced = state->el == 1 && (state->hcr & (HCR_FB | HCR_TGE)) == HCR_FB;

	return op->scope == LOCAL && forced ? IS : op->scope;
}

/* HCRX_EL2.FnXS (D24.2.63, I_NVLMG): at EL1 the operation behaves as its nXS form. */
static inline bool is_nxs(const struct operation *op, const struct state *state)
{
	return op->nxs || (state->el == 1 && state->hcrx & HCRX_FNXS);
}

#endif
