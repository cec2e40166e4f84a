/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions that the sanitizer watches, by their encodings (Arm ARM C6.2, C5.5). */
#ifndef NVH_SANITIZER_DECODE_H
#define NVH_SANITIZER_DECODE_H

#include "judge.h"

/* SYS with op0 1 and CRn 8, or 9 for nXS */
static inline bool is_tlbi(uint32_t word)
{
	return (word & 0xfff80000) == 0xd5080000 && (word >> 12 & 14) == 8;
}

/* For loads and stores both */
static inline bool is_dsb(uint32_t word)
{
	return (word & 0xfffff0ff) == 0xd503309f && (word >> 8 & 3) == 3;
}

/* The domain is in CRm<3:2>. */
static inline bool is_dsb_nxs(uint32_t word)
{
	return (word & 0xfffff3ff) == 0xd503323f;
}

static inline bool is_isb(uint32_t word)
{
	return word == 0xd5033fdf;
}

/* ERET, ERETAA, ERETAB */
static inline bool is_eret(uint32_t word)
{
	return word == 0xd69f03e0 || word == 0xd69f0bff || word == 0xd69f0fff;
}

/* MSR to CRn 1, 2 and 10: SCTLR, TCR, TTBR, MAIR, PIR and their like */
static inline bool is_translation_msr(uint32_t word)
{
	unsigned crn = word >> 12 & 15;

	return (word & 0xfff80000) == 0xd5180000 && (crn == 1 || crn == 2 || crn == 10);
}

/* MSR TCR_EL1, or TCR_EL12, which EL2 writes it by where E2H is 1 */
static inline bool is_tcr_el1_msr(uint32_t word, bool e2h)
{
	return (word & 0xffffffe0) == (e2h ? 0xd51d2040 : 0xd5182040);
}

/* YIELD, WFE */
static inline bool is_wait(uint32_t word)
{
	return word == 0xd503203f || word == 0xd503205f;
}

static inline bool is_wfi(uint32_t word)
{
	return word == 0xd503207f;
}

static inline unsigned mark_number(uint32_t word)
{
	return word >> 5 & 0xffff;
}

/* MOVZ XZR, #number */
static inline bool is_mark(uint32_t word)
{
	return (word & 0xffe0001f) == 0xd280001f && mark_number(word) >= MARK_PROGRAM && mark_number(word) <= MARK_STRICT;
}

#endif
