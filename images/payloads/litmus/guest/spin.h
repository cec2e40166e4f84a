/* SPDX-License-Identifier: GPL-2.0-only */
/* The victim on another PE, and the PE that takes its translation away. */
#ifndef NVH_LITMUS_GUEST_SPIN_H
#define NVH_LITMUS_GUEST_SPIN_H

#include "guest/cpu.h"

/* Until L2 leaves: as soon as *stop is not 0, which is in L2's page, or when it faults. */
void spin_in_l2(struct pe *cpu, volatile struct spin *spin, const struct step *s, char *code, uint64_t *stop);
void step_spin(struct pe *cpu, const struct step *s);
void step_start(const struct step *s, struct outcome *o);
void step_sample(const struct step *s, struct outcome *o);
void step_race(const struct step *s, struct outcome *o);

extern volatile struct spin spins[CPUS_MAX];
extern uint64_t spin_stop[CPUS_MAX];

#endif
