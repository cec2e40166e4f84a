/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walk of the tables as the architecture defines it, from the registers of a PE and its memory. Plain C, runs in
 * the sanitizer plugin inside QEMU and in its test driver.
 */
#ifndef NVH_SANITIZER_WALK_H
#define NVH_SANITIZER_WALK_H

#include "tlbi.h"

enum { P_R = 1, P_W = 2, P_X = 4, P_UR = 8, P_UW = 16, P_UX = 32, P_ALL = 63 };
#define PAGE_MASK (~0xfffull)
#define TOP_BIT 55 /* which half an address is in: D8.2 */
#define HIGH_HALF (1ull << TOP_BIT)

/* The registers that decide a translation. ``s1``, ``s2``: whether the stage is on; ``ee2``: SCTLR_EL2.EE, for stage 2. */
struct context {
	enum regime regime;
	bool s1, s2, ee2, e2h, valid;
	uint16_t vmid, asid, asid_high; /* asid_high: of the upper half, which FEAT_ASID2 lets have its own */
	uint64_t hcr, hcrx, hfgitr, tcr, ttbr[2], vtcr, vttbr, sctlr, tcr2, pir, pire0, mair;
};

/* What stage 2 begins at: VTTBR_EL2.BADDR, or 0 where the stage is off. */
static inline uint64_t context_root2(const struct context *context)
{
	return context->s2 ? context->vttbr & VTTBR_BADDR : 0;
}

/* Which stages have big-endian descriptors: bit 0, the regime's SCTLR_ELx.EE; bit 1, SCTLR_EL2.EE (J1.1.4, walkparams.ee). */
static inline uint8_t context_big(const struct context *context)
{
	return (uint8_t)((context->sctlr & SCTLR_EE ? 1 : 0) | (context->ee2 ? 2 : 0));
}

/* VTTBR_EL2.VMID, of 8 bits unless VTCR_EL2.VS is set. */
static inline uint16_t vmid_of(uint64_t vttbr, uint64_t vtcr)
{
	return (uint16_t)(FIELD(vttbr, VTTBR_VMID) & (vtcr & VTCR_VS ? 0xffff : 0xff));
}

/* A leaf: [start, start + size) of the input, and the descriptor (``where`` is its PA). Size 0: no such stage. */
struct leaf {
	uint64_t start, size, where, value, out;
	unsigned shift;
	int level;
	unsigned perms;
};

enum outcome { MAPPED, NO_TRANSLATION, NO_ACCESS_FLAG, NO_MEMORY, BAD_SIZE };

/* One use of stage 2, for a table of stage 1 or for the result. */
struct step {
	uint64_t ipa;
	struct leaf leaf;
	enum outcome outcome;
	bool table; /* of stage 1 */
};

#define STEPS 8
struct walk {
	enum outcome outcome;
	unsigned stage; /* of a fault */
	bool global, xs; /* xs: the XS attribute of both stages together */
	uint64_t root, ipa, pa; /* root: of stage 1; ipa and pa of the 4 KB page */
	uint64_t highest;	/* output address of all descriptors on the way, ORed */
	unsigned perms;		/* of both stages */
	struct leaf leaf;	/* of stage 1; stage 1 off: the 4 KB page */
	unsigned steps;
	struct step step[STEPS];
};

/* Reads 8 bytes of physical memory; false where there is no RAM. */
typedef bool (*read_physical)(uint64_t pa, uint64_t *value);

/* The descriptor at ``pa`` as a walk takes it. */
static inline bool read_descriptor(read_physical read, uint64_t pa, bool big, uint64_t *descriptor)
{
	bool there = read(pa, descriptor);

	if (there && big)
		*descriptor = __builtin_bswap64(*descriptor);
	return there;
}

void walk(const struct context *context, read_physical read, uint64_t va, struct walk *result);
uint64_t canonical(const struct context *context, uint64_t va);
uint64_t canonical_pc(const struct context *context, uint64_t pc); /* the same of what is fetched */
const char *outcome_text(enum outcome outcome);

#endif
