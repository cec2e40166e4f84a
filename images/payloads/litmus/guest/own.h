/* SPDX-License-Identifier: GPL-2.0-only */
/* What vEL2 itself executes for a step, guarded. */
#ifndef NVH_LITMUS_GUEST_OWN_H
#define NVH_LITMUS_GUEST_OWN_H

#include "guest/cpu.h"

void step_read(struct pe *cpu, const struct step *s, struct outcome *o);
/* SYS of any encoding, there or in L2. */
void step_sys(struct pe *cpu, const struct step *s, struct outcome *o);
/* vEL2 calls what a page of its own has. */
void step_call(const struct step *s, struct outcome *o);
/* An illegal exception return, and what is raised after it. */
void step_return(struct pe *cpu, const struct step *s, struct outcome *o);
/* AT, one of AT_*, of `va` for what is loaded. */
void translate(unsigned op, uint64_t va);
void step_at(struct pe *cpu, const struct step *s, struct outcome *o);
void step_tlbi(struct pe *cpu, const struct step *s, struct outcome *o);

#endif
