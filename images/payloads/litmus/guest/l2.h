/* SPDX-License-Identifier: GPL-2.0-only */
/* L2: its context, and the steps that enter it once. */
#ifndef NVH_LITMUS_GUEST_L2_H
#define NVH_LITMUS_GUEST_L2_H

#include "guest/cpu.h"

void load_context(const struct context *c);
/* Reads by `s` and those after it, s->d in all, in one entry; false when one of them faults. */
bool step_l2_all(struct pe *cpu, const struct step *s, struct outcome *o);
void step_l2(struct pe *cpu, const struct step *s, struct outcome *o);
void step_l2_remap(struct pe *cpu, const struct step *s, struct outcome *o);
/* What STEP_SYS has put into any_sys, by L2. */
void l2_sys(struct pe *cpu, const struct step *s, struct outcome *o);
void step_l2_tlbi(struct pe *cpu, const struct step *s, struct outcome *o);

#endif
