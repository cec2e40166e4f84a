/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation tables of every granule, as nvh-litmus builds them at both stages: VMSAv8-64 with 48-bit
 * descriptors (Arm ARM D8.2, D8.3), started at a level that needs one table only (D8.2.3).
 */
#ifndef NVH_LITMUS_GEOMETRY_H
#define NVH_LITMUS_GEOMETRY_H

#include <stdint.h>

/* Input size in bits: 4K from level 1, 16K and 64K from level 2. */
static inline unsigned input_bits(unsigned shift)
{
	return shift == 14 ? 36 : 39;
}

static inline unsigned start_level(unsigned shift)
{
	return shift == 12 ? 1 : 2;
}

/* Tables with another input size or start than those: what L1 may choose by T0SZ and SL0. */
struct shape {
	uint32_t shift, bits, start;
};

static inline struct shape shape_of(unsigned shift)
{
	return (struct shape){ shift, input_bits(shift), start_level(shift) };
}

/* log2 of the bytes that a descriptor at `level` covers. */
static inline unsigned level_shift(unsigned shift, unsigned level)
{
	return shift + (3 - level) * (shift - 3);
}

/*
 * Whether a stage-2 walk of `bits`, at most 40, can begin at `level` on every machine (D8.2.3): at least one bit and at
 * most four more than one table resolves. 4K begins at level 0 and 16K at level 1 only where PAs are large.
 */
static inline int stage2_fits(unsigned shift, unsigned bits, int level)
{
	int lowest = shift == 12 ? 1 : 2, resolved;

	if (level < lowest || level > 3)
		return 0;
	resolved = (int)bits - (int)level_shift(shift, (unsigned)level);
	return resolved >= 1 && resolved <= (int)shift - 3 + 4;
}

/* How many descriptors the contiguous bit groups at levels 2 and 3 (D8.7.1). */
static inline unsigned contiguous(unsigned shift, unsigned level)
{
	return shift == 12 ? 16 : shift == 16 ? 32 : level == 3 ? 128 : 32;
}

#define PTE_VALID 1ull
#define PTE_TABLE 2ull /* also: page, at level 3 */
#define PTE_AF (1ull << 10)
#define PTE_SH_INNER (3ull << 8)
#define PTE_ADDRESS 0xfffffffff000ull
#define PTE_CONTIGUOUS (1ull << 52)
/* Stage 1, EL1&0: AttrIndx 0, AP[1] EL0, AP[2] read-only, nG, PXN, UXN (Arm ARM D8.3.2) */
#define PTE_S1_EL0 (1ull << 6)
#define PTE_S1_RO (1ull << 7)
#define PTE_S1_NG (1ull << 11)
#define PTE_S1_PXN (1ull << 53)
#define PTE_S1_UXN (1ull << 54)
/* Stage 2: MemAttr Normal WB, S2AP, FnXS, XN (D8.3.2; all of DDI 0487 M.a.a) */
#define PTE_S2_NORMAL (0xfull << 2)
#define PTE_S2_R (1ull << 6)
#define PTE_S2_W (1ull << 7)
#define PTE_S2_FNXS (1ull << 11) /* XS is 0 whatever stage 1 says, so that nXS forms are for it (R_FQWJG, R_KBSSD) */
#define PTE_S2_XN (2ull << 53)

#endif
