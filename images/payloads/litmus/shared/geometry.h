/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation tables of every granule, as nvh-litmus builds them at both stages: VMSAv8-64 with 48-bit
 * descriptors (Arm ARM D8.2, D8.3), started at a level that needs one table only (D8.2.3).
 */
#ifndef NVH_LITMUS_GEOMETRY_H
#define NVH_LITMUS_GEOMETRY_H

#include "tables.h"

/* Input size in bits: 4K from level 1, 16K and 64K from level 2. */
static inline unsigned input_bits(unsigned shift)
{
	return shift == 14 ? 36 : 39;
}

static inline unsigned start_level(unsigned shift)
{
	return shift == 12 ? 1 : 2;
}

/* Tables with another input size or start than those are what L1 may choose by T0SZ and SL0. */
static inline struct shape shape_of(unsigned shift)
{
	return (struct shape){ .shift = shift, .bits = input_bits(shift), .start = start_level(shift) };
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

#endif
