/* SPDX-License-Identifier: GPL-2.0-only */
/* The victim on another PE, and the PE that takes its translation away. */
#ifndef NVH_LITMUS_GUEST_SPIN_H
#define NVH_LITMUS_GUEST_SPIN_H

#include "guest/cpu.h"

void step_spin(struct pe *cpu, const struct step *s);
void step_start(const struct step *s, struct outcome *o);
void step_sample(const struct step *s, struct outcome *o);
void step_race(const struct step *s, struct outcome *o);

extern volatile struct spin spins[CPUS_MAX];
extern uint64_t spin_stop[CPUS_MAX];

#endif
