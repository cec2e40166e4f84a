/* SPDX-License-Identifier: GPL-2.0-only */
/* One entry into L2 of a PE that spins. */
#ifndef NVH_LITMUS_GUEST_SPIN_ENTRY_H
#define NVH_LITMUS_GUEST_SPIN_ENTRY_H

#include "guest/cpu.h"

/* Until L2 leaves: as soon as *stop is not 0, which is in L2's page, or when it faults. */
void spin_in_l2(struct pe *cpu, volatile struct spin *spin, const struct step *s, char *code, uint64_t *stop);
void spin_failed(volatile struct spin *spin, bool stage1, uint64_t esr, uint64_t hpfar);

#endif
