/* SPDX-License-Identifier: GPL-2.0-only */
/* What vEL2 itself executes for a step, guarded. */
#ifndef NVH_LITMUS_GUEST_OWN_H
#define NVH_LITMUS_GUEST_OWN_H

#include "guest/cpu.h"

/* False when the read raised an exception: esr and far are in *cpu. */
bool guarded_read(struct cpu *cpu, uint64_t va, uint64_t *value);
void step_read(struct cpu *cpu, const struct step *s, struct outcome *o);
void step_at(struct cpu *cpu, const struct step *s, struct outcome *o);
void step_tlbi(struct cpu *cpu, const struct step *s, struct outcome *o);

#endif
