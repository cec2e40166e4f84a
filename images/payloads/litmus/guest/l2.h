/* SPDX-License-Identifier: GPL-2.0-only */
/* L2: its context, and the steps that enter it once. */
#ifndef NVH_LITMUS_GUEST_L2_H
#define NVH_LITMUS_GUEST_L2_H

#include "guest/cpu.h"

void load_context(const struct context *c);
/* PSTATE.PAN where SPSR_EL2 has it; it is 0 afterwards. And SSBS, UAO and DIT. */
uint64_t pan_now(void);
uint64_t modes_now(void);
/* Reads by `s` and those after it, s->d in all, in one entry; false when one of them faults. */
bool step_l2_all(struct pe *cpu, const struct step *s, struct outcome *o);
void step_l2(struct pe *cpu, const struct step *s, struct outcome *o);
void step_l2_remap(struct pe *cpu, const struct step *s, struct outcome *o);
/* What STEP_SYS has put into any_sys, by L2. */
void l2_sys(struct pe *cpu, const struct step *s, struct outcome *o);
void step_l2_tlbi(struct pe *cpu, const struct step *s, struct outcome *o);

#endif
