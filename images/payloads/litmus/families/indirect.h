/* SPDX-License-Identifier: GPL-2.0-only */
/* Indirect permissions (FEAT_S1PIE) as cases give them: families/at_indirect.c, families/vncr_indirect.c. */
#ifndef NVH_LITMUS_FAMILIES_INDIRECT_H
#define NVH_LITMUS_FAMILIES_INDIRECT_H

#include "arch.h"

#define TURNS 16 /* each pair of Base permissions is at one index in one of them */
#define INDICES 16
#define OWN_INDEX 0 /* of L2's code, and of vEL2's memory with E2H */
#define OWN_INDEX_NVHE 1
#define DEVICE_INDEX 12 /* of the doorbell */
#define DEVICE_INDEX_NVHE 9
#define BASE_RWX 14ull
#define BASE_RW 12ull
#define BASE_X 2ull

static inline uint64_t with_entry(uint64_t registers, unsigned index, uint64_t value)
{
	return (registers & ~(15ull << (4 * index))) | value << (4 * index);
}

/* Entry i of PIR is i + turn and that of PIRE0 i + 2 turn, modulo 16: over all turns each pair once. */
static inline struct permission_controls base_permissions(unsigned turn)
{
	struct permission_controls c = { .two = true, .pie = true };

	for (unsigned i = 0; i < INDICES; i++) {
		c.pir = with_entry(c.pir, i, (i + turn) % 16);
		c.pire0 = with_entry(c.pire0, i, (i + 2 * turn) % 16);
	}
	return c;
}

/* The same for vEL2, which has to go on with its own memory and the doorbell. */
static inline struct permission_controls base_permissions_el2(unsigned turn, bool nvhe)
{
	struct permission_controls c = base_permissions(turn);
	unsigned own = nvhe ? OWN_INDEX_NVHE : OWN_INDEX, device = nvhe ? DEVICE_INDEX_NVHE : DEVICE_INDEX;

	c.two = !nvhe;
	c.pir = with_entry(with_entry(c.pir, own, BASE_RWX), device, BASE_RW);
	c.pire0 = with_entry(with_entry(c.pire0, own, 0), device, 0);
	return c;
}

#endif
