/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translation tables of every granule (Arm ARM DDI 0487 M.a.a, D8.2, D8.3), for whoever builds some: VMSAv8-64 with 48-bit
 * descriptors, whose fields are in images/registers.csv. Runs everywhere.
 */
#ifndef NVH_TABLES_H
#define NVH_TABLES_H

#include <stdint.h>

#include "bits.h"

/*
 * Granule of 1 << shift bytes, input size in bits, level of the root, which may be several tables side by side. `big`: SCTLR_ELx.EE
 * of the regime is 1, so that its descriptors are big-endian (D24.2 SCTLR_EL1, SCTLR_EL2).
 */
struct shape {
	uint32_t shift, bits, start, big;
};

/* A descriptor as it is in memory, and back. */
static inline uint64_t descriptor_in_memory(struct shape shape, uint64_t descriptor)
{
	return shape.big ? __builtin_bswap64(descriptor) : descriptor;
}

/* log2 of the bytes that a descriptor at `level` covers. */
static inline unsigned level_shift(unsigned shift, unsigned level)
{
	return shift + (3 - level) * (shift - 3);
}

/* Of a page at level 3, a block else. */
static inline uint64_t leaf_bits(unsigned level)
{
	return PTE_VALID | (level == 3 ? PTE_TABLE : 0);
}

static inline uint64_t table_descriptor(uint64_t table)
{
	return table | PTE_VALID | PTE_TABLE;
}

static inline int is_table_descriptor(uint64_t descriptor)
{
	return (descriptor & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

/*
 * The descriptor of `ia` at `level` of the tables at `root`. Tables on the way are made by `make`, which returns an empty
 * one of 1 << shift bytes; a block in the way is taken apart.
 */
static inline uint64_t *tables_entry(uint64_t root, struct shape shape, uint64_t ia, unsigned level,
				     uint64_t (*make)(unsigned shift))
{
	uint64_t table = root;

	for (unsigned l = shape.start;; l++) {
		unsigned low = level_shift(shape.shift, l);
		uint64_t entries = l == shape.start ? 1ull << (shape.bits - low) : 1ull << (shape.shift - 3);
		uint64_t *slot = (uint64_t *)table + ((ia >> low) & (entries - 1));

		if (l == level)
			return slot;
		if (!is_table_descriptor(descriptor_in_memory(shape, *slot)))
			*slot = descriptor_in_memory(shape, table_descriptor(make(shape.shift)));
		table = descriptor_in_memory(shape, *slot) & PTE_ADDRESS;
	}
}

#endif
