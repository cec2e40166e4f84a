/* SPDX-License-Identifier: GPL-2.0-only */
/* vEL2's own translation regime. */
#ifndef NVH_LITMUS_GUEST_REGIME_H
#define NVH_LITMUS_GUEST_REGIME_H

#include "guest/cpu.h"

/* Run with shared->vel2_shift from now on. */
void regime_follow(struct pe *cpu);
/* Tables of the program that runs, of either half, and its TCR_EL2.DS. */
struct shape regime_shape(void);
uint64_t regime_root(bool high);
bool regime_ds(void);
/* TTBR0_EL2.ASID is this until the next program. */
void regime_asid(uint64_t asid);

#endif
