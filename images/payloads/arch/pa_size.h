/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sizes of a physical address: runs everywhere. ID_AA64MMFR0_EL1.PARange, TCR_ELx.PS and IPS and VTCR_EL2.PS have one code for
 * them (Arm ARM DDI 0487 M.a.a, D24.2).
 */
#ifndef NVH_ARCH_PA_SIZE_H
#define NVH_ARCH_PA_SIZE_H

#include <stdint.h>

#define PA_CODES 8u
static const uint8_t pa_sizes[PA_CODES] = { 32, 36, 40, 42, 44, 48, 52, 56 };

/* The code of a size in bits, or -1. */
static inline int pa_code(uint64_t bits)
{
	for (unsigned code = 0; code < PA_CODES; code++)
		if (pa_sizes[code] == bits)
			return (int)code;
	return -1;
}

#endif
