/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Register fields by name: runs everywhere. arch_registers.h is generated from images/registers.csv, which is the one
 * list of them; for a field F of register prefix P it has P_F (the mask) and P_F_SHIFT.
 */
#ifndef NVH_ARCH_BITS_H
#define NVH_ARCH_BITS_H

#ifdef __ASSEMBLER__
#define NVH_BITS(high, low) (((1 << ((high) - (low) + 1)) - 1) << (low))
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define NVH_BITS(high, low) (~0ull >> (63 - ((high) - (low))) << (low))
#endif

#include "arch_registers.h"

/* All bits of SCTLR_EL1, and of SCTLR_EL2 with E2H = 0, that are RES1 without the features that use them (D24.2). */
#define SCTLR_RES1 0x30d00800
#define SCTLR_E2H0_RES1 0x30c50830

/* FIELD(esr, ESR_EC) is the field's value; PLACE(ESR_EC, 0x18) is the register with that value in it. */
#define FIELD(value, field) (((value) & (field)) >> field##_SHIFT)
#define PLACE(field, value) ((uint64_t)(value) << field##_SHIFT & (field))

#endif
